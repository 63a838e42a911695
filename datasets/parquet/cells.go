package parquet

import (
	"encoding/binary"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// blockSize is how many values are decoded at a time, so that they stay near the processor.
const blockSize = 1024

// cellReader reads the cells of a column chunk: plain values and indices into a dictionary,
// which nearly all files have, by themselves, all others through arrow's decoders.
type cellReader[T, U any] struct {
	*checkedPages
	to     taker[T, U]
	decode func(out []T, data []byte) (n, used int) // of plain values; nil leaves them to arrow
	least  int                                      // bytes that a plain value takes
	left   int                                      // rows of the page
	levels runReader                                // which of them have a value
	way    way
	index  runReader
	plain  []byte
	page   handed
	others batchReader[T]
	listed bool // a dictionary was met
}

// way is how the values of a page are read.
type way int

const (
	byArrow way = iota
	byIndex
	asTheyLie
)

// taker makes cells of values.
type taker[T, U any] interface {
	dictionary(values []T)
	indexed(out []U, indices []uint32) bool
	take(out []U, values []T)
}

// batchReader is what the typed column readers of arrow have in common.
type batchReader[T any] interface {
	ReadBatch(n int64, values []T, def, rep []int16) (int64, int, error)
}

func newCells[T, U any](pages *checkedPages, to taker[T, U]) *cellReader[T, U] {
	r := &cellReader[T, U]{checkedPages: pages, to: to}
	r.others = file.NewColumnReader(pages.d, &r.page, memory.DefaultAllocator, nil).(batchReader[T])
	switch decode := any(&r.decode).(type) {
	case *func([]parquet.ByteArray, []byte) (int, int):
		*decode, r.least = textsIn, 4
	case *func([]parquet.FixedLenByteArray, []byte) (int, int):
		r.least = max(r.wide(), 1)
		*decode = func(out []parquet.FixedLenByteArray, data []byte) (n, used int) {
			for n < len(out) && len(data)-used >= r.least {
				out[n] = data[used : used+r.least]
				used += r.least
				n++
			}
			return n, used
		}
	case *func([]bool, []byte) (int, int): // they are bits
	default:
		r.least = r.wide()
		r.decode = func(out []T, data []byte) (n, used int) {
			n = min(len(out), len(data)/r.least)
			used = n * r.least
			copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(out))), used), data) // numbers lie in a page as in memory
			return n, used
		}
	}
	return r
}

// textsIn takes texts apart: each lies after its length in four bytes.
func textsIn(out []parquet.ByteArray, data []byte) (n, used int) {
	for n < len(out) && len(data)-used >= 4 {
		size, from := int(binary.LittleEndian.Uint32(data[used:])), used+4
		if size > len(data)-from {
			break
		}
		out[n] = data[from : from+size]
		used = from + size
		n++
	}
	return n, used
}

// read reads the next cells, and tells which are missing.
func (c *cellReader[T, U]) read(out []U) (validity, error) {
	var valid validity
	if c.optional {
		valid.bits = make([]byte, (len(out)+7)/8)
	}
	for done := 0; done < len(out); {
		for c.left == 0 {
			if err := c.nextPage(); err != nil {
				return valid, err
			}
		}
		rows := out[done:min(done+c.left, len(out))]
		set := len(rows)
		if c.optional {
			if !c.levels.bits(valid.bits, done, len(rows)) {
				return valid, errFormat
			}
			set = bitutil.CountSetBits(valid.bits, done, len(rows))
		}
		if err := c.fill(rows, set); err != nil {
			return valid, err
		}
		spread(rows, set, valid.bits, done)
		valid.nulls += len(rows) - set
		c.left -= len(rows)
		done += len(rows)
	}
	return valid, nil
}

// fill puts the next values, so many of so many rows, one after the other into rows.
func (c *cellReader[T, U]) fill(rows []U, set int) error {
	size := min(blockSize, len(rows))
	switch c.way {
	case byIndex:
		indices := make([]uint32, size)
		for out := rows[:set]; len(out) > 0; {
			n := min(size, len(out))
			if !c.index.read(indices[:n]) || !c.to.indexed(out[:n], indices[:n]) {
				return errFormat
			}
			out = out[n:]
		}
	case asTheyLie:
		values := make([]T, size)
		for out := rows[:set]; len(out) > 0; {
			n := min(size, len(out))
			got, used := c.decode(values[:n], c.plain)
			if got != n {
				return errFormat
			}
			c.plain = c.plain[used:]
			c.to.take(out[:n], values[:n])
			out = out[n:]
		}
	default:
		values, def, out := make([]T, size), make([]int16, size), rows[:set]
		for left := len(rows); left > 0; {
			levels, read, err := c.others.ReadBatch(int64(min(size, left)), values, def, nil)
			if err != nil {
				return err
			}
			if levels <= 0 || int(levels) > left || read > len(out) {
				return errFormat
			}
			c.to.take(out[:read], values[:read])
			out, left = out[read:], left-int(levels)
		}
		if len(out) > 0 {
			return errFormat
		}
	}
	return nil
}

// spread moves values that are at the begin of rows to the rows that have one, as the
// bits from the one at say.
func spread[U any](rows []U, set int, bits []byte, at int) {
	var none U
	for i := len(rows) - 1; set <= i; i-- {
		if bits[(at+i)>>3]>>((at+i)&7)&1 == 1 {
			set--
			rows[i] = rows[set]
		} else {
			rows[i] = none
		}
	}
}

// nextPage goes to the next data page.
func (c *cellReader[T, U]) nextPage() error {
	for c.Next() {
		var levels, values []byte
		switch p := c.Page().(type) {
		case *file.DictionaryPage:
			if err := c.newDictionary(p); err != nil {
				return err
			}
			continue
		case *file.DataPageV1:
			values = p.Data()
			if c.optional {
				n := 4 + binary.LittleEndian.Uint32(values) // checked
				levels, values = values[4:n], values[n:]
			}
		case *file.DataPageV2:
			reps, defs := p.RepetitionLevelByteLen(), p.DefinitionLevelByteLen()
			levels, values = p.Data()[reps:reps+defs], p.Data()[reps+defs:]
		default:
			continue
		}
		c.left, c.levels = int(c.Page().NumValues()), runReader{data: levels, width: 1}
		return c.begin(parquet.Encoding(c.Page().Encoding()), values)
	}
	if err := c.Err(); err != nil {
		return err
	}
	return errFormat // rows that the footer promises are missing
}

// begin chooses the way of reading a page's values.
func (c *cellReader[T, U]) begin(encoding parquet.Encoding, values []byte) error {
	switch {
	case encoding == parquet.Encodings.PlainDict || encoding == parquet.Encodings.RLEDict:
		if !c.listed {
			return errFormat
		}
		c.way, c.index = byIndex, runReader{}
		if len(values) > 0 {
			c.index = runReader{data: values[1:], width: int(values[0])}
		}
	case encoding == parquet.Encodings.Plain && c.decode != nil:
		c.way, c.plain = asTheyLie, values
	default:
		c.way, c.page.page = byArrow, c.Page()
	}
	return nil
}

func (c *cellReader[T, U]) newDictionary(p *file.DictionaryPage) error {
	encoding := parquet.Encoding(p.Encoding())
	if c.listed || c.decode == nil || c.least == 0 || p.NumValues() < 0 || encoding != parquet.Encodings.Plain && encoding != parquet.Encodings.PlainDict {
		return errFormat
	}
	c.listed = true
	values := make([]T, min(int(p.NumValues()), len(p.Data())/c.least))
	n, _ := c.decode(values, p.Data())
	c.to.dictionary(values[:n])
	return nil
}

// handed hands one page at a time to arrow's decoders.
type handed struct {
	file.PageReader
	page, at file.Page
}

func (h *handed) Next() bool {
	h.at, h.page = h.page, nil
	return h.at != nil
}

func (h *handed) Page() file.Page { return h.at }
func (h *handed) Err() error      { return nil }

// runReader reads runs of equal and of packed numbers.
type runReader struct {
	data   []byte // after the run at hand
	width  int    // bits of a number
	left   int    // numbers of the run
	equal  bool
	value  uint32 // of equal ones
	packed []byte // the run's bytes and those after it
	at     int    // bit of the next
}

// next begins the next run.
func (r *runReader) next() bool {
	header, used := binary.Uvarint(r.data)
	if used <= 0 || header>>1 == 0 || header>>1 > 1<<31 || r.width > 32 {
		return false
	}
	r.packed, r.at = r.data[used:], 0
	r.left, r.equal = int(header>>1), header&1 == 0
	size := (r.width + 7) / 8
	if !r.equal {
		size = r.left * r.width
		r.left *= 8
	}
	if size > len(r.packed) {
		return false
	}
	r.data = r.packed[size:]
	if r.equal {
		v := word(r.packed[:size])
		r.value = uint32(v)
		return v < 1<<r.width
	}
	return true
}

// word returns the first eight bytes, with zeros for those that are not there.
func word(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b)
	}
	var all [8]byte
	copy(all[:], b)
	return binary.LittleEndian.Uint64(all[:])
}

// read reads the next numbers.
func (r *runReader) read(out []uint32) bool {
	for len(out) > 0 {
		if r.left == 0 && !r.next() {
			return false
		}
		n := min(r.left, len(out))
		if r.equal {
			for i := range out[:n] {
				out[i] = r.value
			}
		} else {
			at, width, mask, packed := r.at, r.width, uint64(1)<<r.width-1, r.packed
			for i := range out[:n] {
				out[i] = uint32(word(packed[at>>3:]) >> (at & 7) & mask)
				at += width
			}
			r.at = at
		}
		r.left -= n
		out = out[n:]
	}
	return true
}

// bits reads the next n numbers of one bit into out, from the bit at.
func (r *runReader) bits(out []byte, at, n int) bool {
	for n > 0 {
		if r.left == 0 && !r.next() {
			return false
		}
		k := min(r.left, n)
		if r.equal {
			bitutil.SetBitsTo(out, int64(at), int64(k), r.value == 1)
		} else {
			bitutil.CopyBitmap(r.packed, r.at, k, out, at)
			r.at += k
		}
		r.left -= k
		at += k
		n -= k
	}
	return true
}

// validity is the bitmap of cells that have a value.
type validity struct {
	bits  []byte
	nulls int
}

func (v *validity) buffer() *memory.Buffer {
	if v.nulls == 0 {
		return nil
	}
	return memory.NewBufferBytes(v.bits)
}

// numbers takes values as they are, or as another type: as is nil where T is U.
type numbers[T, U any] struct {
	as   func(T) U
	dict []U
}

func (t *numbers[T, U]) dictionary(values []T) {
	t.dict = make([]U, len(values))
	t.take(t.dict, values)
}

func (t *numbers[T, U]) indexed(out []U, indices []uint32) bool {
	dict := t.dict
	for i, k := range indices {
		if uint(k) >= uint(len(dict)) {
			return false
		}
		out[i] = dict[k]
	}
	return true
}

func (t *numbers[T, U]) take(out []U, values []T) {
	if t.as == nil {
		copy(any(out).([]T), values)
		return
	}
	for i, v := range values {
		out[i] = t.as(v)
	}
}
