package like

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/synthetic"
)

func learn(t *testing.T, c *datasets.Cohort, o Options) *Model {
	t.Helper()
	m, err := Learn(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// through writes a cohort and opens it by the door, so that the gate looks at it.
func through(t *testing.T, s synthetic.Source) *datasets.Cohort {
	t.Helper()
	dir := t.TempDir()
	for i, r := range s.Dictionary.Resources {
		var b bytes.Buffer
		if err := s.Write(t.Context(), &b, i, synthetic.Writing{}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, r.Path[0]), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	y, err := s.Dictionary.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cohort.yaml"), y, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := open.Cohort(t.Context(), filepath.Join(dir, "cohort.yaml"), open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// moment returns the mean, SD and number of an outcome at a visit in an arm.
func moment(c *datasets.Cohort, outcome, visit string, arm int) datasets.Moments {
	var m datasets.Moments
	of := c.ArmOf()
	for p, x := range c.Values(outcome, visit) {
		if !math.IsNaN(x) && (arm < 0 || of[p] == int32(arm)) {
			m.Add(x)
		}
	}
	return m
}

// Of the real trial, drawn 66 times as large: the means of each arm at each visit
// are within a quarter of the SD, the correlations of outcomes after treatment, within
// arms, within 0.1 and their mean difference within 0.04, and no value beyond the outermost bins.
// What is drawn is large enough that its own error (SE 0.02 SD, 0.013 of a
// correlation) is 5 times smaller: a false failure takes a chance under 10⁻⁵ each.
func TestAshar(t *testing.T) {
	const file = "../../testdata/ashar2022.yaml"
	if _, err := os.Stat("../../../../shared/data/ashar2022"); err != nil {
		t.Skip("SKIPPED: the trial's data are not beside the repository, in ../shared/data/ashar2022")
	}
	real, err := open.Cohort(t.Context(), file, open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := learn(t, real, Options{Seed: 1, Patients: 10_000})
	made := through(t, m.Source())
	if made.Patients() != 10_000 || len(made.Arms()) != 3 {
		t.Fatalf("%d patients, %d arms", made.Patients(), len(made.Arms()))
	}
	worst := 0.0
	for _, o := range []string{"pain_avg", "bpi_interference", "odi", "pcs", "tsk11", "promis_dep", "promis_sleep"} {
		for _, v := range []string{"baseline", "t2_arm_1", "12_month_follow_up_arm_1"} {
			for arm := range 3 {
				a, b := moment(real, o, v, arm), moment(made, o, v, arm)
				if a.N < 22 {
					continue
				}
				d := math.Abs(a.Mean-b.Mean) / a.SD()
				worst = max(worst, d)
				if d > 0.25 || b.SD()/a.SD() < 0.65 || b.SD()/a.SD() > 1.2 {
					t.Errorf("%s %s arm %d: %v (%v), made %v (%v)", o, v, arm, a.Mean, a.SD(), b.Mean, b.SD())
				}
			}
		}
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range real.Values("odi", "baseline") {
		if !math.IsNaN(x) {
			low, high = min(low, x), max(high, x)
		}
	}
	for _, x := range made.Values("odi", "baseline") {
		if x <= low || x >= high {
			t.Fatalf("the extremes of the trial are drawn: %v", x)
		}
	}
	sum, n, far := 0.0, 0, 0.0
	list := []string{"pain_avg", "bpi_intensity", "bpi_interference", "odi", "pcs", "tsk11", "promis_dep", "promis_anxiety", "promis_sleep"}
	for i, a := range list {
		for _, b := range list[:i] {
			r := correlation(within(real, real.Values(a, "t2_arm_1")), within(real, real.Values(b, "t2_arm_1")))
			q := correlation(within(made, made.Values(a, "t2_arm_1")), within(made, made.Values(b, "t2_arm_1")))
			d := math.Abs(r - q)
			sum, n, far = sum+d, n+1, max(far, d)
			if d > 0.1 {
				t.Errorf("%s and %s: correlation %v, made %v", a, b, r, q)
			}
		}
	}
	if sum/float64(n) > 0.04 {
		t.Errorf("correlations differ by %v on average", sum/float64(n))
	}
	r, err := m.Compare(t.Context(), real)
	if err != nil {
		t.Error(err)
	}
	t.Logf("means within %.3f SD; correlations within %.3f, %.3f on average; all: %+v; copies %+v", worst, far, sum/float64(n), r.Correlations, r.Copies)
	for _, n := range r.LeftOut {
		t.Logf("%+v", n)
	}
}

// The demonstration's cohort, of every kind of table, keeps its arms, its retention by
// the last value, its rows, and passes the gate.
func TestDemo(t *testing.T) {
	o := synthetic.Default
	o.Comparison = true
	f, err := synthetic.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	real, err := f.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := learn(t, real, Options{Seed: 2, Patients: 5000})
	made := through(t, m.Source())
	for _, v := range []string{"baseline", "discharge", "month12"} {
		for arm := -1; arm < 2; arm++ {
			for _, outcome := range []string{"pain", "odi", "phq9"} {
				a, b := moment(real, outcome, v, arm), moment(made, outcome, v, arm)
				if d := math.Abs(a.Mean-b.Mean) / a.SD(); d > 0.12 {
					t.Errorf("%s %s arm %d: %v (%v), made %v (%v)", outcome, v, arm, a.Mean, a.SD(), b.Mean, b.SD())
				}
			}
			a, b := moment(real, "pain", v, arm), moment(made, "pain", v, arm)
			if x, y := float64(a.N)/float64(real.Patients()), float64(b.N)/float64(made.Patients()); math.Abs(x-y) > 0.04 {
				t.Errorf("%s: %v are seen, made %v", v, x, y)
			}
		}
	}
	// Who is seen at month 6 by pain at discharge.
	gap := func(c *datasets.Cohort) float64 {
		var in, out datasets.Moments
		last, seen := c.Values("pain", "discharge"), c.Seen("month6")
		for p, x := range last {
			switch {
			case math.IsNaN(x):
			case seen[p]:
				in.Add(x)
			default:
				out.Add(x)
			}
		}
		return in.Mean - out.Mean
	}
	if a, b := gap(real), gap(made); math.Abs(a-b) > 0.25 {
		t.Errorf("those seen at month 6 differ by %v in pain at discharge, made %v", a, b)
	}
	r, err := m.Compare(t.Context(), real)
	if err != nil {
		t.Error(err)
	}
	for _, x := range r.Rows {
		if d := float64(x.Synthetic/x.Real) - 1; math.Abs(d) > 0.1 {
			t.Errorf("rows %+v", x)
		}
	}
	for _, x := range r.Levels {
		if x.Largest > 0.06 {
			t.Errorf("levels %+v", x)
		}
	}
	t.Logf("%+v %+v", r.Correlations, r.Copies)
	ids := map[string]bool{}
	for _, c := range []*datasets.Cohort{real, made} {
		tb := c.Table("patients")
		codes, levels := tb.Codes("patient")
		for _, code := range codes {
			if ids[levels[code]] {
				t.Fatal("an id is in both")
			}
			if c == real {
				ids[levels[code]] = true
			}
		}
	}
	b, err := r.JSON()
	if err != nil || !bytes.Contains(b, []byte("not anonymous by proof")) {
		t.Errorf("%v", err)
	}
	// Held against a cohort of the very same patients it is refused.
	copied, err := m.Source().Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := m.Compare(t.Context(), copied); !errors.Is(err, datasets.ErrPrivacy) || r.Copies.Same < r.Copies.Rows*9/10 {
		t.Errorf("copies pass: %+v, %v", r.Copies, err)
	}
	// The same bytes for any number of workers.
	s := m.Source()
	s.Patients = 200
	for i := range s.Dictionary.Resources {
		var want bytes.Buffer
		if err := s.Write(t.Context(), &want, i, synthetic.Writing{Workers: 1}); err != nil {
			t.Fatal(err)
		}
		for workers := 2; workers <= 7; workers++ {
			var got bytes.Buffer
			if err := s.Write(t.Context(), &got, i, synthetic.Writing{Workers: workers, Piece: 11 * workers}); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Errorf("other bytes with %d workers (%v)", workers, err)
			}
		}
	}
}

// cohort makes a cohort of one table of visits with one text and one number.
func cohort(t *testing.T, n int, text func(p int) string, number func(p int) string) *datasets.Cohort {
	t.Helper()
	d, err := datasets.ParseDictionary("cohort.yaml", []byte(`name: hostile
resources:
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: word, type: string, role: covariate}
        - {name: pain, type: number, role: outcome}
`))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("id,visit,word,pain\n")
	for p := range n {
		for _, v := range []string{"one", "two"} {
			fmt.Fprintf(&b, "Q%d,%s,%s,%s\n", p, v, text(p), number(p))
		}
	}
	c, err := datasets.Load(context.Background(), d, datasets.LoadOptions{Open: datasets.OpenText(map[string]string{"visits.csv": b.String()})})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHostile(t *testing.T) {
	some := func(int) string { return "yes" }
	vary := func(p int) string { return fmt.Sprint(p % 9) }
	if _, err := Learn(t.Context(), cohort(t, 5, some, vary), Options{}); !errors.Is(err, datasets.ErrPrivacy) || !strings.Contains(err.Error(), "at least 33") {
		t.Errorf("five patients: %v", err)
	}
	if _, err := Learn(t.Context(), cohort(t, 100, some, vary), Options{K: 2}); !errors.Is(err, datasets.ErrPrivacy) {
		t.Errorf("groups of two: %v", err)
	}
	// A constant is a constant.
	made := through(t, learn(t, cohort(t, 100, some, func(int) string { return "3.25" }), Options{}).Source())
	if m := moment(made, "pain", "one", -1); m.Mean != 3.25 || m.M2 != 0 || m.N != 100 {
		t.Errorf("constant: %+v", m)
	}
	// A column that is all missing is left out, and told.
	m := learn(t, cohort(t, 100, some, func(int) string { return "" }), Options{})
	if made := through(t, m.Source()); made.Table("visits").Has("pain") || !told(m, "pain") {
		t.Errorf("all missing: %+v", m.Notes())
	}
	// 200 levels of a few patients each: they are put together; as free text, left out.
	few := func(p int) string {
		if p < 100 {
			return "common"
		}
		return fmt.Sprintf("rare%d", p%200)
	}
	m = learn(t, cohort(t, 700, few, vary), Options{})
	levels, _ := through(t, m.Source()).Table("visits").Counts("word")
	slices.Sort(levels)
	if !slices.Equal(levels, []string{"common", "other"}) || !told(m, "word") {
		t.Errorf("200 levels: %v", levels)
	}
	m = learn(t, cohort(t, 200, func(p int) string { return fmt.Sprintf("text%d", p) }, vary), Options{})
	if made := through(t, m.Source()); made.Table("visits").Has("word") || !told(m, "word") {
		t.Error("free text was not left out")
	}
	// One who is far from all others does not show, and neither does a rare value.
	far := func(p int) string {
		if p == 7 {
			return "1000"
		}
		return vary(p)
	}
	made = through(t, learn(t, cohort(t, 200, some, far), Options{Patients: 5000}).Source())
	for _, x := range made.Values("pain", "one") {
		if x > 120 {
			t.Fatalf("%v is drawn", x)
		}
	}
	// Nothing but free text and too few values: refused.
	if _, err := Learn(t.Context(), cohort(t, 100, func(p int) string { return fmt.Sprintf("text%d", p) }, func(int) string { return "" }), Options{}); !errors.Is(err, datasets.ErrPrivacy) {
		t.Errorf("nothing to imitate: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Learn(ctx, cohort(t, 100, some, vary), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func told(m *Model, column string) bool {
	return slices.ContainsFunc(m.Notes(), func(n Note) bool { return n.Column == column })
}

// Bins by hand, with K = 3: 1 1 1 | 2 3 4 | 9: the value that three share stays, the
// rest are one bin, its mean 4.5, to which 9 is drawn in.
func TestBinsByHand(t *testing.T) {
	var xs []valued
	for i, x := range []float64{4, 1, 9, 1, 2, 3, 1} {
		xs = append(xs, valued{x, int32(i)})
	}
	c := &column{how: isNumber, step: 0.5}
	m := learned(c, slices.Clone(xs), 3)
	if len(m.bins) != 2 || m.bins[0] != (bin{3.0 / 7, 1, 1, true}) || m.bins[1] != (bin{1, 4.5, 4.5, false}) {
		t.Errorf("%+v", m.bins)
	}
	// Rows of one patient are one patient.
	for i := range xs {
		xs[i].patient = 0
	}
	if m := learned(c, xs, 3); len(m.bins) != 1 || m.bins[0].low != 3 || m.bins[0].atom {
		t.Errorf("%+v", m.bins)
	}
}
