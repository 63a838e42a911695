package compare

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

const armsFile = `name: arms
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate}
        - {name: pain, type: number, role: covariate}
        - {name: site, type: string, role: covariate}
  - name: times
    path: times.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: time, type: number, role: time, unit: days}
        - {name: event, type: string, role: event}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: y, type: number, role: outcome}
        - {name: b, type: number, role: outcome}
arms: [{value: program}, {value: usual}]
visits: [{value: before, baseline: true}, {value: after, week: 52}]
`

// arms is the cohort of testdata/arms.csv, its lines as edit leaves them.
func arms(t *testing.T, edit func(row []string)) *datasets.Cohort {
	t.Helper()
	b, err := os.ReadFile("testdata/arms.csv")
	if err != nil {
		t.Fatal(err)
	}
	var patients, visits, times strings.Builder
	patients.WriteString("id,arm,age,pain,site\n")
	times.WriteString("id,time,event\n")
	visits.WriteString("id,visit,y,b\n")
	for _, r := range analysistest.Rows(t, string(b))[1:] {
		if edit != nil {
			edit(r)
		}
		fmt.Fprintf(&patients, "%s\n", strings.Join(r[:5], ","))
		fmt.Fprintf(&times, "%s,%s,%s\n", r[0], r[7], r[8])
		fmt.Fprintf(&visits, "%s,after,%s,%s\n", r[0], r[5], r[6])
	}
	return analysistest.Cohort(t, armsFile, map[string]string{"patients.csv": patients.String(), "visits.csv": visits.String(), "times.csv": times.String()})
}

// Weighted means and shares, restricted means and hazard ratios with errors that account
// for the score, entropy balancing, AIPW, TMLE and Firth's score against arms.R.
func TestArmsAgainstR(t *testing.T) {
	ref, c := analysistest.ReadReference(t, "testdata/arms.json"), arms(t, nil)
	checked := map[string]bool{}
	compare := func(name string, r analysis.Result, term string) analysis.Estimate {
		t.Helper()
		checked[name] = true
		e := analysistest.Find(t, r, term, "")
		value, se := float64(e.Value), float64(e.SE)
		if e.Scale == analysis.ScaleRatio {
			value, se = math.Log(value), se/value
		}
		ref.Near(t, name, 0, analysis.Num(value), 1e-7)
		ref.Near(t, name, 1, analysis.Num(se), 1e-6)
		return e
	}
	q := analysis.Question{Arm: "program", Reference: "usual", Visit: "after", Level: 0.95}
	base := []string{"covariates", "age,pain,site", "baseline", "false"}
	with := func(more ...string) []string { return append(append([]string(nil), base...), more...) }
	for _, target := range []string{"ate", "att", "atc", "ato"} {
		for outcome, k := range map[string][2]string{"y": {"weighted_", "adjusted_difference"}, "b": {"share_", "risk_difference"}} {
			q.Outcome = outcome
			compare(k[0]+target, ask(t, Weighted, c, q, with("target", target, "measure", "value")...), k[1])
		}
		q.Outcome = ""
		for _, ties := range []string{"efron", "breslow"} {
			r := ask(t, WeightedSurvival, c, q, with("target", target, "tau", "200", "ties", ties)...)
			compare(ties+"_"+target, r, "hazard_ratio")
			compare("rmst_"+target, r, "rmst_difference")
			known := ask(t, WeightedSurvival, c, q, with("target", target, "tau", "200", "ties", ties, "errors", "robust")...)
			ref.Near(t, "rmst_"+target, 2, analysistest.Find(t, known, "rmst_difference", "").SE, 1e-7)
			h := analysistest.Find(t, known, "hazard_ratio", "")
			ref.Near(t, ties+"_"+target, 2, h.SE/h.Value, 1e-6)
			compare("rmst_plain", r, "rmst_unadjusted")
		}
	}
	r := ask(t, WeightedSurvival, c, q, with("tau", "200", "errors", "robust", "target", "ate")...)
	compare("efron_plain", r, "hazard_ratio_unadjusted")
	for _, target := range []string{"ate", "att"} {
		q.Outcome = "y"
		compare("entropy_"+target, ask(t, Weighted, c, q, with("target", target, "measure", "value", "weights", "entropy")...), "adjusted_difference")
	}
	for outcome, prefix := range map[string]string{"y": "", "b": "binary_"} {
		q.Outcome = outcome
		for _, target := range []string{"ate", "att", "atc"} {
			for _, how := range []string{"weights", "covariate"} {
				r := ask(t, DoublyRobust, c, q, with("target", target, "measure", "value", "folds", "1", "bound", "0", "fluctuation", how)...)
				compare(prefix+"aipw_"+target, r, "aipw_difference")
				compare(prefix+"tmle_"+how+"_"+target, r, "tmle_difference")
			}
		}
	}
	checked["firth"], checked["firth_separated"], checked["tau"] = true, true, true
	for name, cohort := range map[string]*datasets.Cohort{"firth": c, "firth_separated": arms(t, func(r []string) {
		r[1] = map[bool]string{true: "program", false: "usual"}[r[2] > "52"]
	})} {
		s, err := readSample(analysis.Input{Cohort: cohort}, q, CovariateOptions{Covariates: []string{"age", "pain", "site"}, Missing: "complete"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := fitScore(s, "firth")
		if err != nil {
			t.Fatal(err)
		}
		for j, b := range p.coef {
			ref.Near(t, name, j, analysis.Num(b), 1e-7)
		}
	}
	for name := range ref {
		if !checked[name] {
			t.Errorf("nothing checks %s", name)
		}
	}
}

// Times 2, 3, 5 and 7 in the arm, the second censored; to 6 the curve is 1, 3/4 from 2,
// 3/8 from 5: mean 2 + 3·3/4 + 3/8 = 4.625. By hand the influence of the first, who has
// the event at 2: A(2) = 2.625, A(5) = 0.375; -(2.625/3 (1 - 1/4)) = -0.65625; of the
// second, at risk at 2: 2.625/3/4 = 0.21875; of the third 0.21875 - 0.375/1 (1 - 1/2) =
// 0.03125; of the last 0.21875 + 0.375/2 = 0.40625. They add up to 0.
func TestRestrictedMeanByHand(t *testing.T) {
	s := &sample{t: []float64{1, 1, 1, 1}, y: []float64{2, 3, 5, 7}, patient: []int{0, 1, 2, 3}, eventOf: []bool{true, false, true, true}, times: true}
	m := s.restricted([]float64{1, 1, 1, 1}, 1, 6)
	near(t, "mean", analysis.Num(m.value), 4.625, 1e-12)
	for i, want := range []float64{-0.65625, 0.21875, 0.03125, 0.40625} {
		near(t, fmt.Sprint("influence ", i), analysis.Num(m.influence[i]), want, 1e-12)
	}
	// Twice the weights, the same mean and the same influence.
	twice := s.restricted([]float64{2, 2, 2, 2}, 1, 6)
	near(t, "twice", analysis.Num(twice.value), 4.625, 1e-12)
	near(t, "twice, influence", analysis.Num(twice.influence[0]), -0.65625, 1e-12)
	// Followed to 7 alone: beyond it the curve has ended at 0, so that the mean to 9 is
	// that to 7: 4.625 + 3/8; were the last censored, there would be none.
	near(t, "beyond", analysis.Num(s.restricted([]float64{1, 1, 1, 1}, 1, 9).value), 5, 1e-12)
	s.eventOf[3] = false
	if v := s.restricted([]float64{1, 1, 1, 1}, 1, 9).value; !math.IsNaN(v) {
		t.Errorf("a mean beyond follow-up: %v", v)
	}
	none := &sample{t: []float64{1, 1}, y: []float64{3, 2}, patient: []int{0, 1}, eventOf: []bool{false, false}, times: true}
	if v := none.restricted([]float64{1, 1}, 1, 6).value; !math.IsNaN(v) {
		t.Errorf("a mean beyond follow-up without an event: %v", v)
	}
	near(t, "no event by then", analysis.Num(none.restricted([]float64{1, 1}, 1, 3).value), 3, 1e-12)
}

// Hard times: no event, events in one arm alone, a tau beyond follow-up.
func TestSurvivalOnHardData(t *testing.T) {
	q := analysis.Question{Arm: "program", Reference: "usual", Level: 0.95}
	set := []string{"covariates", "age", "baseline", "false"}
	none := func(r []string) { r[8] = "0" }
	for name, k := range map[string]struct {
		edit func(r []string)
		more []string
		term string
	}{
		"no event":          {none, nil, "hazard_ratio"},
		"no event, mean":    {none, nil, ""},
		"events in one arm": {func(r []string) { r[8] = map[bool]string{true: "0", false: "1"}[r[1] == "usual"] }, nil, "hazard_ratio"},
		"late tau":          {nil, []string{"tau", "100000"}, "rmst_difference"},
	} {
		edit := k.edit
		if name[:2] == "no" { // a level must occur
			edit = func(r []string) {
				if none(r); r[0] == "P001" {
					r[8], r[2] = "1", ""
				}
			}
		}
		r := ask(t, WeightedSurvival, arms(t, edit), q, append(append([]string(nil), set...), k.more...)...)
		if k.term == "" {
			if e := analysistest.Find(t, r, "rmst_difference", ""); e.SE.OK() {
				t.Errorf("%s: %v", name, e)
			}
			continue
		}
		if e := analysistest.Find(t, r, k.term, ""); e.Value.OK() || len(e.Warnings) == 0 {
			t.Errorf("%s: %v %v", name, e.Value, e.Warnings)
		}
	}
	for _, bad := range [][]string{{"tau", "-1"}, {"event", "nothing"}} {
		_, err := WeightedSurvival.Run(t.Context(), analysis.Input{Cohort: arms(t, nil)}, q, map[string]string{"covariates": "age", bad[0]: bad[1]})
		if err == nil {
			t.Errorf("%v is not refused", bad)
		}
	}
}

// An arm whose patients had to wait a hundred days without the event is found, and an
// arm like any other is not.
func TestImmortalTimeIsFound(t *testing.T) {
	q := analysis.Question{Arm: "program", Reference: "usual", Level: 0.95}
	codes := func(edit func(r []string)) map[string]bool {
		out := map[string]bool{}
		for _, w := range ask(t, WeightedSurvival, arms(t, edit), q, "covariates", "age", "baseline", "false").Warnings {
			out[w.Code] = true
		}
		return out
	}
	days := func(shift float64) func(r []string) {
		return func(r []string) {
			v, err := strconv.ParseFloat(r[7], 64)
			if err != nil {
				t.Fatal(err)
			}
			if r[1] == "program" {
				r[7] = fmt.Sprint(v + shift)
			}
		}
	}
	if codes(days(-30))[WarnImmortal] { // the file's arm begins 30 days after the reference
		t.Error("immortal time where there is none")
	}
	if !codes(days(70))[WarnImmortal] || !codes(nil)[WarnImmortal] {
		t.Error("immortal time is not found")
	}
}

const clocksFile = `name: clocks
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate}
        - {name: referred, type: integer, role: referred}
        - {name: admitted, type: integer, role: admitted}
        - {name: completed, type: boolean, role: completed}
  - name: visits
    path: visits.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: day, type: integer, role: day}
        - {name: pain, type: number, role: outcome}
arms: [{value: a}, {value: r}]
visits: [{value: b, baseline: true}, {value: f, week: 12}]
`

// Every check of time zero by a cohort that has just that fault: arms of 20, the arm's
// wait, day of visit, completion and admissions as given, and how many never began.
func TestTimeZeroIsChecked(t *testing.T) {
	type fault struct {
		wait, day, never int
		completed        string
		unadmitted       bool
	}
	codes := func(k fault, covariates string) map[string]bool {
		patients, visits := "id,arm,age,referred,admitted,completed\n", "id,visit,day,pain\n"
		for i := range 40 {
			wait, day, done := 10+i%3, 84+i%4, "true"
			arm := "r"
			if i%2 == 0 {
				arm, wait, day = "a", wait+k.wait, day+k.day
			} else if done = k.completed; done == "" {
				done = []string{"true", "false"}[i/2%2]
			}
			if i%2 == 0 && i%8 == 0 && k.completed != "all" {
				done = "false"
			}
			if done == "all" {
				done = "false"
			}
			admitted := fmt.Sprint(wait)
			if k.unadmitted && arm == "r" {
				admitted = ""
			}
			patients += fmt.Sprintf("P%02d,%s,%d,0,%s,%s\n", i, arm, 40+(i*i*7+i)%23, admitted, done)
			visits += fmt.Sprintf("P%02d,b,0,%d\nP%02d,f,%d,%d\n", i, 5+i%4, i, day, 3+(i*i)%5)
		}
		for i := range k.never {
			patients += fmt.Sprintf("N%02d,a,50,0,,\n", i)
		}
		c := analysistest.Cohort(t, clocksFile, map[string]string{"patients.csv": patients, "visits.csv": visits})
		out := map[string]bool{}
		r := ask(t, Weighted, c, analysis.Question{Arm: "a", Reference: "r", Outcome: "pain", Visit: "f", Level: 0.95}, "covariates", covariates, "baseline", "false")
		for _, w := range r.Warnings {
			out[w.Code] = true
		}
		if len(table(t, r, "target-trial").Rows) != 7 {
			t.Error("the table of the target trial has not seven elements")
		}
		return out
	}
	for name, x := range map[string]struct {
		fault
		code       string
		covariates string
	}{
		"none":          {fault{}, "", "age"},
		"wait":          {fault{wait: 60}, analysis.WarnTimeOrigin, "age"},
		"day of visit":  {fault{day: 30}, analysis.WarnTimeOrigin, "age"},
		"never began":   {fault{never: 6}, WarnImmortal, "age"},
		"no admission":  {fault{unadmitted: true}, analysis.WarnTimeOrigin, "age"},
		"completers":    {fault{completed: "all"}, WarnImmortal, "age"},
		"late columns":  {fault{}, WarnAfterZero, "age,completed"},
		"a small delay": {fault{wait: 20, day: 10}, "", "age"},
	} {
		got := codes(x.fault, x.covariates)
		for _, code := range []string{analysis.WarnTimeOrigin, WarnImmortal, WarnAfterZero} {
			if got[code] != (code == x.code) {
				t.Errorf("%s: %s is %t", name, code, got[code])
			}
		}
	}
}

// Two hundred samples with known truth: times exponential with the hazard exp(x/2 - 1)
// in both arms, x deciding the arm too. The weighted differences of restricted means are
// 0 on average within five Monte Carlo errors, and 95 % intervals hold 0 in 95 % less or
// more 4.5 binomial errors and 3 % for samples of this size; plain ones are off.
func TestSurvivalRecovers(t *testing.T) {
	const samples = 200
	var values, plain []float64
	held := 0
	for seed := range uint64(samples) {
		s := confoundedSample(200, 5000+seed)
		s.times, s.eventOf = true, make([]bool, len(s.t))
		for i := range s.y {
			u := math.Mod(math.Abs(s.y[i]-s.t[i]-2*s.columns[0].x[i]-s.columns[1].x[i])*7919.77, 1) // of the noise alone
			s.y[i] = -math.Log(1-u) * math.Exp(1-s.columns[0].x[i]/2)
			s.eventOf[i] = s.y[i] < 6
			s.y[i] = math.Min(s.y[i], 6)
		}
		left, _, w, err := weigh(s, weightDefaults)
		if err != nil {
			t.Fatal(err)
		}
		v := &weightedTimes{s: left, all: s, w: w, o: SurvivalOptions{Errors: errorsEstimated, Ties: fit.TiesEfron}, level: 0.95, tau: 4}
		e := v.means(left, w.w, "")[0]
		values = append(values, float64(e.Value))
		if e.CI.Low <= 0 && e.CI.High >= 0 {
			held++
		}
		one := make([]float64, len(s.t))
		for i := range one {
			one[i] = 1
		}
		plain = append(plain, s.restricted(one, 1, 4).value-s.restricted(one, 0, 4).value)
	}
	m := fit.Describe(values)
	if math.Abs(m.Mean) > 5*m.SD/math.Sqrt(samples) {
		t.Errorf("mean %.4f (SD %.4f)", m.Mean, m.SD)
	}
	if c := float64(held) / samples; c < 0.95-0.03-4.5*math.Sqrt(0.95*0.05/samples) {
		t.Errorf("intervals hold 0 in %.3f", c)
	}
	if p := fit.Describe(plain); p.Mean > -5*p.SD/math.Sqrt(samples) {
		t.Errorf("plain means should be off: %.4f", p.Mean)
	}
}
