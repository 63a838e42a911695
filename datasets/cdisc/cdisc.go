// Package cdisc reads datasets in CDISC's Dataset-JSON: version 1.1, as JSON and as
// NDJSON, and version 1.0, in which the dataset stands deeper in the file.
package cdisc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"recoup/datasets"
)

const (
	maxColumns = 20_000
	batchRows  = 1 << 16
	batchCells = 1 << 21
)

// dataset is what stands before the rows.
type dataset struct {
	version string
	records int // -1: not said
	columns []column
	rows    bool // the reader stands at the rows
	lines   bool // NDJSON: the rows follow the object
	levels  int  // objects that the columns and rows stand in
}

type column struct {
	Name     string `json:"name"`
	Label    string `json:"label"`
	DataType string `json:"dataType"`
	Type     string `json:"type"` // the same in version 1.0
}

type source struct {
	path, table string
	f           *os.File
	in          *datasets.JSONReader
	set         dataset
	names       []string
	fields      []datasets.Field // as the cohort file describes each column
	problems    *datasets.ProblemList
	row         int
	done        bool
}

// Open opens a Dataset-JSON file.
func Open(path string, res datasets.Resource) (datasets.Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, table: res.Name, f: f, problems: datasets.NewProblemList()}
	if err := s.open(res); err != nil {
		_ = f.Close()
		return nil, s.told(err)
	}
	return s, nil
}

// refusal is an error that says itself what was expected.
type refusal struct{ code, expected, mend string }

func (r refusal) Error() string { return r.expected }

func (s *source) told(err error) error {
	var r refusal
	if !errors.As(err, &r) {
		return datasets.FileProblem(s.table, s.path, "a dataset in Dataset-JSON with texts of at most 1 MiB")
	}
	return datasets.Problems{{
		Severity: datasets.SeverityError, Code: r.code, Table: s.table, File: s.path, Row: s.row,
		Expected: r.expected, Mend: r.mend,
	}}
}

// open reads up to the rows. Where they stand before the columns it reads the
// file twice.
func (s *source) open(res datasets.Resource) error {
	s.in = datasets.NewJSONReader(s.f)
	before, err := s.head(nil)
	if err != nil {
		return err
	}
	if before { // once more, now with the columns known
		if _, err := s.f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		s.in = datasets.NewJSONReader(s.f)
		if _, err := s.head(s.set.columns); err != nil {
			return err
		}
	}
	return s.check(res)
}

// head reads the members of the dataset up to its rows, and reports rows that
// stand before the columns, which it has then read past.
func (s *source) head(known []column) (before bool, err error) {
	s.set = dataset{records: -1, columns: known, levels: 1}
	if err := s.in.Open('{'); err != nil {
		return false, err
	}
	for s.in.More() {
		key, err := s.in.Key()
		if err != nil {
			return false, err
		}
		s.in.Record()
		switch key {
		case "datasetJSONVersion":
			err = s.in.Decode(&s.set.version)
		case "records":
			err = s.in.Decode(&s.set.records)
		case "columns", "items":
			if err = s.columns(); known != nil {
				err = errors.Join(err, errors.New("expected the columns once"))
			}
		case "clinicalData", "referenceData":
			err = s.descend()
		case "rows", "itemData":
			if s.set.columns == nil {
				before = true
				if err = s.past(); err == nil {
					continue
				}
				return false, err
			}
			s.set.rows = true
			return before, s.in.Open('[')
		default:
			err = s.in.Skip()
		}
		if err != nil {
			return false, err
		}
	}
	s.set.lines = !before && s.set.levels == 1
	return before, s.ascend()
}

// descend goes into the one dataset of a file of version 1.0, in the list of those of
// a study.
func (s *source) descend() error {
	if s.set.levels > 1 {
		return errMany
	}
	if err := s.in.Open('{'); err != nil {
		return err
	}
	for s.in.More() {
		key, err := s.in.Key()
		if err != nil {
			return err
		}
		if key != "itemGroupData" {
			if err := s.in.Skip(); err != nil {
				return err
			}
			continue
		}
		if err := s.in.Open('{'); err != nil {
			return err
		}
		if _, err := s.in.Key(); err != nil {
			return err
		}
		s.set.levels = 4
		return s.in.Open('{')
	}
	return errors.New("expected datasets")
}

// ascend reads past what else is in the objects that the rows stand in.
func (s *source) ascend() error {
	for level := range s.set.levels {
		for s.in.More() {
			if key, err := s.in.Key(); err != nil {
				return err
			} else if level == 1 || key == "clinicalData" || key == "referenceData" {
				return errMany
			}
			s.in.Record()
			if err := s.in.Skip(); err != nil {
				return err
			}
		}
		if err := s.in.Open('}'); err != nil {
			return err
		}
	}
	return nil
}

var errMany = refusal{datasets.CodeFile, "expected one dataset in a file, found several", "write each as a file of its own"}

// past reads past the rows.
func (s *source) past() error {
	if err := s.in.Open('['); err != nil {
		return err
	}
	for s.in.More() {
		s.in.Record()
		if err := s.in.Skip(); err != nil {
			return err
		}
	}
	return s.in.Open(']')
}

func (s *source) columns() error {
	if err := s.in.Open('['); err != nil {
		return err
	}
	s.set.columns = []column{}
	for s.in.More() {
		if len(s.set.columns) == maxColumns {
			return refusal{datasets.CodeTooLarge, fmt.Sprintf("expected at most %d columns", maxColumns), ""}
		}
		s.in.Record()
		var c column
		if err := s.in.Decode(&c); err != nil {
			return err
		}
		c.DataType = cmp.Or(c.DataType, c.Type)
		s.set.columns = append(s.set.columns, c)
	}
	return s.in.Open(']')
}

func (s *source) check(res datasets.Resource) error {
	if v := s.set.version + "."; v != "." && !strings.HasPrefix(v, "1.1.") && !strings.HasPrefix(v, "1.0.") {
		return refusal{datasets.CodeFile, "expected Dataset-JSON 1.0 or 1.1, found another version", "write the dataset again as version 1.1"}
	}
	if len(s.set.columns) == 0 {
		return refusal{datasets.CodeHeader, "expected the dataset to list its columns", ""}
	}
	for _, c := range s.set.columns {
		s.names = append(s.names, c.Name)
	}
	names, ps := datasets.HeaderNames(s.names, res, datasets.Problem{File: s.path})
	for _, p := range ps {
		s.problems.Add(p)
	}
	s.names = names
	for _, name := range names {
		f := datasets.Field{}
		if i := slices.IndexFunc(res.Schema.Fields, func(f datasets.Field) bool { return f.Name == name }); i >= 0 {
			f = res.Schema.Fields[i]
		}
		s.fields = append(s.fields, f)
	}
	s.done = s.problems.Failed()
	return nil
}

// Columns returns the names of the dataset's variables.
func (s *source) Columns() []string { return s.names }

// Problems returns what was found so far.
func (s *source) Problems() datasets.Problems { return s.problems.All() }

// Close closes the file.
func (s *source) Close() error { return s.f.Close() }

// Describe returns each variable's label and type, and the subject as patient.
func (s *source) Describe() []datasets.Field {
	types := map[string]datasets.Type{
		"integer": datasets.TypeInteger, "decimal": datasets.TypeNumber, "float": datasets.TypeNumber, "double": datasets.TypeNumber,
		"boolean": datasets.TypeBoolean, "date": datasets.TypeDate, "datetime": datasets.TypeDatetime,
		"string": datasets.TypeString, "time": datasets.TypeString, "URI": datasets.TypeString,
	}
	patient := "SUBJID"
	if slices.Contains(s.names, "USUBJID") {
		patient = "USUBJID"
	}
	out := make([]datasets.Field, len(s.names))
	for i, c := range s.set.columns {
		out[i] = datasets.Field{Name: s.names[i], Title: c.Label, Type: types[c.DataType]}
		if s.names[i] == patient {
			out[i].Type, out[i].Role = datasets.TypeString, datasets.RolePatient
		}
	}
	return out
}

// Next returns the next rows.
func (s *source) Next(ctx context.Context) (*datasets.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.done {
		return nil, io.EOF
	}
	c := &datasets.Chunk{First: s.row + 1}
	builders := make([]*array.StringBuilder, len(s.names))
	for i := range builders {
		builders[i] = array.NewStringBuilder(memory.DefaultAllocator)
	}
	for c.Rows < batchRows && c.Rows*len(s.names) < batchCells {
		found, err := s.more()
		if err == nil && found {
			s.row++
			err = s.readRow(builders)
		}
		if err != nil {
			return nil, s.told(err)
		}
		if !found {
			s.done = true
			break
		}
		c.Rows++
	}
	if s.done && s.set.records >= 0 && s.set.records != s.row {
		return nil, s.told(refusal{datasets.CodeFile, fmt.Sprintf("expected the %d records that the dataset promises; it ends after %d", s.set.records, s.row), "write it again from its source"})
	}
	if c.Rows == 0 {
		return nil, io.EOF
	}
	for _, b := range builders {
		c.Arrays = append(c.Arrays, b.NewArray())
	}
	return c, nil
}

// more reports whether a row follows, and reads the end of the file where none
// does.
func (s *source) more() (bool, error) {
	s.in.Record()
	if s.in.More() {
		return s.set.rows || s.set.lines, nil
	}
	if s.set.rows {
		if err := s.in.Open(']'); err != nil {
			return false, err
		}
		if err := s.ascend(); err != nil {
			return false, err
		}
	}
	if _, err := s.in.Token(); !errors.Is(err, io.EOF) {
		return false, errors.New("expected the end of the file")
	}
	return false, nil
}

func (s *source) readRow(builders []*array.StringBuilder) error {
	if err := s.in.Open('['); err != nil {
		return err
	}
	n := 0
	for ; s.in.More(); n++ {
		t, err := s.in.Token()
		if err != nil {
			return err
		}
		if n == len(builders) {
			return refusal{datasets.CodeRagged, fmt.Sprintf("expected %d values in the row, found more", len(builders)), "write the dataset again from its source"}
		}
		if err := s.value(builders[n], n, t); err != nil {
			return err
		}
	}
	if n < len(builders) {
		return refusal{datasets.CodeRagged, fmt.Sprintf("expected %d values in the row, found %d", len(builders), n), "write the dataset again from its source"}
	}
	return s.in.Open(']')
}

// value appends one value as text; null and an empty text of SAS are missing.
func (s *source) value(b *array.StringBuilder, column int, t json.Token) error {
	switch v := t.(type) {
	case nil:
		b.AppendNull()
	case bool:
		b.Append(strconv.FormatBool(v))
	case json.Number:
		b.Append(v.String())
	case string:
		if strings.ContainsRune(v, '\uFFFD') {
			return refusal{datasets.CodeEncoding, "expected UTF-8 text", "write the dataset again in UTF-8"}
		}
		if s.set.columns[column].DataType == "decimal" {
			v = strings.ReplaceAll(v, ",", "") // marks between thousands
		}
		if v == "" {
			b.AppendNull()
			return nil
		}
		b.Append(s.fields[column].FromISO(v))
	default:
		return errors.New("expected a text, a number, true, false or null")
	}
	return nil
}
