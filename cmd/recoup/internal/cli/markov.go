package cli

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"recoup/analysis/economics"
	"recoup/simulate"
	"recoup/simulate/markov"
)

// markovFlags are the flags of simulate markov.
type markovFlags struct {
	individuals, workers int
	seed                 uint64
	out                  string
	print                bool
}

func (a *app) simulateMarkov() *cobra.Command {
	var f markovFlags
	c := &cobra.Command{
		Use:   "markov FILE",
		Short: "Work a small Markov model out exactly, and as individuals beside it",
		Long: `Work out a Markov model that a YAML file describes: states, transitions, costs and
effects, strategies. --print gives a file to start from.

The cohort π of the states moves by π(t) = π(t−1)·P(t). A transition is a probability
of a cycle, or a rate a year (transitions_are: rates) converted by
  competing        pⱼ = rⱼ/Σr·(1 − exp(−Δ·Σr)), the first exit wins (default)
  separate         pⱼ = 1 − exp(−Δ·rⱼ), each as if alone; too large where exits compete
  given-survival   death first, the others separately among those who live
  exponential      the matrix exponential exp(Δ·Q), any number of moves in a cycle
It may change with the cycle (cycles, steps) or with the cycles already spent in the
state (time_in_state); the last number holds on. What a row leaves to 1 stays.

Costs and effects of being in a state are Σ d·w·π·r over the points 0..T with weights
w by counting: start, end, half-cycle (default), both-ends, simpson (with the 3/8 rule
at the end of an odd number of cycles) or weights of your own. d is the discount
factor: annual (1+r)^−t, by-year, continuous exp(−r·t) or nominal (1+r/m)^−k, of each
state at its own point, or of whole cycles at their start, middle or end (at:). Events
on a transition are discounted but never halved, what start_cost and start_effect say
neither.

--individuals N also runs the same model person by person: the same numbers within
their Monte Carlo standard error (MCSE), and how persons differ.

Sources: Briggs, Claxton, Sculpher 2006, Decision Modelling for Health Economic
Evaluation; Siebert et al. 2012, doi:10.1016/j.jval.2012.06.014; for the exponential
Moler, Van Loan 2003, doi:10.1137/S00361445024180.

-o picks the format by its ending: .json (with the cohort at every point), .csv or .txt.`,
		Example: `  recoup simulate markov --print -o model.yaml
  recoup simulate markov model.yaml
  recoup simulate markov model.yaml --individuals 2000 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.print {
				if len(args) > 0 {
					return usagef("expected no file with --print")
				}
				return a.toFile(f.out, func(w io.Writer) error {
					_, err := w.Write(markov.Example())
					return err
				})
			}
			if len(args) != 1 {
				return usagef("expected a model file; --print gives one to start from")
			}
			return a.runMarkov(c.Context(), args[0], f)
		},
	}
	c.Flags().IntVar(&f.individuals, "individuals", 0, "persons to simulate beside the exact answer; 0 for none")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "of the persons")
	c.Flags().IntVar(&f.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	c.Flags().BoolVar(&f.print, "print", false, "print a model to start from")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// cohortModel is the envelope of a Markov model's result.
type cohortModel struct {
	Schema      string                `json:"schema"`
	Provenance  build                 `json:"provenance"`
	Model       simulate.Source       `json:"model"`
	Title       string                `json:"title"`
	Conventions []simulate.Convention `json:"conventions"`
	States      []string              `json:"states"`
	Strategies  []markov.Expected     `json:"strategies"`
	Table       []economics.Row       `json:"table"` // by rising cost
	Individuals *simulate.Result      `json:"individuals,omitempty"`
	Warnings    []simulate.Warning    `json:"warnings"`
}

// maxModel bounds a model file before it is decoded.
const maxModel = 64 << 10

func (a *app) runMarkov(ctx context.Context, path string, f markovFlags) error {
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".txt")
	if err != nil {
		return err
	}
	if f.individuals < 0 || f.workers < 0 {
		return usagef("expected --individuals and --workers of at least 0")
	}
	b, err := readBounded(path, maxModel)
	if err != nil {
		return err
	}
	s, err := markov.ParseModel(path, b)
	if err != nil {
		return err
	}
	r := cohortModel{"recoup.markov/v1", thisBuild(), s.Source, s.Title, s.Conventions, s.States, s.Evaluate(), nil, nil, s.Warnings}
	if r.Table, err = incremental(r.Strategies); err != nil {
		return err
	}
	if f.individuals > 0 {
		report, stop := a.progress("Simulating")
		run, err := simulate.Run(ctx, s.Individuals(), simulate.Size{Seed: f.seed, Draws: 1, Patients: f.individuals}, simulate.Options{Workers: f.workers, Progress: report})
		stop()
		if err != nil {
			return err
		}
		run.Scenario, run.Conventions = s.Source, s.Conventions
		r.Individuals = &run
		for _, x := range run.Warnings {
			if x.Code != "single-draw" { // there is but one set of parameters
				r.Warnings = append(r.Warnings, x)
			}
		}
	}
	return a.emit(ctx, f.out, format, result{json: r, table: r.grid(), text: r.text})
}

// incremental compares the strategies.
func incremental(list []markov.Expected) ([]economics.Row, error) {
	d := economics.Draws{}
	for _, e := range list {
		d.Strategies = append(d.Strategies, e.Name)
		d.Cost, d.Effect = append(d.Cost, []float64{float64(e.Cost)}), append(d.Effect, []float64{float64(e.Effect)})
	}
	r, err := economics.Analyze(d, economics.Options{})
	return r.Table, err
}

// grid is one row a strategy and quantity.
func (r cohortModel) grid() grid {
	g := grid{head: []string{"strategy", "quantity", "exact", "simulated", "mcse"}, right: []bool{false, false, true, true, true}}
	for i, e := range r.Strategies {
		add := func(name string, exact simulate.Num, outcome int) {
			row := []string{e.Name, name, full(exact), "", ""}
			if r.Individuals != nil && outcome >= 0 {
				x := r.Individuals.Strategies[i].Estimates[outcome]
				row[3], row[4] = full(x.Mean), full(x.MCSE)
			}
			g.rows = append(g.rows, row)
		}
		add("cost", e.Cost, markov.Cost)
		add("effect", e.Effect, markov.Effect)
		for k, y := range e.YearsIn {
			add("years_"+r.States[k], y, -1)
		}
	}
	return g
}

func (r cohortModel) text(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", clean(r.Title))
	g := grid{head: []string{"strategy", "cost", "effect", "more cost", "more effect", "ICER", ""}, right: []bool{false, true, true, true, true, true, false}}
	n := newNotes()
	for _, x := range r.Table {
		mark := string(x.Status)
		if x.Reason != "" {
			mark += " " + n.mark(x.Reason)
		}
		g.rows = append(g.rows, []string{x.Strategy, number(float64(x.Cost)), number(float64(x.Effect)), number(float64(x.Comparison.Cost)), number(float64(x.Comparison.Effect)), number(float64(x.ICER)), mark})
	}
	g.text(w)
	fmt.Fprintln(w, "\nYears in each state, not discounted:")
	y := grid{head: append([]string{"strategy"}, r.States...), right: []bool{false}}
	for _, e := range r.Strategies {
		row := []string{e.Name}
		for _, v := range e.YearsIn {
			row = append(row, number(float64(v)))
		}
		y.rows = append(y.rows, row)
	}
	for range r.States {
		y.right = append(y.right, true)
	}
	y.text(w)
	if r.Individuals != nil {
		r.beside(w)
	}
	fmt.Fprintln(w)
	for i, x := range n.list {
		fmt.Fprintf(w, "[%d] %s\n", i+1, x)
	}
	for _, c := range r.Conventions {
		fmt.Fprintf(w, "%s: %s\n", c.Name, c.Value)
	}
	for _, x := range r.Warnings {
		fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
	}
	fmt.Fprintf(w, "model %s; recoup %s\n", short16(r.Model.Digest), version)
}

// beside sets the individuals beside the exact answer.
func (r cohortModel) beside(w io.Writer) {
	fmt.Fprintf(w, "\nThe same model as %d individuals, seed %d:\n", r.Individuals.Patients, r.Individuals.Seed)
	g := grid{head: []string{"strategy", "outcome", "exact", "simulated", "MCSE", "errors apart", "SD of persons"}, right: []bool{false, false, true, true, true, true, true}}
	for i, e := range r.Strategies {
		for o, exact := range []simulate.Num{e.Cost, e.Effect} {
			x := r.Individuals.Strategies[i].Estimates[o]
			apart := math.NaN()
			if x.MCSE > 0 {
				apart = float64((x.Mean - exact) / x.MCSE)
			}
			g.rows = append(g.rows, []string{e.Name, x.Outcome, number(float64(exact)), number(float64(x.Mean)), number(float64(x.MCSE)), number(apart), number(float64(x.SD))})
		}
	}
	g.text(w)
}
