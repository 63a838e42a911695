package markov

import (
	"context"
	"math"
	"strings"
	"testing"

	"recoup/simulate"
)

func parse(t testing.TB, text string) *Study {
	t.Helper()
	s, err := ParseModel("model.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The Sick-Sicker model as a file of rates gives what the chain of the tutorial gives.
func TestFileIsTheChain(t *testing.T) {
	s := parse(t, `
name: sick-sicker
cycles: 75
discounting: {cost: 0.03, effect: 0.03}
transitions_are: rates
conversion: given-survival
death: dead
states: [healthy, sick, sicker, dead]
start: {healthy: 1}
base:
  transitions:
    healthy: {sick: 0.15, dead: 0.002}
    sick: {healthy: 0.5, sicker: 0.105, dead: 0.006}
    sicker: {dead: 0.02}
  costs: {healthy: 2000, sick: 4000, sicker: 15000}
  effects: {healthy: 1, sick: 0.75, sicker: 0.5}
strategies:
  - name: soc
  - name: a
    changes:
      costs: {sick: 16000, sicker: 27000}
      effects: {sick: 0.95}
  - name: b
    changes:
      transitions: {sick: {sicker: 0.063}}
      costs: {sick: 17000, sicker: 28000}
`)
	w := points(t, Convention{Rate: 0.03}, 75)
	for i, e := range s.Evaluate() {
		want := evaluate(t, sickBase.chain(i, w))
		near(t, e.Name+" cost", float64(e.Cost), want[0], 1e-12)
		near(t, e.Name+" effect", float64(e.Effect), want[1], 1e-12)
		sum := 0.0
		for _, y := range e.YearsIn {
			sum += float64(y)
		}
		near(t, e.Name+" years", sum, 75, 1e-12)
	}
	if len(s.Warnings) != 0 {
		t.Errorf("warnings %v", s.Warnings)
	}
}

func near(t testing.TB, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %.15g, want %.15g", what, got, want)
	}
}

// By hand: two cycles, all counted at the end, no discounting. Off work at 0; return
// 0.5 in the first year, 0.2 after a year off, nobody leaves work. Working at 1: 0.5, at
// 2: 0.5 + 0.5·0.2 = 0.6. Cost 100 for each year off: 50 + 40 = 90; an event of 10 for
// each return: 10·0.6 = 6; 7 at the start: 103. Years working 1.1, worth 0.5: 0.55.
const byHand = `
name: by-hand
cycles: 2
counting: end
states: [off, work]
start: {off: 1}
base:
  transitions:
    off: {work: {time_in_state: [0.5, 0.2]}}
  costs: {off: 100}
  effects: {work: 0.5}
  events: [{from: off, to: work, cost: 10}]
  start_cost: 7
strategies: [{name: only}]
`

func TestFileByHand(t *testing.T) {
	e := parse(t, byHand).Evaluate()[0]
	near(t, "cost", float64(e.Cost), 103, 1e-12)
	near(t, "effect", float64(e.Effect), 0.55, 1e-12)
	near(t, "years at work", float64(e.YearsIn[1]), 1.1, 1e-12)
	near(t, "off at 2", e.Trace[2][0], 0.4, 1e-12)
	// Steps and cycles are the same: 0.5 in the first cycle, 0.2 from the second.
	for _, v := range []string{"cycles: [0.5, 0.2]", "steps: [{from: 1, value: 0.5}, {from: 2, value: 0.2}]"} {
		e := parse(t, strings.Replace(byHand, "time_in_state: [0.5, 0.2]", v, 1)).Evaluate()[0]
		near(t, v, float64(e.Cost), 103, 1e-12)
	}
	// The rest may be given to a named state: nobody stays off.
	e = parse(t, strings.Replace(byHand, "{work: {time_in_state: [0.5, 0.2]}}", "{work: rest}", 1)).Evaluate()[0]
	near(t, "all return", float64(e.Cost), 17, 1e-12)
}

// A reward of 100 in the first of two cycles and 0 in the second, nobody moves: start,
// end and half-cycle all count it once; at points, Simpson counts 1/3 of it.
func TestRewardByCycle(t *testing.T) {
	for counting, want := range map[simulate.Counting]float64{simulate.CountStart: 100, simulate.CountEnd: 100, simulate.CountHalf: 100, CountSimpson: 100. / 3} {
		text := strings.Replace(byHand, "counting: end", "counting: "+string(counting), 1)
		text = strings.Replace(text, "time_in_state: [0.5, 0.2]", "cycles: [0, 0]", 1)
		text = strings.Replace(text, "costs: {off: 100}", "costs: {off: {cycles: [100, 0]}}", 1)
		near(t, string(counting), float64(parse(t, text).Evaluate()[0].Cost), want+7, 1e-12)
	}
}

// The same file exactly and as individuals: every mean within 4.5 Monte Carlo standard
// errors, 2 strategies x 2 outcomes and 4 points of each state: a false failure once in
// 4,000 seeds.
func TestIndividualsFindTheExactAnswer(t *testing.T) {
	s := parse(t, string(Example()))
	exact := s.Evaluate()
	var mcse []float64
	for _, n := range []int{4000, 64000} {
		r, err := simulate.Run(context.Background(), s.Individuals(), simulate.Size{Seed: 8, Draws: 1, Patients: n}, simulate.Options{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		for i, st := range r.Strategies {
			for o, want := range []simulate.Num{exact[i].Cost, exact[i].Effect} {
				e := st.Estimates[o]
				if z := math.Abs(float64((e.Mean - want) / e.MCSE)); !(z < 4.5) {
					t.Errorf("%d persons, %s %s: %.6g is %.1f standard errors from %.6g", n, st.Name, e.Outcome, e.Mean, z, want)
				}
			}
			for k, tr := range st.Trajectories {
				for _, p := range []int{1, 5, 20} {
					if z := math.Abs(float64(tr.Mean[p])-exact[i].Trace[p][k]) / math.Max(1e-12, float64(tr.MCSE[p])); z > 4.5 {
						t.Errorf("%s at %d: %.5f, want %.5f", tr.Series, p, tr.Mean[p], exact[i].Trace[p][k])
					}
				}
			}
		}
		mcse = append(mcse, float64(r.Strategies[1].Estimates[0].MCSE))
	}
	// 16 times the persons, a quarter of the error, within 10 %.
	if ratio := mcse[0] / mcse[1]; math.Abs(ratio-4) > 0.4 {
		t.Errorf("the error shrinks by %.2f, want 4", ratio)
	}
}

func TestEveryProblemAtOnce(t *testing.T) {
	_, err := ParseModel("m.yaml", []byte(`name: bad
cycles: 3
states: [a, b, c]
start: {a: 0.9}
base:
  transitions:
    a: {b: 0.7, c: 0.6}
    b: {b: 0.5, c: 0.4}
    c: {a: 1.5, z: 0.1}
  costs: {q: 1}
  events: [{from: a, to: a, cost: 1}]
strategies:
  - name: one
  - name: one
`))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"m.yaml:7:8: base.transitions.a: in cycle 1, after 0 cycles in the state: the probabilities sum to 1.3, more than 1",
		"m.yaml:8:8: base.transitions.b: in cycle 1, after 0 cycles in the state: the probabilities sum to 0.9, not 1",
		"m.yaml:4:8: start: the shares sum to 0.9, not 1",
		`m.yaml:9:12: base.transitions.c.a: a probability must be from 0 to 1, not 1.5`,
		`base.transitions.c.z: "z" is not a state; the states are a, b, c`,
		`base.costs.q: "q" is not a state`,
		"base.events[0]: must be between two different states",
		"strategies[1].name: stands more than once",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	for what, c := range map[string]struct{ old, new, want string }{
		"too much":          {"time_in_state: [0.5, 0.2]", "cycles: [0.5, 1.2]", "from 0 to 1, not 1.2"},
		"sum over 1":        {"{work: {time_in_state: [0.5, 0.2]}}", "{off: 0.7, work: 0.5}", "sum to 1.2, not 1"},
		"sum under 1":       {"{work: {time_in_state: [0.5, 0.2]}}", "{off: 0.2, work: 0.5}", "sum to 0.7, not 1"},
		"NaN":               {"start_cost: 7", "start_cost: .nan", "number"},
		"unknown key":       {"start_cost: 7", "begin_cost: 7", "unknown key"},
		"unknown state":     {"start: {off: 1}", "start: {gone: 1}", "is not a state"},
		"two shapes":        {"time_in_state: [0.5, 0.2]", "time_in_state: [0.5], cycles: [0.2]", "one of cycles, steps or time_in_state"},
		"too long":          {"time_in_state: [0.5, 0.2]", "cycles: [0.5, 0.2, 0.1]", "3 numbers for 2 cycles"},
		"late first step":   {"time_in_state: [0.5, 0.2]", "steps: [{from: 2, value: 0.1}]", "must be from cycle 1"},
		"odd text":          {"time_in_state: [0.5, 0.2]", "steps: [{from: 1, value: x}]", "expected a number"},
		"not the rest":      {"{time_in_state: [0.5, 0.2]}", "remainder", "rest for what is left"},
		"no cycles":         {"cycles: 2", "cycles: 0", "must be from 1"},
		"counting":          {"counting: end", "counting: middle", "unknown cycle counting"},
		"discounting":       {"counting: end", "counting: end\ndiscounting: {cost: 3}", "for example 0.03"},
		"weights":           {"counting: end", "counting: weights\nweights: [1, 1]", "need 3"},
		"weights left":      {"counting: end", "weights: [1, 1, 1]", "goes with counting"},
		"rates, negative":   {"counting: end\n", "transitions_are: rates\ncounting: end\n", ""},
		"death":             {"counting: end", "conversion: given-survival", "state of death"},
		"no tunnels":        {"counting: end", "transitions_are: rates\nconversion: exponential", "knows no time in the state"},
		"cost is text":      {"costs: {off: 100}", "costs: {off: rest}", "must be a number"},
		"large":             {"cycles: 2", "cycles: 100000\ncycles_per_year: 366", ""},
		"reserved":          {"states: [off, work]", "states: [off, work, any]", "meaning of its own"},
		"simpson by middle": {"counting: end", "counting: simpson\ndiscounting: {at: cycle-middle}", "weighs points"},
	} {
		_, err := ParseModel("m.yaml", []byte(strings.Replace(byHand, c.old, c.new, 1)))
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", what, err, c.want)
		}
	}
	negative := strings.Replace(strings.Replace(byHand, "counting: end", "transitions_are: rates", 1), "[0.5, 0.2]", "[-0.5, 0.2]", 1)
	if _, err := ParseModel("m.yaml", []byte(negative)); err == nil || !strings.Contains(err.Error(), "at least 0") {
		t.Errorf("negative rate: %v", err)
	}
}

func TestUnreachedStateIsAWarning(t *testing.T) {
	s := parse(t, strings.Replace(byHand, "states: [off, work]", "states: [off, work, dead]", 1))
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Message, "absorbing state dead cannot be reached") {
		t.Errorf("warnings %v", s.Warnings)
	}
}

// Exponential conversion over a cycle is the chain in continuous time at whole years.
func TestExponentialConversion(t *testing.T) {
	s := parse(t, strings.NewReplacer("counting: end", "transitions_are: rates\nconversion: exponential", "{work: {time_in_state: [0.5, 0.2]}}", "{work: 0.5}\n    work: {off: 0.2}").Replace(byHand))
	at, err := Continuous{[]float64{1, 0}, [][]float64{{0, 0.5}, {0.2, 0}}}.At(2)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "off at 2", s.Evaluate()[0].Trace[2][0], at[0], 1e-13)
	// Two states in closed form: 0.2/0.7 + 0.5/0.7·exp(−1.4).
	near(t, "closed form", at[0], (0.2+0.5*math.Exp(-1.4))/0.7, 1e-13)
}

// Months, two discount rates, costs of a month or a year, by hand. Nobody moves; 24
// months counted at the end; each state pays 120 and is worth 0.9 a year. With
// v = (1 + r)^(−1/12), a month's sum is v·(1 − v²⁴)/(1 − v).
const monthly = `
name: monthly
cycles: 24
cycles_per_year: 12
counting: end
discounting: {cost: 0.05, effect: 0.02}
transitions_are: rates
states: [a, b]
start: {a: 1}
base:
  transitions: {a: {b: 0}}
  costs: {a: 120, b: 120}
  effects: {a: 0.9, b: 0.9}
strategies: [{name: only}]
`

func TestMonths(t *testing.T) {
	sum := func(r float64) float64 {
		v := math.Pow(1+r, -1./12)
		return v * (1 - math.Pow(v, 24)) / (1 - v)
	}
	e := parse(t, monthly).Evaluate()[0]
	near(t, "cost of a year", float64(e.Cost), 10*sum(0.05), 1e-13)
	near(t, "effect", float64(e.Effect), 0.9/12*sum(0.02), 1e-13)
	near(t, "years", float64(e.YearsIn[0]), 2, 1e-13)
	e = parse(t, strings.Replace(monthly, "counting: end", "counting: end\ncosts_per: cycle", 1)).Evaluate()[0]
	near(t, "cost of a cycle", float64(e.Cost), 120*sum(0.05), 1e-13)
	// A rate of 0.6 a year: after 24 months exp(−1.2) are left, by any conversion of one
	// exit.
	for _, how := range []Conversion{Competing, Separate, Exponential} {
		text := strings.NewReplacer("b: 0}}", "b: 0.6}}", "transitions_are: rates", "transitions_are: rates\nconversion: "+string(how)).Replace(monthly)
		near(t, string(how), parse(t, text).Evaluate()[0].Trace[24][0], math.Exp(-1.2), 1e-13)
	}
}

// Whatever the file says, it is read or refused; what is read has rows that sum to 1
// and answers that are numbers.
func FuzzParseModel(f *testing.F) {
	for _, seed := range []string{string(Example()), byHand, monthly} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseModel("fuzz.yaml", b)
		if err != nil || s.Cycles > 1000 {
			return
		}
		for i, e := range s.Evaluate() {
			if err := s.Chains[i].Check(); err != nil {
				t.Error(err)
			}
			sum := 0.0
			for _, x := range e.Trace[s.Cycles] {
				sum += x
			}
			if !(math.Abs(sum-1) < 1e-6) {
				t.Errorf("the cohort sums to %g", sum)
			}
		}
	})
}
