package fit_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"recoup/analysis/internal/fit"
)

const refcases = "../../../../shared/refcases/statistics"

// refcase reads a published case: the rows of its data by column, and its numbers
// into v. It skips where the shared folder is absent.
func refcase(t *testing.T, name string, v any) (text map[string][]string, number func(column string) []float64) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(refcases, name, "expected.json"))
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	return columns(t, filepath.Join(refcases, name, "data.csv"))
}

// columns reads a CSV file by column.
func columns(t *testing.T, path string) (text map[string][]string, number func(column string) []float64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	text = map[string][]string{}
	for _, r := range rows[1:] {
		for j, v := range r {
			text[rows[0][j]] = append(text[rows[0][j]], v)
		}
	}
	return text, func(column string) []float64 {
		var out []float64
		for _, s := range text[column] {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				v = math.NaN()
			}
			out = append(out, v)
		}
		return out
	}
}

// near checks a number to a relative tolerance (absolute under 1e-3).
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1e-3, math.Abs(want))) {
		t.Errorf("%s: %.12g, want %.12g", what, got, want)
	}
}

// clusters puts the rows of a design into clusters by a text, with the positions
// said by the numbers at, from 1.
func clusters(id []string, at, y []float64, x [][]float64) []fit.Cluster {
	of := map[string]int{}
	var out []fit.Cluster
	for i, s := range id {
		if math.IsNaN(y[i]) {
			continue
		}
		k, ok := of[s]
		if !ok {
			k = len(out)
			of[s] = k
			out = append(out, fit.Cluster{})
		}
		row := make([]float64, len(x))
		for j := range x {
			row[j] = x[j][i]
		}
		c := &out[k]
		c.At, c.Y, c.X = append(c.At, int(at[i])-1), append(c.Y, y[i]), append(c.X, row)
	}
	return out
}

func indicator(s []string, level string) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		if v == level {
			out[i] = 1
		}
	}
	return out
}

// Every number of the published trial of respiratory illness is geepack's.
func TestRespiratory(t *testing.T) {
	type numbers = map[string]float64
	var want struct {
		Tol    float64 `json:"rel_tol"`
		Values map[string]struct {
			Coef   numbers
			Robust numbers `json:"se_robust"`
			Naive  numbers `json:"se_naive"`
			Alpha  json.RawMessage
			Phi    float64
			QIC    float64
		}
	}
	text, number := refcase(t, "gee_respiratory", &want)
	names := []string{"(Intercept)", "treatA", "center2", "sexM", "age", "baseline"}
	one := make([]float64, len(text["uid"]))
	for i := range one {
		one[i] = 1
	}
	x := [][]float64{one, indicator(text["treat"], "A"), indicator(text["center"], "2"), indicator(text["sex"], "M"), number("age"), number("baseline")}
	cs := clusters(text["uid"], number("visit"), number("outcome"), x)
	for key, w := range want.Values {
		g, err := fit.EstimatingEquations(cs, fit.Binomial, key, fit.MomentsGeepack)
		if err != nil {
			t.Fatal(key, err)
		}
		robust, err := g.Covariance(fit.CovSandwich)
		if err != nil {
			t.Fatal(err)
		}
		naive, _ := g.Covariance(fit.CovModel)
		for j, name := range names {
			near(t, key+" "+name, g.Coef[j], w.Coef[name], want.Tol)
			near(t, key+" robust "+name, math.Sqrt(robust.At(j, j)), w.Robust[name], want.Tol)
			near(t, key+" naive "+name, math.Sqrt(naive.At(j, j)), w.Naive[name], want.Tol)
		}
		near(t, key+" phi", g.Phi, w.Phi, want.Tol)
		near(t, key+" QIC", g.QIC, w.QIC, want.Tol)
		var alpha float64
		if json.Unmarshal(w.Alpha, &alpha) == nil {
			near(t, key+" alpha", g.Alpha[0], alpha, want.Tol)
		} else if len(g.Alpha) != 0 {
			t.Errorf("%s: alpha %v, want none", key, g.Alpha)
		}
	}
}

type geeCase struct {
	Coef, Robust, Naive, MD, KC, FG, Alpha []float64
	Phi, QIC                               float64
}

// made is the data of testdata/gee.R as clusters, in the order given.
func made(t *testing.T, outcome string) (id []string, at, y []float64, x [][]float64) {
	t.Helper()
	text, number := columns(t, "testdata/gee.csv")
	one := make([]float64, len(text["id"]))
	for i := range one {
		one[i] = 1
	}
	return text["id"], number("visit"), number(outcome), [][]float64{one, number("visit"), number("arm"), number("base")}
}

// With visits missing, every family and working correlation gives geepack's
// numbers, and the small-sample corrections those of their formulas.
func TestMadeTrial(t *testing.T) {
	b, err := os.ReadFile("testdata/gee.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]geeCase
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for _, family := range []string{fit.Gaussian, fit.Binomial, fit.Poisson} {
		id, at, y, x := made(t, family)
		cs := clusters(id, at, y, x)
		for _, work := range []string{fit.WorkIndependence, fit.WorkExchangeable, fit.WorkAR1, fit.WorkUnstructured} {
			name := family + " " + work
			w, ok := want[name]
			g, err := fit.EstimatingEquations(cs, family, work, fit.MomentsGeepack)
			if err != nil || !ok {
				t.Fatal(name, err)
			}
			const tol = 1e-6
			near(t, name+" phi", g.Phi, w.Phi, tol)
			near(t, name+" QIC", g.QIC, w.QIC, tol)
			if len(g.Alpha) != len(w.Alpha) {
				t.Fatalf("%s: %d correlations, want %d", name, len(g.Alpha), len(w.Alpha))
			}
			for k, a := range w.Alpha {
				near(t, name+" alpha", g.Alpha[k], a, tol)
			}
			for kind, se := range map[string][]float64{fit.CovModel: w.Naive, fit.CovSandwich: w.Robust, fit.CovManclDeRouen: w.MD, fit.CovKauermannCarroll: w.KC, fit.CovFayGraubard: w.FG} {
				v, err := g.Covariance(kind)
				if err != nil {
					t.Fatal(name, kind, err)
				}
				for j := range se {
					near(t, name+" coefficient", g.Coef[j], w.Coef[j], tol)
					near(t, name+" "+kind, math.Sqrt(v.At(j, j)), se[j], tol)
				}
			}
		}
	}
}

// Two patients with two values each, and a mean alone, by hand: 1, 3 and 5, 7 have
// mean 4 and residuals -3, -1, 1, 3. φ = 20/4 = 5 and α = (3 + 3)/2/5 = 0.6; less
// the one coefficient φ = 20/3 and α = 6/(20/3)/(2 - 1) = 0.9. The variance of the
// mean is φ(1 + α)/4 = 2 by the model and, of the sums -4 and 4 of the residuals,
// (16 + 16)/4² = 2 by the sandwich. Each patient's leverage is a half: residuals
// over 1 - 1/2 give 8, over its root 4, and scores over the root 4.
func TestByHandGEE(t *testing.T) {
	one := []float64{1}
	cs := []fit.Cluster{{At: []int{0, 1}, Y: []float64{1, 3}, X: [][]float64{one, one}}, {At: []int{0, 1}, Y: []float64{5, 7}, X: [][]float64{one, one}}}
	g, err := fit.EstimatingEquations(cs, fit.Gaussian, fit.WorkExchangeable, fit.MomentsGeepack)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", g.Coef[0], 4, 1e-12)
	near(t, "phi", g.Phi, 5, 1e-12)
	near(t, "alpha", g.Alpha[0], 0.6, 1e-12)
	for kind, want := range map[string]float64{fit.CovModel: 2, fit.CovSandwich: 2, fit.CovManclDeRouen: 8, fit.CovKauermannCarroll: 4, fit.CovFayGraubard: 4} {
		v, err := g.Covariance(kind)
		if err != nil {
			t.Fatal(err)
		}
		near(t, kind, v.At(0, 0), want, 1e-12)
	}
	for _, work := range []string{fit.WorkExchangeable, fit.WorkAR1, fit.WorkUnstructured} {
		s, err := fit.EstimatingEquations(cs, fit.Gaussian, work, fit.MomentsSAS)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "phi less one", s.Phi, 20.0/3, 1e-12)
		near(t, "alpha less one", s.Alpha[0], 0.9, 1e-12)
	}
}

// The order of the rows of a file decides nothing: patients are put together by
// their id, however their rows lie.
func TestShuffledRows(t *testing.T) {
	id, at, y, x := made(t, fit.Binomial)
	n := len(id)
	var sid []string
	var sat, sy []float64
	sx := make([][]float64, len(x))
	for k := range n {
		i := k * 37 % n // 37 and 160 have no common factor
		sid, sat, sy = append(sid, id[i]), append(sat, at[i]), append(sy, y[i])
		for j := range x {
			sx[j] = append(sx[j], x[j][i])
		}
	}
	a, err := fit.EstimatingEquations(clusters(id, at, y, x), fit.Binomial, fit.WorkAR1, fit.MomentsGeepack)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fit.EstimatingEquations(clusters(sid, sat, sy, sx), fit.Binomial, fit.WorkAR1, fit.MomentsGeepack)
	if err != nil {
		t.Fatal(err)
	}
	va, _ := a.Covariance(fit.CovKauermannCarroll)
	vb, _ := b.Covariance(fit.CovKauermannCarroll)
	for j := range a.Coef {
		near(t, "coefficient", b.Coef[j], a.Coef[j], 1e-9)
		near(t, "variance", vb.At(j, j), va.At(j, j), 1e-9)
	}
	near(t, "alpha", b.Alpha[0], a.Alpha[0], 1e-9)
}

// What cannot be fitted is refused by name.
func TestHardGEE(t *testing.T) {
	id, at, y, x := made(t, fit.Binomial)
	apart := make([]float64, len(y))
	for i := range y {
		apart[i] = x[2][i] // the arm foretells the event
	}
	if _, err := fit.EstimatingEquations(clusters(id, at, apart, x), fit.Binomial, fit.WorkExchangeable, fit.MomentsGeepack); !errors.Is(err, fit.ErrSeparation) {
		t.Errorf("separation: %v", err)
	}
	if _, err := fit.EstimatingEquations(clusters(id, at, y, append(x, x[1])), fit.Binomial, fit.WorkExchangeable, fit.MomentsGeepack); !errors.Is(err, fit.ErrSingular) {
		t.Errorf("a column twice: %v", err)
	}
	if _, err := fit.EstimatingEquations(nil, fit.Gaussian, fit.WorkAR1, fit.MomentsGeepack); !errors.Is(err, fit.ErrSingular) {
		t.Errorf("no patient: %v", err)
	}
	single := clusters(id[:1], at[:1], []float64{2}, [][]float64{{1}})
	if _, err := fit.EstimatingEquations(single, fit.Gaussian, fit.WorkExchangeable, fit.MomentsGeepack); !errors.Is(err, fit.ErrSingular) {
		t.Errorf("one value: %v", err)
	}
	level := make([]float64, len(y))
	for i := range level {
		level[i] = 3
	}
	if _, err := fit.EstimatingEquations(clusters(id, at, level, x), fit.Gaussian, fit.WorkExchangeable, fit.MomentsGeepack); !errors.Is(err, fit.ErrWorking) {
		t.Errorf("no variance: %v", err)
	}
	// An outcome moved far from zero keeps its slopes and errors.
	id, at, y, x = made(t, fit.Gaussian)
	far := make([]float64, len(y))
	for i := range y {
		far[i] = y[i] + 1e8
	}
	a, err := fit.EstimatingEquations(clusters(id, at, y, x), fit.Gaussian, fit.WorkExchangeable, fit.MomentsGeepack)
	if err != nil {
		t.Fatal(err)
	}
	b, err := fit.EstimatingEquations(clusters(id, at, far, x), fit.Gaussian, fit.WorkExchangeable, fit.MomentsGeepack)
	if err != nil {
		t.Fatal(err)
	}
	for j := 1; j < len(a.Coef); j++ {
		near(t, "slope of a far outcome", b.Coef[j], a.Coef[j], 1e-5)
	}
	near(t, "alpha of a far outcome", b.Alpha[0], a.Alpha[0], 1e-5)
}
