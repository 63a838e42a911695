package reports

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/taper"
	"recoup/datasets"
	"recoup/datasets/opioid"
)

// opioidTile is the share of those on opioids at entry whose dose fell by half.
func opioidTile(ctx context.Context, q *quarter, c *datasets.Cohort, group string) (Tile, string, error) {
	r, why, err := q.taper(ctx, c, group)
	if err != nil || why != "" {
		return Tile{}, why, err
	}
	last := lastVisit(r, "reduced_50_known")
	known, ok := at(r, "reduced_50_known", group, last)
	all, _ := at(r, "reduced_50_all", group, last)
	if !ok || known.N.Arm == 0 {
		return Tile{}, "No patient of this quarter has a known daily dose both before admission and later.", nil
	}
	q.defined("Daily opioid dose", known.Definition, "recoup analyze show taper/reduction")
	return Tile{
		Label: q.text("of those on opioids at entry, whose dose is known, cut their daily dose by half or more ({0})", q.when(last)), Value: knownOf(known, all),
		Detail: q.words("{0} if those of unknown dose did not.", shared(all)),
	}, "", nil
}

// taper asks for the reduction of dose, with the days without a record as the
// cohort's owner has said.
func (q *quarter) taper(ctx context.Context, c *datasets.Cohort, group string) (analysis.Result, string, error) {
	if !c.Has(datasets.RoleDose) && !c.Has(datasets.RoleStrength) {
		return analysis.Result{}, "The cohort has no dose records. A table with patient, day or date, and dose (or strength, quantity and days supplied) would cure this.", nil
	}
	return q.ask(ctx, taper.Reduction, c, analysis.Question{Arm: group}, nil)
}

// lastVisit returns the visit of the last estimate of a term.
func lastVisit(r analysis.Result, term string) string {
	visit := ""
	for _, e := range r.Estimates {
		if e.Term == term {
			visit = e.Visit
		}
	}
	return visit
}

func at(r analysis.Result, term, group, visit string) (analysis.Estimate, bool) {
	for _, e := range r.Estimates {
		if e.Term == term && e.Visit == visit && (group == "" || e.Arm == group) {
			return e, true
		}
	}
	return analysis.NewEstimate(term, ""), false
}

func buildOpioids(ctx context.Context, q *quarter) (Section, error) {
	s := Section{}
	for _, g := range q.groups {
		r, why, err := q.taper(ctx, q.now, g)
		if err != nil {
			return s, err
		}
		if why != "" {
			s.Blocks = append(s.Blocks, cannot("Opioid doses are not shown", upper(why)))
			apart, err := q.oudTables(ctx)
			s.Blocks = append(s.Blocks, apart...)
			return s, err
		}
		s.Lead = Say(q.text("Daily dose in morphine milligram equivalents (MME).") + " " + q.text(opioid.Caution) + " " + q.text("Medication for opioid use disorder is never converted; who is on it is shown apart, where any record says so."))
		s.Blocks = append(s.Blocks, q.doseTable(g, r), q.taperTable(g, r))
		f, err := q.doseFigure(ctx, g)
		if err != nil {
			return s, err
		}
		s.Blocks = append(s.Blocks, f)
		for _, w := range r.Warnings {
			if w.Code == analysis.WarnUnknownDose || w.Code == analysis.WarnNotConverted {
				s.Blocks = append(s.Blocks, Notice{Level: Caution, Title: "Doses that are not known", Text: foreign(upper(w.Message) + ".")})
			}
		}
	}
	apart, err := q.oudTables(ctx)
	s.Blocks = append(s.Blocks, apart...)
	return s, err
}

// visitsOf returns the windows of a term, in order.
func visitsOf(r analysis.Result, term string) []string {
	var out []string
	for _, e := range r.Estimates {
		if e.Term == term {
			out = append(out, e.Visit)
		}
	}
	return out
}

func (q *quarter) doseTable(g string, r analysis.Result) Table {
	t := Table{
		ID: "dose-" + slug(groupName(g)), Caption: q.text("Mean daily opioid dose, patients on opioids at entry"),
		Columns: []Column{
			{Label: "Window"},
			{Label: "n", Align: Right},
			{Label: "Before", Unit: "MME", Align: Right},
			{Label: "In the window", Unit: "MME", Align: Right},
			{Label: q.text("Change ({0} % CI)", 100*q.opt.Level), Unit: "MME", Align: Right},
			{Label: "Mean of percentages", Align: Right},
		},
	}
	if g != "" {
		t.Caption += ", " + g
	}
	for _, v := range visitsOf(r, "mme_change_mean") {
		change, _ := at(r, "mme_change_mean", g, v)
		before, _ := at(r, "mme_baseline_mean", g, v)
		now, _ := at(r, "mme_mean", g, v)
		pct, _ := at(r, "percent_change_mean", g, v)
		mean := estimated(change, 1).WithSign()
		mean.Partial = float64(change.N.Arm) < enough*float64(change.N.Arm+change.N.Missing)
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(upper(q.when(v))), Count(change.N.Arm).Named(doseKnown(v, g)).PartOf("on opioids at entry/" + g), single(before, 1), single(now, 1), mean, estimated(pct, 0).WithSign().WithUnit("", "%")}})
		t.Footnotes = []Words{foreign("Definition: " + change.Definition + ". " + upper(change.Method.Name) + ".")}
	}
	return t
}

// single is an estimate as a number without interval.
func single(e analysis.Estimate, decimals int) Cell {
	if !e.Value.OK() {
		return without(e)
	}
	return Number(float64(e.Value), decimals, e.N.Arm)
}

// taperShares are the shares shown, in order.
var taperShares = []struct{ term, label string }{
	{"reduced_30", "Dose down by 30 % or more"},
	{"reduced_50", "Dose down by half or more"},
	{"off_window", "No opioid in the window"},
	{"off_28", "No opioid for 28 days"},
	{"off_60", "No opioid for 60 days"},
	{"tapered_15", "Tapered (15 % in any 60 days of seven months)"},
	{"faster_than_10_a_month", "Safety flag: fell faster than 10 % a month"},
}

func (q *quarter) taperTable(g string, r analysis.Result) Table {
	t := Table{
		ID: "taper-" + slug(groupName(g)), Caption: q.text("Shares of the patients on opioids at entry"),
		Columns:   []Column{{Label: "Reached"}, {Label: "Window"}, {Label: "Those of known dose", Align: Right}, {Label: "Unknown = not reached", Align: Right}},
		Footnotes: []Words{Say("Wilson intervals. An unknown dose is not a dose of zero. A fast fall is a flag to look at the patient's record, not a fault: how long a patient was on opioids is not asked here.")},
	}
	if g != "" {
		t.Caption += ", " + g
	}
	var few []string
	for _, x := range taperShares {
		for _, v := range visitsOf(r, x.term+"_known") {
			known, _ := at(r, x.term+"_known", g, v)
			all, _ := at(r, x.term+"_all", g, v)
			t.Rows = append(t.Rows, Row{Cells: []Cell{Label(x.label), Label(q.when(v)), shared(known), shared(all)}})
			if w := q.when(v); float64(known.N.Arm) < enough*float64(all.N.Arm) && !slices.Contains(few, w) {
				few = append(few, w)
			}
		}
	}
	if len(few) > 0 {
		t.Footnotes = append(t.Footnotes, Say(q.text("Known of under 70 %: {0}. Those of known dose are then often those who take none, and their share is too high.", strings.Join(few, "; "))))
	}
	return t
}

// oudTables show who is on medication for opioid use disorder, where any record is of it.
func (q *quarter) oudTables(ctx context.Context) ([]Block, error) {
	var out []Block
	for _, g := range q.groups {
		r, why, err := q.ask(ctx, taper.OUDMedication, q.now, analysis.Question{Arm: g}, nil)
		if err != nil {
			return nil, err
		}
		if why == "" {
			out = append(out, q.oudTable(g, r))
			err = q.oudSums(ctx, g, r)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// oudSums says that those whose dose is known in a window are among those known here:
// the rest may be those on medication for opioid use disorder alone.
func (q *quarter) oudSums(ctx context.Context, g string, r analysis.Result) error {
	doses, why, err := q.taper(ctx, q.now, g)
	if err != nil || why != "" {
		return err
	}
	for _, v := range visitsOf(r, "on_oud_medication_known") {
		known, _ := at(r, "on_oud_medication_known", g, v)
		if dose, ok := at(doses, "mme_change_mean", g, v); ok && dose.N.Arm <= known.N.Arm {
			whole, _ := denominator(known)
			q.joins = append(q.joins, QuantitySum{Total: whole, Parts: []string{doseKnown(v, g)}})
		}
	}
	return nil
}

// doseKnown names the count of patients on opioids at entry with a known dose in a window.
func doseKnown(visit, group string) string { return "dose known/" + visit + "/" + group }

func (q *quarter) oudTable(g string, r analysis.Result) Table {
	t := Table{
		ID: "oud-" + slug(groupName(g)), Caption: q.text("Medication for opioid use disorder, apart"),
		Columns: []Column{{Label: "Window"}, {Label: "Known", Align: Right}, {Label: "On it, of those known", Align: Right}, {Label: "On it, of all patients", Align: Right}},
		Footnotes: []Words{
			Say("It is a treatment, not an opioid for pain: it is never converted to MME, and a share that falls is no success."),
			Say("On it: a record of medication for opioid use disorder, by its indication, covers at least one day of the window. Known not to be on it: a record of something else does. Buprenorphine or methadone without an indication tells neither."),
			Say("A day without a record is unknown unless the cohort file says otherwise, so the share of all patients, unknown counted as not on it, is the least that it can be. Wilson intervals."),
		},
	}
	if g != "" {
		t.Caption += ", " + g
	}
	for _, term := range []string{"on_oud_medication_at_entry", "on_oud_medication"} {
		for _, v := range visitsOf(r, term+"_known") {
			known, _ := at(r, term+"_known", g, v)
			all, _ := at(r, term+"_all", g, v)
			whole, _ := denominator(known)
			within := population(g)
			row := Row{Cells: []Cell{
				Label(upper(q.when(v))), Count(known.N.Arm).Named(whole).PartOf(within),
				shared(known).PartOf(within), shared(all).OutOf(within),
			}}
			for i := range row.Cells[2:] {
				row.Cells[2+i].Format.Decimals = 1 // few patients are on it
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// fewKnown says why weeks are not drawn: records end sooner of those who still take
// something, whose every supply is a record, than of those for whom a zero stands.
const fewKnown = "Weeks in which the dose of under 70 % of the patients is known are left out: those known are often those who take none."

// doseFigure shows the mean daily dose week by week.
func (q *quarter) doseFigure(ctx context.Context, g string) (Figure, error) {
	f := Figure{
		ID: "dose-by-week-" + slug(groupName(g)), Title: "Daily opioid dose by week", Subtitle: q.text("Mean over patients of their own weekly mean, MME a day, {0} % t intervals", 100*q.opt.Level),
		Caption: Say("Patients with a known dose in the week, those recorded as taking none too; week 0 begins on the day of admission. The patients of one week are not all those of another."),
		Absent:  Say("No week has known doses of enough patients."),
	}
	r, why, err := q.ask(ctx, taper.DoseByWeek, q.now, analysis.Question{Arm: g}, map[string]string{"unit": "mme", "from": "-4", "to": "26"})
	if err != nil {
		return f, err
	}
	if why != "" {
		f.Absent = foreign(upper(why) + ".")
		return f, nil
	}
	s, few := Series{Label: groupName(g)}, 0
	for _, e := range r.Estimates {
		var week int
		if n, _ := fmt.Sscanf(e.Visit, "week %d", &week); e.Term != "mean_dose_patients" || n != 1 || !e.Value.OK() {
			continue
		}
		if float64(e.N.Arm) < enough*float64(e.N.Arm+e.N.Missing) {
			few++
			continue
		}
		low, high := float64(e.CI.Low), float64(e.CI.High)
		s.Points = append(s.Points, Point{X: float64(week), Y: float64(e.Value), Low: low, High: high, Basis: On(e.N.Arm)})
	}
	if few > 0 {
		f.Caption = f.Caption.And(" ").join(Say(fewKnown))
	}
	if len(s.Points) < 2 {
		return f, nil
	}
	top := 0.0
	for _, p := range s.Points {
		top = math.Max(top, p.Y)
	}
	f.Plot = Lines{X: Axis{Label: "Weeks since admission"}, Y: Axis{Label: "MME a day"}, Series: []Series{s}, Ribbon: true}
	f.Alt = Say(q.count(len(s.Points), "Mean daily dose over {0} week.", "Mean daily dose over {0} weeks."))
	return f, nil
}
