package render

import (
	"math"
	"testing"

	"recoup/reports"
)

func TestCell(t *testing.T) {
	hidden := reports.Count(0)
	hidden.Hidden = reports.Protected
	for _, c := range []struct {
		cell reports.Cell
		want string
	}{
		{reports.Count(1234567), "1,234,567"},
		{reports.Count(0), "0"},
		{reports.CountShare(34, 59), "34 (58%)"},
		{reports.CountShare(0, 0), "0"},
		{reports.Share(224, 387), "58%"},
		{reports.Share(1, 1000), "<1%"},    // 0.1%: not none
		{reports.Share(999, 1000), ">99%"}, // not all
		{reports.Share(0, 12), "0%"},
		{reports.Share(12, 12), "100%"},
		{reports.Share(0, 0), "not available"},
		{reports.Share(224, 387).Within(0.53, 0.63), "58% (53% to 63%)"},
		{reports.Mean(6.44, 1.86, 1, 9), "6.4 (1.9)"},
		{reports.Mean(6.44, nan, 1, 9), "6.4 (SD not available)"},
		{reports.Estimate(-2.31, -2.6, -2.04, 1, 9), "−2.3 (−2.6 to −2.0)"},
		{reports.Estimate(11.3, 10, 12.6, 1, 9).WithSign(), "+11.3 (10.0 to 12.6)"},
		{reports.Estimate(1.2, nan, nan, 1, 9), "1.2 (interval not available)"},
		{reports.Number(-0.04, 1, 9), "0.0"}, // no minus before zero
		{reports.Number(-0.04, 1, 9).WithSign(), "0.0"},
		{reports.Number(-15970.4, 0, 9).WithUnit("$", ""), "−$15,970"},
		{reports.Number(-31, 0, 9).WithUnit("", " MME"), "−31 MME"},
		{reports.Number(nan, 1, 9), "not available"},
		{reports.Number(math.Inf(1), 1, 9), "not available"},
		{reports.P(0.0004, 9), "<0.001"},
		{reports.P(0.0123, 9), "0.012"},
		{reports.P(0.4567, 9), "0.46"},
		{reports.P(0.9999, 9), ">0.99"},
		{reports.P(nan, 9), "not available"},
		{reports.NotAvailable("x"), "not available"},
		{reports.Cell{}, ""},
		{reports.Label("x & y"), "x & y"},
		{hidden, "hidden"},
	} {
		if got := Cell(c.cell); got != c.want {
			t.Errorf("%+v is written %q, want %q", c.cell, got, c.want)
		}
	}
}

// One patient is a patient, and a hidden one is not told by the noun.
func TestOnePatient(t *testing.T) {
	hidden := reports.Count(1)
	hidden.Hidden = reports.Protected
	for want, c := range map[string]reports.Cell{"For 1 patient.": reports.Count(1), "For 2 patients.": reports.Count(2), "For [hidden] patients.": hidden} {
		if got := words(reports.Say("For ").With(c).And(" patients.")); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLetters(t *testing.T) {
	for n, want := range map[int]string{1: "a", 26: "z", 27: "aa", 52: "az", 53: "ba"} {
		if got := letters(n); got != want {
			t.Errorf("letters(%d) = %q, want %q", n, got, want)
		}
	}
}
