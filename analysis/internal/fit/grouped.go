package fit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// GroupedModel is a fitted model of hazards that are proportional between visits.
type GroupedModel struct {
	Grid     []float64     // days up to which the steps of the baseline run
	Baseline []float64     // logarithm of the hazard summed over each step, at covariates of zero
	Coef     []float64     // log hazard ratios
	Cov      *mat.SymDense // of steps, then coefficients
	LogLik   float64
	Gradient float64 // largest derivative at the end
	Steps    int
}

// Errors of grouped hazards.
var (
	ErrGroupedEvents      = errors.New("there is no event")
	ErrGroupedConvergence = errors.New("the likelihood has no top that was found")
)

// GroupedHazards fits proportional hazards to times that are known to lie between two
// visits, lower < upper, or after the last (upper infinite): the discrete-time model with
// a complementary log-log link, which is Cox's model seen at visits.
//
//	P(upper ≥ T > lower) = exp(-Λ(lower)) - exp(-Λ(upper)),  Λ(t) = exp(x'β) Σ exp(γₖ) over steps k up to t
//
// Steps of the baseline end at the days at which an event was first seen; a visit missed
// before it makes the event's step as long as that. Steps no event can lie in have no
// hazard; a step that nobody passes leaves nobody, and says nothing of x. By Fisher's scoring, the information that of a trial at each step passed and at
// the last visit, as a person-period regression has it. Columns of x are centred inside;
// they must not be constant or repeat each other.
//
// R: glm(y ~ step + x, binomial("cloglog")) on rows of patients and steps. Prentice and
// Gloeckler 1978, 10.2307/2529588.
func GroupedHazards(lower, upper []float64, x [][]float64) (*GroupedModel, error) {
	g, err := newGrouped(lower, upper, x)
	if err != nil {
		return nil, err
	}
	theta := g.start()
	at := g.evaluate(theta)
	steps := 0
	for ; steps < 200; steps++ {
		step, ok := g.step(theta, at)
		if !ok {
			return nil, ErrSingular
		}
		if math.Abs(dot(step, at.score)) < 1e-20 {
			break
		}
		next, try, better := g.climb(theta, at, step)
		if !better {
			break
		}
		theta, at = next, try
		// A step that is driven to no hazard at all is held there.
		for k := range g.grid {
			if theta[k] < -16 && at.score[k] < 0 {
				theta[k] = math.Inf(-1)
				at = g.evaluate(theta)
			}
		}
	}
	if last, ok := g.step(theta, at); !ok || math.Abs(dot(last, at.score)) > 1e-9 {
		return nil, ErrGroupedConvergence
	}
	cov, ok := g.covariance(theta, at)
	if !ok {
		return nil, ErrSingular
	}
	m := &GroupedModel{Grid: g.grid, LogLik: at.value, Gradient: largest(at.score), Steps: steps}
	m.Baseline, m.Coef = theta[:len(g.grid)], theta[len(g.grid):]
	shift := 0.0
	for j, b := range m.Coef {
		shift += b * g.mean[j]
	}
	turn := mat.NewDense(len(theta), len(theta), nil)
	for k := range theta {
		turn.Set(k, k, 1)
		for j := 0; k < len(g.grid) && j < len(m.Coef); j++ {
			turn.Set(k, len(g.grid)+j, -g.mean[j])
		}
	}
	for k := range m.Baseline {
		m.Baseline[k] -= shift
	}
	m.Cov = around(turn, cov)
	return m, nil
}

// free are the parameters that are not held at no hazard, or at one without bound.
func (g *grouped) free(theta []float64) []int {
	var out []int
	for j, v := range theta {
		if !math.IsInf(v, -1) && (j < g.last || j >= len(g.grid)) {
			out = append(out, j)
		}
	}
	return out
}

func (g *grouped) information(theta []float64, at groupedAt) (*mat.SymDense, []int) {
	free := g.free(theta)
	info := mat.NewSymDense(len(free), nil)
	for a, j := range free {
		for b, l := range free[:a+1] {
			info.SetSym(a, b, at.info.At(j, l))
		}
	}
	return info, free
}

// step is Fisher's, nothing for what is held.
func (g *grouped) step(theta []float64, at groupedAt) ([]float64, bool) {
	info, free := g.information(theta, at)
	score := make([]float64, len(free))
	for a, j := range free {
		score[a] = at.score[j]
	}
	short, ok := newton(info, score)
	if !ok {
		return nil, false
	}
	out := make([]float64, len(theta))
	for a, j := range free {
		out[j] = short[a]
	}
	return out, true
}

// climb takes as much of a step as makes the likelihood no smaller.
func (g *grouped) climb(theta []float64, at groupedAt, step []float64) ([]float64, groupedAt, bool) {
	for shrink := 1.0; shrink > 1e-8; shrink /= 2 {
		next := slices.Clone(theta)
		for j := range next {
			next[j] += shrink * step[j]
		}
		if try := g.evaluate(next); try.value >= at.value-1e-13*math.Abs(at.value) {
			return next, try, true
		}
	}
	return nil, at, false
}

// covariance inverts the information; a coefficient whose error is past all measure, as
// one without bound has, makes it fail.
func (g *grouped) covariance(theta []float64, at groupedAt) (*mat.SymDense, bool) {
	info, free := g.information(theta, at)
	var chol mat.Cholesky
	var short mat.SymDense
	if !chol.Factorize(info) || !(chol.Cond() < maxCondition) || chol.InverseTo(&short) != nil {
		return nil, false
	}
	out := mat.NewSymDense(len(theta), nil)
	for a, j := range free {
		for b, l := range free[:a+1] {
			out.SetSym(j, l, short.At(a, b))
		}
	}
	for j, c := range g.x {
		k := len(g.grid) + j
		if sd := Describe(c).SD; !(math.Sqrt(out.At(k, k))*sd < 100) {
			return nil, false
		}
	}
	return out, true
}

// Survival returns the share without an event at covariates at, after each step.
func (m *GroupedModel) Survival(at []float64) []float64 {
	out, sum, z := make([]float64, len(m.Grid)), 0.0, dot(m.Coef, at)
	for k, b := range m.Baseline {
		sum += math.Exp(b + z)
		out[k] = math.Exp(-sum)
	}
	return out
}

// LogHazard returns the logarithm of the hazard summed up to the end of step k at
// covariates at, and its standard error.
func (m *GroupedModel) LogHazard(at []float64, k int) (value, se float64) {
	z, sum := dot(m.Coef, at), 0.0
	for _, b := range m.Baseline[:k+1] {
		sum += math.Exp(b + z)
	}
	g := mat.NewVecDense(len(m.Baseline)+len(m.Coef), nil)
	for j, b := range m.Baseline[:k+1] {
		g.SetVec(j, math.Exp(b+z)/sum)
	}
	for j, v := range at {
		g.SetVec(len(m.Baseline)+j, v)
	}
	return math.Log(sum), math.Sqrt(math.Max(0, mat.Inner(g, m.Cov, g)))
}

// grouped is what is known of each patient in steps of the grid.
type grouped struct {
	grid        []float64
	passed, out []int // steps up to the last visit without the event, and to the first with it; out is 0 where censored
	x           [][]float64
	mean        []float64
	events      int
	last        int // the first step that nobody passes: its hazard has no bound, and later ones have none
}

// unbounded is the logarithm of a hazard that leaves nobody.
const unbounded = 7

func newGrouped(lower, upper []float64, x [][]float64) (*grouped, error) {
	g := &grouped{}
	for i, u := range upper {
		if !(lower[i] >= 0 && u > lower[i]) {
			return nil, fmt.Errorf("expected a first day of 0 or more, before the last: row %d", i+1)
		}
		if !math.IsInf(u, 1) {
			g.grid = append(g.grid, u)
			g.events++
		}
	}
	if g.events == 0 {
		return nil, ErrGroupedEvents
	}
	slices.Sort(g.grid)
	g.grid = slices.Compact(g.grid)
	for i, u := range upper {
		passed, _ := slices.BinarySearch(g.grid, math.Nextafter(lower[i], math.Inf(1)))
		g.passed = append(g.passed, passed)
		out := 0
		if !math.IsInf(u, 1) {
			out, _ = slices.BinarySearch(g.grid, u)
			out++
		}
		g.out = append(g.out, out)
	}
	g.last = slices.Max(g.passed)
	for _, c := range x {
		m := Describe(c)
		g.mean = append(g.mean, m.Mean)
		centred := make([]float64, len(c))
		for i, v := range c {
			centred[i] = v - m.Mean
		}
		g.x = append(g.x, centred)
	}
	return g, nil
}

// start is the life table without covariates, an event spread over its steps.
func (g *grouped) start() []float64 {
	theta := make([]float64, len(g.grid)+len(g.x))
	events, risk := make([]float64, len(g.grid)), make([]float64, len(g.grid))
	for i, p := range g.passed {
		for k := range p {
			risk[k]++
		}
		for k := p; k < g.out[i]; k++ {
			share := 1 / float64(g.out[i]-p)
			events[k] += share
			risk[k]++
		}
	}
	for k := range g.grid {
		switch {
		case k < g.last:
			theta[k] = math.Log(-math.Log1p(-math.Min(0.95, (events[k]+0.01)/(risk[k]+0.02))))
		case k == g.last:
			theta[k] = unbounded
		default:
			theta[k] = math.Inf(-1)
		}
	}
	return theta
}

type groupedAt struct {
	value float64
	score []float64
	info  *mat.SymDense
}

// evaluate returns the log likelihood, its derivatives and the expected information.
func (g *grouped) evaluate(theta []float64) groupedAt {
	steps, p := len(g.grid), len(theta)
	at := groupedAt{score: make([]float64, p), info: mat.NewSymDense(p, nil)}
	base := make([]float64, steps)
	for k := range base {
		base[k] = math.Exp(theta[k])
	}
	u := make([]float64, p)
	// trial adds steps from a to b passed or, with hit, not passed, at a time.
	trial := func(i, a, b int, scale float64, hit bool) {
		d := 0.0
		clear(u)
		for k := a; k < b; k++ {
			u[k] = base[k] * scale
			d += u[k]
		}
		for j := range g.x {
			u[steps+j] = d * g.x[j][i]
		}
		slope, weight := -1.0, 1/math.Expm1(d)
		if hit {
			at.value += math.Log(-math.Expm1(-d))
			slope = weight
		} else {
			at.value -= d
		}
		for j, v := range u {
			if v == 0 {
				continue
			}
			at.score[j] += slope * v
			for l, w := range u[:j+1] {
				if w != 0 {
					at.info.SetSym(j, l, at.info.At(j, l)+weight*v*w)
				}
			}
		}
	}
	for i, passed := range g.passed {
		z := 0.0
		for j := range g.x {
			z += theta[steps+j] * g.x[j][i]
		}
		scale := math.Exp(z)
		for k := range passed {
			trial(i, k, k+1, scale, false)
		}
		if g.out[i] > 0 {
			trial(i, passed, g.out[i], scale, true)
		}
	}
	return at
}
