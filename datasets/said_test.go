package datasets

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A pseudonym that a typed file holds as a number keeps all its digits.
func TestWholeNumbersKeepTheirDigits(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.AppendValues([]float64{1234567, 7, 0.5, 123456789012345}, nil)
	a := b.NewArray()
	for i, want := range []string{"1234567", "7", "0.5", "123456789012345"} {
		if got := cellText(a, i); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What a file says of a column goes before a guess, but for a score, which stays a
// number though each of its values has a label.
func TestSaid(t *testing.T) {
	labels := []Category{{Value: "0", Label: "none"}, {Value: "10", Label: "worst"}}
	said := Field{Title: "Pain now", Type: TypeString, Categories: labels, Description: "of the file"}
	score := Field{Name: "pain", Type: TypeInteger, Role: RoleOutcome, Instrument: "nrs"}.said(said)
	if score.Type != TypeInteger || score.Categories != nil || score.Title != "Pain now" || score.Description != "of the file" {
		t.Errorf("a score became %+v", score)
	}
	coded := Field{Name: "sex", Type: TypeInteger}.said(said)
	if coded.Type != TypeString || len(coded.Categories) != 2 {
		t.Errorf("a coded column became %+v", coded)
	}
}
