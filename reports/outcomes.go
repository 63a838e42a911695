package reports

import (
	"context"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/effect"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

// domains are the headings of outcomes, in the order of the report.
var domains = []struct{ name, title string }{
	{"pain", "Pain"},
	{"interference", "Interference"},
	{"function", "Function"},
	{"performance", "Performance"},
	{"mood", "Mood"},
	{"sleep", "Sleep"},
	{"fatigue", "Fatigue"},
	{"beliefs", "Beliefs and coping"},
	{"quality of life", "Quality of life"},
	{"opioid use", "Opioid use"},
	{"overall change", "Overall change"},
	{"", "Other measures"},
}

// measured is one outcome in one group at one visit.
type measured struct {
	field      datasets.Field
	instrument instrument.Instrument
	domain     string
	group      string

	n                    int
	before, beforeSD     analysis.Estimate
	after, afterSD       analysis.Estimate
	change, standardised analysis.Estimate
	seen, all            analysis.Estimate
	important            string // why there is no important difference
}

// count is the n of a measure.
func (m measured) count() Cell {
	return Count(m.n).Named(paired(m.change)).PartOf(population(m.group))
}

func buildOutcomes(ctx context.Context, q *quarter) (Section, error) {
	s := Section{Lead: Say("Entry and now are means of the patients seen at both occasions. The effect size is the mean change over the standard deviation of change, with Hedges' correction; it is not a difference between groups.")}
	if !q.hasBase || q.discharge.Value == "" || len(q.all.Outcomes()) == 0 {
		s.Lead = nil
		s.Blocks = append(s.Blocks, cannot("Outcomes are not shown", "The cohort has no outcomes at a baseline and at a later visit. Give outcome columns role: outcome, and mark a visit with baseline: true."))
		return s, nil
	}
	visits := []datasets.Visit{q.discharge}
	if q.followUp.Value != "" && q.followUp.Value != q.discharge.Value {
		visits = append(visits, q.followUp)
	}
	for i, v := range visits {
		rows, err := q.measure(ctx, v)
		if err != nil {
			return s, err
		}
		if len(rows) == 0 {
			s.Blocks = append(s.Blocks, cannot(q.text("Outcomes at {0}", v.VisitName()), "No outcome was seen both at baseline and at this visit."))
			continue
		}
		s.Blocks = append(s.Blocks, q.outcomeTable(v, rows))
		if q.opt.Reference != "" {
			b, err := q.against(ctx, v)
			if err != nil {
				return s, err
			}
			s.Blocks = append(s.Blocks, b)
		}
		if i == 0 {
			s.Blocks = append(s.Blocks, q.effectForest(v, rows), q.responderDots(v, rows))
			t, err := q.registers(ctx)
			if err != nil {
				return s, err
			}
			if len(t.Rows) > 0 {
				s.Blocks = append(s.Blocks, t)
			}
		}
	}
	if f, ok, err := q.trajectory(ctx); err != nil {
		return s, err
	} else if ok {
		s.Blocks = append(s.Blocks, f)
	}
	return s, nil
}

// measure answers the questions of the outcome table at a visit.
func (q *quarter) measure(ctx context.Context, v datasets.Visit) ([]measured, error) {
	var out []measured
	for _, d := range domains {
		for _, f := range q.all.Outcomes() {
			i, ok := instrument.Find(f.Instrument)
			if !ok || f.Instrument == "" {
				i = instrument.Instrument{}
			}
			if i.Domain != d.name {
				continue
			}
			for _, g := range q.groups {
				m, err := q.measureOne(ctx, f, i, g, v)
				if err != nil {
					return nil, err
				}
				if m.n > 0 {
					m.domain = d.title
					out = append(out, m)
				}
			}
		}
	}
	return out, nil
}

func (q *quarter) measureOne(ctx context.Context, f datasets.Field, i instrument.Instrument, g string, v datasets.Visit) (measured, error) {
	m := measured{field: f, instrument: i, group: g}
	question := analysis.Question{Outcome: f.Name, Visit: v.Value, Arm: g}
	r, why, err := q.ask(ctx, effect.MeanChange, q.now, question, nil)
	if err != nil || why != "" {
		return m, err
	}
	m.before, _ = find(r, "mean_baseline_paired", g)
	m.beforeSD, _ = find(r, "sd_baseline_paired", g)
	m.after, _ = find(r, "mean_visit_paired", g)
	m.afterSD, _ = find(r, "sd_visit_paired", g)
	m.change, _ = find(r, "change", g)
	m.n = m.change.N.Arm
	if r, _, err = q.ask(ctx, effect.HedgesG, q.now, question, nil); err != nil {
		return m, err
	}
	m.standardised, _ = find(r, "standardised_change", g)
	r, m.important, err = q.ask(ctx, effect.Responders, q.now, question, map[string]string{"rule": effect.RuleImportant})
	if m.important != "" {
		m.important = "No sourced important difference is known for this measure."
	}
	m.seen, _ = find(r, "responders_seen", g)
	m.all, _ = find(r, "responders_all", g)
	if m.seen.Definition != "" {
		q.defined(q.text("Important improvement, {0}", q.text(i.Title)), m.seen.Definition, "recoup instrument show "+i.Name)
	}
	return m, err
}

func (q *quarter) outcomeTable(v datasets.Visit, rows []measured) Table {
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	t := Table{
		ID: "outcomes-" + slug(v.Value), Caption: q.text("From entry to {0}", v.VisitName()),
		Columns: []Column{
			{Label: "Measure"},
			right("n"), right("Entry, mean (SD)"), right("Now, mean (SD)"), right(q.text("Change ({0} % CI)", 100*q.opt.Level)),
			right("Effect size"), right("Important improvement, those seen"), right("Missing = not improved"),
		},
		Footnotes: []Words{Say("n: patients with the measure at both occasions. Change: mean of individual changes with Student's t interval. Effect size: mean change / SD of change, Hedges' J (d_z). Important improvement: by each instrument's sourced rule, listed under Data quality; Wilson intervals are in the figure.")},
	}
	if slices.ContainsFunc(rows, func(m measured) bool { return m.important == "" && m.seen.N.Arm < m.n }) {
		t.Footnotes = append(t.Footnotes, Say("Where the rule is a percentage, those with 0 at entry cannot be judged: they are in n, not among those seen, and not improved where all count."))
	}
	domain := ""
	for _, m := range rows {
		if m.domain != domain {
			domain = m.domain
			t.Rows = append(t.Rows, Row{Heading: true, Cells: []Cell{Label(domain)}})
		}
		name := m.field.Label()
		if m.group != "" {
			name += ", " + m.group
		}
		dec := decimals(m)
		important := []Cell{shared(m.seen), shared(m.all)}
		if m.important != "" {
			important = []Cell{NotAvailable(m.important), NotAvailable(m.important)}
		}
		for i := range important {
			important[i].Low, important[i].High = math.NaN(), math.NaN() // the figure shows them
		}
		t.Rows = append(t.Rows, Row{Indent: 1, Cells: append([]Cell{
			Label(name), m.count(), meanSD(m.before, m.beforeSD, dec), meanSD(m.after, m.afterSD, dec),
			estimated(m.change, dec).WithSign(), plain(m.standardised, 2),
		}, important...)})
	}
	return t
}

// plain is an estimate as a number without its interval.
func plain(e analysis.Estimate, decimals int) Cell {
	if !e.Value.OK() {
		return without(e)
	}
	return Number(float64(e.Value), decimals, e.N.Arm).WithSign()
}

func meanSD(mean, sd analysis.Estimate, decimals int) Cell {
	if !mean.Value.OK() {
		return without(mean)
	}
	if !sd.Value.OK() {
		return Number(float64(mean.Value), decimals, mean.N.Arm)
	}
	return Mean(float64(mean.Value), float64(sd.Value), decimals, mean.N.Arm)
}

// decimals gives a scale of about one unit, such as the EQ-5D index from -0.6 to 1,
// one more.
func decimals(m measured) int {
	if m.instrument.Name != "" && m.instrument.Max-m.instrument.Min <= 2 {
		return 2
	}
	return 1
}

func slug(s string) string {
	out := []rune{}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			out = append(out, r)
		case r >= 'A' && r <= 'Z':
			out = append(out, r|0x20)
		default:
			out = append(out, '-')
		}
	}
	return string(out)
}

// better turns a standardised change into an improvement: above zero is better.
func better(e analysis.Estimate, i instrument.Instrument) (value, low, high float64) {
	value, low, high = float64(e.Value), float64(e.CI.Low), float64(e.CI.High)
	if i.Direction == instrument.LowerIsBetter {
		return -value, -high, -low
	}
	return value, low, high
}

// effectForest shows the effect sizes side by side, all turned so that right is
// better.
func (q *quarter) effectForest(v datasets.Visit, rows []measured) Figure {
	f := Figure{
		ID: "effects", Title: "How much each measure changed, in standard deviations",
		Subtitle: q.text("Mean change from entry to {0} over the SD of change (d_z), turned so that right is better, {1} % intervals", v.VisitName(), 100*q.opt.Level),
		Caption:  Say("Hedges' J; exact intervals by the non-central t. Patients seen at both occasions. Squares sized by n. Measures without an instrument are left out: which way is better is not known."),
		Absent:   Say("No measure has an instrument and enough patients for an effect size."),
	}
	plot := Forest{LabelHead: "Measure", Columns: []string{"n"}, Result: q.text("d_z ({0} % CI)", 100*q.opt.Level), Reference: 0, Favors: [2]string{"Worse", "Better"}}
	domain, count := "", 0
	for _, m := range rows {
		if m.instrument.Name == "" || !m.standardised.CI.Low.OK() {
			continue
		}
		if m.domain != domain {
			domain = m.domain
			plot.Rows = append(plot.Rows, ForestRow{Label: domain, Heading: true})
		}
		label := m.field.Label()
		if m.group != "" {
			label += ", " + m.group
		}
		value, low, high := better(m.standardised, m.instrument)
		plot.Rows = append(plot.Rows, ForestRow{Label: label, Columns: []Cell{m.count()}, Estimate: Estimate(value, low, high, 2, m.n).Named(paired(m.change)), Weight: float64(m.n)})
		count++
	}
	if count > 0 {
		f.Plot = plot
		f.Alt = Say(q.count(count, "{0} effect size with intervals, by domain; the table above gives the same numbers.", "{0} effect sizes with intervals, by domain; the table above gives the same numbers."))
	}
	return f
}

// responderDots shows the share with an important improvement under both rules
// for those not seen.
func (q *quarter) responderDots(v datasets.Visit, rows []measured) Figure {
	f := Figure{
		ID: "responders", Title: "Who improved by an important amount, and what those not seen could change",
		Subtitle: q.text("Share with the instrument's important improvement at {0}, Wilson {1} % intervals", v.VisitName(), 100*q.opt.Level),
		Caption:  Say("Two denominators: the patients seen at both occasions, and all patients with those not seen counted as not improved."),
		Absent:   Say("No measure has a sourced important difference."),
	}
	plot := Dots{
		X:      Axis{Label: "Share of patients", Format: Format{Kind: Percent}, Range: []float64{0, 1}},
		Series: []DotSeries{{Label: "Those seen"}, {Label: "Missing counts as not improved", Comparator: true}},
	}
	for _, m := range rows {
		if m.important != "" || !m.seen.Value.OK() {
			continue
		}
		label := m.field.Label()
		if m.group != "" {
			label += ", " + m.group
		}
		plot.Rows = append(plot.Rows, label)
		plot.Series[0].Values = append(plot.Series[0].Values, shared(m.seen))
		plot.Series[1].Values = append(plot.Series[1].Values, shared(m.all))
	}
	if len(plot.Rows) > 0 {
		f.Plot = plot
		f.Alt = Say(q.count(len(plot.Rows), "Shares of {0} measure under the two rules; the table above gives the same numbers.", "Shares of {0} measures under the two rules; the table above gives the same numbers."))
	}
	return f
}

// trajectory shows the first pain outcome over all visits with a week.
func (q *quarter) trajectory(ctx context.Context) (Figure, bool, error) {
	f, i, ok := q.outcomeIn("pain", "interference", "function")
	if !ok {
		return Figure{}, false, nil
	}
	plot := Lines{X: Axis{Label: "Weeks since entry"}, Y: Axis{Label: q.text("{0}, {1}–{2}", f.Label(), i.Min, i.Max), Range: []float64{i.Min, i.Max}}, Markers: true}
	for _, g := range q.groups {
		s := Series{Label: groupName(g), Comparator: len(q.groups) > 1 && q.opt.Reference != "" && g == q.groups[1]}
		for _, v := range q.now.Visits() {
			if v.Week == nil {
				continue
			}
			e, err := q.meanAt(ctx, f, g, v)
			if err != nil {
				return Figure{}, false, err
			}
			if e.Value.OK() {
				s.Points = append(s.Points, Point{X: *v.Week, Y: float64(e.Value), Low: float64(e.CI.Low), High: float64(e.CI.High), Basis: On(e.N.Arm)})
			}
		}
		slices.SortStableFunc(s.Points, func(a, b Point) int {
			switch {
			case a.X < b.X:
				return -1
			case a.X > b.X:
				return 1
			}
			return 0
		})
		if len(s.Points) > 1 {
			plot.Series = append(plot.Series, s)
		}
	}
	if len(plot.Series) == 0 {
		return Figure{}, false, nil
	}
	return Figure{
		ID: "trajectory", Title: q.text("{0} over time", f.Label()), Subtitle: q.text("Mean at each visit with {0} % t intervals, available cases", 100*q.opt.Level),
		Caption: Say("Those seen at a later visit are not all who were seen at the first: see the follow-up shares."),
		Alt:     Say(q.count(len(plot.Series), "Mean {1} at each visit for {0} group.", "Mean {1} at each visit for {0} groups.", q.in.lower(f.Label()))), Plot: plot,
	}, true, nil
}

// meanAt returns the mean of an outcome at any visit, the baseline too.
func (q *quarter) meanAt(ctx context.Context, f datasets.Field, g string, v datasets.Visit) (analysis.Estimate, error) {
	question, term := analysis.Question{Outcome: f.Name, Visit: v.Value, Arm: g}, "mean_visit"
	if v.Value == q.baseline.Value {
		question.Visit, term = q.discharge.Value, "mean_baseline"
	}
	r, why, err := q.ask(ctx, effect.MeanChange, q.now, question, nil)
	if err != nil || why != "" {
		return analysis.NewEstimate(term, analysis.ScaleMean), err
	}
	e, _ := find(r, term, g)
	return e, nil
}

// against is the table of differences from the reference arm.
func (q *quarter) against(ctx context.Context, v datasets.Visit) (Block, error) {
	arm, reference := q.groups[0], q.groups[1]
	level := 100 * q.opt.Level
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	t := Table{
		ID: "against-" + slug(v.Value), Caption: q.text("{0} against {1}, {2}", arm, reference, v.VisitName()),
		Columns:   []Column{{Label: "Measure"}, right(q.text("n, {0}", arm)), right(q.text("n, {0}", reference)), right(q.text("Difference, adjusted for entry ({0} % CI)", level)), right(q.text("Hedges' g of change ({0} % CI)", level)), right(q.text("Difference in important improvement, missing = not improved ({0} % CI)", level))},
		Footnotes: []Words{Say(q.text("Difference: {0} minus {1}, analysis of covariance with the measure at entry, patients seen at both occasions. Hedges' g: difference in mean change over the pooled SD of change, exact interval. Shares: Newcombe interval, in percentage points.", arm, reference))},
	}
	question := analysis.Question{Arm: arm, Reference: reference, Visit: v.Value}
	for _, f := range q.all.Outcomes() {
		question.Outcome = f.Name
		adjusted, why, err := q.ask(ctx, effect.Ancova, q.now, question, nil)
		if err != nil {
			return nil, err
		}
		if why != "" {
			continue
		}
		a, _ := find(adjusted, "adjusted_difference", arm)
		g, _, err := q.ask(ctx, effect.HedgesG, q.now, question, nil)
		if err != nil {
			return nil, err
		}
		h, _ := find(g, "hedges_g", arm)
		r, none, err := q.ask(ctx, effect.Responders, q.now, question, map[string]string{"rule": effect.RuleImportant})
		if err != nil {
			return nil, err
		}
		share := NotAvailable("No sourced important difference is known for this measure.")
		if d, ok := find(r, "risk_difference_all", arm); ok && none == "" && d.Value.OK() {
			share = Estimate(100*float64(d.Value), 100*float64(d.CI.Low), 100*float64(d.CI.High), 0, min(d.N.Arm, d.N.Reference)).WithSign()
			share.Basis = smallest(r, arm, reference)
		}
		if a.N.Arm+a.N.Reference == 0 {
			continue
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(f.Label()), Count(a.N.Arm), Count(a.N.Reference), estimated(a, 1).WithSign(), estimated(h, 2).WithSign(), share}})
	}
	if len(t.Rows) == 0 {
		return cannot("The arms are not compared", q.text("No outcome has enough patients in both arms at {0}.", v.VisitName())), nil
	}
	return t, nil
}

// smallest returns the basis of the arm with the smaller count of patients, or of
// their complement: with the other arm's share beside it, a difference tells both.
func smallest(r analysis.Result, arm, reference string) Basis {
	a, _ := find(r, "responders_all", arm)
	b, _ := find(r, "responders_all", reference)
	small := func(e analysis.Estimate) int { return min(e.N.Events, e.N.Arm-e.N.Events) }
	if small(b) < small(a) {
		a = b
	}
	basis := ShareOf(a.N.Events, a.N.Arm)
	basis.Quantity = numerator(a)
	return basis
}
