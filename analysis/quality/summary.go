package quality

import (
	"math"

	"recoup/analysis"
)

// What a chart's last point says of variation.
const (
	VariationCommon  = "common-cause"
	VariationUnknown = "not-known" // no limits, or no value at the last point
)

// What a chart's limits say of a target.
const (
	AssurancePassing  = "passing"     // all within the limits meets the target
	AssuranceFailing  = "failing"     // nothing within the limits meets it
	AssuranceEither   = "hit-or-miss" // chance decides
	AssuranceNoTarget = "no-target"
)

// Summary is a chart in two words, as the two icons of NHS England's Making Data
// Count: what the last point says of variation, and what the last limits say of a
// target.
type Summary struct {
	Variation string // improvement, concern, unclear, common-cause or not-known
	Assurance string
	Higher    bool // the last signal is of higher values
}

// Summarise returns the summary of a chart against a target, NaN for none. The last
// point decides of variation by the gravest signal it is part of; a signal that has
// ended is past. A process at its target is hit or miss: limits that touch the target
// do not pass.
func (c *Chart) Summarise(target float64, better Better) Summary {
	s := Summary{Variation: VariationUnknown, Assurance: AssuranceNoTarget}
	if len(c.Points) == 0 {
		return s
	}
	p := c.Points[len(c.Points)-1]
	if p.Value.OK() && p.High.OK() {
		s.Variation = VariationCommon
		if p.Meaning != NoSignal {
			s.Variation, s.Higher = string(p.Meaning), p.Value > p.Center
		}
	}
	if math.IsNaN(target) || better == BetterUnknown {
		return s
	}
	for i := len(c.Points) - 1; i >= 0; i-- {
		if q := c.Points[i]; q.High.OK() {
			s.Assurance = assurance(q, analysis.Num(target), better)
			break
		}
	}
	return s
}

func assurance(p Point, target analysis.Num, better Better) string {
	above, below := p.Low > target, p.High < target
	if better == BetterLower {
		above, below = below, above
	}
	switch {
	case above:
		return AssurancePassing
	case below:
		return AssuranceFailing
	}
	return AssuranceEither
}
