package disclosure

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"recoup/reports"
)

func named(t testing.TB, name string) Policy {
	t.Helper()
	p, err := Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func with(blocks ...reports.Block) reports.Report {
	return reports.Report{Sections: []reports.Section{{ID: "s", Blocks: blocks}}}
}

// counts builds a table of counts with row totals, column totals and their sum,
// and states all its sums.
func counts(cells [][]int) reports.Table {
	t := reports.Table{ID: "t"}
	cols := len(cells[0])
	colSum := make([]int, cols+1)
	for i, row := range cells {
		r := reports.Row{}
		sum := 0
		s := reports.Sum{Total: reports.At{Row: i, Column: cols}}
		for j, v := range row {
			r.Cells = append(r.Cells, reports.Count(v))
			s.Parts = append(s.Parts, reports.At{Row: i, Column: j})
			sum += v
			colSum[j] += v
		}
		colSum[cols] += sum
		r.Cells = append(r.Cells, reports.Count(sum))
		t.Rows = append(t.Rows, r)
		t.Sums = append(t.Sums, s)
	}
	last := reports.Row{Total: true}
	for j, v := range colSum {
		last.Cells = append(last.Cells, reports.Count(v))
		s := reports.Sum{Total: reports.At{Row: len(cells), Column: j}}
		for i := range cells {
			s.Parts = append(s.Parts, reports.At{Row: i, Column: j})
		}
		t.Sums = append(t.Sums, s)
	}
	t.Rows = append(t.Rows, last)
	return t
}

func shownTable(r reports.Report) reports.Table { return r.Sections[0].Blocks[0].(reports.Table) }

// 24 31  3 |  58    Hiding the 3 alone is undone by 58 − 24 − 31. Hiding one more
// 40 22 18 |  80    in its row is undone by the column. Four cells at the corners
// 64 53 21 | 138    of a rectangle hold: 3 with 24 or 31, and what stands below.
func TestRectangleIsHidden(t *testing.T) {
	out, audit := Apply(with(counts([][]int{{24, 31, 3}, {40, 22, 18}})), named(t, "cms-11"))
	table := shownTable(out)
	var hidden []string
	for i, r := range table.Rows {
		for j, c := range r.Cells {
			if c.Hidden != reports.Shown {
				hidden = append(hidden, fmt.Sprint(i, ",", j))
			}
		}
	}
	if len(hidden) != 4 || hidden[1] != "0,2" || hidden[3] != "1,2" {
		t.Errorf("hidden: %v, want the 3, one more of its row, and the two below", hidden)
	}
	want := []Finding{{CodeSmallCount, "s/t", 1}, {CodeSecondary, "s/t", 3}}
	if !reflect.DeepEqual(audit.Findings, want) {
		t.Errorf("audit %v, want %v", audit.Findings, want)
	}
}

// canBe tells by trying all integers whether a table that agrees with
// everything shown has more than 10 in the given hidden cell: an attacker that
// shares no code with the one in the package.
func canBe(truth [][]int, t reports.Table, row, col int) bool {
	rows, cols := len(truth), len(truth[0])
	total := func(i, j int) (int, bool) {
		c := t.Rows[i].Cells[j]
		return c.Count, c.Hidden == reports.Shown
	}
	x := make([][]int, rows)
	for i := range x {
		x[i] = make([]int, cols)
	}
	var try func(k int) bool
	try = func(k int) bool {
		i, j := k/cols, k%cols
		if j == 0 && i > 0 { // a row is full
			sum := 0
			for _, v := range x[i-1] {
				sum += v
			}
			if want, shown := total(i-1, cols); shown && sum != want {
				return false
			}
		}
		if i == rows {
			all := 0
			for c := range cols {
				sum := 0
				for r := range rows {
					sum += x[r][c]
				}
				all += sum
				if want, shown := total(rows, c); shown && sum != want {
					return false
				}
			}
			want, shown := total(rows, cols)
			return !shown || all == want
		}
		if v, shown := total(i, j); shown {
			x[i][j] = v
			return try(k + 1)
		}
		lo, hi := 1, truth[i][j]+14
		if want, shown := total(rows, j); shown && i == rows-1 { // the column leaves one choice
			for r := range i {
				want -= x[r][j]
			}
			lo, hi = max(lo, want), want
		}
		if i == row && j == col {
			lo = max(lo, 11)
		}
		for v := lo; v <= hi; v++ {
			x[i][j] = v
			if try(k + 1) {
				return true
			}
		}
		return false
	}
	return try(0)
}

// Every hidden small count of a random table could be above the threshold, by
// an attacker who tries all tables.
func TestRandomTablesWithstandTrial(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cells := make([][]int, 2)
		for i := range cells {
			for range 3 {
				v := rapid.OneOf(rapid.IntRange(0, 12), rapid.IntRange(11, 40)).Draw(rt, "count")
				cells[i] = append(cells[i], v)
			}
		}
		out, _ := Apply(with(counts(cells)), Policies()[0])
		table := shownTable(out)
		for i, row := range cells {
			for j, v := range row {
				c := table.Rows[i].Cells[j]
				if v == 0 && c.Hidden != reports.Shown {
					rt.Fatalf("table %v: a count of none is hidden, though hidden counts are known not to be", cells)
				}
				if v >= 1 && v <= 10 {
					if c.Hidden == reports.Shown {
						rt.Fatalf("a count of %d is shown", v)
					}
					if !canBe(cells, table, i, j) {
						rt.Fatalf("table %v: the count at %d,%d can be told to be small from what is shown", cells, i, j)
					}
				}
			}
		}
	})
}

func TestSharesAndMeans(t *testing.T) {
	unstated := reports.Cell{Value: 5, Format: reports.Format{Kind: reports.NumberOf}}
	for _, c := range []struct {
		name string
		cell reports.Cell
		cms  reports.Suppression
	}{
		{"share of 12 of 40", reports.Share(12, 40), reports.Shown},
		{"29 of 30: one did not", reports.Share(29, 30), reports.Protected},
		{"3 of 1,020", reports.Share(3, 1020), reports.Protected},
		{"none of 40", reports.Share(0, 40), reports.Shown},
		{"all of 40", reports.Share(40, 40), reports.Shown},
		{"none of 5", reports.Share(0, 5), reports.Protected},
		{"count with share", reports.CountShare(4, 40), reports.Protected},
		{"mean of 2", reports.Mean(5.5, 2.1, 1, 2), reports.Protected},
		{"mean of 11", reports.Mean(5.5, 2.1, 1, 11), reports.Shown},
		{"count of 10", reports.Count(10), reports.Protected},
		{"count of 11", reports.Count(11), reports.Shown},
		{"count of none", reports.Count(0), reports.Shown},
		{"published", reports.Share(3, 9).WithoutPatients(), reports.Shown},
		{"unstated", unstated, reports.NoBasis},
		{"words", reports.Label("Pain"), reports.Shown},
		{"not available", reports.NotAvailable("no visit"), reports.Shown},
		{"more than all", reports.Share(40, 30), reports.NoBasis},
	} {
		r := with(reports.Tiles{Tiles: []reports.Tile{{Value: c.cell, Status: reports.Better, StatusText: "up"}}})
		out, _ := Apply(r, named(t, "cms-11"))
		tile := out.Sections[0].Blocks[0].(reports.Tiles).Tiles[0]
		if tile.Value.Hidden != c.cms {
			t.Errorf("%s: suppression %d, want %d", c.name, tile.Value.Hidden, c.cms)
		}
		if hidden := tile.Value.Hidden != reports.Shown; hidden != (tile.Status == reports.NoStatus) {
			t.Errorf("%s: the status does not go with the value", c.name)
		}
		in := reports.Say("x ").With(c.cell)
		out, _ = Apply(with(reports.Paragraph{Text: in}), named(t, "cms-11"))
		if got := out.Sections[0].Blocks[0].(reports.Paragraph).Text[1].Cell.Hidden; got != c.cms {
			t.Errorf("%s in a sentence: suppression %d, want %d", c.name, got, c.cms)
		}
	}
	out, _ := Apply(with(reports.Paragraph{Text: reports.Say("").With(reports.Count(0))}), named(t, "acro-default"))
	if out.Sections[0].Blocks[0].(reports.Paragraph).Text[1].Cell.Hidden != reports.Protected {
		t.Error("acro-default shows a count of none")
	}
}

// A count hidden in a table only to protect its neighbor is hidden in the tile
// of the same quantity, and the mean that rests on it in the same row.
func TestSameQuantityEverywhere(t *testing.T) {
	table := reports.Table{ID: "t", Rows: []reports.Row{
		{Cells: []reports.Cell{reports.Label("A"), reports.Count(4).Named("a"), reports.Mean(5, 1, 1, 4)}},
		{Cells: []reports.Cell{reports.Label("B"), reports.Count(30).Named("b"), reports.Mean(6, 1, 1, 30)}},
		{Cells: []reports.Cell{reports.Label("All"), reports.Count(34), reports.Mean(5.9, 1, 1, 34)}},
	}, Sums: []reports.Sum{{Total: reports.At{Row: 2, Column: 1}, Parts: []reports.At{{Row: 0, Column: 1}, {Row: 1, Column: 1}}}}}
	tiles := reports.Tiles{Tiles: []reports.Tile{{Value: reports.Count(30).Named("b")}}}
	out, _ := Apply(with(table, tiles), named(t, "cms-11"))
	got := shownTable(out)
	for _, at := range [][2]int{{0, 1}, {0, 2}, {1, 1}, {1, 2}} {
		if got.Rows[at[0]].Cells[at[1]].Hidden == reports.Shown {
			t.Errorf("the cell at %v is shown", at)
		}
	}
	if got.Rows[2].Cells[1].Hidden != reports.Shown {
		t.Error("the total is hidden though a part would do")
	}
	if out.Sections[0].Blocks[1].(reports.Tiles).Tiles[0].Value.Hidden == reports.Shown {
		t.Error("the tile shows what the table hides")
	}
}

// 50 began and 48 finished, in columns of their own, are as telling as the
// share of 48 in 50 is: one of the two must go with it.
func TestEqualCountsOfARowAreOne(t *testing.T) {
	table := reports.Table{ID: "t", Rows: []reports.Row{{Cells: []reports.Cell{reports.Count(50), reports.Count(48), reports.Share(48, 50)}}}}
	out, _ := Apply(with(table), named(t, "cms-11"))
	cells := shownTable(out).Rows[0].Cells
	if cells[2].Hidden == reports.Shown {
		t.Error("the share is shown: 2 did not finish")
	}
	if cells[0].Hidden == reports.Shown && cells[1].Hidden == reports.Shown {
		t.Error("50 and 48 are shown: 2 did not finish")
	}
}

// 50 came, 48 finished: 2 did not, though nothing says so.
func TestFlowDifference(t *testing.T) {
	flow := func(steps ...reports.FlowStep) reports.Report {
		return with(reports.Figure{ID: "f", Plot: reports.Flow{Steps: steps}})
	}
	out, audit := Apply(flow(reports.FlowStep{Label: "Came", Count: reports.Count(50)}, reports.FlowStep{Label: "Finished", Count: reports.Count(48)}), named(t, "cms-11"))
	steps := out.Sections[0].Blocks[0].(reports.Figure).Plot.(reports.Flow).Steps
	if steps[0].Count.Hidden == reports.Shown && steps[1].Count.Hidden == reports.Shown {
		t.Error("both counts are shown: their difference of 2 can be told")
	}
	if audit.Findings[0].Code != CodeDifference {
		t.Errorf("audit %v does not name the difference", audit.Findings)
	}
	// 131 assessed, 9 not suited, 4 declined, 118 enrolled: both losses are
	// hidden, and their sum of 13 leaves each between 1 and 12.
	out, _ = Apply(flow(reports.FlowStep{Count: reports.Count(131), Lost: []reports.FlowLoss{{Count: reports.Count(9)}, {Count: reports.Count(4)}}},
		reports.FlowStep{Count: reports.Count(118)}), named(t, "cms-11"))
	steps = out.Sections[0].Blocks[0].(reports.Figure).Plot.(reports.Flow).Steps
	if steps[0].Lost[0].Count.Hidden == reports.Shown || steps[0].Lost[1].Count.Hidden == reports.Shown {
		t.Error("a small loss is shown")
	}
	if steps[0].Count.Hidden != reports.Shown || steps[1].Count.Hidden != reports.Shown {
		t.Error("a step is hidden without need")
	}
}

func TestPointsAreDropped(t *testing.T) {
	nan := math.NaN()
	pt := func(b reports.Basis) reports.Point { return reports.Point{X: 1, Y: 7.25, Low: 6, High: 8, Basis: b} }
	r := with(
		reports.Figure{ID: "lines", Plot: reports.Lines{Series: []reports.Series{{Points: []reports.Point{
			pt(reports.On(4)), pt(reports.On(40)), pt(reports.NoPatients()), pt(reports.Basis{}),
		}}}}},
		reports.Figure{ID: "control", Plot: reports.Control{Points: []reports.ControlPoint{
			{Label: "Q1", Y: .5, Lower: .1, Upper: .9, Center: nan, Basis: reports.ShareOf(4, 8)}, {Label: "Q2", Y: .5, Basis: reports.ShareOf(20, 40)},
		}}},
		reports.Figure{ID: "funnel", Plot: reports.Funnel{Points: []reports.FunnelPoint{
			{Label: "D", N: 4, Y: .25, Basis: reports.ShareOf(1, 4)}, {Label: "E", N: 60, Y: .5, Basis: reports.ShareOf(30, 60)},
		}}},
		reports.Figure{ID: "forest", Plot: reports.Forest{Rows: []reports.ForestRow{
			{Label: "few", Weight: 5, Estimate: reports.Estimate(1, .5, 2, 1, 5)}, {Label: "many", Weight: 50, Estimate: reports.Estimate(1, .5, 2, 1, 50)},
		}}},
	)
	out, audit := Apply(r, named(t, "cms-11"))
	blocks := out.Sections[0].Blocks
	var ys []bool
	for _, p := range blocks[0].(reports.Figure).Plot.(reports.Lines).Series[0].Points {
		ys = append(ys, math.IsNaN(p.Y))
	}
	if want := []bool{true, false, false, true}; !reflect.DeepEqual(ys, want) {
		t.Errorf("points dropped: %v, want %v", ys, want)
	}
	control := blocks[1].(reports.Figure).Plot.(reports.Control).Points
	if !math.IsNaN(control[0].Y) || !math.IsNaN(control[0].Upper) || control[0].Label != "Q1" || math.IsNaN(control[1].Y) {
		t.Errorf("control points %v", control)
	}
	funnel := blocks[2].(reports.Figure).Plot.(reports.Funnel).Points
	if !math.IsNaN(funnel[0].Y) || !math.IsNaN(funnel[0].N) || math.IsNaN(funnel[1].N) {
		t.Errorf("funnel points %v", funnel)
	}
	forest := blocks[3].(reports.Figure).Plot.(reports.Forest).Rows
	if forest[0].Estimate.Hidden != reports.Protected || forest[0].Weight != 0 || forest[1].Weight != 50 {
		t.Errorf("forest rows %v", forest)
	}
	n := 0
	for _, f := range audit.Findings {
		if f.Code == CodePoint {
			n += f.Count
		}
	}
	if n != 4 {
		t.Errorf("%d points in the audit, want 4", n)
	}
}

// Sixty patients, one event each half month up to month 20, no other loss; the
// grid is a quarter of 4 months, so 1. After month 6 there are 12 events, the
// first multiple of the grid with more than 10; then months 12 and 18 likewise
// with 36 in all; 4 more events follow by month 20, too few, so the curve ends
// at 18, where 24 are left.
func TestSurvivalOnGrid(t *testing.T) {
	var steps []reports.Step
	for i := range 40 {
		steps = append(steps, reports.Step{Time: float64(i+1) / 2, Value: float64(i+1) / 60, Low: math.NaN(), High: math.NaN(), AtRisk: 60 - i, Events: 1, Censored: 0})
	}
	risk := []reports.Cell{reports.Count(60), reports.Count(52), reports.Count(44), reports.Count(36), reports.Count(28), reports.Count(20)}
	p := reports.Survival{RiskTimes: []float64{0, 4, 8, 12, 16, 20}, Curves: []reports.Curve{{Label: "All", N: 60, Steps: steps, End: 20, AtRisk: risk}}}
	out, _ := Apply(with(reports.Figure{ID: "f", Plot: p}), named(t, "cms-11"))
	f := out.Sections[0].Blocks[0].(reports.Figure)
	c := f.Plot.(reports.Survival).Curves[0]
	var got []string
	for _, s := range c.Steps {
		got = append(got, fmt.Sprintf("%g:%d:%.2f", s.Time, s.Events, s.Value))
	}
	if want := []string{"6:12:0.20", "12:12:0.40", "18:12:0.60"}; !reflect.DeepEqual(got, want) || c.End != 18 {
		t.Errorf("steps %v to %g, want %v to 18", got, c.End, want)
	}
	// 60, then 52 (8 fewer: hidden), 44 (16 fewer than 60), 36 hidden, 28, 20 hidden.
	var shown []bool
	for _, r := range c.AtRisk {
		shown = append(shown, r.Hidden == reports.Shown)
	}
	if want := []bool{true, false, true, false, true, false}; !reflect.DeepEqual(shown, want) {
		t.Errorf("numbers at risk shown: %v, want %v", shown, want)
	}
	if len(f.Caption) == 0 || !strings.Contains(f.Caption[len(f.Caption)-1].Text, "at least 11 further events") {
		t.Error("the caption does not say how the curve was drawn")
	}

	p.Curves[0].Public = true
	out, _ = Apply(with(reports.Figure{ID: "f", Plot: p}), named(t, "cms-11"))
	if n := len(out.Sections[0].Blocks[0].(reports.Figure).Plot.(reports.Survival).Curves[0].Steps); n != 40 {
		t.Errorf("a simulated curve keeps %d steps, want all 40", n)
	}
	few := reports.Survival{Curves: []reports.Curve{{N: 9, End: 5, Steps: []reports.Step{{Time: 1, Value: .5, AtRisk: 9, Events: 1}}}}}
	out, _ = Apply(with(reports.Figure{ID: "f", Plot: few}), named(t, "cms-11"))
	if c := out.Sections[0].Blocks[0].(reports.Figure).Plot.(reports.Survival).Curves[0]; c.End != 0 || c.N != 0 || c.Steps != nil {
		t.Errorf("a curve of 9 patients is left: %+v", c)
	}
}

// A hundred patients, one return each half month up to month 20: shares stand where more
// than ten further ones have returned, after months 6, 12 and 18. Three who left the work
// force in month 5 hide the panel, since any share of it tells that they are few; none
// who did hides nothing.
func TestStackOnGrid(t *testing.T) {
	apply := func(left int, public bool) reports.StackPanel {
		var steps []reports.StackStep
		for i := range 40 {
			s := reports.StackStep{Time: float64(i+1) / 2, Shares: []float64{float64(i+1) / 100, 0}, Followed: 100 - i, Changes: []int{1, 0}}
			if i == 9 {
				s.Changes[1] = left
			}
			if i >= 9 {
				s.Shares[1], s.Followed = float64(left)/100, s.Followed-left
			}
			steps = append(steps, s)
		}
		p := reports.Stack{Layers: []string{"return", "left"}, Rest: "neither", RiskTimes: []float64{0, 4, 8, 12, 16, 20}, Panels: []reports.StackPanel{{
			Label: "All", N: 100, Steps: steps, End: 20, Public: public, AtRisk: []reports.Cell{reports.Count(100), reports.Count(93), reports.Count(85)},
		}}}
		out, _ := Apply(with(reports.Figure{ID: "f", Plot: p}), named(t, "cms-11"))
		f := out.Sections[0].Blocks[0].(reports.Figure)
		if said := len(f.Caption) > 0 && strings.Contains(f.Caption[len(f.Caption)-1].Text, "at least 11"); said == public {
			t.Errorf("the caption says how the areas were drawn: %v", said)
		}
		if len(p.Panels[0].Steps) != 40 {
			t.Error("the figure given was changed")
		}
		return f.Plot.(reports.Stack).Panels[0]
	}
	c := apply(0, false)
	var got []string
	for _, s := range c.Steps {
		got = append(got, fmt.Sprintf("%g:%.2f", s.Time, s.Shares[0]))
	}
	if want := []string{"6:0.12", "12:0.24", "18:0.36"}; !reflect.DeepEqual(got, want) || c.End != 18 {
		t.Errorf("steps %v to %g, want %v to 18", got, c.End, want)
	}
	if c.AtRisk[0].Hidden != reports.Shown || c.AtRisk[1].Hidden == reports.Shown || c.AtRisk[2].Hidden != reports.Shown {
		t.Errorf("numbers followed %+v: 93 is 7 fewer than 100 and must be hidden, 85 is 15 fewer", c.AtRisk)
	}
	if c := apply(3, false); c.N != 0 || c.Steps != nil || c.End != 0 {
		t.Errorf("three who left the work force are told: %+v", c)
	}
	if c := apply(12, false); len(c.Steps) != 3 {
		t.Errorf("twelve who left the work force hide the panel: %+v", c)
	}
	if c := apply(3, true); len(c.Steps) != 40 {
		t.Errorf("a simulated panel keeps %d steps, want all 40", len(c.Steps))
	}
}

// A state that two patients are in tells of them, though nobody came into it or left it.
func TestStackOfSmallStates(t *testing.T) {
	for small, want := range map[float64]int{0.02: 0, 0.2: 2} {
		steps := []reports.StackStep{{Time: 0, Shares: []float64{1 - small, small}, Followed: 100, Changes: []int{0, 0}}, {Time: 9, Shares: []float64{0.9 - small, 0.1 + small}, Followed: 100, Changes: []int{40, 40}}}
		p := reports.Stack{Layers: []string{"working", "off work"}, RiskTimes: []float64{0, 40}, Panels: []reports.StackPanel{{Label: "All", N: 100, Steps: steps[:1], End: 10}}}
		out, _ := Apply(with(reports.Figure{ID: "f", Plot: p}), named(t, "cms-11"))
		if c := out.Sections[0].Blocks[0].(reports.Figure).Plot.(reports.Stack).Panels[0]; len(c.Steps) != want {
			t.Errorf("%g of a hundred: %d steps, want %d", small, len(c.Steps), want)
		}
	}
}

// Shares of one time alone make no area: the figure has nothing to draw, and says so.
func TestStackOfOneTime(t *testing.T) {
	steps := []reports.StackStep{{Time: 0, Shares: []float64{0.8, 0.2}, Followed: 100, Changes: []int{0, 0}}, {Time: 1, Shares: []float64{0.77, 0.23}, Followed: 100, Changes: []int{3, 3}}}
	p := reports.Stack{Layers: []string{"working", "off work"}, RiskTimes: []float64{0, 40}, Panels: []reports.StackPanel{{Label: "All", N: 100, Steps: steps, End: 40}}}
	out, _ := Apply(with(reports.Figure{ID: "f", Plot: p}), named(t, "cms-11"))
	if c := out.Sections[0].Blocks[0].(reports.Figure).Plot.(reports.Stack).Panels[0]; c.Steps != nil || c.End != 0 {
		t.Errorf("%d steps to %g are left", len(c.Steps), c.End)
	}
}

func TestCountsInText(t *testing.T) {
	for in, want := range map[string]string{
		"After excluding 3 patients with missing baseline, 412 were analyzed": "After excluding few patients with missing baseline, 412 were analyzed",
		"Site B (n = 7), site C (n=70)":                                       "Site B (n = few), site C (n=70)",
		"4 of 120 people left":                                                "few of 120 people left",
		"fewer than 10 patients":                                              "fewer than 10 patients",
		"1,004 patients, 12 women, 2.5 points":                                "1,004 patients, 12 women, 2.5 points",
		"a 7-day course over 3 months, 5 items":                               "a 7-day course over 3 months, 5 items",
	} {
		out, audit := Apply(with(reports.Notice{Text: reports.Say(in)}), named(t, "cms-11"))
		if got := out.Sections[0].Blocks[0].(reports.Notice).Text[0].Text; got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
		if (in != want) != (len(audit.Findings) > 0) {
			t.Errorf("%q: audit %v", in, audit.Findings)
		}
	}
}

// What is hidden is gone from the result, and the report given is as it was.
func TestNothingIsLeftBehind(t *testing.T) {
	r := with(
		reports.Paragraph{Text: reports.Say("Mean ").With(reports.Estimate(5.4321, 4.4321, 6.4321, 1, 3))},
		reports.Figure{ID: "f", Plot: reports.Dots{Rows: []string{"x"}, Series: []reports.DotSeries{{Values: []reports.Cell{reports.Mean(5.4321, 1.4321, 1, 3)}}}}},
		reports.Table{ID: "t", Rows: []reports.Row{{Cells: []reports.Cell{reports.Number(7.4321, 1, 2)}}}},
	)
	r.Provenance.Facts = []reports.Fact{{Name: "Rows left out", Value: reports.Number(8.4321, 1, 2)}}
	before := fmt.Sprintf("%+v", r)
	out, _ := Apply(r, named(t, "cms-11"))
	if fmt.Sprintf("%+v", r) != before {
		t.Error("the report given was changed")
	}
	if s := fmt.Sprintf("%+v", out); strings.Contains(s, "4321") {
		t.Error("a hidden value is left in the result")
	}
	again, _ := Apply(out, named(t, "cms-11"))
	again.Provenance.Facts = again.Provenance.Facts[:len(out.Provenance.Facts)]
	again.Sections = append(again.Sections[:len(r.Sections):len(r.Sections)], out.Sections[len(r.Sections):]...) // each run states what it hid
	if fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", out) {
		t.Error("a second run changes the result")
	}
	shown, audit := Apply(r, named(t, "none"))
	if fmt.Sprintf("%+v", shown) != before || len(audit.Findings) != 0 {
		t.Error("policy none changes the report")
	}
}

// Sums between blocks: 40 in one table, 3 + 37 in another.
func TestSumsBetweenBlocks(t *testing.T) {
	r := with(
		reports.Table{ID: "a", Rows: []reports.Row{{Cells: []reports.Cell{reports.Count(40).Named("all")}}}},
		reports.Table{ID: "b", Rows: []reports.Row{{Cells: []reports.Cell{reports.Count(3).Named("women")}}, {Cells: []reports.Cell{reports.Count(37).Named("men")}}}},
	)
	r.Sums = []reports.QuantitySum{{Total: "all", Parts: []string{"women", "men"}}}
	out, _ := Apply(r, named(t, "cms-11"))
	a, b := out.Sections[0].Blocks[0].(reports.Table), out.Sections[0].Blocks[1].(reports.Table)
	if a.Rows[0].Cells[0].Hidden == reports.Shown && b.Rows[1].Cells[0].Hidden == reports.Shown {
		t.Error("40 − 37 tells the 3")
	}
}

func TestNamed(t *testing.T) {
	if _, err := Named("cms"); err == nil || !strings.Contains(err.Error(), "cms-11, opensafely-7-r5") {
		t.Errorf("error %v does not say what there is", err)
	}
}
