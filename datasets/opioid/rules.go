package opioid

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
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

// Overlap is what happens where supplies of the same product (drug, route, unit,
// strength and indication) overlap: an early refill. Supplies of different products
// always add up, and so do those of one product that begin on the same day, but
// under shift.
type Overlap string

const (
	// OverlapSum adds what overlaps. The default, and the CDC's rule.
	OverlapSum Overlap = "sum"
	// OverlapShift lets a supply begin when the one before it has run out: an early
	// refill is stock that is carried over, not a higher dose.
	OverlapShift Overlap = "shift"
	// OverlapTruncate ends a supply on the day before the next begins: an early
	// refill takes its place, and what was left of it is not taken.
	OverlapTruncate Overlap = "truncate"
)

// Length is how long a supply lasts that does not say for how many days it is.
type Length string

const (
	// LengthUnknown leaves such a supply unconverted: its days are not known. The default.
	LengthUnknown Length = "unknown"
	// LengthNextFill lets it last until the day before the next supply of the same
	// product, at most FillDays; the last supply of a product stays unknown.
	LengthNextFill Length = "next-fill"
	// LengthAssumed lets it last FillDays.
	LengthAssumed Length = "assumed"
)

// Hold is which days a total that was asked at a visit stands for.
type Hold string

const (
	// HoldDay is the day of the visit alone. The default.
	HoldDay Hold = "day"
	// HoldBefore is the HoldDays days that end with the visit, or those since the
	// visit before it where that is nearer: for questions about the last weeks.
	HoldBefore Hold = "before"
	// HoldUntilNext is the days from the visit to the one before the next; the last
	// visit's day alone.
	HoldUntilNext Hold = "until-next"
)

// Options of Daily. The zero value is unknown gaps, unknown totals under records
// that could not be converted, overlaps added, supplies of unstated length
// unconverted, and totals at visits for their day alone.
type Options struct {
	Gap         Gap
	Unconverted Unconverted
	Overlap     Overlap
	// Early is the most days early that a refill may be and still be stock or
	// replacement; one that is earlier is a higher dose and is added. 0 sets no limit.
	Early int
	// Grace is the longest gap, in days, between two records that keeps the dose of
	// the day before it. 0 keeps none.
	Grace  int
	Length Length
	// FillDays is the length that Length assumes, or its most; 30 where it is 0.
	FillDays int
	Hold     Hold
	// HoldDays is for how many days HoldBefore holds; 28 where it is 0.
	HoldDays int
}

// Rule is a named choice of Options, with where it comes from and whether that was
// read (sourced), is a convention of the field (unverified), or is this project's
// own choice, for which no source is claimed (own).
type Rule struct {
	Kind   string `json:"rule"` // gap, unconverted, overlap, early, grace, length or hold
	Name   string `json:"choice"`
	Text   string `json:"text"`
	Source string `json:"source"`
	Status string `json:"status"`
}

const convention = "convention of studies of dispensing records"

var rules = []Rule{
	{"gap", string(GapUnknown), "a day without a record is unknown", "this project: no record is not evidence of no opioid", "own"},
	{"gap", string(GapZero), "a day without a record is free of opioids", convention + "; for sources that list every supply", "unverified"},
	{"grace", "DAYS", "a gap of at most so many days between records keeps the dose of the day before it; 29 is the longest that is no end of treatment by Bao et al. (PMC8311577), 59 by Neprash et al. (PMC8175547)", "the lengths: as named; keeping the dose: " + convention, "unverified"},
	{"overlap", string(OverlapSum), "supplies of one product that overlap are added", "CDC 2022, as given at globalrph.com/medcalcs/morphine-milligram-equivalents-calculator", "sourced"},
	{"overlap", string(OverlapShift), "a supply begins when the one before it of the same product has run out; leftover supply is carried over", convention, "unverified"},
	{"overlap", string(OverlapTruncate), "a supply ends on the day before the next of the same product begins; leftover supply is not taken", convention, "unverified"},
	{"early", "DAYS", "with shift and truncate, a refill more than so many days early is a higher dose and is added", convention, "unverified"},
	{"length", string(LengthUnknown), "a supply that does not say for how many days it is makes its days unknown", "this project: a dose a day cannot be worked out without days", "own"},
	{"length", string(LengthNextFill), "such a supply lasts until the day before the next of the same product, at most fill_days; the last stays unknown", convention, "unverified"},
	{"length", string(LengthAssumed), "such a supply lasts fill_days", convention, "unverified"},
	{"hold", string(HoldDay), "a total asked at a visit holds for the day of the visit", "this project: no more was asked", "own"},
	{"hold", string(HoldBefore), "a total asked at a visit holds for the hold_days days that end with it, or those since the visit before", "the recall period of the question; choose hold_days by it", "own"},
	{"hold", string(HoldUntilNext), "a total asked at a visit holds until the day before the next visit; the last for its day", "last observation carried forward", "unverified"},
	{"unconverted", string(UnconvertedUnknown), "a day under a record that has no factor is unknown", "this project: its total is not known", "own"},
	{"unconverted", string(UnconvertedIgnored), "a day under a record that has no factor is the total of the others, which is too low", convention, "unverified"},
}

// Rules returns every named rule, by kind.
func Rules() []Rule { return slices.Clone(rules) }

// ErrOptions is what Check returns for a choice that is none of the named ones.
var ErrOptions = errors.New("not a rule for dose records")

// Check reports choices that are none of the named ones, and numbers of days that
// are none.
func (opt Options) Check() error {
	opt = opt.withDefaults()
	for _, c := range opt.choices() {
		if !slices.ContainsFunc(rules, func(r Rule) bool { return r.Kind == c[0] && r.Name == c[1] }) {
			return fmt.Errorf("%w: %s", ErrOptions, c[0])
		}
	}
	for _, days := range []int{opt.Early, opt.Grace, opt.FillDays, opt.HoldDays} {
		if days < 0 || days > 3660 {
			return fmt.Errorf("%w: expected a number of days from 0 to 3660", ErrOptions)
		}
	}
	return nil
}

// Said says the rules in words for a method: the choice of each kind and, but for
// this project's own, whether its source was read. Those of lengths and visits are
// left out where they are the default.
func (opt Options) Said() []string {
	opt = opt.withDefaults()
	var out []string
	for _, c := range opt.choices() {
		if c == [2]string{"length", string(LengthUnknown)} || c == [2]string{"hold", string(HoldDay)} {
			continue
		}
		for _, r := range rules {
			if r.Kind == c[0] && r.Name == c[1] {
				text := strings.NewReplacer("fill_days", fmt.Sprintf("%d days", opt.FillDays), "hold_days days", fmt.Sprintf("%d days", opt.HoldDays)).Replace(r.Text)
				if r.Status != "own" {
					text += " [" + r.Status + "]"
				}
				out = append(out, text)
			}
		}
	}
	if opt.Early > 0 && opt.Overlap != OverlapSum {
		out = append(out, fmt.Sprintf("a refill more than %d days early is a higher dose and is added [unverified]", opt.Early))
	}
	if opt.Grace > 0 {
		out = append(out, fmt.Sprintf("a gap of at most %d days keeps the dose before it [unverified]", opt.Grace))
	}
	return out
}

func (opt Options) choices() [][2]string {
	return [][2]string{
		{"gap", string(opt.Gap)},
		{"overlap", string(opt.Overlap)},
		{"length", string(opt.Length)},
		{"hold", string(opt.Hold)},
		{"unconverted", string(opt.Unconverted)},
	}
}

func (opt Options) withDefaults() Options {
	return Options{
		Gap: cmp.Or(opt.Gap, GapUnknown), Unconverted: cmp.Or(opt.Unconverted, UnconvertedUnknown), Overlap: cmp.Or(opt.Overlap, OverlapSum),
		Early: opt.Early, Grace: opt.Grace, Length: cmp.Or(opt.Length, LengthUnknown), FillDays: cmp.Or(opt.FillDays, 30),
		Hold: cmp.Or(opt.Hold, HoldDay), HoldDays: cmp.Or(opt.HoldDays, 28),
	}
}

// product is what refills are of.
type product struct {
	drug, route, unit, indication string
	strength                      float64
}

func (r Record) product() product {
	name, _ := Drug(r.Drug)
	return product{name, fold(r.Route), fold(r.Unit), fold(r.Indication), r.Strength}
}

// inOrder returns a copy of the records by day; what begins on one day is put in an
// order that does not depend on how it was given.
func inOrder(records []Record) []Record {
	out := slices.Clone(records)
	slices.SortStableFunc(out, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.StartDay, b.StartDay), cmp.Compare(a.DaysSupplied, b.DaysSupplied), cmp.Compare(a.Quantity, b.Quantity))
	})
	return out
}

// apply makes of the records those that the rules for lengths, visits and overlaps
// ask for. The records given are not changed.
func (opt Options) apply(records []Record, s *Summary) []Record {
	records = inOrder(records)
	opt.holds(records)
	opt.lengths(records, s)
	switch opt.Overlap {
	case OverlapShift:
		opt.shift(records, s)
	case OverlapTruncate:
		opt.truncate(records, s)
	}
	return records
}

// holds gives the totals asked at visits their days.
func (opt Options) holds(records []Record) {
	var visits []int // days, each once
	for _, r := range records {
		if r.Kind == AtVisit && (len(visits) == 0 || visits[len(visits)-1] != r.StartDay) {
			visits = append(visits, r.StartDay)
		}
	}
	for i := range records {
		r := &records[i]
		if r.Kind != AtVisit {
			continue
		}
		at, _ := slices.BinarySearch(visits, r.StartDay)
		days := 1
		switch {
		case opt.Hold == HoldBefore:
			days = opt.HoldDays
			if at > 0 {
				days = min(days, r.StartDay-visits[at-1])
			}
			r.StartDay -= days - 1
		case opt.Hold == HoldUntilNext && at+1 < len(visits):
			days = visits[at+1] - r.StartDay
		}
		r.DaysSupplied = float64(days)
	}
}

// lengths gives supplies that do not say how long they last their days.
func (opt Options) lengths(records []Record, s *Summary) {
	if opt.Length == LengthUnknown {
		return
	}
	for i := range records {
		r := &records[i]
		if r.Kind != Dispensed || !math.IsNaN(r.DaysSupplied) {
			continue
		}
		days := float64(opt.FillDays)
		if opt.Length == LengthNextFill {
			next := slices.IndexFunc(records[i:], func(o Record) bool {
				return o.Kind == Dispensed && o.StartDay > r.StartDay && o.product() == r.product()
			})
			if next < 0 {
				continue
			}
			days = min(days, float64(records[i+next].StartDay-r.StartDay))
		}
		r.DaysSupplied = days
		s.Lengths++
	}
}

// early reports whether a supply of so many days' overlap is an early refill.
func (opt Options) early(overlap int) bool {
	return overlap > 0 && (opt.Early == 0 || overlap <= opt.Early)
}

// shift moves early refills to the day after the supply before them ends.
func (opt Options) shift(records []Record, s *Summary) {
	next := map[product]int{} // first day without supply
	for i := range records {
		r := &records[i]
		days, err := r.days()
		if err != nil || r.Kind != Dispensed {
			continue
		}
		key := r.product()
		first, ok := next[key]
		if ok && opt.early(first-r.StartDay) {
			r.StartDay = first
			s.Moved++
		}
		if end := r.StartDay + days; !ok || end > first {
			next[key] = end
		}
	}
}

// truncate ends supplies when the next of the same product begins. The dose a day
// stays: what was left is not taken.
func (opt Options) truncate(records []Record, s *Summary) {
	open := map[product][]int{} // supplies that have not been followed yet
	for i := range records {
		r := &records[i]
		if _, err := r.days(); err != nil || r.Kind != Dispensed {
			continue
		}
		key := r.product()
		var still []int
		for _, j := range open[key] {
			before := &records[j]
			days, _ := before.days()
			switch overlap := before.StartDay + days - r.StartDay; {
			case before.StartDay == r.StartDay:
				still = append(still, j)
			case opt.early(overlap):
				before.cut = r.StartDay - before.StartDay
				s.Cut++
			}
		}
		open[key] = append(still, i)
	}
}
