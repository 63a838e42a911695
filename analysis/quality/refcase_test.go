package quality_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/quality"
)

const cases = "../../../shared/refcases/statistics/"

// columnsOf reads the columns of a case's file, texts too.
func columnsOf(t *testing.T, path string) (texts map[string][]string, numbers map[string][]float64) {
	t.Helper()
	text, err := os.ReadFile(cases + path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	texts, numbers = map[string][]string{}, map[string][]float64{}
	for j, name := range rows[0] {
		for _, row := range rows[1:] {
			texts[name] = append(texts[name], row[j])
			v, err := strconv.ParseFloat(row[j], 64)
			if err != nil {
				v = math.NaN()
			}
			numbers[name] = append(numbers[name], v)
		}
	}
	return texts, numbers
}

func chart(t *testing.T, kind string, ps []quality.Period, o quality.ChartOptions) quality.Chart {
	t.Helper()
	c, err := quality.ControlChart(kind, ps, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rings are the 40 samples of five piston rings, as subgroups.
func rings(t *testing.T) []quality.Period {
	_, d := columnsOf(t, "spc_pistonrings_orange/data.csv")
	var out []quality.Period
	for i := 0; i < len(d["sample"]); i += 5 {
		p := quality.Period{N: 5}
		for _, v := range d["diameter"][i : i+5] {
			p.Mean += v / 5
		}
		ss := 0.0
		for _, v := range d["diameter"][i : i+5] {
			ss += (v - p.Mean) * (v - p.Mean)
		}
		p.SD = math.Sqrt(ss / 4)
		out = append(out, p)
	}
	return out
}

// limitsHeld holds center, sigma of one unit, limits and points outside of a qcc
// chart; outside are numbered from 1.
func limitsHeld(c *analysistest.Case, at string, sd float64, got quality.Chart, at0 int) {
	const tol = 1e-8
	p := got.Points[at0]
	c.Near(at+"/center", float64(p.Center), tol)
	c.Near(at+"/sd", sd, tol)
	c.Near(at+"/lcl", float64(p.Low), tol)
	c.Near(at+"/ucl", float64(p.High), tol)
}

func outsideHeld(t *testing.T, c *analysistest.Case, at string, got quality.Chart) {
	t.Helper()
	want := map[int]bool{}
	for _, v := range c.Numbers(at + "/beyond") {
		want[int(v)] = true
	}
	for i := range c.Numbers(at + "/beyond") {
		c.Near(at+"/beyond/"+strconv.Itoa(i), c.Numbers(at + "/beyond")[i], 0)
	}
	for i, p := range got.Points {
		out := len(p.Rules) > 0 && p.Rules[0] == quality.RuleOutside
		if out != want[i+1] {
			t.Errorf("%s: point %d outside: %v", at, i+1, out)
		}
	}
}

// Control charts of qcc 2.7 and qicharts2 0.8.1, to 1e-8.
func TestRefcaseControlCharts(t *testing.T) {
	ref := analysistest.ReadCase(t, cases+"spc_pistonrings_orange")
	all := rings(t)
	shewhart := quality.DefaultChart
	shewhart.Run = 0

	// qcc's own sigma of X-bar is of ranges: the limits are held with it given, and the
	// 15 later samples judged by them; sample 40 is the seventh in a row on one side.
	o := quality.DefaultChart
	o.Baseline, o.Standard = 25, &quality.Standard{Center: ref.Number("xbar/center"), Sigma: ref.Number("xbar/sd")}
	given := chart(t, quality.KindXBar, all, o)
	limitsHeld(ref, "xbar", o.Standard.Sigma, given, 0)
	outsideHeld(t, ref, "xbar", given)
	run := rules(given)[quality.RuleRun]
	if len(run) != 1 || run[0].To-run[0].From != 6 {
		t.Fatalf("run of seven: %+v", run)
	}
	ref.Near("xbar/runs/0", float64(run[0].To+1), 0)

	o = shewhart
	trial := all[:25]
	for at, sigma := range map[string]string{"xbar_UWAVE_SD": quality.SigmaMeanSD, "xbar_RMSDF": quality.SigmaPooled} {
		o.Sigma = sigma
		c := chart(t, quality.KindXBar, trial, o)
		limitsHeld(ref, at, float64(c.Sigma), c, 0)
		if len(c.Signals) > 0 {
			t.Errorf("%s: %+v", at, c.Signals)
		}
	}
	o.Sigma = quality.SigmaMeanSD
	s := chart(t, quality.KindS, trial, o)
	limitsHeld(ref, "S", float64(s.Sigma), s, 0)

	_, juice := columnsOf(t, "spc_pistonrings_orange/orangejuice.csv")
	var oj []quality.Period
	for i := range 30 {
		oj = append(oj, quality.Period{Events: int(juice["D"][i]), N: int(juice["size"][i])})
	}
	o = shewhart
	p := chart(t, quality.KindP, oj, o)
	limitsHeld(ref, "p", float64(p.Points[0].Sigma)*math.Sqrt(50), p, 0)
	outsideHeld(t, ref, "p", p)
	np := chart(t, quality.KindNP, oj, o)
	limitsHeld(ref, "np", float64(np.Points[0].Sigma), np, 0)
	outsideHeld(t, ref, "np", np)

	_, circuit := columnsOf(t, "spc_pistonrings_orange/circuit.csv")
	var boards []quality.Period
	for i, x := range circuit["x"] {
		if circuit["trial"][i] == 1 {
			boards = append(boards, quality.Period{Events: int(x), N: 1, Exposure: circuit["size"][i]})
		}
	}
	cc := chart(t, quality.KindC, boards, o)
	limitsHeld(ref, "c", float64(cc.Points[0].Sigma), cc, 0)
	outsideHeld(t, ref, "c", cc)
	u := chart(t, quality.KindU, boards, o)
	limitsHeld(ref, "u", float64(u.Points[0].Sigma)*10, u, 0)
	outsideHeld(t, ref, "u", u)

	_, v := columnsOf(t, "spc_pistonrings_orange/viscosity.csv")
	var batches []quality.Period
	for _, x := range v["viscosity"] {
		batches = append(batches, quality.Period{Mean: x, N: 1})
	}
	o.D2 = quality.D2Rounded // the case's sigma is 0.480714/1.128
	x := chart(t, quality.KindXmR, batches, o)
	limitsHeld(ref, "xbar_one_MR", float64(x.Sigma), x, 0)
	o.Sigma = quality.SigmaSD
	x = chart(t, quality.KindXmR, batches, o)
	limitsHeld(ref, "xbar_one_SD", float64(x.Sigma), x, 0)

	q, err := quality.ChartOptions{D2: quality.D2Rounded, Screen: true}.Rules(quality.RulesAnhoej)
	if err != nil {
		t.Fatal(err)
	}
	i := chart(t, quality.KindXmR, batches, q)
	ref.Near("qic_i/cl", float64(i.Center), 1e-8)
	ref.Near("qic_i/lcl", float64(i.Points[0].Low), 1e-8)
	ref.Near("qic_i/ucl", float64(i.Points[0].High), 1e-8)
	ref.Near("qic_i/longest_run", float64(i.Runs.Longest), 0)
	ref.Near("qic_i/longest_run_max", float64(i.Runs.LongestMost), 0)
	ref.Near("qic_i/n_cross", float64(i.Runs.Crossings), 0)
	ref.Near("qic_i/n_cross_min", float64(i.Runs.CrossingsLeast), 0)

	o = quality.DefaultChart
	o.Standard = &quality.Standard{Center: ref.Number("xbar/center"), Sigma: ref.Number("xbar/sd")}
	o.EWMA, o.EWMAWidth = 0.2, 2.7
	e := chart(t, quality.KindXBar, all, o)
	for k, pt := range e.Points {
		n := strconv.Itoa(k)
		ref.Near("ewma/y/"+n, float64(pt.Value), 1e-8)
		ref.Near("ewma/lcl/"+n, float64(pt.Low), 1e-8)
		ref.Near("ewma/ucl/"+n, float64(pt.High), 1e-8)
	}
	var z []float64
	for _, pt := range given.Points {
		z = append(z, float64(pt.Z))
	}
	tab := quality.TabularCUSUM(z, 0.5, 5)
	for k := range z {
		ref.Near("cusum/pos/"+strconv.Itoa(k), tab.Up[k], 1e-7) // a sum of differences of means near 74
		ref.Near("cusum/neg/"+strconv.Itoa(k), tab.Down[k], 1e-7)
	}
	ref.Near("cusum/decision", tab.Limit, 0)
	ref.Near("cusum/shift", 1, 0)
	// Capability is of a tolerance that a maker specifies, and no patient has one; the
	// R chart is of ranges, which lose what the S chart keeps.
	ref.Leave("capability", "R")
}

func TestRefusals(t *testing.T) {
	ps := make([]quality.Period, 10)
	o := quality.DefaultChart
	for name, change := range map[string]func(o *quality.ChartOptions){
		"sigma": func(o *quality.ChartOptions) { o.Sigma = quality.SigmaPooled },
		"rebase": func(o *quality.ChartOptions) {
			o.Rebases = []quality.Rebase{{At: "nowhere", By: "a", On: "b", Why: "c"}}
		},
		"log":  func(o *quality.ChartOptions) { o.Rebases = []quality.Rebase{{At: ""}} },
		"ewma": func(o *quality.ChartOptions) { o.EWMA = 2 },
	} {
		bad := o
		change(&bad)
		if _, err := quality.ControlChart(quality.KindXmR, ps, bad); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := quality.ControlChart("run", ps, o); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("kind: %v", err)
	}
	if _, err := o.Rules("none"); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("rules: %v", err)
	}
}

// Risk-adjusted sums of 400 cases of which the odds double after the 250th, to 1e-8.
func TestRefcaseCUSUM(t *testing.T) {
	ref := analysistest.ReadCase(t, cases+"cusum_risk_adjusted")
	_, d := columnsOf(t, "cusum_risk_adjusted/data.csv")
	flat := make([]float64, len(d["y"]))
	for i := range flat {
		flat[i] = 0.25
	}
	for at, how := range map[string]struct {
		risks []float64
		ratio float64
		limit float64
		reset bool
	}{"up_OR2": {d["risk"], 2, 4.5, false}, "down_OR05": {d["risk"], 0.5, 4.5, false}, "pkg_racusum": {d["risk"], 2, 4.5, true}, "pkg_cusum": {flat, 2, 4, true}} {
		c, err := quality.RiskAdjustedCUSUM(d["y"], how.risks, how.ratio, how.limit, how.reset)
		if err != nil {
			t.Fatal(err)
		}
		sum := slices.Clone(c.Sum)
		if how.reset { // the package writes the new start at a signal, not what was reached
			for _, i := range c.Signals {
				sum[i] = 0
			}
		}
		for i, v := range sum {
			// The case's fall begins with the first weight as it is, though it points up: the
			// sums part until the case's own reaches zero at the fifth.
			if path := at + "/" + strconv.Itoa(i); at == "down_OR05" && i < 4 {
				ref.Leave(path)
			} else {
				ref.Near(path, v, 1e-8)
			}
		}
		if at == "up_OR2" {
			ref.Near("first_signal_4.5", float64(c.Signals[0]+1), 0)
		}
	}
	ref.List("vlad", 1e-8, quality.VLAD(d["y"], d["risk"]).Sum...)
}

// Forty centers, observed over expected: limits, over-dispersion by the conventions of
// SHMI (log, truncated) and CQC (square root, winsorised), to 1e-6.
func TestRefcaseFunnel(t *testing.T) {
	ref := analysistest.ReadCase(t, cases+"funnel_spiegelhalter")
	texts, d := columnsOf(t, "funnel_spiegelhalter/data.csv")
	const tol = 1e-6
	var units []quality.Unit
	for i := range d["observed"] {
		units = append(units, quality.Unit{Label: texts["unit"][i], N: int(d["n"][i]), Events: int(d["observed"][i]), Expected: d["expected"][i]})
	}
	o := quality.DefaultFunnel
	f := quality.FunnelOf(quality.FunnelRatios, units, o)
	o.Overdispersion = quality.OverdispersionAdditive
	over := quality.FunnelOf(quality.FunnelRatios, units, o)
	ref.Near("phi_winsor10", float64(f.Overdispersion.Phi), tol)
	ref.Near("tau2_DL", float64(f.Overdispersion.Tau2), tol)
	for i, s := range f.Sites {
		at := "/" + strconv.Itoa(i)
		ref.Near("smr"+at, float64(s.Value), tol)
		ref.Near("z_sqrt"+at, float64(s.Z), tol)
		ref.Near("z_overdispersed"+at, float64(over.Sites[i].Adjusted), tol)
		exact, _ := quality.StandardisedRatio(s.Events, s.Size, quality.RatioExact, 0.95)
		ref.Near("smr_exact_lo"+at, float64(exact.Low), tol)
		ref.Near("smr_exact_hi"+at, float64(exact.High), tol)
		byar, _ := quality.StandardisedRatio(s.Events, s.Size, quality.RatioByar, 0.95)
		ref.Near("byar_lo"+at, float64(byar.Low), tol)
		ref.Near("byar_hi"+at, float64(byar.High), tol)
		// The case has whole counts, the first of which the probability reaches the level:
		// ours lie within one count under them.
		ref.Near("limits_exact_998/lo"+at, math.Ceil(s.Limits.Low998*s.Size)/s.Size, tol)
		ref.Near("limits_exact_998/hi"+at, math.Ceil(s.Limits.High998*s.Size)/s.Size, tol)
	}
	conventions(t, ref, "CQC", units, quality.ScaleRoot, quality.ExtremesWinsorise)
	for i := range units { // SHMI rounds the expected number to two decimals
		units[i].Expected = math.Round(units[i].Expected*100) / 100
	}
	conventions(t, ref, "SHMI", units, quality.ScaleLog, quality.ExtremesTruncate)
	ref.Leave("SHMI/agg_head/rr") // of the expected number before it is rounded: smr has it
}

// conventions holds what FunnelPlotR gives for the first five centers of one
// convention, and the centers outside the over-dispersed 99.8 % limits.
func conventions(t *testing.T, ref *analysistest.Case, at string, units []quality.Unit, scale, extremes string) {
	t.Helper()
	const tol = 1e-6
	o := quality.DefaultFunnel
	o.Scale, o.Extremes, o.Limits = scale, extremes, quality.LimitsInterval
	plain := quality.FunnelOf(quality.FunnelRatios, units, o)
	o.Overdispersion = quality.OverdispersionAdditive
	f := quality.FunnelOf(quality.FunnelRatios, units, o)
	ref.Near(at+"/phi", float64(f.Overdispersion.Phi), tol)
	ref.Near(at+"/tau2", float64(f.Overdispersion.Tau2), tol)
	on := math.Log
	se := func(size float64) float64 { return 1 / math.Sqrt(size) }
	// FunnelPlotR leaves the over-dispersed limits of CQC on the square-root scale.
	drawn := func(v float64) float64 { return v }
	if scale == quality.ScaleRoot {
		on, drawn = math.Sqrt, math.Sqrt
		se = func(size float64) float64 { return 1 / (2 * math.Sqrt(size)) }
	}
	head := at + "/agg_head/"
	for i := range 5 {
		s, n := f.Sites[i], "/"+strconv.Itoa(i)
		ref.Text(head+"group"+n, s.Label)
		ref.Near(head+"denominator"+n, s.Size, tol)
		ref.Near(head+"numerator"+n, float64(s.Events), tol)
		if at == "CQC" {
			ref.Near(head+"rr"+n, float64(s.Value), tol)
		}
		ref.Near(head+"target_transformed"+n, on(1), tol)
		ref.Near(head+"Y"+n, on(float64(s.Value)), tol)
		ref.Near(head+"s"+n, se(s.Size), tol)
		ref.Near(head+"Uzscore"+n, float64(s.Z), tol)
		ref.Near(head+"OD95LCL"+n, drawn(s.Limits.Low95), tol)
		ref.Near(head+"OD95UCL"+n, drawn(s.Limits.High95), tol)
		ref.Near(head+"OD99LCL"+n, drawn(s.Limits.Low998), tol)
		ref.Near(head+"OD99UCL"+n, drawn(s.Limits.High998), tol)
		l := plain.Sites[i].Limits
		ref.Near(head+"LCL95"+n, l.Low95, tol)
		ref.Near(head+"UCL95"+n, l.High95, tol)
		ref.Near(head+"LCL99"+n, l.Low998, tol)
		ref.Near(head+"UCL99"+n, l.High998, tol)
	}
	// FunnelPlotR holds the ratio itself against limits that, in CQC, are on the
	// square-root scale, and so points out eight centers too many.
	k := 0
	for _, u := range f.Sites {
		if float64(u.Value) < drawn(u.Limits.Low998) || float64(u.Value) > drawn(u.Limits.High998) {
			ref.Text(at+"/outliers/"+strconv.Itoa(k), u.Label)
			k++
		}
	}
	// Working columns of phi (rank, what was pulled in), which phi holds, and what is to
	// be pointed out in the drawing.
	working := map[string][]string{"CQC": {"winsorised", "Wuzscore"}, "SHMI": {"rk", "sp", "truncated", "Wuzscore"}}
	for _, c := range append(working[at], "highlight", "outlier") {
		ref.Leave(head + c)
	}
}

func TestRefcaseStandardisation(t *testing.T) {
	ref := analysistest.ReadCase(t, cases+"smr_standardisation")
	texts, d := columnsOf(t, "smr_standardisation/data.csv")
	var strata []quality.Stratum
	events, n := 0, 0
	for i, age := range texts["age"] {
		s := quality.Stratum{Label: age, Events: int(d["events"][i]), N: int(d["n"][i]), RefEvents: int(d["ref_events"][i]), RefN: int(d["ref_n"][i]), Weight: d["std_pop"][i]}
		strata = append(strata, s)
		events, n = events+s.Events, n+s.N
	}
	const tol = 1e-8
	observed, expected, without := quality.Indirect(strata)
	ratio := float64(observed) / expected
	if without != 0 {
		t.Error("every stratum is in the reference")
	}
	ref.Near("expected", expected, tol)
	ref.Near("smr", ratio, tol)
	for at, method := range map[string]string{"exact": quality.RatioExact, "byar": quality.RatioByarMid, "midp": quality.RatioMidP} {
		ci, err := quality.StandardisedRatio(observed, expected, method, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		ref.List(at, tol, float64(ci.Low), float64(ci.High))
	}
	log, _ := quality.StandardisedRatio(observed, expected, quality.RatioLog, 0.95)
	ref.List("epitools_indirect_sir", tol, float64(observed), expected, ratio, float64(log.Low), float64(log.High))
	rate, ci := quality.Direct(strata, 0.95)
	ref.List("direct", tol, float64(events)/float64(n), rate, float64(ci.Low), float64(ci.High))
}

// Incidence in 15 herds, by Laplace, 9 and 25 nodes, to 1e-5.
func TestRefcaseIntercepts(t *testing.T) {
	ref := analysistest.ReadCase(t, cases+"glmm_cbpp_benchmark")
	texts, d := columnsOf(t, "glmm_cbpp_benchmark/data.csv")
	const tol = 1e-5
	rows := quality.SiteRows{Y: d["incidence"], N: d["size"]}
	var herds []string
	for _, h := range texts["herd"] {
		if !slices.Contains(herds, h) {
			herds = append(herds, h)
		}
		rows.Site = append(rows.Site, slices.Index(herds, h))
	}
	rows.Sites = len(herds)
	for k := range 4 {
		col := make([]float64, len(rows.Y))
		for i, p := range texts["period"] {
			if k == 0 || p == strconv.Itoa(k+1) {
				col[i] = 1
			}
		}
		rows.X = append(rows.X, col)
	}
	// lme4 counts binomial coefficients with Laplace, and sets the log-likelihood
	// against that of the saturated model with quadrature.
	coefficients, saturated := 0.0, 0.0
	for i, y := range rows.Y {
		n := rows.N[i]
		a, _ := math.Lgamma(n + 1)
		b, _ := math.Lgamma(y + 1)
		c, _ := math.Lgamma(n - y + 1)
		coefficients += a - b - c
		for _, x := range []float64{y, n - y} {
			if x > 0 {
				saturated += x * math.Log(x/n)
			}
		}
	}
	for at, nodes := range map[string]int{"laplace": 1, "agq9": 9, "agq25": 25} {
		m, err := quality.LogisticIntercepts(rows, nodes)
		if err != nil {
			t.Fatal(err)
		}
		for j, name := range []string{"(Intercept)", "period2", "period3", "period4"} {
			ref.Near(at+"/fixef/"+name, m.Coef[j], tol)
		}
		ref.List(at+"/se", tol, m.SE...)
		ref.Near(at+"/sd", m.Tau, tol)
		if constant := coefficients; nodes == 1 {
			ref.Near(at+"/logLik", m.LogLik+constant, tol)
		} else {
			ref.Near(at+"/logLik", m.LogLik-saturated, tol)
		}
		ref.List(at+"/blup", tol, m.Effect...)
		ref.List(at+"/blup_se", tol, m.EffectSE...)
		for j, h := range herds {
			ref.Text(at+"/herd/"+strconv.Itoa(j), h)
		}
		if m.Gradient > 1e-6 {
			t.Errorf("%s: gradient %g", at, m.Gradient)
		}
	}
}

// The linear model with a random intercept of the sleep study, to 1e-6.
func TestRefcaseLinearIntercepts(t *testing.T) {
	ref := analysistest.ReadCase(t, cases+"lmm_sleepstudy")
	texts, d := columnsOf(t, "lmm_sleepstudy/data.csv")
	rows := quality.SiteRows{Y: d["reaction"], X: [][]float64{slices.Repeat([]float64{1}, 180), d["days"]}, Sites: 18}
	var people []string
	for _, p := range texts["subject"] {
		if !slices.Contains(people, p) {
			people = append(people, p)
		}
		rows.Site = append(rows.Site, slices.Index(people, p))
	}
	m, err := quality.LinearIntercepts(rows)
	if err != nil {
		t.Fatal(err)
	}
	const at, tol = "random_intercept/", 1e-6
	for j, name := range []string{"(Intercept)", "days"} {
		ref.Near(at+"fixef/"+name, m.Coef[j], tol)
		ref.Near(at+"se/"+name, m.SE[j], tol)
	}
	ref.List(at+"vcov", tol, m.Tau*m.Tau, m.Sigma*m.Sigma)
	ref.Near(at+"logLik", m.LogLik, tol)
	ref.Near(at+"n", float64(len(rows.Y)), 0)
	// What is not of this model is held by the kernel of random slopes in
	// analysis/internal/fit; degrees of freedom are not given for sites.
	ref.Leave(at+"df_satt", at+"t", at+"p_satt", at+"se_kr", at+"df_kr", at+"p_kr", at+"vc_names",
		"random_slope", "random_slope_ML", "uncorrelated", "blup_first3", "gls_ar1")
}
