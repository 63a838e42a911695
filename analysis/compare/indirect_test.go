package compare

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/datasets"
	"recoup/datasets/published"
	"recoup/simulate/stream"
)

const sixtyFile = `
name: sixty
caseMix: {payer: workers-compensation, workBefore: off work, procedure: interdisciplinary rehabilitation, population: chronic low back pain}
visits: [{value: b, name: entry, week: 0, baseline: true}, {value: f, name: end, week: 52}]
ARMS
resources:
  - name: people
    path: people.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: age, type: number, role: covariate, unit: years}
        - {name: sick, type: string, role: covariate, categories: [{value: off work}, {value: working}]}
        - {name: arm, type: string, role: ARMROLE}
        - {name: work, type: string, role: covariate}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, instrument: nrs}
`

// sixty is the cohort of testdata/indirect.csv, with arms or in one group, its rows as
// edit leaves them.
func sixty(t *testing.T, arms bool, edit func(row []string)) *datasets.Cohort {
	t.Helper()
	b, err := os.ReadFile("testdata/indirect.csv")
	if err != nil {
		t.Fatal(err)
	}
	var p, v strings.Builder
	p.WriteString("id,age,sick,arm,work\n")
	v.WriteString("id,visit,pain\n")
	for _, r := range analysistest.Rows(t, string(b))[1:] {
		if edit != nil {
			edit(r)
		}
		fmt.Fprintf(&p, "%s,%s,%s,%s,%s\n", r[0], r[1], r[2], r[3], r[6])
		fmt.Fprintf(&v, "%s,b,%s\n%s,f,%s\n", r[0], r[4], r[0], r[5])
	}
	file := strings.NewReplacer("ARMROLE", "covariate", "ARMS\n", "").Replace(sixtyFile)
	if arms {
		file = strings.NewReplacer("ARMROLE", "arm", "ARMS", "arms: [{value: program}, {value: usual}]").Replace(sixtyFile)
	}
	return analysistest.Cohort(t, file, map[string]string{"people.csv": p.String(), "visits.csv": v.String()})
}

var (
	sixtyTarget = map[string]string{"target.age": "48", "target.age.sd": "8", "target.sick.off work": "0.6", "theirs.value": "-1", "theirs.se": "0.2"}
	sixtyChange = analysis.Question{Outcome: "pain", Visit: "end"}
)

func sixtyShare() map[string]string {
	return with(sixtyTarget, "column", "work", "measure", "share", "working", "working", "theirs.value", "0.5", "theirs.n", "100", "theirs.se", "0.05")
}

// Against R: weights by Newton's method, the sandwich by stacked scores whose
// derivatives are taken numerically (hence 1e-6), lm and glm with sandwich's HC.
func TestIndirectReference(t *testing.T) {
	want := analysistest.ReadReference(t, "testdata/indirect.json")
	c := sixty(t, false, nil)
	for i, errs := range []string{"HC0", "HC3"} {
		r := askIndirect(t, MAIC, c, sixtyChange, with(sixtyTarget, "errors", errs))
		e := pick(t, r, "ours_matched", "all")
		want.Near(t, "change", 0, e.Value, 1e-9)
		want.Near(t, "change", i+1, e.SE, 1e-9)
		want.Near(t, "ess", 0, pick(t, r, "effective_sample_size", "all").Value, 1e-9)
	}
	r := askIndirect(t, MAIC, c, sixtyChange, sixtyTarget)
	want.Near(t, "change_stacked", 1, pick(t, r, "ours_matched", "all").SE, 1e-6)
	d := pick(t, r, "difference_matched", "published")
	near(t, "difference", d.Value, want["change"][0]+1, 1e-9)
	near(t, "both sides", d.SE, math.Hypot(want["change_stacked"][1], 0.2), 1e-6)
	share := askIndirect(t, MAIC, c, analysis.Question{}, sixtyShare())
	e := pick(t, share, "ours_matched", "all")
	want.Near(t, "work_stacked", 0, e.Value, 1e-9)
	want.Near(t, "work_stacked", 1, e.SE, 1e-6)

	two := sixtyChange
	two.Arm, two.Reference = "program", "usual"
	arms := sixty(t, true, nil)
	r = askIndirect(t, MAIC, arms, two, sixtyTarget)
	within := pick(t, r, "within_matched", "program")
	want.Near(t, "anchored_stacked", 0, within.Value, 1e-9)
	want.Near(t, "anchored_stacked", 1, within.SE, 1e-6)
	anchored := pick(t, r, "anchored_matched", "program")
	near(t, "anchored", anchored.Value, want["anchored_stacked"][0]+1, 1e-9)
	if m, _ := has(anchored, analysis.WarnAssumption); !strings.Contains(m, "ours is usual") {
		t.Errorf("the shared treatment is not named: %q", m)
	}
	stc := askIndirect(t, STC, arms, two, sixtyTarget)
	want.Near(t, "stc_arm", 0, pick(t, stc, "within_adjusted", "program").Value, 1e-9)
	want.Near(t, "stc_arm", 1, pick(t, stc, "within_adjusted", "program").SE, 1e-9)

	for i, errs := range []string{"HC3", "HC0", "model"} {
		e := pick(t, askIndirect(t, STC, c, sixtyChange, with(sixtyTarget, "errors", errs)), "ours_adjusted", "all")
		want.Near(t, "stc", 0, e.Value, 1e-9)
		want.Near(t, "stc", i+1, e.SE, 1e-9)
	}
	e = pick(t, askIndirect(t, STC, c, analysis.Question{}, with(sixtyShare(), "standardise", "plug-in")), "ours_adjusted", "all")
	want.Near(t, "stc_logit", 0, e.Value, 1e-8)
	want.Near(t, "stc_logit", 1, e.SE/(e.Value*(1-e.Value)), 1e-7)
	if _, ok := has(e, WarnCollapse); !ok {
		t.Error("a plug-in share comes without a word of non-collapsibility")
	}
	// 4096 points of low discrepancy in two dimensions: within 1e-3 of the integral.
	e = pick(t, askIndirect(t, STC, c, analysis.Question{}, sixtyShare()), "ours_adjusted", "all")
	want.Near(t, "stc_simulated", 0, e.Value, 1e-3)
	if math.Abs(want["stc_simulated"][0]-want["stc_logit"][0]) < 0.01 {
		t.Error("the two standardisations do not differ in this example, so that the test says nothing")
	}
}

// timed is the cohort with times, and pseudo-patients as an arm of their own.
func timed(t *testing.T) *datasets.Cohort {
	t.Helper()
	var p, f strings.Builder
	p.WriteString("id,age,sick,arm\n")
	f.WriteString("id,time,event\n")
	for _, name := range []string{"testdata/indirect.csv", "testdata/pseudo.csv"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range analysistest.Rows(t, string(b))[1:] {
			if len(r) == 3 {
				fmt.Fprintf(&p, "%s,,,curve\n", r[0])
			} else {
				fmt.Fprintf(&p, "%s,%s,%s,ours\n", r[0], r[1], r[2])
			}
			fmt.Fprintf(&f, "%s,%s,%s\n", r[0], r[len(r)-2], r[len(r)-1])
		}
	}
	return analysistest.Cohort(t, timedFile, map[string]string{"people.csv": p.String(), "follow.csv": f.String()})
}

const timedFile = `
name: timed
arms: [{value: ours}, {value: curve}]
resources:
  - name: people
    path: people.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: age, type: number, role: covariate}
        - {name: sick, type: string, role: work_before}
        - {name: arm, type: string, role: arm}
  - name: follow
    path: follow.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: time, type: number, role: time, unit: days}
        - {name: event, type: string, role: event}
`

// Against R's weighted coxph, with weights that add up to n and to the effective size,
// and its weighted survfit; errors with the weights estimated against an infinitesimal
// jackknife of everything at once; the bootstrap draws both sides.
func TestIndirectTimes(t *testing.T) {
	want := analysistest.ReadReference(t, "testdata/indirect.json")
	c := timed(t)
	set := map[string]string{"measure": "time", "pseudo": "curve", "target.age": "48", "target.age.sd": "8", "target.sick.off work": "0.6"}
	q := analysis.Question{Arm: "ours"}
	for _, scale := range []string{"n", "ess"} {
		stacked := pick(t, askIndirect(t, MAIC, c, q, with(set, "weights", scale)), "hazard_ratio_matched", "curve")
		want.Near(t, "cox_stacked_"+scale, 0, analysis.Num(math.Log(float64(stacked.Value))), 1e-8)
		want.Near(t, "cox_stacked_"+scale, 1, stacked.SE/stacked.Value, 1e-7)
		r := askIndirect(t, MAIC, c, q, with(set, "weights", scale, "errors", "HC0"))
		e := pick(t, r, "hazard_ratio_matched", "curve")
		want.Near(t, "cox_"+scale, 0, analysis.Num(math.Log(float64(e.Value))), 1e-8)
		want.Near(t, "cox_"+scale, 1, e.SE/e.Value, 1e-8)
		boot := pick(t, askIndirect(t, MAIC, c, q, with(set, "weights", scale, "errors", "bootstrap", "replicates", "400")), "hazard_ratio_matched", "curve")
		if ratio := float64(boot.SE / e.SE); boot.Value != e.Value || ratio < 0.75 || ratio > 1.35 || ratio == 1 {
			t.Errorf("weights=%s: the bootstrap's error is %v of the robust one", scale, ratio)
		}
		for _, s := range r.Series {
			if s.Name != "kaplan-meier/matched" {
				continue
			}
			for i, at := range []float64{20, 35, 50} {
				y := analysis.None
				for _, p := range s.Points {
					if float64(p.X) <= at {
						y = p.Y
					}
				}
				want.Near(t, "km", i, y, 1e-9)
			}
		}
	}
	if math.Abs(want["cox_n"][0]-want["cox_ess"][0]) < 1e-4 {
		t.Error("the scale of the weights does not matter in this example, so that the test says nothing")
	}
}

// Anchored hazard ratios: ours within the study against R, and over a published one of
// 0.8 (0.64 to 1) with both errors on the log scale.
func TestAnchoredTimes(t *testing.T) {
	want := analysistest.ReadReference(t, "testdata/indirect.json")
	b, err := os.ReadFile("testdata/indirect.csv")
	if err != nil {
		t.Fatal(err)
	}
	var p, f strings.Builder
	p.WriteString("id,age,sick,arm\n")
	f.WriteString("id,time,event\n")
	for _, r := range analysistest.Rows(t, string(b))[1:] {
		fmt.Fprintf(&p, "%s,%s,%s,%s\n", r[0], r[1], r[2], r[3])
		fmt.Fprintf(&f, "%s,%s,%s\n", r[0], r[7], r[8])
	}
	file := strings.Replace(timedFile, "{value: ours}, {value: curve}", "{value: program}, {value: usual}", 1)
	c := analysistest.Cohort(t, file, map[string]string{"people.csv": p.String(), "follow.csv": f.String()})
	set := map[string]string{"measure": "time", "target.age": "48", "target.age.sd": "8", "target.sick.off work": "0.6", "theirs.value": "0.8", "theirs.low": "0.64", "theirs.high": "1", "theirs.n": "200"}
	q := analysis.Question{Arm: "program", Reference: "usual"}
	for _, scale := range []string{"n", "ess"} { // of both arms alike, so it does not matter
		r := askIndirect(t, MAIC, c, q, with(set, "weights", scale))
		for _, x := range []struct{ term, name string }{{"unadjusted", "cox_within_plain"}, {"matched", "cox_within"}} {
			within, over := pick(t, r, "within_"+x.term, "usual"), pick(t, r, "anchored_"+x.term, "published")
			want.Near(t, x.name, 0, analysis.Num(math.Log(float64(within.Value))), 1e-8)
			want.Near(t, x.name, 1, within.SE/within.Value, 1e-7)
			theirs := math.Log(1/0.64) / (2 * analysis.NormalQuantile(0.95))
			near(t, "anchored", over.Value, math.Exp(want[x.name][0])/0.8, 1e-7)
			near(t, "its error", over.SE/over.Value, math.Hypot(want[x.name][1], theirs), 1e-7)
			if _, ok := has(over, WarnPayer); !ok {
				t.Error("an unknown payer is not said")
			}
		}
	}
	boot := pick(t, askIndirect(t, MAIC, c, q, with(set, "errors", "bootstrap", "replicates", "400")), "within_matched", "usual")
	if ratio := float64(boot.SE/boot.Value) / want["cox_within"][1]; ratio < 0.8 || ratio > 1.4 {
		t.Errorf("the bootstrap's error is %v of the stacked one", ratio)
	}
	for _, bad := range []map[string]string{with(set, "pseudo", "usual"), with(set, "theirs.value", "-1"), with(set, "comparator", "mayer-2014")} {
		if _, err := MAIC.Run(t.Context(), analysis.Input{Cohort: c}, q, bad); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// Anchored shares by ratios: within the study against an infinitesimal jackknife in R of
// everything at once, and over a published ratio of 1.5 with error 0.2 of its logarithm.
func TestAnchoredRatios(t *testing.T) {
	want := analysistest.ReadReference(t, "testdata/indirect.json")
	set := with(sixtyTarget, "column", "work", "measure", "share", "working", "working", "theirs.value", "1.5", "theirs.se", "0.2")
	q := analysis.Question{Arm: "program", Reference: "usual"}
	for scale, name := range map[string]string{"odds-ratio": "odds_within", "risk-ratio": "risk_within"} {
		r := askIndirect(t, MAIC, sixty(t, true, nil), q, with(set, "scale", scale))
		within, over := pick(t, r, "within_matched", "usual"), pick(t, r, "anchored_matched", "published")
		want.Near(t, name, 0, analysis.Num(math.Log(float64(within.Value))), 1e-8)
		want.Near(t, name, 1, within.SE/within.Value, 1e-7)
		near(t, "anchored", over.Value, math.Exp(want[name][0])/1.5, 1e-8)
		near(t, "its error", over.SE/over.Value, math.Hypot(want[name][1], 0.2), 1e-7)
		boot := pick(t, askIndirect(t, MAIC, sixty(t, true, nil), q, with(set, "scale", scale, "errors", "bootstrap", "replicates", "400")), "within_matched", "usual")
		if ratio := float64(boot.SE/boot.Value) / want[name][1]; ratio < 0.8 || ratio > 1.4 {
			t.Errorf("%s: the bootstrap's error is %v of the stacked one", scale, ratio)
		}
	}
	// Everybody of the program at work: no odds ratio, and the reason.
	all := sixty(t, true, func(r []string) {
		if r[3] == "program" {
			r[6] = "working"
		}
	})
	for _, term := range []string{"within_matched", "anchored_matched"} {
		for _, e := range askIndirect(t, MAIC, all, q, with(set, "scale", "odds-ratio")).Estimates {
			if e.Term == term && (e.Value.OK() || len(e.Warnings) == 0) {
				t.Errorf("%s: %v", term, e)
			}
		}
	}
	if _, err := MAIC.Run(t.Context(), analysis.Input{Cohort: all}, analysis.Question{}, with(set, "scale", "odds-ratio")); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("a ratio without a reference: %v", err)
	}
}

// A matched share of 1 makes the case mix ours, of the weighted terms alone.
func TestMatchedWorkBefore(t *testing.T) {
	file := strings.NewReplacer("ARMROLE", "covariate", "ARMS\n", "", "{name: sick, type: string, role: covariate", "{name: sick, type: string, role: work_before", "caseMix: {payer: workers-compensation, workBefore: off work, ", "caseMix: {payer: workers-compensation, ").Replace(sixtyFile)
	b, err := os.ReadFile("testdata/indirect.csv")
	if err != nil {
		t.Fatal(err)
	}
	p, v := "id,age,sick,arm,work\n", "id,visit,pain\n"
	for _, r := range analysistest.Rows(t, string(b))[1:] {
		p += strings.Join([]string{r[0], r[1], r[2], r[3], r[6]}, ",") + "\n"
		v += r[0] + ",b," + r[4] + "\n" + r[0] + ",f," + r[5] + "\n"
	}
	c := analysistest.Cohort(t, file, map[string]string{"people.csv": p, "visits.csv": v})
	r := askIndirect(t, MAIC, c, sixtyChange, with(sixtyTarget, "target.sick.off work", "1", "theirs.payer", "workers-compensation", "theirs.work_before", "off work"))
	before, after := pick(t, r, "difference_unadjusted", "published"), pick(t, r, "difference_matched", "published")
	if !warned(before, WarnWorkAbsence) || warned(after, WarnWorkAbsence) {
		t.Errorf("before weighting %+v, after %+v", before.Warnings, after.Warnings)
	}
	off := 0
	for _, row := range analysistest.Rows(t, string(b))[1:] {
		if row[2] == "off work" {
			off++
		}
	}
	for _, table := range r.Tables {
		if table.Name == "weights" && table.Rows[0][3].Num != analysis.Num(60-off) {
			t.Errorf("%v without weight, want %d", table.Rows[0][3].Num, 60-off)
		}
	}
}

// By hand: weights 1, 1, 2, 4 in bars of 0.2 up to 4: two in [1, 1.2), one in [2, 2.2),
// the largest in the last.
func TestHistogram(t *testing.T) {
	s := histogram("all", []float64{1, 4, 2, 1})
	for k, p := range s.Points {
		if want := map[int]int{5: 2, 10: 1, 19: 1}[k]; p.N != want {
			t.Errorf("bar %d from %v: %d patients, want %d", k, p.X, p.N, want)
		}
	}
}

// A printed interval of 95 percent gives its error whatever the level asked for:
// (0.2 + 0.6)/3.919928 = 0.204085.
func TestErrorOfAPrintedInterval(t *testing.T) {
	set := with(sixtyTarget, "theirs.low", "-1.6", "theirs.high", "-0.8")
	delete(set, "theirs.se")
	q := sixtyChange
	q.Level = 0.8
	r := askIndirect(t, MAIC, sixty(t, false, nil), q, set)
	own, d := pick(t, r, "ours_matched", "all"), pick(t, r, "difference_matched", "published")
	near(t, "error of the difference", d.SE, math.Hypot(float64(own.SE), 0.204085), 1e-6)
}

// The weights of a bootstrap are made anew, so that its error is near the sandwich's
// and not that of weights as known; its digits hang on the seed alone.
func TestIndirectBootstrap(t *testing.T) {
	c := sixty(t, false, nil)
	want := analysistest.ReadReference(t, "testdata/indirect.json")
	set := with(sixtyTarget, "errors", "bootstrap", "replicates", "1500")
	e := pick(t, askIndirect(t, MAIC, c, sixtyChange, set), "ours_matched", "all")
	// Monte Carlo error of a standard deviation of 1500: 1/√3000 = 1.8 %; the two methods
	// differ by terms of 1/n.
	if ratio := float64(e.SE) / want["change_stacked"][1]; ratio < 0.9 || ratio > 1.15 {
		t.Errorf("the bootstrap's error is %v of the sandwich's", ratio)
	}
	two := sixtyChange
	two.Arm, two.Reference = "program", "usual"
	within := pick(t, askIndirect(t, MAIC, sixty(t, true, nil), two, set), "within_matched", "program")
	if ratio := float64(within.SE) / want["anchored_stacked"][1]; ratio < 0.9 || ratio > 1.2 {
		t.Errorf("anchored, the bootstrap's error is %v of the sandwich's", ratio)
	}
	// Two of weight 1 and one of 3: 3 patients, (1+1+3)²/(1+1+9) effective ones.
	if w, n := []float64{1, 3, 7}, []float64{2, 1, 0}; standFor(w, n, "n") != 3 || standFor(w, n, "ess") != 25.0/11 {
		t.Errorf("%v patients, %v effective", standFor(w, n, "n"), standFor(w, n, "ess"))
	}
	again := pick(t, askIndirect(t, MAIC, c, sixtyChange, set), "ours_matched", "all")
	q := sixtyChange
	q.Seed = 9
	other := pick(t, askIndirect(t, MAIC, c, q, set), "ours_matched", "all")
	if again.SE != e.SE || other.SE == e.SE {
		t.Errorf("errors %v, %v again, %v by another seed", e.SE, again.SE, other.SE)
	}
}

// A shift of a covariate and its target by 1e8, and of the outcome's unit, moves
// nothing that it should not.
func TestIndirectShiftAndScale(t *testing.T) {
	a := askIndirect(t, MAIC, sixty(t, false, nil), sixtyChange, sixtyTarget)
	shifted := sixty(t, false, func(row []string) {
		var x float64
		_, _ = fmt.Sscan(row[1], &x)
		row[1] = fmt.Sprintf("%.0f", x+1e8)
	})
	b := askIndirect(t, MAIC, shifted, sixtyChange, with(sixtyTarget, "target.age", "100000048"))
	for i, e := range a.Estimates {
		if f := b.Estimates[i]; math.Abs(float64(e.Value-f.Value)) > 1e-7 || e.SE.OK() && math.Abs(float64(e.SE-f.SE)) > 1e-7 {
			t.Errorf("%s: %v (%v), shifted %v (%v)", e.Term, e.Value, e.SE, f.Value, f.SE)
		}
	}
}

func TestIndirectHardData(t *testing.T) {
	c := sixty(t, false, nil)
	refused := func(what string, a *analysis.Analysis, c *datasets.Cohort, set map[string]string, is error, says string) {
		t.Helper()
		_, err := a.Run(t.Context(), analysis.Input{Cohort: c}, sixtyChange, set)
		if !errors.Is(err, is) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("an age that nobody has", MAIC, c, with(sixtyTarget, "target.age", "90"), analysis.ErrCannot, "mean of age 90 lies outside")
	refused("two aggregates that no weights meet together", MAIC, c, with(sixtyTarget, "target.age", "36", "target.age.sd", "14"), analysis.ErrCannot, "not together")
	refused("no aggregates", MAIC, c, map[string]string{"theirs.value": "1"}, analysis.ErrOptions, "target.NAME=VALUE")
	refused("an SD without its mean", MAIC, c, map[string]string{"theirs.value": "1", "target.age.sd": "3"}, analysis.ErrOptions, "needs the mean")
	refused("a share over 1", MAIC, c, with(sixtyTarget, "target.sick.off work", "60"), analysis.ErrOptions, "from 0 to 1")
	refused("shares over 1", MAIC, c, with(sixtyTarget, "target.sick.working", "0.41"), analysis.ErrOptions, "more than 1")
	every := with(sixtyTarget, "target.sick.working", "0.4")
	for term, a := range map[string]*analysis.Analysis{"difference_matched": MAIC, "difference_adjusted": STC} {
		all, some := pick(t, askIndirect(t, a, c, sixtyChange, every), term, "published"), pick(t, askIndirect(t, a, c, sixtyChange, sixtyTarget), term, "published")
		if math.Abs(float64(all.Value-some.Value)) > 1e-9 || math.Abs(float64(all.SE-some.SE)) > 1e-9 || warned(all, WarnExtrapola) {
			t.Errorf("%s with every level: %v (%v), with all but one %v (%v): %+v", term, all.Value, all.SE, some.Value, some.SE, all.Warnings)
		}
	}
	refused("a level that is not there", MAIC, c, with(sixtyTarget, "target.sick.retired", "0.1"), analysis.ErrOptions, "off work, working")
	refused("no figure", MAIC, c, map[string]string{"target.age": "48"}, analysis.ErrOptions, "theirs.value")
	refused("an arm not chosen", MAIC, c, map[string]string{"target.age": "48", "comparator": "fairbank-2005"}, analysis.ErrOptions, "fusion, rehabilitation")
	refused("times without curve", MAIC, c, with(sixtyTarget, "measure", "time"), analysis.ErrCannot, "time and event")
	refused("logit of a mean", STC, c, with(sixtyTarget, "link", "logit"), analysis.ErrOptions, "for a share")

	one := c.Select(firstOnly(c), "one patient")
	refused("one patient", MAIC, one, sixtyTarget, analysis.ErrCannot, "convex hull")
	refused("a model of one patient", STC, one, sixtyTarget, analysis.ErrCannot, "too few")

	gap := sixty(t, false, func(row []string) {
		if row[0] <= "19" {
			row[1] = ""
		}
	})
	e := pick(t, askIndirect(t, MAIC, gap, sixtyChange, sixtyTarget), "difference_matched", "published")
	if m, ok := has(e, analysis.WarnExcluded); !ok || !strings.Contains(m, fmt.Sprintf("%d patients", e.N.Missing)) || e.N.Arm+e.N.Missing != 60 || e.N.Missing == 0 {
		t.Errorf("patients without an age: %+v %q", e.N, m)
	}
	same := sixty(t, false, func(row []string) { row[1] = "50" })
	at := map[string]string{"target.age": "50", "target.sick.off work": "0.6", "theirs.value": "-1", "theirs.se": "0.2"}
	pick(t, askIndirect(t, MAIC, same, sixtyChange, at), "difference_matched", "published")
	refused("a constant that is another", MAIC, same, with(at, "target.age", "51"), analysis.ErrCannot, "mean of age 51")
	if e := pick(t, askIndirect(t, STC, same, sixtyChange, with(at, "target.age", "51")), "difference_adjusted", "published"); len(e.Warnings) == 0 || !warned(e, WarnExtrapola) {
		t.Errorf("a model of a constant: %+v", e.Warnings)
	}
	flat := sixty(t, false, func(row []string) { row[4], row[5] = "5", "4" })
	if e := pick(t, askIndirect(t, MAIC, flat, sixtyChange, sixtyTarget), "difference_matched", "published"); e.Value != 0 || e.SE.OK() || !warned(e, analysis.WarnNoVariance) {
		t.Errorf("one value of all: %+v", e)
	}
	few := pick(t, askIndirect(t, MAIC, c, sixtyChange, with(sixtyTarget, "target.age", "64", "covariates", "age", "target.age.sd", "1")), "difference_matched", "published")
	if !warned(few, WarnESS) {
		t.Errorf("a tiny effective size goes without a word: %+v", few.Warnings)
	}
	if warned(e, WarnESS) {
		t.Error("an effective size of 50 is warned of")
	}
	lacks := pick(t, askIndirect(t, MAIC, c, sixtyChange, with(sixtyTarget, "covariates", "age,arm")), "difference_matched", "published")
	if m, ok := has(lacks, WarnUnmatched); !ok || !strings.Contains(m, "no aggregate of arm") {
		t.Errorf("a covariate without an aggregate: %q", m)
	}
	bare := with(sixtyTarget)
	delete(bare, "theirs.se")
	if e := pick(t, askIndirect(t, MAIC, c, sixtyChange, bare), "difference_matched", "published"); e.SE.OK() || e.CI.Low.OK() || !warned(e, WarnOneSided) {
		t.Errorf("a published figure without error: %+v", e)
	}
}

func warned(e analysis.Estimate, code string) bool { _, ok := has(e, code); return ok }

func firstOnly(c *datasets.Cohort) []bool {
	keep := make([]bool, c.Patients())
	keep[0] = true
	return keep
}

// Beside published figures as they are, too.
func TestPublishedIsLoud(t *testing.T) {
	r, err := Published.Run(t.Context(), analysis.Input{}, analysis.Question{Level: 0.95}, map[string]string{"source": "given", "ours_events": "30", "ours_n": "60", "comparators": "nguyen-2011"})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Estimates {
		_, loud := has(e, WarnPayer)
		if loud != (e.Term != TermOurs) {
			t.Errorf("%s %s: loud is %t", e.Term, e.Arm, loud)
		}
	}
}

// Payer and work before treatment are loud where they differ or are not known, at every
// number that compares, and silent where they agree; the numbers are those of the
// published entries.
func TestLoudWarnings(t *testing.T) {
	c := sixty(t, false, nil)
	for _, x := range []struct {
		payer, work string
		codes       string
	}{
		{"workers-compensation", "off work", ""},
		{"national-insurance", "off work", WarnPayer},
		{"workers-compensation", "employed", WarnWorkAbsence},
		{"", "", WarnPayer + " " + WarnWorkAbsence},
	} {
		set := with(sixtyTarget, "theirs.payer", x.payer, "theirs.work_before", x.work)
		for _, a := range []*analysis.Analysis{MAIC, STC} {
			for _, e := range askIndirect(t, a, c, sixtyChange, set).Estimates {
				var codes []string
				for _, w := range e.Warnings {
					if w.Code == WarnPayer || w.Code == WarnWorkAbsence {
						codes = append(codes, w.Code)
						for _, s := range []string{"26-36 % after lumbar fusion under workers' compensation", "76 % after disc surgery", "99 % of those", "40 % of those", "82 % after elective"} {
							if said := strings.Contains(w.Message, s); said != (len(codes) == 1) { // in the first of the two
								t.Errorf("the warning has %q: %t: %s", s, said, w.Message)
							}
						}
					}
				}
				want := x.codes
				if e.Reference == "" && e.Term != TermPublished {
					want = ""
				}
				if got := strings.Join(codes, " "); got != want {
					t.Errorf("%s %s, payer %q, work %q: %q, want %q", a.Name, e.Term, x.payer, x.work, got, want)
				}
			}
		}
	}
}

// A disability share is never one minus a share back at work, nor a claim a figure.
func TestNoComplementAsReturnToWork(t *testing.T) {
	c := sixty(t, false, nil)
	set := map[string]string{"target.age": "48", "column": "work", "measure": "share", "working": "working"}
	for id, says := range map[string]string{"juratli-2006": "not one minus a return-to-work share", "franklin-1994": "not one minus", "claim-work-50": "no figure"} {
		_, err := MAIC.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{}, with(set, "comparator", id))
		if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), says) && !strings.Contains(err.Error(), "under test") {
			t.Errorf("%s: %v", id, err)
		}
	}
	_, err := MAIC.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{}, with(set, "theirs.events", "639", "theirs.n", "1000", "theirs.definition", "on-benefit"))
	if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), "disability share") {
		t.Errorf("given as on-benefit: %v", err)
	}
	// Nguyen counted: 188 of 725, and the two origins are told.
	r := askIndirect(t, MAIC, c, analysis.Question{}, with(set, "comparator", "nguyen-2011", "comparator_arm", "fusion"))
	if e := pick(t, r, TermPublished, "nguyen-2011"); e.N.Events != 188 || !warned(e, analysis.WarnTimeOrigin) {
		t.Errorf("%+v", e)
	}
}

// An entry's figure with an error that it does not print, chosen among several by time:
// the change of 36.1 - 44.8 in the ODI of Fairbank's rehabilitation arm.
func TestEntryWithAnErrorGiven(t *testing.T) {
	file := strings.NewReplacer("ARMROLE", "covariate", "ARMS\n", "", "instrument: nrs", "instrument: odi").Replace(sixtyFile)
	var p, v strings.Builder
	p.WriteString("id,age,sick,arm,work\n")
	v.WriteString("id,visit,pain\n")
	for i := range 40 {
		fmt.Fprintf(&p, "%d,%d,working,a,working\n", i, 40+i%9)
		fmt.Fprintf(&v, "%d,b,%d\n%d,f,%d\n", i, 20+i*7%53, i, 10+i*3%41)
	}
	c := analysistest.Cohort(t, file, map[string]string{"people.csv": p.String(), "visits.csv": v.String()})
	set := map[string]string{"comparator": "fairbank-2005", "comparator_arm": "rehabilitation"}
	bare := pick(t, askIndirect(t, MAIC, c, sixtyChange, set), "difference_matched", "fairbank-2005")
	r := askIndirect(t, MAIC, c, sixtyChange, with(set, "theirs.se", "1.5", "theirs.horizon", "24 months after randomisation"))
	own, d := pick(t, r, "ours_matched", "all"), pick(t, r, "difference_matched", "fairbank-2005")
	near(t, "difference", d.Value, float64(own.Value)-(36.1-44.8), 1e-9)
	near(t, "error", d.SE, math.Hypot(float64(own.SE), 1.5), 1e-9)
	if bare.SE.OK() || bare.Value != d.Value {
		t.Errorf("without an error given: %+v", bare)
	}
	// The entry's mean and SD at entry are matched without being asked for.
	for _, row := range r.Tables[0].Rows {
		if want := map[string]float64{"mean": 44.8, "sd": 14.8}[row[2].Text]; math.Abs(float64(row[4].Num)-want) > 1e-7 || row[7].Text != "fairbank-2005" {
			t.Errorf("aggregate %v", row)
		}
	}
	for _, more := range [][]string{{"theirs.se", "0"}, {"theirs.horizon", "9 years"}, {"theirs.sd", "3"}, {"theirs.value", "3"}} {
		if _, err := MAIC.Run(t.Context(), analysis.Input{Cohort: c}, sixtyChange, with(set, more...)); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%v: %v", more, err)
		}
	}
}

// By hand: -4.1 (-8.1 to -0.1) has the error 8/3.919928 = 2.040854; with 1.1 and 3.6
// the difference is -5.2 with √(4.165085 + 12.96) = 4.138247, and 1.959964 times that is
// 8.110815. Ratios 2 and 0.5 with errors of 0.3 and 0.4: 4, exp(± 1.959964 × 0.5).
func TestBucherByHand(t *testing.T) {
	r := askIndirect(t, Bucher, nil, analysis.Question{}, map[string]string{"first_value": "-4.1", "first_low": "-8.1", "first_high": "-0.1", "second_value": "1.1", "second_se": "3.6"})
	d := analysistest.Find(t, r, "difference", "")
	near(t, "difference", d.Value, -5.2, 1e-12)
	near(t, "error", d.SE, 4.138247, 1e-6)
	near(t, "low", d.CI.Low, -13.310815, 2e-6)
	near(t, "high", d.CI.High, 2.910815, 2e-6)
	r = askIndirect(t, Bucher, nil, analysis.Question{}, map[string]string{"scale": "ratio", "first_value": "2", "first_se": "0.3", "second_value": "0.5", "second_se": "0.4"})
	d = analysistest.Find(t, r, "ratio", "")
	near(t, "ratio", d.Value, 4, 1e-12)
	near(t, "low", d.CI.Low, 4*math.Exp(-0.5*1.959963984540054), 1e-9)
	r = askIndirect(t, Bucher, nil, analysis.Question{}, map[string]string{"first": "fairbank-2005/fusion", "second": "brox-2010/fusion", "instrument": "odi"})
	d = analysistest.Find(t, r, "difference", "")
	near(t, "entries", d.Value, -4.1-1.1, 1e-12)
	if len(r.Tables) != 1 || !warned(d, WarnWorkAbsence) || warned(d, WarnPayer) {
		t.Errorf("case mix of two entries: %d tables, %+v", len(r.Tables), d.Warnings)
	}
	for _, set := range []map[string]string{
		{},
		{"first_value": "1", "first_se": "0", "second_value": "1", "second_se": "1"},
		{"first_value": "1", "first_low": "2", "first_high": "3", "second_value": "1", "second_se": "1"},
		{"scale": "ratio", "first_value": "-1", "first_se": "1", "second_value": "1", "second_se": "1"},
		{"first": "nobody", "second_value": "1", "second_se": "1"},
		{"first": "brox-2010", "second_value": "1", "second_se": "1"},
		{"first": "brox-2010/fusion", "second": "sport-idh-2008", "instrument": "odi"}, // against rehabilitation and usual care
	} {
		if _, err := Bucher.Run(t.Context(), analysis.Input{}, analysis.Question{}, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%v: %v", set, err)
		}
	}
}

// Two populations in which the outcome falls with x, of mean 0 in ours and 1 in theirs,
// and our treatment adds 1: y = 1 - 2x + e against y = -2x + e. The naive difference is
// 1 + 2 = 3. In 240 pairs of 120 and 200 patients the mean of the estimates is within
// 4.4 of its standard errors of 1 (a false failure in 100,000) and at least 216 intervals
// hold 1: were each to hold it with 0.95, fewer would in one of 2,000; the published error
// is taken as independent of the published means, so intervals hold it more often.
func TestIndirectRecovery(t *testing.T) {
	const reps = 240
	hold, sum, square := map[string]int{}, map[string]float64{}, map[string]float64{}
	for rep := range reps {
		s := stream.New(uint64(rep), "indirect").Cursor()
		var p, v strings.Builder
		p.WriteString("id,age,sick,arm,work\n")
		v.WriteString("id,visit,pain\n")
		for i := range 120 {
			x := s.Norm()
			fmt.Fprintf(&p, "%d,%.6f,working,a,working\n", i, x)
			fmt.Fprintf(&v, "%d,b,0\n%d,f,%.6f\n", i, i, 1-2*x+s.Norm())
		}
		var mx, sx, my, sy float64
		const n = 200
		for range n {
			x := 1 + 0.8*s.Norm()
			y := -2*x + s.Norm()
			mx, sx, my, sy = mx+x/n, sx+x*x/n, my+y/n, sy+y*y/n
		}
		file := strings.NewReplacer("ARMROLE", "covariate", "ARMS\n", "", ", instrument: nrs", "").Replace(sixtyFile)
		c := analysistest.Cohort(t, file, map[string]string{"people.csv": p.String(), "visits.csv": v.String()})
		set := map[string]string{
			"measure": "mean", "target.age": fmt.Sprint(mx), "target.age.sd": fmt.Sprint(math.Sqrt(sx - mx*mx)),
			"theirs.value": fmt.Sprint(my), "theirs.sd": fmt.Sprint(math.Sqrt((sy - my*my) * n / (n - 1))), "theirs.n": fmt.Sprint(n),
		}
		for _, x := range []struct {
			a    *analysis.Analysis
			term string
		}{{MAIC, "difference_matched"}, {STC, "difference_adjusted"}, {MAIC, "difference_unadjusted"}} {
			r, err := x.a.Run(t.Context(), analysis.Input{Cohort: c}, sixtyChange, set)
			if err != nil {
				t.Fatal(err)
			}
			e := analysistest.Find(t, r, x.term, "")
			sum[x.term] += float64(e.Value) - 1
			square[x.term] += (float64(e.Value) - 1) * (float64(e.Value) - 1)
			if e.CI.Low <= 1 && e.CI.High >= 1 {
				hold[x.term]++
			}
		}
	}
	for _, term := range []string{"difference_matched", "difference_adjusted"} {
		mean := sum[term] / reps
		se := math.Sqrt((square[term]/reps - mean*mean) / reps)
		if math.Abs(mean) > 4.4*se || hold[term] < 216 {
			t.Errorf("%s: off by %.3f (error %.3f), %d of %d intervals hold the truth", term, mean, se, hold[term], reps)
		}
	}
	if naive := sum["difference_unadjusted"] / reps; math.Abs(naive-2) > 0.2 || hold["difference_unadjusted"] > 5 {
		t.Errorf("the naive difference is off by %v and held by %d: the test shows nothing", naive, hold["difference_unadjusted"])
	}
}

// What an interval says of a claim, by hand.
func TestJudge(t *testing.T) {
	share := func(low, high float64) analysis.Estimate {
		e := analysis.NewEstimate("x", analysis.ScaleProportion)
		e.Value, e.CI = analysis.Num((low+high)/2), analysis.NewInterval("Wilson", low, high, 0.95)
		return e
	}
	change := func(low, high float64) analysis.Estimate {
		e := share(low, high)
		e.Scale = analysis.ScalePercent
		return e
	}
	half := published.Result{Measure: published.Proportion, Value: 50}
	most := published.Result{Measure: published.Range, Low: 50, High: 100, Value: math.NaN()}
	less := published.Result{Measure: published.PercentChange, Value: -40}
	for _, x := range []struct {
		claim   published.Result
		e       analysis.Estimate
		verdict string
		says    string
	}{
		{half, share(0.2, 0.3), VerdictUnder, "20 to 30 %, lies under the claimed 50 %"},
		{half, share(0.45, 0.55), VerdictHolds, "holds the claimed 50 %"},
		{half, share(0.6, 0.7), VerdictOver, "lies over"},
		{most, share(0.6, 0.7), VerdictInside, "within the claimed 50 to 100 %"},
		{most, share(0.4, 0.7), VerdictHolds, "neither borne out nor ruled out"},
		{most, share(0.1, 0.2), VerdictUnder, "lies under"},
		{less, change(-30, -20), VerdictUnder, "20 to 30 % less, lies under the claimed 40 % less"},
		{less, change(-60, -50), VerdictOver, "50 to 60 % less, lies over"},
		{less, change(-45, -35), VerdictHolds, "35 to 45 % less"},
		{half, analysis.NewEstimate("x", analysis.ScaleProportion), VerdictOpen, "no interval"},
	} {
		if j := Judge(x.claim, x.e, false); j.Verdict != x.verdict || !strings.Contains(j.Words, x.says) {
			t.Errorf("%v %v: %s, %q; want %s", x.claim.Measure, x.e.CI, j.Verdict, j.Words, x.verdict)
		}
	}
	if j := Judge(half, share(0.2, 0.3), true); !strings.Contains(j.Words, "not a test of it") {
		t.Errorf("a claim about others: %q", j.Words)
	}
}

// Fair where all that decides agrees, unknown where a side is silent, unfair where one
// differs; a complement is never fair.
func TestFairness(t *testing.T) {
	c := sixty(t, false, nil)
	e, _ := published.Find("nguyen-2011")
	at, _ := published.ParseHorizon("2 years after surgery")
	fusion := e.Results[0]
	f := FairBeside(c, nil, "within-2-years", at, e, fusion)
	if f.Fair != UnknownComparison || !strings.Contains(f.Words, "work before") {
		t.Errorf("%+v", f)
	}
	e.WorkBefore = "off work"
	if f = FairBeside(c, nil, "within-2-years", at, e, fusion); f.Fair != FairComparison {
		t.Errorf("%+v", f)
	}
	if f = FairBeside(c, nil, "any-work", at, e, fusion); f.Fair != UnfairComparison || !strings.Contains(f.Words, "definition (ours any-work, theirs within-2-years)") {
		t.Errorf("%+v", f)
	}
	j, _ := published.Find("juratli-2006")
	if f = FairBeside(c, nil, "off-benefit", at, j, j.Results[1]); f.Fair != UnfairComparison || !strings.Contains(f.Words, "disability share") {
		t.Errorf("%+v", f)
	}
}

// Shares of two populations, x ~ N(0, 1) in ours and N(1, 0.8²) in theirs, P(y) =
// logistic(x - 0.5), 0.8 more with our treatment. Matching means and SDs makes a normal
// population of a normal one, so that both methods aim at the true difference of the
// shares in theirs, an integral. Bounds as in TestIndirectRecovery; plug-in is off, since
// a share at the mean is no mean share.
func TestIndirectRecoveryOfShares(t *testing.T) {
	const reps, n = 200, 400
	p := func(x, shift float64) float64 { return 1 / (1 + math.Exp(0.5-x-shift)) }
	truth, plug := 0.0, p(1, 0.8)-p(1, 0)
	for i := range 4000 {
		z := -6 + 12*(float64(i)+0.5)/4000
		truth += (p(1+0.8*z, 0.8) - p(1+0.8*z, 0)) * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * 12 / 4000
	}
	type run struct {
		a    *analysis.Analysis
		term string
		set  map[string]string
	}
	runs := []run{{MAIC, "difference_matched", nil}, {STC, "difference_adjusted", nil}, {STC, "ours_adjusted", map[string]string{"standardise": "plug-in"}}}
	hold, sum, square := make([]int, 3), make([]float64, 3), make([]float64, 3)
	for rep := range reps {
		s := stream.New(uint64(rep), "indirect shares").Cursor()
		var people strings.Builder
		people.WriteString("id,age,sick,arm,work\n")
		for i := range 200 {
			x, word := s.Norm(), "no"
			if s.Float64() < p(x, 0.8) {
				word = "working"
			}
			fmt.Fprintf(&people, "%d,%.6f,working,a,%s\n", i, x, word)
		}
		var mx, sx float64
		events := 0
		for range n {
			x := 1 + 0.8*s.Norm()
			if mx, sx = mx+x/n, sx+x*x/n; s.Float64() < p(x, 0) {
				events++
			}
		}
		file := strings.NewReplacer("ARMROLE", "covariate", "ARMS\n", "").Replace(sixtyFile)
		c := analysistest.Cohort(t, file, map[string]string{"people.csv": people.String(), "visits.csv": "id,visit,pain\n0,b,5\n"})
		set := map[string]string{"column": "work", "measure": "share", "working": "working", "target.age": fmt.Sprint(mx), "target.age.sd": fmt.Sprint(math.Sqrt(sx - mx*mx)), "theirs.events": fmt.Sprint(events), "theirs.n": fmt.Sprint(n)}
		for k, x := range runs {
			for key, v := range x.set {
				set[key] = v
			}
			if x.a == STC {
				set["draws"] = "512"
			}
			r, err := x.a.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{}, set)
			if err != nil {
				t.Fatal(err)
			}
			e := analysistest.Find(t, r, x.term, "")
			off := float64(e.Value) - truth
			sum[k], square[k] = sum[k]+off/reps, square[k]+off*off/reps
			if e.CI.Low <= analysis.Num(truth) && e.CI.High >= analysis.Num(truth) {
				hold[k]++
			}
		}
	}
	for k, x := range runs[:2] {
		se := math.Sqrt((square[k] - sum[k]*sum[k]) / reps)
		if math.Abs(sum[k]) > 4.4*se || hold[k] < 178 {
			t.Errorf("%s: off by %.4f (error %.4f), %d of %d intervals hold the truth", x.a.Name, sum[k], se, hold[k], reps)
		}
	}
	if far := sum[2] + truth - p(1, 0.8); math.Abs(far) > 0.02 || math.Abs(plug-truth) < 0.005 {
		t.Errorf("plug-in is %.4f from the share at the mean, which differs by %.4f", far, plug-truth)
	}
}
