package disclosure

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"recoup/reports"
)

// finish rounds what is shown, and adds noise where the owner's key is given.
func (g *gate) finish(set []Member) {
	for _, c := range g.carriers {
		if c.hidden {
			continue
		}
		g.read(set, c.report)
		cell := c.get()
		cell = g.finishCounts(cell, c.key)
		if cell.Basis.Kind == reports.OfPatients {
			cell = roundMean(cell)
		}
		c.set(cell)
	}
}

// count is what is shown for a count: with noise, then rounded.
func (g *gate) count(n int, key string) int {
	if n == 0 {
		return 0
	}
	if g.noise != nil {
		n = max(g.policy.Max+1, n+noise(g.noise, key, n))
	}
	return g.policy.round(n)
}

// round is a count as the policy shows it, halves up.
func (p Policy) round(n int) int {
	switch {
	case p.Base <= 1 || n == 0:
		return n
	case p.Midpoint:
		return (n+p.Base-1)/p.Base*p.Base - p.Base/2
	}
	return (n + p.Base/2) / p.Base * p.Base
}

// changes tells whether shown counts differ from the true ones.
func (g *gate) changes() bool { return g.policy.Base > 1 || g.noise != nil }

// finishCounts puts rounded counts in the place of a cell's counts, and works its
// share out from them.
func (g *gate) finishCounts(c reports.Cell, key string) reports.Cell {
	if !g.changes() {
		return c
	}
	switch b := c.Basis; {
	case b.Kind == reports.OfPatients && c.Format.Kind == reports.CountOf:
		c.Count = g.count(c.Count, g.identity(b.Quantity, key))
		c.Basis.N = c.Count
	case b.Kind == reports.OfPatients:
		c.Basis.N = g.count(b.N, g.identity(b.Quantity, key))
	case b.Kind == reports.ShareOfPatients:
		num, den := g.count(b.Numerator, g.identity(b.Quantity, key)), g.count(b.Denominator, g.identity(b.Whole, key+"|of"))
		c.Basis.Numerator, c.Basis.Denominator = min(num, den), den
		c = reshare(c, b)
	}
	return c
}

// identity names a count for its noise: the same count has the same noise
// wherever it stands.
func (g *gate) identity(quantity, key string) string {
	if quantity == "" {
		return key
	}
	n := g.called(g.period, quantity)
	if n.site != "" {
		n.period = n.site + "|" + n.period
	}
	return n.period + "|" + n.name
}

// reshare works a share out again from its rounded counts. What is not the plain
// share of its counts, such as one by Kaplan and Meier, stays, to the whole
// percent, without its interval.
func reshare(c reports.Cell, was reports.Basis) reports.Cell {
	num, den := float64(c.Basis.Numerator), float64(c.Basis.Denominator)
	raw := float64(was.Numerator) / float64(was.Denominator)
	low, high := c.Low, c.High
	if c.Format.Kind == reports.CountPercent {
		c.Count = c.Basis.Numerator
	}
	if c.Format.Kind == reports.Text {
		if c.Text == fmt.Sprintf("%d/%d", was.Numerator, was.Denominator) {
			c.Text = fmt.Sprintf("%d/%d", c.Basis.Numerator, c.Basis.Denominator)
		}
		return c
	}
	c.Low, c.High = math.NaN(), math.NaN()
	if math.Abs(c.Value-raw) > 1e-9 || den == 0 {
		c.Value = math.Round(100*c.Value) / 100
		return c
	}
	c.Value = num / den
	for _, z := range []float64{1.6448536269514722, 1.959963984540054, 2.5758293035489004} {
		l, h := wilson(float64(was.Numerator), float64(was.Denominator), z)
		if math.Abs(l-low) < 1e-6 && math.Abs(h-high) < 1e-6 {
			c.Low, c.High = wilson(num, den, z)
		}
	}
	return c
}

// wilson is Wilson's interval of x in n.
func wilson(x, n, z float64) (low, high float64) {
	p, w := x/n, z*z/n
	middle, half := (p+w/2)/(1+w), z/(1+w)*math.Sqrt(p*(1-p)/n+w/(4*n))
	return middle - half, middle + half
}

// roundMean rounds a number that rests on n patients to a unit tied to n, so that
// two reports one patient apart do not give that patient's value: an error of half
// a unit in each mean is one of n units in the value.
func roundMean(c reports.Cell) reports.Cell {
	switch c.Format.Kind {
	case reports.NumberOf, reports.MeanSD, reports.Interval:
	default:
		return c
	}
	u := unitOf(c)
	to := func(x float64) float64 {
		if u == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
			return x
		}
		return math.Round(x/u) * u
	}
	c.Value, c.SD, c.Low, c.High = to(c.Value), to(c.SD), to(c.Low), to(c.High)
	if u > 0 { // no digit is written that the unit takes away
		c.Format.Decimals = min(c.Format.Decimals, max(0, -int(math.Floor(math.Log10(u)+1e-9))))
	}
	return c
}

// unitOf is the least of 1, 2 and 5 times a power of ten that is at least the
// spread of the values over n: their standard deviation, as far as the cell tells
// it or its interval does, else the number itself.
func unitOf(c reports.Cell) float64 {
	n := float64(c.Basis.N)
	spread := math.Abs(c.Value)
	switch {
	case c.Format.Kind == reports.MeanSD && c.SD > 0:
		spread = c.SD
	case c.High > c.Low:
		spread = (c.High - c.Low) / 2 / 1.96 * math.Sqrt(n)
	}
	if n <= 0 || spread == 0 || math.IsNaN(spread) || math.IsInf(spread, 0) {
		return 0
	}
	power := math.Pow(10, math.Floor(math.Log10(spread/n)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= spread/n*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// noiseScale is the scale of the noise, in patients.
const noiseScale = 2.0

// noise is a whole number drawn from the two-sided geometric distribution of scale
// noiseScale, by a keyed hash of the count's identity and its value: the same
// report made twice has the same noise, so that averaging gains nothing, and a
// count that has changed has another, so that a difference tells little. Without
// the key it cannot be made again, whatever else is known.
func noise(key []byte, identity string, value int) int {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("recoup noise\x00" + identity + "\x00"))
	_ = binary.Write(h, binary.BigEndian, int64(value))
	sum := h.Sum(nil)
	u := (float64(binary.BigEndian.Uint64(sum)>>11) + 0.5) / (1 << 53)
	v := (float64(binary.BigEndian.Uint64(sum[8:])>>11) + 0.5) / (1 << 53)
	a := -1 / noiseScale
	return int(math.Floor(math.Log(u)/a)) - int(math.Floor(math.Log(v)/a))
}
