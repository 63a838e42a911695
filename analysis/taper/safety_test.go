package taper_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/taper"
)

// flagged runs taper/safety and holds the share _all of one flag.
func flagged(t *testing.T, in analysis.Input, name string, yes, of, unknown int) {
	t.Helper()
	r := run(t, taper.SafetyAnalysis, in, analysis.Question{Definition: name}, nil)
	e := analysistest.Find(t, r, strings.ReplaceAll(name, "-", "_")+"_all", "x")
	if e.N != (analysis.N{Arm: of, Missing: unknown, Events: yes}) {
		t.Errorf("%s: %d of %d, %d unknown; want %d of %d, %d unknown", name, e.N.Events, e.N.Arm, e.N.Missing, yes, of, unknown)
	}
}

// steps falls from 100 by so much every so many days from day 0, to zero and no
// further, up to day 209.
func steps(by float64, days int) []seg {
	var out []seg
	for k, v := 1, 100-by; k*days <= 210; k, v = k+1, v-by {
		out = append(out, seg{float64((k - 1) * days), float64(k*days - 1), max(v, 0)})
	}
	return out
}

// From a mean of 100, every patient but the last with a year before:
//
//	a  10 a month: at the limit of a month         no flag
//	b  11 a month                                  over 10 a month
//	c  11 a week: 15.5 and 47 a month              over 10 a month, a week, 30 and 40 a month
//	d  35 in the first month, then level           over 10 a month, 10 a week (at once), 30 a month
//	e  as b, known from day -28 alone              no year: outside the first flag
//	f  as a, but months 3 to 7 unknown             not known
//	g  4 a week: 10.7 and 17.1 a month             over 10 a month
//	h  89 in the second week, else level           over 10 a week; so has i
//
// c by months: the weeks of month 1 are at 89 78 67 56 and two days at 45: mean
// (7 · 290 + 2 · 45)/30 = 70.67, a fall of 29.3; month 2 has 5 days at 45, 7 each at 34,
// 23, 12 and 4 at 1: (225 + 483 + 4)/30 = 23.7, a fall of 46.9.
func TestFlagsOfFalls(t *testing.T) {
	year := before(100)
	d := []seg{year, {0, 209, 65}}
	in := admitted(t,
		person{id: "a", doses: append(steps(10, 30), year)},
		person{id: "b", doses: append(steps(11, 30), year)},
		person{id: "c", doses: append(steps(11, 7), year)},
		person{id: "d", doses: d},
		person{id: "e", doses: append(steps(11, 30), seg{-28, -1, 100})},
		person{id: "f", doses: []seg{year, {0, 29, 90}, {30, 59, 80}}},
		person{id: "g", doses: append(steps(4, 7), year)},
		person{id: "h", doses: []seg{year, {0, 6, 100}, {7, 13, 89}, {14, 209, 100}}},
		person{id: "i", doses: []seg{year, {0, 6, 100}, {7, 13, 89}, {14, 209, 100}}},
	)
	flagged(t, in, "over-10-a-month-after-a-year", 4, 8, 1) // b c d g of all but e
	flagged(t, in, "over-10-a-week", 6, 9, 1)               // b c d e h i: a fall of 11 is one week's too
	flagged(t, in, "over-30-a-month", 2, 9, 1)              // c d
	flagged(t, in, "over-40-a-month", 1, 9, 1)              // c
}

// From 100 at entry: a stops at once; b after 30 days at 50, half of it; c after 30 days
// at 51; d for 29 days alone; e has no record after day 9.
func TestAbruptStop(t *testing.T) {
	entry := seg{-28, -1, 100}
	in := admitted(t,
		person{id: "a", doses: []seg{entry, {0, 364, 0}}},
		person{id: "b", doses: []seg{entry, {0, 29, 50}, {30, 364, 0}}},
		person{id: "c", doses: []seg{entry, {0, 29, 51}, {30, 364, 0}}},
		person{id: "d", doses: []seg{entry, {0, 28, 0}, {29, 364, 100}}},
		person{id: "e", doses: []seg{entry, {0, 9, 100}}},
	)
	flagged(t, in, "abrupt-stop", 2, 5, 1)
}

// Bands hold 50 and 90 themselves, and count those without opioids below the line.
func TestDoseBands(t *testing.T) {
	in := admitted(t,
		person{id: "a", doses: []seg{{-28, -1, 90}, {152, 180, 49.9}}},
		person{id: "b", doses: []seg{{-28, -1, 89.9}, {152, 180, 95}}},
		person{id: "c", doses: []seg{{-28, -1, 50}}},
		person{id: "d", doses: []seg{{-28, -1, 0}, {152, 180, 0}}},
	)
	flagged(t, in, "dose-50-at-entry", 3, 4, 0)
	flagged(t, in, "dose-90-at-entry", 1, 4, 0)
	flagged(t, in, "dose-50-after", 1, 3, 0)
	flagged(t, in, "dose-90-after", 1, 3, 0)
}

// Discharged on day 20 at 30 of 100: a rises to 40.1 in the third month after, b to 40,
// c not, d is unknown from day 60, e was never discharged.
func TestRiseAfterDischarge(t *testing.T) {
	entry := seg{-28, -1, 100}
	rise := func(to float64) []seg { return []seg{entry, {0, 80, 30}, {81, 110, to}, {111, 220, 30}} }
	in := admitted(t,
		person{id: "a", discharged: 20, doses: rise(40.1)},
		person{id: "b", discharged: 20, doses: rise(40)},
		person{id: "c", discharged: 20, doses: []seg{entry, {0, 220, 30}}},
		person{id: "d", discharged: 20, doses: []seg{entry, {0, 60, 30}}},
		person{id: "e", doses: rise(90)},
	)
	flagged(t, in, "rise-after-discharge", 1, 5, 2)
}

// The listing names the flagged once a flag, in their order, is marked local, and is
// gone from what is shared; without asking there is none.
func TestListingIsLocal(t *testing.T) {
	in := admitted(t,
		person{id: "z", arm: "y", doses: []seg{{-28, -1, 100}, {0, 364, 0}}},
		person{id: "b", doses: []seg{{-28, -1, 60}, {0, 364, 60}}},
		person{id: "a", doses: []seg{{-28, -1, 10}, {0, 364, 10}}},
	)
	r := run(t, taper.SafetyAnalysis, in, analysis.Question{}, map[string]string{"listing": "true"})
	var rows []string
	for _, tab := range r.Tables {
		for _, row := range tab.Rows {
			if tab.Local {
				rows = append(rows, row[0].Text+" "+row[1].Text+" "+row[2].Text)
			}
		}
	}
	want := "b x dose-50-at-entry|b x dose-50-after|z y over-10-a-week|z y over-30-a-month|z y over-40-a-month|z y abrupt-stop|z y dose-50-at-entry|z y dose-90-at-entry"
	if strings.Join(rows, "|") != want {
		t.Errorf("listed %q", rows)
	}
	for _, shared := range []analysis.Result{r.Shared(), run(t, taper.SafetyAnalysis, in, analysis.Question{}, nil)} {
		b, err := json.Marshal(shared.Tables)
		if err != nil || strings.Contains(string(b), "local_only") || strings.Contains(string(b), "abrupt-stop\",\"z") {
			t.Errorf("what is shared names patients: %s", b)
		}
	}
}

func TestSafetyRefusals(t *testing.T) {
	in := admitted(t, person{id: "a", doses: []seg{{-28, -1, 100}, {0, 209, 50}}})
	for name, why := range map[string]string{"over-10-a-month-after-a-year": "four quarters", "rise-after-discharge": "no discharge status"} {
		_, err := taper.SafetyAnalysis.Run(t.Context(), in, analysis.Question{Definition: name}, nil)
		if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := taper.SafetyAnalysis.Run(t.Context(), in, analysis.Question{}, map[string]string{"unit": "as-recorded"}); !errors.Is(err, analysis.ErrOptions) {
		t.Errorf("flags of doses that are not MME: %v", err)
	}
}

// Nobody on opioids, one patient, no records in the windows: each analysis of daily doses
// answers without a bare gap, or refuses by name.
func TestDailyDosesAtTheEdge(t *testing.T) {
	one := func(doses ...seg) analysis.Input { return admitted(t, person{id: "a", doses: doses}) }
	for name, in := range map[string]analysis.Input{
		"one day":      one(seg{-1, -1, 60}),
		"all zero":     one(seg{-365, 364, 0}),
		"all later":    one(seg{5, 40, 60}),
		"level":        one(seg{-365, 364, 60}),
		"far off":      one(seg{-28, -1, 1e9}, seg{0, 209, 1e9 + 1}),
		"two alike":    admitted(t, person{id: "a", doses: []seg{{-365, 364, 60}}}, person{id: "b", doses: []seg{{-365, 364, 60}}}),
		"an empty arm": admitted(t, person{id: "a", arm: "x", doses: []seg{{-28, 300, 60}}}, person{id: "b", arm: "y", doses: []seg{{400, 401, 60}}}),
	} {
		for _, a := range []*analysis.Analysis{taper.Reduction, taper.DefinitionsAnalysis, taper.VelocityAnalysis, taper.TimeAnalysis, taper.SafetyAnalysis, taper.TrajectoriesAnalysis} {
			for _, gap := range []string{"unknown", "zero"} {
				r, err := a.Run(t.Context(), in, analysis.Question{}, map[string]string{"gap": gap})
				if err != nil {
					if !errors.Is(err, analysis.ErrCannot) {
						t.Errorf("%s, %s: %v", name, a.Name, err)
					}
					continue
				}
				analysistest.Conforms(t, a, r)
			}
		}
	}
}

// A source that ends says nothing of the days after: with gap=zero a patient whose supply
// ends on day 99 is off from day 100, while others' records go on to day 364, and unknown
// where these end on day 99 too.
func TestNoStopAfterTheSourceEnds(t *testing.T) {
	a := person{id: "a", doses: []seg{{-28, 99, 60}}}
	for last, want := range map[float64]analysis.N{364: {Arm: 2, Events: 1}, 120: {Arm: 2, Missing: 2}} {
		in := admitted(t, a, person{id: "b", doses: []seg{{-28, last, 60}}})
		r, err := taper.DefinitionsAnalysis.Run(t.Context(), in, analysis.Question{Definition: "bao-stopped"}, map[string]string{"gap": "zero"})
		if want.Events == 0 {
			if !errors.Is(err, analysis.ErrCannot) {
				t.Errorf("a source that ends on day %v: %v", last, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if e := analysistest.Find(t, r, "bao_stopped_all", "x"); e.N != want {
			t.Errorf("to day %v: %+v, want %+v", last, e.N, want)
		}
	}
}
