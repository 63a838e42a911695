package analysis

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tol*math.Max(1, math.Abs(want)) {
		t.Errorf("%s: got %.12g, want %.12g", what, got, want)
	}
}

// The published intervals of Newcombe 1998 (56/70 against 48/80), to the printed
// digits, and longer digits from R (ratesci, DescTools).
func TestDifferenceOfProportions(t *testing.T) {
	n := Newcombe(56, 70, 48, 80, 0.95)
	near(t, "Newcombe low", float64(n.Low), 0.05243147, 1e-7)
	near(t, "Newcombe high", float64(n.High), 0.33387265, 1e-7)
	m := MiettinenNurminen(56, 70, 48, 80, 0.95)
	near(t, "MN low", float64(m.Low), 0.05282971, 1e-7)
	near(t, "MN high", float64(m.High), 0.33817294, 1e-7)
	// 0/10 against 0/20, Newcombe 1998 table II(g): score hybrid -0.1611 to 0.2775.
	z := Newcombe(0, 10, 0, 20, 0.95)
	near(t, "Newcombe 0/10 0/20 low", float64(z.Low), -0.1611, 5e-5)
	near(t, "Newcombe 0/10 0/20 high", float64(z.High), 0.2775, 5e-5)
	// Swapping the groups turns the interval round.
	s := MiettinenNurminen(48, 80, 56, 70, 0.95)
	near(t, "MN swapped", float64(s.Low), -float64(m.High), 1e-12)
}

// R: prop.test(81, 263, correct=FALSE)$conf.int, binom.test(81, 263)$conf.int;
// Newcombe 1998 table I prints 0.2553 to 0.3662 and 0.2527 to 0.3676.
func TestProportion(t *testing.T) {
	w := Wilson(81, 263, 0.95)
	near(t, "Wilson low", float64(w.Low), 0.2553, 5e-5)
	near(t, "Wilson high", float64(w.High), 0.3662, 5e-5)
	c := ClopperPearson(81, 263, 0.95)
	near(t, "exact low", float64(c.Low), 0.2527, 5e-5)
	near(t, "exact high", float64(c.High), 0.3676, 5e-5)
	// With no event the exact upper bound solves (1-p)^n = 0.025.
	near(t, "exact 0/20", float64(ClopperPearson(0, 20, 0.95).High), 1-math.Pow(0.025, 1.0/20), 1e-12)
	if w := Wilson(0, 20, 0.95); w.Low != 0 {
		t.Errorf("Wilson 0/20 begins at %v", w.Low)
	}
	for _, f := range []func(int, int, float64) Interval{Wilson, ClopperPearson, Jeffreys, AgrestiCoull} {
		a, b := f(7, 20, 0.9), f(13, 20, 0.9)
		near(t, a.Kind+" mirrored", float64(a.Low), 1-float64(b.High), 1e-10)
		if f(1, 0, 0.95).Low.OK() {
			t.Errorf("%s of nothing has a bound", a.Kind)
		}
	}
}

// With delta 0 the distribution is Student's; t(1) is Cauchy: P(T ≤ 1) = 3/4.
// The bounds for mtcars (t = -4.106, df = 30) are those of R's MBESS and of a
// root search on pt to 1e-13.
func TestNoncentralT(t *testing.T) {
	near(t, "Cauchy", NoncentralTCDF(1, 1, 0), 0.75, 1e-12)
	near(t, "symmetry", NoncentralTCDF(-1.3, 7, 0.4), 1-NoncentralTCDF(1.3, 7, -0.4), 1e-12)
	// P(T ≤ 0) = Φ(-δ) whatever df.
	near(t, "at zero", NoncentralTCDF(0, 5, 1.5), 0.5*math.Erfc(1.5/math.Sqrt2), 1e-13)
	tt := -4.10612698310069
	k := math.Sqrt(1.0/19 + 1.0/13)
	low, high := NoncentralityInterval(tt, 30, 0.95)
	near(t, "d low", low*k, -2.2659732804461, 1e-9)
	near(t, "d high", high*k, -0.670568385745411, 1e-9)
}

// R: qt(.975, c(1, 2, 30, 146)); 1-df and 2-df in closed form: tan(π·0.475) and
// (2p-1)√(2/(4p(1-p))).
func TestTQuantile(t *testing.T) {
	near(t, "1", TQuantile(1, 0.95), math.Tan(math.Pi*0.475), 1e-12)
	near(t, "2", TQuantile(2, 0.95), 0.95*math.Sqrt(2/(4*0.975*0.025)), 1e-12)
	near(t, "p", TP(TQuantile(9.3, 0.9), 9.3), 0.1, 1e-12)
	near(t, "normal", NormalQuantile(0.95), 1.959963984540054, 1e-13)
}
