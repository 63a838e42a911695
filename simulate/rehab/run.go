package rehab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/stream"
)

// Run simulates a scenario with a set of evidence. The result depends on these
// two alone: options change how long it takes, not a digit.
//
// With scenario.Draws = 0 the parameters stay at their values (the base case);
// otherwise each draw samples all of them by their quantile functions.
func Run(ctx context.Context, scenario design.Scenario, ev evidence.Set, opt simulate.Options) (simulate.Result, error) {
	if problems := design.Check(scenario); len(problems) > 0 {
		return simulate.Result{}, &design.Problems{File: "scenario " + scenario.Name, List: problems}
	}
	m, err := newModel(scenario, ev)
	if err != nil {
		return simulate.Result{}, fmt.Errorf("scenario %s: %w", scenario.Name, err)
	}
	digest, err := scenario.Digest()
	if err != nil {
		return simulate.Result{}, err
	}
	size := simulate.Size{Seed: scenario.Seed, Draws: len(m.draws), Patients: scenario.Patients}
	if scenario.Generator == stream.Philox.String() {
		size.Generator = stream.Philox
	}
	r, err := simulate.Run(ctx, m, size, opt)
	if err != nil {
		return simulate.Result{}, err
	}
	r.Scenario = simulate.Source{Name: scenario.Name, Digest: digest}
	r.Evidence = simulate.Source{Name: ev.Name, Digest: ev.Digest()}
	r.Conventions = conventions(scenario)
	r.Warnings = append(r.Warnings, warnings(scenario, ev, r)...)
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
	m := &model{set: set}
	if m.reads, err = chosen(readings(&m.set), s.Outputs); err != nil {
		return nil, err
	}
	if m.draws, err = compileDraws(&m.set, s, ev); err != nil {
		return nil, err
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

func compileDraws(set *settings, s design.Scenario, ev evidence.Set) ([]*draw, error) {
	designs := make([]*design.Design, len(s.Strategies))
	for i, name := range s.Strategies {
		d, ok, err := s.Design(name)
		if err != nil {
			return nil, err
		}
		if ok {
			designs[i] = &d
		}
	}
	if s.Draws == 0 {
		d, err := compile(set, ev.Base(), s.Strategies, designs)
		return []*draw{d}, err
	}
	u, err := simulate.Uniforms(s.Seed, ev.Names(), s.Draws, s.Sampling)
	if err != nil {
		return nil, err
	}
	draws := make([]*draw, s.Draws)
	for i := range draws {
		values, err := ev.Draw(u[i])
		if err != nil {
			return nil, err
		}
		if draws[i], err = compile(set, values, s.Strategies, designs); err != nil {
			return nil, fmt.Errorf("draw %d: %w", i+1, err)
		}
	}
	return draws, nil
}

func conventions(s design.Scenario) []simulate.Convention {
	parameters := "fixed at their values (base case)"
	if s.Draws > 0 {
		parameters = fmt.Sprintf("%d draws by %s, parameters independent", s.Draws, s.Sampling)
	}
	factor := map[simulate.Compounding]string{
		simulate.Annual:     "(1+r)^-(week/52)",
		simulate.ByYear:     "(1+r)^-(whole years passed)",
		simulate.Continuous: "exp(-r*week/52)",
	}[s.Discounting.Form]
	return []simulate.Convention{
		{Name: "perspective", Value: s.Perspective},
		{Name: "horizon", Value: fmt.Sprintf("%d weeks", s.HorizonWeeks)},
		{Name: "cycle", Value: "1 week; a year is 52 weeks"},
		{Name: "cycle counting", Value: string(s.CycleCounting) + "; one-off costs are never weighted"},
		{Name: "discounting", Value: fmt.Sprintf("costs %g, effects %g a year, factor %s", s.Discounting.Cost, s.Discounting.Effect, factor)},
		{Name: "one-off costs", Value: "discounted from the start of their week; overdoses from its end"},
		{Name: "rates to probabilities", Value: "1-exp(-rate); competing work transitions share the total in proportion to their rates"},
		{Name: "parameters", Value: parameters},
		{Name: "lognormal parameters", Value: "value is the median"},
		{Name: "patients", Value: fmt.Sprintf("%d in each draw, the same under every strategy", s.Patients)},
		{Name: "random numbers", Value: s.Generator + ", addressed by seed, draw, patient, week and purpose; common to all strategies"},
		{Name: "deaths", Value: "symptom, opioid and work outcomes are means of those alive"},
		{Name: "sustained return", Value: fmt.Sprintf("%d weeks of work running", sustainedWeeks)},
	}
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
	out = append(out, simulate.Warning{
		Code:    "utility-level",
		Message: "utility is taken from pain alone, so QALYs lie about 0.15 a year above those of trials that asked for general health; differences between strategies are affected less",
	})
	if slices.Contains(s.Strategies, design.LumbarFusion) {
		out = append(out, simulate.Warning{
			Code:    "case-mix",
			Message: "every patient of the lumbar-fusion strategy is operated, while published fusion cohorts are selected (diagnosis, payer, work before surgery); reoperation and complication rates are those of workers' compensation patients",
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
