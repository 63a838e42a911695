package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/parquet"
	"recoup/datasets/privacy"
)

func (a *app) dataCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "data",
		Short: "Cohort files: draft, check, describe, convert, de-identify, synthesize",
		Long:  "Cohort files and the data they describe. See: recoup help cohort-files",
	}
	c.AddCommand(a.dataInit(), a.dataCheck(), a.dataDescribe(), a.dataConvert(), a.dataDeidentify(), a.dataSynthesize(), a.dataComparators())
	return c
}

// loadFlags are the flags of every command that reads a cohort.
type loadFlags struct {
	setAside bool
	where    string
	strict   bool
}

func (f *loadFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.setAside, "set-aside", false, "make bad cells missing, counted, in place of refusing the cohort")
	c.Flags().StringVar(&f.where, "where", "", "keep the patients or rows for which a condition holds: 'site = \"North\" and age >= 18'")
	c.Flags().BoolVar(&f.strict, "strict", false, "refuse a cohort with warnings as one with errors")
}

// strictError is the error of a cohort that has warnings where none may be.
type strictError struct{ datasets.Problems }

// Unwrap makes it an input that is not valid, whatever the warnings are about.
func (strictError) Unwrap() error { return datasets.ErrInvalid }

// As finds the warnings.
func (e strictError) As(target any) bool {
	ps, ok := target.(*datasets.Problems)
	if ok {
		*ps = e.Problems
	}
	return ok
}

// judge tells a cohort's warnings, or makes them an error where they count as such.
func (a *app) judge(notes datasets.Problems, f loadFlags) error {
	var warnings datasets.Problems
	for _, n := range notes {
		if n.Severity == datasets.SeverityWarning {
			warnings = append(warnings, n)
		}
	}
	if f.strict && len(warnings) > 0 {
		return strictError{warnings}
	}
	for _, n := range warnings {
		a.note("warning: %s", n)
	}
	return nil
}

// load opens a cohort and tells its notes on standard error.
func (a *app) load(ctx context.Context, path string, f loadFlags) (*datasets.Cohort, error) {
	return a.loadPart(ctx, path, f, open.Options{})
}

// loadPart does so for what opt says of the cohort.
func (a *app) loadPart(ctx context.Context, path string, f loadFlags, opt open.Options) (*datasets.Cohort, error) {
	if f.where != "" {
		if _, err := datasets.ParseCondition(f.where); err != nil {
			return nil, usagef("--where: %w", err)
		}
	}
	report, stop := a.progress("Reading " + filepath.Base(path))
	defer stop()
	opt.SetAside, opt.Where = f.setAside, f.where
	opt.MostMemory = freeMemory() / 2 // estimators copy what they work on
	if report != nil {
		opt.Progress = func(rows int) { report(rows, 0) }
	}
	c, err := open.Cohort(ctx, path, opt)
	if errors.Is(err, datasets.ErrMemory) {
		return nil, fmt.Errorf("%w. data check, data describe, data convert and the analyses that recoup analyze show calls narrow read a cohort of any size", err)
	}
	if err != nil {
		return nil, err
	}
	return c, a.judge(c.Notes(), f)
}

// stream opens a cohort and hands its rows on batch by batch: of the cohort only
// what keep says stays in memory. With --where the whole cohort does, since whom it
// keeps is known at the end only.
func (a *app) stream(ctx context.Context, path string, f loadFlags, keep func(*datasets.Table, datasets.Field) bool, each func(*datasets.Table) error) (*datasets.Cohort, error) {
	if f.where == "" {
		return a.loadPart(ctx, path, f, open.Options{Keep: keep, Each: each})
	}
	c, err := a.load(ctx, path, f)
	if err != nil {
		return nil, err
	}
	for _, t := range c.Tables() {
		for b := range t.Batches() {
			if err := each(b); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// keepNone keeps no column.
func keepNone(*datasets.Table, datasets.Field) bool { return false }

// keepDates keeps what tells the patients' quarters.
func keepDates(_ *datasets.Table, f datasets.Field) bool {
	return f.Role == datasets.RoleAdmitted || f.Role == datasets.RoleDischarged || f.Role == datasets.RolePeriod
}

func (a *app) dataInit() *cobra.Command {
	var out, project string
	c := &cobra.Command{
		Use:   "init FILE...",
		Short: "Draft a cohort file from data files",
		Long: `Draft a cohort file from data files: types, levels, missing codes, likely roles
and instruments. Every entry says on what it was guessed; a person must check
them before anything is decided on the numbers.

A mapping file of a database, such as clinic.sql.yaml, stands for all its tables.

With --redcap the files are exports of a REDCap project, as codes or as labels,
and its data dictionary says what their columns mean.`,
		Example: "  recoup data init visits.csv patients.csv -o drafted.yaml\n  recoup data init visits.csv\n  recoup data init --redcap dictionary.csv export.csv -o project.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.draft(c.Context(), project, args)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(struct {
					Schema string               `json:"schema"`
					Cohort *datasets.Dictionary `json:"cohort"`
				}{"recoup.cohort/v1", d})
			}
			if out != "" {
				relative(d, filepath.Dir(out))
			}
			b, err := d.YAML()
			if err != nil {
				return err
			}
			head := "# Drafted from the data. Check every guess, then delete the guess keys.\n"
			if out == "" {
				_, err = io.WriteString(a.Out, head+string(b))
				return err
			}
			a.note("%d tables drafted; check the guesses in %s", len(d.Resources), out)
			return writeFile(out, func(w io.Writer) error { _, err := io.WriteString(w, head+string(b)); return err })
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file in place of standard output")
	c.Flags().StringVar(&project, "redcap", "", "data dictionary of the REDCap project that the files were exported from")
	return c
}

// draft drafts a cohort file from data files, by a REDCap data dictionary where
// one is given.
func (a *app) draft(ctx context.Context, project string, paths []string) (*datasets.Dictionary, error) {
	if project == "" {
		return open.Draft(ctx, paths)
	}
	d, notes, err := open.DraftREDCap(ctx, project, paths)
	for _, n := range notes {
		a.note("%s: %s", n.Severity, clean(n.String()))
	}
	return d, err
}

// relative rewrites the paths of a draft as seen from the cohort file's folder.
func relative(d *datasets.Dictionary, dir string) {
	for i := range d.Resources {
		for j, p := range d.Resources[i].Path {
			if filepath.IsAbs(dir) {
				if whole, err := filepath.Abs(p); err == nil {
					p = whole
				}
			}
			if r, err := filepath.Rel(dir, p); err == nil {
				d.Resources[i].Path[j] = filepath.ToSlash(r)
			}
		}
	}
}

func (a *app) dataCheck() *cobra.Command {
	var f loadFlags
	var private bool
	var to string
	c := &cobra.Command{
		Use:   "check COHORT",
		Short: "List every problem of a cohort at once",
		Long: `Read a cohort file and its data and list every problem at once, with table, row,
column and what was expected; a cell's value is never shown. Row 1 is the first
below the header. Exit status 3 where there is a problem of severity error, 4
where the only ones are that something may identify a person.

With --strict warnings count as errors. recoup help problems has every code, and
how checks between cells, rows and visits are switched off. --set-aside-to writes
each row and cell that is left out to a CSV file: table, file, row, line, column,
code and reason, and never a cell's value.

With --privacy it also says how far patients are alike in the quasi-identifiers
(k-anonymity, l-diversity, risks of re-identification) and which combinations
single patients out.`,
		Example: "  recoup data check cohort.yaml\n  recoup data check cohort.yaml --privacy\n  recoup data check cohort.yaml --json\n  recoup data check cohort.yaml --set-aside --set-aside-to left-out.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if to == "" {
				return a.runCheck(c.Context(), args[0], f, private, nil)
			}
			if f.where != "" {
				return usagef("expected either --set-aside-to or --where: the file lists what of the whole cohort is left out")
			}
			return a.checkInto(c.Context(), to, args[0], f, private)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&private, "privacy", false, "tell how far patients are alike, and all that may identify one")
	c.Flags().StringVar(&to, "set-aside-to", "", "write the rows and cells that are left out to a CSV file")
	return c
}

// checkInto checks a cohort and lists the rows and cells that are left out in a file.
// The file is written where the cohort could be read, unless something in it may
// identify a person.
func (a *app) checkInto(ctx context.Context, to, path string, f loadFlags, private bool) error {
	var found error
	text := func(s string) string { return neutral(clean(s)) }
	err := writeFile(to, func(w io.Writer) error {
		cw := csv.NewWriter(w)
		_ = cw.Write([]string{"table", "file", "row", "line", "column", "code", "reason"}) // Flush tells of errors
		found = a.runCheck(ctx, path, f, private, func(x datasets.LeftOut) {
			line := ""
			if x.Line > 0 {
				line = strconv.Itoa(x.Line)
			}
			_ = cw.Write([]string{text(x.Table), text(x.File), strconv.Itoa(x.Row), line, text(x.Column), x.Code, text(x.Reason)})
		})
		if found != nil && !isFound(found) {
			return found
		}
		cw.Flush()
		return cw.Error()
	})
	return cmp.Or(err, found)
}

func (a *app) runCheck(ctx context.Context, path string, f loadFlags, private bool, leftOut func(datasets.LeftOut)) error {
	opt := open.Options{SetAside: f.setAside, Where: f.where, LeftOut: leftOut}
	if f.where == "" && !private {
		opt.Keep = keepNone
	}
	co, found, err := open.Examine(ctx, path, opt)
	var ps datasets.Problems
	if err != nil && !errors.As(err, &ps) {
		return err
	}
	var excluded []datasets.Exclusion
	var told *privacyTold
	if err == nil {
		ps, excluded = append(co.Notes(), privacy.Problems(found)...), co.Excluded()
		err = privacy.Refusal(found)
		if private {
			told = tellPrivacy(co, found)
		}
	}
	errorsFound := 0
	for _, p := range ps {
		if p.Severity == datasets.SeverityError || f.strict && p.Severity == datasets.SeverityWarning {
			errorsFound++
		}
	}
	if err == nil && errorsFound > 0 {
		err = strictError{ps}
	}
	if a.json {
		out := struct {
			Schema   string               `json:"schema"`
			File     string               `json:"file"`
			Valid    bool                 `json:"valid"`
			Problems datasets.Problems    `json:"problems"`
			Excluded []datasets.Exclusion `json:"excluded"`
			Privacy  *privacyTold         `json:"privacy,omitempty"`
		}{"recoup.problems/v1", filepath.Base(path), err == nil, ps, excluded, told}
		if out.Problems == nil {
			out.Problems = datasets.Problems{}
		}
		if out.Excluded == nil {
			out.Excluded = []datasets.Exclusion{}
		}
		if werr := a.writeJSON(out); werr != nil {
			return werr
		}
	} else {
		for _, p := range ps {
			fmt.Fprintf(a.Out, "%s: %s\n", p.Severity, clean(p.String()))
		}
		for _, x := range excluded {
			fmt.Fprintf(a.Out, "left out: %s\n", clean(x.String()))
		}
		if told != nil {
			told.text(a.Out)
		}
		if err == nil {
			fmt.Fprintf(a.Out, "%s is valid: %d patients, %d rows in %d tables\n", filepath.Base(path), co.Patients(), co.Rows(), len(co.Tables()))
		}
	}
	if err != nil {
		return invalid{err, errorsFound, co != nil}
	}
	return nil
}

// invalid is the error after a list of problems that has been shown: the code
// stays, the list is not repeated.
type invalid struct {
	error
	n    int
	read bool // the cohort could be read
}

// isFound reports the error of a cohort that could be read and identifies nobody.
func isFound(err error) bool {
	var found invalid
	return errors.As(err, &found) && found.read && !errors.Is(err, datasets.ErrPrivacy)
}

func (e invalid) Error() string {
	if errors.Is(e.error, datasets.ErrPrivacy) {
		return fmt.Sprintf("the cohort is refused for privacy: %d of what is listed may identify a person", e.n)
	}
	if e.n == 1 {
		return "the cohort is not valid: 1 problem"
	}
	return fmt.Sprintf("the cohort is not valid: %d problems", e.n)
}
func (e invalid) Unwrap() error { return e.error }

// described is what data describe says of a cohort.
type described struct {
	Schema   string               `json:"schema"`
	Origin   datasets.Origin      `json:"origin"`
	Title    string               `json:"title"`
	Tables   []describedTable     `json:"tables"`
	Arms     []describedArm       `json:"arms"`
	Visits   []describedVisit     `json:"visits"`
	Outcomes []describedOutcome   `json:"outcomes"`
	Quarters []describedArm       `json:"quarters"`
	Excluded []datasets.Exclusion `json:"excluded"`
	Notes    datasets.Problems    `json:"notes"`
}

type describedTable struct {
	Name    string `json:"name"`
	Rows    int    `json:"rows"`
	Columns int    `json:"columns"`
}

type describedArm struct {
	Name     string `json:"name"`
	Patients int    `json:"patients"`
}

type describedVisit struct {
	Name     string   `json:"name"`
	Week     *float64 `json:"week"`
	Patients int      `json:"patients"`
}

// describedOutcome is one outcome, visit by visit.
type describedOutcome struct {
	Name       string         `json:"name"`
	Instrument string         `json:"instrument"`
	Seen       []int          `json:"seen"` // patients with a value
	Mean       []analysis.Num `json:"mean"`
	SD         []analysis.Num `json:"sd"`
}

func (a *app) dataDescribe() *cobra.Command {
	var f loadFlags
	c := &cobra.Command{
		Use:     "describe COHORT",
		Short:   "Show patients, visits and completeness of a cohort",
		Long:    "Show a cohort's tables, arms and visits, and of each outcome at each visit how many patients have it, its mean and\nstandard deviation. Rows are read batch by batch: a cohort may be larger than memory. The digest is the same whichever format the cohort was read from. Counts are not suppressed: keep them inside.",
		Example: "  recoup data describe cohort.yaml\n  recoup data describe cohort.yaml --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.describe(c.Context(), args[0], f)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(d)
			}
			d.text(a.Out)
			return nil
		},
	}
	f.add(c)
	return c
}

// describe reads a cohort batch by batch and describes it.
func (a *app) describe(ctx context.Context, path string, f loadFlags) (described, error) {
	var digest datasets.Digester
	tally := datasets.NewTally()
	co, err := a.stream(ctx, path, f, keepDates, func(b *datasets.Table) error {
		if err := digest.Add(ctx, b); err != nil {
			return err
		}
		return tally.Add(ctx, b)
	})
	if err != nil {
		return described{}, err
	}
	d := described{
		Schema: "recoup.cohort/v1", Origin: digest.Origin(co), Title: co.Title(), Tables: []describedTable{}, Arms: []describedArm{}, Visits: []describedVisit{},
		Outcomes: []describedOutcome{}, Quarters: []describedArm{}, Excluded: co.Excluded(), Notes: co.Notes(),
	}
	for _, t := range co.Outline() {
		d.Tables = append(d.Tables, describedTable{t.Name(), t.Rows(), len(t.Fields())})
	}
	patients := make([]int, len(co.Arms()))
	for _, of := range co.ArmOf() {
		if of >= 0 {
			patients[of]++
		}
	}
	for i, arm := range co.Arms() {
		d.Arms = append(d.Arms, describedArm{arm.ArmName(), patients[i]})
	}
	visits := co.Dictionary().Visits
	if len(visits) == 0 {
		for _, v := range tally.Visits() {
			visits = append(visits, datasets.Visit{Value: v})
		}
	}
	for _, v := range visits {
		d.Visits = append(d.Visits, describedVisit{v.VisitName(), v.Week, tally.Seen(v.Value)})
	}
	for _, f := range co.OutcomesRead() {
		o := describedOutcome{Name: f.Name, Instrument: f.Instrument}
		for _, v := range visits {
			m := tally.Values(f.Name, v.Value)
			if m.N == 0 {
				m.Mean = math.NaN()
			}
			o.Seen, o.Mean, o.SD = append(o.Seen, m.N), append(o.Mean, analysis.Num(m.Mean)), append(o.SD, analysis.Num(m.SD()))
		}
		d.Outcomes = append(d.Outcomes, o)
	}
	if quarters, _ := co.Quarters(); quarters != nil {
		d.Quarters = countQuarters(quarters)
	}
	return d, nil
}

func countQuarters(quarters []string) []describedArm {
	count := map[string]int{}
	for _, q := range quarters {
		count[q]++
	}
	out := []describedArm{}
	for _, q := range sortedKeys(count) {
		name := q
		if q == "" {
			name = "unknown"
		}
		out = append(out, describedArm{name, count[q]})
	}
	return out
}

func (d described) text(w io.Writer) {
	fmt.Fprintf(w, "%s\n%d patients, %d rows, digest %s\n", clean(d.Title), d.Origin.Patients, d.Origin.Rows, d.Origin.Digest[:16])
	for _, t := range d.Tables {
		fmt.Fprintf(w, "  table %s: %d rows, %d columns\n", clean(t.Name), t.Rows, t.Columns)
	}
	counts := func(title string, list []describedArm) {
		if len(list) == 0 {
			return
		}
		var parts []string
		for _, x := range list {
			parts = append(parts, fmt.Sprintf("%s %d", clean(x.Name), x.Patients))
		}
		fmt.Fprintf(w, "%s: %s\n", title, strings.Join(parts, ", "))
	}
	counts("Patients by arm", d.Arms)
	counts("Patients by quarter", d.Quarters)
	if len(d.Visits) > 0 {
		g := grid{head: []string{"Patients with a value"}, right: []bool{false}}
		total := []string{"any row"}
		for _, v := range d.Visits {
			g.head, g.right = append(g.head, v.Name), append(g.right, true)
			total = append(total, fmt.Sprint(v.Patients))
		}
		g.rows = append(g.rows, total)
		for _, o := range d.Outcomes {
			row := []string{o.Name}
			for _, n := range o.Seen {
				row = append(row, fmt.Sprint(n))
			}
			g.rows = append(g.rows, row)
		}
		fmt.Fprintln(w)
		g.text(w)
		m := grid{head: append([]string{"Mean (SD)"}, g.head[1:]...), right: g.right}
		for _, o := range d.Outcomes {
			row := []string{o.Name}
			for i := range d.Visits {
				row = append(row, meanSD(o.Mean[i], o.SD[i]))
			}
			m.rows = append(m.rows, row)
		}
		fmt.Fprintln(w)
		m.text(w)
	}
	for _, x := range d.Excluded {
		fmt.Fprintf(w, "left out: %s\n", clean(x.String()))
	}
}

// meanSD writes a mean and its standard deviation, "" where there is none.
func meanSD(mean, sd analysis.Num) string {
	switch {
	case !mean.OK():
		return ""
	case !sd.OK():
		return fmt.Sprintf("%.4g", float64(mean))
	}
	return fmt.Sprintf("%.4g (%.3g)", float64(mean), float64(sd))
}

func (a *app) dataConvert() *cobra.Command {
	var f loadFlags
	var to, out string
	c := &cobra.Command{
		Use:   "convert COHORT -o FOLDER",
		Short: "Write a cohort as CSV, Arrow IPC or Parquet",
		Long: `Write a cohort's tables and a cohort file that describes them into a new folder.
What where, reshape and constants did is done in the new files. The digest of the
new cohort is the same; it is checked before the folder appears. A manifest lists
each file with its SHA-256. Rows are read and written batch by batch: a cohort may
be larger than memory, unless --where is given. Parquet and Arrow files carry the
description of their columns and, in columns of their own, why cells are missing.`,
		Example: "  recoup data convert cohort.yaml --to parquet -o converted\n  recoup data convert cohort.yaml --to arrow -o converted-arrow",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usagef("expected a folder to write: -o FOLDER")
			}
			origin, err := a.convert(c.Context(), args[0], f, to, out)
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(struct {
					Schema string          `json:"schema"`
					Folder string          `json:"folder"`
					Origin datasets.Origin `json:"origin"`
				}{"recoup.cohort/v1", out, origin})
			}
			fmt.Fprintf(a.Out, "%s: %d patients, %d rows as %s, digest %s\n", filepath.Join(out, "cohort.yaml"), origin.Patients, origin.Rows, to, origin.Digest[:16])
			return nil
		},
	}
	f.add(c)
	c.Flags().StringVar(&to, "to", "parquet", "format: csv, arrow or parquet")
	c.Flags().StringVarP(&out, "output", "o", "", "folder to write; it must not exist")
	return c
}

// file is one file to write into a folder.
type file struct {
	name  string
	write func(io.Writer) error
}

func content(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// convert writes a cohort into a folder. It reads the cohort once to check it and
// to learn what its tables hold, again to write them, and reads what it wrote.
func (a *app) convert(ctx context.Context, path string, f loadFlags, to, out string) (datasets.Origin, error) {
	var digest datasets.Digester
	contents := map[string]*datasets.Contents{}
	co, err := a.stream(ctx, path, f, keepNone, func(b *datasets.Table) error {
		if contents[b.Name()] == nil {
			contents[b.Name()] = datasets.NewContents(b)
		}
		contents[b.Name()].Add(b)
		return digest.Add(ctx, b)
	})
	if err != nil {
		return datasets.Origin{}, err
	}
	before := digest.Origin(co)
	var again func(table string, each func(*datasets.Table) error) error
	if f.where == "" {
		again = func(table string, each func(*datasets.Table) error) error {
			_, err := open.Cohort(ctx, path, open.Options{SetAside: f.setAside, Keep: keepNone, Only: table, Each: each})
			return err
		}
	}
	files, err := tableFiles(co, to, contents, again)
	if err != nil {
		return before, err
	}
	return before, writeFolder(out, files, func(dir string) error {
		var digest datasets.Digester
		again, err := open.Cohort(ctx, filepath.Join(dir, "cohort.yaml"), open.Options{Keep: keepNone, Each: func(b *datasets.Table) error { return digest.Add(ctx, b) }})
		if err != nil {
			return fmt.Errorf("the written cohort cannot be read back: %w", err)
		}
		if digest.Origin(again).Digest != before.Digest {
			return errors.New("the written cohort has another digest than the one read; nothing was kept")
		}
		return nil
	})
}

// tableFiles returns the files of a cohort in a format. The rows of a table are
// those in memory, or come from read where it is given; contents are what is known of
// the tables, nil where it is to be found out.
func tableFiles(co *datasets.Cohort, to string, contents map[string]*datasets.Contents, read func(table string, each func(*datasets.Table) error) error) ([]file, error) {
	begin := map[string]func(io.Writer, *datasets.Contents) (datasets.TableWriter, error){
		"csv": datasets.NewCSVWriter, "arrow": datasets.NewIPCWriter, "parquet": parquet.NewWriter,
	}[to]
	if begin == nil {
		return nil, usagef("expected --to csv, arrow or parquet")
	}
	known := map[string]*datasets.Contents{}
	var files []file
	for _, t := range co.Outline() {
		c := contents[t.Name()]
		if c == nil {
			c = datasets.ContentsOf(t)
		}
		known[t.Name()] = c
		files = append(files, file{fileName(t.Name()) + "." + to, func(w io.Writer) error {
			tw, err := begin(w, c)
			if err != nil {
				return err
			}
			if read != nil {
				err = read(t.Name(), tw.Write)
			} else {
				for b := range t.Batches() {
					if err = tw.Write(b); err != nil {
						break
					}
				}
			}
			if err != nil {
				return err
			}
			return tw.Close()
		}})
	}
	y, err := co.Described(func(table string) string { return fileName(table) + "." + to }, to == "csv", known).YAML()
	if err != nil {
		return nil, err
	}
	return append(files, file{"cohort.yaml", content(string(y))}), nil
}

// fileName makes a table's name fit for a file.
func fileName(table string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, table)
}

// manifest is the name of the file that ends a folder: each file's SHA-256.
const manifest = "MANIFEST.sha256"

// writeFolder writes a folder whole: beside its target, its manifest last, then
// under its name. It is checked before that, where check is given. A folder that
// exists is refused, unless it holds a manifest of ours and nothing else.
func writeFolder(path string, files []file, check func(dir string) error) (err error) {
	ours, err := replaceable(path)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(path)), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("cannot write beside %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(tmp)
		}
	}()
	if err = os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, f := range files {
		h := sha256.New()
		if err = writeFile(filepath.Join(tmp, f.name), func(w io.Writer) error { return f.write(io.MultiWriter(w, h)) }); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(h.Sum(nil)), f.name)
	}
	if check != nil {
		if err = check(tmp); err != nil {
			return err
		}
	}
	if err = writeFile(filepath.Join(tmp, manifest), content(sums.String())); err != nil {
		return err
	}
	if ours {
		old := tmp + "-old"
		if err = os.Rename(path, old); err != nil {
			return err
		}
		if err = os.Rename(tmp, path); err != nil {
			_ = os.Rename(old, path)
			return err
		}
		return os.RemoveAll(old)
	}
	return os.Rename(tmp, path)
}

// replaceable reports whether a folder that exists was written by us and holds
// nothing else; it refuses any other that exists.
func replaceable(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s exists and is not a folder; choose another with -o", path)
	}
	b, err := os.ReadFile(filepath.Join(path, manifest))
	if err != nil {
		return false, fmt.Errorf("the folder %s exists and was not written by recoup; choose another with -o", path)
	}
	listed := map[string]bool{manifest: true}
	for _, line := range strings.Split(string(b), "\n") {
		if _, name, ok := strings.Cut(line, "  "); ok {
			listed[name] = true
		}
	}
	for _, e := range entries {
		if !listed[e.Name()] {
			return false, fmt.Errorf("the folder %s holds files that recoup did not write; choose another with -o", path)
		}
	}
	return true, nil
}
