// Package rehab is the pain rehabilitation model: one patient followed by week
// through mortality, care, opioid taper, symptoms, work, cost and utility, under
// a program, usual care, opioid maintenance or lumbar fusion.
//
// A patient-week runs these steps in this order, each a function of steps.go:
// mortality, care (aftercare, the waiting list and the program, recovery from
// surgery), taper, overdose, symptoms, work, use of health care, and accrual of QALYs
// and costs.
package rehab

import (
	"fmt"
	"math"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// model is the compiled scenario: it implements simulate.Preparer.
type model struct {
	set   settings
	spec  simulate.Spec
	reads []reading

	evidence   evidence.Set
	sampler    *simulate.Sampler // nil for the base case
	strategies []string
	designs    []*design.Design
	draws      []*draw // nil where not prepared

	// writes, if set, takes the patients of a block as a cohort's rows.
	writes func(strategy, block int) *pieces
}

// reading is how one outcome is taken: at a point in time, or at the end (-1).
type reading struct {
	outcome simulate.Outcome
	point   int
	value   func(*state, int) float64
}

func (m *model) Spec() simulate.Spec { return m.spec }

func (m *model) NewWorker() simulate.Worker { return &worker{model: m} }

type worker struct {
	s     state // first, see there
	mask  column
	value column
	model *model
	note  *scribe // nil where patients are not written
}

// Run implements simulate.Worker.
func (w *worker) Run(draw, strategy int, b *simulate.Block) {
	set, d, s := &w.model.set, w.model.draws[draw], &w.s
	a := &d.arms[strategy]
	w.note = nil
	if m := w.model; m.writes != nil {
		w.note = &scribe{out: m.writes(strategy, b.First/simulate.BlockSize), first: b.First, arm: strategy, arms: len(m.strategies), name: m.strategies[strategy], visits: cohortVisits(set.weeks)}
	}
	s.enter(b, set, d)
	s.begin(b, set, d, a)
	s.accrue(set, d, a, 0)
	s.healthAtEntry = s.health
	w.observe(b, 0)
	for t := 1; t <= set.weeks; t++ {
		s.mortality(b, set, d, a, t)
		if a.program {
			s.aftercare(set, d, a, t)
			s.program(b, set, d, a, t)
		}
		if a.surgery || a.gate {
			s.recover(b, set, d, t)
		}
		s.taper(b, set, d, a, t)
		s.overdose(b, set, d, t)
		s.symptoms(b, d, a, t)
		s.works(b, d, a, t)
		s.use(b, set, d, t)
		s.accrue(set, d, a, t)
		w.observe(b, t)
	}
	for o := range w.model.reads {
		if r := &w.model.reads[o]; r.point < 0 {
			w.read(b, o, r)
		}
	}
	if w.note != nil {
		w.note.close(s, set.weeks)
	}
}

func (w *worker) read(b *simulate.Block, o int, r *reading) {
	out := b.Outcome(o)
	for i := range out {
		out[i] = r.value(&w.s, i)
	}
}

// observe records the trajectories and the outcomes of one point.
func (w *worker) observe(b *simulate.Block, t int) {
	s := &w.s
	if w.note != nil {
		w.note.week(s, t)
	}
	for k := range s.symptom {
		b.Record(k, t, s.symptom[k][:], s.alive[:])
	}
	b.Record(symptoms, t, s.dose[:], s.alive[:])
	n := min(s.n, simulate.BlockSize)
	for i := range n {
		w.mask[i] = float64(s.alive[i] * free[less(workDisability, s.work[i])])
		w.value[i] = free[less(workModified, s.work[i])]
	}
	b.Record(symptoms+1, t, w.value[:], w.mask[:])
	for i := range n {
		w.mask[i] = float64(one[less(0, s.entryDose[i])] * s.alive[i])
		w.value[i] = free[s.takes(i)&1]
	}
	b.Record(symptoms+2, t, w.value[:], w.mask[:])
	for o := range w.model.reads {
		if r := &w.model.reads[o]; r.point == t {
			w.read(b, o, r)
		}
	}
}

func trajectories() []simulate.Series {
	return []simulate.Series{
		{Name: "pain", Unit: "points (0-10)", Note: "mean of those alive", High: 10, Bins: 100},
		{Name: "interference", Unit: "points (0-10)", Note: "mean of those alive", High: 10, Bins: 100},
		{Name: "mood", Unit: "PHQ-9 points", Note: "mean of those alive"},
		{Name: "self_efficacy", Unit: "PSEQ points", Note: "mean of those alive; more is better"},
		{Name: "sleep", Unit: "ISI points", Note: "mean of those alive"},
		{Name: "dose", Unit: "MME per day", Note: "mean of those alive, patients without opioids and on medication-assisted treatment counted as 0"},
		{Name: "working", Unit: "share", Note: "in full or modified work, of those alive and not retired"},
		{Name: "off_opioids", Unit: "share", Note: "without pain opioids and medication-assisted treatment, of those alive who took opioids at entry"},
	}
}

// offWork says of a work state that it is not worked in but could be.
func offWork(state float64) bool { return state == workOff || state == workDisability }

func working(s *state, i int) float64 { return flag(s.work[i] <= workModified) }

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// only is x where the condition holds and NaN elsewhere.
func only(condition bool, x float64) float64 {
	if condition {
		return x
	}
	return math.NaN()
}

// reviewWeeks are the weeks at which outcomes are read, besides the horizon.
var reviewWeeks = []int{12, 26, 52, 104}

// readings lists the outcomes of a horizon of some weeks.
func readings(set *settings) []reading {
	var out []reading
	for _, t := range reviewWeeks {
		if t < set.weeks {
			out = append(out, readingsAt(t, fmt.Sprintf("%dw", t))...)
		}
	}
	out = append(out, readingsAt(set.weeks, "horizon")...)
	return append(out, finalReadings(set)...)
}

func readingsAt(t int, when string) []reading {
	alive := func(s *state, i int) bool { return s.alive[i] == 1 }
	at := func(name, unit, note string, f func(*state, int) float64) reading {
		return reading{simulate.Outcome{Name: name + "_" + when, Unit: unit, Note: note}, t, f}
	}
	level := func(name, unit string, k int) reading {
		return at(name, unit, "of those alive", func(s *state, i int) float64 { return only(alive(s, i), s.symptom[k][i]) })
	}
	change := func(name, unit string, k int) reading {
		return at(name+"_change", unit, "from entry, of those alive; a fall is negative", func(s *state, i int) float64 {
			return only(alive(s, i), s.symptom[k][i]-s.base[k][i])
		})
	}
	active := func(s *state, i int) bool { return s.alive[i] == 1 && s.work[i] != workRetired }
	inWork := func(name string, which float64) reading {
		return at("work_"+name, "share", "of those alive and not retired", func(s *state, i int) float64 { return only(active(s, i), flag(s.work[i] == which)) })
	}
	const points = "points (0-10)"
	return []reading{
		level("pain", points, pain), change("pain", points, pain),
		at("pain_responder", "share", "pain at least 30 % under entry, of those alive with pain at entry", func(s *state, i int) float64 {
			return only(alive(s, i) && s.base[pain][i] > 0, flag(s.symptom[pain][i] <= float64(0.7*s.base[pain][i])))
		}),
		at("pain_reduction", "share", "fall from entry as a share of it, mean of the shares of those alive with pain of at least 1 at entry", func(s *state, i int) float64 {
			return only(alive(s, i) && s.base[pain][i] >= 1, 1-s.symptom[pain][i]/s.base[pain][i])
		}),
		level("interference", points, interference), change("interference", points, interference),
		level("mood", "PHQ-9 points", mood), change("mood", "PHQ-9 points", mood),
		level("self_efficacy", "PSEQ points", selfEfficacy), level("sleep", "ISI points", sleep),
		at("dose", "MME per day", "of those alive who took opioids at entry", func(s *state, i int) float64 {
			return only(alive(s, i) && s.entryDose[i] > 0, s.dose[i])
		}),
		at("off_opioids", "share", "without pain opioids and medication-assisted treatment, of those alive who took opioids at entry", func(s *state, i int) float64 {
			return only(alive(s, i) && s.entryDose[i] > 0, flag(s.dose[i] == 0 && s.opioid[i] != opioidMAT))
		}),
		at("utility", "index", "of those alive", func(s *state, i int) float64 { return only(alive(s, i), s.health[i]) }),
		inWork("full", workFull), inWork("modified", workModified), inWork("off", workOff), inWork("disability", workDisability),
		at("retired", "share", "by age, of those alive", func(s *state, i int) float64 { return only(alive(s, i), flag(s.work[i] == workRetired)) }),
		at("working", "share", "in full or modified work, of those alive and not retired", func(s *state, i int) float64 { return only(active(s, i), working(s, i)) }),
		at("full_work_if_off", "share", "in full work, of those alive and not retired who were off work (not on disability) at entry", func(s *state, i int) float64 {
			return only(active(s, i) && s.entryWork[i] == workOff, flag(s.work[i] == workFull))
		}),
	}
}

// offDefinitions are the named definitions of being off opioids: weeks without, whole
// weeks of at least so many days.
var offDefinitions = []struct {
	days  int
	weeks float64
}{{28, 4}, {30, 5}, {60, 9}}

func end(name, unit, note string, f func(*state, int) float64) reading {
	return reading{simulate.Outcome{Name: name, Unit: unit, Note: note}, -1, f}
}

func finalReadings(set *settings) []reading {
	var out []reading
	for _, d := range offDefinitions {
		out = append(out, end(fmt.Sprintf("off_opioids_%d_days", d.days), "share",
			fmt.Sprintf("at the horizon without pain opioids and medication-assisted treatment for at least %d days (%g weeks), of those alive who took opioids at entry", d.days, d.weeks),
			func(s *state, i int) float64 {
				return only(s.alive[i] == 1 && s.entryDose[i] > 0, flag(s.clean[i] >= d.weeks))
			}))
	}
	out = append(out,
		end("utility_entry", "index", "before anything is done", func(s *state, i int) float64 { return s.healthAtEntry[i] }),
		end("off_opioids_completers", "share", "at the horizon without pain opioids and medication-assisted treatment, of those alive who took opioids at entry and completed the program", func(s *state, i int) float64 {
			return only(s.alive[i]*s.completed[i] == 1 && s.entryDose[i] > 0, flag(s.dose[i] == 0 && s.opioid[i] != opioidMAT))
		}),
		end("medication_assisted", "share", "on medication-assisted treatment at the horizon, of those alive who took opioids at entry", func(s *state, i int) float64 {
			return only(s.alive[i] == 1 && s.entryDose[i] > 0, flag(s.opioid[i] == opioidMAT))
		}),
		end("sustained_return", "share", "13 weeks of full or modified work running, at any time, of those off work or on disability at entry", func(s *state, i int) float64 {
			return only(offWork(s.entryWork[i]), s.sustained[i])
		}),
		end("weeks_waited", "weeks", "from referral to the start of the program, of those who started it in the time; null without a program", func(s *state, i int) float64 {
			return only(s.inProgram && s.waiting[i] == 0, s.waited[i])
		}),
		end("program_dropout", "share", "left the program before its end, and never stayed to it (those taken back may leave having stayed before); null without a program", func(s *state, i int) float64 {
			return only(s.inProgram, float64(s.dropped[i]*(1-s.completed[i])))
		}),
		end("program_completed", "share", "stayed to the end of the program, once at least; null without a program", func(s *state, i int) float64 { return only(s.inProgram, s.completed[i]) }),
		end("program_steps", "times per patient", "sent by a benchmark to another phase than the planned one; null without a program", func(s *state, i int) float64 { return only(s.inProgram, s.steps[i]) }),
		end("program_returns", "times per patient", "taken back by the relapse watch; null without a program", func(s *state, i int) float64 { return only(s.inProgram, s.returns[i]) }),
		end("operated", "share", "lumbar fusion", func(s *state, i int) float64 { return s.operated[i] }),
		end("complication", "share", "of surgery, of those operated; null without surgery", func(s *state, i int) float64 { return only(s.operated[i] == 1, s.complication[i]) }),
		end("reoperation", "share", "at least one, of those operated; null without surgery", func(s *state, i int) float64 { return only(s.operated[i] == 1, s.reoperated[i]) }),
		end("overdose", "events per patient", "non-fatal", func(s *state, i int) float64 { return s.overdoses[i] }),
		end("death", "share", "any cause", func(s *state, i int) float64 { return 1 - s.alive[i] }))
	for c, name := range [4]string{"visits", "imaging", "procedures", "emergency_visits"} {
		out = append(out, end(name, "per patient", "health care outside the program", func(s *state, i int) float64 { return s.used[c][i] }))
	}
	return append(append(out, costReadings(set)...),
		end("qaly", "QALY", "discounted", func(s *state, i int) float64 { return s.qaly[i] }),
		end("life_years", "years", "not discounted", func(s *state, i int) float64 { return s.years[i] }))
}

// costReadings lists costs by category, each with the total it is part of, then the totals
// by perspective.
func costReadings(set *settings) []reading {
	cost := func(name, of, note string, f func(*state, int) float64) reading {
		r := end("cost"+name, "USD", "discounted"+note, f)
		r.outcome.PartOf = of
		return r
	}
	health := func(s *state, i int) float64 {
		return s.costProgram[i] + s.costSurgery[i] + medicalCost(s, i) + s.costDrugs[i] + s.costOverdose[i]
	}
	insurer := func(s *state, i int) float64 { return health(s, i) + s.costIndemnity[i] }
	societal := func(s *state, i int) float64 { return health(s, i) + s.costWork[i] }
	total, indemnity, wages := health, "", ""
	switch set.perspective {
	case design.Insurer:
		total, indemnity = insurer, "cost"
	case design.Societal:
		total, wages = societal, "cost"
	}
	out := []reading{
		cost("_program", "cost", "", func(s *state, i int) float64 { return s.costProgram[i] }),
		cost("_surgery", "cost", "; with complications and reoperations", func(s *state, i int) float64 { return s.costSurgery[i] }),
		cost("_medical", "cost", "; visits, imaging, procedures and emergency visits", medicalCost),
	}
	for c, name := range [4]string{"_visits", "_imaging", "_procedures", "_emergency"} {
		out = append(out, cost(name, "cost_medical", "; part of medical", func(s *state, i int) float64 { return s.costUse[c][i] }))
	}
	return append(out,
		cost("_drugs", "cost", "; with medication-assisted treatment and monitoring", func(s *state, i int) float64 { return s.costDrugs[i] }),
		cost("_overdose", "cost", "", func(s *state, i int) float64 { return s.costOverdose[i] }),
		cost("_indemnity", indemnity, "; wages paid to patients under workers' compensation", func(s *state, i int) float64 { return s.costIndemnity[i] }),
		cost("_work_loss", wages, " wages lost", func(s *state, i int) float64 { return s.costWork[i] }),
		cost("_health_system", "", "; program, surgery, medical, drugs, overdose", health),
		cost("_insurer", "", "; health system and indemnity", insurer),
		cost("_societal", "", "; health system and wages lost; indemnity is a transfer and left out", societal),
		cost("", "", " total of the perspective", total))
}

func medicalCost(s *state, i int) float64 {
	return s.costUse[0][i] + s.costUse[1][i] + s.costUse[2][i] + s.costUse[3][i]
}
