package markov

import (
	"math"
	"strconv"
	"testing"

	"recoup/simulate"
	"recoup/simulate/simulatetest"
	"recoup/simulate/stream"
)

func itoa(i int) string { return strconv.Itoa(i) }

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// rows makes unchanging transitions.
func rows(p [][]float64) []Table {
	out := make([]Table, len(p))
	for i, r := range p {
		out[i] = Constant(r...)
	}
	return out
}

func TestTotalHipReplacement(t *testing.T) {
	c := simulatetest.ReadCase(t, "briggs2006_total_hip_replacement")
	var in struct {
		Coef      struct{ Lngamma, Cons, Age, Male, Np1 float64 }
		Mortality struct {
			Bands  [][]float64 `json:"age_bands"`
			Female []float64
		} `json:"mortality_per_year"`
	}
	c.Inputs(&in)
	const cycles, age0 = 60, 60.0
	cost := points(t, Convention{Counting: simulate.CountStart, Rate: 0.06}, cycles)
	effect := points(t, Convention{Counting: simulate.CountStart, Rate: 0.015}, cycles)
	years := points(t, Convention{Counting: simulate.CountStart}, cycles)
	got := map[string][]float64{}
	for arm, np1 := range map[string]float64{"standard": 0, "np1": 1} {
		lambda := math.Exp(in.Coef.Cons + in.Coef.Age*age0 + in.Coef.Np1*np1)
		gamma := math.Exp(in.Coef.Lngamma)
		// Model time, not time in the state, drives revision.
		revision := WeibullCurve(gamma, math.Pow(lambda, -1/gamma)).Probabilities(cycles, 1)
		success, revised := Table{cycles, 1, 5, nil}, Table{cycles, 1, 5, nil}
		second := Table{cycles, 1, 5, nil}
		for y := range cycles {
			band := 0
			for band+1 < len(in.Mortality.Bands) && age0+float64(y+1) >= in.Mortality.Bands[band+1][0] {
				band++
			}
			m := in.Mortality.Female[band]
			success.V = append(success.V, 0, 1-revision[y]-m, revision[y], 0, m)
			revised.V = append(revised.V, 0, 0, 0, 1-0.02-m, 0.02+m)
			second.V = append(second.V, 0, 0, 0.04, 1-0.04-m, m)
		}
		prosthesis := map[string]float64{"standard": 394, "np1": 579}[arm]
		ch := &Chain{
			Start: []float64{1, 0, 0, 0, 0}, Cycles: cycles,
			Moves: []Table{Constant(0, 0.98, 0, 0, 0.02), success, revised, second, Constant(0, 0, 0, 0, 1)},
			Rewards: []Reward{
				{Once: prosthesis, Weights: cost, States: tables(0, 0, 5294, 0, 0)},
				{Weights: effect, States: tables(0, 0.85, 0.3, 0.75, 0)},
				{Weights: years, States: tables(1, 1, 1, 1, 0)},
			},
		}
		v := evaluate(t, ch)
		got[arm] = v
		c.Near(arm+"/cost", v[0], 1e-9)
		c.Near(arm+"/qaly", v[1], 1e-9)
		c.Near(arm+"/life_years_undiscounted", v[2], 1e-9)
		c.Near("heemod_1_1_0/"+arm+"/0", v[0], 1e-11)
		c.Near("heemod_1_1_0/"+arm+"/1", v[1], 1e-11)
	}
	dc, de := got["np1"][0]-got["standard"][0], got["np1"][1]-got["standard"][1]
	c.Near("inc_cost", dc, 1e-9)
	c.Near("inc_qaly", de, 1e-9)
	c.Near("icer", dc/de, 1e-9)
	c.Near("heemod_1_1_0/icer", dc/de, 1e-9)
	c.Leave("another model, in continuous time and of individuals", "hesim_indiv_0_5_6_psa500")
}

// hiv is the model of Chancellor et al. 1997; combination therapy lasts two cycles.
func hiv(t *testing.T, counts [][]float64, combination bool, lamivudine float64, cost, years Convention) *Chain {
	t.Helper()
	p := make([][]float64, 4)
	for i, row := range counts {
		sum := 0.0
		for _, x := range row {
			sum += x
		}
		for _, x := range row {
			p[i] = append(p[i], x/sum)
		}
	}
	moves := rows(p)
	drug := []float64{2278}
	if combination {
		drug = []float64{2278 + lamivudine, 2278 + lamivudine, 2278}
		for i := range 3 {
			treated := make([]float64, 4)
			left := 1.0
			for j := range 4 {
				if j != i {
					treated[j] = ByRiskRatio(p[i][j], 0.509)
					left -= treated[j]
				}
			}
			treated[i] = left
			moves[i] = Table{3, 1, 4, append(append(append([]float64{}, treated...), treated...), p[i]...)}
		}
	}
	states := make([]Table, 4)
	for i, care := range []float64{1701 + 1055, 1774 + 1278, 6948 + 2059} {
		v := make([]float64, len(drug))
		for k, x := range drug {
			v[k] = x + care
		}
		var err error
		if states[i], err = cost.ByCycle(20, v...); err != nil {
			t.Fatal(err)
		}
	}
	states[3] = Constant(0)
	return &Chain{
		Start: []float64{1, 0, 0, 0}, Moves: moves, Cycles: 20,
		Rewards: []Reward{{Weights: points(t, cost, 20), States: states}, {Weights: points(t, years, 20), States: tables(1, 1, 1, 0)}},
	}
}

func TestHIVCombinationTherapy(t *testing.T) {
	c := simulatetest.ReadCase(t, "chancellor1997_hiv_briggs2006")
	var in struct {
		Counts [][]float64 `json:"transition_counts"`
	}
	c.Inputs(&in)
	run := func(cost, years Convention, lamivudine float64) (mono, comb []float64, icer float64) {
		mono = evaluate(t, hiv(t, in.Counts, false, lamivudine, cost, years))
		comb = evaluate(t, hiv(t, in.Counts, true, lamivudine, cost, years))
		return mono, comb, (comb[0] - mono[0]) / (comb[1] - mono[1])
	}
	end := simulate.CountEnd
	mono, comb, icer := run(Convention{Counting: end, Rate: 0.06}, Convention{Counting: end}, 2086.5)
	for name, v := range map[string][]float64{"mono": mono, "comb": comb} {
		c.Near("primary/"+name+"/cost", v[0], 1e-9)
		c.Near("primary/"+name+"/life_years", v[1], 1e-9)
		c.Within("published/"+name+"/cost", v[0], 0.5)
		c.Near("variants/heemod_1_1_0/"+name+"/0", v[0], 1e-11)
		c.Near("variants/heemod_1_1_0/"+name+"/1", v[1], 1e-11)
	}
	c.Within("published/comb/life_years", comb[1], 0.0005)
	c.Within("published/mono/life_years", mono[1], 0.0051) // published 7.996, exact 7.991
	c.Near("primary/inc_cost", comb[0]-mono[0], 1e-9)
	c.Near("primary/inc_ly", comb[1]-mono[1], 1e-9)
	c.Near("primary/icer", icer, 1e-9)
	c.Near("variants/heemod_1_1_0/icer", icer, 1e-11)
	c.Within("published/icer", icer, 0.5)

	// Half-cycle, each cycle discounted at its end.
	mono, comb, icer = run(Convention{Rate: 0.06, At: AtEnd}, Convention{}, 2086.5)
	for name, v := range map[string][]float64{"mono": mono, "comb": comb} {
		c.Near("variants/life_table_counting/"+name+"/cost", v[0], 1e-9)
		c.Near("variants/life_table_counting/"+name+"/life_years", v[1], 1e-9)
		c.Near("variants/life_years_half_cycle_only/"+name+"_ly", v[1], 1e-9)
		c.Within("published/with_half_cycle_on_LY/"+name, v[1], 0.0051)
	}
	c.Near("variants/life_table_counting/icer", icer, 1e-9)
	_, _, icer = run(Convention{Counting: end, Rate: 0.06}, Convention{}, 2086.5)
	c.Near("variants/life_years_half_cycle_only/icer", icer, 1e-9)
	_, _, icer = run(Convention{Counting: end, Rate: 0.06}, Convention{Counting: end}, 2087)
	c.Near("variants/lamivudine_2087/icer", icer, 1e-9)

	for i, row := range hiv(t, in.Counts, false, 0, Convention{}, Convention{}).Trace() {
		c.List("trace_mono/"+itoa(i), row, 1e-9, 1e-15)
	}
	for i, row := range hiv(t, in.Counts, true, 0, Convention{}, Convention{}).Trace() {
		c.List("trace_comb/"+itoa(i), row, 1e-9, 1e-15)
	}
	c.Leave("a mistake in another program's example: one count divided by the sum of another row", "variants/rdecision_1_3_0_vignette")
}

func TestKneeReplacement(t *testing.T) {
	c := simulatetest.ReadCase(t, "dong_buxton2006_knee_replacement_cas")
	var in struct {
		P         [][]float64        `json:"P_conventional"`
		Utilities map[string]float64 `json:"utilities"`
	}
	c.Inputs(&in)
	const cycles = 120
	u := make([]Table, 9)
	for i := range u {
		u[i] = Constant(in.Utilities[string(rune('A'+i))] / 12)
	}
	// counts are events per 100 persons: serious and minor complication, complex and
	// simple revision, death.
	counts := []int{1, 2, 4, 5, 8}
	build := func(cas bool, cost, effect Convention) *Chain {
		p, addition := in.P, 0.0
		if cas {
			p, addition = fewerComplications(in.P), 235
		}
		d, err := cost.Events(cycles)
		if err != nil {
			t.Fatal(err)
		}
		ones, _ := Convention{}.Events(cycles)
		ch := &Chain{Start: []float64{1, 0, 0, 0, 0, 0, 0, 0, 0}, Moves: rows(p), Cycles: cycles}
		money := Reward{FlowWeights: d, Flows: flows(0, -1, 5197+addition)}
		money.Flows = append(money.Flows, flows(-1, 4, 7326+addition)...)
		money.Flows = append(money.Flows, flows(-1, 5, 6234+addition)...)
		money.Flows = append(money.Flows, flows(-1, 6, 2844)...)
		effect.CyclesPerYear = 12
		ch.Rewards = []Reward{money, {Weights: points(t, effect, cycles), States: u}}
		for _, s := range counts {
			ch.Rewards = append(ch.Rewards, Reward{FlowWeights: ones, Flows: flows(-1, s, 100)})
		}
		return ch
	}
	events := Convention{Rate: 0.035, CyclesPerYear: 12}
	got := map[string][]float64{}
	for arm, cas := range map[string]bool{"conventional": false, "cas": true} {
		ch := build(cas, events, Convention{Rate: 0.035, At: AtMiddle})
		v := evaluate(t, ch)
		// Persons who stay with a complication have another one: the diagonal counts
		// as an event too, which a flow between states does not see.
		trace := ch.Trace()
		for k, s := range counts[:2] {
			for _, row := range trace[:cycles] {
				v[2+k] += 100 * row[s] * ch.Moves[s].V[s]
			}
		}
		got[arm] = v
		c.Near(arm+"/cost", v[0], 1e-9)
		c.Near(arm+"/qaly", v[1], 1e-9)
		for k, name := range []string{"serious", "minor", "complex_revision", "simple_revision", "death"} {
			c.Near(arm+"/cumulative_percent/"+name, v[2+k], 1e-9)
		}
		for k, name := range []string{"serious complication", "minor complication", "complex revision", "simple revision", "death"} {
			c.Within("rdecision_1_3_0/"+arm+"/Cumulative "+name+" (%)", v[2+k], 0.005)
		}
		for k, name := range []string{"serious", "minor", "complex", "simple", "death"} {
			c.Within("published_table4_per_1000/"+arm+"/"+name, v[2+k], 0.08) // the paper's rounding
		}
		c.Within("rdecision_1_3_0/"+arm+"/Discounted costs (£)", 1000*v[0], 0.005)
		c.Within("rdecision_1_3_0/"+arm+"/Discounted QALYs", 1000*v[1], 0.005)
	}
	dc, de := got["cas"][0]-got["conventional"][0], got["cas"][1]-got["conventional"][1]
	c.Near("inc_cost", dc, 1e-9)
	c.Near("inc_qaly", de, 1e-9)
	c.Within("rdecision_1_3_0/inc_cost", dc, 5e-5)
	c.Within("rdecision_1_3_0/inc_qaly", de, 5e-6)

	end := Convention{Counting: simulate.CountEnd, Rate: 0.035}
	conventional, cas := evaluate(t, build(false, events, end))[1], evaluate(t, build(true, events, end))[1]
	c.Near("variant_qaly_end_of_cycle/conventional", conventional, 1e-9)
	c.Near("variant_qaly_end_of_cycle/cas", cas, 1e-9)
	c.Near("variant_qaly_end_of_cycle/inc_qaly", cas-conventional, 1e-9)

	// By whole year, counted from the start of the month.
	year := Convention{Counting: simulate.CountEnd, Rate: 0.035, Form: simulate.ByYear, At: AtStart, CyclesPerYear: 12}
	v := evaluate(t, build(false, year, year))
	c.Near("variant_discount_by_whole_year/conventional/cost", v[0], 1e-9)
	c.Near("variant_discount_by_whole_year/conventional/qaly", v[1], 1e-9)
	c.Leave("published totals follow an undisclosed rule of discounting",
		"published_table4_per_1000/conventional/cost", "published_table4_per_1000/conventional/qaly",
		"published_table4_per_1000/cas/cost", "published_table4_per_1000/cas/qaly",
		"published_table4_per_1000/inc_cost", "published_table4_per_1000/inc_qaly")
	c.Leave("the horizon", "rdecision_1_3_0/conventional/Year", "rdecision_1_3_0/cas/Year")
}

// flows makes a reward on every transition from one state, or into one where from is
// −1.
func flows(from, to int, amount float64) (out []Flow) {
	for s := range 9 {
		switch {
		case from >= 0 && s != from:
			out = append(out, Flow{from, s, Constant(amount)})
		case from < 0 && s != to:
			out = append(out, Flow{s, to, Constant(amount)})
		}
	}
	return out
}

// fewerComplications takes 34 % of the serious complications into the state that has
// the remainder of each row.
func fewerComplications(p [][]float64) [][]float64 {
	rest := []int{3, 6, 3, 3, 7, 7, 3, 7, 8}
	out := make([][]float64, len(p))
	for i, row := range p {
		out[i] = append([]float64{}, row...)
		cut := 0.34 * row[1]
		out[i][1] -= cut
		out[i][rest[i]] += cut
	}
	return out
}

func TestProstheticHeartValve(t *testing.T) {
	c := simulatetest.ReadCase(t, "sonnenberg_beck1993_phv")
	p := [][]float64{{0.6, 0.2, 0.2}, {0, 0.6, 0.4}, {0, 0, 1}}
	ch := &Chain{
		Start: []float64{10000, 0, 0}, Moves: rows(p), Cycles: 25,
		Rewards: []Reward{{Weights: points(t, Convention{Counting: simulate.CountEnd}, 25), States: tables(1, 0.7, 0)}},
	}
	total := evaluate(t, ch)[0] / 10000
	c.Near("cumulative_utility_25", total, 1e-12)
	c.Within("published/table2_total", total, 0.0003)
	trace := ch.Trace()
	for i, row := range trace {
		c.List("trace/"+itoa(i), row, 1e-12, 0)
	}
	c.List("published/cycle2", trace[2], 1e-12, 0)
	visits, err := ExpectedCycles(p, []float64{1, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	c.Near("expected_cycles_well_start_counted", visits[0], 1e-12)
	c.Near("expected_cycles_disabled", visits[1], 1e-12)
	if !math.IsInf(visits[2], 1) {
		t.Errorf("%g cycles dead, want endlessly many", visits[2])
	}
	c.Near("infinite_horizon_end_counted", visits[0]+0.7*visits[1]-1, 1e-12)
	c.Near("half_cycle_corrected", visits[0]+0.7*visits[1]-0.5, 1e-12)
}

// pain is the model of opioid treatment lines of Heath et al.; the fields are those of
// one arm.
type pain struct {
	ae1, wae1, woth1, ae2, wae2, woth2, discontinue, later float64
	drug, comed, ox, coOx, ae, withdrawal, end, subsequent float64
	uNo, uAE, uWAE, uWOth, second, last                    float64
}

const (
	inflation = 289.1 / 268.6
	fewer     = 0.324 / 0.4635 // adverse events of the novel drug over those of oxycodone
)

func painArm(novel bool) pain {
	p := pain{
		0.436159243, 0.055739588, 0.012741455, 0.4635, 0.032797792, 0.002303439, 0.05, 1,
		2.63272916666667, 2.26 * inflation, 9.20115, 0.04 * inflation, 6.991009409, 106.911031273, 18.5, 2.63272916666667 + 2.26*inflation,
		0.695, 0.583, 0.503, 0.405, 0.9, 0.8,
	}
	if novel {
		p.ae1, p.wae1, p.woth1 = 0.4635*fewer, 0.022958454, 0.001612408
		p.drug, p.comed = 55.2069, 0.04*inflation*fewer
	}
	return p
}

func (p pain) chain(weights []float64) *Chain {
	line := func(at int, ae, wae, woth float64) []float64 {
		row, on := make([]float64, 10), 1-wae-woth
		row[at], row[at+1], row[at+2], row[at+3] = on*(1-ae), on*ae, wae, woth
		return row
	}
	first, second := line(0, p.ae1, p.wae1, p.woth1), line(4, p.ae2, p.wae2, p.woth2)
	next := make([]float64, 10)
	next[4], next[5], next[9] = (1-p.discontinue)*(1-p.ae2), (1-p.discontinue)*p.ae2, p.discontinue
	out := []float64{0, 0, 0, 0, 0, 0, 0, 0, 1 - p.later, p.later}
	const year = 7 / 365.25
	u := []float64{p.uNo, p.uAE, p.uWAE, p.uWOth, p.uNo * p.second, p.uAE * p.second, p.uWAE * p.second, p.uWOth * p.second, (p.uNo + p.uAE) / 2, p.last * p.uWOth}
	for i := range u {
		u[i] *= year
	}
	return &Chain{
		Start: []float64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, Cycles: 51,
		Moves: rows([][]float64{first, first, next, next, second, second, out, out, {0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}),
		Rewards: []Reward{
			{Weights: weights, States: tables(p.drug+p.comed, p.drug+p.comed+p.ae, p.withdrawal, p.withdrawal, p.ox+p.coOx, p.ox+p.coOx+p.ae, p.withdrawal, p.withdrawal, p.subsequent, p.end)},
			{Weights: weights, States: tables(u...)},
		},
	}
}

func TestChronicPainOpioidSequence(t *testing.T) {
	c := simulatetest.ReadCase(t, "chronic_pain_opioid_sequence_heath")
	// 52 points; each averaged with the next, the last counted whole.
	own := make([]float64, 52)
	for i := range own {
		own[i] = 1
	}
	own[0], own[51] = 0.5, 1.5
	w := points(t, Convention{Counting: CountWeights, Weights: own, CyclesPerYear: 52}, 51)
	years := 0.0
	for k := range 16 {
		years += math.Pow(1.035, -float64(k))
	}
	hold := func(path string, novel bool, later float64) []float64 {
		p := painArm(novel)
		p.later = later
		v := evaluate(t, p.chain(w))
		c.Near(path+"/cost", v[0], 1e-9)
		c.Near(path+"/qaly", v[1], 1e-9)
		c.Near(path+"/cost_x16y", v[0]*years, 1e-9)
		c.Near(path+"/qaly_x16y", v[1]*years, 1e-9)
		return v
	}
	morphine, novel := hold("deterministic/morphine", false, 1), hold("deterministic/novel", true, 1)
	dc, de := novel[0]-morphine[0], novel[1]-morphine[1]
	c.Near("deterministic/inc_cost_1y", dc, 1e-9)
	c.Near("deterministic/inc_qaly_1y", de, 1e-9)
	c.Near("deterministic/icer", dc/de, 2e-9)
	c.Near("deterministic/inmb_20000_x16y", (20000*de-dc)*years, 2e-8) // a small difference of large numbers
	hold("variant_discon_l2_used/morphine", false, 0.1)
	hold("variant_discon_l2_used/novel", true, 0.1)
	for arm, isNovel := range map[string]bool{"morphine": false, "novel": true} {
		ch := painArm(isNovel).chain(w)
		for i, m := range ch.Moves {
			c.List("P_"+arm+"/"+itoa(i), m.V, 1e-9, 1e-15)
		}
		if arm == "morphine" {
			for i, row := range ch.Trace() {
				c.List("trace_morphine/"+itoa(i), row, 1e-9, 1e-15)
			}
		}
	}
	painPSA(t, c, w, years)
	c.Leave("an older version of the model, of which the case gives no complete inputs", "original_repository_version")
}

// painPSA draws the parameters as the case describes them and holds its means to 4
// standard errors of the difference; 9 figures, so a sound model fails once in 1,700
// seeds.
func painPSA(t *testing.T, c *simulatetest.Case, w []float64, years float64) {
	t.Helper()
	const n = 4000
	at := "psa_python_20000_draws_x16y/"
	u, err := simulate.Uniforms(7, []string{
		"ae1", "wae1", "woth1", "wae1n", "woth1n", "ae2", "wae2", "woth2", "discontinue",
		"comed", "coOx", "ae", "withdrawal", "end", "uNo", "uAE", "uWAE", "uWOth",
	}, n, simulate.LatinHypercube)
	if err != nil {
		t.Fatal(err)
	}
	beta := func(m, p float64) float64 {
		d, err := simulate.BetaFromMean(m, m/10)
		if err != nil {
			t.Fatal(err)
		}
		return d.Quantile(p)
	}
	gamma := func(m, p float64) float64 {
		return simulate.Distribution{Family: simulate.Gamma, A: 100, B: m / 100}.Quantile(p)
	}
	v := map[string][]float64{}
	for _, x := range u {
		m, o := painArm(false), painArm(true)
		m.ae1, m.wae1, m.woth1 = beta(m.ae1, x[0]), beta(m.wae1, x[1]), beta(m.woth1, x[2])
		o.wae1, o.woth1 = beta(o.wae1, x[3]), beta(o.woth1, x[4])
		m.ae2, m.wae2, m.woth2, m.discontinue = beta(m.ae2, x[5]), beta(m.wae2, x[6]), beta(m.woth2, x[7]), beta(m.discontinue, x[8])
		m.comed, m.coOx, m.ae = gamma(m.comed, x[9]), gamma(m.coOx, x[10]), gamma(m.ae, x[11])
		m.withdrawal, m.end = gamma(m.withdrawal, x[12]), gamma(m.end, x[13])
		m.uNo, m.uAE, m.uWAE, m.uWOth = beta(m.uNo, x[14]), beta(m.uAE, x[15]), beta(m.uWAE, x[16]), beta(m.uWOth, x[17])
		// The multipliers of the second line and of stopping are fixed.
		n := m
		n.ae1, n.wae1, n.woth1 = m.ae2*fewer, o.wae1, o.woth1
		n.drug, n.comed = o.drug, m.coOx*fewer
		a, b := m.chain(w).Evaluate(nil, nil), n.chain(w).Evaluate(nil, nil)
		v["cost_morphine"], v["qaly_morphine"] = append(v["cost_morphine"], a[0]*years), append(v["qaly_morphine"], a[1]*years)
		v["cost_novel"], v["qaly_novel"] = append(v["cost_novel"], b[0]*years), append(v["qaly_novel"], b[1]*years)
		gain := (20000*(b[1]-a[1]) - (b[0] - a[0])) * years
		v["inmb"] = append(v["inmb"], gain)
		v["best"] = append(v["best"], map[bool]float64{true: 1}[gain > 0])
		v["gain"] = append(v["gain"], math.Max(gain, 0))
	}
	se := func(x []float64) float64 { return math.Sqrt(variance(x) / float64(len(x))) }
	for _, name := range []string{"cost_morphine", "qaly_morphine", "cost_novel", "qaly_novel"} {
		c.Within(at+"mean/"+name, mean(v[name]), 4*math.Hypot(se(v[name]), c.Number(at+"se/"+name)))
		c.Near(at+"se/"+name, math.Sqrt(variance(v[name])/20000), 0.08)
	}
	c.Within(at+"inmb_mean", mean(v["inmb"]), 4*math.Hypot(se(v["inmb"]), c.Number(at+"inmb_se")))
	c.Near(at+"inmb_se", math.Sqrt(variance(v["inmb"])/20000), 0.08)
	c.Within(at+"prob_novel_ce", mean(v["best"]), 4*math.Hypot(se(v["best"]), 0.5/math.Sqrt(20000)))
	c.Within(at+"evpi", mean(v["gain"])-math.Max(0, mean(v["inmb"])), 4*math.Hypot(se(v["gain"]), se(v["gain"])/math.Sqrt(5)))
}

func variance(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return sum / float64(len(x)-1)
}

func TestMigraineTree(t *testing.T) {
	c := simulatetest.ReadCase(t, "evans1997_sumatriptan_tree")
	end := func(name string, cost, u float64) Node { return Node{Name: name, Cost: cost, Effect: u} }
	tree := func(drug, relief, none float64) Node {
		return Node{Name: "attack", Cost: drug, Branches: []Branch{
			{relief, Node{Name: "relief", Branches: []Branch{{none, end("no recurrence", 0, 1)}, {1 - none, end("recurrence", drug, 0.9)}}}},
			{1 - relief, Node{Name: "no relief", Branches: []Branch{
				{0.92, end("endures", 0, -0.3)},
				{0.08, Node{Name: "emergency", Cost: 63.16, Branches: []Branch{{0.998, end("relieved", 0, 0.1)}, {0.002, end("admitted", 1093, -0.3)}}}},
			}}},
		}}
	}
	expect := func(n Node) (cost, u float64) {
		cost, u, err := n.Expect()
		if err != nil {
			t.Fatal(err)
		}
		return cost, u
	}
	sc, su := expect(tree(16.1, 0.558, 0.594))
	cc, cu := expect(tree(1.32, 0.379, 0.703))
	for i, v := range []struct {
		name       string
		cost, u, p float64
	}{{"sumatriptan", sc, su, 0.0069}, {"caffeine", cc, cu, 0.0051}} {
		c.Near(v.name+"/cost", v.cost, 1e-9)
		c.Near(v.name+"/utility", v.u, 1e-9)
		c.Near(v.name+"/qaly", v.u/365.25, 1e-9)
		c.Within("published/cost/"+itoa(i), v.cost, 0.016) // rounded, 4.73 from rounded parts
		c.Within("published/utility/"+itoa(i), v.u, v.p)
	}
	c.Near("icer", (sc-cc)/(su-cu)*365.25, 1e-9)
	c.Near("rdecision/icer", (sc-cc)/(su-cu)*365.25, 1e-12)
	for name, diff := range map[string]float64{"upper": 0.268, "lower": 0.091} {
		hc, hu := expect(tree(16.1, 0.379+diff, 0.594))
		icer := (hc - cc) / (hu - cu) * 365.25
		c.Near(map[string]string{"upper": "icer_relief_diff_upper_0_268", "lower": "icer_relief_diff_lower_0_091"}[name], icer, 1e-9)
		c.Near("rdecision/"+name, icer, 1e-12)
	}
	c.Leave("published from rounded intermediate values", "published/icer", "published/icer_upper", "published/icer_lower")
}

func TestGompertzMortality(t *testing.T) {
	c := simulatetest.ReadCase(t, "gompertz_mortality")
	var in struct {
		A, B float64
		Ages []float64
	}
	c.Inputs(&in)
	g := Gompertz{in.A, in.B}
	must := func(x float64, err error) float64 {
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, age := range in.Ages {
		at, s := "by_age/"+itoa(int(age))+"/", g.From(age, 1)
		c.Near(at+"hazard", g.Hazard(age), 1e-9)
		c.Near(at+"LE", must(s.Area(0, math.Inf(1))), 1e-9)
		c.Near(at+"LE_hr1_5", must(g.From(age, 1.5).Area(0, math.Inf(1))), 1e-9)
		c.Near(at+"LE_hr2_5", must(s.HazardRatio(2.5).Area(0, math.Inf(1))), 1e-9)
		c.Near(at+"discounted_LE_exp003", must(s.Area(0.03, math.Inf(1))), 1e-9)
		c.Near(at+"discounted_LE_1_03", must(s.Area(math.Log(1.03), 1000)), 1e-9)
		c.Near(at+"S10", s(10), 1e-9)
		c.Near(at+"median", g.Quantile(age, 1, 0.5), 1e-9)
		c.Near(at+"restricted_mean_30y", must(s.Area(0, 30)), 1e-9)
	}
	for _, age := range []string{"40", "60"} {
		x, _ := strconv.ParseFloat(age, 64)
		p := g.From(x, 1).Probabilities(200, 1)
		moves := Table{200, 1, 2, nil}
		for _, d := range p {
			moves.V = append(moves.V, 1-d, d)
		}
		for path, counting := range map[string]simulate.Counting{"curtate_life_expectancy/": simulate.CountEnd, "half_cycle_corrected/": simulate.CountHalf} {
			ch := &Chain{
				Start: []float64{1, 0}, Moves: []Table{moves, Constant(0, 1)}, Cycles: 200,
				Rewards: []Reward{{Weights: points(t, Convention{Counting: counting}, 200), States: tables(1, 0)}},
			}
			c.Near(path+age, evaluate(t, ch)[0], 1e-9)
		}
	}
}

func TestPartitionedSurvivalExponential(t *testing.T) {
	c := simulatetest.ReadCase(t, "partitioned_survival_exponential")
	for name, m := range map[string]struct {
		p    Partition
		drug float64
	}{
		"soc": {Partition{ExponentialCurve(0.35), ExponentialCurve(0.15)}, 0},
		"new": {Partition{ExponentialCurve(0.35).HazardRatio(0.7), ExponentialCurve(0.15).HazardRatio(0.85)}, 15000},
	} {
		for horizon, T := range map[string]float64{"_T10": 10, "_T1000000": math.Inf(1)} {
			at := name + horizon
			x, err := m.p.Times(0.03, T)
			if err != nil {
				t.Fatal(err)
			}
			c.Near(at+"/pf_years", x[0], 1e-9)
			c.Near(at+"/pd_years", x[1], 1e-9)
			c.Near(at+"/qaly", 0.8*x[0]+0.6*x[1], 1e-9)
			c.Near(at+"/cost", (20000+m.drug)*x[0]+12000*x[1], 1e-9)
		}
	}
}

func TestRateProbabilityConversion(t *testing.T) {
	c := simulatetest.ReadCase(t, "rate_probability_conversion")
	rates := []float64{0.5, 0.105, 0.006}
	for path, how := range map[string]Conversion{"exact_absorbing_competing": Competing, "naive_each_separately": Separate, "darth_conditional_on_survival": GivenSurvival} {
		p, err := Exits(rates, 1, how, 2)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"recover", "progress", "die"} {
			c.Near(path+"/"+name, p[i], 1e-12)
		}
	}
	// With absorbing destinations the matrix exponential is the competing form.
	p, err := Transition([][]float64{{0, 0.5, 0.105, 0.006}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"recover", "progress", "die"} {
		c.Near("exact_absorbing_competing/"+name, p[0][i+1], 1e-12)
	}
	c.Near("p_annual_from_5year", Rescale(0.3, 5, 1), 1e-12)
	c.Near("or_applied", ByOddsRatio(0.4, 0.7), 1e-12)
	c.Near("rr_applied", ByRiskRatio(0.4, 0.7), 1e-12)
	c.Near("hr_applied", ByHazardRatio(0.4, 0.7), 1e-12)
}

// The discounted sum of 100 a year for 10 years, by every convention of the case.
func TestDiscountingAndCounting(t *testing.T) {
	c := simulatetest.ReadCase(t, "discounting_and_counting_conventions")
	for path, r := range map[string]float64{"0.03": 0.03, "0.015": 0.015, "0.035": 0.035} {
		at := "annuities/" + path + "/"
		sum := func(name string, cv Convention, cycles int) {
			cv.Rate = r
			total := 0.0
			for _, w := range points(t, cv, cycles) {
				total += 100 * 10 / float64(cycles) * w
			}
			c.Near(at+name, total, 1e-12)
		}
		start, end := simulate.CountStart, simulate.CountEnd
		sum("start_of_year_10", Convention{Counting: start}, 10)
		sum("end_of_year_10", Convention{Counting: end}, 10)
		sum("mid_year_10", Convention{At: AtMiddle}, 10)
		sum("monthly_120_end", Convention{Counting: end, CyclesPerYear: 12}, 120)
		sum("monthly_simple_rate_120_end", Convention{Counting: end, Form: Nominal, CyclesPerYear: 12}, 120)
		// The tutorial's code counts both ends, 121 months.
		sum("darth_linear_cycle_rate_monthly", Convention{Counting: simulate.CountBoth, Form: Nominal, CyclesPerYear: 12}, 120)
		for name, force := range map[string]float64{"continuous_annual_rate": math.Log1p(r), "continuous_force": r} {
			got, err := Continuous{[]float64{1}, [][]float64{{0}}}.Total([]float64{100}, force, 10)
			if err != nil {
				t.Fatal(err)
			}
			c.Near(at+name, got, 1e-12)
		}
	}
}

// Flares with gamma frailty: the exact part of the case. With frailty of mean 1 and
// shape k, counts over time are negative binomial with mean λT and size k.
func TestRecurrentFlares(t *testing.T) {
	c := simulatetest.ReadCase(t, "recurrent_flareups_gamma_frailty")
	const m, k = 2.4 * 2, 0.8
	c.Near("mean_events", m, 1e-12)
	c.Near("variance", m+m*m/k, 1e-12)
	p := math.Pow(k/(k+m), k)
	c.Near("p_zero", p, 1e-12)
	tail := 1.0
	for n := range 10 {
		tail -= p
		p *= (k + float64(n)) / float64(n+1) * m / (k + m)
	}
	c.Near("p_ge_10", tail, 1e-12)
	c.Near("mean_flare_days", m*9, 1e-12)
	// The frailty as states: at each of many equal slices of its distribution a chain
	// in continuous time counts the flares.
	total := 0.0
	const slices = 20000
	for i := range slices {
		f := simulate.Distribution{Family: simulate.Gamma, A: k, B: 1 / k}.Quantile((float64(i) + 0.5) / slices)
		total += stream.Exp(-2.4*2*f) / slices
	}
	c.Within("p_zero", total, 1e-4)
}
