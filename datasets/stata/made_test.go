package stata

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"recoup/datasets"
)

var orders = []byteOrder{binary.LittleEndian, binary.BigEndian}

// byteOrder is a byte order that both reads and appends.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// handMade writes, byte by byte after the published description of each format,
// a file that the tools at hand cannot: every type, missing value and byte order.
type handMade struct {
	release int
	order   byteOrder
	latin   bool  // texts in Windows-1252
	rows    int64 // promised in place of the real number
	columns int64
	key     uint64 // row that cells name for a long string, in place of 1
	form    byte   // of the long string
}

// The columns: a text, five numbers, a month, and a long string from 117 on.
var madeNames = []string{"id", "b", "i", "l", "f", "d", "month", "long"}

// madeCells are the cells of the three rows, worked by hand.
var madeCells = [][]string{
	{"p1", "né", "p3"},
	{"-127", "", ".z"},
	{"32740", ".a", ""},
	{"-2147483647", ".z", "1"},
	{"0.5", "", ".a"},
	{"0.1", ".b", ""},
	{"2010-03", "1960-01", ".c"},
	{"a long one", "", "a long one"},
}

func (h handMade) text(s string, width int) []byte {
	if h.latin {
		s = strings.ReplaceAll(s, "é", "\xe9")
	}
	return append([]byte(s), make([]byte, width-len(s))...)
}

func (h handMade) bytes() []byte {
	if h.order == nil {
		h.order = binary.LittleEndian
	}
	if h.release < 117 {
		return h.oldBytes()
	}
	return h.newBytes()
}

// row appends row i of the three.
func (h handMade) row(b []byte, i int) []byte {
	o := h.order
	b = append(b, h.text([]string{"p1", "né", "p3"}[i], 5)...)
	b = append(b, []byte{0x81, 101, 127}[i]) // -127 . .z
	b = o.AppendUint16(b, []uint16{32740, 32742, 32741}[i])
	b = o.AppendUint32(b, []uint32{0x80000001, 2147483647, 1}[i])
	b = o.AppendUint32(b, []uint32{math.Float32bits(0.5), 0x7f000000, 0x7f000800}[i])
	b = o.AppendUint64(b, []uint64{math.Float64bits(0.1), 0x7fe0020000000000, 0x7fe0000000000000}[i])
	b = o.AppendUint16(b, []uint16{602, 0, 32744}[i])
	if h.release < 117 {
		return b
	}
	row := h.key
	if row == 0 {
		row = 1
	}
	if i == 1 {
		return append(b, make([]byte, 8)...)
	}
	switch { // variable 8, row 1
	case h.release == 117:
		return o.AppendUint32(o.AppendUint32(b, 8), uint32(row))
	case h.order == byteOrder(binary.BigEndian):
		var v, r [8]byte
		o.PutUint64(v[:], 8)
		o.PutUint64(r[:], row)
		n := map[int]int{118: 2, 119: 3}[h.release]
		return append(append(b, v[8-n:]...), r[n:]...)
	default:
		var v, r [8]byte
		o.PutUint64(v[:], 8)
		o.PutUint64(r[:], row)
		n := map[int]int{118: 2, 119: 3}[h.release]
		return append(append(b, v[:n]...), r[:8-n]...)
	}
}

func (h handMade) oldBytes() []byte {
	o := h.order
	k := len(madeNames) - 1
	var b []byte
	b = append(b, byte(h.release), map[bool]byte{true: 1, false: 2}[o == byteOrder(binary.BigEndian)], 1, 0)
	b = o.AppendUint16(b, uint16(pick(h.columns, int64(k))))
	b = o.AppendUint32(b, uint32(pick(h.rows, 3)))
	b = append(b, h.text("made by hand", 81)...)
	b = append(b, h.text("", 18)...)
	b = append(b, 5, 251, 252, 253, 254, 255, 252)
	for _, n := range madeNames[:k] {
		b = append(b, h.text(n, 33)...)
	}
	b = append(b, make([]byte, 2*(k+1))...)
	for _, n := range madeNames[:k] {
		b = append(b, h.text(formatOf(n), 49)...)
	}
	for _, n := range madeNames[:k] {
		b = append(b, h.text(setOf(n), 33)...)
	}
	for _, n := range madeNames[:k] {
		b = append(b, h.text("the "+n, 81)...)
	}
	b = append(b, 1)
	b = o.AppendUint32(b, 7)
	b = append(b, "a note."...)
	b = append(b, 0, 0, 0, 0, 0)
	for i := range 3 {
		b = h.row(b, i)
	}
	return append(b, h.labels(33)...)
}

// labels is one set: 1 one, 0 zero, .a asked not. Not in the order of values.
func (h handMade) labels(width int) []byte {
	o := h.order
	texts := "one\x00zero\x00asked not\x00"
	table := o.AppendUint32(nil, 3)
	table = o.AppendUint32(table, uint32(len(texts)))
	for _, at := range []uint32{0, 4, 9} {
		table = o.AppendUint32(table, at)
	}
	for _, v := range []uint32{1, 0, 2147483622} {
		table = o.AppendUint32(table, v)
	}
	table = append(table, texts...)
	b := o.AppendUint32(nil, uint32(len(table)))
	b = append(b, h.text("set", width)...)
	b = append(b, 0, 0, 0)
	return append(b, table...)
}

func (h handMade) newBytes() []byte {
	o := h.order
	k := len(madeNames)
	name, format, title, sort := 33, 49, 81, 2
	if h.release >= 118 {
		name, format, title = 129, 57, 321
	}
	if h.release == 119 {
		sort = 4
	}
	var places []int
	var b []byte
	tag := func(s string) { b = append(b, s...) }
	part := func(s string) { places = append(places, len(b)); tag("<" + s + ">") }
	places = append(places, 0)
	tag(fmt.Sprintf("<stata_dta><header><release>%d</release><byteorder>", h.release))
	tag(map[bool]string{true: "MSF", false: "LSF"}[o == byteOrder(binary.BigEndian)] + "</byteorder><K>")
	if h.release == 119 {
		b = o.AppendUint32(b, uint32(pick(h.columns, int64(k))))
	} else {
		b = o.AppendUint16(b, uint16(pick(h.columns, int64(k))))
	}
	tag("</K><N>")
	if h.release == 117 {
		b = o.AppendUint32(b, uint32(pick(h.rows, 3)))
	} else {
		b = o.AppendUint64(b, uint64(pick(h.rows, 3)))
	}
	tag("</N><label>")
	if h.release == 117 {
		b = append(b, 4)
	} else {
		b = o.AppendUint16(b, 4)
	}
	tag("made</label><timestamp>\x00</timestamp></header>")
	part("map")
	mapAt := len(b)
	b = append(b, make([]byte, 14*8)...)
	tag("</map>")
	part("variable_types")
	for _, code := range []uint16{5, 65530, 65529, 65528, 65527, 65526, 65529, 32768} {
		b = o.AppendUint16(b, code)
	}
	tag("</variable_types>")
	part("varnames")
	for _, n := range madeNames {
		b = append(b, h.text(n, name)...)
	}
	tag("</varnames>")
	part("sortlist")
	b = append(b, make([]byte, sort*(k+1))...)
	tag("</sortlist>")
	part("formats")
	for _, n := range madeNames {
		b = append(b, h.text(formatOf(n), format)...)
	}
	tag("</formats>")
	part("value_label_names")
	for _, n := range madeNames {
		b = append(b, h.text(setOf(n), name)...)
	}
	tag("</value_label_names>")
	part("variable_labels")
	for _, n := range madeNames {
		b = append(b, h.text("the "+n, title)...)
	}
	tag("</variable_labels>")
	part("characteristics")
	tag("<ch>")
	b = o.AppendUint32(b, uint32(2*name+3))
	b = append(b, h.text("_dta", name)...)
	b = append(b, h.text("note1", name)...)
	tag("hi\x00</ch></characteristics>")
	part("data")
	for i := range 3 {
		b = h.row(b, i)
	}
	tag("</data>")
	part("strls")
	tag("GSO")
	b = o.AppendUint32(b, 8)
	if h.release == 117 {
		b = o.AppendUint32(b, 1)
	} else {
		b = o.AppendUint64(b, 1)
	}
	b = append(b, byte(pick(int64(h.form), 130)))
	b = o.AppendUint32(b, 11)
	tag("a long one\x00</strls>")
	part("value_labels")
	tag("<lbl>")
	b = append(b, h.labels(name)...)
	tag("</lbl></value_labels>")
	places = append(places, len(b))
	tag("</stata_dta>")
	places = append(places, len(b))
	for i, p := range places {
		o.PutUint64(b[mapAt+8*i:], uint64(p))
	}
	return b
}

func pick(a, b int64) int64 {
	if a != 0 {
		return a
	}
	return b
}

func formatOf(name string) string {
	switch name {
	case "id", "long":
		return "%9s"
	case "month":
		return "%tm"
	}
	return "%9.0g"
}

func setOf(name string) string {
	if name == "l" {
		return "set"
	}
	return ""
}

var releases = []int{114, 115, 117, 118, 119}

// Every format in both byte orders gives the cells worked by hand.
func TestHandMade(t *testing.T) {
	for _, release := range releases {
		for _, order := range orders {
			names, cells, said, err := read(put(t, handMade{release: release, order: order}.bytes()), datasets.Resource{})
			if err != nil {
				t.Errorf("%d %v: %v", release, order, err)
				continue
			}
			n := len(madeNames)
			if release < 117 {
				n--
			}
			if !reflect.DeepEqual(names, madeNames[:n]) || !reflect.DeepEqual(cells, madeCells[:n]) {
				t.Errorf("%d %v: %q\n%q", release, order, names, cells)
			}
			l := said[3]
			if l.Title != "the l" || len(l.Categories) != 0 || l.Description != "0 = zero; 1 = one" || l.Type != datasets.TypeInteger ||
				!reflect.DeepEqual(l.MissingValues, []datasets.MissingValue{{Value: ""}, {Value: ".a", Label: "asked not"}, {Value: ".z"}}) {
				t.Errorf("%d %v: %+v", release, order, l)
			}
			if said[6].Type != datasets.TypeString {
				t.Errorf("a month is of type %s", said[6].Type)
			}
		}
	}
}

// The lowest value that Stata has keeps its label as a level.
func TestLowestLabel(t *testing.T) {
	b := bytes.Replace(handMade{release: 118}.bytes(), []byte("\x01\x00\x00\x00\x00\x00\x00\x00\xe6\xff\xff\x7f"), []byte("\x01\x00\x00\x00\x01\x00\x00\x80\xe6\xff\xff\x7f"), 1)
	_, _, said, err := read(put(t, b), datasets.Resource{})
	if err != nil || said[3].Description != "" || len(said[3].Categories) != 2 || said[3].Categories[0] != (datasets.Category{Value: "-2147483647", Label: "zero"}) {
		t.Errorf("%+v %v", said, err)
	}
}

// ReadStat reads the same files and gives the same cells, but for what it cannot
// write to CSV: which missing value stands in a cell, and months.
func TestHandMadeAgainstReadStat(t *testing.T) {
	tool, err := exec.LookPath("readstat")
	if err != nil {
		t.Skip("SKIPPED: the readstat command is not installed")
	}
	for _, release := range releases {
		for _, order := range orders {
			made := handMade{release: release, order: order, latin: release < 118}.bytes()
			path := put(t, made)
			out := filepath.Join(t.TempDir(), "out.csv")
			if msg, err := exec.Command(tool, path, out).CombinedOutput(); err != nil {
				t.Errorf("%d %v: %v %s", release, order, err, msg)
				continue
			}
			rows := csvRows(t, out)
			for j, name := range rows[0] {
				if name == "month" || name == "long" && release == 119 {
					continue // ReadStat takes the names of long strings in 119 as in 118
				}
				for i := range 3 {
					want := madeCells[j][i]
					if strings.HasPrefix(want, ".") {
						want = ""
					}
					if !same(rows[i+1][j], want) {
						t.Errorf("%d %v: column %s row %d: readstat gives %q, by hand %q", release, order, name, i+1, rows[i+1][j], want)
					}
				}
			}
		}
	}
}

func csvRows(t *testing.T, path string) [][]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows
}

// A file cut short anywhere ends in an error. Only in formats 114 and 115, where
// nothing says how many sets of labels follow the rows, is one that loses all its
// labels read, with all its rows.
func TestCutShort(t *testing.T) {
	path := put(t, nil)
	for _, release := range releases {
		for _, order := range orders {
			b := handMade{release: release, order: order}.bytes()
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			whole := 0
			for n := len(b) - 1; n >= 0; n-- {
				if err := os.Truncate(path, int64(n)); err != nil {
					t.Fatal(err)
				}
				_, cells, _, err := read(path, datasets.Resource{})
				if err == nil {
					if whole++; len(cells[0]) != 3 {
						t.Fatalf("%d %v cut at %d: %d rows and no error", release, order, n, len(cells[0]))
					}
				}
			}
			if want := map[bool]int{true: 1, false: 0}[release < 117]; whole != want {
				t.Errorf("%d %v: %d shorter files are read, want %d", release, order, whole, want)
			}
		}
	}
}

// What a file may not be: each ends in a problem that says so.
func TestRefused(t *testing.T) {
	made := func(h handMade) []byte { return h.bytes() }
	change := func(b []byte, from, to string) []byte { return bytes.Replace(b, []byte(from), []byte(to), 1) }
	v118 := made(handMade{release: 118})
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"nothing":                 {nil, "expected a Stata file"},
		"another format":          {[]byte("id,pain\n1,2\n"), "expected a Stata file"},
		"an old version":          {append([]byte{113, 2, 1, 0}, make([]byte, 200)...), "version 10 or later"},
		"2^31 rows":               {made(handMade{release: 114, rows: 1 << 31}), "2147483648 rows of 26 bytes"},
		"2^62 rows":               {made(handMade{release: 118, rows: 1 << 62}), "rows of 34 bytes"},
		"negative rows":           {made(handMade{release: 119, rows: -1}), "expected a Stata file"},
		"many columns":            {made(handMade{release: 119, columns: 1 << 30}), "at most 20000 columns"},
		"more columns":            {made(handMade{release: 119, columns: 19_999}), "goes on to its end"},
		"one name twice":          {change(v118, "id\x00", "b\x00\x00"), "names of their own"},
		"no name":                 {change(v118, "id\x00", "\x00\x00\x00"), "names of their own"},
		"a mark elsewhere":        {change(v118, "<data>", "<dota>"), "<data> in its place"},
		"a long string not there": {made(handMade{release: 118, key: 9}), "that this cell refers to"},
		"a binary long string":    {made(handMade{release: 117, form: 129}), "binary content"},
		"no such long string":     {made(handMade{release: 117, form: 7}), "long strings are inside it"},
		"bytes that are no text":  {change(v118, "p1\x00", "\xff1\x00"), "text in the file's encoding"},
		"an unknown byte order":   {change(v118, "LSF", "XSF"), "byte order"},
		"an unknown format":       {change(v118, "<release>118", "<release>116"), "format 117, 118 or 119"},
		"labels beyond the end":   {change(v118, "\x04\x00\x00\x00\x09\x00\x00\x00", "\xff\x00\x00\x00\x09\x00\x00\x00"), "value labels are inside it"},
	} {
		_, _, _, err := read(put(t, c.b), datasets.Resource{Name: "visits"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.want)
		}
		var ps datasets.Problems
		if !errors.As(err, &ps) {
			t.Errorf("%s: the error is no problem of the file", name)
		}
	}
	if _, err := Open("testdata/v118.dta", datasets.Resource{Encoding: "utf-16"}); err == nil {
		t.Error("UTF-16 is accepted")
	}
}

// A file of any bytes is read to its end or refused.
func FuzzOpen(f *testing.F) {
	for _, release := range releases {
		for _, order := range orders {
			f.Add(handMade{release: release, order: order}.bytes())
		}
	}
	for _, name := range []string{"v114.dta", "v118.dta", "empty.dta"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		src := &source{in: bytes.NewReader(b), size: int64(len(b))}
		if err := src.open(datasets.Resource{}); err != nil {
			return
		}
		rows := 0
		for {
			c, err := src.Next(context.Background())
			if errors.Is(err, io.EOF) {
				if int64(rows) != src.rows {
					t.Fatalf("%d rows, the file says %d", rows, src.rows)
				}
				break
			}
			if err != nil {
				return
			}
			rows += c.Rows
		}
		src.Describe()
	})
}
