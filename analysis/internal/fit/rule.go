package fit

import "math"

// Rules that say who has responded.
const (
	RulePercent = "percent" // improved by at least the threshold, in percent of baseline
	RulePoints  = "points"  // improved by at least the threshold, in points
	RuleAtMost  = "at-most" // at the visit at the threshold or better
)

// Rule judges whether a patient responded.
type Rule struct {
	Kind      string
	Threshold float64
	Lower     bool // a lower value is better
}

// ruleTolerance is by how much a threshold may be missed, so that 0.3 and 30 %
// agree.
const ruleTolerance = 1e-9

// Judge returns 1 for a responder, 0 for none, NaN where it cannot be judged: a
// value is missing, or a percentage is asked of a zero baseline.
func (r Rule) Judge(before, after float64) float64 {
	gain, threshold := after-before, r.Threshold
	if r.Kind == RuleAtMost {
		gain = after
	}
	if r.Lower {
		gain = -gain
		if r.Kind == RuleAtMost {
			threshold = -threshold
		}
	}
	if r.Kind == RulePercent {
		if before == 0 {
			return math.NaN()
		}
		gain = 100 * gain / math.Abs(before)
	}
	switch {
	case math.IsNaN(gain):
		return math.NaN()
	case gain >= threshold-ruleTolerance:
		return 1
	}
	return 0
}

// Occurred says for each patient whether an event happened, from the cells of its
// column: 1, 0, or NaN where a flag is not recorded. A date or a day number says
// that it happened, and a missing one that it did not; a flag says it itself.
//
// Ambiguous is true for whole numbers of which some are 0, some 1, and none is
// anything else: they may be days, or a flag that is not declared as one.
func Occurred(cells []float64, flag, whole bool) (state []float64, ambiguous bool) {
	state = make([]float64, len(cells))
	zeros, ones, others := 0, 0, 0
	for i, v := range cells {
		switch {
		case math.IsNaN(v):
		case v == 0:
			zeros++
		case v == 1:
			ones++
		default:
			others++
		}
		switch {
		case flag:
			state[i] = v
		case !math.IsNaN(v):
			state[i] = 1
		}
	}
	return state, !flag && whole && zeros > 0 && ones > 0 && others == 0
}
