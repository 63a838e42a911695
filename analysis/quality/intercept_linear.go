package quality

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis/internal/fit"
)

// linearIntercepts is a linear model with a random intercept by site, in sums by site:
// with λ = τ²/σ², V⁻¹σ² = I - λ/(1 + n_j λ) 11' in each.
type linearIntercepts struct {
	xx      *mat.SymDense
	xy      []float64
	yy      float64
	sx      [][]float64 // by site, sums of columns
	sy, n   []float64
	rows, p float64
	shift   []float64 // taken from the columns, 0 for the intercept
	level   float64   // taken from y
}

// LinearIntercepts fits a linear model with a random intercept by site, by restricted
// maximum likelihood: the one root of its derivative in τ²/σ², to the last digits. The
// first column of X must be the intercept. It reads the rows once, whatever their
// number.
//
// R: lme4::lmer(y ~ x + (1 | site)). Laird and Ware 1982, 10.2307/2529876.
func LinearIntercepts(d SiteRows) (*Intercepts, error) {
	m, err := newLinearIntercepts(d)
	if err != nil {
		return nil, err
	}
	// The derivative falls through zero once, if at all: a bracket on the log scale.
	lambda := 0.0
	if _, slope, _, err := m.at(0); err != nil {
		return nil, err
	} else if slope < 0 {
		low, high := math.Log(1e-12), math.Log(1e-12)
		for {
			high += 1
			_, slope, _, err := m.at(math.Exp(high))
			if err != nil {
				return nil, err
			}
			if slope >= 0 {
				break
			}
			if low = high; high > 60 {
				return nil, fmt.Errorf("%w: patients of a site do not differ", ErrNoConvergence)
			}
		}
		for range 200 {
			mid := (low + high) / 2
			if mid == low || mid == high {
				break
			}
			if _, slope, _, _ := m.at(math.Exp(mid)); slope < 0 {
				low = mid
			} else {
				high = mid
			}
		}
		lambda = math.Exp((low + high) / 2)
	}
	return m.finish(lambda)
}

func newLinearIntercepts(d SiteRows) (*linearIntercepts, error) {
	p := len(d.X)
	if len(d.Y) <= p {
		return nil, fmt.Errorf("%w: %d observations for %d coefficients", fit.ErrSingular, len(d.Y), p)
	}
	m := &linearIntercepts{xx: mat.NewSymDense(p, nil), xy: make([]float64, p), sy: make([]float64, d.Sites), n: make([]float64, d.Sites), sx: make([][]float64, d.Sites), rows: float64(len(d.Y)), p: float64(p), shift: make([]float64, p), level: meanOf(d.Y)}
	for s := range m.sx {
		m.sx[s] = make([]float64, p)
	}
	for j := 1; j < p; j++ {
		m.shift[j] = meanOf(d.X[j])
	}
	x := make([]float64, p)
	for i, s := range d.Site {
		y := d.Y[i] - m.level
		for j := range p {
			x[j] = d.X[j][i] - m.shift[j]
			m.sx[s][j] += x[j]
			m.xy[j] += x[j] * y
			for l := range j + 1 {
				m.xx.SetSym(l, j, m.xx.At(l, j)+x[l]*x[j])
			}
		}
		m.n[s]++
		m.sy[s] += y
		m.yy += y * y
	}
	inside := m.yy
	for s, n := range m.n {
		if n > 0 {
			inside -= m.sy[s] * m.sy[s] / n
		}
	}
	if inside <= 1e-12*m.yy {
		return nil, fmt.Errorf("%w: patients of a site do not differ", ErrNoConvergence)
	}
	return m, nil
}

// linearState is the model at one λ.
type linearState struct {
	beta    []float64
	inverse *mat.SymDense // of X'V⁻¹X, over σ²
	rss     float64
}

// at returns -2 log restricted likelihood at λ and its derivative, σ² at its best.
func (m *linearIntercepts) at(lambda float64) (deviance, slope float64, s linearState, err error) {
	p := len(m.xy)
	a, b, yy := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil), m.yy
	a.CopySym(m.xx)
	for j, v := range m.xy {
		b.SetVec(j, v)
	}
	logs := 0.0
	for i, n := range m.n {
		c := lambda / (1 + n*lambda)
		v := mat.NewVecDense(p, m.sx[i])
		a.SymRankOne(a, -c, v)
		b.AddScaledVec(b, -c*m.sy[i], v)
		yy -= c * m.sy[i] * m.sy[i]
		logs += math.Log1p(n * lambda)
	}
	var chol mat.Cholesky
	if !chol.Factorize(a) || chol.Cond() > 1e13 {
		return 0, 0, s, fmt.Errorf("%w: columns repeat each other", fit.ErrSingular)
	}
	var beta mat.VecDense
	s.inverse = mat.NewSymDense(p, nil)
	if chol.SolveVecTo(&beta, b) != nil || chol.InverseTo(s.inverse) != nil {
		return 0, 0, s, fmt.Errorf("%w: columns repeat each other", fit.ErrSingular)
	}
	s.beta, s.rss = beta.RawVector().Data, yy-mat.Dot(&beta, b)
	if !(s.rss > 0) {
		return 0, 0, s, fmt.Errorf("%w: patients of a site do not differ", ErrNoConvergence)
	}
	df := m.rows - m.p
	deviance = df*(1+math.Log(2*math.Pi*s.rss/df)) + logs + chol.LogDet()
	for i, n := range m.n {
		w := 1 / (1 + n*lambda)
		r := m.sy[i] - linear(m.sx[i], s.beta)
		v := mat.NewVecDense(p, m.sx[i])
		slope += n*w - w*w*(df*r*r/s.rss+mat.Inner(v, s.inverse, v))
	}
	return deviance, slope, s, nil
}

func (m *linearIntercepts) finish(lambda float64) (*Intercepts, error) {
	null, _, _, err := m.at(0)
	if err != nil {
		return nil, err
	}
	deviance, slope, s, err := m.at(lambda)
	if err != nil {
		return nil, err
	}
	sigma2 := s.rss / (m.rows - m.p)
	out := &Intercepts{Tau: math.Sqrt(lambda * sigma2), TauSE: math.NaN(), Sigma: math.Sqrt(sigma2), LogLik: -deviance / 2, Null: -null / 2, Patients: m.n}
	if lambda > 0 {
		out.Gradient = math.Abs(slope * lambda)
	}
	out.Coef = append(out.Coef, s.beta...)
	out.Coef[0] += m.level
	ones := mat.NewVecDense(len(s.beta), nil)
	ones.SetVec(0, 1)
	for j := 1; j < len(s.beta); j++ {
		out.Coef[0] -= s.beta[j] * m.shift[j]
		ones.SetVec(j, -m.shift[j])
	}
	out.SE = append(out.SE, math.Sqrt(sigma2*mat.Inner(ones, s.inverse, ones)))
	for j := 1; j < len(s.beta); j++ {
		out.SE = append(out.SE, math.Sqrt(sigma2*s.inverse.At(j, j)))
	}
	for i, n := range m.n {
		c := lambda / (1 + n*lambda)
		out.Effect = append(out.Effect, c*(m.sy[i]-linear(m.sx[i], s.beta)))
		out.EffectSE = append(out.EffectSE, math.Sqrt(sigma2*c))
	}
	return out, nil
}
