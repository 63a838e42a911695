package rehab

import (
	"math"
	"slices"

	"recoup/simulate"
	"recoup/simulate/internal/lanes"
	"recoup/simulate/stream"
)

// begin applies what happens on the day of admission: patients of a program start
// it or wait for a place, surgical patients are operated.
func (s *state) begin(b *simulate.Block, set *settings, d *draw, a *arm) {
	s.inProgram = a.program
	if a.surgery || a.gate {
		s.uniforms(&s.complication, b, entryComplication)
		s.uniforms(&s.perioperative, b, entryPerioperative)
		for i := range min(s.n, simulate.BlockSize) {
			s.complication[i] = flag(s.complication[i] < d.p.Complication)
			s.perioperative[i] = flag(s.perioperative[i] < d.p.FusionMortality)
		}
	}
	if a.surgery {
		for i := range min(s.n, simulate.BlockSize) {
			s.operate(i, d, set.discountCost[0])
		}
	}
	if !a.program {
		return
	}
	s.uniforms(&s.willing, b, entryWilling)
	s.uniforms(&s.chooses, b, entryGate)
	if a.line != nil {
		a.line.join(s, b, set.weeks)
	}
	for i := range min(s.n, simulate.BlockSize) {
		s.waited[i] = s.waiting[i]
		if s.waiting[i] == 0 {
			s.admit(i, a)
		}
	}
}

// admit starts the program, and the taper of those who are willing.
func (s *state) admit(i int, a *arm) {
	s.attending[i] = 1
	if a.taper != nil && s.dose[i] > 0 && s.willing[i] < a.accept {
		s.opioid[i] = opioidTapering
	}
}

// operate is a first lumbar fusion, paid at a discount factor.
func (s *state) operate(i int, d *draw, discount float64) {
	s.operated[i] = 1
	s.costSurgery[i] += float64(discount * (d.p.FusionCost + float64(s.complication[i]*d.p.ComplicationCost)))
	ratio := d.p.DoseRatio
	if s.compensation[i] == 1 {
		ratio = d.p.DoseRatioCompensation
	}
	s.dose[i] = float64(s.dose[i] * ratio)
	s.stopWork(i, d)
}

// stopWork puts a patient off work for the recovery and remembers the job.
func (s *state) stopWork(i int, d *draw) {
	s.recovery[i] = d.recovery
	if s.work[i] <= workModified {
		s.jobBefore[i] = s.work[i]
		s.work[i] = workOff
		s.weeksOff[i], s.streak[i] = 0, 0
	}
}

// mortality: hazard of age and sex, grown since entry or from the life table at every
// year since, times the ratio of the
// dose band; in the week after surgery the perioperative risk as well.
func (s *state) mortality(b *simulate.Block, set *settings, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotDeath)
	if set.population.LifeTable != nil && t%weeksPerYear == 1 {
		s.readLifeTable(&set.population, float64(t/weeksPerYear))
	}
	grown := d.ageing[t-1]
	highest := max(1, d.p.DeathOver90, d.p.DeathUnder90, d.p.DeathMAT)
	for i := range min(s.n, simulate.BlockSize) {
		h := float64(s.hazard[i] * grown)
		if s.u[i] >= float64(h*highest) {
			continue // 1 − e⁻ʰ is under h
		}
		switch {
		case s.dose[i] >= 90:
			h = float64(h * d.p.DeathOver90)
		case s.dose[i] > 0:
			h = float64(h * d.p.DeathUnder90)
		case s.opioid[i] == opioidMAT:
			h = float64(h * d.p.DeathMAT)
		}
		if s.u[i] < h && s.u[i] < probability(h) {
			s.alive[i] = 0
		}
	}
	if a.surgery || a.gate {
		for i := range min(s.n, simulate.BlockSize) {
			if s.operated[i]*s.perioperative[i] == 1 {
				s.alive[i] = 0
			}
		}
	}
}

// readLifeTable takes the hazards of a year of age.
func (s *state) readLifeTable(pop *population, years float64) {
	for i := range min(s.n, simulate.BlockSize) {
		age := min(int(s.age[i]+years), len(pop.mortality[0])-1)
		s.hazard[i] = pop.mortality[int(s.female[i])][age]
	}
}

// program: a week of the waiting list or of attendance, with dropout, progression
// and discharge.
func (s *state) program(b *simulate.Block, set *settings, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotDropout)
	meanMood := set.population.Mood.Mean
	for i := range min(s.n, simulate.BlockSize) {
		if s.alive[i] == 0 {
			continue
		}
		if s.waiting[i] > 0 {
			if s.waiting[i]--; s.waiting[i] == 0 {
				s.admit(i, a)
			}
			continue
		}
		if s.attending[i] == 0 {
			continue
		}
		ph := &a.phases[int(s.phase[i])]
		s.costProgram[i] += float64(set.discountCost[t-1] * ph.cost)
		odds := float64(a.dropoutOdds * stream.Exp(float64(d.p.DropoutMood*(s.symptom[mood][i]-meanMood))))
		if float64(s.u[i]*(1+odds)) < odds {
			s.attending[i], s.dropped[i] = 0, 1
			s.stopTaper(i)
			continue
		}
		s.peak[i] = 1 - float64((1-s.peak[i])*ph.keep)
		s.fading[i] = 1 - float64((1-s.fading[i])*ph.keep)
		s.vocational[i] = 1 - float64((1-s.vocational[i])*ph.keepWork)
		s.weeksIn[i]++
		s.progress(i, set, d, a, t)
	}
}

// progress moves a patient on at the end of a week. A phase ends when its weeks are
// over; its benchmark then says where to, and may extend it.
func (s *state) progress(i int, set *settings, d *draw, a *arm, t int) {
	ph := &a.phases[int(s.phase[i])]
	s.week[i]++
	over := s.weeksIn[i] >= a.last
	if s.week[i] < ph.weeks && !over {
		return
	}
	to := ph.next
	if ph.benchmark {
		now, entry := s.symptom[interference][i], s.base[interference][i]
		walks := clamp(d.p.ActivityBase+float64(d.p.ActivityInterference*now)+float64(d.p.ActivitySelfEfficacy*s.symptom[selfEfficacy][i]), 0, 7)
		switch {
		case now <= float64((1-ph.reduction)*entry) && walks >= ph.walks:
			to = ph.met
		case ph.worseBy > 0 && now > float64((1+ph.worseBy)*entry):
			to = ph.worse
		case s.extended[i] < ph.extend && !over:
			s.extended[i]++
			return
		default:
			to = ph.stalled
		}
		if to != ph.next && to != ph.met && !over {
			s.steps[i]++
		}
	}
	s.week[i], s.extended[i], s.phase[i] = 0, 0, to
	if over || int(to) == len(a.phases) {
		s.discharge(i, set, d, a, t)
	}
}

// discharge ends the program; where it is a gate, those it has not helped enough may
// be operated.
func (s *state) discharge(i int, set *settings, d *draw, a *arm, t int) {
	s.attending[i], s.completed[i], s.since[i] = 0, 1, 0
	s.left[i] = s.symptom[interference][i]
	if a.taper != nil && !a.taper.AfterDischarge {
		s.stopTaper(i)
	}
	if a.gate && s.operated[i] == 0 && s.left[i] > float64(a.gateLevel*s.base[interference][i]) && s.chooses[i] < d.p.AfterGate {
		s.operate(i, d, set.discountCost[t])
	}
}

// aftercare: the effect fades after discharge, the slower the higher self-efficacy;
// boosters bring part of it back; the relapse watch takes patients back.
func (s *state) aftercare(set *settings, d *draw, a *arm, t int) {
	mean := set.population.SelfEfficacy.Mean
	for i := range min(s.n, simulate.BlockSize) {
		if s.completed[i]+s.dropped[i] == 0 || s.attending[i] == 1 {
			continue
		}
		slower := clamp(1-float64(d.p.FadeSelfEfficacy*0.1*(s.symptom[selfEfficacy][i]-mean)), 0.25, 4)
		s.fading[i] -= float64(s.fading[i] * min(1, float64(d.loss*slower)))
		s.since[i]++
		if s.completed[i]*s.alive[i] == 0 {
			continue
		}
		if a.boosters[int(s.since[i])] {
			s.fading[i] += float64(d.p.Booster * (s.peak[i] - s.fading[i]))
			s.costProgram[i] += float64(set.discountCost[t-1] * a.boosterCost)
		}
		if r := a.relapse; r != nil && int(s.since[i])%r.EveryWeeks == 0 && s.returns[i] < float64(r.Most) &&
			s.symptom[interference][i] >= s.left[i]+r.InterferenceRise {
			s.returns[i]++
			s.attending[i], s.phase[i], s.week[i], s.extended[i] = 1, a.returnTo, 0, 0
			s.weeksIn[i] = 0
		}
	}
}

// recover counts down the recovery from surgery; at its end patients go back to
// the job they had or not. Those recovered may need another operation.
func (s *state) recover(b *simulate.Block, set *settings, d *draw, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotSurgery)
	s.uniforms(&s.v, b, entryNewOpioid)
	for i := range min(s.n, simulate.BlockSize) {
		if s.alive[i]*s.operated[i] == 0 {
			continue
		}
		if s.recovery[i] == 0 {
			if s.u[i] < d.reoperation {
				s.reoperated[i] = 1
				s.costSurgery[i] += float64(set.discountCost[t-1] * d.p.ReoperationCost)
				s.stopWork(i, d)
			}
			continue
		}
		s.recovery[i]--
		if s.reoperated[i] == 0 {
			s.healed[i] = 1 - s.recovery[i]/d.recovery
		}
		if s.recovery[i] > 0 {
			continue
		}
		if s.jobBefore[i] >= 0 && s.u[i] < d.p.ReturnToJob {
			s.work[i], s.weeksOff[i] = s.jobBefore[i], 0
		}
		s.jobBefore[i] = -1
		if s.reoperated[i] == 0 && s.entryDose[i] == 0 && s.v[i] < d.p.NewOpioid {
			s.dose[i], s.usualDose[i], s.opioid[i] = d.p.NewDose, d.p.NewDose, opioidStable
		}
	}
}

// taper: the protocol for those tapering; stopping, resuming and leaving
// medication-assisted treatment for the others.
func (s *state) taper(b *simulate.Block, set *settings, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotTaper)
	// Where u is not under the bound of a state, nothing changes.
	mood0 := float64(d.p.ResumptionMood * -set.population.Mood.Mean)
	mood1 := mood0 + float64(d.p.ResumptionMood*top[mood])
	bound := [8]float64{
		opioidStable: a.discontinue, opioidTapering: 1, opioidPaused: d.p.TaperRestart, opioidMAT: d.leaveMAT, opioidResumed: a.discontinue,
		opioidOff: 1.01 * d.resumption * stream.Exp(max(mood0, mood1)),
	}
	factor, most := [8]float64{1, 1, 1, 1, 1, 1, 1, 1}, [8]float64{}
	for k := range most {
		most[k] = math.Inf(1)
	}
	for _, k := range []int{opioidStable, opioidResumed} {
		factor[k], most[k] = a.growth, 500
	}
	n, found := min(s.n, simulate.BlockSize), 0
	for i := range n {
		k := int(s.opioid[i]) & 7
		if s.dose[i] = float64(s.dose[i] * factor[k]); s.dose[i] > most[k] {
			s.dose[i] = most[k]
		}
		s.some[found&(simulate.BlockSize-1)] = int32(i)
		found += less(s.u[i], bound[k])
	}
	for _, i := range s.some[:found] {
		s.opioidEvent(int(i)&(simulate.BlockSize-1), set, d, a)
	}
	for i := range n {
		s.clean[i] = float64((s.clean[i] + 1) * free[s.takes(i)&1])
	}
}

var (
	one      = [2]float64{0, 1}
	free     = [2]float64{1, 0}
	assisted = [8]int{opioidMAT: 1}
)

// takes is 1 for a patient who takes opioids for pain or medication-assisted treatment.
func (s *state) takes(i int) int { return less(0, s.dose[i]) | assisted[int(s.opioid[i])&7] }

// less is 1 where a < b and 0 elsewhere, without a branch: what differs from patient to
// patient is not predicted.
func less(a, b float64) int {
	if a < b {
		return 1
	}
	return 0
}

// opioidEvent is what may happen to a patient in a state of opioid treatment.
func (s *state) opioidEvent(i int, set *settings, d *draw, a *arm) {
	switch u := s.u[i]; s.opioid[i] {
	case opioidTapering:
		s.taperWeek(i, d, a)
	case opioidPaused:
		if u < d.p.TaperRestart {
			s.opioid[i] = opioidTapering
		}
	case opioidOff:
		s.resume(i, set, d, a)
	case opioidMAT:
		if u < d.leaveMAT {
			s.dose[i], s.opioid[i] = float64(d.p.ResumedDose*s.usualDose[i]), opioidResumed
		}
	default:
		if u < a.discontinue {
			s.dose[i], s.opioid[i] = 0, opioidOff
		}
	}
}

// taperWeek is a week of tapering: a pause, a reversal, a change to
// medication-assisted treatment, or a step if one is due.
func (s *state) taperWeek(i int, d *draw, a *arm) {
	u, p, offered := s.u[i], &d.p, 0.0
	if a.taper.MedicationAssisted {
		offered = p.TaperMAT
	}
	of := s.entryDose[i]
	if a.taper.Of == "current" {
		of = s.dose[i]
	}
	step := float64(of * (a.taper.Percent / 100))
	week, first := int(s.weeksIn[i]), max(1, a.taper.StartWeek)
	if s.completed[i] == 1 {
		week += int(s.since[i])
	}
	switch {
	case u < p.TaperPause:
		s.opioid[i] = opioidPaused
	case u < p.TaperPause+p.TaperReversal:
		s.dose[i], s.opioid[i] = math.Min(s.entryDose[i], s.dose[i]+step), opioidStable
	case u < p.TaperPause+p.TaperReversal+offered:
		s.dose[i], s.opioid[i] = 0, opioidMAT
	case week >= first && (week-first)%a.taper.EveryWeeks == 0:
		s.dose[i] -= step
		if s.dose[i] <= a.taper.StopBelow || s.dose[i] < 1e-9 {
			s.dose[i], s.opioid[i] = 0, opioidOff
		}
	}
}

// stopTaper leaves the dose where it is.
func (s *state) stopTaper(i int) {
	if s.opioid[i] == opioidTapering || s.opioid[i] == opioidPaused {
		s.opioid[i] = opioidStable
	}
}

// resume takes patients back to opioids, or to medication-assisted treatment where
// it is offered.
func (s *state) resume(i int, set *settings, d *draw, a *arm) {
	x := float64(d.p.ResumptionMood * (s.symptom[mood][i] - set.population.Mood.Mean))
	if most, _ := expMost(x); s.u[i] >= float64(d.resumption*most) {
		return // 1 − e⁻ʰ is under h
	}
	p := probability(float64(d.resumption * stream.Exp(x)))
	switch { // below p, u/p is uniform as well
	case s.u[i] >= p:
	case a.taper != nil && a.taper.MedicationAssisted && s.u[i] < float64(p*d.p.MATInstead):
		s.opioid[i] = opioidMAT
	default:
		s.dose[i], s.opioid[i] = float64(d.p.ResumedDose*s.usualDose[i]), opioidResumed
	}
}

// overdose: non-fatal events by dose band; deaths are in the mortality ratio.
func (s *state) overdose(b *simulate.Block, set *settings, d *draw, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotOverdose)
	highest := float64(slices.Max(d.overdose[:]) * max(1, d.p.OverdoseTaper))
	for i := range min(s.n, simulate.BlockSize) {
		if s.u[i] >= highest {
			continue // 1 − e⁻ʰ is under h
		}
		if s.dose[i] == 0 && s.opioid[i] != opioidMAT || s.alive[i] == 0 {
			continue
		}
		band := 0
		switch dose := s.dose[i]; {
		case dose >= 100:
			band = 3
		case dose >= 50:
			band = 2
		case dose >= 20:
			band = 1
		case dose == 0:
			band = 4
		}
		h := d.overdose[band]
		if s.opioid[i] == opioidTapering {
			h = float64(h * d.p.OverdoseTaper)
		}
		if s.u[i] < h && s.u[i] < probability(h) {
			s.overdoses[i]++
			s.costOverdose[i] += float64(set.discountCost[t] * d.p.OverdoseCost)
		}
	}
}

// symptoms: own level at entry, less the improvement without treatment, less the
// effect, plus the weekly deviation, plus flares and the pain of surgery.
func (s *state) symptoms(b *simulate.Block, d *draw, a *arm, t int) {
	week := uint64(t)*slotsPerWeek + slotPain
	b.Generator.NormalHalves(s.z[0][:s.n], s.z[1][:s.n], b.Keys, week)
	b.Generator.NormalHalves(s.z[2][:s.n], s.z[3][:s.n], b.Keys, week+1)
	s.normals(&s.z[4], b, week+2)
	s.correlate(d)
	n := min(s.n, simulate.BlockSize)
	for k := range s.symptom {
		shift, out := s.shift[k][:n], s.symptom[k][:n]
		lanes.Weighted(shift, d.p.Autocorrelation, shift, d.innovation[k], s.z[k][:])
		lanes.Weighted(out, 1, s.base[k][:], -d.drift[t], s.gain[k][:])
		lanes.Weighted(out, 1, out, 1, shift)
		s.treated(k, n, a)
	}
	s.flares(b, d, a, t)
	worse := s.flare[:n]
	if a.surgery || a.gate {
		worse = s.v[:n]
		for i := range worse {
			worse[i] = s.flare[i] + float64(d.p.RecoveryPain*s.recovery[i]/d.recovery)
		}
	}
	lanes.Weighted(s.symptom[pain][:n], 1, s.symptom[pain][:], 1, worse)
	for k := range s.symptom {
		lanes.Clamp(s.symptom[k][:n], 0, top[k])
	}
}

// treated takes the effect of treatment off symptom k. Of program and surgery the
// one that helps more counts: no study tells what they do together.
func (s *state) treated(k, n int, a *arm) {
	out, response := s.symptom[k][:n], s.response[:n]
	full, kept, surgical := a.effect[k], a.retained[k], a.surgical[k]
	if a.surgery {
		lanes.AddProduct(out, -surgical, response, s.healed[:])
		return
	}
	if !a.program {
		return
	}
	share := s.v[:n]
	lanes.Weighted(share, kept, s.peak[:], 1-kept, s.fading[:])
	if !a.gate {
		lanes.AddProduct(out, -full, response, share)
		return
	}
	for i := range out {
		e, other := float64(full*share[i]), float64(surgical*s.healed[i])
		if other > e && full > 0 {
			e = other
		}
		out[i] -= float64(e * response[i])
	}
}

// flares begin at random and halve each week.
func (s *state) flares(b *simulate.Block, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotFlare)
	most := d.flareOdds
	if a.program { // the share of its effect is at most 1
		most = 1.01 * d.flareOdds * stream.Exp(max(0, d.p.FlareProgram))
	}
	found := 0
	for i := range min(s.n, simulate.BlockSize) {
		s.flare[i] *= 0.5
		s.some[found&(simulate.BlockSize-1)] = int32(i)
		found += less(s.u[i], most) // a probability is under its odds
	}
	for _, i := range s.some[:found] {
		i &= simulate.BlockSize - 1
		odds := d.flareOdds
		if a.program && s.peak[i] > 0 {
			share := float64(a.retained[0]*s.peak[i]) + float64((1-a.retained[0])*s.fading[i])
			odds = float64(odds * stream.Exp(float64(d.p.FlareProgram*share)))
		}
		if float64(s.u[i]*(1+odds)) < odds {
			s.flare[i] = d.p.FlareShock
		}
	}
}

// works: competing weekly hazards to the other work states; those to a better
// state are multiplied, those to a worse one divided by m = exp(linear
// predictor). Nobody changes state while recovering from surgery, and the retired and
// the dead not at all.
func (s *state) works(b *simulate.Block, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotWork)
	bound := d.workBound(a)
	n, found := min(s.n, simulate.BlockSize), 0
	for i := range n {
		if float64(t) >= s.retires[i] {
			s.work[i], s.streak[i] = workRetired, 0
		}
		s.some[found&(simulate.BlockSize-1)] = int32(i)
		found += less(s.u[i], bound[int(s.work[i])&7])
	}
	for _, i := range s.some[:found] {
		if i &= simulate.BlockSize - 1; s.alive[i] == 1 && s.recovery[i] == 0 {
			s.workStep(int(i), d, a)
		}
	}
	for i := range n {
		if s.alive[i] == 0 || s.work[i] == workRetired {
			continue
		}
		off := less(workModified, s.work[i])
		s.weeksOff[i] = float64((s.weeksOff[i] + 1) * one[off])
		s.streak[i] = float64((s.streak[i] + 1) * free[off])
		s.job[i] = float64(s.job[i]*one[off]) + free[off]
	}
	for i := range n {
		if s.streak[i] >= sustainedWeeks {
			s.sustained[i] = 1
		}
	}
}

// sustainedWeeks is the number of weeks of work running that count as a
// sustained return.
const sustainedWeeks = 13

// workBound returns by work state what the probability of leaving it is under for every
// patient: the sum of the hazards where each term of the linear predictor is the worst.
func (d *draw) workBound(a *arm) (bound [8]float64) {
	p, low, high := &d.p, 0.0, 0.0
	between := func(x, y float64) { low, high = low+min(x, y), high+max(x, y) }
	between(-float64(p.WorkInterference*p.ReferenceInterference), float64(p.WorkInterference*(top[interference]-p.ReferenceInterference)))
	between(-float64(p.WorkMood*p.ReferenceMood), float64(p.WorkMood*(top[mood]-p.ReferenceMood)))
	between(0, p.Compensation)
	between(0, p.WorkDose)
	if a.surgery || a.gate {
		between(0, p.FusionWork)
	}
	if a.program {
		between(0, a.work)
		between(0, p.WorkVocational)
	}
	for from := range d.rates {
		if from == workOff {
			between(-float64(p.WorkJob*0.5), float64(p.WorkJob*0.5))
			between(0, float64(3*p.WeeksOff))
		}
		better, worse := min(stream.Exp(high), math.MaxFloat64), min(stream.Exp(-low), math.MaxFloat64)
		bound[from] = 1.01 * (float64(d.up[from]*better) + float64(d.down[from]*worse))
	}
	return bound
}

// workOdds is the linear predictor of a better work state.
func (s *state) workOdds(i int, d *draw, a *arm) float64 {
	x := float64(d.p.WorkInterference*(s.symptom[interference][i]-d.p.ReferenceInterference)) +
		float64(d.p.WorkMood*(s.symptom[mood][i]-d.p.ReferenceMood)) +
		float64(d.p.Compensation*s.compensation[i])
	if s.dose[i] >= 50 {
		x += d.p.WorkDose
	}
	if s.operated[i] == 1 {
		x += d.p.FusionWork
	} else if s.completed[i] == 1 {
		x += a.work + float64(d.p.WorkVocational*s.vocational[i])
	}
	if s.work[i] >= workOff {
		x += float64(d.p.WorkJob * (s.job[i] - 0.5))
		x += float64(d.p.WeeksOff * clamp(float64(s.weeksOff[i]*(1.0/weeksPerYear))-1, 0, 3))
	}
	return x
}

func (s *state) workStep(i int, d *draw, a *arm) {
	x, u, from := s.workOdds(i, d, a), s.u[i], int(s.work[i])
	most, inverse := expMost(x)
	if u >= float64(d.up[from]*most)+float64(d.down[from]*inverse) {
		return // 1 − e⁻ˢ is under s, the sum of the hazards
	}
	better := stream.Exp(x)
	worse := 1 / better
	var cut [4]float64 // hazard up to and with each state, best first
	sum := 0.0
	for to, r := range d.rates[from] {
		if to < from {
			r = float64(r * better)
		} else {
			r = float64(r * worse)
		}
		sum += r
		cut[to] = sum
	}
	p := probability(sum)
	if u >= p {
		return
	}
	to := 0
	for u*sum >= p*cut[to] && to < workDisability {
		to++
	}
	s.work[i] = float64(to)
}

// use: Poisson counts of visits, imaging, procedures and emergency visits, more of
// them with more interference and fewer while in a program.
func (s *state) use(b *simulate.Block, set *settings, d *draw, t int) {
	money := set.discountCost[t]
	for i := range min(s.n, simulate.BlockSize) {
		more := 1 + float64(d.p.UseInterference*(s.symptom[interference][i]-useReference))
		if more < 0 {
			more = 0
		}
		level := s.medical[i] * more
		if s.attending[i] == 1 {
			level = float64(level * d.p.UseProgram)
		}
		s.v[i] = float64(level * s.alive[i])
	}
	week := uint64(t)*slotsPerWeek + slotUse
	b.Generator.Halves(s.z[0][:s.n], s.z[1][:s.n], b.Keys, week)
	b.Generator.Halves(s.z[2][:s.n], s.z[3][:s.n], b.Keys, week+1)
	n := min(s.n, simulate.BlockSize)
	for c := range s.used {
		rate, u, used, cost, price := d.use[c], &s.z[c], &s.used[c], &s.costUse[c], float64(money*d.usePrice[c])
		// Those without are left out first: 1 − λ is under e⁻λ.
		lanes.Weighted(s.u[:n], 1, ones[:], -rate, s.v[:])
		some := lanes.Pick(s.some[:], u[:n], s.u[:n])
		mean, least := s.u[:len(some)], s.w[:len(some)]
		for j, i := range some {
			mean[j] = min(float64(rate*s.v[i&(simulate.BlockSize-1)]), largestMean)
			least[j] = -mean[j]
		}
		stream.Exps(least, least)
		for j, i := range some {
			i &= simulate.BlockSize - 1
			p, m := least[j], mean[j]
			next := float64(p * m)
			k := less(p, u[i]) + less(p+next, u[i])
			if k > 1 {
				k = poisson(u[i], m, p+next, next)
			}
			used[i] += float64(k)
			cost[i] += float64(float64(k) * price)
		}
	}
}

var ones = func() (c column) {
	for i := range c {
		c[i] = 1
	}
	return c
}()

// useReference is the interference at which the rates of use hold.
const useReference = 7

// largestMean is where means of a Poisson distribution are cut: with larger ones its
// probabilities vanish.
const largestMean = 500

// poisson is the quantile function of the Poisson distribution from 2 on: up to 1 the
// probability is sum, of 1 alone p.
func poisson(u, mean, sum, p float64) int {
	n := 2
	for ; u > sum && n <= 1000; n++ {
		p = float64(p*mean) / float64(n)
		sum += p
	}
	return n - 1
}

// accrue books the point t: QALYs from the symptoms of each patient, years, and the
// costs that flow.
func (s *state) accrue(set *settings, d *draw, a *arm, t int) {
	money, life, year := set.costWeight[t], set.effectWeight[t], set.yearWeight[t]
	drugs, mme, monitoring := float64(d.p.OtherDrugs*7), float64(7*d.p.OpioidMME), 0.0
	if a.maintenance {
		monitoring = d.p.MonitoringCost / weeksPerYear
	}
	watched := [2]float64{0, monitoring}
	lostBy := [8]float64{workModified: d.p.ModifiedLoss, workOff: 1, workDisability: 1} // the retired have none to lose
	for i := range min(s.n, simulate.BlockSize) {
		if s.alive[i] == 0 {
			continue
		}
		s.years[i] += year
		s.health[i] = s.utility(i, d)
		s.qaly[i] += float64(life * s.health[i])
		cost := drugs + (float64(mme*s.dose[i]) + watched[less(0, s.dose[i])])
		if s.opioid[i] == opioidMAT && s.dose[i] == 0 {
			cost = drugs + d.p.MATCost
		}
		s.costDrugs[i] += float64(money * cost)
		lost := lostBy[int(s.work[i])&7]
		if s.attending[i] == 1 && lost < 1 && s.work[i] != workRetired {
			// Hours in the program are not worked, of a week of 40.
			lost += float64((1 - lost) * clamp(a.phases[int(s.phase[i])].clock/40, 0, 1))
		}
		wage := float64(float64(money*d.p.Wage) * lost)
		s.costWork[i] += wage
		s.costIndemnity[i] += float64(float64(wage*d.p.IndemnityShare) * s.compensation[i])
	}
}

// utility is health without pain less the decrement of the pain of the week, linear
// between whole numbers, and less those of interference and mood.
func (s *state) utility(i int, d *draw) float64 {
	x := s.symptom[pain][i]
	k := int(x)
	lo := d.decrement[k]
	return d.p.NoPain - lo - float64((x-float64(k))*(d.decrement[k+1]-lo)) -
		float64(d.p.UtilityInterference*s.symptom[interference][i]) - float64(d.p.UtilityMood*s.symptom[mood][i])
}
