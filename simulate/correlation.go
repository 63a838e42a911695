package simulate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"recoup/simulate/stream"
)

// Correlation says which parameters hang together: the correlation matrix of
// their normal scores (Gaussian copula). For parameters that are normal it is
// their correlation, for lognormal ones that of their logarithms.
type Correlation struct {
	Names  []string
	Matrix [][]float64
}

// NotPositiveDefinite is a correlation matrix that no variables can have.
type NotPositiveDefinite struct {
	Names      []string
	Eigenvalue float64 // the smallest
	// Nearest is the correlation matrix closest to it (least sum of squared
	// differences) with eigenvalues of at least 10⁻⁶.
	Nearest [][]float64
	Change  float64 // largest difference of an entry
}

func (e *NotPositiveDefinite) Error() string {
	return fmt.Sprintf("the correlations of %s cannot hold together: their matrix has an eigenvalue of %.3g, and all must be over 0; the nearest matrix that can (named \"nearest\") differs by at most %.3g in an entry: %s",
		strings.Join(e.Names, ", "), e.Eigenvalue, e.Change, matrixText(e.Nearest))
}

func matrixText(m [][]float64) string {
	rows := make([]string, len(m))
	for i, row := range m {
		cells := make([]string, len(row))
		for j, x := range row {
			cells[j] = fmt.Sprintf("%.4g", x)
		}
		rows[i] = "[" + strings.Join(cells, ", ") + "]"
	}
	return "[" + strings.Join(rows, ", ") + "]"
}

// leastEigenvalue is the smallest that still counts as positive.
const leastEigenvalue = 1e-10

// NewCorrelation checks a correlation matrix. The error is *NotPositiveDefinite,
// with the nearest matrix, where it is one no variables can have.
func NewCorrelation(names []string, matrix [][]float64) (Correlation, error) {
	c := Correlation{names, matrix}
	if err := c.shape(); err != nil {
		return Correlation{}, err
	}
	for i, row := range matrix {
		if row[i] != 1 {
			return Correlation{}, fmt.Errorf("the correlation of %s with itself is given as %g: expected 1 (a covariance matrix is for CorrelationFromCovariance)", names[i], row[i])
		}
	}
	least := leastOf(matrix)
	if least >= leastEigenvalue {
		return c, nil
	}
	e := &NotPositiveDefinite{Names: names, Eigenvalue: least, Nearest: Nearest(matrix)}
	for i, row := range matrix {
		for j, x := range row {
			e.Change = math.Max(e.Change, math.Abs(x-e.Nearest[i][j]))
		}
	}
	return Correlation{}, e
}

// CorrelationFromCovariance divides a covariance matrix by the standard
// deviations and checks it: r[i][j] = c[i][j] / √(c[i][i]·c[j][j]).
func CorrelationFromCovariance(names []string, covariance [][]float64) (Correlation, error) {
	if err := (Correlation{names, covariance}).shape(); err != nil {
		return Correlation{}, err
	}
	m := make([][]float64, len(covariance))
	for i, row := range covariance {
		if !(row[i] > 0) {
			return Correlation{}, fmt.Errorf("the variance of %s is %g: expected it over 0", names[i], row[i])
		}
		m[i] = make([]float64, len(row))
		for j := range row {
			m[i][j] = row[j] / math.Sqrt(row[i]*covariance[j][j])
		}
		m[i][i] = 1
	}
	return NewCorrelation(names, m)
}

// shape wants a square symmetric matrix of finite numbers with a row a name.
func (c Correlation) shape() error {
	k := len(c.Names)
	if k < 2 || len(c.Matrix) != k {
		return fmt.Errorf("a correlation of %d names has %d rows: expected at least two names and a row of each", k, len(c.Matrix))
	}
	for i, row := range c.Matrix {
		if slices.Index(c.Names, c.Names[i]) != i {
			return fmt.Errorf("%s stands more than once in a correlation", c.Names[i])
		}
		if len(row) != k {
			return fmt.Errorf("the row of %s has %d numbers: expected %d", c.Names[i], len(row), k)
		}
		for j, x := range row {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("the entry of %s and %s is not a finite number", c.Names[i], c.Names[j])
			}
			if j < i && math.Abs(x-c.Matrix[j][i]) > 1e-12*math.Max(math.Abs(x), 1) {
				return fmt.Errorf("the entry of %s and %s is %g one way and %g the other: expected a symmetric matrix", c.Names[i], c.Names[j], x, c.Matrix[j][i])
			}
		}
	}
	return nil
}

func symmetric(m [][]float64) *mat.SymDense {
	s := mat.NewSymDense(len(m), nil)
	for i, row := range m {
		for j := i; j < len(row); j++ {
			s.SetSym(i, j, (row[j]+m[j][i])/2)
		}
	}
	return s
}

func leastOf(m [][]float64) float64 {
	var e mat.EigenSym
	if !e.Factorize(symmetric(m), false) {
		return math.NaN()
	}
	return slices.Min(e.Values(nil))
}

// Nearest returns the correlation matrix nearest to a symmetric matrix in the
// Frobenius norm, with eigenvalues of at least 10⁻⁶, by alternating projections
// with Dykstra's correction. R: Matrix::nearPD(corr = TRUE), which stops at
// eigenvalues relative to the largest.
//
// Reference: Higham 2002, doi:10.1093/imanum/22.3.329.
func Nearest(m [][]float64) [][]float64 {
	const floor = 1e-6
	k := len(m)
	y, correction := symmetric(m), mat.NewSymDense(k, nil)
	var x mat.SymDense
	for range 1000 {
		r := minus(y, correction)
		x = project(r, floor)
		correction = minus(&x, r)
		change := 0.0
		for i := range k {
			for j := i; j < k; j++ {
				v := x.At(i, j)
				if i == j {
					v = 1
				}
				change = math.Max(change, math.Abs(v-y.At(i, j)))
				y.SetSym(i, j, v)
			}
		}
		if change < 1e-12 {
			break
		}
	}
	// The diagonal is 1 and the floor nearly held: hold it by drawing towards the
	// identity as far as it takes.
	out := rows(y)
	if least := leastOf(out); least < floor {
		w := (floor - least) / (1 - least)
		for i := range out {
			for j := range out {
				if i != j {
					out[i][j] *= 1 - w
				}
			}
		}
	}
	return out
}

func minus(a, b *mat.SymDense) *mat.SymDense {
	var out mat.SymDense
	out.ScaleSym(-1, b)
	out.AddSym(a, &out)
	return &out
}

func rows(s *mat.SymDense) [][]float64 {
	out := make([][]float64, s.SymmetricDim())
	for i := range out {
		out[i] = make([]float64, len(out))
		for j := range out {
			out[i][j] = s.At(i, j)
		}
	}
	return out
}

// project raises the eigenvalues of a matrix to a floor.
func project(m *mat.SymDense, floor float64) (out mat.SymDense) {
	var e mat.EigenSym
	if !e.Factorize(m, true) {
		return *m
	}
	k := m.SymmetricDim()
	var v mat.Dense
	e.VectorsTo(&v)
	out = *mat.NewSymDense(k, nil)
	for c, value := range e.Values(nil) {
		out.SymRankOne(&out, math.Max(value, floor), v.ColView(c))
	}
	return out
}

// copula makes uniform numbers dependent.
type copula struct {
	columns []int       // which numbers, in the order of factor
	factor  [][]float64 // lower Cholesky factor
	z       []float64
}

// newCopula puts the correlations together; blocks are independent of each other.
func newCopula(names []string, correlations []Correlation) (*copula, error) {
	c := &copula{}
	for _, x := range correlations {
		if _, err := NewCorrelation(x.Names, x.Matrix); err != nil {
			return nil, err
		}
		first := len(c.columns)
		for _, name := range x.Names {
			i := slices.Index(names, name)
			switch {
			case i < 0:
				return nil, fmt.Errorf("the correlations name %s, which is not a parameter", name)
			case slices.Contains(c.columns, i):
				return nil, fmt.Errorf("%s stands in two correlation matrices; put all it hangs together with into one", name)
			}
			c.columns = append(c.columns, i)
		}
		var chol mat.Cholesky
		if !chol.Factorize(symmetric(x.Matrix)) {
			return nil, errors.New("a correlation matrix has no Cholesky factor")
		}
		var l mat.TriDense
		chol.LTo(&l)
		for i := range x.Names {
			row := make([]float64, first+i+1)
			for j := range i + 1 {
				row[first+j] = l.At(i, j)
			}
			c.factor = append(c.factor, row)
		}
	}
	if len(c.columns) == 0 {
		return nil, nil
	}
	c.z = make([]float64, len(c.columns))
	return c, nil
}

// apply makes the numbers of one draw dependent.
func (c *copula) apply(u []float64) {
	if c == nil {
		return
	}
	for i, p := range c.columns {
		c.z[i] = stream.Quantile(u[p])
	}
	for i, p := range c.columns {
		x := 0.0
		for j, l := range c.factor[i] {
			x += float64(l * c.z[j])
		}
		u[p] = normalCDF(x)
	}
}

// normalCDF is the standard normal distribution function, kept inside (0, 1).
func normalCDF(x float64) float64 {
	return math.Min(math.Max(math.Erfc(-x/math.Sqrt2)/2, 0x1p-60), 1-0x1p-53)
}
