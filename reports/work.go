package reports

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/analysis/compare"
	"recoup/analysis/work"
	"recoup/datasets"
	"recoup/datasets/published"
)

// noWork is why work is not shown.
const noWork = "The cohort has no work status after entry and no time to return. A work_status column in the visits table, dated spells, or time and event would cure this."

// workTile is the share working at the last visit, or back by a year.
func workTile(ctx context.Context, q *quarter, c *datasets.Cohort, group string) (Tile, string, error) {
	r, why, err := q.work(ctx, c, group)
	if err != nil || why != "" {
		return Tile{}, why, err
	}
	o, ok := ownWork(r, group)
	switch {
	case !ok:
		return Tile{}, noWork, nil
	case o.short:
		return Tile{}, q.text("Too few patients are followed to {0} to say who had returned by then.", q.when(o.when)), nil
	}
	q.define("Return to work", o.definition, "recoup analyze show work/return")
	t := Tile{
		Label: q.text(o.label, o.definition, q.when(o.when), q.text(o.how)),
		Value: o.share, Detail: q.words("{0} if those not seen had not.", o.all),
	}
	if o.off {
		q.benchmark(&t, "rivano-fischer-2019", "work", "on full temporary sick leave before", o.definition, q.horizonOf(o.when))
	}
	return t, "", nil
}

// own is our figure of work as it is held beside published ones.
type own struct {
	who, label, when, definition, how string
	off                               bool // of those off work at entry
	short                             bool // nobody is followed so far, and there is no share
	share, all                        Cell // of those followed, and with those not seen as not returned
}

// ownWork returns the share returned at the last time: of those off work at entry
// where the cohort knows them, else of all. From times or spells it is that of
// Kaplan and Meier, since among those still followed returns are seen more often
// than not: where too few are followed for it there is none, for those seen are then
// who returned. From visits it is that of those seen.
func ownWork(r analysis.Result, group string) (own, bool) {
	// Where several definitions were answered, the first is the plainest.
	var first []analysis.Estimate
	for _, e := range r.Estimates {
		if e.Definition == r.Estimates[0].Definition {
			first = append(first, e)
		}
	}
	r.Estimates = first
	for _, x := range []struct{ term, who, label string }{
		{"returned_off_work", "those off work at entry", "of those off work at entry had returned to work or were at work ({0}, {1}, {2})"},
		{"returned_all", "all patients", "of all patients had returned to work or were at work ({0}, {1}, {2})"},
	} {
		when := lastVisit(r, x.term+"_seen")
		seen, ok := at(r, x.term+"_seen", group, when)
		if !ok {
			continue
		}
		all, _ := at(r, x.term, group, when)
		o := own{who: x.who, label: x.label, off: x.term == "returned_off_work", when: when, definition: seen.Definition, how: "those seen", share: knownOf(seen, all), all: shared(all)}
		km, ok := at(r, "km_returned", group, when)
		o.short = strings.HasPrefix(when, "day ") && !km.Value.OK()
		if ok && km.Value.OK() {
			o.how = "Kaplan-Meier"
			o.share = Cell{Value: float64(km.Value), Low: float64(km.CI.Low), High: float64(km.CI.High), Format: Format{Kind: Percent}, Basis: ShareOf(km.N.Events, km.N.Arm)}
		}
		return o, true
	}
	return own{}, false
}

func (q *quarter) work(ctx context.Context, c *datasets.Cohort, group string) (analysis.Result, string, error) {
	r, why, err := q.ask(ctx, work.Return, c, analysis.Question{Arm: group}, nil)
	if why != "" {
		why = noWork
	}
	return r, why, err
}

func buildWork(ctx context.Context, q *quarter) (Section, error) {
	s := Section{Lead: Say("Return to work means nothing without its definition, its denominator and its time; each row names them.")}
	definition, horizon := "", published.Horizon{Value: math.NaN()}
	var ours []Row
	for _, g := range q.groups {
		r, why, err := q.work(ctx, q.now, g)
		if err != nil {
			return s, err
		}
		if why != "" {
			s.Lead = nil
			s.Blocks = append(s.Blocks, cannot("Work is not shown", why))
			return s, nil
		}
		lasting, err := q.sustained(ctx, g)
		if err != nil {
			return s, err
		}
		s.Blocks = append(s.Blocks, q.workTable(g, r, lasting))
		if o, ok := ownWork(r, g); ok && !o.short {
			definition, horizon = o.definition, q.horizonOf(o.when)
			ours = append(ours, Row{Total: true, Cells: []Cell{Label("this cohort"), Label(strings.TrimPrefix(g+", ", ", ") + q.text(o.who) + ", " + q.text(o.how)), Label(q.when(o.when)), Label(o.definition), o.share, Label("")}})
		}
		for _, series := range r.Series {
			if strings.HasPrefix(series.Name, "kaplan-meier/") {
				s.Blocks = append(s.Blocks, q.returnFigure(g, series, r))
				break
			}
		}
		states, why, err := q.ask(ctx, work.States, q.now, analysis.Question{Arm: g}, nil)
		if err != nil {
			return s, err
		}
		if f, ok := stack(q.in, "Work states over time", wholes[1], states.Series); ok && why == "" {
			f.Absent = Say("A work state holds too few patients for any share to be shown without telling of them.")
			f.ID, f.Title, f.Subtitle = "states-"+slug(groupName(g)), "Work states over time", "Share in each work state, by day (Aalen-Johansen)"
			f.Alt, f.Plot = Say(f.Subtitle), q.states(f.Plot.(Stack))
			f.Caption = Say("From dated spells of work. Not working is not unemployed; those lost to follow-up are censored.")
			s.Blocks = append(s.Blocks, f)
		}
		for _, w := range r.Warnings {
			s.Blocks = append(s.Blocks, Notice{Level: Info, Title: "Read with care", Text: foreign(upper(w.Message) + ".")})
		}
	}
	s.Blocks = append(s.Blocks, q.surgery(ours, definition, horizon)...)
	return s, nil
}

// states names the states of a figure in the report's language.
func (q *quarter) states(p Stack) Stack {
	p.X.Label, p.RiskTitle = "Days since admission", "Number followed"
	p.Layers = slices.Clone(p.Layers)
	for i, state := range p.Layers {
		p.Layers[i] = q.text(state)
	}
	for i := range p.Panels {
		p.Panels[i].Label = q.text(p.Panels[i].Label)
	}
	return p
}

// horizonOf reads when a share was seen: "day 365", or a visit with a week.
func (q *quarter) horizonOf(when string) published.Horizon {
	h := published.Horizon{Value: math.NaN(), Unit: "days", After: "entry"}
	var day float64
	if n, _ := fmt.Sscanf(when, "day %g", &day); n == 1 {
		h.Value = day
	}
	for _, v := range q.now.Visits() {
		if v.VisitName() == when && v.Week != nil {
			h.Value, h.Unit = *v.Week, "weeks"
		}
	}
	return h
}

// workTerms are the shares shown, in order.
var workTerms = []struct{ term, label string }{
	{"returned_all", "all patients"}, {"returned_off_work", "off work at entry"}, {"returned_working_before", "working before entry"},
}

// sustained is the return that lasted, where spells tell of it.
func (q *quarter) sustained(ctx context.Context, g string) (analysis.Result, error) {
	r, _, err := q.ask(ctx, work.Return, q.now, analysis.Question{Arm: g, Definition: "sustained-90-days"}, nil)
	return r, err
}

func (q *quarter) workTable(g string, r, lasting analysis.Result) Table {
	t := Table{
		ID: "work-" + slug(groupName(g)), Caption: q.text("Share at work or returned, by definition, denominator and time"),
		Columns:   []Column{{Label: "When"}, {Label: "Definition"}, {Label: "Of whom"}, {Label: "Those seen", Align: Right}, {Label: "Not seen = not at work", Align: Right}},
		Footnotes: []Words{Say("Wilson intervals. Not working is not unemployed: it holds those who retired, study or keep house. Those lost to follow-up are unknown, not out of work.")},
	}
	if g != "" {
		t.Caption += ", " + g
	}
	ever := false
	r.Estimates = append(slices.Clip(r.Estimates), lasting.Estimates...)
	for _, e := range r.Estimates {
		for _, x := range workTerms {
			if e.Term != x.term {
				continue
			}
			seen, _ := find(analysis.Result{Estimates: same(r, x.term+"_seen", e)}, x.term+"_seen", "")
			when := upper(q.when(e.Visit))
			if strings.HasPrefix(e.Visit, "day ") {
				when, ever = q.text("Ever by {0}", q.when(e.Visit)), true
			}
			c := knownOf(seen, e)
			if c.Partial && strings.HasPrefix(e.Visit, "day ") {
				c = NotAvailable("Under 70 % are followed to this day or seen to have worked by it: of those seen, nearly all would have.")
			}
			t.Rows = append(t.Rows, Row{Cells: []Cell{Label(when), Label(e.Definition), Label(x.label), c, shared(e)}})
		}
	}
	if ever {
		t.Footnotes = append(t.Footnotes, Say("Ever by a day: worked on any day from admission up to it, whether or not at work on it; who works from the first day counts at once. Of those seen this is too high, since who worked early counts as seen however soon lost: the curve below uses everyone's follow-up."))
	}
	return t
}

// when names a time as analyses do, such as "day 365", in the report's language.
func (q *quarter) when(visit string) string {
	var from, to int
	if n, _ := fmt.Sscanf(visit, "days %d to %d", &from, &to); n == 2 {
		return q.text("days {0} to {1}", from, to)
	}
	if day, ok := strings.CutPrefix(visit, "day "); ok {
		if _, err := strconv.ParseFloat(day, 64); err == nil {
			return q.text("day {0}", day)
		}
	}
	return visit
}

// same returns the estimates of a term that agree with another in visit, arm and
// definition.
func same(r analysis.Result, term string, like analysis.Estimate) []analysis.Estimate {
	var out []analysis.Estimate
	for _, e := range r.Estimates {
		if e.Term == term && e.Visit == like.Visit && e.Arm == like.Arm && e.Definition == like.Definition {
			out = append(out, e)
		}
	}
	return out
}

// returnFigure draws a Kaplan-Meier curve of the share returned.
func (q *quarter) returnFigure(g string, s analysis.Series, r analysis.Result) Figure {
	definition := strings.TrimPrefix(s.Name, "kaplan-meier/")
	f := Figure{
		ID: "return-" + slug(groupName(g)), Title: "Time to return to work", Subtitle: q.text("Cumulative share returned (1 − Kaplan-Meier), definition {0}, {1} % bands", definition, 100*q.opt.Level),
		Absent: Say("No patient has a usable time to return to work."),
	}
	if len(s.Points) < 2 || s.Points[0].N == 0 {
		return f
	}
	plot := survivalPlot([]analysis.Series{s})
	plot.X, plot.Y = Axis{Label: "Days since admission"}, Axis{Label: "Returned", Format: Format{Kind: Percent}, Range: []float64{0, 1}}
	plot.RiskTitle, plot.Curves[0].Label = "Number not yet returned and still followed", groupName(g)
	f.Plot = plot
	f.Caption = Say(q.text("Patients off work at entry where that is known. Those lost to follow-up are censored, which assumes that they return as those who are followed."))
	if m, ok := find(r, "median_time", g); ok && m.Value.OK() {
		f.Caption = f.Caption.And(" ").join(q.words("Median in days: {0}.", estimated(m, 0)))
	} else {
		f.Caption = f.Caption.And(" " + q.text("Fewer than half had returned by the end, so there is no median."))
	}
	f.Alt = Say("The cumulative share returned to work over time, with the number still followed below.")
	return f
}

// atRisk returns how many were not yet returned and still followed just before a
// time.
func atRisk(s analysis.Series, t float64) int {
	n := 0
	for _, p := range s.Points {
		if float64(p.X) >= t {
			return p.N
		}
		n = p.N - p.Events - p.Censored
	}
	return max(n, 0)
}

// comparators are the published figures that a reader will hold beside ours.
var comparators = []string{"nguyen-2011", "juratli-2006", "anderson-2016", "brox-2010", "sport-idh-2008", "qod-2017", "norspine-2025", "rivano-fischer-2019"}

// surgery is the table of published work figures, with why each may not be like
// ours.
func (q *quarter) surgery(ours []Row, definition string, horizon published.Horizon) []Block {
	t := Table{
		ID: "surgery", Caption: "Shares at work: this cohort, and published ones after surgery and rehabilitation", Rows: ours,
		Columns:   []Column{{Label: "Source"}, {Label: "Who"}, {Label: "When"}, {Label: "Definition"}, {Label: "At work", Align: Right}, {Label: "Not like our patients in"}},
		Footnotes: []Words{Say("Unadjusted. Before surgery, who was at work and who paid decide more than the operation: 99 % against 40 % returned by length of sick leave alone (norspine-2025). Fields that one side does not record are listed as not known, and may differ.")},
	}
	mix := compare.CaseMix(q.now, nil, definition, horizon)
	for _, id := range comparators {
		e, ok := published.Find(id)
		if !ok {
			continue
		}
		for _, r := range e.Results {
			if r.Outcome != "work" || r.Measure != published.Proportion || r.Share() != r.Share() || r.At.String() == "entry" || strings.HasPrefix(r.Group, "men") || strings.HasPrefix(r.Group, "women") {
				continue
			}
			who := e.Population
			if r.Arm != "" {
				who += "; " + strings.ReplaceAll(r.Arm, "-", " ")
			}
			if r.Group != "" {
				who += "; " + r.Group
			}
			source := e.ID + unsourced(r)
			if r.Complement {
				source += " (complement of the share disabled, not a measured return)"
			}
			value := Cell{Value: r.Share(), Format: Format{Kind: Percent}, Basis: NoPatients(), Low: math.NaN(), High: math.NaN()}
			t.Rows = append(t.Rows, Row{Cells: []Cell{Label(source).English(), Label(who).English(), Label(r.At.String()).English(), Label(r.Definition).English(), value, Label(q.mismatches(mix, e.CaseMix(r)))}})
		}
	}
	return []Block{
		Notice{Level: Caution, Title: "These are not comparable patients", Text: Say("The published figures below are of other patients, under other definitions and clocks. They are shown because readers know them, not as an effect of this program. See recoup analyze run COHORT compare/published.")},
		t,
	}
}

// mismatches lists in words the fields in which case mixes differ.
func (q *quarter) mismatches(ours, theirs published.CaseMix) string {
	var differs, unknown []string
	for _, m := range published.Compare(ours, theirs) {
		field := q.text(strings.ReplaceAll(m.Field, "_", " "))
		if m.Ours == "not recorded" || m.Theirs == "not reported" {
			unknown = append(unknown, field)
		} else {
			differs = append(differs, field)
		}
	}
	var out []string
	if len(differs) > 0 {
		out = append(out, strings.Join(differs, ", "))
	}
	if len(unknown) > 0 {
		out = append(out, q.text("not known: {0}", strings.Join(unknown, ", ")))
	}
	return strings.Join(out, "; ")
}
