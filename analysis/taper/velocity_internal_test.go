package taper

import (
	"math"
	"slices"
	"testing"
)

// Points (0, 0), (1, 2), (2, 1), (4, 8): slopes of pairs 2, 1/2, 2, -1, 2, 7/2, in
// order -1, 1/2, 2, 2, 2, 7/2: median 2. Without the last, -1, 1/2, 2: median 1/2. By
// least squares x̄ = 7/4, ȳ = 11/4: Σ(x-x̄)y = 0 - 3/2 + 1/4 + 18 = 67/4, Σ(x-x̄)² =
// 21 - 49/4 = 35/4: slope 67/35.
func TestLinesByHand(t *testing.T) {
	x, y := []float64{0, 1, 2, 4}, []float64{0, 2, 1, 8}
	near(t, "Theil-Sen", theilSen(x, y), 2)
	near(t, "of three", theilSen(x[:3], y[:3]), 0.5)
	near(t, "least squares", leastSquares(x, y), 67./35)
	near(t, "one point", theilSen(x[:1], y[:1]), nan)
	near(t, "one time", theilSen([]float64{3, 3}, []float64{1, 2}), nan)
	near(t, "one time, least squares", leastSquares([]float64{3, 3}, []float64{1, 2}), nan)
}

// The median by selection is that of a sort, on numbers with many ties.
func TestMedianIsTheSortedMiddle(t *testing.T) {
	for n := range 40 {
		x := make([]float64, n)
		for i := range x {
			x[i] = math.Mod(float64(i*i*7+n), 11) - 5
		}
		s := slices.Clone(x)
		slices.Sort(s)
		want := nan
		if n > 0 {
			want = (s[(n-1)/2] + s[n/2]) / 2
		}
		near(t, "median", median(x), want)
	}
}
