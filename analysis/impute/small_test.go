package impute_test

import (
	"errors"
	"fmt"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/impute"
	"recoup/simulate/stream"
)

// Cohorts of 2 to 13 patients with any pattern of missing values, ties and constants are
// answered in good form, or refused by name.
func TestSmallCohorts(t *testing.T) {
	type trial struct {
		a   *analysis.Analysis
		set map[string]string
	}
	var trials []trial
	for _, method := range []string{"auto", "norm"} {
		for _, arms := range []string{"together", "apart"} {
			trials = append(trials, trial{impute.Chained, map[string]string{"imputations": "2", "iterations": "2", "method": method, "arms": arms, "covariates": "age,group", "auxiliary": "other"}})
		}
	}
	for _, strategy := range []string{"jump-to-reference", "copy-increments", "copy-reference", "last-mean", "mar"} {
		for _, variance := range []string{"rubin", "jackknife", "bootstrap"} {
			for _, model := range []string{"shared", "by-arm"} {
				trials = append(trials, trial{impute.ReferenceBased, map[string]string{"imputations": "2", "replicates": "20", "strategy": strategy, "variance": variance, "model": model, "analysis": "effect/mean-change"}})
			}
		}
	}
	trials = append(trials,
		trial{impute.TippingPoint, map[string]string{"imputations": "2", "deltas": "-1,0,1", "reference-deltas": "0,1", "analysis": "effect/mean-change"}},
		trial{impute.Weighted, map[string]string{"covariates": "age,group"}}, trial{impute.Weighted, map[string]string{"truncate": "0.8"}},
		trial{impute.Bounds, map[string]string{"imputations": "2", "iterations": "2", "analysis": "effect/mean-change", "term": "all"}},
		trial{impute.Pattern, nil})
	answered := map[string]int{}
	for k := range 120 {
		s := stream.New(uint64(k), "small").Cursor()
		people := make([]person, 2+s.IntN(12))
		spread := 1 + s.IntN(4) // of 1: all the same
		for i := range people {
			p := person{id: fmt.Sprintf("p%d", i), arm: []string{"a", "b"}[s.IntN(2)], age: fmt.Sprint(40 + s.IntN(spread)), group: []string{"x", "y", ""}[s.IntN(3)]}
			for v := range p.scores {
				if s.Float64() > 0.1+0.1*float64(k%6) {
					p.scores[v] = fmt.Sprint(s.IntN(spread))
				}
			}
			people[i] = p
		}
		c := small(t, people)
		for j, x := range trials {
			if (j+k)%6 > 0 {
				continue
			}
			r, err := x.a.Run(t.Context(), analysis.Input{Cohort: c, Find: find}, asked, x.set)
			if err != nil {
				if !errors.Is(err, analysis.ErrCannot) && !errors.Is(err, analysis.ErrOptions) {
					t.Errorf("%d %s %v: %v", k, x.a.Name, x.set, err)
				}
				continue
			}
			answered[x.a.Name]++
			analysistest.Conforms(t, x.a, r)
		}
	}
	for _, x := range trials {
		if answered[x.a.Name] < 3 {
			t.Errorf("%s was answered %d times: the test shows little", x.a.Name, answered[x.a.Name])
		}
	}
}
