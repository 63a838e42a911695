package datasets

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Cohort is a cohort's tables, joined by patient. It is immutable: Where and
// Select return others. Patients are numbered from 0 in the order in which the
// tables, as the cohort file lists them, first name them; a slice "by patient"
// has one element for each.
type Cohort struct {
	dict     *Dictionary
	tables   []*Table
	patients []string
	excluded []Exclusion
	notes    Problems

	arms  []Arm
	armOf []int32

	outline []*Table // the tables as read, without rows
	// By patient, where rows were left out that show it: whether they began, and the
	// number of rows of each table.
	began  []bool
	rowsOf map[string][]int32

	values map[valueAt][]float64 // in place of those read
	seen   map[string][]bool     // by visit, where rows were left out that show it
	levels map[string][]int32    // in place of those read, of columns of one row a patient
}

// RowsOf returns how many rows of a table each patient has, rows that were read and
// not kept among them.
func (c *Cohort) RowsOf(t *Table) []int32 {
	if rows := c.rowsOf[t.name]; rows != nil {
		return rows
	}
	rows := make([]int32, len(c.patients))
	for _, p := range t.patient {
		rows[p]++
	}
	return rows
}

// Outline returns the tables as they were read, with the columns and rows that were
// not kept: for their fields and numbers of rows. The rows are not in them.
func (c *Cohort) Outline() []*Table {
	if c.outline == nil {
		return c.Tables()
	}
	return slices.Clone(c.outline)
}

// Dictionary returns the cohort file that the cohort was read by.
func (c *Cohort) Dictionary() *Dictionary { return c.dict }

// Name returns the cohort's name.
func (c *Cohort) Name() string { return c.dict.Name }

// Title returns the cohort's title, or its name.
func (c *Cohort) Title() string { return cmpOr(c.dict.Title, c.dict.Name) }

// Patients returns the number of patients.
func (c *Cohort) Patients() int { return len(c.patients) }

// IDs returns the patients' ids, to look for them where they may not be. They are
// never to be written anywhere.
func (c *Cohort) IDs() []string { return slices.Clone(c.patients) }

// Rows returns the number of rows of all tables.
func (c *Cohort) Rows() int {
	n := 0
	for _, t := range c.tables {
		n += t.rows
	}
	return n
}

// Tables returns the tables in the order of the cohort file.
func (c *Cohort) Tables() []*Table { return slices.Clone(c.tables) }

// Table returns the table of that name, or nil.
func (c *Cohort) Table(name string) *Table {
	for _, t := range c.tables {
		if t.name == name {
			return t
		}
	}
	return nil
}

// TableWith returns the first table that has a column for each of the roles, or
// nil.
func (c *Cohort) TableWith(roles ...Role) *Table {
	for _, t := range c.tables {
		all := true
		for _, r := range roles {
			if _, ok := t.Field(r); !ok {
				all = false
			}
		}
		if all {
			return t
		}
	}
	return nil
}

// Has reports whether some table has a column with the role, kept or not.
func (c *Cohort) Has(role Role) bool {
	return slices.ContainsFunc(c.Outline(), func(t *Table) bool { _, ok := t.Field(role); return ok })
}

// Excluded returns what could not be used when the cohort was read or filtered,
// with the reason.
func (c *Cohort) Excluded() []Exclusion { return slices.Clone(c.excluded) }

// Notes returns the problems of lower severity that a reader must know of.
func (c *Cohort) Notes() Problems { return slices.Clone(c.notes) }

// manyRows reports a table of which a patient can have any number of rows.
func (t *Table) manyRows() bool {
	for _, role := range []Role{RoleRepeat, RoleDay, RoleDate, RoleStart, RoleDose, RoleStrength, RoleCost, RoleTime, RoleDrug} {
		if _, ok := t.Field(role); ok {
			return true
		}
	}
	return false
}

// OneRow reports a table of one row a patient.
func (t *Table) OneRow() bool {
	_, visits := t.Field(RoleVisit)
	return !visits && !t.manyRows()
}

func (c *Cohort) setArms(codes []int32, levels []string) {
	c.arms = slices.Clone(c.dict.Arms)
	c.armOf = make([]int32, len(c.patients))
	for i := range c.armOf {
		c.armOf[i] = -1
	}
	if codes == nil {
		return
	}
	if len(c.arms) == 0 {
		for _, s := range levels {
			c.arms = append(c.arms, Arm{Value: s})
		}
	}
	at := make([]int32, len(levels))
	for i, s := range levels {
		at[i] = int32(slices.IndexFunc(c.arms, func(a Arm) bool { return a.Value == s }))
	}
	for p, code := range codes {
		if code >= 0 {
			c.armOf[p] = at[code]
		}
	}
}

// byRole gathers a text attribute of the patients from every table that has the
// role: codes by patient, -1 where missing everywhere, and how many patients two
// rows disagree about. It returns nil when no table has the role.
func (c *Cohort) byRole(role Role) (codes []int32, levels []string, conflicts int) {
	index := map[string]int32{}
	bad := map[int32]bool{}
	for _, t := range c.tables {
		f, ok := t.Field(role)
		if !ok {
			continue
		}
		if codes == nil {
			codes = make([]int32, len(c.patients))
			for i := range codes {
				codes[i] = -1
			}
		}
		cs, ls := t.Codes(f.Name)
		of := make([]int32, len(ls))
		for i, s := range ls {
			n, ok := index[s]
			if !ok {
				n = int32(len(levels))
				index[s] = n
				levels = append(levels, s)
			}
			of[i] = n
		}
		for r, code := range cs {
			if code < 0 {
				continue
			}
			p := t.patient[r]
			switch codes[p] {
			case -1:
				codes[p] = of[code]
			case of[code]:
			default:
				bad[p] = true
			}
		}
	}
	return codes, levels, len(bad)
}

// Attribute returns a text attribute by patient, such as site, payer or
// procedure: codes into levels, -1 where missing. Levels show their label where
// the cohort file gives one. It returns nil codes when no table has the role.
func (c *Cohort) Attribute(role Role) (codes []int32, levels []string) {
	codes, levels, _ = c.byRole(role)
	for i, s := range levels {
		levels[i] = c.label(role, s)
	}
	return codes, levels
}

func (c *Cohort) label(role Role, value string) string {
	for _, t := range c.tables {
		for _, f := range t.fields {
			if f.Role != role {
				continue
			}
			for _, cat := range f.Categories {
				if cat.Value == value && cat.Label != "" {
					return cat.Label
				}
			}
		}
	}
	return value
}

// Arms returns the arms in the order of the cohort file.
func (c *Cohort) Arms() []Arm { return slices.Clone(c.arms) }

// ArmOf returns the arm by patient, an index into Arms, -1 for a patient without
// one. The slice is shared and must not be written to.
func (c *Cohort) ArmOf() []int32 { return c.armOf }

// Arm finds an arm by name or value.
func (c *Cohort) Arm(word string) (int, error) {
	i := slices.IndexFunc(c.arms, func(a Arm) bool { return a.Value == word || a.Name == word })
	if i < 0 {
		var names []string
		for _, a := range c.arms {
			names = append(names, a.ArmName())
		}
		if len(names) == 0 {
			return -1, fmt.Errorf("%w: no arm %q: this cohort has no arms", ErrUnknownName, word)
		}
		return -1, fmt.Errorf("%w: no arm %q; there are: %s", ErrUnknownName, word, strings.Join(names, ", "))
	}
	return i, nil
}

// ErrUnknownName is what errors.Is finds in the error for an arm, visit or column
// that a cohort does not have: a mistake in the question, not in the data.
var ErrUnknownName = fmt.Errorf("unknown name")

// Visits returns the visits: those of the cohort file, else those found, in
// order of first appearance.
func (c *Cohort) Visits() []Visit {
	if len(c.dict.Visits) > 0 {
		return slices.Clone(c.dict.Visits)
	}
	var out []Visit
	for _, t := range c.tables {
		f, ok := t.Field(RoleVisit)
		if !ok {
			continue
		}
		_, levels := t.Codes(f.Name)
		for _, s := range levels {
			if !slices.ContainsFunc(out, func(v Visit) bool { return v.Value == s }) {
				out = append(out, Visit{Value: s})
			}
		}
	}
	return out
}

func (d *Dictionary) visit(value string) (Visit, bool) {
	for _, v := range d.Visits {
		if v.Value == value {
			return v, true
		}
	}
	return Visit{}, false
}

// Visit finds a visit by name or value.
func (c *Cohort) Visit(word string) (Visit, error) {
	var names []string
	for _, v := range c.Visits() {
		if v.Value == word || v.Name == word {
			return v, nil
		}
		names = append(names, v.VisitName())
	}
	if len(names) == 0 {
		return Visit{}, fmt.Errorf("%w: no visit %q: this cohort has no visits", ErrUnknownName, word)
	}
	return Visit{}, fmt.Errorf("%w: no visit %q; there are: %s", ErrUnknownName, word, strings.Join(names, ", "))
}

// Baseline returns the visit before treatment that the cohort file marks.
func (c *Cohort) Baseline() (Visit, bool) {
	for _, v := range c.dict.Visits {
		if v.Baseline {
			return v, true
		}
	}
	return Visit{}, false
}

// Outcomes returns the outcome columns of the tables that have visits, each name
// once.
func (c *Cohort) Outcomes() []Field { return outcomes(c.tables) }

// OutcomesRead is Outcomes with those that were not kept.
func (c *Cohort) OutcomesRead() []Field { return outcomes(c.Outline()) }

func outcomes(tables []*Table) []Field {
	var out []Field
	for _, t := range tables {
		if _, ok := t.Field(RoleVisit); !ok {
			continue
		}
		for _, f := range t.fields {
			if f.Role == RoleOutcome && !slices.ContainsFunc(out, func(o Field) bool { return o.Name == f.Name }) {
				out = append(out, f)
			}
		}
	}
	return out
}

// Outcome finds an outcome column.
func (c *Cohort) Outcome(name string) (Field, error) {
	for _, f := range c.Outcomes() {
		if f.Name == name {
			return f, nil
		}
	}
	var names []string
	for _, f := range c.OutcomesRead() {
		names = append(names, f.Name)
	}
	if len(names) == 0 {
		return Field{}, fmt.Errorf("%w: no outcome %q: no table with visits has a column with role: outcome", ErrUnknownName, name)
	}
	return Field{}, fmt.Errorf("%w: no outcome %q; there are: %s", ErrUnknownName, name, strings.Join(names, ", "))
}

// Values returns a numeric column at a visit by patient, NaN where the patient
// has no such visit or no value there.
func (c *Cohort) Values(column, visit string) []float64 {
	if given := c.values[valueAt{column, visit}]; given != nil {
		return slices.Clone(given)
	}
	out := nans(len(c.patients))
	for _, t := range c.tables {
		f, ok := t.Field(RoleVisit)
		if !ok || !t.Has(column) {
			continue
		}
		visits, levels := t.Codes(f.Name)
		at := int32(slices.Index(levels, visit))
		if at < 0 {
			continue
		}
		vs := t.Floats(column)
		for r, v := range visits {
			if v == at && !math.IsNaN(vs[r]) {
				out[t.patient[r]] = vs[r]
			}
		}
	}
	return out
}

// Levels returns a text column at a visit by patient: codes into levels, -1 where
// missing.
func (c *Cohort) Levels(column, visit string) (codes []int32, levels []string) {
	for _, t := range c.tables {
		f, ok := t.Field(RoleVisit)
		if !ok || !t.Has(column) {
			continue
		}
		visits, names := t.Codes(f.Name)
		at := int32(slices.Index(names, visit))
		cs, ls := t.Codes(column)
		codes = make([]int32, len(c.patients))
		for i := range codes {
			codes[i] = -1
		}
		for r, v := range visits {
			if v == at {
				codes[t.patient[r]] = cs[r]
			}
		}
		return codes, ls
	}
	return nil, nil
}

// Seen returns, by patient, whether there is a row for the visit.
func (c *Cohort) Seen(visit string) []bool {
	out := make([]bool, len(c.patients))
	copy(out, c.seen[visit])
	for _, t := range c.tables {
		f, ok := t.Field(RoleVisit)
		if !ok {
			continue
		}
		visits, levels := t.Codes(f.Name)
		at := int32(slices.Index(levels, visit))
		for r, v := range visits {
			if v == at && at >= 0 {
				out[t.patient[r]] = true
			}
		}
	}
	for at, given := range c.values {
		if at.visit != visit {
			continue
		}
		for p, v := range given {
			out[p] = out[p] || !math.IsNaN(v)
		}
	}
	return out
}

// Began returns, by patient, whether they began: a date, day or yes of admission,
// or a row in a table of visits, doses, spells or events. Costs alone do not tell:
// they are often recorded from before. In a cohort that does not record admission
// everyone began.
func (c *Cohort) Began() []bool {
	out := make([]bool, len(c.patients))
	admitted, flag := c.Days(RoleAdmitted), false
	for _, t := range c.tables {
		if f, ok := t.Field(RoleAdmitted); ok && f.Type == TypeBoolean {
			flag = true
		}
	}
	for p := range out {
		out[p] = admitted == nil || !math.IsNaN(admitted[p]) && !(flag && admitted[p] == 0)
	}
	for _, t := range c.tables {
		if _, costs := t.Field(RoleCost); costs || t.OneRow() {
			continue
		}
		for _, p := range t.patient {
			out[p] = true
		}
	}
	for p, began := range c.began {
		out[p] = out[p] || began
	}
	return out
}

// PatientField finds a column of the tables of one row a patient.
func (c *Cohort) PatientField(column string) (*Table, Field, error) {
	var names []string
	for _, t := range c.tables {
		if !t.OneRow() {
			continue
		}
		for _, f := range t.fields {
			if f.Name == column {
				return t, f, nil
			}
			names = append(names, f.Name)
		}
	}
	return nil, Field{}, fmt.Errorf("%w: no column %q in a table of one row a patient; there are: %s", ErrUnknownName, column, strings.Join(names, ", "))
}

// Covariate returns a numeric column of a table of one row a patient, by patient,
// NaN where missing.
func (c *Cohort) Covariate(column string) ([]float64, error) {
	t, _, err := c.PatientField(column)
	if err != nil {
		return nil, err
	}
	if given := c.values[valueAt{column: column}]; given != nil {
		return slices.Clone(given), nil
	}
	out := nans(len(c.patients))
	vs := t.Floats(column)
	for r, p := range t.patient {
		out[p] = vs[r]
	}
	return out, nil
}

// CovariateLevels returns a text or coded column of a table of one row a patient,
// by patient: codes into levels (labels where given), -1 where missing.
func (c *Cohort) CovariateLevels(column string) (codes []int32, levels []string, err error) {
	t, f, err := c.PatientField(column)
	if err != nil {
		return nil, nil, err
	}
	cs, ls := t.Codes(column)
	codes = make([]int32, len(c.patients))
	for i := range codes {
		codes[i] = -1
	}
	for r, p := range t.patient {
		codes[p] = cs[r]
	}
	if given := c.levels[column]; given != nil {
		codes = slices.Clone(given)
	}
	levels = slices.Clone(ls)
	for i, s := range levels {
		for _, cat := range f.Categories {
			if cat.Value == s && cat.Label != "" {
				levels[i] = cat.Label
			}
		}
	}
	return codes, levels, nil
}

// Days returns a date of the patients by patient, in days since 1970, NaN where
// missing; nil when no table has the role.
func (c *Cohort) Days(role Role) []float64 {
	var out []float64
	for _, t := range c.tables {
		f, ok := t.Field(role)
		if !ok || !t.OneRow() {
			continue
		}
		if out == nil {
			out = nans(len(c.patients))
		}
		vs := t.Floats(f.Name)
		for r, p := range t.patient {
			if !math.IsNaN(vs[r]) {
				out[p] = math.Floor(vs[r])
			}
		}
	}
	return out
}

// dated reports whether a table of one row a patient has calendar dates in the
// role.
func (c *Cohort) dated(role Role) bool {
	return slices.ContainsFunc(c.tables, func(t *Table) bool {
		f, ok := t.Field(role)
		return ok && t.OneRow() && (f.Type == TypeDate || f.Type == TypeDatetime)
	})
}

// Dated reports whether the patients' column with the role holds dates, from which
// days can be counted across tables.
func (c *Cohort) Dated(role Role) bool {
	for _, t := range c.tables {
		if f, ok := t.Field(role); ok && t.OneRow() {
			return f.Type == TypeDate || f.Type == TypeDatetime
		}
	}
	return false
}

func nans(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

var quarterPattern = regexp.MustCompile(`^(\d{4})-?Q([1-4])$`)

// ParseQuarter reads a quarter written as 2026Q3 or 2026-Q3 and returns it as
// 2026Q3.
func ParseQuarter(s string) (string, error) {
	m := quarterPattern.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(s)))
	if m == nil {
		return "", fmt.Errorf("expected a quarter such as 2026Q3")
	}
	return m[1] + "Q" + m[2], nil
}

// Quarters returns the quarter by patient, "" where unknown: that of discharged,
// else of admitted, else period, patient by patient; of who never began, and so has
// neither date, that of referred, or everyone of a quarter would have been admitted.
// Columns that hold day numbers, not dates, say nothing of the quarter and are
// passed over, and so are dates that the cohort file says are shifted. From lists
// the roles that were found; with none of the first three quarters is nil, and
// reports cover all patients.
func (c *Cohort) Quarters() (quarters []string, from []Role) {
	quarters = make([]string, len(c.patients))
	fill := func(role Role, at func(p int) string) {
		from = append(from, role)
		for p := range quarters {
			if quarters[p] == "" {
				quarters[p] = at(p)
			}
		}
	}
	shifted := c.dict.Privacy != nil && c.dict.Privacy.Dates != nil && c.dict.Privacy.Dates.Are == DatesShifted
	for _, role := range []Role{RoleDischarged, RoleAdmitted} {
		if days := c.Days(role); days != nil && c.dated(role) && !shifted {
			fill(role, func(p int) string { return quarterOf(days[p]) })
		}
	}
	if codes, levels, _ := c.byRole(RolePeriod); codes != nil {
		fill(RolePeriod, func(p int) string {
			if codes[p] < 0 {
				return ""
			}
			q, err := ParseQuarter(levels[codes[p]])
			if err != nil {
				return ""
			}
			return q
		})
	}
	if from == nil {
		return nil, nil
	}
	if c.dated(RoleReferred) && !shifted {
		began, referred := c.Began(), c.Days(RoleReferred)
		fill(RoleReferred, func(p int) string {
			if began[p] {
				return ""
			}
			return quarterOf(referred[p])
		})
	}
	return quarters, from
}

// Where returns the cohort for which a condition holds. A condition on columns of
// one table of one row a patient keeps those patients in every table; on columns
// of any other table it keeps those rows of that table. What is left out is
// counted in Excluded.
func (c *Cohort) Where(cond *Condition) (*Cohort, error) {
	has := func(t *Table) bool {
		for _, name := range cond.Columns() {
			if !t.Has(name) {
				return false
			}
		}
		return true
	}
	for _, perPatient := range []bool{true, false} {
		for _, t := range c.tables {
			if t.OneRow() != perPatient || !has(t) {
				continue
			}
			rows := t.matching(cond)
			reason := "left out by where: " + cond.String()
			if perPatient {
				keep := make([]bool, len(c.patients))
				for r, p := range t.patient {
					keep[p] = rows[r]
				}
				return c.Select(keep, reason), nil
			}
			return c.withRows(t, rows, reason), nil
		}
	}
	return nil, fmt.Errorf("%w: where: no single table has the columns %s", ErrUnknownName, strings.Join(cond.Columns(), ", "))
}

// Select returns the cohort of the patients for which keep is true. What is left
// out is counted in Excluded under the reason.
func (c *Cohort) Select(keep []bool, reason string) *Cohort {
	number := make([]int32, len(keep))
	var from []int
	for p, k := range keep {
		number[p] = -1
		if k {
			number[p] = int32(len(from))
			from = append(from, p)
		}
	}
	out := c.of(from)
	for _, t := range c.tables {
		rows := make([]bool, t.rows)
		for r, p := range t.patient {
			rows[r] = keep[p]
		}
		kept := t.keep(rows)
		patient := make([]int32, len(kept.patient))
		for r, p := range kept.patient {
			patient[r] = number[p]
		}
		kept.patient = patient
		out.tables = append(out.tables, kept)
	}
	if n := len(c.patients) - len(out.patients); n > 0 {
		out.excluded = append(out.excluded, Exclusion{Code: CodeFiltered, Rows: c.Rows() - out.Rows(), Patients: n, Reason: reason})
	}
	return out
}

// withRows returns the cohort with the rows of one table kept. Patients without
// a row left anywhere go too.
func (c *Cohort) withRows(which *Table, rows []bool, reason string) *Cohort {
	mid := *c
	mid.tables = slices.Clone(c.tables)
	mid.excluded = slices.Clone(c.excluded)
	for i, t := range mid.tables {
		if t == which {
			mid.tables[i] = t.keep(rows)
			if n := t.rows - mid.tables[i].rows; n > 0 {
				mid.excluded = append(mid.excluded, Exclusion{Code: CodeFiltered, Table: t.name, Rows: n, Reason: reason})
			}
		}
	}
	left := make([]bool, len(c.patients))
	for _, t := range mid.tables {
		for _, p := range t.patient {
			left[p] = true
		}
	}
	if !slices.Contains(left, false) {
		return &mid
	}
	return mid.Select(left, reason+" (no row left)")
}
