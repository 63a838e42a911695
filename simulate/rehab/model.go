// Package rehab is the pain rehabilitation model: one patient followed by week
// through mortality, care, opioid taper, symptoms, work, cost and utility, under
// a program, usual care or lumbar fusion.
//
// A patient-week runs these steps in this order, each a function of steps.go:
// mortality, care (aftercare and program, or recovery from surgery), taper,
// overdose, symptoms, work, and accrual of QALYs and costs.
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
	model *model
	s     state
	mask  column
	value column
}

// Run implements simulate.Worker.
func (w *worker) Run(draw, strategy int, b *simulate.Block) {
	set, d, s := &w.model.set, w.model.draws[draw], &w.s
	a := &d.arms[strategy]
	s.enter(b, set, d)
	s.begin(b, d, a)
	w.observe(b, 0)
	s.accrue(set, d, a, 0)
	for t := 1; t <= set.weeks; t++ {
		s.mortality(b, d, a, t)
		if a.program {
			s.aftercare(set, d, a, t)
			s.program(b, set, d, a, t)
		}
		if a.surgery {
			s.recover(b, set, d, t)
		}
		s.taper(b, set, d, a, t)
		s.overdose(b, set, d, t)
		s.symptoms(b, d, a, t)
		s.works(b, d, a, t)
		s.accrue(set, d, a, t)
		w.observe(b, t)
	}
	for o := range w.model.reads {
		if r := &w.model.reads[o]; r.point < 0 {
			w.read(b, o, r)
		}
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
	b.Record(0, t, s.symptom[0][:], s.alive[:])
	b.Record(1, t, s.symptom[1][:], s.alive[:])
	b.Record(2, t, s.dose[:], s.alive[:])
	for i := range s.n {
		w.value[i] = working(s, i)
	}
	b.Record(3, t, w.value[:], s.alive[:])
	for i := range s.n {
		w.mask[i], w.value[i] = 0, 0
		if s.entryDose[i] > 0 {
			w.mask[i] = s.alive[i]
		}
		if s.dose[i] == 0 {
			w.value[i] = 1
		}
	}
	b.Record(4, t, w.value[:], w.mask[:])
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
		{Name: "dose", Unit: "MME per day", Note: "mean of those alive, patients without opioids counted as 0"},
		{Name: "working", Unit: "share", Note: "in full or modified work, of those alive"},
		{Name: "off_opioids", Unit: "share", Note: "of those alive who took opioids at entry"},
	}
}

func working(s *state, i int) float64 {
	if s.work[i] <= workModified {
		return 1
	}
	return 0
}

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
	return []reading{
		at("pain", "points (0-10)", "of those alive", func(s *state, i int) float64 { return only(alive(s, i), s.symptom[0][i]) }),
		at("pain_change", "points (0-10)", "from entry, of those alive; a fall is negative", func(s *state, i int) float64 {
			return only(alive(s, i), s.symptom[0][i]-s.base[0][i])
		}),
		at("pain_responder", "share", "pain at least 30 % under entry, of those alive with pain at entry", func(s *state, i int) float64 {
			return only(alive(s, i) && s.base[0][i] > 0, flag(s.symptom[0][i] <= float64(0.7*s.base[0][i])))
		}),
		at("interference", "points (0-10)", "of those alive", func(s *state, i int) float64 { return only(alive(s, i), s.symptom[1][i]) }),
		at("mood", "PHQ-9 points", "of those alive", func(s *state, i int) float64 { return only(alive(s, i), s.symptom[2][i]) }),
		at("dose", "MME per day", "of those alive who took opioids at entry", func(s *state, i int) float64 {
			return only(alive(s, i) && s.entryDose[i] > 0, s.dose[i])
		}),
		at("off_opioids", "share", "of those alive who took opioids at entry", func(s *state, i int) float64 {
			return only(alive(s, i) && s.entryDose[i] > 0, flag(s.dose[i] == 0))
		}),
		at("working", "share", "in full or modified work, of those alive", func(s *state, i int) float64 { return only(alive(s, i), working(s, i)) }),
		at("full_work_if_off", "share", "in full work, of those alive who were off work (not on disability) at entry", func(s *state, i int) float64 {
			return only(alive(s, i) && s.entryWork[i] == workOff, flag(s.work[i] == workFull))
		}),
	}
}

func finalReadings(set *settings) []reading {
	end := func(name, unit, note string, f func(*state, int) float64) reading {
		return reading{simulate.Outcome{Name: name, Unit: unit, Note: note}, -1, f}
	}
	const usd = "USD"
	out := []reading{
		end("sustained_return", "share", "13 weeks of full or modified work running, at any time, of those off work or on disability at entry", func(s *state, i int) float64 {
			return only(s.entryWork[i] >= workOff, s.sustained[i])
		}),
		end("program_dropout", "share", "left the program before its end; null without a program", func(s *state, i int) float64 { return only(s.inProgram, s.dropped[i]) }),
		end("program_completed", "share", "stayed to the end of the program; null without a program", func(s *state, i int) float64 { return only(s.inProgram, s.completed[i]) }),
		end("complication", "share", "of surgery; null without surgery", func(s *state, i int) float64 { return only(s.operated, s.complication[i]) }),
		end("reoperation", "share", "at least one; null without surgery", func(s *state, i int) float64 { return only(s.operated, s.reoperated[i]) }),
		end("overdose", "events per patient", "non-fatal", func(s *state, i int) float64 { return s.overdoses[i] }),
		end("death", "share", "any cause", func(s *state, i int) float64 { return 1 - s.alive[i] }),
		end("cost_program", usd, "discounted", func(s *state, i int) float64 { return s.costProgram[i] }),
		end("cost_surgery", usd, "discounted; with complications and reoperations", func(s *state, i int) float64 { return s.costSurgery[i] }),
		end("cost_medical", usd, "discounted; other health care", func(s *state, i int) float64 { return s.costMedical[i] }),
		end("cost_drugs", usd, "discounted", func(s *state, i int) float64 { return s.costDrugs[i] }),
		end("cost_overdose", usd, "discounted", func(s *state, i int) float64 { return s.costOverdose[i] }),
		end("cost_work_loss", usd, "discounted wages lost; in the total only from the societal perspective", func(s *state, i int) float64 { return s.costWork[i] }),
	}
	societal := set.societal
	return append(out,
		end("cost", usd, "discounted total of the perspective", func(s *state, i int) float64 {
			sum := s.costProgram[i] + s.costSurgery[i] + s.costMedical[i] + s.costDrugs[i] + s.costOverdose[i]
			if societal {
				sum += s.costWork[i]
			}
			return sum
		}),
		end("qaly", "QALY", "discounted", func(s *state, i int) float64 { return s.qaly[i] }),
		end("life_years", "years", "not discounted", func(s *state, i int) float64 { return s.years[i] }))
}
