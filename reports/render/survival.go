package render

import (
	"math"

	"recoup/reports"
)

// survivalDrawing draws step curves with bands, censoring ticks and the risk
// table on the same axis.
type survivalDrawing struct {
	reports.Survival
	xs, ys span
	pens   []pen
}

func newSurvival(p reports.Survival) drawing {
	d := &survivalDrawing{Survival: p, xs: span{0, 0}, ys: span{0, 1}}
	drawn := false
	var comparator []bool
	for _, c := range p.Curves {
		drawn = drawn || c.End > 0 && c.End <= mostDrawn
		d.xs.add(c.End)
		comparator = append(comparator, c.Comparator)
	}
	d.pens = seriesStyles(comparator)
	if !drawn {
		return nil
	}
	d.xs.add(p.RiskTimes...)
	if d.Y.Format.Kind == reports.Blank {
		d.Y.Format.Kind = reports.Percent
	}
	if d.Y.Range == nil {
		d.Y.Range = []float64{0, 1}
	}
	if d.X.Ticks == nil {
		for _, t := range p.RiskTimes {
			d.X.Ticks = append(d.X.Ticks, reports.Tick{At: t, Label: localNumber(t, decimalsOf(t), p.X.Format.Lang)})
		}
	}
	return d
}

func (d *survivalDrawing) key() []keyItem {
	var out []keyItem
	for i, c := range d.Curves {
		label := c.Label
		if c.End <= 0 {
			label = say(d.Y.Format.Lang, notShown, label)
		} else if c.N > 0 {
			label += " (n = " + localNumber(float64(c.N), 0, d.Y.Format.Lang) + ")"
		}
		out = append(out, keyItem{label, lineMark(d.pens[i])})
	}
	return out
}

// remark explains the ticks where there are any.
func (d *survivalDrawing) remark() string {
	for _, c := range d.Curves {
		for _, q := range c.Steps {
			if q.Censored > 0 {
				return say(d.Y.Format.Lang, "Ticks mark censoring.")
			}
		}
	}
	return ""
}

// stepped tells whether the curve moves at events; values known on a grid only
// are joined by straight lines.
func (d *survivalDrawing) stepped() bool { return d.Grid == 0 }

func (d *survivalDrawing) riskHeight() float64 {
	if len(d.RiskTimes) == 0 {
		return 0
	}
	return 30 + 20*float64(len(d.Curves))
}

func (d *survivalDrawing) height(float64) float64 {
	return 290 + xAxisHeight(d.X.Label) + d.riskHeight()
}

func (d *survivalDrawing) draw(s *sketch, area rect) {
	ys, yt := layAxis(d.Y, d.ys, 5, true)
	xs, xt := layAxis(d.X, d.xs, 8, false)
	left := tickStyle.widest(tickLabels(yt)) + 10
	if len(d.RiskTimes) > 0 {
		var names []string
		for _, c := range d.Curves {
			names = append(names, printable(c.Label))
		}
		left = math.Max(left, math.Min(strongStyle.widest(names)+26, area.width()*0.3))
	}
	plotArea := rect{area.left + left, area.top + 6, area.right - 14, area.bottom - d.riskHeight() - xAxisHeight(d.X.Label)}
	sc := s.scale(plotArea, xs.min, xs.max, ys.min, ys.max, false)
	s.yAxis(sc, yt)
	s.xAxis(sc, xt, d.X.Label)
	for i, c := range d.Curves {
		s.band(sc, d.points(c), d.stepped(), faint(d.pens[i].color, 0x26))
	}
	for i, c := range d.Curves {
		p := d.pens[i]
		s.strokeIn(sc, p, project(sc, d.points(c), d.stepped())...)
		for _, q := range c.Steps {
			if q.Censored > 0 {
				x, y := sc.x(q.Time), sc.y(q.Value)
				if !sc.shows(x, y) {
					continue
				}
				s.stroke(pen{p.color, 1.3, nil}, xy{x, y - 5}, xy{x, y + 5})
			}
		}
	}
	d.riskTable(s, sc, area)
}

// points are the corners of a curve from time 0 to its end.
func (d *survivalDrawing) points(c reports.Curve) []reports.Point {
	last := reports.Point{X: 0, Y: c.Start, Low: c.Start, High: c.Start}
	out := []reports.Point{last}
	for _, q := range c.Steps {
		if math.IsNaN(q.Value) {
			continue
		}
		last = reports.Point{X: q.Time, Y: q.Value, Low: q.Low, High: q.High}
		out = append(out, last)
	}
	if c.End > last.X {
		last.X = c.End
		out = append(out, last)
	}
	return out
}

// riskTable writes the numbers at risk under the axis, each centered on its
// time.
func (d *survivalDrawing) riskTable(s *sketch, sc scales, area rect) {
	if len(d.RiskTimes) == 0 {
		return
	}
	y := sc.area.bottom + xAxisHeight(d.X.Label) + 16
	title := d.RiskTitle
	if title == "" {
		title = say(d.Y.Format.Lang, "Number at risk")
	}
	s.text(area.left, y, strongStyle, start, strongStyle.fit(title, area.width()))
	for i, c := range d.Curves {
		y += 20
		name := strongStyle.in(readable(d.pens[i].color))
		s.text(area.left, y, name, start, name.fit(printable(c.Label), sc.area.left-area.left-22))
		last := math.Inf(-1)
		for j, t := range d.RiskTimes {
			if j >= len(c.AtRisk) {
				break
			}
			str := Cell(c.AtRisk[j])
			if c.AtRisk[j].Hidden != reports.Shown {
				str = "·"
			}
			x, w := sc.x(t), bodyStyle.width(str)
			left := math.Min(x-w/2, s.w-2-w)
			if left > last+4 && left > 0 && sc.showsX(x) {
				s.text(left, y, bodyStyle, start, str)
				last = left + w
			}
		}
	}
}
