package work

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Ending says which events compete with return to work.
type Ending struct {
	Censored []string `opt:"censored" doc:"levels of the event column that mean that follow-up ended without an event; the others but those of event compete with return"`
}

var ending = Ending{Censored: []string{
	"lost", "lost to follow up", "censored", "none", "no event", "end of study", "end of follow up", "withdrawn", "moved", "0", "no", "false",
}}

// CompetingOptions are the settings of Competing.
type CompetingOptions struct {
	Reading
	Ending
	At       []float64 `opt:"at" doc:"days at which the shares are given"`
	Interval string    `opt:"interval" doc:"interval of a share: log-log (of SAS), log (of R's survfit), plain" choices:"log-log|log|plain"`
	Variance string    `opt:"variance" doc:"jackknife: infinitesimal, as R's survfit; delta: as cmprsk's cuminc" choices:"jackknife|delta"`
	Rho      float64   `opt:"rho" doc:"of Gray's test: weights (1-F)^rho"`
	Strata   []string  `opt:"strata" doc:"columns within whose levels Gray's test compares the arms"`
}

// Competing is work/competing.
var Competing = analysis.New(analysis.Analysis{
	Name:     "work/competing",
	Title:    "Return to work against competing events (cumulative incidence)",
	Estimand: "the share of patients who by a day have returned to work, and the shares to whom something else happened first that rules return out, in a world in which those events happen",
	Doc: `F(t) = Σ S(u-) d(u)/n(u), Aalen and Johansen's estimate, S the share without any event.
Terms: cumulative_incidence of EVENT on each day, without_event; with a reference difference of EVENT; with two arms or more gray of EVENT (Gray's test).
Events: from a table with roles time and event, each level but those of event (return) and censored is an event that competes. From spells of work, the first day outside the work force (levels outside) competes with return: that day, not later ones, ends the time.
1 - Kaplan-Meier, with competing events as censored, is higher: it speaks of a world without them, which the data cannot show.
Intervals: log-log by default, within 0 and 1. Errors: infinitesimal jackknife (variance=jackknife, R's survfit) or delta method (variance=delta, cmprsk; of the last day with the event); they differ by about 1 %.
Ties: events before losses. A patient lost to follow-up is censored. No value beyond follow-up.
R: survival::survfit(Surv(time, event) ~ arm); cmprsk::cuminc(time, event, arm, strata, rho).`,
	Refs:        []string{"Aalen 1978, 10.1214/aos/1176344198", "Gray 1988, 10.1214/aos/1176350951"},
	Definitions: named(),
}, CompetingOptions{Reading: reading, Ending: ending, At: []float64{28, 91, 182, year, twoYears}, Interval: "log-log", Variance: "jackknife"}, runCompeting)

func runCompeting(_ context.Context, in analysis.Input, q analysis.Question, o CompetingOptions) (analysis.Result, error) {
	if err := risingDays(o.At); err != nil {
		return analysis.Result{}, err
	}
	s, err := newSubjects(in, q, o.Reading, nil)
	if err != nil {
		return analysis.Result{}, err
	}
	e, err := s.events(o.Ending)
	if err != nil {
		return analysis.Result{}, err
	}
	stratum, _, err := s.strata(o.Strata)
	if err != nil {
		return analysis.Result{}, err
	}
	r := incidenceReport{events: e, o: o}
	for g := range s.groups {
		var ts []float64
		var cs []int
		for i, h := range s.group {
			if h == g {
				ts, cs = append(ts, s.time[i]), append(cs, e.cause[i])
			}
		}
		r.curves = append(r.curves, fit.AalenJohansen(ts, cs, len(e.names)))
	}
	var out analysis.Result
	for g := range s.groups {
		for k := -1; k < len(e.names); k++ {
			for _, day := range o.At {
				out.Estimates = append(out.Estimates, r.share(g, k, day))
			}
		}
		out.Series = append(out.Series, r.series(g)...)
	}
	for k := range e.names {
		if q.Reference != "" {
			for _, day := range o.At {
				out.Estimates = append(out.Estimates, r.difference(k, day))
			}
		}
		if len(s.groups) > 1 {
			out.Estimates = append(out.Estimates, r.gray(k, stratum))
		}
	}
	s.result(&out)
	return out, nil
}

// events are what ended each patient's time: cause 0 is the end of follow-up, 1 the
// first of names, and so on.
type events struct {
	*subjects
	cause []int
	names []string
	text  string
}

const returned = "return"

// events reads what ended the time of each row.
func (s *subjects) events(o Ending) (events, error) {
	if s.definition.Name == "recorded-event" {
		return s.recordedEvents(o)
	}
	e := events{subjects: s, cause: make([]int, len(s.patient)), names: []string{returned}, text: "no event competes"}
	first := nans(s.c.Patients())
	if spells, text, err := s.spells(s.o.Outside, "outside"); err == nil {
		e.names, e.text = append(e.names, "leaving the work force"), "the first day outside the work force ("+text+") competes"
		for p, sp := range spells {
			if t, out, ok := FirstReturn(sp, 1, Gap(s.o.Gap)); ok && out {
				first[p] = t
			}
		}
	} else if !errors.Is(err, analysis.ErrCannot) {
		return events{}, err
	}
	s.n = slices.Clone(s.n)
	for i, p := range s.patient {
		if s.event[i] {
			e.cause[i] = 1
		}
		if first[p] < s.time[i] || first[p] == s.time[i] && !s.event[i] {
			if s.event[i] {
				s.n[s.group[i]].Events--
			}
			s.time[i], s.event[i], e.cause[i] = first[p], false, 2
		}
	}
	e.say()
	return e, nil
}

func (s *subjects) recordedEvents(o Ending) (events, error) {
	t := s.table([]datasets.Role{datasets.RoleTime, datasets.RoleEvent}, nil)
	f, _ := t.Field(datasets.RoleEvent)
	k := readCoded(t, f)
	is, _, err := k.match(s.o.Event, "event")
	if err != nil {
		return events{}, err
	}
	var lost []string
	for _, w := range o.Censored {
		lost = append(lost, fold(w))
	}
	e := events{subjects: s, cause: make([]int, len(s.patient)), names: []string{returned}}
	var others []string
	used := make([]bool, len(k.levels))
	of := make([]int32, s.c.Patients())
	for row, p := range t.Patient() {
		of[p] = k.codes[row]
	}
	for _, p := range s.patient {
		used[of[p]] = true
	}
	for i, level := range k.levels {
		if used[i] && !is[i] && !slices.Contains(lost, fold(level)) {
			others = append(others, level)
		}
	}
	slices.Sort(others)
	e.names = append(e.names, others...)
	for i, p := range s.patient {
		if is[of[p]] {
			e.cause[i] = 1
		} else if k := slices.Index(others, k.levels[of[p]]); k >= 0 {
			e.cause[i] = 2 + k
		}
	}
	e.text = f.Name + ": return competes with " + strings.Join(others, ", ")
	// What is said of a table with more than two levels when they are not told apart.
	s.warnings = slices.DeleteFunc(s.warnings, func(w analysis.Warning) bool { return strings.HasPrefix(w.Message, f.Name+" has ") })
	e.say()
	return e, nil
}

// say warns where nothing competes.
func (e events) say() {
	if slices.Max(append([]int{0}, e.cause...)) < 2 {
		e.warn(analysis.WarnAssumption, "no event competes with return in these data, so the share returned is 1 less the Kaplan-Meier estimate", "give retirement, disability pension and death as levels of the event column, or as levels of work status with --set outside=LEVEL,LEVEL")
	}
}

// incidenceReport writes shares by cause.
type incidenceReport struct {
	events
	o      CompetingOptions
	curves []fit.Incidence
}

func (r incidenceReport) method(what string) analysis.Method {
	return analysis.Method{
		Name: what + "; " + r.text + "; errors by " + r.o.Variance + "; " + r.how(),
		R:    "summary(survival::survfit(Surv(time, event) ~ arm), times)", Ref: "Aalen 1978, 10.1214/aos/1176344198",
	}
}

// at returns the share with a cause, or with -1 without any event, and its error.
func (r incidenceReport) at(g, cause int, day float64) (share, se float64) {
	a := r.curves[g]
	i := a.Index(day)
	if cause < 0 {
		share, se = a.ShareAt(0, day)
		if !math.IsNaN(share) && i >= 0 {
			share, se = a.Survival[i], a.SurvivalSE[i]
		} else if i < 0 && !math.IsNaN(share) {
			share = 1
		}
		return share, se
	}
	share, se = a.ShareAt(cause, day)
	if r.o.Variance == "delta" && i >= 0 && !math.IsNaN(share) {
		se = a.Delta[cause][i]
	}
	return share, se
}

func (r incidenceReport) kind() string {
	return r.o.Interval + " of a cumulative incidence"
}

func (r incidenceReport) bounds(share, se float64) (low, high float64) {
	low, high = fit.Bounds(share, se, r.o.Interval, analysis.NormalQuantile(r.q.Level))
	if math.IsNaN(low) || math.IsNaN(high) {
		return math.NaN(), math.NaN()
	}
	return low, high
}

func (r incidenceReport) share(g, cause int, day float64) analysis.Estimate {
	e := r.estimate("without_event", analysis.ScaleProportion, g, -1)
	if cause >= 0 {
		e.Term = "cumulative_incidence of " + r.names[cause]
	}
	e.Visit, e.Method = fmt.Sprintf("day %g", day), r.method("Aalen-Johansen estimate")
	e.N.Events = 0
	a := r.curves[g]
	for i := 0; i <= a.Index(day); i++ {
		for k, d := range a.Events {
			if k == cause || cause < 0 {
				e.N.Events += d[i]
			}
		}
	}
	share, se := r.at(g, cause, day)
	switch {
	case a.N == 0:
		return e.Warn(analysis.WarnTooFew, "no patient has a usable time", "record times or spells of work")
	case math.IsNaN(share):
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up ends on day %g, before day %g", a.Last(), day), "follow patients for longer, or choose an earlier day")
	}
	e.Value, e.SE = analysis.Num(math.Min(1, share)), analysis.Num(se)
	if low, high := r.bounds(share, se); share > 1e-12 && share < 1-1e-12 && se > 0 {
		e.CI = analysis.NewInterval(r.kind(), low, high, r.q.Level)
		return e
	}
	return unsure(e)
}

func (r incidenceReport) difference(cause int, day float64) analysis.Estimate {
	e := r.estimate("difference of "+r.names[cause], analysis.ScaleRiskDiff, 0, 1)
	e.Visit, e.Method = fmt.Sprintf("day %g", day), r.method("Difference of Aalen-Johansen estimates")
	a, se1 := r.at(0, cause, day)
	b, se2 := r.at(1, cause, day)
	if math.IsNaN(a) || math.IsNaN(b) {
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up of a group ends before day %g", day), "choose an earlier day")
	}
	e = difference(e, a-b, math.Hypot(se1, se2), r.q.Level)
	if !(se1 > 0) || !(se2 > 0) {
		return unsure(e)
	}
	return e
}

func (r incidenceReport) gray(cause int, stratum []int) analysis.Estimate {
	of := make([]int, len(r.cause))
	for i, c := range r.cause {
		switch {
		case c == cause+1:
			of[i] = 1
		case c > 0:
			of[i] = 2
		}
	}
	t := CompareIncidence(r.time, of, r.group, stratum, len(r.groups), r.o.Rho)
	m := r.method(fmt.Sprintf("Gray's test (rho %g)", r.o.Rho))
	m.R, m.Ref = "cmprsk::cuminc(time, event, arm, strata, rho)$Tests", "Gray 1988, 10.1214/aos/1176350951"
	return r.test("gray of "+r.names[cause], t.ChiSq, t.DF, t.P, m)
}

// series are the shares of each cause, for a stacked area: return first.
func (r incidenceReport) series(g int) []analysis.Series {
	a := r.curves[g]
	var out []analysis.Series
	for k, name := range r.names {
		s := analysis.Series{Name: "cumulative-incidence/" + name, Group: r.groups[g].Name, Step: true, XUnit: "days", YUnit: "share"}
		for i, t := range a.Time {
			se := a.SE[k][i]
			if r.o.Variance == "delta" {
				se = a.Delta[k][i]
			}
			low, high := r.bounds(a.Share[k][i], se)
			s.Points = append(s.Points, analysis.Point{X: analysis.Num(t), Y: analysis.Num(a.Share[k][i]), Low: analysis.Num(low), High: analysis.Num(high), N: a.AtRisk[i], Events: a.Events[k][i]})
		}
		out = append(out, s)
	}
	return out
}

// FineGrayOptions are the settings of FineGrayAnalysis.
type FineGrayOptions struct {
	Reading
	Ending
	Covariates []string  `opt:"covariates" doc:"columns of the model beside the arm, from a table of one row a patient; text columns become indicators of their levels"`
	Cause      string    `opt:"cause" doc:"the event of interest: return, or one of those that compete"`
	At         []float64 `opt:"at" doc:"days at which the predicted shares are given"`
}

// FineGrayAnalysis is work/fine-gray.
var FineGrayAnalysis = analysis.New(analysis.Analysis{
	Name:     "work/fine-gray",
	Title:    "Return to work against competing events (Fine-Gray and cause-specific hazards)",
	Estimand: "how the share who return to work depends on arm and covariates where other events may come first (subdistribution hazard), beside the ratio of rates among those without any event (cause-specific hazard)",
	Doc: `Terms: subdistribution_hazard_ratio (Fine and Gray) and cause_specific_hazard_ratio (Cox, other events censored) of the arm, or of each covariate; incidence_predicted at the mean covariates for each arm.
The first says in which direction the share with the event moves, but is no ratio of rates; the second is a ratio of rates, but does not give the share. Report both, and both for the other events.
Patients with another event stay at risk with weight G(t-)/G(T-), G the Kaplan-Meier estimate of being in follow-up, taken to be alike in all patients. Ties: Breslow, as crr has it, in both.
Errors take in that G is estimated; intervals are Wald's on the log scale, and standard errors are of logarithms. Predicted shares have no error here.
Events as in work/competing. R: cmprsk::crr(time, event, x); survival::coxph(Surv(time, event == 1) ~ x, ties = "breslow").`,
	Refs:        []string{"Fine and Gray 1999, 10.1080/01621459.1999.10474144"},
	Definitions: named(),
}, FineGrayOptions{Reading: reading, Ending: ending, Cause: returned, At: []float64{91, 182, year}}, runFineGray)

func runFineGray(_ context.Context, in analysis.Input, q analysis.Question, o FineGrayOptions) (analysis.Result, error) {
	if err := risingDays(o.At); err != nil {
		return analysis.Result{}, err
	}
	s, err := newSubjects(in, q, o.Reading, o.Covariates)
	if err != nil {
		return analysis.Result{}, err
	}
	e, err := s.events(o.Ending)
	if err != nil {
		return analysis.Result{}, err
	}
	m, err := s.model()
	if err != nil {
		return analysis.Result{}, err
	}
	which := slices.IndexFunc(e.names, func(n string) bool { return fold(n) == fold(o.Cause) })
	if which < 0 {
		return analysis.Result{}, fmt.Errorf("%w: there is no event of the cause asked for; choose return, or a level of the event column", analysis.ErrOptions)
	}
	of, own := make([]int, len(e.cause)), make([]bool, len(e.cause))
	for i, c := range e.cause {
		own[i] = c == which+1
		if of[i] = min(c, 1) * 2; own[i] {
			of[i] = 1
		}
	}
	for g := range s.n {
		s.n[g].Events = 0
	}
	for i, is := range own {
		if is {
			s.n[s.group[i]].Events++
		}
	}
	r := hazardsReport{m, e, o}
	var out analysis.Result
	f, err := FitFineGray(s.time, of, m.x)
	var no []bool
	if f.Infinite || err != nil {
		no = make([]bool, len(m.x))
		for j := range no {
			no[j] = true
		}
	}
	out.Estimates = append(out.Estimates, r.ratios("subdistribution_hazard_ratio", "Fine-Gray", f.Coef, f.Cov, no, err)...)
	c, err := fit.ProportionalHazards(fit.CoxData{Stop: s.time, Event: own, X: m.x}, fit.TiesBreslow)
	if err != nil {
		c = &fit.Cox{}
	}
	out.Estimates = append(out.Estimates, r.ratios("cause_specific_hazard_ratio", "cause-specific Cox", c.Coef, c.Cov, c.Infinite, err)...)
	if f.Cov != nil && !f.Infinite {
		out.Estimates = append(out.Estimates, r.predicted(f)...)
	}
	s.result(&out)
	return out, nil
}

// hazardsReport writes ratios of both kinds of hazards.
type hazardsReport struct {
	model
	events events
	o      FineGrayOptions
}

func (r hazardsReport) method(what string) analysis.Method {
	return analysis.Method{
		Name: fmt.Sprintf("%s model of %s on arm%s, ties breslow; %s; %s", what, r.o.Cause, listed(r.o.Covariates), r.events.text, r.how()),
		R:    "cmprsk::crr(time, event, x)", Ref: "Fine and Gray 1999, 10.1080/01621459.1999.10474144",
	}
}

// ratios writes the ratios of a fit, or why there are none.
func (r hazardsReport) ratios(term, what string, coef []float64, cov *mat.SymDense, infinite []bool, err error) []analysis.Estimate {
	var out []analysis.Estimate
	for j := range r.x {
		e := r.column(term, j)
		e.Method = r.method(what)
		switch {
		case errors.Is(err, fit.ErrCoxEvents) || errors.Is(err, ErrIncidenceEvents):
			e = e.Warn(analysis.WarnTooFew, "nobody is known to have had the event", "follow more patients, or for longer")
		case err != nil:
			e = e.Warn(analysis.WarnNoVariance, "the model cannot be fitted: a covariate follows from the others or from the arm, or does not vary", "leave out a covariate")
		case infinite != nil && infinite[j] || cov == nil:
			e = e.Warn(analysis.WarnSeparation, "the likelihood rises without end: nobody, or everybody, had the event at one end of a column, so there is no ratio", "join levels, or leave the column out")
		default:
			e = noError(ratio(e, coef[j], math.Sqrt(math.Max(0, cov.At(j, j))), r.q.Level))
		}
		out = append(out, e)
	}
	return out
}

func (r hazardsReport) predicted(f FineGray) []analysis.Estimate {
	at := r.means()
	var out []analysis.Estimate
	for g := range r.groups {
		r.atArm(at, g)
		_, last := r.last(g)
		for _, day := range r.o.At {
			e := r.estimate("incidence_predicted", analysis.ScaleProportion, g, -1)
			e.Visit, e.Method = fmt.Sprintf("day %g", day), r.method("Share predicted at the mean covariates, Fine-Gray")
			e.Method.R = "predict(cmprsk::crr(time, event, x), at)"
			if day > last {
				out = append(out, e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up ends on day %g, before day %g", last, day), "choose an earlier day"))
				continue
			}
			e.Value = analysis.Num(f.Share(at, day))
			out = append(out, e)
		}
	}
	return out
}
