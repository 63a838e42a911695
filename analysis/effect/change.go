package effect

import (
	"context"
	"fmt"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// ChangeOptions are the settings of effect/mean-change.
type ChangeOptions struct {
	Variance string `opt:"variance" doc:"of the difference between two groups: welch allows unequal variances, pooled assumes them equal" choices:"welch|pooled"`
	Ranks    string `opt:"ranks" doc:"p of Wilcoxon's signed ranks: normal with ties and continuity correction, or exact given the ranks (up to 300 changes)" choices:"normal|exact"`
}

// MeanChange is effect/mean-change: means and standard deviations at baseline and
// at a visit, the mean change, and its difference between arms.
var MeanChange = analysis.New(analysis.Analysis{
	Name:     "effect/mean-change",
	Title:    "Mean change from baseline",
	Estimand: "mean change from baseline to the visit, in the outcome's unit, in each group, and its difference between arm and reference",
	Doc: `Terms in each group: mean_baseline and mean_visit with sd_baseline and sd_visit (available cases at that occasion), the same with _paired (patients seen at both), change and sd_change (patients seen at both), percent_of_means, wilcoxon_signed_rank (the sum of the ranks of changes upwards, with its p: a test of changes that are symmetric about zero, which assumes no normal values; changes of zero are left out, changes are rounded to 1e-9 so that they tie).
With a reference: difference_in_change (patients seen at both) and difference_at_visit (available cases at the visit, which does not adjust for baseline).
Intervals: Student's t for means and changes, Welch's t (or pooled) for differences, chi-square for standard deviations, and for percent_of_means the delta method on log(mean at visit / mean at baseline) of paired values.
percent_of_means = 100 (mean at visit - mean at baseline) / mean at baseline, of patients seen at both: a percentage of means, not a mean of percentages.
A change before to after in one group contains regression to the mean and the natural course; only a difference between comparable groups is an effect.
R: t.test(after, before, paired = TRUE); t.test(change ~ arm); wilcox.test(after, before, paired = TRUE, exact = FALSE).`,
	Refs:   []string{"Wilcoxon 1945, 10.2307/3001968", "Welch 1947, 10.1093/biomet/34.1-2.28", "Hedges, Gurevitch and Curtis 1999, 10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, ChangeOptions{Variance: "welch", Ranks: "normal"}, meanChange)

func meanChange(_ context.Context, in analysis.Input, q analysis.Question, o ChangeOptions) (analysis.Result, error) {
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	for _, g := range groups {
		r.Estimates = append(r.Estimates, changeTerms(g, p, q, o)...)
	}
	if q.Reference != "" {
		r.Estimates = append(r.Estimates, differenceInChange(groups[0], groups[1], p, q, o), differenceAtVisit(groups[0], groups[1], p, q, o))
	}
	return r, nil
}

// changeTerms returns the terms of one group.
func changeTerms(g analysis.Group, p analysis.Paired, q analysis.Question, o ChangeOptions) []analysis.Estimate {
	occasion := func(suffix string, x []float64) []analysis.Estimate {
		visit := p.Now.VisitName()
		if strings.HasPrefix(suffix, "baseline") {
			visit = p.Baseline.VisitName()
		}
		m := fit.Describe(present(x))
		mean := meanOf("mean_"+suffix, analysis.ScaleMean, m, len(g.Patients)-m.N, g, p, q)
		mean.Method = analysis.Method{Name: "mean of available cases", R: "t.test(x)"}
		if len(x) < len(g.Patients) {
			mean.Method.Name = "mean of patients seen at both occasions"
		}
		mean.Visit = visit
		sd := start("sd_"+suffix, analysis.ScaleSD, g, nil, p)
		sd.Visit = visit
		sd.Unit, sd.N, sd.Value = p.Field.Unit, mean.N, analysis.Num(m.SD)
		sd.CI = analysis.SDInterval(m.SD, m.N, q.Level)
		sd.Method = analysis.Method{Name: "standard deviation, divisor n-1, of available cases", R: "sd(x)"}
		if m.N < 2 {
			sd = tooFew(sd, 2)
		}
		return []analysis.Estimate{mean, sd}
	}
	out := occasion("baseline", g.Pick(p.Before))
	out = append(out, occasion("visit", g.Pick(p.After))...)
	b, a, missing := g.Complete(p.Before, p.After)
	out = append(out, occasion("baseline_paired", b)...)
	out = append(out, occasion("visit_paired", a)...)
	c := fit.Describe(minus(a, b))
	change := meanOf("change", analysis.ScaleDifference, c, missing, g, p, q)
	if !(c.SD > 0) {
		change.Statistic, change.P = analysis.None, analysis.None
	} else {
		change.Statistic = analysis.Num(c.Mean / (c.SD / math.Sqrt(float64(c.N))))
		change.P = analysis.Num(analysis.TP(float64(change.Statistic), float64(c.N-1)))
	}
	change.Method = analysis.Method{Name: "mean of individual changes, visit minus baseline; available cases", R: "t.test(after, before, paired = TRUE)"}
	sd := start("sd_change", analysis.ScaleSD, g, nil, p)
	sd.Unit, sd.N, sd.Value, sd.CI = p.Field.Unit, change.N, analysis.Num(c.SD), analysis.SDInterval(c.SD, c.N, q.Level)
	sd.Method = analysis.Method{Name: "standard deviation of individual changes", R: "sd(after - before)"}
	if c.N < 2 {
		sd = tooFew(sd, 2)
	}
	return append(out, change, sd, percentOfMeans(b, a, missing, g, p, q), signedRank(minus(a, b), missing, g, p, o))
}

// signedRank tests the changes by their ranks.
func signedRank(change []float64, missing int, g analysis.Group, p analysis.Paired, o ChangeOptions) analysis.Estimate {
	s := fit.SignedRank(rounded(change))
	e := start("wilcoxon_signed_rank", analysis.ScaleCount, g, nil, p)
	e.N = analysis.N{Arm: len(change), Missing: missing}
	e.Method = analysis.Method{Name: "sum of the ranks of changes upwards, those of zero left out; normal p with ties and continuity correction", R: "wilcox.test(after, before, paired = TRUE, exact = FALSE)", Ref: "Wilcoxon 1945, 10.2307/3001968"}
	switch {
	case len(change) == 0:
		return tooFew(e, 1)
	case s.N == 0:
		return e.Warn(analysis.WarnNoVariance, "no score has changed, so there is nothing to rank", "")
	}
	e.Value, e.Statistic, e.P = analysis.Num(s.V), analysis.Num(s.Z), analysis.Num(analysis.NormalP(s.Z))
	if o.Ranks != "exact" {
		return e
	}
	exact := s.Exact()
	if math.IsNaN(exact) {
		return e.Warn(analysis.WarnAssumption, fmt.Sprintf("the exact p is gone through for up to 300 changes; of %d the normal one is given, which is as good", s.N), "")
	}
	e.Method.Name = "sum of the ranks of changes upwards, those of zero left out; exact p over all signs given the ranks"
	e.Method.R = "wilcox.test(after, before, paired = TRUE, exact = TRUE); with ties coin::wilcoxsign_test(distribution = exact())"
	e.Statistic, e.P = analysis.None, analysis.Num(exact)
	return e
}

// rounded makes differences tie that are equal but for rounding.
func rounded(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Round(v*1e9) / 1e9
	}
	return out
}

// meanOf returns a mean with its t interval.
func meanOf(term string, scale analysis.Scale, m fit.Moments, missing int, g analysis.Group, p analysis.Paired, q analysis.Question) analysis.Estimate {
	e := start(term, scale, g, nil, p)
	e.Unit, e.N, e.Value = p.Field.Unit, analysis.N{Arm: m.N, Missing: missing}, analysis.Num(m.Mean)
	if m.N == 0 {
		return tooFew(e, 1)
	}
	if m.N < 2 {
		return tooFew(e, 2)
	}
	se := m.SD / math.Sqrt(float64(m.N))
	e.SE, e.DF = analysis.Num(se), analysis.Num(m.N-1)
	e.CI = analysis.TInterval(m.Mean, se, float64(m.N-1), q.Level)
	return e
}

func tooFew(e analysis.Estimate, need int) analysis.Estimate {
	have := "no patient has"
	if e.N.Arm == 1 {
		have = "one patient alone has"
	}
	what := "a value"
	if need > 1 {
		what = "an interval or a standard deviation"
	}
	return e.Warn(analysis.WarnTooFew, have+" the values needed; "+what+" cannot be given", "ask for a visit or an outcome with more patients")
}

// percentOfMeans returns the percent change of the mean, with an interval by the
// delta method on the log ratio of two paired means.
func percentOfMeans(b, a []float64, missing int, g analysis.Group, p analysis.Paired, q analysis.Question) analysis.Estimate {
	e := start("percent_of_means", analysis.ScalePercent, g, nil, p)
	e.Unit, e.N = "%", analysis.N{Arm: len(b), Missing: missing}
	e.Method = analysis.Method{
		Name: "100 (mean at visit - mean at baseline) / mean at baseline, patients seen at both; interval by the delta method on the log ratio of paired means",
		R:    `metafor::escalc("ROMC")`, Ref: "Hedges, Gurevitch and Curtis 1999, 10.1890/0012-9658(1999)080[1150:TMAORR]2.0.CO;2",
	}
	mb, ma := fit.Describe(b), fit.Describe(a)
	if mb.N == 0 {
		return tooFew(e, 1)
	}
	if mb.Mean == 0 {
		return e.Warn(analysis.WarnPercentZero, "the mean at baseline is zero, so a percentage of it is not defined", "use the change in the outcome's unit")
	}
	e.Value = analysis.Num(100 * (ma.Mean - mb.Mean) / mb.Mean)
	if mb.N < 2 || !(ma.Mean > 0) || !(mb.Mean > 0) {
		return e.Warn(analysis.WarnTooFew, "an interval on the log scale needs two patients and means above zero", "")
	}
	n := float64(mb.N)
	cov := 0.0
	if r := fit.Correlation(b, a); !math.IsNaN(r) {
		cov = r * mb.SD * ma.SD
	}
	v := (ma.SD*ma.SD/(ma.Mean*ma.Mean) + mb.SD*mb.SD/(mb.Mean*mb.Mean) - 2*cov/(ma.Mean*mb.Mean)) / n
	ci := analysis.LogInterval(ma.Mean/mb.Mean, math.Sqrt(math.Max(0, v)), q.Level)
	e.CI = analysis.NewInterval(ci.Kind, 100*(float64(ci.Low)-1), 100*(float64(ci.High)-1), q.Level)
	return e
}

func differenceInChange(arm, ref analysis.Group, p analysis.Paired, q analysis.Question, o ChangeOptions) analysis.Estimate {
	b1, a1, m1 := arm.Complete(p.Before, p.After)
	b2, a2, m2 := ref.Complete(p.Before, p.After)
	x, y := fit.Describe(minus(a1, b1)), fit.Describe(minus(a2, b2))
	e := start("difference_in_change", analysis.ScaleDifference, arm, &ref, p)
	e.Unit = p.Field.Unit
	e.N = analysis.N{Arm: x.N, Reference: y.N, Missing: m1 + m2}
	e.Method = analysis.Method{Name: "difference of mean changes, Welch's t; available cases", R: "t.test(change ~ arm)", Ref: "Welch 1947, 10.1093/biomet/34.1-2.28"}
	if o.Variance == "pooled" {
		e.Method = analysis.Method{Name: "difference of mean changes, Student's t with pooled variance; available cases", R: "t.test(change ~ arm, var.equal = TRUE)"}
	}
	return differenceOfMeans(e, x, y, o, q.Level)
}

// differenceAtVisit compares the means at the visit of available cases.
func differenceAtVisit(arm, ref analysis.Group, p analysis.Paired, q analysis.Question, o ChangeOptions) analysis.Estimate {
	x, y := fit.Describe(present(arm.Pick(p.After))), fit.Describe(present(ref.Pick(p.After)))
	e := start("difference_at_visit", analysis.ScaleDifference, arm, &ref, p)
	e.Unit = p.Field.Unit
	e.N = analysis.N{Arm: x.N, Reference: y.N, Missing: len(arm.Patients) + len(ref.Patients) - x.N - y.N}
	e.Method = analysis.Method{Name: "difference of means at the visit, " + o.Variance + " t; available cases", R: "t.test(visit ~ arm)", Ref: "Welch 1947, 10.1093/biomet/34.1-2.28"}
	return differenceOfMeans(e, x, y, o, q.Level)
}

// differenceOfMeans writes the difference of two means, by Welch or pooled.
func differenceOfMeans(e analysis.Estimate, x, y fit.Moments, o ChangeOptions, level float64) analysis.Estimate {
	e.Value = analysis.Num(x.Mean - y.Mean)
	se, df := DifferenceError(x, y, o.Variance == "pooled")
	if math.IsNaN(se) {
		return e.Warn(analysis.WarnTooFew, "each group needs two patients with the values needed for an interval", "ask for a visit or an outcome with more patients")
	}
	if se == 0 {
		return e.Warn(analysis.WarnNoVariance, "no patient's value differs from the others' in its group, so there is no error to give", "")
	}
	e.SE, e.DF = analysis.Num(se), analysis.Num(df)
	e.Statistic = e.Value / analysis.Num(se)
	e.P = analysis.Num(analysis.TP(float64(e.Statistic), df))
	e.CI = analysis.TInterval(float64(e.Value), se, df, level)
	return e
}

// DifferenceError returns the standard error of a difference of two means and its
// degrees of freedom, by Welch or with pooled variance; NaN where a group has
// under two values.
func DifferenceError(x, y fit.Moments, pooled bool) (se, df float64) {
	if x.N < 2 || y.N < 2 {
		return math.NaN(), math.NaN()
	}
	n1, n2 := float64(x.N), float64(y.N)
	if pooled {
		return math.Sqrt(PooledVariance(x, y) * (1/n1 + 1/n2)), n1 + n2 - 2
	}
	v1, v2 := x.SD*x.SD/n1, y.SD*y.SD/n2
	return math.Sqrt(v1 + v2), (v1 + v2) * (v1 + v2) / (v1*v1/(n1-1) + v2*v2/(n2-1))
}
