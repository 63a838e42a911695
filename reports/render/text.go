package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	prettytext "github.com/jedib0t/go-pretty/v6/text"

	"recoup/reports"
)

// Text writes a report for a terminal: tables drawn with lines, figures as
// their titles, descriptions and numbers.
func Text(w io.Writer, r reports.Report) error {
	return writeOutline(w, r, outline{
		heading: func(level int, s string) string {
			return s + "\n" + strings.Repeat(map[int]string{1: "=", 2: "-"}[level], max(1, prettytext.StringWidthWithoutEscSequences(s))) + "\n"
		},
		strong: func(s string) string { return s },
		escape: plainLine,
		item:   "- ",
		table:  textTable,
		in:     reports.In(r.Lang),
	})
}

// Markdown writes a report as GitHub Markdown: tables as tables, figures as
// their titles, descriptions and numbers.
func Markdown(w io.Writer, r reports.Report) error {
	return writeOutline(w, r, outline{
		heading: func(level int, s string) string { return strings.Repeat("#", level) + " " + s + "\n" },
		strong:  func(s string) string { return "**" + s + "**" },
		escape:  markdownEscape,
		item:    "- ",
		table:   markdownTable,
		in:      reports.In(r.Lang),
	})
}

// outline is how a plain format writes its parts.
type outline struct {
	heading func(level int, s string) string
	strong  func(string) string
	escape  func(string) string
	item    string
	table   func(grid) string
	in      reports.Language
}

func plainLine(s string) string { return strings.Join(strings.Fields(printable(s)), " ") }

var markdownSpecial = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]",
	"<", "&lt;", ">", "&gt;", "&", "&amp;", "#", "\\#", "|", "\\|", "~", "\\~")

func markdownEscape(s string) string { return markdownSpecial.Replace(plainLine(s)) }

// writeOutline walks a report in reading order with the numbering of the page.
func writeOutline(w io.Writer, r reports.Report, o outline) error {
	var b strings.Builder
	b.WriteString(o.heading(1, o.escape(titleOf(r))))
	if s := subtitleOf(r); s != "" {
		b.WriteString("\n" + o.escape(s) + "\n")
	}
	for _, warning := range r.Warnings {
		b.WriteString("\n" + o.strong(o.in.Text("Caution:")) + " " + o.escape(warning.Text) + "\n")
	}
	n := newNumbering()
	for _, s := range sectionsOf(r) {
		b.WriteString("\n" + o.heading(2, o.escape(s.Title)))
		if found := words(s.Found); found != "" {
			b.WriteString("\n" + o.strong(o.escape(found)) + "\n")
		}
		if lead := words(s.Lead); lead != "" {
			b.WriteString("\n" + o.escape(lead) + "\n")
		}
		for _, block := range s.Blocks {
			b.WriteString("\n")
			if err := o.block(&b, block, n); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (o outline) block(b *strings.Builder, block reports.Block, n *numbering) error {
	switch block := block.(type) {
	case reports.Paragraph:
		b.WriteString(o.escape(words(block.Text)) + "\n")
	case reports.Tiles:
		for _, t := range block.Tiles {
			b.WriteString(o.item + o.tile(t) + "\n")
		}
	case reports.Table:
		n.tables++
		g := layTable(block)
		b.WriteString(o.strong(o.in.Text("Table {0}. {1}", n.tables, o.escape(g.Caption))) + "\n\n" + o.table(g))
		o.notes(b, g)
	case reports.Figure:
		if _, err := drawingOf(block.Plot); err != nil {
			return o.block(b, noFigure(block, o.in), n)
		}
		n.figures++
		b.WriteString(o.strong(o.in.Text("Figure {0}. {1}", n.figures, o.escape(block.Title))) + "\n")
		for _, s := range []string{block.Subtitle, words(block.Alt), words(block.Caption)} {
			if s != "" {
				b.WriteString("\n" + o.escape(s) + "\n")
			}
		}
		for _, t := range behind(block) {
			o.numbers(b, t)
		}
	case reports.Notice:
		b.WriteString(o.strong(o.escape(noticeTitle(block, o.in))+":") + " " + o.escape(words(block.Text)) + "\n")
	case reports.Definitions:
		if block.Title != "" {
			b.WriteString(o.strong(o.escape(block.Title)) + "\n\n")
		}
		for _, d := range block.Items {
			line := o.item + o.strong(o.escape(d.Term)+":") + " " + o.escape(d.Meaning)
			if d.Source != "" {
				line += " (" + o.escape(d.Source) + ")"
			}
			b.WriteString(line + "\n")
		}
	default:
		return fmt.Errorf("a block of type %T cannot be written", block)
	}
	return nil
}

// mostNumbers is how many rows of a figure's numbers a document holds.
const mostNumbers = 40

// fewer is a table of a figure's numbers with no more rows than a document holds.
func fewer(t reports.Table, in reports.Language) reports.Table {
	all := t.Rows
	t.Rows = nil
	for _, i := range evenly(len(all), mostNumbers) {
		t.Rows = append(t.Rows, all[i])
	}
	if len(t.Rows) < len(all) {
		t.Footnotes = append(t.Footnotes, reports.Say(in.Text("{0} of {1} rows, evenly spaced; the spreadsheet and data formats hold all.", len(t.Rows), len(all))))
	}
	return t
}

// numbers writes what a figure draws.
func (o outline) numbers(b *strings.Builder, t reports.Table) {
	t = fewer(t, o.in)
	g := layTable(t)
	if g.Caption != "" {
		b.WriteString("\n" + o.escape(g.Caption) + "\n")
	}
	b.WriteString("\n" + o.table(g))
	o.notes(b, g)
}

func (o outline) tile(t reports.Tile) string {
	line := o.strong(o.escape(Cell(t.Value))) + " " + o.escape(t.Label)
	if d := words(t.Detail); d != "" {
		line += "; " + o.escape(strings.TrimSuffix(d, "."))
	}
	if _, s := statusWords(t); s != "" {
		line += "; " + o.escape(s)
	}
	if t.Benchmark.Format.Kind != reports.Blank {
		line += "; " + o.in.Text("benchmark {0}", o.escape(Cell(t.Benchmark)))
		if t.BenchmarkSource != "" {
			line += " (" + o.escape(t.BenchmarkSource) + ")"
		}
	}
	return line
}

func (o outline) notes(b *strings.Builder, g grid) {
	for i, r := range g.Reasons {
		b.WriteString("\n" + letters(i+1) + ". " + o.escape(r.Text) + "\n")
	}
	for _, note := range g.Notes {
		b.WriteString("\n" + o.escape(note.Text) + "\n")
	}
}

// head is the label of a column with its unit.
func (c gridColumn) head() string {
	if c.Unit != "" {
		return c.Label + " (" + c.Unit + ")"
	}
	return c.Label
}

func textTable(g grid) string {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = prettytext.FormatDefault
	var configs []table.ColumnConfig
	var head table.Row
	for i, c := range g.Columns {
		head = append(head, plainLine(c.head()))
		align := prettytext.AlignLeft
		if c.Class == "right" {
			align = prettytext.AlignRight
		}
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align, WidthMax: 48})
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(head)
	for _, r := range g.Rows {
		var row table.Row
		for _, c := range r.Cells {
			row = append(row, plainLine(c.Text)+mark(c))
		}
		t.AppendRow(row)
	}
	return t.Render() + "\n"
}

func markdownTable(g grid) string {
	var b strings.Builder
	b.WriteString("|")
	for _, c := range g.Columns {
		b.WriteString(" " + markdownEscape(c.head()) + " |")
	}
	b.WriteString("\n|")
	for _, c := range g.Columns {
		b.WriteString(map[string]string{"right": " ---: |"}[c.Class])
		if c.Class == "" {
			b.WriteString(" --- |")
		}
	}
	b.WriteString("\n")
	for _, r := range g.Rows {
		b.WriteString("|")
		for i := range max(len(g.Columns), len(r.Cells)) {
			text := ""
			if i < len(r.Cells) {
				text = markdownEscape(r.Cells[i].Text) + mark(r.Cells[i])
				if r.Class == "heading" && text != "" {
					text = "**" + text + "**"
				}
			}
			b.WriteString(" " + text + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func mark(c gridCell) string {
	if c.Mark == "" {
		return ""
	}
	return " [" + c.Mark + "]"
}
