package opioid

import (
	"errors"
	"math"
)

// OUDDay is what the records of a person say of one day about medication for opioid
// use disorder.
type OUDDay int8

// What is said of a day. Where several records cover it, the last of these that any
// of them says holds.
const (
	// NoRecord covers the day.
	NoRecord OUDDay = iota
	// NotOUD: all that covers the day is for pain, or a dose of zero.
	NotOUD
	// UnstatedOUD: a record that does not say what it is for, or how much, covers the
	// day, or one whose length is not known began before it.
	UnstatedOUD
	// OnOUD: medication for opioid use disorder, of any drug and dose above zero.
	OnOUD
)

// OUDDays returns, for each day from and to, both included, what the records of one
// person say of medication for opioid use disorder. A record is one by its indication
// alone, whatever its drug and route: buprenorphine in a patch for pain is not, and
// buprenorphine or methadone without an indication does not say. Nothing is converted.
// Lengths, overlaps and visits go by the rules of the options as in Daily; Grace does
// not bridge, and with GapZero a day without a record is NotOUD. A record whose length
// is not known covers its first day, and unless it is for pain leaves every later day
// UnstatedOUD that is not OnOUD.
func OUDDays(records []Record, from, to int, opt Options) ([]OUDDay, error) {
	d, err := load()
	if err != nil || to < from {
		return nil, err
	}
	opt = opt.withDefaults()
	out, w := make([]OUDDay, to-from+1), window{from: from, to: to}
	for _, r := range opt.apply(records, &Summary{}) {
		says := d.names.oudDay(r)
		if _, err := r.days(); err != nil {
			r.DaysSupplied, r.cut = 1, 0
			if says != NotOUD {
				for day := max(r.StartDay+1, from); day <= to; day++ {
					out[day-from] = max(out[day-from], UnstatedOUD)
				}
			}
		}
		w.each(r, func(i int) { out[i] = max(out[i], says) })
	}
	if opt.Gap == GapZero {
		for i := range out {
			out[i] = max(out[i], NotOUD)
		}
	}
	return out, nil
}

// oudDay is what a record says of the days that it covers.
func (n names) oudDay(r Record) OUDDay {
	if r.Kind != Dispensed && r.DosePerDay == 0 {
		return NotOUD
	}
	_, err := n.painDrug(r)
	switch {
	case err == nil, errors.Is(err, ErrUnknownDrug) && r.Indication != "": // which is pain
		return NotOUD
	case errors.Is(err, ErrOUD) && r.stated():
		return OnOUD
	}
	return UnstatedOUD
}

// stated reports whether the record says that any was given: a dose, or a strength or
// quantity, none of them impossible.
func (r Record) stated() bool {
	if r.Kind != Dispensed {
		return positive(r.DosePerDay)
	}
	possible := func(x float64) bool { return positive(x) || math.IsNaN(x) }
	return (positive(r.Strength) || positive(r.Quantity)) && possible(r.Strength) && possible(r.Quantity)
}
