package cli

import (
	"context"
	"crypto/sha256"
	_ "embed" // the first plan
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/datasets"
)

// planFlags are the flags of analyze plan.
type planFlags struct {
	load    loadFlags
	cohort  string
	check   bool
	print   bool
	workers int
	out     string
}

func (a *app) analyzePlan() *cobra.Command {
	var f planFlags
	c := &cobra.Command{
		Use:   "plan [PLAN]",
		Short: "Run a study's whole list of analyses",
		Long: `Run a study's whole list of analyses, side by side, into one table of results. The
plan is a YAML file, written before the results are seen; --print writes one with
comments, to be edited. Each analysis runs for each of its outcomes, visits and
subgroups, and then its sensitivity analyses do.

Families of tests under multiplicity adjust p values: holm, hochberg, hommel,
bonferroni, sidak, bh, by, or fixed-sequence, in the order listed. Sensitivity analyses
are in none, subgroups where the family says so; without a term every estimate with a
p value counts. Intervals are not adjusted.

A plan that is wrong, or asks for what the cohort does not have, is refused as a whole
before anything runs, all at once. What an analysis then cannot answer is said in its
place, and the rest runs.

-o picks the format by its ending: .json has everything, tables and settings among
it; .csv and .parquet have a row for each estimate; .txt is for reading.`,
		Example: `  recoup analyze plan --print -o plan.yaml
  recoup analyze plan plan.yaml --check
  recoup analyze plan plan.yaml -o results.csv
  recoup analyze plan plan.yaml --cohort cohort.yaml --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.print && len(args) == 0:
				return a.printPlan(f.out)
			case f.print || len(args) == 0:
				return usagef("expected a plan, or --print and no plan")
			}
			return a.runPlan(c.Context(), args[0], f)
		},
	}
	f.load.add(c)
	c.Flags().StringVar(&f.cohort, "cohort", "", "cohort file, in place of the plan's")
	c.Flags().BoolVar(&f.check, "check", false, "check the plan against the cohort and list what it would run")
	c.Flags().BoolVar(&f.print, "print", false, "write a first plan with comments")
	c.Flags().IntVar(&f.workers, "workers", 0, "analyses at a time; 0 for one a processor; changes no digit")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

//go:embed plan.yaml
var firstPlan []byte

func (a *app) printPlan(path string) error {
	write := func(w io.Writer) error { _, err := w.Write(firstPlan); return err }
	if path == "" {
		return write(a.Out)
	}
	return writeFile(path, write)
}

// planned is the envelope of a plan's results.
type planned struct {
	Schema     string         `json:"schema"`
	Provenance provenance     `json:"provenance"`
	PlanSHA256 string         `json:"plan_sha256"`
	Plan       *analysis.Plan `json:"plan"`
	analysis.PlanResult
}

func (a *app) runPlan(ctx context.Context, path string, f planFlags) error {
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".parquet", ".txt")
	if err != nil {
		return err
	}
	p, err := a.readPlan(ctx, path, f.cohort, &f.load)
	if err != nil {
		return err
	}
	if f.check {
		return a.listPlan(p.plan, p.runs)
	}
	origin, err := p.cohort.Origin(ctx)
	if err != nil {
		return err
	}
	r, err := a.executePlan(ctx, p, f.workers)
	if err != nil {
		return err
	}
	out := planned{
		Schema: "recoup.plan/v1", PlanSHA256: p.digest, Plan: p.plan, PlanResult: r,
		Provenance: provenance{build: thisBuild(), Origin: &origin, Where: f.load.where, SetAside: f.load.setAside},
	}
	return a.emit(ctx, f.out, format, result{out, planTable(r), func(w io.Writer) { planText(w, out) }})
}

// readPlan is a plan with the cohort it asks.
type readPlan struct {
	plan   *analysis.Plan
	name   string // of its file
	digest string // SHA-256 of its file
	runs   []analysis.PlanRun
	cohort *datasets.Cohort
	path   string // of the cohort file
}

// readPlan reads a plan, and the cohort given or the plan's. What the plan asks and the
// cohort lacks is refused at once.
func (a *app) readPlan(ctx context.Context, path, cohort string, load *loadFlags) (readPlan, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return readPlan{}, err
	}
	sum := sha256.Sum256(b)
	out := readPlan{name: filepath.Base(path), digest: hex.EncodeToString(sum[:]), path: cohort}
	p, err := analysis.ParsePlan(out.name, b, catalog.Find)
	if err != nil {
		return out, err
	}
	if cohort == "" {
		if p.Cohort == "" {
			return out, usagef("expected a cohort: name it in the plan, cohort: FILE, or give one with the plan")
		}
		out.path = filepath.Join(filepath.Dir(path), filepath.FromSlash(p.Cohort))
		if filepath.IsAbs(p.Cohort) {
			out.path = p.Cohort
		}
	}
	if p.Where != "" {
		if load.where != "" {
			return out, usagef("the plan has a condition already: expected it in the plan or by --where, not both")
		}
		load.where = p.Where
	}
	if out.cohort, err = a.load(ctx, out.path, *load); err != nil {
		return out, err
	}
	if out.runs, err = p.Runs(catalog.Find); err != nil {
		return out, err
	}
	if lacks := p.Check(out.cohort, out.runs); len(lacks) > 0 {
		return out, planProblems(out.name, lacks)
	}
	out.plan = p
	return out, nil
}

// planProblems says what a plan asks that the cohort does not have.
func planProblems(file string, lacks []string) error {
	var ps datasets.Problems
	for _, s := range lacks {
		ps = append(ps, datasets.Problem{Severity: datasets.SeverityError, Code: datasets.CodeDictionary, File: file, Expected: s})
	}
	return ps
}

func (a *app) listPlan(p *analysis.Plan, runs []analysis.PlanRun) error {
	if a.json {
		return a.writeJSON(struct {
			Schema string             `json:"schema"`
			Plan   *analysis.Plan     `json:"plan"`
			Runs   []analysis.PlanRun `json:"runs"`
		}{"recoup.plan/v1", p, runs})
	}
	g := grid{head: []string{"item", "role", "analysis", "outcome", "visit", "arm", "reference", "subgroup"}}
	for _, r := range runs {
		q := r.Question
		g.rows = append(g.rows, []string{r.ID, r.Role, r.Analysis, q.Outcome, q.Visit, q.Arm, q.Reference, q.Subgroup})
	}
	g.text(a.Out)
	fmt.Fprintf(a.Out, "\nThe plan is valid: %d analyses, %d runs, %d families of tests\n", len(p.Items), len(runs), len(p.Multiplicity))
	return nil
}

// planTable is a row for each estimate, and one for each run that the cohort cannot
// answer.
func planTable(r analysis.PlanResult) grid {
	first := []string{"item", "sensitivity_of", "role", "title"}
	last := []string{"family", "adjustment", "p_adjusted", "settings"}
	of := wide(analysis.Result{})
	g := grid{head: append(append(append([]string{}, first...), of.head...), last...)}
	g.right = append(make([]bool, len(first)), of.right...)
	g.right = append(g.right, false, false, true, false)
	for i, run := range r.Runs {
		result := run.Result
		if run.Cannot != "" {
			e := analysis.NewEstimate("", "")
			e.Analysis, e.Outcome, e.Visit, e.Arm, e.Reference, e.Subgroup = run.Analysis, run.Question.Outcome, run.Question.Visit, run.Question.Arm, run.Question.Reference, run.Question.Subgroup
			result.Estimates = []analysis.Estimate{e.Warn("cannot", run.Cannot, "")}
		}
		settings := settingsText(result.Settings)
		for k, row := range wide(result).rows {
			families, methods, adjusted := testsOf(r.Tests, i, k)
			cells := append([]string{run.ID, run.Of, run.Role, run.Title}, row...)
			g.rows = append(g.rows, append(cells, families, methods, adjusted.Text(), settings))
		}
	}
	return g
}

func settingsText(set map[string]string) string {
	var out []string
	for _, k := range sortedKeys(set) {
		out = append(out, k+"="+set[k])
	}
	return strings.Join(out, "; ")
}

// testsOf returns the families that an estimate is tested in; a p value adjusted in
// several families has no one number for a table, and JSON has them all.
func testsOf(tests []analysis.PlanTest, run, estimate int) (families, methods string, adjusted analysis.Num) {
	var fs, ms []string
	p := analysis.None
	for _, t := range tests {
		if t.Run == run && t.Estimate == estimate {
			fs, ms = append(fs, t.Family), append(ms, t.Method)
			p = t.Adjusted
		}
	}
	if len(fs) > 1 {
		p = analysis.None
	}
	return strings.Join(fs, "; "), strings.Join(ms, "; "), p
}

// planText is the results for a person: run by run.
func planText(w io.Writer, p planned) {
	if p.Plan.Title != "" {
		fmt.Fprintf(w, "%s\n\n", clean(p.Plan.Title))
	}
	g := grid{head: []string{"item", "role", "term", "arm", "reference", "outcome", "visit", "subgroup", "estimate", "interval", "n", "p", "p adjusted", ""}, right: []bool{false, false, false, false, false, false, false, false, true, true, true, true, true, false}}
	n := newNotes()
	for i, run := range p.Runs {
		if run.Cannot != "" {
			q := run.Question
			g.rows = append(g.rows, []string{run.ID, run.Role, "", q.Arm, q.Reference, q.Outcome, q.Visit, q.Subgroup, "not available", "", "", "", "", n.mark(run.Cannot)})
			continue
		}
		for k, e := range run.Result.Estimates {
			s := shortRow(e, n) // term arm reference visit estimate interval n p notes
			_, _, adjusted := testsOf(p.Tests, i, k)
			g.rows = append(g.rows, []string{run.ID, run.Role, s[0], s[1], s[2], e.Outcome, s[3], e.Subgroup, s[4], s[5], s[6], s[7], pText(adjusted), s[8]})
		}
	}
	g.text(w)
	fmt.Fprintln(w)
	for i, t := range n.list {
		fmt.Fprintf(w, "[%d] %s\n", i+1, clean(t))
	}
	said := map[string]bool{}
	say := func(id, text string) {
		if line := clean(id + ": " + text); !said[line] {
			said[line] = true
			fmt.Fprintln(w, line)
		}
	}
	for _, run := range p.Runs {
		for _, x := range run.Result.Warnings {
			say("warning: "+run.ID, join(x.Message, x.Cure))
		}
		for _, x := range run.Result.Excluded {
			say("left out", x.String())
		}
	}
	for _, x := range p.Warnings {
		fmt.Fprintf(w, "warning: %s\n", clean(join(x.Message, x.Cure)))
	}
	o := p.Provenance.Origin
	fmt.Fprintf(w, "plan %s on %s: %d patients, digest %s; recoup %s\n", p.PlanSHA256[:16], clean(o.Dictionary), o.Patients, o.Digest[:16], version)
}
