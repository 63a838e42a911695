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
	"strings"
	"sync"
	"time"
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
	pieceBytes = 2 << 20
	blockBytes = 32 << 10
	readBytes  = 256 << 10 // what is read at a time
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
	stay    []bool // by spec: its cells stay in memory as they are
	slab    *slab  // what these are written to

	reading sync.Mutex // of the file, one piece after the other
	rest    []byte     // read, and belongs to the next piece
	ended   bool
	order   chan (<-chan fastResult)
}

type fastResult struct {
	p   *piece
	err error
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
// took, and errOdd where what follows them needs the slow way. Each worker holds one
// piece's text; at most a few pieces a worker wait to be handed on.
func (f *fastReader) each(ctx context.Context, hand func(*piece) error) (int64, error) {
	if _, err := f.src.seeker.Seek(f.src.read, io.SeekStart); err != nil {
		return 0, errOdd
	}
	f.order = make(chan (<-chan fastResult), 2*f.workers+1)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range f.workers {
		wg.Go(func() {
			w := &fastWorker{f: f}
			for {
				text, done, err := w.read(ctx)
				if done == nil {
					return
				}
				var p *piece
				if err == nil {
					p, err = w.piece(text)
				}
				done <- fastResult{p, err}
			}
		})
	}
	read := int64(0)
	for next := range f.order {
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

// before is how many bytes before a text can be read, after how many after it: a
// word may reach beyond a cell.
const before, after = 64, 64

// read reads the next piece, which ends with a record, takes its place in the order
// and returns where to put what comes of it: nil after the last.
func (w *fastWorker) read(ctx context.Context) ([]byte, chan<- fastResult, error) {
	f := w.f
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.ended {
		return nil, nil, nil
	}
	text, err := w.cut()
	f.ended = f.ended || err != nil
	var done chan fastResult
	if err != nil || len(text) > 0 {
		done = make(chan fastResult, 1)
		select {
		case f.order <- done:
		case <-ctx.Done():
			f.ended, done = true, nil
		}
	}
	if f.ended {
		close(f.order)
	}
	return text, done, err
}

// cut reads the next piece and leaves what follows its last record for the next one.
// It surveys the text as it comes, while that is in the processor's cache.
func (w *fastWorker) cut() ([]byte, error) {
	f := w.f
	need := len(f.rest) + f.piece
	if cap(w.buf) < before+need+after {
		w.buf = make([]byte, before+need+need/8+after)
	}
	text := w.buf[before : before+need]
	n := copy(text, f.rest)
	w.sight = sight{}
	w.survey(text[:n])
	for n < need && !f.ended {
		got, err := io.ReadFull(f.src.seeker, text[n:min(need, n+readBytes)])
		w.survey(text[n : n+got])
		n += got
		f.ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !f.ended {
			return nil, errOdd // the slow way tells of the disk's fault
		}
	}
	text, f.rest = text[:n], f.rest[:0]
	if f.ended {
		return text, nil
	}
	end := lastRecordEnd(text, w.quotes%2 == 1)
	if end == 0 {
		return nil, errOdd // a record longer than a piece
	}
	f.rest = append(f.rest, text[end:]...)
	return text[:end], nil
}

// lastRecordEnd returns the position after the last line break outside quotes in
// text that begins with a record; 0 where there is none. Open says that the text
// ends inside quotes.
func lastRecordEnd(b []byte, open bool) int {
	if !open {
		if i := bytes.LastIndexByte(b, '\n'); i < 0 || bytes.IndexByte(b[i:], '"') < 0 {
			return i + 1
		}
	}
	for i := len(b) - 1; i >= 0; i-- {
		switch {
		case b[i] == '"':
			open = !open
		case b[i] == '\n' && !open:
			return i + 1
		}
	}
	return 0
}

// places are where the cells of a column are in a block: cell r begins at
// ends[r*stride] and ends before the byte before ends[r*stride+1].
type places struct {
	ends   []uint32
	stride int
}

func (c places) at(r int) (start, end int) {
	k := r * c.stride
	return int(c.ends[k]), int(c.ends[k+1]) - 1
}

// fastWorker turns pieces into columns. Its memory is used again from block to block
// and piece to piece.
type fastWorker struct {
	f   *fastReader
	buf []byte
	sight
	ends    []uint32 // of a block's cells, row by row, each with the separator after it; the first is 0
	last    []uint32 // of the last column, where carriage returns end it
	pairs   []uint32 // begin and end of a block's cells, where there are quotes; none without
	scratch fastScratch
	texts   []*fastTexts // by spec
}

func (w *fastWorker) piece(text []byte) (*piece, error) {
	n := len(w.f.src.columns)
	if n < 2 || w.seen&sawZero != 0 || w.seen&sawHigh != 0 && !utf8.Valid(text) {
		return nil, errOdd
	}
	crlf := w.seen&sawReturn != 0
	if crlf && bytes.Count(text, []byte{'\r'}) != bytes.Count(text, []byte("\r\n")) {
		return nil, errOdd
	}
	p := &piece{size: int64(len(text))}
	rows := w.lines // at most
	if text[len(text)-1] != '\n' {
		text = append(text, '\n') // there is room for it
		rows++
	}
	quoted := w.quotes > 0
	columns := make([]*fastColumn, len(w.f.specs))
	for j, spec := range w.f.specs {
		columns[j] = w.column(spec, j, rows)
	}
	for from := 0; from < len(text); {
		var rows, size int
		var err error
		w.last, w.pairs = w.last[:0], w.pairs[:0]
		if quoted {
			rows, size, err = w.splitQuoted(text[from:], n, p)
		} else {
			rows, size, err = w.split(text[from:], n, crlf)
		}
		if err != nil {
			return nil, err
		}
		w.scratch.reserve(rows)
		for _, c := range columns {
			c.block(text[from:], w.cells(c.first(), n), rows, p.rows)
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

// cells returns the cells of a column of the block.
func (w *fastWorker) cells(column, n int) places {
	switch {
	case len(w.pairs) > 0:
		return places{w.pairs[2*column:], 2 * n}
	case column == n-1 && len(w.last) > 0:
		return places{w.last, 2}
	}
	return places{w.ends[column:], n}
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
	if most := size + 1 + endsAfter; len(w.ends) < most {
		w.ends = make([]uint32, most)
	}
	w.ends[0] = 0
	found := separators(b, w.f.src.delim, w.ends[1:])
	rows = bytes.Count(b, []byte{'\n'})
	if rows*n != found {
		return 0, 0, errOdd
	}
	for k := n; k <= found; k += n {
		if b[w.ends[k]-1] != '\n' {
			return 0, 0, errOdd
		}
		if crlf {
			start, end := w.ends[k-1], w.ends[k]
			if end-1 > start && b[end-2] == '\r' {
				end--
			}
			w.last = append(w.last, start, end)
		}
	}
	return rows, size, nil
}

// index returns where in text, from i on, the first byte is that two words are full of;
// as much as the length of text or more where there is none. Seven bytes after it can be
// read.
func index(text []byte, i int, a, b uint64) int {
	begin := unsafe.Pointer(unsafe.SliceData(text))
	for ; i < len(text); i += 8 {
		w := binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(begin, i))[:])
		x, y := w^a, w^b
		// The lowest high bit is that of the lowest byte which is zero.
		if m := ((x-ones)&^x | (y-ones)&^y) & highBits; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	return i
}

// unquote returns where a quoted cell ends whose text begins at from, and the position
// after its closing quote. Doubled quotes are made one, in place; quotes fill the room.
func unquote(text []byte, from int) (end, next int, err error) {
	const quotes = '"' * ones
	to := from
	for {
		q := index(text, from, quotes, quotes)
		if q >= len(text) {
			return 0, 0, errOdd
		}
		if to != from {
			copy(text[to:], text[from:q])
		}
		to, from = to+q-from, q+1
		if from >= len(text) || text[from] != '"' {
			for i := to; i < q; i++ {
				text[i] = '"'
			}
			return to, from, nil
		}
		text[to] = '"'
		to, from = to+1, from+1
	}
}

// splitQuoted finds the cells of about blockBytes of text with quotes, one after the
// other.
func (w *fastWorker) splitQuoted(text []byte, n int, p *piece) (rows, size int, err error) {
	if p.lineOf == nil {
		p.lineOf = []int32{}
		p.lines = p.rows
	}
	delims, newlines := uint64(w.f.src.delim)*ones, uint64('\n')*ones
	i, cells, row := 0, 0, 0
	for i < len(text) && (i < blockBytes || cells != 0) {
		if cells == 0 {
			p.lineOf = append(p.lineOf, int32(p.lines))
			row = i
		}
		start, end := i, 0
		if text[i] == '"' {
			start++
			if end, i, err = unquote(text, start); err != nil {
				return 0, 0, err
			}
			if i+1 < len(text) && text[i] == '\r' && text[i+1] == '\n' {
				i++
			}
		} else {
			i = index(text, i, delims, newlines)
			if end = i; i < len(text) && text[i] == '\n' && end > start && text[end-1] == '\r' {
				end--
			}
		}
		if end-start > maxCell || i >= len(text) {
			return 0, 0, errOdd
		}
		w.pairs = append(w.pairs, uint32(start), uint32(end+1))
		cells++
		switch c := text[i]; {
		case c == '\n' && cells == n:
			p.lines += bytes.Count(text[row:i+1], []byte{'\n'})
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
	*fastScratch
	at      int
	kind    fastKind
	rows    int // that the piece may have
	memory  func(size int) []byte
	floats  []float64
	ints    []int64
	days    []int32
	codes   []int32
	levels  *texts
	recent  *recentTexts
	slow    *columnBuilder
	valid   []byte // bitmap of cells that have a value; nil while all have
	nulls   int
	built   builtColumn
	low     float64 // range
	high    float64
	special []float64 // missing codes in it
	written *decimals
	dates   dateOrder
	blank   bool // an empty cell is missing, and may be
}

// fastTexts is what a worker knows of a text column in a piece.
type fastTexts struct {
	levels *texts
	recent recentTexts
}

// fastScratch is what columns need for a block only.
type fastScratch struct {
	words      []uint64 // a cell each
	sizes      []uint32
	values     []float64
	empty, odd []uint64 // a bit each
}

// reserve makes room for so many cells.
func (s *fastScratch) reserve(rows int) {
	if rows > len(s.words) {
		n := (2*rows + 63) &^ 63
		s.words, s.sizes, s.values = make([]uint64, n), make([]uint32, n), make([]float64, n)
		s.empty, s.odd = make([]uint64, n/64), make([]uint64, n/64)
	}
}

type fastKind int

const (
	kindSlow fastKind = iota
	kindNumber
	kindInteger
	kindDate
	kindText
)

// recentText remembers the code of a text of up to 16 bytes by its first and last
// eight bytes and its size.
type recentText struct {
	first, last uint64
	size        int32 // 0 where nothing is remembered
	code        int32
}

const recentBits = 10

type recentTexts [1 << recentBits]recentText

// column begins a column of a piece that may have so many rows.
func (w *fastWorker) column(spec *columnSpec, j, rows int) *fastColumn {
	f := spec.field
	c := &fastColumn{columnSpec: spec, fastScratch: &w.scratch, at: w.f.at[j], rows: rows, low: math.Inf(-1), high: math.Inf(1)}
	c.memory = func(size int) []byte { return make([]byte, size) }
	if w.f.stay[j] {
		c.memory = w.f.slab.bytes
	}
	if lo := f.Constraints.Minimum; lo != nil {
		c.low = *lo
	}
	if hi := f.Constraints.Maximum; hi != nil {
		c.high = *hi
	}
	if c.written = &withPoint; f.DecimalChar == "," {
		c.written = &withComma
	}
	for _, m := range spec.codes {
		if v, err := parseNumber(m.Value, f.DecimalChar, ""); err == nil && v >= c.low && v <= c.high {
			c.special = append(c.special, v)
		}
	}
	c.blank = spec.blank && !f.Constraints.Required
	switch dates, known := orderOf(spec.layout); {
	case c.at < 0:
	case f.Type == TypeNumber && f.GroupChar == "":
		c.kind, c.floats = kindNumber, arrow.Float64Traits.CastFromBytes(c.memory(8*rows))
	case f.Type == TypeInteger && f.GroupChar == "":
		c.kind, c.ints = kindInteger, arrow.Int64Traits.CastFromBytes(c.memory(8*rows))
	case f.Type == TypeDate && known && !spec.codedDate(dates):
		c.kind, c.dates, c.days = kindDate, dates, arrow.Int32Traits.CastFromBytes(c.memory(4*rows))
	case f.Type == TypeString && !spec.codedLevel():
		c.kind, c.codes = kindText, arrow.Int32Traits.CastFromBytes(c.memory(4*rows))
		if w.texts == nil {
			w.texts = make([]*fastTexts, len(w.f.specs))
		}
		if last := w.texts[j]; last == nil {
			w.texts[j] = &fastTexts{levels: spec.newLevels()}
		} else {
			last.levels = spec.list(newTextsLike(last.levels))
			clear(last.recent[:])
		}
		c.levels, c.recent = w.texts[j].levels, &w.texts[j].recent
	}
	if c.kind == kindSlow {
		c.slow = newColumnBuilder(spec)
	}
	return c
}

// codedDate reports a missing code that looks like a date.
func (s *columnSpec) codedDate(dates dateOrder) bool {
	return slices.ContainsFunc(s.codes, func(m MissingValue) bool { _, ok := dates.plain([]byte(m.Value)); return ok })
}

// codedLevel reports a missing code that is listed as a level too.
func (s *columnSpec) codedLevel() bool {
	return slices.ContainsFunc(s.codes, func(m MissingValue) bool { return slices.Contains(s.listed, m.Value) })
}

// block adds the rows of a block by their cells in text; row is the piece's row of
// its first.
func (c *fastColumn) block(text []byte, cells places, rows, row int) {
	switch c.kind {
	case kindNumber:
		c.readNumbers(text, cells, c.floats[row:row+rows], row)
	case kindInteger:
		c.readIntegers(text, cells, c.ints[row:row+rows], row)
	case kindDate:
		out := c.days[row : row+rows]
		n := 0
		if c.dates.iso {
			n = c.manyDates(text, cells, out)
		}
		settle(c, out, n, row, func(r int) int32 {
			s, e := cells.at(r)
			if v, ok := c.dates.plain(text[s:e]); ok {
				return v
			}
			if s == e && c.blank {
				c.null(row + r)
				return 0
			}
			return int32(slowly(c, text[s:e], row+r, c.builder().date))
		})
	case kindText:
		c.readTexts(text, cells, c.codes[row:row+rows], row)
	default:
		for r := range rows {
			if c.at < 0 {
				c.slow.builder.AppendNull()
				continue
			}
			s, e := cells.at(r)
			c.slow.text(string(text[s:e]))
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

// readNumbers reads decimals, many at a time where the processor can. A missing one
// is 0.
func (c *fastColumn) readNumbers(text []byte, cells places, out []float64, row int) {
	n := c.manyNumbers(text, cells, out, c.low, c.high, c.written, c.special)
	settle(c, out, n, row, func(r int) float64 { return c.number(text, cells, r, row) })
}

// settle notes which of the first n cells of a block are empty, and reads those that are
// not plain, and the rest, one by one.
func settle[T any](c *fastColumn, out []T, n, row int, one func(r int) T) {
	for r := 0; r < n; r += 64 {
		empty, odd := c.empty[r/64], c.odd[r/64]
		if !c.blank {
			empty, odd = 0, odd|empty
		}
		c.nulled(row+r, empty)
		for ; odd != 0; odd &= odd - 1 {
			k := r + bits.TrailingZeros64(odd)
			out[k] = one(k)
		}
	}
	for r := n; r < len(out); r++ {
		out[r] = one(r)
	}
}

// number reads one cell of a block, which begins at row, as a decimal; one of a column of whole numbers may have a
// fraction yet.
func (c *fastColumn) number(text []byte, cells places, r, row int) float64 {
	s, e := cells.at(r)
	cell := text[s:e]
	row += r
	if len(cell) == 0 && c.blank {
		c.null(row)
		return 0
	}
	v, ok := shortNumber(text, s, e, c.written.mark)
	if !ok {
		v, ok = plainNumber(cell, c.written.mark)
	}
	switch {
	case ok && v >= c.low && v <= c.high && !slices.Contains(c.special, v):
		return v
	case c.kind == kindInteger:
		return float64(slowly(c, cell, row, c.builder().integer))
	}
	return slowly(c, cell, row, c.builder().number)
}

// readIntegers reads whole numbers, of at most 2^53, as decimals without a fraction.
func (c *fastColumn) readIntegers(text []byte, cells places, out []int64, row int) {
	values := c.values[:len(out)]
	c.readNumbers(text, cells, values, row)
	for r, v := range values {
		out[r] = int64(v)
		if float64(out[r]) != v {
			s, e := cells.at(r)
			out[r] = slowly(c, text[s:e], row+r, c.builder().integer)
		}
	}
}

// shortNumber reads a decimal of up to eight bytes. What stands before the cell in
// the eight bytes that end with it is made zeros, the point is closed up, and three
// multiplications make eight digits a number, which a division by a power of ten
// rounds as strconv would.
func shortNumber(text []byte, s, e int, mark byte) (float64, bool) {
	const zeros = '0' * ones
	size := uint(e - s)
	if size > 8 || size == 0 || e < 8 {
		return 0, false
	}
	w := binary.LittleEndian.Uint64(text[e-8:])
	negative := text[s] == '-'
	if negative {
		size--
	}
	w = w&^lowBytes[8-size] | zeros&lowBytes[8-size]
	point := uint(0)
	d := w ^ uint64(mark)*ones
	if d = (d - ones) &^ d & highBits; d != 0 {
		p := uint(bits.TrailingZeros64(d)) >> 3 & 7
		point = 7 - p
		w = w&^lowBytes[p+1] | w&lowBytes[p]<<8 | '0'
		size--
	}
	w ^= zeros
	if (w|(w+0x0606060606060606))&0xF0F0F0F0F0F0F0F0 != 0 || size == 0 {
		return 0, false
	}
	w = w * 2561 >> 8 & 0x00FF00FF00FF00FF
	w = w * 6553601 >> 16 & 0x0000FFFF0000FFFF
	w = w * 42949672960001 >> 32
	v := float64(w) / powers[point]
	if negative {
		v = 0 - v // -0 becomes 0
	}
	return v, true
}

// readTexts reads texts. One of up to 16 bytes is known again by two words, a longer
// one by its hash.
func (c *fastColumn) readTexts(text []byte, cells places, out []int32, row int) {
	for r := 0; ; r++ {
		r = c.recent.known(text, cells, out, r)
		if r == len(out) {
			return
		}
		s, e := cells.at(r)
		cell := text[s:e]
		if len(cell) == 0 && c.blank {
			c.null(row + r)
			continue
		}
		nulls, marked := c.nulls, c.built.invisible
		out[r] = c.text(cell, row+r)
		if c.nulls == nulls && c.built.invisible == marked && len(cell) <= 16 && len(cell) > 0 {
			first, last := ends(text, s, e)
			*c.recent.slot(first, last) = recentText{first, last, int32(len(cell)), out[r]}
		}
	}
}

// ends returns the first and last eight bytes of a text of up to 16, or all of them.
func ends(text []byte, s, e int) (first, last uint64) {
	begin := unsafe.Pointer(unsafe.SliceData(text))
	first = binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(begin, s))[:])
	last = binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(begin, e-8))[:])
	size := (e - s) & 31
	return first & firstBytes[size], last & lastBytes[size]
}

func (t *recentTexts) slot(first, last uint64) *recentText {
	return &t[(first^bits.RotateLeft64(last, 29))*0x9E3779B97F4A7C15>>(64-recentBits)]
}

// known gives texts from r on their codes. It returns the place of the first that is
// not known.
func (t *recentTexts) known(text []byte, cells places, out []int32, r int) int {
	at := r * cells.stride
	for ; r < len(out); r++ {
		s, e := int(cells.ends[at]), int(cells.ends[at+1])-1
		at += cells.stride
		size := e - s
		if uint(size-1) > 15 {
			break
		}
		first, last := ends(text, s, e)
		slot := t.slot(first, last)
		if slot.first != first || slot.last != last || slot.size != int32(size) {
			break
		}
		out[r] = slot.code
	}
	return r
}

// lowBytes are the masks of the first bytes of a word. FirstBytes and lastBytes are
// those of the first and last eight bytes of a text, or all of them, by its size.
var (
	lowBytes              = [9]uint64{0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1, 1<<64 - 1}
	firstBytes, lastBytes = func() (first, last [32]uint64) {
		for i := range first {
			n := min(i, 8)
			first[i], last[i] = lowBytes[n], ^lowBytes[8-n]
		}
		return first, last
	}()
)

// text returns the code of a text.
func (c *fastColumn) text(cell []byte, row int) int32 {
	s := unsafe.String(unsafe.SliceData(cell), len(cell)) // the set of levels copies what it keeps
	code, sum := c.levels.find(s)
	if code >= 0 {
		return code
	}
	if c.missed(s, row) {
		return 0
	}
	code, marked, bad := c.newCode(s, sum, c.levels)
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
		c.allValid()
	}
	c.valid[row>>3] &^= 1 << (row & 7)
	c.nulls++
}

func (c *fastColumn) allValid() {
	c.valid = c.memory((c.rows+7)/8 + 9) // a row's bit may be written with 64 after it
	for i := range c.valid {
		c.valid[i] = 0xFF
	}
}

// nulled notes which of 64 cells, by bits, are without a value.
func (c *fastColumn) nulled(row int, empty uint64) {
	if empty == 0 {
		return
	}
	if c.valid == nil {
		c.allValid()
	}
	at := c.valid[row>>3:]
	binary.LittleEndian.PutUint64(at, binary.LittleEndian.Uint64(at)&^(empty<<(row&7)))
	at[8] &^= byte(empty >> (64 - row&7))
	c.nulls += bits.OnesCount64(empty)
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
	if c.field.Constraints.Required {
		c.built.bad = append(c.built.bad, badAt{row, requiredCell})
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
func plainNumber(b []byte, mark byte) (float64, bool) {
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
			if b[i] != mark || point >= 0 {
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

// decimals are what the loops in assembly must know of how numbers are written.
type decimals struct {
	powers [8]float64
	marks  [4]uint64 // decimal marks less zeros
	mark   byte
}

var withPoint, withComma = writtenWith('.'), writtenWith(',')

func writtenWith(mark byte) decimals {
	d := decimals{powers: [8]float64(powers[:8]), mark: mark}
	for i := range d.marks {
		d.marks[i] = uint64(mark^'0') * ones
	}
	return d
}

var powers = [17]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16}

// dateOrder is where the year, month and day, and two marks, are in a date of ten bytes.
type dateOrder struct {
	iso              bool // 2006-01-02
	year, month, day int
	marks            [2]int
	first, second    byte
}

// orderOf returns the order of a layout of such dates.
func orderOf(layout string) (o dateOrder, ok bool) {
	o.iso = layout == "2006-01-02"
	o.year, o.month, o.day = strings.Index(layout, "2006"), strings.Index(layout, "01"), strings.Index(layout, "02")
	if len(layout) != 10 || o.year < 0 || o.month < 0 || o.day < 0 {
		return o, false
	}
	o.marks = [2]int{strings.IndexAny(layout, "-./"), strings.LastIndexAny(layout, "-./")}
	if o.marks[0] == o.marks[1] {
		return o, false
	}
	o.first, o.second = layout[o.marks[0]], layout[o.marks[1]]
	return o, true
}

// plain reads a date of the order.
func (o dateOrder) plain(b []byte) (int32, bool) {
	if o.iso {
		return plainDate(b)
	}
	if len(b) != 10 || b[o.marks[0]] != o.first || b[o.marks[1]] != o.second {
		return 0, false
	}
	y, m, d := b[o.year:o.year+4], b[o.month:o.month+2], b[o.day:o.day+2]
	return plainDate([]byte{y[0], y[1], y[2], y[3], '-', m[0], m[1], '-', d[0], d[1]})
}

// plainDate reads a date written as 2006-01-02, from 1850 to 2200.
func plainDate(b []byte) (int32, bool) {
	if len(b) != 10 {
		return 0, false
	}
	// The digits of 2006-01- and of 02 as bytes, the year's first in the low one.
	const zeros, dashes = 0x0030_3000_3030_3030 | '-'<<32 | '-'<<56, uint64(0xFF0000FF) << 32
	w := binary.LittleEndian.Uint64(b) ^ zeros
	d := (uint(b[8])-'0')*10 + uint(b[9]) - '0'
	if w&dashes != 0 || (w|(w+0x7676767676767676))&highBits != 0 || b[9]-'0' > 9 {
		return 0, false
	}
	pairs := (w*10 + w>>8) & 0x00FF00FF // of the year's digits
	year := uint(pairs*100+pairs>>16) & 0xFFFF
	month := uint(w>>40&15)*10 + uint(w>>48&15)
	at := (year-firstYear)*12 + month - 1
	if month-1 > 11 || at >= uint(len(monthStarts)-1) {
		return 0, false
	}
	day := monthStarts[at] + int32(d) - 1
	if d-1 > 30 || day >= monthStarts[at+1] {
		return 0, false
	}
	return day, true
}

// monthStarts are the days since 1970 of the first of each month from firstYear to
// lastYear, and of the month after.
var monthStarts = func() []int32 {
	var out []int32
	for m := range (lastYear-firstYear+1)*12 + 1 {
		out = append(out, int32(time.Date(firstYear, time.Month(1+m), 1, 0, 0, 0, 0, time.UTC).Unix()/86_400))
	}
	return out
}()

const firstYear, lastYear = 1850, 2200
