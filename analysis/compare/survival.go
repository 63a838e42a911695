package compare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// SurvivalOptions are the settings of compare/weighted-survival.
type SurvivalOptions struct {
	WeightOptions
	Event  []string `opt:"event" doc:"levels of the event column that count as the event"`
	Tau    float64  `opt:"tau" doc:"time to which time is counted; 0: the last to which both arms were followed"`
	Ties   string   `opt:"ties" doc:"of the hazard ratio" choices:"efron|breslow"`
	Errors string   `opt:"errors" doc:"estimated accounts for the weights' being estimated; robust takes them as known" choices:"estimated|robust"`
}

// WeightedSurvival is compare/weighted-survival: times to an event of weighted arms.
var WeightedSurvival = analysis.New(analysis.Analysis{
	Name:     "compare/weighted-survival",
	Title:    "Weighted comparison of times to an event",
	Estimand: "mean time without the event up to tau in the arm against the reference, and the hazard ratio, in the population that target names",
	Doc: `Times and events of a table with columns of roles time and event, one row a patient; weights from the propensity score or entropy balancing (see compare/propensity).
Terms: rmst_difference and rmst_ratio (restricted mean time without the event, arm against reference), rmst_arm and rmst_reference, hazard_ratio, then rmst_unadjusted and hazard_ratio_unadjusted of everybody without weights, effective_sample_size and largest_weight of each arm. Series kaplan-meier/weighted and kaplan-meier/unadjusted.
  S(t) = Π (1 - d/Y),  d and Y the weights with the event at a time and at risk;  RMST = ∫ S from 0 to tau
  influence of a patient on RMST  -w Σ A(u) (dN(u) - [at risk] d/Y) / (Y - d),  A(u) = ∫ S from u to tau
The hazard ratio is of a Cox model of the arm alone with the weights: marginal, so not that of a model with covariates, and an average over time where hazards are not proportional.
Errors, normal intervals (of ratios on the log scale): estimated (default) adds to each patient's influence what the estimated score, or entropy balancing, adds to the weights; robust takes the weights as known (Lin and Wei; infinitesimal jackknife).
Ties: those censored at a time are at risk of the events at it. tau: name it before seeing the data, for the result depends on it; beyond the follow-up of an arm with patients left there is no mean. Missing: patients without time, event or a covariate are left out and counted.
Assumes that what decided the treatment is among the covariates, that censoring says nothing about the event given the arm, and that time counts from the same event in both arms, at which the arm was known: table target-trial and warnings say what the cohort shows of that.
R: WeightIt::weightit(arm ~ x); survival::coxph(Surv(t, e) ~ arm, weights = w, robust = TRUE); survival::survfit(weights = w) with residuals(type = "auc").`,
	Refs: []string{
		"Austin 2014, 10.1002/sim.5984", "Lin and Wei 1989, 10.1080/01621459.1989.10478874", "Hernan and Robins 2016, 10.1093/aje/kwv254",
		"Stefanski and Boos 2002, 10.1198/000313002753631330",
	},
	Needs: []datasets.Role{datasets.RoleArm, datasets.RoleTime, datasets.RoleEvent},
}, SurvivalOptions{WeightOptions: weightDefaults, Event: []string{"1", "yes", "true", "event"}, Ties: fit.TiesEfron, Errors: errorsEstimated}, runSurvival)

func runSurvival(_ context.Context, in analysis.Input, q analysis.Question, o SurvivalOptions) (analysis.Result, error) {
	if o.Tau < 0 || math.IsInf(o.Tau, 0) {
		return analysis.Result{}, badOption("tau: expected a time above 0, or 0 for the last to which both arms were followed")
	}
	if in.Cohort == nil {
		return analysis.Result{}, cannot("expected a cohort")
	}
	times, err := timesOf(in, o.Event, "event")
	if err != nil {
		return analysis.Result{}, err
	}
	before, err := readSample(in, q, o.CovariateOptions, timesSource{times})
	if err != nil {
		return analysis.Result{}, err
	}
	s, _, w, err := weigh(before, o.WeightOptions)
	if err != nil {
		return analysis.Result{}, err
	}
	v := &weightedTimes{s: s, all: before, w: w, o: o, level: q.Level, unit: times.unit, tau: o.Tau}
	if v.tau == 0 {
		v.tau = math.Min(before.last(1), before.last(0))
	}
	trial := s.trial(in, q, targetWords[o.Target], v.outcomeWords(), w.words)
	r := s.result()
	r.Estimates = append(v.estimates(), s.worth(w, o.Target)...)
	by := denominator("auto", o.Target)
	rows := balanceOf(before, s, w.w, by)
	r.Tables = append(r.Tables, trial, balanceTable(rows, w.words+", "+targetWords[o.Target], by), s.weightTable(w))
	r.Series = append(v.curves(), loveSeries(rows)...)
	r.Warnings = append(append(r.Warnings, imbalance(rows, 0.1)...), confounded)
	return r, nil
}

// followed is a time to an event by patient of the cohort.
type followed struct {
	y     []float64 // NaN where missing
	event []bool
	unit  string
}

// timesOf reads the table with a time and an event of each patient.
func timesOf(in analysis.Input, levels []string, option string) (followed, error) {
	t := in.Cohort.TableWith(datasets.RoleTime, datasets.RoleEvent)
	if t == nil {
		return followed{}, cannot("times to an event need a table with columns of roles time and event")
	}
	tf, _ := t.Field(datasets.RoleTime)
	ef, _ := t.Field(datasets.RoleEvent)
	codes, values := t.Codes(ef.Name)
	is, err := column{field: ef, names: labelled(ef, values)}.levels(levels, option)
	if err != nil {
		return followed{}, err
	}
	n := in.Cohort.Patients()
	out := followed{y: make([]float64, n), event: make([]bool, n), unit: tf.Unit}
	for p := range out.y {
		out.y[p] = math.NaN()
	}
	times, seen := t.Floats(tf.Name), make([]bool, n)
	for row, p := range t.Patient() {
		if seen[p] {
			return followed{}, cannot("table %s has several rows for one patient; keep one with --where", t.Name())
		}
		if seen[p] = true; codes[row] >= 0 && times[row] >= 0 && !math.IsInf(times[row], 1) {
			out.y[p], out.event[p] = times[row], is[codes[row]]
		}
	}
	return out, nil
}

// timesSource puts times into a sample.
type timesSource struct{ followed }

func (x timesSource) read(s *sample, in analysis.Input, q analysis.Question) (y, before []float64, err error) {
	s.times, s.words = true, "time to the event"
	s.eventOf = x.event
	if q.Outcome != "" {
		if before, err = baselineOf(in, q); err != nil {
			return nil, nil, err
		}
		s.outcome.Field.Name = q.Outcome
	}
	return x.y, before, nil
}

// last is the last time of an arm.
func (s *sample) last(t float64) float64 {
	most := 0.0
	for i, v := range s.y {
		if s.t[i] == t {
			most = math.Max(most, v)
		}
	}
	return most
}

func (s *sample) event(row int) bool { return s.eventOf[s.patient[row]] }

// weightedTimes is the times of two weighted arms.
type weightedTimes struct {
	s, all      *sample
	w           *weighting
	o           SurvivalOptions
	level, tau  float64
	unit, words string
	known       bool // the weights are, so that nothing is added to the errors
}

func (v *weightedTimes) outcomeWords() string {
	return fmt.Sprintf("time to the event, counted to %.6g %s", v.tau, v.unit)
}

func (v *weightedTimes) estimates() []analysis.Estimate {
	one := slices.Repeat([]float64{1}, len(v.all.t))
	v.words, v.known = v.w.words+", "+targetWords[v.o.Target], v.o.Errors != errorsEstimated
	out := v.means(v.s, v.w.w, "")
	out = append(out, v.hazard(v.s, v.w.w, "hazard_ratio"))
	v.words, v.known = "everybody, without weights", true
	out = append(out, v.means(v.all, one, "rmst_unadjusted")...)
	h := v.hazard(v.all, one, "hazard_ratio_unadjusted")
	return append(out, h.Warn(analysis.WarnCaseMix, "the arms may differ in everything: this is no effect of treatment", ""))
}

func (v *weightedTimes) begin(s *sample, term string, scale analysis.Scale, name, r string) analysis.Estimate {
	e := s.estimate(term, scale)
	e.Unit, e.Definition = v.unit, s.words
	if scale == analysis.ScaleRatio {
		e.Unit = ""
	}
	for i := range s.t {
		if s.event(i) {
			e.N.Events++
		}
	}
	how := "robust errors, weights taken as known"
	if !v.known {
		how = "errors that account for the estimated weights"
	}
	e.Method = analysis.Method{Name: name + "; " + v.words + "; " + how, R: r, Ref: "Austin 2014, 10.1002/sim.5984"}
	return e
}

// influence adds to what each row adds to an estimate what its weight's being estimated
// adds, where asked.
func (v *weightedTimes) influence(d, w []float64) []float64 {
	if v.known {
		return d
	}
	g := make([]float64, len(d))
	for i := range d {
		g[i] = d[i] / w[i]
	}
	out := slices.Clone(d)
	for i, c := range v.w.correction(g) {
		out[i] += c
	}
	return out
}

// means are the restricted means of the arms, and their difference and ratio; of only
// where it is named the difference alone, under that name.
func (v *weightedTimes) means(s *sample, w []float64, only string) []analysis.Estimate {
	name := fmt.Sprintf("restricted mean time without the event to %.6g, weighted Kaplan-Meier", v.tau)
	begin := func(term string, scale analysis.Scale) analysis.Estimate {
		return v.begin(s, term, scale, name, `survival::survfit(Surv(t, e) ~ arm, weights = w); residuals(fit, type = "auc")`)
	}
	arm, reference := s.restricted(w, 1, v.tau), s.restricted(w, 0, v.tau)
	phi1, phi0 := v.influence(arm.influence, w), v.influence(reference.influence, w)
	d, ratio := make([]float64, len(phi1)), make([]float64, len(phi1))
	for i := range phi1 {
		d[i] = phi1[i] - phi0[i]
		ratio[i] = phi1[i]/arm.value - phi0[i]/reference.value
	}
	difference := v.put(begin(orElse(only, "rmst_difference"), analysis.ScaleDifference), arm.value-reference.value, d, true)
	if only != "" {
		return []analysis.Estimate{difference.Warn(analysis.WarnCaseMix, "the arms may differ in everything: this is no effect of treatment", "")}
	}
	return []analysis.Estimate{
		difference, v.put(begin("rmst_ratio", analysis.ScaleRatio), math.Log(arm.value/reference.value), ratio, true),
		v.put(begin("rmst_arm", analysis.ScaleMean), arm.value, phi1, false), v.put(begin("rmst_reference", analysis.ScaleMean), reference.value, phi0, false),
	}
}

func orElse(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// put writes a value with the error of its influence; of a ratio both are of its
// logarithm.
func (v *weightedTimes) put(e analysis.Estimate, value float64, influence []float64, tested bool) analysis.Estimate {
	ratio := e.Scale == analysis.ScaleRatio
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("an arm was not followed to %.6g with patients left, so its mean to then is not known", v.tau), "pass --set tau=TIME, one to which both arms were followed")
	}
	if e.Value = analysis.Num(value); ratio {
		e.Value = analysis.Num(math.Exp(value))
	}
	ss := 0.0
	for _, d := range influence {
		ss += d * d
	}
	se := math.Sqrt(ss)
	if !(se > 1e-12*math.Abs(value)) || !(se > 0) {
		return e.Warn(analysis.WarnNoVariance, "there is no event by then, so there is no error to give", "follow for longer, or ask for a later tau")
	}
	if e.SE, e.CI = analysis.Num(se), analysis.NormalInterval(value, se, v.level); ratio {
		e.SE, e.CI = analysis.Num(se*math.Exp(value)), analysis.LogInterval(math.Exp(value), se, v.level)
	}
	if tested {
		e.Statistic, e.P = analysis.Num(value/se), analysis.Num(analysis.NormalP(value/se))
	}
	return e
}

// hazard is the hazard ratio of the weighted arms.
func (v *weightedTimes) hazard(s *sample, w []float64, term string) analysis.Estimate {
	e := v.begin(s, term, analysis.ScaleRatio, "Cox model of the arm, "+v.o.Ties+" ties", "survival::coxph(Surv(t, e) ~ arm, weights = w, robust = TRUE)")
	event := make([]bool, len(s.t))
	for i := range event {
		event[i] = s.event(i)
	}
	c, err := fit.ProportionalHazards(fit.CoxData{Stop: s.y, Event: event, X: [][]float64{s.t}, Weight: w}, v.o.Ties)
	switch {
	case errors.Is(err, fit.ErrCoxEvents), err == nil && c.Infinite[0]:
		return e.Warn(analysis.WarnTooFew, "one of the arms has no event while both are followed, so there is no hazard ratio", "follow for longer, or read rmst_difference")
	case err != nil:
		return e.Warn(analysis.WarnTooFew, "the Cox model cannot be fitted: "+err.Error(), "read rmst_difference")
	}
	d := make([]float64, len(s.t))
	for i, b := range c.Dfbeta() {
		d[i] = b[0]
	}
	e = v.put(e, c.Coef[0], v.influence(d, w), true)
	return e.Warn(analysis.WarnAssumption, "one hazard ratio for all times: where hazards are not proportional it is an average that depends on how long patients were followed", "read rmst_difference, which assumes no such thing")
}

// restricted is the mean time without the event to tau in one arm, with the influence of
// each row: that of the product 1 - d/Y over event times, whose derivative by the weight
// of a row is the sum of A(u) (dN - [at risk] d/Y)/(Y - d).
func (s *sample) restricted(w []float64, t, tau float64) averaged {
	out := averaged{value: math.NaN(), influence: make([]float64, len(s.t))}
	var rows []int
	for _, i := range fit.Rising(s.y) {
		if s.t[i] == t {
			rows = append(rows, int(i))
		}
	}
	steps, last := s.steps(rows, w)
	// All are gone before tau without the event: the curve ends.
	if last < tau && (len(steps) == 0 || steps[len(steps)-1].surviving > 0) {
		return out
	}
	out.value = tau
	if len(steps) > 0 {
		out.value = math.Min(tau, steps[0].time)
	}
	area := make([]float64, len(steps)) // ∫ S from the step to tau
	for k := len(steps) - 1; k >= 0; k-- {
		end := tau
		if k+1 < len(steps) {
			end = math.Min(tau, steps[k+1].time)
			area[k] = area[k+1]
		}
		area[k] += steps[k].surviving * math.Max(0, end-steps[k].time)
	}
	if len(steps) > 0 {
		out.value += area[0]
	}
	sum, k := 0.0, 0 // Σ A ΔΛ/(Y-d) of steps up to the row's time
	for _, i := range rows {
		for k < len(steps) && steps[k].time <= math.Min(s.y[i], tau) {
			if x := steps[k]; x.atRisk > x.died {
				sum += area[k] * x.died / x.atRisk / (x.atRisk - x.died)
			}
			k++
		}
		own := 0.0
		if k > 0 && s.event(i) && steps[k-1].time == s.y[i] {
			if x := steps[k-1]; x.atRisk > x.died {
				own = area[k-1] / (x.atRisk - x.died)
			}
		}
		out.influence[i] = w[i] * (sum - own)
	}
	return out
}

// drop is a time at which events happen.
type drop struct{ time, died, atRisk, surviving float64 }

// steps are the event times of rows in the order of time, and the last time.
func (s *sample) steps(rows []int, w []float64) (steps []drop, last float64) {
	left := make([]float64, len(rows)+1) // weight from here on, summed from the end, so that none is left of rounding
	for k := len(rows) - 1; k >= 0; k-- {
		left[k] = left[k+1] + w[rows[k]]
	}
	surviving := 1.0
	for k := 0; k < len(rows); {
		at, died, all, first := s.y[rows[k]], 0.0, true, k
		for ; k < len(rows) && s.y[rows[k]] == at; k++ {
			if s.event(rows[k]) {
				died += w[rows[k]]
			} else {
				all = false
			}
		}
		if last = at; died > 0 {
			if surviving *= math.Max(0, 1-died/left[first]); all && k == len(rows) {
				surviving, died = 0, left[first] // exactly, whatever the rounding
			}
			steps = append(steps, drop{at, died, left[first], surviving})
		}
	}
	return steps, last
}

// curves are the Kaplan-Meier curves of both arms, with weights and without.
func (v *weightedTimes) curves() []analysis.Series {
	var out []analysis.Series
	for _, x := range []struct {
		name string
		s    *sample
		w    []float64
	}{{"kaplan-meier/weighted", v.s, v.w.w}, {"kaplan-meier/unadjusted", v.all, slices.Repeat([]float64{1}, len(v.all.t))}} {
		for a, g := range x.s.groups {
			var time, w []float64
			var event []bool
			for i, t := range x.s.t {
				if 1-int(t) == a {
					time, event, w = append(time, x.s.y[i]), append(event, x.s.event(i)), append(w, x.w[i])
				}
			}
			out = append(out, weightedCurve(x.name, g.Name, time, event, w, v.unit))
		}
	}
	return out
}
