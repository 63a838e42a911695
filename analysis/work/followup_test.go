package work_test

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/work"
	"recoup/datasets"
)

const followupYAML = `name: f
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate}
        - {name: payer, type: string, role: payer}
        - {name: site, type: string, role: site}
  - name: followup
    path: followup.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: time, unit: days}
        - {name: event, type: string, role: event, categories: [lost, retired, returned]}
arms:
  - {value: control}
  - {value: day}
  - {value: full}
`

// followup is the cohort of testdata/followup.R with its reference numbers.
func followup(t *testing.T) (analysis.Input, analysistest.Reference) {
	t.Helper()
	b, err := os.ReadFile("testdata/followup.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows := analysistest.Rows(t, string(b))
	columns := func(from ...int) string {
		var out [][]string
		for _, r := range rows {
			var row []string
			for _, j := range from {
				row = append(row, r[j])
			}
			out = append(out, row)
		}
		return analysistest.Write(out)
	}
	return cohort(t, map[string]string{"cohort.yaml": followupYAML, "patients.csv": columns(0, 1, 2, 3, 4), "followup.csv": columns(0, 5, 6)}), analysistest.ReadReference(t, "testdata/followup.json")
}

func answer(t *testing.T, a *analysis.Analysis, in analysis.Input, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := a.Run(context.Background(), in, q, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, a, r)
	return r
}

// withArm returns the estimate of a term, arm and visit.
func withArm(t *testing.T, r analysis.Result, term, arm, visit string) analysis.Estimate {
	t.Helper()
	for _, e := range r.Estimates {
		if e.Term == term && e.Arm == arm && e.Visit == visit {
			return e
		}
	}
	t.Fatalf("no estimate %s %s %s", term, arm, visit)
	return analysis.Estimate{}
}

func TestCoxAgainstSurvival(t *testing.T) {
	in, want := followup(t)
	const tol = 1e-9
	set := map[string]string{"covariates": "age,payer"}
	r := answer(t, work.CoxAnalysis, in, analysis.Question{}, set)
	ratios := func(r analysis.Result) (out []analysis.Estimate) {
		for _, e := range r.Estimates {
			if strings.HasPrefix(e.Term, "hazard_ratio") {
				out = append(out, e)
			}
		}
		return out
	}
	logs := func(name string, errors string, r analysis.Result) {
		t.Helper()
		for j, e := range ratios(r) {
			want.Near(t, name, j, analysis.Num(math.Log(float64(e.Value))), tol)
			if errors != "" {
				want.Near(t, errors, j, e.SE, tol)
			}
		}
	}
	logs("coef", "se", r)
	first := ratios(r)[0]
	if first.Arm != "day" || first.Reference != "control" || ratios(r)[4].Term != "hazard_ratio of payer: worker" {
		t.Errorf("terms %+v", ratios(r))
	}
	low := math.Exp(want["coef"][0] - 1.959963984540054*want["se"][0])
	near(t, "low", first.CI.Low, low)
	for i, term := range []string{"likelihood_ratio", "wald", "score"} {
		want.Near(t, "tests", i, analysistest.Find(t, r, term, "").Statistic, 1e-7)
	}
	for i, name := range []string{"day", "full", "age", "payer: state", "payer: worker"} {
		want.Near(t, "zph", i, analysistest.Find(t, r, "proportional_hazards of "+name, "").Value, 1e-8)
	}
	want.Near(t, "zph", 5, analysistest.Find(t, r, "proportional_hazards_all", "").Value, 1e-8)
	k := analysistest.Find(t, r, "concordance", "")
	want.Near(t, "concordance", 0, k.Value, tol)
	want.Near(t, "concordance", 1, k.SE, tol)
	for i, arm := range []string{"control", "day", "full"} {
		e := withArm(t, r, "returned_adjusted", arm, "day 182")
		for name, got := range map[string]analysis.Num{"adjusted": e.Value, "adjusted_se": e.SE, "adjusted_low": e.CI.Low, "adjusted_high": e.CI.High} {
			want.Near(t, name, i, got, tol)
		}
	}
	with := func(key, value string) analysis.Result {
		return answer(t, work.CoxAnalysis, in, analysis.Question{}, map[string]string{"covariates": "age,payer", key: value})
	}
	logs("breslow", "", with("ties", "breslow"))
	logs("exact", "", with("ties", "exact"))
	logs("coef", "robust", with("errors", "robust"))
	logs("coef", "cluster", with("errors", "cluster"))
	want.Near(t, "zph_log", 2, analysistest.Find(t, with("clock", "log"), "proportional_hazards of age", "").Value, 1e-8)
	logs("strata", "", answer(t, work.CoxAnalysis, in, analysis.Question{}, map[string]string{"covariates": "age", "strata": "payer"}))
	// An arm against a reference is the other way round the ratio of the reference.
	two := answer(t, work.CoxAnalysis, in, analysis.Question{Arm: "full", Reference: "control"}, nil)
	back := answer(t, work.CoxAnalysis, in, analysis.Question{Arm: "control", Reference: "full"}, nil)
	near(t, "turned round", analysistest.Find(t, two, "hazard_ratio", "full").Value, 1/float64(analysistest.Find(t, back, "hazard_ratio", "control").Value))
}

// Covariates that change at visits, by counting process: testdata/changing.R. A patient
// without a value before the end of the time is left out and counted.
func TestChangingAgainstSurvival(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var patients, times strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(read("followup.csv")), "\n") {
		c := strings.Split(line, ",")
		w := "w"
		if i > 0 {
			w = []string{"3", "1", "2"}[i%3]
		}
		patients.WriteString(strings.Join(append(c[:5:5], w), ",") + "\n")
		times.WriteString(c[0] + "," + c[5] + "," + c[6] + "\n")
	}
	yaml := strings.Replace(followupYAML, "{name: site, type: string, role: site}", "{name: site, type: string, role: site}\n        - {name: w, type: number, role: covariate}", 1)
	yaml = strings.Replace(yaml, "arms:", `  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, unit: points}
visits:
  - {value: w0, week: 0, role: baseline}
  - {value: w12, week: 12}
  - {value: w4, week: 4}
  - {value: w26, week: 26}
arms:`, 1)
	in := cohort(t, map[string]string{"cohort.yaml": yaml, "patients.csv": patients.String(), "followup.csv": times.String(), "visits.csv": read("changing.csv")})
	want := analysistest.ReadReference(t, "testdata/changing.json")
	run := func(key, value string) analysis.Result {
		set := map[string]string{"covariates": "age", "changing": "pain"}
		if key != "" {
			set[key] = value
		}
		return answer(t, work.CoxAnalysis, in, analysis.Question{}, set)
	}
	logs := func(coef, se string, r analysis.Result) {
		t.Helper()
		j := 0
		for _, e := range r.Estimates {
			if strings.HasPrefix(e.Term, "hazard_ratio") {
				want.Near(t, coef, j, analysis.Num(math.Log(float64(e.Value))), 1e-9)
				want.Near(t, se, j, e.SE, 1e-9)
				j++
			}
		}
		if j != 4 {
			t.Errorf("%d ratios", j)
		}
	}
	r := run("", "")
	logs("coef", "se", r)
	logs("coef", "robust", run("errors", "robust"))
	logs("coef", "cluster", run("errors", "cluster"))
	logs("weighted", "weighted_se", run("weights", "w"))
	for i, name := range []string{"day", "full", "age", "pain"} {
		want.Near(t, "zph", i, analysistest.Find(t, r, "proportional_hazards of "+name, "").Value, 1e-8)
	}
	want.Near(t, "concordance", 0, analysistest.Find(t, r, "concordance", "").Value, 1e-10)
	e := analysistest.Find(t, r, "hazard_ratio of pain", "")
	if float64(e.N.Arm) != want["n"][0] || float64(e.N.Events) != want["n"][1] || e.N.Missing != 240-e.N.Arm {
		t.Errorf("counts %+v, want %v of 240", e.N, want["n"])
	}
	for _, s := range r.Series {
		t.Errorf("an adjusted curve %s, of which there is none for values to come", s.Name)
	}
	for key, value := range map[string]string{"changing": "age", "weights": "nobody", "ties": "exact"} {
		set := map[string]string{"changing": "pain", "weights": "w", key: value}
		if _, err := work.CoxAnalysis.Run(t.Context(), in, analysis.Question{}, set); !errors.Is(err, analysis.ErrOptions) && !errors.Is(err, datasets.ErrUnknownName) {
			t.Errorf("%s=%s: %v", key, value, err)
		}
	}
}

// Nobody of arm b returns: the ratio has no end, is null, and is said to.
func TestCoxSeparation(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": timesYAML, "times.csv": "id,arm,weeks,back\n1,a,3,1\n2,a,4,1\n3,a,5,1\n4,b,6,0\n5,b,7,0\n6,b,8,0\n"})
	r := answer(t, work.CoxAnalysis, in, analysis.Question{Arm: "b", Reference: "a"}, nil)
	e := analysistest.Find(t, r, "hazard_ratio", "b")
	if e.Value.OK() || !warned(e, analysis.WarnSeparation) {
		t.Errorf("separation: %+v", e)
	}
	if w := analysistest.Find(t, r, "wald", ""); w.Value.OK() {
		t.Errorf("wald %+v", w)
	}
	// At 3, 4 and 5 there are 6, 5 and 4 at risk, 3, 2 and 1 of them in a: log L is
	// -log 120 at 0 and goes to -log 6, so that twice the difference is 2 log 20.
	if lr := float64(analysistest.Find(t, r, "likelihood_ratio", "").Value); math.Abs(lr-2*math.Log(20)) > 1e-6 {
		t.Errorf("likelihood ratio %v", lr)
	}
	// Nobody at all.
	in = cohort(t, map[string]string{"cohort.yaml": timesYAML, "times.csv": "id,arm,weeks,back\n1,a,3,0\n2,b,4,0\n"})
	r = answer(t, work.CoxAnalysis, in, analysis.Question{Arm: "b", Reference: "a"}, nil)
	if e := analysistest.Find(t, r, "hazard_ratio", "b"); e.Value.OK() || !warned(e, analysis.WarnTooFew) {
		t.Errorf("no return: %+v", e)
	}
	_, err := work.CoxAnalysis.Run(context.Background(), in, analysis.Question{Arm: "b"}, nil)
	if !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("one arm without covariates: %v", err)
	}
}

func TestLogRankFamilyAgainstSurvival(t *testing.T) {
	in, want := followup(t)
	for rho, name := range map[string]string{"0": "rank_0", "0.5": "rank_0.5", "1": "rank_1"} {
		r := answer(t, work.LogRankAnalysis, in, analysis.Question{}, map[string]string{"weights": "fleming-harrington", "rho": rho})
		want.Near(t, name, 0, analysistest.Find(t, r, "test", "").Value, 1e-10)
		for i, arm := range []string{"control", "day", "full"} {
			near(t, arm, analysistest.Find(t, r, "observed_less_expected", arm).Value, want[name][1+i]-want[name][4+i])
		}
	}
	r := answer(t, work.LogRankAnalysis, in, analysis.Question{}, map[string]string{"weights": "fleming-harrington", "rho": "0.5", "strata": "payer"})
	want.Near(t, "rank_strata", 0, analysistest.Find(t, r, "test", "").Value, 1e-10)
	// With two arms the trend is the test.
	two := answer(t, work.LogRankAnalysis, in, analysis.Question{Arm: "full", Reference: "control"}, nil)
	if slices.ContainsFunc(two.Estimates, func(e analysis.Estimate) bool { return e.Term == "trend" }) {
		t.Error("a trend over two arms")
	}
	if _, err := work.LogRankAnalysis.Run(context.Background(), in, analysis.Question{}, map[string]string{"scores": "1,2"}); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("scores: %v", err)
	}
}

func TestCompetingAgainstSurvival(t *testing.T) {
	in, want := followup(t)
	r := answer(t, work.Competing, in, analysis.Question{}, map[string]string{"at": "182,5000"})
	for g, arm := range []string{"control", "day", "full"} {
		for k, cause := range []string{"return", "retired"} {
			e := withArm(t, r, "cumulative_incidence of "+cause, arm, "day 182")
			want.Near(t, "incidence", 3*k+g, e.Value, 1e-12)
			want.Near(t, "incidence_se", 3*k+g, e.SE, 1e-10)
		}
		e := withArm(t, r, "without_event", arm, "day 182")
		want.Near(t, "without", g, e.Value, 1e-12)
		want.Near(t, "without_se", g, e.SE, 1e-10)
	}
	if d := withArm(t, answer(t, work.Competing, in, analysis.Question{Arm: "full", Reference: "control"}, nil), "difference of return", "full", "day 182"); math.Abs(float64(d.Value)-(want["incidence"][2]-want["incidence"][0])) > 1e-12 {
		t.Errorf("difference %v", d.Value)
	}
	f := answer(t, work.FineGrayAnalysis, in, analysis.Question{}, map[string]string{"covariates": "age"})
	var ratios []analysis.Estimate
	for _, e := range f.Estimates {
		if strings.HasPrefix(e.Term, "cause_specific") {
			ratios = append(ratios, e)
		}
	}
	for j, e := range ratios {
		want.Near(t, "cause_specific", j, analysis.Num(math.Log(float64(e.Value))), 1e-9)
		want.Near(t, "cause_specific", 3+j, e.SE, 1e-9)
	}
	if _, err := work.FineGrayAnalysis.Run(context.Background(), in, analysis.Question{}, map[string]string{"cause": "lost"}); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("cause: %v", err)
	}
}

// From spells: 1 returns on day 10; 2 retires on day 5 and works from day 20, which no
// longer counts; 3 is off work to the end; 4 returns on day 3 and retires on day 30, when it no longer counts.
func TestCompetingFromSpells(t *testing.T) {
	in := cohort(t, map[string]string{
		"cohort.yaml": `name: s
resources:
  - name: spells
    path: spells.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: integer, role: start, unit: days}
        - {name: to, type: integer, role: end, unit: days}
        - {name: status, type: string, role: work_status, categories: [off work, working, retired]}
`,
		"spells.csv": "id,from,to,status\n1,0,9,off work\n1,10,50,working\n2,0,4,off work\n2,5,19,retired\n2,20,60,working\n3,0,40,off work\n4,0,2,off work\n4,3,29,working\n4,30,60,retired\n",
	})
	r := answer(t, work.Competing, in, analysis.Question{}, map[string]string{"at": "4,7,30"})
	for day, want := range map[string][]float64{"day 4": {1. / 4, 0}, "day 7": {1. / 4, 1. / 4}, "day 30": {2. / 4, 1. / 4}} {
		near(t, "return by "+day, withArm(t, r, "cumulative_incidence of return", "all", day).Value, want[0])
		near(t, "retired by "+day, withArm(t, r, "cumulative_incidence of leaving the work force", "all", day).Value, want[1])
	}
	if e := withArm(t, r, "cumulative_incidence of return", "all", "day 30"); e.N.Events != 2 {
		t.Errorf("events %+v", e.N)
	}
}

// A patient whose follow-up ends on the day of leaving the work force has left it.
func TestCompetingOnTheLastDay(t *testing.T) {
	in := cohort(t, map[string]string{
		"cohort.yaml": `name: s
resources:
  - name: spells
    path: spells.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: integer, role: start, unit: days}
        - {name: to, type: integer, role: end, unit: days}
        - {name: status, type: string, role: work_status, categories: [off work, working, retired]}
`,
		"spells.csv": "id,from,to,status\n1,0,9,off work\n1,10,10,retired\n2,0,40,off work\n",
	})
	r := answer(t, work.Competing, in, analysis.Question{}, map[string]string{"at": "10"})
	near(t, "retired", withArm(t, r, "cumulative_incidence of leaving the work force", "all", "day 10").Value, 1./2)
}

// Visits are read in the order of time, not of the cohort file: not working in week 4 and
// working in week 12 is between days 28 and 84, though week 12 is listed first.
func TestVisitsOutOfOrder(t *testing.T) {
	in := cohort(t, map[string]string{
		"cohort.yaml": `name: v
resources:
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: job, type: string, role: work_status, categories: [off work, working]}
visits:
  - {value: c, week: 12}
  - {value: a, week: 0, role: baseline}
  - {value: b, week: 4}
`,
		"visits.csv": "id,visit,job\n1,a,off work\n1,b,off work\n1,c,working\n2,a,off work\n2,b,off work\n2,c,off work\n",
	})
	r := answer(t, work.IntervalCensored, in, analysis.Question{}, map[string]string{"at": "28,84"})
	near(t, "at most by day 28", withArm(t, r, "returned_at_most", "all", "day 28").Value, 0)
	near(t, "at least by day 84", withArm(t, r, "returned_at_least", "all", "day 84").Value, 1./2)
}

// The logarithm of day 0 is none.
func TestLogClockOnDayZero(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": timesYAML, "times.csv": "id,arm,weeks,back\n1,a,0,1\n2,a,3,1\n3,a,5,0\n4,b,2,1\n5,b,4,1\n6,b,9,1\n"})
	for clock, ok := range map[string]bool{"log": false, "rank": true} {
		_, err := work.CoxAnalysis.Run(t.Context(), in, analysis.Question{Arm: "a", Reference: "b"}, map[string]string{"clock": clock})
		if ok != (err == nil) || !ok && !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("clock=%s: %v", clock, err)
		}
	}
}

// One of four returns on day 1: by the delta method of cmprsk the variance of 1/4 is
// (1 + 1/16 - 1/2)/9 = 1/16, by the infinitesimal jackknife (9+1+1+1)/256.
func TestVarianceOfIncidence(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": timesYAML, "times.csv": "id,arm,weeks,back\n1,a,1,1\n2,a,2,0\n3,a,3,0\n4,a,4,0\n"})
	for variance, want := range map[string]float64{"delta": 1. / 4, "jackknife": math.Sqrt(12) / 16} {
		r := answer(t, work.Competing, in, analysis.Question{Arm: "a"}, map[string]string{"at": "7", "variance": variance})
		near(t, variance, withArm(t, r, "cumulative_incidence of return", "a", "day 7").SE, want)
		if !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return strings.HasPrefix(w.Message, "no event competes") }) {
			t.Error("no warning that nothing competes")
		}
	}
}

// The first level is that which the cohort file declares first; a ratio against another
// level is turned round. A Weibull's hazard ratio is its time ratio to the power -1/scale.
func TestLevelsAndRatios(t *testing.T) {
	in, _ := followup(t)
	b, err := os.ReadFile("testdata/followup.csv")
	if err != nil {
		t.Fatal(err)
	}
	people, times := "id,arm,payer\n", "id,day,event\n"
	for _, r := range analysistest.Rows(t, string(b))[1:] {
		people += r[0] + "," + r[1] + "," + r[3] + "\n"
		times += r[0] + "," + r[5] + "," + r[6] + "\n"
	}
	yaml := strings.Replace(followupYAML, "{name: payer, type: string, role: payer}", "{name: payer, type: string, role: payer, categories: [worker, state, insurer]}", 1)
	yaml = strings.ReplaceAll(strings.ReplaceAll(yaml, "        - {name: age, type: number, role: covariate}\n", ""), "        - {name: site, type: string, role: site}\n", "")
	other := cohort(t, map[string]string{"cohort.yaml": yaml, "patients.csv": people, "followup.csv": times})
	set := map[string]string{"covariates": "payer"}
	a := analysistest.Find(t, answer(t, work.CoxAnalysis, in, analysis.Question{}, set), "hazard_ratio of payer: worker", "")
	z := analysistest.Find(t, answer(t, work.CoxAnalysis, other, analysis.Question{}, set), "hazard_ratio of payer: insurer", "")
	if d := float64(a.Value * z.Value); math.Abs(d-1) > 1e-9 {
		t.Errorf("levels: %v", d)
	}
	w := answer(t, work.ParametricAnalysis, in, analysis.Question{Arm: "full", Reference: "control"}, nil)
	tr, hr, scale := analysistest.Find(t, w, "time_ratio", "full"), analysistest.Find(t, w, "hazard_ratio", "full"), analysistest.Find(t, w, "scale", "")
	if want := math.Pow(float64(tr.Value), -1/float64(scale.Value)); math.Abs(float64(hr.Value)-want) > 1e-9 {
		t.Errorf("hazard ratio %v, want %v", hr.Value, want)
	}
	// By the delta method its z value is near that of the time ratio.
	if math.Abs(float64(hr.Statistic+tr.Statistic)) > 0.1 {
		t.Errorf("z values %v %v", hr.Statistic, tr.Statistic)
	}
}
