package render

import (
	"math"

	"recoup/reports"
)

// funnelDrawing draws units by size within their control limits.
type funnelDrawing struct {
	reports.Funnel
	xs, ys span
}

func newFunnel(p reports.Funnel) drawing {
	d := &funnelDrawing{Funnel: p, xs: emptySpan(), ys: emptySpan()}
	for _, q := range p.Points {
		if math.Abs(q.Y) <= mostDrawn && math.Abs(q.N) <= mostDrawn {
			d.xs.add(q.N)
			d.ys.add(q.Y)
		}
	}
	if d.xs.empty() {
		return nil
	}
	d.xs.add(0)
	d.xs.max *= 1.05
	for _, l := range p.Limits {
		d.xs.add(l.N)
	}
	// The limits of very small units would stretch the axis: they are clipped
	// to twice the spread of the points around the center.
	reach := 2 * math.Max(d.ys.max-p.Center, p.Center-d.ys.min)
	for _, l := range p.Limits {
		for _, v := range []float64{l.Lower998, l.Upper998} {
			d.ys.add(clamp(v, p.Center-reach, p.Center+reach))
		}
	}
	d.ys.add(p.Center, p.Target)
	return d
}

func (d *funnelDrawing) key() []keyItem {
	lang := d.Y.Format.Lang
	unit := d.Unit
	if unit == "" {
		unit = say(lang, "Site")
	}
	out := []keyItem{{unit, func(s *sketch, x, y float64) { s.circle(slate, x, y, 5) }}}
	for _, q := range d.Points {
		if q.Own && !math.IsNaN(q.Y) {
			out = append(out, keyItem{say(lang, "This program"), func(s *sketch, x, y float64) { s.diamond(blue, x-7, x, x+7, y, 7) }})
			break
		}
	}
	for signal, name := range []string{"", "Better than limits", "Worse than limits", "Outside limits"} {
		if name != "" && d.has(reports.Signal(signal)) {
			out = append(out, keyItem{say(lang, name), func(s *sketch, x, y float64) { s.unit(reports.Signal(signal), x, y) }})
		}
	}
	if len(d.Limits) > 0 {
		out = append(out, keyItem{say(lang, "95 % limits"), lineMark(pen{slate, 1.4, dotted})},
			keyItem{say(lang, "99.8 % limits"), lineMark(pen{slate, 1.4, dashed})})
	}
	if !math.IsNaN(d.Target) {
		out = append(out, keyItem{say(lang, "Target"), lineMark(pen{green, 1.6, dotted})})
	}
	return out
}

func (d *funnelDrawing) has(signal reports.Signal) bool {
	for _, q := range d.Points {
		if q.Signal == signal && !q.Own && !math.IsNaN(q.Y) {
			return true
		}
	}
	return false
}

// unit draws a unit; one outside the limits has a shape and a color of its own.
func (s *sketch) unit(signal reports.Signal, x, y float64) {
	if signal != reports.CommonCause {
		s.signal(signal, x, y)
		return
	}
	s.circle(white, x, y, 6.4)
	s.circle(slate, x, y, 5)
}

func (d *funnelDrawing) remark() string         { return d.Dispersion }
func (d *funnelDrawing) height(float64) float64 { return 290 + xAxisHeight(d.X.Label) }

func (d *funnelDrawing) draw(s *sketch, area rect) {
	ys, yt := layAxis(d.Y, d.ys, 6, true)
	if f := d.Y.Format.Kind; f == reports.Percent && d.Y.Range == nil {
		ys.min, ys.max = math.Max(ys.min, 0), math.Min(ys.max, 1)
	}
	xs, xt := layAxis(d.X, d.xs, 7, false)
	center := say(d.Y.Format.Lang, "Mean {0}", Value(d.Center, d.Y.Format))
	plot := rect{
		area.left + tickStyle.widest(tickLabels(yt)) + 10, area.top + 6,
		area.right - clamp(noteStyle.width(center)+14, 24, area.width()*0.3), area.bottom - xAxisHeight(d.X.Label),
	}
	sc := s.scale(plot, xs.min, xs.max, ys.min, ys.max, false)
	s.yAxis(sc, within(yt, ys))
	s.xAxis(sc, xt, d.X.Label)
	d.limits(s, sc)
	if y := sc.y(d.Center); sc.showsY(y) {
		s.stroke(pen{ink, 1.5, nil}, xy{plot.left, y}, xy{plot.right, y})
		s.text(plot.right+9, y+4, noteStyle, start, noteStyle.fit(center, area.right-plot.right-9))
	}
	if sc.showsY(sc.y(d.Target)) {
		s.stroke(pen{green, 1.6, dotted}, xy{plot.left, sc.y(d.Target)}, xy{plot.right, sc.y(d.Target)})
	}
	d.points(s, sc)
}

func within(ts []tick, r span) []tick {
	var out []tick
	slack := 1e-9 * (r.max - r.min)
	for _, t := range ts {
		if t.at >= r.min-slack && t.at <= r.max+slack {
			out = append(out, t)
		}
	}
	return out
}

// limits draws each limit where it lies inside the area.
func (d *funnelDrawing) limits(s *sketch, sc scales) {
	lines := [][]xy{{}, {}, {}, {}}
	for _, l := range d.Limits {
		for i, v := range []float64{l.Lower95, l.Upper95, l.Lower998, l.Upper998} {
			lines[i] = append(lines[i], xy{sc.x(l.N), sc.y(v)})
		}
	}
	for i, line := range lines {
		p := pen{slate, 1.4, dotted}
		if i >= 2 {
			p.dashes = dashed
		}
		s.strokeIn(sc, p, line...)
	}
}

// points draws units with their names beside them, where there is room.
func (d *funnelDrawing) points(s *sketch, sc scales) {
	taken := d.lineBoxes(sc)
	lines := len(taken)
	for _, q := range d.Points {
		if x, y := sc.x(q.N), sc.y(q.Y); sc.shows(x, y) {
			taken = append(taken, rect{x - 6, y - 6, x + 6, y + 6})
		}
	}
	for _, q := range d.Points {
		x, y := sc.x(q.N), sc.y(q.Y)
		if !sc.shows(x, y) {
			continue
		}
		t := noteStyle.in(ink)
		if q.Own {
			s.diamond(white, x-9, x, x+9, y, 9)
			s.diamond(blue, x-7, x, x+7, y, 7)
			t = t.heavy().in(blue)
		} else {
			s.unit(q.Signal, x, y)
		}
		name := t.fit(printable(q.Label), 110)
		at, ok := freePlace(x, y, t.width(name), taken, sc.area)
		if !ok { // better across a line than not named
			at, ok = freePlace(x, y, t.width(name), taken[lines:], sc.area)
		}
		if ok && name != "" {
			s.text(at.left, at.bottom-4, t, start, name)
			taken = append(taken, at)
		}
	}
}

// lineBoxes covers the center and the limits with small boxes, so that names
// stand clear of them.
func (d *funnelDrawing) lineBoxes(sc scales) []rect {
	y := sc.y(d.Center)
	out := []rect{{sc.area.left, y - 1, sc.area.right, y + 1}}
	for i := 1; i < len(d.Limits); i++ {
		a, b := d.Limits[i-1], d.Limits[i]
		for _, v := range [][2]float64{{a.Lower95, b.Lower95}, {a.Upper95, b.Upper95}, {a.Lower998, b.Lower998}, {a.Upper998, b.Upper998}} {
			out = append(out, rect{sc.x(a.N), math.Min(sc.y(v[0]), sc.y(v[1])) - 1, sc.x(b.N), math.Max(sc.y(v[0]), sc.y(v[1])) + 1})
		}
	}
	return out
}

// freePlace finds room for a name beside, above or below a point.
func freePlace(x, y, w float64, taken []rect, area rect) (rect, bool) {
	for _, r := range []rect{
		{x + 8, y - 8, x + 8 + w, y + 8},
		{x - 8 - w, y - 8, x - 8, y + 8},
		{x - w/2, y - 24, x + w/2, y - 8},
		{x - w/2, y + 8, x + w/2, y + 24},
	} {
		free := r.left >= area.left && r.right <= area.right && r.top >= area.top && r.bottom <= area.bottom
		for _, o := range taken {
			free = free && !r.overlaps(o)
		}
		if free {
			return r, true
		}
	}
	return rect{}, false
}
