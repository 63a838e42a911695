package render

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"strings"

	"recoup/reports"
)

// DOCX writes a report as a document for a word processor: headings, tables that repeat
// their heads, figures as pictures with a text for those who cannot see them, and page
// numbers. It is written by hand: a document of these few parts needs no library.
func DOCX(w io.Writer, r reports.Report) error {
	d := document{numbers: newNumbering(), in: reports.In(r.Lang)}
	d.paragraph("Title", titleOf(r))
	if s := subtitleOf(r); s != "" {
		d.paragraph("Subtitle", s)
	}
	for _, warning := range r.Warnings {
		d.marked(d.in.Text("Caution"), warning.Text)
	}
	for _, s := range sectionsOf(r) {
		d.paragraph("Heading1", s.Title)
		if found := words(s.Found); found != "" {
			d.body.WriteString("<w:p>" + run(found, "<w:b/>") + "</w:p>\n")
		}
		if lead := words(s.Lead); lead != "" {
			d.paragraph("", lead)
		}
		for _, b := range s.Blocks {
			if err := d.block(b); err != nil {
				return err
			}
		}
	}
	return d.write(w, r)
}

// document is a word processor's document as it grows.
type document struct {
	body     strings.Builder
	pictures [][]byte
	numbers  *numbering
	in       reports.Language
}

// xmlText escapes a text for XML.
func xmlText(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(printable(s))) // a buffer takes everything
	return b.String()
}

// run is a piece of text of a paragraph.
func run(s, properties string) string {
	if properties != "" {
		properties = "<w:rPr>" + properties + "</w:rPr>"
	}
	return "<w:r>" + properties + `<w:t xml:space="preserve">` + xmlText(s) + "</w:t></w:r>"
}

func (d *document) paragraph(style, s string) {
	if style != "" {
		style = `<w:pPr><w:pStyle w:val="` + style + `"/></w:pPr>`
	}
	d.body.WriteString("<w:p>" + style + run(s, "") + "</w:p>\n")
}

// marked is a remark with a bold word before it.
func (d *document) marked(word, s string) {
	d.body.WriteString(`<w:p><w:pPr><w:pStyle w:val="Remark"/></w:pPr>` + run(word+". ", "<w:b/>") + run(s, "") + "</w:p>\n")
}

func (d *document) block(b reports.Block) error {
	switch b := b.(type) {
	case reports.Paragraph:
		d.paragraph("", words(b.Text))
	case reports.Tiles:
		d.table(layTable(tileTable(b, d.in)))
	case reports.Table:
		d.numbers.tables++
		g := layTable(b)
		d.paragraph("Caption", d.in.Text("Table {0}. {1}", d.numbers.tables, b.Caption))
		d.table(g)
	case reports.Figure:
		return d.figure(b)
	case reports.Notice:
		d.marked(noticeTitle(b, d.in), words(b.Text))
	case reports.Definitions:
		if b.Title != "" {
			d.paragraph("Heading2", b.Title)
		}
		for _, x := range b.Items {
			source := ""
			if x.Source != "" {
				source = " (" + x.Source + ")"
			}
			d.body.WriteString("<w:p>" + run(x.Term+": ", "<w:b/>") + run(x.Meaning+source, "") + "</w:p>\n")
		}
	default:
		return fmt.Errorf("a block of type %T cannot be written", b)
	}
	return nil
}

// textWidth is the width of a page's text in twentieths of a point: A4 less margins of
// 20 mm.
const textWidth = 9638

func (d *document) table(g grid) {
	columns := max(len(g.Columns), 1)
	first := textWidth / columns
	if columns > 2 { // words need more room than numbers
		first = textWidth * 3 / (columns + 2)
	}
	width := func(i int) int {
		if i == 0 || columns == 1 {
			return first
		}
		return (textWidth - first) / (columns - 1)
	}
	fmt.Fprintf(&d.body, `<w:tbl><w:tblPr><w:tblStyle w:val="ReportTable"/><w:tblW w:w="5000" w:type="pct"/><w:tblLook w:firstRow="1" w:firstColumn="1" w:noHBand="1" w:noVBand="1"/><w:tblCaption w:val="%s"/></w:tblPr><w:tblGrid>`, xmlText(named(g.Caption, "Table")))
	for i := range columns {
		fmt.Fprintf(&d.body, `<w:gridCol w:w="%d"/>`, width(i))
	}
	d.body.WriteString(`</w:tblGrid><w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>`)
	for i := range columns {
		label, class := "", ""
		if i < len(g.Columns) {
			label, class = g.Columns[i].head(), g.Columns[i].Class
		}
		d.cell(label, "", class == "right", "<w:b/>", width(i), 1, 0)
	}
	d.body.WriteString("</w:tr>\n")
	for _, r := range g.Rows {
		d.row(r, columns, width)
	}
	d.body.WriteString("</w:tbl>\n")
	for i, reason := range g.Reasons {
		d.paragraph("Note", letters(i+1)+". "+reason.Text)
	}
	for _, note := range g.Notes {
		d.paragraph("Note", note.Text)
	}
	if len(g.Reasons)+len(g.Notes) == 0 {
		d.paragraph("Note", "") // two tables without a paragraph between them become one
	}
}

func (d *document) row(r gridRow, columns int, width func(int) int) {
	d.body.WriteString(`<w:tr><w:trPr><w:cantSplit/></w:trPr>`)
	weight := ""
	if r.Class != "" {
		weight = "<w:b/>"
	}
	if r.Class == "heading" {
		d.cell(r.Cells[0].Text, r.Cells[0].Mark, false, weight, textWidth, columns, 0)
	} else {
		for i := range columns {
			var c gridCell
			if i < len(r.Cells) {
				c = r.Cells[i]
			}
			indent := 0
			if i == 0 && len(c.Class) > 1 && c.Class[0] == 'i' && c.Class[1] >= '1' && c.Class[1] <= '3' {
				indent = 170 * int(c.Class[1]-'0')
			}
			properties := weight
			if strings.HasSuffix(c.Class, "hidden") || strings.HasSuffix(c.Class, "none") {
				properties += "<w:i/>"
			}
			d.cell(c.Text, c.Mark, strings.Contains(c.Class, "right"), properties, width(i), 1, indent)
		}
	}
	d.body.WriteString("</w:tr>\n")
}

func (d *document) cell(s, mark string, right bool, properties string, width, span, indent int) {
	fmt.Fprintf(&d.body, `<w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/>`, width)
	if span > 1 {
		fmt.Fprintf(&d.body, `<w:gridSpan w:val="%d"/>`, span)
	}
	d.body.WriteString(`</w:tcPr><w:p><w:pPr><w:pStyle w:val="Cell"/>`)
	if indent > 0 {
		fmt.Fprintf(&d.body, `<w:ind w:left="%d"/>`, indent)
	}
	if right {
		d.body.WriteString(`<w:jc w:val="right"/>`)
	}
	d.body.WriteString("</w:pPr>" + run(s, properties))
	if mark != "" {
		d.body.WriteString(run(mark, `<w:vertAlign w:val="superscript"/>`))
	}
	d.body.WriteString("</w:p></w:tc>")
}

// emu is the units of a picture's size in a twentieth of a point.
const emu = 635

func (d *document) figure(f reports.Figure) error {
	untitled := f
	untitled.Title = ""
	var picture bytes.Buffer
	err := PNG(&picture, untitled, Size{}, 0)
	if f.Plot == nil || errors.Is(err, ErrNoData) {
		return d.block(noFigure(f, d.in))
	}
	if err != nil {
		return err
	}
	size, err := png.DecodeConfig(bytes.NewReader(picture.Bytes()))
	if err != nil {
		return err
	}
	d.numbers.figures++
	d.pictures = append(d.pictures, picture.Bytes())
	n := len(d.pictures)
	wide, high := textWidth*emu, textWidth*emu*size.Height/size.Width
	if most := 14000 * emu; high > most { // no picture is taller than its page
		wide, high = wide*most/high, most
	}
	title := d.in.Text("Figure {0}. {1}", d.numbers.figures, f.Title)
	alt := words(f.Alt)
	if alt == "" {
		alt = f.Subtitle
	}
	d.paragraph("Caption", title)
	fmt.Fprintf(&d.body, `<w:p><w:pPr><w:pStyle w:val="Picture"/></w:pPr><w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent cx="%d" cy="%d"/><wp:docPr id="%d" name="Figure %d" title="%s" descr="%s"/>`+
		`<a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:nvPicPr><pic:cNvPr id="%d" name="figure%d.png" descr="%s"/><pic:cNvPicPr/></pic:nvPicPr>`+
		`<pic:blipFill><a:blip r:embed="picture%d"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/><a:ext cx="%d" cy="%d"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>`+"\n",
		wide, high, n, n, xmlText(title), xmlText(alt), n, n, xmlText(alt), n, wide, high)
	return nil
}

const (
	xmlHead  = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	wordName = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"`
	relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
)

// write packs the parts into a file, always in the same order and without times.
func (d *document) write(w io.Writer, r reports.Report) error {
	out := zip.NewWriter(w)
	add := func(name string, content []byte) error {
		f, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return err
	}
	type file struct{ name, content string }
	var pictures strings.Builder
	for i := range d.pictures {
		fmt.Fprintf(&pictures, `<Relationship Id="picture%d" Type="%s/image" Target="media/figure%d.png"/>`, i+1, relation, i+1)
	}
	for _, f := range []file{
		{"[Content_Types].xml", wordTypes},
		{"_rels/.rels", xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="document" Type="` + relation + `/officeDocument" Target="word/document.xml"/><Relationship Id="core" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`},
		{"docProps/core.xml", xmlHead + `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>` + xmlText(titleOf(r)) + `</dc:title><dc:creator>recoup</dc:creator><dc:language>` + xmlText(langOf(r)) + `</dc:language></cp:coreProperties>`},
		{"word/document.xml", xmlHead + `<w:document ` + wordName + ` xmlns:r="` + relation + `" xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><w:body>` + "\n" + d.body.String() + wordPage + `</w:body></w:document>`},
		{"word/styles.xml", wordStyles(langOf(r))},
		{"word/settings.xml", xmlHead + `<w:settings ` + wordName + `><w:compat><w:compatSetting w:name="compatibilityMode" w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat></w:settings>`},
		{"word/footer.xml", xmlHead + `<w:ftr ` + wordName + `><w:p><w:pPr><w:pStyle w:val="Footer"/><w:jc w:val="right"/></w:pPr>` + run(d.in.Text("{0}, page ", titleOf(r)), "") + field("PAGE") + run(d.in.Text(" of "), "") + field("NUMPAGES") + `</w:p></w:ftr>`},
		{"word/_rels/document.xml.rels", xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="styles" Type="` + relation + `/styles" Target="styles.xml"/><Relationship Id="settings" Type="` + relation + `/settings" Target="settings.xml"/><Relationship Id="footer" Type="` + relation + `/footer" Target="footer.xml"/>` + pictures.String() + `</Relationships>`},
	} {
		if err := add(f.name, []byte(f.content)); err != nil {
			return fmt.Errorf("writing DOCX: %w", err)
		}
	}
	for i, p := range d.pictures {
		if err := add(fmt.Sprintf("word/media/figure%d.png", i+1), p); err != nil {
			return fmt.Errorf("writing DOCX: %w", err)
		}
	}
	return out.Close()
}

// field is a number that the word processor fills in.
func field(code string) string {
	return `<w:fldSimple w:instr=" ` + code + ` ">` + run("1", "") + `</w:fldSimple>`
}

const wordTypes = xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/>` +
	`<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/><Override PartName="/word/settings.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.settings+xml"/><Override PartName="/word/footer.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.footer+xml"/><Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>`

// wordPage is A4 with margins of 20 mm and the page's number below.
const wordPage = `<w:sectPr><w:footerReference w:type="default" r:id="footer"/><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="567" w:footer="567" w:gutter="0"/></w:sectPr>`

// wordStyles are the document's styles: the page's colors and sizes.
func wordStyles(lang string) string {
	style := func(id, name, paragraph, text string) string {
		return `<w:style w:type="paragraph" w:styleId="` + id + `"><w:name w:val="` + name + `"/><w:basedOn w:val="Normal"/><w:qFormat/><w:pPr>` + paragraph + `</w:pPr><w:rPr>` + text + `</w:rPr></w:style>`
	}
	return xmlHead + `<w:styles ` + wordName + `><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii="Arial" w:hAnsi="Arial" w:eastAsia="Arial" w:cs="Arial"/><w:color w:val="1F2A33"/><w:sz w:val="20"/><w:szCs w:val="20"/><w:lang w:val="` + xmlText(lang) + `"/></w:rPr></w:rPrDefault><w:pPrDefault><w:pPr><w:spacing w:after="100" w:line="264" w:lineRule="auto"/></w:pPr></w:pPrDefault></w:docDefaults>` +
		`<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style>` +
		style("Title", "Title", `<w:spacing w:after="40"/>`, `<w:b/><w:sz w:val="36"/>`) +
		style("Subtitle", "Subtitle", `<w:spacing w:after="200"/>`, `<w:color w:val="4A5F72"/>`) +
		style("Heading1", "heading 1", `<w:keepNext/><w:spacing w:before="360" w:after="80"/><w:outlineLvl w:val="0"/>`, `<w:b/><w:sz w:val="26"/>`) +
		style("Heading2", "heading 2", `<w:keepNext/><w:spacing w:before="200" w:after="60"/><w:outlineLvl w:val="1"/>`, `<w:b/>`) +
		style("Caption", "caption", `<w:keepNext/><w:spacing w:before="200" w:after="60"/>`, `<w:b/>`) +
		style("Remark", "Remark", `<w:pBdr><w:left w:val="single" w:sz="24" w:space="8" w:color="C75000"/></w:pBdr><w:ind w:left="170"/>`, ``) +
		style("Cell", "Cell", `<w:spacing w:before="20" w:after="20" w:line="240" w:lineRule="auto"/>`, `<w:sz w:val="16"/><w:szCs w:val="16"/>`) +
		style("Note", "Note", `<w:spacing w:before="40" w:after="40" w:line="240" w:lineRule="auto"/>`, `<w:color w:val="4A5F72"/><w:sz w:val="16"/><w:szCs w:val="16"/>`) +
		style("Picture", "Picture", `<w:spacing w:after="200"/>`, ``) +
		style("Footer", "footer", ``, `<w:color w:val="4A5F72"/><w:sz w:val="16"/>`) +
		`<w:style w:type="table" w:default="1" w:styleId="TableNormal"><w:name w:val="Normal Table"/></w:style><w:style w:type="table" w:styleId="ReportTable"><w:name w:val="Report Table"/><w:basedOn w:val="TableNormal"/><w:tblPr><w:tblBorders><w:top w:val="single" w:sz="8" w:color="1F2A33"/><w:bottom w:val="single" w:sz="8" w:color="1F2A33"/><w:insideH w:val="single" w:sz="4" w:color="D5DBE0"/></w:tblBorders><w:tblCellMar><w:left w:w="60" w:type="dxa"/><w:right w:w="60" w:type="dxa"/></w:tblCellMar></w:tblPr></w:style></w:styles>`
}
