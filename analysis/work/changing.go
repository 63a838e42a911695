package work

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// dayValue is a value of a column on a day.
type dayValue struct{ day, value float64 }

// changing are columns whose values change with time, by column and patient, in the order
// of days.
type changing struct {
	names    []string
	readings [][][]dayValue
	text     string // how the days were read
}

// changing reads columns of tables of several rows a patient.
func (r *reader) changing(names []string) (changing, error) {
	out := changing{names: names}
	for _, name := range names {
		readings, text, err := r.readings(name)
		if err != nil {
			return out, err
		}
		out.readings, out.text = append(out.readings, readings), text
	}
	return out, nil
}

func (r *reader) readings(name string) (byPatient [][]dayValue, text string, err error) {
	for _, t := range r.c.Tables() {
		i := slices.IndexFunc(t.Fields(), func(f datasets.Field) bool { return f.Name == name })
		if i < 0 || t.OneRow() {
			continue
		}
		if f := t.Fields()[i]; f.Type != datasets.TypeInteger && f.Type != datasets.TypeNumber || len(f.Categories) > 0 {
			return nil, "", cannot("the changing covariate %q is not a number; give its levels columns of 0 and 1", name)
		}
		days, text, err := r.days(t)
		if err != nil {
			return nil, "", err
		}
		byPatient = make([][]dayValue, r.c.Patients())
		values := t.Floats(name)
		for row, p := range t.Patient() {
			if v := values[row]; !math.IsNaN(v) && !math.IsNaN(days[row]) {
				byPatient[p] = append(byPatient[p], dayValue{days[row], v})
			}
		}
		for p, rs := range byPatient {
			slices.SortFunc(rs, func(a, b dayValue) int { return cmp.Compare(a.day, b.day) })
			for i := 1; i < len(rs); i++ {
				if rs[i].day == rs[i-1].day && rs[i].value != rs[i-1].value {
					return nil, "", cannot("%s has two values on one day for a patient (number %d in the cohort); keep one with --where", name, p+1)
				}
			}
		}
		return byPatient, text, nil
	}
	return nil, "", fmt.Errorf("%w: no column %q in a table of several rows a patient; columns of one row a patient are covariates", datasets.ErrUnknownName, name)
}

// days returns the day of each row of a table: of its visit's week from the baseline, or
// its own day or date.
func (r *reader) days(t *datasets.Table) (days []float64, text string, err error) {
	for _, role := range []datasets.Role{datasets.RoleDay, datasets.RoleDate, datasets.RoleStart} {
		f, ok := t.Field(role)
		if !ok {
			continue
		}
		days = slices.Clone(t.Floats(f.Name))
		if isDate(f) {
			origin := r.c.Days(datasets.Role(r.o.Origin))
			if !r.c.Dated(datasets.Role(r.o.Origin)) {
				return nil, "", cannot("the dates of table %s need dates with role %s in a table of one row a patient", t.Name(), r.o.Origin)
			}
			for row, p := range t.Patient() {
				days[row] -= origin[p]
			}
		}
		for row := range days {
			days[row] = math.Floor(days[row])
		}
		return days, f.Name + " of table " + t.Name(), nil
	}
	f, ok := t.Field(datasets.RoleVisit)
	if !ok {
		return nil, "", cannot("the rows of table %s have no visit, day or date", t.Name())
	}
	start := 0.0
	if b, ok := r.baseline(); ok && b.Week != nil {
		start = 7 * *b.Week
	}
	codes, levels := t.Codes(f.Name)
	of := nans(len(levels))
	for i, level := range levels {
		if v, err := r.c.Visit(level); err == nil && v.Week != nil {
			of[i] = 7**v.Week - start
		}
	}
	days = nans(len(codes))
	for row, code := range codes {
		if code >= 0 {
			days[row] = of[code]
		}
	}
	return days, "the planned weeks of visits from the baseline", nil
}

// first is the day from which all columns of a patient have a value, at least 0; +Inf
// where one never has.
func (c changing) first(patient int) float64 {
	day := 0.0
	for _, readings := range c.readings {
		if len(readings[patient]) == 0 {
			return math.Inf(1)
		}
		day = math.Max(day, readings[patient][0].day)
	}
	return day
}

// stretches are rows of a Cox model with the subject of each.
type stretches struct {
	fit.CoxData
	subject []int
}

// split cuts the time of each subject where a column has a new value. A value holds from
// the day after it was read until the next is read: what happens on a day is set against
// what was known before it.
func (c changing) split(s *subjects, x [][]float64, stratum []int, weight []float64) stretches {
	out := stretches{CoxData: fit.CoxData{X: make([][]float64, len(x)+len(c.names))}}
	for i, p := range s.patient {
		cuts := []float64{c.first(p), s.time[i]}
		for _, readings := range c.readings {
			for _, v := range readings[p] {
				if v.day > cuts[0] && v.day < s.time[i] {
					cuts = append(cuts, v.day)
				}
			}
		}
		slices.Sort(cuts)
		cuts = slices.Compact(cuts)
		for k := 1; k < len(cuts); k++ {
			out.Start, out.Stop = append(out.Start, cuts[k-1]), append(out.Stop, cuts[k])
			out.Event = append(out.Event, s.event[i] && k == len(cuts)-1)
			out.subject = append(out.subject, i)
			if stratum != nil {
				out.Stratum = append(out.Stratum, stratum[i])
			}
			if weight != nil {
				out.Weight = append(out.Weight, weight[i])
			}
			for j := range x {
				out.X[j] = append(out.X[j], x[j][i])
			}
			for j, readings := range c.readings {
				out.X[len(x)+j] = append(out.X[len(x)+j], latest(readings[p], cuts[k-1]))
			}
		}
	}
	return out
}

// latest is the last value read by a day.
func latest(readings []dayValue, day float64) float64 {
	v := math.NaN()
	for _, r := range readings {
		if r.day <= day {
			v = r.value
		}
	}
	return v
}

// keep leaves out the rows that are not to stay, as missing.
func (s *subjects) keep(stays func(patient int, time float64) bool, reason string) {
	out := *s
	s.patient, s.group, s.time, s.event = nil, nil, nil, nil
	columns := slices.Clone(s.columns)
	for j := range columns {
		columns[j].value = nil
	}
	gone := 0
	for i, p := range out.patient {
		g := out.group[i]
		if !stays(p, out.time[i]) {
			gone++
			s.n[g].Arm--
			s.n[g].Missing++
			if out.event[i] {
				s.n[g].Events--
			}
			continue
		}
		s.patient, s.group = append(s.patient, p), append(s.group, g)
		s.time, s.event = append(s.time, out.time[i]), append(s.event, out.event[i])
		for j := range columns {
			columns[j].value = append(columns[j].value, out.columns[j].value[i])
		}
	}
	s.columns = columns
	s.leftOut(gone, reason)
}

// weights reads case weights by row, nil where no column is named. Rows without a weight
// above 0 are left out.
func (s *subjects) weights(column string) ([]float64, error) {
	w, err := s.caseWeights(column)
	if w == nil || err != nil {
		return nil, err
	}
	s.keep(func(p int, _ float64) bool { return w[p] > 0 }, "without a case weight above 0")
	var out []float64
	for _, p := range s.patient {
		out = append(out, w[p])
	}
	return out, nil
}
