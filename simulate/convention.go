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

// The forms of discounting at annual rate r, t in years.
const (
	Annual     Compounding = "annual"     // (1+r)⁻ᵗ with t continuous (default)
	ByYear     Compounding = "by-year"    // (1+r) to the power of minus the whole years passed: the first year is not discounted
	Continuous Compounding = "continuous" // exp(−r·t)
)

// Factors returns the discount factor of each of the points 0..cycles.
func (c Compounding) Factors(rate float64, cycles, cyclesPerYear int) ([]float64, error) {
	if cycles < 0 || cyclesPerYear < 1 {
		return nil, fmt.Errorf("cannot discount %d cycles of which a year has %d", cycles, cyclesPerYear)
	}
	if !(rate >= 0 && rate < 1) {
		return nil, fmt.Errorf("a discount rate must be from 0 to under 1 a year, for example 0.03")
	}
	force := stream.Log(1 + rate)
	if c == Continuous {
		force = rate
	}
	f := make([]float64, cycles+1)
	for i := range f {
		years := float64(i) / float64(cyclesPerYear)
		switch c {
		case Annual, Continuous:
		case ByYear:
			years = float64(i / cyclesPerYear)
		default:
			return nil, fmt.Errorf("unknown discounting %q: use annual, by-year or continuous", c)
		}
		f[i] = stream.Exp(-float64(force * years))
	}
	return f, nil
}
