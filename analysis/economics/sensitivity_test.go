package economics

import (
	"errors"
	"math"
	"strings"
	"testing"

	"recoup/analysis"
)

// two is A at nothing beside B in two batches.
func two(cost, effect [2]float64) *Draws {
	return &Draws{Strategies: []string{"A", "B"}, Cost: [][]float64{{0, 0}, cost[:]}, Effect: [][]float64{{0, 0}, effect[:]}}
}

// By hand, w = 100. Base: B costs 90 and 110 and gains 2 in both batches, so INMB is 110
// and 90, mean 100, SD √200, MCSE √(200/2) = 10, ICER 100/2 = 50.
// effect: 0.5 or 3 gained: INMB -50 (A is best) and 200; width 250; each change (-150, 100)
// is the same in both batches, so its error is 0.
// price: costs (130, 170) and (60, 40): INMB 70 and 30, mean 50, change -40 and -60: mean
// -50, SD √200, error 10; and 150: 140 and 160, change 30 and 70, mean 50, SD √800, error 20.
// one-sided: both ends above the base case, 120 and 110: width 20, from the base case.
func TestTornadoByHand(t *testing.T) {
	base := *two([2]float64{90, 110}, [2]float64{2, 2})
	ranges := []Range{
		{Parameter: "missing", Base: 1, Low: 0, High: 2, Reason: "no model at its low end"},
		{Parameter: "one-sided", Base: 1, Low: 0, High: 2, AtLow: two([2]float64{70, 90}, [2]float64{2, 2}), AtHigh: two([2]float64{80, 100}, [2]float64{2, 2})},
		{Parameter: "price", Base: 100, Low: 150, High: 50, AtLow: two([2]float64{130, 170}, [2]float64{2, 2}), AtHigh: two([2]float64{60, 40}, [2]float64{2, 2})},
		{Parameter: "effect", Unit: "points", Base: 2, Low: 0.5, High: 3, AtLow: two([2]float64{90, 110}, [2]float64{0.5, 0.5}), AtHigh: two([2]float64{90, 110}, [2]float64{3, 3})},
	}
	x, err := OneWay(base, ranges, "B", 100)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "net benefit", x.NetBenefit, 100)
	near(t, "its error", x.NetBenefitMCSE, 10)
	near(t, "ICER", x.ICER, 50)
	if x.Best != "B" || x.Reference != "A" {
		t.Errorf("best is %s against %s", x.Best, x.Reference)
	}
	for i, want := range []struct {
		name                                        string
		low, high, width, change, lowMCSE, highMCSE float64
		changes                                     bool
	}{
		{"effect", -50, 200, 250, -150, 0, 0, true},
		{"price", 50, 150, 100, -50, 10, 20, false},
		{"one-sided", 120, 110, 20, 20, 0, 0, false},
	} {
		s := x.Swings[i]
		if s.Parameter != want.name || s.Changes != want.changes || s.Reason != "" {
			t.Errorf("swing %d is %s, changes %v %q, want %s, %v", i, s.Parameter, s.Changes, s.Reason, want.name, want.changes)
		}
		near(t, want.name+" low", s.AtLow.NetBenefit, want.low)
		near(t, want.name+" high", s.AtHigh.NetBenefit, want.high)
		near(t, want.name+" width", s.Width, want.width)
		near(t, want.name+" change", s.AtLow.Change, want.change)
		near(t, want.name+" error at low", s.AtLow.ChangeMCSE, want.lowMCSE)
		near(t, want.name+" error at high", s.AtHigh.ChangeMCSE, want.highMCSE)
	}
	last := x.Swings[3]
	if last.Parameter != "missing" || last.Reason == "" || !math.IsNaN(float64(last.Width)) || !math.IsNaN(float64(last.AtLow.NetBenefit)) {
		t.Errorf("a parameter that was not run is %+v", last)
	}
	if s := x.Swings[0]; s.AtLow.Best != "A" || s.AtHigh.Best != "B" {
		t.Errorf("best at the ends: %s, %s", s.AtLow.Best, s.AtHigh.Best)
	}
	if len(x.Warnings) != 0 {
		t.Errorf("swings of 5 errors and more are warned of: %v", x.Warnings)
	}
}

// At a low end B loses by 10 with an error of 20 (net benefits -30 and 10): A may be the
// best there by chance. At a high one it loses by 35 with an error of 5 (-40 and -30). One
// batch alone has no error to be held against.
func TestTornadoChangesBeyondNoise(t *testing.T) {
	base := *two([2]float64{90, 110}, [2]float64{2, 2})
	for name, c := range map[string]struct {
		low, high [2]float64
		want      bool
	}{
		"within noise": {[2]float64{230, 190}, [2]float64{90, 110}, false},
		"beyond":       {[2]float64{230, 190}, [2]float64{240, 230}, true},
		"never":        {[2]float64{90, 110}, [2]float64{80, 100}, false},
	} {
		x, err := OneWay(base, []Range{{Parameter: "p", AtLow: two(c.low, [2]float64{2, 2}), AtHigh: two(c.high, [2]float64{2, 2})}}, "B", 100)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Swings[0].Changes; got != c.want {
			t.Errorf("%s: changes %v", name, got)
		}
		if name == "within noise" && x.Swings[0].AtLow.Best != "A" {
			t.Errorf("the best at the low end is %s", x.Swings[0].AtLow.Best)
		}
	}
	one := func(cost float64) *Draws {
		return &Draws{Strategies: []string{"A", "B"}, Cost: [][]float64{{0}, {cost}}, Effect: [][]float64{{0}, {2}}}
	}
	x, err := OneWay(*one(100), []Range{{Parameter: "p", AtLow: one(210), AtHigh: one(100)}}, "B", 100)
	if err != nil || !x.Swings[0].Changes {
		t.Errorf("one batch: %+v %v", x.Swings, err)
	}
}

// A swing of 10 with an error of 10 (changes 0 and -20) is warned of.
func TestTornadoWarnsOfNoise(t *testing.T) {
	base := *two([2]float64{100, 100}, [2]float64{2, 2})
	x, err := OneWay(base, []Range{{Parameter: "p", AtLow: two([2]float64{100, 120}, [2]float64{2, 2}), AtHigh: two([2]float64{100, 100}, [2]float64{2, 2})}}, "B", 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Warnings) != 1 || x.Warnings[0].Code != "swing-within-noise" {
		t.Errorf("warnings: %v", x.Warnings)
	}
}

// Batches of 0 and 100 have a mean of 50 and an error of 50: not settled.
func TestTornadoWarnsOfAnUnsettledBase(t *testing.T) {
	x, err := OneWay(*two([2]float64{200, 100}, [2]float64{2, 2}), nil, "B", 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Warnings) != 1 || x.Warnings[0].Code != "best-within-noise" {
		t.Errorf("warnings: %v", x.Warnings)
	}
}

func TestTornadoRefuses(t *testing.T) {
	base := *two([2]float64{90, 110}, [2]float64{2, 2})
	one := Draws{Strategies: []string{"A"}, Cost: [][]float64{{1}}, Effect: [][]float64{{1}}}
	short := &Draws{Strategies: []string{"A", "B"}, Cost: [][]float64{{0}, {1}}, Effect: [][]float64{{0}, {1}}}
	hole := two([2]float64{math.NaN(), 1}, [2]float64{1, 1})
	for what, f := range map[string]func() error{
		"the reference itself": func() error { _, err := OneWay(base, nil, "A", 1); return err },
		"an unknown strategy":  func() error { _, err := OneWay(base, nil, "C", 1); return err },
		"one strategy":         func() error { _, err := OneWay(one, nil, "A", 1); return err },
		"no value of a unit":   func() error { _, err := OneWay(base, nil, "B", math.NaN()); return err },
		"other batches": func() error {
			_, err := OneWay(base, []Range{{Parameter: "p", AtLow: short, AtHigh: short}}, "B", 1)
			return err
		},
		"a hole": func() error {
			_, err := OneWay(base, []Range{{Parameter: "p", AtLow: hole, AtHigh: hole}}, "B", 1)
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s is not refused", what)
		}
	}
}

// By hand, w = 1: net benefits A 0, B 10 - 10x, C 2x - 3. B is best up to 1, then A, and C
// from 1.5 on. All lines are straight, so the crossings are exact. One step is enough: its
// ends differ. With two batches 1 apart in B's cost (SD √½, error ½) and a slope of B less
// A of 10, the error of the first is 0.05.
func TestThresholdsByHand(t *testing.T) {
	run := func(x float64) (Draws, error) {
		return Draws{Strategies: []string{"A", "B", "C"}, Cost: [][]float64{{0, 0}, {10*x - 0.5, 10*x + 0.5}, {3, 3}}, Effect: [][]float64{{0, 0}, {10, 10}, {2 * x, 2 * x}}}, nil
	}
	for _, steps := range []int{1, 7} {
		got, err := Thresholds(run, 0, 4, steps, 0.001, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 {
			t.Fatalf("%d steps: %d thresholds, want 2: %v", steps, len(got), got)
		}
		near(t, "first", got[0].At, 1)
		near(t, "its error", got[0].MCSE, 0.05)
		near(t, "second", got[1].At, 1.5)
		if got[0].From != "B" || got[0].To != "A" || got[1].From != "A" || got[1].To != "C" {
			t.Errorf("%+v", got)
		}
		for _, x := range got {
			if x.Low > x.At || x.At > x.High || x.High-x.Low > 0.004 {
				t.Errorf("%v is not enclosed in %v to %v", x.At, x.Low, x.High)
			}
		}
	}
	if got, err := Thresholds(run, 2, 4, 3, 0.001, 1); err != nil || len(got) != 0 {
		t.Errorf("where C is best throughout: %v, %v", got, err)
	}
}

func TestThresholdsRefuse(t *testing.T) {
	bad := errors.New("no such model")
	run := func(float64) (Draws, error) { return Draws{}, bad }
	if _, err := Thresholds(run, 0, 1, 2, 0.01, 1); !errors.Is(err, bad) || !strings.Contains(err.Error(), "at 0") {
		t.Errorf("a run that fails: %v", err)
	}
	for _, f := range [][2]float64{{1, 1}, {2, 1}, {math.NaN(), 1}, {0, math.Inf(1)}} {
		if _, err := Thresholds(run, f[0], f[1], 2, 0.01, 1); err == nil || errors.Is(err, bad) {
			t.Errorf("a range of %v is not refused: %v", f, err)
		}
	}
}

// The best of two alike is the first, and net benefits are those of all.
func TestBest(t *testing.T) {
	best, nb, err := Best(means([]string{"A", "B", "C"}, []float64{0, 100, 50}, []float64{0, 1, 2}), 25)
	if err != nil || best != "A" || nb[0] != 0 || nb[1] != -75 || nb[2] != 0 {
		t.Errorf("%s %v %v", best, nb, err)
	}
}

// By hand. A patient under A costs 10, then 5; under B 30, then 1. 100 patients come in
// each of two years and none in the third.
// All A: 1000; 1000 + 500 = 1500; 500. With half, then all of the new ones moved to B:
// 500 + 1500 = 2000; 3000 + 250 + 50 = 3300; 100.
func TestBudgetByHand(t *testing.T) {
	cost := [][]float64{{10, 5}, {30, 1}}
	patients := []float64{100, 100, 0}
	for _, c := range []struct {
		uptake, want []float64
	}{{[]float64{0, 0, 0}, []float64{1000, 1500, 500}}, {[]float64{0.5, 1, 1}, []float64{2000, 3300, 100}}} {
		shares, err := Shift([]float64{1, 0}, 1, c.uptake)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Budget(cost, Intake{Patients: patients, Shares: shares})
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range c.want {
			near(t, "year", analysis.Num(got[i]), w)
		}
	}
}

// 40 % of patients move to the third of strategies with shares 0.5, 0.3, 0.2: of each 60 %
// stay, and 0.12 + 0.4 = 0.52.
func TestShiftByHand(t *testing.T) {
	got, err := Shift([]float64{0.5, 0.3, 0.2}, 2, []float64{0.4})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range []float64{0.3, 0.18, 0.52} {
		near(t, "share", analysis.Num(got[0][i]), w)
	}
}

func TestBudgetRefuses(t *testing.T) {
	good := Intake{Patients: []float64{1}, Shares: [][]float64{{0.5, 0.5}}}
	for what, f := range map[string]func() error{
		"no years":        func() error { _, err := Budget([][]float64{{1}}, Intake{}); return err },
		"a missing share": func() error { _, err := Budget([][]float64{{1}, {1}, {1}}, good); return err },
		"unequal years":   func() error { _, err := Budget([][]float64{{1, 2}, {1}}, good); return err },
		"no cost":         func() error { _, err := Budget([][]float64{{1}, {math.NaN()}}, good); return err },
		"shares that miss": func() error {
			_, err := Budget([][]float64{{1}, {1}}, Intake{[]float64{1}, [][]float64{{0.5, 0.4}}})
			return err
		},
		"fewer than none": func() error { _, err := Budget([][]float64{{1}, {1}}, Intake{[]float64{-1}, good.Shares}); return err },
		"uptake over 1":   func() error { _, err := Shift([]float64{1}, 0, []float64{1.1}); return err },
		"no strategy":     func() error { _, err := Shift([]float64{1}, 1, []float64{0}); return err },
	} {
		if f() == nil {
			t.Errorf("%s is not refused", what)
		}
	}
}

// By hand: a group costs 6000 and each patient 100; at 700 for each, 6000/600 = 10 of 12
// places. At 500, 15 of 12: not covered. At 100 nothing is left over.
func TestBreakEvenByHand(t *testing.T) {
	for _, c := range []struct{ income, patients, share float64 }{{700, 10, 10.0 / 12}, {500, 15, 1.25}, {100, math.NaN(), math.NaN()}} {
		o, err := BreakEven(6000, 100, c.income, 12)
		if err != nil {
			t.Fatal(err)
		}
		if math.IsNaN(c.patients) {
			if !math.IsNaN(float64(o.Share)) || o.Reason == "" {
				t.Errorf("at %g: %+v", c.income, o)
			}
			continue
		}
		near(t, "patients", o.Patients, c.patients)
		near(t, "share", o.Share, c.share)
		if (c.share > 1) != (o.Reason != "") {
			t.Errorf("at %g: %q", c.income, o.Reason)
		}
	}
	for _, bad := range [][4]float64{{-1, 0, 1, 1}, {1, -1, 1, 1}, {1, 0, math.NaN(), 1}, {1, 0, 1, 0}} {
		if _, err := BreakEven(bad[0], bad[1], bad[2], bad[3]); err == nil {
			t.Errorf("%v is not refused", bad)
		}
	}
}

// By hand: 500 more for 0.1 more successes is 5000 each; what cannot be a price has its
// reason.
func TestCostPerSuccess(t *testing.T) {
	for _, c := range []struct {
		more, mcse, cost, want float64
		reason                 string
	}{
		{0.1, 0.01, 500, 5000, ""},
		{0.1, 0.06, 500, math.NaN(), "within 2"},
		{0.1, 0.01, -500, math.NaN(), "no more"},
		{-0.1, 0.01, 500, math.NaN(), "fewer"},
		{-0.1, 0.01, -500, 5000, "saved"},
		{math.NaN(), 0, 1, math.NaN(), "no patients"},
		{0, 0, 1, math.NaN(), "within 2"},
	} {
		s := Success{More: analysis.Num(c.more), MoreMCSE: analysis.Num(c.mcse), Cost: analysis.Num(c.cost)}.Ratio()
		if got := float64(s.PerSuccess); math.IsNaN(got) != math.IsNaN(c.want) || math.Abs(got-c.want) > 1e-9 || !strings.Contains(s.Reason, c.reason) || c.reason == "" && s.Reason != "" {
			t.Errorf("%+v: %v %q", c, got, s.Reason)
		}
	}
}

// A constant whose mean is rounded, as that of 200 times 0.1, is still a constant: worth
// nothing to know, alone and in a group.
func TestConstantParameterIsWorthNothing(t *testing.T) {
	d := Draws{Strategies: []string{"A", "B"}, Cost: [][]float64{{}, {}}, Effect: [][]float64{{}, {}}}
	constant, varied := make([]float64, 200), make([]float64, 200)
	for i := range constant {
		constant[i], varied[i] = 0.1, float64(i)
		d.Cost[0], d.Effect[0] = append(d.Cost[0], 0), append(d.Effect[0], 0)
		d.Cost[1], d.Effect[1] = append(d.Cost[1], float64(i)-99.5), append(d.Effect[1], 0)
	}
	p := []Parameter{{"constant", constant}, {"varied", varied}}
	got, err := PartialInformation(t.Context(), d, p, []Group{{"c", []string{"constant"}}, {"v", []string{"varied"}}, {"both", []string{"constant", "varied"}}}, nil, []float64{1})
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Method != "none" || got[0].Values[0].EVPPI != 0 || got[0].Reason == "" {
		t.Errorf("a constant: %+v", got[0])
	}
	if a, b := got[1].Values[0].EVPPI, got[2].Values[0].EVPPI; !(a > 20) || math.Abs(float64(a-b)) > 1e-9 {
		t.Errorf("with the constant in the group %v, without %v", b, a)
	}
}

// By hand, w = 10: net benefits A 0, B 10·(1, 3) - 5 = 5 and 25, C 1 in both draws. B leads
// C by 15 - 1 = 14; by 4 and 24 in the draws: SD √200, error 10.
func TestLead(t *testing.T) {
	d := Draws{Strategies: []string{"A", "B", "C"}, Cost: [][]float64{{0, 0}, {5, 5}, {9, 9}}, Effect: [][]float64{{0, 0}, {1, 3}, {1, 1}}}
	l, err := LeadAt(d, 10)
	if err != nil || l.Best != "B" || l.Next != "C" {
		t.Fatalf("%+v, %v", l, err)
	}
	near(t, "lead", l.Difference, 14)
	near(t, "its error", l.MCSE, 10)
	if l, err := LeadAt(means([]string{"A"}, []float64{1}, []float64{1}), 10); err != nil || l.Next != "" || !math.IsNaN(float64(l.Difference)) {
		t.Errorf("one strategy: %+v, %v", l, err)
	}
}
