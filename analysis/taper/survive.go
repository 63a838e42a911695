package taper

import (
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
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

// The causes that end a time; 0 is the end of follow-up.
const (
	causeEvent = 1
	causeDeath = 2
)

// risk is the share with an event over time, death competing with it: without deaths 1 -
// Kaplan-Meier, with the same errors as Greenwood's.
type risk struct{ fit.Incidence }

func incidence(xs []seen) risk {
	time, cause := make([]float64, len(xs)), make([]int, len(xs))
	for i, s := range xs {
		time[i] = s.time()
		switch {
		case s.event():
			cause[i] = causeEvent
		case s.dead:
			cause[i] = causeDeath
		}
	}
	return risk{fit.AalenJohansen(time, cause, 2)}
}

// by returns the share with the event by t, its standard error, and the events. Share
// and error are NaN beyond the last time unless nobody was left.
func (r risk) by(t float64) (share, se float64, events int) {
	share, se = r.ShareAt(causeEvent-1, t)
	for j := 0; j <= r.Index(t) && !math.IsNaN(share); j++ {
		events += r.Events[causeEvent-1][j]
	}
	return share, se, events
}

// gone is how many left without the event or death at the i-th time.
func (r risk) gone(i int) int {
	next := 0
	if i+1 < len(r.AtRisk) {
		next = r.AtRisk[i+1]
	}
	return r.AtRisk[i] - next - r.Events[0][i] - r.Events[1][i]
}

// bounds returns the limits of the share by t on the log-log scale of the share
// without the event, as survfit's conf.type = "log-log"; NaN at 0 and 1.
func bounds(share, se, level float64) (low, high float64) {
	low, high = fit.Bounds(1-share, se, fit.CurveLogLog, analysis.NormalQuantile(level))
	return 1 - high, 1 - low
}

// quantile returns the time by which a share p has the event, and the limits by
// Brookmeyer and Crowley: where the limits of the share pass p. Where the share is p
// over a stretch, it is the middle. NaN where it is not reached.
func (r risk) quantile(p, level float64) (t, low, high float64) {
	lower, upper := make([]float64, len(r.Time)), make([]float64, len(r.Time))
	for i, share := range r.Share[causeEvent-1] {
		lower[i], upper[i] = bounds(share, r.SE[causeEvent-1][i], level)
	}
	return fit.Crossing(r.Time, r.Share[causeEvent-1], p), fit.Crossing(r.Time, upper, p), fit.Crossing(r.Time, lower, p)
}
