package longitudinal_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/longitudinal"
	"recoup/datasets"
)

const fev = "../../../shared/refcases/statistics/mmrm_fev"

const fevCohort = `
name: fev
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: race, type: string, role: covariate, categories: [Asian, Black or African American, White]}
        - {name: sex, type: string, role: covariate, categories: [Male, Female]}
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: fev1, type: number, role: outcome}
arms: [{value: TRT}, {value: PBO}]
visits: [{value: VIS1, week: 4}, {value: VIS2, week: 8}, {value: VIS3, week: 12}, {value: VIS4, week: 16}]
`

// fevTrial loads the published trial of the reference case as a cohort.
func fevTrial(t *testing.T) *datasets.Cohort {
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
	var patients, visits strings.Builder
	patients.WriteString("id,arm,race,sex\n")
	visits.WriteString("id,visit,fev1\n")
	for i, r := range rows[1:] {
		if i%4 == 0 {
			fmt.Fprintf(&patients, "%s,%s,%s,%s\n", r[0], r[2], r[3], r[4])
		}
		fmt.Fprintf(&visits, "%s,%s,%s\n", r[0], r[1], r[6])
	}
	return analysistest.Cohort(t, fevCohort, map[string]string{"p.csv": patients.String(), "v.csv": visits.String()})
}

// The adjusted means and differences of the published trial are mmrm's and
// emmeans's, with their errors, degrees of freedom, intervals and p-values.
func TestPublishedTrial(t *testing.T) {
	c := fevTrial(t)
	b, err := os.ReadFile(filepath.Join(fev, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Values map[string]struct {
			LSMean struct {
				Arm, Visit  []string
				Est, SE, DF []float64
			}
			Contrast struct {
				Visit                  []string
				Est, SE, DF, Lo, Hi, P []float64
			}
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for key, set := range map[string]map[string]string{
		"us_satt":      {},
		"us_ml":        {"method": "ml"},
		"us_kr":        {"df": "kenward-roger"},
		"us_kr_linear": {"df": "kenward-roger", "errors": "kenward-roger-linear"},
		"us_emp":       {"errors": "CR0"},
		"us_btwn":      {"df": "between-within"},
		"us_resid":     {"df": "residual"},
		"cs":           {"covariance": "cs"},
		"csh":          {"covariance": "csh"},
		"ar1":          {"covariance": "ar1"},
		"ar1h":         {"covariance": "ar1h"},
		"toep":         {"covariance": "toep"},
		"toeph":        {"covariance": "toeph"},
		"ad":           {"covariance": "ad"},
		"adh":          {"covariance": "adh"},
	} {
		settings := map[string]string{"baseline": "none", "covariates": "race,sex", "weights": "equal"}
		for k, v := range set {
			settings[k] = v
		}
		r, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Outcome: "fev1", Arm: "TRT", Reference: "PBO", Level: 0.95}, settings)
		if err != nil {
			t.Fatal(key, err)
		}
		find := func(term, arm, visit string) analysis.Estimate {
			for _, e := range r.Estimates {
				if e.Term == term && e.Arm == arm && e.Visit == visit {
					return e
				}
			}
			t.Fatalf("%s: no %s of %s at %s", key, term, arm, visit)
			return analysis.Estimate{}
		}
		near := func(what string, got analysis.Num, want float64) {
			t.Helper()
			if !(math.Abs(float64(got)-want) <= 1e-6*math.Max(1e-3, math.Abs(want))) {
				t.Errorf("%s %s: %.10g, want %.10g", key, what, float64(got), want)
			}
		}
		w := want.Values[key]
		if len(w.LSMean.Visit) != 8 || len(w.Contrast.Visit) != 4 {
			t.Fatalf("%s: %d means and %d contrasts in the reference", key, len(w.LSMean.Visit), len(w.Contrast.Visit))
		}
		for i, visit := range w.LSMean.Visit {
			e := find("adjusted_mean", w.LSMean.Arm[i], visit)
			near("mean", e.Value, w.LSMean.Est[i])
			near("mean's error", e.SE, w.LSMean.SE[i])
			near("mean's df", e.DF, w.LSMean.DF[i])
		}
		for i, visit := range w.Contrast.Visit {
			e := find("adjusted_difference", "TRT", visit)
			near("difference", e.Value, w.Contrast.Est[i])
			near("error", e.SE, w.Contrast.SE[i])
			near("df", e.DF, w.Contrast.DF[i])
			near("low", e.CI.Low, w.Contrast.Lo[i])
			near("high", e.CI.High, w.Contrast.Hi[i])
			near("p", e.P, w.Contrast.P[i])
		}
	}
}

const small = `
name: small
resources:
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
arms: [{value: A}, {value: B}]
visits: [{value: start, week: 0, baseline: true}, {value: mid, week: 4}, {value: end, week: 8}]
`

// trial makes a small trial; drop says which values are missing.
func trial(t *testing.T, drop func(patient, visit int) bool) *datasets.Cohort {
	t.Helper()
	text := "id,arm,visit,pain\n"
	for i := range 24 {
		for v, visit := range []string{"start", "mid", "end"} {
			value := fmt.Sprint(5 + i*7%5 - v*(1+i%2) + (i*i*5+v*v*11+i*v*3)%7)
			if drop(i, v) {
				value = ""
			}
			text += fmt.Sprintf("p%d,%s,%s,%s\n", i, "AB"[i%2:i%2+1], visit, value)
		}
	}
	return analysistest.Cohort(t, small, map[string]string{"v.csv": text})
}

// Swapping arm and reference changes the sign of the difference alone; a visit
// asked about gives that visit of the same model.
func TestRelations(t *testing.T) {
	c := trial(t, func(p, v int) bool { return v > 0 && (p*5+v)%7 == 0 })
	run := func(q analysis.Question) []analysis.Estimate {
		q.Outcome, q.Level = "pain", 0.9
		r, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: c}, q, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r.Estimates
	}
	ab, ba := run(analysis.Question{Arm: "A", Reference: "B"}), run(analysis.Question{Arm: "B", Reference: "A"})
	if len(ab) != 15 {
		t.Fatalf("%d estimates, want 5 for each of 2 visits and 5 averages", len(ab))
	}
	for _, i := range []int{4, 9, 14} {
		x, y := ab[i], ba[i]
		if math.Abs(float64(x.Value+y.Value)) > 1e-7 || math.Abs(float64(x.SE-y.SE)) > 1e-7 || math.Abs(float64(x.DF-y.DF)) > 1e-4 {
			t.Errorf("swapped: %v (%v, %v) and %v (%v, %v)", x.Value, x.SE, x.DF, y.Value, y.SE, y.DF)
		}
		if x.N.Arm != y.N.Reference || x.N.Missing != y.N.Missing {
			t.Errorf("swapped: %+v and %+v", x.N, y.N)
		}
	}
	end := run(analysis.Question{Arm: "A", Reference: "B", Visit: "end"})
	if len(end) != 5 || end[4].Value != ab[9].Value || end[4].SE != ab[9].SE {
		t.Errorf("the end alone: %+v, want %+v", end, ab[5:])
	}
}

// What the data cannot bear is refused or left out, with the reason.
func TestHardData(t *testing.T) {
	q := analysis.Question{Outcome: "pain", Arm: "A", Reference: "B", Level: 0.95}
	r, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: trial(t, func(p, v int) bool { return v == 2 && p%2 == 1 })}, q, nil)
	if err != nil || len(r.Estimates) != 5 || r.Warnings[0].Code != "visit-left-out" {
		t.Errorf("a visit without one arm: %d estimates, %v, %v", len(r.Estimates), r.Warnings, err)
	}
	for name, drop := range map[string]func(p, v int) bool{
		"no baseline":         func(_, v int) bool { return v == 0 },
		"nobody afterwards":   func(_, v int) bool { return v > 0 },
		"two patients":        func(p, _ int) bool { return p > 1 },
		"one arm has nothing": func(p, _ int) bool { return p%2 == 0 },
	} {
		if r, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: trial(t, drop)}, q, nil); err == nil {
			t.Errorf("%s: estimates %+v", name, r.Estimates)
		}
	}
}

// A made trial with missing visits agrees with generalised least squares in R:
// testdata/gls.R.
func TestGLS(t *testing.T) {
	b, err := os.ReadFile("testdata/gls.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Visit                        []string
		Difference, SE, Mean, MeanSE []float64
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/gls.csv")
	if err != nil {
		t.Fatal(err)
	}
	long := "id,arm,visit,pain\n"
	for i, r := range analysistest.Rows(t, string(text))[1:] {
		if i%3 == 0 {
			long += fmt.Sprintf("%s,%s,start,%s\n", r[1], r[2], r[3])
		}
		long += fmt.Sprintf("%s,%s,%s,%s\n", r[1], r[2], r[0], strings.ReplaceAll(r[4], "NA", ""))
	}
	c := analysistest.Cohort(t, strings.Replace(small, "{value: end, week: 8}", "{value: end, week: 8}, {value: late, week: 26}", 1), map[string]string{"v.csv": long})
	for key, w := range want {
		r, err := longitudinal.MMRM.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Outcome: "pain", Arm: "A", Reference: "B", Level: 0.95}, map[string]string{"covariance": key})
		if err != nil {
			t.Fatal(key, err)
		}
		i := 0
		for _, e := range r.Estimates {
			if e.Term == "adjusted_mean" && e.Arm == "A" && (math.Abs(float64(e.Value)-w.Mean[i]) > 1e-5 || math.Abs(float64(e.SE)-w.MeanSE[i]) > 1e-5) {
				t.Errorf("%s at %s: mean %v (%v), want %v (%v)", key, e.Visit, e.Value, e.SE, w.Mean[i], w.MeanSE[i])
			}
			if e.Term != "adjusted_difference" {
				continue
			}
			if e.Visit != w.Visit[i] || math.Abs(float64(e.Value)-w.Difference[i]) > 1e-5 || math.Abs(float64(e.SE)-w.SE[i]) > 1e-5 {
				t.Errorf("%s at %s: %v (%v), want %v (%v) at %s", key, e.Visit, e.Value, e.SE, w.Difference[i], w.SE[i], w.Visit[i])
			}
			i++
		}
		if i != len(w.Visit) {
			t.Errorf("%s: %d differences, want %d", key, i, len(w.Visit))
		}
	}
}
