package quality

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// Charts of rare events: g of the number of patients between one and the next, t of
// the days. Higher is fewer events.
//
// g with LimitsProbability (what to take: three sigma has no lower limit): the
// geometric distribution of mean ḡ, P(X ≤ x) = 1 - (ḡ/(ḡ+1))^(x+1), as a continuous
// curve; center its median, limits its quantiles at 0.00135 and 0.99865, cut at zero.
// With LimitsSigma: ḡ ± 3 √(ḡ(ḡ+1)), cut at zero.
//
// t with LimitsSigma: the XmR chart of y = t^(1/3.6), which makes exponential times
// nearly normal, turned back; center and limits are not symmetric. With
// LimitsProbability: the quantiles of the exponential distribution of mean t̄, center
// its median. A time of zero (two events on one day) is kept.
//
// R: qcc::qcc(x, type = "g"); qicharts2::qic(x, chart = "g"), chart = "t". Benneyan
// 2001, 10.1023/A:1011846412909; Nelson 1994, Journal of Quality
// Technology 26:239.

func gLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	l := newLimits(len(all))
	l.level = meanOf(having(values(base, meanOfPeriod)))
	if o.Standard != nil {
		l.level = o.Standard.Center
	}
	if !(l.level > 0) {
		c.warn(analysis.WarnNoVariance, "no patient lies between events, so there are no limits", "")
		l.none = true
		return l
	}
	mean := l.level
	if o.Limits != LimitsProbability {
		l.method = "g chart: ḡ ± 3 √(ḡ(ḡ+1)), cut at zero"
		l.spread = math.Sqrt(mean * (mean + 1))
		for i := range all {
			l.around(i, mean, l.spread, 0, math.Inf(1))
		}
		return l
	}
	l.method = "g chart: geometric quantiles at 0.00135, 0.5 and 0.99865, interpolated"
	rate := math.Log1p(1 / mean) // -log(ḡ/(ḡ+1))
	l.byQuantiles(all, func(p float64) float64 { return math.Max(0, -math.Log1p(-p)/rate-1) }, func(x float64) float64 { return -math.Expm1(-rate * (x + 1)) })
	return l
}

func tLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	const power = 3.6
	if o.Limits == LimitsProbability {
		l := newLimits(len(all))
		mean := meanOf(having(values(base, meanOfPeriod)))
		if !(mean > 0) {
			c.warn(analysis.WarnNoVariance, "no time lies between events, so there are no limits", "")
			l.none = true
			return l
		}
		l.method = "t chart: exponential quantiles at 0.00135, 0.5 and 0.99865"
		l.byQuantiles(all, func(p float64) float64 { return -mean * math.Log1p(-p) }, func(x float64) float64 { return -math.Expm1(-x / mean) })
		return l
	}
	turn := func(ps []Period) []Period {
		out := make([]Period, len(ps))
		for i, p := range ps {
			out[i], out[i].Mean = p, math.Pow(p.Mean, 1/power)
		}
		return out
	}
	o.Standard = nil
	l := xmrLimits(c, turn(base), turn(all), o)
	l.method = "t chart: " + l.method + "; of t^(1/3.6), turned back"
	l.z = make([]float64, len(all))
	back := func(y float64) float64 { return math.Pow(math.Max(0, y), power) }
	for i, p := range turn(all) {
		l.z[i] = score(p.Mean, l.center[i], l.sigma[i])
		l.center[i], l.low[i], l.high[i], l.sigma[i] = back(l.center[i]), back(l.low[i]), back(l.high[i]), math.NaN()
	}
	l.level, l.spread = back(l.level), math.NaN()
	return l
}

// byQuantiles sets center and limits by a distribution, and z by its probabilities.
func (l *limits) byQuantiles(all []Period, quantile, cdf func(float64) float64) {
	l.level, l.z = quantile(0.5), make([]float64, len(all))
	for i, p := range all {
		l.center[i], l.low[i], l.high[i] = l.level, quantile(tail), quantile(1-tail)
		l.z[i] = distuv.UnitNormal.Quantile(cdf(p.Mean))
	}
}
