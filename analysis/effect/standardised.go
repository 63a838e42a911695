package effect

import (
	"context"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

func noSMD(df float64) SMD {
	nan := math.NaN()
	return SMD{D: nan, G: nan, J: nan, SE: nan, DF: df, SD: nan, Statistic: nan, CI: analysis.NoInterval}
}

// largeSample gives a standardised difference its error and normal interval.
func (s SMD) largeSample(se, level float64) SMD {
	s.SE = se
	s.CI = analysis.NormalInterval(s.G, se, level)
	s.CI.Kind = analysis.KindLargeSample
	return s
}

// UnbiasedSE returns the standard error of g whose square is unbiased:
//
//	1/n₁ + 1/n₂ + (1 - (df-2)/(df J²)) g²
//
// R: metafor::escalc("SMD", vtype = "UB"). Hedges 1983, 10.1037/0033-2909.93.2.388.
func (s SMD) UnbiasedSE(n1, n2 int) float64 {
	return math.Sqrt(1/float64(n1) + 1/float64(n2) + (1-(s.DF-2)/(s.DF*s.J*s.J))*s.G*s.G)
}

// unequalVariances gives a standardised difference of two means the interval of the
// non-central t about Welch's t.
//
// R: effectsize::cohens_d(pooled_sd = FALSE), glass_delta. Delacre and others 2021,
// 10.31234/osf.io/tu6mp.
func (s SMD) unequalVariances(a, b fit.Moments, df, level float64) SMD {
	se, _ := DifferenceError(a, b, false)
	if !(se > 0) || math.IsNaN(s.D) {
		return s
	}
	k := se / s.SD
	s.DF, s.Statistic = df, s.D/k
	low, high := analysis.NoncentralityInterval(s.Statistic, df, level)
	s.CI = analysis.NewInterval(analysis.KindNoncentralT+", unequal variances", s.J*k*low, s.J*k*high, level)
	return s
}

// Glass standardises the difference of two means by the standard deviation of the
// second group alone, which the program has not changed.
//
//	Δ = (m₁ - m₂)/s₂,  g = J(n₂-1) Δ,  SE² = 1/n₁ + 1/n₂ + g²/(2 n₂)
//
// The interval is exact for normal values of equal variance, by the non-central t
// with n₂-1 degrees of freedom.
//
// R: metafor::escalc("SMD1"). Glass 1976, 10.3102/0013189X005010003.
func Glass(a, b fit.Moments, correction string, level float64) SMD {
	n1, n2 := float64(a.N), float64(b.N)
	s := noSMD(n2 - 1)
	if a.N < 1 || s.DF < 2 {
		return s
	}
	if s.SD = b.SD; !(s.SD > 0) {
		return s
	}
	k := math.Sqrt(1/n1 + 1/n2)
	s.J = J(s.DF, correction)
	s.D = (a.Mean - b.Mean) / s.SD
	s.G = s.J * s.D
	s.SE = math.Sqrt(1/n1 + 1/n2 + s.G*s.G/(2*n2))
	s.Statistic = s.D / k
	low, high := analysis.NoncentralityInterval(s.Statistic, s.DF, level)
	s.CI = analysis.NewInterval(analysis.KindNoncentralT, s.J*k*low, s.J*k*high, level)
	return s
}

// Unequal standardises the difference of two means by the root of the mean of the
// two variances, which need not be equal.
//
//	s² = (s₁² + s₂²)/2,  g = J(n₁+n₂-2) (m₁ - m₂)/s
//	SE² = J² (g² (s₁⁴/(n₁-1) + s₂⁴/(n₂-1))/(8 s⁴) + (s₁²/(n₁-1) + s₂²/(n₂-1))/s²)
//
// R: metafor::escalc("SMDH"), version 3.8. Bonett 2008, 10.1037/1082-989X.13.2.99.
func Unequal(a, b fit.Moments, correction string, level float64) SMD {
	s := noSMD(float64(a.N + b.N - 2))
	if a.N < 2 || b.N < 2 {
		return s
	}
	v1, v2 := a.SD*a.SD, b.SD*b.SD
	v := (v1 + v2) / 2
	if s.SD = math.Sqrt(v); !(s.SD > 0) {
		return s
	}
	s.J = J(s.DF, correction)
	s.D = (a.Mean - b.Mean) / s.SD
	s.G = s.J * s.D
	f1, f2 := float64(a.N-1), float64(b.N-1)
	return s.largeSample(s.J*math.Sqrt(s.G*s.G*(v1*v1/f1+v2*v2/f2)/(8*v*v)+(v1/f1+v2/f2)/v), level)
}

// Standardised changes of one group beyond those of WithinGroup.
const (
	DenominatorAverage    = "average"     // √((s²before + s²after)/2): d_av
	DenominatorMeanSD     = "mean-sd"     // (s before + s after)/2: the other d_av
	DenominatorRepeated   = "repeated"    // s of change / √(2(1-r)): d_rm
	DenominatorPreUnequal = "pre-unequal" // s before, variances unequal in the error
)

// WithinVariant standardises the mean change of one group in the further ways,
// each with its own variance; f = n-1, J = J(f):
//
//	average      SE² = J² (g² (s₁⁴+s₂⁴+2r²s₁²s₂²)/(8 s⁴ f) + s_c²/(s² f))    Bonett 2008
//	mean-sd      the same, with s its own denominator
//	repeated     SE² = (1/n + g²/(2n)) 2(1-r)                               Borenstein 2009
//	pre-unequal  SE² = J² (s_c²/(s₁² f) + g²/(2f))                          Bonett 2008
//
// R: metafor::escalc("SMCRH") for pre-unequal. Bonett 2008, 10.1037/1082-989X.13.2.99;
// Borenstein and others 2009, 10.1002/9780470743386, chapter 4; Lakens 2013,
// 10.3389/fpsyg.2013.00863.
func WithinVariant(before, after []float64, denominator, correction string, level float64) SMD {
	n := float64(len(before))
	s := noSMD(n - 1)
	b, a, c := fit.Describe(before), fit.Describe(after), fit.Describe(minus(after, before))
	r := fit.Correlation(before, after)
	v1, v2 := b.SD*b.SD, a.SD*a.SD
	switch denominator {
	case DenominatorAverage:
		s.SD = math.Sqrt((v1 + v2) / 2)
	case DenominatorMeanSD:
		s.SD = (b.SD + a.SD) / 2
	case DenominatorRepeated:
		s.SD = c.SD / math.Sqrt(2*(1-r))
	case DenominatorPreUnequal:
		s.SD = b.SD
	}
	if s.DF < 2 || !(s.SD > 0) {
		return s
	}
	s.J = J(s.DF, correction)
	s.D = c.Mean / s.SD
	s.G = s.J * s.D
	v, g2 := s.SD*s.SD, s.G*s.G
	switch {
	case math.IsNaN(r):
		return s
	case denominator == DenominatorRepeated:
		return s.largeSample(math.Sqrt((1/n+g2/(2*n))*2*(1-r)), level)
	case denominator == DenominatorPreUnequal:
		return s.largeSample(s.J*math.Sqrt(c.SD*c.SD/(v1*s.DF)+g2/(2*s.DF)), level)
	}
	return s.largeSample(s.J*math.Sqrt(g2*(v1*v1+v2*v2+2*r*r*v1*v2)/(8*v*v*s.DF)+c.SD*c.SD/(v*s.DF)), level)
}

// StandardisedOptions are the settings of effect/standardised-differences.
type StandardisedOptions struct {
	Values     string `opt:"values" doc:"what is compared between arms: the change from baseline, or the value at the visit" choices:"change|visit"`
	Correction string `opt:"correction" doc:"small-sample factor J: by the gamma function, by 1-3/(4df-1), or none" choices:"exact|approximate|none"`
	Errors     string `opt:"errors" doc:"standard error of d with the pooled SD: large-sample, or with an unbiased square" choices:"large-sample|unbiased"`
	Interval   string `opt:"interval" doc:"of d_unequal and both Glass's: as they are, or by the non-central t with each group's own variance, as effectsize has them" choices:"usual|unequal-variances"`
}

// StandardisedDifferences is effect/standardised-differences: every variant that
// papers use, side by side, for comparison with theirs.
var StandardisedDifferences = analysis.New(analysis.Analysis{
	Name:     "effect/standardised-differences",
	Title:    "Standardised differences in every variant",
	Estimand: "mean difference between arms, and mean change within each group, in standard deviations under each usual choice of the standard deviation",
	Doc: `Within each group, patients seen at both, mean change over: d_z, the SD of change; d_av, the root mean of the two variances; d_av_mean, the mean of the two SDs; d_rm, SD of change/√(2(1-r)); d_pre, the SD at baseline; d_pre_unequal, the same with an error for unequal variances; d_post, the SD at the visit.
With a reference, of changes (values=change) or of values at the visit: d_pooled, over the pooled SD; d_unequal, over the root mean of the two variances; glass_reference and glass_arm, over the SD of that group alone; and with values=change also d_baseline, over the pooled SD at baseline.
All are times J of their own degrees of freedom (correction=none for d itself).
Intervals: exact by the non-central t for d_z, d_pooled and both Glass's (equal variances), else large-sample normal; interval=unequal-variances has d_unequal and Glass's by the non-central t about Welch's t, with Welch's degrees of freedom and n - 1 of the group divided by. errors=unbiased has the standard error of d_pooled with an unbiased square.
They differ by a factor of two and more on the same data: compare only like with like, and effect/hedges-g is the one to report.
Missing values: available cases.
R: metafor::escalc("SMD", "SMDH", "SMD1", "SMCC", "SMCR", "SMCRH"), version 3.8; MBESS::conf.limits.nct.`,
	Refs:   []string{refHedges, "Bonett 2008, 10.1037/1082-989X.13.2.99", "Lakens 2013, 10.3389/fpsyg.2013.00863", "Glass 1976, 10.3102/0013189X005010003", "Becker 1988, 10.1111/j.2044-8317.1988.tb00901.x"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, StandardisedOptions{Values: "change", Correction: CorrectionExact, Errors: "large-sample", Interval: "usual"}, standardisedDifferences)

func standardisedDifferences(_ context.Context, in analysis.Input, q analysis.Question, o StandardisedOptions) (analysis.Result, error) {
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	for _, g := range groups {
		b, a, missing := g.Complete(p.Before, p.After)
		add := func(term, how, call string, s SMD) {
			e := start(term, analysis.ScaleStandardised, g, nil, p)
			e.N = analysis.N{Arm: len(b), Missing: missing}
			e.Method = analysis.Method{Name: "mean change / " + how + ", J " + o.Correction + "; patients seen at both", R: call, Ref: "Lakens 2013, 10.3389/fpsyg.2013.00863"}
			r.Estimates = append(r.Estimates, finish(e, s, len(b), "the group"))
		}
		add("d_z", "SD of change", `metafor::escalc("SMCC")`, WithinGroup(b, a, DenominatorChange, o.Correction, q.Level))
		add("d_av", "root mean variance of both occasions", "", WithinVariant(b, a, DenominatorAverage, o.Correction, q.Level))
		add("d_av_mean", "mean SD of both occasions", "", WithinVariant(b, a, DenominatorMeanSD, o.Correction, q.Level))
		add("d_rm", "SD of change/√(2(1-r))", "", WithinVariant(b, a, DenominatorRepeated, o.Correction, q.Level))
		add("d_pre", "SD at baseline", `metafor::escalc("SMCR")`, WithinGroup(b, a, DenominatorBaseline, o.Correction, q.Level))
		add("d_pre_unequal", "SD at baseline", `metafor::escalc("SMCRH")`, WithinVariant(b, a, DenominatorPreUnequal, o.Correction, q.Level))
		add("d_post", "SD at the visit", "", WithinGroup(b, a, DenominatorPost, o.Correction, q.Level))
	}
	if q.Reference != "" {
		r.Estimates = append(r.Estimates, betweenVariants(groups, p, q, o)...)
	}
	return r, nil
}

func betweenVariants(groups []analysis.Group, p analysis.Paired, q analysis.Question, o StandardisedOptions) []analysis.Estimate {
	var m, base [2]fit.Moments
	missing := 0
	for i, g := range groups {
		b, a, _ := g.Complete(p.Before, p.After)
		base[i] = fit.Describe(b)
		if m[i] = fit.Describe(minus(a, b)); o.Values == "visit" {
			m[i] = fit.Describe(present(g.Pick(p.After)))
		}
		missing += len(g.Patients) - m[i].N
	}
	what := map[string]string{"change": "difference in mean change", "visit": "difference in means at the visit"}[o.Values]
	var out []analysis.Estimate
	add := func(term, how, call string, s SMD) {
		e := start(term, analysis.ScaleStandardised, groups[0], &groups[1], p)
		e.N = analysis.N{Arm: m[0].N, Reference: m[1].N, Missing: missing}
		e.Method = analysis.Method{Name: what + " / " + how + ", J " + o.Correction + "; available cases", R: call, Ref: refHedges}
		out = append(out, finish(e, s, min(m[0].N, m[1].N), "a group"))
	}
	pooled := Difference(m[0], m[1], o.Correction, q.Level)
	call := `metafor::escalc("SMD", vtype = "LS")`
	if o.Errors == "unbiased" && !math.IsNaN(pooled.G) {
		pooled.SE, call = pooled.UnbiasedSE(m[0].N, m[1].N), `metafor::escalc("SMD", vtype = "UB")`
	}
	add("d_pooled", "pooled SD", call, pooled)
	unequal, reference, arm := Unequal(m[0], m[1], o.Correction, q.Level), Glass(m[0], m[1], o.Correction, q.Level), Glass(m[1], m[0], o.Correction, q.Level)
	if o.Interval == "unequal-variances" {
		_, welch := DifferenceError(m[0], m[1], false)
		unequal = unequal.unequalVariances(m[0], m[1], welch, q.Level)
		reference, arm = reference.unequalVariances(m[0], m[1], reference.DF, q.Level), arm.unequalVariances(m[1], m[0], arm.DF, q.Level)
	}
	add("d_unequal", "root mean variance", `metafor::escalc("SMDH")`, unequal)
	add("glass_reference", "SD of the reference", `metafor::escalc("SMD1")`, reference)
	add("glass_arm", "SD of the arm", `metafor::escalc("SMD1")`, swapped(arm))
	if o.Values == "change" {
		add("d_baseline", "pooled SD at baseline", "", ChangeOverBaseline(m[0], m[1], base[0], base[1], o.Correction, q.Level))
	}
	return out
}

// swapped turns the sign of a standardised difference.
func swapped(s SMD) SMD {
	s.D, s.G, s.Statistic = -s.D, -s.G, -s.Statistic
	s.CI.Low, s.CI.High = -s.CI.High, -s.CI.Low
	return s
}
