package render

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"recoup/reports"
)

// What another library reads of a workbook is what was put there: numbers, texts with
// brackets, a formula, looks, widths, links and the frozen pane.
func TestSpreadsheet(t *testing.T) {
	b := newSpreadsheet()
	s := b.sheet("a & b")
	s.width(1, 1, 46)
	s.width(2, 30, 16)
	s.freeze(1, headRow)
	s.put(28, 2, cell{text: " <late> "})
	s.put(1, 2, cell{text: "0.25", number: true, style: b.style(look{bold: true, code: `0%"x<"`})})
	s.put(2, 2, cell{text: "0.5", number: true, formula: "2*$A$2"})
	s.put(1, 1, cell{text: strings.Repeat("é", mostText+1), style: b.style(look{fill: "F2F5F8", ruled: true, wrap: true, indent: 2})})
	b.sheet("second").put(1, 1, cell{text: "to the first"})
	b.sheet("second").link(1, 1, "'a & b'!A1")
	var out bytes.Buffer
	if err := b.write(&out, "T < U", "en"); err != nil {
		t.Fatal(err)
	}
	book := openBook(t, out.Bytes())
	value := func(at string, raw bool) string {
		v, err := book.GetCellValue("a & b", at, excelize.Options{RawCellValue: raw})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for at, want := range map[string]string{"A2": "0.25", "B2": "0.5", "AB2": " <late> "} {
		if got := value(at, true); got != want {
			t.Errorf("%s is %q, want %q", at, got, want)
		}
	}
	if got := value("A2", false); got != "25%x<" {
		t.Errorf("shown as %q", got)
	}
	if n := len([]rune(value("A1", true))); n != mostText {
		t.Errorf("%d characters, want %d: more make the file one that cannot be opened", n, mostText)
	}
	if f, _ := book.GetCellFormula("a & b", "B2"); f != "2*$A$2" {
		t.Errorf("formula %q", f)
	}
	style := func(at string) *excelize.Style {
		i, err := book.GetCellStyle("a & b", at)
		if err != nil {
			t.Fatal(err)
		}
		st, err := book.GetStyle(i)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if !style("A2").Font.Bold || style("B2").Font.Bold {
		t.Error("bold")
	}
	if st := style("A1"); st.Fill.Pattern != 1 || len(st.Border) == 0 || !st.Alignment.WrapText || st.Alignment.Indent != 2 || st.Font.Bold {
		t.Errorf("the look of A1: %+v", st)
	}
	if styles := string(zipPart(t, out.Bytes(), "xl/styles.xml")); !strings.Contains(styles, `<fills count="3">`) || strings.Count(styles, `fillId="2"`) != 1 || !strings.Contains(styles, `<fgColor rgb="FFF2F5F8"/>`) {
		t.Errorf("the ground of A1: %s", styles)
	}
	if a, _ := book.GetColWidth("a & b", "A"); a != 46 {
		t.Errorf("column A is %v wide", a)
	}
	if z, _ := book.GetColWidth("a & b", "AD"); z != 16 {
		t.Errorf("column AD is %v wide", z)
	}
	if ok, to, _ := book.GetCellHyperLink("second", "A1"); !ok || to != "'a & b'!A1" {
		t.Errorf("link %v to %q", ok, to)
	}
	if p, err := book.GetPanes("a & b"); err != nil || !p.Freeze || p.TopLeftCell != "B5" || p.YSplit != headRow || p.XSplit != 1 {
		t.Errorf("panes %+v, %v", p, err)
	}
	if p, err := book.GetDocProps(); err != nil || p.Title != "T < U" || p.Language != "en" || p.Created != "" {
		t.Errorf("properties %+v, %v", p, err)
	}
}

func TestCellNames(t *testing.T) {
	for name, at := range map[string][2]int{"A1": {1, 1}, "Z9": {26, 9}, "AA10": {27, 10}, "AZ1": {52, 1}, "BA1": {53, 1}, "XFD1048576": {16384, 1048576}} {
		if got := cellName(at[0], at[1]); got != name {
			t.Errorf("column %d row %d is %s, want %s", at[0], at[1], got, name)
		}
	}
}

// Each table has its name, which leads to its heads and ends with its last row, and heads
// that repeat on each printed page: by hand, three columns and two rows from row 4.
func TestNamesOfTables(t *testing.T) {
	var b bytes.Buffer
	r := reports.Report{Sections: []reports.Section{{ID: "s", Title: "S", Blocks: []reports.Block{reports.Table{
		ID: "a", Caption: "It's", Columns: []reports.Column{{Label: "x"}, {Label: "y"}},
		Rows: []reports.Row{{Cells: []reports.Cell{reports.Label("p"), reports.Count(50)}}, {Cells: []reports.Cell{reports.Label("q"), reports.CountShare(20, 50)}}},
	}}}}}
	if err := XLSX(&b, r); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("xl/workbook.xml")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<definedName name="Table_1">&#39;T1 It s&#39;!$A$4:$C$6</definedName>`,
		`<definedName name="_xlnm.Print_Titles" localSheetId="1">&#39;T1 It s&#39;!$4:$4</definedName>`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
