package work

import (
	"context"
	"errors"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// GroupedOptions are the settings of Grouped.
type GroupedOptions struct {
	Reading
	Covariates []string `opt:"covariates" doc:"columns of the model beside the arm, from a table of one row a patient; text columns become indicators of their levels"`
}

// Grouped is work/grouped.
var Grouped = analysis.New(analysis.Analysis{
	Name:     "work/grouped",
	Title:    "Hazard ratio of return to work seen at visits (grouped)",
	Estimand: "the ratio of the rates of return to work of patients alike in the covariates, taken to be the same on all days, where return is only known between visits",
	Doc: `Cox's model seen at visits: proportional hazards with a free baseline step from one visit at which returns were first seen to the next (complementary log-log link). P(return in (L, R]) = exp(-Λ(L)) - exp(-Λ(R)), Λ(t) = exp(x'β) Σ exp(γₖ) over the steps up to t.
Terms: hazard_ratio (arm against reference; without an arm asked for, each against the first), hazard_ratio of NAME; returned at each of those visits for each arm at the mean covariates. Intervals: Wald's on the log scale, of shares on the log-log scale; standard errors of ratios are of their logarithms, from the expected information as in a person-period regression.
A visit missed before the first one with return makes the step as long as that. The curve between visits is not estimated: read work/interval-censored for bounds. Cox's model on the days of visits (work/cox) takes them for the days of return, and is biased.
Patients seen at no visit, or without a covariate, are left out; one never seen to return is censored at the last visit; a ratio without bound is null.
R: glm(y ~ visit + x, family = binomial("cloglog")) on a row for each patient and visit up to return.`,
	Refs:        []string{"Prentice and Gloeckler 1978, 10.2307/2529588"},
	Definitions: named(),
}, GroupedOptions{Reading: reading}, runGrouped)

func runGrouped(_ context.Context, in analysis.Input, q analysis.Question, o GroupedOptions) (analysis.Result, error) {
	b, err := newVisitTimes(in, q, o.Reading, o.Covariates)
	if err != nil {
		return analysis.Result{}, err
	}
	m, _ := b.model() // a group alone has shares
	r := groupedReport{model: m, o: o}
	r.fit, r.err = fit.GroupedHazards(b.lower, b.upper, m.x)
	if r.err != nil && !errors.Is(r.err, fit.ErrGroupedEvents) && !errors.Is(r.err, fit.ErrGroupedConvergence) && !errors.Is(r.err, fit.ErrSingular) {
		return analysis.Result{}, fmt.Errorf("%w: %w", analysis.ErrCannot, r.err)
	}
	var out analysis.Result
	for j := range m.x {
		out.Estimates = append(out.Estimates, r.ratio(j))
	}
	if r.err == nil {
		for g := range m.groups {
			for k := range r.fit.Grid {
				out.Estimates = append(out.Estimates, r.returned(g, k))
			}
		}
	}
	b.result(&out)
	if r.err != nil && len(m.x) == 0 {
		return out, fmt.Errorf("%w: %w", analysis.ErrCannot, r.err)
	}
	return out, nil
}

// groupedReport writes the results of grouped hazards.
type groupedReport struct {
	model
	o   GroupedOptions
	fit *fit.GroupedModel
	err error
}

func (r *groupedReport) method(what string) analysis.Method {
	return analysis.Method{
		Name: fmt.Sprintf("%s; grouped proportional hazards (complementary log-log) on arm%s; %s", what, listed(r.o.Covariates), r.how()),
		R:    `glm(y ~ visit + x, family = binomial("cloglog"))`, Ref: "Prentice and Gloeckler 1978, 10.2307/2529588",
	}
}

func (r *groupedReport) ratio(j int) analysis.Estimate {
	e := r.column("hazard_ratio", j)
	e.Method = r.method("Ratio of hazards of return")
	switch {
	case errors.Is(r.err, fit.ErrGroupedEvents):
		return e.Warn(analysis.WarnTooFew, "nobody was seen to return", "follow patients for longer")
	case r.err != nil:
		return e.Warn(analysis.WarnSeparation, "the model cannot be fitted: a covariate follows from the others or the arm, or all or none of an arm or a level returned, so that a ratio has no bound", "leave out a covariate, or join levels")
	}
	k := len(r.fit.Grid) + j
	return noError(ratio(e, r.fit.Coef[j], math.Sqrt(r.fit.Cov.At(k, k)), r.q.Level))
}

// returned is the share returned by the end of a step in an arm.
func (r *groupedReport) returned(g, k int) analysis.Estimate {
	e := r.estimate("returned", analysis.ScaleProportion, g, -1)
	e.Visit, e.Method = fmt.Sprintf("day %g", r.fit.Grid[k]), r.method("Share returned at the mean covariates")
	at := r.means()
	r.atArm(at, g)
	u, se := r.fit.LogHazard(at, k)
	s := math.Exp(-math.Exp(u))
	e.Value = analysis.Num(1 - s)
	if !(se > 0) || s < 1e-12 {
		return unsure(e)
	}
	z := analysis.NormalQuantile(r.q.Level)
	e.SE = analysis.Num(se * s * math.Exp(u))
	e.CI = analysis.NewInterval("log-log", -math.Expm1(-math.Exp(u-z*se)), -math.Expm1(-math.Exp(u+z*se)), r.q.Level)
	return e
}
