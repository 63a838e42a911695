package simulate

import (
	"math"
	"testing"

	"recoup/simulate/stream"
)

// yardstick is the weekly model of 12 variables of bench/simulation/limit.c, by
// which speed is measured: pain, mood, dose, flares, work, drop-out, relapse, cost
// and QALYs of a program of 12 weeks, followed for some years.
type yardstick struct {
	weeks            int
	effect, discount []float64
}

func newYardstick(weeks int) *yardstick {
	m := &yardstick{weeks: weeks}
	for t := range weeks {
		m.effect = append(m.effect, 2.5*(1-stream.Exp(-float64(t)/6)))
		m.discount = append(m.discount, stream.Exp(-stream.Log(1.03)*float64(t)/52))
	}
	return m
}

var yardstickOutcomes = []string{"cost", "qaly", "pain", "drop", "relapse", "flares", "full", "off", "disabled"}

func (m *yardstick) Spec() Spec {
	s := Spec{Strategies: []string{"program"}, Cost: "cost", Effect: "qaly"}
	for _, name := range yardstickOutcomes {
		s.Outcomes = append(s.Outcomes, Outcome{Name: name})
	}
	return s
}

func (m *yardstick) NewWorker() Worker { return &yardstickWorker{model: m} }

type yardstickWorker struct {
	base, mood, dose, noise, pain, effect, cost, qaly, flares [BlockSize]float64

	// flare is the weeks left of one, left whether the patient dropped out (1) and
	// relapsed (2), work 0 for full, 1 for off, 2 for disabled.
	flare, left, work [BlockSize]uint8

	a, b [BlockSize]float64 // normal numbers of the week
	u, v [BlockSize]float64 // uniform numbers of events
	odds [BlockSize]float64 // its log odds
	hit  [BlockSize]uint8   // whether it happens

	model *yardstick
	n     int
}

func (x *yardstickWorker) Run(_, _ int, b *Block) {
	x.enter(b)
	for t := range x.model.weeks {
		c := uint64(3 * t)
		b.Generator.NormalHalves(x.a[:x.n], x.b[:x.n], b.Keys, c)
		b.Generator.Halves(x.u[:x.n], x.v[:x.n], b.Keys, c+1)
		if t < 12 {
			x.reach(x.model.effect[t])
		}
		x.symptoms()
		if t < 12 {
			x.program(400 * x.model.discount[t])
		} else {
			x.after()
		}
		b.Generator.Uniforms(x.u[:x.n], b.Keys, c+2)
		x.accrue(x.model.discount[t])
	}
	for i := range x.n {
		for o, y := range [...]float64{x.cost[i], x.qaly[i] / 52, x.pain[i], is(x.left[i]&1 != 0), is(x.left[i]&2 != 0), x.flares[i], is(x.work[i] == 0), is(x.work[i] == 1), is(x.work[i] == 2)} {
			b.Outcome(o)[i] = y
		}
	}
}

func (x *yardstickWorker) enter(b *Block) {
	*x = yardstickWorker{model: x.model, n: b.Len()}
	b.Generator.Normals(x.base[:x.n], b.Keys, 1<<32)
	b.Generator.Normals(x.mood[:x.n], b.Keys, 1<<32+1)
	b.Generator.Uniforms(x.dose[:x.n], b.Keys, 1<<32+2)
	for i := range x.n {
		x.base[i] = 6.8 + float64(1.2*x.base[i])
		x.dose[i] *= 30
	}
}

// What happens to a patient is looked up by their state rather than branched on:
// neighbours in the block are in different states, which no branch predicts.
var (
	kept      = [4]float64{1, 0.96, 0.96, 0.96}  // of the effect, by left
	flareNext = [8]uint8{0, 0, 1, 2, 3, 0, 1, 2} // by weeks left, and 4 if one would begin
	flareNew  = [8]float64{4: 1}
	flarePain = [4]float64{0, 1.5, 1.5, 1.5}
	relapsed  = [4]float64{0, 0, 1, 1}           // MME a week, by left
	workNext  = [8]uint8{0, 1, 2, 2, 1, 0, 2, 2} // by work, and 4 if it changes
	workCost  = [4]float64{0, 600, 450}
	workLoss  = [4]float64{0, 0, 0.05}         // utility
	workBase  = [4]float64{-5.5, -2.2, -40, 0} // log odds of going off work, and back
	workPain  = [4]float64{0.2, -0.2}
	workMood  = [4]float64{0.15}
)

// symptoms moves effect, flare, pain and mood on.
func (x *yardstickWorker) symptoms() {
	n := min(x.n, BlockSize)
	for i := range n {
		x.odds[i] = float64(0.1*x.pain[i]) - 3.5
	}
	stream.Events(x.hit[:n], x.u[:n], x.odds[:n])
	for i := range n {
		e := float64(x.effect[i] * kept[x.left[i]&3])
		x.effect[i] = e
		noise := float64(0.85*x.noise[i]) + float64(0.6*x.a[i])
		x.noise[i] = noise
		f := (x.flare[i] | x.hit[i]<<2) & 7
		x.flares[i] += flareNew[f]
		f = flareNext[f]
		x.flare[i] = f
		p := x.base[i] - e + noise + flarePain[f&3]
		p = over(p, 0, p)
		p -= over(p, 10, p-10)
		x.pain[i] = p
		x.mood[i] = float64(0.9*x.mood[i]) + float64(0.1*(p-5)) + float64(0.3*x.b[i])
	}
}

// reach sets the effect of those who are in the program.
func (x *yardstickWorker) reach(effect float64) {
	for i := range min(x.n, BlockSize) {
		if x.left[i] == 0 {
			x.effect[i] = effect
		}
	}
}

// program is a week of the program: its cost, tapering and drop-out.
func (x *yardstickWorker) program(cost float64) {
	for i := range min(x.n, BlockSize) {
		if x.left[i] == 0 {
			x.cost[i] += cost
			x.dose[i] *= 0.9
			if stream.Occurs(x.v[i], float64(0.15*x.pain[i])+float64(0.2*x.mood[i])-4) {
				x.left[i] = 1
			}
		}
	}
}

// after is a week after the program: relapse.
func (x *yardstickWorker) after() {
	n := min(x.n, BlockSize)
	for i := range n {
		x.odds[i] = float64(0.25*x.mood[i]) - 5
	}
	stream.Events(x.hit[:n], x.v[:n], x.odds[:n])
	for i := range n {
		x.left[i] |= x.hit[i] << 1
	}
}

// accrue moves dose and work on and adds the week's cost and QALYs.
func (x *yardstickWorker) accrue(discount float64) {
	n := min(x.n, BlockSize)
	for i := range n {
		k := x.work[i] & 3
		x.odds[i] = workBase[k] + float64(workPain[k]*x.pain[i]) + float64(workMood[k]*x.mood[i])
	}
	stream.Events(x.hit[:n], x.u[:n], x.odds[:n])
	for i := range n {
		p, m := x.pain[i], x.mood[i]
		d := x.dose[i] + over(p, 7, 2) + relapsed[x.left[i]&3]
		d -= over(d, 200, d-200)
		x.dose[i] = d
		before := x.work[i]
		k := workNext[(before|x.hit[i]<<2)&7]
		if x.u[i] > 0.998 && before == 1 && k == 1 {
			k = 2
		}
		x.work[i] = k
		x.cost[i] += float64(discount * (float64(0.35*d) + workCost[k&3]))
		x.qaly[i] += float64(discount * (0.9 - float64(0.05*p) - over(m, 0, float64(0.02*m)) - workLoss[k&3]))
	}
}

// over is y where x is over the limit and 0 elsewhere, without a branch.
func over(x, limit, y float64) float64 {
	return math.Float64frombits(math.Float64bits(y) & uint64(int64(math.Float64bits(limit-x))>>63))
}

// What limit.c prints for 200,000 people and 260 weeks (seed 42), held against
// 50,000: its Monte Carlo error is half of ours, so the difference of each mean has
// √1.25 times as much; 4.5 of those fail once in 15,000 for the nine together.
func TestYardstickIsTheModelOfTheLimit(t *testing.T) {
	want := []float64{63766.38, 2.58230, 6.6871, 0.4326, 0.8508, 11.8854, 0.5037, 0.3370, 0.1592}
	e := mustRun(t, newYardstick(260), Size{Seed: 1, Draws: 1, Patients: 50_000}, 2).Strategies[0].Estimates
	for o, w := range want {
		if z := (float64(e[o].Mean) - w) / (math.Sqrt(1.25) * float64(e[o].MCSE)); !(math.Abs(z) < 4.5) {
			t.Errorf("%s is %.6g, %.1f standard errors from %g of limit.c", e[o].Outcome, e[o].Mean, z, w)
		}
	}
}

// The weekly loop allocates nothing, whatever the number of weeks.
func TestWeeklyLoopAllocatesNothing(t *testing.T) {
	m := newYardstick(52)
	spec, size := m.Spec(), Size{Seed: 1, Draws: 1, Patients: 10_000}
	b, w := newBuffer(&spec), m.NewWorker()
	if n := testing.AllocsPerRun(10, func() { b.run(w, &size, 0, 512, 256) }); n != 0 {
		t.Errorf("a block of 52 weeks makes %v allocations", n)
	}
	// A run allocates for its buffers and its result, not for its patients: ten times
	// the blocks may add the nodes of a deeper tree only.
	run := func(patients int) float64 {
		size := Size{Seed: 1, Draws: 1, Patients: patients}
		return testing.AllocsPerRun(3, func() {
			if _, err := Simulate(t.Context(), m, Identity{Size: size}, Options{Workers: 1}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := run(4*256), run(40*256); many > few+60 {
		t.Errorf("%v allocations for 4 blocks, %v for 40", few, many)
	}
}

func BenchmarkYardstick(b *testing.B) {
	const patients, weeks = 20_000, 260
	m := newYardstick(weeks)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Simulate(b.Context(), m, Identity{Size: Size{Seed: 1, Draws: 1, Patients: patients}}, Options{Workers: 1}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/(float64(b.N)*patients*weeks), "ns/patient-week")
}
