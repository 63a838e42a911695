package rehab

import (
	"fmt"
	"math"

	"recoup/simulate/design"
	"recoup/simulate/stream"
)

// population is the scenario's population with what the kernel needs worked out.
type population struct {
	design.Population
	doseMedian, doseSDLog float64 // of the lognormal dose
}

func newPopulation(p design.Population) population {
	cv := p.OpioidDose.SD / p.OpioidDose.Mean
	s2 := stream.Log(1 + float64(cv*cv))
	return population{p, p.OpioidDose.Mean * stream.Exp(-s2/2), math.Sqrt(s2)}
}

// settings hold for all draws and strategies.
type settings struct {
	weeks        int
	societal     bool
	population   population
	weight       []float64 // cycle weight of each point
	discountCost []float64 // of each point
	costWeight   []float64 // weight x discount, for costs that flow
	effectWeight []float64 // weight x discount / 52, for QALYs
	yearWeight   []float64 // weight / 52, for life years
}

// weeksPerYear is the convention by which weeks and annual rates meet.
const weeksPerYear = 52

func newSettings(s design.Scenario) (settings, error) {
	w, err := s.CycleCounting.Weights(s.HorizonWeeks)
	if err != nil {
		return settings{}, err
	}
	cost, err := s.Discounting.Form.Factors(s.Discounting.Cost, s.HorizonWeeks, weeksPerYear)
	if err != nil {
		return settings{}, err
	}
	effect, err := s.Discounting.Form.Factors(s.Discounting.Effect, s.HorizonWeeks, weeksPerYear)
	if err != nil {
		return settings{}, err
	}
	out := settings{weeks: s.HorizonWeeks, societal: s.Perspective == design.Societal, population: newPopulation(s.Population), weight: w, discountCost: cost}
	for t := range w {
		out.costWeight = append(out.costWeight, w[t]*cost[t])
		out.effectWeight = append(out.effectWeight, w[t]*effect[t]/weeksPerYear)
		out.yearWeight = append(out.yearWeight, w[t]/weeksPerYear)
	}
	return out, nil
}

// draw is the evidence of one draw, compiled: annual to weekly, logits to odds,
// half-lives to factors. It serves every strategy.
type draw struct {
	p parameters

	chol        [6]float64 // lower Cholesky factor of the symptom correlations, by rows
	innovation  [3]float64 // SD of the weekly innovation of pain, interference, mood
	drift       []float64  // share of the drift reached, by week
	ageing      []float64  // growth of mortality since entry, by week
	fade        float64    // weekly factor of an effect that decays
	flareOdds   float64
	resumption  float64 // weekly hazard
	discontinue float64 // weekly probability
	overdose    [4]float64
	reoperation float64 // weekly probability
	recovery    float64 // whole weeks, at least 1
	decrement   [12]float64
	medicalSD   float64 // SD of the logarithm of a patient's cost multiplier
	rates       [4][4]float64
	up, down    [4]float64 // sums of the rates to better and to worse work states
	arms        []arm      // by strategy
}

// arm is one strategy under one draw.
type arm struct {
	surgery bool
	program bool

	effect   [3]float64 // full effect on pain, interference, mood
	retained [3]float64 // share that lasts
	work     float64    // log hazard of a better work state

	phases      []phase
	dropoutOdds float64
	boosters    []bool // by weeks after discharge
	boosterCost float64
	taper       *design.Taper
	accept      float64
}

// phase is one phase of a program, per week.
type phase struct {
	weeks, hours, clock, cost float64 // length; effective hours; hours on the clock; USD
	reduction, extend         float64 // benchmark; extend 0 without one
}

// compile turns the values of one draw into what the kernel reads.
func compile(set *settings, values map[string]float64, strategies []string, designs []*design.Design) (*draw, error) {
	p, err := newParameters(values)
	if err != nil {
		return nil, err
	}
	d := &draw{p: p, decrement: p.decrements(), recovery: math.Max(1, math.Round(p.RecoveryWeeks))}
	d.correlate()
	d.fade = halving(p.EffectHalfLife)
	d.flareOdds = math.Min(p.FlareProbability/(1-p.FlareProbability), 1e200) // finite, so that 1 works too
	d.resumption = -stream.Log(1-p.Resumption) / weeksPerYear
	d.discontinue = 1 - stream.Exp(stream.Log(1-p.Discontinuation)/weeksPerYear)
	// The published share is over two years, of which the recovery is free of risk.
	d.reoperation = 1 - stream.Exp(stream.Log(1-p.Reoperation)/math.Max(1, 2*weeksPerYear-d.recovery))
	for i, r := range []float64{p.OverdoseUnder20, p.Overdose20, p.Overdose50, p.Overdose100} {
		d.overdose[i] = r / weeksPerYear
	}
	d.medicalSD = math.Sqrt(stream.Log(1 + float64(p.MedicalCV*p.MedicalCV)))
	d.rates = [4][4]float64{
		{0, p.FullModified, p.FullOff, p.FullDisability},
		{p.ModifiedFull, 0, p.ModifiedOff, p.ModifiedDisability},
		{p.OffFull, p.OffModified, 0, p.OffDisability},
		{p.DisabilityFull, p.DisabilityModified, p.DisabilityOff, 0},
	}
	for from, row := range d.rates {
		for to, r := range row {
			if to < from {
				d.up[from] += r
			} else {
				d.down[from] += r
			}
		}
	}
	left := halving(p.DriftHalfLife)
	share := 1.0
	for t := range set.weeks + 1 {
		d.drift = append(d.drift, 1-share)
		d.ageing = append(d.ageing, stream.Exp(float64(p.Growth*float64(t))/weeksPerYear))
		share = float64(share * left)
	}
	for i, name := range strategies {
		a, err := d.arm(name, designs[i], set.weeks)
		if err != nil {
			return nil, fmt.Errorf("strategy %s: %w", name, err)
		}
		d.arms = append(d.arms, a)
	}
	return d, nil
}

// halving is the weekly factor of something with a half-life in weeks; with 0
// it is gone at once.
func halving(halfLife float64) float64 {
	if halfLife <= 0 {
		return 0
	}
	return stream.Exp(-math.Ln2 / halfLife)
}

func (d *draw) correlate() {
	p := d.p
	l21 := p.CorrPI
	l22 := math.Sqrt(1 - float64(l21*l21))
	l31 := p.CorrPM
	l32 := (p.CorrIM - float64(l21*l31)) / l22
	d.chol = [6]float64{1, l21, l22, l31, l32, math.Sqrt(1 - float64(l31*l31) - float64(l32*l32))}
	scale := math.Sqrt(1 - float64(p.Autocorrelation*p.Autocorrelation))
	d.innovation = [3]float64{p.SDPain * scale, p.SDInterference * scale, p.SDMood * scale}
}

func (d *draw) arm(name string, x *design.Design, weeks int) (arm, error) {
	p := d.p
	switch {
	case name == design.UsualCare:
		return arm{}, nil
	case name == design.LumbarFusion:
		// Fusion does what a program does in the long run, plus the differences that
		// trials of the two found.
		return arm{
			surgery: true,
			effect: [3]float64{
				float64(p.EffectPain*p.RetainedPain) + p.FusionPain,
				float64(p.EffectInterference*p.RetainedInterference) + p.FusionInterference,
				p.FusionMood,
			},
			retained: [3]float64{1, 1, 1},
			work:     p.FusionWork,
		}, nil
	case x == nil:
		return arm{}, fmt.Errorf("has no design")
	}
	a := arm{
		program:     true,
		effect:      [3]float64{p.EffectPain, p.EffectInterference, p.EffectMood},
		retained:    [3]float64{p.RetainedPain, p.RetainedInterference, p.RetainedMood},
		work:        p.WorkProgram,
		boosters:    make([]bool, weeks+1),
		boosterCost: x.BoosterCost() * p.ProgramCost,
		taper:       x.Taper,
		accept:      p.AcceptOptional,
	}
	if a.taper != nil && a.taper.WeaningRequired {
		a.accept = p.AcceptRequired
	}
	for _, ph := range x.Phases {
		c := phase{weeks: float64(ph.Weeks), hours: p.weightedHours(ph), cost: x.WeekCost(ph) * p.ProgramCost}
		for _, component := range design.Components {
			c.clock += float64(ph.Hours[component] * p.Attendance)
		}
		if ph.Benchmark != nil {
			c.reduction, c.extend = ph.Benchmark.InterferenceReduction, float64(ph.Benchmark.ExtendWeeks)
		}
		a.phases = append(a.phases, c)
	}
	stay := stream.Exp(stream.Log(p.Completion) / float64(x.PlannedWeeks()))
	a.dropoutOdds = math.Min((1-stay)/stay, 1e200) // finite, so that a completion of 0 works too
	if x.Boosters != nil {
		for _, w := range x.Boosters.Weeks {
			if w <= weeks {
				a.boosters[w] = true
			}
		}
	}
	return a, nil
}
