package impute_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
	"recoup/analysis/impute"
	"recoup/datasets"
)

const trialCohort = `
name: trial
visits: [{value: "0", baseline: true, week: 0}, {value: "4", week: 1}, {value: "5", week: 2}, {value: "6", week: 4}, {value: "7", week: 6}]
arms: [{value: DRUG}, {value: PLACEBO}]
resources:
  - name: patients
    path: p.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: score, type: number, role: outcome}
`

// antidepressant is the trial of the reference cases: the score at baseline, and its
// change at the visits, which an analysis adjusted for baseline takes alike.
func antidepressant(t *testing.T, rows [][]string) *datasets.Cohort {
	t.Helper()
	var patients, visits strings.Builder
	patients.WriteString("id,arm\n")
	visits.WriteString("id,visit,score\n")
	seen := map[string]bool{}
	for _, r := range rows[1:] {
		if r[0] == "" {
			continue
		}
		if !seen[r[0]] {
			seen[r[0]] = true
			fmt.Fprintf(&patients, "%s,%s\n", r[0], r[1])
			fmt.Fprintf(&visits, "%s,0,%s\n", r[0], r[3])
		}
		fmt.Fprintf(&visits, "%s,%s,%s\n", r[0], r[2], r[4])
	}
	return analysistest.Cohort(t, trialCohort, map[string]string{"p.csv": patients.String(), "v.csv": visits.String()})
}

// find gives the analyses that tests run on completed cohorts.
func find(name string) (*analysis.Analysis, error) {
	for _, a := range []*analysis.Analysis{effect.Ancova, effect.MeanChange, effect.Responders, impute.Chained} {
		if a.Name == name {
			return a, nil
		}
	}
	return nil, errors.New("no such analysis")
}

// Every value of rbmi's conditional mean imputation with the jackknife.
func TestAntidepressant(t *testing.T) {
	type value struct{ Est, SE, Lo, Hi, P float64 }
	var want struct {
		NObs     int `json:"n_obs"`
		NMissing int `json:"n_missing"`
		MAR      map[string]value
		JR       map[string]value `json:"J2R"`
		CR       map[string]value
		CIR      map[string]value
		LMCF     map[string]value
	}
	rows := reference(t, "refbased_mi_antidepressant", &want)
	c := antidepressant(t, rows)
	checked := 0
	for strategy, values := range map[string]map[string]value{"mar": want.MAR, "jump-to-reference": want.JR, "copy-reference": want.CR, "copy-increments": want.CIR, "last-mean": want.LMCF} {
		for _, visit := range []string{"4", "5", "6", "7"} {
			r, err := impute.ReferenceBased.Run(t.Context(), analysis.Input{Cohort: c, Find: find},
				analysis.Question{Outcome: "score", Visit: visit, Arm: "DRUG", Reference: "PLACEBO"}, map[string]string{"strategy": strategy, "variance": "jackknife"})
			if err != nil {
				t.Fatal(err)
			}
			for name, e := range map[string]analysis.Estimate{
				"trt_":     analysistest.Find(t, r, "adjusted_difference", "DRUG"),
				"lsm_alt_": analysistest.Find(t, r, "adjusted_mean", "DRUG"),
				"lsm_ref_": analysistest.Find(t, r, "adjusted_mean", "PLACEBO"),
			} {
				w, ok := values[name+visit]
				if !ok {
					t.Fatalf("no %s%s", name, visit)
				}
				checked++
				what := strategy + " " + name + visit
				near(t, what, float64(e.Value), w.Est, 1e-4)
				near(t, what+" error", float64(e.SE), w.SE, 1e-4)
				// A bound near zero is a difference of larger numbers, held to their size.
				size := math.Abs(w.Est) + 2*w.SE
				if math.Abs(float64(e.CI.Low)-w.Lo) > 1e-4*size || math.Abs(float64(e.CI.High)-w.Hi) > 1e-4*size {
					t.Errorf("%s: %v to %v, want %v to %v", what, e.CI.Low, e.CI.High, w.Lo, w.Hi)
				}
				if name == "trt_" {
					near(t, what+" p", float64(e.P), w.P, 3e-4)
				}
			}
			seen, missing := 0.0, 0.0
			for _, row := range r.Tables[0].Rows {
				if row[1].Text != "0" {
					seen, missing = seen+float64(row[3].Num), missing+float64(row[4].Num)
				}
			}
			if int(seen) != want.NObs || int(missing) != want.NMissing {
				t.Errorf("seen %v and missing %v", seen, missing)
			}
		}
	}
	if checked != 60 {
		t.Errorf("%d values checked", checked)
	}
}

// Every value of rbmi's delta adjustment, and where the conclusion turns between two of
// its deltas.
func TestTippingAntidepressant(t *testing.T) {
	type row struct {
		Drug    float64 `json:"delta_drug"`
		Placebo float64 `json:"delta_placebo"`
		Est     float64
		SE      float64
		P       float64
	}
	var want []row
	c := antidepressant(t, reference(t, "tipping_point_antidepressant", &want))
	r, err := impute.TippingPoint.Run(t.Context(), analysis.Input{Cohort: c, Find: find},
		analysis.Question{Outcome: "score", Visit: "7", Arm: "DRUG", Reference: "PLACEBO"}, map[string]string{"deltas": "0,1,2,3,4,5,6,8", "variance": "jackknife"})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != 8 {
		t.Fatalf("%d rows", len(want))
	}
	for i, w := range want {
		e := r.Estimates[i]
		what := e.Definition
		if what != fmt.Sprintf("delta %+g in DRUG, %+g in PLACEBO", w.Drug, w.Placebo) {
			t.Errorf("row %d is %s", i, what)
		}
		near(t, what, float64(e.Value), w.Est, 1e-4)
		near(t, what+" error", float64(e.SE), w.SE, 1e-4)
		near(t, what+" p", float64(e.P), w.P, 3e-4)
		if p := r.Series[0].Points[i]; float64(p.X) != w.Drug || p.Y != e.Value {
			t.Errorf("point %d of the figure: %+v", i, p)
		}
	}
	tip := analysistest.Find(t, r, "tipping_delta", "DRUG")
	if tip.Value < 2 || tip.Value > 3 {
		t.Fatalf("turns at %v", tip.Value)
	}
	again, err := impute.TippingPoint.Run(t.Context(), analysis.Input{Cohort: c, Find: find},
		analysis.Question{Outcome: "score", Visit: "7", Arm: "DRUG", Reference: "PLACEBO"}, map[string]string{"deltas": tip.Value.Text(), "variance": "jackknife"})
	if err != nil {
		t.Fatal(err)
	}
	if e := again.Estimates[0]; math.Abs(float64(e.P)-0.05) > 1e-8 || math.Abs(float64(e.CI.High)) > 1e-8 {
		t.Errorf("at the tipping point: p %v, interval to %v", e.P, e.CI.High)
	}
}
