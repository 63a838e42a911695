package quality

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// What a control chart of a cohort is of, beside what EventOptions count.
const (
	MeasureChange = "change" // mean change from baseline
	MeasureVisit  = "visit"  // mean at the visit
	MeasureCount  = "count"  // the outcome itself counts something, such as visits to an emergency room
)

// RuleSettings are the settings of rules.
type RuleSettings struct {
	Run        int  `opt:"run" doc:"points in a row on one side of the center that are a signal; 0: no such rule"`
	Trend      int  `opt:"trend" doc:"points in a row rising or falling that are a signal, such as 6; 0: no such rule"`
	TwoOfThree bool `opt:"two_of_three" doc:"two of three points in a row beyond two sigma on one side are a signal"`
}

// RangeSettings are the settings of moving ranges.
type RangeSettings struct {
	D2     string `opt:"d2" doc:"constant of moving ranges: exact 2/√π, or rounded 1.128" choices:"exact|rounded"`
	Screen bool   `opt:"screen" doc:"leave out, once, moving ranges over 3.267 times their mean"`
}

// ChartSettings are the settings of quality/control-chart.
type ChartSettings struct {
	Type        string   `opt:"type" doc:"kind of chart; auto: p of shares, p' where over-dispersed; u or u' of counts; XmR of means" choices:"auto|xmr|p|p-prime|np|u|u-prime|c|x-bar|s|g|t"`
	Measure     string   `opt:"measure" doc:"responders, completion of the program, seen at the visit; mean change or mean at the visit; or count: the outcome itself counts something at the visit" choices:"responders|completion|seen|change|visit|count"`
	Counted     string   `opt:"counted" doc:"of responders, completion and seen: those to whom it happened, or the others, as g and t charts of rare failures want" choices:"those|others"`
	Rule        string   `opt:"rule" doc:"of responders: improved by the threshold in percent of baseline or in points, at the threshold or better at the visit, or by the instrument's important difference" choices:"percent|points|at-most|important"`
	Threshold   float64  `opt:"threshold" doc:"of the rule; not used by important"`
	Direction   string   `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Denominator string   `opt:"denominator" doc:"of responders: all patients, those not judged counted as not improved, or those seen" choices:"all|seen"`
	Period      string   `opt:"period" doc:"of discharge, else of admission, patient by patient; by quarter also the column with role period" choices:"quarter|month"`
	Dispersion  string   `opt:"dispersion" doc:"of p, np, u and c: limits by chance alone, by Laney's method, or by it where over-dispersion is found" choices:"binomial|laney|auto"`
	Limits      string   `opt:"limits" doc:"of p, np, u, c, g and t: three sigma, or the values beyond which lie 0.00135 on each side" choices:"sigma|probability"`
	Sigma       string   `opt:"sigma" doc:"of xmr: moving-range, median-moving-range or sd; of x-bar and s: pooled or mean-sd; own: the first of them" choices:"own|moving-range|median-moving-range|sd|pooled|mean-sd"`
	Baseline    int      `opt:"baseline" doc:"limits from the first so many points of each phase; 0: all"`
	Rebase      []string `opt:"rebase" doc:"where limits start anew, with who decided it, when and why: 2025Q1;A. Smith;2025-03-01;second group room"`
	Target      string   `opt:"target" doc:"number that the limits are held against, or none"`
	EWMA        float64  `opt:"ewma" doc:"weight of the newest point of exponentially weighted averages, such as 0.2; 0: the points themselves"`
	Rules       string   `opt:"rules" doc:"set of rules by name, or chosen: those of run, trend and two_of_three" choices:"chosen|shewhart|western-electric|nelson|making-data-count|anhoej"`
	RangeSettings
	RuleSettings
}

var chartDefaults = ChartSettings{
	Type: "auto", Measure: DefaultEvents.Measure, Counted: "those", Rule: DefaultEvents.Rule, Threshold: DefaultEvents.Threshold, Direction: DefaultEvents.Direction,
	Denominator: DefaultEvents.Denominator, Period: ByQuarter, Dispersion: DispersionAuto, Limits: LimitsSigma, Sigma: "own", Target: "none", Rules: RulesChosen,
	RangeSettings: RangeSettings{D2: DefaultChart.D2}, RuleSettings: RuleSettings{Run: DefaultChart.Run},
}

// ControlChartAnalysis is quality/control-chart: any control chart of a cohort.
var ControlChartAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/control-chart",
	Title:    "Control chart",
	Estimand: "the share, mean or count of each period, and whether it has changed beyond what chance, or the series' own variation, gives",
	Doc: `Terms: the value of each period (share, mean, rate, sd or between, in Subgroup), center, sigma_z or sigma, signals (patterns that the rules find). The table chart has limits and zones, phases who rebased when and why, summary the two words of Making Data Count: variation (of the last point) and assurance (limits against the target), signals what was found.
Kinds, limits of 3 sigma unless limits=probability:
  p, np    p̄ ± 3 sqrt(p̄(1-p̄)/n); p-prime times sigma_z, the mean moving range of z over d2
  u, c     ū ± 3 sqrt(ū/e), e the patients with a value; u-prime times sigma_z; c counts whatever the exposure
  xmr      mean ± 3 mean moving range / d2 (sigma=median-moving-range: median/0.954; sd: SD/c4)
  x-bar, s mean ± 3 sigma/sqrt(n), and c4 sigma ± 3 sigma sqrt(1-c4²), sigma within periods (pooled/c4, or mean of s/c4)
  g, t     patients, or days, from one event to the next, in order of date; limits=probability is the sound choice for g
auto takes p (p' where a chi-square test finds over-dispersion), u likewise for counts, xmr for means. ewma smooths any of them but g and t, and then a point outside is the only rule.
Rules by name: shewhart; western-electric (2 of 3 beyond 2 sigma, 4 of 5 beyond 1, 8 on one side); nelson (all eight, a run of 9); making-data-count (run of 7, trend of 6, 2 of 3); anhoej (longest run, crossings); chosen (run, trend, two_of_three). All have a point outside the limits.
A phase with under 8 values has no limits. A period without patients is a gap: no line, no run, no moving range across it. Rebasing needs who, when and why, and rules look no further than their phase.
The latest periods lack follow-up that is not yet due: with denominator=all they look worse than they are.
R: qcc::qcc, qcc::ewma; qicharts2::qic (d2=rounded, screen=true).`,
	Refs: []string{"Wheeler and Chambers 1992, Understanding Statistical Process Control, 2nd ed.", "Laney 2002, 10.1081/QEN-120003555", "Nelson 1984, 10.1080/00224065.1984.11978921", "Benneyan 2001, 10.1023/A:1011846412909", "Anhøj and Olesen 2014, 10.1371/journal.pone.0113825", "Roberts 1959, 10.1080/00401706.1959.10489860"},
}, chartDefaults, runChart)

// PChartOptions are the settings of quality/p-chart.
type PChartOptions struct {
	EventOptions
	Dispersion string `opt:"dispersion" doc:"limits by chance alone, by Laney's p', or by p' where over-dispersion is found" choices:"binomial|laney|auto"`
	RangeSettings
	RuleSettings
}

// PChartAnalysis is quality/p-chart: a share by quarter, with limits and rules.
var PChartAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/p-chart",
	Title:    "Share by quarter (p chart)",
	Estimand: "the share of responders, of completion or of patients seen in each quarter, and whether it has changed beyond what chance gives",
	Doc: `Terms: share of each quarter (in Subgroup) with a Wilson interval, center (all quarters together), sigma_z (spread between neighbouring quarters over what chance gives), signals (patterns that the rules find). The table chart has the limits, the table signals what was found; a signal is an improvement or a concern by the direction that is better.
Limits: p̄ ± 3 sqrt(p̄(1-p̄)/n), cut to [0, 1]; Laney's p' multiplies by sigma_z. Rules: a point outside the limits, 7 in a row on one side of the center; on request 6 rising or falling, 2 of 3 beyond 2 sigma.
Under 8 quarters with patients there are no limits. A quarter without patients is a gap. Quarters are those of the cohort: of discharge, else of admission, else the period column.
The latest quarters lack follow-up that is not yet due: with denominator=all they look worse than they are.
quality/control-chart has months, rebasing, exact limits, named sets of rules and a target.
R: qcc::qcc(x, sizes = n, type = "p"); qicharts2::qic(x, n, chart = "pp").`,
	Refs: []string{"Laney 2002, 10.1081/QEN-120003555", "Wilson 1927, 10.1080/01621459.1927.10502953"},
}, PChartOptions{EventOptions: DefaultEvents, Dispersion: DefaultChart.Dispersion, RangeSettings: chartDefaults.RangeSettings, RuleSettings: chartDefaults.RuleSettings},
	func(ctx context.Context, in analysis.Input, q analysis.Question, o PChartOptions) (analysis.Result, error) {
		s := chartDefaults
		s.Type, s.Measure, s.Rule, s.Threshold, s.Direction, s.Denominator = KindP, o.Measure, o.Rule, o.Threshold, o.Direction, o.Denominator
		s.Dispersion, s.RangeSettings, s.RuleSettings = o.Dispersion, o.RangeSettings, o.RuleSettings
		return runChart(ctx, in, q, s)
	})

// XmROptions are the settings of quality/xmr.
type XmROptions struct {
	Value     string `opt:"value" doc:"what is charted: the mean change from baseline of patients with both values, or the mean at the visit" choices:"change|visit"`
	Direction string `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	RangeSettings
	RuleSettings
}

// XmRAnalysis is quality/xmr: a mean change by quarter, with limits and rules.
var XmRAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/xmr",
	Title:    "Mean change by quarter (XmR chart)",
	Estimand: "the mean change from baseline in each quarter, and whether it has changed beyond the variation of the series itself",
	Doc: `Terms: mean of each quarter (in Subgroup) with Student's t interval, center (mean of the quarters), sigma, signals (patterns that the rules find). The table chart has the limits and moving ranges, the table signals what was found.
sigma = mean moving range / d2, limits = center ± 3 sigma; d2 = 2/sqrt(pi) (d2=rounded: 1.128), moving ranges over 3.267 times their mean left out once where screen=true. Rules: a point outside the limits, 7 in a row on one side of the center; on request 6 rising or falling, 2 of 3 beyond 2 sigma.
Every quarter counts alike, whatever its number of patients. Available cases: patients with the values needed. Under 8 quarters with values there are no limits; a quarter without is a gap.
quality/control-chart has months, rebasing, other sigmas, named sets of rules and a target.
R: qcc::qcc(x, type = "xbar.one") is d2=rounded without screening; qicharts2::qic(x, chart = "i") is d2=rounded with screening.`,
	Refs:  []string{"Wheeler and Chambers 1992, Understanding Statistical Process Control, 2nd ed."},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, XmROptions{Value: MeasureChange, Direction: "instrument", RangeSettings: chartDefaults.RangeSettings, RuleSettings: chartDefaults.RuleSettings},
	func(ctx context.Context, in analysis.Input, q analysis.Question, o XmROptions) (analysis.Result, error) {
		s := chartDefaults
		s.Type, s.Measure, s.Direction, s.RangeSettings, s.RuleSettings = KindXmR, o.Value, o.Direction, o.RangeSettings, o.RuleSettings
		return runChart(ctx, in, q, s)
	})

// charted is what a chart is of.
type charted struct {
	values   []float64 // by patient, NaN for who does not count
	words    string
	unit     string // of values
	better   Better
	counts   bool // values are 1 and 0
	warnings []analysis.Warning
	excluded []datasets.Exclusion
}

// chartedOf reads what is charted.
func chartedOf(in analysis.Input, q analysis.Question, o ChartSettings) (charted, error) {
	switch o.Measure {
	case MeasureChange, MeasureVisit, MeasureCount:
		return measured(in, q, o)
	}
	e := EventOptions{o.Measure, o.Rule, o.Threshold, o.Direction, o.Denominator}
	values, words, warnings, excluded, err := Events(in, q, e)
	c := charted{values: values, words: words, better: BetterHigher, counts: true, warnings: warnings, excluded: excluded}
	if o.Counted == "others" {
		c.better, c.words = BetterLower, "not: "+words
		for p, v := range values {
			c.values[p] = 1 - v
		}
	}
	return c, err
}

func measured(in analysis.Input, q analysis.Question, o ChartSettings) (charted, error) {
	p, err := in.Pair(q)
	if err != nil {
		return charted{}, err
	}
	patients, excluded, err := counted(in, q)
	if err != nil {
		return charted{}, err
	}
	c := charted{unit: p.Field.Unit, excluded: excluded}
	c.better, c.warnings = direction(p, o.Direction)
	if len(c.warnings) > 0 {
		c.better = BetterUnknown
		c.warnings[0].Message = "the outcome has no instrument, so which way is better is not known and what a signal means is unclear"
	}
	values := p.After
	switch o.Measure {
	case MeasureChange:
		c.words = "mean change from baseline, patients with both values"
		values = make([]float64, len(p.Before))
		for i := range values {
			values[i] = p.After[i] - p.Before[i]
		}
	case MeasureVisit:
		c.words = "mean at the visit, patients with a value"
	default:
		c.words = "counted at the visit, by patients with a value"
		for _, v := range values {
			if v < 0 || v != math.Floor(v) && !math.IsNaN(v) {
				return charted{}, fmt.Errorf("%w: measure=count needs an outcome of whole numbers from 0", analysis.ErrOptions)
			}
		}
	}
	c.values = keep(values, patients)
	return c, nil
}

// kindFor chooses the kind of chart, and refuses one that the measure cannot have.
func kindFor(o ChartSettings, c charted) (string, error) {
	allowed := []string{KindXmR, KindXBar, KindS}
	switch {
	case c.counts:
		allowed = []string{KindP, KindPPrime, KindNP, KindG, KindT, KindXmR}
	case o.Measure == MeasureCount:
		allowed = []string{KindU, KindUPrime, KindC, KindXmR}
	}
	if o.Type == "auto" {
		return allowed[0], nil
	}
	if !slices.Contains(allowed, o.Type) {
		return "", fmt.Errorf("%w: measure=%s has charts of type auto, %s", analysis.ErrOptions, o.Measure, strings.Join(allowed, ", "))
	}
	return o.Type, nil
}

func (o ChartSettings) chart(better Better) (ChartOptions, float64, error) {
	target := math.NaN()
	if o.Target != "none" {
		var err error
		if target, err = strconv.ParseFloat(o.Target, 64); err != nil || math.IsNaN(target) || math.IsInf(target, 0) {
			return ChartOptions{}, target, fmt.Errorf("%w: expected target to be none or a number", analysis.ErrOptions)
		}
	}
	if o.Run < 0 || o.Run == 1 || o.Trend < 0 || o.Trend == 1 || o.Trend == 2 {
		return ChartOptions{}, target, fmt.Errorf("%w: expected a run of at least 2 points and a trend of at least 3, or 0 for no such rule", analysis.ErrOptions)
	}
	list, err := rebases(o.Rebase)
	if err != nil {
		return ChartOptions{}, target, err
	}
	out := ChartOptions{
		Better: better, D2: o.D2, Screen: o.Screen, Dispersion: o.Dispersion, Limits: o.Limits, Baseline: o.Baseline, Rebases: list, EWMA: o.EWMA,
		Run: o.Run, Trend: o.Trend, TwoOfThree: o.TwoOfThree,
	}
	if o.Sigma != "own" {
		out.Sigma = o.Sigma
	}
	out, err = out.Rules(o.Rules)
	return out, target, err
}

func runChart(_ context.Context, in analysis.Input, q analysis.Question, o ChartSettings) (analysis.Result, error) {
	what, err := chartedOf(in, q, o)
	if err != nil {
		return analysis.Result{}, err
	}
	kind, err := kindFor(o, what)
	if err != nil {
		return analysis.Result{}, err
	}
	better, rare := what.better, kind == KindG || kind == KindT
	if rare { // the longer between, the fewer
		better = map[Better]Better{BetterHigher: BetterLower, BetterLower: BetterHigher}[better]
		if o.EWMA > 0 {
			return analysis.Result{}, fmt.Errorf("%w: times between events are not smoothed", analysis.ErrOptions)
		}
	}
	if kind == KindS { // neither more nor less spread is better as such
		better, what.words = BetterUnknown, "SD within the period, of: "+what.words
	}
	co, target, err := o.chart(better)
	if err != nil {
		return analysis.Result{}, err
	}
	series, gone, err := seriesFor(in.Cohort, kind, o, what)
	if err != nil {
		return analysis.Result{}, err
	}
	c, err := ControlChart(kind, series, co)
	if err != nil {
		return analysis.Result{}, err
	}
	q = named(in.Cohort, q)
	w := chartWriter{&c, kind, o, what, named(in.Cohort, q), series}
	r := analysis.Result{Excluded: append(what.excluded, gone...), Warnings: append(what.warnings, c.Warnings...)}
	w.estimates(&r)
	w.tables(&r)
	w.summary(&r, target, better)
	return r, nil
}

// seriesFor returns the points of a chart before limits.
func seriesFor(c *datasets.Cohort, kind string, o ChartSettings, what charted) ([]Period, []datasets.Exclusion, error) {
	if kind == KindG || kind == KindT {
		return rarely(c, kind, what.values)
	}
	series, gone, err := Series(c, o.Period, what.values)
	if err != nil {
		return nil, nil, err
	}
	for i, p := range series {
		switch {
		case o.Measure == MeasureCount && p.N > 0:
			series[i].Events = int(math.Round(p.Mean * float64(p.N)))
		case !what.counts:
			series[i].Events = 0 // values that are 1 are no events
		}
	}
	return series, gone, nil
}

// rarely returns the patients, or days, from one event to the next.
func rarely(c *datasets.Cohort, kind string, events []float64) ([]Period, []datasets.Exclusion, error) {
	days, err := daysOf(c)
	if err != nil {
		return nil, nil, err
	}
	patients, gone := inOrder(c, events, days)
	var out []Period
	last := -1
	for i, p := range patients {
		if events[p] != 1 {
			continue
		}
		if last >= 0 {
			point := Period{Label: strconv.Itoa(len(out) + 1), N: i - last, Events: 1, Mean: float64(i - last - 1), SD: math.NaN()}
			if kind == KindT {
				point.Mean = days[p] - days[patients[last]]
			}
			out = append(out, point)
		}
		last = i
	}
	return out, gone, nil
}

// chartWriter writes a chart as a result.
type chartWriter struct {
	c      *Chart
	kind   string
	o      ChartSettings
	what   charted
	q      analysis.Question
	series []Period
}

// term returns what the values of a chart are called, and their scale.
func (w chartWriter) term() (string, analysis.Scale) {
	switch w.kind {
	case KindP, KindPPrime:
		return "share", analysis.ScaleProportion
	case KindNP, KindC:
		return "count", analysis.ScaleCount
	case KindU, KindUPrime:
		return "rate", analysis.ScaleMean
	case KindS:
		return "sd", analysis.ScaleSD
	case KindG:
		return "between", analysis.ScaleCount
	case KindT:
		return "between", analysis.ScaleTime
	}
	switch {
	case w.what.counts:
		return "share", analysis.ScaleProportion
	case w.o.Measure == MeasureChange:
		return "mean", analysis.ScaleDifference
	}
	return "mean", analysis.ScaleMean
}

func (w chartWriter) unit() string {
	switch {
	case w.kind == KindT:
		return "days"
	case w.kind == KindG:
		return "patients"
	case w.what.counts || w.o.Measure == MeasureCount:
		return ""
	}
	return w.what.unit
}

func (w chartWriter) estimates(r *analysis.Result) {
	term, scale := w.term()
	smooth := w.o.EWMA > 0
	for i, p := range w.c.Points {
		e := start(term, scale, w.q)
		e.Subgroup, e.N.Arm, e.Unit, e.Value = within(w.q, w.o.Period+" "+p.Label), p.N, w.unit(), p.Value
		if w.kind == KindG || w.kind == KindT {
			e.Subgroup = within(w.q, "event "+p.Label)
		}
		e.Method = analysis.Method{Name: w.c.Method}
		switch {
		case smooth:
		case term == "share":
			e.N.Events = p.Events
			e.CI = analysis.Wilson(p.Events, p.N, w.q.Level)
			e.Method = analysis.Method{Name: "share of the period, Wilson", R: "prop.test(x, n, correct = FALSE)", Ref: "Wilson 1927, 10.1080/01621459.1927.10502953"}
		case term == "mean":
			e.Method = analysis.Method{Name: w.what.words + ", Student's t", R: "t.test(x)"}
			if s := w.series[i]; s.N > 1 {
				se := s.SD / math.Sqrt(float64(s.N))
				e.SE, e.DF, e.CI = analysis.Num(se), analysis.Num(s.N-1), analysis.TInterval(s.Mean, se, float64(s.N-1), w.q.Level)
			}
		default:
			e.N.Events = p.Events
		}
		r.Estimates = append(r.Estimates, nobody(e))
	}
	second, as := w.number("sigma", analysis.ScaleSD, w.c.Sigma), w.c.SigmaZ
	switch w.kind {
	case KindP, KindPPrime, KindNP, KindU, KindUPrime, KindC:
		second = w.number("sigma_z", analysis.ScaleRatio, as)
	}
	r.Estimates = append(r.Estimates, w.number("center", scale, w.c.Center), second, w.signals())
	for i := range r.Estimates {
		r.Estimates[i].Definition = w.what.words
	}
}

// number returns a number of the whole chart.
func (w chartWriter) number(term string, scale analysis.Scale, v analysis.Num) analysis.Estimate {
	e := start(term, scale, w.q)
	e.Value, e.Unit, e.Method = v, w.unit(), analysis.Method{Name: w.c.Method, Ref: "Laney 2002, 10.1081/QEN-120003555"}
	if term == "signals" || term == "sigma_z" {
		e.Unit = ""
	}
	if w.kind == KindXmR || w.kind == KindXBar || w.kind == KindS {
		e.Method.Ref = "Wheeler and Chambers 1992"
	}
	for _, p := range w.c.Points {
		e.N.Arm += p.N
		e.N.Events += p.Events
	}
	if !v.OK() {
		why := "the chart has no limits; its warnings say why"
		if w.limited() {
			why = "it differs from point to point: the table chart has it"
		}
		e = e.Warn(WarnShortSeries, why, "")
	}
	return e
}

func (w chartWriter) limited() bool {
	return slices.ContainsFunc(w.c.Points, func(p Point) bool { return p.High.OK() })
}

// signals returns how many patterns the rules find; none without limits.
func (w chartWriter) signals() analysis.Estimate {
	n := analysis.None
	if w.limited() {
		n = analysis.Num(len(w.c.Signals))
	}
	return w.number("signals", analysis.ScaleCount, n)
}

func num(v analysis.Num) analysis.Value { return analysis.Number(float64(v)) }

// tables adds the chart as a table and a series, its phases, and what was found.
func (w chartWriter) tables(r *analysis.Result) {
	c := w.c
	period := w.o.Period
	rare := w.kind == KindG || w.kind == KindT
	if rare {
		period = "event"
	}
	chart := analysis.Table{Name: "chart", Title: "Control chart (" + c.Kind + ")", Columns: []string{period, "n", "events", "value", "center", "low", "high", "moving_range", "meaning", "rules", "z"}, Notes: []string{w.what.words, c.Method}, Local: rare}
	series := analysis.Series{Name: "control-chart", Group: analysis.All, XUnit: period + " from the first", Local: rare}
	for i, p := range c.Points {
		events := analysis.Number(float64(p.Events))
		if !w.what.counts && w.o.Measure != MeasureCount {
			events = analysis.Number(math.NaN()) // means have none
		}
		chart.Rows = append(chart.Rows, []analysis.Value{analysis.Text(p.Label), analysis.Number(float64(p.N)), events, num(p.Value), num(p.Center), num(p.Low), num(p.High), num(p.Range), analysis.Text(string(p.Meaning)), analysis.Text(strings.Join(p.Rules, ", ")), num(p.Z)})
		series.Points = append(series.Points, analysis.Point{X: analysis.Num(i), Y: p.Value, Low: p.Low, High: p.High, N: p.N, Events: p.Events})
	}
	phases := analysis.Table{Name: "phases", Title: "Phases", Columns: []string{"from", "to", "points", "center", "sigma", "rebased_by", "on", "why"}, Notes: []string{c.Method}}
	for _, ph := range c.Phases {
		if ph.To < ph.From {
			continue
		}
		phases.Rows = append(phases.Rows, []analysis.Value{analysis.Text(c.Points[ph.From].Label), analysis.Text(c.Points[ph.To].Label), analysis.Number(float64(ph.To - ph.From + 1)), num(ph.Center), num(ph.Sigma), analysis.Text(ph.Rebase.By), analysis.Text(ph.Rebase.On), analysis.Text(ph.Rebase.Why)})
	}
	r.Tables, r.Series = append(r.Tables, chart, phases), append(r.Series, series)
	if len(c.Signals) == 0 {
		return
	}
	found := analysis.Table{Name: "signals", Title: "Signals", Columns: []string{"rule", "from", "to", "meaning"}, Notes: []string{c.Method}}
	for _, s := range c.Signals {
		found.Rows = append(found.Rows, []analysis.Value{analysis.Text(s.Rule), analysis.Text(c.Points[s.From].Label), analysis.Text(c.Points[s.To].Label), analysis.Text(string(s.Meaning))})
	}
	r.Tables = append(r.Tables, found)
}

// summary adds the two words of a chart.
func (w chartWriter) summary(r *analysis.Result, target float64, better Better) {
	s := w.c.Summarise(target, better)
	t := analysis.Table{Name: "summary", Title: "Variation and assurance", Columns: []string{"variation", "higher", "assurance", "target"}, Notes: []string{"variation: the gravest signal of the last point; assurance: the last limits against the target"}}
	higher := ""
	if s.Variation == string(Improvement) || s.Variation == string(Concern) || s.Variation == string(Unclear) {
		higher = map[bool]string{true: "higher", false: "lower"}[s.Higher]
	}
	t.Rows = [][]analysis.Value{{analysis.Text(s.Variation), analysis.Text(higher), analysis.Text(s.Assurance), analysis.Number(target)}}
	if len(w.c.Points) > 0 {
		r.Tables = append(r.Tables, t)
	}
}

// named puts the names of arm and visit into a question that may hold their values.
func named(c *datasets.Cohort, q analysis.Question) analysis.Question {
	if v, err := c.Visit(q.Visit); err == nil {
		q.Visit = v.VisitName()
	}
	if i, err := c.Arm(q.Arm); err == nil && q.Arm != "" {
		q.Arm = c.Arms()[i].ArmName()
	}
	return q
}

// start returns an estimate with what was asked.
func start(term string, scale analysis.Scale, q analysis.Question) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit, e.Arm = q.Outcome, q.Visit, q.Arm
	if e.Arm == "" {
		e.Arm = analysis.All
	}
	return e
}

// within names a part of the question's subgroup.
func within(q analysis.Question, part string) string {
	if q.Subgroup == "" {
		return part
	}
	return q.Subgroup + "; " + part
}

// nobody warns of an estimate that has no number for want of patients.
func nobody(e analysis.Estimate) analysis.Estimate {
	if e.Value.OK() {
		return e
	}
	return e.Warn(analysis.WarnTooFew, "no patient counts here", "")
}
