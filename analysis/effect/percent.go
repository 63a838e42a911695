package effect

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// PercentChange is effect/percent-change: the three percent changes that papers
// mix up, side by side.
var PercentChange = analysis.New(analysis.Analysis{
	Name:     "effect/percent-change",
	Title:    "Percent change, three ways",
	Estimand: "relative change from baseline to the visit in each group: the mean of individual percentages, the percentage of means, and the ratio of means; and their comparison between arms",
	Doc: `Terms in each group, of patients seen at both: mean_of_percentages, the mean of 100 (visit - baseline)/|baseline| with Student's t; percent_of_means, 100 (mean at visit - mean at baseline)/mean at baseline; ratio_of_means, mean at visit / mean at baseline, both with an interval by the delta method on the log ratio of paired means.
With a reference: difference_of_percentages (difference of the first, Welch's t or pooled) and ratio_at_visit, the arm's mean at the visit over the reference's, of available cases, with
  Var(log ratio) = s₁²/(n₁m₁²) + s₂²/(n₂m₂²)
The three are different statistics and may have different signs: a mean of percentages weighs patients with low baselines most. They are never compared with each other.
Missing values: patients seen at both (ratio_at_visit: at the visit). A percentage of a zero baseline is not defined: those patients are left out of mean_of_percentages alone, and counted. Ratios need means above zero.
R: t.test(100 * (after - before) / before); metafor::escalc("ROMC"), escalc("ROM").`,
	Refs:   []string{"Vickers 2001, 10.1186/1471-2288-1-6", "Hedges, Gurevitch and Curtis 1999, 10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, ChangeOptions{Variance: "welch"}, percentChange)

func percentChange(_ context.Context, in analysis.Input, q analysis.Question, o ChangeOptions) (analysis.Result, error) {
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	moments := make([]fit.Moments, len(groups))
	missing := 0
	for i, g := range groups {
		b, a, gone := g.Complete(p.Before, p.After)
		percentages, zero := individual(b, a)
		moments[i] = fit.Describe(percentages)
		missing += gone + zero
		m := meanOf("mean_of_percentages", analysis.ScalePercent, moments[i], gone+zero, g, p, q)
		m.Unit = "%"
		m.Method = analysis.Method{Name: "mean of individual percent changes of baseline, patients seen at both with a baseline other than zero", R: "t.test(100 * (after - before) / before)", Ref: "Vickers 2001, 10.1186/1471-2288-1-6"}
		if zero > 0 {
			m = m.Warn(analysis.WarnPercentZero, fmt.Sprintf("%d patients have a baseline of zero, of which no percentage can be taken, and are left out", zero), "use percent_of_means or the change in the outcome's unit")
		}
		r.Estimates = append(r.Estimates, m, percentOfMeans(b, a, gone, g, p, q), ratioOfMeans(b, a, gone, g, p, q))
	}
	if q.Reference != "" {
		d := start("difference_of_percentages", analysis.ScalePercent, groups[0], &groups[1], p)
		d.Unit, d.N = "%", analysis.N{Arm: moments[0].N, Reference: moments[1].N, Missing: missing}
		d.Method = analysis.Method{Name: "difference of mean individual percent changes, " + o.Variance + " t", R: "t.test(percent ~ arm)", Ref: "Welch 1947, 10.1093/biomet/34.1-2.28"}
		r.Estimates = append(r.Estimates, differenceOfMeans(d, moments[0], moments[1], o, q.Level), ratioAtVisit(groups[0], groups[1], p, q))
	}
	return r, nil
}

// individual returns each patient's percent change, and how many have none because
// their baseline is zero.
func individual(before, after []float64) (percent []float64, zero int) {
	for i, b := range before {
		if b == 0 {
			zero++
			continue
		}
		percent = append(percent, 100*(after[i]-b)/math.Abs(b))
	}
	return percent, zero
}

func ratioOfMeans(b, a []float64, missing int, g analysis.Group, p analysis.Paired, q analysis.Question) analysis.Estimate {
	e := percentOfMeans(b, a, missing, g, p, q)
	e.Term, e.Scale, e.Unit = "ratio_of_means", analysis.ScaleRatio, ""
	e.Method.Name = "mean at visit / mean at baseline, patients seen at both; interval by the delta method on the log ratio of paired means"
	if e.Value.OK() {
		e.Value = 1 + e.Value/100
		if e.CI.Low.OK() {
			e.CI.Low, e.CI.High = 1+e.CI.Low/100, 1+e.CI.High/100
		}
	}
	return e
}

// RatioOfMeans returns the log ratio of two independent means and its standard
// error by the delta method; NaN where a mean is not above zero or a group has
// under two values.
//
// R: metafor::escalc("ROM"). Hedges, Gurevitch and Curtis 1999.
func RatioOfMeans(a, b fit.Moments) (log, se float64) {
	if a.N < 2 || b.N < 2 || !(a.Mean > 0) || !(b.Mean > 0) {
		return math.NaN(), math.NaN()
	}
	return math.Log(a.Mean / b.Mean), math.Sqrt(a.SD*a.SD/(float64(a.N)*a.Mean*a.Mean) + b.SD*b.SD/(float64(b.N)*b.Mean*b.Mean))
}

func ratioAtVisit(arm, ref analysis.Group, p analysis.Paired, q analysis.Question) analysis.Estimate {
	x, y := fit.Describe(present(arm.Pick(p.After))), fit.Describe(present(ref.Pick(p.After)))
	e := start("ratio_at_visit", analysis.ScaleRatio, arm, &ref, p)
	e.N = analysis.N{Arm: x.N, Reference: y.N, Missing: len(arm.Patients) + len(ref.Patients) - x.N - y.N}
	e.Method = analysis.Method{Name: "ratio of means at the visit, available cases; normal interval on the log scale", R: `metafor::escalc("ROM")`, Ref: "Hedges, Gurevitch and Curtis 1999, 10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2"}
	log, se := RatioOfMeans(x, y)
	if math.IsNaN(log) {
		return e.Warn(analysis.WarnTooFew, "a ratio of means needs two patients in each group and means above zero", "use the difference in the outcome's unit")
	}
	v := math.Exp(log)
	e.Value = analysis.Num(v)
	if se == 0 {
		return e.Warn(analysis.WarnNoVariance, "all values of each group are equal, so there is no error to give", "")
	}
	e.SE, e.CI = analysis.Num(v*se), analysis.LogInterval(v, se, q.Level)
	e.Statistic, e.P = analysis.Num(log/se), analysis.Num(analysis.NormalP(log/se))
	return e
}
