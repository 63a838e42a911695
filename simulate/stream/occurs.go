package stream

import "recoup/simulate/internal/lanes"

// Occurs says whether an event with log odds x happens at a uniform number u in
// (0, 1): whether u < Logistic(x), false if x is NaN. A table of bounds decides
// most cases; between the bounds the exact value does, so the answer is that of
// the exact test. At log odds of −40 no number of Uniform is small enough.
func Occurs(u, x float64) bool {
	k := int((x + oddsEdge) * oddsSteps)
	if uint(k) < oddsCells {
		if u >= oddsOver[k] {
			return false
		}
		if u < oddsUnder[k] {
			return true
		}
	}
	return u < Logistic(x)
}

// Events sets hit[i] to 1 where an event with log odds x[i] happens at the uniform
// number u[i], and to 0 elsewhere, as Occurs says. The slices must have the same
// length. Most events are rare, so not happening is the short way.
func Events(hit []uint8, u, x []float64) {
	if len(u) != len(hit) || len(x) != len(hit) {
		return
	}
	done := lanes.Events(hit, u, x, &taylor)
	hit, u, x = hit[done:], u[done:], x[done:]
	for i, x := range x {
		k := int((x + oddsEdge) * oddsSteps)
		if uint(k) < oddsCells && u[i] >= oddsOver[k] {
			hit[i] = 0
			continue
		}
		hit[i] = 0
		if Occurs(u[i], x) {
			hit[i] = 1
		}
	}
}

// The tables hold bounds of the logistic function in steps of 1/64 from −40 to
// 16. They are 2⁻³⁰ wider in x than a step, far more than rounding can move x.
const (
	oddsEdge  = 40
	oddsSteps = 64
	oddsCells = (oddsEdge + 16) * oddsSteps
)

var oddsUnder, oddsOver = oddsBounds()

func oddsBounds() (under, over [oddsCells]float64) {
	for i := range under {
		x := float64(float64(i-oddsEdge*oddsSteps) / oddsSteps)
		under[i], over[i] = Logistic(x-0x1p-30), Logistic(x+1.0/oddsSteps+0x1p-30)
	}
	under[0] = 0 // numbers just under −40 fall into the first cell too
	return under, over
}
