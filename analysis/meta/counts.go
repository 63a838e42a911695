package meta

import "math"

// Counts is a two-by-two table: patients with the event of all, in two groups.
type Counts struct{ Events1, N1, Events2, N2 float64 }

func (c Counts) valid() bool {
	return c.N1 > 0 && c.N2 > 0 && c.Events1 >= 0 && c.Events2 >= 0 && c.Events1 <= c.N1 && c.Events2 <= c.N2
}

// cells are the four cells: events and others, group by group.
func (c Counts) cells() (a, b, cc, d float64) {
	return c.Events1, c.N1 - c.Events1, c.Events2, c.N2 - c.Events2
}

// Corrections of zero cells.
const (
	ZeroOnly  = "only-zero"     // 1/2 to each cell of a study that has a zero cell
	ZeroAll   = "all"           // 1/2 to each cell of every study
	ZeroOther = "treatment-arm" // the reciprocal of the other group's size, in studies with a zero cell
	ZeroNone  = "none"          // nothing: a study with a zero cell has no ratio
)

// corrected adds what the correction says. Treatment-arm adds n₁/(n₁+n₂) to both
// cells of the first group and n₂/(n₁+n₂) to those of the second, 1 in all.
// Sweeting, Sutton and Lambert 2004, 10.1002/sim.1761.
func (c Counts) corrected(zero string) Counts {
	a, b, e, d := c.cells()
	has := a*b*e*d == 0
	k1, k2 := 0.0, 0.0
	switch {
	case zero == ZeroAll, zero == ZeroOnly && has:
		k1, k2 = 0.5, 0.5
	case zero == ZeroOther && has:
		k1, k2 = c.N1/(c.N1+c.N2), c.N2/(c.N1+c.N2)
	}
	return Counts{a + k1, c.N1 + 2*k1, e + k2, c.N2 + 2*k2}
}

// empty reports whether nobody, or everybody, had the event: such a study says
// nothing about a ratio.
func (c Counts) empty() bool {
	a, b, e, d := c.cells()
	return a+e == 0 || b+d == 0
}

// RiskRatio is log of (a/n₁)/(c/n₂) with variance 1/a - 1/n₁ + 1/c - 1/n₂. A study in
// which nobody or everybody had the event is left out by correction none only; else
// it is drawn to no effect by what is added.
// R: escalc("RR", add = 1/2, to = "only0")
func RiskRatio(c Counts, zero string) Effect {
	if !c.valid() {
		return noEffect
	}
	x := c.corrected(zero)
	if x.Events1 == 0 || x.Events2 == 0 {
		return noEffect
	}
	return Effect{math.Log(x.Events1 / x.N1 / (x.Events2 / x.N2)), 1/x.Events1 - 1/x.N1 + 1/x.Events2 - 1/x.N2}
}

// OddsRatio is log of (a d)/(b c) with variance 1/a + 1/b + 1/c + 1/d.
// R: escalc("OR", add = 1/2, to = "only0")
func OddsRatio(c Counts, zero string) Effect {
	if !c.valid() {
		return noEffect
	}
	a, b, e, d := c.corrected(zero).cells()
	if a*b*e*d == 0 {
		return noEffect
	}
	return Effect{math.Log(a * d / (b * e)), 1/a + 1/b + 1/e + 1/d}
}

// RiskDifference is a/n₁ - c/n₂ with variance ab/n₁³ + cd/n₂³. The correction serves
// the variance alone, where a zero cell would make it 0 or too small: the value is
// that of the counts.
// R: escalc("RD", addyi = FALSE)
func RiskDifference(c Counts, zero string) Effect {
	if !c.valid() {
		return noEffect
	}
	x := c.corrected(zero)
	a, b, e, d := x.cells()
	return Effect{c.Events1/c.N1 - c.Events2/c.N2, a*b/(x.N1*x.N1*x.N1) + e*d/(x.N2*x.N2*x.N2)}
}

// PetoOdds is the one-step log odds ratio (O-E)/V with V of the hypergeometric
// distribution; it needs no correction, and is biased where groups are of unequal
// size or effects large.
// R: escalc("PETO"). Yusuf et al. 1985, 10.1016/S0033-0620(85)80003-7.
func PetoOdds(c Counts) Effect {
	if !c.valid() || c.empty() {
		return noEffect
	}
	o, v := c.observed()
	return Effect{o / v, 1 / v}
}

// observed is O-E and V of the hypergeometric distribution.
func (c Counts) observed() (o, v float64) {
	n, x := c.N1+c.N2, c.Events1+c.Events2
	if n <= 1 {
		return 0, 0
	}
	return c.Events1 - c.N1*x/n, c.N1 * c.N2 * x * (n - x) / (n * n * (n - 1))
}

// Share is x/n with variance p(1-p)/n. R: escalc("PR")
func Share(x, n float64, zero string) Effect {
	if !(n > 0 && x >= 0 && x <= n) {
		return noEffect
	}
	y, m := correctedShare(x, n, zero)
	return Effect{x / n, y / m * (1 - y/m) / m}
}

// LogitShare is log(p/(1-p)) with variance 1/x + 1/(n-x). R: escalc("PLO")
func LogitShare(x, n float64, zero string) Effect {
	if !(n > 0 && x >= 0 && x <= n) {
		return noEffect
	}
	y, m := correctedShare(x, n, zero)
	if y == 0 || y == m {
		return noEffect
	}
	return Effect{math.Log(y / (m - y)), 1/y + 1/(m-y)}
}

func correctedShare(x, n float64, zero string) (y, m float64) {
	if zero == ZeroAll || zero != ZeroNone && (x == 0 || x == n) {
		return x + 0.5, n + 1
	}
	return x, n
}

// ArcsineShare is asin √p with variance 1/(4n). R: escalc("PAS")
func ArcsineShare(x, n float64) Effect {
	if !(n > 0 && x >= 0 && x <= n) {
		return noEffect
	}
	return Effect{math.Asin(math.Sqrt(x / n)), 1 / (4 * n)}
}

// FreemanTukeyShare is (asin √(x/(n+1)) + asin √((x+1)/(n+1)))/2 with variance
// 1/(4n+2). Its way back to a share needs a size for the pooled value and can
// mislead where sizes differ much: prefer the logit.
// R: escalc("PFT"). Freeman and Tukey 1950, 10.1214/aoms/1177729756; Schwarzer et al.
// 2019, 10.1002/jrsm.1348.
func FreemanTukeyShare(x, n float64) Effect {
	if !(n > 0 && x >= 0 && x <= n) {
		return noEffect
	}
	return Effect{(math.Asin(math.Sqrt(x/(n+1))) + math.Asin(math.Sqrt((x+1)/(n+1)))) / 2, 1 / (4*n + 2)}
}

// FreemanTukeyBack is the share at a value of the double arcsine, with the harmonic
// mean of the sizes. Miller 1978, 10.1080/00031305.1978.10479283.
func FreemanTukeyBack(t float64, sizes []float64) float64 {
	s := 0.0
	for _, n := range sizes {
		s += 1 / n
	}
	n := float64(len(sizes)) / s
	// Beyond what 0 and n events of n give, the share is 0 and 1.
	if t <= FreemanTukeyShare(0, n).Value {
		return 0
	}
	if t >= FreemanTukeyShare(n, n).Value {
		return 1
	}
	s2 := math.Sin(2 * t)
	inner := s2 + (s2-1/s2)/n
	return (1 - math.Copysign(math.Sqrt(math.Max(0, 1-inner*inner)), math.Cos(2*t))) / 2
}
