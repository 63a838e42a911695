package rehab

import (
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// Sampled returns the values of the parameters in each draw of a scenario, parameter x
// draw, in the order of the evidence: those that Run simulates with.
func Sampled(scenario design.Scenario, ev evidence.Set, draws int) ([][]float64, error) {
	names := ev.Names()
	out := make([][]float64, len(names))
	copulas, err := ev.Copulas()
	if err != nil {
		return nil, err
	}
	sampler, err := simulate.NewSampler(scenario.Seed, names, max(1, scenario.Draws), scenario.Sampling, copulas...)
	if err != nil {
		return nil, err
	}
	for d := range draws {
		values := ev.Base()
		if scenario.Draws > 0 {
			if values, err = ev.Draw(sampler.Draw(d)); err != nil {
				return nil, err
			}
		}
		for i, name := range names {
			out[i] = append(out[i], values[name])
		}
	}
	return out, nil
}
