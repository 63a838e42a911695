package rehab

import (
	"recoup/simulate"
	"recoup/simulate/stream"
)

// begin applies what happens on the day of admission: patients of a program
// start it, surgical patients are operated.
func (s *state) begin(b *simulate.Block, d *draw, a *arm) {
	s.inProgram, s.operated = a.program, a.surgery
	if a.program {
		s.uniforms(&s.u, b, entryAccept)
		for i := range min(s.n, simulate.BlockSize) {
			s.attending[i] = 1
			if a.taper != nil && s.dose[i] > 0 && s.u[i] < a.accept {
				s.tapering[i] = 1
			}
		}
	}
	if a.surgery {
		s.operate(b, d)
	}
}

func (s *state) operate(b *simulate.Block, d *draw) {
	s.uniforms(&s.u, b, entryComplication)
	for i := range min(s.n, simulate.BlockSize) {
		s.costSurgery[i] = d.p.FusionCost
		if s.u[i] < d.p.Complication {
			s.complication[i] = 1
			s.costSurgery[i] += d.p.ComplicationCost
		}
		ratio := d.p.DoseRatio
		if s.compensation[i] == 1 {
			ratio = d.p.DoseRatioCompensation
		}
		s.dose[i] *= ratio
		s.stopWork(i, d)
	}
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

// mortality: hazard of age and sex, grown since entry, times the ratio of the
// dose band; in the first week after surgery the perioperative risk as well.
func (s *state) mortality(b *simulate.Block, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotDeath)
	grown := d.ageing[t-1]
	for i := range min(s.n, simulate.BlockSize) {
		h := float64(s.hazard[i] * grown)
		switch {
		case s.dose[i] >= 90:
			h = float64(h * d.p.DeathOver90)
		case s.dose[i] > 0:
			h = float64(h * d.p.DeathUnder90)
		}
		if s.u[i] < h && s.u[i] < probability(h) { // 1 − e⁻ʰ is under h
			s.alive[i] = 0
		}
	}
	if a.surgery && t == 1 {
		s.uniforms(&s.u, b, entryPerioperative)
		for i := range min(s.n, simulate.BlockSize) {
			if s.u[i] < d.p.FusionMortality {
				s.alive[i] = 0
			}
		}
	}
}

// program: a week of attendance, with dropout, progression and discharge.
func (s *state) program(b *simulate.Block, set *settings, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotDropout)
	meanMood := set.population.Mood.Mean
	for i := range min(s.n, simulate.BlockSize) {
		if s.attending[i] == 0 || s.alive[i] == 0 {
			continue
		}
		ph := &a.phases[int(s.phase[i])]
		s.costProgram[i] += float64(set.discountCost[t-1] * ph.cost)
		odds := float64(a.dropoutOdds * stream.Exp(float64(d.p.DropoutMood*(s.symptom[2][i]-meanMood))))
		if float64(s.u[i]*(1+odds)) < odds {
			s.attending[i], s.dropped[i] = 0, 1
			s.tapering[i] = 0
			continue
		}
		s.hours[i] += ph.hours
		s.peak[i] = saturate(s.hours[i], d.p.HalfDoseHours)
		s.fading[i] = s.peak[i]
		s.progress(i, a, ph)
	}
}

// saturate is the share of the full effect that effective hours give,
// 1 − 2^(−hours/half); with half 0 any hours give all of it.
func saturate(hours, half float64) float64 {
	switch {
	case hours <= 0:
		return 0
	case half <= 0:
		return 1
	}
	return 1 - stream.Exp(-float64(hours*(1/half))*0.6931471805599453)
}

// progress moves a patient on at the end of a week: a phase ends when its weeks
// are over and its benchmark is met or can wait no longer.
func (s *state) progress(i int, a *arm, ph *phase) {
	s.week[i]++
	if s.week[i] < ph.weeks {
		return
	}
	stalled := s.symptom[1][i] > float64((1-ph.reduction)*s.base[1][i])
	if stalled && s.extended[i] < ph.extend {
		s.extended[i]++
		return
	}
	s.week[i], s.extended[i] = 0, 0
	s.phase[i]++
	if int(s.phase[i]) == len(a.phases) {
		s.attending[i], s.completed[i] = 0, 1
	}
}

// aftercare: the effect fades after discharge, boosters bring part of it back.
func (s *state) aftercare(set *settings, d *draw, a *arm, t int) {
	for i := range min(s.n, simulate.BlockSize) {
		if s.attending[i] == 1 {
			continue
		}
		s.fading[i] = float64(s.fading[i] * d.fade)
		s.since[i]++
		if s.completed[i]*s.alive[i] == 1 && a.boosters[int(s.since[i])] {
			s.fading[i] += float64(d.p.Booster * (s.peak[i] - s.fading[i]))
			s.costProgram[i] += float64(set.discountCost[t-1] * a.boosterCost)
		}
	}
}

// recover counts down the recovery from surgery; at its end patients go back to
// the job they had or not. Those recovered may need another operation.
func (s *state) recover(b *simulate.Block, set *settings, d *draw, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotSurgery)
	s.uniforms(&s.v, b, entryNewOpioid)
	for i := range min(s.n, simulate.BlockSize) {
		if s.alive[i] == 0 {
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
			s.peak[i] = 1 - s.recovery[i]/d.recovery
			s.fading[i] = s.peak[i]
		}
		if s.recovery[i] > 0 {
			continue
		}
		if s.jobBefore[i] >= 0 && s.u[i] < d.p.ReturnToJob {
			s.work[i], s.weeksOff[i] = s.jobBefore[i], 0
		}
		s.jobBefore[i] = -1
		if s.reoperated[i] == 0 && s.entryDose[i] == 0 && s.v[i] < d.p.NewOpioid {
			s.dose[i] = d.p.NewDose
		}
	}
}

// taper: the protocol for those tapering; stopping and resuming for the others.
func (s *state) taper(b *simulate.Block, set *settings, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotTaper)
	step := a.taper != nil && t >= max(1, a.taper.StartWeek) && (t-max(1, a.taper.StartWeek))%a.taper.EveryWeeks == 0
	meanMood := set.population.Mood.Mean
	for i := range min(s.n, simulate.BlockSize) {
		switch {
		case s.tapering[i] == 1:
			if s.completed[i] == 1 && !a.taper.AfterDischarge {
				s.tapering[i] = 0
			} else if step && s.u[i] >= d.p.TaperSkip {
				s.lower(i, a)
			}
		case s.dose[i] > 0:
			if s.u[i] < d.discontinue {
				s.dose[i] = 0
			}
		case s.entryDose[i] > 0:
			x := float64(d.p.ResumptionMood * (s.symptom[2][i] - meanMood))
			if _, most := expBounds(x); s.u[i] >= float64(d.resumption*most) {
				continue // 1 − e⁻ʰ is under h
			}
			if s.u[i] < probability(float64(d.resumption*stream.Exp(x))) {
				s.dose[i] = float64(d.p.ResumedDose * s.entryDose[i])
			}
		}
	}
}

// lower takes one step of the taper.
func (s *state) lower(i int, a *arm) {
	of := s.entryDose[i]
	if a.taper.Of == "current" {
		of = s.dose[i]
	}
	s.dose[i] -= float64(of * (a.taper.Percent / 100))
	if s.dose[i] <= a.taper.StopBelow || s.dose[i] < 1e-9 {
		s.dose[i], s.tapering[i] = 0, 0
	}
}

// overdose: non-fatal events by dose band; deaths are in the mortality ratio.
func (s *state) overdose(b *simulate.Block, set *settings, d *draw, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotOverdose)
	for i := range min(s.n, simulate.BlockSize) {
		if s.dose[i] == 0 || s.alive[i] == 0 {
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
		}
		h := d.overdose[band]
		if s.tapering[i] == 1 {
			h = float64(h * d.p.OverdoseTaper)
		}
		if s.u[i] < h && s.u[i] < probability(h) {
			s.overdoses[i]++
			s.costOverdose[i] += float64(set.discountCost[t] * d.p.OverdoseCost)
		}
	}
}

// symptoms: own level at entry, less the improvement without treatment, less
// the effect, plus the weekly deviation, plus flares and the pain of surgery.
func (s *state) symptoms(b *simulate.Block, d *draw, a *arm, t int) {
	for k := range s.z {
		s.normals(&s.z[k], b, uint64(t)*slotsPerWeek+uint64(k))
	}
	s.correlate(d)
	n := min(s.n, simulate.BlockSize)
	rho, drift := d.p.Autocorrelation, d.drift[t]
	for k := range s.symptom {
		full, kept, innovation := a.effect[k], a.retained[k], d.innovation[k]
		base, gain, shift, z, out := &s.base[k], &s.gain[k], &s.shift[k], &s.z[k], &s.symptom[k]
		for i := range n {
			dev := float64(rho*shift[i]) + float64(innovation*z[i])
			shift[i] = dev
			share := float64(kept*s.peak[i]) + float64((1-kept)*s.fading[i])
			out[i] = base[i] - float64(gain[i]*drift) - float64(float64(full*s.response[i])*share) + dev
		}
	}
	s.flares(b, d, a, t)
	for i := range min(s.n, simulate.BlockSize) {
		s.symptom[0][i] += s.flare[i]
	}
	if a.surgery {
		for i := range min(s.n, simulate.BlockSize) {
			s.symptom[0][i] += float64(d.p.RecoveryPain * (s.recovery[i] / d.recovery))
		}
	}
	for k := range s.symptom {
		x, highest := &s.symptom[k], top[k]
		for i := range n {
			x[i] = clamp(x[i], 0, highest)
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
// predictor). Nobody changes state while recovering from surgery.
func (s *state) works(b *simulate.Block, d *draw, a *arm, t int) {
	s.uniforms(&s.u, b, uint64(t)*slotsPerWeek+slotWork)
	for i := range min(s.n, simulate.BlockSize) {
		if s.recovery[i] == 0 {
			s.workStep(i, d, a)
		}
		if s.work[i] <= workModified {
			s.weeksOff[i] = 0
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
	x := float64(d.p.WorkInterference*(s.symptom[1][i]-d.p.ReferenceInterference)) +
		float64(d.p.WorkMood*(s.symptom[2][i]-d.p.ReferenceMood)) +
		float64(d.p.Compensation*s.compensation[i])
	if a.surgery || s.completed[i] == 1 {
		x += a.work
	}
	from := int(s.work[i])
	if from >= workOff {
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

// accrue books the point t: QALYs from the pain of each patient, years, and the
// costs that flow.
func (s *state) accrue(set *settings, d *draw, a *arm, t int) {
	money, life, year := set.costWeight[t], set.effectWeight[t], set.yearWeight[t]
	drugs, mme := float64(d.p.OtherDrugs*7), float64(7*d.p.OpioidMME)
	base, slope := d.p.MedicalBase/weeksPerYear, d.p.MedicalInterference/weeksPerYear
	for i := range min(s.n, simulate.BlockSize) {
		if s.alive[i] == 0 {
			continue
		}
		s.years[i] += year
		s.qaly[i] += float64(life * s.utility(i, d))
		s.costMedical[i] += float64(money * s.medical[i] * (base + float64(slope*s.symptom[1][i])))
		s.costDrugs[i] += float64(money * (drugs + float64(mme*s.dose[i])))
		s.costWork[i] += float64(money * d.p.Wage * s.workLost(i, d, a))
	}
}

// utility is health without pain less the decrement of the pain of the week,
// linear between whole numbers.
func (s *state) utility(i int, d *draw) float64 {
	pain := s.symptom[0][i]
	k := int(pain)
	lo := d.decrement[k]
	return d.p.NoPain - lo - float64((pain-float64(k))*(d.decrement[k+1]-lo))
}

// workLost is the share of a week's wage lost.
func (s *state) workLost(i int, d *draw, a *arm) float64 {
	lost := 1.0
	switch s.work[i] {
	case workFull:
		lost = 0
	case workModified:
		lost = d.p.ModifiedLoss
	}
	if s.attending[i] == 1 && lost < 1 {
		// Hours in the program are not worked, of a week of 40.
		lost += float64((1 - lost) * clamp(a.phases[int(s.phase[i])].clock/40, 0, 1))
	}
	return lost
}
