package compare

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"
)

// Errors of MatchMoments.
var (
	ErrHull = errors.New("no weights of our patients meet the published aggregates")
)

// HullError says which aggregates no weights of the patients can meet.
type HullError struct {
	Patients int
	Unmet    []Unmet
	Edge     bool // they lie on the edge of what the patients span, and were not met to the tolerance
}

// Unmet is an aggregate that is out of reach: alone, or together with the others.
type Unmet struct {
	Column  int     // of the columns given
	Nearest float64 // value of the column's weighted mean that comes nearest to 0
	Alone   bool
}

func (e *HullError) Error() string {
	var parts []string
	for _, u := range e.Unmet {
		parts = append(parts, fmt.Sprintf("column %d", u.Column))
	}
	return fmt.Sprintf("%v: %s", ErrHull, strings.Join(parts, ", "))
}

func (e *HullError) Unwrap() error { return ErrHull }

// MomentWeights are weights under which the mean of every column is 0.
type MomentWeights struct {
	Alpha []float64 // of each column; 0 of one that repeats others or that holds by itself
	W     []float64 // exp(α'z), not scaled; 0 of patients that no weights with these means can have
	// Gradient is the largest weighted mean left of a column, in its root mean square.
	Gradient   float64
	Steps      int
	Impossible int // patients whose weight is 0
	used       []int
	scale      []float64
}

// ESS is the effective sample size (Σw)²/Σw².
func (m MomentWeights) ESS() float64 { return effectiveSize(m.W) }

func effectiveSize(w []float64) float64 {
	sum, square := 0.0, 0.0
	for _, v := range w {
		sum += v
		square += v * v
	}
	return sum * sum / square
}

// The rules of MatchMoments: how near 0 a mean must come and a value counts as 0, in
// root mean squares of the column; and how long it tries.
const (
	momentTolerance = 1e-10
	zeroTolerance   = 1e-12
	hullTolerance   = 1e-9
	momentSteps     = 200
)

// MatchMoments returns the weights of least information, w = exp(α'z), under which
// every column of z (covariates less the aggregates they must have) has mean 0. α is
// where the convex function log Σ c exp(α'z) is smallest; Newton's method with a line
// search finds it to 1e-10 of a column's root mean square. Counts c say how often a row
// stands for a patient; nil is once.
//
// A column whose 0 is the smallest or the largest value of any patient (a share of 0 or
// 1) leaves weights to the patients at 0 alone. A column that is a sum of others is not
// needed. Where 0 is outside of the convex hull of the rows the error is a *HullError.
//
// Signorovitch et al. 2010, 10.2165/11538370-000000000-00000.
func MatchMoments(z [][]float64, counts []float64) (MomentWeights, error) {
	n := 0
	if len(z) > 0 {
		n = len(z[0])
	}
	m := MomentWeights{Alpha: make([]float64, len(z)), W: make([]float64, n)}
	rows := rowsWith(n, counts)
	m.rescale(z, rows)
	rows, columns, err := m.possible(z, rows)
	if err != nil {
		return m, err
	}
	m.Impossible = countRows(n, counts) - len(rows)
	cells := m.cells(z, rows, columns)
	if left, at := nearestInHull(cells, len(rows), len(columns)); left > hullTolerance {
		e := &HullError{Patients: len(rows)}
		for k, j := range columns {
			if math.Abs(at[k]) > hullTolerance {
				e.Unmet = append(e.Unmet, Unmet{Column: j, Nearest: at[k] * m.scale[j]})
			}
		}
		return m, e
	}
	m.used = independentColumns(cells, len(rows), columns)
	return m, m.climb(z, rows, counts, columns)
}

func rowsWith(n int, counts []float64) (rows []int) {
	for i := range n {
		if counts == nil || counts[i] > 0 {
			rows = append(rows, i)
		}
	}
	return rows
}

func countRows(n int, counts []float64) int { return len(rowsWith(n, counts)) }

// rescale finds the root mean square of each column.
func (m *MomentWeights) rescale(z [][]float64, rows []int) {
	m.scale = make([]float64, len(z))
	for j, col := range z {
		most := 0.0
		for _, i := range rows {
			most = math.Max(most, math.Abs(col[i]))
		}
		if m.scale[j] = most; most == 0 {
			m.scale[j] = 1
			continue
		}
		s := 0.0
		for _, i := range rows {
			s += col[i] / most * (col[i] / most)
		}
		m.scale[j] = most * math.Sqrt(s/float64(len(rows)))
	}
}

// possible leaves out the patients that can have no weight, and the columns that hold
// of all who are left.
func (m *MomentWeights) possible(z [][]float64, rows []int) (left, columns []int, err error) {
	done := make([]bool, len(z))
	for again := true; again; {
		again = false
		for j, col := range z {
			if done[j] {
				continue
			}
			low, high := math.Inf(1), math.Inf(-1)
			for _, i := range rows {
				low, high = math.Min(low, col[i]), math.Max(high, col[i])
			}
			tol := zeroTolerance * m.scale[j]
			switch {
			case low > tol || high < -tol: // no patient at all, too
				nearest := low
				if high < -tol {
					nearest = high
				}
				return nil, nil, &HullError{Patients: len(rows), Unmet: m.alone(z, rows, j, nearest)}
			case low >= -tol || high <= tol:
				var kept []int
				for _, i := range rows {
					if math.Abs(col[i]) <= tol {
						kept = append(kept, i)
					}
				}
				again = again || len(kept) < len(rows)
				rows, done[j] = kept, true
			}
		}
	}
	for j := range z {
		if !done[j] {
			columns = append(columns, j)
		}
	}
	return rows, columns, nil
}

// alone lists every column that no weights can meet by itself, from column j on.
func (m *MomentWeights) alone(z [][]float64, rows []int, j int, nearest float64) []Unmet {
	out := []Unmet{{Column: j, Nearest: nearest, Alone: true}}
	for k := j + 1; k < len(z); k++ {
		low, high := math.Inf(1), math.Inf(-1)
		for _, i := range rows {
			low, high = math.Min(low, z[k][i]), math.Max(high, z[k][i])
		}
		switch tol := zeroTolerance * m.scale[k]; {
		case low > tol:
			out = append(out, Unmet{k, low, true})
		case high < -tol:
			out = append(out, Unmet{k, high, true})
		}
	}
	return out
}

// cells are the scaled columns by row.
func (m *MomentWeights) cells(z [][]float64, rows, columns []int) []float64 {
	out := make([]float64, len(rows)*len(columns))
	for k, j := range columns {
		for r, i := range rows {
			out[r*len(columns)+k] = z[j][i] / m.scale[j]
		}
	}
	return out
}

// independentColumns returns the places of columns that are neither constant nor sums
// of those before them, by orthogonal parts.
func independentColumns(cells []float64, n int, columns []int) (used []int) {
	p := len(columns)
	mean := make([]float64, p)
	for i, v := range cells {
		mean[i%p] += v / float64(n)
	}
	basis := [][]float64{}
	for k := range p {
		v := make([]float64, n)
		before := 0.0
		for i := range v {
			v[i] = cells[i*p+k] - mean[k]
			before += cells[i*p+k] * cells[i*p+k]
		}
		for range 2 { // twice is enough
			for _, b := range basis {
				dot := 0.0
				for i := range v {
					dot += v[i] * b[i]
				}
				for i := range v {
					v[i] -= dot * b[i]
				}
			}
		}
		left := 0.0
		for _, x := range v {
			left += x * x
		}
		if !(left > 1e-20*before) || !(before > 0) {
			continue
		}
		for i := range v {
			v[i] /= math.Sqrt(left)
		}
		basis, used = append(basis, v), append(used, k)
	}
	return used
}

// climb finds α by Newton's method and writes the weights.
func (m *MomentWeights) climb(z [][]float64, rows []int, counts []float64, columns []int) error {
	var js []int
	for _, k := range m.used {
		js = append(js, columns[k])
	}
	m.used = js
	p := len(js)
	cells, c := m.cells(z, rows, js), make([]float64, len(rows))
	for r, i := range rows {
		if c[r] = 1; counts != nil {
			c[r] = counts[i]
		}
	}
	d := tiltedSums{cells: cells, c: c, p: p, w: make([]float64, len(rows))}
	b := make([]float64, p)
	value := d.at(b)
	for ; m.Steps < momentSteps; m.Steps++ {
		if m.Gradient = largestOf(d.mean); m.Gradient < momentTolerance*1e-3 {
			break
		}
		var chol mat.Cholesky
		step := mat.NewVecDense(p, nil)
		if !chol.Factorize(d.covariance()) {
			break
		}
		if err := chol.SolveVecTo(step, mat.NewVecDense(p, d.mean)); err != nil && m.Gradient < momentTolerance {
			break // rounding alone is left
		}
		next, slope := make([]float64, p), 0.0
		for k := range p {
			slope += step.AtVec(k) * d.mean[k]
		}
		before := largestOf(d.mean)
		for h := 1.0; ; h /= 2 {
			for k := range p {
				next[k] = b[k] - h*step.AtVec(k)
			}
			v := d.at(next)
			if v <= value-1e-4*h*slope || h < 1e-8 || largestOf(d.mean) < 0.5*before && v <= value+1e-14*math.Abs(value) {
				value = v
				break
			}
		}
		small := largestOf(d.mean) >= before && before < momentTolerance
		b = next
		if small {
			m.Steps++
			break
		}
	}
	m.Gradient = largestOf(d.mean)
	for k, j := range js {
		m.Alpha[j] = b[k] / m.scale[j]
	}
	if !(m.Gradient < momentTolerance) {
		return &HullError{Patients: len(rows), Edge: true}
	}
	for r, i := range rows {
		eta := 0.0
		for k := range p {
			eta += b[k] * cells[r*p+k]
		}
		m.W[i] = math.Exp(eta)
	}
	return nil
}

func largestOf(x []float64) float64 {
	most := 0.0
	for _, v := range x {
		most = math.Max(most, math.Abs(v))
	}
	return most
}

// tiltedSums are log Σ c exp(b'z) with its first derivative, the weighted mean of z.
type tiltedSums struct {
	cells, c []float64
	p        int
	w        []float64 // c exp(b'z) / Σ
	mean     []float64
}

func (d *tiltedSums) at(b []float64) (value float64) {
	most := math.Inf(-1)
	for i := range d.w {
		eta := 0.0
		for k, v := range d.cells[i*d.p : i*d.p+d.p] {
			eta += b[k] * v
		}
		d.w[i] = eta
		most = math.Max(most, eta)
	}
	sum := 0.0
	for i, eta := range d.w {
		d.w[i] = d.c[i] * math.Exp(eta-most)
		sum += d.w[i]
	}
	d.mean = make([]float64, d.p)
	for i := range d.w {
		d.w[i] /= sum
		for k, v := range d.cells[i*d.p : i*d.p+d.p] {
			d.mean[k] += d.w[i] * v
		}
	}
	return most + math.Log(sum)
}

// covariance is the second derivative.
func (d *tiltedSums) covariance() *mat.SymDense {
	p := d.p
	h := make([]float64, p*p)
	for i, w := range d.w {
		z := d.cells[i*p : i*p+p]
		for k := range p {
			v := w * (z[k] - d.mean[k])
			for l := k; l < p; l++ {
				h[k*p+l] += v * (z[l] - d.mean[l])
			}
		}
	}
	out := mat.NewSymDense(p, nil)
	for k := range p {
		for l := k; l < p; l++ {
			out.SetSym(k, l, h[k*p+l])
		}
	}
	return out
}

// nearestInHull returns the smallest sum of absolute values that a mean of the rows
// (n of p cells, with weights of at least 0 that sum to 1) can have, and the mean that
// has it: 0 where the origin is in their convex hull. It is the linear program
//
//	min Σ(s⁺ + s⁻)  subject to  Σ w z + s⁺ - s⁻ = 0,  Σ w = 1,  all ≥ 0
//
// by the revised simplex method from the first row; Bland's rule where it stalls.
func nearestInHull(cells []float64, n, p int) (left float64, mean []float64) {
	if n == 0 || p == 0 {
		return 0, make([]float64, p)
	}
	l := newHullProgram(cells, n, p)
	for step := 0; step < 50*(n+p)+1000 && l.pivot(step > 20*(p+5)*10); step++ {
		if l.objective() < hullTolerance/10 {
			break
		}
	}
	mean = make([]float64, p)
	for r, v := range l.basis {
		switch {
		case v >= n+p:
			mean[v-n-p] = l.x[r] // s⁻ is what the mean has above 0
		case v >= n:
			mean[v-n] = -l.x[r]
		}
	}
	return l.objective(), mean
}

// hullProgram is the state of the simplex method: variables 0 to n-1 are weights, then
// p of s⁺, then p of s⁻.
type hullProgram struct {
	cells   []float64
	n, p    int
	basis   []int
	x       []float64   // of the basis
	inverse [][]float64 // of the basis
}

func newHullProgram(cells []float64, n, p int) *hullProgram {
	l := &hullProgram{cells: cells, n: n, p: p, basis: make([]int, p+1), x: make([]float64, p+1), inverse: make([][]float64, p+1)}
	// The first row has all the weight, and s makes up for what it leaves.
	for k := range p {
		sign := 1.0 // of s in its equation
		l.basis[k] = n + k
		if cells[k] > 0 {
			sign, l.basis[k] = -1, n+p+k
		}
		l.inverse[k] = make([]float64, p+1)
		l.inverse[k][k], l.inverse[k][p] = sign, -sign*cells[k]
		l.x[k] = math.Abs(cells[k])
	}
	l.inverse[p] = make([]float64, p+1)
	l.inverse[p][p], l.x[p] = 1, 1
	return l
}

func (l *hullProgram) objective() (sum float64) {
	for r, v := range l.basis {
		if v >= l.n {
			sum += l.x[r]
		}
	}
	return sum
}

// column returns the coefficients of a variable.
func (l *hullProgram) column(v int) []float64 {
	out := make([]float64, l.p+1)
	switch {
	case v < l.n:
		copy(out, l.cells[v*l.p:v*l.p+l.p])
		out[l.p] = 1
	case v < l.n+l.p:
		out[v-l.n] = 1
	default:
		out[v-l.n-l.p] = -1
	}
	return out
}

// pivot brings the best variable into the basis, by Bland's rule the first that is any
// good; it reports whether there was one.
func (l *hullProgram) pivot(bland bool) bool {
	price := make([]float64, l.p+1)
	for r, v := range l.basis {
		if v >= l.n {
			for k, x := range l.inverse[r] {
				price[k] += x
			}
		}
	}
	enter, best := -1, -1e-11
	offer := func(v int, reduced float64) {
		if reduced < best && (!bland || enter < 0) {
			enter, best = v, reduced
		}
	}
	for i := range l.n {
		sum := price[l.p]
		for k, z := range l.cells[i*l.p : i*l.p+l.p] {
			sum += price[k] * z
		}
		offer(i, -sum)
	}
	for k := range l.p {
		offer(l.n+k, 1-price[k])
		offer(l.n+l.p+k, 1+price[k])
	}
	return enter >= 0 && l.exchange(enter)
}

func (l *hullProgram) exchange(enter int) bool {
	col := l.column(enter)
	d := make([]float64, l.p+1)
	for r, row := range l.inverse {
		for k, x := range row {
			d[r] += x * col[k]
		}
	}
	leave, ratio := -1, math.Inf(1)
	for r, v := range d {
		if v <= 1e-11 {
			continue
		}
		if t := math.Max(0, l.x[r]) / v; t < ratio || t == ratio && l.basis[r] < l.basis[leave] {
			leave, ratio = r, t
		}
	}
	if leave < 0 {
		return false
	}
	for r := range l.x {
		if r != leave {
			l.x[r] -= ratio * d[r]
		}
	}
	l.x[leave], l.basis[leave] = ratio, enter
	by := d[leave]
	for k := range l.inverse[leave] {
		l.inverse[leave][k] /= by
	}
	for r := range l.inverse {
		if r == leave || d[r] == 0 {
			continue
		}
		for k := range l.inverse[r] {
			l.inverse[r][k] -= d[r] * l.inverse[leave][k]
		}
	}
	return true
}
