package stream

import "math"

// Quantile returns the standard normal quantile of u in (0, 1) with a relative
// error near 10⁻¹⁶ (algorithm AS 241, PPND16). It is ±Inf at 1 and 0 and NaN
// outside. R: qnorm(u).
//
// Reference: Wichura 1988, doi:10.2307/2347330.
func Quantile(u float64) float64 {
	switch {
	case u != u || u < 0 || u > 1:
		return math.NaN()
	case u == 0:
		return math.Inf(-1)
	case u == 1:
		return math.Inf(1)
	}
	q := u - 0.5
	if math.Abs(q) <= 0.425 {
		r := 0.180625 - float64(q*q)
		return q * poly(r, centreNum[:]) / poly(r, centreDen[:])
	}
	r := u
	if q > 0 {
		r = 1 - u
	}
	r = math.Sqrt(-Log(r))
	var x float64
	if r <= 5 {
		x = poly(r-1.6, middleNum[:]) / poly(r-1.6, middleDen[:])
	} else {
		x = poly(r-5, tailNum[:]) / poly(r-5, tailDen[:])
	}
	if q < 0 {
		return -x
	}
	return x
}

// poly evaluates c[0] + c[1]·x + ... without fused operations.
func poly(x float64, c []float64) float64 {
	p := c[len(c)-1]
	for i := len(c) - 2; i >= 0; i-- {
		p = float64(p*x) + c[i]
	}
	return p
}

var (
	centreNum = [...]float64{3.3871328727963666080, 1.3314166789178437745e+2, 1.9715909503065514427e+3, 1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4, 3.3430575583588128105e+4, 2.5090809287301226727e+3}
	centreDen = [...]float64{1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3, 2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4, 5.2264952788528545610e+3}
	middleNum = [...]float64{1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4}
	middleDen = [...]float64{1, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9}
	tailNum   = [...]float64{6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7}
	tailDen   = [...]float64{1, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15}
)

// Normal returns the standard normal quantile of a uniform number made by
// Uniform, from a table of cubics; it is monotone, odd about ½ and within
// 10⁻⁷ of Quantile. It is the fast way from one word to one normal number. Small
// numbers that Uniform cannot make are rounded to a multiple of 2⁻⁵⁴.
func Normal(u float64) float64 {
	// Both are exact for numbers of Uniform, and without branches: half of those
	// would be mispredicted.
	side := u - 0.5
	b := math.Float64bits(0.5 - math.Abs(side))
	i := int(b>>48) - normalBase
	if uint(i) >= uint(len(normalTable)) {
		return Quantile(u)
	}
	t := float64(int64(b & (1<<48 - 1)))
	c := &normalTable[i]
	x := float64((float64((float64(c[3]*t)+c[2])*t)+c[1])*t) + c[0]
	return math.Copysign(x, side)
}

// The table has one cubic for each sixteenth of each octave of (0, ½), down to
// the smallest number Uniform makes.
const (
	normalOctaves = 53
	normalBase    = (1023 - 1 - normalOctaves) << 4
)

var normalTable = makeNormalTable()

func makeNormalTable() (t [normalOctaves * 16][4]float64) {
	for i := range t {
		lo := math.Float64frombits(uint64(i+normalBase) << 48)
		hi := math.Float64frombits(uint64(i+1+normalBase) << 48)
		t[i] = hermite(Quantile(lo), Quantile(hi), float64(slope(lo)*(hi-lo)), float64(slope(hi)*(hi-lo)))
		for k := range t[i] { // the place on a cubic is in units of 2⁻⁴⁸
			t[i][k] = math.Ldexp(t[i][k], -48*k)
		}
	}
	return t
}

// slope is the derivative of the quantile, √(2π)·exp(x²/2).
func slope(u float64) float64 {
	x := Quantile(u)
	return math.Sqrt(2*math.Pi) * Exp(float64(x*x)/2)
}

// hermite returns the cubic on [0, 1] with ends y0, y1 and slopes d0, d1.
func hermite(y0, y1, d0, d1 float64) [4]float64 {
	dy := y1 - y0
	return [4]float64{y0, d0, float64(3*dy) - float64(2*d0) - d1, d0 + d1 - float64(2*dy)}
}
