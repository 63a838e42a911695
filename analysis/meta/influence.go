package meta

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Without is a model without one study, and what that study did to it.
type Without struct {
	Effect      Coefficient // of the model without the study, at the intercept
	Tau2, Q     float64
	Hat         float64 // leverage in the whole model
	Residual    float64 // externally standardised
	DFFITS      float64
	Cook        float64   // squared distance between the coefficients, in those of the whole model
	CovRatio    float64   // of the determinants of the covariances
	DFBETAS     []float64 // by coefficient
	Influential bool      // by any of metafor's four limits
}

// Influence fits the model without each study in turn. A fit costs the number of
// studies times the squared number of coefficients; nothing of the size of the
// studies squared is made. What cannot be fitted is NaN.
// R: metafor::influence, leave1out; Viechtbauer and Cheung 2010, 10.1002/jrsm.11.
func (m *Model) Influence() []Without {
	out := make([]Without, m.K)
	for i := range out {
		out[i] = m.without(i)
	}
	return out
}

func (m *Model) without(i int) Without {
	nan := math.NaN()
	r := Without{Effect: coefficient(nan, nan, nan, m.Options.Level), Tau2: nan, Q: nan, Hat: m.fit.leverage(i), Residual: nan, DFFITS: nan, Cook: nan, CovRatio: nan}
	columns := make([][]float64, 0, m.Rank-1)
	for _, col := range m.design.given[1:] {
		columns = append(columns, drop(col, i))
	}
	if m.K-1 <= m.Rank {
		return r
	}
	del, err := pool(drop(m.effects, i), columns, m.Options)
	if err != nil {
		return r
	}
	y, v := split(del.effects)
	r.Effect, r.Tau2, r.Q = del.Coef[0], del.Tau2, del.design.at(y, v, 0).rss
	e := m.effects[i]
	var full, pred, vpred float64
	x := make([]float64, m.Rank)
	for c, col := range m.design.given {
		x[c] = col[i]
		full += col[i] * m.Coef[c].Value
		pred += col[i] * del.Coef[c].Value
	}
	for a := range x {
		for b := range x {
			vpred += x[a] * del.Cov[a][b] * x[b]
		}
	}
	r.Residual = (e.Value - pred) / math.Sqrt(vpred+del.Factor*(e.Variance+del.Tau2))
	r.DFFITS = (full - pred) / math.Sqrt(del.Factor*r.Hat*(del.Tau2+e.Variance))
	r.Cook, r.CovRatio = m.distance(del)
	// The errors of the whole data with the τ² of the others.
	ally, allv := split(m.effects)
	_, cov := m.design.at(ally, allv, del.Tau2).coef()
	for c := range m.Coef {
		r.DFBETAS = append(r.DFBETAS, (m.Coef[c].Value-del.Coef[c].Value)/math.Sqrt(del.Factor*cov.At(c, c)))
	}
	p, k := float64(m.Rank), float64(m.K)
	r.Influential = math.Abs(r.DFFITS) > 3*math.Sqrt(p/(k-p)) || chiCDF(r.Cook, p) > 0.5 || r.Hat > 3*p/k
	for _, b := range r.DFBETAS {
		r.Influential = r.Influential || math.Abs(b) > 1
	}
	return r
}

// distance is Cook's distance and the ratio of the determinants of the covariances.
func (m *Model) distance(del *Model) (cook, ratio float64) {
	var a, b mat.Cholesky
	if !a.Factorize(sym(m.Cov)) || !b.Factorize(sym(del.Cov)) {
		return math.NaN(), math.NaN()
	}
	diff := mat.NewVecDense(m.Rank, nil)
	for c := range m.Coef {
		diff.SetVec(c, m.Coef[c].Value-del.Coef[c].Value)
	}
	var x mat.VecDense
	_ = a.SolveVecTo(&x, diff) // a condition warning alone: the design passed its test
	return mat.Dot(diff, &x), math.Exp(b.LogDet() - a.LogDet())
}

func sym(v [][]float64) *mat.SymDense {
	s := mat.NewSymDense(len(v), nil)
	for i := range v {
		for c := i; c < len(v); c++ {
			s.SetSym(i, c, v[i][c])
		}
	}
	return s
}

// drop is a list without one element.
func drop[T any](x []T, i int) []T {
	return append(append(make([]T, 0, len(x)-1), x[:i]...), x[i+1:]...)
}

// Cumulative pools the first study, the first two and so on, in the order given: sort
// by year first. A model of one study has an effect only where the test is z.
// R: metafor::cumul
func Cumulative(effects []Effect, o Options) ([]*Model, error) {
	var out []*Model
	for k := 1; k <= len(effects); k++ {
		m, err := Pool(effects[:k], nil, nil, o)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}
