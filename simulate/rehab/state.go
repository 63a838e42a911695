package rehab

import (
	"math"

	"recoup/simulate"
	"recoup/simulate/stream"
)

// column is one variable of the patients of a block.
type column [simulate.BlockSize]float64

// The work states.
const (
	workFull = iota
	workModified
	workOff
	workDisability
)

// state is the patients of a block under one strategy, a struct of columns.
// Flags are 0 or 1.
type state struct {
	n                   int
	inProgram, operated bool // whether the strategy is a program, or surgery

	// Who they are.
	hazard       column    // weekly mortality at entry, without opioids
	base         [3]column // pain, interference, mood at entry
	gain         [3]column // improvement without treatment in the end
	response     column    // multiplier of the effect
	medical      column    // multiplier of medical cost
	compensation column
	entryDose    column // MME a day
	entryWork    column

	// How they are.
	alive   column
	symptom [3]column // pain, interference (0-10), mood (0-27)
	shift   [3]column // weekly deviation from the patient's own level
	flare   column    // points of pain left of a flare
	dose    column    // MME a day
	work    column
	weeksOff,
	streak, // weeks working without a break
	sustained column

	// Program.
	attending, completed, dropped column
	phase, week, extended         column // place in the program
	hours                         column // effective hours so far
	peak, fading                  column // effect reached; and the part that decays, as shares
	since                         column // weeks since discharge, 0 before
	tapering                      column

	// Surgery.
	recovery, jobBefore      column // weeks left; work state before, or −1
	complication, reoperated column

	// What it adds up to. Costs in discounted US dollars.
	costProgram, costSurgery, costMedical, costDrugs, costOverdose, costWork column
	qaly, years, overdoses                                                   column

	u, v column // random numbers of the step
	z    [3]column
}

// Counters of the random numbers. A week has slots of its own; entry has
// counters far above.
const (
	slotPain = iota
	slotInterference
	slotMood
	slotDeath
	slotDropout
	slotTaper
	slotFlare
	slotWork
	slotOverdose
	slotSurgery
	slotsPerWeek
)

const (
	entryAge = 1<<32 + iota
	entrySex
	entryPain
	entryInterference
	entryMood
	entryOpioid
	entryDoseSize
	entryWorkState
	entryWeeksOff
	entryCompensation
	entryResponse
	entryMedical
	entryAccept
	entryPerioperative
	entryComplication
	entryNewOpioid
	entryDriftPain // three in a row
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
		s.hazard[i] = annual * stream.Exp(float64(d.p.Growth*(age-45))) / weeksPerYear
	}
}

func (s *state) enterSymptoms(b *simulate.Block, set *settings, d *draw) {
	pop := &set.population
	for k := range s.z {
		s.normals(&s.z[k], b, entryPain+uint64(k))
	}
	s.correlate(d)
	drift := [3]float64{d.p.DriftPain, d.p.DriftInterference, d.p.DriftMood}
	mean := [3]float64{pop.Pain.Mean, pop.Interference.Mean, pop.Mood.Mean}
	sd := [3]float64{pop.Pain.SD, pop.Interference.SD, pop.Mood.SD}
	for k := range s.base {
		for i := range s.n {
			x := clamp(mean[k]+float64(sd[k]*s.z[k][i]), 0, top[k])
			s.base[k][i] = x
			s.symptom[k][i] = x
			s.gain[k][i] = drift[k] + float64(d.p.Regression*(x-mean[k]))
		}
	}
	for k := range s.z {
		s.normals(&s.z[k], b, entryDriftPain+uint64(k))
	}
	s.correlate(d)
	spread := [3]float64{d.p.DriftSDPain, d.p.DriftSDInterference, d.p.DriftSDMood}
	for k := range s.gain {
		for i := range s.n {
			s.gain[k][i] += float64(spread[k] * s.z[k][i])
		}
	}
}

// top is the largest value of pain, interference and mood.
var top = [3]float64{10, 10, 27}

// correlate turns the independent normals of z into correlated ones.
func (s *state) correlate(d *draw) {
	c := &d.chol
	for i := range min(s.n, simulate.BlockSize) {
		a, b, e := s.z[0][i], s.z[1][i], s.z[2][i]
		s.z[1][i] = float64(c[1]*a) + float64(c[2]*b)
		s.z[2][i] = float64(c[3]*a) + float64(c[4]*b) + float64(c[5]*e)
	}
}

func (s *state) enterOpioids(b *simulate.Block, set *settings) {
	pop := &set.population
	s.uniforms(&s.u, b, entryOpioid)
	s.normals(&s.v, b, entryDoseSize)
	for i := range s.n {
		if s.u[i] < pop.OpioidShare {
			s.dose[i] = math.Min(500, pop.doseMedian*stream.Exp(float64(pop.doseSDLog*s.v[i])))
		}
		s.entryDose[i] = s.dose[i]
	}
}

func (s *state) enterWork(b *simulate.Block, set *settings) {
	pop := &set.population
	s.uniforms(&s.u, b, entryWorkState)
	s.uniforms(&s.v, b, entryWeeksOff)
	w := pop.Work
	for i := range s.n {
		switch u := s.u[i]; {
		case u < w.Full:
			s.work[i] = workFull
		case u < w.Full+w.Modified:
			s.work[i] = workModified
		case u < w.Full+w.Modified+w.Off:
			s.work[i] = workOff
		default:
			s.work[i] = workDisability
		}
		if s.work[i] >= workOff {
			s.weeksOff[i] = -float64(pop.WeeksOffWork * stream.Log(s.v[i]))
		}
		s.entryWork[i] = s.work[i]
		s.jobBefore[i] = -1
	}
	s.uniforms(&s.u, b, entryCompensation)
	for i := range s.n {
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

// expTable holds eˣ at steps of 1/32 from −8 to 8.
var expTable = func() (t [513]float64) {
	for i := range t {
		t[i] = stream.Exp(float64(i-256) / 32)
	}
	return t
}()

// expBounds returns two numbers that eˣ lies between, by table. Most weeks
// nothing happens, and a bound is enough to know it.
func expBounds(x float64) (least, most float64) {
	k := int(float64((x + 8) * 32))
	if !(x > -8 && x < 8) || k >= len(expTable)-1 {
		return 0, math.Inf(1)
	}
	// One step wider on both sides, so that rounding of k cannot matter.
	return expTable[max(k-1, 0)], expTable[min(k+2, len(expTable)-1)]
}
