package render

import (
	"bytes"
	"errors"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgsvg"

	"recoup/reports"
)

func drawn(t *testing.T, f reports.Figure, size Size) (*sketch, bool) {
	t.Helper()
	l, err := layFigure(f, size, "Figure 1. ")
	if errors.Is(err, ErrNoData) {
		return nil, false
	}
	if err != nil {
		t.Fatal(err)
	}
	s := newSketch(vgsvg.New(vg.Length(l.w), vg.Length(l.h)), l.w, l.h)
	l.draw(s)
	return s, true
}

// No text may cover another or run off the picture: in the example, with
// hostile labels, and in narrow and wide figures.
func TestLabelsStandFree(t *testing.T) {
	for name, r := range map[string]reports.Report{"example": example(), "hostile": hostile()} {
		for i, f := range figuresOf(r) {
			for _, width := range []float64{480, 720, 800, 1400} {
				s, ok := drawn(t, f, Size{Width: width})
				if !ok {
					continue
				}
				for j, a := range s.labels {
					if a.box.left < -0.5 || a.box.right > s.w+0.5 || a.box.top < -0.5 || a.box.bottom > s.h+0.5 {
						t.Errorf("%s figure %d (%T) at %g: %q is cut off: %v in %g × %g", name, i, f.Plot, width, a.text, a.box, s.w, s.h)
					}
					for _, b := range s.labels[:j] {
						if a.box.overlaps(b.box) {
							t.Errorf("%s figure %d (%T) at %g: %q %v covers %q %v", name, i, f.Plot, width, a.text, a.box, b.text, b.box)
						}
					}
				}
			}
		}
	}
}

// A scale over 100..500 × 50..250 with x from 0 to 10 and y from 0 to 1: x = 5
// stands in the middle, at 300; y = 0.25 a quarter up from the bottom, at
// 250 − 50 = 200. On a log axis from 0.5 to 2, x = 1 is the middle.
func TestScale(t *testing.T) {
	s := newSketch(vgsvg.New(720, 400), 720, 400)
	area := rect{100, 50, 500, 250}
	sc := s.scale(area, 0, 10, 0, 1, false)
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s is %g, want %g", what, got, want)
		}
	}
	near("x(0)", sc.x(0), 100)
	near("x(5)", sc.x(5), 300)
	near("x(10)", sc.x(10), 500)
	near("y(0)", sc.y(0), 250)
	near("y(0.25)", sc.y(0.25), 200)
	near("y(1)", sc.y(1), 50)
	sc = s.scale(area, 0.5, 2, 0, 1, true)
	near("log x(1)", sc.x(1), 300)
	near("log x(2)", sc.x(2), 500)
}

// The numbers at risk stand under their times: the label of month 12 and the
// number at risk at 12 have the same center.
func TestRiskTableAligned(t *testing.T) {
	f := work().Blocks[1].(reports.Figure)
	s, _ := drawn(t, f, Size{})
	center := func(text string) float64 {
		for _, l := range s.labels {
			if l.text == text {
				return (l.box.left + l.box.right) / 2
			}
		}
		t.Fatalf("no text %q in the figure", text)
		return 0
	}
	for tick, risk := range map[string]string{"4": "163", "12": "67", "20": "69"} {
		if math.Abs(center(tick)-center(risk)) > 0.01 {
			t.Errorf("%q stands at %g and %q at %g", tick, center(tick), risk, center(risk))
		}
	}
}

// The edges of a stack add the layers up: at month 12 the lowest ends at half of 70 %, the
// next at half of 80 %, and the areas leave no gap up to the end of follow-up.
func TestStackEdges(t *testing.T) {
	d := newStack(work().Blocks[0].(reports.Figure).Plot.(reports.Stack)).(*stackDrawing)
	p := d.Panels[0]
	for n, want := range map[int]float64{0: 0, 1: 0.35, 2: 0.4} {
		edge := d.edge(p, n)
		if edge[0] != (reports.Point{}) || edge[len(edge)-1].X != 24 {
			t.Errorf("edge %d runs from %+v to %+v", n, edge[0], edge[len(edge)-1])
		}
		for _, q := range edge {
			if q.X == 12 && math.Abs(q.Y-want) > 1e-12 {
				t.Errorf("edge %d at month 12: %g, want %g", n, q.Y, want)
			}
		}
	}
}

// A cumulative curve never falls, in data or on paper, and moves only at its
// steps.
func TestSurvivalCurveMonotone(t *testing.T) {
	d := newSurvival(work().Blocks[1].(reports.Figure).Plot.(reports.Survival)).(*survivalDrawing)
	s := newSketch(vgsvg.New(720, 400), 720, 400)
	sc := s.scale(rect{100, 50, 500, 250}, 0, 24, 0, 1, false)
	for _, c := range d.Curves {
		pts := project(sc, d.points(c), true)
		for i := 1; i < len(pts); i++ {
			if pts[i].x < pts[i-1].x || pts[i].y > pts[i-1].y {
				t.Fatalf("the curve goes back from %v to %v", pts[i-1], pts[i])
			}
			if pts[i].x != pts[i-1].x && pts[i].y != pts[i-1].y {
				t.Fatalf("the curve moves aslant from %v to %v", pts[i-1], pts[i])
			}
		}
	}
}

// Liberation Sans has the widths of Arial: at 10 points an "A" takes 6.67 and a
// bold one 7.22 (667 and 722 of 1,000 units in the Helvetica and
// Helvetica-Bold metrics).
func TestTextWidth(t *testing.T) {
	regular, bold := style{10, false, ink}, style{10, true, ink}
	if w := regular.width("A"); math.Abs(w-6.67) > 0.01 {
		t.Errorf("a regular A is %g wide, want 6.67", w)
	}
	if w := bold.width("A"); math.Abs(w-7.22) > 0.01 {
		t.Errorf("a bold A is %g wide, want 7.22", w)
	}
}

func TestWrap(t *testing.T) {
	s := style{10, false, ink}
	if got := s.wrap("one two three", s.width("one two")+0.1); len(got) != 2 || got[0] != "one two" || got[1] != "three" {
		t.Errorf("wrapped into %q", got)
	}
	for _, line := range s.wrap("Donaudampfschifffahrt é", 30) {
		if s.width(line) > 30 {
			t.Errorf("%q is wider than its line", line)
		}
	}
	if got := s.fit("Donaudampfschifffahrt", 60); s.width(got) > 60 || got[len(got)-3:] != "…" {
		t.Errorf("fitted to %q", got)
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		in, want    []float64
		top, bottom float64
	}{
		{[]float64{10, 50}, []float64{10, 50}, 0, 100}, // far apart: left alone
		{[]float64{50, 50}, []float64{45, 55}, 0, 100}, // 10 apart around the same center
		{[]float64{52, 50}, []float64{56, 46}, 0, 100}, // the order is kept
		{[]float64{2, 3}, []float64{0, 10}, 0, 100},    // held inside the top
		{[]float64{99, 98}, []float64{100, 90}, 0, 100},
		// 50, 55, 57 want 162 in all: at y, y+10, y+20, so y = (162-30)/3 = 44.
		{[]float64{50, 55, 57}, []float64{44, 54, 64}, 0, 100},
	} {
		got := spread(c.in, 10, c.top, c.bottom)
		for i := range got {
			if math.Abs(got[i]-c.want[i]) > 1e-9 {
				t.Errorf("spread(%v) = %v, want %v", c.in, got, c.want)
				break
			}
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		axis     reports.Axis
		min, max float64
		want     []string
	}{
		{reports.Axis{}, 0, 97, []string{"0", "20", "40", "60", "80", "100"}},
		{reports.Axis{}, -0.03, 0.17, []string{"−0.05", "0.00", "0.05", "0.10", "0.15", "0.20"}},
		{reports.Axis{Format: reports.Format{Prefix: "$"}}, -900, 3900, []string{"−$1,000", "$0", "$1,000", "$2,000", "$3,000", "$4,000"}},
		{reports.Axis{Format: reports.Format{Kind: reports.Percent}}, 0.42, 0.76, []string{"40%", "50%", "60%", "70%", "80%"}},
		{reports.Axis{Range: []float64{0, 1}, Format: reports.Format{Kind: reports.Percent}}, 0.2, 0.3, []string{"0%", "20%", "40%", "60%", "80%", "100%"}},
	} {
		_, ts := layAxis(c.axis, span{c.min, c.max}, 6, true)
		got := tickLabels(ts)
		if len(got) != len(c.want) {
			t.Errorf("ticks from %g to %g: %q, want %q", c.min, c.max, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("ticks from %g to %g: %q, want %q", c.min, c.max, got, c.want)
				break
			}
		}
	}
}

// Text colors stand out from white and from the row bands by 4.5 to 1 (WCAG
// 2.2, success criterion 1.4.3).
func TestContrast(t *testing.T) {
	for name, c := range map[string]color.NRGBA{
		"blue": blue, "vermilion": vermilion, "green": green, "ink": ink, "slate": slate, "navy": navy,
		"amber as text": readable(amber), "gray as text": readable(gray),
	} {
		if r := contrast(c, white); r < 4.5 {
			t.Errorf("%s on white: %.2f to 1", name, r)
		}
	}
	for name, c := range map[string]color.NRGBA{"ink": ink, "slate": slate} {
		if r := contrast(c, bandColor); r < 4.5 {
			t.Errorf("%s on a band: %.2f to 1", name, r)
		}
	}
}

func contrast(a, b color.NRGBA) float64 {
	lum := func(c color.NRGBA) float64 {
		f := func(v uint8) float64 {
			x := float64(v) / 255
			if x <= 0.03928 {
				return x / 12.92
			}
			return math.Pow((x+0.055)/1.055, 2.4)
		}
		return 0.2126*f(c.R) + 0.7152*f(c.G) + 0.0722*f(c.B)
	}
	x, y := lum(a), lum(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

func TestPNG(t *testing.T) {
	f := forest()
	var a, b bytes.Buffer
	if err := PNG(&a, f, Size{}, 144); err != nil {
		t.Fatal(err)
	}
	if err := PNG(&b, f, Size{}, 144); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two pictures of one figure differ")
	}
	img, err := png.Decode(&a)
	if err != nil {
		t.Fatal(err)
	}
	if w := img.Bounds().Dx(); w != 1440 {
		t.Errorf("the picture is %d dots wide, want 720 points at 144 dots an inch = 1440", w)
	}
	if err := PNG(&b, f, Size{Width: 5000}, 2000); err == nil {
		t.Error("a picture of a thousand million dots was not refused")
	}
}

// The ellipse that holds 95 % of a standard bivariate normal has the radius
// √(−2 ln 0.05) = 2.4477 (R: sqrt(qchisq(0.95, 2))).
func TestEllipseRadius(t *testing.T) {
	if r := ellipseRadius(0.95); math.Abs(r-2.447747) > 1e-6 {
		t.Errorf("radius %g, want 2.447747", r)
	}
}

func TestPlaneSample(t *testing.T) {
	var pts [][2]float64
	for i := range 2500 {
		pts = append(pts, [2]float64{float64(i), 1})
	}
	d := newPlane(reports.Plane{Points: pts, Threshold: nan}).(*planeDrawing)
	if len(d.shown) != 1000 || d.remark() != "1,000 of 2,500 simulations drawn, evenly spaced." {
		t.Errorf("%d points, remark %q", len(d.shown), d.remark())
	}
	if d.shown[1][0] != 2 || d.shown[999][0] != 2497 { // i·2500/1000 rounded down
		t.Errorf("points %g and %g, want 2 and 2497", d.shown[1][0], d.shown[999][0])
	}
}

// Limits that vary keep their level over a whole period.
func TestStepped(t *testing.T) {
	got := stepped([]float64{1, 1, 2, nan, 3})
	want := [][]xy{{{-0.5, 1}, {1.5, 1}, {1.5, 2}, {2.5, 2}}, {{3.5, 3}, {4.5, 3}}}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		for j := range want[i] {
			if got[i][j] != want[i][j] {
				t.Errorf("%v, want %v", got, want)
			}
		}
	}
}

// Where a figure is narrow, no label of a forest or a flow is cut; the same labels are
// where it is wide, and heights follow.
func TestNarrowFiguresKeepTheirLabels(t *testing.T) {
	long := "Sleep (Insomnia Severity Index), program"
	row := reports.ForestRow{Label: long, Columns: []reports.Cell{reports.Count(1234)}, Estimate: reports.Estimate(0.9, 0.7, 1.1, 2, 50)}
	forest := reports.Figure{ID: "f", Title: "F", Plot: reports.Forest{LabelHead: "Measure", Columns: []string{"n"}, Result: "d (95 % CI)", Rows: []reports.ForestRow{{Label: "Beliefs and coping", Heading: true}, row, row}}}
	flow := reports.Figure{ID: "g", Title: "G", Plot: reports.Flow{Steps: []reports.FlowStep{{Label: "Aufgenommen", Count: reports.Count(90)}, {Label: "Abgeschlossen", Count: reports.Count(70)}}}}
	for _, f := range []reports.Figure{forest, flow} {
		for _, width := range []float64{narrowFigureWidth, pageFigureWidth} {
			var b strings.Builder
			if err := SVG(&b, f, Size{Width: width}); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "…") {
				t.Errorf("%s, %v wide: a label is cut", f.Title, width)
			}
		}
	}
	d := newForest(forest.Plot.(reports.Forest))
	if got, want := d.height(narrow-1)-d.height(narrow), 2.0*forestLabel; got != want {
		t.Errorf("narrow it is %v higher, want %v: a line for each of two labels", got, want)
	}
}

// The shares at a single time are no course over time: they are not drawn as one.
func TestOneTimeIsNoCourse(t *testing.T) {
	p := reports.Stack{Layers: []string{"a", "b"}, Panels: []reports.StackPanel{{Label: "all", End: 365, Steps: []reports.StackStep{{Time: 250, Shares: []float64{0.4, 0.6}}}}}}
	if newStack(p) != nil {
		t.Error("one time is drawn over the whole axis")
	}
	if len(p.Panels[0].Steps) != 1 {
		t.Error("the figure given was changed")
	}
	p.Panels[0].Steps = append(p.Panels[0].Steps, reports.StackStep{Time: 300, Shares: []float64{0.5, 0.5}})
	if newStack(p) == nil {
		t.Error("two times are not drawn")
	}
}
