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
	"recoup/simulate/rehab"
)

// budgetFlags are the flags of simulate budget.
type budgetFlags struct {
	simulate simulateFlags
	strategy string
	years    int
	patients []float64
	uptake   []float64
	current  []string
	payment  float64
}

func (f *budgetFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.IntVar(&f.years, "years", 5, "years of the budget")
	fl.Float64SliceVar(&f.patients, "per-year", []float64{100}, "new patients of each year; the last one goes on")
	fl.Float64SliceVar(&f.uptake, "uptake", []float64{1}, "share of the new patients of each year who get the strategy; the last one goes on")
	fl.StringSliceVar(&f.current, "current", nil, "what patients get without it, as STRATEGY=SHARE,...; all the reference where not given")
	fl.Float64Var(&f.payment, "payment", math.NaN(), "what the program is paid for each patient, for its break-even occupancy")
}

func (a *app) simulateBudget() *cobra.Command {
	var f budgetFlags
	c := &cobra.Command{
		Use:   "budget SCENARIO",
		Short: "Budget impact by year, break-even occupancy, cost per success",
		Long: `What a strategy costs in each year when new patients come in every year and a rising
share of them gets it, with and without it: by kind of cost, and in all for the
scenario's perspective. New patients count from the start of their year and cost in
their second year what the second year of follow-up costs. Nothing is discounted, as a
budget is paid; the years of a patient come from runs of one to all years on the same
patients and random numbers.

Beside it: the share of a group's places that must be filled for the program to cover its
costs, by what is paid for each patient (--payment) and by what is saved elsewhere over the
scenario's horizon; and what one more success costs (30 % less pain, off opioids, at
work, sustained return) over that horizon.

-o picks the format: .json, .csv, .txt, or .svg and .png for the figure.`,
		Example: "  recoup simulate budget scenario.yaml --draws 2 --patients 200 --years 3 --per-year 300 --uptake 0.2,0.5,0.8\n  recoup simulate budget scenario.yaml --draws 2 --patients 200 --years 2 --current usual-care=0.9,lumbar-fusion=0.1 --payment 9000 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.runBudget(c.Context(), args[0], f, c.Flags().Changed("seed"))
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.simulate.evidence, "evidence", "", "file of parameters put over those that come with recoup")
	addPriceIndex(c, &f.simulate.prices)
	fl.IntVar(&f.simulate.workers, "workers", 0, "goroutines; 0 for one a processor; the result does not depend on it")
	fl.IntVar(&f.simulate.draws, "draws", -1, "parameter sets, in place of the scenario's; 0 for the base case alone")
	fl.IntVar(&f.simulate.patients, "patients", 0, "patients in each draw, in place of the scenario's")
	fl.Uint64Var(&f.simulate.seed, "seed", 0, "in place of the scenario's")
	fl.StringVar(&f.strategy, "strategy", "", "strategy that is taken up; the scenario's second where not given")
	fl.StringVarP(&f.simulate.out, "output", "o", "", "write to a file; the ending picks the format")
	f.add(c)
	return c
}

// budget is the envelope of simulate budget.
type budget struct {
	Schema      string                `json:"schema"`
	Provenance  build                 `json:"provenance"`
	Scenario    simulate.Source       `json:"scenario"`
	Evidence    simulate.Source       `json:"evidence"`
	Seed        uint64                `json:"seed"`
	Draws       int                   `json:"draws"`
	Patients    int                   `json:"patients_per_draw"`
	Strategy    string                `json:"strategy"`
	Perspective string                `json:"perspective"`
	Currency    string                `json:"currency"`
	PriceYear   int                   `json:"price_year,omitempty"` // 0 where it is not stated
	Intake      []intakeYear          `json:"intake"`
	PerPatient  []patientCost         `json:"cost_per_patient"` // by strategy and year since coming in
	Years       []budgetRow           `json:"budget"`
	Occupancy   []occupancy           `json:"break_even"`
	Success     []economics.Success   `json:"cost_per_success"`
	Conventions []simulate.Convention `json:"conventions"`
	Warnings    []simulate.Warning    `json:"warnings"`
	all         simulate.Result       // of the scenario's own horizon
	money       string                // such as USD of 2024
}

type intakeYear struct {
	Year     int       `json:"year"`
	Patients float64   `json:"new_patients"`
	Uptake   float64   `json:"uptake"`
	Without  []float64 `json:"shares_without"` // by strategy
	With     []float64 `json:"shares_with"`
}

type patientCost struct {
	Strategy string       `json:"strategy"`
	Year     int          `json:"year"`
	Cost     analysis.Num `json:"cost"`
}

// budgetRow is one kind of cost, or the total, in one year.
type budgetRow struct {
	Year    int          `json:"year"`
	Kind    string       `json:"kind"`              // cost_program, ...; cost is the total of the perspective
	PartOf  string       `json:"part_of,omitempty"` // the kind it is summed into; none for totals and what stands beside them
	Without analysis.Num `json:"without"`
	With    analysis.Num `json:"with"`
	Impact  analysis.Num `json:"impact"`
	// MCSE, Lower and Upper (95 % of draws) are of the impact of the total alone.
	MCSE  analysis.Num `json:"impact_mcse"`
	Lower analysis.Num `json:"impact_lower"`
	Upper analysis.Num `json:"impact_upper"`
}

type occupancy struct {
	Income string `json:"income_from"`
	economics.Occupancy
}

func (a *app) runBudget(ctx context.Context, path string, f budgetFlags, seeded bool) error {
	format, err := formatOf(f.simulate.out, a.json, ".json", ".csv", ".txt", ".svg", ".png")
	if err != nil {
		return err
	}
	job, err := a.readJob(path, f.simulate, seeded)
	if err != nil {
		return err
	}
	b, err := a.budget(ctx, job, f)
	if err != nil {
		return err
	}
	return a.toFile(f.simulate.out, func(w io.Writer) error {
		switch format {
		case ".json":
			return writeEncoded(w, b)
		case ".csv":
			return b.table().csv(w)
		case ".svg", ".png":
			return drawFigure(w, reports.BudgetFigure(b.Strategy, b.Perspective+" perspective", b.money, b.total()), format)
		}
		b.text(w)
		return nil
	})
}

// goesOn is a value for each year, the last one given going on.
func goesOn(given []float64, years int) []float64 {
	out := make([]float64, years)
	for t := range out {
		out[t] = given[min(t, len(given)-1)]
	}
	return out
}

// plan reads who comes in and what they get.
func (f budgetFlags) plan(s design.Scenario) (at int, without, with economics.Intake, err error) {
	if len(s.Strategies) < 2 {
		return 0, without, with, fmt.Errorf("%w: one strategy has nothing to be held against; name two or more in the scenario", errInvalidInput)
	}
	if at = 1; f.strategy != "" {
		at = slices.Index(s.Strategies, f.strategy)
	}
	if at < 0 {
		return 0, without, with, usagef("expected --strategy to be one of: %s", strings.Join(s.Strategies, ", "))
	}
	if f.years < 1 || f.years > 50 || len(f.patients) == 0 || len(f.uptake) == 0 {
		return 0, without, with, usagef("expected --years from 1 to 50, and --per-year and --uptake of one year or more")
	}
	shares := make([]float64, len(s.Strategies))
	if len(f.current) == 0 {
		shares[0] = 1
	}
	for _, x := range f.current {
		name, share, _ := strings.Cut(x, "=")
		v, err := strconv.ParseFloat(share, 64)
		i := slices.Index(s.Strategies, name)
		if err != nil || i < 0 {
			return 0, without, with, usagef("expected --current STRATEGY=SHARE,... with strategies of the scenario: %s", strings.Join(s.Strategies, ", "))
		}
		shares[i] += v
	}
	patients := goesOn(f.patients, f.years)
	without = economics.Intake{Patients: patients}
	with = economics.Intake{Patients: patients}
	if without.Shares, err = economics.Shift(shares, at, make([]float64, f.years)); err == nil {
		with.Shares, err = economics.Shift(shares, at, goesOn(f.uptake, f.years))
	}
	if err == nil {
		_, err = economics.Budget(make([][]float64, len(shares)), with)
	}
	if err != nil {
		return 0, without, with, usagef("--per-year, --uptake and --current: %v", err)
	}
	return at, without, with, nil
}

// yearly is the cost of a patient by kind, strategy and year, and of the total by draw.
type yearly struct {
	kinds []simulate.Outcome
	mean  [][][]float64 // kind x strategy x year
	draws [][][]float64 // draw x strategy x year, of the total
}

// costsByYear runs the scenario over one year, two, and so on, on the same patients and
// random numbers, and takes what each year adds.
func (a *app) costsByYear(ctx context.Context, job simulationJob, years, workers int) (y yearly, err error) {
	report, stop := a.progress("Simulating years")
	defer stop()
	s := job.Scenario
	s.Discounting.Cost, s.Discounting.Effect, s.Outputs = 0, 0, nil
	for t := range years {
		s.HorizonWeeks = 52 * (t + 1)
		r, err := rehab.Run(ctx, s, job.Evidence, simulate.Options{Workers: workers})
		if err != nil {
			return y, err
		}
		if t == 0 {
			for _, o := range r.Outcomes {
				if o.Name == "cost" || strings.HasPrefix(o.Name, "cost_") {
					y.kinds = append(y.kinds, o)
				}
			}
			y.kinds = asAdded(y.kinds)
			y.mean = cube(len(y.kinds), len(s.Strategies), years)
			y.draws = cube(r.Draws, len(s.Strategies), years)
		}
		for i, st := range r.Strategies {
			for k, kind := range y.kinds {
				y.mean[k][i][t] = float64(estimateOf(st, kind.Name).Mean)
			}
			for d, c := range r.ByDraw.Costs[i] {
				y.draws[d][i][t] = float64(c)
			}
		}
		if report != nil {
			report(t+1, years)
		}
	}
	for _, c := range [][][][]float64{y.mean, y.draws} { // from sums to each year's own
		for _, x := range c {
			for _, row := range x {
				for t := years - 1; t > 0; t-- {
					row[t] -= row[t-1]
				}
			}
		}
	}
	return y, nil
}

// asAdded puts what is summed into the total first, each with its own parts behind it, then
// the total, then what the perspective leaves out.
func asAdded(kinds []simulate.Outcome) (out []simulate.Outcome) {
	var take func(of string)
	take = func(of string) {
		for _, o := range kinds {
			if o.PartOf == of && (of != "" || o.Name != "cost") {
				out = append(out, o)
				if of != "" {
					take(o.Name)
				}
			}
		}
	}
	take("cost")
	for _, o := range kinds {
		if o.Name == "cost" {
			out = append(out, o)
		}
	}
	take("")
	return out
}

func cube(a, b, c int) [][][]float64 {
	out := make([][][]float64, a)
	for i := range out {
		out[i] = make([][]float64, b)
		for j := range out[i] {
			out[i][j] = make([]float64, c)
		}
	}
	return out
}

// estimateOf finds an outcome of a strategy; all of it is missing where there is none.
func estimateOf(s simulate.Strategy, outcome string) simulate.Estimate {
	for _, e := range s.Estimates {
		if e.Outcome == outcome {
			return e
		}
	}
	nan := simulate.Num(math.NaN())
	return simulate.Estimate{Outcome: outcome, Mean: nan, MCSE: nan}
}

// budget runs the scenario and puts the budget together.
func (a *app) budget(ctx context.Context, job simulationJob, f budgetFlags) (*budget, error) {
	s := job.Scenario
	at, without, with, err := f.plan(s)
	if err != nil {
		return nil, err
	}
	s.Outputs = nil
	all, err := rehab.Run(ctx, s, job.Evidence, simulate.Options{Workers: f.simulate.workers})
	if err != nil {
		return nil, err
	}
	y, err := a.costsByYear(ctx, job, f.years, f.simulate.workers)
	if err != nil {
		return nil, err
	}
	b := &budget{
		Schema: "recoup.budget/v1", Provenance: thisBuild(), Scenario: all.Scenario, Evidence: all.Evidence, Seed: all.Seed, Draws: all.Draws, Patients: all.Patients,
		Strategy: s.Strategies[at], Perspective: s.Perspective, Currency: all.Currency, PriceYear: all.PriceYear, money: s.MoneyName(), Warnings: ofTotals(all.Warnings), all: all,
		Conventions: []simulate.Convention{
			{Name: "budget", Value: "not discounted; patients come in at the start of their year; a year is 52 weeks"},
			{Name: "total", Value: "cost is the total of the " + s.Perspective + " perspective"},
			{Name: "interval", Value: "2.5th and 97.5th percentile of the draws, patient noise included; null under 20 draws"},
			{Name: "break-even", Value: "costs of the planned weeks of a full group; extensions and boosters come on top"},
			{Name: "cost per success", Value: "over the scenario's horizon, discounted as it says; successes are of all who came in"},
		},
	}
	b.Conventions = append(b.Conventions, rehab.Money(s)...)
	for t := range without.Patients {
		b.Intake = append(b.Intake, intakeYear{t + 1, with.Patients[t], goesOn(f.uptake, f.years)[t], without.Shares[t], with.Shares[t]})
	}
	total := slices.IndexFunc(y.kinds, func(o simulate.Outcome) bool { return o.Name == "cost" })
	for i, name := range s.Strategies {
		for t, c := range y.mean[total][i] {
			b.PerPatient = append(b.PerPatient, patientCost{name, t + 1, analysis.Num(c)})
		}
	}
	for k, kind := range y.kinds {
		if err := b.add(kind, y.mean[k], without, with); err != nil {
			return nil, err
		}
	}
	if err := b.spread(y.draws, without, with); err != nil {
		return nil, err
	}
	if err := b.breakEven(job, s.Strategies[at], at, f.payment); err != nil {
		return nil, err
	}
	b.Success = successesOf(all, at)
	if all.Draws < 2 {
		b.Warnings = append(b.Warnings, simulate.Warning{Code: "single-draw", Message: "with one set of parameters the budget has no interval and no Monte Carlo error; simulate 100 or more draws"})
	}
	return b, nil
}

// add appends the years of one kind of cost.
func (b *budget) add(kind simulate.Outcome, cost [][]float64, without, with economics.Intake) error {
	x, err := economics.Budget(cost, without)
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Name, err)
	}
	z, err := economics.Budget(cost, with)
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Name, err)
	}
	for t := range x {
		b.Years = append(b.Years, budgetRow{t + 1, kind.Name, kind.PartOf, analysis.Num(x[t]), analysis.Num(z[t]), analysis.Num(z[t] - x[t]), analysis.None, analysis.None, analysis.None})
	}
	return nil
}

// spread gives the impact of the total its error and interval over the draws.
func (b *budget) spread(draws [][][]float64, without, with economics.Intake) error {
	impact := make([][]float64, len(without.Patients)) // year x draw
	for _, cost := range draws {
		x, err := economics.Budget(cost, without)
		if err != nil {
			return err
		}
		z, err := economics.Budget(cost, with)
		if err != nil {
			return err
		}
		for t := range x {
			impact[t] = append(impact[t], z[t]-x[t])
		}
	}
	for i := range b.Years {
		row := &b.Years[i]
		if row.Kind != "cost" {
			continue
		}
		x := impact[row.Year-1]
		n := float64(len(x))
		if n < 2 {
			continue
		}
		sum := 0.0
		for _, v := range x {
			sum += (v - float64(row.Impact)) * (v - float64(row.Impact))
		}
		row.MCSE = analysis.Num(math.Sqrt(sum / (n - 1) / n))
		if n >= 20 {
			slices.Sort(x)
			row.Lower, row.Upper = analysis.Num(quantile(x, 0.025)), analysis.Num(quantile(x, 0.975))
		}
	}
	return nil
}

// quantile of sorted values, by straight lines between them (R's type 7).
func quantile(sorted []float64, p float64) float64 {
	h := p * float64(len(sorted)-1)
	i := min(int(h), len(sorted)-2)
	return sorted[i] + (h-float64(i))*(sorted[i+1]-sorted[i])
}

// breakEven works out how full the program must be. The cost of a place falls with the
// size of the group by what a group costs whoever comes.
func (b *budget) breakEven(job simulationJob, strategy string, at int, payment float64) error {
	b.Occupancy = []occupancy{}
	d, ok, err := job.Scenario.Design(strategy)
	if err != nil || !ok {
		return err
	}
	factor := 1.0
	if v, ok := job.Evidence.Base()["cost.program"]; ok {
		factor = v
	}
	places := float64(d.GroupSize)
	twice := d
	twice.GroupSize = 2 * d.GroupSize
	fixed := (d.PlannedCost() - twice.PlannedCost()) * 2 * places * factor
	variable := math.Max(0, d.PlannedCost()*factor-fixed/places)
	add := func(from string, income float64) error {
		o, err := economics.BreakEven(fixed, variable, income, places)
		if err != nil {
			return fmt.Errorf("break-even of %s: %w", strategy, err)
		}
		b.Occupancy = append(b.Occupancy, occupancy{from, o})
		return nil
	}
	if !math.IsNaN(payment) {
		if err := add("paid for each patient", payment); err != nil {
			return usageError{err}
		}
	}
	if at == 0 {
		return nil
	}
	diff := b.all.Differences[at-1]
	saved := float64(estimateOf(diff, "cost_program").Mean) - float64(estimateOf(diff, "cost").Mean)
	return add(fmt.Sprintf("saved in other costs of the %s perspective over %d weeks", b.Perspective, job.Scenario.HorizonWeeks), saved)
}

// total is the budget of the perspective by year.
func (b *budget) total() (out []reports.BudgetYear) {
	for _, y := range b.Years {
		if y.Kind == "cost" {
			out = append(out, reports.BudgetYear{
				Year: y.Year, Without: float64(y.Without), With: float64(y.With), Impact: float64(y.Impact), Lower: float64(y.Lower), Upper: float64(y.Upper), ImpactMCSE: float64(y.MCSE),
				NewPatients: b.Intake[y.Year-1].Patients, OnProgram: b.Intake[y.Year-1].Patients * b.Intake[y.Year-1].Uptake, Uptake: b.Intake[y.Year-1].Uptake,
			})
		}
	}
	return out
}

// perPatient is the cost of a patient by strategy and year since coming in, with the share
// who get it now.
func (b *budget) perPatient() (out []reports.StrategyCost) {
	for _, c := range b.PerPatient {
		if c.Year == 1 {
			out = append(out, reports.StrategyCost{Strategy: c.Strategy, Share: b.Intake[0].Without[len(out)]})
		}
		last := &out[len(out)-1]
		last.Cost = append(last.Cost, float64(c.Cost))
	}
	return out
}

func (b *budget) table() grid {
	g := grid{head: strings.Fields("year kind part_of without with impact impact_mcse impact_lower impact_upper"), right: []bool{true, false, false, true, true, true, true, true, true}}
	for _, y := range b.Years {
		g.rows = append(g.rows, []string{fmt.Sprint(y.Year), y.Kind, y.PartOf, y.Without.Text(), y.With.Text(), y.Impact.Text(), y.MCSE.Text(), y.Lower.Text(), y.Upper.Text()})
	}
	return g
}

func (b *budget) text(w io.Writer) {
	fmt.Fprintf(w, "Budget of the %s perspective with and without %s, %s; %d draws of %d patients, seed %d\n\n", b.Perspective, b.Strategy, b.money, b.Draws, b.Patients, b.Seed)
	g := grid{head: []string{"year", "new patients", "uptake", "without", "with", "impact", "MCSE", "95 % of draws"}, right: slices.Repeat([]bool{true}, 8)}
	for _, y := range b.total() {
		in := b.Intake[y.Year-1]
		g.rows = append(g.rows, []string{fmt.Sprint(y.Year), number(in.Patients), number(in.Uptake), number(y.Without), number(y.With), number(y.Impact), number(y.ImpactMCSE), between(y.Lower, y.Upper)})
	}
	g.text(w)
	fmt.Fprintf(w, "\nImpact by kind of cost; those over cost add up to it, those set in to the one above them, those below are not in the total of the %s perspective:\n", b.Perspective)
	k := grid{head: []string{"kind"}, right: []bool{false}}
	rows := map[string]int{}
	for _, y := range b.Years {
		i, ok := rows[y.Kind]
		if !ok {
			i = len(k.rows)
			rows[y.Kind] = i
			name := y.Kind
			if y.PartOf != "" && y.PartOf != "cost" {
				name = "  " + name
			}
			k.rows = append(k.rows, []string{name})
		}
		k.rows[i] = append(k.rows[i], number(float64(y.Impact)))
	}
	for t := range b.Intake {
		k.head, k.right = append(k.head, fmt.Sprintf("year %d", t+1)), append(k.right, true)
	}
	k.text(w)
	n := newNotes()
	if len(b.Occupancy) > 0 {
		fmt.Fprintln(w, "\nHow full the program must be to cover its costs:")
		o := grid{head: []string{"income", "of each patient", "cost of a group", "of each patient", "patients", "of places", "share filled", ""}, right: []bool{false, true, true, true, true, true, true, false}}
		for _, x := range b.Occupancy {
			o.rows = append(o.rows, []string{x.Income, number(float64(x.Occupancy.Income)), number(float64(x.Fixed)), number(float64(x.Variable)), number(float64(x.Patients)), number(float64(x.Places)), number(float64(x.Share)), remark(n, x.Reason)})
		}
		o.text(w)
	}
	if len(b.Success) > 0 {
		fmt.Fprintf(w, "\nWhat one more success costs, against %s:\n", b.Success[0].Versus)
		q := grid{head: []string{"success", "of 100 patients", "more of 100", "MCSE", "more cost of 100", "MCSE", "cost per success", ""}, right: []bool{false, true, true, true, true, true, true, false}}
		for _, x := range b.Success {
			q.rows = append(q.rows, []string{x.Outcome, number(100 * float64(x.Rate)), number(100 * float64(x.More)), number(100 * float64(x.MoreMCSE)), number(100 * float64(x.Cost)), number(100 * float64(x.CostMCSE)), number(float64(x.PerSuccess)), remark(n, x.Reason)})
		}
		q.text(w)
	}
	for i, x := range n.list {
		fmt.Fprintf(w, "[%d] %s\n", i+1, x)
	}
	for _, c := range b.Conventions {
		fmt.Fprintf(w, "%s: %s\n", c.Name, c.Value)
	}
	for _, x := range b.Warnings {
		fmt.Fprintf(w, "warning: %s [%s]\n", x.Message, x.Code)
	}
	fmt.Fprintf(w, "scenario %s, evidence %s; recoup %s\n", short16(b.Scenario.Digest), short16(b.Evidence.Digest), version)
}

func remark(n *notes, reason string) string {
	if reason == "" {
		return ""
	}
	return n.mark(reason)
}
