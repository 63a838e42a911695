package simulate

import (
	"fmt"

	"recoup/simulate/stream"
)

// Counting says at which end of a cycle its rewards are counted.
type Counting string

// The ways to count cycles. States are known at the points 0..T.
const (
	CountStart Counting = "start"      // states 0..T−1
	CountEnd   Counting = "end"        // states 1..T
	CountHalf  Counting = "half-cycle" // trapezoid: half of state 0 and of state T (default)
	CountBoth  Counting = "both-ends"  // states 0..T, so T+1 cycles are counted, as some published models do
)

// Weights returns the weight of each of the cycles+1 points. They sum to
// cycles, but for CountBoth, where they sum to cycles+1.
func (c Counting) Weights(cycles int) ([]float64, error) {
	if cycles < 1 {
		return nil, fmt.Errorf("cannot count %d cycles: at least 1 is needed", cycles)
	}
	w := make([]float64, cycles+1)
	for i := range w {
		w[i] = 1
	}
	switch c {
	case CountStart:
		w[cycles] = 0
	case CountEnd:
		w[0] = 0
	case CountHalf:
		w[0], w[cycles] = 0.5, 0.5
	case CountBoth:
	default:
		return nil, fmt.Errorf("unknown cycle counting %q: use start, end or half-cycle", c)
	}
	return w, nil
}

// Compounding is the form of a discount factor.
type Compounding string

// The forms of discounting at annual rate r, t in years, m cycles a year.
const (
	Annual     Compounding = "annual"     // (1+r)⁻ᵗ with t continuous (default)
	ByYear     Compounding = "by-year"    // (1+r) to the power of minus the whole years passed: the first year is not discounted
	Continuous Compounding = "continuous" // exp(−r·t)
	PerCycle   Compounding = "per-cycle"  // (1+r/m) to the power of minus the cycles passed
)

// force is the force of interest: the factor is exp(−force·t).
func (c Compounding) force(rate float64, cyclesPerYear int) (float64, error) {
	if !(rate >= 0 && rate < 1) {
		return 0, fmt.Errorf("a discount rate must be from 0 to under 1 a year, for example 0.03")
	}
	switch c {
	case Annual, ByYear:
		return stream.Log(1 + rate), nil
	case Continuous:
		return rate, nil
	case PerCycle:
		m := float64(cyclesPerYear)
		return m * stream.Log(1+rate/m), nil
	}
	return 0, fmt.Errorf("unknown discounting %q: use annual, by-year, continuous or per-cycle", c)
}

// Factors returns the discount factor of each of the points 0..cycles.
func (c Compounding) Factors(rate float64, cycles, cyclesPerYear int) ([]float64, error) {
	return c.factors(rate, cycles+1, cyclesPerYear, 0)
}

// MidFactors returns the discount factor of the middle of each of the cycles.
// Under ByYear it is that of the cycle's year.
func (c Compounding) MidFactors(rate float64, cycles, cyclesPerYear int) ([]float64, error) {
	return c.factors(rate, cycles, cyclesPerYear, 0.5)
}

func (c Compounding) factors(rate float64, n, cyclesPerYear int, shift float64) ([]float64, error) {
	if n < 0 || cyclesPerYear < 1 {
		return nil, fmt.Errorf("cannot discount %d points of which a year has %d", n, cyclesPerYear)
	}
	force, err := c.force(rate, cyclesPerYear)
	if err != nil {
		return nil, err
	}
	f := make([]float64, n)
	for i := range f {
		years := (float64(i) + shift) / float64(cyclesPerYear)
		if c == ByYear {
			years = float64(i / cyclesPerYear)
		}
		f[i] = stream.Exp(-float64(force * years))
	}
	return f, nil
}

// Integral returns what 1 a year adds up to from one time to another, in years,
// discounted at every moment: for events at any time rather than in cycles.
//
//	(e^(−f·from) − e^(−f·to)) / f,  f = ln(1+r) for Annual, r for Continuous
func (c Compounding) Integral(rate, from, to float64) (float64, error) {
	if c != Annual && c != Continuous {
		return 0, fmt.Errorf("%q discounting has steps: between times use annual or continuous", c)
	}
	force, err := c.force(rate, 1)
	switch {
	case err != nil:
		return 0, err
	case !(from >= 0 && to >= from):
		return 0, fmt.Errorf("cannot discount from year %g to year %g", from, to)
	case force == 0:
		return to - from, nil
	}
	return (stream.Exp(-float64(force*from)) - stream.Exp(-float64(force*to))) / force, nil
}
