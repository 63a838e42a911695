package effect_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
	"recoup/datasets/open"
)

// published is what the trial's paper prints.
type published struct {
	Groups map[string]string          `json:"groups"`
	Mean   map[string]json.RawMessage `json:"mean_sd_pain_avg"`
	G      map[string]json.RawMessage `json:"hedges_g_pain_avg"`
	Resp   map[string]json.RawMessage `json:"responders_pain_avg"`
}

// The published results of a real randomised trial, from its released data: 12
// effect sizes and the means and SDs to two decimals, 18 responder counts.
func TestPublishedTrial(t *testing.T) {
	const dir = "../../../shared/data/ashar2022/"
	b, err := os.ReadFile(dir + "published.json")
	if err != nil {
		t.Skip("SKIPPED: the trial's data is absent from the shared folder beside the project")
	}
	var pub published
	if err := json.Unmarshal(b, &pub); err != nil {
		t.Fatal(err)
	}
	c, err := open.Cohort(context.Background(), "../../datasets/testdata/ashar2022.yaml", open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	round := func(v analysis.Num) float64 { return math.Round(float64(v)*100) / 100 }
	checked := 0
	for visit, raw := range pub.Mean {
		var want map[string][2]float64
		if json.Unmarshal(raw, &want) != nil {
			continue // the rule in words
		}
		for group, ms := range want {
			q := analysis.Question{Arm: pub.Groups[group], Outcome: "pain_avg", Visit: visit}
			suffix := "visit"
			if visit == "baseline" {
				q.Visit, suffix = "t2_arm_1", "baseline"
			}
			r := run(t, effect.MeanChange, c, q, nil)
			mean, sd := analysistest.Find(t, r, "mean_"+suffix, ""), analysistest.Find(t, r, "sd_"+suffix, "")
			if round(mean.Value) != ms[0] || round(sd.Value) != ms[1] {
				t.Errorf("%s %s: mean %v (SD %v), published %v", visit, q.Arm, mean.Value, sd.Value, ms)
			}
			checked++
		}
	}
	for visit, raw := range pub.G {
		var want map[string]float64
		if json.Unmarshal(raw, &want) != nil {
			continue
		}
		for pair, g := range want {
			q := analysis.Question{Arm: pub.Groups[pair[:1]], Reference: pub.Groups[pair[2:]], Outcome: "pain_avg", Visit: visit}
			r := run(t, effect.HedgesG, c, q, map[string]string{"denominator": "change", "correction": "approximate"})
			if round(r.Estimates[0].Value) != g {
				t.Errorf("%s %s: g %v, published %v", visit, pair, r.Estimates[0].Value, g)
			}
			checked++
		}
	}
	rules := map[string]map[string]string{
		"30_percent":  {"rule": "percent", "threshold": "30"},
		"50_percent":  {"rule": "percent", "threshold": "50"},
		"pain_0_or_1": {"rule": "at-most", "threshold": "1"},
	}
	for name, set := range rules {
		var want map[string][3]int
		if err := json.Unmarshal(pub.Resp[name], &want); err != nil {
			t.Fatal(err)
		}
		for visit, counts := range want {
			for i, n := range counts {
				arm := pub.Groups[string(rune('1'+i))]
				r := run(t, effect.Responders, c, analysis.Question{Arm: arm, Outcome: "pain_avg", Visit: visit}, set)
				e := analysistest.Find(t, r, "responders_all", "")
				if e.N.Events != n || e.N.Arm != []int{50, 51, 50}[i] {
					t.Errorf("%s %s %s: %d of %d, published %d", name, visit, arm, e.N.Events, e.N.Arm, n)
				}
				checked++
			}
		}
	}
	if checked != 9+12+18 {
		t.Errorf("checked %d published numbers, want 39", checked)
	}
	// The three rows without a group are told, with the reason.
	r := run(t, effect.HedgesG, c, analysis.Question{Arm: "PRT", Reference: "placebo", Outcome: "pain_avg", Visit: "t2_arm_1"}, nil)
	rows := 0
	for _, x := range r.Excluded {
		if x.Code == "no-arm" {
			rows += x.Rows
		}
	}
	if rows != 3 {
		t.Errorf("%d rows without a group, want 3", rows)
	}
}
