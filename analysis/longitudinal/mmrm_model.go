package longitudinal

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// model is the data of a model. Its columns are R's: the intercept (of the last
// group, the reference where there is one), the other groups, visits, groups by
// visits, slopes of the baseline by visit, covariates. Where the baseline is the first
// visit, groups differ from the next one on.
type model struct {
	groups      []analysis.Group
	visits      []datasets.Visit
	field       datasets.Field
	before      datasets.Visit // the baseline, where it is in the model
	constrained bool
	values      [][]float64 // by visit, then patient of the cohort
	baseline    []float64   // a covariate, by patient; nil where it is none
	covariates  [][]float64
	levels      []int // of the text that a covariate is an indicator of, 0 for numbers
	of          []string
	weights     []float64 // by patient; nil where all weigh alike
	by          []int32   // by patient, whose covariance, -1 missing; nil for one
	byName      string
	byLevels    []string
	allVisits   bool // patients seen at all visits alone

	// What follows from who is used.
	names  []string      // of the columns
	shift  []float64     // by visit, taken off the values lest digits be lost
	mean   float64       // at baseline
	centre []float64     // of the covariates
	n      [][]int       // used, by group and visit
	used   []int         // by group
	level  map[int32]int // to the covariance's number
}

func newModel(in analysis.Input, q analysis.Question, o MMRMOptions) (*model, []datasets.Exclusion, error) {
	c := in.Cohort
	mode := o.Baseline
	if mode == baselineResponse { // the visits after it, to which it comes as the first
		mode = baselineCovariate
	}
	p, err := newPanel(in, q, mode, nil)
	if err != nil {
		return nil, nil, err
	}
	m := &model{groups: p.groups, field: p.field, visits: p.visits, values: p.values}
	switch o.Baseline {
	case baselineCovariate:
		m.before, m.baseline = p.start, p.baseline
	case baselineResponse:
		m.before, m.constrained = p.start, true
		m.visits, m.values = slices.Insert(m.visits, 0, p.start), slices.Insert(m.values, 0, p.first)
	}
	if len(m.visits) > fit.MaxVisits {
		return nil, nil, fmt.Errorf("%w: the cohort has %d visits; a model may have %d", analysis.ErrCannot, len(m.visits), fit.MaxVisits)
	}
	for _, name := range o.Covariates {
		columns, levels, err := in.Covariates(m.groups, []string{name})
		if err != nil {
			return nil, nil, err
		}
		m.covariates, m.levels = append(m.covariates, columns...), append(m.levels, levels...)
		for range columns {
			m.of = append(m.of, name)
		}
	}
	if o.PatientWeights != "" {
		if m.weights, err = c.Covariate(o.PatientWeights); err != nil {
			return nil, nil, err
		}
	}
	return m, p.excluded, m.readCovarianceBy(c, o.CovarianceBy)
}

func (m *model) readCovarianceBy(c *datasets.Cohort, by string) error {
	switch by {
	case "":
		return nil
	case "arm":
		m.byName, m.by = by, make([]int32, c.Patients())
		for p := range m.by {
			m.by[p] = -1
		}
		for i, g := range m.groups {
			m.byLevels = append(m.byLevels, g.Name)
			for _, p := range g.Patients {
				m.by[p] = int32(i)
			}
		}
		return nil
	}
	var err error
	m.byName = by
	m.by, m.byLevels, err = c.CovariateLevels(by)
	return err
}

// complete reports whether a patient has all but the outcome.
func (m *model) complete(p int) bool {
	if m.baseline != nil && math.IsNaN(m.baseline[p]) || m.weights != nil && math.IsNaN(m.weights[p]) || m.by != nil && m.by[p] < 0 {
		return false
	}
	for _, x := range m.covariates {
		if math.IsNaN(x[p]) {
			return false
		}
	}
	for v := range m.values {
		if m.allVisits && math.IsNaN(m.values[v][p]) {
			return false
		}
	}
	return true
}

// use reports whether a patient is in the model.
func (m *model) use(p int) bool {
	if !m.complete(p) {
		return false
	}
	for v := range m.values {
		if !math.IsNaN(m.values[v][p]) {
			return true
		}
	}
	return false
}

// leaveOut takes visits out at which a group has no values, and counts who is used.
func (m *model) leaveOut() []analysis.Warning {
	var out []analysis.Warning
	var visits []datasets.Visit
	var values [][]float64
	for v := range m.visits {
		empty := ""
		for _, g := range m.groups {
			n := 0
			for _, p := range g.Patients {
				if m.complete(p) && !math.IsNaN(m.values[v][p]) {
					n++
				}
			}
			if n == 0 && empty == "" {
				empty = g.Name
			}
		}
		if empty != "" && !(m.constrained && v == 0) {
			out = append(out, analysis.Warning{
				Code: "visit-left-out", Message: fmt.Sprintf("%s is not in the model: %s has no values of %s there", m.visits[v].VisitName(), empty, m.field.Name),
			})
			continue
		}
		visits, values = append(visits, m.visits[v]), append(values, m.values[v])
	}
	m.visits, m.values = visits, values
	m.count()
	return out
}

// count works out what follows from who is used.
func (m *model) count() {
	m.n, m.used = make([][]int, len(m.groups)), make([]int, len(m.groups))
	m.shift, m.centre, m.mean = make([]float64, len(m.visits)), make([]float64, len(m.covariates)), 0
	m.level = map[int32]int{}
	at, total := make([]int, len(m.visits)), 0
	for i, g := range m.groups {
		m.n[i] = make([]int, len(m.visits))
		for _, p := range g.Patients {
			if !m.use(p) {
				continue
			}
			m.used[i]++
			total++
			if m.by != nil {
				m.level[m.by[p]] = 0
			}
			for v := range m.visits {
				if y := m.values[v][p]; !math.IsNaN(y) {
					m.n[i][v]++
					at[v]++
					m.shift[v] += (y - m.shift[v]) / float64(at[v])
				}
			}
			if m.baseline != nil {
				m.mean += (m.baseline[p] - m.mean) / float64(total)
			}
			for k, x := range m.covariates {
				m.centre[k] += (x[p] - m.centre[k]) / float64(total)
			}
		}
	}
	for code, n := int32(0), 0; int(code) < len(m.byLevels); code++ {
		if _, ok := m.level[code]; ok {
			m.level[code] = n
			n++
		}
	}
	m.nameColumns()
}

func (m *model) base() int { return len(m.groups) - 1 }

// from is the first visit at which groups differ.
func (m *model) from() int {
	if m.constrained {
		return 1
	}
	return 0
}

func (m *model) nameColumns() {
	m.names = []string{"the mean of " + m.groups[m.base()].Name}
	for _, g := range m.groups[:m.base()] {
		if !m.constrained {
			m.names = append(m.names, "the arm "+g.Name)
		}
	}
	for v, visit := range m.visits {
		if v > 0 {
			m.names = append(m.names, "the visit "+visit.VisitName())
		}
	}
	for _, g := range m.groups[:m.base()] {
		for v, visit := range m.visits {
			if v > 0 {
				m.names = append(m.names, fmt.Sprintf("the arm %s at %s", g.Name, visit.VisitName()))
			}
		}
	}
	for _, visit := range m.visits {
		if m.baseline != nil {
			m.names = append(m.names, "the baseline at "+visit.VisitName())
		}
	}
	for _, name := range m.of {
		m.names = append(m.names, "the covariate "+name)
	}
}

// cell sets the columns of a group's mean at a visit.
func (m *model) cell(row []float64, i, v int) {
	arms, visits := 0, len(m.visits)
	if !m.constrained {
		arms = m.base()
	}
	row[0] = 1
	if v > 0 {
		row[arms+v] = 1
	}
	if i == m.base() {
		return
	}
	if !m.constrained {
		row[1+i] = 1
	}
	if v > 0 {
		row[arms+visits+i*(visits-1)+v-1] = 1
	}
}

// slope is the column of the baseline at the first visit.
func (m *model) slope() int {
	n := len(m.names) - len(m.covariates)
	if m.baseline != nil {
		n -= len(m.visits)
	}
	return n
}

// maxCovariances is how many levels may have a covariance each.
const maxCovariances = 10

// ready refuses what cannot be fitted whatever the numbers.
func (m *model) ready(o MMRMOptions) error {
	if len(m.visits) <= m.from() {
		return fmt.Errorf("%w: no visit after baseline has values of %s in every group", analysis.ErrCannot, m.field.Name)
	}
	for i, v := range m.visits {
		if o.Covariance != string(fit.Spatial) {
			break
		}
		if v.Week == nil {
			return fmt.Errorf("%w: covariance=sp_exp needs the week of each visit, and %s has none: add week under visits in the cohort file", analysis.ErrCannot, v.VisitName())
		}
		for _, w := range m.visits[:i] {
			if *w.Week == *v.Week {
				return fmt.Errorf("%w: covariance=sp_exp needs visits in different weeks, and %s and %s are in the same", analysis.ErrCannot, w.VisitName(), v.VisitName())
			}
		}
	}
	if len(m.level) > maxCovariances {
		return fmt.Errorf("%w: %s has %d levels; a covariance for each needs %d or fewer, so group them first", analysis.ErrCannot, m.byName, len(m.level), maxCovariances)
	}
	seen := make([][]bool, len(m.level))
	for i := range seen {
		seen[i] = make([]bool, len(m.visits))
	}
	for p := range m.patients() {
		if !(p.Weight > 0) || math.IsInf(p.Weight, 0) {
			return fmt.Errorf("%w: the weights in %s must be above 0", analysis.ErrCannot, o.PatientWeights)
		}
		for v := range m.visits {
			if m.by != nil && !math.IsNaN(p.Y[v]) {
				seen[p.Group][v] = true
			}
		}
	}
	for _, level := range seen {
		for v, ok := range level {
			if !ok {
				return fmt.Errorf("%w: a level of %s has no values at %s, so no covariance of its own: leave covariance-by out", analysis.ErrCannot, m.byName, m.visits[v].VisitName())
			}
		}
	}
	return nil
}

// patients goes through the patients used. Each is there until the next.
func (m *model) patients() iter.Seq[fit.Patient] {
	return func(yield func(fit.Patient) bool) {
		visits, slope := len(m.visits), m.slope()
		out := fit.Patient{X: make([][]float64, visits), Y: make([]float64, visits), Weight: 1}
		for v := range out.X {
			out.X[v] = make([]float64, len(m.names))
		}
		for i, g := range m.groups {
			for _, p := range g.Patients {
				if !m.use(p) {
					continue
				}
				if m.weights != nil {
					out.Weight = m.weights[p]
				}
				if m.by != nil {
					out.Group = m.level[m.by[p]]
				}
				for v := range visits {
					row := out.X[v]
					clear(row)
					m.cell(row, i, v)
					if m.baseline != nil {
						row[slope+v] = m.baseline[p] - m.mean
					}
					for k, c := range m.covariates {
						row[len(row)-len(m.covariates)+k] = c[p] - m.centre[k]
					}
					out.Y[v] = m.values[v][p] - m.shift[v]
				}
				if !yield(out) {
					return
				}
			}
		}
	}
}

// statistics sums the data up.
func (m *model) statistics() (*fit.Repeated, error) {
	r, err := fit.NewRepeated(len(m.visits), len(m.names), max(1, len(m.level)))
	if err != nil {
		return nil, err
	}
	for _, v := range m.visits {
		if v.Week != nil {
			r.Times = append(r.Times, *v.Week)
		}
	}
	for p := range m.patients() {
		r.Add(p)
	}
	return r, nil
}

// asked returns the visit asked about, -1 for all.
func (m *model) asked(in analysis.Input, q analysis.Question) (int, error) {
	if q.Visit == "" {
		return -1, nil
	}
	asked, err := in.Cohort.Visit(q.Visit)
	if err != nil {
		return -1, err
	}
	for v := m.from(); v < len(m.visits); v++ {
		if m.visits[v].Value == asked.Value {
			return v, nil
		}
	}
	return -1, fmt.Errorf("%w: the visit asked about is not after baseline, or an arm has no values there", analysis.ErrCannot)
}
