package compare

import (
	"container/heap"
	"math"
	"slices"

	"recoup/analysis/internal/fit"
)

// shelf is the patients who may be matched to, by distinct values of the score from
// the smallest on; those of one value are taken in the order of identifiers. Values
// that are used up are skipped by union-find, so that a search costs next to nothing
// however many are gone.
type shelf struct {
	value       []float64
	start, next []int32 // members of a value: rows[start[v]:start[v+1]], next the first who is free
	rows        []int32
	up, down    []int32 // nearest value at or after, at or before, with someone free, both shifted by one
}

func newShelf(score []float64, rows []int32) *shelf {
	own := make([]float64, len(rows))
	for i, r := range rows {
		own[i] = score[r]
	}
	s := &shelf{rows: make([]int32, len(rows))}
	for k, i := range fit.Rising(own) {
		s.rows[k] = rows[i]
		if k == 0 || own[i] != s.value[len(s.value)-1] {
			s.value, s.start = append(s.value, own[i]), append(s.start, int32(k))
		}
	}
	s.next = slices.Clone(s.start)
	s.start = append(s.start, int32(len(rows)))
	s.up, s.down = make([]int32, len(s.value)+2), make([]int32, len(s.value)+2)
	for i := range s.up {
		s.up[i], s.down[i] = int32(i), int32(i)
	}
	return s
}

// places returns where the value of each row would stand: the first value not below.
func (s *shelf) places(score []float64, rows []int32) []int32 {
	own := make([]float64, len(rows))
	for i, r := range rows {
		own[i] = score[r]
	}
	out := make([]int32, len(rows))
	at := 0
	for _, i := range fit.Rising(own) {
		for at < len(s.value) && s.value[at] < own[i] {
			at++
		}
		out[i] = int32(at)
	}
	return out
}

func find(parent []int32, i int32) int32 {
	for parent[i] != i {
		parent[i] = parent[parent[i]]
		i = parent[i]
	}
	return i
}

// nearest returns the value nearest to v, whose place is known, that has someone free;
// of two as near, the one with the earlier identifier. It is -1 where nobody is free.
func (s *shelf) nearest(v float64, place int32) (at int32, distance float64) {
	up, down := find(s.up, place+1)-1, find(s.down, place)-1
	at, distance = -1, math.Inf(1)
	if int(up) < len(s.value) {
		at, distance = up, s.value[up]-v
	}
	if down >= 0 {
		d := v - s.value[down]
		if at < 0 || d < distance || d == distance && s.rows[s.next[down]] < s.rows[s.next[at]] {
			at, distance = down, d
		}
	}
	return at, distance
}

// take returns the first who is free of a value, and takes them off the shelf.
func (s *shelf) take(at int32) int32 {
	row := s.rows[s.next[at]]
	if s.next[at]++; s.next[at] == s.start[at+1] {
		s.up[at+1], s.down[at+1] = at+2, at
	}
	return row
}

// several returns the k nearest rows to v without taking them.
func (s *shelf) several(v float64, place int32, k int, caliper float64) []int32 {
	var out []int32
	up, down := int(place), int(place)-1
	i, j := int32(0), int32(0) // within the values up and down
	for len(out) < k {
		a, b := math.Inf(1), math.Inf(1)
		if up < len(s.value) {
			a = s.value[up] - v
		}
		if down >= 0 {
			b = v - s.value[down]
		}
		if math.Min(a, b) > caliper || math.IsInf(math.Min(a, b), 1) {
			break
		}
		if b < a || b == a && s.rows[s.start[down]+j] < s.rows[s.start[up]+i] {
			out = append(out, s.rows[s.start[down]+j])
			if j++; s.start[down]+j == s.start[down+1] {
				down, j = down-1, 0
			}
			continue
		}
		out = append(out, s.rows[s.start[up]+i])
		if i++; s.start[up]+i == s.start[up+1] {
			up, i = up+1, 0
		}
	}
	return out
}

// Orders in which patients of the arm choose.
const (
	orderLargest  = "largest"
	orderSmallest = "smallest"
	orderData     = "data"
	orderClosest  = "closest"
)

// matchNearest gives each of the treated rows up to k of the others, none twice unless
// replace, in k rounds in which everybody chooses once: those with the largest or the
// smallest score first, by identifier, or the closest pair that is left first. Of
// patients equally near the one whose identifier comes first is taken. Rows must be in
// the order of identifiers.
func matchNearest(score []float64, treated, others []int32, k int, replace bool, caliper float64, order string) [][]int32 {
	out := make([][]int32, len(treated))
	s := newShelf(score, others)
	place := s.places(score, treated)
	if replace {
		for i, r := range treated {
			out[i] = s.several(score[r], place[i], k, caliper)
		}
		return out
	}
	turn := turns(score, treated, order)
	for round := range k {
		if order == orderClosest {
			s.closest(score, treated, place, round, caliper, out)
			continue
		}
		for _, i := range turn {
			if len(out[i]) < round {
				continue // nobody near was free in the round before
			}
			if at, d := s.nearest(score[treated[i]], place[i]); at >= 0 && d <= caliper {
				out[i] = append(out[i], s.take(at))
			}
		}
	}
	return out
}

func turns(score []float64, treated []int32, order string) []int32 {
	own := make([]float64, len(treated))
	for i, r := range treated {
		switch own[i] = score[r]; order {
		case orderLargest:
			own[i] = -own[i]
		case orderData:
			own[i] = 0
		}
	}
	return fit.Rising(own)
}

// offer is the pair that a treated row would make.
type offer struct {
	distance float64
	i        int32
}

type offers []offer

func (o offers) Len() int      { return len(o) }
func (o offers) Swap(a, b int) { o[a], o[b] = o[b], o[a] }
func (o offers) Less(a, b int) bool {
	return o[a].distance < o[b].distance || o[a].distance == o[b].distance && o[a].i < o[b].i
}
func (o *offers) Push(x any) { *o = append(*o, x.(offer)) }
func (o *offers) Pop() any {
	last := (*o)[len(*o)-1]
	*o = (*o)[:len(*o)-1]
	return last
}

// closest is one round in which the closest pair that is left is made first.
func (s *shelf) closest(score []float64, treated, place []int32, round int, caliper float64, out [][]int32) {
	var h offers
	for i, r := range treated {
		if len(out[i]) == round {
			if at, d := s.nearest(score[r], place[i]); at >= 0 && d <= caliper {
				h = append(h, offer{d, int32(i)})
			}
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		best := h[0]
		at, d := s.nearest(score[treated[best.i]], place[best.i])
		switch {
		case at < 0 || d > caliper:
			heap.Pop(&h)
		case d > best.distance: // someone else was faster
			h[0].distance = d
			heap.Fix(&h, 0)
		default:
			out[best.i] = append(out[best.i], s.take(at))
			heap.Pop(&h)
		}
	}
}

// mostCells is how large a table of optimal matching may be: a quarter of a byte each.
const mostCells = 400_000_000

// matchOptimal gives each of the treated rows up to k of the others so that as many as
// can be are matched, and then the sum of distances is least.
//
// On a line pairs need not cross where the cost is convex in the distance, as |d| with
// no pair beyond a caliper is. So treated and others are sorted, and the least cost of
// the first i with the first j follows from those of one fewer: leave out the other,
// leave out the treated, or pair the two. The same total as an assignment problem, in
// products of the two numbers rather than their cube.
func matchOptimal(score []float64, treated, others []int32, k int, caliper float64) ([][]int32, error) {
	a, b := byScore(score, treated), byScore(score, others)
	n, m := len(a)*k, len(b)
	if float64(n)*float64(m) > mostCells {
		return nil, cannot("optimal matching of %d places with %d patients of the reference would need %d cells, and %d are the most; use match=nearest, or exact=COLUMN to split them", n, m, n*m, mostCells)
	}
	out := make([][]int32, len(treated))
	if n == 0 || m == 0 {
		return out, nil
	}
	low, high := math.Min(score[treated[a[0]]], score[others[b[0]]]), math.Max(score[treated[a[len(a)-1]]], score[others[b[m-1]]])
	alone := (high - low + 1) * float64(n+1) // costs more than all pairs together
	const skipOther, skipTreated, pair = 0, 1, 2
	width := (m + 4) / 4
	choice := make([]uint8, n*width)
	before, now := make([]float64, m+1), make([]float64, m+1)
	for i := range n {
		v := score[treated[a[i/k]]]
		now[0] = before[0] + alone
		choice[i*width] |= skipTreated
		for j := 1; j <= m; j++ {
			cost, how := now[j-1], uint8(skipOther)
			if c := before[j] + alone; c < cost {
				cost, how = c, skipTreated
			}
			if d := math.Abs(v - score[others[b[j-1]]]); d <= caliper && before[j-1]+d <= cost {
				cost, how = before[j-1]+d, pair
			}
			now[j] = cost
			choice[i*width+j/4] |= how << (2 * (j % 4))
		}
		before, now = now, before
	}
	for i, j := n-1, m; i >= 0; {
		switch choice[i*width+j/4] >> (2 * (j % 4)) & 3 {
		case pair:
			out[a[i/k]] = append(out[a[i/k]], others[b[j-1]])
			i, j = i-1, j-1
		case skipTreated:
			i--
		default:
			j--
		}
	}
	for i := range out {
		slices.Sort(out[i])
	}
	return out, nil
}

// byScore returns the places of rows by rising score.
func byScore(score []float64, rows []int32) []int32 {
	own := make([]float64, len(rows))
	for i, r := range rows {
		own[i] = score[r]
	}
	return fit.Rising(own)
}
