package reports

import (
	"context"
	"math"
	"slices"
	"strconv"

	"recoup/analysis"
	"recoup/analysis/effect"
	"recoup/analysis/quality"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

func buildOverTime(ctx context.Context, q *quarter) (Section, error) {
	s := Section{}
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
	block, err := q.funnel(ctx, f)
	if err != nil {
		return s, err
	}
	s.Blocks = append(s.Blocks, block)
	return s, nil
}

// series returns the quarters up to the one reported on, in order.
func (q *quarter) series() []string {
	var out []string
	for _, x := range q.quarters {
		if x != "" && (q.opt.Quarter == "" || x <= q.opt.Quarter) && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}

// charts are the p chart of important improvements and the XmR chart of mean
// change, by quarter.
func (q *quarter) charts(ctx context.Context, f datasets.Field, i instrument.Instrument) ([]Block, error) {
	group := q.groups[0]
	var counts []quality.Count
	var means []quality.Measurement
	few := 0
	for _, name := range q.series() {
		c, err := q.of(name)
		if err != nil {
			return nil, err
		}
		question := analysis.Question{Outcome: f.Name, Visit: q.discharge.Value, Arm: group}
		r, why, err := q.ask(ctx, effect.Responders, began(c), question, map[string]string{"rule": effect.RuleImportant})
		if err != nil {
			return nil, err
		}
		if why == "" {
			e, _ := find(r, "responders_seen", group)
			if q.tooFew(e) {
				few++
				continue
			}
			counts = append(counts, quality.Count{Label: name, Events: e.N.Events, N: e.N.Arm})
		}
		r, _, err = q.ask(ctx, effect.MeanChange, began(c), question, nil)
		if err != nil {
			return nil, err
		}
		e, _ := find(r, "change", group)
		if e.N.Arm < q.opt.Fewest {
			continue
		}
		means = append(means, quality.Measurement{Label: name, Value: float64(e.Value), N: e.N.Arm})
	}
	options := quality.DefaultChart
	options.Better = quality.BetterHigher
	p := quality.PChart(counts, options)
	options.Better = quality.BetterLower
	if i.Direction == instrument.HigherIsBetter {
		options.Better = quality.BetterHigher
	}
	x := quality.XmR(means, options)
	share := q.chart("important-by-quarter", "Important improvement in "+lower(f.Label())+" by quarter",
		"Share of those seen at "+q.discharge.VisitName()+" with an important improvement; p chart, three-sigma limits", p, Format{Kind: Percent})
	mean := q.chart("change-by-quarter", "Mean change in "+lower(f.Label())+" by quarter",
		"Mean change from entry to "+q.discharge.VisitName()+"; XmR chart, three-sigma limits from moving ranges", x, Format{Kind: NumberOf, Decimals: 1})
	if few > 0 {
		left := " Quarters are left out, before limits are worked out, that would tell of fewer than " + strconv.Itoa(q.opt.Fewest) + " patients."
		share.Caption, mean.Caption = share.Caption.And(left), mean.Caption.And(left)
	}
	return []Block{share, mean}, nil
}

// chart draws a control chart.
func (q *quarter) chart(id, title, subtitle string, c quality.Chart, format Format) Figure {
	f := Figure{ID: id, Title: title, Subtitle: subtitle, Caption: Say(upper(c.Method) + "."), Alt: Say(counted(len(c.Points), "quarter", "quarters") + " in order, with limits and signals.")}
	if len(c.Points) < 2 || !c.Center.OK() {
		f.Absent = Say("There are too few quarters for a chart over time.")
		for _, w := range c.Warnings {
			f.Absent = Say(upper(w.Message) + ".")
		}
		return f
	}
	plot := Control{Y: Axis{Format: format}, Center: float64(c.Center), Target: math.NaN(), Limits: "3 sigma"}
	for _, p := range c.Points {
		point := ControlPoint{Label: p.Label, Y: float64(p.Value), Lower: float64(p.Low), Upper: float64(p.High), Center: math.NaN(), Basis: On(p.N)}
		if format.Kind == Percent {
			point.Basis = ShareOf(p.Events, p.N)
		}
		point.Signal = signalOf(string(p.Meaning))
		if len(p.Rules) > 0 {
			point.Rule = p.Rules[0]
		}
		plot.Points = append(plot.Points, point)
	}
	for _, w := range c.Warnings {
		f.Caption = f.Caption.And(" " + upper(w.Message) + ".")
	}
	f.Plot = plot
	return f
}

// funnel compares the sites by the share with an important improvement.
func (q *quarter) funnel(ctx context.Context, f datasets.Field) (Block, error) {
	codes, levels := q.now.Attribute(datasets.RoleSite)
	if codes == nil || len(levels) < 2 {
		return cannot("Sites are not compared", "The cohort does not record a site, or has only one."), nil
	}
	group := q.groups[0]
	var counts []quality.Count
	places := map[string]Basis{}
	seen, improved := QuantitySum{}, QuantitySum{}
	for k, site := range levels {
		keep := make([]bool, len(codes))
		for p, c := range codes {
			keep[p] = int(c) == k
		}
		if !slices.Contains(keep, true) {
			continue
		}
		r, why, err := q.ask(ctx, effect.Responders, q.now.Select(keep, "patients of other sites"), analysis.Question{Outcome: f.Name, Visit: q.discharge.Value, Arm: group}, map[string]string{"rule": effect.RuleImportant})
		if err != nil {
			return nil, err
		}
		if why == "" {
			e, _ := find(r, "responders_seen", group)
			b := ShareOf(e.N.Events, e.N.Arm)
			seen.Total, _ = denominator(e)
			improved.Total = numerator(e)
			b.Quantity, b.Whole = improved.Total+"/"+site, seen.Total+"/"+site
			improved.Parts, seen.Parts = append(improved.Parts, b.Quantity), append(seen.Parts, b.Whole)
			places[site] = b
			if q.tooFew(e) {
				continue
			}
			counts = append(counts, quality.Count{Label: site, Events: e.N.Events, N: e.N.Arm})
		}
	}
	q.joins = append(q.joins, seen, improved)
	options := quality.DefaultFunnel
	options.Better = quality.BetterHigher
	r := quality.Funnel(counts, options)
	fig := Figure{
		ID: "sites", Title: "Important improvement in " + lower(f.Label()) + " by site", Subtitle: "Share of those seen at " + q.discharge.VisitName() + ", with the 95 % and 99.8 % limits about the share of all sites",
		Caption: Say(upper(r.Method) + ". Not adjusted for who the patients are: a site outside the limits is one to look at, not a verdict."),
		Alt:     Say(counted(len(counts), "site", "sites") + " by number of patients seen."), Absent: Say("Too few sites have patients for a comparison."),
	}
	plot := Funnel{X: Axis{Label: "Patients seen"}, Y: Axis{Format: Format{Kind: Percent}}, Center: float64(r.Target), Target: math.NaN()}
	for _, s := range r.Sites {
		if s.Value.OK() {
			plot.Points = append(plot.Points, FunnelPoint{Label: s.Label, N: float64(s.N), Y: float64(s.Value), Basis: places[s.Label], Signal: signalOf(string(s.Meaning))})
		}
	}
	for _, l := range r.Curve {
		plot.Limits = append(plot.Limits, FunnelLimit{N: l.Size, Lower95: l.Low95, Upper95: l.High95, Lower998: l.Low998, Upper998: l.High998})
	}
	plot.Y.Range = funnelRange(plot)
	for _, w := range r.Warnings {
		fig.Caption = fig.Caption.And(" " + upper(w.Message) + ".")
	}
	if len(plot.Points) >= 2 && r.Target.OK() {
		fig.Plot = plot
	}
	return fig, nil
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
