package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"recoup/datasets"
)

// made writes a file of one column of a kind and returns its path.
func made[T any](t *testing.T, logical schema.LogicalType, physical parquet.Type, width int, values []T) string {
	t.Helper()
	node, err := schema.NewPrimitiveNodeLogical("x", parquet.Repetitions.Required, logical, physical, width, -1)
	if err != nil {
		t.Fatal(err)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{node}, -1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, root)
	g := w.AppendRowGroup()
	cw, err := g.NextColumn()
	if err == nil {
		_, err = cw.(interface {
			WriteBatch([]T, []int16, []int16) (int64, error)
		}).WriteBatch(values, nil, nil)
	}
	if err = errors.Join(err, cw.Close(), g.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// cells reads the one column of a file in words.
func cells(t *testing.T, path string) ([]string, error) {
	t.Helper()
	src, err := Open(path, datasets.Resource{Name: "t"})
	if err != nil {
		return nil, err
	}
	defer func() { _ = src.Close() }()
	var out []string
	for {
		c, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range c.Rows {
			a := c.Arrays[0]
			if d, ok := a.(*array.Dictionary); ok {
				out = append(out, d.Dictionary().ValueStr(d.GetValueIndex(i)))
			} else {
				out = append(out, a.ValueStr(i))
			}
		}
	}
}

// int96 is so many nanoseconds of a Julian day.
func int96(day uint32, nanos uint64) (v parquet.Int96) {
	binary.LittleEndian.PutUint64(v[:], nanos)
	binary.LittleEndian.PutUint32(v[8:], day)
	return v
}

// The values of kinds that cohorts' own writer does not write, worked by hand. 2^53
// is 9007199254740992. Julian day 2440588 began at noon of 1 January 1970; the format
// counts from its midnight.
func TestKinds(t *testing.T) {
	decimal := func(precision, scale int32) schema.LogicalType { return schema.NewDecimalLogicalType(precision, scale) }
	clock := func(u schema.TimeUnitType) schema.LogicalType { return schema.NewTimeLogicalType(false, u) }
	for _, c := range []struct {
		name, path, want string
	}{
		{"decimals of 32 bits", made(t, decimal(9, 2), parquet.Types.Int32, 0, []int32{150, -1, 0, math.MinInt32}), "1.5 -0.01 0 -2.147483648e+07"},
		{"decimals of 64 bits", made(t, decimal(18, 4), parquet.Types.Int64, 0, []int64{12345, -90071992547409925}), "1.2345 -9.007199254740992e+12"},
		{
			"decimals of bytes", made(t, decimal(25, 2), parquet.Types.FixedLenByteArray, 11, []parquet.FixedLenByteArray{
				append(make(parquet.FixedLenByteArray, 9), 1, 44),
				slices.Concat(bytes.Repeat([]byte{0xff}, 9), []byte{0xfe, 0xd4}),
				append(parquet.FixedLenByteArray{1}, make([]byte, 10)...), // 2^80 / 100
			}), "3 -3 1.2089258196146292e+22",
		},
		{"decimals of a byte and more", made(t, decimal(9, 1), parquet.Types.ByteArray, 0, []parquet.ByteArray{{0x80}, {0, 0x80}, {}}), "-12.8 12.8 0"},
		{"unsigned of 32 bits", made(t, schema.NewIntLogicalType(32, false), parquet.Types.Int32, 0, []int32{-1, 5}), "4294967295 5"},
		{"unsigned of 64 bits", made(t, schema.NewIntLogicalType(64, false), parquet.Types.Int64, 0, []int64{-1, 5}), "18446744073709551615 5"},
		{"times in milliseconds", made(t, clock(schema.TimeUnitMillis), parquet.Types.Int32, 0, []int32{0, 3_661_000, 3_661_500, 86_400_000}), "00:00:00 01:01:01 01:01:01.5 86400000"},
		{"times in microseconds", made(t, clock(schema.TimeUnitMicros), parquet.Types.Int64, 0, []int64{86_399_000_001, -1}), "23:59:59.000001 -1"},
		{"half floats", made(t, schema.Float16LogicalType{}, parquet.Types.FixedLenByteArray, 2, []parquet.FixedLenByteArray{{0, 0x3e}, {0, 0xc0}}), "1.5 -2"},
		{"texts that end alike", made(t, schema.StringLogicalType{}, parquet.Types.ByteArray, 0, []parquet.ByteArray{[]byte("axx"), []byte("bxx"), []byte("axx"), {}, []byte("cxx"), []byte("bxx"), []byte("x")}), "axx bxx axx  cxx bxx x"},
		{"identifiers", made(t, schema.UUIDLogicalType{}, parquet.Types.FixedLenByteArray, 16, []parquet.FixedLenByteArray{[]byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff")}), "00112233-4455-6677-8899-aabbccddeeff"},
		{"moments of 96 bits", made(t, schema.NoLogicalType{}, parquet.Types.Int96, 0, []parquet.Int96{int96(2_440_588, 0), int96(2_440_587, 86_399_999_999_999), int96(1_721_426, 0)}), "1970-01-01 00:00:00Z 1969-12-31 23:59:59.999999Z 0001-01-01 00:00:00Z"},
	} {
		got, err := cells(t, c.path)
		if s := strings.Join(got, " "); err != nil || s != c.want {
			t.Errorf("%s: %q %v, want %q", c.name, s, err, c.want)
		}
	}
	for name, v := range map[string]parquet.Int96{
		"more than a day": int96(2_440_588, 86_400_000_000_000), "before the calendar": int96(1_721_425, 0), "after it": int96(5_373_485, 0),
	} {
		if got, err := cells(t, made(t, schema.NoLogicalType{}, parquet.Types.Int96, 0, []parquet.Int96{v})); !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("a moment of %s: %q %v, want a refusal", name, got, err)
		}
	}
}

// A column that no cell of a table can hold is named in the refusal, and left alone
// where the cohort file does not carry it.
func TestOddColumns(t *testing.T) {
	x, err := schema.NewPrimitiveNode("x", parquet.Repetitions.Repeated, parquet.Types.Int64, -1, -1)
	if err != nil {
		t.Fatal(err)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{
		schema.NewInt64Node("id", parquet.Repetitions.Required, -1), x,
		schema.NewFixedLenByteArrayNode("raw", parquet.Repetitions.Required, 3, -1),
		schema.NewInt64Node("pain", parquet.Repetitions.Required, -1),
	}, -1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, root)
	g := w.AppendRowGroup()
	for i := range 4 {
		cw, err := g.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		switch c := cw.(type) {
		case *file.Int64ColumnChunkWriter:
			if i == 1 {
				_, err = c.WriteBatch([]int64{1, 2}, []int16{1, 1}, []int16{0, 1})
			} else {
				_, err = c.WriteBatch([]int64{int64(i)}, nil, nil)
			}
		case *file.FixedLenByteArrayColumnChunkWriter:
			_, err = c.WriteBatch([]parquet.FixedLenByteArray{[]byte("abc")}, nil, nil)
		}
		if err = errors.Join(err, cw.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(g.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, datasets.Resource{Name: "t"})
	var ps datasets.Problems
	if !errors.As(err, &ps) || len(ps) != 2 || ps[0].Column != "x" || ps[1].Column != "raw" || !strings.Contains(ps[0].Expected, "lists or groups") {
		t.Errorf("%v, want refusals of x and raw", err)
	}
	src, err := Open(path, datasets.Resource{Name: "t", Schema: datasets.Schema{Fields: []datasets.Field{{Name: "id"}, {Name: "pain"}, {Name: "x", Role: datasets.RoleIgnore}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	c, err := src.Next(t.Context())
	if err != nil || strings.Join(src.Columns(), " ") != "id x raw pain" || c.Arrays[0].ValueStr(0) != "0" || c.Arrays[1] != nil || c.Arrays[2] != nil || c.Arrays[3].ValueStr(0) != "3" {
		t.Errorf("%v %v %v", src.Columns(), c, err)
	}
}

// What takes more memory than its limits allow is refused and told of as too large,
// before memory is taken for it; texts within them are read in batches of fewer rows.
func TestTooLarge(t *testing.T) {
	text := func(n int) parquet.ByteArray { return bytes.Repeat([]byte("x"), n) }
	for name, c := range map[string]struct {
		path  string
		wrong bool
	}{
		"a long text":  {made(t, schema.StringLogicalType{}, parquet.Types.ByteArray, 0, []parquet.ByteArray{text(maxText)}), false},
		"a longer one": {made(t, schema.StringLogicalType{}, parquet.Types.ByteArray, 0, []parquet.ByteArray{text(maxText + 1)}), true},
		"a large page": {made(t, schema.StringLogicalType{}, parquet.Types.ByteArray, 0, []parquet.ByteArray{text(maxPage)}), true},
	} {
		got, err := cells(t, c.path)
		var ps datasets.Problems
		if c.wrong != errors.As(err, &ps) || c.wrong && ps[0].Code != datasets.CodeTooLarge || !c.wrong && len(got) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := make([]parquet.ByteArray, 1500)
	for i := range long {
		long[i] = append(text(1<<16), byte(i), byte(i>>8))
	}
	src, err := Open(made(t, schema.NoLogicalType{}, parquet.Types.ByteArray, 0, long), datasets.Resource{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	for rows := 0; ; {
		c, err := src.Next(t.Context())
		if errors.Is(err, io.EOF) {
			if rows != len(long) {
				t.Errorf("%d rows", rows)
			}
			return
		}
		if err != nil || c.Rows >= len(long) || c.First != rows+1 {
			t.Fatalf("%d rows at a time, %v", c.Rows, err)
		}
		rows += c.Rows
	}
}

// The pages of all columns at a time have one limit.
func TestPagesTogether(t *testing.T) {
	const n = maxPages/(100<<20) + 1
	var fields schema.FieldList
	for i := range n {
		fields = append(fields, schema.NewByteArrayNode(string(rune('a'+i)), parquet.Repetitions.Required, -1))
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := file.NewParquetWriter(&b, root, file.WithWriterProps(parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDictionaryDefault(false), parquet.WithStats(false), parquet.WithDataPageSize(maxPage))))
	g, texts := w.AppendRowGroup(), slices.Repeat([]parquet.ByteArray{bytes.Repeat([]byte("x"), maxText)}, 100)
	for range n {
		cw, err := g.NextColumn()
		if err == nil {
			_, err = cw.(*file.ByteArrayColumnChunkWriter).WriteBatch(texts, nil, nil)
		}
		if err = errors.Join(err, cw.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(g.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = cells(t, path)
	var ps datasets.Problems
	if !errors.As(err, &ps) || ps[0].Code != datasets.CodeTooLarge {
		t.Errorf("%v", err)
	}
}
