package describe_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/describe"
	"recoup/datasets"
)

const programFile = `
name: program
onProblem: set-aside
resources:
  - name: patients
    path: patients.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: age, type: number, role: covariate, unit: years}
        - {name: sex, type: string, role: covariate, categories: [{value: "1", label: male}, {value: "2", label: female}]}
        - {name: site, type: string, role: site}
        - {name: referred, type: integer, role: referred}
        - {name: admitted, type: integer, role: admitted}
        - {name: completed, type: boolean, role: completed}
        - {name: discharged, type: integer, role: discharged}
  - name: visits
    path: visits.csv
    schema:
      missingValues: [{value: "", label: not recorded}, {value: "-9", label: declined}]
      fields:
        - {name: id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome, instrument: nrs}
        - {name: sleep, type: number, role: outcome}
  - name: costs
    path: costs.csv
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: day, type: integer, role: day}
        - {name: kind, type: string, role: category, categories: [program, inpatient, emergency]}
        - {name: cost, type: number, role: cost, unit: USD}
        - {name: year, type: integer, role: price_year}
arms: [{value: program}, {value: usual}]
visits:
  - {value: entry, baseline: true}
  - {value: end, role: discharge}
  - {value: month6, name: 6 months, role: follow-up}
`

// Six people: f never began; e began on the day of referral and completion was not
// recorded.
const patients = `id,arm,age,sex,site,referred,admitted,completed,discharged
a,program,30,1,N,0,10,true,38
b,program,40,2,N,5,25,false,30
c,program,50,2,S,0,40,true,70
d,usual,60,1,S,10,70,false,75
e,usual,,2,N,0,0,,
f,,45,2,S,3,,,
`

const visits = `id,visit,pain,sleep
a,entry,8,20
b,entry,6,18
c,entry,7,-9
d,entry,5,
e,entry,9,22
a,end,4,10
b,end,6,17
c,end,12,11
a,month6,3,9
b,month6,,
c,month6,7,12
a,later,2,2
`

const costs = `id,day,kind,cost,year
a,-400,inpatient,1000,2025
a,-10,emergency,300,2025
a,0,program,5000,2025
b,-365,emergency,200,2025
b,0,program,2000,2025
b,364,emergency,100,2025
b,365,emergency,999,2025
c,0,program,5000,2025
d,3,,50,2025
f,1,inpatient,70000,2025
`

func program(t *testing.T, changes ...string) *datasets.Cohort {
	t.Helper()
	file, tables := programFile, map[string]string{"patients.csv": patients, "visits.csv": visits, "costs.csv": costs}
	for i := 0; i < len(changes); i += 2 {
		if _, ok := tables[changes[i]]; ok {
			tables[changes[i]] = changes[i+1]
		} else {
			if !strings.Contains(file, changes[i]) {
				t.Fatalf("the cohort file has no %q", changes[i])
			}
			file = strings.ReplaceAll(file, changes[i], changes[i+1])
		}
	}
	return analysistest.Cohort(t, file, tables)
}

func run(t *testing.T, a *analysis.Analysis, c *datasets.Cohort, q analysis.Question, set map[string]string) analysis.Result {
	t.Helper()
	r, err := a.Run(t.Context(), analysis.Input{Cohort: c}, q, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, a, r)
	return r
}

func codes(ws []analysis.Warning) []string {
	var out []string
	for _, w := range ws {
		out = append(out, w.Code)
	}
	return out
}

// By hand: 6 referred, 5 admitted (5/6); of the 4 whose completion is recorded 2
// completed, 1 is not recorded; 4 discharged of 5. At the end 3 of 5 are seen (the
// pain of 12 is out of range and set aside, but sleep is there), at 6 months 2 of 5
// (b's row is empty): under 70 %. Waits 10, 20, 40, 60, 0: median 20, quartiles 10
// and 40.
func TestFlowByHand(t *testing.T) {
	f := describe.Flow(program(t), 0.95)
	for _, w := range []struct {
		name                string
		n, within, of, miss int
	}{{"referred", 6, 6, 6, 0}, {"admitted", 5, 5, 6, 0}, {"completed", 2, 2, 4, 1}, {"discharged", 4, 4, 5, 0}, {"end", 3, 3, 5, 0}, {"6 months", 2, 2, 5, 0}} {
		s := f.Stage(w.name)
		if !s.Known || s.N != w.n || s.Within != w.within || s.Of != w.of || s.Missing != w.miss {
			t.Errorf("%s: %+v, want %+v", w.name, s, w)
		}
	}
	if s := f.Stage("6 months"); !s.Low || s.Share != 0.4 || s.CI != analysis.Wilson(2, 5, 0.95) {
		t.Errorf("6 months: %+v", s)
	}
	if w := f.Wait; !w.Known || w.N != 5 || w.Median != 20 || w.Q1 != 10 || w.Q3 != 40 || w.Missing != 0 {
		t.Errorf("wait: %+v", w)
	}
	if want := []string{describe.WarnUnknown, analysis.WarnLowFollowUp}; !reflect.DeepEqual(codes(f.Warnings), want) {
		t.Errorf("warnings %v, want %v", f.Warnings, want)
	}
	r := run(t, describe.FlowAnalysis, program(t), analysis.Question{Arm: "program"}, nil)
	if e := analysistest.Find(t, r, "share_completed", "program"); e.N.Events != 2 || e.N.Arm != 3 {
		t.Errorf("program arm: %+v", e)
	}
}

// What the roles cannot say is told and null, not guessed.
func TestFlowWithoutRoles(t *testing.T) {
	bare := program(t, ", role: referred", "", ", role: admitted", "", ", role: completed", "")
	f := describe.Flow(bare, 0.95)
	for _, name := range []string{"referred", "admitted", "completed"} {
		if s := f.Stage(name); s.Known || s.Share.OK() || s.Why == "" {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := f.Stage("6 months"); s.Of != 6 || s.Parent != analysis.All {
		t.Errorf("without admission the share is of all: %+v", s)
	}
	if f.Wait.Known {
		t.Error("a wait without days")
	}
	run(t, describe.FlowAnalysis, bare, analysis.Question{}, nil)
	// Whole numbers of which some are 0 and some 1 may be flags.
	flags := program(t, "{name: completed, type: boolean", "{name: completed, type: integer", "patients.csv", strings.NewReplacer("true", "1", "false", "0").Replace(patients))
	if s := describe.Flow(flags, 0.95).Stage("completed"); s.Known || !strings.Contains(s.Why, "boolean") {
		t.Errorf("flags: %+v", s)
	}
	// Dates: the wait of a is 14 days; b was admitted before referral.
	dated := program(t, "{name: referred, type: integer", "{name: referred, type: date", "{name: admitted, type: integer", "{name: admitted, type: date",
		"patients.csv", "id,arm,age,sex,site,referred,admitted,completed,discharged\na,program,30,1,N,2026-01-01,2026-01-15,true,\nb,program,30,1,N,2026-01-05,2026-01-02,,\nc,program,30,1,N,,2026-01-02,,\n")
	if w := describe.Flow(dated, 0.95).Wait; w.N != 1 || w.Median != 14 || w.Negative != 1 || w.Missing != 1 {
		t.Errorf("dates: %+v", w)
	}
	if s := describe.Flow(dated, 0.95).Stage("admitted"); s.N != 3 || s.Within != 2 || s.Of != 2 {
		t.Errorf("admitted without referral: %+v", s)
	}
	mixed := program(t, "{name: referred, type: integer", "{name: referred, type: boolean", "patients.csv", "id,arm,age,sex,site,referred,admitted,completed,discharged\na,program,30,1,N,true,4,true,\nb,program,30,1,N,false,,,\n")
	if g := describe.Flow(mixed, 0.95); g.Wait.Known || g.Stage("referred").N != 1 {
		t.Errorf("a flag of referral: %+v", g)
	}
	roleless := program(t, ", role: discharge}", "}", ", role: follow-up", "")
	if s := describe.Flow(roleless, 0.95).Stage("end"); s.N != 3 {
		t.Errorf("visits after the baseline: %+v", s)
	}
	lost := program(t, ", role: discharge}", "}", ", role: follow-up", "", ", baseline: true", "")
	if w := describe.Flow(lost, 0.95).Warnings; !slices.Contains(codes(w), describe.WarnUnknown) {
		t.Error("no visit can be a follow-up")
	}
}

func reference(t *testing.T) analysistest.Reference {
	t.Helper()
	return analysistest.ReadReference(t, "testdata/describe.json")
}

func near(t *testing.T, what string, got analysis.Num, want, tol float64) {
	t.Helper()
	if !got.OK() || math.Abs(float64(got)-want) > tol*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: %.12g, want %.12g", what, float64(got), want)
	}
}

// Numbers of base R: testdata/describe.R.
func TestTableOneAgainstR(t *testing.T) {
	ref := reference(t)
	text := "id,arm,age,sex,site,referred,admitted,completed,discharged\n"
	for i, x := range append(slices.Clone(ref["age1"]), ref["age2"]...) {
		arm := "program"
		if i >= len(ref["age1"]) {
			arm = "usual"
		}
		text += fmt.Sprintf("p%02d,%s,%g,1,N,0,1,true,2\n", i, arm, x)
	}
	r := run(t, describe.TableOneAnalysis, program(t, "patients.csv", text), analysis.Question{Arm: "program", Reference: "usual"}, map[string]string{"columns": "age"})
	for arm, name := range map[string]string{"program": "number1", "usual": "number2"} {
		find := func(term string) analysis.Estimate { return analysistest.Find(t, r, term, arm) }
		for i, v := range []analysis.Num{analysis.Num(find("mean").N.Arm), find("mean").Value, find("sd").Value, find("median").Value, find("q1").Value, find("q3").Value, find("mean").CI.Low, find("mean").CI.High} {
			ref.Near(t, name, i, v, 1e-12)
		}
	}
	ref.Near(t, "smd_number", 0, analysistest.Find(t, r, "smd", "program").Value, 1e-12)
	whole := func(x []float64) []int {
		var out []int
		for _, v := range x {
			out = append(out, int(v))
		}
		return out
	}
	a, b := whole(ref["levels1"]), whole(ref["levels2"])
	for i, k := range []int{4, 3, 2} {
		ref.Near(t, "smd_levels", i, analysis.Num(describe.DifferenceOfShares(a[:k], b[:k])), 1e-12)
	}
}

// By hand: two levels, 3 of 10 and 5 of 10: 0.2 / √((0.21 + 0.25)/2) = 0.2/√0.23.
// Which level comes first does not matter, nor does a level that nobody has.
func TestDifferenceOfSharesByHand(t *testing.T) {
	want := 0.2 / math.Sqrt(0.23)
	for _, c := range [][2][]int{{{3, 7}, {5, 5}}, {{7, 3}, {5, 5}}, {{0, 7, 3}, {0, 5, 5}}, {{5, 5}, {3, 7}}} {
		near(t, "two levels", analysis.Num(describe.DifferenceOfShares(c[0], c[1])), want, 1e-14)
	}
	if d := describe.DifferenceOfShares([]int{4, 0}, []int{9, 0}); d != 0 {
		t.Errorf("one level alone: %v", d)
	}
	for _, c := range [][2][]int{{{0, 0}, {3, 4}}, {{5, 0}, {0, 5}}} {
		if d := describe.DifferenceOfShares(c[0], c[1]); !math.IsNaN(d) {
			t.Errorf("%v: %v", c, d)
		}
	}
}

// Those admitted count: f did not begin. Age of e is missing. Levels have labels
// and the order of the cohort file.
func TestTableOneByHand(t *testing.T) {
	c := program(t)
	groups, _, err := analysis.Input{Cohort: c}.Groups(analysis.Question{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := describe.TableOne(c, groups, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range r.Variables {
		names = append(names, v.Column)
	}
	if want := []string{"age", "sex", "site", "pain", "sleep"}; !reflect.DeepEqual(names, want) || !reflect.DeepEqual(r.Groups, []string{"program", "usual", "all"}) || !reflect.DeepEqual(r.N, []int{3, 2, 5}) {
		t.Errorf("%v %v %v", names, r.Groups, r.N)
	}
	age, sex, pain := r.Variables[0], r.Variables[1], r.Variables[3]
	if age.Numbers[0].Mean != 40 || age.Numbers[0].SD != 10 || age.Missing[1] != 1 || age.Numbers[2].N != 4 || age.SMD.OK() {
		t.Errorf("age: %+v", age)
	}
	if sex.Levels[0].Label != "male" || !reflect.DeepEqual(sex.Levels[0].N, []int{1, 1, 2}) || sex.Levels[1].Share[2] != 0.6 {
		t.Errorf("sex: %+v", sex)
	}
	// Pain at entry: 8 6 7 (mean 7, SD 1) against 5 9 (mean 7, SD √8): SMD 0.
	if pain.Visit != "entry" || pain.SMD != 0 || pain.Numbers[1].Mean != 7 {
		t.Errorf("pain: %+v", pain)
	}
	everyone := run(t, describe.TableOneAnalysis, c, analysis.Question{}, map[string]string{"patients": "all"})
	if e := analysistest.Find(t, everyone, "mean", "all"); e.N.Arm != 4 || e.N.Missing != 1 {
		t.Errorf("f has no arm, so no group: %+v", e)
	}
	// Without arms, of the six: five have an age; of those admitted, four.
	armless := program(t, ", role: arm}", "}", "arms: [{value: program}, {value: usual}]", "")
	for patients, n := range map[string]int{"all": 5, "admitted": 4} {
		if e := analysistest.Find(t, run(t, describe.TableOneAnalysis, armless, analysis.Question{}, map[string]string{"patients": patients}), "mean", "all"); e.N.Arm != n {
			t.Errorf("patients=%s: %d ages, want %d", patients, e.N.Arm, n)
		}
	}
	if _, err := describe.TableOneAnalysis.Run(t.Context(), analysis.Input{Cohort: c}, analysis.Question{}, map[string]string{"columns": "weight"}); !errors.Is(err, datasets.ErrUnknownName) {
		t.Errorf("an unknown column: %v", err)
	}
}

// By hand, of the five admitted: pain at entry 5, at the end 2 (one was out of
// range), at 6 months 2; sleep at entry 3 (one declined, one not recorded).
func TestCompletenessByHand(t *testing.T) {
	c := describe.Completeness(program(t), describe.PatientsAdmitted, nil, nil, 0.95)
	got := map[string][3]int{}
	for _, f := range c.Filled {
		got[f.Outcome+" "+f.Visit] = [3]int{f.N, f.Seen, f.Of}
	}
	want := map[string][3]int{"pain entry": {5, 5, 5}, "pain end": {2, 3, 5}, "pain month6": {2, 2, 5}, "sleep entry": {3, 5, 5}, "sleep end": {3, 3, 5}, "sleep month6": {2, 2, 5}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if len(c.SetAside) != 1 || c.SetAside[0].Code != "set-aside-range" || c.SetAside[0].Rows != 1 {
		t.Errorf("set aside: %+v", c.SetAside)
	}
	if len(c.Excluded) != 1 || c.Excluded[0].Code != datasets.CodeVisitNotListed {
		t.Errorf("excluded: %+v", c.Excluded)
	}
	cells := 0
	for _, m := range c.Reasons {
		if m.Column == "sleep" && m.Label == "declined" {
			cells += m.Cells
		}
	}
	if cells != 1 {
		t.Errorf("reasons: %+v", c.Reasons)
	}
	r := run(t, describe.CompletenessAnalysis, program(t), analysis.Question{Outcome: "pain", Visit: "end", Arm: "program"}, map[string]string{"patients": "all"})
	if len(r.Estimates) != 1 || r.Estimates[0].N.Events != 2 || r.Estimates[0].N.Arm != 3 {
		t.Errorf("%+v", r.Estimates)
	}
}

// By hand, of the five admitted (f's inpatient stay does not count):
// a 300 before (its day -400 lies outside), 5000 from admission, 6300 in all;
// b 200 before (day -365 counts), 2100 after (364 counts, 365 does not), 3299 in all;
// c 5000, d 50 of no category, e nothing. Program 12000/5, care (1300 + 1299 + 50)/5.
func TestCostsByHand(t *testing.T) {
	c, err := describe.Costs(program(t), describe.DefaultCosts, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "program", c.Program.All.Mean, 2400, 1e-14)
	near(t, "care", c.Care.All.Mean, 2649.0/5, 1e-14)
	near(t, "total", c.Total.All.Mean, 14649.0/5, 1e-14)
	near(t, "care before", c.Care.Before.Mean, 100, 1e-14)
	near(t, "care after", c.Care.After.Mean, 30, 1e-14)
	near(t, "change in care", c.Care.Change.Mean, -70, 1e-14)
	near(t, "median", c.Total.All.Median, 3299, 1e-14)
	near(t, "without program", c.Program.All.Zero, 0.4, 1e-14)
	var names []string
	for _, i := range c.Categories {
		names = append(names, i.Name)
	}
	if !reflect.DeepEqual(names, []string{"program", "inpatient", "emergency", "not stated"}) || c.Patients != 5 || c.Without != 1 || c.Unit != "USD" || !c.Periods || c.FirstDay != -400 || c.LastDay != 365 {
		t.Errorf("%v %+v", names, c)
	}
	o := describe.DefaultCosts
	o.NoRecord = describe.NoRecordMissing
	if m, err := describe.Costs(program(t), o, 0.95); err != nil || m.Patients != 4 || m.Total.All.Mean != 14649.0/4 {
		t.Errorf("without those without a record: %+v %v", m.Total.All, err)
	}
	// Success: pain at 6 months at least 30 % under entry: a (8 to 3) alone; 12000/1.
	r := run(t, describe.CostsAnalysis, program(t), analysis.Question{Outcome: "pain", Visit: "month6"}, nil)
	e := analysistest.Find(t, r, "cost_per_success", "")
	if e.Value != 12000 || e.N.Events != 1 || e.N.Missing != 3 || e.N.Arm != 5 {
		t.Errorf("cost per success: %+v", e)
	}
}

func TestCostsWarn(t *testing.T) {
	has := func(c *datasets.Cohort, o describe.CostOptions, code string) describe.CostsResult {
		t.Helper()
		r, err := describe.Costs(c, o, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(codes(r.Warnings), code) {
			t.Errorf("no warning %s in %v", code, r.Warnings)
		}
		return r
	}
	two := program(t, "costs.csv", strings.Replace(costs, "50,2025", "50,2024", 1))
	if r := has(two, describe.DefaultCosts, describe.WarnMixedPrices); !reflect.DeepEqual(r.PriceYears, []string{"2024", "2025"}) {
		t.Errorf("%v", r.PriceYears)
	}
	unit := program(t, "{name: year, type: integer, role: price_year}", "{name: year, type: string, role: unit}", "costs.csv", strings.Replace(costs, "50,2025", "50,EUR", 1))
	if r := has(unit, describe.DefaultCosts, describe.WarnMixedCurrency); r.Total.All.Mean.OK() || r.Program.All.Mean.OK() {
		t.Error("currencies were added")
	}
	run(t, describe.CostsAnalysis, unit, analysis.Question{}, nil)
	gone := program(t, "costs.csv", strings.Replace(costs, ",50,", ",,", 1))
	has(gone, describe.DefaultCosts, analysis.WarnExcluded)
	o := describe.DefaultCosts
	o.Program = []string{"rehabilitation"}
	if r := has(program(t), o, describe.WarnUnknown); r.Program.Name != "" || r.Program.All.Mean.OK() {
		t.Error("a program that is not there")
	}
	// Day numbers of the clock of admission: c's day 0 is 40 days before admission.
	o = describe.DefaultCosts
	o.Day = describe.DayClock
	r, err := describe.Costs(program(t), o, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "before by the clock", r.Program.Before.Mean, 2400, 1e-14)
	days := program(t, "{name: day, type: integer, role: day}", "{name: day, type: integer}")
	if r := has(days, describe.DefaultCosts, describe.WarnUnknown); r.Periods || r.Total.Before.Mean.OK() {
		t.Error("periods without a day")
	}
	if _, err := describe.CostsAnalysis.Run(t.Context(), analysis.Input{Cohort: program(t, "role: cost, unit", "unit")}, analysis.Question{}, nil); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("without costs: %v", err)
	}
}

// Numbers of base R: testdata/describe.R.
func TestCostsAgainstR(t *testing.T) {
	ref := reference(t)
	text := "id,day,kind,cost,year\n"
	people := "id,arm,age,sex,site,referred,admitted,completed,discharged\n"
	for i, x := range ref["cost"] {
		text += fmt.Sprintf("p%d,1,program,%g,2025\n", i, x)
		people += fmt.Sprintf("p%d,program,30,1,N,0,1,true,2\n", i)
	}
	c, err := describe.Costs(program(t, "costs.csv", text, "patients.csv", people, "visits.csv", "id,visit,pain,sleep\np0,entry,1,1\n"), describe.DefaultCosts, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Program.All
	for i, v := range []analysis.Num{s.Mean, s.SE, s.CI.Low, s.CI.High, s.Median, s.Q1, s.Q3} {
		ref.Near(t, "cost_summary", i, v, 1e-12)
	}
	r, of := c.PerSuccess(ref["success"], 0.95)
	for i, v := range []analysis.Num{r.Value, r.SE, r.CI.Low, r.CI.High} {
		ref.Near(t, "per_success", i, v, 1e-9)
	}
	if of != "program" || !slices.Contains(codes(c.Warnings), describe.WarnSkewed) {
		t.Errorf("%s %v", of, c.Warnings)
	}
	ref.Near(t, "wilson", 0, analysis.Wilson(7, 12, 0.95).Low, 1e-12)
}

var all = []*analysis.Analysis{describe.FlowAnalysis, describe.TableOneAnalysis, describe.CompletenessAnalysis, describe.CostsAnalysis}

// Nobody, and one patient: every number that is there conforms, and none fails.
func TestFewPatients(t *testing.T) {
	head := func(text string, lines int) string {
		return strings.Join(strings.SplitAfter(text, "\n")[:lines], "")
	}
	for _, lines := range []int{1, 2} {
		c := program(t, "patients.csv", head(patients, lines), "visits.csv", head(visits, lines), "costs.csv", head(costs, lines))
		for _, a := range all {
			run(t, a, c, analysis.Question{}, nil)
		}
		run(t, describe.CostsAnalysis, c, analysis.Question{Outcome: "pain", Visit: "month6"}, nil)
	}
}

// The order of rows does not matter; each patient twice doubles every count and
// leaves means, medians and shares.
func TestRelations(t *testing.T) {
	turned := func(text string) string {
		rows := analysistest.Rows(t, text)
		slices.Reverse(rows[1:])
		return analysistest.Write(rows)
	}
	twice := func(text string) string {
		rows := analysistest.Rows(t, text)
		for _, row := range rows[1:] {
			again := slices.Clone(row)
			again[0] += "2"
			rows = append(rows, again)
		}
		return analysistest.Write(rows)
	}
	change := func(f func(string) string) *datasets.Cohort {
		return program(t, "patients.csv", f(patients), "visits.csv", f(visits), "costs.csv", f(costs))
	}
	for _, a := range all {
		r := run(t, a, program(t), analysis.Question{}, nil)
		s := run(t, a, change(turned), analysis.Question{}, nil)
		d := run(t, a, change(twice), analysis.Question{}, nil)
		if len(r.Estimates) != len(s.Estimates) || len(r.Estimates) != len(d.Estimates) {
			t.Fatalf("%s: %d, %d and %d estimates", a.Name, len(r.Estimates), len(s.Estimates), len(d.Estimates))
		}
		for i, e := range r.Estimates {
			if x, y := e.Row(), s.Estimates[i].Row(); fmt.Sprint(x.Term, x.Outcome, x.Definition, x.Visit, x.NArm, x.NMissing, x.NEvents) != fmt.Sprint(y.Term, y.Outcome, y.Definition, y.Visit, y.NArm, y.NMissing, y.NEvents) || different(x.Estimate, y.Estimate) {
				t.Errorf("%s %s %s: depends on the order of rows: %v of n=%d, %v of n=%d", a.Name, e.Term, e.Outcome, x.Estimate, x.NArm, y.Estimate, y.NArm)
			}
			f := d.Estimates[i]
			switch {
			case e.Scale == analysis.ScaleCount:
				if f.Value != 2*e.Value {
					t.Errorf("%s %s: count of twice the patients", a.Name, e.Term)
				}
			case e.Term == "mean" || strings.HasPrefix(e.Term, "share") || strings.HasPrefix(e.Term, "mean_") || e.Term == "complete":
				if different(f.Value, e.Value) || f.N.Arm != 2*e.N.Arm {
					t.Errorf("%s %s: %v of twice the patients, %v of once", a.Name, e.Term, f.Value, e.Value)
				}
			}
		}
	}
}

func different(a, b analysis.Num) bool {
	if !a.OK() || !b.OK() {
		return a.OK() != b.OK()
	}
	return math.Abs(float64(a-b)) > 1e-12*math.Max(1, math.Abs(float64(a)))
}
