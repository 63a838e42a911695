package taper

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// TimeOptions are the settings of TimeAnalysis.
type TimeOptions struct {
	DoseOptions
	Unit     string    `opt:"unit" doc:"mme, converted; or as-recorded, one drug in its own unit" choices:"mme|as-recorded"`
	Baseline string    `opt:"baseline" doc:"days whose mean dose is the baseline"`
	Origin   int       `opt:"origin" doc:"day from which times count: after the baseline, where that lies after day 0"`
	At       []float64 `opt:"at" doc:"days from the origin, or from the stop, at which shares are given"`
	FollowUp int       `opt:"follow_up" doc:"last day from the origin that is looked at"`
	Method   string    `opt:"method" doc:"kaplan-meier, the event on the day it was seen; npmle, it lies between two known days; auto: npmle where any event lies between days that are not neighbours" choices:"auto|kaplan-meier|npmle"`
	Death    string    `opt:"death" doc:"column of one row a patient with the day of death, a date or a day on the clock of the doses; a death before the event competes with it"`
}

// timed is a definition of an event in the course of a dose.
type timed struct {
	analysis.Definition
	term string
	// when returns the event of a patient; false where nothing is known after day 0.
	when func(p patient, to int) (seen, bool)
}

const (
	ownRule   = "this project's own: no source states it"
	threshold = "share of the baseline: registry rule of ePPOC, by painaustralia.org.au"
)

var timedEvents = []timed{
	{analysis.Definition{Name: "half-first", Rule: "first day with a dose at or under half of the baseline", Source: threshold}, "half_first", func(p patient, to int) (seen, bool) {
		return p.first(to, func(v float64) bool { return v <= (0.5+slack)*p.baseline })
	}},
	{analysis.Definition{Name: "half-sustained", Rule: "first day from which on every known dose is at or under half of the baseline; the last known day alone can do, so it leans on how long patients were followed", Source: threshold}, "half_sustained", func(p patient, to int) (seen, bool) {
		return p.sustained(to, func(v float64) bool { return v <= (0.5+slack)*p.baseline })
	}},
	{analysis.Definition{Name: "zero-first", Rule: "first day with a dose of zero", Source: ownRule}, "zero_first", func(p patient, to int) (seen, bool) {
		return p.first(to, func(v float64) bool { return v == 0 })
	}},
	stoppedFor("stopped-30", 30, "gap of at least 30 days: "+bao),
	stoppedFor("stopped-60", 60, "at least 60 consecutive days: "+neprash),
	{analysis.Definition{Name: "resumed", Rule: "of those stopped by stopped-30, first day after the stop with a dose above 0; days count from the stop", Source: "resumption after discharge is in Huffman et al. 2013; the rule is this project's own"}, "resumed", func(p patient, to int) (seen, bool) {
		v, stop := p.Stopped(Window{0, to}, 30)
		if v != Yes {
			return seen{}, false
		}
		s, ok := p.from(stop, to, func(v float64) bool { return v > 0 })
		return s.since(float64(stop)), ok
	}},
}

func stoppedFor(name string, days int, source string) timed {
	return timed{
		analysis.Definition{Name: name, Rule: fmt.Sprintf("first of %d consecutive days known to be free of opioids", days), Source: source},
		fmt.Sprintf("stopped_%d", days),
		func(p patient, to int) (seen, bool) {
			s, ok := p.from(0, to, func(float64) bool { return false })
			if !ok {
				return s, false
			}
			v, day := p.Stopped(Window{0, to}, days)
			last := to
			if v == Yes {
				s.right, last = float64(day), day
			}
			s.left = 0 // the last day on opioids: a run of zeros that has only begun is no stop yet
			for at := last; at >= 0; at-- {
				if p.At(at) > 0 {
					s.left = float64(at)
					break
				}
			}
			return s, true
		},
	}
}

// first returns the first known day from day 0 that is as asked.
func (d Daily) first(to int, is func(v float64) bool) (seen, bool) { return d.from(0, to, is) }

func (d Daily) from(day, to int, is func(v float64) bool) (seen, bool) {
	s, ok := seen{left: float64(day), right: math.Inf(1)}, false
	for at := day; at <= to; at++ {
		v := d.At(at)
		if math.IsNaN(v) {
			continue
		}
		ok = true
		if is(v) {
			s.right = float64(at)
			return s, true
		}
		s.left = float64(at)
	}
	return s, ok
}

// sustained returns the first known day from which on all known days are as asked.
func (d Daily) sustained(to int, is func(v float64) bool) (seen, bool) {
	s, ok := seen{right: math.Inf(1)}, false
	last := 0.0
	for at := 0; at <= to; at++ {
		switch v := d.At(at); {
		case math.IsNaN(v):
			continue
		case !is(v):
			s.left, s.right = float64(at), math.Inf(1)
		case !s.event():
			s.right = float64(at)
		}
		ok, last = true, float64(at)
	}
	if !s.event() {
		s.left = last
	}
	return s, ok
}

// since moves the clock.
func (s seen) since(day float64) seen { return seen{s.left - day, s.right - day, s.dead} }

// exact reports that the event is known to the day.
func (s seen) exact() bool { return !s.event() || s.right-s.left <= 1 }

// courses are judgements of the course by months.
var courses = []struct {
	analysis.Definition
	term   string
	change float64 // sign of the step that is looked for: 0 a pause, 1 a rise
}{
	{analysis.Definition{Name: "paused", Rule: "of patients whose mean dose fell from one 30-day month to the next by more than 5 % of baseline: a later month within 5 % of baseline of the one before, at a dose above 0", Source: ownRule + "; CDC 2022 allows pauses"}, "paused", 0},
	{analysis.Definition{Name: "reversed", Rule: "of the same patients: a later month more than 5 % of baseline above the one before", Source: ownRule}, "reversed", 1},
}

// monthly returns whether the dose fell, and whether a later step is a pause or a rise.
func (p patient) monthly(to int, rise, atLeast float64) finding {
	f := finding{No, No}
	before, fell := p.baseline, false
	for k := 0; month*(k+1)-1 <= to; k++ {
		now, _ := p.Mean(Window{month * k, month*k + month - 1}, atLeast)
		step := (now - before) / p.baseline
		switch {
		case math.IsNaN(step):
			if fell && f.is == No {
				f.is = Unknown
			} else if !fell {
				f.in = Unknown
			}
		case step < -0.05-slack:
			fell = true
		case fell && (rise == 0 && math.Abs(step) <= 0.05+slack && now > 0 || rise > 0 && step > 0.05+slack):
			f.is = Yes
		}
		before = now
	}
	if fell {
		f.in = Yes
	}
	return f
}

// TimeAnalysis is taper/time.
var TimeAnalysis = analysis.New(analysis.Analysis{
	Name:     "taper/time",
	Title:    "Time to half the dose, to stopping and to resumption",
	Estimand: "among patients on opioids at entry, the share who have come to half their dose, stopped or resumed by a day, and the median time, by named definitions",
	Doc: `Days count from the origin, day 0 unless chosen (resumed: from the stop). Patients with a known baseline mean above 0 and any known day from there on are followed to their last known day, at most follow_up; then they are censored. Stops: to the last known day with a dose, for a run of zeros that is not long enough is no stop, and no proof of none.
Terms for each definition: _share by each day of at, with the log-log interval of survfit; _median with Brookmeyer and Crowley's interval; difference_ of the shares of two arms with a normal interval (kaplan-meier alone).
  method=kaplan-meier  1 - Π (1 - d/n), the event on the day on which it was first seen; Greenwood errors. Doses seen at visits alone make it late.
  method=npmle         the event lies after the last known day without it and not after the day on which it was seen. Turnbull's estimate: _share_least and _share_most bound the share where the data do not say on which side of a day the mass lies; _median_least and _median_most are the ends of the interval in which the share passes one half. They have no standard error.
  method=auto          npmle for a definition of which any event lies between known days that are not neighbours, of any arm
death names a column: a death before the event competes with it (kaplan-meier alone: the share is Aalen and Johansen's, not 1 minus Kaplan-Meier), so shares are of all, the dead too. A patient lost for more than 30 days before death is censored on the last known day: what came first is not known.
paused and reversed: shares of patients whose monthly mean fell, _all and _known as in taper/reduction.
A stop within days without records is not seen, and the patient counts as not stopped through them. Censoring must not depend on the dose to come. ` + notStopped + `
R: survfit(Surv(t, e) ~ 1, conf.type = "log-log"); survfit(Surv(t, factor(cause)) ~ 1); icenReg::ic_np().`,
	Refs: []string{
		"Kaplan and Meier 1958, 10.1080/01621459.1958.10501452", "Brookmeyer and Crowley 1982, 10.2307/2530286",
		"Turnbull 1976, 10.1111/j.2517-6161.1976.tb01597.x", bao, neprash, refWilson, refNewcombe,
	},
	Definitions: timedNames(),
}, TimeOptions{DoseOptions: doseDefaults, Unit: unitMME, Baseline: "-28:-1", At: []float64{30, 90, 180, 360}, FollowUp: year, Method: "auto"}, runTime)

func timedNames() []analysis.Definition {
	var out []analysis.Definition
	for _, e := range timedEvents {
		out = append(out, e.Definition)
	}
	for _, c := range courses {
		out = append(out, c.Definition)
	}
	return out
}

// timer holds the patients while their times are taken.
type timer struct {
	*doses
	o        TimeOptions
	baseline Window
	patients []patient
	died     []float64 // day of death, NaN for none
}

func runTime(ctx context.Context, in analysis.Input, q analysis.Question, o TimeOptions) (analysis.Result, error) {
	if o.FollowUp < 1 || o.FollowUp > maxDay || o.Origin < -maxDay || o.Origin > maxDay {
		return analysis.Result{}, fmt.Errorf("%w: expected follow_up from 1 to %d days, and an origin no further off", analysis.ErrOptions, maxDay)
	}
	if o.Death != "" && o.Method == "npmle" {
		return analysis.Result{}, fmt.Errorf("%w: a competing death needs method=kaplan-meier", analysis.ErrOptions)
	}
	d, err := open(in, q, o.DoseOptions, o.Unit)
	if err != nil {
		return analysis.Result{}, err
	}
	x := &timer{doses: d, o: o}
	if x.patients, x.baseline, err = d.fromBaseline(o.Baseline, o.Origin, o.Origin+o.FollowUp); err != nil {
		return analysis.Result{}, err
	}
	if x.died, err = d.deaths(o.Death); err != nil {
		return analysis.Result{}, err
	}
	for p := range x.patients { // onto the clock of the origin
		x.patients[p].From -= o.Origin
		x.died[p] -= float64(o.Origin)
	}
	x.lateDeaths()
	for _, e := range timedEvents {
		if q.Definition != "" && q.Definition != e.Name {
			continue
		}
		if err := ctx.Err(); err != nil {
			return analysis.Result{}, err
		}
		x.event(e)
	}
	for _, c := range courses {
		if q.Definition == "" || q.Definition == c.Name {
			x.course(c.Definition, c.term, c.change)
		}
	}
	d.warn(analysis.WarnAssumption, notStopped, "")
	return d.result, nil
}

// lateDeaths warns of deaths that do not compete.
func (x *timer) lateDeaths() {
	n := 0
	for _, g := range x.groups {
		for _, i := range g.Patients {
			if _, late := x.competing(i); late && x.patients[i].baseline > 0 {
				n++
			}
		}
	}
	if n > 0 {
		x.warn(analysis.WarnAssumption, fmt.Sprintf("%d patients died more than %d days after the last day whose dose is known; what came first is not known, and they are censored on that day", n, month), "record doses up to death")
	}
}

// deaths reads the days of death onto the clock of the doses.
func (d *doses) deaths(column string) ([]float64, error) {
	out := make([]float64, len(d.records))
	for p := range out {
		out[p] = math.NaN()
	}
	if column == "" {
		return out, nil
	}
	t, f, err := d.c.PatientField(column)
	if err != nil {
		return nil, err
	}
	dated := f.Type == datasets.TypeDate || f.Type == datasets.TypeDatetime
	if dated != (d.clock == clockAdmission) {
		return nil, cannot("column %s and the doses must both have dates, or both days on one clock", column)
	}
	offset := make([]float64, len(out))
	if dated {
		offset = d.c.Days(datasets.RoleAdmitted)
	}
	for row, day := range t.Floats(f.Name) {
		p := t.Patient()[row]
		out[p] = math.Floor(day - offset[p])
	}
	return out, nil
}

// timesOf returns the times of a group's patients on opioids at entry, how many they
// are, and how many of unknown course.
func (x *timer) timesOf(e timed, g analysis.Group) (xs []seen, n, unknown int) {
	for _, i := range g.Patients {
		p := x.patients[i]
		if !(p.baseline > 0) {
			continue
		}
		s, ok := e.when(p, x.o.FollowUp)
		died, _ := x.competing(i)
		if e.Name == "resumed" {
			if v, stop := p.Stopped(Window{0, x.o.FollowUp}, 30); v == Yes {
				n++
				xs = append(xs, s.until(died-float64(stop)))
			}
			continue
		}
		n++
		if !ok && math.IsNaN(died) {
			unknown++
			continue
		}
		xs = append(xs, s.until(died))
	}
	return xs, n, unknown
}

// competing returns the day of death where it competes: within follow_up and at most a month
// after the last day whose dose is known. Of a patient who was lost before that it is
// not known what came first, and late says so.
func (x *timer) competing(i int) (died float64, late bool) {
	died = x.died[i]
	if !(died >= 0 && died <= float64(x.o.FollowUp)) {
		return math.NaN(), false
	}
	if x.patients[i].lastKnown(int(died)) < died-month {
		return math.NaN(), true
	}
	return died, false
}

// lastKnown is the last day up to one whose dose is known, -Inf without any.
func (d Daily) lastKnown(to int) float64 {
	for at := min(to, d.From+len(d.Dose)-1); at >= d.From; at-- {
		if !math.IsNaN(d.At(at)) {
			return float64(at)
		}
	}
	return math.Inf(-1)
}

// until ends a time at death, where the event did not come before.
func (s seen) until(died float64) seen {
	if died >= 0 && s.right > died {
		return seen{died, math.Inf(1), true}
	}
	return s
}

func (x *timer) event(e timed) {
	var all [][]seen
	var n, unknown []int
	apart := 0
	for _, g := range x.groups {
		xs, m, u := x.timesOf(e, g)
		all, n, unknown = append(all, xs), append(n, m), append(unknown, u)
		for _, s := range xs {
			if !s.exact() {
				apart++
			}
		}
	}
	if x.o.Method == "npmle" || x.o.Method == "auto" && apart > 0 && x.o.Death == "" {
		for k, g := range x.groups {
			x.between(e, g, all[k], n[k], unknown[k])
		}
		if x.q.Reference != "" {
			x.warn("no-difference", e.Name+": Turnbull's estimates have no standard error, so the arms are not compared", "pass --set method=kaplan-meier, or use resample/bootstrap")
		}
		return
	}
	if apart > 0 {
		x.warn(analysis.WarnAssumption, fmt.Sprintf("%s: %d events lie between known days that are not neighbours, and count on the day on which they were seen", e.Name, apart), "pass --set method=npmle")
	}
	curves := make([]risk, len(x.groups))
	for k, g := range x.groups {
		curves[k] = incidence(all[k])
		x.onDays(e, g, curves[k], n[k], unknown[k])
	}
	if x.q.Reference != "" {
		x.differences(e, curves, n, unknown)
	}
}

func (x *timer) definition(name string) string {
	out := fmt.Sprintf("%s; %s; baseline %s", name, x.o.said(), x.baseline)
	if x.o.Origin != 0 {
		out += fmt.Sprintf("; times from day %d", x.o.Origin)
	}
	return out
}

func (x *timer) begin(e timed, suffix, visit, arm string, scale analysis.Scale) analysis.Estimate {
	out := x.empty(e.term+suffix, scale, visit, arm, x.definition(e.Name))
	return describe(out, e.Rule+" ("+e.Source+")")
}

const cureTime = "follow more patients for longer, or ask for earlier days with --set at=DAYS"

// onDays writes what Kaplan and Meier say of one group.
func (x *timer) onDays(e timed, g analysis.Group, r risk, n, unknown int) {
	used := n - unknown
	done := func(out analysis.Estimate, text, call string) {
		out.N.Arm, out.N.Missing = used, unknown
		out = describe(out, text)
		out.Method.R = call
		x.result.Estimates = append(x.result.Estimates, followUp(out, n, unknown))
	}
	way := "Kaplan-Meier"
	if x.o.Death != "" {
		way = "Aalen-Johansen, death competing"
	}
	for _, at := range x.o.At {
		out := x.begin(e, "_share", fmt.Sprintf("day %g", at), g.Name, analysis.ScaleProportion)
		share, se, events := r.by(at)
		out.Value, out.N.Events = analysis.Num(share), events
		switch low, high := bounds(share, se, x.q.Level); {
		case math.IsNaN(share):
			out = out.Warn(analysis.WarnTooFew, "nobody was followed to this day", cureTime)
		case share > 0 && share < 1:
			out.SE, out.CI = analysis.Num(se), analysis.NewInterval(analysis.KindKMLogLog, low, high, x.q.Level)
		default:
			out = out.Warn(analysis.WarnTooFew, "a share of 0 or 1 has no interval on the log-log scale", cureTime)
		}
		done(out, way, `summary(survfit(Surv(t, e) ~ 1, conf.type = "log-log"), times)`)
	}
	out := x.begin(e, "_median", fmt.Sprintf("to day %d", x.o.FollowUp), g.Name, analysis.ScaleTime)
	t, low, high := r.quantile(0.5, x.q.Level)
	out.Unit, out.Value = "days", analysis.Num(t)
	if last := len(r.Time) - 1; last >= 0 {
		_, _, out.N.Events = r.by(r.Time[last])
	}
	if !math.IsNaN(low) || !math.IsNaN(high) {
		out.CI = analysis.NewInterval(analysis.KindBrookmeyer+", log-log", low, high, x.q.Level)
	}
	if math.IsNaN(t) {
		out = out.Warn(analysis.WarnTooFew, "fewer than half have the event in the time that was followed", cureTime)
	}
	done(out, way, `quantile(survfit(Surv(t, e) ~ 1, conf.type = "log-log"), 0.5)`)
	if len(r.Time) > 0 {
		x.result.Series = append(x.result.Series, x.curve(e, g, r))
	}
}

func (x *timer) curve(e timed, g analysis.Group, r risk) analysis.Series {
	s := analysis.Series{Name: "taper-time/" + e.Name, Group: g.Name, Step: true, XUnit: "days", YUnit: "share with the event"}
	for i, t := range r.Time {
		share, se, _ := r.by(t)
		low, high := bounds(share, se, x.q.Level)
		s.Points = append(s.Points, analysis.Point{
			X: analysis.Num(t), Y: analysis.Num(share), Low: analysis.Num(low), High: analysis.Num(high),
			N: r.AtRisk[i], Events: r.Events[causeEvent-1][i], Censored: r.gone(i),
		})
	}
	return s
}

// differences writes the shares of the arm less those of the reference.
func (x *timer) differences(e timed, r []risk, n, unknown []int) {
	a, b := x.groups[0], x.groups[1]
	for _, at := range x.o.At {
		out := x.begin(e, "_share", fmt.Sprintf("day %g", at), a.Name, analysis.ScaleRiskDiff)
		out.Term = "difference_" + out.Term
		out.Reference, out.N = b.Name, analysis.N{Arm: n[0] - unknown[0], Reference: n[1] - unknown[1], Missing: unknown[0] + unknown[1]}
		out.Method.R = "difference of two survfit shares, √(se² + se²)"
		p, se, events := r[0].by(at)
		q, other, _ := r[1].by(at)
		out.Value, out.N.Events = analysis.Num(p-q), events
		s := math.Hypot(se, other)
		switch {
		case math.IsNaN(p - q):
			out = out.Warn(analysis.WarnTooFew, "one of the arms was not followed to this day", cureTime)
		case s > 0:
			out.SE, out.CI = analysis.Num(s), analysis.NormalInterval(p-q, s, x.q.Level)
			out.Statistic, out.P = analysis.Num((p-q)/s), analysis.Num(analysis.NormalP((p-q)/s))
		default:
			out = out.Warn(analysis.WarnNoVariance, "both shares are 0 or 1, so there is no standard error", cureTime)
		}
		x.result.Estimates = append(x.result.Estimates, followUp(out, n[0]+n[1], unknown[0]+unknown[1]))
	}
}

// between writes what intervals say of one group.
func (x *timer) between(e timed, g analysis.Group, xs []seen, n, unknown int) {
	var left, right []float64
	events := 0
	for _, s := range xs {
		if s.event() {
			events++
		}
		left, right = append(left, s.left), append(right, s.right)
	}
	m, err := fit.SelfConsistent(left, right)
	done := func(suffix, visit string, scale analysis.Scale, v float64, none string) {
		out := x.begin(e, suffix, visit, g.Name, scale)
		out = describe(out, "Turnbull's estimate of times known to lie between two days")
		out.N, out.Method.R, out.Method.Ref = analysis.N{Arm: n - unknown, Missing: unknown, Events: events}, "icenReg::ic_np(cbind(left, right) ~ 0)", "Turnbull 1976, 10.1111/j.2517-6161.1976.tb01597.x"
		if scale == analysis.ScaleTime {
			out.Unit = "days"
		}
		switch {
		case len(xs) == 0:
			out = out.Warn(analysis.WarnTooFew, "no patient has a time", cureTime)
		case err != nil:
			out = out.Warn("no-convergence", err.Error(), "pass --set method=kaplan-meier")
		case math.IsNaN(v) || math.IsInf(v, 1):
			out = out.Warn(analysis.WarnTooFew, none, cureTime)
		default:
			out.Value = analysis.Num(v)
			out = out.Warn("no-interval", "Turnbull's estimate has no standard error", "resample/bootstrap gives an interval")
		}
		x.result.Estimates = append(x.result.Estimates, followUp(out, n, unknown))
	}
	if m == nil {
		m = &fit.Turnbull{}
	}
	for _, at := range x.o.At {
		least, most := m.By(at)
		visit := fmt.Sprintf("day %g", at)
		done("_share_least", visit, analysis.ScaleProportion, least, "")
		done("_share_most", visit, analysis.ScaleProportion, most, "")
	}
	low, high := m.Quantile(0.5)
	visit, none := fmt.Sprintf("to day %d", x.o.FollowUp), "fewer than half have the event in the time that was followed"
	if math.IsInf(high, 1) {
		low = math.NaN()
	}
	done("_median_least", visit, analysis.ScaleTime, low, none)
	done("_median_most", visit, analysis.ScaleTime, high, none)
}

// course writes the shares of a judgement by months.
func (x *timer) course(d analysis.Definition, term string, rise float64) {
	begin := func(prefix, suffix, who, arm string, scale analysis.Scale) analysis.Estimate {
		e := x.empty(prefix+term+suffix, scale, Window{0, x.o.FollowUp}.String(), arm, x.definition(d.Name))
		return describe(describe(e, who), d.Rule+" ("+d.Source+")")
	}
	var counts []tallied
	for _, g := range x.groups {
		var c tallied
		for _, i := range g.Patients {
			if p := x.patients[i]; p.baseline > 0 {
				if f := p.monthly(x.o.FollowUp, rise, x.o.MinKnown); f.in == Yes {
					c.add(f.is)
				}
			}
		}
		counts = append(counts, c)
		x.result.Estimates = append(x.result.Estimates, leaning(c, x.sharesOf(begin, "of those whose monthly mean fell", g.Name, c))...)
	}
	if x.q.Reference != "" {
		x.result.Estimates = append(x.result.Estimates, x.shareDifferences(begin, "of those whose monthly mean fell", x.groups[0], x.groups[1], counts[0], counts[1])...)
	}
}
