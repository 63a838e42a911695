package fit

import (
	"cmp"
	"fmt"
	"math"
	"slices"
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
// By self-consistency (EM), hastened by squared extrapolation, until no mass moved to
// any interval can raise the log likelihood by more than 1e-8: with dⱼ the derivative
// by the mass j, the maximum is at most max dⱼ - n away. A round takes O(n + m).
//
// R: icenReg::ic_np(), interval::icfit(). Turnbull 1976,
// 10.1111/j.2517-6161.1976.tb01597.x; Varadhan and Roland 2008,
// 10.1111/j.1467-9469.2007.00585.x.
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
	for t.Rounds = 0; t.Rounds < 200_000; t.Rounds++ {
		if t.Short = slices.Max(d) - n; t.Short <= 1e-8 {
			break
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
