package render

import (
	"image/color"
	"math"

	"recoup/reports"
)

// controlDrawing draws XmR and p charts. A point of concern is a square and one
// of improvement a diamond, so that their meaning does not rest on color.
type controlDrawing struct {
	reports.Control
	ys                    span
	lower, upper, centers []float64
}

var (
	commonColor      = color.NRGBA{0x6B, 0x7A, 0x86, 0xFF}
	improvementColor = blue
	concernColor     = vermilion
)

func newControl(p reports.Control) drawing {
	d := &controlDrawing{Control: p, ys: emptySpan()}
	drawn := false
	for _, q := range p.Points {
		center := q.Center
		if math.IsNaN(center) {
			center = p.Center
		}
		d.lower, d.upper, d.centers = append(d.lower, q.Lower), append(d.upper, q.Upper), append(d.centers, center)
		drawn = drawn || math.Abs(q.Y) <= mostDrawn
		d.ys.add(q.Y, q.Lower, q.Upper, center)
	}
	if !drawn {
		return nil
	}
	d.ys.add(p.Target)
	return d
}

func (d *controlDrawing) key() []keyItem {
	out := []keyItem{{d.say("Common cause"), func(s *sketch, x, y float64) { s.signal(reports.CommonCause, x, y) }}}
	if d.has(reports.Improvement) {
		out = append(out, keyItem{d.say("Improvement"), func(s *sketch, x, y float64) { s.signal(reports.Improvement, x, y) }})
	}
	if d.has(reports.Concern) {
		out = append(out, keyItem{d.say("Concern"), func(s *sketch, x, y float64) { s.signal(reports.Concern, x, y) }})
	}
	if d.has(reports.Changed) {
		out = append(out, keyItem{d.say("Change"), func(s *sketch, x, y float64) { s.signal(reports.Changed, x, y) }})
	}
	if !math.IsNaN(d.Target) {
		out = append(out, keyItem{d.say("Target {0}", d.value(d.Target)), lineMark(pen{green, 1.6, dotted})})
	}
	return out
}

func (d *controlDrawing) has(signal reports.Signal) bool {
	for _, q := range d.Points {
		if q.Signal == signal && !math.IsNaN(q.Y) {
			return true
		}
	}
	return false
}

// say writes a word of the chart.
func (d *controlDrawing) say(english string, arguments ...any) string {
	return say(d.Y.Format.Lang, english, arguments...)
}

// value writes a level as its axis does.
func (d *controlDrawing) value(v float64) string {
	f := d.Y.Format
	if f.Kind == reports.Blank {
		f.Kind = reports.NumberOf
	}
	return Value(v, f)
}

// remark names the rules that signaled.
func (d *controlDrawing) remark() string {
	var rules []string
	seen := map[string]bool{}
	for _, q := range d.Points {
		if q.Rule != "" && !math.IsNaN(q.Y) && !seen[q.Rule] {
			seen[q.Rule] = true
			rules = append(rules, q.Rule)
		}
	}
	out := ""
	for i, r := range rules {
		if i > 0 {
			out += "; "
		}
		out += r
	}
	if out != "" {
		out = d.say("Signals: {0}.", out)
	}
	if d.Limits != "" {
		out = d.say("Limits: {0}.", d.Limits) + " " + out
	}
	return out
}

func (d *controlDrawing) height(float64) float64 { return 270 + xAxisHeight(d.X.Label) }

// signal draws a point of a control chart.
func (s *sketch) signal(signal reports.Signal, x, y float64) {
	switch signal {
	case reports.Concern:
		s.square(white, x, y, 6.8)
		s.square(concernColor, x, y, 5.4)
	case reports.Improvement:
		s.diamond(white, x-9, x, x+9, y, 9)
		s.diamond(improvementColor, x-7.2, x, x+7.2, y, 7.2)
	case reports.Changed:
		s.fill(white, xy{x - 9, y + 6.8}, xy{x, y - 9}, xy{x + 9, y + 6.8})
		s.fill(amber, xy{x - 6.6, y + 5.2}, xy{x, y - 6.4}, xy{x + 6.6, y + 5.2})
	default:
		s.circle(white, x, y, 6.6)
		s.circle(commonColor, x, y, 5)
	}
}

func (d *controlDrawing) draw(s *sketch, area rect) {
	names := d.levelNames()
	room := math.Max(math.Min(noteStyle.widest(names)+14, area.width()*0.32), 24)
	ys, yt := layAxis(d.Y, d.ys, 5, true)
	plot := rect{area.left + tickStyle.widest(tickLabels(yt)) + 10, area.top + 6, area.right - room, area.bottom - xAxisHeight(d.X.Label)}
	sc := s.scale(plot, -0.5, float64(len(d.Points))-0.5, ys.min, ys.max, false)
	s.yAxis(sc, yt)
	s.xAxis(sc, d.periods(), d.X.Label)
	d.rebases(s, sc)
	d.levels(s, sc)
	d.points(s, sc)
	d.levelLabels(s, sc, names)
}

func (d *controlDrawing) periods() []tick {
	var out []tick
	for i, q := range d.Points {
		if q.Label != "" {
			out = append(out, tick{float64(i), printable(q.Label)})
		}
	}
	return out
}

// levels draws center, limits and target; limits that vary with n are stepped.
func (d *controlDrawing) levels(s *sketch, sc scales) {
	for _, level := range []struct {
		at []float64
		p  pen
	}{{d.upper, pen{slate, 1.4, dashed}}, {d.lower, pen{slate, 1.4, dashed}}, {d.centers, pen{ink, 1.6, nil}}} {
		for _, run := range d.runs(level.at) {
			pts := make([]xy, len(run))
			for i, q := range run {
				pts[i] = xy{sc.x(q.x), sc.y(q.y)}
			}
			s.strokeIn(sc, level.p, pts...)
		}
	}
	if !math.IsNaN(d.Target) {
		y := sc.y(d.Target)
		s.strokeIn(sc, pen{green, 1.6, dotted}, xy{sc.area.left, y}, xy{sc.area.right, y})
	}
}

// runs are the level lines of each phase.
func (d *controlDrawing) runs(vs []float64) [][]xy {
	var out [][]xy
	from := 0
	for i := 1; i <= len(vs); i++ {
		if i == len(vs) || d.Points[i].Rebased {
			for _, run := range stepped(vs[from:i]) {
				for k := range run {
					run[k].x += float64(from)
				}
				out = append(out, run)
			}
			from = i
		}
	}
	return out
}

// rebases marks where limits start anew.
func (d *controlDrawing) rebases(s *sketch, sc scales) {
	for i, q := range d.Points {
		if i > 0 && q.Rebased {
			x := sc.x(float64(i) - 0.5)
			s.stroke(pen{axisColor, 1.2, dotted}, xy{x, sc.area.top}, xy{x, sc.area.bottom})
			s.text(x+4, sc.area.top+9, noteStyle, start, d.say("limits rebased"))
		}
	}
}

// stepped turns values at 0, 1, 2 ... into level lines half a period to each
// side, broken where a value is missing.
func stepped(vs []float64) [][]xy {
	var out [][]xy
	var run []xy
	for i, v := range vs {
		if math.IsNaN(v) {
			if run != nil {
				out = append(out, run)
			}
			run = nil
			continue
		}
		if n := len(run); n >= 2 && run[n-1].y == v {
			run[n-1].x = float64(i) + 0.5
			continue
		}
		run = append(run, xy{float64(i) - 0.5, v}, xy{float64(i) + 0.5, v})
	}
	if run != nil {
		out = append(out, run)
	}
	return out
}

func (d *controlDrawing) points(s *sketch, sc scales) {
	var run []xy
	for i, q := range d.Points {
		if math.IsNaN(q.Y) {
			s.strokeIn(sc, pen{gray, 1.8, nil}, run...)
			run = nil
			continue
		}
		run = append(run, xy{sc.x(float64(i)), sc.y(q.Y)})
	}
	s.strokeIn(sc, pen{gray, 1.8, nil}, run...)
	for i, q := range d.Points {
		if y := sc.y(q.Y); sc.showsY(y) {
			s.signal(q.Signal, sc.x(float64(i)), y)
		}
	}
}

// levelNames are the texts at the right: the last value of each level.
func (d *controlDrawing) levelNames() []string {
	var out []string
	for _, l := range []struct {
		name string
		at   []float64
	}{{"Upper {0}", d.upper}, {"Center {0}", d.centers}, {"Lower {0}", d.lower}} {
		if v := last(l.at); !math.IsNaN(v) {
			out = append(out, d.say(l.name, d.value(v)))
		} else {
			out = append(out, "")
		}
	}
	return out
}

func last(vs []float64) float64 {
	for i := len(vs) - 1; i >= 0; i-- {
		if !math.IsNaN(vs[i]) {
			return vs[i]
		}
	}
	return math.NaN()
}

func (d *controlDrawing) levelLabels(s *sketch, sc scales, names []string) {
	var wanted []float64
	var shown []string
	for i, v := range []float64{last(d.upper), last(d.centers), last(d.lower)} {
		if !math.IsNaN(v) {
			wanted, shown = append(wanted, sc.y(v)), append(shown, names[i])
		}
	}
	for i, y := range spread(wanted, 15, sc.area.top, sc.area.bottom) {
		s.text(sc.area.right+9, y+4, noteStyle, start, noteStyle.fit(shown[i], s.w-margin-sc.area.right-9))
	}
}
