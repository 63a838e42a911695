package reports

import (
	"context"
	"errors"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/describe"
	"recoup/analysis/effect"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

// costs works out what the patients of a group cost.
func (q *quarter) costs(c *datasets.Cohort, group string) (describe.CostsResult, string, error) {
	if !c.Has(datasets.RoleCost) {
		return describe.CostsResult{}, "The cohort has no cost records. A table with patient, cost, category and day or date would cure this.", nil
	}
	c, err := ofArm(c, group)
	if err != nil {
		return describe.CostsResult{}, "", err
	}
	r, err := describe.Costs(c, describe.DefaultCosts, q.opt.Level)
	if errors.Is(err, analysis.ErrCannot) || errors.Is(err, analysis.ErrOptions) {
		return r, err.Error(), nil
	}
	return r, "", err
}

// ofArm returns the patients of an arm, all where it is "".
func ofArm(c *datasets.Cohort, group string) (*datasets.Cohort, error) {
	if group == "" {
		return c, nil
	}
	i, err := c.Arm(group)
	if err != nil {
		return nil, err
	}
	keep := make([]bool, c.Patients())
	for p, of := range c.ArmOf() {
		keep[p] = int(of) == i
	}
	return c.Select(keep, "patients of other arms than "+group), nil
}

func buildCosts(ctx context.Context, q *quarter) (Section, error) {
	s := Section{}
	for _, g := range q.groups {
		r, why, err := q.costs(q.now, g)
		if err != nil {
			return s, err
		}
		if why != "" {
			s.Blocks = append(s.Blocks, cannot("Costs are not shown", upper(why)))
			return s, nil
		}
		s.Lead = Say(q.text("Amounts per patient in {0}, price year {1}. Costs are skewed: the mean is what a budget needs, the median what is usual.", q.orUnknown(r.Unit, "an unknown unit"), q.orUnknown(strings.Join(r.PriceYears, ", "), "not known")))
		s.Blocks = append(s.Blocks, q.costTable(g, r))
		if per, ok, err := q.perSuccess(ctx, g, r); err != nil {
			return s, err
		} else if ok {
			s.Blocks = append(s.Blocks, per)
		}
		for _, w := range r.Warnings {
			s.Blocks = append(s.Blocks, Notice{Level: Info, Title: "Read with care", Text: foreign(upper(w.Message) + ".")})
		}
	}
	return s, nil
}

// perSuccess says what the program cost for each patient who improved by an important
// amount in pain.
func (q *quarter) perSuccess(ctx context.Context, group string, r describe.CostsResult) (Paragraph, bool, error) {
	f, i, ok := q.outcomeIn("pain", "interference", "function")
	d, has := i.Default()
	if !ok || !has || d.BandChange || q.discharge.Value == "" || r.Program.Name == "" {
		return Paragraph{}, false, nil
	}
	c, err := ofArm(q.now, group)
	if err != nil {
		return Paragraph{}, false, err
	}
	rule := "points"
	if d.Kind == instrument.Relative {
		rule = "percent"
	}
	question := analysis.Question{Outcome: f.Name, Visit: q.discharge.Value, Arm: group}
	success, _, _, err := describe.Responders(analysis.Input{Cohort: c}, question, rule, d.Value, "instrument")
	if err != nil {
		return Paragraph{}, false, err
	}
	ratio, _ := r.PerSuccess(success, q.opt.Level)
	if !ratio.Value.OK() || ratio.Value <= 0 {
		return Paragraph{}, false, nil
	}
	unit := math.Pow(10, math.Floor(math.Log10(float64(ratio.Value)))-2) // three digits, so that it does not give the sum of all costs
	round := func(x analysis.Num) float64 { return math.Round(float64(x)/unit) * unit }
	cost := Estimate(round(ratio.Value), round(ratio.CI.Low), round(ratio.CI.High), 0, ratio.Successes).WithUnit(currency(r.Unit), "")
	cost.Basis = ShareOf(ratio.Successes, ratio.N)
	shares, why, err := q.ask(ctx, effect.Responders, q.now, question, map[string]string{"rule": effect.RuleImportant})
	if e, found := find(shares, "responders_all", group); found && why == "" && e.N.Events == ratio.Successes && e.N.Arm == ratio.N {
		cost = cost.Named(numerator(e)).OutOf(population(group))
	}
	if err != nil {
		return Paragraph{}, false, err
	}
	words := q.words("For each patient who improved by an important amount in {0} the program cost {1}; those not seen count as not improved, and their cost counts. Interval by the delta method on the log scale. It is a cost per success, not of a success: some would have improved without the program.",
		q.in.lower(f.Label()), cost)
	if group != "" {
		words = Say(group + ": ").join(words)
	}
	return Paragraph{Text: words}, true, nil
}

func (q *quarter) orUnknown(s, unknown string) string {
	if s == "" {
		return q.text(unknown)
	}
	return s
}

// careRow is the row of all care but the program's, which Speak reads.
const careRow = "All care but the program"

func (q *quarter) costTable(g string, r describe.CostsResult) Table {
	t := Table{
		ID: "costs-" + slug(groupName(g)), Caption: q.text("Cost per patient by kind of care, {0} days before and after admission", r.Window),
		Columns:   []Column{{Label: "Kind of care"}, {Label: "n", Align: Right}, {Label: "Before, mean", Align: Right}, {Label: "After, mean", Align: Right}, {Label: q.text("Change ({0} % CI)", 100*q.opt.Level), Align: Right}, {Label: "Change, median", Align: Right}},
		Footnotes: []Words{Say("Student's t intervals, rough for rare large bills. Patients without a record cost nothing here. Use of care often peaks just before entry, so part of a fall would come without a program."), foreign(upper(r.Who) + ".")},
	}
	if !r.Periods {
		t.Caption = "Cost per patient by kind of care"
		t.Columns = []Column{{Label: "Kind of care"}, {Label: "n", Align: Right}, {Label: q.text("Mean ({0} % CI)", 100*q.opt.Level), Align: Right}, {Label: "Median", Align: Right}}
	}
	money := currency(r.Unit)
	items := append([]describe.CostItem{}, r.Categories...)
	program := r.Program.Name != ""
	for _, c := range r.Categories {
		if c.Records == r.Program.Records {
			program = false // the one category of the program is shown already
		}
	}
	if program {
		items = append(items, r.Program)
	}
	items = append(items, r.Care, r.Total)
	for i, x := range items {
		name := upper(x.Name)
		switch {
		case i == len(items)-1:
			name = "All costs"
		case i == len(items)-2:
			name = careRow
		case i == len(items)-3 && program:
			name = "The program"
		}
		cells := []Cell{Label(name), Count(x.All.N)}
		if r.Periods {
			cells = append(cells, amount(x.Before, money, r.ShortBefore), amount(x.After, money, r.ShortAfter), change(x.Change, money, r.ShortBefore+r.ShortAfter), middle(x.Change, money, r.ShortBefore+r.ShortAfter))
		} else {
			cells = append(cells, change(x.All, money, ""), middle(x.All, money, ""))
		}
		t.Rows = append(t.Rows, Row{Cells: cells, Total: i >= len(r.Categories)})
	}
	return t
}

// unplaced is a cost that is not known; short says of its time why, where the records
// do not reach over it.
func unplaced(short string) Cell {
	if short != "" {
		return NotAvailable("The records of costs do not reach over this time.")
	}
	return NotAvailable("No cost of this kind can be placed in time.")
}

func amount(s describe.CostSummary, money, short string) Cell {
	if !s.Mean.OK() {
		return unplaced(short)
	}
	return Number(float64(s.Mean), 0, payers(s)).WithUnit(money, "")
}

// payers is how many patients a mean cost rests on: those who cost anything, since
// the cost of all is theirs; two, where two make up nearly all of it; all where
// nobody cost anything.
func payers(s describe.CostSummary) int {
	n := s.N
	if with := int(math.Round((1 - float64(s.Zero)) * float64(s.N))); with > 0 {
		n = with
	}
	if float64(s.Two) > 0.9 {
		n = min(n, 2)
	}
	return n
}

func change(s describe.CostSummary, money, short string) Cell {
	if !s.Mean.OK() {
		return unplaced(short)
	}
	return Estimate(float64(s.Mean), float64(s.CI.Low), float64(s.CI.High), 0, payers(s)).WithUnit(money, "")
}

func middle(s describe.CostSummary, money, short string) Cell {
	if !s.Median.OK() {
		return unplaced(short)
	}
	return Number(float64(s.Median), 0, s.N).WithUnit(money, "")
}
