package effect_test

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
	"recoup/datasets"
)

const trialFile = `
name: trial
resources:
  - name: visits
    path: trial.csv
    reshape: {outcome: pain, columns: {base: baseline, after: end}}
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: base, type: number, instrument: nrs}
        - {name: after, type: number, instrument: nrs}
  - name: patients
    path: trial.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: site, type: string, role: site}
        - {name: age, type: number, role: covariate}
visits: [{value: baseline, baseline: true}, {value: end}]
arms: [{value: program}, {value: usual}]
`

func trialText(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/trial.csv")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func trial(t *testing.T, text string) *datasets.Cohort {
	t.Helper()
	return analysistest.Cohort(t, trialFile, map[string]string{"trial.csv": text})
}

func run(t *testing.T, a *analysis.Analysis, c *datasets.Cohort, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := a.Run(context.Background(), analysis.Input{Cohort: c}, q, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, a, r)
	return r
}

var between = analysis.Question{Arm: "program", Reference: "usual", Outcome: "pain", Visit: "end"}

// Numbers of base R: testdata/effect.R.
func TestAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/effect.json")
	c := trial(t, trialText(t))
	within := analysis.Question{Arm: "program", Outcome: "pain", Visit: "end"}
	const tol = 1e-9
	four := func(name string, e analysis.Estimate) {
		t.Helper()
		for i, v := range []analysis.Num{e.Value, e.SE, e.CI.Low, e.CI.High} {
			ref.Near(t, name, i, v, tol)
		}
	}
	d := analysistest.Find(t, run(t, effect.MeanChange, c, between, nil), "difference_in_change", "program")
	for i, v := range []analysis.Num{d.Value, d.SE, d.DF, d.P, d.CI.Low, d.CI.High} {
		ref.Near(t, "welch", i, v, tol)
	}
	p := analysistest.Find(t, run(t, effect.MeanChange, c, between, map[string]string{"variance": "pooled"}), "difference_in_change", "program")
	for i, v := range []analysis.Num{p.SE, p.DF, p.P, p.CI.Low, p.CI.High} {
		ref.Near(t, "pooled", i, v, tol)
	}
	m := run(t, effect.MeanChange, c, within, nil)
	change, sd, pct := analysistest.Find(t, m, "change", ""), analysistest.Find(t, m, "sd_change", ""), analysistest.Find(t, m, "percent_of_means", "")
	for i, v := range []analysis.Num{change.Value, change.SE, change.CI.Low, change.CI.High, change.P, sd.Value, sd.CI.Low, sd.CI.High} {
		ref.Near(t, "change_program", i, v, tol)
	}
	for i, v := range []analysis.Num{pct.Value, pct.CI.Low, pct.CI.High} {
		ref.Near(t, "percent_of_means", i, v, tol)
	}
	for den, name := range map[string]string{"change": "g_change", "post": "g_post", "baseline": "g_baseline"} {
		four(name, run(t, effect.HedgesG, c, between, map[string]string{"denominator": den}).Estimates[0])
	}
	four("dz", run(t, effect.HedgesG, c, within, nil).Estimates[0])
	four("dpre", run(t, effect.HedgesG, c, within, map[string]string{"denominator": "baseline"}).Estimates[0])
}

func TestAncovaAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/effect.json")
	c := trial(t, trialText(t))
	const tol = 1e-9
	fit := func(errors string) analysis.Result {
		// R has site in another table's column here: a site column is a covariate too.
		return run(t, effect.Ancova, c, between, map[string]string{"covariates": "age,site", "errors": errors})
	}
	r := fit("model")
	d := analysistest.Find(t, r, "adjusted_difference", "program")
	for i, v := range []analysis.Num{d.Value, d.SE, d.Statistic, d.P, d.CI.Low, d.CI.High} {
		ref.Near(t, "ancova_model", i, v, tol)
	}
	one, zero := analysistest.Find(t, r, "adjusted_mean", "program"), analysistest.Find(t, r, "adjusted_mean", "usual")
	for i, v := range []analysis.Num{one.Value, zero.Value, one.SE} {
		ref.Near(t, "adjusted_means", i, v, tol)
	}
	s := analysistest.Find(t, r, "slope_baseline", "")
	ref.Near(t, "slope", 0, s.Value, tol)
	ref.Near(t, "slope", 1, s.SE, tol)
	for i, kind := range []string{"HC0", "HC1", "HC2", "HC3"} {
		ref.Near(t, "ancova_robust", i, analysistest.Find(t, fit(kind), "adjusted_difference", "").SE, tol)
	}
	clustered := fit("cluster")
	cl := analysistest.Find(t, clustered, "adjusted_difference", "")
	ref.Near(t, "ancova_cluster", 0, cl.SE, tol)
	ref.Near(t, "ancova_cluster", 1, cl.DF, tol)
	if !slices.ContainsFunc(clustered.Warnings, func(w analysis.Warning) bool { return w.Code == analysis.WarnTooFew }) {
		t.Errorf("errors from %v clusters come without a warning", cl.DF+1)
	}
}

// By hand: four patients in a, baselines 10, 8, 5, 0 and later 7, 7, 2.5, 0;
// improved by 30 %: yes (30 exactly), no (12.5), yes (50), not defined (zero
// baseline); a fifth is not seen. Of b, two of three improved.
func TestRespondersByHand(t *testing.T) {
	c := trial(t, "id,arm,site,age,base,after\n1,program,N,50,10,7\n2,program,N,50,8,7\n3,program,N,50,5,2.5\n4,program,N,50,0,0\n5,program,N,50,6,\n6,usual,N,50,4,2\n7,usual,N,50,4,4\n8,usual,N,50,9,1\n")
	r := run(t, effect.Responders, c, between, map[string]string{"threshold": "30"})
	check := func(term, arm string, value float64, n, events int) {
		t.Helper()
		e := analysistest.Find(t, r, term, arm)
		if math.Abs(float64(e.Value)-value) > 1e-12 || e.N.Arm != n || e.N.Events != events {
			t.Errorf("%s %s: %v of n=%d with %d events, want %v of %d with %d", term, arm, e.Value, e.N.Arm, e.N.Events, value, n, events)
		}
	}
	check("responders_all", "program", 2.0/5, 5, 2)
	check("responders_seen", "program", 2.0/3, 3, 2)
	check("bound_worst", "program", 2.0/5, 5, 2)
	check("bound_best", "program", 4.0/5, 5, 4)
	check("responders_all", "usual", 2.0/3, 3, 2)
	check("risk_difference_all", "program", 2.0/5-2.0/3, 5, 2)
	check("risk_ratio_all", "program", (2.0/5)/(2.0/3), 5, 2)
	check("odds_ratio_all", "program", (2.0/3)/(2.0/1), 5, 2)
	check("nnt_all", "program", 1/(2.0/5-2.0/3), 5, 2)
	if !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return w.Code == analysis.WarnPercentZero }) {
		t.Error("no warning of the zero baseline")
	}
	atMost := run(t, effect.Responders, c, between, map[string]string{"rule": "at-most", "threshold": "2.5"})
	if e := analysistest.Find(t, atMost, "responders_all", "program"); e.N.Events != 2 {
		t.Errorf("at most 2.5: %d, want 2", e.N.Events)
	}
	important := run(t, effect.Responders, c, between, map[string]string{"rule": "important"})
	if e := analysistest.Find(t, important, "responders_all", ""); e.Definition == "" {
		t.Error("the important difference is not named")
	}
}

// Order of rows changes nothing; swapping the arms turns the sign; twice the
// unit doubles differences and leaves standardised ones; every patient twice
// halves the variance of a mean (but for the divisor).
func TestRelations(t *testing.T) {
	text := trialText(t)
	rows := analysistest.Rows(t, text)
	analyses := []*analysis.Analysis{effect.MeanChange, effect.HedgesG, effect.Responders, effect.Ancova}
	back := slices.Clone(rows)
	slices.Reverse(back[1:])
	swap := between
	swap.Arm, swap.Reference = between.Reference, between.Arm
	signed := map[string]bool{"difference_in_change": true, "hedges_g": true, "risk_difference_all": true, "adjusted_difference": true}
	for _, a := range analyses {
		one := run(t, a, trial(t, text), between, nil)
		two := run(t, a, trial(t, analysistest.Write(back)), between, nil)
		for i, e := range one.Estimates {
			if f := two.Estimates[i]; math.Abs(float64(e.Value-f.Value)) > 1e-12*math.Max(1, math.Abs(float64(e.Value))) {
				t.Errorf("%s %s: %v in one order, %v in the other", a.Name, e.Term, e.Value, f.Value)
			}
		}
		other := run(t, a, trial(t, text), swap, nil)
		for i, e := range one.Estimates {
			if !signed[e.Term] {
				continue
			}
			f := other.Estimates[i]
			if math.Abs(float64(e.Value+f.Value)) > 1e-11 || math.Abs(float64(e.CI.Low+f.CI.High)) > 1e-9 {
				t.Errorf("%s %s: swapping the arms does not turn the sign", a.Name, e.Term)
			}
		}
	}
	double := slices.Clone(rows)
	for _, r := range rows[1:] {
		twin := slices.Clone(r)
		twin[0] += "b"
		double = append(double, twin)
	}
	one := analysistest.Find(t, run(t, effect.MeanChange, trial(t, text), between, nil), "change", "program")
	two := analysistest.Find(t, run(t, effect.MeanChange, trial(t, analysistest.Write(double)), between, nil), "change", "program")
	n := float64(one.N.Arm)
	want := float64(one.SE*one.SE) / 2 * (n - 1) / (n - 0.5)
	if math.Abs(float64(two.SE*two.SE)-want) > 1e-12 {
		t.Errorf("duplicated: variance %v, want %v", two.SE*two.SE, want)
	}
}

// Groups of none, one, two or equal patients give a null with a reason, never a
// NaN without one or a zero. Conforms checks each.
func TestSmallAndEmpty(t *testing.T) {
	head := "id,arm,site,age,base,after\n"
	for _, body := range []string{
		"1,program,N,50,5,\n2,usual,N,50,5,3\n",
		"1,program,N,50,5,3\n2,usual,N,50,5,3\n",
		"1,program,N,50,5,3\n2,program,N,50,5,3\n3,usual,N,50,5,3\n4,usual,N,50,5,3\n",
		"1,program,N,50,0,0\n2,program,N,50,0,0\n3,usual,N,50,0,0\n",
	} {
		c := trial(t, head+body)
		for _, a := range []*analysis.Analysis{effect.MeanChange, effect.HedgesG, effect.Responders} {
			run(t, a, c, between, nil)
			run(t, a, c, analysis.Question{Outcome: "pain", Visit: "end"}, nil)
		}
		for _, den := range []string{"baseline", "post"} {
			run(t, effect.HedgesG, c, between, map[string]string{"denominator": den})
		}
		// A design that cannot be solved is refused; one that is too small is null.
		r, err := effect.Ancova.Run(context.Background(), analysis.Input{Cohort: c}, between, nil)
		if err == nil {
			analysistest.Conforms(t, effect.Ancova, r)
		} else if !errors.Is(err, analysis.ErrCannot) {
			t.Error(err)
		}
	}
}
