package work

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Turnbull is the non-parametric estimate of the distribution of times known to lie in
// intervals: all its mass is in a few of them, and where in each the data do not say.
type Turnbull struct {
	N          int
	Left       []float64 // mass lies after Left and up to Right, Left itself only where equal
	Right      []float64
	Mass       []float64
	LogLik     float64
	Gap        float64 // largest directional derivative by n: 0 at the maximum (Karush-Kuhn-Tucker)
	Iterations int
}

// NPMLE returns the maximum likelihood estimate from intervals (lower, upper], upper
// infinite where censored, and both equal where the day is known.
//
//	maximise Σ log Σ pⱼ over the innermost intervals j inside i, p ≥ 0, Σ p = 1
//
// by constrained Newton steps, until no shift of mass can raise the likelihood by more
// than rounding. The empty Turnbull is returned where no interval is usable.
//
// R: interval::icfit; survival::survfit(Surv(lower, upper, type = "interval2")), which
// stops earlier. Turnbull 1976, 10.1111/j.2517-6161.1976.tb01597.x; Wang 2008, Comput Stat
// Data Anal 52:2388.
func NPMLE(lower, upper []float64) Turnbull {
	t, from, to := innermost(lower, upper)
	m := len(t.Left)
	if m == 0 {
		return t
	}
	t.Mass = make([]float64, m)
	for j := range t.Mass {
		t.Mass[j] = 1 / float64(m)
	}
	for t.Iterations = 0; t.Iterations < 200; t.Iterations++ {
		last := t.Gap
		share := t.shares(from, to)
		gradient := make([]float64, m+1)
		t.LogLik = 0
		for i, s := range share {
			t.LogLik += math.Log(s)
			gradient[from[i]] += 1 / s
			gradient[to[i]] -= 1 / s
		}
		for j := 1; j < m; j++ {
			gradient[j] += gradient[j-1]
		}
		gradient = gradient[:m]
		t.Gap = slices.Max(gradient)/float64(t.N) - 1
		if t.Gap < 1e-11 || t.Iterations > 3 && last < 1e-7 && t.Gap >= last/2 { // only rounding is left
			break
		}
		if !t.newton(from, to, share, gradient) {
			break
		}
	}
	for j, p := range t.Mass {
		if p < 1e-12 {
			t.Mass[j] = 0
		}
	}
	return t
}

// innermost finds the intervals that can hold mass: from a lower end to the next upper
// end without a lower end between. From and to say which of them lie in each row.
func innermost(lower, upper []float64) (t Turnbull, from, to []int) {
	type end struct {
		at    float64
		kind  int // at equal times: closed lower ends of known days, upper ends, open lower ends
		upper bool
	}
	var ends []end
	var rows []int
	for i, l := range lower {
		if !(l >= 0) || !(upper[i] >= l) || math.IsInf(l, 1) {
			continue
		}
		rows = append(rows, i)
		if l == upper[i] {
			ends = append(ends, end{l, 0, false}, end{l, 1, true})
		} else {
			ends = append(ends, end{l, 2, false}, end{upper[i], 1, true})
		}
	}
	t.N = len(rows)
	slices.SortFunc(ends, func(a, b end) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return a.kind - b.kind
	})
	for k := 1; k < len(ends); k++ {
		if !ends[k-1].upper && ends[k].upper {
			t.Left, t.Right = append(t.Left, ends[k-1].at), append(t.Right, ends[k].at)
		}
	}
	for _, i := range rows {
		a, _ := slices.BinarySearch(t.Left, lower[i])
		if l := lower[i]; l != upper[i] && a < len(t.Left) && t.Left[a] == l && t.Right[a] == l {
			a++ // a known day at an open end lies outside
		}
		b, found := slices.BinarySearch(t.Right, upper[i])
		if found {
			b++
		}
		for b < len(t.Right) && t.Right[b] <= upper[i] {
			b++
		}
		from, to = append(from, a), append(to, b)
	}
	return t, from, to
}

func (t *Turnbull) shares(from, to []int) []float64 {
	sum := make([]float64, len(t.Mass)+1)
	for j, p := range t.Mass {
		sum[j+1] = sum[j] + p
	}
	out := make([]float64, len(from))
	for i := range from {
		out[i] = sum[to[i]] - sum[from[i]]
	}
	return out
}

func (t *Turnbull) logLik(from, to []int) float64 {
	v := 0.0
	for _, s := range t.shares(from, to) {
		if !(s > 0) {
			return math.Inf(-1)
		}
		v += math.Log(s)
	}
	return v
}

// newton moves the masses to the best of the quadratic approximation, as far as the
// likelihood rises; it reports whether it did.
func (t *Turnbull) newton(from, to []int, share, gradient []float64) bool {
	m := len(t.Mass)
	// Each row adds 1/s² to the square of its intervals: at the corners, then summed.
	grid := make([]float64, (m+1)*(m+1))
	for i, s := range share {
		w, a, b := 1/(s*s), from[i], to[i]
		grid[a*(m+1)+a] += w
		grid[a*(m+1)+b] -= w
		grid[b*(m+1)+a] -= w
		grid[b*(m+1)+b] += w
	}
	square := mat.NewSymDense(m, nil)
	above := make([]float64, m)
	for a := range m {
		row := 0.0
		for b := range m {
			row += grid[a*(m+1)+b]
			if above[b] += row; b >= a {
				square.SetSym(a, b, above[b])
			}
		}
	}
	right := make([]float64, m)
	for j := range right {
		right[j] = 2*gradient[j] - float64(t.N) // n is the multiplier of Σp = 1
	}
	best := nonNegative(square, right, t.Mass)
	old, before := t.Mass, t.LogLik
	for shrink := 1.0; shrink > 1e-9; shrink /= 2 {
		t.Mass = make([]float64, m)
		total := 0.0
		for j := range t.Mass {
			t.Mass[j] = old[j] + shrink*(best[j]-old[j])
			total += t.Mass[j]
		}
		for j := range t.Mass {
			t.Mass[j] /= total
		}
		if v := t.logLik(from, to); v > before-1e-13*math.Abs(before) {
			return true
		}
	}
	t.Mass = old
	return false
}

// nonNegative returns p ≥ 0 with the smallest p'Ap/2 - b'p, by the active sets of Lawson
// and Hanson, from the masses that are not 0.
func nonNegative(a *mat.SymDense, b, start []float64) []float64 {
	m := len(b)
	p := make([]float64, m)
	free := make([]bool, m)
	for j, v := range start {
		if v > 1e-13 {
			free[j], p[j] = true, v
		}
	}
	for range 10 * m {
		for { // solve on the free ones; take out those that would go below 0
			x, ok := solveFree(a, b, free)
			if !ok {
				return p
			}
			limit, out := 1.0, -1
			for j := range p {
				if free[j] && x[j] <= 0 {
					if r := p[j] / (p[j] - x[j]); r < limit || out < 0 {
						limit, out = math.Min(limit, r), j
					}
				}
			}
			for j := range p {
				if free[j] {
					p[j] += limit * (x[j] - p[j])
				}
			}
			if out < 0 {
				break
			}
			free[out], p[out] = false, 0
		}
		worst, at := 1e-10, -1
		for j := range p {
			if free[j] {
				continue
			}
			g := b[j]
			for k, v := range p {
				g -= a.At(j, k) * v
			}
			if g > worst*math.Abs(b[j]) {
				worst, at = g/math.Abs(b[j]), j
			}
		}
		if at < 0 {
			return p
		}
		free[at] = true
	}
	return p
}

// solveFree solves Ax = b over the free coordinates.
func solveFree(a *mat.SymDense, b []float64, free []bool) ([]float64, bool) {
	var at []int
	for j, f := range free {
		if f {
			at = append(at, j)
		}
	}
	if len(at) == 0 {
		return make([]float64, len(b)), true
	}
	sub, right := mat.NewSymDense(len(at), nil), mat.NewVecDense(len(at), nil)
	for i, j := range at {
		right.SetVec(i, b[j])
		for k := i; k < len(at); k++ {
			sub.SetSym(i, k, a.At(j, at[k]))
		}
		sub.SetSym(i, i, sub.At(i, i)*(1+1e-12))
	}
	var chol mat.Cholesky
	x := mat.NewVecDense(len(at), nil)
	if !chol.Factorize(sub) {
		return nil, false
	}
	_ = chol.SolveVecTo(x, right) // a poor condition shows in the check of the maximum
	out := make([]float64, len(b))
	for i, j := range at {
		out[j] = x.AtVec(i)
	}
	return out, true
}

// Survival returns the bounds of the share beyond t: equal, but for a t inside an interval
// with mass.
func (t Turnbull) Survival(at float64) (low, high float64) {
	if len(t.Mass) == 0 {
		return math.NaN(), math.NaN()
	}
	for j, p := range t.Mass {
		if t.Right[j] > at {
			high += p
			if t.Left[j] >= at {
				low += p
			}
		}
	}
	return low, high
}
