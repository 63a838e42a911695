package work

import (
	"math"
	"slices"
)

// Occupation is the share of patients in each state by day, under the Aalen-Johansen
// estimate of the transitions, with errors by the infinitesimal jackknife.
type Occupation struct {
	N           int
	Day         []float64   // 0 and each day with a transition
	Share, SE   [][]float64 // by day and state
	AtRisk      []int       // followed through the day
	Moves       [][]int     // by day and state: patients who came into it or left it
	Expected    []float64   // days in each state, of the first Tau
	ExpectedSE  []float64
	Tau, Last   float64     // Last is the last day on which anybody was followed
	Transitions [][]int     // from, to
	Matrix      [][]float64 // of the transitions from day 0 to the last day before Tau

	spread [][]float64 // covariance of Expected
}

// StateOccupation follows paths from day 0 for tau days.
//
//	p(t) = p(0) Π (I + dA(u)),  dAₕⱼ(u) = transitions from h to j on day u / patients in h the day before who are followed through u
//
// p(0) is the share in each state on day 0, and has an error of its own unless it is
// fixed, as survfit takes it without influence = TRUE. The days expected in a state are Σ p(u) over
// days 0 to tau-1. Patients whose follow-up ends are censored, which assumes that they go
// on as those in the same state. It is right for occupation even where the process
// depends on more than the present state (Datta and Satten 2001,
// 10.1016/S0167-7152(01)00155-9), if censoring says nothing about it.
//
// R: survival::survfit(Surv(start, stop, state) ~ 1, id, istate). Aalen and Johansen 1978.
func StateOccupation(paths []Path, states int, tau float64, fixed bool) Occupation {
	o := Occupation{Tau: tau, Expected: make([]float64, states), ExpectedSE: make([]float64, states), Transitions: make([][]int, states), Last: math.NaN()}
	paths = slices.DeleteFunc(slices.Clone(paths), func(p Path) bool { return len(p.State) == 0 })
	o.N = len(paths)
	for h := range states {
		o.Transitions[h] = make([]int, states)
	}
	if o.N == 0 {
		return o
	}
	w := newWalk(paths, states, fixed)
	o.Last = w.last
	w.record(&o, 0, make([]int, states))
	before := 0.0
	for _, day := range w.days {
		w.stay(&o, math.Min(day, tau)-before)
		if before = math.Min(day, tau); day >= tau && o.Matrix == nil {
			o.Matrix = w.matrix()
		}
		w.record(&o, day, w.step(&o, day))
	}
	if w.stay(&o, tau-before); o.Matrix == nil {
		o.Matrix = w.matrix()
	}
	o.spread = make([][]float64, states)
	for h := range states {
		o.spread[h] = make([]float64, states)
		for i := range paths {
			for j := range states {
				o.spread[h][j] += w.total[i*states+h] * w.total[i*states+j]
			}
		}
		o.ExpectedSE[h] = math.Sqrt(o.spread[h][h])
	}
	return o
}

// walk goes through the days with transitions.
type walk struct {
	paths   []Path
	k       int
	at      []int     // by patient: the stretch of its path
	p       []float64 // shares
	effect  []float64 // by patient and state: influence on the shares
	total   []float64 // the same on the days expected
	product [][]float64
	days    []float64
	last    float64
}

func newWalk(paths []Path, k int, fixed bool) *walk {
	n := len(paths)
	w := &walk{paths: paths, k: k, at: make([]int, n), p: make([]float64, k), effect: make([]float64, n*k), total: make([]float64, n*k)}
	for _, p := range paths {
		w.p[p.State[0]] += 1 / float64(n)
		w.days = append(w.days, p.From[1:]...)
		w.last = max(w.last, p.End)
	}
	slices.Sort(w.days)
	w.days = slices.Compact(w.days)
	for i, p := range paths {
		if fixed {
			break
		}
		for k, share := range w.p {
			w.effect[i*w.k+k] = -share / float64(n)
		}
		w.effect[i*w.k+p.State[0]] += 1 / float64(n)
	}
	for h := range k {
		row := make([]float64, k)
		row[h] = 1
		w.product = append(w.product, row)
	}
	return w
}

// stay adds days without a transition.
func (w *walk) stay(o *Occupation, days float64) {
	for k, p := range w.p {
		o.Expected[k] += days * p
	}
	for i, e := range w.effect {
		w.total[i] += days * e
	}
}

// step makes the transitions of a day, and returns how many patients came into each state
// or left it.
func (w *walk) step(o *Occupation, day float64) (moved []int) {
	moved = make([]int, w.k)
	k := w.k
	atRisk, moves := make([]float64, k), make([][]float64, k)
	for h := range moves {
		moves[h] = make([]float64, k)
	}
	from, to := make([]int, len(w.paths)), make([]int, len(w.paths))
	for i, p := range w.paths {
		from[i] = -1
		if p.End < day {
			continue
		}
		from[i] = p.State[w.at[i]]
		if a := w.at[i] + 1; a < len(p.From) && p.From[a] == day {
			w.at[i] = a
		}
		to[i] = p.State[w.at[i]]
		atRisk[from[i]]++
		moves[from[i]][to[i]]++
	}
	for h := range moves {
		for j := range moves[h] {
			if n := int(moves[h][j]); h != j {
				moved[h], moved[j] = moved[h]+n, moved[j]+n
				if day < o.Tau {
					o.Transitions[h][j] += n
				}
			}
			switch {
			case atRisk[h] > 0:
				moves[h][j] /= atRisk[h]
			case h == j:
				moves[h][j] = 1
			}
		}
	}
	next := make([]float64, k)
	for i := range w.paths {
		e := w.effect[i*k : i*k+k]
		times(next, e, moves)
		if h := from[i]; h >= 0 {
			c := w.p[h] / atRisk[h]
			for j, m := range moves[h] {
				next[j] -= c * m
			}
			next[to[i]] += c
		}
		copy(e, next)
	}
	times(next, w.p, moves)
	copy(w.p, next)
	for h := range w.product {
		times(next, w.product[h], moves)
		copy(w.product[h], next)
	}
	return moved
}

// times is the row vector x times the matrix m.
func times(out, x []float64, m [][]float64) {
	clear(out)
	for h, v := range x {
		for j, p := range m[h] {
			out[j] += v * p
		}
	}
}

// matrix returns a copy of the product of transitions so far.
func (w *walk) matrix() [][]float64 {
	var out [][]float64
	for _, row := range w.product {
		out = append(out, slices.Clone(row))
	}
	return out
}

func (w *walk) record(o *Occupation, day float64, moved []int) {
	se := make([]float64, w.k)
	followed := 0
	for i, p := range w.paths {
		for k := range se {
			e := w.effect[i*w.k+k]
			se[k] += e * e
		}
		if p.End >= day {
			followed++
		}
	}
	for k := range se {
		se[k] = math.Sqrt(se[k])
	}
	o.Day, o.Share, o.SE, o.AtRisk = append(o.Day, day), append(o.Share, slices.Clone(w.p)), append(o.SE, se), append(o.AtRisk, followed)
	o.Moves = append(o.Moves, moved)
}

// Mean returns the days expected in the states, each by its weight, and their error.
func (o Occupation) Mean(weight []float64) (days, se float64) {
	v := 0.0
	for h, w := range weight {
		days += w * o.Expected[h]
		for j, u := range weight {
			v += w * u * o.spread[h][j]
		}
	}
	return days, math.Sqrt(math.Max(0, v))
}

// At returns the shares on a day and their errors, nil beyond follow-up.
func (o Occupation) At(day float64) (share, se []float64) {
	if o.N == 0 || day > o.Last {
		return nil, nil
	}
	i, found := slices.BinarySearch(o.Day, day)
	if !found {
		i--
	}
	return o.Share[i], o.SE[i]
}
