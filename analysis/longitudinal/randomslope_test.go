package longitudinal_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/longitudinal"
	"recoup/datasets"
)

func slopes(t *testing.T, c *datasets.Cohort, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := longitudinal.RandomSlope.Run(t.Context(), analysis.Input{Cohort: c}, q, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, longitudinal.RandomSlope, r)
	return r
}

// Slopes, means and differences of a made trial with missing visits are lme4's, with
// lmerTest's and pbkrtest's errors and degrees of freedom, for each choice of random
// effects and likelihood.
func TestMadeSlopes(t *testing.T) {
	want := analysistest.ReadReference(t, "testdata/panel.json")
	c := panelTrial(t, 1, 0)
	q := analysis.Question{Outcome: "pain", Arm: "A", Reference: "B"}
	for key, random := range map[string]string{"intercept": "intercept", "slope": "intercept+slope", "uncorrelated": "uncorrelated"} {
		for _, method := range []string{"reml", "ml"} {
			for i, inference := range []string{"satterthwaite", "kenward-roger"} {
				if method == "ml" && i == 1 {
					continue
				}
				r := slopes(t, c, q, map[string]string{"random": random, "method": method, "inference": inference, "covariates": "age"})
				name := key + "_" + method + "_"
				for k, e := range []analysis.Estimate{
					at(t, r, "slope", "A", ""), at(t, r, "slope", "B", ""), at(t, r, "slope_difference", "A", ""),
					at(t, r, "adjusted_mean", "A", "12"), at(t, r, "adjusted_difference", "A", "12"),
				} {
					near(t, name+e.Term, e.Value, want[name+"value"][k], 1e-6)
					if i == 0 {
						near(t, name+e.Term+" error", e.SE, want[name+"se"][k], 1e-6)
					}
					if method == "reml" {
						near(t, name+inference+" df of "+e.Term, e.DF, want[name+"df"][10*i+2*k], 1e-5)
						near(t, name+inference+" error of "+e.Term, e.SE, want[name+"df"][10*i+2*k+1], 1e-6)
					}
				}
				var variances []analysis.Num
				for _, row := range r.Tables[0].Rows {
					if row[1].Num.OK() {
						variances = append(variances, row[1].Num)
					}
				}
				vc := want[name+"vc"]
				near(t, name+"intercept", variances[0], vc[0], 1e-5)
				near(t, name+"residual", variances[len(variances)-1], vc[len(vc)-1], 1e-5)
				if random != "intercept" {
					near(t, name+"slope", variances[1], vc[1], 1e-5)
				}
				if random == "intercept+slope" {
					near(t, name+"correlation", r.Tables[0].Rows[2][2].Num, vc[2]/math.Sqrt(vc[0]*vc[1]), 1e-5)
				}
				if key == "slope" && method == "reml" && i == 0 { // nlme's, by numerical derivatives
					for k, row := range r.Tables[0].Rows {
						near(t, "low of "+row[0].Text, row[3].Num, want["wald"][2*k], 2e-3)
						near(t, "high of "+row[0].Text, row[4].Num, want["wald"][2*k+1], 2e-3)
					}
				}
				near(t, name+"log likelihood", r.Tables[1].Rows[3][1].Num, want[name+"loglik"][0], 1e-7)
			}
		}
	}
}

// Time in visits, an outcome in other units and arms exchanged give what follows.
func TestSlopeRelations(t *testing.T) {
	q := analysis.Question{Outcome: "pain", Arm: "A", Reference: "B"}
	c := panelTrial(t, 1, 0)
	a := at(t, slopes(t, c, q, nil), "slope_difference", "A", "")
	b := at(t, slopes(t, c, analysis.Question{Outcome: "pain", Arm: "B", Reference: "A"}, nil), "slope_difference", "B", "")
	near(t, "arms exchanged", b.Value, -float64(a.Value), 1e-9)
	far := slopes(t, panelTrial(t, 7, 1e6), q, nil)
	moved := at(t, far, "slope_difference", "A", "")
	near(t, "another unit", moved.Value, 7*float64(a.Value), 1e-6)
	near(t, "its error", moved.SE, 7*float64(a.SE), 1e-6)
	near(t, "its df", moved.DF, float64(a.DF), 1e-6)
	// The difference at a visit is that of the intercepts and the week times that of the slopes.
	r := slopes(t, c, q, nil)
	d0, d26 := at(t, r, "adjusted_difference", "A", "0"), at(t, r, "adjusted_difference", "A", "26")
	near(t, "difference at week 26", d26.Value, float64(d0.Value)+26*float64(a.Value), 1e-9)
	order := slopes(t, c, q, map[string]string{"time": "order"})
	if u := at(t, order, "slope", "A", ""); math.Abs(float64(u.Value-at(t, r, "slope", "A", "").Value)) < 0.1 {
		t.Errorf("a slope by visit is that by week: %v", u.Value)
	}
	// After baseline and adjusted for it: at the mean baseline, without the visit itself.
	adjusted := slopes(t, c, q, map[string]string{"baseline": "covariate"})
	for _, e := range adjusted.Estimates {
		if e.Visit == "0" {
			t.Error("the baseline is in a model adjusted for it")
		}
	}
}

const weekless = `
name: weekless
resources:
  - name: visits
    path: v.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
visits: [{value: start, baseline: true}, {value: later}, {value: last}]
`

// Visits without a week are refused by name, and data without answer as such; a
// singular fit is said and not a failure.
func TestHardSlopes(t *testing.T) {
	run := func(rows string, set map[string]string) (analysis.Result, error) {
		c := analysistest.Cohort(t, weekless, map[string]string{"v.csv": "id,visit,pain\n" + rows})
		return longitudinal.RandomSlope.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{Outcome: "pain"}, set)
	}
	order := map[string]string{"time": "order"}
	// All patients have the same mean, so intercepts do not vary.
	some := "a,start,1\na,later,3\na,last,2\nb,start,3\nb,later,1\nb,last,2\nc,start,2\nc,later,2.5\nc,last,1.5\n"
	if _, err := run(some, nil); !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), "start, later, last") {
		t.Errorf("visits without a week: %v", err)
	}
	r, err := run(some, map[string]string{"time": "order", "random": "intercept"})
	if err != nil {
		t.Fatal(err)
	}
	said := false
	for _, w := range r.Warnings {
		said = said || w.Code == "singular-fit" && strings.Contains(w.Message, "intercepts is zero")
	}
	if !said {
		t.Errorf("a variance of zero is not said: %v", r.Warnings)
	}
	for name, rows := range map[string]string{
		"one patient":           "a,start,1\na,later,3\na,last,2\n",
		"no value":              "a,start,\nb,later,\n",
		"a value each":          "a,start,1\nb,later,2\nc,last,3\nd,start,3\n",
		"no variance":           "a,start,2\na,later,2\nb,start,2\nb,later,2\nb,last,2\n",
		"one time for everyone": "a,start,1\nb,start,2\nc,start,4\n",
	} {
		if _, err := run(rows, order); !errors.Is(err, analysis.ErrCannot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := run(some, map[string]string{"time": "order", "method": "ml", "inference": "kenward-roger"}); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("Kenward and Roger by full likelihood: %v", err)
	}
}
