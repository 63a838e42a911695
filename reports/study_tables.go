package reports

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
)

// ownBlocks are the tables and figures of a run's result that a report may hold: those
// of which it is known what each number rests on. The others are named, with where they
// are.
func (s *study) ownBlocks(i int) []Block {
	r := s.run(i)
	id := r.ID + "-" + slug(r.Question.Outcome+r.Question.Subgroup)
	title := s.runTitle(r)
	var out []Block
	var left []string
	for _, t := range r.Result.Tables {
		switch t.Name {
		case "target-trial": // under Methods
		case "case-mix", "comparators", "structures", "refused":
			out = append(out, s.textTable(i, id, title, t))
		case "balance":
			out = append(out, s.balance(i, id, title, t, r))
		case "values", "missing-values", "missing":
			out = append(out, s.seenOnce(i, id, title, t))
		case "patterns":
			out = append(out, s.missingPatterns(i, id, t, r))
		case "tipping":
			out = append(out, s.tipping(id, title, t, r))
		default:
			left = append(left, s.text("table {0}", t.Name))
		}
	}
	figures, none := s.ownFigures(i, id, title, r)
	out = append(out, figures...)
	for _, what := range append(left, none...) {
		if x := [2]string{r.ID, what}; !slices.Contains(s.left, x) {
			s.left = append(s.left, x)
		}
	}
	return out
}

// leftInside names what was computed since it was last asked and is not shown.
func (s *study) leftInside() []Block {
	var order []string
	of := map[string][]string{}
	for _, x := range s.left {
		if of[x[0]] == nil {
			order = append(order, x[0])
		}
		of[x[0]] = append(of[x[0]], x[1])
	}
	s.left = nil
	if len(order) == 0 {
		return nil
	}
	var parts []string
	for _, id := range order {
		parts = append(parts, id+": "+strings.Join(of[id], ", "))
	}
	return []Block{Paragraph{Text: s.say("Also computed, and not here, since it is not known of each of their numbers how many patients stand behind it: {0}. recoup analyze plan PLAN -o FILE.json has them, for use inside the program.", strings.Join(parts, "; "))}}
}

func (s *study) runTitle(r analysis.PlanRun) string { return s.text("{0}, {1}", r.ID, s.asked(r)) }

// caption is the title of a run's table or figure, with the run that it is of.
func (s *study) caption(title, run string) string {
	return s.text("{0} ({1})", s.said(title).Text, run)
}

// textTable is a table of words and of published numbers.
func (s *study) textTable(i int, id, title string, from analysis.Table) Table {
	t := Table{ID: from.Name + "-" + id, Caption: s.caption(from.Title, title)}
	for _, c := range from.Columns {
		t.Columns = append(t.Columns, Column{Label: upper(s.text(strings.ReplaceAll(c, "_", " ")))})
	}
	for _, row := range from.Rows {
		var cells []Cell
		for _, v := range row {
			switch {
			case v.Text != "" || !v.Num.OK():
				cells = append(cells, s.said(v.Text))
			default:
				cells = append(cells, Number(float64(v.Num), decimalsFor(float64(v.Num)), 0).WithoutPatients())
				if float64(v.Num) == math.Trunc(float64(v.Num)) {
					cells[len(cells)-1].Format.Decimals = 0
				}
			}
		}
		t.Rows = append(t.Rows, Row{Cells: cells})
	}
	t.Footnotes = s.notes(i, from)
	return t
}

func (s *study) notes(i int, t analysis.Table) []Words {
	var out []Words
	for _, n := range t.Notes {
		if n != "" {
			out = append(out, s.note(i, upper(n)))
		}
	}
	return out
}

// note is a remark of an analysis about run i: in the report's language where that knows
// it, else in English with its counts as cells.
func (s *study) note(i int, text string) Words {
	if known, ok := s.q.in.phrase(text); ok && !s.q.in.English() {
		return Say(known)
	}
	return s.words(i, text)
}

// seenOnce is a table of values seen, or where the same one stands.
func (s *study) seenOnce(i int, id, title string, from analysis.Table) Block {
	b := s.seenTable(i, id, title, from)
	key := fmt.Sprint(from.Rows)
	if at, ok := s.seen[key]; ok {
		return Paragraph{Text: s.say("Values seen and missing of {0}: as in the table of {1}.", title, at)}
	}
	s.seen[key] = title
	return b
}

// seenTable is who was seen at each visit: counts that add up.
func (s *study) seenTable(i int, id, title string, from analysis.Table) Block {
	g := grid{from}
	group := "arm"
	if slices.Index(from.Columns, group) < 0 {
		group = "group"
	}
	seen := "seen"
	if slices.Index(from.Columns, seen) < 0 {
		seen = "used"
	}
	t := Table{
		ID: "seen-" + id, Caption: s.caption(from.Title, title),
		Columns:   []Column{{Label: "Group"}, {Label: "Visit"}, {Label: "Patients", Align: Right}, {Label: upper(s.text(seen)), Align: Right}, {Label: "Missing", Align: Right}},
		Footnotes: s.notes(i, from),
	}
	for k, row := range from.Rows {
		name := g.text(row, group)
		whole := Count(g.count(row, "patients"))
		if whole.Count == s.sizeOf(name) {
			whole = whole.Named(population(strings.TrimPrefix(name, analysis.All)))
		}
		visit := g.text(row, "visit")
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(name), Label(visit), whole, s.seenCell(i, name, visit, g.count(row, seen)), Count(g.count(row, "missing"))}})
		t.Sums = append(t.Sums, Sum{Total: At{k, 2}, Parts: []At{{k, 3}, {k, 4}}})
	}
	return t
}

// seenCell is how many of a group have the outcome of run i at a visit. Those analysed are
// a part of them, as they are of the patients with the outcome in both arms.
func (s *study) seenCell(i int, group, visit string, n int) Cell {
	r := s.Result.Runs[i]
	e := analysis.Estimate{Arm: group, Outcome: r.Question.Outcome, Visit: visit, Subgroup: r.Question.Subgroup}
	c := Count(n).Named(s.quantity(e, group, n))
	if v, err := s.Cohort.Visit(visit); err == nil && r.Question.Subgroup == "" {
		s.sums = append(s.sums, QuantitySum{Total: has(e.Outcome, v.Value), Parts: []string{c.Basis.Quantity}})
	}
	return c
}

// sizeOf is the number of patients of a group, -1 where it is none of the cohort's.
func (s *study) sizeOf(group string) int {
	q := analysis.Question{Arm: group}
	if group == analysis.All {
		q.Arm = ""
	}
	groups, _, err := analysis.Input{Cohort: s.Cohort}.Groups(q)
	if err != nil || len(groups) != 1 {
		return -1
	}
	return len(groups[0].Patients)
}

// balanced is a covariate of a balance table: its cells and what its differences rest on.
type balanced struct {
	name  string
	basis Basis
	cells []Cell
}

// balanceRows reads a table of balance. A 0/1 covariate's mean is a share of patients,
// and its differences tell that share: they rest on the smallest count of the two arms,
// of those who have it or of those who do not.
func (s *study) balanceRows(from analysis.Table, r analysis.PlanRun) []balanced {
	g := grid{from}
	raw := [2]int{}
	for _, e := range r.Result.Estimates {
		if e.Reference != "" {
			raw[0], raw[1] = max(raw[0], e.N.Arm), max(raw[1], e.N.Reference)
		}
	}
	n := min(raw[0], raw[1])
	worst := worstShares(g, raw)
	var out []balanced
	for _, row := range from.Rows {
		binary := math.IsNaN(g.number(row, "variance ratio raw"))
		b := balanced{name: row[0].Text, basis: On(n)}
		var bases [2]Basis
		for k, column := range []string{"arm raw", "reference raw"} {
			bases[k] = On(raw[k])
			if binary {
				bases[k] = shareOfMean(g.number(row, column), raw[k])
			}
		}
		if binary {
			b.basis = smaller(bases[0], bases[1])
			if all := worst[variable(b.name)]; all.Kind == Unstated || leastOf(all.Numerator, all.Denominator) < s.Fewest {
				b.basis, bases = all, [2]Basis{all, all} // the other levels would give the few away
			}
		}
		cell := func(column string, basis Basis) Cell {
			v := g.number(row, column)
			if math.IsNaN(v) {
				return NotAvailable("There is no spread to divide by.")
			}
			c := Number(v, decimalsFor(v), 0)
			c.Basis = basis
			return c
		}
		share := func(column string, basis Basis) Cell {
			c := cell(column, basis)
			if binary && !math.IsNaN(c.Value) {
				c.Format.Kind, c.Format.Decimals = Percent, 0
			}
			return c
		}
		b.cells = []Cell{
			Label(b.name),
			share("arm raw", bases[0]), share("reference raw", bases[1]), cell("difference raw", b.basis),
			share("arm adjusted", b.basis), share("reference adjusted", b.basis), cell("difference adjusted", b.basis),
		}
		out = append(out, b)
	}
	return out
}

// variable is the covariate that a line of a balance table is a level of.
func variable(line string) string {
	name, _, _ := strings.Cut(line, ": ")
	return name
}

// worstShares are the smallest counts that the levels of each covariate tell, in either
// arm.
func worstShares(g grid, raw [2]int) map[string]Basis {
	out := map[string]Basis{}
	for _, row := range g.Rows {
		if !math.IsNaN(g.number(row, "variance ratio raw")) {
			continue
		}
		b := smaller(shareOfMean(g.number(row, "arm raw"), raw[0]), shareOfMean(g.number(row, "reference raw"), raw[1]))
		name := variable(row[0].Text)
		if before, ok := out[name]; ok {
			b = smaller(before, b)
		}
		out[name] = b
	}
	return out
}

// shareOfMean is the basis of the mean of a 0/1 covariate among n patients; unstated
// where it is no whole number of them.
func shareOfMean(mean float64, n int) Basis {
	x := mean * float64(n)
	if n == 0 || math.IsNaN(x) || math.Abs(x-math.Round(x)) > 1e-6 {
		return Basis{}
	}
	return ShareOf(int(math.Round(x)), n)
}

// smaller is the basis of the fewer patients; unstated where one is.
func smaller(a, b Basis) Basis {
	if a.Kind == Unstated || b.Kind == Unstated {
		return Basis{}
	}
	if leastOf(b.Numerator, b.Denominator) < leastOf(a.Numerator, a.Denominator) {
		return b
	}
	return a
}

func (s *study) balance(i int, id, title string, from analysis.Table, r analysis.PlanRun) Block {
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	t := Table{
		ID: "balance-" + id, Caption: s.caption(from.Title, title),
		Columns: []Column{
			{Label: "Covariate"},
			right("Arm, before"), right("Reference, before"), right("Difference, before (SD)"),
			right("Arm, after"), right("Reference, after"), right("Difference, after (SD)"),
		},
		Footnotes: s.notes(i, from),
	}
	for _, b := range s.balanceRows(from, r) {
		t.Rows = append(t.Rows, Row{Cells: b.cells})
	}
	if len(t.Rows) == 0 {
		return cannot("Balance is not shown", "There is no covariate that the arms were made alike in.")
	}
	return t
}

// tipping is the grid of deltas, each answer resting on the patients of the smaller arm.
func (s *study) tipping(id, title string, from analysis.Table, r analysis.PlanRun) Block {
	f := tipping(s.q.in, from)
	f.ID, f.Title = "tipping-"+id, s.caption(from.Title, title)
	f.Alt = Say(f.Title)
	p, ok := f.Plot.(Matrix)
	if !ok {
		return f
	}
	k := comparison(r)
	if k < 0 {
		return cannot(f.Title, "There is no estimate that the grid belongs to.")
	}
	basis := s.basis(r.Result.Estimates[k], r.Result.Estimates)
	for i := range p.Cells {
		for j := range p.Cells[i] {
			p.Cells[i][j].Cell.Basis = basis
		}
	}
	return f
}

// ownFigures are the curves of a run that the disclosure rules know how to protect, and
// the names of the others.
func (s *study) ownFigures(i int, id, title string, r analysis.PlanRun) (out []Block, left []string) {
	for _, whole := range wholes {
		if f, ok := stack(s.q.in, s.figureTitle(r), whole, r.Result.Series); ok {
			f.ID += "-" + id
			out = append(out, f)
		}
	}
	for _, name := range seriesNames(r.Result.Series) {
		switch {
		case slices.ContainsFunc(wholes, func(w wholeKind) bool { return strings.HasPrefix(name, w.prefix) }), name == "love-adjusted", name == "tipping", name == "forest":
		case name == "score":
			out = append(out, s.overlap(id, r))
		case name == "score-weighted": // drawn with score
		case name == "love-raw":
			if f, ok := s.love(i, id, title, r); ok {
				out = append(out, f)
			}
		case strings.HasPrefix(name, "dose-by-week/"), atRisks(named(r.Result.Series, name)):
			f := curves(s.q.in, s.figureTitle(r), name, r.Result.Series, s.Plan.Level)
			f.ID += "-" + id
			out = append(out, f)
		default:
			left = append(left, s.text("curve {0}", name))
		}
	}
	return out, left
}

// figureTitle names a figure by the item that it belongs to and what that asks.
func (s *study) figureTitle(r analysis.PlanRun) string {
	for _, x := range s.Plan.Items {
		for _, item := range append([]analysis.PlanItem{x}, x.Sensitivity...) {
			if item.ID == r.ID && (r.Question.Outcome != "" || r.Question.Visit != "" || r.Question.Subgroup != "") {
				return s.text("{0}: {1}", s.title(item), s.asked(r))
			} else if item.ID == r.ID {
				return s.title(item)
			}
		}
	}
	return s.runTitle(r)
}

// love is the plot of balance, each dot with the patients it rests on.
func (s *study) love(i int, id, title string, r analysis.PlanRun) (Figure, bool) {
	f, ok := love(s.q.in, r.Result)
	if !ok {
		return f, false
	}
	f.ID = "love-" + id
	f.Subtitle = s.caption(f.Subtitle, title)
	f.Caption = Words{}
	bases := map[string]Basis{}
	for _, t := range r.Result.Tables {
		if t.Name == "balance" {
			for k, n := range s.notes(i, t) {
				if k > 0 {
					f.Caption = f.Caption.And(" ")
				}
				f.Caption = f.Caption.join(n)
			}
			for _, b := range s.balanceRows(t, r) {
				bases[b.name] = b.basis
			}
		}
	}
	p := f.Plot.(Dots)
	if slices.ContainsFunc(p.Rows, func(row string) bool { return s.maybeHidden(bases[row]) }) {
		f.Title = s.figureTitle(r) // how many differ, and their order, would tell of what is hidden
		f.Alt = Say("Absolute standardised differences of the covariates, before and after; the table gives the same numbers.")
		p = inOrder(p)
		f.Plot = p
	}
	for _, series := range p.Series {
		for k := range series.Values {
			if series.Values[k].Format.Kind != Blank {
				series.Values[k].Basis = bases[p.Rows[k]]
			}
		}
	}
	return f, true
}

// maybeHidden tells whether a number on a basis may be hidden for the few it tells of.
func (s *study) maybeHidden(b Basis) bool {
	return b.Kind == Unstated || b.Kind == OfPatients && b.N < s.Fewest || b.Kind == ShareOfPatients && leastOf(b.Numerator, b.Denominator) < s.Fewest
}

// inOrder is a plot with its rows by name.
func inOrder(p Dots) Dots {
	order := make([]int, len(p.Rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(p.Rows[a], p.Rows[b]) })
	out := p
	out.Rows, out.Series = nil, slices.Clone(p.Series)
	for k := range out.Series {
		out.Series[k].Values = nil
	}
	for _, i := range order {
		out.Rows = append(out.Rows, p.Rows[i])
		for k := range out.Series {
			out.Series[k].Values = append(out.Series[k].Values, p.Series[k].Values[i])
		}
	}
	return out
}

// targetTrials are the trials that comparisons stand in for, each once: whatever result
// has one is shown with it.
func (s *study) targetTrials() []Block {
	var out []Block
	said := map[string]bool{}
	for i := range s.Result.Runs {
		r := s.run(i)
		for _, t := range r.Result.Tables {
			if t.Name != "target-trial" {
				continue
			}
			table := s.targetTrial(i, t, r)
			var text strings.Builder
			for _, row := range table.Rows {
				for _, c := range row.Cells {
					text.WriteString(c.Text + "|" + strconv.Itoa(c.Count) + "|")
				}
			}
			if !said[text.String()] {
				said[text.String()] = true
				out = append(out, table)
			}
		}
	}
	return out
}

var (
	keptText = regexp.MustCompile(`^(\d+) (patients with .*); \d+ left out$`)
	armsText = regexp.MustCompile(`^(as recorded in the arm): (\d+) and (\d+) patients$`)
)

// targetTrial is a target-trial table, its counts in a column of their own.
func (s *study) targetTrial(i int, from analysis.Table, r analysis.PlanRun) Table {
	t := Table{
		ID: "target-trial-" + r.ID + "-" + slug(r.Question.Outcome+r.Question.Subgroup), Caption: s.caption(from.Title, s.runTitle(r)),
		Columns:   []Column{{Label: "Element"}, {Label: "Target trial"}, {Label: "This cohort"}, {Label: "Patients", Align: Right}},
		Footnotes: append(s.notes(i, from), Say("Who was left out is under Who was analysed.")),
	}
	var e analysis.Estimate
	if k := comparison(r); k >= 0 {
		e = r.Result.Estimates[k]
	}
	total := -1
	for _, row := range from.Rows {
		element, trial, here := row[0].Text, row[1].Text, row[2].Text
		cells := func(text string, n Cell) {
			t.Rows = append(t.Rows, Row{Cells: []Cell{s.said(upper(element)), s.said(trial), s.said(text), n}})
		}
		if m := keptText.FindStringSubmatch(here); m != nil {
			n, _ := strconv.Atoi(m[1])
			total = len(t.Rows)
			cells(m[2], Count(n))
			continue
		}
		if m := armsText.FindStringSubmatch(here); m != nil {
			arm, _ := strconv.Atoi(m[2])
			reference, _ := strconv.Atoi(m[3])
			at := len(t.Rows)
			cells(m[1], Cell{})
			for _, x := range []struct {
				name string
				n    int
			}{{e.Arm, arm}, {e.Reference, reference}} {
				t.Rows = append(t.Rows, Row{Indent: 1, Cells: []Cell{Label(x.name), Label(""), Label(""), s.patients(e, x.name, x.n)}})
			}
			if total >= 0 {
				t.Sums = append(t.Sums, Sum{Total: At{total, 3}, Parts: []At{{at + 1, 3}, {at + 2, 3}}})
			}
			continue
		}
		here, _, _ = strings.Cut(here, ", at most ") // the longest time is one patient's
		cells(here, Cell{})
	}
	return t
}
