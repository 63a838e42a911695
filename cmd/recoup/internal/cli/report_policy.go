package cli

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis/economics"
	"recoup/reports"
	"recoup/reports/disclosure"
)

// policyFlags are the flags of report policy.
type policyFlags struct {
	budget  budgetFlags
	at      float64
	batches int

	language, out string
}

func (a *app) reportPolicy() *cobra.Command {
	var f policyFlags
	c := &cobra.Command{
		Use:   "policy SCENARIO -o FILE",
		Short: "Write a policy brief: which strategy, how sure, what it costs",
		Long: `Write a policy brief of a scenario; the ending of the file says the format, as for report
quarterly. One page first: which strategy, at what willingness to pay, how sure, what it costs in each year,
what would change the answer. Then what each strategy achieves, cost-effectiveness with
plane and acceptability curves, the budget by year, a tornado, the value of information,
all settings and parameters, and where each item of CHEERS 2022 is answered.

Its sentences follow rules: a lead within two Monte Carlo standard errors is called none,
and one set of parameters gives no probability. Everything in it is simulated: no
patient's data go into it.`,
		Example: "  recoup report policy scenario.yaml --draws 60 --patients 100 -o brief.html\n  recoup report policy scenario.yaml --draws 0 --patients 100 --per-year 300 --uptake 0.2,0.5,0.8 -o brief.md",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runPolicy(c.Context(), args[0], f, c.Flags().Changed("seed"))
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.budget.simulate.evidence, "evidence", "", "file of parameters put over those that come with recoup")
	addPriceIndex(c, &f.budget.simulate.prices)
	fl.IntVar(&f.budget.simulate.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	fl.IntVar(&f.budget.simulate.draws, "draws", -1, "parameter sets, in place of the scenario's; 0 for the base case alone")
	fl.IntVar(&f.budget.simulate.patients, "patients", 0, "patients in each draw, in place of the scenario's")
	fl.Uint64Var(&f.budget.simulate.seed, "seed", 0, "in place of the scenario's")
	fl.StringVar(&f.budget.strategy, "strategy", "", "strategy the brief is about; the scenario's second where not given")
	fl.Float64Var(&f.at, "at", math.NaN(), "willingness to pay for a QALY, one of the scenario's; its middle one where not given")
	fl.IntVar(&f.batches, "batches", 10, "batches of the patients of the tornado")
	languageFlag(c, &f.language)
	fl.StringVarP(&f.out, "output", "o", "", "file to write: "+strings.Join(endings(), ", "))
	f.budget.add(c)
	return c
}

func (a *app) runPolicy(ctx context.Context, path string, f policyFlags, seeded bool) error {
	if f.out == "" && !a.json {
		return usagef("expected a file to write: -o brief.html")
	}
	if _, err := formatOf(f.out, a.json, endings()...); err != nil {
		return err
	}
	if _, err := reports.LanguageOf(f.language); err != nil {
		return usagef("--language: %w", err)
	}
	if f.batches < 1 {
		return usagef("expected --batches of at least 1")
	}
	job, err := a.readJob(path, f.budget.simulate, seeded)
	if err != nil {
		return err
	}
	in, err := a.policy(ctx, job, f)
	if err != nil {
		return err
	}
	r, err := reports.Policy(in)
	if err != nil {
		return err
	}
	policy, err := disclosure.Named("none")
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := a.writeReport(ctx, f.out, r, disclosure.Audit{}, guard{}); err != nil {
			return err
		}
	}
	if a.json {
		return a.writeJSON(outlineOf(r, policy, disclosure.Audit{}))
	}
	fmt.Fprintf(a.Out, "%s written\n", f.out)
	return nil
}

// policy runs everything a brief is made of.
func (a *app) policy(ctx context.Context, job simulationJob, f policyFlags) (reports.PolicyInput, error) {
	s := job.Scenario
	in := reports.PolicyInput{Scenario: s, Evidence: job.Evidence, Lang: f.language}
	if len(s.WillingnessToPay) == 0 {
		return in, fmt.Errorf("%w: the scenario has no willingness to pay", errInvalidInput)
	}
	var err error
	if in.At, err = (informationFlags{at: f.at}).shown(s.WillingnessToPay); err != nil {
		return in, err
	}
	b, err := a.budget(ctx, job, f.budget)
	if err != nil {
		return in, err
	}
	in.Result, in.Draws, in.Strategy, in.Success, in.Budget = b.all, drawsOf(b.all), b.Strategy, b.Success, b.total()
	in.PerPatient = b.perPatient()
	for _, o := range b.Occupancy {
		in.Occupancy = append(in.Occupancy, reports.Occupancy{From: o.Income, Occupancy: o.Occupancy})
	}
	for _, y := range b.Years {
		i := slices.IndexFunc(in.Kinds, func(k reports.BudgetKind) bool { return k.Kind == y.Kind })
		if i < 0 {
			i = len(in.Kinds)
			in.Kinds = append(in.Kinds, reports.BudgetKind{Kind: y.Kind, PartOf: y.PartOf})
		}
		in.Kinds[i].Impact = append(in.Kinds[i].Impact, float64(y.Impact))
	}
	if in.Economics, err = compareDraws(s, b.all); err != nil {
		return in, err
	}
	var fine []float64
	for most, i := slices.Max(s.WillingnessToPay), 0; i <= 60 && most > 0; i++ {
		fine = append(fine, most*float64(i)/60)
	}
	if in.Curve, err = economics.Analyze(in.Draws, economics.Options{WillingnessToPay: fine}); err != nil {
		return in, err
	}
	if in.Strategy != s.Strategies[0] {
		t, err := a.sensitivity(ctx, job, sensitivityFlags{batches: f.batches, patients: max(1, min(s.Patients, 256)), strategy: in.Strategy, at: s.WillingnessToPay[in.At], workers: f.budget.simulate.workers})
		if err != nil {
			return in, err
		}
		in.Tornado = t.Tornado
	}
	if b.all.Draws >= 50 {
		values := valueFlags{informationFlags: informationFlags{at: f.at}}
		r, _, err := values.value(ctx, job, b.all)
		if err != nil {
			return in, err
		}
		in.Information = r.Information
	}
	in.Facts = policyFacts(b)
	return in, nil
}

func policyFacts(b *budget) []reports.Fact {
	build := thisBuild()
	fact := func(name, value string) reports.Fact {
		return reports.Fact{Name: name, Value: reports.Label(value)}
	}
	return []reports.Fact{
		fact("recoup", build.Recoup+" (revision "+build.Revision+")"), fact("Go", build.Go), fact("gonum", build.Gonum), fact("Platform", build.Platform),
		fact("Scenario", b.Scenario.Name), fact("Digest of the scenario, SHA-256", b.Scenario.Digest), fact("Evidence", b.Evidence.Name), fact("Digest of the evidence, SHA-256", b.Evidence.Digest),
		fact("Seed", fmt.Sprint(b.Seed)), fact("Size", fmt.Sprintf("%d draws of %d patients", b.Draws, b.Patients)),
	}
}
