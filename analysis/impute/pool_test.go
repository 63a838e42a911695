package impute_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
	"recoup/analysis/impute"
)

const cases = "../../../shared/refcases/statistics"

// reference reads the data and the numbers of a reference case.
func reference(t *testing.T, name string, values any) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join(cases, name, "data.csv"))
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(cases, name, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &struct{ Values any }{values}); err != nil {
		t.Fatal(err)
	}
	return rows
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Abs(want)) {
		t.Errorf("%s: %.12g, want %.12g", what, got, want)
	}
}

// ols fits least squares by normal equations: an own small fit for tests.
func ols(y []float64, x [][]float64) (beta []float64, cov *mat.SymDense, rss float64) {
	k := len(x)
	a, b := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for i := range y {
		row := mat.NewVecDense(k, nil)
		for j := range x {
			row.SetVec(j, x[j][i])
		}
		a.SymRankOne(a, 1, row)
		b.AddScaledVec(b, y[i], row)
	}
	var chol mat.Cholesky
	chol.Factorize(a)
	var s mat.VecDense
	_ = chol.SolveVecTo(&s, b)
	for i := range y {
		e := y[i]
		for j := range x {
			e -= x[j][i] * s.AtVec(j)
		}
		rss += e * e
	}
	var inv mat.SymDense
	_ = chol.InverseTo(&inv)
	cov = mat.NewSymDense(k, nil)
	cov.ScaleSym(rss/float64(len(y)-k), &inv)
	return append(beta, s.RawVector().Data...), cov, rss
}

// By hand: values 1, 2, 3 with squared errors 1, 1, 4 and 10 complete degrees of freedom.
// U = 2, B = 1, T = 2 + 4/3 = 10/3, r = 2/3, λ = 2/5, ν₁₉₈₇ = 2/(4/25) = 12.5,
// ν_obs = 11/13 × 10 × 3/5 = 66/13, ν = 12.5 × 66/13 / (12.5 + 66/13).
func TestPoolByHand(t *testing.T) {
	p := impute.Pool([]float64{1, 2, 3}, []float64{1, 1, 4}, 10)
	nu := 12.5 * 66 / 13 / (12.5 + 66./13)
	for _, x := range []struct {
		what      string
		got, want float64
	}{
		{"value", p.Value, 2},
		{"within", p.Within, 2},
		{"between", p.Between, 1},
		{"total", p.Total, 10. / 3},
		{"increase", p.Increase, 2. / 3},
		{"lambda", p.Lambda, 0.4},
		{"classic", p.Classic, 12.5},
		{"df", p.DF, nu},
		{"fmi", p.FMI, (2./3 + 2/(nu+3)) * 3 / 5},
		{"Monte Carlo error", p.Error, math.Sqrt(1. / 3)},
	} {
		near(t, x.what, x.got, x.want, 1e-14)
	}
	if q := impute.Pool([]float64{1, 2, 3}, []float64{1, 1, 4}, math.Inf(1)); q.DF != q.Classic {
		t.Errorf("without complete degrees of freedom: %v, want Rubin's %v", q.DF, q.Classic)
	}
	if q := impute.Pool([]float64{2, 2, 2}, []float64{1, 1, 1}, 10); q.Between != 0 || q.FMI < 0 || q.DF != 110./13 {
		t.Errorf("of equal values: %+v", q)
	}
	if q := impute.Pool([]float64{2}, []float64{1}, 10); q.Value != 2 || !math.IsNaN(q.Total) {
		t.Errorf("of one imputation: %+v", q)
	}
}

// Every value of mice's and mitools's pooling of five completed sets.
func TestPoolNhanes(t *testing.T) {
	var want struct {
		PerImp map[string]struct{ Coef, SE map[string]float64 } `json:"per_imp"`
		Pooled struct {
			Term                                                    []string
			Est, Ubar, B, T, Dfcom, Riv, Lambda, Fmi, SE, P, Lo, Hi []float64
			DF                                                      []float64 `json:"df_barnard_rubin"`
		}
		Old      []float64          `json:"mitools_old_rubin_df"`
		Info     []float64          `json:"mitools_missInfo"`
		Complete []float64          `json:"mitools_df_complete22"`
		Scalar   map[string]float64 `json:"pool_scalar_bmi"`
		D1, D2   map[string]float64
		D3       []float64
	}
	rows := reference(t, "mi_pool_nhanes", &want)
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var values [3][]float64
	var variances [3][]float64
	var both [][]float64
	var covs []*mat.SymDense
	var ys [][]float64
	var xs [][][]float64
	var own, wald []float64
	for m := 1; m <= 5; m++ {
		var y []float64
		x := make([][]float64, 3)
		for _, r := range rows[1:] {
			if r[column[".imp"]] == strconv.Itoa(m) {
				y = append(y, number(r[column["chl"]]))
				for j, v := range []float64{1, number(r[column["bmi"]]), number(r[column["age"]])} {
					x[j] = append(x[j], v)
				}
			}
		}
		b, v, rss := ols(y, x)
		_, _, rss0 := ols(y, x[:1])
		own = append(own, float64(len(y))*math.Log(rss0/rss))
		ys, xs = append(ys, y), append(xs, x)
		sub := mat.NewSymDense(2, []float64{v.At(1, 1), v.At(1, 2), v.At(1, 2), v.At(2, 2)})
		both, covs = append(both, b[1:]), append(covs, sub)
		var chol mat.Cholesky
		chol.Factorize(sub)
		var s mat.VecDense
		q := mat.NewVecDense(2, b[1:])
		_ = chol.SolveVecTo(&s, q)
		wald = append(wald, mat.Dot(q, &s))
		p := want.PerImp[strconv.Itoa(m)]
		for j, name := range want.Pooled.Term {
			values[j], variances[j] = append(values[j], b[j]), append(variances[j], v.At(j, j))
			near(t, name, b[j], p.Coef[name], 1e-8)
			near(t, name, math.Sqrt(v.At(j, j)), p.SE[name], 1e-8)
		}
	}
	for j, name := range want.Pooled.Term {
		p := impute.Pool(values[j], variances[j], want.Pooled.Dfcom[j])
		se := math.Sqrt(p.Total)
		ci := analysis.TInterval(p.Value, se, p.DF, 0.95)
		// mitools's missing information rests on the classic degrees of freedom, and its
		// complete-data degrees of freedom on U/T with the between variance without 1/m.
		info := (p.Increase + 2/(p.Classic+3)) / (1 + p.Increase)
		share := p.Within / (p.Within + p.Between)
		mitools := 1 / (1/(23./25*22*share) + 1/p.Classic)
		for _, x := range []struct {
			what      string
			got, want float64
		}{
			{"est", p.Value, want.Pooled.Est[j]},
			{"ubar", p.Within, want.Pooled.Ubar[j]},
			{"b", p.Between, want.Pooled.B[j]},
			{"t", p.Total, want.Pooled.T[j]},
			{"df", p.DF, want.Pooled.DF[j]},
			{"riv", p.Increase, want.Pooled.Riv[j]},
			{"lambda", p.Lambda, want.Pooled.Lambda[j]},
			{"fmi", p.FMI, want.Pooled.Fmi[j]},
			{"se", se, want.Pooled.SE[j]},
			{"p", analysis.TP(p.Value/se, p.DF), want.Pooled.P[j]},
			{"lo", float64(ci.Low), want.Pooled.Lo[j]},
			{"hi", float64(ci.High), want.Pooled.Hi[j]},
			{"mitools df", p.Classic, want.Old[j]},
			{"mitools information", info, want.Info[j]},
			{"mitools complete df", mitools, want.Complete[j]},
		} {
			near(t, name+" "+x.what, x.got, x.want, 1e-8)
		}
	}
	p := impute.Pool(values[1], variances[1], 22)
	for name, got := range map[string]float64{"qbar": p.Value, "ubar": p.Within, "b": p.Between, "t": p.Total, "df": p.DF, "r": p.Increase, "fmi": p.FMI} {
		near(t, "pool.scalar "+name, got, want.Scalar[name], 1e-8)
	}
	d1, err := impute.PoolWald(both, covs, 22)
	if err != nil {
		t.Fatal(err)
	}
	joint := func(what string, j impute.Joint, want map[string]float64) {
		t.Helper()
		near(t, what+" F", j.F, want["F.value"], 1e-8)
		near(t, what+" df1", j.DF1, want["df1"], 0)
		near(t, what+" df2", j.DF2, want["df2"], 1e-8)
		near(t, what+" p", distuv.F{D1: j.DF1, D2: j.DF2}.Survival(j.F), want["P(>F)"], 1e-7)
		near(t, what+" riv", j.Increase, want["RIV"], 1e-8)
	}
	joint("D1", d1, want.D1)
	joint("D2", impute.PoolChiSquare(wald, 2), want.D2)
	// At the pooled coefficients mice fits the intercept and the error variance anew.
	var pooled []float64
	slopes := []float64{mean(values[1]), mean(values[2])}
	for m, y := range ys {
		left, r1, r0 := make([]float64, len(y)), 0.0, 0.0
		for i := range y {
			left[i] = y[i] - slopes[0]*xs[m][1][i] - slopes[1]*xs[m][2][i]
		}
		for i := range y {
			r1 += (left[i] - mean(left)) * (left[i] - mean(left))
			r0 += (y[i] - mean(y)) * (y[i] - mean(y))
		}
		pooled = append(pooled, float64(len(y))*math.Log(r0/r1))
	}
	d3 := impute.PoolLikelihood(mean(own), mean(pooled), 5, 2)
	joint("D3", d3, map[string]float64{"F.value": want.D3[0], "df1": want.D3[1], "df2": want.D3[2], "P(>F)": want.D3[3], "RIV": want.D3[4]})
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}
