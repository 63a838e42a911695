// Package sas reads tables from SAS transport files (.xpt) of versions 5 and 8:
// numbers as IBM mainframes write them, special missing values, labels and dates.
// A file may hold several tables, called members: file.xpt#VISITS names one.
package sas

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/text/encoding"

	"recoup/datasets"
)

// Limits on what a file may promise.
const (
	maxColumns = 20_000
	maxMembers = 1000
	maxCell    = 32_767
)

type source struct {
	table, path string
	in          io.ReaderAt
	size        int64
	closer      io.Closer
	enc         encoding.Encoding // of texts; nil is UTF-8

	member member
	stream *bufio.Reader
	cells  []byte // of one row
	read   int64
	batch  *datasets.Batch
}

// Split takes the member off a path: trial.xpt#VISITS is member VISITS of
// trial.xpt. Member is "" where the path names none.
func Split(path string) (file, member string) {
	const ending = ".xpt#"
	if i := strings.Index(strings.ToLower(path), ending); i >= 0 {
		return path[:i+len(ending)-1], path[i+len(ending):]
	}
	return path, ""
}

// Open opens a SAS transport file. Texts are UTF-8 unless the resource says
// otherwise.
func Open(path string, res datasets.Resource) (datasets.Source, error) {
	file, member := Split(path)
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	s := &source{table: res.Name, path: path, in: f, closer: f}
	st, err := f.Stat()
	if err == nil {
		s.size = st.Size()
		err = s.open(member, res)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

func (s *source) open(name string, res datasets.Resource) error {
	var err error
	if s.enc, err = datasets.SingleByte(res.Encoding); err != nil {
		return s.refuse(datasets.CodeEncoding, err.Error(), "")
	}
	members, err := s.members()
	if err != nil {
		return err
	}
	if s.member, err = s.pick(members, name); err != nil {
		return err
	}
	if err := s.member.check(s); err != nil {
		return err
	}
	m := s.member
	s.stream = bufio.NewReaderSize(io.NewSectionReader(s.in, m.data, m.rows*m.width), 1<<18)
	s.batch = datasets.NewBatch(s.path, m.fields(), res)
	return nil
}

// pick returns the member that is named, or the only one.
func (s *source) pick(members []member, name string) (member, error) {
	var names []string
	for _, m := range members {
		if name != "" && strings.EqualFold(m.name, name) || name == "" && len(members) == 1 {
			return m, nil
		}
		names = append(names, m.name)
	}
	if len(names) == 0 {
		return member{}, s.damaged("a SAS transport file with a table")
	}
	list := strings.Join(names[:min(len(names), 20)], ", ")
	if name == "" {
		list = fmt.Sprintf("expected the path to name one of the %d tables in the file: %s", len(names), list)
	} else {
		list = "expected the path to name a table in the file: " + list
	}
	file, _ := Split(filepath.Base(s.path))
	return member{}, s.refuse(datasets.CodeFile, list, "write the path as "+file+"#"+names[0])
}

// bytes reads n bytes at a place of the file, if the file has them.
func (s *source) bytes(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at > s.size || n > s.size-at {
		return nil, s.damaged("a SAS transport file that goes on to its end")
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

// decode returns a text without the blanks that fill its field.
func (s *source) decode(raw []byte, row int64, column string) (string, error) {
	for len(raw) > 0 && (raw[len(raw)-1] == ' ' || raw[len(raw)-1] == 0) {
		raw = raw[:len(raw)-1]
	}
	t, ok := datasets.Decode(s.enc, raw)
	if !ok {
		return "", datasets.Problems{{
			Severity: datasets.SeverityError, Code: datasets.CodeEncoding, Table: s.table, File: s.path, Row: int(row), Column: column,
			Expected: "expected UTF-8 text", Mend: "say encoding: windows-1252 (or what the file is written in) for this table",
		}}
	}
	return t, nil
}

func (s *source) Columns() []string {
	out := make([]string, len(s.member.vars))
	for i, v := range s.member.vars {
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
	m := &s.member
	if s.cells == nil && m.rows > 0 {
		s.cells = make([]byte, m.width) // the file has rows of this width
	}
	for s.read < m.rows && !s.batch.Full() {
		if _, err := io.ReadFull(s.stream, s.cells); err != nil {
			return nil, s.damaged(fmt.Sprintf("a SAS transport file of %d rows", m.rows))
		}
		for _, v := range m.vars {
			raw := s.cells[v.at : v.at+v.width]
			if !v.text {
				v.add(s.batch, raw)
				continue
			}
			t, err := s.decode(raw, s.read+1, v.name)
			if err != nil {
				return nil, err
			}
			s.batch.Text(t)
		}
		s.read++
	}
	if c := s.batch.Chunk(); c != nil {
		return c, nil
	}
	return nil, io.EOF
}
