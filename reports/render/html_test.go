package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recoup/reports"
	"recoup/reports/disclosure"
)

func figuresOf(r reports.Report) (out []reports.Figure) {
	for _, s := range r.Sections {
		for _, b := range s.Blocks {
			if f, ok := b.(reports.Figure); ok {
				out = append(out, f)
			}
		}
	}
	return out
}

func pageOf(t *testing.T, r reports.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Every figure of the reports is a picture with something on it. The pages and
// pictures are kept in the folder that RECOUP_LOOK names, for looking at them.
func TestPictures(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("RECOUP_LOOK")
	if dir == "" {
		dir = t.TempDir()
	}
	cms, err := disclosure.Named("cms-11")
	if err != nil {
		t.Fatal(err)
	}
	gated, _ := disclosure.Apply(example(), cms)
	for name, r := range map[string]reports.Report{"report": example(), "gated": gated, "hostile": hostile()} {
		if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(pageOf(t, r)), 0o600); err != nil {
			t.Fatal(err)
		}
		for i, f := range figuresOf(r) {
			var p bytes.Buffer
			err := PNG(&p, f, Size{}, 0)
			if errors.Is(err, ErrNoData) {
				continue
			}
			if err != nil {
				t.Errorf("%s, %s: %v", name, f.ID, err)
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%02d.png", name, i+1)), p.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			picture, err := png.Decode(&p)
			if err != nil {
				t.Errorf("%s, %s: %v", name, f.ID, err)
				continue
			}
			if blank(picture) {
				t.Errorf("%s, %s: the picture is blank", name, f.ID)
			}
		}
	}
}

// blank reports a picture of one color.
func blank(p image.Image) bool {
	b := p.Bounds()
	first := p.At(b.Min.X, b.Min.Y)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if p.At(x, y) != first {
				return false
			}
		}
	}
	return true
}

func TestPageStructure(t *testing.T) {
	p := pageOf(t, example())
	for want, n := range map[string]int{
		"<h1>": 1, `<html lang="en">`: 1, `href="#main"`: 1, `<main id="main" tabindex="-1">`: 1, "Content-Security-Policy": 1, "<footer>": 1,
		`role="img"`: 2 * 14, "<figure ": 14, "<details>": 14, "<script": 0, "NaN": 0, "<link": 0, "@import": 0, "url(": 0, "@font-face": 0, " onload": 0,
	} {
		if got := strings.Count(p, want); got != n {
			t.Errorf("%d times %q in the page, want %d", got, want, n)
		}
	}
	if strings.Count(p, "<caption>") != strings.Count(p, "<table") {
		t.Error("a table has no caption")
	}
	if len(p) > MaxHTML*2/3 {
		t.Errorf("the page has %d bytes: little is left under %d for longer reports", len(p), MaxHTML)
	}
	if strings.Count(p, "<th scope=") != strings.Count(p, "<th ") {
		t.Error("a table heading has no scope")
	}
	for _, m := range regexp.MustCompile(`https?://[^"' <]*`).FindAllString(p, -1) {
		if m != "http://www.w3.org/2000/svg" {
			t.Errorf("the page names the address %s", m)
		}
	}
	if p != pageOf(t, example()) {
		t.Error("two pages of one report differ")
	}
}

// Every id is used once and every reference to one has a target.
func TestPageReferences(t *testing.T) {
	r := example()
	r.Sections = append(r.Sections, r.Sections...) // the same names twice
	p := pageOf(t, r)
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(p, -1) {
		if seen[m[1]] {
			t.Errorf("id %q is used twice", m[1])
		}
		seen[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([^"]*)"`).FindAllStringSubmatch(p, -1) {
		for _, id := range strings.Fields(m[1]) {
			if !seen[id] {
				t.Errorf("nothing has the id %q that is referred to", id)
			}
		}
	}
}

func TestFigureWithoutDataBecomesNotice(t *testing.T) {
	p := pageOf(t, example())
	if !strings.Contains(p, "Not shown: Tapering speed") || !strings.Contains(p, "a weekly dose record would cure this") {
		t.Error("the figure without data is not explained")
	}
	if !strings.Contains(p, "Figure 14.") || strings.Contains(p, "Figure 15.") {
		t.Error("the figure without data took a number")
	}
	for _, plot := range []reports.Plot{
		reports.Lines{},
		reports.Survival{},
		reports.Stack{},
		reports.Stack{Layers: []string{"a"}, Panels: []reports.StackPanel{{Label: "b", End: 3}}},
		reports.Forest{},
		reports.Dots{},
		reports.Control{},
		reports.Funnel{},
		reports.Plane{},
		reports.Acceptability{},
		reports.Flow{},
		reports.Lines{Series: []reports.Series{{Points: []reports.Point{{X: 1, Y: nan}}}}},
		reports.Forest{Rows: []reports.ForestRow{{Heading: true}, {Estimate: reports.NotAvailable("why")}}},
		reports.Funnel{Points: []reports.FunnelPoint{{N: nan, Y: nan}}},
	} {
		if err := SVG(io.Discard, reports.Figure{ID: "x", Plot: plot}, Size{}); !errors.Is(err, ErrNoData) {
			t.Errorf("%T without data: error %v, want ErrNoData", plot, err)
		}
	}
	if err := SVG(io.Discard, reports.Figure{}, Size{}); err == nil || errors.Is(err, ErrNoData) {
		t.Errorf("a figure without plot: error %v, want one that says so", err)
	}
}

// A figure that a section could not fill is a remark with its reason, on the page as
// in plain text: a program of few quarters has no control chart, and a report.
func TestFigureWithoutPlot(t *testing.T) {
	p := pageOf(t, reports.Report{Sections: []reports.Section{{Blocks: []reports.Block{
		reports.Figure{ID: "chart", Title: "By quarter", Absent: reports.Say("Too few quarters.")},
	}}}})
	for _, want := range []string{"Not shown: By quarter", "Too few quarters."} {
		if !strings.Contains(p, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestEmptyReport(t *testing.T) {
	p := pageOf(t, reports.Report{})
	for _, want := range []string{`<html lang="en">`, "<h1>Report</h1>", "no sections"} {
		if !strings.Contains(p, want) {
			t.Errorf("the page of an empty report lacks %q", want)
		}
	}
	p = pageOf(t, reports.Report{Sections: []reports.Section{{Blocks: []reports.Block{
		reports.Table{},
		reports.Tiles{},
		reports.Paragraph{},
		reports.Notice{},
		reports.Definitions{},
		reports.Table{Rows: []reports.Row{{Heading: true}, {}}},
	}}}})
	if !strings.Contains(p, "</html>") {
		t.Error("empty blocks break the page")
	}
}

func TestTooLarge(t *testing.T) {
	word := strings.Repeat("x", 1000)
	var s reports.Section
	for range 1100 {
		s.Blocks = append(s.Blocks, reports.Paragraph{Text: reports.Say(word)})
	}
	var b bytes.Buffer
	err := HTML(&b, reports.Report{Title: "Long", Sections: []reports.Section{s}})
	if !errors.Is(err, ErrTooLarge) || b.Len() != 0 {
		t.Errorf("error %v with %d bytes written, want ErrTooLarge and none", err, b.Len())
	}
}

// evil is what labels and column names may hold.
var evil = []string{
	`<script>alert("x")</script>`, `"><img src=x onerror=alert(1)>`, `a & b < c > d`, `]]><!-- ' " -->`, "emoji 👩‍⚕️🧪 label",
	strings.Repeat("Donaudampfschifffahrt", 8), "שלום עולם, كيف الحال", "bad \xff\xfe utf8 \x00\x01\x1b[31m", "{{.Title}} ${x}", "line\nbreak\ttab",
	`javascript:alert(1)`, "\u202Eright to left override", `";}*{display:none}`,
}

// hostile is the example with every label replaced.
func hostile() reports.Report {
	i := 0
	next := func() string { i++; return evil[i%len(evil)] }
	r := reports.Report{
		Title: next(), Subtitle: next(), Audience: next(), Period: next(), Lang: `en"><script>`,
		Warnings: []reports.Warning{{Code: next(), Text: next()}},
	}
	for _, s := range example().Sections {
		s.ID, s.Title, s.Lead = next(), next(), reports.Say(next())
		s.Blocks = append([]reports.Block(nil), s.Blocks...)
		for j, b := range s.Blocks {
			switch b := b.(type) {
			case reports.Table:
				b.ID, b.Caption = next(), next()
				b.Columns = append([]reports.Column(nil), b.Columns...)
				for k := range b.Columns {
					b.Columns[k].Label, b.Columns[k].Unit = next(), next()
				}
				b.Rows = append(b.Rows, reports.Row{Cells: []reports.Cell{reports.Label(next()), reports.NotAvailable(next())}})
				s.Blocks[j] = b
			case reports.Figure:
				b.ID, b.Title, b.Subtitle, b.Caption, b.Alt = next(), next(), next(), reports.Say(next()), reports.Say(next())
				b.Plot = hostilePlot(b.Plot, next)
				s.Blocks[j] = b
			case reports.Definitions:
				s.Blocks[j] = reports.Definitions{Title: next(), Items: []reports.Definition{{Term: next(), Meaning: next(), Source: next()}}}
			case reports.Notice:
				s.Blocks[j] = reports.Notice{Title: next(), Text: reports.Say(next())}
			case reports.Tiles:
				s.Blocks[j] = reports.Tiles{Tiles: []reports.Tile{{
					Label: next(), Value: reports.Label(next()), Status: reports.Better, StatusText: next(),
					Benchmark: reports.Label(next()), BenchmarkSource: next(),
				}}}
			}
		}
		r.Sections = append(r.Sections, s)
	}
	return r
}

func hostilePlot(p reports.Plot, next func() string) reports.Plot {
	switch p := p.(type) {
	case reports.Lines:
		p.X.Label = next()
		for i := range p.Series {
			p.Series[i].Label = next()
		}
		return p
	case reports.Acceptability:
		for i := range p.Series {
			p.Series[i].Label = next()
		}
		return p
	case reports.Survival:
		p.X.Label, p.RiskTitle = next(), next()
		for i := range p.Curves {
			p.Curves[i].Label = next()
		}
		return p
	case reports.Stack:
		p.X.Label, p.RiskTitle, p.Rest = next(), next(), next()
		for i := range p.Layers {
			p.Layers[i] = next()
		}
		for i := range p.Panels {
			p.Panels[i].Label = next()
		}
		return p
	case reports.Forest:
		p.LabelHead, p.Favors = next(), [2]string{next(), next()}
		for i := range p.Columns {
			p.Columns[i] = next()
		}
		for i := range p.Rows {
			p.Rows[i].Label = next()
		}
		return p
	case reports.Dots:
		for i := range p.Rows {
			p.Rows[i] = next()
		}
		for i := range p.Series {
			p.Series[i].Label = next()
		}
		return p
	case reports.Control:
		for i := range p.Points {
			if p.Points[i].Label != "" {
				p.Points[i].Label, p.Points[i].Rule = next(), next()
			}
		}
		return p
	case reports.Funnel:
		for i := range p.Points {
			p.Points[i].Label = next()
		}
		return p
	case reports.Plane:
		p.X.Label, p.Y.Label, p.ThresholdText = next(), next(), next()
		return p
	case reports.Flow:
		for i := range p.Steps {
			p.Steps[i].Label = next()
			for j := range p.Steps[i].Lost {
				p.Steps[i].Lost[j].Label = next()
			}
		}
		return p
	}
	return p
}

func TestHostileLabels(t *testing.T) {
	p := pageOf(t, hostile())
	for _, bad := range []string{"<script", "<img", "onerror=alert(1)>", "<!--", "\x00", "\x1b", "\u202E"} {
		if strings.Contains(p, bad) {
			t.Errorf("the page holds %q unescaped", bad)
		}
	}
	if !strings.Contains(p, "&lt;script&gt;") || !strings.Contains(p, "שלום") {
		t.Error("hostile labels are gone rather than escaped")
	}
	for i, f := range figuresOf(hostile()) {
		if err := checkSVG(f); err != nil && !errors.Is(err, ErrNoData) {
			t.Errorf("figure %d: %v", i, err)
		}
	}
}

func TestSVG(t *testing.T) {
	for _, f := range figuresOf(example()) {
		if err := checkSVG(f); err != nil && !errors.Is(err, ErrNoData) {
			t.Errorf("%s: %v", f.ID, err)
		}
	}
}

// checkSVG reads a figure's SVG again and holds it to an allow-list of elements
// and attributes.
func checkSVG(f reports.Figure) error {
	var b bytes.Buffer
	if err := SVG(&b, f, Size{}); err != nil {
		return err
	}
	elements := map[string]bool{"svg": true, "title": true, "desc": true, "g": true, "path": true, "text": true}
	attributes := map[string]bool{
		"xmlns": true, "role": true, "aria-hidden": true, "aria-labelledby": true, "viewBox": true, "width": true, "height": true,
		"font-family": true, "id": true, "transform": true, "d": true, "style": true, "x": true, "y": true,
	}
	dec := xml.NewDecoder(&b)
	count := map[string]int{}
	title := ""
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			count[tok.Name.Local]++
			if !elements[tok.Name.Local] {
				return fmt.Errorf("element %s", tok.Name.Local)
			}
			for _, a := range tok.Attr {
				if !attributes[a.Name.Local] {
					return fmt.Errorf("attribute %s of %s", a.Name.Local, tok.Name.Local)
				}
				if a.Name.Local == "style" && (strings.Contains(a.Value, "url") || strings.Contains(a.Value, "font-family")) {
					return fmt.Errorf("style %q", a.Value)
				}
				if a.Name.Local == "viewBox" {
					count["viewBox"]++
				}
				if a.Name.Local == "d" && strings.ContainsAny(a.Value, "NI") {
					return fmt.Errorf("a path with NaN or Inf")
				}
			}
		case xml.CharData:
			if count["title"] == 1 && count["desc"] == 0 && title == "" {
				title = string(tok)
			}
		}
	}
	if count["viewBox"] != 1 || count["svg"] != 1 || count["title"] != 1 || count["desc"] != 1 || count["text"] < 2 || count["path"] < 3 {
		return fmt.Errorf("elements %v", count)
	}
	if strings.TrimSpace(title) != strings.TrimSpace(printable(f.Title)) {
		return fmt.Errorf("title %q reads back as %q", f.Title, title)
	}
	return nil
}

func TestPlainFormats(t *testing.T) {
	var text, md, again bytes.Buffer
	if err := Text(&text, example()); err != nil {
		t.Fatal(err)
	}
	if err := Markdown(&md, example()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Table 1. Patient-reported outcomes", "−2.3 (−2.6 to −2.0)", "not available [a]", "Figure 12.", "Costs are not shown"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q", want)
		}
	}
	for _, want := range []string{"# Outcome report", "| Measure | n |", "| ---: |", "**Figure 1. Three in four"} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("the Markdown lacks %q", want)
		}
	}
	if err := Markdown(&again, hostile()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(again.String(), "<script") || strings.Contains(again.String(), "\x1b") {
		t.Error("Markdown lets markup or control characters through")
	}
}
