package datasets

import (
	"cmp"
	"maps"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
)

// valueAt names the values of a column at a visit; the visit is "" for a column of a
// table of one row a patient.
type valueAt struct{ column, visit string }

// WithValues returns the cohort with other values of a numeric column, by patient
// (NaN where missing): at a visit, or with visit "" of a column of a table of one row
// a patient. Values, Covariate and Seen return them, and so every estimator of an
// outcome at a visit sees them; the tables, and conditions on them, stay as they were
// read. The slice is kept and must not be written to.
func (c *Cohort) WithValues(column, visit string, values []float64) *Cohort {
	out := *c
	out.values = maps.Clone(c.values)
	if out.values == nil {
		out.values = map[valueAt][]float64{}
	}
	out.values[valueAt{column, visit}] = values
	return &out
}

// WithLevels returns the cohort with other codes of a text column of a table of one row
// a patient, by patient: codes into the levels that CovariateLevels gives, -1 where
// missing. CovariateLevels returns them; the tables, and conditions on them, stay as they
// were read. The slice is kept and must not be written to.
func (c *Cohort) WithLevels(column string, codes []int32) *Cohort {
	out := *c
	out.levels = maps.Clone(c.levels)
	if out.levels == nil {
		out.levels = map[string][]int32{}
	}
	out.levels[column] = codes
	return &out
}

// Relabeled returns the cohort with other labels for its readers: of visits, arms, levels
// and columns, label of each. Names and values, by which they are asked for, stay; so do
// conditions on values. What label returns "" for stays as it is.
func (c *Cohort) Relabeled(label func(string) string) *Cohort {
	out, dict := *c, *c.dict
	dict.Visits = c.Visits()
	for i, v := range dict.Visits {
		if l := label(v.VisitName()); l != "" {
			dict.Visits[i].Name = l
		}
	}
	out.dict, out.arms = &dict, slices.Clone(c.arms)
	for i, a := range out.arms {
		if l := label(a.ArmName()); l != "" {
			out.arms[i].Name = l
		}
	}
	out.tables, out.outline = relabeled(c.tables, label), relabeled(c.outline, label)
	return &out
}

func relabeled(tables []*Table, label func(string) string) []*Table {
	out := slices.Clone(tables)
	for i, t := range tables {
		other := *t
		other.fields = slices.Clone(t.fields)
		for k := range other.fields {
			f := &other.fields[k]
			if l := label(f.Label()); l != "" {
				f.Title = l
			}
			f.Categories = slices.Clone(f.Categories)
			for j, level := range f.Categories {
				if l := label(cmp.Or(level.Label, level.Value)); l != "" {
					f.Categories[j].Label = l
				}
			}
		}
		out[i] = &other
	}
	return out
}

// WithArms returns the cohort with other arms, by patient, as ArmOf gives them.
func (c *Cohort) WithArms(armOf []int32) *Cohort {
	out := *c
	out.armOf = armOf
	return &out
}

// ByIdentifier returns the patients in the order of their identifiers, which the
// order of rows does not change: what is drawn for a patient goes by its place here.
func (c *Cohort) ByIdentifier() []int {
	out := make([]int, len(c.patients))
	for i := range out {
		out[i] = i
	}
	slices.SortFunc(out, func(a, b int) int { return cmp.Compare(c.patients[a], c.patients[b]) })
	return out
}

// Narrowed returns the cohort with no more of its tables of several rows a patient
// than an outcome at some visits and who has rows there, as a cohort has that was
// loaded for a narrow analysis: cheap to resample. A cohort whose visits are not
// listed in its file comes back as it is.
func (c *Cohort) Narrowed(column string, visits ...string) *Cohort {
	if len(c.dict.Visits) == 0 {
		return c
	}
	out := *c
	out.outline, out.tables, out.began = c.Outline(), nil, c.Began()
	out.rowsOf, out.values, out.seen = map[string][]int32{}, maps.Clone(c.values), map[string][]bool{}
	if out.values == nil {
		out.values = map[valueAt][]float64{}
	}
	for _, v := range visits {
		out.values[valueAt{column, v}], out.seen[v] = c.Values(column, v), c.Seen(v)
	}
	for _, t := range c.tables {
		out.rowsOf[t.name] = c.RowsOf(t)
		if !t.OneRow() {
			t = t.keep(make([]bool, t.rows))
		}
		out.tables = append(out.tables, t)
	}
	return &out
}

// Resample returns a cohort in which patient p occurs times[p] times, each time as a
// patient of their own with all their rows: a bootstrap sample. Patients stay in
// their order, and what was left out is as it was in the cohort.
func (c *Cohort) Resample(times []int) *Cohort {
	var from []int // by patient of the sample
	for p, n := range times {
		for range n {
			from = append(from, p)
		}
	}
	out := c.of(from)
	for _, t := range c.tables {
		out.tables = append(out.tables, t.resample(len(c.patients), from))
	}
	return out
}

// of returns a cohort of patients of this one, and what is known of them outside of
// tables; its tables are still to be filled.
func (c *Cohort) of(from []int) *Cohort {
	out := &Cohort{
		dict: c.dict, arms: c.arms, notes: c.notes, excluded: slices.Clone(c.excluded), outline: c.outline,
		patients: taken(c.patients, from), armOf: taken(c.armOf, from),
	}
	if c.began != nil {
		out.began = taken(c.began, from)
	}
	out.rowsOf, out.values, out.seen, out.levels = takenAll(c.rowsOf, from), takenAll(c.values, from), takenAll(c.seen, from), takenAll(c.levels, from)
	return out
}

func takenAll[K comparable, T any](m map[K][]T, from []int) map[K][]T {
	if m == nil {
		return nil
	}
	out := make(map[K][]T, len(m))
	for k, of := range m {
		out[k] = taken(of, from)
	}
	return out
}

func taken[T any](of []T, from []int) []T {
	out := make([]T, len(from))
	for i, p := range from {
		out[i] = of[p]
	}
	return out
}

// resample returns the table with the rows of each patient of a sample.
func (t *Table) resample(patients int, from []int) *Table {
	start := make([]int32, patients+1) // of a patient's rows in byPatient
	for _, p := range t.patient {
		start[p+1]++
	}
	for p := range patients {
		start[p+1] += start[p]
	}
	byPatient, next := make([]int32, t.rows), slices.Clone(start)
	for r, p := range t.patient {
		byPatient[next[p]] = int32(r)
		next[p]++
	}
	out := &Table{name: t.name, fields: t.fields, codes: t.codes}
	var rows []int32
	for i, p := range from {
		for _, r := range byPatient[start[p]:start[p+1]] {
			rows = append(rows, r)
			out.patient = append(out.patient, int32(i))
			out.lines = append(out.lines, int32(t.line(int(r))))
		}
	}
	out.rows = len(rows)
	out.columns, out.why = make([][]arrow.Array, len(t.columns)), make([][][]byte, len(t.columns))
	for i, batches := range t.columns {
		if out.rows > 0 {
			out.columns[i], out.why[i] = []arrow.Array{pick(batches, rows)}, [][]byte{pickWhy(batches, t.why[i], rows)}
		}
	}
	return out
}
