package render

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"recoup/datasets"
	"recoup/datasets/parquet"
	"recoup/reports"
	"recoup/reports/disclosure"
)

// chromiumPath is the browser of the tests, "" where none is installed.
func chromiumPath() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// inFormat is a report in a format; PDF is skipped where no browser runs.
func inFormat(t *testing.T, f Format, r reports.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	err := f.Write(t.Context(), &b, r, Options{Folder: t.TempDir()})
	if err != nil {
		t.Fatalf("%s: %v", f.Ending, err)
	}
	return b.Bytes()
}

// browserless are the formats that need no browser.
func browserless() []Format {
	return slices.DeleteFunc(slices.Clone(Formats), func(f Format) bool { return f.Ending == ".pdf" })
}

func gatedExample(t *testing.T) reports.Report {
	t.Helper()
	cms, err := disclosure.Named("cms-11")
	if err != nil {
		t.Fatal(err)
	}
	r, _ := disclosure.Apply(example(), cms)
	return r
}

// textOf is everything that a format says, as plain text.
func textOf(t *testing.T, f Format, data []byte) string {
	t.Helper()
	switch f.Ending {
	case ".xlsx":
		var out []string
		book := openBook(t, data)
		for _, name := range book.GetSheetList() {
			out = append(out, name)
			rows, err := book.GetRows(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				out = append(out, strings.Join(r, "\t"))
			}
		}
		return strings.Join(out, "\n")
	case ".docx":
		return strings.Join(texts(t, zipPart(t, data, "word/document.xml")), "\n")
	case ".parquet":
		var out []string
		for _, row := range parquetRows(t, data) {
			out = append(out, strings.Join(row, "\t"))
		}
		return strings.Join(out, "\n")
	}
	return string(data)
}

func openBook(t *testing.T, data []byte) *excelize.File {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	})
	return book
}

// zipPart is one part of a zip file.
func zipPart(t *testing.T, data []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// texts are the texts of an XML document in order; it fails where it is not XML.
func texts(t *testing.T, data []byte) []string {
	t.Helper()
	var out []string
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("not well-formed: %v", err)
		}
		if c, ok := tok.(xml.CharData); ok {
			out = append(out, string(c))
		}
	}
}

func parquetRows(t *testing.T, data []byte) [][]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n.parquet")
	writeTo(t, path, data)
	source, err := parquet.Open(path, datasets.Resource{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close() //nolint:errcheck // read only
	var out [][]string
	for {
		chunk, err := source.Next(context.Background())
		if errors.Is(err, io.EOF) || chunk == nil {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, chunkRows(chunk)...)
	}
}

// The same report gives the same bytes in every format, and another report others.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	for _, f := range browserless() {
		a, b := inFormat(t, f, gatedExample(t)), inFormat(t, f, gatedExample(t))
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two files of one report differ", f.Ending)
		}
		other := gatedExample(t)
		other.Title = "Another"
		other.Sections = other.Sections[1:]
		if bytes.Equal(a, inFormat(t, f, other)) {
			t.Errorf("%s: two reports give one file", f.Ending)
		}
	}
}

// The small count of rows left out is hidden in every format, with the least other
// count of its sum. The two are 12 and 10 of 53, which stand nowhere.
func TestGatedInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, f := range browserless() {
		got := textOf(t, f, inFormat(t, f, gatedExample(t)))
		for _, want := range []string{"visit out of window", "hidden", "31"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q", f.Ending, want)
			}
		}
		for _, line := range strings.Split(got, "\n") {
			if (strings.Contains(line, "visit out of window") || strings.Contains(line, "no arm stated")) && regexp.MustCompile(`\b1[02]\b`).MatchString(line) {
				t.Errorf("%s shows a hidden count: %s", f.Ending, line)
			}
		}
		if f.Ending == ".html" || f.Ending == ".docx" || f.Ending == ".md" {
			if !strings.Contains(got, "Hidden: a small number of patients, or one that would reveal such a number.") || !strings.Contains(got, "cms-11") {
				t.Errorf("%s does not say what is hidden and by which rule", f.Ending)
			}
		}
	}
}

// Every figure that is drawn has its numbers: a new kind of plot needs a case in behind.
func TestNumbersBehindEveryFigure(t *testing.T) {
	for _, f := range figuresOf(example()) {
		if _, err := drawingOf(f.Plot); err != nil {
			continue
		}
		tables := behind(f)
		if len(tables) == 0 {
			t.Errorf("%s, a %T, is drawn and gives no numbers", f.ID, f.Plot)
		}
		for _, table := range tables {
			for _, r := range table.Rows {
				if len(r.Cells) > len(table.Columns) {
					t.Errorf("%s: a row has %d cells under %d heads", f.ID, len(r.Cells), len(table.Columns))
				}
			}
		}
	}
}

// A figure's numbers by hand: two lines that share one x, one of them without a value
// there.
func TestNumbersOfLines(t *testing.T) {
	f := reports.Figure{ID: "f", Title: "t", Plot: reports.Lines{X: reports.Axis{Label: "Week"}, Series: []reports.Series{
		{Label: "a", Points: []reports.Point{{X: 0, Y: 6.5, Low: 6, High: 7}, {X: 4, Y: 4.04321, Low: nan, High: nan}}},
		{Label: "b", Points: []reports.Point{{X: 4, Y: nan}, {X: 30.5, Y: 12, Low: nan, High: nan}}},
	}}}
	var md strings.Builder
	if err := Markdown(&md, reports.Report{Sections: []reports.Section{{Blocks: []reports.Block{f}}}}); err != nil {
		t.Fatal(err)
	}
	want := "| Week | a | b |\n| --- | ---: | ---: |\n| 0 | 6.50 (6.00 to 7.00) |  |\n| 4 | 4.04 | not available [a] |\n| 30.5 |  | 12.00 |\n\na. " + notDrawn
	if !strings.Contains(md.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", md.String(), want)
	}
}

// Of a long curve plain text holds forty rows, the first and the last among them.
func TestLongFiguresAreThinned(t *testing.T) {
	s := reports.Series{Label: "a"}
	for i := range 101 {
		s.Points = append(s.Points, reports.Point{X: float64(i), Y: float64(i), Low: nan, High: nan})
	}
	r := reports.Report{Sections: []reports.Section{{Blocks: []reports.Block{reports.Figure{Title: "t", Plot: reports.Lines{Series: []reports.Series{s}}}}}}}
	var md strings.Builder
	if err := Markdown(&md, r); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(md.String(), "\n| "); n != mostNumbers+2 || !strings.Contains(md.String(), "| 100 | 100.0 |") || !strings.Contains(md.String(), "40 of 101 rows") {
		t.Errorf("%d lines:\n%s", n, md.String())
	}
	if n := len(Numbers(r).Numbers); n != 101 {
		t.Errorf("%d numbers, want all 101", n)
	}
}

// The long table by hand: each number once, rounded as readers see it, with the row it
// stands under.
func TestCSV(t *testing.T) {
	hidden := reports.Count(0)
	hidden.Hidden = reports.Protected
	r := reports.Report{Sections: []reports.Section{{ID: "s", Lead: reports.Say("Of ").With(reports.Count(1387)).And(" patients."), Blocks: []reports.Block{
		reports.Tiles{Tiles: []reports.Tile{{Label: "improved", Value: reports.Share(1, 3).Within(0.061, 0.792), Detail: reports.Say("Last year: ").With(reports.Share(1, 2))}}},
		reports.Table{ID: "t", Columns: []reports.Column{{Label: "Measure"}, {Label: "=n"}, {Label: "Change", Unit: "points"}, {Label: "Share"}}, Rows: []reports.Row{
			{Heading: true, Cells: []reports.Cell{reports.Label("Pain")}},
			{Indent: 1, Cells: []reports.Cell{reports.Label("=HYPERLINK(1)"), reports.Count(9), reports.Estimate(-2.26, -2.54, -2, 1, 9), reports.CountShare(1, 1000)}},
			{Indent: 1, Cells: []reports.Cell{reports.Label(`a,"b"`), hidden, reports.NotAvailable("why"), reports.Mean(3.14159, 1.25, 2, 8)}},
			{Cells: []reports.Cell{reports.Label("All"), reports.Count(2), reports.P(0.00004, 2), reports.Share(999, 1000)}},
			{Cells: []reports.Cell{reports.Label("All"), reports.Count(3)}},
			{Cells: []reports.Cell{reports.Label("Of others"), reports.Count(9), reports.Number(4, 0, 8), reports.Share(1, 8)}}, // the 8 stands nowhere
		}},
	}}}}
	var b bytes.Buffer
	if err := CSV(&b, r); err != nil {
		t.Fatal(err)
	}
	want := `section,block,row,column,value,low,high,n,text,hidden
s,lead,text,Of,1387,,,1387,"1,387",
s,tiles,improved,value,0.33,0.06,0.79,,33% (6% to 79%),
s,tiles,improved,Last year:,0.5,,,,50%,
s,t,Pain / =HYPERLINK(1),'=n,9,,,9,9,
s,t,Pain / =HYPERLINK(1),Change (points),-2.3,-2.5,-2,9,−2.3 (−2.5 to −2.0),
s,t,Pain / =HYPERLINK(1),Share,1,,,1,1 (<1%),
s,t,Pain / =HYPERLINK(1),"Share, share",0.001,,,,<1%,
s,t,"Pain / a,""b""",'=n,,,,,hidden,protected
s,t,"Pain / a,""b""",Change (points),,,,,not available,
s,t,"Pain / a,""b""",Share,3.14,,,,3.14 (1.25),
s,t,"Pain / a,""b""","Share, SD",1.25,,,,1.25,
s,t,All,'=n,2,,,2,2,
s,t,All,Change (points),0.00004,,,2,<0.001,
s,t,All,Share,0.999,,,,>99%,
s,t,All,=n (2),3,,,3,3,
s,t,Of others,'=n,9,,,9,9,
s,t,Of others,Change (points),4,,,,4,
s,t,Of others,Share,0.12,,,,12%,
`
	want = strings.NewReplacer("0.00004", "4e-05", "All,=n (2)", "All,'=n (2)").Replace(want)
	if b.String() != want {
		t.Errorf("CSV is\n%s\nwant\n%s", b.String(), want)
	}
}

// A number is rounded alike in words and as a number: 130 of 400 is 32.5 %, written 32%,
// and 0.335 as a share is 33.5 %, written 34%.
func TestRoundedAsWritten(t *testing.T) {
	for _, c := range []reports.Cell{reports.Share(130, 400), reports.Share(67, 200), reports.Number(2.675, 2, 9), reports.Number(0.5, 0, 9), reports.Number(1.5, 0, 9), reports.Number(-0.04, 1, 9), reports.P(0.0125, 9)} {
		p := partsOf(c)[0]
		v, written := *p.value, strings.ReplaceAll(Cell(c), minus, "-")
		if c.Format.Kind == reports.Percent {
			v *= 100
			written = strings.TrimSuffix(written, "%")
		}
		if got := fmt.Sprintf("%.*f", strings.Count(written, ".")*(len(written)-strings.Index(written, ".")-1), v); got != written {
			t.Errorf("%v is written %s, and as a number is %s", c.Value, written, got)
		}
	}
}

// Parquet holds what CSV holds.
func TestParquetHoldsWhatCSVHolds(t *testing.T) {
	r := gatedExample(t)
	var b bytes.Buffer
	if err := CSV(&b, r); err != nil {
		t.Fatal(err)
	}
	want, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := FormatOf(".parquet")
	got := parquetRows(t, inFormat(t, f, r))
	if len(got) != len(want)-1 {
		t.Fatalf("%d rows, want %d", len(got), len(want)-1)
	}
	for i, row := range got {
		for j := range numberColumns {
			if w := want[i+1][j]; row[j+1] != w && "'"+row[j+1] != w {
				t.Errorf("row %d, %s: %q, want %q", i+1, numberColumns[j], row[j+1], w)
			}
		}
	}
}

// What JSON writes is read back as it was.
func TestDocument(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, gatedExample(t)); err != nil {
		t.Fatal(err)
	}
	d, err := ReadDocument(&b)
	if err != nil {
		t.Fatal(err)
	}
	want := Numbers(gatedExample(t))
	if fmt.Sprint(len(d.Numbers), d.Title, d.Warnings, d.Facts) != fmt.Sprint(len(want.Numbers), want.Title, want.Warnings, want.Facts) || len(d.Numbers) < 100 {
		t.Errorf("%d numbers, want %d", len(d.Numbers), len(want.Numbers))
	}
	for _, bad := range []string{"", "{}", `{"schema":"recoup.report/v1"}`, "[1]"} {
		if _, err := ReadDocument(strings.NewReader(bad)); !errors.Is(err, ErrDocument) {
			t.Errorf("%q: error %v, want ErrDocument", bad, err)
		}
	}
}

// The workbook by hand: numbers are numbers with their bounds beside them, hidden and
// missing ones are words, and nothing is a formula.
func TestXLSX(t *testing.T) {
	hidden := reports.Count(0)
	hidden.Hidden = reports.Protected
	r := reports.Report{Title: "T", Sections: []reports.Section{{ID: "s", Title: "S", Blocks: []reports.Block{
		reports.Table{ID: "t", Caption: "a/b:c", Columns: []reports.Column{{Label: "Measure"}, {Label: "n"}, {Label: "Change"}, {Label: "Cost"}}, Rows: []reports.Row{
			{Cells: []reports.Cell{reports.Label("=1+1"), reports.Count(1387), reports.Estimate(-2.26, -2.54, -2, 1, 9).WithSign(), reports.Number(2584.7, 0, 9).WithUnit("$", "")}},
			{Cells: []reports.Cell{reports.Label("b"), hidden, reports.NotAvailable("why"), reports.Share(1, 3)}},
		}},
		reports.Figure{ID: "f", Title: "F", Plot: reports.Lines{Series: []reports.Series{{Points: []reports.Point{{X: 1, Y: 2}}}}}},
	}}}}
	f, _ := FormatOf(".xlsx")
	book := openBook(t, inFormat(t, f, r))
	if got := book.GetSheetList(); !slices.Equal(got, []string{"Read me", "T1 a b c", "F1 f"}) {
		t.Fatalf("sheets %q", got)
	}
	value := func(at string, raw bool) string {
		s, err := book.GetCellValue("T1 a b c", at, excelize.Options{RawCellValue: raw})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for at, want := range map[string]string{
		"A4": "Measure", "C4": "Change", "D4": "Change, low", "E4": "Change, high", "F4": "Cost",
		"A5": "'=1+1", "B5": "1387", "C5": "-2.3", "D5": "-2.5", "E5": "-2", "F5": "2585", "B6": "hidden", "C6": "not available", "D6": "", "F6": "0.33",
	} {
		if got := value(at, true); got != want {
			t.Errorf("%s is %q, want %q", at, got, want)
		}
		if formula, _ := book.GetCellFormula("T1 a b c", at); formula != "" {
			t.Errorf("%s is a formula", at)
		}
	}
	for at, want := range map[string]string{"B5": "1,387", "C5": "-2.3", "F5": "$2,585", "F6": "33%"} {
		if got := value(at, false); got != want {
			t.Errorf("%s is shown as %q, want %q", at, got, want)
		}
	}
	if kind, _ := book.GetCellType("T1 a b c", "B5"); kind == excelize.CellTypeSharedString || kind == excelize.CellTypeInlineString {
		t.Error("a count is text")
	}
}

// The document is well-formed in every part, repeats the heads of tables, and holds a
// picture with a text for each figure.
func TestDOCX(t *testing.T) {
	t.Parallel()
	f, _ := FormatOf(".docx")
	data := inFormat(t, f, example())
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	pictures := 0
	for _, part := range z.File {
		if strings.HasSuffix(part.Name, ".png") {
			pictures++
			continue
		}
		texts(t, zipPart(t, data, part.Name))
	}
	drawable := 0
	for _, f := range figuresOf(example()) {
		if _, err := drawingOf(f.Plot); err == nil {
			drawable++
		}
	}
	body := string(zipPart(t, data, "word/document.xml"))
	for what, n := range map[string]int{"<w:tblHeader/>": 3, "<wp:docPr": drawable, " descr=\"\"": 0, "Heading1": len(sectionsOf(example())), fmt.Sprintf("Figure %d.", drawable): 2} {
		if got := strings.Count(body, what); got != n {
			t.Errorf("%d times %q, want %d", got, what, n)
		}
	}
	if pictures != drawable || drawable < 13 {
		t.Errorf("%d pictures, want %d", pictures, drawable)
	}
	for name, want := range map[string]string{"word/footer.xml": " PAGE ", "word/styles.xml": `<w:lang w:val="en"/>`, "docProps/core.xml": "<dc:language>en</dc:language>"} {
		if !strings.Contains(string(zipPart(t, data, name)), want) {
			t.Errorf("%s lacks %s", name, want)
		}
	}
}

// Hostile labels go through every format, and each is still what it is.
func TestHostileInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, f := range browserless() {
		data := inFormat(t, f, hostile())
		got := textOf(t, f, data)
		for _, bad := range []string{"\x00", "\x1b", "\u202E", "\x01"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s holds %q", f.Ending, bad)
			}
		}
		if !strings.Contains(got, "שלום") {
			t.Errorf("%s lost a label", f.Ending)
		}
		switch f.Ending {
		case ".csv":
			rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
			if err != nil {
				t.Error(err)
			}
			for _, r := range rows {
				for i, cell := range r {
					if i != 4 && i != 5 && i != 6 && cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
						t.Errorf("a cell that a spreadsheet runs: %q", cell)
					}
				}
			}
		case ".xlsx":
			hostileBook(t, data)
		case ".docx":
			z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range z.File {
				if !strings.HasSuffix(part.Name, ".png") {
					texts(t, zipPart(t, data, part.Name))
				}
			}
		}
	}
}

// hostileBook holds every cell of a workbook to be no formula and its names to be ones
// that a spreadsheet takes.
func hostileBook(t *testing.T, data []byte) {
	t.Helper()
	book := openBook(t, data)
	for _, name := range book.GetSheetList() {
		if len([]rune(name)) > 31 || strings.ContainsAny(name, `[]:*?/\'`) {
			t.Errorf("a sheet is named %q", name)
		}
		rows, err := book.GetRows(name, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range rows {
			for j, cell := range r {
				at, err := excelize.CoordinatesToCellName(j+1, i+1)
				if err != nil {
					t.Fatal(err)
				}
				if formula, _ := book.GetCellFormula(name, at); formula != "" {
					t.Errorf("%s %s is a formula", name, at)
				}
				kind, err := book.GetCellType(name, at)
				if err != nil {
					t.Fatal(err)
				}
				if text := kind == excelize.CellTypeSharedString || kind == excelize.CellTypeInlineString; text && cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("%s %s begins as a formula: %q", name, at, cell)
				}
			}
		}
	}
}

func TestSheetNames(t *testing.T) {
	used := map[string]bool{"read me": true}
	for _, c := range []struct{ name, want string }{
		{"T1 a/b [c]: d?", "T1 a b c d"},
		{"t1 A B C D", "t1 A B C D 2"},
		{"Read me", "Read me 2"},
		{"'quoted'", "quoted"},
		{"", "2"},
		{strings.Repeat("x", 40), strings.Repeat("x", 31)},
		{strings.Repeat("x", 40), strings.Repeat("x", 26) + " 2"},
		{strings.Repeat("🧪", 20), strings.Repeat("🧪", 15)},
	} {
		if got := sheetName(c.name, used); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.name, got, c.want)
		}
	}
}

// Without a browser a PDF is refused with what to do instead.
func TestPDFWithoutBrowser(t *testing.T) {
	var b bytes.Buffer
	if err := PDF(t.Context(), &b, example(), Options{}); !errors.Is(err, ErrNoBrowser) || b.Len() > 0 || !strings.Contains(err.Error(), ".html") {
		t.Errorf("error %v", err)
	}
	if err := PDF(t.Context(), &b, example(), Options{Browser: filepath.Join(t.TempDir(), "none"), Folder: t.TempDir()}); err == nil || b.Len() > 0 {
		t.Error("a browser that is not there wrote a PDF")
	}
}

// The browser's PDF is tagged, names its language and title, and is the same twice.
func TestPDF(t *testing.T) {
	t.Parallel()
	browser := chromiumPath()
	if browser == "" {
		t.Skip("SKIPPED: chromium is not installed; make deps installs it")
	}
	var pdf [2]bytes.Buffer
	dir := t.TempDir()
	for i := range pdf {
		if err := PDF(t.Context(), &pdf[i], gatedExample(t), Options{Browser: browser, Folder: dir}); err != nil {
			t.Skipf("SKIPPED: chromium is installed and does not run here: %v", err)
		}
	}
	if !bytes.Equal(pdf[0].Bytes(), pdf[1].Bytes()) {
		t.Error("two PDFs of one report differ")
	}
	for _, want := range []string{"/StructTreeRoot", "/MarkInfo", "/Lang", "/Outlines", "D:20000101000000"} {
		if !bytes.Contains(pdf[0].Bytes(), []byte(want)) {
			t.Errorf("the PDF lacks %s", want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".recoup*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func chunkRows(c *datasets.Chunk) [][]string {
	out := make([][]string, c.Rows)
	for _, a := range c.Arrays {
		for i := range out {
			cell := ""
			if a.IsValid(i) {
				cell = a.ValueStr(i)
			}
			out[i] = append(out[i], cell)
		}
	}
	return out
}

func writeTo(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
