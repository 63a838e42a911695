package open_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"recoup/datasets"
	"recoup/datasets/open"
)

// typedFile writes an Arrow file of the columns id (a, b, c ...) and x beside a
// cohort file that describes x, and returns the latter.
func typedFile(t *testing.T, x arrow.Array, field string) string {
	t.Helper()
	dir := t.TempDir()
	ids := array.NewStringBuilder(memory.DefaultAllocator)
	for i := range x.Len() {
		ids.Append(string(rune('a' + i)))
	}
	sc := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}, {Name: "x", Type: x.DataType(), Nullable: true}}, nil)
	f, err := os.Create(filepath.Join(dir, "p.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(sc))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(array.NewRecord(sc, []arrow.Array{ids.NewArray(), x}, int64(x.Len()))), w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	y := "name: c\nresources:\n  - {name: p, path: p.arrow, schema: {fields: [{name: id, type: string, role: patient}, " + field + "]}}\n"
	if err := os.WriteFile(filepath.Join(dir, "cohort.yaml"), []byte(y), 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "cohort.yaml")
}

func days(dates ...string) arrow.Array {
	b := array.NewDate32Builder(memory.DefaultAllocator)
	for _, d := range dates {
		at, _ := time.Parse("2006-01-02", d)
		b.Append(arrow.Date32FromTime(at))
	}
	return b.NewArray()
}

func moments(unit arrow.TimeUnit, dates ...string) arrow.Array {
	b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: unit})
	for _, d := range dates {
		at, _ := time.Parse("2006-01-02T15:04:05", d)
		v, _ := arrow.TimestampFromTime(at, unit)
		b.Append(v)
	}
	return b.NewArray()
}

// What a typed file holds is held against the cohort file as a text file's cells are:
// a date that is a missing code is missing with its reason, however the code is
// written, one that no patient has is refused, and bytes that are no text are.
func TestTypedCells(t *testing.T) {
	bytes := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	bytes.AppendValues([][]byte{[]byte("mild"), []byte("\xff\xfe")}, nil)
	for name, c := range map[string]struct {
		x      arrow.Array
		field  string
		code   string // of the problem
		reason string // of the one missing cell
	}{
		"dates":               {days("2020-01-02", "1900-01-01"), "{name: x, type: date}", "", ""},
		"a code":              {days("2020-01-02", "1900-01-01"), `{name: x, type: date, missingValues: [{value: "1900-01-01", label: unknown}]}`, "", "unknown"},
		"a code as formatted": {days("2020-01-02", "1900-12-31"), `{name: x, type: date, format: "%d/%m/%Y", missingValues: [{value: 31/12/1900, label: unknown}]}`, "", "unknown"},
		"the end of time":     {days("2020-01-02", "9999-12-31"), "{name: x, type: date}", datasets.CodeRange, ""},
		"moments":             {moments(arrow.Microsecond, "2020-01-02T03:04:05", "1850-01-01T00:00:00"), "{name: x, type: datetime}", "", ""},
		"a moment's code":     {moments(arrow.Microsecond, "2020-01-02T03:04:05", "1900-01-01T00:00:00"), `{name: x, type: datetime, missingValues: [{value: "1900-01-01", label: unknown}]}`, "", "unknown"},
		"a moment too late":   {moments(arrow.Second, "2020-01-02T03:04:05", "2201-01-01T00:00:00"), "{name: x, type: datetime}", datasets.CodeRange, ""},
		"a moment too early":  {moments(arrow.Microsecond, "2020-01-02T03:04:05", "1849-12-31T23:59:59"), "{name: x, type: datetime}", datasets.CodeRange, ""},
		"bytes":               {bytes.NewArray(), "{name: x, type: string}", datasets.CodeEncoding, ""},
	} {
		co, _, err := open.Examine(t.Context(), typedFile(t, c.x, c.field), open.Options{})
		var ps datasets.Problems
		if c.code != "" {
			if !errors.As(err, &ps) || !slices.ContainsFunc(ps, func(p datasets.Problem) bool { return p.Code == c.code && p.Row == 2 && p.Column == "x" }) {
				t.Errorf("%s: %v, want %s in row 2", name, err, c.code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		table, missing := co.Tables()[0], 0
		if c.reason != "" {
			missing = 1
		}
		reasons := table.MissingReasons("x")
		if table.Missing("x") != missing || missing == 1 && (len(reasons) != 1 || reasons[0].Label != c.reason || reasons[0].Cells != 1) {
			t.Errorf("%s: %d missing, %v", name, table.Missing("x"), reasons)
		}
	}
}

// A draft types moments, as texts and as a typed file has them.
func TestDraftedMoments(t *testing.T) {
	typed := filepath.Dir(typedFile(t, moments(arrow.Nanosecond, "2020-01-02T03:04:05", "2020-01-03T00:00:00"), "{name: x, type: datetime}"))
	for path, format := range map[string]string{
		filepath.Join(typed, "p.arrow"): "",
		filepath.Join(text(t, "p.csv", "id,x\na,2020-01-02T03:04:05\nb,2020-01-02T00:00:00.5\n"), "p.csv"): "",
		filepath.Join(text(t, "p.csv", "id,x\na,2020-01-02 03:04:05\nb,\n"), "p.csv"):                      "%Y-%m-%d %H:%M:%S",
		filepath.Join(text(t, "p.csv", "id,x\na,2020-01-02 03:04\n"), "p.csv"):                             "%Y-%m-%d %H:%M",
	} {
		d, err := open.Draft(t.Context(), []string{path})
		if err != nil {
			t.Fatal(err)
		}
		if x := d.Resources[0].Schema.Fields[1]; x.Type != datasets.TypeDatetime || x.Format != format {
			t.Errorf("%s: %s %q, want a datetime %q", filepath.Ext(path), x.Type, x.Format, format)
		}
	}
}

// A column of nothing is one of missing texts, spans of time are durations, and what
// no cell can hold is refused by its column's name.
func TestOddArrowColumns(t *testing.T) {
	co, _, err := open.Examine(t.Context(), typedFile(t, array.NewNull(2), "{name: x, type: number}"), open.Options{})
	if err != nil || co.Tables()[0].Missing("x") != 2 {
		t.Errorf("%v", err)
	}
	span := array.NewDurationBuilder(memory.DefaultAllocator, &arrow.DurationType{Unit: arrow.Millisecond})
	span.AppendValues([]arrow.Duration{86_400_000, 43_200_000}, nil)
	co, _, err = open.Examine(t.Context(), typedFile(t, span.NewArray(), "{name: x, type: duration}"), open.Options{})
	if err != nil || !slices.Equal(co.Tables()[0].Floats("x"), []float64{1, 0.5}) {
		t.Errorf("%v", err)
	}
	lists := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Int64)
	lists.AppendNull()
	raw := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator, &arrow.FixedSizeBinaryType{ByteWidth: 2})
	raw.AppendNull()
	for found, x := range map[string]arrow.Array{"lists or groups": lists.NewArray(), "bytes of a fixed length": raw.NewArray()} {
		_, _, err := open.Examine(t.Context(), typedFile(t, x, "{name: x, type: string}"), open.Options{})
		var ps datasets.Problems
		if !errors.As(err, &ps) || ps[0].Column != "x" || !strings.Contains(ps[0].Expected, found) {
			t.Errorf("%v, want %s refused", err, found)
		}
	}
}

// A stream and an old Feather file are told from damage.
func TestOtherArrow(t *testing.T) {
	for found, head := range map[string]string{"a stream": "\xff\xff\xff\xff", "version 1": "FEA1", "damaged": "ARROW1"} {
		dir := text(t, "p.arrow", head+strings.Repeat("x", 100))
		if _, err := open.Draft(t.Context(), []string{filepath.Join(dir, "p.arrow")}); err == nil || !strings.Contains(err.Error(), found) || !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%v, want %s", err, found)
		}
	}
}
