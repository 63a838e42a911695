package fit

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

const fev = "../../../../shared/refcases/statistics/mmrm_fev"

// fevData returns the sufficient statistics of the case, with the columns of its
// model in R's order.
func fevData(t testing.TB) (r *Repeated, patients []Patient, names []string) {
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
	names = []string{
		"(Intercept)", "raceBlack or African American", "raceWhite", "sexFemale", "armcdTRT", "avisitVIS2", "avisitVIS3", "avisitVIS4",
		"armcdTRT:avisitVIS2", "armcdTRT:avisitVIS3", "armcdTRT:avisitVIS4",
	}
	r, err = NewRepeated(4, len(names), 1)
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
		p := Patient{X: x, Y: y, Weight: 1}
		patients = append(patients, p)
		r.Add(p)
	}
	return r, patients, names
}

// reference is one block of the published trial's reference.
type reference struct {
	Coef, SE, DF map[string]float64
	Cov          [][]float64
	Neg2ll       float64
	AIC, BIC     float64
	NObs         int     `json:"n_obs"`
	NSubj        int     `json:"n_subj"`
	Gradient     float64 `json:"max_abs_gradient"`
}

func fevReference(t *testing.T) map[string]reference {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fev, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ Values map[string]json.RawMessage }
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	out := map[string]reference{}
	for key, raw := range want.Values {
		var r reference
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(key, err)
		}
		out[key] = r
	}
	return out
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(want) && math.IsNaN(got) {
		return
	}
	if !(math.Abs(got-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s: %.10g, want %.10g", what, got, want)
	}
}

var modelled = Inference{CovModel, DFSatterthwaite}

// infer fits and returns the contrasts of each single coefficient.
func infer(t *testing.T, r *Repeated, patients []Patient, s Structure, reml bool, by Inference) (*RepeatedFit, []Contrast) {
	t.Helper()
	f, err := r.FitRepeated(t.Context(), s, reml)
	if err != nil {
		t.Fatal(s, err)
	}
	i, err := f.Infer(by, slices.Values(patients))
	if err != nil {
		t.Fatal(s, err)
	}
	return f, i.Contrasts(units(r.Columns))
}

func units(n int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, n)
		out[i][i] = 1
	}
	return out
}

// The published trial's fits under every structure agree with polished fits of
// mmrm, by restricted and full likelihood, with every kind of inference: all blocks
// of the reference but those of another model.
func TestRepeatedFEV(t *testing.T) {
	r, patients, names := fevData(t)
	want := fevReference(t)
	delete(want, "sas_model_us")
	delete(want, "sas_model_ar1")
	for _, c := range []struct {
		key  string
		s    Structure
		reml bool
		by   Inference
	}{
		{"us_satt", Unstructured, true, modelled},
		{"us_ml", Unstructured, false, modelled},
		{"us_kr_linear", Unstructured, true, Inference{CovKenwardRogerLinear, DFKenwardRoger}},
		{"us_kr", Unstructured, true, Inference{CovKenwardRoger, DFKenwardRoger}},
		{"us_emp", Unstructured, true, Inference{CovCR0, DFSatterthwaite}},
		{"us_btwn", Unstructured, true, Inference{CovModel, DFBetweenWithin}},
		{"us_resid", Unstructured, true, Inference{CovCR0, DFResidual}},
		{"cs", Compound, true, modelled},
		{"csh", CompoundH, true, modelled},
		{"ar1", AR1, true, modelled},
		{"ar1h", AR1H, true, modelled},
		{"toep", Toeplitz, true, modelled},
		{"toeph", ToeplitzH, true, modelled},
		{"ad", Ante, true, modelled},
		{"adh", AnteH, true, modelled},
	} {
		w, ok := want[c.key]
		if !ok {
			t.Fatal("no reference", c.key)
		}
		delete(want, c.key)
		f, got := infer(t, r, patients, c.s, c.reml, c.by)
		near(t, c.key+" deviance", f.Deviance, w.Neg2ll, 1e-9)
		near(t, c.key+" AIC", f.AIC(), w.AIC, 1e-9)
		near(t, c.key+" BIC", f.BIC(), w.BIC, 1e-9)
		if r.Values != w.NObs || r.Patients != w.NSubj {
			t.Errorf("%d values of %d patients", r.Values, r.Patients)
		}
		for i, row := range w.Cov {
			for j, s := range row {
				near(t, c.key+" covariance", f.Sigma[0].At(i, j), s, 2e-6)
			}
		}
		for i, name := range names {
			near(t, c.key+" "+name, got[i].Value, w.Coef[name], 1e-6)
			near(t, c.key+" se "+name, got[i].SE, w.SE[name], 1e-6)
			near(t, c.key+" df "+name, got[i].DF, w.DF[name], 1e-6)
		}
	}
	for key := range want {
		t.Errorf("the reference's %s is not held", key)
	}
}

// The model of SAS's published output, arm and sex alone.
func TestRepeatedSAS(t *testing.T) {
	_, patients, _ := fevData(t)
	want := fevReference(t)
	for key, s := range map[string]Structure{"sas_model_us": Unstructured, "sas_model_ar1": AR1} {
		r, err := NewRepeated(4, 3, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range patients {
			var x [][]float64
			for _, row := range p.X {
				x = append(x, []float64{1, row[4], row[3]})
			}
			r.Add(Patient{X: x, Y: p.Y, Weight: 1})
		}
		f, got := infer(t, r, nil, s, true, modelled)
		near(t, key+" deviance", f.Deviance, want[key].Neg2ll, 1e-9)
		for i, name := range []string{"(Intercept)", "armcdTRT", "sexFemale"} {
			near(t, key+" "+name, got[i].Value, want[key].Coef[name], 1e-6)
			near(t, key+" se "+name, got[i].SE, want[key].SE[name], 1e-6)
			near(t, key+" df "+name, got[i].DF, want[key].DF[name], 1e-6)
		}
	}
}

// A balanced model without missing visits and with a mean for each visit gives the
// sample means and the sample covariance; twice the patients halve the variances.
func TestRepeatedBalanced(t *testing.T) {
	y := [][]float64{{1, 2, 4}, {2, 2, 3}, {4, 5, 4}, {3, 6, 9}, {0, 1, 5}, {2, 7, 1}}
	fitTimes := func(times int) *RepeatedFit {
		r, err := NewRepeated(3, 3, 1)
		if err != nil {
			t.Fatal(err)
		}
		for range times {
			for _, p := range y {
				r.Add(Patient{X: units(3), Y: p, Weight: 1})
			}
		}
		f, err := r.FitRepeated(t.Context(), Unstructured, true)
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
		i, err := f.Infer(modelled, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c := i.Contrasts(units(3))[a]; math.Abs(c.DF-5) > 1e-6 || math.Abs(c.SE*c.SE-f.Sigma[0].At(a, a)/6) > 1e-9 {
			t.Errorf("visit %d: %+v, want that of a mean with 5", a, c)
		}
		for b := range 3 {
			cov := 0.0
			for _, p := range y {
				cov += (p[a] - f.Beta[a]) * (p[b] - f.Beta[b]) / 5
			}
			if math.Abs(f.Sigma[0].At(a, b)-cov) > 1e-6 {
				t.Errorf("covariance %d %d: %v, want %v", a, b, f.Sigma[0].At(a, b), cov)
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
				r.Add(Patient{X: units(2), Y: []float64{1, 2}, Weight: 1})
			}
		},
		"a column twice": func(r *Repeated) {
			for i := range 9 {
				r.Add(Patient{X: [][]float64{{1, 1}, {1, 1}}, Y: []float64{float64(i), float64(i * i % 7)}, Weight: 1})
			}
		},
		"a visit that nobody has": func(r *Repeated) {
			for i := range 9 {
				r.Add(Patient{X: units(2), Y: []float64{float64(i % 4), math.NaN()}, Weight: 1})
			}
		},
	} {
		r, err := NewRepeated(2, 2, 1)
		if err != nil {
			t.Fatal(err)
		}
		add(r)
		if f, err := r.FitRepeated(t.Context(), Unstructured, true); err == nil {
			t.Errorf("%s: fitted, %+v", name, f.Beta)
		}
	}
}

// BenchmarkRepeatedRobust goes through 100,000 patients twice more for CR2 errors and
// their degrees of freedom of ten contrasts.
func BenchmarkRepeatedRobust(b *testing.B) {
	_, patients := made(b, false, false)
	many := func(yield func(Patient) bool) {
		for i := range 100_000 {
			if !yield(patients[i%len(patients)]) {
				return
			}
		}
	}
	for b.Loop() {
		r, err := NewRepeated(4, 10, 1)
		if err != nil {
			b.Fatal(err)
		}
		for p := range many {
			r.Add(p)
		}
		f, err := r.FitRepeated(b.Context(), Unstructured, true)
		if err != nil {
			b.Fatal(err)
		}
		i, err := f.Infer(Inference{CovCR2, DFSatterthwaite}, many)
		if err != nil {
			b.Fatal(err)
		}
		i.Contrasts(units(10))
	}
}

// sums returns the statistics of patients who miss an eighth of the visits after the
// first.
func sums(tb testing.TB, visits, patients int) *Repeated {
	tb.Helper()
	x := [2][][]float64{}
	for arm := range x {
		for v := range visits {
			row := make([]float64, 2*visits+1)
			row[v] = 1
			row[visits+v] = float64(arm)
			x[arm] = append(x[arm], row)
		}
	}
	r, err := NewRepeated(visits, 2*visits+1, 1)
	if err != nil {
		tb.Fatal(err)
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
		r.Add(Patient{X: x[i%2], Y: y, Weight: 1})
	}
	return r
}

// BenchmarkRepeated fits 100,000 patients at five visits, unstructured, by restricted
// likelihood, the sums over patients among it; BenchmarkRepeatedVisits 1,000 patients
// at twelve, whose patterns are many.
func BenchmarkRepeated(b *testing.B) { benchmark(b, 5, 100_000) }

func BenchmarkRepeatedVisits(b *testing.B) { benchmark(b, 12, 1000) }

func benchmark(b *testing.B, visits, patients int) {
	b.Helper()
	for b.Loop() {
		f, err := sums(b, visits, patients).FitRepeated(b.Context(), Unstructured, true)
		if err != nil {
			b.Fatal(err)
		}
		c := make([]float64, 2*visits+1)
		c[2*visits-1] = 1
		in, err := f.Infer(modelled, nil)
		if err != nil {
			b.Fatal(err)
		}
		in.Contrasts([][]float64{c})
	}
}

// A column that the first patients do not have is taken in when one has it: the sums
// are those of the patients in any order.
func TestRepeatedLateColumns(t *testing.T) {
	_, patients := made(t, false, false)
	slices.SortStableFunc(patients, func(a, b Patient) int { return cmp.Compare(a.X[1][1], b.X[1][1]) })
	forward, err := summed(t, 1, patients).FitRepeated(t.Context(), Unstructured, true)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(patients)
	backward, err := summed(t, 1, patients).FitRepeated(t.Context(), Unstructured, true)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "deviance", backward.Deviance, forward.Deviance, 1e-11)
	for i, v := range forward.Beta {
		near(t, "coefficient", backward.Beta[i], v, 1e-8)
	}
}

// A fit that is called off says so, and leaves nothing behind.
func TestRepeatedCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f, err := sums(t, 3, 200).FitRepeated(ctx, Unstructured, true); f != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", f, err)
	}
}
