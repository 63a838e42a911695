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

// What the limits of charts of counts rest on.
const (
	DispersionBinomial = "binomial" // chance alone (of rates: Poisson)
	DispersionLaney    = "laney"    // chance times the spread seen between neighbours: Laney's p' and u'
	DispersionAuto     = "auto"     // laney where a chi-square test finds over-dispersion at 5 %, else chance
)

// PChart returns the control chart of proportions.
//
//	p̄ = Σx / Σn,  σ_i = √(p̄(1-p̄)/n_i),  limits = p̄ ± 3 σ_i, cut to [0, 1]
//
// Laney's p' chart multiplies σ_i by sigma-z, the mean moving range of the
// z_i = (p_i - p̄)/σ_i over d2. Sigma-z is given for both; a warning tells of
// proportions that vary more than chance gives (chi-square Σz² on k-1 degrees of
// freedom, at 5 %), which a true change of level does as well. With
// LimitsProbability the limits are the binomial proportions beyond which lie 0.00135
// on each side, interpolated as those of a funnel plot.
//
// A count with n = 0 is a gap: it has no value or limits, and ends runs and
// trends. Under eight points there are no limits and no rules, with a warning.
//
// R: qcc::qcc(x, sizes = n, type = "p"); qicharts2::qic(x, n, chart = "pp") for
// p' with rounded d2 and screening. Laney 2002, 10.1081/QEN-120003555.
func PChart(counts []Count, o ChartOptions) Chart {
	ps := make([]Period, len(counts))
	for i, k := range counts {
		ps[i] = Period{Label: k.Label, N: k.N, Events: k.Events}
	}
	return lenient(KindP, ps, o)
}

func shareOfPeriod(p Period) float64 {
	if p.N == 0 {
		return math.NaN()
	}
	return float64(p.Events) / float64(p.N)
}

// chances says how a chart of counts varies by chance.
type chances struct {
	title, center, unit string
	value               func(Period) float64
	size                func(Period) float64
	variance            func(level float64) float64 // of one patient, or one unit of exposure
	most                float64                     // the largest value possible
	exact               func(level, size, p float64) float64
}

var binomialCounts = chances{
	"p", "p̄", "√(p̄(1-p̄)/n)", shareOfPeriod,
	func(p Period) float64 { return float64(p.N) },
	func(p float64) float64 { return p * (1 - p) }, 1,
	func(level, size, p float64) float64 { return BinomialLimit(level, int(size), p) },
}

func shareLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	return binomialCounts.limits(c, base, all, o)
}

// limits are center ± 3 sigma by chance, or by what the points vary.
func (k chances) limits(c *Chart, base, all []Period, o ChartOptions) limits {
	l := newLimits(len(all))
	l.method = k.title + " chart: " + k.center + " ± 3 " + k.unit
	events, size := 0.0, 0.0
	for _, p := range base {
		if !math.IsNaN(k.value(p)) {
			events, size = events+float64(p.Events), size+k.size(p)
		}
	}
	l.level = events / size
	if o.Standard != nil {
		l.level = o.Standard.Center
		l.method += ", center given"
	}
	if !(k.variance(l.level) > 0) {
		c.warn(analysis.WarnNoVariance, "all values are 0, or all are 1, so chance gives no spread and there are no limits", "")
		l.none = true
		return l
	}
	wide := k.spread(c, &l, base, o)
	for i, p := range all {
		n := k.size(p)
		if math.IsNaN(k.value(p)) {
			continue
		}
		l.around(i, l.level, wide*math.Sqrt(k.variance(l.level)/n), 0, k.most)
		if o.Limits == LimitsProbability && wide == 1 {
			l.low[i], l.high[i] = k.exact(l.level, n, tail), k.exact(l.level, n, 1-tail)
		}
	}
	if o.Limits == LimitsProbability {
		if wide == 1 {
			l.method = k.title + " chart: limits beyond which lie 0.00135 on each side, exact, interpolated between whole counts"
		} else {
			c.warn(analysis.WarnAssumption, "limits by probability know chance alone, so those of three sigma were taken", "set dispersion=binomial")
		}
	}
	return l
}

// tail is the chance beyond three sigma on one side.
var tail = distuv.UnitNormal.Survival(3)

// spread returns the factor on the sigma of chance, and tells of over-dispersion.
func (k chances) spread(c *Chart, l *limits, base []Period, o ChartOptions) float64 {
	z := make([]float64, len(base))
	q, points, small := 0.0, 0, 0
	for i, p := range base {
		z[i] = math.NaN()
		if v := k.value(p); !math.IsNaN(v) {
			z[i] = (v - l.level) / math.Sqrt(k.variance(l.level)/k.size(p))
			q += float64(z[i] * z[i])
			points++
			if k.size(p)*math.Min(l.level, k.most-l.level) < 5 {
				small++
			}
		}
	}
	mean, screened := o.meanRange(movingRanges(z))
	l.sigmaZ = mean / o.d2()
	if small > 0 && o.Limits != LimitsProbability {
		c.warn(analysis.WarnSmallCount, fmt.Sprintf("at %d of %d points under 5 events, or under 5 non-events, are expected, where limits of three sigma are rough", small, points), "chart longer periods, or set limits=probability")
	}
	over := distuv.ChiSquared{K: float64(points - 1)}.Survival(q) < 0.05
	if (o.Dispersion == DispersionLaney || o.Dispersion == DispersionAuto && over && l.sigmaZ > 1) && l.sigmaZ > 0 {
		l.kind, l.screened = k.title+"'", screened
		l.method = k.title + "' chart (Laney): " + k.center + " ± 3 σz " + k.unit + ", σz the mean moving range of z over d2; " + o.rangeWords()
		return l.sigmaZ
	}
	if o.Dispersion == DispersionLaney {
		l.kind = k.title
		c.warn(analysis.WarnNoVariance, "neighbouring points do not differ, or none are neighbours, so limits are those of chance alone", "")
	}
	if over {
		c.warn(WarnOverdispersed, fmt.Sprintf("the values vary more than chance gives (chi-square %.1f on %d degrees of freedom): the level has changed, or the limits are too narrow", q, points-1), "look at the rules, and compare with dispersion=laney")
	}
	return 1
}
