package fit

import (
	"math"
	"sort"
)

// Incidence is the Aalen-Johansen estimate of the share with each of several competing
// events, at each distinct time in order.
type Incidence struct {
	N      int
	Time   []float64
	AtRisk []int
	Events [][]int // by cause

	Survival   []float64   // without any event
	SurvivalSE []float64   // by the infinitesimal jackknife
	Share      [][]float64 // by cause: Σ S(t-) d/n
	SE         [][]float64 // by the infinitesimal jackknife, as survfit has it
	Delta      [][]float64 // by the delta method, as cmprsk has it: of the last event of the cause
}

// AalenJohansen returns the cumulative incidence of causes 1 to causes; cause 0 is
// censored. Times must be usable; events come before censorings at the same time.
//
//	F(t) = Σ S(u-) dₖ(u)/n(u),  S the Kaplan-Meier estimate of being without any event
//
// It takes one sort: a patient's influence on F(t) is the same for all who are still at
// risk, and c + F(t)u after their time, so that sums of c², cu and u² are enough.
//
// R: survival::survfit(Surv(time, cause) ~ 1) with a factor, and cmprsk::cuminc. Aalen
// and Johansen 1978; Aalen 1978, 10.1214/aos/1176344198; Gray 1988, 10.1214/aos/1176350951.
func AalenJohansen(time []float64, cause []int, causes int) Incidence {
	return WeightedIncidence(time, cause, causes, nil)
}

// WeightedIncidence is AalenJohansen of patients with case weights above 0, nil for 1 each:
// S and F from weighted counts, AtRisk and Events of patients. The errors are the
// infinitesimal jackknife's, √Σ (w ∂F/∂w)²; the delta method has none with weights.
//
// R: survfit(Surv(time, cause) ~ 1, weights, robust = TRUE).
func WeightedIncidence(time []float64, cause []int, causes int, weight []float64) Incidence {
	a := Incidence{N: len(time), Events: make([][]int, causes), Share: make([][]float64, causes), SE: make([][]float64, causes), Delta: make([][]float64, causes)}
	order := Rising(time)
	w := func(i int) float64 {
		if weight == nil {
			return 1
		}
		return weight[order[i]]
	}
	// Sums of weights and of their squares of those from each position on, so that
	// nothing is taken off sums.
	from, squares := make([]float64, len(order)+1), make([]float64, len(order)+1)
	for i := len(order) - 1; i >= 0; i-- {
		from[i], squares[i] = from[i+1]+w(i), squares[i+1]+w(i)*w(i)
	}
	j := jackknife{u2: 0, c2: make([]float64, causes), cu: make([]float64, causes), all: make([]float64, causes)}
	delta := make([]deltaSums, causes)
	share := make([]float64, causes)
	s := 1.0
	for i := 0; i < len(order); {
		n, end := from[i], i
		at := left{events: make([]int, causes), sum: make([]float64, causes), squares: make([]float64, causes)}
		for ; end < len(order) && time[order[end]] == time[order[i]]; end++ {
			at.add(cause[order[end]], w(end))
		}
		total := at.total()
		next := s * (n - total) / n
		if at.all() == len(order)-i { // not what rounding leaves of 0
			next = 0
		}
		for k := range share {
			share[k] += s * at.sum[k] / n
			delta[k].add(s, next, share[k], n, at.sum[k], total-at.sum[k])
		}
		j.step(s, share, at, n, next > 0)
		a.Time, a.AtRisk = append(a.Time, time[order[i]]), append(a.AtRisk, len(order)-i)
		a.Survival = append(a.Survival, next)
		a.SurvivalSE = append(a.SurvivalSE, next*math.Sqrt(squares[end]*j.log*j.log+j.u2))
		for k, f := range share {
			a.Events[k], a.Share[k] = append(a.Events[k], at.events[k]), append(a.Share[k], f)
			v := squares[end]*j.all[k]*j.all[k] + j.c2[k] + 2*f*j.cu[k] + f*f*j.u2
			if v < 1e-13*(j.c2[k]+f*f*j.u2) { // what rounding leaves of 0
				v = 0
			}
			a.SE[k] = append(a.SE[k], math.Sqrt(v))
			d := math.Sqrt(math.Max(0, delta[k].variance))
			if weight != nil {
				d = math.NaN()
			}
			a.Delta[k] = append(a.Delta[k], d)
		}
		s, i = next, end
	}
	return a
}

// left are those whose time ends at one time: by cause their number, the sum of their
// weights and that of the squares, and the squares of those censored.
type left struct {
	events       []int
	sum, squares []float64
	censored     float64
}

func (l *left) add(cause int, weight float64) {
	if cause == 0 {
		l.censored += weight * weight
		return
	}
	l.events[cause-1]++
	l.sum[cause-1] += weight
	l.squares[cause-1] += weight * weight
}

func (l left) total() (sum float64) {
	for _, d := range l.sum {
		sum += d
	}
	return sum
}

// all is the number of events of any cause.
func (l left) all() (n int) {
	for _, d := range l.events {
		n += d
	}
	return n
}

// jackknife sums squared influences, each times its weight: log is that on log S of those
// still at risk, all that on each share; the sums are over those whose time has passed,
// whose influence on a share F is c + F u.
type jackknife struct {
	log, u2     float64
	all, c2, cu []float64
}

func (j *jackknife) step(s float64, share []float64, at left, n float64, remain bool) {
	before, total := j.log, at.total()
	jump := 0.0 // what the event takes off log S
	if remain {
		jump = 1 / (n - total)
		j.log += total / n * jump
	}
	for k := range share {
		j.all[k] += s * at.sum[k] / n * (before - 1/n)
	}
	leave := func(cause int, squares float64) {
		if squares == 0 {
			return
		}
		u := j.log
		if cause >= 0 {
			u -= jump
		}
		j.u2 += squares * u * u
		for k := range share {
			c := j.all[k] - share[k]*u
			if k == cause {
				c += s / n
			}
			j.c2[k] += squares * c * c
			j.cu[k] += squares * c * u
		}
	}
	for k := range share {
		leave(k, at.squares[k])
	}
	leave(-1, at.censored)
}

// deltaSums are the sums of the variance of cmprsk::cuminc.
type deltaSums struct{ v1, v2, v3, variance float64 }

func (v *deltaSums) add(s, next, share, n, own, other float64) {
	term := func(d, a float64) {
		if d == 0 {
			return
		}
		w := 1.0
		if d > 1 {
			w -= (d - 1) / (n - 1)
		}
		w *= s * s * d / (n * n)
		b := 0.0
		if next > 0 {
			b = 1 / next
		}
		a += share * b
		v.v1 += a * a * w
		v.v2 += a * b * w
		v.v3 += b * b * w
	}
	if next > 0 {
		term(other, 0)
	}
	if own > 0 {
		term(own, 1)
		v.variance = v.v1 + share*share*v.v3 - 2*share*v.v2
	}
}

// Index returns the index of the last time at or before t, -1 before the first.
func (a Incidence) Index(t float64) int {
	return sort.Search(len(a.Time), func(i int) bool { return a.Time[i] > t }) - 1
}

// Last returns the largest time, NaN without patients.
func (a Incidence) Last() float64 {
	if len(a.Time) == 0 {
		return math.NaN()
	}
	return a.Time[len(a.Time)-1]
}

// ShareAt returns the share with a cause (from 0) by t and its standard error by the
// infinitesimal jackknife, NaN beyond follow-up unless nobody was left without an event.
func (a Incidence) ShareAt(cause int, t float64) (share, se float64) {
	i := a.Index(t)
	switch {
	case len(a.Time) == 0 || t > a.Last() && a.Survival[i] > 0:
		return math.NaN(), math.NaN()
	case i < 0:
		return 0, 0
	}
	return a.Share[cause][i], a.SE[cause][i]
}
