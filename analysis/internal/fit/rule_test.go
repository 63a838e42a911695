package fit

import (
	"math"
	"testing"
)

// By hand, lower is better unless said: 10 to 7 is 30 % and 3 points; 8 to 7 is
// 12.5 %; of a zero baseline there is no percentage; 7 is at most 7.
func TestRuleByHand(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		r             Rule
		before, after float64
		want          float64
	}{
		{Rule{RulePercent, 30, true}, 10, 7, 1},
		{Rule{RulePercent, 30, true}, 0.3 + 0.6, (0.3 + 0.6) * 0.7, 1}, // rounding does not decide
		{Rule{RulePercent, 30, true}, 8, 7, 0},
		{Rule{RulePercent, 30, true}, 0, 0, nan},
		{Rule{RulePercent, 30, false}, 10, 13, 1},
		{Rule{RulePoints, 3, true}, 10, 7, 1},
		{Rule{RulePoints, 3, false}, 10, 7, 0},
		{Rule{RuleAtMost, 7, true}, 10, 7, 1},
		{Rule{RuleAtMost, 7, true}, nan, 8, 0},
		{Rule{RuleAtMost, 7, false}, 1, 8, 1},
		{Rule{RuleAtMost, 7, false}, 1, 6, 0},
		{Rule{RulePoints, 3, true}, nan, 7, nan},
		{Rule{RulePoints, 3, true}, 7, nan, nan},
	} {
		if got := c.r.Judge(c.before, c.after); got != c.want && !(math.IsNaN(got) && math.IsNaN(c.want)) {
			t.Errorf("%+v %v to %v: %v, want %v", c.r, c.before, c.after, got, c.want)
		}
	}
}

func TestOccurred(t *testing.T) {
	nan := math.NaN()
	state, ambiguous := Occurred([]float64{0, 14, nan}, false, true)
	if state[0] != 1 || state[1] != 1 || state[2] != 0 || ambiguous {
		t.Errorf("days: %v %v", state, ambiguous)
	}
	state, ambiguous = Occurred([]float64{0, 1, nan}, true, false)
	if state[0] != 0 || state[1] != 1 || !math.IsNaN(state[2]) || ambiguous {
		t.Errorf("flags: %v %v", state, ambiguous)
	}
	if _, ambiguous = Occurred([]float64{0, 1, nan}, false, true); !ambiguous {
		t.Error("whole numbers 0 and 1 must be ambiguous")
	}
}

// By hand, type 7 of 1 2 4 8: h = 3p; p = .25 gives h = .75, 1 + .75 (2-1) = 1.75;
// p = .5 gives h = 1.5, 2 + .5 (4-2) = 3.
func TestQuantileByHand(t *testing.T) {
	x := []float64{8, 1, 4, 2}
	for p, want := range map[float64]float64{0: 1, .25: 1.75, .5: 3, 1: 8} {
		if got := Quantile(x, p); got != want {
			t.Errorf("quantile %v: %v, want %v", p, got, want)
		}
	}
	if x[0] != 8 {
		t.Error("the sample was sorted in place")
	}
	if !math.IsNaN(Quantile(nil, .5)) {
		t.Error("a quantile of nothing")
	}
}
