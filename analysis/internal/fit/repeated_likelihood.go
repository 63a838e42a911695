package fit

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

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
		r.add(cross, q, in)
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
func (r *Repeated) add(out []float64, q *pattern, g []float64) {
	k, m := len(q.visits), r.Columns+1
	for a, va := range q.visits {
		for b := a; b < k; b++ {
			f, t, c := g[a*k+b], g[b*k+a], q.cross[a][b]
			right := r.support[q.visits[b]]
			for i, row := range r.support[va] {
				for j, u := range c[i*len(right) : (i+1)*len(right)] {
					out[row*m+right[j]] += f * u
					if a != b {
						out[right[j]*m+row] += t * u
					}
				}
			}
		}
	}
}

// contract returns the sum over the pattern's patients of (x, y)ₐ w (x, y)ᵦ', w a matrix
// of columns and outcome.
func (r *Repeated) contract(q *pattern, a, b int, w []float64) float64 {
	m, c, right := r.Columns+1, q.cross[a][b], r.support[q.visits[b]]
	sum := 0.0
	for i, row := range r.support[q.visits[a]] {
		for j, u := range c[i*len(right) : (i+1)*len(right)] {
			sum += w[row*m+right[j]] * u
		}
	}
	return sum
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
	outer(weight, append(slices.Clone(w.beta), -1))
	for i := 0; reml && i < p; i++ {
		for j := range p {
			weight[i*m+j] += w.c.At(i, j)
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
				sum := r.contract(q, a, b, weight)
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

func transposed(a []float64, k int) []float64 {
	out := make([]float64, k*k)
	for i := range k {
		for j := range k {
			out[j*k+i] = a[i*k+j]
		}
	}
	return out
}

// outer writes aa'.
func outer(out, a []float64) {
	for i, u := range a {
		for j, w := range a {
			out[i*len(a)+j] = u * w
		}
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
		row := out[i*k : i*k+k]
		for c := range k {
			u := a[i*k+c]
			for j, w := range b[c*k : c*k+k] {
				row[j] += u * w
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
		plain, turned := make([][]float64, per), make([][]float64, per) // WΣₕ, and the transpose of WΣₕ(2 W inner - n)
		middle := product(w.inverse[at], w.inner[at], k)
		for i := range middle {
			middle[i] *= 2
		}
		for i := range k {
			middle[i*k+i] -= float64(q.n)
		}
		for h := range per {
			plain[h] = product(w.inverse[at], part(w.d[first+h], q.visits, r.Visits), k)
			turned[h] = transposed(product(plain[h], middle, k), k)
		}
		for h := range per {
			for l := range h + 1 {
				out.SetSym(first+h, first+l, out.At(first+h, first+l)+dot(plain[h], turned[l]))
			}
		}
	}
	r.bend(out, s, theta, w)
	return out, by
}

// bend adds what the second derivatives of the covariance give. No data is in them:
// beside an unstructured covariance they come from the derivatives at two distances to
// each side.
func (r *Repeated) bend(out *mat.SymDense, s Structure, theta []float64, w *work) {
	per := len(theta) / r.Groups
	const step = 1e-3
	for g := range r.Groups {
		at := append([]float64(nil), theta[g*per:(g+1)*per]...)
		if s == Unstructured {
			unstructuredBend(out, g*per, at, r.Visits, w.f[g])
			continue
		}
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

// unstructuredBend adds ⟨Σₕₗ, f⟩ of an unstructured covariance Σ = LL'. The derivative
// of L by a parameter is one row eᵢu', so that ⟨LₕLₗ' + LₗLₕ', f⟩ = 2 fᵢⱼ u·v; with the
// diagonal's parameter of a row, every derivative of the row is one of its second
// derivatives.
func unstructuredBend(out *mat.SymDense, first int, theta []float64, v int, f []float64) {
	l, by := factor(theta, v)
	fl := product(f, l, v)
	at := func(h int) (row int, diagonal bool) {
		for row = 0; h > row; row++ {
			h -= row + 1
		}
		return row, h == row
	}
	for h := range theta {
		i, hd := at(h)
		u := by[h][i*v : i*v+v]
		for g := range h + 1 {
			j, gd := at(g)
			w := by[g][j*v : j*v+v]
			sum := 2 * f[i*v+j] * dot(u, w)
			switch {
			case i != j:
			case hd:
				sum += 2 * dot(fl[i*v:i*v+v], w)
			case gd:
				sum += 2 * dot(fl[i*v:i*v+v], u)
			}
			out.SetSym(first+h, first+g, out.At(first+h, first+g)+sum)
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
