package markov

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Continuous is a Markov chain in continuous time.
type Continuous struct {
	Start []float64   // share or number of persons in each state at time 0
	Rates [][]float64 // from state by to state; the diagonal is not read
}

// generator returns Q, whose rows sum to 0.
func generator(rates [][]float64) (*mat.Dense, error) {
	n := len(rates)
	if n == 0 {
		return nil, fmt.Errorf("%w: there are no states", ErrModel)
	}
	q := mat.NewDense(n, n, nil)
	for i, row := range rates {
		if len(row) != n {
			return nil, fmt.Errorf("%w: state %d has %d rates, not %d", ErrModel, i, len(row), n)
		}
		out := 0.0
		for j, r := range row {
			if j == i {
				continue
			}
			if !(r >= 0) || math.IsInf(r, 1) {
				return nil, fmt.Errorf("%w: the rate from state %d to state %d must be a finite number of at least 0", ErrModel, i, j)
			}
			q.Set(i, j, r)
			out += r
		}
		q.Set(i, i, -out)
	}
	return q, nil
}

// Transition returns the probabilities of the states a time t later, by the state
// one is in: the matrix exponential exp(t·Q). R: expm::expm(t * Q).
//
// Reference: Moler, Van Loan 2003, doi:10.1137/S00361445024180.
func Transition(rates [][]float64, t float64) ([][]float64, error) {
	q, err := generator(rates)
	if err != nil {
		return nil, err
	}
	if !(t >= 0) || math.IsInf(t, 1) {
		return nil, fmt.Errorf("%w: a time must be a finite number of at least 0", ErrModel)
	}
	q.Scale(t, q)
	var e mat.Dense
	e.Exp(q)
	p := make([][]float64, len(rates))
	for i := range p {
		p[i] = make([]float64, len(rates))
		for j := range p[i] {
			p[i][j] = math.Min(1, math.Max(0, e.At(i, j))) // rounding may leave −10⁻¹⁷
		}
	}
	return p, nil
}

// At returns the occupancy of the states at time t.
func (c Continuous) At(t float64) ([]float64, error) {
	p, err := Transition(c.Rates, t)
	if err != nil {
		return nil, err
	}
	if len(c.Start) != len(p) {
		return nil, fmt.Errorf("%w: %d states start, %d have rates", ErrModel, len(c.Start), len(p))
	}
	out := make([]float64, len(p))
	for i, x := range c.Start {
		for j, v := range p[i] {
			out[j] += float64(x * v)
		}
	}
	return out, nil
}

// Total returns what a reward of r per unit of time in each state comes to over a
// horizon, discounted at a constant force δ,
//
//	∫₀ᵀ π(t)·r·exp(−δt) dt
//
// The force of an annual rate is ln(1 + rate). It is the upper right block of the
// exponential of [Q − δI, r; 0, 0]·T; over an endless horizon, the solution of
// (δI − Q)·x = r, for which persons must leave every state with a reward for good,
// or be discounted.
//
// Reference: Van Loan 1978, doi:10.1109/TAC.1978.1101743.
func (c Continuous) Total(reward []float64, force, horizon float64) (float64, error) {
	q, err := generator(c.Rates)
	if err != nil {
		return 0, err
	}
	n := len(c.Rates)
	if len(c.Start) != n || len(reward) != n {
		return 0, fmt.Errorf("%w: %d states start and %d have a reward, %d have rates", ErrModel, len(c.Start), len(reward), n)
	}
	if !(force >= 0) || !(horizon >= 0) {
		return 0, fmt.Errorf("%w: a force of discounting and a horizon must be at least 0", ErrModel)
	}
	var x []float64
	if math.IsInf(horizon, 1) {
		x, err = endless(q, reward, force)
	} else {
		x = integral(q, reward, force, horizon)
	}
	sum := 0.0
	for i := range x {
		if c.Start[i] != 0 {
			sum += float64(c.Start[i] * x[i])
		}
	}
	return sum, err
}

func integral(q *mat.Dense, reward []float64, force, horizon float64) []float64 {
	n := len(reward)
	a := mat.NewDense(n+1, n+1, nil)
	for i, r := range reward {
		for j := range n {
			a.Set(i, j, q.At(i, j)*horizon)
		}
		a.Set(i, i, (q.At(i, i)-force)*horizon)
		a.Set(i, n, r*horizon)
	}
	var e mat.Dense
	e.Exp(a)
	return mat.Col(nil, n, e.Slice(0, n, 0, n+1))
}

// endless solves (δI − Q)·x = r over the states that pay or can lead to pay; the
// others have x = 0.
func endless(q *mat.Dense, reward []float64, force float64) ([]float64, error) {
	n := len(reward)
	pays := make([]bool, n)
	for i, r := range reward {
		pays[i] = r != 0
	}
	for range n {
		for i := range n {
			for j := range n {
				pays[i] = pays[i] || j != i && q.At(i, j) > 0 && pays[j]
			}
		}
	}
	var at []int
	for i := range n {
		if pays[i] {
			at = append(at, i)
		}
	}
	x := make([]float64, n)
	if len(at) == 0 {
		return x, nil
	}
	a, b := mat.NewDense(len(at), len(at), nil), mat.NewVecDense(len(at), nil)
	for r, i := range at {
		b.SetVec(r, reward[i])
		for s, j := range at {
			a.Set(r, s, -q.At(i, j))
		}
		a.Set(r, r, force-q.At(i, i))
	}
	var v mat.VecDense
	if err := v.SolveVec(a, b); err != nil {
		return x, fmt.Errorf("%w: a reward is gathered for ever: discount it, give a horizon, or let every rewarded state lead out", ErrModel)
	}
	for r, i := range at {
		x[i] = v.AtVec(r)
	}
	return x, nil
}

// ExpectedCycles returns how many points in time a person spends in each state, the
// point 0 counted, in a chain with unchanging probabilities that runs for ever: the
// start times the fundamental matrix (I − P)⁻¹ of the states one leaves for good. It
// is +Inf in states that are never left for good but can be reached.
//
// Reference: Kemeny, Snell 1976, Finite Markov Chains, chapter III.
func ExpectedCycles(p [][]float64, start []float64) ([]float64, error) {
	n := len(p)
	if len(start) != n || n == 0 {
		return nil, fmt.Errorf("%w: %d states start, %d have transitions", ErrModel, len(start), n)
	}
	for i, row := range p {
		if len(row) != n {
			return nil, fmt.Errorf("%w: state %d has %d probabilities, not %d", ErrModel, i, len(row), n)
		}
		if err := checkRow(row); err != nil {
			return nil, fmt.Errorf("%w: state %d: %w", ErrModel, i, err)
		}
	}
	reach := reachable(p)
	var transient []int
	for i := range n {
		for j := range n {
			if reach[i][j] && !reach[j][i] {
				transient = append(transient, i)
				break
			}
		}
	}
	out := make([]float64, n)
	for j := range n {
		for i, x := range start {
			if x > 0 && (i == j || reach[i][j]) {
				out[j] = math.Inf(1)
			}
		}
	}
	if len(transient) == 0 {
		return out, nil
	}
	// x = start + x·P on the transient states, so (I − P)ᵀ·x = start.
	a, b := mat.NewDense(len(transient), len(transient), nil), mat.NewVecDense(len(transient), nil)
	for r, i := range transient {
		b.SetVec(r, start[i])
		for s, j := range transient {
			a.Set(r, s, -p[j][i])
		}
		a.Set(r, r, 1-p[i][i])
	}
	var v mat.VecDense
	if err := v.SolveVec(a, b); err != nil {
		return nil, fmt.Errorf("%w: the states are left too rarely to count the cycles in them: %w", ErrModel, err)
	}
	for r, i := range transient {
		out[i] = v.AtVec(r)
	}
	return out, nil
}

// reachable says from which state which other can be reached in any number of moves.
func reachable(p [][]float64) [][]bool {
	n := len(p)
	reach := make([][]bool, n)
	for i := range reach {
		reach[i] = make([]bool, n)
		for j := range n {
			reach[i][j] = p[i][j] > 0
		}
	}
	for k := range n {
		for i := range n {
			for j := range n {
				reach[i][j] = reach[i][j] || reach[i][k] && reach[k][j]
			}
		}
	}
	return reach
}
