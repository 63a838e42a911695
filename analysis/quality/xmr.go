package quality

import (
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// Constants that turn a mean moving range into sigma.
const (
	D2Exact   = "exact"   // d2 = 2/√π = 1.128379...
	D2Rounded = "rounded" // d2 = 1.128
)

// screenFactor is how many mean moving ranges a moving range may be before it is
// screened: D4 of ranges of two, as printed in tables.
const screenFactor = 3.267

// medianRange is the median of |x - y| of two normal values of variance one, by
// which a median moving range is divided: √2 times the upper quartile of the normal.
const medianRange = 0.9538725524 // math.Sqrt2 * 0.6744897502

// Measurement is one value of a series, such as a quarter's mean change.
type Measurement struct {
	Label string
	Value float64 // NaN where there is none
	N     int     // patients behind it
}

// XmR returns the chart of single values (individuals and moving ranges).
//
//	sigma = mean |x_i - x_(i-1)| / d2,  limits = mean ± 3 sigma
//
// sigma may be the median moving range / 0.954 instead, which a few jumps do not
// widen, or the SD / c4, which a change of level widens. A gap (NaN) gives no moving
// range on either side and ends runs and trends. Under eight values there are no
// limits and no rules, with a warning. The order of the values matters; how many
// patients are behind each does not, so values of very unequal numbers of patients
// make the limits too wide for the large. A sigma that the chart does not know is
// taken as the mean moving range, and rebases that cannot be are left out:
// ControlChart refuses both.
//
// R: qcc::qcc(x, type = "xbar.one") with rounded d2 and no screening;
// qicharts2::qic(x, chart = "i") with rounded d2 and screening. Shewhart 1931;
// Wheeler and Chambers 1992.
func XmR(series []Measurement, o ChartOptions) Chart {
	ps := make([]Period, len(series))
	for i, m := range series {
		ps[i] = Period{Label: m.Label, N: m.N, Mean: m.Value}
	}
	return lenient(KindXmR, ps, o)
}

// lenient charts without what cannot be.
func lenient(name string, ps []Period, o ChartOptions) Chart {
	phases, err := phasesOf(ps, o.Rebases)
	if err != nil {
		phases = one(len(ps))
	}
	return draw(kinds[name], ps, phases, o)
}

func meanOfPeriod(p Period) float64 { return p.Mean }

func xmrLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	l := newLimits(len(all))
	x := values(base, meanOfPeriod)
	have := having(x)
	ranges := movingRanges(x)
	l.meanRange, l.screened = o.meanRange(ranges)
	switch {
	case o.Standard != nil:
		l.level, l.spread = o.Standard.Center, o.Standard.Sigma
		l.method = "individuals chart: center and sigma given, limits center ± 3 sigma"
	case o.Sigma == SigmaSD:
		l.level, l.spread = meanOf(have), fit.Describe(have).SD/C4(len(have))
		l.method = "individuals chart: mean ± 3 × SD / c4"
	case o.Sigma == SigmaMedianRange:
		l.level = meanOf(have)
		if r := having(ranges); len(r) > 0 {
			l.spread = fit.Quantile(r, 0.5) / medianRange
		}
		l.method = "individuals chart: mean ± 3 × median moving range / 0.954"
	default:
		l.level, l.spread = meanOf(have), l.meanRange/o.d2()
		l.method = "individuals chart: mean ± 3 × mean moving range / d2; " + o.rangeWords()
	}
	if math.IsNaN(l.spread) {
		c.warn(WarnShortSeries, "no two neighbouring points have values, so there is no moving range and no limit", "fill the gaps in the series")
		l.none = true
		return l
	}
	if l.spread == 0 {
		c.warn(analysis.WarnNoVariance, "sigma is zero: no point, or too few, differ from their neighbours, so the limits lie on the center line", "")
	}
	for i := range all {
		l.around(i, l.level, l.spread, math.Inf(-1), math.Inf(1))
	}
	return l
}

// movingRanges returns |x_i - x_(i-1)|, NaN at the first point and beside gaps.
func movingRanges(x []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = math.NaN()
		if i > 0 {
			out[i] = math.Abs(x[i] - x[i-1])
		}
	}
	return out
}

func (o ChartOptions) d2() float64 {
	if o.D2 == D2Rounded {
		return 1.128
	}
	return 2 / math.Sqrt(math.Pi)
}

// meanRange returns the mean of the moving ranges that there are, after screening
// once where asked, and how many were screened out.
func (o ChartOptions) meanRange(ranges []float64) (mean float64, screened int) {
	have := having(ranges)
	if len(have) == 0 {
		return math.NaN(), 0
	}
	mean = meanOf(have)
	if !o.Screen {
		return mean, 0
	}
	limit := screenFactor * mean
	kept := slices.DeleteFunc(slices.Clone(have), func(r float64) bool { return r > limit })
	return meanOf(kept), len(have) - len(kept) // the smallest is never over its mean
}

func (o ChartOptions) rangeWords() string {
	s := "d2 = 2/√π"
	if o.D2 == D2Rounded {
		s = "d2 = 1.128"
	}
	if o.Screen {
		return s + ", moving ranges over 3.267 times their mean left out once"
	}
	return s + ", no screening of moving ranges"
}

// C4 returns the mean of the SD of n normal values of variance one,
// √(2/(n-1)) Γ(n/2)/Γ((n-1)/2); NaN under 2.
func C4(n int) float64 {
	if n < 2 {
		return math.NaN()
	}
	a, _ := math.Lgamma(float64(n) / 2)
	b, _ := math.Lgamma(float64(n-1) / 2)
	return math.Sqrt(2/float64(n-1)) * math.Exp(a-b)
}
