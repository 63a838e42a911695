package analysis

import "math"

// HedgesJ returns the exact factor by which Cohen's d is shrunk to Hedges' g, for df
// degrees of freedom of the standard deviation, Γ(df/2) / (√(df/2) Γ((df-1)/2)). It is
// NaN for df under 2.
//
// R: exp(lgamma(df/2) - log(sqrt(df/2)) - lgamma((df-1)/2)).
// Hedges 1981, 10.3102/10769986006002107.
func HedgesJ(df float64) float64 {
	if df < 2 {
		return math.NaN()
	}
	a, _ := math.Lgamma(df / 2)
	b, _ := math.Lgamma((df - 1) / 2)
	return math.Exp(a - 0.5*math.Log(df/2) - b)
}
