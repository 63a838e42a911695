package datasets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/apache/arrow/go/v17/arrow"

	"recoup/datasets/instrument"
)

// draftRows is how many rows of a file are looked at to guess its columns.
const draftRows = 200_000

// usualMissing are texts that files use for missing; a draft declares those it
// finds.
var usualMissing = []string{"", "NA", "NaN", "nan", "N/A", "n/a", "NULL", "null", ".", "#N/A", "missing", "-", "<NA>", "NaT", "k.A.", "k. A."}

// rolesByName guesses a role from a column's name; the first that matches wins.
var rolesByName = []struct {
	role Role
	name *regexp.Regexp
}{
	{RolePatient, regexp.MustCompile(`^(id|pid|who|mrn|patient|patnr|subject|record|participant|person|usubjid|pseudonym)(_?(id|no|nr|num|number|key|code))?$|^(study|pat|subj|case|client|patienten|fall)_?(id|no|nr|num|number|nummer|code)$`)},
	{RoleVisit, regexp.MustCompile(`^(visit|event|redcap_event_name|occasion|time_?point|wave|assessment|besuch|zeitpunkt|messzeitpunkt)(_?(name|id|no))?$`)},
	{RoleArm, regexp.MustCompile(`^(arm|group|treatment|allocation|trt)(_?(name|id))?$`)},
	{RoleSite, regexp.MustCompile(`^(site|cent(er|re)|clinic|hospital|facility)(_?(name|id))?$`)},
	{RoleDay, regexp.MustCompile(`^(day|study_?day)$`)},
	{RoleDate, regexp.MustCompile(`^(date|visit_?date|fill_?date)$`)},
	{RoleReferred, regexp.MustCompile(`^(referral|referred)(_?date)?$`)},
	{RoleAdmitted, regexp.MustCompile(`^(admission|admitted|admit|intake)(_?date)?$`)},
	{RoleDischarged, regexp.MustCompile(`^(discharge|discharged)(_?date)?$`)},
	{RoleCompleted, regexp.MustCompile(`^(completed|completion)$`)},
	{RolePeriod, regexp.MustCompile(`^(period|quarter)$`)},
	{RolePayer, regexp.MustCompile(`^(payer|payor|insurance|funding)$`)},
	{RoleProcedure, regexp.MustCompile(`^(procedure|surgery_?type)$`)},
	{RoleWorkStatus, regexp.MustCompile(`^(work|employment)(_?status)?$`)},
	{RoleWorkBefore, regexp.MustCompile(`^work_?before$`)},
	{RoleDose, regexp.MustCompile(`^(dose|daily_?dose|mg_?(per_?)?day)$`)},
	{RoleDrug, regexp.MustCompile(`^(drug|medication|opioid_?name)$`)},
	{RoleRoute, regexp.MustCompile(`^route$`)},
	{RoleStrength, regexp.MustCompile(`^strength$`)},
	{RoleQuantity, regexp.MustCompile(`^(quantity|qty)$`)},
	{RoleDaysSupplied, regexp.MustCompile(`^days_?suppl(y|ied)$`)},
	{RoleIndication, regexp.MustCompile(`^indication$`)},
	{RoleStart, regexp.MustCompile(`^start(_?(day|date))?$`)},
	{RoleEnd, regexp.MustCompile(`^(end|stop)(_?(day|date))?$`)},
	{RoleTime, regexp.MustCompile(`^(time|days?_?to_?event|duration|followup_?days)$`)},
	{RoleEvent, regexp.MustCompile(`^(event|status)$`)},
	{RoleCost, regexp.MustCompile(`^(cost|amount_?paid|charge)$`)},
}

// instrumentsByName guesses an instrument from a column's name.
var instrumentsByName = []struct {
	instrument string
	name       *regexp.Regexp
}{
	{"nrs", regexp.MustCompile(`^(nrs|pain|pain_?(avg|average|nrs|now|intensity))$`)},
	{"bpi-interference", regexp.MustCompile(`bpi.*interf`)},
	{"bpi-severity", regexp.MustCompile(`bpi.*(sever|intens)`)},
	{"phq9", regexp.MustCompile(`^phq_?9(_?(total|score))?$`)},
	{"gad7", regexp.MustCompile(`^gad_?7(_?(total|score))?$`)},
	{"pcs", regexp.MustCompile(`^pcs(_?(total|score))?$`)},
	{"pseq", regexp.MustCompile(`^pseq(_?(total|score))?$`)},
	{"odi", regexp.MustCompile(`^odi(_?(total|score))?$`)},
	{"rmdq", regexp.MustCompile(`^rmdq?(_?(total|score))?$`)},
	{"isi", regexp.MustCompile(`^isi(_?(total|score))?$`)},
	{"tsk11", regexp.MustCompile(`^tsk_?11$`)},
	{"peg", regexp.MustCompile(`^peg$`)},
}

// Draft guesses the dictionary of data files: types, levels, missing codes and
// likely roles. Every guess says so in the field's guess; a person must check
// them. Each file becomes one table.
func Draft(ctx context.Context, paths []string, open func(context.Context, string, Resource) (Source, error)) (*Dictionary, error) {
	d := &Dictionary{Drafted: true}
	var ps Problems
	for _, path := range paths {
		base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if _, sheet, found := strings.Cut(filepath.Base(path), "#"); found {
			base = sheet // of a workbook: its sheets are tables
		}
		if d.Name == "" {
			d.Name = slug(base)
		}
		r, visits, arms, err := draftTable(ctx, path, slug(base), open)
		if found := Problems(nil); errors.As(err, &found) {
			ps = append(ps, found...)
			continue
		}
		if err != nil {
			return nil, err
		}
		d.Resources = append(d.Resources, r)
		for _, v := range visits {
			if !slices.ContainsFunc(d.Visits, func(o Visit) bool { return o.Value == v.Value }) {
				d.Visits = append(d.Visits, v)
			}
		}
		for _, a := range arms {
			if !slices.ContainsFunc(d.Arms, func(o Arm) bool { return o.Value == a.Value }) {
				d.Arms = append(d.Arms, a)
			}
		}
	}
	if len(ps) > 0 {
		return nil, ps
	}
	if ps := d.check("draft", func(string) int { return 0 }); len(ps) > 0 {
		return nil, ps
	}
	return d, nil
}

// headerWords is a column's name in small letters, its words joined by one underscore:
// Patient-ID, patientId and "Patient (ID)" are all patient_id.
func headerWords(name string) string {
	var b strings.Builder
	before := rune(0)
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = '_'
			if before == '_' {
				continue
			}
		case unicode.IsUpper(r) && unicode.IsLower(before):
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
		before = r
	}
	return strings.Trim(b.String(), "_")
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(s string) string {
	s = strings.Trim(notSlug.ReplaceAllString(strings.ToLower(s), "-"), "-")
	if s == "" {
		return "cohort"
	}
	return s
}

// sample is what is known of a column while it is looked at.
type sample struct {
	name    string
	levels  []string
	seen    map[string]bool
	many    bool // more levels than are kept
	integer bool
	number  bool
	comma   bool // numbers if the decimal mark is a comma
	boolean bool
	dates   []string // date formats that every cell fits so far
	times   []string // and those of dates with a time of day
	missing []string
	cells   int
}

// maxLevels is how many different texts a coded column may have in a draft.
const maxLevels = 25

// minCells is how many cells a level must have on average before a draft writes
// the levels down: texts that hardly repeat may tell of a person.
const minCells = 5

// What is remembered of a column: so many different texts of so many bytes.
const (
	maxKept     = 2000
	maxKeptText = 1000
)

var dateFormats = []string{"%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%b-%Y"}

var timeFormats = []string{"", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"}

func draftTable(ctx context.Context, path, name string, open func(context.Context, string, Resource) (Source, error)) (Resource, []Visit, []Arm, error) {
	r := Resource{Name: name, Path: Paths{path}}
	src, err := open(ctx, path, r)
	if err != nil {
		return r, nil, nil, err
	}
	defer func() { _ = src.Close() }()
	samples := make([]*sample, len(src.Columns()))
	for i, c := range src.Columns() {
		samples[i] = &sample{name: c, seen: map[string]bool{}, integer: true, number: true, comma: true, boolean: true, dates: slices.Clone(dateFormats), times: slices.Clone(timeFormats)}
	}
	rows := 0
	for rows < draftRows {
		chunk, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r, nil, nil, err
		}
		rows += chunk.Rows
		for j, s := range samples {
			s.look(chunk, j)
		}
	}
	var bad Problems
	for _, p := range src.Problems() {
		if p.Severity == SeverityError {
			bad = append(bad, p)
		}
	}
	if len(bad) > 0 {
		return r, nil, nil, bad
	}
	if rows == 0 {
		return r, nil, nil, Problems{{Severity: SeverityError, Code: CodeEmpty, Table: name, File: path, Expected: "expected rows below the header, found none"}}
	}
	taken := map[Role]bool{}
	var missing []string
	var described []Field
	if d, ok := src.(Describer); ok {
		described = d.Describe()
		for _, f := range described {
			taken[f.Role] = true // no guess takes it from the column that has it
		}
	}
	for i, s := range samples {
		if s.name == "" {
			continue
		}
		if described != nil && described[i].Guess == guessFromFile {
			r.Schema.Fields = append(r.Schema.Fields, described[i])
			continue
		}
		f := s.field(taken)
		if described != nil {
			f = f.said(described[i])
		}
		r.Schema.Fields = append(r.Schema.Fields, f)
		for _, m := range s.missing {
			if !slices.Contains(missing, m) {
				missing = append(missing, m)
			}
		}
	}
	draftItems(r.Schema.Fields, samples)
	slices.Sort(missing)
	for _, m := range missing {
		r.Schema.MissingValues = append(r.Schema.MissingValues, MissingValue{Value: m})
	}
	if !taken[RolePatient] {
		return r, nil, nil, Problems{{
			Severity: SeverityError, Code: CodeDraft, Table: name, File: path,
			Expected: "no column looks like the patient's pseudonym",
			Mend:     "name it patient_id in the file, or write a cohort file and give the column role: patient",
		}}
	}
	visits, arms := r.draftLists(samples)
	r.Name = r.draftName(name, taken)
	return r, visits, arms, nil
}

// said puts what the file itself says of a column over what was guessed.
func (f Field) said(d Field) Field {
	if d.Type == TypeString && numericRole(f.Role) {
		d.Type, d.Categories = "", nil // a score whose every value has a label is still a number
	}
	if d.Description != "" {
		f.Description = d.Description
	}
	if d.Title != "" {
		f.Title = d.Title
	}
	if d.Type != "" && f.Role != RolePatient {
		f.Type, f.Format, f.DecimalChar = d.Type, d.Format, ""
		f.Guess = "type from the file"
	}
	if len(d.Categories) > 0 {
		f.Categories = d.Categories
		f.Guess += "; levels from the file"
	}
	if d.MissingValues != nil {
		f.MissingValues = d.MissingValues
		f.Guess += "; missing codes from the file"
	}
	if d.Constraints.Minimum != nil || d.Constraints.Maximum != nil {
		f.Constraints = d.Constraints
	}
	if d.Role != "" {
		f.Role = d.Role
	}
	return f
}

// draftName gives a table the usual name for what it holds.
func (r *Resource) draftName(name string, taken map[Role]bool) string {
	switch {
	case taken[RoleVisit]:
		return "visits"
	case taken[RoleDose] || taken[RoleStrength]:
		return "doses"
	case taken[RoleCost]:
		return "costs"
	}
	return name
}

func (r *Resource) draftLists(samples []*sample) (visits []Visit, arms []Arm) {
	for i := range r.Schema.Fields {
		f := &r.Schema.Fields[i]
		j := slices.IndexFunc(samples, func(s *sample) bool { return s.name == f.Name })
		switch {
		case f.Role == RoleVisit && !samples[j].many:
			for _, s := range samples[j].levels {
				visits = append(visits, Visit{Value: s, Baseline: s == "baseline"})
			}
		case f.Role == RoleArm && !samples[j].many:
			f.Categories = nil
			for _, s := range samples[j].levels {
				arms = append(arms, Arm{Value: s})
			}
		}
	}
	return visits, arms
}

func (s *sample) look(chunk *Chunk, j int) {
	var a arrow.Array
	cells := chunk.text(j)
	if cells == nil {
		a = chunk.Arrays[j]
	}
	for i := range chunk.Rows {
		var t string
		switch {
		case a == nil:
			t = cells[i]
		case a.IsNull(i):
			continue
		default:
			t = cellText(a, i)
		}
		if slices.Contains(usualMissing, t) {
			if !slices.Contains(s.missing, t) {
				s.missing = append(s.missing, strings.Clone(t))
			}
			continue
		}
		s.cells++
		if s.seen[t] {
			continue
		}
		if len(s.seen) >= maxKept || len(t) > maxKeptText {
			s.many = true
		} else {
			t = strings.Clone(t)
			s.seen[t] = true
			s.levels = append(s.levels, t)
		}
		s.narrow(t)
	}
}

// narrow drops the types that a cell does not fit.
func (s *sample) narrow(t string) {
	if s.integer {
		_, err := parseInteger(t, ".", "")
		s.integer = err == nil && !leadingZero(t)
	}
	if s.number {
		_, err := parseNumber(t, ".", "")
		s.number = err == nil && !leadingZero(t)
	}
	if s.comma {
		_, err := parseNumber(t, ",", "")
		s.comma = err == nil && !leadingZero(t)
	}
	if s.boolean {
		_, err := parseBoolean(t, []string{"true", "True", "TRUE"}, []string{"false", "False", "FALSE"})
		s.boolean = err == nil
	}
	s.dates = fitting(s.dates, TypeDate, t)
	s.times = fitting(s.times, TypeDatetime, t)
}

// fitting returns the formats of dates that a cell fits.
func fitting(formats []string, typ Type, cell string) []string {
	return slices.DeleteFunc(formats, func(f string) bool {
		layout, _ := goLayout(f, typ)
		_, err := parseDate(cell, layout)
		return err != nil
	})
}

// leadingZero tells an identifier such as 007 from a number.
func leadingZero(t string) bool {
	t = strings.TrimLeft(t, "+-")
	return len(t) > 1 && t[0] == '0' && t[1] != '.' && t[1] != ','
}

// field writes down the guess about a column.
func (s *sample) field(taken map[Role]bool) Field {
	f := Field{Name: s.name, Type: TypeString}
	var why []string
	lower := headerWords(s.name)
	for _, g := range rolesByName {
		if !taken[g.role] && g.name.MatchString(lower) {
			f.Role = g.role
			why = append(why, "role from the name")
			break
		}
	}
	text := f.Role == RolePatient || f.Role == RoleVisit || f.Role == RoleArm || f.Role == RoleSite || f.Role == RolePeriod
	switch {
	case text:
	case s.cells == 0:
		why = append(why, "the column is empty")
	case s.boolean:
		f.Type = TypeBoolean
	case s.integer:
		f.Type = TypeInteger
	case s.number:
		f.Type = TypeNumber
	case s.comma:
		f.Type, f.DecimalChar = TypeNumber, ","
		why = append(why, "decimal comma from the cells")
	case len(s.dates) > 0:
		f.Type, f.Format = TypeDate, s.dates[0]
		if len(s.dates) > 1 {
			why = append(why, "the cells fit "+strings.Join(s.dates, " and ")+": check which it is")
		}
	case len(s.times) > 0:
		f.Type, f.Format = TypeDatetime, s.times[0]
	case !s.many && len(s.levels) <= maxLevels && s.cells >= minCells*len(s.levels):
		for _, l := range s.levels {
			f.Categories = append(f.Categories, Category{Value: l})
		}
		why = append(why, "levels from the cells")
	}
	numeric := f.Type == TypeNumber || f.Type == TypeInteger
	if numericRole(f.Role) && !numeric {
		f.Role = ""
	}
	if f.Role == "" && numeric {
		f.Instrument = instrumentOf(lower)
		if f.Instrument != "" {
			f.Role = RoleOutcome
			why = append(why, "instrument from the name")
			i, _ := instrument.Find(f.Instrument)
			why = append(why, s.sentinels(&f, i.Min, i.Max)...)
		}
	}
	if numeric && f.Instrument == "" {
		why = append(why, s.oddCodes(&f)...)
	}
	if f.Role == RolePeriod {
		f.Role = RoleIgnore
		why = []string{"it may hold quarters, which identify more than a year: to carry it give it role: period and record an allowance under privacy"}
	}
	taken[f.Role] = true
	f.Guess = strings.Join(why, "; ")
	if f.Guess == "" {
		f.Guess = fmt.Sprintf("type from %d cells", s.cells)
	}
	return f
}

// usualCodes are numbers that files use for missing.
var usualCodes = []string{"-7", "-8", "-9", "-66", "-77", "-88", "-95", "-96", "-97", "-98", "-99", "-777", "-888", "-999", "-9999", "66", "77", "88", "96", "97", "98", "99", "666", "777", "888", "998", "999", "9999"}

// sentinels declares the usual missing codes that are outside the instrument's
// range.
func (s *sample) sentinels(f *Field, low, high float64) []string {
	var found []string
	for _, level := range s.levels {
		v, err := parseNumber(level, f.DecimalChar, "")
		if err == nil && (v < low || v > high) && slices.Contains(usualCodes, level) {
			found = append(found, level)
		}
	}
	if found == nil {
		return nil
	}
	s.declare(f, found)
	return []string{"missing codes from numbers outside the instrument's range"}
}

// declare gives a column missing codes of its own, beside those found in it and the
// empty cell.
func (s *sample) declare(f *Field, codes []string) {
	slices.Sort(codes)
	list := slices.Clone(s.missing)
	if !slices.Contains(list, "") {
		list = append([]string{""}, list...)
	}
	f.MissingValues = nil
	for _, code := range append(list, codes...) {
		f.MissingValues = append(f.MissingValues, MissingValue{Value: code})
	}
}

// oddCodes declares the usual missing codes below 0 where all else is at least 0, and
// names those far above all else for a person to decide: 999 can be a number.
func (s *sample) oddCodes(f *Field) []string {
	if s.many {
		return nil
	}
	var below, above []string
	least, most := math.Inf(1), math.Inf(-1)
	for _, level := range s.levels {
		v, err := parseNumber(level, cmp.Or(f.DecimalChar, "."), "")
		switch usual := slices.Contains(usualCodes, level); {
		case err != nil:
			return nil
		case usual && v < 0:
			below = append(below, level)
		case usual && v > 600:
			above = append(above, level)
		default:
			least, most = min(least, v), max(most, v)
		}
	}
	var why []string
	if below != nil && least >= 0 && least <= most {
		s.declare(f, below)
		why = append(why, "missing codes from the only numbers below 0")
	}
	if above != nil && most < 300 && least <= most {
		slices.Sort(above)
		why = append(why, "check whether "+strings.Join(above, ", ")+" means missing: all else is far below")
	}
	return why
}

// draftItems guesses which columns are the items of a questionnaire.
func draftItems(fields []Field, samples []*sample) {
	at := func(f *Field) *sample {
		return samples[slices.IndexFunc(samples, func(s *sample) bool { return s.name == f.Name })]
	}
	items := GuessItems(fields, func(f *Field) (Answers, bool) {
		if f.Role != "" || f.Type != TypeInteger {
			return Answers{}, false
		}
		return at(f).answers()
	})
	for _, f := range items {
		scales, _, _ := instrument.Scales(f.Instrument)
		f.Guess = strings.Join(append([]string{f.Guess}, at(f).sentinels(f, scales[0].ItemMin, scales[0].ItemMax)...), "; ")
	}
}

// answers returns the range of a column's cells but for the usual missing codes.
func (s *sample) answers() (Answers, bool) {
	a := Answers{Low: math.Inf(1), High: math.Inf(-1)}
	for _, level := range s.levels {
		v, err := parseNumber(level, ".", "")
		if err != nil {
			return a, false
		}
		if !slices.Contains(usualCodes, level) {
			a.Low, a.High = min(a.Low, v), max(a.High, v)
		}
	}
	return a, !s.many && a.Low <= a.High
}

func instrumentOf(name string) string {
	for _, g := range instrumentsByName {
		if g.name.MatchString(name) {
			if _, ok := instrument.Find(g.instrument); ok {
				return g.instrument
			}
		}
	}
	return ""
}
