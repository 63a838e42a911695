package render

import (
	"slices"
	"strconv"
	"strings"

	"recoup/reports"
)

// standing is where a table stands in a workbook.
type standing struct {
	sheet   string
	columns []int // the workbook's column of each column of the table, from 1
	rows    int
}

func placesOf(sheets []sheet) map[string]standing {
	out := map[string]standing{}
	for _, s := range sheets {
		if _, ok := out[s.table.ID]; ok || s.table.ID == "" {
			continue
		}
		p := standing{sheet: s.name, rows: len(s.table.Rows)}
		at := 1
		for _, extra := range extraColumns(s.table) {
			p.columns = append(p.columns, at)
			at += 1 + len(extra)
		}
		out[s.table.ID] = p
	}
	return out
}

func hasInputs(sheets []sheet) bool {
	return slices.ContainsFunc(sheets, func(s sheet) bool {
		return slices.ContainsFunc(s.table.Rows, func(r reports.Row) bool {
			return slices.ContainsFunc(r.Cells, changeable)
		})
	})
}

// changeable and computed cells hold numbers that no patient stands behind: those alone are
// written in full, since the rest must not tell more than readers see.
func changeable(c reports.Cell) bool { return c.Input && open(c) }

func open(c reports.Cell) bool {
	return c.Hidden == reports.Shown && c.Basis.Kind == reports.Public
}

// live writes a number that readers may change, or one that follows from others, in full;
// it is false for all others.
func (b *workbook) live(sheet string, column, row int, c reports.Cell, r reports.Row, f reports.Format) bool {
	if !open(c) || c.Formula == nil && !c.Input {
		return false
	}
	out := cell{text: strconv.FormatFloat(c.Value, 'f', -1, 64), number: true, style: b.numeric(f, r.Total)}
	if c.Input {
		out.style = b.file.style(look{code: numberCode(f), fill: "FFF6CC"})
	}
	if c.Formula != nil {
		var ok bool
		if out.formula, ok = c.Formula.Write(func(table string, i, j int) (string, bool) { return b.at(sheet, table, i, j) }); !ok {
			return false
		}
	}
	b.file.sheet(sheet).put(column, row, out)
	return true
}

// at is the name of a cell of a table, as seen from a sheet.
func (b *workbook) at(from, table string, row, column int) (string, bool) {
	p, ok := b.places[table]
	if !ok || row < 0 || row >= p.rows || column < 0 || column >= len(p.columns) {
		return "", false
	}
	name := absolute(p.columns[column], headRow+1+row)
	if p.sheet != from {
		name = "'" + p.sheet + "'!" + name // sheetName has taken out apostrophes
	}
	return name, true
}

// absolute is the name of a cell that copying does not move, such as $B$7.
func absolute(column, row int) string {
	name := cellName(column, row)
	letters := strings.TrimRight(name, "0123456789")
	return "$" + letters + "$" + name[len(letters):]
}
