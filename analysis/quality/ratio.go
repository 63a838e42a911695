package quality

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"recoup/analysis"
)

// Intervals of a count, and so of observed over expected.
const (
	RatioExact   = "exact"     // Poisson, each tail at least
	RatioMidP    = "mid-p"     // Poisson, half of the observed count's probability
	RatioByar    = "byar"      // Byar's approximation of the exact
	RatioByarMid = "byar-half" // Byar's with x + ½ on both sides, which approximates mid-P; epitools calls it Byar's
	RatioLog     = "log"       // O/E exp(± z/√O)
)

// RatioMethods are the intervals that StandardisedRatio knows.
var RatioMethods = []string{RatioExact, RatioMidP, RatioByar, RatioByarMid, RatioLog}

// StandardisedRatio returns the interval of observed over expected events, the
// expected taken as known. Byar's and the log interval have no lower bound at no
// events: it is 0, and the log interval has then no upper one either.
//
//	exact   χ²(α/2, 2O)/2E to χ²(1-α/2, 2O+2)/2E
//	byar    O (1 - 1/(9O) - z/(3√O))³/E to (O+1)(1 - 1/(9(O+1)) + z/(3√(O+1)))³/E
//	mid-p   the means at which P(X < O) + P(X = O)/2 is 1-α/2 and α/2, over E
//
// R: epitools::pois.exact, pois.byar (byar-half); Breslow and Day 1987, Statistical
// Methods in Cancer Research II, 2.13.
func StandardisedRatio(observed int, expected float64, method string, level float64) (analysis.Interval, error) {
	if observed < 0 || !(expected > 0) {
		return analysis.NoInterval, nil
	}
	o, a, z := float64(observed), (1-level)/2, analysis.NormalQuantile(level)
	byar := func(x, z float64) float64 {
		if x == 0 {
			return 0
		}
		return x * math.Pow(math.Max(0, 1-1/(9*x)+z/(3*math.Sqrt(x))), 3)
	}
	low, high, kind := 0.0, 0.0, ""
	switch method {
	case RatioExact:
		low, high, kind = gammaQuantile(o, a), gammaQuantile(o+1, 1-a), "exact Poisson"
	case RatioMidP:
		low, high, kind = midPoisson(o, 1-a), midPoisson(o, a), "mid-P Poisson"
	case RatioByar:
		low, high, kind = byar(o, -z), byar(o+1, z), "Byar"
	case RatioByarMid:
		low, high, kind = byar(o+0.5, -z), byar(o+0.5, z), "Byar, x + 1/2"
	case RatioLog:
		if observed == 0 {
			return analysis.NoInterval, nil
		}
		low, high, kind = o*math.Exp(-z/math.Sqrt(o)), o*math.Exp(z/math.Sqrt(o)), analysis.KindLog
	default:
		return analysis.NoInterval, fmt.Errorf("%w: there is no interval %q of a ratio", analysis.ErrOptions, method)
	}
	return analysis.NewInterval(kind, low/expected, high/expected, level), nil
}

// gammaQuantile returns the quantile of the gamma distribution of that shape and scale
// one, 0 for shape 0, polished by Newton steps.
func gammaQuantile(shape, p float64) float64 {
	if shape == 0 {
		return 0
	}
	x := mathext.GammaIncRegInv(shape, p)
	lg, _ := math.Lgamma(shape)
	for range 4 {
		density := math.Exp((shape-1)*math.Log(x) - x - lg)
		if step := (mathext.GammaIncReg(shape, x) - p) / density; density > 0 && math.Abs(step) < x/2 {
			x -= step
		}
	}
	return x
}

// midPoisson returns the mean at which P(X < o) + P(X = o)/2 is p.
func midPoisson(o, p float64) float64 {
	lg, _ := math.Lgamma(o + 1)
	mid := func(m float64) float64 {
		below := 0.0
		if o > 0 {
			below = mathext.GammaIncRegComp(o, m)
		}
		return below + math.Exp(o*math.Log(m)-m-lg)/2
	}
	if o == 0 && p > 0.5 {
		return 0
	}
	low, high := 1e-12, 10+10*o
	for high-low > 1e-14*high {
		m := low + (high-low)/2
		if m == low || m == high {
			break
		}
		if mid(m) > p {
			low = m
		} else {
			high = m
		}
	}
	return low + (high-low)/2
}

// Stratum is one class of patients, such as an age band, in whom events are compared
// with those of a reference.
type Stratum struct {
	Label           string
	Events, N       int
	RefEvents, RefN int     // of the reference
	Weight          float64 // share of the standard population; 0 for direct standardisation by the reference
}

// Indirect returns the expected events, Σ n_i refEvents_i/refN_i, and observed. Strata
// with patients of whom the reference has none cannot be compared: they are counted in
// without, and neither observed nor expected has them.
//
// R: epitools::ageadjust.indirect.
func Indirect(strata []Stratum) (observed int, expected float64, without int) {
	for _, s := range strata {
		if s.RefN == 0 {
			without += s.N
			continue
		}
		observed += s.Events
		expected += float64(s.N) * float64(s.RefEvents) / float64(s.RefN)
	}
	return observed, expected, without
}

// Direct returns the directly standardised rate Σ w_i x_i/n_i, w the shares of the
// standard population, with the gamma interval of Fay and Feuer. A stratum of the
// standard without patients makes it none.
//
// R: epitools::ageadjust.direct. Fay and Feuer 1997,
// 10.1002/(SICI)1097-0258(19970415)16:7<791::AID-SIM500>3.0.CO;2-#.
func Direct(strata []Stratum, level float64) (rate float64, ci analysis.Interval) {
	total, variance, most := 0.0, 0.0, 0.0
	for _, s := range strata {
		total += s.Weight
	}
	for _, s := range strata {
		if s.Weight == 0 {
			continue
		}
		w := s.Weight / total / float64(s.N)
		rate += float64(w * float64(s.Events))
		variance += float64(w * w * float64(s.Events))
		most = math.Max(most, w)
	}
	if math.IsNaN(rate) || math.IsInf(most, 0) || total == 0 {
		return math.NaN(), analysis.NoInterval
	}
	a := (1 - level) / 2
	low := 0.0
	if rate > 0 {
		low = variance / rate * gammaQuantile(rate*rate/variance, a)
	}
	next, spread := rate+most, variance+most*most
	high := spread / next * gammaQuantile(next*next/spread, 1-a)
	return rate, analysis.NewInterval("Fay-Feuer gamma", low, high, level)
}
