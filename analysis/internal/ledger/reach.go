package ledger

import (
	"fmt"
	"math"
)

// How much of a window the records must reach over, of which share of the patients
// they may fall short, and how unlikely it must be that they stop as soon by chance.
const (
	reachOf    = 0.75
	shortOf    = 0.1
	stopChance = 0.001
)

// Short says why the records of care of some patients do not reach over the w days from
// admission, and over those before it; "" where they do.
//
// With dates they must reach over the first three quarters of the window of at least nine
// patients in ten, held against the last date of any cost. With day numbers, of which none
// says when records end: were those of n patients spread evenly, none of them would be
// later than the share x of the window with a probability of under xⁿ.
func (l *Ledger) Short(patients []int, w float64, care []string) (after, before string) {
	short := 0
	for _, p := range patients {
		if l.Through != nil && l.Through[p] < reachOf*w {
			short++
		}
	}
	within := func(from, to, sign float64) (n int, far float64) {
		latest, earliest := l.Ends(from, to, care)
		if sign < 0 {
			return farthest(patients, earliest, sign)
		}
		return farthest(patients, latest, sign)
	}
	// Records beyond the window reach over it, whatever the days between two of them.
	nAfter, _ := within(0, w, 1)
	_, last := within(0, math.Inf(1), 1)
	nBefore, _ := within(-w, 0, -1)
	_, first := within(math.Inf(-1), 0, -1)
	recorded, _ := within(math.Inf(-1), math.Inf(1), 1)
	stops := func(n int, far float64) bool {
		if n == 0 { // nothing of anyone, though there is of some at another time
			n, far = recorded, 0.5*w
		}
		return far < reachOf*w && math.Pow(far/w, float64(n)) < stopChance
	}
	switch {
	case float64(short) > shortOf*float64(len(patients)):
		after = fmt.Sprintf("%d of %d patients were admitted less than %.0f days before the last date of a cost", short, len(patients), math.Ceil(reachOf*w))
	case stops(nAfter, last+1):
		after = fmt.Sprintf("the records of care stop %.0f days after admission", last)
		if nAfter == 0 {
			after = fmt.Sprintf("no care of the %.0f days from admission is recorded of anyone", w)
		}
	}
	if stops(nBefore, first) {
		before = fmt.Sprintf("the records of care begin %.0f days before admission", first)
		if nBefore == 0 {
			before = fmt.Sprintf("no care of the %.0f days before admission is recorded of anyone", w)
		}
	}
	return after, before
}

// farthest returns how many of the patients have a record, and the day of it that is
// farthest in the direction of sign.
func farthest(patients []int, days []float64, sign float64) (n int, far float64) {
	for _, p := range patients {
		if d := sign * days[p]; !math.IsNaN(d) {
			n, far = n+1, math.Max(far, d)
		}
	}
	return n, far
}
