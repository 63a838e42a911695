package fit

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

const fev = "../../../../shared/refcases/statistics/mmrm_fev"

// fevData returns the sufficient statistics of the case, with the columns of its
// model in R's order.
func fevData(t testing.TB) (*Repeated, []string) {
	t.Helper()
	f, err := os.Open(filepath.Join(fev, "data.csv"))
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		"(Intercept)", "raceBlack or African American", "raceWhite", "sexFemale", "armcdTRT", "avisitVIS2", "avisitVIS3", "avisitVIS4",
		"armcdTRT:avisitVIS2", "armcdTRT:avisitVIS3", "armcdTRT:avisitVIS4",
	}
	r, err := NewRepeated(4, len(names))
	if err != nil {
		t.Fatal(err)
	}
	one := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	for at := 1; at < len(rows); at += 4 {
		x, y := make([][]float64, 4), make([]float64, 4)
		for v := range 4 {
			row := rows[at+v]
			if row[0] != rows[at][0] || row[1] != "VIS"+strconv.Itoa(v+1) {
				t.Fatalf("row %d is not visit %d of its patient", at+v, v+1)
			}
			arm := one(row[2] == "TRT")
			x[v] = []float64{
				1, one(row[3] == "Black or African American"), one(row[3] == "White"), one(row[4] == "Female"), arm,
				one(v == 1), one(v == 2), one(v == 3), arm * one(v == 1), arm * one(v == 2), arm * one(v == 3),
			}
			if y[v], err = strconv.ParseFloat(row[6], 64); err != nil {
				y[v] = math.NaN()
			}
		}
		r.Add(x, y)
	}
	return r, names
}

// The published trial's fits under every structure agree with polished fits of
// mmrm, by restricted and full likelihood, with Satterthwaite's and Kenward and
// Roger's inference.
func TestRepeatedFEV(t *testing.T) {
	r, names := fevData(t)
	b, err := os.ReadFile(filepath.Join(fev, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Values map[string]struct {
			Coef, SE, DF map[string]float64
			Cov          json.RawMessage
			Neg2ll       float64
			NObs         int `json:"n_obs"`
			NSubj        int `json:"n_subj"`
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	near := func(what string, got, want, tolerance float64) {
		t.Helper()
		if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
			t.Errorf("%s: %.10g, want %.10g", what, got, want)
		}
	}
	for _, c := range []struct {
		key  string
		s    Structure
		reml bool
		by   Inference
	}{
		{"us_satt", Unstructured, true, Satterthwaite},
		{"us_ml", Unstructured, false, Satterthwaite},
		{"us_kr_linear", Unstructured, true, KenwardRogerLinear},
		{"us_kr", Unstructured, true, KenwardRoger},
		{"cs", Compound, true, Satterthwaite},
		{"csh", CompoundH, true, Satterthwaite},
		{"ar1", AR1, true, Satterthwaite},
		{"ar1h", AR1H, true, Satterthwaite},
		{"toep", Toeplitz, true, Satterthwaite},
		{"toeph", ToeplitzH, true, Satterthwaite},
		{"ad", Ante, true, Satterthwaite},
		{"adh", AnteH, true, Satterthwaite},
	} {
		f, err := r.FitRepeated(c.s, c.reml)
		if err != nil {
			t.Errorf("%s: %v", c.key, err)
			continue
		}
		w := want.Values[c.key]
		near(c.key+" deviance", f.Deviance, w.Neg2ll, 1e-9)
		if r.Values != w.NObs || r.Patients != w.NSubj {
			t.Errorf("%d values of %d patients", r.Values, r.Patients)
		}
		for i, name := range names {
			l := make([]float64, len(names))
			l[i] = 1
			value, se, df := f.Contrast(l, c.by)
			near(c.key+" "+name, value, w.Coef[name], 1e-6)
			near(c.key+" se "+name, se, w.SE[name], 1e-6)
			near(c.key+" df "+name, df, w.DF[name], 1e-6)
		}
	}
}

// A balanced model without missing visits and with a mean for each visit gives the
// sample means and the sample covariance; twice the patients halve the variances.
func TestRepeatedBalanced(t *testing.T) {
	y := [][]float64{{1, 2, 4}, {2, 2, 3}, {4, 5, 4}, {3, 6, 9}, {0, 1, 5}, {2, 7, 1}}
	fitTimes := func(times int) *RepeatedFit {
		r, err := NewRepeated(3, 3)
		if err != nil {
			t.Fatal(err)
		}
		for range times {
			for _, p := range y {
				r.Add([][]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, p)
			}
		}
		f, err := r.FitRepeated(Unstructured, true)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := fitTimes(1)
	for a := range 3 {
		mean := 0.0
		for _, p := range y {
			mean += p[a] / 6
		}
		if math.Abs(f.Beta[a]-mean) > 1e-9 {
			t.Errorf("mean %d: %v, want %v", a, f.Beta[a], mean)
		}
		l := []float64{0, 0, 0}
		l[a] = 1
		if _, se, df := f.Contrast(l, Satterthwaite); math.Abs(df-5) > 1e-6 || math.Abs(se*se-f.Sigma.At(a, a)/6) > 1e-9 {
			t.Errorf("visit %d: se %v, df %v, want that of a mean with 5", a, se, df)
		}
		for b := range 3 {
			cov := 0.0
			for _, p := range y {
				cov += (p[a] - f.Beta[a]) * (p[b] - f.Beta[b]) / 5
			}
			if math.Abs(f.Sigma.At(a, b)-cov) > 1e-6 {
				t.Errorf("covariance %d %d: %v, want %v", a, b, f.Sigma.At(a, b), cov)
			}
		}
	}
	twice := fitTimes(2)
	if got, want := twice.Cov.At(0, 0), f.Cov.At(0, 0)*5/11; math.Abs(got-want) > 1e-6 {
		t.Errorf("variance with twice the patients %v, want %v", got, want)
	}
}

// What cannot be fitted is an error: no variance, a column twice, a visit that
// nobody has.
func TestRepeatedRefuses(t *testing.T) {
	for name, add := range map[string]func(r *Repeated){
		"nobody": func(*Repeated) {},
		"no variance": func(r *Repeated) {
			for range 9 {
				r.Add([][]float64{{1, 0}, {0, 1}}, []float64{1, 2})
			}
		},
		"a column twice": func(r *Repeated) {
			for i := range 9 {
				r.Add([][]float64{{1, 1}, {1, 1}}, []float64{float64(i), float64(i * i % 7)})
			}
		},
		"a visit that nobody has": func(r *Repeated) {
			for i := range 9 {
				r.Add([][]float64{{1, 0}, {0, 1}}, []float64{float64(i % 4), math.NaN()})
			}
		},
	} {
		r, err := NewRepeated(2, 2)
		if err != nil {
			t.Fatal(err)
		}
		add(r)
		if f, err := r.FitRepeated(Unstructured, true); err == nil {
			t.Errorf("%s: fitted, %+v", name, f.Beta)
		}
	}
}

// BenchmarkRepeated fits 100,000 patients at five visits, unstructured, by
// restricted likelihood, the sums over patients among it.
func BenchmarkRepeated(b *testing.B) {
	const visits, patients = 5, 100_000
	x := [2][][]float64{}
	for arm := range x {
		for v := range visits {
			row := make([]float64, 2*visits+1)
			row[v] = 1
			row[visits+v] = float64(arm)
			x[arm] = append(x[arm], row)
		}
	}
	for b.Loop() {
		r, err := NewRepeated(visits, 2*visits+1)
		if err != nil {
			b.Fatal(err)
		}
		u := uint64(1)
		y := make([]float64, visits)
		for i := range patients {
			u = u*6364136223846793005 + 1442695040888963407
			before := float64(u>>44) / (1 << 20)
			level := before
			for v := range y {
				u = u*6364136223846793005 + 1442695040888963407
				level = 0.6*level + float64(u>>40)/(1<<24)
				y[v] = level + 0.1*float64(v*(i%2))
				if u>>20%8 == 0 && v > 0 {
					y[v] = math.NaN()
				}
			}
			for v := range visits {
				x[i%2][v][2*visits] = before
			}
			r.Add(x[i%2], y)
		}
		f, err := r.FitRepeated(Unstructured, true)
		if err != nil {
			b.Fatal(err)
		}
		c := make([]float64, 2*visits+1)
		c[2*visits-1] = 1
		f.Contrast(c, Satterthwaite)
	}
}
