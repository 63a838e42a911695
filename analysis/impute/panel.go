package impute

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"recoup/analysis"
	"recoup/datasets"
)

// panel is an outcome at all visits of the patients asked about. Rows are patients in
// the order of their identifiers, so that the order of rows in a file changes nothing.
type panel struct {
	field    datasets.Field
	groups   []analysis.Group // the arm, the reference; or every arm by name
	visits   []datasets.Visit // at which somebody has a value, in their order
	baseline int              // of visits
	asked    int              // of visits
	ordered  bool             // the cohort file says in which order the visits come
	patients []int            // of the cohort, by row
	place    []uint64         // of the patient among all identifiers, by row
	group    []int            // by row
	values   [][]float64      // by visit and row
	by       [][]float64      // by visit and patient of the cohort
	lower    bool             // lower values are better
	known    bool             // that is known
	excluded []datasets.Exclusion
}

// newPanel reads the panel, and refuses where nobody has a value at the baseline or at the
// visit asked about.
func newPanel(in analysis.Input, q analysis.Question) (*panel, error) {
	p, err := readPanel(in, q)
	if err != nil {
		return nil, err
	}
	if p.baseline < 0 || p.asked < 0 {
		return nil, fmt.Errorf("%w: no patient asked about has %s both at the baseline and at the visit, so nothing can be learned of those without it", analysis.ErrCannot, p.field.Name)
	}
	return p, nil
}

func readPanel(in analysis.Input, q analysis.Question) (*panel, error) {
	pair, err := in.Pair(q)
	if err != nil {
		return nil, err
	}
	p := &panel{field: pair.Field, lower: pair.Lower, known: pair.DirectionKnown, baseline: -1, asked: -1}
	if p.groups, p.excluded, err = in.Groups(q); err != nil {
		return nil, err
	}
	if q.Arm == "" { // arms may be known from the rows alone, in their order
		slices.SortFunc(p.groups, func(a, b analysis.Group) int { return cmp.Compare(a.Name, b.Name) })
	}
	groupOf := make([]int, in.Cohort.Patients())
	for i := range groupOf {
		groupOf[i] = -1
	}
	for g, group := range p.groups {
		for _, patient := range group.Patients {
			groupOf[patient] = g
		}
	}
	for place, patient := range in.Cohort.ByIdentifier() {
		if groupOf[patient] >= 0 {
			p.patients, p.place, p.group = append(p.patients, patient), append(p.place, uint64(place)), append(p.group, groupOf[patient])
		}
	}
	p.read(in.Cohort, pair)
	return p, nil
}

// read takes the visits at which somebody has a value.
func (p *panel) read(c *datasets.Cohort, pair analysis.Paired) {
	visits := c.Visits()
	p.ordered = len(c.Dictionary().Visits) > 0
	weeks := p.ordered
	for _, v := range visits {
		weeks = weeks && v.Week != nil
	}
	switch {
	case weeks:
		slices.SortStableFunc(visits, func(a, b datasets.Visit) int { return cmp.Compare(*a.Week, *b.Week) })
	case !p.ordered:
		slices.SortFunc(visits, func(a, b datasets.Visit) int { return cmp.Compare(a.Value, b.Value) })
	}
	for _, v := range visits {
		all := c.Values(p.field.Name, v.Value)
		values, some := p.rows(all), false
		for _, x := range values {
			some = some || !math.IsNaN(x)
		}
		if !some {
			continue
		}
		switch v.Value {
		case pair.Baseline.Value:
			p.baseline = len(p.visits)
		case pair.Now.Value:
			p.asked = len(p.visits)
		}
		p.visits, p.values, p.by = append(p.visits, v), append(p.values, values), append(p.by, all)
	}
}

// rows returns values by patient of the cohort as values by row.
func (p *panel) rows(byPatient []float64) []float64 {
	out := make([]float64, len(p.patients))
	for r, patient := range p.patients {
		out[r] = byPatient[patient]
	}
	return out
}

// after returns the visits after the baseline, as places in visits.
func (p *panel) after() []int {
	var out []int
	for v := range p.visits {
		if p.ordered && v > p.baseline || !p.ordered && v != p.baseline {
			out = append(out, v)
		}
	}
	return out
}

// size returns the patients of a group, and how many have a value at a visit.
func (p *panel) size(group, visit int) (patients, seen int) {
	for r, g := range p.group {
		if g == group {
			patients++
			if !math.IsNaN(p.values[visit][r]) {
				seen++
			}
		}
	}
	return patients, seen
}

// anyone refuses where a group has no value at the visit asked about.
func (p *panel) anyone() error {
	for g, group := range p.groups {
		for _, v := range []int{p.baseline, p.asked} {
			if n, seen := p.size(g, v); seen == 0 {
				return fmt.Errorf("%w: %s has no value of %s at %s in any of its %d patients, so nothing can be learned of them; ask for another visit", analysis.ErrCannot, group.Name, p.field.Name, p.visits[v].VisitName(), n)
			}
		}
	}
	return nil
}

// missing is the table of what was missing by arm and visit, and what was assumed.
func (p *panel) missing(assumed string) analysis.Table {
	t := analysis.Table{
		Name: "missing", Title: "Missing values of " + p.field.Name + " by arm and visit",
		Columns: []string{"arm", "visit", "patients", "seen", "missing", "percent missing"},
	}
	for g, group := range p.groups {
		for v, visit := range p.visits {
			n, seen := p.size(g, v)
			share := math.NaN()
			if n > 0 {
				share = 100 * float64(n-seen) / float64(n)
			}
			t.Rows = append(t.Rows, []analysis.Value{analysis.Text(group.Name), analysis.Text(visit.VisitName()), analysis.Number(float64(n)), analysis.Number(float64(seen)), analysis.Number(float64(n - seen)), analysis.Number(share)})
		}
	}
	if assumed != "" {
		t.Notes = []string{"Assumed of them: " + assumed + "."}
	}
	return t
}

// whoIsMissing says in a warning how many were missing by arm and what was assumed.
func (p *panel) whoIsMissing(assumed string) analysis.Warning {
	text := ""
	for g, group := range p.groups {
		n, seen := p.size(g, p.asked)
		if g > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %d of %d", group.Name, n-seen, n)
	}
	return analysis.Warning{
		Code:    analysis.WarnAssumption,
		Message: fmt.Sprintf("%s was missing at %s in: %s; assumed of them: %s", p.field.Name, p.visits[p.asked].VisitName(), text, assumed),
		Cure:    "the data cannot show whether that is so: hold the answer against other assumptions (impute/bounds, impute/tipping-point)",
	}
}

// complete returns a cohort with other values of the outcome, by visit and row. Visits
// whose values are those read are taken over as they are.
func (p *panel) complete(c *datasets.Cohort, values [][]float64) *datasets.Cohort {
	for v, visit := range p.visits {
		c = c.WithValues(p.field.Name, visit.Value, p.spread(p.by[v], values[v]))
	}
	return c
}

// spread writes values by row over values by patient.
func (p *panel) spread(byPatient, rows []float64) []float64 {
	out := slices.Clone(byPatient)
	for r, patient := range p.patients {
		out[patient] = rows[r]
	}
	return out
}

// each runs f for 0 to n-1 on every processor, and returns the first error in that order.
func each(ctx context.Context, n int, f func(i int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = f(i)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
