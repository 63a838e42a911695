package taper

import (
	"math"
	"slices"
	"sort"

	"recoup/analysis"
)

// seen is the time of an event of one patient: known to lie in (left, right], right
// +Inf where it was not seen, and dead where death ended the time at left.
type seen struct {
	left, right float64
	dead        bool
}

func (s seen) event() bool { return !math.IsInf(s.right, 1) }

// time is the day of the event as it was seen, or the last day without it.
func (s seen) time() float64 {
	if s.event() {
		return s.right
	}
	return s.left
}

// risk is the share with an event over time, death competing with it: at each
// distinct time those at risk, what happened, and the share with the event by then.
//
//	F(t) = Σ S(tⱼ₋) dⱼ/nⱼ, S the product-limit share with neither event nor death
//
// Without deaths 1 - F is the Kaplan-Meier estimate. At equal times events come
// before censorings.
type risk struct {
	time                             []float64
	atRisk, events, deaths, censored []int
	free, share                      []float64 // S and F after each time
}

func incidence(xs []seen) risk {
	xs = slices.Clone(xs)
	slices.SortFunc(xs, func(a, b seen) int {
		switch {
		case a.time() < b.time():
			return -1
		case a.time() > b.time():
			return 1
		}
		return 0
	})
	var r risk
	free, share := 1.0, 0.0
	for i := 0; i < len(xs); {
		j, events, deaths := i, 0, 0
		for ; j < len(xs) && xs[j].time() == xs[i].time(); j++ {
			switch {
			case xs[j].event():
				events++
			case xs[j].dead:
				deaths++
			}
		}
		n := float64(len(xs) - i)
		share += free * float64(events) / n
		free *= 1 - float64(events+deaths)/n
		r.time = append(r.time, xs[i].time())
		r.atRisk, r.events, r.deaths = append(r.atRisk, len(xs)-i), append(r.events, events), append(r.deaths, deaths)
		r.censored = append(r.censored, j-i-events-deaths)
		r.free, r.share = append(r.free, free), append(r.share, share)
		i = j
	}
	return r
}

func (r risk) last(t float64) int {
	return sort.Search(len(r.time), func(i int) bool { return r.time[i] > t }) - 1
}

// by returns the share with the event by t, its standard error, and the events. All
// are NaN beyond the last time unless nobody was left.
//
//	var F(t) = Σ (F(t) - F(tⱼ))² dⱼ/(nⱼ(nⱼ-dⱼ)) + S(tⱼ₋)² eⱼ(nⱼ-eⱼ)/nⱼ³ - 2 (F(t) - F(tⱼ)) S(tⱼ₋) eⱼ/nⱼ²
//
// over tⱼ ≤ t, e the events and d events and deaths: Greenwood's without deaths.
// R: cmprsk::cuminc. Marubini and Valsecchi 1995.
func (r risk) by(t float64) (share, se float64, events int) {
	i := r.last(t)
	switch {
	case len(r.time) == 0 || i == len(r.time)-1 && t > r.time[i] && r.free[i] > 0:
		return math.NaN(), math.NaN(), 0
	case i < 0:
		return 0, 0, 0
	}
	v, before := 0.0, 1.0
	for j := range i + 1 {
		n, e, d := float64(r.atRisk[j]), float64(r.events[j]), float64(r.events[j]+r.deaths[j])
		rest := r.share[i] - r.share[j]
		if n > d {
			v += rest * rest * d / (n * (n - d))
		}
		v += before*before*e*(n-e)/(n*n*n) - 2*rest*before*e/(n*n)
		before = r.free[j]
		events += r.events[j]
	}
	return r.share[i], math.Sqrt(math.Max(0, v)), events
}

// bounds returns the limits of the share by t on the log-log scale of the share
// without the event, as survfit's conf.type = "log-log"; NaN at 0 and 1.
func bounds(share, se, level float64) (low, high float64) {
	if !(share > 0 && share < 1) {
		return math.NaN(), math.NaN()
	}
	s := 1 - share
	u, w := math.Log(-math.Log(s)), analysis.NormalQuantile(level)*se/s/math.Log(s)
	return 1 - math.Exp(-math.Exp(u+w)), 1 - math.Exp(-math.Exp(u-w))
}

// quantile returns the time by which a share p has the event, and the limits by
// Brookmeyer and Crowley: where the limits of the share pass p. Where the share is p
// over a stretch, it is the middle. NaN where it is not reached.
func (r risk) quantile(p, level float64) (t, low, high float64) {
	n := len(r.time)
	lower, upper := make([]float64, n), make([]float64, n)
	for i, at := range r.time {
		share, se, _ := r.by(at)
		lower[i], upper[i] = bounds(share, se, level)
	}
	return r.crossing(r.share, p), r.crossing(upper, p), r.crossing(lower, p)
}

func (r risk) crossing(y []float64, p float64) float64 {
	const near = 1.4901161193847656e-08 // survfit's
	on := slices.IndexFunc(y, func(v float64) bool { return v+near >= p })
	over := slices.IndexFunc(y, func(v float64) bool { return v-near >= p })
	switch {
	case on < 0:
		return math.NaN()
	case over < 0:
		if math.Abs(y[len(y)-1]-p) < near {
			return (r.time[on] + r.time[len(y)-1]) / 2
		}
		return math.NaN()
	}
	return (r.time[on] + r.time[over]) / 2
}
