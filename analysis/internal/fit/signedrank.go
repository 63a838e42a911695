package fit

import "math"

// mostExact is up to how many values the exact distribution of signed ranks is gone
// through.
const mostExact = 300

// SignedRanks is Wilcoxon's comparison of values with zero.
type SignedRanks struct {
	N        int     // values other than zero
	V        float64 // sum of the ranks, by size, of the values above zero; ties share
	Z        float64 // normal statistic, ties in the variance, corrected by half; NaN without values
	HasTies  bool
	HasZeros bool

	ranks []float64
}

// SignedRank ranks values by size without those of zero. R: wilcox.test(x, exact =
// FALSE).
func SignedRank(x []float64) SignedRanks {
	var size []float64
	var up []bool
	for _, v := range x {
		if v != 0 {
			size, up = append(size, math.Abs(v)), append(up, v > 0)
		}
	}
	n := float64(len(size))
	s := SignedRanks{N: len(size), Z: math.NaN(), HasZeros: len(size) < len(x)}
	if s.N == 0 {
		return s
	}
	ranks, ties := Ranks(size)
	s.HasTies, s.ranks = ties > 0, ranks
	for i, r := range ranks {
		if up[i] {
			s.V += r
		}
	}
	away := s.V - n*(n+1)/4
	s.Z = (away - math.Copysign(math.Min(0.5, math.Abs(away)), away)) / math.Sqrt(n*(n+1)*(2*n+1)/24-ties/48)
	return s
}

// Exact returns the two-sided p value of all signs being as likely, given the ranks; NaN
// without values and over 300 of them. It counts the sums of ranks over all signs, on
// doubled ranks, which are whole. R: wilcox.test(x, exact = TRUE), without ties.
func (s SignedRanks) Exact() float64 {
	ranks, v := s.ranks, s.V
	if s.N == 0 || s.N > mostExact {
		return math.NaN()
	}
	total := 0
	share := make([]float64, len(ranks)*(len(ranks)+1)+1)
	share[0] = 1
	for _, r := range ranks {
		step := int(2 * r)
		total += step
		for k := total; k >= 0; k-- {
			w := share[k] / 2
			if k >= step {
				w += share[k-step] / 2
			}
			share[k] = w
		}
	}
	low, high := 0.0, 0.0
	for k, w := range share {
		if k <= int(2*v) {
			low += w
		}
		if k >= int(2*v) {
			high += w
		}
	}
	return math.Min(1, 2*math.Min(low, high))
}
