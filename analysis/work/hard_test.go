package work_test

import (
	"context"
	"errors"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/work"
)

// Cohorts that have broken estimators: each analysis answers with numbers that conform,
// nulls that say why, or a named refusal.
func TestHardCohorts(t *testing.T) {
	for name, rows := range map[string]string{
		"all at once":         "1,a,3,1\n2,a,3,1\n3,b,3,1\n4,b,3,1\n",
		"nobody":              "1,a,3,0\n2,a,5,0\n3,b,4,0\n4,b,2,0\n",
		"one each":            "1,a,3,1\n2,b,4,1\n",
		"one each, lost":      "1,a,3,0\n2,b,4,1\n",
		"day 0":               "1,a,0,1\n2,a,0,0\n3,b,0,1\n4,b,0,0\n",
		"an arm without time": "1,a,3,1\n2,a,5,0\n3,b,,\n4,b,,\n",
		"far off":             "1,a,3e8,1\n2,a,5e8,0\n3,b,4e8,1\n4,b,2e8,1\n",
		"fractions":           "1,a,0.001,1\n2,a,0.0001,0\n3,b,0.002,1\n4,b,0.0003,1\n5,b,0.01,1\n",
		"only one arm":        "1,a,3,1\n2,a,5,0\n3,a,2,1\n",
		"nobody at all":       "1,a,,\n2,b,,\n",
	} {
		in := cohort(t, map[string]string{"cohort.yaml": timesYAML + "arms:\n  - {value: a}\n  - {value: b}\n", "times.csv": "id,arm,weeks,back\n" + rows})
		for _, a := range []*analysis.Analysis{work.LogRankAnalysis, work.RestrictedMeans, work.CoxAnalysis, work.Competing, work.FineGrayAnalysis, work.ParametricAnalysis, work.IntervalCensored, work.Grouped} {
			for _, q := range []analysis.Question{{}, {Arm: "a", Reference: "b"}, {Arm: "b"}} {
				set := map[string]string{}
				if a == work.IntervalCensored {
					set["times"] = "days"
				}
				r, err := a.Run(context.Background(), in, q, set)
				if errors.Is(err, analysis.ErrCannot) {
					continue
				}
				if err != nil {
					t.Errorf("%s, %s: %v", name, a.Name, err)
					continue
				}
				analysistest.Conforms(t, a, r)
				for _, e := range r.Estimates {
					if e.SE == 0 {
						t.Errorf("%s, %s %s %s: an error of 0", name, a.Name, e.Term, e.Visit)
					}
				}
			}
		}
	}
}
