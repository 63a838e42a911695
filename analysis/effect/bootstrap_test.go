package effect_test

import (
	"math"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
)

// Whatever is resampled, the value is that of its own analysis; the bootstrap
// error is near the other's, and clusters, permutation and every interval answer.
func TestBootstrapAgreesWithItsAnalysis(t *testing.T) {
	c := trial(t, trialText(t))
	one := analysis.Question{Arm: "program", Outcome: "pain", Visit: "end"}
	set := func(estimator, interval string) map[string]string {
		return map[string]string{"estimator": estimator, "interval": interval}
	}
	available := between
	available.Missing = analysis.MissingAvailable
	for _, x := range []struct {
		name string
		q    analysis.Question
		want analysis.Estimate
		near float64 // how far the bootstrap error may be off, relative
	}{
		{"difference_in_change", between, analysistest.Find(t, run(t, effect.MeanChange, c, between, nil), "difference_in_change", ""), 0.1},
		{"hedges_g", between, analysistest.Find(t, run(t, effect.HedgesG, c, between, nil), "hedges_g", ""), 0.2},
		{"adjusted_difference", between, analysistest.Find(t, run(t, effect.Ancova, c, between, nil), "adjusted_difference", ""), 0.25},
		{"risk_difference", between, analysistest.Find(t, run(t, effect.Responders, c, between, map[string]string{"threshold": "30"}), "risk_difference_seen", ""), 0.1},
		{"superiority", between, analysistest.Find(t, run(t, effect.SuperiorityAnalysis, c, between, nil), "probability_of_superiority", ""), 0.2},
		{"change", one, analysistest.Find(t, run(t, effect.MeanChange, c, one, nil), "change", ""), 0.1},
		{"d_z", one, analysistest.Find(t, run(t, effect.HedgesG, c, one, nil), "standardised_change", ""), 0.4},
		{"percent_of_means", one, analysistest.Find(t, run(t, effect.MeanChange, c, one, nil), "percent_of_means", ""), 0.3},
	} {
		for _, interval := range []string{"bca", "percentile", "basic", "studentised"} {
			if x.name == "superiority" && interval == "studentised" {
				continue
			}
			e := run(t, effect.Bootstrap, c, x.q, set(x.name, interval)).Estimates[0]
			if math.Abs(float64(e.Value-x.want.Value)) > 1e-9 || e.N.Arm != x.want.N.Arm {
				t.Errorf("%s: %v of %d, its analysis %v of %d", x.name, e.Value, e.N.Arm, x.want.Value, x.want.N.Arm)
			}
			if x.want.SE.OK() && math.Abs(float64(e.SE/x.want.SE)-1) > x.near {
				t.Errorf("%s: bootstrap error %v, its analysis %v", x.name, e.SE, x.want.SE)
			}
			if !e.CI.Low.OK() {
				t.Errorf("%s %s: no interval: %v", x.name, interval, e.Warnings)
			}
		}
	}
	p := run(t, effect.Bootstrap, c, between, map[string]string{"permute": "true"}).Estimates[0]
	welch := analysistest.Find(t, run(t, effect.MeanChange, c, between, nil), "difference_in_change", "")
	if !(p.P > 0 && p.P < 0.01) || welch.P > 0.01 {
		t.Errorf("permutation p %v, Welch %v", p.P, welch.P)
	}
	s := run(t, effect.Bootstrap, c, between, map[string]string{"cluster": "true"}).Estimates[0]
	if s.Value != p.Value || s.SE == p.SE {
		t.Errorf("clusters: %v (%v), patients %v (%v)", s.Value, s.SE, p.Value, p.SE)
	}
	// The standardised difference by bootstrap has an error near the delta method's.
	delta := analysistest.Find(t, run(t, effect.AdjustedResponders, c, between, nil), "risk_difference", "")
	for _, interval := range []string{"bca", "percentile"} {
		b := analysistest.Find(t, run(t, effect.AdjustedResponders, c, between, map[string]string{"interval": interval, "replicates": "499"}), "risk_difference", "")
		if b.Value != delta.Value || math.Abs(float64(b.SE/delta.SE)-1) > 0.3 || !b.CI.Low.OK() {
			t.Errorf("%s: %v (%v), delta %v (%v)", interval, b.Value, b.SE, delta.Value, delta.SE)
		}
	}
	m := run(t, effect.Bootstrap, c, one, map[string]string{"estimator": "median_change"}).Estimates[0]
	curve := analysistest.Find(t, run(t, effect.ResponderCurve, c, one, map[string]string{"rule": "points"}), "median_improvement", "")
	if math.Abs(float64(m.Value+curve.Value)) > 1e-9 {
		t.Errorf("median change %v, median improvement %v", m.Value, curve.Value)
	}
}
