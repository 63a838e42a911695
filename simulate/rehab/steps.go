package rehab

import (
	"math"

	"recoup/simulate"
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
	for i := range min(s.n, simulate.BlockSize) {
		h := float64(s.hazard[i] * grown)
		switch {
		case s.dose[i] >= 90:
			h = float64(h * d.p.DeathOver90)
		case s.dose[i] > 0:
			h = float64(h * d.p.DeathUnder90)
		case s.opioid[i] == opioidMAT:
			h = float64(h * d.p.DeathMAT)
		}
		if s.u[i] < h && s.u[i] < probability(h) { // 1 − e⁻ʰ is under h
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
	for i := range min(s.n, simulate.BlockSize) {
		switch s.opioid[i] {
		case opioidNone:
		case opioidTapering:
			s.taperWeek(i, d, a)
		case opioidPaused:
			if s.u[i] < d.p.TaperRestart {
				s.opioid[i] = opioidTapering
			}
		case opioidOff:
			s.resume(i, set, d, a)
		case opioidMAT:
			if s.u[i] < d.leaveMAT {
				s.dose[i], s.opioid[i] = float64(d.p.ResumedDose*s.usualDose[i]), opioidResumed
			}
		default:
			if s.dose[i] = math.Min(500, float64(s.dose[i]*a.growth)); s.u[i] < a.discontinue {
				s.dose[i], s.opioid[i] = 0, opioidOff
			}
		}
		s.clean[i]++
		if s.dose[i] > 0 || s.opioid[i] == opioidMAT {
			s.clean[i] = 0
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
	if _, most := expBounds(x); s.u[i] >= float64(d.resumption*most) {
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
	for i := range min(s.n, simulate.BlockSize) {
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
	rho, drift := d.p.Autocorrelation, d.drift[t]
	for k := range s.symptom {
		innovation := d.innovation[k]
		base, gain, shift, z, out := &s.base[k], &s.gain[k], &s.shift[k], &s.z[k], &s.symptom[k]
		for i := range n {
			dev := float64(rho*shift[i]) + float64(innovation*z[i])
			shift[i] = dev
			out[i] = base[i] - float64(gain[i]*drift) + dev
		}
		s.treated(k, n, a)
	}
	s.flares(b, d, a, t)
	for i := range min(s.n, simulate.BlockSize) {
		s.symptom[pain][i] += s.flare[i] + float64(d.p.RecoveryPain*s.recovery[i]/d.recovery)
	}
	for k := range s.symptom {
		x, highest := &s.symptom[k], top[k]
		for i := range n {
			x[i] = clamp(x[i], 0, highest)
		}
	}
}

// treated takes the effect of treatment off symptom k. Of program and surgery the
// one that helps more counts: no study tells what they do together.
func (s *state) treated(k, n int, a *arm) {
	out, response := &s.symptom[k], &s.response
	full, kept, surgical := a.effect[k], a.retained[k], a.surgical[k]
	n = min(n, simulate.BlockSize)
	switch {
	case a.surgery:
		for i := range n {
			out[i] -= float64(float64(surgical*response[i]) * s.healed[i])
		}
	case a.gate:
		for i := range n {
			share := float64(kept*s.peak[i]) + float64((1-kept)*s.fading[i])
			e, other := float64(full*share), float64(surgical*s.healed[i])
			if other > e && full > 0 {
				e = other
			}
			out[i] -= float64(e * response[i])
		}
	case a.program:
		for i := range n {
			share := float64(kept*s.peak[i]) + float64((1-kept)*s.fading[i])
			out[i] -= float64(float64(full*response[i]) * share)
		}
	}
}

// flares begin at random and halve each week.
func (s *state) flares(b *simulate.Block, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotFlare)
	for i := range min(s.n, simulate.BlockSize) {
		odds := d.flareOdds
		if a.program && s.peak[i] > 0 {
			share := float64(a.retained[0]*s.peak[i]) + float64((1-a.retained[0])*s.fading[i])
			x := float64(d.p.FlareProgram * share)
			if _, most := expBounds(x); s.u[i] >= float64(odds*most) {
				s.flare[i] *= 0.5
				continue // a probability is under its odds
			}
			odds = float64(odds * stream.Exp(x))
		}
		s.flare[i] *= 0.5
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
	for i := range min(s.n, simulate.BlockSize) {
		if float64(t) >= s.retires[i] {
			s.work[i], s.streak[i] = workRetired, 0
			continue
		}
		if s.alive[i] == 0 {
			continue
		}
		if s.recovery[i] == 0 {
			s.workStep(i, d, a)
		}
		if s.work[i] <= workModified {
			s.weeksOff[i], s.job[i] = 0, 1
			s.streak[i]++
			if s.streak[i] >= sustainedWeeks {
				s.sustained[i] = 1
			}
		} else {
			s.weeksOff[i]++
			s.streak[i] = 0
		}
	}
}

// sustainedWeeks is the number of weeks of work running that count as a
// sustained return.
const sustainedWeeks = 13

func (s *state) workStep(i int, d *draw, a *arm) {
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
	from := int(s.work[i])
	if from >= workOff {
		x += float64(d.p.WorkJob * (s.job[i] - 0.5))
		x += float64(d.p.WeeksOff * clamp(float64(s.weeksOff[i]*(1.0/weeksPerYear))-1, 0, 3))
	}
	u := s.u[i]
	least, most := expBounds(x)
	if u >= float64(d.up[from]*most)+d.down[from]/least {
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
		level := s.medical[i] * max(0, 1+float64(d.p.UseInterference*(s.symptom[interference][i]-useReference)))
		if s.attending[i] == 1 {
			level = float64(level * d.p.UseProgram)
		}
		s.v[i] = float64(level * s.alive[i])
	}
	week := uint64(t)*slotsPerWeek + slotUse
	b.Generator.Halves(s.z[0][:s.n], s.z[1][:s.n], b.Keys, week)
	b.Generator.Halves(s.z[2][:s.n], s.z[3][:s.n], b.Keys, week+1)
	for c := range s.used {
		rate, u, used, cost, price := d.use[c], &s.z[c], &s.used[c], &s.costUse[c], float64(money*d.usePrice[c])
		for i := range min(s.n, simulate.BlockSize) {
			mean := float64(rate * s.v[i])
			if u[i] <= 1-mean {
				continue // 1 − λ is under e⁻λ
			}
			if n := poisson(u[i], mean); n > 0 {
				used[i] += n
				cost[i] += float64(n * price)
			}
		}
	}
}

// useReference is the interference at which the rates of use hold.
const useReference = 7

// poisson is the quantile function of the Poisson distribution. A mean so large that
// its probabilities vanish is cut at 500.
func poisson(u, mean float64) float64 {
	mean = min(mean, 500)
	p := stream.Exp(-mean)
	sum, n := p, 0.0
	for u > sum && n < 1000 {
		n++
		p = float64(p*mean) / n
		sum += p
	}
	return n
}

// accrue books the point t: QALYs from the symptoms of each patient, years, and the
// costs that flow.
func (s *state) accrue(set *settings, d *draw, a *arm, t int) {
	money, life, year := set.costWeight[t], set.effectWeight[t], set.yearWeight[t]
	drugs, mme, monitoring := float64(d.p.OtherDrugs*7), float64(7*d.p.OpioidMME), 0.0
	if a.maintenance {
		monitoring = d.p.MonitoringCost / weeksPerYear
	}
	for i := range min(s.n, simulate.BlockSize) {
		if s.alive[i] == 0 {
			continue
		}
		s.years[i] += year
		s.health[i] = s.utility(i, d)
		s.qaly[i] += float64(life * s.health[i])
		cost := drugs
		switch {
		case s.dose[i] > 0:
			cost += float64(mme*s.dose[i]) + monitoring
		case s.opioid[i] == opioidMAT:
			cost += d.p.MATCost
		}
		s.costDrugs[i] += float64(money * cost)
		if lost := s.workLost(i, d, a); lost > 0 {
			wage := float64(float64(money*d.p.Wage) * lost)
			s.costWork[i] += wage
			s.costIndemnity[i] += float64(float64(wage*d.p.IndemnityShare) * s.compensation[i])
		}
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

// workLost is the share of a week's wage lost; the retired have none to lose.
func (s *state) workLost(i int, d *draw, a *arm) float64 {
	lost := 1.0
	switch s.work[i] {
	case workFull:
		lost = 0
	case workModified:
		lost = d.p.ModifiedLoss
	case workRetired:
		return 0
	}
	if s.attending[i] == 1 && lost < 1 {
		// Hours in the program are not worked, of a week of 40.
		lost += float64((1 - lost) * clamp(a.phases[int(s.phase[i])].clock/40, 0, 1))
	}
	return lost
}
