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
	LogLik   float64 // without Firth's penalty
	Steps    int

	inverse *mat.SymDense // of the information
	x       [][]float64
	y, p    []float64
	weight  []float64 // nil for 1
}

// LogisticOptions are what a logistic regression may have beside y and x.
type LogisticOptions struct {
	Weight []float64 // of rows; nil for 1
	Offset []float64 // added to the linear predictor; nil for 0
	// Firth adds half the log determinant of the information to the likelihood, so that
	// coefficients are finite under separation too. R: logistf::logistf.
	// Firth 1993, 10.1093/biomet/80.1.27; Heinze and Schemper 2002, 10.1002/sim.1047.
	Firth bool
}

// Logistic fits y, 0 or 1, on the columns of x by Newton's method with halving,
// until the score is under 1e-10 of the scale of each column. Missing values are
// not allowed. Separation is found by fitted probabilities that go to 0 and 1.
//
// R: glm(y ~ x - 1, binomial, control = glm.control(epsilon = 1e-14)).
func Logistic(y []float64, x [][]float64) (*LogisticModel, error) {
	return LogisticWith(y, x, LogisticOptions{})
}

// LogisticWith fits as Logistic does, with weights, an offset or a penalty; y may lie
// between 0 and 1.
func LogisticWith(y []float64, x [][]float64, o LogisticOptions) (*LogisticModel, error) {
	n, k := len(y), len(x)
	if n <= k && !o.Firth {
		return nil, fmt.Errorf("%w: %d observations for %d coefficients", ErrSingular, n, k)
	}
	scale := make([]float64, k)
	s := &logisticSearch{y: y, cols: make([][]float64, k), o: o, p: make([]float64, n), info: mat.NewSymDense(k, nil)}
	for j, col := range x {
		for _, v := range col {
			scale[j] = math.Max(scale[j], math.Abs(v))
		}
		if scale[j] == 0 {
			return nil, fmt.Errorf("%w: a column is all zero", ErrSingular)
		}
		s.cols[j] = make([]float64, n)
		for i, v := range col {
			s.cols[j][i] = v / scale[j]
		}
	}
	b, err := s.search()
	if err != nil {
		return nil, err
	}
	m := &LogisticModel{x: x, y: y, p: s.p, weight: o.Weight, Coef: make([]float64, k), Gradient: s.gradient, LogLik: s.logLik, Steps: s.steps}
	var inv mat.SymDense
	if err := s.chol.InverseTo(&inv); err != nil {
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

// logisticSearch is the state of Newton's method on scaled columns.
type logisticSearch struct {
	y        []float64
	cols     [][]float64
	o        LogisticOptions
	p        []float64
	logLik   float64
	info     *mat.SymDense
	chol     mat.Cholesky
	gradient float64
	steps    int
}

func (s *logisticSearch) weight(i int) float64 {
	if s.o.Weight == nil {
		return 1
	}
	return s.o.Weight[i]
}

// fitted sets the probabilities at b and returns what is to be largest.
func (s *logisticSearch) fitted(b []float64) float64 {
	s.logLik = 0
	for i, y := range s.y {
		eta := 0.0
		if s.o.Offset != nil {
			eta = s.o.Offset[i]
		}
		for j := range b {
			eta += float64(s.cols[j][i] * b[j])
		}
		s.p[i] = 1 / (1 + math.Exp(-eta))
		// log p and log(1-p) without cancelling, whatever eta is
		lose := math.Log1p(math.Exp(-math.Abs(eta)))
		s.logLik -= s.weight(i) * (y*(math.Max(-eta, 0)+lose) + (1-y)*(math.Max(eta, 0)+lose))
	}
	if !s.o.Firth {
		return s.logLik
	}
	s.information()
	if !s.chol.Factorize(s.info) {
		return math.Inf(-1)
	}
	return s.logLik + s.chol.LogDet()/2
}

// information sets the information at the probabilities, and says how many of them
// are 0 or 1 as far as it matters.
func (s *logisticSearch) information() (certain int) {
	s.info.Zero()
	row := mat.NewVecDense(len(s.cols), nil)
	for i, p := range s.p {
		for j, c := range s.cols {
			row.SetVec(j, c[i])
		}
		w := p * (1 - p)
		if w < 1e-8 {
			certain++
		}
		s.info.SymRankOne(s.info, w*s.weight(i), row)
	}
	return certain
}

// score returns the derivative of what is to be largest, once the information has
// been factorised. With h the leverage of a row, Firth's is Σ (y - p + h (½ - p)) x.
func (s *logisticSearch) score() (*mat.VecDense, error) {
	k := len(s.cols)
	out, row := mat.NewVecDense(k, nil), mat.NewVecDense(k, nil)
	var inv mat.SymDense
	if s.o.Firth {
		if err := s.chol.InverseTo(&inv); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSingular, err)
		}
	}
	for i, p := range s.p {
		for j, c := range s.cols {
			row.SetVec(j, c[i])
		}
		u := s.weight(i) * (s.y[i] - p)
		if s.o.Firth {
			u += s.weight(i) * p * (1 - p) * mat.Inner(row, &inv, row) * (0.5 - p)
		}
		out.AddScaledVec(out, u, row)
	}
	return out, nil
}

// search runs Newton's method from 0.
func (s *logisticSearch) search() ([]float64, error) {
	k, most := len(s.cols), 60
	if s.o.Firth {
		most = 500 // the penalty's curvature is not in the step
	}
	b := make([]float64, k)
	last := s.fitted(b)
	for s.steps = 0; s.steps < most; s.steps++ {
		certain := s.information()
		if !s.chol.Factorize(s.info) || s.chol.Cond() > maxCondition {
			if !s.o.Firth && (s.steps > 3 || certain > 0) {
				return nil, fmt.Errorf("%w: after %d steps", ErrSeparation, s.steps)
			}
			return nil, fmt.Errorf("%w: columns repeat each other", ErrSingular)
		}
		score, err := s.score()
		if err != nil {
			return nil, err
		}
		s.gradient = mat.Norm(score, math.Inf(1))
		var step mat.VecDense
		if err := s.chol.SolveVecTo(&step, score); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSingular, err)
		}
		if mat.Norm(&step, math.Inf(1)) < 1e-11*(1+norm(b)) && s.gradient < 1e-8*float64(len(s.y)) {
			return b, nil
		}
		if !s.o.Firth && (norm(b) > 1e3 || s.steps > 20 && certain > 0) {
			return nil, fmt.Errorf("%w: after %d steps", ErrSeparation, s.steps)
		}
		next := make([]float64, k)
		for h := 1.0; ; h /= 2 {
			for j := range k {
				next[j] = b[j] + h*step.AtVec(j)
			}
			if v := s.fitted(next); v >= last-1e-12*math.Abs(last) || h < 1e-6 {
				last = v
				break
			}
		}
		b = next
	}
	return nil, fmt.Errorf("%w: no convergence in %d steps, largest score %.2g", ErrSeparation, most, s.gradient)
}

// Fitted returns the probability of each row.
func (m *LogisticModel) Fitted() []float64 { return append([]float64(nil), m.p...) }

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
		e, own := m.y[i]-m.p[i], 1.0
		if m.weight != nil {
			own = m.weight[i]
		}
		w := own * own * e * e
		switch kind {
		case CovHC0:
		case CovHC3:
			h := own * m.p[i] * (1 - m.p[i]) * mat.Inner(row, m.inverse, row)
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
