package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/datasets"
	"recoup/datasets/synthetic"
	"recoup/datasets/synthetic/like"
	"recoup/datasets/synthetic/truth"
	"recoup/simulate/design"
)

// synthesizeFlags say which synthetic cohort is made.
type synthesizeFlags struct {
	built   synthetic.Options
	truth   string
	design  string
	like    string
	k       int
	print   bool
	to      string
	out     string
	changed func(flag string) bool
}

func (a *app) dataSynthesize() *cobra.Command {
	f := synthesizeFlags{built: synthetic.Default}
	o := &f.built
	c := &cobra.Command{
		Use:   "synthesize -o FOLDER",
		Short: "Make a synthetic cohort with known truth",
		Long: `Make a synthetic cohort of a pain rehabilitation program, with the truth it was
drawn from in truth.json: to try recoup on, and to test analyses by. The same
settings give the same bytes, by any number of processors. No row is about a
person. Rows are written as they are drawn: a cohort may be larger than memory.

With --truth the cohort is drawn from a truth file: arms and their effects by
visit, outcomes that go together, sites, covariates, drop-out completely at
random, at random and not at random, tapers, work and costs. --print-truth writes
one with comments, to be edited. truth.json then holds what follows for scores as
recorded: means, differences, standardised effects, responders, retention, and
how those who are seen differ from all. The flags given go before the file, and
--design moves the visit of discharge to the end of that program.

With --like the cohort is drawn to be like a real one: its tables, arms, visits,
marginals, correlations, who is missing, and rows a patient. All that is learned is
of groups of at least --k patients: numbers in bins of that many, extremes cut at
the mean of the outermost, rarer levels put together or left out; no id, date or
free text. The privacy gate looks at the result, rows like a real one are counted
and held against chance, and like.json says how near it came and what was left out.
This is not anonymous by proof: there is no differential privacy. Treat it with the
care that the statistics of your cohort need.`,
		Example: "  recoup data synthesize --patients 300 -o synthetic\n  recoup data synthesize --print-truth -o truth.yaml\n  recoup data synthesize --truth truth.yaml --patients 200 --to parquet -o from-truth\n  recoup data synthesize --like cohort.yaml -o like-cohort",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f.changed = func(flag string) bool { return c.Flags().Changed(flag) }
			return a.synthesize(c.Context(), f)
		},
	}
	c.Flags().Uint64Var(&o.Seed, "seed", o.Seed, "of the random numbers")
	c.Flags().IntVar(&o.Patients, "patients", o.Patients, "people referred")
	c.Flags().IntVar(&o.Sites, "sites", o.Sites, "sites")
	c.Flags().IntVar(&o.Quarters, "quarters", o.Quarters, "quarters")
	c.Flags().StringVar(&o.Last, "last", o.Last, "last quarter")
	c.Flags().BoolVar(&o.Comparison, "comparison", o.Comparison, "add a usual-care arm, allotted by chance")
	c.Flags().StringVar(&f.truth, "truth", "", "draw from this truth file")
	c.Flags().StringVar(&f.design, "design", "", "with --truth: the program whose end is the visit of discharge, by name or file")
	c.Flags().BoolVar(&f.print, "print-truth", false, "write a truth file with comments, and no cohort")
	c.Flags().StringVar(&f.like, "like", "", "draw a cohort like this real one")
	c.Flags().IntVar(&f.k, "k", 11, "with --like: fewest patients that anything learned is of")
	c.Flags().StringVar(&f.to, "to", "csv", "format: csv, arrow or parquet")
	c.Flags().StringVarP(&f.out, "output", "o", "", "folder to write; with --print-truth the file")
	return c
}

func (a *app) synthesize(ctx context.Context, f synthesizeFlags) error {
	switch {
	case f.print && f.out == "":
		_, err := a.Out.Write(truth.DefaultFile())
		return err
	case f.print:
		return writeFile(f.out, content(string(truth.DefaultFile())))
	case f.out == "":
		return usagef("expected a folder to write: -o FOLDER")
	case f.design != "" && f.truth == "":
		return usagef("expected --truth with --design")
	case f.truth != "" && f.like != "":
		return usagef("expected --truth or --like, not both")
	case f.truth != "" && f.changed("comparison"):
		return usagef("expected no --comparison with --truth: its arms are those of the file")
	case f.like == "" && f.changed("k"):
		return usagef("expected --like with --k")
	case f.like != "" && f.k < like.LeastK:
		return usagef("expected --k of at least %d", like.LeastK)
	}
	for _, flag := range []string{"sites", "quarters", "last", "comparison"} {
		if f.like != "" && f.changed(flag) {
			return usagef("expected no --%s with --like: the cohort says it", flag)
		}
	}
	if _, err := replaceable(f.out); err != nil {
		return err
	}
	source, beside, err := a.drawn(ctx, f)
	if err != nil {
		return err
	}
	report, stop := a.progress("Writing")
	defer stop()
	files, err := sourceFiles(ctx, source, f.to, report)
	if err != nil {
		return err
	}
	var d described
	err = writeFolder(f.out, append(files, beside), func(dir string) error {
		d, err = a.describe(ctx, filepath.Join(dir, "cohort.yaml"), loadFlags{})
		return err
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(d)
	}
	fmt.Fprintf(a.Out, "%s: %d people, %d rows in %d tables\n", filepath.Join(f.out, "cohort.yaml"), d.Origin.Patients, d.Origin.Rows, len(d.Tables))
	return nil
}

// drawn returns the cohort that is asked for and the file that says what is true of
// it.
func (a *app) drawn(ctx context.Context, f synthesizeFlags) (synthetic.Source, file, error) {
	told := func(b []byte, err error) (file, error) { return file{"truth.json", content(string(b))}, err }
	if f.like != "" {
		return a.drawnLike(ctx, f)
	}
	if f.truth == "" {
		source, known, err := synthetic.Draw(ctx, f.built)
		if errors.Is(err, synthetic.ErrOptions) {
			err = usageError{err}
		}
		if err != nil {
			return source, file{}, err
		}
		beside, err := told(known.JSON())
		return source, beside, err
	}
	t, err := readTruth(f)
	if err != nil {
		return synthetic.Source{}, file{}, err
	}
	known, err := truth.Follows(ctx, t)
	if err != nil {
		return synthetic.Source{}, file{}, err
	}
	source, err := truth.Draw(t)
	if err != nil {
		return source, file{}, err
	}
	beside, err := told(known.JSON())
	return source, beside, err
}

// drawnLike learns a cohort and compares it with what is drawn.
func (a *app) drawnLike(ctx context.Context, f synthesizeFlags) (s synthetic.Source, beside file, err error) {
	real, err := a.load(ctx, f.like, loadFlags{})
	if err != nil {
		return s, beside, err
	}
	o := like.Options{K: f.k, Seed: f.built.Seed}
	if f.changed("patients") {
		if o.Patients = f.built.Patients; o.Patients < 1 || o.Patients > like.Most {
			return s, beside, usagef("expected 1 to %d patients", like.Most)
		}
	}
	m, err := like.Learn(ctx, real, o)
	if err != nil {
		return s, beside, err
	}
	r, err := m.Compare(ctx, real)
	if err != nil {
		return s, beside, err
	}
	b, err := r.JSON()
	a.note("left out or merged: %d; correlations differ by %.2g on average; rows like a real one: %d of %d, by chance at most %d. Not anonymous by proof; see like.json",
		len(r.LeftOut), float64(r.Correlations.Mean), r.Copies.Same, r.Copies.Rows, r.Copies.Most)
	return m.Source(), file{"like.json", content(string(b))}, err
}

// readTruth reads a truth file; the flags that are given go before it.
func readTruth(f synthesizeFlags) (truth.Truth, error) {
	b, err := readBounded(f.truth, maxScenario)
	if err != nil {
		return truth.Truth{}, err
	}
	t, err := truth.Parse(filepath.Base(f.truth), b)
	if err != nil {
		return t, err
	}
	for flag, set := range map[string]func(){
		"seed": func() { t.Seed = f.built.Seed }, "patients": func() { t.Patients = f.built.Patients },
		"sites": func() { t.Sites.Number = f.built.Sites }, "quarters": func() { t.Quarters = f.built.Quarters },
		"last": func() { t.Last = f.built.Last },
	} {
		if f.changed(flag) {
			set()
		}
	}
	if f.design != "" {
		d, err := readDesign(f.design)
		if err != nil {
			return t, err
		}
		if !slices.ContainsFunc(t.Visits, func(v truth.Visit) bool { return v.Role == "discharge" }) {
			return t, fmt.Errorf("%w: expected a visit with role: discharge in %s, which --design moves", errInvalidInput, filepath.Base(f.truth))
		}
		t = t.Treatment(d.PlannedWeeks())
	}
	if err := t.Check(); err != nil {
		return t, usageError{fmt.Errorf("with the flags given: %s", err.Error())}
	}
	return t, nil
}

// readDesign reads a design by its name or from a file.
func readDesign(name string) (design.Design, error) {
	if slices.Contains(design.BuiltinNames(), name) {
		return design.Builtin(name)
	}
	if !strings.ContainsAny(name, "./\\") {
		return design.Design{}, usagef("no design %q; see: recoup design list", name)
	}
	b, err := readBounded(name, maxScenario)
	if err != nil {
		return design.Design{}, err
	}
	return design.Parse(name, b)
}

// sourceFiles returns the files of a cohort that is written as it is drawn. A typed
// file needs to know what its columns hold before the first row, so for those the
// cohort is drawn twice.
func sourceFiles(ctx context.Context, s synthetic.Source, to string, report func(done, total int)) ([]file, error) {
	if to != "csv" {
		contents := map[string]*datasets.Contents{}
		if to != "arrow" && to != "parquet" {
			return nil, usagef("expected --to csv, arrow or parquet")
		}
		co, err := s.Each(ctx, func(b *datasets.Table) error {
			if contents[b.Name()] == nil {
				contents[b.Name()] = datasets.NewContents(b)
			}
			contents[b.Name()].Add(b)
			return nil
		})
		if err != nil {
			return nil, err
		}
		return tableFiles(co, to, contents, func(table string, each func(*datasets.Table) error) error {
			_, err := s.Each(ctx, each, table)
			return err
		})
	}
	var files []file
	for i, r := range s.Dictionary.Resources {
		files = append(files, file{r.Path[0], func(w io.Writer) error {
			o := synthetic.Writing{}
			if report != nil {
				o.Progress = func(patients int) { report(i*s.Patients+patients, len(s.Dictionary.Resources)*s.Patients) }
			}
			return s.Write(ctx, w, i, o)
		}})
	}
	y, err := s.Dictionary.YAML()
	if err != nil {
		return nil, err
	}
	return append(files, file{"cohort.yaml", content(string(y))}), nil
}
