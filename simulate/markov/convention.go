package markov

import (
	"errors"
	"fmt"
	"math"

	"recoup/simulate"
)

// The ways to count cycles beyond those of package simulate.
const (
	// CountSimpson weighs the points by Simpson's rule, 1/3, 4/3, 2/3, ..., 4/3, 1/3;
	// with an odd number of cycles the last three go by the 3/8 rule.
	CountSimpson simulate.Counting = "simpson"
	// CountWeights takes the weights of the points from the user.
	CountWeights simulate.Counting = "weights"
)

// Nominal discounts each cycle by the annual rate over the cycles of a year:
// (1 + r/m)⁻ᵏ after k cycles.
const Nominal simulate.Compounding = "nominal"

// Moment says when the reward of a cycle is discounted to.
type Moment string

// The moments of discounting.
const (
	AtPoint  Moment = "point"        // each state at the point at which it is known; events on arrival (default)
	AtStart  Moment = "cycle-start"  // the whole cycle at its start: the first is not discounted
	AtMiddle Moment = "cycle-middle" // the whole cycle at its middle
	AtEnd    Moment = "cycle-end"    // the whole cycle at its end: the first is discounted
)

// Convention is how a quantity is counted and discounted.
type Convention struct {
	Counting      simulate.Counting    // default half-cycle
	Weights       []float64            // of the points 0..T, with CountWeights alone
	Rate          float64              // annual
	Form          simulate.Compounding // default annual
	At            Moment               // default point
	CyclesPerYear int                  // default 1
}

func (c Convention) defaults() Convention {
	if c.Counting == "" {
		c.Counting = simulate.CountHalf
	}
	if c.Form == "" {
		c.Form = simulate.Annual
	}
	if c.At == "" {
		c.At = AtPoint
	}
	if c.CyclesPerYear == 0 {
		c.CyclesPerYear = 1
	}
	return c
}

// Points returns the weights of the points 0..cycles for what is gathered by being
// in a state: counting times discounting. With d the discount factor,
//
//	start       Σₜ d·πₜ₋₁
//	end         Σₜ d·πₜ
//	half-cycle  Σₜ d·(πₜ₋₁ + πₜ)/2
//
// over the cycles t = 1..T, d taken at the moment At: with AtPoint each π has the
// factor of its own point.
func (c Convention) Points(cycles int) ([]float64, error) {
	start, end, err := c.shares(cycles)
	if err != nil {
		return nil, err
	}
	w := make([]float64, cycles+1)
	copy(w, start)
	for t, x := range end {
		w[t] += x
	}
	return w, nil
}

// shares splits the weight of each point: start[i] is what it has as the start of
// cycle i+1, end[i] as the end of cycle i. Rules that weigh points and not cycles put
// all on the start.
func (c Convention) shares(cycles int) (start, end []float64, err error) {
	c = c.defaults()
	half, err := c.factors(cycles)
	if err != nil {
		return nil, nil, err
	}
	start, end = make([]float64, cycles+1), make([]float64, cycles+1)
	var a, b float64
	switch c.Counting {
	case simulate.CountStart:
		a = 1
	case simulate.CountEnd:
		b = 1
	case simulate.CountHalf:
		a, b = 0.5, 0.5
	default:
		w, err := c.pointWeights(cycles)
		for i, x := range w {
			start[i] = x * half[2*i]
		}
		return start, end, err
	}
	for t := 1; t <= cycles; t++ {
		ds, de := half[2*t-2], half[2*t]
		switch c.At {
		case AtStart:
			de = ds
		case AtMiddle:
			ds, de = half[2*t-1], half[2*t-1]
		case AtEnd:
			ds = de
		}
		start[t-1], end[t] = a*ds, b*de
	}
	return start, end, nil
}

// ByCycle turns a reward of the cycles 1..T, the last of which holds on, into the
// table of a Reward, whose rows are points: where the counting gives a point to both
// the cycle that ends and the one that begins there, the reward is shared in the same
// way. Rules that weigh points give a point to the cycle that begins there.
func (c Convention) ByCycle(cycles int, v ...float64) (Table, error) {
	start, end, err := c.shares(cycles)
	if err != nil || len(v) == 0 {
		return Table{}, errors.Join(err, emptyReward(v))
	}
	if len(v) == 1 {
		return Constant(v[0]), nil
	}
	cycle := func(t int) float64 { return v[max(0, min(t-1, len(v)-1, cycles-1))] }
	out := make([]float64, cycles+1)
	for i := range out {
		out[i] = cycle(i + 1)
		if w := start[i] + end[i]; w != 0 {
			out[i] = (start[i]*cycle(i+1) + end[i]*cycle(i)) / w
		}
	}
	return ByCycle(out...), nil
}

func emptyReward(v []float64) error {
	if len(v) > 0 {
		return nil
	}
	return errors.New("a reward by cycle needs at least one number")
}

// pointWeights are the rules that weigh points.
func (c Convention) pointWeights(cycles int) ([]float64, error) {
	if c.At != AtPoint {
		return nil, fmt.Errorf("%s weighs points, not cycles: discount at %q, or count by start, end or half-cycle", c.Counting, AtPoint)
	}
	switch c.Counting {
	case CountWeights:
		if len(c.Weights) != cycles+1 {
			return nil, fmt.Errorf("%d weights for %d cycles: the points 0 to %d need %d", len(c.Weights), cycles, cycles, cycles+1)
		}
		for i, w := range c.Weights {
			if math.IsNaN(w) || math.IsInf(w, 0) {
				return nil, fmt.Errorf("weight %d is not a finite number", i)
			}
		}
		return c.Weights, nil
	case CountSimpson:
		return simpson(cycles)
	}
	w, err := c.Counting.Weights(cycles)
	if err != nil {
		err = fmt.Errorf("unknown cycle counting %q: use start, end, half-cycle, both-ends, simpson or weights", c.Counting)
	}
	return w, err
}

// simpson returns the weights of Simpson's rule over n intervals.
func simpson(n int) ([]float64, error) {
	if n < 2 {
		return nil, fmt.Errorf("simpson's rule needs at least 2 cycles: count by half-cycle")
	}
	w := make([]float64, n+1)
	even := n - n%2*3
	for i := 0; i < even; i += 2 {
		w[i] += 1. / 3
		w[i+1] += 4. / 3
		w[i+2] += 1. / 3
	}
	if even < n {
		for i, x := range [4]float64{3. / 8, 9. / 8, 9. / 8, 3. / 8} {
			w[even+i] += x
		}
	}
	return w, nil
}

// Events returns the discount factors at the points 1..cycles for what is counted on
// a transition in the cycle that ends there; entry 0 is 0. An event counts as a whole
// whatever the counting of cycles.
func (c Convention) Events(cycles int) ([]float64, error) {
	c = c.defaults()
	half, err := c.factors(cycles)
	if err != nil {
		return nil, err
	}
	back := map[Moment]int{AtStart: 2, AtMiddle: 1}[c.At]
	d := make([]float64, cycles+1)
	for t := 1; t <= cycles; t++ {
		d[t] = half[2*t-back]
	}
	return d, nil
}

// factors returns the discount factors at every half cycle 0..2·cycles.
func (c Convention) factors(cycles int) ([]float64, error) {
	switch c.At {
	case AtPoint, AtStart, AtMiddle, AtEnd:
	default:
		return nil, fmt.Errorf("unknown moment of discounting %q: use %s, %s, %s or %s", c.At, AtPoint, AtStart, AtMiddle, AtEnd)
	}
	if cycles < 1 {
		return nil, fmt.Errorf("cannot count %d cycles: at least 1 is needed", cycles)
	}
	rate, form := c.Rate, c.Form
	if form == Nominal {
		if !(rate >= 0 && rate < 1) {
			return nil, fmt.Errorf("a discount rate must be from 0 to under 1 a year, for example 0.03")
		}
		m := float64(c.CyclesPerYear)
		rate, form = math.Expm1(m*math.Log1p(rate/m)), simulate.Annual
	}
	return form.Factors(rate, 2*cycles, 2*c.CyclesPerYear)
}
