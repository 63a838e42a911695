package compare

import (
	"errors"
	"math"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/datasets"
)

const smallFile = `name: small
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate}
        - {name: sex, type: string, role: covariate}
        - {name: bmi, type: number, role: covariate}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
arms:
  - {value: a, name: arm}
  - {value: r, name: reference}
visits:
  - {value: before, baseline: true}
  - {value: after, week: 52}
`

// small builds a cohort of lines id,arm,age,sex,bmi,before,after.
func small(t *testing.T, lines ...string) *datasets.Cohort {
	t.Helper()
	patients, visits := "id,arm,age,sex,bmi\n", "id,visit,pain\n"
	for _, l := range lines {
		f := strings.Split(l, ",")
		patients += strings.Join(f[:5], ",") + "\n"
		visits += f[0] + ",before," + f[5] + "\n" + f[0] + ",after," + f[6] + "\n"
	}
	return analysistest.Cohort(t, smallFile, map[string]string{"patients.csv": patients, "visits.csv": visits})
}

var smallQuestion = analysis.Question{Arm: "arm", Reference: "reference", Outcome: "pain", Visit: "after"}

// Two strata of sex: of the women 1 in the arm (change -4) and 3 in the reference (-2,
// -1, -3, mean -2); of the men 3 in the arm (-5, -7, -6, mean -6) and 1 in the
// reference (-1). The score is 1/4 and 3/4.
//
//	ate: arm 4×(-4) and 3×(4/3)(-6) over 8 = -5, reference (4/3)×(-6) and 4×(-1) over 8 = -1.5: -3.5
//	att: arm (-4-18)/4 = -5.5, reference 1/3 each of the women, 3 of the man: (-2-3)/4 = -1.25: -4.25
//	atc: arm 3×(-4) and (1/3)(-18) over 4 = -4.5, reference (-6-1)/4 = -1.75: -2.75
//	ato: e(1-e) alike in both strata: half of (-4+2) and of (-6+1) = -3.5
func TestWeightsByHand(t *testing.T) {
	c := small(t, "1,a,40,f,20,8,4", "2,r,41,f,20,8,6", "3,r,42,f,20,8,7", "4,r,43,f,20,8,5",
		"5,a,44,m,20,8,3", "6,a,45,m,20,8,1", "7,a,46,m,20,8,2", "8,r,47,m,20,8,7")
	for target, want := range map[string]float64{"ate": -3.5, "att": -4.25, "atc": -2.75, "ato": -3.5, "atm": -3.5} {
		r := ask(t, Weighted, c, smallQuestion, "covariates", "sex", "baseline", "false", "target", target)
		near(t, target, analysistest.Find(t, r, "adjusted_difference", "").Value, want, 1e-9)
	}
	for target, want := range map[string]float64{"ate": -3.5, "att": -4.25, "atc": -2.75} {
		r := ask(t, Weighted, c, smallQuestion, "covariates", "sex", "baseline", "false", "target", target, "weights", "entropy")
		near(t, "entropy "+target, analysistest.Find(t, r, "adjusted_difference", "").Value, want, 1e-8)
	}
	// Exact on sex: the woman with the first woman, the men with the only man.
	r := ask(t, Matched, c, smallQuestion, "covariates", "age", "baseline", "false", "exact", "sex", "caliper", "0", "replace", "true")
	if n := analysistest.Find(t, r, "matched_reference", "").Value; n != 2 {
		t.Errorf("%v of the reference are matched, want 2", n)
	}
}

// A number or a null that is explained, or a refusal, whatever the cohort.
func TestHardCohorts(t *testing.T) {
	cohorts := map[string][]string{
		"one each":         {"1,a,40,f,20,5,3", "2,r,50,m,30,5,4"},
		"nobody in an arm": {"1,a,40,f,20,5,3", "2,a,50,m,30,5,4"},
		"all alike":        {"1,a,40,f,20,5,3", "2,a,40,f,20,5,3", "3,r,40,f,20,5,3", "4,r,40,f,20,5,3"},
		"parted":           {"1,a,40,f,20,9,3", "2,a,41,f,21,9,2", "3,a,42,f,22,8,1", "4,r,70,m,30,2,2", "5,r,71,m,31,1,1", "6,r,72,m,32,2,2"},
		"no covariate":     {"1,a,,,,9,3", "2,a,,,,9,2", "3,r,,,,2,2", "4,r,,,,1,1"},
		"no outcome":       {"1,a,40,f,20,9,", "2,a,41,m,21,9,", "3,r,42,f,22,2,", "4,r,43,m,23,1,"},
		"far off":          {"1,a,1e10,f,20,9,10000000003", "2,a,10000000002,m,21,9,10000000002", "3,r,10000000001,f,22,2,10000000002", "4,r,10000000003,m,23,1,10000000001", "5,a,10000000003,f,20,5,10000000009", "6,r,10000000000,f,27,6,10000000005"},
	}
	analyses := map[*analysis.Analysis][]map[string]string{
		Propensity:   {{}, {"trim": "crump"}, {"trim": "percentile", "target": "atm"}, {"weights": "entropy"}},
		Balance:      {{}, {"by": "matching", "caliper": "0"}},
		Matched:      {{}, {"match": "optimal", "caliper": "0"}, {"replace": "true", "caliper": "0"}, {"measure": "responder", "order": "closest"}},
		Weighted:     {{}, {"measure": "value", "adjust": "true"}, {"measure": "responder", "errors": "HC3"}, {"weights": "entropy", "target": "att"}},
		DoublyRobust: {{}, {"folds": "1", "measure": "responder"}},
	}
	for name, lines := range cohorts {
		c := small(t, lines...)
		for a, settings := range analyses {
			for _, set := range settings {
				for _, more := range []string{"complete", "indicator"} {
					set["covariates"], set["missing"] = "age,sex,bmi", more
					r, err := a.Run(t.Context(), analysis.Input{Cohort: c}, smallQuestion, set)
					if err != nil {
						if !errors.Is(err, analysis.ErrCannot) {
							t.Errorf("%s on %s %v: %v", a.Name, name, set, err)
						}
						continue
					}
					analysistest.Conforms(t, a, r)
					for _, e := range r.Estimates {
						if math.IsInf(float64(e.Value), 0) || math.IsInf(float64(e.SE), 0) {
							t.Errorf("%s on %s %v: %s is infinite", a.Name, name, set, e.Term)
						}
					}
				}
			}
		}
	}
}
