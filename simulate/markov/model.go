package markov

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/simulate"
	"recoup/simulate/internal/strict"
)

// Model is a Markov model as a file describes it.
type Model struct {
	Name          string            `yaml:"name,required"`
	Title         string            `yaml:"title"`
	Cycles        int               `yaml:"cycles,required"`
	CyclesPerYear int               `yaml:"cycles_per_year"` // default 1
	Counting      simulate.Counting `yaml:"counting"`        // default half-cycle
	Weights       []float64         `yaml:"weights"`         // of the points, with counting weights
	Discounting   Discounting       `yaml:"discounting"`
	// Transitions are probabilities of a cycle, or rates a year converted by Conversion.
	Transitions Kind       `yaml:"transitions_are"` // default probabilities
	Conversion  Conversion `yaml:"conversion"`      // default competing
	Death       string     `yaml:"death"`           // the state that given-survival takes first
	// Costs are of a year or of a cycle; effects are always of a year.
	CostsPer   string             `yaml:"costs_per"` // year (default) or cycle
	States     []string           `yaml:"states,required"`
	Start      map[string]float64 `yaml:"start,required"`
	Base       Part               `yaml:"base,required"`
	Strategies []Strategy         `yaml:"strategies,required"`
}

// Kind says what the numbers of transitions are.
type Kind string

// The kinds of transitions.
const (
	Probabilities Kind = "probabilities" // of a cycle
	Rates         Kind = "rates"         // a year
)

// Discounting is how cost and effect are discounted.
type Discounting struct {
	Cost   float64              `yaml:"cost"`   // annual rate
	Effect float64              `yaml:"effect"` // annual rate
	Form   simulate.Compounding `yaml:"form"`   // default annual
	At     Moment               `yaml:"at"`     // default point
}

// Part is what every strategy starts from, or what one does otherwise.
type Part struct {
	Transitions map[string]map[string]Value `yaml:"transitions"`
	Costs       map[string]Value            `yaml:"costs"`
	Effects     map[string]Value            `yaml:"effects"`
	Events      []Event                     `yaml:"events"`
	StartCost   float64                     `yaml:"start_cost"`   // once, neither discounted nor weighted
	StartEffect float64                     `yaml:"start_effect"` // likewise
}

// Strategy is a name and what it does otherwise than the base: an entry replaces that
// of the base, events and what is counted at the start are added to those of the base.
type Strategy struct {
	Name string `yaml:"name,required"`
	Part Part   `yaml:"changes"`
}

// Event is counted once on each move between two states; Any stands for every other
// state.
type Event struct {
	From   string  `yaml:"from,required"`
	To     string  `yaml:"to,required"`
	Cost   float64 `yaml:"cost"`
	Effect float64 `yaml:"effect"`
}

// Any is every state other than the one at the other end of an event.
const Any = "any"

// Value is a number, or one that changes with the cycle, counted from 1, or with the
// cycles already spent in the state, counted from 0. The last number holds on.
type Value struct {
	Number      float64   `yaml:",number"`
	Rest        string    `yaml:",text"` // "rest": what is left to 1
	Cycles      []float64 `yaml:"cycles"`
	Steps       []Step    `yaml:"steps"`
	TimeInState []float64 `yaml:"time_in_state"`
}

// Step is a number that holds from a cycle on.
type Step struct {
	From  int     `yaml:"from,required"`
	Value float64 `yaml:"value,required"`
}

const rest = "rest"

//go:embed example.yaml
var example []byte

// Example returns a model file to start from.
func Example() []byte { return slices.Clone(example) }

// ParseModel reads a model from YAML. Name is the file to speak of in errors, which
// are every problem of the file with its line and column.
func ParseModel(name string, b []byte) (*Study, error) {
	m := Model{CyclesPerYear: 1, Counting: simulate.CountHalf, Transitions: Probabilities, Conversion: Competing, CostsPer: "year"}
	m.Discounting.Form, m.Discounting.At = simulate.Annual, AtPoint
	var s *Study
	err := strict.Parse(name, b, &m, func() []strict.Problem {
		c := compiler{Model: m}
		s = c.compile()
		return c.problems
	})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	s.Source = simulate.Source{Name: m.Name, Digest: hex.EncodeToString(sum[:])}
	return s, nil
}

// Study is a model ready to be evaluated: a chain for each strategy, whose rewards are
// cost, effect and then the years spent in each state, not discounted.
type Study struct {
	Source        simulate.Source
	Title         string
	States        []string
	Strategies    []string
	Chains        []*Chain
	Cycles        int
	CyclesPerYear int
	Conventions   []simulate.Convention
	Warnings      []simulate.Warning
}

// Rewards of the chains of a Study.
const (
	Cost = iota
	Effect
	firstYears
)

// Limits of a file, far over what a small model needs.
const (
	maxCycles = 100_000
	maxStates = 200
	maxTrace  = 10_000_000 // points x states x strategies
	maxTable  = 20_000_000 // numbers in the transitions of all strategies
)

// compiler turns a Model into a Study and gathers what is wrong with it.
type compiler struct {
	Model
	problems []strict.Problem
	used     int // numbers in the transitions so far
	weights  map[float64][2][]float64
}

func (c *compiler) bad(path, format string, args ...any) {
	p := strict.Problem{Path: path, Message: fmt.Sprintf(format, args...)}
	if !slices.Contains(c.problems, p) { // a fault of the base is one of every strategy
		c.problems = append(c.problems, p)
	}
}

func (c *compiler) compile() *Study {
	if c.frame(); len(c.problems) > 0 {
		return nil
	}
	start := c.start()
	s := &Study{Title: c.Title, States: c.States, Cycles: c.Cycles, CyclesPerYear: c.CyclesPerYear, Conventions: c.conventions(), Warnings: []simulate.Warning{}}
	c.part("base", c.Base)
	for i, st := range c.Strategies {
		path := fmt.Sprintf("strategies[%d]", i)
		c.name(path+".name", st.Name)
		if slices.ContainsFunc(c.Strategies[:i], func(x Strategy) bool { return x.Name == st.Name }) {
			c.bad(path+".name", "stands more than once")
		}
		c.part(path+".changes", st.Part)
	}
	for i, st := range c.Strategies {
		ch := &Chain{Start: start, Cycles: c.Cycles, Moves: c.moves(i)}
		if len(c.problems) > 0 {
			continue
		}
		c.rewards(ch, st.Part)
		if err := ch.Check(); err != nil {
			c.bad(fmt.Sprintf("strategies[%d]", i), "%v", err)
		}
		s.Strategies, s.Chains = append(s.Strategies, st.Name), append(s.Chains, ch)
		s.Warnings = append(s.Warnings, unreached(st.Name, c.States, ch)...)
	}
	return s
}

// frame checks what everything else hangs on.
func (c *compiler) frame() {
	if c.Cycles < 1 || c.Cycles > maxCycles {
		c.bad("cycles", "must be from 1 to %d", maxCycles)
	}
	if c.CyclesPerYear < 1 || c.CyclesPerYear > 366 {
		c.bad("cycles_per_year", "must be from 1 to 366: 12 for months, 52 for weeks")
	}
	c.name("name", c.Name)
	if len(c.States) < 2 || len(c.States) > maxStates {
		c.bad("states", "must be 2 to %d states", maxStates)
	}
	for i, s := range c.States {
		path := fmt.Sprintf("states[%d]", i)
		c.name(path, s)
		if slices.Contains(c.States[:i], s) {
			c.bad(path, "stands more than once")
		}
		if s == Any || s == rest {
			c.bad(path, "%q has a meaning of its own; choose another name", s)
		}
	}
	if len(c.Strategies) == 0 || len(c.Strategies) > 50 {
		c.bad("strategies", "must be 1 to 50 strategies")
	}
	if len(c.problems) == 0 && (c.Cycles+1)*len(c.States)*len(c.Strategies) > maxTrace {
		c.bad("cycles", "times states times strategies is over %d: take fewer, longer cycles", maxTrace)
	}
	c.oneOf("transitions_are", string(c.Transitions), string(Probabilities), string(Rates))
	c.oneOf("conversion", string(c.Conversion), string(Competing), string(Separate), string(GivenSurvival), string(Exponential))
	c.oneOf("costs_per", c.CostsPer, "year", "cycle")
	if c.Conversion == GivenSurvival && !slices.Contains(c.States, c.Death) {
		c.bad("death", "must name the state of death, which %s takes first", GivenSurvival)
	}
	if c.Counting == CountWeights != (c.Weights != nil) {
		c.bad("weights", "goes with counting: weights, which needs the weights of the points 0 to %d", c.Cycles)
	}
	if len(c.problems) > 0 {
		return
	}
	c.rate("discounting.cost", c.Discounting.Cost)
	c.rate("discounting.effect", c.Discounting.Effect)
	if len(c.problems) == 0 {
		if _, err := c.convention(0).Points(c.Cycles); err != nil {
			c.bad("counting", "%v", err)
		}
	}
}

func (c *compiler) rate(path string, r float64) {
	if !(r >= 0 && r < 1) {
		c.bad(path, "must be from 0 to under 1 a year, for example 0.03")
	}
}

func (c *compiler) convention(rate float64) Convention {
	return Convention{c.Counting, c.Weights, rate, c.Discounting.Form, c.Discounting.At, c.CyclesPerYear}
}

func (c *compiler) conventions() []simulate.Convention {
	d := c.Discounting
	out := []simulate.Convention{
		{Name: "cycles", Value: fmt.Sprintf("%d, %d a year", c.Cycles, c.CyclesPerYear)},
		{Name: "cycle counting", Value: string(c.Counting)},
		{Name: "discounting", Value: fmt.Sprintf("cost %g, effect %g a year, %s, at %s", d.Cost, d.Effect, d.Form, d.At)},
		{Name: "events", Value: "on arrival, discounted, not halved; at the start neither"},
		{Name: "transitions", Value: string(c.Transitions)},
		{Name: "costs", Value: "per " + c.CostsPer},
	}
	if c.Transitions == Rates {
		out[4].Value += ", " + string(c.Conversion)
	}
	return out
}

func (c *compiler) oneOf(path, x string, allowed ...string) {
	if !slices.Contains(allowed, x) {
		c.bad(path, "is %q: use %s", x, strings.Join(allowed, " or "))
	}
}

func (c *compiler) name(path, x string) {
	ok := x != "" && len(x) <= 64
	for _, r := range x {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}
	if !ok {
		c.bad(path, "must be lower-case letters, digits, hyphens and underscores, at most 64")
	}
}

func (c *compiler) start() []float64 {
	out := make([]float64, len(c.States))
	sum := 0.0
	for _, name := range sortedKeys(c.Start) {
		x := c.Start[name]
		if i := c.state("start."+name, name); i >= 0 {
			out[i] = x
		}
		if !(x >= 0) {
			c.bad("start."+name, "must be at least 0")
		}
		sum += x
	}
	if math.Abs(sum-1) > rowTolerance {
		c.bad("start", "the shares sum to %.10g, not 1", sum)
	}
	return out
}

func (c *compiler) state(path, name string) int {
	i := slices.Index(c.States, name)
	if i < 0 {
		c.bad(path, "%q is not a state; the states are %s", name, strings.Join(c.States, ", "))
	}
	return i
}

// part checks names and single values.
func (c *compiler) part(path string, p Part) {
	for _, from := range sortedKeys(p.Transitions) {
		at := path + ".transitions." + from
		c.state(at, from)
		for _, to := range sortedKeys(p.Transitions[from]) {
			c.state(at+"."+to, to)
			c.transition(at+"."+to, from, to, p.Transitions[from][to])
		}
	}
	c.values(path+".costs.", p.Costs)
	c.values(path+".effects.", p.Effects)
	for i, e := range p.Events {
		at := fmt.Sprintf("%s.events[%d]", path, i)
		if e.From != Any {
			c.state(at+".from", e.From)
		}
		if e.To != Any {
			c.state(at+".to", e.To)
		}
		if e.From == e.To {
			c.bad(at, "must be between two different states")
		}
	}
}

// values checks the costs or effects of states.
func (c *compiler) values(path string, values map[string]Value) {
	for _, name := range sortedKeys(values) {
		c.state(path+name, name)
		if c.shape(path+name, values[name]); values[name].Rest != "" {
			c.bad(path+name, "must be a number")
		}
	}
}

// transition checks one transition.
func (c *compiler) transition(path, from, to string, v Value) {
	c.shape(path, v)
	if v.Rest != "" && (v.Rest != rest || c.Transitions == Rates) {
		c.bad(path, "must be a number, or %s for what is left to 1 of probabilities", rest)
	}
	if c.Transitions == Rates && from == to {
		c.bad(path, "a rate leads to another state; what is left stays")
	}
	if c.Conversion == Exponential && c.Transitions == Rates && v.TimeInState != nil {
		c.bad(path, "%s conversion knows no time in the state: use %s", Exponential, Competing)
	}
	for _, x := range v.numbers() {
		if c.Transitions == Probabilities && !(x >= 0 && x <= 1) {
			c.bad(path, "a probability must be from 0 to 1, not %g", x)
			return
		}
		if !(x >= 0) {
			c.bad(path, "a rate must be at least 0, not %g", x)
			return
		}
	}
}

// shape checks that a value says one thing.
func (c *compiler) shape(path string, v Value) {
	given := 0
	for _, there := range []bool{v.Cycles != nil, v.Steps != nil, v.TimeInState != nil} {
		if there {
			given++
		}
	}
	if given > 1 || given == 1 && len(v.numbers()) == 0 {
		c.bad(path, "must have one of cycles, steps or time_in_state, with at least one number")
	}
	if len(v.Cycles) > c.Cycles {
		c.bad(path+".cycles", "has %d numbers for %d cycles", len(v.Cycles), c.Cycles)
	}
	for i, s := range v.Steps {
		at := fmt.Sprintf("%s.steps[%d].from", path, i)
		if i == 0 && s.From != 1 {
			c.bad(at, "the first step must be from cycle 1")
		}
		if i > 0 && s.From <= v.Steps[i-1].From {
			c.bad(at, "must be later than the one before")
		}
		if s.From > c.Cycles {
			c.bad(at, "is after the last cycle, %d", c.Cycles)
		}
	}
}

func (v Value) numbers() []float64 {
	switch {
	case v.Cycles != nil:
		return v.Cycles
	case v.TimeInState != nil:
		return v.TimeInState
	case v.Steps != nil:
		out := make([]float64, len(v.Steps))
		for i, s := range v.Steps {
			out[i] = s.Value
		}
		return out
	}
	return []float64{v.Number}
}

// byCycle are the numbers of the cycles from 1, the last holding on.
func (v Value) byCycle() []float64 {
	if v.Steps == nil {
		return v.numbers()
	}
	var out []float64
	for i, s := range v.Steps {
		until := s.From
		if i+1 < len(v.Steps) {
			until = v.Steps[i+1].From - 1
		}
		for len(out) < until {
			out = append(out, s.Value)
		}
	}
	return out
}

// at is the number of cycle row+1 after sojourn cycles in the state.
func (v Value) at(byCycle []float64, row, sojourn int) float64 {
	if v.TimeInState != nil {
		return v.TimeInState[min(sojourn, len(v.TimeInState)-1)]
	}
	return byCycle[min(row, len(byCycle)-1)]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// moves builds the transitions of strategy i, entry by entry those of the base unless
// it has its own.
func (c *compiler) moves(i int) []Table {
	out := make([]Table, len(c.States))
	changes := c.Strategies[i].Part.Transitions
	for s, from := range c.States {
		row := map[string]Value{}
		for to, v := range c.Base.Transitions[from] {
			row[to] = v
		}
		for to, v := range changes[from] {
			row[to] = v
		}
		path := "base.transitions." + from
		if changes[from] != nil || c.Base.Transitions[from] == nil {
			path = fmt.Sprintf("strategies[%d].changes.transitions.%s", i, from)
		}
		if !c.blamed("base.transitions."+from) && !c.blamed(fmt.Sprintf("strategies[%d].changes.transitions.%s", i, from)) {
			out[s] = c.row(path, s, row)
		}
	}
	if c.Transitions == Rates && c.Conversion == Exponential && len(c.problems) == 0 {
		return c.exponential(out)
	}
	return out
}

// blamed says whether a problem has been found at a path or under it.
func (c *compiler) blamed(path string) bool {
	return slices.ContainsFunc(c.problems, func(p strict.Problem) bool {
		return p.Path == path || strings.HasPrefix(p.Path, path+".")
	})
}

// row builds the transitions of one state.
func (c *compiler) row(path string, from int, entries map[string]Value) Table {
	n := len(c.States)
	t := Table{1, 1, n, nil}
	values, cycles := make([]*Value, n), make([][]float64, n)
	left := -1
	for j, to := range c.States {
		v, ok := entries[to]
		if !ok {
			continue
		}
		if v.Rest == rest {
			if left >= 0 {
				c.bad(path, "%s stands more than once", rest)
			}
			left = j
			continue
		}
		values[j], cycles[j] = &v, v.byCycle()
		if v.TimeInState == nil {
			t.Rows = max(t.Rows, len(cycles[j]))
		} else {
			t.Sojourn = max(t.Sojourn, len(v.TimeInState))
		}
	}
	if values[from] == nil && left < 0 {
		left = from
	}
	if c.used += t.Rows * t.Sojourn * n; c.used > maxTable {
		c.bad(path, "the transitions need more than %d numbers: shorten the tables by cycle and time in the state", maxTable)
		return Constant(make([]float64, n)...)
	}
	t.V = make([]float64, t.Rows*t.Sojourn*n)
	for r := range t.Rows {
		for k := range t.Sojourn {
			p := t.At(r, k)
			for j, v := range values {
				if v != nil {
					p[j] = v.at(cycles[j], r, k)
				}
			}
			if err := c.complete(p, from, left); err != nil {
				c.bad(path, "in cycle %d, after %d cycles in the state: %v", r+1, k, err)
				return t
			}
		}
	}
	return t
}

// complete turns the entries of a row into probabilities that sum to 1.
func (c *compiler) complete(p []float64, from, left int) error {
	if c.Transitions == Rates {
		if c.Conversion == Exponential {
			return nil
		}
		exits, err := Exits(p, 1/float64(c.CyclesPerYear), c.Conversion, slices.Index(c.States, c.Death))
		if err != nil {
			return err
		}
		copy(p, exits)
		left = from
	}
	sum := 0.0
	for _, x := range p {
		sum += x
	}
	if left >= 0 {
		if sum > 1+rowTolerance {
			return fmt.Errorf("the probabilities sum to %.10g, more than 1", sum)
		}
		p[left] = math.Max(0, 1-sum)
		return nil
	}
	return checkRow(p)
}

// exponential turns tables of rates into those of probabilities by the matrix
// exponential of each cycle.
func (c *compiler) exponential(rates []Table) []Table {
	n, last := len(rates), 1
	for _, t := range rates {
		last = max(last, t.Rows)
	}
	out := make([]Table, n)
	for i := range out {
		out[i] = Table{last, 1, n, make([]float64, 0, last*n)}
	}
	q := make([][]float64, n)
	for r := range last {
		for i := range rates {
			q[i] = rates[i].At(r, 0)
		}
		p, err := Transition(q, 1/float64(c.CyclesPerYear))
		if err != nil {
			c.bad("base.transitions", "%v", err)
			return rates
		}
		for i := range out {
			out[i].V = append(out[i].V, p[i]...)
		}
	}
	return out
}

// rewards adds cost, effect and the years in each state to a chain.
func (c *compiler) rewards(ch *Chain, own Part) {
	perCycle := 1 / float64(c.CyclesPerYear)
	costs := perCycle
	if c.CostsPer == "cycle" {
		costs = 1
	}
	ch.Rewards = []Reward{
		c.reward(c.Discounting.Cost, costs, c.Base.Costs, own.Costs),
		c.reward(c.Discounting.Effect, perCycle, c.Base.Effects, own.Effects),
	}
	ch.Rewards[Cost].Once, ch.Rewards[Effect].Once = c.Base.StartCost+own.StartCost, c.Base.StartEffect+own.StartEffect
	for _, e := range append(append([]Event{}, c.Base.Events...), own.Events...) {
		for from, f := range c.States {
			for to, t := range c.States {
				if from == to || e.From != Any && e.From != f || e.To != Any && e.To != t {
					continue
				}
				if e.Cost != 0 {
					ch.Rewards[Cost].Flows = append(ch.Rewards[Cost].Flows, Flow{from, to, Constant(e.Cost)})
				}
				if e.Effect != 0 {
					ch.Rewards[Effect].Flows = append(ch.Rewards[Effect].Flows, Flow{from, to, Constant(e.Effect)})
				}
			}
		}
	}
	for s := range c.States {
		r := c.reward(0, perCycle, map[string]Value{c.States[s]: {Number: 1}}, nil)
		ch.Rewards = append(ch.Rewards, r)
	}
}

// weigh returns the weights of points and of events at a discount rate, made once.
func (c *compiler) weigh(rate float64) (w [2][]float64, err error) {
	if w, ok := c.weights[rate]; ok {
		return w, nil
	}
	cv := c.convention(rate)
	if w[0], err = cv.Points(c.Cycles); err != nil {
		return w, err
	}
	if w[1], err = cv.Events(c.Cycles); err != nil {
		return w, err
	}
	if c.weights == nil {
		c.weights = map[float64][2][]float64{}
	}
	c.weights[rate] = w
	return w, nil
}

// reward builds a reward of states from values, entry by entry those of the base
// unless there are own ones.
func (c *compiler) reward(rate, scale float64, base, own map[string]Value) Reward {
	cv := c.convention(rate)
	r := Reward{States: make([]Table, len(c.States))}
	w, err := c.weigh(rate)
	if err != nil {
		c.bad("discounting", "%v", err)
		return r
	}
	r.Weights, r.FlowWeights = w[0], w[1]
	for i, name := range c.States {
		v, ok := own[name]
		if !ok {
			v = base[name]
		}
		numbers := v.byCycle()
		scaled := make([]float64, len(numbers))
		for k, x := range numbers {
			scaled[k] = x * scale
		}
		if v.TimeInState != nil {
			r.States[i] = BySojourn(scaled...)
			continue
		}
		if r.States[i], err = cv.ByCycle(c.Cycles, scaled...); err != nil {
			c.bad("counting", "%v", err)
		}
	}
	return r
}

// unreached warns of states that nobody ever comes into.
func unreached(strategy string, states []string, ch *Chain) (out []simulate.Warning) {
	n := len(states)
	p := make([][]float64, n)
	for i := range p {
		p[i] = make([]float64, n)
		m := &ch.Moves[i]
		for k, x := range m.V {
			p[i][k%n] = math.Max(p[i][k%n], x)
		}
	}
	reach := reachable(p)
	for j, name := range states {
		found := ch.Start[j] > 0
		for i, x := range ch.Start {
			found = found || x > 0 && reach[i][j]
		}
		if found {
			continue
		}
		what := "state"
		if ch.Moves[j].At(0, 0)[j] == 1 {
			what = "absorbing state"
		}
		out = append(out, simulate.Warning{Code: "unreached-state", Message: fmt.Sprintf("%s: the %s %s cannot be reached from the start; give a transition into it or take it out", strategy, what, name)})
	}
	return out
}
