package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/datasets/published"
)

// ours returns our figure for each group asked about, with the result that says
// what was left out.
func (k kind) ours(in analysis.Input, q analysis.Question, o PublishedOptions) ([]figure, analysis.Result, error) {
	at, err := published.ParseHorizon(o.Horizon)
	if err != nil {
		return nil, analysis.Result{}, fmt.Errorf("%w: %w", analysis.ErrOptions, err)
	}
	if o.Source == "given" {
		f, err := k.given(q, o)
		if err != nil {
			return nil, analysis.Result{}, err
		}
		if in.Cohort != nil && q.Visit != "" && o.Horizon == "" {
			v, err := in.Cohort.Visit(q.Visit)
			if err != nil {
				return nil, analysis.Result{}, err
			}
			at = horizonOf(in.Cohort, v)
		}
		f.mix = CaseMix(in.Cohort, nil, f.definition, at)
		f.at = at.String()
		return []figure{f}, analysis.Result{}, nil
	}
	if in.Cohort == nil {
		return nil, analysis.Result{}, fmt.Errorf("%w: expected a cohort, or our figure with source=given", analysis.ErrCannot)
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return nil, analysis.Result{}, err
	}
	r := analysis.Result{Excluded: excluded}
	if k.outcome == "opioid off" && len(o.Among) == 0 {
		r.Warnings = append(r.Warnings, analysis.Warning{
			Code:    analysis.WarnAssumption,
			Message: "patients who took no opioids at entry may be in the denominator; published shares off opioids are of those who took them",
			Cure:    "pass --set among=LEVEL, the level at baseline that means taking opioids",
		})
	}
	var out []figure
	for _, g := range groups {
		f, visit, err := k.counted(in, q, o, g)
		if err != nil {
			return nil, r, err
		}
		seen := at
		if o.Horizon == "" {
			seen = horizonOf(in.Cohort, visit)
		}
		f.label, f.mix = g.Name, CaseMix(in.Cohort, g.Patients, f.definition, seen)
		all := f.n + f.missing
		if k.measure == MeasureShare && q.Missing == analysis.MissingFailure {
			all = f.n
		}
		if float64(f.missing) > 0.3*float64(all) {
			r.Warnings = append(r.Warnings, analysis.Warning{
				Code:    analysis.WarnLowFollowUp,
				Message: fmt.Sprintf("%s: %d of %d patients have no value at %s, so those seen may differ from all", g.Name, f.missing, all, f.at),
				Cure:    "of a share, give both: of those seen, and with missing=failure",
			})
		}
		out = append(out, f)
	}
	return out, r, nil
}

// given takes our figure from the settings.
func (k kind) given(q analysis.Question, o PublishedOptions) (figure, error) {
	bad := func(text string) (figure, error) {
		return figure{}, fmt.Errorf("%w: %s", analysis.ErrOptions, text)
	}
	f := newFigure()
	f.label, f.outcome, f.unit, f.definition = "ours", k.outcome, k.unit, q.Definition
	f.share, f.change, f.percent, f.note = k.measure == MeasureShare, k.measure == MeasureChange, k.measure == MeasurePercent, "as given"
	if len(o.OursN) == 1 {
		f.n = o.OursN[0]
	}
	if f.share {
		if len(o.OursEvents) == 0 || f.n <= 0 || o.OursEvents[0] < 0 || o.OursEvents[0] > f.n {
			return bad("expected a share as ours_events, a count, and ours_n, at least that many patients")
		}
		f.events = o.OursEvents[0]
		f.value = float64(f.events) / float64(f.n)
		return f, nil
	}
	if len(o.OursMean) == 0 {
		return bad("expected ours_mean, and ours_sd with ours_n for an interval")
	}
	f.value = o.OursMean[0]
	if len(o.OursSD) == 1 {
		if f.sd = o.OursSD[0]; !(f.sd > 0) || f.n < 2 {
			return bad("expected ours_sd over zero, and ours_n of at least two")
		}
	}
	return f, nil
}

// counted works our figure out from the cohort for one group.
func (k kind) counted(in analysis.Input, q analysis.Question, o PublishedOptions, g analysis.Group) (figure, datasets.Visit, error) {
	if k.measure == MeasureShare {
		return k.countShare(in, q, o, g)
	}
	f := newFigure()
	f.outcome, f.unit, f.change, f.percent = q.Outcome, k.unit, k.measure == MeasureChange, k.measure == MeasurePercent
	if k.measure == MeasureMean {
		if q.Visit == "" {
			return f, datasets.Visit{}, fmt.Errorf("%w: expected a visit: --visit NAME", datasets.ErrUnknownName)
		}
		v, err := in.Cohort.Visit(q.Visit)
		if err != nil {
			return f, v, err
		}
		f.at = v.VisitName()
		f.moments(present(g.Pick(in.Cohort.Values(q.Outcome, v.Value))), len(g.Patients))
		return f, v, nil
	}
	p, err := in.Pair(q)
	if err != nil {
		return f, p.Now, err
	}
	f.at = p.Now.VisitName()
	before, after, missing := g.Complete(p.Before, p.After)
	if k.measure == MeasureChange {
		f.moments(differences(after, before), len(before)+missing)
		return f, p.Now, nil
	}
	f.percentOf(before, after, missing)
	return f, p.Now, nil
}

// moments sets the figure to a mean.
func (f *figure) moments(x []float64, of int) {
	m := fit.Describe(x)
	f.value, f.sd, f.n, f.missing = m.Mean, m.SD, m.N, of-m.N
}

// percentOf sets the figure to the percent change of the mean.
func (f *figure) percentOf(before, after []float64, missing int) {
	b, a := fit.Describe(before), fit.Describe(after)
	f.n, f.missing = b.N, missing
	if b.N < 2 || !(b.Mean > 0) || !(a.Mean > 0) {
		return
	}
	f.value = 100 * (a.Mean - b.Mean) / b.Mean
	cov := 0.0
	if r := fit.Correlation(before, after); !math.IsNaN(r) {
		cov = r * a.SD * b.SD
	}
	v := a.SD*a.SD/(a.Mean*a.Mean) + b.SD*b.SD/(b.Mean*b.Mean) - 2*cov/(a.Mean*b.Mean)
	f.se = math.Sqrt(math.Max(0, v) / float64(b.N))
}

func present(x []float64) []float64 {
	return slices.DeleteFunc(x, math.IsNaN)
}

func differences(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// countShare counts the patients at one of the levels, of all or of those at the
// among levels at baseline.
func (k kind) countShare(in analysis.Input, q analysis.Question, o PublishedOptions, g analysis.Group) (figure, datasets.Visit, error) {
	f := newFigure()
	f.share, f.outcome, f.definition = true, k.outcome, q.Definition
	name := o.Column
	if name == "" {
		name = q.Outcome
	}
	col, visit, err := findColumn(in, q, name)
	if err != nil {
		return f, visit, err
	}
	if f.definition == "" && col.field.Role == datasets.RoleWorkStatus {
		f.definition = "any-work"
	}
	if k.outcome != "work" && slices.Equal(o.Working, publishedDefaults.Working) {
		return f, visit, fmt.Errorf("%w: expected working=LEVEL,LEVEL: the levels of %s that count as %s", analysis.ErrOptions, col.field.Name, k.outcome)
	}
	event, err := col.levels(o.Working, "working")
	if err != nil {
		return f, visit, err
	}
	among := func(int) bool { return true }
	f.note = col.field.Name + ": " + col.chosen(event)
	if len(o.Among) > 0 {
		if among, err = col.amongAt(in, q, o.Among); err != nil {
			return f, visit, err
		}
		f.note += "; of patients with " + strings.Join(o.Among, ", ") + " at baseline"
	}
	f.at, f.events = visit.VisitName(), 0
	for _, p := range g.Patients {
		if !among(p) {
			continue
		}
		code := col.codes[p]
		if code < 0 {
			f.missing++
			if q.Missing != analysis.MissingFailure {
				continue
			}
		}
		f.n++
		if code >= 0 && event[code] {
			f.events++
		}
	}
	if q.Missing == analysis.MissingFailure {
		f.note += "; patients without a value count as without the event"
	}
	f.value = math.NaN()
	if f.n > 0 {
		f.value = float64(f.events) / float64(f.n)
	}
	return f, visit, nil
}

// column is a column with levels, by patient.
type column struct {
	field  datasets.Field
	codes  []int32
	names  []string // labels where there are any
	visits bool
}

// findColumn finds the column of a share at the visit asked about, or in a table
// of one row a patient. Without a name it is the work status of the visits.
func findColumn(in analysis.Input, q analysis.Question, name string) (column, datasets.Visit, error) {
	for _, t := range in.Cohort.Tables() {
		if _, ok := t.Field(datasets.RoleVisit); !ok {
			continue
		}
		for _, f := range t.Fields() {
			if f.Name != name && (name != "" || f.Role != datasets.RoleWorkStatus) {
				continue
			}
			if q.Visit == "" {
				return column{}, datasets.Visit{}, fmt.Errorf("%w: expected a visit: --visit NAME", datasets.ErrUnknownName)
			}
			v, err := in.Cohort.Visit(q.Visit)
			return at(in.Cohort, f, v), v, err
		}
	}
	if name == "" {
		return column{}, datasets.Visit{}, fmt.Errorf("%w: no table with visits has a column with role: work_status; name one with --set column=NAME, or give our figure with --set source=given", analysis.ErrCannot)
	}
	codes, levels, err := in.Cohort.CovariateLevels(name)
	if err != nil {
		return column{}, datasets.Visit{}, err
	}
	_, f, err := in.Cohort.PatientField(name)
	return column{field: f, codes: codes, names: levels}, datasets.Visit{}, err
}

// at reads a column of the visits at one of them.
func at(c *datasets.Cohort, f datasets.Field, v datasets.Visit) column {
	codes, values := c.Levels(f.Name, v.Value)
	return column{field: f, codes: codes, names: labelled(f, values), visits: true}
}

// labelled returns the labels of values, where the cohort file has any.
func labelled(f datasets.Field, values []string) []string {
	names := slices.Clone(values)
	for i, s := range names {
		for _, cat := range f.Categories {
			if cat.Value == s && cat.Label != "" {
				names[i] = cat.Label
			}
		}
	}
	return names
}

// amongAt returns who was at one of the levels at baseline.
func (k column) amongAt(in analysis.Input, q analysis.Question, words []string) (func(p int) bool, error) {
	if !k.visits {
		return nil, fmt.Errorf("%w: among needs a column of the visits, and %s has one value a patient", analysis.ErrOptions, k.field.Name)
	}
	v, ok := in.Cohort.Baseline()
	if q.Baseline != "" {
		var err error
		if v, err = in.Cohort.Visit(q.Baseline); err != nil {
			return nil, err
		}
	} else if !ok {
		return nil, fmt.Errorf("%w: among needs a visit marked as baseline", datasets.ErrUnknownName)
	}
	base := at(in.Cohort, k.field, v)
	is, err := base.levels(words, "among")
	if err != nil {
		return nil, err
	}
	return func(p int) bool { return base.codes != nil && base.codes[p] >= 0 && is[base.codes[p]] }, nil
}

// levels returns which of the column's levels are among the words. The error
// names only levels that the cohort file declares: any other is a cell's value.
func (k column) levels(words []string, option string) ([]bool, error) {
	is, known := make([]bool, len(k.names)), false
	for i, s := range k.names {
		is[i] = slices.ContainsFunc(words, func(w string) bool { return fold(w) == fold(s) })
		known = known || is[i]
	}
	var declared []string
	for _, cat := range k.field.Categories {
		name := cat.Label
		if name == "" {
			name = cat.Value
		}
		declared = append(declared, name)
		known = known || slices.ContainsFunc(words, func(w string) bool { return fold(w) == fold(name) })
	}
	if known || k.field.Type == datasets.TypeBoolean {
		return is, nil
	}
	if len(declared) > 0 {
		return nil, fmt.Errorf("%w: no level of %s is among %s; its levels are: %s", analysis.ErrOptions, k.field.Name, option, strings.Join(declared, ", "))
	}
	return nil, fmt.Errorf("%w: no value of %s is among %s: name its levels with --set %s=LEVEL,LEVEL", analysis.ErrOptions, k.field.Name, option, option)
}

// chosen lists the levels that count, of those that occur at the visit.
func (k column) chosen(is []bool) string {
	var out []string
	for i, s := range k.names {
		if is[i] {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return "no patient"
	}
	return strings.Join(out, ", ")
}

// fold makes spellings of one word equal: Workers' compensation and
// workers-compensation.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '_', '\'', '’':
			return -1
		}
		return r
	}, strings.ToLower(s))
}
