package economics

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// How large a Gaussian process is: draws that its lengths are learned from, and centres
// that it is made of. A draw beyond these costs a row of the regression alone.
const (
	learned = 240
	centres = 160
)

// process is the design and penalty of a Gaussian process over several parameters: a
// plane, and one squared-exponential bump for each centre, with a length for each
// parameter. The lengths are those of highest marginal likelihood of some of the draws,
// all outcomes together; the centres lie far apart by these lengths.
//
//	k(x, x') = exp(-½ Σ (xⱼ - x'ⱼ)²/ℓⱼ²)
//
// References: Strong, Oakley and Brennan 2014, 10.1177/0272989X13505910 (Gaussian process
// regression for partial perfect information); Quiñonero-Candela and Rasmussen 2005,
// Journal of Machine Learning Research 6, 1939-1959 (subset of regressors).
func process(x [][]float64, outcomes [][]float64) (*mat.Dense, *mat.SymDense, error) {
	z := standardised(x)
	lengths := learn(z, outcomes)
	for j, l := range lengths {
		for i := range z {
			z[i][j] /= l
		}
	}
	at := apart(z, min(centres, len(z)/3))
	between := mat.NewSymDense(len(at), nil)
	for a, i := range at {
		for b, j := range at[:a+1] {
			between.SetSym(a, b, bump(z[i], z[j]))
		}
	}
	half, err := root(between)
	if err != nil {
		return nil, nil, err
	}
	_, m := half.Dims()
	p := len(lengths) + 1
	design := mat.NewDense(len(z), p+m, nil)
	penalty := mat.NewSymDense(p+m, nil)
	for j := range m {
		penalty.SetSym(p+j, p+j, 1)
	}
	from := mat.NewDense(len(z), len(at), nil)
	for i, row := range z {
		design.Set(i, 0, 1)
		for j, v := range row {
			design.Set(i, j+1, v)
		}
		for c, centre := range at {
			from.Set(i, c, bump(row, z[centre]))
		}
	}
	design.Slice(0, len(z), p, p+m).(*mat.Dense).Mul(from, half)
	return design, penalty, nil
}

// root returns the directions of a covariance that are not nothing, each over the root of
// its variance, so that the penalty of the process is a sum of squares.
func root(k *mat.SymDense) (*mat.Dense, error) {
	var eigen mat.EigenSym
	if !eigen.Factorize(k, true) {
		return nil, errSingular
	}
	var v mat.Dense
	eigen.VectorsTo(&v)
	values := eigen.Values(nil) // rising
	n := len(values)
	first := 0
	for values[first] < 1e-8*values[n-1] {
		first++
	}
	out := mat.NewDense(n, n-first, nil)
	for j := first; j < n; j++ {
		for i := range n {
			out.Set(i, j-first, v.At(i, j)/math.Sqrt(values[j]))
		}
	}
	return out, nil
}

func bump(a, b []float64) float64 {
	s := 0.0
	for j, v := range a {
		s += (v - b[j]) * (v - b[j])
	}
	return math.Exp(-s / 2)
}

// standardised returns the parameters by draw, with mean 0 and variance 1.
func standardised(x [][]float64) [][]float64 {
	out := make([][]float64, len(x[0]))
	for i := range out {
		out[i] = make([]float64, len(x))
	}
	for j, values := range x {
		m, v := meanVariance(values)
		for i, u := range values {
			out[i][j] = (u - m) / math.Sqrt(v)
		}
	}
	return out
}

// learn returns the length of each parameter.
func learn(z [][]float64, outcomes [][]float64) []float64 {
	n := min(learned, len(z))
	p := len(z[0])
	rows := make([][]float64, n)
	plane := mat.NewDense(n, p+1, nil)
	for i := range rows {
		rows[i] = z[i*len(z)/n]
		plane.Set(i, 0, 1)
		for j, v := range rows[i] {
			plane.Set(i, j+1, v)
		}
	}
	var ys []*mat.VecDense // what the plane leaves, with variance 1
	var qr mat.QR
	qr.Factorize(plane)
	for _, o := range outcomes {
		y, beta, fit := mat.NewVecDense(n, nil), &mat.VecDense{}, &mat.VecDense{}
		for i := range n {
			y.SetVec(i, o[i*len(z)/n])
		}
		total := mat.Norm(y, 2)
		if qr.SolveVecTo(beta, false, y) != nil {
			continue
		}
		fit.MulVec(plane, beta)
		y.SubVec(y, fit)
		if size := mat.Norm(y, 2); size > 1e-9*total {
			y.ScaleVec(math.Sqrt(float64(n))/size, y)
			ys = append(ys, y)
		}
	}
	start := make([]float64, p+1) // logarithms of the lengths, and of the variance of noise over that of the process
	for j := range p {
		start[j] = 1
	}
	start[p] = -1
	if len(ys) > 0 {
		l := &likelihood{rows: rows, ys: ys}
		best, err := optimize.Minimize(optimize.Problem{Func: l.value, Grad: l.gradient}, start,
			&optimize.Settings{GradientThreshold: 1e-2, MajorIterations: 60}, &optimize.BFGS{})
		if best != nil && (err == nil || best.F < l.value(start)) {
			start = best.X
		}
	}
	out := make([]float64, p)
	for j := range out {
		out[j] = math.Exp(math.Min(4, math.Max(-2, start[j])))
	}
	return out
}

// likelihood is minus the log marginal likelihood of the outcomes, their variances at
// their best, with a normal prior on the logarithms of the lengths (mean 1, SD 1.5) that
// keeps those of parameters which do nothing from running off.
type likelihood struct {
	rows  [][]float64
	ys    []*mat.VecDense
	at    []float64
	f     float64
	slope []float64
}

func (l *likelihood) value(theta []float64) float64 {
	l.evaluate(theta)
	return l.f
}

func (l *likelihood) gradient(grad, theta []float64) {
	l.evaluate(theta)
	copy(grad, l.slope)
}

func (l *likelihood) evaluate(theta []float64) {
	if slices.Equal(theta, l.at) {
		return
	}
	n, p := len(l.rows), len(theta)-1
	l.at, l.slope = slices.Clone(theta), make([]float64, p+1)
	l.f = math.Inf(1)
	noise := math.Exp(theta[p])
	weight := make([]float64, p)
	for j := range weight {
		weight[j] = math.Exp(-2 * theta[j])
	}
	k := mat.NewSymDense(n, nil)
	for i, a := range l.rows {
		for m := range i {
			s := 0.0
			for j, v := range a {
				s += (v - l.rows[m][j]) * (v - l.rows[m][j]) * weight[j]
			}
			k.SetSym(i, m, math.Exp(-s/2))
		}
		k.SetSym(i, i, 1+noise)
	}
	var chol mat.Cholesky
	if !chol.Factorize(k) {
		return
	}
	var inverse mat.SymDense
	if chol.InverseTo(&inverse) != nil {
		return
	}
	count := float64(len(l.ys))
	l.f = count / 2 * chol.LogDet()
	// What a small change of k changes: ⟨change, pull⟩.
	pull := mat.NewSymDense(n, nil)
	pull.ScaleSym(count/2, &inverse)
	for _, y := range l.ys {
		var alpha mat.VecDense
		alpha.MulVec(&inverse, y)
		q := mat.Dot(y, &alpha)
		l.f += float64(n) / 2 * math.Log(q)
		pull.SymRankOne(pull, -float64(n)/(2*q), &alpha)
	}
	for i, a := range l.rows {
		for m := range i {
			w := 2 * pull.At(i, m) * k.At(i, m)
			for j, v := range a {
				l.slope[j] += w * (v - l.rows[m][j]) * (v - l.rows[m][j]) * weight[j]
			}
		}
		l.slope[p] += pull.At(i, i) * noise
	}
	for j, t := range theta {
		mean, sd := 1.0, 1.5
		if j == p {
			mean, sd = 0, 3
		}
		l.f += (t - mean) * (t - mean) / (2 * sd * sd)
		l.slope[j] += (t - mean) / (sd * sd)
	}
}

// apart returns m rows that lie far from each other: the first is that nearest to the
// mean, each next the one farthest from those before it.
func apart(z [][]float64, m int) []int {
	away := make([]float64, len(z))
	zero := make([]float64, len(z[0]))
	square := func(a, b []float64) float64 {
		s := 0.0
		for j, v := range a {
			s += (v - b[j]) * (v - b[j])
		}
		return s
	}
	first := 0
	for i, row := range z {
		away[i] = square(row, zero)
		if away[i] < away[first] {
			first = i
		}
	}
	out := []int{first}
	for i, row := range z {
		away[i] = square(row, z[first])
	}
	for len(out) < m {
		far := 0
		for i, d := range away {
			if d > away[far] {
				far = i
			}
		}
		if away[far] == 0 {
			break
		}
		out = append(out, far)
		for i, row := range z {
			away[i] = math.Min(away[i], square(row, z[far]))
		}
	}
	return out
}
