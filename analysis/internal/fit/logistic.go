package fit

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ErrSeparation is what errors.Is finds when a combination of columns parts those
// with the event from those without, so that coefficients have no finite value.
var ErrSeparation = errors.New("the columns separate those with and without the event")

// LogisticModel is a fitted logistic regression. It is immutable.
type LogisticModel struct {
	Coef     []float64
	Gradient float64 // largest absolute element of the score at the end
	Steps    int

	inverse *mat.SymDense // of the information
	x       [][]float64
	y, p    []float64
}

// Logistic fits y, 0 or 1, on the columns of x by Newton's method with halving,
// until the score is under 1e-10 of the scale of each column. Missing values are
// not allowed. Separation is found by fitted probabilities that go to 0 and 1.
//
// R: glm(y ~ x - 1, binomial, control = glm.control(epsilon = 1e-14)).
func Logistic(y []float64, x [][]float64) (*LogisticModel, error) {
	n, k := len(y), len(x)
	if n <= k {
		return nil, fmt.Errorf("%w: %d observations for %d coefficients", ErrSingular, n, k)
	}
	scale := make([]float64, k)
	cols := make([][]float64, k)
	for j, col := range x {
		for _, v := range col {
			scale[j] = math.Max(scale[j], math.Abs(v))
		}
		if scale[j] == 0 {
			return nil, fmt.Errorf("%w: a column is all zero", ErrSingular)
		}
		cols[j] = make([]float64, n)
		for i, v := range col {
			cols[j][i] = v / scale[j]
		}
	}
	m := &LogisticModel{x: x, y: y, p: make([]float64, n), Coef: make([]float64, k)}
	b := make([]float64, k)
	fitted := func(b []float64) (loglik float64) {
		for i := range n {
			eta := 0.0
			for j := range k {
				eta += float64(cols[j][i] * b[j])
			}
			m.p[i] = 1 / (1 + math.Exp(-eta))
			if y[i] == 1 {
				loglik -= math.Log1p(math.Exp(-eta))
			} else {
				loglik -= math.Log1p(math.Exp(eta))
			}
		}
		return loglik
	}
	last := fitted(b)
	var chol mat.Cholesky
	for m.Steps = 0; m.Steps < 60; m.Steps++ {
		score, info := mat.NewVecDense(k, nil), mat.NewSymDense(k, nil)
		row := mat.NewVecDense(k, nil)
		certain := 0
		for i := range n {
			for j := range k {
				row.SetVec(j, cols[j][i])
			}
			score.AddScaledVec(score, y[i]-m.p[i], row)
			w := m.p[i] * (1 - m.p[i])
			if w < 1e-8 {
				certain++
			}
			info.SymRankOne(info, w, row)
		}
		m.Gradient = mat.Norm(score, math.Inf(1))
		if !chol.Factorize(info) || chol.Cond() > maxCondition {
			if m.Steps > 3 || certain > 0 {
				return nil, fmt.Errorf("%w: after %d steps", ErrSeparation, m.Steps)
			}
			return nil, fmt.Errorf("%w: columns repeat each other", ErrSingular)
		}
		var step mat.VecDense
		if err := chol.SolveVecTo(&step, score); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSingular, err)
		}
		if mat.Norm(&step, math.Inf(1)) < 1e-11*(1+norm(b)) && m.Gradient < 1e-8*float64(n) {
			break
		}
		if norm(b) > 1e3 || m.Steps > 20 && certain > 0 {
			return nil, fmt.Errorf("%w: after %d steps", ErrSeparation, m.Steps)
		}
		next := make([]float64, k)
		for h := 1.0; ; h /= 2 {
			for j := range k {
				next[j] = b[j] + h*step.AtVec(j)
			}
			if ll := fitted(next); ll >= last-1e-12*math.Abs(last) || h < 1e-6 {
				last = ll
				break
			}
		}
		b = next
	}
	if m.Steps == 60 {
		return nil, fmt.Errorf("%w: no convergence in 60 steps, largest score %.2g", ErrSeparation, m.Gradient)
	}
	var inv mat.SymDense
	if err := chol.InverseTo(&inv); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSingular, err)
	}
	m.inverse = mat.NewSymDense(k, nil)
	for j := range k {
		m.Coef[j] = b[j] / scale[j]
		for l := j; l < k; l++ {
			m.inverse.SetSym(j, l, inv.At(j, l)/scale[j]/scale[l])
		}
	}
	return m, nil
}

func norm(b []float64) float64 {
	most := 0.0
	for _, v := range b {
		most = math.Max(most, math.Abs(v))
	}
	return most
}

// Probability returns the fitted probability of row i with column j set to v.
func (m *LogisticModel) Probability(i, j int, v float64) float64 {
	eta := 0.0
	for l, col := range m.x {
		c := col[i]
		if l == j {
			c = v
		}
		eta += float64(c * m.Coef[l])
	}
	return 1 / (1 + math.Exp(-eta))
}

// Covariance returns the covariance of the coefficients: model (inverse
// information), HC0 or HC3.
//
// R: vcov(fit), sandwich::vcovHC(fit, type).
func (m *LogisticModel) Covariance(kind string) (*mat.SymDense, error) {
	if kind == CovModel {
		return m.inverse, nil
	}
	k := len(m.x)
	meat, row := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for i := range m.y {
		for j := range k {
			row.SetVec(j, m.x[j][i])
		}
		e := m.y[i] - m.p[i]
		w := e * e
		switch kind {
		case CovHC0:
		case CovHC3:
			h := m.p[i] * (1 - m.p[i]) * mat.Inner(row, m.inverse, row)
			w /= (1 - h) * (1 - h)
		default:
			return nil, fmt.Errorf("no covariance called %q", kind)
		}
		if math.IsInf(w, 0) || math.IsNaN(w) {
			return nil, fmt.Errorf("%w: one row alone decides a coefficient", ErrSingular)
		}
		meat.SymRankOne(meat, w, row)
	}
	var half, full mat.Dense
	half.Mul(m.inverse, meat)
	full.Mul(&half, m.inverse)
	out := mat.NewSymDense(k, nil)
	for i := range k {
		for j := i; j < k; j++ {
			out.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	return out, nil
}
