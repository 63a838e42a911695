package selfcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"recoup/reports"
	"recoup/reports/disclosure"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
	"recoup/simulate/markov"
	"recoup/simulate/queue"
	"recoup/simulate/rehab"
	"recoup/simulate/stream"
)

// simulated are random numbers, models with closed answers, and the simulator itself.
func simulated(references) []check {
	steady := func(get func(queue.Steady) float64, arrivals, service float64, servers int) func(context.Context, *bench) (float64, error) {
		return func(context.Context, *bench) (float64, error) {
			s, err := queue.Exponential(arrivals, service, servers)
			return get(s), err
		}
	}
	return []check{
		same("random numbers", "SplitMix64 gives its published words", "the first word of state 0", "Steele, Lea and Flood 2014, 10.1145/2714064.2660195, the authors' program", "e220a8397b1dcdaf", func(context.Context, *bench) (string, error) {
			return fmt.Sprintf("%016x", stream.Mix(0x9e3779b97f4a7c15)), nil
		}),
		same("random numbers", "Philox 4x32-10 gives its published words", "counter 0, key 0", "Salmon et al. 2011, 10.1145/2063384.2063405, the authors' known answers", "6627e8d5 e169c58d bc57ac4c 9b00dbd8", func(context.Context, *bench) (string, error) {
			w := stream.Philox4x32([4]uint32{}, [2]uint32{})
			return fmt.Sprintf("%08x %08x %08x %08x", w[0], w[1], w[2], w[3]), nil
		}),
		near("random numbers", "normal quantiles", "of 0.975", "1.959963984540054, R's qnorm", 1.959963984540054, 1e-14, func(context.Context, *bench) (float64, error) {
			return stream.Quantile(0.975), nil
		}),
		// B(1) = 2/3, B(2) = 2·(2/3)/(3 + 2·(2/3)) = 0.4, B(3) = 0.8/3.8; C = 3 B/(3 - 2 (1 - B)).
		near("waiting lists", "who must wait is by Erlang's C", "3 places, load 2", "by hand: 4/9", 4.0/9, 1e-14, steady(func(s queue.Steady) float64 { return s.Wait }, 2, 1, 3)),
		near("waiting lists", "the mean wait of one place", "a load of a half, stays of mean 1", "by hand: ρ/(1 - ρ)", 1, 1e-14, steady(func(s queue.Steady) float64 { return s.MeanWait }, 0.5, 1, 1)),
		// Two states with rates 0.5 out and 0.2 back: 0.2/0.7 + 0.5/0.7 exp(-1.4) are in the first at time 2.
		near("Markov models", "rates are turned into probabilities exactly", "two states, rates 0.5 and 0.2, time 2", "by hand: (0.2 + 0.5 exp(-1.4))/0.7", (0.2+0.5*math.Exp(-1.4))/0.7, 1e-13, func(context.Context, *bench) (float64, error) {
			p, err := markov.Transition([][]float64{{-0.5, 0.5}, {0.2, -0.2}}, 2)
			if err != nil {
				return 0, err
			}
			return p[0][0], nil
		}),
		// 4.5 standard errors of 20,000 patients; the random numbers are always the same.
		near("simulator", "patients die as their hazard says", "20,000 patients, 0.05 a year for 2 years", "by hand: 1 - exp(-0.1)", 1-math.Exp(-0.1), 4.5*math.Sqrt(0.0952*0.9048/20000), deaths),
		same("simulator", "one and two workers give the same bytes", "the default scenario, 4 draws of 300 patients", "this project: recoup help reproducibility", "equal", func(ctx context.Context, _ *bench) (string, error) {
			one, err := simulation(ctx, 1)
			if err != nil {
				return "", err
			}
			two, err := simulation(ctx, 2)
			if err == nil && !bytes.Equal(one, two) {
				return "not equal", nil
			}
			return "equal", err
		}),
	}
}

// simulation runs a small scenario and writes it down whole.
func simulation(ctx context.Context, workers int) ([]byte, error) {
	s, ev, err := defaults()
	if err != nil {
		return nil, err
	}
	s.Draws, s.Patients = 4, 300
	r, err := rehab.Run(ctx, s, ev, simulate.Options{Workers: workers})
	if err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

func defaults() (design.Scenario, evidence.Set, error) {
	s, err := design.ParseScenario("the default scenario", design.DefaultScenario())
	if err != nil {
		return s, evidence.Set{}, err
	}
	ev, err := evidence.Default()
	return s, ev, err
}

// deaths simulates usual care of patients of 45 without opioids under a known hazard.
func deaths(ctx context.Context, _ *bench) (float64, error) {
	s, ev, err := defaults()
	if err != nil {
		return 0, err
	}
	s.Draws, s.Patients, s.HorizonWeeks, s.Strategies = 0, 20000, 104, []string{design.UsualCare}
	s.Population.OpioidShare = 0
	s.Population.Age = design.Range{Mean: 45, Minimum: 45, Maximum: 45}
	known := map[string]float64{"mortality.female_at_45": 0.05, "mortality.male_at_45": 0.05, "mortality.growth": 0}
	for i, p := range ev.Parameters {
		if v, ok := known[p.Name]; ok {
			ev.Parameters[i].Value = v
		}
	}
	r, err := rehab.Run(ctx, s, ev, simulate.Options{})
	if err != nil {
		return 0, err
	}
	for _, st := range r.Strategies {
		for _, o := range st.Estimates {
			if o.Outcome == "death" {
				return float64(o.Mean), nil
			}
		}
	}
	return 0, errAbsent
}

// disclosed is what reports hide, and what an attacker finds.
func disclosed(references) []check {
	audit := func(table string) func(context.Context, *bench) (string, error) {
		return func(ctx context.Context, _ *bench) (string, error) {
			s, err := disclosure.ReadSheet("table", strings.NewReader(table))
			if err != nil {
				return "", err
			}
			found, err := disclosure.Attack(ctx, []disclosure.Sheet{s}, 11, false)
			if err != nil {
				return "", err
			}
			for _, d := range found {
				if d.Dangerous && d.Low == d.High {
					return fmt.Sprintf("found: %g", d.Low), nil
				}
			}
			return "not found", nil
		}
	}
	const rule = "CMS cell size suppression policy: cells of 1 to 10"
	return []check{
		same("disclosure", "a hidden count that follows from its total is found", "40 women, * men, 43 in all", "by hand: 43 - 40", "found: 3", audit("site,women,men,total\nNorth,40,*,43\n")),
		same("disclosure", "one that does not follow is not", "40 women, * men, no total", "by hand", "not found", audit("site,women,men\nNorth,40,*\n")),
		same("disclosure", "a report hides a count of 3", "table of 40 and 3, policy cms-11", rule, "hidden", func(context.Context, *bench) (string, error) { return shown(3) }),
		same("disclosure", "and shows one of 11", "table of 40 and 11, policy cms-11", rule, "shown", func(context.Context, *bench) (string, error) { return shown(11) }),
	}
}

// shown says whether a report shows a count that stands beside 40.
func shown(n int) (string, error) {
	p, err := disclosure.Named("cms-11")
	if err != nil {
		return "", err
	}
	r := reports.Report{Title: "selfcheck", Sections: []reports.Section{{ID: "s", Title: "s", Blocks: []reports.Block{reports.Table{
		ID: "t", Caption: "t", Columns: []reports.Column{{Label: "site"}, {Label: "patients"}},
		Rows: []reports.Row{
			{Cells: []reports.Cell{reports.Label("North"), reports.Count(40)}},
			{Cells: []reports.Cell{reports.Label("South"), reports.Count(n)}},
		},
	}}}}}
	out, _ := disclosure.Protect(r, disclosure.Options{Policy: p})
	t, ok := out.Sections[0].Blocks[0].(reports.Table)
	if !ok || len(t.Rows) < 2 {
		return "", errAbsent
	}
	if c := t.Rows[1].Cells[1]; c.Hidden != reports.Shown {
		return "hidden", nil
	}
	return "shown", nil
}
