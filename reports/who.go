package reports

import (
	"context"

	"recoup/analysis"
	"recoup/analysis/describe"
	"recoup/datasets"
)

func buildWho(ctx context.Context, q *quarter) (Section, error) {
	s := Section{}
	flow := describe.Flow(q.came, q.opt.Level)
	if f, ok := q.flowFigure(flow); ok {
		s.Blocks = append(s.Blocks, f, q.followTable(flow))
	} else {
		s.Blocks = append(s.Blocks, cannot("The flow from referral to follow-up is not shown", "The cohort does not say who was referred, admitted or completed the program; the roles referred, admitted and completed would cure this."), q.followTable(flow))
	}
	if flow.Wait.Known && flow.Wait.N > 0 {
		days := func(v analysis.Num) Cell { return Number(float64(v), 0, flow.Wait.N) }
		s.Blocks = append(s.Blocks, Paragraph{Text: q.words("Waiting time from referral to admission: median {0} days, half of the patients between {1} and {2} days.", days(flow.Wait.Median), days(flow.Wait.Q1), days(flow.Wait.Q3))})
	}
	t, err := q.tableOne()
	if err != nil {
		return s, err
	}
	if len(t.Rows) == 0 {
		s.Blocks = append(s.Blocks, cannot("Who the patients were is not shown", "The cohort has no covariates in a table of one row a patient."))
		return s, nil
	}
	s.Blocks = append(s.Blocks, t)
	if t, err = q.norms(ctx); err == nil && len(t.Rows) > 0 {
		s.Blocks = append(s.Blocks, t)
	}
	return s, err
}

// flowFigure draws referred, admitted and completed, as far as the cohort knows them
// of everyone of the step before: a box is read as a share of the box above it.
func (q *quarter) flowFigure(flow describe.FlowResult) (Figure, bool) {
	var steps []FlowStep
	caption := q.text("Follow-up is in the table below: who was seen later need not have completed the program.")
	for _, name := range []string{describe.StageReferred, describe.StageAdmitted, describe.StageCompleted} {
		switch s := flow.Stage(name); {
		case s.Known && s.Missing > 0:
			caption = q.text("{0} is not drawn: it is not recorded for everyone, see the table below.", q.text(upper(name))) + " " + caption
		case s.Known:
			steps = append(steps, FlowStep{Label: upper(name), Count: Count(s.N).Named("flow-" + name)})
		}
	}
	if len(steps) < 2 {
		return Figure{}, false
	}
	return Figure{
		ID: "flow", Title: "From referral to the end of the program", Subtitle: "Patients of the period and how far they came",
		Caption: Say(caption), Alt: Say("The number of patients at each step, in the order of the steps."), Plot: Flow{Steps: steps},
	}, true
}

// seenAt names who was seen at a visit.
const seenAt = "Seen at {0}"

// followTable is who was seen at each visit after treatment.
func (q *quarter) followTable(flow describe.FlowResult) Block {
	t := Table{
		ID: "followed", Caption: "Reached and seen, of whom", Columns: []Column{{Label: "Step"}, {Label: "Reached", Align: Right}, {Label: "Of", Align: Right}, {Label: "Of whom"}, {Label: "Share", Align: Right}},
		Footnotes: []Words{Say("Wilson intervals. Seen means any value at the visit. Patients whose visit is not yet due count as not seen: the cohort does not say when its data were drawn.")},
	}
	for _, s := range flow.Stages {
		if !s.Known || s.Parent == "" {
			continue
		}
		name := upper(s.Name)
		if s.Visit != "" {
			name = q.text(seenAt, s.Name)
		}
		whom := q.text(s.Parent)
		if s.Missing > 0 {
			whom = q.text("{0}, where it is recorded", whom)
		}
		share := Share(s.Within, s.Of).Within(float64(s.CI.Low), float64(s.CI.High))
		of := Count(s.Of).Named("flow-" + s.Parent)
		if s.Missing > 0 {
			of = Count(s.Of).Named("flow-" + s.Parent + ", recorded").PartOf("flow-" + s.Parent)
		}
		share = share.Named("flow-" + s.Name).OutOf(of.Basis.Quantity).PartOf(of.Basis.Within)
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(name), Count(s.Within).Named("flow-" + s.Name), of, Label(whom), share}})
	}
	if len(t.Rows) == 0 {
		return cannot("Follow-up is not shown", "The cohort has no visits after treatment.")
	}
	return t
}

// tableOne describes the patients at entry.
func (q *quarter) tableOne() (Table, error) {
	t := Table{ID: "table-one", Caption: "Who the patients were at entry", Columns: []Column{{Label: "At entry"}}}
	var groups []analysis.Group
	for _, name := range q.groups {
		got, _, err := analysis.Input{Cohort: q.now}.Groups(analysis.Question{Arm: name})
		if err != nil {
			return t, err
		}
		groups = append(groups, got[0])
		t.Columns = append(t.Columns, Column{Label: groupName(name), Align: Right})
	}
	r, err := describe.TableOne(q.now, groups, nil)
	if err != nil || len(r.Variables) == 0 {
		return t, err
	}
	counts := Row{Cells: []Cell{Label("Patients")}}
	for i := range groups {
		counts.Cells = append(counts.Cells, Count(r.N[i]).Named(population(q.groups[i])).PartOf(population("")))
	}
	t.Rows = append(t.Rows, counts)
	for _, v := range r.Variables {
		if v.Role == datasets.RoleOutcome || v.Role == datasets.RoleSite && q.opt.Site != "" {
			continue // the outcome tables show them; a report of one site names no other
		}
		first := len(t.Rows)
		t.Rows = append(t.Rows, variableRows(v, len(groups))...)
		if v.Numbers == nil {
			t.Sums = append(t.Sums, levelSums(first+1, len(t.Rows), len(groups))...)
		}
	}
	t.Footnotes = []Words{Say("Numbers as mean (SD), levels as n and percent of those with a value.")}
	return t, nil
}

// levelSums says that the levels of a variable, and those not recorded, add up to
// the patients of the first row, in each group: rows from first up to before last.
func levelSums(first, last, groups int) []Sum {
	var out []Sum
	for g := 1; g <= groups; g++ {
		s := Sum{Total: At{Row: 0, Column: g}}
		for row := first; row < last; row++ {
			s.Parts = append(s.Parts, At{Row: row, Column: g})
		}
		out = append(out, s)
	}
	return out
}

func variableRows(v describe.Variable, groups int) []Row {
	label := v.Label
	if v.Unit != "" {
		label += ", " + v.Unit
	}
	var rows []Row
	if v.Numbers != nil {
		row := Row{Cells: []Cell{Label(label)}}
		for i := range groups {
			s := v.Numbers[i]
			switch {
			case !s.Mean.OK():
				row.Cells = append(row.Cells, NotAvailable("No patient has a value."))
			case !s.SD.OK():
				row.Cells = append(row.Cells, Number(float64(s.Mean), 1, s.N))
			default:
				row.Cells = append(row.Cells, Mean(float64(s.Mean), float64(s.SD), 1, s.N))
			}
		}
		rows = append(rows, row)
	} else {
		head := Row{Cells: []Cell{Label(label)}, Heading: true}
		rows = append(rows, head)
		for _, l := range v.Levels {
			row := Row{Indent: 1, Cells: []Cell{Label(l.Label)}}
			for i := range groups {
				total := 0
				for _, k := range v.Levels {
					total += k.N[i]
				}
				row.Cells = append(row.Cells, CountShare(l.N[i], total))
			}
			rows = append(rows, row)
		}
	}
	missing := Row{Indent: 1, Cells: []Cell{Label("not recorded")}}
	any := false
	for i := range groups {
		missing.Cells = append(missing.Cells, Count(v.Missing[i]))
		any = any || v.Missing[i] > 0
	}
	if any {
		rows = append(rows, missing)
	}
	return rows
}

// careTile is the change in the cost of other care than the program's, after
// admission against before.
func careTile(_ context.Context, q *quarter, c *datasets.Cohort, group string) (Tile, string, error) {
	costs, why, err := q.costs(c, group)
	if err != nil || why != "" {
		return Tile{}, why, err
	}
	if costs.ShortBefore+costs.ShortAfter != "" {
		return Tile{}, "The records of costs do not reach over the time before and after admission that is compared: see Costs.", nil
	}
	if !costs.Periods || !costs.Care.Change.Mean.OK() {
		return Tile{}, "The cost records cannot be placed before and after admission.", nil
	}
	change := costs.Care.Change
	cell := Estimate(float64(change.Mean), float64(change.CI.Low), float64(change.CI.High), 0, payers(change)).WithUnit(currency(costs.Unit), "").WithSign()
	return Tile{
		Label: q.text("change in the cost of other care per patient, {0} days after admission against before", costs.Window), Value: cell,
		Detail: Say("Costs are skewed: see the medians under Costs. Costs were high before entry for many, and fall for some without a program."),
	}, "", nil
}

func currency(unit string) string {
	switch unit {
	case "USD", "":
		return "$"
	case "EUR":
		return "€"
	case "GBP":
		return "£"
	}
	return unit + " "
}
