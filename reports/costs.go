package reports

import (
	"context"
	"errors"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/describe"
	"recoup/datasets"
)

// costs works out what the patients of a group cost.
func (q *quarter) costs(c *datasets.Cohort, group string) (describe.CostsResult, string, error) {
	if !c.Has(datasets.RoleCost) {
		return describe.CostsResult{}, "The cohort has no cost records. A table with patient, cost, category and day or date would cure this.", nil
	}
	if group != "" {
		i, err := c.Arm(group)
		if err != nil {
			return describe.CostsResult{}, "", err
		}
		keep := make([]bool, c.Patients())
		for p, of := range c.ArmOf() {
			keep[p] = int(of) == i
		}
		c = c.Select(keep, "patients of other arms than "+group)
	}
	r, err := describe.Costs(c, describe.DefaultCosts, q.opt.Level)
	if errors.Is(err, analysis.ErrCannot) || errors.Is(err, analysis.ErrOptions) {
		return r, err.Error(), nil
	}
	return r, "", err
}

func buildCosts(_ context.Context, q *quarter) (Section, error) {
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
		for _, w := range r.Warnings {
			s.Blocks = append(s.Blocks, Notice{Level: Info, Title: "Read with care", Text: foreign(upper(w.Message) + ".")})
		}
	}
	return s, nil
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
