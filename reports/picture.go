package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
)

// Pictures returns the figures of an analysis's result: its curves by name, tables that
// are a grid, and its estimates by scale as forests. They are for the eyes of who runs
// the analysis: nothing in them is suppressed.
func Pictures(title string, r analysis.Result, level float64) []Figure {
	out := qualityPictures(title, r)
	for _, name := range seriesNames(r.Series) {
		if slices.Contains(drawnApart, name) {
			continue
		}
		out = append(out, curves(title, name, r.Series, level))
	}
	for _, t := range r.Tables {
		switch t.Name {
		case "patterns":
			out = append(out, patterns(t))
		case "tipping":
			out = append(out, tipping(t))
		}
	}
	var scales []analysis.Scale
	for _, e := range r.Estimates {
		if !slices.Contains(scales, e.Scale) {
			scales = append(scales, e.Scale)
		}
	}
	for _, s := range scales {
		if f, ok := forestOf(title, s, r.Estimates, level); ok {
			out = append(out, f)
		}
	}
	return out
}

func seriesNames(ss []analysis.Series) []string {
	var out []string
	for _, s := range ss {
		if !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// curves draws the series of one name, a line for each group.
func curves(title, name string, all []analysis.Series, level float64) Figure {
	f := Figure{ID: slug(name), Title: title, Subtitle: strings.ReplaceAll(name, "-", " ")}
	p := Lines{Ribbon: true}
	bands, longest := false, 0
	for _, s := range all {
		if s.Name != name {
			continue
		}
		p.Step = s.Step
		p.X.Label, p.Y.Label = s.XUnit, s.YUnit
		line := Series{Label: s.Group}
		for _, q := range s.Points {
			line.Points = append(line.Points, Point{X: float64(q.X), Y: float64(q.Y), Low: float64(q.Low), High: float64(q.High), Basis: On(q.N)})
			bands = bands || q.Low.OK() || q.High.OK()
		}
		longest = max(longest, len(line.Points))
		p.Series = append(p.Series, line)
	}
	p.Markers = longest <= 20 && !p.Step
	if bands {
		f.Subtitle += fmt.Sprintf(", with %g %% bands", 100*level)
	}
	f.Alt = Say(fmt.Sprintf("%s: %s by %s", title, name, p.X.Label))
	f.Plot = p
	return f
}

// patterns draws which visits have values, a row for each pattern.
func patterns(t analysis.Table) Figure {
	f := Figure{ID: t.Name, Title: t.Title, Subtitle: "A row for each pattern, the most frequent first; patients at the right", Alt: Say(t.Title)}
	p := Matrix{Kinds: [4]string{MatrixFirst: "Seen", MatrixEmpty: "Missing"}, RowTitle: "Order"}
	visits := slices.Index(t.Columns, "missing")
	order := slices.Index(t.Columns, "order")
	if visits < 0 || order < 0 {
		return f
	}
	p.Columns = append(slices.Clone(t.Columns[:visits]), t.Columns[order+1:]...)
	for i, row := range t.Rows {
		if i == 40 {
			f.Caption = Say(fmt.Sprintf("The 40 most frequent of %d patterns.", len(t.Rows)))
			break
		}
		var cells []MatrixCell
		for _, v := range row[:visits] {
			k := MatrixEmpty
			if v.Num == 1 || v.Text == "1" {
				k = MatrixFirst
			}
			cells = append(cells, MatrixCell{Kind: k})
		}
		for _, v := range row[order+1:] {
			cells = append(cells, MatrixCell{Cell: Count(int(v.Num))})
		}
		p.Rows = append(p.Rows, row[order].Text)
		p.Cells = append(p.Cells, cells)
	}
	f.Plot = p
	return f
}

// tipping draws the answer over two deltas.
func tipping(t analysis.Table) Figure {
	f := Figure{ID: t.Name + "-grid", Title: t.Title, Subtitle: "Estimate for each delta added to values not seen", Alt: Say(t.Title)}
	at := func(name string) int { return slices.Index(t.Columns, name) }
	arm, ref, value, low, high := at("delta of the arm"), at("delta of the reference"), at("estimate"), at("low"), at("high")
	if min(arm, ref, value, low, high) < 0 {
		return f
	}
	p := Matrix{RowTitle: "Reference", ColumnTitle: "Delta of the arm", Kinds: [4]string{MatrixFirst: "Interval below no effect", MatrixSecond: "Interval above no effect", MatrixEmpty: "Interval holds no effect"}}
	column, row := map[float64]int{}, map[float64]int{}
	for _, r := range t.Rows {
		if _, ok := column[float64(r[arm].Num)]; !ok {
			column[float64(r[arm].Num)] = len(p.Columns)
			p.Columns = append(p.Columns, fmt.Sprintf("%+.3g", float64(r[arm].Num)))
		}
		if _, ok := row[float64(r[ref].Num)]; !ok {
			row[float64(r[ref].Num)] = len(p.Rows)
			p.Rows = append(p.Rows, fmt.Sprintf("%+.3g", float64(r[ref].Num)))
		}
	}
	p.Cells = make([][]MatrixCell, len(p.Rows))
	for i := range p.Cells {
		p.Cells[i] = make([]MatrixCell, len(p.Columns))
	}
	null := 0.0
	if holds := at("interval holds no effect"); holds >= 0 && ratioTable(t, low, high, holds) {
		null = 1
	}
	for _, r := range t.Rows {
		k := MatrixEmpty
		switch {
		case float64(r[high].Num) < null:
			k = MatrixFirst
		case float64(r[low].Num) > null:
			k = MatrixSecond
		}
		v := float64(r[value].Num)
		p.Cells[row[float64(r[ref].Num)]][column[float64(r[arm].Num)]] = MatrixCell{k, Number(v, decimalsFor(v), 0).WithoutPatients()}
	}
	f.Plot = p
	return f
}

// ratioTable reports whether intervals are said to hold no effect by 1 and not by 0.
func ratioTable(t analysis.Table, low, high, holds int) bool {
	for _, r := range t.Rows {
		l, h, said := float64(r[low].Num), float64(r[high].Num), r[holds].Text == "yes"
		if said != (l <= 0 && 0 <= h) {
			return true
		}
	}
	return false
}

func decimalsFor(v float64) int {
	switch a := math.Abs(v); {
	case a >= 100:
		return 0
	case a >= 10:
		return 1
	}
	return 2
}

// mostRows is how many estimates a forest shows.
const mostRows = 60

// forestOf draws the estimates of a scale that have an interval.
func forestOf(title string, scale analysis.Scale, es []analysis.Estimate, level float64) (Figure, bool) {
	f := Figure{ID: "estimates-" + string(scale), Title: title, Subtitle: fmt.Sprintf("Estimates with %g %% intervals, %s", 100*level, strings.ReplaceAll(string(scale), "-", " ")), Alt: Say(title + ": estimates with intervals")}
	p := Forest{LabelHead: "Estimate", Columns: []string{"n"}, Result: fmt.Sprintf("Value (%g %%)", 100*level), Log: scale == analysis.ScaleRatio, Reference: math.NaN()}
	if p.Log {
		p.Reference = 1
	}
	left := 0
	for _, e := range es {
		if e.Scale != scale || !e.Value.OK() || !finite(float64(e.CI.Low)) || !finite(float64(e.CI.High)) || p.Log && !(e.CI.Low > 0) {
			continue
		}
		if len(p.Rows) == mostRows {
			left++
			continue
		}
		if null, ok := e.NoEffect(); ok && math.IsNaN(p.Reference) {
			p.Reference = null
		}
		n := Count(e.N.Arm + e.N.Reference)
		cell := Cell{Value: float64(e.Value), Low: float64(e.CI.Low), High: float64(e.CI.High), Format: Format{Kind: Interval, Decimals: decimalsFor(float64(e.Value))}, Basis: On(e.N.Arm + e.N.Reference)}
		p.Rows = append(p.Rows, ForestRow{Label: estimateLabel(e), Columns: []Cell{n}, Estimate: cell})
	}
	if left > 0 {
		f.Caption = Say(fmt.Sprintf("The first %d estimates; %d more are in the table.", mostRows, left))
	}
	f.Plot = p
	return f, len(p.Rows) > 0
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// estimateLabel names an estimate by what sets it apart.
func estimateLabel(e analysis.Estimate) string {
	parts := []string{strings.ReplaceAll(e.Term, "_", " ")}
	who := e.Arm
	if e.Reference != "" {
		who += " v " + e.Reference
	}
	for _, s := range []string{who, e.Visit, e.Subgroup, e.Definition} {
		if s != "" && s != analysis.All {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}
