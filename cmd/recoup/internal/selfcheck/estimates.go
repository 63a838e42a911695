package selfcheck

import (
	"context"
	"fmt"
	"math"
	"strings"

	"recoup/analysis"
)

// field picks a number of an estimate.
type field struct {
	name string
	get  func(e analysis.Estimate) float64
}

var (
	value = field{"estimate", func(e analysis.Estimate) float64 { return float64(e.Value) }}
	se    = field{"standard error", func(e analysis.Estimate) float64 { return float64(e.SE) }}
	df    = field{"degrees of freedom", func(e analysis.Estimate) float64 { return float64(e.DF) }}
	p     = field{"p", func(e analysis.Estimate) float64 { return float64(e.P) }}
	low   = field{"lower bound", func(e analysis.Estimate) float64 { return float64(e.CI.Low) }}
	high  = field{"upper bound", func(e analysis.Estimate) float64 { return float64(e.CI.High) }}
	logs  = field{"log", func(e analysis.Estimate) float64 { return math.Log(float64(e.Value)) }}
)

// asked is an analysis with its question, of which several numbers are tried.
type asked struct {
	area, cohort, analysis string
	q                      analysis.Question
	set                    map[string]string
	file, script           string // of reference, and the script that wrote it
	refs                   references
}

// is holds a number of a term against the i-th of a name of the reference.
func (a asked) is(requirement, termName, arm, visit string, f field, name string, i int, tolerance float64) check {
	source := fmt.Sprintf("%s, by %s", name, a.script)
	test := a.analysis + " " + strings.TrimSpace(termName+" "+arm+" "+visit) + ", " + f.name
	return near(a.area, requirement, test, source, a.refs.at(a.file, name, i), tolerance, func(ctx context.Context, b *bench) (float64, error) {
		r, err := b.run(ctx, a.cohort, a.analysis, a.q, a.set)
		if err != nil {
			return 0, err
		}
		e, err := term(r, termName, arm, visit)
		return f.get(e), err
	})
}

// with is the same with other settings.
func (a asked) with(set ...string) asked {
	out := map[string]string{}
	for k, v := range a.set {
		out[k] = v
	}
	for i := 0; i < len(set); i += 2 {
		out[set[i]] = set[i+1]
	}
	a.set = out
	return a
}

// of is the same by another analysis.
func (a asked) of(name string) asked {
	a.analysis = name
	return a
}

// estimates are the analyses of patients, against R.
func estimates(refs references) []check {
	between := analysis.Question{Arm: "program", Reference: "usual", Outcome: "pain", Visit: "end"}
	trial := asked{area: "effect", cohort: "effect", analysis: "effect/mean-change", q: between, file: "effect", script: "effect.R (base R)", refs: refs}
	within := trial
	within.q.Reference = ""
	g, ancova := trial.of("effect/hedges-g"), trial.of("effect/ancova").with("covariates", "age,site")

	panel := asked{area: "longitudinal", cohort: "panel", q: analysis.Question{Outcome: "y", Arm: "A", Reference: "B"}, file: "panel", script: "panel.R (lme4, lmerTest, pbkrtest, geepack)", refs: refs}
	slope := panel.of("longitudinal/random-slope").with("covariates", "age", "random", "intercept+slope", "method", "reml", "inference", "satterthwaite")
	gee := panel.of("longitudinal/gee").with("family", "binomial", "rule", "percent", "threshold", "30", "direction", "lower", "errors", "sandwich", "covariates", "age")

	follow := asked{area: "work", cohort: "followup", file: "followup", script: "followup.R (survival)", refs: refs}
	cox := follow.of("work/cox").with("covariates", "age,payer")
	cause := follow.of("work/competing").with("at", "182,5000")
	spells := asked{area: "work", cohort: "spells", q: analysis.Question{Arm: "a", Reference: "b"}, file: "spells", script: "spells.R (survival)", refs: refs}.of("work/recurrent").with("model", "andersen-gill", "covariates", "age", "at_risk", "all", "strata", "2")

	arms := asked{area: "compare", cohort: "arms", q: analysis.Question{Arm: "program", Reference: "usual", Visit: "after", Outcome: "score"}, file: "arms", script: "arms.R (base R, survival)", refs: refs}.with("covariates", "age,pain,site", "baseline", "false", "measure", "value", "target", "ate")
	robust := arms.of("compare/doubly-robust").with("folds", "1", "bound", "0", "fluctuation", "weights")

	missing := asked{area: "impute", cohort: "weighted", analysis: "impute/weighted", q: analysis.Question{Outcome: "score", Visit: "end", Arm: "a", Reference: "b"}, set: map[string]string{"covariates": "age"}, file: "weighted", script: "weighted.R (base R)", refs: refs}
	costs := asked{area: "economics", cohort: "economics", analysis: "economics/trial", q: analysis.Question{Arm: "program", Reference: "usual", Outcome: "utility", Visit: "end", Seed: 3}, set: map[string]string{"effect": "qaly", "baseline": "false", "wtp": "50000", "replicates": "100"}, file: "economics", script: "trial.R (base R)", refs: refs}

	return []check{
		trial.is("means of change are compared by Welch's test", "difference_in_change", "program", "", value, "welch", 0, 1e-9),
		trial.is("its degrees of freedom are Satterthwaite's", "difference_in_change", "program", "", df, "welch", 2, 1e-9),
		trial.is("its p value is two-sided", "difference_in_change", "program", "", p, "welch", 3, 1e-9),
		within.is("percent change is of the means", "percent_of_means", "", "", value, "percent_of_means", 0, 1e-9),
		g.with("denominator", "change").is("Hedges' g corrects exactly for small samples", "hedges_g", "program", "", value, "g_change", 0, 1e-9),
		g.with("denominator", "change").is("its interval is by the non-central t", "hedges_g", "program", "", low, "g_change", 2, 1e-9),
		within.of("effect/hedges-g").is("the change within patients is in SDs of change", "standardised_change", "", "", value, "dz", 0, 1e-9),
		ancova.with("errors", "model").is("a difference is adjusted for the baseline", "adjusted_difference", "program", "", value, "ancova_model", 0, 1e-9),
		ancova.with("errors", "model").is("its interval is by t", "adjusted_difference", "program", "", high, "ancova_model", 5, 1e-9),

		slope.is("slopes of patients are compared", "slope_difference", "A", "", value, "slope_reml_value", 2, 1e-6),
		slope.is("their degrees of freedom are Satterthwaite's", "slope_difference", "A", "", df, "slope_reml_df", 4, 1e-5),
		slope.with("inference", "kenward-roger").is("their errors are Kenward and Roger's", "slope_difference", "A", "", se, "slope_reml_df", 15, 1e-6),
		gee.is("shares of responders over visits are marginal", "adjusted_share", "A", "12", value, "gee_shares", 6, 1e-7),
		gee.is("their errors are robust", "adjusted_share", "A", "12", se, "gee_shares", 7, 1e-7),

		cox.is("the ratio of hazards of return handles ties by Efron", "hazard_ratio", "day", "", logs, "coef", 0, 1e-9),
		cox.is("its error is from the information", "hazard_ratio", "day", "", se, "se", 0, 1e-9),
		cox.is("adjusted curves stand with their errors", "returned_adjusted", "control", "day 182", value, "adjusted", 0, 1e-9),
		cause.is("return competes with leaving the work force", "cumulative_incidence of return", "control", "day 182", value, "incidence", 0, 1e-9),
		cause.is("its error is that of survfit", "cumulative_incidence of return", "control", "day 182", se, "incidence_se", 0, 1e-9),
		spells.is("relapses after return are recurrent events", "relapse_hazard_ratio", "", "", logs, "ag", 0, 1e-8),

		arms.of("compare/weighted").is("arms are weighted by the propensity score", "adjusted_difference", "", "", value, "weighted_ate", 0, 1e-7),
		arms.of("compare/weighted").is("its error accounts for the score", "adjusted_difference", "", "", se, "weighted_ate", 1, 1e-6),
		arms.of("compare/weighted").with("weights", "entropy").is("entropy weights balance covariates", "adjusted_difference", "", "", value, "entropy_ate", 0, 1e-7),
		robust.is("augmented weighting is doubly robust", "aipw_difference", "", "", value, "aipw_ate", 0, 1e-7),
		robust.is("so is targeted maximum likelihood", "tmle_difference", "", "", value, "tmle_weights_ate", 0, 1e-7),

		missing.is("those seen are weighted by their chance of being seen", "weighted_difference", "a", "", value, "difference", 0, 1e-9),
		missing.is("its error is of stacked estimating equations", "weighted_difference", "a", "", se, "difference", 1, 1e-8),

		costs.is("mean costs are compared in the same patients", "cost_difference", "", "", value, "plain.cost", 0, 1e-8),
		costs.is("QALYs are the area under utility", "effect_difference", "", "", value, "plain.qaly", 0, 1e-8),
		costs.is("a QALY gained costs the ratio of the differences", "icer", "", "", value, "plain.icer", 0, 1e-8),
	}
}
