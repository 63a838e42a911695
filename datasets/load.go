package datasets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
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
	// Each is handed every batch of rows that can be used, with all its columns,
	// before it is kept: tables one after the other as the cohort file lists them,
	// rows in file order. Problems are known at the end only, so what was made of the
	// batches must be thrown away when Load fails.
	Each func(*Table) error
	// Keep says which columns of which tables stay in the cohort; nil keeps all. A
	// table of which no column stays knows its number of rows. All cells are checked
	// whether they stay or not, and patients and arms are those of all rows.
	Keep func(t *Table, f Field) bool
	// KeepVisits are the visits (values) whose rows stay; nil keeps all.
	KeepVisits []string
	// MostMemory is how many bytes of cells may stay in memory; 0 sets no limit. A
	// cohort that needs more is refused with [ErrMemory] while it is read.
	MostMemory int64
	// Workers is how many goroutines read a file; 0 means one a processor. The
	// cohort does not depend on it.
	Workers int
	// DoseCeiling returns the largest dose a day that is plausible of a drug by a route
	// in a unit, or of strength × quantity / days of a supply; NaN where it is not
	// known. Package datasets/open supplies it; nil looks at no dose.
	DoseCeiling func(drug, route, unit string, supply bool) float64
	// LeftOut is handed each row or cell that is set aside, in file order: as many as the
	// exclusions count. What was made of them must be thrown away when Load fails.
	LeftOut func(LeftOut)

	slow  bool // for tests: never the fast way
	piece int  // for tests: bytes of a piece
}

// Load reads a cohort as its dictionary describes it. All problems of severity
// error come back at once, as [Problems]; problems of lower severity are kept in
// the cohort. A file that cannot be opened at all is returned as that error.
//
// Memory: what is kept, a few batches of rows for each worker, and for each patient
// the id and about 80 bytes, whatever the number of rows; of tables whose rows are held
// against each other also some bytes for each of their first 262,144 rows.
func Load(ctx context.Context, d *Dictionary, opt LoadOptions) (*Cohort, error) {
	if opt.Where != "" && (opt.Keep != nil || opt.KeepVisits != nil) {
		return nil, errors.New("where: whom it keeps is not known of a cohort of which a part is kept")
	}
	l := newLoader(d, opt)
	kept := newKeeper(opt, l.seed)
	c, err := l.cohort(ctx, func(t *Table) error {
		if opt.Each != nil {
			if err := opt.Each(t); err != nil {
				return err
			}
		}
		return kept.add(t)
	})
	if err != nil {
		return nil, err
	}
	kept.finish(c, l.ids)
	for _, t := range c.tables {
		for _, batches := range t.columns {
			for _, a := range batches {
				settled(a)
			}
		}
	}
	if opt.KeepVisits != nil {
		c.began, c.rowsOf = l.began, map[string][]int32{}
		for _, t := range l.tables {
			c.rowsOf[t.r.Name] = grown(t.rowsOf, len(c.patients), 0)
		}
	}
	if opt.Where != "" {
		cond, err := ParseCondition(opt.Where)
		if err != nil {
			return nil, fmt.Errorf("where: %w", err)
		}
		return c.Where(cond)
	}
	return c, nil
}

// loader reads a cohort's tables batch by batch, and remembers of the patients
// what the checks between rows and tables need.
type loader struct {
	dict     *Dictionary
	opt      LoadOptions
	problems *collector
	setAside bool
	excluded []Exclusion
	rows     int

	seed   maphash.Seed
	ids    *texts  // of patients
	arms   *texts  // values in arm columns
	armOf  []int32 // by patient, -1 where none was found
	inTwo  map[int32]bool
	listed []bool // by patient: in a table of one row a patient
	began  []bool // by patient: in another table than of costs
	lists  []string
	tables []*tableReader
	aList  bool // some table has one row a patient

	checks     map[string]CodeMeaning // those that are on, by code
	attributes []*attribute
	stays      stays
	stayed     bool // a finder asks for them
}

// tableReader is what is known of a table while it is read.
type tableReader struct {
	*loader
	r        Resource
	specs    []*columnSpec
	table    *Table // without rows
	where    *Condition
	rules    []tableRule
	items    []itemSet // questionnaires that are scored row by row
	visits   *texts
	seen     pairs
	unique   []*texts // by field, where values must be
	rowsOf   []int32  // by patient, where it is asked for
	each     func(*Table) error
	scratch  []int32
	slab     slab  // of the columns that stay
	hidden   []int // cells from which invisible marks were taken, by field
	path     string
	reasons  []int // columns of the file that say why cells are missing, by field; -1 where there is none
	once     bool  // one row a patient or patient and visit
	oneEach  bool  // one row a patient
	begins   bool  // its rows show that a patient began
	expected string

	lineOf  func(row int) int // of the batch: line of the file by data row; nil where it has none
	asides  []LeftOut
	finders []finder
	holds   *held // nil where no finder holds rows against each other
	holding int   // how many of the batch's rows are held
}

type tableRule struct {
	Rule
	cond *Condition
}

func newLoader(d *Dictionary, opt LoadOptions) *loader {
	seed := maphash.MakeSeed()
	return &loader{
		dict: d, opt: opt, problems: newCollector(), setAside: opt.SetAside || d.OnProblem == OnProblemSetAside,
		seed: seed, ids: newTexts(seed), arms: newTexts(seed), inTwo: map[int32]bool{}, checks: d.checksOn(),
	}
}

// cohort reads all tables and returns the cohort without their rows.
func (l *loader) cohort(ctx context.Context, each func(*Table) error) (*Cohort, error) {
	c := &Cohort{dict: l.dict}
	for _, r := range l.dict.Resources {
		t, err := l.begin(r, each)
		if err != nil {
			return nil, err
		}
		l.tables = append(l.tables, t)
		l.aList = l.aList || t.oneEach
	}
	for _, t := range l.tables {
		if err := t.read(ctx); err != nil {
			return nil, err
		}
		c.tables = append(c.tables, t.table)
	}
	for _, t := range l.tables {
		t.tellFinders(true)
	}
	l.checkArms()
	l.checkIDs()
	l.unmatched()
	if l.problems.failed() {
		return nil, l.problems.sorted(SeverityError)
	}
	l.guesses()
	c.excluded = l.excluded
	c.notes = l.problems.sorted("")
	c.outline = slices.Clone(c.tables)
	l.began = grown(l.began, l.ids.len(), false)
	c.patients = l.ids.all()
	var codes []int32
	if slices.ContainsFunc(c.tables, func(t *Table) bool { _, ok := t.Field(RoleArm); return ok }) {
		codes = l.armOf
	}
	c.setArms(codes, l.arms.all())
	return c, nil
}

// LeftOut is one row or cell that could not be used, and why. It never holds a cell's value.
type LeftOut struct {
	Table, File string
	Row         int // data row, the first after the header is 1
	Line        int // line of a text file; 0 where the file has none
	Column      string
	Code        string
	Reason      string
}

// leaveOut counts a row, or a cell of it where a column is named, that cannot be used.
func (t *tableReader) leaveOut(code, reason, column string, row int) {
	t.excluded = exclude(t.excluded, Exclusion{Code: code, Table: t.r.Name, Rows: 1, Reason: reason})
	if t.opt.LeftOut == nil {
		return
	}
	t.asides = append(t.asides, LeftOut{Table: t.r.Name, File: t.path, Row: row, Line: t.line(row), Column: column, Code: code, Reason: reason})
}

// line returns the line of the file of a data row of the batch, 0 where it has none.
func (t *tableReader) line(row int) int {
	if t.lineOf == nil {
		return 0
	}
	return t.lineOf(row)
}

// flushAsides hands on what of a batch was set aside, row by row.
func (t *tableReader) flushAsides() {
	slices.SortStableFunc(t.asides, func(a, b LeftOut) int { return cmp.Compare(a.Row, b.Row) })
	for _, a := range t.asides {
		t.opt.LeftOut(a)
	}
	t.asides = t.asides[:0]
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

// begin prepares the reading of a table: an empty batch tells which fields it has
// when constants are added and it is reshaped.
func (l *loader) begin(r Resource, each func(*Table) error) (*tableReader, error) {
	t := &tableReader{loader: l, r: r, each: each, visits: newTexts(l.seed)}
	empty := &part{first: 1}
	for _, f := range l.carried(r) {
		spec := newColumnSpec(f, r.Schema.MissingValues, l.seed)
		t.specs = append(t.specs, spec)
		empty.columns = append(empty.columns, newColumnBuilder(spec).finish())
	}
	t.hidden = make([]int, len(t.specs))
	t.unique = make([]*texts, len(t.specs))
	for i, s := range t.specs {
		if s.field.Constraints.Unique {
			t.unique[i] = newTexts(l.seed)
		}
	}
	var err error
	if r.Where != "" {
		if t.where, err = ParseCondition(r.Where); err != nil {
			return nil, fmt.Errorf("table %s: where: %w", r.Name, err)
		}
	}
	batch := t.batch(empty)
	if t.where != nil {
		for _, c := range t.where.Columns() {
			if !batch.Has(c) {
				l.problems.add(Problem{Code: CodeColumnMissing, Table: r.Name, Column: c, Expected: "expected the column named in where to be described under fields"})
				t.where = nil
				break
			}
		}
	}
	if r.Reshape != nil {
		batch = reshape(batch, *r.Reshape)
	}
	t.items = r.itemSets(func(string, string, ...any) {}) // checked with the dictionary
	t.addScores(batch)
	for i := range t.items {
		t.items[i].beginSame(t)
	}
	t.table = batch
	for _, rule := range l.dict.Rules {
		if rule.Table != r.Name {
			continue
		}
		cond, err := ParseCondition(rule.Check)
		if err != nil {
			return nil, fmt.Errorf("rule: %w", err)
		}
		known := true
		for _, name := range cond.Columns() {
			if !batch.Has(name) {
				l.problems.add(Problem{Code: CodeColumnMissing, Table: r.Name, Column: name, Expected: "expected the column named in a rule to be described under fields"})
				known = false
				break
			}
		}
		if known {
			t.rules = append(t.rules, tableRule{rule, cond})
		}
	}
	t.once, t.oneEach = !batch.manyRows(), batch.OneRow()
	_, costs := batch.Field(RoleCost)
	t.begins = !costs && !t.oneEach
	t.expected = "expected one row a patient"
	if _, ok := batch.Field(RoleVisit); ok {
		t.expected = "expected one row a patient and visit"
	}
	if f, ok := batch.Field(RoleArm); ok {
		for _, c := range f.Categories {
			l.arms.number(c.Value)
		}
	}
	if t.oneEach {
		l.lists = append(l.lists, r.Name)
	}
	t.beginFinders(batch)
	return t, nil
}

// read reads all files of a table.
func (t *tableReader) read(ctx context.Context) error {
	before := len(t.excluded)
	for _, path := range t.r.Path {
		t.path = path
		src, err := t.opt.Open(ctx, path, t.r)
		if err != nil {
			if ps := Problems(nil); errors.As(err, &ps) {
				for _, p := range ps {
					t.problems.add(p)
				}
				continue
			}
			return err
		}
		err = t.file(ctx, src)
		closeErr := src.Close()
		if err != nil {
			return err
		}
		if closeErr != nil {
			return fmt.Errorf("%s: %w", path, closeErr)
		}
	}
	t.tellScores()
	t.tellFinders(false)
	// How a file was cut into batches must not show in the order.
	slices.SortFunc(t.excluded[before:], func(a, b Exclusion) int {
		return cmp.Or(strings.Compare(a.Reason, b.Reason), strings.Compare(a.Code, b.Code))
	})
	for i, n := range t.hidden {
		if n > 0 {
			t.problems.add(Problem{
				Severity: SeverityNote, Code: CodeInvisible, Table: t.r.Name, Column: t.specs[i].field.Name,
				Expected: "invisible marks were taken off, or letters put into their common form", Rows: n,
			})
		}
	}
	return nil
}

// part is a batch of rows as a file gives it.
type part struct {
	first, rows int
	columns     []builtColumn
	line        func(row int) int // line of the file; nil where it has none
}

// file reads one file.
func (t *tableReader) file(ctx context.Context, src Source) error {
	at := t.match(src)
	if err := t.fast(ctx, src, at); err != nil {
		return err
	}
	for {
		chunk, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		p := &part{first: chunk.First, rows: chunk.Rows}
		if chunk.Lines != nil {
			p.line = func(row int) int { return chunk.Lines[row] }
		}
		for i, spec := range t.specs {
			p.columns = append(p.columns, column(chunk, at[i], t.reasons[i], spec))
		}
		if err := t.part(p); err != nil {
			return err
		}
	}
	for _, p := range src.Problems() {
		t.problems.add(p)
	}
	return nil
}

// column reads one column of a chunk, and of the column of reasons why its cells
// are missing, where there is one.
func column(chunk *Chunk, at, reasons int, spec *columnSpec) builtColumn {
	if at >= 0 && reasons < 0 && chunk.text(at) == nil {
		if a, ok := spec.whole(chunk.Arrays[at]); ok {
			return builtColumn{array: a}
		}
	}
	b := newColumnBuilder(spec)
	b.builder.Reserve(chunk.Rows)
	var cells []string
	if at >= 0 {
		cells = chunk.text(at)
	}
	for i := range chunk.Rows {
		switch {
		case at < 0:
			b.builder.AppendNull()
		case cells != nil:
			b.text(cells[i])
		default:
			b.cell(chunk.Arrays[at], i)
		}
		if reasons >= 0 && b.builder.IsNull(i) {
			b.reason(chunk.cell(reasons, i))
		}
	}
	return b.finish()
}

// fast reads a file of delimited text on the fast way, as far as that goes.
func (t *tableReader) fast(ctx context.Context, src Source, at []int) error {
	if r, ok := src.(renamed); ok {
		src = r.Source
	}
	s, ok := src.(*csvSource)
	if !ok || t.opt.slow || s.seeker == nil || s.done || slices.ContainsFunc(t.reasons, func(at int) bool { return at >= 0 }) {
		return nil
	}
	f := &fastReader{
		src: s, specs: t.specs, at: at, stay: t.stay(), slab: &t.slab,
		piece: cmp.Or(t.opt.piece, pieceBytes), workers: cmp.Or(t.opt.Workers, runtime.GOMAXPROCS(0)),
	}
	rows, lines := 0, 0
	size, err := f.each(ctx, func(p *piece) error {
		from := s.line + lines
		batch := &part{first: rows + 1, rows: p.rows, columns: p.columns, line: func(row int) int { return from + row }}
		if p.lineOf != nil {
			batch.line = func(row int) int { return from + int(p.lineOf[row]) }
		}
		rows += p.rows
		lines += p.lines
		return t.part(batch)
	})
	if err != nil && !errors.Is(err, errOdd) {
		return err
	}
	return s.resume(size, rows, lines)
}

// stay tells which columns stay in memory as they are read.
func (t *tableReader) stay() []bool {
	out := make([]bool, len(t.specs))
	for i, s := range t.specs {
		copied := t.where != nil || t.r.Reshape != nil || t.opt.KeepVisits != nil
		out[i] = !copied && (t.opt.Keep == nil || t.opt.Keep(t.table, s.field))
	}
	return out
}

// part takes a batch through all that is done with a table's rows.
func (t *tableReader) part(p *part) error {
	t.rowsRead(p.rows)
	t.lineOf = nil
	if p.line != nil {
		t.lineOf = func(row int) int { return p.line(row - p.first) }
	}
	defer t.flushAsides()
	for i, c := range p.columns {
		t.hidden[i] += c.invisible
		for _, b := range c.bad {
			line := 0
			if p.line != nil {
				line = p.line(b.row)
			}
			t.bad(b.badCell, t.specs[i].field, p.first+b.row, line)
		}
		if t.unique[i] != nil {
			t.checkUnique(p, i)
		}
	}
	b := t.batch(p)
	if t.where != nil {
		rows := b.matching(t.where)
		reason := "rows left out by where: " + t.where.String()
		for r, keep := range rows {
			if !keep {
				t.leaveOut(CodeFiltered, reason, "", b.line(r))
			}
		}
		b = b.keep(rows)
	}
	if t.r.Reshape != nil {
		b = reshape(b, *t.r.Reshape)
	}
	b = t.usable(b)
	if b.rows == 0 {
		return nil
	}
	t.addScores(b)
	t.join(b)
	t.checkRules(b)
	t.find(b)
	t.table.rows += b.rows
	return t.each(b)
}

func (l *loader) rowsRead(n int) {
	l.rows += n
	if l.opt.Progress != nil {
		l.opt.Progress(l.rows)
	}
}

// batch makes a table of a batch, with the constants that hold for it.
func (t *tableReader) batch(p *part) *Table {
	b := &Table{name: t.r.Name, rows: p.rows, first: p.first}
	for i, c := range p.columns {
		b.fields = append(b.fields, t.specs[i].field)
		b.columns = append(b.columns, []arrow.Array{c.array})
		b.codes = append(b.codes, t.specs[i].codes)
		b.why = append(b.why, [][]byte{c.why})
	}
	b.addConstants(t.r, t.seed)
	return b
}

// checkUnique tells of values that the column had before.
func (t *tableReader) checkUnique(p *part, i int) {
	a := p.columns[i].array
	for r := range p.rows {
		if a.IsNull(r) {
			continue
		}
		s := cellText(a, r)
		n, sum := t.unique[i].find(s)
		if n < 0 {
			t.unique[i].add(s, sum)
			continue
		}
		line := 0
		if p.line != nil {
			line = p.line(r)
		}
		t.bad(badCell{CodeUnique, "expected each value once"}, t.specs[i].field, p.first+r, line)
	}
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

// match finds each field's column in the file, and tells of those that are
// missing and those that are not described.
func (t *tableReader) match(src Source) []int {
	columns := src.Columns()
	at := make([]int, len(t.specs))
	usable := len(src.Problems()) == 0 || len(columns) > 0
	for i, s := range t.specs {
		at[i] = slices.Index(columns, s.field.Name)
		if at[i] < 0 && usable {
			t.problems.add(Problem{
				Code: CodeColumnMissing, Table: t.r.Name, File: t.path, Column: s.field.Name,
				Expected: "expected this column in the file", Mend: "correct the name, or take the field out of the cohort file",
			})
		}
	}
	t.reasons = make([]int, len(t.specs))
	for i, s := range t.specs {
		t.reasons[i] = -1
		if name := s.field.MissingReasons; name != "" {
			t.reasons[i] = slices.Index(columns, name)
			if t.reasons[i] < 0 && usable {
				t.problems.add(Problem{
					Code: CodeColumnMissing, Table: t.r.Name, File: t.path, Column: name,
					Expected: "expected this column in the file: it says why cells of another are missing", Mend: "correct the name, or take missingReasons out of the cohort file",
				})
			}
		}
	}
	for _, c := range columns {
		if !slices.ContainsFunc(t.r.Schema.Fields, func(f Field) bool { return f.Name == c || f.MissingReasons == c }) {
			t.problems.add(Problem{
				Severity: SeverityWarning, Code: CodeColumnUnknown, Table: t.r.Name, File: t.path, Column: cmpOr(c, "(no name)"),
				Expected: "the column is not described, so it is not carried", Mend: "describe it under fields, or give it role: ignore",
			})
		}
	}
	return at
}

// bad tells of a bad cell, or counts it where bad cells are set aside.
func (t *tableReader) bad(bad badCell, f Field, row, line int) {
	if t.setAside && bad.code != CodeRequired && bad.code != CodeUnique {
		t.leaveOut("set-aside-"+bad.code, fmt.Sprintf("cells of column %q made missing: %s", f.Name, bad.expected), f.Name, row)
		return
	}
	t.problems.add(Problem{Code: bad.code, Table: t.r.Name, File: t.path, Row: row, Line: line, Column: f.Name, Expected: bad.expected, Mend: mendOf(bad.code)})
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
