package fit

import (
	"math"
	"slices"
)

// Quantile returns the quantile of type 7: the value at 1 + (n-1)p of the sorted
// sample, by straight lines between neighbours. It is NaN without values. Missing
// values are not allowed; x need not be sorted.
//
// R: quantile(x, p). Hyndman and Fan 1996, 10.1080/00031305.1996.10473566.
func Quantile(x []float64, p float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	s := slices.Clone(x)
	slices.Sort(s)
	h := float64(len(s)-1) * p
	i := int(math.Floor(h))
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + float64((h-float64(i))*(s[i+1]-s[i]))
}
