package quality

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"recoup/analysis"
	"recoup/datasets"
)

// FunnelSettings are the settings of quality/funnel.
type FunnelSettings struct {
	Measure        string  `opt:"measure" doc:"what is counted: responders, completion of the program, or having a value of the outcome at the visit" choices:"responders|completion|seen"`
	Rule           string  `opt:"rule" doc:"of responders: improved by the threshold in percent of baseline or in points, at the threshold or better at the visit, or by the instrument's important difference" choices:"percent|points|at-most|important"`
	Threshold      float64 `opt:"threshold" doc:"of the rule; not used by important"`
	Direction      string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Denominator    string  `opt:"denominator" doc:"of responders: all patients, those not judged counted as not improved, or those seen" choices:"all|seen"`
	Limits         string  `opt:"limits" doc:"exact binomial, interpolated, or normal (score)" choices:"exact|normal"`
	Overdispersion string  `opt:"overdispersion" doc:"reported, or put into the limits as a random effect of site or as a factor" choices:"none|additive|multiplicative"`
	Winsor         float64 `opt:"winsor" doc:"share of z scores pulled in at each end before over-dispersion is worked out, under 0.5"`
	Target         string  `opt:"target" doc:"share that sites are held against, from 0 to 1; overall: that of all sites together"`
}

// FunnelAnalysis is quality/funnel: the share of each site against limits.
var FunnelAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/funnel",
	Title:    "Share by site (funnel plot)",
	Estimand: "the share of responders, of completion or of patients seen at each site, and whether it differs from the target beyond what chance gives",
	Doc: `Terms: share of each site (in Subgroup) with a Wilson interval and z against the target as statistic; target; phi and tau (over-dispersion, from three sites on). The table funnel has the 95 % and 99.8 % limits and where each site lies; the series funnel-95 and funnel-998 are the limit lines by number of patients.
Limits: exact binomial interpolated between whole counts, or target ± z sqrt(target(1-target)/n). phi = mean of squared z, winsorised at 10 %; tau2 = max(0, (k phi - (k-1)) / (sum w - sum w²/sum w)). Over-dispersion is reported, and applied where overdispersion asks: additive target ± z sqrt(s² + tau2), multiplicative target ± z sqrt(phi s²).
Not adjusted for who the patients are: a site outside is one to look at, not a verdict.
R: FunnelPlotR; testdata of the package has the formulas in base R.`,
	Refs:  []string{"Spiegelhalter 2005, 10.1002/sim.1970"},
	Needs: []datasets.Role{datasets.RoleSite},
}, FunnelSettings{
	Measure: DefaultEvents.Measure, Rule: DefaultEvents.Rule, Threshold: DefaultEvents.Threshold, Direction: DefaultEvents.Direction,
	Denominator: DefaultEvents.Denominator, Limits: DefaultFunnel.Limits, Overdispersion: DefaultFunnel.Overdispersion, Winsor: DefaultFunnel.Winsor, Target: "overall",
}, runFunnel)

func runFunnel(_ context.Context, in analysis.Input, q analysis.Question, o FunnelSettings) (analysis.Result, error) {
	fo := FunnelOptions{Better: BetterHigher, Limits: o.Limits, Overdispersion: o.Overdispersion, Extremes: ExtremesWinsorise, Winsor: o.Winsor, Target: math.NaN()}
	if !(o.Winsor >= 0 && o.Winsor < 0.5) {
		return analysis.Result{}, fmt.Errorf("%w: expected winsor to be at least 0 and under 0.5", analysis.ErrOptions)
	}
	if o.Target != "overall" {
		var err error
		if fo.Target, err = strconv.ParseFloat(o.Target, 64); err != nil || !(fo.Target > 0 && fo.Target < 1) {
			return analysis.Result{}, fmt.Errorf("%w: expected target to be overall or a share between 0 and 1", analysis.ErrOptions)
		}
	}
	events, words, warnings, excluded, err := Events(in, q, EventOptions{Measure: o.Measure, Rule: o.Rule, Threshold: o.Threshold, Direction: o.Direction, Denominator: o.Denominator})
	if err != nil {
		return analysis.Result{}, err
	}
	counts, gone, err := CountsBySite(in.Cohort, events)
	if err != nil {
		return analysis.Result{}, err
	}
	f := Funnel(counts, fo)
	q = named(in.Cohort, q)
	r := analysis.Result{Excluded: append(excluded, gone...), Warnings: append(warnings, f.Warnings...)}
	for _, s := range f.Sites {
		e := start("share", analysis.ScaleProportion, q)
		e.Subgroup, e.N = within(q, "site "+s.Label), analysis.N{Arm: s.N, Events: s.Events}
		e.Value, e.CI, e.Statistic = s.Value, analysis.Wilson(s.Events, s.N, q.Level), s.Adjusted
		e.Method = analysis.Method{Name: "share of the site, Wilson; statistic: z against the target; " + f.Method, R: "prop.test(x, n, correct = FALSE)", Ref: "Spiegelhalter 2005, 10.1002/sim.1970"}
		r.Estimates = append(r.Estimates, nobody(e))
	}
	whole := func(term string, scale analysis.Scale, v analysis.Num, why string) {
		e := start(term, scale, q)
		e.Value, e.Method = v, analysis.Method{Name: f.Method, Ref: "Spiegelhalter 2005, 10.1002/sim.1970"}
		for _, s := range f.Sites {
			e.N.Arm, e.N.Events = e.N.Arm+s.N, e.N.Events+s.Events
		}
		if !v.OK() {
			e = e.Warn(WarnShortSeries, why, "")
		}
		r.Estimates = append(r.Estimates, e)
	}
	whole("target", analysis.ScaleProportion, f.Target, "no site has a patient")
	whole("phi", analysis.ScaleRatio, f.Overdispersion.Phi, "over-dispersion needs three sites, and a target between 0 and 1")
	whole("tau", analysis.ScaleSD, analysis.Num(math.Sqrt(float64(f.Overdispersion.Tau2))), "over-dispersion needs three sites, and a target between 0 and 1")
	for i := range r.Estimates {
		r.Estimates[i].Definition = words
	}
	f.tables(&r, words)
	return r, nil
}

// tables adds the sites as a table and the limit lines as series.
func (r FunnelResult) tables(out *analysis.Result, words string) {
	num := func(v analysis.Num) analysis.Value { return analysis.Number(float64(v)) }
	t := analysis.Table{Name: "funnel", Title: "Sites", Columns: []string{"site", "n", "events", "share", "z", "z_adjusted", "low_95", "high_95", "low_998", "high_998", "position", "meaning"}, Notes: []string{words, r.Method}}
	for _, s := range r.Sites {
		t.Rows = append(t.Rows, []analysis.Value{
			analysis.Text(s.Label), analysis.Number(float64(s.N)), analysis.Number(float64(s.Events)), num(s.Value), num(s.Z), num(s.Adjusted),
			analysis.Number(s.Limits.Low95), analysis.Number(s.Limits.High95), analysis.Number(s.Limits.Low998), analysis.Number(s.Limits.High998), analysis.Text(s.Position), analysis.Text(string(s.Meaning)),
		})
	}
	out.Tables = append(out.Tables, t)
	inner := analysis.Series{Name: "funnel-95", Group: analysis.All, XUnit: "patients"}
	outer := analysis.Series{Name: "funnel-998", Group: analysis.All, XUnit: "patients"}
	for _, l := range r.Curve {
		inner.Points = append(inner.Points, analysis.Point{X: analysis.Num(l.Size), Y: r.Target, Low: analysis.Num(l.Low95), High: analysis.Num(l.High95)})
		outer.Points = append(outer.Points, analysis.Point{X: analysis.Num(l.Size), Y: r.Target, Low: analysis.Num(l.Low998), High: analysis.Num(l.High998)})
	}
	if len(r.Curve) > 0 {
		out.Series = append(out.Series, inner, outer)
	}
}
