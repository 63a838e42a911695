package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
)

// statesPrefix begins the names of shares in a state, which rise and fall.
const statesPrefix = "state-occupation/"

type wholeKind struct{ prefix, text, rest, risk string }

// wholes are series of which each name after the prefix is a part of one whole.
var wholes = []wholeKind{
	{"cumulative-incidence/", "What happened first, by day (Aalen-Johansen)", "no event yet", "Number without an event and still followed"},
	{statesPrefix, "Share in each work state, by day (Aalen-Johansen)", "", "Number followed"},
}

// stack draws the parts of a whole on top of each other, a panel for each group.
func stack(in Language, title string, whole wholeKind, all []analysis.Series) (Figure, bool) {
	f := Figure{ID: strings.TrimSuffix(whole.prefix, "/"), Title: title, Subtitle: whole.text, Alt: Say(in.Text("{0}: {1}", title, in.Text(whole.text)))}
	p := Stack{Rest: whole.rest, RiskTitle: whole.risk, Y: Axis{Format: Format{Kind: Percent}}}
	panel := map[string]int{}
	last := 0.0
	for _, s := range all {
		part, is := strings.CutPrefix(s.Name, whole.prefix)
		if !is || len(s.Points) == 0 {
			continue
		}
		p.X.Label = upper(in.Text(s.XUnit))
		if !slices.Contains(p.Layers, part) {
			p.Layers = append(p.Layers, part)
		}
		g, known := panel[s.Group]
		if !known {
			g = len(p.Panels)
			panel[s.Group] = g
			end := float64(s.Points[len(s.Points)-1].X)
			p.Panels, last = append(p.Panels, StackPanel{Label: s.Group, N: s.Points[0].N, End: end}), max(last, end)
			for _, q := range s.Points {
				p.Panels[g].Steps = append(p.Panels[g].Steps, StackStep{Time: float64(q.X), Followed: q.N})
			}
		}
		for i, q := range s.Points {
			step := &p.Panels[g].Steps[i]
			step.Shares, step.Changes = append(step.Shares, float64(q.Y)), append(step.Changes, q.Events)
		}
	}
	if len(p.Panels) == 0 {
		return f, false
	}
	p.RiskTimes = riskTimes(last)
	for g := range p.Panels {
		for _, t := range p.RiskTimes {
			p.Panels[g].AtRisk = append(p.Panels[g].AtRisk, Count(p.Panels[g].followed(t)))
		}
	}
	for l, part := range p.Layers {
		p.Layers[l] = in.Text(part)
	}
	f.Plot = p
	return f, true
}

// followed returns how many are followed just before a time.
func (p StackPanel) followed(t float64) int {
	for _, s := range p.Steps {
		if s.Time >= t {
			return s.Followed
		}
	}
	if t <= p.End && len(p.Steps) > 0 {
		return p.Steps[len(p.Steps)-1].Followed
	}
	return 0
}

// riskTimes are times from 0 to the last, at most ten, at lengths that people count in
// days: weeks, months of four weeks, quarters, years.
func riskTimes(last float64) []float64 {
	step := 1.0
	for _, s := range []float64{1, 2, 7, 14, 28, 91, 182, 364, 728, 1820, 3640} {
		if step = s; last/step <= 9 {
			break
		}
	}
	var out []float64
	for t := 0.0; t <= last; t += step {
		out = append(out, t)
	}
	return out
}

// survivalPlot draws step curves of a share with the numbers at risk under them.
func survivalPlot(ss []analysis.Series) Survival {
	p := Survival{RiskTitle: "Number at risk"}
	last := 0.0
	for _, s := range ss {
		if n := len(s.Points); n > 0 {
			last = max(last, float64(s.Points[n-1].X))
		}
		p.X.Label = upper(s.XUnit)
	}
	p.RiskTimes = riskTimes(last)
	for _, s := range ss {
		c := stepCurve(s)
		for _, t := range p.RiskTimes {
			c.AtRisk = append(c.AtRisk, Count(atRisk(s, t)))
		}
		p.Curves = append(p.Curves, c)
	}
	return p
}

// stepCurve turns a curve of a share that rises from 0 into steps.
func stepCurve(s analysis.Series) Curve {
	c := Curve{Label: s.Group, Start: 0}
	for i, q := range s.Points {
		if i == 0 {
			c.N = q.N
		}
		c.End = float64(q.X)
		if q.Events > 0 || q.Censored > 0 {
			c.Steps = append(c.Steps, Step{Time: float64(q.X), Value: float64(q.Y), Low: float64(q.Low), High: float64(q.High), AtRisk: q.N, Events: q.Events, Censored: q.Censored})
		}
	}
	return c
}

// named returns the series of a name that have points.
func named(all []analysis.Series, name string) []analysis.Series {
	var out []analysis.Series
	for _, s := range all {
		if s.Name == name && len(s.Points) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// atRisks reports whether the series are shares over time with what happened and how
// many were left at each step, such as Kaplan and Meier's.
func atRisks(ss []analysis.Series) bool {
	return len(ss) > 0 && !strings.HasPrefix(ss[0].Name, statesPrefix) && !slices.ContainsFunc(ss, func(s analysis.Series) bool {
		return !s.Step || !strings.HasPrefix(s.YUnit, "share") || !slices.ContainsFunc(s.Points, func(q analysis.Point) bool { return q.Censored > 0 || q.Events > 0 })
	})
}

// curves draws the series of one name, a line for each group.
func curves(in Language, title, name string, all []analysis.Series, level float64) Figure {
	f := Figure{ID: slug(name), Title: title, Subtitle: in.curve(name)}
	if ss := named(all, name); atRisks(ss) {
		p := survivalPlot(ss)
		p.X.Label = upper(in.Text(ss[0].XUnit))
		f.Plot = p
		f.Subtitle = in.Text("{0} ({1}), with {2} % bands", upper(in.Text(ss[0].YUnit)), in.curve(name), 100*level)
		f.Alt = Say(in.Text("{0}: {1} by {2}, with the number at risk below", title, in.curve(name), in.Text(ss[0].XUnit)))
		return f
	}
	p := Lines{Ribbon: true}
	bands, longest := false, 0
	for _, s := range all {
		if s.Name != name {
			continue
		}
		p.Step = s.Step
		p.X.Label, p.Y.Label = in.Text(s.XUnit), in.Text(s.YUnit)
		line := Series{Label: s.Group}
		most := 0
		for _, q := range s.Points {
			most = max(most, q.N)
		}
		for _, q := range s.Points {
			if strings.HasPrefix(name, "dose-by-week/") && float64(q.N) < enough*float64(most) {
				f.Caption = Say(fewKnown)
				continue
			}
			line.Points = append(line.Points, Point{X: float64(q.X), Y: float64(q.Y), Low: float64(q.Low), High: float64(q.High), Basis: On(q.N)})
			bands = bands || q.Low.OK() || q.High.OK()
		}
		longest = max(longest, len(line.Points))
		p.Series = append(p.Series, line)
	}
	if p.Y.Label != "" && p.Y.Label != name {
		f.Subtitle = in.Text("{0}: {1}", f.Subtitle, p.Y.Label)
	}
	p.Markers = longest <= 20 && !p.Step
	if bands {
		f.Subtitle = in.Text("{0}, with {1} % bands", f.Subtitle, 100*level)
	}
	f.Alt = Say(in.Text("{0}: {1} by {2}", title, in.curve(name), p.X.Label))
	f.Plot = p
	return f
}

// curveNames are kinds of curves whose names do not read as words.
var curveNames = map[string]string{"kaplan-meier": "Kaplan-Meier", "taper-time": "Kaplan-Meier"}

// curve is the name of a curve as people read it: kaplan-meier/any-work is that of a
// definition.
func (l Language) curve(name string) string {
	name, of, found := strings.Cut(name, "/")
	if known, ok := curveNames[name]; ok {
		name = known
	} else {
		name = strings.ReplaceAll(name, "-", " ")
	}
	if !found {
		return l.Text(name)
	}
	return l.Text("{0}, {1}", l.Text(name), of)
}

// mostCovariates is how many covariates a love plot shows.
const mostCovariates = 40

// love draws how far two arms differ in each covariate, before and after, as absolute
// standardised differences, the largest before on top.
func love(in Language, r analysis.Result) (Figure, bool) {
	i := slices.IndexFunc(r.Tables, func(t analysis.Table) bool { return t.Name == "balance" })
	if i < 0 {
		return Figure{}, false
	}
	t := r.Tables[i]
	raw, adjusted := slices.Index(t.Columns, "difference raw"), slices.Index(t.Columns, "difference adjusted")
	if raw < 0 || adjusted < 0 || len(t.Rows) == 0 {
		return Figure{}, false
	}
	threshold := 0.1
	if v, err := strconv.ParseFloat(r.Settings["threshold"], 64); err == nil && r.Settings["denominator"] != "" {
		threshold = v
	}
	rows := slices.Clone(t.Rows)
	size := func(row []analysis.Value, at int) float64 { return math.Abs(float64(row[at].Num)) }
	slices.SortStableFunc(rows, func(a, b []analysis.Value) int { return -cmp.Compare(size(a, raw), size(b, raw)) }) // NaN is least
	beyond, unknown := [2]int{}, 0
	p := Dots{
		X: Axis{Label: "Absolute standardised difference"}, Join: true,
		Lines:  []ReferenceLine{{Value: threshold, Label: in.Text("{0}, beyond which arms are said to differ", threshold)}},
		Series: []DotSeries{{Label: "After"}, {Label: "Before", Comparator: true}},
	}
	for k, row := range rows {
		for j, at := range []int{adjusted, raw} {
			v := size(row, at)
			if v > threshold {
				beyond[j]++
			}
			c := Number(v, 2, 0).WithoutPatients()
			if math.IsNaN(v) {
				unknown++
				c = Cell{}
			}
			if k < mostCovariates {
				p.Series[j].Values = append(p.Series[j].Values, c)
			}
		}
		if k < mostCovariates {
			p.Rows = append(p.Rows, row[0].Text)
		}
	}
	f := Figure{
		ID: "love", Plot: p, Title: in.Count(len(rows), "{1} of {0} covariate or level differs by more than {2} after adjustment, {3} before", "{1} of {0} covariates and levels differ by more than {2} after adjustment, {3} before", beyond[0], threshold, beyond[1]),
		Subtitle: "Absolute standardised difference of the two arms in each covariate, before and after",
	}
	f.Alt = Say(f.Title + ".")
	f.Caption = foreign(strings.Join(t.Notes, " "))
	if len(rows) > mostCovariates {
		f.Caption = f.Caption.join(in.Words(" The {0} that differ most before, of {1}.", mostCovariates, len(rows)))
	}
	if unknown > 0 {
		f.Caption = f.Caption.And(" A covariate without a dot has no spread to divide by.")
	}
	return f, true
}

// patterns draws which visits have values, a row for each pattern.
func patterns(in Language, t analysis.Table) Figure {
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
			f.Caption = in.Words("The 40 most frequent of {0} patterns.", len(t.Rows))
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
func tipping(in Language, t analysis.Table) Figure {
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
			p.Columns = append(p.Columns, in.signed(float64(r[arm].Num)))
		}
		if _, ok := row[float64(r[ref].Num)]; !ok {
			row[float64(r[ref].Num)] = len(p.Rows)
			p.Rows = append(p.Rows, in.signed(float64(r[ref].Num)))
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

// signed writes a delta with its sign.
func (l Language) signed(v float64) string {
	return l.Digits(strings.Replace(fmt.Sprintf("%+.3g", v), "-", "−", 1))
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
