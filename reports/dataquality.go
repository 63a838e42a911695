package reports

import (
	"context"
	"math"
	"slices"

	"recoup/analysis/describe"
	"recoup/datasets"
)

func buildData(_ context.Context, q *quarter) (Section, error) {
	s := Section{Lead: Say("What the numbers above rest on.")}
	if t, ok := q.completeness(); ok {
		s.Blocks = append(s.Blocks, t)
	} else {
		s.Blocks = append(s.Blocks, cannot("Completeness is not shown", "The cohort has no visits with outcomes."))
	}
	s.Blocks = append(s.Blocks, q.excludedBlock(), q.missingReasons())
	if len(q.terms) > 0 {
		words := slices.Clone(q.terms)
		slices.SortStableFunc(words, func(a, b Definition) int {
			switch {
			case a.Term < b.Term:
				return -1
			case a.Term > b.Term:
				return 1
			}
			return 0
		})
		s.Blocks = append(s.Blocks, Definitions{Title: "Definitions used", Items: words})
	}
	return s, nil
}

// completeness is how many patients have each outcome at each visit.
func (q *quarter) completeness() (Table, bool) {
	var visits []datasets.Visit
	for _, v := range q.now.Visits() {
		if slices.Contains(describe.Seen(q.now, v.Value), true) {
			visits = append(visits, v)
		}
	}
	outcomes := q.now.Outcomes()
	if len(visits) == 0 || len(outcomes) == 0 {
		return Table{}, false
	}
	t := Table{
		ID: "completeness", Caption: "Patients with each measure at each visit", Columns: []Column{{Label: "Measure"}},
		Footnotes: []Words{q.words("Share of {0} patients.", Count(q.now.Patients()).Named(population("")))},
	}
	for _, v := range visits {
		t.Columns = append(t.Columns, Column{Label: upper(v.VisitName()), Align: Right})
	}
	for _, f := range outcomes {
		row := Row{Cells: []Cell{Label(f.Label())}}
		for _, v := range visits {
			n := 0
			for _, x := range q.now.Values(f.Name, v.Value) {
				if !math.IsNaN(x) {
					n++
				}
			}
			row.Cells = append(row.Cells, CountShare(n, q.now.Patients()).Named(has(f.Name, v.Value)).OutOf(population("")))
		}
		t.Rows = append(t.Rows, row)
	}
	return t, true
}

// excludedBlock lists what was left out and why.
func (q *quarter) excludedBlock() Block {
	t := Table{ID: "excluded", Caption: "What was left out, and why", Columns: []Column{{Label: "Table"}, {Label: "Reason"}, {Label: "Code"}, {Label: "Rows", Align: Right}, {Label: "Patients", Align: Right}}}
	excluded := q.now.Excluded()
	if q.opt.Site != "" {
		excluded = excluded[len(q.all.Excluded()):]
	}
	for _, x := range append(excluded, q.withoutArm()...) {
		patients, whom := Label(""), WholeCohort
		if x.Table == "" {
			whom = "" // left out when the patients of this report were chosen
		}
		if x.Patients > 0 {
			patients = Count(x.Patients).Named(leftOut(x)).Of(whom)
		}
		rows, table := Label(""), x.Table
		if x.Rows > 0 {
			rows = Count(x.Rows).Of(whom)
		}
		if table == "" {
			table = q.text("all")
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(table), Label(upper(x.Reason)).English(), Label(x.Code), rows, patients}})
	}
	if len(t.Rows) == 0 {
		if q.opt.Site != "" {
			return Paragraph{Text: Say("Nothing of this site was left out after the files were read.")}
		}
		return Paragraph{Text: Say("Nothing was left out: every row of the cohort's files was used.")}
	}
	if q.opt.Site != "" {
		t.Footnotes = []Words{Say("Of this site. What was left out when the files were read is not counted by site.")}
		return t
	}
	if q.now.Patients() < q.all.Patients() {
		t.Footnotes = []Words{Say("What was left out when the files were read is counted in the whole cohort, not in the patients of this report alone.")}
	}
	return t
}

// withoutArm counts the patients without an arm, where arms are reported on.
func (q *quarter) withoutArm() []datasets.Exclusion {
	if len(q.all.Arms()) == 0 {
		return nil
	}
	var out []datasets.Exclusion
	of := q.now.ArmOf()
	for _, t := range q.now.Tables() {
		rows, patients := 0, map[int32]bool{}
		for _, p := range t.Patient() {
			if of[p] < 0 {
				rows++
				patients[p] = true
			}
		}
		if rows > 0 {
			out = append(out, datasets.Exclusion{Code: datasets.CodeNoArm, Table: t.Name(), Rows: rows, Patients: len(patients), Reason: "rows of patients without an arm, in every figure by arm"})
		}
	}
	return out
}

// missingReasons lists the codes by which cells are missing, where they say why.
func (q *quarter) missingReasons() Block {
	t := Table{ID: "missing", Caption: "Missing cells by reason, all quarters", Columns: []Column{{Label: "Table"}, {Label: "Column"}, {Label: "Reason"}, {Label: "Cells", Align: Right}}}
	for _, table := range q.all.Tables() {
		for _, f := range table.Fields() {
			for _, r := range table.MissingReasons(f.Name) {
				if r.Cells > 0 && r.Label != "" {
					t.Rows = append(t.Rows, Row{Cells: []Cell{Label(table.Name()), Label(f.Label()), Label(r.Label), Count(r.Cells).Of(WholeCohort)}})
				}
			}
		}
	}
	if len(t.Rows) == 0 {
		return Paragraph{Text: Say("No missing code of the cohort gives a reason.")}
	}
	t.Footnotes = []Words{Say(q.count(len(t.Rows), "Counted when the cohort was read; {0} reason. Cells that are empty have no reason.", "Counted when the cohort was read; {0} reasons. Cells that are empty have no reason."))}
	return t
}
