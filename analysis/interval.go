package analysis

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Kinds of intervals.
const (
	KindT            = "t"
	KindNormal       = "normal"
	KindLog          = "normal on the log scale"
	KindNoncentralT  = "exact, non-central t"
	KindLargeSample  = "large sample"
	KindChiSquare    = "chi-square"
	KindWilson       = "Wilson score"
	KindExact        = "Clopper-Pearson exact"
	KindJeffreys     = "Jeffreys"
	KindAgrestiCoull = "Agresti-Coull"
	KindNewcombe     = "Newcombe hybrid score"
	KindNewcombePair = "Newcombe hybrid score, paired"
	KindMN           = "Miettinen-Nurminen score"
	KindMee          = "Mee score"
	KindMidP         = "mid-P exact"
	KindAgrestiCaffo = "Agresti-Caffo"
	KindWald         = "Wald"
	KindWilsonCC     = "Wilson score, continuity-corrected"
	KindSCAS         = "skewness-corrected score"
	KindConditional  = "exact, conditional on the margins"
	KindKMLog        = "Greenwood, log"
	KindKMLogLog     = "Greenwood, log-log"
	KindKMPlain      = "Greenwood, plain"
	KindBrookmeyer   = "Brookmeyer-Crowley"
)

// NewInterval returns an interval of a named kind from bounds worked out
// elsewhere. Bounds that are NaN stay null.
func NewInterval(kind string, low, high, level float64) Interval {
	return Interval{Low: Num(low), High: Num(high), Level: level, Kind: kind}
}

// NormalQuantile returns the standard normal quantile that leaves (1-level)/2 in
// each tail: 1.96 for 0.95.
func NormalQuantile(level float64) float64 {
	return distuv.UnitNormal.Quantile(1 - (1-level)/2)
}

// TQuantile returns the quantile of Student's t with df degrees of freedom that
// leaves (1-level)/2 in each tail. R: qt(1 - (1-level)/2, df)
func TQuantile(df, level float64) float64 {
	return refineT(distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(1-(1-level)/2), df, 1-(1-level)/2)
}

// refineT polishes a quantile of t by Newton steps to the last digits: the
// inverse of the incomplete beta function alone is good to about 1e-9.
func refineT(x, df, p float64) float64 {
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}
	for range 3 {
		d := t.Prob(x)
		if d == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
			break
		}
		x -= (t.CDF(x) - p) / d
	}
	return x
}

// TP returns the two-sided p value of Student's t. R: 2 * pt(-abs(t), df)
func TP(t, df float64) float64 {
	if math.IsNaN(t) || !(df > 0) {
		return math.NaN()
	}
	return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t))
}

// NormalP returns the two-sided p value of a standard normal statistic.
func NormalP(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// TInterval returns value ± t(df) × se.
func TInterval(value, se, df, level float64) Interval {
	if !(se >= 0) || !(df > 0) {
		return NoInterval
	}
	q := TQuantile(df, level)
	return NewInterval(KindT, value-q*se, value+q*se, level)
}

// NormalInterval returns value ± z × se.
func NormalInterval(value, se, level float64) Interval {
	if !(se >= 0) {
		return NoInterval
	}
	q := NormalQuantile(level)
	return NewInterval(KindNormal, value-q*se, value+q*se, level)
}

// LogInterval returns value × exp(± z × se), se that of log(value).
func LogInterval(value, se, level float64) Interval {
	if !(se >= 0) || !(value > 0) {
		return NoInterval
	}
	q := NormalQuantile(level)
	return NewInterval(KindLog, value*math.Exp(-q*se), value*math.Exp(q*se), level)
}

// SDInterval returns the interval of a standard deviation of normal values from
// the chi-square distribution of (n-1) s²/σ².
//
// R: s * sqrt((n-1) / qchisq(c(.975, .025), n-1))
func SDInterval(sd float64, n int, level float64) Interval {
	if n < 2 || !(sd > 0) {
		return NoInterval
	}
	df := float64(n - 1)
	chi := distuv.ChiSquared{K: df}
	a := (1 - level) / 2
	return NewInterval(KindChiSquare, sd*math.Sqrt(df/chi.Quantile(1-a)), sd*math.Sqrt(df/chi.Quantile(a)), level)
}

// Wilson returns the score interval of a proportion x of n.
//
//	(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
//
// R: prop.test(x, n, correct = FALSE). Wilson 1927, 10.1080/01621459.1927.10502953.
func Wilson(x, n int, level float64) Interval {
	if n <= 0 || x < 0 || x > n {
		return NoInterval
	}
	low, high := wilson(float64(x), float64(n), NormalQuantile(level))
	return NewInterval(KindWilson, low, high, level)
}

func wilson(x, n, z float64) (low, high float64) {
	p := x / n
	mid, half, d := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n)), 1+z*z/n
	low, high = (mid-half)/d, (mid+half)/d
	if x == 0 {
		low = 0 // exactly, whatever the rounding
	}
	if x == n {
		high = 1
	}
	return low, high
}

// ClopperPearson returns the exact interval of a proportion x of n.
//
// R: binom.test(x, n)$conf.int. Clopper and Pearson 1934, 10.1093/biomet/26.4.404.
func ClopperPearson(x, n int, level float64) Interval {
	if n <= 0 || x < 0 || x > n {
		return NoInterval
	}
	a := (1 - level) / 2
	low, high := 0.0, 1.0
	if x > 0 {
		low = mathext.InvRegIncBeta(float64(x), float64(n-x+1), a)
	}
	if x < n {
		high = mathext.InvRegIncBeta(float64(x+1), float64(n-x), 1-a)
	}
	return NewInterval(KindExact, low, high, level)
}

// Jeffreys returns the equal-tailed interval of a proportion under Jeffreys's
// prior, with the lower bound 0 at x = 0 and the upper 1 at x = n.
//
// R: qbeta(c(.025, .975), x + .5, n - x + .5). Brown, Cai, DasGupta 2001,
// 10.1214/ss/1009213286.
func Jeffreys(x, n int, level float64) Interval {
	if n <= 0 || x < 0 || x > n {
		return NoInterval
	}
	a := (1 - level) / 2
	low, high := 0.0, 1.0
	if x > 0 {
		low = mathext.InvRegIncBeta(float64(x)+0.5, float64(n-x)+0.5, a)
	}
	if x < n {
		high = mathext.InvRegIncBeta(float64(x)+0.5, float64(n-x)+0.5, 1-a)
	}
	return NewInterval(KindJeffreys, low, high, level)
}

// AgrestiCoull returns the Wald interval about the middle of the score interval,
// cut to [0, 1]. Agresti and Coull 1998, 10.1080/00031305.1998.10480550.
func AgrestiCoull(x, n int, level float64) Interval {
	if n <= 0 || x < 0 || x > n {
		return NoInterval
	}
	z := NormalQuantile(level)
	nt := float64(n) + z*z
	p := (float64(x) + z*z/2) / nt
	half := z * math.Sqrt(p*(1-p)/nt)
	return NewInterval(KindAgrestiCoull, math.Max(0, p-half), math.Min(1, p+half), level)
}

// Newcombe returns the hybrid score interval of the difference of two
// proportions, x1/n1 - x2/n2, from their Wilson intervals.
//
//	δ - √((p1-l1)² + (u2-p2)²)  to  δ + √((u1-p1)² + (p2-l2)²)
//
// R: DescTools::BinomDiffCI(method = "score"). Newcombe 1998, method 10,
// 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
func Newcombe(x1, n1, x2, n2 int, level float64) Interval {
	if n1 <= 0 || n2 <= 0 || x1 < 0 || x2 < 0 || x1 > n1 || x2 > n2 {
		return NoInterval
	}
	z := NormalQuantile(level)
	p1, p2 := float64(x1)/float64(n1), float64(x2)/float64(n2)
	l1, u1 := wilson(float64(x1), float64(n1), z)
	l2, u2 := wilson(float64(x2), float64(n2), z)
	d := p1 - p2
	return NewInterval(KindNewcombe, d-math.Hypot(p1-l1, u2-p2), d+math.Hypot(u1-p1, p2-l2), level)
}

// Root finds where f crosses zero between a and b by bisection with secant steps (the
// Illinois rule), to the last digits; b where it has the same sign at both.
func Root(f func(float64) float64, a, b float64) float64 {
	fa, fb := f(a), f(b)
	if fa == 0 {
		return a
	}
	if fb == 0 || fa*fb > 0 {
		return b
	}
	side := 0
	for i := range 300 {
		c := (a*fb - b*fa) / (fb - fa)
		if i%3 == 2 || !(c > math.Min(a, b) && c < math.Max(a, b)) {
			c = a + (b-a)/2
		}
		if c == a || c == b || math.Abs(b-a) <= 4e-16*math.Abs(b) {
			return c
		}
		fc := f(c)
		switch {
		case fc == 0:
			return c
		case fc*fa < 0:
			b, fb = c, fc
			if side == -1 {
				fa /= 2
			}
			side = -1
		default:
			a, fa = c, fc
			if side == 1 {
				fb /= 2
			}
			side = 1
		}
	}
	return a + (b-a)/2
}
