package simulate

import (
	"fmt"
	"slices"

	"recoup/simulate/stream"
)

// Sampling is the way uncertain parameters are drawn.
type Sampling string

// The ways to draw parameters.
const (
	LatinHypercube Sampling = "latin-hypercube" // one draw in each of as many equal slices (default)
	ScrambledSobol Sampling = "sobol"           // Sobol's points, Owen-scrambled; best with a power of two of draws
	PlainRandom    Sampling = "random"          // independent draws
)

// Samplings lists the ways to draw parameters.
func Samplings() []Sampling { return []Sampling{LatinHypercube, ScrambledSobol, PlainRandom} }

// Sampler gives the uniform numbers from which parameters are drawn by their
// quantile functions. Draw d is the same however many are asked for, in any
// order.
//
// Under Latin hypercube sampling with π a random order of a round of n draws,
//
//	u[d] = (π(d) + v[d]) / n
//
// and draws beyond the first n are further rounds, each a hypercube of its own.
// Sobol's points go on without rounds. Each name has a stream of its own, so
// that adding a parameter leaves the numbers of the others as they were (Sobol's
// only if it is added at the end).
//
// With a correlation, the numbers of the parameters it names are made dependent
// by a Gaussian copula: normal scores times the Cholesky factor, and back. For
// the Latin hypercube they are then put back into slices by their ranks.
//
// References: McKay, Beckman and Conover 1979, doi:10.1080/00401706.1979.10489755;
// Stein 1987, doi:10.1080/00401706.1987.10488205 (dependent variables);
// Owen 1997, doi:10.1214/aos/1031594731 (scrambling); direction numbers of
// Joe and Kuo 2008, doi:10.1137/070709359.
type Sampler struct {
	seed     uint64
	names    []string
	round    int
	sampling Sampling
	copula   *copula
	sobol    []sobolColumn
	cached   map[int][][]float64 // rounds of the Latin hypercube, draw x name
}

// NewSampler prepares draws of the named parameters, in rounds of some draws.
func NewSampler(seed uint64, names []string, round int, s Sampling, correlations ...Correlation) (*Sampler, error) {
	if round < 1 {
		return nil, fmt.Errorf("cannot draw %d parameter sets: at least 1 is needed", round)
	}
	if !slices.Contains(Samplings(), s) {
		return nil, fmt.Errorf("unknown sampling %q: use one of %v", s, Samplings())
	}
	out := &Sampler{seed: seed, names: names, round: round, sampling: s, cached: map[int][][]float64{}}
	var err error
	if out.copula, err = newCopula(names, correlations); err != nil {
		return nil, err
	}
	if s == ScrambledSobol {
		if out.sobol, err = sobolColumns(seed, names); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Draw returns the uniform numbers of draw d, one in (0, 1) for each name.
func (s *Sampler) Draw(d int) []float64 {
	switch s.sampling {
	case LatinHypercube:
		return slices.Clone(s.hypercube(d / s.round)[d%s.round])
	case ScrambledSobol:
		u := make([]float64, len(s.sobol))
		for i := range s.sobol {
			u[i] = s.sobol[i].at(uint32(d))
		}
		s.copula.apply(u)
		return u
	}
	u := make([]float64, len(s.names))
	for i, name := range s.names {
		u[i] = stream.New(s.seed, "psa/"+name).Float64(uint64(d))
	}
	s.copula.apply(u)
	return u
}

// hypercube returns round k of a Latin hypercube. The last one made is kept.
func (s *Sampler) hypercube(k int) [][]float64 {
	if u, ok := s.cached[k]; ok {
		return u
	}
	u := make([][]float64, s.round)
	for d := range u {
		u[d] = make([]float64, len(s.names))
	}
	suffix := ""
	if k > 0 {
		suffix = fmt.Sprintf("/round %d", k+1)
	}
	for p, name := range s.names {
		values := stream.New(s.seed, "psa/"+name+suffix)
		order := stream.New(s.seed, "psa-order/"+name+suffix).Cursor().Perm(s.round)
		for d := range u {
			u[d][p] = slice(order[d], values.Float64(uint64(d)), s.round)
		}
	}
	if s.copula != nil {
		for d := range u {
			s.copula.apply(u[d])
		}
		for _, p := range s.copula.columns {
			s.intoSlices(u, p, stream.New(s.seed, "psa/"+s.names[p]+suffix))
		}
	}
	clear(s.cached)
	s.cached[k] = u
	return u
}

// slice returns the point v of slice k of n, rounded down into it.
func slice(k int, v float64, n int) float64 { return (float64(k) + float64(v)) / float64(n) }

// intoSlices puts each number of a column into the slice of its rank.
func (s *Sampler) intoSlices(u [][]float64, p int, values stream.Stream) {
	order := make([]int, len(u))
	for d := range order {
		order[d] = d
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch x, y := u[a][p], u[b][p]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	for rank, d := range order {
		u[d][p] = slice(rank, values.Float64(uint64(d)), len(u))
	}
}

// Uniforms returns the numbers of the first draws, draws x names.
func Uniforms(seed uint64, names []string, draws int, s Sampling, correlations ...Correlation) ([][]float64, error) {
	x, err := NewSampler(seed, names, draws, s, correlations...)
	if err != nil {
		return nil, err
	}
	u := make([][]float64, draws)
	for d := range u {
		u[d] = x.Draw(d)
	}
	return u, nil
}
