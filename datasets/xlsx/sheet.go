package xlsx

import (
	"errors"
	"io"
	"strconv"
	"strings"
)

// rawCell is a cell as the sheet stores it.
type rawCell struct {
	column  int
	kind    string // n s str inlineStr b e d
	style   int
	value   string
	stored  bool // has a value, be it an empty text
	formula bool
}

// blank reports a cell that shows nothing.
func (c *rawCell) blank() bool { return !c.formula && !c.stored }

// rawRow is a row with its number as the spreadsheet shows it.
type rawRow struct {
	number int
	hidden bool
	cells  []rawCell
}

func (r *rawRow) blank() bool {
	for i := range r.cells {
		if !r.cells[i].blank() {
			return false
		}
	}
	return true
}

// rowReader reads a sheet row by row.
type rowReader struct {
	part io.ReadCloser
	x    *xmlReader
	row  rawRow
	last int    // number of the last row
	text []byte // of the current cell
}

func (b *book) rows(part string) (*rowReader, error) {
	r, err := b.openPart(part)
	if err != nil {
		return nil, err
	}
	return &rowReader{part: r, x: newXMLReader(r)}, nil
}

func (r *rowReader) close() error { return r.part.Close() }

// next returns the next row that is in the file, valid until the next call, or
// io.EOF after the last. What follows the rows is then still unread.
func (r *rowReader) next() (*rawRow, error) {
	for {
		k, err := r.x.next()
		switch {
		case err != nil:
			return nil, err
		case k == endTag && r.x.name == "sheetData" && r.x.at("worksheet"):
			return nil, io.EOF
		case k == startTag && r.x.at("worksheet", "sheetData", "row"):
			return &r.row, r.readRow()
		}
	}
}

func (r *rowReader) readRow() error {
	r.row = rawRow{number: r.last + 1, hidden: isTrue(r.x.attr("hidden")), cells: r.row.cells[:0]}
	if at := r.x.attr("r"); at != "" {
		n, err := strconv.Atoi(at)
		if err != nil || n <= r.last {
			return errXML
		}
		r.row.number = n
	}
	if r.last = r.row.number; r.last > maxRows {
		return errLarge
	}
	column := 0
	for {
		k, err := r.x.next()
		switch {
		case err != nil:
			return errOr(err)
		case k == endTag && r.x.at("worksheet", "sheetData"):
			return nil
		case k == startTag && r.x.at("worksheet", "sheetData", "row", "c"):
			if at := r.x.attr("r"); at != "" {
				c, n, ok := position(at)
				if !ok || n != r.row.number || c < column {
					return errXML
				}
				column = c
			}
			if column >= maxColumns {
				return errLarge
			}
			if err := r.readCell(column); err != nil {
				return err
			}
			column++
		}
	}
}

func (r *rowReader) readCell(column int) error {
	c := rawCell{column: column, kind: r.x.attr("t")}
	if c.kind == "" {
		c.kind = "n"
	}
	c.style, _ = strconv.Atoi(r.x.attr("s"))
	r.text = r.text[:0]
	for {
		k, err := r.x.next()
		if err != nil {
			return errOr(err)
		}
		path := r.x.path[3:] // below worksheet, sheetData and row
		switch {
		case k == endTag && len(path) == 0:
			c.value = string(r.text)
			if c.kind == "inlineStr" || c.kind == "str" {
				c.value = unmark(c.value)
			}
			r.row.cells = append(r.row.cells, c)
			return nil
		case k == startTag && len(path) == 2 && path[1] == "f":
			c.formula = true
		case k == startTag && len(path) == 2 && (path[1] == "v" || path[1] == "is"):
			c.stored = c.kind != "n" || path[1] == "is"
		case k == charData && isValue(path):
			c.stored = true
			if r.text = append(r.text, r.x.text...); len(r.text) > maxText {
				return errLarge
			}
		}
	}
}

// isValue reports whether text below a cell belongs to its value: v, is/t or
// is/r/t, but not the reading aids of is/rPh.
func isValue(path []string) bool {
	switch strings.Join(path[1:], "/") {
	case "v", "is/t", "is/r/t":
		return true
	}
	return false
}

// merged is a block of merged cells: columns from 0, rows from 1, both ends in.
type merged struct{ left, top, right, bottom int }

// survey is what is known of a sheet before its rows are read.
type survey struct {
	header int // number of the first row that is not empty; 0: the sheet is empty
	merges []merged
}

// maxMerges is how many merged blocks are remembered: enough to name them.
const maxMerges = 1000

// look finds a sheet's header and what stands behind its rows, which it passes over.
func (b *book) look(part string) (survey, error) {
	var s survey
	r, err := b.rows(part)
	if err != nil {
		return s, err
	}
	defer func() { _ = r.close() }()
	for s.header == 0 {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, err
		}
		if !row.blank() {
			s.header = row.number
			if err := r.x.pass(); err != nil {
				return s, err
			}
		}
	}
	for {
		k, err := r.x.next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		if k == startTag && r.x.at("worksheet", "mergeCells", "mergeCell") && len(s.merges) < maxMerges {
			m, ok := parseMerged(r.x.attr("ref"))
			if !ok {
				return s, errXML
			}
			s.merges = append(s.merges, m)
		}
	}
}

func parseMerged(ref string) (m merged, ok bool) {
	from, to, found := strings.Cut(ref, ":")
	if !found {
		to = from
	}
	var ok1, ok2 bool
	m.left, m.top, ok1 = position(from)
	m.right, m.bottom, ok2 = position(to)
	return m, ok1 && ok2
}

// isEmpty reports a sheet without a value, looking no further than the first.
func (b *book) isEmpty(part string) (bool, error) {
	r, err := b.rows(part)
	if err != nil {
		return false, err
	}
	defer func() { _ = r.close() }()
	for {
		row, err := r.next()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if !row.blank() {
			return false, nil
		}
	}
}
