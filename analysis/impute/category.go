package impute

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/simulate/stream"
)

// categories imputes by logistic or multinomial regression, with coefficients drawn from
// the normal approximation of their posterior. A weak normal prior on all of them but the
// intercepts (SD 5 per standard deviation of a predictor) keeps them finite where
// predictors part the categories.
//
//	log(p_l / p_0) = x'β_l
func (c *chain) categories(k int, v *variable, t int, others []int, draws *stream.Cursor) {
	if v.levels == 1 { // a single category is what all are
		clear(c.values[k])
		return
	}
	m := newCategorical(c, v, others)
	m.fit()
	beta := m.draw(draws)
	levels := m.levels
	eta, x := make([]float64, levels), make([]float64, len(others))
	for i, r := range v.missing {
		m.row(x, r)
		m.probabilities(eta, x, beta)
		u, at := c.uniform(r, k, t), 0
		for at < levels-1 && u >= eta[at] {
			u -= eta[at]
			at++
		}
		c.values[k][i] = float64(at)
	}
}

// categorical is a multinomial regression of codes 0 to levels-1.
type categorical struct {
	c       *chain
	v       *variable
	columns []int
	levels  int
	beta    []float64 // by level but the first, then column
	chol    mat.Cholesky
	ok      bool
}

func newCategorical(c *chain, v *variable, columns []int) *categorical {
	levels := max(2, v.levels) // 0/1 has none of its own
	return &categorical{c: c, v: v, columns: columns, levels: levels, beta: make([]float64, (levels-1)*len(columns))}
}

func (m *categorical) row(x []float64, r int32) {
	for i, j := range m.columns {
		x[i] = m.c.columns[j][r]
	}
}

// probabilities writes the probability of each level.
func (m *categorical) probabilities(p, x, beta []float64) {
	most := 0.0
	p[0] = 0
	for l := 1; l < m.levels; l++ {
		s := 0.0
		for i, b := range beta[(l-1)*len(x) : l*len(x)] {
			s += x[i] * b
		}
		p[l] = s
		most = math.Max(most, s)
	}
	sum := 0.0
	for l := range p {
		p[l] = stream.Exp(p[l] - most)
		sum += p[l]
	}
	for l := range p {
		p[l] /= sum
	}
}

// fit finds the mode of the posterior by Newton's method, which the prior makes concave.
func (m *categorical) fit() {
	for range 50 {
		score, info := m.score()
		if m.ok = m.chol.Factorize(info); !m.ok {
			return
		}
		var step mat.VecDense
		if m.ok = m.chol.SolveVecTo(&step, score) == nil; !m.ok {
			return
		}
		largest := 0.0
		for i := range m.beta {
			s := math.Max(-3, math.Min(3, step.AtVec(i))) // far steps of separated data
			m.beta[i] += s
			largest = math.Max(largest, math.Abs(s))
		}
		if largest < 1e-8 {
			return
		}
	}
}

func (m *categorical) score() (*mat.VecDense, *mat.SymDense) {
	q, k := len(m.columns), len(m.beta)
	score, info := make([]float64, k), make([]float64, k*k)
	p, x := make([]float64, m.levels), make([]float64, q)
	for _, r := range m.v.seen {
		m.row(x, r)
		m.probabilities(p, x, m.beta)
		for l := 1; l < m.levels; l++ {
			d := -p[l]
			if int(m.v.values[r]) == l {
				d++
			}
			for i := range x {
				score[(l-1)*q+i] += d * x[i]
			}
			for h := l; h < m.levels; h++ {
				w := -p[l] * p[h]
				if h == l {
					w += p[l]
				}
				for i, a := range x {
					line := info[((l-1)*q+i)*k+(h-1)*q:]
					for j, b := range x {
						line[j] += w * a * b
					}
				}
			}
		}
	}
	sym := mat.NewSymDense(k, nil)
	for a := range k {
		for b := a; b < k; b++ {
			sym.SetSym(a, b, info[a*k+b])
		}
		precision := 1. / priorVariance
		if m.columns[a%q] == 0 {
			precision = 1e-4 // an intercept is all but free
		}
		score[a] -= precision * m.beta[a]
		sym.SetSym(a, a, sym.At(a, a)+precision)
	}
	return mat.NewVecDense(k, score), sym
}

// draw returns β̂ + U⁻¹ z, U'U the information.
func (m *categorical) draw(c *stream.Cursor) []float64 {
	out := append([]float64(nil), m.beta...)
	if !m.ok {
		return out
	}
	z := mat.NewVecDense(len(out), nil)
	for i := range out {
		z.SetVec(i, stream.Quantile(c.Float64()))
	}
	var upper mat.TriDense
	m.chol.UTo(&upper)
	var d mat.VecDense
	if d.SolveVec(&upper, z) == nil {
		for i := range out {
			out[i] += d.AtVec(i)
		}
	}
	return out
}
