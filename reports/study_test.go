package reports_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/catalog"
	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/synthetic"
	"recoup/reports"
	"recoup/reports/disclosure"
	"recoup/reports/render"
	"recoup/simulate"
	"recoup/simulate/rehab"
)

// studied is a plan run on a cohort.
type studied struct {
	in reports.StudyInput
}

func newStudied(t *testing.T, c *datasets.Cohort, plan string, workers int) studied {
	t.Helper()
	s, err := ran(t.Context(), c, plan, workers)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ran(ctx context.Context, c *datasets.Cohort, plan string, workers int) (studied, error) {
	p, err := analysis.ParsePlan("plan.yaml", []byte(plan), catalog.Find)
	if err != nil {
		return studied{}, err
	}
	r, err := p.Run(ctx, analysis.Input{Cohort: c, Find: catalog.Find}, workers)
	return studied{reports.StudyInput{Plan: p, Cohort: c, Result: r, Find: catalog.Find, Fewest: 1}}, err
}

// report is the study under a policy, with its sentences.
func (s studied) report(t *testing.T, policy string) reports.Report {
	t.Helper()
	p, err := disclosure.Named(policy)
	if err != nil {
		t.Fatal(err)
	}
	s.in.Fewest = p.Max + 1
	r, err := reports.Study(t.Context(), s.in)
	if err != nil {
		t.Fatal(err)
	}
	r, audit := disclosure.Apply(r, p)
	if audit.Broken > 0 {
		t.Errorf("%d small counts can still be found", audit.Broken)
	}
	found, err := disclosure.Finished(t.Context(), r, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		t.Errorf("a hidden cell can be found in %s, from %s", d.Where, d.How)
	}
	return reports.SpeakStudy(r)
}

func markdown(t *testing.T, r reports.Report) string {
	t.Helper()
	var b strings.Builder
	if err := render.Markdown(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const studyPlan = `
title: A study
question: {arm: program, reference: usual care}
analyses:
  - id: pain
    role: primary
    run: effect/ancova
    question: {outcome: pain, visit: month12}
    terms: [adjusted_difference]
    subgroups: ["age >= 50", "age < 50"]
    sensitivity:
      - {id: mixed, run: longitudinal/mmrm, terms: [adjusted_difference]}
      - {id: weighted, run: compare/weighted, set: {covariates: [age, sex, condition]}}
      - {id: bounds, run: impute/bounds}
      - {id: tipping, run: impute/tipping-point}
  - id: responders
    role: primary
    run: effect/responders
    outcomes: [pain, phq9]
    visits: [month12]
  - id: matched
    run: compare/matched
    question: {outcome: pain, visit: month12}
  - {id: work, run: work/return, question: {visit: month12}}
  - {id: competing, run: work/competing}
  - {id: nothing, run: work/cox, question: {visit: month12}}
multiplicity:
  - {name: main, method: holm, of: [pain, responders]}
`

// theStudy is the study of studyPlan on a synthetic cohort; it is studies once, and tests
// only read it.
func theStudy(t *testing.T) studied {
	t.Helper()
	s, err := studies()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var studies = sync.OnceValues(func() (studied, error) {
	ctx := context.Background()
	o := synthetic.Default
	o.Patients, o.Comparison = 300, true
	f, err := synthetic.Make(ctx, o)
	if err != nil {
		return studied{}, err
	}
	c, err := f.Load(ctx)
	if err != nil {
		return studied{}, err
	}
	return ran(ctx, c, studyPlan, 0)
})

// tablesOf are the tables of a report by their ids.
func tablesOf(r reports.Report) map[string]reports.Table {
	out := map[string]reports.Table{}
	for _, s := range r.Sections {
		for _, b := range s.Blocks {
			if t, ok := b.(reports.Table); ok {
				out[t.ID] = t
			}
		}
	}
	return out
}

// The numbers of the report are those of the plan's own results, all of them, in their
// order: value, interval, p, adjusted p, patients.
func TestStudyNumbers(t *testing.T) {
	s := theStudy(t)
	tables := tablesOf(s.report(t, "none"))
	same := func(where string, got reports.Cell, want float64) {
		t.Helper()
		if math.IsNaN(want) && got.Format.Kind == reports.Blank {
			return
		}
		if got.Value != want && !(math.IsNaN(got.Value) && math.IsNaN(want)) {
			t.Errorf("%s: %v, the plan has %v", where, got.Value, want)
		}
	}
	count, at := 0, map[string]int{}
	for i, run := range s.in.Result.Runs {
		table := tables["results-"+run.ID]
		next := func() reports.Row {
			for table.Rows[at[run.ID]].Heading {
				at[run.ID]++
			}
			at[run.ID]++
			return table.Rows[at[run.ID]-1]
		}
		if run.Cannot != "" {
			if row := next(); row.Cells[1].Why == "" {
				t.Errorf("%s has no answer, and no reason stands there", run.ID)
			}
			continue
		}
		for k, e := range run.Result.Estimates {
			row, by, where := next(), 1.0, run.ID+" "+e.Term+" "+e.Arm+" "+e.Visit
			if e.Scale == analysis.ScaleRiskDiff {
				by = 100
			}
			if c := row.Cells[1]; c.Format.Kind == reports.CountOf {
				c.Value = float64(c.Count)
				same(where, c, float64(e.Value))
			} else {
				same(where, c, by*float64(e.Value))
				if e.Value.OK() && e.CI.Low.OK() && (c.Low != by*float64(e.CI.Low) || c.High != by*float64(e.CI.High)) {
					t.Errorf("%s: interval %v to %v, the plan has %v to %v", where, c.Low, c.High, e.CI.Low, e.CI.High)
				}
				if !e.Value.OK() && c.Why == "" {
					t.Errorf("%s has no number and no reason", where)
				}
			}
			if row.Cells[5].Count != e.N.Arm || row.Cells[6].Count != e.N.Reference {
				t.Errorf("%s: %d and %d patients, the plan has %d and %d", where, row.Cells[5].Count, row.Cells[6].Count, e.N.Arm, e.N.Reference)
			}
			same(where+" p", row.Cells[7], float64(e.P))
			adjusted := math.NaN()
			for _, x := range s.in.Result.Tests {
				if x.Run == i && x.Estimate == k {
					adjusted = float64(x.Adjusted)
				}
			}
			same(where+" adjusted", row.Cells[8], adjusted)
			count++
		}
	}
	if count < 80 {
		t.Errorf("%d estimates were compared, expected more", count)
	}
	for id, n := range at {
		for _, row := range tables["results-"+id].Rows[n:] {
			if !row.Heading {
				t.Errorf("%s has a row that the plan has not", id)
			}
		}
	}
}

// Every warning, every exclusion's reason and every refusal of the plan stands in the
// report.
func TestStudyDropsNoWarning(t *testing.T) {
	s := theStudy(t)
	text := strings.NewReplacer("\\", "", "\n", " ", "&gt;", ">", "&lt;", "<").Replace(markdown(t, s.report(t, "none")))
	words := func(message string) string { // up to the first number, which may be written otherwise
		if at := strings.IndexAny(message, "0123456789"); at >= 0 {
			message = message[:at]
		}
		return strings.TrimSpace(strings.ReplaceAll(message, "\n", " "))
	}
	for _, run := range s.in.Result.Runs {
		all := slices.Clone(run.Result.Warnings)
		for _, e := range run.Result.Estimates {
			all = append(all, e.Warnings...)
		}
		for _, w := range all {
			m := words(w.Message)
			if len(m) > 1 && !strings.Contains(strings.ToLower(text), strings.ToLower(m)) {
				t.Errorf("%s: the warning %s is not in the report: %s", run.ID, w.Code, m)
			}
		}
		if run.Cannot != "" && !strings.Contains(text, "times to return do not belong to a visit") {
			t.Errorf("%s: no reason for its refusal", run.ID)
		}
		for _, x := range run.Result.Excluded {
			if m := words(strings.Replace(x.Reason, "left out by where: ", "not among those with ", 1)); !strings.Contains(strings.ToLower(text), strings.ToLower(m)) {
				t.Errorf("%s: %q is not among what was left out", run.ID, m)
			}
		}
	}
}

// A comparison that stands in for a trial is shown with that trial, whichever analysis
// gives it.
func TestStudyShowsTargetTrials(t *testing.T) {
	s := theStudy(t)
	text := markdown(t, s.report(t, "none"))
	want := 0
	for _, run := range s.in.Result.Runs {
		for _, table := range run.Result.Tables {
			if table.Name != "target-trial" {
				continue
			}
			want++
			says(t, text, "The trial that this comparison stands in for ("+run.ID)
			for _, row := range table.Rows {
				says(t, text, row[1].Text)
			}
		}
	}
	if want != 2 {
		t.Errorf("%d target trials, expected those of weighted and matched", want)
	}
	says(t, text, "| Assignment | by chance | not by chance;", "Hernan and Robins 2016", "| Causal contrast |")
}

// What is set beside the main estimate is the analysis named, and the sentence counts it.
func TestStudySensitivity(t *testing.T) {
	s := theStudy(t)
	r := s.report(t, "none")
	table, ok := tablesOf(r)["beside-pain-pain-month12"]
	if !ok || len(table.Rows) != 1+1+1+9+1 { // main, mixed, weighted, the nine of bounds, tipping at no delta
		t.Fatalf("%d rows beside the main estimate", len(table.Rows))
	}
	if got, want := table.Rows[0].Cells[1].Value, float64(analysistest.Find(t, s.in.Result.Runs[0].Result, "adjusted_difference", "program").Value); got != want {
		t.Errorf("the main estimate is %v, the plan has %v", got, want)
	}
	says(t, markdown(t, r), "The main estimate is clear. Of 12 estimates beside it: 11 clear on the same side, 1 clear on the OTHER side.")
}

const twoArms = `
name: two
resources:
  - name: visits
    path: v
    schema:
      fields:
        - {name: id, type: string, role: patient}
        - {name: arm, type: string, role: arm}
        - {name: visit, type: string, role: visit}
        - {name: pain, title: Pain, type: number, role: outcome, instrument: nrs}
visits:
  - {value: base, week: 0, baseline: true}
  - {value: end, name: the end, week: 4, role: discharge}
`

// rowsOf writes n patients of each arm: pain at entry from 4 to 8 in turn, and at the
// end that plus a change that goes through the given ones in turn.
func rowsOf(n int, arms map[string][]float64) string {
	var b strings.Builder
	b.WriteString("id,arm,visit,pain\n")
	names := make([]string, 0, len(arms))
	for a := range arms {
		names = append(names, a)
	}
	slices.Sort(names)
	for k, a := range names {
		for i := range n {
			at := float64(4 + i%5)
			fmt.Fprintf(&b, "q%d%c%d,%s,base,%g\nq%d%c%d,%s,end,%g\n", i, 'a'+k, i*7, a, at, i, 'a'+k, i*7, a, at+arms[a][i%len(arms[a])])
		}
	}
	return b.String()
}

func twoArmed(t *testing.T, n int, arms map[string][]float64) *datasets.Cohort {
	t.Helper()
	return analysistest.Cohort(t, twoArms, map[string]string{"v": rowsOf(n, arms)})
}

const twoPlan = `
question: {arm: new, reference: old, outcome: pain, visit: end}
analyses:
  - {id: change, role: primary, run: effect/ancova, terms: [adjusted_difference], sensitivity: [{id: robust, set: {errors: HC3}}]}
`

// Two arms with the same changes do not differ, and nothing in the report says so of
// their difference: no clear difference is not no difference.
func TestStudyClaimsNothingWithoutEffect(t *testing.T) {
	s := newStudied(t, twoArmed(t, 60, map[string][]float64{"new": {-2, 0, 1, -3}, "old": {0, -2, -3, 1}}), twoPlan, 0)
	text := markdown(t, s.report(t, "cms-11"))
	says(t, text, ": no clear difference.", "The main estimate shows no clear difference. Of 1 estimate beside it: 1 without one.", "No clear difference is not the same as no difference")
	silent(t, text, "clearly", "which is better", "on the same side")
}

// With a difference the sentence says which side, and which is better by the instrument.
func TestStudySaysWhichSide(t *testing.T) {
	s := newStudied(t, twoArmed(t, 60, map[string][]float64{"new": {-3, -2, -3, -2, -1}, "old": {0, -1, 0, 1}}), twoPlan, 0)
	text := markdown(t, s.report(t, "cms-11"))
	says(t, text, "clearly below the null value (0), which is better in this measure", "1 clear on the same side")
	s = newStudied(t, twoArmed(t, 60, map[string][]float64{"old": {-3, -2, -3, -2, -1}, "new": {0, -1, 0, 1}}), twoPlan, 0)
	says(t, markdown(t, s.report(t, "cms-11")), "clearly above the null value (0), which is worse in this measure")
}

// Nine patients in all: the report is written in every format, claims nothing, and tells
// no number of them.
func TestStudyOfNinePatients(t *testing.T) {
	c := twoArmed(t, 5, map[string][]float64{"new": {-3, -2, -3}, "old": {0, -1, 0}})
	nine := make([]bool, c.Patients())
	for i := range nine {
		nine[i] = i < 9
	}
	plan := strings.Replace(twoPlan, "analyses:\n", "analyses:\n  - {id: weighted, run: compare/weighted}\n  - {id: shares, role: primary, run: effect/responders}\n  - {id: model, run: longitudinal/mmrm}\n", 1)
	s := newStudied(t, c.Select(nine, "the tenth"), plan, 0)
	r := s.report(t, "cms-11")
	text := markdown(t, r)
	says(t, text, "not shown, to protect patients")
	silent(t, text, "clearly")
	for id, table := range tablesOf(r) {
		for _, row := range table.Rows {
			for _, cell := range row.Cells {
				if cell.Basis.Kind != reports.Public && cell.Hidden == reports.Shown && (cell.Format.Kind == reports.CountOf && cell.Count > 0 || cell.Format.Kind != reports.CountOf && cell.Format.Kind != reports.Blank && cell.Format.Kind != reports.Text && !math.IsNaN(cell.Value)) {
					t.Errorf("%s shows %s", id, render.Cell(cell))
				}
			}
		}
	}
	for _, f := range render.Formats {
		if f.Ending == ".pdf" {
			continue
		}
		if err := f.Write(t.Context(), &bytes.Buffer{}, r, render.Options{}); err != nil {
			t.Errorf("%s: %v", f.Ending, err)
		}
	}
	says(t, markdown(t, s.report(t, "none")), "too few patients to call a difference clear")
}

// The same plan on the same cohort gives the same bytes by any number of workers.
func TestStudyBytes(t *testing.T) {
	c := theStudy(t).in.Cohort
	write := func(workers int) string {
		var b bytes.Buffer
		if err := render.HTML(&b, newStudied(t, c, studyPlan, workers).report(t, "cms-11")); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if write(1) != write(3) {
		t.Error("the number of workers changes the report")
	}
}

// Under a policy no count from 1 to 10 stands anywhere: not in cells, nor in the words of
// warnings, nor in R calls.
func TestStudyHidesSmallCounts(t *testing.T) {
	s := theStudy(t)
	r := s.report(t, "cms-11")
	text := markdown(t, r)
	for _, n := range disclosure.CountsInText(text) {
		if n > 0 && n < 11 {
			t.Errorf("the report tells of %d patients", n)
		}
	}
	responders := s.in.Result.Runs[len(s.in.Result.Runs)-6]
	for _, run := range s.in.Result.Runs {
		if run.ID == "responders" && run.Question.Outcome == "pain" {
			responders = run
		}
	}
	reference := analysistest.Find(t, responders.Result, "responders_all", "usual care")
	if reference.N.Events >= 11 || reference.N.Events == 0 {
		t.Fatalf("%d responders: the test needs a small count", reference.N.Events)
	}
	// Everything that tells it goes with it: the difference, the ratios and their p.
	for _, row := range tablesOf(r)["results-responders"].Rows[:17] {
		label := row.Cells[0].Text
		if strings.HasPrefix(label, "risk") || strings.HasPrefix(label, "odds") || strings.HasPrefix(label, "number needed") || strings.HasPrefix(label, "responders") && row.Cells[3].Text == "usual care" {
			if row.Cells[1].Hidden == reports.Shown {
				t.Errorf("%s (%s) shows %s, which tells of %d patients", label, row.Cells[3].Text, render.Cell(row.Cells[1]), reference.N.Events)
			}
		}
	}
	silent(t, text, "prop.test(5", "BinomDiffCI(4", "baseline of zero, of which no percentage can be taken: 3")
}

// Where one level of a covariate has few patients in an arm, no level of it stands in the
// table of balance or its plot: the others, and the differences, would give the few away.
func TestStudyBalanceHidesWholeCovariates(t *testing.T) {
	s := theStudy(t)
	r := s.report(t, "cms-11")
	shown, hidden := 0, 0
	for _, row := range tablesOf(r)["balance-weighted-pain"].Rows {
		covariate, _, level := strings.Cut(row.Cells[0].Text, ": ")
		for _, c := range row.Cells[1:] {
			switch {
			case level && covariate == "condition" && c.Hidden == reports.Shown:
				t.Errorf("%s shows %s", row.Cells[0].Text, render.Cell(c))
			case c.Hidden == reports.Shown:
				shown++
			default:
				hidden++
			}
		}
	}
	if shown < 12 || hidden < 30 {
		t.Errorf("%d cells are shown, %d hidden", shown, hidden)
	}
	for _, section := range r.Sections {
		for _, b := range section.Blocks {
			f, ok := b.(reports.Figure)
			p, dots := f.Plot.(reports.Dots)
			if !ok || !dots || f.ID != "love-weighted-pain" {
				continue
			}
			if !slices.IsSorted(p.Rows) || strings.ContainsAny(f.Title, "0123456789") && strings.Contains(f.Title, "differ") {
				t.Errorf("the plot of balance tells of what is hidden by its order or title: %s, %v", f.Title, p.Rows)
			}
			for i, name := range p.Rows {
				for _, series := range p.Series {
					if strings.HasPrefix(name, "condition: ") && series.Values[i].Hidden == reports.Shown {
						t.Errorf("the plot shows %s", name)
					}
				}
			}
		}
	}
}

// Labels from a plan and a cohort are hostile until escaped.
func TestStudyHostileLabels(t *testing.T) {
	evil := `<script>alert("x")</script>`
	dictionary := strings.NewReplacer("title: Pain", "title: '"+evil+"'", "name: the end", "name: '=cmd()"+evil+"'").Replace(twoArms)
	rows := strings.NewReplacer(",new,", `,"=1+1"" onload=""x",`, ",old,", ",<img src=x>,").Replace(rowsOf(40, map[string][]float64{"new": {-3, -2}, "old": {0, -1}}))
	c := analysistest.Cohort(t, dictionary, map[string]string{"v": rows})
	plan := `
title: '` + evil + `'
question: {arm: '=1+1" onload="x', reference: '<img src=x>', outcome: pain, visit: end}
analyses:
  - {id: a, title: '=HYPERLINK("x")` + evil + `', role: primary, run: effect/ancova, sensitivity: [{id: b, run: compare/weighted}]}
`
	for _, lang := range []string{"", "de"} {
		s := newStudied(t, c, plan, 0)
		s.in.Lang = lang
		hostile(t, s.report(t, "cms-11"))
	}
}

// hostile writes a report of hostile labels in every format.
func hostile(t *testing.T, r reports.Report) {
	t.Helper()
	for _, f := range render.Formats {
		if f.Ending == ".pdf" {
			continue
		}
		var b bytes.Buffer
		if err := f.Write(t.Context(), &b, r, render.Options{}); err != nil {
			t.Errorf("%s: %v", f.Ending, err)
		}
		text := b.String()
		switch f.Ending {
		case ".html":
			silent(t, text, "<script>", "<img", ` onload="x`)
			says(t, text, "&lt;script&gt;")
		case ".csv":
			for _, line := range strings.Split(text, "\n") {
				for _, cell := range strings.Split(line, ",") {
					if strings.HasPrefix(strings.Trim(cell, `"`), "=") {
						t.Errorf("a cell that a spreadsheet runs: %q", cell)
					}
				}
			}
		}
	}
}

// Each item of the guidelines is there once, answered or not; what the plan does not do is
// not called done.
func TestStudyChecklists(t *testing.T) {
	tables := tablesOf(newStudied(t, twoArmed(t, 30, map[string][]float64{"new": {-3, -2}, "old": {0, -1}}), strings.Replace(twoPlan, ", sensitivity: [{id: robust, set: {errors: HC3}}]", "", 1), 0).report(t, "cms-11"))
	strobe := strings.Fields("1a 1b 2 3 4 5 6a 6b 7 8 9 10 11 12a 12b 12c 12d 12e 13a 13b 13c 14a 14b 14c 15 16a 16b 16c 17 18 19 20 21 22")
	record := strings.Fields("1.1 1.2 1.3 6.1 6.2 6.3 7.1 12.1 12.2 12.3 13.1 19.1 22.1")
	for id, want := range map[string][]string{"strobe": strobe, "record": record} {
		var got []string
		for _, row := range tables[id].Rows {
			got = append(got, row.Cells[0].Text)
			where := row.Cells[2].Text
			if where == "" || strings.HasSuffix(where, ": ") {
				t.Errorf("%s %s says nothing", id, row.Cells[0].Text)
			}
			if slices.Contains([]string{"6b", "10", "12b", "12e", "17", "22"}, row.Cells[0].Text) && !strings.HasPrefix(where, "Not answered by this report: ") {
				t.Errorf("%s %s is called answered: %s", id, row.Cells[0].Text, where)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has items %v", id, got)
		}
	}
	var twelve string
	for _, row := range tablesOf(theStudy(t).report(t, "cms-11"))["strobe"].Rows {
		if row.Cells[0].Text == "12e" {
			twelve = row.Cells[2].Text
		}
	}
	if twelve != "Sensitivity analyses" {
		t.Errorf("item 12e: %s", twelve)
	}
}

// The simulator's figures stand as they were written, claims and fitted ones apart.
func TestStudyValidation(t *testing.T) {
	s := newStudied(t, twoArmed(t, 30, map[string][]float64{"new": {-3, -2}, "old": {0, -1}}), twoPlan, 0)
	silent(t, markdown(t, s.report(t, "cms-11")), "Each published figure")
	nan := math.NaN()
	s.in.Validation = &reports.StudyValidation{Evidence: "e", Digest: "d", Draws: 20, Patients: 100, Figures: []rehab.Validation{
		{Study: "A", Outcome: "pain_change", Strategy: "usual", Observed: 1, Predicted: 1.5, Lower: 1, Upper: 2, Z: 1.2, Verdict: rehab.Agrees},
		{Study: "B", Outcome: "work", Strategy: "usual", Observed: 1, Predicted: 3, Lower: 2, Upper: 4, Z: 5, Verdict: rehab.TooHigh, Calibrated: true},
		{Study: "C", Outcome: "work", Strategy: "usual", Observed: 1, Predicted: 3, Lower: 2, Upper: 4, Z: simulate.Num(nan), Verdict: rehab.AgreesWide, Claim: true},
	}}
	text := markdown(t, s.report(t, "cms-11"))
	says(t, text, "| Predicted | 1 | 1 | 0 | 0 |", "| Fitted | 1 | 0 | 0 | 1 |", "| Claim | 1 | 0 | 1 | 0 |", "| B | work, usual | fitted |", "the study gives no standard error")
}

// The trial of Ashar and others: the effect size that it prints, -1.14, is in the report.
func TestStudyOfARealTrial(t *testing.T) {
	if _, err := os.Stat("../../shared/data/ashar2022"); err != nil {
		t.Skip("SKIPPED: the trial's data is absent from the shared folder beside the project")
	}
	c, err := open.Cohort(t.Context(), "../datasets/testdata/ashar2022.yaml", open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := newStudied(t, c, `
question: {arm: PRT, reference: placebo, outcome: pain_avg, visit: t2_arm_1}
analyses:
  - {id: g, role: primary, run: effect/hedges-g, terms: [hedges_g], set: {denominator: change}, sensitivity: [{id: ancova, run: effect/ancova, terms: [adjusted_difference]}]}
`, 0).report(t, "none")
	says(t, markdown(t, r), "−1.14 (", "clearly below the null value (0), which is better in this measure", "PRT v placebo")
}

// A difference alone tells the reference's count too: 38 of 176 less 16.4 points is 5 of 96.
func TestStudyHidesADifferenceByItself(t *testing.T) {
	s := newStudied(t, theStudy(t).in.Cohort, `
question: {arm: program, reference: usual care, outcome: pain, visit: month12}
analyses:
  - {id: d, role: primary, run: effect/responders, terms: [risk_difference_all]}
`, 0)
	if row := tablesOf(s.report(t, "cms-11"))["results-d"].Rows[1]; row.Cells[1].Hidden == reports.Shown {
		t.Errorf("%s is shown", render.Cell(row.Cells[1]))
	}
}
