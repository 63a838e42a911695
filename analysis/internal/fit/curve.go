package fit

import (
	"math"
	"slices"
	"sort"
)

// Curve is a Kaplan-Meier estimate of the share without the event: at each distinct time, in order, those at risk just before it, what happened at it, and
// what is left after it.
type Curve struct {
	N       int // patients used
	Missing int // patients without a usable time: missing, negative or infinite

	Time      []float64 // distinct times of events and censorings
	AtRisk    []int     // patients whose own time is at or after Time
	Events    []int
	Censored  []int
	Survival  []float64 // Π (1 - d/n), after the events at Time
	Greenwood []float64 // Σ d/(n(n-d)): the variance of log Survival
}

// Scales on which the limits of a share are normal.
const (
	CurveLog     = "log"
	CurveLogLog  = "log-log"
	CurvePlain   = "plain"
	CurveLogit   = "logit"
	CurveArcsine = "arcsine"
)

// KaplanMeier returns the product-limit estimate of the share without the event.
//
//	S(t) = Π (1 - dᵢ/nᵢ) over times tᵢ ≤ t
//	var log S(t) = Σ dᵢ/(nᵢ(nᵢ-dᵢ))
//
// At equal times events come before censorings: a patient censored at t is at
// risk at t. Times that are missing, negative or infinite are left out and
// counted; a time without an event flag is censored. It takes one pass over whole days
// and one sort of other times.
//
// R: survival::survfit(Surv(time, event) ~ 1). Kaplan and Meier 1958,
// 10.1080/01621459.1958.10501452.
func KaplanMeier(time []float64, event []bool) Curve {
	c := Curve{}
	c.Time, c.Events, c.Censored, c.Missing = steps(time, event)
	c.N = len(time) - c.Missing
	n := len(c.Time)
	c.AtRisk, c.Survival, c.Greenwood = make([]int, n), make([]float64, n), make([]float64, n)
	s, g, at := 1.0, 0.0, c.N
	for i, d := range c.Events {
		if d > 0 {
			s *= float64(at-d) / float64(at)
			g += float64(d) / (float64(at) * float64(at-d)) // infinite where all are gone
		}
		c.AtRisk[i], c.Survival[i], c.Greenwood[i] = at, s, g
		at -= d + c.Censored[i]
	}
	return c
}

// WeightedKaplanMeier is KaplanMeier of patients with case weights: the share from weighted
// counts, and for Greenwood the variance of log S between patients, by the infinitesimal
// jackknife, which holds whatever the weights stand for. AtRisk, Events and Censored count
// patients. A time or weight that is missing, or a weight not above 0, leaves the patient
// out.
//
// R: survival::survfit(Surv(time, event) ~ 1, weights = w, robust = TRUE).
func WeightedKaplanMeier(time []float64, event []bool, weight []float64) Curve {
	c := Curve{}
	var ts, ws []float64
	var causes []int
	for i, t := range time {
		if !(t >= 0) || math.IsInf(t, 1) || !(weight[i] > 0) || math.IsInf(weight[i], 1) {
			c.Missing++
			continue
		}
		k := 0
		if i < len(event) && event[i] {
			k = 1
		}
		ts, ws, causes = append(ts, t), append(ws, weight[i]), append(causes, k)
	}
	a := WeightedIncidence(ts, causes, 1, ws)
	c.N, c.Time, c.AtRisk, c.Events, c.Survival = a.N, a.Time, a.AtRisk, a.Events[0], a.Survival
	for i, s := range a.Survival {
		next := 0
		if i+1 < len(a.AtRisk) {
			next = a.AtRisk[i+1]
		}
		c.Censored = append(c.Censored, a.AtRisk[i]-next-a.Events[0][i])
		g := math.Inf(1)
		if s > 0 {
			g = a.SurvivalSE[i] / s * a.SurvivalSE[i] / s
		}
		c.Greenwood = append(c.Greenwood, g)
	}
	return c
}

// steps counts the events and censorings at each distinct usable time, in order. Whole
// days are counted day by day, which costs no sort.
func steps(time []float64, event []bool) (at []float64, events, censored []int, missing int) {
	whole, last, usable := true, 0.0, 0
	for _, t := range time {
		if !(t >= 0) || math.IsInf(t, 1) {
			continue
		}
		usable++
		whole = whole && t == math.Floor(t)
		last = max(last, t)
	}
	missing = len(time) - usable
	if !whole || last > float64(8*usable+4096) {
		at, events, censored = sortedSteps(time, event, usable)
		return at, events, censored, missing
	}
	days := make([][2]int, int(last)+1)
	for i, t := range time {
		if !(t >= 0) || math.IsInf(t, 1) {
			continue
		}
		k := 1
		if i < len(event) && event[i] {
			k = 0
		}
		days[int(t)][k]++
	}
	for day, n := range days {
		if n != [2]int{} {
			at, events, censored = append(at, float64(day)), append(events, n[0]), append(censored, n[1])
		}
	}
	return at, events, censored, missing
}

func sortedSteps(time []float64, event []bool, usable int) (at []float64, events, censored []int) {
	ts, es := make([]float64, 0, usable), make([]bool, 0, usable)
	for i, t := range time {
		if t >= 0 && !math.IsInf(t, 1) {
			ts, es = append(ts, t), append(es, i < len(event) && event[i])
		}
	}
	for _, o := range Rising(ts) {
		k := len(at) - 1
		if k < 0 || at[k] != ts[o] {
			at, events, censored = append(at, ts[o]), append(events, 0), append(censored, 0)
			k++
		}
		if es[o] {
			events[k]++
		} else {
			censored[k]++
		}
	}
	return at, events, censored
}

// Index returns the index of the last time at or before t, -1 before the first.
func (c Curve) Index(t float64) int {
	return sort.Search(len(c.Time), func(i int) bool { return c.Time[i] > t }) - 1
}

// Last returns the largest time, NaN without patients.
func (c Curve) Last() float64 {
	if len(c.Time) == 0 {
		return math.NaN()
	}
	return c.Time[len(c.Time)-1]
}

// NumberAtRisk returns how many are still followed, without the event, at t.
func (c Curve) NumberAtRisk(t float64) int {
	i := sort.SearchFloat64s(c.Time, t)
	if i == len(c.Time) {
		return 0
	}
	return c.AtRisk[i]
}

// EventsBy returns the number of events at or before t.
func (c Curve) EventsBy(t float64) int {
	n := 0
	for i := 0; i <= c.Index(t); i++ {
		n += c.Events[i]
	}
	return n
}

// SurvivalAt returns the share without the event at t and its standard error,
// S √Greenwood. Both are NaN beyond the last time, unless nobody was left by
// then, and without patients; the error is NaN where the share is 0.
func (c Curve) SurvivalAt(t float64) (s, se float64) {
	i := c.Index(t)
	switch {
	case len(c.Time) == 0 || !(t >= 0):
		return math.NaN(), math.NaN()
	case i < 0:
		return 1, 0
	case t > c.Last() && c.Survival[i] > 0:
		return math.NaN(), math.NaN()
	case c.Survival[i] == 0:
		return 0, math.NaN()
	}
	return c.Survival[i], c.Survival[i] * math.Sqrt(c.Greenwood[i])
}

// Bounds returns the confidence limits of the share without the event at t, z being the
// normal quantile of their level.
func (c Curve) Bounds(t float64, scale string, z float64) (low, high float64) {
	s, se := c.SurvivalAt(t)
	return Bounds(s, se, scale, z)
}

// Bounds returns the confidence limits of a share s without the event from its standard
// error, on one of the scales.
//
//	log      exp(log S ± z √G), at most 1
//	log-log  exp(-exp(log(-log S) ± z √G / log S))
//	plain    S ± z S √G, within 0 and 1
//	logit    logit⁻¹(logit S ± z √G / (1-S))
//	arcsine  sin²(arcsin √S ± z/2 √(G S/(1-S))), the angle within 0 and π/2
//
// G is the variance of log S, by Greenwood's sum or otherwise. They are NaN where the
// share is NaN or 0, and for log-log, logit and arcsine where it is 1. R:
// survfit(conf.type).
func Bounds(s, se float64, scale string, z float64) (low, high float64) {
	if !(s > 0) {
		if s == 0 && scale == CurvePlain {
			return 0, 0
		}
		return math.NaN(), math.NaN()
	}
	root := se / s // √G
	if s == 1 && scale != CurvePlain && scale != CurveLog {
		return math.NaN(), math.NaN()
	}
	switch scale {
	case CurvePlain:
		return math.Max(0, s-z*se), math.Min(1, s+z*se)
	case CurveLogLog:
		u, w := math.Log(-math.Log(s)), z*root/math.Log(s)
		return math.Exp(-math.Exp(u - w)), math.Exp(-math.Exp(u + w))
	case CurveLogit:
		u, w := math.Log(s/(1-s)), z*root/(1-s)
		return 1 / (1 + math.Exp(w-u)), 1 / (1 + math.Exp(-w-u))
	case CurveArcsine:
		u, w := math.Asin(math.Sqrt(s)), z/2*root*math.Sqrt(s/(1-s))
		low, high := math.Sin(math.Max(0, u-w)), math.Sin(math.Min(math.Pi/2, u+w))
		return low * low, high * high
	}
	w := z * root
	return math.Exp(math.Log(s) - w), math.Min(1, math.Exp(math.Log(s)+w))
}

// NelsonAalen returns the cumulative hazard at each time and its standard error.
//
//	Λ(t) = Σ dᵢ/nᵢ,  var Λ(t) = Σ dᵢ/nᵢ²
//
// R: survfit(ctype = 1), cumhaz and std.chaz. Aalen 1978, 10.1214/aos/1176344247.
func (c Curve) NelsonAalen() (hazard, se []float64) {
	h, v := 0.0, 0.0
	for i, d := range c.Events {
		n := float64(c.AtRisk[i])
		h += float64(d) / n
		v += float64(d) / (n * n)
		hazard, se = append(hazard, h), append(se, math.Sqrt(v))
	}
	return hazard, se
}

// quantileSlack is how close to a level a step counts as being on it: survfit's.
const quantileSlack = 1.4901161193847656e-08

// Quantile returns the time by which the share p has had the event, with the
// interval of Brookmeyer and Crowley: the times at which the confidence limits of
// the curve, of the kind given, pass the same level. Where the curve is flat at
// the level, it is the middle of the flat stretch. A time that was not reached is
// NaN.
//
// R: quantile(survfit(...), p). Brookmeyer and Crowley 1982, 10.2307/2530286.
func (c Curve) Quantile(p float64, scale string, z float64) (t, low, high float64) {
	y, l, h := make([]float64, len(c.Time)), make([]float64, len(c.Time)), make([]float64, len(c.Time))
	for i, s := range c.Survival {
		se := s * math.Sqrt(c.Greenwood[i])
		lo, hi := Bounds(s, se, scale, z)
		y[i], l[i], h[i] = 1-s, 1-lo, 1-hi
	}
	return Crossing(c.Time, y, p), Crossing(c.Time, l, p), Crossing(c.Time, h, p)
}

// Crossing returns the time at which y, a share that rises from 0 at times, reaches p:
// the middle of the stretch where it is flat at p, NaN where it does not get there.
func Crossing(times, y []float64, p float64) float64 {
	on := slices.IndexFunc(y, func(v float64) bool { return v+quantileSlack >= p })
	over := slices.IndexFunc(y, func(v float64) bool { return v-quantileSlack >= p })
	n := len(y) - 1
	switch {
	case on < 0:
		return math.NaN()
	case math.Abs(y[n]-p) < quantileSlack:
		return (times[on] + times[n]) / 2
	case over < 0:
		return math.NaN()
	}
	return (times[on] + times[over]) / 2
}

// RestrictedMean returns the mean time without the event up to tau, the area
// under the curve, and its standard error.
//
//	μ = ∫₀^τ S(t) dt
//	var μ = Σ (∫ from tᵢ to τ of S)² dᵢ/(nᵢ(nᵢ-dᵢ)) over tᵢ ≤ τ
//
// A step at which all who were left have the event adds no variance. Both are NaN
// where the curve ends before tau with patients left, and without patients.
//
// R: survRM2::rmst2(). Uno et al. 2014, 10.1200/JCO.2014.55.2208.
func (c Curve) RestrictedMean(tau float64) (mean, se float64) {
	if s, _ := c.SurvivalAt(tau); math.IsNaN(s) {
		return math.NaN(), math.NaN()
	}
	last := c.Index(tau)
	area, variance, right := 0.0, 0.0, tau
	for i := last; i >= 0; i-- { // from the right, so that area is that beyond tᵢ
		area += c.Survival[i] * (right - c.Time[i])
		right = c.Time[i]
		if d, n := c.Events[i], c.AtRisk[i]; d > 0 && d < n {
			variance += area * area * float64(d) / (float64(n) * float64(n-d))
		}
	}
	return area + right, math.Sqrt(variance)
}
