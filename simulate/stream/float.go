package stream

import (
	"math"

	"recoup/simulate/internal/lanes"
)

const (
	ln2Hi = 6.93147180369123816490e-01 // the upper 33 bits of ln 2
	ln2Lo = 1.90821492927058770002e-10 // ln 2 − ln2Hi
)

// taylor holds what Exp computes with: 1/13! to 1/2!.
var taylor = lanes.Poly{
	Edge: [2]float64{709.78, -708.39}, PerLn2: 1 / math.Ln2, Ln2: [2]float64{ln2Hi, ln2Lo},
	Factors: [12]float64{
		1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
		1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5,
	},
}

// Exp returns eˣ with a relative error under 4·10⁻¹⁶, the same bits on every
// processor. Results under 2⁻¹⁰²² are 0; over the largest float64, +Inf; NaN
// stays NaN.
//
// x = k·ln 2 + r with |r| ≤ ln 2 / 2, and eʳ by its Taylor series of degree 13.
func Exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > taylor.Edge[0]:
		return math.Inf(1)
	case x < taylor.Edge[1]:
		return 0
	}
	k := math.Floor(float64(x*(1/math.Ln2)) + 0.5)
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo)
	c := &taylor.Factors
	p := c[0]
	p = float64(p*r) + c[1]
	p = float64(p*r) + c[2]
	p = float64(p*r) + c[3]
	p = float64(p*r) + c[4]
	p = float64(p*r) + c[5]
	p = float64(p*r) + c[6]
	p = float64(p*r) + c[7]
	p = float64(p*r) + c[8]
	p = float64(p*r) + c[9]
	p = float64(p*r) + c[10]
	p = float64(p*r) + c[11]
	p = float64(float64(p*r)*r) + r
	return 2 * float64((1+p)*math.Float64frombits(uint64(int64(k)+1022)<<52))
}

// Exps sets dst[i] to Exp(x[i]). The slices must have the same length.
func Exps(dst, x []float64) {
	if len(dst) != len(x) {
		return
	}
	for i := lanes.Exps(dst, x, &taylor); i < len(x); i++ {
		dst[i] = Exp(x[i])
	}
}

// Log returns the natural logarithm of x with an absolute error under 4·10⁻¹⁶
// near 1 and a relative error under 4·10⁻¹⁶ elsewhere, the same bits on every
// processor. Log of 0 is −Inf, of a negative number or NaN is NaN.
//
// x = 2ᵉ·m with √½ ≤ m < √2, and log m = 2·atanh((m−1)/(m+1)) by its series.
func Log(x float64) float64 {
	switch {
	case x != x || x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case math.IsInf(x, 1):
		return x
	}
	e := 0.0
	if x < 0x1p-1022 {
		x *= 0x1p54
		e = -54
	}
	b := math.Float64bits(x)
	e += float64(int64(b>>52) - 1023)
	m := math.Float64frombits(b&(1<<52-1) | 1023<<52)
	if m > math.Sqrt2 {
		m *= 0.5
		e++
	}
	f := m - 1
	s := f / (2 + f)
	z := float64(s * s)
	p := 1.0 / 23
	p = float64(p*z) + 1.0/21
	p = float64(p*z) + 1.0/19
	p = float64(p*z) + 1.0/17
	p = float64(p*z) + 1.0/15
	p = float64(p*z) + 1.0/13
	p = float64(p*z) + 1.0/11
	p = float64(p*z) + 1.0/9
	p = float64(p*z) + 1.0/7
	p = float64(p*z) + 1.0/5
	p = float64(p*z) + 1.0/3
	p = float64(float64(2*s) + float64(float64(2*s)*float64(p*z)))
	return float64(e*ln2Hi) + (p + float64(e*ln2Lo))
}

// Logistic returns 1 / (1 + e⁻ˣ), the same bits on every processor.
func Logistic(x float64) float64 { return 1 / (1 + Exp(-x)) }
