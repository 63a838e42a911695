package render

import (
	"image/color"
	"math"
	"slices"

	"recoup/reports"
)

// stackColors fill the layers of a stack, lowest first; restColor what they leave.
var (
	stackColors = []color.NRGBA{blue, {0x7F, 0xB3, 0xE6, 0xFF}, amber, vermilion, slate, green, navy}
	restColor   = color.NRGBA{0xE9, 0xED, 0xF1, 0xFF}
)

// stackDrawing draws the parts of a whole over time, a panel for each group.
type stackDrawing struct {
	reports.Stack
	end float64
}

// columns is how many panels stand side by side.
func (d *stackDrawing) columns(width float64) int {
	if width < narrow {
		return 1
	}
	return min(2, len(d.Panels))
}

const (
	stackPanel = 230 // height of a panel's plot
	stackGap   = 28
)

func newStack(p reports.Stack) drawing {
	d := &stackDrawing{Stack: p}
	d.Panels = slices.Clone(p.Panels)
	for i := range d.Panels {
		if p.Rest == "" && len(d.Panels[i].Steps) < 2 {
			d.Panels[i].Steps = nil // the shares at one time tell of no course
		}
	}
	for _, g := range d.Panels {
		if g.End <= mostDrawn && len(g.Steps) > 0 {
			d.end = math.Max(d.end, g.End)
		}
	}
	if !(d.end > 0) || len(p.Layers) == 0 || len(p.Layers) > len(stackColors) {
		return nil
	}
	for _, t := range p.RiskTimes {
		d.X.Ticks = append(d.X.Ticks, reports.Tick{At: t, Label: localNumber(t, decimalsOf(t), p.X.Format.Lang)})
	}
	d.Y.Range = []float64{0, 1}
	if d.Y.Format.Kind == reports.Blank {
		d.Y.Format.Kind = reports.Percent
	}
	return d
}

// key lists the layers as they lie, the highest first.
func (d *stackDrawing) key() []keyItem {
	swatch := func(c color.NRGBA) func(s *sketch, x, y float64) {
		return func(s *sketch, x, y float64) { s.box(c, rect{x - 10, y - 6, x + 10, y + 6}) }
	}
	var out []keyItem
	if d.Rest != "" {
		out = append(out, keyItem{d.Rest, swatch(restColor)})
	}
	for k := len(d.Layers) - 1; k >= 0; k-- {
		out = append(out, keyItem{d.Layers[k], swatch(stackColors[k])})
	}
	return out
}

func (d *stackDrawing) remark() string { return "" }

func (d *stackDrawing) panelHeight() float64 {
	h := 24 + stackPanel + xAxisHeight(d.X.Label)
	if len(d.RiskTimes) > 0 {
		h += 42
	}
	return h
}

func (d *stackDrawing) height(width float64) float64 {
	columns := d.columns(width)
	rows := (len(d.Panels) + columns - 1) / columns
	return float64(rows)*d.panelHeight() + float64(rows-1)*12
}

func (d *stackDrawing) draw(s *sketch, area rect) {
	columns := d.columns(area.width())
	rows := (len(d.Panels) + columns - 1) / columns
	width := (area.width() - stackGap*float64(columns-1)) / float64(columns)
	height := (area.height() - 12*float64(rows-1)) / float64(rows)
	for i := range d.Panels {
		left, top := area.left+float64(i%columns)*(width+stackGap), area.top+float64(i/columns)*(height+12)
		d.panel(s, d.Panels[i], rect{left, top, left + width, top + height})
	}
}

func (d *stackDrawing) panel(s *sketch, p reports.StackPanel, area rect) {
	label := p.Label
	switch {
	case len(p.Steps) == 0 || !(p.End > 0):
		label = say(d.Y.Format.Lang, notShown, label)
	case p.N > 0:
		label += " (n = " + localNumber(float64(p.N), 0, d.Y.Format.Lang) + ")"
	}
	s.text(area.left, area.top+14, strongStyle, start, strongStyle.fit(printable(label), area.width()))
	_, yt := layAxis(d.Y, span{0, 1}, 5, true)
	xs, xt := layAxis(d.X, span{0, d.end}, max(3, int(area.width()/95)), false)
	below := xAxisHeight(d.X.Label)
	if len(d.RiskTimes) > 0 {
		below += 42
	}
	plotArea := rect{area.left + tickStyle.widest(tickLabels(yt)) + 10, area.top + 26, area.right - 14, area.bottom - below}
	sc := s.scale(plotArea, math.Min(0, xs.min), math.Max(d.end, xs.max), 0, 1, false)
	s.yAxis(sc, yt)
	d.areas(s, sc, p)
	for _, t := range yt { // the rules, which the areas cover
		s.strokeIn(sc, pen{faint(white, 0x48), 1, nil}, xy{plotArea.left, sc.y(t.at)}, xy{plotArea.right, sc.y(t.at)})
	}
	s.xAxis(sc, xt, d.X.Label)
	d.followed(s, sc, p, area)
}

// areas fills the layers from below, with a thin white line between them.
func (d *stackDrawing) areas(s *sketch, sc scales, p reports.StackPanel) {
	if len(p.Steps) == 0 || !(p.End > 0) {
		return
	}
	lower := d.edge(p, 0)
	for k := range d.Layers {
		upper := d.edge(p, k+1)
		d.fill(s, sc, stackColors[k], lower, upper)
		lower = upper
	}
	if d.Rest != "" {
		d.fill(s, sc, restColor, lower, []reports.Point{{X: lower[0].X, Y: 1}, {X: p.End, Y: 1}})
	}
	for k := range d.Layers {
		if k < len(d.Layers)-1 || d.Rest != "" {
			s.strokeIn(sc, pen{white, 1, nil}, project(sc, d.edge(p, k+1), d.Grid == 0)...)
		}
	}
}

// edge is the upper edge of the first n layers.
func (d *stackDrawing) edge(p reports.StackPanel, n int) []reports.Point {
	var out []reports.Point
	if d.Rest != "" && p.Steps[0].Time > 0 {
		out = append(out, reports.Point{}) // nothing has happened yet
	}
	for _, q := range p.Steps {
		sum := 0.0
		for _, v := range q.Shares[:min(n, len(q.Shares))] {
			sum += v
		}
		out = append(out, reports.Point{X: q.Time, Y: math.Min(sum, 1)})
	}
	if last := out[len(out)-1]; last.X < p.End {
		out = append(out, reports.Point{X: p.End, Y: last.Y})
	}
	return out
}

func (d *stackDrawing) fill(s *sketch, sc scales, c color.NRGBA, lower, upper []reports.Point) {
	pts := project(sc, upper, d.Grid == 0)
	back := project(sc, lower, d.Grid == 0)
	for i := len(back) - 1; i >= 0; i-- {
		pts = append(pts, back[i])
	}
	s.fillIn(sc, c, pts...)
}

// followed writes the numbers followed under a panel, each centered on its time.
func (d *stackDrawing) followed(s *sketch, sc scales, p reports.StackPanel, area rect) {
	if len(d.RiskTimes) == 0 {
		return
	}
	y := sc.area.bottom + xAxisHeight(d.X.Label) + 16
	title := d.RiskTitle
	if title == "" {
		title = say(d.Y.Format.Lang, "Number followed")
	}
	s.text(area.left, y, captionStyle, start, captionStyle.fit(title, area.width()))
	last := math.Inf(-1)
	for j, t := range d.RiskTimes {
		if j >= len(p.AtRisk) {
			break
		}
		str := Cell(p.AtRisk[j])
		if p.AtRisk[j].Hidden != reports.Shown {
			str = "·"
		}
		x, w := sc.x(t), bodyStyle.width(str)
		if left := math.Min(x-w/2, area.right-w); left > last+6 && left > 0 && sc.showsX(x) {
			s.text(left, y+20, bodyStyle, start, str)
			last = left + w
		}
	}
}
