package resample

import (
	"math"

	"recoup/analysis"
)

// reweigh returns the counts that weights of the classes' units give: weights that
// are 1 for every unit give the sizes, and the counts of a stratum add up to its
// units.
func (c Classes) reweigh(weight func(k int) float64) []float64 {
	sums, units := map[int]float64{}, map[int]float64{}
	stratum := func(k int) int {
		if c.Strata == nil {
			return 0
		}
		return c.Strata[k]
	}
	counts := make([]float64, len(c.Sizes))
	for k, size := range c.Sizes {
		counts[k] = float64(size) * weight(k)
		sums[stratum(k)] += counts[k]
		units[stratum(k)] += float64(size)
	}
	for k := range counts {
		counts[k] *= units[stratum(k)] / sums[stratum(k)]
	}
	return counts
}

// derivatives returns the first and second derivatives of the statistic towards one
// unit of each class.
func derivatives(f Statistic, c Classes, eps float64) (value float64, first, second []float64) {
	n := 0.0
	for _, size := range c.Sizes {
		n += float64(size)
	}
	first, second = make([]float64, len(c.Sizes)), make([]float64, len(c.Sizes))
	value, _ = f(c.reweigh(func(int) float64 { return 1 }))
	for k, size := range c.Sizes {
		moved := func(e float64) float64 { // one of the class's units has e more of the whole weight
			t, _ := f(c.reweigh(func(j int) float64 {
				w := 1 - e
				if j == k {
					w += e * n / float64(size)
				}
				return w
			}))
			return t
		}
		up, down := moved(eps), moved(-eps)
		first[k], second[k] = (up-down)/(2*eps), (up-2*value+down)/(eps*eps)
	}
	return value, first, second
}

// Infinitesimal returns the influence of one unit of each class on a statistic that is
// smooth in fractions of units: the infinitesimal jackknife, whose acceleration goes
// into BCa by Draws.Influence.
//
// R: boot::empinf(statistic, stype = "w", type = "inf"). Efron and Tibshirani 1993,
// 10.1201/9780429246593, chapter 22.
func Infinitesimal(f Statistic, c Classes) []float64 {
	n := 0.0
	for _, size := range c.Sizes {
		n += float64(size)
	}
	value, _ := f(c.reweigh(func(int) float64 { return 1 }))
	out := make([]float64, len(c.Sizes))
	eps := 0.001 / n
	for k, size := range c.Sizes {
		t, _ := f(c.reweigh(func(j int) float64 {
			w := 1 - eps
			if j == k {
				w += eps * n / float64(size)
			}
			return w
		}))
		out[k] = (t - value) / eps
	}
	return out
}

// ABC returns the approximate bootstrap confidence interval, BCa's without any
// sampling, of a statistic that is smooth in fractions of units (a median is not):
// bias, skewness and curvature by numerical derivatives. It is no interval where
// these are not defined or nothing varies.
//
// R: boot::abc.ci(data, statistic, conf). DiCiccio and Efron 1992,
// 10.1093/biomet/79.2.231.
func ABC(f Statistic, c Classes, level float64) analysis.Interval {
	n := 0.0
	for _, size := range c.Sizes {
		n += float64(size)
	}
	eps := 0.001 / n
	value, l, l2 := derivatives(f, c, eps)
	var squares, cubes, bias float64
	for k, size := range c.Sizes {
		squares += float64(size) * l[k] * l[k]
		cubes += float64(size) * l[k] * l[k] * l[k]
		bias += float64(size) * l2[k] / (2 * n * n)
	}
	if !(squares > 0) {
		return analysis.NoInterval
	}
	sigma, a := math.Sqrt(squares)/n, cubes/(6*math.Pow(squares, 1.5))
	along := func(step float64) float64 { // the least favourable direction
		t, _ := f(c.reweigh(func(k int) float64 { return 1 + step*l[k]/(n*sigma) }))
		return t
	}
	curve := (along(eps) - 2*value + along(-eps)) / (2 * eps * eps * sigma)
	shift := a - (bias/sigma - curve)
	at := func(z float64) float64 {
		w := shift + z
		return along(w / ((1 - a*w) * (1 - a*w)))
	}
	z := analysis.NormalQuantile(level)
	low, high := at(-z), at(z)
	if math.IsNaN(low) || math.IsNaN(high) {
		return analysis.NoInterval
	}
	return analysis.NewInterval("approximate bootstrap (ABC)", low, high, level)
}
