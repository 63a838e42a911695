package design

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestEmbeddedFilesAreSound(t *testing.T) {
	s, err := ParseScenario("default-scenario.yaml", DefaultScenario())
	if err != nil {
		t.Fatal(err)
	}
	if s.Draws != 100 || s.Population.Pain.Mean != 6.4 || s.Strategies[0] != UsualCare {
		t.Errorf("read %+v", s)
	}
	for _, name := range BuiltinNames() {
		d, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		if d.Name != name {
			t.Errorf("file %s holds design %s", name, d.Name)
		}
	}
	if _, err := Builtin("nothing"); err == nil || !strings.Contains(err.Error(), "interdisciplinary-4-week") {
		t.Errorf("error %v, want one that lists the designs", err)
	}
}

const small = `name: small
title: Small
group_size: 4
overhead: 0.5
bed_day_price: 100
phases:
  - name: only
    weeks: 2
    hours: {psychotherapy: 2, coping_skills: 3}
    staff:
      - {discipline: psychologist, individual_hours: 2, group_hours: 4, price: 50}
    bed_days: 5
`

// One week: staff 50·(2 + 4/4)·1.5 = 225, beds 5·100 = 500, together 725; two
// weeks 1450; hours 2·5 = 10.
func TestCost(t *testing.T) {
	d, err := Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.PlannedCost(); math.Abs(got-1450) > 1e-9 {
		t.Errorf("planned cost %g, want 1450", got)
	}
	if d.PlannedHours() != 10 || d.PlannedWeeks() != 2 || d.BoosterCost() != 0 {
		t.Errorf("hours %g, weeks %d, booster %g", d.PlannedHours(), d.PlannedWeeks(), d.BoosterCost())
	}
}

// Every problem is listed with its line and column.
func TestProblemsArePlaced(t *testing.T) {
	bad := strings.NewReplacer(
		"group_size: 4", "group_size: 0",
		"psychotherapy: 2", "yoga: 2",
		"price: 50", "price: -1",
	).Replace(small)
	_, err := Parse("bad.yaml", []byte(bad))
	var p *Problems
	if !errors.As(err, &p) || len(p.List) != 3 {
		t.Fatalf("error %v, want three problems", err)
	}
	for i, want := range []string{"bad.yaml:3:13: group_size", "bad.yaml:9:19: phases[0].hours.yoga", "bad.yaml:11:80: phases[0].staff[0].price"} {
		if line := strings.Split(err.Error(), "\n")[i]; !strings.HasPrefix(line, want) {
			t.Errorf("problem %d is %q, want it to begin with %q", i, line, want)
		}
	}
}

func TestFaultyFilesAreRefused(t *testing.T) {
	scenario := string(DefaultScenario())
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":       {strings.Replace(scenario, "seed: 1", "sead: 1", 1), "sead: unknown key"},
		"missing key":       {strings.Replace(scenario, "horizon_weeks: 104\n", "", 1), "horizon_weeks: is missing"},
		"twice":             {scenario + "seed: 2\n", "seed"},
		"text for number":   {strings.Replace(scenario, "female: 0.6", "female: most", 1), "expected a number, found text"},
		"number for text":   {strings.Replace(scenario, "perspective: health-system", "perspective: 3", 1), "expected text"},
		"fraction for int":  {strings.Replace(scenario, "draws: 100", "draws: 1.5", 1), "whole number"},
		"list for number":   {strings.Replace(scenario, "draws: 100", "draws: [1]", 1), "expected a number, found a list"},
		"not a number":      {strings.Replace(scenario, "female: 0.6", "female: .nan", 1), "number"},
		"shares":            {strings.Replace(scenario, "full: 0.342", "full: 0.5", 1), "sum to"},
		"strategy":          {strings.Replace(scenario, "lumbar-fusion]", "fusion]", 1), "is not known"},
		"strategy twice":    {strings.Replace(scenario, "lumbar-fusion]", "usual-care]", 1), "more than once"},
		"perspective":       {strings.Replace(scenario, "perspective: health-system", "perspective: mine", 1), "use health-system or insurer or societal"},
		"anchor":            {strings.Replace(scenario, "female: 0.6", "female: &x 0.6", 1), "expected a number"},
		"broken YAML":       {"name: [a", "not valid YAML"},
		"empty":             {"", "YAML document"},
		"two documents":     {"name: a\n---\nname: b\n", "exactly one"},
		"too large":         {"name: " + strings.Repeat("a", 70000), "64 KiB"},
		"too many keys":     {"designs: [" + strings.Repeat("{}, ", 3000) + "{}]", "2000"},
		"willingness order": {strings.Replace(scenario, "[0, 25000,", "[25000, 0,", 1), "larger than the one before"},
		"design name taken": {scenario + "designs: [{name: usual-care, title: x, group_size: 1, phases: [{name: a, weeks: 1, hours: {}, staff: []}]}]\n", "name of a comparator"},
	} {
		_, err := ParseScenario("s.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

// The digest depends on meaning, not on layout, and on the designs used.
func TestDigest(t *testing.T) {
	read := func(text string) string {
		s, err := ParseScenario("s", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	text := string(DefaultScenario())
	if read(text) != read(strings.Replace(text, "seed: 1\n", "", 1)) {
		t.Error("writing out a default changes the digest")
	}
	if read(text) == read(strings.Replace(text, "seed: 1", "seed: 2", 1)) {
		t.Error("another seed has the same digest")
	}
	d := "designs:\n  - " + strings.ReplaceAll(strings.TrimSpace(small), "\n", "\n    ") + "\n"
	d = strings.Replace(d, "name: small", "name: interdisciplinary-4-week", 1)
	if read(text) == read(text+d) {
		t.Error("another design of the same name has the same digest")
	}
}

func FuzzParseScenario(f *testing.F) {
	f.Add(DefaultScenario())
	f.Add([]byte("name: [a, {b: c}]\n? x\n: y"))
	f.Add([]byte("a: &x [1]\nb: *x\n<<: *x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseScenario("f", b)
		if err == nil && len(Check(s)) > 0 {
			t.Error("a scenario was accepted that Check refuses")
		}
	})
}

// Prices in another money are each times the factor, and so is all that is worked out from
// them; the design itself stays as it was.
func TestDesignInAnotherMoney(t *testing.T) {
	d, err := Builtin("inpatient")
	if err != nil {
		t.Fatal(err)
	}
	d.Boosters = &Booster{Weeks: []int{4}, Staff: []Staff{{Discipline: "psychologist", GroupHours: 2, Price: 95}}}
	before := d.PlannedCost()
	x := d.Times(10, "SEK", 2022)
	for what, v := range map[string][2]float64{
		"plan": {d.PlannedCost(), x.PlannedCost()}, "booster": {d.BoosterCost(), x.BoosterCost()}, "bed day": {d.BedDayPrice, x.BedDayPrice}, "week": {d.WeekCost(d.Phases[0]), x.WeekCost(x.Phases[0])},
	} {
		if !(v[0] > 0) || v[1] < 9.999999*v[0] || v[1] > 10.000001*v[0] {
			t.Errorf("%s: %g and %g", what, v[0], v[1])
		}
	}
	if code, year := x.Money(); code != "SEK" || year != 2022 || d.PlannedCost() != before {
		t.Errorf("%s %d", code, year)
	}
	if code, year := d.Money(); code != "USD" || year != 0 {
		t.Errorf("%s %d", code, year)
	}
}

// What a scenario says of its money is checked, and changes its digest only where said.
func TestScenarioMoney(t *testing.T) {
	s, err := ParseScenario("s", DefaultScenario())
	if err != nil || s.MoneyName() != "USD" {
		t.Fatalf("%v, %s", err, s.MoneyName())
	}
	for text, says := range map[string]string{
		"price_year: 2024":                     "",
		"currency: EUR/DEU\nprice_year: 2022":  "",
		"currency: dollars":                    "three capital letters",
		"price_year: 24":                       "1900",
		"undated_price_year: 2020":             "price_year",
		"price_year: 2024\nprice_index: gdp":   "cpi or cpi-medical",
		"price_year: 2024\nprice_order: never": "inflate-first",
		"moved_prices: []":                     "moved_prices",
	} {
		_, err := ParseScenario("s", append(DefaultScenario(), []byte("\n"+text+"\n")...))
		if (says == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
