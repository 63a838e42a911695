// Package meta pools published studies: effect sizes from what papers print,
// fixed and random effects, meta-regression, three-level models with robust
// errors, checks for publication bias and influence, and network meta-analysis.
//
// A study's effect is a value and its variance on the scale on which it is pooled:
// ratios, odds and hazards by their logarithm. Nothing here knows a patient.
package meta

import (
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// Moments is the size, mean and standard deviation of a group.
type Moments = fit.Moments

// Effect is what a study found and the variance of that; NaN where it cannot be
// computed.
type Effect struct{ Value, Variance float64 }

// noEffect is the effect of a study that gives none.
var noEffect = Effect{math.NaN(), math.NaN()}

// known reports whether the effect can be pooled.
func (e Effect) known() bool {
	return !math.IsNaN(e.Value) && !math.IsInf(e.Value, 0) && e.Variance > 0 && !math.IsInf(e.Variance, 0)
}

// whole reports whether groups have sizes of at least two, and standard deviations.
func whole(groups ...Moments) bool {
	for _, g := range groups {
		if g.N < 2 || !(g.SD >= 0) || math.IsNaN(g.Mean) {
			return false
		}
	}
	return true
}

// MeanDifference is m₁ - m₂ with the variance of unequal groups, s₁²/n₁ + s₂²/n₂.
// R: escalc("MD")
func MeanDifference(a, b Moments) Effect {
	if !whole(a, b) {
		return noEffect
	}
	return Effect{a.Mean - b.Mean, a.SD*a.SD/float64(a.N) + b.SD*b.SD/float64(b.N)}
}

// StandardisedDifference is Hedges' g, J (m₁-m₂)/s with the pooled SD and the exact
// J of n₁+n₂-2, and the large-sample variance 1/n₁ + 1/n₂ + g²/(2(n₁+n₂)). Other
// variances are in use and weigh the same study differently.
// R: escalc("SMD", vtype = "LS")
func StandardisedDifference(a, b Moments) Effect {
	if !whole(a, b) {
		return noEffect
	}
	n1, n2 := float64(a.N), float64(b.N)
	s := math.Sqrt(((n1-1)*a.SD*a.SD + (n2-1)*b.SD*b.SD) / (n1 + n2 - 2))
	return standardised((a.Mean-b.Mean)/s, n1, n2)
}

// standardised is Hedges' g of Cohen's d.
func standardised(d, n1, n2 float64) Effect {
	g := analysis.HedgesJ(n1+n2-2) * d
	if math.IsInf(g, 0) {
		return noEffect
	}
	return Effect{g, 1/n1 + 1/n2 + g*g/(2*(n1+n2))}
}

// StandardisedUnequal standardises by the square root of the mean variance of the
// two groups, for variances that differ.
//
//	d = (m₁-m₂)/s,  s² = (s₁²+s₂²)/2,  g = J(n₁+n₂-2) d
//	v = J² (g²(s₁⁴/(n₁-1) + s₂⁴/(n₂-1))/(8 s⁴) + (s₁²/(n₁-1) + s₂²/(n₂-1))/s²)
//
// R: escalc("SMDH"). Bonett 2009, 10.1037/a0016619.
func StandardisedUnequal(a, b Moments) Effect {
	if !whole(a, b) {
		return noEffect
	}
	n1, n2, v1, v2 := float64(a.N-1), float64(b.N-1), a.SD*a.SD, b.SD*b.SD
	s2 := (v1 + v2) / 2
	c := analysis.HedgesJ(n1 + n2)
	g := c * (a.Mean - b.Mean) / math.Sqrt(s2)
	if math.IsNaN(g) || math.IsInf(g, 0) {
		return noEffect
	}
	return Effect{g, c * c * (g*g*(v1*v1/n1+v2*v2/n2)/(8*s2*s2) + (v1/n1+v2/n2)/s2)}
}

// RatioOfMeans is log(m₁/m₂) of means of one sign, with the delta-method variance
// s₁²/(n₁m₁²) + s₂²/(n₂m₂²).
// R: escalc("ROM"). Hedges, Gurevitch and Curtis 1999, 10.2307/177062.
func RatioOfMeans(a, b Moments) Effect {
	if !whole(a, b) || !(a.Mean*b.Mean > 0) {
		return noEffect
	}
	one := func(m Moments) float64 { return m.SD * m.SD / (float64(m.N) * m.Mean * m.Mean) }
	return Effect{math.Log(a.Mean / b.Mean), one(a) + one(b)}
}

// paired reports whether two occasions of one group can be compared.
func paired(after, before Moments, r float64) bool {
	return whole(after, before) && after.N == before.N && math.Abs(r) <= 1
}

// spread is the variance of the differences of two occasions.
func spread(after, before Moments, r float64) float64 {
	return math.Max(0, after.SD*after.SD+before.SD*before.SD-2*r*after.SD*before.SD)
}

// Change is m₁ - m₂ of one group on two occasions with correlation r.
// R: escalc("MC")
func Change(after, before Moments, r float64) Effect {
	if !paired(after, before, r) {
		return noEffect
	}
	return Effect{after.Mean - before.Mean, spread(after, before, r) / float64(after.N)}
}

// StandardisedChange divides the change by its own SD: g = J(n-1) d, v = 1/n + g²/(2n).
// It is not comparable to StandardisedChangeRaw.
// R: escalc("SMCC"). Gibbons, Hedeker and Davis 1993, 10.3102/10769986018003271.
func StandardisedChange(after, before Moments, r float64) Effect {
	if !paired(after, before, r) {
		return noEffect
	}
	return standardisedBy(after, before, math.Sqrt(spread(after, before, r)), 0.5)
}

// StandardisedChangeRaw divides the change by the SD of the second set of moments,
// that before treatment: g = J(n-1) d, v = 2(1-r)/n + g²/(2n).
// R: escalc("SMCR") with the two occasions in the other order. Becker 1988,
// 10.1111/j.2044-8317.1988.tb00901.x.
func StandardisedChangeRaw(after, before Moments, r float64) Effect {
	if !paired(after, before, r) {
		return noEffect
	}
	return standardisedBy(after, before, before.SD, r)
}

func standardisedBy(after, before Moments, sd, r float64) Effect {
	n := float64(after.N)
	g := analysis.HedgesJ(n-1) * (after.Mean - before.Mean) / sd
	if math.IsNaN(g) || math.IsInf(g, 0) {
		return noEffect
	}
	return Effect{g, 2*(1-r)/n + g*g/(2*n)}
}

// Mean is the mean of one group with variance s²/n. R: escalc("MN")
func Mean(a Moments) Effect {
	if !whole(a) {
		return noEffect
	}
	return Effect{a.Mean, a.SD * a.SD / float64(a.N)}
}

// FromHazardRatio is log HR with the standard error from a printed interval,
// (log high - log low)/(2z). It is refused where the ratio lies outside the interval.
// Parmar, Torri and Stewart 1998,
// 10.1002/(SICI)1097-0258(19981230)17:24<2815::AID-SIM110>3.0.CO;2-8.
func FromHazardRatio(hr, low, high, level float64) Effect {
	if !(0 < low && low <= hr && hr <= high) || math.IsInf(high, 1) {
		return noEffect
	}
	se := math.Log(high/low) / (2 * analysis.NormalQuantile(level))
	return Effect{math.Log(hr), se * se}
}

// FromInterval is a value on the scale on which it is pooled with a printed normal
// interval.
func FromInterval(value, low, high, level float64) Effect {
	if !(low <= value && value <= high) {
		return noEffect
	}
	se := (high - low) / (2 * analysis.NormalQuantile(level))
	return Effect{value, se * se}
}

// FromT is Hedges' g of the t statistic of two independent groups, d = t √(1/n₁+1/n₂).
// Of F with one numerator degree of freedom t is its signed root.
func FromT(t float64, n1, n2 int) Effect {
	if n1 < 2 || n2 < 2 || math.IsNaN(t) || math.IsInf(t, 0) {
		return noEffect
	}
	a, b := float64(n1), float64(n2)
	return standardised(t*math.Sqrt(1/a+1/b), a, b)
}

// FromF is Hedges' g of an F statistic with one numerator degree of freedom and the
// sign of the difference, 1 or -1: F itself has none.
func FromF(f, sign float64, n1, n2 int) Effect {
	if !(f >= 0) || math.Abs(sign) != 1 {
		return noEffect
	}
	return FromT(sign*math.Sqrt(f), n1, n2)
}

// FromP is Hedges' g of the two-sided p of a t test with the sign of the difference.
// A p printed as "< 0.001" has no effect size.
func FromP(p, sign float64, n1, n2 int) Effect {
	if !(p > 0 && p <= 1) || math.Abs(sign) != 1 || n1 < 2 || n2 < 2 {
		return noEffect
	}
	return FromT(sign*analysis.TQuantile(float64(n1+n2-2), 1-p), n1, n2)
}

// Quartiles are the spread of a group where no mean and SD are printed: what is not is NaN.
type Quartiles struct {
	N                        int
	Min, Q1, Median, Q3, Max float64
}

// Ways to a mean from a median with quartiles or a range.
const (
	MeanLuo = "luo" // weights that are best for a normal sample of n
	MeanWan = "wan" // weights that do not depend on n
)

// FromMedian gives a mean and SD from the median with quartiles, with the range, or
// with both, for values that are about normal; of skewed ones it is biased, and the
// printed median itself says so where it is far from the middle of the quartiles.
//
//	SD (Wan): (max-min)/(2Φ⁻¹((n-0.375)/(n+0.25))), (q₃-q₁)/(2Φ⁻¹((0.75n-0.125)/(n+0.25))),
//	          or the mean of the two
//	mean wan: (min+2m+max)/4, (q₁+m+q₃)/3, (min+2q₁+2m+2q₃+max)/8
//	mean luo: w(min+max)/2 + (1-w)m, w = 4/(4+n^0.75);
//	          w(q₁+q₃)/2 + (1-w)m, w = 0.7 + 0.39/n;
//	          w₁(min+max)/2 + w₂(q₁+q₃)/2 + (1-w₁-w₂)m, w₁ = 2.2/(2.2+n^0.75), w₂ = 0.7-0.72/n^0.55
//
// Wan et al. 2014, 10.1186/1471-2288-14-135; Luo et al. 2018, 10.1177/0962280216669183.
func FromMedian(q Quartiles, way string) Moments {
	n, m := float64(q.N), q.Median
	none := Moments{N: q.N, Mean: math.NaN(), SD: math.NaN()}
	byRange := (q.Max - q.Min) / (2 * quantile((n-0.375)/(n+0.25)))
	byQuartiles := (q.Q3 - q.Q1) / (2 * quantile((0.75*n-0.125)/(n+0.25)))
	ends, box := (q.Min+q.Max)/2, (q.Q1+q.Q3)/2
	luo := way == MeanLuo
	pick := func(sd, luoMean, wanMean float64) Moments {
		if luo {
			return Moments{N: q.N, Mean: luoMean, SD: sd}
		}
		return Moments{N: q.N, Mean: wanMean, SD: sd}
	}
	hasEnds, hasBox := byRange >= 0 && q.Min <= m && m <= q.Max, byQuartiles >= 0 && q.Q1 <= m && m <= q.Q3
	switch {
	case q.N < 2 || math.IsNaN(m) || way != MeanLuo && way != MeanWan:
		return none
	case hasEnds && hasBox && q.Min <= q.Q1 && q.Q3 <= q.Max:
		w1, w2 := 2.2/(2.2+math.Pow(n, 0.75)), 0.7-0.72/math.Pow(n, 0.55)
		return pick((byRange+byQuartiles)/2, w1*ends+w2*box+(1-w1-w2)*m, (2*ends+4*box+2*m)/8)
	case hasBox && math.IsNaN(ends):
		w := 0.7 + 0.39/n
		return pick(byQuartiles, w*box+(1-w)*m, (2*box+m)/3)
	case hasEnds && math.IsNaN(box):
		w := 4 / (4 + math.Pow(n, 0.75))
		return pick(byRange, w*ends+(1-w)*m, (ends+m)/2)
	}
	return none
}

// quantile is that of the standard normal distribution.
func quantile(p float64) float64 { return analysis.NormalQuantile(2*p - 1) }
