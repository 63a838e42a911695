package quality

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// What is done with the most extreme z scores before over-dispersion is worked out, so
// that the sites one looks for do not hide themselves.
const (
	ExtremesWinsorise = "winsorise" // pulled in to the quantile (type 7), as CQC
	ExtremesTruncate  = "truncate"  // left out beyond the quantile, as SHMI
)

// MinSites is the least number of sites from which over-dispersion is worked out.
const MinSites = 3

// Overdispersion is how much more sites differ than chance gives.
type Overdispersion struct {
	Phi       analysis.Num // mean squared z; 1 where sites differ by chance alone
	Tau2      analysis.Num // variance between sites, on the scale of the standard errors
	Threshold analysis.Num // 1 + 2√(2/k): φ above it is taken as over-dispersion
	P         analysis.Num // chi-square test of Σz² on k-1 degrees of freedom, all z as they are
	Sites     int          // from which φ was worked out
}

func noDispersion(sites int) Overdispersion {
	return Overdispersion{Phi: analysis.None, Tau2: analysis.None, Threshold: analysis.None, P: analysis.None, Sites: sites}
}

// Disperse returns the over-dispersion of z scores with their standard errors, the
// share winsor of z scores at each end winsorised: pulled in to the quantile there
// (type 7). 0 leaves all as they are.
//
//	φ = Σ z² / k,  τ² = max(0, (k φ - (k-1)) / (Σw - Σw²/Σw)),  w = 1/s²
//
// The test is of z about the overall proportion. Everything is none under
// MinSites sites.
//
// R: q <- quantile(z, c(w, 1-w)); mean(pmin(pmax(z, q[1]), q[2])^2); FunnelPlotR.
// Spiegelhalter 2005, 10.1002/sim.1970; DerSimonian and Laird 1986,
// 10.1016/0197-2456(86)90046-2.
func Disperse(z, s []float64, winsor float64) Overdispersion {
	return disperse(z, s, winsor, ExtremesWinsorise)
}

func disperse(z, s []float64, share float64, extremes string) Overdispersion {
	d := noDispersion(len(z))
	if len(z) < MinSites {
		return d
	}
	d.P = analysis.Num(distuv.ChiSquared{K: float64(len(z) - 1)}.Survival(squares(z)))
	if extremes == ExtremesTruncate {
		z, s = truncated(z, s, share)
		if len(z) < MinSites {
			return d
		}
	} else {
		z = winsorised(z, share)
	}
	k, w, w2 := float64(len(z)), 0.0, 0.0
	for _, e := range s {
		weight := 1 / (e * e)
		w += weight
		w2 += float64(weight * weight)
	}
	phi := squares(z) / k
	d.Phi, d.Sites = analysis.Num(phi), len(z)
	d.Tau2 = analysis.Num(math.Max(0, (float64(k*phi)-(k-1))/(w-w2/w)))
	d.Threshold = analysis.Num(1 + 2*math.Sqrt(2/k))
	return d
}

func squares(z []float64) float64 {
	sum := 0.0
	for _, v := range z {
		sum += float64(v * v)
	}
	return sum
}

func winsorised(z []float64, share float64) []float64 {
	low, high := fit.Quantile(z, share), fit.Quantile(z, 1-share)
	out := make([]float64, len(z))
	for i, v := range z {
		out[i] = math.Min(math.Max(v, low), high)
	}
	return out
}

// truncated leaves out the z beyond the quantiles.
func truncated(z, s []float64, share float64) (kept, errors []float64) {
	low, high := fit.Quantile(z, share), fit.Quantile(z, 1-share)
	for i, v := range z {
		if v >= low && v <= high {
			kept, errors = append(kept, v), append(errors, s[i])
		}
	}
	return kept, errors
}
