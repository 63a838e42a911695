package datasets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// LoadOptions says how a cohort's files are read.
type LoadOptions struct {
	// Open opens one of a resource's paths; package datasets/open supplies it.
	Open func(ctx context.Context, path string, r Resource) (Source, error)
	// SetAside makes bad cells missing, counted, in place of refusing the cohort.
	SetAside bool
	// Where keeps the patients or rows for which a condition holds; "" keeps all.
	Where string
	// Progress is called now and then with the rows read so far; nil is allowed.
	Progress func(rows int)
	// Workers is how many goroutines read a file; 0 means one a processor. The
	// cohort does not depend on it.
	Workers int

	slow  bool // for tests: never the fast way
	piece int  // for tests: bytes of a piece
}

// Load reads a cohort as its dictionary describes it. All problems of severity
// error come back at once, as [Problems]; problems of lower severity are kept in
// the cohort. A file that cannot be opened at all is returned as that error.
func Load(ctx context.Context, d *Dictionary, opt LoadOptions) (*Cohort, error) {
	l := &loader{dict: d, opt: opt, problems: newCollector(), setAside: opt.SetAside || d.OnProblem == OnProblemSetAside}
	c := &Cohort{dict: d}
	for _, r := range d.Resources {
		t, err := l.table(ctx, r)
		if err != nil {
			return nil, err
		}
		if t != nil {
			c.tables = append(c.tables, t)
		}
	}
	c.excluded = l.excluded
	c.join(l.problems)
	l.duplicates(c)
	l.unmatched(c)
	if err := l.rules(c); err != nil {
		return nil, err
	}
	if l.problems.failed() {
		return nil, l.problems.sorted(SeverityError)
	}
	l.guesses()
	c.notes = l.problems.sorted("")
	if opt.Where != "" {
		cond, err := ParseCondition(opt.Where)
		if err != nil {
			return nil, fmt.Errorf("where: %w", err)
		}
		return c.Where(cond)
	}
	return c, nil
}

type loader struct {
	dict     *Dictionary
	opt      LoadOptions
	problems *collector
	setAside bool
	excluded []Exclusion
	rows     int
}

// Exclusion counts rows, cells or patients that could not be used, and why.
type Exclusion struct {
	Code     string `json:"code"`
	Table    string `json:"table,omitempty"`
	Rows     int    `json:"rows"`
	Patients int    `json:"patients,omitempty"`
	Reason   string `json:"reason"`
}

// String returns the exclusion as one line: "3 rows of visits: why [code]".
func (e Exclusion) String() string {
	count := func(n int, word string) string {
		if n == 1 {
			return "1 " + word
		}
		return fmt.Sprintf("%d %ss", n, word)
	}
	what := count(e.Rows, "row")
	if e.Table != "" {
		what += " of " + e.Table
	}
	switch {
	case e.Patients > 0 && e.Rows > 0:
		what += " (" + count(e.Patients, "patient") + ")"
	case e.Patients > 0:
		what = count(e.Patients, "patient")
	}
	return what + ": " + e.Reason + " [" + e.Code + "]"
}

// exclude adds rows to the count for one code, table and reason.
func exclude(list []Exclusion, e Exclusion) []Exclusion {
	for i := range list {
		if list[i].Code == e.Code && list[i].Table == e.Table && list[i].Reason == e.Reason {
			list[i].Rows += e.Rows
			list[i].Patients += e.Patients
			return list
		}
	}
	return append(list, e)
}

// table reads all files of a resource into one table.
func (l *loader) table(ctx context.Context, r Resource) (*Table, error) {
	fields := l.carried(r)
	builders := make([]*columnBuilder, len(fields))
	for i, f := range fields {
		builders[i] = newColumnBuilder(f, r.Schema.MissingValues)
	}
	batches := make([][]arrow.Array, len(fields))
	var lines []int32
	before := len(l.excluded)
	for _, path := range r.Path {
		src, err := l.opt.Open(ctx, path, r)
		if err != nil {
			if ps := Problems(nil); errors.As(err, &ps) {
				for _, p := range ps {
					l.problems.add(p)
				}
				continue
			}
			return nil, err
		}
		fast := false
		if lines, fast, err = l.fast(ctx, src, r, path, builders, batches, lines); !fast && err == nil {
			if src, err = l.again(ctx, src, path, r); err == nil {
				lines, err = l.read(ctx, src, r, path, builders, batches, lines)
			}
		}
		closeErr := src.Close()
		if err != nil {
			return nil, err
		}
		if closeErr != nil {
			return nil, fmt.Errorf("%s: %w", path, closeErr)
		}
	}
	// How a file was cut into batches must not show in the order.
	slices.SortFunc(l.excluded[before:], func(a, b Exclusion) int {
		return cmp.Or(strings.Compare(a.Reason, b.Reason), strings.Compare(a.Code, b.Code))
	})
	t := &Table{name: r.Name, lines: lines, rows: len(lines)}
	for i, b := range builders {
		t.fields = append(t.fields, b.field)
		t.columns = append(t.columns, b.finish(batches[i]))
		t.reasons = append(t.reasons, b.reasons)
		if b.invisible > 0 {
			l.problems.add(Problem{
				Severity: SeverityNote, Code: CodeInvisible, Table: r.Name, Column: b.field.Name,
				Expected: "invisible marks were taken off, or letters put into their common form", Rows: b.invisible,
			})
		}
	}
	t.addConstants(r)
	var err error
	if t, err = l.rowsWhere(t, r); err != nil {
		return nil, err
	}
	if r.Reshape != nil {
		t = reshape(t, *r.Reshape)
	}
	return l.usable(t), nil
}

// again opens a file anew that the fast way has begun to read.
func (l *loader) again(ctx context.Context, src Source, path string, r Resource) (Source, error) {
	if s, ok := src.(*csvSource); !ok || s.seeker == nil || s.done {
		return src, nil
	}
	if err := src.Close(); err != nil {
		return src, fmt.Errorf("%s: %w", path, err)
	}
	return l.opt.Open(ctx, path, r)
}

// carried returns the fields that are read: all but those ignored. The levels of
// an arm column without levels of its own are the cohort's arms.
func (l *loader) carried(r Resource) []Field {
	var out []Field
	for _, f := range r.Schema.Fields {
		if f.Role == RoleIgnore {
			continue
		}
		if f.Role == RoleArm && f.Type == TypeString && len(f.Categories) == 0 {
			for _, a := range l.dict.Arms {
				f.Categories = append(f.Categories, Category{Value: a.Value, Label: a.Name})
			}
		}
		out = append(out, f)
	}
	return out
}

func (l *loader) read(ctx context.Context, src Source, r Resource, path string, builders []*columnBuilder, batches [][]arrow.Array, lines []int32) ([]int32, error) {
	at := l.match(src, r, path, builders)
	for {
		chunk, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return lines, err
		}
		for i, b := range builders {
			l.column(chunk, at[i], b, r, path)
			batches[i] = append(batches[i], b.flush())
		}
		for i := range chunk.Rows {
			lines = append(lines, int32(chunk.First+i))
		}
		l.rows += chunk.Rows
		if l.opt.Progress != nil {
			l.opt.Progress(l.rows)
		}
	}
	for _, p := range src.Problems() {
		l.problems.add(p)
	}
	return lines, nil
}

// match finds each field's column in the file, and tells of those that are
// missing and those that are not described.
func (l *loader) match(src Source, r Resource, path string, builders []*columnBuilder) []int {
	columns := src.Columns()
	at := make([]int, len(builders))
	usable := len(src.Problems()) == 0 || len(columns) > 0
	for i, b := range builders {
		at[i] = slices.Index(columns, b.field.Name)
		if at[i] < 0 && usable {
			l.problems.add(Problem{
				Code: CodeColumnMissing, Table: r.Name, File: path, Column: b.field.Name,
				Expected: "expected this column in the file", Mend: "correct the name, or take the field out of the cohort file",
			})
		}
	}
	unknown := 0
	for _, c := range columns {
		if !slices.ContainsFunc(r.Schema.Fields, func(f Field) bool { return f.Name == c }) {
			unknown++
			name := c
			if name == "" {
				name = "(no name)"
			}
			l.problems.add(Problem{
				Severity: SeverityWarning, Code: CodeColumnUnknown, Table: r.Name, File: path, Column: name,
				Expected: "the column is not described, so it is not carried", Mend: "describe it under fields, or give it role: ignore",
			})
		}
	}
	return at
}

// column appends one column of a chunk to its builder.
func (l *loader) column(chunk *Chunk, at int, b *columnBuilder, r Resource, path string) {
	var cells []string
	if at >= 0 {
		cells = chunk.text(at)
	}
	for i := range chunk.Rows {
		var bad *badCell
		switch {
		case at < 0:
			b.builder.AppendNull()
		case cells != nil:
			bad = b.text(cells[i])
		default:
			bad = b.cell(chunk.Arrays[at], i)
		}
		if bad == nil {
			continue
		}
		line := 0
		if chunk.Lines != nil {
			line = chunk.Lines[i]
		}
		l.bad(*bad, b, r, path, chunk.First+i, line)
	}
}

// bad tells of a bad cell, or counts it where bad cells are set aside.
func (l *loader) bad(bad badCell, b *columnBuilder, r Resource, path string, row, line int) {
	if l.setAside && bad.code != CodeRequired && bad.code != CodeUnique {
		l.excluded = exclude(l.excluded, Exclusion{
			Code: "set-aside-" + bad.code, Table: r.Name, Rows: 1,
			Reason: fmt.Sprintf("cells of column %q made missing: %s", b.field.Name, bad.expected),
		})
		return
	}
	l.problems.add(Problem{Code: bad.code, Table: r.Name, File: path, Row: row, Line: line, Column: b.field.Name, Expected: bad.expected, Mend: mendOf(bad.code)})
}

func mendOf(code string) string {
	switch code {
	case CodeType, CodeRange:
		return "correct the cell, declare a missing code under missingValues, or pass --set-aside"
	case CodeLevel:
		return "correct the cell, add the level under categories (arms for an arm), or pass --set-aside"
	}
	return "correct the cell in the file"
}

// pairs remembers pairs of a patient and a visit: a bit for each that there can be,
// or a map where that would be too many.
type pairs struct {
	visits int
	bits   []uint64
	some   map[[2]int32]bool
}

// mostPairs is how many pairs are remembered by bits: 64 MiB of them.
const mostPairs = 1 << 29

func newPairs(patients int, visits []int32) *pairs {
	most := int32(0)
	for _, v := range visits {
		most = max(most, v)
	}
	p := &pairs{visits: int(most) + 2} // -1, a missing visit, is one too
	if patients*p.visits > mostPairs {
		p.some = make(map[[2]int32]bool, len(visits))
		return p
	}
	p.bits = make([]uint64, (patients*p.visits+63)/64)
	return p
}

// again remembers a pair and reports whether it was there.
func (p *pairs) again(patient, visit int32) bool {
	if p.some != nil {
		k := [2]int32{patient, visit}
		had := p.some[k]
		p.some[k] = true
		return had
	}
	i := int(patient)*p.visits + int(visit) + 1
	had := p.bits[i/64]>>(i%64)&1 == 1
	p.bits[i/64] |= 1 << (i % 64)
	return had
}

// rules tells of every row that breaks a rule of the cohort file.
func (l *loader) rules(c *Cohort) error {
	for _, r := range l.dict.Rules {
		cond, err := ParseCondition(r.Check)
		if err != nil {
			return fmt.Errorf("rule: %w", err)
		}
		t := c.Table(r.Table)
		for _, name := range cond.Columns() {
			if !t.Has(name) {
				l.problems.add(Problem{Code: CodeColumnMissing, Table: r.Table, Column: name, Expected: "expected the column named in a rule to be described under fields"})
				return nil
			}
		}
		for row, holds := range t.matching(cond) {
			if !holds {
				l.problems.add(Problem{
					Code: CodeRule, Table: r.Table, Row: int(t.lines[row]), Expected: "expected " + cmpOr(r.Message, "a row for which holds: "+r.Check),
					Mend: "correct the row, or the rule in the cohort file",
				})
			}
		}
	}
	return nil
}

// totals are words that stand in an id column where a file ends with sums.
var totals = []string{"total", "totals", "sum", "subtotal", "mean", "average", "all", "grand total", "n"}

// guesses tells of every guess in a drafted dictionary.
func (l *loader) guesses() {
	if !l.dict.Drafted {
		return
	}
	for _, r := range l.dict.Resources {
		for _, f := range r.Schema.Fields {
			role := string(f.Role)
			if role == "" {
				role = "none"
			}
			l.problems.add(Problem{
				Severity: SeverityWarning, Code: CodeDraft, Table: r.Name, Column: f.Name,
				Expected: fmt.Sprintf("guessed type %s, role %s (%s)", f.Type, role, f.Guess),
				Mend:     "write a cohort file with recoup data init and correct it",
			})
		}
	}
}

// addConstants adds a column for each constant of the resource, so that what
// holds for the whole table travels with it.
func (t *Table) addConstants(r Resource) {
	for _, role := range slices.Sorted(maps.Keys(r.Constants)) {
		f := Field{Name: role, Type: TypeString, Role: Role(role)}
		if numericRole(f.Role) {
			f.Type = TypeNumber
		}
		b := newColumnBuilder(f, []MissingValue{})
		var batches []arrow.Array
		for _, a := range t.columns[0] {
			for range a.Len() {
				b.text(r.Constants[role])
			}
			batches = append(batches, b.flush())
		}
		t.fields = append(t.fields, f)
		t.columns = append(t.columns, b.finish(batches))
		t.reasons = append(t.reasons, nil)
	}
}

// rowsWhere keeps the rows that the resource's own condition asks for.
func (l *loader) rowsWhere(t *Table, r Resource) (*Table, error) {
	if r.Where == "" {
		return t, nil
	}
	cond, err := ParseCondition(r.Where)
	if err != nil {
		return nil, fmt.Errorf("table %s: where: %w", r.Name, err)
	}
	for _, c := range cond.Columns() {
		if !t.Has(c) {
			l.problems.add(Problem{Code: CodeColumnMissing, Table: r.Name, Column: c, Expected: "expected the column named in where to be described under fields"})
			return t, nil
		}
	}
	keep := t.matching(cond)
	kept := t.keep(keep)
	if n := t.rows - kept.rows; n > 0 {
		l.excluded = exclude(l.excluded, Exclusion{Code: CodeFiltered, Table: t.name, Rows: n, Reason: "rows left out by where: " + cond.String()})
	}
	return kept, nil
}

// matching evaluates a condition for every row.
func (t *Table) matching(cond *Condition) []bool {
	get := map[string]func(row int) cell{}
	for _, c := range cond.Columns() {
		get[c] = t.cells(c)
	}
	keep := make([]bool, t.rows)
	for r := range keep {
		keep[r] = cond.root.eval(func(c string) cell { return get[c](r) })
	}
	return keep
}

// cells returns a reader of a column's cells for conditions.
func (t *Table) cells(column string) func(row int) cell {
	f := t.fields[t.index(column)]
	if f.Type == TypeNumber || f.Type == TypeInteger || f.Type == TypeDuration {
		vs := t.Floats(column)
		return func(r int) cell { return cell{missing: vs[r] != vs[r], numeric: true, num: vs[r]} }
	}
	codes, levels := t.Codes(column)
	labels := map[string]string{}
	for _, c := range f.Categories {
		labels[c.Value] = c.Label
	}
	return func(r int) cell {
		if codes[r] < 0 {
			return cell{missing: true}
		}
		s := levels[codes[r]]
		return cell{text: s, label: labels[s]}
	}
}

// usable takes out the rows that no analysis could use, and counts them: those
// without a patient, and those of a visit that the cohort file does not list.
func (l *loader) usable(t *Table) *Table {
	keep := make([]bool, t.rows)
	for i := range keep {
		keep[i] = true
	}
	drop := func(code, reason string, bad func(r int) bool) {
		n := 0
		for r := range keep {
			if keep[r] && bad(r) {
				keep[r] = false
				n++
			}
		}
		if n > 0 {
			l.excluded = exclude(l.excluded, Exclusion{Code: code, Table: t.name, Rows: n, Reason: reason})
		}
	}
	if f, ok := t.Field(RolePatient); ok {
		codes, _ := t.Codes(f.Name)
		drop(CodeNoPatient, "rows without a patient", func(r int) bool { return codes[r] < 0 })
	}
	if f, ok := t.Field(RoleVisit); ok {
		codes, levels := t.Codes(f.Name)
		listed := make([]bool, len(levels))
		for i, s := range levels {
			_, ok := l.dict.visit(s)
			listed[i] = ok || len(l.dict.Visits) == 0
		}
		drop(CodeVisitNotListed, "rows of a visit that the cohort file does not list", func(r int) bool { return codes[r] < 0 || !listed[codes[r]] })
	}
	return t.keep(keep)
}

// reshape turns one row a patient with a column a visit into one row a patient
// and visit. Rows whose cell is missing stay, with a missing outcome.
func reshape(t *Table, rs Reshape) *Table {
	wide := slices.Sorted(maps.Keys(rs.Columns))
	order := func(c string) int { return t.index(c) }
	slices.SortStableFunc(wide, func(a, b string) int { return order(a) - order(b) })
	out := &Table{name: t.name, rows: t.rows * len(wide)}
	for r := range t.rows {
		for range wide {
			out.lines = append(out.lines, t.lines[r])
		}
	}
	for i, f := range t.fields {
		if _, isWide := rs.Columns[f.Name]; isWide {
			continue
		}
		out.fields = append(out.fields, f)
		out.columns = append(out.columns, repeatRows(t.columns[i], len(wide)))
		out.reasons = append(out.reasons, t.reasons[i])
	}
	visits := newColumnBuilder(Field{Name: "visit", Type: TypeString, Role: RoleVisit}, []MissingValue{})
	value := t.fields[t.index(wide[0])]
	value.Name, value.Role = rs.Outcome, cmpRole(value.Role)
	outcome := array.NewFloat64Builder(memory.DefaultAllocator)
	columns := make([][]float64, len(wide))
	for j, c := range wide {
		columns[j] = t.Floats(c)
	}
	var visitCodes, values []arrow.Array
	r := 0
	for _, batch := range t.columns[0] {
		for range batch.Len() {
			for j, c := range wide {
				visits.text(rs.Columns[c])
				if v := columns[j][r]; v != v {
					outcome.AppendNull()
				} else {
					outcome.Append(v)
				}
			}
			r++
		}
		visitCodes = append(visitCodes, visits.flush())
		values = append(values, outcome.NewArray())
	}
	value.Type = TypeNumber
	out.fields = append(out.fields, visits.field, value)
	out.columns = append(out.columns, visits.finish(visitCodes), values)
	out.reasons = append(out.reasons, nil, nil)
	return out
}

func cmpRole(r Role) Role {
	if r == "" {
		return RoleOutcome
	}
	return r
}

// repeatRows writes each cell n times in a row.
func repeatRows(batches []arrow.Array, n int) []arrow.Array {
	out := make([]arrow.Array, len(batches))
	for b, a := range batches {
		var at []int
		for i := range a.Len() {
			for range n {
				at = append(at, i)
			}
		}
		out[b] = pick(a, at)
	}
	return out
}

// duplicates tells of patients that occur twice in a table of one row a patient,
// and of visits that occur twice for a patient.
func (l *loader) duplicates(c *Cohort) {
	for _, t := range c.tables {
		if t.manyRows() {
			continue
		}
		visits := make([]int32, t.rows)
		what := "expected one row a patient"
		if f, ok := t.Field(RoleVisit); ok {
			visits, _ = t.Codes(f.Name)
			what = "expected one row a patient and visit"
		}
		seen := newPairs(len(c.patients), visits)
		for r, p := range t.patient {
			if seen.again(p, visits[r]) {
				l.problems.add(Problem{
					Code: CodeDuplicate, Table: t.name, File: l.onlyFile(t.name), Row: int(t.lines[r]), Expected: what,
					Mend: "remove or correct the second row",
				})
			}
		}
	}
	fold := map[string]int{}
	for _, id := range c.patients {
		if slices.Contains(totals, strings.ToLower(strings.TrimSpace(id))) {
			l.problems.add(Problem{Severity: SeverityWarning, Code: CodeTotals, Expected: "a patient's id is a word for a sum: a row of totals may have been taken for a patient", Mend: "remove the row from the file"})
		}
		fold[strings.ToLower(strings.TrimSpace(id))]++
	}
	if n := len(c.patients) - len(fold); n > 0 {
		l.problems.add(Problem{
			Severity: SeverityWarning, Code: CodeNearDuplicate, Rows: n,
			Expected: "some patient ids differ from another in case or blanks only; they are taken as different patients",
			Mend:     "write each patient's id in one way",
		})
	}
}

// onlyFile returns the file a table was read from, or "" when it has several: a
// row's number is one within its file.
func (l *loader) onlyFile(table string) string {
	for _, r := range l.dict.Resources {
		if r.Name == table && len(r.Path) == 1 {
			return r.Path[0]
		}
	}
	return ""
}

// unmatched tells of patients of whom other tables have rows but no table of one
// row a patient has: a mistyped id would otherwise make a patient of its own.
func (l *loader) unmatched(c *Cohort) {
	listed := make([]bool, len(c.patients))
	var lists []string
	for _, t := range c.tables {
		if !t.perPatient() {
			continue
		}
		lists = append(lists, t.name)
		for _, p := range t.patient {
			listed[p] = true
		}
	}
	if len(lists) == 0 {
		return
	}
	for _, t := range c.tables {
		if t.perPatient() {
			continue
		}
		told, rows := map[int32]bool{}, 0
		for _, p := range t.patient {
			if listed[p] {
				continue
			}
			told[p] = true
			rows++
		}
		if rows > 0 {
			l.problems.add(Problem{
				Severity: SeverityWarning, Code: CodeUnmatched, Table: t.name, File: l.onlyFile(t.name), Rows: rows,
				Expected: fmt.Sprintf("expected each patient in a table of one row a patient (%s); patients who are in none of them: %d, and they are kept as patients of their own", strings.Join(lists, ", "), len(told)),
				Mend:     "correct the ids, or add the patients",
			})
		}
	}
}
