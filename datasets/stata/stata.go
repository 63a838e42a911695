// Package stata reads tables from Stata's .dta files, formats 114, 115, 117, 118
// and 119 (Stata 10 and later) in either byte order, with value labels, the
// extended missing values .a to .z, dates and long strings.
package stata

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"

	"recoup/datasets"
)

// Limits on what a file may promise, so that a damaged or hostile one is refused
// before memory is taken for it.
const (
	maxColumns    = 20_000
	maxCell       = 1 << 20
	maxLabels     = 1 << 16  // of one set: Stata's own limit
	maxLabelBytes = 64 << 20 // of all sets
)

type source struct {
	table, path string
	in          io.ReaderAt
	size        int64
	closer      io.Closer
	order       binary.ByteOrder
	release     int
	enc         encoding.Encoding // of texts; nil is UTF-8
	old         bool              // texts that are not UTF-8 are Windows-1252

	vars    []variable
	width   int64 // bytes of a row
	rows    int64
	data    int64 // where the rows begin
	labels  map[string]labelSet
	long    map[strL]span // where long strings are
	asIn118 *bool         // references of format 119 are written as in 118; nil until one is met
	spent   int64         // bytes of long strings handed on

	stream *bufio.Reader // of the rows
	cells  []byte        // of one row
	read   int64
	batch  *datasets.Batch
}

// variable is one column: how it is stored and what is said of it.
type variable struct {
	name, title, format, set string
	kind                     kind
	width                    int64
	unit                     unit
}

// kind is how a column's cells are stored.
type kind int

const (
	text kind = iota
	longText
	byteNumber
	intNumber
	longNumber
	floatNumber
	doubleNumber
)

// Open opens a Stata file. Formats before 118 do not say how their texts are
// written: one that is not UTF-8 is taken as Windows-1252, unless the resource
// says which encoding holds for all.
func Open(path string, res datasets.Resource) (datasets.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{table: res.Name, path: path, in: f, closer: f}
	st, err := f.Stat()
	if err == nil {
		s.size = st.Size()
		err = s.open(res)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

func (s *source) open(res datasets.Resource) error {
	head, err := s.bytes(0, min(s.size, 1024))
	if err != nil {
		return err
	}
	var end int64
	switch {
	case len(head) >= 109 && (head[0] == 114 || head[0] == 115):
		err = s.oldFormat(head, res)
	case len(head) > len(opening) && string(head[:len(opening)]) == opening:
		end, err = s.newFormat(head, res)
	case len(head) > 4 && (head[0] == 113 || head[0] >= 102 && head[0] <= 111) && (head[1] == 1 || head[1] == 2):
		return s.refuse(datasets.CodeFile, "expected a Stata file of version 10 or later", "write it again with a later version, or with saveold")
	default:
		return s.damaged("a Stata file (.dta)")
	}
	if err != nil {
		return err
	}
	if err := s.checkNames(); err != nil {
		return err
	}
	if err := s.readLabels(end); err != nil {
		return err
	}
	s.stream = bufio.NewReaderSize(io.NewSectionReader(s.in, s.data, s.rows*s.width), 1<<18)
	s.batch = datasets.NewBatch(s.path, s.fields(), res)
	return nil
}

// encoding settles what texts are written in.
func (s *source) encoding(res datasets.Resource) error {
	if res.Encoding == "" {
		s.old = s.release < 118
		return nil
	}
	var err error
	if s.enc, err = datasets.SingleByte(res.Encoding); err != nil {
		return s.refuse(datasets.CodeEncoding, err.Error(), "")
	}
	return nil
}

func (s *source) checkNames() error {
	seen := map[string]bool{}
	for _, v := range s.vars {
		if v.name == "" || seen[v.name] {
			return s.damaged("a Stata file whose variables have names of their own")
		}
		seen[v.name] = true
	}
	return nil
}

// bytes reads n bytes at a place of the file, if the file has them.
func (s *source) bytes(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at > s.size || n > s.size-at {
		return nil, s.damaged("a Stata file that goes on to its end")
	}
	b := make([]byte, n)
	if n == 0 {
		return b, nil
	}
	if _, err := s.in.ReadAt(b, at); err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return b, nil
}

func (s *source) damaged(expected string) error {
	return datasets.FileProblem(s.table, s.path, expected)
}

func (s *source) refuse(code, expected, mend string) error {
	return datasets.Problems{{
		Severity: datasets.SeverityError, Code: code, Table: s.table, File: s.path, Expected: expected, Mend: mend,
	}}
}

// refuseCell is the error for a cell of the row being read.
func (s *source) refuseCell(v variable, code, expected, mend string) error {
	return datasets.Problems{{
		Severity: datasets.SeverityError, Code: code, Table: s.table, File: s.path,
		Row: int(s.read) + 1, Column: v.name, Expected: expected, Mend: mend,
	}}
}

// decode returns a text that ends at the first NUL.
func (s *source) decode(raw []byte) (string, bool) {
	for i, c := range raw {
		if c == 0 {
			raw = raw[:i]
			break
		}
	}
	t, ok := datasets.Decode(s.enc, raw)
	if !ok && s.old {
		return datasets.Decode(charmap.Windows1252, raw)
	}
	return t, ok
}

func (s *source) Columns() []string {
	out := make([]string, len(s.vars))
	for i, v := range s.vars {
		out[i] = v.name
	}
	return out
}

func (s *source) Problems() datasets.Problems { return s.batch.Problems() }
func (s *source) Close() error                { return s.closer.Close() }
func (s *source) Describe() []datasets.Field  { return s.batch.Describe() }

// fields returns what the file says of its columns.
func (s *source) fields() []datasets.Field {
	out := make([]datasets.Field, len(s.vars))
	for i, v := range s.vars {
		f := datasets.Field{Name: v.name, Title: v.title, Type: datasets.TypeString}
		switch v.kind {
		case byteNumber, intNumber, longNumber:
			f.Type = datasets.TypeInteger
		case floatNumber, doubleNumber:
			f.Type = datasets.TypeNumber
		}
		if v.kind >= byteNumber {
			f.MissingValues = s.labels[v.set].missing
			switch v.unit {
			case number:
				f.Categories = s.labels[v.set].levels
			case day:
				f.Type = datasets.TypeDate
			case clock, leapClock:
				f.Type = datasets.TypeDatetime
			default:
				f.Type = datasets.TypeString
			}
		}
		out[i] = f
	}
	return out
}

// Next returns the next rows.
func (s *source) Next(ctx context.Context) (*datasets.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.cells == nil && s.rows > 0 {
		s.cells = make([]byte, s.width) // the file has rows of this width
	}
	for s.read < s.rows && !s.batch.Full() {
		if _, err := io.ReadFull(s.stream, s.cells); err != nil {
			return nil, s.damaged(fmt.Sprintf("a Stata file of %d rows", s.rows))
		}
		at := int64(0)
		for _, v := range s.vars {
			if err := s.cell(v, s.cells[at:at+v.width]); err != nil {
				return nil, err
			}
			at += v.width
		}
		s.read++
	}
	if c := s.batch.Chunk(); c != nil {
		return c, nil
	}
	return nil, io.EOF
}

// cell adds one cell to the batch.
func (s *source) cell(v variable, raw []byte) error {
	switch v.kind {
	case text:
		t, ok := s.decode(raw)
		if !ok {
			return s.refuseCell(v, datasets.CodeEncoding, "expected text in the file's encoding", "say encoding: windows-1252 (or what the file is written in) for this table")
		}
		s.batch.Text(t)
		return nil
	case longText:
		t, err := s.longString(v, raw)
		if err == nil {
			s.batch.Text(t)
		}
		return err
	}
	x, missing, ok := s.number(v.kind, raw)
	switch {
	case !ok:
		return s.refuseCell(v, datasets.CodeFile, "expected a number in Stata's range; the file is damaged", "write it again from its source")
	case missing == '.':
		s.batch.Missing("")
	case missing != 0:
		s.batch.Missing("." + string(rune(missing)))
	default:
		v.unit.add(s.batch, x)
	}
	return nil
}
