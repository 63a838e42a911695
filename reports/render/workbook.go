package render

import (
	"archive/zip"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// spreadsheet is a workbook's file as it grows. It is written by hand, as the document
// for word processors is: the library for it brought encodings of half the world along.
type spreadsheet struct {
	sheets []*leaf
	looks  []look // the first is the plain one
	names  []area
}

// look is how a cell looks.
type look struct {
	bold, italic, underlined bool
	size                     int    // points; 0 for 11
	color, fill              string // of text and ground, as RRGGBB
	ruled                    bool   // a line below
	wrap, right              bool
	vertical                 string // top or bottom; else the reader's own
	indent                   int
	code                     string // format of numbers; empty for none
}

// leaf is one sheet of a spreadsheet.
type leaf struct {
	name   string
	rows   map[int]map[int]cell // by row and column, from 1
	widths strings.Builder
	links  strings.Builder
	pane   string
}

// cell is what stands in a cell: a text, or a number as it is written.
type cell struct {
	text    string
	number  bool
	formula string // of the number, without its equals sign; empty for none
	style   int
}

// area is a rectangle of cells with a name.
type area struct {
	name, sheet, cells string
	titles             bool // rows that each printed page repeats
}

// call names a table: from its heads to its last row.
func (b *spreadsheet) call(name, sheet string, head, columns, last int) {
	absolute := func(column, row int) string {
		at := cellName(column, row)
		digits := strings.IndexAny(at, "0123456789")
		return "$" + at[:digits] + "$" + at[digits:]
	}
	b.names = append(b.names, area{name: name, sheet: sheet, cells: absolute(1, head) + ":" + absolute(columns, last)},
		area{name: "_xlnm.Print_Titles", sheet: sheet, cells: fmt.Sprintf("$%d:$%d", head, head), titles: true})
}

// defined is the part of the names.
func (b *spreadsheet) defined() string {
	var out strings.Builder
	for _, n := range b.names {
		to := xmlText("'" + n.sheet + "'!" + n.cells)
		if !n.titles {
			fmt.Fprintf(&out, `<definedName name="%s">%s</definedName>`, xmlText(n.name), to)
			continue
		}
		of := slices.IndexFunc(b.sheets, func(s *leaf) bool { return s.name == n.sheet })
		fmt.Fprintf(&out, `<definedName name="%s" localSheetId="%d">%s</definedName>`, n.name, of, to)
	}
	return enclosed("definedNames", out.String())
}

func newSpreadsheet() *spreadsheet { return &spreadsheet{looks: []look{{}}} }

// sheet returns the sheet of a name, made when first asked for.
func (b *spreadsheet) sheet(name string) *leaf {
	if i := slices.IndexFunc(b.sheets, func(s *leaf) bool { return s.name == name }); i >= 0 {
		return b.sheets[i]
	}
	s := &leaf{name: name, rows: map[int]map[int]cell{}}
	b.sheets = append(b.sheets, s)
	return s
}

// style returns the number of a look.
func (b *spreadsheet) style(l look) int {
	i := slices.Index(b.looks, l)
	if i < 0 {
		i = len(b.looks)
		b.looks = append(b.looks, l)
	}
	return i
}

// mostText is how much text a cell holds, in UTF-16.
const mostText = 32767

func (s *leaf) put(column, row int, c cell) {
	if units := utf16.Encode([]rune(c.text)); len(units) > mostText {
		c.text = string(utf16.Decode(units[:mostText]))
	}
	if s.rows[row] == nil {
		s.rows[row] = map[int]cell{}
	}
	s.rows[row][column] = c
}

// width makes columns so many characters wide; columns go upwards.
func (s *leaf) width(first, last, characters int) {
	fmt.Fprintf(&s.widths, `<col min="%d" max="%d" width="%d" customWidth="1"/>`, first, last, characters)
}

// link makes a cell lead to another place of the workbook.
func (s *leaf) link(column, row int, to string) {
	fmt.Fprintf(&s.links, `<hyperlink ref="%s" location="%s"/>`, cellName(column, row), xmlText(to))
}

// freeze keeps the first columns and rows in sight.
func (s *leaf) freeze(columns, rows int) {
	s.pane = fmt.Sprintf(`<pane xSplit="%d" ySplit="%d" topLeftCell="%s" activePane="bottomRight" state="frozen"/>`, columns, rows, cellName(columns+1, rows+1))
}

// cellName is a cell's name, such as AB12.
func cellName(column, row int) string {
	name := ""
	for ; column > 0; column = (column - 1) / 26 {
		name = string(rune('A'+(column-1)%26)) + name
	}
	return name + strconv.Itoa(row)
}

const sheetNames = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`

// xml is the sheet's part of the file.
func (s *leaf) xml(first bool) string {
	var b strings.Builder
	selected := ""
	if first {
		selected = ` tabSelected="1"`
	}
	fmt.Fprintf(&b, `%s<worksheet %s><sheetViews><sheetView%s workbookViewId="0">%s</sheetView></sheetViews>`, xmlHead, sheetNames, selected, s.pane)
	b.WriteString(enclosed("cols", s.widths.String()) + `<sheetData>`)
	for _, row := range slices.Sorted(maps.Keys(s.rows)) {
		fmt.Fprintf(&b, `<row r="%d">`, row)
		for _, column := range slices.Sorted(maps.Keys(s.rows[row])) {
			b.WriteString(s.rows[row][column].xml(cellName(column, row)))
		}
		b.WriteString(`</row>`)
	}
	b.WriteString(`</sheetData>` + enclosed("hyperlinks", s.links.String()) + `</worksheet>`)
	return b.String()
}

func (c cell) xml(at string) string {
	if c.number {
		return fmt.Sprintf(`<c r="%s" s="%d">%s<v>%s</v></c>`, at, c.style, enclosed("f", xmlText(c.formula)), c.text)
	}
	return fmt.Sprintf(`<c r="%s" s="%d" t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>`, at, c.style, xmlText(c.text))
}

// enclosed is an element around what is not empty.
func enclosed(element, inner string) string {
	if inner == "" {
		return ""
	}
	return "<" + element + ">" + inner + "</" + element + ">"
}

// styles is the part of the looks. A look has a font, a ground, a line and a format of
// its own number; the format's grounds begin with two that every file has.
func (b *spreadsheet) styles() string {
	var codes, fonts, fills, borders, cells strings.Builder
	flag := func(on bool, s string) string {
		if on {
			return s
		}
		return ""
	}
	for i, l := range b.looks {
		format := 0
		if l.code != "" {
			format = 164 + i
			fmt.Fprintf(&codes, `<numFmt numFmtId="%d" formatCode="%s"/>`, format, xmlText(l.code))
		}
		size := l.size
		if size == 0 {
			size = 11
		}
		fmt.Fprintf(&fonts, `<font>%s%s%s<sz val="%d"/>%s<name val="Calibri"/><family val="2"/></font>`,
			flag(l.bold, `<b/>`), flag(l.italic, `<i/>`), flag(l.underlined, `<u/>`), size, flag(l.color != "", `<color rgb="FF`+l.color+`"/>`))
		ground := 0
		if l.fill != "" {
			ground = 2 + strings.Count(fills.String(), "<fill>")
			fmt.Fprintf(&fills, `<fill><patternFill patternType="solid"><fgColor rgb="FF%s"/></patternFill></fill>`, l.fill)
		}
		fmt.Fprintf(&borders, `<border><left/><right/><top/><bottom%s</bottom><diagonal/></border>`, flag(!l.ruled, `>`)+flag(l.ruled, ` style="medium"><color rgb="FF1F2A33"/>`))
		fmt.Fprintf(&cells, `<xf numFmtId="%d" fontId="%d" fillId="%d" borderId="%d" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1" applyBorder="1" applyAlignment="1"><alignment%s%s%s%s/></xf>`,
			format, i, ground, i, flag(l.right, ` horizontal="right"`), flag(l.vertical != "", ` vertical="`+l.vertical+`"`), flag(l.wrap, ` wrapText="1"`), flag(l.indent > 0, ` horizontal="left" indent="`+strconv.Itoa(l.indent)+`"`))
	}
	list := func(name, items string, n int) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf(`<%s count="%d">%s</%s>`, name, n, items, name)
	}
	n := len(b.looks)
	return xmlHead + `<styleSheet ` + sheetNames + `>` +
		list("numFmts", codes.String(), strings.Count(codes.String(), "<numFmt ")) +
		list("fonts", fonts.String(), n) +
		list("fills", `<fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>`+fills.String(), 2+strings.Count(fills.String(), "<fill>")) +
		list("borders", borders.String(), n) +
		`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
		list("cellXfs", cells.String(), n) +
		`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`
}

// computing asks the reader to work formulas out anew, where there are any.
func (b *spreadsheet) computing() string {
	for _, s := range b.sheets {
		for _, row := range s.rows {
			for _, c := range row {
				if c.formula != "" {
					return `<calcPr fullCalcOnLoad="1"/>`
				}
			}
		}
	}
	return ""
}

// write packs the parts, always in the same order and without times.
func (b *spreadsheet) write(w io.Writer, title, lang string) error {
	const types, office = "application/vnd.openxmlformats-officedocument.spreadsheetml.", "http://schemas.openxmlformats.org/package/2006/"
	var overrides, sheets, relations strings.Builder
	for i, s := range b.sheets {
		n := i + 1
		fmt.Fprintf(&overrides, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%sworksheet+xml"/>`, n, types)
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="sheet%d"/>`, xmlText(s.name), n, n)
		fmt.Fprintf(&relations, `<Relationship Id="sheet%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, n, relation, n)
	}
	parts := [][2]string{
		{"[Content_Types].xml", xmlHead + `<Types xmlns="` + office + `content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="` + types + `sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="` + types + `styles+xml"/>` + overrides.String() + `<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>`},
		{"_rels/.rels", xmlHead + `<Relationships xmlns="` + office + `relationships"><Relationship Id="book" Type="` + relation + `/officeDocument" Target="xl/workbook.xml"/><Relationship Id="core" Type="` + office + `relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`},
		{"docProps/core.xml", xmlHead + `<cp:coreProperties xmlns:cp="` + office + `metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>` + xmlText(title) + `</dc:title><dc:creator>recoup</dc:creator><dc:language>` + xmlText(lang) + `</dc:language></cp:coreProperties>`},
		{"xl/workbook.xml", xmlHead + `<workbook ` + sheetNames + ` xmlns:r="` + relation + `"><bookViews><workbookView/></bookViews><sheets>` + sheets.String() + `</sheets>` + b.defined() + b.computing() + `</workbook>`},
		{"xl/_rels/workbook.xml.rels", xmlHead + `<Relationships xmlns="` + office + `relationships">` + relations.String() + `<Relationship Id="styles" Type="` + relation + `/styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", b.styles()},
	}
	for i, s := range b.sheets {
		parts = append(parts, [2]string{fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1), s.xml(i == 0)})
	}
	out := zip.NewWriter(w)
	for _, p := range parts {
		f, err := out.CreateHeader(&zip.FileHeader{Name: p[0], Method: zip.Deflate})
		if err == nil {
			_, err = io.WriteString(f, p[1])
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}
