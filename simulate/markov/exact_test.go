package markov

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"recoup/simulate"
)

// Simpson's rule is exact for cubics: Σw·i³ over 0..n is n⁴/4 for an even and, with the
// 3/8 rule at the end, an odd number of cycles. Weights of 4 by hand: 1/3 4/3 2/3 4/3 1/3.
func TestSimpson(t *testing.T) {
	for _, n := range []int{2, 3, 4, 5, 75} {
		w := points(t, Convention{Counting: CountSimpson}, n)
		sum := 0.0
		for i, x := range w {
			sum += x * math.Pow(float64(i), 3)
		}
		near(t, fmt.Sprintf("%d cycles", n), sum, math.Pow(float64(n), 4)/4, 1e-13)
	}
	for i, want := range []float64{1. / 3, 4. / 3, 2. / 3, 4. / 3, 1. / 3} {
		near(t, "weight", points(t, Convention{Counting: CountSimpson}, 4)[i], want, 1e-15)
	}
	if _, err := (Convention{Counting: CountSimpson}).Points(1); err == nil {
		t.Error("one cycle was accepted")
	}
}

// By hand, 2 cycles at 10 %: d = 1, 1/1.1, 1/1.21.
func TestMoments(t *testing.T) {
	d := func(y float64) float64 { return math.Pow(1.1, -y) }
	for _, c := range []struct {
		cv   Convention
		want [3]float64
	}{
		{Convention{Rate: 0.1}, [3]float64{0.5, d(1), d(2) / 2}},
		{Convention{Rate: 0.1, At: AtMiddle}, [3]float64{d(0.5) / 2, (d(0.5) + d(1.5)) / 2, d(1.5) / 2}},
		{Convention{Rate: 0.1, At: AtEnd, Counting: simulate.CountStart}, [3]float64{d(1), d(2), 0}},
		{Convention{Rate: 0.1, At: AtStart, Counting: simulate.CountEnd}, [3]float64{0, 1, d(1)}},
		{Convention{Rate: 0.1, Counting: simulate.CountBoth}, [3]float64{1, d(1), d(2)}},
	} {
		for i, got := range points(t, c.cv, 2) {
			near(t, fmt.Sprintf("%+v at %d", c.cv, i), got, c.want[i], 1e-14)
		}
	}
	for at, want := range map[Moment][2]float64{AtPoint: {d(1), d(2)}, AtStart: {1, d(1)}, AtMiddle: {d(0.5), d(1.5)}, AtEnd: {d(1), d(2)}} {
		e, err := Convention{Rate: 0.1, At: at}.Events(2)
		if err != nil {
			t.Fatal(err)
		}
		near(t, string(at), e[1], want[0], 1e-14)
		near(t, string(at), e[2], want[1], 1e-14)
	}
}

// Three stages of exponential length are an Erlang time in one state: in fine cycles
// the semi-Markov process comes to the chain of stages, and in any cycles its renewal
// equation and its chain with time in the state are the same.
func TestSemiMarkov(t *testing.T) {
	const dt, cycles = 0.01, 400
	erlang := func(t float64) float64 { return math.Exp(-t) * (1 + t + t*t/2) }
	s := Semi{[][][]float64{
		Depart(erlang, []float64{0, 0.7, 0.3}, cycles, dt),
		Depart(ExponentialCurve(0.5), []float64{1, 0, 0}, cycles, dt),
		{nil, nil, nil},
	}}
	phi, err := s.Convolve(cycles)
	if err != nil {
		t.Fatal(err)
	}
	moves, err := s.Moves(cycles)
	if err != nil {
		t.Fatal(err)
	}
	trace := (&Chain{Start: []float64{1, 0, 0}, Moves: moves, Cycles: cycles}).Trace()
	for _, k := range []int{1, 50, 400} {
		for j := range 3 {
			near(t, fmt.Sprintf("state %d at %d", j, k), trace[k][j], phi[k][0][j], 1e-12)
		}
	}
	// Stages: 0, 1, 2 are the state, 3 the second, 4 the end.
	at, err := Continuous{[]float64{1, 0, 0, 0, 0}, [][]float64{{0, 1, 0, 0, 0}, {0, 0, 1, 0, 0}, {0, 0, 0, 0.7, 0.3}, {0.5, 0, 0, 0, 0}, {0, 0, 0, 0, 0}}}.At(4)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "first state", phi[cycles][0][0], at[0]+at[1]+at[2], 0.005)
	near(t, "end", phi[cycles][0][2], at[4], 0.005)
}

// By hand. Chance of death 0.1 when new, 0.5 after one cycle, 1 after two; moving on to
// another state and back makes new again.
func TestTimeInState(t *testing.T) {
	c := &Chain{
		Start: []float64{1, 0}, Cycles: 3,
		Moves: []Table{{1, 3, 2, []float64{0.9, 0.1, 0.5, 0.5, 0, 1}}, Constant(0, 1)},
		Rewards: []Reward{{
			Weights: []float64{1, 1, 1, 1}, States: []Table{BySojourn(10, 20, 30), Constant(0)},
			Flows: []Flow{{0, 1, BySojourn(1, 2)}}, FlowWeights: []float64{0, 1, 1, 1},
		}},
	}
	// Alive 1, 0.9, 0.45, 0: 10 + 0.9·20 + 0.45·30 = 41.5; deaths 0.1·1 + 0.45·2 + 0.45·2.
	near(t, "total", evaluate(t, c)[0], 41.5+0.1+0.9+0.9, 1e-14)
	near(t, "alive at 2", c.Trace()[2][0], 0.45, 1e-14)
	// The time in the state matters to one reward alone, with deaths of 0.5 a cycle: alive
	// 1, 0.5, 0.25, 0.125 for 10, 20, 30, 30; deaths 0.5, 0.25, 0.125 for 1, 2, 2.
	half := []Table{Constant(0.5, 0.5), Constant(0, 1)}
	c.Moves, c.Rewards[0].Flows = half, nil
	near(t, "states alone", evaluate(t, c)[0], 10+10+7.5+3.75, 1e-14)
	c.Rewards[0].States, c.Rewards[0].Flows = nil, []Flow{{0, 1, BySojourn(1, 2)}}
	near(t, "flows alone", evaluate(t, c)[0], 0.5+0.5+0.25, 1e-14)
	// On and back: from 0 to 1 at once and back makes the time in the state 0 again, so
	// only the first number of the table is used.
	c.Moves = []Table{{1, 2, 2, []float64{0, 1, 1, 0}}, Constant(1, 0)}
	near(t, "back at 2", c.Trace()[2][0], 1, 0)
	near(t, "gone at 3", c.Trace()[3][0], 0, 0)
}

// Scaling the start scales every total, and shares add: relations of any linear model.
func TestStartIsLinear(t *testing.T) {
	w := points(t, Convention{Rate: 0.03}, 75)
	c := sickBase.chain(3, w)
	one := evaluate(t, c)
	c.Start = []float64{1000, 0, 0, 0}
	for i, v := range evaluate(t, c) {
		near(t, "a thousand", v, 1000*one[i], 1e-13)
	}
	c.Start = []float64{0, 1, 0, 0}
	sick := evaluate(t, c)
	c.Start = []float64{0.25, 0.75, 0, 0}
	for i, v := range evaluate(t, c) {
		near(t, "mixed", v, 0.25*one[i]+0.75*sick[i], 1e-13)
	}
}

func TestContinuousTotals(t *testing.T) {
	c := Continuous{[]float64{1, 0, 0}, [][]float64{{0, 0.2, 0.05}, {0.1, 0, 0.3}, {0, 0, 0}}}
	// Endless is the limit of long, and by hand: x = (δI − Q)⁻¹·r, with δ = 0 and r = 1 alive:
	// 0.25·x₀ − 0.2·x₁ = 1, −0.1·x₀ + 0.4·x₁ = 1 → x₀ = 0.6/0.08 = 7.5.
	endless, err := c.Total([]float64{1, 1, 0}, 0, math.Inf(1))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "life", endless, 7.5, 1e-13)
	long, err := c.Total([]float64{1, 1, 0}, 0, 400)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "long life", long, 7.5, 1e-11)
	if _, err := c.Total([]float64{0, 0, 1}, 0, math.Inf(1)); !errors.Is(err, ErrModel) {
		t.Errorf("a reward for ever: %v", err)
	}
	// Discounted, the dead pay 1/δ from their death on: 1/δ less the life discounted.
	alive, _ := c.Total([]float64{1, 1, 0}, 0.03, math.Inf(1))
	dead, err := c.Total([]float64{0, 0, 1}, 0.03, math.Inf(1))
	near(t, "for ever", alive+dead, 1/0.03, 1e-12)
	if err != nil {
		t.Error(err)
	}
}

func TestBadModelsAreRefused(t *testing.T) {
	good := func() *Chain {
		return &Chain{Start: []float64{1, 0}, Cycles: 2, Moves: []Table{Constant(0.5, 0.5), Constant(0, 1)}, Rewards: []Reward{{Weights: []float64{1, 1, 1}, States: tables(1, 0), FlowWeights: []float64{0, 1, 1}, Flows: []Flow{{0, 1, Constant(1)}}}}}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Chain){
		"no cycles":     func(c *Chain) { c.Cycles = 0 },
		"sum":           func(c *Chain) { c.Moves[0] = Constant(0.5, 0.4) },
		"over 1":        func(c *Chain) { c.Moves[0] = Constant(1.5, -0.5) },
		"NaN":           func(c *Chain) { c.Moves[0] = Constant(math.NaN(), 0.5) },
		"short row":     func(c *Chain) { c.Moves[0] = Constant(1) },
		"short table":   func(c *Chain) { c.Moves[0].Rows = 2 },
		"start":         func(c *Chain) { c.Start[0] = -1 },
		"weights":       func(c *Chain) { c.Rewards[0].Weights = nil },
		"state rewards": func(c *Chain) { c.Rewards[0].States = tables(1) },
		"flow weights":  func(c *Chain) { c.Rewards[0].FlowWeights = nil },
		"flow to self":  func(c *Chain) { c.Rewards[0].Flows[0].To = 0 },
		"flow off":      func(c *Chain) { c.Rewards[0].Flows[0].To = 2 },
	} {
		c := good()
		if change(c); !errors.Is(c.Check(), ErrModel) {
			t.Errorf("%s: error %v, want ErrModel", what, c.Check())
		}
	}
	if _, err := (Partition{ExponentialCurve(0.1), ExponentialCurve(0.2)}).Times(0, 10); !errors.Is(err, ErrModel) {
		t.Errorf("crossing curves: %v", err)
	}
	if _, err := Curve(func(float64) float64 { return 1 }).Area(0, math.Inf(1)); !errors.Is(err, ErrModel) {
		t.Errorf("an endless area: %v", err)
	}
	if _, _, err := (Node{Branches: []Branch{{0.5, Node{}}, {0.4, Node{}}}}).Expect(); !errors.Is(err, ErrModel) {
		t.Errorf("a tree that loses people: %v", err)
	}
	if _, err := Transition([][]float64{{0, -1}, {0, 0}}, 1); !errors.Is(err, ErrModel) {
		t.Errorf("a negative rate: %v", err)
	}
	if _, err := (Semi{[][][]float64{{nil, {0.7, 0.7}}, {nil, nil}}}).Convolve(3); !errors.Is(err, ErrModel) {
		t.Errorf("a kernel over 1: %v", err)
	}
	if _, err := Exits([]float64{1}, 1, Exponential, -1); err == nil {
		t.Error("exits by matrix exponential were accepted")
	}
}

// Weibull by its closed mean: scale·Γ(1 + 1/shape).
func TestWeibullArea(t *testing.T) {
	a, err := WeibullCurve(1.4, 7).Area(0, math.Inf(1))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", a, 7*math.Gamma(1+1/1.4), 1e-11)
}

// 3 states, 1000 cycles: microseconds.
func BenchmarkCohort(b *testing.B) {
	w := points(b, Convention{Rate: 0.03}, 1000)
	c := &Chain{
		Start: []float64{1, 0, 0}, Cycles: 1000, Moves: rows([][]float64{{0.98, 0.015, 0.005}, {0.1, 0.88, 0.02}, {0, 0, 1}}),
		Rewards: []Reward{{Weights: w, States: tables(100, 300, 0)}, {Weights: w, States: tables(0.8, 0.6, 0)}},
	}
	var ws Workspace
	var totals []float64
	b.ReportAllocs()
	for b.Loop() {
		totals = c.Evaluate(&ws, totals)
	}
}

// 10,000 draws of 6 strategies, 4 states and 75 cycles: well under a second.
func BenchmarkDraws(b *testing.B) {
	w := points(b, Convention{Rate: 0.03}, 75)
	var chains [6]*Chain
	for i := range chains {
		chains[i] = sickBase.chain(i%4, w)
	}
	var ws Workspace
	var totals []float64
	for b.Loop() {
		for d := range 10_000 {
			for _, c := range chains {
				c.Rewards[0].States[1].V[0] = float64(d) // stands for writing a draw in
				totals = c.Evaluate(&ws, totals)
			}
		}
	}
}
