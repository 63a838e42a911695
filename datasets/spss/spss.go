// Package spss reads tables from SPSS system files: .sav, plain or compressed by
// bytecodes, and .zsav, in either byte order, with value labels, long names, very
// long strings, user-missing values and dates.
package spss

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"

	"recoup/datasets"
)

// maxColumns is how many columns a file may have.
const maxColumns = 20_000

// element is how many bytes a number, or a piece of a text, takes in a row.
const element = 8

type source struct {
	table, path string
	in          io.ReaderAt
	size        int64
	closer      io.Closer

	head head
	enc  encoding.Encoding // of texts; nil is UTF-8
	old  bool              // the file does not name it: what is not UTF-8 is Windows-1252

	vars  []variable
	cells stream
	text  []byte // of the cell being read
	read  int64
	batch *datasets.Batch
}

// Open opens an SPSS system file. The encoding of texts is the resource's, else
// the one that the file names; in a file that names none a text that is not UTF-8
// is taken as Windows-1252.
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
	r := newReader(s.in, s.size)
	d, err := readDictionary(r)
	switch {
	case errors.Is(err, errEBCDIC):
		return s.refuse(datasets.CodeEncoding, "expected an SPSS file in ASCII or UTF-8, found EBCDIC", "save it again with a current version of SPSS")
	case errors.Is(err, errTooMany):
		return s.refuse(datasets.CodeTooLarge, fmt.Sprintf("expected at most %d columns", maxColumns), "")
	case err != nil:
		return s.damaged("an SPSS system file (.sav, .zsav) " + err.Error())
	}
	s.head = d.head
	if err := s.encoding(res, d); err != nil {
		return err
	}
	if s.vars, err = s.variables(d); err != nil {
		return err
	}
	elements := int64(0)
	for _, v := range s.vars {
		for _, width := range v.segments {
			elements += int64(width+element-1) / element
		}
	}
	if s.cells, err = openStream(s.in, r.at, s.size, s.head, elements); err != nil {
		return s.damaged("an SPSS system file " + err.Error())
	}
	s.batch = datasets.NewBatch(s.path, s.fields(), res)
	return nil
}

// encoding settles what texts are written in.
func (s *source) encoding(res datasets.Resource, d *dictionary) error {
	var err error
	switch {
	case res.Encoding != "":
		if s.enc, err = datasets.SingleByte(res.Encoding); err != nil {
			return s.refuse(datasets.CodeEncoding, err.Error(), "")
		}
	case d.charset != "":
		if s.enc, err = charsetOf(d.charset); err != nil {
			return s.refuse(datasets.CodeEncoding, err.Error(), "say encoding: utf-8 or windows-1252 for this table, or save the file again in Unicode mode")
		}
	default:
		s.old = true
	}
	return nil
}

// decode returns a text without the blanks that fill its field.
func (s *source) decode(raw []byte) (string, bool) {
	for len(raw) > 0 && (raw[len(raw)-1] == ' ' || raw[len(raw)-1] == 0) {
		raw = raw[:len(raw)-1]
	}
	t, ok := datasets.Decode(s.enc, raw)
	if !ok && s.old {
		return datasets.Decode(charmap.Windows1252, raw)
	}
	return t, ok
}

func (s *source) damaged(expected string) error {
	return datasets.FileProblem(s.table, s.path, expected)
}

func (s *source) refuse(code, expected, mend string) error {
	return datasets.Problems{{
		Severity: datasets.SeverityError, Code: code, Table: s.table, File: s.path, Expected: expected, Mend: mend,
	}}
}

// notText is the error for a text that is not in the file's encoding.
func (s *source) notText(row int64, column string) error {
	return datasets.Problems{{
		Severity: datasets.SeverityError, Code: datasets.CodeEncoding, Table: s.table, File: s.path, Row: int(row), Column: column,
		Expected: "expected text in the file's encoding", Mend: "say encoding: windows-1252 (or what the file is written in) for this table",
	}}
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

// Next returns the next rows.
func (s *source) Next(ctx context.Context) (*datasets.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for (s.head.rows < 0 || s.read < s.head.rows) && !s.batch.Full() {
		if s.head.rows < 0 && s.cells.ended() {
			break
		}
		for i := range s.vars {
			if err := s.cell(&s.vars[i]); err != nil {
				return nil, err
			}
		}
		s.read++
	}
	if c := s.batch.Chunk(); c != nil {
		return c, nil
	}
	return nil, io.EOF
}

// cell adds the next cell, of the variable, to the batch.
func (s *source) cell(v *variable) error {
	if !v.text {
		x, present, err := s.cells.number()
		if err != nil {
			return s.cut()
		}
		switch {
		case !present:
			s.batch.Missing("")
		case v.missing.has(x):
			s.batch.Missing(string(datasets.AppendNumber(nil, x)))
		default:
			v.unit.add(s.batch, x)
		}
		return nil
	}
	s.text = s.text[:0]
	for i, width := range v.segments {
		from := len(s.text)
		for range (width + element - 1) / element {
			var err error
			if s.text, err = s.cells.appendText(s.text); err != nil {
				return s.cut()
			}
		}
		if i < len(v.segments)-1 {
			width = min(width, segmentBytes)
		}
		s.text = s.text[:from+width]
	}
	t, ok := s.decode(s.text[:min(len(s.text), v.width)])
	if !ok {
		return s.notText(s.read+1, v.name)
	}
	if v.missing.hasText(t) {
		s.batch.Missing(t)
	} else {
		s.batch.Text(t)
	}
	return nil
}

// cut is the error for rows that end too soon or cannot be read.
func (s *source) cut() error {
	if s.head.rows >= 0 {
		return s.damaged(fmt.Sprintf("an SPSS system file of %d rows that can be read", s.head.rows))
	}
	return s.damaged("an SPSS system file whose last row is whole")
}
