package taper_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/taper"
)

// seg is a dose of so many MME a day on days from the first to the last.
type seg struct{ from, to, mme float64 }

// person is a patient with a dose history; discharged is a day, 0 for none.
type person struct {
	id, arm    string
	discharged int
	doses      []seg
}

const historyFile = `
name: histories
resources:
  - name: patients
    path: p
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: in, type: date, role: admitted}
        - {name: out, type: date, role: discharged}
  - name: doses
    path: d
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: from, type: date, role: start}
        - {name: to, type: date, role: end}
        - {name: dose, type: number, role: dose, unit: MME/day}
`

// admitted returns a cohort of these patients, each admitted on the same day 0.
func admitted(t *testing.T, people ...person) analysis.Input {
	t.Helper()
	zero := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	on := func(day float64) string { return zero.AddDate(0, 0, int(day)).Format("2006-01-02") }
	var ps, ds strings.Builder
	ps.WriteString("id,arm,in,out\n")
	ds.WriteString("id,from,to,dose\n")
	for _, p := range people {
		out := ""
		if p.discharged > 0 {
			out = on(float64(p.discharged))
		}
		if p.arm == "" {
			p.arm = "x"
		}
		fmt.Fprintf(&ps, "%s,%s,%s,%s\n", p.id, p.arm, on(0), out)
		for _, s := range p.doses {
			fmt.Fprintf(&ds, "%s,%s,%s,%g\n", p.id, on(s.from), on(s.to), s.mme)
		}
	}
	return analysis.Input{Cohort: analysistest.Cohort(t, historyFile, map[string]string{"p": ps.String(), "d": ds.String()})}
}

// before is a dose on each of the 365 days before day 0.
func before(mme float64) seg { return seg{-365, -1, mme} }

// asked runs taper/definitions for one definition and holds the share _all to how
// many have the event, of how many, with how many unknown.
func asked(t *testing.T, in analysis.Input, name string, yes, of, unknown int, set map[string]string) analysis.Estimate {
	t.Helper()
	r := run(t, taper.DefinitionsAnalysis, in, analysis.Question{Definition: name}, set)
	e := analysistest.Find(t, r, strings.ReplaceAll(name, "-", "_")+"_all", "x")
	if e.N != (analysis.N{Arm: of, Missing: unknown, Events: yes}) || e.CI != analysis.Wilson(yes, of, 0.95) {
		t.Errorf("%s: %d of %d, %d unknown; want %d of %d, %d unknown", name, e.N.Events, e.N.Arm, e.N.Missing, yes, of, unknown)
	}
	known := analysistest.Find(t, r, strings.ReplaceAll(name, "-", "_")+"_known", "x")
	if known.N.Arm != of-unknown || known.N.Events != yes {
		t.Errorf("%s: known %+v", name, known.N)
	}
	return e
}

// A stable year at 100 MME, then:
//
//	a  84 on days 30-89, else 100: the window 30-89 is 16 % below        tapered
//	b  86 throughout: 14 % below                                          not
//	c  a year at 49: no stable baseline                                   outside
//	d  known on days -28 to -1 alone: no year of baseline                 unknown
//	e  69 on days 150-209: the last window is 31 % below                  tapered, 30 too
//	f  known to day 20 alone: 21 of the first window's 60 days, no
//	   two months of follow-up                                            outside
//	g  82 on days 15-74: these 60 days are 18 % below, but no window of
//	   the six: 0-59 has (15 · 100 + 45 · 82)/60 = 86.5                    not
//	h  55 from day 30                                                     tapered, 30 too
//	i  no dose known on days 60-209, 100 before: windows unknown          unknown
func fentonPeople() []person {
	return []person{
		{id: "a", doses: []seg{before(100), {0, 29, 100}, {30, 89, 84}, {90, 209, 100}}},
		{id: "b", doses: []seg{before(100), {0, 209, 86}}},
		{id: "c", doses: []seg{before(49), {0, 209, 0}}},
		{id: "d", doses: []seg{{-28, -1, 100}, {0, 209, 0}}},
		{id: "e", doses: []seg{before(100), {0, 149, 100}, {150, 209, 69}}},
		{id: "f", doses: []seg{before(100), {0, 20, 10}}},
		{id: "g", doses: []seg{before(100), {0, 14, 100}, {15, 74, 82}, {75, 209, 100}}},
		{id: "h", doses: []seg{before(100), {0, 29, 100}, {30, 209, 55}}},
		{id: "i", doses: []seg{before(100), {0, 59, 100}}},
	}
}

func TestFenton(t *testing.T) {
	in := admitted(t, fentonPeople()...)
	e := asked(t, in, "fenton-15", 3, 6, 1, nil)
	if !slices.ContainsFunc(e.Warnings, func(w analysis.Warning) bool { return strings.Contains(w.Message, "of 1 of 9 patients") }) {
		t.Errorf("nothing tells of the patient without a year: %+v", e.Warnings)
	}
	asked(t, in, "fenton-30", 2, 6, 1, nil)
}

// Of the tapered a, e and h the largest falls are 16, 31 and 45 % of baseline a month:
// h alone is over 40. i is not known to be tapered, and in no denominator.
func TestRapidTaper(t *testing.T) {
	asked(t, admitted(t, fentonPeople()...), "rapid-taper", 1, 3, 0, nil)
}

// Quarters before day 0 are days -364 to -274, -273 to -183, -182 to -92 and -91 to -1.
//
//	a  every day; none on days 100-159 (60), then again     long-term; stopped by both
//	b  every day; none on days 100-158 (59)                 long-term; by the 30-day gap alone
//	c  every day; none on days 100-128 (29)                 long-term; by neither
//	d  every day; no record from day 100                    long-term; unknown is not stopped
//	e  61 days in three quarters, 60 in the last; none from day 0  not long-term; 30-day gap
//	f  61 days in every quarter; none from day 0            long-term; stopped by both
//	g  known on days -28 to -1 alone; none from day 0       unknown; 30-day gap
func stoppers() []person {
	whole := func(id string, rest ...seg) person {
		return person{id: id, doses: append([]seg{before(60), {0, 99, 60}}, rest...)}
	}
	quarters := func(last float64) []seg {
		return []seg{{-364, -304, 60}, {-303, -274, 0}, {-273, -213, 60}, {-212, -183, 0}, {-182, -122, 60}, {-121, -92, 0}, {-91, -last - 1, 0}, {-last, -1, 60}, {0, 364, 0}}
	}
	return []person{
		whole("a", seg{100, 159, 0}, seg{160, 364, 60}),
		whole("b", seg{100, 158, 0}, seg{159, 364, 60}),
		whole("c", seg{100, 128, 0}, seg{129, 364, 60}),
		whole("d"),
		{id: "e", doses: quarters(60)},
		{id: "f", doses: quarters(61)},
		{id: "g", doses: []seg{{-28, -1, 60}, {0, 364, 0}}},
	}
}

// By neprash-stopped and bao-stopped, a and f are yes, b by the second alone, c neither, d
// unknown; e is in the second's denominator alone, g not known to be in the first's. Three
// of four agree, and chance gives 1/2 · 3/4 + 1/2 · 1/4 = 1/2: κ = 1/2.
func TestDenominatorsOfTwoDefinitions(t *testing.T) {
	r := run(t, taper.DefinitionsAnalysis, admitted(t, stoppers()...), analysis.Question{}, nil)
	for _, tab := range r.Tables {
		for _, row := range tab.Rows {
			if tab.Name == "agreement" && row[0].Text == "neprash-stopped" && row[1].Text == "bao-stopped" {
				for i, want := range []float64{4, 2, 0, 1, 1, 1, 0.5, 1} {
					near(t, tab.Columns[2+i], row[2+i].Num, want, 1e-12)
				}
				return
			}
		}
	}
	t.Error("the two are not held against each other")
}

// Of 7 on opioids 5 stopped and 1 is unknown: the share of all lies between 5/7 and 6/7.
func TestKnownSharesLean(t *testing.T) {
	r := run(t, taper.DefinitionsAnalysis, admitted(t, stoppers()...), analysis.Question{Definition: "bao-stopped"}, nil)
	e := analysistest.Find(t, r, "bao_stopped_known", "x")
	if !slices.ContainsFunc(e.Warnings, func(w analysis.Warning) bool {
		return w.Code == "leans-to-yes" && strings.Contains(w.Message, "between 71.4 and 85.7 %")
	}) {
		t.Errorf("%+v", e.Warnings)
	}
}

func TestNeprashStopped(t *testing.T) {
	asked(t, admitted(t, stoppers()...), "neprash-stopped", 2, 5, 1, nil) // a f of a b c d f
}

func TestBaoStopped(t *testing.T) {
	in := admitted(t, stoppers()...)
	asked(t, in, "bao-stopped", 5, 7, 1, nil)                                   // a b e f g of all
	asked(t, in, "bao-stopped", 3, 7, 0, map[string]string{"follow_up": "120"}) // e f g; of a b c d no more than 20 days are in sight
	asked(t, in, "bao-stopped", 6, 7, 0, map[string]string{"gap": "zero"})      // and d: its source says none to day 364
}

// Stopped from day 100 on, the last month is days 70 to 99, the 7th to 12th month
// before it days -260 to -81.
//
//	a  100, then 60 from day 0: 40 % below     abrupt
//	b  100, then 50 from day 0: 50 % below     not
//	c  61 days of every quarter at 100, others unknown, then 60: by how many must be known
//	d  never stopped                            outside
func TestNeprashAbrupt(t *testing.T) {
	in := admitted(t,
		person{id: "a", doses: []seg{before(100), {0, 99, 60}, {100, 364, 0}}},
		person{id: "b", doses: []seg{before(100), {0, 99, 50}, {100, 364, 0}}},
		person{id: "d", doses: []seg{before(100), {0, 364, 60}}},
	)
	asked(t, in, "neprash-abrupt", 1, 2, 0, nil)
	gaps := admitted(t, person{id: "a", doses: []seg{before(100), {0, 99, 60}, {100, 364, 0}}},
		person{id: "c", doses: []seg{{-364, -261, 100}, {-260, -244, 100}, {-182, -122, 100}, {-61, -1, 100}, {-243, -213, 100}, {0, 99, 60}, {100, 364, 0}}})
	asked(t, gaps, "neprash-abrupt", 2, 2, 0, map[string]string{"min_known": "0.5"}) // c: 17 + 31 + 61 = 109 days of 180 known, at 100
	asked(t, gaps, "neprash-abrupt", 1, 2, 1, map[string]string{"min_known": "0.7"}) // 109 of 180 are under 70 %
}

// Discharged on day 20, all but e and f on opioids at entry:
//
//	a  off on day 20, again from day 300: on 12 months later (days 343 to 427)
//	b  off on day 20 and for good: known off 12 months later
//	c  a dose on day 20, off from day 21: not off at discharge
//	d  no record on day 20: unknown
//	e  nothing at entry: outside
//	f  off on day 20, no record later: not known 12 months later
//	g  off on day 20, again on days 300-340 alone, then off: not on 12 months later
func discharged() []person {
	entry := seg{-28, 19, 60}
	return []person{
		{id: "a", discharged: 20, doses: []seg{entry, {20, 299, 0}, {300, 500, 30}}},
		{id: "b", discharged: 20, doses: []seg{entry, {20, 500, 0}}},
		{id: "c", discharged: 20, doses: []seg{entry, {20, 20, 5}, {21, 500, 0}}},
		{id: "d", discharged: 20, doses: []seg{entry, {21, 500, 0}}},
		{id: "e", discharged: 20, doses: []seg{{-28, 500, 0}}},
		{id: "f", discharged: 20, doses: []seg{entry, {20, 100, 0}}},
		{id: "g", discharged: 20, doses: []seg{entry, {20, 299, 0}, {300, 340, 30}, {341, 500, 0}}},
	}
}

func TestOffAtDischarge(t *testing.T) {
	in := admitted(t, discharged()...)
	asked(t, in, "off-at-discharge", 4, 6, 1, nil)  // a b f g of a b c d f g; d unknown
	asked(t, in, "resumed-12-months", 1, 4, 1, nil) // a of a b f g; f unknown
}

// 80 to 40 is half, 80 to 41 is not; 30 to 10 is, and its 30 is not over 40; 90 to a
// dose known on 10 of the 29 days of the window is not known.
func TestRegistry(t *testing.T) {
	in := admitted(t,
		person{id: "a", doses: []seg{{-28, -1, 80}, {152, 180, 40}}},
		person{id: "b", doses: []seg{{-28, -1, 80}, {152, 180, 41}}},
		person{id: "c", doses: []seg{{-28, -1, 30}, {152, 180, 10}}},
		person{id: "d", doses: []seg{{-28, -1, 90}, {152, 161, 0}}},
		person{id: "e", doses: []seg{{-28, -1, 0}, {152, 180, 0}}},
	)
	asked(t, in, "registry-50", 2, 4, 1, nil)
	asked(t, in, "registry-50-over-40", 1, 3, 1, nil)
	asked(t, in, "registry-50-over-40", 2, 3, 0, map[string]string{"min_known": "0.3"}) // d: to 0
}

// By registry-50 and bao-stopped of the same patients: both 1 (a), the registry alone 1 (b),
// the gap alone 1 (c), neither 1 (d). Half agree, and chance alone gives half: κ = 0.
func TestAgreementOfDefinitions(t *testing.T) {
	base := seg{-28, -1, 80}
	in := admitted(t,
		person{id: "a", doses: []seg{base, {0, 99, 80}, {100, 364, 0}}},
		person{id: "b", doses: []seg{base, {0, 364, 40}}},
		person{id: "c", doses: []seg{base, {0, 29, 0}, {30, 364, 80}}},
		person{id: "d", doses: []seg{base, {0, 364, 80}}},
	)
	r := run(t, taper.DefinitionsAnalysis, in, analysis.Question{}, nil)
	var names []string
	for _, tab := range r.Tables {
		for _, row := range tab.Rows {
			switch tab.Name {
			case "refused":
				names = append(names, row[0].Text)
			case "agreement":
				if row[0].Text == "bao-stopped" && row[1].Text == "registry-50" {
					for i, want := range []float64{4, 1, 1, 1, 1, 2, 0, 0} {
						if float64(row[2+i].Num) != want {
							t.Errorf("agreement %s: %v, want %v", tab.Columns[2+i], row[2+i].Num, want)
						}
					}
				}
			}
		}
	}
	want := []string{"fenton-15", "fenton-30", "rapid-taper", "neprash-stopped", "neprash-abrupt", "off-at-discharge", "resumed-12-months"}
	if !slices.Equal(names, want) {
		t.Errorf("refused %v, want %v", names, want)
	}
	for name, why := range map[string]string{"fenton-15": "12 months", "off-at-discharge": "no discharge status", "neprash-stopped": "four quarters"} {
		_, err := taper.DefinitionsAnalysis.Run(t.Context(), in, analysis.Question{Definition: name}, nil)
		if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(fmt.Sprint(err), name) || !strings.Contains(fmt.Sprint(err), why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The share of one arm less that of the other is Newcombe's, and the arms swapped give
// the same with the other sign; every dose and the thresholds' own unit apart, a
// tenth of every dose changes no rule without a threshold in MME.
func TestDefinitionsRelations(t *testing.T) {
	people := stoppers()
	for i := range people {
		people[i].arm = []string{"x", "y"}[i%2]
	}
	in := admitted(t, people...)
	ab := run(t, taper.DefinitionsAnalysis, in, analysis.Question{Arm: "x", Reference: "y"}, nil)
	ba := run(t, taper.DefinitionsAnalysis, in, analysis.Question{Arm: "y", Reference: "x"}, nil)
	d, back := analysistest.Find(t, ab, "difference_bao_stopped_all", "x"), analysistest.Find(t, ba, "difference_bao_stopped_all", "y")
	if d.Value != -back.Value || math.Abs(float64(d.CI.Low+back.CI.High)) > 1e-15 || d.CI != analysis.Newcombe(3, 4, 2, 3, 0.95) {
		t.Errorf("%v %v, swapped %v %v", d.Value, d.CI, back.Value, back.CI)
	}
	for i := range people {
		for j := range people[i].doses {
			people[i].doses[j].mme /= 10
		}
	}
	tenth := run(t, taper.DefinitionsAnalysis, admitted(t, people...), analysis.Question{}, nil)
	all := run(t, taper.DefinitionsAnalysis, in, analysis.Question{}, nil)
	for _, term := range []string{"neprash_stopped_all", "neprash_abrupt_all", "bao_stopped_all", "registry_50_known"} {
		if a, b := analysistest.Find(t, all, term, "x"), analysistest.Find(t, tenth, term, "x"); a.N != b.N {
			t.Errorf("%s: %+v, of a tenth of every dose %+v", term, a.N, b.N)
		}
	}
}
