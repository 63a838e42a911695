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

// moved returns the statistic with e of the whole weight given to one unit of class
// k by all the others.
func (c Classes) moved(f Statistic, k int, n, e float64) float64 {
	t, _ := f(c.reweigh(func(j int) float64 {
		w := 1 - e
		if j == k {
			w += e * n / float64(c.Sizes[k])
		}
		return w
	}))
	return t
}

// derivatives returns the first and the second derivative of a smooth function at 0
// by differences over h and 2h, put together so that the error is of h⁴.
func derivatives(f func(x float64) float64, at0, h float64) (first, second float64) {
	near, far := [2]float64{f(h), f(-h)}, [2]float64{f(2 * h), f(-2 * h)}
	first = (4*(near[0]-near[1])/(2*h) - (far[0]-far[1])/(4*h)) / 3
	second = (4*(near[0]-2*at0+near[1])/(h*h) - (far[0]-2*at0+far[1])/(4*h*h)) / 3
	return first, second
}

// units counts the units of all classes.
func (c Classes) units() (n float64) {
	for _, size := range c.Sizes {
		n += float64(size)
	}
	return n
}

// Infinitesimal returns the influence of one unit of each class on a statistic that is
// smooth in fractions of units: the infinitesimal jackknife, whose acceleration goes
// into BCa by Draws.Influence.
//
// R: boot::empinf(statistic, stype = "w", type = "inf"). Efron and Tibshirani 1993,
// 10.1201/9780429246593, chapter 22.
func Infinitesimal(f Statistic, c Classes) []float64 {
	n := c.units()
	value, _ := f(c.reweigh(func(int) float64 { return 1 }))
	out := make([]float64, len(c.Sizes))
	eps := 0.001 / n
	for k := range out {
		out[k] = (c.moved(f, k, n, eps) - value) / eps
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
	n := c.units()
	step := 0.01 / n // where rounding and the differences' error are alike
	value, _ := f(c.reweigh(func(int) float64 { return 1 }))
	l := make([]float64, len(c.Sizes))
	var squares, cubes, bias float64
	for k, size := range c.Sizes {
		first, second := derivatives(func(e float64) float64 { return c.moved(f, k, n, e) }, value, step)
		l[k] = first
		squares += float64(size) * first * first
		cubes += float64(size) * first * first * first
		bias += float64(size) * second / (2 * n * n)
	}
	sigma, a := math.Sqrt(squares)/n, cubes/(6*math.Pow(squares, 1.5))
	if !(sigma > 1e-12*math.Abs(value)) || !(squares > 0) { // rounding alone
		return analysis.NoInterval
	}
	along := func(x float64) float64 { // the least favourable direction
		t, _ := f(c.reweigh(func(k int) float64 { return 1 + x*l[k]/(n*sigma) }))
		return t
	}
	_, curve := derivatives(along, value, step)
	shift := a - (bias/sigma - curve/(2*sigma))
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
