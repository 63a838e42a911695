package render

import (
	"image/color"
	"math"

	"recoup/reports"
)

// matrixDrawing draws squares by row and column, with what is written in them.
type matrixDrawing struct{ reports.Matrix }

const (
	matrixRow  = 26
	matrixHead = 20
)

func newMatrix(p reports.Matrix) drawing {
	for _, row := range p.Cells {
		for _, c := range row {
			if c.Kind != reports.MatrixPlain || c.Cell.Format.Kind != reports.Blank {
				return &matrixDrawing{p}
			}
		}
	}
	return nil
}

// fill is the color of a kind of cell; the second is that of its text.
func matrixColors(k reports.MatrixKind) (fill, text color.NRGBA) {
	switch k {
	case reports.MatrixFirst:
		return blue, white
	case reports.MatrixSecond:
		return vermilion, white
	case reports.MatrixEmpty:
		return bandColor, ink
	}
	return white, ink
}

func (d *matrixDrawing) key() []keyItem {
	var out []keyItem
	for k, label := range d.Kinds {
		if label != "" {
			out = append(out, keyItem{label, func(s *sketch, x, y float64) { d.square(s, reports.MatrixKind(k), rect{x - 8, y - 7, x + 8, y + 7}) }})
		}
	}
	return out
}

func (d *matrixDrawing) remark() string { return "" }

func (d *matrixDrawing) height(float64) float64 {
	h := matrixHead + matrixRow*float64(len(d.Rows)) + 8
	if d.ColumnTitle != "" {
		h += matrixHead
	}
	return h
}

// square draws a cell; one that is empty has an outline, so that it is seen without
// its color.
func (d *matrixDrawing) square(s *sketch, k reports.MatrixKind, r rect) {
	fill, _ := matrixColors(k)
	s.box(fill, r)
	switch k {
	case reports.MatrixEmpty:
		s.stroke(pen{axisColor, 1, nil}, xy{r.left, r.top}, xy{r.right, r.top}, xy{r.right, r.bottom}, xy{r.left, r.bottom}, xy{r.left, r.top})
	case reports.MatrixSecond: // told from the first by a stroke too
		s.stroke(pen{white, 1.2, nil}, xy{r.left, r.bottom}, xy{math.Min(r.right, r.left+r.bottom-r.top), r.top})
	}
}

func (d *matrixDrawing) draw(s *sketch, area rect) {
	labels := make([]string, len(d.Rows))
	for i, l := range d.Rows {
		labels[i] = printable(l)
	}
	left := area.left + math.Min(math.Max(strongStyle.width(printable(d.RowTitle)), noteStyle.widest(labels))+14, area.width()*0.4)
	width := (area.right - left) / math.Max(1, float64(len(d.Columns)))
	y := area.top
	if d.ColumnTitle != "" {
		s.text(left, y+14, strongStyle, start, strongStyle.fit(printable(d.ColumnTitle), area.right-left))
		y += matrixHead
	}
	s.text(left-12, y+14, strongStyle, end, strongStyle.fit(printable(d.RowTitle), left-area.left-12))
	for j, c := range d.Columns {
		s.text(left+width*(float64(j)+0.5), y+14, noteStyle, middle, noteStyle.fit(printable(c), width-4))
	}
	y += matrixHead
	for i := range d.Rows {
		s.text(left-12, y+matrixRow/2+4, noteStyle, end, noteStyle.fit(labels[i], left-area.left-14))
		for j, c := range d.row(i) {
			x := left + width*float64(j)
			d.square(s, c.Kind, rect{x + 1.5, y + 1.5, x + width - 1.5, y + matrixRow - 1.5})
			if c.Cell.Format.Kind == reports.Blank {
				continue
			}
			_, ink := matrixColors(c.Kind)
			s.text(x+width/2, y+matrixRow/2+4, noteStyle.in(ink), middle, noteStyle.fit(Cell(c.Cell), width-8))
		}
		y += matrixRow
	}
}

// row returns a row's cells, at most one for each column.
func (d *matrixDrawing) row(i int) []reports.MatrixCell {
	if i >= len(d.Cells) {
		return nil
	}
	return d.Cells[i][:min(len(d.Cells[i]), len(d.Columns))]
}
