package work

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
)

// Ways to read when return happened.
const (
	timesKnown  = "days"   // on the day that spells or a table of times give
	timesVisits = "visits" // after the last visit without it, by the first with it
)

// between is between which days each subject returned: equal where the day is known, the
// later one infinite where it had not happened.
type between struct {
	*subjects
	lower, upper []float64
}

// newBetween reads days of return, or the visits between which it happened.
func newBetween(in analysis.Input, q analysis.Question, o Reading, covariates []string, times string) (between, error) {
	if times == timesVisits {
		return newVisitTimes(in, q, o, covariates)
	}
	s, err := newSubjects(in, q, o, covariates)
	if err != nil {
		return between{}, err
	}
	b := between{subjects: s}
	sameDay := 0
	for i, t := range s.time {
		u := t
		switch {
		case !s.event[i]:
			u = math.Inf(1)
		case t == 0:
			sameDay++
			u = 0.5
		}
		b.lower, b.upper = append(b.lower, t), append(b.upper, u)
	}
	if sameDay > 0 {
		s.warn(analysis.WarnAssumption, fmt.Sprintf("%d patients returned on day 0, which is taken as within half a day of it", sameDay), "count from an earlier day")
	}
	return b, nil
}

// newVisitTimes reads the status at visits with a week.
func newVisitTimes(in analysis.Input, q analysis.Question, o Reading, covariates []string) (between, error) {
	r, groups, err := newReader(in, q, o)
	if err != nil {
		return between{}, err
	}
	if q.Visit != "" {
		return between{}, fmt.Errorf("%w: all visits are read together; leave the visit out", analysis.ErrOptions)
	}
	f, err := r.atVisits()
	if err != nil {
		return between{}, err
	}
	n := r.c.Patients()
	lower, upper, seen := make([]float64, n), make([]float64, n), make([]bool, n)
	for p := range upper {
		upper[p] = math.Inf(1)
	}
	for _, a := range r.byDay(f.answers) {
		day := a.day
		for p, s := range a.state {
			if s == unknown || !math.IsInf(upper[p], 1) || day <= 0 {
				continue
			}
			if seen[p] = true; s == yes {
				upper[p] = day
			} else {
				lower[p] = day
			}
		}
	}
	k := clock{time: nans(n), event: make([]bool, n), method: "status at visits: after the last visit without it, by the first with it"}
	for p := range k.time {
		if seen[p] {
			k.time[p], k.event[p] = lower[p], !math.IsInf(upper[p], 1)
		}
	}
	s, err := r.subjects(groups, f.definition, k, covariates)
	if err != nil {
		return between{}, err
	}
	b := between{subjects: s}
	for _, p := range s.patient {
		b.lower, b.upper = append(b.lower, lower[p]), append(b.upper, upper[p])
	}
	return b, nil
}

// dated is an answer at a visit on a day from the baseline.
type dated struct {
	answer
	day float64
}

// byDay returns the answers at visits that have a week, in the order of time, which need
// not be that of the cohort file.
func (r *reader) byDay(answers []answer) []dated {
	var out []dated
	for _, a := range answers {
		v, err := r.c.Visit(a.visit)
		if err != nil || v.Week == nil || a.timed {
			continue
		}
		day := 7 * *v.Week
		if b, ok := r.baseline(); ok && b.Week != nil {
			day -= 7 * *b.Week
		}
		out = append(out, dated{a, day})
	}
	slices.SortStableFunc(out, func(a, b dated) int { return cmp.Compare(a.day, b.day) })
	return out
}

// atVisits finds the definition asked for, or the first, that has a status at two visits
// or more.
func (r *reader) atVisits() (read, error) {
	name := r.q.Definition
	if name == "" {
		name = r.c.Dictionary().Definitions["work"]
	}
	var why []string
	for _, d := range definitions {
		if name != "" && d.Name != name {
			continue
		}
		f, err := d.read(r)
		if err != nil && !errors.Is(err, analysis.ErrCannot) {
			return read{}, fmt.Errorf("%s: %w", d.Name, err)
		}
		weeks := 0
		for _, a := range f.answers {
			if v, err := r.c.Visit(a.visit); err == nil && v.Week != nil && !a.timed {
				weeks++
			}
		}
		if err == nil && weeks > 0 && d.Name != "retention-1-year" {
			return read{f, d.Definition}, nil
		}
		why = append(why, d.Name)
	}
	return read{}, cannot("no status of work at visits that have a week: %s; give the visits a week in the cohort file, or use --set times=days", strings.Join(why, ", "))
}
