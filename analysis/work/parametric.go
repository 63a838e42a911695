package work

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"

	"recoup/analysis/internal/fit"
)

// Distributions of times.
const (
	DistExponential = "exponential"
	DistWeibull     = "weibull"
	DistLogNormal   = "lognormal"
	DistLogLogistic = "loglogistic"
	DistGompertz    = "gompertz"
	DistGenGamma    = "gengamma"
)

// Distributions lists them, simple ones first.
var Distributions = []string{DistExponential, DistWeibull, DistLogNormal, DistLogLogistic, DistGompertz, DistGenGamma}

// Parametric is a fitted distribution of times whose location depends on covariates.
type Parametric struct {
	Regression             // coefficients, then the shape parameters: log scale, or a; Q
	Distribution string    // one of Distributions
	LogLik       float64   // with the density of days known
	Gradient     float64   // Newton decrement: how far from the top, in log likelihood
	Shape        []float64 // as flexsurv and survreg name them: scale; or a (Gompertz); or sigma, Q
}

// AIC returns -2 log L + 2 parameters.
func (p Parametric) AIC() float64 { return -2*p.LogLik + 2*float64(len(p.Coef)) }

// ErrParametric is what errors.Is finds where the likelihood has no top that was found.
var ErrParametric = errors.New("the model did not converge")

// FitParametric fits a distribution to times that are known to lie between lower and
// upper: equal ones are events on the day, an infinite upper one is censored, a lower one
// of 0 is known to be over by the upper. X are columns, a constant among them first.
//
//	exponential, weibull  log S = -exp(z),          z = (log t - x'β)/σ; σ 1 in the first
//	lognormal             S = 1 - Φ(z)
//	loglogistic           S = 1/(1 + exp z)
//	gompertz              log S = -exp(x'β) (exp(a t) - 1)/a
//	gengamma              S = 1 - Γ(Q⁻², Q⁻² exp(Q z)) for Q > 0, the other tail for Q < 0
//
// by damped Newton steps. Derivatives are taken row by row in the location and shapes,
// by differences of the fourth order, good to about 1e-10.
//
// R: survival::survreg(Surv(lower, upper, type = "interval2") ~ x, dist); flexsurv's
// flexsurvreg(dist = "gompertz", "gengamma"). Kalbfleisch and Prentice 2002,
// 10.1002/9781118032985; Prentice 1974, 10.1093/biomet/61.3.539.
func FitParametric(lower, upper []float64, x [][]float64, distribution string) (Parametric, error) {
	l := newLifetimes(lower, upper, x, distribution)
	out := Parametric{Distribution: distribution}
	if l.known == 0 {
		return out, fmt.Errorf("%w: there is no event", ErrParametric)
	}
	b := l.start()
	at := l.evaluate(b)
	ridge := 1e-3
	for range 200 {
		step, decrement, ok := at.step(ridge)
		if !ok {
			if ridge *= 10; ridge > 1e8 {
				return out, fmt.Errorf("%w: %w", ErrParametric, fit.ErrSingular)
			}
			continue
		}
		if decrement < 1e-18 {
			break
		}
		try := make([]float64, len(b))
		for j := range b {
			try[j] = b[j] + step[j]
		}
		if v := l.value(try); !(v >= at.value-1e-12*math.Abs(at.value)) {
			if ridge = math.Max(ridge, 1e-6) * 10; ridge > 1e12 {
				break
			}
			continue
		}
		b, at = try, l.evaluate(try)
		if ridge /= 10; ridge < 1e-7 {
			ridge = 0
		}
	}
	_, decrement, ok := at.step(0)
	if !ok || decrement > 1e-8 {
		return out, ErrParametric
	}
	out.Gradient, out.LogLik = decrement, at.value-l.events*math.Log(l.unit)
	l.finish(&out, b, at)
	return out, nil
}

// lifetimes are rows in units of their mean time, with scaled covariates.
type lifetimes struct {
	lower, upper  []float64
	x             [][]float64
	centre, scale []float64
	unit          float64
	events        float64 // on a known day
	known         float64 // that happened, on a known day or not
	dist          string
	shapes        int
}

func newLifetimes(lower, upper []float64, x [][]float64, dist string) *lifetimes {
	n := len(lower)
	l := &lifetimes{lower: make([]float64, n), upper: make([]float64, n), dist: dist, shapes: 1, centre: make([]float64, len(x)), scale: make([]float64, len(x))}
	switch dist {
	case DistExponential:
		l.shapes = 0
	case DistGenGamma:
		l.shapes = 2
	}
	for i := range lower {
		t := lower[i]
		if !math.IsInf(upper[i], 1) {
			t = (lower[i] + upper[i]) / 2
			l.known++
		}
		l.unit += t / float64(n)
		if lower[i] == upper[i] {
			l.events++
		}
	}
	if !(l.unit > 0) || l.known == 0 {
		l.known = 0
		return l
	}
	for i := range lower {
		l.lower[i], l.upper[i] = lower[i]/l.unit, upper[i]/l.unit
	}
	for j, c := range x {
		scaled := make([]float64, n)
		l.scale[j] = 1
		if j > 0 {
			m := fit.Describe(c)
			l.centre[j] = m.Mean
			if m.SD > 0 {
				l.scale[j] = m.SD
			}
		}
		for i, v := range c {
			scaled[i] = (v - l.centre[j]) / l.scale[j]
		}
		l.x = append(l.x, scaled)
	}
	return l
}

// start is a rate of all events over all time, and shapes of an exponential.
func (l *lifetimes) start() []float64 {
	b := make([]float64, len(l.x)+l.shapes)
	b[0] = math.Log(float64(len(l.lower)) / l.known) // the mean time is 1
	if l.dist == DistGompertz {
		b[0] = -b[0]
	}
	return b
}

// likely is the log likelihood of row i at a location and shapes.
func (l *lifetimes) likely(i int, p [3]float64) float64 {
	a, b := l.lower[i], l.upper[i]
	switch {
	case a == b:
		return l.density(a, p)
	case math.IsInf(b, 1):
		if a == 0 {
			return 0
		}
		return l.survival(a, p)
	case a == 0:
		return math.Log(-math.Expm1(l.survival(b, p)))
	}
	s, t := l.survival(a, p), l.survival(b, p)
	return s + math.Log(-math.Expm1(t-s))
}

// density is the logarithm of the density at t.
func (l *lifetimes) density(t float64, p [3]float64) float64 {
	if l.dist == DistGompertz {
		return p[0] + p[1]*t + l.survival(t, p)
	}
	scale, log := 0.0, math.Log(t)
	if l.dist != DistExponential {
		scale = p[1]
	}
	z := (log - p[0]) / math.Exp(scale)
	at := -log - scale
	switch l.dist {
	case DistLogNormal:
		return at - z*z/2 - math.Log(2*math.Pi)/2
	case DistLogLogistic:
		return at + z - 2*logOnePlusExp(z)
	case DistGenGamma:
		return at - math.Log(2*math.Pi)/2 - stirling(p[2]) - z*z*curvature(p[2]*z)
	}
	return at + z - math.Exp(z)
}

// survival is the logarithm of the share beyond t.
func (l *lifetimes) survival(t float64, p [3]float64) float64 {
	if l.dist == DistGompertz {
		if u := p[1] * t; math.Abs(u) > 1e-9 {
			return -math.Exp(p[0]) * t * math.Expm1(u) / u
		}
		return -math.Exp(p[0]) * t * (1 + p[1]*t/2)
	}
	scale := 0.0
	if l.dist != DistExponential {
		scale = p[1]
	}
	z := (math.Log(t) - p[0]) / math.Exp(scale)
	switch q := p[2]; {
	case l.dist == DistLogNormal, l.dist == DistGenGamma && math.Abs(q) < 1e-6:
		return logNormalTail(z)
	case l.dist == DistLogLogistic:
		return -logOnePlusExp(z)
	case l.dist == DistGenGamma:
		a := 1 / (q * q)
		u := a * math.Exp(q*z)
		if q > 0 {
			return math.Log(mathext.GammaIncRegComp(a, u))
		}
		return math.Log(mathext.GammaIncReg(a, u))
	}
	return -math.Exp(z)
}

func logOnePlusExp(z float64) float64 {
	if z > 35 {
		return z + math.Exp(-z)
	}
	return math.Log1p(math.Exp(z))
}

func logNormalTail(z float64) float64 {
	if z < 25 {
		return math.Log(math.Erfc(z/math.Sqrt2) / 2)
	}
	w := 1 / (z * z)
	return -z*z/2 - math.Log(z*math.Sqrt(2*math.Pi)) + math.Log1p(-w*(1-3*w*(1-5*w*(1-7*w))))
}

// stirling is log Γ(a) less Stirling's formula, a = Q⁻²: what a generalised gamma has
// beside the normal density at its middle.
func stirling(q float64) float64 {
	if w := q * q; w < 0.05 {
		return w / 12 * (1 - w*w/30*(1-w*w*2/7*(1-w*w*3/4)))
	}
	a := 1 / (q * q)
	g, _ := math.Lgamma(a)
	return g - (a-0.5)*math.Log(a) + a - math.Log(2*math.Pi)/2
}

// curvature is (exp u - 1 - u)/u².
func curvature(u float64) float64 {
	if math.Abs(u) > 0.1 {
		return (math.Expm1(u) - u) / (u * u)
	}
	return 0.5 * (1 + u/3*(1+u/4*(1+u/5*(1+u/6*(1+u/7*(1+u/8*(1+u/9)))))))
}

// lifetimesAt is the log likelihood with its derivatives.
type lifetimesAt struct {
	value    float64
	gradient []float64
	info     *mat.SymDense // minus the second derivatives
}

func (l *lifetimes) point(b []float64, i int) [3]float64 {
	var p [3]float64
	for j := range l.x {
		p[0] += b[j] * l.x[j][i]
	}
	copy(p[1:], b[len(l.x):])
	return p
}

func (l *lifetimes) value(b []float64) float64 {
	sum := 0.0
	for i := range l.lower {
		sum += l.likely(i, l.point(b, i))
	}
	return sum
}

func (l *lifetimes) evaluate(b []float64) *lifetimesAt {
	n, k := len(b), 1+l.shapes
	at := &lifetimesAt{gradient: make([]float64, n), info: mat.NewSymDense(n, nil)}
	column := make([]float64, n)
	which := make([]int, n) // parameter of the row that a coefficient moves
	for j := range which {
		which[j] = max(0, j-len(l.x)+1)
		column[j] = 1
	}
	for i := range l.lower {
		v, g, h := l.derivatives(i, l.point(b, i), k)
		at.value += v
		for j := range l.x {
			column[j] = l.x[j][i]
		}
		for a := range n {
			at.gradient[a] += g[which[a]] * column[a]
			for c := a; c < n; c++ {
				at.info.SetSym(a, c, at.info.At(a, c)-h[which[a]][which[c]]*column[a]*column[c])
			}
		}
	}
	return at
}

// derivatives of a row by its first k parameters, by differences with steps ±d and ±2d,
// those of the location in units of the scale.
func (l *lifetimes) derivatives(i int, p [3]float64, k int) (v float64, g [3]float64, h [3][3]float64) {
	const d = 4e-3
	size := [3]float64{d, d, d}
	if l.shapes > 0 && l.dist != DistGompertz {
		size[0] *= math.Min(1, math.Exp(p[1]))
	}
	at := func(a, c int, x, y float64) float64 {
		q := p
		q[a] += x * size[a]
		q[c] += y * size[c]
		return l.likely(i, q)
	}
	v = l.likely(i, p)
	for a := range k {
		m2, m1, p1, p2 := at(a, a, -2, 0), at(a, a, -1, 0), at(a, a, 1, 0), at(a, a, 2, 0)
		g[a] = (m2 - 8*m1 + 8*p1 - p2) / (12 * size[a])
		h[a][a] = (-m2 + 16*m1 - 30*v + 16*p1 - p2) / (12 * size[a] * size[a])
		for c := range a {
			cross := func(s float64) float64 {
				return (at(a, c, s, s) - at(a, c, s, -s) - at(a, c, -s, s) + at(a, c, -s, -s)) / (4 * s * s * size[a] * size[c])
			}
			h[a][c] = (4*cross(1) - cross(2)) / 3
			h[c][a] = h[a][c]
		}
	}
	return v, g, h
}

// step is Newton's with a ridge, and its decrement g'I⁻¹g.
func (a *lifetimesAt) step(ridge float64) (step []float64, decrement float64, ok bool) {
	n := len(a.gradient)
	m := mat.NewSymDense(n, nil)
	m.CopySym(a.info)
	for j := range n {
		m.SetSym(j, j, a.info.At(j, j)+ridge*(1+math.Abs(a.info.At(j, j))))
	}
	var chol mat.Cholesky
	if math.IsNaN(mat.Sum(m)) || !chol.Factorize(m) || chol.Cond() > 1e14 {
		return nil, 0, false
	}
	x, g := mat.NewVecDense(n, nil), mat.NewVecDense(n, a.gradient)
	if chol.SolveVecTo(x, g) != nil {
		return nil, 0, false
	}
	return x.RawVector().Data, mat.Dot(x, g), true
}

// finish turns the parameters back into the units given.
func (l *lifetimes) finish(out *Parametric, b []float64, at *lifetimesAt) {
	n, p := len(b), len(l.x)
	var chol mat.Cholesky
	v := mat.NewSymDense(n, nil)
	if !chol.Factorize(at.info) || chol.InverseTo(v) != nil {
		return
	}
	// Coefficients are linear in those of the scaled columns.
	turn := mat.NewDense(n, n, nil)
	for j := range n {
		turn.Set(j, j, 1)
		if j < p {
			turn.Set(j, j, 1/l.scale[j])
			if j > 0 {
				turn.Set(0, j, -l.centre[j]/l.scale[j])
			}
		}
	}
	shift := math.Log(l.unit)
	if l.dist == DistGompertz {
		shift = -shift
		turn.Set(p, p, 1/l.unit)
	}
	var coef mat.VecDense
	coef.MulVec(turn, mat.NewVecDense(n, b))
	out.Coef = coef.RawVector().Data
	out.Coef[0] += shift
	var half, full mat.Dense
	half.Mul(turn, v)
	full.Mul(&half, turn.T())
	out.Cov = mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			out.Cov.SetSym(i, j, full.At(i, j))
		}
	}
	for k := range l.shapes {
		s := out.Coef[p+k]
		if k == 0 && l.dist != DistGompertz {
			s = math.Exp(s)
		}
		out.Shape = append(out.Shape, s)
	}
	if l.dist == DistExponential {
		out.Shape = []float64{1}
	}
}

// Survival returns the share beyond t at covariates x (with the constant).
func (p Parametric) Survival(x []float64, t float64) float64 {
	var at [3]float64
	for j, v := range x {
		at[0] += v * p.Coef[j]
	}
	copy(at[1:], p.Coef[len(x):])
	if t <= 0 {
		return 1
	}
	l := &lifetimes{dist: p.Distribution}
	return math.Exp(l.survival(t, at))
}

// Median returns the time by which half have had the event, infinite where the
// distribution never gets there.
func (p Parametric) Median(x []float64) float64 {
	low, high := 0.0, 1.0
	for p.Survival(x, high) > 0.5 {
		if low, high = high, 2*high; high > 1e12 {
			return math.Inf(1)
		}
	}
	for range 200 {
		mid := (low + high) / 2
		if p.Survival(x, mid) > 0.5 {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}
