package compare

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
)

// Controls at 0.4, 0.5 and 0.6 with errors 0.1: they spread by less than chance would
// have them, so σ = 0 and μ = 0.5 with error 0.1/√3; of a difference of 1 (0.1) 0.5 is
// left, with error √(0.01 + 0.01/3). Controls at -a and a with error s have μ = 0 and
// σ² = a² - s² (the derivative Σ w²a² - w is 0 where w = 1/a²): for 0.5 and 0.3, 0.16.
func TestCalibrationByHand(t *testing.T) {
	n := &negatives{q: analysis.Question{Level: 0.95}}
	estimate := func(v, se float64) analysis.Estimate {
		e := analysis.NewEstimate("x", analysis.ScaleStandardised)
		e.Value, e.SE = analysis.Num(v), analysis.Num(se)
		return e
	}
	var controls []control
	for _, v := range []float64{0.4, 0.5, 0.6} {
		controls = append(controls, control{e: estimate(v, 0.1)})
	}
	out := n.calibrated(estimate(1, 0.1), controls)
	near(t, "μ", out[0].Value, 0.5, 1e-12)
	near(t, "error of μ", out[0].SE, 0.1/math.Sqrt(3), 1e-12)
	near(t, "σ", out[1].Value, 0, 1e-12)
	near(t, "calibrated", out[2].Value, 0.5, 1e-12)
	near(t, "its error", out[2].SE, math.Sqrt(0.01+0.01/3), 1e-12)
	for _, e := range n.calibrated(estimate(1, 0.1), controls[:2]) {
		if e.Value.OK() || len(e.Warnings) == 0 {
			t.Errorf("two controls calibrate: %v", e)
		}
	}
	m, s := systematic([]float64{-0.5, 0.5}, []float64{0.3, 0.3})
	near(t, "mean of two", analysis.Num(m), 0, 1e-9)
	near(t, "spread of two", analysis.Num(s), 0.4, 1e-9)
}

const controlsFile = `name: controls
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: x, type: number, role: covariate}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
        - {name: sight, type: number, role: outcome}
        - {name: height, type: number, role: outcome}
        - {name: flat, type: number, role: outcome}
arms: [{value: a}, {value: r}, {value: r2}]
visits: [{value: b, baseline: true}, {value: f, week: 12}]
`

// Arms of 40 that differ by what no covariate holds: half a unit of sight, which no
// treatment moves, and of height before treatment. Both controls say so; between two
// arms without a difference the third does not. Scales do not matter: a control in other
// units gives the same numbers. What cannot be asked is refused.
func TestNegativeControls(t *testing.T) {
	build := func(unit float64) (patients, visits string) {
		patients, visits = "id,arm,x\n", "id,visit,pain,sight,height,flat\n"
		for i := range 120 {
			arm, shift := []string{"a", "r", "r2"}[i%3], 0.0
			if i%3 == 0 {
				shift = 1
			}
			k := i / 3
			noise := float64((k*k*7+k)%11)/5 - 1
			patients += fmt.Sprintf("P%03d,%s,%d\n", i, arm, k%7)
			visits += fmt.Sprintf("P%03d,b,%d,%g,%g,1\nP%03d,f,%g,%g,0,1\n", i, 5+k%3, unit*noise/3, unit*(noise+2*shift), i, 4+noise-shift+float64(k%5)/3, unit*(noise/3+shift+float64(k%4)/4))
		}
		return patients, visits
	}
	q := analysis.Question{Arm: "a", Reference: "r", Outcome: "pain", Visit: "f", Level: 0.95}
	run := func(unit float64, set ...string) (analysis.Result, error) {
		patients, visits := build(unit)
		m := map[string]string{"covariates": "x"}
		for i := 0; i < len(set); i += 2 {
			m[set[i]] = set[i+1]
		}
		return NegativeControl.Run(t.Context(), analysis.Input{Cohort: analysistest.Cohort(t, controlsFile, map[string]string{"patients.csv": patients, "visits.csv": visits})}, q, m)
	}
	all := []string{"outcomes", "sight", "before", "height", "exposures", "r/r2"}
	r, err := run(1, all...)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, NegativeControl, r)
	loud := map[string]bool{}
	for _, e := range r.Estimates {
		for _, w := range e.Warnings {
			if w.Code == WarnConfounded {
				loud[e.Definition] = true
			}
		}
	}
	if !loud["outcome sight"] || !loud["before height"] || loud["exposure r/r2"] {
		t.Errorf("controls that speak: %v", loud)
	}
	near(t, "arms without a difference", analysistest.Find(t, r, "control", "r").Value, 0, 1e-9)
	other, err := run(100, all...)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range r.Estimates {
		near(t, "other units, "+e.Term, other.Estimates[i].Value, float64(e.Value), 1e-9)
	}
	flat, err := run(1, "outcomes", "flat,sight")
	if err != nil {
		t.Fatal(err)
	}
	if e := analysistest.Find(t, flat, "control", ""); e.Value.OK() || len(e.Warnings) == 0 {
		t.Errorf("a control without variance: %v", e)
	}
	for _, bad := range [][]string{{}, {"outcomes", "pain"}, {"exposures", "r"}, {"exposures", "r/nobody"}, {"outcomes", "nothing"}} {
		if _, err := run(1, bad...); err == nil || errors.Is(err, analysis.ErrCannot) && !strings.Contains(err.Error(), "control") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
