// Package markov evaluates small models exactly: cohorts that move between states
// in cycles with probabilities that may change with the cycle and with the time in
// the state, chains in continuous time, semi-Markov processes, partitioned survival
// and decision trees. The same model can be run as individuals by the engine of
// package simulate, so each is a check of the other.
//
// Points in time are 0..T for T cycles; cycle t (from 1) leads from point t−1 to
// point t.
package markov

import (
	"errors"
	"fmt"
	"math"
)

// Table holds numbers that may change with time: Width numbers for each row of time
// and each time in the state. Time beyond the last row or beyond the longest time in
// the state takes the last one.
type Table struct {
	Rows    int       // rows of time; 1 if time changes nothing
	Sojourn int       // cycles already spent in the state, from 0; 1 if they change nothing
	Width   int       // numbers in each
	V       []float64 // by row, then sojourn, then number
}

// Constant is the table of numbers that never change.
func Constant(v ...float64) Table { return Table{1, 1, len(v), v} }

// ByCycle is the table of one number in each row of time.
func ByCycle(v ...float64) Table { return Table{len(v), 1, 1, v} }

// BySojourn is the table of one number for each time in the state.
func BySojourn(v ...float64) Table { return Table{1, len(v), 1, v} }

// At returns the numbers of a row of time and a time in the state, both from 0.
func (t *Table) At(row, sojourn int) []float64 {
	i := (min(row, t.Rows-1)*t.Sojourn + min(sojourn, t.Sojourn-1)) * t.Width
	return t.V[i : i+t.Width : i+t.Width]
}

// Chain is one strategy of a model: who starts where, how they move and what they
// are counted for.
type Chain struct {
	// Start is the share, or the number, of persons in each state at point 0, all of
	// them new in it.
	Start []float64
	// Moves has for each state the probabilities of the states at the end of a cycle;
	// row t of the table belongs to cycle t+1. Staying counts on the time in the state,
	// coming from another state sets it to 0.
	Moves   []Table
	Rewards []Reward
	Cycles  int
}

// Reward is one quantity that persons gather, such as cost or QALYs:
//
//	Once + Σᵢ Wᵢ·Σₛ πᵢ(s)·rᵢ(s) + Σₜ Dₜ·Σ flows of cycle t
type Reward struct {
	// Once is counted at the start, neither discounted nor weighted.
	Once float64
	// Weights W of the points 0..T: counting times discounting, see Convention.
	Weights []float64
	// States has the reward r of being in each state, row i of a table belonging to
	// point i; nil for none.
	States []Table
	// Flows are counted on transitions, FlowWeights D at the points 1..T at which they
	// arrive (entry 0 is not used): discounting alone, as an event is not halved.
	Flows       []Flow
	FlowWeights []float64
}

// Flow is a reward counted each time a person moves between two different states;
// row t of its table belongs to cycle t+1.
type Flow struct {
	From, To int
	Amount   Table
}

// ErrModel is wrapped by what is wrong with a chain.
var ErrModel = errors.New("not a Markov model")

// rowTolerance is how far a row of probabilities may be from 1.
const rowTolerance = 1e-9

// Check returns everything that is wrong with a chain, joined; nil if nothing is.
func (c *Chain) Check() error {
	n := len(c.Start)
	if n == 0 || len(c.Moves) != n || c.Cycles < 1 {
		return fmt.Errorf("%w: %d states with %d rows of transitions over %d cycles; each state needs one row, and there must be at least 1 cycle", ErrModel, n, len(c.Moves), c.Cycles)
	}
	var all []error
	bad := func(format string, args ...any) {
		all = append(all, fmt.Errorf("%w: "+format, append([]any{ErrModel}, args...)...))
	}
	for s, x := range c.Start {
		if !(x >= 0) || math.IsInf(x, 1) {
			bad("start of state %d must be a finite number of at least 0", s)
		}
	}
	for s := range c.Moves {
		if m := &c.Moves[s]; m.fits(n) {
			c.checkRows(s, bad)
		} else {
			bad("transitions of state %d need %d numbers in each row", s, n)
		}
	}
	for i, r := range c.Rewards {
		c.checkReward(i, r, bad)
	}
	return errors.Join(all...)
}

func (t *Table) fits(width int) bool {
	return t.Width == width && t.Rows > 0 && t.Sojourn > 0 && len(t.V) == t.Rows*t.Sojourn*width
}

func (c *Chain) checkRows(s int, bad func(string, ...any)) {
	m := &c.Moves[s]
	for row := range m.Rows {
		for k := range m.Sojourn {
			if err := checkRow(m.At(row, k)); err != nil {
				bad("transitions of state %d, cycle %d, after %d cycles in the state: %w", s, row+1, k, err)
				return // the first row of a state says enough
			}
		}
	}
}

// checkRow wants probabilities that sum to 1.
func checkRow(p []float64) error {
	sum := 0.0
	for j, x := range p {
		if !(x >= 0 && x <= 1) {
			return fmt.Errorf("the probability to state %d is not from 0 to 1", j)
		}
		sum += x
	}
	if math.Abs(sum-1) > rowTolerance {
		return fmt.Errorf("the probabilities sum to %.10g, not 1", sum)
	}
	return nil
}

func (c *Chain) checkReward(i int, r Reward, bad func(string, ...any)) {
	if r.States != nil && (len(r.States) != len(c.Start) || len(r.Weights) != c.Cycles+1) {
		bad("reward %d needs a table for each state and %d weights", i, c.Cycles+1)
	}
	for s := range r.States {
		if !r.States[s].fits(1) {
			bad("reward %d of state %d needs one number in each row", i, s)
		}
	}
	if len(r.Flows) > 0 && len(r.FlowWeights) != c.Cycles+1 {
		bad("reward %d needs %d weights for its flows", i, c.Cycles+1)
	}
	for _, f := range r.Flows {
		if f.From < 0 || f.To < 0 || f.From >= len(c.Start) || f.To >= len(c.Start) || f.From == f.To || !f.Amount.fits(1) {
			bad("a flow of reward %d must be between two different states and have one number in each row", i)
		}
	}
}

// Workspace is memory that evaluations may share one after the other. Its zero value
// is ready.
type Workspace struct {
	now, next []float64 // by state and time in the state
	at        []int     // where each state begins; one more for the end
}

// fit lays out the occupancy: a state has as many places as its transitions or
// rewards tell times in it apart.
func (w *Workspace) fit(c *Chain) {
	w.at = w.at[:0]
	total := 0
	for s := range c.Start {
		w.at = append(w.at, total)
		k := c.Moves[s].Sojourn
		for i := range c.Rewards {
			r := &c.Rewards[i]
			if r.States != nil {
				k = max(k, r.States[s].Sojourn)
			}
			for f := range r.Flows {
				if r.Flows[f].From == s {
					k = max(k, r.Flows[f].Amount.Sojourn)
				}
			}
		}
		total += k
	}
	w.at = append(w.at, total)
	if cap(w.now) < total {
		w.now, w.next = make([]float64, total), make([]float64, total)
	}
	w.now, w.next = w.now[:total], w.next[:total]
	clear(w.now)
	for s, x := range c.Start {
		w.now[w.at[s]] = x
	}
}

// Evaluate returns the expectation of every reward, in totals where it is long
// enough. The chain must be sound, see Check.
func (c *Chain) Evaluate(w *Workspace, totals []float64) []float64 {
	if w == nil {
		w = new(Workspace)
	}
	totals = append(totals[:0], make([]float64, len(c.Rewards))...)
	w.fit(c)
	for i := range c.Rewards {
		totals[i] = c.Rewards[i].Once
	}
	for t := 0; ; t++ {
		for i := range c.Rewards {
			totals[i] += c.Rewards[i].stay(w, t)
		}
		if t == c.Cycles {
			return totals
		}
		for i := range c.Rewards {
			totals[i] += c.flow(&c.Rewards[i], w, t)
		}
		c.step(w, t)
	}
}

// Trace returns the occupancy of the states at the points 0..T.
func (c *Chain) Trace() [][]float64 {
	var w Workspace
	w.fit(c)
	out := make([][]float64, c.Cycles+1)
	for t := range out {
		out[t] = make([]float64, len(c.Start))
		for s := range c.Start {
			for _, x := range w.now[w.at[s]:w.at[s+1]] {
				out[t][s] += x
			}
		}
		if t < c.Cycles {
			c.step(&w, t)
		}
	}
	return out
}

// stay is what a reward adds at point t.
func (r *Reward) stay(w *Workspace, t int) float64 {
	if r.States == nil || r.Weights[t] == 0 {
		return 0
	}
	sum := 0.0
	for s := range r.States {
		v := &r.States[s]
		for k, x := range w.now[w.at[s]:w.at[s+1]] {
			sum += float64(x * v.V[min(t, v.Rows-1)*v.Sojourn+min(k, v.Sojourn-1)])
		}
	}
	return float64(r.Weights[t] * sum)
}

// flow is what a reward adds on the transitions of cycle t+1.
func (c *Chain) flow(r *Reward, w *Workspace, t int) float64 {
	sum := 0.0
	for i := range r.Flows {
		f := &r.Flows[i]
		for k, x := range w.now[w.at[f.From]:w.at[f.From+1]] {
			moved := float64(x * c.Moves[f.From].At(t, k)[f.To])
			sum += float64(moved * f.Amount.At(t, k)[0])
		}
	}
	if sum == 0 {
		return 0
	}
	return float64(r.FlowWeights[t+1] * sum)
}

// step moves everybody through cycle t+1.
func (c *Chain) step(w *Workspace, t int) {
	clear(w.next)
	if len(w.now) == len(c.Start) {
		c.stepPlain(w, t)
	} else {
		c.stepSojourn(w, t)
	}
	w.now, w.next = w.next, w.now
}

// stepPlain is the step where no time in a state matters: π·P.
func (c *Chain) stepPlain(w *Workspace, t int) {
	next := w.next
	for s, x := range w.now {
		m := &c.Moves[s]
		i := min(t, m.Rows-1) * len(next)
		row := m.V[i : i+len(next)]
		for j, p := range row {
			next[j] += float64(x * p)
		}
	}
}

// stepSojourn keeps apart how long persons have been in their state: tunnels
// without the matrix.
func (c *Chain) stepSojourn(w *Workspace, t int) {
	for s := range c.Start {
		from, last := w.at[s], w.at[s+1]-w.at[s]-1
		for k, x := range w.now[from : from+last+1] {
			if x == 0 {
				continue
			}
			for j, p := range c.Moves[s].At(t, k) {
				to := w.at[j]
				if j == s {
					to += min(k+1, last)
				}
				w.next[to] += float64(x * p)
			}
		}
	}
}
