package quality_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/quality"
)

func series(x ...float64) []quality.Measurement {
	var out []quality.Measurement
	for _, v := range x {
		out = append(out, quality.Measurement{Value: v, N: 1})
	}
	return out
}

func counts(events, n []float64) []quality.Count {
	var out []quality.Count
	for i := range events {
		out = append(out, quality.Count{Label: string(rune('A' + i)), Events: int(events[i]), N: int(n[i])})
	}
	return out
}

func near(t *testing.T, what string, got analysis.Num, want, tol float64) {
	t.Helper()
	if !got.OK() || math.Abs(float64(got)-want) > tol*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: %.12g, want %.12g", what, float64(got), want)
	}
}

func rules(c quality.Chart) map[string][]quality.Signal {
	out := map[string][]quality.Signal{}
	for _, s := range c.Signals {
		out[s.Rule] = append(out[s.Rule], s)
	}
	return out
}

// By hand: 2 4 2 4 2 4 2 4 has mean 3 and seven moving ranges of 2, so sigma =
// 2 √π/2 = √π and limits 3 ± 3√π = 3 ± 5.3174.
func TestXmRByHand(t *testing.T) {
	c := quality.XmR(series(2, 4, 2, 4, 2, 4, 2, 4), quality.DefaultChart)
	near(t, "center", c.Center, 3, 1e-15)
	near(t, "sigma", c.Sigma, math.Sqrt(math.Pi), 1e-15)
	near(t, "high", c.Points[0].High, 3+3*math.Sqrt(math.Pi), 1e-14)
	near(t, "low", c.Points[7].Low, 3-3*math.Sqrt(math.Pi), 1e-14)
	if c.Points[0].Range.OK() || len(c.Signals) > 0 || len(c.Warnings) > 0 {
		t.Errorf("%+v", c)
	}
}

// Rules by hand. Center 0 in each; the ranges make sigma large enough that no
// point is outside unless it is meant to be.
func TestRulesByHand(t *testing.T) {
	o := quality.DefaultChart
	o.Better, o.Trend, o.TwoOfThree = quality.BetterLower, 6, true
	// Seven below, of which one lies on the line and does not count or break: six
	// counted points are no run; with one more they are. Sum 0 holds the center.
	six := quality.XmR(series(-1, -2, -1, 0, -2, -1, -2, 9), o)
	if len(rules(six)[quality.RuleRun]) != 0 {
		t.Errorf("six in a row and one on the line are not a run: %+v", six.Signals)
	}
	seven := quality.XmR(series(-1, -2, -1, 0, -2, -1, -2, -1, 10), o)
	if got := rules(seven)[quality.RuleRun]; len(got) != 1 || got[0] != (quality.Signal{Rule: quality.RuleRun, From: 0, To: 7, Meaning: quality.Improvement}) {
		t.Errorf("run of seven: %+v", seven.Signals)
	}
	if seven.Points[3].Meaning != quality.NoSignal {
		t.Error("the point on the line is no part of the run")
	}
	// -5 -3 -1 1 3 5 rises over six points; the two after make eight points.
	rising := quality.XmR(series(-5, -3, -1, 1, 3, 5, -1, 1), o)
	if got := rules(rising)[quality.RuleTrend]; len(got) != 1 || got[0] != (quality.Signal{Rule: quality.RuleTrend, From: 0, To: 5, Meaning: quality.Concern}) {
		t.Errorf("trend: %+v", rising.Signals)
	}
	tie := quality.XmR(series(-5, -3, -1, -1, 3, 5, 1, 1), o)
	if len(rules(tie)[quality.RuleTrend]) != 0 {
		t.Error("equal neighbours end a trend")
	}
	// 4 0 4, seven times -2 2, then -8: sum 0. Ranges 4 4 6, thirteen of 4, 10: 76/17 =
	// 4.471, sigma 3.962: -8 alone lies beyond 2 sigma (7.92), none beyond 3 (11.89).
	far := []float64{4, 0, 4}
	for range 7 {
		far = append(far, -2, 2)
	}
	if got := quality.XmR(series(append(far, -8)...), o); len(got.Signals) != 0 {
		t.Errorf("one point beyond two sigma is no signal: %+v", got.Signals)
	}
	// 9 0 9, twelve times -1 1, then -18: sum 0. Ranges 9 9 10, 23 of 2, 19: 93/27 =
	// 3.444, sigma 3.053: 9 lies between 2 and 3 sigma (6.11, 9.16), -18 beyond.
	two := []float64{9, 0, 9}
	for range 12 {
		two = append(two, -1, 1)
	}
	two = append(two, -18)
	got := rules(quality.XmR(series(two...), o))
	if s := got[quality.RuleTwoOfThree]; len(s) != 1 || s[0] != (quality.Signal{Rule: quality.RuleTwoOfThree, From: 0, To: 2, Meaning: quality.Concern}) {
		t.Errorf("two of three: %+v", got)
	}
	if s := got[quality.RuleOutside]; len(s) != 1 || s[0] != (quality.Signal{Rule: quality.RuleOutside, From: 27, To: 27, Meaning: quality.Improvement}) {
		t.Errorf("outside: %+v", got)
	}
}

func TestMeaningNeedsADirection(t *testing.T) {
	o := quality.DefaultChart
	x := series(0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 20)
	for better, want := range map[quality.Better]quality.Meaning{quality.BetterHigher: quality.Improvement, quality.BetterLower: quality.Concern, quality.BetterUnknown: quality.Unclear} {
		o.Better = better
		if c := quality.XmR(x, o); c.Points[10].Meaning != want {
			t.Errorf("better %q: %q, want %q", better, c.Points[10].Meaning, want)
		}
	}
}

func TestShortAndBrokenSeries(t *testing.T) {
	short := quality.XmR(series(1, 2, 3, 4, 5, 6, 7), quality.DefaultChart)
	if short.Center.OK() || short.Points[0].High.OK() || len(short.Signals) > 0 || len(short.Warnings) != 1 || short.Warnings[0].Code != quality.WarnShortSeries {
		t.Errorf("seven points: %+v", short)
	}
	if c := quality.XmR(nil, quality.DefaultChart); len(c.Warnings) == 0 || len(c.Points) != 0 {
		t.Errorf("no points: %+v", c)
	}
	flat := quality.XmR(series(3, 3, 3, 3, 3, 3, 3, 3), quality.DefaultChart)
	if len(flat.Signals) > 0 || flat.Sigma != 0 || flat.Warnings[0].Code != analysis.WarnNoVariance {
		t.Errorf("flat: %+v", flat)
	}
	// A gap gives no range on either side: six ranges of 2 are left of nine points.
	gap := quality.XmR(series(2, 4, 2, 4, math.NaN(), 20, 22, 20, 22), quality.DefaultChart)
	near(t, "mean range beside a gap", gap.MeanRange, 2, 1e-15)
	if gap.Points[4].Range.OK() || gap.Points[5].Range.OK() || gap.Warnings[0].Code != quality.WarnGap {
		t.Errorf("gap: %+v", gap)
	}
	alone := quality.XmR(series(1, math.NaN(), 2, math.NaN(), 3, math.NaN(), 4, math.NaN(), 5, math.NaN(), 6, math.NaN(), 7, math.NaN(), 8), quality.DefaultChart)
	if alone.Sigma.OK() || len(alone.Warnings) != 2 {
		t.Errorf("no neighbours: %+v", alone)
	}
	empty := quality.PChart([]quality.Count{{N: 0}, {N: 0}}, quality.DefaultChart)
	if empty.Center.OK() || len(empty.Warnings) == 0 {
		t.Errorf("no patients: %+v", empty)
	}
	none := quality.PChart(counts(make([]float64, 9), []float64{5, 5, 5, 5, 5, 5, 5, 5, 5}), quality.DefaultChart)
	if none.Points[0].High.OK() || none.Warnings[0].Code != analysis.WarnNoVariance {
		t.Errorf("no events: %+v", none)
	}
}

// By hand: 8 counts of 20 of 100 and 30 of 100 by turns have p̄ = 0.25, σ =
// √(0.25 × 0.75/100) = 0.0433, limits 0.25 ± 0.1299; z = ∓1.1547, ranges 2.3094,
// sigma-z 2.3094 √π/2 = 2.0467.
func TestPChartByHand(t *testing.T) {
	e, n := []float64{20, 30, 20, 30, 20, 30, 20, 30}, []float64{100, 100, 100, 100, 100, 100, 100, 100}
	c := quality.PChart(counts(e, n), quality.DefaultChart)
	near(t, "center", c.Center, 0.25, 1e-15)
	near(t, "high", c.Points[0].High, 0.25+3*math.Sqrt(0.001875), 1e-14)
	near(t, "sigma-z", c.SigmaZ, 0.1/math.Sqrt(0.001875)*math.Sqrt(math.Pi)/2, 1e-13)
	o := quality.DefaultChart
	o.Dispersion = quality.DispersionLaney
	l := quality.PChart(counts(e, n), o)
	near(t, "p' high", l.Points[0].High, 0.25+0.3*math.Sqrt(math.Pi)/2, 1e-14)
	if c.Kind != "p" || l.Kind != "p'" {
		t.Error("the kind of chart must be named")
	}
	// Auto: chi-square 8 × 1.3333 = 10.67 on 7 is not over 14.07, so binomial.
	o.Dispersion = quality.DispersionAuto
	if a := quality.PChart(counts(e, n), o); a.Kind != "p" {
		t.Error("auto took p' without over-dispersion")
	}
}

// Numbers of base R: testdata/quality.R.
func TestAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/quality.json")
	const tol = 1e-12
	check := func(name string, got ...analysis.Num) {
		t.Helper()
		for i, v := range got {
			ref.Near(t, name, i, v, tol)
		}
	}
	x := quality.XmR(series(ref["x"]...), quality.DefaultChart)
	check("xmr", x.Center, x.MeanRange, x.Sigma, x.Points[0].Low, x.Points[0].High)
	o := quality.DefaultChart
	o.Screen, o.D2 = true, quality.D2Rounded
	x = quality.XmR(series(ref["x"]...), o)
	check("xmr_screened", analysis.Num(x.Screened), x.MeanRange, x.Sigma, x.Points[0].Low, x.Points[0].High)

	k := counts(ref["events"], ref["n"])
	p := quality.PChart(k, quality.DefaultChart)
	check("p", p.Center, p.Points[0].Sigma, p.Points[0].Low, p.Points[0].High, p.Points[9].Low, p.Points[9].High)
	o = quality.DefaultChart
	o.Dispersion = quality.DispersionAuto // the counts are over-dispersed, so Laney's
	p = quality.PChart(k, o)
	check("laney", p.SigmaZ, p.Points[0].Low, p.Points[0].High, p.Points[9].Low, p.Points[9].High)

	f := quality.Funnel(k, quality.DefaultFunnel)
	for i, s := range f.Sites {
		ref.Near(t, "exact_low95", i, analysis.Num(s.Limits.Low95), 1e-11)
		ref.Near(t, "exact_high95", i, analysis.Num(s.Limits.High95), 1e-11)
		ref.Near(t, "exact_low998", i, analysis.Num(s.Limits.Low998), 1e-11)
		ref.Near(t, "exact_high998", i, analysis.Num(s.Limits.High998), 1e-11)
		ref.Near(t, "z", i, s.Z, tol)
	}
	for i, n := range []int{1, 5, 20, 60, 400, 20000} {
		ref.Near(t, "rare", i, analysis.Num(quality.BinomialLimit(0.03, n, 0.999)), 1e-11)
		ref.Near(t, "rare", i+6, analysis.Num(quality.BinomialLimit(0.03, n, 0.025)), 1e-11)
	}
	check("overdispersion", f.Overdispersion.Phi, f.Overdispersion.Tau2, f.Overdispersion.Threshold)
	ref.Near(t, "chisq", 1, f.Overdispersion.P, tol)
	for over, name := range map[string]string{quality.OverdispersionAdditive: "additive", quality.OverdispersionMultiplicative: "multiplicative", "": "normal"} {
		fo := quality.DefaultFunnel
		fo.Limits, fo.Overdispersion = quality.LimitsNormal, over
		g := quality.Funnel(k, fo)
		check(name, analysis.Num(g.Sites[0].Limits.Low95), analysis.Num(g.Sites[0].Limits.High998))
		if over == quality.OverdispersionAdditive {
			for i, s := range g.Sites {
				ref.Near(t, "z_additive", i, s.Adjusted, tol)
			}
		}
	}
}

// Three sites by hand, 10, 20 and 30 of 50: target 0.4, s = √(0.24/50) = 0.06928,
// z = -2.8868, 0, 2.8868. Normal limits 0.4 ± 0.1358 and 0.4 ± 0.2141: the outer
// two lie beyond 95 % and within 99.8 %.
func TestFunnelByHand(t *testing.T) {
	o := quality.DefaultFunnel
	o.Limits, o.Better = quality.LimitsNormal, quality.BetterHigher
	f := quality.Funnel(counts([]float64{10, 20, 30}, []float64{50, 50, 50}), o)
	near(t, "target", f.Target, 0.4, 1e-15)
	near(t, "z", f.Sites[0].Z, -0.2/math.Sqrt(0.24/50), 1e-14)
	if f.Sites[0].Position != quality.Outside95 || f.Sites[0].Meaning != quality.Concern || f.Sites[1].Position != quality.Inside || f.Sites[2].Meaning != quality.Improvement {
		t.Errorf("%+v", f.Sites)
	}
	// φ = (8.3333 + 0 + 8.3333)/3 = 5.5556 unpulled; τ² = (3 φ - 2) s²/2 = 7.3333 × 0.0048
	// = 0.0352; shrunken 0.4 - 0.2 × 0.0352/(0.0352 + 0.0048) = 0.224.
	o.Winsor = 0
	raw := quality.Funnel(counts([]float64{10, 20, 30}, []float64{50, 50, 50}), o)
	near(t, "phi", raw.Overdispersion.Phi, 50.0/9, 1e-12)
	near(t, "tau²", raw.Overdispersion.Tau2, 0.0352, 1e-12)
	near(t, "shrunken", raw.Sites[0].Shrunken, 0.224, 1e-12)
	near(t, "its interval", raw.Sites[0].Interval.High-raw.Sites[0].Shrunken, analysis.NormalQuantile(0.95)*math.Sqrt(0.88*0.0048), 1e-12)
	two := quality.Funnel(counts([]float64{10, 30}, []float64{50, 50}), o)
	if two.Overdispersion.Phi.OK() || two.Warnings[0].Code != quality.WarnShortSeries {
		t.Errorf("two sites have no over-dispersion: %+v", two)
	}
	if e := quality.Funnel(nil, o); e.Target.OK() || len(e.Warnings) == 0 {
		t.Errorf("no sites: %+v", e)
	}
	hollow := quality.Funnel(counts([]float64{10, 0, 30, 20}, []float64{50, 0, 50, 50}), o)
	if hollow.Sites[1].Position != "" || hollow.Sites[1].Value.OK() || hollow.Overdispersion.Sites != 3 {
		t.Errorf("a site without patients: %+v", hollow)
	}
}

func TestFunnelRelations(t *testing.T) {
	e, n := []float64{31, 52, 28, 60, 35}, []float64{90, 110, 95, 120, 101}
	f := quality.Funnel(counts(e, n), quality.DefaultFunnel)
	for i := range e {
		e[i], n[i] = e[i]*4, n[i]*4
	}
	// Four times the patients: z doubles and phi is four times as large.
	g := quality.Funnel(counts(e, n), quality.DefaultFunnel)
	near(t, "z", g.Sites[0].Z, 2*float64(f.Sites[0].Z), 1e-12)
	near(t, "phi", g.Overdispersion.Phi, 4*float64(f.Overdispersion.Phi), 1e-12)
	// The order of sites does not matter.
	r := quality.Funnel(counts([]float64{140, 240, 112, 208, 124}, []float64{404, 480, 380, 440, 360}), quality.DefaultFunnel)
	near(t, "phi", r.Overdispersion.Phi, float64(g.Overdispersion.Phi), 1e-12)
	if !reflect.DeepEqual(r.Sites[4].Limits, g.Sites[0].Limits) {
		t.Error("limits depend on the order of sites")
	}
	// A limit grows with p and narrows with n.
	last := 0.0
	for n := 10; n < 5000; n += 7 {
		width := quality.BinomialLimit(0.4, n, 0.975) - quality.BinomialLimit(0.4, n, 0.025)
		if n > 10 && width > last+1e-12 {
			t.Errorf("limits widen at n = %d", n)
		}
		last = width
		if !(quality.BinomialLimit(0.4, n, 0.001) < quality.BinomialLimit(0.4, n, 0.025)) {
			t.Errorf("99.8 %% limit inside the 95 %% at n = %d", n)
		}
	}
	for i := 1; i < len(f.Curve); i++ {
		if f.Curve[i].Size <= f.Curve[i-1].Size {
			t.Error("the curve runs backwards")
		}
	}
}

// In a stable series of 20 normal values, 0.00253 of the points lie outside the
// limits that the series itself gives (200,000 charts in testdata/quality.R). Of
// 4,000 charts the share has a standard error of 0.00018; four of them are allowed,
// so another seed fails about once in 16,000.
func TestFalseAlarms(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	o := quality.DefaultChart
	o.Run = 0
	outside, all := 0, 0
	for range 4000 {
		x := make([]float64, 20)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		outside += len(quality.XmR(series(x...), o).Signals)
		all += len(x)
	}
	want := analysistest.ReadReference(t, "testdata/quality.json")["false_alarms"]
	if share := float64(outside) / float64(all); math.Abs(share-want[0]) > 4*want[1]/math.Sqrt(4000) {
		t.Errorf("share of points outside: %v, want %v", share, want[0])
	}
}

func readCase(t *testing.T, name string) map[string]json.RawMessage {
	t.Helper()
	b, err := os.ReadFile("../../../shared/refcases/statistics/" + name + "/expected.json")
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	var ref struct{ Values map[string]json.RawMessage }
	if err := json.Unmarshal(b, &ref); err != nil {
		t.Fatal(err)
	}
	return ref.Values
}

func columns(t *testing.T, path string) map[string][]float64 {
	t.Helper()
	b, err := os.ReadFile("../../../shared/refcases/statistics/" + path)
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	rows := analysistest.Rows(t, string(b))
	out := map[string][]float64{}
	for _, row := range rows[1:] {
		for i, cell := range row {
			var v float64
			if json.Unmarshal([]byte(cell), &v) == nil {
				out[rows[0][i]] = append(out[rows[0][i]], v)
			}
		}
	}
	return out
}

// The reference case of control charts: numbers of qcc, to 1e-8. The first 30
// samples of orange juice and 15 batches of viscosity are the trial.
func TestReferenceCaseCharts(t *testing.T) {
	ref := readCase(t, "spc_pistonrings_orange")
	type limits struct {
		Center, SD, LCL, UCL float64
		Beyond               []int
	}
	var p, x limits
	if err := json.Unmarshal(ref["p"], &p); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(ref["xbar_one_MR"], &x); err != nil {
		t.Fatal(err)
	}
	juice := columns(t, "spc_pistonrings_orange/orangejuice.csv")
	c := quality.PChart(counts(juice["D"], juice["size"])[:30], quality.DefaultChart)
	near(t, "p center", c.Center, p.Center, 1e-8)
	near(t, "p lcl", c.Points[0].Low, p.LCL, 1e-8)
	near(t, "p ucl", c.Points[0].High, p.UCL, 1e-8)
	var beyond []int
	for _, s := range rules(c)[quality.RuleOutside] {
		beyond = append(beyond, s.From+1)
	}
	if !reflect.DeepEqual(beyond, p.Beyond) {
		t.Errorf("beyond limits: %v, want %v", beyond, p.Beyond)
	}
	o := quality.DefaultChart
	o.D2 = quality.D2Rounded // 0.480714/1.128 is the case's sigma
	v := quality.XmR(series(columns(t, "spc_pistonrings_orange/viscosity.csv")["viscosity"]...), o)
	near(t, "XmR center", v.Center, x.Center, 1e-8)
	near(t, "XmR sigma", v.Sigma, x.SD, 1e-8)
	near(t, "XmR lcl", v.Points[0].Low, x.LCL, 1e-8)
	near(t, "XmR ucl", v.Points[0].High, x.UCL, 1e-8)
	if len(rules(v)[quality.RuleOutside]) != 0 {
		t.Error("no batch is beyond the limits")
	}
}

// The reference case of funnel plots: over-dispersion of 40 centers on the
// square-root scale of ratios, to 1e-6. Its limits are of ratios, not proportions.
func TestReferenceCaseFunnel(t *testing.T) {
	ref := readCase(t, "funnel_spiegelhalter")
	d := columns(t, "funnel_spiegelhalter/data.csv")
	var phi, tau2 float64
	if err := json.Unmarshal(ref["phi_winsor10"], &phi); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(ref["tau2_DL"], &tau2); err != nil {
		t.Fatal(err)
	}
	var z, s []float64
	for i, o := range d["observed"] {
		e := d["expected"][i]
		z, s = append(z, 2*(math.Sqrt(o)-math.Sqrt(e))), append(s, 1/(2*math.Sqrt(e)))
	}
	got := quality.Disperse(z, s, 0.1)
	near(t, "phi", got.Phi, phi, 1e-9)
	near(t, "tau2", got.Tau2, tau2, 1e-9)
}

// By hand: 2 of 2 where 0.3 are expected come by chance in 9 of 100, so the site is inside,
// though the interpolated line runs at 0.9944; 4 of 4 where 0.1 are expected in 1 of
// 10,000. Of a Poisson mean of 1, 5 or more come with 0.0037 and 6 or more with 0.00059;
// none of 7 with 0.00091.
func TestFunnelPlacesByTails(t *testing.T) {
	o := quality.DefaultFunnel
	for _, c := range []struct {
		kind     string
		target   float64
		u        quality.Unit
		position string
	}{
		{quality.FunnelShares, 0.3, quality.Unit{Label: "a", N: 2, Events: 2}, quality.Inside},
		{quality.FunnelShares, 0.1, quality.Unit{Label: "a", N: 4, Events: 4}, quality.Outside998},
		{quality.FunnelShares, 0.1, quality.Unit{Label: "a", N: 2, Events: 2}, quality.Outside95},
		{quality.FunnelShares, 0.9, quality.Unit{Label: "a", N: 4, Events: 0}, quality.Outside998},
		{quality.FunnelShares, 0.7, quality.Unit{Label: "a", N: 2, Events: 0}, quality.Inside},
		{quality.FunnelRates, 1, quality.Unit{Label: "a", N: 1, Exposure: 1, Events: 5}, quality.Outside95},
		{quality.FunnelRates, 1, quality.Unit{Label: "a", N: 1, Exposure: 1, Events: 6}, quality.Outside998},
		{quality.FunnelRates, 7, quality.Unit{Label: "a", N: 1, Exposure: 1, Events: 0}, quality.Outside998},
	} {
		o.Target = c.target
		if s := quality.FunnelOf(c.kind, []quality.Unit{c.u, {Label: "b", N: 50, Exposure: 50, Events: 20}}, o).Sites[0]; s.Position != c.position {
			t.Errorf("%d of %d at %g is %s, want %s", c.u.Events, c.u.N, c.target, s.Position, c.position)
		}
	}
}
