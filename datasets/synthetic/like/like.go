// Package like draws synthetic cohorts that are like a real one: the same tables,
// arms and visits, marginals and rank correlations near those of the real cohort, and
// nobody in it who is in the real one.
//
// What is learned. Every number that is kept is of at least K patients:
//
//   - of a number, by arm and visit, bins of at least K patients with their mean. A
//     value that K patients share is a bin of its own. Between the outermost bins a
//     draw is uniform about the bin's mean, up to halfway to the next; the outermost
//     are drawn as their mean, whole numbers as those next to it that K patients of the
//     cohort have, so that no extreme is copied. A number drawn between may be one
//     that somebody has;
//   - of a text, the levels of at least K patients; the rarer are put together as
//     "other" where they are of K patients, and otherwise left out;
//   - the correlations of normal scores within arms, as a Gaussian copula;
//   - who has a row for a visit: a logistic model with a level for each arm and visit,
//     by whether the patient came before and by their last value;
//   - the number of rows of a patient in other tables, and their columns given the
//     row's texts and which of its numbers are missing. Rows of one patient are drawn apart from each other.
//
// Left out, and told: dates, items of questionnaires (their scores are columns),
// texts of which no level has K patients, and patients of arms with fewer than K.
//
// Note: this is not anonymous by proof. There is no differential privacy: what is
// learned are exact statistics of groups of at least K. Who knows all patients of a
// bin but one can work out that one's value from its mean.
package like

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"

	"recoup/datasets"
	"recoup/simulate/stream"
)

// Options say what is learned and drawn.
type Options struct {
	K        int    // fewest patients that any number which is learned is of; 0 is 11
	Seed     uint64 // of the random numbers
	Patients int    // 0: as many as the cohort has
}

// Note says what was left out or merged, without values.
type Note struct {
	Table  string `json:"table"`
	Column string `json:"column,omitempty"`
	Done   string `json:"done"`
	Count  int    `json:"count,omitempty"` // levels, patients or columns
}

// Model is what was learned of a cohort.
type Model struct {
	o      Options
	dict   *datasets.Dictionary
	groups []group
	tables []*table
	vars   []*variable
	lower  [][]float64 // factor of the copula's correlations
	visits []string
	notes  []Note
	root   stream.Stream
}

// group is the patients of an arm who began, or who did not.
type group struct {
	arm   int32 // -1 for none
	began bool
	value string  // of the arm
	upTo  float64 // share of this and the groups before
}

// kind is how a table's rows are drawn.
type kind int

const (
	onePatient kind = iota // one row a patient
	byVisit                // one row a patient and visit
	anyRows
)

// table is what was learned of one table.
type table struct {
	name    string
	kind    kind
	fields  []datasets.Field
	columns []*column
	present []float64 // onePatient: share of patients with a row, by group
	come    *attendance
	rows    []marginal  // anyRows: number of rows, by group
	combos  [][]float64 // anyRows: cumulative shares of the combinations of texts, by group
	texts   [][]int     // anyRows: by combination: level of each text, then whether each number is missing
}

// column is one column of a table.
type column struct {
	field  datasets.Field
	how    how
	levels []string         // kept, with "other"
	of     []int32          // level of the data to level kept; -1: left out
	whole  bool             // whole numbers
	common map[float64]bool // of whole numbers, those that enough patients have
	step   float64          // to which others are rounded
	vars   []int            // in the copula: by visit, one for one row a patient
	by     [][]marginal     // anyRows: by group and combination of texts
	source *column          // the column of another table that this one repeats
	stay   []*column        // of the stay it belongs to: referred, admitted, completed and discharged
}

// stays puts the days of a stay together, which must follow each other.
func (m *Model) stays() {
	for _, t := range m.tables {
		if t.kind != onePatient {
			continue
		}
		var stay []*column
		for _, role := range []datasets.Role{datasets.RoleReferred, datasets.RoleAdmitted, datasets.RoleCompleted, datasets.RoleDischarged} {
			for _, c := range t.columns {
				if c.field.Role == role && c.how == isNumber && c.source == nil {
					stay = append(stay, c)
				}
			}
		}
		for _, c := range stay {
			c.stay = stay
		}
	}
}

// how is what a column's cells are.
type how int

const (
	isPatient how = iota
	isArm
	isVisit
	isNumber
	isText
)

// most of variables in the copula, patients that correlations are learned of, and
// bins of a number.
const (
	mostVariables = 400
	mostLearned   = 20_000
	mostBins      = 100
)

// LeastK is the smallest group that may be learned of, and Most the patients drawn.
const (
	LeastK = 5
	Most   = 10_000_000
)

// Learn learns a cohort.
func Learn(ctx context.Context, c *datasets.Cohort, o Options) (*Model, error) {
	if o.K == 0 {
		o.K = 11
	}
	if o.K < LeastK {
		return nil, fmt.Errorf("%w: expected at least %d patients in every group that is learned", datasets.ErrPrivacy, LeastK)
	}
	if n := c.Patients(); n < 3*o.K {
		return nil, fmt.Errorf("%w: the cohort has too few patients to draw others like them: expected at least %d, 3 times the %d of the smallest group that may be told of", datasets.ErrPrivacy, 3*o.K, o.K)
	}
	if o.Patients == 0 {
		o.Patients = c.Patients()
	}
	m := &Model{o: o, root: stream.New(o.Seed, "like patients")}
	l := &learner{Model: m, c: c}
	if err := l.learnGroups(); err != nil {
		return nil, err
	}
	l.learnVisits()
	for _, t := range c.Tables() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.learnTable(t)
	}
	l.repeats()
	m.stays()
	for _, t := range m.tables {
		if t.come != nil {
			l.attendance(ctx, t)
		}
	}
	if err := l.correlate(ctx); err != nil {
		return nil, err
	}
	if err := m.settle(ctx); err != nil {
		return nil, err
	}
	m.describe(c.Dictionary())
	if len(m.dict.Resources) == 0 {
		return nil, fmt.Errorf("%w: no column of the cohort can be told of with groups of at least %d patients", datasets.ErrPrivacy, o.K)
	}
	return m, nil
}

// Notes returns what was left out or merged.
func (m *Model) Notes() []Note { return slices.Clone(m.notes) }

// learner holds what only learning needs.
type learner struct {
	*Model
	c     *datasets.Cohort
	group []int32 // by patient, -1 for those left out
	size  []int   // by group
}

func (l *learner) note(table, column, done string, count int) {
	l.notes = append(l.notes, Note{table, column, done, count})
}

// learnGroups puts patients into groups by arm and whether they began.
func (l *learner) learnGroups() error {
	arm, began, arms := l.c.ArmOf(), l.c.Began(), l.c.Arms()
	l.group = make([]int32, l.c.Patients())
	count := map[[2]int32]int{}
	key := func(p int) [2]int32 {
		b := int32(0)
		if began[p] {
			b = 1
		}
		return [2]int32{arm[p], b}
	}
	for p := range l.group {
		count[key(p)]++
	}
	index := map[[2]int32]int32{}
	kept, gone := 0, 0
	for a := int32(-1); a < int32(len(arms)); a++ {
		for b := int32(0); b < 2; b++ {
			k := [2]int32{a, b}
			switch n := count[k]; {
			case n == 0:
			case n < l.o.K:
				gone += n
			default:
				g := group{arm: a, began: b == 1}
				if a >= 0 {
					g.value = arms[a].Value
				}
				kept += n
				index[k] = int32(len(l.groups))
				l.groups, l.size = append(l.groups, g), append(l.size, n)
			}
		}
	}
	sum := 0
	for i := range l.groups {
		sum += l.size[i]
		l.groups[i].upTo = float64(sum) / float64(max(kept, 1))
	}
	for p := range l.group {
		l.group[p] = -1
		if g, ok := index[key(p)]; ok {
			l.group[p] = g
		}
	}
	if kept < 3*l.o.K {
		return fmt.Errorf("%w: the arms have too few patients to draw others like them: expected groups of at least %d", datasets.ErrPrivacy, l.o.K)
	}
	if gone > 0 {
		l.note("", "", fmt.Sprintf("fewer than %d patients in an arm, or who never began in it: left out", l.o.K), 0)
	}
	return nil
}

// learnVisits lists the visits that enough patients have.
func (l *learner) learnVisits() {
	gone := 0
	for _, v := range l.c.Visits() {
		n := 0
		for _, seen := range l.c.Seen(v.Value) {
			if seen {
				n++
			}
		}
		if n >= l.o.K {
			l.visits = append(l.visits, v.Value)
		} else if n > 0 {
			gone++
		}
	}
	if gone > 0 {
		l.note("", "", fmt.Sprintf("visits of fewer than %d patients left out", l.o.K), gone)
	}
}

// kindOf says how a table's rows are drawn: by what the rows are.
func (l *learner) kindOf(t *datasets.Table) kind {
	f, visits := t.Field(datasets.RoleVisit)
	var codes []int32
	if visits {
		codes, _ = t.Codes(f.Name)
	}
	type cell struct{ patient, visit int32 }
	seen := make(map[cell]bool, t.Rows())
	for r, p := range t.Patient() {
		k := cell{p, -1}
		if visits {
			k.visit = codes[r]
		}
		if seen[k] {
			return anyRows
		}
		seen[k] = true
	}
	if visits {
		return byVisit
	}
	return onePatient
}

// many are the roles that make a table one of any number of rows a patient.
var many = []datasets.Role{datasets.RoleRepeat, datasets.RoleDay, datasets.RoleStart, datasets.RoleDose, datasets.RoleStrength, datasets.RoleCost, datasets.RoleTime, datasets.RoleDrug}

func (l *learner) learnTable(t *datasets.Table) {
	out := &table{name: t.Name(), kind: l.kindOf(t)}
	var from []datasets.Field
	for _, f := range t.Fields() {
		c, why := l.learnColumn(t, f, out.kind)
		if c == nil {
			l.note(t.Name(), f.Name, why, 1)
			continue
		}
		out.fields, out.columns = append(out.fields, c.field), append(out.columns, c)
		from = append(from, f)
	}
	some := func(ok func(*column) bool) bool { return slices.ContainsFunc(out.columns, ok) }
	if !some(func(c *column) bool { return c.how == isNumber || c.how == isText }) || t.Rows() == 0 {
		l.note(t.Name(), "", "no column that can be imitated: left out", len(out.fields))
		return
	}
	if out.kind == anyRows && !some(func(c *column) bool { return slices.Contains(many, c.field.Role) }) {
		l.note(t.Name(), "", "without its dates nothing tells a patient's rows apart: left out", len(out.fields))
		return
	}
	switch out.kind {
	case anyRows:
		l.learnRows(t, out, from)
	default:
		l.learnPresence(t, out)
		l.learnCells(t, out, from)
	}
	l.tables = append(l.tables, out)
}

// learnColumn returns what a column's cells are; nil with the reason where they
// cannot be imitated.
func (l *learner) learnColumn(t *datasets.Table, f datasets.Field, k kind) (*column, string) {
	c := &column{field: plain(f)}
	switch {
	case f.Role == datasets.RolePatient:
		c.how = isPatient
		return c, ""
	case f.Role == datasets.RoleArm:
		c.how = isArm
		return c, ""
	case f.Role == datasets.RoleVisit && k == byVisit:
		c.how = isVisit
		return c, ""
	case f.Role == datasets.RoleItem:
		return nil, "items of questionnaires are not imitated, their scores are: left out"
	case f.Type == datasets.TypeDate || f.Type == datasets.TypeDatetime:
		return nil, "dates are not imitated: left out"
	case f.Type == datasets.TypeString || f.Type == datasets.TypeBoolean:
		c.how = isText
		codes, levels := t.Codes(f.Name)
		return l.learnLevels(t, c, codes, levels)
	}
	c.how = isNumber
	who := map[int32]bool{}
	low, high := math.Inf(1), math.Inf(-1)
	c.whole = true
	for r, x := range t.Floats(f.Name) {
		if math.IsNaN(x) {
			continue
		}
		if len(who) < l.o.K {
			who[t.Patient()[r]] = true
		}
		low, high, c.whole = min(low, x), max(high, x), c.whole && x == math.Floor(x)
	}
	if len(who) < l.o.K {
		return nil, fmt.Sprintf("values of fewer than %d patients: left out", l.o.K)
	}
	if c.whole {
		c.common = l.commonOf(t, f.Name)
	}
	c.step = 1
	if !c.whole && high > low {
		c.step = math.Pow(10, math.Floor(math.Log10(high-low))-3)
	}
	return c, ""
}

// commonOf returns the values of a column that enough patients have.
func (l *learner) commonOf(t *datasets.Table, column string) map[float64]bool {
	who, out := map[float64]map[int32]bool{}, map[float64]bool{}
	for r, x := range t.Floats(column) {
		if math.IsNaN(x) || out[x] {
			continue
		}
		if who[x] == nil {
			who[x] = map[int32]bool{}
		}
		if who[x][t.Patient()[r]] = true; len(who[x]) >= l.o.K {
			out[x] = true
			delete(who, x)
		}
	}
	return out
}

// learnLevels keeps the levels of enough patients.
func (l *learner) learnLevels(t *datasets.Table, c *column, codes []int32, levels []string) (*column, string) {
	count := make([]int, len(levels))
	rare := map[int32]bool{}
	met := make(map[[2]int32]bool)
	for r, code := range codes {
		if code < 0 {
			continue
		}
		if k := [2]int32{code, t.Patient()[r]}; !met[k] {
			met[k] = true
			count[code]++
		}
	}
	c.of = make([]int32, len(levels))
	merged := 0
	for i, s := range levels {
		c.of[i] = -1
		if count[i] >= l.o.K {
			c.of[i] = int32(len(c.levels))
			c.levels = append(c.levels, s)
		} else if count[i] > 0 {
			merged++
		}
	}
	if len(c.levels) == 0 {
		return nil, fmt.Sprintf("no level of at least %d patients: left out", l.o.K)
	}
	for k := range met {
		if c.of[k[0]] < 0 {
			rare[k[1]] = true
		}
	}
	other := -1
	if merged > 1 && len(rare) >= l.o.K && c.field.Type == datasets.TypeString {
		if other = slices.Index(c.levels, "other"); other < 0 {
			other = len(c.levels)
			c.levels = append(c.levels, "other")
		}
		for i := range c.of {
			if c.of[i] < 0 {
				c.of[i] = int32(other)
			}
		}
	}
	switch {
	case merged > 0 && other >= 0:
		l.note(t.Name(), c.field.Name, fmt.Sprintf("levels of fewer than %d patients put together as other", l.o.K), merged)
	case merged > 0:
		l.note(t.Name(), c.field.Name, fmt.Sprintf("levels of fewer than %d patients made missing", l.o.K), merged)
	}
	if len(c.field.Categories) > 0 {
		var kept []datasets.Category
		for _, s := range c.levels {
			i := slices.IndexFunc(c.field.Categories, func(x datasets.Category) bool { return x.Value == s })
			if i >= 0 {
				kept = append(kept, c.field.Categories[i])
			} else {
				kept = append(kept, datasets.Category{Value: s})
			}
		}
		c.field.Categories = kept
	}
	return c, ""
}

// plain describes a column without what is of the real files: formats, codes and
// texts of their own.
func plain(f datasets.Field) datasets.Field {
	out := datasets.Field{
		Name: f.Name, Title: f.Title, Type: f.Type, Role: f.Role, Unit: f.Unit, Instrument: f.Instrument,
		Categories: f.Categories, Constraints: datasets.Constraints{Minimum: f.Constraints.Minimum, Maximum: f.Constraints.Maximum},
	}
	if f.Role == datasets.RoleArm {
		out.Categories = nil
	}
	return out
}

// learnPresence learns who has a row at all.
func (l *learner) learnPresence(t *datasets.Table, out *table) {
	if out.kind == byVisit {
		out.come = &attendance{}
		return
	}
	out.present = make([]float64, len(l.groups))
	for _, p := range t.Patient() {
		if g := l.group[p]; g >= 0 {
			out.present[g]++
		}
	}
	for g := range out.present {
		n := float64(l.size[g])
		if out.present[g] /= n; out.present[g]*n < float64(l.o.K) {
			out.present[g] = 0
		} else if (1-out.present[g])*n < float64(l.o.K) {
			out.present[g] = 1
		}
	}
}

// cells returns a column's values by patient at a visit: numbers, or the places of
// kept levels; NaN where missing, and which patients have a row.
func (l *learner) cells(t *datasets.Table, name string, c *column, visit string) (values []float64, row []bool) {
	values, row = make([]float64, l.c.Patients()), make([]bool, l.c.Patients())
	for p := range values {
		values[p] = math.NaN()
	}
	var at []int32
	want := int32(-1)
	if visit != "" {
		f, _ := t.Field(datasets.RoleVisit)
		var levels []string
		at, levels = t.Codes(f.Name)
		want = int32(slices.Index(levels, visit))
	}
	var codes []int32
	var numbers []float64
	if c.how == isText {
		codes, _ = t.Codes(name)
	} else {
		numbers = t.Floats(name)
	}
	for r, p := range t.Patient() {
		if visit != "" && at[r] != want {
			continue
		}
		row[p] = true
		switch {
		case codes == nil:
			values[p] = numbers[r]
		case codes[r] >= 0 && c.of[codes[r]] >= 0:
			values[p] = float64(c.of[codes[r]])
		}
	}
	return values, row
}

// variable is one column at one visit.
type variable struct {
	at     int // its place in the copula
	column *column
	shift  []shift    // by group, where only some come; nil for none
	by     []marginal // by group
	values []float64  // of patients, while it is learned
	scores []float64  // normal scores within groups, while it is learned
}

// shift is the mean and SD of a variable's normal number among those who come.
type shift struct{ mean, sd float64 }

// learnCells learns the marginals of a table of one row a patient, or a patient and
// visit.
func (l *learner) learnCells(t *datasets.Table, out *table, from []datasets.Field) {
	at := []string{""}
	if out.kind == byVisit {
		at = l.visits
	}
	for i, c := range out.columns {
		if c.how != isNumber && c.how != isText {
			continue
		}
		for _, visit := range at {
			values, row := l.cells(t, from[i].Name, c, visit)
			v := &variable{at: len(l.vars), column: c, values: values}
			pooled, enough := l.marginal(c, values, row, -1)
			for g := range l.groups {
				own, ok := l.marginal(c, values, row, int32(g))
				switch {
				case !ok && !enough:
					own = marginal{missing: 1}
				case !ok:
					missing := own.missing
					own = pooled
					own.missing = missing
				}
				v.by = append(v.by, own)
			}
			if !enough {
				if n := count(values); n > 0 {
					l.note(t.Name(), c.field.Name, fmt.Sprintf("values of fewer than %d patients at a visit made missing", 2*l.o.K), 1)
				}
			}
			c.vars = append(c.vars, len(l.vars))
			l.vars = append(l.vars, v)
		}
	}
}

func count(values []float64) int {
	n := 0
	for _, x := range values {
		if !math.IsNaN(x) {
			n++
		}
	}
	return n
}

// marginal learns the marginal of a group, of all for -1; false where too few have a
// value.
func (l *learner) marginal(c *column, values []float64, row []bool, g int32) (marginal, bool) {
	var xs []valued
	rows := 0
	for p, x := range values {
		if of := l.group[p]; of < 0 || g >= 0 && of != g || !row[p] {
			continue
		}
		rows++
		if !math.IsNaN(x) {
			xs = append(xs, valued{x, int32(p)})
		}
	}
	m := learned(c, xs, l.o.K)
	if gone := rows - len(xs); rows > 0 && gone >= l.o.K {
		m.missing = float64(gone) / float64(rows)
	} else if rows > 0 && len(xs) > 0 && gone > 0 { // of too few to tell: as likely as of as many as may be told of, at most
		m.missing = min(float64(gone), float64(l.o.K)/2) / float64(max(rows, 2*l.o.K))
	}
	return m, len(xs) >= 2*l.o.K
}

// repeats finds columns that say of a patient what another table says: they are
// copied, so that tables agree.
func (l *learner) repeats() {
	first := map[string]*column{}
	for _, t := range l.tables {
		if t.kind != onePatient {
			continue
		}
		for _, c := range t.columns {
			if o := first[c.field.Name]; o != nil && o.how == c.how && c.how > isVisit {
				c.source = o
			} else {
				first[c.field.Name] = c
			}
		}
	}
	for _, t := range l.tables {
		for _, c := range t.columns {
			o := first[c.field.Name]
			if t.kind != onePatient && o != nil && c.how == isText && o.how == isText && c.field.Role == o.field.Role && slices.Contains(attributes, c.field.Role) {
				c.source = o
			}
		}
	}
}

// attributes are roles of what a patient has once.
var attributes = []datasets.Role{datasets.RoleSite, datasets.RolePayer, datasets.RoleProcedure, datasets.RoleWorkBefore, datasets.RoleCluster}

// learnRows learns a table of any number of rows a patient.
func (l *learner) learnRows(t *datasets.Table, out *table, from []datasets.Field) {
	n := make([]float64, l.c.Patients())
	for _, p := range t.Patient() {
		n[p]++
	}
	all := make([]bool, len(n))
	for p := range all {
		all[p] = true
	}
	number := &column{how: isNumber, whole: true, step: 1}
	pooled, _ := l.marginal(number, n, all, -1)
	for g := range l.groups {
		own, ok := l.marginal(number, n, all, int32(g))
		if !ok {
			own = pooled
		}
		out.rows = append(out.rows, own)
	}
	// The combinations of texts, and of which numbers are missing, that enough
	// patients have.
	var numbers [][]float64
	for i, c := range out.columns {
		if c.how == isNumber {
			numbers = append(numbers, t.Floats(from[i].Name))
		}
	}
	var codes [][]int32
	var text []*column
	for i, c := range out.columns {
		if c.how == isText {
			cs, _ := t.Codes(from[i].Name)
			codes, text = append(codes, cs), append(text, c)
		}
	}
	index, combo := map[string]int{}, make([]int, t.Rows())
	var people []map[int32]bool
	var texts [][]int
	for r, p := range t.Patient() {
		levels := make([]int, len(text))
		for j, c := range text {
			levels[j] = -1
			if code := codes[j][r]; code >= 0 {
				levels[j] = int(c.of[code])
			}
		}
		for _, xs := range numbers {
			gone := 0
			if math.IsNaN(xs[r]) {
				gone = 1
			}
			levels = append(levels, gone)
		}
		key := fmt.Sprint(levels)
		k, ok := index[key]
		if !ok {
			k = len(texts)
			index[key] = k
			texts, people = append(texts, levels), append(people, map[int32]bool{})
		}
		combo[r] = k
		if len(people[k]) < l.o.K {
			people[k][p] = true
		}
	}
	kept := make([]int, len(texts))
	gone := 0
	for k := range texts {
		kept[k] = -1
		if len(people[k]) >= l.o.K {
			kept[k] = len(out.texts)
			out.texts = append(out.texts, texts[k])
		} else {
			gone++
		}
	}
	if gone > 0 {
		l.note(t.Name(), "", fmt.Sprintf("combinations of texts and missing numbers of fewer than %d patients not drawn", l.o.K), gone)
	}
	l.note(t.Name(), "", "rows of one patient are drawn apart from each other: paths are not imitated", 0)
	out.combos = l.comboShares(t, combo, kept, len(out.texts))
	for i, c := range out.columns {
		if c.how == isNumber {
			l.learnRowNumbers(t, c, l.derived(t, from, i), combo, kept, len(out.texts))
		}
	}
}

// comboShares are those of the combinations by group, drawn towards all groups'.
func (l *learner) comboShares(t *datasets.Table, combo, kept []int, n int) [][]float64 {
	all := make([]float64, n)
	by := make([][]float64, len(l.groups))
	for g := range by {
		by[g] = make([]float64, n)
	}
	sum, sums := 0.0, make([]float64, len(by))
	for r, p := range t.Patient() {
		if k, g := kept[combo[r]], l.group[p]; k >= 0 && g >= 0 {
			all[k]++
			sum++
			by[g][k]++
			sums[g]++
		}
	}
	for g := range by {
		total := 0.0
		for k := range all {
			total += (by[g][k] + float64(l.o.K)*all[k]/max(sum, 1)) / (sums[g] + float64(l.o.K))
			by[g][k] = total
		}
	}
	return by
}

// derived are a column's numbers as they are drawn: the start of a spell as days
// from the end of the patient's spell before, its end as days from its start.
func (l *learner) derived(t *datasets.Table, from []datasets.Field, i int) []float64 {
	x := t.Floats(from[i].Name)
	start, started := t.Field(datasets.RoleStart)
	end, ended := t.Field(datasets.RoleEnd)
	if !started || !ended || from[i].Role != datasets.RoleStart && from[i].Role != datasets.RoleEnd {
		return x
	}
	s, e := t.Floats(start.Name), t.Floats(end.Name)
	out := make([]float64, len(x))
	rows := make([]int, len(x))
	for r := range rows {
		rows[r] = r
	}
	sort.SliceStable(rows, func(a, b int) bool {
		p, q := t.Patient()[rows[a]], t.Patient()[rows[b]]
		return p < q || p == q && s[rows[a]] < s[rows[b]]
	})
	for j, r := range rows {
		switch {
		case from[i].Role == datasets.RoleEnd:
			out[r] = e[r] - s[r]
		case j > 0 && t.Patient()[rows[j-1]] == t.Patient()[r]:
			out[r] = s[r] - e[rows[j-1]]
		default:
			out[r] = s[r]
		}
	}
	return out
}

// learnRowNumbers learns a number given the row's texts and the patient's group,
// given the texts alone where these are too few, and of all rows where those are.
func (l *learner) learnRowNumbers(t *datasets.Table, c *column, x []float64, combo, kept []int, n int) {
	at := func(g int32, k int) marginal {
		var xs []valued
		rows, people := 0, map[int32]bool{}
		for r, p := range t.Patient() {
			of := l.group[p]
			if of < 0 || g >= 0 && of != g || k >= 0 && kept[combo[r]] != k {
				continue
			}
			rows++
			if !math.IsNaN(x[r]) {
				xs = append(xs, valued{x[r], p})
				people[p] = true
			}
		}
		if len(people) < 2*l.o.K {
			m := marginal{}
			if rows >= l.o.K && len(xs) == 0 {
				m.missing, m.known = 1, true
			}
			return m
		}
		m := learned(c, xs, l.o.K)
		m.missing, m.known = float64(rows-len(xs))/float64(rows), true
		return m
	}
	all := at(-1, -1)
	if !all.known {
		all = marginal{missing: 1, known: true}
	}
	pooled := make([]marginal, n)
	for k := range pooled {
		if pooled[k] = at(-1, k); !pooled[k].known {
			pooled[k] = all
		}
	}
	c.by = make([][]marginal, len(l.groups))
	for g := range c.by {
		for k := range n {
			m := at(int32(g), k)
			if !m.known {
				m = pooled[k]
			}
			c.by[g] = append(c.by[g], m)
		}
	}
}
