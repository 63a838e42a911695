package render

import (
	"math"

	"recoup/reports"
)

// flowDrawing draws each step as a box over a bar in proportion to its count,
// with those who left beside it.
type flowDrawing struct {
	reports.Flow
	most float64
}

const (
	flowStep = 58
	flowLine = 16
)

func newFlow(p reports.Flow) drawing {
	d := &flowDrawing{Flow: p}
	drawn := false
	for _, st := range p.Steps {
		if drawable(st.Count) {
			drawn = true
			d.most = math.Max(d.most, plotted(st.Count))
		}
	}
	if !drawn || d.most <= 0 {
		return nil
	}
	return d
}

func (d *flowDrawing) key() []keyItem { return nil }
func (d *flowDrawing) remark() string { return "" }

func (d *flowDrawing) rowHeight(i int) float64 {
	if i == len(d.Steps)-1 {
		return 32
	}
	return math.Max(flowStep, 34+flowLine*float64(len(d.Steps[i].Lost)))
}

func (d *flowDrawing) height(float64) float64 {
	h := 4.0
	for i := range d.Steps {
		h += d.rowHeight(i)
	}
	return h
}

func (d *flowDrawing) draw(s *sketch, area rect) {
	var names []string
	for _, st := range d.Steps {
		names = append(names, printable(st.Label))
	}
	room := math.Min(strongStyle.widest(names)+14, area.width()*0.4)
	left := area.left + room
	counts := 0.0
	for i := range d.Steps {
		counts = math.Max(counts, strongStyle.width(d.countText(i)))
	}
	full := math.Max(area.right-left-counts-16, area.width()*0.3)
	y := area.top + 4
	for i, st := range d.Steps {
		d.step(s, i, area, left, full, y)
		if i+1 < len(d.Steps) {
			bottom := y + d.rowHeight(i)
			s.stroke(pen{axisColor, 1.2, nil}, xy{left + 14, y + 32}, xy{left + 14, bottom - 6})
			s.fill(axisColor, xy{left + 9, bottom - 7}, xy{left + 19, bottom - 7}, xy{left + 14, bottom - 1})
			d.lost(s, st, left+30, y+32+12, area.right)
		}
		y += d.rowHeight(i)
	}
}

func (d *flowDrawing) step(s *sketch, i int, area rect, left, full, y float64) {
	st := d.Steps[i]
	s.text(left-12, y+20, strongStyle, end, strongStyle.fit(printable(st.Label), left-area.left-14))
	s.box(bandColor, rect{left, y, left + full, y + 30})
	if drawable(st.Count) {
		s.box(blue, rect{left, y, left + full*clamp(plotted(st.Count)/d.most, 0, 1), y + 30})
	}
	s.text(left+full+10, y+20, strongStyle, start, strongStyle.fit(d.countText(i), area.right-left-full-10))
}

// countText is a step's count and its percentage of the step before.
func (d *flowDrawing) countText(i int) string {
	text := Cell(d.Steps[i].Count)
	if share := d.share(i); share != "" {
		text += " " + share
	}
	return text
}

// share is a step's count as a percentage of the step before it.
func (d *flowDrawing) share(i int) string {
	if i == 0 || !drawable(d.Steps[i].Count) || !drawable(d.Steps[i-1].Count) || plotted(d.Steps[i-1].Count) <= 0 {
		return ""
	}
	return "(" + percent(plotted(d.Steps[i].Count)/plotted(d.Steps[i-1].Count), 0, d.Steps[i].Count.Format.Lang) + ")"
}

func (d *flowDrawing) lost(s *sketch, st reports.FlowStep, x, y, right float64) {
	for _, l := range st.Lost {
		str := Cell(l.Count) + "  " + printable(l.Label)
		s.text(x, y, noteStyle, start, noteStyle.fit(str, right-x))
		y += flowLine
	}
}
