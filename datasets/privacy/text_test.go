package privacy

import (
	"testing"

	"recoup/datasets"
)

// With k and named quasi-identifiers those columns are kept beside the ones asked
// for, and no others; without names all are, since they are chosen from all.
func TestKeepForAnonymity(t *testing.T) {
	none := func(*datasets.Table, datasets.Field) bool { return false }
	l := NewLook(&datasets.Dictionary{Privacy: &datasets.Privacy{K: 5, QuasiIdentifiers: []string{"age"}}})
	keep := l.Keep(none)
	if keep == nil || !keep(nil, datasets.Field{Name: "age"}) || keep(nil, datasets.Field{Name: "pain"}) {
		t.Error("not the quasi-identifiers alone are kept")
	}
	if NewLook(&datasets.Dictionary{Privacy: &datasets.Privacy{K: 5}}).Keep(none) != nil {
		t.Error("columns are left out from which quasi-identifiers are chosen")
	}
}

func TestInText(t *testing.T) {
	d := NewDetectors()
	for text, want := range map[string]Class{
		"Outcomes for J. Smith cohort":            ClassNames,
		"as told by Maria Gonzalez of site 2":     ClassNames,
		"write to someone@example.org":            ClassEmail,
		"the patient with SSN 536-22-1234":        ClassSSN,
		"seen on 2024-03-09 at the clinic":        ClassDates,
		"Average pain in the last week":           "",
		"P chart, 3 sigma limits, 2026Q3":         "",
		"Kaplan-Meier, Wilson and Hedges' J":      "",
		"Oswestry Disability Index (Ostelo 2008)": "",
	} {
		got := d.InText(text)
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0] != want) {
			t.Errorf("%q: %v, want %q", text, got, want)
		}
	}
}
