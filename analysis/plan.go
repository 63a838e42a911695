package analysis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"recoup/datasets"
)

// Plan is a study's list of analyses, written before the results are seen: a YAML
// file with the questions, definitions, subgroups, sensitivity analyses and how the
// number of tests is allowed for.
type Plan struct {
	Title        string       `yaml:"title" json:"title,omitempty"`
	Cohort       string       `yaml:"cohort" json:"cohort,omitempty"` // path of the cohort file, from the plan's folder
	Where        string       `yaml:"where" json:"where,omitempty"`   // condition on the cohort, for all
	Level        float64      `yaml:"level" json:"level,omitempty"`   // of confidence; 0.95 where not given
	Seed         uint64       `yaml:"seed" json:"seed,omitempty"`     // of analyses that draw random numbers; 1 where not given
	Question     PlanQuestion `yaml:"question" json:"question"`       // what every item asks where it does not say
	Items        []PlanItem   `yaml:"analyses" json:"analyses"`
	Multiplicity []PlanFamily `yaml:"multiplicity" json:"multiplicity,omitempty"`
}

// PlanQuestion is the part of a question that a plan gives.
type PlanQuestion struct {
	Arm        string  `yaml:"arm" json:"arm,omitempty"`
	Reference  string  `yaml:"reference" json:"reference,omitempty"`
	Outcome    string  `yaml:"outcome" json:"outcome,omitempty"`
	Visit      string  `yaml:"visit" json:"visit,omitempty"`
	Baseline   string  `yaml:"baseline" json:"baseline,omitempty"`
	Definition string  `yaml:"definition" json:"definition,omitempty"`
	Missing    Missing `yaml:"missing" json:"missing,omitempty"`
}

// PlanItem is one analysis of a plan, run for each of its outcomes, visits and
// subgroups.
type PlanItem struct {
	ID          string         `yaml:"id" json:"id"`
	Title       string         `yaml:"title" json:"title,omitempty"`
	Role        string         `yaml:"role" json:"role"` // primary, secondary (where not given), sensitivity or exploratory
	Run         string         `yaml:"run" json:"run"`   // the analysis, by its name in the catalog
	Question    PlanQuestion   `yaml:"question" json:"question"`
	Outcomes    []string       `yaml:"outcomes" json:"outcomes,omitempty"`
	Visits      []string       `yaml:"visits" json:"visits,omitempty"`
	Subgroups   []string       `yaml:"subgroups" json:"subgroups,omitempty"` // conditions, beside all patients
	Set         map[string]any `yaml:"set" json:"set,omitempty"`
	Terms       []string       `yaml:"terms" json:"terms,omitempty"`             // the estimates kept; all where not given
	Sensitivity []PlanItem     `yaml:"sensitivity" json:"sensitivity,omitempty"` // what they do not say is as in the item
}

// PlanFamily is a set of tests whose p values are adjusted for their number.
type PlanFamily struct {
	Name      string   `yaml:"name" json:"name"`
	Method    string   `yaml:"method" json:"method"`                 // one of PlanMethods
	Of        []string `yaml:"of" json:"of"`                         // ids of items; their sensitivity analyses are not in it
	Term      string   `yaml:"term" json:"term,omitempty"`           // the estimate tested; every one with a p value where not given
	Subgroups bool     `yaml:"subgroups" json:"subgroups,omitempty"` // the subgroups' tests are in it too
}

// PlanMethods are the ways to allow for the number of tests. A fixed sequence tests
// in the order listed and stops at the first that fails: p is the largest so far.
var PlanMethods = []string{"holm", "hochberg", "hommel", "bonferroni", "sidak", "bh", "by", "fixed-sequence"}

// planRoles are the roles of items.
var planRoles = []string{"primary", "secondary", "sensitivity", "exploratory"}

// PlanRun is one run of a plan: what is asked, and what came of it.
type PlanRun struct {
	ID       string            `json:"id"`           // the item
	Of       string            `json:"of,omitempty"` // the item it is a sensitivity analysis of
	Role     string            `json:"role"`         // of the item
	Title    string            `json:"title,omitempty"`
	Analysis string            `json:"analysis"`
	Question Question          `json:"question"`
	Set      map[string]string `json:"set,omitempty"`
	Terms    []string          `json:"terms,omitempty"`
	Cannot   string            `json:"cannot,omitempty"` // why the cohort cannot answer, "" where it can
	Result   Result            `json:"result"`

	analysis *Analysis
}

// PlanTest is one adjusted p value: of an estimate of a run, by their places.
type PlanTest struct {
	Family   string `json:"family"`
	Method   string `json:"method"`
	Run      int    `json:"run"`
	Estimate int    `json:"estimate"`
	P        Num    `json:"p_value"`
	Adjusted Num    `json:"p_adjusted"`
}

// PlanResult is what a plan gives, in the plan's order.
type PlanResult struct {
	Runs     []PlanRun  `json:"runs"`
	Tests    []PlanTest `json:"tests"`
	Warnings []Warning  `json:"warnings"`
}

// ParsePlan reads a plan. All that is wrong with it by itself comes back at once, as
// datasets.Problems with lines: unknown analyses and settings, ids that occur twice,
// families of items that are not there.
func ParsePlan(name string, b []byte, find func(string) (*Analysis, error)) (*Plan, error) {
	p := &Plan{Seed: 1}
	line, err := datasets.DecodeYAML(name, b, p)
	if err != nil {
		return nil, err
	}
	c := planCheck{plan: p, file: name, line: line, find: find, ids: map[string]bool{}}
	c.check()
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return p, nil
}

// planCheck gathers what is wrong with a plan.
type planCheck struct {
	plan     *Plan
	file     string
	line     func(path string) int
	find     func(string) (*Analysis, error)
	ids      map[string]bool
	problems datasets.Problems
}

func (c *planCheck) bad(path, expected, mend string) {
	c.problems = append(c.problems, datasets.Problem{
		Severity: datasets.SeverityError, Code: datasets.CodeDictionary, File: c.file, Line: c.line(path),
		Column: strings.TrimPrefix(path, "$."), Expected: expected, Mend: mend,
	})
}

var planID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (c *planCheck) check() {
	p := c.plan
	if p.Level == 0 {
		p.Level = 0.95
	}
	if !(p.Level > 0 && p.Level < 1) {
		c.bad("$.level", "expected a confidence level between 0 and 1, such as 0.95", "")
	}
	if p.Where != "" {
		if _, err := datasets.ParseCondition(p.Where); err != nil {
			c.bad("$.where", err.Error(), "")
		}
	}
	if len(p.Items) == 0 {
		c.bad("$.analyses", "expected at least one analysis", "list them under analyses: - {id: ..., run: ...}")
	}
	for i := range p.Items {
		at := fmt.Sprintf("$.analyses[%d]", i)
		item := &p.Items[i]
		c.item(at, item)
		for k := range item.Sensitivity {
			s := &item.Sensitivity[k]
			s.inherit(*item)
			c.item(fmt.Sprintf("%s.sensitivity[%d]", at, k), s)
			if len(s.Sensitivity) > 0 {
				c.bad(fmt.Sprintf("%s.sensitivity[%d].sensitivity", at, k), "expected no sensitivity analyses of a sensitivity analysis", "list it under the item itself")
			}
		}
	}
	c.families()
}

// inherit fills in what a sensitivity analysis does not say.
func (s *PlanItem) inherit(item PlanItem) {
	s.Role = cmp.Or(s.Role, "sensitivity")
	same := s.Run == "" || s.Run == item.Run
	own := s.Question
	s.Run = cmp.Or(s.Run, item.Run)
	s.Question = s.Question.over(item.Question)
	if s.Outcomes != nil { // in place of the item's
		s.Question.Outcome = own.Outcome
	} else if own.Outcome == "" {
		s.Outcomes = item.Outcomes
	}
	if s.Visits != nil {
		s.Question.Visit = own.Visit
	} else if own.Visit == "" {
		s.Visits = item.Visits
	}
	if s.Terms == nil && same {
		s.Terms = item.Terms
	}
	if same { // the settings of another analysis are its own
		set := map[string]any{}
		for _, of := range []map[string]any{item.Set, s.Set} {
			for k, v := range of {
				set[k] = v
			}
		}
		s.Set = set
	}
}

// over fills in from another question what this one does not say.
func (q PlanQuestion) over(under PlanQuestion) PlanQuestion {
	return PlanQuestion{
		Arm: cmp.Or(q.Arm, under.Arm), Reference: cmp.Or(q.Reference, under.Reference), Outcome: cmp.Or(q.Outcome, under.Outcome),
		Visit: cmp.Or(q.Visit, under.Visit), Baseline: cmp.Or(q.Baseline, under.Baseline),
		Definition: cmp.Or(q.Definition, under.Definition), Missing: cmp.Or(q.Missing, under.Missing),
	}
}

func (c *planCheck) item(at string, x *PlanItem) {
	x.Role = cmp.Or(x.Role, "secondary")
	switch {
	case !planID.MatchString(x.ID):
		c.bad(at+".id", "expected an id of small letters, digits and hyphens", "give each analysis one, such as id: pain-12-months")
	case c.ids[x.ID]:
		c.bad(at+".id", fmt.Sprintf("expected each id once; %s is given twice", x.ID), "")
	}
	c.ids[x.ID] = true
	if !slices.Contains(planRoles, x.Role) {
		c.bad(at+".role", "expected one of "+strings.Join(planRoles, ", "), "")
	}
	for i, s := range x.Subgroups {
		if _, err := datasets.ParseCondition(s); err != nil {
			c.bad(fmt.Sprintf("%s.subgroups[%d]", at, i), err.Error(), "")
		}
	}
	if x.Question.Outcome != "" && len(x.Outcomes) > 0 {
		c.bad(at+".outcomes", "expected either outcomes or an outcome in the question, not both", "")
	}
	if x.Question.Visit != "" && len(x.Visits) > 0 {
		c.bad(at+".visits", "expected either visits or a visit in the question, not both", "")
	}
	a, err := c.find(x.Run)
	if err != nil {
		c.bad(at+".run", err.Error(), "")
		return
	}
	set, err := planSettings(x.Set)
	if err == nil {
		_, err = a.decode(set, nil)
	}
	if err != nil {
		c.bad(at+".set", strings.ReplaceAll(err.Error(), ErrOptions.Error()+": ", ""), "see: recoup analyze show "+a.Name)
	}
	if d := x.Question.Definition; d != "" && len(a.Definitions) > 0 {
		if err := a.defines(d); err != nil {
			c.bad(at+".question.definition", strings.ReplaceAll(err.Error(), ErrOptions.Error()+": ", ""), "")
		}
	}
	q := x.Question.over(c.plan.Question)
	if err := (Question{Arm: q.Arm, Reference: q.Reference, Missing: q.Missing, Level: 0.95}).check(); err != nil {
		c.bad(at+".question", err.Error(), "")
	}
}

func (c *planCheck) families() {
	names := map[string]bool{}
	for i, f := range c.plan.Multiplicity {
		at := fmt.Sprintf("$.multiplicity[%d]", i)
		if f.Name == "" || names[f.Name] {
			c.bad(at+".name", "expected a name of its own for each family of tests", "")
		}
		names[f.Name] = true
		if !slices.Contains(PlanMethods, f.Method) {
			c.bad(at+".method", "expected one of "+strings.Join(PlanMethods, ", "), "")
		}
		if len(f.Of) == 0 {
			c.bad(at+".of", "expected the ids of the analyses whose tests are counted", "")
		}
		for k, id := range f.Of {
			if !slices.ContainsFunc(c.plan.Items, func(x PlanItem) bool { return x.ID == id }) {
				c.bad(fmt.Sprintf("%s.of[%d]", at, k), fmt.Sprintf("expected the id of an analysis; there is no %q", id), "")
			}
		}
	}
}

// planSettings turns settings as YAML has them into texts.
func planSettings(set map[string]any) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range set {
		switch x := v.(type) {
		case []any:
			var parts []string
			for _, y := range x {
				parts = append(parts, fmt.Sprint(y))
			}
			out[k] = strings.Join(parts, ",")
		case map[string]any: // with: {threshold: 30}
			for name, y := range x {
				out[k+"."+name] = fmt.Sprint(y)
			}
		case nil:
			return nil, fmt.Errorf("expected a value for %s", k)
		default:
			out[k] = fmt.Sprint(x)
		}
	}
	return out, nil
}

// Runs returns what the plan runs, in its order: each item for each outcome, visit
// and subgroup, then its sensitivity analyses.
func (p *Plan) Runs(find func(string) (*Analysis, error)) ([]PlanRun, error) {
	var out []PlanRun
	for _, x := range p.Items {
		for _, k := range append([]PlanItem{x}, x.Sensitivity...) {
			a, err := find(k.Run)
			if err != nil {
				return nil, err
			}
			of := ""
			if k.ID != x.ID {
				of = x.ID
			}
			runs, err := p.runsOf(k, a, of)
			if err != nil {
				return nil, err
			}
			out = append(out, runs...)
		}
	}
	return out, nil
}

func (p *Plan) runsOf(k PlanItem, a *Analysis, of string) ([]PlanRun, error) {
	set, err := planSettings(k.Set)
	if err != nil {
		return nil, err
	}
	q := k.Question.over(p.Question)
	outcomes, visits := k.Outcomes, k.Visits
	if len(outcomes) == 0 {
		outcomes = []string{q.Outcome}
	}
	if len(visits) == 0 {
		visits = []string{q.Visit}
	}
	var out []PlanRun
	for _, outcome := range outcomes {
		for _, visit := range visits {
			for _, subgroup := range append([]string{""}, k.Subgroups...) {
				out = append(out, PlanRun{
					ID: k.ID, Of: of, Role: k.Role, Title: k.Title, Analysis: a.Name, Set: set, Terms: k.Terms, analysis: a,
					Question: Question{
						Arm: q.Arm, Reference: q.Reference, Outcome: outcome, Visit: visit, Baseline: q.Baseline, Subgroup: subgroup,
						Definition: q.Definition, Missing: q.Missing, Level: p.Level, Seed: p.Seed,
					},
				})
			}
		}
	}
	return out, nil
}

// Check returns what the plan asks of a cohort that the cohort does not have: arms,
// visits, outcomes and columns of conditions, each once.
func (p *Plan) Check(c *datasets.Cohort, runs []PlanRun) []string {
	var out []string
	note := func(id string, err error) {
		if err == nil {
			return
		}
		if s := id + ": " + strings.TrimPrefix(err.Error(), datasets.ErrUnknownName.Error()+": "); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, r := range runs {
		q := r.Question
		for _, arm := range []string{q.Arm, q.Reference} {
			if arm != "" && arm != All {
				_, err := c.Arm(arm)
				note(r.ID, err)
			}
		}
		for _, visit := range []string{q.Visit, q.Baseline} {
			if visit != "" {
				_, err := c.Visit(visit)
				note(r.ID, err)
			}
		}
		if q.Outcome != "" {
			_, err := c.Outcome(q.Outcome)
			note(r.ID, err)
		}
		if _, err := (Input{Cohort: c}).subgroup(q); err != nil {
			note(r.ID, err)
		}
	}
	return out
}

// Run runs the plan on workers (0 for one a processor), which change no digit. What
// the cohort cannot answer is said in its run, and the others go on. Progress of in is
// told the runs done.
func (p *Plan) Run(ctx context.Context, in Input, workers int) (PlanResult, error) {
	runs, err := p.Runs(in.Find)
	if err != nil {
		return PlanResult{}, err
	}
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	errs := make([]error, len(runs))
	var next, done atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, len(runs)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(runs) || ctx.Err() != nil {
					return
				}
				errs[i] = runs[i].run(ctx, in)
				if n := int(done.Add(1)); in.Progress != nil {
					in.Progress(n, len(runs))
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return PlanResult{}, err
	}
	out := PlanResult{Runs: runs, Tests: []PlanTest{}, Warnings: []Warning{}}
	for _, f := range p.Multiplicity {
		tests := f.tests(runs)
		if len(tests) == 0 {
			out.Warnings = append(out.Warnings, Warning{Code: "no-tests", Message: fmt.Sprintf("the family %s has no p value to adjust", f.Name), Cure: "name a term that its analyses test"})
		}
		out.Warnings = append(out.Warnings, f.without(runs, tests)...)
		out.Tests = append(out.Tests, tests...)
	}
	return out, nil
}

// without warns of what a family is said to be of and has no test of: the others are
// then allowed for fewer tests than a reader counts.
func (f PlanFamily) without(runs []PlanRun, tests []PlanTest) []Warning {
	var none []string
	for _, id := range f.Of {
		if !slices.ContainsFunc(tests, func(t PlanTest) bool { return runs[t.Run].ID == id }) {
			none = append(none, id)
		}
	}
	if len(none) == 0 || len(tests) == 0 {
		return nil
	}
	what := "p value"
	if f.Term != "" {
		what += " of a term " + f.Term
	}
	return []Warning{{
		Code: "no-tests", Message: fmt.Sprintf("the family %s has no %s of %s: p values are adjusted for the tests of the others alone", f.Name, what, strings.Join(none, ", ")),
		Cure: "choose what is tested by terms of each analysis in place of the family's term, or take it out of the family",
	}}
}

func (r *PlanRun) run(ctx context.Context, in Input) error {
	got, err := r.analysis.Run(ctx, Input{Cohort: in.Cohort, Find: in.Find}, r.Question, r.Set)
	switch {
	case errors.Is(err, ErrCannot) || errors.Is(err, ErrOptions) || errors.Is(err, datasets.ErrUnknownName):
		r.Cannot = err.Error()
		got = Result{Estimates: []Estimate{}, Excluded: []datasets.Exclusion{}, Warnings: []Warning{}}
	case err != nil:
		return fmt.Errorf("%s: %w", r.ID, err)
	}
	if len(r.Terms) > 0 && r.Cannot == "" {
		all := got.Estimates
		got.Estimates = slices.DeleteFunc(slices.Clone(all), func(e Estimate) bool { return !slices.Contains(r.Terms, e.Term) })
		for _, term := range r.Terms {
			if !slices.ContainsFunc(all, func(e Estimate) bool { return e.Term == term }) {
				got.Warnings = append(got.Warnings, Warning{Code: "no-term", Message: fmt.Sprintf("there is no estimate %q; there are: %s", term, strings.Join(terms(all), ", "))})
			}
		}
	}
	r.Result = got
	return nil
}

// terms returns the names of estimates, each once.
func terms(es []Estimate) []string {
	var out []string
	for _, e := range es {
		if !slices.Contains(out, e.Term) {
			out = append(out, e.Term)
		}
	}
	return out
}

// tests adjusts the p values of a family.
func (f PlanFamily) tests(runs []PlanRun) []PlanTest {
	var out []PlanTest
	for _, id := range f.Of {
		for i, r := range runs {
			if r.ID != id || r.Question.Subgroup != "" && !f.Subgroups {
				continue
			}
			for k, e := range r.Result.Estimates {
				if e.P.OK() && (f.Term == "" || e.Term == f.Term) {
					out = append(out, PlanTest{Family: f.Name, Method: f.Method, Run: i, Estimate: k, P: e.P})
				}
			}
		}
	}
	p := make([]float64, len(out))
	for i, t := range out {
		p[i] = float64(t.P)
	}
	adjusted := AdjustP(f.Method, p)
	if f.Method == "fixed-sequence" {
		for i := 1; i < len(adjusted); i++ {
			adjusted[i] = math.Max(adjusted[i], adjusted[i-1])
		}
	}
	for i := range out {
		out[i].Adjusted = Num(adjusted[i])
	}
	return out
}
