// Package render turns a report into bytes: one HTML file, SVG and PNG figures,
// text, Markdown and CSV. It decides how things look, never what is shown:
// reports/disclosure has run before. Equal reports give equal bytes.
package render

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	"recoup/reports"
)

//go:embed page.css
var pageStyle string

// pageFigureWidth leaves figures in a page as wide as its text and tables allow
// without becoming hard to read.
const pageFigureWidth = 800

// narrowFigureWidth is that of the drawing for telephones, on which the wide one could
// not be read.
const narrowFigureWidth = 360

// MaxHTML is the greatest size of a report page in bytes.
const MaxHTML = 1 << 20

// ErrTooLarge is returned when a page would exceed MaxHTML.
var ErrTooLarge = errors.New("the report is too large for one HTML file")

// HTML writes a report as one page that needs no network, script or font file.
// A figure without data becomes a notice. A page over MaxHTML is refused before
// anything is written.
func HTML(w io.Writer, r reports.Report) error {
	out, err := pageBytes(r, true)
	if err == nil && len(out) > MaxHTML {
		out, err = pageBytes(r, false)
	}
	if err != nil {
		return err
	}
	if len(out) > MaxHTML {
		return fmt.Errorf("%w: %d of at most %d bytes; leave out sections or draw fewer points", ErrTooLarge, len(out), MaxHTML)
	}
	_, err = w.Write(out)
	return err
}

// pageBytes writes a page, with figures for telephones too or without.
func pageBytes(r reports.Report, telephones bool) ([]byte, error) {
	p, err := layPage(r, telephones)
	if err != nil {
		return nil, err
	}
	out := together.ReplaceAll(bytes.Map(dropControl, p.write()), []byte("$1\u00a0%"))
	out = bytes.ReplaceAll(out, []byte(minus+"$"), []byte(minus+"\u2060$"))
	return out, nil
}

// languageTag is a BCP 47 tag in its usual forms.
var languageTag = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// together is a number and its percent sign, which no line may part; nor may it part a
// minus from its currency.
var together = regexp.MustCompile(`(\d) %`)

// dropControl drops what HTML may not hold, and what turns text around.
func dropControl(r rune) rune {
	if redirects(r) || unicode.IsControl(r) && r != '\n' && r != '\t' {
		return -1
	}
	return r
}

// The page as it is written. Every string is escaped then; only drawings and running
// text are markup, and those are escaped where they are made.
type page struct {
	Lang, Title, Subtitle string
	Style                 markup
	Logo                  markup
	LogoText              string
	Warnings              []reports.Warning
	Sections              []pageSection
}

// Say writes a text of the page itself.
func (p page) Say(english string) string { return say(p.Lang, english) }

type pageSection struct {
	ID, Title   string
	Found, Lead markup
	Blocks      []pageBlock
}

type pageBlock struct {
	Paragraph   markup
	Tiles       []pageTile
	Table       *grid
	Figure      *pageFigure
	Notice      *pageNotice
	Definitions *reports.Definitions
}

type pageTile struct {
	Value, Interval, Label string
	Detail                 markup
	Status                 *pageStatus
	Benchmark              *pageBenchmark
}

type (
	pageStatus    struct{ Class, Text string }
	pageBenchmark struct{ Value, Source, Lang string }
	pageNotice    struct {
		Class, Title string
		Text         markup
	}
)

type pageFigure struct {
	ID, Caption string
	SVG         markup
	Narrow      markup // the same for telephones; empty where the wide one is for all
	Show        string // what opens the numbers
	Numbers     []grid // for those who cannot see it
}

// HTML is a remark with the languages of its parts.
func (r remark) HTML() markup {
	if r.spans == nil {
		return running([]spokenSpan{{r.Text, r.Lang}})
	}
	return running(r.spans)
}

// running escapes running text and marks what is in another language.
func running(spans []spokenSpan) markup {
	var b strings.Builder
	for _, s := range spans {
		text := escaped(s.text)
		if s.lang != "" && strings.TrimSpace(s.text) != "" {
			text = `<span lang="` + escaped(s.lang) + `">` + text + `</span>`
		}
		b.WriteString(text)
	}
	return markup(b.String())
}

// layPage numbers tables and figures in reading order and gives every heading
// an id of its own.
func layPage(r reports.Report, telephones bool) (page, error) {
	style, mark, err := branded(r.Brand)
	if err != nil {
		return page{}, err
	}
	p := page{Logo: mark, LogoText: r.Brand.LogoText, Lang: r.Lang, Title: titleOf(r), Subtitle: subtitleOf(r), Style: markup(pageStyle + style), Warnings: r.Warnings}
	if !languageTag.MatchString(p.Lang) {
		p.Lang = "en"
	}
	n := newNumbering()
	n.in, n.telephones = reports.In(r.Lang), telephones
	for _, s := range sectionsOf(r) {
		ps := pageSection{ID: n.id(s.ID, "section"), Title: s.Title, Found: running(spoken(s.Found)), Lead: running(spoken(s.Lead))}
		for _, b := range s.Blocks {
			pb, err := layBlock(b, n)
			if err != nil {
				return page{}, err
			}
			ps.Blocks = append(ps.Blocks, pb)
		}
		p.Sections = append(p.Sections, ps)
	}
	return p, nil
}

// branded is the style sheet's addition and the logo of a brand.
func branded(b reports.Brand) (style string, mark markup, err error) {
	if b.Color != "" {
		color, err := brandColor(b.Color)
		if err != nil {
			return "", "", err
		}
		style = ":root{--blue:" + color + "}@media screen and (prefers-color-scheme:dark){:root{--blue:color-mix(in srgb," + color + " 40%,#fff)}}"
	}
	if b.Logo != "" {
		drawing, err := logo(b.Logo)
		if err != nil {
			return "", "", err
		}
		mark = markup(drawing)
	}
	return style, mark, nil
}

func titleOf(r reports.Report) string {
	if strings.TrimSpace(r.Brand.Title) != "" {
		return r.Brand.Title
	}
	if strings.TrimSpace(r.Title) == "" {
		return "Report"
	}
	return r.Title
}

// subtitleOf joins what stands under the title.
func subtitleOf(r reports.Report) string {
	var parts []string
	in := reports.In(r.Lang)
	for _, s := range []string{r.Subtitle, in.Text(in.Quarter(r.Period))} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if r.Audience != "" {
		parts = append(parts, in.Text("for {0}", r.Audience))
	}
	return strings.Join(parts, " · ")
}

// sectionsOf is the report's sections with the provenance as the last one.
func sectionsOf(r reports.Report) []reports.Section {
	out := r.Sections[:len(r.Sections):len(r.Sections)]
	if len(r.Provenance.Facts)+len(r.Provenance.Tables) == 0 {
		return out
	}
	s := reports.Section{ID: "provenance", Title: say(r.Lang, "Where these numbers come from")}
	if len(r.Provenance.Facts) > 0 {
		var d reports.Definitions
		for _, f := range r.Provenance.Facts {
			d.Items = append(d.Items, reports.Definition{Term: f.Name, Meaning: Cell(f.Value)})
		}
		s.Blocks = append(s.Blocks, d)
	}
	for _, t := range r.Provenance.Tables {
		s.Blocks = append(s.Blocks, t)
	}
	return append(out, s)
}

// numbering hands out table and figure numbers and ids unique in a page.
type numbering struct {
	tables, figures int
	used            map[string]bool
	in              reports.Language
	telephones      bool // draw figures for them too
}

func newNumbering() *numbering {
	return &numbering{used: map[string]bool{"main": true, "contents": true}}
}

// id turns a name into an id of letters, digits and hyphens not used before.
func (n *numbering) id(name, kind string) string {
	slug := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
	if slug = strings.Trim(slug, "-"); slug == "" {
		slug = kind
	}
	if len(slug) > 60 {
		slug = slug[:60]
	}
	if slug[0] >= '0' && slug[0] <= '9' {
		slug = kind + "-" + slug
	}
	out := slug
	for i := 2; n.used[out]; i++ {
		out = fmt.Sprintf("%s-%d", slug, i)
	}
	// The ids inside a drawing are made from the figure's own.
	n.used[out], n.used[out+"-title"], n.used[out+"-desc"] = true, true, true
	return out
}

// manyColumns is from how many on a table folds its intervals under their values.
const manyColumns = 7

// fold lets the numbers of a wide table break before their parenthesis, and nowhere else.
func (g *grid) fold() {
	if len(g.Columns) < manyColumns {
		return
	}
	g.Class = "many"
	for _, r := range g.Rows {
		for i := range r.Cells {
			if c := &r.Cells[i]; strings.HasPrefix(c.Class, "right") {
				c.Text = strings.ReplaceAll(strings.ReplaceAll(c.Text, " ", "\u00a0"), "\u00a0(", " (")
			}
		}
	}
}

func layBlock(b reports.Block, n *numbering) (pageBlock, error) {
	switch b := b.(type) {
	case reports.Paragraph:
		return pageBlock{Paragraph: running(spoken(b.Text))}, nil
	case reports.Tiles:
		return pageBlock{Tiles: layTiles(b, n.in)}, nil
	case reports.Table:
		n.tables++
		g := layTable(b)
		g.fold()
		g.ID = n.id(b.ID, "table")
		g.Caption = n.in.Text("Table {0}. {1}", n.tables, b.Caption)
		return pageBlock{Table: &g}, nil
	case reports.Figure:
		return pageFigureOf(b, n)
	case reports.Notice:
		return pageBlock{Notice: noticeOf(b, n.in)}, nil
	case reports.Definitions:
		return pageBlock{Definitions: &b}, nil
	}
	return pageBlock{}, fmt.Errorf("a block of type %T cannot be written", b)
}

func pageFigureOf(f reports.Figure, n *numbering) (pageBlock, error) {
	id := n.id(f.ID, "figure")
	number := n.in.Text("Figure {0}. {1}", n.figures+1, "")
	doc, err := svg(f, Size{Width: pageFigureWidth}, id, number)
	if f.Plot == nil || errors.Is(err, ErrNoData) {
		return pageBlock{Notice: noticeOf(noFigure(f, n.in), n.in)}, nil
	}
	if err != nil {
		return pageBlock{}, err
	}
	small := ""
	if n.telephones {
		if small, err = svg(f, Size{Width: narrowFigureWidth}, n.id(id+"-narrow", "figure"), number); err != nil {
			return pageBlock{}, err
		}
	}
	n.figures++
	var numbers []grid
	for _, t := range behind(f) {
		t = fewer(t, n.in)
		g := layTable(t)
		g.ID, g.Caption = n.id(id+"-numbers", "numbers"), strings.TrimSpace(number+f.Title+" "+g.Caption)
		g.fold()
		numbers = append(numbers, g)
	}
	return pageBlock{Figure: &pageFigure{Narrow: markup(small), Numbers: numbers, Show: n.in.Text("The numbers of figure {0}", n.figures), ID: n.id(id+"-box", "figure"), Caption: strings.Join([]string{number + f.Title, f.Subtitle, words(f.Caption)}, " "), SVG: markup(doc)}}, nil
}

// noFigure stands where a figure without data would be.
func noFigure(f reports.Figure, in reports.Language) reports.Notice {
	text := f.Absent
	if len(text) == 0 {
		text = reports.Say(in.Text("There is no number to draw, or none that may be shown."))
	}
	return reports.Notice{Level: reports.CannotShow, Title: in.Text("Not shown: {0}", f.Title), Text: text}
}

func noticeOf(b reports.Notice, in reports.Language) *pageNotice {
	class := map[reports.Level]string{reports.Info: "info", reports.Caution: "caution", reports.CannotShow: "cannot-show"}[b.Level]
	return &pageNotice{Class: class, Title: noticeTitle(b, in), Text: running(spoken(b.Text))}
}

func noticeTitle(b reports.Notice, in reports.Language) string {
	switch {
	case b.Title != "":
		return b.Title
	case b.Level == reports.Caution:
		return in.Text("Caution")
	case b.Level == reports.CannotShow:
		return in.Text("Not shown")
	}
	return in.Text("Note")
}

func layTiles(b reports.Tiles, in reports.Language) []pageTile {
	var out []pageTile
	for _, t := range b.Tiles {
		value, interval := splitInterval(t.Value)
		pt := pageTile{Value: value, Interval: interval, Label: t.Label, Detail: running(spoken(t.Detail))}
		if t.Value.Why != "" && value == in.Text(notAvailable) {
			pt.Interval = t.Value.Why
		}
		if class, text := statusWords(t); text != "" {
			pt.Status = &pageStatus{class, text}
		}
		if t.Benchmark.Format.Kind != reports.Blank {
			pt.Benchmark = &pageBenchmark{Value: in.Text("Benchmark {0}", Cell(t.Benchmark)), Source: t.BenchmarkSource}
			if !in.English() {
				pt.Benchmark.Lang = "en" // sources are described in English
			}
		}
		out = append(out, pt)
	}
	return out
}

// splitInterval sets the large digits of a tile apart from their interval.
func splitInterval(c reports.Cell) (value, interval string) {
	value = Cell(c)
	if c.Hidden == reports.Shown && (c.Format.Kind == reports.Interval || c.Format.Kind == reports.Percent || c.Format.Kind == reports.MeanSD) {
		if v, rest, ok := strings.Cut(value, " ("); ok {
			rest = strings.TrimSuffix(rest, ")")
			if c.Format.Kind == reports.MeanSD {
				rest = "SD " + strings.TrimPrefix(rest, "SD ")
			}
			return v, rest
		}
	}
	return value, ""
}

func statusWords(t reports.Tile) (class, text string) {
	switch t.Status {
	case reports.Better:
		class, text = "better", "Better"
	case reports.Same:
		class, text = "same", "No change"
	case reports.Worse:
		class, text = "worse", "Worse"
	case reports.Unclear:
		class, text = "unclear", "Unclear"
	default:
		return "", ""
	}
	text = say(t.Value.Format.Lang, text)
	if t.StatusText != "" {
		text = t.StatusText
	}
	return class, text
}
