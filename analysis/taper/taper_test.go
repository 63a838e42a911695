package taper_test

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
	"recoup/analysis/taper"
	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/synthetic"
)

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

func run(t *testing.T, a *analysis.Analysis, in analysis.Input, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := a.Run(context.Background(), in, q, set)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range r.Estimates {
		if !e.Value.OK() && len(e.Warnings) == 0 {
			t.Errorf("%s %s %s: no number and no warning", e.Term, e.Visit, e.Arm)
		}
		key := strings.Join([]string{e.Term, e.Visit, e.Arm, e.Reference, e.Definition}, "|")
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
	}
	return r
}

func find(t *testing.T, r analysis.Result, term, visit, arm string) analysis.Estimate {
	t.Helper()
	for _, e := range r.Estimates {
		if e.Term == term && e.Visit == visit && e.Arm == arm {
			return e
		}
	}
	t.Fatalf("no estimate %s %q %s", term, visit, arm)
	return analysis.Estimate{}
}

func near(t *testing.T, what string, got analysis.Num, want, tol float64) {
	t.Helper()
	if math.IsNaN(want) != !got.OK() || math.Abs(float64(got)-want) > tol {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

const dosesYAML = `name: d
resources:
  - name: doses
    path: doses.csv
    schema:
      missingValues: [""]
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: drug, type: string, role: drug}
        - {name: route, type: string, role: route}
        - {name: why, type: string, role: indication}
        - {name: day, type: integer, role: day}
        - {name: strength, type: number, role: strength, unit: mg}
        - {name: units, type: number, role: quantity}
        - {name: supplied, type: integer, role: days_supplied}
        - {name: logged, type: number, role: dose}
`

// Morphine by mouth, so milligrams are MME. Daily dose at entry, then on days
// 152 to 180:
//
//	a1  60 -> 30         half, to the milligram
//	a2  100 -> 80        -20 %
//	a3  40 -> no record  unknown
//	a4  no record -> 10  unknown at entry
//	a5  50 -> 0          logged as zero on days 121 to 180
//	b1  20 + 10 overlapping = 30 -> 30
//	b2  buprenorphine for opioid use disorder alone: never converted
//	b3  20 -> a drug without a factor on the same days: unknown
//
// In a, four patients were on opioids at entry and three are known after.
const doses = `id,arm,drug,route,why,day,strength,units,supplied,logged
a1,a,morphine,oral,pain,-28,10,168,28,
a1,a,morphine,oral,pain,152,10,87,29,
a2,a,MS Contin,oral,pain,-28,10,280,28,
a2,a,morphine,oral,pain,152,10,232,29,
a3,a,morphine,oral,pain,-28,10,112,28,
a4,a,morphine,oral,pain,152,10,29,29,
a5,a,morphine,oral,pain,-28,10,140,28,
a5,a,morphine,oral,pain,121,,,60,0
b1,b,morphine,oral,pain,-28,10,56,28,
b1,b,morphine,oral,pain,-28,10,28,28,
b1,b,morphine,oral,pain,140,10,180,60,
b2,b,buprenorphine,sublingual,oud,-28,,,28,16
b3,b,morphine,oral,pain,-28,10,56,28,
b3,b,morphine,oral,pain,152,10,87,29,
b3,b,levorphanol,oral,pain,152,2,29,29,
`

const after = "days 152 to 180"

func TestReductionByHand(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": dosesYAML, "doses.csv": doses})
	r := run(t, taper.Reduction, in, analysis.Question{}, nil)
	for _, c := range []struct {
		term, arm     string
		x, n, missing int
	}{
		{"reduced_50_all", "a", 2, 4, 1},
		{"reduced_50_known", "a", 2, 3, 1},
		{"reduced_30_all", "a", 2, 4, 1},
		{"off_window_all", "a", 1, 4, 1},
		{"off_28_known", "a", 1, 3, 1},
		{"off_60_all", "a", 1, 4, 1},
		{"reduced_50_all", "b", 0, 2, 1},
		{"reduced_50_known", "b", 0, 1, 1},
	} {
		e := find(t, r, c.term, after, c.arm)
		near(t, c.term+" "+c.arm, e.Value, float64(c.x)/float64(c.n), 1e-15)
		if e.N != (analysis.N{Arm: c.n, Missing: c.missing, Events: c.x}) || e.CI != analysis.Wilson(c.x, c.n, 0.95) {
			t.Errorf("%s %s: %+v %+v", c.term, c.arm, e.N, e.CI)
		}
	}
	// Known in both: -30, -20, -50 MME; -50, -20, -100 %.
	change := find(t, r, "mme_change_mean", after, "a")
	near(t, "change", change.Value, -100./3, 1e-12)
	// Deviations 10/3, 40/3, -50/3: their squares sum to 4200/9, so the error is √(4200/9/2/3).
	near(t, "its error", change.SE, math.Sqrt(4200./9/6), 1e-12)
	near(t, "percent change", find(t, r, "percent_change_mean", after, "a").Value, -170./3, 1e-12)
	near(t, "entry", find(t, r, "on_opioids_at_entry", "days -28 to -1", "a").Value, 1, 0)
	near(t, "overlap adds", find(t, r, "mme_baseline_mean", after, "b").Value, 30, 1e-12)
	if !strings.Contains(change.Definition, "gap unknown; CDC-2022") {
		t.Errorf("definition %q", change.Definition)
	}
	for _, want := range []string{"never converted", "no factor"} {
		if !slices.ContainsFunc(r.Excluded, func(e datasets.Exclusion) bool { return e.Rows == 1 && strings.Contains(e.Reason, want) }) {
			t.Errorf("excluded %+v has nothing about %q", r.Excluded, want)
		}
	}
	if !slices.ContainsFunc(find(t, r, "reduced_50_all", after, "b").Warnings, func(w analysis.Warning) bool { return w.Code == analysis.WarnLowFollowUp }) {
		t.Error("one of two known: no warning")
	}

	zero := run(t, taper.Reduction, in, analysis.Question{Arm: "a", Reference: "b", Definition: "reduced-50"}, map[string]string{"gap": "zero", "windows": "152:180"})
	e := find(t, zero, "reduced_50_all", after, "a")
	if e.N != (analysis.N{Arm: 4, Events: 3}) || !strings.Contains(e.Definition, "gap zero") {
		t.Errorf("gaps as zero: %+v %q", e.N, e.Definition)
	}
	d := find(t, zero, "difference_reduced_50_known", after, "a")
	if d.CI != analysis.Newcombe(3, 4, 0, 1, 0.95) || d.Reference != "b" {
		t.Errorf("difference %+v", d)
	}
	for _, e := range zero.Estimates {
		if strings.Contains(e.Term, "off_") {
			t.Errorf("%s was not asked for", e.Term)
		}
	}
}

func TestReductionOrderAndTable(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(doses), "\n")
	back := slices.Clone(lines[1:])
	slices.Reverse(back)
	// Arms and patients keep their order by name in the file.
	in := cohort(t, map[string]string{"cohort.yaml": dosesYAML, "doses.csv": doses})
	out := cohort(t, map[string]string{"cohort.yaml": dosesYAML, "doses.csv": lines[0] + "\n" + strings.Join(back, "\n") + "\n"})
	a, b := run(t, taper.Reduction, in, analysis.Question{}, nil), run(t, taper.Reduction, out, analysis.Question{}, nil)
	for _, e := range a.Estimates {
		near(t, "order of rows: "+e.Term, find(t, b, e.Term, e.Visit, e.Arm).Value, float64(e.Value), 1e-12)
	}
	r := run(t, taper.Reduction, in, analysis.Question{}, map[string]string{"table": "ANZCA-2021"})
	if !strings.Contains(r.Estimates[0].Definition, "ANZCA-2021") {
		t.Error("the table is not in the definition")
	}
}

// Dates count from admission; the discharge window is the week from discharge,
// of which this log knows the first day.
func TestReductionAtDischarge(t *testing.T) {
	in := cohort(t, map[string]string{
		"cohort.yaml": `name: d
privacy: {dates: {are: shifted, by: a test, reason: invented}}
resources:
  - name: patients
    path: patients.csv
    schema:
      missingValues: [""]
      fields:
        - {name: id, type: string, role: patient}
        - {name: in, type: date, role: admitted}
        - {name: out, type: date, role: discharged}
  - name: doses
    path: doses.csv
    constants: {drug: oxycodone, route: oral, indication: pain}
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: date, role: start}
        - {name: to, type: date, role: end}
        - {name: mg, type: number, role: dose, unit: mg/day}
`,
		"patients.csv": "id,in,out\n1,2026-02-01,2026-02-28\n2,2026-02-01,\n3,2026-02-01,2026-02-28\n",
		// 1: 40 mg = 60 MME, then 20 mg = 30 MME to day 20, none on the last 7 days.
		// 2: no discharge. 3: 20 mg = 30 MME throughout.
		"doses.csv": "id,from,to,mg\n1,2026-01-01,2026-01-31,40\n1,2026-02-01,2026-02-21,20\n1,2026-02-22,2026-02-28,0\n" +
			"2,2026-01-01,2026-01-31,40\n3,2026-01-01,2026-02-28,20\n",
	})
	r := run(t, taper.Reduction, in, analysis.Question{Visit: "discharge"}, map[string]string{"min_known": "0"})
	near(t, "baseline", find(t, r, "mme_baseline_mean", "discharge", "all").Value, 45, 1e-12)
	near(t, "at discharge", find(t, r, "mme_mean", "discharge", "all").Value, 15, 1e-12)
	if e := find(t, r, "off_window_all", "discharge", "all"); e.N != (analysis.N{Arm: 3, Missing: 2}) {
		t.Errorf("off in the week from discharge: %+v", e.N)
	}
	e := find(t, r, "off_at_discharge_all", "discharge", "all")
	if e.N != (analysis.N{Arm: 3, Missing: 1, Events: 1}) {
		t.Errorf("off at discharge: %+v", e.N)
	}
	if slices.ContainsFunc(r.Estimates, func(e analysis.Estimate) bool { return strings.HasPrefix(e.Term, "off_28") }) {
		t.Error("28 days off is asked at discharge")
	}
}

// Nobody on opioids, one patient, no records in the window: numbers are absent
// with a reason, and nothing fails.
func TestReductionAtTheEdge(t *testing.T) {
	head, _, _ := strings.Cut(doses, "\n")
	for name, rows := range map[string]string{
		"one patient":  "a1,a,morphine,oral,pain,-28,10,168,28,\n",
		"all zero":     "a1,a,morphine,oral,pain,-28,,,28,0\n",
		"all later":    "a1,a,morphine,oral,pain,5,10,60,30,\n",
		"no amount":    "a1,a,morphine,oral,pain,-28,,,28,\n",
		"no day":       "a1,a,morphine,oral,pain,,10,168,28,\n",
		"unknown drug": "a1,a,aspirin,oral,pain,-28,10,168,28,\n",
	} {
		t.Run(name, func(t *testing.T) {
			in := cohort(t, map[string]string{"cohort.yaml": dosesYAML, "doses.csv": head + "\n" + rows})
			run(t, taper.Reduction, in, analysis.Question{}, nil)
			run(t, taper.DoseByWeek, in, analysis.Question{}, map[string]string{"unit": "mme", "from": "-4"})
		})
	}
}

// Milligrams of one drug for pain and for opioid use disorder are never put together.
func TestIndicationsAreKeptApart(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": dosesYAML, "doses.csv": "id,arm,drug,route,why,day,strength,units,supplied,logged\n" +
		"a,x,methadone,oral,pain,-28,,,60,40\nb,x,methadone,oral,oud,-28,,,60,80\n"})
	for _, a := range []*analysis.Analysis{taper.DoseByWeek, taper.VelocityAnalysis, taper.TimeAnalysis, taper.DefinitionsAnalysis, taper.TrajectoriesAnalysis} {
		_, err := a.Run(t.Context(), in, analysis.Question{}, map[string]string{"unit": "as-recorded"})
		if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), "indication") {
			t.Errorf("%s: %v", a.Name, err)
		}
	}
	// In MME the patient treated for opioid use disorder has no known dose.
	r := run(t, taper.VelocityAnalysis, in, analysis.Question{}, nil)
	if e := find(t, r, "slope_linear_mean", "days 0 to 209", "x"); e.N.Arm != 1 {
		t.Errorf("%+v, want the patient in pain alone", e.N)
	}
}

func TestRefusals(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": dosesYAML, "doses.csv": doses})
	for _, c := range []struct {
		a    *analysis.Analysis
		set  map[string]string
		want error
	}{
		{taper.Reduction, map[string]string{"baseline": "soon"}, analysis.ErrOptions},
		{taper.Reduction, map[string]string{"windows": "9:2"}, analysis.ErrOptions},
		{taper.Reduction, map[string]string{"windows": "discharge"}, analysis.ErrCannot},
		{taper.Reduction, map[string]string{"min_known": "1.5"}, analysis.ErrOptions},
		{taper.DoseByWeek, map[string]string{"from": "3", "to": "1"}, analysis.ErrOptions},
		{taper.DoseByWeek, nil, analysis.ErrCannot}, // several drugs do not add
	} {
		if _, err := c.a.Run(context.Background(), in, analysis.Question{}, c.set); !errors.Is(err, c.want) {
			t.Errorf("%v: %v, want %v", c.set, err, c.want)
		}
	}
}

// a1 has 60 MME on days -28 to -1, so weeks -4 to -1 have 7 days of 60 each.
//
// R: t.test(c(60, 100, 40, 50), c(30, 20)) for the difference of week -1.
func TestDoseByWeekInMME(t *testing.T) {
	in := cohort(t, map[string]string{"cohort.yaml": dosesYAML, "doses.csv": doses})
	r := run(t, taper.DoseByWeek, in, analysis.Question{Arm: "a", Reference: "b"}, map[string]string{"unit": "mme", "from": "-4"})
	// a: 60, 100, 40, 50; b: 30, 20.
	near(t, "arm a", find(t, r, "mean_dose_patients", "week -1", "a").Value, 62.5, 1e-12)
	near(t, "over days", find(t, r, "mean_dose_records", "week -1", "a").Value, 62.5, 1e-12)
	d := find(t, r, "difference_dose_patients", "week -1", "a")
	for i, want := range []float64{37.5, 14.0682858467784424, 3.6982652643081528, 0.0608678240228553, -2.8493211231439322, 77.8493211231439233} {
		near(t, "difference", []analysis.Num{d.Value, d.SE, d.DF, d.P, d.CI.Low, d.CI.High}[i], want, 1e-9)
	}
	near(t, "median", find(t, r, "median_dose_patients", "week -1", "a").Value, 55, 1e-12)
	// Quartiles of 40, 50, 60, 100 lie at 1.75 and 3.25.
	for group, want := range map[string]float64{"a, median": 55, "a, lower quartile": 47.5, "a, upper quartile": 70} {
		i := slices.IndexFunc(r.Series, func(s analysis.Series) bool { return s.Name == "dose-by-week/quartiles" && s.Group == group })
		if i < 0 {
			t.Fatalf("no curve %s", group)
		}
		near(t, group, r.Series[i].Points[3].Y, want, 1e-12)
	}
	near(t, "an empty week", find(t, r, "mean_dose_patients", "week 8", "a").Value, math.NaN(), 0)
}

// A synthetic cohort with a complete register, whose truth is known: the shares
// are within 4 standard errors of it. Three such checks fail by chance about once
// in 5,000 seeds; the seed is fixed.
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
	r := run(t, taper.Reduction, analysis.Input{Cohort: c}, analysis.Question{}, map[string]string{"gap": "zero", "windows": "28:57"})
	truth := f.Known.Opioids
	for _, k := range []struct {
		term, visit string
		want        float64
	}{
		{"on_opioids_at_entry", "days -28 to -1", truth.OnAtEntry},
		{"off_window_known", "days 28 to 57", truth.OffAtDischarge},
		{"reduced_50_known", "days 28 to 57", truth.HalvedOrOff},
	} {
		e := find(t, r, k.term, k.visit, "all")
		near(t, k.term, e.Value, k.want, 4*float64(e.SE))
	}
}

// By the end of the program the share who stopped is the truth, within 4 standard errors;
// by chance it is not in about 1 of 16,000 seeds.
func TestKnownTimes(t *testing.T) {
	o := synthetic.Default
	o.Patients = 2000
	f, err := synthetic.Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, taper.TimeAnalysis, analysis.Input{Cohort: c}, analysis.Question{Definition: "stopped-30"}, map[string]string{"gap": "zero", "at": "40", "method": "kaplan-meier"})
	e := find(t, r, "stopped_30_share", "day 40", "all")
	near(t, "stopped", e.Value, f.Known.Opioids.OffAtDischarge, 4*float64(e.SE))
}

func TestRealTrial(t *testing.T) {
	if _, err := os.Stat("../../../shared/data/ctn0094"); err != nil {
		t.Skip("SKIPPED: the real data ctn0094 are absent from the shared folder beside the project")
	}
	c, err := open.Cohort(context.Background(), "../../datasets/testdata/ctn0094.yaml", open.Options{Where: "project = 30"})
	if err != nil {
		t.Fatal(err)
	}
	in := analysis.Input{Cohort: c}
	r := run(t, taper.DoseByWeek, in, analysis.Question{}, nil)
	// Counted apart in Python: records and patients of weeks 0 to 5.
	patients := []int{484, 615, 612, 578, 497, 212}
	for k, want := range []float64{12.13, 15.64, 14.94, 9.81, 8.48, 15.24} {
		e := find(t, r, "mean_dose_records", fmt.Sprintf("week %d", k), "all")
		near(t, e.Visit, e.Value, want, 0.005)
		if e.N.Arm != patients[k] || e.Unit != "mg/day" {
			t.Errorf("%s: %+v %s", e.Visit, e.N, e.Unit)
		}
		own := find(t, r, "mean_dose_patients", e.Visit, "all")
		if !own.Value.OK() || own.CI.Kind != analysis.KindT {
			t.Errorf("%s: no mean over patients", e.Visit)
		}
	}
	records := []int{2016, 4044, 4030, 3842, 2311, 1147}
	for k, n := range records {
		if got := r.Series[0].Points[k].Records; got != n {
			t.Errorf("week %d: %d records, want %d", k, got, n)
		}
	}
	for _, ask := range []func() error{
		func() error {
			_, err := taper.DoseByWeek.Run(context.Background(), in, analysis.Question{}, map[string]string{"unit": "mme"})
			return err
		},
		func() error {
			_, err := taper.Reduction.Run(context.Background(), in, analysis.Question{}, nil)
			return err
		},
	} {
		if err := ask(); !errors.Is(err, analysis.ErrCannot) || !strings.Contains(fmt.Sprint(err), "never converted") {
			t.Errorf("medication for opioid use disorder in MME: %v", err)
		}
	}
}
