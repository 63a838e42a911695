package work

import (
	"math"
	"slices"
)

// Spell is a stretch of days with one work status. Both ends belong to it. Day 0
// is the origin, such as the day of admission.
type Spell struct {
	Start, End float64
	Working    bool
}

// Gap is what a day that no spell covers means.
type Gap string

// What a day that no spell covers can mean.
const (
	GapCensor  Gap = "censor"   // nothing is known from that day on: the patient is censored
	GapOffWork Gap = "off-work" // off work, for sources that list every spell of work
)

// FirstReturn returns the first day, at or after day 0, of a stretch of work of at
// least so many consecutive days, and whether there is one. Without one, time is
// the last day up to which it is known that there is none: the last day followed, or
// the day before a stretch of work that follow-up cut short (day 0 where it began
// then). Known is false
// where day 0 itself is not covered, which leaves nothing to say under GapCensor.
//
// Spells that touch or overlap join; a day on which one spell says work and
// another does not is a day of work. Order does not matter. Spells whose ends are
// missing or out of order are passed over.
func FirstReturn(spells []Spell, days float64, gap Gap) (time float64, returned, known bool) {
	last := math.Inf(-1)
	all := joined(spells, false)
	switch {
	case gap == GapOffWork && len(all) > 0:
		last = all[len(all)-1].End
	case len(all) > 0 && all[0].Start <= 0:
		last = all[0].End
	}
	if !(last >= 0) {
		return math.NaN(), false, false
	}
	for _, run := range joined(spells, true) {
		if run.Start > last {
			break
		}
		end := math.Min(run.End, last)
		switch {
		case end-run.Start+1 >= days:
			return run.Start, true, true
		case end == last: // whether it lasts is not known, nor whether it began the return
			return math.Max(0, run.Start-1), false, true
		}
	}
	return last, false, true
}

// AtOrigin returns whether the patient works on day 0, and whether that is known.
func AtOrigin(spells []Spell, gap Gap) (working, known bool) {
	for _, s := range spells {
		if s.Start <= 0 && s.End >= 0 {
			known = true
			working = working || s.Working
		}
	}
	return working, known || (gap == GapOffWork && len(spells) > 0)
}

// joined returns the stretches covered by the spells, or by those of work, from
// day 0 on.
func joined(spells []Spell, working bool) []Spell {
	var kept []Spell
	for _, s := range spells {
		if s.End >= s.Start && s.End >= 0 && (s.Working || !working) {
			s.Start = math.Max(0, s.Start)
			kept = append(kept, s)
		}
	}
	slices.SortFunc(kept, func(a, b Spell) int {
		switch {
		case a.Start < b.Start:
			return -1
		case a.Start > b.Start:
			return 1
		}
		return 0
	})
	out := kept[:0]
	for _, s := range kept {
		if n := len(out); n > 0 && s.Start <= out[n-1].End+1 {
			out[n-1].End = math.Max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}
