package render

import (
	"math"

	"recoup/reports"
)

// dotDrawing draws values by category as dots or bars, several series side by
// side.
type dotDrawing struct {
	reports.Dots
	xs   span
	pens []pen
}

func newDots(p reports.Dots) drawing {
	d := &dotDrawing{Dots: p, xs: emptySpan()}
	var comparator []bool
	for _, s := range p.Series {
		comparator = append(comparator, s.Comparator)
		for i, c := range s.Values {
			if i < len(p.Rows) && drawable(c) {
				d.add(c)
			}
		}
	}
	d.pens = seriesStyles(comparator)
	if d.xs.empty() {
		return nil
	}
	for _, l := range p.Lines {
		d.xs.add(l.Value)
	}
	if p.Bars || d.xs.min > 0 && d.xs.min < d.xs.max/2 {
		d.xs.add(0)
	}
	return d
}

// add makes room for a value and its interval, and takes the axis to be of
// percentages where the values are.
func (d *dotDrawing) add(c reports.Cell) {
	d.xs.add(plotted(c))
	if hasInterval(c) {
		d.xs.add(c.Low, c.High)
	}
	if k := c.Format.Kind; d.X.Format.Kind == reports.Blank && (k == reports.Percent || k == reports.CountPercent) {
		d.X.Format.Kind = reports.Percent
	}
}

// hasInterval tells whether a cell's kind has an interval and both ends are there.
func hasInterval(c reports.Cell) bool {
	return (c.Format.Kind == reports.Percent || c.Format.Kind == reports.Interval) && !math.IsNaN(c.Low) && !math.IsNaN(c.High)
}

// drawable tells whether a cell has a number that may be drawn.
func drawable(c reports.Cell) bool {
	return c.Hidden == reports.Shown && c.Format.Kind != reports.Blank && c.Format.Kind != reports.Text &&
		math.Abs(plotted(c)) <= mostDrawn
}

// plotted is the number that a cell stands at.
func plotted(c reports.Cell) float64 {
	if c.Format.Kind == reports.CountOf {
		return float64(c.Count)
	}
	return c.Value
}

func (d *dotDrawing) key() []keyItem {
	if len(d.Series) < 2 && len(d.Lines) == 0 {
		return nil
	}
	var out []keyItem
	for i, ser := range d.Series {
		out = append(out, keyItem{ser.Label, func(s *sketch, x, y float64) {
			if d.Bars {
				s.box(d.pens[i].color, rect{x - 9, y - 5, x + 9, y + 5})
			} else {
				s.mark(d.pens[i].color, ser.Comparator, x, y)
			}
		}})
	}
	for _, l := range d.Lines {
		out = append(out, keyItem{l.Label, lineMark(pen{slate, 1.4, dashed})})
	}
	return out
}

func (d *dotDrawing) remark() string { return "" }

// pitch is the height of one category: that of its series, or of two lines of
// label where one needs them.
func (d *dotDrawing) pitch(width float64) float64 {
	h := 12 + 17*float64(len(d.Series))
	if d.Join || d.Shared {
		h = 26
	}
	for _, name := range d.Rows {
		if len(bodyStyle.wrap(printable(name), d.labelRoom(width)-12)) > 1 {
			h = math.Max(h, 38)
		}
	}
	return h
}

// labelRoom is the width left of the axis.
func (d *dotDrawing) labelRoom(width float64) float64 {
	return math.Min(bodyStyle.widest(d.Rows)+12.5, width*0.38)
}

func (d *dotDrawing) height(width float64) float64 {
	return 8 + xAxisHeight(d.X.Label) + d.pitch(width)*float64(len(d.Rows))
}

func (d *dotDrawing) draw(s *sketch, area rect) {
	room := d.labelRoom(area.width())
	right := 12.0
	if !d.Join && !d.Shared {
		for _, ser := range d.Series {
			for _, c := range ser.Values {
				right = math.Max(right, noteStyle.width(Cell(c))+20)
			}
		}
	}
	right = math.Min(right, area.width()*0.4)
	plot := rect{area.left + room, area.top + 4, area.right - right, area.bottom - xAxisHeight(d.X.Label)}
	xs, ticks := layAxis(d.X, d.xs, 6, true)
	sc := s.scale(plot, xs.min, xs.max, 0, 1, false)
	pitch := plot.height() / float64(len(d.Rows))
	for i, name := range d.Rows {
		mid := plot.top + pitch*(float64(i)+0.5)
		s.stroke(pen{ruleColor, 1, nil}, xy{plot.left, mid}, xy{plot.right, mid})
		d.rowLabel(s, name, area.left+room-10, mid, room-12, pitch)
	}
	for _, l := range d.Lines {
		if x := sc.x(l.Value); sc.showsX(x) {
			s.stroke(pen{slate, 1.4, dashed}, xy{x, plot.top - 4}, xy{x, plot.bottom + 4})
		}
	}
	for i := range d.Rows {
		d.values(s, sc, i, plot.top+pitch*(float64(i)+0.5), area.right)
	}
	s.xAxis(sc, ticks, d.X.Label)
}

// rowLabel writes a category right-aligned, on two lines where it is long.
func (d *dotDrawing) rowLabel(s *sketch, name string, x, mid, room, pitch float64) {
	lines := bodyStyle.wrap(printable(name), room)
	most := max(1, int((pitch-2)/15))
	if len(lines) > most {
		lines[most-1] = bodyStyle.fit(lines[most-1]+" "+lines[most], room)
		lines = lines[:most]
	}
	y := mid + 4.3 - 7.5*float64(len(lines)-1)
	for _, line := range lines {
		s.text(x, y, bodyStyle, end, line)
		y += 15
	}
}

func (d *dotDrawing) values(s *sketch, sc scales, row int, mid, right float64) {
	if d.Join {
		xs := emptySpan()
		for _, ser := range d.Series {
			if row < len(ser.Values) && drawable(ser.Values[row]) {
				xs.add(clamp(sc.x(plotted(ser.Values[row])), sc.area.left, sc.area.right))
			}
		}
		if xs.max > xs.min {
			s.stroke(pen{axisColor, 2, nil}, xy{xs.min, mid}, xy{xs.max, mid})
		}
	}
	for i, ser := range d.Series {
		if row >= len(ser.Values) || ser.Values[row].Format.Kind == reports.Blank {
			continue
		}
		y := mid
		if !d.Join && !d.Shared {
			y += 17 * (float64(i) - float64(len(d.Series)-1)/2)
		}
		c := ser.Values[row]
		if !d.Join && !d.Shared {
			s.text(right, y+4, noteStyle, end, noteStyle.fit(Cell(c), right-sc.area.right-8))
		}
		if drawable(c) {
			d.value(s, sc, i, c, y)
		}
	}
}

func (d *dotDrawing) value(s *sketch, sc scales, i int, c reports.Cell, y float64) {
	p := d.pens[i]
	x := clamp(sc.x(plotted(c)), sc.area.left, sc.area.right)
	if d.Bars {
		zero := clamp(sc.x(0), sc.area.left, sc.area.right)
		s.box(p.color, rect{math.Min(zero, x), y - 6, math.Max(zero, x), y + 6})
		p.color = ink
		p.width = 1.2
	}
	if hasInterval(c) {
		lo, hi := clamp(sc.x(c.Low), sc.area.left, sc.area.right), clamp(sc.x(c.High), sc.area.left, sc.area.right)
		s.stroke(pen{p.color, math.Min(p.width, 1.8), nil}, xy{lo, y}, xy{hi, y})
	}
	if !d.Bars && sc.showsX(sc.x(plotted(c))) {
		s.mark(d.pens[i].color, d.Series[i].Comparator, x, y)
	}
}
