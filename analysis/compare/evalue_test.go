package compare

import (
	"fmt"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
)

// VanderWeele and Ding 2017: 3.9 + √(3.9 × 2.9) = 7.263, 1.8 + √(1.8 × 0.8) = 3.
func TestReferenceCaseEValue(t *testing.T) {
	l := readLeaves(t, "evalue_published")
	for _, x := range []struct {
		name, scale    string
		est, low, high float64
		more           []string
	}{
		{"rr39", "rr", 3.9, 1.8, 8.7, nil},
		{"rr08", "rr", 0.8, 0.71, 0.91, nil},
		{"or_rare", "or", 1.5, 1.1, 2.1, []string{"rare", "true"}},
		{"or_common", "or", 2.2, 1.3, 3.8, nil},
		{"hr_common", "hr", 0.56, 0.46, 0.69, nil},
		{"smd", "smd", 0.5, 0, 0, nil}, // bounds below: the package has exp(0.91 d ± 1.78 se)
		{"rr_crossing1", "rr", 1.2, 0.9, 1.6, nil},
		{"rr_nonnull_true1.4", "rr", 3.9, 1.8, 8.7, []string{"true", "1.4"}},
	} {
		if x.scale == "smd" {
			x.low, x.high = 0.5-1.78*0.2/0.91, 0.5+1.78*0.2/0.91
		}
		set := append([]string{"scale", x.scale, "estimate", fmt.Sprint(x.est), "low", fmt.Sprint(x.low), "high", fmt.Sprint(x.high)}, x.more...)
		r := ask(t, Sensitivity, nil, analysis.Question{}, set...)
		rr := analysistest.Find(t, r, "risk_ratio", "")
		l.number("/"+x.name+"/rr/0", float64(rr.Value))
		l.number("/"+x.name+"/rr/1", float64(rr.CI.Low))
		l.number("/"+x.name+"/rr/2", float64(rr.CI.High))
		l.number("/"+x.name+"/point", float64(analysistest.Find(t, r, "e_value", "").Value))
		l.number("/"+x.name+"/ci", float64(analysistest.Find(t, r, "e_value_bound", "").Value))
	}
	l.done(nil)
}

// Confounder in 60 % of the arm and 20 % of the reference, tripling the risk:
// bias (1 + 0.6 × 2)/(1 + 0.2 × 2) = 2.2/1.4, so 2.2 becomes 1.4.
func TestBiasByHand(t *testing.T) {
	r := ask(t, Sensitivity, nil, analysis.Question{}, "estimate", "2.2", "low", "1.1", "high", "4.4", "in_arm", "0.6", "in_reference", "0.2", "confounder", "3")
	e := analysistest.Find(t, r, "bias_adjusted", "")
	near(t, "adjusted", e.Value, 1.4, 1e-12)
	near(t, "low", e.CI.Low, 0.7, 1e-12)
	near(t, "high", e.CI.High, 2.8, 1e-12)
}
