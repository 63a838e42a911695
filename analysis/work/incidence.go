package work

import (
	"math"
	"sort"

	"recoup/analysis/internal/fit"
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
	a := Incidence{N: len(time), Events: make([][]int, causes), Share: make([][]float64, causes), SE: make([][]float64, causes), Delta: make([][]float64, causes)}
	order := fit.Rising(time)
	j := jackknife{u2: 0, c2: make([]float64, causes), cu: make([]float64, causes), all: make([]float64, causes)}
	delta := make([]deltaSums, causes)
	share := make([]float64, causes)
	s := 1.0
	for i := 0; i < len(order); {
		n, end := len(order)-i, i
		d, total := make([]int, causes), 0
		for ; end < len(order) && time[order[end]] == time[order[i]]; end++ {
			if k := cause[order[end]]; k > 0 {
				d[k-1]++
				total++
			}
		}
		next := s * float64(n-total) / float64(n)
		for k := range share {
			share[k] += s * float64(d[k]) / float64(n)
			delta[k].add(s, next, share[k], float64(n), d[k], total-d[k])
		}
		left := len(order) - end
		j.step(s, share, d, n, total, end-i-total)
		a.Time, a.AtRisk = append(a.Time, time[order[i]]), append(a.AtRisk, n)
		a.Survival = append(a.Survival, next)
		a.SurvivalSE = append(a.SurvivalSE, next*math.Sqrt(float64(left)*j.log*j.log+j.u2))
		for k, f := range share {
			a.Events[k], a.Share[k] = append(a.Events[k], d[k]), append(a.Share[k], f)
			v := float64(left)*j.all[k]*j.all[k] + j.c2[k] + 2*f*j.cu[k] + f*f*j.u2
			if v < 1e-13*(j.c2[k]+f*f*j.u2) { // what rounding leaves of 0
				v = 0
			}
			a.SE[k] = append(a.SE[k], math.Sqrt(v))
			a.Delta[k] = append(a.Delta[k], math.Sqrt(math.Max(0, delta[k].variance)))
		}
		s, i = next, end
	}
	return a
}

// jackknife sums squared influences: log is that on log S of those still at risk, all
// that on each share; the sums are over those whose time has passed, whose influence on
// a share F is c + F u.
type jackknife struct {
	log, u2     float64
	all, c2, cu []float64
}

func (j *jackknife) step(s float64, share []float64, d []int, n, total, censored int) {
	at, before := float64(n), j.log
	jump := 0.0 // what the event takes off log S
	if n > total {
		jump = 1 / (at - float64(total))
		j.log += float64(total) / at * jump
	}
	for k := range share {
		h := float64(d[k]) / at
		j.all[k] += s * h * (before - 1/at)
	}
	leave := func(cause int, times float64) {
		if times == 0 {
			return
		}
		u := j.log
		if cause >= 0 {
			u -= jump
		}
		j.u2 += times * u * u
		for k := range share {
			c := j.all[k] - share[k]*u
			if k == cause {
				c += s / at
			}
			j.c2[k] += times * c * c
			j.cu[k] += times * c * u
		}
	}
	for k := range share {
		leave(k, float64(d[k]))
	}
	leave(-1, float64(censored))
}

// deltaSums are the sums of the variance of cmprsk::cuminc.
type deltaSums struct{ v1, v2, v3, variance float64 }

func (v *deltaSums) add(s, next, share, n float64, own, other int) {
	term := func(d int, a float64) {
		if d == 0 {
			return
		}
		w := 1.0
		if d > 1 {
			w -= float64(d-1) / (n - 1)
		}
		w *= s * s * float64(d) / (n * n)
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

// at returns the index of the last time at or before t, -1 before the first.
func (a Incidence) at(t float64) int {
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
	i := a.at(t)
	switch {
	case len(a.Time) == 0 || t > a.Last() && a.Survival[i] > 0:
		return math.NaN(), math.NaN()
	case i < 0:
		return 0, 0
	}
	return a.Share[cause][i], a.SE[cause][i]
}
