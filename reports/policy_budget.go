package reports

import "fmt"

// The tables of the budget, whose cells follow from each other.
const (
	tableYears      = "budget-years"
	tableIntake     = "budget-intake"
	tablePerPatient = "budget-per-patient"
)

// Columns of the table of years that others are computed from, and rows of the intake.
const (
	columnNew, columnOn, columnWithout, columnImpact = 1, 2, 3, 5
	rowNew, rowUptake                                = 0, 1
)

// budgetYears is the budget by year. Its totals follow from who comes in and what a
// patient costs:
//
//	without(t) = Σ over k ≤ t of new(k) · now(t − k)
//	impact(t)  = Σ over k ≤ t of on(k) · more(t − k),   with(t) = without(t) + impact(t)
func (in PolicyInput) budgetYears() Table {
	t := Table{ID: tableYears, Caption: in.text("Budget of the {0} perspective, {1}", in.text(in.Scenario.Perspective), in.Scenario.MoneyName()), Columns: []Column{{Label: "Year"}, {Label: "New patients", Align: Right}, {Label: in.text("In {0}", in.Strategy), Align: Right}, {Label: "Without", Align: Right}, {Label: "With", Align: Right}, {Label: "Impact (95 % of draws)", Align: Right}, {Label: "MCSE", Align: Right}}}
	live := len(in.PerPatient) > 0
	now, more := len(in.PerPatient), len(in.PerPatient)+1 // rows of the table of costs
	for i, y := range in.Budget {
		cells := []Cell{
			Label(fmt.Sprint(y.Year)), figureOf(y.NewPatients, 0), figureOf(y.OnProgram, 0), figureOf(y.Without, 0), figureOf(y.With, 0), spanned(y.Impact, y.Lower, y.Upper, 0), because(figureOf(y.ImpactMCSE, 0), "one set of parameters has no Monte Carlo error here"),
		}
		if live {
			var without, impact []*Formula
			for k := range i + 1 {
				without = append(without, ProductOf(CellAt(tableYears, k, columnNew), CellAt(tablePerPatient, now, 2+i-k)))
				impact = append(impact, ProductOf(CellAt(tableYears, k, columnOn), CellAt(tablePerPatient, more, 2+i-k)))
			}
			cells[columnNew] = cells[columnNew].Live(CellAt(tableIntake, rowNew, 1+i))
			cells[columnOn] = cells[columnOn].Live(ProductOf(CellAt(tableIntake, rowNew, 1+i), CellAt(tableIntake, rowUptake, 1+i)))
			cells[columnWithout] = cells[columnWithout].Live(SumOf(without...))
			cells[columnWithout+1] = cells[columnWithout+1].Live(SumOf(CellAt(tableYears, i, columnWithout), CellAt(tableYears, i, columnImpact)))
			cells[columnImpact] = cells[columnImpact].Live(SumOf(impact...))
		}
		t.Rows = append(t.Rows, Row{Cells: cells})
	}
	if live {
		t.Footnotes = []Words{Say("In a workbook the totals follow from the two tables after this one, whose numbers can be changed; intervals, Monte Carlo errors and all other tables stay those of the simulation.")}
	}
	return t
}

// intake is who comes in, as inputs.
func (in PolicyInput) intake() Table {
	t := Table{ID: tableIntake, Caption: "Who comes in", Columns: []Column{{Label: "In the year"}}}
	rows := [][]Cell{rowNew: {Label("New patients")}, rowUptake: {Label(in.text("Share of them who get {0}", in.Strategy))}}
	for _, y := range in.Budget {
		t.Columns = append(t.Columns, Column{Label: in.text("Year {0}", y.Year), Align: Right})
		rows[rowNew] = append(rows[rowNew], figureOf(y.NewPatients, 0).Changeable())
		rows[rowUptake] = append(rows[rowUptake], shareOf(y.Uptake).Changeable())
	}
	for _, cells := range rows {
		t.Rows = append(t.Rows, Row{Cells: cells})
	}
	return t
}

// perPatient is what a patient costs by year since coming in, as inputs, with the mean of
// what patients get now and what one who gets the strategy instead costs more.
func (in PolicyInput) perPatient() Table {
	t := Table{ID: tablePerPatient, Caption: in.text("What a patient costs, {0}", in.Scenario.MoneyName()), Columns: []Column{{Label: "Since coming in"}, {Label: "Share of patients now", Align: Right}}}
	rows := make([]Row, len(in.PerPatient)+2)
	now, more := len(in.PerPatient), len(in.PerPatient)+1
	for s, x := range in.PerPatient {
		rows[s].Cells = []Cell{Label(x.Strategy), shareOf(x.Share).Changeable()}
	}
	rows[now].Cells = []Cell{Label("As patients are treated now"), Label("")}
	rows[more].Cells = []Cell{Label(in.text("More for one who gets {0} instead", in.Strategy)), Label("")}
	at := 0
	for s, x := range in.PerPatient {
		if x.Strategy == in.Strategy {
			at = s
		}
	}
	for j := range in.Budget {
		t.Columns = append(t.Columns, Column{Label: in.text("Year {0}", j+1), Align: Right})
		mean := 0.0
		var parts []*Formula
		for s, x := range in.PerPatient {
			rows[s].Cells = append(rows[s].Cells, figureOf(x.Cost[j], 0).Changeable())
			mean += x.Share * x.Cost[j]
			parts = append(parts, ProductOf(CellAt(tablePerPatient, s, 1), CellAt(tablePerPatient, s, 2+j)))
		}
		rows[now].Cells = append(rows[now].Cells, figureOf(mean, 0).Live(SumOf(parts...)))
		rows[more].Cells = append(rows[more].Cells, figureOf(in.PerPatient[at].Cost[j]-mean, 0).Live(DifferenceOf(CellAt(tablePerPatient, at, 2+j), CellAt(tablePerPatient, now, 2+j))))
	}
	t.Rows = rows
	return t
}

// shareOf is a share that no patient stands behind.
func shareOf(v float64) Cell {
	c := figureOf(v, 0)
	c.Format = Format{Kind: Percent}
	return c
}
