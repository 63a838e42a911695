package describe

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// Filled counts the patients who have a value of an outcome at a visit.
type Filled struct {
	Outcome, Label   string
	Visit, VisitName string
	N                int // with a value
	Seen             int // with any measured value at the visit
	Of               int // patients counted
	Share            analysis.Num
	CI               analysis.Interval
}

// MissingReason counts the cells of a column that hold one missing code.
type MissingReason struct {
	Table, Column string
	Code, Label   string // Label is "" where the cohort file gives none
	Cells         int
}

// CompletenessResult says what is there and what is not.
type CompletenessResult struct {
	Patients int
	Who      string // whom Of counts, in words
	Filled   []Filled
	// Reasons, SetAside and Excluded count what was found when the files were
	// read; SetAside and Excluded also what was left out since.
	Reasons  []MissingReason
	SetAside []datasets.Exclusion // cells made missing: not of the type, not a level, out of range
	Excluded []datasets.Exclusion // rows and patients left out
}

// Completeness returns how many patients have a value, by outcome and visit, of
// those admitted (patients "admitted") or of all; why cells are missing, by the
// codes of the cohort file; and what was set aside or left out. Outcomes and
// visits nil mean all.
//
// Reasons are counted when files are read and stay so when the cohort is
// restricted to a quarter or an arm afterwards: they describe the files.
//
// Intervals: Wilson, at the level.
func Completeness(c *datasets.Cohort, patients string, outcomes []datasets.Field, visits []datasets.Visit, level float64) CompletenessResult {
	counted, n, words := who(c, patients)
	r := CompletenessResult{Patients: n, Who: words}
	if outcomes == nil {
		outcomes = c.Outcomes()
	}
	if visits == nil {
		visits = c.Visits()
	}
	present := map[string][]float64{}
	for _, v := range visits {
		present[v.Value] = seen(c, v.Value)
	}
	for _, f := range outcomes {
		for _, v := range visits {
			x := Filled{Outcome: f.Name, Label: f.Label(), Visit: v.Value, VisitName: v.VisitName(), Of: n}
			for p, value := range c.Values(f.Name, v.Value) {
				if !counted[p] {
					continue
				}
				if !math.IsNaN(value) {
					x.N++
				}
				x.Seen += int(present[v.Value][p])
			}
			x.Share, x.CI = share(x.N, x.Of, level)
			r.Filled = append(r.Filled, x)
		}
	}
	r.Reasons = reasons(c)
	for _, e := range c.Excluded() {
		if strings.HasPrefix(e.Code, "set-aside") {
			r.SetAside = append(r.SetAside, e)
		} else {
			r.Excluded = append(r.Excluded, e)
		}
	}
	return r
}

func reasons(c *datasets.Cohort) []MissingReason {
	var out []MissingReason
	for _, t := range c.Tables() {
		for _, f := range t.Fields() {
			for _, m := range t.MissingReasons(f.Name) {
				if m.Cells > 0 {
					out = append(out, MissingReason{Table: t.Name(), Column: f.Name, Code: m.Code, Label: m.Label, Cells: m.Cells})
				}
			}
		}
	}
	return out
}

// CompletenessOptions are the settings of describe/completeness.
type CompletenessOptions struct {
	Patients string `opt:"patients" doc:"of whom: those admitted where the cohort says who was, or all" choices:"admitted|all"`
}

// CompletenessAnalysis is describe/completeness: what is there, by outcome and
// visit, and why the rest is not.
var CompletenessAnalysis = analysis.New(analysis.Analysis{
	Name:     "describe/completeness",
	Title:    "Completeness",
	Estimand: "the share of patients who have a value of each outcome at each visit",
	Doc: `Term complete, by outcome and visit (all, or those asked for): patients with a value, of those admitted where the cohort says who was (patients=all: of all), with a Wilson interval.
Tables: completeness (the same, with how many were seen at the visit), missing-reasons (cells by missing code, as the files were read), set-aside (cells made missing because they were not of the type, no listed level or out of range).
Rows left out are in the result's list of exclusions.
R: prop.test(x, n, correct = FALSE).`,
	Refs:  []string{"Wilson 1927, 10.1080/01621459.1927.10502953"},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, CompletenessOptions{Patients: PatientsAdmitted}, runCompleteness)

func runCompleteness(_ context.Context, in analysis.Input, q analysis.Question, o CompletenessOptions) (analysis.Result, error) {
	g, excluded, err := one(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	var outcomes []datasets.Field
	var visits []datasets.Visit
	if q.Outcome != "" {
		f, err := in.Cohort.Outcome(q.Outcome)
		if err != nil {
			return analysis.Result{}, err
		}
		outcomes = []datasets.Field{f}
	}
	if q.Visit != "" {
		v, err := in.Cohort.Visit(q.Visit)
		if err != nil {
			return analysis.Result{}, err
		}
		visits = []datasets.Visit{v}
	}
	c := Completeness(only(in.Cohort, g), o.Patients, outcomes, visits, q.Level)
	r := analysis.Result{Excluded: excluded, Tables: c.tables()}
	if low := c.low(); low > 0 {
		r.Warnings = append(r.Warnings, analysis.Warning{
			Code:    analysis.WarnLowFollowUp,
			Message: fmt.Sprintf("%d of %d outcomes and visits have a value for under 70 %% of patients; those without may differ", low, len(c.Filled)),
			Cure:    "follow up more patients, and show results under other assumptions about those not seen",
		})
	}
	for _, f := range c.Filled {
		e := analysis.NewEstimate("complete", analysis.ScaleProportion)
		e.Outcome, e.Visit, e.Arm = f.Outcome, f.VisitName, g.Name
		e.Value, e.CI, e.N = f.Share, f.CI, analysis.N{Arm: f.Of, Events: f.N, Missing: f.Of - f.N}
		e.Method = analysis.Method{Name: "share with a value, Wilson; of: " + c.Who, R: "prop.test(x, n, correct = FALSE)", Ref: "Wilson 1927, 10.1080/01621459.1927.10502953"}
		if !e.Value.OK() {
			e = e.Warn(analysis.WarnTooFew, "there is no patient to count", "ask for more patients")
		}
		r.Estimates = append(r.Estimates, e)
	}
	return r, nil
}

func (r CompletenessResult) tables() []analysis.Table {
	count := func(n int) analysis.Value { return analysis.Number(float64(n)) }
	filled := analysis.Table{Name: "completeness", Title: "Patients with a value", Columns: []string{"outcome", "label", "visit", "n", "seen", "of", "share"}, Notes: []string{"of: " + r.Who, "seen: any measured value at the visit"}}
	for _, f := range r.Filled {
		filled.Rows = append(filled.Rows, []analysis.Value{analysis.Text(f.Outcome), analysis.Text(f.Label), analysis.Text(f.VisitName), count(f.N), count(f.Seen), count(f.Of), analysis.Number(float64(f.Share))})
	}
	why := analysis.Table{Name: "missing-reasons", Title: "Missing cells by code", Columns: []string{"table", "column", "code", "label", "cells"}, Notes: []string{"counted when the files were read, before any patients or rows were left out"}}
	for _, m := range r.Reasons {
		code := m.Code
		if code == "" {
			code = "(empty)"
		}
		why.Rows = append(why.Rows, []analysis.Value{analysis.Text(m.Table), analysis.Text(m.Column), analysis.Text(code), analysis.Text(m.Label), count(m.Cells)})
	}
	aside := analysis.Table{Name: "set-aside", Title: "Cells made missing", Columns: []string{"table", "code", "cells", "reason"}}
	for _, e := range r.SetAside {
		aside.Rows = append(aside.Rows, []analysis.Value{analysis.Text(e.Table), analysis.Text(e.Code), count(e.Rows), analysis.Text(e.Reason)})
	}
	return slices.DeleteFunc([]analysis.Table{filled, why, aside}, func(t analysis.Table) bool { return len(t.Rows) == 0 })
}

// low counts the outcomes and visits of which under 70 % of patients have a value.
func (r CompletenessResult) low() int {
	n := 0
	for _, f := range r.Filled {
		if f.Share < lowFollowUp {
			n++
		}
	}
	return n
}
