package analysis

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// MidP returns the interval of a proportion x of n by the exact tail
// probabilities of which the observed count is taken half. It is 0 at x = 0 and 1
// at x = n.
//
// R: exactci::binom.exact(x, n, midp = TRUE). Berry and Armitage 1995,
// 10.2307/2348891.
func MidP(x, n int, level float64) Interval {
	if n <= 0 || x < 0 || x > n {
		return NoInterval
	}
	a := (1 - level) / 2
	// upper tail with half of x, of proportion p: rising in p from 0 to 1
	over := func(p float64) float64 { return (atLeast(x, n, p) + atLeast(x+1, n, p)) / 2 }
	low, high := 0.0, 1.0
	if x > 0 {
		low = Root(func(p float64) float64 { return over(p) - a }, 0, float64(x)/float64(n))
	}
	if x < n {
		high = Root(func(p float64) float64 { return over(p) - (1 - a) }, float64(x)/float64(n), 1)
	}
	return NewInterval(KindMidP, low, high, level)
}

// atLeast returns P(X ≥ x) of the binomial distribution.
func atLeast(x, n int, p float64) float64 {
	switch {
	case x <= 0:
		return 1
	case x > n:
		return 0
	}
	return mathext.RegIncBeta(float64(x), float64(n-x+1), p)
}

// twoByTwo says whether counts of two groups can be compared at all.
func twoByTwo(x1, n1, x2, n2 int) bool {
	return n1 > 0 && n2 > 0 && x1 >= 0 && x2 >= 0 && x1 <= n1 && x2 <= n2
}

// WaldDifference returns the plain normal interval of a difference of two
// proportions. It is too narrow at small counts, and of no width at 0 and 1.
//
// R: prop.test(x, n, correct = FALSE)$conf.int.
func WaldDifference(x1, n1, x2, n2 int, level float64) Interval {
	if !twoByTwo(x1, n1, x2, n2) {
		return NoInterval
	}
	return waldBetween(float64(x1), float64(n1), float64(x2), float64(n2), level, KindWald)
}

// AgrestiCaffo returns the Wald interval of a difference of two proportions after
// adding one success and one failure to each group, cut to [-1, 1].
//
// R: DescTools::BinomDiffCI(method = "ac"). Agresti and Caffo 2000,
// 10.1080/00031305.2000.10474560.
func AgrestiCaffo(x1, n1, x2, n2 int, level float64) Interval {
	if !twoByTwo(x1, n1, x2, n2) {
		return NoInterval
	}
	return waldBetween(float64(x1)+1, float64(n1)+2, float64(x2)+1, float64(n2)+2, level, KindAgrestiCaffo)
}

func waldBetween(x1, n1, x2, n2, level float64, kind string) Interval {
	p1, p2 := x1/n1, x2/n2
	d, half := p1-p2, NormalQuantile(level)*math.Sqrt(p1*(1-p1)/n1+p2*(1-p2)/n2)
	return NewInterval(kind, math.Max(-1, d-half), math.Min(1, d+half), level)
}

// MiettinenNurminen returns the score interval of the difference of two
// proportions with the factor N/(N-1): the differences that a score test with
// restricted maximum-likelihood proportions does not reject.
//
// R: ratesci::scoreci(contrast = "RD", skew = FALSE). Miettinen and Nurminen
// 1985, 10.1002/sim.4780040211.
func MiettinenNurminen(x1, n1, x2, n2 int, level float64) Interval {
	return scoreDifference(x1, n1, x2, n2, level, KindMN)
}

// Mee returns the same without the factor N/(N-1), which several packages call
// Miettinen-Nurminen.
//
// R: PropCIs::diffscoreci. Mee 1984, 10.2307/2530934.
func Mee(x1, n1, x2, n2 int, level float64) Interval {
	return scoreDifference(x1, n1, x2, n2, level, KindMee)
}

func scoreDifference(x1, n1, x2, n2 int, level float64, kind string) Interval {
	if !twoByTwo(x1, n1, x2, n2) {
		return NoInterval
	}
	z, factor := NormalQuantile(level), 1.0
	if kind != KindMee {
		factor = float64(n1+n2) / float64(n1+n2-1)
	}
	d := float64(x1)/float64(n1) - float64(x2)/float64(n2)
	score := func(delta float64) float64 { return differenceScore(x1, n1, x2, n2, delta, factor, kind == KindSCAS) }
	low, high := -1.0, 1.0
	if score(-1+1e-14) > z {
		low = Root(func(t float64) float64 { return score(t) - z }, -1+1e-14, d)
	}
	if score(1-1e-14) < -z {
		high = Root(func(t float64) float64 { return score(t) + z }, d, 1-1e-14)
	}
	return NewInterval(kind, low, high, level)
}

// differenceScore is the score statistic for the difference delta, without its
// skewness where asked.
func differenceScore(x1, n1, x2, n2 int, delta, factor float64, unskew bool) float64 {
	a, b, m, n := float64(x1), float64(x2), float64(n1), float64(n2)
	// The restricted maximum-likelihood p2 is the root of a cubic, in closed form.
	t := m + n
	c3 := t
	c2 := (m+2*n)*delta - t - (a + b)
	c1 := (n*delta-t-2*b)*delta + a + b
	c0 := b * delta * (1 - delta)
	q := c2*c2*c2/(27*c3*c3*c3) - c1*c2/(6*c3*c3) + c0/(2*c3)
	p := math.Copysign(math.Sqrt(math.Max(0, c2*c2/(9*c3*c3)-c1/(3*c3))), q)
	p2 := b / n
	if p != 0 {
		u := math.Max(-1, math.Min(1, q/(p*p*p)))
		p2 = 2*p*math.Cos((math.Pi+math.Acos(u))/3) - c2/(3*c3)
	}
	p2 = math.Max(0, math.Min(1, p2))
	p1 := math.Max(0, math.Min(1, p2+delta))
	v := (p1*(1-p1)/m + p2*(1-p2)/n) * factor
	s := standardised(a/m-b/n-delta, v)
	if !unskew || !(v > 0) {
		return s
	}
	skew := (p1*(1-p1)*(1-2*p1)/(m*m) - p2*(1-p2)*(1-2*p2)/(n*n)) / (6 * v * math.Sqrt(v))
	return 2 * (s + skew) / (1 + math.Sqrt(math.Max(0, 1+4*skew*(s+skew))))
}

func standardised(d, v float64) float64 {
	if v > 0 {
		return d / math.Sqrt(v)
	}
	if d == 0 {
		return 0
	}
	return math.Copysign(math.Inf(1), d)
}

// RatioScore returns the score interval of the ratio of two proportions, with the
// factor N/(N-1). It is defined at zero counts: from 0 with no event in the first
// group, to infinity with none in the second.
//
// R: ratesci::scoreci(contrast = "RR", skew = FALSE). Koopman 1984,
// 10.2307/2531405; Miettinen and Nurminen 1985, 10.1002/sim.4780040211.
func RatioScore(x1, n1, x2, n2 int, level float64) Interval {
	a, b, m, n := float64(x1), float64(x2), float64(n1), float64(n2)
	factor := (m + n) / (m + n - 1)
	return scoreRatio(x1, n1, x2, n2, level, func(t float64) float64 {
		// p2 solves (m+n)t p² - (m t + a + n + b t) p + a + b = 0, by the form
		// that loses no digits.
		lin, c := m*t+a+n+b*t, a+b
		p2 := 2 * c / (lin + math.Sqrt(math.Max(0, lin*lin-4*(m+n)*t*c)))
		p2 = math.Min(p2, math.Min(1, 1/t))
		p1 := math.Min(1, p2*t)
		return standardised(a/m-t*b/n, (p1*(1-p1)/m+t*t*p2*(1-p2)/n)*factor)
	})
}

// OddsScore returns the score interval of the odds ratio, with the factor
// N/(N-1); as RatioScore at zero counts. With gart the score's bias is taken off
// it, as ratesci does unless told otherwise (Laud 2018, 10.1002/pst.1855).
//
// R: ratesci::scoreci(contrast = "OR", skew = FALSE, ORbias = gart). Miettinen
// and Nurminen 1985, 10.1002/sim.4780040211.
func OddsScore(x1, n1, x2, n2 int, level float64, gart bool) Interval {
	a, b, m, n := float64(x1), float64(x2), float64(n1), float64(n2)
	factor := (m + n) / (m + n - 1)
	if x1+x2 == 0 || x1+x2 == n1+n2 { // no odds ratio can be ruled out
		if !twoByTwo(x1, n1, x2, n2) {
			return NoInterval
		}
		return NewInterval(KindMN, 0, math.Inf(1), level)
	}
	return scoreRatio(x1, n1, x2, n2, level, func(t float64) float64 {
		// p2 solves n(t-1) p² + (m t + n - (a+b)(t-1)) p - (a+b) = 0, and 1-p2 the
		// same of the patients without the event at 1/t.
		restricted := func(m, n, c, t float64) float64 {
			sq, lin := n*(t-1), m*t+n-c*(t-1)
			root := math.Sqrt(math.Max(0, lin*lin+4*sq*c))
			if lin < 0 {
				return (root - lin) / (2 * sq)
			}
			return 2 * c / (lin + root)
		}
		p2, q2 := restricted(m, n, a+b, t), restricted(m, n, m+n-a-b, 1/t)
		p1, q1 := p2*t/(p2*t+q2), q2/(p2*t+q2)
		v1, v2 := m*p1*q1, n*p2*q2
		w, s := 1/v1+1/v2, a*q1-(m-a)*p1
		if gart {
			s -= (p1 - p2) / (v1 + v2) / w
		}
		return standardised(s*w, w*factor)
	})
}

// scoreRatio finds where a falling score statistic of a ratio passes ± z.
func scoreRatio(x1, n1, x2, n2 int, level float64, score func(float64) float64) Interval {
	if !twoByTwo(x1, n1, x2, n2) {
		return NoInterval
	}
	z := NormalQuantile(level)
	const far = 40 // e⁻⁴⁰ and e⁴⁰ stand for 0 and infinity
	at := func(want float64) float64 {
		f := func(l float64) float64 { return score(math.Exp(l)) - want }
		lo, hi := f(-far), f(far)
		switch {
		case lo <= 0 || math.IsNaN(lo):
			return 0
		case hi >= 0 || math.IsNaN(hi):
			return math.Inf(1)
		}
		return math.Exp(Root(f, -far, far))
	}
	low, high := at(z), at(-z)
	if x1 == 0 {
		low = 0
	}
	if x2 == 0 {
		high = math.Inf(1)
	}
	return NewInterval(KindMN, low, high, level)
}

// Table2 is a two-by-two table of the same patients on two occasions.
type Table2 struct {
	Both, First, Second, Neither int // with the event on both occasions, on one alone, on none
}

// NewcombePaired returns the interval of the difference of two paired
// proportions, first minus second occasion: Newcombe's method 10, with the
// correction of the correlation of the two.
//
// R: ratesci::moverpair(contrast = "RD", corc = TRUE). Newcombe 1998,
// 10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C.
func NewcombePaired(t Table2, level float64) Interval {
	e, f, g, h := float64(t.Both), float64(t.First), float64(t.Second), float64(t.Neither)
	n := e + f + g + h
	if n <= 0 {
		return NoInterval
	}
	z := NormalQuantile(level)
	p1, p2 := (e+f)/n, (e+g)/n
	l1, u1 := wilson(e+f, n, z)
	l2, u2 := wilson(e+g, n, z)
	phi, cross := 0.0, e*h-f*g
	if margins := (e + f) * (g + h) * (e + g) * (f + h); margins > 0 {
		if cross > 0 {
			cross = math.Max(0, cross-n/2)
		}
		phi = cross / math.Sqrt(margins)
	}
	side := func(a, b float64) float64 { return math.Sqrt(math.Max(0, a*a-2*phi*a*b+b*b)) }
	d := (f - g) / n
	return NewInterval(KindNewcombePair, d-side(p1-l1, u2-p2), d+side(u1-p1, p2-l2), level)
}

// McNemar returns the two-sided p values of McNemar's test from the patients with
// the event on the first or on the second occasion alone: exact, and mid-P, which
// keeps the level better. Without such patients both are 1.
//
// R: binom.test(first, first + second)$p.value, and that less
// dbinom(first, first + second, .5). Fagerland, Lydersen and Laake 2013,
// 10.1186/1471-2288-13-91.
func McNemar(first, second int) (exact, midP float64) {
	n, k := first+second, min(first, second)
	if n == 0 {
		return 1, 1
	}
	tail := 1 - atLeast(k+1, n, 0.5)
	at := tail
	if k > 0 {
		at = tail - (1 - atLeast(k, n, 0.5))
	}
	exact = math.Min(1, 2*tail)
	if first == second {
		return 1, 1 - at
	}
	return exact, exact - at
}

// PearsonP returns the two-sided p value of the chi-square test that two
// proportions are equal, without continuity correction, and its signed root; NaN
// where no or all patients have the event.
//
// R: prop.test(x, n, correct = FALSE)$p.value.
func PearsonP(x1, n1, x2, n2 int) (z, p float64) {
	if !twoByTwo(x1, n1, x2, n2) || x1+x2 == 0 || x1+x2 == n1+n2 {
		return math.NaN(), math.NaN()
	}
	all := float64(x1+x2) / float64(n1+n2)
	z = (float64(x1)/float64(n1) - float64(x2)/float64(n2)) / math.Sqrt(all*(1-all)*(1/float64(n1)+1/float64(n2)))
	return z, NormalP(z)
}

// FisherP returns the two-sided p value of Fisher's exact test: of the tables with
// the same margins, those no likelier than the one seen.
//
// R: fisher.test(matrix(c(x1, x2, n1 - x1, n2 - x2), 2))$p.value.
func FisherP(x1, n1, x2, n2 int) float64 {
	if !twoByTwo(x1, n1, x2, n2) {
		return math.NaN()
	}
	low, logc := hypergeometric(TwoByTwo{x1, n1, x2, n2})
	return tilt(logc, 0, x1-low).p
}

// Wald returns the plain normal interval of a proportion, cut to [0, 1]. It is too
// narrow at small counts, and of no width at 0 and n: for comparison with others'.
//
// R: x/n + c(-1, 1) * qnorm(.975) * sqrt(x/n * (1 - x/n) / n).
func Wald(x, n int, level float64) Interval {
	if n <= 0 || x < 0 || x > n {
		return NoInterval
	}
	p := float64(x) / float64(n)
	half := NormalQuantile(level) * math.Sqrt(p*(1-p)/float64(n))
	return NewInterval(KindWald, math.Max(0, p-half), math.Min(1, p+half), level)
}

// WilsonCorrected returns the score interval with a continuity correction of half a
// patient, which covers its level more surely and is wider. R takes a smaller
// correction where x is n/2; this does not.
//
// R: prop.test(x, n). Newcombe 1998, method 4,
// 10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E.
func WilsonCorrected(x, n int, level float64) Interval {
	if n <= 0 || x < 0 || x > n {
		return NoInterval
	}
	z, low, high := NormalQuantile(level), 0.0, 1.0
	if x > 0 {
		low, _ = wilson(float64(x)-0.5, float64(n), z)
	}
	if x < n {
		_, high = wilson(float64(x)+0.5, float64(n), z)
	}
	return NewInterval(KindWilsonCC, low, high, level)
}

// SCAS returns the score interval of the difference of two proportions with the
// factor N/(N-1) and the score's skewness taken off it, so that both tails miss
// alike: the differences at which s of s + κ(s² - 1) = score lies within ± z, with κ
// a sixth of the skewness.
//
// R: ratesci::scoreci(contrast = "RD"). Laud 2017, 10.1002/pst.1813.
func SCAS(x1, n1, x2, n2 int, level float64) Interval {
	return scoreDifference(x1, n1, x2, n2, level, KindSCAS)
}

// YatesP is PearsonP with Yates's continuity correction, which keeps under its level
// and finds less.
//
// R: prop.test(x, n)$p.value.
func YatesP(x1, n1, x2, n2 int) (z, p float64) {
	if z, p = PearsonP(x1, n1, x2, n2); math.IsNaN(z) || z == 0 {
		return z, p
	}
	away := math.Abs(float64(x1)/float64(n1)-float64(x2)/float64(n2)) / (1/float64(n1) + 1/float64(n2))
	z *= 1 - math.Min(0.5, away)/away
	return z, NormalP(z)
}

// TwoByTwo counts events x of n in two groups.
type TwoByTwo struct{ X1, N1, X2, N2 int }

// mostTables bounds the work of ConditionalOdds: pairs of counts put together.
const mostTables = 20_000_000

// ConditionalOdds returns the odds ratio that is common to strata by conditional
// maximum likelihood, its exact interval (each tail half of 1 - level) and the exact
// p value of no difference (tables no likelier than the one seen), all given the
// margins of every stratum. The ratio is 0 or infinite where the events of the first
// group are as few or as many as they can be; everything is NaN where the margins
// leave one table alone, or where the counts are too many to go through (products of
// ranges over twenty million).
//
// R: fisher.test(table); mantelhaen.test(exact = TRUE). Fay 2010,
// 10.1093/biostatistics/kxp050, on how the interval and p may disagree.
func ConditionalOdds(strata []TwoByTwo, level float64) (or float64, ci Interval, p float64) {
	logc, at, work := []float64{0}, 0, 0
	for _, s := range strata {
		if !twoByTwo(s.X1, s.N1, s.X2, s.N2) {
			continue
		}
		low, one := hypergeometric(s)
		if work += len(one) * len(logc); work > mostTables {
			return math.NaN(), NoInterval, math.NaN()
		}
		at += s.X1 - low
		logc = convolved(logc, one)
	}
	last := len(logc) - 1
	if last == 0 {
		return math.NaN(), NoInterval, math.NaN()
	}
	a := (1 - level) / 2
	const far = 60 // e⁻⁶⁰ and e⁶⁰ stand for 0 and infinity
	solve := func(f func(t tilted) float64) float64 {
		return math.Exp(Root(func(theta float64) float64 { return f(tilt(logc, theta, at)) }, -far, far))
	}
	low, high := 0.0, math.Inf(1)
	switch at {
	case 0:
		or = 0
	case last:
		or = math.Inf(1)
	default:
		or = solve(func(t tilted) float64 { return t.mean - float64(at) })
	}
	if at > 0 {
		low = solve(func(t tilted) float64 { return t.above - a })
	}
	if at < last {
		high = solve(func(t tilted) float64 { return t.below - a })
	}
	return or, NewInterval(KindConditional, low, high, level), tilt(logc, 0, at).p
}

// hypergeometric returns the least count of events in the first group that the
// margins allow, and the logarithm of how many ways lead to each from there.
func hypergeometric(s TwoByTwo) (low int, logc []float64) {
	k := s.X1 + s.X2
	low = max(0, k-s.N2)
	for x := low; x <= min(k, s.N1); x++ {
		logc = append(logc, lchoose(s.N1, x)+lchoose(s.N2, k-x)-lchoose(s.N1+s.N2, k))
	}
	return low, logc
}

func lchoose(n, r int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(r + 1))
	c, _ := math.Lgamma(float64(n - r + 1))
	return a - b - c
}

// convolved returns the logarithms of the sums of products.
func convolved(a, b []float64) []float64 {
	out := make([]float64, len(a)+len(b)-1)
	for i := range out {
		from, to := max(0, i-len(b)+1), min(i, len(a)-1)
		most := math.Inf(-1)
		for j := from; j <= to; j++ {
			most = math.Max(most, a[j]+b[i-j])
		}
		s := 0.0
		for j := from; j <= to; j++ {
			s += math.Exp(a[j] + b[i-j] - most)
		}
		out[i] = most + math.Log(s)
	}
	return out
}

// tilted is a distribution of counts at one odds ratio, seen from the count at.
type tilted struct {
	mean, above, below float64 // P(X ≥ at), P(X ≤ at)
	p                  float64 // of the counts no likelier than at
}

func tilt(logc []float64, theta float64, at int) tilted {
	most := math.Inf(-1)
	for i, l := range logc {
		most = math.Max(most, l+float64(i)*theta)
	}
	var t tilted
	sum, seen := 0.0, logc[at]+float64(at)*theta
	for i, l := range logc {
		v := l + float64(i)*theta
		w := math.Exp(v - most)
		sum += w
		t.mean += float64(float64(i) * w)
		if i >= at {
			t.above += w
		}
		if i <= at {
			t.below += w
		}
		if v <= seen+1e-7 { // R's tolerance for equally likely tables
			t.p += w
		}
	}
	t.mean, t.above, t.below, t.p = t.mean/sum, t.above/sum, t.below/sum, math.Min(1, t.p/sum)
	return t
}
