package sas

import (
	"bytes"
	"context"
	"encoding/binary"
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

// readBytes returns the names and cells of a member, column by column, and what
// the file says of them after all is read.
func readBytes(b []byte, member string, res datasets.Resource) (names []string, cells [][]string, said []datasets.Field, err error) {
	s := &source{path: "made.xpt", in: bytes.NewReader(b), size: int64(len(b))}
	if err := s.open(member, res); err != nil {
		return nil, nil, nil, err
	}
	names = s.Columns()
	cells = make([][]string, len(names))
	for {
		c, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return names, cells, s.Describe(), nil
		}
		if err != nil {
			return names, cells, nil, err
		}
		for j := range names {
			cells[j] = append(cells[j], c.Text[j]...)
		}
	}
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(got, want string) bool {
	a, errA := strconv.ParseFloat(got, 64)
	b, errB := strconv.ParseFloat(want, 64)
	if errA == nil && errB == nil && len(want) < 30 && got != "007" {
		return a == b
	}
	return got == want
}

// What haven reads in the files that it wrote (testdata/make.R). It writes a
// number with the 56 bits of IBM's fraction, so that all come back as they were.
func TestFixtures(t *testing.T) {
	var files map[string][]struct {
		Name, Title string
		Cells       []string
	}
	if err := json.Unmarshal(fixture(t, "cells.json"), &files); err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Errorf("%d files, want 4", len(files))
	}
	for file, want := range files {
		names, cells, said, err := readBytes(fixture(t, file), "", datasets.Resource{Name: "visits"})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for j, w := range want {
			if names[j] != w.Name || said[j].Name != w.Name || said[j].Title != w.Title {
				t.Errorf("%s: column %q title %q, want %q %q", file, names[j], said[j].Title, w.Name, w.Title)
			}
			if len(cells[j]) != len(w.Cells) {
				t.Fatalf("%s: column %s has %d rows, want %d", file, w.Name, len(cells[j]), len(w.Cells))
			}
			for i := range w.Cells {
				if !same(cells[j][i], w.Cells[i]) {
					t.Errorf("%s: column %s row %d: %q, want %q", file, w.Name, i+1, cells[j][i], w.Cells[i])
				}
			}
		}
	}
}

func TestDescribe(t *testing.T) {
	_, _, said, err := readBytes(fixture(t, "v5.xpt"), "", datasets.Resource{})
	if err != nil {
		t.Fatal(err)
	}
	none := []datasets.MissingValue{{Value: ""}}
	for i, want := range map[int]datasets.Field{
		0: {Name: "id", Type: datasets.TypeString},
		1: {Name: "num", Title: "A number", Type: datasets.TypeNumber, MissingValues: none},
		2: {Name: "tagged", Type: datasets.TypeNumber, MissingValues: append(none[:1:1], datasets.MissingValue{Value: ".A"}, datasets.MissingValue{Value: ".Z"})},
		6: {Name: "seen", Type: datasets.TypeDate, MissingValues: none},
		7: {Name: "at", Type: datasets.TypeDatetime, MissingValues: none},
	} {
		if !reflect.DeepEqual(said[i], want) {
			t.Errorf("%+v\nwant %+v", said[i], want)
		}
	}
}

// Numbers worked by hand: 0x41 is 16¹, so 0x4110… is 16·1/16 = 1; 0xC2 is −16²,
// 0x76A = 7·256+6·16+10 = 1898, and −256·1898/4096 = −118.625. A third has the
// fraction 0x.5555…, of which fewer bytes give less.
func TestIBM(t *testing.T) {
	for raw, want := range map[string]float64{
		"\x41\x10\x00\x00\x00\x00\x00\x00": 1, "\x00\x00\x00\x00\x00\x00\x00\x00": 0, "\xc2\x76\xa0\x00\x00\x00\x00\x00": -118.625,
		"\x40\x55\x55\x55\x55\x55\x55\x55": 1.0 / 3, "\x40\x55": 85.0 / 256, "\x41\x10": 1, "\xc2\x76\xa0": -118.625,
		"\x7f\xff\xff\xff\xff\xff\xff\xff": math.Pow(16, 63), "\x00\x10\x00\x00\x00\x00\x00\x00": math.Pow(16, -65),
	} {
		if got := ibm([]byte(raw)); math.Abs(got-want) > 1e-16*math.Abs(want) && len(raw) == 8 || len(raw) < 8 && got != want {
			t.Errorf("% x is %v, want %v", raw, got, want)
		}
	}
	for raw, want := range map[string]byte{".\x00": '.', "_\x00\x00": '_', "A\x00\x00\x00": 'A', "Z\x00\x00\x00\x00\x00\x00\x00": 'Z', "A\x10": 0, "[\x00": 0} {
		if c, ok := missingOf([]byte(raw)); ok != (want != 0) || ok && c != want {
			t.Errorf("% x is missing %c %v, want %c", raw, c, ok, want)
		}
	}
}

// 22,000 days after 1960 began is 26 March 2020: 60 years with 15 leap days are
// 21,915 days, and 85 = 31+29+25.
func TestFormats(t *testing.T) {
	for format, want := range map[string]string{
		"": "22000", "BEST12.": "22000", "DATE9.": "2020-03-26", "YYMMDD": "2020-03-26", "YYMMDDN8.": "2020-03-26", "E8601DA10.": "2020-03-26",
		"DDMMYYP10.": "2020-03-26", "MONYY7.": "2020-03", "YYMMD7.": "2020-03", "YYQ6.": "2020Q1", "YYQC6.": "2020Q1", "YYQR8.": "2020Q1",
		"DATETIME20.": "1960-01-01T06:06:40", "E8601DT": "1960-01-01T06:06:40", "TIME8.": "22000", "HHMM": "22000", "weekdate": "2020-03-26",
		"$CHAR8.": "22000", "DATES": "22000", "DOLLAR8.2": "22000",
	} {
		b := datasets.NewBatch("", []datasets.Field{{Name: "x"}}, datasets.Resource{})
		variable{unit: unitOf(format)}.add(b, []byte{0x44, 0x55, 0xf0}) // 22000 = 0x55f0
		if got := b.Chunk().Text[0][0]; got != want {
			t.Errorf("%s: %s, want %s", format, got, want)
		}
	}
}

// table writes a member of version 5 of one text variable, as wide as its rows.
func table(name string, rows ...string) []byte {
	pad := func(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }
	head := func(kind, digits string) string { return pad(headerMark+pad(kind, 8)+headerEnd+digits, record) }
	zeros := strings.Repeat("0", 30)
	b := []byte(head("MEMBER", "000000000000000001600000000140"))
	b = append(b, head("DSCRPTR", zeros)...)
	b = append(b, pad("SAS     "+pad(name, 8)+"SASDATA 6.06", record)...)
	b = append(b, pad("", record)...)
	b = append(b, head("NAMESTR", "000000000100000000000000000000")...)
	v := make([]byte, 140)
	v[1] = 2
	binary.BigEndian.PutUint16(v[4:], uint16(len(rows[0])))
	copy(v[8:], pad("WORD", 8))
	copy(v[16:], pad("", 56))
	b = append(b, pad(string(v), 160)...)
	b = append(b, head("OBS", zeros)...)
	data := strings.Join(rows, "")
	return append(b, pad(data, (len(data)+record-1)/record*record)...)
}

func library(members ...[]byte) []byte {
	b := fmt.Appendf(nil, "%-80s%-80s%-80s", headerMark+"LIBRARY "+headerEnd+strings.Repeat("0", 30), "SAS     SAS     SASLIB", "")
	return append(b, bytes.Join(members, nil)...)
}

// Of several tables the one that the path names is read; without a name they are
// listed. Rows of blanks count up to the last record.
func TestMembers(t *testing.T) {
	b := library(table("VISITS", "a1", "b2", "  ", "c3"), table("LABS", strings.Repeat("x", 80), strings.Repeat(" ", 80), strings.Repeat("y", 80)))
	for name, want := range map[string][]string{
		"VISITS": {"a1", "b2", "", "c3"}, "labs": {strings.Repeat("x", 80), "", strings.Repeat("y", 80)},
	} {
		_, cells, _, err := readBytes(b, name, datasets.Resource{})
		if err != nil || !reflect.DeepEqual(cells[0], want) {
			t.Errorf("%s: %q %v", name, cells, err)
		}
	}
	for name, want := range map[string]string{"": "one of the 2 tables in the file: VISITS, LABS", "DOSES": "a table in the file: VISITS, LABS"} {
		if _, _, _, err := readBytes(b, name, datasets.Resource{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "two.xpt")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	src, err := Open(path+"#LABS", datasets.Resource{})
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Close(); err != nil || !reflect.DeepEqual(src.Columns(), []string{"WORD"}) {
		t.Errorf("%v %v", src.Columns(), err)
	}
}

// withCount writes the number of rows where SAS writes it in version 8.
func withCount(b []byte, n int) []byte {
	mark := []byte("OBSV8   " + headerEnd)
	at := bytes.Index(b, mark) + len(mark)
	b = bytes.Clone(b)
	copy(b[at:], fmt.Sprintf("%15d%15s", n, ""))
	return b
}

// A file cut short anywhere ends in an error; where it does not say how many rows
// it has, one cut between records and between rows cannot be told from a whole
// one, and no row is read in part.
func TestCutShort(t *testing.T) {
	v8 := withCount(fixture(t, "v8.xpt"), 5)
	if _, cells, _, err := readBytes(v8, "", datasets.Resource{}); err != nil || len(cells[0]) != 5 {
		t.Errorf("%v", err)
	}
	for n := range len(v8) {
		if _, _, _, err := readBytes(v8[:n], "", datasets.Resource{}); err == nil {
			t.Errorf("version 8 cut at %d is read", n)
		}
	}
	v5 := fixture(t, "v5.xpt")
	_, whole, _, err := readBytes(v5, "", datasets.Resource{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(v5) {
		_, cells, _, err := readBytes(v5[:n], "", datasets.Resource{})
		if err == nil && n%record != 0 {
			t.Errorf("version 5 cut at %d is read", n)
		}
		if err == nil {
			for j := range cells {
				for i := range cells[j] {
					if cells[j][i] != whole[j][i] {
						t.Errorf("version 5 cut at %d has another cell", n)
					}
				}
			}
		}
	}
}

func TestRefused(t *testing.T) {
	v5, v8 := fixture(t, "v5.xpt"), fixture(t, "v8.xpt")
	edit := func(b []byte, from, to string) []byte {
		if !bytes.Contains(b, []byte(from)) {
			t.Fatalf("no %q to change", from)
		}
		return bytes.Replace(b, []byte(from), []byte(to), 1)
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"nothing":                {nil, "records of 80 bytes"},
		"another format":         {bytes.Repeat([]byte("id,pain\n"), 50), "SAS transport file (.xpt)"},
		"of PROC CPORT":          {append([]byte("**COMPRESSED** **COMPRESSED** **COMPRESSED**"), make([]byte, 400)...), "PROC CPORT"},
		"no table":               {v5[:240], "with a table"},
		"many rows":              {withCount(v8, math.MaxInt32), "2147483647 rows"},
		"fewer rows than said":   {withCount(v8, 6), "6 rows"},
		"more rows than said":    {withCount(v8, 3), "last row"},
		"99,999 variables":       {edit(v8, "!!!!!!!0000000010", "!!!!!!!0000099999"), "at most 20000 columns"},
		"more variables":         {edit(v8, "!!!!!!!0000000010", "!!!!!!!0000009999"), "goes on to its end"},
		"no variables":           {edit(v8, "!!!!!!!0000000010", "!!!!!!!0000000000"), "have variables"},
		"another count":          {edit(v8, "!!!!!!!0000000010", "!!!!!!!00000000x0"), "have variables"},
		"a name twice":           {edit(v5, "num     ", "id      "), "names of their own"},
		"bytes that are no text": {edit(v5, "plain", "pl\xe9in"), "UTF-8"},
		"no rows' header":        {edit(v5, "OBS     ", "OBT     "), "tables have rows"},
		"an odd length":          {v5[:len(v5)-1], "records of 80 bytes"},
	} {
		_, _, _, err := readBytes(c.b, "", datasets.Resource{Name: "visits"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.want)
		}
		var ps datasets.Problems
		if !errors.As(err, &ps) {
			t.Errorf("%s: the error is no problem of the file", name)
		}
	}
	if _, cells, _, err := readBytes(edit(v5, "plain", "pl\xe9in"), "", datasets.Resource{Encoding: "windows-1252"}); err != nil || cells[0][3] != "pléin" {
		t.Errorf("%q %v", cells, err)
	}
}

// A file of any bytes is read to its end or refused.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"v5.xpt", "v8.xpt", "empty.xpt", "narrow.xpt"} {
		f.Add(fixture(f, name))
	}
	f.Add(withCount(fixture(f, "v8.xpt"), 5))
	f.Add(library(table("A", "a", "b"), table("B", "xyz")))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, member := range []string{"", "B"} {
			s := &source{in: bytes.NewReader(b), size: int64(len(b))}
			if err := s.open(member, datasets.Resource{}); err != nil {
				continue
			}
			rows := int64(0)
			for {
				c, err := s.Next(context.Background())
				if errors.Is(err, io.EOF) {
					if rows != s.member.rows {
						t.Fatalf("%d rows, the file says %d", rows, s.member.rows)
					}
					s.Describe()
					break
				}
				if err != nil {
					break
				}
				rows += int64(c.Rows)
			}
		}
	})
}
