package economics

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// withoutNoise returns the draws with the noise of a finite number of patients
// taken out of their spread; means stay as they are. With T the covariance of
// the draws, N the noise, T = LLᵀ and L⁻¹NL⁻ᵀ = UΛUᵀ,
//
//	x' = m + L·U·√max(0, 1−Λ)·Uᵀ·L⁻¹·(x − m)
//
// so the covariance of x' is T − N, or as near to it as a covariance can be. It
// returns false, and d itself, where that cannot be done: no noise given, or
// too few draws (or a constant) for T to be inverted.
//
// Reference: O'Hagan, Stevenson, Madan 2007, doi:10.1002/hec.1199 (analysis of
// variance for patient-level simulation).
func (d Draws) withoutNoise() (Draws, bool) {
	columns := append(append([][]float64{}, d.Cost...), d.Effect...)
	varying := d.varying(columns)
	draws := len(d.Cost[0])
	if d.Noise == nil || len(varying) == 0 || draws < 2*len(varying)+2 {
		return d, false
	}
	k := len(varying)
	total, noise := mat.NewSymDense(k, nil), mat.NewSymDense(k, nil)
	x := mat.NewDense(draws, k, nil) // deviations, in units of their SD
	mean, scale := make([]float64, k), make([]float64, k)
	for i, c := range varying {
		m, v := meanVariance(columns[c])
		mean[i], scale[i] = m, math.Sqrt(v)
		for r, y := range columns[c] {
			x.Set(r, i, (y-m)/scale[i])
		}
	}
	total.SymOuterK(1/float64(draws-1), x.T())
	for i := range k {
		for j := range i + 1 {
			noise.SetSym(i, j, d.Noise[varying[i]][varying[j]]/(scale[i]*scale[j]))
		}
	}
	shrink, ok := shrinkage(total, noise)
	if !ok {
		return d, false
	}
	var moved mat.Dense
	moved.Mul(x, shrink.T())
	out := d
	out.Cost, out.Effect = copyRows(d.Cost), copyRows(d.Effect)
	rows := append(append([][]float64{}, out.Cost...), out.Effect...)
	for i, c := range varying {
		for r := range draws {
			rows[c][r] = mean[i] + moved.At(r, i)*scale[i]
		}
	}
	return out, true
}

// shrinkage returns L·U·√max(0, 1−Λ)·Uᵀ·L⁻¹.
func shrinkage(total, noise *mat.SymDense) (*mat.Dense, bool) {
	var chol mat.Cholesky
	if !chol.Factorize(total) || chol.Cond() > 1e12 {
		return nil, false
	}
	k := total.SymmetricDim()
	var l, inverse mat.TriDense
	chol.LTo(&l)
	if err := inverse.InverseTri(&l); err != nil {
		return nil, false
	}
	var half, whole mat.Dense
	half.Mul(&inverse, noise)
	whole.Mul(&half, inverse.T())
	m := mat.NewSymDense(k, nil)
	for i := range k {
		for j := range i + 1 {
			m.SetSym(i, j, (whole.At(i, j)+whole.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(m, true) {
		return nil, false
	}
	var u mat.Dense
	eigen.VectorsTo(&u)
	diagonal := mat.NewDiagDense(k, nil)
	for i, lambda := range eigen.Values(nil) {
		diagonal.SetDiag(i, math.Sqrt(max(0, 1-lambda)))
	}
	out := mat.NewDense(k, k, nil)
	out.Product(&l, &u, diagonal, u.T(), &inverse)
	return out, true
}

// varying returns the columns that differ between draws.
func (d Draws) varying(columns [][]float64) (out []int) {
	for c, x := range columns {
		if varies(x) {
			out = append(out, c)
		}
	}
	return out
}

// varies says whether not all values are the same. A variance cannot tell: the rounding of
// the mean gives a constant one above 0.
func varies(x []float64) bool {
	return slices.ContainsFunc(x, func(v float64) bool { return v != x[0] })
}

func copyRows(rows [][]float64) [][]float64 {
	out := make([][]float64, len(rows))
	for i, r := range rows {
		out[i] = append([]float64{}, r...)
	}
	return out
}
