package work

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// subjects are the patients whose time to return counts, a row each, by group.
type subjects struct {
	*reader
	definition analysis.Definition
	method     string // how times were read
	atRisk     denominator
	groups     []analysis.Group
	columns    []covariate // covariates, a value a row
	n          []analysis.N

	patient, group []int
	time           []float64
	event          []bool
}

// covariate is a column of a model.
type covariate struct {
	name  string
	value []float64
}

// newReader starts reading a cohort for a question.
func newReader(in analysis.Input, q analysis.Question, o Reading) (*reader, []analysis.Group, error) {
	if in.Cohort == nil {
		return nil, nil, cannot("expected a cohort")
	}
	groups, excluded, err := in.Groups(q)
	return &reader{c: in.Cohort, q: q, o: o, horizon: year, excluded: excluded, began: in.Cohort.Began()}, groups, err
}

// newSubjects reads the times to return under one definition: that asked for or chosen
// in the cohort file, else the first that gives times. Patients without a time or a
// covariate are counted as missing.
func newSubjects(in analysis.Input, q analysis.Question, o Reading, covariates []string) (*subjects, error) {
	r, groups, err := newReader(in, q, o)
	if err != nil {
		return nil, err
	}
	if q.Visit != "" {
		return nil, fmt.Errorf("%w: times to return do not belong to a visit; leave it out, or ask work/return for the share at a visit", analysis.ErrOptions)
	}
	f, err := r.timed()
	if err != nil {
		return nil, err
	}
	return r.subjects(groups, f.definition, *f.clock, covariates)
}

// subjects takes the patients of the groups by a clock.
func (r *reader) subjects(groups []analysis.Group, d analysis.Definition, k clock, covariates []string) (*subjects, error) {
	s := &subjects{reader: r, definition: d, method: k.method, atRisk: r.whoseTime(r.denominators()), groups: groups, n: make([]analysis.N, len(groups))}
	byPatient, err := s.covariates(covariates)
	if err != nil {
		return nil, err
	}
	s.rows(k, byPatient)
	return s, nil
}

// timed finds the definition with times.
func (r *reader) timed() (read, error) {
	name := r.q.Definition
	if name == "" {
		name = r.c.Dictionary().Definitions["work"]
	}
	var why []string
	for _, d := range definitions {
		if name != "" && d.Name != name {
			continue
		}
		f, err := d.read(r)
		switch {
		case err != nil && !errors.Is(err, analysis.ErrCannot):
			return read{}, fmt.Errorf("%s: %w", d.Name, err)
		case err != nil:
			why = append(why, d.Name+" ("+strings.TrimPrefix(err.Error(), analysis.ErrCannot.Error()+": ")+")")
		case f.clock != nil:
			return read{f, d.Definition}, nil
		default:
			why = append(why, d.Name+" (a state at a visit or by a day, not a time)")
		}
	}
	if len(why) == 0 {
		return read{}, fmt.Errorf("%w: there is no definition of work %s", analysis.ErrOptions, name)
	}
	return read{}, cannot("no time to return: %s; times need spells of work, or a table with roles time and event", strings.Join(why, "; "))
}

// rows takes the patients of the groups whose time counts and is known.
func (s *subjects) rows(k clock, covariates []covariate) {
	s.columns = make([]covariate, len(covariates))
	for j, c := range covariates {
		s.columns[j].name = c.name
	}
	unseen, incomplete := 0, 0
	for g, group := range s.groups {
		outside := 0
		for _, p := range group.Patients {
			complete := !slices.ContainsFunc(covariates, func(c covariate) bool { return math.IsNaN(c.value[p]) })
			switch {
			case s.atRisk.in != nil && !s.atRisk.in[p]:
				outside++
			case !(k.time[p] >= 0) || math.IsInf(k.time[p], 1):
				unseen++
				s.n[g].Missing++
			case !complete:
				incomplete++
				s.n[g].Missing++
			default:
				s.patient, s.group = append(s.patient, p), append(s.group, g)
				s.time, s.event = append(s.time, k.time[p]), append(s.event, k.event[p])
				s.n[g].Arm++
				if k.event[p] {
					s.n[g].Events++
				}
				for j, c := range covariates {
					s.columns[j].value = append(s.columns[j].value, c.value[p])
				}
			}
		}
		s.leftOut(outside, group.Name+": not off work at entry, or not known to be, so not at risk of returning")
	}
	s.leftOut(unseen, "no usable time to return")
	s.leftOut(incomplete, "a covariate is missing")
}

func (s *subjects) leftOut(patients int, reason string) {
	if patients > 0 {
		s.excluded = append(s.excluded, datasets.Exclusion{Code: analysis.WarnExcluded, Patients: patients, Reason: s.definition.Name + ", " + reason})
	}
}

// covariates reads columns by patient: numbers as they are, texts as an indicator of
// each level but the first, in the order that the cohort file declares or else of their
// names. Missing values are NaN.
func (s *subjects) covariates(names []string) ([]covariate, error) {
	var out []covariate
	for _, name := range names {
		_, f, err := s.c.PatientField(name)
		if err != nil {
			return nil, err
		}
		if f.Type != datasets.TypeString && f.Type != datasets.TypeBoolean && len(f.Categories) == 0 {
			v, err := s.c.Covariate(name)
			if err != nil {
				return nil, err
			}
			out = append(out, covariate{name, v})
			continue
		}
		of, levels, err := s.levels(name)
		if err != nil {
			return nil, err
		}
		if len(levels) > 50 {
			return nil, cannot("the covariate %q has %d levels; group them first", name, len(levels))
		}
		for l := 1; l < len(levels); l++ {
			c := covariate{name + ": " + levels[l], make([]float64, len(of))}
			for p, o := range of {
				if o < 0 {
					c.value[p] = math.NaN()
				} else if o == l {
					c.value[p] = 1
				}
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// levels reads a column of texts by patient: which of the levels that occur in the
// groups, -1 where missing. Levels are in the order of the cohort file, the others by
// name.
func (s *subjects) levels(name string) (of []int, levels []string, err error) {
	_, f, err := s.c.PatientField(name)
	if err != nil {
		return nil, nil, err
	}
	codes, texts, err := s.c.CovariateLevels(name)
	if err != nil {
		return nil, nil, err
	}
	used := make([]bool, len(texts))
	for _, g := range s.groups {
		for _, p := range g.Patients {
			if codes[p] >= 0 {
				used[codes[p]] = true
			}
		}
	}
	declared := func(text string) int {
		i := slices.IndexFunc(f.Categories, func(c datasets.Category) bool { return text == c.Label || text == c.Value })
		if i < 0 {
			return len(f.Categories)
		}
		return i
	}
	for i, u := range used {
		if u {
			levels = append(levels, texts[i])
		}
	}
	slices.SortFunc(levels, func(a, b string) int {
		if d := declared(a) - declared(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	of = make([]int, len(codes))
	for p, code := range codes {
		of[p] = -1
		if code >= 0 {
			of[p] = slices.Index(levels, texts[code])
		}
	}
	return of, levels, nil
}

// strata numbers the combinations of columns by row, nil for no columns; text and
// numbers alike are compared as levels. Rows where one is missing are a stratum of
// their own, which is said.
func (s *subjects) strata(names []string) ([]int, []string, error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	keys := make([]string, len(s.patient))
	missing := 0
	for _, name := range names {
		of, levels, err := s.levels(name)
		if err != nil {
			return nil, nil, err
		}
		for i, p := range s.patient {
			text := "missing"
			if of[p] >= 0 {
				text = levels[of[p]]
			} else {
				missing++
			}
			keys[i] = strings.TrimPrefix(keys[i]+", "+name+": "+text, ", ")
		}
	}
	if missing > 0 {
		s.warn(analysis.WarnAssumption, fmt.Sprintf("%d patients without a value of a stratifying column are a stratum of their own", missing), "record it, or leave them out with --where")
	}
	all := slices.Compact(slices.Sorted(slices.Values(keys)))
	out := make([]int, len(keys))
	for i, k := range keys {
		out[i], _ = slices.BinarySearch(all, k)
	}
	return out, all, nil
}

// of returns the rows of a group as times and events.
func (s *subjects) of(g int) (time []float64, event []bool) {
	for i, h := range s.group {
		if h == g {
			time, event = append(time, s.time[i]), append(event, s.event[i])
		}
	}
	return time, event
}

// curve is the Kaplan-Meier curve of a group, which belongs beside every test of it.
func (s *subjects) curve(g int) analysis.Series {
	return curveSeries(s.definition.Name, s.groups[g].Name, fit.KaplanMeier(s.of(g)), fit.CurveLog, s.q.Level)
}

// estimate starts an estimate of a group, against a reference group where that is not
// negative.
func (s *subjects) estimate(term string, scale analysis.Scale, g, reference int) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Definition = "work", s.definition.Name
	if g < 0 { // all groups together
		for _, n := range s.n {
			e.N.Arm += n.Arm
			e.N.Missing += n.Missing
			e.N.Events += n.Events
		}
		if len(s.groups) == 1 {
			e.Arm = s.groups[0].Name
		}
		return e
	}
	e.Arm, e.N = s.groups[g].Name, s.n[g]
	if reference >= 0 {
		e.Reference, e.N.Reference = s.groups[reference].Name, s.n[reference].Arm
		e.N.Missing += s.n[reference].Missing
	}
	return e
}

// how says in words which times an estimate rests on.
func (s *subjects) how() string {
	return fmt.Sprintf("time to return in days by %s: %s (%s); of %s; lost to follow-up is censored", s.definition.Name, s.definition.Rule, s.method, s.atRisk.text)
}

// result adds to a result what reading the cohort found.
func (s *subjects) result(out *analysis.Result) {
	out.Excluded, out.Warnings = s.excluded, append(out.Warnings, s.warnings...)
	out.Warnings = append(out.Warnings, rules...)
	for i, e := range out.Estimates {
		out.Estimates[i] = followUp(e, e.N.Arm+e.N.Reference+e.N.Missing, e.N.Missing)
	}
}

// rules hold for every analysis of times to return.
var rules = []analysis.Warning{
	{
		Code:    analysis.WarnAssumption,
		Message: "a patient lost to follow-up is censored, which assumes that those lost return as those who are followed; a day without a record is unknown, not off work",
		Cure:    "follow more patients; where every spell of work is listed pass --set gap=off-work",
	},
	{
		Code:    analysis.WarnAssumption,
		Message: "not working is not unemployed: it holds everyone whose status is not among the levels that count as work, such as those who retired or study",
		Cure:    "choose the levels with --set working=LEVEL,LEVEL, and the patients with --subgroup",
	},
}
