package markov

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// Curve is a survival function: the probability to be free of an event at time t. It
// is 1 at 0, never rises, and must be smooth for its areas to be exact.
type Curve func(t float64) float64

// ExponentialCurve is the curve of a constant rate: exp(−r·t).
func ExponentialCurve(rate float64) Curve {
	return func(t float64) float64 { return math.Exp(-rate * t) }
}

// WeibullCurve is exp(−(t/scale)^shape). R: pweibull(t, shape, scale, lower = FALSE).
func WeibullCurve(shape, scale float64) Curve {
	return func(t float64) float64 { return math.Exp(-math.Pow(t/scale, shape)) }
}

// HazardRatio returns the curve under a ratio of hazards: S^HR.
func (c Curve) HazardRatio(hr float64) Curve {
	return func(t float64) float64 { return math.Pow(c(t), hr) }
}

// Probabilities returns the probability of the event in each of the cycles, of
// length dt, among those free of it at the start of the cycle: 1 − S(t+dt)/S(t). It is
// 1 once nobody is left.
func (c Curve) Probabilities(cycles int, dt float64) []float64 {
	p := make([]float64, cycles)
	for i := range p {
		s := c(float64(i) * dt)
		p[i] = 1
		if s > 0 {
			p[i] = 1 - c(float64(i+1)*dt)/s
		}
	}
	return p
}

// Area returns the area under a curve up to a horizon, discounted at a constant
// force δ: ∫₀ᵀ S(t)·exp(−δt) dt. It is the restricted mean time; over an endless
// horizon the mean, which the curve must fall for.
func (c Curve) Area(force, horizon float64) (float64, error) {
	return area(func(t float64) float64 { return c(t) * math.Exp(-force*t) }, horizon)
}

// area integrates by panels 0-1, 1-2, 2-4, 4-8, ..., each halved until two
// Gauss-Legendre rules of 16 points agree with one, and stops where a panel adds
// nothing.
func area(f func(float64) float64, horizon float64) (float64, error) {
	if !(horizon >= 0) {
		return 0, fmt.Errorf("%w: a horizon must be at least 0", ErrModel)
	}
	sum := 0.0
	for a, b := 0.0, 1.0; a < horizon; a, b = b, 2*b {
		b = math.Min(b, horizon)
		whole := gauss(f, a, b)
		add := panel(f, a, b, whole, 1e-14*(math.Abs(sum)+math.Abs(whole)), 25)
		if math.IsNaN(add) {
			return 0, fmt.Errorf("%w: the curve is not a number somewhere from %g to %g", ErrModel, a, b)
		}
		sum += add
		if a >= 1 && math.Abs(add) <= 1e-18*math.Abs(sum) {
			return sum, nil
		}
		if a > 1e15 {
			return 0, fmt.Errorf("%w: the area under the curve has no end: give a horizon or discount", ErrModel)
		}
	}
	return sum, nil
}

// panel halves until the halves agree with the whole to an absolute error.
func panel(f func(float64) float64, a, b, whole, within float64, depth int) float64 {
	m := a + (b-a)/2
	left, right := gauss(f, a, m), gauss(f, m, b)
	if math.Abs(left+right-whole) <= within || depth == 0 {
		return left + right
	}
	return panel(f, a, m, left, within, depth-1) + panel(f, m, b, right, within, depth-1)
}

func gauss(f func(float64) float64, a, b float64) float64 {
	return quad.Fixed(f, a, b, 16, quad.Legendre{}, 0)
}

// Gompertz is mortality that rises exponentially with age: the hazard at an age is
// A·exp(B·age), per year. B must not be 0; for a constant hazard use
// ExponentialCurve.
type Gompertz struct{ A, B float64 }

// Hazard returns the hazard at an age.
func (g Gompertz) Hazard(age float64) float64 { return g.A * math.Exp(g.B*age) }

// From returns the curve of persons of an age under a ratio of hazards:
//
//	S(t) = exp(−HR·h(age)·(exp(B·t) − 1)/B)
func (g Gompertz) From(age, hr float64) Curve {
	h := g.Hazard(age) * hr / g.B
	return func(t float64) float64 { return math.Exp(-h * math.Expm1(g.B*t)) }
}

// Quantile returns the time at which a share u in (0, 1) of persons of an age has
// died: ln(1 − B·ln(1 − u)/(HR·h(age)))/B. With a uniform u it draws a time of death.
func (g Gompertz) Quantile(age, hr, u float64) float64 {
	return math.Log1p(-g.B*math.Log1p(-u)/(g.Hazard(age)*hr)) / g.B
}

// Partition is a partitioned survival model: nested survival curves, those of the
// earlier event first (progression-free before overall). A person is in state 0
// before the first event, in state i between events i−1 and i.
//
//	π₀ = S₀,  πᵢ = Sᵢ − Sᵢ₋₁
type Partition []Curve

// At returns the occupancy of the states at time t, without the state after the last
// event.
func (p Partition) At(t float64) ([]float64, error) {
	out := make([]float64, len(p))
	before := 0.0
	for i, c := range p {
		s := c(t)
		if !(s >= before-1e-12 && s <= 1+1e-12) {
			return nil, fmt.Errorf("%w: curve %d is below the one before it, or not from 0 to 1, at time %g: the curves of a partitioned survival model must not cross", ErrModel, i, t)
		}
		out[i] = math.Max(0, s-before)
		before = s
	}
	return out, nil
}

// crossings is how many points of the horizon are looked at for curves that cross.
const crossings = 1000

// Times returns the time spent in each state up to a horizon, discounted at a
// constant force, with an error where the curves cross.
func (p Partition) Times(force, horizon float64) ([]float64, error) {
	if err := p.nested(horizon); err != nil {
		return nil, err
	}
	out := make([]float64, len(p))
	before := 0.0
	for i, c := range p {
		a, err := c.Area(force, horizon)
		if err != nil {
			return nil, fmt.Errorf("curve %d: %w", i, err)
		}
		out[i], before = a-before, a
	}
	return out, nil
}

// nested looks for curves that cross at evenly spread points, or at ever longer
// steps where the horizon is endless.
func (p Partition) nested(horizon float64) error {
	for i := range crossings + 1 {
		t := horizon * float64(i) / crossings
		if math.IsInf(horizon, 1) || horizon > 1e4 {
			t = math.Min(horizon, math.Expm1(float64(i)/50))
		}
		if _, err := p.At(t); err != nil {
			return err
		}
	}
	return nil
}
