package work

import (
	"errors"
	"math"
	"slices"

	"recoup/analysis"
)

// Work states, from the one that wins where two spells cover a day.
const (
	stateWorking = iota
	stateModified
	stateOutside
	stateOff
)

var stateNames = []string{"working", "modified duty", "outside the work force", "off work"}

// Path is a patient's states from day 0: State[i] holds from day From[i] until the day
// before From[i+1], the last one through day End. A path without states is of a patient
// whose state on day 0 is not known.
type Path struct {
	From  []float64
	State []int
	End   float64
}

// labelled is a spell in one of the states.
type labelled struct {
	start, end float64
	state      int
}

// newPath joins spells: a day covered by several has the state that wins, and a day that
// none covers ends what is known, or is off work where gap says so.
func newPath(spells []labelled, gap Gap) Path {
	var cuts []float64
	for _, s := range spells {
		if s.end >= s.start && s.end >= 0 {
			cuts = append(cuts, math.Max(0, s.start), s.end+1)
		}
	}
	if len(cuts) > 0 && gap == GapOffWork {
		cuts = append(cuts, 0)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var p Path
	if len(cuts) == 0 || cuts[0] > 0 {
		return p
	}
	for i := range len(cuts) - 1 {
		state := -1
		for _, s := range spells {
			if s.end >= s.start && s.start <= cuts[i] && s.end >= cuts[i] && (state < 0 || s.state < state) {
				state = s.state
			}
		}
		if state < 0 && gap == GapOffWork {
			state = stateOff
		}
		if state < 0 {
			break
		}
		if n := len(p.State); n == 0 || p.State[n-1] != state {
			p.From, p.State = append(p.From, cuts[i]), append(p.State, state)
		}
		p.End = cuts[i+1] - 1
	}
	return p
}

// paths reads the states of every patient. Levels that are neither work nor outside the
// work force are off work.
func (r *reader) paths(modified []string) ([]Path, string, error) {
	working, text, err := r.spells(r.o.Working, "working")
	if err != nil {
		return nil, "", err
	}
	other := map[int][][]Spell{}
	for state, words := range map[int][]string{stateModified: modified, stateOutside: r.o.Outside} {
		s, _, err := r.readSpells(words, map[int]string{stateModified: "modified", stateOutside: "outside"}[state])
		if err == nil {
			other[state] = s
		} else if !errors.Is(err, analysis.ErrCannot) {
			return nil, "", err
		}
	}
	out := make([]Path, len(working))
	for p, spells := range working {
		var ls []labelled
		for i, s := range spells {
			state := stateOff
			switch {
			case other[stateModified] != nil && other[stateModified][p][i].Working:
				state = stateModified
			case s.Working:
				state = stateWorking
			case other[stateOutside] != nil && other[stateOutside][p][i].Working:
				state = stateOutside
			}
			ls = append(ls, labelled{s.Start, s.End, state})
		}
		out[p] = newPath(ls, Gap(r.o.Gap))
	}
	return out, text + "; other levels are off work or outside the work force; days without a spell: " + r.o.Gap, nil
}
