package work

import (
	"fmt"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// kindOf names the interval of a curve on a scale of package fit.
func kindOf(scale string) string {
	return map[string]string{
		fit.CurveLog: analysis.KindKMLog, fit.CurveLogLog: analysis.KindKMLogLog, fit.CurvePlain: analysis.KindKMPlain,
		fit.CurveLogit: "Greenwood, logit", fit.CurveArcsine: "Greenwood, arcsine",
	}[scale]
}

// timed is the time to return of one group.
type timed struct {
	group   analysis.Group
	curve   fit.Curve
	working int // left out: at work at entry
	time    []float64
	event   []bool
}

// times adds what the clock of a finding says: estimates, curves and the numbers
// at risk.
func (r *reader) times(out *analysis.Result, f read, groups []analysis.Group, ds []denominator, o ReturnOptions) {
	atRisk := r.whoseTime(ds)
	var ts []timed
	for _, g := range groups {
		ts = append(ts, f.clock.curve(g, atRisk, r.weight))
	}
	tau := o.Tau
	for _, t := range ts {
		if o.Tau == 0 && t.curve.N > 0 && (tau == 0 || t.curve.Last() < tau) {
			tau = t.curve.Last()
		}
	}
	c := &clockReport{r, f, atRisk, tau, o}
	for _, t := range ts {
		out.Estimates = append(out.Estimates, c.estimates(t)...)
		out.Series = append(out.Series, c.series(t))
		if t.working > 0 {
			out.Excluded = append(out.Excluded, datasets.Exclusion{
				Code: analysis.WarnExcluded, Patients: t.working,
				Reason: fmt.Sprintf("%s, %s: not off work at entry, or not known to be, so not at risk of returning", f.definition.Name, t.group.Name),
			})
		}
	}
	out.Tables = append(out.Tables, c.risk(ts))
	if r.q.Reference != "" {
		out.Estimates = append(out.Estimates, c.differences(ts[0], ts[1])...)
	}
}

// whoseTime returns the patients whose time counts: those off work at entry, where
// that is known and unless all were asked for.
func (r *reader) whoseTime(ds []denominator) denominator {
	if len(ds) > 1 && r.o.AtRisk != "all" {
		return ds[1]
	}
	if r.o.AtRisk == "off-work" {
		r.warn("denominator-not-available", "times count for all patients: work status at entry is not known", "give work_status at the baseline visit, or a column with role work_before")
	}
	return ds[0]
}

func (k clock) curve(g analysis.Group, d denominator, weight []float64) timed {
	t := timed{group: g}
	var ws []float64
	for _, p := range g.Patients {
		if d.in != nil && !d.in[p] {
			t.working++
			continue
		}
		t.time, t.event = append(t.time, k.time[p]), append(t.event, k.event[p])
		if weight != nil {
			ws = append(ws, weight[p])
		}
	}
	if t.curve = fit.KaplanMeier(t.time, t.event); weight != nil {
		t.curve = fit.WeightedKaplanMeier(t.time, t.event, ws)
	}
	return t
}

// clockReport writes the results of one definition's clock.
type clockReport struct {
	*reader
	f      read
	atRisk denominator
	tau    float64
	set    ReturnOptions
}

func (c *clockReport) empty(term, visit string, scale analysis.Scale, t timed) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit, e.Definition, e.Arm = "work", visit, c.f.definition.Name, t.group.Name
	e.N = analysis.N{Arm: t.curve.N, Missing: t.curve.Missing}
	if n := len(t.curve.Time); n > 0 {
		e.N.Events = t.curve.EventsBy(t.curve.Last())
	}
	e.Method.Name = fmt.Sprintf("Kaplan-Meier time to return in days, %s: %s (%s); of %s; lost to follow-up is censored", c.f.definition.Name, c.f.definition.Rule, c.f.clock.method, c.atRisk.text)
	e.Method.R = fmt.Sprintf("survival::survfit(Surv(time, event) ~ 1, conf.type = %q)", c.set.Interval)
	e.Method.Ref = "Kaplan and Meier 1958, 10.1080/01621459.1958.10501452"
	if c.weight != nil {
		describeWeights(&e, c.set)
	}
	return e
}

func describeWeights(e *analysis.Estimate, o ReturnOptions) {
	e.Method.Name = "case weights " + o.Weights + ", errors by the infinitesimal jackknife; " + e.Method.Name
	e.Method.R = fmt.Sprintf("survival::survfit(Surv(time, event) ~ 1, weights, robust = TRUE, conf.type = %q)", o.Interval)
}

func (c *clockReport) estimates(t timed) []analysis.Estimate {
	var out []analysis.Estimate
	for _, day := range c.set.At {
		out = append(out, c.returned(t, day))
	}
	out = append(out, c.median(t))
	if c.weight == nil {
		out = append(out, c.restrictedMean(t))
	}
	if n := t.curve.N + t.curve.Missing; float64(t.curve.N) < lowFollowUp*float64(n) {
		for i, e := range out {
			out[i] = followUp(e, n, t.curve.Missing)
		}
	}
	return out
}

// returned is 1 - S at a day.
func (c *clockReport) returned(t timed, day float64) analysis.Estimate {
	e := c.empty("km_returned", fmt.Sprintf("day %g", day), analysis.ScaleProportion, t)
	e.N.Events = t.curve.EventsBy(day)
	s, se := t.curve.SurvivalAt(day)
	e.Value, e.SE = analysis.Num(1-s), analysis.Num(se)
	if math.IsNaN(s) {
		return c.tooFew(e, t, day)
	}
	if s == 0 || s == 1 {
		return unsure(e)
	}
	low, high := t.curve.Bounds(day, c.set.Interval, analysis.NormalQuantile(c.q.Level))
	kind := kindOf(c.set.Interval)
	if c.weight != nil {
		kind = strings.Replace(kind, "Greenwood", "jackknife", 1)
	}
	e.CI = analysis.NewInterval(kind, 1-high, 1-low, c.q.Level)
	return e
}

// unsure takes the error and interval off an estimate from a curve at 0 or 1,
// where Greenwood's variance is 0 or not defined.
func unsure(e analysis.Estimate) analysis.Estimate {
	e.SE, e.Statistic, e.P, e.CI = analysis.None, analysis.None, analysis.None, analysis.NoInterval
	return e.Warn(analysis.WarnTooFew, "nobody, or everybody, of a group has returned by this day, where the curve has no standard error", "read the share with its Wilson interval, or choose another day")
}

func (c *clockReport) tooFew(e analysis.Estimate, t timed, day float64) analysis.Estimate {
	if t.curve.N == 0 {
		return e.Warn(analysis.WarnTooFew, "no patient has a usable time to return", "record times or spells of work, and with gaps in them pass --set gap=off-work if every spell of work is listed")
	}
	return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up ends on day %g, before day %g", t.curve.Last(), day), "follow patients for longer, or choose an earlier day")
}

func (c *clockReport) median(t timed) analysis.Estimate {
	e := c.empty("median_time", "", analysis.ScaleTime, t)
	e.Unit = "days"
	e.Method.Ref = "Brookmeyer and Crowley 1982, 10.2307/2530286"
	m, low, high := t.curve.Quantile(0.5, c.set.Interval, analysis.NormalQuantile(c.q.Level))
	e.Value = analysis.Num(m)
	switch {
	case t.curve.N == 0:
		return c.tooFew(e, t, 0)
	case math.IsNaN(m):
		return e.Warn(analysis.WarnTooFew, "fewer than half had returned by the end of follow-up, so there is no median", "follow patients for longer, or read the share returned and the restricted mean")
	}
	e.CI = analysis.NewInterval(analysis.KindBrookmeyer+" ("+c.set.Interval+")", low, high, c.q.Level)
	if math.IsNaN(low) || math.IsNaN(high) {
		return e.Warn(analysis.WarnTooFew, "a limit of the median's interval was not reached in follow-up", "follow more patients, or for longer")
	}
	return e
}

func (c *clockReport) restrictedMean(t timed) analysis.Estimate {
	e := c.empty("restricted_mean", fmt.Sprintf("day %g", c.tau), analysis.ScaleTime, t)
	e.Unit = "days"
	e.Method.Name = "Restricted mean days until return; " + e.Method.Name
	e.Method.R = fmt.Sprintf("survRM2::rmst2(time, event, arm, tau = %g)", c.tau)
	e.Method.Ref = "Uno et al. 2014, 10.1200/JCO.2014.55.2208"
	m, se := t.curve.RestrictedMean(c.tau)
	if math.IsNaN(m) || c.tau == 0 {
		return c.tooFew(e, t, c.tau)
	}
	e.Value, e.SE = analysis.Num(m), analysis.Num(se)
	e.CI = analysis.NormalInterval(m, se, c.q.Level)
	return noError(e)
}

// noError takes back an error of 0, which speaks of too few events, not of
// certainty.
func noError(e analysis.Estimate) analysis.Estimate {
	if e.SE == 0 {
		e.SE, e.CI = analysis.None, analysis.NoInterval
		e.Statistic, e.P = analysis.None, analysis.None
		return e.Warn(analysis.WarnNoVariance, "too few returns at different times for a standard error", "follow more patients, or for longer")
	}
	return e
}

// series is the curve of the share returned, with those at risk at each step.
func (c *clockReport) series(t timed) analysis.Series {
	return curveSeries(c.f.definition.Name, t.group.Name, t.curve, c.set.Interval, c.q.Level)
}

// curveSeries writes 1 less a curve, on a scale of intervals.
func curveSeries(definition, group string, c fit.Curve, scale string, level float64) analysis.Series {
	s := analysis.Series{Name: "kaplan-meier/" + definition, Group: group, Step: true, XUnit: "days", YUnit: "share returned"}
	if len(c.Time) == 0 || c.Time[0] > 0 {
		s.Points = []analysis.Point{{Low: analysis.None, High: analysis.None, N: c.N}}
	}
	for i, day := range c.Time {
		low, high := c.Bounds(day, scale, analysis.NormalQuantile(level))
		s.Points = append(s.Points, analysis.Point{
			X: analysis.Num(day), Y: analysis.Num(1 - c.Survival[i]),
			Low: analysis.Num(1 - high), High: analysis.Num(1 - low),
			N: c.AtRisk[i], Events: c.Events[i], Censored: c.Censored[i],
		})
	}
	return s
}

// risk is the table of numbers at risk under a figure of the curves.
func (c *clockReport) risk(ts []timed) analysis.Table {
	out := analysis.Table{Name: "numbers-at-risk/" + c.f.definition.Name, Title: "Not yet returned and still followed, by day", Columns: []string{"group"}}
	days := append([]float64{0}, c.set.At...)
	for _, d := range days {
		out.Columns = append(out.Columns, fmt.Sprintf("day %g", d))
	}
	for _, t := range ts {
		row := []analysis.Value{analysis.Text(t.group.Name)}
		for _, d := range days {
			row = append(row, analysis.Number(float64(t.curve.NumberAtRisk(d))))
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func (c *clockReport) differences(a, b timed) []analysis.Estimate {
	pair := func(e analysis.Estimate) analysis.Estimate {
		e.Reference = b.group.Name
		e.N.Reference, e.N.Missing = b.curve.N, a.curve.Missing+b.curve.Missing
		return followUp(e, a.curve.N+b.curve.N+e.N.Missing, e.N.Missing)
	}
	var out []analysis.Estimate
	for _, day := range c.set.At {
		e := c.empty("km_difference", fmt.Sprintf("day %g", day), analysis.ScaleRiskDiff, a)
		e.N.Events = a.curve.EventsBy(day)
		s1, se1 := a.curve.SurvivalAt(day)
		s2, se2 := b.curve.SurvivalAt(day)
		e = difference(e, s2-s1, math.Hypot(se1, se2), c.q.Level)
		switch {
		case e.Value.OK() && (s1 == 0 || s1 == 1 || s2 == 0 || s2 == 1):
			e = unsure(e)
		case !e.Value.OK():
			e = e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up of a group ends before day %g", day), "choose an earlier day")
		}
		out = append(out, pair(e))
	}
	if c.weight != nil {
		return out
	}
	e := c.empty("restricted_mean_difference", fmt.Sprintf("day %g", c.tau), analysis.ScaleDifference, a)
	e.Unit = "days"
	e.Method.R, e.Method.Ref = fmt.Sprintf("survRM2::rmst2(time, event, arm, tau = %g)", c.tau), "Uno et al. 2014, 10.1200/JCO.2014.55.2208"
	e = compareRestricted(e, a.curve, b.curve, c.tau, RestrictedDifference, c.q.Level)
	return append(out, pair(e), pair(c.logRank(a, b)))
}

// compareRestricted fills in the restricted mean of a less that of b, with the normal
// interval from the sum of the variances, or the ratio of the means, or that of the
// times lost (tau less the mean), with the interval on the log scale.
func compareRestricted(e analysis.Estimate, a, b fit.Curve, tau float64, scale string, level float64) analysis.Estimate {
	m1, se1 := a.RestrictedMean(tau)
	m2, se2 := b.RestrictedMean(tau)
	switch {
	case math.IsNaN(m1) || math.IsNaN(m2) || tau == 0:
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up of a group ends before day %g", tau), "choose an earlier day with --set tau=DAY")
	case scale == RestrictedDifference:
		return noError(difference(e, m1-m2, math.Hypot(se1, se2), level))
	case scale == RestrictedLostRatio:
		m1, m2 = tau-m1, tau-m2
	}
	if !(m1 > 0) || !(m2 > 0) {
		return e.Warn(analysis.WarnTooFew, "the time of a group is 0, of which there is no ratio", "read the difference")
	}
	return noError(ratio(e, math.Log(m1/m2), math.Hypot(se1/m1, se2/m2), level))
}

// ratio fills in a ratio from its logarithm and the standard error of that, which is
// also the one given.
func ratio(e analysis.Estimate, log, se, level float64) analysis.Estimate {
	e.Value, e.SE = analysis.Num(math.Exp(log)), analysis.Num(se)
	e.CI = analysis.LogInterval(math.Exp(log), se, level)
	if se > 0 {
		e.Statistic, e.P = analysis.Num(log/se), analysis.Num(analysis.NormalP(log/se))
	}
	return e
}

// difference fills in a difference with a normal interval and test.
func difference(e analysis.Estimate, d, se, level float64) analysis.Estimate {
	e.Value, e.SE = analysis.Num(d), analysis.Num(se)
	e.CI = analysis.NormalInterval(d, se, level)
	if se > 0 {
		e.Statistic, e.P = analysis.Num(d/se), analysis.Num(analysis.NormalP(d/se))
	}
	return e
}

// logRank tests for a difference over all of follow-up; its value is observed
// less expected returns in the arm.
func (c *clockReport) logRank(a, b timed) analysis.Estimate {
	e := c.empty("logrank", "", analysis.ScaleDifference, a)
	e.Unit = "returns beyond those expected"
	e.Method.Name = "Log-rank test; " + e.Method.Name
	e.Method.R, e.Method.Ref = "survival::survdiff(Surv(time, event) ~ arm)", "Peto and Peto 1972, 10.2307/2344317"
	var time []float64
	var event []bool
	var group []int
	for g, one := range []timed{a, b} {
		for i, v := range one.time {
			if v >= 0 && !math.IsInf(v, 1) {
				time, event, group = append(time, v), append(event, one.event[i]), append(group, g)
			}
		}
	}
	l := CompareRanks(time, event, group, nil, 2, Weighting{Kind: WeightLogRank})
	if math.IsNaN(l.ChiSq) {
		return e.Warn(analysis.WarnTooFew, "no return happened while both groups were followed, so there is nothing to test", "follow more patients, or for longer")
	}
	e.Value, e.SE = analysis.Num(l.Observed[0]-l.Expected[0]), analysis.Num(math.Sqrt(l.Covariance[0][0]))
	e.Statistic, e.DF, e.P = analysis.Num(l.ChiSq), 1, analysis.Num(l.P)
	return e
}
