package disclosure

import (
	"slices"

	"recoup/reports"
)

// clone copies a report as deep as the gate may change it.
func clone(r reports.Report) reports.Report {
	r.Warnings = slices.Clone(r.Warnings)
	r.Sections = slices.Clone(r.Sections)
	for i := range r.Sections {
		s := &r.Sections[i]
		s.Lead = slices.Clone(s.Lead)
		s.Blocks = slices.Clone(s.Blocks)
		for j := range s.Blocks {
			s.Blocks[j] = cloneBlock(s.Blocks[j])
		}
	}
	r.Provenance.Facts = slices.Clone(r.Provenance.Facts)
	r.Provenance.Tables = slices.Clone(r.Provenance.Tables)
	for i := range r.Provenance.Tables {
		r.Provenance.Tables[i] = cloneTable(r.Provenance.Tables[i])
	}
	return r
}

func cloneBlock(b reports.Block) reports.Block {
	switch b := b.(type) {
	case reports.Paragraph:
		b.Text = slices.Clone(b.Text)
		return b
	case reports.Notice:
		b.Text = slices.Clone(b.Text)
		return b
	case reports.Tiles:
		b.Tiles = slices.Clone(b.Tiles)
		for i := range b.Tiles {
			b.Tiles[i].Detail = slices.Clone(b.Tiles[i].Detail)
		}
		return b
	case reports.Table:
		return cloneTable(b)
	case reports.Definitions:
		b.Items = slices.Clone(b.Items)
		return b
	case reports.Figure:
		b.Caption, b.Alt = slices.Clone(b.Caption), slices.Clone(b.Alt)
		b.Absent = slices.Clone(b.Absent)
		b.Plot = clonePlot(b.Plot)
		return b
	}
	return b
}

func cloneTable(t reports.Table) reports.Table {
	t.Rows = slices.Clone(t.Rows)
	for i := range t.Rows {
		t.Rows[i].Cells = slices.Clone(t.Rows[i].Cells)
	}
	t.Footnotes = slices.Clone(t.Footnotes)
	for i := range t.Footnotes {
		t.Footnotes[i] = slices.Clone(t.Footnotes[i])
	}
	return t
}

func clonePlot(p reports.Plot) reports.Plot {
	switch p := p.(type) {
	case reports.Lines:
		p.Series = cloneSeries(p.Series)
		return p
	case reports.Acceptability:
		p.Series = cloneSeries(p.Series)
		return p
	case reports.Survival:
		p.Curves = slices.Clone(p.Curves)
		for i := range p.Curves {
			p.Curves[i].Steps = slices.Clone(p.Curves[i].Steps)
			p.Curves[i].AtRisk = slices.Clone(p.Curves[i].AtRisk)
		}
		return p
	case reports.Stack:
		p.Panels = slices.Clone(p.Panels)
		for i := range p.Panels {
			p.Panels[i].Steps = slices.Clone(p.Panels[i].Steps)
			p.Panels[i].AtRisk = slices.Clone(p.Panels[i].AtRisk)
		}
		return p
	case reports.Forest:
		p.Rows = slices.Clone(p.Rows)
		for i := range p.Rows {
			p.Rows[i].Columns = slices.Clone(p.Rows[i].Columns)
		}
		return p
	case reports.Dots:
		p.Series = slices.Clone(p.Series)
		for i := range p.Series {
			p.Series[i].Values = slices.Clone(p.Series[i].Values)
		}
		return p
	case reports.Control:
		p.Points = slices.Clone(p.Points)
		return p
	case reports.Funnel:
		p.Points = slices.Clone(p.Points)
		return p
	case reports.Mirror:
		for k := range p.Sides {
			p.Sides[k].Bars, p.Sides[k].Outline = slices.Clone(p.Sides[k].Bars), slices.Clone(p.Sides[k].Outline)
		}
		return p
	case reports.Matrix:
		p.Cells = slices.Clone(p.Cells)
		for i := range p.Cells {
			p.Cells[i] = slices.Clone(p.Cells[i])
		}
		return p
	case reports.Flow:
		p.Steps = slices.Clone(p.Steps)
		for i := range p.Steps {
			p.Steps[i].Lost = slices.Clone(p.Steps[i].Lost)
		}
		return p
	}
	return p
}

func cloneSeries(ss []reports.Series) []reports.Series {
	ss = slices.Clone(ss)
	for i := range ss {
		ss[i].Points = slices.Clone(ss[i].Points)
	}
	return ss
}
