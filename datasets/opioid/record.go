package opioid

import (
	"errors"
	"fmt"
	"math"
)

// Kind is how a record states the dose.
type Kind int

const (
	// Dispensed records give strength, quantity and days supplied.
	Dispensed Kind = iota
	// Logged records give the dose taken a day.
	Logged
	// AtVisit records give the dose taken a day as a patient or a chart says it at a
	// visit; which days it stands for is a rule of Options.
	AtVisit
)

// Record is one prescription or one entry of a dose log. Names may be written
// in any of the spellings of names.yaml. A number that is missing is NaN.
type Record struct {
	Drug  string
	Route string // may be empty where the unit is mcg/h: only patches are
	Unit  string // of Strength or DosePerDay: mg, mcg, g or mcg/h
	// Indication is pain or oud. It may be empty, which means pain, except for
	// buprenorphine and methadone, which treat both.
	Indication string

	Kind     Kind
	StartDay int // first day covered, on any count of days

	// Strength of one unit, Quantity of units, DaysSupplied: Dispensed. A Logged
	// record covers DaysSupplied days too, one where it is 0.
	Strength     float64
	Quantity     float64
	DaysSupplied float64
	// DosePerDay in Unit, or the rate worn where the unit is mcg/h: Logged, AtVisit.
	DosePerDay float64
	// WearDays a patch is worn; 0 takes the table's figure.
	WearDays float64

	cut int // days after which the next supply takes its place; 0: it runs out
}

// Errors that MMEPerDay wraps; Reason gives each one's code.
var (
	// ErrOUD: medication for opioid use disorder is not converted.
	ErrOUD = errors.New("medication for opioid use disorder is not converted")
	// ErrIndication: buprenorphine or methadone without an indication, or an
	// indication that is neither pain nor oud.
	ErrIndication = errors.New("indication must be pain or oud")
	// ErrUnknownDrug: not an opioid known here.
	ErrUnknownDrug = errors.New("drug is not an opioid known here")
	// ErrRoute: the route is missing or unknown.
	ErrRoute = errors.New("route is missing or unknown")
	// ErrNoFactor: the table gives no factor for the drug by this route.
	ErrNoFactor = errors.New("no conversion factor")
	// ErrUnit: the unit is missing, unknown or not one the factor can use.
	ErrUnit = errors.New("unit does not fit")
	// ErrAmount: a strength, quantity, number of days or dose is missing or impossible.
	ErrAmount = errors.New("amount is missing or impossible")
)

// reasons lists the errors in the order in which Summary reports them.
var reasons = []struct {
	err  error
	code string
}{
	{ErrOUD, "opioid-use-disorder"},
	{ErrIndication, "indication"},
	{ErrUnknownDrug, "unknown-drug"},
	{ErrRoute, "route"},
	{ErrNoFactor, "no-factor"},
	{ErrUnit, "unit"},
	{ErrAmount, "amount"},
}

// Reason returns the code of an error from MMEPerDay, "" for any other.
func Reason(err error) string {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.code
		}
	}
	return ""
}

// MMEPerDay converts one record:
//
//	MME/day = strength × quantity / days supplied × factor
//
// and for a logged dose MME/day = dose a day × factor. For patches the table
// decides: a worn factor multiplies the rate worn, strength × quantity ×
// wear days / days supplied; a patch factor multiplies the patches used up,
// strength × quantity / days supplied. Graduated factors go by this record's
// dose alone; Daily adds the records of a day first. The error names no value
// of the record that is not one of the tables' own words.
func (t Table) MMEPerDay(r Record) (float64, error) {
	f, dose, err := t.resolve(r)
	if err != nil {
		return math.NaN(), err
	}
	return f.mme(dose), nil
}

// resolve finds the factor and the daily dose it multiplies.
func (t Table) resolve(r Record) (Factor, float64, error) {
	d, err := load()
	if err != nil {
		return Factor{}, 0, err
	}
	drug, err := d.names.painDrug(r)
	if err != nil {
		return Factor{}, 0, err
	}
	unit, ok := d.names.units[fold(r.Unit)]
	if !ok {
		return Factor{}, 0, fmt.Errorf("%s: %w: want mg, mcg, g or mcg/h", drug, ErrUnit)
	}
	route, ok := d.names.routes[fold(r.Route)]
	if r.Route == "" && unit == "mcg/h" {
		route, ok = "transdermal", true
	}
	if !ok {
		return Factor{}, 0, fmt.Errorf("%s: %w: state it, or give one for the whole table", drug, ErrRoute)
	}
	f, ok := t.find(drug, route)
	if !ok || f.None() {
		why := f.Reason
		if why == "" {
			why = "the table does not list this route"
		}
		return Factor{}, 0, fmt.Errorf("%s, %s, %s: %w: %s", t.Name, drug, route, ErrNoFactor, why)
	}
	scale, ok := convert(unit, f.Unit)
	if !ok {
		return Factor{}, 0, fmt.Errorf("%s, %s, %s: %w: the factor is per %s", t.Name, drug, route, ErrUnit, f.Unit)
	}
	dose, err := r.dose(f)
	if err != nil {
		return Factor{}, 0, fmt.Errorf("%s: %w", drug, err)
	}
	return f, dose * scale, nil
}

// painDrug names the drug, or says why the record is not one for pain.
func (n names) painDrug(r Record) (string, error) {
	indication := ""
	if r.Indication != "" {
		var ok bool
		if indication, ok = n.indications[fold(r.Indication)]; !ok {
			return "", ErrIndication
		}
	}
	if indication == "oud" {
		return "", ErrOUD
	}
	drug, ok := n.drug(r.Drug)
	if !ok {
		return "", ErrUnknownDrug
	}
	if indication == "" && n.oud[drug] {
		return "", fmt.Errorf("%s: %w: it treats both", drug, ErrIndication)
	}
	return drug, nil
}

// convert returns what an amount in one unit is multiplied by to be in the other.
func convert(from, to string) (float64, bool) {
	micrograms := map[string]float64{"mcg": 1, "mg": 1e3, "g": 1e6}
	if from == to {
		return 1, true
	}
	a, okA := micrograms[from]
	b, okB := micrograms[to]
	return a / b, okA && okB
}

// dose is what the factor multiplies, in the record's own unit.
func (r Record) dose(f Factor) (float64, error) {
	wear := r.WearDays
	if wear == 0 {
		wear = f.WearDays
	}
	if f.Basis != Daily && !(wear > 0 && wear <= 30) {
		return 0, fmt.Errorf("%w: days a patch is worn", ErrAmount)
	}
	if _, err := r.days(); err != nil {
		return 0, err
	}
	if r.Kind != Dispensed {
		if !(r.DosePerDay >= 0) || math.IsInf(r.DosePerDay, 0) {
			return 0, fmt.Errorf("%w: dose a day", ErrAmount)
		}
		if f.Basis == Patch {
			return r.DosePerDay / wear, nil
		}
		return r.DosePerDay, nil
	}
	if !positive(r.Strength) || !positive(r.Quantity) {
		return 0, fmt.Errorf("%w: strength and quantity must be above 0", ErrAmount)
	}
	dose := r.Strength * (r.Quantity / r.DaysSupplied)
	if f.Basis == Worn {
		dose *= wear
	}
	return dose, nil
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }

// days is the number of days the record covers.
func (r Record) days() (int, error) {
	if r.Kind != Dispensed && r.DaysSupplied == 0 {
		return 1, nil
	}
	const century = 36525 // beyond this it is a typing error
	if !(r.DaysSupplied >= 1 && r.DaysSupplied <= century) || r.DaysSupplied != math.Trunc(r.DaysSupplied) {
		return 0, fmt.Errorf("%w: days supplied must be a whole number of at least 1", ErrAmount)
	}
	return int(r.DaysSupplied), nil
}
