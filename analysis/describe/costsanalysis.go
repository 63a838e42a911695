package describe

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// CostsAnalysis is describe/costs: what patients cost, before and after admission,
// and per success.
var CostsAnalysis = analysis.New(analysis.Analysis{
	Name:     "describe/costs",
	Title:    "Costs per patient",
	Estimand: "the mean cost of a patient by category, of the program and of other care, before and after admission, and the program's cost per success",
	Doc: `Terms, with the category (or program, care, total) in Definition: mean_cost, median_cost, share_zero of every record; mean_before, mean_after and change (after less before, by patient) in the window about admission (365 days each by default), where days or dates allow.
With an outcome and a visit: cost_per_success, the program's cost of all patients (all cost where no category is the program's) over the number of successes by the rule; patients who could not be judged are no successes, and their cost counts.
Where the records of care stop soon after admission, or begin shortly before it, as for patients who came last quarter, mean_after or mean_before and the change of care are null, with a warning: with dates, where more than one patient in ten was admitted less than three quarters of the window before the last date of a cost; with day numbers, where no record lies in the last quarter of the window and so many patients would have none there by chance with a probability under 0.001. The program's own cost keeps its numbers.
Patients without any record of a cost count as zero (no_record=missing leaves them out).
Day numbers count from admission unless day=clock.
Costs are skewed: read the median and the share with none beside the mean. Nothing is indexed or converted: more than one price year is warned of, and of more than one currency no number is given.
Intervals: Student's t for means, Wilson for shares, delta method on the log scale for the cost per success.
R: t.test(cost); survey::svyratio(~cost, ~success).`,
	Refs: []string{"Cochran 1977, Sampling Techniques, 3rd ed., ch. 6 (ratio of sums)"},
}, DefaultCosts, runCosts)

func runCosts(_ context.Context, in analysis.Input, q analysis.Question, o CostOptions) (analysis.Result, error) {
	g, excluded, err := one(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	in.Cohort = only(in.Cohort, g)
	c, err := Costs(in.Cohort, o, q.Level)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: excluded, Warnings: c.Warnings}
	items := append(slices.Clone(c.Categories), c.Care, c.Total)
	if c.Program.Name != "" {
		items = append(items, c.Program)
	}
	for _, it := range items {
		r.Estimates = append(r.Estimates, c.estimates(it, g.Name, q.Level)...)
	}
	if q.Outcome == "" && q.Visit == "" {
		return r, nil
	}
	success, words, warnings, err := Responders(in, q, o.Rule, o.Threshold, o.Direction)
	if err != nil {
		return r, err
	}
	r.Warnings = append(r.Warnings, warnings...)
	ratio, of := c.PerSuccess(success, q.Level)
	e := analysis.NewEstimate("cost_per_success", analysis.ScaleMean)
	e.Outcome, e.Visit, e.Arm, e.Unit = q.Outcome, q.Visit, g.Name, c.Unit
	if v, err := in.Cohort.Visit(q.Visit); err == nil {
		e.Visit = v.VisitName()
	}
	e.Value, e.SE, e.CI = ratio.Value, ratio.SE, ratio.CI
	e.N = analysis.N{Arm: ratio.N, Events: ratio.Successes}
	for _, p := range c.patients {
		if math.IsNaN(success[p]) {
			e.N.Missing++
		}
	}
	e.Definition = words + "; cost: " + of
	e.Method = analysis.Method{Name: "cost of all patients / successes, those not judged counted as none; delta method on the log scale", R: "survey::svyratio(~cost, ~success)", Ref: "Cochran 1977, Sampling Techniques, ch. 6"}
	if !e.Value.OK() {
		e = e.Warn(analysis.WarnTooFew, "there is no success, or no cost, so there is no cost per success", "choose a lower threshold, or a visit with more patients")
	}
	r.Estimates = append(r.Estimates, e)
	return r, nil
}

// estimates returns the terms of an item.
func (r CostsResult) estimates(it CostItem, arm string, level float64) []analysis.Estimate {
	of := "of " + r.Who
	year := "price year not known"
	if len(r.PriceYears) > 0 {
		year = "price year " + strings.Join(r.PriceYears, ", ")
	}
	start := func(term string, scale analysis.Scale, s CostSummary, v analysis.Num, name, call string) analysis.Estimate {
		e := analysis.NewEstimate(term, scale)
		e.Arm, e.Unit, e.Definition, e.Value = arm, r.Unit, it.Name, v
		e.N = analysis.N{Arm: s.N}
		e.Method = analysis.Method{Name: name + "; " + of + "; " + year, R: call}
		if !v.OK() {
			e = e.Warn(analysis.WarnTooFew, "no patient is counted, or costs cannot be added", "see the warnings of the result")
		}
		return e
	}
	mean := func(term string, scale analysis.Scale, s CostSummary, name string) analysis.Estimate {
		e := start(term, scale, s, s.Mean, name+", Student's t", "t.test(cost)")
		if s.N > 1 {
			e.SE, e.DF, e.CI = s.SE, analysis.Num(s.N-1), analysis.TInterval(float64(s.Mean), float64(s.SE), float64(s.N-1), level)
		}
		return e
	}
	zero := start("share_zero", analysis.ScaleProportion, it.All, it.All.Zero, "share of patients without such a cost, Wilson", "prop.test(x, n, correct = FALSE)")
	zero.Unit = ""
	if it.All.N > 0 {
		zero.N.Events = int(math.Round(float64(it.All.Zero) * float64(it.All.N)))
		zero.CI = analysis.Wilson(zero.N.Events, it.All.N, level)
	}
	out := []analysis.Estimate{
		mean("mean_cost", analysis.ScaleMean, it.All, "mean cost per patient, every record"),
		start("median_cost", analysis.ScaleMean, it.All, it.All.Median, "median cost per patient, every record", "median(cost)"),
		zero,
	}
	if !r.Periods {
		return out
	}
	return append(out,
		mean("mean_before", analysis.ScaleMean, it.Before, fmt.Sprintf("mean cost per patient in the %d days before admission", r.Window)),
		mean("mean_after", analysis.ScaleMean, it.After, fmt.Sprintf("mean cost per patient in the %d days from admission", r.Window)),
		mean("change", analysis.ScaleDifference, it.Change, fmt.Sprintf("mean of individual changes in cost, %d days from admission less %d days before", r.Window, r.Window)))
}

// Responders returns by patient who improved by a rule (percent, points or
// at-most) at the question's visit: 1, 0, or NaN where it cannot be judged, such as
// a percentage of a zero baseline; and the rule in words. Direction is lower,
// higher, or instrument, which takes it from the outcome's instrument and warns
// where it has none.
func Responders(in analysis.Input, q analysis.Question, rule string, threshold float64, direction string) (state []float64, words string, warnings []analysis.Warning, err error) {
	p, err := in.Pair(q)
	if err != nil {
		return nil, "", nil, err
	}
	lower := p.Lower
	switch {
	case direction == "lower" || direction == "higher":
		lower = direction == "lower"
	case !p.DirectionKnown:
		warnings = append(warnings, analysis.Warning{
			Code:    analysis.WarnNoDirection,
			Message: "the outcome has no instrument, so lower was taken as better", Cure: "name its instrument in the cohort file, or set direction=lower or direction=higher",
		})
	}
	switch {
	case rule != fit.RuleAtMost && threshold <= 0:
		return nil, "", nil, fmt.Errorf("%w: expected a threshold above zero", analysis.ErrOptions)
	case rule == fit.RulePercent:
		words = fmt.Sprintf("improved by at least %g %% of baseline", threshold)
	case rule == fit.RulePoints:
		words = fmt.Sprintf("improved by at least %g points", threshold)
	case rule == fit.RuleAtMost:
		words = fmt.Sprintf("at the visit %s %g", map[bool]string{true: "at most", false: "at least"}[lower], threshold)
	default:
		return nil, "", nil, fmt.Errorf("%w: expected the rule percent, points or at-most", analysis.ErrOptions)
	}
	judge := fit.Rule{Kind: rule, Threshold: threshold, Lower: lower}
	state = make([]float64, len(p.Before))
	for i := range state {
		state[i] = judge.Judge(p.Before[i], p.After[i])
	}
	return state, words, warnings, nil
}
