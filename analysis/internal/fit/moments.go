package fit

import "math"

// Moments is the size, mean and standard deviation of a sample.
type Moments struct {
	N        int
	Mean, SD float64 // SD with divisor n-1; NaN under two values
}

// Describe returns the moments of values without missing ones, by two passes
// shifted by the first value, so that a large common offset costs no digits.
func Describe(x []float64) Moments {
	m := Moments{N: len(x), Mean: math.NaN(), SD: math.NaN()}
	if len(x) == 0 {
		return m
	}
	n, shift := float64(len(x)), x[0]
	s := 0.0
	for _, v := range x {
		s += v - shift
	}
	off := s / n
	m.Mean = shift + off
	if len(x) < 2 {
		return m
	}
	ss, c := 0.0, 0.0
	for _, v := range x {
		d := (v - shift) - off
		ss += float64(d * d)
		c += d
	}
	m.SD = math.Sqrt(math.Max(0, ss-c*c/n) / (n - 1))
	return m
}

// Correlation returns Pearson's correlation of pairs, NaN under two pairs or
// without variance.
func Correlation(x, y []float64) float64 {
	a, b := Describe(x), Describe(y)
	if !(a.SD > 0) || !(b.SD > 0) {
		return math.NaN()
	}
	s := 0.0
	for i := range x {
		s += float64((x[i] - a.Mean) * (y[i] - b.Mean))
	}
	return s / float64(a.N-1) / a.SD / b.SD
}
