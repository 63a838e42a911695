package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/economics"
	"recoup/simulate"
	"recoup/simulate/rehab"
)

// valueFlags are the flags of simulate value.
type valueFlags struct {
	simulate simulateFlags
	draws    string
	informationFlags
}

func (a *app) simulateValue() *cobra.Command {
	var f valueFlags
	c := &cobra.Command{
		Use:   "value SCENARIO",
		Short: "What better information would be worth: EVPI, EVPPI, EVSI",
		Long: `Simulate a scenario with its draws and work out what it would be worth to know its
parameters before choosing a strategy: all of them (EVPI), each of them and each group
(EVPPI, by regression of the draws' costs and effects on the parameters), and what a
study of some of them would be worth (EVSI).

Groups are the parameters with the same word before the dot (effect., work., ...), and
those of --group NAME=PARAMETER,PARAMETER. --study names a parameter or group that a
study of --sizes patients would inform, with --prior patients' worth of knowledge today.
Values are for one patient; --per-year patients over --years make them those of a
population, discounted at --rate from the first year on.

A value of information is of a decision between these strategies with this model; it
says nothing of what the model leaves out. Fifty draws are the least, a thousand better.
A value found by regression is biased: upwards, by about its Monte Carlo error, for what
has little influence where strategies are nearly level (noise can only raise a maximum),
most with few draws and large groups; somewhat downwards for what matters, by smoothing.
Take values within 2 MCSE of 0 for none.

-o picks the format: .json, .csv, .parquet, .txt, or .svg and .png for a figure (--figure
information, acceptability, plane). --draws-csv writes the draws with their parameters, named
parameter.NAME there.`,
		Example: "  recoup simulate value scenario.yaml --draws 60 --patients 50\n  recoup simulate value scenario.yaml --draws 60 --patients 50 --study care.completion --prior 30 --sizes 100,400 --per-year 500 --years 5",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runValue(c.Context(), args[0], f, c.Flags().Changed("seed"))
		},
	}
	f.simulate.add(c)
	fl := c.Flags()
	f.informationFlags.add(c, "per-year", "information")
	fl.StringVar(&f.draws, "draws-csv", "", "file for the draws and their parameters, as analyze economics reads them")
	return c
}

func (a *app) runValue(ctx context.Context, path string, f valueFlags, seeded bool) error {
	format, err := formatOf(f.simulate.out, a.json, ".json", ".csv", ".parquet", ".txt", ".svg", ".png")
	if err != nil {
		return err
	}
	if err := f.check(format); err != nil {
		return err
	}
	job, err := a.simulate(ctx, path, f.simulate, seeded)
	if err != nil {
		return err
	}
	sim, err := job.result()
	if err != nil {
		return err
	}
	r, parameters, err := f.value(ctx, job, sim)
	if err != nil {
		return err
	}
	if f.draws != "" {
		if err := a.toFile(f.draws, func(w io.Writer) error { return drawsGrid(r.draws, parameters).csv(w) }); err != nil {
			return err
		}
	}
	if f.figure == "" {
		f.figure = "information"
	}
	return job.finish(a.toFile(f.simulate.out, func(w io.Writer) error {
		switch format {
		case ".json":
			return writeEncoded(w, r)
		case ".csv":
			return r.informationGrid().csv(w)
		case ".parquet":
			return r.informationGrid().parquet(ctx, w)
		case ".svg", ".png":
			return r.draw(w, f.figure, format)
		}
		fmt.Fprintf(w, "%s\n%d weeks, %d draws of %d patients, seed %d; costs in %s\n\n", job.Scenario.Title, job.Scenario.HorizonWeeks, sim.Draws, sim.Patients, sim.Seed, job.Scenario.MoneyName())
		economicsText(w, r.Result, "QALYs", 12)
		r.informationText(w)
		for _, c := range r.Conventions {
			fmt.Fprintf(w, "%s: %s\n", c.Name, c.Value)
		}
		for _, x := range append(ofTotals(sim.Warnings), warningsOf(r.Warnings)...) {
			fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
		}
		return nil
	}))
}

func warningsOf(list []analysis.Warning) (out []simulate.Warning) {
	for _, x := range list {
		out = append(out, simulate.Warning{Code: x.Code, Message: x.Message})
	}
	return out
}

// value works out the information of a simulation's draws.
func (f valueFlags) value(ctx context.Context, job simulationJob, sim simulate.Result) (economicsResult, []economics.Parameter, error) {
	s := job.Scenario
	r := economicsResult{Schema: "recoup.economics/v1", Provenance: thisBuild(), Sources: []poolSource{{"scenario " + s.Name, sim.Scenario.Digest}, {"evidence " + sim.Evidence.Name, sim.Evidence.Digest}}, draws: drawsOf(sim), Currency: sim.Currency, PriceYear: sim.PriceYear, Conventions: rehab.Money(s)}
	var err error
	if r.at, err = f.shown(s.WillingnessToPay); err != nil {
		return r, nil, err
	}
	if len(s.WillingnessToPay) == 0 {
		return r, nil, fmt.Errorf("%w: the scenario has no willingness to pay", errInvalidInput)
	}
	if r.Result, err = compareDraws(s, sim); err != nil {
		return r, nil, err
	}
	if sim.Draws < 2 {
		return r, nil, usagef("one draw has no value of information: ask for --draws 1000")
	}
	values, err := rehab.Sampled(s, job.Evidence, sim.Draws)
	if err != nil {
		return r, nil, err
	}
	var parameters []economics.Parameter
	var prefixes []string
	for i, name := range job.Evidence.Names() {
		parameters = append(parameters, economics.Parameter{Name: name, Values: values[i]})
		if prefix, _, ok := strings.Cut(name, "."); ok && !slices.Contains(prefixes, prefix) {
			prefixes = append(prefixes, prefix)
		}
	}
	groups, err := grouped(parameters, f.groups)
	if err != nil {
		return r, nil, err
	}
	for _, prefix := range prefixes {
		g := economics.Group{Name: prefix + ".*"}
		for _, p := range parameters {
			if strings.HasPrefix(p.Name, prefix+".") {
				g.Parameters = append(g.Parameters, p.Name)
			}
		}
		groups = append(groups, g)
	}
	if r.Information, err = economics.PartialInformation(ctx, r.draws, parameters, groups, f.studies(), s.WillingnessToPay); err != nil {
		return r, nil, usageError{err}
	}
	if r.Population, err = f.population("per-year"); err != nil {
		return r, nil, err
	}
	return r, parameters, nil
}

// informationGrid has a row for each group and willingness to pay.
func (r economicsResult) informationGrid() grid {
	g := grid{head: strings.Fields("group method willingness_to_pay evppi evppi_mcse share_of_evpi study_size evsi evsi_mcse reason"), right: []bool{false, false, true, true, true, true, true, true, true, false}}
	for _, x := range r.Information {
		for _, v := range x.Values {
			samples := v.Samples
			if len(samples) == 0 {
				samples = []economics.SampleValue{{Size: analysis.None, EVSI: analysis.None, EVSIMCSE: analysis.None}}
			}
			for _, s := range samples {
				g.rows = append(g.rows, []string{x.Group, x.Method, v.WillingnessToPay.Text(), v.EVPPI.Text(), v.EVPPIMCSE.Text(), v.Share.Text(), s.Size.Text(), s.EVSI.Text(), s.EVSIMCSE.Text(), x.Reason})
			}
		}
	}
	return g
}

// drawsGrid is the draws as analyze economics reads them. Parameters have a word before
// their names, without which effect.pain would be the effect of a strategy called pain.
func drawsGrid(d economics.Draws, parameters []economics.Parameter) grid {
	g := grid{}
	var columns [][]float64
	for s, name := range d.Strategies {
		g.head = append(g.head, "cost."+name, "effect."+name)
		columns = append(columns, d.Cost[s], d.Effect[s])
	}
	for _, p := range parameters {
		g.head = append(g.head, "parameter."+p.Name)
		columns = append(columns, p.Values)
	}
	g.right = slices.Repeat([]bool{true}, len(g.head))
	for i := range d.Cost[0] {
		row := make([]string, len(columns))
		for k, c := range columns {
			row[k] = analysis.Num(c[i]).Text()
		}
		g.rows = append(g.rows, row)
	}
	return g
}
