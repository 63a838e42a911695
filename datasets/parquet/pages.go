package parquet

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// streamSplit is the encoding BYTE_STREAM_SPLIT, which arrow's library lacks.
const streamSplit = parquet.Encoding(9)

// checkedPages hands on the pages of a column whose levels and values are as many
// as the page's header promises. The decoders pass over the error for one whose are
// not, and then ask for the rest of its values for ever.
type checkedPages struct {
	file.PageReader
	d        *schema.Column
	optional bool
	physical parquet.Type
	width    int    // of bytes of a fixed length
	all      *int64 // bytes of the pages of all columns
	held     int64  // of this one's
	bad      bool
	plain    file.Page    // in place of one in an encoding that the decoders do not have
	entry    func(string) // takes the texts of dictionaries; nil for nobody
}

// Page returns the page.
func (c *checkedPages) Page() file.Page {
	if c.plain != nil {
		return c.plain
	}
	return c.PageReader.Page()
}

// Next goes to the next page.
func (c *checkedPages) Next() bool {
	c.plain = nil
	if c.bad || !c.PageReader.Next() {
		return false
	}
	size := int64(len(c.Page().Data()))
	if _, dictionary := c.Page().(*file.DictionaryPage); !dictionary { // which stays beside the next pages
		*c.all -= c.held
		c.held = size
	}
	if *c.all += size; *c.all > maxPages {
		panic(errLarge) //nolint:forbidigo // the decoders pass over some errors; Guard makes it one
	}
	switch p := c.Page().(type) {
	case *file.DictionaryPage:
		if c.entry != nil && c.physical == parquet.Types.ByteArray {
			inPage(p.Data(), c.entry)
		}
	case *file.DataPageV1:
		c.bad = !c.first(p)
	case *file.DataPageV2:
		c.bad = !c.second(p)
	}
	return !c.bad
}

// Err returns why there is no next page, nil at the end.
func (c *checkedPages) Err() error {
	if c.bad {
		return errFormat
	}
	return c.PageReader.Err()
}

// first checks a data page of version 1.
func (c *checkedPages) first(p *file.DataPageV1) bool {
	data, n := p.Data(), int(p.NumValues())
	if c.optional {
		if p.DefinitionLevelEncoding() != parquet.Encodings.RLE || len(data) < 4 {
			return false
		}
		size := binary.LittleEndian.Uint32(data)
		data = data[4:]
		if uint64(size) > uint64(len(data)) {
			return false
		}
		var ok bool
		levels := data[:size]
		data = data[size:]
		if n, ok = runs(levels, 1, n); !ok {
			return false
		}
	}
	if parquet.Encoding(p.Encoding()) != streamSplit {
		return c.values(data, parquet.Encoding(p.Encoding()), n)
	}
	joined, ok := c.joined(p.Data(), len(p.Data())-len(data), n)
	c.plain = file.NewDataPageV1(memory.NewBufferBytes(joined), p.NumValues(), parquet.Encodings.Plain, p.DefinitionLevelEncoding(), p.RepetitionLevelEncoding(), p.UncompressedSize())
	return ok
}

// joined puts the bytes of n values together, which stand apart: the first of each,
// then the second of each, and so on. Before them are the levels.
func (c *checkedPages) joined(page []byte, levels, n int) ([]byte, bool) {
	width, data := c.wide(), page[levels:]
	if width == 0 || n < 0 || len(data) != n*width {
		return nil, false
	}
	out := append(make([]byte, 0, len(page)), page[:levels]...)
	for i := range n {
		for k := range width {
			out = append(out, data[k*n+i])
		}
	}
	return out, true
}

// wide is how many bytes a value has, 0 where that depends on the value.
func (c *checkedPages) wide() int {
	switch c.physical {
	case parquet.Types.Int32, parquet.Types.Float:
		return 4
	case parquet.Types.Int64, parquet.Types.Double:
		return 8
	case parquet.Types.Int96:
		return parquet.Int96SizeBytes
	case parquet.Types.FixedLenByteArray:
		return max(c.width, 0)
	}
	return 0
}

// second checks a data page of version 2.
func (c *checkedPages) second(p *file.DataPageV2) bool {
	data, n := p.Data(), int(p.NumValues())
	reps, defs := int(p.RepetitionLevelByteLen()), int(p.DefinitionLevelByteLen())
	if reps < 0 || defs < 0 || reps+defs > len(data) {
		return false
	}
	if c.optional {
		var ok bool
		if n, ok = runs(data[reps:reps+defs], 1, n); !ok {
			return false
		}
	}
	if parquet.Encoding(p.Encoding()) != streamSplit {
		return c.values(data[reps+defs:], parquet.Encoding(p.Encoding()), n)
	}
	joined, ok := c.joined(data, reps+defs, n)
	c.plain = file.NewDataPageV2(memory.NewBufferBytes(joined), p.NumValues(), p.NumNulls(), p.NumRows(), parquet.Encodings.Plain, int32(defs), int32(reps), p.UncompressedSize(), false)
	return ok
}

// values reports whether data holds n values in the encoding.
func (c *checkedPages) values(data []byte, encoding parquet.Encoding, n int) bool {
	if n <= 0 {
		return n == 0
	}
	switch encoding {
	case parquet.Encodings.Plain:
		switch c.physical {
		case parquet.Types.Boolean:
			return (n+7)/8 <= len(data)
		case parquet.Types.ByteArray:
			for ; n > 0; n-- {
				if len(data) < 4 {
					return false
				}
				size := uint64(binary.LittleEndian.Uint32(data))
				data = data[4:]
				if size > uint64(len(data)) {
					return false
				}
				data = data[size:]
			}
			return true
		}
		return c.wide() > 0 && n <= len(data)/c.wide()
	case parquet.Encodings.PlainDict, parquet.Encodings.RLEDict:
		if len(data) == 0 || data[0] > 32 {
			return false
		}
		_, ok := runs(data[1:], int(data[0]), n)
		return ok
	case parquet.Encodings.RLE:
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return false
		}
		_, ok := runs(data[4:], 1, n)
		return ok
	case parquet.Encodings.DeltaBinaryPacked, parquet.Encodings.DeltaLengthByteArray:
		count, _, ok := delta(data)
		return ok && count == n
	case parquet.Encodings.DeltaByteArray:
		prefixes, used, ok := delta(data)
		if !ok || prefixes != n {
			return false
		}
		suffixes, _, ok := delta(data[used:])
		return ok && suffixes == n
	}
	return false
}

// runs goes through runs of equal and of packed numbers until there are n, and
// reports whether there are. Of numbers of one bit it returns how many are 1.
func runs(data []byte, width, n int) (set int, ok bool) {
	for n > 0 {
		header, used := binary.Uvarint(data)
		if used <= 0 || header>>1 == 0 || header>>1 > 1<<31 {
			return 0, false
		}
		data = data[used:]
		count, size := int(header>>1), (width+7)/8
		if header&1 == 1 {
			size = count * width
			count *= 8
		}
		if size > len(data) {
			return 0, false
		}
		count = min(count, n)
		switch {
		case width != 1:
		case header&1 == 0:
			set += count * int(data[0]&1)
		default:
			for i := range count / 8 {
				set += bits.OnesCount8(data[i])
			}
			if rest := count % 8; rest > 0 {
				set += bits.OnesCount8(data[count/8] & (1<<rest - 1))
			}
		}
		data = data[size:]
		n -= count
	}
	return set, true
}

// delta goes through packed differences and returns how many numbers they are and
// how many bytes they take.
func delta(data []byte) (count, used int, ok bool) {
	next := func() uint64 {
		v, n := binary.Uvarint(data[used:])
		ok = ok && n > 0
		used += max(n, 0)
		return v
	}
	ok = true
	block, minis, total := next(), next(), next()
	next() // the first number
	if !ok || block == 0 || block%128 != 0 || block > 1<<20 || minis == 0 || block%minis != 0 || block/minis%32 != 0 || total > 1<<31 {
		return 0, 0, false
	}
	each := int(block / minis)
	for left := int(total) - 1; left > 0; {
		next() // the least difference
		if !ok || used+int(minis) > len(data) {
			return 0, 0, false
		}
		widths := data[used : used+int(minis)]
		used += int(minis)
		for _, width := range widths {
			if left <= 0 {
				break
			}
			if used += int(width) * each / 8; width > 64 || used > len(data) {
				return 0, 0, false
			}
			left -= each
		}
	}
	return int(total), used, true
}
