// Package quality watches results over time and between sites: control charts of
// single values and of proportions with named rules, and funnel plots.
//
// A chart answers whether a series has changed beyond what chance gives, not
// whether it is good. Limits are of the series' own variation; targets and
// benchmarks are something else. Rebasing of a chart after a change is not here:
// leave the quarters before the change out.
package quality

import (
	"fmt"
	"math"

	"recoup/analysis"
)

// Better is which way is better.
type Better string

// The ways.
const (
	BetterUnknown Better = ""
	BetterHigher  Better = "higher"
	BetterLower   Better = "lower"
)

// Meaning is what a signal means for the patients.
type Meaning string

// The meanings of a signal.
const (
	NoSignal    Meaning = ""
	Improvement Meaning = "improvement"
	Concern     Meaning = "concern"
	Unclear     Meaning = "unclear" // a change, but which way is better is not known
)

// Rules of control charts.
const (
	RuleOutside    = "outside-limits" // a point beyond a limit of three sigma
	RuleRun        = "run"            // so many points in a row on one side of the center line
	RuleTrend      = "trend"          // so many points in a row, each higher (or each lower) than the one before
	RuleTwoOfThree = "two-of-three"   // two of three points in a row beyond two sigma on the same side
)

// Constants that turn a mean moving range into sigma.
const (
	D2Exact   = "exact"   // d2 = 2/√π = 1.128379...
	D2Rounded = "rounded" // d2 = 1.128
)

// screenFactor is how many mean moving ranges a moving range may be before it is
// screened: D4 of ranges of two, as printed in tables.
const screenFactor = 3.267

// MinPoints is the least number of points from which limits are worked out.
const MinPoints = 8

// Codes of warnings of this package.
const (
	WarnOverdispersed = "over-dispersed" // proportions vary more than chance gives
	WarnShortSeries   = "short-series"   // too few points, or sites, for limits
	WarnGap           = "gap"            // a series has points without a value
)

// ChartOptions are the settings of a control chart. Start from DefaultChart.
type ChartOptions struct {
	Better     Better
	D2         string // D2Exact or D2Rounded
	Screen     bool   // leave out, once, moving ranges over 3.267 times their mean
	Dispersion string // of a p chart: DispersionBinomial, DispersionLaney or DispersionAuto
	Run        int    // points of a run; 0 switches the rule off
	Trend      int    // points of a trend; 0 switches the rule off
	TwoOfThree bool
}

// DefaultChart is the chart with exact d2, no screening, binomial limits and two
// rules: a point outside the limits, and a run of 7.
var DefaultChart = ChartOptions{D2: D2Exact, Dispersion: DispersionBinomial, Run: 7}

// Measurement is one value of a series, such as a quarter's mean change.
type Measurement struct {
	Label string
	Value float64 // NaN where there is none
	N     int     // patients behind it
}

// Point is one point of a control chart.
type Point struct {
	Label     string
	Value     analysis.Num // none where the series has a gap
	Low, High analysis.Num // limits of three sigma
	Sigma     analysis.Num // at this point
	Range     analysis.Num // moving range from the point before, none at the first and beside gaps
	N, Events int
	Meaning   Meaning // of the gravest signal this point is part of: outside, run, two-of-three, trend
	Rules     []string
}

// Signal is a pattern that chance seldom gives.
type Signal struct {
	Rule     string
	From, To int // first and last point, from 0
	Meaning  Meaning
}

// Chart is a control chart.
type Chart struct {
	Kind       string // XmR, p or p'
	Center     analysis.Num
	Sigma      analysis.Num // of an XmR chart; that of a p chart differs from point to point
	SigmaZ     analysis.Num // of a p chart: how much wider than binomial the points vary, by moving ranges
	MeanRange  analysis.Num // mean moving range, after screening
	RangeLimit analysis.Num // upper limit of moving ranges, 3.267 times their mean
	Screened   int          // moving ranges left out
	Points     []Point
	Signals    []Signal
	Method     string // the conventions, in words
	Warnings   []analysis.Warning
}

// XmR returns the chart of single values (individuals and moving ranges).
//
//	sigma = mean |x_i - x_(i-1)| / d2,  limits = mean ± 3 sigma
//
// A gap (NaN) gives no moving range on either side and ends runs and trends.
// Under eight values there are no limits and no rules, with a warning. The order
// of the values matters; how many patients are behind each does not, so values of
// very unequal numbers of patients make the limits too wide for the large.
//
// R: qcc::qcc(x, type = "xbar.one") with rounded d2 and no screening;
// qicharts2::qic(x, chart = "i") with rounded d2 and screening. Shewhart 1931;
// Wheeler and Chambers 1992.
func XmR(values []Measurement, o ChartOptions) Chart {
	c := Chart{Kind: "XmR", Center: analysis.None, Sigma: analysis.None, SigmaZ: analysis.None, MeanRange: analysis.None, RangeLimit: analysis.None}
	var present []float64
	x := make([]float64, len(values))
	for i, m := range values {
		x[i] = m.Value
		if !math.IsNaN(m.Value) {
			present = append(present, m.Value)
		}
	}
	ranges := movingRanges(x)
	for i, m := range values {
		c.Points = append(c.Points, Point{
			Label: m.Label, Value: analysis.Num(m.Value), N: m.N,
			Low: analysis.None, High: analysis.None, Sigma: analysis.None, Range: analysis.Num(ranges[i]),
		})
	}
	c.Method = "individuals chart: mean ± 3 × mean moving range / d2; " + o.rangeWords() + "; " + o.ruleWords()
	if !c.enough(len(present), len(values)) {
		return c
	}
	mean, screened := o.meanRange(ranges)
	c.Screened = screened
	center := meanOf(present)
	c.Center, c.MeanRange, c.RangeLimit = analysis.Num(center), analysis.Num(mean), analysis.Num(screenFactor*mean)
	sigma := mean / o.d2()
	c.Sigma = analysis.Num(sigma)
	if math.IsNaN(sigma) {
		c.warn(WarnShortSeries, "no two neighbouring points have values, so there is no moving range and no limit", "fill the gaps in the series")
		return c
	}
	if sigma == 0 {
		c.warn(analysis.WarnNoVariance, "no point differs from its neighbour, so the limits lie on the center line", "")
	}
	for i := range c.Points {
		p := &c.Points[i]
		p.Sigma, p.Low, p.High = c.Sigma, analysis.Num(center-float64(3*sigma)), analysis.Num(center+float64(3*sigma))
	}
	c.judge(o)
	return c
}

// enough reports whether limits can be worked out, and warns of gaps.
func (c *Chart) enough(present, all int) bool {
	if present < all {
		c.warn(WarnGap, fmt.Sprintf("%d of %d points have no value; runs and trends end there", all-present, all), "")
	}
	if present >= MinPoints {
		return true
	}
	c.warn(WarnShortSeries, fmt.Sprintf("%d points with a value: under %d there are no limits and no rules are read", present, MinPoints), "wait for more quarters, or chart a shorter period")
	return false
}

func (c *Chart) warn(code, message, cure string) {
	c.Warnings = append(c.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

func meanOf(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v - x[0]
	}
	return x[0] + s/float64(len(x))
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
	var have []float64
	for _, r := range ranges {
		if !math.IsNaN(r) {
			have = append(have, r)
		}
	}
	if len(have) == 0 {
		return math.NaN(), 0
	}
	mean = meanOf(have)
	if !o.Screen {
		return mean, 0
	}
	var kept []float64
	for _, r := range have {
		if r <= screenFactor*mean {
			kept = append(kept, r)
		}
	}
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
