// Package effect estimates how much pain, function and mood change: mean and
// percent change, standardised differences, responders and adjusted differences.
package effect

import (
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// Corrections of the small-sample bias of Cohen's d.
const (
	CorrectionExact       = "exact"       // J = Γ(df/2) / (√(df/2) Γ((df-1)/2))
	CorrectionApproximate = "approximate" // J = 1 - 3/(4 df - 1)
	CorrectionNone        = "none"        // J = 1: Cohen's d
)

// J returns the factor by which Cohen's d is shrunk to Hedges' g, for df degrees
// of freedom of the standard deviation. It is NaN for df under 2.
//
//	exact        Γ(df/2) / (√(df/2) Γ((df-1)/2))
//	approximate  1 - 3/(4 df - 1)
//
// Hedges 1981, 10.3102/10769986006002107.
func J(df float64, correction string) float64 {
	switch {
	case df < 2:
		return math.NaN()
	case correction == CorrectionNone:
		return 1
	case correction == CorrectionApproximate:
		return 1 - 3/(4*df-1)
	}
	return analysis.HedgesJ(df)
}

// SMD is a standardised mean difference.
type SMD struct {
	D, G      float64 // before and after the correction
	J         float64
	SE        float64 // large-sample standard error of g
	DF        float64
	SD        float64 // the standard deviation divided by
	Statistic float64 // t of the mean difference, NaN where the interval is not by t
	CI        analysis.Interval
}

// Difference standardises the difference of two means by the pooled standard
// deviation of the same values.
//
//	d = (m₁ - m₂) / s,  s² = ((n₁-1)s₁² + (n₂-1)s₂²) / (n₁+n₂-2),  g = J d
//
// The standard error is the large-sample one, √(1/n₁ + 1/n₂ + g²/(2(n₁+n₂))).
// The interval is exact for normal values of equal variance: the bounds of the
// non-centrality of t, times √(1/n₁+1/n₂) and J. Everything is NaN under three
// values in all, under one in a group, or without variance.
//
// R: metafor::escalc("SMD", vtype = "LS"); MBESS::conf.limits.nct. Hedges 1981,
// 10.3102/10769986006002107; Steiger and Fouladi 1997.
func Difference(a, b fit.Moments, correction string, level float64) SMD {
	n1, n2 := float64(a.N), float64(b.N)
	s := SMD{DF: n1 + n2 - 2, D: math.NaN(), G: math.NaN(), J: math.NaN(), SE: math.NaN(), SD: math.NaN(), Statistic: math.NaN(), CI: analysis.NoInterval}
	if a.N < 1 || b.N < 1 || s.DF < 2 {
		return s
	}
	s.SD = math.Sqrt(PooledVariance(a, b))
	if !(s.SD > 0) {
		return s
	}
	k := math.Sqrt(1/n1 + 1/n2)
	s.J = J(s.DF, correction)
	s.D = (a.Mean - b.Mean) / s.SD
	s.G = s.J * s.D
	s.SE = math.Sqrt(1/n1 + 1/n2 + s.G*s.G/(2*(n1+n2)))
	s.Statistic = s.D / k
	low, high := analysis.NoncentralityInterval(s.Statistic, s.DF, level)
	s.CI = analysis.NewInterval(analysis.KindNoncentralT, s.J*k*low, s.J*k*high, level)
	return s
}

// PooledVariance returns the pooled variance of two groups; a group of one
// value gives no variance but counts as a group. NaN with no degree of freedom.
func PooledVariance(a, b fit.Moments) float64 {
	ss, df := 0.0, a.N+b.N-2
	for _, m := range []fit.Moments{a, b} {
		if m.N > 1 {
			ss += float64(m.N-1) * m.SD * m.SD
		}
	}
	if df < 1 {
		return math.NaN()
	}
	return ss / float64(df)
}

// ChangeOverBaseline standardises the difference of two mean changes by the
// pooled standard deviation at baseline of the same patients.
//
//	d = (c₁ - c₂) / s_b,  Var(g) ≈ J² (s_c²(1/n₁+1/n₂)/s_b² + d²/(2 df))
//
// s_c is the pooled standard deviation of change. The interval is large-sample
// normal: with a denominator from other values than the numerator's, t is not
// exact. Morris 2008, 10.1177/1094428106291059, gives the form; the variance is
// by the delta method with a mean and a variance of normal values independent.
func ChangeOverBaseline(change1, change2, base1, base2 fit.Moments, correction string, level float64) SMD {
	n1, n2 := float64(change1.N), float64(change2.N)
	s := SMD{DF: n1 + n2 - 2, D: math.NaN(), G: math.NaN(), J: math.NaN(), SE: math.NaN(), SD: math.NaN(), Statistic: math.NaN(), CI: analysis.NoInterval}
	if change1.N < 1 || change2.N < 1 || s.DF < 2 {
		return s
	}
	s.SD = math.Sqrt(PooledVariance(base1, base2))
	if !(s.SD > 0) {
		return s
	}
	s.J = J(s.DF, correction)
	s.D = (change1.Mean - change2.Mean) / s.SD
	s.G = s.J * s.D
	v := PooledVariance(change1, change2) * (1/n1 + 1/n2) / (s.SD * s.SD)
	s.SE = s.J * math.Sqrt(v+s.D*s.D/(2*s.DF))
	s.CI = analysis.NormalInterval(s.G, s.SE, level)
	s.CI.Kind = analysis.KindLargeSample
	return s
}

// Denominators of a standardised change within one group.
const (
	DenominatorChange   = "change"   // the SD of change: d_z
	DenominatorBaseline = "baseline" // the SD at baseline: d_pre
	DenominatorPost     = "post"     // the SD at the visit
)

// WithinGroup standardises the mean change of one group.
//
//	d = mean change / s,  g = J(n-1) d
//
// s is the standard deviation of change (d_z), at baseline (d_pre) or at the
// visit. For d_z the interval is exact by the non-central t of √n d_z; for the
// others the variance is 2(1-r)/n + g²/(2n) with r the correlation of the two
// occasions, and the interval large-sample normal.
//
// R: metafor::escalc("SMCC") and escalc("SMCR"). Becker 1988,
// 10.1111/j.2044-8317.1988.tb00901.x.
func WithinGroup(before, after []float64, denominator, correction string, level float64) SMD {
	n := float64(len(before))
	change := make([]float64, len(before))
	for i := range change {
		change[i] = after[i] - before[i]
	}
	c, b, a := fit.Describe(change), fit.Describe(before), fit.Describe(after)
	s := SMD{DF: n - 1, D: math.NaN(), G: math.NaN(), J: math.NaN(), SE: math.NaN(), SD: map[string]float64{
		DenominatorChange: c.SD, DenominatorBaseline: b.SD, DenominatorPost: a.SD,
	}[denominator], Statistic: math.NaN(), CI: analysis.NoInterval}
	if s.DF < 2 || !(s.SD > 0) {
		return s
	}
	s.J = J(s.DF, correction)
	s.D = c.Mean / s.SD
	s.G = s.J * s.D
	if denominator == DenominatorChange {
		s.SE = math.Sqrt(1/n + s.G*s.G/(2*n))
		s.Statistic = s.D * math.Sqrt(n)
		low, high := analysis.NoncentralityInterval(s.Statistic, s.DF, level)
		s.CI = analysis.NewInterval(analysis.KindNoncentralT, s.J*low/math.Sqrt(n), s.J*high/math.Sqrt(n), level)
		return s
	}
	r := fit.Correlation(before, after)
	if math.IsNaN(r) {
		return s // no variance at one of the occasions: g stands, its error cannot be known
	}
	s.SE = math.Sqrt(2*(1-r)/n + s.G*s.G/(2*n))
	s.CI = analysis.NormalInterval(s.G, s.SE, level)
	s.CI.Kind = analysis.KindLargeSample
	return s
}

// Moments is the size, mean and standard deviation of a group.
type Moments = fit.Moments
