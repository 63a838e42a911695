package render

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"recoup/reports"
)

// Number is one number of a report with its place: the long form in which CSV,
// Parquet and JSON hold a report, one row a number.
//
// Values are rounded as readers see them, and N is given only where the report shows
// it in the same row: no format tells more than another, since what one tells more
// would be outside what the disclosure rules have judged.
type Number struct {
	Section string   `json:"section"`
	Block   string   `json:"block"`
	Row     string   `json:"row"`
	Column  string   `json:"column"`
	Value   *float64 `json:"value"` // shares from 0 to 1; nil where there is none
	Low     *float64 `json:"low"`
	High    *float64 `json:"high"`
	N       *int     `json:"n"`
	Text    string   `json:"text"`   // as readers see it
	Hidden  string   `json:"hidden"` // why it is hidden: Protected, NoBasis; empty where shown
}

// Why a number is hidden, in Number.Hidden.
const (
	HiddenProtected = "protected"
	HiddenNoBasis   = "basis-not-stated"
)

// Document is a report as numbers.
type Document struct {
	Schema   string            `json:"schema"` // DocumentSchema
	Title    string            `json:"title"`
	Subtitle string            `json:"subtitle"`
	Period   string            `json:"period"`
	Warnings []DocumentWarning `json:"warnings"`
	Facts    []DocumentFact    `json:"facts"` // where the numbers come from
	Numbers  []Number          `json:"numbers"`
}

// DocumentSchema names the form of a Document.
const DocumentSchema = "recoup.numbers/v1"

// DocumentWarning is a warning of a report.
type DocumentWarning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// DocumentFact is a fact of a report's provenance.
type DocumentFact struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Numbers returns every number of a report: of tiles, running text, tables and
// figures. A place (section, block, row, column) is there once.
//
// Numbers are written as machines read them, whatever the report's language.
func Numbers(r reports.Report) Document {
	r = reports.Machine(r)
	d := Document{
		Schema: DocumentSchema, Title: printable(titleOf(r)), Subtitle: printable(r.Subtitle), Period: printable(r.Period),
		Warnings: []DocumentWarning{}, Facts: []DocumentFact{}, Numbers: []Number{},
	}
	for _, w := range r.Warnings {
		d.Warnings = append(d.Warnings, DocumentWarning{printable(w.Code), printable(w.Text)})
	}
	for _, f := range r.Provenance.Facts {
		d.Facts = append(d.Facts, DocumentFact{printable(f.Name), printable(Cell(f.Value))})
	}
	c := collector{used: map[[4]string]bool{}}
	for i, s := range r.Sections {
		c.section = named(s.ID, "section-"+strconv.Itoa(i+1))
		c.text("found", s.Found)
		c.text("lead", s.Lead)
		texts := 0
		for _, b := range s.Blocks {
			c.block(b, &texts)
		}
	}
	c.section = "provenance"
	for _, t := range r.Provenance.Tables {
		c.table(t)
	}
	d.Numbers = append(d.Numbers, c.out...)
	return d
}

// collector gathers the numbers of a report.
type collector struct {
	section string
	out     []Number
	used    map[[4]string]bool
}

func (c *collector) block(b reports.Block, texts *int) {
	running := func(w reports.Words) {
		*texts++
		c.text("text-"+strconv.Itoa(*texts), w)
	}
	switch b := b.(type) {
	case reports.Paragraph:
		running(b.Text)
	case reports.Notice:
		running(b.Text)
	case reports.Tiles:
		for _, t := range b.Tiles {
			c.cell("tiles", t.Label, "value", t.Value, nil)
			c.spans("tiles", t.Label, t.Detail)
			c.cell("tiles", t.Label, "benchmark", t.Benchmark, nil)
		}
	case reports.Table:
		c.table(b)
	case reports.Figure:
		for _, t := range behind(b) {
			c.table(t)
		}
		c.text(named(b.ID, "figure")+"-caption", b.Caption)
	}
}

// text collects the numbers of running text under what stands before each.
func (c *collector) text(block string, w reports.Words) { c.spans(block, "text", w) }

func (c *collector) spans(block, row string, w reports.Words) {
	before := ""
	for i, s := range w {
		if s.Text != "" {
			before = s.Text
		}
		column := strings.TrimSpace(before)
		if column == "" && i+1 < len(w) {
			column = strings.TrimSpace(w[i+1].Text)
		}
		c.cell(block, row, column, s.Cell, nil)
	}
}

// table collects the numbers of a table. A row is named by its words up to the first
// number, after those of the row that it stands under.
func (c *collector) table(t reports.Table) {
	block := named(t.ID, "table")
	var above []string // labels of the rows above, by indent
	for _, r := range t.Rows {
		first, label := rowName(r)
		if r.Heading {
			above = []string{label}
			continue
		}
		for len(above) <= r.Indent {
			above = append(above, "")
		}
		above = above[:r.Indent+1]
		above[r.Indent] = label
		var parts []string
		for _, s := range above {
			if s != "" {
				parts = append(parts, s)
			}
		}
		for j := first; j < len(r.Cells); j++ {
			column := "column " + strconv.Itoa(j+1)
			if j < len(t.Columns) {
				column = gridColumn{Label: t.Columns[j].Label, Unit: t.Columns[j].Unit}.head()
			}
			c.cell(block, strings.Join(parts, " / "), column, r.Cells[j], countIn(r, r.Cells[j]))
		}
	}
}

// rowName is the words before the first number of a row, and where that is.
func rowName(r reports.Row) (first int, name string) {
	var parts []string
	for i, c := range r.Cells {
		if i > 0 && !isWords(c) {
			return i, strings.Join(parts, ", ")
		}
		if s := Cell(c); s != "" {
			parts = append(parts, s)
		}
	}
	return len(r.Cells), strings.Join(parts, ", ")
}

func isWords(c reports.Cell) bool {
	return c.Hidden == reports.Shown && c.Format.Kind == reports.Text && c.Basis.Kind == reports.Public
}

// countIn returns the count shown in a row that a number of it rests on.
func countIn(r reports.Row, c reports.Cell) *int {
	if c.Hidden != reports.Shown || c.Format.Kind == reports.CountOf {
		return nil
	}
	for _, x := range r.Cells {
		if x.Hidden == reports.Shown && x.Format.Kind == reports.CountOf && (c.Basis.Kind == reports.OfPatients && x.Count == c.Basis.N || c.Basis.Kind == reports.ShareOfPatients && x.Count == c.Basis.Denominator) {
			return &x.Count
		}
	}
	return nil
}

// cell adds the numbers of a cell: a mean has its standard deviation and a count its
// share in a row of their own.
func (c *collector) cell(block, row, column string, x reports.Cell, n *int) {
	if x.Format.Kind == reports.Blank && x.Hidden == reports.Shown || isWords(x) {
		return
	}
	a := Number{Text: Cell(x), N: n}
	switch x.Hidden {
	case reports.Protected:
		a.Hidden = HiddenProtected
	case reports.NoBasis:
		a.Hidden = HiddenNoBasis
	}
	parts := partsOf(x)
	if len(parts) > 0 {
		a.Value, a.Low, a.High = parts[0].value, parts[0].low, parts[0].high
	}
	if x.Hidden == reports.Shown && (x.Format.Kind == reports.CountOf || x.Format.Kind == reports.CountPercent) {
		count := x.Count
		a.N = &count
	}
	c.add(block, row, column, a)
	for _, p := range parts[min(1, len(parts)):] {
		c.add(block, row, column+", "+p.name, Number{Value: p.value, N: n, Text: p.text})
	}
}

// add names the place of a number, apart from all others.
func (c *collector) add(block, row, column string, a Number) {
	place := [4]string{printable(c.section), printable(block), printable(row), printable(column)}
	for i := 2; c.used[place]; i++ {
		place[3] = printable(column) + " (" + strconv.Itoa(i) + ")"
	}
	c.used[place] = true
	a.Section, a.Block, a.Row, a.Column, a.Text = place[0], place[1], place[2], place[3], printable(a.Text)
	c.out = append(c.out, a)
}

// part is one number of a cell.
type part struct {
	name             string // "" for the first
	value, low, high *float64
	format           reports.Format
	text             string
}

// partsOf returns the numbers of a cell, rounded as they are written. A hidden cell has
// none, nor has one of words.
func partsOf(c reports.Cell) []part {
	if c.Hidden != reports.Shown {
		return nil
	}
	f := c.Format
	one := part{format: f, text: Cell(c)}
	switch f.Kind {
	case reports.Blank, reports.Text:
		return nil
	case reports.CountOf, reports.CountPercent:
		v := float64(c.Count)
		one.value = &v
		one.format = reports.Format{Kind: reports.CountOf}
		if f.Kind == reports.CountOf {
			return []part{one}
		}
		share := reports.Format{Kind: reports.Percent, Decimals: f.Decimals}
		return []part{one, {name: "share", value: asShown(c.Value, share), format: share, text: Value(c.Value, share)}}
	case reports.MeanSD:
		one.value = asShown(c.Value, f)
		sd := reports.Format{Kind: reports.NumberOf, Decimals: f.Decimals}
		return []part{one, {name: "SD", value: asShown(c.SD, sd), format: sd, text: Value(c.SD, sd)}}
	case reports.Interval, reports.Percent:
		one.low, one.high = asShown(c.Low, f), asShown(c.High, f)
		if one.low == nil || one.high == nil {
			one.low, one.high = nil, nil
		}
	case reports.PValue:
		f.Decimals = 3
	}
	one.value = asShown(c.Value, f)
	return []part{one}
}

// asShown rounds a value to the decimals it is written with. A share or p-value that is
// neither none nor all stays so: one digit is kept where rounding would take the last.
func asShown(v float64, f reports.Format) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	out := rounded(v, f.Decimals)
	if f.Kind == reports.Percent { // rounded as a percentage, as it is written
		out = rounded(rounded(100*v, f.Decimals)/100, f.Decimals+2)
	}
	if inside := v > 0 && v < 1; inside && (f.Kind == reports.Percent || f.Kind == reports.PValue) && (out == 0 || out == 1) {
		if out == 0 {
			out = oneDigit(v)
		} else {
			out = 1 - oneDigit(1-v)
		}
	}
	return &out
}

func rounded(v float64, decimals int) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', decimals, 64), 64)
	if err != nil || out == 0 {
		return 0 // and no minus before it
	}
	return out
}

func oneDigit(v float64) float64 {
	out, _ := strconv.ParseFloat(fmt.Sprintf("%.0e", v), 64) // written by ourselves
	return out
}
