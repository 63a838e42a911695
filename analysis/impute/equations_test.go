package impute

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/mat"

	"recoup/simulate/stream"
)

// The values and errors of a regression on 500 imputations are mice's within four Monte
// Carlo errors of both, and those of complete cases are its own.
func TestAirquality(t *testing.T) {
	dir := "../../../shared/refcases/statistics/mi_norm_moments_airquality"
	f, err := os.Open(filepath.Join(dir, "data.csv"))
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	type moments struct{ Est, SE, MCSE, B, Ubar, FMI []float64 }
	var want struct {
		Values struct {
			Norm     moments `json:"norm_m500"`
			PMM      moments `json:"pmm_m500"`
			Complete struct {
				Coef, SE map[string]float64
				N        int
			} `json:"complete_case"`
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	columns := make([][]float64, 4)
	for _, r := range rows[1:] {
		for j := range columns {
			x, err := strconv.ParseFloat(r[j], 64)
			if err != nil {
				x = math.NaN()
			}
			columns[j] = append(columns[j], x)
		}
	}
	place := make([]uint64, len(columns[0]))
	for i := range place {
		place[i] = uint64(i)
	}
	var complete [][]float64
	for i := range place {
		if !math.IsNaN(columns[0][i]) && !math.IsNaN(columns[1][i]) {
			complete = append(complete, []float64{columns[0][i], columns[1][i], columns[2][i], columns[3][i]})
		}
	}
	beta, cov := regress(complete)
	for j, name := range []string{"(Intercept)", "Solar.R", "Wind", "Temp"} {
		if c := want.Values.Complete; len(complete) != c.N || math.Abs(beta[j]/c.Coef[name]-1) > 1e-9 || math.Abs(math.Sqrt(cov[j])/c.SE[name]-1) > 1e-9 {
			t.Errorf("complete cases, %s: %v (%v)", name, beta[j], math.Sqrt(cov[j]))
		}
	}
	for method, w := range map[string]moments{byNormal: want.Values.Norm, byMatching: want.Values.PMM} {
		variables := make([]variable, 4)
		for j := range variables {
			variables[j] = variable{values: columns[j], method: method}
		}
		e := newEquations(variables, place)
		values, variances := make([][]float64, 4), make([][]float64, 4)
		for m := range 500 {
			c := e.run(stream.New(5, "airquality").Sub(uint64(m)), 20)
			var data [][]float64
			full := make([][]float64, 4)
			for j := range full {
				full[j] = slices.Clone(columns[j])
				for i, r := range e.variables[j].missing {
					full[j][r] = c.values[j][i]
				}
			}
			for i := range place {
				data = append(data, []float64{full[0][i], full[1][i], full[2][i], full[3][i]})
			}
			b, v := regress(data)
			for j := range b {
				values[j], variances[j] = append(values[j], b[j]), append(variances[j], v[j])
			}
		}
		for j := range values {
			p := Pool(values[j], variances[j], 149)
			if d := math.Abs(p.Value - w.Est[j]); d > 4*math.Hypot(p.Error, w.MCSE[j]) {
				t.Errorf("%s %d: %v, want %v (Monte Carlo errors %v, %v)", method, j, p.Value, w.Est[j], p.Error, w.MCSE[j])
			}
			// A variance of 500 draws has a relative error of √(2/499) = 0.063; of two, 0.09.
			if d := math.Abs(p.Between/w.B[j] - 1); d > 4*0.09 {
				t.Errorf("%s %d: between %v, want %v", method, j, p.Between, w.B[j])
			}
			if d := math.Abs(p.Within/w.Ubar[j] - 1); d > 0.03 {
				t.Errorf("%s %d: within %v, want %v", method, j, p.Within, w.Ubar[j])
			}
			if d := math.Abs(p.FMI - w.FMI[j]); d > 0.08 {
				t.Errorf("%s %d: missing information %v, want %v", method, j, p.FMI, w.FMI[j])
			}
			if d := math.Abs(math.Sqrt(p.Total)/w.SE[j] - 1); d > 0.08 {
				t.Errorf("%s %d: error %v, want %v", method, j, math.Sqrt(p.Total), w.SE[j])
			}
		}
	}
}

// regress returns the coefficients of the first column on the others, and their
// variances.
func regress(data [][]float64) (beta, variance []float64) {
	k := len(data[0])
	a, b, rss := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil), 0.0
	for _, r := range data {
		x := mat.NewVecDense(k, append([]float64{1}, r[1:]...))
		a.SymRankOne(a, 1, x)
		b.AddScaledVec(b, r[0], x)
	}
	var chol mat.Cholesky
	chol.Factorize(a)
	var s mat.VecDense
	_ = chol.SolveVecTo(&s, b)
	for _, r := range data {
		e := r[0] - mat.Dot(&s, mat.NewVecDense(k, append([]float64{1}, r[1:]...)))
		rss += e * e
	}
	var inv mat.SymDense
	_ = chol.InverseTo(&inv)
	for j := range k {
		beta, variance = append(beta, s.AtVec(j)), append(variance, inv.At(j, j)*rss/float64(len(data)-k))
	}
	return beta, variance
}

func BenchmarkChained(b *testing.B) {
	n := 10_000
	c := stream.New(1, "benchmark").Cursor()
	variables := make([]variable, 6)
	for j := range variables {
		variables[j] = variable{values: make([]float64, n), method: byMatching}
	}
	place := make([]uint64, n)
	for i := range n {
		place[i] = uint64(i)
		u := c.Norm()
		for j := range variables {
			variables[j].values[i] = math.Round(5 + u + c.Norm())
			if j > 1 && c.Float64() < 0.2 {
				variables[j].values[i] = math.NaN()
			}
		}
	}
	e := newEquations(variables, place)
	for b.Loop() {
		for m := range 20 {
			e.run(stream.New(1, "b").Sub(uint64(m)), 10)
		}
	}
}
