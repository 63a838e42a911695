// Package longitudinal follows outcomes over several visits of each patient.
package longitudinal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// MMRMOptions are the settings of longitudinal/mmrm.
type MMRMOptions struct {
	Covariance     string   `opt:"covariance" doc:"of a patient's visits: unstructured, heterogeneous (h) or homogeneous Toeplitz, ante-dependence, AR(1), compound symmetry; sp_exp falls with the weeks between visits" choices:"us|toeph|adh|ar1h|csh|toep|ad|ar1|sp_exp|cs"`
	CovarianceBy   string   `opt:"covariance-by" doc:"a covariance of the same structure for each arm (the word arm) or each level of a column of the patients; empty for one"`
	Fallback       bool     `opt:"fallback" doc:"where the covariance does not converge, go on with toeph, ar1h and cs, and say so"`
	Method         string   `opt:"method" doc:"restricted or full maximum likelihood" choices:"reml|ml"`
	DF             string   `opt:"df" doc:"degrees of freedom" choices:"satterthwaite|kenward-roger|between-within|residual"`
	Errors         string   `opt:"errors" doc:"standard errors; auto is the model's, Kenward and Roger's (full, but linear for sp_exp) with df=kenward-roger, and CR0 with df=residual" choices:"auto|model|kenward-roger|kenward-roger-linear|CR0|CR2|CR3"`
	Baseline       string   `opt:"baseline" doc:"the outcome at baseline as a covariate with a slope for each visit, as a further visit of the outcome with one mean for all arms (constrained), or not in the model" choices:"covariate|response|none"`
	Covariates     []string `opt:"covariates" doc:"columns of the patients to adjust for, one slope for all visits"`
	Weights        string   `opt:"weights" doc:"adjusted means at the share of each level among the patients used, or at equal shares (emmeans)" choices:"proportional|equal"`
	PatientWeights string   `opt:"patient-weights" doc:"a column of numbers above 0 by which a patient's covariance is divided"`
	Visits         string   `opt:"visits" doc:"estimates at each visit, averaged over the visits after baseline, or both" choices:"both|each|average"`
	CompleteCases  bool     `opt:"complete-cases" doc:"show what the same model gives for patients seen at all visits alone"`
}

const refMMRM = "Mallinckrodt and others 2008, 10.1177/009286150804200402"

// MMRM is longitudinal/mmrm: the mixed model for repeated measures.
var MMRM = analysis.New(analysis.Analysis{
	Name:     "longitudinal/mmrm",
	Title:    "Mixed model for repeated measures (MMRM)",
	Estimand: "difference between arm and reference in the mean outcome at each visit, had all patients been seen, for patients alike at baseline",
	Doc: `Linear model of the outcome at all visits after baseline: a mean for each arm and visit, a slope for the outcome at baseline at each visit, covariates, and a covariance Σ between a patient's visits, the same in each arm unless covariance-by is given. By (restricted) maximum likelihood, Newton's method from one start:
  -2 log L = Σ log|Σᵢ/wᵢ| + Σ wᵢ(yᵢ - Xᵢβ)'Σᵢ⁻¹(yᵢ - Xᵢβ) + log|ΣwᵢXᵢ'Σᵢ⁻¹Xᵢ| + (n - p) log 2π   (without the third term, and n in place of n - p, by full likelihood; wᵢ = 1 without patient-weights)
Terms: adjusted_mean of each arm and visit (at the mean baseline and covariates of the patients used), adjusted_change (the same less the mean at baseline), adjusted_difference (arm minus reference); average_mean, average_change and average_difference are the plain means of these over the visits after baseline. Without an arm every arm is in the model, and no difference is given.
baseline=response (constrained longitudinal model): the baseline is the first visit of the outcome, with one mean for all arms, so patients with a baseline alone count, and changes carry the error of the baseline's mean.
Structures: σ²ρ^d with d in weeks for sp_exp; a name in h has a variance for each visit.
Degrees of freedom: Satterthwaite, 2 (l'Cl)² / g'Ag, g the derivatives of l'Cl by the covariance's parameters and A the inverse of the observed information; Kenward-Roger, which for a single contrast is the same number; between-within as mmrm counts (the fewer of the columns that a contrast has: columns that differ within a patient, and the intercept, have values - patients - such columns; others patients - others); residual, values - columns.
Errors: model, C = (ΣwᵢXᵢ'Σᵢ⁻¹Xᵢ)⁻¹; Kenward-Roger, enlarged by what is not known of the covariance, in full (by mmrm's parameters, those the second derivatives depend on: logarithms of standard deviations, t/√(1+t²) for correlations, the Cholesky factor of an unstructured covariance) or linear (as SAS does for an unstructured one; the only one for sp_exp, whose full form would depend on the unit of time); by patients as clusters CR0, CR2 (bias-reduced) and CR3 (jackknife, without a factor (n-1)/n), right in large samples whatever the covariance; their Satterthwaite degrees of freedom are Bell and McCaffrey's. Kenward-Roger's errors and degrees of freedom go with each other alone.
Tables: tests (joint F tests of arm by visit and of arm at all visits; denominators by Fai and Cornelius or Kenward and Roger), fit, covariance, structures (what was tried), values (seen and missing by visit and arm), complete_cases.
Missing values: patients with the outcome at any visit of the model, and baseline and covariates, are used with all their values; unbiased where missingness depends on what was seen (missing at random). A visit at which an arm has no values is left out.
Cost: sums over the patterns of visits that are there, so a fit does not depend on the number of patients; robust errors go through the patients again.
R: mmrm::mmrm(y ~ arm * visit + baseline:visit + us(visit | id), method = "Satterthwaite", vcov = "Asymptotic"), each estimate with the call of its own settings; emmeans::emmeans(fit, ~ arm | visit). SAS: PROC MIXED with REPEATED / TYPE=UN GROUP=arm DDFM=SATTERTHWAITE.`,
	Refs: []string{
		refMMRM, "Satterthwaite 1946, 10.2307/3002019", "Kenward and Roger 1997, 10.2307/2533558", "Fai and Cornelius 1996, 10.1080/00949659608811740",
		"Pustejovsky and Tipton 2018, 10.1080/07350015.2016.1247004", "Liang and Zeger 2000, Sankhya B 62, 134-148", "Liu and others 2009, 10.1002/sim.3639",
	},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, MMRMOptions{
	Covariance: string(fit.Unstructured), Fallback: true, Method: "reml", DF: fit.DFSatterthwaite, Errors: "auto",
	Baseline: "covariate", Weights: "proportional", Visits: "both", CompleteCases: true,
}, mmrm)

// inference returns the inference that the settings ask of a structure.
func (o MMRMOptions) inference(s fit.Structure) fit.Inference {
	by := fit.Inference{Errors: o.Errors, DF: o.DF}
	if o.Errors != "auto" {
		return by
	}
	switch {
	case o.DF == fit.DFKenwardRoger && s == fit.Spatial:
		by.Errors = fit.CovKenwardRogerLinear
	case o.DF == fit.DFKenwardRoger:
		by.Errors = fit.CovKenwardRoger
	case o.DF == fit.DFResidual:
		by.Errors = fit.CovCR0
	default:
		by.Errors = fit.CovModel
	}
	return by
}

func (o MMRMOptions) check(q analysis.Question) error {
	if err := o.inference(fit.Structure(o.Covariance)).Check(fit.Structure(o.Covariance), o.Method == "reml"); err != nil {
		return fmt.Errorf("%w: %w", analysis.ErrOptions, err)
	}
	if q.Visit != "" && o.Visits == "average" {
		return fmt.Errorf("%w: visits=average is over all visits; leave the visit out", analysis.ErrOptions)
	}
	return nil
}

func mmrm(ctx context.Context, in analysis.Input, q analysis.Question, o MMRMOptions) (analysis.Result, error) {
	if err := o.check(q); err != nil {
		return analysis.Result{}, err
	}
	m, excluded, err := newModel(in, q, o)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: excluded, Warnings: m.leaveOut()}
	if err := m.ready(o); err != nil {
		return r, err
	}
	asked, err := m.asked(in, q)
	if err != nil {
		return r, err
	}
	stats, err := m.statistics()
	if err != nil {
		return r, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	f, log, warn, err := fitted(ctx, stats, o)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		return r, m.explain(err)
	}
	i, err := f.Infer(o.inference(f.Structure), m.patients())
	if err != nil {
		return r, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	r.Warnings = slices.Concat(r.Warnings, warn, m.edge(f), m.seen(), m.assumed())
	r.Estimates = m.estimates(i, m.terms(asked, q, o), q, method(f, o))
	if m.base() > 0 {
		tests, warn := m.tests(i)
		r.Tables, r.Warnings = append(r.Tables, tests), append(r.Warnings, warn...)
	}
	r.Tables = append(r.Tables, m.fitTable(f, o), m.covarianceTable(f), log, m.valuesTable())
	if !o.CompleteCases {
		return r, nil
	}
	cases, err := m.completeCases(ctx, f.Structure, q, o, asked)
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if err != nil {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: "complete-cases", Message: fmt.Sprintf("there is no comparison with patients seen at all visits: %v", err)})
		return r, nil
	}
	r.Tables = append(r.Tables, cases)
	return r, nil
}

func method(f *fit.RepeatedFit, o MMRMOptions) analysis.Method {
	by := o.inference(f.Structure)
	return analysis.Method{
		Name: fmt.Sprintf("mixed model for repeated measures, %s covariance, %s, %s errors, %s df", f.Structure, strings.ToUpper(o.Method), by.Errors, by.DF),
		R:    call(f.Structure, by, o), Ref: refMMRM,
	}
}

// call is the same model in R. Treated is 1 in the arm after baseline, 0 elsewhere.
func call(s fit.Structure, by fit.Inference, o MMRMOptions) string {
	terms := map[string]string{"covariate": "arm * visit + baseline:visit", "response": "visit + treated:visit", "none": "arm * visit"}[o.Baseline]
	for _, c := range o.Covariates {
		terms += " + " + c
	}
	time, subject, rest := "visit", "id", ""
	if s == fit.Spatial {
		time = "week"
	}
	if o.CovarianceBy != "" {
		subject = o.CovarianceBy + " / id"
	}
	if o.PatientWeights != "" {
		rest += ", weights = " + o.PatientWeights
	}
	if o.Method == "ml" {
		rest += ", reml = FALSE"
	}
	df := map[string]string{fit.DFSatterthwaite: "Satterthwaite", fit.DFKenwardRoger: "Kenward-Roger", fit.DFBetweenWithin: "Between-Within", fit.DFResidual: "Residual"}[by.DF]
	vcov := map[string]string{
		fit.CovModel: "Asymptotic", fit.CovKenwardRoger: "Kenward-Roger", fit.CovKenwardRogerLinear: "Kenward-Roger-Linear",
		fit.CovCR0: "Empirical", fit.CovCR2: "Empirical-Bias-Reduced", fit.CovCR3: "Empirical-Jackknife",
	}[by.Errors]
	return fmt.Sprintf("mmrm::mmrm(y ~ %s + %s(%s | %s)%s, method = %q, vcov = %q)", terms, s, time, subject, rest, df, vcov)
}

// fitted fits the model, with simpler structures where the one asked for does not
// converge, and logs what was tried.
func fitted(ctx context.Context, stats *fit.Repeated, o MMRMOptions) (*fit.RepeatedFit, analysis.Table, []analysis.Warning, error) {
	log := analysis.Table{Name: "structures", Title: "Covariances tried, in order", Columns: []string{"structure", "outcome", "largest_gradient", "steps"}}
	list := []fit.Structure{fit.Structure(o.Covariance)}
	for _, s := range []fit.Structure{fit.ToeplitzH, fit.AR1H, fit.Compound} {
		if o.Fallback && s != list[0] {
			list = append(list, s)
		}
	}
	var first error
	for i, s := range list {
		f, err := stats.FitRepeated(ctx, s, o.Method == "reml")
		if err == nil {
			log.Rows = append(log.Rows, []analysis.Value{analysis.Text(string(s)), analysis.Text("converged"), analysis.Number(f.Gradient), analysis.Number(float64(f.Iterations))})
			if i == 0 {
				return f, log, nil, nil
			}
			return f, log, []analysis.Warning{{
				Code: "covariance-fallback", Message: fmt.Sprintf("the covariance %s was refused (%v); the model has %s", o.Covariance, first, s),
				Cure: "leave out visits with few patients, or choose the covariance beforehand",
			}}, nil
		}
		if first == nil {
			first = err
		}
		var c *fit.ConvergenceError
		if !errors.As(err, &c) {
			break
		}
		log.Rows = append(log.Rows, []analysis.Value{analysis.Text(string(s)), analysis.Text(c.Why), analysis.Number(c.Gradient), analysis.Number(float64(c.Iterations))})
	}
	return nil, log, nil, first
}

// explain names the column of the design that an error is about.
func (m *model) explain(err error) error {
	var s *fit.SingularError
	switch {
	case errors.As(err, &s):
		return fmt.Errorf("%w: %s follows from what is in the model before it; leave it out, or visits with few patients", analysis.ErrCannot, m.names[s.Column])
	case errors.Is(err, fit.ErrRepeatedConvergence):
		return fmt.Errorf("%w: %w; leave out visits with few patients, or choose a simpler covariance", analysis.ErrCannot, err)
	}
	return fmt.Errorf("%w: %w", analysis.ErrCannot, err)
}
