package quality

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// The X-bar chart is of means of subgroups, x̿ ± 3 σ/√n, and the S chart of their
// standard deviations, c4 σ ± 3 σ √(1 - c4²) cut at zero; x̿ is the mean of all
// patients. σ is that within subgroups: the root of the pooled variance over
// c4(Σ(n-1) + 1), or the mean of s/c4(n). A subgroup of one has a mean and no s: it
// is a gap of the S chart. Means of many patients vary more than σ/√n where periods
// truly differ: a warning says so, and the XmR chart is then the better one.
//
// R: qcc::qcc(x, type = "xbar", std.dev = "RMSDF") (pooled), "UWAVE-SD" (mean-sd);
// qcc's own default takes ranges, which lose information, and is not here.

func sdOfPeriod(p Period) float64 {
	if p.N < 2 {
		return math.NaN()
	}
	return p.SD
}

// withinSigma returns σ within subgroups, NaN where none has two values.
func withinSigma(base []Period, how string) float64 {
	sum, df, each, groups := 0.0, 0, 0.0, 0
	for _, p := range base {
		if s := sdOfPeriod(p); !math.IsNaN(s) {
			sum += float64(p.N-1) * s * s
			df += p.N - 1
			each += s / C4(p.N)
			groups++
		}
	}
	if how == SigmaMeanSD {
		return each / float64(groups)
	}
	return math.Sqrt(sum/float64(df)) / C4(df+1)
}

func (o ChartOptions) withinWords() string {
	switch {
	case o.Standard != nil:
		return "σ given"
	case o.Sigma == SigmaMeanSD:
		return "σ the mean of s/c4"
	}
	return "σ from the pooled variance, over c4"
}

func xbarLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	l := newLimits(len(all))
	l.method = "X-bar chart: mean ± 3 σ/√n, " + o.withinWords()
	var first, sum, n float64
	for i, p := range base {
		if i == 0 || n == 0 {
			first = p.Mean
		}
		if p.N > 0 && !math.IsNaN(p.Mean) {
			sum += float64(p.N) * (p.Mean - first)
			n += float64(p.N)
		}
	}
	l.level, l.spread = first+sum/n, withinSigma(base, o.Sigma)
	if o.Standard != nil {
		l.level, l.spread = o.Standard.Center, o.Standard.Sigma
	}
	if !c.spreads(&l) {
		return l
	}
	q, k := 0.0, 0
	for i, p := range all {
		if p.N == 0 || math.IsNaN(p.Mean) {
			continue
		}
		l.around(i, l.level, l.spread/math.Sqrt(float64(p.N)), math.Inf(-1), math.Inf(1))
		if i < len(base) {
			z := score(p.Mean, l.center[i], l.sigma[i])
			q, k = q+float64(z*z), k+1
		}
	}
	if over := (distuv.ChiSquared{K: math.Max(1, float64(k-1))}).Survival(q) < 0.05; over && o.Standard == nil {
		c.warn(WarnOverdispersed, fmt.Sprintf("the means vary more than the patients within them give (chi-square %.1f on %d degrees of freedom): the level has changed, or the limits are too narrow", q, k-1), "look at the rules, and compare with type=xmr")
	}
	return l
}

func sLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	l := newLimits(len(all))
	l.method = "S chart: c4 σ ± 3 σ √(1 - c4²), " + o.withinWords()
	l.spread = withinSigma(base, o.Sigma)
	if o.Standard != nil {
		l.spread = o.Standard.Sigma
	}
	if !c.spreads(&l) {
		return l
	}
	l.level = math.NaN()
	same := true
	for i, p := range all {
		if math.IsNaN(sdOfPeriod(p)) {
			continue
		}
		c4 := C4(p.N)
		l.around(i, c4*l.spread, l.spread*math.Sqrt(1-c4*c4), 0, math.Inf(1))
		same = same && (math.IsNaN(l.level) || l.level == l.center[i])
		l.level = l.center[i]
	}
	if !same {
		l.level = math.NaN() // the center moves with n
	}
	return l
}

// spreads warns of a σ that is not there or is zero, and says whether limits can be.
func (c *Chart) spreads(l *limits) bool {
	switch {
	case math.IsNaN(l.spread):
		c.warn(WarnShortSeries, "no period has two patients, so there is no variation within periods and no limit", "take type=xmr, or longer periods")
	case l.spread == 0:
		c.warn(analysis.WarnNoVariance, "patients within a period do not differ, so chance gives no spread and there are no limits", "take type=xmr")
	default:
		return true
	}
	l.none = true
	return false
}
