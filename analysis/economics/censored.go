package economics

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis/internal/fit"
)

// followUp is how long patients of one arm were followed, up to the horizon. A patient is
// complete who was followed to the horizon or whose costs ended before (death).
type followUp struct {
	time     []float64 // days under observation, at most the horizon
	complete []bool
	ended    []bool // before or at time, so a complete one
}

// survival is a step function by the product limit of patients with weights: left(t) is
// the share without the event before t, and at(t) after it.
type survival struct {
	times  []float64
	shares []float64
}

// newSurvival counts at each time all who were followed as long as at risk.
func newSurvival(time []float64, event []bool, weight []float64) survival {
	order := make([]int, len(time))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return time[order[a]] < time[order[b]] })
	at := 0.0
	for _, w := range weight {
		at += w
	}
	var s survival
	share := 1.0
	for i := 0; i < len(order); {
		t, gone, events := time[order[i]], 0.0, 0.0
		for ; i < len(order) && time[order[i]] == t; i++ {
			gone += weight[order[i]]
			if event[order[i]] {
				events += weight[order[i]]
			}
		}
		if events > 0 {
			share *= math.Max(0, 1-events/at)
			s.times, s.shares = append(s.times, t), append(s.shares, share)
		}
		at -= gone
	}
	return s
}

func (s survival) left(t float64) float64 {
	if i := sort.SearchFloat64s(s.times, t); i > 0 {
		return s.shares[i-1]
	}
	return 1
}

// spent says whether nobody is left: of the censoring, that all who were followed longest
// were lost, so that nothing is known of what came later.
func (s survival) spent() bool { return len(s.shares) > 0 && s.shares[len(s.shares)-1] == 0 }

func (s survival) at(t float64) float64 { return s.left(math.Nextafter(t, math.Inf(1))) }

// weightedMean is the mean cost by inverse probability of being followed: of the patients
// whose costs are complete, each counting for those like him or her who were lost.
//
//	μ̂ = 1/n · Σ Δᵢ Mᵢ / K̂(Tᵢ−)
//
// with Tᵢ the time to the end of costs or the horizon, Δᵢ whether all of it was seen, and K̂
// the product limit of censoring, at whose times all who were followed as long are at risk.
//
// Reference: Bang and Tsiatis 2000, 10.1093/biomet/87.2.329. R: survfit(Surv(time,
// !complete) ~ 1).
func (f followUp) weightedMean(cost, weight []float64) float64 {
	k := newSurvival(f.time, not(f.complete), weight)
	if k.spent() {
		return math.NaN()
	}
	sum, n := 0.0, 0.0
	for i, w := range weight {
		n += w
		if f.complete[i] && w > 0 {
			sum += w * cost[i] / k.left(f.time[i])
		}
	}
	return sum / n
}

// partitionedMean is weightedMean within intervals, added up: the costs of a patient who was
// lost count for the intervals seen whole. Breaks are the ends of the intervals, the last
// one the horizon; cost is by interval and patient.
func (f followUp) partitionedMean(cost [][]float64, breaks, weight []float64) float64 {
	k := newSurvival(f.time, not(f.complete), weight)
	if k.spent() {
		return math.NaN()
	}
	sum, n := 0.0, 0.0
	for _, w := range weight {
		n += w
	}
	for j, b := range breaks {
		for i, w := range weight {
			if w > 0 {
				sum += w * cost[j][i] * f.weight(k, i, b)
			}
		}
	}
	return sum / n
}

// seen says whether all up to a day is known of a patient.
func (f followUp) seen(i int, b float64) bool { return f.complete[i] || f.time[i] >= b }

// weight is what a patient counts for of whom all up to a day is known: one over the
// probability, by the curve of losses, of being followed as long; the others count nothing.
func (f followUp) weight(k survival, i int, b float64) float64 {
	if !f.seen(i, b) {
		return 0
	}
	return 1 / k.left(math.Min(f.time[i], b))
}

// linMean adds up the mean cost of each interval of those still followed and alive at its
// start, times the share alive then: right where patients are lost at the ends of intervals
// only, and too low by part of an interval's costs elsewhere.
//
//	μ̂ = Σ Ŝ(aₖ) · mean of Mₖᵢ over Tᵢ > aₖ
//
// Reference: Lin, Feuer, Etzioni and Wax 1997, 10.2307/2533947.
func (f followUp) linMean(cost [][]float64, breaks, weight []float64) float64 {
	s := newSurvival(f.time, f.ended, weight)
	total, start := 0.0, 0.0
	for j, b := range breaks {
		sum, n := 0.0, 0.0
		for i, w := range weight {
			if f.time[i] > start {
				sum += w * cost[j][i]
				n += w
			}
		}
		if share := s.at(start); share > 0 {
			total += share * sum / n // not a number where none is followed so far
		}
		start = b
	}
	return total
}

func not(x []bool) []bool {
	out := make([]bool, len(x))
	for i, v := range x {
		out[i] = !v
	}
	return out
}

// gammaModel is a regression of positive costs with the logarithm of their mean a sum of
// the columns, and a variance in proportion to the square of the mean.
type gammaModel struct {
	coef       []float64
	dispersion float64 // Pearson's
	cov        *mat.SymDense
}

var errNoConvergence = errors.New("the model of costs did not converge")

// gammaRegression fits by iterated least squares, whose weights are all 1 under the log
// link: z = η + (y − μ)/μ. R: glm(y ~ x, family = Gamma("log")).
func gammaRegression(y []float64, x [][]float64, weight []float64) (*gammaModel, error) {
	p, n := len(x), len(y)
	cross := mat.NewSymDense(p, nil)
	total, mean := 0.0, 0.0
	for i := range n {
		if !(y[i] > 0) {
			return nil, fmt.Errorf("cost %d is not above 0: a gamma model takes positive costs", i+1)
		}
		total += weight[i]
		mean += weight[i] * y[i]
		for j := range p {
			for k := range j + 1 {
				cross.SetSym(j, k, cross.At(j, k)+weight[i]*x[j][i]*x[k][i])
			}
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(cross) || chol.Cond() > 1e12 || total <= float64(p) {
		return nil, fmt.Errorf("%w: too few costs for the columns, or columns that repeat each other", fit.ErrSingular)
	}
	m := &gammaModel{coef: make([]float64, p), cov: mat.NewSymDense(p, nil)}
	eta := make([]float64, n)
	for i := range eta {
		eta[i] = math.Log(mean / total)
	}
	for range 200 {
		right := mat.NewVecDense(p, nil)
		for i, e := range eta {
			z := e + y[i]/math.Exp(e) - 1
			for j := range p {
				right.SetVec(j, right.AtVec(j)+weight[i]*x[j][i]*z)
			}
		}
		var b mat.VecDense
		if err := chol.SolveVecTo(&b, right); err != nil {
			return nil, errNoConvergence
		}
		moved := 0.0
		for i := range eta {
			e := 0.0
			for j := range p {
				e += b.AtVec(j) * x[j][i]
			}
			moved = math.Max(moved, math.Abs(e-eta[i]))
			eta[i] = e
		}
		copy(m.coef, b.RawVector().Data)
		if math.IsNaN(moved) || moved > 1e3 {
			return nil, errNoConvergence
		}
		if moved < 1e-11 {
			for i, e := range eta {
				r := y[i]/math.Exp(e) - 1
				m.dispersion += weight[i] * r * r / (total - float64(p))
			}
			var inverse mat.SymDense
			if err := chol.InverseTo(&inverse); err != nil {
				return nil, errNoConvergence
			}
			m.cov.ScaleSym(m.dispersion, &inverse)
			return m, nil
		}
	}
	return nil, errNoConvergence
}

// modelMeans are the mean costs if all were in the arm, and if all were in the reference,
// by a gamma model of the costs, or in two parts: a logistic model of whether there are
// any, times a gamma model of those there are. The second column of x is the arm.
func modelMeans(y []float64, x [][]float64, weight []float64, twoParts bool) (arm, reference float64, m *gammaModel, err error) {
	var share *fit.LogisticModel
	py, px, pw := y, x, weight
	if twoParts {
		some := make([]float64, len(y))
		py, pw, px = nil, nil, make([][]float64, len(x))
		for i, v := range y {
			if v > 0 {
				some[i] = 1
				py, pw = append(py, v), append(pw, weight[i])
				for j := range x {
					px[j] = append(px[j], x[j][i])
				}
			}
		}
		if len(py) < len(y) {
			if share, err = fit.LogisticWith(some, x, fit.LogisticOptions{Weight: weight}); err != nil {
				return 0, 0, nil, fmt.Errorf("whether there are costs: %w", err)
			}
		}
	}
	if m, err = gammaRegression(py, px, pw); err != nil {
		return 0, 0, nil, err
	}
	mean := func(g float64) float64 {
		sum, n := 0.0, 0.0
		for i, w := range weight {
			eta, logit := 0.0, 0.0
			for j := range x {
				v := x[j][i]
				if j == 1 {
					v = g
				}
				eta += m.coef[j] * v
				if share != nil {
					logit += share.Coef[j] * v
				}
			}
			mu := math.Exp(eta)
			if share != nil {
				mu /= 1 + math.Exp(-logit)
			}
			sum += w * mu
			n += w
		}
		return sum / n
	}
	return mean(1), mean(0), m, nil
}
