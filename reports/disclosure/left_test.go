package disclosure

import (
	"math"
	"strings"
	"testing"

	"recoup/reports"
)

// Of 756 patients 750 have the measure: 6 do not, which stands nowhere. The n goes,
// or the total; the mean, which tells neither, stays. 700 of 756 may be said.
func TestLeftOfAWhole(t *testing.T) {
	row := func(n int) reports.Report {
		table := reports.Table{ID: "t", Rows: []reports.Row{{Cells: []reports.Cell{
			reports.Count(n).Named("paired").PartOf("patients"), reports.Mean(5.5, 1.5, 1, n),
		}}}}
		return with(reports.Paragraph{Text: reports.Say("").With(reports.Count(756).Named("patients"))}, table)
	}
	for n, want := range map[int]bool{750: true, 700: false} {
		out, _ := Apply(row(n), named(t, "cms-11"))
		total := out.Sections[0].Blocks[0].(reports.Paragraph).Text[1].Cell.Hidden != reports.Shown
		cells := out.Sections[0].Blocks[1].(reports.Table).Rows[0].Cells
		if got := total || cells[0].Hidden != reports.Shown; got != want {
			t.Errorf("%d of 756: one is hidden: %v, want %v", n, got, want)
		}
		if cells[1].Hidden != reports.Shown {
			t.Errorf("%d of 756: the mean is hidden though it tells no n", n)
		}
	}
}

// 60 patients, arms of 30 and 26: 4 have no arm.
func TestLeftOfArms(t *testing.T) {
	for b, want := range map[int]bool{26: true, 30: false, 15: false} {
		r := with(reports.Paragraph{Text: reports.Say("").With(reports.Count(60).Named("patients")).
			And("").With(reports.Count(30).Named("patients/a")).And("").With(reports.Count(b).Named("patients/b"))})
		r.Sums = []reports.QuantitySum{{Total: "patients", Parts: []string{"patients/a", "patients/b", "patients/c"}}}
		out, _ := Apply(r, named(t, "cms-11"))
		hidden := false
		for _, s := range out.Sections[0].Blocks[0].(reports.Paragraph).Text {
			hidden = hidden || s.Cell.Hidden != reports.Shown
		}
		if hidden != want {
			t.Errorf("30 and %d of 60: hidden %v, want %v", b, hidden, want)
		}
	}
}

// Of four points one rests on 4 patients and is dropped: 4 times the center less
// the other three would be its value, so that center and limits go with it.
func TestCenterLineGoesWithADroppedPoint(t *testing.T) {
	chart := func(n int) reports.Control {
		var points []reports.ControlPoint
		for i, of := range []int{40, 50, n, 60} {
			points = append(points, reports.ControlPoint{Label: string(rune('A' + i)), Y: float64(i), Lower: 0, Upper: 4, Center: math.NaN(), Basis: reports.On(of)})
		}
		out, _ := Apply(with(reports.Figure{ID: "f", Plot: reports.Control{Points: points, Center: 1.5}}), named(t, "cms-11"))
		f := out.Sections[0].Blocks[0].(reports.Figure)
		if n < 11 && (len(f.Caption) == 0 || !strings.Contains(f.Caption[len(f.Caption)-1].Text, "limits are not drawn")) {
			t.Error("the caption does not say why there are no limits")
		}
		return f.Plot.(reports.Control)
	}
	if c := chart(4); !math.IsNaN(c.Center) || !math.IsNaN(c.Points[0].Upper) || c.Points[0].Y != 0 {
		t.Errorf("a point is dropped and the center is %v, a limit %v", c.Center, c.Points[0].Upper)
	}
	if c := chart(44); c.Center != 1.5 || c.Points[0].Upper != 4 {
		t.Errorf("nothing is dropped and the center is %v", c.Center)
	}
}

// A square sized by an n that is hidden tells it.
func TestSquareGoesWithItsN(t *testing.T) {
	r := with(reports.Paragraph{Text: reports.Say("").With(reports.Count(60).Named("all"))},
		reports.Figure{ID: "f", Plot: reports.Forest{Rows: []reports.ForestRow{{
			Label: "x", Columns: []reports.Cell{reports.Count(57).Named("n").PartOf("all")},
			Estimate: reports.Estimate(1, 0.5, 2, 1, 57).Named("n"), Weight: 57,
		}}}})
	out, _ := Apply(r, named(t, "cms-11"))
	row := out.Sections[0].Blocks[1].(reports.Figure).Plot.(reports.Forest).Rows[0]
	if row.Columns[0].Hidden != reports.Shown && row.Weight != 0 {
		t.Errorf("n is hidden and the square is of size %g", row.Weight)
	}
	if row.Columns[0].Hidden == reports.Shown && out.Sections[0].Blocks[0].(reports.Paragraph).Text[1].Cell.Hidden == reports.Shown {
		t.Error("60 and 57 are shown: 3 are missing")
	}
}
