package impute

import (
	"context"
	"fmt"

	"recoup/analysis"
	"recoup/datasets"
)

// ReferenceOptions are the settings of impute/reference-based.
type ReferenceOptions struct {
	Strategy    string            `opt:"strategy" doc:"what is assumed of patients of the arm after the last visit seen" choices:"jump-to-reference|copy-increments|copy-reference|last-mean|mar"`
	Variance    string            `opt:"variance" doc:"rubin: multiple imputation, information-anchored; jackknife or bootstrap: of conditional mean imputation, frequentist" choices:"rubin|jackknife|bootstrap"`
	Analysis    string            `opt:"analysis" doc:"the analysis that is run on each completed cohort"`
	With        map[string]string `opt:"with" doc:"settings of that analysis, each by its name: with.covariates=age"`
	Model       string            `opt:"model" doc:"one covariance of visits and slopes for all arms, or for each arm its own" choices:"shared|by-arm"`
	Covariates  []string          `opt:"covariates" doc:"columns of the patients in the model, beside the outcome at baseline, each with a slope at every visit"`
	Imputations int               `opt:"imputations" doc:"completed cohorts, with variance=rubin"`
	Replicates  int               `opt:"replicates" doc:"samples, with variance=bootstrap"`
}

const refReference = "Carpenter, Roger and Kenward 2013, 10.1080/10543406.2013.834911"

// ReferenceBased is impute/reference-based.
var ReferenceBased = analysis.New(analysis.Analysis{
	Name:     "impute/reference-based",
	Title:    "Reference-based imputation",
	Estimand: "what the chosen analysis estimates, if patients of the arm who were no longer seen went on as the strategy says, such as those of the reference (a treatment-policy estimand under a named assumption)",
	Doc: `The outcome at all visits after baseline is multivariate normal: a mean for each arm and visit, slopes for baseline and covariates at each visit, unstructured covariance; fitted by restricted maximum likelihood (an EM algorithm, to 1e-11). With μ of the own arm, ρ of the reference, both at the patient's baseline and covariates, and t the last visit seen, the mean after t is
  jump-to-reference: ρ    copy-increments: μ_t + ρ - ρ_t    last-mean: μ_t    mar: μ
and before it μ; copy-reference has ρ at all visits. Values not seen are drawn given those seen from the normal distribution with that mean. Patients of the reference, and visits missed before t, are missing at random. With nothing seen after baseline all but last-mean and mar take ρ.
variance=rubin: imputations= draws, each with the model fitted to a bootstrap sample of each arm (approximate Bayesian), pooled by Rubin's rules. They keep the share of information that is missing as it is under missing at random, and so are larger than the spread over trials. variance=jackknife or bootstrap: missing values get their conditional mean, and the error is that of the estimate without each patient in turn, or over samples: the frequentist variance, often much smaller. Say which one is meant before the data are seen.
Conditional means suit means and their differences; for shares, medians and standard deviations use variance=rubin.
Patients without the outcome at baseline or a covariate are not in the model.
R: rbmi::draws(method_condmean(type = "jackknife"), or method_approxbayes()), impute, analyse(ancova), pool. Covariates basval*visit and therapy*visit.`,
	Refs:  []string{refReference, "Wolbers and others 2022, 10.1002/pst.2234", "Cro, Carpenter and Kenward 2019, 10.1111/rssa.12423", "Bartlett 2023, 10.1080/19466315.2021.1983455"},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
}, ReferenceOptions{Strategy: jump, Variance: viewRubin, Analysis: "effect/ancova", Model: "shared", Imputations: 50, Replicates: 200}, referenceBased)

func referenceBased(ctx context.Context, in analysis.Input, q analysis.Question, o ReferenceOptions) (analysis.Result, error) {
	if q.Reference == "" {
		return analysis.Result{}, fmt.Errorf("%w: expected an arm and the reference it is imputed by: --arm NAME --reference NAME", analysis.ErrOptions)
	}
	s, err := newStudy(in, q, studyOptions{
		analysis: o.Analysis, with: o.With, strategy: o.Strategy, model: o.Model, view: o.Variance,
		covariates: o.Covariates, imputations: o.Imputations, replicates: o.Replicates,
	})
	if err != nil {
		return analysis.Result{}, err
	}
	if !s.incomplete() {
		return s.nothingMissing(ctx, s.inner)
	}
	if err := s.fitAll(ctx); err != nil {
		return analysis.Result{}, err
	}
	results, err := s.results(ctx, delta{})
	if err != nil {
		return analysis.Result{}, err
	}
	r := s.answer(results, strategyWords[o.Strategy])
	other := map[bool]string{true: "set variance=jackknife for the frequentist error, which is often much smaller here", false: "set variance=rubin for the information-anchored error, which is often much larger here"}[o.Variance == viewRubin]
	if o.Strategy != atRandom {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: "variance-view", Message: "errors are by " + viewWords[o.Variance], Cure: other})
	}
	return r, nil
}
