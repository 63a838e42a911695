package render

import (
	"math"

	"recoup/reports"
)

// forestDrawing draws estimates in rows, with columns as wide as their texts.
type forestDrawing struct {
	reports.Forest
	xs span
}

const (
	forestRow   = 23
	forestLabel = 17  // a label on a line of its own, where the figure is narrow
	narrow      = 480 // a body under this width is
)

// rowHeight is that of a row, with its label above it where there is no room beside it.
func (d *forestDrawing) rowHeight(i int, width float64) float64 {
	if width < narrow && !d.Rows[i].Heading {
		return forestRow + forestLabel
	}
	return forestRow
}

// tops are where rows begin below the first, and where the last ends.
func (d *forestDrawing) tops(width float64) []float64 {
	out := []float64{0}
	for i := range d.Rows {
		out = append(out, out[i]+d.rowHeight(i, width))
	}
	return out
}

func newForest(p reports.Forest) drawing {
	d := &forestDrawing{Forest: p, xs: emptySpan()}
	drawn := false
	for _, r := range p.Rows {
		if usable(r, p.Log) {
			drawn = true
			d.xs.add(r.Estimate.Value, r.Estimate.Low, r.Estimate.High)
		}
	}
	if !drawn {
		return nil
	}
	if p.Log && p.Reference <= 0 {
		d.Reference = 1
	}
	d.xs.add(d.Reference)
	return d
}

// usable tells whether a row has an estimate that can be drawn.
func usable(r reports.ForestRow, log bool) bool {
	c := r.Estimate
	return !r.Heading && c.Hidden == reports.Shown && c.Format.Kind != reports.Blank &&
		math.Abs(c.Value) <= mostDrawn && (!log || c.Value > 1/mostDrawn)
}

func (d *forestDrawing) key() []keyItem { return nil }

func (d *forestDrawing) remark() string {
	var pooled, benchmark bool
	for _, r := range d.Rows {
		pooled = pooled || r.Role == reports.Pooled
		benchmark = benchmark || r.Role == reports.Benchmark
	}
	text := ""
	switch {
	case pooled && benchmark:
		text = "Filled diamond: all together. Open diamond: published benchmark."
	case pooled:
		text = "Diamond: all together."
	case benchmark:
		text = "Open diamond: published benchmark."
	}
	return say(d.X.Format.Lang, text)
}

func (d *forestDrawing) height(width float64) float64 {
	h := 34 + d.tops(width)[len(d.Rows)] + xAxisHeight(d.X.Label)
	if d.Favors[0]+d.Favors[1] != "" {
		h += 18
	}
	return h
}

// columns measures the table: the right edge of the label column, of each data
// column, and the left edge of the result column. Numbers are never cut; where
// room is short the labels are, then the heads.
func (d *forestDrawing) columns(area rect) (label float64, cols []float64, result float64) {
	labels, results := []string{d.LabelHead}, []string{}
	heads := make([]float64, len(d.Columns))
	cells := make([]float64, len(d.Columns))
	for i, head := range d.Columns {
		heads[i] = math.Min(headStyle.width(head), area.width()*0.18)
	}
	for _, r := range d.Rows {
		labels = append(labels, "     "+r.Label)
		results = append(results, Cell(r.Estimate))
		for i := range min(len(r.Columns), len(d.Columns)) {
			cells[i] = math.Max(cells[i], strongStyle.width(Cell(r.Columns[i])))
		}
	}
	right := math.Max(strongStyle.widest(results), math.Min(headStyle.width(d.Result), area.width()*0.3))
	result = area.right - 8 - right
	room := result - area.left - 8 - 46 - 100 // for labels and columns, beside a plot of at least 100
	most := 0.0
	for i := range cells {
		most += 16 + math.Max(cells[i], heads[i])
	}
	squeeze := room-most < area.width()*0.15
	width := 0.0
	for i := range cells {
		if !squeeze {
			cells[i] = math.Max(cells[i], heads[i])
		}
		width += 16 + cells[i]
	}
	if label = area.left; area.width() >= narrow {
		label += 8 + clamp(math.Min(strongStyle.widest(labels)+4, area.width()*0.34), 40, math.Max(room-width, 40))
	}
	x := label
	for i := range cells {
		x += 16 + cells[i]
		cols = append(cols, x)
	}
	return label, cols, result
}

func (d *forestDrawing) draw(s *sketch, area rect) {
	label, cols, result := d.columns(area)
	tops := d.tops(area.width())
	plotLeft := label
	if len(cols) > 0 {
		plotLeft = cols[len(cols)-1]
	}
	plot := rect{plotLeft + 24, area.top + 30, math.Max(result-22, plotLeft+60), area.top + 30 + tops[len(d.Rows)]}
	xs, ticks := d.axis()
	sc := s.scale(plot, xs.min, xs.max, 0, 1, d.Log)

	d.heads(s, area, cols, label, result)
	for i := range d.Rows {
		if i%2 == 0 {
			s.box(bandColor, rect{area.left, plot.top + tops[i], area.right, plot.top + tops[i+1]})
		}
	}
	d.upright(s, sc, pen{slate, 1.2, nil}, d.Reference)
	for i, r := range d.Rows {
		if r.Role == reports.Pooled && usable(r, d.Log) {
			d.upright(s, sc, pen{blue, 1.1, dashed}, r.Estimate.Value)
		}
		d.row(s, sc, area, i, plot.top+tops[i+1]-forestRow/2.0, label, cols)
	}
	s.xAxis(sc, ticks, d.X.Label)
	d.favors(s, sc, area)
}

// upright draws a line from top to bottom at a value.
func (d *forestDrawing) upright(s *sketch, sc scales, p pen, v float64) {
	if x := sc.x(v); sc.showsX(x) {
		s.stroke(p, xy{x, sc.area.top - 4}, xy{x, sc.area.bottom + 4})
	}
}

// axis takes the range given, or one that no single wide interval stretches:
// the bounds of the estimates and twice their interquartile-free spread.
func (d *forestDrawing) axis() (span, []tick) {
	if given, ok := rangeOf(d.X); ok && given.min > 0 || !d.Log {
		xs, ts := layAxis(d.X, d.xs, 6, true)
		if d.Log {
			ts = logTicks(xs, d.X.Format)
		}
		return xs, ts
	}
	xs := emptySpan()
	for _, r := range d.Rows {
		if usable(r, true) {
			xs.add(r.Estimate.Value)
		}
	}
	xs.add(d.Reference)
	// An interval may reach three times beyond the outermost estimate; past
	// that it ends in an arrow.
	low, high := xs.min/3, xs.max*3
	for _, r := range d.Rows {
		if usable(r, true) {
			xs.add(clamp(r.Estimate.Low, low, high), clamp(r.Estimate.High, low, high))
		}
	}
	xs.min, xs.max = xs.min/1.08, xs.max*1.08
	if xs.max/xs.min < 1.5 {
		xs.min, xs.max = xs.min/1.25, xs.max*1.25
	}
	if d.X.Ticks != nil {
		_, ts := layAxis(d.X, xs, 6, false)
		return xs, ts
	}
	return xs, logTicks(xs, d.X.Format)
}

func (d *forestDrawing) heads(s *sketch, area rect, cols []float64, label, result float64) {
	y := area.top + 16
	if label > area.left {
		s.text(area.left+8, y, headStyle, start, headStyle.fit(d.LabelHead, label-area.left-8))
	}
	left := label
	for i, head := range d.Columns {
		s.text(cols[i], y, headStyle, end, headStyle.fit(head, cols[i]-left-6))
		left = cols[i]
	}
	s.text(area.right-8, y, headStyle, end, headStyle.fit(d.Result, area.right-8-result))
	s.stroke(pen{axisColor, 1, nil}, xy{area.left, area.top + 25}, xy{area.right, area.top + 25})
}

// row writes a row about its middle.
func (d *forestDrawing) row(s *sketch, sc scales, area rect, i int, mid, label float64, cols []float64) {
	r := d.Rows[i]
	t, indent := bodyStyle, 8.0
	if r.Role == reports.Pooled {
		t = strongStyle
	} else if r.Role == reports.Single && d.grouped(i) {
		indent = 24
	}
	if r.Heading {
		d.heading(s, area, i, mid, printable(r.Label))
		return
	}
	if label > area.left {
		s.text(area.left+indent, mid+4.3, t, start, t.fit(printable(r.Label), label-area.left-indent))
	} else {
		d.over(s, i, area.left+indent, mid+4.3-forestLabel, t, t.fit(printable(r.Label), area.width()-indent))
	}
	left := label
	for j := range min(len(r.Columns), len(cols)) {
		s.text(cols[j], mid+4.3, t, end, t.fit(Cell(r.Columns[j]), cols[j]-left-4))
		left = cols[j]
	}
	s.text(area.right-8, mid+4.3, t, end, Cell(r.Estimate))
	if usable(r, d.Log) {
		d.estimate(s, sc, r, mid)
	}
}

// heading writes a heading across its row, in which nothing else stands.
func (d *forestDrawing) heading(s *sketch, area rect, i int, mid float64, label string) {
	d.over(s, i, area.left+8, mid+4.3, strongStyle, strongStyle.fit(label, area.width()-16))
}

// over writes text over the line of no difference.
func (d *forestDrawing) over(s *sketch, i int, left, y float64, t style, str string) {
	ground := white
	if i%2 == 0 {
		ground = bandColor
	}
	s.box(ground, rect{left - 2, y - 12, left + t.width(str) + 2, y + 4})
	s.text(left, y, t, start, str)
}

func (d *forestDrawing) grouped(i int) bool {
	for ; i >= 0; i-- {
		if d.Rows[i].Heading {
			return true
		}
	}
	return false
}

// estimate draws the interval and the mark; an interval that runs past the axis
// ends in an arrow, and an estimate outside it is drawn as an arrow alone.
func (d *forestDrawing) estimate(s *sketch, sc scales, r reports.ForestRow, y float64) {
	left, right := sc.area.left, sc.area.right
	x, lo, hi := sc.x(r.Estimate.Value), sc.x(r.Estimate.Low), sc.x(r.Estimate.High)
	hasInterval := !math.IsNaN(lo) && !math.IsNaN(hi)
	if r.Role != reports.Single {
		if !sc.showsX(x) {
			return
		}
		l, h := x-7, x+7
		if hasInterval && hi-lo >= 14 {
			l, h = clamp(lo, left, right), clamp(hi, left, right)
		}
		d.diamond(s, r.Role, l, clamp(x, left, right), h, y)
		return
	}
	if hasInterval {
		s.stroke(pen{blue, 1.8, nil}, xy{clamp(lo, left, right), y}, xy{clamp(hi, left, right), y})
		if hi > right+0.5 {
			s.fill(blue, xy{right + 5, y}, xy{right - 4, y - 4.5}, xy{right - 4, y + 4.5})
		}
		if lo < left-0.5 {
			s.fill(blue, xy{left - 5, y}, xy{left + 4, y - 4.5}, xy{left + 4, y + 4.5})
		}
	}
	if x >= left-0.5 && x <= right+0.5 {
		s.square(blue, x, y, d.half(r.Weight))
	}
}

// diamond is filled for a pooled estimate and open for a benchmark.
func (d *forestDrawing) diamond(s *sketch, role reports.ForestRole, left, x, right, y float64) {
	if role == reports.Pooled {
		s.diamond(navy, left, x, right, y, 8)
		return
	}
	s.diamond(white, left, x, right, y, 8)
	s.stroke(pen{navy, 1.8, nil}, xy{left, y}, xy{x, y - 8}, xy{right, y}, xy{x, y + 8}, xy{left, y}, xy{x, y - 8})
}

// half is half the side of a square, its area in proportion to the weight.
func (d *forestDrawing) half(weight float64) float64 {
	most := 0.0
	for _, r := range d.Rows {
		if r.Weight <= mostDrawn {
			most = math.Max(most, r.Weight)
		}
	}
	if !(weight > 0) || weight > most {
		return 5
	}
	return math.Max(3.2, 6.6*math.Sqrt(weight/most))
}

func (d *forestDrawing) favors(s *sketch, sc scales, area rect) {
	if d.Favors[0]+d.Favors[1] == "" || !sc.showsX(sc.x(d.Reference)) {
		return
	}
	y := sc.area.bottom + xAxisHeight(d.X.Label) + 12
	x := sc.x(d.Reference)
	if d.Favors[0] != "" {
		str := noteStyle.fit("◄ "+d.Favors[0], x-8-area.left)
		s.text(x-8, y, noteStyle, end, str)
	}
	if d.Favors[1] != "" {
		str := noteStyle.fit(d.Favors[1]+" ►", area.right-x-8)
		s.text(x+8, y, noteStyle, start, str)
	}
}
