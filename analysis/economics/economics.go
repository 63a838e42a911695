// Package economics turns cost and effect by parameter draw into a comparison of
// strategies: incremental table with dominance, net monetary benefit,
// acceptability curve and frontier, and the expected value of perfect
// information.
package economics

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
)

// Draws is the mean cost and effect of every strategy in every draw. The first
// strategy is the reference.
type Draws struct {
	Strategies []string
	Cost       [][]float64 // strategy x draw, in the currency of the analysis
	Effect     [][]float64 // strategy x draw, usually QALYs
	// Noise, if not nil, is the covariance of these means that comes from a finite
	// number of patients in each draw: costs of the strategies, then effects. It is
	// needed for a Monte Carlo error when there is a single draw. With a NaN in it
	// (one patient a draw) it counts as not given.
	Noise [][]float64
}

// Options are the settings of Analyze.
type Options struct {
	// WillingnessToPay are the values of one unit of effect, rising.
	WillingnessToPay []float64
	// KeepNoise leaves the noise of patients in the draws when probabilities and
	// the value of information are worked out. By default it is taken out if
	// Draws.Noise is given and there are enough draws.
	KeepNoise bool
}

// Result compares the strategies. MCSE is the Monte Carlo standard error: how
// far a figure may be from that of endlessly many draws and patients.
type Result struct {
	Reference string `json:"reference"`
	Draws     int    `json:"draws"`
	// NoiseRemoved says whether probabilities, expected losses and values of
	// information were freed of the noise of a finite number of patients.
	NoiseRemoved bool               `json:"noise_removed"`
	Table        []Row              `json:"table"`   // by rising cost
	Against      []Comparison       `json:"against"` // every strategy against the reference
	Values       []AtWillingness    `json:"by_willingness_to_pay"`
	Warnings     []analysis.Warning `json:"warnings"`
}

// Status is the place of a strategy in the incremental table.
type Status string

// The statuses.
const (
	OnFrontier Status = "on-frontier"
	Dominated  Status = "dominated"          // another strategy costs no more and gains no less
	Extended   Status = "extended-dominated" // a mix of two others costs less for the same effect
)

// Row is one strategy of the incremental table. Increments are against the
// strategy before it on the frontier; NaN for the first and for those dominated.
type Row struct {
	Strategy   string       `json:"strategy"`
	Cost       analysis.Num `json:"cost"`
	CostMCSE   analysis.Num `json:"cost_mcse"`
	Effect     analysis.Num `json:"effect"`
	EffectMCSE analysis.Num `json:"effect_mcse"`
	Status     Status       `json:"status"`
	Comparison `json:"increment"`
}

// Comparison is one strategy less another.
//
//	ICER = ΔC / ΔE
//	MCSE(ICER) = √(V(ΔC) + ICER²·V(ΔE) − 2·ICER·Cov(ΔC, ΔE)) / |ΔE|   (delta method)
type Comparison struct {
	Strategy   string       `json:"strategy"`
	Versus     string       `json:"versus"`
	Cost       analysis.Num `json:"cost"`
	CostMCSE   analysis.Num `json:"cost_mcse"`
	Effect     analysis.Num `json:"effect"`
	EffectMCSE analysis.Num `json:"effect_mcse"`
	ICER       analysis.Num `json:"icer"`
	ICERMCSE   analysis.Num `json:"icer_mcse"`
	// Reason says why there is no ICER, or how to read it.
	Reason string `json:"reason,omitempty"`
}

// AtWillingness is the decision at one value of a unit of effect.
type AtWillingness struct {
	WillingnessToPay analysis.Num `json:"willingness_to_pay"`
	Strategies       []Decision   `json:"strategies"`
	// Best has the highest mean net benefit; Probability is that it is the best in
	// a draw (the acceptability frontier).
	Best        string       `json:"best"`
	Probability analysis.Num `json:"probability"`
	// EVPI is the expected value of perfect information per patient,
	//	E[max NMB] − max E[NMB]
	// NaN with a single draw.
	EVPI     analysis.Num `json:"evpi"`
	EVPIMCSE analysis.Num `json:"evpi_mcse"`
}

// Decision is one strategy at one willingness to pay.
type Decision struct {
	Strategy string `json:"strategy"`
	// NetBenefit is willingness·effect − cost, the mean over the draws.
	NetBenefit     analysis.Num `json:"net_benefit"`
	NetBenefitMCSE analysis.Num `json:"net_benefit_mcse"`
	// Increment is the net benefit less that of the reference.
	Increment     analysis.Num `json:"increment"`
	IncrementMCSE analysis.Num `json:"increment_mcse"`
	// Probability is the share of draws in which the strategy is best (the
	// acceptability curve); ties are shared. NaN with a single draw.
	Probability     analysis.Num `json:"probability"`
	ProbabilityMCSE analysis.Num `json:"probability_mcse"`
	// ExpectedLoss is the net benefit forgone by choosing it, E[max NMB − NMB].
	ExpectedLoss analysis.Num `json:"expected_loss"`
}

var nan = analysis.Num(math.NaN())

// Analyze compares the strategies.
// R: dampack::calculate_icers, BCEA::bcea.
func Analyze(d Draws, o Options) (Result, error) {
	if err := d.check(); err != nil {
		return Result{}, err
	}
	if slices.ContainsFunc(d.Noise, func(row []float64) bool { return slices.ContainsFunc(row, math.IsNaN) }) {
		d.Noise = nil
	}
	r := Result{Reference: d.Strategies[0], Draws: len(d.Cost[0]), Warnings: []analysis.Warning{}, Against: []Comparison{}, Values: []AtWillingness{}}
	r.Table = d.table()
	for s := 1; s < len(d.Strategies); s++ {
		r.Against = append(r.Against, d.compare(s, 0))
	}
	free := d
	if !o.KeepNoise {
		free, r.NoiseRemoved = d.withoutNoise()
	}
	if err := rising(o.WillingnessToPay); err != nil {
		return Result{}, err
	}
	for _, w := range o.WillingnessToPay {
		r.Values = append(r.Values, d.decide(w, free))
	}
	r.Warnings = d.warnings(r)
	return r, nil
}

// rising refuses values of a unit of effect that are not.
func rising(wtp []float64) error {
	for i, w := range wtp {
		if math.IsNaN(w) || w < 0 || math.IsInf(w, 0) || i > 0 && w <= wtp[i-1] {
			return errors.New("willingness to pay must be finite, not negative and rising")
		}
	}
	return nil
}

func (d Draws) check() error {
	n := len(d.Strategies)
	if n == 0 || len(d.Cost) != n || len(d.Effect) != n {
		return fmt.Errorf("%d strategies with %d rows of cost and %d of effect: expected one row each for at least one strategy", n, len(d.Cost), len(d.Effect))
	}
	draws := len(d.Cost[0])
	for s := range n {
		if len(d.Cost[s]) != draws || len(d.Effect[s]) != draws || draws == 0 {
			return fmt.Errorf("strategy %s has %d costs and %d effects: expected the same number of draws everywhere, at least 1", d.Strategies[s], len(d.Cost[s]), len(d.Effect[s]))
		}
		for _, x := range [][]float64{d.Cost[s], d.Effect[s]} {
			if slices.ContainsFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
				return fmt.Errorf("strategy %s has a cost or effect that is not a finite number: leave no draw empty", d.Strategies[s])
			}
		}
	}
	if d.Noise != nil && (len(d.Noise) != 2*n || slices.ContainsFunc(d.Noise, func(row []float64) bool { return len(row) != 2*n })) {
		return fmt.Errorf("the noise covariance must be %d x %d: costs of the strategies, then effects", 2*n, 2*n)
	}
	return nil
}

// linear is the mean over the draws of a weighted sum of costs and effects, and
// its Monte Carlo standard error: √(S²/D) with several draws, from Noise with one.
func (d Draws) linear(cost, effect map[int]float64) (mean, mcse float64) {
	x := d.combine(cost, effect)
	if len(x) > 1 {
		m, v := meanVariance(x)
		return m, math.Sqrt(v / float64(len(x)))
	}
	if d.Noise == nil {
		return x[0], math.NaN()
	}
	w := make([]float64, 2*len(d.Strategies))
	for s, k := range cost {
		w[s] = k
	}
	for s, k := range effect {
		w[len(d.Strategies)+s] = k
	}
	return x[0], math.Sqrt(math.Max(0, quadratic(w, d.Noise)))
}

func (d Draws) combine(cost, effect map[int]float64) []float64 {
	x := make([]float64, len(d.Cost[0]))
	for s := range d.Strategies { // in order, so that sums do not depend on the map
		kc, ke := cost[s], effect[s]
		for i := range x {
			x[i] += kc*d.Cost[s][i] + ke*d.Effect[s][i]
		}
	}
	return x
}

func quadratic(w []float64, m [][]float64) (q float64) {
	for i, a := range w {
		for j, b := range w {
			q += a * b * m[i][j]
		}
	}
	return q
}

func meanVariance(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x)-1)
}

// compare is strategy s less strategy ref.
func (d Draws) compare(s, ref int) Comparison {
	plus := map[int]float64{s: 1, ref: -1}
	dc, seC := d.linear(plus, nil)
	de, seE := d.linear(nil, plus)
	c := Comparison{
		Strategy: d.Strategies[s], Versus: d.Strategies[ref],
		Cost: analysis.Num(dc), CostMCSE: analysis.Num(seC), Effect: analysis.Num(de), EffectMCSE: analysis.Num(seE), ICER: nan, ICERMCSE: nan,
	}
	switch {
	case de == 0:
		c.Reason = "no difference in effect"
	case math.Abs(de) < 2*seE:
		c.Reason = "the difference in effect is within 2 Monte Carlo standard errors of 0; more draws or patients would tell"
	case dc <= 0 && de > 0:
		c.Reason = "dominates: costs no more and gains more"
	case dc >= 0 && de < 0:
		c.Reason = "dominated: costs no less and gains less"
	default:
		c.ICER = analysis.Num(dc / de)
		if de < 0 {
			c.Reason = "costs less and gains less: the ratio is what is saved for each unit of effect given up"
		}
		// The delta method: the error of ΔC − ICER·ΔE, divided by ΔE.
		k := dc / de
		_, se := d.linear(plus, map[int]float64{s: -k, ref: k})
		c.ICERMCSE = analysis.Num(se / math.Abs(de))
	}
	return c
}

// decide works out one willingness to pay: means and their errors from the draws
// as they are, probabilities and values of information from those freed of noise.
func (d Draws) decide(wtp float64, free Draws) AtWillingness {
	n, draws := len(d.Strategies), len(d.Cost[0])
	out := AtWillingness{WillingnessToPay: analysis.Num(wtp), EVPI: nan, EVPIMCSE: nan, Probability: nan}
	nmb := make([][]float64, n)
	best, bestMean := 0, math.Inf(-1)
	for s := range n {
		nmb[s] = free.combine(map[int]float64{s: -1}, map[int]float64{s: wtp})
		mean, se := d.linear(map[int]float64{s: -1}, map[int]float64{s: wtp})
		inc, seInc := 0.0, 0.0
		if s > 0 {
			inc, seInc = d.linear(map[int]float64{s: -1, 0: 1}, map[int]float64{s: wtp, 0: -wtp})
		}
		out.Strategies = append(out.Strategies, Decision{
			Strategy: d.Strategies[s], NetBenefit: analysis.Num(mean), NetBenefitMCSE: analysis.Num(se),
			Increment: analysis.Num(inc), IncrementMCSE: analysis.Num(seInc), Probability: nan, ProbabilityMCSE: nan, ExpectedLoss: nan,
		})
		if mean > bestMean {
			best, bestMean = s, mean
		}
	}
	out.Best = d.Strategies[best]
	if draws == 1 {
		return out
	}
	wins, top := winners(nmb)
	for s := range n {
		p := wins[s] / float64(draws)
		out.Strategies[s].Probability = analysis.Num(p)
		out.Strategies[s].ProbabilityMCSE = analysis.Num(math.Sqrt(p * (1 - p) / float64(draws)))
		loss := 0.0
		for i := range top {
			loss += top[i] - nmb[s][i]
		}
		out.Strategies[s].ExpectedLoss = analysis.Num(loss / float64(draws))
	}
	out.Probability = out.Strategies[best].Probability
	gain := make([]float64, draws)
	for i := range gain {
		gain[i] = top[i] - nmb[best][i]
	}
	mean, v := meanVariance(gain)
	out.EVPI, out.EVPIMCSE = analysis.Num(mean), analysis.Num(math.Sqrt(v/float64(draws)))
	return out
}

// winners counts in how many draws each strategy is best, ties shared, and
// returns the best net benefit of each draw.
func winners(nmb [][]float64) (wins, top []float64) {
	wins, top = make([]float64, len(nmb)), make([]float64, len(nmb[0]))
	for i := range top {
		top[i] = math.Inf(-1)
		ties := 0.0
		for s := range nmb {
			switch x := nmb[s][i]; {
			case x > top[i]:
				top[i], ties = x, 1
			case x == top[i]:
				ties++
			}
		}
		for s := range nmb {
			if nmb[s][i] == top[i] {
				wins[s] += 1 / ties
			}
		}
	}
	return wins, top
}

// fewDraws is the number under which probabilities and EVPI are too coarse.
const fewDraws = 100

func (d Draws) warnings(r Result) []analysis.Warning {
	w := []analysis.Warning{}
	if len(d.Strategies) == 1 {
		w = append(w, analysis.Warning{Code: "one-strategy", Message: "there is one strategy and nothing to hold it against: it is the best in every draw whatever it costs, and no information could change that", Cure: "give the costs and effects of what patients get without it"})
	}
	switch {
	case r.Draws == 1:
		w = append(w, analysis.Warning{Code: "single-draw", Message: "with one set of parameters there is no acceptability curve and no value of information; simulate 100 or more draws"})
	case r.Draws < fewDraws:
		w = append(w, analysis.Warning{Code: "few-draws", Message: fmt.Sprintf("probabilities and the value of information rest on %d draws; %d or more are advised", r.Draws, fewDraws)})
	}
	for _, c := range r.Against {
		if math.Abs(float64(c.Effect)) < 2*float64(c.EffectMCSE) {
			w = append(w, analysis.Warning{Code: "effect-within-noise", Message: fmt.Sprintf("the effect of %s against %s is within 2 Monte Carlo standard errors of 0, so no ratio is given; use net benefit, or more draws and patients", c.Strategy, c.Versus)})
		}
	}
	return append(w, d.noiseWarnings(r)...)
}

// noiseWarnings tells where patient noise makes up much of the spread of the
// draws: it pulls the acceptability curve to the middle and raises EVPI.
func (d Draws) noiseWarnings(r Result) []analysis.Warning {
	if d.Noise == nil || r.NoiseRemoved || r.Draws < 2 || len(r.Values) == 0 {
		return nil
	}
	n := len(d.Strategies)
	var w []analysis.Warning
	for s := 1; s < n; s++ {
		worst := 0.0
		for _, v := range r.Values {
			k := float64(v.WillingnessToPay)
			x := d.combine(map[int]float64{s: -1, 0: 1}, map[int]float64{s: k, 0: -k})
			_, total := meanVariance(x)
			weights := make([]float64, 2*n)
			weights[s], weights[0], weights[n+s], weights[n] = -1, 1, k, -k
			if total > 0 {
				worst = math.Max(worst, quadratic(weights, d.Noise)/total)
			}
		}
		if worst > 0.1 {
			w = append(w, analysis.Warning{Code: "patient-noise", Message: fmt.Sprintf("up to %.0f %% of the spread of net benefit between draws (%s against %s) is noise of a finite number of patients; it draws probabilities towards the middle and raises the value of information; simulate more patients in each draw", 100*math.Min(1, worst), d.Strategies[s], d.Strategies[0])})
		}
	}
	return w
}
