// Package reports is the model of a report: plain data that says what is
// shown, before anything decides how. Sections fill it from analyses,
// reports/disclosure hides what may not leave the building, and
// reports/render turns what is left into bytes.
//
// A number is kept apart from its format, and with the count of patients it
// rests on, so that one rule hides it in a tile, a table and a figure alike.
package reports

// Report is everything one document says. It holds no dates of its own: a date
// appears only where the caller puts one, so equal inputs give equal reports.
type Report struct {
	Title    string
	Subtitle string
	Audience string // whom it is written for, such as "Program directors"
	Period   string // the time it covers, such as "2026Q3"; empty if none
	Lang     string // BCP 47 tag for the document; "en" when empty
	Sections []Section
	Brand    Brand

	// Sums are additive relations between quantities of different blocks, by
	// the name in Basis.Quantity; relations inside one table are in Table.Sums.
	Sums []QuantitySum

	Provenance Provenance
	Warnings   []Warning
}

// Brand is whose report it is, for the eye. It says nothing of patients.
type Brand struct {
	Title    string // in place of the report's own; empty for that
	Logo     string // an SVG drawing; formats draw what is harmless of it
	LogoText string // what the logo says
	Color    string // of links and marks, such as "#005EB8"; empty for ours
}

// Warning is what the reader must know before believing the report.
type Warning struct {
	Code string // stable, such as "follow-up-low"
	Text string // what is wrong and what would cure it
	Lang string // of the text, where it is not the report's
}

// Section is one headed part of a report.
type Section struct {
	ID     string // stable name, used for links; letters, digits and hyphens
	Title  string
	Found  Words // what the numbers show, in a sentence or two; set by Speak
	Lead   Words // one or two sentences under the heading
	Blocks []Block
}

// Block is one of Paragraph, Tiles, Table, Figure, Notice and Definitions.
type Block interface{ block() }

func (Paragraph) block()   {}
func (Tiles) block()       {}
func (Table) block()       {}
func (Figure) block()      {}
func (Notice) block()      {}
func (Definitions) block() {}

// Words is running text in which numbers are cells, so that a small count can
// be hidden inside a sentence as it is in a table.
type Words []Span

// Span is a piece of text followed by a number. A zero Cell writes nothing.
type Span struct {
	Text string
	Cell Cell
	Lang string // of the text, where it is not the report's: an analysis speaks English
}

// Say begins running text.
//
//	reports.Say("Of ").With(reports.Count(387)).And(" who began, most finished.")
func Say(text string) Words { return Words{{Text: text}} }

// And appends text.
func (w Words) And(text string) Words {
	return append(w[:len(w):len(w)], Span{Text: text})
}

// foreign is running text in the words of an analysis, which are English.
func foreign(text string) Words { return Words{{Text: text, Lang: "en"}} }

// join appends running text.
func (w Words) join(more Words) Words { return append(w[:len(w):len(w)], more...) }

// With appends a number.
func (w Words) With(c Cell) Words {
	return append(w[:len(w):len(w)], Span{Cell: c})
}

// Paragraph is running text.
type Paragraph struct{ Text Words }

// Tiles are the headline figures.
type Tiles struct{ Tiles []Tile }

// Tile is one headline figure with what it should be read against.
type Tile struct {
	Topic           string // what it is about, in a word or two; not written in the tile
	Label           string
	Value           Cell
	Detail          Words  // the change since last year, the n, the rule
	Benchmark       Cell   // a published or agreed figure; zero Cell if none
	BenchmarkSource string // who published it, and in which population
	Unlike          string // how its patients differ from ours; under the table, not in the tile
	Status          Status
	StatusText      string // the status in words; empty uses the status's own word
}

// Status is how a figure stands. It is always written as a word: color alone
// carries no meaning.
type Status int

// The statuses of a tile.
const (
	NoStatus Status = iota
	Better
	Same
	Worse
	Unclear
)

// Level is how strongly a Notice speaks.
type Level int

// The levels of a notice.
const (
	Info Level = iota
	Caution
	CannotShow // something the reader expects is absent; Text says why
)

// Notice is a marked remark. With Level CannotShow it stands where a table or
// figure would be, and says why it is not there and what would cure that.
type Notice struct {
	Level Level
	Title string
	Text  Words
}

// Definitions explains terms, rules and versions used.
type Definitions struct {
	Title string
	Items []Definition
}

// Definition is one term with its meaning and where it comes from.
type Definition struct {
	Term    string
	Meaning string
	Source  string
	Lang    string // of the meaning, where it is not the report's
}

// Table is a table of cells.
type Table struct {
	ID        string
	Caption   string
	Columns   []Column
	Rows      []Row
	Footnotes []Words

	// Sums says which counts add up to which, so that a hidden cell cannot be
	// found again by subtraction.
	Sums []Sum
}

// Column heads one column of a table.
type Column struct {
	Label string
	Unit  string // written after the label; empty if none
	Align Align
}

// Align is where a column's cells stand.
type Align int

// Left suits words, Right suits numbers.
const (
	Left Align = iota
	Right
)

// Row is one row of a table. The first cell is its label.
type Row struct {
	Cells   []Cell
	Heading bool // a group heading: only the first cell is shown, across the row
	Indent  int  // steps to the right, for rows under a heading
	Total   bool // set apart as a sum or a summary
}

// At is the place of a cell in a table, counted from 0; headings count as rows.
type At struct{ Row, Column int }

// Sum says that the counts at Parts add up to the count at Total.
type Sum struct {
	Total At
	Parts []At
}

// QuantitySum says that named quantities add up to another one.
type QuantitySum struct {
	Total string
	Parts []string
}

// Provenance says where the report comes from.
type Provenance struct {
	Facts  []Fact // in the order shown
	Tables []Table
}

// Fact is one named value of the provenance.
type Fact struct {
	Name  string
	Value Cell
}
