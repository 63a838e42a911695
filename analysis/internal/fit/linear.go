// Package fit holds the numerical kernels that several analyses need.
package fit

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// ErrSingular is what errors.Is finds when columns of a design depend on each
// other, so that their coefficients are not defined.
var ErrSingular = errors.New("the design is singular")

// Linear is a fitted linear model. It is immutable.
type Linear struct {
	Coef      []float64 // one a column of the design
	DF        float64   // n - p
	Sigma2    float64   // residual variance
	Condition float64   // condition number of the scaled design

	xtxInv *mat.SymDense
	x      *mat.Dense
	resid  []float64
	hat    []float64
}

// Covariances of the coefficients.
const (
	CovModel   = "model"   // σ² (X'X)⁻¹
	CovHC0     = "HC0"     // White
	CovHC1     = "HC1"     // HC0 × n/(n-p)
	CovHC2     = "HC2"     // squared residuals over 1-h
	CovHC3     = "HC3"     // squared residuals over (1-h)²
	CovCR0     = "CR0"     // sums of scores by cluster
	CovCluster = "cluster" // CR1: CR0 × G/(G-1) × (n-1)/(n-p)
	CovCR2     = "CR2"     // residuals of a cluster times (I - H)^-1/2 first
)

// maxCondition is where ordinary least squares in double precision has about
// four digits left; designs beyond it are refused.
const maxCondition = 1e12

// LeastSquares fits y on the columns of x by Householder QR. Columns are scaled
// to unit length first, so that units do not decide what counts as singular.
// Missing values are not allowed. R: lm.fit(x, y)
func LeastSquares(y []float64, x [][]float64) (*Linear, error) {
	n, p := len(y), len(x)
	if n <= p {
		return nil, fmt.Errorf("%w: %d observations for %d coefficients", ErrSingular, n, p)
	}
	design := mat.NewDense(n, p, nil)
	scale := make([]float64, p)
	for j, col := range x {
		for _, v := range col {
			scale[j] = math.Hypot(scale[j], v)
		}
		if scale[j] == 0 {
			return nil, fmt.Errorf("%w: a column is all zero", ErrSingular)
		}
		for i, v := range col {
			design.Set(i, j, v/scale[j])
		}
	}
	var qr mat.QR
	qr.Factorize(design)
	l := &Linear{DF: float64(n - p), Condition: qr.Cond(), x: mat.NewDense(n, p, nil)}
	if !(l.Condition < maxCondition) {
		return nil, fmt.Errorf("%w: condition number %.2g", ErrSingular, l.Condition)
	}
	var b mat.VecDense
	if err := qr.SolveVecTo(&b, false, mat.NewVecDense(n, append([]float64(nil), y...))); err != nil {
		return nil, fmt.Errorf("%w: condition number %.2g", ErrSingular, l.Condition)
	}
	l.residuals(y, design, &b)
	l.refine(&qr, design, &b)
	l.residuals(y, design, &b)
	l.finish(&qr, design, scale, &b)
	return l, nil
}

func (l *Linear) residuals(y []float64, design *mat.Dense, b *mat.VecDense) {
	n, p := design.Dims()
	l.resid = make([]float64, n)
	for i := range n {
		s := y[i]
		for j := range p {
			s -= float64(design.At(i, j) * b.AtVec(j))
		}
		l.resid[i] = s
	}
}

// refine adds the least-squares fit of the residuals: one step wins back digits
// lost to rounding.
func (l *Linear) refine(qr *mat.QR, design *mat.Dense, b *mat.VecDense) {
	n, p := design.Dims()
	var d mat.VecDense
	if err := qr.SolveVecTo(&d, false, mat.NewVecDense(n, append([]float64(nil), l.resid...))); err != nil {
		return
	}
	for j := range p {
		b.SetVec(j, b.AtVec(j)+d.AtVec(j))
	}
}

func (l *Linear) finish(qr *mat.QR, design *mat.Dense, scale []float64, b *mat.VecDense) {
	n, p := design.Dims()
	var r mat.Dense
	qr.RTo(&r)
	upper := mat.NewTriDense(p, mat.Upper, nil)
	for i := range p {
		for j := i; j < p; j++ {
			upper.SetTri(i, j, r.At(i, j))
		}
	}
	var rinv mat.TriDense
	_ = rinv.InverseTri(upper) // the condition was checked
	l.xtxInv = mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			s := 0.0
			for k := j; k < p; k++ {
				s += float64(rinv.At(i, k) * rinv.At(j, k))
			}
			l.xtxInv.SetSym(i, j, s/scale[i]/scale[j])
		}
	}
	rss := 0.0
	for _, e := range l.resid {
		rss += float64(e * e)
	}
	l.Sigma2 = rss / l.DF
	l.Coef = make([]float64, p)
	for j := range p {
		l.Coef[j] = b.AtVec(j) / scale[j]
	}
	l.hat = make([]float64, n)
	for i := range n {
		for j := range p {
			l.x.Set(i, j, design.At(i, j)*scale[j])
		}
	}
	for i := range n {
		row := l.x.RowView(i)
		l.hat[i] = mat.Inner(row, l.xtxInv, row)
	}
}

// Covariance returns the covariance of the coefficients of the named kind.
// Clusters, one number a row, are used by "cluster" alone. The degrees of
// freedom that go with it are n-p, or clusters - 1.
//
// R: vcov(fit), sandwich::vcovHC(fit, type), sandwich::vcovCL(fit, cluster,
// type = "HC1"), clubSandwich::vcovCR(fit, cluster, type = "CR2")
func (l *Linear) Covariance(kind string, clusters []int) (*mat.SymDense, float64, error) {
	n, p := l.x.Dims()
	if kind == CovModel {
		c := mat.NewSymDense(p, nil)
		c.ScaleSym(l.Sigma2, l.xtxInv)
		return c, l.DF, nil
	}
	df := l.DF
	meat := mat.NewSymDense(p, nil)
	switch kind {
	case CovHC0, CovHC1, CovHC2, CovHC3:
		for i := range n {
			w := l.resid[i] * l.resid[i]
			switch kind {
			case CovHC1:
				w *= float64(n) / l.DF
			case CovHC2:
				w /= 1 - l.hat[i]
			case CovHC3:
				w /= (1 - l.hat[i]) * (1 - l.hat[i])
			}
			if math.IsInf(w, 0) || math.IsNaN(w) {
				return nil, 0, fmt.Errorf("%w: one row alone decides a coefficient, so %s is not defined; use HC1", ErrSingular, kind)
			}
			meat.SymRankOne(meat, w, l.x.RowView(i))
		}
	case CovCR0, CovCluster, CovCR2:
		groups := byCluster(clusters)
		g := float64(len(groups))
		if g < 2 {
			return nil, 0, fmt.Errorf("%w: cluster errors need at least two clusters", ErrSingular)
		}
		factor := 1.0
		if kind == CovCluster {
			factor = g / (g - 1) * float64(n-1) / l.DF
		}
		for _, rows := range groups {
			e := mat.NewVecDense(len(rows), nil)
			for k, i := range rows {
				e.SetVec(k, l.resid[i])
			}
			x := l.rows(rows)
			if kind == CovCR2 {
				l.adjust(x, e)
			}
			var score mat.VecDense
			score.MulVec(x.T(), e)
			meat.SymRankOne(meat, factor, &score)
		}
		df = g - 1
	default:
		return nil, 0, fmt.Errorf("no covariance called %q", kind)
	}
	var half, full mat.Dense
	half.Mul(l.xtxInv, meat)
	full.Mul(&half, l.xtxInv)
	out := mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			out.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	return out, df, nil
}

// byCluster returns the rows of each cluster, in the order they first occur.
func byCluster(clusters []int) [][]int {
	at := map[int]int{}
	var out [][]int
	for i, c := range clusters {
		k, ok := at[c]
		if !ok {
			k = len(out)
			at[c] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], i)
	}
	return out
}

func (l *Linear) rows(rows []int) *mat.Dense {
	_, p := l.x.Dims()
	x := mat.NewDense(len(rows), p, nil)
	for k, i := range rows {
		x.SetRow(k, l.x.RawRowView(i))
	}
	return x
}

// adjust multiplies values of a cluster by (I - H)^-1/2, H = x (X'X)⁻¹ x'. By the
// eigenvectors of L'x'xL, p × p, with (X'X)⁻¹ = LL', so that large clusters cost no
// more than their rows. Directions that the cluster alone decides are left at 0,
// as a generalised inverse has them.
func (l *Linear) adjust(x *mat.Dense, e *mat.VecDense) {
	var chol mat.Cholesky
	if !chol.Factorize(l.xtxInv) {
		return
	}
	var root mat.TriDense
	chol.LTo(&root)
	var b mat.Dense
	b.Mul(x, &root)
	var bb mat.SymDense
	bb.SymOuterK(1, b.T())
	var eig mat.EigenSym
	if !eig.Factorize(&bb, true) {
		return
	}
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	var u, w mat.VecDense
	u.MulVec(b.T(), e)
	w.MulVec(vectors.T(), &u)
	for k, h := range eig.Values(nil) {
		switch {
		case h < 1e-13:
			w.SetVec(k, w.AtVec(k)/2) // the limit of (1/√(1-h) - 1)/h
		case h > 1-1e-9:
			w.SetVec(k, -w.AtVec(k)/h)
		default:
			w.SetVec(k, w.AtVec(k)*(1/math.Sqrt(1-h)-1)/h)
		}
	}
	var back, add mat.VecDense
	back.MulVec(&vectors, &w)
	add.MulVec(&b, &back)
	e.AddVec(e, &add)
}

// ClusterDF returns the degrees of freedom of a contrast c'b with CR2 errors by
// Bell and McCaffrey's approximation of Satterthwaite's kind, under independent
// errors of equal variance.
//
// R: clubSandwich::coef_test(fit, vcov = "CR2", test = "Satterthwaite").
// Pustejovsky and Tipton 2018, 10.1080/07350015.2016.1247004.
func (l *Linear) ClusterDF(c []float64, clusters []int) float64 {
	var mc mat.VecDense
	mc.MulVec(l.xtxInv, mat.NewVecDense(len(c), c))
	groups := byCluster(clusters)
	own := make([]float64, len(groups))
	u := make([]*mat.VecDense, len(groups)) // x'w of each cluster
	for g, rows := range groups {
		x := l.rows(rows)
		var w mat.VecDense
		w.MulVec(x, &mc)
		l.adjust(x, &w)
		own[g] = mat.Dot(&w, &w)
		u[g] = mat.NewVecDense(len(c), nil)
		u[g].MulVec(x.T(), &w)
	}
	trace, square := 0.0, 0.0
	for g := range groups {
		var mu mat.VecDense
		mu.MulVec(l.xtxInv, u[g])
		for h := range groups {
			p := -mat.Dot(&mu, u[h])
			if g == h {
				p += own[g]
				trace += p
			}
			square += float64(p * p)
		}
	}
	return trace * trace / square
}

// BreuschPagan returns Koenker's studentised test of equal variances, n R² of the
// squared residuals on the columns of the model, its degrees of freedom and its p
// value; NaN where the model fits without error or the squares do not vary. The
// first column must be the intercept.
//
// R: lmtest::bptest(fit). Koenker 1981, 10.1016/0304-4076(81)90062-2.
func (l *Linear) BreuschPagan() (statistic, df, p float64) {
	n, k := l.x.Dims()
	squares, columns := make([]float64, n), make([][]float64, k)
	for i, e := range l.resid {
		squares[i] = e * e / l.Sigma2
	}
	for j := range columns {
		columns[j] = mat.Col(nil, j, l.x)
	}
	df = float64(k - 1)
	total := Describe(squares)
	aux, err := LeastSquares(squares, columns)
	if err != nil || !(total.SD > 0) || df < 1 {
		return math.NaN(), df, math.NaN()
	}
	statistic = float64(n) * math.Max(0, 1-aux.Sigma2*aux.DF/(total.SD*total.SD*float64(n-1)))
	return statistic, df, distuv.ChiSquared{K: df}.Survival(statistic)
}

// Contrast returns c'b and its variance c'Vc.
func (l *Linear) Contrast(c []float64, v *mat.SymDense) (value, variance float64) {
	for j, w := range c {
		value += float64(w * l.Coef[j])
	}
	cv := mat.NewVecDense(len(c), c)
	return value, mat.Inner(cv, v, cv)
}

// Covary returns the covariance a'Vb of two contrasts.
func (l *Linear) Covary(a, b []float64, v *mat.SymDense) float64 {
	return mat.Inner(mat.NewVecDense(len(a), a), v, mat.NewVecDense(len(b), b))
}

// Influence returns what each row adds to the contrast c'b, to first order:
// c'(X'X)⁻¹ xᵢ eᵢ. The sum of its squares is the HC0 variance.
func (l *Linear) Influence(c []float64) []float64 {
	n, _ := l.x.Dims()
	var v mat.VecDense
	v.MulVec(l.xtxInv, mat.NewVecDense(len(c), c))
	out := make([]float64, n)
	for i := range n {
		out[i] = mat.Dot(l.x.RowView(i), &v) * l.resid[i]
	}
	return out
}
