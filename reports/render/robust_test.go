package render

import (
	"errors"
	"image"
	"image/color"
	"io"
	"math"
	"testing"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"

	"recoup/reports"
)

// number draws what analyses return, among them what cannot be drawn.
var anyNumber = rapid.OneOf(rapid.Float64Range(-5, 5), rapid.Float64Range(0, 1), rapid.Float64Range(-1e9, 1e9),
	rapid.SampledFrom([]float64{0, 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), 1e-300, 1e300, math.MaxFloat64}))

var anyLabel = rapid.OneOf(rapid.String(), rapid.SampledFrom(evil), rapid.Just(""))

func anyAxis(t *rapid.T) reports.Axis {
	a := reports.Axis{Label: anyLabel.Draw(t, "axis")}
	if rapid.Bool().Draw(t, "range") {
		a.Range = []float64{anyNumber.Draw(t, "min"), anyNumber.Draw(t, "max")}
	}
	a.Format.Kind = rapid.SampledFrom([]reports.Kind{reports.Blank, reports.NumberOf, reports.Percent}).Draw(t, "kind")
	return a
}

func anyCell(t *rapid.T) reports.Cell {
	f := func(s string) float64 { return anyNumber.Draw(t, s) }
	return rapid.SampledFrom([]reports.Cell{
		{},
		reports.Label("x"), reports.Count(7), reports.Estimate(f("v"), f("l"), f("h"), 2, 5), reports.Share(3, 4).Within(f("l"), f("h")),
		reports.Mean(f("v"), f("sd"), 1, 4), reports.NotAvailable("why"),
		{Hidden: reports.Protected, Format: reports.Format{Kind: reports.Interval}},
	}).Draw(t, "cell")
}

func anySeries(t *rapid.T) []reports.Series {
	var out []reports.Series
	for range rapid.IntRange(0, 4).Draw(t, "series") {
		s := reports.Series{Label: anyLabel.Draw(t, "series label"), Comparator: rapid.Bool().Draw(t, "comparator")}
		for range rapid.IntRange(0, 5).Draw(t, "points") {
			s.Points = append(s.Points, reports.Point{X: anyNumber.Draw(t, "x"), Y: anyNumber.Draw(t, "y"), Low: anyNumber.Draw(t, "low"), High: anyNumber.Draw(t, "high")})
		}
		out = append(out, s)
	}
	return out
}

func anyPlot(t *rapid.T) reports.Plot {
	f := func(s string) float64 { return anyNumber.Draw(t, s) }
	n := rapid.IntRange(0, 6).Draw(t, "n")
	on := rapid.Bool().Draw(t, "flag")
	switch rapid.IntRange(0, 10).Draw(t, "plot") {
	case 10:
		p := reports.Mirror{X: anyAxis(t), Y: anyAxis(t), Kinds: [2]string{anyLabel.Draw(t, "kind"), "b"}}
		for range n {
			p.Edges = append(p.Edges, f("edge"))
		}
		for k := range p.Sides {
			p.Sides[k] = reports.MirrorSide{Label: anyLabel.Draw(t, "side"), Bars: []reports.Cell{anyCell(t), anyCell(t)}, Outline: []reports.Cell{anyCell(t)}}
		}
		return p
	case 9:
		p := reports.Stack{X: anyAxis(t), Layers: []string{anyLabel.Draw(t, "layer"), "b"}, RiskTimes: []float64{0, f("t"), 10}, RiskTitle: anyLabel.Draw(t, "title")}
		for range n {
			p.Panels = append(p.Panels, reports.StackPanel{
				Label: anyLabel.Draw(t, "label"), N: 5, End: f("end"), AtRisk: []reports.Cell{anyCell(t), reports.Count(5)},
				Steps: []reports.StackStep{{Time: f("t"), Shares: []float64{f("v"), f("v")}}, {Time: f("t"), Shares: []float64{f("v")}}},
			})
		}
		return p
	case 0:
		return reports.Lines{
			X: anyAxis(t), Y: anyAxis(t), Series: anySeries(t), Step: on, Ribbon: on, Markers: !on,
			Reference: []reports.ReferenceLine{{Value: f("ref"), Label: anyLabel.Draw(t, "ref")}},
		}
	case 1:
		return reports.Acceptability{
			X: anyAxis(t), Y: anyAxis(t), Series: anySeries(t), Shaded: []float64{f("a"), f("b")},
			Frontier: []reports.Point{{X: f("x"), Y: f("y")}, {X: f("x"), Y: f("y")}},
		}
	case 2:
		p := reports.Survival{X: anyAxis(t), RiskTimes: []float64{0, f("t"), 10}, RiskTitle: anyLabel.Draw(t, "title")}
		for range n {
			p.Curves = append(p.Curves, reports.Curve{
				Label: anyLabel.Draw(t, "label"), N: 5, End: f("end"), AtRisk: []reports.Cell{anyCell(t), reports.Count(5)},
				Steps: []reports.Step{{Time: f("t"), Value: f("v"), Low: f("l"), High: f("h"), Censored: 1}, {Time: f("t"), Value: f("v"), Low: f("l"), High: f("h")}},
			})
		}
		return p
	case 3:
		p := reports.Forest{
			X: anyAxis(t), Log: on, Reference: f("ref"), Columns: []string{anyLabel.Draw(t, "c")}, LabelHead: anyLabel.Draw(t, "h"), Result: anyLabel.Draw(t, "r"),
			Favors: [2]string{anyLabel.Draw(t, "f"), anyLabel.Draw(t, "f")},
		}
		for range n {
			p.Rows = append(p.Rows, reports.ForestRow{
				Label: anyLabel.Draw(t, "label"), Heading: rapid.Bool().Draw(t, "heading"), Columns: []reports.Cell{anyCell(t)},
				Estimate: anyCell(t), Weight: f("w"), Role: rapid.SampledFrom([]reports.ForestRole{reports.Single, reports.Pooled, reports.Benchmark}).Draw(t, "role"),
			})
		}
		return p
	case 4:
		p := reports.Dots{X: anyAxis(t), Bars: on, Join: rapid.Bool().Draw(t, "join"), Lines: []reports.ReferenceLine{{Value: f("ref"), Label: "r"}}}
		for range n {
			p.Rows = append(p.Rows, anyLabel.Draw(t, "row"))
			p.Series = append(p.Series, reports.DotSeries{Label: anyLabel.Draw(t, "s"), Values: []reports.Cell{anyCell(t), anyCell(t)}})
		}
		return p
	case 5:
		p := reports.Control{Y: anyAxis(t), Center: f("c"), Target: f("t")}
		for range n {
			p.Points = append(p.Points, reports.ControlPoint{
				Label: anyLabel.Draw(t, "l"), Y: f("y"), Lower: f("l"), Upper: f("u"), Center: f("c"),
				Signal: rapid.SampledFrom([]reports.Signal{reports.CommonCause, reports.Concern, reports.Improvement}).Draw(t, "signal"),
			})
		}
		return p
	case 6:
		p := reports.Funnel{X: anyAxis(t), Y: anyAxis(t), Center: f("c"), Target: f("t")}
		for range n {
			p.Points = append(p.Points, reports.FunnelPoint{Label: anyLabel.Draw(t, "l"), N: f("n"), Y: f("y"), Own: on})
			p.Limits = append(p.Limits, reports.FunnelLimit{N: f("n"), Lower95: f("a"), Upper95: f("b"), Lower998: f("c"), Upper998: f("d")})
		}
		return p
	case 7:
		p := reports.Plane{
			X: anyAxis(t), Y: anyAxis(t), MeanX: f("mx"), MeanY: f("my"), Threshold: f("k"), ThresholdText: anyLabel.Draw(t, "k"),
			Ellipses: []reports.Ellipse{{Level: f("level"), MeanX: f("x"), MeanY: f("y"), VarX: f("vx"), VarY: f("vy"), Covariance: f("c")}},
		}
		for range n {
			p.Points = append(p.Points, [2]float64{f("x"), f("y")})
		}
		return p
	}
	p := reports.Flow{}
	for range n {
		p.Steps = append(p.Steps, reports.FlowStep{Label: anyLabel.Draw(t, "l"), Count: anyCell(t), Lost: []reports.FlowLoss{{Label: anyLabel.Draw(t, "lost"), Count: anyCell(t)}}})
	}
	return p
}

// Whatever numbers and labels a plot holds, it is drawn as clean SVG with all
// text on the picture, or refused as without data.
func TestAnyPlotIsDrawn(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := reports.Figure{ID: "f", Title: anyLabel.Draw(rt, "title") + ".", Subtitle: anyLabel.Draw(rt, "subtitle"), Plot: anyPlot(rt)}
		err := SVG(io.Discard, f, Size{})
		if errors.Is(err, ErrNoData) {
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		if err := checkSVG(f); err != nil {
			rt.Fatalf("%T: %v", f.Plot, err)
		}
		l, err := layFigure(f, Size{}, "")
		if err != nil {
			rt.Fatal(err)
		}
		s := newSketch(nothing{}, l.w, l.h)
		l.draw(s)
		for _, a := range s.labels {
			if !(a.box.left >= -0.5 && a.box.right <= s.w+0.5 && a.box.top >= -0.5 && a.box.bottom <= s.h+0.5) {
				rt.Fatalf("%T: %q is cut off: %v in %g × %g", f.Plot, a.text, a.box, s.w, s.h)
			}
		}
	})
}

// nothing is a canvas that draws nothing.
type nothing struct{}

func (nothing) SetLineWidth(vg.Length)                 {}
func (nothing) SetLineDash([]vg.Length, vg.Length)     {}
func (nothing) SetColor(color.Color)                   {}
func (nothing) Rotate(float64)                         {}
func (nothing) Translate(vg.Point)                     {}
func (nothing) Scale(float64, float64)                 {}
func (nothing) Push()                                  {}
func (nothing) Pop()                                   {}
func (nothing) Stroke(vg.Path)                         {}
func (nothing) Fill(vg.Path)                           {}
func (nothing) FillString(font.Face, vg.Point, string) {}
func (nothing) DrawImage(vg.Rectangle, image.Image)    {}
