package markov

import (
	"math"

	"recoup/simulate"
)

// Expected is the exact expectations of one strategy.
type Expected struct {
	Name    string         `json:"name"`
	Cost    simulate.Num   `json:"cost"`
	Effect  simulate.Num   `json:"effect"`
	YearsIn []simulate.Num `json:"years_in_state"` // not discounted, by state
	Trace   [][]float64    `json:"trace"`          // point by state
}

// Evaluate returns the exact expectation of every strategy.
func (s *Study) Evaluate() []Expected {
	out := make([]Expected, len(s.Chains))
	var w Workspace
	for i, c := range s.Chains {
		v := c.Evaluate(&w, nil)
		out[i] = Expected{s.Strategies[i], simulate.Num(v[Cost]), simulate.Num(v[Effect]), simulate.Nums(v[firstYears:]), c.Trace()}
	}
	return out
}

// Individuals returns the same model person by person, to be run by simulate.Run: cost
// and effect as outcomes, and the share of persons in each state as series. It has one
// set of parameters; every draw of a run uses it. Strategies share the random numbers
// of each person and cycle.
func (s *Study) Individuals() simulate.Model { return individuals{s} }

type individuals struct{ *Study }

func (m individuals) Spec() simulate.Spec {
	spec := simulate.Spec{
		Strategies: m.Strategies, Points: m.Cycles + 1, Cost: "cost", Effect: "effect",
		Outcomes: []simulate.Outcome{{Name: "cost", Unit: "currency"}, {Name: "effect", Unit: "effect"}},
	}
	for _, name := range m.States {
		spec.Series = append(spec.Series, simulate.Series{Name: name, Unit: "share"})
	}
	return spec
}

func (m individuals) NewWorker() simulate.Worker { return &walker{Study: m.Study} }

// walker walks a block of persons through a chain.
type walker struct {
	*Study
	u, in, all     [simulate.BlockSize]float64
	state, sojourn [simulate.BlockSize]int
}

// startWord is the random number that chooses the first state; cycles use 0..T−1.
const startWord = math.MaxUint32

func (w *walker) Run(_, strategy int, b *simulate.Block) {
	c, n := w.Chains[strategy], b.Len()
	outcomes := [2][]float64{b.Outcome(Cost), b.Outcome(Effect)}
	b.Generator.Uniforms(w.u[:n], b.Keys, startWord)
	for i := range n {
		w.state[i], w.sojourn[i], w.all[i] = pick(c.Start, w.u[i]), 0, 1
		for o := range outcomes {
			outcomes[o][i] = c.Rewards[o].Once
		}
	}
	for t := 0; ; t++ {
		for i := range n {
			for o := range outcomes {
				r := &c.Rewards[o]
				if r.States == nil {
					continue
				}
				outcomes[o][i] += float64(r.Weights[t] * r.States[w.state[i]].At(t, w.sojourn[i])[0])
			}
		}
		for s := range w.States {
			for i := range n {
				w.in[i] = 0
				if w.state[i] == s {
					w.in[i] = 1
				}
			}
			b.Record(s, t, w.in[:], w.all[:])
		}
		if t == c.Cycles {
			return
		}
		b.Generator.Uniforms(w.u[:n], b.Keys, uint64(t))
		for i := range n {
			w.move(c, i, t, outcomes)
		}
	}
}

// move takes person i through cycle t+1.
func (w *walker) move(c *Chain, i, t int, outcomes [2][]float64) {
	from := w.state[i]
	to := pick(c.Moves[from].At(t, w.sojourn[i]), w.u[i])
	if to == from {
		w.sojourn[i]++
		return
	}
	for o := range outcomes {
		r := &c.Rewards[o]
		for k := range r.Flows {
			if f := &r.Flows[k]; f.From == from && f.To == to {
				outcomes[o][i] += float64(r.FlowWeights[t+1] * f.Amount.At(t, w.sojourn[i])[0])
			}
		}
	}
	w.state[i], w.sojourn[i] = to, 0
}

// pick returns where u falls among shares that sum to 1. What rounding leaves over
// goes to the last that has a share.
func pick(shares []float64, u float64) int {
	last := 0
	for j, p := range shares {
		if p == 0 {
			continue
		}
		if last = j; u < p {
			return j
		}
		u -= p
	}
	return last
}
