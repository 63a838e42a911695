package rehab

import (
	"math"
	"testing"

	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// with changes values of evidence that has them already.
func with(ev evidence.Set, values map[string]float64) evidence.Set {
	for i, p := range ev.Parameters {
		if x, ok := values[p.Name]; ok {
			ev.Parameters[i].Value = x
		}
	}
	return ev
}

// steps is a program of three phases of one week, without hours that do anything, at
// 100, 1000 and 10000 USD a week: what was paid says where a patient has been.
func steps() design.Design {
	phase := func(name string, price float64, b *design.Benchmark) design.Phase {
		return design.Phase{Name: name, Weeks: 1, Hours: map[string]float64{"relaxation": 1}, Staff: []design.Staff{{Discipline: "nurse", IndividualHours: 1, Price: price}}, Benchmark: b}
	}
	return design.Design{Name: "steps", Title: "Steps", GroupSize: 1, Phases: []design.Phase{phase("one", 100, nil), phase("two", 1000, nil), phase("three", 10000, nil)}}
}

// In a still world interference stays at 7, so benchmarks and what follows them can be
// worked by hand; costs are undiscounted.
func TestProgressionByHand(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*design.Design)
		values map[string]float64
		cost   float64 // of 20 weeks
		steps  float64
	}{
		"all phases":   {func(*design.Design) {}, nil, 11100, 0},
		"met, sent on": {func(d *design.Design) { d.Phases[0].Benchmark = &design.Benchmark{Met: "three"} }, nil, 10100, 0},
		"stalled, two more": {func(d *design.Design) {
			d.Phases[0].Benchmark = &design.Benchmark{InterferenceReduction: 0.1, ExtendWeeks: 2}
		}, nil, 11300, 0},
		"stalled, stepped up": {func(d *design.Design) {
			d.Phases[0].Benchmark = &design.Benchmark{InterferenceReduction: 0.1, Stalled: "three"}
		}, nil, 10100, 1},
		"stalled, out": {func(d *design.Design) {
			d.Phases[0].Benchmark = &design.Benchmark{InterferenceReduction: 0.1, Stalled: design.Discharge}
		}, nil, 100, 1},
		"walks too little": {func(d *design.Design) {
			d.Phases[0].Benchmark = &design.Benchmark{WalkingSessions: 2.21, Stalled: "three"}
		}, nil, 10100, 1},
		"walks enough": {func(d *design.Design) {
			d.Phases[0].Benchmark = &design.Benchmark{WalkingSessions: 2.19, Stalled: "three"}
		}, nil, 11100, 0},
		"loop ended by its limit": {func(d *design.Design) {
			d.MaxWeeks = 5
			d.Phases[1].Benchmark = &design.Benchmark{InterferenceReduction: 0.1, Stalled: "one"}
		}, nil, 3*100 + 2*1000, 2},
		// A gain of 7·0.05 is gone by the first check after discharge: the effect on
		// interference is lost at once with a half-life of 0, so it rises by 0.35.
		"taken back twice": {func(d *design.Design) {
			d.Relapse = &design.Relapse{InterferenceRise: 0.3, EveryWeeks: 2, ReturnTo: "two", Most: 2}
		}, map[string]float64{"effect.interference": 0.35, "effect.interference_retained": 0, "effect.half_dose_hours": 0, "effect.decay_half_life": 0}, 33100, 0},
		"rose too little to be taken back": {func(d *design.Design) {
			d.Relapse = &design.Relapse{InterferenceRise: 0.4, EveryWeeks: 2, ReturnTo: "two", Most: 2}
		}, map[string]float64{"effect.interference": 0.35, "effect.interference_retained": 0, "effect.half_dose_hours": 0, "effect.decay_half_life": 0}, 11100, 0},
		"worse": {func(d *design.Design) {
			d.Phases[1].Benchmark = &design.Benchmark{InterferenceReduction: 0.1, WorseBy: 0.01, Worse: design.Discharge, ExtendWeeks: 9}
		}, map[string]float64{"effect.interference": -1, "effect.half_dose_hours": 0, "effect.interference_retained": 1}, 1100, 1},
	} {
		s := scenario(t, 5)
		s.HorizonWeeks, s.Discounting.Cost = 20, 0
		d := steps()
		c.change(&d)
		s.Designs, s.Strategies = []design.Design{d}, []string{"steps"}
		ev := with(still(t, &s), map[string]float64{"effect.interference": 0, "effect.self_efficacy": 0, "care.dropout_mood": 0})
		r := run(t, s, with(ev, c.values), 1)
		if got := float64(estimate(t, r, "steps", "cost_program").Mean); math.Abs(got-c.cost) > 1e-6 {
			t.Errorf("%s: cost %g, want %g", name, got, c.cost)
		}
		if got := float64(estimate(t, r, "steps", "program_steps").Mean); got != c.steps {
			t.Errorf("%s: stepped up %g times, want %g", name, got, c.steps)
		}
	}
}

// The taper of 60 MME by a quarter a week under each of its turns, all certain: with a
// pause and no restart the dose stays; a reversal gives back a step that was not taken;
// medication-assisted treatment ends the dose and is not being off opioids.
func TestTaperTurnsByHand(t *testing.T) {
	for name, c := range map[string]struct {
		values         map[string]float64
		dose, off, mat float64
	}{
		"none":     {nil, 0, 1, 0},
		"pause":    {map[string]float64{"taper.pause": 1, "taper.restart": 0}, 60, 0, 0},
		"restart":  {map[string]float64{"taper.pause": 1, "taper.restart": 1}, 60, 0, 0}, // paused again each time
		"reversal": {map[string]float64{"taper.reversal": 1}, 60, 0, 0},
		"mat":      {map[string]float64{"taper.mat": 1, "taper.mat_leaving_12m": 0}, 0, 0, 1},
		"instead":  {map[string]float64{"taper.mat": 0, "taper.resumption_12m": 1, "taper.mat_instead": 1, "taper.mat_leaving_12m": 0}, 0, 0, 1},
		"resumed":  {map[string]float64{"taper.mat": 0, "taper.resumption_12m": 1, "taper.mat_instead": 0}, 36, 0, 0},
		"left":     {map[string]float64{"taper.mat": 1, "taper.mat_leaving_12m": 1, "taper.resumed_dose": 0.5}, 30, 0, 0},
	} {
		s := scenario(t, 5)
		s.HorizonWeeks = 6
		d, err := design.Builtin(program)
		if err != nil {
			t.Fatal(err)
		}
		taper := *d.Taper
		taper.MedicationAssisted = true
		d.Taper, d.Sources = &taper, nil
		s.Designs, s.Strategies = []design.Design{d}, []string{program}
		ev := with(still(t, &s), map[string]float64{"taper.mat": 0})
		r := run(t, s, with(ev, c.values), 1)
		equal(t, name+": dose", estimate(t, r, program, "dose_horizon").Mean, c.dose)
		equal(t, name+": off", estimate(t, r, program, "off_opioids_horizon").Mean, c.off)
		equal(t, name+": medication-assisted", estimate(t, r, program, "medication_assisted").Mean, c.mat)
	}
}

// A taper by a tenth of 60 MME every four weeks from week 4 goes on after a program of
// three weeks where it may: 54 after week 4, 48 after week 8, still 48 in week 11.
func TestTaperAfterDischargeByHand(t *testing.T) {
	for after, want := range map[bool][]float64{true: {60, 54, 54, 48, 48}, false: {60, 60, 60, 60, 60}} {
		s := scenario(t, 5)
		s.HorizonWeeks = 12
		d := steps()
		d.Taper = &design.Taper{WeaningRequired: true, Percent: 10, Of: "starting", EveryWeeks: 4, StartWeek: 4, AfterDischarge: after}
		s.Designs, s.Strategies = []design.Design{d}, []string{"steps"}
		r := run(t, s, still(t, &s), 1)
		for i, week := range []int{3, 4, 7, 8, 11} {
			equal(t, "dose", r.Strategies[0].Trajectories[5].Mean[week], want[i])
		}
	}
}

// The off definitions: the dose is 0 in weeks 4 to 10, seven of them, so 28 and 30 days
// are reached and 60 are not.
func TestOffDefinitionsByHand(t *testing.T) {
	s := scenario(t, 5)
	s.HorizonWeeks, s.Strategies = 10, []string{program}
	r := run(t, s, still(t, &s), 1)
	for outcome, want := range map[string]float64{"off_opioids_28_days": 1, "off_opioids_30_days": 1, "off_opioids_60_days": 0} {
		equal(t, outcome, estimate(t, r, program, outcome).Mean, want)
	}
	s.HorizonWeeks = 12
	equal(t, "nine weeks", estimate(t, run(t, s, still(t, &s), 1), program, "off_opioids_60_days").Mean, 1)
}

// Opioid maintenance: nobody stops, the dose grows by e^(0.03) a year, monitoring costs
// 600 a year over usual care; without growth all but cost is usual care.
func TestMaintenanceByHand(t *testing.T) {
	s := scenario(t, 5)
	s.HorizonWeeks, s.Discounting.Cost = 52, 0
	s.Strategies = []string{design.UsualCare, design.OpioidMaintenance}
	ev := with(still(t, &s), map[string]float64{"maintenance.discontinuation": 0})
	r := run(t, s, ev, 1)
	equal(t, "dose", estimate(t, r, design.OpioidMaintenance, "dose_horizon").Mean, 60*math.Exp(0.03))
	r = run(t, s, with(ev, map[string]float64{"maintenance.dose_growth": 0}), 1)
	equal(t, "monitoring", estimate(t, r, design.OpioidMaintenance, "cost_drugs").Mean-estimate(t, r, design.UsualCare, "cost_drugs").Mean, 600)
	equal(t, "pain", estimate(t, r, design.OpioidMaintenance, "pain_horizon").Mean, 6.5)
}

// The gate: everyone completes and stalls, so all who choose it are operated at
// discharge in week 4, paid then; with an effect of the program that is enough, nobody.
func TestGateByHand(t *testing.T) {
	s := scenario(t, 5)
	s.HorizonWeeks, s.Discounting.Cost, s.Strategies = 30, 0, []string{"fusion-after-gate"}
	values := map[string]float64{"fusion.after_gate": 1, "fusion.mortality": 0, "fusion.complication": 1, "fusion.reoperation_2y": 0, "effect.interference": 0, "effect.interference_retained": 1}
	r := run(t, s, with(still(t, &s), values), 1)
	equal(t, "operated", estimate(t, r, "fusion-after-gate", "operated").Mean, 1)
	equal(t, "paid", estimate(t, r, "fusion-after-gate", "cost_surgery").Mean, 65000)
	equal(t, "working in week 5", r.Strategies[0].Trajectories[6].Mean[5], 0)
	// Surgery gives 1.1·0.38 + 0.23 = 0.648 of pain; the program, fading from 1.0914 to
	// 0.7 and less, gives more all through these weeks, and the larger one counts.
	if pain := float64(estimate(t, r, "fusion-after-gate", "pain_horizon").Mean); !(pain < 6.5-0.7) {
		t.Errorf("pain %g, want under 5.8", pain)
	}
	// Who is not operated does not die of it.
	values["fusion.after_gate"], values["fusion.mortality"] = 0, 1
	r = run(t, s, with(still(t, &s), values), 1)
	equal(t, "deaths without surgery", estimate(t, r, "fusion-after-gate", "death").Mean, 0)
	values["fusion.after_gate"] = 1
	r = run(t, s, with(still(t, &s), values), 1)
	equal(t, "deaths of surgery", estimate(t, r, "fusion-after-gate", "death").Mean, 1)
	values["fusion.mortality"] = 0
	values["effect.interference"], values["effect.half_dose_hours"] = 2.2, 0 // over 30 % of 7
	r = run(t, s, with(still(t, &s), values), 1)
	equal(t, "not operated", estimate(t, r, "fusion-after-gate", "operated").Mean, 0)
	equal(t, "nothing paid", estimate(t, r, "fusion-after-gate", "cost_surgery").Mean, 0)
}

// The waiting list against M/M/c: with one place, stays of 4 weeks and 0.2 arrivals a
// week, ρ = 0.8 wait, for 4/(1 − 0.8) = 20 weeks on average; in whole weeks, rounded up,
// the mean of those is 1/(1 − e^(−1/20)). Within 4.5 standard errors.
func TestWaitingListFollowsTheQueue(t *testing.T) {
	s := scenario(t, 8000)
	s.HorizonWeeks = 4
	d := steps()
	d.Phases = d.Phases[:1]
	d.Phases[0].Weeks = 4
	d.Capacity = &design.Capacity{ArrivalsPerWeek: 0.2, Groups: 1}
	s.Designs, s.Strategies = []design.Design{d}, []string{"steps"}
	r := run(t, s, still(t, &s), 2)
	// In four weeks only those who do not wait complete: 0.2.
	if e := estimate(t, r, "steps", "program_completed"); math.Abs(float64(e.Mean)-0.2) > 4.5*float64(e.MCSE) {
		t.Errorf("%.4f (%.4f) complete at once, want 0.2", e.Mean, e.MCSE)
	}
	// By week 13 those who wait at most 9 weeks have completed as well:
	// 0.2 + 0.8·(1 − e^(−9/20)).
	s.HorizonWeeks = 13
	r = run(t, s, still(t, &s), 2)
	want := 0.2 + 0.8*(1-math.Exp(-9.0/20))
	if e := estimate(t, r, "steps", "program_completed"); math.Abs(float64(e.Mean)-want) > 4.5*float64(e.MCSE) {
		t.Errorf("%.4f (%.4f) complete in 13 weeks, want %.4f", e.Mean, e.MCSE, want)
	}
}

// Counts of care against their means, at interference 7 and without spread: 24 visits
// a year, in a year; at interference 8 a share of 0.105 more. Their variance is their
// mean, as Poisson's is (within 10 % of 8,000 patients). Costs are counts times prices.
func TestUseIsPoisson(t *testing.T) {
	for level, factor := range map[float64]float64{7: 1, 8: 1.105} {
		s := scenario(t, 8000)
		s.HorizonWeeks, s.Discounting.Cost, s.Strategies = 52, 0, []string{design.UsualCare}
		ev := with(still(t, &s), map[string]float64{"use.visits": 24, "use.emergency": 0.8})
		s.Population.Interference.Mean = level
		r := run(t, s, ev, 2)
		for outcome, want := range map[string]float64{"visits": 24, "emergency_visits": 0.8} {
			e := estimate(t, r, design.UsualCare, outcome)
			if math.Abs(float64(e.Mean)-want*factor) > 4.5*float64(e.MCSE) || math.Abs(float64(e.SD*e.SD)/(want*factor)-1) > 0.1 {
				t.Errorf("%s at %g: mean %.4f (%.4f), variance %.4f, want %.4f", outcome, level, e.Mean, e.MCSE, e.SD*e.SD, want*factor)
			}
		}
		equal(t, "visits paid", estimate(t, r, design.UsualCare, "cost_visits").Mean, 150*float64(estimate(t, r, design.UsualCare, "visits").Mean))
	}
}

// Of everyone off work under compensation the insurer pays 0.667 of the wage of 1100 a
// week: half a week at both ends, so 52 weeks in 52. Society counts the wage and not the
// indemnity.
func TestPerspectivesByHand(t *testing.T) {
	s := scenario(t, 5)
	s.HorizonWeeks, s.Discounting.Cost, s.Strategies = 52, 0, []string{design.UsualCare}
	ev := still(t, &s)
	s.Population.Work, s.Population.Compensation = design.Work{Off: 1}, 1
	r := run(t, s, ev, 1)
	got := func(o string) float64 { return float64(estimate(t, r, design.UsualCare, o).Mean) }
	equal(t, "indemnity", estimate(t, r, design.UsualCare, "cost_indemnity").Mean, 52*1100*0.667)
	equal(t, "insurer", estimate(t, r, design.UsualCare, "cost_insurer").Mean, got("cost_health_system")+52*1100*0.667)
	equal(t, "societal", estimate(t, r, design.UsualCare, "cost_societal").Mean, got("cost_health_system")+52*1100)
	for _, p := range []string{design.HealthSystem, design.Insurer, design.Societal} {
		s.Perspective = p
		r = run(t, s, ev, 1)
		name := map[string]string{design.HealthSystem: "cost_health_system", design.Insurer: "cost_insurer", design.Societal: "cost_societal"}[p]
		if got("cost") != got(name) {
			t.Errorf("%s: cost %g, want %g", p, got("cost"), got(name))
		}
	}
}

// Higher self-efficacy keeps more of a gain: with 10 PSEQ points over the mean and a
// share of 0.5 per 10 points the weekly loss is halved.
func TestSelfEfficacyKeepsGains(t *testing.T) {
	s := scenario(t, 5)
	s.HorizonWeeks, s.Strategies = 30, []string{"steps"}
	s.Designs = []design.Design{steps()}
	values := map[string]float64{"effect.self_efficacy": 10, "effect.self_efficacy_retained": 1, "effect.pain_retained": 0, "effect.half_dose_hours": 0, "effect.fade_self_efficacy": 0.5, "effect.decay_half_life": 10}
	r := run(t, s, with(still(t, &s), values), 1)
	// Three weeks in the program, then 27 of loss at half of 1 − 2^(−1/10).
	want := 6.5 - 1.1*math.Pow(1-0.5*(1-math.Pow(2, -0.1)), 27)
	equal(t, "pain", estimate(t, r, "steps", "pain_horizon").Mean, want)
}

// Dose-response can be flat: with a half dose of 0 one hour does what all do.
func TestDoseResponse(t *testing.T) {
	for hours, want := range map[float64]float64{0: 1, 20: 0.5, 40: 0.25} {
		if got := halfLeft(hours, 20); math.Abs(got-want) > 1e-12 {
			t.Errorf("%g hours leave %g, want %g", hours, got, want)
		}
	}
	if halfLeft(0.1, 0) != 0 || halfLeft(0, 0) != 1 {
		t.Error("a half dose of 0 is not flat")
	}
}

// What moves the hazards of work, against the powers of the weekly matrix with rates to
// better states times eˣ and to worse ones divided by it: a job held (x = 1·½ while off),
// 60 MME (x = −0.5 everywhere), and half of the vocational dose (x = 1·½ everywhere;
// 40 hours of which 20 are vocational, so that ½ and not ¾ of it counts). 8,000 patients,
// within 4.5 standard errors.
func TestWorkHazardsFollowTheirTerms(t *testing.T) {
	for name, c := range map[string]struct {
		values      map[string]float64
		job, opioid float64
		x           [4]float64
	}{
		"job":        {map[string]float64{"work.job_held": 1}, 1, 0, [4]float64{0, 0, 0.5, 0.5}},
		"dose":       {map[string]float64{"work.dose_50": -0.5}, 0.5, 1, [4]float64{-0.5, -0.5, -0.5, -0.5}},
		"vocational": {map[string]float64{"work.vocational": 1}, 0.5, 0, [4]float64{0.5, 0.5, 0.5, 0.5}},
	} {
		s := scenario(t, 8000)
		s.HorizonWeeks = 40
		rates := evidenceWith(t, nil).Base()
		ev := with(still(t, &s), map[string]float64{"work.dose_50": 0, "work.job_held": 0, "work.interference": 0, "work.mood": 0})
		for _, n := range []string{"full_modified", "full_off", "full_disability", "modified_full", "modified_off", "off_full", "off_modified", "off_disability", "disability_full", "disability_modified", "disability_off"} {
			ev = with(ev, map[string]float64{"work." + n: rates["work."+n]})
		}
		ev = with(ev, map[string]float64{"work.weeks_off": 0})
		ev = with(ev, c.values)
		s.Population.Work, s.Population.JobHeld, s.Population.OpioidShare = design.Work{Off: 1}, c.job, c.opioid
		d := steps()
		d.Phases = d.Phases[:1]
		d.Phases[0].Hours = map[string]float64{"relaxation": 20, "life_work_exposure": 20}
		s.Designs, s.Strategies = []design.Design{d}, []string{"steps"}
		e := estimate(t, run(t, s, ev, 2), "steps", "working_horizon")
		want := chain(rates, c.x, 40)
		if p := want[0] + want[1]; math.Abs(float64(e.Mean)-p) > 4.5*float64(e.MCSE) {
			t.Errorf("%s: %.4f (%.4f) work, want %.4f", name, e.Mean, e.MCSE, p)
		}
	}
}

// chain is where patients off work are after some weeks.
func chain(v map[string]float64, x [4]float64, weeks int) [4]float64 {
	names := [4]string{"full", "modified", "off", "disability"}
	p := [4]float64{0, 0, 1, 0}
	for range weeks {
		var q [4]float64
		for from := range p {
			var r [4]float64
			sum := 0.0
			for to := range r {
				if to < from {
					r[to] = v["work."+names[from]+"_"+names[to]] * math.Exp(x[from])
				} else if to > from {
					r[to] = v["work."+names[from]+"_"+names[to]] * math.Exp(-x[from])
				}
				sum += r[to]
			}
			leave := 1 - math.Exp(-sum)
			q[from] += p[from] * (1 - leave)
			for to := range r {
				q[to] += p[from] * leave * r[to] / sum
			}
		}
		p = q
	}
	return p
}

// By hand: 10 hours a week of which 4 have twice the weight, attended by half and given
// by telehealth at 0.8: (6 + 8)·0.8·0.5 = 5.6 effective hours; in person 7.
func TestWeightedHours(t *testing.T) {
	p := parameters{Relaxation: 1, Aerobic: 2, Attendance: 0.5, Telehealth: 0.8}
	ph := design.Phase{Hours: map[string]float64{"relaxation": 6, "aerobic_exercise": 4}}
	if got := p.weightedHours(ph); math.Abs(got-7) > 1e-12 {
		t.Errorf("%g effective hours, want 7", got)
	}
	ph.Telehealth = true
	if got := p.weightedHours(ph); math.Abs(got-5.6) > 1e-12 {
		t.Errorf("%g effective hours by telehealth, want 5.6", got)
	}
}

// Stepped care takes patients back. Who leaves such a return early has stayed to the end
// before: counted as both, those who stayed and those who left came to 106 of 100.
func TestNobodyBothStaysAndLeaves(t *testing.T) {
	s := scenario(t, 1024)
	s.Strategies, s.HorizonWeeks = []string{design.UsualCare, "stepped-care", "telehealth-maintenance"}, 104
	ev, err := evidence.Default()
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, s, ev, 0)
	for _, name := range s.Strategies[1:] {
		if estimate(t, r, name, "program_returns").Mean == 0 {
			t.Errorf("%s takes nobody back", name)
		}
		if both := estimate(t, r, name, "program_completed").Mean + estimate(t, r, name, "program_dropout").Mean; both > 1 || both < 0.9 {
			t.Errorf("%s: stayed or left %g", name, both)
		}
	}
}
