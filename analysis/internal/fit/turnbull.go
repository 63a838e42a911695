package fit

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Turnbull is the nonparametric maximum-likelihood distribution of times that are
// known to lie in intervals: all the mass is in the innermost intervals (Left, Right],
// and how it lies within one of them the data do not say. It is immutable.
type Turnbull struct {
	N           int
	Left, Right []float64 // Right is +Inf for the mass of those never seen to have the event
	Mass        []float64
	LogLik      float64
	Short       float64 // the log likelihood is at most this far from its maximum
	Rounds      int
}

// edge is an end of an interval. At one time an exact time begins before intervals
// end, and open intervals begin after.
type edge struct {
	at   float64
	kind int8 // -1 begins at, 0 ends at, 1 begins after
}

func (a edge) compare(b edge) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.kind, b.kind))
}

// covered is a run of innermost intervals that an observation may lie in, and how many
// observations have it.
type covered struct {
	from, to int
	weight   float64
}

// SelfConsistent maximises Π (F(Rᵢ) - F(Lᵢ)) over distributions F, each event lying in
// (Lᵢ, Rᵢ]; Lᵢ = Rᵢ is an exact time and Rᵢ = +Inf one that was not seen.
//
// By self-consistency (EM), hastened by squared extrapolation, then by Newton steps under
// the constraint that no mass is below 0, until no mass moved to any interval can raise
// the log likelihood by more than 1e-8: with dⱼ the derivative by the mass j, the maximum
// is at most max dⱼ - n away. A round of EM takes O(n + m), a Newton step O(m³), so that
// over mostNewton intervals EM goes on alone.
//
// R: icenReg::ic_np(), interval::icfit(). Turnbull 1976,
// 10.1111/j.2517-6161.1976.tb01597.x; Varadhan and Roland 2008,
// 10.1111/j.1467-9469.2007.00585.x; Wang 2008, Comput Stat Data Anal 52:2388.
func SelfConsistent(left, right []float64) (*Turnbull, error) {
	if len(left) == 0 || len(left) != len(right) {
		return nil, fmt.Errorf("%w: expected a left and a right end for each of at least one time", ErrSingular)
	}
	var edges []edge
	for i, l := range left {
		if !(l <= right[i]) || math.IsInf(l, 0) {
			return nil, fmt.Errorf("%w: a time ends before it begins", ErrSingular)
		}
		edges = append(edges, begins(l, right[i]), edge{right[i], 0})
	}
	slices.SortFunc(edges, edge.compare)
	t := &Turnbull{N: len(left)}
	var starts []edge
	for i := 1; i < len(edges); i++ {
		if edges[i].kind == 0 && edges[i-1].kind != 0 {
			starts = append(starts, edges[i-1])
			t.Left, t.Right = append(t.Left, edges[i-1].at), append(t.Right, edges[i].at)
		}
	}
	var spans []covered
	for i, l := range left {
		from, _ := slices.BinarySearchFunc(starts, begins(l, right[i]), edge.compare)
		to, _ := slices.BinarySearch(t.Right, math.Nextafter(right[i], math.Inf(1)))
		if math.IsInf(right[i], 1) {
			to = len(starts)
		}
		spans = append(spans, covered{from, to, 1})
	}
	t.solve(mergedSpans(spans))
	if t.Short > 1e-6 {
		return nil, fmt.Errorf("%w: the log likelihood may be %.2g from its maximum after %d rounds", ErrNoConvergence, t.Short, t.Rounds)
	}
	return t, nil
}

func begins(left, right float64) edge {
	if left == right {
		return edge{left, -1}
	}
	return edge{left, 1}
}

// mergedSpans adds up equal spans.
func mergedSpans(spans []covered) []covered {
	slices.SortFunc(spans, func(a, b covered) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	var out []covered
	for _, s := range spans {
		if k := len(out) - 1; k >= 0 && out[k].from == s.from && out[k].to == s.to {
			out[k].weight++
			continue
		}
		out = append(out, s)
	}
	return out
}

// solve finds the masses.
func (t *Turnbull) solve(spans []covered) {
	m, n := len(t.Left), float64(t.N)
	p := make([]float64, m)
	for j := range p {
		p[j] = 1 / float64(m)
	}
	d := make([]float64, m)
	loglik := massDerivatives(spans, p, d)
	stuck := false
	for t.Rounds = 0; t.Rounds < 200_000; t.Rounds++ {
		if t.Short = slices.Max(d) - n; t.Short <= 1e-8 {
			break
		}
		if t.Rounds >= 20 && m <= mostNewton && !stuck {
			before := t.Short
			next, l, ok := massNewton(spans, p, d, n, loglik)
			if ok {
				p, loglik = next, l
			}
			massDerivatives(spans, p, d)
			stuck = !ok || slices.Max(d)-n > before/2
			continue
		}
		one, two := reweighed(p, d, n), []float64(nil)
		massDerivatives(spans, one, d)
		two = reweighed(one, d, n)
		next := extrapolated(p, one, two)
		l := massDerivatives(spans, next, d)
		if !(l >= loglik) {
			next = two
			l = massDerivatives(spans, next, d)
		}
		p, loglik = next, l
	}
	t.LogLik, t.Mass = loglik, p
	for j, v := range p {
		if v < 1e-12 {
			p[j] = 0
		}
	}
}

// massDerivatives returns the log likelihood and, into d, its derivatives by the masses.
func massDerivatives(spans []covered, p, d []float64) float64 {
	below := make([]float64, len(p)+1)
	for j, v := range p {
		below[j+1] = below[j] + v
	}
	rise := make([]float64, len(p)+1)
	l := 0.0
	for _, s := range spans {
		in := below[s.to] - below[s.from]
		l += s.weight * math.Log(in)
		rise[s.from] += s.weight / in
		rise[s.to] -= s.weight / in
	}
	sum := 0.0
	for j := range p {
		sum += rise[j]
		d[j] = sum
	}
	return l
}

// reweighed is one EM step.
func reweighed(p, d []float64, n float64) []float64 {
	out := make([]float64, len(p))
	for j := range p {
		out[j] = p[j] * d[j] / n
	}
	return out
}

// extrapolated goes on along two EM steps, within the simplex.
func extrapolated(p, one, two []float64) []float64 {
	var rr, vv float64
	for j := range p {
		r, v := one[j]-p[j], two[j]-2*one[j]+p[j]
		rr, vv = rr+r*r, vv+v*v
	}
	if !(vv > 0) {
		return two
	}
	a := math.Max(1, math.Sqrt(rr/vv))
	out := make([]float64, len(p))
	sum := 0.0
	for j := range p {
		r, v := one[j]-p[j], two[j]-2*one[j]+p[j]
		out[j] = p[j] + 2*a*r + a*a*v
		if !(out[j] > 0) {
			out[j] = two[j] / 2
		}
		sum += out[j]
	}
	for j := range out {
		out[j] /= sum
	}
	return out
}

// By returns the least and the most that the share with the event by a time can be:
// the mass of an innermost interval that holds the time counts in the most alone.
func (t *Turnbull) By(time float64) (least, most float64) {
	for j, v := range t.Mass {
		if t.Right[j] <= time {
			least += v
		}
		if t.Left[j] < time || t.Right[j] <= time {
			most += v
		}
	}
	return math.Min(1, least), math.Min(1, most)
}

// Quantile returns the innermost interval in which the share with the event reaches
// p; +Inf as its end where it is not reached in time.
func (t *Turnbull) Quantile(p float64) (left, right float64) {
	sum := 0.0
	for j, v := range t.Mass {
		if sum += v; sum >= p-1e-9 {
			return t.Left[j], t.Right[j]
		}
	}
	return math.NaN(), math.Inf(1)
}

// mostNewton is the number of intervals up to which Newton steps are worth their cost.
const mostNewton = 400

// massNewton moves the masses to the best of the quadratic approximation, as far as the
// likelihood rises; it reports whether it did.
func massNewton(spans []covered, p, d []float64, n, before float64) (next []float64, loglik float64, ok bool) {
	m := len(p)
	below := make([]float64, m+1)
	for j, v := range p {
		below[j+1] = below[j] + v
	}
	// Each span adds 1/s² to the square of its intervals: at the corners, then summed.
	grid := make([]float64, (m+1)*(m+1))
	for _, s := range spans {
		in := below[s.to] - below[s.from]
		w, a, b := s.weight/(in*in), s.from, s.to
		grid[a*(m+1)+a] += w
		grid[a*(m+1)+b] -= w
		grid[b*(m+1)+a] -= w
		grid[b*(m+1)+b] += w
	}
	square, above := mat.NewSymDense(m, nil), make([]float64, m)
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
		right[j] = 2*d[j] - n // n is the multiplier of Σp = 1
	}
	best, scratch := nonNegative(square, right, p), make([]float64, m)
	for shrink := 1.0; shrink > 1e-9; shrink /= 2 {
		next, total := make([]float64, m), 0.0
		for j := range next {
			next[j] = p[j] + shrink*(best[j]-p[j])
			total += next[j]
		}
		for j := range next {
			next[j] /= total
		}
		if v := massDerivatives(spans, next, scratch); v > before-1e-13*math.Abs(before) {
			return next, v, true
		}
	}
	return p, before, false
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
