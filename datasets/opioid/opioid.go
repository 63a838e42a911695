// Package opioid converts opioid dose records to morphine milligram equivalents
// (MME, in Australia oMEDD) a day.
//
// Published conversion tables disagree and change, so a table is a named,
// versioned value and every result carries its name. Doses converted by
// different tables must not be pooled or compared. An equivalent describes a
// dose; it is not a rule for changing a patient from one opioid to another.
//
// Medication for opioid use disorder is never converted: thresholds for pain
// do not apply to it.
package opioid

import "math"

// Caution must be printed wherever equivalents are shown.
const Caution = "Morphine equivalents describe exposure; they are not for changing a patient from one opioid to another."

// Basis says what a factor multiplies.
type Basis string

const (
	// Daily factors multiply the amount taken a day, in the factor's unit.
	Daily Basis = "daily"
	// Worn factors multiply the rate of the patches worn, in mcg/h.
	Worn Basis = "worn"
	// Patch factors multiply the rate of the patches used up a day: strength ×
	// patches / days.
	Patch Basis = "patch"
)

// Factor is one row of a conversion table.
type Factor struct {
	Drug string `yaml:"drug"`
	// Routes the factor holds for; none means every route without a row of its own.
	Routes []string `yaml:"routes"`
	Unit   string   `yaml:"unit"` // mg, mcg or mcg/h
	Basis  Basis    `yaml:"basis"`
	// Factor is NaN where the table gives none, or where Steps stand in for it.
	Factor float64 `yaml:"factor"`
	// Steps are factors banded by the whole daily dose of the drug.
	Steps []Step `yaml:"steps"`
	// WearDays is how long one patch is worn unless a record says otherwise.
	WearDays float64 `yaml:"wear_days"`
	// Reason says why there is no factor.
	Reason string `yaml:"reason"`
}

// Step is the factor for daily doses above the step before and up to UpTo.
type Step struct {
	UpTo   float64 `yaml:"up_to"`
	Factor float64 `yaml:"factor"`
}

// Table is one version of a conversion table.
type Table struct {
	Name    string   `yaml:"name"` // CDC-2022, CMS-2018, ANZCA-2014, ANZCA-2021
	Version string   `yaml:"version"`
	Title   string   `yaml:"title"`
	Source  string   `yaml:"source"`
	Status  string   `yaml:"status"` // sourced or unverified
	Note    string   `yaml:"note"`
	Factors []Factor `yaml:"factors"`
}

// None reports whether the table gives this drug and route no factor.
func (f Factor) None() bool { return math.IsNaN(f.Factor) && len(f.Steps) == 0 }

// mme is the equivalent of a daily dose in the factor's unit and basis.
func (f Factor) mme(dose float64) float64 {
	for _, s := range f.Steps {
		if dose <= s.UpTo {
			return dose * s.Factor
		}
	}
	return dose * f.Factor
}

// find returns the row for a drug by a route; false where the drug has none.
func (t Table) find(drug, route string) (Factor, bool) {
	var other Factor
	found := false
	for _, f := range t.Factors {
		if f.Drug != drug {
			continue
		}
		if len(f.Routes) == 0 {
			other, found = f, true
		}
		for _, r := range f.Routes {
			if r == route {
				return f, true
			}
		}
	}
	return other, found
}

// Tables returns every conversion table, in name order. The slices inside are
// shared and are for reading only.
func Tables() []Table {
	d, _ := load()
	return append([]Table(nil), d.tables...)
}

// Find returns the table with this exact name, such as "CDC-2022".
func Find(name string) (Table, bool) {
	d, _ := load()
	for _, t := range d.tables {
		if t.Name == name {
			return t, true
		}
	}
	return Table{}, false
}
