// Package sqldb reads tables from a PostgreSQL database as a mapping file says:
// what a SELECT gives, or rows by person, by visit or by record made of OMOP CDM
// tables (person, visit_occurrence, observation, measurement, drug_exposure,
// drug_strength, cohort; version 5.4).
//
//	connection: {host: db.clinic.local, database: cdm, user: reader, sslmode: verify-full}
//	schema: cdm
//	index: {table: visit_occurrence, concepts: [9201]}
//	visits:
//	  - {value: entry, from: -30, to: 3}
//	  - {value: discharge, day: 28, from: 14, to: 60}
//	tables:
//	  - name: patients
//	    rows: persons
//	    columns:
//	      - {name: admitted, table: index, field: start}
//	      - {name: age, table: person, field: age}
//	      - {name: sex, table: person, field: gender_concept_id, levels: {8507: male, 8532: female}}
//	      - {name: work, table: observation, concepts: [4053609], field: value_as_concept_id, take: last, window: {from: -365, to: 0}}
//	  - name: visits
//	    rows: visits
//	    columns:
//	      - {name: pain, table: measurement, concepts: [3036277], units: [0, 44777566]}
//	  - name: doses
//	    rows: drug_exposure
//	    ingredients: [1124957]
//	    columns:
//	      - {name: drug, field: ingredient_concept_id, levels: {1124957: oxycodone}}
//	      - {name: day, field: drug_exposure_start_date, as: day}
//	      - {name: quantity, field: quantity}
//	  - name: costs
//	    query: SELECT person_id, visit_start_date, total FROM local.costs
//
// Connection. What the file does not say, and the password always, comes from
// where libpq takes it: PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE,
// PGSERVICE, PGPASSFILE. It is pgx that reads these; nothing of them reaches a
// result or a message but host, database and user.
//
// Day 0. A person is in the cohort who has a record under index; the first of
// them, by date and id, is day 0. Other persons are counted. Of a cohort table
// the concepts are the ids of its definitions.
//
// Windows. A visit's row, or a column of rows by person, takes its value from the
// records whose day lies in the window, both ends included. Of several values
//
//	nearest  the one nearest to the window's day (0 where none is given), of two
//	         as near the earlier; the default
//	first    the earliest
//	last     the latest
//	mean     the arithmetic mean, added up by day and id
//
// and of several of one day the one with the lowest id (last: the highest), with
// a warning where they differ. Those not taken are counted. A record without a
// value does not compete; a cell for which there is none else is missing. A
// person has a row for each visit in whose window a record lies.
//
// Units. Where a column lists units (concept ids; 0 also means none recorded), a
// value in another refuses the cohort, or is left out and counted with
// otherUnits: leave-out. Where it lists none, values in two units refuse it. An
// operator such as < is a warning: the limit is taken as the value.
//
// Missing. NULL is missing. Concept 0, no matching concept, is missing with the
// code 0, which the cohort file may list with its label under missingValues. A
// concept that levels does not list stays its id, for the cohort file to refuse.
//
// Age is the year of day 0 less the year of birth, as OHDSI's FeatureExtraction
// has it. Dates are as in the database; as: day gives days from day 0.
//
// Order. Rows made of records come by person_id, then by visit as listed, or by
// date and id; a query's rows by its columns from left to right, texts by their
// bytes, whatever its ORDER BY says. Times with a zone are given in UTC.
//
// The database is read in one transaction, read only and repeatable read, so that
// all tables of a cohort are of one moment. Rows stream: memory does not grow with
// the table. Nothing is ever written; still, a user who may only SELECT is the
// better lock.
package sqldb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"recoup/datasets"
)

// Endings of mapping files, in lower case.
var Endings = []string{".sql.yaml", ".sql.yml"}

// maxRow is the largest row read, in bytes: a cell holds at most 1 MiB.
const maxRow = 64 << 20

// Split takes the table off a path: clinic.sql.yaml#visits is the table visits of
// clinic.sql.yaml. Table is "" where the path names none.
func Split(path string) (file, table string) {
	lower := strings.ToLower(path)
	for _, ending := range Endings {
		if i := strings.Index(lower, ending+"#"); i >= 0 {
			at := i + len(ending)
			return path[:at], path[at+1:]
		}
	}
	return path, ""
}

// IsMapping reports whether a path names a mapping file, or a table of one.
func IsMapping(path string) bool {
	file, _ := Split(path)
	for _, ending := range Endings {
		if strings.HasSuffix(strings.ToLower(file), ending) {
			return true
		}
	}
	return false
}

// Tables returns a path for each table of a mapping file, or the path itself
// where it names one.
func Tables(path string) ([]string, error) {
	file, name := Split(path)
	if name != "" {
		return []string{path}, nil
	}
	m, err := read(file)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range m.Tables {
		out = append(out, file+"#"+t.Name)
	}
	return out, nil
}

func read(file string) (*mapping, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parse(file, b)
}

// Databases are the databases that one reading of a cohort takes tables from: one
// connection and one transaction for each mapping file. The zero value is ready.
// Its tables are read one after another.
type Databases struct {
	open map[string]*database
}

type database struct {
	file string
	m    *mapping
	conn *pgconn.PgConn
	told bool // who is not in the cohort has been told
	busy bool // a table is being read
}

// Open opens a table by the path of its mapping file and its name:
// clinic.sql.yaml#visits, or clinic.sql.yaml where it has one table only. A
// mapping that is not valid, or that the database does not fit, gives Problems; a
// database that does not answer gives another error.
func (d *Databases) Open(ctx context.Context, path string, res datasets.Resource) (datasets.Source, error) {
	file, name := Split(path)
	db, ok := d.open[file]
	if !ok {
		m, err := read(file)
		if err != nil {
			return nil, err
		}
		db = &database{file: file, m: m}
		if d.open == nil {
			d.open = map[string]*database{}
		}
		d.open[file] = db
	}
	var t *table
	var names []string
	for i := range db.m.Tables {
		names = append(names, db.m.Tables[i].Name)
		if db.m.Tables[i].Name == name || name == "" && len(db.m.Tables) == 1 {
			t = &db.m.Tables[i]
		}
	}
	if t == nil {
		return nil, datasets.Problems{{
			Severity: datasets.SeverityError, Code: datasets.CodeFile, Table: res.Name, File: path,
			Expected: "expected the name of one of the mapping file's tables after #: " + strings.Join(names, " "),
		}}
	}
	if db.busy {
		return nil, fmt.Errorf("%s: expected the tables of a database to be read one after another", path)
	}
	if err := db.connect(ctx); err != nil {
		return nil, err
	}
	return db.source(ctx, path, t, res)
}

// Close ends the transactions and connections.
func (d *Databases) Close() error {
	var errs []error
	for _, db := range d.open {
		if db.conn != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			errs = append(errs, db.conn.Close(ctx))
			cancel()
		}
	}
	d.open = nil
	return errors.Join(errs...)
}

// settings make texts of values the same on every server. They hold within the
// transaction, so that a pool of connections does not stand in the way.
const settings = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL client_encoding = 'UTF8';
SET LOCAL datestyle = 'ISO';
SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL timezone = 'UTC';
SET LOCAL extra_float_digits = 1;
SET LOCAL cursor_tuple_fraction = 1;
`

// connect begins the transaction.
func (db *database) connect(ctx context.Context) error {
	if db.conn != nil {
		return nil
	}
	c, err := pgconn.ParseConfig(db.m.Connection.String())
	if err == nil {
		c.MaxProtocolMessageBodyLen = maxRow
		// A cancelled query ends on the server too.
		c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
			return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: 2 * time.Second}
		}
		db.conn, err = pgconn.ConnectConfig(ctx, c)
	}
	if err == nil {
		text := settings
		if db.m.Schema != "" {
			text += "SET LOCAL search_path = " + quote(db.m.Schema) + ";"
		}
		_, err = db.conn.Exec(ctx, text).ReadAll()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%s: no connection to the database: %s; check connection in the file, the server, and PGHOST, PGUSER, PGPASSWORD or PGPASSFILE", db.file, oneLine(err))
}

// String returns the connection as libpq's keywords and values.
func (c connection) String() string {
	var b strings.Builder
	add := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s='%s' ", key, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
		}
	}
	add("host", c.Host)
	if c.Port != 0 {
		add("port", strconv.Itoa(c.Port))
	}
	add("dbname", c.Database)
	add("user", c.User)
	add("sslmode", c.SSLMode)
	return b.String()
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// exec runs a statement without rows.
func (db *database) exec(ctx context.Context, sql string, args ...[]byte) error {
	_, err := db.conn.ExecParams(ctx, sql, args, nil, nil, nil).Close()
	return err
}

// Codes of problems that a database has.
const (
	CodeDatabase = "database" // the database refuses what the mapping file asks for
	CodeReadOnly = "read-only"
)

// aboutNames are the classes of the server's codes whose messages are about the
// statement and the names in it: not supported, no such catalog or schema, and
// syntax or no such table, column or right.
var aboutNames = []string{"0A", "3D", "3F", "42"}

// refused turns the server's answer to a statement into a problem of the table.
// Of names it says what the server says; once rows are read, or where the message
// may be about a value, only its code, since it may hold a cell.
func (s *source) refused(ctx context.Context, err error, reading bool) error {
	var pg *pgconn.PgError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &pg):
		return fmt.Errorf("%s: the connection to the database broke: %s", s.path, oneLine(err))
	}
	p := datasets.Problem{Severity: datasets.SeverityError, Code: CodeDatabase, Table: s.res.Name, File: s.path}
	switch {
	case pg.Code == "25006":
		p.Code, p.Expected, p.Mend = CodeReadOnly, "expected a query that only reads", "take out what writes: the database is only ever read"
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "53"), strings.HasPrefix(pg.Code, "57"):
		return fmt.Errorf("%s: the database ended the query (SQLSTATE %s)", s.path, pg.Code)
	case reading || !slices.Contains(aboutNames, pg.Code[:min(2, len(pg.Code))]):
		p.Expected = "expected a query that runs to its end; the database refuses a value it meets (SQLSTATE " + pg.Code + ")"
		p.Mend = "run the query there to see which; its message may hold a value, so it is not shown here"
	default:
		p.Expected = "the database refuses the table: " + strings.Join(strings.Fields(pg.Message), " ") + " (SQLSTATE " + pg.Code + ")"
		p.Mend = "correct names and schema in the mapping file, or ask for the right to SELECT"
	}
	return datasets.Problems{p}
}
