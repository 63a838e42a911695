package rehab

import (
	"math"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/queue"
	"recoup/simulate/stream"
)

// line is the waiting list of a program in its steady state (M/M/c): patients come at
// random, stay for exponential times, and a free place goes to who came first, or to who
// came first of those who go first. While all places are taken the list grows by one
// arrival and shrinks by one discharge at a time, at these rates whoever is on it.
type line struct {
	waits     float64 // probability of finding no place free
	served    float64 // discharges a week while all places are taken, c/mean stay
	arrivals  float64 // a week
	ahead     float64 // arrivals a week of those who go first
	priority  string  // who they are; empty for one class
	threshold float64
}

// newLine returns the line of a design for the patients of a scenario; nil without a
// capacity.
func newLine(x *design.Design, pop *population) (*line, error) {
	k := x.Capacity
	if k == nil {
		return nil, nil
	}
	stay := float64(x.PlannedWeeks())
	steady, err := queue.Exponential(k.ArrivalsPerWeek, stay, x.Places())
	if err != nil {
		return nil, err
	}
	l := &line{waits: steady.Wait, served: float64(x.Places()) / stay, arrivals: k.ArrivalsPerWeek}
	if p := k.Priority; p != nil {
		l.priority, l.threshold = p.For, p.From
		l.ahead = k.ArrivalsPerWeek * pop.share(p.For, p.From)
	}
	return l, nil
}

// share is the share of the patients who come that a priority is for.
func (p *population) share(what string, from float64) float64 {
	over := func(x design.Spread, top float64) float64 {
		switch {
		case from <= 0:
			return 1
		case from > top:
			return 0
		case x.SD == 0:
			return flag(x.Mean >= from)
		}
		return 0.5 * math.Erfc((from-x.Mean)/x.SD/math.Sqrt2)
	}
	switch what {
	case design.FirstPain:
		return over(p.Pain, top[pain])
	case design.FirstInterference:
		return over(p.Interference, top[interference])
	case design.FirstMood:
		return over(p.Mood, top[mood])
	case design.FirstOpioids:
		return p.OpioidShare
	case design.FirstCompensation:
		return p.Compensation
	}
	return p.Work.Off * (1 - p.retired()) // design.FirstOffWork
}

// retired is the share of the patients who are retired when they come.
func (p *population) retired() float64 {
	switch {
	case p.RetirementAge == 0 || p.RetirementAge > p.Age.Maximum:
		return 0
	case p.RetirementAge <= p.Age.Minimum:
		return 1
	case p.Age.SD == 0:
		return flag(p.Age.Mean >= p.RetirementAge)
	}
	return 0.5 * math.Erfc((p.RetirementAge-p.Age.Mean)/p.Age.SD/math.Sqrt2)
}

// first says whether a patient goes before the others.
func (l *line) first(s *state, i int) bool {
	switch l.priority {
	case design.FirstPain:
		return s.base[pain][i] >= l.threshold
	case design.FirstInterference:
		return s.base[interference][i] >= l.threshold
	case design.FirstMood:
		return s.base[mood][i] >= l.threshold
	case design.FirstOpioids:
		return s.entryDose[i] > 0
	case design.FirstCompensation:
		return s.compensation[i] == 1
	case design.FirstOffWork:
		return s.entryWork[i] == workOff
	}
	return false
}

// join gives each patient the whole weeks until the program begins.
func (l *line) join(s *state, b *simulate.Block, horizon int) {
	s.uniforms(&s.u, b, entryWait)
	for i := range min(s.n, simulate.BlockSize) {
		if s.u[i] >= l.waits {
			continue
		}
		u := s.u[i] / l.waits // below, it is uniform as well
		switch {
		case l.priority == "":
			s.waiting[i] = math.Ceil(-stream.Log(u) / (l.served - l.arrivals))
		case l.first(s, i): // only others of their class are before them
			s.waiting[i] = math.Ceil(-stream.Log(u) / (l.served - l.ahead))
		default:
			s.waiting[i] = math.Ceil(l.overtaken(u, b, i, float64(horizon+1)))
		}
	}
}

// overtaken is the wait of a patient before whom others go: until the list they found
// is gone and with it all who came ahead of them since. The length found is geometric
// with the used share of places, plus the discharge that is next. It is followed change
// by change, to the end or past most.
func (l *line) overtaken(u float64, b *simulate.Block, i int, most float64) float64 {
	before := 1 + math.Floor(stream.Log(u)/stream.Log(l.arrivals/l.served))
	rate := l.served + l.ahead
	var step, turn [1]float64
	at := 0.0
	for change := uint64(entryOvertaken); before > 0 && at < most; change += 2 {
		b.Generator.Uniforms(step[:], b.Keys[i:i+1], change)
		b.Generator.Uniforms(turn[:], b.Keys[i:i+1], change+1)
		at -= stream.Log(step[0]) / rate
		before--
		if float64(turn[0]*rate) < l.ahead {
			before += 2
		}
	}
	return at
}
