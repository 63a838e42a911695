package spss

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
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"recoup/datasets"
)

// readBytes returns the names and cells of a file, column by column, and what it
// says of them after all is read.
func readBytes(b []byte, res datasets.Resource) (names []string, cells [][]string, said []datasets.Field, err error) {
	s := &source{path: "made.sav", in: bytes.NewReader(b), size: int64(len(b))}
	if err := s.open(res); err != nil {
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

type label struct{ Value, Label string }

type column struct {
	Name, Title string
	Labels      []label
	Missing     []string
	Cells       []string
}

// What haven reads in the files that haven and PSPP wrote (testdata/make.R).
func TestFixtures(t *testing.T) {
	var files map[string][]column
	if err := json.Unmarshal(fixture(t, "cells.json"), &files); err != nil {
		t.Fatal(err)
	}
	if len(files) != 7 {
		t.Errorf("%d files, want 7", len(files))
	}
	for file, want := range files {
		names, cells, said, err := readBytes(fixture(t, file), datasets.Resource{Name: "visits"})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for j, w := range want {
			if names[j] != w.Name || said[j].Name != w.Name || said[j].Title != w.Title {
				t.Errorf("%s: column %q title %q, want %q %q", file, names[j], said[j].Title, w.Name, w.Title)
			}
			compareLabels(t, file, said[j], w)
			if len(cells[j]) != len(w.Cells) {
				t.Fatalf("%s: column %s has %d rows, want %d", file, w.Name, len(cells[j]), len(w.Cells))
			}
			if strings.HasPrefix(file, "pspp") && strings.Contains("m q w", w.Name) {
				continue // periods, which haven leaves as seconds: TestPeriods
			}
			for i := range w.Cells {
				if !same(cells[j][i], w.Cells[i]) {
					t.Errorf("%s: column %s row %d: %q, want %q", file, w.Name, i+1, cells[j][i], w.Cells[i])
				}
			}
		}
	}
}

// compareLabels holds that each label is that of a level, of a missing value or
// told in the description, and that the missing values are declared.
func compareLabels(t *testing.T, file string, f datasets.Field, w column) {
	t.Helper()
	found := map[string]string{}
	for _, c := range f.Categories {
		found[c.Value] = c.Label
	}
	for _, m := range f.MissingValues {
		found[m.Value] = m.Label
	}
	for part := range strings.SplitSeq(f.Description, "; ") {
		if value, l, ok := strings.Cut(part, " = "); ok {
			found[value] = l
		}
	}
	for _, l := range w.Labels {
		if found[l.Value] != l.Label {
			t.Errorf("%s: column %s value %s has the label %q, want %q", file, w.Name, l.Value, found[l.Value], l.Label)
		}
	}
	for _, m := range w.Missing {
		declared := false
		for _, d := range f.MissingValues {
			declared = declared || d.Value == m
		}
		if !declared {
			t.Errorf("%s: column %s: %s is not declared missing", file, w.Name, m)
		}
	}
}

func TestDescribe(t *testing.T) {
	_, _, said, err := readBytes(fixture(t, "zlib.zsav"), datasets.Resource{})
	if err != nil {
		t.Fatal(err)
	}
	missing := func(codes ...string) []datasets.MissingValue {
		out := []datasets.MissingValue{{Value: ""}}
		for _, c := range codes {
			v, l, _ := strings.Cut(c, " ")
			out = append(out, datasets.MissingValue{Value: v, Label: l})
		}
		return out
	}
	for i, want := range map[int]datasets.Field{
		0: {Name: "id", Type: datasets.TypeString},
		1: {Name: "num", Type: datasets.TypeNumber, MissingValues: missing()},
		3: {
			Name: "sex", Title: "Sex at birth", Type: datasets.TypeString, MissingValues: missing("8", "9 not asked"),
			Categories: []datasets.Category{{Value: "1", Label: "male"}, {Value: "2", Label: "female"}},
		},
		4: {Name: "pain", Title: "Pain now", Description: "0 = no pain; 10 = worst", Type: datasets.TypeNumber, MissingValues: missing()},
		5: {Name: "score", Type: datasets.TypeNumber, MissingValues: missing("-99 refused", "-1", "-3.5")}, // the range's codes as they were met
		6: {
			Name: "answer", Type: datasets.TypeString, MissingValues: missing("zz unclear"),
			Categories: []datasets.Category{{Value: "n", Label: "no"}, {Value: "y", Label: "yes"}},
		},
		7: {Name: "seen", Type: datasets.TypeDate, MissingValues: missing()},
		8: {Name: "at", Type: datasets.TypeDatetime, MissingValues: missing()},
	} {
		if !reflect.DeepEqual(said[i], want) {
			t.Errorf("%+v\nwant %+v", said[i], want)
		}
	}
}

// Months, quarters and weeks as typed into the syntax of testdata/make.R; an
// elapsed time of half past twelve is 45,000 seconds.
func TestPeriods(t *testing.T) {
	for _, file := range []string{"pspp.sav", "pspp.zsav", "pspp-plain.sav"} {
		_, cells, said, err := readBytes(fixture(t, file), datasets.Resource{})
		if err != nil {
			t.Fatal(err)
		}
		want := [][]string{{"45000", "1", ""}, {"2010-03", "1999-12", ""}, {"2010Q4", "1999Q1", ""}, {"2010w6", "2010w53", ""}}
		if !reflect.DeepEqual(cells[3:7], want) || said[3].Unit != "seconds" || said[4].Type != datasets.TypeString {
			t.Errorf("%s: %q %+v", file, cells[3:7], said[3:5])
		}
	}
}

// made writes, byte by byte after the published description, a small file of a
// number n with missing values -9 to -1 and 99, and a text of 10 bytes.
type made struct {
	order       byteOrder
	compression uint32
	rows        int32 // -1: not said
	page        uint32
	charset     string
	bytes       func(h made) []byte // the rows, in place of its own
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var orders = []byteOrder{binary.LittleEndian, binary.BigEndian}

var madeCells = [][]string{{"1.5", "", "-9", "99"}, {"a", "né à la", "", "0123456789"}}

func (h made) file() []byte {
	o := h.order
	b := append([]byte("$FL2"), bytes.Repeat([]byte{' '}, 60)...)
	b = o.AppendUint32(b, 2)
	b = o.AppendUint32(b, 3) // elements of a row
	b = o.AppendUint32(b, h.compression)
	b = o.AppendUint32(b, 0)
	b = o.AppendUint32(b, uint32(h.rows))
	b = o.AppendUint64(b, math.Float64bits(100))
	b = append(b, "01 Jan 2012:34:56"...)
	b = append(b, bytes.Repeat([]byte{' '}, 67)...)
	i32 := func(vs ...int32) {
		for _, v := range vs {
			b = o.AppendUint32(b, uint32(v))
		}
	}
	f64 := func(v float64) { b = o.AppendUint64(b, math.Float64bits(v)) }
	i32(2, 0, 1, -3, 5<<16|8<<8|2, 5<<16|8<<8|2)
	b = append(b, "N       "...)
	i32(3)
	b = append(b, "num\x00"...)
	f64(-9)
	f64(-1)
	f64(99)
	i32(2, 10, 0, 0, 1<<16|10<<8, 1<<16|10<<8)
	b = append(b, "T       "...)
	i32(2, -1, 0, 0, 0, 0)
	b = append(b, "        "...)
	i32(3, 2)
	f64(99)
	b = append(b, "\x07unknown"...)
	f64(1.5)
	b = append(b, "\x04some   "...)
	i32(4, 1, 1)
	i32(6, 1)
	b = append(b, bytes.Repeat([]byte{'.'}, 80)...)
	i32(7, 3, 4, 8, 20, 0, 0, 1, 1, 1, 2, int32(h.page))
	if h.charset != "" {
		i32(7, 20, 1, int32(len(h.charset)))
		b = append(b, h.charset...)
	}
	i32(7, 99, 1, 5) // of a kind that is not known
	b = append(b, "later"...)
	i32(999, 0)
	if h.bytes != nil {
		return append(b, h.bytes(h)...)
	}
	return append(b, h.cells()...)
}

func (h made) text(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "é", "\xe9"), "à", "\xe0")
	return s + strings.Repeat(" ", 16-len(s))
}

func (h made) cells() []byte {
	o := h.order
	numbers := []float64{1.5, -math.MaxFloat64, -9, 99}
	var b []byte
	if h.compression == 0 {
		for i, v := range numbers {
			b = o.AppendUint64(b, math.Float64bits(v))
			b = append(b, h.text(madeCells[1][i])...)
		}
		return b
	}
	b = append(b, 253, 253, 254, 255, 253, 254, 91, 254)
	b = o.AppendUint64(b, math.Float64bits(1.5))
	b = append(b, h.text("a")[:8]...)
	b = append(b, h.text("né à la")[:8]...)
	b = append(b, 254, 0, 199, 253, 253, 252, 0, 0)
	return append(b, h.text("0123456789")...)
}

// Each byte order, compressed and not, the number of rows said and not, in
// encodings named by number, by name and not at all.
func TestHandMade(t *testing.T) {
	for _, order := range orders {
		for _, compression := range []uint32{0, 1} {
			for _, rows := range []int32{4, -1} {
				for page, charset := range map[uint32]string{1252: "", 2: "", 65001: "ISO-8859-1", 28591: "windows-1252"} {
					h := made{order: order, compression: compression, rows: rows, page: page, charset: charset}
					names, cells, said, err := readBytes(h.file(), datasets.Resource{})
					if err != nil {
						t.Errorf("%v %d %d %d: %v", order, compression, rows, page, err)
						continue
					}
					want := []datasets.MissingValue{{Value: ""}, {Value: "99", Label: "unknown"}, {Value: "-9"}}
					if !reflect.DeepEqual(names, []string{"N", "T"}) || !reflect.DeepEqual(cells, madeCells) || !reflect.DeepEqual(said[0].MissingValues, want) {
						t.Errorf("%v %d %d %d: %q %q %+v", order, compression, rows, page, names, cells, said)
					}
				}
			}
		}
	}
}

func TestCharsets(t *testing.T) {
	for name, want := range map[string]string{
		"UTF-8": "", "utf8": "", "windows-1252": "\u20ac", "CP1252": "\u20ac", "ISO-8859-1": "\u20ac", "windows-1251": "\u0402", "IBM850": "\u00c7", "US-ASCII": "\u20ac",
	} {
		enc, err := charsetOf(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, ok := datasets.Decode(enc, []byte{0x80}); ok && got != want {
			t.Errorf("%s: 0x80 is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"utf-16", "EBCDIC-US", "cp37"} {
		if _, err := charsetOf(name); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	// 0x82 0xa0 is the first hiragana of Shift JIS.
	enc, err := charsetOf(codePage(932))
	if got, ok := datasets.Decode(enc, []byte{0x82, 0xa0}); err != nil || !ok || got != "あ" {
		t.Errorf("code page 932: %q %v", got, err)
	}
}

// ReadStat reads the same files and gives the same cells, but for the missing
// values it leaves out.
func TestHandMadeAgainstReadStat(t *testing.T) {
	tool, err := exec.LookPath("readstat")
	if err != nil {
		t.Skip("SKIPPED: the readstat command is not installed")
	}
	for _, order := range orders {
		for _, compression := range []uint32{0, 1} {
			dir := t.TempDir()
			path, out := filepath.Join(dir, "made.sav"), filepath.Join(dir, "out.csv")
			if err := os.WriteFile(path, made{order: order, compression: compression, rows: 4, page: 1252}.file(), 0o644); err != nil {
				t.Fatal(err)
			}
			if msg, err := exec.Command(tool, path, out).CombinedOutput(); err != nil {
				t.Fatalf("%v %s", err, msg)
			}
			got, err := os.ReadFile(out)
			want := "\"N\",\"T\"\n1.500000,\"a\"\n,\"né à la\"\n-9.000000,\"\"\n99.000000,\"0123456789\"\n"
			if err != nil || string(got) != want {
				t.Errorf("%v %d: readstat gives %q, by hand %q (%v)", order, compression, got, want, err)
			}
		}
	}
}

// A file cut short anywhere ends in an error, but for one that says neither how
// many rows it has nor where they end.
func TestCutShort(t *testing.T) {
	files := map[string][]byte{}
	for _, name := range []string{"plain.sav", "byte.sav", "zlib.zsav", "pspp.sav", "pspp.zsav", "pspp-plain.sav"} {
		files[name] = fixture(t, name)
	}
	for _, order := range orders {
		for _, compression := range []uint32{0, 1} {
			files[fmt.Sprint(order, compression)] = made{order: order, compression: compression, rows: 4, page: 1252}.file()
		}
	}
	for name, b := range files {
		whole, cells := 0, 0
		for n := 0; n < len(b); n++ {
			if len(b) > 4000 && n < len(b)-200 {
				n += 6 // the large ones at every seventh byte, but for their end
			}
			_, c, _, err := readBytes(b[:n], datasets.Resource{})
			if err == nil {
				whole++
				cells = len(c[0])
			}
		}
		_, c, _, err := readBytes(b, datasets.Resource{})
		// The filling after the last bytecode may be missing.
		if err != nil || whole > 0 && cells != len(c[0]) {
			t.Errorf("%s: %d shorter files are read, with %d rows (%v)", name, whole, cells, err)
		}
	}
}

func TestRefused(t *testing.T) {
	le := binary.LittleEndian
	good := made{order: le, rows: 4, page: 1252}
	with := func(change func(h *made)) []byte {
		h := good
		change(&h)
		return h.file()
	}
	edit := func(b []byte, from, to string) []byte { return bytes.Replace(b, []byte(from), []byte(to), 1) }
	zsav := fixture(t, "zlib.zsav")
	poke := func(b []byte, at int, to ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], to)
		return b
	}
	trailer := int(le.Uint64(zsav[bytes.LastIndex(zsav[:len(zsav)-48], le.AppendUint64(nil, uint64(len(zsav)-48))):]))
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"nothing":                   {nil, "begins with its mark"},
		"another format":            {bytes.Repeat([]byte("id,pain\n"), 50), "begins with its mark"},
		"EBCDIC":                    {poke(good.file(), 0, 0x5b, 0xc6, 0xd3, 0xf2), "EBCDIC"},
		"2^31 rows":                 {with(func(h *made) { h.rows = math.MaxInt32 }), "as long as its rows need"},
		"2^31 compressed rows":      {with(func(h *made) { h.rows = math.MaxInt32; h.compression = 1 }), "as long as its rows need"},
		"an unknown compression":    {with(func(h *made) { h.compression = 3 }), "known kinds"},
		"an unknown code page":      {with(func(h *made) { h.page = 37 }), "encoding that is known"},
		"another encoding":          {with(func(h *made) { h.page = 65001 }), "text in the file's encoding"},
		"text where a number is":    {with(func(h *made) { h.compression = 1; h.bytes = func(made) []byte { return bytes.Repeat([]byte{254}, 40) } }), "that can be read"},
		"a number where text is":    {with(func(h *made) { h.compression = 1; h.bytes = func(made) []byte { return bytes.Repeat([]byte{101}, 40) } }), "that can be read"},
		"an end before the end":     {with(func(h *made) { h.compression = 1; h.bytes = func(made) []byte { return bytes.Repeat([]byte{252}, 40) } }), "that can be read"},
		"half a row":                {with(func(h *made) { h.rows = -1; h.bytes = func(h made) []byte { return h.cells()[:36] } }), "last row is whole"},
		"labels of no variable":     {edit(good.file(), "\x04\x00\x00\x00\x01\x00\x00\x00\x01", "\x04\x00\x00\x00\x01\x00\x00\x00\x09"), "belong to its variables"},
		"a text that goes on alone": {edit(good.file(), "\x02\x00\x00\x00\x0a\x00\x00\x00", "\x02\x00\x00\x00\xff\xff\xff\xff"), "before they go on"},
		"a file that grows":         {with(func(h *made) { h.compression, h.bytes = 2, growing }), "grow without bound"},
		"a block damaged":           {poke(zsav, trailer-20, 1, 2, 3, 4), "that can be read"},
		"a block elsewhere":         {poke(zsav, trailer+32, 9), "blocks are inside it"},
		"a block too large":         {poke(zsav, trailer+43, 0x7f), "blocks are inside it"},
	} {
		_, _, _, err := readBytes(c.b, datasets.Resource{Name: "visits"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.want)
		}
		var ps datasets.Problems
		if !errors.As(err, &ps) {
			t.Errorf("%s: the error is no problem of the file", name)
		}
	}
}

// growing is the rows of a .zsav file with 40 blocks of 16 MiB that take nothing.
func growing(h made) []byte {
	var b []byte
	u64 := func(v int) { b = h.order.AppendUint64(b, uint64(v)) }
	h.bytes = func(made) []byte { return nil }
	at := len(h.file())
	u64(at)
	u64(at + 24)
	u64(24 + 40*24)
	u64(-100)
	u64(0)
	b = h.order.AppendUint32(b, 16<<20)
	b = h.order.AppendUint32(b, 40)
	for i := range 40 {
		u64(at + i*16<<20)
		u64(at + 24)
		b = h.order.AppendUint32(b, 16<<20)
		b = h.order.AppendUint32(b, 0)
	}
	return b
}

// A file of any bytes is read to its end or refused.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"plain.sav", "byte.sav", "zlib.zsav", "empty.sav", "pspp.sav", "pspp.zsav"} {
		f.Add(fixture(f, name))
	}
	for _, order := range orders {
		for _, rows := range []int32{4, -1} {
			f.Add(made{order: order, rows: rows, compression: 1, page: 1252}.file())
			f.Add(made{order: order, rows: rows, page: 65001, charset: "windows-1252"}.file())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &source{in: bytes.NewReader(b), size: int64(len(b))}
		if err := s.open(datasets.Resource{}); err != nil {
			return
		}
		rows := int64(0)
		for {
			c, err := s.Next(context.Background())
			if errors.Is(err, io.EOF) {
				if s.head.rows >= 0 && rows != s.head.rows {
					t.Fatalf("%d rows, the file says %d", rows, s.head.rows)
				}
				break
			}
			if err != nil {
				return
			}
			rows += int64(c.Rows)
		}
		s.Describe()
	})
}
