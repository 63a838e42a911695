package render

import (
	"image/color"
	"math"
	"slices"
	"sort"

	"recoup/reports"
)

// lineDrawing draws Lines and Acceptability: series over a common x with the
// names written at their ends.
type lineDrawing struct {
	x, y      reports.Axis
	series    []reports.Series
	step      bool
	markers   bool
	ribbon    bool
	reference []reports.ReferenceLine
	frontier  []reports.Point
	shaded    []float64
	xs, ys    span
	pens      []pen
	whole     bool // every x is a whole number
	intervals int  // series of which some point has one
}

func newLines(p reports.Lines) drawing {
	d := &lineDrawing{
		x: p.X, y: p.Y, series: p.Series, step: p.Step, markers: p.Markers,
		ribbon: p.Ribbon, reference: p.Reference,
	}
	return d.measured()
}

func newAcceptability(p reports.Acceptability) drawing {
	d := &lineDrawing{x: p.X, y: p.Y, series: p.Series, frontier: p.Frontier, shaded: p.Shaded}
	if d.y.Range == nil {
		d.y.Range = []float64{0, 1}
	}
	if d.y.Format.Kind == reports.Blank {
		d.y.Format.Kind = reports.Percent
	}
	return d.measured()
}

// measured finds the ranges; nil when no series has a point to draw.
func (d *lineDrawing) measured() drawing {
	d.xs, d.ys, d.whole = emptySpan(), emptySpan(), true
	var comparator []bool
	for _, s := range d.series {
		comparator = append(comparator, s.Comparator)
		if slices.ContainsFunc(s.Points, func(p reports.Point) bool { return p.Low < p.High }) {
			d.intervals++
		}
		for _, p := range s.Points {
			if !math.IsNaN(p.Y) && !math.IsNaN(p.X) {
				d.xs.add(p.X)
				d.ys.add(p.Y, p.Low, p.High)
				d.whole = d.whole && p.X == math.Trunc(p.X)
			}
		}
	}
	d.pens = seriesStyles(comparator)
	if d.xs.empty() {
		return nil
	}
	for _, r := range d.reference {
		d.ys.add(r.Value)
	}
	if d.ys.min > 0 && d.ys.min < 0.4*d.ys.max {
		d.ys.min = 0 // close to zero already: show it
	}
	return d
}

// key is empty where names stand at the line ends; the frontier needs a word.
func (d *lineDrawing) key() []keyItem {
	if d.frontier == nil {
		return d.signals()
	}
	return []keyItem{{say(d.y.Format.Lang, "Frontier: highest expected net benefit"), func(s *sketch, x, y float64) {
		s.stroke(pen{faint(gray, 0x70), 9, nil}, xy{x - 12, y}, xy{x + 12, y})
	}}}
}

// signals are the marks of points that signal.
func (d *lineDrawing) signals() []keyItem {
	var out []keyItem
	for signal, name := range []string{"", "Signal of improvement", "Signal of concern", "Signal"} {
		if name != "" && slices.ContainsFunc(d.series, func(s reports.Series) bool {
			return slices.ContainsFunc(s.Points, func(p reports.Point) bool { return p.Signal == reports.Signal(signal) })
		}) {
			out = append(out, keyItem{say(d.y.Format.Lang, name), func(s *sketch, x, y float64) { s.signal(reports.Signal(signal), x, y) }})
		}
	}
	return out
}

func (d *lineDrawing) remark() string { return "" }
func (d *lineDrawing) height(width float64) float64 {
	return math.Max(300, 18*float64(len(d.endNames()))+60) + xAxisHeight(d.x.Label)
}

// endNames are the texts at the right: series, then reference lines.
func (d *lineDrawing) endNames() []string {
	var out []string
	for _, s := range d.series {
		name := printable(s.Label)
		if math.IsNaN(lastY(s.Points)) {
			name = say(d.y.Format.Lang, notShown, name)
		}
		out = append(out, name)
	}
	for _, r := range d.reference {
		out = append(out, printable(r.Label))
	}
	return out
}

func (d *lineDrawing) draw(s *sketch, area rect) {
	names := d.endNames()
	room := math.Max(math.Min(keyStyle.heavy().widest(names)+20, area.width()*0.32), 24)
	plotArea := rect{area.left, area.top + 6, area.right - room, area.bottom - xAxisHeight(d.x.Label)}
	ys, yt := layAxis(d.y, d.ys, 6, true)
	plotArea.left += tickStyle.widest(tickLabels(yt)) + 10
	most := 7
	if d.whole && d.xs.max-d.xs.min < 7 {
		most = max(1, int(d.xs.max-d.xs.min)) // no ticks between whole numbers
	}
	xs, xt := layAxis(d.x, d.xs, most, false)
	sc := s.scale(plotArea, xs.min, xs.max, ys.min, ys.max, false)
	if len(d.shaded) == 2 {
		left, right := math.Max(sc.x(d.shaded[0]), plotArea.left), math.Min(sc.x(d.shaded[1]), plotArea.right)
		if left < right {
			s.box(color.NRGBA{0xEC, 0xF1, 0xF6, 0xFF}, rect{left, plotArea.top, right, plotArea.bottom})
		}
	}
	s.yAxis(sc, yt)
	s.xAxis(sc, xt, d.x.Label)
	for _, r := range d.reference {
		s.strokeIn(sc, pen{slate, 1.2, dotted}, xy{plotArea.left, sc.y(r.Value)}, xy{plotArea.right, sc.y(r.Value)})
	}
	if d.frontier != nil {
		for _, run := range runs(d.frontier) {
			s.strokeIn(sc, pen{faint(gray, 0x70), 9, nil}, project(sc, run, false)...)
		}
	}
	for i := range d.series {
		d.interval(s, sc, i)
	}
	for i := range d.series {
		d.line(s, sc, i)
	}
	d.names(s, sc, names, area.right)
}

// interval draws the band or bars of a series.
func (d *lineDrawing) interval(s *sketch, sc scales, i int) {
	p := d.pens[i]
	for _, run := range runs(d.series[i].Points) {
		if d.ribbon {
			s.band(sc, run, d.step, faint(p.color, 0x28))
			continue
		}
		for _, q := range run {
			if !math.IsNaN(q.Low) && !math.IsNaN(q.High) && q.Low < q.High {
				x := sc.x(q.X) + d.nudge(i)
				s.strokeIn(sc, pen{p.color, 1.8, nil}, xy{x, sc.y(q.Low)}, xy{x, sc.y(q.High)})
			}
		}
	}
}

// nudge moves the bars and marks of each series a little, so that intervals at
// one x do not cover each other.
func (d *lineDrawing) nudge(i int) float64 {
	if d.ribbon || !d.markers || d.intervals < 2 {
		return 0
	}
	return 8 * (float64(i) - float64(len(d.series)-1)/2)
}

func (d *lineDrawing) line(s *sketch, sc scales, i int) {
	p := d.pens[i]
	for _, run := range runs(d.series[i].Points) {
		pts := project(sc, run, d.step)
		for j := range pts {
			pts[j].x += d.nudge(i)
		}
		s.strokeIn(sc, p, pts...)
		if d.markers || len(run) == 1 {
			for _, q := range run {
				if x, y := sc.x(q.X), sc.y(q.Y); sc.shows(x, y) {
					s.mark(p.color, d.series[i].Comparator, x+d.nudge(i), y)
				}
			}
		}
	}
	for _, q := range d.series[i].Points {
		if x, y := sc.x(q.X), sc.y(q.Y); q.Signal != reports.CommonCause && sc.shows(x, y) {
			s.signal(q.Signal, x, y)
		}
	}
}

// mark is the point of a series: shapes differ as colors do.
func (s *sketch) mark(c color.NRGBA, comparator bool, x, y float64) {
	switch {
	case comparator:
		s.circle(white, x, y, 6)
		s.ring(c, x, y, 5)
	case c == green:
		s.square(white, x, y, 5.5)
		s.square(c, x, y, 4.3)
	case c == slate:
		s.diamond(white, x-7.5, x, x+7.5, y, 7.5)
		s.diamond(c, x-6, x, x+6, y, 6)
	default:
		s.circle(white, x, y, 6)
		s.circle(c, x, y, 4.8)
	}
}

// names writes each label beside the end of its line, pushed apart.
func (d *lineDrawing) names(s *sketch, sc scales, names []string, right float64) {
	wanted := make([]float64, len(names))
	for i := range names {
		if i < len(d.series) {
			wanted[i] = sc.y(lastY(d.series[i].Points))
		} else {
			wanted[i] = sc.y(d.reference[i-len(d.series)].Value)
		}
		if math.IsNaN(wanted[i]) {
			wanted[i] = sc.area.bottom
		}
	}
	at := spread(wanted, 17, sc.area.top, sc.area.bottom)
	gap := 10.0
	if d.markers {
		gap = 16
	}
	for i, name := range names {
		t := noteStyle
		if i < len(d.series) {
			t = keyStyle.heavy().in(readable(d.pens[i].color))
		}
		s.text(sc.area.right+gap, at[i]+4.3, t, start, t.fit(name, right-sc.area.right-gap))
	}
}

func lastY(ps []reports.Point) float64 {
	for i := len(ps) - 1; i >= 0; i-- {
		if !math.IsNaN(ps[i].Y) {
			return ps[i].Y
		}
	}
	return math.NaN()
}

// band fills between the intervals of a run.
func (s *sketch) band(sc scales, run []reports.Point, step bool, c color.NRGBA) {
	var upper, lower []reports.Point
	flush := func() {
		if len(upper) > 1 {
			pts := project(sc, upper, step)
			back := project(sc, lower, step)
			for i := len(back) - 1; i >= 0; i-- {
				pts = append(pts, back[i])
			}
			s.fillIn(sc, c, pts...)
		}
		upper, lower = nil, nil
	}
	for _, p := range run {
		if math.IsNaN(p.Low) || math.IsNaN(p.High) {
			flush()
			continue
		}
		upper = append(upper, reports.Point{X: p.X, Y: p.High})
		lower = append(lower, reports.Point{X: p.X, Y: p.Low})
	}
	flush()
}

// runs splits points where a value is missing.
func runs(ps []reports.Point) [][]reports.Point {
	var out [][]reports.Point
	var run []reports.Point
	for _, p := range ps {
		if math.IsNaN(p.Y) || math.IsNaN(p.X) {
			if run != nil {
				out = append(out, run)
			}
			run = nil
			continue
		}
		run = append(run, p)
	}
	if run != nil {
		out = append(out, run)
	}
	return out
}

// project places points, with a corner at each change where values are held.
func project(sc scales, ps []reports.Point, step bool) []xy {
	var out []xy
	for i, p := range ps {
		q := xy{sc.x(p.X), sc.y(p.Y)}
		if step && i > 0 {
			out = append(out, xy{q.x, out[len(out)-1].y})
		}
		out = append(out, q)
	}
	return out
}

func clamp(v, low, high float64) float64 { return math.Max(low, math.Min(v, high)) }

func sortedIndex(ys []float64) []int {
	out := make([]int, len(ys))
	for i := range out {
		out[i] = i
	}
	sort.SliceStable(out, func(a, b int) bool { return ys[out[a]] < ys[out[b]] })
	return out
}
