package opioid

import (
	"math"
	"testing"
)

// By hand from the CDC's factors of 2022: morphine 1, oxycodone 1.5, methadone 4.7,
// fentanyl patches 2.4 for each mcg/h worn.
func TestCeiling(t *testing.T) {
	for _, c := range []struct {
		drug, route, unit string
		supply            bool
		want              float64
	}{
		{"morphine", "oral", "mg", false, 1000},
		{"OxyContin", "oral", "mg", true, 1000 / 1.5},
		{"methadone", "oral", "mg", false, 1000 / 4.7},
		{"fentanyl", "", "mcg/h", false, 1000 / 2.4},
		{"", "", "MME/day", false, 1000},
		{"buprenorphine", "oral", "mg", false, math.NaN()},
		{"aspirin", "oral", "mg", false, math.NaN()},
		{"morphine", "oral", "pills", false, math.NaN()},
	} {
		got := Ceiling(c.drug, c.route, c.unit, c.supply)
		if !(math.Abs(got-c.want) < 1e-9 || got != got && c.want != c.want) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
