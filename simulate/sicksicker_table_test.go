package simulate

import (
	"math"
	"math/bits"
	"testing"

	"recoup/simulate/stream"
)

// sickSickerTable is sickSicker written for speed: thresholds and next states in a
// table by state and years since falling ill, a loop over the block for each year,
// no branch that depends on a patient. Outcomes are cost, QALYs and years.
type sickSickerTable struct {
	cycles   int
	duration bool
	rate     []float64 // hazard of death of the healthy, by draw
	series   bool
	tables   []*[2]sickSickerRows // by draw
	discount []float64
}

// maxDuration bounds the years since falling ill that the table tells apart.
const maxDuration = 128

// sickSickerRows has a row for each state·maxDuration + duration.
type sickSickerRows [4 * maxDuration]sickSickerRow

// sickSickerRow is one cache line.
type sickSickerRow struct {
	up            [3]uint64 // thresholds of the next state
	next          [4]uint16
	cost          float64
	qaly, perLife float64 // QALYs, and those times the person's own multiplier
}

func (m sickSickerTable) Spec() Spec {
	s := sickSicker{cycles: m.cycles}.Spec()
	if !m.series {
		s.Series, s.Points = nil, 0
	}
	return s
}

func (m sickSickerTable) NewWorker() Worker { return &sickSickerTableWorker{model: &m} }

func newSickSickerTable(cycles int, duration, series bool, rate ...float64) sickSickerTable {
	m := sickSickerTable{cycles: cycles, duration: duration, series: series, rate: rate}
	for t := range cycles + 1 {
		m.discount = append(m.discount, math.Pow(1.03, -float64(t)))
	}
	for _, r := range rate {
		m.tables = append(m.tables, sickSickerCompile(r, duration))
	}
	return m
}

func sickSickerCompile(r float64, duration bool) *[2]sickSickerRows {
	var t [2]sickSickerRows
	for strategy := range t {
		for state := range 4 {
			for d := range maxDuration {
				row := &t[strategy][state*maxDuration+d]
				rate := r * [4]float64{1, 3, 10, 0}[state]
				if duration && state > 0 {
					rate *= 1 + 0.2*float64(d+1) // duration has grown since the rewards were booked
				}
				sum := 0.0
				for to, p := range sickSickerNext(state, rate) {
					if sum += p; to < 3 {
						row.up[to] = uint64(min(sum, 1-0x1p-53) * 0x1p64)
					}
					row.next[to] = uint16(to * maxDuration)
					if (to == 1 || to == 2) && state > 0 {
						row.next[to] += uint16(min(d+1, maxDuration-1))
					}
				}
				row.cost = [4]float64{2000, 4000 + 12000*float64(strategy), 15000 + 12000*float64(strategy), 0}[state]
				row.qaly = [4]float64{1, 0.75, 0.5, 0}[state]
				if state == 1 && strategy == 1 {
					row.qaly = 0.95
					if duration {
						row.qaly, row.perLife = 0, 0.95-0.03*float64(d)
					}
				}
			}
		}
	}
	return &t
}

type sickSickerTableWorker struct {
	model            *sickSickerTable
	words            [BlockSize]uint64
	at               [BlockSize]uint16
	x, alive, count  [BlockSize]float64
	cost, qaly, year [BlockSize]float64
}

func (w *sickSickerTableWorker) Run(draw, strategy int, b *Block) {
	n, m := b.Len(), w.model
	rows := &m.tables[draw][strategy]
	b.Generator.Uniforms(w.x[:n], b.Keys, 1<<32)
	for i := range n {
		w.x[i] = 0.95 + float64(0.1*w.x[i])
		w.at[i], w.count[i] = 0, 1
		w.cost[i], w.qaly[i], w.year[i] = 0, 0, 0
	}
	w.reward(rows, m.discount[0], n)
	w.record(b, 0)
	for t := range m.cycles {
		b.Generator.Fill(w.words[:n], b.Keys, uint64(t))
		w.step(rows, m.discount[t+1], n)
		w.record(b, t+1)
	}
	copy(b.Outcome(0), w.cost[:n])
	copy(b.Outcome(1), w.qaly[:n])
	copy(b.Outcome(2), w.year[:n])
}

// step moves the patients on and books the year.
func (w *sickSickerTableWorker) step(rows *sickSickerRows, discount float64, n int) {
	for i := range min(n, BlockSize) {
		r := &rows[w.at[i]%(4*maxDuration)]
		u := w.words[i]
		_, a := bits.Sub64(u, r.up[0], 0) // 1 where u is below
		_, b := bits.Sub64(u, r.up[1], 0)
		_, c := bits.Sub64(u, r.up[2], 0)
		to := r.next[(3-a-b-c)&3]
		w.at[i] = to
		r = &rows[to%(4*maxDuration)]
		w.cost[i] += float64(discount * r.cost)
		w.qaly[i] += float64(discount * (r.qaly + float64(r.perLife*w.x[i])))
		w.year[i] += float64(1 - to/(3*maxDuration))
	}
}

func (w *sickSickerTableWorker) reward(rows *sickSickerRows, discount float64, n int) {
	for i := range n {
		r := &rows[w.at[i]]
		w.cost[i] += float64(discount * r.cost)
		w.qaly[i] += float64(discount * (r.qaly + float64(r.perLife*w.x[i])))
		w.year[i] += float64(1 - w.at[i]/(3*maxDuration))
	}
}

func (w *sickSickerTableWorker) record(b *Block, t int) {
	if !w.model.series {
		return
	}
	for i := range b.Len() {
		w.alive[i] = float64(1 - w.at[i]/(3*maxDuration))
	}
	b.Record(0, t, w.alive[:], w.count[:])
}

// The fast form is the same patients: every estimate agrees with the plain form to
// rounding.
func TestTableFormIsTheSameModel(t *testing.T) {
	for _, duration := range []bool{false, true} {
		for _, g := range []stream.Generator{stream.SplitMix64, stream.Philox} {
			size := Size{Seed: 6, Draws: 1, Patients: 3000, Generator: g}
			plain := mustRun(t, sickSicker{cycles: 30, duration: duration, rate: []float64{deathOfHealthy}}, size, 2)
			fast := mustRun(t, newSickSickerTable(30, duration, true, deathOfHealthy), size, 2)
			for s := range 2 {
				for o := range 3 {
					a, b := plain.Strategies[s].Estimates[o], fast.Strategies[s].Estimates[o]
					if math.Abs(float64(a.Mean-b.Mean)) > 1e-11*float64(a.Mean) || math.Abs(float64(a.MCSE-b.MCSE)) > 1e-9*float64(a.MCSE) {
						t.Errorf("duration %v, %s: %v (%v) in plain form, %v (%v) by table", duration, a.Outcome, a.Mean, a.MCSE, b.Mean, b.MCSE)
					}
				}
			}
		}
	}
}

// benchSickSicker is the yardstick's size: 100,000 people, 30 years.
func benchSickSicker(b *testing.B, g stream.Generator) {
	m := newSickSickerTable(30, true, false, deathOfHealthy)
	b.ReportAllocs()
	for b.Loop() {
		p, err := Simulate(b.Context(), m, Identity{Size: Size{Seed: 1, Draws: 1, Patients: 100_000, Generator: g}}, Options{Workers: 1})
		if err != nil || p == nil {
			b.Fatal(err)
		}
	}
	years := float64(b.N) * 2 * 100_000 * 30
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/years, "ns/patient-year")
}

func BenchmarkSickSicker(b *testing.B)       { benchSickSicker(b, stream.SplitMix64) }
func BenchmarkSickSickerPhilox(b *testing.B) { benchSickSicker(b, stream.Philox) }
