package compare

import (
	"math"
	"slices"

	"recoup/analysis/internal/fit"
)

// stretch is neighbours on the line who are all of one arm, between two of the other.
type stretch struct {
	treated bool
	rows    []int32
	at      []float64
	// cost[k] is the least sum of distances of all runs before this one and of its first
	// k patients, who are matched to the left; from[k] is how many of the run before are
	// matched to the right then.
	cost []float64
	from []int
	// shared: where the run before is one patient who is matched with this run, he is
	// matched with the run before him too.
	shared bool
}

// matchFull puts every patient into a set of one treated with others, or of one of the
// others with treated, so that the sum of distances within pairs is least.
//
// On a line nobody is matched past a patient of the other arm, so each run of one arm
// gives its first k to the run on its left and the rest to the one on its right; of a
// run of one, that one may serve both sides. Where s patients left of a gap and t right
// of it meet, the least sum is Σ distance to the last + Σ distance to the first +
// max(s, t) gap: who has no partner of his own joins the one at the gap. So the least
// sum follows from run to run, in a time that grows with the number of patients.
//
// Rosenbaum 1991, Journal of the Royal Statistical Society B 53: 597-610.
func matchFull(score []float64, treated, others []int32, caliper float64) [][]int32 {
	out := make([][]int32, len(treated))
	place := map[int32]int{}
	for i, r := range treated {
		place[r] = i
	}
	runs := runsOf(score, within(score, treated, others, caliper), within(score, others, treated, caliper))
	if len(runs) < 2 {
		return out
	}
	for i := 1; i < len(runs); i++ {
		runs[i].reach(&runs[i-1], i == 1)
	}
	last := &runs[len(runs)-1]
	for i, k := len(runs)-1, len(last.rows); i > 0; i-- {
		s := runs[i].from[k]
		runs[i-1].join(&runs[i], s, k, func(a, b int32) {
			if !runs[i].treated {
				a, b = b, a
			}
			out[place[b]] = append(out[place[b]], a)
		})
		if k = len(runs[i-1].rows) - s; k == 0 && runs[i].shared {
			k = 1
		}
	}
	for i := range out {
		slices.Sort(out[i])
	}
	return out
}

// within returns the rows that have someone of the other arm within the caliper.
func within(score []float64, rows, other []int32, caliper float64) []int32 {
	if math.IsInf(caliper, 1) {
		return rows
	}
	s := newShelf(score, other)
	place := s.places(score, rows)
	var out []int32
	for i, r := range rows {
		if at, d := s.nearest(score[r], place[i]); at >= 0 && d <= caliper {
			out = append(out, r)
		}
	}
	return out
}

// runsOf sorts the patients along the line: of equal scores those of the arm first, then
// by identifier.
func runsOf(score []float64, treated, others []int32) []stretch {
	all := append(slices.Clone(treated), others...)
	own := make([]float64, len(all))
	for i, r := range all {
		own[i] = score[r]
	}
	var runs []stretch
	for _, i := range fit.Rising(own) {
		is := int(i) < len(treated)
		if len(runs) == 0 || runs[len(runs)-1].treated != is {
			runs = append(runs, stretch{treated: is})
		}
		r := &runs[len(runs)-1]
		r.rows, r.at = append(r.rows, all[i]), append(r.at, own[i])
	}
	return runs
}

// reach works out the cost of this run's first k patients matched with the run before.
func (r *stretch) reach(before *stretch, first bool) {
	n, m := len(before.rows), len(r.rows)
	gap := r.at[0] - before.at[n-1]
	// What it costs that the last s of the run before go right, without the gap.
	right, e := make([]float64, n+1), 0.0
	for s := range right {
		if s > 0 {
			e += before.at[n-1] - before.at[n-s]
		}
		switch left := n - s; {
		case first && left > 0:
			right[s] = math.Inf(1)
		case first:
			right[s] = e
		default:
			right[s] = before.cost[left] + e
			if r.shared = left == 0 && n == 1 && before.cost[1] < before.cost[0]; r.shared {
				right[s] = before.cost[1] + e
			}
		}
	}
	r.cost, r.from = make([]float64, m+1), make([]int, m+1)
	r.cost[0] = right[0]
	// The best s of at most k, and of more than k, whose gaps count s.
	more, moreAt := make([]float64, n+2), make([]int, n+2)
	more[n+1] = math.Inf(1)
	for s := n; s >= 1; s-- {
		if more[s], moreAt[s] = more[s+1], moreAt[s+1]; right[s]+float64(s)*gap <= more[s] {
			more[s], moreAt[s] = right[s]+float64(s)*gap, s
		}
	}
	fewer, fewerAt, f := math.Inf(1), 0, 0.0
	for k := 1; k <= m; k++ {
		f += r.at[k-1] - r.at[0]
		if k <= n && right[k] < fewer {
			fewer, fewerAt = right[k], k
		}
		r.cost[k], r.from[k] = fewer+float64(k)*gap, fewerAt
		if k < n && more[k+1] < r.cost[k] {
			r.cost[k], r.from[k] = more[k+1], moreAt[k+1]
		}
		r.cost[k] += f
	}
}

// join pairs the last s of the run with the first t of the next: the outermost with each
// other, and who is left over with the one at the gap.
func (r *stretch) join(next *stretch, s, t int, pair func(a, b int32)) {
	n := len(r.rows)
	for i := range max(s, t) {
		pair(r.rows[n-1-max(0, s-1-i)], next.rows[max(0, t-1-i)])
	}
}
