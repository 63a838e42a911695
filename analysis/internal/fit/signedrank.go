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
	Exact    float64 // two-sided p of all signs being as likely, given the ranks; NaN over 300 values
	HasTies  bool
	HasZeros bool
}

// SignedRank ranks values by size without those of zero. R: wilcox.test(x, exact =
// FALSE); without ties Exact is that of wilcox.test(x, exact = TRUE).
func SignedRank(x []float64) SignedRanks {
	var size []float64
	var up []bool
	for _, v := range x {
		if v != 0 {
			size, up = append(size, math.Abs(v)), append(up, v > 0)
		}
	}
	n := float64(len(size))
	s := SignedRanks{N: len(size), Z: math.NaN(), Exact: math.NaN(), HasZeros: len(size) < len(x)}
	if s.N == 0 {
		return s
	}
	ranks, ties := Ranks(size)
	s.HasTies = ties > 0
	for i, r := range ranks {
		if up[i] {
			s.V += r
		}
	}
	away := s.V - n*(n+1)/4
	s.Z = (away - math.Copysign(math.Min(0.5, math.Abs(away)), away)) / math.Sqrt(n*(n+1)*(2*n+1)/24-ties/48)
	if s.N <= mostExact {
		s.Exact = exactSigns(ranks, s.V)
	}
	return s
}

// exactSigns counts the sums of ranks over all signs, on doubled ranks, which are
// whole.
func exactSigns(ranks []float64, v float64) float64 {
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
