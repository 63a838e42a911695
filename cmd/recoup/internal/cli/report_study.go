package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/reports"
	"recoup/reports/disclosure"
)

// studyFlags are the flags of report study.
type studyFlags struct {
	load       loadFlags
	protect    protectFlags
	validation string
	brand      string
	language   string
	workers    int
	out        string
}

func (a *app) reportStudy() *cobra.Command {
	var f studyFlags
	c := &cobra.Command{
		Use:   "study PLAN [COHORT] -o FILE",
		Short: "Write the report of a study from its plan",
		Long: `Write the report of a study: run its plan (see recoup analyze plan) and show what was
asked, how it was answered, who was analysed, every estimate with its interval, the
sensitivity analyses beside the main estimates, and where the items of STROBE and RECORD
are answered. The ending of the file says the format, as for report quarterly: every
number is in .csv, .parquet and .json too.

Methods are in the words of the analyses, with settings, definitions, the R call and
sources. Where a comparison stands in for a trial, that trial is laid out. Warnings and
numbers that could not be computed stand in their place with their reasons.

The sentences follow rules: a difference is called clear only where its interval, as
written, lies wholly on one side of the null value and the test agrees, allowed for the number of tests where
the plan does so. All else is no clear difference, which is not the same as none.

Small cells are hidden as in report quarterly; --policy names the rule. What a report may
not hold is named in it. COHORT is read in place of the plan's cohort. --validation takes
the file of recoup simulate validate -o FILE.json, to show how the simulator stands to
published cohorts.

--language writes the words and numbers of another language; what an analysis says of
itself stays English and is marked so, and data formats keep English numbers.`,
		Example: "  recoup report study plan.yaml -o study.html\n  recoup report study plan.yaml cohort.yaml --policy k-5 -o study.md",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			cohort := ""
			if len(args) == 2 {
				cohort = args[1]
			}
			return a.runStudy(c.Context(), args[0], cohort, f)
		},
	}
	f.load.add(c)
	f.protect.add(c)
	c.Flags().StringVar(&f.validation, "validation", "", "file of recoup simulate validate -o FILE.json")
	languageFlag(c, &f.language)
	c.Flags().StringVar(&f.brand, "brand", "", "file with your title, logo and color")
	c.Flags().IntVar(&f.workers, "workers", 0, "analyses at a time; 0 for one a processor; changes no digit")
	c.Flags().StringVarP(&f.out, "output", "o", "", "file to write: "+strings.Join(endings(), ", "))
	return c
}

func (a *app) runStudy(ctx context.Context, path, cohort string, f studyFlags) error {
	if _, err := disclosure.Named(f.protect.policy); err != nil {
		return usageError{err}
	}
	if _, err := reports.LanguageOf(f.language); err != nil {
		return usagef("--language: %w", err)
	}
	if f.out == "" && !a.json {
		return usagef("expected a file to write: -o study.html")
	}
	if _, err := formatOf(f.out, a.json, endings()...); err != nil {
		return err
	}
	brand, err := reportFlags{brand: f.brand}.branding()
	if err != nil {
		return err
	}
	validation, err := readValidation(f.validation)
	if err != nil {
		return err
	}
	p, err := a.readPlan(ctx, path, cohort, &f.load)
	if err != nil {
		return err
	}
	g, err := a.guard(f.protect, p.path, p.cohort)
	if err != nil {
		return err
	}
	result, err := a.executePlan(ctx, p, f.workers)
	if err != nil {
		return err
	}
	facts, err := p.facts(ctx, f)
	if err != nil {
		return err
	}
	r, err := reports.Study(ctx, reports.StudyInput{
		Plan: p.plan, Cohort: p.cohort, Result: result, Find: catalog.Find, Validation: validation,
		Fewest: g.options.Policy.Max + 1, Facts: facts, Brand: brand, Lang: f.language,
	})
	if err != nil {
		return err
	}
	policy := g.options.Policy
	r, audit, err := g.protect(ctx, r)
	if err != nil {
		return err
	}
	r = reports.SpeakStudy(r)
	if f.out != "" {
		if err := a.writeReport(ctx, f.out, r, audit, g); err != nil {
			return err
		}
	}
	if a.json {
		return a.writeJSON(outlineOf(r, policy, audit))
	}
	fmt.Fprintf(a.Out, "%s written\n", f.out)
	return nil
}

// executePlan runs a plan that was read.
func (a *app) executePlan(ctx context.Context, p readPlan, workers int) (analysis.PlanResult, error) {
	progress, stop := a.progress("Running the plan")
	defer stop()
	return p.plan.Run(ctx, analysis.Input{Cohort: p.cohort, Find: catalog.Find, Progress: progress}, workers)
}

// facts say where the numbers of a study come from.
func (p readPlan) facts(ctx context.Context, f studyFlags) ([]reports.Fact, error) {
	o, err := reportFlags{load: f.load, protect: f.protect, options: reports.QuarterlyOptions{Level: p.plan.Level}}.sourced(ctx, p.cohort)
	if err != nil {
		return nil, err
	}
	fact := func(name, value string) reports.Fact { return reports.Fact{Name: name, Value: reports.Label(value)} }
	return append(o.Facts, fact("Plan", p.name), fact("Digest of the plan, SHA-256", p.digest), fact("Seed", fmt.Sprint(p.plan.Seed))), nil
}

// readValidation reads what simulate validate wrote, nil where no file is given.
func readValidation(path string) (*reports.StudyValidation, error) {
	if path == "" {
		return nil, nil
	}
	b, err := readBounded(path, maxEvidence)
	if err != nil {
		return nil, err
	}
	var v struct {
		validation
		Provenance struct {
			Recoup string `json:"recoup"`
		} `json:"provenance"`
	}
	if err := json.Unmarshal(b, &v); err != nil || v.Schema != "recoup.validation/v1" {
		return nil, fmt.Errorf("%w: expected a file that recoup simulate validate -o FILE.json wrote", errInvalidInput)
	}
	return &reports.StudyValidation{Evidence: v.Evidence.Name, Digest: v.Evidence.Digest, Recoup: v.Provenance.Recoup, Draws: v.Draws, Patients: v.Patients, Figures: v.Figures}, nil
}
