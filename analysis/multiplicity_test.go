package analysis

import (
	"math"
	"testing"
)

// The case of the 54 looms: p values by R's p.adjust, Tukey and Dunnett. The
// case states 1e-5; Dunnett's own numbers come from random points, good to 1e-6.
func TestReferenceCaseMultiplicity(t *testing.T) {
	type table struct {
		P, Est, SE, Lo, Hi []float64
	}
	var v struct {
		Tukey, Bonferroni, None, Sidak, Scheffe table
		Holm, Hochberg, BH, BY, Hommel          []float64
		Dunnett                                 struct{ T, P []float64 }
		Ptukey                                  float64 `json:"ptukey_example"`
		Qtukey                                  float64 `json:"qtukey_example"`
	}
	refcase(t, "multiple_comparison_warpbreaks", &v)
	for method, want := range map[string][]float64{"bonferroni": v.Bonferroni.P, "sidak": v.Sidak.P, "holm": v.Holm, "hochberg": v.Hochberg, "bh": v.BH, "by": v.BY, "hommel": v.Hommel} {
		for i, got := range AdjustP(method, v.None.P) {
			near(t, method, got, want[i], 1e-9)
		}
	}
	const df = 50
	q := MaxQuantile(func(q float64) float64 { return TukeyP(q, 3, df) }, 0.95)
	for i := range v.Tukey.P {
		near(t, "Tukey", TukeyP(math.Sqrt2*math.Abs(v.Tukey.Est[i]/v.Tukey.SE[i]), 3, df), v.Tukey.P[i], 1e-9)
		near(t, "Tukey low", v.Tukey.Est[i]-q/math.Sqrt2*v.Tukey.SE[i], v.Tukey.Lo[i], 1e-5)
	}
	near(t, "ptukey", 1-TukeyP(3.5, 3, 20), v.Ptukey, 1e-9)
	near(t, "qtukey", MaxQuantile(func(q float64) float64 { return TukeyP(q, 3, 20) }, 0.95), v.Qtukey, 1e-5)
	half := math.Sqrt(0.5)
	for i, s := range v.Dunnett.T {
		near(t, "Dunnett", DunnettP(math.Abs(s), []float64{half, half}, df), v.Dunnett.P[i], 1e-6)
	}
}

// By hand: .01 .02 .03 with Holm .03 .04 .04; with Benjamini-Hochberg all .03;
// one p value is left alone by every method; a p that is not there does not count.
func TestAdjustByHand(t *testing.T) {
	for method, want := range map[string][3]float64{"holm": {.03, .04, .04}, "bh": {.03, .03, .03}, "bonferroni": {.03, .06, .09}, "hochberg": {.03, .03, .03}, "hommel": {.03, .03, .03}, "none": {.01, .02, .03}} {
		got := AdjustP(method, []float64{.01, .02, .03})
		for i := range want {
			near(t, method, got[i], want[i], 1e-12)
		}
		if one := AdjustP(method, []float64{math.NaN(), .2}); !math.IsNaN(one[0]) || math.Abs(one[1]-.2) > 1e-12 {
			t.Errorf("%s of one p value: %v", method, one)
		}
	}
	// One comparison with a reference is Student's t; two that are one also.
	near(t, "one", DunnettP(2.1, []float64{0}, 12), TP(2.1, 12), 1e-10)
	near(t, "two means", TukeyP(2.1*math.Sqrt2, 2, 12), TP(2.1, 12), 1e-10)
	l, miss := Factors([][]float64{{1, .5, .4}, {.5, 1, .3}, {.4, .3, 1}})
	near(t, "factors", l[1]*l[2], .3, 1e-6)
	near(t, "miss", miss, 0, 1e-6)
}
