package impute_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/impute"
	"recoup/datasets"
)

const twoArms = `
name: two
visits: [{value: "0", baseline: true, week: 0}, {value: "1", week: 4}, {value: "2", week: 8}]
arms: [{value: a}, {value: b}]
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate}
        - {name: group, type: string, role: covariate}
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: score, type: number, role: outcome, constraints: {minimum: -10, maximum: 20}}
        - {name: other, type: number, role: outcome}
`

// person is a patient of a small cohort: scores by visit, "" where missing.
type person struct {
	id, arm, age, group string
	scores              [3]string
}

func small(t *testing.T, people []person) *datasets.Cohort {
	t.Helper()
	var patients, visits strings.Builder
	patients.WriteString("id,arm,age,group\n")
	visits.WriteString("id,visit,score,other\n")
	for _, p := range people {
		fmt.Fprintf(&patients, "%s,%s,%s,%s\n", p.id, p.arm, p.age, p.group)
		for v, s := range p.scores {
			fmt.Fprintf(&visits, "%s,%d,%s,\n", p.id, v, s)
		}
	}
	return analysistest.Cohort(t, twoArms, map[string]string{"p.csv": patients.String(), "v.csv": visits.String()})
}

func weightedData(t *testing.T) []person {
	t.Helper()
	b, err := os.ReadFile("testdata/weighted.csv")
	if err != nil {
		t.Fatal(err)
	}
	var out []person
	for _, r := range analysistest.Rows(t, string(b))[1:] {
		out = append(out, person{id: r[0], arm: r[1], age: r[2], group: "x", scores: [3]string{r[3], r[4], ""}})
	}
	return out
}

// Weighted changes and their errors are those of stacked estimating equations in R.
func TestWeightedAgainstR(t *testing.T) {
	want := analysistest.ReadReference(t, "testdata/weighted.json")
	q := analysis.Question{Outcome: "score", Visit: "1", Arm: "a", Reference: "b"}
	r, err := impute.Weighted.Run(t.Context(), analysis.Input{Cohort: small(t, weightedData(t))}, q, map[string]string{"covariates": "age"})
	if err != nil {
		t.Fatal(err)
	}
	for i, arm := range []string{"a", "b"} {
		e := analysistest.Find(t, r, "weighted_change", arm)
		want.Near(t, "change", i, e.Value, 1e-9)
		want.Near(t, "change_se", i, e.SE, 1e-8)
		want.Near(t, "seen_change", i, analysistest.Find(t, r, "seen_change", arm).Value, 1e-12)
		for k := range 5 {
			want.Near(t, "weights_"+arm, k, r.Tables[1].Rows[i][k+1].Num, 1e-9)
		}
	}
	e := analysistest.Find(t, r, "weighted_difference", "a")
	want.Near(t, "difference", 0, e.Value, 1e-9)
	want.Near(t, "difference", 1, e.SE, 1e-8)
	if e.N.Missing+e.N.Arm+e.N.Reference != 120 {
		t.Errorf("counts %+v", e.N)
	}
	cut, err := impute.Weighted.Run(t.Context(), analysis.Input{Cohort: small(t, weightedData(t))}, q, map[string]string{"covariates": "age", "truncate": "0.9"})
	if err != nil {
		t.Fatal(err)
	}
	// Cut to all but nothing the weights are alike, and the error is that of a plain mean.
	alike, err := impute.Weighted.Run(t.Context(), analysis.Input{Cohort: small(t, weightedData(t))}, q, map[string]string{"covariates": "age", "truncate": "0.5001"})
	if err != nil {
		t.Fatal(err)
	}
	a, b := analysistest.Find(t, alike, "weighted_change", "a"), analysistest.Find(t, alike, "seen_change", "a")
	near(t, "change by equal weights", float64(a.Value), float64(b.Value), 1e-3)
	near(t, "its error", float64(a.SE), float64(b.SE)*math.Sqrt(56./57), 1e-3)
	if most := cut.Tables[1].Rows[0][4].Num; !(most < r.Tables[1].Rows[0][4].Num) {
		t.Errorf("largest weight after cutting %v", most)
	}
}

// Where everyone of an arm was seen there is no model, and that is said; where everyone
// was seen at all, the weights are 1 and the changes those of the patients.
func TestWeightedHardData(t *testing.T) {
	people := weightedData(t)
	q := analysis.Question{Outcome: "score", Visit: "1", Arm: "a", Reference: "b"}
	for i := range people {
		if people[i].arm == "b" {
			people[i].scores[1] = "3"
		}
	}
	_, err := impute.Weighted.Run(t.Context(), analysis.Input{Cohort: small(t, people)}, q, nil)
	if !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("an arm without drop-out: %v", err)
	}
	for i := range people {
		people[i].scores[1] = fmt.Sprint(i % 7)
	}
	r, err := impute.Weighted.Run(t.Context(), analysis.Input{Cohort: small(t, people)}, q, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := analysistest.Find(t, r, "weighted_change", "a"), analysistest.Find(t, r, "seen_change", "a"); a.Value-b.Value > 1e-12 || b.Value-a.Value > 1e-12 {
		t.Errorf("%v, want %v", a.Value, b.Value)
	}
}
