package render

import (
	"bytes"
	"io"
	"slices"

	"github.com/xuri/excelize/v2"

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
	style := b.numeric(f, r.Total)
	if c.Input {
		code := numberCode(f)
		style = b.style("input "+code, excelize.Style{CustomNumFmt: &code, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"FFF6CC"}}})
	}
	formula, ok := "", false
	if c.Formula != nil {
		if formula, ok = c.Formula.Write(func(table string, i, j int) (string, bool) { return b.at(sheet, table, i, j) }); !ok {
			return false
		}
	}
	b.put(sheet, column, row, c.Value, style)
	if ok {
		at, err := excelize.CoordinatesToCellName(column, row)
		b.check(err)
		b.check(b.file.SetCellFormula(sheet, at, formula))
		b.computes = true
	}
	return true
}

// at is the name of a cell of a table, as seen from a sheet.
func (b *workbook) at(from, table string, row, column int) (string, bool) {
	p, ok := b.places[table]
	if !ok || row < 0 || row >= p.rows || column < 0 || column >= len(p.columns) {
		return "", false
	}
	name, err := excelize.CoordinatesToCellName(p.columns[column], headRow+1+row, true)
	if err != nil {
		return "", false
	}
	if p.sheet != from {
		name = "'" + p.sheet + "'!" + name // sheetName has taken out apostrophes
	}
	return name, true
}

// typed is how the library marks every formula: as one whose value is text.
var typed = []byte(` t="str"><f>`)

// copyPart copies a part of a workbook. Values of formulas are marked as the numbers they
// are; text cannot hold the mark, whose brackets would be written as entities there.
func copyPart(to io.Writer, from io.Reader) error {
	data, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	_, err = to.Write(bytes.ReplaceAll(data, typed, []byte(`><f>`)))
	return err
}
