package fit

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Repeated are the sufficient statistics of a mixed model for repeated measures:
// for each pattern of visits that are there, the cross products of the visits' rows
// of the design and outcome. What a fit costs does not depend on how many patients
// there are.
type Repeated struct {
	Visits   int // in all
	Columns  int // of the design
	Patients int // with a value at some visit
	Values   int
	patterns map[uint64]*pattern
	order    []*pattern
}

// pattern is what is summed over the patients with values at the same visits.
type pattern struct {
	visits []int
	n      int
	// cross[a][b], a <= b, is the sum over patients of the outer product of the rows
	// (x, y) at visits a and b of the pattern: (columns+1) squared, by rows.
	cross [][][]float64
}

// MaxVisits is how many visits a model may have.
const MaxVisits = 30

// NewRepeated returns the statistics of no patients.
func NewRepeated(visits, columns int) (*Repeated, error) {
	if visits < 1 || visits > MaxVisits || columns < 1 {
		return nil, fmt.Errorf("expected 1 to %d visits and a column", MaxVisits)
	}
	return &Repeated{Visits: visits, Columns: columns, patterns: map[uint64]*pattern{}}, nil
}

// Add takes a patient in: x[v] is the design's row at visit v and y[v] the outcome,
// NaN where it is missing.
func (r *Repeated) Add(x [][]float64, y []float64) {
	key, k := uint64(0), 0
	for v := range y {
		if y[v] == y[v] {
			key |= 1 << v
			k++
		}
	}
	if k == 0 {
		return
	}
	p := r.patterns[key]
	m := r.Columns + 1
	if p == nil {
		p = &pattern{}
		for v := range y {
			if key>>v&1 == 1 {
				p.visits = append(p.visits, v)
			}
		}
		p.cross = make([][][]float64, k)
		for a := range p.cross {
			p.cross[a] = make([][]float64, k)
			for b := a; b < k; b++ {
				p.cross[a][b] = make([]float64, m*m)
			}
		}
		r.patterns[key] = p
		r.order = append(r.order, p)
	}
	p.n++
	r.Patients++
	r.Values += k
	for a, va := range p.visits {
		xa, ya := x[va], y[va]
		for b := a; b < k; b++ {
			xb, yb := x[p.visits[b]], y[p.visits[b]]
			s := p.cross[a][b]
			for i, u := range xa {
				if u == 0 {
					continue
				}
				row := s[i*m : i*m+m]
				for j, w := range xb {
					row[j] += u * w
				}
				row[m-1] += u * yb
			}
			row := s[(m-1)*m:]
			for j, w := range xb {
				row[j] += ya * w
			}
			row[m-1] += ya * yb
		}
	}
}

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
)

// Structures lists them, the freest first.
var Structures = []Structure{Unstructured, ToeplitzH, AnteH, AR1H, CompoundH, Toeplitz, Ante, AR1, Compound}

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

// covariance returns the matrix and its derivatives by each parameter. Unstructured
// is by the Cholesky factor with the logarithm of its diagonal; the others by the
// logarithms of standard deviations and the inverse hyperbolic tangents of
// correlations.
func (s Structure) covariance(theta []float64, v int) (sigma []float64, d [][]float64) {
	sigma = make([]float64, v*v)
	d = make([][]float64, len(theta))
	for h := range d {
		d[h] = make([]float64, v*v)
	}
	if s == Unstructured {
		l := make([]float64, v*v)
		k := 0
		for i := range v {
			for j := 0; j <= i; j++ {
				l[i*v+j] = theta[k]
				if i == j {
					l[i*v+j] = math.Exp(theta[k])
				}
				k++
			}
		}
		for i := range v {
			for j := range v {
				for c := range v {
					sigma[i*v+j] += l[i*v+c] * l[j*v+c]
				}
			}
		}
		k = 0
		for i := range v {
			for j := 0; j <= i; j++ {
				w := 1.0
				if i == j {
					w = l[i*v+i]
				}
				for c := range v {
					d[k][i*v+c] += w * l[c*v+j]
					d[k][c*v+i] += w * l[c*v+j]
				}
				k++
			}
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
	}
	for i := range v {
		for j := range v {
			lo, hi := min(i, j), max(i, j)
			c := 1.0
			by := make([]float64, correlations) // derivative of c
			switch lag := hi - lo; {
			case lag == 0:
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

// RepeatedFit is a fitted mixed model for repeated measures.
type RepeatedFit struct {
	Structure Structure
	REML      bool
	Beta      []float64
	Cov       *mat.SymDense // of Beta
	Sigma     *mat.SymDense // between visits
	Deviance  float64       // -2 log (restricted) likelihood
	Gradient  float64       // largest absolute derivative of the deviance at the end
	Theta     []float64

	thetaCov *mat.SymDense
	by       []*mat.SymDense // X'W S_h W X by parameter
	kr       *mat.SymDense   // Kenward and Roger's covariance, linear form
	full     *mat.SymDense   // the full form; nil where it is not defined
}

// Inference is how standard errors are found.
type Inference string

// The ways. Kenward and Roger's full form holds for the parameters it is written in;
// these are mmrm's of an unstructured covariance: L = D M, D the exponentials of the
// logarithms of L's diagonal and M of ones on its diagonal. The linear form is that
// of SAS, where a covariance is linear in its parameters.
const (
	Satterthwaite      Inference = "satterthwaite"
	KenwardRoger       Inference = "kenward-roger"
	KenwardRogerLinear Inference = "kenward-roger-linear"
)

// Has reports whether the fit has this inference.
func (f *RepeatedFit) Has(i Inference) bool { return i != KenwardRoger || f.full != nil }

// Errors of FitRepeated.
var (
	ErrRepeatedSingular    = errors.New("the design is singular: a column follows from others, or a visit has too few values")
	ErrRepeatedConvergence = errors.New("the covariance did not converge")
)

// work is one evaluation of the likelihood.
type work struct {
	deviance float64
	gradient []float64
	beta     []float64
	c        *mat.SymDense
	sigma    []float64
	d        [][]float64
	inverse  [][]float64 // by pattern
}

// evaluate returns the deviance and its derivatives. It reports false where the
// covariance is not positive definite or the design is singular.
func (r *Repeated) evaluate(s Structure, theta []float64, reml bool) (*work, bool) {
	v, p := r.Visits, r.Columns
	m := p + 1
	w := &work{}
	w.sigma, w.d = s.covariance(theta, v)
	cross := make([]float64, m*m)
	for _, q := range r.order {
		k := len(q.visits)
		sub := mat.NewSymDense(k, nil)
		for a, va := range q.visits {
			for b := a; b < k; b++ {
				sub.SetSym(a, b, w.sigma[va*v+q.visits[b]])
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(sub) {
			return nil, false
		}
		w.deviance += float64(q.n) * chol.LogDet()
		var inv mat.SymDense
		if chol.InverseTo(&inv) != nil {
			return nil, false
		}
		in := make([]float64, k*k)
		for a := range k {
			for b := range k {
				in[a*k+b] = inv.At(a, b)
			}
		}
		w.inverse = append(w.inverse, in)
		for a := range k {
			for b := a; b < k; b++ {
				f, c := in[a*k+b], q.cross[a][b]
				for i := range m {
					for j := range m {
						if a == b {
							cross[i*m+j] += f * c[i*m+j]
						} else {
							cross[i*m+j] += f * (c[i*m+j] + c[j*m+i])
						}
					}
				}
			}
		}
	}
	xwx := mat.NewSymDense(p, nil)
	xwy := mat.NewVecDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			xwx.SetSym(i, j, cross[i*m+j])
		}
		xwy.SetVec(i, cross[i*m+p])
	}
	var chol mat.Cholesky
	if !chol.Factorize(xwx) || chol.Cond() > 1e14 {
		return nil, false
	}
	beta := mat.NewVecDense(p, nil)
	w.c = mat.NewSymDense(p, nil)
	if chol.SolveVecTo(beta, xwy) != nil || chol.InverseTo(w.c) != nil {
		return nil, false
	}
	w.beta = append([]float64(nil), beta.RawVector().Data...)
	n := float64(r.Values)
	w.deviance += cross[p*m+p] - mat.Dot(beta, xwy)
	if reml {
		n -= float64(p)
		w.deviance += chol.LogDet()
	}
	w.deviance += n * math.Log(2*math.Pi)
	// The derivative by a parameter is the sum over cells of its matrix and f.
	f := make([]float64, v*v)
	for at, q := range r.order {
		k := len(q.visits)
		in := w.inverse[at]
		inner := make([]float64, k*k)
		for a := range k {
			for b := a; b < k; b++ {
				c := q.cross[a][b]
				sum := c[p*m+p]
				for i := range p {
					sum -= w.beta[i] * (c[i*m+p] + c[p*m+i])
					for j := range p {
						sum += w.beta[i] * w.beta[j] * c[i*m+j]
						if reml {
							sum += w.c.At(i, j) * c[i*m+j]
						}
					}
				}
				inner[a*k+b], inner[b*k+a] = sum, sum
			}
		}
		outer := sandwich(in, inner, k)
		for a, va := range q.visits {
			for b, vb := range q.visits {
				f[va*v+vb] += float64(q.n)*in[a*k+b] - outer[a*k+b]
			}
		}
	}
	w.gradient = make([]float64, len(theta))
	for h, d := range w.d {
		for i := range d {
			w.gradient[h] += d[i] * f[i]
		}
	}
	return w, true
}

// sandwich returns a b a for symmetric matrices of k rows.
func sandwich(a, b []float64, k int) []float64 {
	t, out := make([]float64, k*k), make([]float64, k*k)
	for i := range k {
		for j := range k {
			for c := range k {
				t[i*k+j] += a[i*k+c] * b[c*k+j]
			}
		}
	}
	for i := range k {
		for j := range k {
			for c := range k {
				out[i*k+j] += t[i*k+c] * a[c*k+j]
			}
		}
	}
	return out
}

// hessian returns the second derivatives of the deviance, from its derivatives at
// two distances to each side.
func (r *Repeated) hessian(s Structure, theta []float64, reml bool) (*mat.SymDense, bool) {
	n := len(theta)
	out := mat.NewDense(n, n, nil)
	at := append([]float64(nil), theta...)
	for h := range n {
		step := 1e-4 * (1 + math.Abs(theta[h]))
		var g [4][]float64
		for i, by := range []float64{-2, -1, 1, 2} {
			at[h] = theta[h] + by*step
			w, ok := r.evaluate(s, at, reml)
			if !ok {
				return nil, false
			}
			g[i] = w.gradient
		}
		at[h] = theta[h]
		for k := range n {
			out.Set(h, k, (g[0][k]-8*g[1][k]+8*g[2][k]-g[3][k])/(12*step))
		}
	}
	sym := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			sym.SetSym(i, j, (out.At(i, j)+out.At(j, i))/2)
		}
	}
	return sym, true
}

// start returns a first guess: the variance of residuals from the least squares of
// all values, and no correlation.
func (r *Repeated) start(s Structure) ([]float64, bool) {
	flat := make([]float64, min(2, r.Visits)) // a variance of one and no correlation
	w, ok := r.evaluate(Compound, flat, false)
	if !ok {
		return nil, false
	}
	p, m := r.Columns, r.Columns+1
	rss := 0.0
	for _, q := range r.order {
		for a := range q.visits {
			c := q.cross[a][a]
			rss += c[p*m+p]
			for i := range p {
				rss -= 2 * w.beta[i] * c[i*m+p]
				for j := range p {
					rss += w.beta[i] * w.beta[j] * c[i*m+j]
				}
			}
		}
	}
	if !(rss > 0) {
		return nil, false
	}
	log := math.Log(rss/float64(r.Values)) / 2
	variances, correlations := s.parameters(r.Visits)
	theta := make([]float64, variances+correlations)
	k := 0
	for i := range r.Visits {
		for j := 0; s == Unstructured && j <= i; j++ {
			if i == j {
				theta[k] = log
			}
			k++
		}
	}
	for i := 0; s != Unstructured && i < variances; i++ {
		theta[i] = log
	}
	for i := range correlations {
		theta[variances+i] = 0.2 / float64(i+1)
	}
	return theta, true
}

// FitRepeated fits the model by restricted maximum likelihood, or by maximum
// likelihood, with Newton's method until no derivative of the deviance is above
// 1e-10 a value, and refuses what stays above 1e-6.
func (r *Repeated) FitRepeated(s Structure, reml bool) (*RepeatedFit, error) {
	theta, ok := r.start(s)
	if !ok {
		return nil, ErrRepeatedSingular
	}
	w, ok := r.evaluate(s, theta, reml)
	if !ok {
		return nil, ErrRepeatedSingular
	}
	for range 200 {
		if largest(w.gradient) < 1e-10*float64(r.Values) {
			break
		}
		h, ok := r.hessian(s, theta, reml)
		if !ok {
			return nil, ErrRepeatedConvergence
		}
		step, ok := newton(h, w.gradient)
		if !ok {
			return nil, ErrRepeatedConvergence
		}
		moved := false
		for shrink := 1.0; shrink > 1e-10; shrink /= 2 {
			next := make([]float64, len(theta))
			for i := range theta {
				next[i] = theta[i] - shrink*step[i]
			}
			if try, ok := r.evaluate(s, next, reml); ok && (try.deviance < w.deviance || largest(try.gradient) < largest(w.gradient) && try.deviance < w.deviance+1e-9*math.Abs(w.deviance)) {
				theta, w, moved = next, try, true
				break
			}
		}
		if !moved {
			break
		}
	}
	if largest(w.gradient) > 1e-6*float64(r.Values) {
		return nil, ErrRepeatedConvergence
	}
	h, ok := r.hessian(s, theta, reml)
	if !ok {
		return nil, ErrRepeatedConvergence
	}
	var chol mat.Cholesky
	if !chol.Factorize(h) {
		return nil, ErrRepeatedConvergence
	}
	f := &RepeatedFit{Structure: s, REML: reml, Beta: w.beta, Cov: w.c, Deviance: w.deviance, Gradient: largest(w.gradient), Theta: theta}
	f.thetaCov = mat.NewSymDense(len(theta), nil)
	if chol.InverseTo(f.thetaCov) != nil {
		return nil, ErrRepeatedConvergence
	}
	f.thetaCov.ScaleSym(2, f.thetaCov) // the deviance is twice the negative log likelihood
	f.Sigma = mat.NewSymDense(r.Visits, w.sigma)
	r.derivatives(f, w)
	return f, nil
}

// newton returns the step h⁻¹ g, with a ridge where h is not positive definite.
func newton(h *mat.SymDense, g []float64) ([]float64, bool) {
	n := len(g)
	scale := 0.0
	for i := range n {
		scale = math.Max(scale, math.Abs(h.At(i, i)))
	}
	for ridge := 0.0; ridge < 1e6*scale+1; ridge = math.Max(10*ridge, 1e-4*scale) {
		a := mat.NewSymDense(n, nil)
		a.CopySym(h)
		for i := range n {
			a.SetSym(i, i, a.At(i, i)+ridge)
		}
		var chol mat.Cholesky
		step := mat.NewVecDense(n, nil)
		if chol.Factorize(a) && chol.SolveVecTo(step, mat.NewVecDense(n, g)) == nil {
			return step.RawVector().Data, true
		}
	}
	return nil, false
}

func largest(x []float64) float64 {
	m := 0.0
	for _, v := range x {
		m = math.Max(m, math.Abs(v))
	}
	return m
}

// derivatives works out how the covariance of the coefficients depends on the
// parameters, and Kenward and Roger's covariance.
func (r *Repeated) derivatives(f *RepeatedFit, w *work) {
	p, v, n := r.Columns, r.Visits, len(f.Theta)
	m := p + 1
	sum := func(weight func(q *pattern, in []float64) []float64) *mat.SymDense {
		out := make([]float64, p*p)
		for at, q := range r.order {
			k := len(q.visits)
			g := weight(q, w.inverse[at])
			for a := range k {
				for b := a; b < k; b++ {
					c := q.cross[a][b]
					for i := range p {
						for j := range p {
							if a == b {
								out[i*p+j] += g[a*k+b] * c[i*m+j]
							} else {
								out[i*p+j] += g[a*k+b]*c[i*m+j] + g[b*k+a]*c[j*m+i]
							}
						}
					}
				}
			}
		}
		s := mat.NewSymDense(p, nil)
		for i := range p {
			for j := i; j < p; j++ {
				s.SetSym(i, j, (out[i*p+j]+out[j*p+i])/2)
			}
		}
		return s
	}
	sub := func(q *pattern, h int) []float64 {
		k := len(q.visits)
		out := make([]float64, k*k)
		for a, va := range q.visits {
			for b, vb := range q.visits {
				out[a*k+b] = w.d[h][va*v+vb]
			}
		}
		return out
	}
	for h := range n {
		f.by = append(f.by, sum(func(q *pattern, in []float64) []float64 { return sandwich(in, sub(q, h), len(q.visits)) }))
	}
	inner := mat.NewDense(p, p, nil)
	for h := range n {
		for l := range n {
			cross := sum(func(q *pattern, in []float64) []float64 {
				k := len(q.visits)
				t := product(product(in, sub(q, h), k), product(in, sub(q, l), k), k)
				return product(t, in, k)
			})
			var t, u mat.Dense
			t.Mul(f.by[h], f.Cov)
			u.Mul(&t, f.by[l])
			u.Sub(cross, &u)
			u.Scale(f.thetaCov.At(h, l), &u)
			inner.Add(inner, &u)
		}
	}
	around := func(m mat.Matrix) *mat.Dense {
		var t, u mat.Dense
		t.Mul(f.Cov, m)
		u.Mul(&t, f.Cov)
		return &u
	}
	u := around(inner)
	f.kr = mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			f.kr.SetSym(i, j, f.Cov.At(i, j)+u.At(i, j)+u.At(j, i))
		}
	}
	if f.Structure != Unstructured {
		return
	}
	curve, ok := f.curvature(v)
	if !ok {
		return
	}
	bent := around(sum(func(q *pattern, in []float64) []float64 {
		k := len(q.visits)
		d := make([]float64, k*k)
		for a, va := range q.visits {
			for b, vb := range q.visits {
				d[a*k+b] = curve[va*v+vb]
			}
		}
		return sandwich(in, d, k)
	}))
	f.full = mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			f.full.SetSym(i, j, f.kr.At(i, j)-bent.At(i, j)/2)
		}
	}
}

// curvature returns the sum of the second derivatives of an unstructured covariance
// by mmrm's parameters, each times the covariance of the two.
func (f *RepeatedFit) curvature(v int) ([]float64, bool) {
	n := len(f.Theta)
	l := make([]float64, v*v)
	row, column := make([]int, n), make([]int, n)
	k := 0
	for i := range v {
		for j := 0; j <= i; j++ {
			row[k], column[k] = i, j
			l[i*v+j] = f.Theta[k]
			if i == j {
				l[i*v+j] = math.Exp(f.Theta[k])
			}
			k++
		}
	}
	// Ours by theirs: log L[i,i] is one of theirs, L[i,j] = L[i,i] M[i,j].
	change := mat.NewDense(n, n, nil)
	for k := range n {
		for h := range n {
			switch {
			case row[k] != row[h]:
			case row[h] == column[h] && k == h:
				change.Set(k, h, 1)
			case row[h] == column[h]:
				change.Set(k, h, l[row[k]*v+column[k]])
			case k == h:
				change.Set(k, h, l[row[k]*v+row[k]])
			}
		}
	}
	var back, t, cov mat.Dense
	if back.Inverse(change) != nil {
		return nil, false
	}
	t.Mul(&back, f.thetaCov)
	cov.Mul(&t, back.T())
	// by returns the derivative of L by their parameter h.
	by := func(h int) []float64 {
		d := make([]float64, v*v)
		i := row[h]
		if i == column[h] {
			copy(d[i*v:i*v+i+1], l[i*v:])
		} else {
			d[i*v+column[h]] = l[i*v+i]
		}
		return d
	}
	out := make([]float64, v*v)
	add := func(a, b []float64, w float64) { // w (a b' + b a')
		for i := range v {
			for j := range v {
				for c := range v {
					out[i*v+j] += w * (a[i*v+c]*b[j*v+c] + b[i*v+c]*a[j*v+c])
				}
			}
		}
	}
	for h := range n {
		for g := range n {
			w := cov.At(h, g)
			add(by(h), by(g), w)
			switch { // the second derivative of L
			case row[h] != row[g]:
			case h == g && row[h] == column[h]:
				add(by(h), l, w)
			case row[h] == column[h]:
				add(by(g), l, w)
			case row[g] == column[g]:
				add(by(h), l, w)
			}
		}
	}
	return out, true
}

func product(a, b []float64, k int) []float64 {
	out := make([]float64, k*k)
	for i := range k {
		for j := range k {
			for c := range k {
				out[i*k+j] += a[i*k+c] * b[c*k+j]
			}
		}
	}
	return out
}

// Contrast returns a sum of coefficients with its standard error by the inference,
// which the fit must have, and Satterthwaite's degrees of freedom: those of Kenward
// and Roger for a single contrast too.
func (f *RepeatedFit) Contrast(c []float64, by Inference) (value, se, df float64) {
	x := mat.NewVecDense(len(c), c)
	value = mat.Dot(x, mat.NewVecDense(len(f.Beta), f.Beta))
	variance := mat.Inner(x, f.Cov, x)
	var cx mat.VecDense
	cx.MulVec(f.Cov, x)
	g := mat.NewVecDense(len(f.by), nil)
	for h := range f.by {
		g.SetVec(h, mat.Inner(&cx, f.by[h], &cx))
	}
	df = 2 * variance * variance / mat.Inner(g, f.thetaCov, g)
	switch by {
	case KenwardRogerLinear:
		variance = mat.Inner(x, f.kr, x)
	case KenwardRoger:
		variance = mat.Inner(x, f.full, x)
	}
	return value, math.Sqrt(variance), df
}
