package power

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"recoup/analysis"
)

// FTest returns the power of an F test with u and v degrees of freedom and that
// non-centrality, by the Poisson mixture of beta distributions.
//
// R: pf(qf(alpha, u, v, lower = FALSE), u, v, ncp, lower = FALSE).
func FTest(u, v, ncp, alpha float64) float64 {
	if !(u > 0) || !(v > 0) || !(ncp >= 0) {
		return math.NaN()
	}
	x := mathext.InvRegIncBeta(u/2, v/2, 1-alpha) // u F/(u F + v) at the critical F
	sum, mid := 0.0, math.Floor(ncp/2)
	term := func(j float64) float64 {
		lg, _ := math.Lgamma(j + 1)
		w := math.Exp(-ncp/2 - lg)
		if j > 0 {
			w = math.Exp(-ncp/2 + j*math.Log(ncp/2) - lg)
		}
		sum += w * mathext.RegIncBeta(u/2+j, v/2, x)
		return w
	}
	for j := mid; j >= 0; j-- { // outwards from the likeliest
		if term(j) < 1e-17 {
			break
		}
	}
	for j := mid + 1; ncp > 0; j++ {
		if term(j) < 1e-17 {
			break
		}
	}
	return math.Max(0, 1-sum)
}

// Groups returns the power of an analysis of variance of k groups of n patients,
// with Cohen's f, the SD of the means over that within. R: pwr::pwr.anova.test.
func Groups(f, k, n, alpha float64) float64 {
	return FTest(k-1, (n-1)*k, k*n*f*f, alpha)
}

// Regression returns the power of the test of u of the coefficients of a linear
// model with v degrees of freedom left, with Cohen's f². R: pwr::pwr.f2.test.
func Regression(f2, u, v, alpha float64) float64 {
	return FTest(u, v, f2*(u+v+1), alpha)
}

// Correlation returns the power of the test of a correlation r in n patients, by
// Fisher's z with its bias. R: pwr::pwr.r.test. Cohen 1988, chapter 3.
func Correlation(r, n, alpha float64) float64 {
	t := analysis.TQuantile(n-2, 1-alpha)
	critical := math.Atanh(math.Sqrt(t * t / (t*t + n - 2)))
	z := math.Atanh(math.Abs(r)) + math.Abs(r)/(2*(n-1))
	root := math.Sqrt(n - 3)
	return normalCDF((z-critical)*root) + normalCDF((-z-critical)*root)
}
