package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"recoup/analysis/economics"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/rehab"
)

func (a *app) simulateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Simulate program designs: init, check, outcomes, prices, run, merge, cohort, compare, sensitivity, value, budget, calibrate, validate, markov, queue",
		Long: `Simulate what a program design would do to pain, opioids, work and costs, beside
usual care and surgery, with the uncertainty of the parameters and the Monte Carlo
error of every figure. The same scenario gives the same bytes for any number of
workers.`,
	}
	c.AddCommand(
		a.simulateInit(), a.simulateCheck(), a.simulateOutcomes(), a.simulatePrices(), a.simulateRun(), a.simulateMerge(), a.simulateCohort(), a.simulateCompare(), a.simulateSensitivity(),
		a.simulateValue(), a.simulateBudget(), a.simulateCalibrate(), a.simulateValidate(), a.simulateMarkov(), a.simulateQueue(),
	)
	return c
}

func (a *app) simulateInit() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Print a scenario to start from",
		Long:    "Print the scenario that comes with recoup, to start another from.",
		Example: "  recoup simulate init",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				s, err := design.ParseScenario("default scenario", design.DefaultScenario())
				if err != nil {
					return err
				}
				return a.writeJSON(struct {
					Schema   string          `json:"schema"`
					Scenario design.Scenario `json:"scenario"`
				}{"recoup.scenario/v1", s})
			}
			_, err := a.Out.Write(design.DefaultScenario())
			return err
		},
	}
}

func (a *app) simulateOutcomes() *cobra.Command {
	var weeks int
	c := &cobra.Command{
		Use:   "outcomes",
		Short: "List what a simulation computes, with units and definitions",
		Long: `List the outcomes that a scenario's outputs may name, and the trajectories that every
run records, with unit, definition and whose they are. Those with a week in their name
stand for that week; _horizon is the end.`,
		Example: "  recoup simulate outcomes\n  recoup simulate outcomes --weeks 260 --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if weeks < 1 {
				return usagef("expected --weeks of 1 or more")
			}
			outcomes, series := rehab.Outcomes(weeks), rehab.Series()
			if a.json {
				return a.writeJSON(struct {
					Schema       string             `json:"schema"`
					Weeks        int                `json:"weeks"`
					Outcomes     []simulate.Outcome `json:"outcomes"`
					Trajectories []simulate.Series  `json:"trajectories"`
				}{"recoup.outcomes/v1", weeks, outcomes, series})
			}
			g := grid{head: []string{"outcome", "unit", "definition"}}
			for _, o := range outcomes {
				g.rows = append(g.rows, []string{o.Name, o.Unit, o.Note})
			}
			g.text(a.Out)
			t := grid{head: []string{"trajectory", "unit", "definition"}}
			for _, x := range series {
				t.rows = append(t.rows, []string{x.Name, x.Unit, x.Note})
			}
			fmt.Fprintln(a.Out)
			t.text(a.Out)
			return nil
		},
	}
	c.Flags().IntVar(&weeks, "weeks", 104, "horizon")
	return c
}

func (a *app) simulateCheck() *cobra.Command {
	return &cobra.Command{
		Use:     "check SCENARIO",
		Short:   "List every problem of a scenario at once",
		Long:    "Check a scenario file and list every problem at once, with line, column and the line\nitself; then what is unusual in its designs but may be meant.",
		Example: "  recoup simulate check scenario.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := readScenario(args[0])
			if err != nil {
				return err
			}
			digest, err := s.Digest()
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(struct {
					Schema   string          `json:"schema"`
					Valid    bool            `json:"valid"`
					Digest   string          `json:"sha256"`
					Warnings []string        `json:"warnings"`
					Scenario design.Scenario `json:"scenario"`
				}{"recoup.scenario/v1", true, digest, scenarioWarnings(s), s})
			}
			for _, w := range scenarioWarnings(s) {
				a.note("warning: %s", w)
			}
			fmt.Fprintf(a.Out, "%s is valid: %d strategies, %d weeks, %d draws of %d patients, digest %s\n", s.Name, len(s.Strategies), s.HorizonWeeks, s.Draws, s.Patients, digest[:16])
			return nil
		},
	}
}

// maxScenario and maxEvidence bound files before they are decoded.
const (
	maxScenario = 64 << 10
	maxEvidence = 256 << 10
)

func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%w: expected %s to have at most %d bytes", errInvalidInput, path, most)
	}
	return b, err
}

func readScenario(path string) (design.Scenario, error) {
	b, err := readBounded(path, maxScenario)
	if err != nil {
		return design.Scenario{}, err
	}
	return design.ParseScenario(path, b)
}

// simulateFlags are the flags of run and compare.
type simulateFlags struct {
	evidence string
	prices   string // table of price indices
	workers  int
	out      string
	draws    int
	patients int
	seed     uint64

	precision  []string
	checkpoint string
	shard      string
}

func (f *simulateFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.evidence, "evidence", "", "file of parameters put over those that come with recoup")
	addPriceIndex(c, &f.prices)
	c.Flags().IntVar(&f.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	c.Flags().IntVar(&f.draws, "draws", -1, "parameter sets, in place of the scenario's; 0 for the base case alone")
	c.Flags().IntVar(&f.patients, "patients", 0, "patients in each draw, in place of the scenario's")
	c.Flags().Uint64Var(&f.seed, "seed", 0, "in place of the scenario's")
	c.Flags().StringArrayVar(&f.precision, "precision", nil, "add rounds of the scenario's size until the Monte Carlo standard error is under a figure: 'qaly<0.001' for every strategy, 'difference.qaly<0.001' for every difference; repeatable")
	c.Flags().StringVar(&f.checkpoint, "checkpoint", "", "file to keep what is done in, and to go on from; removed at the end")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
}

func (a *app) simulateRun() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Simulate a scenario",
		Long: `Simulate a scenario. Every mean carries its Monte Carlo standard error (MCSE): how
far it may be from what endlessly many patients and draws of the same model would
give. It says nothing of how right the model is; warnings say which parameters
rest on assumption.

With --precision the size is found by the run: rounds of the scenario's draws (of
its patients, where the draws are 0) are added until the standard errors are small
enough. Where it stops depends on the numbers alone, not on time or workers.

With --checkpoint FILE a long run keeps what is done every half minute and when it
is interrupted; the same command goes on from there, to the same bytes.

With --shard I/N the I-th of N parts is run and written to -o FILE.shard; simulate
merge puts the parts together, to the bytes of one run.

-o picks the format by its ending: .json, .csv, .parquet or .txt; .shard for a shard.
Tables hold one row an outcome of a strategy, a difference, or a week of a trajectory
with its percentiles over the patients.`,
		Example: "  recoup simulate run scenario.yaml --draws 2 --patients 500\n  recoup simulate run scenario.yaml --draws 0 --patients 500 --json\n  recoup simulate run scenario.yaml --draws 0 --precision 'qaly<0.02'\n  recoup simulate run scenario.yaml --draws 2 --patients 500 --checkpoint kept.shard",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			endings := []string{".json", ".csv", ".parquet", ".txt"}
			if f.shard != "" {
				endings = []string{".shard"}
				if f.out == "" {
					return usagef("expected -o FILE.shard to write shard %s to", f.shard)
				}
			}
			format, err := formatOf(f.out, a.json && f.shard == "", endings...)
			if err != nil {
				return err
			}
			job, err := a.simulate(c.Context(), args[0], f, c.Flags().Changed("seed"))
			if err != nil {
				return err
			}
			if f.shard != "" {
				return job.finish(a.toFile(f.out, job.part.Write))
			}
			r, err := job.result()
			if err != nil {
				return err
			}
			return job.finish(a.toFile(f.out, func(w io.Writer) error { return writeSimulation(w, format, job.Scenario, r) }))
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.shard, "shard", "", "run one of several parts, such as 2/4")
	return c
}

func (a *app) simulateMerge() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "merge SHARD...",
		Short: "Put the shards of a run together",
		Long: `Put the shards of a run together, in any order, to the bytes of one run. Shards of
different runs, missing and doubled ones are refused by name. A shard says itself
which scenario, evidence, seed and program it is of.

-o picks the format by its ending: .json, .csv, .parquet or .txt.`,
		Example: "  recoup simulate run scenario.yaml --draws 2 --patients 500 --shard 1/2 -o one.shard\n  recoup simulate run scenario.yaml --draws 2 --patients 500 --shard 2/2 -o two.shard\n  recoup simulate merge one.shard two.shard",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			format, err := formatOf(out, a.json, ".json", ".csv", ".parquet", ".txt")
			if err != nil {
				return err
			}
			var parts []*simulate.Part
			for _, path := range args {
				p, err := readPart(path)
				if err != nil {
					return err
				}
				if id := p.Identity(); id.Program != program() {
					return fmt.Errorf("%w: %s is of %s, and this is %s; merge with the program that ran the shards", errInvalidInput, path, id.Program, program())
				}
				parts = append(parts, p)
			}
			p, err := simulate.Merge(parts)
			if err != nil {
				return fmt.Errorf("%w: %w", errInvalidInput, err)
			}
			job, err := jobOf(p)
			if err != nil {
				return err
			}
			r, err := job.result()
			if err != nil {
				return err
			}
			return a.toFile(out, func(w io.Writer) error { return writeSimulation(w, format, job.Scenario, r) })
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// maxPart bounds a file of a part before it is read.
const maxPart = 8 << 30

func readPart(path string) (*simulate.Part, error) {
	b, err := readBounded(path, maxPart)
	if err != nil {
		return nil, err
	}
	p, err := simulate.ReadPart(path, b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errInvalidInput, err)
	}
	return p, nil
}

// program says what draws the parameters: they are promised alike within one.
func program() string {
	b := thisBuild()
	return fmt.Sprintf("recoup %s %s %s", b.Recoup, b.Revision, b.Platform)
}

// simulationJob is what was asked, and what came of it. It goes into a part as its
// input.
type simulationJob struct {
	Scenario design.Scenario `json:"scenario"`
	Evidence evidence.Set    `json:"evidence"`

	part       *simulate.Part
	checkpoint string
}

// jobOf reads the job of a part.
func jobOf(p *simulate.Part) (simulationJob, error) {
	id := p.Identity()
	j := simulationJob{part: p}
	if err := json.Unmarshal(id.Input, &j); err != nil {
		return j, fmt.Errorf("%w: %s: its scenario: %w", errInvalidInput, p.Name, err)
	}
	digest, err := j.Scenario.Digest()
	if err != nil {
		return j, err
	}
	if digest != id.Scenario.Digest || j.Evidence.Digest() != id.Evidence.Digest {
		return j, fmt.Errorf("%w: %s: its scenario or evidence does not have the digest it names", errInvalidInput, p.Name)
	}
	return j, nil
}

func (j simulationJob) result() (simulate.Result, error) {
	return rehab.Result(j.Scenario, j.Evidence, j.part)
}

// finish removes the checkpoint of a job whose output was written.
func (j simulationJob) finish(err error) error {
	if err != nil || j.checkpoint == "" {
		return err
	}
	if err := os.Remove(j.checkpoint); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// simulate reads and runs a scenario, or a shard of it.
func (a *app) simulate(ctx context.Context, path string, f simulateFlags, seeded bool) (simulationJob, error) {
	j, err := a.readJob(path, f, seeded)
	if err != nil {
		return j, err
	}
	job := rehab.Job{Program: program()}
	for _, text := range f.precision {
		t, err := simulate.ParsePrecision(text)
		if err != nil {
			return j, usagef("--precision: %w", err)
		}
		job.Precision = append(job.Precision, t)
	}
	if f.shard != "" {
		if job.Shard, err = simulate.ParseShard(f.shard); err != nil {
			return j, usagef("--shard: %w", err)
		}
		if len(job.Precision) > 0 {
			return j, usagef("--shard and --precision do not go together: where a run with a precision stops depends on all of it")
		}
	}
	if job.Input, err = json.Marshal(j); err != nil {
		return j, err
	}
	opt := simulate.Options{Workers: f.workers, Memory: freeMemory() / 10 * 9}
	if f.checkpoint != "" {
		if err := a.checkpoint(&opt, f.checkpoint); err != nil {
			return j, err
		}
		j.checkpoint = f.checkpoint
	}
	report, stop := a.progress("Simulating")
	opt.Progress = report
	j.part, err = rehab.Simulate(ctx, j.Scenario, j.Evidence, job, opt)
	stop()
	if _, missing := os.Stat(f.checkpoint); errors.Is(err, context.Canceled) && missing == nil {
		err = keptError{err, fmt.Sprintf("the same command goes on from %s", f.checkpoint)}
	}
	if errors.Is(err, simulate.ErrPart) {
		err = fmt.Errorf("%w: %w", errInvalidInput, err)
	}
	return j, err
}

// keptError is an interruption that left something to go on from.
type keptError struct {
	error
	kept string
}

func (e keptError) Unwrap() error { return e.error }

// checkpoint makes a run keep what is done in a file, and go on from it if it is
// there.
func (a *app) checkpoint(opt *simulate.Options, path string) error {
	old, err := readPart(path)
	switch {
	case err == nil:
		done, of := old.Patients()
		a.note("going on from %s: %d of %d patients are done", path, done, of)
		opt.Resume = old
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	opt.Checkpoint = func(p *simulate.Part) error { return writeFile(path, p.Write) }
	return nil
}

// readJob reads the scenario and the evidence, with what the flags put in place.
func (a *app) readJob(path string, f simulateFlags, seeded bool) (j simulationJob, err error) {
	if j.Scenario, err = readScenario(path); err != nil {
		return j, err
	}
	if f.workers < 0 || f.patients < 0 || f.draws < -1 {
		return j, usagef("expected --workers, --draws and --patients of at least 0")
	}
	if f.draws >= 0 {
		j.Scenario.Draws = f.draws
	}
	if f.patients > 0 {
		j.Scenario.Patients = f.patients
	}
	if seeded {
		j.Scenario.Seed = f.seed
	}
	if j.Evidence, err = readEvidence(f.evidence); err != nil {
		return j, err
	}
	return j, inMoney(&j.Scenario, &j.Evidence, f.prices)
}

// toFile writes to a file whole, or to standard output where the path is empty.
func (a *app) toFile(path string, write func(io.Writer) error) error {
	if path == "" {
		return write(a.Out)
	}
	if err := writeFile(path, write); err != nil {
		return err
	}
	a.note("written to %s", path)
	return nil
}

// simulation is the envelope of a simulation's result.
type simulation struct {
	Schema     string `json:"schema"`
	Provenance build  `json:"provenance"`
	simulate.Result
}

func writeSimulation(w io.Writer, format string, s design.Scenario, r simulate.Result) error {
	switch format {
	case ".json":
		return writeEncoded(w, simulation{"recoup.simulation/v1", thisBuild(), r})
	case ".csv":
		return simulationTable(r).csv(w)
	case ".parquet":
		return simulationTable(r).parquet(context.Background(), w)
	}
	fmt.Fprintf(w, "%s\n%d weeks, %d draws of %d patients, seed %d; costs in %s\n\n", s.Title, s.HorizonWeeks, r.Draws, r.Patients, r.Seed, s.MoneyName())
	g := grid{head: []string{"outcome", "unit"}, right: []bool{false, false}}
	for _, st := range r.Strategies {
		g.head, g.right = append(g.head, st.Name, "MCSE", "95 % of draws"), append(g.right, true, true, true)
	}
	if len(r.Strategies) > 0 {
		for i, e := range r.Strategies[0].Estimates {
			row := []string{e.Outcome, e.Unit}
			for _, st := range r.Strategies {
				x := st.Estimates[i]
				row = append(row, number(float64(x.Mean)), number(float64(x.MCSE)), between(float64(x.Lower), float64(x.Upper)))
			}
			g.rows = append(g.rows, row)
		}
	}
	g.text(w)
	fmt.Fprintf(w, "\nDifferences from %s, paired by patient:\n", r.Reference)
	d := grid{head: []string{"strategy", "outcome", "difference", "MCSE", "95 % of draws", "mostly from"}, right: []bool{false, false, true, true, true, false}}
	for _, st := range r.Differences {
		for _, e := range st.Estimates {
			d.rows = append(d.rows, []string{st.Name, e.Outcome, number(float64(e.Mean)), number(float64(e.MCSE)), between(float64(e.Lower), float64(e.Upper)), e.Dominant})
		}
	}
	d.text(w)
	fmt.Fprintln(w)
	for _, c := range r.Conventions {
		fmt.Fprintf(w, "%s: %s\n", c.Name, c.Value)
	}
	for _, x := range r.Warnings {
		fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
	}
	fmt.Fprintf(w, "scenario %s, evidence %s; recoup %s, %s\n", short16(r.Scenario.Digest), short16(r.Evidence.Digest), version, runtime.Version())
	return nil
}

func short16(s string) string { return s[:min(16, len(s))] }

// full writes a number with all its digits, "" where there is none.
func full(n simulate.Num) string {
	if f := float64(n); f == f {
		return fmt.Sprint(f)
	}
	return ""
}

// number writes a figure for a person.
func number(v float64) string {
	switch {
	case v != v:
		return ""
	case v >= 1000 || v <= -1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func between(low, high float64) string {
	if low != low || high != high {
		return ""
	}
	return number(low) + " to " + number(high)
}

func (a *app) simulateCompare() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "compare SCENARIO",
		Short: "Compare strategies by cost and effect",
		Long: `Simulate a scenario and compare its strategies: cost, QALYs, incremental
cost-effectiveness ratio with dominance and extended dominance, and net monetary
benefit at each willingness to pay, each with its Monte Carlo standard error
(MCSE); with more than one draw also the probability of being the best and the
expected value of perfect information. Then what one more success of a patient costs
each strategy (30 % less pain, off opioids, at work, sustained return).

-o picks the format by its ending: .json or .txt.`,
		Example: "  recoup simulate compare scenario.yaml --draws 3 --patients 500\n  recoup simulate compare scenario.yaml --draws 3 --patients 500 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			format, err := formatOf(f.out, a.json, ".json", ".txt")
			if err != nil {
				return err
			}
			job, err := a.simulate(c.Context(), args[0], f, c.Flags().Changed("seed"))
			if err != nil {
				return err
			}
			r, err := job.result()
			if err != nil {
				return err
			}
			e, err := compareDraws(job.Scenario, r)
			if err != nil {
				return err
			}
			return job.finish(a.toFile(f.out, func(w io.Writer) error { return writeComparison(w, format, job.Scenario, r, e) }))
		},
	}
	f.add(c)
	return c
}

// compareDraws hands a simulation's draws to the economic analysis.
func compareDraws(s design.Scenario, r simulate.Result) (economics.Result, error) {
	return economics.Analyze(drawsOf(r), economics.Options{WillingnessToPay: s.WillingnessToPay})
}

// ofTotals leaves out the warning of outcomes without an interval over the draws, where
// none is shown.
func ofTotals(warnings []simulate.Warning) []simulate.Warning {
	return slices.DeleteFunc(slices.Clone(warnings), func(w simulate.Warning) bool { return w.Code == "no-interval" })
}

// drawsOf are the costs and effects of a simulation by draw.
func drawsOf(r simulate.Result) (d economics.Draws) {
	for i, st := range r.Strategies {
		d.Strategies = append(d.Strategies, st.Name)
		d.Cost = append(d.Cost, simulate.Floats(r.ByDraw.Costs[i]))
		d.Effect = append(d.Effect, simulate.Floats(r.ByDraw.Effects[i]))
	}
	for _, row := range r.ByDraw.Noise {
		d.Noise = append(d.Noise, simulate.Floats(row))
	}
	return d
}

// comparison is the envelope of a comparison of strategies.
type comparison struct {
	Schema      string                `json:"schema"`
	Provenance  build                 `json:"provenance"`
	Scenario    simulate.Source       `json:"scenario"`
	Evidence    simulate.Source       `json:"evidence"`
	Seed        uint64                `json:"seed"`
	Patients    int                   `json:"patients_per_draw"`
	Currency    string                `json:"currency"`
	PriceYear   int                   `json:"price_year,omitempty"` // 0 where it is not stated
	Conventions []simulate.Convention `json:"conventions"`
	economics.Result
	Success  []economics.Success `json:"cost_per_success"`
	Warnings []simulate.Warning  `json:"warnings"`
}

func writeComparison(w io.Writer, format string, s design.Scenario, r simulate.Result, e economics.Result) error {
	warnings := ofTotals(r.Warnings)
	for _, x := range e.Warnings {
		warnings = append(warnings, simulate.Warning{Code: x.Code, Message: x.Message})
	}
	if format == ".json" {
		return writeEncoded(w, comparison{"recoup.comparison/v1", thisBuild(), r.Scenario, r.Evidence, r.Seed, r.Patients, r.Currency, r.PriceYear, r.Conventions, e, allSuccesses(r), warnings})
	}
	fmt.Fprintf(w, "%s\n%d weeks, %d draws of %d patients, seed %d; costs in %s\n\n", s.Title, s.HorizonWeeks, r.Draws, r.Patients, r.Seed, s.MoneyName())
	economicsText(w, e, "QALYs", 12)
	successText(w, allSuccesses(r))
	fmt.Fprintln(w)
	for _, c := range r.Conventions {
		fmt.Fprintf(w, "%s: %s\n", c.Name, c.Value)
	}
	for _, x := range warnings {
		fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
	}
	return nil
}
