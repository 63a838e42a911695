package simulate

import (
	"math"
)

// sickSicker is the Sick-Sicker model of Krijkamp et al. 2018
// (doi:10.1177/0272989X18754513): healthy, sick, sicker, dead, by year, without
// and with a treatment that improves the quality of life of the sick. With
// duration set, death and treated utility depend on the years since falling ill
// (appendix B). Its expectation is known exactly, so it is the oracle of the
// engine.
type sickSicker struct {
	cycles   int
	duration bool
	rate     []float64 // hazard of death of the healthy, by draw
}

func (m sickSicker) Spec() Spec {
	return Spec{
		Strategies: []string{"no-treatment", "treatment"},
		Outcomes:   []Outcome{{Name: "cost", Unit: "USD"}, {Name: "qaly", Unit: "QALY"}, {Name: "years", Unit: "years"}},
		Series:     []Series{{Name: "alive", Unit: "share"}},
		Points:     m.cycles + 1, Cost: "cost", Effect: "qaly",
	}
}

func (m sickSicker) NewWorker() Worker { return &sickSickerWorker{model: m} }

type sickSickerWorker struct {
	model        sickSicker
	u, x         [BlockSize]float64
	state, dur   [BlockSize]float64
	alive, count [BlockSize]float64
}

func (w *sickSickerWorker) Run(draw, strategy int, b *Block) {
	n := b.Len()
	cost, qaly, years := b.Outcome(0), b.Outcome(1), b.Outcome(2)
	b.Generator.Uniforms(w.x[:n], b.Keys, 1<<32)
	for i := range n {
		cost[i], qaly[i], years[i], w.state[i], w.dur[i], w.count[i] = 0, 0, 0, 0, 0, 1
	}
	for t := 0; ; t++ {
		disc := math.Pow(1.03, -float64(t))
		for i := range n {
			s := int(w.state[i])
			cost[i] += disc * [4]float64{2000, 4000 + 12000*float64(strategy), 15000 + 12000*float64(strategy), 0}[s]
			u := [4]float64{1, 0.75, 0.5, 0}[s]
			if s == 1 && strategy == 1 {
				u = 0.95
				if w.model.duration {
					u = (0.95 + 0.1*w.x[i]) * (0.95 - 0.03*w.dur[i])
				}
			}
			qaly[i] += disc * u
			w.alive[i] = 1
			if s == 3 {
				w.alive[i] = 0
			}
			years[i] += w.alive[i]
			if s == 1 || s == 2 {
				w.dur[i]++
			}
		}
		b.Record(0, t, w.alive[:], w.count[:])
		if t == w.model.cycles {
			return
		}
		b.Generator.Uniforms(w.u[:n], b.Keys, uint64(t))
		for i := range n {
			w.step(i, w.model.rate[draw])
		}
	}
}

func (w *sickSickerWorker) step(i int, r float64) {
	s, u := int(w.state[i]), w.u[i]
	if s == 3 {
		return
	}
	next := sickSickerNext(s, w.deathRate(s, i, r))
	to := 0
	for sum := next[0]; u >= sum && to < 3; sum += next[to] {
		to++
	}
	if to == 0 || (s == 0 && to == 1) {
		w.dur[i] = 0
	}
	w.state[i] = float64(to)
}

func (w *sickSickerWorker) deathRate(s, i int, r float64) float64 {
	r *= [3]float64{1, 3, 10}[s]
	if w.model.duration && s > 0 {
		r *= 1 + 0.2*w.dur[i]
	}
	return r
}

// sickSickerNext is the row of the transition matrix of state s.
func sickSickerNext(s int, rate float64) [4]float64 {
	d := 1 - math.Exp(-rate)
	switch s {
	case 0:
		return [4]float64{1 - 0.15 - d, 0.15, 0, d}
	case 1:
		return [4]float64{0.5, 1 - 0.5 - 0.105 - d, 0.105, d}
	case 2:
		return [4]float64{0, 0, 1 - d, d}
	}
	return [4]float64{0, 0, 0, 1}
}

// cohort is the exact expectation of the memoryless model: cost and QALY of
// both strategies, and the share alive, by multiplying the state vector.
func (m sickSicker) cohort(r float64) (cost, qaly [2]float64, alive []float64) {
	p := [4]float64{1}
	for t := range m.cycles + 1 {
		disc := math.Pow(1.03, -float64(t))
		cost[0] += disc * (2000*p[0] + 4000*p[1] + 15000*p[2])
		cost[1] += disc * (2000*p[0] + 16000*p[1] + 27000*p[2])
		qaly[0] += disc * (p[0] + 0.75*p[1] + 0.5*p[2])
		qaly[1] += disc * (p[0] + 0.95*p[1] + 0.5*p[2])
		alive = append(alive, 1-p[3])
		var q [4]float64
		for s, rate := range [4]float64{r, 3 * r, 10 * r, 0} {
			for to, x := range sickSickerNext(s, rate) {
				q[to] += p[s] * x
			}
		}
		p = q
	}
	return cost, qaly, alive
}
