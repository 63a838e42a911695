package describe

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/analysis/internal/ledger"
	"recoup/datasets"
)

// Stages that are not visits.
const (
	StageReferred   = "referred"
	StageAdmitted   = "admitted"
	StageCompleted  = "completed"
	StageDischarged = "discharged"
)

// lowFollowUp is the share seen under which a reader must be warned.
const lowFollowUp = 0.7

// Stage is one step of the flow of patients: an event, or being seen at a visit.
type Stage struct {
	Name      string // referred, admitted, completed, discharged, or the visit's name
	Visit     string // value of the visit, "" for events
	VisitRole string // discharge, follow-up or ""
	Known     bool   // the cohort says who reached it
	Why       string // why it is not known

	N       int          // who reached it
	Parent  string       // whom the share is of: a stage, or "all"
	Of      int          // how many they are (of whom it is recorded)
	Within  int          // who reached it among them; N less Within are not in the stage before
	Missing int          // of the parent stage, without a record either way
	Share   analysis.Num // Within / Of
	CI      analysis.Interval
	Low     bool // under 70 % were seen at a follow-up visit
}

// Wait is the time from referral to admission.
type Wait struct {
	Known          bool
	Why            string
	N              int          // patients with both, admission not before referral
	Missing        int          // admitted without a day of referral or of admission
	Negative       int          // admitted before they were referred: left out
	Median, Q1, Q3 analysis.Num // days, quantiles of type 7
}

// FlowResult is the flow of patients from referral to follow-up.
type FlowResult struct {
	Patients int // in the cohort
	Stages   []Stage
	Wait     Wait
	Warnings []analysis.Warning
}

// Stage returns the stage of that name; Known is false where there is none.
func (r FlowResult) Stage(name string) Stage {
	for _, s := range r.Stages {
		if s.Name == name {
			return s
		}
	}
	return Stage{Name: name, Why: "no such stage", Share: analysis.None, CI: analysis.NoInterval}
}

// Flow returns who was referred, admitted, completed the program and was followed
// up, from the roles referred, admitted, completed and discharged and from the
// visits.
//
// A date or day number says that an event happened, and a missing one that it did
// not; a flag says it itself. A missing flag of referral or admission counts as
// not happened; one of completion is not recorded, and such patients are left out
// of the share and counted in Missing. Completed is never taken from discharged.
// Seen at a visit means having any value of an outcome, item, exposure, work
// status, sick leave or dose there; an empty row is not a visit.
//
// The share of admitted is of those referred; of completed, discharged and visits,
// of those admitted, or of all patients where it is not known who was admitted.
// Follow-up visits are those with the role discharge or follow-up; where no visit
// has a role, all after the baseline. Patients whose visit is not yet due count as
// not seen: the cohort does not say when its data were drawn.
//
// Intervals: Wilson, at the level.
func Flow(c *datasets.Cohort, level float64) FlowResult {
	r := FlowResult{Patients: c.Patients()}
	referred, whyReferred := happened(c, datasets.RoleReferred)
	admitted, whyAdmitted := happened(c, datasets.RoleAdmitted)
	completed, whyCompleted := happened(c, datasets.RoleCompleted)
	discharged, whyDischarged := happened(c, datasets.RoleDischarged)
	r.event(StageReferred, noAsZero(referred), whyReferred, "", nil, level)
	r.event(StageAdmitted, noAsZero(admitted), whyAdmitted, StageReferred, noAsZero(referred), level)
	parent := StageAdmitted
	if admitted == nil {
		parent = analysis.All
	}
	r.event(StageCompleted, completed, whyCompleted, parent, noAsZero(admitted), level)
	if c.Has(datasets.RoleDischarged) {
		r.event(StageDischarged, noAsZero(discharged), whyDischarged, parent, noAsZero(admitted), level)
	}
	r.visits(c, parent, noAsZero(admitted), level)
	r.Wait = waitOf(c, admitted)
	if !r.Wait.Known {
		r.warn(WarnUnknown, "waiting time is not known: "+r.Wait.Why, "give referred and admitted as dates, or as day numbers of one clock")
	}
	if r.Wait.Negative > 0 {
		r.warn(datasets.CodeConflict, fmt.Sprintf("%d patients were admitted before they were referred and are left out of the waiting time", r.Wait.Negative), "correct the dates")
	}
	return r
}

// WarnUnknown is the code of a warning that a cohort does not say something.
const WarnUnknown = ledger.WarnUnknown

func (r *FlowResult) warn(code, message, cure string) {
	r.Warnings = append(r.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

// noAsZero takes a missing flag as not happened.
func noAsZero(state []float64) []float64 {
	for i, v := range state {
		if math.IsNaN(v) {
			state[i] = 0
		}
	}
	return state
}

// event adds a stage from its states by patient; of is the state of the parent
// stage, nil for all patients.
func (r *FlowResult) event(name string, state []float64, why, parent string, of []float64, level float64) {
	s := Stage{Name: name, Parent: parent, Known: state != nil, Why: why, Share: analysis.None, CI: analysis.NoInterval}
	switch {
	case !s.Known:
		r.warn(WarnUnknown, fmt.Sprintf("who was %s is not known: %s", name, why), "add a column with role "+name+" to a table of one row a patient")
	case parent == StageReferred && of == nil:
		s.Parent = "" // of whom is not known; said already
		s.count(state, nil)
	default:
		s.count(state, of)
		if parent != "" {
			s.Share, s.CI = share(s.Within, s.Of, level)
		}
	}
	r.add(s)
}

// add warns of what the counts show and keeps the stage.
func (r *FlowResult) add(s Stage) {
	if n := s.N - s.Within; n > 0 {
		r.warn(datasets.CodeConflict, fmt.Sprintf("%s: %d patients are not among those %s; they are left out of the share", s.Name, n, s.Parent), "correct the columns that contradict each other")
	}
	if s.Missing > 0 {
		r.warn(WarnUnknown, fmt.Sprintf("%s: not recorded for %d of %d patients, who are left out of the share", s.Name, s.Missing, s.Missing+s.Of), "record it for each patient")
	}
	r.Stages = append(r.Stages, s)
}

// count fills in the counts of a stage.
func (s *Stage) count(state, of []float64) {
	for p, v := range state {
		inside := of == nil || of[p] == 1
		switch {
		case v == 1:
			s.N++
			if inside {
				s.Within++
				s.Of++
			}
		case inside && math.IsNaN(v):
			s.Missing++
		case inside:
			s.Of++
		}
	}
}

// visits adds a stage for each visit after the program's begin.
func (r *FlowResult) visits(c *datasets.Cohort, parent string, admitted []float64, level float64) {
	vs := followUpVisits(c)
	if len(vs) == 0 {
		r.warn(WarnUnknown, "who was followed up is not known: no visit has the role discharge or follow-up, and none comes after a visit marked as baseline", "mark visits in the cohort file: role: follow-up, baseline: true")
	}
	for _, v := range vs {
		s := Stage{Name: v.VisitName(), Visit: v.Value, VisitRole: v.Role, Parent: parent, Known: true, Share: analysis.None, CI: analysis.NoInterval}
		s.count(seen(c, v.Value), admitted)
		s.Share, s.CI = share(s.Within, s.Of, level)
		if s.Low = v.Role != visitDischarge && s.Share < lowFollowUp; s.Low {
			r.warn(analysis.WarnLowFollowUp, fmt.Sprintf("%s: %d of %d patients (%.0f %%) were seen; those not seen may differ", s.Name, s.Within, s.Of, 100*float64(s.Share)), "follow up more patients, and show results under other assumptions about those not seen")
		}
		r.add(s)
	}
}

const visitDischarge, visitFollowUp = "discharge", "follow-up"

// followUpVisits returns the visits with the role discharge or follow-up, or all
// after the baseline where no visit has a role.
func followUpVisits(c *datasets.Cohort) []datasets.Visit {
	var named, after []datasets.Visit
	past := false
	for _, v := range c.Visits() {
		if v.Role == visitDischarge || v.Role == visitFollowUp {
			named = append(named, v)
		}
		if past {
			after = append(after, v)
		}
		past = past || v.Baseline
	}
	if named != nil {
		return named
	}
	return after
}

// measured reports a role whose values show that a patient was seen.
func measured(r datasets.Role) bool {
	switch r {
	case datasets.RoleOutcome, datasets.RoleItem, datasets.RoleExposure, datasets.RoleWorkStatus, datasets.RoleSickLeave, datasets.RoleDose:
		return true
	}
	return false
}

// Seen returns, by patient, whether there is any measured value at a visit: what
// the flow counts as seen. An empty row is not a visit; in a table that measures
// nothing, a row is enough.
func Seen(c *datasets.Cohort, visit string) []bool {
	out := make([]bool, c.Patients())
	for p, x := range seen(c, visit) {
		out[p] = x == 1
	}
	return out
}

// seen is Seen as 1 and 0.
func seen(c *datasets.Cohort, visit string) []float64 {
	out := make([]float64, c.Patients())
	for _, t := range c.Tables() {
		f, ok := t.Field(datasets.RoleVisit)
		if !ok {
			continue
		}
		codes, levels := t.Codes(f.Name)
		some := filled(t)
		patient := t.Patient()
		for r, code := range codes {
			if code >= 0 && levels[code] == visit && (some == nil || some[r]) {
				out[patient[r]] = 1
			}
		}
	}
	return out
}

// filled reports for each row whether it has a measured value; nil for a table
// that measures nothing.
func filled(t *datasets.Table) []bool {
	var some []bool
	for _, f := range t.Fields() {
		if !measured(f.Role) {
			continue
		}
		if some == nil {
			some = make([]bool, t.Rows())
		}
		codes, _ := t.Codes(f.Name)
		for r, code := range codes {
			some[r] = some[r] || code >= 0
		}
	}
	return some
}

// waitOf returns the waiting time of those admitted.
func waitOf(c *datasets.Cohort, admitted []float64) Wait {
	w := Wait{Median: analysis.None, Q1: analysis.None, Q3: analysis.None}
	from, to := fieldOf(c, datasets.RoleReferred), fieldOf(c, datasets.RoleAdmitted)
	switch {
	case from.Name == "" || to.Name == "":
		w.Why = "the cohort does not have both referred and admitted"
	case admitted == nil:
		w.Why = "who was admitted is not known"
	case from.Type == datasets.TypeBoolean || to.Type == datasets.TypeBoolean || from.Type == datasets.TypeString || to.Type == datasets.TypeString:
		w.Why = "referred or admitted is not a date or a day number"
	case isDate(from) != isDate(to):
		w.Why = "one of referred and admitted is a date and the other a day number"
	default:
		w.Known = true
	}
	if !w.Known {
		return w
	}
	begin, end := c.Days(datasets.RoleReferred), c.Days(datasets.RoleAdmitted)
	var days []float64
	for p, a := range admitted {
		d := end[p] - begin[p]
		switch {
		case a != 1:
		case math.IsNaN(d):
			w.Missing++
		case d < 0:
			w.Negative++
		default:
			days = append(days, d)
		}
	}
	if w.N = len(days); w.N > 0 {
		w.Median, w.Q1, w.Q3 = analysis.Num(fit.Quantile(days, 0.5)), analysis.Num(fit.Quantile(days, 0.25)), analysis.Num(fit.Quantile(days, 0.75))
	}
	return w
}

// FlowAnalysis is describe/flow: patients from referral to follow-up.
var FlowAnalysis = analysis.New(analysis.Analysis{
	Name:     "describe/flow",
	Title:    "Flow of patients",
	Estimand: "how many patients were referred, admitted, completed the program and were followed up, the shares of each step, and the wait from referral to admission",
	Doc: `Terms: n_referred, n_admitted, n_completed, n_discharged, n_seen (by visit); share_admitted of those referred, share_completed, share_discharged and share_seen of those admitted (of all patients where it is not known who was admitted); wait_median, wait_q1, wait_q3 in days.
A missing date or day of referral, admission or discharge means that it did not happen. Completion that is not recorded is left out of the share and counted as missing.
Seen means a value at the visit; patients whose visit is not yet due count as not seen.
What the cohort's roles cannot say is null, with a warning; completion is never guessed from discharge.
Shares: Wilson. Quantiles: type 7. An arm restricts the flow to its patients; those never admitted often have no arm.
R: prop.test(x, n, correct = FALSE); quantile(wait).`,
	Refs: []string{"Wilson 1927, 10.1080/01621459.1927.10502953", "Hyndman and Fan 1996, 10.1080/00031305.1996.10473566"},
}, struct{}{}, runFlow)

func runFlow(_ context.Context, in analysis.Input, q analysis.Question, _ struct{}) (analysis.Result, error) {
	g, excluded, err := one(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	f := Flow(only(in.Cohort, g), q.Level)
	r := analysis.Result{Excluded: excluded, Warnings: f.Warnings}
	for _, s := range f.Stages {
		r.Estimates = append(r.Estimates, s.estimates(g.Name)...)
	}
	for _, e := range []struct {
		term string
		v    analysis.Num
		p    string
	}{{"wait_median", f.Wait.Median, "0.5"}, {"wait_q1", f.Wait.Q1, "0.25"}, {"wait_q3", f.Wait.Q3, "0.75"}} {
		w := analysis.NewEstimate(e.term, analysis.ScaleTime)
		w.Arm, w.Unit, w.Value = g.Name, "days", e.v
		w.N = analysis.N{Arm: f.Wait.N, Missing: f.Wait.Missing}
		w.Method = analysis.Method{Name: "admission less referral, quantile of type 7", R: "quantile(wait, " + e.p + ")"}
		if !w.Value.OK() {
			why := f.Wait.Why
			if why == "" {
				why = "no patient has both days"
			}
			w = w.Warn(WarnUnknown, "waiting time is not known: "+why, "give referred and admitted as dates, or as day numbers of one clock")
		}
		r.Estimates = append(r.Estimates, w)
	}
	return r, nil
}

// estimates returns a stage's count and share.
func (s Stage) estimates(arm string) []analysis.Estimate {
	name := s.Name
	visit := ""
	if s.Visit != "" {
		name, visit = "seen", s.Name
	}
	n := analysis.NewEstimate("n_"+name, analysis.ScaleCount)
	n.Arm, n.Visit, n.Unit, n.N.Arm = arm, visit, "patients", s.N
	n.Method = analysis.Method{Name: "count of patients"}
	if s.Known {
		n.Value = analysis.Num(s.N)
	} else {
		n = n.Warn(WarnUnknown, "not known: "+s.Why, "add a column with role "+s.Name)
	}
	if s.Name == StageReferred {
		return []analysis.Estimate{n}
	}
	e := analysis.NewEstimate("share_"+name, analysis.ScaleProportion)
	e.Arm, e.Visit, e.Value, e.CI = arm, visit, s.Share, s.CI
	e.N = analysis.N{Arm: s.Of, Missing: s.Missing, Events: s.Within}
	e.Method = analysis.Method{Name: "share of patients, Wilson; of: " + s.Parent, R: "prop.test(x, n, correct = FALSE)", Ref: "Wilson 1927, 10.1080/01621459.1927.10502953"}
	switch {
	case !s.Known:
		e = e.Warn(WarnUnknown, "not known: "+s.Why, "add a column with role "+s.Name)
	case s.Parent == "":
		e = e.Warn(WarnUnknown, "of whom is not known: no column says who was referred", "add a column with role referred")
	case s.Of == 0:
		e = e.Warn(analysis.WarnTooFew, "nobody reached the stage before", "")
	case s.Low:
		e = e.Warn(analysis.WarnLowFollowUp, "under 70 % were seen; those not seen may differ", "follow up more patients")
	}
	return []analysis.Estimate{n, e}
}
