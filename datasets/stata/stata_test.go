package stata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"recoup/datasets"
)

// read returns the names and cells of a file, column by column, and what it says
// of them after all is read.
func read(path string, res datasets.Resource) (names []string, cells [][]string, said []datasets.Field, err error) {
	src, err := Open(path, res)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() { _ = src.Close() }()
	names = src.Columns()
	cells = make([][]string, len(names))
	for {
		c, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return names, cells, src.(datasets.Describer).Describe(), nil
		}
		if err != nil {
			return names, cells, nil, err
		}
		if c.First != len(cells[0])+1 {
			return names, cells, nil, fmt.Errorf("chunk begins at %d after %d rows", c.First, len(cells[0]))
		}
		for j := range names {
			cells[j] = append(cells[j], c.Text[j]...)
		}
	}
}

// same compares cells as numbers where both are, else as texts without the
// blanks at their end, which ReadStat takes off.
func same(got, want string) bool {
	a, errA := strconv.ParseFloat(got, 64)
	b, errB := strconv.ParseFloat(want, 64)
	if errA == nil && errB == nil && len(want) < 30 && got != "007" {
		return a == b
	}
	return strings.TrimRight(got, " ") == want
}

type label struct{ Value, Label string }

type column struct {
	Name, Title string
	Labels      []label
	Cells       []string
}

// The cells, titles and labels of files that haven wrote, as haven reads them
// (testdata/make.R).
func TestFixtures(t *testing.T) {
	b, err := os.ReadFile("testdata/cells.json")
	if err != nil {
		t.Fatal(err)
	}
	var files map[string][]column
	if err := json.Unmarshal(b, &files); err != nil {
		t.Fatal(err)
	}
	if len(files) != 6 {
		t.Errorf("%d files, want 6", len(files))
	}
	for file, want := range files {
		res := datasets.Resource{Name: "visits"}
		if file == "v114.dta" || file == "v115.dta" || file == "v117.dta" {
			res.Encoding = "windows-1252" // as haven takes them
		}
		names, cells, said, err := read("testdata/"+file, res)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for j, w := range want {
			if names[j] != w.Name || said[j].Name != w.Name || said[j].Title != w.Title {
				t.Errorf("%s: column %q title %q, want %q %q", file, names[j], said[j].Title, w.Name, w.Title)
			}
			if len(cells[j]) != len(w.Cells) {
				t.Fatalf("%s: %d rows, want %d", file, len(cells[j]), len(w.Cells))
			}
			for i := range w.Cells {
				if !same(cells[j][i], w.Cells[i]) {
					t.Errorf("%s: column %s row %d: %q, want %q", file, w.Name, i+1, cells[j][i], w.Cells[i])
				}
			}
		}
	}
}

// Formats before 118 do not name their encoding: UTF-8 where it is that.
func TestOldTexts(t *testing.T) {
	for _, file := range []string{"v114.dta", "v115.dta", "v117.dta"} {
		_, cells, _, err := read("testdata/"+file, datasets.Resource{})
		if err != nil || cells[0][3] != "été" || cells[0][4] != "  x " {
			t.Errorf("%s: %q %v", file, cells[0], err)
		}
	}
	h := handMade{release: 115, latin: true}
	_, cells, _, err := read(put(t, h.bytes()), datasets.Resource{})
	if err != nil || cells[0][1] != "né" {
		t.Errorf("%q %v", cells[0], err)
	}
}

// What the columns of a fixture mean: sex has a label for each value met, pain
// for its ends alone, so it stays a number.
func TestDescribe(t *testing.T) {
	_, _, said, err := read("testdata/v118.dta", datasets.Resource{})
	if err != nil {
		t.Fatal(err)
	}
	missing := func(codes ...datasets.MissingValue) []datasets.MissingValue {
		return append([]datasets.MissingValue{{Value: ""}}, codes...)
	}
	want := []datasets.Field{
		{Name: "id", Type: datasets.TypeString},
		{Name: "num", Title: "A number µg", Type: datasets.TypeNumber, MissingValues: missing()},
		{Name: "tagged", Type: datasets.TypeNumber, MissingValues: missing(datasets.MissingValue{Value: ".a"}, datasets.MissingValue{Value: ".z"})},
		{Name: "whole", Type: datasets.TypeInteger, MissingValues: missing()},
		{Name: "flag", Type: datasets.TypeInteger, MissingValues: missing()},
		{
			Name: "sex", Title: "Sex at birth", Type: datasets.TypeString,
			Categories:    []datasets.Category{{Value: "1", Label: "male"}, {Value: "2", Label: "female"}},
			MissingValues: missing(datasets.MissingValue{Value: ".b", Label: "not asked"}),
		},
		{Name: "pain", Title: "Pain now", Description: "0 = no pain; 10 = worst", Type: datasets.TypeNumber, MissingValues: missing()},
		{Name: "seen", Type: datasets.TypeDate, MissingValues: missing()},
		{Name: "at", Type: datasets.TypeDatetime, MissingValues: missing()},
		{Name: "words", Type: datasets.TypeString},
		{Name: "strl", Type: datasets.TypeString},
	}
	for i := range want {
		if !reflect.DeepEqual(said[i], want[i]) {
			t.Errorf("%+v, want %+v", said[i], want[i])
		}
	}
}

func put(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.dta")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// The unit of a column and the day it stands for, worked by hand: 1960 began on
// day 0; 2010 is 50 years, 200 quarters, 600 months, 2600 of Stata's weeks and 100
// half years later. Before the first of January 1972 no leap second was counted,
// on the third of 2024 twenty-seven were.
func TestUnits(t *testing.T) {
	const dayMS = 86_400_000.0
	since := func(years, leapDays float64) float64 { return (years*365 + leapDays) * dayMS }
	for _, c := range []struct {
		format string
		v      float64
		want   string
	}{
		{"%td", 0, "1960-01-01"},
		{"%td", -1, "1959-12-31"},
		{"%tdDD/NN/CCYY", 31.75, "1960-02-01"},
		{"%d", 366, "1961-01-01"},
		{"%-td", 59, "1960-02-29"},
		{"%tc", 1500, "1960-01-01T00:00:01.5"},
		{"%tcHH:MM", -1, "1959-12-31T23:59:59.999"},
		{"%tC", since(64, 16), "2023-12-31T23:59:33"},
		{"%tC", since(64, 16) + 27_000, "2024-01-01T00:00:00"},
		{"%tC", since(12, 3) + 181*dayMS + 1, "1972-06-30T00:00:00.001"},
		{"%tw", 2605, "2010w6"},
		{"%tm", 602, "2010-03"},
		{"%tq", 203, "2010Q4"},
		{"%th", 101, "2010H2"},
		{"%tm", -1, "1959-12"},
		{"%ty", 2010, "2010"},
		{"%tq", -7841, "-7841"},
		{"%td", 1e300, "1e+300"},
		{"%tbx", 5, "5"},
		{"%9.0g", 0.1, "0.1"},
	} {
		b := datasets.NewBatch("", []datasets.Field{{Name: "x"}}, datasets.Resource{})
		unitOf(c.format).add(b, c.v)
		if got := b.Chunk().Text[0][0]; got != c.want {
			t.Errorf("%s %v: %s, want %s", c.format, c.v, got, c.want)
		}
	}
	// The twelve half years after 30 June 1972: a second later, one leap second past.
	if v := withoutLeaps(since(12, 3) + 182*dayMS + 1000); v != since(12, 3)+182*dayMS {
		t.Errorf("%v", v)
	}
	if len(leaps) != 27 {
		t.Errorf("%d leap seconds, want 27", len(leaps))
	}
}

// Bits beyond the largest number are missing values or damage, never numbers.
func TestNumbersBeyondRange(t *testing.T) {
	for _, order := range orders {
		s := &source{order: order}
		var f [4]byte
		var d [8]byte
		order.PutUint32(f[:], 0x7f000001)
		order.PutUint64(d[:], math.Float64bits(math.Inf(1)))
		if _, _, ok := s.number(floatNumber, f[:]); ok {
			t.Error("a float between missing values is a number")
		}
		if _, _, ok := s.number(doubleNumber, d[:]); ok {
			t.Error("infinity is a number")
		}
		order.PutUint64(d[:], math.Float64bits(math.NaN())|1<<63)
		if _, _, ok := s.number(doubleNumber, d[:]); ok {
			t.Error("NaN is a number")
		}
		order.PutUint64(d[:], missingDouble+26*missingDoubleStep)
		if _, m, ok := s.number(doubleNumber, d[:]); !ok || m != 'z' {
			t.Errorf("%c %v, want z", m, ok)
		}
	}
}
