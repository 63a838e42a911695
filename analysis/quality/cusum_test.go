package quality_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"recoup/analysis"
	"recoup/analysis/quality"
)

// By hand, risk 0.2 and odds ratio 2: an event weighs log(2/1.2) = 0.5108, none
// -log 1.2 = -0.1823. With a limit of 0.5 the first event signals: the run length is
// 1/0.2 = 5. With 0.52 two events are needed within four cases: from zero, after an
// event, and one and two cases later,
//
//	L0 = 1 + p La + q L0,  La = 1 + q Lb,  Lb = 1 + q Lc,  Lc = 1 + q L0,
//	L0 = (1 + p (1 + q + q²))/(1 - q - p q³) = 1.488/0.0976 = 15.2459
func TestRunLengthByHand(t *testing.T) {
	risks := []float64{0.2}
	if got := quality.AverageRunLength(risks, 2, 0.5, 1).Cases; math.Abs(got-5) > 1e-9 {
		t.Errorf("one event: %v, want 5", got)
	}
	// Steps of one size make the run length a staircase, which lines between states
	// round off.
	if got := quality.AverageRunLength(risks, 2, 0.52, 1).Cases; math.Abs(got/15.245902-1) > 0.02 {
		t.Errorf("two events: %v, want 15.246", got)
	}
	// Odds doubled: risk 1/3, so 3.
	if got := quality.AverageRunLength(risks, 2, 0.5, 2).Cases; math.Abs(got-3) > 1e-9 {
		t.Errorf("odds doubled: %v, want 3", got)
	}
}

// The Markov chain and the simulation agree on a mix of risks: within four Monte Carlo
// errors, so another seed fails about once in 16,000, and 1 % for the chain.
func TestRunLengthBySimulation(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	risks := make([]float64, 300)
	for i := range risks {
		risks[i] = 0.05 + 0.4*r.Float64()
	}
	for _, ratio := range []float64{2, 0.5} {
		limit, err := quality.LimitFor(risks, ratio, 200)
		if err != nil {
			t.Fatal(err)
		}
		if got := quality.AverageRunLength(risks, ratio, limit, 1).Cases; math.Abs(got-200) > 1 {
			t.Errorf("the limit gives %v cases, want 200", got)
		}
		sim, err := quality.SimulatedRunLength(t.Context(), risks, ratio, limit, 1, 4000, 100_000, 9)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(sim.Cases-200) > 4*sim.SE+2 {
			t.Errorf("ratio %g: simulated %v (%v), want 200", ratio, sim.Cases, sim.SE)
		}
	}
}

func TestCUSUMHardCases(t *testing.T) {
	for _, ratio := range []float64{1, 0, -2} {
		if _, err := quality.RiskAdjustedCUSUM([]float64{1}, []float64{0.3}, ratio, 4, false); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("ratio %g: %v", ratio, err)
		}
	}
	if _, err := quality.LimitFor(nil, 2, 100); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("no risks: %v", err)
	}
	// Risks of zero weigh nothing without an event: no sum ever rises.
	if _, err := quality.LimitFor([]float64{0, 0}, 2, 100); err != nil {
		t.Errorf("risks of zero: %v", err)
	}
	// A case without a risk leaves both displays as they are.
	y, p := []float64{1, 1, 0}, []float64{0.3, math.NaN(), 0.3}
	c, err := quality.RiskAdjustedCUSUM(y, p, 2, 4, false)
	if err != nil {
		t.Fatal(err)
	}
	v := quality.VLAD(y, p)
	if c.Sum[1] != c.Sum[0] || v.Sum[1] != v.Sum[0] {
		t.Errorf("a missing risk: %v %v", c.Sum, v.Sum)
	}
	near(t, "vlad", analysis.Num(v.Sum[2]), -0.4, 1e-15) // 0.3 - 1 + 0.3
	near(t, "variance", analysis.Num(v.Variance[2]), 0.42, 1e-15)
	// A case on the limit signals: one event of risk 0.2 weighs log(2/1.2).
	if c, _ = quality.RiskAdjustedCUSUM([]float64{1}, []float64{0.2}, 2, quality.Weight(1, 0.2, 2), false); len(c.Signals) != 1 {
		t.Error("a sum at the limit signals")
	}
}
