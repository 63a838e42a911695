package work

import (
	"context"
	"fmt"
	"slices"

	"recoup/analysis"
	"recoup/datasets"
)

// TransitionsOptions are the settings of Transitions.
type TransitionsOptions struct {
	Column string `opt:"column" doc:"which column is followed: work_status or sick_leave" choices:"work_status|sick_leave"`
}

// Transitions is work/transitions.
var Transitions = analysis.New(analysis.Analysis{
	Name:     "work/transitions",
	Title:    "Work status before and after (transition shares)",
	Estimand: "of the patients with each status at the baseline, the share with each status at the visit",
	Doc: `Shares x/n by row with Wilson intervals: term FROM to TO. before STATUS and after STATUS are the shares of all patients seen twice.
These are shares seen at two times, not rates: what happened between is not known, and patients seen only once are left out and counted.
A change from before to after in one group also holds regression to the mean: sick leave rises before people enter a program, and falls after without one.
Visits: the baseline and the visit asked for, else each later visit.
R: prop.table(table(before, after), 1).`,
	Refs:  []string{"Wilson 1927, 10.1080/01621459.1927.10502953"},
	Needs: []datasets.Role{datasets.RoleVisit},
}, TransitionsOptions{Column: string(datasets.RoleWorkStatus)}, runTransitions)

func runTransitions(_ context.Context, in analysis.Input, q analysis.Question, o TransitionsOptions) (analysis.Result, error) {
	r, groups, err := newReader(in, q, reading)
	if err != nil {
		return analysis.Result{}, err
	}
	role := datasets.Role(o.Column)
	t := r.table([]datasets.Role{datasets.RoleVisit, role}, nil)
	if t == nil {
		return analysis.Result{}, cannot("no table with visits has a column with role: %s", role)
	}
	f, _ := t.Field(role)
	baseline, ok := r.baseline()
	if !ok {
		return analysis.Result{}, cannot("no visit is marked as the baseline")
	}
	k := readCoded(t, f)
	levels := k.inOrder()
	asked, err := r.asked()
	if err != nil {
		return analysis.Result{}, err
	}
	var out analysis.Result
	for _, v := range asked {
		for _, g := range groups {
			c := k.twice(levels, baseline.Value, v.Value, g.Patients, in.Cohort.Patients())
			c.q, c.group, c.from, c.visit, c.column = q, g.Name, baseline.VisitName(), v.VisitName(), f.Name
			out.Estimates = append(out.Estimates, c.estimates()...)
			out.Tables = append(out.Tables, c.table())
		}
	}
	out.Excluded = r.excluded
	out.Warnings = append(r.warnings, analysis.Warning{
		Code: analysis.WarnAssumption, Message: "a fall of sick leave from before to after is not the effect of a program: it rises before entry and falls after in any case (regression to the mean)",
		Cure: "compare with a group that was followed alike",
	}, rules[1])
	return out, nil
}

// inOrder lists the levels in the order of the cohort file, the others by name.
func (k coded) inOrder() []string {
	out := slices.Clone(k.levels)
	declared := k.declared()
	at := func(s string) int {
		if i := slices.Index(declared, fold(s)); i >= 0 {
			return i
		}
		return len(declared)
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := at(a) - at(b); d != 0 {
			return d
		}
		if a < b {
			return -1
		}
		return 1
	})
	return slices.Compact(out)
}

// twice counts the levels of patients at two visits.
func (k coded) twice(levels []string, from, to string, patients []int, n int) panel {
	c := panel{levels: levels, count: make([][]int, len(levels))}
	for i := range c.count {
		c.count[i] = make([]int, len(levels))
	}
	before, after := k.levelAt(from, n), k.levelAt(to, n)
	for _, p := range patients {
		if before[p] == "" || after[p] == "" {
			c.missing++
			continue
		}
		c.count[slices.Index(levels, before[p])][slices.Index(levels, after[p])]++
	}
	return c
}

// levelAt returns the level of each patient at a visit, "" where missing.
func (k coded) levelAt(visit string, patients int) []string {
	out := make([]string, patients)
	f, _ := k.table.Field(datasets.RoleVisit)
	codes, levels := k.table.Codes(f.Name)
	for row, p := range k.table.Patient() {
		if levels[max(codes[row], 0)] == visit && codes[row] >= 0 && k.codes[row] >= 0 {
			out[p] = k.levels[k.codes[row]]
		}
	}
	return out
}

// panel is the statuses of a group at two visits.
type panel struct {
	levels      []string
	count       [][]int
	missing     int
	q           analysis.Question
	group       string
	from, visit string
	column      string
}

func (c panel) estimates() []analysis.Estimate {
	var out []analysis.Estimate
	total, after := 0, make([]int, len(c.levels))
	before := make([]int, len(c.levels))
	for i, row := range c.count {
		for j, n := range row {
			total += n
			before[i] += n
			after[j] += n
		}
	}
	for i, from := range c.levels {
		for j, to := range c.levels {
			e := c.share(from+" to "+to, c.count[i][j], before[i])
			e.N.Missing = 0 // of those not seen twice it is not known which row they are of
			out = append(out, e)
		}
	}
	for i, level := range c.levels {
		out = append(out, c.share("before "+level, before[i], total), c.share("after "+level, after[i], total))
	}
	return out
}

func (c panel) share(term string, x, n int) analysis.Estimate {
	e := analysis.NewEstimate(term, analysis.ScaleProportion)
	e.Outcome, e.Visit, e.Arm = "work", c.visit, c.group
	e.N = analysis.N{Arm: n, Missing: c.missing, Events: x}
	e.Method = analysis.Method{
		Name: fmt.Sprintf("share of patients by %s at %s and at %s, of those seen at both; Wilson interval", c.column, c.from, c.visit),
		R:    fmt.Sprintf("prop.test(%d, %d, correct = FALSE)", x, n), Ref: "Wilson 1927, 10.1080/01621459.1927.10502953",
	}
	if n == 0 {
		return e.Warn(analysis.WarnTooFew, "no patient has this status at the baseline and is seen at the visit", "follow more patients")
	}
	p := float64(x) / float64(n)
	e.Value, e.SE, e.CI = analysis.Num(p), wald(p*(1-p)/float64(n)), analysis.Wilson(x, n, c.q.Level)
	return followUp(e, n+e.N.Missing, e.N.Missing)
}

func (c panel) table() analysis.Table {
	t := analysis.Table{Name: "panel/" + c.group + "/" + c.visit, Title: fmt.Sprintf("%s at %s (rows) and at %s, patients seen at both", c.column, c.from, c.visit), Columns: append(append([]string{"before"}, c.levels...), "all")}
	for i, row := range c.count {
		line, sum := []analysis.Value{analysis.Text(c.levels[i])}, 0
		for _, n := range row {
			line = append(line, analysis.Number(float64(n)))
			sum += n
		}
		t.Rows = append(t.Rows, append(line, analysis.Number(float64(sum))))
	}
	return t
}
