package opioid

import (
	"errors"
	"math"
	"sort"
)

// Gap is what a day without a record means.
type Gap string

const (
	// GapUnknown leaves the day NaN: no record is not evidence of no opioid. The default.
	GapUnknown Gap = "unknown"
	// GapZero takes the day as free of opioids. Only for sources that are known
	// to be complete, such as a dispensing register.
	GapZero Gap = "zero"
)

// Unconverted is what happens to a day under a record that could not be converted.
type Unconverted string

const (
	// UnconvertedUnknown leaves the day NaN, since its total is not known. The default.
	UnconvertedUnknown Unconverted = "unknown"
	// UnconvertedIgnored gives the total of the records that could be
	// converted, which is too low by the others. A day under no other record
	// stays NaN.
	UnconvertedIgnored Unconverted = "ignored"
)

// Overlap is what happens where supplies of the same product overlap.
type Overlap string

const (
	// OverlapSum adds what overlaps. The default, and the CDC's rule.
	OverlapSum Overlap = "sum"
	// OverlapShift lets a dispensed record begin when the supply before it of
	// the same drug, route, unit, strength and indication has run out: an
	// early refill is stock, not a higher dose.
	OverlapShift Overlap = "shift"
)

// Options of Daily. The zero value is unknown gaps, unknown totals under
// records that could not be converted, and overlaps added.
type Options struct {
	Gap         Gap
	Unconverted Unconverted
	Overlap     Overlap
}

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
	IncompleteDays int // under a record that could not be converted
}

// Daily returns the morphine equivalents of each day from and to, both
// included, for the records of one person. Records that overlap add up, and a
// graduated factor goes by the day's whole dose of the drug. A day without a
// known dose is NaN. A record that does not say how long it lasts makes its first
// day unknown, and every later day without a record too: GapZero must not read a
// supply of unknown length as none. Medication for opioid use disorder neither
// adds to a day nor covers it. Daily returns nothing but the Summary when to is before from.
func (t Table) Daily(records []Record, from, to int, opt Options) ([]float64, Summary) {
	opt = opt.withDefaults()
	s := Summary{Table: t.Name, Version: t.Version, Source: t.Source, Options: opt, Records: len(records)}
	if opt.Overlap == OverlapShift {
		records = shift(records)
	}
	w := newWindow(from, to)
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
	return w.close(opt, &s), s
}

func (opt Options) withDefaults() Options {
	if opt.Gap == "" {
		opt.Gap = GapUnknown
	}
	if opt.Unconverted == "" {
		opt.Unconverted = UnconvertedUnknown
	}
	if opt.Overlap == "" {
		opt.Overlap = OverlapSum
	}
	return opt
}

// window gathers the days that are asked for.
type window struct {
	from, to int
	mme      []float64
	covered  []bool // by a record that was converted
	spoiled  []bool // by one that was not
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
	return &window{from: from, to: to, mme: make([]float64, n), covered: make([]bool, n), spoiled: make([]bool, n), open: math.MaxInt}
}

// each calls f with the index of every day of the window that the record covers.
func (w *window) each(r Record, f func(i int)) {
	days, err := r.days()
	if err != nil || r.StartDay > w.to {
		return
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

// close applies the rules for gaps and unconverted records and counts the days.
func (w *window) close(opt Options, s *Summary) []float64 {
	s.Days = len(w.mme)
	for i := range w.mme {
		for _, st := range w.stepped {
			w.mme[i] += st.factor.mme(st.dose[i])
		}
		switch {
		case w.spoiled[i]:
			s.IncompleteDays++
			if opt.Unconverted == UnconvertedUnknown || !w.covered[i] {
				w.mme[i] = math.NaN()
			}
		case !w.covered[i]:
			s.GapDays++
			if opt.Gap == GapUnknown || w.from+i > w.open {
				w.mme[i] = math.NaN()
			}
		}
		if !math.IsNaN(w.mme[i]) {
			s.KnownDays++
		}
	}
	return w.mme
}

// shift moves early refills to the day after the supply before them ends.
func shift(records []Record) []Record {
	moved := append([]Record(nil), records...)
	sort.SliceStable(moved, func(i, j int) bool { return moved[i].StartDay < moved[j].StartDay })
	type product struct {
		drug, route, unit, indication string
		strength                      float64
	}
	next := map[product]int{} // first day without supply
	for i, r := range moved {
		days, err := r.days()
		if err != nil || r.Kind != Dispensed {
			continue
		}
		name, _ := Drug(r.Drug)
		key := product{name, fold(r.Route), fold(r.Unit), fold(r.Indication), r.Strength}
		if first, ok := next[key]; ok && r.StartDay < first {
			moved[i].StartDay = first
		}
		next[key] = moved[i].StartDay + days
	}
	return moved
}
