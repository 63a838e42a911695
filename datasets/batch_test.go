package datasets

import (
	"math"
	"reflect"
	"strconv"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// Numbers as text read back to the same number; whole ones keep their digits.
func TestAppendNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1: "1", -99: "-99", 1_000_000: "1000000", 123456789012: "123456789012",
		0.1: "0.1", 1e15: "1e+15", 1e300: "1e+300", -2.5: "-2.5", 0.30000000000000004: "0.30000000000000004", 5e-324: "5e-324",
		999_999_999_999_999: "999999999999999", float64(float32(0.1)): "0.10000000149011612",
	} {
		got := string(AppendNumber(nil, v))
		if back, err := strconv.ParseFloat(got, 64); got != want || err != nil || back != v {
			t.Errorf("%v is written %s, want %s (%v)", v, got, want, err)
		}
	}
}

// Cells are written as the cohort file says the column's cells are written.
func TestBatchWritesAsDescribed(t *testing.T) {
	day := time.Date(2020, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		field Field
		add   func(b *Batch)
		want  string
	}{
		{Field{Type: TypeNumber}, func(b *Batch) { b.Number(1.125) }, "1.125"},
		{Field{Type: TypeNumber, DecimalChar: ",", GroupChar: "."}, func(b *Batch) { b.Number(1.125) }, "1,125"},
		{Field{Type: TypeDuration}, func(b *Batch) { b.Number(1.5) }, "P1.5D"},
		{Field{Type: TypeDate, Format: "%d.%m.%Y"}, func(b *Batch) { b.Time(day, false) }, "01.02.2020"},
		{Field{Type: TypeDate}, func(b *Batch) { b.Time(day, true) }, "2020-02-01"},
		{Field{Type: TypeDate}, func(b *Batch) { b.Time(day.Add(time.Hour), true) }, "2020-02-01T01:00:00"},
		{Field{Type: TypeDatetime}, func(b *Batch) { b.Time(day.Add(1500*time.Millisecond), true) }, "2020-02-01T00:00:01.5"},
		{Field{Type: TypeDatetime, Format: "%d/%m/%Y %H:%M"}, func(b *Batch) { b.Time(day, true) }, "01/02/2020 00:00"},
		{Field{Type: TypeString}, func(b *Batch) { b.Time(day, false) }, "2020-02-01"},
		{Field{Type: TypeString}, func(b *Batch) { b.Text("a") }, "a"},
	} {
		c.field.Name = "x"
		b := NewBatch("f", []Field{{Name: "x"}}, Resource{Schema: Schema{Fields: []Field{c.field}}})
		c.add(b)
		got := b.Chunk().Text[0][0]
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.field, got, c.want)
		}
	}
}

// A code that the cohort file does not list is missing without its reason, and
// told; listed as missing or as a level it is carried; where nothing is described
// all codes are carried and declared.
func TestBatchMissing(t *testing.T) {
	said := []Field{{Name: "x", Type: TypeNumber, MissingValues: []MissingValue{{Value: "-99", Label: "refused"}}}}
	fill := func(fields ...Field) (*Batch, []string) {
		b := NewBatch("f", said, Resource{Name: "t", Schema: Schema{Fields: fields}})
		for _, code := range []string{"-99", "", "-7"} {
			b.Missing(code)
		}
		return b, b.Chunk().Text[0]
	}
	b, cells := fill()
	want := []MissingValue{{Value: ""}, {Value: "-99", Label: "refused"}, {Value: "-7"}}
	if !reflect.DeepEqual(cells, []string{"-99", "", "-7"}) || !reflect.DeepEqual(b.Describe()[0].MissingValues, want) || b.Problems() != nil {
		t.Errorf("%q %+v %v", cells, b.Describe(), b.Problems())
	}
	b, cells = fill(Field{Name: "x", Type: TypeNumber, MissingValues: []MissingValue{{Value: ""}, {Value: "-99"}}})
	ps := b.Problems()
	if !reflect.DeepEqual(cells, []string{"-99", "", ""}) || len(ps) != 1 || ps[0].Rows != 1 || ps[0].Code != CodeMissingLost || ps[0].Severity != SeverityWarning {
		t.Errorf("%q %v", cells, ps)
	}
	_, cells = fill(Field{Name: "x", Type: TypeString, Categories: []Category{{Value: "-7"}}})
	if !reflect.DeepEqual(cells, []string{"", "", "-7"}) {
		t.Errorf("%q", cells)
	}
}

// Rows come in order over several chunks, cut by cells where there are many
// columns.
func TestBatchChunks(t *testing.T) {
	said := make([]Field, 128) // 4 Mi cells are 32,768 rows
	for i := range said {
		said[i].Name = strconv.Itoa(i)
	}
	b := NewBatch("f", said, Resource{})
	rows, first := 40_000, 1
	var sizes []int
	take := func() {
		c := b.Chunk()
		if c.First != first || c.Text[5][0] != strconv.Itoa(first-1) {
			t.Errorf("chunk at %d of row %s, want %d", c.First, c.Text[5][0], first-1)
		}
		first += c.Rows
		sizes = append(sizes, c.Rows)
	}
	for r := range rows {
		for j := range said {
			if j == 5 {
				b.Number(float64(r))
			} else {
				b.Text("")
			}
		}
		if b.Full() {
			take()
		}
	}
	take()
	if !reflect.DeepEqual(sizes, []int{32_768, 7232}) || first != rows+1 || b.Chunk() != nil {
		t.Errorf("%d rows in chunks of %v", first-1, sizes)
	}
}

func TestDecode(t *testing.T) {
	if s, ok := Decode(nil, []byte("é")); s != "é" || !ok {
		t.Error("UTF-8")
	}
	if _, ok := Decode(nil, []byte{0xe9}); ok {
		t.Error("a lone byte is UTF-8")
	}
	if s, ok := Decode(charmap.Windows1252, []byte{'n', 0xe9, 0x80}); s != "né€" || !ok {
		t.Error("Windows-1252")
	}
	if _, ok := Decode(charmap.Windows1252, []byte{0x81}); ok {
		t.Error("a byte that Windows-1252 does not have")
	}
	for name, good := range map[string]bool{"": true, "utf-8": true, "latin1": true, "UTF-16": false, "utf16": false, "ebcdic": false} {
		if _, err := SingleByte(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}
