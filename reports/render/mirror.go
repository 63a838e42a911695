package render

import (
	"math"

	"recoup/reports"
)

// mirrorDrawing draws two histograms, one upwards and one downwards, with a second one of
// each as an outline. The area of a bar is its share, so that wide bars stand as low as
// they are wide.
type mirrorDrawing struct {
	reports.Mirror
	width float64 // of the narrowest bar, whose height is its share
	most  float64
}

const mirrorHeight = 300

func newMirror(p reports.Mirror) drawing {
	d := &mirrorDrawing{Mirror: p, width: math.Inf(1)}
	for i := 1; i < len(p.Edges); i++ {
		d.width = math.Min(d.width, p.Edges[i]-p.Edges[i-1])
	}
	if !(d.width > 0) || math.IsInf(d.width, 0) || !(p.Edges[len(p.Edges)-1]-p.Edges[0] <= mostDrawn) {
		return nil
	}
	for _, side := range p.Sides {
		for _, cells := range [][]reports.Cell{side.Bars, side.Outline} {
			for i := range cells {
				d.most = math.Max(d.most, d.tall(cells, i))
			}
		}
	}
	if !(d.most > 0) {
		return nil
	}
	return d
}

// tall is the height of bar i, 0 where it is not shown.
func (d *mirrorDrawing) tall(cells []reports.Cell, i int) float64 {
	if i >= len(cells) || i+1 >= len(d.Edges) || !drawable(cells[i]) {
		return 0
	}
	return plotted(cells[i]) * d.width / (d.Edges[i+1] - d.Edges[i])
}

func (d *mirrorDrawing) key() []keyItem {
	return []keyItem{
		{d.Kinds[0], func(s *sketch, x, y float64) {
			s.box(faint(blue, 0x66), rect{x - 12, y - 6, x, y + 6})
			s.box(faint(vermilion, 0x66), rect{x, y - 6, x + 12, y + 6})
		}},
		{d.Kinds[1], lineMark(pen{ink, 1.8, nil})},
	}
}

func (d *mirrorDrawing) remark() string { return "" }

func (d *mirrorDrawing) height(float64) float64 { return mirrorHeight + xAxisHeight(d.X.Label) }

func (d *mirrorDrawing) draw(s *sketch, area rect) {
	y, up := layAxis(d.Y, span{0, d.most}, 3, true)
	var ticks []tick
	for _, t := range up {
		ticks = append(ticks, t)
		if t.at > 0 {
			ticks = append(ticks, tick{-t.at, t.label})
		}
	}
	most := math.Max(y.max, d.most*1.02)
	xs, xt := layAxis(d.X, span{d.Edges[0], d.Edges[len(d.Edges)-1]}, 8, false)
	plot := rect{area.left + tickStyle.widest(tickLabels(ticks)) + 10, area.top + 6, area.right - 14, area.bottom - xAxisHeight(d.X.Label)}
	sc := s.scale(plot, math.Min(xs.min, d.Edges[0]), math.Max(xs.max, d.Edges[len(d.Edges)-1]), -most, most, false)
	s.yAxis(sc, ticks)
	for k, side := range d.Sides {
		d.side(s, sc, side, k)
	}
	s.stroke(pen{axisColor, 1.2, nil}, xy{plot.left, sc.y(0)}, xy{plot.right, sc.y(0)})
	s.text(plot.left+8, plot.top+14, strongStyle, start, strongStyle.fit(printable(d.Sides[0].Label), plot.width()/2))
	s.text(plot.left+8, plot.bottom-8, strongStyle, start, strongStyle.fit(printable(d.Sides[1].Label), plot.width()/2))
	s.xAxis(sc, xt, d.X.Label)
}

// side draws the bars and the outline of one side: upwards the first, downwards the other.
func (d *mirrorDrawing) side(s *sketch, sc scales, side reports.MirrorSide, k int) {
	color, sign := faint(blue, 0x66), 1.0
	if k == 1 {
		color, sign = faint(vermilion, 0x66), -1
	}
	zero := sc.y(0)
	for i := range side.Bars {
		if h := d.tall(side.Bars, i); h > 0 {
			at := sc.y(sign * h)
			s.box(color, rect{sc.x(d.Edges[i]) + 0.5, math.Min(at, zero), sc.x(d.Edges[i+1]) - 0.5, math.Max(at, zero)})
		}
	}
	var line []xy
	for i := range side.Outline {
		if i+1 < len(d.Edges) {
			at := sc.y(sign * d.tall(side.Outline, i))
			line = append(line, xy{sc.x(d.Edges[i]), at}, xy{sc.x(d.Edges[i+1]), at})
		}
	}
	if n := len(line); n > 0 {
		line = append([]xy{{line[0].x, zero}}, append(line, xy{line[n-1].x, zero})...)
		s.stroke(pen{ink, 1.8, nil}, line...)
	}
}
