package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/analysis/power"
	"recoup/datasets"
	"recoup/datasets/synthetic/truth"
)

// powerFlags are the flags of analyze power.
type powerFlags struct {
	question          analysis.Question
	set               []string
	patients          []int
	cohorts, workers  int
	known             float64
	out               string
	seedGiven, isTrue bool
}

func (a *app) analyzePower() *cobra.Command {
	var f powerFlags
	c := &cobra.Command{
		Use:   "power TRUTH NAME",
		Short: "Find the power, bias and coverage of any analysis on drawn cohorts",
		Long: `Find the power of any analysis by running it on cohorts drawn from a truth file (see
recoup data synthesize --print-truth): arms with their effects by visit, drop-out,
sites, covariates. For each number of patients it gives the share of cohorts in which
each estimate is found, with its Monte Carlo interval, and in a table bias, the spread of
the estimates beside their standard errors, and coverage of the true value.

The true value is known of differences in means and in change (the truth's own, of
scores as recorded, none missing); --true gives that of the others. The cohorts of one
number of patients are parts of one population, so that its sites are the same.
Patients are people referred: the truth says how many never begin.`,
		Example: `  recoup data synthesize --print-truth -o truth.yaml
  recoup analyze power truth.yaml effect/ancova --outcome pain --visit month12 --arm program --reference 'usual care' --patients 100,200 --cohorts 100
  recoup analyze power truth.yaml longitudinal/mmrm --outcome pain --visit month12 --arm program --reference 'usual care' --patients 150 --cohorts 50 --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			f.seedGiven, f.isTrue = c.Flags().Changed("seed"), c.Flags().Changed("true")
			return a.runPower(c.Context(), args[0], args[1], f)
		},
	}
	q := &f.question
	c.Flags().StringVar(&q.Outcome, "outcome", "", "outcome column")
	c.Flags().StringVar(&q.Arm, "arm", "", "arm of the truth")
	c.Flags().StringVar(&q.Reference, "reference", "", "arm that is subtracted")
	c.Flags().StringVar(&q.Visit, "visit", "", "visit asked about")
	c.Flags().StringVar(&q.Subgroup, "subgroup", "", "condition on the patients: 'age >= 50'")
	c.Flags().StringVar(&q.Definition, "definition", "", "named definition; see: recoup analyze show NAME")
	levelFlag(c, &q.Level, "confidence level; tests are at 1 less it")
	c.Flags().Uint64Var(&q.Seed, "seed", 1, "of the patients; the truth's where not given")
	c.Flags().StringArrayVar(&f.set, "set", nil, "a setting of the analysis: name=value; may be given again")
	c.Flags().IntSliceVar(&f.patients, "patients", nil, "patients of a cohort, one number or several; the truth's where not given")
	c.Flags().IntVar(&f.cohorts, "cohorts", 500, "cohorts drawn for each number of patients")
	c.Flags().Float64Var(&f.known, "true", 0, "value that every estimate is of, for bias and coverage")
	c.Flags().IntVar(&f.workers, "workers", 0, "cohorts at a time; 0 for one a processor; changes no digit")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// powered is the envelope of a power calculation.
type powered struct {
	Schema     string      `json:"schema"`
	Provenance provenance  `json:"provenance"`
	Truth      truth.Truth `json:"truth"`
	Cohorts    int         `json:"cohorts"`
	Patients   []int       `json:"patients"`
	analysis.Result
}

func (a *app) runPower(ctx context.Context, path, name string, f powerFlags) error {
	x, err := catalog.Find(name)
	if err != nil {
		return err
	}
	set, err := settings(f.set)
	if err != nil {
		return err
	}
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".parquet", ".txt")
	if err != nil {
		return err
	}
	b, err := readBounded(path, maxScenario)
	if err != nil {
		return err
	}
	t, err := truth.Parse(filepath.Base(path), b)
	if err != nil {
		return err
	}
	if f.seedGiven {
		t.Seed = f.question.Seed
	}
	if len(f.patients) == 0 {
		f.patients = []int{t.Patients}
	}
	out := powered{Schema: "recoup.power/v1", Truth: t, Cohorts: f.cohorts, Patients: f.patients, Provenance: provenance{build: thisBuild(), Analysis: x.Name, Question: &f.question}}
	out.Warnings, out.Excluded = []analysis.Warning{}, []datasets.Exclusion{}
	for _, n := range f.patients {
		if n < 2 {
			return usagef("expected at least 2 patients")
		}
		r, err := a.powerOf(ctx, x, t, n, set, f)
		if err != nil {
			return err
		}
		out.Estimates, out.Warnings = append(out.Estimates, r.Estimates...), append(out.Warnings, r.Warnings...)
		if len(out.Tables) == 0 {
			out.Tables = r.Tables
			out.Tables[0].Title = fmt.Sprintf("%s in %d drawn cohorts", x.Name, f.cohorts)
			continue
		}
		out.Tables[0].Rows = append(out.Tables[0].Rows, r.Tables[0].Rows...)
	}
	return a.emit(ctx, f.out, format, result{out, wide(out.Result), func(w io.Writer) {
		shortResult(w, out.Result)
		fmt.Fprintf(w, "power of %s on cohorts drawn from %s, seed %d; recoup %s\n", x.Name, clean(filepath.Base(path)), t.Seed, version)
	}})
}

// powerOf draws the cohorts of n patients.
func (a *app) powerOf(ctx context.Context, x *analysis.Analysis, t truth.Truth, n int, set map[string]string, f powerFlags) (analysis.Result, error) {
	t.Patients = n
	if x.Narrow { // no more is drawn than is asked for
		t.Opioids, t.Work, t.Costs = nil, nil, nil
	}
	known, err := truth.Follows(ctx, t)
	if err != nil {
		return analysis.Result{}, err
	}
	source, err := truth.Draw(t)
	if err != nil {
		return analysis.Result{}, err
	}
	report, stop := a.progress(fmt.Sprintf("Cohorts of %d", n))
	defer stop()
	return power.Simulate(ctx, power.Simulated{
		Analysis: x, Find: catalog.Find, Question: f.question, Set: set, Patients: n, Replicates: f.cohorts, Workers: f.workers, Progress: report,
		Draw: func(ctx context.Context, r int) (*datasets.Cohort, error) { return source.Part(r*n, n).Load(ctx) },
		True: func(e analysis.Estimate) (float64, bool) {
			if f.isTrue {
				return f.known, true
			}
			return trueOf(known, e)
		},
	})
}

// trueOf returns what a truth says of an estimate.
func trueOf(k truth.Known, e analysis.Estimate) (float64, bool) {
	switch e.Term {
	case "difference_in_change", "difference_at_visit", "adjusted_difference":
		for _, c := range k.Contrasts {
			same := c.Arm == e.Arm && c.Reference == e.Reference
			if c.Outcome == e.Outcome && c.Visit == e.Visit && (same || c.Arm == e.Reference && c.Reference == e.Arm) && e.Subgroup == "" {
				if same {
					return float64(c.Difference), true
				}
				return -float64(c.Difference), true
			}
		}
	case "change":
		for _, s := range k.Outcomes {
			if s.Outcome == e.Outcome && s.Visit == e.Visit && s.Arm == e.Arm && e.Subgroup == "" {
				return float64(s.Change), true
			}
		}
	}
	return 0, false
}
