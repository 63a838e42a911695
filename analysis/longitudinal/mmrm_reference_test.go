package longitudinal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/longitudinal"
	"recoup/datasets"
)

const wide = `
name: wide
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: weight, type: number, role: covariate}
        - {name: age, type: number, role: covariate}
        - {name: copy, type: number, role: covariate}
        - {name: site, type: string, role: covariate}
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
arms: [{value: A}, {value: B}]
visits: [{value: start, week: 0, baseline: true}, {value: mid, week: 4}, {value: end, week: 8}, {value: late, week: 26}]
`

// constrained is the trial of testdata/constrained.csv; change alters a value, by
// patient, visit (0 the baseline) and value, NaN where it is missing.
func constrained(t *testing.T, change func(p, v int, y float64) float64) *datasets.Cohort {
	t.Helper()
	text, err := os.ReadFile("testdata/constrained.csv")
	if err != nil {
		t.Fatal(err)
	}
	patients, visits := "id,arm,weight,age,copy,site\n", "id,visit,pain\n"
	for i, r := range analysistest.Rows(t, string(text))[1:] {
		y := math.NaN()
		if r[5] != "NA" {
			if _, err := fmt.Sscan(r[5], &y); err != nil {
				t.Fatal(err)
			}
		}
		if change != nil {
			y = change(i/4, i%4, y)
		}
		if i%4 == 0 {
			base := ""
			if !math.IsNaN(y) {
				base = fmt.Sprint(2*y + 1)
			}
			patients += fmt.Sprintf("%s,%s,%s,%s,%s,s%d\n", r[1], r[2], r[3], r[4], base, i/4%3)
		}
		cell := ""
		if !math.IsNaN(y) {
			cell = fmt.Sprintf("%.12g", y)
		}
		visits += fmt.Sprintf("%s,%s,%s\n", r[1], r[0], cell)
	}
	return analysistest.Cohort(t, wide, map[string]string{"p.csv": patients, "v.csv": visits})
}

func ask(t *testing.T, c *datasets.Cohort, set map[string]string) (analysis.Result, error) {
	t.Helper()
	r, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Outcome: "pain", Arm: "A", Reference: "B", Level: 0.95}, set)
	if err == nil {
		analysistest.Conforms(t, longitudinal.MMRM, r)
	}
	return r, err
}

func answered(t *testing.T, c *datasets.Cohort, set map[string]string) analysis.Result {
	t.Helper()
	r, err := ask(t, c, set)
	if err != nil {
		t.Fatal(set, err)
	}
	return r
}

func find(t *testing.T, r analysis.Result, term, arm, visit string) analysis.Estimate {
	t.Helper()
	for _, e := range r.Estimates {
		if e.Term == term && e.Arm == arm && e.Visit == visit {
			return e
		}
	}
	t.Fatalf("no %s of %s at %q", term, arm, visit)
	return analysis.Estimate{}
}

// table returns the rows of a table as texts by column.
func table(t *testing.T, r analysis.Result, name string) []map[string]analysis.Value {
	t.Helper()
	for _, x := range r.Tables {
		if x.Name != name {
			continue
		}
		var out []map[string]analysis.Value
		for _, row := range x.Rows {
			m := map[string]analysis.Value{}
			for k, column := range x.Columns {
				m[column] = row[k]
			}
			out = append(out, m)
		}
		return out
	}
	t.Fatalf("no table %s", name)
	return nil
}

func quantity(t *testing.T, r analysis.Result, name string) float64 {
	t.Helper()
	for _, row := range table(t, r, "fit") {
		if row["quantity"].Text == name {
			return float64(row["value"].Num)
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

func nearly(t *testing.T, what string, got analysis.Num, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= tolerance*math.Max(1, math.Abs(want))) {
		t.Errorf("%s: %.10g, want %.10g", what, float64(got), want)
	}
}

// The constrained model, weights of patients, a spatial covariance and the complete
// cases agree with generalised least squares in R: testdata/constrained.R. Its
// optimiser leaves five digits.
func TestConstrained(t *testing.T) {
	var want map[string]struct {
		Deviance   float64
		Patients   float64
		Difference [][2]float64
		ChangeA    [][2]float64 `json:"change_a"`
		ChangeB    [][2]float64 `json:"change_b"`
		Average    [2]float64
	}
	b, err := os.ReadFile("testdata/constrained.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	c := constrained(t, nil)
	visits := []string{"mid", "end", "late"}
	for key, set := range map[string]map[string]string{
		"constrained": {"baseline": "response", "covariates": "age"},
		"weighted":    {"covariance": "cs", "patient-weights": "weight"},
		"spatial":     {"covariance": "sp_exp"},
	} {
		r, w := answered(t, c, set), want[key]
		near := func(e analysis.Estimate, want [2]float64) {
			t.Helper()
			nearly(t, key+" "+e.Term+" "+e.Visit, e.Value, want[0], 2e-5)
			nearly(t, key+" error "+e.Term+" "+e.Visit, e.SE, want[1], 2e-5)
		}
		nearly(t, key+" deviance", analysis.Num(quantity(t, r, "-2 log likelihood")), w.Deviance, 1e-7)
		for i, v := range visits {
			near(find(t, r, "adjusted_difference", "A", v), w.Difference[i])
			if key == "constrained" {
				near(find(t, r, "adjusted_change", "A", v), w.ChangeA[i])
				near(find(t, r, "adjusted_change", "B", v), w.ChangeB[i])
			}
		}
		if key == "constrained" {
			near(find(t, r, "average_difference", "A", ""), w.Average)
			if got := quantity(t, r, "patients"); got != w.Patients {
				t.Errorf("%v patients, want %v: one has a baseline alone, one none", got, w.Patients)
			}
		}
	}
	rows := table(t, answered(t, c, nil), "complete_cases")
	at := 0
	for _, row := range rows {
		if row["term"].Text != "adjusted_difference" {
			continue
		}
		w := want["complete"]
		nearly(t, "complete cases", row["estimate"].Num, w.Difference[at][0], 2e-5)
		nearly(t, "complete cases' error", row["std_error"].Num, w.Difference[at][1], 2e-5)
		if float64(row["patients"].Num) != w.Patients {
			t.Errorf("complete cases: %v patients, want %v", row["patients"].Num, w.Patients)
		}
		at++
	}
	if at != 3 {
		t.Errorf("complete cases: %d differences in %v", at, rows)
	}
}

// An average over visits is the mean of what is averaged; the joint test of two
// arms at one visit is the square of its t; and all visits at once are never more
// than their sum.
func TestAverageAndJointTests(t *testing.T) {
	c := constrained(t, nil)
	for _, set := range []map[string]string{nil, {"df": "kenward-roger"}, {"errors": "CR2"}, {"baseline": "response"}, {"covariance": "ar1h", "df": "between-within"}} {
		r := answered(t, c, set)
		for _, kind := range []string{"_mean", "_change"} {
			for _, arm := range []string{"A", "B"} {
				sum := 0.0
				for _, v := range []string{"mid", "end", "late"} {
					sum += float64(find(t, r, "adjusted"+kind, arm, v).Value) / 3
				}
				nearly(t, kind, find(t, r, "average"+kind, arm, "").Value, sum, 1e-12)
			}
		}
		tests := table(t, r, "tests")
		if len(tests) != 2 || tests[0]["test"].Text != "arm by visit" || tests[0]["df_numerator"].Num != 2 || tests[1]["df_numerator"].Num != 3 {
			t.Fatalf("tests %v", tests)
		}
		for _, row := range tests {
			if !(row["f"].Num > 0) || !(row["df_denominator"].Num > 2) || !(row["p_value"].Num > 0 && row["p_value"].Num < 1) {
				t.Errorf("%v: %v", set, row)
			}
		}
	}
	// What an arm has more at all visits alike is no part of its interaction with them.
	none := map[string]string{"baseline": "none"}
	more := answered(t, constrained(t, func(p, _ int, y float64) float64 { return y + 3*float64(p%2) }), none)
	before, after := table(t, answered(t, c, none), "tests"), table(t, more, "tests")
	nearly(t, "interaction", after[0]["f"].Num, float64(before[0]["f"].Num), 1e-7)
	if !(math.Abs(float64(after[1]["f"].Num-before[1]["f"].Num)) > 5) {
		t.Errorf("arm at all visits: %v and %v", before[1]["f"], after[1]["f"])
	}
	one := answered(t, constrained(t, func(_, v int, y float64) float64 {
		if v == 1 || v == 3 {
			return math.NaN()
		}
		return y
	}), nil)
	e, tests := find(t, one, "adjusted_difference", "A", "end"), table(t, one, "tests")
	if len(tests) != 1 {
		t.Fatalf("tests of one visit: %v", tests)
	}
	nearly(t, "F of one visit", tests[0]["f"].Num, float64(e.Statistic*e.Statistic), 1e-9)
	nearly(t, "its p", tests[0]["p_value"].Num, float64(e.P), 1e-9)
	if len(one.Estimates) != 5 {
		t.Errorf("%d estimates of one visit, want no average", len(one.Estimates))
	}
	if r := answered(t, constrained(t, nil), map[string]string{"visits": "average"}); len(r.Estimates) != 5 || r.Estimates[4].Term != "average_difference" {
		t.Errorf("averages alone: %+v", r.Estimates)
	}
}

// One visit after baseline and no missing value is least squares: the covariance of one
// visit is a variance, the degrees of freedom n - 4, and the slope of the baseline one.
func TestOneVisitIsLeastSquares(t *testing.T) {
	c := constrained(t, func(p, v int, y float64) float64 {
		switch {
		case v > 1:
			return math.NaN()
		case math.IsNaN(y):
			return float64(p%7) + 0.5
		}
		return y
	})
	for _, covariance := range []string{"us", "cs", "ar1h", "toep", "adh", "sp_exp"} {
		for _, df := range []string{"satterthwaite", "between-within", "residual"} {
			e := find(t, answered(t, c, map[string]string{"covariance": covariance, "df": df, "errors": "model"}), "adjusted_difference", "A", "mid")
			nearly(t, covariance+" "+df, e.DF, 50-3, 1e-6)
		}
	}
}

// A covariance for each arm, by full likelihood and without covariates in common, gives
// each arm the means it has alone.
func TestCovarianceByArm(t *testing.T) {
	c := constrained(t, nil)
	set := map[string]string{"covariance-by": "arm", "baseline": "none", "method": "ml"}
	both := answered(t, c, set)
	rows := table(t, both, "covariance")
	for _, arm := range []string{"A", "B"} {
		r, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Outcome: "pain", Arm: arm, Level: 0.95}, map[string]string{"baseline": "none", "method": "ml"})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []string{"mid", "end", "late"} {
			e, w := find(t, both, "adjusted_mean", arm, v), find(t, r, "adjusted_mean", arm, v)
			nearly(t, "mean", e.Value, float64(w.Value), 1e-9)
			nearly(t, "error", e.SE, float64(w.SE), 1e-8)
			nearly(t, "df", e.DF, float64(w.DF), 1e-6)
		}
		var mine []analysis.Num
		for _, row := range rows {
			if row["of"].Text == arm {
				mine = append(mine, row["covariance"].Num)
			}
		}
		alone := table(t, r, "covariance")
		if len(mine) != 6 || len(alone) != 6 {
			t.Fatalf("%s: %d and %d covariances", arm, len(mine), len(alone))
		}
		for i, row := range alone {
			nearly(t, "covariance", mine[i], float64(row["covariance"].Num), 1e-7)
		}
	}
	for _, by := range []map[string]string{{"errors": "CR2"}, {"df": "kenward-roger"}, {"df": "between-within"}} {
		s := map[string]string{"covariance-by": "site"}
		maps.Copy(s, by)
		s["covariance"] = "cs"
		if e := find(t, answered(t, c, s), "adjusted_difference", "A", "late"); !(e.SE > 0) || !(e.DF > 5) {
			t.Errorf("%v: %v with %v", by, e.SE, e.DF)
		}
	}
}

// Seen and missing values are counted by arm and visit; what was tried is listed.
func TestTables(t *testing.T) {
	c := constrained(t, nil)
	r := answered(t, c, nil)
	missing := c.Values("pain", "late")
	of := c.ArmOf()
	count := 0
	for p, y := range missing {
		if math.IsNaN(y) && of[p] == 0 {
			count++
		}
	}
	found := false
	for _, row := range table(t, r, "values") {
		if row["arm"].Text == "A" && row["visit"].Text == "late" {
			found = true
			if float64(row["missing"].Num) != float64(count) || row["seen"].Num+row["missing"].Num != 25 {
				t.Errorf("%v, want %d missing of 25", row, count)
			}
		}
	}
	if !found {
		t.Error("no row of A at late")
	}
	if rows := table(t, r, "structures"); len(rows) != 1 || rows[0]["structure"].Text != "us" || !(rows[0]["largest_gradient"].Num < 1e-6) {
		t.Errorf("tried: %v", rows)
	}
	if g := quantity(t, r, "largest gradient"); !(g < 1e-6) {
		t.Errorf("largest gradient %v", g)
	}
	assumed := false
	for _, w := range r.Warnings {
		assumed = assumed || w.Code == analysis.WarnAssumption && strings.Contains(w.Message, "missing at random")
	}
	if !assumed {
		t.Error("no word on what is taken for granted about missing values")
	}
}

// Every estimate says the R call of its own settings, and a visit asked about cannot
// be averaged over.
func TestCall(t *testing.T) {
	c := constrained(t, nil)
	for want, set := range map[string]map[string]string{
		`mmrm::mmrm(y ~ arm * visit + baseline:visit + us(visit | id), method = "Satterthwaite", vcov = "Asymptotic")`:                     nil,
		`mmrm::mmrm(y ~ visit + treated:visit + age + sp_exp(week | arm / id), weights = weight, method = "Residual", vcov = "Empirical")`: {"baseline": "response", "covariates": "age", "covariance": "sp_exp", "covariance-by": "arm", "patient-weights": "weight", "df": "residual"},
		`mmrm::mmrm(y ~ arm * visit + cs(visit | id), reml = FALSE, method = "Between-Within", vcov = "Empirical-Jackknife")`:              {"baseline": "none", "covariance": "cs", "method": "ml", "df": "between-within", "errors": "CR3"},
		`mmrm::mmrm(y ~ arm * visit + baseline:visit + toeph(visit | id), method = "Kenward-Roger", vcov = "Kenward-Roger")`:               {"covariance": "toeph", "df": "kenward-roger"},
		`mmrm::mmrm(y ~ arm * visit + baseline:visit + sp_exp(week | arm / id), method = "Kenward-Roger", vcov = "Kenward-Roger-Linear")`:  {"covariance": "sp_exp", "covariance-by": "arm", "df": "kenward-roger"},
	} {
		for _, e := range answered(t, c, set).Estimates {
			if e.Method.R != want {
				t.Errorf("%s, want %s", e.Method.R, want)
			}
		}
	}
	_, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Outcome: "pain", Visit: "end"}, map[string]string{"visits": "average"})
	if !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("the average at a visit: %v", err)
	}
}

// A visit before the baseline is no visit after it.
func TestBaselineAskedFor(t *testing.T) {
	c := constrained(t, nil)
	for _, o := range []string{"covariate", "response", "none"} {
		r, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Outcome: "pain", Baseline: "mid"}, map[string]string{"visits": "each", "baseline": o})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Estimates {
			if e.Visit != "end" && e.Visit != "late" {
				t.Errorf("baseline=%s: %s at %s", o, e.Term, e.Visit)
			}
		}
	}
}
