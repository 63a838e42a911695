package xlsx

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"recoup/datasets"
)

// parts of the smallest book that has what the tests need; a test puts its own in
// place of them.
const (
	rootRels = `<Relationships><Relationship Id="r1" Type="http://x/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	workbook = `<workbook><sheets><sheet name="Visits" sheetId="1" r:id="r1"/></sheets></workbook>`
	bookRels = `<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="r2" Type="http://x/styles" Target="styles.xml"/>` +
		`<Relationship Id="r3" Type="http://x/sharedStrings" Target="sharedStrings.xml"/></Relationships>`
	// 1 date, 2 date and time, 3 padded, 4 elapsed, 5 time of day
	styles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="000"/><numFmt numFmtId="165" formatCode="[h]:mm"/></numFmts>` +
		`<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="20"/></cellXfs></styleSheet>`
	shared = `<sst><si><t>id</t></si><si><r><t>pa</t></r><r><t>in</t></r><rPh><t>never</t></rPh></si><si><t>a_x000D_b &amp; c</t></si></sst>`
)

func zipped(t testing.TB, replace map[string]string) []byte {
	t.Helper()
	all := map[string]string{
		"_rels/.rels": rootRels, "xl/workbook.xml": workbook, "xl/_rels/workbook.xml.rels": bookRels,
		"xl/styles.xml": styles, "xl/sharedStrings.xml": shared,
	}
	for k, v := range replace {
		all[k] = v
	}
	var b strings.Builder
	w := zip.NewWriter(&b)
	names := []string{}
	for k := range all {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		f, err := w.Create(k)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, all[k]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

// handmade writes a book with one sheet of the given rows and returns its path.
func handmade(t testing.TB, rows string, replace map[string]string) string {
	t.Helper()
	m := map[string]string{"xl/worksheets/sheet1.xml": `<worksheet><sheetData>` + rows + `</sheetData></worksheet>`}
	for k, v := range replace {
		m[k] = v
	}
	return saved(t, zipped(t, m))
}

func saved(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "book.xlsx")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read returns the rows of a book, each with its number in front, and what was
// found wrong with it, one line a problem without the file's name.
func read(path string, fields ...datasets.Field) (rows []string, problems []string) {
	res := datasets.Resource{Name: "t", Schema: datasets.Schema{Fields: fields}}
	src, err := Open(path, res)
	var ps datasets.Problems
	if errors.As(err, &ps) {
		return nil, lines(ps)
	}
	if err != nil {
		return nil, []string{err.Error()}
	}
	defer func() { _ = src.Close() }()
	rows = append(rows, strings.Join(src.Columns(), "|"))
	for {
		c, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return rows, lines(src.Problems())
		}
		if errors.As(err, &ps) {
			return rows, lines(ps)
		}
		if err != nil {
			return rows, []string{err.Error()}
		}
		for i := range c.Rows {
			cells := []string{}
			for _, column := range c.Text {
				cells = append(cells, column[i])
			}
			rows = append(rows, fmt.Sprintf("%d: %s", c.First+i, strings.Join(cells, "|")))
		}
	}
}

func lines(ps datasets.Problems) []string {
	var out []string
	for _, p := range ps {
		p.File, p.Table = "", ""
		out = append(out, p.String())
	}
	return out
}

func TestCells(t *testing.T) {
	const head = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>`
	text := []datasets.Field{{Name: "id", Type: datasets.TypeString}, {Name: "pain", Type: datasets.TypeString}}
	date := []datasets.Field{{Name: "id", Type: datasets.TypeString}, {Name: "pain", Type: datasets.TypeDate, Format: "%d/%m/%Y"}}
	number := []datasets.Field{{Name: "id", Type: datasets.TypeString}, {Name: "pain", Type: datasets.TypeNumber}}
	for _, c := range []struct {
		name, cell string
		fields     []datasets.Field
		want       string // "" where it is refused
		problem    string // a part of it
	}{
		{"shared text", `<c r="B2" t="s"><v>2</v></c>`, text, "a\rb & c", ""},
		{"inline text", `<c r="B2" t="inlineStr"><is><r><t>x</t></r><r><t xml:space="preserve"> y</t></r></is></c>`, text, "x y", ""},
		{"number of 17 digits for one of two", `<c r="B2"><v>2.2999999999999998</v></c>`, number, "2.3", ""},
		{"number with an exponent", `<c r="B2"><v>1E6</v></c>`, text, "1000000", ""},
		{"number as text", `<c r="B2" t="inlineStr"><is><t>007</t></is></c>`, text, "007", ""},
		{"padded number", `<c r="B2" s="3"><v>7</v></c>`, text, "007", ""},
		{"16 digits", `<c r="B2"><v>1234567890123450</v></c>`, text, "", `row 2, column "pain": expected a number of at most 15 digits`},
		{"true", `<c r="B2" t="b"><v>1</v></c>`, text, "true", ""},
		// 43831 is 1 January 2020: 43831 = 120 years x 365 + 30 leap days + 1 that never was
		{"date", `<c r="B2" s="1"><v>43831</v></c>`, text, "2020-01-01", ""},
		{"date in the field's own format", `<c r="B2" s="1"><v>43831</v></c>`, date, "01/01/2020", ""},
		{"midnight in a date field", `<c r="B2" s="2"><v>43831</v></c>`, date, "01/01/2020", ""},
		{"date and time", `<c r="B2" s="2"><v>43831.75</v></c>`, text, "2020-01-01T18:00:00", ""},
		{"midnight shown with its time", `<c r="B2" s="2"><v>43831</v></c>`, text, "2020-01-01T00:00:00", ""},
		{"time in a date field", `<c r="B2" s="1"><v>43831.5</v></c>`, date, "2020-01-01T12:00:00", ""},
		{"ISO date", `<c r="B2" t="d"><v>2020-01-01T00:00:00</v></c>`, date, "01/01/2020", ""},
		{"1 January 1900", `<c r="B2" s="1"><v>1</v></c>`, text, "1900-01-01", ""},
		{"28 February 1900", `<c r="B2" s="1"><v>59</v></c>`, text, "1900-02-28", ""},
		{"29 February 1900", `<c r="B2" s="1"><v>60</v></c>`, text, "", `row 2, column "pain": expected a date; 29 February 1900`},
		{"1 March 1900", `<c r="B2" s="1"><v>61</v></c>`, text, "1900-03-01", ""},
		{"day 0", `<c r="B2" s="1"><v>0</v></c>`, text, "", "expected a number that stands for a date"},
		{"after the last day", `<c r="B2" s="1"><v>2958466</v></c>`, text, "", "expected a number that stands for a date"},
		{"length of time", `<c r="B2" s="4"><v>1.5</v></c>`, text, "P1.5D", ""},
		{"time of day", `<c r="B2" s="5"><v>0.25</v></c>`, text, "06:00:00", ""},
		{"error in a text", `<c r="B2" t="e"><v>#N/A</v></c>`, text, "", `row 2, column "pain": expected a value, found a formula's error`},
		{"error in a number", `<c r="B2" t="e"><v>#N/A</v></c>`, number, "#N/A", ""}, // the loader refuses it
		{"formula with its result", `<c r="B2"><f>1+1</f><v>2</v></c>`, number, "2", ""},
		{"formula with an empty text", `<c r="B2" t="str"><f>""</f><v></v></c>`, text, "", ""},
		{"formula alone", `<c r="B2"><f>1+1</f></c>`, number, "", `row 2, column "pain": expected the formula's result`},
		{"formula with an empty result", `<c r="B2"><f>1+1</f><v></v></c>`, number, "", `row 2, column "pain": expected the formula's result`},
		{"a cell too many", `<c r="C2"><v>1</v></c>`, text, "", `row 2, column "C": expected no cell outside`},
		{"an error in a column that is not carried", `<c r="B2" t="e"><v>#N/A</v></c>`, text[:1], "", ""},
		{"a formula alone in one that is ignored", `<c r="B2"><f>1</f></c>`, []datasets.Field{text[0], {Name: "pain", Type: datasets.TypeString, Role: datasets.RoleIgnore}}, "", ""},
		{"a text that is not there", `<c r="B2" t="s"><v>99</v></c>`, text, "", "expected an Excel workbook"},
		{"no number", `<c r="B2"><v>0x10</v></c>`, text, "", "expected an Excel workbook"},
		{"an unknown type", `<c r="B2" t="z"><v>1</v></c>`, text, "", "expected an Excel workbook"},
	} {
		rows, problems := read(handmade(t, head+`<row r="2"><c r="A2"><v>1</v></c>`+c.cell+`</row>`, nil), c.fields...)
		all := strings.Join(problems, "\n")
		switch {
		case c.problem == "" && (len(problems) > 0 || len(rows) != 2 || rows[1] != "2: 1|"+c.want):
			t.Errorf("%s: %q %v, want %q", c.name, rows, problems, c.want)
		case c.problem != "" && !strings.Contains(all, c.problem):
			t.Errorf("%s: %q %v, want a problem with %q", c.name, rows, problems, c.problem)
		}
	}
}

func Test1904(t *testing.T) {
	rows, problems := read(handmade(t, `<row><c t="s"><v>0</v></c></row><row><c s="1"><v>0</v></c></row><row><c s="1"><v>42369</v></c></row>`,
		map[string]string{"xl/workbook.xml": strings.Replace(workbook, "<sheets>", `<workbookPr date1904="1"/><sheets>`, 1)}))
	// 42369 = 43831 - 1462, the distance of the two systems
	if want := []string{"id", "2: 1904-01-01", "3: 2020-01-01"}; !slices.Equal(rows, want) || len(problems) > 0 {
		t.Errorf("%q %v, want %q", rows, problems, want)
	}
}

// Rows keep the numbers that the spreadsheet shows, whatever is empty or hidden.
func TestRowNumbers(t *testing.T) {
	rows, problems := read(handmade(t,
		`<row r="1"><c r="B1" s="1"/></row><row r="3"><c r="B3" t="s"><v>0</v></c><c r="D3" t="s"><v>1</v></c></row>`+
			`<row r="4"><c r="B4"><v>1</v></c></row><row r="6" hidden="1"><c r="D6"><v>2</v></c></row><row r="7"><c r="B7" s="2"/></row>`+
			`<row r="9"><c r="B9"><v>3</v></c></row><row r="20"><c r="A20" s="1"/></row>`, nil))
	want := []string{"id||pain", "4: 1||", "6: ||2", "9: 3||"}
	if !slices.Equal(rows, want) {
		t.Errorf("%q, want %q", rows, want)
	}
	if got := strings.Join(problems, "\n"); !strings.Contains(got, "3 empty rows") || !strings.Contains(got, "1 rows are hidden") {
		t.Errorf("problems %s", got)
	}
}

func TestMerged(t *testing.T) {
	rows := `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row><row r="2"><c r="A2"><v>1</v></c></row>`
	for ref, want := range map[string]string{
		"A1:B1": "row 1, found the cells A1:B1 merged",
		"A2:A3": `row 2, column "id": expected each cell to stand for itself, found A2:A3 merged`,
		"Z":     "expected an Excel workbook",
	} {
		_, problems := read(handmade(t, "", map[string]string{
			"xl/worksheets/sheet1.xml": `<worksheet><sheetData>` + rows + `</sheetData><mergeCells><mergeCell ref="` + ref + `"/></mergeCells></worksheet>`,
		}))
		if len(problems) != 1 || !strings.Contains(problems[0], want) {
			t.Errorf("%s: %q, want %q", ref, problems, want)
		}
	}
}

// excelize writes the book: that another writer's files are read is the point.
func TestSheets(t *testing.T) {
	f := excelize.NewFile()
	set := func(sheet, cell string, v any) {
		t.Helper()
		if err := f.SetCellValue(sheet, cell, v); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Visits", "Secret", "a#b.c"} {
		if _, err := f.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		set(name, "A1", "id")
		set(name, "A2", name+" 1")
	}
	set("Visits", "B1", "seen")
	set("Visits", "B2", time.Date(2021, 2, 3, 0, 0, 0, 0, time.UTC))
	if err := f.SetSheetVisible("Secret", false); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "book.xlsx")
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sheet   string
		rows    []string
		problem string
	}{
		{"", nil, `expected the path to name one of the sheets "Visits", "a#b.c"`},
		{"#Visits", []string{"id|seen", "2: Visits 1|2021-02-03"}, `hidden sheets, which are not read: 1`},
		{"#Secret", []string{"id", "2: Secret 1"}, "the sheet is hidden"},
		{"#a#b.c", []string{"id", "2: a#b.c 1"}, "hidden sheets"},
		{"#visits", nil, `the book has "Sheet1", "Visits", "Secret", "a#b.c"`},
		{"#Sheet1", nil, "found an empty sheet"},
	} {
		rows, problems := read(path + c.sheet)
		if !slices.Equal(rows, c.rows) || len(problems) != 1 || !strings.Contains(problems[0], c.problem) {
			t.Errorf("%s: %q %q, want %q %q", c.sheet, rows, problems, c.rows, c.problem)
		}
	}
}

// What excelize reads raw from a sheet of many rows is what we read.
func TestAgainstExcelize(t *testing.T) {
	f := excelize.NewFile()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	for r := 1; r <= 70_000; r++ {
		row := []any{fmt.Sprintf("p<%d> ", r%977), r, float64(r) / 7, nil, "a\nb"}
		if r == 1 {
			row = []any{"a", "b", "c", "d", "e"}
		}
		if err := w.SetRow(fmt.Sprintf("A%d", r), row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "book.xlsx")
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	raw, err := f.GetRows("Sheet1", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	rows, problems := read(path)
	if len(problems) > 0 || len(rows) != len(raw) {
		t.Fatalf("%d rows, want %d; %v", len(rows), len(raw), problems)
	}
	for i := 1; i < len(rows); i++ {
		if want := fmt.Sprintf("%d: %s", i+1, strings.Join(raw[i], "|")); rows[i] != want {
			t.Fatalf("row %d: %q, want %q", i, rows[i], want)
		}
	}
}

func TestFormatCodes(t *testing.T) {
	for code, want := range map[string]numberFormat{
		"General":                        {},
		"0.00":                           {},
		"0.00E+00":                       {},
		`#,##0.00 "days"`:                {},
		`[Red]0.0;[Blue]-0.0`:            {},
		`0\d`:                            {},
		"000000":                         {zeros: 6},
		"yyyy-mm-dd":                     {date: true},
		"d/m/yyyy;@":                     {date: true},
		"[$-409]mmm\\ d\\,\\ yyyy;@":     {date: true},
		"mmm":                            {date: true},
		"yyyy-mm-dd hh:mm:ss.000":        {date: true, clock: true},
		`dd"T"hh`:                        {date: true, clock: true},
		"h:mm AM/PM":                     {clock: true},
		"mm:ss.0":                        {clock: true},
		"[h]:mm":                         {elapsed: true},
		"[mm]:ss":                        {elapsed: true},
		`"unclosed`:                      {},
		"[unclosed":                      {},
		"0_)":                            {},
		`_-[$€-2]\ * #,##0.00_-;"x"yyyy`: {},
	} {
		if got := parseFormat(code); got != want {
			t.Errorf("%s: %+v, want %+v", code, got, want)
		}
	}
}

// Damaged, truncated and hostile books end in one problem about the file.
func TestHostile(t *testing.T) {
	good := zipped(t, map[string]string{"xl/worksheets/sheet1.xml": `<worksheet><sheetData><row><c t="s"><v>0</v></c></row><row><c><v>1</v></c></row></sheetData></worksheet>`})
	if rows, problems := read(saved(t, good)); !slices.Equal(rows, []string{"id", "2: 1"}) || problems != nil {
		t.Fatalf("%q %q", rows, problems)
	}
	for n := 0; n < len(good); n += 5 {
		if rows, problems := read(saved(t, good[:n])); rows != nil || len(problems) != 1 {
			t.Fatalf("cut at %d: %q %q", n, rows, problems)
		}
	}
	const sheet = "xl/worksheets/sheet1.xml"
	damaged, large := "expected an Excel workbook", "expected a book of at most"
	for name, c := range map[string]struct{ part, content, want string }{
		"a document type":      {sheet, `<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet/>`, damaged},
		"unknown entity":       {sheet, `<worksheet><sheetData><row><c t="str"><v>&a;</v></c></row></sheetData></worksheet>`, damaged},
		"no end":               {sheet, `<worksheet><sheetData><row><c><v>1</v></c></row>`, damaged},
		"crossed tags":         {sheet, `<worksheet><sheetData></worksheet></sheetData>`, damaged},
		"two roots":            {sheet, `<worksheet/><worksheet/>`, damaged},
		"deep":                 {sheet, strings.Repeat("<a>", 1000), damaged},
		"an endless tag":       {sheet, "<worksheet " + strings.Repeat("a='>' ", 100_000) + "/>", damaged},
		"many names":           {sheet, "<worksheet>" + manyNames() + "</worksheet>", damaged},
		"UTF-16":               {sheet, "\xff\xfe<\x00w\x00", damaged},
		"not UTF-8":            {sheet, "<worksheet>\xff</worksheet>", damaged},
		"rows backwards":       {sheet, `<worksheet><sheetData><row r="2"/><row r="1"/></sheetData></worksheet>`, damaged},
		"cells backwards":      {sheet, `<worksheet><sheetData><row><c r="B1"/><c r="A1"/></row></sheetData></worksheet>`, damaged},
		"a cell of other rows": {sheet, `<worksheet><sheetData><row r="1"><c r="A2"/></row></sheetData></worksheet>`, damaged},
		"row over the last":    {sheet, `<worksheet><sheetData><row r="1048577"/></sheetData></worksheet>`, large},
		"too many columns":     {sheet, `<worksheet><sheetData><row r="1">` + strings.Repeat("<c/>", 20_001) + `</row></sheetData></worksheet>`, large},
		"a cell of 2 MiB":      {sheet, `<worksheet><sheetData><row><c t="str"><v>` + strings.Repeat("a", 2<<20) + `</v></c></row></sheetData></worksheet>`, damaged},
		"a text of 2 MiB":      {"xl/sharedStrings.xml", `<sst><si>` + strings.Repeat("<r><t>"+strings.Repeat("a", 1<<10)+"</t></r>", 2048) + `</si></sst>`, large},
		"many sheets":          {"xl/workbook.xml", `<workbook><sheets>` + strings.Repeat(`<sheet name="a" r:id="r1"/>`, 2000) + `</sheets></workbook>`, large},
		"a sheet that is not":  {"xl/workbook.xml", `<workbook><sheets><sheet name="a" r:id="r9"/></sheets></workbook>`, damaged},
		"no sheets":            {"xl/workbook.xml", `<workbook/>`, "found none that is shown"},
	} {
		m := map[string]string{sheet: `<worksheet><sheetData><row><c t="s"><v>0</v></c></row></sheetData></worksheet>`}
		m[c.part] = c.content
		began := time.Now()
		rows, problems := read(saved(t, zipped(t, m)))
		if rows != nil || len(problems) != 1 || !strings.Contains(problems[0], c.want) {
			t.Errorf("%s: %d rows %q, want %q", name, len(rows), problems, c.want)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
	if _, problems := read(saved(t, []byte("\xD0\xCF\x11\xE0 old or encrypted"))); len(problems) != 1 || !strings.Contains(problems[0], "without a password") {
		t.Errorf("OLE: %q", problems)
	}
}

// A zip's entry may promise more than is unpacked, or unpack to more than it
// promises.
func TestBombs(t *testing.T) {
	for _, c := range []struct {
		promise uint64
		want    string
	}{{300 << 20, "at most 256 MiB"}, {100, "expected an Excel workbook"}} {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for name, content := range map[string]string{"_rels/.rels": rootRels, "xl/workbook.xml": workbook, "xl/_rels/workbook.xml.rels": bookRels, "xl/sharedStrings.xml": shared} {
			f, err := w.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(f, content); err != nil {
				t.Fatal(err)
			}
		}
		var packed bytes.Buffer
		fw, err := flate.NewWriter(&packed, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fw.Write(make([]byte, 8<<20)); err != nil {
			t.Fatal(err)
		}
		if err := fw.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := w.CreateRaw(&zip.FileHeader{Name: "xl/styles.xml", Method: zip.Deflate, CompressedSize64: uint64(packed.Len()), UncompressedSize64: c.promise})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Write(packed.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, problems := read(saved(t, b.Bytes())); len(problems) != 1 || !strings.Contains(problems[0], c.want) {
			t.Errorf("promise %d: %q, want %q", c.promise, problems, c.want)
		}
	}
}

func manyNames() string {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "<n%d/>", i)
	}
	return b.String()
}

// A header of 20,000 names over rows of one cell would need 20,000 cells a row:
// refused before it is 100 million.
func TestSparse(t *testing.T) {
	var b strings.Builder
	b.WriteString("<row>")
	for i := range 20_000 {
		fmt.Fprintf(&b, `<c t="str"><v>c%d</v></c>`, i)
	}
	b.WriteString("</row>" + strings.Repeat("<row><c><v>1</v></c></row>", 5001))
	path := handmade(t, b.String(), nil)
	src, err := Open(path, datasets.Resource{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	rows := 0
	for {
		c, err := src.Next(context.Background())
		if err != nil {
			if !strings.Contains(err.Error(), "100000000 cells") {
				t.Errorf("%d rows, then %v", rows, err)
			}
			break
		}
		rows += c.Rows
	}
	if rows == 0 || rows > 5000 {
		t.Errorf("%d rows", rows)
	}
}

func TestXMLReader(t *testing.T) {
	x := newXMLReader(strings.NewReader("\ufeff<?xml version='1.0'?><!-- <a> ---><p:a x:k='1&lt;' >t&#65;\r\n<![CDATA[<&]]>]<b/></p:a> "))
	var got []string
	for {
		k, err := x.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		switch k {
		case startTag:
			got = append(got, "<"+x.name+x.attr("k"))
		case endTag:
			got = append(got, ">"+x.name)
		default:
			got = append(got, string(x.text))
		}
	}
	if d := cmp.Diff([]string{"<a1<", "tA\n", "<&", "]", "<b", ">b", ">a"}, got); d != "" {
		t.Error(d)
	}
}

func FuzzBook(f *testing.F) {
	f.Add(zipped(f, map[string]string{"xl/worksheets/sheet1.xml": `<worksheet/>`}))
	f.Fuzz(func(t *testing.T, b []byte) { read(saved(t, b)) })
}

func FuzzSheet(f *testing.F) {
	f.Add(`<worksheet><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>x</t></is></c></row><row><c s="1"><v>43831.5</v></c><c t="e"><v>#N/A</v></c></row></sheetData><mergeCells><mergeCell ref="A2:B2"/></mergeCells></worksheet>`, shared, styles)
	f.Fuzz(func(t *testing.T, sheet, texts, formats string) {
		read(saved(t, zipped(t, map[string]string{"xl/worksheets/sheet1.xml": sheet, "xl/sharedStrings.xml": texts, "xl/styles.xml": formats})))
	})
}
