package economics

import (
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/datasets"
)

// What becomes of patients who were not followed to the visit.
const (
	CensoringComplete    = "complete"
	CensoringWeighted    = "weighted"
	CensoringPartitioned = "partitioned"
)

// observed is how long each patient of a cohort was seen; without times all were seen to
// the end.
type observed struct {
	breaks []float64 // days at which the intervals end, the last one the horizon
	time   []float64 // days under observation
	died   []bool    // when last observed
}

// until is the time up to the horizon, and whether all of it is known of the patient.
func (s *observed) until(p int) (t float64, died, complete bool) {
	horizon := s.breaks[len(s.breaks)-1]
	if s.time == nil {
		return horizon, false, true
	}
	died = s.died != nil && s.died[p] && s.time[p] <= horizon
	t = math.Min(horizon, s.time[p])
	return t, died, died || t >= horizon
}

// whole says whether an interval of a patient was seen to its end.
func (s *observed) whole(p, interval int) bool {
	t, _, complete := s.until(p)
	return complete || t >= s.breaks[interval]
}

// lacks says whether something is missing of a patient that should have been seen.
func (s *observed) lacks(x [][]float64, p int) bool {
	if s.time != nil && !(s.time[p] >= 0) {
		return true
	}
	for k := range x {
		if s.whole(p, k) && math.IsNaN(x[k][p]) {
			return true
		}
	}
	return false
}

// observe settles the intervals and how long patients were seen.
func (a *arms) observe(in analysis.Input, o TrialOptions) (*observed, error) {
	s := &observed{}
	if o.Censoring == CensoringComplete {
		horizon := float64(o.Horizon)
		if horizon == 0 {
			base, now := a.pair.Baseline.Week, a.pair.Now.Week
			if base == nil || now == nil || !(*now > *base) {
				return nil, fmt.Errorf("%w: expected horizon=DAYS, or the weeks of the baseline and the visit in the cohort file", analysis.ErrCannot)
			}
			horizon = math.Round(7 * (*now - *base))
		}
		s.breaks = []float64{horizon}
		a.breaks = s.breaks
		return s, nil
	}
	visits, err := a.visits(in.Cohort)
	if err != nil {
		return nil, err
	}
	for _, v := range visits[1:] {
		s.breaks = append(s.breaks, math.Round(7*(*v.Week-*visits[0].Week)))
	}
	if len(s.breaks) == 0 {
		return nil, fmt.Errorf("%w: expected a visit after the baseline", analysis.ErrCannot)
	}
	if o.Censoring == CensoringWeighted {
		s.breaks = s.breaks[len(s.breaks)-1:]
	}
	names := []string{o.Followed}
	if o.Ended != "" {
		names = append(names, o.Ended)
	}
	columns, _, err := in.Covariates(a.groups, names)
	if err != nil {
		return nil, err
	}
	if len(columns) != len(names) {
		return nil, fmt.Errorf("%w: followed and ended are columns of numbers", analysis.ErrCannot)
	}
	s.time = slices.Clone(columns[0])
	if o.Ended != "" {
		s.died = make([]bool, len(s.time))
		for p, v := range columns[1] {
			s.died[p] = v != 0
			if math.IsNaN(v) {
				s.time[p] = math.NaN()
			}
		}
	}
	a.breaks = s.breaks
	return s, nil
}

// visits are those from the baseline to the one asked for, by week.
func (a *arms) visits(c *datasets.Cohort) ([]datasets.Visit, error) {
	p := a.pair
	var out []datasets.Visit
	for _, v := range c.Visits() {
		if v.Value == p.Baseline.Value || v.Value == p.Now.Value || v.Week != nil && p.Baseline.Week != nil && p.Now.Week != nil && *v.Week > *p.Baseline.Week && *v.Week < *p.Now.Week {
			if v.Week == nil {
				return nil, fmt.Errorf("%w: QALYs and intervals need the week of each visit: give %s its week in the cohort file", analysis.ErrCannot, v.VisitName())
			}
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b datasets.Visit) int {
		if *a.Week < *b.Week {
			return -1
		}
		return 1
	})
	return out, nil
}

// atTheEnd puts an effect that is seen at the last visit into the last interval.
func (a *arms) atTheEnd(effect []float64) [][]float64 {
	out := make([][]float64, len(a.breaks))
	for k := range out {
		out[k] = make([]float64, len(effect))
	}
	out[len(out)-1] = effect
	return out
}

// qalys are the areas under a utility from the baseline to the visit asked for, by
// interval.
func (a *arms) qalys(c *datasets.Cohort, rate float64, seen *observed) ([][]float64, []analysis.Warning, error) {
	p := a.pair
	if p.DirectionKnown && p.Lower {
		return nil, nil, fmt.Errorf("%w: QALYs need a utility, of which more is better: lower values of %s are; ask for effect=change", analysis.ErrCannot, p.Field.Name)
	}
	visits, err := a.visits(c)
	if err != nil {
		return nil, nil, err
	}
	out := make([][]float64, len(a.breaks))
	for k := range out {
		out[k] = make([]float64, c.Patients())
	}
	over := 0
	for k, v := range visits {
		now := c.Values(p.Field.Name, v.Value)
		for _, u := range now {
			if u > 1 {
				over++
			}
		}
		if k == 0 {
			continue
		}
		before := c.Values(p.Field.Name, visits[k-1].Value)
		into := out[min(k-1, len(out)-1)] // all into one where there is but one
		start, weeks := *visits[k-1].Week-*visits[0].Week, *v.Week-*visits[k-1].Week
		for i := range now {
			into[i] += seen.area(i, start, weeks, before[i], now[i], rate)
		}
	}
	if over > 0 {
		return nil, nil, fmt.Errorf("%w: QALYs need a utility of at most 1; %d values of %s are above", analysis.ErrCannot, over, p.Field.Name)
	}
	a.effectUnit = "QALY"
	return out, nil, nil
}

// area is that under the utility of a patient between two visits, in years: a straight
// line, to 0 at death and 0 after.
func (s *observed) area(p int, start, weeks, before, now, rate float64) float64 {
	if t, died, _ := s.until(p); died && t < 7*(start+weeks) {
		left := t/7 - start
		if left <= 0 {
			return 0
		}
		weeks, now = left, 0
	}
	if rate == 0 {
		return (before + now) / 2 * weeks * 7 / 365.25
	}
	return discountedLine(start*7/365.25, weeks*7/365.25, before, now, rate)
}

// discountedLine is the integral of a straight line from u to v over h years, discounted
// to the time the line begins less after:
//
//	∫₀ʰ (u + (v − u)·s/h)·(1 + rate)^-(after + s) ds
//	  = e^(-δ·after)·h·[u·(1 − e^-x)/x + (v − u)·(1 − e^-x·(1 + x))/x²],  δ = ln(1 + rate), x = δ·h
func discountedLine(after, h, u, v, rate float64) float64 {
	delta := math.Log1p(rate)
	x := delta * h
	level, slope := 1-x/2+x*x/6-x*x*x/24+x*x*x*x/120, 0.5-x/3+x*x/8-x*x*x/30+x*x*x*x/144
	if x > 1e-2 {
		level, slope = -math.Expm1(-x)/x, (-math.Expm1(-x)-x*math.Exp(-x))/(x*x)
	}
	return math.Exp(-delta*after) * h * (u*level + (v-u)*slope)
}

// keep adds a patient: what was not seen counts nothing, and has no weight.
func (a *arms) keep(p int, cost, effect [][]float64, seen *observed) {
	t, died, complete := seen.until(p)
	a.follow.time, a.follow.ended, a.follow.complete = append(a.follow.time, t), append(a.follow.ended, died), append(a.follow.complete, complete)
	totals := [2]float64{}
	for j, x := range [2][][]float64{cost, effect} {
		if a.byInterval[j] == nil {
			a.byInterval[j] = make([][]float64, len(x))
		}
		for k := range x {
			v := 0.0
			if seen.whole(p, k) {
				v = x[k][p]
			}
			a.byInterval[j][k] = append(a.byInterval[j][k], v)
			totals[j] += v
		}
	}
	a.cost, a.effect = append(a.cost, totals[0]), append(a.effect, totals[1])
}
