package parquet

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/float16"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// oddOf says what keeps a column's cells from being read, "" where nothing does.
func oddOf(d *schema.Column) string {
	switch logicalOf(d).(type) {
	case schema.IntervalLogicalType:
		return "spans of months, days and milliseconds"
	case schema.DecimalLogicalType, schema.UUIDLogicalType, schema.Float16LogicalType:
		return ""
	}
	if d.PhysicalType() == parquet.Types.FixedLenByteArray {
		return "bytes of a fixed length"
	}
	return ""
}

// logicalOf returns what a column's values mean, never as a pointer.
func logicalOf(d *schema.Column) schema.LogicalType {
	switch t := d.LogicalType().(type) {
	case *schema.DecimalLogicalType:
		return *t
	case *schema.TimestampLogicalType:
		return *t
	case *schema.TimeLogicalType:
		return *t
	case *schema.IntLogicalType:
		return *t
	default:
		return t
	}
}

// columnReader returns what reads the next rows of a column chunk as the Arrow type
// its logical type says: decimals as the numbers nearest to them, times of day as texts.
func columnReader(p *checkedPages) (func(rows int64) (arrow.Array, error), error) {
	logical := logicalOf(p.d)
	switch p.physical {
	case parquet.Types.Double:
		return fixed[float64, float64](p, arrow.PrimitiveTypes.Float64, nil, arrow.Float64Traits.CastToBytes), nil
	case parquet.Types.Float:
		return fixed[float32, float32](p, arrow.PrimitiveTypes.Float32, nil, arrow.Float32Traits.CastToBytes), nil
	case parquet.Types.Boolean:
		return booleans(p), nil
	case parquet.Types.Int32:
		switch t := logical.(type) {
		case schema.DateLogicalType:
			return fixed[int32, int32](p, arrow.FixedWidthTypes.Date32, nil, arrow.Int32Traits.CastToBytes), nil
		case schema.DecimalLogicalType:
			return decimals(p, t, func(v int32) float64 { return scaled(int64(v), int(t.Scale())) })
		case schema.TimeLogicalType:
			return coded(p, func(v int32) []byte { return clock(int64(v), t) }), nil
		case schema.IntLogicalType:
			if !t.IsSigned() {
				return fixed(p, arrow.PrimitiveTypes.Int64, func(v int32) int64 { return int64(uint32(v)) }, arrow.Int64Traits.CastToBytes), nil
			}
		}
		return fixed(p, arrow.PrimitiveTypes.Int64, func(v int32) int64 { return int64(v) }, arrow.Int64Traits.CastToBytes), nil
	case parquet.Types.Int64:
		switch t := logical.(type) {
		case schema.TimestampLogicalType:
			return fixed[int64, int64](p, timestampOf(t), nil, arrow.Int64Traits.CastToBytes), nil
		case schema.DecimalLogicalType:
			return decimals(p, t, func(v int64) float64 { return scaled(v, int(t.Scale())) })
		case schema.TimeLogicalType:
			return coded(p, func(v int64) []byte { return clock(v, t) }), nil
		case schema.IntLogicalType:
			if !t.IsSigned() {
				return fixed[int64, int64](p, arrow.PrimitiveTypes.Uint64, nil, arrow.Int64Traits.CastToBytes), nil
			}
		}
		return fixed[int64, int64](p, arrow.PrimitiveTypes.Int64, nil, arrow.Int64Traits.CastToBytes), nil
	case parquet.Types.Int96:
		return moments(p), nil
	case parquet.Types.ByteArray:
		if t, ok := logical.(schema.DecimalLogicalType); ok {
			return decimals(p, t, func(v parquet.ByteArray) float64 { return bigScaled(v, int(t.Scale())) })
		}
		return coded(p, func(v parquet.ByteArray) []byte { return v }), nil
	case parquet.Types.FixedLenByteArray:
		switch t := logical.(type) {
		case schema.DecimalLogicalType:
			return decimals(p, t, func(v parquet.FixedLenByteArray) float64 { return bigScaled(v, int(t.Scale())) })
		case schema.Float16LogicalType:
			return fixed(p, arrow.PrimitiveTypes.Float32, func(v parquet.FixedLenByteArray) float32 { return float16.FromLEBytes(v).Float32() }, arrow.Float32Traits.CastToBytes), nil
		case schema.UUIDLogicalType:
			return coded(p, func(v parquet.FixedLenByteArray) []byte { return uuid(v) }), nil
		}
	}
	return nil, errFormat
}

// fixed reads values of fixed width as arrays of the type; as is nil where they are of
// it.
func fixed[T any, U any](p *checkedPages, kind arrow.DataType, as func(T) U, toBytes func([]U) []byte) func(int64) (arrow.Array, error) {
	cells := newCells(p, &numbers[T, U]{as: as})
	return func(rows int64) (arrow.Array, error) {
		out := make([]U, rows)
		valid, err := cells.read(out)
		if err != nil {
			return nil, err
		}
		return array.MakeFromData(array.NewData(kind, len(out), []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(toBytes(out))}, nil, valid.nulls, 0)), nil
	}
}

// coded reads texts as codes into the different ones.
func coded[T any](p *checkedPages, text func(T) []byte) func(int64) (arrow.Array, error) {
	to := &coder[T]{text: text}
	cells := newCells(p, to)
	return func(rows int64) (arrow.Array, error) {
		to.begin()
		out := make([]int32, rows)
		valid, err := cells.read(out)
		if to.large {
			err = errLarge
		}
		if err != nil {
			return nil, err
		}
		index := array.NewData(arrow.PrimitiveTypes.Int32, len(out), []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(out))}, nil, valid.nulls, 0)
		return array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, array.MakeFromData(index), to.levels.NewArray()), nil
	}
}

// coder gives the texts of a batch codes in order of first appearance. An entry of the
// file's dictionary that is among them is looked at once, whatever its text; the same
// text may have two codes where the dictionary has it twice, or a page holds it beside.
type coder[T any] struct {
	text    func(T) []byte
	entries []T
	codes   []int32 // of entries, -1 where the batch has none
	used    []uint32
	others  map[string]int32
	levels  *array.StringBuilder
	size    int
	large   bool
}

func (c *coder[T]) begin() {
	for _, k := range c.used {
		c.codes[k] = -1
	}
	c.used, c.others, c.size = c.used[:0], map[string]int32{}, 0
	c.levels = array.NewStringBuilder(memory.DefaultAllocator)
}

// level gives a text the next code.
func (c *coder[T]) level(text []byte) int32 {
	if c.size += len(text); len(text) > maxText || c.size > maxTexts {
		c.large = true
		return 0
	}
	c.levels.BinaryBuilder.Append(text)
	return int32(c.levels.Len() - 1)
}

func (c *coder[T]) dictionary(values []T) {
	c.entries, c.codes, c.used = values, make([]int32, len(values)), nil
	for i := range c.codes {
		c.codes[i] = -1
	}
}

func (c *coder[T]) indexed(out []int32, indices []uint32) bool {
	codes := c.codes
	for i, k := range indices {
		if uint(k) >= uint(len(codes)) {
			return false
		}
		if codes[k] < 0 {
			codes[k] = c.level(c.text(c.entries[k]))
			c.used = append(c.used, k)
		}
		out[i] = codes[k]
	}
	return !c.large
}

func (c *coder[T]) take(out []int32, values []T) {
	var last []byte // of the same patient, mostly
	code, known := int32(0), false
	for i, v := range values {
		if t := c.text(v); !known || !bytes.Equal(t, last) {
			if code, known = c.others[string(t)]; !known {
				if code = c.level(t); c.large {
					return
				}
				c.others[string(t)], known = code, true
			}
			last = t
		}
		out[i] = code
	}
}

func booleans(p *checkedPages) func(int64) (arrow.Array, error) {
	cells := newCells(p, &numbers[bool, bool]{})
	return func(rows int64) (arrow.Array, error) {
		out := make([]bool, rows)
		valid, err := cells.read(out)
		if err != nil {
			return nil, err
		}
		bits := make([]byte, (rows+7)/8)
		for i, v := range out {
			if v {
				bits[i>>3] |= 1 << (i & 7)
			}
		}
		return array.MakeFromData(array.NewData(arrow.FixedWidthTypes.Boolean, len(out), []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(bits)}, nil, valid.nulls, 0)), nil
	}
}

func timestampOf(t schema.TimestampLogicalType) *arrow.TimestampType {
	unit := map[schema.TimeUnitType]arrow.TimeUnit{schema.TimeUnitMillis: arrow.Millisecond, schema.TimeUnitMicros: arrow.Microsecond, schema.TimeUnitNanos: arrow.Nanosecond}[t.TimeUnit()]
	return &arrow.TimestampType{Unit: unit}
}

// moments reads the times of Spark, Hive and Impala: nanoseconds of a day and the
// Julian day. What is not within a day, or not of the calendar, is damage.
func moments(p *checkedPages) func(int64) (arrow.Array, error) {
	const (
		epoch     = 2_440_588 // 1 January 1970
		firstDay  = 1_721_426 // 1 January of year 1
		lastDay   = 5_373_484 // 31 December 9999
		microsDay = 86_400_000_000
	)
	bad := false
	read := fixed(p, arrow.FixedWidthTypes.Timestamp_us, func(v parquet.Int96) int64 {
		nanos, day := binary.LittleEndian.Uint64(v[:8]), binary.LittleEndian.Uint32(v[8:])
		if nanos >= microsDay*1000 || day < firstDay || day > lastDay {
			bad = true
			return 0
		}
		return (int64(day)-epoch)*microsDay + int64(nanos/1000)
	}, arrow.Int64Traits.CastToBytes)
	return func(rows int64) (arrow.Array, error) {
		a, err := read(rows)
		if bad {
			return nil, errFormat
		}
		return a, err
	}
}

// decimals reads decimals as the numbers nearest to them.
func decimals[T any](p *checkedPages, t schema.DecimalLogicalType, number func(T) float64) (func(int64) (arrow.Array, error), error) {
	if t.Scale() < 0 || t.Scale() > maxScale {
		return nil, errFormat
	}
	return fixed(p, arrow.PrimitiveTypes.Float64, number, arrow.Float64Traits.CastToBytes), nil
}

// maxScale bounds the digits after the point that a decimal may promise.
const maxScale = 1000

// scaled returns the number nearest to v·10^(−scale). Whole numbers and powers of ten
// that a float64 holds exactly divide to it.
func scaled(v int64, scale int) float64 {
	const exact, powers = 1 << 53, 22
	if v < -exact || v > exact || scale > powers {
		return bigText(strconv.FormatInt(v, 10), scale)
	}
	return float64(v) / math.Pow10(scale)
}

// bigScaled is scaled of a whole number in two's complement, its greatest byte first.
func bigScaled(b []byte, scale int) float64 {
	if len(b) <= 8 {
		v := int64(0)
		for i, c := range b {
			if i == 0 {
				v = int64(int8(c))
			} else {
				v = v<<8 | int64(c)
			}
		}
		return scaled(v, scale)
	}
	v := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if v.IsInt64() {
		return scaled(v.Int64(), scale)
	}
	return bigText(v.String(), scale)
}

func bigText(digits string, scale int) float64 {
	v, err := strconv.ParseFloat(digits+"e-"+strconv.Itoa(scale), 64)
	if err != nil {
		return math.Inf(1) // the loader refuses it
	}
	return v
}

// clock writes a time of day, such as 14:05:00 or 14:05:00.25. What is beyond a day
// stays a number, for the loader to refuse.
func clock(v int64, t schema.TimeLogicalType) []byte {
	unit := map[schema.TimeUnitType]time.Duration{schema.TimeUnitMillis: time.Millisecond, schema.TimeUnitMicros: time.Microsecond, schema.TimeUnitNanos: time.Nanosecond}[t.TimeUnit()]
	if v < 0 || unit == 0 || v >= int64(24*time.Hour/unit) {
		return strconv.AppendInt(nil, v, 10)
	}
	return time.Time{}.Add(time.Duration(v)*unit).AppendFormat(nil, "15:04:05.999999999")
}

// uuid writes an identifier in its usual groups.
func uuid(b []byte) []byte {
	var out []byte
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, []byte{c})
	}
	return out
}
