package opioid

import (
	"math"
	"slices"
)

// CeilingMME is the dose, in morphine milligram equivalents a day, above which a
// record is more likely a slip of unit or decimal than a dose. It is this project's own
// choice and not from a guideline: the largest dose reported of 109 patients of a
// cessation program was 600 (Am J Manag Care 2022;28(2)), and of 5,159 referrals to
// pain services 1,560 (ePPOC 2015), so that doses above it occur, rarely.
const CeilingMME = 1000

// ceilingTable is the table by which a drug's ceiling is worked out: its factors are
// flat, so that the ceiling is one amount.
const ceilingTable = "CDC-2022"

// mmeUnits are the units of doses that are equivalents already.
var mmeUnits = []string{"mme", "mme day", "mme d", "medd", "omedd", "omedd day", "omedd d"}

// Ceiling returns the largest amount a day that is plausible of a drug by a route in a
// unit, CeilingMME by the CDC's table of 2022: of a dose taken, or of strength ×
// quantity / days of a supply. It is NaN where the table has no factor, as for
// buprenorphine, or a name is not known.
func Ceiling(drug, route, unit string, supply bool) float64 {
	if slices.Contains(mmeUnits, fold(unit)) {
		return CeilingMME
	}
	t, ok := Find(ceilingTable)
	if !ok {
		return math.NaN()
	}
	r := Record{Drug: drug, Route: route, Unit: unit, Indication: "pain", Kind: Logged, DosePerDay: 1}
	if supply {
		r.Kind, r.Strength, r.Quantity, r.DaysSupplied = Dispensed, 1, 1, 1
	}
	mme, err := t.MMEPerDay(r)
	if err != nil || mme <= 0 {
		return math.NaN()
	}
	return CeilingMME / mme
}
