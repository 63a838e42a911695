package quality

import (
	"context"
	"fmt"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// PChartOptions are the settings of quality/p-chart.
type PChartOptions struct {
	Measure     string  `opt:"measure" doc:"what is counted: responders, completion of the program, or having a value of the outcome at the visit" choices:"responders|completion|seen"`
	Rule        string  `opt:"rule" doc:"of responders: improved by the threshold in percent of baseline or in points, at the threshold or better at the visit, or by the instrument's important difference" choices:"percent|points|at-most|important"`
	Threshold   float64 `opt:"threshold" doc:"of the rule; not used by important"`
	Direction   string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Denominator string  `opt:"denominator" doc:"of responders: all patients, those not judged counted as not improved, or those seen" choices:"all|seen"`
	Dispersion  string  `opt:"dispersion" doc:"limits by chance alone, by Laney's p', or by p' where over-dispersion is found" choices:"binomial|laney|auto"`
	D2          string  `opt:"d2" doc:"constant of moving ranges, for p': exact 2/√π, or rounded 1.128" choices:"exact|rounded"`
	Screen      bool    `opt:"screen" doc:"leave out, once, moving ranges over 3.267 times their mean, for p'"`
	Run         int     `opt:"run" doc:"points in a row on one side of the center that are a signal; 0: no such rule"`
	Trend       int     `opt:"trend" doc:"points in a row rising or falling that are a signal, such as 6; 0: no such rule"`
	TwoOfThree  bool    `opt:"two_of_three" doc:"two of three points in a row beyond two sigma on one side are a signal"`
}

func (o PChartOptions) events() EventOptions {
	return EventOptions{Measure: o.Measure, Rule: o.Rule, Threshold: o.Threshold, Direction: o.Direction, Denominator: o.Denominator}
}

var pChartDefaults = PChartOptions{
	Measure: DefaultEvents.Measure, Rule: DefaultEvents.Rule, Threshold: DefaultEvents.Threshold,
	Direction: DefaultEvents.Direction, Denominator: DefaultEvents.Denominator, Dispersion: DefaultChart.Dispersion, D2: DefaultChart.D2, Run: DefaultChart.Run,
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
Rebasing is left out: restrict the cohort to the quarters after a change.
R: qcc::qcc(x, sizes = n, type = "p"); qicharts2::qic(x, n, chart = "pp").`,
	Refs: []string{"Laney 2002, 10.1081/QEN-120003555", "Wilson 1927, 10.1080/01621459.1927.10502953"},
}, pChartDefaults, runPChart)

func runPChart(_ context.Context, in analysis.Input, q analysis.Question, o PChartOptions) (analysis.Result, error) {
	events, words, warnings, excluded, err := Events(in, q, o.events())
	if err != nil {
		return analysis.Result{}, err
	}
	counts, gone, err := CountsByQuarter(in.Cohort, events)
	if err != nil {
		return analysis.Result{}, err
	}
	if err := checkRules(o.Run, o.Trend); err != nil {
		return analysis.Result{}, err
	}
	q = named(in.Cohort, q)
	c := PChart(counts, ChartOptions{Better: BetterHigher, D2: o.D2, Screen: o.Screen, Dispersion: o.Dispersion, Run: o.Run, Trend: o.Trend, TwoOfThree: o.TwoOfThree})
	r := analysis.Result{Excluded: append(excluded, gone...), Warnings: append(warnings, c.Warnings...)}
	for _, p := range c.Points {
		e := quarterEstimate("share", analysis.ScaleProportion, q, p)
		e.Definition, e.N.Events = words, p.Events
		e.Value = p.Value
		e.CI = analysis.Wilson(p.Events, p.N, q.Level)
		e.Method = analysis.Method{Name: "share of the quarter, Wilson", R: "prop.test(x, n, correct = FALSE)", Ref: "Wilson 1927, 10.1080/01621459.1927.10502953"}
		r.Estimates = append(r.Estimates, nobody(e))
	}
	z := c.estimate("sigma_z", analysis.ScaleRatio, q, c.SigmaZ)
	r.Estimates = append(r.Estimates, c.estimate("center", analysis.ScaleProportion, q, c.Center), z, c.signals(q))
	for i := range r.Estimates {
		r.Estimates[i].Definition = words
	}
	c.tables(&r, words)
	return r, nil
}

// XmROptions are the settings of quality/xmr.
type XmROptions struct {
	Value      string `opt:"value" doc:"what is charted: the mean change from baseline of patients with both values, or the mean at the visit" choices:"change|visit"`
	Direction  string `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	D2         string `opt:"d2" doc:"constant of moving ranges: exact 2/√π, or rounded 1.128" choices:"exact|rounded"`
	Screen     bool   `opt:"screen" doc:"leave out, once, moving ranges over 3.267 times their mean"`
	Run        int    `opt:"run" doc:"points in a row on one side of the center that are a signal; 0: no such rule"`
	Trend      int    `opt:"trend" doc:"points in a row rising or falling that are a signal, such as 6; 0: no such rule"`
	TwoOfThree bool   `opt:"two_of_three" doc:"two of three points in a row beyond two sigma on one side are a signal"`
}

// XmRAnalysis is quality/xmr: a mean change by quarter, with limits and rules.
var XmRAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/xmr",
	Title:    "Mean change by quarter (XmR chart)",
	Estimand: "the mean change from baseline in each quarter, and whether it has changed beyond the variation of the series itself",
	Doc: `Terms: mean of each quarter (in Subgroup) with Student's t interval, center (mean of the quarters), sigma, signals (patterns that the rules find). The table chart has the limits and moving ranges, the table signals what was found.
sigma = mean moving range / d2, limits = center ± 3 sigma; d2 = 2/sqrt(pi) (d2=rounded: 1.128), moving ranges over 3.267 times their mean left out once where screen=true. Rules: a point outside the limits, 7 in a row on one side of the center; on request 6 rising or falling, 2 of 3 beyond 2 sigma.
Every quarter counts alike, whatever its number of patients. Available cases: patients with the values needed. Under 8 quarters with values there are no limits; a quarter without is a gap.
Rebasing is left out: restrict the cohort to the quarters after a change.
R: qcc::qcc(x, type = "xbar.one") is d2=rounded without screening; qicharts2::qic(x, chart = "i") is d2=rounded with screening.`,
	Refs:  []string{"Wheeler and Chambers 1992, Understanding Statistical Process Control, 2nd ed."},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, XmROptions{Value: "change", Direction: "instrument", D2: DefaultChart.D2, Run: DefaultChart.Run}, runXmR)

func runXmR(_ context.Context, in analysis.Input, q analysis.Question, o XmROptions) (analysis.Result, error) {
	p, err := in.Pair(q)
	if err != nil {
		return analysis.Result{}, err
	}
	patients, excluded, err := counted(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	if err := checkRules(o.Run, o.Trend); err != nil {
		return analysis.Result{}, err
	}
	better, warnings := direction(p, o.Direction)
	if len(warnings) > 0 {
		better = BetterUnknown
		warnings[0].Message = "the outcome has no instrument, so which way is better is not known and what a signal means is unclear"
	}
	values, words := make([]float64, len(p.Before)), "mean change from baseline, patients with both values"
	for i := range values {
		values[i] = p.After[i] - p.Before[i]
	}
	if o.Value == "visit" {
		values, words = p.After, "mean at the visit, patients with a value"
	}
	values = keep(values, patients)
	means, gone, err := MeansByQuarter(in.Cohort, values)
	if err != nil {
		return analysis.Result{}, err
	}
	q = named(in.Cohort, q)
	c := XmR(means, ChartOptions{Better: better, D2: o.D2, Screen: o.Screen, Run: o.Run, Trend: o.Trend, TwoOfThree: o.TwoOfThree})
	r := analysis.Result{Excluded: append(excluded, gone...), Warnings: append(warnings, c.Warnings...)}
	_, of, _, _ := quarters(in.Cohort, values) // read without error above
	for i, pt := range c.Points {
		var x []float64
		for patient, v := range values {
			if of[patient] == i && !math.IsNaN(v) {
				x = append(x, v)
			}
		}
		e := quarterEstimate("mean", scaleOf(o.Value), q, pt)
		e.Unit, e.Value = p.Field.Unit, pt.Value
		e.Method = analysis.Method{Name: words + ", Student's t", R: "t.test(x)"}
		if m := fit.Describe(x); m.N > 1 {
			se := m.SD / math.Sqrt(float64(m.N))
			e.SE, e.DF, e.CI = analysis.Num(se), analysis.Num(m.N-1), analysis.TInterval(m.Mean, se, float64(m.N-1), q.Level)
		}
		r.Estimates = append(r.Estimates, nobody(e))
	}
	center, sigma := c.estimate("center", scaleOf(o.Value), q, c.Center), c.estimate("sigma", analysis.ScaleSD, q, c.Sigma)
	center.Unit, sigma.Unit = p.Field.Unit, p.Field.Unit
	r.Estimates = append(r.Estimates, center, sigma, c.signals(q))
	for i := range r.Estimates {
		r.Estimates[i].Definition = words
	}
	c.tables(&r, words)
	return r, nil
}

func scaleOf(value string) analysis.Scale {
	if value == "visit" {
		return analysis.ScaleMean
	}
	return analysis.ScaleDifference
}

// checkRules refuses lengths of runs and trends that are none.
func checkRules(run, trend int) error {
	if run < 0 || run == 1 || trend < 0 || trend == 1 || trend == 2 {
		return fmt.Errorf("%w: expected a run of at least 2 points and a trend of at least 3, or 0 for no such rule", analysis.ErrOptions)
	}
	return nil
}

// named puts the names of arm and visit into a question that may hold their values.
func named(c *datasets.Cohort, q analysis.Question) analysis.Question {
	if v, err := c.Visit(q.Visit); err == nil {
		q.Visit = v.VisitName()
	}
	if i, err := c.Arm(q.Arm); err == nil {
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

func quarterEstimate(term string, scale analysis.Scale, q analysis.Question, p Point) analysis.Estimate {
	e := start(term, scale, q)
	e.Subgroup, e.N.Arm = within(q, "quarter "+p.Label), p.N
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

// estimate returns a number of the whole chart.
func (c *Chart) estimate(term string, scale analysis.Scale, q analysis.Question, v analysis.Num) analysis.Estimate {
	e := start(term, scale, q)
	e.Value, e.Method = v, analysis.Method{Name: c.Method, Ref: "Laney 2002, 10.1081/QEN-120003555"}
	if c.Kind == "XmR" {
		e.Method.Ref = "Wheeler and Chambers 1992"
	}
	for _, p := range c.Points {
		e.N.Arm += p.N
		e.N.Events += p.Events
	}
	if !v.OK() {
		e = e.Warn(WarnShortSeries, "the chart has no limits; its warnings say why", "")
	}
	return e
}

// signals returns how many patterns the rules find; none without limits.
func (c *Chart) signals(q analysis.Question) analysis.Estimate {
	n := analysis.None
	for _, p := range c.Points {
		if p.High.OK() {
			n = analysis.Num(len(c.Signals))
		}
	}
	return c.estimate("signals", analysis.ScaleCount, q, n)
}

// tables adds the chart as a table, a table of signals, and a series.
func (c *Chart) tables(r *analysis.Result, words string) {
	num := func(v analysis.Num) analysis.Value { return analysis.Number(float64(v)) }
	chart := analysis.Table{Name: "chart", Title: "Control chart (" + c.Kind + ")", Columns: []string{"quarter", "n", "events", "value", "center", "low", "high", "moving_range", "meaning", "rules"}, Notes: []string{words, c.Method}}
	series := analysis.Series{Name: "control-chart", Group: analysis.All, XUnit: "quarter from the first"}
	for i, p := range c.Points {
		events := analysis.Number(float64(p.Events))
		if c.Kind == "XmR" {
			events = analysis.Number(math.NaN()) // means have none
		}
		chart.Rows = append(chart.Rows, []analysis.Value{analysis.Text(p.Label), analysis.Number(float64(p.N)), events, num(p.Value), num(c.Center), num(p.Low), num(p.High), num(p.Range), analysis.Text(string(p.Meaning)), analysis.Text(strings.Join(p.Rules, ", "))})
		series.Points = append(series.Points, analysis.Point{X: analysis.Num(i), Y: p.Value, Low: p.Low, High: p.High, N: p.N, Events: p.Events})
	}
	r.Tables, r.Series = append(r.Tables, chart), append(r.Series, series)
	if len(c.Signals) == 0 {
		return
	}
	found := analysis.Table{Name: "signals", Title: "Signals", Columns: []string{"rule", "from", "to", "meaning"}, Notes: []string{c.Method}}
	for _, s := range c.Signals {
		found.Rows = append(found.Rows, []analysis.Value{analysis.Text(s.Rule), analysis.Text(c.Points[s.From].Label), analysis.Text(c.Points[s.To].Label), analysis.Text(string(s.Meaning))})
	}
	r.Tables = append(r.Tables, found)
}
