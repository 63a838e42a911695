package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"sync/atomic"
	"testing"

	"recoup/simulate/stream"
)

var deathOfHealthy = -math.Log(1 - 0.005)

func mustRun(t *testing.T, m Model, size Size, workers int) Result {
	t.Helper()
	r, err := Run(context.Background(), m, size, Options{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// near fails when an estimate is more than 4.5 Monte Carlo standard errors from
// its exact value: by chance once in 150,000 checks.
func near(t *testing.T, what string, e Estimate, want float64) {
	t.Helper()
	if z := (float64(e.Mean) - want) / float64(e.MCSE); !(math.Abs(z) < 4.5) {
		t.Errorf("%s: mean %.6g is %.2f standard errors from the exact %.6g", what, e.Mean, z, want)
	}
}

// The engine on the memoryless model: 8 estimates with 51,200 patients, each
// within 4.5 standard errors, so a sound engine fails once in 19,000 seeds; the
// seed is fixed.
func TestEngineFindsTheCohortSolution(t *testing.T) {
	m := sickSicker{cycles: 30, rate: []float64{deathOfHealthy}}
	cost, qaly, alive := m.cohort(deathOfHealthy)
	for _, g := range []stream.Generator{stream.SplitMix64, stream.Philox} {
		r := mustRun(t, m, Size{Seed: 1, Draws: 1, Patients: 51200, Generator: g}, 2)
		for s := range 2 {
			near(t, r.Strategies[s].Name+" cost", r.Strategies[s].Estimates[0], cost[s])
			near(t, r.Strategies[s].Name+" qaly", r.Strategies[s].Estimates[1], qaly[s])
		}
		near(t, "difference of cost", r.Differences[0].Estimates[0], cost[1]-cost[0])
		near(t, "difference of qaly", r.Differences[0].Estimates[1], qaly[1]-qaly[0])
		tr := r.Strategies[0].Trajectories[0]
		for _, p := range []int{0, 10, 30} {
			if z := math.Abs(float64(tr.Mean[p])-alive[p]) / math.Max(1e-12, float64(tr.MCSE[p])); z > 4.5 {
				t.Errorf("share alive at %d is %v, %.1f standard errors from %.5f", p, tr.Mean[p], z, alive[p])
			}
		}
		// The treatment changes no transition, so years lived are the same person by
		// person under common random numbers: the difference is exactly 0.
		if d := r.Differences[0].Estimates[2]; d.Mean != 0 || d.MCSE != 0 {
			t.Errorf("years differ by %v (%v) although the strategies share every transition", d.Mean, d.MCSE)
		}
	}
}

// Common random numbers make the error of the difference far smaller than that
// of two unrelated runs: for QALYs, Krijkamp et al. report 0.001 against 0.023.
func TestCommonRandomNumbersShrinkTheError(t *testing.T) {
	m := sickSicker{cycles: 30, rate: []float64{deathOfHealthy}}
	r := mustRun(t, m, Size{Seed: 2, Draws: 1, Patients: 10000}, 2)
	paired := float64(r.Differences[0].Estimates[1].MCSE)
	unpaired := math.Hypot(float64(r.Strategies[0].Estimates[1].MCSE), float64(r.Strategies[1].Estimates[1].MCSE))
	if paired > unpaired/10 {
		t.Errorf("paired standard error %.5f, unpaired %.5f: want at most a tenth", paired, unpaired)
	}
	// The noise covariance must give the same paired error:
	// Var(e₁ − e₀) = N[3][3] + N[2][2] − 2·N[2][3], effects being columns 2 and 3.
	n := r.ByDraw.Noise
	if got := math.Sqrt(float64(n[2][2] + n[3][3] - 2*n[2][3])); math.Abs(got-paired) > 1e-9*paired {
		t.Errorf("noise covariance gives %.9f, paired error is %.9f", got, paired)
	}
}

// With two parameter values the spread between draws is known: the exact QALYs
// of the cohort at each. 200 draws of 500 patients, half at each value: the
// parameter SD must be |difference| / 2 · √(200/199) within 10 %, which patient
// noise left in would overshoot (noise SD 0.24 a draw against 0.5).
func TestParameterSpreadIsFreedOfPatientNoise(t *testing.T) {
	low, high := deathOfHealthy, 3*deathOfHealthy
	m := sickSicker{cycles: 30}
	for d := range 200 {
		m.rate = append(m.rate, []float64{low, high}[d%2])
	}
	_, a, _ := m.cohort(low)
	_, b, _ := m.cohort(high)
	r := mustRun(t, m, Size{Seed: 4, Draws: 200, Patients: 500}, 2)
	e := r.Strategies[0].Estimates[1]
	want := math.Abs(a[0]-b[0]) / 2
	if got := float64(e.ParameterSD); math.Abs(got-want) > 0.1*want {
		t.Errorf("parameter SD %.4f, want %.4f", got, want)
	}
	if e.Dominant != "parameters" {
		t.Errorf("dominant source is %q, want parameters", e.Dominant)
	}
	if mean := (a[0] + b[0]) / 2; math.Abs(float64(e.Mean)-mean) > 4.5*float64(e.MCSE) {
		t.Errorf("mean %.4f, want %.4f", e.Mean, mean)
	}
	// The same draws with one value only leave patients as the only source.
	for d := range m.rate {
		m.rate[d] = low
	}
	e = mustRun(t, m, Size{Seed: 4, Draws: 200, Patients: 500}, 2).Strategies[0].Estimates[1]
	if e.Dominant != "patients" || float64(e.ParameterSD) > 0.5*want {
		t.Errorf("without parameter uncertainty: parameter SD %.4f, dominant %q", e.ParameterSD, e.Dominant)
	}
}

// given is a model that hands out numbers: strategy x draw x patient.
type given [][][]float64

func (g given) Spec() Spec {
	return Spec{
		Strategies: []string{"a", "b"}[:len(g)], Outcomes: []Outcome{{Name: "x"}, {Name: "zero"}},
		Series: []Series{{Name: "s", High: 10, Bins: 10}}, Points: 1, Cost: "zero", Effect: "zero",
	}
}

func (g given) NewWorker() Worker { return g }

func (g given) Run(draw, strategy int, b *Block) {
	var include, values [BlockSize]float64
	for i := range b.Len() {
		x := g[strategy][draw][b.First+i]
		b.Outcome(0)[i], b.Outcome(1)[i] = x, 0
		if x == x {
			include[i], values[i] = 1, x
		}
	}
	b.Record(0, 0, values[:], include[:])
}

// By hand. Draw 1: strategy a has 1, 3 and a patient without the outcome, b has 2,
// 6, 9; draw 2: a has 5, 7, none, b has 5, 9, none. Draw means of a are 2 and 6: mean
// 4, MCSE √(8/2) = 2; variances within are 2 and 2, so SD √2; noise of a mean 2/2 = 1;
// parameter SD √(8 − 1). Differences where both have it: 1, 3 | 0, 2: draw means 2
// and 1, mean 1.5, MCSE √(0.5/2) = 0.5.
func TestReductionByHand(t *testing.T) {
	none := math.NaN()
	g := given{{{1, 3, none}, {5, 7, none}}, {{2, 6, 9}, {5, 9, none}}}
	r := mustRun(t, g, Size{Draws: 2, Patients: 3}, 2)
	check := func(what string, got Num, want float64) {
		if math.Abs(float64(got)-want) > 1e-12 {
			t.Errorf("%s is %g, want %g", what, got, want)
		}
	}
	e := r.Strategies[0].Estimates[0]
	check("mean", e.Mean, 4)
	check("MCSE", e.MCSE, 2)
	check("SD", e.SD, math.Sqrt2)
	check("parameter SD", e.ParameterSD, math.Sqrt(7))
	check("noise share", e.NoiseShare, 1.0/8)
	d := r.Differences[0].Estimates[0]
	check("difference", d.Mean, 1.5)
	check("its MCSE", d.MCSE, 0.5)
	check("series", r.Strategies[0].Trajectories[0].Mean[0], 4)
	check("series MCSE", r.Strategies[0].Trajectories[0].MCSE[0], 2)
	if e.N != 4 || d.N != 4 || r.Strategies[1].Estimates[0].N != 5 {
		t.Errorf("counts %d, %d, %d, want 4, 4, 5", e.N, d.N, r.Strategies[1].Estimates[0].N)
	}
	if !math.IsNaN(float64(e.Lower)) {
		t.Error("there are percentiles of two draws")
	}
}

// Three blocks merged give what one pass over all 600 patients gives.
func TestBlocksMergeToTheWhole(t *testing.T) {
	x := make([]float64, 600)
	c := stream.New(1, "x").Cursor()
	for i := range x {
		x[i] = 1e6 + c.Float64()
	}
	all := tallyOf(x)
	e := mustRun(t, given{{x}}, Size{Draws: 1, Patients: 600}, 2).Strategies[0].Estimates[0]
	if math.Abs(float64(e.Mean)-all.mean) > 1e-9 || math.Abs(float64(e.SD)-math.Sqrt(all.variance())) > 1e-9 {
		t.Errorf("mean %.12g SD %.12g, want %.12g and %.12g", e.Mean, e.SD, all.mean, math.Sqrt(all.variance()))
	}
	if want := math.Sqrt(all.variance() / 600); math.Abs(float64(e.MCSE)-want) > 1e-9 {
		t.Errorf("MCSE %.12g, want %.12g", e.MCSE, want)
	}
}

func TestWorkersDoNotChangeABit(t *testing.T) {
	m := sickSicker{cycles: 12, duration: true, rate: []float64{0.004, 0.005, 0.006}}
	var first []byte
	for _, workers := range []int{1, 2, 7} {
		b, err := json.Marshal(mustRun(t, m, Size{Seed: 5, Draws: 3, Patients: 3000}, workers))
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if string(b) != string(first) {
			t.Errorf("%d workers give other bytes than 1", workers)
		}
	}
}

func TestCancelAndProgress(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := sickSicker{cycles: 30, rate: make([]float64, 1000)}
	var calls atomic.Int64
	_, err := Run(ctx, m, Size{Seed: 1, Draws: 1000, Patients: 5000}, Options{Workers: 2, Progress: func(done, total int) {
		if total != 5_000_000 || done < 1 || done > total {
			t.Errorf("progress %d of %d", done, total)
		}
		if calls.Add(1) == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	last := 0
	if _, err := Run(context.Background(), m, Size{Draws: 2, Patients: 300}, Options{Progress: func(done, _ int) {
		if done <= last {
			t.Errorf("progress went from %d to %d", last, done)
		}
		last = done
	}}); err != nil || last != 600 {
		t.Errorf("progress ended at %d (%v), want 600", last, err)
	}
}

func TestRunRefusesNothingToDo(t *testing.T) {
	for _, size := range []Size{{Draws: 0, Patients: 1}, {Draws: 1, Patients: 0}} {
		if _, err := Run(context.Background(), sickSicker{cycles: 1, rate: []float64{0}}, size, Options{}); err == nil {
			t.Errorf("%+v was accepted", size)
		}
	}
}

// By hand: bins of width 1 from 0 to 4 with counts 1, 0, 2, 1. The median is
// reached when 2 are counted: half through the third bin, 2.5. A share of 0.25 is the
// end of the first, 1.
func TestQuantileFromBins(t *testing.T) {
	s := Series{High: 4, Bins: 4}
	for p, want := range map[float64]float64{0.5: 2.5, 0.25: 1, 0.75: 3, 1: 4} {
		if got := binQuantile([]uint64{1, 0, 2, 1}, p, s); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %g is %g, want %g", p, got, want)
		}
	}
	if !math.IsNaN(binQuantile([]uint64{0, 0}, 0.5, Series{High: 1, Bins: 2})) {
		t.Error("a quantile of nothing is not NaN")
	}
}

func TestNumIsNullWhenItCannotBeComputed(t *testing.T) {
	b, err := json.Marshal([]Num{1.5, Num(math.NaN()), Num(math.Inf(1))})
	if err != nil || string(b) != "[1.5,null,null]" {
		t.Errorf("got %s, %v", b, err)
	}
	var back []Num
	if err := json.Unmarshal(b, &back); err != nil || back[0] != 1.5 || !math.IsNaN(float64(back[1])) {
		t.Errorf("read back %v, %v", back, err)
	}
}

// By hand: draws of means 1..20 have S² = 35; with W/n = 35 the noise explains all of it,
// and there is no interval. With W/n = 0.35 it is drawn in by √0.99 about 10.5: the 2.5th
// percentile of 1..20 (type 7) is 1.475, so 10.5 − √0.99·9.025.
func TestIntervalOfNoise(t *testing.T) {
	for noise, want := range map[float64]float64{35: math.NaN(), 0.35: 10.5 - math.Sqrt(0.99)*9.025} {
		var s drawStat
		for d := range 20 {
			s.add(tally{10, float64(d + 1), 9 * 10 * noise}) // 10 patients of variance 10·noise
		}
		e := s.estimate()
		if got := float64(e.Lower); math.Abs(got-want) > 1e-12 || (got != got) != (want != want) {
			t.Errorf("noise %g: lower end %v, want %v", noise, got, want)
		}
		r := Result{Draws: 20, Strategies: []Strategy{{Estimates: []Estimate{e}}}}
		if said := len(r.drowned()) == 1; said != (want != want) {
			t.Errorf("noise %g: warned %v", noise, said)
		}
	}
}
