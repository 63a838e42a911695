package fit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// The variance of a patient's values is linear in four parameters: the residual
// variance, that of the intercept, its covariance with the slope, that of the slope.
var directions = [4]two{1: {{1, 0}, {0, 0}}, 2: {{0, 1}, {1, 0}}, 3: {{0, 0}, {0, 1}}}

// derivatives holds the sums that the information about the parameters is made of.
type derivatives struct {
	first  [4]*mat.Dense    // [X y]'V⁻¹VⱼV⁻¹[X y]
	second [4][4]*mat.Dense // [X y]'V⁻¹VⱼV⁻¹VₖV⁻¹[X y]
	traces [4][4]float64    // of V⁻¹VⱼV⁻¹Vₖ
	trace  [4]float64       // of V⁻¹Vⱼ
}

func (f *SlopesFit) derivatives() *derivatives {
	m := f.s.Columns + 1
	d := &derivatives{}
	for j := range 4 {
		d.first[j] = mat.NewDense(m, m, nil)
		for k := range 4 {
			d.second[j][k] = mat.NewDense(m, m, nil)
		}
	}
	s := 1 / f.Sigma2
	d.first[0].Scale(s*s, f.s.total)
	d.second[0][0].Scale(s*s*s, f.s.total)
	d.trace[0], d.traces[0][0] = s*float64(f.s.Values), s*s*float64(f.s.Values)
	l := rootOf(f.root)
	for _, p := range f.patterns {
		a, _ := p.weight(l)
		aga := a.mul(p.g).mul(a)
		a2 := a.scale(2).plus(aga, -1)                    // of V⁻², as A is of V⁻¹
		a3 := a.plus(a2, 1).plus(a2.mul(p.g).mul(a), -1)  // of V⁻³
		c := unit.plus(p.g.mul(a), -1).scale(s)           // Z'V⁻¹ = CZ'
		w := c.mul(p.g)                                   // Z'V⁻¹Z
		d.trace[0] -= s * p.patients * a.mul(p.g).trace() //
		d.traces[0][0] -= s * s * p.patients * a2.mul(p.g).trace()
		p.sum(d.first[0], a2, -s*s)
		p.sum(d.second[0][0], a3, -s*s*s)
		for j := 1; j < 4; j++ {
			e := directions[j]
			d.trace[j] += p.patients * e.mul(w).trace()
			p.sum(d.first[j], c.t().mul(e).mul(c), 1)
			d.traces[0][j] += p.patients * e.mul(c).mul(w).trace()
			d.traces[j][0] = d.traces[0][j]
			p.sum(d.second[0][j], c.t().mul(c.t()).mul(e).mul(c), 1)
			for k := 1; k < 4; k++ {
				o := directions[k]
				d.traces[j][k] += p.patients * e.mul(w).mul(o).mul(w).trace()
				p.sum(d.second[j][k], c.t().mul(e).mul(w).mul(o).mul(c), 1)
			}
		}
	}
	for j := 1; j < 4; j++ {
		d.second[j][0] = mat.DenseCopyOf(d.second[0][j].T())
	}
	return d
}

// errors works out the covariance of the coefficients and of the parameters: the
// inverse of the observed information for Satterthwaite, of the expected one for
// Kenward and Roger, both along what is free.
func (f *SlopesFit) errors() error {
	p := f.s.Columns
	d := f.derivatives()
	here, err := f.at(f.root)
	if err != nil {
		return err
	}
	f.phi = mat.NewSymDense(p, nil)
	f.phi.ScaleSym(f.Sigma2, here.inverse)
	b := mat.NewVecDense(p+1, nil)
	for j, v := range f.Beta {
		b.SetVec(j, -v)
	}
	b.SetVec(p, 1)
	var scores [4]*mat.VecDense // X'V⁻¹VⱼV⁻¹r
	for j := range 4 {
		f.slope[j] = mat.DenseCopyOf(d.first[j].Slice(0, p, 0, p))
		var v mat.VecDense
		v.MulVec(d.first[j], b)
		scores[j] = mat.VecDenseCopyOf(v.SliceVec(0, p))
	}
	var gradient [4]float64
	observed, expected := mat.NewSymDense(4, nil), mat.NewSymDense(4, nil)
	for j := range 4 {
		gradient[j] = d.trace[j] - mat.Inner(b, d.first[j], b)
		if f.reml {
			gradient[j] -= traceOf(f.phi, f.slope[j])
		}
		for k := j; k < 4; k++ {
			t := d.traces[j][k]
			if f.reml {
				var a, c mat.Dense
				a.Mul(f.phi, f.slope[j])
				c.Mul(f.phi, f.slope[k])
				a.Mul(&a, &c)
				t += mat.Trace(&a) - 2*traceOf(f.phi, d.second[j][k].Slice(0, p, 0, p))
			}
			expected.SetSym(j, k, t/2)
			observed.SetSym(j, k, -t/2+mat.Inner(b, d.second[j][k], b)-mat.Inner(scores[j], f.phi, scores[k]))
		}
	}
	if f.observed, err = f.along(observed, gradient); err != nil {
		return err
	}
	if f.expected, err = f.along(expected, [4]float64{}); err != nil {
		return err
	}
	f.variances()
	if f.reml {
		f.kenwardRoger(d)
	}
	return nil
}

// along turns an information about the four parameters into a covariance, along
// the residual variance and the free elements of the root of the patients'
// variance, D = ll': what lies on a bound, or is not in the model, is held.
func (f *SlopesFit) along(information *mat.SymDense, gradient [4]float64) (*mat.SymDense, error) {
	sd := math.Sqrt(f.Sigma2)
	a, b, c := f.root[0]*sd, f.root[1]*sd, f.root[2]*sd
	by := [][4]float64{{0, 2 * a, b, 0}, {0, 0, a, 2 * b}, {0, 0, 0, 2 * c}}
	n := 1 + len(f.free)
	j := mat.NewDense(4, n, nil)
	j.Set(0, 0, 1)
	for i, k := range f.free {
		for m := range 4 {
			j.Set(m, i+1, by[k][m])
		}
	}
	var half, full mat.Dense
	half.Mul(j.T(), information)
	full.Mul(&half, j)
	second := [3][3]float64{{gradient[1], gradient[2] / 2, 0}, {gradient[2] / 2, gradient[3], 0}, {0, 0, gradient[3]}}
	inner := mat.NewSymDense(n, nil)
	for i := range n {
		for k := i; k < n; k++ {
			v := (full.At(i, k) + full.At(k, i)) / 2
			if i > 0 {
				v += second[f.free[i-1]][f.free[k-1]]
			}
			inner.SetSym(i, k, v)
		}
	}
	inverse, _, err := inverseScaled(inner)
	if err != nil {
		return nil, fmt.Errorf("%w: the likelihood is flat about its maximum", ErrNoConvergence)
	}
	half.Reset()
	full.Reset()
	half.Mul(j, inverse)
	full.Mul(&half, j.T())
	out := mat.NewSymDense(4, nil)
	for i := range 4 {
		for k := i; k < 4; k++ {
			out.SetSym(i, k, (full.At(i, k)+full.At(k, i))/2)
		}
	}
	return out, nil
}

// variances writes the errors of the parameters, by the observed information.
func (f *SlopesFit) variances() {
	units := [4]float64{1, 1, f.unit, f.unit * f.unit}
	for to, from := range [4]int{0, 1, 3, 2} {
		f.Errors[to] = math.NaN()
		if v := f.observed.At(from, from); v > 0 && (from == 0 || len(f.Singular) == 0) {
			f.Errors[to] = math.Sqrt(v) / units[from]
		}
	}
}

// CorrelationError returns the error of the correlation of intercept and slope on
// Fisher's z scale, by the delta method.
func (f *SlopesFit) CorrelationError() float64 {
	a, b, c := f.Variance[0][0], f.Variance[0][1], f.Variance[1][1]
	if len(f.Singular) > 0 || !(a > 0) || !(c > 0) || b == 0 {
		return math.NaN()
	}
	r := b / math.Sqrt(a*c)
	u := f.unit
	g := mat.NewVecDense(4, []float64{0, -r / (2 * a), r / b / u, -r / (2 * c) / (u * u)})
	g.ScaleVec(1/(1-r*r), g)
	return math.Sqrt(mat.Inner(g, f.observed, g))
}

// kenwardRoger enlarges the covariance of the coefficients by what is not known of
// the parameters. The variance is linear in them, so no second derivatives enter.
func (f *SlopesFit) kenwardRoger(d *derivatives) {
	p := f.s.Columns
	inner := mat.NewDense(p, p, nil)
	for j := range 4 {
		for k := range 4 {
			w := f.expected.At(j, k)
			var t, q mat.Dense
			t.Mul(f.slope[j], f.phi)
			t.Mul(&t, f.slope[k])
			q.Sub(d.second[j][k].Slice(0, p, 0, p), &t)
			q.Scale(2*w, &q)
			inner.Add(inner, &q)
		}
	}
	var half, full mat.Dense
	half.Mul(f.phi, inner)
	full.Mul(&half, f.phi)
	f.adjusted = mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			f.adjusted.SetSym(i, j, f.phi.At(i, j)+(full.At(i, j)+full.At(j, i))/2)
		}
	}
}

// Contrast returns c'b, its error and degrees of freedom, 2v²/g'Wg with g the
// derivatives of v = c'Φc: with W from the observed information by Satterthwaite,
// from the expected one by Kenward and Roger, who also enlarge the error.
// Kenward and Roger's need the restricted likelihood; they are NaN without.
//
// R: lmerTest::contest1D(fit, c, ddf). Kenward and Roger 1997, 10.2307/2533558.
func (f *SlopesFit) Contrast(c []float64, how string) (value, se, df float64) {
	at := mat.NewVecDense(len(c), c)
	for j, w := range c {
		value += float64(w * f.Beta[j])
	}
	var pc mat.VecDense
	pc.MulVec(f.phi, at)
	v := mat.Dot(at, &pc)
	g := mat.NewVecDense(4, nil)
	for j := range 4 {
		g.SetVec(j, mat.Inner(&pc, f.slope[j], &pc))
	}
	if how != DFKenwardRoger {
		return value, math.Sqrt(v), 2 * v * v / mat.Inner(g, f.observed, g)
	}
	if f.adjusted == nil {
		return value, math.NaN(), math.NaN()
	}
	return value, math.Sqrt(mat.Inner(at, f.adjusted, at)), 2 * v * v / mat.Inner(g, f.expected, g)
}

// Effects returns what is foretold of a patient's intercept and slope, less the
// mean, from the residuals at the times seen.
func (f *SlopesFit) Effects(times, residuals []float64) (intercept, slope float64) {
	var p slopePattern
	var zr [2]float64
	for k, t := range times {
		t /= f.unit
		p.g = p.g.plus(two{{1, t}, {t, t * t}}, 1)
		zr[0] += residuals[k]
		zr[1] += float64(t * residuals[k])
	}
	l := rootOf(f.root)
	a, _ := p.weight(l)
	b := l.mul(l.t()).mul(unit.plus(p.g.mul(a), -1))
	return b[0][0]*zr[0] + b[0][1]*zr[1], (b[1][0]*zr[0] + b[1][1]*zr[1]) / f.unit
}
