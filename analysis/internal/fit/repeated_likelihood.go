package fit

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// RepeatedFit is a fitted mixed model for repeated measures.
type RepeatedFit struct {
	Structure  Structure
	REML       bool
	Beta       []float64
	Cov        *mat.SymDense   // of Beta
	Sigma      []*mat.SymDense // between visits, by group
	Deviance   float64         // -2 log (restricted) likelihood
	Gradient   float64         // largest absolute derivative of the deviance at the end
	Iterations int
	Theta      []float64 // parameters of the covariance, group after group

	stats    *Repeated
	work     *work
	thetaCov *mat.SymDense
	by       []*mat.SymDense // X'W S_h W X by parameter
}

// AIC returns Akaike's criterion, which counts the parameters of the covariance alone
// as mmrm does under restricted likelihood and full alike.
func (f *RepeatedFit) AIC() float64 { return f.Deviance + 2*float64(len(f.Theta)) }

// BIC returns the Bayesian criterion with the same count and the number of patients.
func (f *RepeatedFit) BIC() float64 {
	return f.Deviance + float64(len(f.Theta))*math.Log(float64(f.stats.Patients))
}

// Patterns returns of how many patterns of visits the statistics are.
func (f *RepeatedFit) Patterns() int { return len(f.stats.order) }

// Errors of FitRepeated.
var (
	ErrRepeatedSingular    = errors.New("the design is singular")
	ErrRepeatedExact       = errors.New("the model fits without error, so there is no variance to estimate")
	ErrRepeatedConvergence = errors.New("the covariance did not converge")
)

// SingularError says which column of the design follows from those before it.
type SingularError struct{ Column int }

func (e *SingularError) Error() string {
	return fmt.Sprintf("%v: column %d follows from those before it", ErrRepeatedSingular, e.Column+1)
}

// Unwrap makes errors.Is find ErrRepeatedSingular.
func (e *SingularError) Unwrap() error { return ErrRepeatedSingular }

// ConvergenceError says how far a fit came.
type ConvergenceError struct {
	Why        string
	Iterations int
	Gradient   float64 // largest absolute derivative of the deviance
}

func (e *ConvergenceError) Error() string {
	return fmt.Sprintf("%v: %s after %d steps, largest gradient %.2g", ErrRepeatedConvergence, e.Why, e.Iterations, e.Gradient)
}

// Unwrap makes errors.Is find ErrRepeatedConvergence.
func (e *ConvergenceError) Unwrap() error { return ErrRepeatedConvergence }

// work is one evaluation of the likelihood.
type work struct {
	deviance float64
	gradient []float64
	beta     []float64
	c        *mat.SymDense
	sigma    [][]float64 // by group
	d        [][]float64 // by parameter, of its group's covariance
	inverse  [][]float64 // by pattern
	inner    [][]float64 // by pattern, the sum of rr' + xCx' between its visits (rr' by full likelihood)
	f        [][]float64 // by group: a derivative is the sum over cells of its matrix and f
}

var errNotDefinite = errors.New("the covariance is not positive definite")

// covariances returns the covariance of each group and the derivatives of each
// parameter's own.
func (r *Repeated) covariances(s Structure, theta []float64) (sigma, d [][]float64) {
	per := len(theta) / r.Groups
	for g := range r.Groups {
		one, by := s.covariance(theta[g*per:(g+1)*per], r.Visits, r.Times)
		sigma, d = append(sigma, one), append(d, by...)
	}
	return sigma, d
}

// evaluate returns the deviance and its derivatives.
func (r *Repeated) evaluate(s Structure, theta []float64, reml bool) (*work, error) {
	p, m := r.Columns, r.Columns+1
	w := &work{deviance: -r.logs}
	w.sigma, w.d = r.covariances(s, theta)
	cross := make([]float64, m*m)
	for _, q := range r.order {
		in, logDet, ok := inverse(w.sigma[q.group], q.visits, r.Visits)
		if !ok {
			return nil, errNotDefinite
		}
		w.deviance += float64(q.n) * logDet
		w.inverse = append(w.inverse, in)
		q.add(cross, in, m)
	}
	xwx, xwy := mat.NewSymDense(p, nil), make([]float64, p)
	for i := range p {
		for j := i; j < p; j++ {
			xwx.SetSym(i, j, (cross[i*m+j]+cross[j*m+i])/2)
		}
		xwy[i] = (cross[i*m+p] + cross[p*m+i]) / 2
	}
	logDet, err := w.solve(xwx, xwy)
	if err != nil {
		return nil, err
	}
	n := float64(r.Values)
	w.deviance += cross[p*m+p]
	for i, b := range w.beta {
		w.deviance -= b * xwy[i]
	}
	if reml {
		n -= float64(p)
		w.deviance += logDet
	}
	w.deviance += n * math.Log(2*math.Pi)
	r.slopes(w, reml)
	return w, nil
}

// inverse returns the inverse of the rows and columns of a covariance at some visits,
// and the logarithm of their determinant.
func inverse(sigma []float64, visits []int, v int) (out []float64, logDet float64, ok bool) {
	k := len(visits)
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(k, part(sigma, visits, v))) {
		return nil, 0, false
	}
	var inv mat.SymDense
	if chol.InverseTo(&inv) != nil {
		return nil, 0, false
	}
	out = make([]float64, k*k)
	for a := range k {
		for b := range k {
			out[a*k+b] = inv.At(a, b)
		}
	}
	return out, chol.LogDet(), true
}

// part returns the rows and columns of a matrix at some visits.
func part(full []float64, visits []int, v int) []float64 {
	k := len(visits)
	out := make([]float64, k*k)
	for a, va := range visits {
		for b, vb := range visits {
			out[a*k+b] = full[va*v+vb]
		}
	}
	return out
}

// add adds the sum over the pattern's patients of (x, y)' g (x, y), g a matrix of the
// pattern's visits.
func (q *pattern) add(out, g []float64, m int) {
	k := len(q.visits)
	for a := range k {
		for b := a; b < k; b++ {
			f, t, c := g[a*k+b], g[b*k+a], q.cross[a][b]
			if a == b {
				for i, u := range c {
					out[i] += f * u
				}
				continue
			}
			for i := range m {
				for j := range m {
					out[i*m+j] += f*c[i*m+j] + t*c[j*m+i]
				}
			}
		}
	}
}

// solve finds the coefficients and their covariance. Columns are scaled first, so
// that units do not decide what counts as singular.
func (w *work) solve(xwx *mat.SymDense, xwy []float64) (logDet float64, err error) {
	p := len(xwy)
	scale := make([]float64, p)
	scaled, y := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil)
	for i := range p {
		scale[i] = 1 / math.Sqrt(xwx.At(i, i))
		if !(scale[i] < math.Inf(1)) {
			return 0, &SingularError{i}
		}
		logDet -= 2 * math.Log(scale[i])
		y.SetVec(i, xwy[i]*scale[i])
		for j := range i + 1 {
			scaled.SetSym(i, j, xwx.At(i, j)*scale[i]*scale[j])
		}
	}
	if j := dependent(scaled); j >= 0 {
		return 0, &SingularError{j}
	}
	var chol mat.Cholesky
	beta := mat.NewVecDense(p, nil)
	w.c = mat.NewSymDense(p, nil)
	if !chol.Factorize(scaled) || chol.SolveVecTo(beta, y) != nil || chol.InverseTo(w.c) != nil {
		return 0, &SingularError{p - 1}
	}
	w.beta = make([]float64, p)
	for i := range p {
		w.beta[i] = beta.AtVec(i) * scale[i]
		for j := range i + 1 {
			w.c.SetSym(i, j, w.c.At(i, j)*scale[i]*scale[j])
		}
	}
	return logDet + chol.LogDet(), nil
}

// dependent returns the first column of a correlation matrix that the ones before it
// explain but for a part in 10¹¹ of its variance, -1 where there is none.
func dependent(a *mat.SymDense) int {
	n := a.SymmetricDim()
	l := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			s := a.At(i, j)
			for k := range j {
				s -= l[i*n+k] * l[j*n+k]
			}
			if i > j {
				l[i*n+j] = s / l[j*n+j]
				continue
			}
			if !(s > 1e-11) {
				return i
			}
			l[i*n+i] = math.Sqrt(s)
		}
	}
	return -1
}

// slopes works out the derivatives.
func (r *Repeated) slopes(w *work, reml bool) {
	v, p, m := r.Visits, r.Columns, r.Columns+1
	// The weight of each product of (x, y): of (y - xβ)² and xCx'.
	weight := make([]float64, m*m)
	at := append(append([]float64(nil), w.beta...), -1)
	for i := range m {
		for j := range m {
			weight[i*m+j] = at[i] * at[j]
			if reml && i < p && j < p {
				weight[i*m+j] += w.c.At(i, j)
			}
		}
	}
	w.f = make([][]float64, r.Groups)
	for g := range w.f {
		w.f[g] = make([]float64, v*v)
	}
	for at, q := range r.order {
		k, in := len(q.visits), w.inverse[at]
		inner := make([]float64, k*k)
		for a := range k {
			for b := a; b < k; b++ {
				sum := 0.0
				for i, c := range q.cross[a][b] {
					sum += weight[i] * c
				}
				inner[a*k+b], inner[b*k+a] = sum, sum
			}
		}
		w.inner = append(w.inner, inner)
		outer := sandwich(in, inner, k)
		for a, va := range q.visits {
			for b, vb := range q.visits {
				w.f[q.group][va*v+vb] += float64(q.n)*in[a*k+b] - outer[a*k+b]
			}
		}
	}
	per := len(w.d) / r.Groups
	w.gradient = make([]float64, len(w.d))
	for h, d := range w.d {
		w.gradient[h] = dot(d, w.f[h/per])
	}
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// sandwich returns a b a for matrices of k rows.
func sandwich(a, b []float64, k int) []float64 { return product(product(a, b, k), a, k) }

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

// hessian returns the second derivatives of the deviance,
//
//	⟨Σₕₗ, f⟩ + Σ [2 tr(WΣₗW·inner·WΣₕ) - n tr(WΣₗWΣₕ)] - 2 sₕ'Csₗ - tr(CPₕCPₗ)
//
// with Pₕ = X'WΣₕWX and sₕ = X'WΣₕW(y - Xβ), the last term by restricted likelihood
// alone, and the Pₕ.
func (r *Repeated) hessian(s Structure, theta []float64, w *work, reml bool) (*mat.SymDense, []*mat.SymDense) {
	n, p, m := len(theta), r.Columns, r.Columns+1
	per := n / r.Groups
	out := mat.NewSymDense(n, nil)
	by, cs, cp := make([]*mat.SymDense, n), make([]*mat.VecDense, n), make([]*mat.Dense, n)
	scores := make([]*mat.VecDense, n)
	for h := range n {
		cross := r.sum(h/per, func(q *pattern, at int) []float64 {
			return sandwich(w.inverse[at], part(w.d[h], q.visits, r.Visits), len(q.visits))
		})
		by[h], scores[h], cs[h], cp[h] = mat.NewSymDense(p, nil), mat.NewVecDense(p, nil), &mat.VecDense{}, &mat.Dense{}
		by[h].CopySym(cross.SliceSym(0, p))
		scores[h].MulVec(by[h], mat.NewVecDense(p, w.beta))
		for i := range p {
			scores[h].SetVec(i, cross.At(i, m-1)-scores[h].AtVec(i))
		}
		cs[h].MulVec(w.c, scores[h])
		cp[h].Mul(w.c, by[h])
	}
	for h := range n {
		for l := range h + 1 {
			d := -2 * mat.Dot(scores[h], cs[l])
			for i := 0; reml && i < p; i++ {
				for j := range p {
					d -= cp[h].At(i, j) * cp[l].At(j, i)
				}
			}
			out.SetSym(h, l, d)
		}
	}
	for at, q := range r.order {
		k := len(q.visits)
		first := q.group * per
		plain, turned := make([][]float64, per), make([][]float64, per) // WΣₕ, and WΣₕ W inner
		middle := product(w.inverse[at], w.inner[at], k)
		for h := range per {
			plain[h] = product(w.inverse[at], part(w.d[first+h], q.visits, r.Visits), k)
			turned[h] = product(plain[h], middle, k)
		}
		for h := range per {
			for l := range h + 1 {
				d := 0.0
				for i := range k {
					for j := range k {
						d += plain[h][i*k+j] * (2*turned[l][j*k+i] - float64(q.n)*plain[l][j*k+i])
					}
				}
				out.SetSym(first+h, first+l, out.At(first+h, first+l)+d)
			}
		}
	}
	r.bend(out, s, theta, w)
	return out, by
}

// bend adds what the second derivatives of the covariance give, these from its
// derivatives at two distances to each side: no data is in them.
func (r *Repeated) bend(out *mat.SymDense, s Structure, theta []float64, w *work) {
	per := len(theta) / r.Groups
	const step = 1e-3
	for g := range r.Groups {
		at := append([]float64(nil), theta[g*per:(g+1)*per]...)
		for l := range per {
			here := at[l]
			for i, factor := range []float64{1, -8, 8, -1} {
				at[l] = here + []float64{-2, -1, 1, 2}[i]*step
				_, d := s.covariance(at, r.Visits, r.Times)
				for h := l; h < per; h++ {
					out.SetSym(g*per+h, g*per+l, out.At(g*per+h, g*per+l)+factor/(12*step)*dot(d[h], w.f[g]))
				}
			}
			at[l] = here
		}
	}
}

// symmetric returns the mean of a square matrix and its transpose.
func symmetric(a mat.Matrix) *mat.SymDense {
	n, _ := a.Dims()
	out := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			out.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	return out
}

// start returns a first guess: the variance of residuals from the least squares of
// all values, and little correlation.
func (r *Repeated) start(s Structure) ([]float64, error) {
	flat := make([]float64, r.Groups*min(2, r.Visits)) // a variance of one and no correlation
	w, err := r.evaluate(Compound, flat, false)
	if err != nil {
		return nil, err
	}
	p, m := r.Columns, r.Columns+1
	rss, total := 0.0, 0.0
	for _, q := range r.order {
		for a := range q.visits {
			c := q.cross[a][a]
			total += c[p*m+p]
			rss += c[p*m+p]
			for i := range p {
				rss -= 2 * w.beta[i] * c[i*m+p]
				for j := range p {
					rss += w.beta[i] * w.beta[j] * c[i*m+j]
				}
			}
		}
	}
	if !(rss > 1e-12*total) {
		return nil, ErrRepeatedExact
	}
	log := math.Log(rss/float64(r.Values)) / 2
	variances, correlations := s.parameters(r.Visits)
	one := make([]float64, variances+correlations)
	for i, k := 0, 0; s == Unstructured && i < r.Visits; i++ {
		k += i
		one[k] = log
		k++
	}
	for i := 0; s != Unstructured && i < variances; i++ {
		one[i] = log
	}
	for i := range correlations {
		one[variances+i] = 0.2 / float64(i+1)
	}
	var theta []float64
	for range r.Groups {
		theta = append(theta, one...)
	}
	return theta, nil
}

// FitRepeated fits the model by restricted maximum likelihood, or by maximum
// likelihood, with Newton's method until no derivative of the deviance is above
// 1e-10 a value, and refuses what stays above 1e-6.
func (r *Repeated) FitRepeated(s Structure, reml bool) (*RepeatedFit, error) {
	if r.Patients == 0 || r.Values <= r.Columns {
		return nil, fmt.Errorf("%w: %d values for %d coefficients", ErrRepeatedSingular, r.Values, r.Columns)
	}
	if s == Spatial && (len(r.Times) != r.Visits || r.Visits > 1 && !(span(r.Times) > 0)) {
		return nil, fmt.Errorf("a spatial covariance needs a time for each visit")
	}
	theta, err := r.start(s)
	if err != nil {
		return nil, err
	}
	w, err := r.evaluate(s, theta, reml)
	if err != nil {
		return nil, err
	}
	steps := 0
	refuse := func(why string) (*RepeatedFit, error) {
		return nil, &ConvergenceError{why, steps, largest(w.gradient)}
	}
	for ; steps < 200 && largest(w.gradient) >= 1e-10*float64(r.Values); steps++ {
		h, _ := r.hessian(s, theta, w, reml)
		next, better := r.descend(s, theta, w, h, reml)
		if better == nil {
			break
		}
		theta, w = next, better
	}
	if !(largest(w.gradient) <= 1e-6*float64(r.Values)) {
		return refuse("no step made it better")
	}
	h, by := r.hessian(s, theta, w, reml)
	var chol mat.Cholesky
	if !chol.Factorize(h) || !(chol.Cond() < 1e12) {
		return refuse("the likelihood is flat in some direction")
	}
	f := &RepeatedFit{
		Structure: s, REML: reml, Beta: w.beta, Cov: w.c, Deviance: w.deviance, Gradient: largest(w.gradient), Iterations: steps, Theta: theta,
		stats: r, work: w, by: by, thetaCov: mat.NewSymDense(len(theta), nil),
	}
	if chol.InverseTo(f.thetaCov) != nil {
		return refuse("the likelihood is flat in some direction")
	}
	f.thetaCov.ScaleSym(2, f.thetaCov) // the deviance is twice the negative log likelihood
	for _, sigma := range w.sigma {
		f.Sigma = append(f.Sigma, mat.NewSymDense(r.Visits, sigma))
	}
	return f, nil
}

// descend takes Newton's step, shortened until the deviance falls, or the gradient
// does where rounding hides what the deviance does. It returns nil where none helps.
func (r *Repeated) descend(s Structure, theta []float64, w *work, h *mat.SymDense, reml bool) ([]float64, *work) {
	step, ok := newton(h, w.gradient)
	if !ok {
		return nil, nil
	}
	for shrink := 1.0; shrink > 1e-10; shrink /= 2 {
		next := make([]float64, len(theta))
		for i := range theta {
			next[i] = theta[i] - shrink*step[i]
		}
		try, err := r.evaluate(s, next, reml)
		if err != nil {
			continue
		}
		if try.deviance < w.deviance || largest(try.gradient) < largest(w.gradient) && try.deviance < w.deviance+1e-9*math.Abs(w.deviance) {
			return next, try
		}
	}
	return nil, nil
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
