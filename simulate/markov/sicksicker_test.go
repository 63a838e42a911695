package markov

import (
	"math"
	"testing"

	"recoup/analysis/economics"
	"recoup/simulate"
	"recoup/simulate/simulatetest"
)

// The four strategies of the Sick-Sicker tutorial in the order of its files.
var sickArms = []string{"SoC", "A", "B", "AB"}

// sick holds the parameters of the Sick-Sicker tutorial (Alarid-Escudero et al. 2023,
// doi:10.1177/0272989X221103163): healthy, sick, sicker, dead.
type sick struct {
	death                                  []float64 // rate of the healthy, by cycle
	hs1, s1h, s1s2, hrS1, hrS2, hrB        float64
	cH, cS1, cS2, cA, cB, uH, uS1, uS2, uA float64
}

var sickBase = sick{[]float64{0.002}, 0.15, 0.5, 0.105, 3, 10, 0.6, 2000, 4000, 15000, 12000, 13000, 1, 0.75, 0.5, 0.95}

// moves are the tutorial's transitions: every rate converted separately, the others
// given survival.
func (s sick) moves(arm int) []Table {
	progress := s.s1s2
	if arm >= 2 {
		progress = Probability(Rate(Probability(s.s1s2, 1), 1)*s.hrB, 1)
	} else {
		progress = Probability(progress, 1)
	}
	n := len(s.death)
	out := []Table{{n, 1, 4, nil}, {n, 1, 4, nil}, {n, 1, 4, nil}, Constant(0, 0, 0, 1)}
	for _, r := range s.death {
		d, d1, d2 := Probability(r, 1), Probability(r*s.hrS1, 1), Probability(r*s.hrS2, 1)
		pHS, pSH := Probability(s.hs1, 1), Probability(s.s1h, 1)
		out[0].V = append(out[0].V, (1-d)*(1-pHS), (1-d)*pHS, 0, d)
		out[1].V = append(out[1].V, (1-d1)*pSH, (1-d1)*(1-pSH-progress), (1-d1)*progress, d1)
		out[2].V = append(out[2].V, 0, 0, 1-d2, d2)
	}
	return out
}

func (s sick) chain(arm int, weights []float64) *Chain {
	treatment := []float64{0, s.cA, s.cB, s.cA + s.cB}[arm]
	u := []float64{s.uS1, s.uA}[arm%2]
	return &Chain{
		Start: []float64{1, 0, 0, 0}, Moves: s.moves(arm), Cycles: 75,
		Rewards: []Reward{
			{Weights: weights, States: tables(s.cH, s.cS1+treatment, s.cS2+treatment, 0)},
			{Weights: weights, States: tables(s.uH, u, s.uS2, 0)},
		},
	}
}

// tables makes an unchanging reward of each state.
func tables(v ...float64) []Table {
	out := make([]Table, len(v))
	for i, x := range v {
		out[i] = Constant(x)
	}
	return out
}

func points(t testing.TB, c Convention, cycles int) []float64 {
	t.Helper()
	w, err := c.Points(cycles)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// evaluate checks and evaluates a chain.
func evaluate(t testing.TB, c *Chain) []float64 {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return c.Evaluate(nil, nil)
}

// swapped are the weights of the tutorial's code for Simpson's rule, which has 2/3 and
// 4/3 the wrong way round; they can be had as weights of the user's own.
func swapped(cycles int) []float64 {
	w := make([]float64, cycles+1)
	for i := range w {
		w[i] = []float64{2. / 3, 4. / 3}[1-i%2]
	}
	w[0], w[cycles] = 1./3, 1./3
	return w
}

func frontier(t *testing.T, c *simulatetest.Case, path string, cost, effect [][]float64) {
	t.Helper()
	r, err := economics.Analyze(economics.Draws{Strategies: sickArms, Cost: cost, Effect: effect}, economics.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range r.Table {
		at := path + string(rune('0'+i))
		c.Text(at+"/strategy", row.Strategy)
		c.Text(at+"/status", map[economics.Status]string{economics.OnFrontier: "ND", economics.Dominated: "D", economics.Extended: "ED"}[row.Status])
		c.Near(at+"/cost", float64(row.Cost), 1e-9)
		c.Near(at+"/effect", float64(row.Effect), 1e-9)
		c.Near(at+"/inc_cost", float64(row.Comparison.Cost), 1e-9)
		c.Near(at+"/inc_effect", float64(row.Comparison.Effect), 1e-9)
		c.Near(at+"/icer", float64(row.ICER), 1e-9)
	}
}

func TestSickSickerTimeIndependent(t *testing.T) {
	c := simulatetest.ReadCase(t, "darth_sicksicker_cohort_time_independent")
	for name, conv := range map[string]Convention{
		"simpson": {Counting: CountWeights, Weights: swapped(75), Rate: 0.03},
		"half":    {Rate: 0.03},
		"none":    {Counting: simulate.CountBoth, Rate: 0.03},
	} {
		var cost, effect [][]float64
		for i, arm := range sickArms {
			v := evaluate(t, sickBase.chain(i, points(t, conv, 75)))
			c.Near("by_within_cycle_correction/"+name+"/"+arm+"/cost", v[0], 1e-9)
			c.Near("by_within_cycle_correction/"+name+"/"+arm+"/qaly", v[1], 1e-9)
			cost, effect = append(cost, []float64{v[0]}), append(effect, []float64{v[1]})
		}
		if name == "simpson" {
			frontier(t, c, "frontier/", cost, effect)
		}
	}
	for i, row := range sickBase.chain(0, nil).Trace() {
		c.List("trace_SoC/"+itoa(i), row, 1e-9, 1e-15)
	}
	cost, effect := sickPSA(t, c)
	for i, arm := range sickArms {
		c.Near("psa/mean_cost/"+arm, mean(cost[i]), 1e-8)
		c.Near("psa/mean_qaly/"+arm, mean(effect[i]), 1e-8)
	}
	holdValues(t, c, cost, effect)
}

// sickPSA runs the given draws and holds each to the given outcome.
func sickPSA(t *testing.T, c *simulatetest.Case) (cost, effect [][]float64) {
	t.Helper()
	names, columns := c.Columns("ss_psa_params.csv")
	_, want := c.Columns("ss_psa_out.csv")
	at := map[string][]float64{}
	for j, n := range names {
		at[n] = columns[j]
	}
	w := points(t, Convention{Counting: CountWeights, Weights: swapped(75), Rate: 0.03}, 75)
	cost, effect = make([][]float64, 4), make([][]float64, 4)
	for d := range want[0] {
		g := func(name string) float64 { return at[name][d] }
		s := sick{
			[]float64{g("r_HD")},
			g("r_HS1"), g("r_S1H"), g("r_S1S2"), g("hr_S1"), g("hr_S2"), g("hr_S1S2_trtB"),
			g("c_H"), g("c_S1"), g("c_S2"), g("c_trtA"), g("c_trtB"), g("u_H"), g("u_S1"), g("u_S2"), g("u_trtA"),
		}
		for i := range sickArms {
			v := s.chain(i, w).Evaluate(nil, nil)
			if math.Abs(v[0]-want[i][d]) > 1e-8*want[i][d] || math.Abs(v[1]-want[4+i][d]) > 1e-8*want[4+i][d] {
				t.Fatalf("draw %d, %s: %.12g and %.12g, want %.12g and %.12g", d, sickArms[i], v[0], v[1], want[i][d], want[4+i][d])
			}
			cost[i], effect[i] = append(cost[i], v[0]), append(effect[i], v[1])
		}
	}
	return cost, effect
}

// holdValues holds the acceptability and the value of information of the draws.
func holdValues(t *testing.T, c *simulatetest.Case, cost, effect [][]float64) {
	t.Helper()
	var wtp []float64
	for i := range c.Len("psa/by_wtp") {
		wtp = append(wtp, c.Number("psa/by_wtp/"+itoa(i)+"/wtp"))
	}
	r, err := economics.Analyze(economics.Draws{Strategies: sickArms, Cost: cost, Effect: effect}, economics.Options{WillingnessToPay: wtp})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range r.Values {
		at := "psa/by_wtp/" + itoa(i)
		c.Near(at+"/wtp", float64(v.WillingnessToPay), 0)
		c.Within(at+"/evpi", float64(v.EVPI), 1e-6)
		c.Near("psa/dampack_evpi/"+itoa(i)+"/WTP", float64(v.WillingnessToPay), 0)
		// Differs from the case's own figure by up to 1.5e-5 in some rows.
		c.Within("psa/dampack_evpi/"+itoa(i)+"/EVPI", float64(v.EVPI), 2e-5*float64(v.EVPI)+1e-9)
		for j, s := range v.Strategies {
			c.Within(at+"/prob."+s.Strategy, float64(s.Probability), 1e-12)
			if s.Strategy == v.Best {
				c.Near(at+"/best.SoC", float64(j+1), 0)
			}
		}
	}
}

func TestSickSickerAgeDependent(t *testing.T) {
	c := simulatetest.ReadCase(t, "darth_sicksicker_cohort_age_dependent")
	var in struct {
		Rates []float64 `json:"mortality_rate_by_age_25_to_99"`
	}
	c.Inputs(&in)
	s := sickBase
	s.death = in.Rates
	w := points(t, Convention{Counting: CountWeights, Weights: swapped(75), Rate: 0.03}, 75)
	var cost, effect [][]float64
	for i, arm := range sickArms {
		ch := s.chain(i, w)
		// The tutorial weighs events like states.
		ch.Rewards[0].FlowWeights, ch.Rewards[1].FlowWeights = w, w
		ch.Rewards[0].Flows = []Flow{{0, 1, Constant(1000)}, {0, 3, Constant(2000)}, {1, 3, Constant(2000)}, {2, 3, Constant(2000)}}
		ch.Rewards[1].Flows = []Flow{{0, 1, Constant(-0.01)}}
		v := evaluate(t, ch)
		c.Near("strategies/"+arm+"/cost", v[0], 1e-9)
		c.Near("strategies/"+arm+"/qaly", v[1], 1e-9)
		cost, effect = append(cost, []float64{v[0]}), append(effect, []float64{v[1]})
	}
	frontier(t, c, "frontier/", cost, effect)
	for i, row := range s.chain(0, w).Trace() {
		c.List("trace_SoC/"+itoa(i), row, 1e-9, 1e-15)
	}
}

// The exact answer to the tutorial's rates in continuous time.
func TestSickSickerContinuous(t *testing.T) {
	c := simulatetest.ReadCase(t, "ctmc_sicksicker_exact")
	for i, arm := range sickArms {
		s := sickBase
		progress := []float64{1, s.hrB}[i/2] * s.s1s2
		m := Continuous{[]float64{1, 0, 0, 0}, [][]float64{
			{0, s.hs1, 0, 0.002}, {s.s1h, 0, progress, 0.006}, {0, 0, 0, 0.02}, {0, 0, 0, 0},
		}}
		ch := s.chain(i, nil)
		for name, force := range map[string]float64{"exp_minus_003t": 0.03, "annual_1_03": math.Log(1.03)} {
			for r, reward := range []string{"cost", "qaly"} {
				v := make([]float64, 4)
				for j := range v {
					v[j] = ch.Rewards[r].States[j].V[0]
				}
				got, err := m.Total(v, force, 75)
				if err != nil {
					t.Fatal(err)
				}
				c.Near(name+"/"+arm+"/"+reward, got, 1e-9)
			}
		}
		if i == 0 {
			for name, at := range map[string]float64{"t10": 10, "t75": 75} {
				got, err := m.At(at)
				if err != nil {
					t.Fatal(err)
				}
				c.List("state_prob_SoC/"+name, got, 1e-9, 0)
			}
		}
	}
	c.Leave("another program's simulation, with its own Monte Carlo error", "hesim_0_5_6_n100000")
}
