//go:build unix

package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/sqldb"
)

// ddl are the columns of OMOP CDM 5.4 that are read here, with its own types, and a
// table of the clinic's own, whose texts sort b before Z.
const ddl = `
CREATE TABLE person (person_id integer PRIMARY KEY, gender_concept_id integer, year_of_birth integer NOT NULL);
CREATE TABLE visit_occurrence (visit_occurrence_id integer PRIMARY KEY, person_id integer NOT NULL, visit_concept_id integer NOT NULL,
  visit_start_date date, visit_end_date date, visit_source_value varchar(50));
CREATE TABLE observation (observation_id integer PRIMARY KEY, person_id integer NOT NULL, observation_concept_id integer NOT NULL, observation_date date,
  value_as_number numeric, value_as_string varchar(60), value_as_concept_id integer, unit_concept_id integer, observation_source_value varchar(50));
CREATE TABLE measurement (measurement_id integer PRIMARY KEY, person_id integer NOT NULL, measurement_concept_id integer NOT NULL, measurement_date date,
  operator_concept_id integer, value_as_number numeric, value_as_concept_id integer, unit_concept_id integer, measurement_source_value varchar(50));
CREATE TABLE drug_exposure (drug_exposure_id integer PRIMARY KEY, person_id integer NOT NULL, drug_concept_id integer NOT NULL, drug_exposure_start_date date,
  drug_exposure_end_date date, quantity numeric, days_supply integer, drug_source_value varchar(50));
CREATE TABLE drug_strength (drug_concept_id integer NOT NULL, ingredient_concept_id integer NOT NULL, amount_value numeric, amount_unit_concept_id integer,
  numerator_value numeric, numerator_unit_concept_id integer, denominator_value numeric, denominator_unit_concept_id integer, invalid_reason varchar(1));
CREATE TABLE cohort (cohort_definition_id integer NOT NULL, subject_id integer NOT NULL, cohort_start_date date NOT NULL, cohort_end_date date NOT NULL);
CREATE TABLE costs (person_id integer, at timestamptz, total numeric(12,2), paid boolean, ward char(6), note text COLLATE "und-x-icu");
`

// rows are six persons. Day 0 of person 1 is 2020-01-10, of 2 2020-03-01, of 3
// 2020-05-05, of 10 2021-01-01; 20 and 21 have none.
var rows = []string{
	"person VALUES (1, 8507, 1970)", "person VALUES (2, 8532, 1985)", "person VALUES (3, 0, 1950)", "person VALUES (10, NULL, 1990)",
	"person VALUES (20, 8507, 1960)", "person VALUES (21, 8532, 1961)",

	"visit_occurrence VALUES (100, 1, 9201, '2020-01-10', '2020-02-07')",
	"visit_occurrence VALUES (101, 1, 9201, '2020-06-01', '2020-06-30')", // not the first
	"visit_occurrence VALUES (99, 1, 9202, '2019-01-01', '2019-01-01')",  // another concept
	"visit_occurrence VALUES (202, 2, 9201, '2020-03-01', '2020-03-20')",
	"visit_occurrence VALUES (201, 2, 9201, '2020-03-01', '2020-03-25')", // of the same day, with the lower id
	"visit_occurrence VALUES (300, 3, 9201, '2020-05-05', '2020-06-01')",
	"visit_occurrence VALUES (301, 3, 9201, NULL, '2020-01-01')", // without a date
	"visit_occurrence VALUES (400, 10, 9201, '2021-01-01', NULL)",
	"visit_occurrence VALUES (500, 20, 9202, '2020-01-01', '2020-01-02')",

	// pain at entry of person 1: days -31 (out), -30, -2 and, as near, 2; 4 is out
	"measurement VALUES (1, 1, 3036277, '2019-12-11', NULL, 9, NULL, 7)",
	"measurement VALUES (2, 1, 3036277, '2020-01-08', 4172703, 7, NULL, 7)",
	"measurement VALUES (3, 1, 3036277, '2020-01-12', NULL, 6, NULL, 7)",
	"measurement VALUES (4, 1, 3036277, '2020-01-14', NULL, 1, NULL, 7)",
	"measurement VALUES (7, 1, 3036277, '2019-12-10', NULL, 2, NULL, 7)",
	// at the end: day 28 without a value, day 31
	"measurement VALUES (5, 1, 3036277, '2020-02-07', NULL, NULL, NULL, 7)",
	"measurement VALUES (6, 1, 3036277, '2020-02-10', NULL, 4.0, NULL, 7)",
	// person 2: the same value twice on day 0; two values on day 28
	"measurement VALUES (11, 2, 3036277, '2020-03-01', NULL, 8, NULL, 7)",
	"measurement VALUES (12, 2, 3036277, '2020-03-01', NULL, 8.00, NULL, 7)",
	"measurement VALUES (14, 2, 3036277, '2020-03-29', NULL, 3, NULL, 7)",
	"measurement VALUES (13, 2, 3036277, '2020-03-29', NULL, 5, NULL, 7)",
	// person 3: nothing but NULL at entry; < 5 on day 30; one without a date
	"measurement VALUES (21, 3, 3036277, '2020-05-05', NULL, NULL, NULL, NULL)",
	"measurement VALUES (22, 3, 3036277, '2020-06-04', 4171756, 5, NULL, 7)",
	"measurement VALUES (23, 3, 3036277, NULL, NULL, 5, NULL, 7)",
	// person 20 has no day 0
	"measurement VALUES (30, 20, 3036277, '2020-01-01', NULL, 10, NULL, 7)",
	// steps of person 1 on days 20, 21, 22
	"measurement VALUES (40, 1, 5000, '2020-01-30', NULL, 10, NULL, NULL)",
	"measurement VALUES (41, 1, 5000, '2020-01-31', NULL, 11, NULL, NULL)",
	"measurement VALUES (42, 1, 5000, '2020-02-01', NULL, NULL, NULL, NULL)",

	"observation VALUES (1, 1, 4053609, '2019-12-31', NULL, NULL, 100)",
	"observation VALUES (2, 1, 4053609, '2020-01-09', NULL, NULL, 38003564)",
	"observation VALUES (3, 2, 4053609, '2020-03-01', NULL, NULL, 0)",
	`observation VALUES (4, 1, 0, '2020-01-10', NULL, E'it''s "x", \\ =1+1;\nDROP TABLE person; -- é', NULL, NULL, 'q''); DROP TABLE "person"; --')`,

	"drug_strength VALUES (1901, 1124957, 5, 8576)",
	"drug_strength VALUES (1902, 1124957, 10, 8576)", "drug_strength VALUES (1902, 1125315, 325, 8576)",
	"drug_strength VALUES (1901, 1124957, 50, 8576, NULL, NULL, NULL, NULL, 'D')", // withdrawn
	"drug_exposure VALUES (1, 1, 1901, '2020-01-10', '2020-02-08', 60, 30)",
	"drug_exposure VALUES (2, 1, 1902, '2020-02-09', NULL, 30.5, 10)",
	"drug_exposure VALUES (3, 1, 777, '2020-01-10', NULL, 1, 1)",    // another drug
	"drug_exposure VALUES (4, 2, 1901, '2020-01-21', NULL, 60, 30)", // day -40
	"drug_exposure VALUES (5, 2, 1901, NULL, NULL, 60, 30)",
	"drug_exposure VALUES (6, 20, 1901, '2020-01-10', NULL, 60, 30)",

	"cohort VALUES (17, 1, '2020-01-10', '2020-02-07')", "cohort VALUES (18, 2, '2020-03-01', '2020-03-20')",
	"cohort VALUES (17, 2, '2020-04-01', '2020-04-20')", "cohort VALUES (18, 99, '2020-04-01', '2020-04-20')",

	"costs VALUES (2, '2020-03-01 00:30:00+05:30', 10.50, true, 'B', 'b')",
	"costs VALUES (2, '2020-03-01 00:30:00+05:30', 10.50, true, 'B', 'Z')",
	"costs VALUES (2, '2020-03-01 00:30:00+05:30', 10.50, true, 'B', NULL)",
	"costs VALUES (1, '2020-01-11 10:00:00+00', 0.1, false, 'long 1', '=SUM(A1)')",
}

const mapping = `
schema: SCHEMA
index: {table: visit_occurrence, concepts: [9201]}
visits:
  - {value: entry, from: -30, to: 3}
  - {value: end, day: 28, from: 14, to: 60}
tables:
  - name: patients
    rows: persons
    columns:
      - {name: admitted, table: index, field: start}
      - {name: discharged, table: index, field: end}
      - {name: stay, table: index, field: end, as: day}
      - {name: age, table: person, field: age}
      - {name: sex, table: person, field: gender_concept_id, levels: {8507: male, 8532: female}}
      - {name: work, table: observation, concepts: [4053609], field: value_as_concept_id, take: last, window: {from: -365, to: 0}, levels: {38003564: full time, 100: none}}
  - name: visits
    rows: visits
    columns:
      - {name: pain, table: measurement, concepts: [3036277], units: [7]}
      - {name: steps, table: measurement, concepts: [5000], take: mean}
      - {name: said, table: observation, sourceValues: ["q'); DROP TABLE \"person\"; --"], field: value_as_string}
  - name: doses
    rows: drug_exposure
    ingredients: [1124957]
    window: {from: -30, to: 60}
    columns:
      - {name: drug, field: ingredient_concept_id, levels: {1124957: oxycodone}}
      - {name: start, field: drug_exposure_start_date}
      - {name: day, field: drug_exposure_start_date, as: day}
      - {name: quantity, field: quantity}
      - {name: days, field: days_supply}
      - {name: strength, field: amount_value}
      - {name: unit, field: amount_unit_concept_id, levels: {8576: mg}}
  - name: costs
    query: SELECT * FROM costs WHERE person_id < 20 -- with a remark
`

const cohort = `
name: omop
privacy: {dates: {are: limited-data-set, by: the test, reason: made up}}
resources:
  - name: patients
    path: PATH#patients
    schema:
      missingValues: ["", {value: "0", label: no matching concept}]
      fields:
        - {name: id, column: person_id, type: string, role: patient}
        - {name: admitted, type: date, role: admitted, format: "%d/%m/%Y"}
        - {name: discharged, type: date, role: discharged}
        - {name: stay, type: integer, missingValues: [""]}
        - {name: age, type: integer, role: covariate, decimalChar: ","}
        - {name: sex, type: string, role: covariate, categories: [male, female]}
        - {name: work, type: string, role: work_status}
  - name: visits
    path: PATH#visits
    schema:
      fields:
        - {name: person_id, type: string, role: patient}
        - {name: visit, type: string, role: visit}
        - {name: pain, type: number, role: outcome}
        - {name: steps, type: number, role: outcome, decimalChar: ","}
        - {name: said, type: string}
  - name: doses
    path: PATH#doses
    schema:
      fields:
        - {name: person_id, type: string, role: patient}
        - {name: drug, type: string, role: drug}
        - {name: start, type: date, role: start}
        - {name: day, type: integer, role: day}
        - {name: quantity, type: number, role: quantity}
        - {name: days, type: integer, role: days_supplied}
        - {name: strength, type: number, role: strength}
        - {name: unit, type: string, role: unit}
  - name: costs
    path: PATH#costs
    schema:
      fields:
        - {name: person_id, type: string, role: patient}
        - {name: at, type: datetime, role: date}
        - {name: total, type: number, role: cost}
        - {name: paid, type: boolean}
        - {name: ward, type: string}
        - {name: note, type: string}
visits: [{value: entry, baseline: true}, {value: end}]
`

// asCSV is the same cohort worked out by hand.
var asCSV = map[string]string{
	"patients": `person_id,admitted,discharged,stay,age,sex,work
1,10/01/2020,2020-02-07,28,50,male,full time
2,01/03/2020,2020-03-25,24,35,female,0
3,05/05/2020,2020-06-01,27,70,0,
10,01/01/2021,,,31,,
`,
	"visits": `person_id,visit,pain,steps,said
1,entry,7,,"it's ""x"", \ =1+1;
DROP TABLE person; -- é"
1,end,4,"10,5",
2,entry,8,,
2,end,5,,
3,entry,,,
3,end,5,,
`,
	"doses": `person_id,drug,start,day,quantity,days,strength,unit
1,oxycodone,2020-01-10,0,60,30,5,mg
1,oxycodone,2020-02-09,30,30.5,10,10,mg
`,
	// by bytes: Z before b, and what is missing last; the time in UTC
	"costs": `person_id,at,total,paid,ward,note
1,2020-01-11T10:00:00,0.10,false,long 1,=SUM(A1)
2,2020-02-29T19:00:00,10.5,true,B,Z
2,2020-02-29T19:00:00,10.5,true,B,b
2,2020-02-29T19:00:00,10.5,true,B,
`,
}

// fill makes a schema with the rows in the order given.
func (s *server) fill(t testing.TB, schema string, rows []string) {
	t.Helper()
	s.run(t, "DROP SCHEMA IF EXISTS "+schema+" CASCADE; CREATE SCHEMA "+schema+"; SET search_path = "+schema+";"+ddl+"INSERT INTO "+strings.Join(rows, ";\nINSERT INTO "))
}

// write makes files in a new folder and returns the path of cohort.yaml in it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cohort.yaml")
}

func digest(t testing.TB, path string) (*datasets.Cohort, string) {
	t.Helper()
	c, err := open.Cohort(context.Background(), path, open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Origin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c, o.Digest
}

// The hand-worked cohort has the same digest from the database, in whichever order
// its rows were written, and from CSV; and what was not taken is told by code.
func TestCohort(t *testing.T) {
	s := needServer(t)
	files := map[string]string{"cohort.yaml": strings.NewReplacer("PATH#patients", "patients.csv", "PATH#visits", "visits.csv", "PATH#doses", "doses.csv", "PATH#costs", "costs.csv").Replace(cohort)}
	for name, text := range asCSV {
		files[name+".csv"] = text
	}
	_, want := digest(t, write(t, files))

	backwards := slices.Clone(rows)
	slices.Reverse(backwards)
	for name, rows := range map[string][]string{"cdm": rows, `Back "wards"`: backwards} {
		schema := pgx.Identifier{name}.Sanitize()
		s.fill(t, schema, rows)
		path := write(t, map[string]string{
			"cohort.yaml":     strings.ReplaceAll(cohort, "PATH", "clinic.sql.yaml"),
			"clinic.sql.yaml": strings.ReplaceAll(mapping, "SCHEMA", "'"+name+"'"),
		})
		c, got := digest(t, path)
		if got != want {
			for _, table := range c.Tables() {
				var b strings.Builder
				if err := table.WriteCSV(&b); err != nil {
					t.Fatal(err)
				}
				t.Logf("%s\n%s", table.Name(), b.String())
			}
			t.Errorf("%s: digest %s, want %s as from CSV", schema, got, want)
		}
		reasons := c.Table("patients").MissingReasons("sex")
		if len(reasons) != 2 || reasons[0].Cells != 1 || reasons[1].Cells != 1 || reasons[1].Label != "no matching concept" {
			t.Errorf("sex is missing for %+v", reasons)
		}
		told := map[string]int{}
		for _, p := range c.Notes() {
			if p.Code != "identifier" { // the gate's, not the reader's
				told[p.Table+" "+p.Column+" "+p.Code] = p.Rows
			}
		}
		for what, rows := range map[string]int{
			"patients  no-index":              2, // 20 and 21
			"patients work several-in-window": 1,
			"visits pain several-in-window":   4, // person 1: 9 and 6, person 2: 8.00 and 3
			"visits pain tie-in-window":       1,
			"visits pain operator":            1,
			"visits pain outside-window":      2,
			"visits pain no-date":             1,
			"visits steps several-in-window":  2,
			"doses  outside-window":           1,
			"doses  no-date":                  1,
		} {
			if told[what] != rows {
				t.Errorf("%s: %q of %d rows, want %d", schema, what, told[what], rows)
			}
			delete(told, what)
		}
		if len(told) > 0 {
			t.Errorf("%s: also told %v", schema, told)
		}
	}
}

// A mapping file alone is drafted from, with what OMOP says of its columns.
func TestDraft(t *testing.T) {
	s := needServer(t)
	s.fill(t, "cdm", rows)
	path := filepath.Join(filepath.Dir(write(t, map[string]string{"clinic.sql.yaml": strings.ReplaceAll(mapping, "SCHEMA", "cdm")})), "clinic.sql.yaml")
	d, err := open.Draft(context.Background(), []string{path})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]datasets.Field{}
	for _, r := range d.Resources {
		for _, f := range r.Schema.Fields {
			got[r.Name+"."+f.Name] = f
		}
	}
	for name, role := range map[string]datasets.Role{
		"patients.person_id": datasets.RolePatient, "patients.admitted": datasets.RoleAdmitted, "patients.discharged": datasets.RoleDischarged,
		"visits.visit": datasets.RoleVisit, "visits.pain": datasets.RoleOutcome, "doses.drug": datasets.RoleDrug, "doses.day": datasets.RoleDay,
		"doses.strength": datasets.RoleStrength, "doses.unit": datasets.RoleUnit,
	} {
		if got[name].Role != role {
			t.Errorf("%s: %+v, want role %s", name, got[name], role)
		}
	}
	if sex := got["patients.sex"]; len(sex.Categories) != 2 || sex.Categories[0].Value != "male" || !slices.ContainsFunc(sex.MissingValues, func(m datasets.MissingValue) bool { return m.Value == "0" }) {
		t.Errorf("%+v", sex)
	}
	if c, _, err := open.Examine(context.Background(), path+"#patients", open.Options{}); err != nil || c.Patients() != 4 {
		t.Errorf("a table of the mapping as a cohort: %v", err)
	}
}

// read reads one table of a mapping file and returns its rows and problems.
func read(ctx context.Context, t testing.TB, text, table string) (out []string, ps datasets.Problems, err error) {
	t.Helper()
	path := filepath.Join(filepath.Dir(write(t, map[string]string{"m.sql.yaml": text})), "m.sql.yaml")
	var d sqldb.Databases
	defer func() { err = errors.Join(err, d.Close()) }()
	return readFrom(ctx, &d, path+"#"+table)
}

func readFrom(ctx context.Context, d *sqldb.Databases, path string) (out []string, ps datasets.Problems, err error) {
	src, err := d.Open(ctx, path, datasets.Resource{Name: "t"})
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = src.Close() }()
	for {
		c, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out, src.Problems(), nil
		}
		if err != nil {
			return out, nil, err
		}
		for i := range c.Rows {
			var cells []string
			for _, column := range c.Text {
				cells = append(cells, column[i])
			}
			out = append(out, strings.Join(cells, "|"))
		}
	}
}

func query(sql string) string { return fmt.Sprintf("tables: [{name: q, query: %q}]", sql) }

// Nothing that a query can say writes.
func TestReadOnly(t *testing.T) {
	s := needServer(t)
	s.run(t, `DROP SCHEMA IF EXISTS ro CASCADE; CREATE SCHEMA ro; CREATE TABLE ro.t (a integer); INSERT INTO ro.t VALUES (1); CREATE SEQUENCE ro.n;
		CREATE FUNCTION ro.add() RETURNS integer LANGUAGE sql VOLATILE AS 'INSERT INTO ro.t VALUES (2) RETURNING a'`)
	for _, x := range []struct{ sql, want string }{
		{"INSERT INTO ro.t VALUES (2)", "one SELECT"},
		{"INSERT INTO ro.t VALUES (2) RETURNING a", "syntax error"},
		{"WITH w AS (INSERT INTO ro.t VALUES (2) RETURNING a) SELECT * FROM w", "must be at the top level"},
		{"SELECT ro.add() AS a", "expected a query that only reads"},
		{"SELECT nextval('ro.n') AS a", "expected a query that only reads"},
		{"SELECT 1; INSERT INTO ro.t VALUES (2)", "multiple commands"},
		{"SELECT 1 AS a) q; INSERT INTO ro.t VALUES (2); SELECT * FROM (SELECT 1", "syntax error"},
		{"COMMIT", "one SELECT"},
		{"SELECT a INTO ro.u FROM ro.t", ""},
		{"SELECT a FROM ro.t FOR UPDATE", "expected a query that only reads"},
		{"SELECT $1::int AS a", "without parameters"},
		{"SELECT set_config('transaction_read_only', 'off', false) AS a, ro.add() AS b", ""},
	} {
		got, _, err := read(context.Background(), t, query(x.sql), "q")
		if err == nil || !strings.Contains(err.Error(), x.want) || !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%s: %v %v, want %q", x.sql, got, err, x.want)
		}
	}
	if n := s.count(t, "SELECT count(*) FROM ro.t"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	if got, _, err := read(context.Background(), t, query("SELECT a FROM ro.t"), "q"); err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("a query that reads: %q %v", got, err)
	}
}

// What the server says of a cell is not shown; what it says of names is, for every
// table at once; and the password never.
func TestRefused(t *testing.T) {
	s := needServer(t)
	s.fill(t, "cdm", rows)
	s.run(t, "INSERT INTO cdm.costs VALUES (1, NULL, NULL, NULL, NULL, 'S3CRET')")
	_, _, err := read(context.Background(), t, query("SELECT note::integer AS a FROM cdm.costs WHERE total IS NULL"), "q")
	if err == nil || strings.Contains(err.Error(), "S3CRET") || !strings.Contains(err.Error(), "22P02") {
		t.Errorf("a cell that is no number: %v", err)
	}
	s.run(t, `CREATE OR REPLACE FUNCTION cdm.named(n text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SELECT %I', n); RETURN n; END $$`)
	_, _, err = read(context.Background(), t, query("SELECT cdm.named(note) AS a FROM cdm.costs WHERE total IS NULL"), "q")
	if err == nil || strings.Contains(err.Error(), "S3CRET") || !strings.Contains(err.Error(), "42703") {
		t.Errorf("a cell that becomes a name: %v", err)
	}
	s.run(t, "DROP SCHEMA IF EXISTS odd CASCADE; CREATE SCHEMA odd; CREATE TABLE odd.person AS SELECT * FROM cdm.person; CREATE TABLE odd.visit_occurrence AS "+
		"SELECT visit_occurrence_id, person_id, visit_concept_id, 'S3CRET' AS visit_start_date, visit_end_date FROM cdm.visit_occurrence")
	_, _, err = read(context.Background(), t, strings.ReplaceAll(mapping, "SCHEMA", "odd"), "patients")
	if err == nil || strings.Contains(err.Error(), "S3CRET") || !strings.Contains(err.Error(), "22007") {
		t.Errorf("a cell that is no date: %v", err)
	}
	path := write(t, map[string]string{
		"cohort.yaml":     strings.ReplaceAll(cohort, "PATH", "clinic.sql.yaml"),
		"clinic.sql.yaml": strings.NewReplacer("SCHEMA", "cdm", "gender_concept_id", "gender", "amount_value", "amount").Replace(mapping),
	})
	_, err = open.Cohort(context.Background(), path, open.Options{})
	for _, want := range []string{"column p.gender does not exist", "column e.amount does not exist", "SQLSTATE 42703", "clinic.sql.yaml#doses"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, x := range []struct{ text, key, value, want string }{
		{strings.ReplaceAll(mapping, "SCHEMA", "none"), "", "", `relation "none.`},
		{query("SELECT 1 AS a, 2 AS a"), "", "", "a name of its own"},
		{query("SELECT 1 AS a"), "PGPASSWORD", "S3CRET-other", "password authentication failed"},
		{query("SELECT 1 AS a"), "PGHOST", "/nowhere", "no connection to the database"},
		{"connection: {host: 127.0.0.1, port: 1}\n" + query("SELECT 1 AS a"), "", "", "no connection to the database"},
		{"connection: {database: nothing}\n" + query("SELECT 1 AS a"), "", "", `database "nothing" does not exist`},
	} {
		t.Run(x.want, func(t *testing.T) {
			if x.key != "" {
				t.Setenv(x.key, x.value)
			}
			name := "q"
			if strings.Contains(x.text, "patients") {
				name = "patients"
			}
			_, _, err := read(context.Background(), t, x.text, name)
			if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "S3CRET") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %q", err, x.want)
			}
		})
	}
	if _, _, err := read(context.Background(), t, query("SELECT 1 AS a"), "other"); err == nil || !strings.Contains(err.Error(), "after #: q") {
		t.Errorf("%v", err)
	}
}

// Values in another unit are never mixed in.
func TestUnits(t *testing.T) {
	s := needServer(t)
	s.fill(t, "cdm", append(slices.Clone(rows),
		"measurement VALUES (50, 10, 3036277, '2021-01-01', NULL, 70, NULL, 8554)", "measurement VALUES (51, 10, 3036277, '2021-01-02', NULL, 6, NULL, NULL)"))
	for _, x := range []struct {
		units, want string
		failed      bool
		rows        int
		problem     string
	}{
		{"", "10|entry|70", true, 1, "found several"},
		{", units: [7]", "10|entry|", true, 2, "2 are in another unit or in none"},
		{", units: [7], otherUnits: leave-out", "", false, 2, "were left out"},
		{", units: [7, 0], otherUnits: leave-out", "10|entry|6", false, 1, "were left out"},
		{", units: [7, 0, 8554]", "10|entry|70", false, 0, ""},
	} {
		text := fmt.Sprintf("schema: cdm\nindex: {table: visit_occurrence, concepts: [9201]}\nvisits: [{value: entry, from: -30, to: 3}]\n"+
			"tables: [{name: v, rows: visits, columns: [{name: pain, table: measurement, concepts: [3036277]%s}]}]", x.units)
		got, ps, err := read(context.Background(), t, text, "v")
		if err != nil {
			t.Fatal(err)
		}
		last := got[len(got)-1]
		if x.want != "" && !x.failed && last != x.want || x.want == "" && strings.HasPrefix(last, "10|") {
			t.Errorf("%q: %q, want %q last", x.units, got, x.want)
		}
		i := slices.IndexFunc(ps, func(p datasets.Problem) bool { return p.Code == sqldb.CodeUnit })
		switch {
		case x.problem == "" && i >= 0, x.problem != "" && i < 0:
			t.Errorf("%q: %v, want %q", x.units, ps, x.problem)
		case i >= 0 && (!strings.Contains(ps[i].Expected, x.problem) || ps[i].Rows != x.rows || (ps[i].Severity == datasets.SeverityError) != x.failed):
			t.Errorf("%q: %+v, want %q of %d rows", x.units, ps[i], x.problem, x.rows)
		}
	}
}

// Day 0 can come from a cohort table, whose definitions are then the arms.
func TestCohortTable(t *testing.T) {
	s := needServer(t)
	s.fill(t, "cdm", rows)
	s.run(t, "DROP SCHEMA IF EXISTS results CASCADE; CREATE SCHEMA results; ALTER TABLE cdm.cohort SET SCHEMA results")
	got, ps, err := read(context.Background(), t, `
schema: cdm
index: {table: cohort, schema: results, concepts: [17, 18]}
tables:
  - name: p
    rows: persons
    columns: [{name: arm, table: index, field: concept, levels: {17: program, 18: usual care}}, {name: end, table: index, field: end}]
`, "p")
	if err != nil || !slices.Equal(got, []string{"1|program|2020-02-07", "2|usual care|2020-03-20"}) {
		t.Errorf("%q %v", got, err)
	}
	told := map[string]int{}
	for _, p := range ps {
		told[p.Code] = p.Rows
	}
	if len(told) != 3 || told[sqldb.CodeNoIndex] != 4 || told[sqldb.CodeStranger] != 1 || told[sqldb.CodeCohorts] != 1 {
		t.Errorf("%v", ps)
	}
}

// All tables of one reading are of one moment.
func TestOneMoment(t *testing.T) {
	s := needServer(t)
	s.run(t, "DROP TABLE IF EXISTS moment; CREATE TABLE moment (a integer); INSERT INTO moment VALUES (1)")
	path := filepath.Join(filepath.Dir(write(t, map[string]string{"m.sql.yaml": query("SELECT a FROM moment")})), "m.sql.yaml")
	var d sqldb.Databases
	for range 2 {
		got, _, err := readFrom(context.Background(), &d, path)
		if err != nil || !slices.Equal(got, []string{"1"}) {
			t.Errorf("%q %v, want the one row of the first look", got, err)
		}
		s.run(t, "INSERT INTO moment VALUES (2)")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	left := 1
	for tries := 0; left > 0 && tries < 200; tries++ { // the server ends a connection a moment after it is closed
		if left = s.count(t, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"); left > 0 {
			time.Sleep(25 * time.Millisecond)
		}
	}
	if left > 0 {
		t.Errorf("%d transactions are left open", left)
	}
}

// A cancelled reading ends at once, here and on the server.
func TestCancel(t *testing.T) {
	s := needServer(t)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, _, err := read(ctx, t, query("SELECT pg_sleep(30)::text AS a"), "q")
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	if n := s.count(t, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE '%recoup_rows%'"); n != 0 {
		t.Errorf("%d queries still run", n)
	}
}

// A large table streams: no batch and no heap holds it.
func TestStreams(t *testing.T) {
	needServer(t)
	const n, width = 200_000, 400 // 80 MB
	text := query(fmt.Sprintf("SELECT g AS id, repeat('x', %d) AS t FROM generate_series(%d, 1, -1) g", width, n))
	path := filepath.Join(filepath.Dir(write(t, map[string]string{"m.sql.yaml": text})), "m.sql.yaml")
	var d sqldb.Databases
	src, err := d.Open(context.Background(), path, datasets.Resource{Name: "t"})
	if err != nil {
		t.Fatal(err)
	}
	rows, chunks := 0, 0
	var m runtime.MemStats
	for {
		c, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.First != rows+1 || c.Text[0][0] != fmt.Sprint(rows+1) || c.Rows > 1<<16 {
			t.Fatalf("batch of %d rows begins at %d with id %s, want %d", c.Rows, c.First, c.Text[0][0], rows+1)
		}
		rows += c.Rows
		chunks++
		c = nil
		runtime.GC()
		if runtime.ReadMemStats(&m); m.HeapAlloc > n*width*3/4 {
			t.Errorf("%d MB held after %d rows", m.HeapAlloc>>20, rows)
		}
	}
	if rows != n || chunks < 4 {
		t.Errorf("%d rows in %d batches", rows, chunks)
	}
	if err := errors.Join(src.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
}

// Values of many types come as they would stand in a text file, whatever the
// server's settings are.
func TestTypes(t *testing.T) {
	needServer(t)
	got, _, err := read(context.Background(), t, query(`SELECT 9007199254740993::bigint AS a, 1.50::numeric AS b, 'NaN'::float8 AS c, 0.1::float4 AS d,
		true AS e, DATE '2020-12-31' AS f, TIMESTAMP '2020-12-31 10:20:30.5' AS g, TIMESTAMPTZ '2020-12-31 22:00:00-05' AS h, INTERVAL '10 days' AS i,
		'ab'::char(4) AS j, NULL::integer AS k, 'infinity'::date AS l, '{"a":1}'::json AS m, 12345678901234567890::numeric AS n, ''::text AS o`), "q")
	want := "9007199254740993|1.5|NaN|0.1|true|2020-12-31|2020-12-31T10:20:30.5|2021-01-01T03:00:00|P10D|ab||infinity|{\"a\":1}|12345678901234567890|"
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%q %v\nwant %q", got, err, want)
	}
}
