package simulate

import (
	"fmt"

	"recoup/simulate/stream"
)

// Sampling is the way uncertain parameters are drawn.
type Sampling string

// The ways to draw parameters.
const (
	LatinHypercube Sampling = "latin-hypercube" // one draw in each of as many equal slices (default)
	PlainRandom    Sampling = "random"          // independent draws
)

// Uniforms returns the matrix of uniform numbers, draws x names, from which
// parameters are drawn by their quantile functions. Each name has a stream of
// its own, so adding a parameter leaves the numbers of the others as they were.
//
// Under Latin hypercube sampling, with π a random order of the draws,
//
//	u[d] = (π(d) + v[d]) / draws
func Uniforms(seed uint64, names []string, draws int, s Sampling) ([][]float64, error) {
	if draws < 1 {
		return nil, fmt.Errorf("cannot draw %d parameter sets: at least 1 is needed", draws)
	}
	if s != LatinHypercube && s != PlainRandom {
		return nil, fmt.Errorf("unknown sampling %q: use %s or %s", s, LatinHypercube, PlainRandom)
	}
	u := make([][]float64, draws)
	for d := range u {
		u[d] = make([]float64, len(names))
	}
	for p, name := range names {
		values := stream.New(seed, "psa/"+name)
		order := stream.New(seed, "psa-order/"+name).Cursor().Perm(draws)
		for d := range u {
			v := values.Float64(uint64(d))
			if s == LatinHypercube {
				v = (float64(order[d]) + float64(v)) / float64(draws)
			}
			u[d][p] = v
		}
	}
	return u, nil
}
