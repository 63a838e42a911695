package quality

import (
	"math"
)

// The u chart is of events by exposure, ū ± 3 √(ū/e); u' is Laney's, wider by what
// neighbours differ. The c chart is of counts of equal exposure, c̄ ± 3 √c̄; the np
// chart of counts of patients, n p̄ ± 3 √(n p̄(1-p̄)), whose center moves with n. All
// are cut at zero. With LimitsProbability limits are exact, interpolated between
// whole counts. A period without exposure is a gap; one of a c chart counts whatever
// its exposure.
//
// R: qcc::qcc(x, sizes = e, type = "u"), type = "c", type = "np".

var poissonCounts = chances{
	"u", "ū", "√(ū/e)", rateOfPeriod, Period.exposure,
	func(u float64) float64 { return u }, math.Inf(1),
	func(level, size, p float64) float64 { return PoissonLimit(level*size, p) / size },
}

func rateOfPeriod(p Period) float64 {
	if e := p.exposure(); e > 0 {
		return float64(p.Events) / e
	}
	return math.NaN()
}

func rateLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	return poissonCounts.limits(c, base, all, o)
}

// countOfPeriod is a gap where neither patient nor exposure is there.
func countOfPeriod(p Period) float64 {
	if p.exposure() > 0 {
		return float64(p.Events)
	}
	return math.NaN()
}

func cLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	k := poissonCounts
	k.title, k.center, k.unit, k.value = "c", "c̄", "√c̄", countOfPeriod
	k.size = func(Period) float64 { return 1 }
	return k.limits(c, base, all, o)
}

func countOfPatients(p Period) float64 {
	if p.N == 0 {
		return math.NaN()
	}
	return float64(p.Events)
}

func npLimits(c *Chart, base, all []Period, o ChartOptions) limits {
	k := binomialCounts
	k.title, k.center, k.unit = "np", "n p̄", "√(n p̄(1-p̄))"
	l := k.limits(c, base, all, o)
	for i, p := range all {
		for _, at := range [][]float64{l.center, l.sigma, l.low, l.high} {
			at[i] *= float64(p.N)
		}
	}
	return l
}
