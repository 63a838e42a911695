package quality

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// BinomialLimit returns the proportion of n at which the binomial distribution
// with the target's probability reaches p, interpolated between whole counts and
// cut to [0, 1]. It is NaN for n under 1 or a target that is not between 0 and 1.
//
//	(r - α)/n,  r the least count of which P(R ≤ r) ≥ p,  α = (P(R ≤ r) - p) / P(R = r)
//
// R: r <- qbinom(p, n, target); (r - (pbinom(r, n, target) - p) /
// dbinom(r, n, target)) / n. Spiegelhalter 2005, appendix, 10.1002/sim.1970.
func BinomialLimit(target float64, n int, p float64) float64 {
	if n < 1 || !(target > 0 && target < 1) {
		return math.NaN()
	}
	cdf := func(r int) float64 {
		switch {
		case r < 0:
			return 0
		case r >= n:
			return 1
		}
		return mathext.RegIncBeta(float64(n-r), float64(r+1), 1-target)
	}
	low, high := -1, n // P(R ≤ low) < p ≤ P(R ≤ high)
	for high-low > 1 {
		if mid := (low + high) / 2; cdf(mid) >= p {
			high = mid
		} else {
			low = mid
		}
	}
	at := cdf(high)
	alpha := (at - p) / (at - cdf(high-1))
	return math.Max(0, math.Min(1, (float64(high)-alpha)/float64(n)))
}

// PoissonLimit returns the count at which the Poisson distribution of that mean
// reaches p, interpolated between whole counts as BinomialLimit does, and not under 0.
//
// R: r <- qpois(p, mu); r - (ppois(r, mu) - p) / dpois(r, mu).
func PoissonLimit(mean, p float64) float64 {
	if !(mean > 0) {
		return math.NaN()
	}
	cdf := func(r int) float64 {
		if r < 0 {
			return 0
		}
		return mathext.GammaIncRegComp(float64(r+1), mean)
	}
	low, high := -1, int(mean)+1
	for cdf(high) < p {
		low, high = high, 2*high+1
	}
	for high-low > 1 {
		if mid := low + (high-low)/2; cdf(mid) >= p {
			high = mid
		} else {
			low = mid
		}
	}
	at := cdf(high)
	return math.Max(0, float64(high)-(at-p)/(at-cdf(high-1)))
}

// binomialTails returns P(R ≤ r) and P(R ≥ r) of n at a probability.
func binomialTails(target float64, n, r int) (low, high float64) {
	low, high = 1, 1
	if r < n {
		low = mathext.RegIncBeta(float64(n-r), float64(r+1), 1-target)
	}
	if r > 0 {
		high = mathext.RegIncBeta(float64(r), float64(n-r+1), target)
	}
	return low, high
}

// poissonTails returns P(R ≤ r) and P(R ≥ r) of a mean.
func poissonTails(mean float64, r int) (low, high float64) {
	low, high = mathext.GammaIncRegComp(float64(r+1), mean), 1
	if r > 0 {
		high = mathext.GammaIncReg(float64(r), mean)
	}
	return low, high
}
