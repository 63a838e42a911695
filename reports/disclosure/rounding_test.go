package disclosure

import (
	"fmt"
	"math"
	"testing"

	"recoup/reports"
)

// Every policy of the cases has its thresholds and its rounding here.
func TestPolicies(t *testing.T) {
	var want []struct {
		ID       string
		Min      *int `json:"suppress_min"`
		Max      *int `json:"suppress_max"`
		Safe     *int `json:"safe_threshold"`
		Zeros    bool `json:"zeros_are_disclosive"`
		Rounding *struct{ Base int }
	}
	readCases(t, "policies.json", &want)
	for _, w := range want {
		p, err := Named(w.ID)
		if err != nil {
			t.Error(err)
			continue
		}
		largest, zeros, base := 0, w.Zeros || w.Min != nil && *w.Min == 0, 0
		if w.Max != nil {
			largest = *w.Max
		} else {
			largest = *w.Safe - 1
		}
		if w.Rounding != nil {
			base = w.Rounding.Base
		}
		if p.Max != largest || p.Zeros != zeros || p.Base != base {
			t.Errorf("%s: hides up to %d, none %v, rounds to %d; want %d, %v, %d", w.ID, p.Max, p.Zeros, p.Base, largest, zeros, base)
		}
	}
	if len(want) != 6 {
		t.Errorf("%d policies", len(want))
	}
	for k, ok := range map[int]bool{4: false, 5: true, 11: true, 12: false} {
		p, err := Named(fmt.Sprintf("k-%d", k))
		if (err == nil) != ok || ok && p.Max != k-1 {
			t.Errorf("k of %d: %+v, %v", k, p, err)
		}
	}
}

// 8 → 10, 12 → 10, 13 → 15 to five, halves cannot be; to the middle of sixes 7 to
// 12 → 9, 13 → 15.
func TestRoundedCounts(t *testing.T) {
	five, six := named(t, "opensafely-7-r5"), named(t, "opensafely-midpoint6")
	for n, want := range map[int][2]int{0: {0, 0}, 8: {10, 9}, 12: {10, 9}, 13: {15, 15}, 408: {410, 405}} {
		if five.round(n) != want[0] || six.round(n) != want[1] {
			t.Errorf("%d: %d and %d, want %v", n, five.round(n), six.round(n), want)
		}
	}
	// 23 of 62: 25 of 60, 41.67 %, with Wilson's interval of 25 in 60, not of 23 in 62.
	low, high := wilson(23, 62, 1.959963984540054)
	r := with(reports.Paragraph{Text: reports.Say("").With(reports.CountShare(23, 62).Within(low, high)).And(" ").With(reports.Fraction(23, 62))})
	out, _ := Apply(r, five)
	words := out.Sections[0].Blocks[0].(reports.Paragraph).Text
	c := words[1].Cell
	low, high = wilson(25, 60, 1.959963984540054)
	if c.Count != 25 || math.Abs(c.Value-25.0/60) > 1e-12 || math.Abs(c.Low-low) > 1e-12 || math.Abs(c.High-high) > 1e-12 || c.Basis.Denominator != 60 {
		t.Errorf("23 of 62 is shown as %+v", c)
	}
	if words[3].Cell.Text != "25/60" {
		t.Errorf("23/62 is shown as %s", words[3].Cell.Text)
	}
}

// The unit of a mean: SD 1.7 over 629 is 0.0027, so 0.005; 11.9 over 23 is 0.52, so
// 1; an amount of 17,145 over 756 is 22.7, so 50; an interval of half-width
// 1.96·2/√100 is of SD 2, over 100 is 0.02.
func TestUnitOfMeans(t *testing.T) {
	for _, c := range []struct {
		cell reports.Cell
		unit float64
	}{
		{reports.Mean(6.5, 1.7, 1, 629), 0.005},
		{reports.Mean(46.1, 11.9, 1, 23), 1},
		{reports.Number(17145, 0, 756), 50},
		{reports.Estimate(-1.8, -1.8-0.392, -1.8+0.392, 1, 100), 0.02},
		{reports.Number(0, 1, 50), 0},
	} {
		if u := unitOf(c.cell); math.Abs(u-c.unit) > 1e-9 {
			t.Errorf("%+v: unit %g, want %g", c.cell, u, c.unit)
		}
	}
	if c := roundMean(reports.Number(17145.3, 0, 756)); c.Value != 17150 {
		t.Errorf("17,145 is shown as %v", c.Value)
	}
	for _, c := range []struct {
		cell     reports.Cell
		decimals int
	}{
		{reports.Mean(46.1, 11.9, 1, 23), 0},                // unit 1: 46 (12)
		{reports.Estimate(-1.8, -2.192, -1.408, 1, 100), 1}, // unit 0.02
		{reports.Estimate(-1.8, -2.192, -1.408, 3, 100), 2}, // unit 0.02
		{reports.Estimate(-43.1, -56.2, -30.3, 1, 108), 0},  // unit 1
		{reports.Number(0, 1, 50), 1},                       // no unit
		{reports.Estimate(0.86, 0.5, 1.22, 3, 10), 1},       // spread 0.58 of 10: unit 0.1
		{reports.Estimate(17145, 16000, 18290, 0, 756), 0},  // unit 50
		{reports.Estimate(-1.04, -1.23, -0.85, 2, 158), 2},  // unit 0.01
	} {
		if got := roundMean(c.cell).Format.Decimals; got != c.decimals {
			t.Errorf("%+v: %d decimals, want %d", c.cell, got, c.decimals)
		}
	}
}

// The same key gives the same noise; another key, place or count another. Its mean
// is 0 and its variance 2q/(1−q)², q = e^(−1/2): 7.84. Over 20,000 draws the mean
// is within 4.9 standard errors but for one run in a million.
func TestNoise(t *testing.T) {
	key, other := []byte("one key of the owner's, thirty-two"), []byte("another key of the owner's, of 32")
	sum, squares, same, n := 0.0, 0.0, 0, 20000
	for i := range n {
		at := fmt.Sprint("cell ", i)
		x := noise(key, at, 40)
		if x != noise(key, at, 40) {
			t.Fatal("the same count has other noise the second time")
		}
		if x == noise(other, at, 40) && x == noise(key, at, 41) {
			same++
		}
		sum += float64(x)
		squares += float64(x * x)
	}
	q := math.Exp(-1 / noiseScale)
	variance := 2 * q / ((1 - q) * (1 - q))
	if mean := sum / float64(n); math.Abs(mean) > 4.9*math.Sqrt(variance/float64(n)) {
		t.Errorf("mean of the noise %g", mean)
	}
	if got := squares / float64(n); math.Abs(got-variance) > 0.08*variance {
		t.Errorf("variance of the noise %g, want %g", got, variance)
	}
	if same > n/20 {
		t.Errorf("%d of %d draws do not depend on key and count", same, n)
	}
	r := with(reports.Paragraph{Text: reports.Say("").With(reports.Count(0)).And("").With(reports.Count(400)).And("").With(reports.Count(11))})
	out, _ := Protect(r, Options{Policy: named(t, "cms-11"), NoiseKey: key})
	again, _ := Protect(r, Options{Policy: named(t, "cms-11"), NoiseKey: key})
	a, b := out.Sections[0].Blocks[0].(reports.Paragraph).Text, again.Sections[0].Blocks[0].(reports.Paragraph).Text
	if a[1].Cell.Count != 0 || a[5].Cell.Count < 11 || a[3].Cell.Count != b[3].Cell.Count {
		t.Errorf("%+v, then %+v", a, b)
	}
}
