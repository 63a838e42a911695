package privacy

import "testing"

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
