package redcap

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"recoup/datasets"
)

const (
	maxLevels = 25 // different texts up to which a text without validation is carried
	minCells  = 5  // cells that each of them must have on average
	maxTables = 100
)

// usualMissing are the codes that REDCap proposes for missing data, those of HL7,
// and the negative numbers in common use. A project's own list is not in its data
// dictionary.
var usualMissing = map[string]string{
	"NI": "no information", "INV": "invalid", "UNK": "unknown", "NASK": "not asked", "ASKU": "asked but unknown",
	"NAV": "temporarily unavailable", "MSK": "masked", "NA": "not applicable", "NAVU": "not available", "NP": "not present",
	"QS": "sufficient quantity", "QI": "insufficient quantity", "TRC": "trace", "UNC": "unencoded", "DER": "derived",
	"PINF": "positive infinity", "NINF": "negative infinity", "OTH": "other",
	"-7": "", "-8": "", "-9": "", "-66": "", "-77": "", "-88": "", "-95": "", "-96": "", "-97": "", "-98": "", "-99": "",
	"-666": "", "-777": "", "-888": "", "-999": "", "-9999": "",
}

// Draft drafts a cohort file from a project's data dictionary and its exports,
// with codes or with labels. What the dictionary says (types, choices, ranges,
// identifiers) is taken from it; roles and instruments are guessed from names.
// Rows that repeat become tables of their own. The problems, none of severity
// error, are what a person must know of the draft.
func Draft(ctx context.Context, dictionary string, exports []string, open OpenFunc) (*datasets.Dictionary, datasets.Problems, error) {
	p, err := readDictionary(ctx, dictionary, open)
	if err != nil {
		return nil, nil, err
	}
	d := &datasets.Dictionary{Name: word(name(exports[0])), Drafted: true}
	told := datasets.NewProblemList()
	for i, path := range exports {
		e, err := readExport(ctx, path, p, open)
		if err != nil {
			return nil, nil, err
		}
		dr := drafter{project: p, export: e, told: told}
		for _, r := range dr.tables() {
			if i > 0 || slices.ContainsFunc(d.Resources, func(o datasets.Resource) bool { return o.Name == r.Name }) {
				r.Name = word(name(path) + "-" + r.Name)
			}
			d.Resources = append(d.Resources, r)
		}
		for _, v := range dr.visits() {
			if !slices.ContainsFunc(d.Visits, func(o datasets.Visit) bool { return o.Value == v.Value }) {
				d.Visits = append(d.Visits, v)
			}
		}
		dr.tell()
	}
	b, err := d.YAML()
	if err != nil {
		return nil, nil, err
	}
	if _, err := datasets.ParseDictionary("draft", b); err != nil {
		return nil, nil, err
	}
	return d, told.All(), nil
}

func name(path string) string { return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) }

var notWord = regexp.MustCompile(`[^a-z0-9]+`)

func word(s string) string {
	return cmp.Or(strings.Trim(notWord.ReplaceAllString(strings.ToLower(s), "-"), "-"), "redcap")
}

type drafter struct {
	project *project
	export  *export
	told    *datasets.ProblemList
	missing []datasets.MissingValue
}

func (d *drafter) has(u use) *column {
	for i := range d.export.columns {
		if d.export.columns[i].use == u {
			return &d.export.columns[i]
		}
	}
	return nil
}

// tables drafts one table of the rows that do not repeat and one for each kind of
// rows that do, so that visits and repeats do not mix.
func (d *drafter) tables() []datasets.Resource {
	d.missing = d.findMissing()
	plainName := "patients"
	if d.has(eventColumn) != nil {
		plainName = "visits"
	}
	var out []datasets.Resource
	if len(d.export.repeating) == 0 && !d.export.repeatedEvents {
		return append(out, d.table(plainName, "", func(column) bool { return true }, false))
	}
	instrument := ""
	if c := d.has(instrumentColumn); c != nil {
		instrument = c.name
	}
	inPlain := func(c column) bool {
		return c.use >= eventColumn || c.look.in[""] || !slices.ContainsFunc(d.export.repeating, func(r string) bool { return c.look.in[r] || isForm(r, c.form) })
	}
	parts := func(conditions ...string) string {
		return strings.Join(slices.DeleteFunc(conditions, func(s string) bool { return s == "" }), " and ")
	}
	noInstrument, noInstance := "", ""
	if instrument != "" {
		noInstrument = instrument + " is missing"
	}
	if d.has(instanceColumn) != nil {
		noInstance = "redcap_repeat_instance is missing"
	}
	if d.export.plainRows {
		out = append(out, d.table(plainName, parts(noInstrument, noInstance), inPlain, false))
	}
	if d.export.repeatedEvents {
		out = append(out, d.table("repeated-events", parts(noInstrument, strings.Replace(noInstance, "is missing", "is not missing", 1)), inPlain, true))
	}
	for i, r := range d.export.repeating {
		quote := `"`
		if strings.Contains(r, quote) {
			quote = "'"
		}
		if i == maxTables || strings.Contains(r, quote) {
			d.told.Add(datasets.Problem{
				Severity: datasets.SeverityWarning, Code: datasets.CodeDraft, File: d.export.path, Column: instrument,
				Expected: "the rows of a repeating instrument are in no table: there are too many instruments, or its name holds both kinds of quotes",
				Mend:     "export raw data (codes), or a part of the instruments",
			})
			continue
		}
		out = append(out, d.table(word(r), instrument+" = "+quote+r+quote, func(c column) bool {
			return c.use >= eventColumn || c.look.in[r] || isForm(r, c.form) || c.def == &d.project.fields[0]
		}, true))
	}
	return out
}

// isForm reports whether a repeat instrument, written by name or by label, is the
// form, as far as can be known: a form's own label is not in the dictionary.
func isForm(written, form string) bool {
	return written == form || strings.ReplaceAll(word(written), "-", "_") == form
}

// table drafts the fields of one table; all other columns of the file are
// ignored.
func (d *drafter) table(name, where string, holds func(column) bool, repeats bool) datasets.Resource {
	r := datasets.Resource{Name: name, Path: datasets.Paths{d.export.path}, Where: where}
	r.Schema.MissingValues = append([]datasets.MissingValue{{Value: ""}}, d.missing...)
	taken := map[datasets.Role]bool{}
	for _, c := range d.export.columns {
		if !holds(c) {
			r.Schema.Fields = append(r.Schema.Fields, datasets.Field{Name: c.name, Column: other(c), Type: datasets.TypeString, Role: datasets.RoleIgnore, Guess: "the column belongs to another table"})
			continue
		}
		f := d.field(c, repeats)
		if taken[f.Role] && datasets.OnlyOnce(f.Role) {
			f.Role = ""
		}
		taken[f.Role] = true
		r.Schema.Fields = append(r.Schema.Fields, f)
	}
	datasets.GuessItems(r.Schema.Fields, d.answers)
	for _, u := range d.export.unknown {
		if u != "" {
			r.Schema.Fields = append(r.Schema.Fields, datasets.Field{Name: u, Type: datasets.TypeString, Role: datasets.RoleIgnore, Guess: "the data dictionary does not have the column"})
		}
	}
	return r
}

// answers returns the range of a field's choices, where all are whole numbers but
// for the codes that mean missing.
func (d *drafter) answers(f *datasets.Field) (datasets.Answers, bool) {
	a := datasets.Answers{Declared: true}
	n := 0
	for _, c := range f.Categories {
		v, err := strconv.Atoi(c.Value)
		if slices.ContainsFunc(slices.Concat(d.missing, f.MissingValues), func(m datasets.MissingValue) bool { return m.Value == c.Value }) {
			continue
		}
		if err != nil {
			return a, false
		}
		if n == 0 {
			a.Low, a.High = float64(v), float64(v)
		}
		a.Low, a.High = min(a.Low, float64(v)), max(a.High, float64(v))
		n++
	}
	return a, n > 0 && f.Role == "" && !d.export.labels
}

// other returns a column's name in the file where that is not the field's.
func other(c column) string {
	if c.inFile == c.name {
		return ""
	}
	return c.inFile
}

// field writes down what a column means.
func (d *drafter) field(c column, repeats bool) datasets.Field {
	f := datasets.Field{Name: c.name, Column: other(c), Type: datasets.TypeString, Title: title(c), Guess: "from the data dictionary"}
	switch c.use {
	case eventColumn:
		f.Role = datasets.RoleVisit
	case instanceColumn:
		f.Type = datasets.TypeInteger
		if repeats {
			f.Role = datasets.RoleRepeat
		}
	case groupColumn:
		f.Role = datasets.RoleSite
	case instrumentColumn:
	case surveyColumn:
		f.Role, f.Guess = datasets.RoleIgnore, "privacy: it may identify a person"
	case stampColumn:
		f.Role, f.Guess = datasets.RoleIgnore, "privacy: the moment at which a survey was sent in"
	case checkboxColumn:
		if d.export.ticks {
			f.Role, f.Guess = datasets.RoleIgnore, "a box that is not ticked is blank in this export, like one that was not asked"
		} else {
			d.levels(&f, c)
		}
	case completeColumn:
		d.levels(&f, c)
	default:
		d.projectField(&f, c)
	}
	d.ownMissing(&f, c.look)
	return f
}

func title(c column) string {
	switch c.use {
	case fieldColumn:
		return c.def.label
	case checkboxColumn:
		return c.def.label + ": " + c.choice.label
	case completeColumn:
		return c.form + ": complete?"
	}
	return ""
}

// projectField writes down what the dictionary says of a field, and a role and an
// instrument that its name tells of.
func (d *drafter) projectField(f *datasets.Field, c column) {
	if c.def == &d.project.fields[0] {
		f.Role, f.Guess = datasets.RolePatient, "the project's record identifier"
		return
	}
	if why := private(c); why != "" {
		f.Role, f.Guess = datasets.RoleIgnore, "privacy: "+why
		return
	}
	f.Type, f.Format = c.def.typed()
	if f.Type == datasets.TypeNumber || f.Type == datasets.TypeInteger {
		odd := 0
		for s, n := range c.look.odd {
			if _, known := usualMissing[s]; !known {
				odd += n
			}
		}
		if c.def.kind == "calc" && 2*odd > c.look.cells { // a calculation may give a date or a text
			f.Type = datasets.TypeString
		} else if f.Constraints = c.def.bounds(); f.Type == datasets.TypeNumber && c.look.comma(c.def.validation) {
			f.DecimalChar = ","
		}
	}
	if c.def.choices != nil {
		d.levels(f, c)
	} else if f.Type == datasets.TypeString && c.look.cells > 0 && c.look.numbers && c.def.kind == "text" && c.def.validation == "" {
		f.Type, f.Guess = datasets.TypeNumber, "type from the cells"
	}
	d.guess(f, c)
}

// levels writes down the choices of a coded column, as the export's cells are
// written.
func (d *drafter) levels(f *datasets.Field, c column) {
	seen := map[string]bool{}
	for _, ch := range c.coded() {
		level := datasets.Category{Value: ch.code, Label: ch.label}
		if d.export.labels {
			level = datasets.Category{Value: cmp.Or(c.look.written[ch.label], ch.label)}
		}
		if level.Value == "" || seen[level.Value] {
			d.told.Add(datasets.Problem{
				Severity: datasets.SeverityWarning, Code: datasets.CodeDraft, File: d.export.path, Column: c.name,
				Expected: "two choices have the same label, or one has none; in an export of labels they cannot be told apart",
				Mend:     "export raw data (codes)",
			})
			continue
		}
		seen[level.Value] = true
		f.Categories = append(f.Categories, level)
	}
}

// guess adds a role and an instrument by the field's name. Choices that are
// numbers become numbers where the name tells of an instrument.
func (d *drafter) guess(f *datasets.Field, c column) {
	typ := f.Type
	if f.Categories != nil && !d.export.labels && !slices.ContainsFunc(f.Categories, func(l datasets.Category) bool { return !wholeNumber.MatchString(l.Value) }) {
		typ = datasets.TypeInteger
	}
	role, instrument := datasets.GuessByName(c.name, typ)
	switch {
	case role == datasets.RolePatient, role == datasets.RoleVisit:
	case role == datasets.RolePeriod:
		f.Role, f.Guess = datasets.RoleIgnore, "it may hold quarters, which identify more than a year: to carry it give it role: period and record an allowance under privacy"
	case instrument != "":
		f.Role, f.Instrument, f.Type = role, instrument, typ
		f.Categories = nil
		f.Guess += "; instrument from the name"
	case role != "" && typ == f.Type:
		f.Role = role
		f.Guess += "; role from the name"
	}
}

var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,8})$`)

// private says why a field is not carried, "" where nothing speaks against it.
func private(c column) string {
	d := c.def
	switch {
	case d.identifier:
		return "flagged as an identifier in REDCap"
	case d.kind == "notes":
		return "free text may name a person"
	case d.kind == "file":
		return "an upload or a signature"
	}
	for _, v := range []string{"email", "phone", "postalcode", "zipcode", "ssn", "mrn", "vmrn", "signature"} {
		if strings.HasPrefix(d.validation, v) {
			return "validated as " + v
		}
	}
	if c.free() && (len(c.look.texts) > maxLevels || c.look.cells < minCells*len(c.look.texts)) {
		return "free text that hardly repeats may tell of a person; give it a role to carry it"
	}
	return ""
}

// free reports whether the cells may be any text: letters, a query's answers and
// what a hospital validates in its own way (numbers of a person among them) may
// name somebody as well as a text without validation does.
func (c column) free() bool {
	d := c.def
	return c.look.code == nil && c.look.shape == nil && !strings.HasPrefix(d.validation, "time") &&
		(!c.look.numbers || d.kind == "text" && d.validation != "")
}

// findMissing finds the usual codes for missing data among the cells that do not
// fit their fields, and in those of numbers that are else never below zero.
func (d *drafter) findMissing() []datasets.MissingValue {
	found := map[string]bool{}
	for _, c := range d.export.columns {
		for s := range c.look.odd {
			if _, known := usualMissing[s]; known {
				found[s] = true
			}
		}
		if !c.look.below {
			maps.Copy(found, c.look.usual)
		}
	}
	var out []datasets.MissingValue
	for _, s := range slices.Sorted(maps.Keys(found)) {
		out = append(out, datasets.MissingValue{Value: s, Label: usualMissing[s]})
	}
	return out
}

// ownMissing keeps a code for missing out of a column where it is a level, or a number
// among others below zero.
func (d *drafter) ownMissing(f *datasets.Field, l *look) {
	own := []datasets.MissingValue{{Value: ""}}
	for _, m := range d.missing {
		if !slices.ContainsFunc(f.Categories, func(c datasets.Category) bool { return c.Value == m.Value }) && !(l.below && l.usual[m.Value]) {
			own = append(own, m)
		}
	}
	if len(own) <= len(d.missing) {
		f.MissingValues = own
	}
}

// visits lists the events in order of appearance. Names drop the arm's number
// where there is one arm only.
func (d *drafter) visits() []datasets.Visit {
	var out []datasets.Visit
	arms, baselines := map[string]bool{}, 0
	for _, e := range d.export.events {
		arms[arm(e)] = true
		if strings.Contains(strings.ToLower(e), "baseline") {
			baselines++
		}
	}
	names := map[string]bool{}
	for _, e := range d.export.events {
		v := datasets.Visit{Value: e, Baseline: baselines == 1 && strings.Contains(strings.ToLower(e), "baseline")}
		if short := strings.ReplaceAll(armOf.ReplaceAllString(e, ""), "_", " "); len(arms) == 1 && short != "" && short != e && !names[short] && !slices.Contains(d.export.events, short) {
			v.Name = short
			names[short] = true
		}
		out = append(out, v)
	}
	return out
}

// armOf ends an event's name, or its label in a project of several arms. A letter
// tells apart events whose names would else be the same.
var armOf = regexp.MustCompile(`(?:_arm_([0-9]+)[a-z]?| \(Arm ([0-9]+): .*\))$`)

// arm returns the number of an event's arm, "" where it has none.
func arm(event string) string {
	m := armOf.FindStringSubmatch(event)
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

// tell says what a person must know of the draft.
func (d *drafter) tell() {
	e := d.export
	warn := func(column, expected, mend string) {
		d.told.Add(datasets.Problem{Severity: datasets.SeverityWarning, Code: datasets.CodeDraft, File: e.path, Column: column, Expected: expected, Mend: mend})
	}
	for _, h := range e.unclear {
		warn(h, "the header stands for more than one column, so it cannot be told which field it is; it is not carried", "export raw data (codes and names), or make the field's label its own")
	}
	for _, u := range e.unknown {
		if u == "" {
			continue // the header repeats a name, or has none
		}
		if d.project.ofCheckbox(u) {
			warn(u, "the column is of a checkbox, but not of a choice that the data dictionary has: a missing data code of the project, whose boxes are blank where it is ticked, or a choice that was added or removed; it is not carried", "where it is no missing data code, download the data dictionary of the same day")
			continue
		}
		warn(u, "the data dictionary does not have the column; it is not carried", "download the data dictionary of the same day")
	}
	if e.ticks {
		warn("", "the export holds the choice's label where a box is ticked and nothing where it is not, so that not ticked cannot be told from not asked; checkboxes are not carried", "export raw data (codes)")
	}
	if e.entries > 0 {
		warn(d.project.fields[0].name, fmt.Sprintf("the record identifier ends in --1 or --2 in %d rows, as it does where data are entered twice: each person would be counted once per entry", e.entries), "merge the entries in REDCap and export the merged records, or leave one entry out by where")
	}
	for _, c := range e.columns {
		if c.look.outside > 0 && private(c) == "" {
			warn(c.name, fmt.Sprintf("cells beyond the field's range: %d; REDCap only warns of them, a cohort with them is refused", c.look.outside), "correct them in REDCap, or widen minimum and maximum under constraints")
		}
	}
	if e.labels {
		warn("", "the export holds labels in place of codes; instruments cannot be scored from labels", "export raw data (codes)")
	}
	if len(d.missing) > 0 {
		var codes []string
		for _, m := range d.missing {
			codes = append(codes, m.Value)
		}
		warn("", "usual codes for missing data were found and declared: "+strings.Join(codes, ", ")+"; the project's own list is not in its data dictionary", "compare them with the project's list of missing data codes")
	}
	arms := map[string]bool{}
	for _, v := range e.events {
		if a := arm(v); a != "" {
			arms[a] = true
		}
	}
	if len(arms) > 1 {
		warn("redcap_event_name", "the events belong to several arms of the project, which are in the event's name alone", "give a column of the allocated treatment role: arm")
	}
	if d.has(checkboxColumn) != nil && !e.ticks {
		warn("", "a box that nobody saw is exported like one left unticked: 0 may mean that the form was not filled in", "look at the form's complete column, or export gray forms as blank")
	}
	if e.repeatedEvents {
		warn("redcap_repeat_instance", "whole events repeat; their rows are in the table repeated-events, not among the visits", "")
	}
}
