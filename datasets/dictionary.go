package datasets

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"recoup/datasets/instrument"
)

// maxDictionary is the largest cohort file read: YAML decoders take seconds for
// hundreds of kilobytes of hostile keys.
const maxDictionary = 1 << 20

// Role is what a column is for.
type Role string

// The roles a column can have.
const (
	RolePatient      Role = "patient"
	RoleVisit        Role = "visit"
	RoleRepeat       Role = "repeat" // which of several rows a patient and visit it is
	RoleDay          Role = "day"
	RoleDate         Role = "date"
	RolePeriod       Role = "period"
	RoleReferred     Role = "referred"
	RoleAdmitted     Role = "admitted"
	RoleCompleted    Role = "completed"
	RoleDischarged   Role = "discharged"
	RoleArm          Role = "arm"
	RoleSite         Role = "site"
	RolePayer        Role = "payer"
	RoleProcedure    Role = "procedure"
	RoleWorkBefore   Role = "work_before"
	RoleOutcome      Role = "outcome"
	RoleItem         Role = "item"
	RoleCovariate    Role = "covariate"
	RoleExposure     Role = "exposure"
	RoleWorkStatus   Role = "work_status"
	RoleSickLeave    Role = "sick_leave"
	RoleDose         Role = "dose"
	RoleDrug         Role = "drug"
	RoleRoute        Role = "route"
	RoleUnit         Role = "unit"
	RoleStrength     Role = "strength"
	RoleQuantity     Role = "quantity"
	RoleDaysSupplied Role = "days_supplied"
	RoleIndication   Role = "indication"
	RoleWearHours    Role = "wear_hours" // how long a patch is worn
	RoleStart        Role = "start"
	RoleEnd          Role = "end"
	RoleTime         Role = "time"
	RoleEvent        Role = "event"
	RoleCategory     Role = "category"
	RoleCost         Role = "cost"
	RolePriceYear    Role = "price_year"
	RoleWeight       Role = "weight"
	RoleCluster      Role = "cluster"
	RoleIgnore       Role = "ignore"
)

// Roles lists every role in the order of the cohort file's contract.
var Roles = []Role{
	RolePatient, RoleVisit, RoleRepeat, RoleDay, RoleDate, RolePeriod, RoleReferred, RoleAdmitted,
	RoleCompleted, RoleDischarged, RoleArm, RoleSite, RolePayer, RoleProcedure, RoleWorkBefore,
	RoleOutcome, RoleItem, RoleCovariate, RoleExposure, RoleWorkStatus, RoleSickLeave, RoleDose,
	RoleDrug, RoleRoute, RoleUnit, RoleStrength, RoleQuantity, RoleDaysSupplied, RoleIndication,
	RoleWearHours, RoleStart, RoleEnd, RoleTime, RoleEvent, RoleCategory, RoleCost, RolePriceYear,
	RoleWeight, RoleCluster, RoleIgnore,
}

// once lists the roles that at most one column of a table may have.
var once = []Role{
	RolePatient, RoleVisit, RoleRepeat, RoleDay, RoleDate, RolePeriod, RoleReferred, RoleAdmitted, RoleCompleted,
	RoleDischarged, RoleArm, RoleSite, RolePayer, RoleProcedure, RoleWorkBefore, RoleDose, RoleDrug,
	RoleRoute, RoleUnit, RoleStrength, RoleQuantity, RoleDaysSupplied, RoleIndication, RoleWearHours, RoleStart,
	RoleEnd, RoleTime, RoleEvent, RoleCategory, RoleCost, RolePriceYear,
}

// Type is what a column's cells hold, in the words of Table Schema.
type Type string

// The types of a column.
const (
	TypeString   Type = "string"
	TypeInteger  Type = "integer"
	TypeNumber   Type = "number"
	TypeBoolean  Type = "boolean"
	TypeDate     Type = "date"
	TypeDatetime Type = "datetime"
	TypeDuration Type = "duration" // ISO 8601, kept as days
)

var types = []Type{TypeString, TypeInteger, TypeNumber, TypeBoolean, TypeDate, TypeDatetime, TypeDuration}

// Dictionary is the decoded cohort file.
type Dictionary struct {
	Name        string            `yaml:"name" json:"name"`
	Title       string            `yaml:"title,omitempty" json:"title,omitempty"`
	Description string            `yaml:"description,omitempty" json:"description,omitempty"`
	Resources   []Resource        `yaml:"resources" json:"resources"`
	Arms        []Arm             `yaml:"arms,omitempty" json:"arms,omitempty"`
	Visits      []Visit           `yaml:"visits,omitempty" json:"visits,omitempty"`
	Rules       []Rule            `yaml:"rules,omitempty" json:"rules,omitempty"`
	Privacy     *Privacy          `yaml:"privacy,omitempty" json:"privacy,omitempty"`
	Definitions map[string]string `yaml:"definitions,omitempty" json:"definitions,omitempty"` // kind of definition to the name of the chosen one
	CaseMix     *CaseMix          `yaml:"caseMix,omitempty" json:"caseMix,omitempty"`
	OnProblem   OnProblem         `yaml:"onProblem,omitempty" json:"onProblem,omitempty"`
	// Labels gives names of visits, arms and levels and titles of columns, as they stand
	// here, their own in other languages: language, then label to label.
	Labels map[string]map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
	// Checks gives checks between cells, rows and visits, by code, another severity, or
	// switches them off.
	Checks map[string]CheckLevel `yaml:"checks,omitempty" json:"checks,omitempty"`

	// Drafted is true for a dictionary guessed from a bare data file.
	Drafted bool `yaml:"-" json:"-"`
}

// OnProblem says what a bad cell does.
type OnProblem string

// What a bad cell does.
const (
	OnProblemStop     OnProblem = "stop"      // the default: list all and refuse the cohort
	OnProblemSetAside OnProblem = "set-aside" // the cell becomes missing, counted in every result
)

// CaseMix says who a program's patients are, for comparisons with published
// groups. What is left out counts as not recorded.
type CaseMix struct {
	Payer      string `yaml:"payer,omitempty" json:"payer,omitempty"`
	WorkBefore string `yaml:"workBefore,omitempty" json:"workBefore,omitempty"`
	Procedure  string `yaml:"procedure,omitempty" json:"procedure,omitempty"`
	Population string `yaml:"population,omitempty" json:"population,omitempty"`
}

// Resource is one table and the file or files it is read from.
type Resource struct {
	Name        string            `yaml:"name" json:"name"`
	Title       string            `yaml:"title,omitempty" json:"title,omitempty"`
	Description string            `yaml:"description,omitempty" json:"description,omitempty"`
	Path        Paths             `yaml:"path" json:"path"`
	Dialect     Dialect           `yaml:"dialect,omitempty" json:"dialect,omitzero"`
	Encoding    string            `yaml:"encoding,omitempty" json:"encoding,omitempty"` // utf-8, utf-16, windows-1252, iso-8859-1
	Schema      Schema            `yaml:"schema" json:"schema"`
	Constants   map[string]string `yaml:"constants,omitempty" json:"constants,omitempty"` // role to a value that holds for the whole table
	Where       string            `yaml:"where,omitempty" json:"where,omitempty"`
	Reshape     *Reshape          `yaml:"reshape,omitempty" json:"reshape,omitempty"`
}

// Dialect says how a delimited text file is written. What is empty is found out
// from the header.
type Dialect struct {
	Delimiter string `yaml:"delimiter,omitempty" json:"delimiter,omitempty"` // "," ";" "\t" "|" or "^"
}

// Paths is one path or a list of paths with the same columns.
type Paths []string

// UnmarshalYAML accepts a text or a list of texts.
func (p *Paths) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if err := unmarshal(&one); err == nil {
		*p = Paths{one}
		return nil
	}
	var many []string
	if err := unmarshal(&many); err != nil {
		return err
	}
	*p = many
	return nil
}

// MarshalYAML writes a single path as a plain text.
func (p Paths) MarshalYAML() (any, error) {
	if len(p) == 1 {
		return p[0], nil
	}
	return []string(p), nil
}

// Schema is a table's columns and the codes that mean missing in all of them.
type Schema struct {
	Fields        []Field        `yaml:"fields" json:"fields"`
	MissingValues []MissingValue `yaml:"missingValues,omitempty" json:"missingValues,omitempty"`
}

// MissingValue is a code that means missing, with the reason it stands for.
type MissingValue struct {
	Value string `yaml:"value" json:"value"`
	Label string `yaml:"label,omitempty" json:"label,omitempty"`
}

// UnmarshalYAML accepts a text or {value, label}.
func (m *MissingValue) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if err := unmarshal(&one); err == nil {
		*m = MissingValue{Value: one}
		return nil
	}
	type plain MissingValue
	return unmarshal((*plain)(m))
}

// MarshalYAML writes a code without a label as a plain text.
func (m MissingValue) MarshalYAML() (any, error) {
	if m.Label == "" {
		return m.Value, nil
	}
	type plain MissingValue
	return plain(m), nil
}

// Field is one column.
type Field struct {
	Name          string         `yaml:"name" json:"name"`
	Column        string         `yaml:"column,omitempty" json:"column,omitempty"` // its name in the file, where that is another
	Title         string         `yaml:"title,omitempty" json:"title,omitempty"`
	Description   string         `yaml:"description,omitempty" json:"description,omitempty"`
	Type          Type           `yaml:"type" json:"type"`
	Format        string         `yaml:"format,omitempty" json:"format,omitempty"` // of dates: %Y-%m-%d (default), %d/%m/%Y ...
	Role          Role           `yaml:"role,omitempty" json:"role,omitempty"`
	Unit          string         `yaml:"unit,omitempty" json:"unit,omitempty"`
	Instrument    string         `yaml:"instrument,omitempty" json:"instrument,omitempty"`
	Item          int            `yaml:"item,omitempty" json:"item,omitempty"`   // of role item: its number in the questionnaire, from 1
	Score         string         `yaml:"score,omitempty" json:"score,omitempty"` // of role item: the score's column, where it is not named as the instrument
	Categories    []Category     `yaml:"categories,omitempty" json:"categories,omitempty"`
	Constraints   Constraints    `yaml:"constraints,omitempty" json:"constraints,omitzero"`
	MissingValues []MissingValue `yaml:"missingValues,omitempty" json:"missingValues,omitempty"` // in place of the table's
	// MissingReasons names a column of the file that holds, where a cell of this one
	// is missing, the missing code that says why: typed formats have no room for codes.
	MissingReasons string   `yaml:"missingReasons,omitempty" json:"missingReasons,omitempty"`
	DecimalChar    string   `yaml:"decimalChar,omitempty" json:"decimalChar,omitempty"` // "." (default) or ","
	GroupChar      string   `yaml:"groupChar,omitempty" json:"groupChar,omitempty"`     // between thousands, none by default
	TrueValues     []string `yaml:"trueValues,omitempty" json:"trueValues,omitempty"`
	FalseValues    []string `yaml:"falseValues,omitempty" json:"falseValues,omitempty"`
	Guess          string   `yaml:"guess,omitempty" json:"guess,omitempty"` // why a drafted entry says what it says
}

// Label returns the title a reader sees: the field's own, else its instrument's,
// else its name.
func (f Field) Label() string {
	if f.Title != "" {
		return f.Title
	}
	if i, ok := instrument.Find(f.Instrument); ok && f.Role != RoleItem {
		return i.Title
	}
	return f.Name
}

// Category is one level of a coded column.
type Category struct {
	Value string `yaml:"value" json:"value"`
	Label string `yaml:"label,omitempty" json:"label,omitempty"`
}

// UnmarshalYAML accepts a text or {value, label}.
func (c *Category) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if err := unmarshal(&one); err == nil {
		*c = Category{Value: one}
		return nil
	}
	type plain Category
	return unmarshal((*plain)(c))
}

// Constraints are Table Schema's checks on a cell.
type Constraints struct {
	Required bool     `yaml:"required,omitempty" json:"required,omitempty"`
	Unique   bool     `yaml:"unique,omitempty" json:"unique,omitempty"`
	Minimum  *float64 `yaml:"minimum,omitempty" json:"minimum,omitempty"`
	Maximum  *float64 `yaml:"maximum,omitempty" json:"maximum,omitempty"`
	Pattern  string   `yaml:"pattern,omitempty" json:"pattern,omitempty"`
	Enum     []string `yaml:"enum,omitempty" json:"enum,omitempty"`
}

// Reshape turns a wide visits table, one row a patient with a column a visit,
// into one row a patient and visit.
type Reshape struct {
	Outcome string            `yaml:"outcome" json:"outcome"` // the new column's name
	Columns map[string]string `yaml:"columns" json:"columns"` // column to visit
}

// Arm is one group of patients.
type Arm struct {
	Value string `yaml:"value" json:"value"`
	Name  string `yaml:"name,omitempty" json:"name,omitempty"`
}

// Visit is one occasion of measurement.
type Visit struct {
	Value    string   `yaml:"value" json:"value"`
	Name     string   `yaml:"name,omitempty" json:"name,omitempty"`
	Week     *float64 `yaml:"week,omitempty" json:"week,omitempty"` // weeks from entry, for order and figures
	Baseline bool     `yaml:"baseline,omitempty" json:"baseline,omitempty"`
	Role     string   `yaml:"role,omitempty" json:"role,omitempty"` // discharge or follow-up, for reports
}

// Rule is a check between cells of one row.
type Rule struct {
	Table string `yaml:"table" json:"table"`
	// Check is what must hold: a condition as in where. A comparison with a missing
	// cell does not hold; add "or x is missing" where it may be.
	Check   string `yaml:"check" json:"check"`
	Message string `yaml:"message,omitempty" json:"message,omitempty"` // what it means, told with every row that breaks it
}

// Privacy is what the owner says about identification.
type Privacy struct {
	QuasiIdentifiers []string    `yaml:"quasiIdentifiers,omitempty" json:"quasiIdentifiers,omitempty"` // columns by which others may know a patient
	Sensitive        []string    `yaml:"sensitive,omitempty" json:"sensitive,omitempty"`               // columns that nobody should learn by them
	K                int         `yaml:"k,omitempty" json:"k,omitempty"`                               // refuse a cohort in which fewer patients than this are alike; 0: tell only
	SamplingFraction float64     `yaml:"samplingFraction,omitempty" json:"samplingFraction,omitempty"` // share of the population that the cohort is; 0: all of it
	Dates            *DatesAre   `yaml:"dates,omitempty" json:"dates,omitempty"`
	Allowances       []Allowance `yaml:"allowances,omitempty" json:"allowances,omitempty"`
}

// DatesAre is the owner's word on columns of calendar dates, which Safe Harbor
// counts among the identifiers.
type DatesAre struct {
	Are    DateKind `yaml:"are" json:"are"`
	By     string   `yaml:"by" json:"by"`
	Reason string   `yaml:"reason" json:"reason"`
}

// DateKind says what a cohort's dates are.
type DateKind string

// What a cohort's dates are.
const (
	DatesShifted DateKind = "shifted"          // each patient's by an unknown number of days: intervals hold, quarters do not
	DatesLimited DateKind = "limited-data-set" // as they were, under a data use agreement
)

// Allowance is a recorded decision that a column may be carried. Column may also
// be a place beside the cells, such as "file name".
type Allowance struct {
	Column string `yaml:"column" json:"column"`
	Class  string `yaml:"class,omitempty" json:"class,omitempty"` // only this class of identifier, A to R; "" all
	By     string `yaml:"by" json:"by"`
	Reason string `yaml:"reason" json:"reason"`
}

// allowed lists what may pass, the word on dates among it.
func (p *Privacy) allowed() []Allowance {
	if p == nil {
		return nil
	}
	out := slices.Clone(p.Allowances)
	if p.Dates != nil {
		out = append(out, Allowance{Column: "dates", By: p.Dates.By, Reason: string(p.Dates.Are) + ": " + p.Dates.Reason})
	}
	return out
}

// ArmName returns the name of an arm, or its value where it has none.
func (a Arm) ArmName() string { return cmpOr(a.Name, a.Value) }

// VisitName returns the name of a visit, or its value where it has none.
func (v Visit) VisitName() string { return cmpOr(v.Name, v.Value) }

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// ParseDictionary decodes a cohort file (YAML or JSON) strictly and checks it.
// The name is used in problems alone. All that is wrong comes back at once, as
// Problems.
func ParseDictionary(name string, b []byte) (*Dictionary, error) {
	if len(b) > maxDictionary {
		return nil, Problems{{
			Severity: SeverityError, Code: CodeDictionary, File: name,
			Expected: fmt.Sprintf("expected a cohort file of at most %d bytes", maxDictionary),
		}}
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, Problems{{
			Severity: SeverityError, Code: CodeDictionary, File: name,
			Expected: "expected a cohort file, found an empty one", Mend: "see: recoup help cohort-files",
		}}
	}
	var d Dictionary
	if ps := decodeStrictly(name, b, &d); len(ps) > 0 {
		ps[len(ps)-1].Mend = "see: recoup help cohort-files"
		return nil, ps
	}
	if ps := d.check(name, lines(b)); len(ps) > 0 {
		return nil, ps
	}
	return &d, nil
}

// check returns all that is wrong with the dictionary itself. Line says where a path
// stands in its file.
func (d *Dictionary) check(file string, line func(path string) int) Problems {
	var ps Problems
	resource, fieldAt := -1, map[string]int{} // what is being checked, and where its columns are
	bad := func(table, column, expected string, args ...any) {
		p := Problem{
			Severity: SeverityError, Code: CodeDictionary, File: file, Table: table,
			Column: column, Expected: fmt.Sprintf(expected, args...),
		}
		if resource >= 0 {
			at := fmt.Sprintf("$.resources[%d]", resource)
			if i, ok := fieldAt[column]; ok && column != "" {
				at += fmt.Sprintf(".schema.fields[%d]", i)
			}
			p.Line = line(at)
		}
		ps = append(ps, p)
	}
	if d.Name == "" {
		bad("", "", "expected a name for the cohort: name: my-cohort")
	}
	if len(d.Resources) == 0 {
		bad("", "", "expected at least one table under resources")
	}
	if d.OnProblem != "" && d.OnProblem != OnProblemStop && d.OnProblem != OnProblemSetAside {
		bad("", "", "expected onProblem to be stop or set-aside")
	}
	seen := map[string]bool{}
	for i := range d.Resources {
		r := &d.Resources[i]
		resource, fieldAt = i, make(map[string]int, len(r.Schema.Fields))
		for k := range r.Schema.Fields {
			fieldAt[r.Schema.Fields[k].Name] = k
		}
		if r.Name == "" {
			bad(fmt.Sprintf("resource %d", i+1), "", "expected a name: patients, visits, doses, work, costs or another word")
			continue
		}
		if seen[r.Name] {
			bad(r.Name, "", "expected each table's name once")
		}
		seen[r.Name] = true
		d.checkResource(r, bad)
	}
	resource = -1
	checkValues("arm", len(d.Arms), func(i int) (string, string) { return d.Arms[i].Value, d.Arms[i].Name }, bad)
	checkValues("visit", len(d.Visits), func(i int) (string, string) { return d.Visits[i].Value, d.Visits[i].Name }, bad)
	baselines := 0
	for _, v := range d.Visits {
		if v.Baseline {
			baselines++
		}
	}
	if baselines > 1 {
		bad("", "", "expected at most one visit with baseline: true, found %d", baselines)
	}
	for i, r := range d.Rules {
		if _, err := ParseCondition(r.Check); err != nil || !seen[r.Table] {
			bad(r.Table, "", "expected rule %d to name a table and say under check what must hold, such as: discharged >= admitted", i+1)
		}
	}
	d.checkChecks(bad)
	if d.Privacy != nil {
		d.checkPrivacy(bad)
	}
	return ps
}

func (d *Dictionary) checkPrivacy(bad func(string, string, string, ...any)) {
	p := d.Privacy
	for i, a := range p.Allowances {
		if a.Column == "" || a.By == "" || a.Reason == "" {
			bad("", "", "expected allowance %d under privacy to say column, by and reason", i+1)
		}
		if a.Class != "" && (len(a.Class) != 1 || a.Class[0] < 'A' || a.Class[0] > 'R') {
			bad("", "", "expected the class of allowance %d under privacy to be a letter from A to R; see: recoup help privacy", i+1)
		}
	}
	if t := p.Dates; t != nil && (t.Are != DatesShifted && t.Are != DatesLimited || t.By == "" || t.Reason == "") {
		bad("", "", "expected dates under privacy to say are: shifted or limited-data-set, by and reason")
	}
	if p.K < 0 || p.SamplingFraction < 0 || p.SamplingFraction > 1 {
		bad("", "", "expected k under privacy to be at least 0, and samplingFraction from 0 to 1")
	}
	for _, name := range slices.Concat(p.QuasiIdentifiers, p.Sensitive) {
		if !slices.ContainsFunc(d.Resources, func(r Resource) bool {
			return r.Constants[name] != "" || slices.ContainsFunc(r.Schema.Fields, func(f Field) bool { return f.Name == name })
		}) {
			bad("", name, "expected the column named under privacy to be described under fields")
		}
	}
}

func checkValues(what string, n int, at func(int) (value, name string), bad func(string, string, string, ...any)) {
	seen := map[string]bool{}
	for i := range n {
		value, name := at(i)
		if value == "" {
			bad("", "", "expected %s %d to have a value", what, i+1)
		}
		words := []string{value}
		if name != value && name != "" {
			words = append(words, name)
		}
		for _, w := range words {
			if seen[w] {
				bad("", "", "expected each %s's value and name once; %s %d repeats one", what, what, i+1)
			}
			seen[w] = true
		}
	}
}

func (d *Dictionary) checkResource(r *Resource, bad func(string, string, string, ...any)) {
	if len(r.Path) == 0 {
		bad(r.Name, "", "expected a path to the table's file")
	}
	if len(r.Schema.Fields) == 0 {
		bad(r.Name, "", "expected the table's columns under schema: fields:")
	}
	switch r.Dialect.Delimiter {
	case "", ",", ";", "\t", "|", "^":
	default:
		bad(r.Name, "", `expected the delimiter to be ",", ";", "|", "^" or "\t"`)
	}
	if r.Encoding != "" {
		if _, err := decoderOf(r.Encoding); err != nil {
			bad(r.Name, "", "%s", err.Error())
		}
	}
	names, roles := map[string]bool{}, map[Role]string{}
	for i := range r.Schema.Fields {
		f := &r.Schema.Fields[i]
		if f.Name == "" {
			bad(r.Name, "", "expected column %d to have a name", i+1)
			continue
		}
		if names[f.Name] {
			bad(r.Name, f.Name, "expected each column once")
		}
		names[f.Name] = true
		if f.Column != "" && f.Column != f.Name && slices.ContainsFunc(r.Schema.Fields, func(o Field) bool { return o.Name != f.Name && cmpOr(o.Column, o.Name) == f.Column }) {
			bad(r.Name, f.Name, "expected each column of the file for one field")
		}
		checkField(r.Name, f, bad)
		if slices.Contains(once, f.Role) {
			if other := roles[f.Role]; other != "" {
				bad(r.Name, f.Name, "expected one column with the role %s; %q has it too", f.Role, other)
			}
			roles[f.Role] = f.Name
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.Constants)) {
		if !slices.Contains(Roles, Role(key)) {
			bad(r.Name, key, "expected constants to be named by a role, such as drug or route")
		} else if roles[Role(key)] != "" {
			bad(r.Name, key, "expected either a constant or a column for the role, not both")
		}
	}
	r.itemSets(func(column, expected string, args ...any) { bad(r.Name, column, expected, args...) })
	if roles[RolePatient] == "" && len(r.Schema.Fields) > 0 {
		bad(r.Name, "", "expected one column with role: patient, by which tables are joined")
	}
	if r.Where != "" {
		if _, err := ParseCondition(r.Where); err != nil {
			bad(r.Name, "", "where: %v", err)
		}
	}
	if r.Reshape != nil {
		if r.Reshape.Outcome == "" || len(r.Reshape.Columns) == 0 {
			bad(r.Name, "", "expected reshape to say outcome and columns")
		}
		for _, c := range slices.Sorted(maps.Keys(r.Reshape.Columns)) {
			if !names[c] {
				bad(r.Name, c, "expected the column named in reshape to be described under fields")
			}
		}
	}
}

func checkField(table string, f *Field, bad func(string, string, string, ...any)) {
	if f.Type == "" {
		f.Type = TypeString
	}
	if !slices.Contains(types, f.Type) {
		bad(table, f.Name, "expected a type among string, integer, number, boolean, date, datetime, duration")
	}
	if f.Role != "" && !slices.Contains(Roles, f.Role) {
		bad(table, f.Name, "expected a known role, such as patient, visit, arm, outcome or covariate; see: recoup help cohort-files")
	}
	if f.Role == RolePatient && f.Type != TypeString {
		bad(table, f.Name, "expected type: string for the patient column: as numbers 007 and 7 would be one patient")
	}
	if numericRole(f.Role) && f.Type != TypeNumber && f.Type != TypeInteger && f.Type != TypeBoolean {
		bad(table, f.Name, "expected type number or integer for the role %s", f.Role)
	}
	checkInstrument(table, f, bad)
	switch f.DecimalChar {
	case "", ".", ",":
	default:
		bad(table, f.Name, `expected decimalChar to be "." or ","`)
	}
	if f.GroupChar != "" && f.GroupChar == cmpOr(f.DecimalChar, ".") {
		bad(table, f.Name, "expected groupChar and decimalChar to differ")
	}
	if f.Type == TypeDate || f.Type == TypeDatetime {
		if _, err := goLayout(f.Format, f.Type); err != nil {
			bad(table, f.Name, "%v", err)
		}
	}
	if c := f.Constraints; c.Minimum != nil && c.Maximum != nil && *c.Minimum > *c.Maximum {
		bad(table, f.Name, "expected minimum to be at most maximum")
	}
	if f.Constraints.Pattern != "" {
		if _, err := compilePattern(f.Constraints.Pattern); err != nil {
			bad(table, f.Name, "expected pattern to be a regular expression")
		}
	}
}

func numericRole(r Role) bool {
	switch r {
	case RoleOutcome, RoleItem, RoleDose, RoleStrength, RoleQuantity, RoleDaysSupplied, RoleWearHours, RoleTime, RoleCost, RoleDay, RoleWeight:
		return true
	}
	return false
}

// InOrder returns the places of levels in the order of the field's categories, and then
// by name: the order of rows in a file means nothing.
func (f Field) InOrder(levels []string) []int {
	order, rank := make([]int, len(levels)), make([]int, len(levels))
	for i, name := range levels {
		order[i] = i
		rank[i] = slices.IndexFunc(f.Categories, func(c Category) bool { return c.Value == name || c.Label == name })
		if rank[i] < 0 {
			rank[i] = len(f.Categories)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), strings.Compare(levels[a], levels[b]))
	})
	return order
}
