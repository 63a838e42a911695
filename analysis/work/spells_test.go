package work_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/work"
)

const spellsYAML = `name: s
resources:
  - name: people
    path: people.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate}
  - name: spells
    path: spells.csv
    schema:
      missingValues: [""]
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: integer, role: start, unit: days}
        - {name: to, type: integer, role: end, unit: days}
        - {name: status, type: string, role: work_status, categories: [off work, working, modified duty, retired]}
arms:
  - {value: a}
  - {value: b}
`

func spells(t *testing.T, people, text string) analysis.Input {
	t.Helper()
	return cohort(t, map[string]string{"cohort.yaml": spellsYAML, "people.csv": people, "spells.csv": text})
}

func file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func table(t *testing.T, r analysis.Result, name string) analysis.Table {
	t.Helper()
	for _, x := range r.Tables {
		if x.Name == name {
			return x
		}
	}
	t.Fatalf("no table %s", name)
	return analysis.Table{}
}

func TestSpellsAgainstSurvival(t *testing.T) {
	want := analysistest.ReadReference(t, "testdata/spells.json")
	people := file(t, "people.csv")
	one := strings.ReplaceAll(people, ",b,", ",a,") // all in one arm
	in := spells(t, one, file(t, "spells.csv"))
	for entry, errors := range map[string]string{"fixed": "share_se", "estimated": "share_se_estimated"} {
		r := answer(t, work.States, in, analysis.Question{Arm: "a"}, map[string]string{"at": "1,91,140", "tau": "140", "entry": entry})
		for k, state := range []string{"working", "modified duty", "outside the work force", "off work"} {
			for i, day := range []string{"day 1", "day 91", "day 140"} {
				e := withArm(t, r, "share in "+state, "a", day)
				want.Near(t, "share", 4*i+k, e.Value, 1e-10)
				if e.SE.OK() {
					want.Near(t, errors, 4*i+k, e.SE, 1e-9)
				}
			}
			e := withArm(t, r, "days in "+state, "a", "day 140")
			want.Near(t, "days", k, e.Value, 1e-9)
			if entry == "estimated" {
				want.Near(t, "days_se", k, e.SE, 1e-9)
			}
		}
	}
	rec := answer(t, work.Recurrent, in, analysis.Question{Arm: "a"}, map[string]string{"at": "91,140", "at_risk": "all"})
	for i, day := range []string{"day 91", "day 140"} {
		e := withArm(t, rec, "mean_relapses", "a", day)
		want.Near(t, "mcf", i, e.Value, 1e-10)
		want.Near(t, "mcf_se", i, e.SE, 1e-9)
	}
	two := spells(t, people, file(t, "spells.csv"))
	for name, model := range map[string]string{"ag": "andersen-gill", "total": "pwp-total", "gap": "pwp-gap"} {
		r := answer(t, work.Recurrent, two, analysis.Question{Arm: "a", Reference: "b"}, map[string]string{"model": model, "strata": "2", "covariates": "age", "at_risk": "all"})
		for j, term := range []string{"relapse_hazard_ratio", "relapse_hazard_ratio of age"} {
			e := analysistest.Find(t, r, term, "")
			want.Near(t, name, j, analysis.Num(math.Log(float64(e.Value))), 1e-8)
			want.Near(t, name+"_se", j, e.SE, 1e-8)
		}
	}
}

// Two patients followed for days 0 to 9. 1: off 0-3, modified 4-5, working 6-9.
// 2: off 0-7, retired 8-9. Nobody is lost, so shares are counts: over 10 days off work
// (4+8)/2 = 6, modified 2/2 = 1, working 4/2 = 2, outside 2/2 = 1. Each patient's own
// days off, 4 and 8, differ by 2 from the mean: the error is √(2²+2²)/2 = √2.
// Lost with half a day for modified duty: 4+1 = 5 and 8, mean 6.5, error 3/2·√2/2... :
// √(1.5²+1.5²)/2. At 100 a day: 650.
func TestStatesByHand(t *testing.T) {
	in := spells(t, "id,arm,age\n1,a,30\n2,a,40\n", "id,from,to,status\n1,0,3,off work\n1,4,5,modified duty\n1,6,9,working\n2,0,7,off work\n2,8,9,retired\n")
	set := map[string]string{"tau": "10", "at": "0,5,9", "modified_loss": "0.5", "cost_per_day": "100", "currency": "USD", "price_year": "2024"}
	r := answer(t, work.States, in, analysis.Question{Arm: "a"}, set)
	for term, v := range map[string][2]float64{
		"days in off work": {6, math.Sqrt2}, "days in modified duty": {1, math.Sqrt2 / 2}, "days in working": {2, math.Sqrt2},
		"days in outside the work force": {1, math.Sqrt2 / 2}, "days_lost": {6.5, 1.5 * math.Sqrt2 / 2}, "cost_lost": {650, 150 * math.Sqrt2 / 2},
	} {
		e := withArm(t, r, term, "a", "day 10")
		near(t, term, e.Value, v[0])
		near(t, term+" error", e.SE, v[1])
	}
	if c := withArm(t, r, "cost_lost", "a", "day 10"); c.Unit != "USD of 2024" {
		t.Errorf("unit %q", c.Unit)
	}
	near(t, "off on day 5", withArm(t, r, "share in off work", "a", "day 5").Value, 0.5)
	near(t, "retired on day 9", withArm(t, r, "share in outside the work force", "a", "day 9").Value, 0.5)
	// From off work on day 0 half are at work on day 9, and half retired; one went to
	// modified duty and one out of the work force.
	matrix, counts := table(t, r, "transition-matrix/a").Rows[3], table(t, r, "transitions/a").Rows
	for j, want := range []float64{0.5, 0, 0.5, 0} {
		near(t, "matrix", matrix[1+j].Num, want)
	}
	if counts[3][2].Num != 1 || counts[3][3].Num != 1 || counts[1][1].Num != 1 || counts[3][1].Num != 0 {
		t.Errorf("counts %+v", counts)
	}
	for _, bad := range []map[string]string{{"cost_per_day": "10"}, {"tau": "0"}, {"modified_loss": "2"}, {"at": "9,5"}} {
		if _, err := work.States.Run(context.Background(), in, analysis.Question{}, bad); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if e := withArm(t, answer(t, work.States, in, analysis.Question{Arm: "a"}, nil), "days_lost", "a", "day 365"); e.Value.OK() {
		t.Errorf("beyond follow-up: %+v", e)
	}
}

// The difference between arms is that of the means, its error from the sum of the variances.
func TestDaysBetweenArms(t *testing.T) {
	in := spells(t, file(t, "people.csv"), file(t, "spells.csv"))
	r := answer(t, work.States, in, analysis.Question{Arm: "a", Reference: "b"}, map[string]string{"tau": "120", "cost_per_day": "2", "currency": "EUR", "price_year": "2023"})
	a, b := withArm(t, r, "days_lost", "a", "day 120"), withArm(t, r, "days_lost", "b", "day 120")
	d, c := withArm(t, r, "difference of days_lost", "a", "day 120"), withArm(t, r, "difference of cost_lost", "a", "day 120")
	near(t, "difference", d.Value, float64(a.Value-b.Value))
	near(t, "its error", d.SE, math.Hypot(float64(a.SE), float64(b.SE)))
	near(t, "its cost", c.Value, 2*float64(d.Value))
	if d.N.Arm != 40 || d.N.Reference != 40 || d.Reference != "b" {
		t.Errorf("%+v", d.N)
	}
}

// A day that no spell covers ends what is known, and is off work only where the user says
// that every spell of work is listed; a day with work and sick leave is work.
func TestGapsAndOverlaps(t *testing.T) {
	in := spells(t, "id,arm,age\n1,a,30\n2,a,30\n3,a,30\n", "id,from,to,status\n1,0,4,working\n1,8,9,working\n2,0,9,off work\n2,3,6,working\n3,2,9,working\n")
	r := answer(t, work.States, in, analysis.Question{Arm: "a"}, map[string]string{"tau": "5", "at": "4,9"})
	e := withArm(t, r, "share in working", "a", "day 4")
	near(t, "working on day 4", e.Value, 1) // both known on day 0; 3 is not
	if e.N.Arm != 2 || e.N.Missing != 1 {
		t.Errorf("%+v", e.N)
	}
	r = answer(t, work.States, in, analysis.Question{Arm: "a"}, map[string]string{"tau": "10", "at": "1,7,9", "gap": "off-work"})
	near(t, "all known, day 1", withArm(t, r, "share in working", "a", "day 1").Value, 1./3)
	near(t, "all known, day 7", withArm(t, r, "share in working", "a", "day 7").Value, 1./3)
	near(t, "all known, day 9", withArm(t, r, "share in working", "a", "day 9").Value, 2./3)
	// 1 relapses on day 5, 2 on day 7; with gaps unknown only 2 does.
	m := answer(t, work.Recurrent, in, analysis.Question{Arm: "a"}, map[string]string{"at": "7", "gap": "off-work", "at_risk": "all"})
	near(t, "relapses", withArm(t, m, "mean_relapses", "a", "day 7").Value, 2./3)
	m = answer(t, work.Recurrent, in, analysis.Question{Arm: "a"}, map[string]string{"at": "7", "at_risk": "all"})
	near(t, "relapses, gaps unknown", withArm(t, m, "mean_relapses", "a", "day 7").Value, 1)
}

// Work that ends in retirement is no relapse, nor is work whose end is not seen.
func TestWhatIsNoRelapse(t *testing.T) {
	in := spells(t, "id,arm,age\n1,a,30\n2,a,30\n3,a,30\n", "id,from,to,status\n1,0,4,working\n1,5,20,retired\n2,0,20,working\n3,0,4,working\n3,5,9,modified duty\n3,10,20,off work\n")
	r := answer(t, work.Recurrent, in, analysis.Question{Arm: "a"}, map[string]string{"at": "9,20", "at_risk": "all"})
	near(t, "by day 9", withArm(t, r, "mean_relapses", "a", "day 9").Value, 0)
	near(t, "by day 20", withArm(t, r, "mean_relapses", "a", "day 20").Value, 1./3)
	if e := withArm(t, r, "mean_relapses", "a", "day 20"); e.N.Events != 1 {
		t.Errorf("%+v", e.N)
	}
}

// The published transitions of 7,297 patients of the Swedish quality register for pain
// rehabilitation, one year after (Rivano Fischer and others 2019, J Rehabil Med 51:281,
// Table II), as a cohort: shares of each row, and the totals of Table III (3,684 without
// sick leave after one year, 2,497 before).
func TestSwedishTransitions(t *testing.T) {
	levels := []string{"none", "partial", "full temporary", "full permanent"}
	counts := [][]int{{1925, 215, 302, 55}, {636, 727, 288, 34}, {952, 386, 734, 207}, {171, 53, 76, 536}}
	var b strings.Builder
	b.WriteString("id,visit,leave\n")
	id := 0
	for i, row := range counts {
		for j, n := range row {
			for range n {
				fmt.Fprintf(&b, "%d,0,%s\n%d,1,%s\n", id, levels[i], id, levels[j])
				id++
			}
		}
	}
	b.WriteString("x,0,none\n") // seen once
	in := cohort(t, map[string]string{"visits.csv": b.String(), "cohort.yaml": `name: s
resources:
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: leave, type: string, role: sick_leave, categories: [none, partial, full temporary, full permanent]}
visits:
  - {value: "0", name: before, week: 0, baseline: true}
  - {value: "1", name: one year, week: 52}
`})
	r := answer(t, work.Transitions, in, analysis.Question{}, map[string]string{"column": "sick_leave"})
	for i, from := range levels {
		total := 0
		for _, n := range counts[i] {
			total += n
		}
		for j, to := range levels {
			e := withArm(t, r, from+" to "+to, "all", "one year")
			near(t, e.Term, e.Value, float64(counts[i][j])/float64(total))
			if e.N.Arm != total || e.CI != analysis.Wilson(counts[i][j], total, 0.95) {
				t.Errorf("%s: %+v %+v", e.Term, e.N, e.CI)
			}
		}
	}
	after := withArm(t, r, "after none", "all", "one year")
	if after.N != (analysis.N{Arm: 7297, Missing: 1, Events: 3684}) {
		t.Errorf("after: %+v", after.N)
	}
	near(t, "before none", withArm(t, r, "before none", "all", "one year").Value, 2497./7297)
	if rows := r.Tables[0].Rows; rows[2][3].Num != 734 || rows[3][5].Num != 836 {
		t.Errorf("table %+v", rows)
	}
}
