package simulate

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"recoup/simulate/stream"
)

// Family is the shape of a distribution of an uncertain parameter.
type Family string

// The families. Every one is sampled by its quantile function, so one uniform
// number gives one value, monotonely.
const (
	Fixed     Family = "fixed"     // always A
	Normal    Family = "normal"    // mean A, standard deviation B
	LogNormal Family = "lognormal" // median A, standard deviation of the logarithm B
	Beta      Family = "beta"      // first and second shape A, B
	Gamma     Family = "gamma"     // shape A, scale B
	Uniform   Family = "uniform"   // from A to B
)

// Distribution is a family with its two numbers; the meaning of A and B stands
// at the family.
type Distribution struct {
	Family Family
	A, B   float64
}

// BetaFromMean returns the beta distribution with a mean and standard deviation.
//
//	k = mean·(1−mean)/sd² − 1,  α = mean·k,  β = (1−mean)·k
func BetaFromMean(mean, sd float64) (Distribution, error) {
	k := mean*(1-mean)/(sd*sd) - 1
	d := Distribution{Beta, mean * k, (1 - mean) * k}
	return d, d.Check()
}

// GammaFromMean returns the gamma distribution with a mean and standard
// deviation: shape mean²/sd², scale sd²/mean.
func GammaFromMean(mean, sd float64) (Distribution, error) {
	d := Distribution{Gamma, mean * mean / (sd * sd), sd * sd / mean}
	return d, d.Check()
}

// Check says what is wrong with the numbers of the distribution, if anything.
func (d Distribution) Check() error {
	finite := !math.IsNaN(d.A) && !math.IsInf(d.A, 0) && !math.IsNaN(d.B) && !math.IsInf(d.B, 0)
	ok := false
	switch d.Family {
	case Fixed:
		ok = finite
	case Normal:
		ok = finite && d.B > 0
	case LogNormal, Beta, Gamma:
		ok = finite && d.A > 0 && d.B > 0
	case Uniform:
		ok = finite && d.A < d.B
	default:
		return fmt.Errorf("unknown distribution %q: use fixed, normal, lognormal, beta, gamma or uniform", d.Family)
	}
	if !ok {
		return fmt.Errorf("impossible %s distribution: its spread must be positive and its mean inside its range", d.Family)
	}
	return nil
}

// Quantile returns the value below which a share u in (0, 1) of the
// distribution lies, NaN for an unknown family.
// R: qnorm, qlnorm, qbeta, qgamma, qunif.
func (d Distribution) Quantile(u float64) float64 {
	switch d.Family {
	case Fixed:
		return d.A
	case Normal:
		return d.A + float64(d.B*stream.Quantile(u))
	case LogNormal:
		return d.A * stream.Exp(float64(d.B*stream.Quantile(u)))
	case Beta:
		return mathext.InvRegIncBeta(d.A, d.B, u)
	case Gamma:
		return d.B * mathext.GammaIncRegInv(d.A, u)
	case Uniform:
		return d.A + float64((d.B-d.A)*u)
	}
	return math.NaN()
}

// Mean returns the mean of the distribution.
func (d Distribution) Mean() float64 {
	switch d.Family {
	case Fixed, Normal:
		return d.A
	case LogNormal:
		return d.A * math.Exp(d.B*d.B/2)
	case Beta:
		return d.A / (d.A + d.B)
	case Gamma:
		return d.A * d.B
	case Uniform:
		return (d.A + d.B) / 2
	}
	return math.NaN()
}
