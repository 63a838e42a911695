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
	Measure     string  `opt:"measure" doc:"responders, completion of the program, seen at the visit; mean change or mean at the visit; or count: the outcome itself counts something at the visit" choices:"responders|completion|seen|change|visit|count"`
	Rule        string  `opt:"rule" doc:"of responders: improved by the threshold in percent of baseline or in points, at the threshold or better at the visit, or by the instrument's important difference" choices:"percent|points|at-most|important"`
	Threshold   float64 `opt:"threshold" doc:"of the rule; not used by important"`
	Direction   string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Denominator string  `opt:"denominator" doc:"of responders: all patients, those not judged counted as not improved, or those seen" choices:"all|seen"`
	DispersionSettings
	Target string `opt:"target" doc:"number that sites are held against, a share from 0 to 1 for shares; overall: that of all sites together"`
}

// DispersionSettings are the settings of limits between sites.
type DispersionSettings struct {
	Limits         string  `opt:"limits" doc:"exact, interpolated between whole counts; normal (score); or of the exact interval of the expected number, as FunnelPlotR draws; means have normal limits" choices:"exact|normal|interval"`
	Overdispersion string  `opt:"overdispersion" doc:"reported, or put into the limits as a random effect of site or as a factor" choices:"none|additive|multiplicative"`
	Scale          string  `opt:"scale" doc:"of rates and ratios, for over-dispersion and normal limits; own: root" choices:"own|natural|root|log"`
	Extremes       string  `opt:"extremes" doc:"what is done with extreme z scores before over-dispersion is worked out" choices:"winsorise|truncate"`
	Winsor         float64 `opt:"winsor" doc:"share of z scores winsorised or truncated at each end, under 0.5"`
}

var dispersionDefaults = DispersionSettings{Limits: DefaultFunnel.Limits, Overdispersion: DefaultFunnel.Overdispersion, Scale: "own", Extremes: DefaultFunnel.Extremes, Winsor: DefaultFunnel.Winsor}

func (s DispersionSettings) options(better Better) (FunnelOptions, error) {
	o := FunnelOptions{Better: better, Limits: s.Limits, Overdispersion: s.Overdispersion, Extremes: s.Extremes, Winsor: s.Winsor, Target: math.NaN()}
	if s.Scale != "own" {
		o.Scale = s.Scale
	}
	if !(s.Winsor >= 0 && s.Winsor < 0.5) {
		return o, fmt.Errorf("%w: expected winsor to be at least 0 and under 0.5", analysis.ErrOptions)
	}
	return o, nil
}

// FunnelAnalysis is quality/funnel: the share, rate or mean of each site against
// limits.
var FunnelAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/funnel",
	Title:    "Sites (funnel plot)",
	Estimand: "the share of responders, of completion or of patients seen, the mean, or the rate at each site, and whether it differs from the target beyond what chance gives",
	Doc: `Terms: share, mean or rate of each site (in Subgroup) with an interval (Wilson, t, exact Poisson) and z against the target as statistic, shrunken (the same drawn towards the target by what chance explains), target, phi and tau (over-dispersion, from three sites on). The table funnel has the 95 % and 99.8 % limits and where each site lies; the series funnel-95 and funnel-998 are the limit lines by number of patients.
Limits: exact binomial or Poisson interpolated between whole counts, or target ± z s; s² = target(1-target)/n of shares, target/e of rates, sigma²/n of means with sigma² pooled within sites. phi = mean of squared z, winsorised at 10 %; tau2 = max(0, (k phi - (k-1)) / (sum w - sum w²/sum w)). Over-dispersion is reported, and applied where overdispersion asks: additive target ± z sqrt(s² + tau2), multiplicative target ± z sqrt(phi s²). CQC is scale=root, SHMI scale=log with extremes=truncate.
shrunken = target + tau2/(tau2+s²) (value - target), variance tau2 s²/(tau2+s²), tau taken as known.
Not adjusted for who the patients are: a site outside is one to look at, not a verdict. quality/standardised-ratio adjusts.
R: FunnelPlotR; testdata of the package has the formulas in base R.`,
	Refs:  []string{"Spiegelhalter 2005, 10.1002/sim.1970"},
	Needs: []datasets.Role{datasets.RoleSite},
}, FunnelSettings{
	Measure: DefaultEvents.Measure, Rule: DefaultEvents.Rule, Threshold: DefaultEvents.Threshold, Direction: DefaultEvents.Direction,
	Denominator: DefaultEvents.Denominator, DispersionSettings: dispersionDefaults, Target: "overall",
}, runFunnel)

func runFunnel(_ context.Context, in analysis.Input, q analysis.Question, o FunnelSettings) (analysis.Result, error) {
	what, err := chartedOf(in, q, ChartSettings{Measure: o.Measure, Counted: "those", Rule: o.Rule, Threshold: o.Threshold, Direction: o.Direction, Denominator: o.Denominator})
	if err != nil {
		return analysis.Result{}, err
	}
	fo, err := o.options(what.better)
	if err != nil {
		return analysis.Result{}, err
	}
	kind := FunnelMeans
	switch {
	case what.counts:
		kind = FunnelShares
	case o.Measure == MeasureCount:
		kind = FunnelRates
	}
	if o.Target != "overall" {
		fo.Target, err = strconv.ParseFloat(o.Target, 64)
		wrong := math.IsNaN(fo.Target) || math.IsInf(fo.Target, 0) || kind == FunnelShares && !(fo.Target > 0 && fo.Target < 1) || kind == FunnelRates && !(fo.Target > 0)
		if err != nil || wrong {
			return analysis.Result{}, fmt.Errorf("%w: expected target to be overall or a number: of shares between 0 and 1, of rates above 0", analysis.ErrOptions)
		}
	}
	units, gone, err := BySite(in.Cohort, what.values)
	if err != nil {
		return analysis.Result{}, err
	}
	for i, u := range units {
		switch {
		case kind == FunnelMeans:
			units[i].Events = 0
		case kind == FunnelRates && u.N > 0:
			units[i].Events = int(math.Round(u.Mean * float64(u.N)))
		}
	}
	f := FunnelOf(kind, units, fo)
	r := analysis.Result{Excluded: append(what.excluded, gone...), Warnings: append(what.warnings, f.Warnings...)}
	w := funnelWriter{f, units, named(in.Cohort, q), what.words, what.unit, o.Measure}
	w.estimates(&r)
	w.tables(&r)
	return r, nil
}

// funnelWriter writes a funnel plot as a result.
type funnelWriter struct {
	f           FunnelResult
	units       []Unit
	q           analysis.Question
	words, unit string
	measure     string
}

func (w funnelWriter) term() (string, analysis.Scale) {
	switch w.f.Kind {
	case FunnelShares:
		return "share", analysis.ScaleProportion
	case FunnelRates:
		return "rate", analysis.ScaleMean
	case FunnelRatios:
		return "ratio", analysis.ScaleRatio
	}
	if w.measure == MeasureChange {
		return "mean", analysis.ScaleDifference
	}
	return "mean", analysis.ScaleMean
}

// interval is that of a site alone.
func (w funnelWriter) interval(u Unit) (analysis.Interval, analysis.Method) {
	level := w.q.Level
	switch w.f.Kind {
	case FunnelShares:
		return analysis.Wilson(u.Events, u.N, level), analysis.Method{Name: "share of the site, Wilson", R: "prop.test(x, n, correct = FALSE)"}
	case FunnelRates:
		ci, _ := StandardisedRatio(u.Events, float64(u.N), RatioExact, level)
		return ci, analysis.Method{Name: "rate of the site, exact Poisson", R: "poisson.test(x, n)"}
	}
	m := analysis.Method{Name: "mean of the site, Student's t", R: "t.test(x)"}
	if u.N < 2 {
		return analysis.NoInterval, m
	}
	return analysis.TInterval(u.Mean, u.SD/math.Sqrt(float64(u.N)), float64(u.N-1), level), m
}

func (w funnelWriter) estimates(r *analysis.Result) {
	term, scale := w.term()
	for i, s := range w.f.Sites {
		e := start(term, scale, w.q)
		e.Subgroup, e.N, e.Unit = within(w.q, "site "+s.Label), analysis.N{Arm: s.N, Events: s.Events}, w.unit
		e.Value, e.Statistic = s.Value, s.Adjusted
		e.CI, e.Method = w.interval(w.units[i])
		e.Method.Name += "; statistic: z against the target; " + w.f.Method
		e.Method.Ref = "Spiegelhalter 2005, 10.1002/sim.1970"
		r.Estimates = append(r.Estimates, nobody(e))
	}
	w.shrunken(r)
	w.whole(r, "target", scale, w.f.Target, "no site has a patient")
	w.whole(r, "phi", analysis.ScaleRatio, w.f.Overdispersion.Phi, "over-dispersion needs three sites, and spread by chance about the target")
	w.whole(r, "tau", analysis.ScaleSD, analysis.Num(math.Sqrt(float64(w.f.Overdispersion.Tau2))), "over-dispersion needs three sites, and spread by chance about the target")
	for i := range r.Estimates {
		r.Estimates[i].Definition = w.words
	}
}

// shrunken adds the values drawn towards the target.
func (w funnelWriter) shrunken(r *analysis.Result) {
	_, scale := w.term()
	for _, s := range w.f.Sites {
		if !s.Shrunken.OK() {
			continue
		}
		e := start("shrunken", scale, w.q)
		e.Subgroup, e.N, e.Unit = within(w.q, "site "+s.Label), analysis.N{Arm: s.N, Events: s.Events}, w.unit
		e.Value, e.CI = s.Shrunken, s.Interval
		e.Method = analysis.Method{Name: "empirical Bayes: target + τ²/(τ² + s²) (value - target), τ taken as known, interval of 95 %", Ref: "Spiegelhalter 2005, 10.1002/sim.1970"}
		r.Estimates = append(r.Estimates, e)
	}
}

// whole adds a number of all sites.
func (w funnelWriter) whole(r *analysis.Result, term string, scale analysis.Scale, v analysis.Num, why string) {
	e := start(term, scale, w.q)
	e.Value, e.Method = v, analysis.Method{Name: w.f.Method, Ref: "Spiegelhalter 2005, 10.1002/sim.1970"}
	if term == "target" {
		e.Unit = w.unit
	}
	for _, s := range w.f.Sites {
		e.N.Arm, e.N.Events = e.N.Arm+s.N, e.N.Events+s.Events
	}
	if !v.OK() {
		e = e.Warn(WarnShortSeries, why, "")
	}
	r.Estimates = append(r.Estimates, e)
}

// tables adds the sites as a table and the limit lines as series.
func (w funnelWriter) tables(out *analysis.Result) {
	term, _ := w.term()
	t := analysis.Table{Name: "funnel", Title: "Sites", Columns: []string{"site", "n", "events", term, "z", "z_adjusted", "low_95", "high_95", "low_998", "high_998", "position", "meaning", "size", "shrunken", "target"}, Notes: []string{w.words, w.f.Method}}
	for _, s := range w.f.Sites {
		events := analysis.Number(float64(s.Events))
		if w.f.Kind == FunnelMeans {
			events = analysis.Number(math.NaN())
		}
		t.Rows = append(t.Rows, []analysis.Value{
			analysis.Text(s.Label), analysis.Number(float64(s.N)), events, num(s.Value), num(s.Z), num(s.Adjusted),
			analysis.Number(s.Limits.Low95), analysis.Number(s.Limits.High95), analysis.Number(s.Limits.Low998), analysis.Number(s.Limits.High998),
			analysis.Text(s.Position), analysis.Text(string(s.Meaning)), analysis.Number(s.Size), num(s.Shrunken), num(w.f.Target),
		})
	}
	out.Tables = append(out.Tables, t)
	if len(w.f.Curve) == 0 {
		return
	}
	size := "patients"
	if w.f.Kind == FunnelRatios {
		size = "expected events"
	}
	inner := analysis.Series{Name: "funnel-95", Group: analysis.All, XUnit: size}
	outer := analysis.Series{Name: "funnel-998", Group: analysis.All, XUnit: size}
	for _, l := range w.f.Curve {
		inner.Points = append(inner.Points, analysis.Point{X: analysis.Num(l.Size), Y: w.f.Target, Low: analysis.Num(l.Low95), High: analysis.Num(l.High95)})
		outer.Points = append(outer.Points, analysis.Point{X: analysis.Num(l.Size), Y: w.f.Target, Low: analysis.Num(l.Low998), High: analysis.Num(l.High998)})
	}
	out.Series = append(out.Series, inner, outer)
}
