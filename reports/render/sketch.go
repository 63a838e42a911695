package render

import (
	"image/color"
	"math"
	"strings"
	"sync"
	"unicode"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The palette stays apart under every common color blindness; the first three
// are dark enough to color text.
var (
	blue      = color.NRGBA{0x00, 0x5E, 0xB8, 0xFF}
	vermilion = color.NRGBA{0xC7, 0x50, 0x00, 0xFF}
	green     = color.NRGBA{0x00, 0x85, 0x6A, 0xFF}
	amber     = color.NRGBA{0xE3, 0xA0, 0x00, 0xFF}
	gray      = color.NRGBA{0x8A, 0x97, 0xA0, 0xFF}

	ink       = color.NRGBA{0x1F, 0x2A, 0x33, 0xFF}
	slate     = color.NRGBA{0x4A, 0x5F, 0x72, 0xFF} // secondary text, 6.6:1 on white
	navy      = color.NRGBA{0x00, 0x30, 0x87, 0xFF}
	ruleColor = color.NRGBA{0xE1, 0xE5, 0xE9, 0xFF}
	axisColor = color.NRGBA{0xAE, 0xB7, 0xBF, 0xFF}
	bandColor = color.NRGBA{0xF2, 0xF5, 0xF8, 0xFF}
	white     = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
)

// readable is c where it is dark enough on white to be read as text, else ink.
func readable(c color.NRGBA) color.NRGBA {
	if c == amber || c == gray {
		return ink
	}
	return c
}

func faint(c color.NRGBA, alpha uint8) color.NRGBA { c.A = alpha; return c }

// fontCache holds the metrics of Liberation Sans, which are those of Arial and
// Helvetica too: what is measured here is what a reader's browser draws. Of the twelve
// fonts of the family two are in the program.
var fontCache = sync.OnceValue(func() *font.Cache {
	plain, bold := style{}.font(), style{bold: true}.font()
	return font.NewCache([]font.Face{parsed(plain, liberationsansregular.TTF), parsed(bold, liberationsansbold.TTF)})
})

// parsed is a font of the program's own, which tests hold to be readable.
func parsed(f font.Font, ttf []byte) font.Face {
	face, err := opentype.Parse(ttf)
	if err != nil {
		return font.Face{Font: f}
	}
	return font.Face{Font: f, Face: face}
}

// style is how a text is written.
type style struct {
	size  float64
	bold  bool
	color color.NRGBA
}

// boldWeight is the bold of golang.org/x/image/font, which gonum/plot's fonts
// are told by.
const boldWeight = 3

func (t style) font() font.Font {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(t.size)}
	if t.bold {
		f.Weight = boldWeight
	}
	return f
}

// The text styles of a figure.
var (
	titleStyle    = style{17, true, ink}
	subtitleStyle = style{13, false, slate}
	keyStyle      = style{12.5, false, ink}
	tickStyle     = style{12, false, ink}
	axisStyle     = style{12.5, false, slate}
	noteStyle     = style{11.5, false, slate}
	bodyStyle     = style{12.5, false, ink}
	headStyle     = style{12.5, true, slate}
	strongStyle   = style{12.5, true, ink}
	captionStyle  = style{11, false, slate}
)

// width measures a text in points.
func (t style) width(s string) float64 {
	face := fontCache().Lookup(t.font(), vg.Length(t.size))
	w := 0.0
	for _, r := range s { // glyph by glyph without kerning, as the backends draw
		w += advance(face, r)
	}
	return w * t.size
}

var advances sync.Map // of glyph to width for size 1

type glyph struct {
	bold bool
	r    rune
}

func advance(face font.Face, r rune) float64 {
	key := glyph{face.Font.Weight == boldWeight, r}
	if w, ok := advances.Load(key); ok {
		return w.(float64)
	}
	face.Font.Size = 100
	w := float64(face.Width(string(r))) / 100
	if i, err := face.Face.GlyphIndex(nil, r); (err != nil || i == 0) && !unicode.IsControl(r) {
		w = math.Max(w, 1.3) // drawn in another font, an emoji perhaps: leave it room
	}
	advances.Store(key, w)
	return w
}

// wrap breaks a text into lines no wider than limit; a word that is wider is
// cut into pieces.
func (t style) wrap(s string, limit float64) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		joined := word
		if line != "" {
			joined = line + " " + word
		}
		if t.width(joined) <= limit {
			line = joined
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for t.width(word) > limit {
			head := t.cut(word, limit)
			lines = append(lines, head)
			word = word[len(head):]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// cut returns the longest start of word that fits, at least one character.
func (t style) cut(word string, limit float64) string {
	w, end := 0.0, 0
	for i, r := range word {
		w += t.width(string(r))
		if w > limit && i > 0 {
			return word[:i]
		}
		end = i + len(string(r))
	}
	return word[:end]
}

// fit shortens a text with an ellipsis so that it is no wider than limit.
func (t style) fit(s string, limit float64) string {
	if t.width(s) <= limit {
		return s
	}
	return strings.TrimRight(t.cut(s, limit-t.width("…")), " ") + "…"
}

func (t style) in(c color.NRGBA) style { t.color = c; return t }
func (t style) heavy() style           { t.bold = true; return t }
func (t style) widest(ss []string) (w float64) {
	for _, s := range ss {
		w = math.Max(w, t.width(s))
	}
	return w
}

// rect is an area of the sketch; y grows downward.
type rect struct{ left, top, right, bottom float64 }

func (r rect) width() float64  { return r.right - r.left }
func (r rect) height() float64 { return r.bottom - r.top }
func (r rect) overlaps(o rect) bool {
	return r.left < o.right && o.left < r.right && r.top < o.bottom && o.top < r.bottom
}

// label is a text that was drawn and the box it fills.
type label struct {
	text string
	box  rect
}

// sketch draws on a gonum/plot canvas in points from the top left corner, and
// remembers where text stands.
type sketch struct {
	canvas draw.Canvas
	w, h   float64
	labels []label
}

func newSketch(c vg.Canvas, w, h float64) *sketch {
	return &sketch{canvas: draw.NewCanvas(c, vg.Length(w), vg.Length(h)), w: w, h: h}
}

func (s *sketch) at(x, y float64) vg.Point {
	return vg.Point{X: vg.Length(x), Y: vg.Length(s.h - y)}
}

// anchor says which point of the text stands at x.
type anchor int

const (
	start anchor = iota
	middle
	end
)

// text writes s with its baseline at y.
func (s *sketch) text(x, y float64, t style, a anchor, str string) {
	str = printable(str)
	if str == "" {
		return
	}
	w := t.width(str)
	switch a {
	case middle:
		x -= w / 2
	case end:
		x -= w
	}
	face := fontCache().Lookup(t.font(), vg.Length(t.size))
	s.canvas.SetColor(t.color)
	s.canvas.FillString(face, s.at(x, y), str)
	s.labels = append(s.labels, label{str, rect{x, y - 0.72*t.size, x + w, y + 0.2*t.size}})
}

// vertical writes s upward, centered on y, with its baseline at x.
func (s *sketch) vertical(x, y float64, t style, str string) {
	str = printable(str)
	if str == "" {
		return
	}
	w := t.width(str)
	s.canvas.SetColor(t.color)
	handler := text.Plain{Fonts: fontCache()}
	sty := text.Style{
		Color: t.color, Font: t.font(), Rotation: math.Pi / 2,
		XAlign: text.XCenter, YAlign: text.YTop, Handler: handler,
	}
	handler.Draw(s.canvas, str, sty, s.at(x-t.size*0.9, y))
	s.labels = append(s.labels, label{str, rect{x - t.size*0.8, y - w/2, x + t.size*0.2, y + w/2}})
}

// printable drops what XML cannot hold and what would break a line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case unicode.IsControl(r), redirects(r), r == 0xFFFE, r == 0xFFFF, r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// redirects tells whether a rune overrides the direction of the text after it,
// which could make one number read as another.
func redirects(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}

// pen is a line's color, width and dashes.
type pen struct {
	color  color.NRGBA
	width  float64
	dashes []float64
}

var (
	dashed = []float64{7, 3.5}
	dotted = []float64{3, 2.5}
)

func (p pen) line() draw.LineStyle {
	l := draw.LineStyle{Color: p.color, Width: vg.Length(p.width)}
	for _, d := range p.dashes {
		l.Dashes = append(l.Dashes, vg.Length(d))
	}
	return l
}

type xy struct{ x, y float64 }

func (s *sketch) path(pts []xy) vg.Path {
	var p vg.Path
	for i, q := range pts {
		if i == 0 {
			p.Move(s.at(q.x, q.y))
		} else {
			p.Line(s.at(q.x, q.y))
		}
	}
	return p
}

func (s *sketch) stroke(p pen, pts ...xy) {
	if len(pts) < 2 {
		return
	}
	s.canvas.SetLineStyle(p.line())
	s.canvas.Stroke(s.path(pts))
}

func (s *sketch) fill(c color.NRGBA, pts ...xy) {
	if len(pts) < 3 {
		return
	}
	p := s.path(pts)
	p.Close()
	s.canvas.SetColor(c)
	s.canvas.Fill(p)
}

func (s *sketch) box(c color.NRGBA, r rect) {
	s.fill(c, xy{r.left, r.top}, xy{r.right, r.top}, xy{r.right, r.bottom}, xy{r.left, r.bottom})
}

// The marks of points. A halo of white keeps them apart from lines.
func (s *sketch) circle(c color.NRGBA, x, y, radius float64) {
	s.canvas.SetColor(c)
	var p vg.Path
	p.Move(s.at(x+radius, y))
	p.Arc(s.at(x, y), vg.Length(radius), 0, 2*math.Pi)
	p.Close()
	s.canvas.Fill(p)
}

func (s *sketch) ring(c color.NRGBA, x, y, radius float64) {
	s.circle(c, x, y, radius)
	s.circle(white, x, y, radius-2.2)
}

func (s *sketch) square(c color.NRGBA, x, y, half float64) {
	s.box(c, rect{x - half, y - half, x + half, y + half})
}

func (s *sketch) diamond(c color.NRGBA, left, x, right, y, half float64) {
	s.fill(c, xy{left, y}, xy{x, y - half}, xy{right, y}, xy{x, y + half})
}

// scales maps data to the sketch through the plot's own transforms.
type scales struct {
	x, y func(float64) float64
	area rect
	clip draw.Canvas // the area, for cutting lines at its edge
}

// shows tells whether a place lies in the area; NaN lies nowhere.
func (sc scales) shows(x, y float64) bool {
	return x >= sc.area.left-0.5 && x <= sc.area.right+0.5 && y >= sc.area.top-0.5 && y <= sc.area.bottom+0.5
}

// showsX tells whether x lies between the edges of the area.
func (sc scales) showsX(x float64) bool { return sc.shows(x, sc.area.top) }

// showsY tells whether y lies between the top and the bottom of the area.
func (sc scales) showsY(y float64) bool { return sc.shows(sc.area.left, y) }

// strokeIn draws a line as far as it lies in the area.
func (s *sketch) strokeIn(sc scales, p pen, pts ...xy) {
	var line []vg.Point
	for _, q := range pts {
		if !math.IsNaN(q.x + q.y) {
			line = append(line, s.at(q.x, q.y))
		}
	}
	if len(line) < 2 {
		return
	}
	s.canvas.StrokeLines(p.line(), sc.clip.ClipLinesXY(line)...)
}

// fillIn fills a polygon as far as it lies in the area.
func (s *sketch) fillIn(sc scales, c color.NRGBA, pts ...xy) {
	var line []vg.Point
	for _, q := range pts {
		if !math.IsNaN(q.x + q.y) {
			line = append(line, s.at(q.x, q.y))
		}
	}
	if line = sc.clip.ClipPolygonXY(line); len(line) > 2 {
		s.canvas.FillPolygon(c, line)
	}
}

// scale lays data ranges over an area, so that everything drawn in or beside the area
// stands on one axis.
func (s *sketch) scale(area rect, xmin, xmax, ymin, ymax float64, logX bool) scales {
	clip := draw.Crop(s.canvas, vg.Length(area.left), vg.Length(area.right-s.w), vg.Length(s.h-area.bottom), vg.Length(-area.top))
	share := func(v, low, high float64) float64 {
		if low == high { // one value stands in the middle
			low, high = low-1, high+1
		}
		return (v - low) / (high - low)
	}
	const far = 1e6 // off every picture, and near enough to compute with
	return scales{
		x: func(v float64) float64 {
			low, high := xmin, xmax
			if logX {
				if v <= 0 {
					return -far
				}
				v, low, high = math.Log(v), math.Log(low), math.Log(high)
			}
			return clamp(float64(clip.X(share(v, low, high))), -far, far)
		},
		y:    func(v float64) float64 { return clamp(s.h-float64(clip.Y(share(v, ymin, ymax))), -far, far) },
		area: area,
		clip: clip,
	}
}
