package disclosure

import (
	"slices"
	"testing"
)

// Counts in words are found in the languages of reports; numbers with thousands apart
// and limits are none.
func TestCountsInWords(t *testing.T) {
	for text, want := range map[string][]int{
		"n = 3 of them":                        {3},
		"program (n = 2,669)":                  nil,
		"Programm (n = 2.669)":                 nil,
		"of 7 patients 2 women":                {7, 2},
		"bei 3 Patienten und 2 Patientinnen":   {3, 2},
		"in 4 Fällen und 5 Zeilen":             {4, 5},
		"fewer than 10 patients":               nil,
		"weniger als 10 Patienten":             nil,
		"keinen oder mindestens 11 Patienten":  nil,
		"2.5 patients a day, 1,234 patients":   nil,
		"12.345 Patienten":                     nil,
		"A model, no patients: n = 12, n = 13": {12, 13},
	} {
		if got := CountsInText(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
