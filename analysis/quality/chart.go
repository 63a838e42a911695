// Package quality watches results over time and between sites.
//
// Over time: control charts (xmr.go for single values, proportion.go for p and p',
// rate.go for u, u', c and np, subgroup.go for X-bar and S, rare.go for g and t,
// ewma.go for smoothed values) share one engine (chart.go), one set of run rules
// (rules.go) and one summary (summary.go). Case by case: cusum.go and vlad.go,
// adjusted for risk by risk.go. Between sites: funnel.go, ratio.go for standardised
// ratios, hierarchy.go for shrunken effects, benchmark.go.
//
// A chart answers whether a series has changed beyond what chance gives, not
// whether it is good. Limits are of the series' own variation; targets and
// benchmarks are something else.
package quality

import (
	"fmt"
	"math"
	"slices"
	"strings"

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

// MinPoints is the least number of points from which limits are worked out.
const MinPoints = 8

// Codes of warnings of this package.
const (
	WarnOverdispersed = "over-dispersed" // proportions vary more than chance gives
	WarnShortSeries   = "short-series"   // too few points, or sites, for limits
	WarnGap           = "gap"            // a series has points without a value
)

// Kinds of control charts.
const (
	KindXmR    = "xmr"
	KindP      = "p"
	KindPPrime = "p-prime"
	KindNP     = "np"
	KindU      = "u"
	KindUPrime = "u-prime"
	KindC      = "c"
	KindXBar   = "x-bar"
	KindS      = "s"
	KindG      = "g"
	KindT      = "t"
)

// Ways to find sigma.
const (
	SigmaDefault     = ""                    // the kind's own
	SigmaRange       = "moving-range"        // mean moving range / d2
	SigmaMedianRange = "median-moving-range" // median moving range / 0.9539
	SigmaSD          = "sd"                  // SD of the values / c4: wide after a change of level
	SigmaPooled      = "pooled"              // within subgroups, pooled variance
	SigmaMeanSD      = "mean-sd"             // within subgroups, mean of s/c4
)

// Limits of charts of counts.
const (
	LimitsSigma       = "sigma"       // center ± 3 sigma
	LimitsProbability = "probability" // the counts beyond which lie 0.00135 on each side
)

// Period is one point of a series before it is charted.
type Period struct {
	Label    string
	N        int     // patients behind it
	Events   int     // of p, np, u and c charts
	Exposure float64 // of u charts: patients, months; 0 for N
	Mean     float64 // of single values, means and gaps between events; NaN where there is none
	SD       float64 // of X-bar and S charts
}

func (p Period) exposure() float64 {
	if p.Exposure > 0 {
		return p.Exposure
	}
	return float64(p.N)
}

// Rebase starts the limits of a chart anew, and says who decided so, when and why.
type Rebase struct{ At, By, On, Why string } // At is the label of the first point of the new limits

// Standard is a center and sigma that are given, not worked out.
type Standard struct{ Center, Sigma float64 }

// ChartOptions are the settings of a control chart. Start from DefaultChart.
type ChartOptions struct {
	Better     Better
	Sigma      string // how sigma is found; SigmaDefault for the kind's own
	D2         string // D2Exact or D2Rounded
	Screen     bool   // leave out, once, moving ranges over 3.267 times their mean
	Dispersion string // of p and u charts: DispersionBinomial (chance alone), DispersionLaney or DispersionAuto
	Limits     string // of p, u, c, g: LimitsSigma or LimitsProbability
	Baseline   int    // limits from the first so many points of each phase; 0 for all
	Rebases    []Rebase
	Standard   *Standard // nil: worked out
	EWMA       float64   // weight of the newest point, 0 for a chart of the points themselves
	EWMAWidth  float64   // sigmas of the limits of smoothed values; 0 for 3

	// The rules beside a point outside the limits; 0 switches one off. Rules fills them
	// by the name of a set.
	Run         int  // points in a row on one side of the center
	Trend       int  // points in a row rising or falling
	TwoOfThree  bool // beyond two sigma on one side
	FourOfFive  bool // beyond one sigma on one side
	Alternating int  // points in a row up and down by turns
	Within      int  // points in a row within one sigma
	Beyond      int  // points in a row beyond one sigma, on both sides
	Anhoej      bool // longest run and crossings by the length of the series
}

// DefaultChart is the chart with exact d2, no screening, limits by chance alone and
// two rules: a point outside the limits, and a run of 7.
var DefaultChart = ChartOptions{D2: D2Exact, Dispersion: DispersionBinomial, Limits: LimitsSigma, Run: 7}

// Point is one point of a control chart.
type Point struct {
	Label     string
	Value     analysis.Num // none where the series has a gap
	Center    analysis.Num
	Low, High analysis.Num // limits of three sigma
	Sigma     analysis.Num // at this point
	Z         analysis.Num // how many sigma from the center
	Range     analysis.Num // moving range from the point before, none at the first and beside gaps
	N, Events int
	Meaning   Meaning // of the gravest signal this point is part of: outside first, then the rules in order
	Rules     []string
}

// Signal is a pattern that chance seldom gives.
type Signal struct {
	Rule     string
	From, To int // first and last point, from 0
	Meaning  Meaning
}

// Phase is a part of a chart with limits of its own.
type Phase struct {
	From, To      int // first and last point, from 0
	Center, Sigma analysis.Num
	Rebase        Rebase // empty for the first
}

// Chart is a control chart. Center, Sigma, SigmaZ and what follows are those of its
// last phase.
type Chart struct {
	Kind       string // XmR, p, p', u ...
	Center     analysis.Num
	Sigma      analysis.Num // where it is the same at all points
	SigmaZ     analysis.Num // of counts: how much wider than chance the points vary, by moving ranges
	MeanRange  analysis.Num // mean moving range, after screening
	RangeLimit analysis.Num // upper limit of moving ranges, 3.267 times their mean
	Screened   int          // moving ranges left out
	Points     []Point
	Phases     []Phase
	Signals    []Signal
	Runs       Runs   // of the last phase
	Method     string // the conventions, in words
	Warnings   []analysis.Warning
}

// limits are what a kind of chart works out for one phase: slices by its points.
type limits struct {
	kind, method             string
	level, spread            float64 // center and sigma of the phase, NaN where they differ by point
	center, sigma, low, high []float64
	z                        []float64 // nil: (value - center)/sigma
	sigmaZ, meanRange        float64
	screened                 int
	none                     bool // no limits; a warning says why
}

func newLimits(n int) limits {
	l := limits{level: math.NaN(), spread: math.NaN(), sigmaZ: math.NaN(), meanRange: math.NaN()}
	for _, s := range []*[]float64{&l.center, &l.sigma, &l.low, &l.high} {
		*s = slices.Repeat([]float64{math.NaN()}, n)
	}
	return l
}

// around sets center ± 3 sigma at a point, cut to [least, most].
func (l *limits) around(i int, center, sigma, least, most float64) {
	l.center[i], l.sigma[i] = center, sigma
	l.low[i], l.high[i] = math.Max(least, center-float64(3*sigma)), math.Min(most, center+float64(3*sigma))
}

// kind is one kind of chart: the value of a point and the limits of a phase, worked
// out from its first points, base.
type kind struct {
	title  string
	value  func(Period) float64
	limits func(c *Chart, base, all []Period, o ChartOptions) limits
	sigmas []string // the ways to find sigma that it knows, its own first
}

var kinds = map[string]kind{
	KindXmR:    {"XmR", meanOfPeriod, xmrLimits, []string{SigmaRange, SigmaMedianRange, SigmaSD}},
	KindP:      {"p", shareOfPeriod, shareLimits, nil},
	KindPPrime: {"p'", shareOfPeriod, laney(shareLimits), nil},
	KindNP:     {"np", countOfPatients, npLimits, nil},
	KindU:      {"u", rateOfPeriod, rateLimits, nil},
	KindUPrime: {"u'", rateOfPeriod, laney(rateLimits), nil},
	KindC:      {"c", countOfPeriod, cLimits, nil},
	KindXBar:   {"X-bar", meanOfPeriod, xbarLimits, []string{SigmaPooled, SigmaMeanSD}},
	KindS:      {"S", sdOfPeriod, sLimits, []string{SigmaPooled, SigmaMeanSD}},
	KindG:      {"g", meanOfPeriod, gLimits, nil},
	KindT:      {"t", meanOfPeriod, tLimits, nil},
}

func laney(f func(c *Chart, base, all []Period, o ChartOptions) limits) func(c *Chart, base, all []Period, o ChartOptions) limits {
	return func(c *Chart, base, all []Period, o ChartOptions) limits {
		o.Dispersion = DispersionLaney
		return f(c, base, all, o)
	}
}

// ControlChart returns the control chart of a kind. Points keep their order. A point
// without a value is a gap: it has no limits, gives no moving range to either side,
// and ends runs and trends. A phase (all points, or those between two rebases) with
// under eight values has no limits and no rules are read in it, with a warning. Rules
// look no further than their phase.
//
// Errors wrap analysis.ErrOptions: a kind that there is not, a sigma that the kind
// does not know, a rebase at a label that is not there or that does not say who, when
// and why.
func ControlChart(name string, series []Period, o ChartOptions) (Chart, error) {
	k, ok := kinds[name]
	if !ok {
		return Chart{}, fmt.Errorf("%w: there is no control chart %q", analysis.ErrOptions, name)
	}
	if o.Sigma != SigmaDefault && !slices.Contains(k.sigmas, o.Sigma) {
		return Chart{}, fmt.Errorf("%w: the %s chart has no sigma %q; expected none or one of: %s", analysis.ErrOptions, k.title, o.Sigma, strings.Join(k.sigmas, ", "))
	}
	if o.EWMA < 0 || o.EWMA > 1 || o.Baseline < 0 {
		return Chart{}, fmt.Errorf("%w: expected a weight of smoothing from 0 to 1 and a baseline of no fewer than 0 points", analysis.ErrOptions)
	}
	phases, err := phasesOf(series, o.Rebases)
	if err != nil {
		return Chart{}, err
	}
	return draw(k, series, phases, o), nil
}

// draw charts a series whose settings have been checked.
func draw(k kind, series []Period, phases []Phase, o ChartOptions) Chart {
	c := Chart{Kind: k.title, Center: analysis.None, Sigma: analysis.None, SigmaZ: analysis.None, MeanRange: analysis.None, RangeLimit: analysis.None, Runs: noRuns}
	values := make([]float64, len(series))
	for i, p := range series {
		values[i] = k.value(p)
	}
	ranges := movingRanges(values)
	for i, p := range series {
		c.Points = append(c.Points, Point{
			Label: p.Label, N: p.N, Events: p.Events, Value: analysis.Num(values[i]), Range: analysis.Num(ranges[i]),
			Center: analysis.None, Low: analysis.None, High: analysis.None, Sigma: analysis.None, Z: analysis.None,
		})
	}
	c.gaps()
	for _, ph := range phases {
		c.Phases = append(c.Phases, c.phase(k, series, ph, o))
	}
	c.judge(o)
	if c.Method == "" {
		c.Method = k.title + " chart"
	}
	c.Method += "; " + o.ruleWords()
	return c
}

// one is the phase of a chart without rebases.
func one(n int) []Phase { return []Phase{{From: 0, To: n - 1}} }

// phasesOf parts a series where it is rebased.
func phasesOf(series []Period, rebases []Rebase) ([]Phase, error) {
	phases := one(len(series))
	for _, r := range rebases {
		if r.By == "" || r.On == "" || r.Why == "" {
			return nil, fmt.Errorf("%w: a rebase says where, who decided it, when and why", analysis.ErrOptions)
		}
		at := slices.IndexFunc(series, func(p Period) bool { return p.Label == r.At })
		last := &phases[len(phases)-1]
		if at <= last.From {
			return nil, fmt.Errorf("%w: expected each rebase at a point of the series after its first and in order, and %q is none", analysis.ErrOptions, r.At)
		}
		last.To = at - 1
		phases = append(phases, Phase{From: at, To: len(series) - 1, Rebase: r})
	}
	return phases, nil
}

func (c *Chart) gaps() {
	present := 0
	for _, p := range c.Points {
		if p.Value.OK() {
			present++
		}
	}
	if n := len(c.Points); present < n {
		c.warn(WarnGap, fmt.Sprintf("%d of %d points have no value; runs and trends end there", n-present, n), "")
	}
}

// phase works out the limits of one phase and puts them on its points.
func (c *Chart) phase(k kind, series []Period, ph Phase, o ChartOptions) Phase {
	ph.Center, ph.Sigma = analysis.None, analysis.None
	c.Center, c.Sigma, c.SigmaZ, c.MeanRange, c.RangeLimit, c.Screened = analysis.None, analysis.None, analysis.None, analysis.None, analysis.None, 0
	all := series[ph.From : ph.To+1]
	base := all
	if o.Baseline > 0 && o.Baseline < len(all) {
		base = all[:o.Baseline]
	}
	present := 0
	for _, p := range base {
		if !math.IsNaN(k.value(p)) {
			present++
		}
	}
	if present < MinPoints && o.Standard == nil {
		c.warn(WarnShortSeries, fmt.Sprintf("%d points with a value: under %d there are no limits and no rules are read", present, MinPoints), "wait for more periods, or chart shorter ones")
		return ph
	}
	l := k.limits(c, base, all, o)
	c.Method = l.method
	if l.kind != "" {
		c.Kind = l.kind
	}
	ph.Center, ph.Sigma = analysis.Num(l.level), analysis.Num(l.spread)
	c.Center, c.Sigma, c.SigmaZ, c.Screened = ph.Center, ph.Sigma, analysis.Num(l.sigmaZ), l.screened
	c.MeanRange, c.RangeLimit = analysis.Num(l.meanRange), analysis.Num(screenFactor*l.meanRange)
	if l.none {
		return ph
	}
	if o.EWMA > 0 {
		c.smooth(&l, ph, o)
	}
	for i := range all {
		p := &c.Points[ph.From+i]
		if !p.Value.OK() && k.title != "XmR" {
			continue // limits of unequal sizes need the size
		}
		p.Center, p.Low, p.High, p.Sigma = analysis.Num(l.center[i]), analysis.Num(l.low[i]), analysis.Num(l.high[i]), analysis.Num(l.sigma[i])
		p.Z = analysis.Num(score(float64(p.Value), l.center[i], l.sigma[i]))
		if l.z != nil {
			p.Z = analysis.Num(l.z[i])
		}
	}
	return ph
}

// score is how many sigma a value lies from the center; 0 where only rounding parts
// them.
func score(value, center, sigma float64) float64 {
	d := value - center
	if math.Abs(d) <= 1e-14*math.Max(math.Abs(center), math.Abs(value)) {
		return 0
	}
	return d / sigma
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

// having returns the values that there are.
func having(x []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(x), math.IsNaN)
}

// values returns the values of periods.
func values(ps []Period, of func(Period) float64) []float64 {
	out := make([]float64, len(ps))
	for i, p := range ps {
		out[i] = of(p)
	}
	return out
}
