package work

import (
	"slices"
	"testing"
)

func TestFirstReturnByHand(t *testing.T) {
	off, on := false, true
	for _, c := range []struct {
		name     string
		spells   []Spell
		days     float64
		gap      Gap
		time     float64
		returned bool
		known    bool
	}{
		{"off 0-9, work from 10", []Spell{{0, 9, off}, {10, 50, on}}, 1, GapCensor, 10, true, true},
		{"order does not matter", []Spell{{10, 50, on}, {0, 9, off}}, 1, GapCensor, 10, true, true},
		// 10 to 37 are 28 days, 10 to 36 are 27.
		{"28 days to the day", []Spell{{0, 9, off}, {10, 37, on}, {38, 60, off}}, 28, GapCensor, 10, true, true},
		{"a day short", []Spell{{0, 9, off}, {10, 36, on}, {37, 60, off}}, 28, GapCensor, 60, false, true},
		{"cut short by the end of follow-up", []Spell{{0, 9, off}, {10, 36, on}}, 28, GapCensor, 9, false, true},
		{"spells that touch join", []Spell{{0, 9, off}, {10, 20, on}, {21, 37, on}}, 28, GapCensor, 10, true, true},
		{"spells that overlap join", []Spell{{0, 9, off}, {10, 30, on}, {5, 12, on}, {31, 32, on}}, 28, GapCensor, 5, true, true},
		{"a second attempt lasts", []Spell{{0, 9, off}, {10, 12, on}, {13, 19, off}, {20, 60, on}}, 28, GapCensor, 20, true, true},
		{"a gap ends what is known", []Spell{{0, 9, off}, {20, 60, on}}, 1, GapCensor, 9, false, true},
		{"a gap taken as off work", []Spell{{20, 60, on}}, 1, GapOffWork, 20, true, true},
		{"day 0 not covered", []Spell{{20, 60, on}}, 1, GapCensor, nan, false, false},
		{"at work on day 0", []Spell{{-5, 3, on}}, 1, GapCensor, 0, true, true},
		{"days before 0 do not count", []Spell{{-50, 3, on}, {4, 9, off}}, 28, GapCensor, 9, false, true},
		{"only before 0", []Spell{{-9, -1, on}}, 1, GapOffWork, nan, false, false},
		{"no spells", nil, 1, GapOffWork, nan, false, false},
		{"ends missing or out of order", []Spell{{nan, 3, on}, {5, nan, on}, {9, 8, on}, {0, 4, off}}, 1, GapCensor, 4, false, true},
	} {
		before := slices.Clone(c.spells)
		time, returned, known := FirstReturn(c.spells, c.days, c.gap)
		if returned != c.returned || known != c.known {
			t.Errorf("%s: returned %v, known %v", c.name, returned, known)
		}
		near(t, c.name, time, c.time, 0)
		if !slices.EqualFunc(c.spells, before, func(a, b Spell) bool { return a.Working == b.Working && (a.Start == b.Start || a.Start != a.Start) }) {
			t.Errorf("%s: the spells given were changed", c.name)
		}
	}
}
