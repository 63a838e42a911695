package quality

import (
	"fmt"
	"math"

	"recoup/analysis"
)

// smooth turns the points of a phase into exponentially weighted averages:
//
//	z_i = λ x_i + (1-λ) z_(i-1),  z_0 = center
//	Var z_i = λ² σ_i² + (1-λ)² Var z_(i-1),  limits = center ± L √Var z_i
//
// With equal σ the variance is σ² λ/(2-λ) (1 - (1-λ)^(2i)). At a gap the average is
// held and no point is shown. Neighbouring averages are alike, so the only rule is a
// point outside the limits.
//
// R: qcc::ewma(x, lambda, nsigmas). Roberts 1959, 10.1080/00401706.1959.10489860;
// Lucas and Saccucci 1990, 10.1080/00401706.1990.10484583.
func (c *Chart) smooth(l *limits, ph Phase, o ChartOptions) {
	width := o.EWMAWidth
	if width == 0 {
		width = 3
	}
	average, variance := 0.0, 0.0 // average as a distance from the center
	for i := range l.center {
		p := &c.Points[ph.From+i]
		p.Range = analysis.None
		if !p.Value.OK() {
			continue
		}
		keep := 1 - o.EWMA
		average = o.EWMA*(float64(p.Value)-l.center[i]) + keep*average
		variance = o.EWMA*o.EWMA*l.sigma[i]*l.sigma[i] + keep*keep*variance
		p.Value = analysis.Num(l.center[i] + average)
		l.sigma[i] = math.Sqrt(variance)
		l.low[i], l.high[i] = l.center[i]-width*l.sigma[i], l.center[i]+width*l.sigma[i]
	}
	l.z = nil
	c.Kind += ", smoothed"
	c.Method = fmt.Sprintf("exponentially weighted average, λ = %g, limits ± %g √variance, of the %s", o.EWMA, width, l.method)
}
