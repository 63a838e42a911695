package sqldb

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

// mapping is the decoded mapping file.
type mapping struct {
	Connection connection `yaml:"connection"`
	Schema     string     `yaml:"schema"` // of the OMOP tables; "": the server's own search path
	Index      *index     `yaml:"index"`
	Visits     []visit    `yaml:"visits"`
	Tables     []table    `yaml:"tables"`
}

// connection says where the database is. There is no key for a password, so that
// the file can be shown to anybody.
type connection struct {
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	Database string `yaml:"database"`
	User     string `yaml:"user"`
	SSLMode  string `yaml:"sslmode"`
}

// index says who is in the cohort and when a person's day 0 is: the first of the
// records of a table.
type index struct {
	Table   string `yaml:"table"`
	Schema  string `yaml:"schema"` // where it is not the mapping's, as of a cohort table
	Records filter `yaml:",inline"`
}

// filter keeps records of some concepts, or of some of the source's own codes.
type filter struct {
	Concepts     []int64  `yaml:"concepts"`
	SourceValues []string `yaml:"sourceValues"`
}

func (f filter) empty() bool { return len(f.Concepts) == 0 && len(f.SourceValues) == 0 }

// window is a span of days from day 0, its ends included.
type window struct {
	Day  int  `yaml:"day"` // the day that nearest is counted from
	From *int `yaml:"from"`
	To   *int `yaml:"to"`
}

func (w window) holds(day int) bool { return day >= *w.From && day <= *w.To }

type visit struct {
	Value string `yaml:"value"`
	Days  window `yaml:",inline"`
}

// table is one table of the cohort: a query, or rows made of OMOP records.
type table struct {
	Name        string   `yaml:"name"`
	Query       string   `yaml:"query"`
	Rows        string   `yaml:"rows"` // persons, visits, or the OMOP table whose records they are
	Records     filter   `yaml:",inline"`
	Ingredients []int64  `yaml:"ingredients"` // of drug_exposure, by drug_strength
	Window      *window  `yaml:"window"`
	Columns     []column `yaml:"columns"`
}

// What the rows of a table can be, besides the records of an OMOP table.
const (
	rowsPersons = "persons"
	rowsVisits  = "visits"
)

// column is one column and where its cells come from.
type column struct {
	Name       string            `yaml:"name"`
	Table      string            `yaml:"table"`
	Field      string            `yaml:"field"`
	As         string            `yaml:"as"` // day: a date as days from day 0
	Levels     map[string]string `yaml:"levels"`
	Records    filter            `yaml:",inline"`
	Units      []int64           `yaml:"units"`
	OtherUnits otherUnits        `yaml:"otherUnits"`
	Window     *window           `yaml:"window"`
	Take       take              `yaml:"take"`
}

// take says which value wins where several lie in a window.
type take string

const (
	takeNearest take = "nearest" // to the window's day, of two as near the earlier; the default
	takeFirst   take = "first"
	takeLast    take = "last"
	takeMean    take = "mean"
)

// otherUnits says what a measurement in a unit that is not listed does.
type otherUnits string

const (
	unitsStop     otherUnits = "stop" // the default: the cohort is refused
	unitsLeaveOut otherUnits = "leave-out"
)

// asDay is the one word for As.
const asDay = "day"

// personColumn is the first column of every table made of OMOP records, and
// visitColumn the second of rows by visit.
const (
	personColumn = "person_id"
	visitColumn  = "visit"
)

// events are the OMOP tables that records are taken from, by the names of the
// columns that each has under a name of its own.
var events = map[string]event{
	"visit_occurrence": {"person_id", "visit_occurrence_id", "visit_concept_id", "visit_source_value", "visit_start_date", "visit_end_date", "", ""},
	"observation":      {"person_id", "observation_id", "observation_concept_id", "observation_source_value", "observation_date", "", "unit_concept_id", ""},
	"measurement":      {"person_id", "measurement_id", "measurement_concept_id", "measurement_source_value", "measurement_date", "", "unit_concept_id", "operator_concept_id"},
	"drug_exposure":    {"person_id", "drug_exposure_id", "drug_concept_id", "drug_source_value", "drug_exposure_start_date", "drug_exposure_end_date", "", ""},
	"cohort":           {"subject_id", "cohort_definition_id", "cohort_definition_id", "", "cohort_start_date", "cohort_end_date", "", ""},
}

type event struct{ person, id, concept, source, start, end, unit, operator string }

// recordTables are those of them that rows and cells are made of; day 0 may also
// come from cohort.
const recordTables = "drug_exposure measurement observation visit_occurrence"

// Where a column can come from besides a table of events.
const (
	fromPerson = "person"
	fromIndex  = "index"
)

const valueAsNumber = "value_as_number"

// parse decodes and checks a mapping file. All that is wrong with its meaning
// comes back at once.
func parse(name string, b []byte) (*mapping, error) {
	var m mapping
	line, err := datasets.DecodeYAML(name, b, &m)
	if err != nil {
		return nil, err
	}
	c := checker{file: name, line: line}
	c.mapping(&m)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return &m, nil
}

type checker struct {
	file     string
	line     func(string) int
	problems datasets.Problems
}

// bad tells of what is wrong at a path of the file, or at the nearest thing
// around it that is there.
func (c *checker) bad(path, expected string, args ...any) {
	p := datasets.Problem{
		Severity: datasets.SeverityError, Code: datasets.CodeDictionary, File: c.file, Column: strings.TrimPrefix(path, "$."),
		Expected: fmt.Sprintf(expected, args...), Mend: "see: recoup help cohort-files",
	}
	for at := path; at != "$" && p.Line == 0; at = at[:strings.LastIndexByte(at, '.')] {
		p.Line = c.line(at)
		if i := strings.LastIndexByte(at, '['); p.Line == 0 && i > strings.LastIndexByte(at, '.') {
			p.Line = c.line(at[:i])
		}
	}
	c.problems = append(c.problems, p)
}

func (c *checker) mapping(m *mapping) {
	if m.Connection.Port < 0 || m.Connection.Port > 65535 {
		c.bad("$.connection.port", "expected a port from 1 to 65535")
	}
	if len(m.Tables) == 0 {
		c.bad("$.tables", "expected at least one table under tables")
	}
	if m.Index != nil {
		c.index(m.Index)
	}
	c.visits(m.Visits)
	seen := map[string]bool{}
	for i := range m.Tables {
		t, at := &m.Tables[i], fmt.Sprintf("$.tables[%d]", i)
		if t.Name == "" || strings.ContainsAny(t.Name, `/\#`) || seen[t.Name] {
			c.bad(at+".name", `expected each table to have a name of its own without / \ or #`)
		}
		seen[t.Name] = true
		switch {
		case (t.Query == "") == (t.Rows == ""):
			c.bad(at, "expected either query or rows: %s, %s or one of %s", rowsPersons, rowsVisits, recordTables)
		case t.Query != "":
			if len(t.Columns) > 0 || !t.Records.empty() || t.Window != nil || t.Ingredients != nil {
				c.bad(at, "expected nothing but name and query: its columns come as the query names them")
			}
		default:
			if m.Index == nil {
				c.bad(at+".rows", "expected index, which says when each person's day 0 is: index: {table: visit_occurrence, concepts: [9201]}")
			}
			if t.Rows == rowsVisits && len(m.Visits) == 0 {
				c.bad(at+".rows", "expected visits, each with value, day, from and to in days from day 0")
			}
			c.table(t, at)
		}
	}
}

func (c *checker) index(x *index) {
	e, ok := events[x.Table]
	if !ok {
		c.bad("$.index.table", "expected one of %s cohort", recordTables)
	}
	if x.Records.empty() || e.source == "" && ok && len(x.Records.SourceValues) > 0 {
		c.bad("$.index.concepts", "expected concepts or sourceValues (of a cohort table: the ids of its definitions, under concepts)")
	}
}

func (c *checker) visits(visits []visit) {
	seen := map[string]bool{}
	for i, v := range visits {
		at := fmt.Sprintf("$.visits[%d]", i)
		if v.Value == "" || seen[v.Value] {
			c.bad(at+".value", "expected each visit to have a value of its own")
		}
		seen[v.Value] = true
		if !c.window(&v.Days, at) {
			continue
		}
		for _, o := range visits[:i] {
			if d := o.Days; d.From != nil && d.To != nil && *d.From <= *v.Days.To && *v.Days.From <= *d.To {
				c.bad(at+".from", "expected windows that do not overlap: a record belongs to one visit; this one and visit %q share days", o.Value)
				break
			}
		}
	}
}

func (c *checker) window(w *window, at string) bool {
	if w.From == nil || w.To == nil || *w.From > w.Day || w.Day > *w.To {
		c.bad(at, "expected from, day and to in days from day 0, in this order and both ends included; day is 0 where it is not given")
		return false
	}
	return true
}

func (c *checker) table(t *table, at string) {
	_, records := events[t.Rows]
	switch {
	case !records && t.Rows != rowsPersons && t.Rows != rowsVisits, t.Rows == "cohort":
		c.bad(at+".rows", "expected %s, %s or one of %s", rowsPersons, rowsVisits, recordTables)
		return
	case !records && (!t.Records.empty() || t.Window != nil):
		c.bad(at, "expected concepts, sourceValues and window at the columns, where rows are %s", t.Rows)
	case t.Window != nil:
		c.window(t.Window, at+".window")
	}
	if len(t.Ingredients) > 0 && (t.Rows != "drug_exposure" || !t.Records.empty()) {
		c.bad(at+".ingredients", "expected ingredients only where rows are drug_exposure, and then neither concepts nor sourceValues")
	}
	if len(t.Columns) == 0 {
		c.bad(at, "expected columns")
	}
	seen := map[string]bool{personColumn: true, visitColumn: t.Rows == rowsVisits}
	for i := range t.Columns {
		col, at := &t.Columns[i], fmt.Sprintf("%s.columns[%d]", at, i)
		if col.Name == "" || seen[col.Name] {
			c.bad(at+".name", "expected each column to have a name of its own, which is not %s, the first column of every table (nor %s of rows by visit)", personColumn, visitColumn)
		}
		seen[col.Name] = true
		if col.As != "" && col.As != asDay {
			c.bad(at+".as", "expected as: day, days from day 0, or nothing")
		}
		if records {
			c.plain(col, at, t.Rows)
			continue
		}
		switch col.Table {
		case fromPerson, fromIndex:
			c.plain(col, at, t.Rows)
		default:
			c.picked(col, at, t.Rows)
		}
	}
}

// plain checks a column that is one field of the row's own record.
func (c *checker) plain(col *column, at, rows string) {
	if !col.Records.empty() || col.Units != nil || col.OtherUnits != "" || col.Window != nil || col.Take != "" {
		c.bad(at, "expected no concepts, sourceValues, units, otherUnits, window or take: there is one value in each row")
	}
	switch {
	case col.Table == fromIndex && !slices.Contains([]string{"start", "end", "concept"}, col.Field):
		c.bad(at+".field", "expected field: start, end or concept, of the record that day 0 comes from")
	case col.Field == "":
		c.bad(at+".field", "expected field: a column of the OMOP table")
	case rows == rowsVisits:
		c.bad(at+".table", "expected what is said of a person once in a table whose rows are %s", rowsPersons)
	case rows != rowsPersons && col.Table != "":
		c.bad(at+".table", "expected no table: the columns are those of %s", rows)
	}
}

// picked checks a column whose value is picked from records in a window.
func (c *checker) picked(col *column, at, rows string) {
	e, ok := events[col.Table]
	if !ok || col.Table == "cohort" {
		c.bad(at+".table", "expected one of %s, or person or index", recordTables)
		return
	}
	if col.Records.empty() {
		c.bad(at, "expected concepts or sourceValues: which records of %s the column takes", col.Table)
	}
	if col.Field == "" {
		col.Field = valueAsNumber
	}
	if len(col.Units) > 0 && e.unit == "" {
		c.bad(at+".units", "expected no units: %s has none", col.Table)
	}
	switch col.OtherUnits {
	case "":
		col.OtherUnits = unitsStop
	case unitsStop, unitsLeaveOut:
	default:
		c.bad(at+".otherUnits", "expected otherUnits: %s or %s", unitsStop, unitsLeaveOut)
	}
	switch col.Take {
	case "":
		col.Take = takeNearest
	case takeNearest, takeFirst, takeLast:
	case takeMean:
		if kindOf(col) != kindNumber {
			c.bad(at+".take", "expected a field of numbers for mean")
		}
	default:
		c.bad(at+".take", "expected take: %s, %s, %s or %s", takeNearest, takeFirst, takeLast, takeMean)
	}
	switch {
	case rows == rowsVisits && col.Window != nil:
		c.bad(at+".window", "expected no window: each visit has its own")
	case rows == rowsPersons && col.Window == nil:
		c.bad(at, "expected a window in days from day 0, such as window: {from: -365, to: 0}")
	case col.Window != nil:
		c.window(col.Window, at+".window")
	}
}

// kind is what the cells of a column hold.
type kind int

const (
	kindText kind = iota
	kindNumber
	kindBoolean
	kindDate
	kindDatetime
	kindConcept // 0 is missing: no matching concept
)

// numbers are the fields of the tables of events that hold numbers.
var numbers = []string{
	valueAsNumber, "age", "year_of_birth", "month_of_birth", "day_of_birth", "quantity", "days_supply", "refills",
	"range_low", "range_high",
}

// kindOf tells the kind of a column from its field: OMOP names them by one rule.
func kindOf(c *column) kind {
	switch {
	case c.As == asDay, slices.Contains(numbers, c.Field):
		return kindNumber
	case strings.HasSuffix(c.Field, "_concept_id"), c.Table == fromIndex && c.Field == "concept":
		return kindConcept
	case strings.HasSuffix(c.Field, "_datetime"):
		return kindDatetime
	case strings.HasSuffix(c.Field, "_date"), c.Table == fromIndex:
		return kindDate
	}
	return kindText
}

// listed returns the words that a column's concepts are written as, in the order
// of the concepts.
func (c *column) listed() []datasets.Category {
	keys := slices.SortedFunc(maps.Keys(c.Levels), func(a, b string) int {
		x, _ := strconv.ParseInt(a, 10, 64)
		y, _ := strconv.ParseInt(b, 10, 64)
		return cmp.Or(cmp.Compare(x, y), strings.Compare(a, b))
	})
	var out []datasets.Category
	for _, k := range keys {
		if v := c.Levels[k]; !slices.ContainsFunc(out, func(o datasets.Category) bool { return o.Value == v }) {
			out = append(out, datasets.Category{Value: v})
		}
	}
	return out
}
