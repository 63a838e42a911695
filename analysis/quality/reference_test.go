package quality_test

import (
	"math"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/quality"
)

func unequal(ref analysistest.Reference, y []float64) quality.SiteRows {
	rows := quality.SiteRows{Sites: 12, Y: y, X: [][]float64{nil, ref["x"], ref["z"]}}
	for _, s := range ref["site"] {
		rows.Site, rows.X[0] = append(rows.Site, int(s)-1), append(rows.X[0], 1)
	}
	return rows
}

// Numbers of lme4, of sites of very unequal size: testdata/sites.R. glmer's own
// optimum is good to about 1e-6 in coefficients; its errors are by differences.
func TestInterceptsAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/sites.json")
	for nodes, at := range map[int]string{1: "1", 9: "9"} {
		m, err := quality.LogisticIntercepts(unequal(ref, ref["y"]), nodes)
		if err != nil {
			t.Fatal(err)
		}
		for j := range 3 {
			ref.Near(t, "glmer"+at, j, analysis.Num(m.Coef[j]), 1e-5)
			ref.Near(t, "glmer"+at, 3+j, analysis.Num(m.SE[j]), 1e-4)
		}
		ref.Near(t, "glmer"+at, 6, analysis.Num(m.Tau), 1e-5)
		for i := range m.Effect {
			ref.Near(t, "modes"+at, i, analysis.Num(m.Effect[i]), 1e-5)
			ref.Near(t, "modes_sd"+at, i, analysis.Num(m.EffectSE[i]), 1e-5)
		}
		if nodes == 1 {
			ref.Near(t, "glmer_loglik", 0, analysis.Num(m.LogLik), 1e-8)
			ref.Near(t, "glmer_loglik", 1, analysis.Num(m.Null), 1e-8)
		}
	}
	l, err := quality.LinearIntercepts(unequal(ref, ref["v"]))
	if err != nil {
		t.Fatal(err)
	}
	for j := range 3 {
		ref.Near(t, "lmer", j, analysis.Num(l.Coef[j]), 1e-6)
		ref.Near(t, "lmer", 3+j, analysis.Num(l.SE[j]), 1e-6)
	}
	ref.Near(t, "lmer", 6, analysis.Num(l.Tau), 1e-6)
	ref.Near(t, "lmer", 7, analysis.Num(l.Sigma), 1e-6)
	ref.Near(t, "lmer", 8, analysis.Num(l.LogLik), 1e-8)
	for i := range l.Effect {
		ref.Near(t, "lmer_modes", i, analysis.Num(l.Effect[i]), 1e-6)
		ref.Near(t, "lmer_sd", i, analysis.Num(l.EffectSE[i]), 1e-6)
	}
}

func TestCalibrationAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/sites.json")
	c := quality.Calibrate(ref["y"], ref["risk"])
	for i, v := range []float64{c.Slope, c.SlopeSE, c.Intercept, c.InterceptSE, c.Brier, c.BrierSE, c.Scaled, c.C, c.CSE} {
		ref.Near(t, "calibration", i, analysis.Num(v), 1e-8)
	}
}

func TestLimitsAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/sites.json")
	for i, mu := range []float64{0.3, 1, 4.7, 25, 310} {
		ref.Near(t, "poisson_low", i, analysis.Num(quality.PoissonLimit(mu, 0.001)), 1e-10)
		ref.Near(t, "poisson_high", i, analysis.Num(quality.PoissonLimit(mu, 0.999)), 1e-10)
	}
	for i, n := range []int{2, 5, 25, 400} {
		ref.Near(t, "c4", i, analysis.Num(quality.C4(n)), 1e-12)
	}
	if !math.IsNaN(quality.C4(1)) {
		t.Error("one value has no SD")
	}
}

func TestChartsAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/sites.json")
	var rates, gaps []quality.Period
	for i, e := range ref["u_events"] {
		rates = append(rates, quality.Period{Events: int(e), N: 30, Exposure: ref["u_exposure"][i]})
	}
	for _, g := range ref["gaps"] {
		gaps = append(gaps, quality.Period{Mean: g, N: int(g) + 1})
	}
	check := func(name string, got ...analysis.Num) {
		t.Helper()
		for i, v := range got {
			ref.Near(t, name, i, v, 1e-10)
		}
	}
	o := quality.DefaultChart
	u, laney := chart(t, quality.KindU, rates, o), chart(t, quality.KindUPrime, rates, o)
	check("u", u.Center, u.Points[0].Low, u.Points[0].High, u.SigmaZ, laney.Points[0].Low, laney.Points[0].High)
	g, td := chart(t, quality.KindG, gaps, o), chart(t, quality.KindT, gaps, o)
	check("g", g.Center, g.Points[0].High)
	check("t", td.Center, td.Points[0].Low, td.Points[0].High)
	o.Limits = quality.LimitsProbability
	u, g, td = chart(t, quality.KindU, rates, o), chart(t, quality.KindG, gaps, o), chart(t, quality.KindT, gaps, o)
	check("u_exact", u.Points[0].Low, u.Points[0].High)
	check("g_probability", g.Center, g.Points[0].Low, g.Points[0].High)
	check("t_probability", td.Center, td.Points[0].Low, td.Points[0].High)
	o.Sigma = quality.SigmaMedianRange
	check("median_range", chart(t, quality.KindXmR, gaps, o).Sigma)
}
