package disclosure

import (
	"fmt"
	"testing"

	"recoup/reports"
)

// fortyTables is a report of 40 tables of 6 rows and 5 columns with all totals,
// some counts small, and each total part of one population.
func fortyTables() reports.Report {
	r := reports.Report{}
	x := uint32(7)
	next := func(n int) int {
		x = x*1664525 + 1013904223
		return int(x>>16) % n
	}
	for i := range 40 {
		var cells [][]int
		for range 6 {
			var row []int
			for range 5 {
				n := 11 + next(200)
				if next(6) == 0 {
					n = next(11)
				}
				row = append(row, n)
			}
			cells = append(cells, row)
		}
		t := counts(cells)
		t.ID = fmt.Sprint("t", i)
		all := &t.Rows[6].Cells[5]
		*all = all.Named(fmt.Sprint("all ", i)).PartOf("everybody")
		r.Sections = append(r.Sections, reports.Section{ID: fmt.Sprint("s", i), Blocks: []reports.Block{t}})
	}
	r.Sections[0].Lead = reports.Say("Of ").With(reports.Count(9000).Named("everybody"))
	return r
}

func BenchmarkFortyTables(b *testing.B) {
	r := fortyTables()
	p := Policies()[0]
	for b.Loop() {
		Apply(r, p)
	}
}
