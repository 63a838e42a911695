package datasets

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding"
)

// Limits of what is gathered before it is handed on, and of what a description
// carries of value labels and missing codes.
const (
	batchCells   = 4 << 20
	maxLabels    = 1000    // of one column
	maxAllLabels = 100_000 // of all columns
	maxCodes     = 200     // missing codes met in one column
)

// CodeMissingLost is the code of cells that the file marks as missing with a
// code which the cohort file does not list.
const CodeMissingLost = "missing-not-listed"

// Batch gathers the cells of a typed file, row by row, as texts that read back
// to the same values under the column's description in the cohort file, and
// learns what the description of the file's own columns must say. Statistical
// packages' files are read through it.
type Batch struct {
	table, file string
	columns     []batchColumn
	at          int // column of the next cell
	row         int // rows handed on
	rows        int
	text        []byte
	ends        []int
}

// batchColumn is what is known of one column while it is read.
type batchColumn struct {
	said      Field           // by the file
	field     Field           // by the cohort file
	described bool            // the cohort file carries the column
	layout    string          // of dates
	listed    map[string]bool // missing codes and levels that the cohort file lists
	labels    map[string]bool // values that have a label, where nothing is described
	unlabeled bool            // a value without a label was met
	found     []string        // missing codes met
	lost      int             // missing cells whose code is not listed
}

// NewBatch returns an empty batch for the columns that the file describes with
// their names, titles, types, value labels (as Categories, written as
// [AppendNumber] writes numbers) and declared missing codes.
func NewBatch(file string, said []Field, res Resource) *Batch {
	b := &Batch{table: res.Name, file: file, columns: make([]batchColumn, len(said))}
	described := map[string]Field{}
	for _, f := range res.Schema.Fields {
		if f.Role != RoleIgnore {
			described[f.Name] = f
		}
	}
	sets := map[*Category]map[string]bool{} // columns share their sets of labels
	for i, f := range said {
		c := &b.columns[i]
		c.said = f
		c.field, c.described = described[f.Name]
		switch {
		case c.described:
			c.describe(res.Schema.MissingValues)
		case len(f.Categories) > 0:
			set := sets[&f.Categories[0]]
			if set == nil {
				set = make(map[string]bool, len(f.Categories))
				for _, l := range f.Categories {
					set[l.Value] = true
				}
				sets[&f.Categories[0]] = set
			}
			c.labels = set
		}
	}
	return b
}

// describe takes over what the cohort file says of a column.
func (c *batchColumn) describe(table []MissingValue) {
	c.layout, _ = goLayout(c.field.Format, c.field.Type)
	codes := table
	if c.field.MissingValues != nil {
		codes = c.field.MissingValues
	}
	c.listed = map[string]bool{}
	for _, m := range codes {
		c.listed[m.Value] = true
	}
	for _, l := range c.field.Categories {
		c.listed[l.Value] = true
	}
	for _, e := range c.field.Constraints.Enum {
		c.listed[e] = true
	}
}

// Full reports that the batch should be handed on before another row is added.
func (b *Batch) Full() bool {
	return b.rows >= batchRows || len(b.text) >= chunkBytes || len(b.ends) >= batchCells
}

// Chunk hands on the rows gathered, or nil where there are none.
func (b *Batch) Chunk() *Chunk {
	if b.rows == 0 {
		return nil
	}
	n := len(b.columns)
	c := &Chunk{First: b.row + 1, Rows: b.rows, Text: make([][]string, n)}
	all, text := make([]string, n*b.rows), string(b.text)
	for j := range n {
		c.Text[j] = all[j*b.rows : (j+1)*b.rows]
	}
	from := 0
	for k, to := range b.ends {
		c.Text[k%n][k/n] = text[from:to]
		from = to
	}
	b.row += b.rows
	b.rows, b.text, b.ends = 0, b.text[:0], b.ends[:0]
	return c
}

// next returns the column of the cell that is about to be added.
func (b *Batch) next() *batchColumn { return &b.columns[b.at] }

// end closes the cell that begins at from in text.
func (b *Batch) end(c *batchColumn, from int) {
	if c.labels != nil && !c.unlabeled && len(b.text) > from {
		c.unlabeled = !c.labels[string(b.text[from:])]
	}
	b.close()
}

func (b *Batch) close() {
	b.ends = append(b.ends, len(b.text))
	if b.at++; b.at == len(b.columns) {
		b.at = 0
		b.rows++
	}
}

// Text adds a cell of text. The empty text is missing.
func (b *Batch) Text(s string) {
	from := len(b.text)
	b.text = append(b.text, s...)
	b.end(b.next(), from)
}

// Number adds a number.
func (b *Batch) Number(v float64) {
	c, from := b.next(), len(b.text)
	if c.field.Type == TypeDuration && v >= 0 {
		b.text = append(b.text, 'P')
		b.text = strconv.AppendFloat(b.text, v, 'f', -1, 64)
		b.text = append(b.text, 'D')
	} else {
		b.text = AppendNumber(b.text, v)
	}
	if c.field.DecimalChar == "," {
		for i := from; i < len(b.text); i++ {
			if b.text[i] == '.' {
				b.text[i] = ','
			}
		}
	}
	b.end(c, from)
}

// AppendNumber appends a number as text that reads back to the same number:
// whole numbers with all their digits, since they may be identifiers or levels.
func AppendNumber(text []byte, v float64) []byte {
	if v > -1e15 && v < 1e15 && v == float64(int64(v)) {
		return strconv.AppendInt(text, int64(v), 10)
	}
	return strconv.AppendFloat(text, v, 'g', -1, 64)
}

// Time adds a date or, where timed, a date with the time of day, written as the
// cohort file says the column's dates are written, else as ISO 8601.
func (b *Batch) Time(t time.Time, timed bool) {
	c, from := b.next(), len(b.text)
	layout := "2006-01-02"
	if timed {
		layout = "2006-01-02T15:04:05.999999"
	}
	midnight := t.Equal(t.Truncate(24 * time.Hour))
	switch {
	case c.field.Type == TypeDate && (!timed || midnight), c.field.Type == TypeDatetime && c.field.Format != "":
		layout = c.layout
	case c.field.Type == TypeDatetime:
		layout = "2006-01-02T15:04:05.999999"
	}
	b.text = t.AppendFormat(b.text, layout)
	b.end(c, from)
}

// Missing adds a missing cell with the code that says why, "" where the file does
// not say. A code that the cohort file does not list is not carried, and counted:
// it must not be read as a value. Listed as a level, it is one.
func (b *Batch) Missing(code string) {
	c := b.next()
	switch {
	case code == "":
	case c.described && !c.listed[code]:
		c.lost++
		code = ""
	case !c.described && !slices.Contains(c.found, code):
		if len(c.found) < maxCodes {
			c.found = append(c.found, code)
		} else {
			code = ""
		}
	}
	b.text = append(b.text, code...)
	b.close()
}

// Problems tells of missing codes that the cohort file does not list.
func (b *Batch) Problems() Problems {
	var ps Problems
	for _, c := range b.columns {
		if c.lost > 0 {
			ps = append(ps, Problem{
				Severity: SeverityWarning, Code: CodeMissingLost, Table: b.table, File: b.file, Column: c.said.Name, Rows: c.lost,
				Expected: "the file marks cells as missing with codes that the cohort file does not list; they are missing without their reason",
				Mend:     "list the codes with their labels under missingValues",
			})
		}
	}
	return ps
}

// Describe returns what the file says of its columns, and the missing codes met
// so far. A column all of whose values met have labels is text with levels; one
// with labels for some of them, as the ends of a scale, stays what it is.
func (b *Batch) Describe() []Field {
	out := make([]Field, len(b.columns))
	total := 0
	for i, c := range b.columns {
		f := c.said
		if f.MissingValues != nil || len(c.found) > 0 || f.Type != TypeString {
			codes := append([]MissingValue{{Value: ""}}, f.MissingValues...)
			found := slices.Sorted(slices.Values(c.found))
			for _, code := range found {
				if !slices.ContainsFunc(codes, func(m MissingValue) bool { return m.Value == code }) {
					codes = append(codes, MissingValue{Value: code})
				}
			}
			f.MissingValues = codes
		}
		n := len(f.Categories)
		switch {
		case n == 0:
		case c.unlabeled || n > maxLabels || total+n > maxAllLabels:
			f.Description = labelList(f.Categories)
			f.Categories = nil
		default:
			total += n
			f.Type = TypeString
		}
		out[i] = f
	}
	return out
}

// labelList writes value labels as one line, the first few of many.
func labelList(labels []Category) string {
	const most = 12
	var b strings.Builder
	for i, l := range labels {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(labels)-most)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(l.Value + " = " + l.Label)
	}
	return b.String()
}

// SingleByte returns the declared encoding of texts that are no stream of their
// own but stand in fields of fixed width; nil is UTF-8.
func SingleByte(name string) (encoding.Encoding, error) {
	enc, err := decoderOf(name)
	if err != nil || strings.HasPrefix(strings.ToLower(name), "utf-16") || strings.ToLower(name) == "utf16" {
		return nil, errors.New("expected the encoding to be utf-8, windows-1252 or iso-8859-1")
	}
	if enc == encoding.Nop {
		return nil, nil
	}
	return enc, nil
}

// Decode returns bytes of the encoding, nil for UTF-8, as text. It reports false
// for bytes that are not text in it.
func Decode(enc encoding.Encoding, raw []byte) (string, bool) {
	ascii := true
	for _, c := range raw {
		if c >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return string(raw), true
	}
	if enc == nil {
		return string(raw), utf8.Valid(raw)
	}
	text, err := enc.NewDecoder().Bytes(raw)
	return string(text), err == nil && !strings.ContainsRune(string(text), utf8.RuneError)
}
