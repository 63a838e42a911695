package economics

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"recoup/analysis"
)

func analyze(t *testing.T, d Draws, wtp ...float64) Result {
	t.Helper()
	r, err := Analyze(d, Options{WillingnessToPay: wtp})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// means makes a single draw of each strategy.
func means(names []string, cost, effect []float64) Draws {
	d := Draws{Strategies: names}
	for s := range names {
		d.Cost = append(d.Cost, []float64{cost[s]})
		d.Effect = append(d.Effect, []float64{effect[s]})
	}
	return d
}

func near(t *testing.T, what string, got analysis.Num, want float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= 1e-9*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %.12g, want %.12g", what, got, want)
	}
}

// By hand. A (0, 0), B (100, 1), C (150, 1.2), D (200, 3), E (250, 2.5):
// E costs more than D and gains less: dominated. Against A, B has ratio 100;
// from B to C 50/0.2 = 250, from C to D 50/1.8 = 27.8 < 250: C falls. From B to
// D 100/2 = 50 < 100: B falls too. Left are A and D with 200/3.
func TestDominanceByHand(t *testing.T) {
	r := analyze(t, means([]string{"A", "E", "C", "B", "D"}, []float64{0, 250, 150, 100, 200}, []float64{0, 2.5, 1.2, 1, 3}))
	want := []struct {
		name   string
		status Status
		icer   float64
	}{{"A", OnFrontier, math.NaN()}, {"B", Extended, math.NaN()}, {"C", Extended, math.NaN()}, {"D", OnFrontier, 200.0 / 3}, {"E", Dominated, math.NaN()}}
	for i, w := range want {
		row := r.Table[i]
		if row.Strategy != w.name || row.Status != w.status {
			t.Errorf("row %d is %s %s, want %s %s", i, row.Strategy, row.Status, w.name, w.status)
		}
		if !math.IsNaN(w.icer) {
			near(t, "ICER", row.ICER, w.icer)
		} else if !math.IsNaN(float64(row.ICER)) {
			t.Errorf("%s has an ICER of %g", row.Strategy, row.ICER)
		}
	}
	if r.Table[4].Reason != "dominated by D" {
		t.Errorf("reason %q", r.Table[4].Reason)
	}
}

// Equal strategies: the second is dominated, whichever way they are listed.
func TestEqualStrategies(t *testing.T) {
	r := analyze(t, means([]string{"a", "b"}, []float64{1, 1}, []float64{1, 1}))
	if r.Table[0].Status != OnFrontier || r.Table[1].Status != Dominated {
		t.Errorf("statuses %s and %s", r.Table[0].Status, r.Table[1].Status)
	}
	if r.Against[0].Reason != "no difference in effect" {
		t.Errorf("reason %q", r.Against[0].Reason)
	}
	if !strings.Contains(r.Table[1].Reason, "the same cost and effect as a") {
		t.Errorf("reason %q", r.Table[1].Reason)
	}
}

// With one strategy all is said of it, and that there is nothing to compare.
func TestOneStrategy(t *testing.T) {
	r := analyze(t, means([]string{"a"}, []float64{1}, []float64{2}), 10)
	if len(r.Warnings) == 0 || r.Warnings[0].Code != "one-strategy" || float64(r.Values[0].Strategies[0].NetBenefit) != 19 {
		t.Errorf("%+v", r)
	}
}

// The four corners against the reference.
func TestAgainstTheReference(t *testing.T) {
	r := analyze(t, means([]string{"ref", "better-dearer", "better-cheaper", "worse-dearer", "worse-cheaper"},
		[]float64{100, 150, 50, 150, 50}, []float64{1, 1.5, 1.5, 0.5, 0.5}))
	for i, want := range []struct {
		icer   float64
		reason string
	}{{100, ""}, {math.NaN(), "dominates"}, {math.NaN(), "dominated"}, {100, "given up"}} {
		c := r.Against[i]
		if math.IsNaN(want.icer) != math.IsNaN(float64(c.ICER)) || !strings.Contains(c.Reason, want.reason) {
			t.Errorf("%s: ICER %g, reason %q", c.Strategy, c.ICER, c.Reason)
		}
	}
}

// By hand, 4 draws of two strategies, willingness 10. Strategy a is (0, 0)
// always; b costs 10 with effects 0, 1, 2, 3, so its net benefits are -10, 0, 10, 20,
// mean 5. b wins in draws 3 and 4 and ties in draw 2: probability 2.5/4 = 0.625.
// E[max] = (0 + 0 + 10 + 20)/4 = 7.5, EVPI = 2.5. The gain of knowing is 10, 0, 0, 0:
// SD 5, error 5/2. The mean effect 1.5 has SD √(5/3), error √(5/12) = 0.645497; the
// ICER is 10/1.5 and its error 6.6667·0.645497/1.5.
func TestDecisionByHand(t *testing.T) {
	d := Draws{Strategies: []string{"a", "b"}, Cost: [][]float64{{0, 0, 0, 0}, {10, 10, 10, 10}}, Effect: [][]float64{{0, 0, 0, 0}, {0, 1, 2, 3}}}
	r := analyze(t, d, 0, 10)
	v := r.Values[1]
	near(t, "net benefit", v.Strategies[1].NetBenefit, 5)
	near(t, "its error", v.Strategies[1].NetBenefitMCSE, 10*math.Sqrt(5.0/12))
	near(t, "probability", v.Strategies[1].Probability, 0.625)
	near(t, "probability of a", v.Strategies[0].Probability, 0.375)
	near(t, "frontier", v.Probability, 0.625)
	near(t, "EVPI", v.EVPI, 2.5)
	near(t, "EVPI error", v.EVPIMCSE, 2.5)
	near(t, "loss of a", v.Strategies[0].ExpectedLoss, 7.5)
	near(t, "ICER", r.Against[0].ICER, 10/1.5)
	near(t, "ICER error", r.Against[0].ICERMCSE, 10/1.5*math.Sqrt(5.0/12)/1.5)
	if v.Best != "b" || r.Values[0].Best != "a" {
		t.Errorf("best %s and %s", v.Best, r.Values[0].Best)
	}
}

// The delta method against simulation: 1,500 sets of 100 draws with ΔC ~ N(100,
// 50) and ΔE ~ N(1, 0.3), correlation 0.5 by a shared half. The SD of the ratios
// has a relative error of 1/√3000 = 1.8 %; the bound is 5 of them, so a false failure
// is one in 1.7 million seeds, and the seed is fixed.
func TestDeltaMethodBySimulation(t *testing.T) {
	state := uint64(1)
	uniform := func() float64 {
		state = state*6364136223846793005 + 1442695040888963407
		return (float64(state>>12) + 0.5) / (1 << 52)
	}
	normal := func() float64 { return math.Sqrt(-2*math.Log(uniform())) * math.Cos(2*math.Pi*uniform()) }
	const sets, draws = 1500, 100
	ratios, stated := make([]float64, sets), 0.0
	for k := range sets {
		d := Draws{Strategies: []string{"a", "b"}, Cost: [][]float64{make([]float64, draws), make([]float64, draws)}, Effect: [][]float64{make([]float64, draws), make([]float64, draws)}}
		for i := range draws {
			s, a, b := normal(), normal(), normal()
			d.Cost[1][i] = 100 + 50*(s+a)/math.Sqrt2
			d.Effect[1][i] = 1 + 0.3*(s+b)/math.Sqrt2
		}
		c := d.compare(1, 0)
		ratios[k] = float64(c.ICER)
		stated += float64(c.ICERMCSE) / sets
	}
	_, v := meanVariance(ratios)
	if got := math.Sqrt(v); math.Abs(stated/got-1) > 0.09 {
		t.Errorf("stated error %.4f, spread of the ratios %.4f", stated, got)
	}
}

func TestEffectWithinNoiseGivesNoRatio(t *testing.T) {
	d := Draws{Strategies: []string{"a", "b"}, Cost: [][]float64{{0, 0}, {10, 12}}, Effect: [][]float64{{0, 0}, {-1, 1.1}}}
	r := analyze(t, d, 100)
	if c := r.Against[0]; !math.IsNaN(float64(c.ICER)) || !strings.Contains(c.Reason, "within 2") {
		t.Errorf("ICER %g, reason %q", c.ICER, c.Reason)
	}
	codes := ""
	for _, w := range r.Warnings {
		codes += w.Code + " "
	}
	if !strings.Contains(codes, "effect-within-noise") || !strings.Contains(codes, "few-draws") {
		t.Errorf("warnings %s", codes)
	}
}

// A single draw takes its error from the noise covariance: V(ΔE) = 4 + 9 − 2·5 = 3,
// V(ΔC) = 1 + 1 = 2, and for λ = 2 the error of the increment is √(2 + 4·3) = √14.
func TestSingleDrawUsesNoise(t *testing.T) {
	d := means([]string{"a", "b"}, []float64{0, 100}, []float64{0, 20})
	d.Noise = [][]float64{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 4, 5}, {0, 0, 5, 9}}
	r := analyze(t, d, 2)
	near(t, "effect error", r.Against[0].EffectMCSE, math.Sqrt(3))
	near(t, "cost error", r.Against[0].CostMCSE, math.Sqrt(2))
	near(t, "increment error", r.Values[0].Strategies[1].IncrementMCSE, math.Sqrt(14))
	if !math.IsNaN(float64(r.Values[0].EVPI)) {
		t.Error("there is a value of information from one draw")
	}
	b, err := json.Marshal(r)
	if err != nil || strings.Contains(string(b), "NaN") || !strings.Contains(string(b), `"evpi":null`) {
		t.Errorf("JSON %s (%v)", b, err)
	}
}

// One patient a draw gives no noise covariance: the analysis goes on without.
func TestNoiseThatIsNotKnown(t *testing.T) {
	none := math.NaN()
	d := Draws{Strategies: []string{"a"}, Cost: [][]float64{{1, 2, 4, 3, 5, 7}}, Effect: [][]float64{{1, 3, 2, 2, 1, 4}}, Noise: [][]float64{{none, none}, {none, none}}}
	if r := analyze(t, d, 1); r.NoiseRemoved || math.IsNaN(float64(r.Values[0].EVPI)) {
		t.Errorf("removed %v, EVPI %g", r.NoiseRemoved, r.Values[0].EVPI)
	}
	d.Cost, d.Effect = [][]float64{{1}}, [][]float64{{1}}
	if r := analyze(t, d, 1); !math.IsNaN(float64(r.Table[0].CostMCSE)) {
		t.Error("there is an error of one patient in one draw")
	}
}

func TestBadInputIsRefused(t *testing.T) {
	good := means([]string{"a", "b"}, []float64{0, 1}, []float64{0, 1})
	for name, change := range map[string]func(*Draws){
		"no strategies": func(d *Draws) { *d = Draws{} },
		"ragged":        func(d *Draws) { d.Cost = [][]float64{{0}, {1, 2}} },
		"missing row":   func(d *Draws) { d.Effect = d.Effect[:1] },
		"NaN":           func(d *Draws) { d.Cost = [][]float64{{0}, {math.NaN()}} },
		"noise size":    func(d *Draws) { d.Noise = [][]float64{{1}} },
	} {
		d := good
		change(&d)
		if _, err := Analyze(d, Options{}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := Analyze(good, Options{WillingnessToPay: []float64{2, 1}}); err == nil {
		t.Error("falling willingness to pay was accepted")
	}
}

// Adding the same to every cost, scaling money, and doubling the draws leave
// decisions as they are.
func TestRelations(t *testing.T) {
	d := Draws{Strategies: []string{"a", "b", "c"}, Cost: [][]float64{{1, 2, 3}, {4, 7, 5}, {9, 6, 8}}, Effect: [][]float64{{1, 1.1, 0.9}, {1.5, 1.6, 1.2}, {1.9, 1.4, 1.8}}}
	base := analyze(t, d, 5).Values[0]
	var moved, twice Draws
	moved.Strategies, twice.Strategies = d.Strategies, d.Strategies
	for s := range d.Cost {
		var c []float64
		for _, x := range d.Cost[s] {
			c = append(c, 1000+x)
		}
		moved.Cost, moved.Effect = append(moved.Cost, c), append(moved.Effect, d.Effect[s])
		twice.Cost = append(twice.Cost, append(append([]float64{}, d.Cost[s]...), d.Cost[s]...))
		twice.Effect = append(twice.Effect, append(append([]float64{}, d.Effect[s]...), d.Effect[s]...))
	}
	for _, x := range []Draws{moved, twice} {
		got := analyze(t, x, 5).Values[0]
		near(t, "EVPI", got.EVPI, float64(base.EVPI))
		for s := range got.Strategies {
			near(t, "probability", got.Strategies[s].Probability, float64(base.Strategies[s].Probability))
		}
	}
}

// The noise of patients is taken out: parameters give INB ~ N(500, 1500), so EVPI is
// 381.354; patients add noise of SD 1500. 4,000 draws; the spread freed of noise has
// a relative error near 3 %, which moves EVPI by about 20; the bound of 100 is five
// of them. Left in, EVPI is that of an SD of 2121, 619.
func TestNoiseIsTakenOut(t *testing.T) {
	state := uint64(7)
	uniform := func() float64 {
		state = state*6364136223846793005 + 1442695040888963407
		return (float64(state>>12) + 0.5) / (1 << 52)
	}
	normal := func() float64 { return math.Sqrt(-2*math.Log(uniform())) * math.Cos(2*math.Pi*uniform()) }
	const draws = 4000
	row := func() []float64 { return make([]float64, draws) }
	d := Draws{Strategies: []string{"a", "b"}, Cost: [][]float64{row(), row()}, Effect: [][]float64{row(), row()}}
	for i := range draws {
		shared := 300 * normal()
		d.Cost[0][i], d.Cost[1][i] = 1000+shared, 1000+shared
		d.Effect[1][i] = 500 + 1500*normal() + 1500*normal()
	}
	d.Noise = [][]float64{{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 1500 * 1500}}
	// Equal costs make the covariance singular, so the noise stays and is told of.
	if r := analyze(t, d, 1); r.NoiseRemoved || len(r.Warnings) == 0 || r.Warnings[0].Code != "patient-noise" {
		t.Errorf("singular draws: removed %v, warnings %v", r.NoiseRemoved, r.Warnings)
	}
	for i := range draws {
		d.Cost[1][i] += normal()
	}
	r := analyze(t, d, 1)
	if got := float64(r.Values[0].EVPI); !r.NoiseRemoved || math.Abs(got-381) > 100 {
		t.Errorf("EVPI %.1f (removed: %v), want 381", got, r.NoiseRemoved)
	}
	kept, err := Analyze(d, Options{WillingnessToPay: []float64{1}, KeepNoise: true})
	if err != nil || math.Abs(float64(kept.Values[0].EVPI)-619) > 100 {
		t.Errorf("EVPI with noise %.1f, want 619 (%v)", kept.Values[0].EVPI, err)
	}
	near(t, "mean", r.Values[0].Strategies[1].NetBenefit, float64(kept.Values[0].Strategies[1].NetBenefit))
	// The covariance of the freed draws is that of the draws less the noise.
	free, _ := d.withoutNoise()
	_, v := meanVariance(d.Effect[1])
	_, w := meanVariance(free.Effect[1])
	near(t, "variance", analysis.Num(w), v-1500*1500)
}

// INB ~ N(500, 1500) has EVPI = s·(φ(z) − z·(1 − Φ(z))) with z = 1/3: 381.354; 19,999
// draws by midpoints of equal slices reproduce it to 0.01 %, and P(best) = Φ(1/3).
func TestEVPIOfANormal(t *testing.T) {
	const n = 19999
	d := Draws{Strategies: []string{"a", "b"}, Cost: [][]float64{make([]float64, n), make([]float64, n)}, Effect: [][]float64{make([]float64, n), make([]float64, n)}}
	for i := range n {
		u := (float64(i) + 0.5) / n
		d.Effect[1][i] = 500 + 1500*math.Sqrt2*math.Erfinv(2*u-1)
	}
	v := analyze(t, d, 1).Values[0]
	if math.Abs(float64(v.EVPI)-381.354171448608) > 0.05 || math.Abs(float64(v.Probability)-0.6305586598182363) > 1e-4 {
		t.Errorf("EVPI %.4f, probability %.5f", v.EVPI, v.Probability)
	}
}
