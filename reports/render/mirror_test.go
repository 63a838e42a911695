package render

import (
	"bytes"
	"strings"
	"testing"

	"recoup/reports"
)

// Bars of 0 to 1 and 1 to 3: the second is twice as wide, so a share of 40 % stands as high
// as one of 20 %. Worked by hand.
func TestMirror(t *testing.T) {
	share := func(n, of int) reports.Cell { return reports.Share(n, of) }
	hidden := share(3, 10)
	hidden.Hidden = reports.Protected
	p := reports.Mirror{
		X: reports.Axis{Label: "Score"}, Y: reports.Axis{Format: reports.Format{Kind: reports.Percent}}, Edges: []float64{0, 1, 3}, Kinds: [2]string{"before", "after"},
		Sides: [2]reports.MirrorSide{
			{Label: "program", Bars: []reports.Cell{share(2, 10), share(4, 10)}, Outline: []reports.Cell{share(3, 10), share(3, 10)}},
			{Label: "usual care", Bars: []reports.Cell{hidden, share(7, 10)}, Outline: []reports.Cell{hidden, share(5, 10)}},
		},
	}
	d, ok := newMirror(p).(*mirrorDrawing)
	if !ok {
		t.Fatal("nothing is drawn")
	}
	for i, want := range []float64{0.2, 0.2} {
		if got := d.tall(p.Sides[0].Bars, i); got != want {
			t.Errorf("bar %d is %v high, expected %v", i, got, want)
		}
	}
	if got := d.tall(p.Sides[1].Bars, 0); got != 0 {
		t.Errorf("a hidden bar is %v high", got)
	}
	if d.most != 0.35 {
		t.Errorf("the highest bar is %v, expected 0.35", d.most)
	}
	var b bytes.Buffer
	if err := SVG(&b, reports.Figure{ID: "m", Title: "Overlap", Plot: p}, Size{}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"program", "usual care", "before", "after", "Score", "40%"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("the drawing does not say %q", text)
		}
	}
	table := behind(reports.Figure{ID: "m", Plot: p})[0]
	var cells []string
	for _, c := range table.Rows[0].Cells {
		cells = append(cells, Cell(c))
	}
	if got := strings.Join(cells, "|"); got != "0 to 1|20%|30%|hidden|hidden" {
		t.Errorf("the first row is %s", got)
	}
	if newMirror(reports.Mirror{Edges: []float64{0}}) != nil || newMirror(reports.Mirror{Edges: []float64{1, 1, 2}}) != nil {
		t.Error("bars without a width are drawn")
	}
}
