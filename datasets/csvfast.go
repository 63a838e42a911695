package datasets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
	"slices"
	"sync"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// The fast way through delimited text. The file is cut at record ends into pieces
// that are read by several workers; a piece is cut into blocks that stay in the
// processor's cache, a block into cells, and the cells are read column by column
// by one tight loop a type. What a loop does not know at a glance goes through the
// columnBuilder, as every cell does on the slow way, so that both give the same
// columns, codes and problems. A file with anything odd in its structure (a blank
// line, a ragged row, a stray quote, a lone carriage return, bytes that are not
// UTF-8) is read again from its begin on the slow way, which tells what is wrong.

// pieceBytes is the size of a piece; blockBytes that of a block.
const (
	pieceBytes = 4 << 20
	blockBytes = 16 << 10
)

// errOdd means that a piece is not as plain as the fast way needs.
var errOdd = errors.New("not plain enough for the fast way")

// fastReader reads one file by pieces.
type fastReader struct {
	src     *csvSource
	specs   []*columnSpec
	at      []int // column of the file for each spec, -1 where it is absent
	piece   int
	workers int
}

// piece is what comes of one piece of a file.
type piece struct {
	rows    int
	lines   int // line breaks, those inside quotes too
	size    int64
	columns []builtColumn
	lineOf  []int32 // lines before each row, where some row has several; nil otherwise
}

// each hands the pieces of the file on in order. It returns how many bytes these
// took, and errOdd where what follows them needs the slow way. At most a few pieces
// for each worker are held at a time.
func (f *fastReader) each(ctx context.Context, hand func(*piece) error) (int64, error) {
	if _, err := f.src.seeker.Seek(f.src.read, io.SeekStart); err != nil {
		return 0, errOdd
	}
	type result struct {
		p   *piece
		err error
	}
	type job struct {
		text []byte
		done chan<- result
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan job)
	ahead := 2*f.workers + 1
	order := make(chan (<-chan result), ahead)
	free := make(chan []byte, ahead+f.workers+1)
	for range cap(free) {
		free <- nil
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range f.workers {
		wg.Go(func() {
			w := &fastWorker{f: f}
			for j := range jobs {
				p, err := w.piece(j.text)
				j.done <- result{p, err}
				free <- j.text[:0]
			}
		})
	}
	wg.Go(func() {
		defer close(order)
		defer close(jobs)
		err := f.cut(ctx, free, func(text []byte) error {
			done := make(chan result, 1)
			select {
			case order <- done:
			case <-ctx.Done():
				return ctx.Err()
			}
			jobs <- job{text, done} // a worker is never kept from taking it
			return nil
		})
		if err != nil {
			done := make(chan result, 1)
			done <- result{err: err}
			select {
			case order <- done:
			case <-ctx.Done():
			}
		}
	})
	read := int64(0)
	for next := range order {
		r := <-next
		if r.err == nil {
			r.err = ctx.Err()
		}
		if r.err != nil {
			return read, r.err
		}
		if err := hand(r.p); err != nil {
			return read, err
		}
		read += r.p.size
	}
	return read, ctx.Err()
}

// cut reads the file and hands it on in pieces that end with a record.
func (f *fastReader) cut(ctx context.Context, free <-chan []byte, hand func(text []byte) error) error {
	var rest []byte
	for {
		var buf []byte
		select {
		case buf = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		need := len(rest) + f.piece
		if cap(buf) < need {
			buf = make([]byte, 0, need+need/8+17)
		}
		buf = append(buf[:0], rest...)
		got, err := io.ReadFull(f.src.seeker, buf[len(buf):need])
		buf = buf[:len(buf)+got]
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return errOdd // the slow way tells of the disk's fault
		}
		if last {
			if len(buf) == 0 {
				return nil
			}
			return hand(buf)
		}
		end := lastRecordEnd(buf)
		if end == 0 {
			return errOdd // a record longer than a piece
		}
		rest = append(rest[:0], buf[end:]...)
		if err := hand(buf[:end]); err != nil {
			return err
		}
	}
}

// lastRecordEnd returns the position after the last line break outside quotes in
// text that begins with a record; 0 where there is none.
func lastRecordEnd(b []byte) int {
	open := bytes.Count(b, []byte{'"'}) % 2
	if open == 0 {
		if i := bytes.LastIndexByte(b, '\n'); i < 0 || bytes.IndexByte(b[i:], '"') < 0 {
			return i + 1
		}
	}
	for i := len(b) - 1; i >= 0; i-- {
		switch {
		case b[i] == '"':
			open ^= 1
		case b[i] == '\n' && open == 0:
			return i + 1
		}
	}
	return 0
}

// span is where a cell begins and ends in its block.
type span struct{ start, end uint32 }

// fastWorker turns pieces into columns. Its table of cells is used
// again from block to block.
type fastWorker struct {
	f     *fastReader
	cells []span
	masks []uint64
}

func (w *fastWorker) piece(text []byte) (*piece, error) {
	n := len(w.f.src.columns)
	if n < 2 || bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text) {
		return nil, errOdd
	}
	crlf := bytes.IndexByte(text, '\r') >= 0
	if crlf && bytes.Count(text, []byte{'\r'}) != bytes.Count(text, []byte("\r\n")) {
		return nil, errOdd
	}
	p := &piece{size: int64(len(text))}
	if text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	padded := append(text, make([]byte, 16)...) // a word may be read past the end of a cell
	text = padded[:len(text)]
	quoted := bytes.IndexByte(text, '"') >= 0
	guess := bytes.Count(text, []byte{'\n'})
	columns := make([]*fastColumn, len(w.f.specs))
	for j, spec := range w.f.specs {
		columns[j] = newFastColumn(spec, w.f.at[j], guess)
	}
	for from := 0; from < len(text); {
		var rows, size int
		var err error
		if quoted {
			rows, size, err = w.splitQuoted(text[from:], n, p)
		} else {
			rows, size, err = w.split(text[from:], n, crlf)
		}
		if err != nil {
			return nil, err
		}
		for _, c := range columns {
			c.block(padded, from, w.cells, n, rows, p.rows)
		}
		if p.lineOf == nil {
			p.lines += rows
		}
		p.rows += rows
		from += size
	}
	for _, c := range columns {
		p.columns = append(p.columns, c.finish(p.rows))
	}
	return p, nil
}

// split finds the cells of about blockBytes of text without quotes: of the
// separators and line breaks every n-th must be a line break, and no other.
func (w *fastWorker) split(text []byte, n int, crlf bool) (rows, size int, err error) {
	size = len(text)
	if size > blockBytes {
		size = bytes.LastIndexByte(text[:blockBytes], '\n') + 1
		if size == 0 {
			size = bytes.IndexByte(text, '\n') + 1
		}
	}
	if size > maxCell { // a record longer than a block: the slow way tells of cells that are too long
		return 0, 0, errOdd
	}
	b := text[:size]
	words := (size + 63) / 64
	if len(w.masks) < words {
		w.masks, w.cells = make([]uint64, words), make([]span, 64*words)
	}
	whole := size / 64
	separators(b[:64*whole], w.f.src.delim, w.masks)
	if whole < words {
		var tail [64]byte
		copy(tail[:], b[64*whole:])
		separators(tail[:], w.f.src.delim, w.masks[whole:])
	}
	k, start := 0, uint32(0)
	for i, m := range w.masks[:words] {
		for ; m != 0; m &= m - 1 {
			end := uint32(64*i + bits.TrailingZeros64(m))
			w.cells[k] = span{start, end}
			start = end + 1
			k++
		}
	}
	cells := w.cells[:k]
	rows = k / n
	if rows == 0 || rows*n != k || bytes.Count(b, []byte{'\n'}) != rows {
		return 0, 0, errOdd
	}
	for r := n - 1; r < k; r += n {
		c := &cells[r]
		if b[c.end] != '\n' {
			return 0, 0, errOdd
		}
		if crlf && c.end > c.start && b[c.end-1] == '\r' {
			c.end--
		}
	}
	return rows, size, nil
}

// unquote finds the end of a quoted cell that begins at start and the position
// after its closing quote. Doubled quotes are made one in place.
func unquote(text []byte, start int) (end, next int, err error) {
	to, from := start, start
	for {
		q := bytes.IndexByte(text[from:], '"')
		if q < 0 {
			return 0, 0, errOdd
		}
		if to != from {
			copy(text[to:], text[from:from+q])
		}
		to, from = to+q, from+q+1
		if from >= len(text) || text[from] != '"' {
			return to, from, nil
		}
		text[to] = '"'
		to, from = to+1, from+1
	}
}

// splitQuoted finds the cells of about blockBytes of text with quotes, one byte
// after the other.
func (w *fastWorker) splitQuoted(text []byte, n int, p *piece) (rows, size int, err error) {
	w.cells, w.masks = w.cells[:0], nil
	if p.lineOf == nil {
		p.lineOf = []int32{}
		p.lines = p.rows
	}
	i, cells := 0, 0
	for i < len(text) && (i < blockBytes || cells != 0) {
		if cells == 0 {
			p.lineOf = append(p.lineOf, int32(p.lines))
		}
		var start, end int
		if text[i] == '"' {
			start = i + 1
			if end, i, err = unquote(text, start); err != nil {
				return 0, 0, err
			}
			p.lines += bytes.Count(text[start:end], []byte{'\n'})
			if i+1 < len(text) && text[i] == '\r' && text[i+1] == '\n' {
				i++
			}
		} else {
			start = i
			for text[i] != w.f.src.delim && text[i] != '\n' {
				i++
			}
			end = i
			if text[i] == '\n' && end > start && text[end-1] == '\r' {
				end--
			}
		}
		if end-start > maxCell || i >= len(text) {
			return 0, 0, errOdd
		}
		w.cells = append(w.cells, span{uint32(start), uint32(end)})
		cells++
		switch c := text[i]; {
		case c == '\n' && cells == n:
			p.lines++
			rows++
			cells = 0
		case c != w.f.src.delim || cells >= n:
			return 0, 0, errOdd
		}
		i++
	}
	if cells != 0 {
		return 0, 0, errOdd
	}
	return rows, i, nil
}

// fastColumn is one column of a piece.
type fastColumn struct {
	*columnSpec
	at      int
	kind    fastKind
	rows    int // that the piece may have
	floats  []float64
	ints    []int64
	days    []int32
	codes   []int32
	levels  *texts
	recent  *[1 << recentBits]recentText
	slow    *columnBuilder
	valid   []byte // bitmap of cells that have a value; nil while all have
	nulls   int
	built   builtColumn
	low     float64 // range
	high    float64
	special []float64 // missing codes in it
}

type fastKind int

const (
	kindSlow fastKind = iota
	kindNumber
	kindInteger
	kindDate
	kindText
)

// recentText remembers the code of a text of up to 16 bytes by its bytes.
type recentText struct {
	low, high uint64
	size      int32 // 0 where nothing is remembered
	code      int32
}

const recentBits = 9

func newFastColumn(spec *columnSpec, at, rows int) *fastColumn {
	f := spec.field
	c := &fastColumn{columnSpec: spec, at: at, rows: rows, low: math.Inf(-1), high: math.Inf(1)}
	if lo := f.Constraints.Minimum; lo != nil {
		c.low = *lo
	}
	if hi := f.Constraints.Maximum; hi != nil {
		c.high = *hi
	}
	for _, v := range spec.numbers {
		if v >= c.low && v <= c.high {
			c.special = append(c.special, v)
		}
	}
	plain := f.DecimalChar != "," && f.GroupChar == ""
	switch {
	case f.Constraints.Required || at < 0:
	case f.Type == TypeNumber && plain:
		c.kind, c.floats = kindNumber, make([]float64, rows)
	case f.Type == TypeInteger && plain:
		c.kind, c.ints = kindInteger, make([]int64, rows)
	case f.Type == TypeDate && spec.layout == "2006-01-02" && !spec.codedDate():
		c.kind, c.days = kindDate, make([]int32, rows)
	case f.Type == TypeString && !spec.codedLevel():
		c.kind, c.codes, c.levels = kindText, make([]int32, rows), spec.newLevels()
		c.recent = new([1 << recentBits]recentText)
	}
	if c.kind == kindSlow {
		c.slow = newColumnBuilder(spec)
	}
	return c
}

// codedDate reports a missing code that looks like a date.
func (s *columnSpec) codedDate() bool {
	return slices.ContainsFunc(s.codes, func(m MissingValue) bool { _, ok := plainDate([]byte(m.Value)); return ok })
}

// codedLevel reports a missing code that is listed as a level too.
func (s *columnSpec) codedLevel() bool {
	return slices.ContainsFunc(s.codes, func(m MissingValue) bool { return slices.Contains(s.listed, m.Value) })
}

// block adds the rows of a block, which begins at from in text; row is the piece's
// row of its first.
func (c *fastColumn) block(text []byte, from int, cells []span, n, rows, row int) {
	cells = cells[c.first():]
	switch c.kind {
	case kindNumber:
		c.readNumbers(text, from, cells, n, c.floats[row:row+rows], row)
	case kindInteger:
		out := c.ints[row : row+rows]
		for k, r := 0, 0; r < len(out); k, r = k+n, r+1 {
			s, e := from+int(cells[k].start), from+int(cells[k].end)
			if s == e && c.blank {
				c.null(row + r)
				continue
			}
			v, ok := plainInteger(text[s:e])
			if !ok || float64(v) < c.low || float64(v) > c.high || slices.Contains(c.special, float64(v)) {
				v = slowly(c, text[s:e], row+r, c.builder().integer)
			}
			out[r] = v
		}
	case kindDate:
		out := c.days[row : row+rows]
		for k, r := 0, 0; r < len(out); k, r = k+n, r+1 {
			s, e := from+int(cells[k].start), from+int(cells[k].end)
			v, ok := plainDate(text[s:e])
			if !ok {
				if s == e && c.blank {
					c.null(row + r)
					continue
				}
				v = int32(slowly(c, text[s:e], row+r, c.builder().date))
			}
			out[r] = v
		}
	case kindText:
		c.readTexts(text, from, cells, n, c.codes[row:row+rows], row)
	default:
		for k, r := 0, 0; r < rows; k, r = k+n, r+1 {
			if c.at < 0 {
				c.slow.builder.AppendNull()
				continue
			}
			c.slow.text(string(text[from+int(cells[k].start) : from+int(cells[k].end)]))
		}
	}
}

// first returns the place of the column's first cell in a block.
func (c *fastColumn) first() int { return max(c.at, 0) }

// builder returns the careful parser of the column's cells.
func (c *fastColumn) builder() *columnBuilder {
	if c.slow == nil {
		c.slow = newColumnBuilder(c.columnSpec)
	}
	return c.slow
}

// readNumbers reads decimals. The eight bytes that end with a cell hold most of them:
// what stands before the cell is made zeros, the point is closed up, and three
// multiplications make eight digits a number, which a division by a power of ten
// rounds as strconv would.
func (c *fastColumn) readNumbers(text []byte, from int, cells []span, n int, out []float64, row int) {
	const zeros, points = '0' * ones, '.' * ones
	for k, r := 0, 0; r < len(out); k, r = k+n, r+1 {
		s, e := from+int(cells[k].start), from+int(cells[k].end)
		if s == e && c.blank {
			c.null(row + r)
			continue
		}
		var v float64
		ok := false
		if size := uint(e - s); size <= 8 && size > 0 && e >= 8 {
			w := binary.LittleEndian.Uint64(text[e-8:])
			negative := text[s] == '-'
			if negative {
				size--
			}
			w = w&^lowBytes[8-size] | zeros&lowBytes[8-size]
			point := uint(0)
			d := w ^ points
			if d = (d - ones) &^ d & highBits; d != 0 {
				p := uint(bits.TrailingZeros64(d)) >> 3 & 7
				point = 7 - p
				w = w&^lowBytes[p+1] | w&lowBytes[p]<<8 | '0'
				size--
			}
			w ^= zeros
			if (w|(w+0x0606060606060606))&0xF0F0F0F0F0F0F0F0 == 0 && size > 0 {
				w = w * 2561 >> 8 & 0x00FF00FF00FF00FF
				w = w * 6553601 >> 16 & 0x0000FFFF0000FFFF
				w = w * 42949672960001 >> 32
				v = float64(w) / powers[point]
				if negative {
					v = 0 - v // -0 becomes 0
				}
				ok = true
			}
		} else {
			v, ok = plainNumber(text[s:e])
		}
		if !ok || v < c.low || v > c.high || len(c.special) > 0 && slices.Contains(c.special, v) {
			v = slowly(c, text[s:e], row+r, c.builder().number)
		}
		out[r] = v
	}
}

// readTexts reads texts. One of up to 16 bytes is known again by two words, a longer
// one by its hash.
func (c *fastColumn) readTexts(text []byte, from int, cells []span, n int, out []int32, row int) {
	recent := c.recent
	for k, r := 0, 0; r < len(out); k, r = k+n, r+1 {
		s, e := from+int(cells[k].start), from+int(cells[k].end)
		size := e - s
		if size == 0 && c.blank {
			c.null(row + r)
			continue
		}
		if size > 16 || size == 0 {
			out[r] = c.text(text[s:e], row+r)
			continue
		}
		low, high := binary.LittleEndian.Uint64(text[s:]), uint64(0)
		if size <= 8 {
			low &= lowBytes[size]
		} else {
			high = binary.LittleEndian.Uint64(text[s+8:]) & lowBytes[size-8]
		}
		slot := &recent[(low^bits.RotateLeft64(high, 29))*0x9E3779B97F4A7C15>>(64-recentBits)]
		if slot.low != low || slot.high != high || slot.size != int32(size) {
			nulls, marked := c.nulls, c.built.invisible
			code := c.text(text[s:e], row+r)
			if c.nulls == nulls && c.built.invisible == marked {
				*slot = recentText{low, high, int32(size), code}
			}
			out[r] = code
			continue
		}
		out[r] = slot.code
	}
}

// lowBytes are the masks of the first bytes of a word.
var lowBytes = [9]uint64{0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1, 1<<64 - 1}

// text returns the code of a text.
func (c *fastColumn) text(cell []byte, row int) int32 {
	s := unsafe.String(unsafe.SliceData(cell), len(cell)) // the set of levels copies what it keeps
	code, _ := c.levels.find(s)
	if code >= 0 {
		return code
	}
	if c.missed(s, row) {
		return 0
	}
	code, marked, bad := c.code(s, c.levels)
	if marked {
		c.built.invisible++
	}
	if bad != nil {
		c.wrong(*bad, row)
		return 0
	}
	return code
}

// null notes a cell without a value.
func (c *fastColumn) null(row int) {
	if c.valid == nil {
		c.valid = bytes.Repeat([]byte{0xFF}, (c.rows+7)/8)
	}
	c.valid[row>>3] &^= 1 << (row & 7)
	c.nulls++
}

// because notes why a cell is missing.
func (c *fastColumn) because(row int, why byte) {
	if c.built.why == nil {
		c.built.why = make([]byte, c.rows)
	}
	c.built.why[row] = why
}

// missed reports whether the cell is a missing code, and notes it.
func (c *fastColumn) missed(s string, row int) bool {
	i, ok := c.missing[s]
	if !ok {
		return false
	}
	c.null(row)
	if s != "" {
		c.because(row, byte(i+1))
	}
	return true
}

// wrong notes a bad cell, which is missing.
func (c *fastColumn) wrong(bad badCell, row int) {
	c.built.bad = append(c.built.bad, badAt{row, bad})
	c.null(row)
	c.because(row, whySetAside)
}

// slowly reads a cell that is not plain by the column's careful parser.
func slowly[T any](c *fastColumn, cell []byte, row int, parse func(string) (T, *badCell)) T {
	var none T
	s := string(cell)
	if c.missed(s, row) {
		return none
	}
	v, bad := parse(s)
	if bad != nil {
		c.wrong(*bad, row)
		return none
	}
	return v
}

// finish makes the column of the piece.
func (c *fastColumn) finish(rows int) builtColumn {
	if c.kind == kindSlow {
		return c.slow.finish()
	}
	var valid *memory.Buffer
	if c.nulls > 0 {
		valid = memory.NewBufferBytes(c.valid)
	}
	var kind arrow.DataType
	var data []byte
	switch c.kind {
	case kindNumber:
		kind, data = arrow.PrimitiveTypes.Float64, arrow.Float64Traits.CastToBytes(c.floats[:rows])
	case kindInteger:
		kind, data = arrow.PrimitiveTypes.Int64, arrow.Int64Traits.CastToBytes(c.ints[:rows])
	case kindDate:
		kind, data = arrow.FixedWidthTypes.Date32, arrow.Int32Traits.CastToBytes(c.days[:rows])
	default:
		kind, data = arrow.PrimitiveTypes.Int32, arrow.Int32Traits.CastToBytes(c.codes[:rows])
	}
	out := c.built
	out.array = array.MakeFromData(array.NewData(kind, rows, []*memory.Buffer{valid, memory.NewBufferBytes(data)}, nil, c.nulls, 0))
	if c.levels != nil {
		out.array = array.NewDictionaryArray(arrowType(TypeString), out.array, c.levels.array())
	}
	if out.why != nil {
		out.why = out.why[:rows]
	}
	return out
}

// plainNumber reads a decimal of at most 15 digits, which a division by a power of
// ten gives exactly as strconv would; anything else is not plain.
func plainNumber(b []byte) (float64, bool) {
	i := 0
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		i = 1
	}
	if len(b) == i || len(b)-i > 16 {
		return 0, false
	}
	var m uint64
	point, digits := -1, len(b)-i
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			if b[i] != '.' || point >= 0 {
				return 0, false
			}
			point = len(b) - 1 - i
			digits--
			continue
		}
		m = m*10 + uint64(d)
	}
	if m >= 1<<53 || digits == 0 {
		return 0, false
	}
	v := float64(m)
	if point > 0 {
		v /= powers[point]
	}
	if negative {
		v = 0 - v // -0 becomes 0
	}
	return v, true
}

var powers = [17]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16}

// plainInteger reads a whole number of at most 15 digits.
func plainInteger(b []byte) (int64, bool) {
	i := 0
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		i = 1
	}
	if len(b) == i || len(b)-i > 15 {
		return 0, false
	}
	var m int64
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			return 0, false
		}
		m = m*10 + int64(d)
	}
	if negative {
		m = -m
	}
	return m, true
}

// plainDate reads a date written as 2006-01-02, from 1850 to 2200.
func plainDate(b []byte) (int32, bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	two := func(i int) int {
		hi, lo := int(b[i])-'0', int(b[i+1])-'0'
		if hi < 0 || hi > 9 || lo < 0 || lo > 9 {
			return math.MinInt16
		}
		return 10*hi + lo
	}
	year, month, day := 100*two(0)+two(2), two(5), two(8)
	if year < 1850 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 28 && day > monthDays(year, month) {
		return 0, false
	}
	// Days since 1970 by counting years from March (Howard Hinnant's algorithm).
	y, m := year, month
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	of := y - era*400
	dayOfYear := (153*(m-3)+2)/5 + day - 1
	return int32(era*146097 + of*365 + of/4 - of/100 + dayOfYear - 719468), true
}

func monthDays(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}
