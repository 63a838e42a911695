package effect_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
)

// Numbers of base R and metafor: testdata/variants.R.
func TestVariantsAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/variants.json")
	c := trial(t, trialText(t))
	const tol = 1e-9
	hold := func(name string, got ...analysis.Num) {
		t.Helper()
		for i, v := range got {
			ref.Near(t, name, i, v, tol)
		}
	}
	six := func(name string, e analysis.Estimate) {
		t.Helper()
		hold(name, e.Value, e.SE, e.DF, e.P, e.CI.Low, e.CI.High)
	}
	r := run(t, effect.PercentChange, c, between, nil)
	m := analysistest.Find(t, r, "mean_of_percentages", "program")
	hold("mean_of_percentages", m.Value, m.SE, m.CI.Low, m.CI.High)
	six("difference_of_percentages", analysistest.Find(t, r, "difference_of_percentages", ""))
	v := analysistest.Find(t, r, "ratio_at_visit", "")
	hold("ratio_at_visit", v.Value, v.SE, v.CI.Low, v.CI.High)
	six("difference_at_visit", analysistest.Find(t, run(t, effect.MeanChange, c, between, nil), "difference_at_visit", ""))

	s := analysistest.Find(t, run(t, effect.SuperiorityAnalysis, c, between, map[string]string{"interval": "brunner-munzel"}), "probability_of_superiority", "")
	hold("brunner_munzel", s.Value, s.SE, s.DF, s.Statistic, s.P, s.CI.Low, s.CI.High)
	r = run(t, effect.SuperiorityAnalysis, c, between, nil)
	s, d := analysistest.Find(t, r, "probability_of_superiority", ""), analysistest.Find(t, r, "cliffs_delta", "")
	hold("newcombe_5", s.CI.Low, s.CI.High)
	if d.Value != 2*s.Value-1 {
		t.Errorf("delta %v of θ %v", d.Value, s.Value)
	}
	u := analysistest.Find(t, r, "mann_whitney_u", "")
	hold("wilcoxon", u.Value, u.P)

	r = run(t, effect.StandardisedDifferences, c, between, map[string]string{"values": "visit"})
	two := func(name, term string) {
		t.Helper()
		e := analysistest.Find(t, r, term, "program")
		hold(name, e.Value, e.SE)
	}
	for name, term := range map[string]string{"smd_ls": "d_pooled", "smdh": "d_unequal", "smd1": "glass_reference", "smd1_arm": "glass_arm", "smcc": "d_z", "smcr": "d_pre", "smcrh": "d_pre_unequal", "d_av": "d_av", "d_rm": "d_rm"} {
		two(name, term)
	}
	hold("d_av_mean", analysistest.Find(t, r, "d_av_mean", "program").Value)
	glass := analysistest.Find(t, r, "glass_reference", "")
	hold("glass_exact", glass.CI.Low, glass.CI.High)
	r = run(t, effect.StandardisedDifferences, c, between, map[string]string{"values": "visit", "errors": "unbiased"})
	two("smd_ub", "d_pooled")

	r = run(t, effect.StratifiedResponders, c, between, nil)
	rd, rr, or := analysistest.Find(t, r, "risk_difference", ""), analysistest.Find(t, r, "risk_ratio", ""), analysistest.Find(t, r, "odds_ratio", "")
	hold("mh_rd", rd.Value, rd.SE)
	hold("mh_rr", analysis.Num(math.Log(float64(rr.Value))), rr.SE/rr.Value)
	hold("mh_or", analysis.Num(math.Log(float64(or.Value))), or.SE/or.Value)
	hold("cmh_p", rd.P)

	for method, name := range map[string]string{effect.JacobsonTruax: "jt", effect.EdwardsNunnally: "en", effect.GulliksenLordNovick: "gln", effect.NunnallyKotsch: "nk", effect.HagemanArrindell: "ha"} {
		r := run(t, effect.ReliableChange, c, between, map[string]string{"method": method, "reliability": "0.85", "cutoff": "c", "norm_mean": "2", "norm_sd": "1.5"})
		var got []analysis.Num
		for _, arm := range []string{"program", "usual"} {
			for _, term := range []string{"recovered", "improved", "deteriorated"} {
				got = append(got, analysis.Num(analysistest.Find(t, r, term, arm).N.Events))
			}
		}
		hold("reliable_"+name, append(got, analysistest.Find(t, r, "cutoff", "").Value)...)
	}
}

// Cluster errors by clubSandwich and standardised responders by glm:
// testdata/variants.R.
func TestModelsAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/variants.json")
	c := trial(t, trialText(t))
	const tol = 1e-7
	for name, kind := range map[string]string{"cr0": "CR0", "cr2": "CR2"} {
		e := analysistest.Find(t, run(t, effect.Ancova, c, between, map[string]string{"covariates": "age", "errors": kind}), "adjusted_difference", "")
		ref.Near(t, name, 0, e.SE, tol)
		if kind == "CR2" {
			ref.Near(t, name, 1, e.DF, tol)
		}
	}
	q := between
	q.Missing = analysis.MissingAvailable
	for _, kind := range []string{"model", "HC0", "HC3"} {
		r := run(t, effect.AdjustedResponders, c, q, map[string]string{"covariates": "age", "errors": kind})
		rd, or := analysistest.Find(t, r, "risk_difference", ""), analysistest.Find(t, r, "conditional_odds_ratio", "")
		for i, v := range []analysis.Num{rd.Value, rd.SE, analysis.Num(math.Log(float64(or.Value))), or.SE / or.Value} {
			ref.Near(t, "gcomp_"+kind, i, v, tol)
		}
	}
	// Two arms: a contrast is the difference of effect/ancova, whatever the method.
	a := analysistest.Find(t, run(t, effect.Ancova, c, between, nil), "adjusted_difference", "")
	for _, set := range []map[string]string{{"against": "usual", "adjust": "dunnett"}, {"adjust": "tukey"}, {"adjust": "holm"}, {"adjust": "bonferroni"}} {
		r := run(t, effect.Contrasts, c, analysis.Question{Outcome: "pain", Visit: "end"}, set)
		e := analysistest.Find(t, r, "contrast", "program")
		for _, x := range [][2]analysis.Num{{a.Value, e.Value}, {a.SE, e.SE}, {a.P, e.P}, {a.CI.Low, e.CI.Low}, {a.CI.High, e.CI.High}} {
			if math.Abs(float64(x[0]-x[1])) > 1e-8 {
				t.Errorf("%v: %v, ANCOVA %v", set, x[1], x[0])
			}
		}
	}
}

// A baseline over 5 and nothing else decides who responds: no model is fitted, and
// that is said.
func TestSeparation(t *testing.T) {
	text := "id,arm,site,age,base,after\n"
	for i := range 20 {
		arm := []string{"program", "usual"}[i%2]
		after := i/2 + 1
		if i >= 10 {
			after = 1
		}
		text += fmt.Sprintf("%d,%s,N,50,%d,%d\n", i, arm, i/2+1, after)
	}
	r := run(t, effect.AdjustedResponders, trial(t, text), between, nil)
	for _, e := range r.Estimates {
		if e.Value.OK() || len(e.Warnings) == 0 || e.Warnings[0].Code != analysis.WarnSeparation {
			t.Errorf("%s: %v with %v", e.Term, e.Value, e.Warnings)
		}
	}
}

// By hand: 1 2 3 against 2 4: of six pairs one is higher and one ties: U = 1.5,
// θ = 1/4. All of 5 6 above all of 1 2: θ = 1, and its interval ends there but does
// not begin there.
func TestSuperiorityByHand(t *testing.T) {
	s := effect.Compare([]float64{1, 2, 3}, []float64{2, 4})
	if s.U != 1.5 || s.Theta != 0.25 {
		t.Errorf("U %v, θ %v; want 1.5, 0.25", s.U, s.Theta)
	}
	b := effect.Compare([]float64{2, 4}, []float64{1, 2, 3})
	if math.Abs(s.Theta+b.Theta-1) > 1e-15 || math.Abs(float64(s.Newcombe(0.9).Low+b.Newcombe(0.9).High)-1) > 1e-12 {
		t.Error("swapping the groups does not mirror θ about 1/2")
	}
	s = effect.Compare([]float64{5, 6}, []float64{1, 2})
	ci := s.Newcombe(0.95)
	if s.Theta != 1 || !s.Separated || ci.High != 1 || !(ci.Low > 0.1 && ci.Low < 0.9) {
		t.Errorf("separate groups: %+v, %v", s, ci)
	}
	if s := effect.Compare([]float64{3, 3}, []float64{3, 3}); s.Theta != 0.5 || !math.IsNaN(s.SE) || !math.IsNaN(s.Wilcoxon) {
		t.Errorf("all ties: %+v", s)
	}
	if s := effect.Compare(nil, []float64{3}); !math.IsNaN(s.Theta) {
		t.Errorf("no patient: %+v", s)
	}
}

// Ten thousand millions added to every score change no difference: the digits that
// the sum can hold (1e-6 of a point) are kept.
func TestLargeOffset(t *testing.T) {
	rows := analysistest.Rows(t, trialText(t))
	for _, r := range rows[1:] {
		for _, j := range []int{4, 5} {
			if v, err := strconv.ParseFloat(r[j], 64); err == nil {
				r[j] = strconv.FormatFloat(v+1e10, 'f', 1, 64)
			}
		}
	}
	c := analysistest.Cohort(t, strings.ReplaceAll(trialFile, ", instrument: nrs", ""), map[string]string{"trial.csv": analysistest.Write(rows)})
	near := trial(t, trialText(t))
	for a, terms := range map[*analysis.Analysis][]string{
		effect.Ancova: {"adjusted_difference", "slope_baseline", "adjusted_smd", "homogeneity_of_slopes", "breusch_pagan"}, effect.MeanChange: {"difference_in_change", "sd_visit"},
		effect.HedgesG: {"hedges_g"}, effect.SuperiorityAnalysis: {"probability_of_superiority"}, effect.StandardisedDifferences: {"d_pooled", "d_av", "d_unequal"},
	} {
		x, y := run(t, a, c, between, nil), run(t, a, near, between, nil)
		for _, term := range terms {
			e, f := analysistest.Find(t, x, term, "program"), analysistest.Find(t, y, term, "program")
			tol := 1e-5
			if a == effect.SuperiorityAnalysis {
				tol = 0.02 // changes that tie differ by the digits lost
			}
			if math.Abs(float64(e.Value-f.Value)) > tol || math.Abs(float64(e.SE-f.SE)) > tol {
				t.Errorf("%s %s: %v (%v), without the offset %v (%v)", a.Name, term, e.Value, e.SE, f.Value, f.SE)
			}
		}
	}
}

// Subgroups by lm and anova, anchors by glm: testdata/variants.R.
func TestSubgroupsAndAnchorsAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/variants.json")
	c := trial(t, trialText(t))
	hold := func(name string, got ...analysis.Num) {
		t.Helper()
		for i, v := range got {
			ref.Near(t, name, i, v, 1e-8)
		}
	}
	r := run(t, effect.Subgroups, c, between, nil)
	by := func(sub string) analysis.Num {
		for _, e := range r.Estimates {
			if e.Term == "difference" && e.Subgroup == "site = "+sub {
				return e.Value
			}
		}
		return analysis.None
	}
	f := analysistest.Find(t, r, "interaction", "")
	hold("subgroups", analysistest.Find(t, r, "overall", "").Value, by("N"), by("S"), f.Value, f.P)
	if len(r.Series) != 6 {
		t.Errorf("%d rows of the forest, want 6", len(r.Series))
	}
	r = run(t, effect.ImportantDifference, c, analysis.Question{Outcome: "pain", Visit: "end"}, map[string]string{"reliability": "0.75", "anchor": "age", "anchor_improved": "50", "anchor_slight": "55"})
	value := func(term string) analysis.Num { return analysistest.Find(t, r, term, "").Value }
	hold("anchor", value("anchor_correlation"), value("roc_cutoff"), value("mean_change"), value("predictive"), value("predictive_adjusted"))
	if math.Abs(float64(value("sem")-value("half_sd"))) > 1e-12 { // at reliability 3/4 they are the same
		t.Errorf("SEM %v, half SD %v", value("sem"), value("half_sd"))
	}
	r = run(t, effect.RegressionToMean, c, analysis.Question{Arm: "program", Outcome: "pain", Visit: "end"}, map[string]string{"reliability": "0.8", "mean": "4", "sd": "1.7", "entry": "over", "threshold": "5"})
	b := analysistest.Find(t, r, "beyond_expected", "")
	hold("beyond", b.Value, b.SE, b.CI.Low, b.CI.High)
	hold("by_entry", value("expected_by_entry"))
	change, expected := value("change"), value("expected")
	if math.Abs(float64(change-expected-b.Value)) > 1e-12 {
		t.Errorf("change %v less expected %v is not %v", change, expected, b.Value)
	}
	// By hand: half of a population is over its mean, and the mean of that half is
	// s√(2/π) above it.
	if got := effect.ByThreshold(4, 4, 1, 0, false); math.Abs(got+math.Sqrt(2/math.Pi)) > 1e-14 {
		t.Errorf("by threshold %v", got)
	}
}
