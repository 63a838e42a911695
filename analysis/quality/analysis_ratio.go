package quality

import (
	"context"
	"math"

	"recoup/analysis"
	"recoup/datasets"
)

// RatioSettings are the settings of quality/standardised-ratio.
type RatioSettings struct {
	EventOptions
	Counted  string `opt:"counted" doc:"those to whom it happened, or the others" choices:"those|others"`
	Interval string `opt:"interval" doc:"of each ratio: exact Poisson, mid-P, Byar's, Byar's with x + 1/2 (as epitools), or log" choices:"exact|mid-p|byar|byar-half|log"`
	RiskSettings
	DispersionSettings
}

// StandardisedRatioAnalysis is quality/standardised-ratio: observed over expected by
// site.
var StandardisedRatioAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/standardised-ratio",
	Title:    "Observed over expected by site",
	Estimand: "events observed at each site over those expected of its patients from who they are, by indirect standardisation",
	Doc: `Terms: ratio of each site (in Subgroup; 1: as expected) with z against 1 as statistic, shrunken, target, phi and tau as in quality/funnel. The table funnel has observed, expected (size), 95 % and 99.8 % limits and where each site lies; calibration and model show the risk adjustment.
Expected is the sum of risks of the site's patients, each by a logistic model that has not seen that patient (folds, or whole other sites, or earlier patients): quality/calibration shows how well it does. Without covariates everyone has the same risk.
Interval: exact chi2(a/2, 2O)/2E to chi2(1-a/2, 2O+2)/2E; mid-p; Byar's approximation. Expected is taken as known: with few events elsewhere intervals are too narrow. Events that are frequent vary less than Poisson, so intervals and limits are then too wide.
Ratios of two sites are each against its own patients: they do not compare the sites with each other (quality/sites does).
A ratio adjusts for what is recorded: a site outside is one to look at, not a verdict.
R: epitools::pois.exact, pois.byar, ageadjust.indirect; FunnelPlotR (limits=interval, scale=root or log).`,
	Refs:  []string{"Spiegelhalter 2005, 10.1002/sim.1970", "Breslow and Day 1987, Statistical Methods in Cancer Research II"},
	Needs: []datasets.Role{datasets.RoleSite},
}, RatioSettings{DefaultEvents, "those", RatioExact, riskDefaults, dispersionDefaults}, runRatio)

func runRatio(ctx context.Context, in analysis.Input, q analysis.Question, o RatioSettings) (analysis.Result, error) {
	what, err := chartedOf(in, q, ChartSettings{Measure: o.Measure, Counted: o.Counted, Rule: o.Rule, Threshold: o.Threshold, Direction: o.Direction, Denominator: o.Denominator})
	if err != nil {
		return analysis.Result{}, err
	}
	fo, err := o.options(what.better)
	if err != nil {
		return analysis.Result{}, err
	}
	risk, err := riskOf(ctx, in, q, what, o.RiskSettings)
	if err != nil {
		return analysis.Result{}, err
	}
	of, names, err := siteOf(in.Cohort)
	if err != nil {
		return analysis.Result{}, err
	}
	units := make([]Unit, len(names))
	for i, name := range names {
		units[i].Label = name
	}
	without := 0
	for i, p := range risk.patients {
		if of[p] < 0 {
			without++
			continue
		}
		u := &units[of[p]]
		u.N, u.Events, u.Expected = u.N+1, u.Events+int(risk.y[i]), u.Expected+risk.expected[i]
	}
	f := FunnelOf(FunnelRatios, units, fo)
	r := analysis.Result{Excluded: append(what.excluded, risk.excluded...), Warnings: append(append(what.warnings, risk.warnings...), f.Warnings...)}
	if without > 0 {
		r.Excluded = append(r.Excluded, datasets.Exclusion{Code: analysis.WarnExcluded, Patients: without, Reason: "patients without a site"})
	}
	w := ratioWriter{funnelWriter{f, units, named(in.Cohort, q), what.words, "", o.Measure}, o.Interval, risk.words}
	if err := w.ratios(&r); err != nil {
		return analysis.Result{}, err
	}
	w.tables(&r)
	risk.tables(&r, what)
	return r, nil
}

// ratioWriter writes a funnel of ratios, whose intervals are of Poisson counts.
type ratioWriter struct {
	funnelWriter
	method, learned string
}

func (w ratioWriter) ratios(r *analysis.Result) error {
	w.funnelWriter.estimates(r)
	for i, u := range w.units {
		ci, err := StandardisedRatio(u.Events, u.Expected, w.method, w.q.Level)
		if err != nil {
			return err
		}
		e := &r.Estimates[i]
		e.CI = ci
		e.Method.Name = "observed over expected, " + w.learned + "; statistic: z against the target; " + w.f.Method
		e.Method.R = "epitools::pois.exact(observed, expected)"
		if math.IsNaN(float64(ci.Low)) && e.Value.OK() {
			*e = e.Warn(analysis.WarnSmallCount, "no event, so the log interval has no bounds", "set interval=exact")
		}
	}
	return nil
}
