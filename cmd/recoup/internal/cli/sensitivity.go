package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"recoup/analysis"
	"recoup/analysis/economics"
	"recoup/reports"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/rehab"
)

// sensitivityFlags are the flags of simulate sensitivity.
type sensitivityFlags struct {
	evidence   string
	prices     string
	workers    int
	batches    int
	patients   int
	seed       uint64
	strategy   string
	at         float64
	parameters []string
	twoWay     string
	steps      int
	threshold  string
	scenarios  bool
	also       []string
	figure     string
	out        string
}

func (f *sensitivityFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringVar(&f.evidence, "evidence", "", "file of parameters put over those that come with recoup")
	addPriceIndex(c, &f.prices)
	fl.IntVar(&f.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	fl.IntVar(&f.batches, "batches", 10, "batches of patients, whose spread gives the Monte Carlo errors")
	fl.IntVar(&f.patients, "patients", 256, "patients in each batch")
	fl.Uint64Var(&f.seed, "seed", 0, "in place of the scenario's")
	fl.StringVar(&f.strategy, "strategy", "", "strategy held against the reference; the best of the base case, or the second of the scenario, where not given")
	fl.Float64Var(&f.at, "at", math.NaN(), "willingness to pay for a QALY; the scenario's middle one where not given")
}

func (a *app) simulateSensitivity() *cobra.Command {
	var f sensitivityFlags
	c := &cobra.Command{
		Use:   "sensitivity SCENARIO",
		Short: "What changes the answer: tornado, two-way, threshold, scenarios",
		Long: `Move the parameters of a scenario from their base values and see what becomes of the
incremental net benefit of a strategy against the reference (the scenario's first).

Without more, every uncertain parameter is moved alone to the 2.5th and 97.5th
percentile of its distribution: a tornado. --parameters names some. --two-way P,Q makes
a grid of two parameters over the same ranges; --threshold P, or P=FROM:TO, searches the
values at which the best strategy becomes another; --scenarios changes the settings that
are not parameters (horizon, discounting, perspective, counting of cycles), and --also
puts further scenario files of the same strategies beside it.

All runs have the same patients and random numbers, in batches: a change from the base
case has the Monte Carlo error (MCSE) of its spread between batches. A range is what the
evidence says of one parameter; it does not tell how likely its ends are together with
others: simulate value does.

-o picks the format: .json, .csv, .txt, or .svg and .png for a figure (--figure tornado,
heat-map).`,
		Example: `  recoup simulate sensitivity scenario.yaml --patients 100 --batches 2 --parameters effect.pain,care.completion
  recoup simulate sensitivity scenario.yaml --patients 100 --batches 2 --two-way effect.pain,care.completion --steps 3
  recoup simulate sensitivity scenario.yaml --patients 100 --batches 2 --threshold cost.program=0.5:2
  recoup simulate sensitivity scenario.yaml --patients 100 --batches 2 --scenarios --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runSensitivity(c.Context(), args[0], f, c.Flags().Changed("seed"))
		},
	}
	f.add(c)
	fl := c.Flags()
	fl.StringSliceVar(&f.parameters, "parameters", nil, "parameters to move, or the beginning of their names with a dot at its end; all where not given")
	fl.StringVar(&f.twoWay, "two-way", "", "two parameters with a comma between")
	fl.IntVar(&f.steps, "steps", 5, "values of each parameter of --two-way, and steps of the search of --threshold")
	fl.StringVar(&f.threshold, "threshold", "", "PARAMETER or PARAMETER=FROM:TO")
	fl.BoolVar(&f.scenarios, "scenarios", false, "change the settings of the scenario one at a time")
	fl.StringArrayVar(&f.also, "also", nil, "another scenario file of the same strategies; repeatable")
	fl.StringVar(&f.figure, "figure", "", "with -o FILE.svg or .png: tornado or heat-map")
	fl.StringVarP(&f.out, "output", "o", "", "write to a file; the ending picks the format")
	return c
}

// sensitivity is the envelope of simulate sensitivity.
type sensitivity struct {
	Schema           string                `json:"schema"`
	Provenance       build                 `json:"provenance"`
	Scenario         simulate.Source       `json:"scenario"`
	Evidence         simulate.Source       `json:"evidence"`
	Seed             uint64                `json:"seed"`
	Batches          int                   `json:"batches"`
	Patients         int                   `json:"patients_per_batch"`
	WillingnessToPay float64               `json:"willingness_to_pay"`
	Strategy         string                `json:"strategy"`
	Reference        string                `json:"reference"`
	Tornado          *economics.Tornado    `json:"one_way"`   // null where not asked for
	TwoWay           []twoWayCell          `json:"two_way"`   // null where not asked for
	Thresholds       []economics.Threshold `json:"threshold"` // null where not asked for
	Scenarios        []scenarioRow         `json:"scenarios"` // null where not asked for
	Currency         string                `json:"currency"`
	PriceYear        int                   `json:"price_year,omitempty"` // 0 where it is not stated
	Conventions      []simulate.Convention `json:"conventions"`
	Warnings         []simulate.Warning    `json:"warnings"`
	grid             reports.Grid2
	searched         [2]float64
	parameter        evidence.Parameter // of the search
}

type twoWayCell struct {
	Row        analysis.Num `json:"row_value"`
	Column     analysis.Num `json:"column_value"`
	Best       string       `json:"best"`
	NetBenefit analysis.Num `json:"incremental_net_benefit"`
	MCSE       analysis.Num `json:"incremental_net_benefit_mcse"`
}

// scenarioRow is the answer under other settings.
type scenarioRow struct {
	Name string `json:"name"`
	economics.Comparison
	NetBenefit analysis.Num `json:"incremental_net_benefit"`
	MCSE       analysis.Num `json:"incremental_net_benefit_mcse"`
	Best       string       `json:"best"`
}

// mover runs a scenario with parameters moved, on the same patients each time.
type mover struct {
	scenario design.Scenario
	original evidence.Set
	evidence evidence.Set // all fixed at their base values
	options  simulate.Options
}

// newMover makes each batch a draw in which every parameter is fixed.
func newMover(s design.Scenario, ev evidence.Set, batches, patients, workers int) *mover {
	s.Draws, s.Patients, s.Sampling, s.Outputs = batches, patients, simulate.PlainRandom, []string{"cost"}
	m := &mover{scenario: s, original: ev, evidence: ev, options: simulate.Options{Workers: workers}}
	m.evidence.Correlations, m.evidence.Parameters = nil, slices.Clone(ev.Parameters)
	for i := range m.evidence.Parameters {
		m.evidence.Parameters[i] = fixedAt(ev.Parameters[i], ev.Parameters[i].Value)
	}
	return m
}

func fixedAt(p evidence.Parameter, v float64) evidence.Parameter {
	p.Value, p.Distribution, p.SE, p.N, p.Low, p.High = v, simulate.Fixed, nil, nil, nil, nil
	return p
}

// at runs with some parameters at other values.
func (m *mover) at(ctx context.Context, values map[string]float64) (economics.Draws, error) {
	ev := m.evidence
	ev.Parameters = slices.Clone(ev.Parameters)
	for i, p := range ev.Parameters {
		if v, ok := values[p.Name]; ok {
			ev.Parameters[i] = fixedAt(p, v)
		}
	}
	return m.run(ctx, m.scenario, ev)
}

func (m *mover) run(ctx context.Context, s design.Scenario, ev evidence.Set) (economics.Draws, error) {
	r, err := rehab.Run(ctx, s, ev, m.options)
	if err != nil {
		return economics.Draws{}, err
	}
	d := drawsOf(r)
	d.Noise = nil // the spread between batches is all noise
	return d, nil
}

// rangeOf is the 95 % range of a parameter; false where it is fixed.
func rangeOf(p evidence.Parameter) (low, high float64, ok bool, err error) {
	d, err := p.Sampling()
	if err != nil || d.Family == simulate.Fixed {
		return 0, 0, false, err
	}
	low, high = d.Quantile(0.025), d.Quantile(0.975)
	return low, high, low < high, nil
}

func (a *app) runSensitivity(ctx context.Context, path string, f sensitivityFlags, seeded bool) error {
	format, err := formatOf(f.out, a.json, ".json", ".csv", ".txt", ".svg", ".png")
	if err != nil {
		return err
	}
	drawn := format == ".svg" || format == ".png"
	switch {
	case f.figure != "" && !drawn:
		return usagef("expected --figure with -o FILE.svg or FILE.png")
	case f.figure != "" && f.figure != "tornado" && f.figure != "heat-map":
		return usagef("there is no figure %q; there are: tornado, heat-map", f.figure)
	case f.batches < 1 || f.patients < 1 || f.steps < 2 || f.steps > 50:
		return usagef("expected --batches and --patients of at least 1 and --steps from 2 to 50")
	}
	job, err := a.readJob(path, simulateFlags{evidence: f.evidence, prices: f.prices, draws: -1, seed: f.seed, workers: f.workers}, seeded)
	if err != nil {
		return err
	}
	r, err := a.sensitivity(ctx, job, f)
	if err != nil {
		return err
	}
	return a.toFile(f.out, func(w io.Writer) error {
		switch format {
		case ".json":
			return writeEncoded(w, r)
		case ".csv":
			return r.table().csv(w)
		case ".svg", ".png":
			return r.draw(w, f.figure, format)
		}
		r.text(w)
		return nil
	})
}

// sensitivity runs all that was asked for.
func (a *app) sensitivity(ctx context.Context, job simulationJob, f sensitivityFlags) (*sensitivity, error) {
	s, ev := job.Scenario, job.Evidence
	if len(s.Strategies) < 2 {
		return nil, fmt.Errorf("%w: one strategy has nothing to be held against; name two or more in the scenario", errInvalidInput)
	}
	if f.strategy != "" && slices.Index(s.Strategies, f.strategy) < 1 {
		return nil, usagef("expected --strategy to be one of: %s", strings.Join(s.Strategies[1:], ", "))
	}
	wtp := f.at
	if math.IsNaN(wtp) {
		if len(s.WillingnessToPay) == 0 {
			return nil, usagef("expected --at VALUE: the scenario has no willingness to pay")
		}
		wtp = s.WillingnessToPay[len(s.WillingnessToPay)/2]
	}
	if !(wtp >= 0) || math.IsInf(wtp, 0) {
		return nil, usagef("expected --at of 0 or more")
	}
	chosen, err := chosenParameters(ev, f.parameters)
	if err != nil {
		return nil, err
	}
	m := newMover(s, ev, f.batches, f.patients, f.workers)
	base, err := m.at(ctx, nil)
	if err != nil {
		return nil, err
	}
	best, _, err := economics.Best(base, wtp)
	if err != nil {
		return nil, err
	}
	digest, err := s.Digest()
	if err != nil {
		return nil, err
	}
	r := &sensitivity{
		Schema: "recoup.sensitivity/v1", Provenance: thisBuild(), Scenario: simulate.Source{Name: s.Name, Digest: digest}, Evidence: simulate.Source{Name: ev.Name, Digest: ev.Digest()},
		Seed: s.Seed, Batches: f.batches, Patients: f.patients, WillingnessToPay: wtp, Strategy: f.strategy, Reference: s.Strategies[0], Warnings: []simulate.Warning{},
		Conventions: []simulate.Convention{
			{Name: "range", Value: "2.5th and 97.5th percentile of a parameter's distribution, the others at their base values"},
			{Name: "random numbers", Value: "the same patients and random numbers in every run"},
			{Name: "incremental net benefit", Value: "willingness to pay x more QALYs - more cost, against " + s.Strategies[0]},
		},
	}
	r.Currency, r.PriceYear = s.Money()
	r.Conventions = append(r.Conventions, rehab.Money(s)...)
	if r.Strategy == "" {
		if r.Strategy = best; best == s.Strategies[0] {
			r.Strategy = s.Strategies[1]
		}
	}
	if f.batches == 1 {
		r.Warnings = append(r.Warnings, simulate.Warning{Code: "single-batch", Message: "one batch has no Monte Carlo errors; ask for --batches 10"})
	}
	other := f.twoWay != "" || f.threshold != "" || f.scenarios || len(f.also) > 0
	if !other || len(f.parameters) > 0 {
		if err := a.oneWay(ctx, r, m, base, chosen); err != nil {
			return nil, err
		}
	}
	if f.twoWay != "" {
		if err := r.twoWay(ctx, m, f); err != nil {
			return nil, err
		}
	}
	if f.threshold != "" {
		if err := r.search(ctx, m, f); err != nil {
			return nil, err
		}
	}
	if f.scenarios || len(f.also) > 0 {
		if err := r.otherSettings(ctx, m, base, f); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// chosenParameters are those asked for, by name or by the beginning of it.
func chosenParameters(ev evidence.Set, asked []string) ([]evidence.Parameter, error) {
	if len(asked) == 0 {
		return ev.Parameters, nil
	}
	var out []evidence.Parameter
	for _, name := range asked {
		found := false
		for _, p := range ev.Parameters {
			if p.Name == name || strings.HasSuffix(name, ".") && strings.HasPrefix(p.Name, name) {
				found = true
				if !slices.ContainsFunc(out, func(q evidence.Parameter) bool { return q.Name == p.Name }) {
					out = append(out, p)
				}
			}
		}
		if !found {
			return nil, usagef("there is no parameter %q; recoup evidence show lists them", name)
		}
	}
	return out, nil
}

// oneWay moves each parameter to both ends of its range. A model that cannot be at an end
// leaves the parameter out with its reason.
func (a *app) oneWay(ctx context.Context, r *sensitivity, m *mover, base economics.Draws, chosen []evidence.Parameter) error {
	report, stop := a.progress("Moving parameters")
	defer stop()
	var ranges []economics.Range
	for i, p := range chosen {
		low, high, ok, err := rangeOf(p)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", errInvalidInput, p.Name, err)
		}
		x := economics.Range{Parameter: p.Name, Unit: p.Unit, Base: p.Value, Low: low, High: high}
		if !ok {
			x.Low, x.High, x.Reason = p.Value, p.Value, "it is fixed: the evidence gives it no spread"
			ranges = append(ranges, x)
			continue
		}
		for _, end := range []struct {
			value float64
			to    **economics.Draws
		}{{low, &x.AtLow}, {high, &x.AtHigh}} {
			d, err := m.at(ctx, map[string]float64{p.Name: end.value})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				x.Reason = fmt.Sprintf("the model cannot be run at %.4g: %v", end.value, err)
				continue
			}
			*end.to = &d
		}
		ranges = append(ranges, x)
		if report != nil {
			report(i+1, len(chosen))
		}
	}
	t, err := economics.OneWay(base, ranges, r.Strategy, r.WillingnessToPay)
	if err != nil {
		return err
	}
	r.Tornado = &t
	for _, w := range t.Warnings {
		r.Warnings = append(r.Warnings, simulate.Warning{Code: w.Code, Message: w.Message})
	}
	return nil
}

// parameterOf finds one parameter of the evidence with its range.
func parameterOf(ev evidence.Set, name string) (p evidence.Parameter, low, high float64, err error) {
	i := slices.IndexFunc(ev.Parameters, func(p evidence.Parameter) bool { return p.Name == name })
	if i < 0 {
		return p, 0, 0, usagef("there is no parameter %q; recoup evidence show lists them", name)
	}
	p = ev.Parameters[i]
	low, high, ok, err := rangeOf(p)
	if err == nil && !ok {
		err = usagef("parameter %s is fixed and has no range; give one where that is possible: --threshold %s=FROM:TO", name, name)
	}
	return p, low, high, err
}

// twoWay fills the grid of two parameters.
func (r *sensitivity) twoWay(ctx context.Context, m *mover, f sensitivityFlags) error {
	row, column, ok := strings.Cut(f.twoWay, ",")
	if !ok || row == column {
		return usagef("expected --two-way PARAMETER,PARAMETER: two that differ")
	}
	names := [2]string{strings.TrimSpace(row), strings.TrimSpace(column)}
	var values [2][]float64
	for k, name := range names {
		_, low, high, err := parameterOf(m.original, name)
		if err != nil {
			return err
		}
		for i := range f.steps {
			values[k] = append(values[k], low+(high-low)*float64(i)/float64(f.steps-1))
		}
	}
	g := reports.Grid2{Row: names[0], Column: names[1], RowValues: values[0], ColumnValues: values[1], Strategies: m.scenario.Strategies, Strategy: r.Strategy, WillingnessToPay: r.WillingnessToPay}
	r.TwoWay = []twoWayCell{}
	for _, v := range values[0] {
		var best []string
		var nb []float64
		for _, u := range values[1] {
			d, err := m.at(ctx, map[string]float64{names[0]: v, names[1]: u})
			if err != nil {
				return fmt.Errorf("%s at %.4g and %s at %.4g: %w", names[0], v, names[1], u, err)
			}
			x, err := r.row("", d)
			if err != nil {
				return err
			}
			r.TwoWay = append(r.TwoWay, twoWayCell{analysis.Num(v), analysis.Num(u), x.Best, x.NetBenefit, x.MCSE})
			best, nb = append(best, x.Best), append(nb, float64(x.NetBenefit))
		}
		g.Best, g.NetBenefit = append(g.Best, best), append(g.NetBenefit, nb)
	}
	r.grid = g
	return nil
}

// row is one run held against the reference.
func (r *sensitivity) row(name string, d economics.Draws) (scenarioRow, error) {
	e, err := economics.Analyze(d, economics.Options{WillingnessToPay: []float64{r.WillingnessToPay}})
	if err != nil {
		return scenarioRow{}, err
	}
	x := scenarioRow{Name: name, Best: e.Values[0].Best}
	for i, c := range e.Against {
		if c.Strategy == r.Strategy {
			at := e.Values[0].Strategies[i+1]
			x.Comparison, x.NetBenefit, x.MCSE = c, at.Increment, at.IncrementMCSE
		}
	}
	return x, nil
}

// search looks for values of a parameter at which the best strategy changes.
func (r *sensitivity) search(ctx context.Context, m *mover, f sensitivityFlags) error {
	name, limits, given := strings.Cut(f.threshold, "=")
	p, from, to, err := parameterOf(m.original, name)
	if given && p.Name != "" {
		low, high, ok := strings.Cut(limits, ":")
		var err1, err2 error
		from, err1 = strconv.ParseFloat(low, 64)
		to, err2 = strconv.ParseFloat(high, 64)
		if err = nil; !ok || err1 != nil || err2 != nil || !(from < to) || math.IsInf(to-from, 0) {
			err = usagef("expected --threshold PARAMETER=FROM:TO, with FROM below TO")
		}
	}
	if err != nil {
		return err
	}
	r.parameter, r.searched = p, [2]float64{from, to}
	r.Thresholds, err = economics.Thresholds(func(x float64) (economics.Draws, error) {
		return m.at(ctx, map[string]float64{name: x})
	}, from, to, f.steps, 0.001, r.WillingnessToPay)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// otherSettings runs the scenario under settings that are not parameters.
func (r *sensitivity) otherSettings(ctx context.Context, m *mover, base economics.Draws, f sensitivityFlags) error {
	first, err := r.row("as in the scenario", base)
	if err != nil {
		return err
	}
	r.Scenarios = []scenarioRow{first}
	type setting struct {
		name string
		s    design.Scenario
	}
	var list []setting
	vary := func(name string, change func(*design.Scenario)) {
		s := m.scenario
		change(&s)
		if len(design.Check(s)) == 0 {
			list = append(list, setting{name, s})
		}
	}
	if f.scenarios {
		weeks := m.scenario.HorizonWeeks
		for _, h := range []int{weeks / 2, 2 * weeks} {
			vary(fmt.Sprintf("horizon of %d weeks", h), func(s *design.Scenario) { s.HorizonWeeks = h })
		}
		for _, rate := range []float64{0, 0.015, 0.05} {
			vary(fmt.Sprintf("discounting at %g %%", 100*rate), func(s *design.Scenario) { s.Discounting.Cost, s.Discounting.Effect = rate, rate })
		}
		vary("costs discounted at 3.5 %, effects at 1.5 %", func(s *design.Scenario) { s.Discounting.Cost, s.Discounting.Effect = 0.035, 0.015 })
		for _, p := range []string{design.HealthSystem, design.Societal} {
			if p != m.scenario.Perspective {
				vary(p+" perspective", func(s *design.Scenario) { s.Perspective = p })
			}
		}
		for _, c := range []simulate.Counting{simulate.CountStart, simulate.CountEnd, simulate.CountHalf} {
			if c != m.scenario.CycleCounting {
				vary("cycles counted by "+string(c), func(s *design.Scenario) { s.CycleCounting = c })
			}
		}
	}
	for _, path := range f.also {
		s, err := readScenario(path)
		if err != nil {
			return err
		}
		if !slices.Equal(s.Strategies, m.scenario.Strategies) {
			return fmt.Errorf("%w: %s: expected the strategies %s, in this order", errInvalidInput, path, strings.Join(m.scenario.Strategies, ", "))
		}
		if s.MoneyName() != m.scenario.MoneyName() {
			return fmt.Errorf("%w: %s: expected costs in %s as in the first scenario, found %s", errInvalidInput, path, m.scenario.MoneyName(), s.MoneyName())
		}
		ev := m.evidence // in this money already
		if err := inMoney(&s, &ev, f.prices); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		s.Draws, s.Patients, s.Sampling, s.Outputs, s.Seed = m.scenario.Draws, m.scenario.Patients, m.scenario.Sampling, m.scenario.Outputs, m.scenario.Seed
		list = append(list, setting{s.Name, s})
	}
	for _, x := range list {
		d, err := m.run(ctx, x.s, m.evidence)
		if err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
		row, err := r.row(x.name, d)
		if err != nil {
			return err
		}
		r.Scenarios = append(r.Scenarios, row)
	}
	return nil
}

// table has a row for each run.
func (r *sensitivity) table() grid {
	g := grid{head: strings.Fields("kind name unit value name_2 value_2 incremental_net_benefit mcse change change_mcse icer best reason")}
	for _, h := range g.head {
		g.right = append(g.right, !slices.Contains([]string{"kind", "name", "unit", "name_2", "best", "reason"}, h))
	}
	if r.Tornado != nil {
		for _, s := range r.Tornado.Swings {
			for _, e := range []economics.SwingEnd{s.AtLow, s.AtHigh} {
				g.rows = append(g.rows, []string{"one-way", s.Parameter, s.Unit, e.Value.Text(), "", "", e.NetBenefit.Text(), "", e.Change.Text(), e.ChangeMCSE.Text(), e.ICER.Text(), e.Best, s.Reason})
			}
		}
	}
	for _, c := range r.TwoWay {
		g.rows = append(g.rows, []string{"two-way", r.grid.Row, "", c.Row.Text(), r.grid.Column, c.Column.Text(), c.NetBenefit.Text(), c.MCSE.Text(), "", "", "", c.Best, ""})
	}
	for _, t := range r.Thresholds {
		g.rows = append(g.rows, []string{"threshold", r.parameter.Name, r.parameter.Unit, t.At.Text(), "", "", "", t.MCSE.Text(), "", "", "", t.From + " to " + t.To, ""})
	}
	for _, x := range r.Scenarios {
		g.rows = append(g.rows, []string{"scenario", x.Name, "", "", "", "", x.NetBenefit.Text(), x.MCSE.Text(), "", "", x.ICER.Text(), x.Best, x.Reason})
	}
	return g
}

func (r *sensitivity) draw(w io.Writer, name, format string) error {
	if name == "" && r.Tornado == nil && r.TwoWay != nil {
		name = "heat-map"
	}
	switch {
	case name == "heat-map" && r.TwoWay == nil:
		return usagef("expected --two-way PARAMETER,PARAMETER for a heat map")
	case name == "heat-map":
		return drawFigure(w, reports.HeatMapFigure(r.grid), format)
	case r.Tornado == nil:
		return usagef("expected --parameters with the other analyses, for a tornado")
	}
	return drawFigure(w, reports.TornadoFigure(*r.Tornado), format)
}

func (r *sensitivity) text(w io.Writer) {
	fmt.Fprintf(w, "%s: net benefit of %s against %s at %s for a QALY; %d batches of %d patients, seed %d\n", r.Scenario.Name, r.Strategy, r.Reference, number(r.WillingnessToPay), r.Batches, r.Patients, r.Seed)
	n := newNotes()
	if t := r.Tornado; t != nil {
		fmt.Fprintf(w, "\nBase case: %s (MCSE %s); the best strategy is %s. Each parameter alone at the ends of its 95 %% range:\n", number(float64(t.NetBenefit)), number(float64(t.NetBenefitMCSE)), t.Best)
		g := grid{head: []string{"parameter", "low", "high", "unit", "net benefit at low", "at high", "width", "MCSE of the changes", "best at low", "at high", ""}, right: []bool{false, true, true, false, true, true, true, true, false, false, false}}
		for _, s := range t.Swings {
			reason, mcse := "", between(float64(s.AtLow.ChangeMCSE), float64(s.AtHigh.ChangeMCSE))
			if s.Reason != "" {
				reason = n.mark(s.Reason)
			}
			g.rows = append(g.rows, []string{s.Parameter, number(float64(s.AtLow.Value)), number(float64(s.AtHigh.Value)), s.Unit, number(float64(s.AtLow.NetBenefit)), number(float64(s.AtHigh.NetBenefit)), number(float64(s.Width)), mcse, s.AtLow.Best, s.AtHigh.Best, reason})
		}
		g.text(w)
	}
	if r.TwoWay != nil {
		fmt.Fprintf(w, "\nNet benefit by %s (rows) and %s (columns), and the best strategy:\n", r.grid.Row, r.grid.Column)
		g := grid{head: []string{""}, right: []bool{true}}
		for _, v := range r.grid.ColumnValues {
			g.head, g.right = append(g.head, number(v)), append(g.right, true)
		}
		for i, v := range r.grid.RowValues {
			row := []string{number(v)}
			for j := range r.grid.ColumnValues {
				row = append(row, number(r.grid.NetBenefit[i][j])+" "+r.grid.Best[i][j])
			}
			g.rows = append(g.rows, row)
		}
		g.text(w)
	}
	if r.Thresholds != nil {
		fmt.Fprintf(w, "\n%s from %s to %s %s:\n", r.parameter.Name, number(r.searched[0]), number(r.searched[1]), r.parameter.Unit)
		if len(r.Thresholds) == 0 {
			fmt.Fprintln(w, "the best strategy is the same throughout")
		}
		for _, t := range r.Thresholds {
			fmt.Fprintf(w, "at %s (MCSE %s) the best strategy goes from %s to %s\n", number(float64(t.At)), number(float64(t.MCSE)), t.From, t.To)
		}
	}
	if r.Scenarios != nil {
		fmt.Fprintln(w, "\nUnder other settings:")
		g := grid{head: []string{"setting", "more cost", "MCSE", "more QALYs", "MCSE", "ICER", "net benefit", "MCSE", "best", ""}, right: []bool{false, true, true, true, true, true, true, true, false, false}}
		for _, x := range r.Scenarios {
			mark := ""
			if x.Reason != "" {
				mark = n.mark(x.Reason)
			}
			g.rows = append(g.rows, []string{x.Name, number(float64(x.Cost)), number(float64(x.CostMCSE)), number(float64(x.Effect)), number(float64(x.EffectMCSE)), number(float64(x.ICER)), number(float64(x.NetBenefit)), number(float64(x.MCSE)), x.Best, mark})
		}
		g.text(w)
	}
	for i, x := range n.list {
		fmt.Fprintf(w, "[%d] %s\n", i+1, x)
	}
	for _, c := range r.Conventions {
		fmt.Fprintf(w, "%s: %s\n", c.Name, c.Value)
	}
	for _, x := range r.Warnings {
		fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
	}
	fmt.Fprintf(w, "scenario %s, evidence %s; recoup %s\n", short16(r.Scenario.Digest), short16(r.Evidence.Digest), version)
}
