// Package analysistest holds what must be true of every analysis, and reads the
// files of reference numbers.
package analysistest

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/datasets"
)

// Reference is a file of reference numbers: a name to one or more numbers, as a
// committed script wrote them.
type Reference map[string][]float64

// ReadReference reads a reference file made by a script beside it.
func ReadReference(t *testing.T, path string) Reference {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r Reference
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// Near checks a number against the i-th of a reference to a relative tolerance
// (absolute under 1).
func (r Reference) Near(t *testing.T, name string, i int, got analysis.Num, tol float64) {
	t.Helper()
	want, ok := r[name]
	if !ok || i >= len(want) {
		t.Errorf("no reference %s[%d]", name, i)
		return
	}
	if !got.OK() || math.Abs(float64(got)-want[i]) > tol*math.Max(1, math.Abs(want[i])) {
		t.Errorf("%s[%d]: got %.12g, want %.12g", name, i, float64(got), want[i])
	}
}

// Find returns the estimate with the term and arm.
func Find(t *testing.T, r analysis.Result, term, arm string) analysis.Estimate {
	t.Helper()
	for _, e := range r.Estimates {
		if e.Term == term && (arm == "" || e.Arm == arm) {
			return e
		}
	}
	t.Fatalf("no estimate %s for %q", term, arm)
	return analysis.Estimate{}
}

// Conforms checks what must hold for the result of any analysis: it can be
// written as JSON, every estimate says what it is and how it was made, a number
// that is not there comes with a warning, an interval holds its estimate, has a
// kind and a level, counts are not negative, and a probability lies in [0, 1].
func Conforms(t *testing.T, a *analysis.Analysis, r analysis.Result) {
	t.Helper()
	if _, err := json.Marshal(r); err != nil {
		t.Errorf("%s: result cannot be written as JSON: %v", a.Name, err)
	}
	for _, e := range r.Estimates {
		id := a.Name + " " + e.Term + " " + e.Arm + " " + e.Visit
		if e.Analysis != a.Name || e.Term == "" || e.Scale == "" || e.Method.Name == "" {
			t.Errorf("%s: an estimate must name its analysis, term, scale and method", id)
		}
		if !e.Value.OK() && len(e.Warnings) == 0 {
			t.Errorf("%s: no number and no warning that says why", id)
		}
		if e.N.Arm < 0 || e.N.Reference < 0 || e.N.Missing < 0 || e.N.Events < 0 {
			t.Errorf("%s: negative count", id)
		}
		if e.SE < 0 || e.DF <= 0 || e.P < 0 || e.P > 1 {
			t.Errorf("%s: standard error, degrees of freedom or p out of range", id)
		}
		conformsInterval(t, id, e)
	}
	for _, w := range r.Warnings {
		if w.Code == "" || w.Message == "" {
			t.Errorf("%s: a warning without code or message", a.Name)
		}
	}
	for _, s := range r.Series {
		for i := 1; i < len(s.Points); i++ {
			if s.Points[i].X < s.Points[i-1].X {
				t.Errorf("%s: series %s %s runs backwards", a.Name, s.Name, s.Group)
			}
		}
	}
}

func conformsInterval(t *testing.T, id string, e analysis.Estimate) {
	t.Helper()
	ci := e.CI
	if !ci.Low.OK() && !ci.High.OK() {
		return
	}
	if ci.Kind == "" || ci.Level <= 0 || ci.Level >= 1 {
		t.Errorf("%s: an interval needs a kind and a level", id)
	}
	const slack = 1e-9
	inverted := e.Scale == analysis.ScaleNNT
	if !inverted && e.Value.OK() && (float64(ci.Low) > float64(e.Value)+slack || float64(ci.High) < float64(e.Value)-slack) {
		t.Errorf("%s: interval does not hold the estimate", id)
	}
	if e.Scale == analysis.ScaleProportion && (ci.Low < 0 || ci.High > 1 || e.Value < 0 || e.Value > 1) {
		t.Errorf("%s: a proportion outside [0, 1]", id)
	}
}

// Cohort builds a cohort in memory from CSV texts by table name and a cohort
// file, for tests.
func Cohort(t *testing.T, dictionary string, tables map[string]string) *datasets.Cohort {
	t.Helper()
	d, err := datasets.ParseDictionary("cohort.yaml", []byte(dictionary))
	if err != nil {
		t.Fatal(err)
	}
	c, err := datasets.Load(t.Context(), d, datasets.LoadOptions{Open: datasets.OpenText(tables)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Rows reads a CSV text; the first row is the header.
func Rows(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Write turns rows back into a CSV text.
func Write(rows [][]string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.WriteAll(rows) // a strings.Builder does not fail
	return b.String()
}
