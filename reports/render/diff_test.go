package render

import (
	"fmt"
	"reflect"
	"testing"
)

// A column of the quarter is the same column in the next report; a row of a quarter, as
// in a chart over time, is another point.
func TestDiff(t *testing.T) {
	number := func(block, row, column string, v float64) Number {
		return Number{Section: "s", Block: block, Row: row, Column: column, Value: &v, Text: fmt.Sprint(v)}
	}
	hidden := func(row string) Number {
		return Number{Section: "s", Block: "t", Row: row, Column: "n", Hidden: HiddenProtected, Text: "hidden"}
	}
	before := Document{Period: "2026Q1", Numbers: []Number{
		number("t", "Pain", "n, 2026Q1", 40), number("t", "Pain", "2025Q1", 0.3),
		number("chart", "2025Q4", "Value", 5), number("chart", "2026Q1", "Value", 6),
		number("t", "Work", "n", 12), hidden("Mood"), number("t", "Sleep", "n", 7), number("t", "Same", "n", 1),
	}}
	after := Document{Period: "2026Q2", Numbers: []Number{
		number("t", "Pain", "n, 2026Q2", 44), number("t", "Pain", "2025Q2", 0.1),
		number("chart", "2026Q1", "Value", 6.5), number("chart", "2026Q2", "Value", 8),
		hidden("Work"), number("t", "Mood", "n", 15), number("t", "Same", "n", 1),
	}}
	d := Diff(before, after)
	var got []string
	for _, c := range d.Changes {
		text := fmt.Sprintf("%s %s %s %s %s>%s", c.What, c.Block, c.Row, c.Column, c.Before, c.After)
		if c.Difference != nil {
			text += fmt.Sprintf(" %g", *c.Difference)
		}
		got = append(got, text)
	}
	want := []string{
		"changed t Pain n, 2026Q2 40>44 4",
		"changed t Pain 2025Q2 0.3>0.1 -0.2", // 0.1 less 0.3 without the noise of doubles
		"changed chart 2026Q1 Value 6>6.5 0.5",
		"new chart 2026Q2 Value >8",
		"hidden now t Work n 12>hidden",
		"hidden then t Mood n hidden>15",
		"gone chart 2025Q4 Value 5>",
		"gone t Sleep n 7>",
	}
	want[3] = Added + want[3][len("new"):]
	if !reflect.DeepEqual(got, want) || d.Same != 1 {
		t.Errorf("%d the same and\n%q\nwant 1 and\n%q", d.Same, got, want)
	}
}
