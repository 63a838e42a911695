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
	doseMedian, doseSDLog float64         // of the lognormal dose
	mortality             [2][121]float64 // weekly by sex (female 1) and age, with a life table
}

func newPopulation(p design.Population) population {
	cv := p.OpioidDose.SD / p.OpioidDose.Mean
	s2 := stream.Log(1 + float64(cv*cv))
	out := population{Population: p, doseMedian: p.OpioidDose.Mean * stream.Exp(-s2/2), doseSDLog: math.Sqrt(s2)}
	for k, y := range p.LifeTable {
		to := len(out.mortality[0])
		if k+1 < len(p.LifeTable) {
			to = p.LifeTable[k+1].Age
		}
		for age := max(0, y.Age); age < to; age++ {
			out.mortality[0][age], out.mortality[1][age] = weeklyHazard(y.Male), weeklyHazard(y.Female)
		}
	}
	return out
}

// weeklyHazard is that of a probability of a year; all but certain is made finite.
func weeklyHazard(q float64) float64 {
	return -stream.Log(math.Max(1-q, 1e-300)) / weeksPerYear
}

// settings hold for all draws and strategies.
type settings struct {
	weeks        int
	perspective  string
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
	out := settings{weeks: s.HorizonWeeks, perspective: s.Perspective, population: newPopulation(s.Population), weight: w, discountCost: cost}
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

	chol        [15]float64       // lower Cholesky factor of the symptom correlations, by rows
	innovation  [symptoms]float64 // SD of the weekly innovation
	drift       []float64         // share of the drift reached, by week
	ageing      []float64         // growth of mortality since entry, by week
	loss        float64           // share of an effect that decays lost in a week
	flareOdds   float64
	resumption  float64    // weekly hazard
	leaveMAT    float64    // weekly probability
	overdose    [5]float64 // the last on medication-assisted treatment
	reoperation float64    // weekly probability
	recovery    float64    // whole weeks, at least 1
	decrement   [12]float64
	use         [4]float64 // visits, imaging, procedures, emergency visits a week
	usePrice    [4]float64
	medicalSD   float64 // SD of the logarithm of a patient's cost multiplier
	rates       [4][4]float64
	up, down    [4]float64 // sums of the rates to better and to worse work states
	arms        []arm      // by strategy
}

// arm is one strategy under one draw.
type arm struct {
	program     bool
	surgery     bool    // at entry
	gate        bool    // surgery after the program
	gateLevel   float64 // share of interference at entry over which it is offered
	maintenance bool

	effect   [symptoms]float64 // full effect of the program; of self-efficacy negative, since it rises
	retained [symptoms]float64 // share that lasts
	surgical [symptoms]float64 // effect of surgery
	work     float64           // log hazard of a better work state

	phases      []phase
	last        float64 // weeks after which the program ends
	dropoutOdds float64
	boosters    []bool // by weeks after discharge
	boosterCost float64
	relapse     *design.Relapse
	returnTo    float64
	taper       *design.Taper
	accept      float64
	discontinue float64 // weekly probability of stopping opioids without a taper
	growth      float64 // weekly factor of the dose

	line *line // nil where nobody waits
}

// phase is one phase of a program, per week.
type phase struct {
	weeks, clock, cost  float64 // length; hours on the clock; USD
	keep, keepWork      float64 // what a week leaves of what is still to be gained, in all and of vocational hours
	benchmark           bool
	reduction, extend   float64
	walks, worseBy      float64
	met, stalled, worse float64 // phases to go to; their number is discharge
	next                float64
}

// compile turns the values of one draw into what the kernel reads.
func compile(set *settings, values map[string]float64, strategies []string, designs []*design.Design) (*draw, error) {
	p, err := newParameters(values)
	if err != nil {
		return nil, err
	}
	d := &draw{p: p, decrement: p.decrements(), recovery: math.Max(1, math.Round(p.RecoveryWeeks))}
	d.correlate()
	d.loss = 1 - halving(p.EffectHalfLife)
	d.flareOdds = math.Min(p.FlareProbability/(1-p.FlareProbability), 1e200) // finite, so that 1 works too
	d.resumption = -stream.Log(1-p.Resumption) / weeksPerYear
	d.leaveMAT = weekly(p.MATLeaving)
	// The published share is over two years, of which the recovery is free of risk.
	d.reoperation = 1 - stream.Exp(stream.Log(1-p.Reoperation)/math.Max(1, 2*weeksPerYear-d.recovery))
	for i, r := range []float64{p.OverdoseUnder20, p.Overdose20, p.Overdose50, p.Overdose100, p.OverdoseUnder20 * p.OverdoseMAT} {
		d.overdose[i] = r / weeksPerYear
	}
	d.use = [4]float64{p.Visits / weeksPerYear, p.Imaging / weeksPerYear, p.Procedures / weeksPerYear, p.Emergency / weeksPerYear}
	d.usePrice = [4]float64{p.VisitCost, p.ImagingCost, p.ProcedureCost, p.EmergencyCost}
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
		grown := 1.0 // a life table has its own
		if set.population.LifeTable == nil {
			grown = stream.Exp(float64(p.Growth*float64(t)) / weeksPerYear)
		}
		d.ageing = append(d.ageing, grown)
		share = float64(share * left)
	}
	for i, name := range strategies {
		a, err := d.arm(set, name, designs[i])
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

// weekly turns a share of a year into a weekly probability.
func weekly(share float64) float64 { return 1 - stream.Exp(stream.Log(1-share)/weeksPerYear) }

func (d *draw) correlate() {
	p := d.p
	d.chol, _ = cholesky(p.correlations()) // newParameters has seen that it is one
	scale := math.Sqrt(1 - float64(p.Autocorrelation*p.Autocorrelation))
	for k, sd := range [symptoms]float64{p.SDPain, p.SDInterference, p.SDMood, p.SDSelfEfficacy, p.SDSleep} {
		d.innovation[k] = sd * scale
	}
}

func (d *draw) arm(set *settings, name string, x *design.Design) (arm, error) {
	a := arm{discontinue: weekly(d.p.Discontinuation), growth: 1}
	switch {
	case name == design.UsualCare:
	case name == design.OpioidMaintenance:
		a.maintenance, a.discontinue = true, weekly(d.p.MaintenanceStop)
		a.growth = stream.Exp(d.p.MaintenanceRise / weeksPerYear)
	case name == design.LumbarFusion:
		a.surgery, a.work = true, d.p.FusionWork
		a.surgical = d.p.surgicalEffect()
	case x == nil:
		return a, fmt.Errorf("has no design")
	default:
		return d.programArm(set, a, x)
	}
	return a, nil
}

// surgicalEffect: fusion does what a program does in the long run, plus the
// differences that trials of the two found; on self-efficacy and sleep it does
// nothing.
func (p parameters) surgicalEffect() [symptoms]float64 {
	return [symptoms]float64{
		float64(p.EffectPain*p.RetainedPain) + p.FusionPain,
		float64(p.EffectInterference*p.RetainedInterference) + p.FusionInterference,
		p.FusionMood,
	}
}

func (d *draw) programArm(set *settings, a arm, x *design.Design) (arm, error) {
	p := d.p
	a.program, a.work = true, p.WorkProgram
	a.effect = [symptoms]float64{p.EffectPain, p.EffectInterference, p.EffectMood, -p.EffectSelfEfficacy, p.EffectSleep}
	a.retained = [symptoms]float64{p.RetainedPain, p.RetainedInterference, p.RetainedMood, p.RetainedSelfEfficacy, p.RetainedSleep}
	a.boosters, a.boosterCost = make([]bool, set.weeks+1), x.BoosterCost()*p.ProgramCost
	a.taper, a.accept = x.Taper, p.AcceptOptional
	if a.taper != nil && a.taper.WeaningRequired {
		a.accept = p.AcceptRequired
	}
	if a.last = float64(x.MaxWeeks); x.MaxWeeks == 0 {
		a.last = math.Inf(1)
	}
	for i := range x.Phases {
		a.phases = append(a.phases, d.phase(x, i))
	}
	stay := stream.Exp(stream.Log(p.Completion) / float64(x.PlannedWeeks()))
	a.dropoutOdds = math.Min((1-stay)/stay, 1e200) // finite, so that a completion of 0 works too
	if x.Boosters != nil {
		for _, w := range x.Boosters.Weeks {
			if w <= set.weeks {
				a.boosters[w] = true
			}
		}
	}
	if x.Relapse != nil {
		a.relapse = x.Relapse
		for i, ph := range x.Phases {
			if ph.Name == x.Relapse.ReturnTo {
				a.returnTo = float64(i)
			}
		}
	}
	if x.Gate != nil {
		a.gate, a.gateLevel = true, 1-x.Gate.InterferenceReduction
		a.surgical = p.surgicalEffect()
	}
	var err error
	a.line, err = newLine(x, &set.population)
	return a, err
}

func (d *draw) phase(x *design.Design, i int) phase {
	ph := x.Phases[i]
	c := phase{weeks: float64(ph.Weeks), cost: x.WeekCost(ph) * d.p.ProgramCost, next: float64(i + 1)}
	for _, component := range design.Components {
		c.clock += float64(ph.Hours[component] * d.p.Attendance)
	}
	c.keep = halfLeft(d.p.weightedHours(ph), d.p.HalfDoseHours)
	vocational := design.Phase{Hours: map[string]float64{"life_work_exposure": ph.Hours["life_work_exposure"]}, Telehealth: ph.Telehealth}
	c.keepWork = halfLeft(d.p.weightedHours(vocational), d.p.HalfDoseHours)
	met, stalled, worse := x.Targets(i)
	c.met, c.stalled, c.worse = float64(met), float64(stalled), float64(worse)
	if b := ph.Benchmark; b != nil {
		c.benchmark = true
		c.reduction, c.extend, c.walks, c.worseBy = b.InterferenceReduction, float64(b.ExtendWeeks), b.WalkingSessions, b.WorseBy
	}
	return c
}

// halfLeft is what effective hours leave of what is still to be gained,
// 2^(−hours/half), so that h hours in all give 1 − 2^(−h/half) of the full effect;
// with half 0 any hours give all of it.
func halfLeft(hours, half float64) float64 {
	switch {
	case hours <= 0:
		return 1
	case half <= 0:
		return 0
	}
	return stream.Exp(-float64(hours*(1/half)) * math.Ln2)
}
