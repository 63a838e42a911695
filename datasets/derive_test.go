package datasets

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
)

const derived = `
name: derived
visits:
  - {value: "0", baseline: true}
  - {value: "1"}
arms:
  - {value: a}
  - {value: b}
resources:
  - name: people
    path: people.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: integer}
  - name: visits
    path: visits.csv
    schema:
      missingValues: ["", "NA"]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
        - {name: seen, type: date}
        - {name: note, type: string}
        - {name: well, type: boolean}
`

// rows writes a file of n patients over several batches; each may be named again.
func derivedFiles(names []string) map[string]string {
	var people, visits strings.Builder
	people.WriteString("id,arm,age\n")
	visits.WriteString("id,visit,pain,seen,note,well\n")
	for i, name := range names {
		k := 0
		if _, err := fmt.Sscanf(name, "p%d", &k); err != nil {
			panic(err)
		}
		id := fmt.Sprintf("p%d.%d", k, i)
		fmt.Fprintf(&people, "%s,%s,%d\n", id, []string{"a", "b"}[k%2], 20+k%60)
		fmt.Fprintf(&visits, "%s,0,%d.5,2024-01-%02d,%s,true\n", id, k%9, 1+k%28, []string{"x", "y", ""}[k%3])
		if k%4 > 0 {
			fmt.Fprintf(&visits, "%s,1,%s,,z,false\n", id, []string{"NA", "1", "2.25"}[k%3])
		}
	}
	return map[string]string{"people.csv": people.String(), "visits.csv": visits.String()}
}

func loadDerived(t *testing.T, names []string) *Cohort {
	t.Helper()
	d, err := ParseDictionary("cohort.yaml", []byte(derived))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(t.Context(), d, LoadOptions{Open: OpenText(derivedFiles(names))})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sameFloats(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || x != x && y != y })
}

// A sample has what a file would give in which the patients are written as often as
// they are drawn, in one batch or in many.
func TestResample(t *testing.T) {
	for _, n := range []int{7, 90_000} { // over the rows of a batch too
		var names, drawn []string
		times := make([]int, n)
		for i := range n {
			names = append(names, fmt.Sprintf("p%d", i))
			times[i] = (i*7 + i/5) % 4
			for range times[i] {
				drawn = append(drawn, names[i])
			}
		}
		c, want := loadDerived(t, names), loadDerived(t, drawn)
		if n > 7 && len(c.Table("visits").columns[0]) < 2 {
			t.Fatal("expected more than one batch")
		}
		got := c.Resample(times)
		if got.Patients() != want.Patients() || got.Rows() != want.Rows() {
			t.Fatalf("%d patients and %d rows, want %d and %d", got.Patients(), got.Rows(), want.Patients(), want.Rows())
		}
		if !slices.Equal(got.ArmOf(), want.ArmOf()) {
			t.Error("arms differ")
		}
		for _, v := range []string{"0", "1"} {
			if !sameFloats(got.Values("pain", v), want.Values("pain", v)) {
				t.Errorf("pain at %s differs", v)
			}
		}
		for _, col := range []string{"seen", "well", "note"} {
			if !sameFloats(got.Table("visits").Floats(col), want.Table("visits").Floats(col)) {
				t.Errorf("%s differs", col)
			}
		}
		gc, gl := got.Table("visits").Codes("note")
		wc, wl := want.Table("visits").Codes("note")
		for r := range gc {
			if (gc[r] < 0) != (wc[r] < 0) || gc[r] >= 0 && gl[gc[r]] != wl[wc[r]] {
				t.Fatalf("note differs at row %d", r)
			}
		}
		if g, w := got.Table("visits").MissingReasons("pain"), want.Table("visits").MissingReasons("pain"); !slices.Equal(g, w) {
			t.Errorf("reasons %v, want %v", g, w)
		}
		for what, got := range map[string]*Cohort{"a sample": got, "a sample of a narrowed cohort": c.Narrowed("pain", "0", "1").Resample(times)} {
			age, err := got.Covariate("age")
			wantAge, _ := want.Covariate("age")
			if err != nil || !sameFloats(age, wantAge) {
				t.Errorf("%s: age differs", what)
			}
			for _, v := range []string{"0", "1"} {
				if !sameFloats(got.Values("pain", v), want.Values("pain", v)) || !slices.Equal(got.Seen(v), want.Seen(v)) {
					t.Errorf("%s: pain or who was seen at %s differs", what, v)
				}
			}
			if !slices.Equal(got.Began(), want.Began()) || !slices.Equal(got.RowsOf(got.Table("visits")), want.RowsOf(want.Table("visits"))) {
				t.Errorf("%s: who began or the rows of patients differ", what)
			}
			if n := len(got.Outcomes()); n != 1 {
				t.Errorf("%s: %d outcomes", what, n)
			}
		}
	}
}

// Values put in place of those read go along with the patients they are of.
func TestWithValues(t *testing.T) {
	c := loadDerived(t, []string{"p0", "p1", "p2", "p4"})
	nan := math.NaN()
	d := c.WithValues("pain", "1", []float64{7, 1, nan, 3}).WithValues("age", "", []float64{1, 2, 3, 4})
	if !sameFloats(d.Values("pain", "1"), []float64{7, 1, nan, 3}) || !sameFloats(c.Values("pain", "1"), []float64{nan, 1, 2.25, nan}) {
		t.Errorf("values %v; the cohort's own %v", d.Values("pain", "1"), c.Values("pain", "1"))
	}
	if got := d.Seen("1"); !slices.Equal(got, []bool{true, true, true, true}) {
		t.Errorf("seen %v", got)
	}
	if got := c.Seen("1"); !slices.Equal(got, []bool{false, true, true, false}) {
		t.Errorf("the cohort's own seen %v", got)
	}
	if age, _ := d.Select([]bool{true, false, false, true}, "").Covariate("age"); !sameFloats(age, []float64{1, 4}) {
		t.Errorf("ages of those selected %v", age)
	}
	withArm := c.WithLevels("arm", []int32{0, 1, 1, -1})
	if codes, levels, err := withArm.CovariateLevels("arm"); err != nil || !slices.Equal(codes, []int32{0, 1, 1, -1}) || !slices.Equal(levels, []string{"a", "b"}) {
		t.Errorf("levels %v %v %v", codes, levels, err)
	}
	if codes, _, _ := c.CovariateLevels("arm"); !slices.Equal(codes, []int32{0, 1, 0, 0}) {
		t.Errorf("the cohort's own levels %v", codes)
	}
	if codes, _, _ := withArm.Select([]bool{false, true, false, true}, "").CovariateLevels("arm"); !slices.Equal(codes, []int32{1, -1}) {
		t.Errorf("levels of those selected %v", codes)
	}
	if codes, _, _ := withArm.Resample([]int{0, 2, 0, 1}).CovariateLevels("arm"); !slices.Equal(codes, []int32{1, 1, -1}) {
		t.Errorf("levels of a sample %v", codes)
	}
	if got := d.Resample([]int{2, 0, 1, 0}).Values("pain", "1"); !sameFloats(got, []float64{7, 7, nan}) {
		t.Errorf("of a sample %v", got)
	}
	if got := d.WithArms([]int32{1, 1, 0, 0}).ArmOf(); !slices.Equal(got, []int32{1, 1, 0, 0}) {
		t.Errorf("arms %v", got)
	}
	if got := loadDerived(t, []string{"p3", "p10", "p2"}).ByIdentifier(); !slices.Equal(got, []int{1, 2, 0}) { // p10.1 p2.2 p3.0
		t.Errorf("by identifier %v", got)
	}
}

// A cohort is read by several goroutines at once: go test -race tells what they share.
func TestReadAtOnce(t *testing.T) {
	c := loadDerived(t, []string{"p0", "p1", "p2", "p4"})
	for _, of := range []*Cohort{c, c.Select([]bool{true, true, false, true}, ""), c.Resample([]int{1, 0, 2, 0})} {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if codes, levels := of.Table("visits").Codes("note"); len(codes) == 0 || len(levels) == 0 {
					t.Error("no notes")
				}
				_ = of.Values("pain", "1")
				_ = of.Table("visits").Floats("note")
			})
		}
		wg.Wait()
	}
}

// Other labels change what a reader sees, and neither values nor what the cohort was.
func TestRelabeled(t *testing.T) {
	c := loadDerived(t, []string{"p0", "p1", "p2"})
	other := c.Relabeled(func(label string) string {
		return map[string]string{"a": "eins", "1": "später", "pain": "Schmerz"}[label]
	})
	labels := func(c *Cohort) string {
		f, err := c.Outcome("pain")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(c.Arms()[0].ArmName(), " ", c.Arms()[1].ArmName(), " ", c.Visits()[0].VisitName(), " ", c.Visits()[1].VisitName(), " ", f.Label())
	}
	if got := labels(other); got != "eins b 0 später Schmerz" {
		t.Errorf("relabeled: %s", got)
	}
	if got := labels(c); got != "a b 0 1 pain" {
		t.Errorf("the cohort itself has become %s", got)
	}
	for _, word := range []string{"a", "eins"} {
		if i, err := other.Arm(word); i != 0 || err != nil {
			t.Errorf("arm %s is %d: %v", word, i, err)
		}
	}
	if v, err := other.Visit("1"); err != nil || v.Value != "1" {
		t.Errorf("visit %v: %v", v, err)
	}
	if !slices.EqualFunc(other.Values("pain", "1"), c.Values("pain", "1"), func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
		t.Error("values have changed")
	}
}
