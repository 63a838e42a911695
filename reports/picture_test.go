package reports_test

import (
	"math"
	"slices"
	"testing"

	"recoup/analysis"
	"recoup/reports"
)

// A love plot has the largest difference before on top, absolute values, and counts in
// its title; a difference that is not known has no dot, and counts for nothing. The
// series it is made from are not drawn a second time.
func TestLovePlot(t *testing.T) {
	n, s := analysis.Number, analysis.Text
	r := analysis.Result{
		Settings: map[string]string{"threshold": "0.2", "denominator": "auto"},
		Series:   []analysis.Series{{Name: "love-raw"}, {Name: "love-adjusted"}, {Name: "weights", Group: "a", Points: []analysis.Point{{X: 0, Y: 3}, {X: 2}}}},
		Tables: []analysis.Table{{Name: "balance", Columns: []string{"covariate", "difference raw", "difference adjusted"}, Rows: [][]analysis.Value{
			{s("age"), n(0.15), n(-0.01)}, {s("sex"), n(-0.5), n(0.21)}, {s("odd"), n(math.NaN()), n(0)},
		}}},
		Estimates: []analysis.Estimate{{Term: "effective_sample_size", Arm: "a", Value: 2.4, CI: analysis.NoInterval, N: analysis.N{Arm: 3}}},
	}
	figures := reports.Pictures("Title", r, 0.95)
	if len(figures) != 2 || figures[0].ID != "love" || figures[1].Title != "Weighted, 3 patients of a count as 2" {
		t.Fatalf("figures %+v", figures)
	}
	p := figures[0].Plot.(reports.Dots)
	after, before := p.Series[0].Values, p.Series[1].Values
	if !slices.Equal(p.Rows, []string{"sex", "age", "odd"}) || before[0].Value != 0.5 || after[0].Value != 0.21 || after[1].Value != 0.01 || before[2].Format.Kind != reports.Blank || p.Lines[0].Value != 0.2 {
		t.Errorf("%+v", p)
	}
	if want := "1 of 3 covariates and levels differ by more than 0.2 after adjustment, 1 before"; figures[0].Title != want {
		t.Errorf("title %q", figures[0].Title)
	}
	r.Tables = nil
	if figures := reports.Pictures("Title", r, 0.95); len(figures) != 1 {
		t.Errorf("without its table there is nothing to draw: %d figures", len(figures))
	}
}

// The figures of a result: one a name of curves, the grids of tables, and a forest for
// each scale with the line where no effect is; estimates without an interval are left
// out.
func TestPictures(t *testing.T) {
	estimate := func(term string, scale analysis.Scale, ref string, v, low, high float64) analysis.Estimate {
		e := analysis.NewEstimate(term, scale)
		e.Arm, e.Reference, e.Value, e.N.Arm = "a", ref, analysis.Num(v), 7
		if low == low {
			e.CI = analysis.NewInterval("t", low, high, 0.9)
		}
		return e
	}
	nan := math.NaN()
	table := func(name string, columns []string, rows ...[]analysis.Value) analysis.Table {
		return analysis.Table{Name: name, Title: name, Columns: columns, Rows: rows}
	}
	n, s := analysis.Number, analysis.Text
	r := analysis.Result{
		Series: []analysis.Series{
			{Name: "dose", Group: "a", Points: []analysis.Point{{X: 0, Y: 1, Low: 0.5, High: 2, N: 5}, {X: 1, Y: 2, Low: analysis.None, High: analysis.None, N: 4}}},
			{Name: "dose", Group: "b", Points: []analysis.Point{{X: 0, Y: 3, Low: analysis.None, High: analysis.None}}},
		},
		Tables: []analysis.Table{
			table("patterns", []string{"baseline", "end", "missing", "order", "a", "all arms"}, []analysis.Value{n(1), n(0), n(1), s("monotone"), n(3), n(5)}),
			table("tipping", []string{"delta of the arm", "delta of the reference", "estimate", "low", "high", "interval holds no effect"},
				[]analysis.Value{n(0), n(0), n(0.5), n(0.3), n(0.8), s("no")}, []analysis.Value{n(1), n(0), n(1.1), n(0.7), n(1.6), s("yes")}, []analysis.Value{n(2), n(0), n(2), n(1.2), n(3), s("no")}),
			table("other", []string{"x"}),
		},
		Estimates: []analysis.Estimate{
			estimate("difference", analysis.ScaleDifference, "b", -1, -2, 0.5), estimate("difference", analysis.ScaleDifference, "b", -1, nan, nan),
			estimate("risk_ratio", analysis.ScaleRatio, "b", 2, 1.5, 3), estimate("risk_ratio", analysis.ScaleRatio, "b", 2, 1.5, math.Inf(1)),
			estimate("count", analysis.ScaleCount, "", 9, nan, nan),
		},
	}
	figures := map[string]reports.Plot{}
	var ids []string
	for _, f := range reports.Pictures("Title", r, 0.9) {
		ids = append(ids, f.ID)
		figures[f.ID] = f.Plot
	}
	if want := []string{"dose", "patterns", "tipping-grid", "estimates-difference", "estimates-ratio"}; !slices.Equal(ids, want) {
		t.Fatalf("figures %v, want %v", ids, want)
	}
	if l := figures["dose"].(reports.Lines); len(l.Series) != 2 || l.Series[0].Points[0].High != 2 || !l.Markers || l.Series[1].Label != "b" {
		t.Errorf("curves %+v", l)
	}
	p := figures["patterns"].(reports.Matrix)
	if p.Cells[0][0].Kind != reports.MatrixFirst || p.Cells[0][1].Kind != reports.MatrixEmpty || p.Cells[0][3].Cell.Count != 5 || p.Rows[0] != "monotone" || len(p.Columns) != 4 {
		t.Errorf("patterns %+v", p)
	}
	// No effect is 1 there: an interval from 0.7 to 1.6 is said to hold it, and that from
	// 0.3 to 0.8 not to, which 0 would also give; that from 1.2 to 3 is above.
	k := figures["tipping-grid"].(reports.Matrix)
	if got := []reports.MatrixKind{k.Cells[0][0].Kind, k.Cells[0][1].Kind, k.Cells[0][2].Kind}; !slices.Equal(got, []reports.MatrixKind{reports.MatrixFirst, reports.MatrixEmpty, reports.MatrixSecond}) {
		t.Errorf("tipping %v", got)
	}
	d, ratio := figures["estimates-difference"].(reports.Forest), figures["estimates-ratio"].(reports.Forest)
	if len(d.Rows) != 1 || d.Reference != 0 || d.Log || len(ratio.Rows) != 1 || !ratio.Log || ratio.Reference != 1 || ratio.Rows[0].Label != "risk ratio, a v b" {
		t.Errorf("forests %+v and %+v", d, ratio)
	}
}

// Shares over time with numbers at risk are drawn as steps with a table under them, and
// the parts of one whole as a stack, a panel for each arm.
func TestPicturesOfTimes(t *testing.T) {
	point := func(x, y float64, n, events, censored int) analysis.Point {
		return analysis.Point{X: analysis.Num(x), Y: analysis.Num(y), Low: analysis.None, High: analysis.None, N: n, Events: events, Censored: censored}
	}
	step := func(name, group, unit string, ps ...analysis.Point) analysis.Series {
		return analysis.Series{Name: name, Group: group, Step: true, XUnit: "days", YUnit: unit, Points: ps}
	}
	r := analysis.Result{Series: []analysis.Series{
		step("kaplan-meier/any-work", "a", "share returned", point(0, 0, 4, 0, 0), point(10, 0.25, 4, 1, 0), point(30, 0.25, 3, 0, 2)),
		step("mean-relapses", "a", "relapses a patient", point(10, 0.25, 4, 1, 0)),
		step("cumulative-incidence/return", "a", "share", point(10, 0.25, 4, 1, 0), point(20, 0.25, 3, 0, 0)),
		step("cumulative-incidence/pension", "a", "share", point(10, 0, 4, 0, 0), point(20, 0.25, 3, 1, 0)),
		step("state-occupation/working", "a", "share", point(0, 0.5, 4, 0, 0), point(8, 0.25, 4, 1, 0)),
		step("state-occupation/off work", "a", "share", point(0, 0.5, 4, 0, 0), point(8, 0.75, 4, 1, 0)),
		step("cumulative-incidence/return", "b", "share", point(15, 1, 2, 2, 0)),
		step("cumulative-incidence/pension", "b", "share", point(15, 0, 2, 0, 0)),
	}}
	figures := map[string]reports.Plot{}
	for _, f := range reports.Pictures("Title", r, 0.95) {
		figures[f.ID] = f.Plot
	}
	s := figures["cumulative-incidence"].(reports.Stack)
	if !slices.Equal(s.Layers, []string{"return", "pension"}) || s.Rest == "" || len(s.Panels) != 2 || s.Panels[1].N != 2 || s.Panels[0].End != 20 {
		t.Errorf("stack %+v", s)
	}
	if q := s.Panels[0].Steps[1]; !slices.Equal(q.Shares, []float64{0.25, 0.25}) || !slices.Equal(q.Changes, []int{0, 1}) || q.Followed != 3 {
		t.Errorf("its second step %+v", q)
	}
	// Risk times 0, 7, 14 and 20 is the end: before day 10 four, before day 20 three.
	if at := s.Panels[0].AtRisk; at[0].Count != 4 || at[len(at)-1].Count != 3 {
		t.Errorf("numbers followed %+v at %v", at, s.RiskTimes)
	}
	km := figures["kaplan-meier-any-work"].(reports.Survival)
	if c := km.Curves[0]; c.N != 4 || c.End != 30 || len(c.Steps) != 2 || c.Steps[1].Censored != 2 || c.AtRisk[0].Count != 4 || len(c.AtRisk) != len(km.RiskTimes) {
		t.Errorf("curve %+v", c)
	}
	if last := len(km.RiskTimes) - 1; km.RiskTimes[last] != 28 || km.Curves[0].AtRisk[last].Count != 3 || km.Curves[0].AtRisk[1].Count != 4 {
		t.Errorf("risk table %v %+v", km.RiskTimes, km.Curves[0].AtRisk)
	}
	// A state does not begin at 0 as the share of an event does.
	if _, ok := figures["state-occupation-working"].(reports.Lines); !ok {
		t.Errorf("a state is drawn as %T", figures["state-occupation-working"])
	}
	if s := figures["state-occupation"].(reports.Stack); s.Rest != "" || !slices.Equal(s.Panels[0].Steps[0].Shares, []float64{0.5, 0.5}) {
		t.Errorf("states %+v", s)
	}
	if _, ok := figures["mean-relapses"].(reports.Lines); !ok {
		t.Error("a mean is no share, and is drawn as lines")
	}
}
