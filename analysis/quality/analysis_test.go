package quality_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/quality"
	"recoup/datasets"
)

const datedFile = `
name: dated
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: site, type: string, role: site}
        - {name: left, type: date, role: discharged}
        - {name: age, type: number, role: covariate}
        - {name: completed, type: boolean, role: completed}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, instrument: nrs}
        - {name: self, type: number, role: outcome, instrument: pseq}
        - {name: er, type: number, role: outcome}
visits: [{value: entry, baseline: true}, {value: end, name: discharge}]
`

// dated is a cohort of a patient every third day from 2023-01-01 on: 300 at five
// sites. Pain falls from 8 by 4 where the number divides by 3, else by 1; every tenth
// does not complete; visits to the emergency room are the number modulo 3.
func dated(t *testing.T) *datasets.Cohort {
	t.Helper()
	day := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	patients, visits := "id,site,left,age,completed\n", "id,visit,pain,self,er\n"
	for k := range 300 {
		fall := 1
		if k%3 == 0 {
			fall = 4
		}
		patients += fmt.Sprintf("p%03d,%c,%s,%d,%t\n", k, 'A'+rune(k*7%5), day.AddDate(0, 0, 3*k).Format("2006-01-02"), 30+k*13%40, k%10 != 0)
		self := [3][2]int{{18, 20}, {21, 29}, {18, 38}}[k%3]
		visits += fmt.Sprintf("p%03d,entry,8,%d,0\np%03d,end,%d,%d,%d\n", k, self[0], k, 8-fall, self[1], k%3)
	}
	return analysistest.Cohort(t, datedFile, map[string]string{"patients.csv": patients, "visits.csv": visits})
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

func cell(t *testing.T, x analysis.Table, row int, column string) analysis.Value {
	t.Helper()
	for i, c := range x.Columns {
		if c == column {
			return x.Rows[row][i]
		}
	}
	t.Fatalf("no column %s", column)
	return analysis.Value{}
}

// By hand: 300 days times 3 are 900 days, 30 months of which the last ends on
// 2025-06-16. January 2023 has patients 0 to 10, of whom 0, 3, 6, 9 responded.
func TestControlChartOfMonths(t *testing.T) {
	c := dated(t)
	r := run(t, quality.ControlChartAnalysis, c, pain, map[string]string{"period": "month", "target": "0.5", "rules": "nelson", "rebase": "2024-01;A. Smith;2024-02-01;new room"})
	x := table(t, r, "chart")
	if len(x.Rows) != 30 || x.Rows[0][0].Text != "2023-01" || x.Rows[29][0].Text != "2025-06" {
		t.Errorf("%d months from %v", len(x.Rows), x.Rows[0][0])
	}
	near(t, "patients", cell(t, x, 0, "n").Num, 11, 0)
	near(t, "share", cell(t, x, 0, "value").Num, 4.0/11, 1e-15)
	ph := table(t, r, "phases")
	if len(ph.Rows) != 2 || cell(t, ph, 1, "why").Text != "new room" || cell(t, ph, 1, "rebased_by").Text != "A. Smith" {
		t.Errorf("phases: %+v", ph.Rows)
	}
	if s := table(t, r, "summary"); cell(t, s, 0, "assurance").Text == quality.AssuranceNoTarget {
		t.Errorf("summary: %+v", s.Rows)
	}
	for name, set := range map[string]map[string]string{
		"kind":    {"type": "s"},
		"target":  {"target": "high"},
		"log":     {"rebase": "2024-01"},
		"run":     {"run": "1"},
		"smooth":  {"type": "g", "ewma": "0.2"},
		"counted": {"measure": "count", "type": "p"},
	} {
		if _, err := quality.ControlChartAnalysis.Run(t.Context(), analysis.Input{Cohort: c}, pain, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every kind answers, with the numbers that the cohort was made with.
func TestEveryKindOfACohort(t *testing.T) {
	c := dated(t)
	er := analysis.Question{Outcome: "er", Visit: "end"}
	// Every tenth did not complete: nine lie between, and 30 days.
	g := run(t, quality.ControlChartAnalysis, c, pain, map[string]string{"type": "g", "measure": "completion", "counted": "others", "limits": "probability"})
	near(t, "between", analysistest.Find(t, g, "between", "").Value, 9, 0)
	if x := table(t, g, "chart"); !x.Local || len(x.Rows) != 29 {
		t.Errorf("a g chart shows single patients: local %v, %d gaps", x.Local, len(x.Rows))
	}
	d := run(t, quality.ControlChartAnalysis, c, pain, map[string]string{"type": "t", "measure": "completion", "counted": "others"})
	near(t, "days", analysistest.Find(t, d, "between", "").Value, 30, 0)
	// 0 + 1 + 2 by turns: one visit a patient, of 31 in the first quarter (days 0 to 89: 30).
	u := run(t, quality.ControlChartAnalysis, c, er, map[string]string{"measure": "count", "type": "u"})
	near(t, "rate", analysistest.Find(t, u, "rate", "").Value, 1, 1e-12)
	for _, set := range []map[string]string{
		{"measure": "count"},
		{"measure": "count", "type": "c", "limits": "probability"},
		{"type": "np"},
		{"type": "p-prime", "ewma": "0.2"},
		{"measure": "change", "type": "x-bar", "sigma": "mean-sd"},
		{"measure": "visit", "type": "s"},
		{"measure": "visit", "sigma": "sd", "period": "month", "rules": "anhoej"},
	} {
		q := pain
		if set["measure"] == "count" {
			q = er
		}
		run(t, quality.ControlChartAnalysis, c, q, set)
	}
	mean := run(t, quality.FunnelAnalysis, c, pain, map[string]string{"measure": "change"})
	near(t, "overall change", analysistest.Find(t, mean, "target", "").Value, -2, 1e-12)
	rate := run(t, quality.FunnelAnalysis, c, er, map[string]string{"measure": "count"})
	near(t, "overall rate", analysistest.Find(t, rate, "target", "").Value, 1, 1e-12)
}

// By hand: without covariates a third of all are expected to respond, but for what the
// other parts of the patients say; at sites of 60 that is 20.
func TestRatioOfACohort(t *testing.T) {
	c := dated(t)
	for _, how := range []string{"patients", "sites"} {
		r := run(t, quality.StandardisedRatioAnalysis, c, pain, map[string]string{"folds_of": how})
		x := table(t, r, "funnel")
		near(t, "expected", cell(t, x, 0, "size").Num, 20, 1e-9)
		near(t, "ratio", cell(t, x, 0, "ratio").Num, 1, 1e-9)
	}
	adjusted := run(t, quality.StandardisedRatioAnalysis, c, pain, map[string]string{"covariates": "age", "baseline": "false", "interval": "byar"})
	if x := table(t, adjusted, "model"); len(x.Rows) != 2 {
		t.Errorf("model: %+v", x.Rows)
	}
	for _, set := range []map[string]string{{"folds": "1"}, {"until": "soon"}, {"winsor": "0.7"}} {
		if _, err := quality.StandardisedRatioAnalysis.Run(t.Context(), analysis.Input{Cohort: c}, pain, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%v: %v", set, err)
		}
	}
}

// Later patients are judged by earlier ones alone: 2023 has 122, so 178 are left.
func TestCUSUMOfACohort(t *testing.T) {
	c := dated(t)
	r := run(t, quality.CUSUMAnalysis, c, pain, map[string]string{"until": "2023Q4", "arl": "100"})
	if e := analysistest.Find(t, r, "arl_rise", ""); math.Abs(float64(e.Value)-100) > 1 || e.N.Arm != 178 {
		t.Errorf("run length %v of %d cases", e.Value, e.N.Arm)
	}
	for _, s := range r.Series {
		if !s.Local || len(s.Points) != 178 {
			t.Errorf("%s: case by case is for who may see patients: local %v, %d points", s.Name, s.Local, len(s.Points))
		}
	}
	by := run(t, quality.CUSUMAnalysis, c, pain, map[string]string{"steps": "quarter", "arl": "100", "method": "simulation", "runs": "50"})
	if s := by.Series[0]; s.Local || len(s.Points) != 10 || s.Points[0].N != 30 {
		t.Errorf("by quarter: local %v, %d points of %d", s.Local, len(s.Points), s.Points[0].N)
	}
	v := run(t, quality.VLADAnalysis, c, pain, map[string]string{"until": "2023Q4"})
	near(t, "observed", analysistest.Find(t, v, "observed", "").Value, 119, 0) // 178 less the 59 that divide by 3
	// Those counted themselves: up is better still, so the net gain is the same.
	own := run(t, quality.VLADAnalysis, c, pain, map[string]string{"until": "2023Q4", "counted": "those"})
	near(t, "net", analysistest.Find(t, own, "net", "").Value, float64(analysistest.Find(t, v, "net", "").Value), 1e-9)
	if _, err := quality.CUSUMAnalysis.Run(t.Context(), analysis.Input{Cohort: c}, pain, map[string]string{"until": "2030Q1"}); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("nobody is left: %v", err)
	}
	quarters, visits := tables()
	if _, err := quality.CUSUMAnalysis.Run(t.Context(), analysis.Input{Cohort: load(t, quarters, visits)}, pain, map[string]string{"steps": "case"}); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("quarters are no order of cases: %v", err)
	}
}

// Drop-outs every second patient, and then none for long: the long gap is an
// improvement, for the event is a failure.
func TestRareFailures(t *testing.T) {
	day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	patients, visits := "id,site,left,age,completed\n", "id,visit,pain,self,er\n"
	for k := range 120 {
		patients += fmt.Sprintf("p%03d,A,%s,40,%t\n", k, day.AddDate(0, 0, k).Format("2006-01-02"), k%2 == 1 && k < 40 || k > 40 && k < 119)
		visits += fmt.Sprintf("p%03d,entry,8,1,0\np%03d,end,7,1,0\n", k, k)
	}
	c := analysistest.Cohort(t, datedFile, map[string]string{"patients.csv": patients, "visits.csv": visits})
	for _, kind := range []string{"g", "t"} {
		r := run(t, quality.ControlChartAnalysis, c, pain, map[string]string{"type": kind, "measure": "completion", "counted": "others", "limits": "probability"})
		x := table(t, r, "chart")
		if got := cell(t, x, len(x.Rows)-1, "meaning").Text; got != string(quality.Improvement) {
			t.Errorf("%s: the last gap is %q", kind, got)
		}
	}
}

func TestSitesOfACohort(t *testing.T) {
	c := dated(t)
	r := run(t, quality.SitesAnalysis, c, pain, map[string]string{"covariates": "age", "draws": "200"})
	near(t, "alike sites", analysistest.Find(t, r, "tau", "").Value, 0, 0)
	near(t, "median odds ratio", analysistest.Find(t, r, "median_odds_ratio", "").Value, 1, 0)
	run(t, quality.SitesAnalysis, c, pain, map[string]string{"measure": "change", "draws": "200"})
	patients := "id,site,left,age,completed\n"
	visits := "id,visit,pain,self,er\n"
	for k := range 20 {
		patients += fmt.Sprintf("p%d,A,2024-01-0%d,40,true\n", k, k%9+1)
		visits += fmt.Sprintf("p%d,entry,8,1,0\np%d,end,%d,1,0\n", k, k, k%8)
	}
	alone := analysistest.Cohort(t, datedFile, map[string]string{"patients.csv": patients, "visits.csv": visits})
	if _, err := quality.SitesAnalysis.Run(t.Context(), analysis.Input{Cohort: alone}, pain, nil); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("one site: %v", err)
	}
	one := run(t, quality.FunnelAnalysis, alone, pain, nil)
	if e := analysistest.Find(t, one, "phi", ""); e.Value.OK() {
		t.Errorf("one site has no over-dispersion: %v", e.Value)
	}
}

// By hand: a third of 300 fell by half, 100 responders of 300. Against 0.3 known
// without error the interval is Wilson's less 0.3.
func TestBenchmarkOfACohort(t *testing.T) {
	c := dated(t)
	r := run(t, quality.BenchmarkAnalysis, c, pain, map[string]string{"value": "0.3", "margin": "0.1", "prediction_low": "0.1", "prediction_high": "0.32"})
	w := analysis.Wilson(100, 300, 0.95)
	d := analysistest.Find(t, r, "difference", "")
	near(t, "difference", d.Value, 1.0/3-0.3, 1e-12)
	near(t, "low", d.CI.Low, float64(w.Low)-0.3, 1e-12)
	near(t, "high", d.CI.High, float64(w.High)-0.3, 1e-12)
	near(t, "not inferior", analysistest.Find(t, r, "noninferiority", "").Value, 1, 0)
	near(t, "outside the prediction", analysistest.Find(t, r, "prediction", "").Value, 0, 0)
	if !strings.Contains(fmt.Sprint(r.Warnings), "without error") {
		t.Errorf("a benchmark without error must be told: %v", r.Warnings)
	}
	// With 0.05 of its own: √((p-l)² + (1.96 × 0.05)²).
	own := analysistest.Find(t, run(t, quality.BenchmarkAnalysis, c, pain, map[string]string{"value": "0.3", "se": "0.05"}), "difference", "")
	near(t, "low with both", own.CI.Low, 1.0/3-0.3-math.Hypot(1.0/3-float64(w.Low), 0.05*analysis.NormalQuantile(0.95)), 1e-12)
	// ePPOC: 7 points of the PSEQ and a better band. 18 to 20 is 2 points; 21 to 29 is 8,
	// but moderate before and after; 18 to 38 is 20, from severe to mild: one third, by a
	// rule not read in its source.
	q := analysis.Question{Outcome: "self", Visit: "end"}
	set := run(t, quality.BenchmarkAnalysis, c, q, map[string]string{"value": "0.5", "set": "eppoc"})
	e := analysistest.Find(t, set, "value", "")
	near(t, "ePPOC", e.Value, 1.0/3, 1e-12)
	if !strings.Contains(e.Definition, "severity band") || !strings.Contains(fmt.Sprint(set.Warnings), analysis.WarnUnverified) {
		t.Errorf("%s %v", e.Definition, set.Warnings)
	}
	alone := run(t, quality.BenchmarkAnalysis, c, q, map[string]string{"set": "eppoc"}) // its target is not public
	near(t, "without a benchmark", analysistest.Find(t, alone, "value", "").Value, 1.0/3, 1e-12)
	if len(alone.Estimates) != 1 || strings.Contains(fmt.Sprint(alone.Warnings), "without error") {
		t.Errorf("a benchmark that was not given: %v, %v", alone.Estimates, alone.Warnings)
	}
	for name, set := range map[string]map[string]string{
		"no value": nil, "set": {"value": "0.5", "set": "none"}, "share": {"value": "3"}, "bounds": {"value": "0.5", "low": "0.6", "high": "0.7"}, "one bound": {"value": "0.5", "low": "0.4"},
	} {
		if _, err := quality.BenchmarkAnalysis.Run(t.Context(), analysis.Input{Cohort: c}, pain, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
