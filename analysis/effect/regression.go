package effect

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// ByThreshold returns the change expected without any effect in people who were
// chosen because their first score was at or over a threshold (under, with lower),
// by regression to the mean alone.
//
//	-(1 - r) s φ(z) / (1 - Φ(z)),  z = (threshold - m)/s
//
// Davis 1976, 10.1093/oxfordjournals.aje.a112321; Barnett, van der Pols and Dobson
// 2005, 10.1093/ije/dyh299.
func ByThreshold(threshold, mean, sd, reliability float64, under bool) float64 {
	z, sign := (threshold-mean)/sd, -1.0
	if under {
		z, sign = -z, 1
	}
	tail := 0.5 * math.Erfc(z/math.Sqrt2)
	if tail == 0 {
		return math.NaN()
	}
	return sign * (1 - reliability) * sd * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) / tail
}

// RegressionOptions are the settings of effect/regression-to-mean.
type RegressionOptions struct {
	Reliability float64 `opt:"reliability" doc:"correlation of two scores of a patient without treatment over the time asked about, between 0 and 1"`
	Mean        float64 `opt:"mean" doc:"mean score of the population that patients come from, before they are chosen"`
	SD          float64 `opt:"sd" doc:"its standard deviation"`
	Threshold   float64 `opt:"threshold" doc:"score that patients had to reach to be admitted; used with entry"`
	Entry       string  `opt:"entry" doc:"whether patients entered at or over the threshold, under it, or by no threshold" choices:"none|over|under"`
}

// RegressionToMean is effect/regression-to-mean: how much of a change from before
// to after regression to the mean would have brought without any effect.
var RegressionToMean = analysis.New(analysis.Analysis{
	Name:     "effect/regression-to-mean",
	Title:    "Regression to the mean beside the change",
	Estimand: "mean change from baseline that regression to the mean alone would bring, and the mean change beyond it, in each group",
	Doc: `Patients come when they are worse than usual, and would be better later without any program. Terms in each group, of patients seen at both:
  change             mean of visit - baseline
  expected           -(1 - r)(mean baseline - m), given the baselines seen
  beyond_expected    mean of visit - (m + r (baseline - m)), by Student's t
  expected_by_entry  with entry=over or under: -(1 - r) s φ(z)/(1 - Φ(z)), z = (threshold - m)/s, from the threshold alone
m and s are the mean and SD of the population that patients come from, r the reliability; all three must come from outside, and carry no error here: give a range of them.
Assumes normal scores, the same mean at both times without treatment, and no natural course; what is beyond is not the program's effect alone. A comparison with like patients is better than any such correction.
Missing values: patients seen at both.
R: t.test(visit - (m + r * (baseline - m))); -(1 - r) * s * dnorm(z) / pnorm(-z).`,
	Refs:   []string{"Davis 1976, 10.1093/oxfordjournals.aje.a112321", "Barnett, van der Pols and Dobson 2005, 10.1093/ije/dyh299"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, RegressionOptions{Entry: "none"}, regressionToMean)

func regressionToMean(_ context.Context, in analysis.Input, q analysis.Question, o RegressionOptions) (analysis.Result, error) {
	if !(o.Reliability > 0 && o.Reliability <= 1) || !(o.SD > 0) {
		return analysis.Result{}, fmt.Errorf("%w: expected the reliability (over 0, at most 1) and the mean and standard deviation of the population that patients come from: --set reliability=0.8 --set mean=5 --set sd=2", analysis.ErrOptions)
	}
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnAssumption, Message: "reliability, mean and SD of the population are taken as known; the expected change is as uncertain as they are", Cure: "repeat with other values of them"})
	for _, g := range groups {
		b, a, missing := g.Complete(p.Before, p.After)
		beyond, expected := make([]float64, len(b)), make([]float64, len(b))
		for i := range b {
			expected[i] = -(1 - o.Reliability) * (b[i] - o.Mean)
			beyond[i] = a[i] - b[i] - expected[i]
		}
		mean := func(term string, x []float64, how string) {
			e := meanOf(term, analysis.ScaleDifference, fit.Describe(x), missing, g, p, q)
			e.Definition = fmt.Sprintf("reliability %g, population mean %g, SD %g", o.Reliability, o.Mean, o.SD)
			e.Method = analysis.Method{Name: how + "; patients seen at both", R: "t.test(x)", Ref: "Barnett, van der Pols and Dobson 2005, 10.1093/ije/dyh299"}
			if e.SE > 0 {
				e.Statistic = e.Value / e.SE
				e.P = analysis.Num(analysis.TP(float64(e.Statistic), float64(e.DF)))
			}
			r.Estimates = append(r.Estimates, e)
		}
		mean("change", minus(a, b), "mean of individual changes")
		mean("expected", expected, "change expected by regression to the mean given the baselines")
		mean("beyond_expected", beyond, "mean change beyond regression to the mean given the baselines")
		if o.Entry == "none" {
			continue
		}
		e := start("expected_by_entry", analysis.ScaleDifference, g, nil, p)
		e.Unit, e.N = p.Field.Unit, analysis.N{Arm: len(b), Missing: missing}
		e.Definition = fmt.Sprintf("entry %s %g, reliability %g, population mean %g, SD %g", o.Entry, o.Threshold, o.Reliability, o.Mean, o.SD)
		e.Method = analysis.Method{Name: "change expected by regression to the mean given the entry threshold, normal scores", R: "-(1 - r) * s * dnorm(z) / pnorm(-z)", Ref: "Davis 1976, 10.1093/oxfordjournals.aje.a112321"}
		if e.Value = analysis.Num(ByThreshold(o.Threshold, o.Mean, o.SD, o.Reliability, o.Entry == "under")); !e.Value.OK() {
			e = e.Warn(analysis.WarnAssumption, "nobody of the population would pass the threshold", "check mean, sd and threshold")
		}
		r.Estimates = append(r.Estimates, e)
	}
	return r, nil
}
