package impute_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/impute"
)

// Six patients of arm a and three of b, scores from -10 to 20, lower taken as better.
// Changes at visit 2 by hand:
//
//	a1 5 → 3      -2        a4 6 4 ?   last 4 (-2), baseline 0, worst 20 (+14), best -10 (-16)
//	a2 5 → 1      -4        b1 5 → 5    0
//	a3 5 → 2      -3        b2 5 → 6   +1
//	                        b3 7 ? ?   last 7 (0), baseline 0, worst 20 (+13), best -10 (-17)
func hand() []person {
	return []person{
		{id: "a1", arm: "a", age: "1", group: "x", scores: [3]string{"5", "4", "3"}},
		{id: "a2", arm: "a", age: "1", group: "x", scores: [3]string{"5", "", "1"}},
		{id: "a3", arm: "a", age: "1", group: "x", scores: [3]string{"5", "5", "2"}},
		{id: "a4", arm: "a", age: "1", group: "x", scores: [3]string{"6", "4", ""}},
		{id: "b1", arm: "b", age: "1", group: "x", scores: [3]string{"5", "5", "5"}},
		{id: "b2", arm: "b", age: "1", group: "x", scores: [3]string{"5", "5", "6"}},
		{id: "b3", arm: "b", age: "1", group: "x", scores: [3]string{"7", "", ""}},
	}
}

var atTwo = analysis.Question{Outcome: "score", Visit: "2", Arm: "a", Reference: "b"}

func TestBoundsByHand(t *testing.T) {
	r := run(t, impute.Bounds, small(t, hand()), atTwo, map[string]string{"analysis": "effect/mean-change", "imputations": "2", "iterations": "2"})
	got := map[string]analysis.Estimate{}
	for _, e := range r.Estimates {
		got[e.Definition] = e
	}
	for name, want := range map[string]float64{
		"complete-cases":                       -3 - 0.5,
		"worst-case":                           (-9+14)/4. - (1-17)/3.,
		"best-case":                            (-9-16)/4. - (1+13)/3.,
		"all-worst":                            (-9+14)/4. - (1+13)/3.,
		"all-best":                             (-9-16)/4. - (1-17)/3.,
		"last-observation-carried-forward":     (-9-2)/4. - 1/3.,
		"baseline-observation-carried-forward": -9/4. - 1/3.,
	} {
		e, ok := got[name]
		if !ok || math.Abs(float64(e.Value)-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, e.Value, want)
		}
		if e.N.Missing != 2 || name != "complete-cases" && e.N.Arm+e.N.Reference != 7 {
			t.Errorf("%s: %+v", name, e.N)
		}
	}
	if len(r.Tables[0].Rows) != 9 || len(r.Estimates) != 9 {
		t.Errorf("%d rows, %d estimates", len(r.Tables[0].Rows), len(r.Estimates))
	}
	r = run(t, impute.Bounds, small(t, hand()), atTwo, map[string]string{"analysis": "effect/mean-change", "range": "0,10", "imputations": "2"})
	for _, e := range r.Estimates {
		if e.Definition == "worst-case" && math.Abs(float64(e.Value)-((-9+4)/4.-(1-7)/3.)) > 1e-12 {
			t.Errorf("with a range of its own: %v", e.Value)
		}
	}
	// One arm: the worst of all its patients.
	one := atTwo
	one.Reference = ""
	r = run(t, impute.Bounds, small(t, hand()), one, map[string]string{"imputations": "2"})
	for _, e := range r.Estimates {
		if e.Definition == "worst-case" && math.Abs(float64(e.Value)-5/4.) > 1e-12 || e.Reference != "" {
			t.Errorf("one arm: %+v", e)
		}
	}
	if _, err := impute.Bounds.Run(t.Context(), analysis.Input{Cohort: small(t, hand()), Find: find}, atTwo, map[string]string{"range": "3,1"}); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("a range that runs backwards: %v", err)
	}
}

// The patterns of the same patients, by hand: at visit 1 a4 leaves with 4, a1 and a3 stay
// with 4 and 5; a2 missed visit 1 and came back.
func TestPatternByHand(t *testing.T) {
	r := run(t, impute.Pattern, small(t, hand()), analysis.Question{Outcome: "score"}, nil)
	at := func(term, arm, visit string) float64 {
		t.Helper()
		for _, e := range r.Estimates {
			if e.Term == term && e.Arm == arm && e.Visit == visit {
				return float64(e.Value)
			}
		}
		t.Errorf("no %s of %s at %s", term, arm, visit)
		return math.NaN()
	}
	for _, x := range []struct {
		got, want float64
	}{
		{at("share_missing", "a", "1"), 0.25},
		{at("share_missing", "a", "2"), 0.25},
		{at("share_missing", "b", "2"), 1. / 3},
		{at("share_missing", "a", "0"), 0},
		{at("share_monotone", "a", "2"), 0.75},
		{at("share_monotone", "b", "2"), 1},
		{at("mean_leaving", "a", "1"), 4},
		{at("mean_staying", "a", "1"), 4.5},
		{at("difference_leaving", "a", "1"), -0.5},
		{at("mean_leaving", "b", "0"), 7},
		{at("mean_staying", "b", "0"), 5},
	} {
		if math.Abs(x.got-x.want) > 1e-14 {
			t.Errorf("%v, want %v", x.got, x.want)
		}
	}
	// Columns 0 1 2, missing, order, a, b, all arms.
	want := map[string][3]float64{"111": {2, 2, 4}, "110": {1, 0, 1}, "101": {1, 0, 1}, "100": {0, 1, 1}}
	order := map[string]string{"111": "complete", "110": "monotone", "101": "intermittent", "100": "monotone"}
	for _, row := range r.Tables[0].Rows {
		key := row[0].Text + row[1].Text + row[2].Text
		for k, n := range want[key] {
			if float64(row[5+k].Num) != n || row[4].Text != order[key] {
				t.Errorf("pattern %s: %v", key, row)
			}
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("patterns that are not there: %v", want)
	}
}

// Rubin's error of jump to reference is that of rbmi's quickstart (1.12, against 0.86 of
// the jackknife), and the mean lies among its printed ones; the bootstrap is near the
// jackknife, and the models with a covariance of each arm near that with one.
func TestViewsOfVariance(t *testing.T) {
	var ignored any
	c := antidepressant(t, reference(t, "refbased_mi_antidepressant", &ignored))
	q := analysis.Question{Outcome: "score", Visit: "7", Arm: "DRUG", Reference: "PLACEBO", Seed: 1}
	get := func(set map[string]string) analysis.Estimate {
		return analysistest.Find(t, run(t, impute.ReferenceBased, c, q, set), "adjusted_difference", "DRUG")
	}
	r := run(t, impute.ReferenceBased, c, q, map[string]string{"imputations": "5"})
	if !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool {
		return w.Code == "variance-view" && strings.Contains(w.Message, "information-anchored")
	}) {
		t.Errorf("which error it is goes unsaid: %v", r.Warnings)
	}
	rubin := get(map[string]string{"imputations": "400"})
	// B is about 0.35, so √(B/400) = 0.03; four of them on each side of -2.13 to -2.18.
	if rubin.Value < -2.18-0.12 || rubin.Value > -2.13+0.12 || math.Abs(float64(rubin.SE)-1.12) > 0.04 {
		t.Errorf("Rubin: %v (%v)", rubin.Value, rubin.SE)
	}
	boot := get(map[string]string{"variance": "bootstrap", "replicates": "400"})
	// The error of 400 samples has a relative error of 1/√800 = 3.5 %.
	if math.Abs(float64(boot.Value)+2.1255338523189) > 2e-4 || math.Abs(float64(boot.SE)/0.858-1) > 0.16 {
		t.Errorf("bootstrap: %v (%v)", boot.Value, boot.SE)
	}
	for _, strategy := range []string{"jump-to-reference", "copy-increments", "copy-reference", "last-mean", "mar"} {
		shared := get(map[string]string{"strategy": strategy, "imputations": "50"})
		own := get(map[string]string{"strategy": strategy, "imputations": "50", "model": "by-arm"})
		if math.Abs(float64(shared.Value-own.Value)) > 0.5 || shared.Value == own.Value {
			t.Errorf("%s: %v with one covariance, %v with one for each arm", strategy, shared.Value, own.Value)
		}
	}
}
