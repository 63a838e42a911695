package work

import (
	"math"
	"slices"
	"sort"
)

// Stretch is time in which a patient is followed for events that can come again, after
// Start and up to Stop, with or without an event at Stop.
type Stretch struct {
	Patient     int
	Start, Stop float64
	Event       bool
}

// MeanCount is the mean number of events a patient by each event time.
type MeanCount struct {
	Time   []float64
	AtRisk []int
	Events []int
	Mean   []float64
	SE     []float64 // robust: between patients
}

// MeanCumulative returns the mean cumulative function.
//
//	M(t) = Σ d/n,  var M(t) = Σ over patients of (Σ (dN - Y d/n)/n)²
//
// A patient's stretches may not overlap. It takes one sort: the sum over patients is kept
// from that of those at risk, whose terms all fall alike.
//
// R: survival::survfit(Surv(start, stop, event) ~ 1, id), cumhaz and std.chaz. Nelson
// 1988; Lawless and Nadeau 1995, 10.1080/00401706.1995.10484300.
func MeanCumulative(rows []Stretch, patients int) MeanCount {
	var m MeanCount
	in, out := make([]int, len(rows)), make([]int, len(rows))
	for i := range rows {
		in[i], out[i] = i, i
	}
	slices.SortStableFunc(in, func(a, b int) int { return sign(rows[a].Start - rows[b].Start) })
	slices.SortStableFunc(out, func(a, b int) int { return sign(rows[a].Stop - rows[b].Stop) })
	term := make([]float64, patients) // of those at risk, less what all of them fell by
	n, fall, s1, s2, gone, mean := 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
	add := func(v, sign float64) { n, s1, s2 = n+sign, s1+sign*v, s2+sign*v*v }
	next := 0
	for i := 0; i < len(out); {
		t, j, d := rows[out[i]].Stop, i, 0
		for ; next < len(in) && rows[in[next]].Start < t; next++ {
			p := rows[in[next]].Patient
			gone -= term[p] * term[p]
			term[p] += fall
			add(term[p], 1)
		}
		for ; j < len(out) && rows[out[j]].Stop == t; j++ {
			if rows[out[j]].Event {
				d++
			}
		}
		at := n
		if d > 0 {
			mean += float64(d) / at
			fall += float64(d) / (at * at)
			for _, o := range out[i:j] {
				if p := rows[o].Patient; rows[o].Event {
					add(term[p], -1)
					term[p] += 1 / at
					add(term[p], 1)
				}
			}
			variance := gone + s2 - 2*fall*s1 + n*fall*fall
			m.Time, m.AtRisk, m.Events = append(m.Time, t), append(m.AtRisk, int(at)), append(m.Events, d)
			m.Mean, m.SE = append(m.Mean, mean), append(m.SE, math.Sqrt(math.Max(0, variance)))
		}
		for _, o := range out[i:j] {
			p := rows[o].Patient
			add(term[p], -1)
			term[p] -= fall
			gone += term[p] * term[p]
		}
		i = j
	}
	return m
}

func sign(d float64) int {
	switch {
	case d < 0:
		return -1
	case d > 0:
		return 1
	}
	return 0
}

// At returns the mean number by t and its standard error, 0 before the first event.
func (m MeanCount) At(t float64) (mean, se float64) {
	i := sort.Search(len(m.Time), func(i int) bool { return m.Time[i] > t }) - 1
	if i < 0 {
		return 0, 0
	}
	return m.Mean[i], m.SE[i]
}
