package render

import (
	"math"
	"slices"
	"strconv"

	"recoup/reports"
)

// behind returns the numbers that a figure draws, as tables: for those who cannot see
// it, for formats without pictures, and for checking. What the disclosure rules took
// out of the figure is not in it. A figure that draws nothing has none.
func behind(f reports.Figure) []reports.Table {
	if _, err := drawingOf(f.Plot); err != nil {
		return nil
	}
	var out []reports.Table
	in := reports.In(langOfPlot(f.Plot))
	switch p := f.Plot.(type) {
	case reports.Lines:
		out = append(out, wide(p.X, p.Y, p.Series))
	case reports.Acceptability:
		series := slices.Clone(p.Series)
		if len(p.Frontier) > 0 {
			series = append(series, reports.Series{Label: "Highest expected net benefit", Points: p.Frontier})
		}
		out = append(out, wide(p.X, p.Y, series))
	case reports.Survival:
		var rows [][]reports.Cell
		var labels []string
		for _, c := range p.Curves {
			labels, rows = append(labels, c.Label), append(rows, c.AtRisk)
		}
		out = append(out, steps(p), followed(p.RiskTitle, p.RiskTimes, labels, rows, p.Y.Format.Lang))
	case reports.Stack:
		var rows [][]reports.Cell
		var labels []string
		for _, c := range p.Panels {
			labels, rows = append(labels, c.Label), append(rows, c.AtRisk)
		}
		out = append(out, layers(p), followed(p.RiskTitle, p.RiskTimes, labels, rows, p.Y.Format.Lang))
	case reports.Forest:
		out = append(out, forestNumbers(p))
	case reports.Dots:
		out = append(out, dotNumbers(p))
	case reports.Control:
		out = append(out, chartNumbers(p))
	case reports.Funnel:
		out = append(out, unitNumbers(p), limitNumbers(p))
	case reports.Plane:
		out = append(out, planeNumbers(p), planePoints(p))
	case reports.Flow:
		out = append(out, flowNumbers(p))
	case reports.Matrix:
		out = append(out, matrixNumbers(p))
	case reports.Mirror:
		out = append(out, mirrorNumbers(p))
	}
	out = slices.DeleteFunc(out, func(t reports.Table) bool { return len(t.Rows) == 0 })
	for i := range out {
		out[i].ID = f.ID
		if i > 0 {
			out[i].ID += "-" + strconv.Itoa(i+1)
		}
		out[i] = in.Table(out[i])
	}
	return out
}

// langOfPlot is the language in which a plot writes its numbers.
func langOfPlot(p reports.Plot) string {
	switch p := p.(type) {
	case reports.Lines:
		return p.Y.Format.Lang
	case reports.Acceptability:
		return p.Y.Format.Lang
	case reports.Survival:
		return p.Y.Format.Lang
	case reports.Stack:
		return p.Y.Format.Lang
	case reports.Forest:
		return p.X.Format.Lang
	case reports.Dots:
		return p.X.Format.Lang
	case reports.Control:
		return p.Y.Format.Lang
	case reports.Funnel:
		return p.Y.Format.Lang
	case reports.Plane:
		return p.Y.Format.Lang
	case reports.Flow:
		for _, s := range p.Steps {
			return s.Count.Format.Lang
		}
	case reports.Mirror:
		return p.Y.Format.Lang
	case reports.Matrix:
		for _, row := range p.Cells {
			for _, c := range row {
				return c.Cell.Format.Lang
			}
		}
	}
	return ""
}

// notDrawn is why a point of a figure has no number.
const notDrawn = "No number, or none that may be shown."

func rightColumn(label string) reports.Column {
	return reports.Column{Label: label, Align: reports.Right}
}

func named(label, otherwise string) string {
	if label == "" {
		return otherwise
	}
	return label
}

// fineness is the decimals by which numbers of a figure are as fine as its drawing:
// four digits of the greatest.
func fineness(values ...float64) int {
	top := 0.0
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			top = math.Max(top, math.Abs(v))
		}
	}
	if top == 0 {
		return 0
	}
	return min(max(3-int(math.Floor(math.Log10(top))), 0), 6)
}

// figureCell is a number of a figure as a cell, with its interval where it has one.
func figureCell(y, low, high float64, f reports.Format, decimals int) reports.Cell {
	if math.IsNaN(y) || math.IsInf(y, 0) {
		return reports.NotAvailable(notDrawn)
	}
	c := reports.Cell{Value: y, Low: math.NaN(), High: math.NaN(), Format: f, Basis: reports.NoPatients()}
	c.Format.Kind, c.Format.Decimals = reports.NumberOf, decimals
	if f.Kind == reports.Percent {
		c.Format.Kind, c.Format.Decimals = reports.Percent, max(decimals-2, 0)
	}
	if !math.IsNaN(low) && !math.IsNaN(high) {
		c.Low, c.High = low, high
		if c.Format.Kind == reports.NumberOf {
			c.Format.Kind = reports.Interval
		}
	}
	return c
}

func position(x float64, lang string) reports.Cell {
	return reports.Label(localNumber(x, min(fineness(x), digitsOf(x)), lang))
}

// digitsOf is how many decimals a number has, as far as four.
func digitsOf(x float64) int {
	for d := range 4 {
		if scale := math.Pow(10, float64(d)); math.Round(x*scale) == x*scale {
			return d
		}
	}
	return 4
}

// wide has a row for each x of any series and a column for each series.
func wide(x, y reports.Axis, series []reports.Series) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: named(x.Label, "At")}}}
	var at, values []float64
	for i, s := range series {
		t.Columns = append(t.Columns, rightColumn(named(s.Label, named(y.Label, say(y.Format.Lang, "Series {0}", i+1)))))
		for _, p := range s.Points {
			at = append(at, p.X)
			values = append(values, p.Y)
		}
	}
	slices.Sort(at)
	digits := fineness(values...)
	for _, v := range slices.Compact(at) {
		row := reports.Row{Cells: []reports.Cell{position(v, y.Format.Lang)}}
		for _, s := range series {
			cell := reports.Cell{}
			for _, p := range s.Points {
				if p.X == v {
					cell = figureCell(p.Y, p.Low, p.High, y.Format, digits)
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// steps are the values of curves where they change.
func steps(p reports.Survival) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: "Curve"}, {Label: named(p.X.Label, "Time")}, rightColumn(named(p.Y.Label, "Value"))}}
	for _, c := range p.Curves {
		name := reports.Label(named(c.Label, "All"))
		add := func(time, y, low, high float64) {
			t.Rows = append(t.Rows, reports.Row{Cells: []reports.Cell{name, position(time, p.Y.Format.Lang), figureCell(y, low, high, p.Y.Format, 4)}})
		}
		if len(c.Steps) > 0 {
			add(0, c.Start, math.NaN(), math.NaN())
		}
		for _, s := range c.Steps {
			add(s.Time, s.Value, s.Low, s.High)
		}
	}
	return t
}

// layers are the shares of a whole where they change.
func layers(p reports.Stack) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: "Group"}, {Label: named(p.X.Label, "Time")}}}
	for i, l := range p.Layers {
		t.Columns = append(t.Columns, rightColumn(named(l, say(p.Y.Format.Lang, "Part {0}", i+1))))
	}
	for _, panel := range p.Panels {
		for _, s := range panel.Steps {
			row := reports.Row{Cells: []reports.Cell{reports.Label(named(panel.Label, "All")), position(s.Time, p.Y.Format.Lang)}}
			for i := range p.Layers {
				v := math.NaN()
				if i < len(s.Shares) {
					v = s.Shares[i]
				}
				row.Cells = append(row.Cells, figureCell(v, math.NaN(), math.NaN(), p.Y.Format, 4))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// followed are the numbers at risk under curves.
func followed(title string, times []float64, labels []string, atRisk [][]reports.Cell, lang string) reports.Table {
	t := reports.Table{Caption: title, Columns: []reports.Column{{Label: named(title, "Number at risk")}}}
	for _, x := range times {
		t.Columns = append(t.Columns, rightColumn(localNumber(x, digitsOf(x), lang)))
	}
	for i, cells := range atRisk {
		if len(cells) > 0 {
			t.Rows = append(t.Rows, reports.Row{Cells: append([]reports.Cell{reports.Label(named(labels[i], "All"))}, cells...)})
		}
	}
	return t
}

func forestNumbers(p reports.Forest) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: named(p.LabelHead, "Row")}}}
	for _, c := range p.Columns {
		t.Columns = append(t.Columns, rightColumn(c))
	}
	t.Columns = append(t.Columns, rightColumn(named(p.Result, "Estimate")))
	for _, r := range p.Rows {
		row := reports.Row{Heading: r.Heading, Cells: []reports.Cell{reports.Label(r.Label)}}
		if !r.Heading {
			row.Indent = 1
			for i := range p.Columns {
				cell := reports.Cell{}
				if i < len(r.Columns) {
					cell = r.Columns[i]
				}
				row.Cells = append(row.Cells, cell)
			}
			row.Cells = append(row.Cells, r.Estimate)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func dotNumbers(p reports.Dots) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: "Row"}}}
	for i, s := range p.Series {
		t.Columns = append(t.Columns, rightColumn(named(s.Label, named(p.X.Label, say(p.X.Format.Lang, "Series {0}", i+1)))))
	}
	for i, label := range p.Rows {
		row := reports.Row{Cells: []reports.Cell{reports.Label(label)}}
		for _, s := range p.Series {
			cell := reports.Cell{}
			if i < len(s.Values) {
				cell = s.Values[i]
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func chartNumbers(p reports.Control) reports.Table {
	t := reports.Table{Columns: []reports.Column{
		{Label: named(p.X.Label, "Period")},
		rightColumn(named(p.Y.Label, "Value")), rightColumn("Lower limit"), rightColumn("Center"), rightColumn("Upper limit"),
		{Label: "Signal"},
	}}
	all := []float64{p.Center}
	for _, q := range p.Points {
		all = append(all, q.Y)
	}
	digits := fineness(all...)
	for i, q := range p.Points {
		center := q.Center
		if math.IsNaN(center) && !math.IsNaN(q.Y) {
			center = p.Center
		}
		row := reports.Row{Cells: []reports.Cell{reports.Label(named(q.Label, strconv.Itoa(i+1)))}}
		for _, v := range []float64{q.Y, q.Lower, center, q.Upper} {
			row.Cells = append(row.Cells, figureCell(v, math.NaN(), math.NaN(), p.Y.Format, digits))
		}
		t.Rows = append(t.Rows, reports.Row{Cells: append(row.Cells, reports.Label(signalWord(q, p.Y.Format.Lang)))})
	}
	return t
}

func signalWord(q reports.ControlPoint, lang string) string {
	word := map[reports.Signal]string{reports.Improvement: "improvement", reports.Concern: "concern", reports.Changed: "change"}[q.Signal]
	if word = say(lang, word); word == "" || q.Rule == "" {
		return word
	}
	return word + ": " + q.Rule
}

func unitNumbers(p reports.Funnel) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: named(p.Unit, "Site")}, rightColumn(named(p.X.Label, "n")), rightColumn(named(p.Y.Label, "Value"))}}
	for _, q := range p.Points {
		t.Rows = append(t.Rows, reports.Row{Cells: []reports.Cell{
			reports.Label(q.Label), figureCell(q.N, math.NaN(), math.NaN(), p.X.Format, digitsOf(q.N)), figureCell(q.Y, math.NaN(), math.NaN(), p.Y.Format, 4),
		}})
	}
	return t
}

// fewLimits is how many points of a funnel's limits are written.
const fewLimits = 12

func limitNumbers(p reports.Funnel) reports.Table {
	t := reports.Table{
		Caption: "Limits by size",
		Columns: []reports.Column{{Label: named(p.X.Label, "n")}, rightColumn("Lower 99.8 %"), rightColumn("Lower 95 %"), rightColumn("Center"), rightColumn("Upper 95 %"), rightColumn("Upper 99.8 %")},
	}
	for _, i := range evenly(len(p.Limits), fewLimits) {
		l := p.Limits[i]
		row := reports.Row{Cells: []reports.Cell{position(l.N, p.Y.Format.Lang)}}
		for _, v := range []float64{l.Lower998, l.Lower95, p.Center, l.Upper95, l.Upper998} {
			row.Cells = append(row.Cells, figureCell(v, math.NaN(), math.NaN(), p.Y.Format, 4))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// evenly returns at most most of n places, the first and the last among them.
func evenly(n, most int) []int {
	var out []int
	if n <= most {
		for i := range n {
			out = append(out, i)
		}
		return out
	}
	for k := range most {
		out = append(out, k*(n-1)/(most-1))
	}
	return out
}

func planeNumbers(p reports.Plane) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: "What"}, rightColumn(named(p.X.Label, "Effect")), rightColumn(named(p.Y.Label, "Cost"))}}
	add := func(label string, x, y float64) {
		t.Rows = append(t.Rows, reports.Row{Cells: []reports.Cell{
			reports.Label(label), figureCell(x, math.NaN(), math.NaN(), p.X.Format, fineness(x)), figureCell(y, math.NaN(), math.NaN(), p.Y.Format, fineness(y)),
		}})
	}
	add("Mean", p.MeanX, p.MeanY)
	for _, e := range p.Ellipses {
		add(say(p.Y.Format.Lang, "Standard deviation, region of {0} %", 100*e.Level), math.Sqrt(e.VarX), math.Sqrt(e.VarY))
	}
	return t
}

// planePoints are the simulations, as many as are drawn.
func planePoints(p reports.Plane) reports.Table {
	t := reports.Table{Caption: "Simulations", Columns: []reports.Column{{Label: "Simulation"}, rightColumn(named(p.X.Label, "Effect")), rightColumn(named(p.Y.Label, "Cost"))}}
	for _, i := range evenly(len(p.Points), mostPoints) {
		q := p.Points[i]
		t.Rows = append(t.Rows, reports.Row{Cells: []reports.Cell{
			reports.Label(strconv.Itoa(i + 1)), figureCell(q[0], math.NaN(), math.NaN(), p.X.Format, fineness(q[0])), figureCell(q[1], math.NaN(), math.NaN(), p.Y.Format, fineness(q[1])),
		}})
	}
	return t
}

func flowNumbers(p reports.Flow) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: "Step"}, rightColumn("n")}}
	for _, s := range p.Steps {
		t.Rows = append(t.Rows, reports.Row{Cells: []reports.Cell{reports.Label(s.Label), s.Count}})
		for _, l := range s.Lost {
			t.Rows = append(t.Rows, reports.Row{Indent: 1, Cells: []reports.Cell{reports.Label(l.Label), l.Count}})
		}
	}
	return t
}

// mirrorNumbers are the shares of each group from one edge to the next.
func mirrorNumbers(p reports.Mirror) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: named(p.X.Label, "Value")}}}
	for _, side := range p.Sides {
		for _, kind := range p.Kinds {
			t.Columns = append(t.Columns, rightColumn(side.Label+", "+kind))
		}
	}
	for i := 1; i < len(p.Edges); i++ {
		low, high := position(p.Edges[i-1], p.Y.Format.Lang), position(p.Edges[i], p.Y.Format.Lang)
		row := reports.Row{Cells: []reports.Cell{reports.Label(Cell(low) + reports.In(p.Y.Format.Lang).To() + Cell(high))}}
		for _, side := range p.Sides {
			for _, cells := range [][]reports.Cell{side.Bars, side.Outline} {
				cell := reports.Cell{}
				if i-1 < len(cells) {
					cell = cells[i-1]
				}
				row.Cells = append(row.Cells, cell)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// matrixNumbers writes what is in each square: its number, else its kind in words.
func matrixNumbers(p reports.Matrix) reports.Table {
	t := reports.Table{Columns: []reports.Column{{Label: named(p.RowTitle, "Row")}}}
	for _, c := range p.Columns {
		t.Columns = append(t.Columns, rightColumn(c))
	}
	for i, cells := range p.Cells {
		label := ""
		if i < len(p.Rows) {
			label = p.Rows[i]
		}
		row := reports.Row{Cells: []reports.Cell{reports.Label(label)}}
		for _, c := range cells {
			cell := c.Cell
			if cell.Format.Kind == reports.Blank && cell.Hidden == reports.Shown && int(c.Kind) < len(p.Kinds) {
				cell = reports.Label(p.Kinds[c.Kind])
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
