package compare

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"testing"

	"recoup/analysis"
)

// scores returns numbers with ties, by a counter through a fixed mixing.
func scores(n, distinct int, seed uint64) []float64 {
	out := make([]float64, n)
	for i := range out {
		h, l := bits.Mul64(uint64(i+1)*0x9e3779b97f4a7c15+seed, 0xd1342543de82ef95)
		out[i] = float64((h^l)%uint64(distinct)) / float64(distinct)
	}
	return out
}

func split(n, arm int) (treated, others []int32) {
	for i := range n {
		if i%arm == 0 {
			treated = append(treated, int32(i))
		} else {
			others = append(others, int32(i))
		}
	}
	return treated, others
}

// Every order, with and without ties, caliper and replacement, against choosing among
// all who are free one by one.
func TestMatchingByBruteForce(t *testing.T) {
	for seed := range uint64(12) {
		x := scores(60, []int{7, 40, 1 << 30}[seed%3], seed)
		treated, others := split(60, 3)
		caliper := []float64{math.Inf(1), 0.05}[seed%2]
		for _, order := range []string{orderLargest, orderSmallest, orderData, orderClosest} {
			got := matchNearest(x, treated, others, 2, false, caliper, order)
			if want := greedy(x, treated, others, 2, caliper, order); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("seed %d, %s:\ngot  %v\nwant %v", seed, order, got, want)
			}
		}
		for i, to := range matchNearest(x, treated, others, 3, true, caliper, orderData) {
			all := slices.Clone(others)
			slices.SortStableFunc(all, func(a, b int32) int {
				da, db := math.Abs(x[a]-x[treated[i]]), math.Abs(x[b]-x[treated[i]])
				switch {
				case da < db:
					return -1
				case da > db:
					return 1
				}
				return int(a - b)
			})
			var want []int32
			for _, c := range all[:3] {
				if math.Abs(x[c]-x[treated[i]]) <= caliper {
					want = append(want, c)
				}
			}
			if !slices.Equal(to, want) {
				t.Errorf("seed %d, with replacement: %v, want %v", seed, to, want)
			}
		}
	}
}

func greedy(x []float64, treated, others []int32, k int, caliper float64, order string) [][]int32 {
	out := make([][]int32, len(treated))
	gone := map[int32]bool{}
	best := func(i int) (int32, float64) {
		at, d := int32(-1), math.Inf(1)
		for _, c := range others {
			if v := math.Abs(x[c] - x[treated[i]]); !gone[c] && v < d && v <= caliper {
				at, d = c, v
			}
		}
		return at, d
	}
	turn := make([]int, len(treated))
	for i := range turn {
		turn[i] = i
	}
	slices.SortStableFunc(turn, func(a, b int) int {
		d := x[treated[a]] - x[treated[b]]
		if order == orderLargest {
			d = -d
		}
		switch {
		case order == orderData || order == orderClosest || d == 0:
			return 0
		case d < 0:
			return -1
		}
		return 1
	})
	for round := range k {
		left := slices.Clone(turn)
		for len(left) > 0 {
			at := 0
			if order == orderClosest {
				least := math.Inf(1)
				for j, i := range left {
					if _, d := best(i); d < least && len(out[i]) == round {
						at, least = j, d
					}
				}
			}
			i := left[at]
			left = slices.Delete(left, at, at+1)
			if c, _ := best(i); c >= 0 && len(out[i]) == round {
				out[i] = append(out[i], c)
				gone[c] = true
			}
		}
	}
	return out
}

// The least total over all ways to pair, by trying them all.
func TestOptimalByTryingAll(t *testing.T) {
	for seed := range uint64(20) {
		x := scores(9, []int{5, 1 << 30}[seed%2], seed)
		treated, others := []int32{0, 3, 6, 8}, []int32{1, 2, 4, 5, 7}
		caliper := []float64{math.Inf(1), 0.2}[seed/2%2]
		to, err := matchOptimal(x, treated, others, 1, caliper)
		if err != nil {
			t.Fatal(err)
		}
		got := 0.0
		for i, c := range to {
			if len(c) == 0 {
				got += 100
				continue
			}
			got += math.Abs(x[treated[i]] - x[c[0]])
		}
		var try func(i int, used uint) float64
		try = func(i int, used uint) float64 {
			if i == len(treated) {
				return 0
			}
			least := 100 + try(i+1, used)
			for j, c := range others {
				if d := math.Abs(x[treated[i]] - x[c]); used>>j&1 == 0 && d <= caliper {
					least = min(least, d+try(i+1, used|1<<j))
				}
			}
			return least
		}
		if want := try(0, 0); math.Abs(got-want) > 1e-9 {
			t.Errorf("seed %d: total %v, want %v", seed, got, want)
		}
	}
	if _, err := matchOptimal(make([]float64, 80000), make([]int32, 40000), make([]int32, 40000), 1, 1); !errors.Is(err, analysis.ErrCannot) {
		t.Errorf("a table too large is not refused: %v", err)
	}
}

// Full matching against the least over all sets of pairs that leave nobody out, and its
// shape: sets of one with one or more.
func TestFullByTryingAll(t *testing.T) {
	for seed := range uint64(60) {
		x := scores(8, []int{4, 9, 1 << 30}[seed%3], seed)
		treated, others := []int32{0, 3, 6, 7}, []int32{1, 2, 4, 5}
		if seed%2 == 1 {
			treated, others = []int32{0, 6}, []int32{1, 2, 3, 4, 5, 7}
		}
		if seed%5 == 4 {
			treated, others = others, treated
		}
		to := matchFull(x, treated, others, math.Inf(1))
		got, times := 0.0, map[int32]int{}
		for i, cs := range to {
			for _, c := range cs {
				got += math.Abs(x[treated[i]] - x[c])
				times[c]++
			}
		}
		for i, cs := range to {
			if len(cs) == 0 || len(cs) > 1 && slices.ContainsFunc(cs, func(c int32) bool { return times[c] > 1 }) {
				t.Fatalf("seed %d: patient %d has the matches %v", seed, treated[i], cs)
			}
		}
		if len(times) != len(others) {
			t.Fatalf("seed %d: %d of %d matched", seed, len(times), len(others))
		}
		// covered[mask of others] is the least sum under which the treated so far have
		// each a set of others.
		covered := make([]float64, 1<<len(others))
		for i := range covered {
			covered[i] = math.Inf(1)
		}
		covered[0] = 0
		for _, r := range treated {
			next := slices.Repeat([]float64{math.Inf(1)}, len(covered))
			for mask, v := range covered {
				for set := 1; set < len(covered); set++ {
					sum := v
					for j, c := range others {
						if set>>j&1 == 1 {
							sum += math.Abs(x[r] - x[c])
						}
					}
					next[mask|set] = min(next[mask|set], sum)
				}
			}
			covered = next
		}
		if want := covered[len(covered)-1]; math.Abs(got-want) > 1e-12 {
			t.Errorf("seed %d: sum %v, want %v (%v, %v)", seed, got, want, x, to)
		}
	}
}

// Scores 0 (arm), 1, 2 (reference), 10 (reference), 11, 12 (arm): the sets are 0 with 1
// and 2, and 10 with 11 and 12. Weights of the reference: ½ and ½, and 2. With a caliper
// of 1, the patient at 2 has nobody; the one at 12 too.
func TestFullByHand(t *testing.T) {
	x := []float64{0, 1, 2, 10, 11, 12}
	s := &sample{t: []float64{1, 0, 0, 0, 1, 1}}
	for caliper, want := range map[float64][]float64{math.Inf(1): {1, 0.5, 0.5, 2, 1, 1}, 1: {1, 1, 0, 1, 1, 0}} {
		m := &pairing{sample: s, caliper: caliper, w: make([]float64, 6)}
		if err := m.match(x, []int32{0, 1, 2, 3, 4, 5}, PairOptions{Match: "full", Ratio: 1}); err != nil {
			t.Fatal(err)
		}
		m.count()
		if !slices.Equal(m.w, want) {
			t.Errorf("caliper %v: weights %v, want %v", caliper, m.w, want)
		}
		if sets := m.sets(); math.IsInf(caliper, 1) && (sets[3] != sets[4] || sets[3] != sets[5] || sets[0] != sets[2] || sets[0] == sets[3]) {
			t.Errorf("sets %v", sets)
		}
	}
}

func BenchmarkFull(b *testing.B) {
	x := scores(100_000, 1<<40, 1)
	treated, others := split(100_000, 4)
	for range b.N {
		matchFull(x, treated, others, math.Inf(1))
	}
}

func BenchmarkNearest(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		x := scores(n, 1<<40, 1)
		treated, others := split(n, 4)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				matchNearest(x, treated, others, 1, false, 0.01, orderLargest)
			}
		})
	}
}

// Outcomes 5 and 7 of the arm, both matched with the same patient, 2, whose nearest of
// the reference has 4: effects 3 and 5, τ = 4, Σ(effect-τ)² = 2; K = 2, K' = 2, σ² =
// (2-4)²/2 = 2, so (2² - 2)σ² = 4; V = (2 + 4)/2² = 1.5.
func TestAbadieImbensByHand(t *testing.T) {
	s := &sample{t: []float64{1, 1, 0, 0}, y: []float64{5, 7, 2, 4}}
	m := &pairing{sample: s, score: &score{linear: []float64{0, 0, 0, 0.1}}, arm: []int32{0, 1}, to: [][]int32{{2}, {2}}}
	near(t, "error", analysis.Num(m.abadieImbens()), math.Sqrt(1.5), 1e-12)
}

// 1/(e(1-e)) of 0.5, 0.5 and 0.05 are 4, 4 and 21.05. All three have mean 9.68, and
// 21.05 is over twice that; the two have mean 4, and 4 is not over 8: 0.05 goes. With
// 0.06 in its place, 17.73 is over twice the mean of 8.58: it goes too;
// with 0.1, 11.11 is under twice 6.37: all stay.
func TestCrumpByHand(t *testing.T) {
	for out, want := range map[float64]bool{0.05: true, 0.06: true, 0.1: false} {
		if a := crump([]float64{0.5, 0.5, out}); (a > out) != want || a > 0.5 {
			t.Errorf("%v: bound %v", out, a)
		}
	}
}
