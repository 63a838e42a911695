package parquet

import (
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
	"github.com/apache/arrow/go/v17/parquet/file"
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

// readColumn reads rows of a column chunk as the Arrow type its logical type says:
// decimals as the numbers nearest to them, times of day as texts.
func readColumn(cr file.ColumnChunkReader, rows int64) (arrow.Array, error) {
	d := cr.Descriptor()
	def, logical := d.MaxDefinitionLevel(), logicalOf(d)
	switch r := cr.(type) {
	case *file.Float64ColumnChunkReader:
		return fixed(r, rows, def, arrow.PrimitiveTypes.Float64, nil, arrow.Float64Traits.CastToBytes)
	case *file.Float32ColumnChunkReader:
		return fixed(r, rows, def, arrow.PrimitiveTypes.Float32, nil, arrow.Float32Traits.CastToBytes)
	case *file.BooleanColumnChunkReader:
		return booleans(r, rows, def)
	case *file.Int32ColumnChunkReader:
		switch t := logical.(type) {
		case schema.DateLogicalType:
			return fixed(r, rows, def, arrow.FixedWidthTypes.Date32, nil, arrow.Int32Traits.CastToBytes)
		case schema.DecimalLogicalType:
			return decimals(r, rows, def, t, func(v int32) float64 { return scaled(int64(v), int(t.Scale())) })
		case schema.TimeLogicalType:
			return coded(r, rows, def, func(v int32) []byte { return clock(int64(v), t) })
		case schema.IntLogicalType:
			if !t.IsSigned() {
				return fixed(r, rows, def, arrow.PrimitiveTypes.Int64, func(v int32) int64 { return int64(uint32(v)) }, arrow.Int64Traits.CastToBytes)
			}
		}
		return fixed(r, rows, def, arrow.PrimitiveTypes.Int64, func(v int32) int64 { return int64(v) }, arrow.Int64Traits.CastToBytes)
	case *file.Int64ColumnChunkReader:
		switch t := logical.(type) {
		case schema.TimestampLogicalType:
			return fixed(r, rows, def, timestampOf(t), nil, arrow.Int64Traits.CastToBytes)
		case schema.DecimalLogicalType:
			return decimals(r, rows, def, t, func(v int64) float64 { return scaled(v, int(t.Scale())) })
		case schema.TimeLogicalType:
			return coded(r, rows, def, func(v int64) []byte { return clock(v, t) })
		case schema.IntLogicalType:
			if !t.IsSigned() {
				return fixed(r, rows, def, arrow.PrimitiveTypes.Uint64, nil, arrow.Int64Traits.CastToBytes)
			}
		}
		return fixed(r, rows, def, arrow.PrimitiveTypes.Int64, nil, arrow.Int64Traits.CastToBytes)
	case *file.Int96ColumnChunkReader:
		return moments(r, rows, def)
	case *file.ByteArrayColumnChunkReader:
		if t, ok := logical.(schema.DecimalLogicalType); ok {
			return decimals(r, rows, def, t, func(v parquet.ByteArray) float64 { return bigScaled(v, int(t.Scale())) })
		}
		return coded(r, rows, def, func(v parquet.ByteArray) []byte { return v })
	case *file.FixedLenByteArrayColumnChunkReader:
		switch t := logical.(type) {
		case schema.DecimalLogicalType:
			return decimals(r, rows, def, t, func(v parquet.FixedLenByteArray) float64 { return bigScaled(v, int(t.Scale())) })
		case schema.Float16LogicalType:
			return fixed(r, rows, def, arrow.PrimitiveTypes.Float32, func(v parquet.FixedLenByteArray) float32 { return float16.FromLEBytes(v).Float32() }, arrow.Float32Traits.CastToBytes)
		case schema.UUIDLogicalType:
			return coded(r, rows, def, func(v parquet.FixedLenByteArray) []byte { return uuid(v) })
		}
	}
	return nil, errFormat
}

// fixed reads rows of values of fixed width as an array of the type; as is nil where
// they are of it.
func fixed[T any, U any](r batchReader[T], rows int64, maxDef int16, kind arrow.DataType, as func(T) U, toBytes func([]U) []byte) (arrow.Array, error) {
	out := make([]U, rows)
	alike, _ := any(out).([]T)
	valid, err := readAll(r, rows, maxDef, func(row int64, vs []T) {
		if as == nil {
			copy(alike[row:], vs)
			return
		}
		for i, v := range vs {
			out[row+int64(i)] = as(v)
		}
	})
	if err != nil {
		return nil, err
	}
	return array.MakeFromData(array.NewData(kind, int(rows), []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(toBytes(out))}, nil, valid.nulls, 0)), nil
}

// coded reads rows of texts as codes into the different ones.
func coded[T any](r batchReader[T], rows int64, maxDef int16, text func(T) []byte) (arrow.Array, error) {
	out := make([]int32, rows)
	codes := map[string]int32{}
	levels := array.NewStringBuilder(memory.DefaultAllocator)
	size, large := 0, false
	var recent [256]struct { // texts of late, which spare most look-ups
		text string
		code int32
	}
	valid, err := readAll(r, rows, maxDef, each(func(row int64, v T) {
		t := text(v)
		slot := &recent[0]
		if n := len(t); n > 1 {
			slot = &recent[byte(31*int(t[n-2])+int(t[n-1])+7*n)]
		}
		if slot.text == string(t) && len(t) > 0 {
			out[row] = slot.code
			return
		}
		code, known := codes[string(t)]
		if !known {
			if size += len(t); len(t) > maxText || size > maxTexts {
				large = true
				return
			}
			code = int32(len(codes))
			kept := string(t)
			codes[kept] = code
			levels.Append(kept)
			slot.text, slot.code = kept, code
		}
		out[row] = code
	}))
	if large {
		err = errLarge
	}
	if err != nil {
		return nil, err
	}
	index := array.NewData(arrow.PrimitiveTypes.Int32, int(rows), []*memory.Buffer{valid.buffer(), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(out))}, nil, valid.nulls, 0)
	return array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}, array.MakeFromData(index), levels.NewArray()), nil
}

func booleans(r *file.BooleanColumnChunkReader, rows int64, def int16) (arrow.Array, error) {
	out, has := make([]bool, rows), make([]bool, rows)
	if _, err := readAll(r, rows, def, each(func(row int64, v bool) { out[row], has[row] = v, true })); err != nil {
		return nil, err
	}
	b := array.NewBooleanBuilder(memory.DefaultAllocator)
	b.AppendValues(out, has)
	return b.NewArray(), nil
}

func timestampOf(t schema.TimestampLogicalType) *arrow.TimestampType {
	unit := map[schema.TimeUnitType]arrow.TimeUnit{schema.TimeUnitMillis: arrow.Millisecond, schema.TimeUnitMicros: arrow.Microsecond, schema.TimeUnitNanos: arrow.Nanosecond}[t.TimeUnit()]
	return &arrow.TimestampType{Unit: unit}
}

// moments reads the times of Spark, Hive and Impala: nanoseconds of a day and the
// Julian day. What is not within a day, or not of the calendar, is damage.
func moments(r *file.Int96ColumnChunkReader, rows int64, def int16) (arrow.Array, error) {
	const (
		epoch     = 2_440_588 // 1 January 1970
		firstDay  = 1_721_426 // 1 January of year 1
		lastDay   = 5_373_484 // 31 December 9999
		microsDay = 86_400_000_000
	)
	bad := false
	a, err := fixed(r, rows, def, arrow.FixedWidthTypes.Timestamp_us, func(v parquet.Int96) int64 {
		nanos, day := binary.LittleEndian.Uint64(v[:8]), binary.LittleEndian.Uint32(v[8:])
		if nanos >= microsDay*1000 || day < firstDay || day > lastDay {
			bad = true
			return 0
		}
		return (int64(day)-epoch)*microsDay + int64(nanos/1000)
	}, arrow.Int64Traits.CastToBytes)
	if bad {
		return nil, errFormat
	}
	return a, err
}

// decimals reads decimals as the numbers nearest to them.
func decimals[T any](r batchReader[T], rows int64, def int16, t schema.DecimalLogicalType, number func(T) float64) (arrow.Array, error) {
	if t.Scale() < 0 || t.Scale() > maxScale {
		return nil, errFormat
	}
	return fixed(r, rows, def, arrow.PrimitiveTypes.Float64, number, arrow.Float64Traits.CastToBytes)
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
