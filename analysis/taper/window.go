package taper

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Window is a stretch of days, both ends included, counted from admission or from
// the cohort's own day 0.
type Window struct {
	From, To int
}

// String returns the window as "days 152 to 180".
func (w Window) String() string { return fmt.Sprintf("days %d to %d", w.From, w.To) }

// parseWindow reads a window written as 152:180.
func parseWindow(s string) (Window, error) {
	a, b, ok := strings.Cut(s, ":")
	from, err1 := strconv.Atoi(strings.TrimSpace(a))
	to, err2 := strconv.Atoi(strings.TrimSpace(b))
	if !ok || err1 != nil || err2 != nil || to < from || from < -maxDay || to > maxDay {
		return Window{}, fmt.Errorf("expected a window of days such as 152:180")
	}
	return Window{from, to}, nil
}

// maxDay is the furthest day from admission that is looked at.
const maxDay = 3650

// Daily is the daily MME of one patient: Dose[i] is that of day From+i, NaN where
// unknown.
type Daily struct {
	From int
	Dose []float64
}

// At returns the dose of a day, NaN outside the series.
func (d Daily) At(day int) float64 {
	if i := day - d.From; i >= 0 && i < len(d.Dose) {
		return d.Dose[i]
	}
	return math.NaN()
}

// in returns the days of a window that the series holds.
func (d Daily) in(w Window) []float64 {
	a, b := max(w.From-d.From, 0), min(w.To-d.From+1, len(d.Dose))
	if b <= a {
		return nil
	}
	return d.Dose[a:b]
}

// Mean returns the mean over the known days of the window, and how many they are.
// It is NaN where under atLeast of the window's days, a share, are known, and
// without any.
func (d Daily) Mean(w Window, atLeast float64) (mean float64, known int) {
	sum := 0.0
	for _, v := range d.in(w) {
		if !math.IsNaN(v) {
			sum += v
			known++
		}
	}
	if known == 0 || float64(known) < atLeast*float64(w.To-w.From+1) {
		return math.NaN(), known
	}
	return sum / float64(known), known
}

// Verdict is whether something holds of a patient, which may be unknown.
type Verdict int8

// The verdicts.
const (
	Unknown Verdict = iota - 1
	No
	Yes
)

func verdict(b bool) Verdict {
	if b {
		return Yes
	}
	return No
}

// Off returns whether the dose was zero on every day of the window: No as soon as
// one day has a dose, Unknown where no day has one but some day is unknown.
func (d Daily) Off(w Window) Verdict {
	days := d.in(w)
	out := Yes
	if len(days) < w.To-w.From+1 {
		out = Unknown
	}
	for _, v := range days {
		switch {
		case v > 0:
			return No
		case math.IsNaN(v):
			out = Unknown
		}
	}
	return out
}

// slack takes up the rounding of means in comparisons with a threshold.
const slack = 1e-9

// Reduced returns whether a mean dose fell by at least the share (0.5 for half) of
// its baseline. It is Unknown where either is NaN or the baseline is not above 0.
func Reduced(baseline, now, share float64) Verdict {
	if math.IsNaN(now) || !(baseline > 0) {
		return Unknown
	}
	return verdict(now <= (1-share+slack)*baseline)
}

// Tapered returns whether the mean dose of any of six overlapping 60-day windows
// in the 210 days from day 0 (days 0-59, 30-89 ... 150-209) was below baseline by
// at least the share. It is No only where all six are known.
//
// Fenton et al. 2019, PMC6902834.
func (d Daily) Tapered(baseline, share, atLeast float64) Verdict {
	out := No
	for k := range 6 {
		mean, _ := d.Mean(Window{30 * k, 30*k + 59}, atLeast)
		switch Reduced(baseline, mean, share) {
		case Yes:
			return Yes
		case Unknown:
			out = Unknown
		}
	}
	return out
}

// month is the length of a month of velocity, in days.
const month = 30

// MaxMonthly returns the largest fall from one 30-day month to the next, in percent
// of baseline, over the seven months from day 0, and whether all seven are known;
// the month before the first is the baseline. Steps beside a month without enough
// known days are passed over. It is negative where the dose rose throughout, and
// NaN without a step.
func (d Daily) MaxMonthly(baseline, atLeast float64) (fall float64, whole bool) {
	return d.largestFall(baseline, month, 7, atLeast)
}

// largestFall is MaxMonthly of so many periods of so many days.
func (d Daily) largestFall(baseline float64, days, periods int, atLeast float64) (fall float64, whole bool) {
	fall, before := math.NaN(), baseline
	if !(baseline > 0) {
		return fall, false
	}
	whole = true
	for k := range periods {
		now, _ := d.Mean(Window{days * k, days*k + days - 1}, atLeast)
		step := 100 * (before - now) / baseline
		if math.IsNaN(now) {
			whole = false
		}
		if !math.IsNaN(step) && !(step <= fall) {
			fall = step
		}
		before = now
	}
	return fall, whole
}
