package render

import (
	"math"

	"recoup/reports"
)

// planeDrawing draws the cost-effectiveness plane.
type planeDrawing struct {
	reports.Plane
	shown  [][2]float64
	all    int
	xs, ys span
}

// mostPoints is how many simulations are drawn; more make a file heavy and a
// cloud no clearer.
const mostPoints = 1000

func newPlane(p reports.Plane) drawing {
	d := &planeDrawing{Plane: p, xs: emptySpan(), ys: emptySpan()}
	var finite [][2]float64
	for _, q := range p.Points {
		if math.Abs(q[0]) <= mostDrawn && math.Abs(q[1]) <= mostDrawn {
			finite = append(finite, q)
		}
	}
	d.all = len(finite)
	if d.all == 0 {
		return nil
	}
	n := min(d.all, mostPoints)
	for i := range n { // evenly spaced in the order of simulation: a sample by design
		d.shown = append(d.shown, finite[i*d.all/n])
	}
	for _, q := range d.shown {
		d.xs.add(q[0])
		d.ys.add(q[1])
	}
	for _, e := range p.Ellipses {
		r := ellipseRadius(e.Level)
		d.xs.add(e.MeanX-r*math.Sqrt(e.VarX), e.MeanX+r*math.Sqrt(e.VarX))
		d.ys.add(e.MeanY-r*math.Sqrt(e.VarY), e.MeanY+r*math.Sqrt(e.VarY))
	}
	d.xs.add(0)
	d.ys.add(0)
	return d
}

// ellipseRadius is the Mahalanobis distance within which a bivariate normal
// lies with probability level:
//
//	r = √(−2 ln(1 − level))
func ellipseRadius(level float64) float64 { return math.Sqrt(-2 * math.Log(1-level)) }

func (d *planeDrawing) key() []keyItem {
	lang := d.Y.Format.Lang
	out := []keyItem{
		{say(lang, "Simulation"), func(s *sketch, x, y float64) { s.circle(faint(blue, 0x73), x, y, 5) }},
		{say(lang, "Mean"), func(s *sketch, x, y float64) { s.circle(navy, x, y, 5.5) }},
	}
	if len(d.Ellipses) > 0 {
		label := percent(d.Ellipses[0].Level, 0, lang)
		for _, e := range d.Ellipses[1:] {
			label = say(lang, "{0} and {1}", label, percent(e.Level, 0, lang))
		}
		label = reports.In(lang).Count(len(d.Ellipses), "{1} region", "{1} regions", label)
		out = append(out, keyItem{label, lineMark(pen{navy, 2, nil})})
	}
	if !math.IsNaN(d.Threshold) {
		out = append(out, keyItem{d.ThresholdText, lineMark(pen{vermilion, 1.8, dashed})})
	}
	return out
}

func (d *planeDrawing) remark() string {
	if d.all > len(d.shown) {
		lang := d.Y.Format.Lang
		return say(lang, "{0} of {1} simulations drawn, evenly spaced.", localNumber(float64(len(d.shown)), 0, lang), localNumber(float64(d.all), 0, lang))
	}
	return ""
}

func (d *planeDrawing) height(float64) float64 { return 380 + xAxisHeight(d.X.Label) }

func (d *planeDrawing) draw(s *sketch, area rect) {
	ys, yt := layAxis(d.Y, d.ys, 6, true)
	xs, xt := layAxis(d.X, d.xs, 6, true)
	left := tickStyle.widest(tickLabels(yt)) + 10
	if d.Y.Label != "" {
		left += 20
	}
	plot := rect{area.left + left, area.top + 6, area.right - 18, area.bottom - xAxisHeight(d.X.Label)}
	sc := s.scale(plot, xs.min, xs.max, ys.min, ys.max, false)
	for _, t := range xt {
		s.stroke(pen{ruleColor, 1, nil}, xy{sc.x(t.at), plot.top}, xy{sc.x(t.at), plot.bottom})
	}
	s.yAxis(sc, yt)
	s.xAxis(sc, xt, d.X.Label)
	if d.Y.Label != "" {
		s.vertical(area.left+11, (plot.top+plot.bottom)/2, axisStyle, axisStyle.fit(d.Y.Label, plot.height()))
	}
	for _, q := range d.shown {
		if x, y := sc.x(q[0]), sc.y(q[1]); sc.shows(x, y) {
			s.circle(faint(blue, 0x40), x, y, 2.5)
		}
	}
	s.strokeIn(sc, pen{slate, 1.5, nil}, xy{sc.x(0), plot.top}, xy{sc.x(0), plot.bottom})
	s.strokeIn(sc, pen{slate, 1.5, nil}, xy{plot.left, sc.y(0)}, xy{plot.right, sc.y(0)})
	d.threshold(s, sc, xs, ys)
	for _, e := range d.Ellipses {
		s.strokeIn(sc, pen{navy, 2, nil}, ellipse(sc, e)...)
	}
	if sc.shows(sc.x(d.MeanX), sc.y(d.MeanY)) {
		s.circle(white, sc.x(d.MeanX), sc.y(d.MeanY), 7)
		s.circle(navy, sc.x(d.MeanX), sc.y(d.MeanY), 5.5)
	}
	d.quadrants(s, sc)
}

// threshold draws the line cost = threshold · effect through the area.
func (d *planeDrawing) threshold(s *sketch, sc scales, xs, ys span) {
	k := d.Threshold
	if math.IsNaN(k) {
		return
	}
	lo, hi := xs.min, xs.max
	if k > 0 { // where the line leaves the area, so that its slope stays exact
		lo, hi = math.Max(lo, ys.min/k), math.Min(hi, ys.max/k)
	}
	if lo < hi {
		s.strokeIn(sc, pen{vermilion, 1.8, dashed}, xy{sc.x(lo), sc.y(k * lo)}, xy{sc.x(hi), sc.y(k * hi)})
	}
}

// ellipse is the outline of a normal region, by the Cholesky factor of its
// covariance.
func ellipse(sc scales, e reports.Ellipse) []xy {
	r := ellipseRadius(e.Level)
	a := math.Sqrt(e.VarX)
	if !(a > 0) || !(e.VarY > 0) {
		return nil
	}
	b := e.Covariance / a
	c := math.Sqrt(math.Max(e.VarY-b*b, 0))
	var out []xy
	for i := range 97 {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / 96)
		out = append(out, xy{sc.x(e.MeanX + r*a*cos), sc.y(e.MeanY + r*(b*cos+c*sin))})
	}
	return out
}

// quadrants names the two corners that matter to a decision, where the zero
// lines leave room for the words.
func (d *planeDrawing) quadrants(s *sketch, sc scales) {
	write := func(right, y, room float64, str string) {
		if w := noteStyle.width(str); w <= room {
			s.box(faint(white, 0xC8), rect{right - w - 3, y - 12, right + 3, y + 4})
			s.text(right, y, noteStyle, end, str)
		}
	}
	if !sc.shows(sc.x(0), sc.y(0)) {
		return // no quadrants in view
	}
	right := sc.area.right - 8
	if sc.area.bottom-sc.y(0) > 24 {
		write(right, sc.area.bottom-8, right-sc.x(0)-8, say(d.Y.Format.Lang, "Dominant: more effective, less costly"))
	}
	if sc.x(0)-sc.area.left > 30 && sc.y(0)-sc.area.top > 30 {
		write(sc.x(0)-8, sc.area.top+16, sc.x(0)-sc.area.left-12, say(d.Y.Format.Lang, "Less effective, more costly"))
	}
}
