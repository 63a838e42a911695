package reports_test

import (
	"math"
	"slices"
	"testing"

	"recoup/analysis"
	"recoup/reports"
)

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
