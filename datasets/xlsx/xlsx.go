// Package xlsx reads the sheets of Excel workbooks (.xlsx, .xlsm) as tables. It
// streams a sheet's own XML, since what a number means (a date, a padded
// identifier, an error) stands in the cell's type and number format, and since
// a book must neither fill the memory nor leave patients' data in temporary
// files.
package xlsx

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"recoup/datasets"
)

// Limits of a sheet: those of the format, but for its cells, which bound the
// memory that a small hostile file can take.
const (
	maxRows    = 1_048_576
	maxColumns = 20_000
	maxCells   = 100_000_000
	maxGaps    = 1 << 20 // runs of rows without an empty one, times columns
	batchRows  = 1 << 16
	batchCells = 1 << 21
	maxDigits  = 1e15
)

// Split takes the sheet off a path: book.xlsx#Visits is sheet Visits of
// book.xlsx. Sheet is "" where the path names none.
func Split(path string) (file, sheet string) {
	lower := strings.ToLower(path)
	for _, ending := range []string{".xlsx#", ".xlsm#"} {
		if i := strings.Index(lower, ending); i >= 0 {
			at := i + len(ending)
			return path[:at-1], path[at:]
		}
	}
	return path, ""
}

type source struct {
	file     *os.File
	path     string
	table    string
	book     book
	rows     *rowReader
	problems *datasets.ProblemList

	columns []string
	fields  []*datasets.Field // of each column; nil where none describes it
	strict  bool              // columns are described: this is no draft
	left    int               // the sheet's column of the first name
	held    *rawRow           // read but not given yet
	last    int               // number of the last row given
	count   int               // rows given
	gaps    int
	blank   int // empty rows between rows
	hidden  int
	done    bool
}

// Open opens a sheet of a workbook: the one that the path names after #, else the
// only one that is not empty. The first row that is not empty holds the column
// names. Rows in problems are numbered as the spreadsheet shows them.
func Open(path string, res datasets.Resource) (datasets.Source, error) {
	name, want := Split(path)
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s := &source{file: f, path: path, table: res.Name, problems: datasets.NewProblemList(), strict: len(res.Schema.Fields) > 0}
	if err := s.open(want, res); err != nil {
		_ = s.Close()
		return nil, s.told(err)
	}
	return s, nil
}

// refusal is an error that says itself what was expected.
type refusal struct{ code, expected, mend string }

func (r refusal) Error() string { return r.expected }

// told turns an error of reading into the problem that a user sees.
func (s *source) told(err error) error {
	p := datasets.Problem{Severity: datasets.SeverityError, Code: datasets.CodeFile, Table: s.table, File: s.path}
	var r refusal
	switch {
	case errors.As(err, &r):
		p.Code, p.Expected, p.Mend = r.code, r.expected, r.mend
	case errors.Is(err, errLarge):
		p.Code = datasets.CodeTooLarge
		p.Expected = fmt.Sprintf("expected a book of at most %d MiB unpacked, %d rows and %d columns a sheet, %d cells in all and texts of at most %d bytes", maxUnpacked>>20, maxRows, maxColumns, maxCells, maxText)
		p.Mend = "save the sheet as CSV"
	default:
		return datasets.FileProblem(s.table, s.path, "an Excel workbook (.xlsx)")
	}
	return datasets.Problems{p}
}

func (s *source) open(want string, res datasets.Resource) error {
	var mark [4]byte
	if _, err := s.file.ReadAt(mark[:], 0); err != nil {
		return errXML
	}
	if mark == [4]byte{0xD0, 0xCF, 0x11, 0xE0} {
		return refusal{datasets.CodeFile, "expected an Excel workbook (.xlsx) without a password; this one is encrypted, or of the old .xls format", "save it as .xlsx without a password"}
	}
	st, err := s.file.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(s.file, st.Size())
	if err != nil {
		return err
	}
	s.book = book{zip: z, budget: maxUnpacked, charged: map[string]bool{}}
	if err := s.book.read(); err != nil {
		return err
	}
	sh, err := s.choose(want)
	if err != nil {
		return err
	}
	look, err := s.book.look(sh.part)
	if err != nil {
		return err
	}
	if look.header == 0 {
		return refusal{datasets.CodeEmpty, "expected a header row with column names, found an empty sheet", ""}
	}
	if s.rows, err = s.book.rows(sh.part); err != nil {
		return err
	}
	return s.header(look, res)
}

// choose finds the sheet that is meant, and tells of those that are hidden.
func (s *source) choose(want string) (sheet, error) {
	var filled []string
	hidden := 0
	var found *sheet
	for i := range s.book.sheets {
		sh := &s.book.sheets[i]
		if sh.hidden {
			hidden++
		}
		if want != "" {
			if sh.name == want {
				found = sh
			}
			continue
		}
		if sh.part == "" || sh.hidden {
			continue
		}
		empty, err := s.book.isEmpty(sh.part)
		if err != nil {
			return sheet{}, err
		}
		if !empty {
			filled = append(filled, sh.name)
			found = sh
		}
	}
	switch {
	case len(filled) > 1:
		return sheet{}, refusal{datasets.CodeFile, "expected the path to name one of the sheets " + quoted(filled), "add # and the sheet to the path: " + filepath.Base(s.path) + "#" + filled[0]}
	case found == nil && want != "":
		names := make([]string, len(s.book.sheets))
		for i, sh := range s.book.sheets {
			names[i] = sh.name
		}
		return sheet{}, refusal{datasets.CodeFile, "expected the sheet that the path names; the book has " + quoted(names), "correct the name after #"}
	case found == nil:
		return sheet{}, refusal{datasets.CodeEmpty, "expected a sheet with rows, found none that is shown and not empty", "to read a hidden sheet, name it after #"}
	case found.part == "":
		return sheet{}, refusal{datasets.CodeFile, "expected a sheet of cells, found a chart or a macro", "name another sheet after #"}
	}
	if hidden > 0 {
		expected := fmt.Sprintf("the book has hidden sheets, which are not read: %d", hidden)
		if found.hidden {
			expected = "the sheet is hidden; it is read since the path names it"
		}
		s.problems.Add(datasets.Problem{Severity: datasets.SeverityNote, Code: datasets.CodeHidden, Table: s.table, File: s.path, Expected: expected})
	}
	return *found, nil
}

// quoted lists names for a message, at most twenty.
func quoted(names []string) string {
	var b strings.Builder
	for i, n := range names {
		if i == 20 {
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(n))
	}
	return b.String()
}

// header reads the column names and refuses cells merged over them.
func (s *source) header(look survey, res datasets.Resource) error {
	row, err := s.rows.next()
	for err == nil && row.number < look.header {
		row, err = s.rows.next()
	}
	if err != nil {
		return errOr(err)
	}
	for _, m := range look.merges {
		if m.top <= look.header && m.bottom >= look.header {
			return refusal{
				datasets.CodeHeader, fmt.Sprintf("expected a name of its own for each column in row %d, found the cells %s merged", look.header, m),
				"unmerge them and give each column a name; a title belongs on a sheet of its own",
			}
		}
	}
	s.left = maxColumns
	var names []string
	for i := range row.cells {
		c := &row.cells[i]
		name, err := s.text(c, nil, look.header, letters(c.column))
		if err != nil {
			return err
		}
		if name == "" {
			continue
		}
		if len(names) == 0 {
			s.left = c.column
		}
		names = append(names, make([]string, c.column-s.left-len(names))...)
		names = append(names, name)
	}
	columns, ps := datasets.HeaderNames(names, res, datasets.Problem{File: s.path, Line: look.header})
	for _, p := range ps {
		s.problems.Add(p)
	}
	s.columns, s.last = columns, look.header
	s.fields = make([]*datasets.Field, len(columns))
	for i, name := range columns {
		if j := slices.IndexFunc(res.Schema.Fields, func(f datasets.Field) bool { return f.Name == name }); j >= 0 {
			s.fields[i] = &res.Schema.Fields[j]
			if s.fields[i].MissingValues == nil {
				f := res.Schema.Fields[j]
				f.MissingValues = res.Schema.MissingValues
				s.fields[i] = &f
			}
		}
	}
	s.tellMerged(look)
	s.done = s.problems.Failed()
	return nil
}

func (m merged) String() string {
	return cellName(m.left, m.top) + ":" + cellName(m.right, m.bottom)
}

// carries reports whether any of the merged cells is in a column that is read.
func (s *source) carries(m merged) bool {
	for c := m.left; c <= m.right; c++ {
		if i := c - s.left; i >= 0 && i < len(s.fields) && s.carried(s.fields[i]) {
			return true
		}
	}
	return false
}

// carried reports whether a column's cells matter: all in a draft, else those of
// the fields that are described and not ignored.
func (s *source) carried(f *datasets.Field) bool {
	return !s.strict || f != nil && f.Role != datasets.RoleIgnore
}

// tellMerged reports cells merged below the header: all but the first of them
// are empty, whatever the sheet seems to show.
func (s *source) tellMerged(look survey) {
	for _, m := range look.merges {
		if m.top > look.header && s.carries(m) {
			s.problem(datasets.CodeMerged, m.top, s.columnAt(m.left), "expected each cell to stand for itself, found "+m.String()+" merged", "unmerge them and fill in every cell")
		}
	}
}

func (s *source) columnAt(column int) string {
	if i := column - s.left; i >= 0 && i < len(s.columns) && s.columns[i] != "" {
		return s.columns[i]
	}
	return letters(column)
}

func (s *source) problem(code string, row int, column, expected, mend string) {
	s.problems.Add(datasets.Problem{
		Severity: datasets.SeverityError, Code: code, Table: s.table, File: s.path, Row: row,
		Column: column, Expected: expected, Mend: mend,
	})
}

// cellProblem tells what is wrong with a cell of a column that is carried.
func (s *source) cellProblem(f *datasets.Field, row int, column, expected, mend string) {
	if s.carried(f) {
		s.problem(datasets.CodeType, row, column, expected, mend)
	}
}

// Columns returns the column names of the sheet.
func (s *source) Columns() []string { return s.columns }

// Problems returns what was found so far.
func (s *source) Problems() datasets.Problems { return s.problems.All() }

// Close closes the book.
func (s *source) Close() error {
	if s.rows != nil {
		_ = s.rows.close()
		s.rows = nil
	}
	return s.file.Close()
}

// Next returns the next rows. A batch ends where rows of the sheet are empty, so
// that every row keeps the number that the spreadsheet shows.
func (s *source) Next(ctx context.Context) (*datasets.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.done {
		return nil, io.EOF
	}
	c := &datasets.Chunk{Text: make([][]string, len(s.columns))}
	for c.Rows < batchRows && c.Rows*len(s.columns) < batchCells {
		row, err := s.nextRow()
		if errors.Is(err, io.EOF) {
			s.done = true
			s.tellPassed()
			break
		}
		if err == nil && c.Rows > 0 && row.number != s.last+1 {
			s.held = row
			break
		}
		if err == nil {
			err = s.add(c, row)
		}
		if err != nil {
			return nil, s.told(err)
		}
	}
	if c.Rows == 0 {
		return nil, io.EOF
	}
	return c, nil
}

// nextRow returns the next row that is not empty.
func (s *source) nextRow() (*rawRow, error) {
	if row := s.held; row != nil {
		s.held = nil
		return row, nil
	}
	for {
		row, err := s.rows.next()
		if err != nil || !row.blank() {
			return row, err
		}
	}
}

// add appends a row to a batch.
func (s *source) add(c *datasets.Chunk, row *rawRow) error {
	if c.Rows == 0 {
		c.First = row.number
		if s.gaps += len(s.columns); s.gaps > maxGaps {
			return refusal{datasets.CodeTooLarge, "expected fewer empty rows between the rows of data", "delete the empty rows"}
		}
	}
	s.blank += row.number - s.last - 1
	s.last = row.number
	if s.count++; s.count*len(s.columns) > maxCells {
		return errLarge
	}
	if row.hidden {
		s.hidden++
	}
	for j := range c.Text {
		c.Text[j] = append(c.Text[j], "")
	}
	for i := range row.cells {
		cell := &row.cells[i]
		if cell.blank() {
			continue
		}
		j := cell.column - s.left
		if j < 0 || j >= len(s.columns) {
			s.problem(datasets.CodeRagged, row.number, letters(cell.column), "expected no cell outside the columns that have a name", "name the column in the header, or empty the cell")
			continue
		}
		text, err := s.text(cell, s.fields[j], row.number, s.columnAt(cell.column))
		if err != nil {
			return err
		}
		c.Text[j][c.Rows] = text
	}
	c.Rows++
	return nil
}

// tellPassed notes rows that were passed over and rows that nobody sees.
func (s *source) tellPassed() {
	note := func(code, expected string) {
		s.problems.Add(datasets.Problem{Severity: datasets.SeverityNote, Code: code, Table: s.table, File: s.path, Expected: expected})
	}
	if s.blank > 0 {
		note(datasets.CodeBlankLines, fmt.Sprintf("%d empty rows were passed over", s.blank))
	}
	if s.hidden > 0 {
		note(datasets.CodeHidden, fmt.Sprintf("%d rows are hidden in the sheet; they were read", s.hidden))
	}
}

// text returns a cell as the text that a CSV file would hold. What cannot be used
// is told and comes back empty; an error ends the reading.
func (s *source) text(c *rawCell, f *datasets.Field, row int, column string) (string, error) {
	if c.formula && (!c.stored || c.value == "" && c.kind == "n") {
		s.cellProblem(f, row, column, "expected the formula's result in the file, found the formula alone", "open the book in a spreadsheet program and save it, or save values in place of formulas")
		return "", nil
	}
	switch c.kind {
	case "s":
		i, err := strconv.Atoi(c.value)
		t, ok := s.book.texts.get(i)
		if err != nil || !ok {
			return "", errXML
		}
		return t, nil
	case "str", "inlineStr":
		return c.value, nil
	case "b":
		return truth(c.value, f), nil
	case "e":
		return s.failed(c, f, row, column), nil
	case "d":
		t, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(c.value, "Z"))
		if err != nil {
			t, err = time.Parse("2006-01-02", c.value)
		}
		if err != nil {
			return "", errXML
		}
		return s.date(t, true, f), nil
	case "n":
		v, err := strconv.ParseFloat(c.value, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			if c.value == "" {
				return "", nil
			}
			return "", errXML
		}
		return s.number(v, c, f, row, column), nil
	}
	return "", errXML
}

// truth writes a boolean with the field's own words, where it has some.
func truth(value string, f *datasets.Field) string {
	yes := isTrue(value)
	switch {
	case f != nil && yes && len(f.TrueValues) > 0:
		return f.TrueValues[0]
	case f != nil && !yes && len(f.FalseValues) > 0:
		return f.FalseValues[0]
	}
	return strconv.FormatBool(yes)
}

// failed returns the text of a cell that holds an error such as #N/A. Where it is
// a missing code, and where the loader or a draft will look at it, that is its
// own text; a column of text would take it for a value.
func (s *source) failed(c *rawCell, f *datasets.Field, row int, column string) string {
	declared := f != nil && slices.ContainsFunc(f.MissingValues, func(m datasets.MissingValue) bool { return m.Value == c.value })
	if !s.strict || declared || f != nil && f.Type != datasets.TypeString {
		return c.value
	}
	s.cellProblem(f, row, column, "expected a value, found a formula's error", "correct the cell, or declare the error's text under missingValues")
	return ""
}

// number writes a number as its format says.
func (s *source) number(v float64, c *rawCell, f *datasets.Field, row int, column string) string {
	var show numberFormat
	if c.style >= 0 && c.style < len(s.book.formats) {
		show = s.book.formats[c.style]
	}
	switch {
	case show.date:
		t, err := dateOf(v, s.book.from1904)
		if err != nil {
			s.cellProblem(f, row, column, err.Error(), "correct the cell, or its number format")
			return ""
		}
		return s.date(t, show.clock, f)
	case show.clock && v >= 0 && v < 1:
		return clockText(v)
	case show.clock || show.elapsed:
		return "P" + numberText(v) + "D"
	}
	whole := v == math.Trunc(v)
	if whole && math.Abs(v) >= maxDigits && (f == nil || f.Type == datasets.TypeString) {
		s.cellProblem(f, row, column, "expected a number of at most 15 digits: a spreadsheet keeps no more, and has put zeros in place of the rest", "write long numbers as text in the sheet")
		return ""
	}
	text := numberText(v)
	if f != nil && f.DecimalChar == "," { // as the column's text files write it
		text = strings.Replace(text, ".", ",", 1)
	}
	if n := show.zeros - len(text); whole && v >= 0 && n > 0 {
		text = strings.Repeat("0", n) + text
	}
	return text
}

func (s *source) date(t time.Time, timed bool, f *datasets.Field) string {
	if f == nil {
		f = &datasets.Field{}
	}
	return f.DateText(t, timed)
}
