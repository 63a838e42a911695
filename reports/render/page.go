package render

import (
	"html"
	"strconv"
	"strings"

	"recoup/reports"
)

// markup is text that is HTML already: drawings and running text, escaped where they are
// written.
type markup string

// tags writes a page. Every string is escaped; markup alone is not. It is written by hand,
// since templates keep every method of every type in the program.
type tags struct{ strings.Builder }

// put writes texts and markup.
func (t *tags) put(parts ...any) {
	for _, p := range parts {
		switch p := p.(type) {
		case markup:
			t.WriteString(string(p))
		case string:
			t.WriteString(escaped(p))
		}
	}
}

// open begins an element with attributes, each a name and a value; those without a value
// are left out.
func (t *tags) open(name string, attributes ...string) {
	t.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		if attributes[i+1] != "" {
			t.WriteString(" " + attributes[i] + `="` + escaped(attributes[i+1]) + `"`)
		}
	}
	t.WriteString(">")
}

// element is a whole element around a text or markup.
func (t *tags) element(name string, content any, attributes ...string) {
	t.open(name, attributes...)
	t.put(content)
	t.WriteString("</" + name + ">")
}

// escaped is a text that HTML takes as text, within an attribute too.
func escaped(s string) string {
	return html.EscapeString(strings.ReplaceAll(s, "\x00", "\ufffd"))
}

// write puts the page together.
func (p page) write() []byte {
	t := &tags{}
	t.put(markup("<!DOCTYPE html>\n"))
	t.open("html", "lang", p.Lang)
	t.put(markup(`
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
`))
	t.element("title", p.Title)
	t.put(markup("\n<style>"), p.Style, markup("</style>\n</head>\n<body>\n"))
	t.element("a", p.Say("Skip to the report"), "class", "skip", "href", "#main")
	t.put(markup("\n<header>\n"))
	if p.Logo != "" {
		t.element("div", p.Logo, "role", "img", "aria-label", p.LogoText)
		t.put("\n")
	}
	t.element("h1", p.Title)
	t.put("\n")
	if p.Subtitle != "" {
		t.element("p", p.Subtitle, "class", "subtitle")
		t.put("\n")
	}
	t.put(markup("</header>\n"))
	p.contents(t)
	t.put(markup("<main id=\"main\" tabindex=\"-1\">\n"))
	p.warnings(t)
	for _, s := range p.Sections {
		s.write(t)
	}
	if len(p.Sections) == 0 {
		t.element("p", p.Say("This report has no sections."))
		t.put("\n")
	}
	t.put(markup("</main>\n<footer><p>"))
	t.put(p.Title)
	if p.Subtitle != "" {
		t.put(" · " + p.Subtitle)
	}
	if len(p.Sections) > 0 {
		t.put(markup("</p>\n<p>"))
		t.element("a", p.Say("Back to the contents"), "href", "#contents")
	}
	t.put(markup("</p></footer>\n</body>\n</html>\n"))
	return []byte(t.String())
}

func (p page) warnings(t *tags) {
	if len(p.Warnings) == 0 {
		return
	}
	t.open("div", "role", "region", "aria-label", p.Say("Read this first"))
	t.put("\n")
	for _, w := range p.Warnings {
		t.put(markup(`<div class="notice caution"><p>`))
		t.element("span", w.Text, "lang", w.Lang)
		if w.Code != "" {
			t.put(" ")
			t.element("span", "["+w.Code+"]", "class", "source")
		}
		t.put(markup("</p></div>\n"))
	}
	t.put(markup("</div>\n"))
}

func (p page) contents(t *tags) {
	if len(p.Sections) == 0 {
		return
	}
	t.put(markup(`<nav aria-labelledby="contents">`))
	t.element("h2", p.Say("Contents"), "id", "contents")
	t.put(markup("\n<ol>"))
	for _, s := range p.Sections {
		t.put(markup("<li>"))
		t.element("a", s.Title, "href", "#"+s.ID)
		t.put(markup("</li>\n"))
	}
	t.put(markup("</ol></nav>\n"))
}

func (s pageSection) write(t *tags) {
	t.put(markup("<section>\n"))
	t.element("h2", s.Title, "id", s.ID)
	t.put("\n")
	if s.Found != "" {
		t.element("p", s.Found, "class", "found")
		t.put("\n")
	}
	if s.Lead != "" {
		t.element("p", s.Lead, "class", "lead")
		t.put("\n")
	}
	for _, b := range s.Blocks {
		b.write(t)
	}
	t.put(markup("</section>\n"))
}

func (b pageBlock) write(t *tags) {
	if b.Paragraph != "" {
		t.element("p", b.Paragraph)
		t.put("\n")
	}
	if len(b.Tiles) > 0 {
		t.put(markup("<ul class=\"tiles\">\n"))
		for _, x := range b.Tiles {
			x.write(t)
		}
		t.put(markup("</ul>\n"))
	}
	if b.Table != nil {
		b.Table.write(t)
	}
	if b.Figure != nil {
		b.Figure.write(t)
	}
	if n := b.Notice; n != nil {
		t.open("div", "class", "notice "+n.Class, "role", "note")
		t.put(markup("<p>"))
		t.element("strong", n.Title)
		t.put(markup("</p>"))
		if n.Text != "" {
			t.element("p", n.Text)
		}
		t.put(markup("</div>\n"))
	}
	if b.Definitions != nil {
		writeDefinitions(t, *b.Definitions)
	}
}

// write is a figure, its drawing for telephones, and its numbers for those who cannot see
// it.
func (f *pageFigure) write(t *tags) {
	t.open("figure", "id", f.ID)
	if t.put("\n"); f.Narrow != "" {
		t.put(markup(`<div class="wide">`), f.SVG, markup("</div>\n<div class=\"narrow\">"), f.Narrow, markup("</div>\n"))
	} else {
		t.put(f.SVG)
	}
	t.element("figcaption", f.Caption, "class", "visually-hidden")
	t.put(markup("\n</figure>\n"))
	if len(f.Numbers) == 0 {
		return
	}
	t.put(markup("<details>"))
	t.element("summary", f.Show)
	t.put("\n")
	for i := range f.Numbers {
		f.Numbers[i].write(t)
	}
	t.put(markup("</details>\n"))
}

func writeDefinitions(t *tags, d reports.Definitions) {
	if d.Title != "" {
		t.element("h3", d.Title)
		t.put("\n")
	}
	t.put(markup("<dl>\n"))
	for _, x := range d.Items {
		t.element("dt", x.Term)
		t.put(markup("<dd>"))
		t.element("span", x.Meaning, "lang", x.Lang)
		if x.Source != "" {
			t.put(" ")
			t.element("span", "("+x.Source+")", "class", "source")
		}
		t.put(markup("</dd>\n"))
	}
	t.put(markup("</dl>\n"))
}

func (x pageTile) write(t *tags) {
	t.put(markup("<li>"))
	t.element("span", x.Value, "class", "value")
	if x.Interval != "" {
		t.element("span", x.Interval, "class", "interval")
	}
	t.element("span", x.Label, "class", "label")
	if x.Detail != "" {
		t.element("span", x.Detail, "class", "detail")
	}
	if x.Status != nil {
		t.element("span", x.Status.Text, "class", "status "+x.Status.Class)
	}
	if b := x.Benchmark; b != nil {
		t.open("span", "class", "benchmark")
		t.put(b.Value)
		if b.Source != "" {
			t.element("span", " – "+b.Source, "class", "source", "lang", b.Lang)
		}
		t.put(markup("</span>"))
	}
	t.put(markup("</li>\n"))
}

// write is a table that may be scrolled by itself.
func (g *grid) write(t *tags) {
	t.open("div", "class", "scroll", "tabindex", "0", "role", "region", "aria-labelledby", g.ID)
	t.put("\n")
	t.open("table", "class", g.Class)
	t.put("\n")
	t.put(markup("<caption>"))
	t.element("span", g.Caption, "id", g.ID)
	t.put(markup("</caption>"))
	t.put(markup("\n<thead><tr>"))
	for _, c := range g.Columns {
		t.open("th", "scope", "col", "class", c.Class)
		t.put(c.Label)
		if c.Unit != "" {
			t.put(" ")
			t.element("span", "("+c.Unit+")", "class", "unit")
		}
		t.put(markup("</th>"))
	}
	t.put(markup("</tr></thead>\n<tbody>\n"))
	for _, r := range g.Rows {
		t.open("tr", "class", r.Class)
		for _, c := range r.Cells {
			c.write(t)
		}
		t.put(markup("</tr>\n"))
	}
	t.put(markup("</tbody>\n</table>\n</div>\n"))
	writeRemarks(t, "ol", g.Reasons)
	writeRemarks(t, "ul", g.Notes)
}

func (c gridCell) write(t *tags) {
	name, span := "td", ""
	if c.Scope != "" {
		name = "th"
		if c.Span > 0 {
			span = strconv.Itoa(c.Span)
		}
	}
	t.open(name, "scope", c.Scope, "class", c.Class, "lang", c.Lang, "colspan", span)
	t.put(c.Text)
	if c.Mark != "" {
		t.element("sup", c.Mark)
	}
	t.put(markup("</" + name + ">"))
}

func writeRemarks(t *tags, list string, remarks []remark) {
	if len(remarks) == 0 {
		return
	}
	t.open(list, "class", "notes")
	for _, r := range remarks {
		t.element("li", r.HTML())
	}
	t.put(markup("</" + list + ">\n"))
}
