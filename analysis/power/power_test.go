package power

import (
	"errors"
	"math"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/analysistest"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Abs(want)) {
		t.Errorf("%s: got %.12g, want %.12g", what, got, want)
	}
}

// The case of sample sizes, to the 1e-6 it states, through the analyses where one
// asks the question of the case and else by the functions.
func TestReferenceCasePower(t *testing.T) {
	v := analysistest.ReadCase(t, "../../../shared/refcases/statistics/power_sample_size")
	const tol = 1e-6
	v.Near("t_two_d.5", find(t, Means, "n_arm_exact", map[string]string{"difference": "0.5", "sd": "1"}), tol)
	v.Near("ttest_strict_n", find(t, Means, "n_arm_exact", map[string]string{"difference": "1", "sd": "2", "power": "0.9"}), tol)
	v.Near("t_paired_power", find(t, Means, "power", map[string]string{"difference": "0.3", "sd": "1", "design": "paired", "patients": "50"}), tol)
	v.Near("t2n_power", find(t, Means, "power", map[string]string{"difference": "0.5", "sd": "1", "patients": "40", "ratio": "1.5"}), tol)
	v.Near("p2_n", find(t, Shares, "n_arm_exact", map[string]string{"test": "arcsine", "power": "0.9"}), tol)
	v.Near("p2n_power", Arcsine(.3, 80, 245, .05, 1), tol)                                                                // of an h, not of shares
	v.Near("prop_test_n", Solve(func(n float64) float64 { return Proportions(.3, .5, n, n, .05, 2, false) }, .8, 2), tol) // without the far tail
	v.Near("prop_test_strict_n", find(t, Shares, "n_arm_exact", map[string]string{"arm": "0.3", "reference": "0.5"}), tol)
	v.Near("anova_n", find(t, RegressionTest, "n_exact", map[string]string{"test": "groups"}), tol)
	v.Near("corr_n", find(t, RegressionTest, "n_exact", map[string]string{"test": "correlation"}), tol)
	// f² = 0.15 is an R² of 0.15/1.15; v leaves out the three coefficients and the intercept.
	v.Near("f2_v", find(t, RegressionTest, "n_exact", map[string]string{"r2": "0.13043478260869565", "tested": "3"})-4, tol)
	events := map[string]string{"hazard_ratio": "0.7", "arm": "0.3", "reference": "0.45"}
	v.Near("schoenfeld_events", find(t, Events, "events", events), tol)
	events["formula"] = "freedman"
	v.Near("freedman_events", find(t, Events, "events", events), tol)
	v.Near("freedman_n/nE", find(t, Events, "n_arm", events), 0)
	v.Near("freedman_n/nC", find(t, Events, "n_reference", events), 0)
	v.Near("cox_power", find(t, Events, "power", map[string]string{"hazard_ratio": "0.7", "arm": "0.5", "reference": "0.5", "r2": "0.1", "patients": "200", "ratio": "1.5"}), tol)
	v.Near("design_effect_20_.05", DesignEffect(20, .05, 0), tol)
	z := analysis.NormalQuantile(.95) + analysis.NormalQuantile(.6)
	v.Near("ancova_n_r.5", 2*z*z/.25*Ancova(.5), tol) // by the normal test; ours is by t
	v.Near("edland_N", 2*find(t, Slopes, "n_arm_exact", map[string]string{"difference": "1.5", "times": "0,0.25,0.5,0.75,1,1.25,1.5", "sd_slope": "4.898979485566356", "sd_residual": "3.1622776601683795"}), tol)
	diggle := map[string]string{"difference": "0.5", "times": "0,2,5", "sd_slope": "0", "sd_intercept": "8.94427190999916", "sd_residual": "4.47213595499958"}
	v.List("diggle_n", tol, find(t, Slopes, "n_arm_exact", diggle), find(t, Slopes, "n_arm_exact", diggle))
	mixed := map[string]string{"difference": "0.5", "sd": "1", "correlation": "0.25"}
	arm := find(t, Mixed, "n_arm_exact", mixed)
	v.Near("mmrm_n1", arm, tol)
	v.Near("mmrm_n2", arm*find(t, Mixed, "n_reference", mixed)/find(t, Mixed, "n_arm", mixed), tol)
}

// statsmodels' sample sizes, to the 1e-6 the case states.
func TestReferenceCaseCrosscheck(t *testing.T) {
	v := analysistest.ReadCase(t, "../../../shared/refcases/statistics/py_statsmodels_crosscheck")
	v.Leave("phreg_efron", "phreg_breslow", "mixedlm_sleep", "gee_ind", "gee_exch", "meta_dl", "meta_iterated") // other packages' methods
	v.Leave("proportion_confint_81_263", "confint_2indep_56_70_48_80", "scipy_bca_law_random")                  // held in analysis/effect and analysis/resample
	v.Near("power/tt", find(t, Means, "n_arm_exact", map[string]string{"difference": "0.5", "sd": "1"}), 1e-6)
	// A z test of half an SD has both tails of a test on the arcsine scale with h one half.
	v.Near("power/z2", Solve(func(n float64) float64 { return Arcsine(.5, n, n, .05, 2) }, .8, 2), 1e-6)
}

// By hand: two visits a time t apart, all seen, give each patient a slope with
// variance s² + 2σ²/t². Those seen at the first alone say nothing of it, so that it is
// 1/share as large where levels differ without bound. One visit of which all are seen
// counts in full, earlier visits that tell nothing leave 1/s of it, and those that
// tell all leave 1 (or the share of the first).
func TestLongitudinalByHand(t *testing.T) {
	near(t, "two visits", SlopeVariance([]float64{0, 2}, nil, 5, 0.3, 0.1, 4), 0.3+2*4/4.0, 1e-12)
	near(t, "half seen", SlopeVariance([]float64{0, 2}, []float64{1, 0.5}, 1e9, 0, 0, 4), 2*2*4/4.0, 1e-6)
	if v := SlopeVariance([]float64{0}, nil, 1, 1, 0, 1); !math.IsNaN(v) {
		t.Errorf("one time: %v", v)
	}
	// Time counted from 3 later: the same patients, whose levels at the new 0 have variance
	// I + 2·3 C + 9 S and covary with slopes by C + 3 S.
	seen := []float64{1, 0.7, 0.4}
	near(t, "another origin", SlopeVariance([]float64{0, 1, 4}, seen, 2, 0.3, 0.2, 1.5), SlopeVariance([]float64{-3, -2, 1}, seen, 2+6*0.2+9*0.3, 0.3, 0.2+3*0.3, 1.5), 1e-12)
	r := func(c float64) *mat.SymDense { return mat.NewSymDense(2, []float64{1, c, c, 1}) }
	near(t, "all seen", MixedVariance(r(0.6), []float64{1, 1}), 1, 1e-12)
	near(t, "nothing told", MixedVariance(r(0), []float64{1, 0.6}), 1/0.6, 1e-12)
	near(t, "all told", MixedVariance(r(1-1e-9), []float64{1, 0.6}), 1, 1e-6)
	// With correlation c and share s: those lost give the first visit alone, and the
	// variance of the last is 1/s - c²(1/s - 1).
	near(t, "some told", MixedVariance(r(0.5), []float64{1, 0.8}), 1/0.8-0.25*(1/0.8-1), 1e-12)
	if v := MixedVariance(r(1.2), []float64{1, 0.5}); !math.IsNaN(v) {
		t.Errorf("a correlation of 1.2: %v", v)
	}
	// Given the patients found, the power is the one wanted; fewer have less.
	for _, a := range []*analysis.Analysis{Means, Shares, Events, RegressionTest, Slopes, Mixed} {
		term := "n_arm"
		if a == RegressionTest {
			term = "n"
		}
		n := find(t, a, term, nil)
		given := func(n float64) float64 {
			return find(t, a, "power", map[string]string{"patients": strconv.FormatFloat(n, 'f', -1, 64)})
		}
		if p := given(n); p < 0.8 || p > 0.83 || given(n-5) >= p {
			t.Errorf("%s: %g patients have power %v, five fewer %v", a.Name, n, p, given(n-5))
		}
	}
	for a, sets := range map[*analysis.Analysis][]map[string]string{
		Slopes:         {{"times": "1"}, {"times": "2,1"}, {"difference": "0"}, {"sd_residual": "0"}, {"seen": "1,0.5"}, {"seen": "0.5,0.6,0.5,0.4"}, {"correlation": "2"}, {"patients": "-1"}},
		Mixed:          {{"seen": "0.5,0.6"}, {"seen": "0"}, {"sd": "0"}, {"correlation": "1"}, {"difference": "0"}},
		RegressionTest: {{"r2": "0"}, {"r2": "1"}, {"tested": "0"}, {"test": "groups", "groups": "1"}, {"test": "correlation", "correlation": "1"}},
		Events:         {{"r2": "1"}},
	} {
		for _, set := range sets {
			if _, err := a.Run(t.Context(), analysis.Input{}, analysis.Question{}, set); !errors.Is(err, analysis.ErrOptions) {
				t.Errorf("%s takes %v: %v", a.Name, set, err)
			}
		}
	}
}

func find(t *testing.T, a *analysis.Analysis, term string, set map[string]string) float64 {
	t.Helper()
	r, err := a.Run(t.Context(), analysis.Input{}, analysis.Question{}, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, a, r)
	return float64(analysistest.Find(t, r, term, "").Value)
}

// With one degree of freedom F is t squared; with no effect power is alpha.
func TestFIsT(t *testing.T) {
	n := 12.0
	near(t, "F and t", FTest(1, 2*n-2, n/2*.64, .05), TTest(.8, n, n, .05, 2), 1e-9)
	near(t, "no effect", FTest(3, 40, 0, .05), .05, 1e-9)
}

// By hand: z-test limit of a large sample, 2 (1.96+0.8416)²/d²; relations: a
// smaller alpha, a larger SD and unequal arms need more; equal correlation 0.
func TestPowerAnalyses(t *testing.T) {
	near(t, "large", find(t, Means, "n_arm_exact", map[string]string{"difference": "0.02", "sd": "1"}), 2*7.848879734/0.0004, 1e-4)
	half := find(t, Means, "n_arm", nil)
	if half != 64 || find(t, Means, "n_recruited", map[string]string{"dropout": "0.2"}) != 160 {
		t.Errorf("half an SD: %v an arm, want 64", half)
	}
	if p := find(t, Means, "power", nil); !(p >= 0.8 && p < 0.81) {
		t.Errorf("power of the rounded number %v", p)
	}
	for _, set := range []map[string]string{{"alpha": "0.01"}, {"sd": "3"}, {"power": "0.9"}, {"icc": "0.05", "cluster_size": "10"}} {
		if n := find(t, Means, "n_arm", set); !(n > half) {
			t.Errorf("%v: %v an arm, not over %v", set, n, half)
		}
	}
	if n := find(t, Means, "n_arm", map[string]string{"correlation": "0.5"}); !(n < half) {
		t.Errorf("adjusting for baseline needs %v", n)
	}
	// Noninferiority by 1 with no difference is superiority by 1, one-sided.
	a := find(t, Means, "n_arm_exact", map[string]string{"difference": "0", "margin": "1", "alpha": "0.025"})
	near(t, "noninferiority", a, find(t, Means, "n_arm_exact", map[string]string{"sides": "1", "alpha": "0.025"}), 1e-9)
	if n := find(t, Shares, "n_arm", nil); n != 93 {
		t.Errorf("shares: %v an arm, want 93", n)
	}
	if n := find(t, Shares, "n_arm", map[string]string{"test": "arcsine", "power": "0.9"}); n != 125 {
		t.Errorf("arcsine: %v an arm, want 125", n)
	}
	// R, powerSurvEpi::ssizeCT.default(.8, 1, .3, .45, .7, .05): 337 patients an arm.
	if n := find(t, Events, "n_arm", map[string]string{"hazard_ratio": "0.7", "arm": "0.3", "reference": "0.45", "formula": "freedman"}); n != 337 {
		t.Errorf("Freedman: %v an arm, want 337", n)
	}
	if p := find(t, Events, "power", nil); !(p >= 0.8 && p < 0.81) {
		t.Errorf("power of the rounded number %v", p)
	}
	for _, set := range []map[string]string{{"sd": "0"}, {"alpha": "1"}, {"power": "1"}, {"difference": "0"}, {"sides": "3"}, {"dropout": "1"}, {"ratio": "0"}} {
		if _, err := Means.Run(t.Context(), analysis.Input{}, analysis.Question{}, set); err == nil {
			t.Errorf("%v is taken", set)
		}
	}
}
