package rehab

import (
	"math"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/internal/lanes"
	"recoup/simulate/stream"
)

// column is one variable of the patients of a block, and a line of the cache more: at
// distances of a power of two, what one patient has in many columns would compete for the
// same few places of the cache.
type column [simulate.BlockSize + 8]float64

// The work states.
const (
	workFull = iota
	workModified
	workOff
	workDisability
	workRetired // by age, from whatever state; nobody comes back
)

// The states of opioid treatment.
const (
	opioidNone = iota // never
	opioidStable
	opioidTapering
	opioidPaused
	opioidOff
	opioidMAT // medication-assisted treatment; its dose is no pain opioid and not counted
	opioidResumed
)

// symptoms is the number of symptoms: pain and interference (0-10), mood (PHQ-9,
// 0-27), self-efficacy (PSEQ, 0-60, more is better), sleep (ISI, 0-28).
const (
	pain = iota
	interference
	mood
	selfEfficacy
	sleep
	symptoms
)

// state is the patients of a block under one strategy, a struct of columns.
// Flags are 0 or 1. The columns come first, so that each begins with a line of the
// cache: a vector that lies across two is read at half the speed.
type state struct {
	// Who they are.
	age, female  column
	hazard       column           // weekly mortality at entry, without opioids
	base         [symptoms]column // at entry
	gain         [symptoms]column // improvement without treatment in the end
	retires      column           // first week of retirement by age, 0 at entry
	response     column           // multiplier of the effect
	medical      column           // multiplier of medical cost
	compensation column
	entryDose    column // MME a day
	usualDose    column // dose that a resumed one goes by: at entry, or of the first prescription after surgery
	entryWork    column
	job          column // has a job to go back to
	willing      column // uniform: under the share, willing to taper
	chooses      column // uniform: under the share, chooses surgery after the gate

	// How they are.
	alive   column
	symptom [symptoms]column
	shift   [symptoms]column // weekly deviation from the patient's own level
	flare   column           // points of pain left of a flare
	dose    column           // MME a day
	opioid  column
	clean   column // weeks without pain opioids or medication-assisted treatment
	work    column
	weeksOff,
	streak, // weeks working without a break
	sustained column

	// Program.
	waiting, waited               column // weeks until it begins, left and in all
	attending, completed, dropped column
	phase, week, extended         column // place in the program
	weeksIn                       column // weeks in the program
	peak, fading                  column // effect reached; and the part that decays, as shares
	vocational                    column // share of the vocational dose
	since                         column // weeks since discharge, 0 before
	left                          column // interference at discharge
	returns, steps                column // re-admissions; times stepped up

	// Surgery.
	operated, perioperative  column
	healed                   column // share of the effect of surgery
	recovery, jobBefore      column // weeks left; work state before, or −1
	complication, reoperated column

	// What it adds up to. Costs in discounted US dollars.
	costProgram, costSurgery, costDrugs, costOverdose, costWork, costIndemnity column
	used, costUse                                                              [4]column // visits, imaging, procedures, emergency visits
	health, healthAtEntry                                                      column    // utility now and at entry
	qaly, years, overdoses                                                     column

	u, v column // random numbers of the step
	w    column // and what is worked out with them
	z    [symptoms]column
	some [simulate.BlockSize]int32 // patients of a step

	n         int
	inProgram bool // whether the strategy is a program
}

// Counters of the random numbers. A week has slots of its own; entry has
// counters far above.
const (
	slotPain  = iota // three in a row: two normals from each of the first two
	slotDeath = iota + 2
	slotDropout
	slotTaper
	slotFlare
	slotWork
	slotOverdose
	slotSurgery
	slotUse      // two in a row, each for two counts
	slotsPerWeek = slotUse + 2
)

const (
	entryAge = 1<<32 + iota
	entrySex
	entryOpioid
	entryDoseSize
	entryWorkState
	entryWeeksOff
	entryCompensation
	entryJob
	entryResponse
	entryMedical
	entryWilling
	entryWait
	entryPerioperative
	entryComplication
	entryNewOpioid
	entryGate
	entryPain      // five in a row
	entryDriftPain = entryPain + symptoms
	entryOvertaken = 1 << 40 // and on from there
)

func (s *state) uniforms(dst *column, b *simulate.Block, counter uint64) {
	b.Generator.Uniforms(dst[:s.n], b.Keys, counter)
}

func (s *state) normals(dst *column, b *simulate.Block, counter uint64) {
	b.Generator.Normals(dst[:s.n], b.Keys, counter)
}

// enter draws the patients as they are at admission. It uses nothing of the
// strategy, so patient i is the same person under all of them.
func (s *state) enter(b *simulate.Block, set *settings, d *draw) {
	*s = state{n: b.Len()}
	s.enterMortality(b, set, d)
	s.enterSymptoms(b, set, d)
	s.enterOpioids(b, set)
	s.enterWork(b, set)
	s.normals(&s.response, b, entryResponse)
	s.normals(&s.medical, b, entryMedical)
	for i := range s.n {
		s.alive[i] = 1
		s.response[i] = 1 + float64(d.p.ResponseSD*s.response[i])
		// Mean 1 whatever the spread.
		s.medical[i] = stream.Exp(float64(d.medicalSD*s.medical[i]) - float64(float64(d.medicalSD*d.medicalSD)*0.5))
	}
}

func (s *state) enterMortality(b *simulate.Block, set *settings, d *draw) {
	pop := &set.population
	s.normals(&s.u, b, entryAge)
	s.uniforms(&s.v, b, entrySex)
	for i := range s.n {
		age := clamp(pop.Age.Mean+float64(pop.Age.SD*s.u[i]), pop.Age.Minimum, pop.Age.Maximum)
		annual := d.p.MaleAt45
		if s.v[i] < pop.Female {
			annual = d.p.FemaleAt45
		}
		s.age[i], s.female[i] = age, flag(s.v[i] < pop.Female)
		s.retires[i] = math.Inf(1)
		if pop.RetirementAge > 0 {
			s.retires[i] = math.Ceil(math.Max(0, pop.RetirementAge-age) * weeksPerYear)
		}
		s.hazard[i] = annual * stream.Exp(float64(d.p.Growth*(age-45))) / weeksPerYear
	}
}

func (s *state) enterSymptoms(b *simulate.Block, set *settings, d *draw) {
	pop := &set.population
	for k := range s.z {
		s.normals(&s.z[k], b, entryPain+uint64(k))
	}
	s.correlate(d)
	p := &d.p
	drift := [symptoms]float64{p.DriftPain, p.DriftInterference, p.DriftMood, -p.DriftSelfEfficacy, p.DriftSleep}
	start := [symptoms]design.Spread{pop.Pain, pop.Interference, pop.Mood, pop.SelfEfficacy, pop.Sleep}
	for k := range s.base {
		for i := range s.n {
			x := clamp(start[k].Mean+float64(start[k].SD*s.z[k][i]), 0, top[k])
			s.base[k][i] = x
			s.symptom[k][i] = x
			s.gain[k][i] = drift[k] + float64(p.Regression*(x-start[k].Mean))
		}
	}
	for k := range s.z {
		s.normals(&s.z[k], b, entryDriftPain+uint64(k))
	}
	s.correlate(d)
	spread := [symptoms]float64{p.DriftSDPain, p.DriftSDInterference, p.DriftSDMood, p.DriftSDSelfEfficacy, p.DriftSDSleep}
	for k := range s.gain {
		for i := range s.n {
			s.gain[k][i] += float64(spread[k] * s.z[k][i])
		}
	}
}

// top is the largest value of each symptom.
var top = [symptoms]float64{10, 10, 27, 60, 28}

// correlate turns the independent normals of z into correlated ones.
func (s *state) correlate(d *draw) {
	c, n, row, to := &d.chol, min(s.n, simulate.BlockSize), symptoms-1, len(d.chol)
	for ; row > 0; row-- { // the last first: each uses those before it
		to -= row + 1
		of, t := c[to:], s.u[:n]
		lanes.Weighted(t, of[0], s.z[0][:], of[1], s.z[1][:])
		for k := 2; k <= row; k++ {
			lanes.Weighted(t, 1, t, of[k], s.z[k][:])
		}
		copy(s.z[row][:], t)
	}
}

func (s *state) enterOpioids(b *simulate.Block, set *settings) {
	pop := &set.population
	s.uniforms(&s.u, b, entryOpioid)
	s.normals(&s.v, b, entryDoseSize)
	for i := range s.n {
		if s.u[i] < pop.OpioidShare {
			s.opioid[i] = opioidStable
			s.dose[i] = math.Min(500, pop.doseMedian*stream.Exp(float64(pop.doseSDLog*s.v[i])))
		}
		s.entryDose[i], s.usualDose[i] = s.dose[i], s.dose[i]
	}
}

func (s *state) enterWork(b *simulate.Block, set *settings) {
	pop := &set.population
	s.uniforms(&s.u, b, entryWorkState)
	s.uniforms(&s.v, b, entryWeeksOff)
	w := pop.Work
	for i := range s.n {
		switch u := s.u[i]; {
		case s.retires[i] == 0:
			s.work[i] = workRetired
		case u < w.Full:
			s.work[i] = workFull
		case u < w.Full+w.Modified:
			s.work[i] = workModified
		case u < w.Full+w.Modified+w.Off:
			s.work[i] = workOff
		default:
			s.work[i] = workDisability
		}
		if offWork(s.work[i]) {
			s.weeksOff[i] = -float64(pop.WeeksOffWork * stream.Log(s.v[i]))
		}
		s.entryWork[i] = s.work[i]
		s.jobBefore[i] = -1
	}
	s.uniforms(&s.u, b, entryCompensation)
	s.uniforms(&s.v, b, entryJob)
	for i := range s.n {
		s.job[i] = flag(s.work[i] <= workModified || s.work[i] != workRetired && s.v[i] < pop.JobHeld)
		if s.u[i] < pop.Compensation {
			s.compensation[i] = 1
		}
	}
}

func clamp(x, lo, hi float64) float64 {
	if x < lo {
		return lo
	}
	if x > hi {
		return hi
	}
	return x
}

// probability turns a weekly hazard into a probability, 1 − e⁻ʰ.
func probability(h float64) float64 {
	if h < 1e-3 { // the next term of the series is under 10⁻¹³
		return h - float64(float64(h*h)*0.5) + float64(float64(float64(h*h)*h)*(1.0/6))
	}
	return 1 - stream.Exp(-h)
}

// expTable holds eˣ at steps of 1/32 from −8 to 8. It has room for a mask of its index.
var expTable = func() (t [1024]float64) {
	for i := range 513 {
		t[i] = stream.Exp(float64(i-256) / 32)
	}
	return t
}()

// expMost returns two numbers that eˣ and e⁻ˣ are not over, by table. Most weeks
// nothing happens, and a bound is enough to know it.
func expMost(x float64) (plus, minus float64) {
	k := int(float64((x + 8) * 32))
	if !(x > -7.9 && x < 7.9) {
		return math.MaxFloat64, math.MaxFloat64
	}
	// One step wider on both sides, so that rounding of k cannot matter.
	return expTable[(k+2)&1023], expTable[(513-k)&1023]
}
