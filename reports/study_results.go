package reports

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/compare"
)

// summary is the table of the primary estimates; SpeakStudy puts a sentence for each
// before it.
func (s *study) summary() Section {
	out := Section{ID: summaryID, Title: "Summary"}
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	t := Table{ID: "primary", Caption: "The primary estimates", Columns: []Column{
		{Label: "Estimate"}, right(s.valueHead()), {Label: "Unit"}, right(s.text("n")), right(s.text("n, reference")), right(s.text("p")), right(s.text("p, adjusted")), right(s.text("Null value")), {Label: "Better"}, {Label: "Warnings"},
	}}
	for _, x := range s.items {
		if x.Role != "primary" {
			continue
		}
		for _, i := range x.runs {
			r := s.run(i)
			if r.Question.Subgroup != "" {
				continue
			}
			if r.Cannot != "" {
				why := s.refused(r).Cells[columnValue]
				t.Rows = append(t.Rows, Row{Cells: []Cell{Label(s.text("{0}: {1}", s.title(x.PlanItem), s.asked(r))), why, Label(""), {}, {}, {}, {}, {}, Label(""), Label("")}})
				continue
			}
			t.Rows = append(t.Rows, s.primaryRows(i, x)...)
		}
	}
	if len(t.Rows) == 0 {
		out.Blocks = []Block{cannot("No primary estimate", "The plan names no analysis as primary: give one role: primary. All estimates are under Results.")}
		return out
	}
	t.Footnotes = []Words{Say("Null value: the value that means no difference, 0 of differences and 1 of ratios. Better: which values are better in the arm, where the outcome's instrument says so. All estimates, with their warnings, are under Results.")}
	out.Lead = s.say("Clear means that the {0} % interval, as it is written, lies wholly on one side of the null value, and that the test agrees, allowed for the number of tests where the plan does so. It does not say that a difference matters to patients, nor that it is the treatment's: see how the patients came to their arm. No clear difference is not the same as no difference.", 100*s.Plan.Level)
	out.Blocks = []Block{t}
	return out
}

// summaryID is the section that SpeakStudy writes sentences into.
const summaryID = "summary"

// primaryRows are the estimates of a run that the summary is about: those that the plan
// names, else the first comparison.
func (s *study) primaryRows(i int, x studyItem) []Row {
	r := s.run(i)
	chosen := []int{}
	for k, e := range r.Result.Estimates {
		if slices.Contains(x.Terms, e.Term) {
			chosen = append(chosen, k)
		}
	}
	if len(chosen) == 0 {
		if k := comparison(r); k >= 0 {
			chosen = []int{k}
		}
	}
	var out []Row
	for _, k := range chosen {
		e := r.Result.Estimates[k]
		c := s.cells(i, k)
		label := s.text("{0}: {1}", s.title(x.PlanItem), s.measure(i, e))
		for _, more := range []string{s.q.when(e.Visit), s.against(e)} {
			if more != "" {
				label = s.text("{0}, {1}", label, more)
			}
		}
		null := nullCell(e)
		if null.Format.Kind == Blank && e.Scale == analysis.ScaleDifference {
			null = Number(0, 0, 0).WithoutPatients() // a change
		}
		out = append(out, Row{Cells: []Cell{Label(label), c.value, Label(c.unit), c.arm, c.reference, c.p, c.adjusted, null, Label(s.better(e)), s.english(s.codes(i))}})
	}
	return out
}

// nullCell is the value of a comparison that means no difference.
func nullCell(e analysis.Estimate) Cell {
	v, ok := e.NoEffect()
	if !ok {
		return Cell{}
	}
	c := Number(v, 0, 0).WithoutPatients()
	if v != math.Trunc(v) {
		c.Format.Decimals = 1
	}
	return c
}

// codes are the warnings of a run by their codes; what they say is under Results.
func (s *study) codes(i int) string {
	var out []string
	for _, w := range s.allWarnings(i) {
		if !slices.Contains(out, w.Code) {
			out = append(out, w.Code)
		}
	}
	return strings.Join(out, ", ")
}

// measure says what an estimate of run i is of, without who.
func (s *study) measure(i int, e analysis.Estimate) string {
	what, outcome := s.defined(i, e), s.Result.Runs[i].Question.Outcome
	if outcome == "" {
		return what
	}
	if f, err := s.Cohort.Outcome(outcome); err == nil {
		outcome = f.Label()
	}
	if inside(e.Term) {
		return s.text("{0} in {1}", what, s.q.in.lower(outcome))
	}
	return s.text("{0} of {1}", what, s.q.in.lower(outcome))
}

// inside tells whether an estimate is one in its outcome, not of it.
func inside(term string) bool {
	return strings.Contains(term, "difference") || strings.Contains(term, "change") || strings.HasPrefix(term, "risk") || strings.HasPrefix(term, "odds")
}

// who is who was analysed: the flow and Table 1 of the quarterly report, then each run's
// patients and what it left out.
func (s *study) who(ctx context.Context) (Section, error) {
	out, err := buildWho(ctx, s.q)
	if err != nil {
		return out, err
	}
	out.ID, out.Title = "who", "Who was analysed"
	analysed, err := s.analysed()
	if err != nil {
		return out, err
	}
	followed, err := s.followUpTime()
	if err != nil {
		return out, err
	}
	out.Blocks = append(out.Blocks, followed, analysed, s.leftOutTable())
	return out, nil
}

// analysed says how many of each group each run has used.
func (s *study) analysed() (Block, error) {
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	t := Table{
		ID: "analysed", Caption: "Patients of each group, and those each analysis used",
		Columns:   []Column{{Label: "Analysis"}, {Label: "Group"}, right("In the group"), right("Analysed"), right("Not analysed")},
		Footnotes: []Words{Say("Analysed: behind the estimate that speaks for the run, the first comparison where there is one. Analyses that fill in missing values count those too whose values they fill in.")},
	}
	said := map[string]bool{}
	for i := range s.Result.Runs {
		r := s.run(i)
		k := comparison(r)
		if k < 0 {
			continue
		}
		groups, err := s.groupsOfRun(r)
		if err != nil {
			return nil, err
		}
		e := r.Result.Estimates[k]
		for _, g := range groups {
			n, in := e.N.Arm, g.Name == e.Arm || len(groups) == 1
			if g.Name == e.Reference {
				n, in = e.N.Reference, true
			}
			if !in || n > len(g.Patients) {
				continue // of another group than the run's, or counted otherwise
			}
			population := s.population(g.Name, r.Question.Subgroup)
			whole := Count(len(g.Patients)).Named(population)
			if r.Question.Subgroup != "" {
				whole = whole.PartOf(s.population(g.Name, ""))
			} else if population != "patients" {
				whole = whole.PartOf("patients")
			}
			used := s.patients(e, g.Name, n)
			row := Row{Cells: []Cell{Label(s.text("{0}: {1}", r.ID, s.asked(r))), Label(s.text(g.Name)), whole, used, Count(len(g.Patients) - n)}}
			if key := fmt.Sprint(row.Cells[0].Text, g.Name, n); !said[key] {
				said[key] = true
				at := len(t.Rows)
				t.Rows = append(t.Rows, row)
				t.Sums = append(t.Sums, Sum{Total: At{at, 2}, Parts: []At{{at, 3}, {at, 4}}})
			}
		}
	}
	if len(t.Rows) == 0 {
		return cannot("Who each analysis used is not shown", "No analysis of the plan has an estimate."), nil
	}
	return t, nil
}

// leftOutTable is every exclusion that a run made beyond the cohort's own, with its reason.
func (s *study) leftOutTable() Block {
	t := Table{ID: "left-out", Caption: "What single analyses left out, and why", Columns: []Column{{Label: "Reason"}, {Label: "Code"}, {Label: "Table"}, {Label: "Analyses"}, {Label: "Rows", Align: Right}, {Label: "Patients", Align: Right}}}
	type left struct {
		reason, code, table string
		rows, patients      int
	}
	var order []left
	by := map[left][]string{}
	whole := len(s.Cohort.Excluded())
	for i := range s.Result.Runs {
		r := s.run(i)
		for _, x := range r.Result.Excluded[min(whole, len(r.Result.Excluded)):] {
			key := left{s.coarse(x.Reason), x.Code, x.Table, x.Rows, x.Patients}
			if x.Code == "filtered" { // the reason names what those kept have
				key.reason = s.text("not among those with {0}", strings.TrimPrefix(key.reason, "left out by where: "))
			}
			if by[key] == nil {
				order = append(order, key)
			}
			if !slices.Contains(by[key], r.ID) {
				by[key] = append(by[key], r.ID)
			}
		}
	}
	for _, x := range order {
		rows, patients := Cell{}, Cell{}
		if x.rows > 0 {
			rows = Count(x.rows)
		}
		if x.patients > 0 {
			patients = Count(x.patients).Named("left out/" + x.table + "/" + x.code + "/" + x.reason + "/" + fmt.Sprint(x.patients)).PartOf(everybody)
		}
		reason := s.said(x.reason)
		reason.Text = upper(reason.Text)
		t.Rows = append(t.Rows, Row{Cells: []Cell{reason, s.english(x.code), s.english(x.table), s.english(strings.Join(by[x], ", ")), rows, patients}})
	}
	if len(t.Rows) == 0 {
		return Paragraph{Text: Say("No single analysis left anything out beyond what the cohort did; patients without the values needed are those not analysed above.")}
	}
	t.Footnotes = []Words{Say("Beyond what was left out when the files were read, which stands under Data quality. Patients without the values needed are those not analysed above.")}
	return t
}

// results are all estimates that are not of sensitivity analyses, a table for each item,
// with its warnings, its figures and its tables.
func (s *study) results() Section {
	out := Section{ID: "results", Title: "Results", Lead: Say("Every estimate of the plan; those of sensitivity analyses are in the next section. Values are the arm minus the reference, or over it. Nothing that could not be computed is left out: its reason stands in its place.")}
	var rows []forestRow
	for _, x := range s.items {
		if x.Role == "sensitivity" {
			continue
		}
		for _, i := range x.runs {
			r := s.run(i)
			for k, e := range r.Result.Estimates {
				rows = append(rows, forestRow{i, k, s.forestLabel(i, e), s.forestHeading(i, e)})
			}
		}
	}
	out.Blocks = append(out.Blocks, s.forests("forest", s.text("All comparisons"), rows)...)
	for _, x := range s.items {
		if x.Role != "sensitivity" {
			out.Blocks = append(out.Blocks, s.itemBlocks(x)...)
		}
	}
	out.Blocks = append(out.Blocks, s.leftInside()...)
	return out
}

// forestHeading is what stands over the estimates of run i that answer one question.
func (s *study) forestHeading(i int, e analysis.Estimate) string {
	r := s.Result.Runs[i]
	what := s.analysisTitle(r.Analysis)
	if f, err := s.Cohort.Outcome(r.Question.Outcome); err == nil {
		what = f.Label()
	}
	if e.Definition != "" && s.severalDefinitions(i, e.Term) {
		return s.text("{0}: {1}, {2}", r.ID, what, s.said(e.Definition).Text)
	}
	return s.text("{0}: {1}", r.ID, what)
}

// forestLabel is what sets an estimate apart under its heading.
func (s *study) forestLabel(i int, e analysis.Estimate) string {
	q, label := s.Result.Runs[i].Question, s.term(e.Term)
	if e.Visit != "" {
		label = s.text("{0}, {1}", label, s.q.when(e.Visit))
	}
	if q.Subgroup != "" {
		label = s.text("{0}, {1}", label, q.Subgroup)
	}
	return label
}

// itemBlocks are the table of an item's estimates and what belongs to it.
func (s *study) itemBlocks(x studyItem) []Block {
	caption := s.text("{0} ({1}, {2}, {3})", s.title(x.PlanItem), x.ID, s.text(x.Role), x.Run)
	t := s.estimateTable("results-"+x.ID, caption)
	for _, i := range x.runs {
		r := s.run(i)
		t.Rows = append(t.Rows, Row{Heading: true, Cells: []Cell{Label(s.asked(r))}})
		if r.Cannot != "" {
			t.Rows = append(t.Rows, s.refused(r))
			continue
		}
		if len(r.Result.Estimates) == 0 {
			t.Rows = append(t.Rows, s.withoutAnswer("The analysis gave no estimate.", ""))
		}
		for k := range r.Result.Estimates {
			t.Rows = append(t.Rows, s.row(i, k, ""))
		}
	}
	loud, quiet := s.itemWarnings(x)
	t.Footnotes = append(t.Footnotes, s.adjustments(x)...)
	if len(x.Subgroups) > 1 {
		t.Footnotes = append(t.Footnotes, Say("That the interval of one subgroup holds the null value and that of another does not is no sign that they differ; effect/subgroups tests whether they do."))
	}
	t.Footnotes = append(t.Footnotes, quiet...)
	out := append([]Block{t}, loud...)
	for _, i := range x.runs {
		out = append(out, s.ownBlocks(i)...)
	}
	return out
}

// adjustments say how p values of an item were adjusted.
func (s *study) adjustments(x studyItem) []Words {
	var out []Words
	for _, f := range s.Plan.Multiplicity {
		if slices.Contains(f.Of, x.ID) {
			out = append(out, s.say("p, adjusted: family {0}, {1}. Intervals are not adjusted.", f.Name, s.text(familyMethods[f.Method].name)))
		}
	}
	return out
}

// loudCodes are the warnings that can turn an answer round: they stand beside the
// figures, not under the table.
var loudCodes = []string{compare.WarnPayer, compare.WarnWorkAbsence, compare.WarnDisability, compare.WarnImmortal, compare.WarnAfterZero, analysis.WarnTimeOrigin}

// itemWarnings are the warnings of an item's runs: the loud ones as notices, the others
// as footnotes.
func (s *study) itemWarnings(x studyItem) (loud []Block, quiet []Words) {
	said := map[string]bool{}
	for _, i := range x.runs {
		for _, w := range s.allWarnings(i) {
			key := fmt.Sprint(w.about, w.Message, w.Cure)
			if said[key] {
				continue
			}
			said[key] = true
			if slices.Contains(loudCodes, w.Code) {
				loud = append(loud, Notice{Level: Caution, Title: loudTitle(w.Code), Text: s.says(i, w)})
			} else {
				quiet = append(quiet, s.say("Warning ({0}). {1}", w.Code, s.says(i, w)))
			}
		}
	}
	return loud, quiet
}

func loudTitle(code string) string {
	switch code {
	case analysis.WarnTimeOrigin, compare.WarnImmortal, compare.WarnAfterZero:
		return "Time does not begin alike"
	}
	return "The patients compared differ, or may differ"
}

// sensitivity sets each item's sensitivity analyses beside it.
func (s *study) sensitivity() Section {
	out := Section{ID: "sensitivity", Title: "Sensitivity analyses"}
	for _, x := range s.items {
		if len(x.sensitivity) > 0 {
			out.Blocks = append(out.Blocks, s.besideMain(x)...)
		}
		if x.Role == "sensitivity" {
			out.Blocks = append(out.Blocks, s.itemBlocks(x)...)
		}
	}
	if len(out.Blocks) == 0 {
		out.Blocks = []Block{cannot("No sensitivity analysis", "The plan has none, so nothing shows how far the answers lean on the choices made: list some under sensitivity of an analysis, such as another assumption about missing values or another definition.")}
		return out
	}
	out.Blocks = append(out.Blocks, s.leftInside()...)
	out.Lead = Say("The main estimate first, then the same question under other methods, assumptions and definitions. They share the patients, so that they agree is no proof.")
	return out
}

// besideMain is a table and forests of an item and its sensitivity analyses, for each of
// the item's outcomes and visits, then all their estimates.
func (s *study) besideMain(x studyItem) []Block {
	var out []Block
	for _, i := range x.runs {
		main := s.run(i)
		k := comparison(main)
		if main.Question.Subgroup != "" || k < 0 {
			continue
		}
		visit := main.Question.Visit
		if v, err := s.Cohort.Visit(visit); err == nil {
			visit = v.Value // in every language the same
		}
		id := strings.Join([]string{sensitivityID + x.ID, slug(main.Question.Outcome), slug(visit)}, "-")
		t := s.estimateTable(id, s.text("{0}: {1}", s.title(x.PlanItem), s.asked(main)))
		t.Columns = append(t.Columns, Column{Label: s.text("Null value"), Align: Right})
		e := main.Result.Estimates[k]
		null, compares := e.NoEffect()
		add := func(i, k int, label string) {
			row := s.row(i, k, label)
			row.Indent = 0
			row.Cells = append(row.Cells, nullCell(s.Result.Runs[i].Result.Estimates[k]))
			t.Rows = append(t.Rows, row)
		}
		first := s.text("Main: {0}", s.term(e.Term))
		add(i, k, first)
		rows := []forestRow{{run: i, estimate: k, label: first}}
		var notes []Words
		for _, o := range x.sensitivity {
			for _, j := range s.sameQuestion(o, main) {
				r := s.run(j)
				label := s.text("{0}: {1}", o.ID, s.differs(main, r))
				if r.Cannot != "" {
					row := s.refused(r)
					row.Indent, row.Cells[0] = 0, Label(label)
					t.Rows = append(t.Rows, Row{Cells: append(row.Cells, Cell{})})
					continue
				}
				for _, m := range comparable(r, e) {
					full := label
					if d := r.Result.Estimates[m].Definition; d != "" && d != e.Definition {
						full = s.text("{0}, {1}", full, s.said(d).Text)
					}
					if term := r.Result.Estimates[m].Term; term != e.Term {
						full = s.text("{0} ({1})", full, s.term(term))
					}
					add(j, m, full)
					rows = append(rows, forestRow{run: j, estimate: m, label: s.short(o.ID, r.Result.Estimates[m], e)})
				}
			}
		}
		if compares {
			notes = append(notes, s.say("The null value is {0}.", null))
		}
		if slices.ContainsFunc(rows, func(x forestRow) bool {
			return strings.HasPrefix(s.Result.Runs[x.run].Result.Estimates[x.estimate].Definition, "worst-case")
		}) {
			notes = append(notes, Say("Worst case and best case are bounds, not estimates: all who are missing in one arm have the worst possible value, and all in the other the best."))
		}
		t.Footnotes = notes
		out = append(out, t)
		out = append(out, s.forests(id+"-forest", s.text("Beside the main estimate, {0}", x.ID), rows)...)
	}
	for _, o := range x.sensitivity {
		out = append(out, s.itemBlocks(o)...)
	}
	return out
}

// sensitivityID begins the names by which SpeakStudy finds what was set side by side.
const sensitivityID = "beside-"

// short names an estimate beside the main one by its item and in what it is another.
func (s *study) short(id string, e, main analysis.Estimate) string {
	out := id
	if e.Definition != "" && e.Definition != main.Definition {
		out = s.text("{0}, {1}", out, s.said(e.Definition).Text)
	}
	if e.Term != main.Term {
		out = s.text("{0}, {1}", out, s.term(e.Term))
	}
	return out
}

// sameQuestion are the runs of a sensitivity analysis about the outcome and visit of the
// main run; all of all patients where it names others.
func (s *study) sameQuestion(o studyItem, main analysis.PlanRun) []int {
	var same, whole []int
	for _, i := range o.runs {
		r := s.run(i)
		if r.Question.Subgroup != "" {
			continue
		}
		whole = append(whole, i)
		if r.Question.Outcome == main.Question.Outcome && r.Question.Visit == main.Question.Visit {
			same = append(same, i)
		}
	}
	if len(same) == 0 {
		return whole
	}
	return same
}

// comparable are the estimates of a run that answer what the main one does: of its term
// where there are any, else the first on its scale, else the first comparison.
func comparable(r analysis.PlanRun, main analysis.Estimate) []int {
	var out []int
	for k, e := range r.Result.Estimates {
		if e.Term == main.Term && e.Scale == main.Scale && (e.Visit == main.Visit || main.Visit == "") && e.Arm == main.Arm {
			out = append(out, k)
		}
	}
	if r.Analysis == "impute/tipping-point" && len(out) > 1 {
		return out[:1] // the deltas are a search, not answers; its own table has them all
	}
	if len(out) > 0 {
		return out
	}
	for k, e := range r.Result.Estimates {
		if _, ok := e.NoEffect(); ok && e.Scale == main.Scale && (e.Visit == main.Visit || e.Visit == "") {
			return []int{k}
		}
	}
	if k := comparison(r); k >= 0 {
		return []int{k}
	}
	return nil
}

// differs says in what a sensitivity analysis is another than the main one.
func (s *study) differs(main, r analysis.PlanRun) string {
	var parts []string
	if r.Analysis != main.Analysis {
		parts = append(parts, s.analysisTitle(r.Analysis))
	}
	for _, k := range sortedKeys(r.Set) {
		if r.Analysis != main.Analysis || r.Set[k] != main.Set[k] {
			parts = append(parts, k+"="+r.Set[k])
		}
	}
	for _, x := range [][3]string{
		{"definition {0}", r.Question.Definition, main.Question.Definition},
		{"missing {0}", string(r.Question.Missing), string(main.Question.Missing)},
		{"visit {0}", r.Question.Visit, main.Question.Visit},
		{"outcome {0}", r.Question.Outcome, main.Question.Outcome},
		{"arm {0}", r.Question.Arm, main.Question.Arm},
		{"reference {0}", r.Question.Reference, main.Question.Reference},
		{"baseline {0}", r.Question.Baseline, main.Question.Baseline},
	} {
		if x[1] != x[2] && x[1] != "" {
			parts = append(parts, s.text(x[0], x[1]))
		}
	}
	if len(parts) == 0 {
		return s.text("the same again")
	}
	return strings.Join(parts, ", ")
}

func sortedKeys(set map[string]string) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
