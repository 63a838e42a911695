package simulate

import (
	"fmt"
	"math"
)

// Conversion is the way rates of leaving a state become probabilities of a cycle.
type Conversion string

// The conversions of rates r₁, r₂, ... over t years.
const (
	// Competing is exact where none of the states entered is left again within the
	// cycle: rᵢ/R·(1−e^(−R·t)), R = Σr (default).
	Competing Conversion = "competing"
	// Separate takes each rate alone, 1−e^(−rᵢ·t); together they can pass 1.
	Separate Conversion = "separate"
	// OnSurvival takes death alone and the others alone among those who survive:
	// (1−e^(−rᵢ·t))·e^(−d·t).
	OnSurvival Conversion = "conditional-on-survival"
)

// Probabilities returns the probability of each rate's event in a cycle of some
// years. Death is the index of the rate of dying, −1 where there is none.
func (c Conversion) Probabilities(rates []float64, death int, years float64) ([]float64, error) {
	if !(years > 0) || math.IsInf(years, 1) {
		return nil, fmt.Errorf("cannot convert rates over %g years", years)
	}
	total := 0.0
	for i, r := range rates {
		if !(r >= 0) || math.IsInf(r, 1) {
			return nil, fmt.Errorf("rate %d is %g a year: expected 0 or more", i+1, r)
		}
		total += r
	}
	out := make([]float64, len(rates))
	for i, r := range rates {
		alone := -math.Expm1(-r * years)
		switch {
		case c == Separate || c == OnSurvival && (i == death || death < 0):
			out[i] = alone
		case c == OnSurvival:
			out[i] = alone * math.Exp(-rates[death]*years)
		case c != Competing:
			return nil, fmt.Errorf("unknown conversion %q: use competing, separate or conditional-on-survival", c)
		case total > 0:
			out[i] = r / total * -math.Expm1(-total*years)
		}
	}
	sum := 0.0
	for _, p := range out {
		sum += p
	}
	if sum > 1 {
		return nil, fmt.Errorf("the probabilities of %s conversion sum to %g, over 1: use competing conversion or a shorter cycle", c, sum)
	}
	return out, nil
}

// Rescale turns the probability of an event in some years into that of others, at
// a constant rate: 1−(1−p)^(to/from).
func Rescale(p, from, to float64) (float64, error) {
	if err := checkProbability(p); err != nil {
		return 0, err
	}
	if !(from > 0 && to > 0) {
		return 0, fmt.Errorf("cannot turn a probability of %g years into one of %g", from, to)
	}
	return -math.Expm1(math.Log1p(-p) * to / from), nil
}

// EffectMeasure is what a relative effect multiplies.
type EffectMeasure string

// The measures of a relative effect x on a probability p.
const (
	OddsRatio   EffectMeasure = "odds-ratio"   // odds·x
	RiskRatio   EffectMeasure = "risk-ratio"   // p·x, which can pass 1
	HazardRatio EffectMeasure = "hazard-ratio" // 1−(1−p)^x
)

// Apply returns the probability under the effect.
func (m EffectMeasure) Apply(p, effect float64) (float64, error) {
	if err := checkProbability(p); err != nil {
		return 0, err
	}
	if !(effect >= 0) || math.IsInf(effect, 1) {
		return 0, fmt.Errorf("a relative effect of %g makes no sense: expected 0 or more", effect)
	}
	switch m {
	case OddsRatio:
		return p * effect / (1 - p + float64(p*effect)), nil
	case HazardRatio:
		return -math.Expm1(math.Log1p(-p) * effect), nil
	case RiskRatio:
		if p*effect > 1 {
			return 0, fmt.Errorf("a risk ratio of %g makes %g of a probability of %g, over 1: use an odds or hazard ratio", effect, p*effect, p)
		}
		return p * effect, nil
	}
	return 0, fmt.Errorf("unknown measure %q: use odds-ratio, risk-ratio or hazard-ratio", m)
}

func checkProbability(p float64) error {
	if !(p >= 0 && p <= 1) {
		return fmt.Errorf("a probability of %g makes no sense: expected 0 to 1", p)
	}
	return nil
}
