package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/reports"
	"recoup/reports/render"
)

func (a *app) analyzeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "analyze",
		Short: "Estimate outcomes: list, show, run, plan, calc, pool, power, claims, economics",
		Long:  "Estimate outcomes of a cohort by the analyses of the catalog.",
	}
	c.AddCommand(a.analyzeList(), a.analyzeShow(), a.analyzeRun(), a.analyzePlan(), a.analyzeCalc(), a.analyzePool(), a.analyzePower(), a.analyzeClaims(), a.analyzeEconomics())
	return c
}

// catalogEntry is an analysis as JSON shows it.
type catalogEntry struct {
	Name        string                `json:"name"`
	Title       string                `json:"title"`
	Estimand    string                `json:"estimand"`
	Doc         string                `json:"doc"`
	Refs        []string              `json:"references"`
	Needs       []datasets.Role       `json:"needs"`
	Options     []analysis.Option     `json:"options"`
	Definitions []analysis.Definition `json:"definitions,omitempty"`
	Narrow      bool                  `json:"narrow"`
}

func entryOf(x *analysis.Analysis) catalogEntry {
	return catalogEntry{x.Name, x.Title, x.Estimand, x.Doc, x.Refs, x.Needs, x.Options(), x.Definitions, x.Narrow}
}

func (a *app) analyzeList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the analyses",
		Long:    "List the analyses of the catalog.",
		Example: "  recoup analyze list\n  recoup analyze list --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				var out []catalogEntry
				for _, x := range catalog.All {
					out = append(out, entryOf(x))
				}
				return a.writeJSON(struct {
					Schema   string         `json:"schema"`
					Analyses []catalogEntry `json:"analyses"`
				}{"recoup.catalog/v1", out})
			}
			g := grid{head: []string{"analysis", "what it estimates"}}
			for _, x := range catalog.All {
				g.rows = append(g.rows, []string{x.Name, x.Title})
			}
			g.text(a.Out)
			return nil
		},
	}
}

func (a *app) analyzeShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show an analysis: formula, settings, definitions, sources",
		Long:    "Show what an analysis estimates, by which formula, with which settings, definitions and sources.",
		Example: "  recoup analyze show effect/hedges-g",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			x, err := catalog.Find(args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(struct {
					Schema   string       `json:"schema"`
					Analysis catalogEntry `json:"analysis"`
				}{"recoup.catalog/v1", entryOf(x)})
			}
			showAnalysis(a.Out, x)
			return nil
		},
	}
}

func showAnalysis(w io.Writer, x *analysis.Analysis) {
	fmt.Fprintf(w, "%s: %s\n\nEstimand: %s\n\n%s\n", x.Name, x.Title, x.Estimand, x.Doc)
	if x.Narrow {
		fmt.Fprintln(w, "\nNarrow: of a cohort larger than memory only the outcome at the two visits is kept.")
	}
	if opts := x.Options(); len(opts) > 0 {
		fmt.Fprintln(w, "\nSettings (--set name=value):")
		for _, o := range opts {
			choice := ""
			if len(o.Choices) > 0 {
				choice = " [" + strings.Join(o.Choices, ", ") + "]"
			}
			fmt.Fprintf(w, "  %s=%s  %s%s\n", o.Name, o.Default, o.Doc, choice)
		}
	}
	if len(x.Definitions) > 0 {
		fmt.Fprintln(w, "\nDefinitions (--definition NAME):")
		for _, d := range x.Definitions {
			fmt.Fprintf(w, "  %s: %s (%s)\n", d.Name, d.Rule, d.Source)
		}
	}
	fmt.Fprintln(w, "\nSources:")
	for _, r := range x.Refs {
		fmt.Fprintln(w, "  "+r)
	}
}

// runFlags are the flags of analyze run.
type runFlags struct {
	load     loadFlags
	question analysis.Question
	set      []string
	figure   string
	evidence string
	out      string
}

func (a *app) analyzeRun() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run COHORT NAME",
		Short: "Run an analysis on a cohort",
		Long: `Run an analysis on a cohort. Arms, reference and visits are given by name or by
value. Without --arm every arm is taken for itself. A number that cannot be
computed is left empty with a warning that says why.

-o picks the format by its ending: .json, .csv, .parquet or .txt; .svg or .png draws
a figure of the result, by --figure NAME where there are several. Figures are for your
own eyes: unlike those of a report, nothing in them is suppressed.`,
		Example: `  recoup analyze run cohort.yaml effect/mean-change --outcome pain --visit discharge
  recoup analyze run cohort.yaml effect/responders --outcome pain --visit discharge --set threshold=30 --json
  recoup analyze run cohort.yaml effect/hedges-g --outcome pain --visit discharge --set denominator=baseline -o g.csv
  recoup analyze run cohort.yaml longitudinal/mmrm --outcome pain -o means.svg`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runAnalysis(c.Context(), args[0], args[1], f)
		},
	}
	f.load.add(c)
	q := &f.question
	c.Flags().StringVar(&q.Outcome, "outcome", "", "outcome column")
	c.Flags().StringVar(&q.Arm, "arm", "", "arm, by name or value")
	c.Flags().StringVar(&q.Reference, "reference", "", "arm that is subtracted")
	c.Flags().StringVar(&q.Visit, "visit", "", "visit asked about, by name or value")
	c.Flags().StringVar(&q.Baseline, "baseline", "", "visit before treatment; the one marked as baseline where not given")
	c.Flags().StringVar(&q.Subgroup, "subgroup", "", "condition on the patients: 'age >= 50'")
	c.Flags().StringVar(&q.Definition, "definition", "", "named definition; see: recoup analyze show NAME")
	levelFlag(c, &q.Level, "confidence level")
	c.Flags().Uint64Var(&q.Seed, "seed", 1, "of analyses that draw random numbers")
	c.Flags().StringArrayVar(&f.set, "set", nil, "a setting of the analysis: name=value; may be given again")
	c.Flags().StringVar(&f.figure, "figure", "", "with -o FILE.svg or .png: which figure, where there are several")
	c.Flags().StringVar(&f.evidence, "as-evidence", "", "write one estimate as a parameter of the simulation: PARAMETER=TERM, or PARAMETER=-TERM to turn the sign")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// estimates is the envelope of an analysis's result.
type estimates struct {
	Schema     string     `json:"schema"`
	Provenance provenance `json:"provenance"`
	analysis.Result
}

// provenance says what a result was made from and by.
type provenance struct {
	build
	Origin   *datasets.Origin   `json:"origin,omitempty"`
	Analysis string             `json:"analysis,omitempty"`
	Question *analysis.Question `json:"question,omitempty"`
	Where    string             `json:"where,omitempty"`
	SetAside bool               `json:"set_aside,omitempty"`
}

func (a *app) runAnalysis(ctx context.Context, path, name string, f runFlags) error {
	x, err := catalog.Find(name)
	if err != nil {
		return err
	}
	set, err := settings(f.set)
	if err != nil {
		return err
	}
	endings := []string{".json", ".csv", ".parquet", ".txt", ".svg", ".png"}
	if f.evidence != "" {
		endings = []string{".yaml", ".json"}
	}
	format, err := formatOf(f.out, a.json, endings...)
	if err != nil {
		return err
	}
	if drawn := format == ".svg" || format == ".png"; f.figure != "" && !drawn {
		return usagef("expected --figure with -o FILE.svg or FILE.png")
	}
	q := f.question
	co, origin, err := a.loadFor(ctx, path, f.load, x, q)
	if err != nil {
		return err
	}
	report, stop := a.progress(x.Title)
	r, err := x.Run(ctx, analysis.Input{Cohort: co, Find: catalog.Find, Progress: report}, q, set)
	stop()
	if err != nil {
		return err
	}
	out := estimates{Schema: "recoup.estimates/v1", Result: r, Provenance: provenance{
		build: thisBuild(), Origin: &origin, Analysis: x.Name,
		Question: &q, Where: f.load.where, SetAside: f.load.setAside,
	}}
	if f.evidence != "" {
		set, err := asEvidence(f.evidence, co.Outcomes(), out)
		if err != nil {
			return err
		}
		return a.toFile(f.out, func(w io.Writer) error { return writeEvidence(w, format, set) })
	}
	if format == ".svg" || format == ".png" {
		return a.picture(x.Title, out, f, format)
	}
	return a.emit(ctx, f.out, format, result{out, wide(r), func(w io.Writer) { short(w, out) }})
}

// picture draws a figure of a result.
func (a *app) picture(title string, e estimates, f runFlags, format string) error {
	var names []string
	figures := reports.Pictures(title, e.Result, f.question.Level)
	for _, x := range figures {
		names = append(names, x.ID)
	}
	if len(figures) == 0 {
		return fmt.Errorf("the result has nothing to draw: no curve, and no estimate with an interval")
	}
	at := 0
	if f.figure != "" {
		if at = slices.Index(names, f.figure); at < 0 {
			return usagef("there is no figure %q of this result; there are: %s", f.figure, strings.Join(names, ", "))
		}
	}
	o := e.Provenance.Origin
	figure := figures[at]
	figure.Caption = figure.Caption.And(fmt.Sprintf(" %s, %s, %d patients, digest %s.", e.Provenance.Analysis, o.Dictionary, o.Patients, o.Digest[:16]))
	err := writeFile(f.out, func(w io.Writer) error {
		if format == ".png" {
			return render.PNG(w, figure, render.Size{}, 0)
		}
		return render.SVG(w, figure, render.Size{})
	})
	if err == nil && len(names) > 1 {
		a.note("figure %s written to %s; there are also, by --figure: %s", names[at], f.out, strings.Join(slices.Delete(slices.Clone(names), at, at+1), ", "))
	}
	return err
}

// loadFor opens a cohort for an analysis: of a narrow one no more stays in memory
// than it takes, so that the cohort may be larger than memory.
func (a *app) loadFor(ctx context.Context, path string, f loadFlags, x *analysis.Analysis, q analysis.Question) (*datasets.Cohort, datasets.Origin, error) {
	opt, narrow, err := narrowed(ctx, path, f, x, q)
	if err != nil {
		return nil, datasets.Origin{}, err
	}
	var digest datasets.Digester
	if narrow {
		opt.Each = func(b *datasets.Table) error { return digest.Add(ctx, b) }
	}
	co, err := a.loadPart(ctx, path, f, opt)
	if err != nil {
		return nil, datasets.Origin{}, err
	}
	if narrow {
		return co, digest.Origin(co), nil
	}
	origin, err := co.Origin(ctx)
	return co, origin, err
}

// narrowed says what of a cohort an analysis takes: of tables of several rows a
// patient the outcome asked about and who, when and where, of the two visits. A
// condition may ask for anything, so it keeps all.
func narrowed(ctx context.Context, path string, f loadFlags, x *analysis.Analysis, q analysis.Question) (opt open.Options, narrow bool, err error) {
	if ext := strings.ToLower(filepath.Ext(path)); !x.Narrow || f.where != "" || q.Subgroup != "" || q.Outcome == "" || ext != ".yaml" && ext != ".yml" {
		return opt, false, nil
	}
	d, err := open.Dictionary(ctx, path)
	if err != nil {
		return opt, false, err
	}
	opt.Keep = x.Keeps(q)
	for _, v := range d.Visits {
		if v.Value == q.Visit || v.Name == q.Visit || v.Value == q.Baseline || v.Name == q.Baseline || q.Baseline == "" && v.Baseline {
			opt.KeepVisits = append(opt.KeepVisits, v.Value)
		}
	}
	return opt, true, nil
}

// settings splits name=value pairs.
func settings(pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return nil, usagef("expected --set name=value")
		}
		if _, twice := out[k]; twice {
			return nil, usagef("expected each setting once; %s is given twice", k)
		}
		out[k] = v
	}
	return out, nil
}

// formatOf picks the format of an output: by the file's ending, else JSON where
// asked, else text.
func formatOf(path string, asJSON bool, endings ...string) (string, error) {
	if path == "" {
		if asJSON {
			return ".json", nil
		}
		return ".txt", nil
	}
	ext := strings.ToLower(filepath.Ext(path))
	for _, e := range endings {
		if e == ext {
			return ext, nil
		}
	}
	return "", usagef("expected a file ending in %s", strings.Join(endings, ", "))
}

// result is something in each of the formats of a result.
type result struct {
	json  any
	table grid
	text  func(w io.Writer)
}

// emit writes a result in a format, to a file or to standard output.
func (a *app) emit(ctx context.Context, path, format string, r result) error {
	write := func(w io.Writer) error {
		switch format {
		case ".json":
			return writeEncoded(w, r.json)
		case ".csv":
			return r.table.csv(w)
		case ".parquet":
			return r.table.parquet(ctx, w)
		}
		r.text(w)
		return nil
	}
	if path == "" {
		return write(a.Out)
	}
	if err := writeFile(path, write); err != nil {
		return err
	}
	a.note("%d rows written to %s", len(r.table.rows), path)
	return nil
}

// wide is every field of every estimate, under broom's names.
func wide(r analysis.Result) grid {
	g := grid{head: strings.Fields("analysis outcome visit arm reference subgroup term estimate std_error statistic df p_value conf_low conf_high conf_level conf_method scale unit n_arm n_reference n_missing n_events method definition warnings")}
	numeric := map[string]bool{
		"estimate": true, "std_error": true, "statistic": true, "df": true, "p_value": true, "conf_low": true, "conf_high": true,
		"conf_level": true, "n_arm": true, "n_reference": true, "n_missing": true, "n_events": true,
	}
	for _, h := range g.head {
		g.right = append(g.right, numeric[h])
	}
	for _, e := range r.Estimates {
		x := e.Row()
		var warn []string
		for _, w := range x.Warnings {
			warn = append(warn, w.Code+": "+w.Message)
		}
		g.rows = append(g.rows, []string{
			x.Analysis, x.Outcome, x.Visit, x.Arm, x.Reference, x.Subgroup, x.Term, x.Estimate.Text(), x.StdError.Text(),
			x.Statistic.Text(), x.DF.Text(), fullP(x.PValue), x.ConfLow.Text(), x.ConfHigh.Text(), x.ConfLevel.Text(), x.ConfMethod, string(x.Scale), x.Unit,
			fmt.Sprint(x.NArm), fmt.Sprint(x.NReference), fmt.Sprint(x.NMissing), fmt.Sprint(x.NEvents), x.Method, x.Definition, strings.Join(warn, "; "),
		})
	}
	return g
}

// short is the result for a person: numbers to a sensible length, warnings as
// numbered notes.
func short(w io.Writer, e estimates) {
	shortResult(w, e.Result)
	o := e.Provenance.Origin
	if o.Drafted {
		fmt.Fprintln(w, "warning: what the columns mean was guessed from the data; write a cohort file with recoup data init and check it")
	}
	for _, x := range o.Allowed {
		fmt.Fprintf(w, "allowed: %s, by %s: %s\n", clean(x.Column), clean(x.By), clean(x.Reason))
	}
	fmt.Fprintf(w, "%s on %s: %d patients, digest %s; recoup %s, %s\n", e.Provenance.Analysis, clean(o.Dictionary), o.Patients, o.Digest[:16], version, runtime.Version())
}

func shortResult(w io.Writer, e analysis.Result) {
	g := grid{head: []string{"term", "arm", "reference", "visit", "estimate", "95 % interval", "n", "p", ""}, right: []bool{false, false, false, false, true, true, true, true, false}}
	if len(e.Estimates) > 0 {
		for _, x := range e.Estimates {
			if x.CI.Level > 0 {
				g.head[5] = fmt.Sprintf("%g %% interval", 100*x.CI.Level)
			}
		}
	}
	n := newNotes()
	more := told(e.Estimates)
	for _, x := range e.Estimates {
		row := shortRow(x, n)
		for _, c := range more {
			row = slices.Insert(row, 4, c.of(x))
		}
		g.rows = append(g.rows, row)
	}
	for _, c := range more {
		g.head, g.right = slices.Insert(g.head, 4, c.name), slices.Insert(g.right, 4, false)
	}
	g.text(w)
	shortRest(w, e, n)
}

// column is one that a table shows where it tells estimates apart.
type column struct {
	name string
	of   func(analysis.Estimate) string
}

// told are the columns without which some estimates could not be told apart, the last
// first.
func told(all []analysis.Estimate) []column {
	var out []column
	for _, c := range []struct {
		column
		clear func(*analysis.Key)
	}{
		{column{"definition", func(e analysis.Estimate) string { return e.Definition }}, func(k *analysis.Key) { k.Definition = "" }},
		{column{"subgroup", func(e analysis.Estimate) string { return e.Subgroup }}, func(k *analysis.Key) { k.Subgroup = "" }},
	} {
		seen := map[analysis.Key]string{}
		for _, e := range all {
			k := e.Key()
			c.clear(&k)
			if was, ok := seen[k]; ok && was != c.of(e) {
				out = append(out, c.column)
				break
			}
			seen[k] = c.of(e)
		}
	}
	return out
}

// shortRest is what follows the estimates: notes, tables, warnings, what was left out.
func shortRest(w io.Writer, e analysis.Result, n *notes) {
	fmt.Fprintln(w)
	for i, t := range n.list {
		fmt.Fprintf(w, "[%d] %s\n", i+1, clean(t))
	}
	for _, t := range e.Tables {
		fmt.Fprintf(w, "\n%s\n", clean(t.Title))
		tg := grid{head: t.Columns}
		for _, r := range t.Rows {
			var cells []string
			for _, v := range r {
				if v.Text != "" || !v.Num.OK() {
					cells = append(cells, v.Text)
				} else {
					cells = append(cells, digits(v.Num))
				}
			}
			tg.rows = append(tg.rows, cells)
		}
		tg.text(w)
	}
	for _, s := range e.Series {
		fmt.Fprintf(w, "series %s, %s: %d points (shown by --json)\n", s.Name, clean(s.Group), len(s.Points))
	}
	for _, x := range e.Warnings {
		fmt.Fprintf(w, "warning: %s\n", clean(join(x.Message, x.Cure)))
	}
	for _, x := range e.Excluded {
		fmt.Fprintf(w, "left out: %s\n", clean(x.String()))
	}
}

// notes numbers texts in order of first use.
type notes struct {
	list []string
	at   map[string]int
}

func newNotes() *notes { return &notes{at: map[string]int{}} }

func (n *notes) mark(text string) string {
	i, ok := n.at[text]
	if !ok {
		n.list = append(n.list, text)
		i = len(n.list)
		n.at[text] = i
	}
	return fmt.Sprintf("[%d]", i)
}

func shortRow(x analysis.Estimate, n *notes) []string {
	interval := ""
	if x.CI.Low.OK() || x.CI.High.OK() {
		interval = digits(x.CI.Low) + " to " + digits(x.CI.High)
	}
	count := fmt.Sprint(x.N.Arm)
	if x.Reference != "" {
		count += " v " + fmt.Sprint(x.N.Reference)
	}
	about := x.Method.Name
	if x.CI.Kind != "" {
		about += "; interval: " + x.CI.Kind
	}
	if x.Definition != "" {
		about += "; " + x.Definition
	}
	marks := n.mark(about)
	for _, w := range x.Warnings {
		marks += n.mark("warning: " + join(w.Message, w.Cure))
	}
	value := digits(x.Value)
	if !x.Value.OK() {
		value = "not available"
	}
	return []string{x.Term, x.Arm, x.Reference, x.Visit, value, interval, count, pText(x.P), marks}
}

// pText writes a p value with three decimals.
func pText(p analysis.Num) string {
	switch {
	case !p.OK():
		return ""
	case p < 0.001:
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", float64(p))
}

// fullP writes a p value with all its digits. None is 0: under 1e-300 it is what the
// arithmetic of the computer can no longer hold.
func fullP(p analysis.Num) string {
	if p.OK() && p < 1e-300 {
		return "<1e-300"
	}
	return p.Text()
}

func join(message, cure string) string {
	if cure == "" {
		return message
	}
	return message + "; " + cure
}

// digits writes a number with four significant digits, and at least its whole
// part.
func digits(n analysis.Num) string {
	v := float64(n)
	switch {
	case !n.OK():
		return ""
	case v > 1e300:
		return "∞"
	case v < -1e300:
		return "-∞"
	case v == float64(int64(v)) && v < 1e9 && v > -1e9:
		return fmt.Sprintf("%d", int64(v))
	case v >= 1000 || v <= -1000:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.4g", v)
}
