package work

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis/internal/fit"
)

// Scales on which restricted means are adjusted.
const (
	RestrictedDifference = "difference" // mean = x'β
	RestrictedRatio      = "ratio"      // mean = exp(x'β)
	RestrictedLostRatio  = "lost-ratio" // τ - mean = exp(x'β)
)

// Regression is coefficients with their covariance.
type Regression struct {
	Coef []float64
	Cov  *mat.SymDense
}

// RestrictedMeanRegression fits the mean time up to tau on covariates (columns of x, a
// constant among them) by least squares, or by a log link, of the patients whose time
// up to tau is known, each weighted by the inverse of the probability of being so: 1/G at
// their time, G the Kaplan-Meier estimate of staying in follow-up in each group.
//
//	A⁻¹ (Σ κκ') A⁻¹,  κ = s + (1-d)/n Σ s of those at risk - Σ (1-dₖ)/nₖ² Σ s of those at risk
//
// s is each patient's weighted score and A the derivative over all patients; κ takes in
// that G is estimated. G under 0.001 counts as that. Errors wrap fit.ErrSingular.
//
// R: survRM2::rmst2(time, event, arm, tau, covariates). Tian, Zhao and Wei 2014,
// 10.1093/biostatistics/kxt050.
func RestrictedMeanRegression(time []float64, event []bool, group []int, x [][]float64, tau float64, scale string) (Regression, error) {
	n, p := len(time), len(x)
	y, known := make([]float64, n), make([]bool, n)
	for i, t := range time {
		y[i], known[i] = math.Min(t, tau), event[i] || t >= tau
	}
	order := fit.Rising(y)
	groups := byStratum(order, group)
	weight := make([]float64, n)
	for _, rows := range groups {
		keepWeights(rows, y, known, weight)
	}
	m := meanModel{y: y, x: x, weight: weight, log: scale != RestrictedDifference}
	if scale == RestrictedLostRatio {
		m.y = make([]float64, n)
		for i := range y {
			m.y[i] = tau - y[i]
		}
	}
	b, bread, err := m.solve()
	if err != nil {
		return Regression{}, err
	}
	meat := mat.NewSymDense(p, nil)
	score := m.scores(b)
	for _, rows := range groups {
		addKappa(meat, rows, y, known, score)
	}
	return Regression{Coef: b, Cov: sandwich(bread, meat)}, nil
}

// keepWeights fills in 1/G of a group, whose rows are in the order of y.
func keepWeights(rows []int32, y []float64, known []bool, weight []float64) {
	g, n := 1.0, float64(len(rows))
	for i := 0; i < len(rows); {
		j, lost := i, 0.0
		for ; j < len(rows) && y[rows[j]] == y[rows[i]]; j++ {
			if !known[rows[j]] {
				lost++
			}
		}
		g *= 1 - lost/n
		for _, r := range rows[i:j] {
			if known[r] {
				weight[r] = 1 / math.Max(g, 0.001)
			}
		}
		n -= float64(j - i)
		i = j
	}
}

// meanModel is a weighted regression of a mean with the identity or the log link.
type meanModel struct {
	y      []float64
	x      [][]float64
	weight []float64
	log    bool
}

func (m meanModel) mean(b []float64, i int) float64 {
	e := 0.0
	for j, v := range b {
		e += v * m.x[j][i]
	}
	if m.log {
		return math.Exp(e)
	}
	return e
}

// scores returns each row's weight x (y - mean).
func (m meanModel) scores(b []float64) [][]float64 {
	out := make([][]float64, len(m.y))
	for i := range m.y {
		out[i] = make([]float64, len(b))
		if m.weight[i] == 0 {
			continue
		}
		e := m.weight[i] * (m.y[i] - m.mean(b, i))
		for j := range b {
			out[i][j] = e * m.x[j][i]
		}
	}
	return out
}

// slope returns the derivative of the scores' sum, weighted or over all rows alike.
func (m meanModel) slope(b []float64, weighted bool) *mat.SymDense {
	p := len(b)
	a := mat.NewSymDense(p, nil)
	for i := range m.y {
		w := 1.0
		if weighted {
			w = m.weight[i]
		}
		if w == 0 {
			continue
		}
		if m.log {
			w *= m.mean(b, i)
		}
		for j := range p {
			for k := j; k < p; k++ {
				a.SetSym(j, k, a.At(j, k)+w*m.x[j][i]*m.x[k][i])
			}
		}
	}
	return a
}

// solve returns the coefficients by Newton's method, and the inverse of the derivative
// over all rows.
func (m meanModel) solve() (b []float64, bread *mat.SymDense, err error) {
	p := len(m.x)
	b = make([]float64, p)
	if m.log { // from the mean itself, in the constant
		sum, w := 0.0, 0.0
		for i, v := range m.y {
			sum, w = sum+m.weight[i]*v, w+m.weight[i]
		}
		if !(sum > 0) {
			return nil, nil, fit.ErrSingular
		}
		b[0] = math.Log(sum / w)
	}
	step := mat.NewVecDense(p, nil)
	for range 50 {
		total := mat.NewVecDense(p, nil)
		for _, s := range m.scores(b) {
			total.AddVec(total, mat.NewVecDense(p, s))
		}
		var chol mat.Cholesky
		if !chol.Factorize(m.slope(b, true)) || chol.Cond() > 1e14 || chol.SolveVecTo(step, total) != nil {
			return nil, nil, fit.ErrSingular
		}
		size := mat.Dot(step, total)
		for j := range p {
			b[j] += step.AtVec(j)
		}
		if !(size > 1e-20) {
			break
		}
	}
	var chol mat.Cholesky
	bread = mat.NewSymDense(p, nil)
	if !chol.Factorize(m.slope(b, false)) || chol.InverseTo(bread) != nil {
		return nil, nil, fit.ErrSingular
	}
	return b, bread, nil
}

// addKappa adds κκ' of a group, whose rows are in the order of y.
func addKappa(meat *mat.SymDense, rows []int32, y []float64, known []bool, score [][]float64) {
	p, n := meat.SymmetricDim(), len(rows)
	right := make([]float64, p) // Σ of scores of those at risk
	for _, r := range rows {
		for j, s := range score[r] {
			right[j] += s
		}
	}
	past, kappa := make([]float64, p), mat.NewVecDense(p, nil)
	for i := 0; i < n; {
		j, lost, at := i, 0.0, float64(n-i)
		for ; j < n && y[rows[j]] == y[rows[i]]; j++ {
			if !known[rows[j]] {
				lost++
			}
		}
		for k := range p {
			past[k] += right[k] * lost / (at * at)
		}
		for _, r := range rows[i:j] {
			for k := range p {
				v := score[r][k] - past[k]
				if !known[r] {
					v += right[k] / at
				}
				kappa.SetVec(k, v)
			}
			meat.SymRankOne(meat, 1, kappa)
		}
		for _, r := range rows[i:j] {
			for k, s := range score[r] {
				right[k] -= s
			}
		}
		i = j
	}
}

// sandwich returns B M B.
func sandwich(bread, meat *mat.SymDense) *mat.SymDense {
	var half, full mat.Dense
	half.Mul(bread, meat)
	full.Mul(&half, bread)
	p := bread.SymmetricDim()
	out := mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			out.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	return out
}
