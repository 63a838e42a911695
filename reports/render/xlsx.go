package render

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"recoup/reports"
)

// XLSX writes a report as a workbook: a first sheet that says what it is, one for each
// table and for the numbers of each figure. Numbers are numbers, rounded as readers see
// them; an interval takes three columns and a mean with its deviation two. Hidden and
// missing ones are words. Text that a spreadsheet would take for a formula gets an
// apostrophe before it.
func XLSX(w io.Writer, r reports.Report) error {
	b := workbook{file: newSpreadsheet(), in: reports.In(r.Lang)}
	sheets := sheetsOf(r)
	b.readMe(r, sheets)
	b.places = placesOf(sheets)
	for _, s := range sheets {
		b.sheet(s)
	}
	if err := b.file.write(w, titleOf(r), langOf(r)); err != nil {
		return fmt.Errorf("writing XLSX: %w", err)
	}
	return nil
}

// readMe is the name of the first sheet.
const readMe = "Read me"

// sheet is one table of the workbook.
type sheet struct {
	name, section, caption string
	table                  reports.Table
	called                 string // the name of its cells, in every language
}

// sheetsOf lists the tables of a report in reading order, numbered as on the page.
func sheetsOf(r reports.Report) []sheet {
	var out []sheet
	tables, figures, in := 0, 0, reports.In(r.Lang)
	for _, s := range sectionsOf(r) {
		for _, b := range s.Blocks {
			switch b := b.(type) {
			case reports.Tiles:
				out = append(out, sheet{name: in.Text("Headlines"), section: s.Title, caption: in.Text("Headlines"), table: tileTable(b, in), called: "Headlines_" + strconv.Itoa(len(out)+1)})
			case reports.Table:
				tables++
				out = append(out, sheet{"T" + strconv.Itoa(tables) + " " + b.Caption, s.Title, in.Text("Table {0}. {1}", tables, b.Caption), b, "Table_" + strconv.Itoa(tables)})
			case reports.Figure:
				behind := behind(b)
				if len(behind) > 0 {
					figures++
				}
				for i, t := range behind {
					caption := in.Text("Figure {0}. {1}", figures, b.Title)
					prefix := "F" + strconv.Itoa(figures)
					if i > 0 {
						caption += ": " + named(t.Caption, in.Text("part {0}", i+1))
						prefix += letters(i + 1)
					}
					t.Footnotes = append(t.Footnotes, reports.Say(b.Subtitle), b.Caption)
					out = append(out, sheet{prefix + " " + named(b.ID, "figure"), s.Title, caption, t, "Figure_" + strconv.Itoa(figures) + "_" + strconv.Itoa(i+1)})
				}
			}
		}
	}
	used := map[string]bool{strings.ToLower(readMe): true}
	for i := range out {
		out[i].name = sheetName(out[i].name, used)
	}
	return out
}

// sheetName makes a name that a spreadsheet takes: 31 characters at most, none of those
// it forbids, and not used before.
func sheetName(s string, used map[string]bool) string {
	s = strings.Join(strings.FieldsFunc(printable(s), func(r rune) bool { return r == ' ' || strings.ContainsRune(`[]:*?/\'"`, r) }), " ")
	cut := func(limit int) string {
		out := s
		for len(utf16.Encode([]rune(out))) > limit {
			r := []rune(out)
			out = string(r[:len(r)-1])
		}
		return strings.TrimSpace(out)
	}
	name := cut(31)
	for i := 2; name == "" || used[strings.ToLower(name)]; i++ {
		name = strings.TrimSpace(cut(26) + " " + strconv.Itoa(i))
	}
	used[strings.ToLower(name)] = true
	return name
}

// tileTable is the headlines as a table.
func tileTable(b reports.Tiles, in reports.Language) reports.Table {
	t := reports.Table{ID: "tiles", Caption: "Headlines", Columns: []reports.Column{{Label: "Headline"}, rightColumn("Value"), {Label: "Standing"}, rightColumn("Benchmark"), {Label: "Source of the benchmark"}, {Label: "Detail"}}}
	for _, x := range b.Tiles {
		_, status := statusWords(x)
		t.Rows = append(t.Rows, reports.Row{Cells: []reports.Cell{
			reports.Label(x.Label), x.Value, reports.Label(status), x.Benchmark, reports.Label(x.BenchmarkSource), reports.Label(words(x.Detail)),
		}})
	}
	return in.Table(t)
}

// workbook lays the tables of a report out on sheets.
type workbook struct {
	file   *spreadsheet
	in     reports.Language
	places map[string]standing // by the ID of a table
}

// put writes a text or a number into a cell.
func (b *workbook) put(sheet string, column, row int, value any, style int) {
	c := cell{style: style}
	switch value := value.(type) {
	case float64:
		c.text, c.number = strconv.FormatFloat(value, 'f', -1, 64), true
	case string:
		c.text = neutral(printable(value))
	}
	b.file.sheet(sheet).put(column, row, c)
}

func (b *workbook) head() int {
	return b.file.style(look{bold: true, wrap: true, vertical: "bottom", ruled: true, fill: "F2F5F8"})
}

func (b *workbook) title() int { return b.file.style(look{bold: true, size: 14}) }

func (b *workbook) strong() int { return b.file.style(look{bold: true}) }

func (b *workbook) note() int { return b.file.style(look{color: "4A5F72", size: 9}) }

func (b *workbook) wrapped() int { return b.file.style(look{wrap: true, vertical: "top"}) }

func (b *workbook) absent() int {
	return b.file.style(look{italic: true, color: "4A5F72", right: true})
}

// numeric is the style of numbers of a format.
func (b *workbook) numeric(f reports.Format, bold bool) int {
	return b.file.style(look{bold: bold, code: numberCode(f)})
}

// numberCode is the spreadsheet's code of a format.
func numberCode(f reports.Format) string {
	digits := "#,##0"
	decimals := f.Decimals
	if f.Kind == reports.PValue {
		decimals = 3
	}
	if f.Kind == reports.Percent {
		digits = "0"
	}
	if decimals > 0 {
		digits += "." + strings.Repeat("0", min(decimals, 10))
	}
	if f.Kind == reports.Percent {
		digits += "%"
	} else {
		quoted := func(s string) string {
			if s = strings.ReplaceAll(printable(s), `"`, ""); s == "" {
				return ""
			}
			return `"` + s + `"`
		}
		digits = quoted(f.Prefix) + digits + quoted(f.Suffix)
	}
	if f.Signed {
		return "+" + digits + ";-" + digits + ";" + digits
	}
	return digits
}

// readMe writes the first sheet: what the workbook is, what must be read first, where
// each table is, and where the numbers come from.
func (b *workbook) readMe(r reports.Report, sheets []sheet) {
	row := 1
	line := func(style int, texts ...string) {
		for i, s := range texts {
			b.put(readMe, i+1, row, s, style)
		}
		row++
	}
	line(b.title(), titleOf(r))
	line(0, subtitleOf(r))
	row++
	for _, w := range r.Warnings {
		line(b.wrapped(), b.in.Text("Caution:")+" "+w.Text)
	}
	for _, s := range []string{
		"Each sheet holds one table of the report, or the numbers behind one figure.",
		"Numbers are rounded as in the report, shares are from 0 to 1 shown as percentages, and an interval takes three columns: value, low, high.",
		`"hidden" is a small number of patients, what rests on one, or what would reveal one. "not available" could not be computed; the reason stands below the table.`,
	} {
		line(b.wrapped(), b.in.Text(s))
	}
	if hasInputs(sheets) {
		line(b.wrapped(), b.in.Text("Numbers on a yellow ground can be changed; what is computed from them follows, and nothing else does."))
	}
	row++
	line(b.head(), b.in.Text("Sheet"), b.in.Text("What"), b.in.Text("Section"))
	for _, s := range sheets {
		line(0, s.name, s.caption, s.section)
		b.put(readMe, 1, row-1, s.name, b.file.style(look{color: "005EB8", underlined: true}))
		b.file.sheet(readMe).link(1, row-1, "'"+s.name+"'!A1")
	}
	row++
	for _, s := range sectionsOf(r) {
		if found := words(s.Found); found != "" {
			line(b.wrapped(), s.Title+": "+found)
		}
		if lead := words(s.Lead); lead != "" {
			line(b.wrapped(), s.Title+": "+lead)
		}
		for _, x := range s.Blocks {
			switch x := x.(type) {
			case reports.Paragraph:
				line(b.wrapped(), s.Title+": "+words(x.Text))
			case reports.Notice:
				line(b.wrapped(), s.Title+": "+noticeTitle(x, b.in)+". "+words(x.Text))
			}
		}
	}
	row++
	line(b.head(), b.in.Text("Where these numbers come from"), "", "")
	for _, f := range r.Provenance.Facts {
		line(0, f.Name, Cell(f.Value))
	}
	for _, s := range r.Sections {
		for _, x := range s.Blocks {
			if d, ok := x.(reports.Definitions); ok {
				if d.Title != "" {
					line(b.head(), d.Title, "", "")
				}
				for _, item := range d.Items {
					line(b.wrapped(), item.Term, item.Meaning, item.Source)
				}
			}
		}
	}
	b.file.sheet(readMe).width(1, 3, 60)
}

// headRow is where the heads of a table stand: after its caption, section and an empty
// row.
const headRow = 4

// sheet writes one table with its notes.
func (b *workbook) sheet(s sheet) {
	b.put(s.name, 1, 1, s.caption, b.title())
	b.put(s.name, 1, 2, s.section, b.note())
	extra := extraColumns(s.table)
	column := 1
	for j, c := range s.table.Columns {
		label := gridColumn{Label: c.Label, Unit: c.Unit}.head()
		b.put(s.name, column, headRow, label, b.head())
		column++
		for _, name := range extra[j] {
			b.put(s.name, column, headRow, label+", "+b.in.Text(name), b.head())
			column++
		}
	}
	row := headRow + 1
	for _, r := range s.table.Rows {
		b.row(s, r, row, extra)
		row++
	}
	b.file.call(s.called, s.name, headRow, max(column-1, 1), row-1)
	g := layTable(s.table)
	row++
	for _, note := range append(g.Reasons, g.Notes...) {
		b.put(s.name, 1, row, note.Text, b.note())
		row++
	}
	x := b.file.sheet(s.name)
	x.width(1, 1, 46)
	x.width(2, max(column-1, 2), 16)
	x.freeze(1, headRow)
}

// extraColumns names the columns that each column of a table needs beside its own.
func extraColumns(t reports.Table) [][]string {
	out := make([][]string, len(t.Columns))
	for j := range t.Columns {
		for _, r := range t.Rows {
			if r.Heading || j >= len(r.Cells) {
				continue
			}
			for i, p := range flat(r.Cells[j])[min(1, len(flat(r.Cells[j]))):] {
				if i == len(out[j]) {
					out[j] = append(out[j], p.name)
				} else if !slices.Contains(strings.Split(out[j][i], " / "), p.name) {
					out[j][i] += " / " + p.name
				}
			}
		}
	}
	return out
}

// flat is the numbers of a cell, bounds of an interval among them.
func flat(c reports.Cell) []part {
	var out []part
	for _, p := range partsOf(c) {
		out = append(out, p)
		if p.low != nil {
			bound := p.format
			bound.Signed = false
			out = append(out, part{name: "low", value: p.low, format: bound}, part{name: "high", value: p.high, format: bound})
		}
	}
	return out
}

func (b *workbook) row(s sheet, r reports.Row, row int, extra [][]string) {
	if r.Heading {
		if len(r.Cells) > 0 {
			b.put(s.name, 1, row, Cell(r.Cells[0]), b.strong())
		}
		return
	}
	column := 1
	for j := range s.table.Columns {
		var c reports.Cell
		if j < len(r.Cells) {
			c = r.Cells[j]
		}
		b.cell(s.name, column, row, c, r, j == 0)
		column += 1 + len(extra[j])
	}
}

func (b *workbook) cell(sheet string, column, row int, c reports.Cell, r reports.Row, first bool) {
	numbers := flat(c)
	written := false
	for i, p := range numbers {
		if i == 0 && p.value != nil && b.live(sheet, column, row, c, r, p.format) {
			written = true
			continue
		}
		if p.value != nil {
			b.put(sheet, column+i, row, *p.value, b.numeric(p.format, r.Total))
			written = written || i == 0
		}
	}
	text := Cell(c)
	if written || text == "" {
		return
	}
	style := 0
	switch {
	case c.Hidden != reports.Shown || text == b.in.Text(notAvailable):
		style = b.absent()
	case first && r.Indent > 0:
		style = b.file.style(look{indent: min(r.Indent, 3)})
	case r.Total:
		style = b.strong()
	}
	b.put(sheet, column, row, text, style)
}

// langOf is the language of a report.
func langOf(r reports.Report) string { return named(r.Lang, "en") }
