package reports

import (
	"math"
	"slices"

	"recoup/analysis"
)

// overlap draws how the propensity score is spread in both arms, before and after
// weighting. Bars are joined until each holds nobody or as many of either arm as may be
// told of, so that none has to be hidden.
func (s *study) overlap(id string, r analysis.PlanRun) Figure {
	f := Figure{
		ID: "overlap-" + id, Title: s.text("{0}: overlap of the two arms", s.figureTitle(r)),
		Subtitle: "Share of each arm by propensity score; where one arm has nobody there is nothing to compare",
		Absent:   Say("The arms have too few patients for a histogram."),
		Alt:      Say("Two histograms of the propensity score, the arm upwards and the reference downwards; the table gives the same numbers."),
	}
	raw, weighted := named(r.Result.Series, "score"), named(r.Result.Series, "score-weighted")
	if len(raw) != 2 || len(weighted) != 2 {
		return f
	}
	p := Mirror{
		X: Axis{Label: "Propensity score"}, Y: Axis{Format: Format{Kind: Percent}}, Kinds: [2]string{"before weighting", "after weighting"},
		Sides: [2]MirrorSide{{Label: raw[0].Group}, {Label: raw[1].Group}},
	}
	edges := s.joinedBins(raw)
	if len(edges) < 3 {
		return f
	}
	for k, at := range edges {
		p.Edges = append(p.Edges, math.Round(1000*float64(raw[0].Points[at].X))/1000)
		if k == 0 {
			continue
		}
		for side := range p.Sides {
			n, all, w := 0, 0, 0.0
			for b, q := range raw[side].Points {
				all += q.N
				if b >= edges[k-1] && b < at {
					n += q.N
					w += float64(weighted[side].Points[b].Y)
				}
			}
			e := analysis.Estimate{Arm: raw[side].Group, Subgroup: r.Question.Subgroup, Term: "score"}
			bar := Share(n, all).OutOf(s.quantity(e, e.Arm, all)).PartOf(s.population(e.Arm, e.Subgroup))
			bar.Format.Decimals = 1
			outline := bar
			outline.Value = w
			p.Sides[side].Bars, p.Sides[side].Outline = append(p.Sides[side].Bars, bar), append(p.Sides[side].Outline, outline)
		}
	}
	if s.Fewest > 1 { // the least and the greatest score are each one patient's
		p.Edges[0] = math.Floor(20*p.Edges[0]) / 20
		p.Edges[len(p.Edges)-1] = math.Ceil(20*p.Edges[len(p.Edges)-1]) / 20
	}
	width := math.Inf(1)
	for k := range p.Edges[1:] {
		width = math.Min(width, p.Edges[k+1]-p.Edges[k])
	}
	f.Caption = s.say("The score is the modelled chance of being in the arm, given the covariates. Bars are as wide as it takes for none to tell of few patients; the height is the share for every {0} of the score. Outlines: weighted.", math.Round(1000*width)/1000)
	f.Plot = p
	return f
}

// joinedBins are the first of the bins that are drawn as one, and the end of the last.
func (s *study) joinedBins(raw []analysis.Series) []int {
	few := func(n int) bool { return n > 0 && n < s.Fewest }
	last := len(raw[0].Points) - 1
	out, n := []int{0}, [2]int{}
	for b := range last {
		for side := range n {
			n[side] += raw[side].Points[b].N
		}
		if !few(n[0]) && !few(n[1]) && n[0]+n[1] > 0 {
			out, n = append(out, b+1), [2]int{}
		}
	}
	if n[0]+n[1] > 0 { // too few at the end: they join the bin before
		out = out[:len(out)-1]
	}
	if len(out) > 0 && out[len(out)-1] != last {
		out = append(out, last)
	}
	return out
}

// missingPatterns draws which visits have a value, a row for each pattern, with the
// patients of each arm. Patterns add up to the patients, and those with a visit to the
// ones seen at it.
func (s *study) missingPatterns(i int, id string, t analysis.Table, r analysis.PlanRun) Figure {
	f := patterns(s.q.in, t)
	f.ID, f.Title = "patterns-"+id, s.caption(t.Title, s.runTitle(r))
	f.Subtitle, f.Alt = "A row for each pattern, the most frequent first; patients by arm at the right", Say("Squares for visits seen and missing, with the number of patients of each pattern.")
	p, ok := f.Plot.(Matrix)
	if !ok {
		return f
	}
	visits := slices.Index(t.Columns, "missing")
	groups := p.Columns[visits:]
	if n := len(groups); n > 1 && groups[n-1] == "all arms" {
		groups = groups[:n-1]
	}
	p.Columns = p.Columns[:visits+len(groups)]
	for k := range p.Cells {
		p.Rows[k], p.Cells[k] = s.text(p.Rows[k]), p.Cells[k][:visits+len(groups)]
	}
	whole := len(t.Rows) == len(p.Cells) // all patterns are drawn
	for j, group := range groups {
		all := QuantitySum{Total: s.population(group, r.Question.Subgroup)}
		at, n := make([]QuantitySum, visits), make([]int, visits)
		for _, row := range p.Cells {
			c := &row[visits+j].Cell
			*c = c.Named("pattern/" + id + "/" + group + "/" + patternOf(row[:visits])).PartOf(all.Total)
			all.Parts = append(all.Parts, c.Basis.Quantity)
			for v, cell := range row[:visits] {
				if cell.Kind == MatrixFirst {
					at[v].Parts, n[v] = append(at[v].Parts, c.Basis.Quantity), n[v]+c.Count
				}
			}
		}
		if !whole {
			continue
		}
		s.sums = append(s.sums, all)
		for v := range at {
			at[v].Total = s.seenCell(i, group, p.Columns[v], n[v]).Basis.Quantity
			s.sums = append(s.sums, at[v])
		}
	}
	f.Plot = p
	return f
}

// patternOf names a pattern by its visits.
func patternOf(visits []MatrixCell) string {
	out := ""
	for _, c := range visits {
		out += map[bool]string{true: "1", false: "0"}[c.Kind == MatrixFirst]
	}
	return out
}
