package reports

import (
	"context"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/effect"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

// againstYearBefore begins the ids of tables that hold a quarter against the same one a
// year before. Their columns stand in one order. Speak fills the difference and its
// reading: it is worked out from what is shown and as it is written, so that it is
// hidden where either figure is, and tells no more than the two do.
const againstYearBefore = "year-before"

// The columns of such a table.
const (
	columnLabel = iota
	columnN
	columnNow
	columnNThen
	columnThen
	columnDifference
	columnReading
	columnBenchmark // of the goals alone
)

// yearBeforeTable is an empty table that compares.
func (q *quarter) yearBeforeTable(id, caption, label string) Table {
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	now, then := q.opt.Quarter, q.lastName // as under the charts
	return Table{
		ID: againstYearBefore + id, Caption: caption,
		Columns: []Column{
			{Label: label},
			right(q.text("n, {0}", now)), right(now), right(q.text("n, {0}", then)), right(then),
			right(q.text("Difference ({0} % CI)", 100*q.opt.Level)),
			{Label: "Reading"},
		},
		Footnotes: []Words{q.words("The patients of one quarter are others than those of the other, and nothing is adjusted. Interval of the difference from both intervals (MOVER), worked out from the figures as written; of shares in percentage points. Where it holds 0 there is no clear change, which is not the same as no change.").And(" ").join(q.words("Of {0} such comparisons one is clear by chance alone.", int(math.Round(1/(1-q.opt.Level)))))},
	}
}

// yearBeforeRow is one row of it, with the cells that Speak fills.
func (q *quarter) yearBeforeRow(label string, now, then Cell) Row {
	then = then.Of(q.lastName)
	open := NotAvailable("No difference is worked out: it needs both figures with an interval, shown, of ten patients or more and 70 % of those it is about.")
	return Row{Cells: []Cell{Label(label), behindOf(now), now, behindOf(then), then, open, Label("")}}
}

// behindOf is the count of patients that a figure rests on.
func behindOf(c Cell) Cell {
	n := Cell{}
	switch c.Basis.Kind {
	case OfPatients:
		n = Count(c.Basis.N).Named(c.Basis.Quantity)
	case ShareOfPatients:
		n = Count(c.Basis.Denominator).Named(c.Basis.Whole)
	default:
		return n
	}
	return n.PartOf(c.Basis.Within).Of(c.Basis.Period)
}

// noYearBefore says why there is nothing to compare with; it is empty where there is.
func (q *quarter) noYearBefore() string {
	switch {
	case q.opt.Quarter == "":
		return "The report covers all patients, not one quarter."
	case q.last == nil:
		return q.text("No patient belongs to {0}, so nothing is compared with the year before.", q.in.Quarter(q.lastName))
	}
	return ""
}

// goalsYearBefore is the table of the goals: this quarter, the same a year before, and
// what was published.
func (q *quarter) goalsYearBefore(now, then []Tile, none []string) Table {
	t := q.yearBeforeTable("", "The five goals against the same quarter last year, and what was published", "Goal")
	t.Columns = append(t.Columns, Column{Label: "Benchmark", Align: Right})
	for i, x := range now {
		before := then[i].Value
		if none[i] != "" {
			before = NotAvailable(upper(strings.TrimSuffix(none[i], ".")) + ".")
		}
		row := q.yearBeforeRow(x.Topic, x.Value, before) // its tile says what it measures
		row.Cells = append(row.Cells, x.Benchmark)
		t.Rows = append(t.Rows, row)
		if x.BenchmarkSource != "" {
			t.Footnotes = append(t.Footnotes, q.words("Benchmark, {0}: {1}. Other patients, and often another definition: no difference is worked out.", q.text(x.Topic), foreign(x.BenchmarkSource)).And(" "+x.Unlike))
		}
	}
	return t
}

// measuresYearBefore is the table of the mean change of each measure by the end of
// treatment, this quarter and a year before.
func (q *quarter) measuresYearBefore(ctx context.Context) (Table, string, error) {
	if why := q.noYearBefore(); why != "" {
		return Table{}, why, nil
	}
	if q.discharge.Value == "" {
		return Table{}, "There is no visit after the baseline to compare with.", nil
	}
	t := q.yearBeforeTable("-measures", q.text("Mean change from entry to {0} against the same quarter last year", q.discharge.VisitName()), "Measure")
	for _, f := range q.all.Outcomes() {
		for _, g := range q.groups {
			now, err := q.changeIn(ctx, q.now, f, g)
			if err != nil {
				return t, "", err
			}
			then, err := q.changeIn(ctx, q.last, f, g)
			if err != nil {
				return t, "", err
			}
			if now.Basis.N+then.Basis.N > 0 {
				t.Rows = append(t.Rows, q.yearBeforeRow(q.directed(f, g), now, then))
			}
		}
	}
	if len(t.Rows) == 0 {
		return t, "No outcome was seen both at baseline and at this visit.", nil
	}
	return t, "", nil
}

// changeIn is the mean change of an outcome in the patients of one quarter.
func (q *quarter) changeIn(ctx context.Context, c *datasets.Cohort, f datasets.Field, group string) (Cell, error) {
	r, why, err := q.ask(ctx, effect.MeanChange, c, analysis.Question{Outcome: f.Name, Visit: q.discharge.Value, Arm: group}, nil)
	if err != nil {
		return Cell{}, err
	}
	if why != "" {
		return NotAvailable("No patient has the measure at both occasions."), nil
	}
	e, _ := find(r, "change", group)
	i, _ := instrument.Find(f.Instrument)
	return estimated(e, decimals(measured{instrument: i})).WithSign().Named(paired(e)).PartOf(population(group)), nil
}

// directed names a measure and which way is better.
func (q *quarter) directed(f datasets.Field, group string) string {
	label := f.Label()
	if i, ok := instrument.Find(f.Instrument); ok && f.Instrument != "" {
		if i.Direction == instrument.HigherIsBetter {
			label = q.text("{0} (higher is better)", label)
		} else {
			label = q.text("{0} (lower is better)", label)
		}
	}
	if group != "" {
		label += ", " + group
	}
	return label
}

// sayYearBefore fills the differences of a comparing table from what it shows.
func sayYearBefore(t Table, in Language) Table {
	rows := make([]Row, len(t.Rows))
	copy(rows, t.Rows)
	t.Rows = rows
	for i, r := range rows {
		if r.Heading || len(r.Cells) <= columnReading {
			continue
		}
		cells := make([]Cell, len(r.Cells))
		copy(cells, r.Cells)
		rows[i].Cells = cells
		if d, ok := difference(cells[columnNow], cells[columnThen]); ok {
			cells[columnDifference] = d
			cells[columnReading] = Label(in.Text(readingOf(d)))
		}
	}
	return t
}

// readingOf says of a difference which way it goes, where its interval says so.
func readingOf(d Cell) string {
	return map[way]string{up: "higher than a year before", down: "lower than a year before"}[wayOf(d)] + map[way]string{unclear: "no clear change", noInterval: "no clear change"}[wayOf(d)]
}
