package synthetic

import (
	"math"

	"recoup/simulate/stream"
)

// spell is a stretch of days with one work status, both ends included.
type spell struct{ start, end, status int }

// wait draws an exponential time.
func wait(c *stream.Cursor, rate float64) float64 { return -stream.Log(c.Float64()) / rate }

// returnRateOf is the daily rate of return to work, without the patient's own
// improvement.
func returnRateOf(payer int, long bool, course int) float64 {
	r := returnRate * returnByPayer[payer]
	if long {
		r *= returnLong
	} else {
		r *= returnShort
	}
	return r * [...]float64{returnDone, returnLeft, returnUsual}[course]
}

// course is what became of the treatment: 0 completed, 1 left early, 2 usual care.
func (p *person) course() int {
	switch {
	case p.arm > 0:
		return 2
	case p.completed:
		return 0
	}
	return 1
}

// working draws the spells of work from admission to the end of the register, and
// the status at each visit.
func (m *model) working(p *person, better float64, c *stream.Cursor) {
	last := lastDay
	if lost, when := c.Float64() < lostToWork, c.Float64(); lost {
		last = 60 + int(when*float64(lastDay-60))
	}
	first, stop := 0, 0
	modified := c.Float64() < modifiedShare
	switch p.work {
	case offWork:
		rate := returnRateOf(p.payer, p.weeksOff >= 26, p.course()) * stream.Exp(times(improves, better))
		// Day 29 is the first day of work where the time drawn is under a day.
		back := min(wait(c, rate), 1e6)
		first = programEnd + 1 + int(back)
		stop = first + int(min(wait(c, leavesAgain), 1e6)) + 1
	case working:
		modified = modified && c.Float64() < 0.5
		stop = int(min(wait(c, losesWork), 1e6)) + 1
	}
	if p.work == notInForce {
		p.spells = []spell{{0, last, statusNotInF}}
	} else {
		p.spells = spellsOf(first, stop, last, modified)
	}
	for v, at := range occasions {
		p.status[v] = statusAt(p.work, first, stop, modified, at.day)
	}
}

// spellsOf writes work from day first to before day stop as spells up to the last
// day of the register.
func spellsOf(first, stop, last int, modified bool) []spell {
	var out []spell
	put := func(start, end, status int) {
		if end = min(end, last); start <= end {
			out = append(out, spell{start, end, status})
		}
	}
	put(0, first-1, statusNotWorking)
	full := first
	if modified {
		full = min(first+modifiedDays, stop)
		put(first, full-1, modifiedDuty)
	}
	put(full, stop-1, fullDuty)
	put(stop, last, statusNotWorking)
	return out
}

func statusAt(work, first, stop int, modified bool, day int) int {
	switch {
	case work == notInForce:
		return statusNotInF
	case day < first || day >= stop:
		return statusNotWorking
	case modified && day < first+modifiedDays:
		return modifiedDuty
	}
	return fullDuty
}

// workAt is the probability that a patient who was off work works on a day, and
// that they have returned by it, for a daily rate of return.
//
//	P(returned by d) = 1 - e^(-rτ),  τ = whole days from the program's end to d
//
// Times are whole days, so the chance of a first day of work k days after the
// program's end is e^(-r(k-1)) - e^(-rk), and of still working on day d is
// e^(-λ(d-first)).
func workAt(rate float64, day int) (works, returned float64) {
	for first := programEnd + 1; first <= day; first++ {
		k := float64(first - programEnd)
		p := math.Exp(-rate*(k-1)) - math.Exp(-rate*k)
		returned += p
		works += p * math.Exp(-leavesAgain*float64(day-first))
	}
	return works, returned
}
