package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Structure is a model of the covariance between visits.
type Structure string

// The structures. A name that ends in h has a variance for each visit, the others
// one for all.
const (
	Unstructured Structure = "us"
	Compound     Structure = "cs"
	CompoundH    Structure = "csh"
	AR1          Structure = "ar1"
	AR1H         Structure = "ar1h"
	Toeplitz     Structure = "toep"
	ToeplitzH    Structure = "toeph"
	Ante         Structure = "ad" // ante-dependence of first order
	AnteH        Structure = "adh"
	// Spatial is exponential in the distance of the visits' times: σ² ρ^d.
	Spatial Structure = "sp_exp"
)

// Structures lists them, the freest first.
var Structures = []Structure{Unstructured, ToeplitzH, AnteH, AR1H, CompoundH, Toeplitz, Ante, AR1, Spatial, Compound}

// parameters returns how many variances and correlations a structure has.
func (s Structure) parameters(visits int) (variances, correlations int) {
	variances = 1
	if s == CompoundH || s == AR1H || s == ToeplitzH || s == AnteH {
		variances = visits
	}
	switch s {
	case Unstructured:
		return visits * (visits + 1) / 2, 0
	case Toeplitz, ToeplitzH, Ante, AnteH:
		return variances, visits - 1
	}
	return variances, min(1, visits-1)
}

// covariance returns the matrix between v visits and its derivatives by each
// parameter. The parameters of an unstructured covariance are mmrm's, free of the
// outcome's unit: L = DM, D the exponentials of those on the diagonal and M of ones on
// its diagonal; those of the others the logarithms of standard deviations and the
// inverse hyperbolic tangents of correlations. Of a spatial one, the logarithm of how
// fast the correlation falls over the mean step between visits.
func (s Structure) covariance(theta []float64, v int, times []float64) (sigma []float64, d [][]float64) {
	sigma = make([]float64, v*v)
	d = make([][]float64, len(theta))
	for h := range d {
		d[h] = make([]float64, v*v)
	}
	if s == Unstructured {
		l, by := factor(theta, v)
		addOuter(sigma, l, l, 0.5, v)
		for h := range by {
			addOuter(d[h], by[h], l, 1, v)
		}
		return sigma, d
	}
	variances, correlations := s.parameters(v)
	sd := make([]float64, v)
	for i := range sd {
		sd[i] = math.Exp(theta[min(i, variances-1)])
	}
	rho, slope := make([]float64, correlations), make([]float64, correlations)
	for i := range rho {
		rho[i] = math.Tanh(theta[variances+i])
		slope[i] = 1 - rho[i]*rho[i]
		if s == Spatial {
			slope[i] = 1 // its derivative is by the parameter as it is
		}
	}
	for i := range v {
		for j := range v {
			lo, hi := min(i, j), max(i, j)
			c := 1.0
			by := make([]float64, correlations) // derivative of c
			switch lag := hi - lo; {
			case lag == 0:
			case s == Spatial:
				fall := math.Exp(theta[1]) * math.Abs(times[i]-times[j]) * float64(v-1) / span(times)
				c = math.Exp(-fall)
				by[0] = -fall * c
			case s == Compound || s == CompoundH:
				c, by[0] = rho[0], 1
			case s == AR1 || s == AR1H:
				c, by[0] = math.Pow(rho[0], float64(lag)), float64(lag)*math.Pow(rho[0], float64(lag-1))
			case s == Toeplitz || s == ToeplitzH:
				c, by[lag-1] = rho[lag-1], 1
			default: // ante-dependence
				for k := lo; k < hi; k++ {
					c *= rho[k]
				}
				for k := lo; k < hi; k++ {
					by[k] = 1
					for o := lo; o < hi; o++ {
						if o != k {
							by[k] *= rho[o]
						}
					}
				}
			}
			at := i*v + j
			sigma[at] = sd[i] * sd[j] * c
			d[min(i, variances-1)][at] += sigma[at]
			d[min(j, variances-1)][at] += sigma[at]
			for k := range by {
				d[variances+k][at] = sd[i] * sd[j] * by[k] * slope[k]
			}
		}
	}
	return sigma, d
}

func span(times []float64) float64 { return slices.Max(times) - slices.Min(times) }

// factor returns the Cholesky factor L of an unstructured covariance and its
// derivatives by each parameter.
func factor(theta []float64, v int) (l []float64, by [][]float64) {
	l = make([]float64, v*v)
	k := 0
	for i := range v {
		diagonal := math.Exp(theta[k+i])
		for j := range i {
			l[i*v+j] = diagonal * theta[k+j]
			e := make([]float64, v*v)
			e[i*v+j] = diagonal
			by = append(by, e)
		}
		l[i*v+i] = diagonal
		e := make([]float64, v*v)
		copy(e[i*v:i*v+i+1], l[i*v:])
		by = append(by, e)
		k += i + 1
	}
	return l, by
}

// curvature returns the sum of the second derivatives of the covariance by mmrm's
// parameters, each times the covariance of the two parameters. Those of an unstructured
// one are ours; beside it mmrm has t/√(1+t²) for a correlation, where ours is tanh(t),
// which adds the bend of the one in the other. A spatial one has none: its own would
// depend on the unit of time.
func (s Structure) curvature(theta []float64, v int, cov mat.Matrix) []float64 {
	if s == Unstructured {
		return unstructuredCurvature(theta, v, cov)
	}
	sigma, d := s.covariance(theta, v, nil)
	variances, correlations := s.parameters(v)
	rho := make([]float64, correlations)
	for k := range rho {
		rho[k] = math.Tanh(theta[variances+k])
	}
	out := make([]float64, v*v)
	for i := range v {
		for j := range v {
			at, a, b := i*v+j, min(i, variances-1), min(j, variances-1)
			sum := (cov.At(a, a) + 2*cov.At(a, b) + cov.At(b, b)) * sigma[at]
			scale := math.Exp(theta[a] + theta[b])
			for k := range rho {
				h := variances + k
				sum += 2*(cov.At(a, h)+cov.At(b, h))*d[h][at] - 3*rho[k]*cov.At(h, h)*d[h][at]
				for l := range rho {
					both := (1 - rho[k]*rho[k]) * (1 - rho[l]*rho[l])
					sum += cov.At(h, variances+l) * scale * both * s.bend(rho, k, l, min(i, j), max(i, j))
				}
			}
			out[at] = sum
		}
	}
	return out
}

// bend returns the second derivative of the correlation of visits lo and hi by
// correlations k and l.
func (s Structure) bend(rho []float64, k, l, lo, hi int) float64 {
	switch s {
	case AR1, AR1H:
		lag := float64(hi - lo)
		if lag < 2 {
			return 0
		}
		return lag * (lag - 1) * math.Pow(rho[0], lag-2)
	case Ante, AnteH:
		if k == l || min(k, l) < lo || max(k, l) >= hi {
			return 0
		}
		c := 1.0
		for o := lo; o < hi; o++ {
			if o != k && o != l {
				c *= rho[o]
			}
		}
		return c
	}
	return 0 // linear in them
}

func unstructuredCurvature(theta []float64, v int, cov mat.Matrix) []float64 {
	l, by := factor(theta, v)
	row := make([]int, 0, len(theta))
	diagonal := make([]bool, 0, len(theta))
	for i := range v {
		for j := 0; j <= i; j++ {
			row, diagonal = append(row, i), append(diagonal, i == j)
		}
	}
	out := make([]float64, v*v)
	for h := range theta {
		for g := range theta {
			w := cov.At(h, g)
			addOuter(out, by[h], by[g], w, v)
			// The second derivative of L: a row's D times what the other one gives.
			switch {
			case row[h] != row[g]:
			case diagonal[h]:
				addOuter(out, by[g], l, w, v)
			case diagonal[g]:
				addOuter(out, by[h], l, w, v)
			}
		}
	}
	return out
}

// addOuter adds w (ab' + ba').
func addOuter(out, a, b []float64, w float64, v int) {
	for i := range v {
		for j := range v {
			s := 0.0
			for c := range v {
				s += a[i*v+c]*b[j*v+c] + b[i*v+c]*a[j*v+c]
			}
			out[i*v+j] += w * s
		}
	}
}
