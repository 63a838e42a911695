package render

import (
	"fmt"

	"recoup/reports"
)

// grid is a table with every cell in words, shared by HTML, Markdown and text.
type grid struct {
	Class       string // of a page's table; empty for none
	ID, Caption string
	Columns     []gridColumn
	Rows        []gridRow
	Reasons     []remark // why a value is not available or hidden, lettered a, b, c
	Notes       []remark
}

// remark is a note below a table.
type remark struct {
	Text, Lang string
	spans      []spokenSpan
}

func remarkOf(w reports.Words) remark { return remark{Text: words(w), spans: spoken(w)} }

type gridColumn struct{ Label, Unit, Class string }

type gridRow struct {
	Class string
	Cells []gridCell
}

type gridCell struct {
	Text  string
	Mark  string // letter of the reason
	Class string
	Scope string // "row" or "rowgroup" for headings
	Span  int
	Lang  string // of the text, where it is not the page's
}

func layTable(t reports.Table) grid {
	g := grid{Caption: t.Caption}
	for _, c := range t.Columns {
		g.Columns = append(g.Columns, gridColumn{c.Label, c.Unit, alignClass(c.Align)})
	}
	marks := map[string]string{}
	for _, r := range t.Rows {
		g.Rows = append(g.Rows, g.row(r, t.Columns, marks))
	}
	for _, n := range t.Footnotes {
		g.Notes = append(g.Notes, remarkOf(n))
	}
	return g
}

func alignClass(a reports.Align) string {
	if a == reports.Right {
		return "right"
	}
	return ""
}

func (g *grid) row(r reports.Row, columns []reports.Column, marks map[string]string) gridRow {
	if r.Heading {
		cell := gridCell{Scope: "rowgroup", Span: max(len(columns), 1)}
		if len(r.Cells) > 0 {
			cell.Text = Cell(r.Cells[0])
		}
		return gridRow{Class: "heading", Cells: []gridCell{cell}}
	}
	out := gridRow{}
	if r.Total {
		out.Class = "total"
	}
	for i := range max(len(columns), len(r.Cells)) {
		var c reports.Cell
		if i < len(r.Cells) {
			c = r.Cells[i]
		}
		gc := gridCell{Text: Cell(c), Mark: g.mark(c, marks)}
		if c.Format.Kind == reports.Text {
			gc.Lang = c.Lang
		}
		if i < len(columns) {
			gc.Class = alignClass(columns[i].Align)
		}
		if i == 0 {
			gc.Scope = "row"
			if r.Indent > 0 {
				gc.Class = fmt.Sprintf("i%d", min(r.Indent, 3))
			}
		}
		switch {
		case c.Hidden != reports.Shown:
			gc.Class += " hidden"
		case gc.Text == say(c.Format.Lang, notAvailable):
			gc.Class += " none"
		}
		out.Cells = append(out.Cells, gc)
	}
	return out
}

// mark letters the reason for a missing or hidden value, once for each reason.
func (g *grid) mark(c reports.Cell, marks map[string]string) string {
	why := remark{Text: reasonOf(c), Lang: c.Lang}
	if why.Text == "" {
		return ""
	}
	if why.Text != c.Why {
		why.Lang = ""
	}
	if _, ok := marks[why.Text]; !ok {
		g.Reasons = append(g.Reasons, why)
		marks[why.Text] = letters(len(g.Reasons))
	}
	return marks[why.Text]
}

func reasonOf(c reports.Cell) string {
	switch c.Hidden {
	case reports.Protected:
		return say(c.Format.Lang, "Hidden: a small number of patients, or one that would reveal such a number.")
	case reports.NoBasis:
		return say(c.Format.Lang, "Hidden: the number of patients behind it is not stated.")
	}
	if c.Why != "" {
		return c.Why
	}
	if c.Format.Kind != reports.Text && Cell(c) == say(c.Format.Lang, notAvailable) {
		return say(c.Format.Lang, "Not available: it could not be computed from these data.")
	}
	return ""
}

// letters numbers from 1 as a, b, ... z, aa, ab.
func letters(n int) string {
	s := ""
	for ; n > 0; n = (n - 1) / 26 {
		s = string(rune('a'+(n-1)%26)) + s
	}
	return s
}
