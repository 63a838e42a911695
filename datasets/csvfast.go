package datasets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
	"runtime"
	"sync"
	"unicode/utf8"

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
	blockBytes = 32 << 10
)

// errOdd means that a piece is not as plain as the fast way needs.
var errOdd = errors.New("not plain enough for the fast way")

// fastReader reads one file by pieces.
type fastReader struct {
	src     *csvSource
	fields  []Field
	missing []MissingValue
	at      []int // column of the file for each field, -1 where it is absent
	piece   int
	workers int
}

// piece is what comes of one piece of a file.
type piece struct {
	rows    int
	lines   int // line breaks, those inside quotes too
	columns []*fastColumn
	lineOf  []int32 // lines before each row, where some row has several; nil otherwise
}

// read returns the pieces of the file in order, or errOdd.
func (f *fastReader) read(ctx context.Context, progress func(rows int)) ([]*piece, error) {
	if _, err := f.src.seeker.Seek(f.src.read, io.SeekStart); err != nil {
		return nil, errOdd
	}
	type job struct {
		n    int
		text []byte
	}
	jobs := make(chan job)
	free := make(chan []byte, 2*f.workers+1)
	for range cap(free) {
		free <- nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var out []*piece
	var wg sync.WaitGroup
	rows := 0
	for range f.workers {
		wg.Go(func() {
			w := &fastWorker{f: f}
			for j := range jobs {
				p, err := w.piece(j.text)
				free <- j.text[:0]
				mu.Lock()
				for len(out) <= j.n {
					out = append(out, nil)
				}
				out[j.n] = p
				if err == nil {
					rows += p.rows
					if progress != nil {
						progress(rows)
					}
				}
				mu.Unlock()
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	err := f.cut(ctx, free, func(n int, text []byte) error {
		select {
		case jobs <- job{n, text}:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	close(jobs)
	wg.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return out, err
}

// cut reads the file and hands it on in pieces that end with a record.
func (f *fastReader) cut(ctx context.Context, free <-chan []byte, hand func(n int, text []byte) error) error {
	var rest []byte
	for n := 0; ; n++ {
		var buf []byte
		select {
		case buf = <-free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		need := len(rest) + f.piece
		if cap(buf) < need {
			buf = make([]byte, 0, need+need/8)
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
			return hand(n, buf)
		}
		end := lastRecordEnd(buf)
		if end == 0 {
			return errOdd // a record longer than a piece
		}
		rest = append(rest[:0], buf[end:]...)
		if err := hand(n, buf[:end]); err != nil {
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

// fastWorker turns pieces into columns. Its tables of starts and ends are used
// again from block to block.
type fastWorker struct {
	f            *fastReader
	starts, ends []uint32
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
	if text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	quoted := bytes.IndexByte(text, '"') >= 0
	p := &piece{}
	guess := bytes.Count(text, []byte{'\n'})
	for j, field := range w.f.fields {
		p.columns = append(p.columns, newFastColumn(field, w.f.missing, w.f.at[j], guess))
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
		block := text[from : from+size]
		for _, c := range p.columns {
			c.block(block, w.starts, w.ends, n, rows, p.rows)
		}
		if p.lineOf == nil {
			p.lines += rows
		}
		p.rows += rows
		from += size
	}
	for _, c := range p.columns {
		c.finish(p.rows)
	}
	return p, nil
}

const (
	lowBits  = 0x7f7f7f7f7f7f7f7f
	ones     = 0x0101010101010101
	highBits = 0x8080808080808080
)

// split finds the cells of about blockBytes of text without quotes. It looks at
// eight bytes at a time for separators and line breaks, and then holds that every
// n-th is a line break and no other is.
func (w *fastWorker) split(text []byte, n int, crlf bool) (rows, size int, err error) {
	size = len(text)
	if size > blockBytes {
		size = bytes.LastIndexByte(text[:blockBytes], '\n') + 1
		if size == 0 {
			size = bytes.IndexByte(text, '\n') + 1
		}
	}
	b := text[:size]
	if cap(w.ends) < size+8 {
		w.ends, w.starts = make([]uint32, size+8), make([]uint32, size+8)
	}
	ends, k := w.ends[:size+8], 0
	delim, newline := uint64(w.f.src.delim)*ones, uint64('\n')*ones
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		// The high bit of a byte is set exactly where the byte is zero, here: equal.
		d, l := x^delim, x^newline
		d = ^((d&lowBits + lowBits) | d | lowBits)
		l = ^((l&lowBits + lowBits) | l | lowBits)
		for m := d | l; m != 0; m &= m - 1 {
			ends[k] = uint32(i + bits.TrailingZeros64(m)>>3)
			k++
		}
	}
	for ; i < len(b); i++ {
		if b[i] == w.f.src.delim || b[i] == '\n' {
			ends[k] = uint32(i)
			k++
		}
	}
	rows = k / n
	if rows == 0 || rows*n != k || bytes.Count(b, []byte{'\n'}) != rows {
		return 0, 0, errOdd
	}
	starts := w.starts[:k]
	starts[0] = 0
	for i := 1; i < k; i++ {
		starts[i] = ends[i-1] + 1
	}
	for r := n - 1; r < k; r += n {
		if b[ends[r]] != '\n' {
			return 0, 0, errOdd
		}
		if crlf && ends[r] > starts[r] && b[ends[r]-1] == '\r' {
			ends[r]--
		}
	}
	if size > maxCell { // a record longer than a block: the slow way tells of cells that are too long
		return 0, 0, errOdd
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
	w.starts, w.ends = w.starts[:0], w.ends[:0]
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
		w.starts, w.ends = append(w.starts, uint32(start)), append(w.ends, uint32(end))
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
	at     int
	b      *columnBuilder
	kind   fastKind
	floats []float64
	ints   []int64
	days   []int32
	codes  []int32
	nulls  []int32 // rows without a value
	texts  map[string]textCode
	recent [256]recentText
	coded  []float64 // missing codes that look like numbers
	dated  bool      // some missing code looks like a date
	low    float64   // range
	high   float64
	bad    []badAt
	out    arrow.Array
}

type fastKind int

const (
	kindSlow fastKind = iota
	kindNumber
	kindInteger
	kindDate
	kindText
)

// textCode is what comes of a text: its code, or why it has none.
type textCode struct {
	code   int32 // -1 for missing
	reason int   // index of the missing code
	marked bool
	bad    *badCell
}

// recentText remembers texts of up to 16 bytes by their bytes.
type recentText struct {
	low, high uint64
	size      int
	textCode
}

type badAt struct {
	row int
	badCell
}

func newFastColumn(f Field, missing []MissingValue, at, guess int) *fastColumn {
	c := &fastColumn{at: at, b: newColumnBuilder(f, missing), low: math.Inf(-1), high: math.Inf(1)}
	if lo := f.Constraints.Minimum; lo != nil {
		c.low = *lo
	}
	if hi := f.Constraints.Maximum; hi != nil {
		c.high = *hi
	}
	for _, m := range c.b.reasons {
		if v, err := parseNumber(m.Code, ".", ""); err == nil {
			c.coded = append(c.coded, v)
		}
		if _, ok := plainDate([]byte(m.Code)); ok {
			c.dated = true
		}
	}
	plain := f.DecimalChar != "," && f.GroupChar == ""
	switch {
	case f.Constraints.Required || at < 0:
	case f.Type == TypeNumber && plain:
		c.kind, c.floats = kindNumber, make([]float64, 0, guess)
	case f.Type == TypeInteger && plain:
		c.kind, c.ints = kindInteger, make([]int64, 0, guess)
	case f.Type == TypeDate && c.b.layout == "2006-01-02":
		c.kind, c.days = kindDate, make([]int32, 0, guess)
	case f.Type == TypeString:
		c.kind, c.codes, c.texts = kindText, make([]int32, 0, guess), map[string]textCode{}
		for i := range c.recent {
			c.recent[i].size = -1
		}
	}
	return c
}

// block appends the rows of a block; row is the piece's row of its first.
func (c *fastColumn) block(text []byte, starts, ends []uint32, n, rows, row int) {
	switch c.kind {
	case kindNumber:
		for k, r := c.at, 0; r < rows; k, r = k+n, r+1 {
			s, e := starts[k], ends[k]
			v, ok := plainNumber(text[s:e])
			if !ok || c.special(v) {
				v = slowly(c, string(text[s:e]), row+r, c.b.number)
			}
			c.floats = append(c.floats, v)
		}
	case kindInteger:
		for k, r := c.at, 0; r < rows; k, r = k+n, r+1 {
			s, e := starts[k], ends[k]
			v, ok := plainInteger(text[s:e])
			if !ok || c.special(float64(v)) {
				v = slowly(c, string(text[s:e]), row+r, c.b.integer)
			}
			c.ints = append(c.ints, v)
		}
	case kindDate:
		for k, r := c.at, 0; r < rows; k, r = k+n, r+1 {
			s, e := starts[k], ends[k]
			v, ok := plainDate(text[s:e])
			if !ok || c.dated {
				v = int32(slowly(c, string(text[s:e]), row+r, c.b.date))
			}
			c.days = append(c.days, v)
		}
	case kindText:
		for k, r := c.at, 0; r < rows; k, r = k+n, r+1 {
			c.codes = append(c.codes, c.text(text, int(starts[k]), int(ends[k]), row+r))
		}
	default:
		for k, r := c.at, 0; r < rows; k, r = k+n, r+1 {
			if c.at < 0 {
				c.b.builder.AppendNull()
				continue
			}
			if bad := c.b.text(string(text[starts[k]:ends[k]])); bad != nil {
				c.bad = append(c.bad, badAt{row + r, *bad})
			}
		}
	}
}

// special reports a number that needs a closer look: out of range, or equal to a
// missing code.
func (c *fastColumn) special(v float64) bool {
	if v < c.low || v > c.high {
		return true
	}
	for _, code := range c.coded {
		if v == code {
			return true
		}
	}
	return false
}

// missed counts a missing code and reports whether the cell is one.
func (c *fastColumn) missed(s string, row int) bool {
	i, ok := c.b.missing[s]
	if ok {
		c.b.reasons[i].Cells++
		c.nulls = append(c.nulls, int32(row))
	}
	return ok
}

// wrong notes a bad cell, which is missing.
func (c *fastColumn) wrong(bad *badCell, row int) {
	c.bad = append(c.bad, badAt{row, *bad})
	c.nulls = append(c.nulls, int32(row))
}

// slowly reads a cell that is not plain by the column's careful parser.
func slowly[T any](c *fastColumn, s string, row int, parse func(string) (T, *badCell)) T {
	var none T
	if c.missed(s, row) {
		return none
	}
	v, bad := parse(s)
	if bad != nil {
		c.wrong(bad, row)
		return none
	}
	return v
}

// text returns the code of a text. A text of up to 16 bytes is known again by two
// words, a longer one by a map.
func (c *fastColumn) text(text []byte, s, e, row int) int32 {
	size := e - s
	if size > 16 {
		known, ok := c.texts[string(text[s:e])]
		if !ok {
			known = c.know(string(text[s:e]))
		}
		return c.use(known, row)
	}
	low, high := words(text, s, e)
	slot := &c.recent[((low*0x9E3779B97F4A7C15)^(high*0xC2B2AE3D27D4EB4F)+uint64(size))>>56]
	if slot.low != low || slot.high != high || slot.size != size {
		known, ok := c.texts[string(text[s:e])]
		if !ok {
			known = c.know(string(text[s:e]))
		}
		*slot = recentText{low, high, size, known}
	}
	return c.use(slot.textCode, row)
}

// words returns the up to 16 bytes of a cell as two words.
func words(text []byte, s, e int) (low, high uint64) {
	if s+16 <= len(text) {
		low, high = binary.LittleEndian.Uint64(text[s:]), binary.LittleEndian.Uint64(text[s+8:])
	} else {
		var b [16]byte
		copy(b[:], text[s:])
		low, high = binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])
	}
	switch size := e - s; {
	case size < 8:
		return low & (1<<(8*size) - 1), 0
	case size < 16:
		return low, high & (1<<(8*(size-8)) - 1)
	}
	return low, high
}

// know finds out what comes of a text that was not met before.
func (c *fastColumn) know(s string) textCode {
	t := textCode{code: -1, reason: -1}
	if i, ok := c.b.missing[s]; ok {
		t.reason = i
	} else {
		t.code, t.marked, t.bad = c.b.code(s)
	}
	c.texts[s] = t
	return t
}

// use counts what comes of a text and returns its code.
func (c *fastColumn) use(t textCode, row int) int32 {
	if t.marked {
		c.b.invisible++
	}
	switch {
	case t.bad != nil:
		c.wrong(t.bad, row)
		return 0
	case t.code < 0:
		c.b.reasons[t.reason].Cells++
		c.nulls = append(c.nulls, int32(row))
		return 0
	}
	return t.code
}

// finish makes the column's array. Codes are still those of the piece.
func (c *fastColumn) finish(rows int) {
	if c.kind == kindSlow {
		c.out = c.b.flush()
		return
	}
	var valid *memory.Buffer
	if len(c.nulls) > 0 {
		mask := make([]byte, (rows+7)/8)
		for i := range mask {
			mask[i] = 0xFF
		}
		for _, r := range c.nulls {
			mask[r>>3] &^= 1 << (r & 7)
		}
		valid = memory.NewBufferBytes(mask)
	}
	var kind arrow.DataType
	var data []byte
	switch c.kind {
	case kindNumber:
		kind, data = arrow.PrimitiveTypes.Float64, arrow.Float64Traits.CastToBytes(c.floats)
	case kindInteger:
		kind, data = arrow.PrimitiveTypes.Int64, arrow.Int64Traits.CastToBytes(c.ints)
	case kindDate:
		kind, data = arrow.FixedWidthTypes.Date32, arrow.Int32Traits.CastToBytes(c.days)
	default:
		kind, data = arrow.PrimitiveTypes.Int32, arrow.Int32Traits.CastToBytes(c.codes)
	}
	c.out = array.MakeFromData(array.NewData(kind, rows, []*memory.Buffer{valid, memory.NewBufferBytes(data)}, nil, len(c.nulls), 0))
}

// merge adds what a piece's column counted to the column's builder, and gives its
// texts the codes that they have in the whole column.
func (c *fastColumn) merge(b *columnBuilder) arrow.Array {
	for i, r := range c.b.reasons {
		b.reasons[i].Cells += r.Cells
	}
	b.invisible += c.b.invisible
	if b.codes == nil {
		return c.out
	}
	to := make([]int32, len(c.b.levels))
	for i, s := range c.b.levels {
		to[i] = b.level(s)
	}
	if c.kind == kindText {
		for i, code := range c.codes {
			if int(code) < len(to) { // a missing cell of a column without levels holds 0
				c.codes[i] = to[code]
			}
		}
		return c.out
	}
	out := array.NewInt32Builder(memory.DefaultAllocator)
	codes := c.out.(*array.Int32)
	for i := range codes.Len() {
		if codes.IsNull(i) {
			out.AppendNull()
		} else {
			out.Append(to[codes.Value(i)])
		}
	}
	return out.NewArray()
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

// fast reads a file on the fast way, where that can be. It returns false where the
// slow way has to.
func (l *loader) fast(ctx context.Context, src Source, r Resource, path string, builders []*columnBuilder, batches [][]arrow.Array, lines []int32) ([]int32, bool, error) {
	s, ok := src.(*csvSource)
	if !ok || l.opt.slow || s.seeker == nil || s.done {
		return lines, false, nil
	}
	f := &fastReader{src: s, missing: r.Schema.MissingValues, piece: l.opt.piece, workers: runtime.GOMAXPROCS(0)}
	if l.opt.Workers > 0 {
		f.workers = l.opt.Workers
	}
	if f.piece == 0 {
		f.piece = pieceBytes
	}
	columns := s.Columns()
	for _, b := range builders {
		if b.field.Constraints.Unique {
			return lines, false, nil
		}
		f.fields = append(f.fields, b.field)
		f.at = append(f.at, indexOf(columns, b.field.Name))
	}
	var progress func(int)
	if l.opt.Progress != nil {
		progress = func(rows int) { l.opt.Progress(l.rows + rows) }
	}
	pieces, err := f.read(ctx, progress)
	if err != nil {
		if errors.Is(err, errOdd) {
			return lines, false, nil
		}
		return lines, false, err
	}
	l.match(src, r, path, builders)
	row, line := 0, s.line
	for _, p := range pieces {
		for i, c := range p.columns {
			batches[i] = append(batches[i], c.merge(builders[i]))
			for _, bad := range c.bad {
				at := line + bad.row
				if p.lineOf != nil {
					at = line + int(p.lineOf[bad.row])
				}
				l.bad(bad.badCell, builders[i], r, path, row+bad.row+1, at)
			}
		}
		row += p.rows
		line += p.lines
	}
	for i := range row {
		lines = append(lines, int32(i+1))
	}
	l.rows += row
	for _, p := range s.Problems() {
		l.problems.add(p)
	}
	return lines, true, nil
}

func indexOf(columns []string, name string) int {
	for i, c := range columns {
		if c == name {
			return i
		}
	}
	return -1
}
