package datasets

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	textunicode "golang.org/x/text/encoding/unicode"
)

// Limits of delimited text files: a quote that is never closed would otherwise
// swallow the file.
const (
	maxCell    = 1 << 20
	maxRecord  = 16 << 20
	maxColumns = 20_000
	chunkBytes = 16 << 20
	chunkCells = 4 << 20
)

var errStop = errors.New("file cannot be read further")

// decoderOf returns the decoder of a declared encoding.
func decoderOf(name string) (encoding.Encoding, error) {
	switch strings.ToLower(strings.ReplaceAll(name, "_", "-")) {
	case "", "utf-8", "utf8":
		return encoding.Nop, nil
	case "windows-1252", "cp1252":
		return charmap.Windows1252, nil
	case "iso-8859-1", "latin-1", "latin1":
		return charmap.ISO8859_1, nil
	case "utf-16", "utf16":
		return textunicode.UTF16(textunicode.LittleEndian, textunicode.UseBOM), nil
	case "utf-16le":
		return textunicode.UTF16(textunicode.LittleEndian, textunicode.UseBOM), nil
	case "utf-16be":
		return textunicode.UTF16(textunicode.BigEndian, textunicode.UseBOM), nil
	}
	return nil, errors.New("expected the encoding to be utf-8, utf-16, utf-16le, utf-16be, windows-1252 or iso-8859-1")
}

// decoded returns a reader of UTF-8 without byte order mark. A UTF-16 mark is
// believed over the declaration's silence.
func decoded(r io.Reader, declared string) (io.Reader, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	head, _ := br.Peek(3)
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		_, err := br.Discard(3)
		return br, err
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return textunicode.UTF16(textunicode.LittleEndian, textunicode.ExpectBOM).NewDecoder().Reader(br), nil
	}
	enc, err := decoderOf(declared)
	if err != nil {
		return nil, err
	}
	if enc == encoding.Nop {
		return br, nil
	}
	return enc.NewDecoder().Reader(br), nil
}

// plain returns the file behind a decoder that changes nothing, and how many bytes
// of it the mark at its begin takes; nil where bytes are not the text or cannot be
// read again.
func plain(file io.Reader, in io.Reader) (io.ReadSeeker, int64) {
	seeker, ok := file.(io.ReadSeeker)
	if _, undecoded := in.(*bufio.Reader); !ok || !undecoded {
		return nil, 0
	}
	var head [3]byte
	if _, err := seeker.Seek(0, io.SeekCurrent); err != nil {
		return nil, 0
	}
	at, ok := file.(io.ReaderAt)
	if !ok {
		return nil, 0
	}
	if n, _ := at.ReadAt(head[:], 0); n == 3 && head == [3]byte{0xEF, 0xBB, 0xBF} {
		return seeker, 3
	}
	return seeker, 0
}

// csvSource reads delimited text: RFC 4180 with LF, CR or CRLF, quoted line
// breaks, any of four separators, and positions for every problem.
type csvSource struct {
	table, file string
	in          *bufio.Reader
	closer      io.Closer
	delim       byte
	columns     []string
	problems    *collector

	line int // of the next byte, from 1
	row  int // data rows read
	done bool

	data []byte // cells of the current record, one after the other
	ends []int
	at   int // line where the current record begins

	seeker io.ReadSeeker // the file, where its bytes are the text; nil where they are decoded
	read   int64         // bytes of the file read into records so far

	blank      int
	notedBlank bool
}

// NewCSV opens delimited text. Described are the column names the dictionary
// describes; the separator is the one under which most of them are found, where
// the resource does not say it.
func NewCSV(file string, r io.ReadCloser, res Resource) (Source, error) {
	in, err := decoded(r, res.Encoding)
	if err != nil {
		return nil, err
	}
	s := &csvSource{table: res.Name, file: file, in: bufio.NewReaderSize(in, 1<<18), closer: r, line: 1, problems: newCollector()}
	s.seeker, s.read = plain(r, in)
	head, _ := s.in.Peek(1 << 16)
	if bytes.IndexByte(head, 0) >= 0 {
		s.problem(CodeEncoding, 0, 0, "", "expected text, found NUL bytes", "if the file is UTF-16 without a mark, say encoding: utf-16le or utf-16be; a spreadsheet must be saved as CSV first")
		return s, nil
	}
	s.delim = ','
	if res.Dialect.Delimiter != "" {
		s.delim = res.Dialect.Delimiter[0]
	} else {
		s.delim = sniffDelimiter(head, res.Schema.Fields)
	}
	s.header(res)
	return s, nil
}

// sniffDelimiter chooses the separator under which the header holds most of the
// described columns, then most columns; a caret, which REDCap offers, only where no
// other separates any.
func sniffDelimiter(head []byte, fields []Field) byte {
	line := head
	if i := bytes.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	best, bestFound, bestCells := byte(','), -1, -1
	for _, d := range []byte{',', ';', '\t', '|', '^'} {
		cells := strings.Split(string(line), string(d))
		have := map[string]bool{}
		for _, c := range cells {
			name, _ := cleanName(strings.Trim(c, `"`))
			have[name] = true
		}
		found := 0
		for _, f := range fields {
			if have[f.Name] {
				found++
			}
		}
		if found > bestFound || found == bestFound && len(cells) > bestCells && (d != '^' || bestCells == 1) {
			best, bestFound, bestCells = d, found, len(cells)
		}
	}
	return best
}

func (s *csvSource) problem(code string, row, line int, column, expected, mend string) {
	s.problems.add(Problem{
		Severity: SeverityError, Code: code, Table: s.table, File: s.file, Row: row, Line: line,
		Column: column, Expected: expected, Mend: mend,
	})
	if code == CodeEncoding || code == CodeHeader || code == CodeQuote || code == CodeEmpty || code == CodeTooLarge {
		s.done = true
	}
}

func (s *csvSource) header(res Resource) {
	var err error
	for {
		if err = s.record(); err != nil || len(s.ends) > 1 || len(s.data) > 0 {
			break
		}
		s.blank++
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			s.problem(CodeEmpty, 0, 0, "", "expected a header row with column names, found an empty file", "")
		}
		s.done = true
		return
	}
	if len(s.ends) > maxColumns {
		s.problem(CodeTooLarge, 0, s.at, "", fmt.Sprintf("expected at most %d columns", maxColumns), "")
		return
	}
	described := map[string]bool{}
	for _, f := range res.Schema.Fields {
		described[f.Name] = true
	}
	seen := map[string]bool{}
	trimmed := 0
	for i := range s.ends {
		raw := string(s.cellBytes(i))
		name, changed := cleanName(raw)
		if changed && !described[raw] {
			trimmed++
		} else if changed {
			name = raw
		}
		if seen[name] && name != "" {
			if described[name] || len(described) == 0 {
				s.problem(CodeHeader, 0, s.at, name, "expected each column name once in the header", "rename one of the two in the file")
			}
			name = ""
		}
		seen[name] = true
		s.columns = append(s.columns, name)
	}
	if trimmed > 0 {
		s.problems.add(Problem{
			Severity: SeverityNote, Code: CodeHeaderTrimmed, Table: s.table, File: s.file, Line: s.at,
			Expected: fmt.Sprintf("blanks or invisible marks were taken off %d column names", trimmed),
		})
	}
	if headerIsData(s.columns) {
		s.problem(CodeHeader, 0, s.at, "", "expected column names in the first row, found numbers or nothing", "add a header row to the file, or remove the lines above it")
	}
}

// headerIsData tells a first row of values from a header: not one of its cells
// begins like a name.
func headerIsData(columns []string) bool {
	for _, c := range columns {
		if strings.IndexFunc(c, unicode.IsLetter) >= 0 {
			return false
		}
	}
	return true
}

// cleanName takes blanks and invisible marks off both ends of a column name.
func cleanName(raw string) (string, bool) {
	name := strings.TrimFunc(raw, func(r rune) bool { return unicode.IsSpace(r) || invisible(r) })
	return name, name != raw
}

// invisible reports a character that shows nothing and would make two equal
// looking cells differ.
func invisible(r rune) bool {
	switch r {
	case '\u200b', '\u200c', '\u200d', '\u2060', '\ufeff', '\u00ad':
		return true
	}
	return false
}

func (s *csvSource) cellBytes(i int) []byte {
	from := 0
	if i > 0 {
		from = s.ends[i-1]
	}
	return s.data[from:s.ends[i]]
}

// record reads the next record into data and ends. It returns io.EOF at the end
// of the file and errStop after a problem that makes the rest unreadable.
func (s *csvSource) record() error {
	s.data, s.ends, s.at = s.data[:0], s.ends[:0], s.line
	start := 0 // of the current cell in data
	quoted, closed, any := false, false, false
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.problem(CodeFile, s.row+1, s.line, "", "the file could not be read: "+err.Error(), "")
				return errStop
			}
			if quoted && !closed {
				s.problem(CodeQuote, s.row+1, s.at, "", "expected the quote that opens in this row to be closed", "close it, or double it if it belongs to the text")
				return errStop
			}
			if !any {
				return io.EOF
			}
			s.ends = append(s.ends, len(s.data))
			return s.checkText()
		}
		any = true
		s.read++
		if c == 0 {
			s.problem(CodeEncoding, s.row+1, s.line, "", "expected text, found a NUL byte", "")
			return errStop
		}
		if quoted && !closed {
			if c == '"' {
				closed = true
				continue
			}
			if c == '\n' {
				s.line++
			}
			s.data = append(s.data, c)
		} else {
			switch {
			case c == s.delim:
				s.ends = append(s.ends, len(s.data))
				start, quoted, closed = len(s.data), false, false
				if len(s.ends) > maxColumns {
					s.problem(CodeTooLarge, s.row+1, s.at, "", fmt.Sprintf("expected at most %d cells in a row", maxColumns), "")
					return errStop
				}
			case c == '\n' || c == '\r':
				if c == '\r' {
					if next, _ := s.in.Peek(1); len(next) == 1 && next[0] == '\n' {
						_, _ = s.in.ReadByte()
						s.read++
					}
				}
				s.line++
				s.ends = append(s.ends, len(s.data))
				return s.checkText()
			case c == '"' && closed: // a doubled quote
				s.data = append(s.data, '"')
				closed = false
			case c == '"' && len(s.data) == start:
				quoted = true
			case closed:
				s.problem(CodeQuote, s.row+1, s.line, "", "expected a separator after a closing quote", "double the quotes that belong to the text")
				return errStop
			default:
				s.data = append(s.data, c)
			}
		}
		if len(s.data)-start > maxCell || len(s.data) > maxRecord {
			s.problem(CodeTooLarge, s.row+1, s.at, "", fmt.Sprintf("expected cells of at most %d bytes; a quote that is never closed makes such a cell", maxCell), "look for an open quote in this row")
			return errStop
		}
	}
}

func (s *csvSource) checkText() error {
	if !utf8.Valid(s.data) {
		s.problem(CodeEncoding, s.row+1, s.at, "", "expected UTF-8 text", "say encoding: windows-1252 (or what the file is written in) for this table")
		return errStop
	}
	return nil
}

// resume goes on with the slow way where the fast way has handed on so many bytes,
// rows and line breaks.
func (s *csvSource) resume(size int64, rows, lines int) error {
	if _, err := s.seeker.Seek(s.read+size, io.SeekStart); err != nil {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	s.in.Reset(s.seeker)
	s.read += size
	s.row += rows
	s.line += lines
	return nil
}

// Columns returns the header.
func (s *csvSource) Columns() []string { return s.columns }

// Problems returns what was found so far.
func (s *csvSource) Problems() Problems { return s.problems.sorted("") }

// Close closes the file.
func (s *csvSource) Close() error { return s.closer.Close() }

// Next returns up to 65,536 rows.
func (s *csvSource) Next(ctx context.Context) (*Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.done {
		return nil, s.end()
	}
	n := len(s.columns)
	c := &Chunk{First: s.row + 1}
	var buf []byte
	var spans []int // end of each cell in buf, row by row
	for c.Rows < batchRows && len(buf) < chunkBytes && len(spans) < chunkCells {
		err := s.record()
		if errors.Is(err, io.EOF) || errors.Is(err, errStop) {
			s.done = true
			break
		}
		if err != nil {
			return nil, err
		}
		if len(s.ends) == 1 && len(s.data) == 0 && n > 1 {
			s.blank++
			continue
		}
		s.row++
		if len(s.ends) != n {
			s.problem(CodeRagged, s.row, s.at, "", fmt.Sprintf("expected %d cells, found %d", n, len(s.ends)), "quote the cells that hold a separator, or remove lines that are not data")
			s.ends = resize(s.ends, n)
		}
		for _, e := range s.ends {
			spans = append(spans, len(buf)+e)
		}
		buf = append(buf, s.data...)
		c.Lines = append(c.Lines, s.at)
		c.Rows++
	}
	if c.Rows == 0 {
		return nil, s.end()
	}
	s.fill(c, string(buf), spans, n)
	return c, nil
}

// fill cuts the text of a chunk into cells: one string a chunk, so that a cell
// costs no memory of its own.
func (s *csvSource) fill(c *Chunk, text string, spans []int, n int) {
	all := make([]string, n*c.Rows)
	c.Text = make([][]string, n)
	for j := range n {
		c.Text[j] = all[j*c.Rows : (j+1)*c.Rows]
	}
	from := 0
	for i := range c.Rows {
		for j := range n {
			to := spans[i*n+j]
			c.Text[j][i] = text[from:to]
			from = to
		}
	}
}

// resize cuts or pads the cells of a ragged row, which is a problem already, so
// that the rest of the file is checked too.
func resize(ends []int, n int) []int {
	last := 0
	if len(ends) > 0 {
		last = ends[len(ends)-1]
	}
	for len(ends) < n {
		ends = append(ends, last)
	}
	ends = ends[:n]
	ends[n-1] = last
	return ends
}

func (s *csvSource) end() error {
	if s.blank > 0 && !s.notedBlank {
		s.notedBlank = true
		s.problems.add(Problem{
			Severity: SeverityNote, Code: CodeBlankLines, Table: s.table, File: s.file,
			Expected: fmt.Sprintf("%d empty lines were passed over", s.blank),
		})
	}
	return io.EOF
}

// OpenText returns an Open for Load that reads CSV texts by path, for cohorts
// that are made in memory.
func OpenText(files map[string]string) func(context.Context, string, Resource) (Source, error) {
	return func(_ context.Context, path string, r Resource) (Source, error) {
		text, ok := files[path]
		if !ok {
			return nil, fmt.Errorf("no text for %s", path)
		}
		return NewCSV(path, memoryFile{strings.NewReader(text)}, r)
	}
}

// memoryFile is a text that can be read like a file.
type memoryFile struct{ *strings.Reader }

// Close does nothing.
func (memoryFile) Close() error { return nil }
