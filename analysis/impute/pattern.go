package impute

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// PatternOptions are the settings of impute/pattern: there are none.
type PatternOptions struct{}

// Pattern is impute/pattern: which visits are there, and who is not seen again.
var Pattern = analysis.New(analysis.Analysis{
	Name:     "impute/pattern",
	Title:    "Patterns of missing visits",
	Estimand: "share of patients of each arm without the outcome at each visit, and how those who are not seen again differ, when last seen, from those who are",
	Doc: `Terms by arm: share_missing at each visit; share_monotone, patients whose missing visits all come after all those seen; and at each visit after which some are not seen again: mean_leaving (of patients with their last value there), mean_staying (of those seen again) and difference_leaving, leaving minus staying, by Welch's t.
A difference there shows that being seen depends on the outcome, so that complete cases are biased; none does not show that it does not, for what was not seen cannot be looked at.
Tables: patterns (one column a visit, 1 for a value, with patients by arm, the most frequent first), missing. Series missing: percent missing over visits.
Intervals: Wilson's for shares, t for means, Welch's t for the difference.
R: mice::md.pattern(data).`,
	Refs:  []string{"Little and Rubin 2019, 10.1002/9781119482260", "Diggle and Kenward 1994, 10.2307/2986113"},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, PatternOptions{}, pattern)

func pattern(_ context.Context, in analysis.Input, q analysis.Question, _ PatternOptions) (analysis.Result, error) {
	if q.Visit == "" { // all visits are looked at
		for _, v := range in.Cohort.Visits() {
			if v.VisitName() != q.Baseline && v.Value != q.Baseline && (q.Baseline != "" || !v.Baseline) {
				q.Visit = v.Value
			}
		}
	}
	p, err := readPanel(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	if len(p.visits) == 0 {
		return analysis.Result{}, fmt.Errorf("%w: no patient asked about has %s at any visit", analysis.ErrCannot, p.field.Name)
	}
	weeks := !slices.ContainsFunc(p.visits, func(v datasets.Visit) bool { return v.Week == nil })
	r := analysis.Result{Excluded: p.excluded, Tables: []analysis.Table{p.patterns(), p.missing("")}}
	if !p.ordered {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnAssumption, Message: "the visits are in no known order, so it is not said who left after which", Cure: "list them under visits in the cohort file"})
	}
	for g, group := range p.groups {
		line := analysis.Series{Name: "missing", Group: group.Name, XUnit: "visit", YUnit: "%"}
		for v, visit := range p.visits {
			n, seen := p.size(g, v)
			e := p.share("share_missing", group, visit, n-seen, n, q.Level)
			r.Estimates = append(r.Estimates, e)
			x := float64(v)
			if weeks {
				x, line.XUnit = *visit.Week, "weeks"
			}
			line.Points = append(line.Points, analysis.Point{X: analysis.Num(x), Y: 100 * e.Value, Low: 100 * e.CI.Low, High: 100 * e.CI.High, N: n, Events: n - seen})
		}
		r.Series = append(r.Series, line)
		if !p.ordered {
			continue
		}
		n, monotone := 0, 0
		for row, at := range p.group {
			if at == g {
				n++
				if p.monotone(row) {
					monotone++
				}
			}
		}
		e := p.share("share_monotone", group, p.visits[len(p.visits)-1], monotone, n, q.Level)
		e.Method.Name = "patients of whom no visit is missing before one that was seen; Wilson"
		r.Estimates = append(r.Estimates, e)
		for v := range p.visits[:len(p.visits)-1] {
			r.Estimates = append(r.Estimates, p.leaving(g, v, q.Level)...)
		}
	}
	return r, nil
}

func (p *panel) share(term string, group analysis.Group, visit datasets.Visit, x, n int, level float64) analysis.Estimate {
	e := analysis.NewEstimate(term, analysis.ScaleProportion)
	e.Outcome, e.Visit, e.Arm = p.field.Name, visit.VisitName(), group.Name
	e.N = analysis.N{Arm: n, Events: x}
	if term == "share_missing" {
		e.N.Missing = x
	}
	e.Method = analysis.Method{Name: "patients without a value; Wilson", R: "prop.test(x, n, correct = FALSE)", Ref: "Wilson 1927, 10.1080/01621459.1927.10502953"}
	if n == 0 {
		return e.Warn(analysis.WarnTooFew, "the arm has no patients", "")
	}
	v := float64(x) / float64(n)
	e.Value, e.SE, e.CI = analysis.Num(v), analysis.Num(math.Sqrt(v*(1-v)/float64(n))), analysis.Wilson(x, n, level)
	return e
}

// last returns the last visit at which a row has a value, -1 without one.
func (p *panel) last(row int) int {
	for v := len(p.visits) - 1; v >= 0; v-- {
		if !math.IsNaN(p.values[v][row]) {
			return v
		}
	}
	return -1
}

func (p *panel) monotone(row int) bool {
	for v := range p.last(row) + 1 {
		if math.IsNaN(p.values[v][row]) {
			return false
		}
	}
	return true
}

// leaving compares those of a group with their last value at a visit with those seen
// again.
func (p *panel) leaving(g, v int, level float64) []analysis.Estimate {
	var leave, stay []float64
	for row, at := range p.group {
		if x := p.values[v][row]; at == g && !math.IsNaN(x) {
			if p.last(row) == v {
				leave = append(leave, x)
			} else {
				stay = append(stay, x)
			}
		}
	}
	if len(leave) == 0 {
		return nil
	}
	a, b := fit.Describe(leave), fit.Describe(stay)
	begin := func(term string, scale analysis.Scale, m fit.Moments, what string) analysis.Estimate {
		e := analysis.NewEstimate(term, scale)
		e.Outcome, e.Visit, e.Arm, e.Unit = p.field.Name, p.visits[v].VisitName(), p.groups[g].Name, p.field.Unit
		e.N, e.Value = analysis.N{Arm: m.N}, analysis.Num(m.Mean)
		e.Method = analysis.Method{Name: what, R: "t.test(x)"}
		return e
	}
	few := func(e analysis.Estimate) analysis.Estimate {
		return e.Warn(analysis.WarnTooFew, "an interval needs two patients whose values differ in each group", "")
	}
	meanOf := func(term string, m fit.Moments, what string) analysis.Estimate {
		e := begin(term, analysis.ScaleMean, m, what)
		if !(m.SD > 0) {
			return few(e)
		}
		se := m.SD / math.Sqrt(float64(m.N))
		e.SE, e.DF, e.CI = analysis.Num(se), analysis.Num(m.N-1), analysis.TInterval(m.Mean, se, float64(m.N-1), level)
		return e
	}
	d := begin("difference_leaving", analysis.ScaleDifference, a, "mean of those not seen again less that of those seen again; Welch's t")
	d.Method.R = "t.test(leaving, staying)"
	d.N.Arm = a.N + b.N
	d.Value = analysis.Num(a.Mean - b.Mean)
	va, vb := a.SD*a.SD/float64(a.N), b.SD*b.SD/float64(b.N)
	if se := math.Sqrt(va + vb); se > 0 {
		df := (va + vb) * (va + vb) / (va*va/float64(a.N-1) + vb*vb/float64(b.N-1))
		d.SE, d.DF, d.Statistic = analysis.Num(se), analysis.Num(df), d.Value/analysis.Num(se)
		d.P, d.CI = analysis.Num(analysis.TP(float64(d.Statistic), df)), analysis.TInterval(float64(d.Value), se, df, level)
	} else {
		d = few(d)
	}
	return []analysis.Estimate{
		meanOf("mean_leaving", a, "mean of patients with their last value at this visit"),
		meanOf("mean_staying", b, "mean of patients seen again after this visit"), d,
	}
}

// patterns counts patients by the visits they have, by arm.
func (p *panel) patterns() analysis.Table {
	t := analysis.Table{Name: "patterns", Title: "Patterns of visits with a value of " + p.field.Name, Notes: []string{"1 for a value, 0 for none."}}
	for _, v := range p.visits {
		t.Columns = append(t.Columns, v.VisitName())
	}
	t.Columns = append(t.Columns, "missing", "order")
	for _, g := range p.groups {
		t.Columns = append(t.Columns, g.Name)
	}
	if len(p.groups) > 1 {
		t.Columns = append(t.Columns, "all arms")
	}
	type count struct {
		key  string
		row  int
		by   []int
		all  int
		lost int
	}
	at := map[string]int{}
	var counts []count
	for row, g := range p.group {
		key := ""
		for v := range p.visits {
			key += map[bool]string{true: "0", false: "1"}[math.IsNaN(p.values[v][row])]
		}
		k, ok := at[key]
		if !ok {
			k = len(counts)
			at[key] = k
			counts = append(counts, count{key: key, row: row, by: make([]int, len(p.groups)), lost: strings.Count(key, "0")})
		}
		counts[k].by[g]++
		counts[k].all++
	}
	slices.SortFunc(counts, func(a, b count) int { return cmp.Or(cmp.Compare(b.all, a.all), cmp.Compare(b.key, a.key)) })
	for _, c := range counts {
		var cells []analysis.Value
		for _, k := range c.key {
			cells = append(cells, analysis.Text(fmt.Sprintf("%c", k)))
		}
		order := "complete"
		switch {
		case !p.ordered && c.lost > 0:
			order = "unknown"
		case c.lost == len(p.visits):
			order = "never seen"
		case c.lost > 0 && p.monotone(c.row):
			order = "monotone"
		case c.lost > 0:
			order = "intermittent"
		}
		cells = append(cells, analysis.Number(float64(c.lost)), analysis.Text(order))
		for _, n := range c.by {
			cells = append(cells, analysis.Number(float64(n)))
		}
		if len(p.groups) > 1 {
			cells = append(cells, analysis.Number(float64(c.all)))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}
