package render

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"regexp"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"recoup/reports"
)

// Size is the size of a figure in points (1/72 inch). Zero width is 720; zero
// height is what the contents need.
type Size struct{ Width, Height float64 }

const (
	defaultWidth = 720
	margin       = 18
)

// ErrNoData is returned for a figure that has nothing to draw; a report writes
// a notice in its place.
var ErrNoData = errors.New("the figure has no data to draw")

// drawing is one kind of plot ready to be drawn.
type drawing interface {
	key() []keyItem
	remark() string               // joins the caption
	height(width float64) float64 // what the body needs, axes included
	draw(s *sketch, area rect)
}

// keyItem is one entry of the key row.
type keyItem struct {
	label string
	mark  func(s *sketch, x, y float64) // centered on x, y; about 24 wide
}

// SVG writes a figure as a document of its own.
func SVG(w io.Writer, f reports.Figure, size Size) error {
	doc, err := svg(f, size, "figure", "")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+doc)
	return err
}

// PNG writes a figure as a picture of dpi dots an inch (144 when 0).
func PNG(w io.Writer, f reports.Figure, size Size, dpi int) error {
	l, err := layFigure(f, size, "")
	if err != nil {
		return err
	}
	if dpi <= 0 {
		dpi = 144
	}
	if px := l.w * l.h * float64(dpi) * float64(dpi) / 72 / 72; px > 1e8 {
		return fmt.Errorf("a picture of %.0f million dots is too large: give a smaller size or fewer dots an inch", px/1e6)
	}
	c := vgimg.NewWith(vgimg.UseWH(vg.Length(l.w), vg.Length(l.h)), vgimg.UseDPI(dpi))
	l.draw(newSketch(c, l.w, l.h))
	_, err = vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	return err
}

// svg draws a figure as an svg element whose ids begin with id, so that many
// fit in one page.
func svg(f reports.Figure, size Size, id, number string) (string, error) {
	l, err := layFigure(f, size, number)
	if err != nil {
		return "", err
	}
	c := vgsvg.New(vg.Length(l.w), vg.Length(l.h))
	l.draw(newSketch(c, l.w, l.h))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", fmt.Errorf("writing figure: %w", err)
	}
	_, body, found := strings.Cut(b.String(), "xlink\">\n")
	if !found {
		return "", errors.New("writing figure: the drawing library's SVG does not begin as expected")
	}
	body = strings.TrimSuffix(compact(body), "</svg>\n") // what is drawn is told by title and description
	return svgHead(l, f, id) + "<g aria-hidden=\"true\">\n" + body + "</g>\n</svg>\n", nil
}

func svgHead(l layout, f reports.Figure, id string) string {
	e := func(s string) string { return html.EscapeString(printable(s)) }
	alt := words(f.Alt)
	if alt == "" {
		alt = f.Subtitle
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="%s-title %s-desc"`+
		` viewBox="0 0 %g %g" width="%g" height="%g" font-family="&quot;Liberation Sans&quot;,Arial,Helvetica,sans-serif">`+
		"\n<title id=\"%s-title\">%s</title>\n<desc id=\"%s-desc\">%s</desc>\n",
		e(id), e(id), l.w, l.h, l.w, l.h, e(id), e(f.Title), e(id), e(alt))
}

var (
	plainFont  = regexp.MustCompile(`\n\tstyle="font-family:[^;"]*;font-variant:normal;font-weight:normal;font-style:normal;`)
	heavyFont  = regexp.MustCompile(`\n\tstyle="font-family:[^;"]*;font-variant:normal;font-weight:bold;font-style:normal;`)
	manyDigits = regexp.MustCompile(`(\.\d\d)\d+`)
	pathData   = regexp.MustCompile(` d="[^"]*"`)
)

// compact drops from each text what the whole drawing says once, and digits
// under a hundredth of a point.
func compact(body string) string {
	body = plainFont.ReplaceAllString(body, ` style="`)
	body = heavyFont.ReplaceAllString(body, ` style="font-weight:bold;`)
	return pathData.ReplaceAllStringFunc(body, func(d string) string {
		return manyDigits.ReplaceAllString(d, "$1")
	})
}

// layout is a figure with every line of text broken and every height known.
type layout struct {
	w, h            float64
	title, subtitle []string
	keys            [][]keyItem
	caption         []string
	body            rect
	plot            drawing
}

// layFigure measures a figure before anything is drawn.
func layFigure(f reports.Figure, size Size, number string) (layout, error) {
	d, err := drawingOf(f.Plot)
	if err != nil {
		return layout{}, fmt.Errorf("figure %q: %w", f.ID, err)
	}
	l := layout{w: size.Width, plot: d}
	if l.w == 0 {
		l.w = defaultWidth
	}
	if l.w < 320 || l.w > 5000 || size.Height < 0 || size.Height > 20000 {
		return layout{}, fmt.Errorf("figure %q: a width of 320 to 5000 and a height of at most 20000 points can be drawn, not %g by %g",
			f.ID, size.Width, size.Height)
	}
	inner := l.w - 2*margin
	l.title = titleStyle.wrap(printable(number+f.Title), inner)
	l.subtitle = subtitleStyle.wrap(printable(f.Subtitle), inner)
	l.keys = keyRows(d.key(), inner)
	l.caption = captionStyle.wrap(printable(strings.TrimSpace(words(f.Caption)+" "+d.remark())), inner)

	top := 10.0 + float64(len(l.title))*22 + float64(len(l.subtitle))*18 + float64(len(l.keys))*22
	if len(l.keys) > 0 {
		top += 4
	}
	top += 14
	below := 14 + float64(len(l.caption))*15
	body := d.height(inner)
	if size.Height > 0 {
		body = math.Max(size.Height-top-below, 120)
	}
	l.h = math.Ceil(top + body + below)
	l.body = rect{margin, top, l.w - margin, top + body}
	return l, nil
}

// keyRows breaks the key into rows; a single row where it fits.
func keyRows(items []keyItem, limit float64) [][]keyItem {
	var rows [][]keyItem
	x := 0.0
	for _, k := range items {
		k.label = keyStyle.fit(printable(k.label), limit-40)
		w := 32 + keyStyle.width(k.label) + 22
		if len(rows) == 0 || x+w-22 > limit {
			rows, x = append(rows, nil), 0
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], k)
		x += w
	}
	return rows
}

func (l layout) draw(s *sketch) {
	s.box(white, rect{0, 0, l.w, l.h})
	y := 10.0
	for _, line := range l.title {
		s.text(margin, y+17, titleStyle, start, line)
		y += 22
	}
	for _, line := range l.subtitle {
		s.text(margin, y+14, subtitleStyle, start, line)
		y += 18
	}
	for i, row := range l.keys {
		if i == 0 {
			y += 4
		}
		x := float64(margin)
		for _, k := range row {
			k.mark(s, x+12, y+11)
			s.text(x+32, y+15.3, keyStyle, start, k.label)
			x += 32 + keyStyle.width(k.label) + 22
		}
		y += 22
	}
	l.plot.draw(s, l.body)
	y = l.body.bottom + 10
	for _, line := range l.caption {
		s.text(margin, y+11, captionStyle, start, line)
		y += 15
	}
}

// seriesStyles are the colors and dashes of series in their order: comparators
// in vermilion and dashed, whatever their place, the others in blue and on.
func seriesStyles(comparator []bool) []pen {
	own := []pen{
		{blue, 2.4, nil},
		{green, 2.4, []float64{12, 3}},
		{slate, 2.4, dotted},
		{navy, 2.4, []float64{9, 3, 2, 3}},
		{gray, 2.4, nil},
	}
	others := []pen{{vermilion, 2.4, dashed}, {amber, 2.4, []float64{4, 2.5}}}
	out := make([]pen, len(comparator))
	n, m := 0, 0
	for i, c := range comparator {
		if c {
			out[i] = others[m%len(others)]
			m++
		} else {
			out[i] = own[n%len(own)]
			n++
		}
	}
	return out
}

func lineMark(p pen) func(*sketch, float64, float64) {
	return func(s *sketch, x, y float64) {
		p.width = math.Max(p.width, 2.4)
		s.stroke(p, xy{x - 12, y}, xy{x + 12, y})
	}
}

func drawingOf(p reports.Plot) (drawing, error) {
	var d drawing
	switch p := p.(type) {
	case reports.Lines:
		d = newLines(p)
	case reports.Survival:
		d = newSurvival(p)
	case reports.Stack:
		d = newStack(p)
	case reports.Forest:
		d = newForest(p)
	case reports.Dots:
		d = newDots(p)
	case reports.Control:
		d = newControl(p)
	case reports.Funnel:
		d = newFunnel(p)
	case reports.Plane:
		d = newPlane(p)
	case reports.Acceptability:
		d = newAcceptability(p)
	case reports.Flow:
		d = newFlow(p)
	case reports.Matrix:
		d = newMatrix(p)
	case reports.Mirror:
		d = newMirror(p)
	default:
		return nil, fmt.Errorf("a plot of type %T cannot be drawn", p)
	}
	if d == nil {
		return nil, ErrNoData
	}
	return d, nil
}
