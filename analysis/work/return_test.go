package work_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/work"
	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/synthetic"
)

// cohort writes files into a folder and opens its cohort.yaml.
func cohort(t *testing.T, files map[string]string) analysis.Input {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := open.Cohort(context.Background(), filepath.Join(dir, "cohort.yaml"), open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return analysis.Input{Cohort: c}
}

func run(t *testing.T, in analysis.Input, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := work.Return.Run(context.Background(), in, q, set)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Estimates {
		if !e.Value.OK() && len(e.Warnings) == 0 {
			t.Errorf("%s %s %s %s: no number and no warning", e.Definition, e.Term, e.Visit, e.Arm)
		}
	}
	return r
}

func find(t *testing.T, r analysis.Result, definition, term, visit, arm string) analysis.Estimate {
	t.Helper()
	for _, e := range r.Estimates {
		if e.Definition == definition && e.Term == term && e.Visit == visit && e.Arm == arm {
			return e
		}
	}
	t.Fatalf("no estimate %s %s %q %s", definition, term, visit, arm)
	return analysis.Estimate{}
}

func warned(e analysis.Estimate, code string) bool {
	return slices.ContainsFunc(e.Warnings, func(w analysis.Warning) bool { return w.Code == code })
}

func near(t *testing.T, what string, got analysis.Num, want float64) {
	t.Helper()
	if math.IsNaN(want) != !got.OK() || math.Abs(float64(got)-want) > 1e-12 {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

const visitsYAML = `name: v
resources:
  - name: visits
    path: visits.csv
    schema:
      missingValues: [""]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: arm, type: string, role: arm}
        - {name: job, type: string, role: work_status, categories: [{value: "1", label: not working}, {value: "2", label: modified duty}, {value: "3", label: Full-Duty}]}
visits:
  - {value: a, name: entry, week: 0, baseline: true}
  - {value: b, name: discharge, week: 4}
  - {value: c, name: one year, week: 52}
arms:
  - {value: x}
  - {value: "y"}
`

// Six patients in x. At entry: off off off off work work. At discharge: full,
// modified, off, not seen, full, off.
//
//	any work of all 3/6, of those seen 3/5; off work at entry 2/4 and 2/3;
//	working before 1/2; full duty of all 2/6
//
// At one year: full, off, off, not seen, full, full. Kept at one year: of those
// seen, patients 1 and 5 of 5, as patient 6 had not worked before that.
const visits = `id,visit,arm,job
p1,a,x,1
p2,a,x,1
p3,a,x,1
p4,a,x,1
p5,a,x,3
p6,a,x,2
p1,b,x,3
p2,b,x,2
p3,b,x,1
p5,b,x,3
p6,b,x,1
p1,c,x,3
p2,c,x,1
p3,c,x,1
p5,c,x,3
p6,c,x,3
q1,a,y,1
q1,b,y,1
q2,a,y,1
q2,b,y,2
`

func TestSharesByHand(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": visitsYAML, "visits.csv": visits})
	r := run(t, in, analysis.Question{}, nil)
	for _, c := range []struct {
		definition, term, visit string
		x, n, missing           int
	}{
		{"any-work", "returned_all", "discharge", 3, 6, 1},
		{"any-work", "returned_all_seen", "discharge", 3, 5, 1},
		{"any-work", "returned_off_work", "discharge", 2, 4, 1},
		{"any-work", "returned_off_work_seen", "discharge", 2, 3, 1},
		{"any-work", "returned_working_before", "discharge", 1, 2, 0},
		{"full-duty", "returned_all", "discharge", 2, 6, 1},
		{"retention-1-year", "returned_all_seen", "one year", 2, 5, 1},
	} {
		e := find(t, r, c.definition, c.term, c.visit, "x")
		near(t, c.definition+" "+c.term, e.Value, float64(c.x)/float64(c.n))
		if e.N != (analysis.N{Arm: c.n, Missing: c.missing, Events: c.x}) {
			t.Errorf("%s %s: %+v", c.definition, c.term, e.N)
		}
		if want := analysis.Wilson(c.x, c.n, 0.95); e.CI != want {
			t.Errorf("%s %s: interval %+v", c.definition, c.term, e.CI)
		}
	}
	// No one of y was seen at one year: the share of those seen is no number.
	e := find(t, r, "any-work", "returned_all_seen", "one year", "y")
	if e.Value.OK() || !warned(e, analysis.WarnTooFew) {
		t.Errorf("nobody seen: %+v", e)
	}
	if e := find(t, r, "any-work", "returned_all", "one year", "y"); !warned(e, analysis.WarnLowFollowUp) {
		t.Error("nobody seen: no warning about follow-up")
	}
	if !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool {
		return w.Code == "definition-not-available" && strings.Contains(w.Message, "sustained-28-days") && strings.Contains(w.Message, "full-time")
	}) {
		t.Errorf("definitions that cannot be had are not named: %+v", r.Warnings)
	}
	d := run(t, in, analysis.Question{Arm: "x", Reference: "y", Visit: "discharge", Definition: "any-work", Missing: analysis.MissingFailure}, nil)
	e = find(t, d, "any-work", "difference_all", "discharge", "x")
	near(t, "difference", e.Value, 0)
	if e.CI != analysis.Newcombe(3, 6, 1, 2, 0.95) || e.Reference != "y" {
		t.Errorf("difference %+v", e)
	}
}

func TestRefusals(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": visitsYAML, "visits.csv": visits})
	ask := func(q analysis.Question, set map[string]string) error {
		_, err := work.Return.Run(context.Background(), in, q, set)
		return err
	}
	err := ask(analysis.Question{Definition: "sustained-90-days"}, nil)
	if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(fmt.Sprint(err), "sustained-90-days") {
		t.Errorf("spells: %v", err)
	}
	err = ask(analysis.Question{Definition: "any-work"}, map[string]string{"working": "remote"})
	if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(fmt.Sprint(err), "not working, modified duty, full duty") {
		t.Errorf("levels: %v", err)
	}
	if err = ask(analysis.Question{Definition: "any-work", Visit: "two years"}, nil); !errors.Is(err, datasets.ErrUnknownName) {
		t.Errorf("visit: %v", err)
	}
	if err = ask(analysis.Question{}, map[string]string{"at": "90,28"}); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("at: %v", err)
	}
	// Codes without labels may mean anything: 1 is not taken for work.
	bare := strings.ReplaceAll(visitsYAML, `, categories: [{value: "1", label: not working}, {value: "2", label: modified duty}, {value: "3", label: Full-Duty}]`, "")
	in = cohort(t, map[string]string{"cohort.yaml": bare, "visits.csv": visits})
	if err = ask(analysis.Question{Definition: "any-work"}, nil); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("codes without labels: %v", err)
	}
	if err = ask(analysis.Question{Definition: "any-work"}, map[string]string{"working": "2,3"}); err != nil {
		t.Errorf("codes chosen by the user: %v", err)
	}
}

const timesYAML = `name: k
resources:
  - name: followup
    path: times.csv
    schema:
      missingValues: [""]
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: weeks, type: number, role: time, unit: weeks}
        - {name: back, type: integer, role: event}
`

func TestTimesFromATable(t *testing.T) {
	// The curve of curve_test.go in weeks, arm a; arm b returns at once; arm c
	// never; arm d holds one patient without a time.
	csv := "id,arm,weeks,back\n1,a,3,1\n2,a,9,1\n3,a,1,1\n4,a,3,0\n5,a,7,0\n6,a,2,0\n7,a,5,1\n8,a,3,1\n9,b,2,1\n10,b,2,1\n11,c,9,0\n12,c,9,0\n13,d,,1\n"
	in := cohort(t, map[string]string{"cohort.yaml": timesYAML, "times.csv": csv})
	set := map[string]string{"at": "28,35,60,364", "tau": "56", "horizon": "35"}
	r := run(t, in, analysis.Question{}, set)
	e := find(t, r, "recorded-event", "km_returned", "day 28", "a")
	near(t, "returned by week 4", e.Value, 1-7./12)
	near(t, "its error", e.SE, 7./12*math.Sqrt(17./168))
	if e.N != (analysis.N{Arm: 8, Events: 3}) || e.CI.Kind != analysis.KindKMLog {
		t.Errorf("returned by week 4: %+v", e)
	}
	near(t, "median", find(t, r, "recorded-event", "median_time", "", "a").Value, 35)
	near(t, "restricted mean", find(t, r, "recorded-event", "restricted_mean", "day 56", "a").Value, 7*61./12)
	near(t, "all gone", find(t, r, "recorded-event", "km_returned", "day 364", "b").Value, 1)
	near(t, "beyond follow-up", find(t, r, "recorded-event", "km_returned", "day 364", "c").Value, math.NaN())
	near(t, "nobody returned", find(t, r, "recorded-event", "km_returned", "day 60", "c").Value, 0)
	near(t, "no median", find(t, r, "recorded-event", "median_time", "", "c").Value, math.NaN())
	near(t, "no patient", find(t, r, "recorded-event", "km_returned", "day 28", "d").Value, math.NaN())
	// By day 35: weeks 1, 3, 3 and 5 returned; 9 and 7+ not; 3+ and 2+ unknown.
	near(t, "share of all", find(t, r, "recorded-event", "returned_all", "day 35", "a").Value, 4./8)
	near(t, "share of those seen", find(t, r, "recorded-event", "returned_all_seen", "day 35", "a").Value, 4./6)
	if len(r.Series) != 4 || !r.Series[0].Step || len(r.Series[0].Points) != 7 || r.Series[0].Points[3].N != 6 || r.Series[0].Points[3].Censored != 1 {
		t.Errorf("series %+v", r.Series)
	}
	d := run(t, in, analysis.Question{Arm: "a", Reference: "c"}, set)
	for _, term := range []string{"logrank", "restricted_mean_difference", "km_difference"} {
		if !slices.ContainsFunc(d.Estimates, func(e analysis.Estimate) bool { return e.Term == term && e.Reference == "c" && e.N.Reference == 2 }) {
			t.Errorf("no %s", term)
		}
	}
	run(t, in, analysis.Question{Arm: "d", Reference: "c"}, set)
	run(t, in, analysis.Question{Arm: "b", Reference: "c"}, map[string]string{"interval": "log-log"})
}

func TestTimesFromSpells(t *testing.T) {
	yaml := `name: s
privacy: {dates: {are: shifted, by: a test, reason: invented}}
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: admitted, type: date, role: admitted}
  - name: spells
    path: spells.csv
    schema:
      missingValues: [""]
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: date, role: start}
        - {name: to, type: date, role: end}
        - {name: status, type: string, role: work_status, categories: [off work, working]}
`
	// 1: off 10 days, then works 100: any work and sustained at day 10.
	// 2: off 10 days, works 5, off to day 60: any work at 10, sustained never.
	// 3: off to day 20, then an open spell of work: only its first day is known,
	//    unless until is given.
	// 4: works on the day of admission: not at risk of returning.
	files := map[string]string{
		"cohort.yaml":  yaml,
		"patients.csv": "id,admitted\n1,2026-01-01\n2,2026-01-01\n3,2026-01-01\n4,2026-01-01\n",
		"spells.csv": "id,from,to,status\n1,2026-01-01,2026-01-10,off work\n1,2026-01-11,2026-04-20,working\n" +
			"2,2026-01-01,2026-01-10,off work\n2,2026-01-11,2026-01-15,working\n2,2026-01-16,2026-03-02,off work\n" +
			"3,2026-01-01,2026-01-20,off work\n3,2026-01-21,,working\n4,2025-12-01,2026-06-01,working\n",
	}
	in := cohort(t, files)
	r := run(t, in, analysis.Question{}, map[string]string{"at": "15,30", "horizon": "30"})
	near(t, "any work by day 15", find(t, r, "any-work", "km_returned", "day 15", "all").Value, 2./3)
	e := find(t, r, "sustained-90-days", "km_returned", "day 15", "all")
	near(t, "90 days by day 15", e.Value, 1./3)
	if e.N.Arm != 3 || e.N.Events != 1 {
		t.Errorf("90 days by day 15: %+v", e.N)
	}
	// Patient 3 is censored at day 20 for 90 days; the share of all counts 4.
	near(t, "90 days by day 30, all", find(t, r, "sustained-90-days", "returned_all", "day 30", "all").Value, 2./4)
	near(t, "90 days by day 30, seen", find(t, r, "sustained-90-days", "returned_all_seen", "day 30", "all").Value, 2./3)
	near(t, "90 days by day 30, off work", find(t, r, "sustained-90-days", "returned_off_work_seen", "day 30", "all").Value, 1./2)
	if !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return strings.Contains(w.Message, "no end") }) {
		t.Error("no warning about spells without an end")
	}
	r = run(t, in, analysis.Question{}, map[string]string{"at": "15,30", "horizon": "30", "until": "2026-12-31"})
	near(t, "90 days by day 30 with until", find(t, r, "sustained-90-days", "returned_off_work_seen", "day 30", "all").Value, 2./3)
}

// Where every spell of work is listed, patients without one are off work to the last day
// that the data cover, and follow-up does not end with the last spell. Of four patients
// admitted on 1 January, 1 works from day 10 to 40, 2 from day 200 on, 3 never and has no
// spell, 4 works from before admission. Off work at entry are 1 to 3: by day 100 a third
// have returned, by day 300 two thirds, and 3 is followed throughout.
func TestEverySpellListed(t *testing.T) {
	files := map[string]string{
		"cohort.yaml": `name: s
privacy: {dates: {are: shifted, by: a test, reason: invented}}
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: admitted, type: date, role: admitted}
  - name: spells
    path: spells.csv
    schema:
      missingValues: [""]
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: date, role: start}
        - {name: to, type: date, role: end}
        - {name: status, type: string, role: work_status, categories: [off work, working]}
`,
		"patients.csv": "id,admitted\n1,2026-01-01\n2,2026-01-01\n3,2026-01-01\n4,2026-01-01\n",
		"spells.csv":   "id,from,to,status\n1,2026-01-11,2026-02-10,working\n2,2026-07-20,,working\n4,2025-12-01,2026-06-01,working\n",
	}
	in := cohort(t, files)
	set := map[string]string{"at": "100,300,364", "horizon": "300", "gap": "off-work", "until": "2026-12-31"}
	r := run(t, in, analysis.Question{}, set)
	for day, want := range map[string]float64{"day 100": 1. / 3, "day 300": 2. / 3, "day 364": 2. / 3} {
		e := find(t, r, "any-work", "km_returned", day, "all")
		near(t, "returned by "+day, e.Value, want)
		if e.N.Arm != 3 || e.N.Missing != 0 {
			t.Errorf("%s: %+v", day, e.N)
		}
	}
	near(t, "share of those off work", find(t, r, "any-work", "returned_off_work", "day 300", "all").Value, 2./3)
	near(t, "all seen", find(t, r, "any-work", "returned_all_seen", "day 300", "all").Value, 3./4)
	states := answer(t, work.States, in, analysis.Question{}, map[string]string{"gap": "off-work", "until": "2026-12-31", "at": "50"})
	near(t, "working on day 50", withArm(t, states, "share in working", "all", "day 50").Value, 1./4)
	delete(set, "until")
	if r = run(t, in, analysis.Question{}, set); !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return strings.Contains(w.Message, "gap=off-work without until") }) {
		t.Error("no warning that patients without a spell are unknown")
	}
}

// With weights of 1, 2 and 1 to returns on days 7, 14 and never in arm a, half of which by
// weight is back by day 14 (3 of 4): the curve is weighted, and nothing unweighted beside
// it. A patient without a weight is missing.
func TestWeightedCurves(t *testing.T) {
	yaml := timesYAML + "  - name: patients\n    path: patients.csv\n    schema:\n      missingValues: [\"\"]\n      fields:\n        - {name: id, type: string, role: patient}\n        - {name: w, type: number, role: covariate}\n        - {name: minus, type: number, role: covariate}\n"
	in := cohort(t, map[string]string{
		"cohort.yaml":  yaml,
		"times.csv":    "id,arm,weeks,back\n1,a,1,1\n2,a,2,1\n3,a,8,0\n4,a,8,0\n5,b,2,1\n6,b,9,0\n",
		"patients.csv": "id,w,minus\n1,1,1\n2,2,1\n3,1,1\n4,,1\n5,1,1\n6,1,-1\n",
	})
	set := map[string]string{"at": "7,14", "weights": "w"}
	r := run(t, in, analysis.Question{Arm: "a", Reference: "b"}, set)
	e := find(t, r, "recorded-event", "km_returned", "day 14", "a")
	near(t, "by day 14", e.Value, 3./4)
	if e.N.Arm != 3 || e.N.Missing != 1 || e.CI.Kind != "jackknife, log" {
		t.Errorf("%+v", e)
	}
	// Nobody is lost before day 14, so the influence of patient i on the share is
	// w (1 - F) or -w F over 4: 1·1/4, 2·1/4, 1·3/4.
	near(t, "its error", e.SE, math.Sqrt(1./16+4./16+9./16)/4)
	near(t, "median", find(t, r, "recorded-event", "median_time", "", "a").Value, 14)
	for _, e := range r.Estimates {
		if e.Term != "km_returned" && e.Term != "km_difference" && e.Term != "median_time" {
			t.Errorf("%s is not weighted", e.Term)
		}
	}
	set["weights"] = "minus"
	if _, err := work.Return.Run(t.Context(), in, analysis.Question{}, set); !errors.Is(err, analysis.ErrCannot) || strings.Contains(err.Error(), "-1") {
		t.Errorf("a weight below 0: %v", err)
	}
}

// Times in months are whole days rounded down, so that the 24th month, day 730.5, is
// within 2 years (730 days) and the 3rd, day 91.3, within 3 months (91 days).
func TestTimesInMonths(t *testing.T) {
	yaml := strings.ReplaceAll(timesYAML, "weeks", "months")
	in := cohort(t, map[string]string{"cohort.yaml": yaml, "times.csv": "id,arm,months,back\n1,a,3,1\n2,a,24,1\n3,a,30,0\n"})
	r := run(t, in, analysis.Question{}, map[string]string{"at": "91,730"})
	near(t, "within 3 months", find(t, r, "within-3-months", "returned_all", "day 91", "a").Value, 1./3)
	near(t, "within 2 years", find(t, r, "within-2-years", "returned_all", "day 730", "a").Value, 2./3)
	near(t, "by the curve", find(t, r, "recorded-event", "km_returned", "day 730", "a").Value, 2./3)
}

// Those outside the work force at entry are not off work, and those who were never
// admitted and have no visit are in no denominator.
func TestWhoCounts(t *testing.T) {
	in := cohort(t, map[string]string{
		"cohort.yaml": strings.Replace(strings.ReplaceAll(visitsYAML, "[{value: \"1\", label: not working}", "[{value: \"0\", label: retired}, {value: \"1\", label: not working}"),
			"visits:\n", "  - name: patients\n    path: patients.csv\n    schema:\n      missingValues: [\"\"]\n      fields:\n        - {name: id, type: string, role: patient}\n        - {name: arm, type: string, role: arm}\n        - {name: in, type: integer, role: admitted}\nvisits:\n", 1),
		"visits.csv":   "id,visit,arm,job\np1,a,x,1\np1,b,x,2\np2,a,x,0\np2,b,x,0\np3,a,x,1\np3,b,x,1\n",
		"patients.csv": "id,arm,in\np1,x,5\np2,x,9\np3,x,\np4,x,\n",
	})
	r := run(t, in, analysis.Question{Arm: "x", Definition: "any-work", Visit: "discharge"}, nil)
	if e := find(t, r, "any-work", "returned_all", "discharge", "x"); e.N != (analysis.N{Arm: 3, Events: 1}) {
		t.Errorf("all: %+v", e.N)
	}
	if e := find(t, r, "any-work", "returned_off_work", "discharge", "x"); e.N != (analysis.N{Arm: 2, Events: 1}) {
		t.Errorf("off work: %+v", e.N)
	}
	if !slices.ContainsFunc(r.Excluded, func(e datasets.Exclusion) bool {
		return e.Patients == 1 && strings.Contains(e.Reason, "never admitted")
	}) {
		t.Errorf("excluded %+v", r.Excluded)
	}
}

// A synthetic cohort whose truth is known: the curve of any work among those off
// work at entry is within 4 standard errors of it at each day. Three such checks
// fail by chance about once in 5,000 seeds; the seed is fixed.
func TestKnownTruth(t *testing.T) {
	o := synthetic.Default
	o.Patients = 4000
	f, err := synthetic.Make(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	truth := f.Known.Work
	var at []string
	for _, d := range truth.Day {
		at = append(at, fmt.Sprint(d))
	}
	r := run(t, analysis.Input{Cohort: c}, analysis.Question{}, map[string]string{"at": strings.Join(at, ",")})
	for i, d := range at {
		e := find(t, r, "any-work", "km_returned", "day "+d, "all")
		if truth.Returned[i] > 0 && math.Abs(float64(e.Value)-truth.Returned[i]) > 4*float64(e.SE) {
			t.Errorf("returned by day %s: %v (%v), truth %v", d, e.Value, e.SE, truth.Returned[i])
		}
	}
}

// 265 workers with low back pain, from the first of the completed data sets.
// R 4.2.2, survival 3.5-3: f <- survfit(Surv(Time, Status) ~ 1, subset(d, Impnr == 1));
// summary(f, times = c(30, 90, 180, 365))
func TestRealWorkers(t *testing.T) {
	data, err := filepath.Abs("../../../shared/data/lbp-return/lbpmicox.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(data); err != nil {
		t.Skip("SKIPPED: the real data lbp-return are absent from the shared folder beside the project")
	}
	b, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	in := cohort(t, map[string]string{"lbp.csv": string(b), "cohort.yaml": `name: lbp
resources:
  - name: followup
    path: lbp.csv
    where: "Impnr = 1"
    schema:
      fields:
        - {name: Impnr, type: integer, role: covariate}
        - {name: patnr, type: string, role: patient}
        - {name: Time, type: number, role: time, unit: days}
        - {name: Status, type: integer, role: event}
`})
	r := run(t, in, analysis.Question{}, map[string]string{"at": "30,90,180,365"})
	m := find(t, r, "recorded-event", "median_time", "", "all")
	if m.Value != 88 || m.CI.Low != 80 || m.CI.High != 103 || m.N.Arm != 265 || m.N.Events != 193 {
		t.Errorf("median %+v", m)
	}
	for i, want := range [][]float64{
		{0.147035542005, 0.0220473236584, 0.102710282326, 0.189171175963},
		{0.533744187227, 0.0324136020213, 0.465683145439, 0.593135643974},
		{0.701586448102, 0.0308472596585, 0.634566833740, 0.756314817104},
		{0.917678548241, 0.0268457313167, 0.844009861770, 0.956556090682},
	} {
		e := find(t, r, "recorded-event", "km_returned", []string{"day 30", "day 90", "day 180", "day 365"}[i], "all")
		for j, got := range []analysis.Num{e.Value, e.SE, e.CI.Low, e.CI.High} {
			if math.Abs(float64(got)-want[j]) > 1e-11 {
				t.Errorf("%s, number %d: %v, want %v", e.Visit, j, got, want[j])
			}
		}
	}
	// The share of those seen is too high, and says so.
	if e := find(t, r, "recorded-event", "returned_all_seen", "day 365", "all"); !warned(e, analysis.WarnAssumption) {
		t.Error("the share of those seen does not warn")
	}
}
