package opioid

import (
	"errors"
	"math"
)

// Exclusion counts the records that were not converted for one reason.
type Exclusion struct {
	Reason  string
	Records int
}

// Summary says how a series of daily doses came about.
type Summary struct {
	Table, Version, Source string // of the conversion table
	Options                Options

	Records  int         // given
	Used     int         // converted, whether or not they fall between from and to
	Excluded []Exclusion // the rest, by reason, in a fixed order

	Days           int // from first to last
	KnownDays      int // with a dose, zero included
	GapDays        int // without any record that is for pain
	BridgedDays    int // of the gaps, those that keep the dose before them
	IncompleteDays int // under a record that could not be converted

	Lengths int // records whose length is by the rule for it
	Moved   int // supplies that begin later by the rule for overlaps
	Cut     int // supplies that end sooner by it
}

// Daily returns the morphine equivalents of each day from and to, both
// included, for the records of one person, in whatever order they are. What
// overlaps, what says no length and what was asked at a visit goes by the rules of
// the options; after that records of one day add up, and a graduated factor goes by
// the day's whole dose of the drug. A day without a known dose is NaN. A record whose
// length is not known makes its first day unknown, and every later day without a
// record too: GapZero must not read a supply of unknown length as none. Medication
// for opioid use disorder neither adds to a day nor covers it. Daily returns nothing
// but the Summary when to is before from.
func (t Table) Daily(records []Record, from, to int, opt Options) ([]float64, Summary) {
	opt = opt.withDefaults()
	s := Summary{Table: t.Name, Version: t.Version, Source: t.Source, Options: opt, Records: len(records)}
	if to < from {
		return nil, s
	}
	records = opt.apply(records, &s)
	w := newWindow(from-opt.Grace-1, to+opt.Grace+1) // gaps are seen whole
	excluded := make([]int, len(reasons))
	for _, r := range records {
		f, dose, err := t.resolve(r)
		switch {
		case err == nil:
			s.Used++
			w.add(r, f, dose)
		case errors.Is(err, ErrOUD):
		default:
			w.spoil(r)
		}
		for i, reason := range reasons {
			if errors.Is(err, reason.err) {
				excluded[i]++
				break
			}
		}
	}
	for i, n := range excluded {
		if n > 0 {
			s.Excluded = append(s.Excluded, Exclusion{reasons[i].code, n})
		}
	}
	return w.close(from, to, opt, &s), s
}

// window gathers the days that are asked for.
type window struct {
	from, to int
	mme      []float64
	covered  []bool // by a record that was converted
	spoiled  []bool // by one that was not
	bridged  []bool // a gap that keeps the dose before it
	open     int    // first day of the first record of unknown length
	stepped  []stepped
}

// stepped holds the daily doses of a drug whose factor depends on the dose.
type stepped struct {
	factor Factor
	dose   []float64
}

func newWindow(from, to int) *window {
	n := max(to-from+1, 0)
	return &window{from: from, to: to, mme: make([]float64, n), covered: make([]bool, n), spoiled: make([]bool, n), bridged: make([]bool, n), open: math.MaxInt}
}

// each calls f with the index of every day of the window that the record covers.
func (w *window) each(r Record, f func(i int)) {
	days, err := r.days()
	if err != nil || r.StartDay > w.to {
		return
	}
	if r.cut > 0 {
		days = min(days, r.cut)
	}
	for day := max(r.StartDay, w.from); day <= min(r.StartDay+days-1, w.to); day++ {
		f(day - w.from)
	}
}

func (w *window) add(r Record, f Factor, dose float64) {
	sum, amount := w.mme, dose*f.Factor
	if len(f.Steps) > 0 {
		sum, amount = w.doses(f), dose
	}
	w.each(r, func(i int) {
		sum[i] += amount
		w.covered[i] = true
	})
}

// doses returns the daily doses gathered so far of a drug with steps.
func (w *window) doses(f Factor) []float64 {
	for _, s := range w.stepped {
		if s.factor.Drug == f.Drug && s.factor.Unit == f.Unit {
			return s.dose
		}
	}
	w.stepped = append(w.stepped, stepped{f, make([]float64, len(w.mme))})
	return w.stepped[len(w.stepped)-1].dose
}

func (w *window) spoil(r Record) {
	if _, err := r.days(); err != nil {
		w.open = min(w.open, r.StartDay)
		r.DaysSupplied = 1
	}
	w.each(r, func(i int) { w.spoiled[i] = true })
}

// close applies the rules for gaps and unconverted records, and counts and returns
// the days that were asked for.
func (w *window) close(from, to int, opt Options, s *Summary) []float64 {
	for i := range w.mme {
		for _, st := range w.stepped {
			w.mme[i] += st.factor.mme(st.dose[i])
		}
		if w.spoiled[i] && (opt.Unconverted == UnconvertedUnknown || !w.covered[i]) {
			w.mme[i] = math.NaN()
		}
	}
	for i := 0; i < len(w.mme); i++ {
		next := i // first day with a record
		for next < len(w.mme) && w.gap(next) {
			next++
		}
		bridge := i > 0 && next < len(w.mme) && next-i <= opt.Grace && !math.IsNaN(w.mme[i-1])
		for first := i; i < next; i++ {
			switch {
			case w.from+i > w.open:
				w.mme[i] = math.NaN()
			case bridge:
				w.mme[i] = w.mme[first-1]
				w.bridged[i] = true
			case opt.Gap == GapUnknown:
				w.mme[i] = math.NaN()
			}
		}
	}
	a, b := from-w.from, to-w.from+1
	s.Days = b - a
	for i := a; i < b; i++ {
		switch {
		case w.spoiled[i]:
			s.IncompleteDays++
		case !w.covered[i]:
			s.GapDays++
		}
		if w.bridged[i] {
			s.BridgedDays++
		}
		if !math.IsNaN(w.mme[i]) {
			s.KnownDays++
		}
	}
	return w.mme[a:b:b]
}

// gap reports a day without a record.
func (w *window) gap(i int) bool { return !w.covered[i] && !w.spoiled[i] }
