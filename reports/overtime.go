package reports

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/analysis/effect"
	"recoup/analysis/quality"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

func buildOverTime(ctx context.Context, q *quarter) (Section, error) {
	s := Section{}
	t, why, err := q.measuresYearBefore(ctx)
	if err != nil {
		return s, err
	}
	if why != "" {
		s.Blocks = append(s.Blocks, cannot("The same quarter last year is not compared", why))
	} else {
		s.Blocks = append(s.Blocks, t)
	}
	f, i, ok := q.outcomeIn("pain", "interference", "function")
	if !ok || q.discharge.Value == "" {
		s.Blocks = append(s.Blocks, cannot("Charts over time and between sites are not shown", "They follow an important improvement in pain, and no outcome has an instrument for pain and a visit after baseline."))
		return s, nil
	}
	if q.quarters == nil {
		s.Blocks = append(s.Blocks, cannot("Charts over time are not shown", "No patient has a quarter: the cohort has no date of discharge or admission and no period."))
	} else {
		blocks, err := q.charts(ctx, f, i)
		if err != nil {
			return s, err
		}
		s.Blocks = append(s.Blocks, blocks...)
	}
	blocks, err := q.between(ctx, f, i)
	s.Blocks = append(s.Blocks, blocks...)
	return s, err
}

// improved are the settings of analyses of who improved by an important amount, of
// those seen.
func improved(more ...string) map[string]string {
	out := map[string]string{"measure": quality.MeasureResponders, "rule": "important", "denominator": "seen"}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

// charts are the p chart of important improvements and the XmR chart of mean
// change, by quarter.
func (q *quarter) charts(ctx context.Context, f datasets.Field, i instrument.Instrument) ([]Block, error) {
	label, visit := q.in.lower(f.Label()), q.discharge.VisitName()
	var out []Block
	for _, x := range []struct {
		figure Figure
		set    map[string]string
	}{
		{Figure{
			ID: importantByQuarter, Title: q.text("Important improvement in {0} by quarter", label),
			Subtitle: q.text("Share of those seen at {0} with an important improvement, three-sigma limits", visit),
		}, improved("type", "auto", "target", q.target("none"))},
		{Figure{
			ID: changeByQuarter, Title: q.text("Mean change in {0} by quarter", label),
			Subtitle: q.text("Mean change from entry to {0}, three-sigma limits", visit),
		}, map[string]string{"measure": quality.MeasureChange, "type": quality.KindXmR}},
	} {
		if _, has := i.Default(); !has && x.set["rule"] != "" {
			out = append(out, cannot(x.figure.Title, q.text("No sourced important difference is known for {0}.", q.text(i.Title))))
			continue
		}
		blocks, err := q.chart(ctx, x.figure, f, x.set)
		if err != nil {
			return nil, err
		}
		out = append(out, blocks...)
	}
	return out, nil
}

// The charts that Speak reads.
const (
	importantByQuarter = "important-by-quarter"
	changeByQuarter    = "change-by-quarter"
)

// target is the share that the program aims at, as analyses take it.
func (q *quarter) target(none string) string {
	if q.opt.Target == 0 {
		return none
	}
	return strconv.FormatFloat(q.opt.Target, 'g', -1, 64)
}

// chart draws the control chart that quality/control-chart gives of an outcome, up to
// the quarter reported on, with what it warns of.
func (q *quarter) chart(ctx context.Context, fig Figure, f datasets.Field, set map[string]string) ([]Block, error) {
	none := q.text("There are too few quarters for a chart over time.")
	question := analysis.Question{Outcome: f.Name, Visit: q.discharge.Value, Arm: q.groups[0]}
	keep := make([]bool, len(q.quarters))
	for p, x := range q.quarters {
		keep[p] = x != "" && (q.opt.Quarter == "" || x <= q.opt.Quarter)
	}
	r, few, why, err := q.withoutSmall(ctx, quality.ControlChartAnalysis, "chart", parted{q.all, q.quarters, keep}, question, set)
	if err != nil {
		return nil, err
	}
	g, p, ok := controlPlot(r)
	if why != "" || !ok || len(p.Points) < 2 {
		fig.Absent = Say(none)
		return []Block{fig}, nil
	}
	for i := range p.Points {
		p.Points[i].Rule = q.text(strings.ReplaceAll(p.Points[i].Rule, "-", " "))
	}
	p.Limits = "3 sigma"
	fig.Plot = p
	fig.Alt = Say(q.count(len(p.Points), "{0} quarter in order, with limits and signals.", "{0} quarters in order, with limits and signals."))
	if !math.IsNaN(p.Target) {
		aim := Cell{Value: p.Target, Low: math.NaN(), High: math.NaN(), Format: Format{Kind: Percent}, Basis: NoPatients()}
		fig.Alt = fig.Alt.And(" ").join(q.words("The target, {0}, is the program's own.", aim))
	}
	fig.Caption = Say(q.kindOf(g.Title) + " " + q.text("Rules: a point outside the limits; {0} in a row on one side of the center.", strconv.Itoa(quality.DefaultChart.Run)))
	if few {
		fig.Caption = fig.Caption.And(" " + q.text("Quarters are left out, before limits are worked out, that would tell of fewer than {0} patients.", q.opt.Fewest))
	}
	for _, w := range r.Warnings {
		fig.Caption = fig.Caption.And(" ").join(q.chartWarning(w))
	}
	return []Block{fig}, nil
}

// chartWarning is a warning of a chart in words of the report, without the numbers that
// the analysis gives: of those some may be hidden.
func (q *quarter) chartWarning(w analysis.Warning) Words {
	switch w.Code {
	case quality.WarnShortSeries:
		return Say(q.text("Without {0} quarters that have values there are no limits, and no rules are read.", quality.MinPoints))
	case quality.WarnOverdispersed:
		return Say(q.text("The shares vary by more than chance gives: the level has changed, or the limits are too narrow."))
	case quality.WarnGap:
		return Say(q.text("Some quarters have no value; runs and trends end there."))
	case analysis.WarnSmallCount:
		return Say(q.text("In some quarters so few are expected to have improved, or not to have, that limits of three sigma are rough."))
	case analysis.WarnNoVariance:
		return Say(q.text("The values do not differ, so there are no limits."))
	}
	return foreign(upper(w.Message) + ".")
}

// kindOf says by the title of a chart's table how its limits come about.
func (q *quarter) kindOf(title string) string {
	kind := strings.TrimSuffix(strings.TrimPrefix(title, "Control chart ("), ")")
	switch kind {
	case "p":
		return q.text("p chart: limits p̄ ± 3 √(p̄(1-p̄)/n), by chance alone.")
	case "p'":
		return q.text("p′ chart: limits by chance alone, times the moving range of z (Laney), since the shares differ by more than chance.")
	case "XmR":
		return q.text("XmR chart: limits mean ± 3 × mean moving range / d2.")
	}
	return title + "."
}

// parted is a cohort and its parts, quarters or sites.
type parted struct {
	cohort *datasets.Cohort
	of     []string // by patient
	keep   []bool   // who counts at all
}

func (p parted) chosen() *datasets.Cohort {
	if !slices.Contains(p.keep, false) {
		return began(p.cohort)
	}
	return began(p.cohort.Select(p.keep, "patients of other quarters or sites"))
}

// withoutSmall asks an analysis of parts of a cohort; where some of them tell of too few
// patients it asks again without these, so that no limit or target rests on what is not
// shown.
func (q *quarter) withoutSmall(ctx context.Context, a *analysis.Analysis, table string, p parted, question analysis.Question, set map[string]string) (r analysis.Result, left bool, why string, err error) {
	if !slices.Contains(p.keep, true) {
		return r, false, "nobody is left", nil
	}
	if r, why, err = q.ask(ctx, a, p.chosen(), question, set); err != nil || why != "" {
		return r, false, why, err
	}
	small := q.smallParts(r, table)
	if len(small) == 0 {
		return r, false, "", nil
	}
	p.keep = slices.Clone(p.keep)
	for i := range p.keep {
		p.keep[i] = p.keep[i] && !small[p.of[i]]
	}
	if !slices.Contains(p.keep, true) {
		return analysis.Result{}, true, "nobody is left", nil
	}
	r, why, err = q.ask(ctx, a, p.chosen(), question, set)
	return r, true, why, err
}

// smallParts are the parts of a table that tell of too few patients.
func (q *quarter) smallParts(r analysis.Result, table string) map[string]bool {
	out := map[string]bool{}
	for _, t := range r.Tables {
		if t.Name != table {
			continue
		}
		g := grid{t}
		for _, row := range g.Rows {
			var e analysis.Estimate
			e.N.Arm, e.N.Events = g.count(row, "n"), g.count(row, "events")
			if e.N.Arm > 0 && q.tooFew(e) {
				out[row[0].Text] = true
			}
		}
	}
	return out
}

// between compares the sites by the share with an important improvement: as they are, and
// in patients alike.
func (q *quarter) between(ctx context.Context, f datasets.Field, i instrument.Instrument) ([]Block, error) {
	codes, levels := q.now.Attribute(datasets.RoleSite)
	with := slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(codes), func(c int32) bool { return c < 0 }))))
	if len(with) < 2 {
		return []Block{cannot("Sites are not compared", "The cohort does not record a site, or has only one.")}, nil
	}
	c := sitesCompared{
		parts:    parted{q.now, make([]string, len(codes)), make([]bool, len(codes))},
		field:    f,
		question: analysis.Question{Outcome: f.Name, Visit: q.discharge.Value, Arm: q.groups[0]},
	}
	for p, code := range codes {
		if c.parts.keep[p] = code >= 0; c.parts.keep[p] {
			c.parts.of[p] = levels[code]
		}
	}
	if _, has := i.Default(); !has {
		fig := c.funnelFigure(q)
		fig.Absent = Say(q.text("No sourced important difference is known for {0}.", q.text(i.Title)))
		return []Block{fig}, nil
	}
	var err error
	if c.numerators, c.wholes, err = q.siteNames(ctx, c.question, levels); err != nil {
		return nil, err
	}
	funnel, err := q.funnel(ctx, &c)
	if err != nil {
		return nil, err
	}
	adjusted, err := q.adjusted(ctx, c)
	return []Block{funnel, adjusted}, err
}

// sitesCompared is what comparisons of the sites share.
type sitesCompared struct {
	parts              parted
	field              datasets.Field
	question           analysis.Question
	numerators, wholes string         // names of the counts improved and judged of all sites
	judged, improved   map[string]int // by site; set by the funnel
}

func (c sitesCompared) funnelFigure(q *quarter) Figure {
	return Figure{
		ID: "sites", Title: q.text("Important improvement in {0} by site", q.in.lower(c.field.Label())),
		Subtitle: q.text("Share of those seen at {0}, with the 95 % and 99.8 % limits about the share of all sites", q.discharge.VisitName()),
		Absent:   Say("Too few sites have patients for a comparison."),
	}
}

// funnel draws the sites by quality/funnel with limits that over-dispersion widens.
func (q *quarter) funnel(ctx context.Context, c *sitesCompared) (Figure, error) {
	fig := c.funnelFigure(q)
	r, few, why, err := q.withoutSmall(ctx, quality.FunnelAnalysis, "funnel", c.parts, c.question, improved("overdispersion", quality.OverdispersionAdditive))
	if err != nil || why != "" {
		return fig, err
	}
	c.judged, c.improved = map[string]int{}, map[string]int{}
	for _, t := range r.Tables {
		g := grid{t}
		p, ok := funnelPlot(g, r)
		p.Points = slices.DeleteFunc(p.Points, func(x FunnelPoint) bool { return math.IsNaN(x.Y) })
		if t.Name != "funnel" || !ok || len(p.Points) < 2 {
			continue
		}
		for _, row := range g.Rows {
			c.judged[row[0].Text], c.improved[row[0].Text] = g.count(row, "n"), g.count(row, "events")
		}
		p.X.Label = "Patients seen"
		if q.opt.Target > 0 {
			p.Target = q.opt.Target
		}
		for i := range p.Points {
			site := "/" + p.Points[i].Label
			p.Points[i].Basis.Quantity, p.Points[i].Basis.Whole = c.numerators+site, c.wholes+site
		}
		how := "Exact binomial limits, interpolated: sites do not differ by more than chance."
		switch tau, _ := find(r, "tau", ""); {
		case !tau.Value.OK():
			how = "Exact binomial limits, interpolated; by how much sites differ beyond chance is not known of fewer than three."
		case tau.Value > 0:
			how = "Limits widened by over-dispersion, since sites differ by more than chance: share ± z √(s² + τ²)."
		}
		fig.Plot, fig.Alt = p, Say(q.count(len(p.Points), "{0} site by number of patients seen.", "{0} sites by number of patients seen."))
		fig.Caption = Say(q.text(how) + " " + q.text("Not adjusted for who the patients are: a site outside the limits is one to look at, not a verdict."))
		if few {
			fig.Caption = fig.Caption.And(" " + q.sitesLeftOut())
		}
	}
	return fig, nil
}

// sitesLeftOut says of a comparison that small sites are not in it.
func (q *quarter) sitesLeftOut() string {
	return q.text("Sites are left out, before anything is worked out, that would tell of fewer than {0} patients.", q.opt.Fewest)
}

// siteNames names the count of improved patients and the count judged of all sites, which
// the outcome table shows too; a site's own are these with its name behind.
func (q *quarter) siteNames(ctx context.Context, question analysis.Question, levels []string) (numerators, wholes string, err error) {
	r, why, err := q.ask(ctx, effect.Responders, q.now, question, map[string]string{"rule": effect.RuleImportant})
	if err != nil || why != "" {
		return "", "", err
	}
	e, _ := find(r, "responders_seen", question.Arm)
	seen, got := QuantitySum{}, QuantitySum{Total: numerator(e)}
	seen.Total, _ = denominator(e)
	for _, site := range levels {
		seen.Parts, got.Parts = append(seen.Parts, seen.Total+"/"+site), append(got.Parts, got.Total+"/"+site)
	}
	q.joins = append(q.joins, seen, got)
	return got.Total, seen.Total, nil
}

// funnelRange holds the points and the limits at the smallest of them, so that the
// funnel is seen and not only its middle.
func funnelRange(p Funnel) []float64 {
	low, high, least := math.Inf(1), math.Inf(-1), math.Inf(1)
	for _, x := range p.Points {
		low, high, least = math.Min(low, x.Y), math.Max(high, x.Y), math.Min(least, x.N)
	}
	for _, l := range p.Limits {
		if l.N >= least {
			low, high = math.Min(low, l.Lower998), math.Max(high, l.Upper998)
		}
	}
	return []float64{math.Max(0, math.Floor(20*low)/20), math.Min(1, math.Ceil(20*high)/20)}
}
