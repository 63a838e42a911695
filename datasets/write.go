package datasets

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/goccy/go-yaml"
)

// Contents is what must be known of all rows of a table before the first is
// written: which columns have cells that are missing for a reason, which texts are
// taken, and the levels of text columns that have few.
type Contents struct {
	table  *Table // without rows
	coded  []bool // by field
	levels []*texts
	marks  []bool // of missingMarks: taken by a value
}

// missingMarks are the texts that may stand for missing in CSV, the first that is no
// value.
var missingMarks = []string{"", "NA", ".", "missing", "\\N"}

// maxCoded is how many different texts a column that is written as codes into
// levels may have. One with more is written as texts.
const maxCoded = 1 << 16

// NewContents returns what is known of a table without rows.
func NewContents(t *Table) *Contents {
	c := &Contents{table: t, coded: make([]bool, len(t.fields)), levels: make([]*texts, len(t.fields)), marks: make([]bool, len(missingMarks))}
	seed := maphash.MakeSeed()
	for i, f := range t.fields {
		if f.Type == TypeString {
			c.levels[i] = newTexts(seed)
		}
	}
	return c
}

// ContentsOf looks through a table.
func ContentsOf(t *Table) *Contents {
	c := NewContents(t)
	c.Add(t)
	return c
}

// Add looks through a batch of rows.
func (c *Contents) Add(b *Table) {
	for i, batches := range b.columns {
		var seen arrow.ArrayData
		for n, a := range batches {
			c.coded[i] = c.coded[i] || slices.ContainsFunc(b.why[i][n], func(w byte) bool { return w != whyPlain && w != whySetAside })
			d, ok := a.(*array.Dictionary)
			if !ok || d.Data().Dictionary() == seen {
				continue
			}
			seen = d.Data().Dictionary()
			c.addLevels(i, dictionaryLevels(d))
		}
	}
}

func (c *Contents) addLevels(i int, levels []string) {
	for _, s := range levels {
		for m, mark := range missingMarks {
			c.marks[m] = c.marks[m] || s == mark
		}
		if c.levels[i] == nil {
			continue
		}
		if c.levels[i].number(s); c.levels[i].len() > maxCoded {
			c.levels[i] = nil
		}
	}
}

// mark returns the text that stands for missing in CSV: empty, or another where an
// empty text is a value of some column.
func (c *Contents) mark() string {
	for m, taken := range c.marks {
		if !taken {
			return missingMarks[m]
		}
	}
	return missingMarks[len(missingMarks)-1]
}

// TableWriter writes the batches of a table one after the other into a file.
type TableWriter interface {
	Write(b *Table) error
	Close() error
}

// Columns returns the table's columns as they are written into a typed file: its
// own, and after them those that hold why cells are missing.
func (c *Contents) Columns() []arrow.Field {
	var out []arrow.Field
	for i, f := range c.table.fields {
		kind := arrowType(f.Type)
		if f.Type == TypeString && c.levels[i] == nil {
			kind = arrow.BinaryTypes.String
		}
		out = append(out, arrow.Field{Name: f.Name, Type: kind, Nullable: f.Role != RolePatient})
	}
	for i, f := range c.table.fields {
		if c.coded[i] {
			out = append(out, arrow.Field{Name: c.reasonsName(f), Type: arrowType(TypeString), Nullable: true})
		}
	}
	return out
}

// reasonsName names the column of reasons of a field's missing cells.
func (c *Contents) reasonsName(f Field) string {
	name := f.Name + " (missing)"
	for c.table.Has(name) {
		name += "*"
	}
	return name
}

// Arrays returns a batch's columns as Columns says.
func (c *Contents) Arrays(b *Table) []arrow.Array {
	var out []arrow.Array
	for i, batches := range b.columns {
		for _, a := range batches {
			if d, ok := a.(*array.Dictionary); ok {
				a = c.text(i, d)
			}
			out = append(out, a)
		}
	}
	for i, coded := range c.coded {
		if !coded {
			continue
		}
		codes := array.NewInt32Builder(memory.DefaultAllocator)
		for n, a := range b.columns[i] {
			for r := range a.Len() {
				w := byte(whyPlain)
				if why := b.why[i][n]; why != nil {
					w = why[r]
				}
				if w == whyPlain || w == whySetAside || a.IsValid(r) {
					codes.AppendNull()
				} else {
					codes.Append(int32(w) - 1)
				}
			}
		}
		var values []string
		for _, m := range c.table.codes[i] {
			values = append(values, m.Value)
		}
		out = append(out, array.NewDictionaryArray(arrowType(TypeString), codes.NewArray(), stringArray(values)))
	}
	return out
}

// text returns a batch of a text column as it is written: as codes into the levels
// of the whole column, or as texts where these are many.
func (c *Contents) text(i int, d *array.Dictionary) arrow.Array {
	codes := dictionaryCodes(d)
	from := d.Dictionary().(*array.String)
	levels := c.levels[i]
	if levels == nil {
		out := array.NewStringBuilder(memory.DefaultAllocator)
		for r, code := range codes {
			if d.IsNull(r) {
				out.AppendNull()
			} else {
				out.Append(from.Value(int(code)))
			}
		}
		return out.NewArray()
	}
	to := make([]int32, from.Len())
	for k := range to {
		to[k] = levels.number(from.Value(k))
	}
	out := make([]int32, len(codes))
	for r, code := range codes {
		if d.NullN() == 0 || d.IsValid(r) {
			out[r] = to[code]
		}
	}
	var valid *memory.Buffer
	if d.NullN() > 0 {
		valid = memory.NewBufferBytes(make([]byte, (len(codes)+7)/8))
		for r := range codes {
			bitutil.SetBitTo(valid.Bytes(), r, d.IsValid(r))
		}
	}
	index := array.NewData(arrow.PrimitiveTypes.Int32, len(codes), []*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(out))}, nil, d.NullN(), 0)
	return array.NewDictionaryArray(arrowType(TypeString), array.MakeFromData(index), levels.array())
}

// csvWriter writes comma-separated UTF-8.
type csvWriter struct {
	c    *Contents
	buf  *bufio.Writer
	w    *csv.Writer
	row  []string
	mark string
}

// NewCSVWriter begins a table as comma-separated UTF-8 with LF, dates as ISO 8601,
// numbers with every digit needed to read the same number back, and missing cells
// as the code that says why.
func NewCSVWriter(w io.Writer, c *Contents) (TableWriter, error) {
	buf := bufio.NewWriterSize(w, 1<<18)
	out := &csvWriter{c: c, buf: buf, w: csv.NewWriter(buf), row: make([]string, len(c.table.fields)), mark: c.mark()}
	for i, f := range c.table.fields {
		out.row[i] = f.Name
	}
	return out, out.w.Write(out.row)
}

// Write writes a batch of rows.
func (w *csvWriter) Write(b *Table) error {
	for n := range b.columns[0] {
		for r := range b.columns[0][n].Len() {
			for i, batches := range b.columns {
				a := batches[n]
				switch why := b.why[i][n]; {
				case a.IsValid(r):
					w.row[i] = fieldText(w.c.table.fields[i], a, r)
				case why == nil || why[r] == whyPlain || why[r] == whySetAside:
					w.row[i] = w.mark
				default:
					w.row[i] = b.codes[i][why[r]-1].Value
				}
			}
			if err := w.w.Write(w.row); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close ends the file.
func (w *csvWriter) Close() error {
	w.w.Flush()
	if err := w.w.Error(); err != nil {
		return err
	}
	return w.buf.Flush()
}

func fieldText(f Field, a arrow.Array, r int) string {
	s := cellText(a, r)
	if f.Type == TypeDuration {
		return "P" + s + "D"
	}
	return s
}

// WriteCSV writes the whole table as [NewCSVWriter] does.
func (t *Table) WriteCSV(w io.Writer) error { return writeAll(w, t, NewCSVWriter) }

// WriteIPC writes the whole table as [NewIPCWriter] does.
func (t *Table) WriteIPC(w io.Writer) error { return writeAll(w, t, NewIPCWriter) }

func writeAll(w io.Writer, t *Table, begin func(io.Writer, *Contents) (TableWriter, error)) error {
	out, err := begin(w, ContentsOf(t))
	if err != nil {
		return err
	}
	for b := range t.Batches() {
		if err := out.Write(b); err != nil {
			return err
		}
	}
	return out.Close()
}

// Described returns the cohort file that describes the cohort once its tables are
// written under the given file names by table, as CSV where text says so, with what
// is known of each table's contents (nil: what the tables hold): filters, reshaping and constants are done,
// so they go.
func (c *Cohort) Described(path func(table string) string, text bool, contents map[string]*Contents) *Dictionary {
	d := *c.dict
	d.Resources = nil
	tables := c.tables
	if contents != nil {
		tables = c.Outline()
	}
	for _, t := range tables {
		r := Resource{Name: t.name, Path: Paths{path(t.name)}}
		for _, old := range c.dict.Resources {
			if old.Name == t.name {
				r.Title, r.Description = old.Title, old.Description
			}
		}
		known := contents[t.name]
		if contents == nil {
			known = ContentsOf(t)
		}
		r.Schema.Fields = known.Fields(text)
		r.Schema.MissingValues = []MissingValue{{Value: ""}}
		if text {
			r.Schema.MissingValues[0].Value = known.mark()
		}
		d.Resources = append(d.Resources, r)
	}
	return &d
}

// Fields describes the columns as they are written: in CSV, where text says so, or
// in a typed file.
func (c *Contents) Fields(text bool) []Field {
	var out []Field
	for i, f := range c.table.fields {
		f.Format, f.DecimalChar, f.GroupChar, f.TrueValues, f.FalseValues = "", "", "", nil, nil
		f.Column, f.MissingValues, f.MissingReasons, f.Guess = "", nil, "", ""
		if c.coded[i] {
			blank := MissingValue{}
			if text {
				blank.Value = c.mark()
			} else {
				f.MissingReasons = c.reasonsName(f)
			}
			for _, m := range c.table.codes[i] {
				switch {
				case m.Value == "":
					blank.Label = m.Label
				case m.Value != blank.Value:
					f.MissingValues = append(f.MissingValues, m)
				}
			}
			f.MissingValues = append([]MissingValue{blank}, f.MissingValues...)
		}
		out = append(out, f)
	}
	return out
}

// MetadataKey is the key under which typed files carry the description of their
// columns: a list of fields as in the cohort file, as JSON.
const MetadataKey = "recoup.fields"

// Metadata describes the columns for a typed file to carry.
func (c *Contents) Metadata() (string, error) {
	b, err := json.Marshal(c.Fields(false))
	return string(b), err
}

// DescribedBy returns the fields by a file's own description under [MetadataKey],
// by column; nil where it has none that can be read.
func DescribedBy(metadata string, columns []string) []Field {
	var fields []Field
	if json.Unmarshal([]byte(metadata), &fields) != nil {
		return nil
	}
	out := make([]Field, len(columns))
	for i, c := range columns {
		out[i].Name = c
		for _, f := range fields {
			switch c {
			case f.Name:
				out[i] = f
				out[i].Guess = guessFromFile
			case f.MissingReasons:
				out[i].Role, out[i].Guess = RoleIgnore, "reasons of another column's missing cells"
			}
		}
	}
	return out
}

// guessFromFile is what a drafted field says that the file itself describes.
const guessFromFile = "described by the file"

// YAML writes the cohort file.
func (d *Dictionary) YAML() ([]byte, error) {
	b, err := yaml.MarshalWithOptions(d, yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("cohort file: %w", err)
	}
	return b, nil
}
