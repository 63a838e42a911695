package quality_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/quality"
	"recoup/datasets"
)

const cohortFile = `
name: program
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: site, type: string, role: site}
        - {name: admitted, type: integer, role: admitted}
        - {name: completed, type: boolean, role: completed}
        - {name: quarter, type: string, role: period}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, instrument: nrs}
        - {name: steps, type: number, role: outcome}
privacy: {allowances: [{column: quarter, by: test, reason: invented data}]}
visits: [{value: entry, baseline: true}, {value: end, name: discharge}]
`

// nine quarters from 2024Q1 to 2026Q1 of three patients each, one a site; none is
// in 2025Q2. Pain falls by 2 and by 4 of 8 by turns of quarters at site N (25 %, 50 %), by
// 4 at site S, and the patient of site W is not seen at the end. Seven more patients
// never began.
func tables() (patients, visits string) {
	patients, visits = "id,site,admitted,completed,quarter\n", "id,visit,pain,steps\n"
	k := 0
	for year := 2024; year <= 2026; year++ {
		for q := 1; q <= 4 && k < 9; q++ {
			if k++; year == 2025 && q == 2 {
				continue
			}
			for s, site := range []string{"N", "S", "W"} {
				id := fmt.Sprintf("p%d%s", k, site)
				patients += fmt.Sprintf("%s,%s,5,%t,%dQ%d\n", id, site, site == "N", year, q)
				visits += id + ",entry,8,100\n"
				fall := 4
				if site == "N" && k%2 == 1 {
					fall = 2
				}
				if s < 2 {
					visits += fmt.Sprintf("%s,end,%d,200\n", id, 8-fall)
				}
			}
		}
	}
	for i := range 7 {
		patients += fmt.Sprintf("never%d,N,,,2024Q1\n", i)
	}
	return patients, visits
}

func load(t *testing.T, patients, visits string) *datasets.Cohort {
	t.Helper()
	return analysistest.Cohort(t, cohortFile, map[string]string{"patients.csv": patients, "visits.csv": visits})
}

func run(t *testing.T, a *analysis.Analysis, c *datasets.Cohort, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := a.Run(t.Context(), analysis.Input{Cohort: c}, q, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, a, r)
	return r
}

var pain = analysis.Question{Outcome: "pain", Visit: "end"}

func events(r analysis.Result, term string) []string {
	var out []string
	for _, e := range r.Estimates {
		if e.Term == term {
			out = append(out, fmt.Sprintf("%s %d/%d", e.Subgroup, e.N.Events, e.N.Arm))
		}
	}
	return out
}

// By hand: at 30 % the odd quarters have one responder of three, the even ones two;
// the fifth is 2025Q1, the sixth is empty.
func TestPChartOfACohort(t *testing.T) {
	p, v := tables()
	c := load(t, p, v)
	r := run(t, quality.PChartAnalysis, c, pain, nil)
	want := []string{"quarter 2024Q1 1/3", "quarter 2024Q2 2/3", "quarter 2024Q3 1/3", "quarter 2024Q4 2/3", "quarter 2025Q1 1/3", "quarter 2025Q2 0/0", "quarter 2025Q3 1/3", "quarter 2025Q4 2/3", "quarter 2026Q1 1/3"}
	if got := events(r, "share"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	near(t, "center", analysistest.Find(t, r, "center", "").Value, 11.0/24, 1e-15)
	if e := analysistest.Find(t, r, "share", ""); e.Visit != "discharge" || !strings.Contains(e.Definition, "30 % of baseline") {
		t.Errorf("%+v", e)
	}
	never := 0
	for _, x := range r.Excluded {
		if x.Code == datasets.CodeNeverBegan {
			never += x.Patients
		}
	}
	if never != 7 {
		t.Errorf("%d never began, want 7", never)
	}
	// Of those seen: one or two of two. Seen: two of three. Completion: one of three.
	for set, first := range map[string]string{"denominator=seen": "1/2", "measure=seen": "2/3", "measure=completion": "1/3", "rule=points": "1/3", "rule=at-most": "2/3"} {
		k, value, _ := strings.Cut(set, "=")
		m := map[string]string{k: value}
		if k == "rule" {
			m["threshold"] = map[string]string{"points": "4", "at-most": "6"}[value]
		}
		if got := events(run(t, quality.PChartAnalysis, c, pain, m), "share")[0]; got != "quarter 2024Q1 "+first {
			t.Errorf("%s: %s, want %s", set, got, first)
		}
	}
	run(t, quality.PChartAnalysis, c, pain, map[string]string{"rule": "important", "dispersion": "laney", "screen": "true", "trend": "6", "two_of_three": "true"})
}

// Mean changes by hand: -3 in odd quarters, -4 in even ones. With 2025Q2 a gap, the
// ranges are 1 of four pairs and, after the gap, of two: mean 1, sigma √π/2.
func TestXmROfACohort(t *testing.T) {
	p, v := tables()
	c := load(t, p, v)
	r := run(t, quality.XmRAnalysis, c, pain, nil)
	near(t, "first", analysistest.Find(t, r, "mean", "").Value, -3, 1e-15)
	near(t, "sigma", analysistest.Find(t, r, "sigma", "").Value, 0.886226925452758, 1e-14)
	near(t, "center", analysistest.Find(t, r, "center", "").Value, -(5*3.0+3*4)/8, 1e-14)
	near(t, "signals", analysistest.Find(t, r, "signals", "").Value, 0, 0)
	visit := run(t, quality.XmRAnalysis, c, pain, map[string]string{"value": "visit"})
	near(t, "at the visit", analysistest.Find(t, visit, "mean", "").Value, 5, 1e-15)
	steps := run(t, quality.XmRAnalysis, c, analysis.Question{Outcome: "steps", Visit: "end"}, nil)
	if !slices.ContainsFunc(steps.Warnings, func(w analysis.Warning) bool { return w.Code == analysis.WarnNoDirection }) {
		t.Errorf("a direction that is not known must be told: %v", steps.Warnings)
	}
}

// By hand: of eight patients a site, N has 3 responders (even quarters), S 8, W 0.
func TestFunnelOfACohort(t *testing.T) {
	p, v := tables()
	c := load(t, p, v)
	r := run(t, quality.FunnelAnalysis, c, pain, map[string]string{"limits": "normal"})
	if got := events(r, "share"); !reflect.DeepEqual(got, []string{"site N 3/8", "site S 8/8", "site W 0/8"}) {
		t.Errorf("%v", got)
	}
	near(t, "target", analysistest.Find(t, r, "target", "").Value, 11.0/24, 1e-15)
	given := run(t, quality.FunnelAnalysis, c, pain, map[string]string{"target": "0.5", "overdispersion": "additive"})
	near(t, "target", analysistest.Find(t, given, "target", "").Value, 0.5, 0)
	// z of 8/8 against 0.5 is 0.5/√(0.25/8) = 2.83.
	site := given.Tables[0].Rows[1]
	near(t, "z", site[4].Num, 0.5/0.1767766952966369, 1e-14)
	for set, value := range map[string]string{"target": "1.5", "winsor": "0.5"} {
		if _, err := quality.FunnelAnalysis.Run(t.Context(), analysis.Input{Cohort: c}, pain, map[string]string{set: value}); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%s=%s: %v", set, value, err)
		}
	}
}

// Nobody, one patient, no quarters: numbers that are not there are null with a
// warning, or the question is refused with what is missing.
func TestFewPatients(t *testing.T) {
	p, v := tables()
	head := func(text string, lines int) string {
		return strings.Join(strings.SplitAfter(text, "\n")[:lines], "")
	}
	for _, lines := range []int{1, 2} {
		c := load(t, head(p, lines), head(v, lines))
		for _, a := range []*analysis.Analysis{quality.PChartAnalysis, quality.XmRAnalysis, quality.FunnelAnalysis} {
			run(t, a, c, pain, nil)
		}
	}
	bare := analysistest.Cohort(t, strings.NewReplacer(", role: period", "", ", role: site", "", ", role: completed", "").Replace(cohortFile), map[string]string{"patients.csv": p, "visits.csv": v})
	for _, a := range []*analysis.Analysis{quality.PChartAnalysis, quality.XmRAnalysis, quality.FunnelAnalysis} {
		if _, err := a.Run(t.Context(), analysis.Input{Cohort: bare}, pain, nil); !errors.Is(err, analysis.ErrCannot) {
			t.Errorf("%s without quarters or sites: %v", a.Name, err)
		}
	}
	if _, err := quality.PChartAnalysis.Run(t.Context(), analysis.Input{Cohort: bare}, pain, map[string]string{"measure": "completion"}); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("without completion: %v", err)
	}
}

// The order of rows does not matter; each patient twice doubles the counts.
func TestCohortRelations(t *testing.T) {
	p, v := tables()
	turn := func(text string) string {
		rows := analysistest.Rows(t, text)
		slices.Reverse(rows[1:])
		return analysistest.Write(rows)
	}
	twice := func(text string) string {
		rows := analysistest.Rows(t, text)
		for _, row := range rows[1:] {
			again := slices.Clone(row)
			again[0] += "again"
			rows = append(rows, again)
		}
		return analysistest.Write(rows)
	}
	c, turned, doubled := load(t, p, v), load(t, turn(p), turn(v)), load(t, twice(p), twice(v))
	for _, a := range []*analysis.Analysis{quality.PChartAnalysis, quality.XmRAnalysis, quality.FunnelAnalysis} {
		r := run(t, a, c, pain, nil)
		s := run(t, a, turned, pain, nil)
		d := run(t, a, doubled, pain, nil)
		for i, e := range r.Estimates {
			x, y := s.Estimates[i], d.Estimates[i]
			if x.Subgroup != e.Subgroup || x.N != e.N || e.Value.OK() && x.Value != e.Value {
				t.Errorf("%s %s %s depends on the order of rows", a.Name, e.Term, e.Subgroup)
			}
			if y.N.Arm != 2*e.N.Arm || y.N.Events != 2*e.N.Events {
				t.Errorf("%s %s: counts of twice the patients", a.Name, e.Term)
			}
		}
	}
}
