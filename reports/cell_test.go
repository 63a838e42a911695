package reports

import (
	"math"
	"testing"
)

// The share of none is not a number, and says why; it is never 0.
func TestShareOfNone(t *testing.T) {
	for _, c := range []Cell{Share(0, 0), CountShare(0, 0)} {
		if !math.IsNaN(c.Value) || c.Why == "" {
			t.Errorf("the share of none is %v with the reason %q", c.Value, c.Why)
		}
	}
	if c := CountShare(29, 58); c.Count != 29 || c.Value != 0.5 || c.Basis.Denominator != 58 {
		t.Errorf("29 of 58 is %+v", c)
	}
}

// Two sentences that begin alike do not write into each other.
func TestWordsAreCopied(t *testing.T) {
	begin := append(make(Words, 0, 8), Say("Of ")...)
	a, b := begin.With(Count(1)), begin.And("two")
	if a[1].Cell.Count != 1 || b[1].Text != "two" {
		t.Errorf("%v and %v", a, b)
	}
}
