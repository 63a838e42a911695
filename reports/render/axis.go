package render

import (
	"math"

	"recoup/reports"
)

// span is a range that grows with what it is shown.
type span struct{ min, max float64 }

func emptySpan() span { return span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(vs ...float64) {
	for _, v := range vs {
		if math.Abs(v) <= mostDrawn {
			s.min, s.max = math.Min(s.min, v), math.Max(s.max, v)
		}
	}
}

// mostDrawn is the largest value that an axis makes room for; what is larger is
// a mistake or infinite, and lies off the picture.
const mostDrawn = 1e12

func (s span) empty() bool { return s.min > s.max }

// widen gives an empty or single-valued range some width.
func (s span) widen() span {
	if s.empty() {
		return span{0, 1}
	}
	if s.max-s.min < 1e-9*math.Max(1, math.Max(math.Abs(s.min), math.Abs(s.max))) {
		d := math.Max(math.Abs(s.max)*0.1, 0.5)
		return span{s.min - d, s.max + d}
	}
	return s
}

// niceStep is the 1-2-5 step that divides width into at most n parts.
func niceStep(width float64, n int) float64 {
	raw := width / float64(max(n, 1))
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*power >= raw*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// tick is a labeled position.
type tick struct {
	at    float64
	label string
}

// layAxis chooses range and ticks: those given, else the data widened to whole
// 1-2-5 steps.
func layAxis(a reports.Axis, data span, n int, snap bool) (span, []tick) {
	data = data.widen()
	if given, ok := rangeOf(a); ok {
		data, snap = given, false
	}
	step := niceStep(data.max-data.min, n)
	if snap {
		data.min = math.Floor(data.min/step+1e-9) * step
		data.max = math.Ceil(data.max/step-1e-9) * step
	}
	if a.Ticks != nil {
		var ts []tick
		for _, t := range a.Ticks {
			if slack := 1e-9 * (data.max - data.min); t.At >= data.min-slack && t.At <= data.max+slack {
				ts = append(ts, tick{t.At, t.Label})
			}
		}
		return data, ts
	}
	var ts []tick
	f := tickFormat(a.Format, step)
	for i := math.Ceil(data.min/step - 1e-9); i*step <= data.max+1e-9*step; i++ {
		ts = append(ts, tick{i * step, Value(i*step, f)})
	}
	return data, ts
}

// rangeOf is the range that an axis asks for, if it is one.
func rangeOf(a reports.Axis) (span, bool) {
	if len(a.Range) != 2 {
		return span{}, false
	}
	s := emptySpan()
	s.add(a.Range...)
	return s, s == span{a.Range[0], a.Range[1]} && s.widen() == s
}

// tickFormat gives ticks the decimals that their step needs.
func tickFormat(f reports.Format, step float64) reports.Format {
	if f.Kind == reports.Percent || f.Kind == reports.CountPercent {
		f.Kind = reports.Percent
		step *= 100
	} else {
		f.Kind = reports.NumberOf
	}
	f.Decimals = int(math.Max(0, -math.Floor(math.Log10(step)+1e-9)))
	f.Signed = false
	return f
}

// logTicks chooses ticks for a ratio axis: as many of 1, 2, 5 and their halves
// as there is room for.
func logTicks(data span, f reports.Format) []tick {
	sets := [][]float64{{1, 1.5, 2, 2.5, 5, 7.5}, {1, 2, 5}, {1}}
	for _, set := range sets {
		var ts []tick
		for e := math.Floor(math.Log10(data.min)); e <= math.Ceil(math.Log10(data.max)); e++ {
			for _, m := range set {
				v := m * math.Pow(10, e)
				if v >= data.min*(1-1e-9) && v <= data.max*(1+1e-9) {
					g := f
					g.Kind = reports.NumberOf
					g.Decimals = decimalsOf(v)
					ts = append(ts, tick{v, Value(v, g)})
				}
			}
		}
		if len(ts) <= 7 {
			return ts
		}
	}
	return nil
}

func decimalsOf(v float64) int {
	for d := range 6 {
		if p := v * math.Pow(10, float64(d)); math.Abs(p-math.Round(p)) < 1e-6*math.Max(1, p) {
			return d
		}
	}
	return 6
}

// xAxis draws the line, ticks and title under an area and drops labels that
// would touch the one before.
func (s *sketch) xAxis(sc scales, ts []tick, title string) {
	y := sc.area.bottom + 5
	s.stroke(pen{axisColor, 1, nil}, xy{sc.area.left, y}, xy{sc.area.right, y})
	last := math.Inf(-1)
	for _, t := range ts {
		x := sc.x(t.at)
		s.stroke(pen{axisColor, 1, nil}, xy{x, y}, xy{x, y + 4})
		label := tickStyle.fit(printable(t.label), math.Max(sc.area.width()/3, 60))
		w := tickStyle.width(label)
		left := clamp(x-w/2, 2, s.w-2-w)
		if label != "" && left > last+6 {
			s.text(left, y+17, tickStyle, start, label)
			last = left + w
		}
	}
	if title != "" {
		title = axisStyle.fit(printable(title), s.w-2*margin)
		w := axisStyle.width(title)
		s.text(clamp((sc.area.left+sc.area.right-w)/2, margin, s.w-margin-w), y+37, axisStyle, start, title)
	}
}

// yAxis draws light rules across the area with their labels at its left.
func (s *sketch) yAxis(sc scales, ts []tick) {
	for _, t := range ts {
		y := sc.y(t.at)
		s.stroke(pen{ruleColor, 1, nil}, xy{sc.area.left, y}, xy{sc.area.right, y})
		s.text(sc.area.left-8, y+4.2, tickStyle, end, t.label)
	}
}

func tickLabels(ts []tick) []string {
	out := make([]string, len(ts))
	for i, t := range ts {
		out[i] = t.label
	}
	return out
}

// xAxisHeight is the room under an area for its axis.
func xAxisHeight(title string) float64 {
	if title == "" {
		return 26
	}
	return 48
}

// spread moves label centers apart so that neighbors are at least gap apart,
// as little as possible and inside [top, bottom]. The order of ys is kept.
func spread(ys []float64, gap, top, bottom float64) []float64 {
	type block struct {
		sum  float64 // of wanted positions less offsets
		n    int
		from int
	}
	order := sortedIndex(ys)
	var blocks []block
	place := func(b block) float64 {
		y := b.sum / float64(b.n)
		return math.Max(top, math.Min(y, bottom-gap*float64(b.n-1)))
	}
	for i, k := range order {
		blocks = append(blocks, block{ys[k], 1, i})
		for len(blocks) > 1 {
			a, b := blocks[len(blocks)-2], blocks[len(blocks)-1]
			if place(a)+gap*float64(a.n) <= place(b) {
				break
			}
			blocks = append(blocks[:len(blocks)-2], block{a.sum + b.sum - gap*float64(a.n*b.n), a.n + b.n, a.from})
		}
	}
	out := make([]float64, len(ys))
	for _, b := range blocks {
		for j := range b.n {
			out[order[b.from+j]] = place(b) + gap*float64(j)
		}
	}
	return out
}
