package parquet

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// Pages are made here and not by arrow's column writers, which look each value up in
// a table by its bytes, text columns too, whose codes are known, and pack numbers one
// by one: that took four times as long.

// pageRows is how many rows a page holds at most; a multiple of eight.
const pageRows = 1 << 16

// maxStatistic is how long a text may be that is told as the least or the greatest.
const maxStatistic = 256

// chunk is an encoded column of a row group.
type chunk struct {
	pages      []byte // the dictionary's, where there is one, and those of the values
	dictionary int    // bytes of the first, 0 where there is none
	data       int32  // pages of the values
	plain      int64  // bytes before compression
	rows       int64
	stats      metadata.EncodedStatistics
}

// values are the cells of a column that have a value.
type values struct {
	valid   []byte // bitmap by row; nil where all have one
	rows    int
	present int
	codes   []int32 // into the dictionary; nil where there is none
	entries int     // of the dictionary
	encoded []byte  // the dictionary's, or the values themselves, encoded plainly
	ends    []int   // of each of the values in encoded, where they have no fixed width
	width   int     // bits of one of the values, where they have one
}

// encode encodes a column's arrays, one after the other.
func encode(arrays []arrow.Array) (*chunk, error) {
	c := &chunk{}
	v := &values{}
	for _, a := range arrays {
		v.rows += a.Len()
		v.present += a.Len() - a.NullN()
	}
	if v.present < v.rows {
		v.valid = validOf(arrays, v.rows)
	}
	c.stats.SetNullCount(int64(v.rows - v.present))
	switch a := arrays[0].(type) {
	case *array.Float64:
		v.fixed(c, gather(arrays, v.present, func(a arrow.Array) []float64 { return a.(*array.Float64).Float64Values() }, math.Float64bits),
			64, func(a, b uint64) bool { return math.Float64frombits(a) < math.Float64frombits(b) })
	case *array.Int64:
		v.fixed(c, gather(arrays, v.present, func(a arrow.Array) []int64 { return a.(*array.Int64).Int64Values() }, unsigned), 64, lessSigned)
	case *array.Timestamp:
		v.fixed(c, gather(arrays, v.present, func(a arrow.Array) []arrow.Timestamp { return a.(*array.Timestamp).TimestampValues() }, func(t arrow.Timestamp) uint64 { return uint64(t) }), 64, lessSigned)
	case *array.Date32:
		v.fixed(c, gather(arrays, v.present, func(a arrow.Array) []arrow.Date32 { return a.(*array.Date32).Date32Values() }, func(d arrow.Date32) uint64 { return uint64(int64(d)) }), 32, lessSigned)
	case *array.Boolean:
		v.booleans(arrays)
	case *array.Dictionary, *array.String:
		v.texts(c, arrays)
	default:
		return nil, fmt.Errorf("parquet: no writer for %s", a.DataType())
	}
	return c, c.write(v)
}

func unsigned(v int64) uint64 { return uint64(v) }

func lessSigned(a, b uint64) bool { return int64(a) < int64(b) }

// validOf returns the bitmap of cells that have a value.
func validOf(arrays []arrow.Array, rows int) []byte {
	out := make([]byte, (rows+7)/8)
	row := 0
	for _, a := range arrays {
		for i := range a.Len() {
			if a.IsValid(i) {
				out[row>>3] |= 1 << (row & 7)
			}
			row++
		}
	}
	return out
}

// gather returns the cells that have a value as words.
func gather[T any](arrays []arrow.Array, present int, of func(arrow.Array) []T, word func(T) uint64) []uint64 {
	out := make([]uint64, 0, present)
	for _, a := range arrays {
		all := a.NullN() == 0
		for i, v := range of(a) {
			if all || a.IsValid(i) {
				out = append(out, word(v))
			}
		}
	}
	return out
}

// fixed encodes values of 64 or 32 bits.
func (v *values) fixed(c *chunk, words []uint64, width int, less func(a, b uint64) bool) {
	v.width = width
	codes, different := distinct(words)
	list := words
	if len(different) > 0 {
		v.codes, v.entries = codes, len(different)
		list = different
	}
	v.encoded = make([]byte, 0, len(list)*width/8)
	for _, w := range list {
		if width == 32 {
			v.encoded = binary.LittleEndian.AppendUint32(v.encoded, uint32(w))
		} else {
			v.encoded = binary.LittleEndian.AppendUint64(v.encoded, w)
		}
	}
	if len(list) == 0 {
		return
	}
	low, high := list[0], list[0]
	for _, w := range list {
		if less(w, low) {
			low = w
		}
		if less(high, w) {
			high = w
		}
	}
	c.stats.Signed = true
	c.stats.SetMin(binary.LittleEndian.AppendUint64(nil, low)[:width/8])
	c.stats.SetMax(binary.LittleEndian.AppendUint64(nil, high)[:width/8])
}

// distinct numbers the different words in order of first appearance. It returns nil
// where they are too many for a dictionary to be worth it.
func distinct(words []uint64) ([]int32, []uint64) {
	most := len(words) / 4
	size := 1 << bits.Len(uint(2*most+1))
	numbers := make([]int32, size) // 1 + the number; 0 where free
	codes := make([]int32, len(words))
	var list []uint64
	shift := 64 - bits.Len(uint(size-1))
	for i, w := range words {
		k := int(w * 0x9E3779B97F4A7C15 >> shift)
		for numbers[k] != 0 && list[numbers[k]-1] != w {
			k = (k + 1) & (size - 1)
		}
		if numbers[k] == 0 {
			if len(list) == most {
				return nil, nil
			}
			list = append(list, w)
			numbers[k] = int32(len(list))
		}
		codes[i] = numbers[k] - 1
	}
	return codes, list
}

// booleans encodes values of one bit.
func (v *values) booleans(arrays []arrow.Array) {
	v.width = 1
	v.encoded = make([]byte, (v.present+7)/8)
	k := 0
	for _, a := range arrays {
		b := a.(*array.Boolean)
		for i := range b.Len() {
			if b.IsNull(i) {
				continue
			}
			if b.Value(i) {
				v.encoded[k>>3] |= 1 << (k & 7)
			}
			k++
		}
	}
}

// texts encodes texts by their codes into those that occur, or as they are where most
// are different.
func (v *values) texts(c *chunk, arrays []arrow.Array) {
	numbers := map[string]int32{}
	var list []string
	number := func(s string) int32 {
		n, ok := numbers[s]
		if !ok {
			n = int32(len(list))
			numbers[s] = n
			list = append(list, s)
		}
		return n
	}
	codes := make([]int32, 0, v.present)
	for _, a := range arrays {
		switch a := a.(type) {
		case *array.Dictionary:
			codes = appendCodes(codes, a, number)
		case *array.String:
			last, of := "", int32(-1)
			for i := range a.Len() {
				if a.IsNull(i) {
					continue
				}
				if s := a.Value(i); of < 0 || s != last {
					last, of = s, number(s)
				}
				codes = append(codes, of)
			}
		}
	}
	put := func(s string) {
		v.encoded = append(binary.LittleEndian.AppendUint32(v.encoded, uint32(len(s))), s...)
		v.ends = append(v.ends, len(v.encoded))
	}
	if len(list) > 0 && 2*len(list) <= len(codes) {
		v.codes, v.entries = codes, len(list)
		for _, s := range list {
			put(s)
		}
	} else {
		for _, code := range codes {
			put(list[code])
		}
	}
	if len(list) > 0 {
		low, high := slices.Min(list), slices.Max(list)
		if len(low) <= maxStatistic && len(high) <= maxStatistic {
			c.stats.SetMin([]byte(low))
			c.stats.SetMax([]byte(high))
		}
	}
}

// appendCodes appends the codes of an array of codes, each numbered anew when it is
// first met.
func appendCodes(codes []int32, d *array.Dictionary, number func(string) int32) []int32 {
	levels := d.Dictionary().(*array.String)
	to := slices.Repeat([]int32{-1}, levels.Len())
	all := d.NullN() == 0
	for i, code := range d.Indices().(*array.Int32).Int32Values() {
		if !all && d.IsNull(i) {
			continue
		}
		if to[code] < 0 {
			to[code] = number(levels.Value(int(code)))
		}
		codes = append(codes, to[code])
	}
	return codes
}

// write makes the pages of the values.
func (c *chunk) write(v *values) error {
	c.rows = int64(v.rows)
	if v.codes != nil {
		if err := c.put(v.encoded, v.entries, true, false); err != nil {
			return err
		}
		c.dictionary = len(c.pages)
	}
	for row, k := 0, 0; row < v.rows; row += pageRows {
		rows := min(pageRows, v.rows-row)
		present := rows
		if v.valid != nil {
			present = 0
			for _, b := range v.valid[row/8 : (row+rows+7)/8] {
				present += bits.OnesCount8(b)
			}
		}
		if err := c.put(v.page(row, rows, k, present), rows, false, v.codes != nil); err != nil {
			return err
		}
		k += present
		c.data++
	}
	return nil
}

// page returns a page of rows, of which the present ones are the values from k: which
// rows have one, as runs of one bit, and the values.
func (v *values) page(row, rows, k, present int) []byte {
	levels := append(binary.AppendUvarint(nil, uint64(rows)<<1), 1)
	if present < rows {
		groups := v.valid[row/8 : (row+rows+7)/8]
		levels = append(binary.AppendUvarint(nil, uint64(len(groups))<<1|1), groups...)
	}
	out := append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels))), levels...)
	switch {
	case v.codes != nil:
		return appendPacked(out, v.codes[k:k+present], max(1, bits.Len(uint(v.entries-1))))
	case v.ends != nil:
		from := 0
		if k > 0 {
			from = v.ends[k-1]
		}
		to := from
		if present > 0 {
			to = v.ends[k+present-1]
		}
		return append(out, v.encoded[from:to]...)
	case v.width == 1:
		for i := range present { // from k, which need not begin a byte
			if i&7 == 0 {
				out = append(out, 0)
			}
			out[len(out)-1] |= v.encoded[(k+i)>>3] >> ((k + i) & 7) & 1 << (i & 7)
		}
		return out
	}
	return append(out, v.encoded[k*v.width/8:(k+present)*v.width/8]...)
}

// appendPacked appends codes as one run of so many bits each, in groups of eight.
func appendPacked(out []byte, codes []int32, width int) []byte {
	out = append(out, byte(width))
	if len(codes) == 0 {
		return out
	}
	groups := (len(codes) + 7) / 8
	out = binary.AppendUvarint(out, uint64(groups)<<1|1)
	end := len(out) + groups*width
	word, have := uint64(0), 0
	for _, code := range codes {
		word |= uint64(code) << have
		if have += width; have >= 32 {
			out = binary.LittleEndian.AppendUint32(out, uint32(word))
			word >>= 32
			have -= 32
		}
	}
	for ; len(out) < end; word >>= 8 {
		out = append(out, byte(word))
	}
	return out[:end]
}

// put compresses a page and appends it with its header, a Thrift struct in compact
// form.
func (c *chunk) put(data []byte, count int, dictionary, coded bool) error {
	if len(data) > math.MaxInt32 {
		return fmt.Errorf("parquet: %d rows of a text column take more than 2 GiB", count)
	}
	codec, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		return err
	}
	small := codec.Encode(nil, data)
	var h []byte
	number := func(v int) { h = binary.AppendVarint(append(h, 1<<4|5), int64(v)) } // of the field after the last
	const inner, stop = 12, 0
	if dictionary {
		number(2)
	} else {
		number(0)
	}
	number(len(data))
	number(len(small))
	if dictionary {
		h = append(h, 4<<4|inner)
		number(count)
		number(int(parquet.Encodings.Plain))
	} else {
		h = append(h, 2<<4|inner)
		number(count)
		encoding := parquet.Encodings.Plain
		if coded {
			encoding = parquet.Encodings.RLEDict
		}
		number(int(encoding))
		number(int(parquet.Encodings.RLE))
		number(int(parquet.Encodings.RLE))
	}
	h = append(h, stop, stop)
	c.pages = append(append(c.pages, h...), small...)
	c.plain += int64(len(h) + len(data))
	return nil
}

// finish tells of the chunk in the file's footer; it begins at that byte.
func (c *chunk) finish(b *metadata.ColumnChunkMetaDataBuilder, at int64) error {
	info := metadata.ChunkMetaInfo{
		NumValues: c.rows, IndexPageOffset: -1, DataPageOffset: at + int64(c.dictionary),
		CompressedSize: int64(len(c.pages)), UncompressedSize: c.plain,
	}
	encoding := parquet.Encodings.Plain
	stats := metadata.EncodingStats{}
	if c.dictionary > 0 {
		info.DictPageOffset = at
		encoding = parquet.Encodings.RLEDict
		stats.DictEncodingStats = map[parquet.Encoding]int32{parquet.Encodings.Plain: 1}
	}
	stats.DataEncodingStats = map[parquet.Encoding]int32{encoding: c.data}
	b.SetStats(c.stats)
	return b.Finish(info, c.dictionary > 0, false, stats, nil)
}
