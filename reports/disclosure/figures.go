package disclosure

import (
	"math"
	"slices"
	"strconv"

	"recoup/reports"
)

// figure registers what a figure tells. Points are dropped rather than marked:
// a gap in a line is what readers expect of a missing value.
func (g *gate) figure(f reports.Figure, section string) reports.Figure {
	where := section + "/" + f.ID
	f.Title, f.Subtitle = g.text(f.Title, where), g.text(f.Subtitle, where)
	g.words(f.Caption, where)
	g.words(f.Alt, where)
	g.words(f.Absent, where)
	switch p := f.Plot.(type) {
	case reports.Lines:
		for _, s := range p.Series {
			for i := range s.Points {
				q := &s.Points[i]
				g.place = s.Label + "|" + strconv.FormatFloat(q.X, 'g', -1, 64)
				g.point(q.Basis, where, &q.Y, &q.Low, &q.High, &q.Basis, func() { q.Basis = reports.Basis{} })
			}
		}
	case reports.Control:
		g.control(p, where)
	case reports.Funnel:
		for i := range p.Points {
			q := &p.Points[i]
			g.place = q.Label
			g.point(q.Basis, where, &q.Y, nil, nil, &q.Basis, func() { *q = reports.FunnelPoint{Label: q.Label, N: math.NaN(), Y: math.NaN()} })
		}
	case reports.Forest:
		g.forest(p, where)
	case reports.Dots:
		for _, s := range p.Series {
			for i := range s.Values {
				g.place = s.Label + "|" + strconv.Itoa(i)
				if i < len(p.Rows) {
					g.place = s.Label + "|" + p.Rows[i]
				}
				g.cell(&s.Values[i], where)
			}
		}
	case reports.Flow:
		g.flow(p, where)
	case reports.Matrix:
		for i := range p.Cells {
			for j := range p.Cells[i] {
				g.place = strconv.Itoa(i) + "|" + strconv.Itoa(j)
				g.cell(&p.Cells[i][j].Cell, where)
			}
		}
	case reports.Mirror:
		for k, side := range p.Sides {
			for j, cells := range [][]reports.Cell{side.Bars, side.Outline} {
				for i := range cells {
					g.place = strconv.Itoa(k) + "|" + strconv.Itoa(j) + "|" + strconv.Itoa(i)
					g.cell(&cells[i], where)
				}
			}
		}
	case reports.Stack:
		f.Plot, f.Caption = g.stack(p, f.Caption, where)
	case reports.Survival:
		f.Plot, f.Caption = g.survival(p, f.Caption, where)
	}
	return f
}

// point registers a point of a plot: its value, the ends of its interval (nil
// where it has none) and what it rests on.
func (g *gate) point(b reports.Basis, where string, y, low, high *float64, basis *reports.Basis, drop func()) {
	at := func(p *float64) float64 {
		if p == nil {
			return math.NaN()
		}
		return *p
	}
	put := func(p *float64, v float64) {
		if p != nil {
			*p = v
		}
	}
	g.add(b, where, CodePoint, slot{
		hide: func(reports.Suppression) {
			*y = math.NaN()
			put(low, math.NaN())
			put(high, math.NaN())
			drop()
		},
		get: func() reports.Cell {
			kind := reports.NumberOf
			if b.Kind == reports.ShareOfPatients {
				kind = reports.Percent
			}
			return reports.Cell{Value: *y, Low: at(low), High: at(high), Basis: *basis, Format: reports.Format{Kind: kind, Decimals: pointDecimals}}
		},
		set: func(c reports.Cell) {
			*y, *basis = c.Value, c.Basis
			put(low, c.Low)
			put(high, c.High)
		},
	})
}

// pointDecimals is how exactly a point can be read off a drawing.
const pointDecimals = 3

// control judges the points of a control chart.
func (g *gate) control(p reports.Control, where string) {
	for i := range p.Points {
		q := &p.Points[i]
		b := q.Basis
		if b.Period == "" {
			b.Period = q.Label // a chart over time: each point is of its own patients
		}
		g.place = q.Label
		g.point(b, where, &q.Y, nil, nil, &q.Basis, func() {
			*q = reports.ControlPoint{Label: q.Label, Y: math.NaN(), Lower: math.NaN(), Upper: math.NaN(), Center: math.NaN()}
		})
	}
}

// centers takes the center line and the limits out of a chart that loses a point in
// the end: they are worked out from all points, so that one left out could be found
// from them. The chart is the block at j, its carriers those from a place on.
func (g *gate) centers(blocks []reports.Block, j, from int) {
	to, in := len(g.carriers), g.in
	g.later = append(g.later, func() {
		f, ok := blocks[j].(reports.Figure)
		if !ok || !slices.ContainsFunc(g.carriers[from:to], func(c carrier) bool { return c.hidden }) {
			return
		}
		switch p := f.Plot.(type) {
		case reports.Control:
			p.Center, p.Target = math.NaN(), math.NaN()
			for i := range p.Points {
				q := &p.Points[i]
				q.Lower, q.Upper, q.Center, q.Signal, q.Rule = math.NaN(), math.NaN(), math.NaN(), reports.CommonCause, ""
			}
			f.Plot = p
		case reports.Funnel:
			p.Center, p.Limits, p.Dispersion = math.NaN(), nil, ""
			for i := range p.Points {
				p.Points[i].Signal = reports.CommonCause
			}
			f.Plot = p
		default:
			return
		}
		f.Caption = f.Caption.And(" " + in.Text("The center line and the limits are not drawn: they would tell of a point that is left out."))
		blocks[j] = f
	})
}

// forest judges the cells of each row; the size of a square goes with its
// estimate, since it is drawn from the n.
func (g *gate) forest(p reports.Forest, where string) {
	for i := range p.Rows {
		r := &p.Rows[i]
		for j := range r.Columns {
			g.place = r.Label + "|" + strconv.Itoa(j)
			g.cell(&r.Columns[j], where)
		}
		if r.Estimate.Format.Kind == reports.Blank {
			continue
		}
		g.place = r.Label + "|size"
		if r.Weight > 0 { // squares are sized by n, and tell it
			n := r.Estimate.Basis
			g.add(n, where, CodeWeight, slot{
				hide: func(reports.Suppression) { r.Weight = 0 },
				get: func() reports.Cell {
					return reports.Cell{Count: n.N, Basis: n, Format: reports.Format{Kind: reports.CountOf}}
				},
				set: func(c reports.Cell) { r.Weight = float64(c.Count) },
			})
		}
		g.place = r.Label
		g.add(r.Estimate.Basis, where, "", slot{
			hide: func(why reports.Suppression) {
				wipe(&r.Estimate, why)
				r.Weight = 0
			},
			get: func() reports.Cell { return r.Estimate },
			set: func(c reports.Cell) { r.Estimate = c },
		})
	}
}

// flow judges the steps, the losses, and what is left unsaid between two steps.
func (g *gate) flow(p reports.Flow, where string) {
	var before int
	for i := range p.Steps {
		st := &p.Steps[i]
		g.place = st.Label
		here := g.cell(&st.Count, where)
		if i > 0 && before >= 0 && here >= 0 {
			g.between(before, here, p.Steps[i-1].Lost, where)
		}
		before = here
	}
}

// between states that those of one step went on or were lost. Losses that are
// not listed make a quantity of their own, judged like the others.
func (g *gate) between(from, to int, lost []reports.FlowLoss, where string) {
	left := g.sys.q[from].value - g.sys.q[to].value
	parts := []int{to}
	all := true
	for j := range lost {
		g.place = "lost|" + lost[j].Label
		k := g.cell(&lost[j].Count, where)
		if k < 0 {
			all = false
			continue
		}
		parts = append(parts, k)
		left -= g.sys.q[k].value
	}
	if left < 0 || !all {
		return // the steps are not nested: no sum to subtract in
	}
	if left > 0 {
		rest := g.quantity(countName{}, left, false)
		g.sys.q[rest].small = g.policy.Complements && g.policy.small(left)
		if g.sys.q[rest].small {
			g.note(CodeDifference, where)
		}
		parts = append(parts, rest)
	}
	g.sys.addSum(from, parts)
}

// survival keeps of each curve the values on a grid of time between which more
// events lie than the threshold, without censoring ticks, and stops it where
// too few are left; the caption says so.
func (g *gate) survival(p reports.Survival, caption reports.Words, where string) (reports.Survival, reports.Words) {
	var ends []float64
	for _, c := range p.Curves {
		ends = append(ends, c.End)
	}
	p.Grid = grid(p.RiskTimes, ends)
	touched := false
	for i := range p.Curves {
		c := &p.Curves[i]
		if c.Public {
			continue
		}
		touched = true
		*c = g.coarsen(*c, p.Grid)
		g.riskRow(c.AtRisk, where)
		g.note(CodeSurvival, where)
	}
	if !touched {
		p.Grid = 0
		return p, caption
	}
	threshold := strconv.Itoa(g.policy.Max + 1)
	at := g.in.Digits(strconv.FormatFloat(p.Grid, 'g', 4, 64))
	return p, caption.And(" " + g.in.Text("To protect patients each curve joins by straight lines its values at multiples of {0} by which at least {1} further events have gathered, marks no censoring, and ends where fewer than {1} remain or too few events follow; numbers at risk stand only where none or at least {1} have left since the one before.", at, threshold))
}

// stack keeps of each panel the shares on a grid of time at which every layer holds
// nobody or more than the threshold, and between which nobody or more than the threshold
// came into each layer or left it; it stops where too few are followed. A layer that
// never comes to more than the threshold hides the panel: no share of it, and none of
// the others beside it, can be shown without telling how few it holds.
func (g *gate) stack(p reports.Stack, caption reports.Words, where string) (reports.Stack, reports.Words) {
	var ends []float64
	for _, c := range p.Panels {
		ends = append(ends, c.End)
	}
	p.Grid = grid(p.RiskTimes, ends)
	touched := false
	for i := range p.Panels {
		c := &p.Panels[i]
		if c.Public {
			continue
		}
		touched = true
		*c = g.coarsenStack(*c, p.Grid, p.Rest != "")
		g.riskRow(c.AtRisk, where)
		g.note(CodeSurvival, where)
	}
	if !touched {
		p.Grid = 0
		return p, caption
	}
	threshold := strconv.Itoa(g.policy.Max + 1)
	at := g.in.Digits(strconv.FormatFloat(p.Grid, 'g', 4, 64))
	return p, caption.And(" " + g.in.Text("To protect patients the areas join by straight lines the shares at multiples of {0} at which every part holds none or at least {1} patients, and between which none or at least {1} came into each part or left it; they end where fewer than {1} are followed.", at, threshold))
}

// coarsenStack keeps the shares of a panel at the ends of grid cells where none is small.
// With a rest the shares are of events, and those so far are more than the threshold in
// each part that has any; without one they are of those followed.
func (g *gate) coarsenStack(c reports.StackPanel, grid float64, rest bool) reports.StackPanel {
	steps := c.Steps
	c.Steps = nil
	end := 0.0
	if g.policy.small(c.N) || c.N == 0 || grid <= 0 || len(steps) == 0 {
		c.N, c.End = 0, 0
		return c
	}
	next, gathered := 0, make([]int, len(steps[0].Shares))
	for k := range int(math.Floor(c.End/grid+1e-9)) + 1 {
		t := float64(k) * grid
		for ; next < len(steps) && steps[next].Time <= t+1e-9*grid; next++ {
			for l, n := range steps[next].Changes {
				gathered[l] += n
			}
		}
		left := 0
		if next < len(steps) {
			left = steps[next].Followed
		} else {
			left = steps[next-1].Followed
		}
		if left <= g.policy.Max {
			break
		}
		if next == 0 {
			continue // before the first step
		}
		q := steps[next-1]
		few := func(n int) bool { return n > 0 && n <= g.policy.Max }
		if slices.ContainsFunc(gathered, few) || !rest && g.thin(q.Shares, left) {
			continue
		}
		c.Steps = append(c.Steps, reports.StackStep{Time: t, Shares: q.Shares, Followed: left, Changes: slices.Clone(gathered)})
		clear(gathered)
		end = t
	}
	c.End = end
	if len(c.Steps) == 0 || end <= c.Steps[0].Time { // one time makes no area
		c.Steps, c.N, c.End = nil, 0, 0
	}
	return c
}

// thin reports whether a part of n patients stands for few of them.
func (g *gate) thin(shares []float64, n int) bool {
	return slices.ContainsFunc(shares, func(share float64) bool {
		return g.policy.Max > 0 && share > 1e-9 && share*float64(n) < float64(g.policy.Max)+0.5
	})
}

// grid is a quarter of the distance between the times of the risk table, or a
// twenty-fourth of the whole time.
func grid(times, ends []float64) float64 {
	if n := len(times); n > 1 {
		return (times[n-1] - times[0]) / float64(n-1) / 4
	}
	end := 0.0
	for _, t := range ends {
		end = math.Max(end, t)
	}
	return end / 24
}

// coarsen keeps the value of a curve at the ends of grid cells by which enough
// events have gathered.
func (g *gate) coarsen(c reports.Curve, grid float64) reports.Curve {
	steps := c.Steps
	c.Steps = nil
	end, gathered, next := 0.0, 0, 0
	if g.policy.small(c.N) || grid <= 0 || len(steps) > 0 && steps[0].AtRisk <= g.policy.Max {
		c.N, c.End = 0, 0
		return c
	}
	last := int(math.Floor(c.End/grid + 1e-9))
	for k := 1; k <= last; k++ {
		t := float64(k) * grid
		for ; next < len(steps) && steps[next].Time <= t+1e-9*grid; next++ {
			gathered += steps[next].Events
		}
		if left, known := atRisk(steps, next); known && left <= g.policy.Max {
			break
		}
		switch {
		case gathered > g.policy.Max:
			q := steps[next-1]
			c.Steps = append(c.Steps, reports.Step{Time: t, Value: q.Value, Low: q.Low, High: q.High, Events: gathered})
			gathered, end = 0, t
		case gathered == 0:
			end = t
		}
	}
	c.End = end
	return c
}

// atRisk is the number under observation once the first n steps are past.
func atRisk(steps []reports.Step, n int) (int, bool) {
	if n < len(steps) {
		return steps[n].AtRisk, true
	}
	if n == 0 {
		return 0, false
	}
	q := steps[n-1]
	return q.AtRisk - q.Events - q.Censored, true
}

// riskRow hides numbers at risk that are small, and those whose difference from
// the last one shown is.
func (g *gate) riskRow(cells []reports.Cell, where string) {
	last := -1
	for i := range cells {
		c := &cells[i]
		if c.Format.Kind == reports.Blank || c.Basis.Kind == reports.Public {
			continue
		}
		n := c.Count
		gone := last - n
		if g.policy.small(n) || last >= 0 && gone != 0 && gone <= g.policy.Max && -gone <= g.policy.Max {
			wipe(c, reports.Protected)
			g.note(CodeRiskTable, where)
			continue
		}
		last = n
	}
}
