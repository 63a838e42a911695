package fit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Random effects of a patient.
const (
	RandomIntercept    = "intercept"
	RandomSlope        = "intercept+slope" // with their correlation
	RandomUncorrelated = "uncorrelated"    // intercept and slope, their correlation 0
)

// ErrNoConvergence is what errors.Is finds when a likelihood has no maximum that
// the search comes to.
var ErrNoConvergence = errors.New("the likelihood did not converge")

// two is a matrix over a patient's intercept and slope.
type two [2][2]float64

func (a two) mul(b two) two {
	var c two
	for i := range 2 {
		for j := range 2 {
			c[i][j] = float64(a[i][0]*b[0][j]) + float64(a[i][1]*b[1][j])
		}
	}
	return c
}

func (a two) t() two { return two{{a[0][0], a[1][0]}, {a[0][1], a[1][1]}} }

func (a two) plus(b two, times float64) two {
	for i := range 2 {
		for j := range 2 {
			a[i][j] += float64(times * b[i][j])
		}
	}
	return a
}

func (a two) scale(by float64) two { return two{}.plus(a, by) }

func (a two) trace() float64 { return a[0][0] + a[1][1] }

var unit = two{{1, 0}, {0, 1}}

// Slopes holds the sums of a linear mixed model with a random intercept and slope
// by patient. Patients seen at the same times share their sums, so that a fit does
// not depend on how many there are.
type Slopes struct {
	Columns, Values, Patients int

	total    *mat.SymDense // [X y]'[X y]
	patterns map[two]*slopePattern
}

type slopePattern struct {
	g        two // Z'Z
	patients float64
	s        [2][2]*mat.Dense // sums of (Z'[X y])k (Z'[X y])l'
}

// NewSlopes returns sums for a design of that many columns.
func NewSlopes(columns int) *Slopes {
	return &Slopes{Columns: columns, total: mat.NewSymDense(columns+1, nil), patterns: map[two]*slopePattern{}}
}

// Add takes a patient in: times, rows of the design and values, one for each visit
// seen. Values should be near zero, with what they have in common taken off.
func (s *Slopes) Add(times []float64, x [][]float64, y []float64) {
	m := s.Columns + 1
	var g two
	var z [2][]float64
	z[0], z[1] = make([]float64, m), make([]float64, m)
	for k, t := range times {
		row := mat.NewVecDense(m, append(slices.Clone(x[k]), y[k]))
		s.total.SymRankOne(s.total, 1, row)
		g = g.plus(two{{1, t}, {t, t * t}}, 1)
		for j := range m {
			z[0][j] += row.AtVec(j)
			z[1][j] += float64(t * row.AtVec(j))
		}
	}
	p, ok := s.patterns[g]
	if !ok {
		p = &slopePattern{g: g}
		for k := range 2 {
			for l := range 2 {
				p.s[k][l] = mat.NewDense(m, m, nil)
			}
		}
		s.patterns[g] = p
	}
	for k := range 2 {
		for l := range 2 {
			p.s[k][l].RankOne(p.s[k][l], 1, mat.NewVecDense(m, z[k]), mat.NewVecDense(m, z[l]))
		}
	}
	p.patients++
	s.Patients++
	s.Values += len(times)
}

// scaled returns the sums with time in units of its root mean square, in an order
// that does not depend on that of the patients.
func (s *Slopes) scaled() (patterns []slopePattern, unit float64) {
	squares := 0.0
	var keys []two
	for k := range s.patterns {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b two) int {
		return slices.Compare([]float64{a[0][0], a[0][1], a[1][1]}, []float64{b[0][0], b[0][1], b[1][1]})
	})
	for _, k := range keys {
		squares += k[1][1] * s.patterns[k].patients
	}
	if unit = math.Sqrt(squares / float64(s.Values)); !(unit > 0) {
		unit = 1
	}
	by := [2]float64{1, unit}
	for _, k := range keys {
		p := *s.patterns[k]
		for i := range 2 {
			for j := range 2 {
				p.g[i][j] /= by[i] * by[j]
				d := mat.NewDense(s.Columns+1, s.Columns+1, nil)
				d.Scale(1/(by[i]*by[j]), p.s[i][j])
				p.s[i][j] = d
			}
		}
		patterns = append(patterns, p)
	}
	return patterns, unit
}

// SlopesFit is a fitted mixed model. It is immutable.
type SlopesFit struct {
	Beta     []float64
	Sigma2   float64    // residual variance
	Variance two        // of intercept and slope
	LogLik   float64    // restricted or full
	Gradient float64    // largest absolute derivative of the deviance by a free element of the relative root of Variance
	Singular []string   // bounds that the estimate lies on, in words
	Errors   [4]float64 // of Sigma2, the variances of intercept and slope, and their covariance; NaN on a bound

	s        *Slopes
	patterns []slopePattern
	unit     float64
	reml     bool
	root     [3]float64 // of Variance/Sigma2, time scaled: 11, 21, 22
	free     []int
	phi      *mat.SymDense
	adjusted *mat.SymDense // Kenward and Roger's; nil by full likelihood
	slope    [4]*mat.Dense // X'V⁻¹VⱼV⁻¹X
	observed *mat.SymDense // covariance of the four parameters
	expected *mat.SymDense
}

// point is the deviance at a root of the relative variance.
type point struct {
	deviance float64
	gradient [3]float64
	sigma2   float64
	beta     []float64
	inverse  *mat.SymDense // of X'H⁻¹X
}

func rootOf(l [3]float64) two { return two{{l[0], 0}, {l[1], l[2]}} }

// weight returns A with H⁻¹ = I - ZAZ', and log|H| of a patient.
func (p slopePattern) weight(l two) (a two, logDet float64) {
	m := unit.plus(l.t().mul(p.g).mul(l), 1)
	det := m[0][0]*m[1][1] - m[0][1]*m[1][0]
	inv := two{{m[1][1] / det, -m[0][1] / det}, {-m[1][0] / det, m[0][0] / det}}
	return l.mul(inv).mul(l.t()), math.Log(det)
}

// sum returns Σ [X y]'Z B Z'[X y] of the patients of a pattern.
func (p slopePattern) sum(to *mat.Dense, b two, times float64) {
	for k := range 2 {
		for l := range 2 {
			var d mat.Dense
			d.Scale(times*b[k][l], p.s[k][l])
			to.Add(to, &d)
		}
	}
}

func (f *SlopesFit) degrees() float64 {
	if f.reml {
		return float64(f.s.Values - f.s.Columns)
	}
	return float64(f.s.Values)
}

// split returns the inverse of the design's block of [X y]'V⁻¹[X y], its log
// determinant, the coefficients and the sum of squares left.
func split(full *mat.Dense) (inverse *mat.SymDense, logDet float64, beta []float64, rss float64, err error) {
	m, _ := full.Dims()
	p := m - 1
	xx := mat.NewSymDense(p, nil)
	xy := mat.NewVecDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			xx.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
		xy.SetVec(i, full.At(i, p))
	}
	if inverse, logDet, err = inverseScaled(xx); err != nil {
		return nil, 0, nil, 0, err
	}
	var b mat.VecDense
	b.MulVec(inverse, xy)
	return inverse, logDet, slices.Clone(b.RawVector().Data), full.At(p, p) - mat.Dot(xy, &b), nil
}

// at returns the deviance, the residual variance and the coefficients profiled
// out, and its gradient by the root.
func (f *SlopesFit) at(root [3]float64) (point, error) {
	l := rootOf(root)
	full := mat.DenseCopyOf(f.s.total)
	logDet := 0.0
	for _, p := range f.patterns {
		a, d := p.weight(l)
		logDet += p.patients * d
		p.sum(full, a, -1)
	}
	inverse, logX, beta, rss, err := split(full)
	if err != nil {
		return point{}, err
	}
	n := f.degrees()
	out := point{sigma2: rss / n, beta: beta, inverse: inverse}
	if !(out.sigma2 > 1e-14*f.s.total.At(f.s.Columns, f.s.Columns)/n) {
		return point{}, fmt.Errorf("%w: the model fits without error", ErrNoConvergence)
	}
	out.deviance = n*(1+math.Log(2*math.Pi*out.sigma2)) + logDet
	if f.reml {
		out.deviance += logX
	}
	var t two
	for _, p := range f.patterns {
		a, _ := p.weight(l)
		c := unit.plus(p.g.mul(a), -1)
		r := f.spread(p, beta, inverse, out.sigma2)
		t = t.plus(c.mul(p.g), p.patients).plus(c.mul(r).mul(c.t()), -1)
	}
	d := t.mul(l)
	out.gradient = [3]float64{2 * d[0][0], 2 * d[1][0], 2 * d[1][1]}
	return out, nil
}

// spread returns Σ Z'rr'Z/σ², and with it, by restricted likelihood, the trace of
// Z'X(X'H⁻¹X)⁻¹X'Z.
func (f *SlopesFit) spread(p slopePattern, beta []float64, inverse *mat.SymDense, sigma2 float64) two {
	var r two
	b := mat.NewVecDense(len(beta)+1, nil)
	for j, v := range beta {
		b.SetVec(j, -v)
	}
	b.SetVec(len(beta), 1)
	for k := range 2 {
		for l := range 2 {
			r[k][l] = mat.Inner(b, p.s[k][l], b) / sigma2
			if f.reml {
				r[k][l] += traceOf(inverse, p.s[k][l])
			}
		}
	}
	return r
}

// traceOf is tr(AB) over the rows and columns of A.
func traceOf(a *mat.SymDense, b mat.Matrix) float64 {
	s := 0.0
	for i := range a.SymmetricDim() {
		for j := range a.SymmetricDim() {
			s += float64(a.At(i, j) * b.At(j, i))
		}
	}
	return s
}

// Fit maximises the (restricted) likelihood over the root of the patients'
// variance relative to the residual one, the rest profiled out, by Newton's method
// from three starts. A variance of zero or a correlation of ±1 is an estimate like
// another, said in Singular: degrees of freedom then hold what lies on the bound for
// known.
//
// R: lme4::lmer(y ~ x + (time | id)). Bates and others 2015, 10.18637/jss.v067.i01.
func (s *Slopes) Fit(random string, reml bool) (*SlopesFit, error) {
	f := &SlopesFit{s: s, reml: reml}
	if f.degrees() < 1 || s.Patients < 2 {
		return nil, fmt.Errorf("%w: %d values of %d patients for %d coefficients", ErrSingular, s.Values, s.Patients, s.Columns)
	}
	f.patterns, f.unit = s.scaled()
	switch random {
	case RandomIntercept:
		f.free = []int{0}
	case RandomUncorrelated:
		f.free = []int{0, 2}
	case RandomSlope:
		f.free = []int{0, 1, 2}
	default:
		return nil, fmt.Errorf("no random effects called %q", random)
	}
	if s.Values == s.Patients {
		return nil, fmt.Errorf("%w: no patient has two values", ErrSingular)
	}
	best, at := point{deviance: math.Inf(1)}, [3]float64{}
	var first error
	for _, start := range [][3]float64{{1, 0, 0.5}, {0.3, 0, 0.1}, {3, 0, 2}} {
		root := [3]float64{}
		for _, k := range f.free {
			root[k] = start[k]
		}
		root, p, err := f.newton(root)
		switch {
		case err != nil && first == nil:
			first = err
		case err == nil && p.deviance < best.deviance-1e-9:
			best, at = p, root
		}
	}
	if math.IsInf(best.deviance, 1) {
		return nil, first
	}
	return f, f.settle(at)
}

// newton walks to a minimum of the deviance over the free elements.
func (f *SlopesFit) newton(root [3]float64) ([3]float64, point, error) {
	here, err := f.at(root)
	if err != nil {
		return root, here, err
	}
	for range 200 {
		step, slope, err := f.direction(root, here)
		if err != nil {
			return root, here, err
		}
		if slope < 1e-18*(1+math.Abs(here.deviance)) {
			return root, here, nil
		}
		moved := false
		for h := 1.0; h > 1e-9; h /= 2 {
			next := root
			for i, k := range f.free {
				next[k] += h * step[i]
			}
			p, err := f.at(next)
			if err == nil && p.deviance <= here.deviance-1e-4*h*slope+1e-13*math.Abs(here.deviance) {
				moved = p.deviance < here.deviance || h == 1
				root, here = next, p
				break
			}
		}
		if !moved {
			return root, here, nil
		}
	}
	return root, here, fmt.Errorf("%w: 200 steps", ErrNoConvergence)
}

// direction returns Newton's step, the curvature's sign mended, and how much the
// deviance falls along it at first.
func (f *SlopesFit) direction(root [3]float64, here point) (step []float64, slope float64, err error) {
	n := len(f.free)
	hessian := mat.NewSymDense(n, nil)
	rows := mat.NewDense(n, n, nil)
	for i, k := range f.free {
		h := 1e-5 * math.Max(0.1, math.Abs(root[k]))
		up, down := root, root
		up[k] += h
		down[k] -= h
		a, err := f.at(up)
		if err != nil {
			return nil, 0, err
		}
		b, err := f.at(down)
		if err != nil {
			return nil, 0, err
		}
		for j, l := range f.free {
			rows.Set(i, j, (a.gradient[l]-b.gradient[l])/(2*h))
		}
	}
	for i := range n {
		for j := i; j < n; j++ {
			hessian.SetSym(i, j, (rows.At(i, j)+rows.At(j, i))/2)
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(hessian, true) {
		return nil, 0, fmt.Errorf("%w: no curvature", ErrNoConvergence)
	}
	var v mat.Dense
	eig.VectorsTo(&v)
	values, step := eig.Values(nil), make([]float64, n)
	most := math.Max(math.Abs(values[0]), math.Abs(values[n-1]))
	for e, value := range values {
		along := 0.0
		for i, k := range f.free {
			along += v.At(i, e) * here.gradient[k]
		}
		size := along / math.Max(math.Abs(value), 1e-8*most)
		size = math.Max(-2, math.Min(2, size))
		slope += along * size
		for i := range n {
			step[i] -= v.At(i, e) * size
		}
	}
	return step, slope, nil
}

// onBound is how near to zero an element of the relative root counts as zero, if
// zero is no worse.
const onBound = 1e-4

// settle puts what lies on a bound there, and works out errors about it.
func (f *SlopesFit) settle(root [3]float64) error {
	if root[0] < 0 {
		root[0], root[1] = -root[0], -root[1]
	}
	root[2] = math.Abs(root[2])
	if root[0] < onBound { // the intercept does not vary, so nothing goes with it
		root = [3]float64{0, 0, math.Hypot(root[1], root[2])}
	}
	kept := f.free
	f.free = nil
	for _, k := range kept {
		if k == 1 && root[0] == 0 {
			continue
		}
		if k != 1 && root[k] < onBound {
			root[k] = 0
			continue
		}
		f.free = append(f.free, k)
	}
	if slices.Contains(f.free, 1) && root[2] == 0 && math.Abs(root[1]) < onBound {
		root[1] = 0
		f.free = slices.DeleteFunc(f.free, func(k int) bool { return k == 1 })
	}
	var here point
	var err error
	if len(f.free) > 0 {
		root, here, err = f.newton(root)
	} else {
		here, err = f.at(root)
	}
	if err != nil {
		return err
	}
	f.root, f.Beta, f.Sigma2, f.LogLik = root, here.beta, here.sigma2, -here.deviance/2
	for _, k := range f.free {
		f.Gradient = math.Max(f.Gradient, math.Abs(here.gradient[k]))
	}
	d := rootOf(root).mul(rootOf(root).t()).scale(f.Sigma2)
	f.Variance = two{{d[0][0], d[0][1] / f.unit}, {d[1][0] / f.unit, d[1][1] / f.unit / f.unit}}
	f.Singular = f.bounds(kept)
	return f.errors()
}

func (f *SlopesFit) bounds(asked []int) []string {
	var out []string
	if f.root[0] == 0 {
		out = append(out, "the variance of the patients' intercepts is zero")
	}
	if slices.Contains(asked, 2) && f.root[2] == 0 {
		switch {
		case f.root[1] == 0:
			out = append(out, "the variance of the patients' slopes is zero")
		case f.root[1] > 0:
			out = append(out, "the correlation of the patients' intercepts and slopes is 1")
		default:
			out = append(out, "the correlation of the patients' intercepts and slopes is -1")
		}
	}
	return out
}
