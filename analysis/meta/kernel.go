package meta

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
)

// design is the columns of a meta-regression as an orthonormal basis, so that
// neither the unit of a moderator nor a large offset costs digits.
type design struct {
	k, p  int
	q     [][]float64 // p columns of k
	back  *mat.Dense  // coefficients of the columns from those of the basis
	given [][]float64 // the columns as given
}

// worstCondition is where columns, scaled to unit length, no longer tell their
// coefficients apart.
const worstCondition = 1e12

func newDesign(columns [][]float64) (*design, error) {
	p, k := len(columns), len(columns[0])
	if k < p {
		return nil, fmt.Errorf("%w: %d studies for %d coefficients; expected at least as many studies", analysis.ErrCannot, k, p)
	}
	same := fmt.Errorf("%w: the moderators do not differ between studies, or one follows from the others", analysis.ErrCannot)
	d := &design{k: k, p: p, given: columns, back: mat.NewDense(p, p, nil)}
	r, length := mat.NewDense(p, p, nil), make([]float64, p)
	for c, col := range columns {
		for _, v := range col {
			length[c] = math.Hypot(length[c], v)
		}
		q := make([]float64, k)
		for i, v := range col {
			q[i] = v / length[c]
		}
		rest := d.orthogonal(q, r, c)
		if !(rest > 1/worstCondition) {
			return nil, same
		}
		r.Set(c, c, rest)
		for i := range q {
			q[i] /= rest
		}
		d.q = append(d.q, q)
	}
	if !(mat.Cond(r, 2) < worstCondition) {
		return nil, same
	}
	var inv mat.Dense
	// The condition passed, so that an error could only warn of it.
	_ = inv.Inverse(r)
	for i := range p {
		for c := range p {
			d.back.Set(i, c, inv.At(i, c)/length[i])
		}
	}
	return d, nil
}

// orthogonal takes from q what lies along the basis so far, twice, so that rounding of
// the first time is mended (Gram and Schmidt), adds it to column c of r, and returns
// the length of the rest.
func (d *design) orthogonal(q []float64, r *mat.Dense, c int) float64 {
	for range 2 {
		for b, basis := range d.q {
			along := 0.0
			for i, v := range q {
				along += v * basis[i]
			}
			for i := range q {
				q[i] -= along * basis[i]
			}
			r.Set(b, c, r.At(b, c)+along)
		}
	}
	rest := 0.0
	for _, v := range q {
		rest = math.Hypot(rest, v)
	}
	return rest
}

// cross is Q' diag(s) Q.
func (d *design) cross(s []float64) *mat.SymDense {
	m := mat.NewSymDense(d.p, nil)
	for a := range d.p {
		for b := a; b < d.p; b++ {
			sum := 0.0
			for i, v := range s {
				sum += float64(v*d.q[a][i]) * d.q[b][i]
			}
			m.SetSym(a, b, sum)
		}
	}
	return m
}

// weighted is the design at given weights: all that the estimators of τ² are made of.
type weighted struct {
	d      *design
	w, e   []float64 // weights and residuals
	inv    *mat.SymDense
	gamma  []float64 // coefficients of the basis
	rss    float64   // Σ w e²
	logdet float64   // of Q'WQ
}

// at fits by weights 1/(v+τ²).
func (d *design) at(y, v []float64, tau2 float64) *weighted {
	w := make([]float64, d.k)
	for i := range w {
		w[i] = 1 / (v[i] + tau2)
	}
	return d.weigh(y, w)
}

func (d *design) weigh(y, w []float64) *weighted {
	f := &weighted{d: d, w: w, e: append([]float64(nil), y...), gamma: make([]float64, d.p), inv: mat.NewSymDense(d.p, nil)}
	var chol mat.Cholesky
	// The basis is orthonormal and the weights positive, so that only overflow fails.
	if !chol.Factorize(d.cross(w)) {
		f.rss = math.NaN()
		return f
	}
	f.logdet = chol.LogDet()
	// The inverse is exact but for a warning of the condition, held above.
	_ = chol.InverseTo(f.inv)
	r := make([]float64, d.p)
	for c := range r {
		for i := range w {
			r[c] += float64(w[i]*y[i]) * d.q[c][i]
		}
	}
	for a := range d.p {
		for b := range d.p {
			f.gamma[a] += f.inv.At(a, b) * r[b]
		}
		for i := range f.e {
			f.e[i] -= f.gamma[a] * d.q[a][i]
		}
	}
	total := 0.0
	for i, e := range f.e {
		f.rss += w[i] * e * e
		total += w[i] * y[i] * y[i]
	}
	if f.rss <= 1e-28*total { // equal effects leave nothing but rounding
		f.rss = 0
	}
	return f
}

// coef are the coefficients of the columns as given, and their covariance.
func (f *weighted) coef() (b []float64, v *mat.SymDense) {
	p := f.d.p
	b, v = make([]float64, p), mat.NewSymDense(p, nil)
	for i := range p {
		for c := range p {
			b[i] += f.d.back.At(i, c) * f.gamma[c]
		}
	}
	var half, full mat.Dense
	half.Mul(f.d.back, f.inv)
	full.Mul(&half, f.d.back.T())
	for i := range p {
		for c := i; c < p; c++ {
			v.SetSym(i, c, (full.At(i, c)+full.At(c, i))/2)
		}
	}
	return b, v
}

// trace is tr(P D) and trace2 tr(P D P E) with P = W - WX(X'WX)⁻¹X'W and diagonal D
// and E, in the number of studies times the square of that of the columns.
func (f *weighted) trace(d func(i int) float64) float64 {
	s, total := make([]float64, f.d.k), 0.0
	for i, w := range f.w {
		total += w * d(i)
		s[i] = w * w * d(i)
	}
	var m mat.Dense
	m.Mul(f.inv, f.d.cross(s))
	return total - mat.Trace(&m)
}

func (f *weighted) trace2(d, e func(i int) float64) float64 {
	k := f.d.k
	s3, sd, se, total := make([]float64, k), make([]float64, k), make([]float64, k), 0.0
	for i, w := range f.w {
		total += w * w * d(i) * e(i)
		s3[i], sd[i], se[i] = w*w*w*d(i)*e(i), w*w*d(i), w*w*e(i)
	}
	var m, a, b mat.Dense
	m.Mul(f.inv, f.d.cross(s3))
	a.Mul(f.inv, f.d.cross(sd))
	b.Mul(f.inv, f.d.cross(se))
	a.Mul(&a, &b)
	return total - 2*mat.Trace(&m) + mat.Trace(&a)
}

func one(int) float64 { return 1 }

// leverage is the diagonal of the hat matrix.
func (f *weighted) leverage(i int) float64 {
	h := 0.0
	for a := range f.d.p {
		for b := range f.d.p {
			h += f.d.q[a][i] * f.inv.At(a, b) * f.d.q[b][i]
		}
	}
	return f.w[i] * h
}

// root is where a falling f crosses zero between a and b, or the end where it does not.
func root(f func(float64) float64, a, b float64) float64 {
	if !(f(a) > 0) {
		return a
	}
	return analysis.Root(f, a, b)
}
