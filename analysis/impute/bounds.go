package impute

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

// BoundsOptions are the settings of impute/bounds.
type BoundsOptions struct {
	Analysis    string            `opt:"analysis" doc:"the analysis that is run under each assumption; auto is effect/ancova with a reference and effect/mean-change without"`
	With        map[string]string `opt:"with" doc:"settings of that analysis, each by its name: with.covariates=age"`
	Term        string            `opt:"term" doc:"the estimate that is shown; auto is the first difference or ratio, of arm and reference where there are two; all is every one"`
	Range       []float64         `opt:"range" doc:"least and largest possible value of the outcome; none for those of the cohort file, else of the instrument"`
	Covariates  []string          `opt:"covariates" doc:"columns of the patients in the models of missing at random and of jump to reference"`
	Imputations int               `opt:"imputations" doc:"completed cohorts of missing at random and of jump to reference"`
	Iterations  int               `opt:"iterations" doc:"rounds of the chained equations"`
}

// The assumptions that impute/bounds puts side by side.
const (
	completeCases   = "complete-cases"
	missingRandom   = "missing-at-random"
	worstCase       = "worst-case"
	bestCase        = "best-case"
	allWorst        = "all-worst"
	allBest         = "all-best"
	lastCarried     = "last-observation-carried-forward"
	baselineCarried = "baseline-observation-carried-forward"
)

// Bounds is impute/bounds: the answer under every named assumption.
var Bounds = analysis.New(analysis.Analysis{
	Name:     "impute/bounds",
	Title:    "The answer under other assumptions about missing values",
	Estimand: "what the chosen analysis estimates under each named assumption about the visits that were not seen, side by side",
	Doc: `The definition of each estimate is the assumption:
  complete-cases                         those with values, as they are
  missing-at-random                      impute/chained: like those seen with the same arm, other visits and covariates
  jump-to-reference                      impute/reference-based, where there is a reference
  worst-case, best-case                  each missing visit of the arm has the worst (best) possible value and each of the reference the best (worst): no assumption at all, so the truth of these patients lies between the two
  all-worst, all-best                    every missing visit, of the reference too, has the worst (best) possible value
  last-observation-carried-forward       the last value seen, that at baseline among them
  baseline-observation-carried-forward   the value at baseline
The carried values, and the worst and best, count as if they had been seen, so that the errors of all four are too small. Carried values are not an assumption to rest on: nobody believes that pain stands still on leaving; they are shown because readers ask for them.
Patients without the outcome at baseline stay without it but for missing-at-random.
Table assumptions: the estimate that is followed under each, and how many patients it is of.
Possible values: range=, else the minimum and maximum of the column in the cohort file, else of the instrument.`,
	Refs:  []string{"National Research Council 2010, 10.17226/12955", "Horowitz and Manski 2000, Journal of the American Statistical Association 95, 77-84", "Molnar, Hutton and Fergusson 2008, 10.1503/cmaj.080820", refReference},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, BoundsOptions{Analysis: "auto", Term: "auto", Imputations: 20, Iterations: 10}, bounds)

// bounding is what the assumptions are tried on.
type bounding struct {
	*panel
	in     analysis.Input
	inner  inner
	q      analysis.Question
	o      BoundsOptions
	keys   []analysis.Estimate // followed, of complete cases
	better []float64           // best and worst possible value; nil where not known
}

func bounds(ctx context.Context, in analysis.Input, q analysis.Question, o BoundsOptions) (analysis.Result, error) {
	if o.Analysis == "auto" {
		o.Analysis = map[bool]string{true: "effect/mean-change", false: "effect/ancova"}[q.Reference == ""]
	}
	if len(o.Range) != 0 && (len(o.Range) != 2 || o.Range[0] >= o.Range[1]) {
		return analysis.Result{}, fmt.Errorf("%w: expected the least and the largest possible value, such as range=0,10", analysis.ErrOptions)
	}
	inner, err := newInner(in, o.Analysis, q, o.With)
	if err != nil {
		return analysis.Result{}, err
	}
	p, err := newPanel(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	b := &bounding{panel: p, in: in, inner: inner, q: q, o: o}
	seen, err := inner.on(ctx, in.Cohort)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: seen.Excluded, Warnings: seen.Warnings}
	if b.keys, err = b.follow(seen.Estimates); err != nil {
		return r, err
	}
	b.best(&r)
	r.Warnings = append(r.Warnings, analysis.Warning{
		Code:    analysis.WarnAssumption,
		Message: "values carried forward are not an assumption to rest on: they take those not seen to have stood still, and count carried values as seen",
		Cure:    "rest the conclusion on one assumption that was named beforehand, and show the others beside it",
	})
	table := analysis.Table{
		Name: "assumptions", Title: "The answer under each assumption about missing values",
		Columns: []string{"assumption", "term", "arm", "reference", "estimate", "low", "high", "p", "patients", "missing"},
	}
	for _, name := range b.assumptions() {
		es, err := b.under(ctx, name, seen)
		if err != nil {
			return r, err
		}
		for _, e := range es {
			r.Estimates = append(r.Estimates, e)
			table.Rows = append(table.Rows, append(texts(name, e.Term, e.Arm, e.Reference), numbers(float64(e.Value), float64(e.CI.Low), float64(e.CI.High), float64(e.P), float64(e.N.Arm+e.N.Reference), float64(e.N.Missing))...))
		}
	}
	r.Tables = []analysis.Table{table, p.missing("")}
	return r, nil
}

func (b *bounding) assumptions() []string {
	out := []string{completeCases, missingRandom}
	if b.q.Reference != "" {
		out = append(out, jump)
	}
	out = append(out, worstCase, bestCase)
	if b.q.Reference != "" {
		out = append(out, allWorst, allBest)
	}
	return append(out, lastCarried, baselineCarried)
}

// follow picks the estimates that are shown.
func (b *bounding) follow(all []analysis.Estimate) ([]analysis.Estimate, error) {
	contrasts := []analysis.Scale{analysis.ScaleDifference, analysis.ScaleStandardised, analysis.ScaleRiskDiff, analysis.ScaleRatio, analysis.ScalePercent}
	var out []analysis.Estimate
	for _, e := range all {
		auto := slices.Contains(contrasts, e.Scale) && (b.q.Reference == "" || e.Reference != "")
		if b.o.Term == "all" || e.Term == b.o.Term || b.o.Term == "auto" && auto && (len(out) == 0 || b.q.Reference == "" && e.Term == out[0].Term) {
			out = append(out, e)
		}
	}
	if b.o.Term == "auto" && len(out) == 0 && len(all) > 0 {
		out = all[:1]
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: %s has no estimate %q here", analysis.ErrOptions, b.inner.analysis.Name, b.o.Term)
	}
	return out, nil
}

// best finds the best and the worst possible value.
func (b *bounding) best(r *analysis.Result) {
	low, high := math.NaN(), math.NaN()
	if i, ok := instrument.Find(b.field.Instrument); ok && b.field.Instrument != "" && !math.IsInf(i.Max, 0) {
		low, high = i.Min, i.Max
	}
	if c := b.field.Constraints; c.Minimum != nil && c.Maximum != nil {
		low, high = *c.Minimum, *c.Maximum
	}
	if len(b.o.Range) == 2 {
		low, high = b.o.Range[0], b.o.Range[1]
	}
	if math.IsNaN(low) {
		return
	}
	b.better = []float64{high, low}
	if b.lower {
		b.better = []float64{low, high}
	}
	if !b.known {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnNoDirection, Message: "the outcome has no instrument, so lower was taken as better", Cure: "name its instrument in the cohort file"})
	}
}

// under answers under an assumption: the followed estimates, without numbers and with the
// reason where it cannot.
func (b *bounding) under(ctx context.Context, name string, seen analysis.Result) ([]analysis.Estimate, error) {
	var r analysis.Result
	var err error
	switch name {
	case completeCases:
		r = seen
	case missingRandom:
		r, err = chained(ctx, b.in, b.q, ChainedOptions{Analysis: b.o.Analysis, With: b.o.With, Imputations: b.o.Imputations, Iterations: b.o.Iterations, Method: "auto", Covariates: b.o.Covariates, Arms: "together"})
	case jump:
		r, err = referenceBased(ctx, b.in, b.q, ReferenceOptions{Strategy: jump, Variance: viewRubin, Analysis: b.o.Analysis, With: b.o.With, Model: "shared", Covariates: b.o.Covariates, Imputations: b.o.Imputations, Replicates: 20})
	default:
		values := b.filled(name)
		switch {
		case name == lastCarried && !b.ordered:
			err = fmt.Errorf("%w: the visits are in no known order; list them under visits in the cohort file", analysis.ErrCannot)
		case values != nil:
			r, err = b.inner.on(ctx, b.complete(b.in.Cohort, values))
		default:
			err = fmt.Errorf("%w: the least and largest possible values of %s are not known: set range=LOW,HIGH", analysis.ErrCannot, b.field.Name)
		}
	}
	if err != nil && !errors.Is(err, analysis.ErrCannot) {
		return nil, err
	}
	at := map[analysis.Key]analysis.Estimate{}
	for _, e := range r.Estimates {
		at[e.Key()] = e
	}
	var out []analysis.Estimate
	for _, k := range b.keys {
		e, ok := at[k.Key()]
		if !ok {
			e = analysis.NewEstimate(k.Term, k.Scale)
			e.Outcome, e.Visit, e.Arm, e.Reference, e.Unit, e.Definition, e.Method = k.Outcome, k.Visit, k.Arm, k.Reference, k.Unit, k.Definition, k.Method
			why := "it is not there under this assumption"
			if err != nil {
				why = err.Error()
			}
			e = e.Warn("no-answer", "no answer under "+name+": "+why, "")
		}
		if ok && name != completeCases && name != missingRandom && name != jump {
			e.N.Missing = max(e.N.Missing, b.imputedIn(e))
			e.Method.Name = name + ", filled-in values counted as seen; " + e.Method.Name
		}
		e.Definition = name + map[bool]string{true: "; " + k.Definition}[k.Definition != ""]
		out = append(out, e)
	}
	return out, nil
}

// filled returns the outcome without gaps after the baseline; nil where it cannot.
func (b *bounding) filled(name string) [][]float64 {
	out := make([][]float64, len(b.visits))
	for v := range out {
		out[v] = slices.Clone(b.values[v])
	}
	for r, g := range b.group {
		last := b.values[b.baseline][r]
		for _, v := range b.after() {
			if !math.IsNaN(out[v][r]) {
				last = out[v][r]
				continue
			}
			switch name {
			case lastCarried:
				out[v][r] = last
			case baselineCarried:
				out[v][r] = b.values[b.baseline][r]
			default:
				if b.better == nil {
					return nil
				}
				worst := name == allWorst || name == worstCase && g == 0 || name == bestCase && g == 1
				if b.q.Reference == "" {
					worst = name == worstCase
				}
				out[v][r] = b.better[map[bool]int{true: 1, false: 0}[worst]]
			}
		}
	}
	return out
}
