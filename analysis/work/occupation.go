package work

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
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
	w := newWalk(paths, states)
	o.Last = w.last
	w.occupy(&o)
	w.influence(&o, paths, fixed)
	return o
}

// walk is what happens on the days with transitions, of all patients together.
type walk struct {
	k     int
	days  []float64
	last  float64
	first []float64 // shares on day 0
	n     int
	// By day and states: the transition probabilities, from the state of a row to that of a
	// column, and of a state p/n, its share by those at risk before the day.
	chance, perHead [][]float64
	moves           [][]int
	left            [][]int // by day and state: those no longer followed on it
}

func newWalk(paths []Path, k int) *walk {
	w := &walk{k: k, n: len(paths), first: make([]float64, k)}
	for _, p := range paths {
		w.first[p.State[0]] += 1 / float64(w.n)
		w.days = append(w.days, p.From[1:]...)
		w.last = max(w.last, p.End)
	}
	slices.Sort(w.days)
	w.days = slices.Compact(w.days)
	w.moves, w.left = make([][]int, len(w.days)), make([][]int, len(w.days)+1)
	for d := range w.left {
		w.left[d] = make([]int, k)
		if d < len(w.days) {
			w.moves[d] = make([]int, k*k)
		}
	}
	for _, p := range paths {
		for i, day := range p.From[1:] {
			d, _ := slices.BinarySearch(w.days, day)
			w.moves[d][p.State[i]*k+p.State[i+1]]++
		}
		w.left[w.until(p)][p.State[len(p.State)-1]]++
	}
	return w
}

// until is the first of the days on which a patient is no longer followed.
func (w *walk) until(p Path) int {
	d, found := slices.BinarySearch(w.days, p.End)
	if found {
		d++
	}
	return d
}

// occupy finds the shares by day, the days expected and the matrix.
func (w *walk) occupy(o *Occupation) {
	k := w.k
	p, in := slices.Clone(w.first), make([]int, k)
	for h, share := range p {
		in[h] = int(math.Round(share * float64(w.n)))
	}
	product := make([][]float64, k)
	for h := range product {
		product[h] = make([]float64, k)
		product[h][h] = 1
	}
	record := func(day float64, followed int, moved []int) {
		o.Day, o.Share, o.AtRisk, o.Moves = append(o.Day, day), append(o.Share, slices.Clone(p)), append(o.AtRisk, followed), append(o.Moves, moved)
	}
	record(0, w.n, make([]int, k))
	before, next := 0.0, make([]float64, k)
	for d, day := range w.days {
		for h := range p {
			o.Expected[h] += (math.Min(day, o.Tau) - before) * p[h]
			in[h] -= w.left[d][h]
		}
		before = math.Min(day, o.Tau)
		if day >= o.Tau && o.Matrix == nil {
			o.Matrix = copied(product)
		}
		w.chances(d, p, in)
		record(day, total(in), w.move(o, d, in))
		for h := range product {
			times(next, product[h], w.chance[d])
			copy(product[h], next)
		}
		times(next, p, w.chance[d])
		copy(p, next)
		copy(o.Share[d+1], p)
	}
	for h := range p {
		o.Expected[h] += (o.Tau - before) * p[h]
	}
	if o.Matrix == nil {
		o.Matrix = copied(product)
	}
}

// chances finds the transition probabilities of a day from those at risk; a state that
// nobody is followed in keeps its share.
func (w *walk) chances(d int, p []float64, in []int) {
	k := w.k
	m, per := make([]float64, k*k), make([]float64, k)
	for h := range k {
		if in[h] == 0 {
			m[h*k+h] = 1
			continue
		}
		stay := in[h]
		for j := range k {
			n := w.moves[d][h*k+j]
			m[h*k+j] = float64(n) / float64(in[h])
			stay -= n
		}
		m[h*k+h], per[h] = float64(stay)/float64(in[h]), p[h]/float64(in[h])
	}
	w.chance, w.perHead = append(w.chance, m), append(w.perHead, per)
}

// move counts the transitions of a day, and returns how many patients came into each
// state or left it.
func (w *walk) move(o *Occupation, d int, in []int) (moved []int) {
	moved = make([]int, w.k)
	for h := range w.k {
		for j := range w.k {
			n := w.moves[d][h*w.k+j]
			in[h], in[j] = in[h]-n, in[j]+n
			moved[h], moved[j] = moved[h]+n, moved[j]+n
			if w.days[d] < o.Tau {
				o.Transitions[h][j] += n
			}
		}
	}
	return moved
}

// influence finds the errors. A patient's influence e on the shares and t on the days
// expected go from day to day by
//
//	t += days e,  e = e P - p/n (P of the state before - the state after) while followed
//
// so that of those no longer followed the sums of their products are enough.
func (w *walk) influence(o *Occupation, paths []Path, fixed bool) {
	k := w.k
	squares := make([][]float64, len(w.days)+1) // by record and state: Σ e²
	gone := make([][]float64, len(w.days)+1)    // by day: Σ (e, t)(e, t)' of those who left on it
	for d := range squares {
		squares[d], gone[d] = make([]float64, k), make([]float64, 4*k*k)
	}
	x, next := make([]float64, 2*k), make([]float64, k)
	for _, p := range paths {
		e, t := x[:k], x[k:]
		clear(x)
		for h := range e {
			if !fixed {
				e[h] = -w.first[h] / float64(w.n)
			}
		}
		if !fixed {
			e[p.State[0]] += 1 / float64(w.n)
		}
		addSquares(squares[0], e)
		at, before, end := 0, 0.0, w.until(p)
		for d, day := range w.days[:end] {
			upTo := math.Min(day, o.Tau)
			for h, v := range e {
				t[h] += (upTo - before) * v
			}
			before = upTo
			from := p.State[at]
			if at+1 < len(p.From) && p.From[at+1] == day {
				at++
			}
			c := w.perHead[d][from]
			times(next, e, w.chance[d])
			for j := range next {
				next[j] -= c * w.chance[d][from*k+j]
			}
			next[p.State[at]] += c
			copy(e, next)
			addSquares(squares[d+1], e)
		}
		addProducts(gone[end], x)
	}
	w.carry(o, squares, gone)
}

// carry takes the products of those who left through the days after, and writes the
// errors.
func (w *walk) carry(o *Occupation, squares, gone [][]float64) {
	k := w.k
	sum, before := mat.NewDense(2*k, 2*k, nil), 0.0
	for d := range gone {
		sum.Add(sum, mat.NewDense(2*k, 2*k, gone[d]))
		until := o.Tau
		if d < len(w.days) {
			until = math.Min(w.days[d], o.Tau)
		}
		step := mat.NewDense(2*k, 2*k, nil) // (e, t) after the day from that before it
		for h := range k {
			step.Set(k+h, k+h, 1)
			step.Set(h, k+h, until-before)
			for j := range k {
				if d < len(w.days) {
					step.Set(h, j, w.chance[d][h*k+j])
				}
			}
		}
		before = until
		var half, full mat.Dense
		half.Mul(step.T(), sum)
		full.Mul(&half, step)
		sum.Copy(&full)
		if d < len(w.days) {
			for h := range k {
				squares[d+1][h] += sum.At(h, h)
			}
		}
	}
	for _, s := range squares {
		se := make([]float64, k)
		for h, v := range s {
			se[h] = math.Sqrt(math.Max(0, v))
		}
		o.SE = append(o.SE, se)
	}
	o.spread = make([][]float64, k)
	for h := range k {
		for j := range k {
			o.spread[h] = append(o.spread[h], sum.At(k+h, k+j))
		}
		o.ExpectedSE[h] = math.Sqrt(math.Max(0, o.spread[h][h]))
	}
}

func addSquares(to, x []float64) {
	for i, v := range x {
		to[i] += v * v
	}
}

// addProducts adds xx'.
func addProducts(to, x []float64) {
	for i, v := range x {
		for j, u := range x {
			to[i*len(x)+j] += v * u
		}
	}
}

// times is the row vector x times the square matrix m.
func times(out, x, m []float64) {
	clear(out)
	k := len(x)
	for h, v := range x {
		for j, p := range m[h*k : h*k+k] {
			out[j] += v * p
		}
	}
}

func total(in []int) (n int) {
	for _, v := range in {
		n += v
	}
	return n
}

func copied(m [][]float64) (out [][]float64) {
	for _, row := range m {
		out = append(out, slices.Clone(row))
	}
	return out
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
