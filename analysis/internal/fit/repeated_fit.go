package fit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

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

// start returns a first guess: the variance of residuals from the least squares of
// all values, and little correlation.
func (r *Repeated) start(s Structure) ([]float64, error) {
	flat := make([]float64, r.Groups*min(2, r.Visits)) // a variance of one and no correlation
	w, err := r.evaluate(Compound, flat, false)
	if err != nil {
		return nil, err
	}
	m := r.Columns + 1
	square, residual := make([]float64, m*m), make([]float64, m*m)
	square[m*m-1] = 1
	outer(residual, append(slices.Clone(w.beta), -1))
	rss, total := 0.0, 0.0
	for _, q := range r.order {
		for a := range q.visits {
			total += r.contract(q, a, a, square)
			rss += r.contract(q, a, a, residual)
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
// 1e-10 a value, and refuses what stays above 1e-6. A step costs more with every visit
// and every pattern of visits; the context is looked at before each.
func (r *Repeated) FitRepeated(ctx context.Context, s Structure, reml bool) (*RepeatedFit, error) {
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
		if err := ctx.Err(); err != nil {
			return nil, err
		}
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
