package work

import (
	"fmt"
	"math"

	"recoup/analysis"
)

const unverified = "convention of the literature, from memory: unverified"

// definition is a named rule for having returned to work, and how it is read from
// a cohort. Read returns an error that is analysis.ErrCannot where the cohort
// holds nothing for it.
type definition struct {
	analysis.Definition
	read func(r *reader) (finding, error)
}

// finding is what a cohort says under one definition.
type finding struct {
	answers []answer
	clock   *clock
}

// The lengths that definitions name, in days.
const (
	threeMonths = 91
	sixMonths   = 183
	year        = 365
	twoYears    = 730
)

var definitions = []definition{
	define("any-work", "any paid work: at the visit, or on a first day where there are spells of work",
		"reported by patients in SPORT, QOD and papers of rehabilitation programs", func(r *reader) (finding, error) {
			return r.status(r.o.Working, "working", 1)
		}),
	define("full-duty", "work without restriction of duty", unverified, func(r *reader) (finding, error) {
		return r.status(r.o.FullDuty, "full_duty", 1)
	}),
	define("full-time", "work of full time, 30 hours a week or more in the trial's own grades",
		"codebook of Ashar et al. 2022, JAMA Psychiatry 79:13-23", func(r *reader) (finding, error) {
			return r.status(r.o.FullTime, "full_time", 1)
		}),
	sustained("sustained-28-days", 28),
	sustained("sustained-30-days", 30),
	sustained("sustained-90-days", 90),
	sustained("sustained-13-weeks", 91),
	define("within-3-months", "first return to work within 3 months (91 days) of the origin",
		"QOD 2017, of surgery", func(r *reader) (finding, error) { return r.within(1, threeMonths) }),
	define("within-2-years", "first return to work within 2 years (730 days) of the origin",
		"Nguyen et al. 2011, Spine 36:320; its cases count from surgery, its controls from injury",
		func(r *reader) (finding, error) { return r.within(1, twoYears) }),
	define("within-2-years-sustained-6-months", "return to work within 2 years (730 days) that lasts more than 6 months (at least 183 days in a row)",
		"Anderson et al. 2016, Ohio workers' compensation", func(r *reader) (finding, error) { return r.within(sixMonths, twoYears) }),
	define("off-benefit", "no time-loss, disability or sick-leave benefit at the visit",
		"Juratli et al. 2006 (Spine 31:2715) and Franklin et al. 1994, at 2 years", (*reader).offBenefit),
	define("retention-1-year", "at work at the visit nearest one year (week 44 to 60) after work at an earlier visit since entry",
		"functional restoration programs of Mayer and Gatchel", (*reader).retention),
	define("recorded-event", "the event of the cohort's own time-to-event table", "the cohort file",
		func(r *reader) (finding, error) {
			k, err := r.recorded()
			if err != nil {
				return finding{}, err
			}
			return finding{answers: []answer{k.by(r.horizon)}, clock: &k}, nil
		}),
}

func define(name, rule, source string, read func(r *reader) (finding, error)) definition {
	return definition{analysis.Definition{Name: name, Rule: rule, Source: source}, read}
}

func sustained(name string, days float64) definition {
	return define(name, fmt.Sprintf("at least %g consecutive days of work, counted from their first", days), unverified,
		func(r *reader) (finding, error) {
			k, err := r.spellClock(r.o.Working, "working", days)
			if err != nil {
				return finding{}, err
			}
			return finding{answers: []answer{k.by(r.horizon)}, clock: &k}, nil
		})
}

// named returns the definitions as a catalog shows them.
func named() []analysis.Definition {
	out := make([]analysis.Definition, len(definitions))
	for i, d := range definitions {
		out[i] = d.Definition
	}
	return out
}

// answer is whether each patient had returned at a visit or by a horizon.
type answer struct {
	visit  string
	state  []state // by patient
	method string
	timed  bool // made from times, where those who returned early are seen whatever their follow-up
}

// state is what is known of a patient.
type state int8

const (
	unknown state = iota - 1
	no
	yes
	outside // of the work force, at entry alone
)

func states(n int) []state {
	out := make([]state, n)
	for i := range out {
		out[i] = unknown
	}
	return out
}

func truth(b bool) state {
	if b {
		return yes
	}
	return no
}

// clock is the time to return of each patient, in days.
type clock struct {
	time   []float64 // NaN where nothing is known
	event  []bool
	method string
}

// by turns the times into whether each patient had returned by a day. A patient
// whose follow-up ended before it without a return is unknown.
func (k clock) by(day float64) answer {
	a := answer{
		visit: fmt.Sprintf("day %g", day), state: states(len(k.time)), timed: true,
		method: k.method + fmt.Sprintf("; returned by day %g", day),
	}
	for p, t := range k.time {
		switch {
		case math.IsNaN(t):
		case t <= day && k.event[p]:
			a.state[p] = yes
		case t >= day:
			a.state[p] = no
		}
	}
	return a
}
