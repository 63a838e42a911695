package economics

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"
)

// smooth is a penalised least-squares regression on one design for many outcomes: the
// columns are turned so that cross product and penalty are both diagonal, after which a
// fit at any penalty costs a division for each column.
//
//	minimise |y - Xβ|² + λ β'Sβ,   X'X + S = R'R,   R⁻ᵀSR⁻¹ = U diag(d) U',   Q = XR⁻¹U
//	Q'Q = diag(1 - d),   coefficients on Q: (Q'y) / (1 - d + λd)
type smooth struct {
	q    *mat.Dense // draws x columns
	mean []float64  // of the columns of q
	d    []float64
	null int // columns without penalty
}

var errSingular = errors.New("the parameters repeat each other or do not vary")

// newSmooth takes the design and the penalty, which is scaled to the design.
func newSmooth(x *mat.Dense, s *mat.SymDense) (*smooth, error) {
	n, k := x.Dims()
	cross := mat.NewSymDense(k, nil)
	cross.SymOuterK(1, x.T())
	sum := mat.NewSymDense(k, nil)
	if t := mat.Trace(s); t > 0 {
		sum.ScaleSym(mat.Trace(cross)/t, s)
	}
	penalty := mat.NewSymDense(k, nil)
	penalty.CopySym(sum)
	sum.AddSym(sum, cross)
	var chol mat.Cholesky
	if !chol.Factorize(sum) {
		return nil, errSingular
	}
	var r, inverse mat.TriDense
	chol.UTo(&r)
	if err := inverse.InverseTri(&r); err != nil && chol.Cond() > 1e14 {
		return nil, errSingular
	}
	var half, whole, turn mat.Dense
	half.Mul(inverse.T(), penalty)
	whole.Mul(&half, &inverse)
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetrised(&whole), true) {
		return nil, errSingular
	}
	var u mat.Dense
	eigen.VectorsTo(&u)
	turn.Mul(&inverse, &u)
	f := &smooth{q: mat.NewDense(n, k, nil), mean: make([]float64, k), d: eigen.Values(nil)}
	f.q.Mul(x, &turn)
	for j, d := range f.d {
		f.d[j] = math.Min(1, math.Max(0, d))
		if f.d[j] < 1e-9 {
			f.d[j] = 0
			f.null++
		}
	}
	for i := range n {
		for j, v := range f.q.RawRowView(i) {
			f.mean[j] += v / float64(n)
		}
	}
	return f, nil
}

func symmetrised(a *mat.Dense) *mat.SymDense {
	k, _ := a.Dims()
	out := mat.NewSymDense(k, nil)
	for i := range k {
		for j := range i + 1 {
			out.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	return out
}

// project returns Q'y.
func (f *smooth) project(y []float64) []float64 {
	out := mat.NewVecDense(len(f.d), nil)
	out.MulVec(f.q.T(), mat.NewVecDense(len(y), y))
	return out.RawVector().Data
}

// penalty returns the penalty that the sum of restricted likelihoods of the outcomes is
// highest at, from their projections and sums of squares about 0:
//
//	Σ (n - M) log(y'y - Σ z²/c) + Σ log c - (k - M) log λ,   c = 1 - d + λd
func (f *smooth) penalty(z [][]float64, squares []float64) float64 {
	n, _ := f.q.Dims()
	rank := float64(len(f.d) - f.null)
	criterion := func(log float64) float64 {
		lambda, sum, det := math.Exp(log), 0.0, 0.0
		for _, d := range f.d {
			det += math.Log(1 - d + lambda*d)
		}
		det -= rank * log
		for o, y := range z {
			rss := squares[o]
			for j, d := range f.d {
				rss -= y[j] * y[j] / (1 - d + lambda*d)
			}
			if rss > 1e-14*squares[o] {
				sum += float64(n-f.null)*math.Log(rss) + det
			} else if squares[o] > 0 { // an exact fit: the least penalty it is still exact at
				sum += float64(n-f.null)*math.Log(1e-14*squares[o]) + det
			}
		}
		return sum
	}
	const low, high, step = -30.0, 30.0, 1.0
	best, at := math.Inf(1), 0.0
	for log := low; log <= high; log += step {
		if c := criterion(log); c < best {
			best, at = c, log
		}
	}
	return math.Exp(golden(criterion, at-step, at+step))
}

// golden returns where f is least between a and b.
func golden(f func(float64) float64, a, b float64) float64 {
	const ratio = 0.6180339887498949
	c, d := b-ratio*(b-a), a+ratio*(b-a)
	fc, fd := f(c), f(d)
	for b-a > 1e-6 {
		if fc <= fd {
			b, d, fd = d, c, fc
			c = b - ratio*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + ratio*(b-a)
			fd = f(d)
		}
	}
	return (a + b) / 2
}

// shrunk is what a projection is multiplied by to be the coefficients.
func (f *smooth) shrunk(lambda float64) []float64 {
	out := make([]float64, len(f.d))
	for j, d := range f.d {
		out[j] = 1 / (1 - d + lambda*d)
	}
	return out
}

// spline is the design and penalty of a natural cubic spline with knots at quantiles of
// the values, its coefficients the values at the knots and its penalty the integral of
// the squared second derivative.
//
// Reference: Wood 2017, Generalized Additive Models, section 5.3.1 (cubic regression
// splines). R: mgcv::s(x, bs = "cr").
func spline(x, knots []float64) (*mat.Dense, *mat.SymDense, error) {
	k := len(knots)
	h := make([]float64, k-1)
	for j := range h {
		h[j] = knots[j+1] - knots[j]
	}
	second := mat.NewDense(k-2, k, nil)
	band := mat.NewSymDense(k-2, nil)
	for i := range k - 2 {
		second.Set(i, i, 1/h[i])
		second.Set(i, i+1, -1/h[i]-1/h[i+1])
		second.Set(i, i+2, 1/h[i+1])
		band.SetSym(i, i, (h[i]+h[i+1])/3)
		if i+1 < k-2 {
			band.SetSym(i, i+1, h[i+1]/6)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(band) {
		return nil, nil, errSingular
	}
	var curve, penalty mat.Dense // second derivatives at the inner knots from the values
	if err := chol.SolveTo(&curve, second); err != nil {
		return nil, nil, errSingular
	}
	penalty.Mul(second.T(), &curve)
	design := mat.NewDense(len(x), k, nil)
	for i, v := range x {
		j := 0
		for j < k-2 && v > knots[j+1] {
			j++
		}
		row := design.RawRowView(i)
		v = math.Min(math.Max(v, knots[0]), knots[k-1])
		left, right := (knots[j+1]-v)/h[j], (v-knots[j])/h[j]
		row[j] += left
		row[j+1] += right
		for at, w := range [2]float64{(left*left*left - left) * h[j] * h[j] / 6, (right*right*right - right) * h[j] * h[j] / 6} {
			if m := j + at - 1; m >= 0 && m < k-2 {
				for c := range k {
					row[c] += w * curve.At(m, c)
				}
			}
		}
	}
	return design, symmetrised(&penalty), nil
}
