package analysis

import (
	"math"
	"slices"
)

// NoncentralTCDF returns P(T ≤ t) of the non-central t distribution with df
// degrees of freedom and non-centrality delta.
//
//	P(T ≤ t) = ∫₀^∞ Φ(t·x − δ) f(x) dx,   x = √(χ²(df)/df)
//
// by Gauss-Legendre panels over the range where f is not negligible, cut finer
// where Φ turns. R: pt(t, df, ncp = delta), whose series is good to about 1e-12;
// this holds 1e-13 absolute.
func NoncentralTCDF(t, df, delta float64) float64 {
	if math.IsNaN(t) || math.IsNaN(delta) || !(df > 0) {
		return math.NaN()
	}
	// log density of x: log 2 + (df/2) log(df/2) - lgamma(df/2) + (df-1) log x - df x²/2
	lg, _ := math.Lgamma(df / 2)
	c := math.Ln2 + df/2*math.Log(df/2) - lg
	width := 1 / math.Sqrt(2*df)
	lo, hi := math.Max(0, 1-14*width), 1+14*width
	sum := 0.0
	const panels = 60
	step := (hi - lo) / panels
	edges := make([]float64, 0, panels+40)
	for i := range panels + 1 {
		edges = append(edges, lo+float64(i)*step)
	}
	if t != 0 { // Φ(t·x − δ) turns about x = δ/t within a few 1/|t|
		turn, w := delta/t, 1/math.Abs(t)
		for k := -10; k <= 10; k++ {
			if x := turn + float64(k)*w; x > lo && x < hi {
				edges = append(edges, x)
			}
		}
		slices.Sort(edges)
	}
	for i := 1; i < len(edges); i++ {
		a, b := edges[i-1], edges[i]
		if b <= a {
			continue
		}
		mid, half := (a+b)/2, (b-a)/2
		for k, node := range legendreNodes {
			for _, x := range [2]float64{mid - half*node, mid + half*node} {
				if x <= 0 {
					continue
				}
				f := math.Exp(c + (df-1)*math.Log(x) - df*x*x/2)
				sum += half * legendreWeights[k] * f * 0.5 * math.Erfc((delta-t*x)/math.Sqrt2)
			}
		}
	}
	return math.Max(0, math.Min(1, sum))
}

// Nodes and weights of the 10-point Gauss-Legendre rule, positive half
// (Abramowitz and Stegun, table 25.4).
var (
	legendreNodes   = [5]float64{0.14887433898163121, 0.43339539412924719, 0.67940956829902441, 0.86506336668898451, 0.97390652851717172}
	legendreWeights = [5]float64{0.29552422471475287, 0.26926671930999636, 0.21908636251598204, 0.14945134915058059, 0.06667134430868814}
)

// NoncentralityInterval returns the bounds of the non-centrality parameter of an
// observed t statistic: the values for which t is the upper and the lower
// (1-level)/2 quantile. It is NaN where df is under 1.
//
// R: MBESS::conf.limits.nct(ncp = t, df = df). Steiger and Fouladi 1997.
func NoncentralityInterval(t, df, level float64) (low, high float64) {
	if math.IsNaN(t) || math.IsInf(t, 0) || !(df >= 1) {
		return math.NaN(), math.NaN()
	}
	a := (1 - level) / 2
	reach := 10 + 2*math.Abs(t)
	low = Root(func(d float64) float64 { return NoncentralTCDF(t, df, d) - (1 - a) }, t-reach, t+reach)
	high = Root(func(d float64) float64 { return NoncentralTCDF(t, df, d) - a }, t-reach, t+reach)
	return low, high
}
