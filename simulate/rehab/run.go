package rehab

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/stream"
)

// Job says which part of a scenario to simulate; the zero value is all of it.
type Job struct {
	Shard simulate.Shard
	// Precision makes the scenario's draws and patients one round of as many as it
	// takes.
	Precision []simulate.Precision
	// Program and Input go into the parts, see simulate.Identity.
	Program string
	Input   json.RawMessage
}

// Run simulates a scenario with a set of evidence. The result depends on these
// two alone: options change how long it takes, not a digit.
//
// With scenario.Draws = 0 the parameters stay at their values (the base case);
// otherwise each draw samples all of them by their quantile functions.
func Run(ctx context.Context, scenario design.Scenario, ev evidence.Set, opt simulate.Options) (simulate.Result, error) {
	p, err := Simulate(ctx, scenario, ev, Job{}, opt)
	if err != nil {
		return simulate.Result{}, err
	}
	return Result(scenario, ev, p)
}

// Simulate runs a part of a scenario.
func Simulate(ctx context.Context, scenario design.Scenario, ev evidence.Set, job Job, opt simulate.Options) (*simulate.Part, error) {
	if problems := design.Check(scenario); len(problems) > 0 {
		return nil, &design.Problems{File: "scenario " + scenario.Name, List: problems}
	}
	m, err := newModel(scenario, ev)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", scenario.Name, err)
	}
	digest, err := scenario.Digest()
	if err != nil {
		return nil, err
	}
	size := simulate.Size{Seed: scenario.Seed, Draws: max(1, scenario.Draws), Patients: scenario.Patients, Precision: job.Precision}
	if scenario.Generator == stream.Philox.String() {
		size.Generator = stream.Philox
	}
	return simulate.Simulate(ctx, m, simulate.Identity{
		Scenario: simulate.Source{Name: scenario.Name, Digest: digest}, Evidence: simulate.Source{Name: ev.Name, Digest: ev.Digest()},
		Program: job.Program, Size: size, Shard: job.Shard, Input: job.Input,
	}, opt)
}

// Result returns the result of a whole part of a scenario, merged or run at once.
func Result(scenario design.Scenario, ev evidence.Set, p *simulate.Part) (simulate.Result, error) {
	r, err := p.Result()
	if err != nil {
		return simulate.Result{}, err
	}
	inMoney(&r, scenario)
	r.Conventions = append(append(conventions(scenario, ev, r), Money(scenario)...), r.Conventions...)
	r.Warnings = append(append(r.Warnings, warnings(scenario, ev, r)...), moneyWarnings(scenario, ev)...)
	return r, nil
}

// Outcomes lists what the model computes over a horizon in weeks.
func Outcomes(horizonWeeks int) []simulate.Outcome {
	var out []simulate.Outcome
	for _, r := range readings(&settings{weeks: horizonWeeks}) {
		out = append(out, r.outcome)
	}
	return out
}

// Series lists the trajectories the model records.
func Series() []simulate.Series { return trajectories() }

func newModel(s design.Scenario, ev evidence.Set) (*model, error) {
	if err := checkNames(ev.Names()); err != nil {
		return nil, err
	}
	set, err := newSettings(s)
	if err != nil {
		return nil, err
	}
	m := &model{set: set, evidence: ev, strategies: s.Strategies}
	if m.reads, err = chosen(readings(&m.set), s.Outputs); err != nil {
		return nil, err
	}
	if s.Draws > 0 {
		copulas, err := ev.Copulas()
		if err != nil {
			return nil, err
		}
		if m.sampler, err = simulate.NewSampler(s.Seed, ev.Names(), s.Draws, s.Sampling, copulas...); err != nil {
			return nil, err
		}
	}
	for _, name := range s.Strategies {
		d, ok, err := s.Design(name)
		if err != nil {
			return nil, err
		}
		if !ok {
			m.designs = append(m.designs, nil)
			continue
		}
		m.designs = append(m.designs, &d)
	}
	m.spec = simulate.Spec{Strategies: s.Strategies, Series: trajectories(), Points: set.weeks + 1, Cost: "cost", Effect: "qaly"}
	for _, r := range m.reads {
		m.spec.Outcomes = append(m.spec.Outcomes, r.outcome)
	}
	return m, nil
}

// chosen keeps the outcomes asked for, and cost and QALY.
func chosen(all []reading, names []string) ([]reading, error) {
	if len(names) == 0 {
		return all, nil
	}
	var out []reading
	var known []string
	for _, r := range all {
		n := r.outcome.Name
		known = append(known, n)
		if n == "cost" || n == "qaly" || slices.Contains(names, n) {
			out = append(out, r)
		}
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, fmt.Errorf("outputs: %q is not an outcome; there are %s", n, strings.Join(known, ", "))
		}
	}
	return out, nil
}

// Prepare implements simulate.Preparer.
func (m *model) Prepare(from, to int) error {
	for d := len(m.draws); d < to; d++ {
		if d < from {
			m.draws = append(m.draws, nil) // in another shard
			continue
		}
		values := m.evidence.Base()
		if m.sampler != nil {
			var err error
			if values, err = m.evidence.Draw(m.sampler.Draw(d)); err != nil {
				return err
			}
		}
		c, err := compile(&m.set, values, m.strategies, m.designs)
		if err != nil {
			return fmt.Errorf("draw %d: %w", d+1, err)
		}
		m.draws = append(m.draws, c)
	}
	return nil
}

// DrawBytes implements simulate.Preparer: tables by week, numbers, and its row of
// the sampler.
func (m *model) DrawBytes() int64 {
	return int64(17*(m.set.weeks+1)+len(m.strategies)*(m.set.weeks+2500)) + 8*int64(len(m.evidence.Parameters)) + 2000
}

func conventions(s design.Scenario, ev evidence.Set, r simulate.Result) []simulate.Convention {
	parameters := "fixed at their values (base case)"
	if s.Draws > 0 {
		hang := "independent"
		if n := correlated(ev); n > 0 {
			hang = fmt.Sprintf("%d of them correlated by a Gaussian copula, the others independent", n)
		}
		parameters = fmt.Sprintf("%d draws by %s, parameters %s", r.Draws, s.Sampling, hang)
	}
	factor := map[simulate.Compounding]string{
		simulate.Annual:     "(1+r)^-(week/52)",
		simulate.ByYear:     "(1+r)^-(whole years passed)",
		simulate.Continuous: "exp(-r*week/52)",
	}[s.Discounting.Form]
	out := []simulate.Convention{
		{Name: "perspective", Value: s.Perspective},
		{Name: "horizon", Value: fmt.Sprintf("%d weeks", s.HorizonWeeks)},
		{Name: "cycle", Value: "1 week; a year is 52 weeks"},
		{Name: "cycle counting", Value: string(s.CycleCounting) + "; one-off costs are never weighted"},
		{Name: "discounting", Value: fmt.Sprintf("costs %g, effects %g a year, factor %s", s.Discounting.Cost, s.Discounting.Effect, factor)},
		{Name: "one-off costs", Value: "discounted from the start of their week; overdoses and use of care from its end"},
		{Name: "rates to probabilities", Value: "1-exp(-rate); competing work transitions share the total in proportion to their rates"},
		{Name: "parameters", Value: parameters},
		{Name: "lognormal parameters", Value: "value is the median"},
		{Name: "patients", Value: fmt.Sprintf("%d in each draw, the same under every strategy", r.Patients)},
		{Name: "random numbers", Value: s.Generator + ", addressed by seed, draw, patient, week and purpose; common to all strategies"},
		{Name: "deaths", Value: "symptom, opioid and work outcomes are means of those alive"},
		{Name: "off opioids", Value: "no pain opioids and no medication-assisted treatment that week; off_opioids_28_days, 30 and 60 ask for 4, 5 and 9 whole weeks"},
		{Name: "dose", Value: "buprenorphine and methadone of medication-assisted treatment are not counted in MME"},
		{Name: "waiting list", Value: "where a design has a capacity, in a steady state with exponential stays (M/M/c), first come first served, with a priority within each of its two classes; whole weeks, rounded up"},
		{Name: "program and surgery", Value: "of a patient who had both, the effect that helps more counts, symptom by symptom"},
		{Name: "use of care", Value: "Poisson counts a week, paid in their week"},
		{Name: "indemnity", Value: "part of the wages lost: counted by the insurer, a transfer to society and left out there"},
		{Name: "mortality", Value: mortality(s.Population)},
		{Name: "retirement", Value: retirement(s.Population.RetirementAge)},
		{Name: "sustained return", Value: fmt.Sprintf("%d weeks of work running", sustainedWeeks)},
	}
	if r.Draws > 1 {
		out = append(out,
			simulate.Convention{Name: "95 % of draws", Value: "2.5th and 97.5th percentile of the draws' means, drawn together by what chance between patients adds to their spread"},
			simulate.Convention{Name: "best share, EVPI", Value: "shares of draws, expected losses and values of information are of the draws with what chance between patients adds to their spread taken out, where there are enough draws"})
	}
	return out
}

func mortality(p design.Population) string {
	if p.LifeTable == nil {
		return "by sex at 45, growing with age (evidence mortality.*)"
	}
	return "life table of the scenario by sex and age, read at every year since entry; the evidence's mortality at 45 and its growth are not used"
}

func retirement(age float64) string {
	if age == 0 {
		return "nobody retires"
	}
	return fmt.Sprintf("at %g years: no work and no wages lost from then on, not counted in shares of work", age)
}

// correlated counts the parameters that hang together with others.
func correlated(ev evidence.Set) (n int) {
	for _, c := range ev.Correlations {
		n += len(c.Names)
	}
	return n
}

// warnings tells the reader what rests on weak evidence.
func warnings(s design.Scenario, ev evidence.Set, r simulate.Result) []simulate.Warning {
	assumed, unverified := 0, 0
	for _, p := range ev.Parameters {
		switch p.Status {
		case evidence.Guess:
			assumed++
		case evidence.Unverified:
			unverified++
		}
	}
	out := []simulate.Warning{{
		Code: "evidence",
		Message: fmt.Sprintf("of %d parameters %d are assumed and %d come from sources not yet checked; replace them by data of the program where you can",
			len(ev.Parameters), assumed, unverified),
	}}
	if slices.Contains(s.Strategies, design.LumbarFusion) {
		out = append(out, simulate.Warning{
			Code:    "case-mix",
			Message: "every patient of the lumbar-fusion strategy is operated, while published fusion cohorts are selected (diagnosis, payer, work before surgery); reoperation and complication rates are those of workers' compensation patients",
		})
	}
	if s.Draws > 0 && s.Sampling == simulate.ScrambledSobol && r.Draws&(r.Draws-1) != 0 {
		out = append(out, simulate.Warning{
			Code:    "sobol-size",
			Message: fmt.Sprintf("%d draws leave the Sobol points unbalanced, and their errors larger than they need be; ask for a power of two, such as %d", r.Draws, 1<<bits.Len(uint(r.Draws))),
		})
	}
	if stopsOpioids(s) {
		out = append(out, simulate.Warning{
			Code:    "opioid-mortality",
			Message: "deaths and overdoses fall with the dose as if the associations seen in cohorts were causal, while cohorts saw more crises for a year or two after tapering; read differences in deaths and overdoses as an upper bound of the benefit",
		})
	}
	for _, x := range r.Differences {
		for _, e := range x.Estimates {
			if (e.Outcome == "qaly" || e.Outcome == "cost") && e.NoiseShare > 0.5 {
				out = append(out, simulate.Warning{
					Code:    "patient-noise",
					Message: fmt.Sprintf("%.0f %% of the spread between draws in the difference of %s (%s) is noise of a finite number of patients; ask for more patients in each draw", 100*e.NoiseShare, e.Outcome, x.Name),
				})
			}
		}
	}
	return out
}

// stopsOpioids says whether a strategy tapers.
func stopsOpioids(s design.Scenario) bool {
	return slices.ContainsFunc(s.Strategies, func(name string) bool {
		d, ok, err := s.Design(name)
		return err == nil && ok && d.Taper != nil
	})
}
