package markov

import (
	"fmt"
	"math"
)

// Conversion is how rates of leaving a state become probabilities of a cycle.
type Conversion string

// The conversions, for rates r of a state's exits and a cycle of length Δ.
const (
	// Competing: the first exit wins and nothing else happens in the cycle,
	// pⱼ = rⱼ/Σr · (1 − exp(−Δ·Σr)). Exact where no second move can follow.
	Competing Conversion = "competing"
	// Separate: each exit as if it were the only one, pⱼ = 1 − exp(−Δ·rⱼ). Common in
	// published models; too large for every exit that has a rival.
	Separate Conversion = "separate"
	// GivenSurvival: death separately, every other exit separately among those who do
	// not die, pⱼ = (1 − p_death)·(1 − exp(−Δ·rⱼ)).
	GivenSurvival Conversion = "given-survival"
	// Exponential: the matrix exponential exp(Δ·Q) over all states, which allows any
	// number of moves in a cycle. Exact.
	Exponential Conversion = "exponential"
)

// Probability returns the probability of an event within time t at a constant rate:
// 1 − exp(−r·t).
func Probability(rate, t float64) float64 { return -math.Expm1(-float64(rate * t)) }

// Rate returns the constant rate at which an event has probability p within time t:
// −ln(1 − p)/t.
func Rate(p, t float64) float64 { return -math.Log1p(-p) / t }

// Rescale turns the probability of an event within one time into that within another
// at the same constant rate: 1 − (1 − p)^(to/from).
func Rescale(p, from, to float64) float64 { return Probability(Rate(p, from), to) }

// The three relative effects give three different probabilities from the same number,
// so the name of the effect has to be known.

// ByOddsRatio applies an odds ratio to a probability.
func ByOddsRatio(p, or float64) float64 { return p * or / (1 - p + float64(p*or)) }

// ByRiskRatio applies a ratio of risks to a probability; it may exceed 1.
func ByRiskRatio(p, rr float64) float64 { return p * rr }

// ByHazardRatio applies a ratio of hazards to a probability: 1 − (1 − p)^HR.
func ByHazardRatio(p, hr float64) float64 { return Probability(Rate(p, 1), hr) }

// Exits converts the rates of leaving one state into probabilities of a cycle of
// length dt, by any conversion but Exponential, for which see Transition. Death is
// the index of the exit that GivenSurvival takes first, −1 for none.
func Exits(rates []float64, dt float64, how Conversion, death int) ([]float64, error) {
	total := 0.0
	for j, r := range rates {
		if !(r >= 0) || math.IsInf(r, 1) {
			return nil, fmt.Errorf("the rate of exit %d must be a finite number of at least 0", j)
		}
		total += r
	}
	if !(dt > 0) || math.IsInf(dt, 1) {
		return nil, fmt.Errorf("a cycle must have a positive length")
	}
	p := make([]float64, len(rates))
	alive := 1.0
	if how == GivenSurvival && death >= 0 {
		alive = 1 - Probability(rates[death], dt)
	}
	for j, r := range rates {
		switch {
		case how == Competing && total > 0:
			p[j] = r / total * Probability(total, dt)
		case how == Competing:
		case how == Separate, how == GivenSurvival && j == death:
			p[j] = Probability(r, dt)
		case how == GivenSurvival:
			p[j] = alive * Probability(r, dt)
		default:
			return nil, fmt.Errorf("cannot convert the exits of one state by %q: use %s, %s or %s", how, Competing, Separate, GivenSurvival)
		}
	}
	return p, nil
}
