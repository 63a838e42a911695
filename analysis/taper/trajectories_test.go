package taper_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"recoup/analysis"
	"recoup/analysis/taper"
)

// twoKinds are 24 patients who stay at about 60 MME and 16 who fall in seven steps from
// 60 to nothing, with made deviations of a few percent.
func twoKinds(scale float64) []person {
	var out []person
	for i := range 40 {
		p := person{id: fmt.Sprintf("p%02d", i), arm: []string{"x", "y"}[i%2], doses: []seg{{-28, -1, 60 * scale}}}
		for k := range 7 {
			v := 60 * (1 + 0.03*math.Sin(float64(3*i+5*k)))
			if i < 16 {
				v *= float64(6-k) / 6
			}
			p.doses = append(p.doses, seg{float64(30 * k), float64(30*k + 29), v * scale})
		}
		out = append(out, p)
	}
	return out
}

// Two kinds are told apart without doubt: shares of 16 and 24 of 40, the first group at
// nothing in the end, the second at 60, and certain membership.
func TestTwoKindsOfCourses(t *testing.T) {
	// One more is known in one month alone, and is not used.
	in := admitted(t, append(twoKinds(1), person{id: "z", arm: "y", doses: []seg{{-28, 29, 60}}})...)
	r := run(t, taper.TrajectoriesAnalysis, in, analysis.Question{}, map[string]string{"groups": "2"})
	var shares, last []analysis.Estimate
	for _, e := range r.Estimates {
		switch {
		case e.Term == "group_share":
			shares = append(shares, e)
		case e.Visit == "days 180 to 209":
			last = append(last, e)
		}
	}
	if len(shares) != 2 || len(last) != 2 {
		t.Fatalf("%d shares, %d courses", len(shares), len(last))
	}
	if shares[0].N != (analysis.N{Arm: 40, Missing: 1, Events: 16}) {
		t.Errorf("%+v", shares[0].N)
	}
	near(t, "those who fall", shares[0].Value, 0.4, 1e-6)
	near(t, "those who stay", shares[1].Value, 0.6, 1e-6)
	near(t, "error of a share", shares[0].SE, math.Sqrt(0.4*0.6/40), 1e-6)
	if last[1].Value < 57 || last[1].Value > 63 || last[0].Value > 6 {
		t.Errorf("in the seventh month %v and %v", last[0].Value, last[1].Value)
	}
	if !slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return w.Code == "groups-assumed" }) {
		t.Error("no warning against over-reading")
	}
	for _, tab := range r.Tables {
		switch tab.Name {
		case "groups":
			if tab.Rows[0][2].Num != 16 || tab.Rows[1][2].Num != 24 || tab.Rows[0][3].Num < 0.999 {
				t.Errorf("groups %v", tab.Rows)
			}
		case "membership-by-arm": // patients 0 to 15 alternate between the arms
			near(t, "share of arm x that falls", tab.Rows[0][2].Num, 8./20, 1e-6)
		case "models":
			one, two := tab.Rows[0], tab.Rows[1]
			if !(two[3].Num < one[3].Num) || one[1].Num != 4 || two[1].Num != 8 {
				t.Errorf("models %v", tab.Rows)
			}
			near(t, "BIC", two[3].Num, float64(-2*two[2].Num)+8*math.Log(40), 1e-9)
		}
	}
	// The order of patients changes nothing.
	back := twoKinds(1)
	slices.Reverse(back)
	other := run(t, taper.TrajectoriesAnalysis, admitted(t, back...), analysis.Question{}, map[string]string{"groups": "2"})
	for i, e := range r.Estimates {
		near(t, "reversed "+e.Term+" "+e.Visit, other.Estimates[i].Value, float64(e.Value), 1e-7)
	}
}

func TestTrajectoryRefusals(t *testing.T) {
	in := admitted(t, person{id: "a", doses: []seg{{-28, -1, 60}, {0, 20, 60}}})
	if _, err := taper.TrajectoriesAnalysis.Run(t.Context(), in, analysis.Question{}, nil); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("one period of one patient: %v", err)
	}
	for _, set := range []map[string]string{{"groups": "11"}, {"most": "0"}, {"order": "-1"}, {"days": "x"}, {"period": "0"}} {
		if _, err := taper.TrajectoriesAnalysis.Run(t.Context(), in, analysis.Question{}, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%v: %v", set, err)
		}
	}
}
