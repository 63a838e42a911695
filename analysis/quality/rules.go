package quality

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// judge reads the rules of a chart that has its limits.
func (c *Chart) judge(o ChartOptions) {
	c.outside(o)
	if o.Run > 0 {
		c.runs(o)
	}
	if o.TwoOfThree {
		c.twoOfThree(o)
	}
	if o.Trend > 1 {
		c.trends(o)
	}
}

func (o ChartOptions) ruleWords() string {
	rules := []string{"a point outside the limits"}
	if o.Run > 0 {
		rules = append(rules, fmt.Sprintf("%d in a row on one side of the center (points on the line neither count nor break)", o.Run))
	}
	if o.TwoOfThree {
		rules = append(rules, "2 of 3 in a row beyond 2 sigma on one side")
	}
	if o.Trend > 1 {
		rules = append(rules, fmt.Sprintf("%d points in a row rising or falling", o.Trend))
	}
	return "rules: " + strings.Join(rules, "; ")
}

func (o ChartOptions) meaning(up bool) Meaning {
	switch {
	case o.Better == BetterUnknown:
		return Unclear
	case up == (o.Better == BetterHigher):
		return Improvement
	}
	return Concern
}

// signal notes a pattern on the points at.
func (c *Chart) signal(rule string, at []int, m Meaning) {
	s := Signal{Rule: rule, From: at[0], To: at[len(at)-1], Meaning: m}
	if slices.Contains(c.Signals, s) {
		return
	}
	c.Signals = append(c.Signals, s)
	for _, i := range at {
		p := &c.Points[i]
		if p.Meaning == NoSignal {
			p.Meaning = m
		}
		if !slices.Contains(p.Rules, rule) {
			p.Rules = append(p.Rules, rule)
		}
	}
}

// off is how far a point lies from the center; 0 where only rounding parts them.
func (c *Chart) off(i int) float64 {
	d := float64(c.Points[i].Value - c.Center)
	if math.Abs(d) <= 1e-12*math.Max(math.Abs(float64(c.Center)), math.Abs(float64(c.Points[i].Value))) {
		return 0
	}
	return d
}

func (c *Chart) outside(o ChartOptions) {
	for i, p := range c.Points {
		// The slack keeps a point that lies on a limit inside, whatever the rounding.
		slack := 1e-12 * math.Abs(float64(c.Center))
		switch {
		case float64(p.Value) > float64(p.High)+slack:
			c.signal(RuleOutside, []int{i}, o.meaning(true))
		case float64(p.Value) < float64(p.Low)-slack:
			c.signal(RuleOutside, []int{i}, o.meaning(false))
		}
	}
}

func (c *Chart) runs(o ChartOptions) {
	var run []int
	side := 0.0
	flush := func() {
		if len(run) >= o.Run {
			c.signal(RuleRun, run, o.meaning(side > 0))
		}
		run = nil
	}
	for i := range c.Points {
		d := c.off(i)
		switch {
		case math.IsNaN(d):
			flush()
			side = 0
		case d == 0: // on the line
		case side != 0 && d > 0 == (side > 0):
			run = append(run, i)
		default:
			flush()
			run, side = []int{i}, d
		}
	}
	flush()
}

func (c *Chart) trends(o ChartOptions) {
	var run []int
	up := false
	flush := func() {
		if len(run) >= o.Trend {
			c.signal(RuleTrend, run, o.meaning(up))
		}
	}
	for i, p := range c.Points {
		if !p.Value.OK() {
			flush()
			run = nil
			continue
		}
		if len(run) == 0 {
			run = []int{i}
			continue
		}
		step := p.Value - c.Points[i-1].Value
		switch {
		case step == 0:
			flush()
			run = []int{i}
		case len(run) == 1 || step > 0 == up:
			up = step > 0
			run = append(run, i)
		default:
			flush()
			run, up = []int{i - 1, i}, step > 0
		}
	}
	flush()
}

func (c *Chart) twoOfThree(o ChartOptions) {
	for i := 2; i < len(c.Points); i++ {
		for _, side := range []float64{1, -1} {
			var far []int
			for j := i - 2; j <= i; j++ {
				d := side * c.off(j)
				if math.IsNaN(d) {
					far = nil
					break
				}
				if d > 2*float64(c.Points[j].Sigma) {
					far = append(far, j)
				}
			}
			if len(far) >= 2 {
				c.signal(RuleTwoOfThree, far, o.meaning(side > 0))
			}
		}
	}
}
