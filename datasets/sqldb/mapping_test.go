package sqldb

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"recoup/datasets"
)

const whole = `connection: {host: db.local, port: 5433, database: cdm, user: o'hara, sslmode: require}
schema: cdm
index: {table: visit_occurrence, concepts: [9201, 9202]}
visits:
  - {value: entry, from: -30, to: 3}
  - {value: end, day: 28, from: 14, to: 60}
tables:
  - name: patients
    rows: persons
    columns:
      - {name: admitted, table: index, field: start}
      - {name: sex, table: person, field: gender_concept_id, levels: {8532: female, 8507: male}}
      - {name: work, table: observation, concepts: [4053609], field: value_as_concept_id, take: last, window: {from: -365, to: 0}}
  - name: visits
    rows: visits
    columns:
      - {name: pain, table: measurement, sourceValues: ["PAIN 1"], units: [0], otherUnits: leave-out}
  - name: doses
    rows: drug_exposure
    ingredients: [1124957]
    window: {from: 0, to: 60}
    columns:
      - {name: drug, field: ingredient_concept_id}
  - name: costs
    query: |
      SELECT 1;
`

func TestParse(t *testing.T) {
	m, err := parse("m", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Connection.String(); got != `host='db.local' port='5433' dbname='cdm' user='o\'hara' sslmode='require' ` {
		t.Error(got)
	}
	pain := m.Tables[1].Columns[0]
	if !reflect.DeepEqual(m.Index.Records.Concepts, []int64{9201, 9202}) || *m.Visits[1].Days.To != 60 || m.Visits[1].Days.Day != 28 || *m.Visits[0].Days.From != -30 ||
		pain.Field != valueAsNumber || pain.Take != takeNearest || pain.Records.SourceValues[0] != "PAIN 1" || pain.OtherUnits != unitsLeaveOut ||
		m.Tables[0].Columns[2].Take != takeLast || *m.Tables[2].Window.To != 60 {
		t.Errorf("%+v", m)
	}
	var levels []string
	for _, l := range m.Tables[0].Columns[1].listed() {
		levels = append(levels, l.Value)
	}
	if !slices.Equal(levels, []string{"male", "female"}) {
		t.Errorf("levels %v: want them in the order of their concepts", levels)
	}
}

// Each mistake is told with its line and what was expected, and no word of what
// stands in the file beyond its names.
func TestParseRefuses(t *testing.T) {
	for _, x := range []struct {
		from, to string
		line     int
		want     string
	}{
		{whole, "", 0, "empty file"},
		{"user: o'hara", "password: S3CRET", 1, "unknown key; expected one of host"},
		{"port: 5433", "port: 70000", 1, "port from 1 to 65535"},
		{"schema: cdm", "schema: &a cdm", 2, "no anchors"},
		{"schema: cdm", "schema: cdm\nschema: S3CRET", 3, "expected the key once"},
		{"schema: cdm", "schema: " + strings.Repeat("x", 1<<16), 0, "at most 65536 bytes"},
		{"table: visit_occurrence", "table: visits", 3, "expected one of drug_exposure"},
		{", concepts: [9201, 9202]}", "}", 3, "expected concepts or sourceValues"},
		{"visit_occurrence, concepts: [9201, 9202]", "cohort, sourceValues: [a]", 3, "under concepts"},
		{"index: {", "visits: []\n#", 5, "expected the key once"},
		{"[9201, 9202]", "[inpatient]", 3, "expected a whole number, found a text"},
		{"value: end", "value: entry", 6, "value of its own"},
		{"from: 14", "from: 3", 6, `this one and visit "entry" share days`},
		{"day: 28", "day: 10", 6, "in this order"},
		{"from: -30, to: 3", "from: -30", 5, "expected from, day and to"},
		{"name: costs", "name: visits", 24, "name of its own"},
		{"name: costs", "name: a#b", 24, `without / \ or #`},
		{"rows: persons", "rows: person", 9, "expected persons, visits or one of drug_exposure"},
		{"rows: persons", "query: SELECT 1", 8, "nothing but name and query"},
		{"rows: drug_exposure", "rows: drug_exposure\n    concepts: [1]", 21, "neither concepts nor sourceValues"},
		{"    ingredients: [1124957]\n", "", 20, ""},
		{"name: admitted", "name: person_id", 11, "first column of every table"},
		{"name: sex", "name: admitted", 12, "name of its own"},
		{"name: pain", "name: visit", 17, "nor visit of rows by visit"},
		{"field: start", "field: begin", 11, "expected field: start, end or concept"},
		{"field: start", "field: start, as: week", 11, "expected as: day"},
		{"field: start", "field: start, take: last", 11, "there is one value in each row"},
		{"table: measurement", "table: person", 17, "there is one value"},
		{"table: measurement", "table: measurements", 17, "expected one of drug_exposure measurement"},
		{`sourceValues: ["PAIN 1"], `, "", 17, "which records of measurement"},
		{"units: [0]", "units: [0], window: {from: 0, to: 1}", 17, "each visit has its own"},
		{"table: measurement", "table: drug_exposure", 17, "expected no units"},
		{"otherUnits: leave-out", "otherUnits: ignore", 17, "stop or leave-out"},
		{"take: last", "take: newest", 13, "nearest, first, last or mean"},
		{"take: last", "take: mean", 13, "field of numbers"},
		{", window: {from: -365, to: 0}", "", 13, "expected a window"},
		{"      SELECT 1;\n", "", 24, "either query or rows"},
		{"field: ingredient_concept_id", "table: person, field: ingredient_concept_id", 23, "columns are those of drug_exposure"},
	} {
		text := strings.Replace(whole, x.from, x.to, 1)
		if text == whole {
			t.Fatalf("%q is not in the file", x.from)
		}
		_, err := parse("clinic.sql.yaml", []byte(text))
		if x.want == "" {
			if err != nil {
				t.Errorf("without %q: %v", x.from, err)
			}
			continue
		}
		var ps datasets.Problems
		if !errors.As(err, &ps) {
			t.Errorf("%q for %q: %v, want %q", x.to, x.from, err, x.want)
			continue
		}
		found := slices.ContainsFunc(ps, func(p datasets.Problem) bool {
			return strings.Contains(p.Expected, x.want) && p.Line == x.line && p.File == "clinic.sql.yaml"
		})
		if !found || strings.Contains(err.Error(), "S3CRET") || !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%q for %q:\n%v\nwant line %d, %q", x.to, x.from, err, x.line, x.want)
		}
	}
}

// All that is wrong comes at once.
func TestParseTellsAll(t *testing.T) {
	text := strings.NewReplacer("index: {", "#", "take: last", "take: newest", "name: sex", "name: admitted").Replace(whole)
	_, err := parse("m", []byte(text))
	if err == nil || strings.Count(err.Error(), "\n") != 4 || strings.Count(err.Error(), "expected index") != 3 {
		t.Errorf("%v", err)
	}
}

// A hostile file of the greatest length is refused at once.
func TestParseIsQuick(t *testing.T) {
	begin := time.Now()
	for _, text := range []string{
		strings.Repeat("[", 60_000), strings.Repeat("{a: ", 15_000), strings.Repeat("a: ", 20_000),
		"tables: [" + strings.Repeat("{},", 20_000) + "{}]",
		"visits:\n" + strings.Repeat(" - {from: 0, to: 0}\n", 3200),
	} {
		if _, err := parse("m", []byte(text)); !errors.Is(err, datasets.ErrInvalid) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if spent := time.Since(begin); spent > 10*time.Second { // half a second on an idle machine
		t.Errorf("it took %v", spent)
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "Clinic.SQL.yaml")
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Tables(path)
	if err != nil || !slices.Equal(got, []string{path + "#patients", path + "#visits", path + "#doses", path + "#costs"}) {
		t.Errorf("%q %v", got, err)
	}
	if one, err := Tables(path + "#doses"); err != nil || !slices.Equal(one, []string{path + "#doses"}) {
		t.Errorf("%q %v", one, err)
	}
	if file, table := Split("a#b/x.sql.yml#t#u"); file != "a#b/x.sql.yml" || table != "t#u" {
		t.Error(file, table)
	}
	if IsMapping("cohort.yaml") || IsMapping("x.sql.yaml.csv") || !IsMapping("x.sql.yml") {
		t.Error("wrong files are taken for mapping files")
	}
	if _, err := Tables(filepath.Join(dir, "none.sql.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("tables: [{name: a, query: SELECT 1}]"))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parse("m", b) })
}
