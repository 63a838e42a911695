package sqldb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"recoup/datasets"
)

const (
	fetchRows = 10_000 // at a time from the server
	maxCell   = 1 << 20
	cursor    = "recoup_rows"
)

// output is one column that is handed on.
type output struct {
	name   string
	kind   kind
	padded bool // a text of fixed width, which blanks fill up
	role   datasets.Role
	levels map[string]string
	listed []datasets.Category // the levels in order
}

type source struct {
	db       *database
	path     string
	res      datasets.Resource
	columns  []output
	problems *datasets.ProblemList
	batch    *datasets.Batch
	row      int

	rows    *pgconn.ResultReader // of the current fetch, nil between two
	fetched int
	done    bool

	picker *picker // of rows by person and by visit, else nil
	person string  // whose candidates are being read

	window           *window // of the records of a table; nil takes all
	outside, undated int
	finished         bool
}

// source opens a table in the transaction. What fails is undone, so that the
// other tables can still tell what is wrong with them.
func (db *database) source(ctx context.Context, path string, t *table, res datasets.Resource) (datasets.Source, error) {
	s := &source{db: db, path: path, res: res, problems: datasets.NewProblemList()}
	err := db.exec(ctx, "SAVEPOINT recoup")
	if err != nil {
		return nil, s.refused(ctx, err, false)
	}
	st, err := s.plan(ctx, t)
	if err == nil {
		if err = db.exec(ctx, "DECLARE "+cursor+" NO SCROLL CURSOR FOR "+st.text.String(), st.args...); err != nil {
			err = s.refused(ctx, err, false)
		}
	}
	if err != nil {
		s.undo()
		return nil, err
	}
	db.busy = true
	fields := make([]datasets.Field, len(s.columns))
	for i, o := range s.columns {
		fields[i] = datasets.Field{Name: o.name, Type: typeOf[o.kind]}
		if o.kind == kindConcept && o.levels["0"] == "" {
			fields[i].MissingValues = []datasets.MissingValue{{Value: "0", Label: "no matching concept"}}
		}
	}
	s.batch = datasets.NewBatch(path, fields, res)
	return s, nil
}

var typeOf = map[kind]datasets.Type{
	kindText: datasets.TypeString, kindNumber: datasets.TypeNumber, kindBoolean: datasets.TypeBoolean,
	kindDate: datasets.TypeDate, kindDatetime: datasets.TypeDatetime, kindConcept: datasets.TypeString,
}

// undo goes back to the savepoint, which also closes the cursor. A connection
// that is gone has nothing to undo.
func (s *source) undo() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = s.db.conn.Exec(ctx, "ROLLBACK TO SAVEPOINT recoup; RELEASE SAVEPOINT recoup").ReadAll()
}

// plan settles the columns and the statement that gives the rows.
func (s *source) plan(ctx context.Context, t *table) (*statement, error) {
	if t.Query != "" {
		query := strings.TrimRight(t.Query, "; \t\r\n")
		var err error
		if s.columns, err = s.describe(ctx, query, nil); err != nil {
			return nil, err
		}
		return sorted(query, s.columns), nil
	}
	if err := s.census(ctx); err != nil {
		return nil, err
	}
	s.columns = []output{{name: personColumn, role: datasets.RolePatient}}
	if t.Rows == rowsVisits {
		s.columns = append(s.columns, output{name: visitColumn, role: datasets.RoleVisit})
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		s.columns = append(s.columns, output{name: c.Name, kind: kindOf(c), role: roleOf(t, c), levels: c.Levels, listed: c.listed()})
	}
	switch t.Rows {
	case rowsPersons:
		s.picker = newPicker(t.Columns, nil)
		return cells(s.db.m, t), nil
	case rowsVisits:
		s.picker = newPicker(t.Columns, s.db.m.Visits)
		return cells(s.db.m, t), nil
	}
	s.window = t.Window
	st := records(s.db.m, t)
	found, err := s.describe(ctx, st.text.String(), st.args)
	if err != nil {
		return nil, err
	}
	for i := range t.Columns { // the server knows better than the name, but for concepts
		if o := &s.columns[i+1]; o.kind != kindConcept {
			o.kind, o.padded = found[i+1].kind, found[i+1].padded
		}
	}
	return st, nil
}

// describe asks the server for the columns of a statement, without running it.
func (s *source) describe(ctx context.Context, query string, args [][]byte) ([]output, error) {
	d, err := s.db.conn.Prepare(ctx, "", query, nil)
	if err != nil {
		return nil, s.refused(ctx, err, false)
	}
	bad := func(code, expected, mend string) error {
		return datasets.Problems{{Severity: datasets.SeverityError, Code: code, Table: s.res.Name, File: s.path, Expected: expected, Mend: mend}}
	}
	if len(d.Fields) == 0 || len(d.ParamOIDs) != len(args) {
		return nil, bad(CodeDatabase, "expected a query that is one SELECT without parameters", "")
	}
	out := make([]output, len(d.Fields))
	for i, f := range d.Fields {
		if args == nil && slices.ContainsFunc(out[:i], func(o output) bool { return o.name == f.Name }) {
			return nil, bad(datasets.CodeHeader, "expected the query to give each column a name of its own", "name them by AS")
		}
		out[i] = output{name: f.Name, kind: kinds[f.DataTypeOID], padded: f.DataTypeOID == bpchar}
	}
	return out, nil
}

// kinds tells the kind of a column from the number of its type, as in pg_type; any
// other is text.
var kinds = map[uint32]kind{
	16: kindBoolean, 20: kindNumber, 21: kindNumber, 23: kindNumber, 700: kindNumber, 701: kindNumber, 1700: kindNumber,
	1082: kindDate, 1114: kindDatetime, 1184: kindDatetime,
}

const bpchar = 1042

// roles by the fields of OMOP records, for drafts.
var roles = map[string]datasets.Role{
	"quantity": datasets.RoleQuantity, "days_supply": datasets.RoleDaysSupplied, "amount_value": datasets.RoleStrength,
	"amount_unit_concept_id": datasets.RoleUnit, "ingredient_concept_id": datasets.RoleDrug, "route_concept_id": datasets.RoleRoute,
}

func roleOf(t *table, c *column) datasets.Role {
	e, isRecord := events[t.Rows]
	switch {
	case isRecord && c.Field == e.start && c.As == asDay:
		return datasets.RoleDay
	case c.As == asDay:
		return ""
	case c.Table == fromIndex && c.Field == "start":
		return datasets.RoleAdmitted
	case c.Table == fromIndex && c.Field == "end":
		return datasets.RoleDischarged
	case c.Table == fromPerson:
		return datasets.RoleCovariate
	case t.Rows == rowsVisits && c.Field == valueAsNumber:
		return datasets.RoleOutcome
	case isRecord && c.Field == e.start:
		return datasets.RoleStart
	case isRecord && c.Field == e.end:
		return datasets.RoleEnd
	case isRecord:
		return roles[c.Field]
	}
	return ""
}

// census tells, once for a reading, who is not in the cohort.
func (s *source) census(ctx context.Context) error {
	if s.db.told {
		return nil
	}
	st := census(s.db.m)
	r := s.db.conn.ExecParams(ctx, st.text.String(), st.args, nil, nil, nil).Read()
	if r.Err != nil {
		return s.refused(ctx, r.Err, false)
	}
	s.db.told = true
	for i, x := range []struct {
		severity       datasets.Severity
		code, expected string
	}{
		{datasets.SeverityNote, CodeNoIndex, "persons of the database without a record under index are not in the cohort"},
		{datasets.SeverityWarning, CodeStranger, "records under index name persons who are not in the table person; they are not in the cohort"},
		{datasets.SeverityWarning, CodeCohorts, "persons are in more than one of the cohorts under index; the earliest is taken"},
	} {
		n, err := strconv.Atoi(string(r.Rows[0][i]))
		if err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
		if n > 0 && (x.code != CodeCohorts || s.db.m.Index.Table == "cohort") {
			s.problems.Add(datasets.Problem{Severity: x.severity, Code: x.code, Table: s.res.Name, File: s.path, Expected: x.expected, Rows: n})
		}
	}
	return nil
}

// Columns returns the column names.
func (s *source) Columns() []string {
	var out []string
	for _, o := range s.columns {
		out = append(out, o.name)
	}
	return out
}

// Describe returns each column's type, its levels, and its role where OMOP says
// what it is for.
func (s *source) Describe() []datasets.Field {
	out := s.batch.Describe()
	taken := map[datasets.Role]bool{}
	for i, o := range s.columns {
		if !taken[o.role] || o.role == datasets.RoleOutcome || o.role == datasets.RoleCovariate {
			out[i].Role = o.role
			taken[o.role] = true
		}
		if o.listed != nil {
			out[i].Type, out[i].Categories = datasets.TypeString, o.listed
		}
	}
	return out
}

// Problems returns what was found so far.
func (s *source) Problems() datasets.Problems {
	return append(s.problems.All(), s.batch.Problems()...)
}

// Close ends the reading of the table. The connection stays for the next one.
func (s *source) Close() error {
	if s.rows != nil {
		_, _ = s.rows.Close() // what is left of the fetch; an error of it has no reader
		s.rows = nil
	}
	s.undo()
	s.db.busy = false
	return nil
}

// fetch returns the next row as the server wrote it, nil after the last. It is
// valid until the next call.
func (s *source) fetch(ctx context.Context) ([][]byte, error) {
	for !s.done {
		if s.rows == nil {
			s.rows, s.fetched = s.db.conn.ExecParams(ctx, "FETCH FORWARD "+strconv.Itoa(fetchRows)+" FROM "+cursor, nil, nil, nil, nil), 0
		}
		if s.rows.NextRow() {
			s.fetched++
			return s.rows.Values(), nil
		}
		_, err := s.rows.Close()
		s.rows = nil
		var long *pgproto3.ExceededMaxBodyLenErr
		switch {
		case errors.As(err, &long):
			return nil, datasets.Problems{{
				Severity: datasets.SeverityError, Code: datasets.CodeTooLarge, Table: s.res.Name, File: s.path, Row: s.row + 1,
				Expected: "expected rows of at most 64 MiB", Mend: "leave the long column out of the query",
			}}
		case err != nil:
			return nil, s.refused(ctx, err, true)
		}
		s.done = s.fetched < fetchRows
	}
	return nil, nil
}

// Next returns the next rows.
func (s *source) Next(ctx context.Context) (*datasets.Chunk, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.finished {
		return nil, io.EOF
	}
	for !s.batch.Full() {
		raw, err := s.fetch(ctx)
		if err != nil {
			return nil, err
		}
		if s.picker == nil {
			s.record(raw)
		} else if err := s.candidate(raw); err != nil {
			return nil, err
		}
		if raw == nil {
			s.finish()
			break
		}
	}
	if c := s.batch.Chunk(); c != nil {
		return c, nil
	}
	return nil, io.EOF
}

// finish tells what was counted.
func (s *source) finish() {
	s.finished = true
	add := func(p datasets.Problem) {
		p.Table, p.File = s.res.Name, s.path
		s.problems.Add(p)
	}
	if s.outside > 0 {
		add(datasets.Problem{Severity: datasets.SeverityNote, Code: CodeOutside, Rows: s.outside, Expected: "records that lie outside the window were left out"})
	}
	if s.undated > 0 {
		add(datasets.Problem{Severity: datasets.SeverityWarning, Code: CodeNoDate, Rows: s.undated, Expected: "records without a date were left out"})
	}
	if s.picker != nil {
		s.picker.problems(add)
	}
}

// record hands on one row of a query, or of a table of records, whose day stands
// behind the columns.
func (s *source) record(raw [][]byte) {
	if raw == nil {
		return
	}
	if s.window != nil {
		day, err := strconv.Atoi(string(raw[len(s.columns)]))
		switch {
		case err != nil: // NULL
			s.undated++
			return
		case !s.window.holds(day):
			s.outside++
			return
		}
	}
	s.row++
	for i := range s.columns {
		s.cell(&s.columns[i], string(raw[i]), raw[i] == nil)
	}
}

// candidate takes in one candidate for a cell, and hands on the rows of the person
// before where it is another's.
func (s *source) candidate(raw [][]byte) error {
	if raw == nil || string(raw[0]) != s.person {
		if s.person != "" {
			s.rowsOf()
		}
		if raw == nil {
			return nil
		}
		s.person = string(raw[0])
	}
	column, err := strconv.Atoi(string(raw[1]))
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	c := cell{column: column, value: string(raw[4]), missing: raw[4] == nil, unit: string(raw[5]), operator: string(raw[6])}
	c.day, err = strconv.Atoi(string(raw[2]))
	c.dated = err == nil
	s.picker.add(c)
	return nil
}

// rowsOf hands on the rows of the person whose candidates have been read.
func (s *source) rowsOf() {
	for v := range max(len(s.picker.visits), 1) {
		byVisit := s.picker.visits != nil
		if byVisit && !s.picker.seen(v) {
			continue
		}
		s.row++
		s.batch.Text(s.person)
		if byVisit {
			s.batch.Text(s.picker.visits[v].Value)
		}
		columns := s.columns[len(s.columns)-len(s.picker.columns):]
		for i, k := range s.picker.row(v) {
			text, missing := k.result(&s.picker.columns[i])
			if missing {
				s.batch.Missing(text)
			} else {
				s.cell(&columns[i], text, false)
			}
		}
		s.picker.count(v)
	}
}

// cell hands on one cell.
func (s *source) cell(o *output, v string, null bool) {
	level, listed := o.levels[v]
	switch {
	case null:
		s.batch.Missing("")
	case listed:
		s.batch.Text(level)
	case o.kind == kindConcept && v == "0":
		s.batch.Missing("0")
	case o.kind == kindBoolean:
		s.batch.Text(strconv.FormatBool(v[0] == 't'))
	case o.kind == kindNumber:
		s.number(v)
	case o.kind == kindDate:
		s.time(v, false, "2006-01-02")
	case o.kind == kindDatetime:
		s.time(v, true, "2006-01-02 15:04:05.999999", "2006-01-02 15:04:05.999999-07", "2006-01-02")
	default:
		if o.padded {
			v = strings.TrimRight(v, " ")
		}
		s.text(o, v)
	}
}

// number hands on a number; what is none, such as NaN, stays the text it is, for
// the loader to refuse. Whole numbers keep all their digits, since they may be
// identifiers.
func (s *source) number(v string) {
	n, err := strconv.ParseFloat(v, 64)
	whole := !strings.ContainsAny(v, ".eE")
	if err != nil || n != n || n-n != 0 || whole && (n > 1e15 || n < -1e15) {
		s.batch.Text(v)
		return
	}
	s.batch.Number(n)
}

// time hands on a date; one that is none here, such as infinity, stays the text it
// is, for the loader to refuse.
func (s *source) time(v string, timed bool, layouts ...string) {
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l, v, time.UTC); err == nil {
			s.batch.Time(t.UTC(), timed)
			return
		}
	}
	s.batch.Text(v)
}

// text hands on a text. A server whose databases have no encoding does not hold
// texts to UTF-8.
func (s *source) text(o *output, v string) {
	p := datasets.Problem{Severity: datasets.SeverityError, Table: s.res.Name, File: s.path, Row: s.row, Column: o.name}
	switch {
	case len(v) > maxCell:
		p.Code, p.Expected = datasets.CodeTooLarge, "expected cells of at most 1 MiB"
	case !utf8.ValidString(v):
		p.Code, p.Expected, p.Mend = datasets.CodeEncoding, "expected UTF-8 text", "give the database its encoding"
	default:
		s.batch.Text(v)
		return
	}
	s.problems.Add(p)
	s.batch.Missing("")
}
