package opioid

import (
	"math"
	"slices"
	"testing"
)

// Days 0 to 4, one letter a day: . no record, n not for opioid use disorder, ? does not
// say, o on medication for it.
func TestOUDDays(t *testing.T) {
	nan := math.NaN()
	bup := func(day int, days, strength, quantity float64, why string) Record {
		return Record{Drug: "buprenorphine", Route: "sublingual", Unit: "mg", Indication: why, StartDay: day, Strength: strength, Quantity: quantity, DaysSupplied: days, DosePerDay: nan}
	}
	logged := func(day int, dose float64, why string) Record {
		return Record{Drug: "methadone", Route: "oral", Unit: "mg", Indication: why, Kind: Logged, StartDay: day, Strength: nan, Quantity: nan, DosePerDay: dose}
	}
	patch := bup(1, 3, 10, 1, "pain")
	patch.Route, patch.Unit = "transdermal", "mcg/h"
	other := bup(1, 2, 50, 2, "oud")
	other.Drug, other.Route = "naltrexone", ""
	cough := bup(1, 2, 50, 2, "pain")
	cough.Drug = "a drug not known here"
	for _, c := range []struct {
		name    string
		records []Record
		opt     Options
		want    string
	}{
		{"none", nil, Options{}, "....."},
		{"none, of a source that lists all", nil, Options{Gap: GapZero}, "nnnnn"},
		{"two days", []Record{bup(1, 2, 8, 4, "oud")}, Options{}, ".oo.."},
		{"begun before the days", []Record{bup(-3, 5, 8, 4, "opioid dependence")}, Options{}, "oo..."},
		{"ended before the days", []Record{bup(-3, 3, 8, 4, "oud")}, Options{}, "....."},
		{"a patch for pain", []Record{patch}, Options{}, ".nnn."},
		{"buprenorphine that does not say", []Record{bup(1, 2, 8, 4, "")}, Options{}, ".??.."},
		{"another indication", []Record{bup(1, 2, 8, 4, "cough")}, Options{}, ".??.."},
		{"an antagonist for it", []Record{other}, Options{}, ".oo.."},
		{"an unknown drug for pain", []Record{cough}, Options{}, ".nn.."},
		{"both", []Record{bup(1, 2, 8, 4, "oud"), rx(0, 2, 20)}, Options{}, "noo.."},
		{"both, one does not say", []Record{bup(1, 2, 8, 4, ""), rx(0, 3, 20)}, Options{}, "n??.."},
		{"a logged dose of zero", []Record{logged(1, 20, "oud"), logged(2, 0, "oud"), logged(3, nan, "oud")}, Options{}, ".on?."},
		{"zero of methadone that does not say", []Record{logged(1, 0, "")}, Options{}, ".n..."},
		{"no amount", []Record{bup(1, 2, nan, nan, "oud")}, Options{}, ".??.."},
		{"nothing dispensed", []Record{bup(1, 2, 8, 0, "oud")}, Options{}, ".??.."},
		{"quantity alone", []Record{bup(1, 2, nan, 4, "oud")}, Options{}, ".oo.."},
		{"unknown length", []Record{bup(1, nan, 8, 4, "oud")}, Options{}, ".o???"},
		{"unknown length, pain after", []Record{bup(1, nan, 8, 4, "oud"), rx(2, 2, 20)}, Options{}, ".o???"},
		{"unknown length, known after", []Record{bup(1, nan, 8, 4, "oud"), bup(3, 1, 8, 4, "oud")}, Options{}, ".o?o?"},
		{"unknown length before the days", []Record{bup(-9, nan, 8, 4, "oud")}, Options{Gap: GapZero}, "?????"},
		{"unknown length of pain", []Record{rx(1, nan, 20)}, Options{}, ".n..."},
		{"a length by rule", []Record{bup(1, nan, 8, 4, "oud")}, Options{Length: LengthAssumed, FillDays: 2}, ".oo.."},
		{"an early refill, shifted", []Record{bup(0, 2, 8, 4, "oud"), bup(1, 2, 8, 4, "oud")}, Options{Overlap: OverlapShift}, "oooo."},
		{"an early refill, truncated", []Record{bup(0, 4, 8, 4, "oud"), bup(1, 2, 8, 4, "oud")}, Options{Overlap: OverlapTruncate}, "ooo.."},
		{"grace does not bridge", []Record{logged(1, 20, "oud"), logged(3, 20, "oud")}, Options{Grace: 5}, ".o.o."},
	} {
		for range 2 { // in the order given and in the other
			days, err := OUDDays(c.records, 0, 4, c.opt)
			got := ""
			for _, d := range days {
				got += string(".n?o"[d])
			}
			if err != nil || got != c.want {
				t.Errorf("%s: %s, want %s (%v)", c.name, got, c.want, err)
			}
			slices.Reverse(c.records)
		}
	}
	if days, err := OUDDays(nil, 1, 0, Options{}); days != nil || err != nil {
		t.Errorf("no days: %v %v", days, err)
	}
}
