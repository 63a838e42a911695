package quality

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// Count is events among a number of patients, such as responders of a quarter or
// of a site.
type Count struct {
	Label     string
	Events, N int
}

// What the limits of a p chart rest on.
const (
	DispersionBinomial = "binomial" // chance alone
	DispersionLaney    = "laney"    // chance times the spread seen between neighbours: Laney's p' chart
	DispersionAuto     = "auto"     // laney where a chi-square test finds over-dispersion at 5 %, else binomial
)

// PChart returns the control chart of proportions.
//
//	p̄ = Σx / Σn,  σ_i = √(p̄(1-p̄)/n_i),  limits = p̄ ± 3 σ_i, cut to [0, 1]
//
// Laney's p' chart multiplies σ_i by sigma-z, the mean moving range of the
// z_i = (p_i - p̄)/σ_i over d2. Sigma-z is given for both; a warning tells of
// proportions that vary more than chance gives (chi-square Σz² on k-1 degrees of
// freedom, at 5 %), which a true change of level does as well.
//
// A count with n = 0 is a gap: it has no value or limits, and ends runs and
// trends. Under eight points there are no limits and no rules, with a warning.
//
// R: qcc::qcc(x, sizes = n, type = "p"); qicharts2::qic(x, n, chart = "pp") for
// p' with rounded d2 and screening. Laney 2002, 10.1081/QEN-120003555.
func PChart(counts []Count, o ChartOptions) Chart {
	c := Chart{Kind: "p", Center: analysis.None, Sigma: analysis.None, SigmaZ: analysis.None, MeanRange: analysis.None, RangeLimit: analysis.None}
	events, n, present := 0, 0, 0
	for _, k := range counts {
		p := Point{Label: k.Label, N: k.N, Events: k.Events, Value: analysis.None, Low: analysis.None, High: analysis.None, Sigma: analysis.None, Range: analysis.None}
		if k.N > 0 {
			p.Value = analysis.Num(float64(k.Events) / float64(k.N))
			events, n, present = events+k.Events, n+k.N, present+1
		}
		c.Points = append(c.Points, p)
	}
	c.Method = "p chart: p̄ ± 3 √(p̄(1-p̄)/n); " + o.ruleWords()
	if !c.enough(present, len(counts)) {
		return c
	}
	center := float64(events) / float64(n)
	c.Center = analysis.Num(center)
	if events == 0 || events == n {
		c.warn(analysis.WarnNoVariance, "all proportions are 0, or all are 1, so chance gives no spread and there are no limits", "")
		return c
	}
	wide := c.spread(center, o)
	for i := range c.Points {
		p := &c.Points[i]
		if p.N == 0 {
			continue
		}
		p.Sigma = analysis.Num(wide * math.Sqrt(center*(1-center)/float64(p.N)))
		p.Low, p.High = max(0, c.Center-analysis.Num(3*p.Sigma)), min(1, c.Center+analysis.Num(3*p.Sigma))
	}
	c.judge(o)
	return c
}

// spread returns the factor on binomial sigma, and tells of over-dispersion.
func (c *Chart) spread(center float64, o ChartOptions) float64 {
	z := make([]float64, len(c.Points))
	q, k, small := 0.0, 0, 0
	for i, p := range c.Points {
		z[i] = math.NaN()
		if p.N > 0 {
			z[i] = (float64(p.Value) - center) / math.Sqrt(center*(1-center)/float64(p.N))
			q += float64(z[i] * z[i])
			k++
			if float64(p.N)*min(center, 1-center) < 5 {
				small++
			}
		}
	}
	mean, screened := o.meanRange(movingRanges(z))
	sigmaZ := mean / o.d2()
	c.SigmaZ = analysis.Num(sigmaZ)
	if small > 0 {
		c.warn(analysis.WarnSmallCount, fmt.Sprintf("at %d of %d points under 5 events, or under 5 non-events, are expected, where limits of three sigma are rough", small, k), "chart longer periods")
	}
	over := distuv.ChiSquared{K: float64(k - 1)}.Survival(q) < 0.05
	if (o.Dispersion == DispersionLaney || o.Dispersion == DispersionAuto && over && sigmaZ > 1) && sigmaZ > 0 {
		c.Kind, c.Screened = "p'", screened
		c.Method = "p' chart (Laney): p̄ ± 3 σz √(p̄(1-p̄)/n), σz the mean moving range of z over d2; " + o.rangeWords() + "; " + o.ruleWords()
		return sigmaZ
	}
	if over {
		c.warn(WarnOverdispersed, fmt.Sprintf("the proportions vary more than chance gives (chi-square %.1f on %d degrees of freedom): the level has changed, or the limits are too narrow", q, k-1), "look at the rules, and compare with dispersion=laney")
	}
	return 1
}
