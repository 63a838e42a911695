package work

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"recoup/analysis"
	"recoup/datasets"
)

// reader reads work status from a cohort's tables, under the options given.
type reader struct {
	c        *datasets.Cohort
	q        analysis.Question
	o        Reading
	horizon  float64 // day by which shares from times are taken
	excluded []datasets.Exclusion
	warnings []analysis.Warning
	began    []bool              // by patient
	weight   []float64           // case weights by patient, nil for none
	held     map[string]spellSet // spells read so far, by option
}

type spellSet struct {
	byPatient [][]Spell
	text      string
	err       error
}

func cannot(format string, args ...any) error {
	return fmt.Errorf("%w: %w", analysis.ErrCannot, fmt.Errorf(format, args...))
}

func (r *reader) warn(code, message, cure string) {
	w := analysis.Warning{Code: code, Message: message, Cure: cure}
	if !slices.Contains(r.warnings, w) {
		r.warnings = append(r.warnings, w)
	}
}

func (r *reader) exclude(e datasets.Exclusion) {
	if e.Rows > 0 && !slices.Contains(r.excluded, e) {
		r.excluded = append(r.excluded, e)
	}
}

// fold makes spellings of one label equal: Full-Time, full_time, full time.
func fold(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return r == ' ' || r == '-' || r == '_' || r == '\u00a0'
	}), " ")
}

// coded is a column with levels, read with the labels of the cohort file.
type coded struct {
	field  datasets.Field
	table  *datasets.Table
	codes  []int32
	levels []string // labels where there are any
}

func readCoded(t *datasets.Table, f datasets.Field) coded {
	codes, values := t.Codes(f.Name)
	levels := slices.Clone(values)
	for i, v := range values {
		for _, cat := range f.Categories {
			if cat.Value == v && cat.Label != "" {
				levels[i] = cat.Label
			}
		}
	}
	return coded{f, t, codes, levels}
}

// match returns which levels of the column are among the words, with a text that
// says so. Words that are bare codes, such as 1, need a column of yes and no (or,
// for 0, of plain numbers), or to have been set by the user: 1 may stand for
// anything. The error where no level matches names the option and lists the levels
// that the cohort file declares and no others: an undeclared level is a cell's
// value.
func (k coded) match(words []string, option string) (is []bool, text string, err error) {
	binary := len(k.levels) > 0 && !slices.ContainsFunc(k.levels, func(s string) bool { return !slices.Contains(codes, fold(s)) })
	numeric := len(k.field.Categories) == 0 && (k.field.Type == datasets.TypeInteger || k.field.Type == datasets.TypeNumber)
	var among []string
	coding := false // some word is a code that this column uses
	for _, w := range words {
		w = fold(w)
		if slices.Contains(codes, w) && isDefault(option, words) {
			if !binary && !(numeric && w == "0") {
				continue
			}
			coding = true
		}
		among = append(among, w)
	}
	is = make([]bool, len(k.levels))
	for i, s := range k.levels {
		is[i] = slices.Contains(among, fold(s))
	}
	declared := k.declared()
	switch {
	case slices.ContainsFunc(declared, func(s string) bool { return slices.Contains(among, s) }):
		return is, k.describe(among), nil
	case coding || slices.Contains(is, true):
		return is, fmt.Sprintf("%s: %s", k.field.Name, strings.Join(among, ", ")), nil
	case len(declared) > 0:
		return nil, "", cannot("no level of %s in table %s is among %s=%s; its levels are: %s",
			k.field.Name, k.table.Name(), option, strings.Join(words, ","), strings.Join(declared, ", "))
	}
	return nil, "", cannot("no value of %s in table %s is among %s=%s; describe its levels with categories: in the cohort file, or pass --set %s=LEVEL,LEVEL",
		k.field.Name, k.table.Name(), option, strings.Join(words, ","), option)
}

// codes are the words of a column of yes and no.
var codes = []string{"0", "1", "yes", "no", "true", "false", "y", "n"}

// isDefault reports whether the words of an option are those nobody chose.
func isDefault(option string, words []string) bool {
	d := reading
	lists := map[string][]string{
		"working": d.Working, "full_duty": d.FullDuty, "full_time": d.FullTime,
		"before": d.Before, "outside": d.Outside, "no_benefit": d.NoBenefit, "event": d.Event,
	}
	return slices.Equal(lists[option], words)
}

// declared lists the labels, or values without one, that the cohort file declares.
func (k coded) declared() []string {
	var out []string
	for _, c := range k.field.Categories {
		if c.Label != "" {
			out = append(out, fold(c.Label))
		} else {
			out = append(out, fold(c.Value))
		}
	}
	return out
}

func (k coded) describe(among []string) string {
	var yes, no []string
	for _, d := range k.declared() {
		if slices.Contains(among, d) {
			yes = append(yes, d)
		} else {
			no = append(no, d)
		}
	}
	s := fmt.Sprintf("%s: %s", k.field.Name, strings.Join(yes, ", "))
	if len(no) > 0 {
		s += "; not: " + strings.Join(no, ", ")
	}
	return s
}

// table returns the first table with the roles, and without the others.
func (r *reader) table(with, without []datasets.Role) *datasets.Table {
	for _, t := range r.c.Tables() {
		if has(t, with, true) && has(t, without, false) {
			return t
		}
	}
	return nil
}

func has(t *datasets.Table, roles []datasets.Role, want bool) bool {
	for _, role := range roles {
		if _, ok := t.Field(role); ok != want {
			return false
		}
	}
	return true
}

// status finds a status under the levels given, at visits and in spells.
func (r *reader) status(words []string, option string, days float64) (finding, error) {
	var f finding
	seen, visitErr := r.visits(datasets.RoleWorkStatus, words, option)
	if visitErr == nil {
		f.answers = seen
	}
	k, spellErr := r.spellClock(words, option, days)
	if spellErr == nil && (visitErr != nil || r.q.Visit == "") {
		f.clock = &k
		f.answers = append(f.answers, k.by(r.horizon))
	}
	if visitErr != nil && spellErr != nil {
		if r.table([]datasets.Role{datasets.RoleVisit, datasets.RoleWorkStatus}, nil) == nil &&
			r.table([]datasets.Role{datasets.RoleStart, datasets.RoleEnd, datasets.RoleWorkStatus}, nil) != nil {
			return f, spellErr
		}
		return f, visitErr
	}
	return f, nil
}

// visits reads whether the patients are at one of the levels at each visit asked
// about: the question's, else all but the baseline.
func (r *reader) visits(role datasets.Role, words []string, option string) ([]answer, error) {
	t := r.table([]datasets.Role{datasets.RoleVisit, role}, nil)
	if t == nil {
		return nil, cannot("no table with visits has a column with role: %s", role)
	}
	f, _ := t.Field(role)
	k := readCoded(t, f)
	is, text, err := k.match(words, option)
	if err != nil {
		return nil, err
	}
	asked, err := r.asked()
	if err != nil {
		return nil, err
	}
	var out []answer
	for _, v := range asked {
		a := answer{visit: v.VisitName(), state: k.atVisit(v.Value, is, r.c.Patients()), method: text}
		if slices.ContainsFunc(a.state, func(s state) bool { return s != unknown }) || r.q.Visit != "" {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, cannot("%s has no value at any visit after the baseline", f.Name)
	}
	return out, nil
}

func (r *reader) asked() ([]datasets.Visit, error) {
	if r.q.Visit != "" {
		v, err := r.c.Visit(r.q.Visit)
		return []datasets.Visit{v}, err
	}
	baseline, marked := r.baseline()
	var out []datasets.Visit
	for _, v := range r.c.Visits() {
		before := marked && v.Week != nil && baseline.Week != nil && *v.Week < *baseline.Week
		if !(marked && v.Value == baseline.Value) && !before {
			out = append(out, v)
		}
	}
	return out, nil
}

func (r *reader) baseline() (datasets.Visit, bool) {
	if r.q.Baseline != "" {
		v, err := r.c.Visit(r.q.Baseline)
		return v, err == nil
	}
	return r.c.Baseline()
}

// atVisit returns by patient whether the level at the visit is one of those.
func (k coded) atVisit(visit string, is []bool, patients int) []state {
	out := states(patients)
	f, _ := k.table.Field(datasets.RoleVisit)
	codes, levels := k.table.Codes(f.Name)
	at := int32(slices.Index(levels, visit))
	for row, p := range k.table.Patient() {
		if at >= 0 && codes[row] == at && k.codes[row] >= 0 {
			out[p] = truth(is[k.codes[row]])
		}
	}
	return out
}

func (r *reader) offBenefit() (finding, error) {
	answers, err := r.visits(datasets.RoleSickLeave, r.o.NoBenefit, "no_benefit")
	return finding{answers: answers}, err
}

// retention reads work at the visit nearest one year after work at an earlier one.
// A patient who did not work at one year did not keep it; one who did, but was
// seen at no earlier visit, is unknown.
func (r *reader) retention() (finding, error) {
	t := r.table([]datasets.Role{datasets.RoleVisit, datasets.RoleWorkStatus}, nil)
	if t == nil {
		return finding{}, cannot("no table with visits has a column with role: work_status")
	}
	f, _ := t.Field(datasets.RoleWorkStatus)
	k := readCoded(t, f)
	is, text, err := k.match(r.o.Working, "working")
	if err != nil {
		return finding{}, err
	}
	baseline, marked := r.baseline()
	var last datasets.Visit
	for _, v := range r.c.Visits() {
		if v.Week != nil && *v.Week >= 44 && *v.Week <= 60 && (last.Week == nil || math.Abs(*v.Week-52) < math.Abs(*last.Week-52)) {
			last = v
		}
	}
	if last.Week == nil || !marked || baseline.Week == nil {
		return finding{}, cannot("expected weeks for the visits, a baseline, and a visit between week 44 and 60")
	}
	earlier := states(r.c.Patients())
	for _, v := range r.c.Visits() {
		if v.Week == nil || *v.Week <= *baseline.Week || *v.Week >= *last.Week {
			continue
		}
		for p, s := range k.atVisit(v.Value, is, r.c.Patients()) {
			earlier[p] = max(earlier[p], s)
		}
	}
	if !slices.ContainsFunc(earlier, func(s state) bool { return s != unknown }) {
		return finding{}, cannot("work status was recorded at no visit between the baseline and one year")
	}
	a := answer{
		visit: last.VisitName(), state: k.atVisit(last.Value, is, r.c.Patients()),
		method: text + "; and at an earlier visit since entry",
	}
	for p, s := range a.state {
		if s == yes {
			a.state[p] = earlier[p]
		}
	}
	return finding{answers: []answer{a}}, nil
}

// within reads whether work of at least so many days began by a day.
func (r *reader) within(days, by float64) (finding, error) {
	k, err := r.spellClock(r.o.Working, "working", days)
	if err != nil && days == 1 && r.table([]datasets.Role{datasets.RoleTime, datasets.RoleEvent}, nil) != nil {
		k, err = r.recorded()
	}
	if err != nil {
		return finding{}, err
	}
	return finding{answers: []answer{k.by(by)}}, nil
}

// recorded reads the table with a time and an event for each patient.
func (r *reader) recorded() (clock, error) {
	t := r.table([]datasets.Role{datasets.RoleTime, datasets.RoleEvent}, nil)
	if t == nil {
		return clock{}, cannot("no table has columns with roles time and event")
	}
	tf, _ := t.Field(datasets.RoleTime)
	ef, _ := t.Field(datasets.RoleEvent)
	k := readCoded(t, ef)
	is, text, err := k.match(r.o.Event, "event")
	if err != nil {
		return clock{}, err
	}
	if len(k.levels) > 2 {
		r.warn(analysis.WarnAssumption, fmt.Sprintf("%s has %d levels; all but %s are taken as censored without bearing on return, which overstates return where they rule it out", ef.Name, len(k.levels), strings.Join(r.o.Event, ", ")),
			"report competing events by cumulative incidence")
	}
	factor, err := r.unitDays(tf)
	if err != nil {
		return clock{}, err
	}
	out := clock{
		time: nans(r.c.Patients()), event: make([]bool, r.c.Patients()),
		method: fmt.Sprintf("time %s, event %s", tf.Name, text),
	}
	if factor != math.Floor(factor) { // 24 months are 730.5 days, which must not miss day 730
		out.method = fmt.Sprintf("time %s, of %g days each rounded down to whole days, event %s", tf.Name, factor, text)
	}
	seen := make([]bool, r.c.Patients())
	times := t.Floats(tf.Name)
	for row, p := range t.Patient() {
		if seen[p] {
			return clock{}, cannot("table %s has several rows for one patient; keep one with --where", t.Name())
		}
		seen[p] = true
		if k.codes[row] >= 0 && times[row] >= 0 && !math.IsInf(times[row], 1) {
			out.time[p], out.event[p] = times[row]*factor, is[k.codes[row]]
			if factor != math.Floor(factor) {
				out.time[p] = math.Floor(out.time[p])
			}
		}
	}
	return out, nil
}

// unitDays returns what turns the column's unit into days.
func (r *reader) unitDays(f datasets.Field) (float64, error) {
	switch strings.TrimSuffix(fold(f.Unit), "s") {
	case "day", "d":
		return 1, nil
	case "week", "wk":
		return 7, nil
	case "month":
		return 30.4375, nil
	case "year":
		return 365.25, nil
	case "":
		r.warn(analysis.WarnAssumption, fmt.Sprintf("%s has no unit and is taken as days", f.Name), "write unit: days beside the column in the cohort file")
		return 1, nil
	}
	return 0, cannot("the unit of %s is not days, weeks, months or years", f.Name)
}

// spellClock reads the time to the first stretch of work of at least so many days
// from the table of spells.
func (r *reader) spellClock(words []string, option string, days float64) (clock, error) {
	spells, text, err := r.spells(words, option)
	if err != nil {
		return clock{}, err
	}
	k := clock{
		time: nans(len(spells)), event: make([]bool, len(spells)),
		method: fmt.Sprintf("spells with %s; days without a spell: %s", text, r.o.Gap),
	}
	for p, s := range spells {
		if t, returned, ok := FirstReturn(s, days, Gap(r.o.Gap)); ok {
			k.time[p], k.event[p] = t, returned
		}
	}
	return k, nil
}

// spells returns the spells of each patient on days from the origin, read once for
// each option.
func (r *reader) spells(words []string, option string) ([][]Spell, string, error) {
	s, ok := r.held[option]
	if !ok {
		s.byPatient, s.text, s.err = r.readSpells(words, option)
		if r.held == nil {
			r.held = map[string]spellSet{}
		}
		r.held[option] = s
	}
	return s.byPatient, s.text, s.err
}

func (r *reader) readSpells(words []string, option string) ([][]Spell, string, error) {
	t := r.table([]datasets.Role{datasets.RoleStart, datasets.RoleEnd, datasets.RoleWorkStatus}, nil)
	if t == nil {
		return nil, "", cannot("no table of spells has columns with roles start, end and work_status")
	}
	sf, _ := t.Field(datasets.RoleStart)
	ef, _ := t.Field(datasets.RoleEnd)
	wf, _ := t.Field(datasets.RoleWorkStatus)
	k := readCoded(t, wf)
	is, text, err := k.match(words, option)
	if err != nil {
		return nil, "", err
	}
	origin, err := r.origin(sf, ef)
	if err != nil {
		return nil, "", err
	}
	until, err := r.until(isDate(sf))
	if err != nil {
		return nil, "", err
	}
	starts, ends := t.Floats(sf.Name), t.Floats(ef.Name)
	out := make([][]Spell, r.c.Patients())
	var unusable, undated, open int
	for row, p := range t.Patient() {
		start, end := math.Floor(starts[row]), math.Floor(ends[row])
		if math.IsNaN(end) && !math.IsNaN(start) {
			open++
			end = math.Max(start, until)
			if math.IsNaN(until) {
				end = start
			}
		}
		switch {
		case math.IsNaN(origin[p]):
			undated++
		case k.codes[row] < 0 || !(end >= start):
			unusable++
		default:
			out[p] = append(out[p], Spell{start - origin[p], end - origin[p], is[k.codes[row]]})
		}
	}
	if Gap(r.o.Gap) == GapOffWork {
		r.fillOffWork(out, origin, until)
	}
	r.exclude(datasets.Exclusion{Code: analysis.WarnExcluded, Table: t.Name(), Rows: unusable, Reason: "spells without a start or a status, or that end before they start"})
	r.exclude(datasets.Exclusion{Code: analysis.WarnExcluded, Table: t.Name(), Rows: undated, Reason: "spells of patients without the date from which time counts (" + r.o.Origin + ")"})
	if open > 0 && math.IsNaN(until) {
		r.warn(analysis.WarnAssumption, fmt.Sprintf("%d spells have no end; only their first day is known", open), "pass --set until=DATE, the last day that the data cover")
	}
	return out, text + ", from " + r.o.Origin, nil
}

// fillOffWork puts a spell off work under those of every patient, from day 0 to the
// last day that the data cover: where every spell of work is listed, a patient
// without one is off work, and follow-up does not end with the last spell.
func (r *reader) fillOffWork(spells [][]Spell, origin []float64, until float64) {
	if math.IsNaN(until) {
		r.warn(analysis.WarnAssumption, "gap=off-work without until: each patient is followed to the end of the last spell alone, and a patient without a spell is unknown, which makes the share returned too high where those who never worked have no spell", "pass --set until=DATE, the last day that the data cover")
		return
	}
	for p := range spells {
		if end := math.Floor(until) - origin[p]; end >= 0 {
			spells[p] = append(spells[p], Spell{Start: 0, End: end})
		}
	}
}

func isDate(f datasets.Field) bool {
	return f.Type == datasets.TypeDate || f.Type == datasets.TypeDatetime
}

// origin returns by patient what is subtracted from the days of spells.
func (r *reader) origin(start, end datasets.Field) ([]float64, error) {
	if isDate(start) != isDate(end) {
		return nil, cannot("%s and %s must both be dates or both be numbers of days", start.Name, end.Name)
	}
	if !isDate(start) {
		if r.o.Origin != string(datasets.RoleAdmitted) {
			return nil, cannot("spells on numbered days count from their day 0; origin=%s needs dates", r.o.Origin)
		}
		return make([]float64, r.c.Patients()), nil
	}
	days := r.c.Days(datasets.Role(r.o.Origin))
	if !r.c.Dated(datasets.Role(r.o.Origin)) {
		return nil, cannot("spells on dates need dates with role %s in a table of one row a patient", r.o.Origin)
	}
	return days, nil
}

// until reads the last day that the data cover, NaN where it is not given.
func (r *reader) until(dates bool) (float64, error) {
	if r.o.Until == "" {
		return math.NaN(), nil
	}
	if dates {
		d, err := time.Parse("2006-01-02", r.o.Until)
		if err != nil {
			return 0, fmt.Errorf("%w: until: expected a date such as 2026-09-30", analysis.ErrOptions)
		}
		return float64(d.Unix() / 86_400), nil
	}
	d, err := strconv.ParseFloat(r.o.Until, 64)
	if err != nil || math.IsNaN(d) || math.IsInf(d, 0) {
		return 0, fmt.Errorf("%w: until: expected a number of days, as in the spells", analysis.ErrOptions)
	}
	return d, nil
}

func nans(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}
