package cli

import (
	"strings"
	"testing"

	"recoup/reports/render"
)

func TestWriteChanges(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	var b strings.Builder
	writeChanges(&b, []render.Change{
		{What: render.Changed, Section: "work", Block: "return", Row: "Returned", Column: "Share", Before: "43% (32% to 53%)", After: "51% (40% to 60%)", Difference: v(0.08)},
		{What: render.Changed, Section: "work", Block: "return", Row: "Returned", Column: "Value:", Before: "1.5", After: "1.2", Difference: v(-0.3)},
		{What: render.HiddenNow, Section: "work", Block: "return", Row: "Median", Column: "n", Before: "12", After: "hidden"},
		{What: render.HiddenThen, Section: "work", Block: "curve", Row: "Median", Column: "n", Before: "hidden", After: "15"},
		{What: render.Added, Section: "work", Block: "curve", Row: "x\x1b[31m", Column: "n", After: "8"},
		{What: render.Gone, Section: "work", Block: "curve", Row: "y", Column: "n", Before: "7"},
	})
	want := `
work / return
  Returned
    Share: 43% (32% to 53%) → 51% (40% to 60%) (+8 points)
    Value: 1.5 → 1.2 (−0.3)
  Median
    n: hidden now, was 12

work / curve
  Median
    n: was hidden, now 15
  x [31m
    n: new: 8
  y
    n: gone, was 7
`
	if b.String() != want {
		t.Errorf("got %s\nwant %s", b.String(), want)
	}
}
