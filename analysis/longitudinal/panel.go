package longitudinal

import (
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/datasets"
)

// What a model does with the outcome at baseline.
const (
	baselineCovariate = "covariate" // the visits after baseline, adjusted for the baseline
	baselineResponse  = "response"  // all visits, the baseline one of them
	baselineNone      = "none"      // the visits after baseline alone
)

// panel is an outcome at several visits with what a model adjusts for.
type panel struct {
	groups     []analysis.Group
	field      datasets.Field
	start      datasets.Visit // the baseline, where one is marked
	visits     []datasets.Visit
	values     [][]float64 // by visit, then patient of the cohort
	first      []float64   // at baseline, by patient; nil where no visit is marked
	baseline   []float64   // the same where it is a covariate, else nil
	covariates [][]float64
	before     float64   // mean at baseline of the patients used
	centre     []float64 // of the covariates
	n          [][]int   // values used, by group and visit
	used       []int     // patients used, by group
	excluded   []datasets.Exclusion
}

// newPanel reads what a question asks about. Visits without week or mark that come
// before or with the baseline are told apart from later ones by their week.
func newPanel(in analysis.Input, q analysis.Question, mode string, covariates []string) (*panel, error) {
	c := in.Cohort
	if q.Outcome == "" {
		return nil, fmt.Errorf("%w: expected an outcome: --outcome COLUMN", datasets.ErrUnknownName)
	}
	p := &panel{}
	var err error
	if p.field, err = c.Outcome(q.Outcome); err != nil {
		return nil, err
	}
	if p.groups, p.excluded, err = in.Groups(q); err != nil {
		return nil, err
	}
	start, marked := c.Baseline()
	if q.Baseline != "" {
		if start, err = c.Visit(q.Baseline); err != nil {
			return nil, err
		}
		marked = true
	}
	if marked {
		p.start = start
		p.first = c.Values(p.field.Name, start.Value)
	}
	if mode == baselineCovariate {
		if !marked {
			return nil, fmt.Errorf("%w: no visit is marked as baseline: add baseline: true under visits, pass --baseline NAME, or choose another setting of baseline", datasets.ErrUnknownName)
		}
		p.baseline = p.first
	}
	for _, v := range c.Visits() {
		first := marked && (v.Value == start.Value || v.Week != nil && start.Week != nil && *v.Week <= *start.Week)
		if mode != baselineResponse && first {
			continue
		}
		p.visits, p.values = append(p.visits, v), append(p.values, c.Values(p.field.Name, v.Value))
	}
	p.covariates, _, err = in.Covariates(p.groups, covariates)
	return p, err
}

// complete reports whether a patient has all but the outcome.
func (p *panel) complete(i int) bool {
	if p.baseline != nil && math.IsNaN(p.baseline[i]) {
		return false
	}
	for _, x := range p.covariates {
		if math.IsNaN(x[i]) {
			return false
		}
	}
	return true
}

// keep leaves the visits for which want holds.
func (p *panel) keep(want func(v int) bool) {
	var visits []datasets.Visit
	var values [][]float64
	for v := range p.visits {
		if want(v) {
			visits, values = append(visits, p.visits[v]), append(values, p.values[v])
		}
	}
	p.visits, p.values = visits, values
}

// count counts the values and patients used, and centres the covariates.
func (p *panel) count() {
	p.n, p.used = make([][]int, len(p.groups)), make([]int, len(p.groups))
	p.before, p.centre = 0, make([]float64, len(p.covariates))
	total := 0
	for g, group := range p.groups {
		p.n[g] = make([]int, len(p.visits))
		for _, i := range group.Patients {
			if !p.seen(i) {
				continue
			}
			for v := range p.visits {
				if !math.IsNaN(p.values[v][i]) {
					p.n[g][v]++
				}
			}
			total++
			p.used[g]++
			if p.baseline != nil {
				p.before += p.baseline[i]
			}
			for k, x := range p.covariates {
				p.centre[k] += x[i]
			}
		}
	}
	p.before /= float64(total)
	for k := range p.centre {
		p.centre[k] /= float64(total)
	}
}

// seen reports whether a patient has a value at some visit, and all else.
func (p *panel) seen(i int) bool {
	if !p.complete(i) {
		return false
	}
	for v := range p.visits {
		if !math.IsNaN(p.values[v][i]) {
			return true
		}
	}
	return false
}

// dropEmpty takes out visits at which a group has no value, and says so.
func (p *panel) dropEmpty() []analysis.Warning {
	p.count()
	var out []analysis.Warning
	empty := make([]bool, len(p.visits))
	for v := range p.visits {
		for g, group := range p.groups {
			if p.n[g][v] == 0 && !empty[v] {
				empty[v] = true
				out = append(out, analysis.Warning{
					Code: "visit-left-out", Message: fmt.Sprintf("%s is not in the model: %s has no values of %s there", p.visits[v].VisitName(), group.Name, p.field.Name),
				})
			}
		}
	}
	p.keep(func(v int) bool { return !empty[v] })
	p.count()
	return out
}

// asked returns which visit of the panel a question asks about, or -1 for all.
func (p *panel) asked(in analysis.Input, q analysis.Question) (int, error) {
	if q.Visit == "" {
		return -1, nil
	}
	visit, err := in.Cohort.Visit(q.Visit)
	if err != nil {
		return 0, err
	}
	for v := range p.visits {
		if p.visits[v].Value == visit.Value {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: the visit asked about is not in the model: it is the baseline, or a group has no values there", analysis.ErrCannot)
}

// missing tells how many values are not there, as a table, and what is assumed of
// them, as a warning.
func (p *panel) missing(assumption, cure string) (analysis.Table, []analysis.Warning) {
	t := analysis.Table{
		Name: "missing-values", Title: "Values seen and missing by visit",
		Columns: []string{"group", "visit", "patients", "used", "missing"},
	}
	all, gone := 0, 0
	var low []analysis.Warning
	for g, group := range p.groups {
		n := len(group.Patients)
		for v := range p.visits {
			used := p.n[g][v]
			t.Rows = append(t.Rows, []analysis.Value{analysis.Text(group.Name), analysis.Text(p.visits[v].VisitName()), analysis.Number(float64(n)), analysis.Number(float64(used)), analysis.Number(float64(n - used))})
			all, gone = all+n, gone+n-used
			if float64(used) < 0.7*float64(n) {
				low = append(low, analysis.Warning{
					Code:    analysis.WarnLowFollowUp,
					Message: fmt.Sprintf("%s: %s used at %s of %d of %d patients (%.0f %%)", group.Name, p.field.Name, p.visits[v].VisitName(), used, n, 100*float64(used)/float64(n)),
					Cure:    "follow up more patients",
				})
			}
		}
	}
	t.Notes = []string{"missing: no value of the outcome, the baseline or a covariate; " + assumption}
	if gone == 0 {
		return t, low
	}
	return t, append(low, analysis.Warning{
		Code:    analysis.WarnAssumption,
		Message: fmt.Sprintf("%d of %d values are missing (%.0f %%); %s", gone, all, 100*float64(gone)/float64(all), assumption),
		Cure:    cure,
	})
}

// What models assume of values that are missing.
const (
	missingCompletely = "the model takes them to be missing completely at random: whether a value is missing depends on nothing but what the model adjusts for"
	missingAtRandom   = "the model takes them to be missing at random: whether a value is missing may depend on what was seen, not on what was not"
	cureCompletely    = "use longitudinal/mmrm or longitudinal/random-slope, which assume less, or impute first"
	cureAtRandom      = "show the result under other assumptions about the values that are missing"
)
