package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/datasets"
)

// MinKey is the shortest key that is taken, in bytes.
const MinKey = 32

// Options say how a cohort is de-identified.
type Options struct {
	Key   []byte // of the owner, kept apart from the data: with it patients can be found again
	Bands bool   // ages in bands of five years; else exact up to 89, with 90 for all above
}

// Action is what was done to a column.
type Action string

// What can be done to a column.
const (
	Kept      Action = "kept"
	Pseudonym Action = "pseudonyms"
	Shifted   Action = "dates shifted"
	TopCoded  Action = "ages over 89 as 90"
	Banded    Action = "ages in bands of five years"
	Truncated Action = "postcodes cut to three digits"
	Dropped   Action = "dropped"
	Renamed   Action = "renamed"
	Unlabeled Action = "labels taken out"
	Added     Action = "added"
)

// Treatment is what was done to one column. It holds no value.
type Treatment struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Action Action `json:"action"`
	Cells  int    `json:"cells"` // cells with a value that were changed, dropped or added
	Why    string `json:"why,omitempty"`
}

// ShiftText says how dates are shifted, for reports.
const ShiftText = "each patient's dates by one keyed number of whole weeks from 1 to 26, forward or back: intervals and days of the week are kept"

// QuarterColumn is the column of quarters that de-identification adds where the
// cohort file has an allowance for a column of this name.
const QuarterColumn = "quarter"

// Deidentify returns the cohort without what may identify a person, as a Look found
// it, and what was done to each column: pseudonyms by a keyed hash (HMAC-SHA256,
// 80 bits as base32), dates shifted (see ShiftText), ages over 89 in one group,
// postcodes cut to three digits, 000 where few live, all other findings of high or
// medium severity dropped. A column that the cohort file allows stays. The quarter
// is worked out before dates are shifted, where the cohort file has an allowance
// for a column named quarter. The same key gives the same cohort.
//
// Note: shifting is by patient, not by row, since analyses count days between a
// patient's dates. Who knows one true date of a patient therefore knows all.
func Deidentify(c *datasets.Cohort, found []Finding, o Options) (*datasets.Cohort, []Treatment, error) {
	if len(o.Key) < MinKey {
		return nil, nil, fmt.Errorf("expected a key of at least %d bytes", MinKey)
	}
	w := &worker{c: c, found: found, o: o, detectors: NewDetectors(), new: map[string]string{}}
	if err := w.patients(); err != nil {
		return nil, nil, err
	}
	if hasAllowance(c.Dictionary().Privacy, QuarterColumn) && !c.Has(datasets.RolePeriod) {
		w.quarters, _ = c.Quarters()
	}
	d := w.dictionary()
	out, err := c.Rewrite(d, w.column)
	if err != nil {
		return nil, nil, err
	}
	// Rules were checked when the cohort was read; one that compares what is no
	// longer there would fail.
	d.Rules = slices.DeleteFunc(d.Rules, func(r datasets.Rule) bool { return w.changed(r) })
	if !out.Has(datasets.RoleVisit) { // their values were found in the column
		d.Visits = nil
	}
	if !out.Has(datasets.RoleArm) {
		d.Arms = nil
	}
	if p := d.Privacy; p != nil {
		gone := func(name string) bool {
			return !slices.ContainsFunc(out.Tables(), func(t *datasets.Table) bool { return t.Has(name) })
		}
		p.QuasiIdentifiers = slices.DeleteFunc(p.QuasiIdentifiers, gone)
		p.Sensitive = slices.DeleteFunc(p.Sensitive, gone)
		p.Allowances = slices.DeleteFunc(p.Allowances, func(a datasets.Allowance) bool { return gone(a.Column) })
	}
	return out, w.done, nil
}

type worker struct {
	c         *datasets.Cohort
	found     []Finding
	o         Options
	detectors *Detectors
	shift     []float64         // by patient, days
	new       map[string]string // id to pseudonym
	quarters  []string
	done      []Treatment
}

// keyed is the keyed hash of a patient's id for one purpose.
func (w *worker) keyed(purpose, id string) []byte {
	h := hmac.New(sha256.New, w.o.Key)
	h.Write([]byte("recoup " + purpose + "\x00" + id))
	return h.Sum(nil)
}

// patients works out every patient's pseudonym and shift.
func (w *worker) patients() error {
	w.shift = make([]float64, w.c.Patients())
	taken := map[string]bool{}
	for _, t := range w.c.Tables() {
		f, ok := t.Field(datasets.RolePatient)
		if !ok {
			return errors.New("a table has no patient column")
		}
		codes, levels := t.Codes(f.Name)
		patient := t.Patient()
		for r, code := range codes {
			if code < 0 {
				continue
			}
			id := levels[code]
			if w.new[id] != "" {
				continue
			}
			p := strings.ToLower(base32.StdEncoding.EncodeToString(w.keyed("pseudonym", id)[:10]))
			if taken[p] {
				return errors.New("two patients would have the same pseudonym; use another key")
			}
			taken[p] = true
			w.new[id] = p
			weeks := binary.BigEndian.Uint64(w.keyed("dates", id)) % 52
			days := 7 * (float64(weeks/2) + 1) // 1 to 26 weeks
			if weeks%2 == 1 {
				days = -days
			}
			w.shift[patient[r]] = days
		}
	}
	return nil
}

// dictionary is the cohort file of the result, but for its tables.
func (w *worker) dictionary() *datasets.Dictionary {
	d := *w.c.Dictionary()
	d.Title, d.Description = w.plain(d.Title), w.plain(d.Description)
	d.Resources = slices.Clone(d.Resources)
	for i := range d.Resources {
		r := &d.Resources[i]
		r.Title, r.Description = w.plain(r.Title), w.plain(r.Description)
	}
	d.Visits, d.Arms = slices.Clone(d.Visits), slices.Clone(d.Arms)
	for i := range d.Visits {
		d.Visits[i].Name = w.plain(d.Visits[i].Name)
	}
	for i := range d.Arms {
		d.Arms[i].Name = w.plain(d.Arms[i].Name)
	}
	if w.detectors.Identifies(d.Name) {
		d.Name = "cohort"
	}
	d.Rules = slices.Clone(d.Rules)
	p := datasets.Privacy{}
	if d.Privacy != nil {
		p = *d.Privacy
		p.QuasiIdentifiers, p.Sensitive, p.Allowances = slices.Clone(p.QuasiIdentifiers), slices.Clone(p.Sensitive), slices.Clone(p.Allowances)
	}
	p.Dates = &datasets.DatesAre{Are: datasets.DatesShifted, By: "recoup data deidentify", Reason: ShiftText}
	d.Privacy = &p
	return &d
}

// plain returns a text of the cohort file, "" where it identifies somebody.
func (w *worker) plain(text string) string {
	if len(w.detectors.beside(&column{levels: []string{text}})) > 0 {
		return ""
	}
	return text
}

// of returns what was found in a column that its cohort file does not allow, and by
// which name findings call it.
func (w *worker) of(t *datasets.Table, f datasets.Field) (grave []Finding, allowed bool) {
	for _, x := range w.found {
		switch {
		case x.Table != t.Name() || x.name != f.Name || x.Severity == Low:
		case x.Allowed() && x.Kind != kindDate:
			allowed = true
		case !x.Allowed():
			grave = append(grave, x)
		}
	}
	return grave, allowed
}

// column returns what takes a column's place.
func (w *worker) column(t *datasets.Table, f datasets.Field) []datasets.Column {
	cells := t.Rows() - t.Missing(f.Name)
	name := f.Name
	grave, allowed := w.of(t, f)
	if slices.ContainsFunc(grave, func(x Finding) bool { return x.Where == inName }) {
		at := slices.IndexFunc(t.Fields(), func(o datasets.Field) bool { return o.Name == f.Name })
		name = strings.ReplaceAll(place(at), " ", "_")
		w.told(t, name, Renamed, cells, "its name identified somebody")
		f.Title, f.Description = "", ""
	}
	f.Title, f.Description, f.Guess = w.plain(f.Title), w.plain(f.Description), ""
	grave = slices.DeleteFunc(grave, func(x Finding) bool { return x.Where == inName })
	if slices.ContainsFunc(grave, func(x Finding) bool { return x.Where == inLabel }) {
		f.Categories = slices.Clone(f.Categories)
		for i := range f.Categories {
			f.Categories[i].Label = ""
		}
		grave = slices.DeleteFunc(grave, func(x Finding) bool { return x.Where == inLabel })
		w.told(t, name, Unlabeled, cells, "a label identified somebody")
	}
	out := w.cells(t, f, name, cells, grave, allowed)
	if f.Role == datasets.RoleDischarged || f.Role == datasets.RoleAdmitted {
		out = append(out, w.quarter(t)...)
	}
	return out
}

// cells returns a column's cells as they may stay.
func (w *worker) cells(t *datasets.Table, f datasets.Field, name string, cells int, grave []Finding, allowed bool) []datasets.Column {
	old := f.Name
	f.Name = name
	all := func(in func(Finding) bool) bool {
		return len(grave) > 0 && !slices.ContainsFunc(grave, func(x Finding) bool { return !in(x) })
	}
	years := (&column{field: f, tokens: tokens(old)}).mostAge()
	switch {
	case f.Role == datasets.RolePatient:
		w.told(t, name, Pseudonym, cells, "")
		codes, levels := t.Codes(old)
		renamed := make([]string, len(levels))
		for i, l := range levels {
			renamed[i] = w.new[l]
		}
		f.Categories, f.Constraints = nil, datasets.Constraints{}
		return []datasets.Column{{Field: f, Codes: codes, Levels: renamed}}
	case f.Type == datasets.TypeDate || f.Type == datasets.TypeDatetime:
		w.told(t, name, Shifted, cells, "")
		f.Type, f.Format, f.Constraints = datasets.TypeDate, "", datasets.Constraints{}
		return []datasets.Column{{Field: f, Numbers: w.shifted(t, old)}}
	case w.o.Bands && years == ofAge && f.Type != datasets.TypeBoolean && !allowed:
		w.told(t, name, Banded, cells, "")
		return []datasets.Column{banded(t, f, old)}
	case all(func(x Finding) bool { return x.Kind == "age over 89" && x.Rows > 0 }) && years > 0 && f.Type != datasets.TypeString:
		w.told(t, name, TopCoded, grave[0].Rows, "")
		return []datasets.Column{topCoded(t, f, old, years)}
	case all(func(x Finding) bool { return x.Class == ClassPlace && postcodes(tokens(old)) }):
		w.told(t, name, Truncated, cells, "")
		return []datasets.Column{truncated(t, f, old)}
	case len(grave) > 0:
		w.told(t, name, Dropped, cells, grave[0].Kind)
		return nil
	}
	why := ""
	if allowed {
		why = "allowed by the cohort file"
	}
	w.told(t, name, Kept, 0, why)
	return []datasets.Column{{Field: f}}
}

func (w *worker) told(t *datasets.Table, column string, a Action, cells int, why string) {
	w.done = append(w.done, Treatment{Table: t.Name(), Column: column, Action: a, Cells: cells, Why: why})
}

func (w *worker) shifted(t *datasets.Table, name string) []float64 {
	vs := t.Floats(name)
	for r, p := range t.Patient() {
		vs[r] = math.Floor(vs[r]) + w.shift[p] // NaN stays
	}
	return vs
}

// quarter adds the quarter to the table of admissions, once.
func (w *worker) quarter(t *datasets.Table) []datasets.Column {
	if w.quarters == nil || t.Rows() > w.c.Patients() {
		return nil
	}
	levels := slices.Compact(slices.Sorted(slices.Values(w.quarters)))
	codes := make([]int32, t.Rows())
	n := 0
	for r, p := range t.Patient() {
		codes[r] = -1
		if q := w.quarters[p]; q != "" {
			codes[r] = int32(slices.Index(levels, q))
			n++
		}
	}
	w.quarters = nil
	w.told(t, QuarterColumn, Added, n, "worked out before dates were shifted; allowed by the cohort file")
	return []datasets.Column{{Field: datasets.Field{Name: QuarterColumn, Type: datasets.TypeString, Role: datasets.RolePeriod}, Codes: codes, Levels: levels}}
}

// changed reports a rule that need not hold any more: one on a column that is no
// longer what it was, but for one that compares a patient's dates with each other.
func (w *worker) changed(r datasets.Rule) bool {
	cond, err := datasets.ParseCondition(r.Check)
	if err != nil {
		return true
	}
	literal := r.Check
	for _, name := range cond.Columns() {
		literal = strings.ReplaceAll(literal, name, "")
	}
	dates := !strings.ContainsAny(literal, "0123456789")
	return slices.ContainsFunc(cond.Columns(), func(name string) bool {
		return !slices.ContainsFunc(w.done, func(d Treatment) bool {
			return d.Table == r.Table && d.Column == name && (d.Action == Kept || dates && d.Action == Shifted)
		})
	})
}

func hasAllowance(p *datasets.Privacy, column string) bool {
	return p != nil && slices.ContainsFunc(p.Allowances, func(a datasets.Allowance) bool { return a.Column == column })
}

// topCoded gives everybody over 89 the age of 90. The column's maximum says so to
// the gate.
func topCoded(t *datasets.Table, f datasets.Field, name string, most float64) datasets.Column {
	vs := t.Floats(name)
	for i := range vs {
		vs[i] = min(vs[i], most) // NaN stays
	}
	f.Constraints.Maximum = &most
	return datasets.Column{Field: f, Numbers: vs}
}

// banded writes ages in bands of five years.
func banded(t *datasets.Table, f datasets.Field, name string) datasets.Column {
	f.Type, f.Unit, f.Constraints, f.Categories, f.Format = datasets.TypeString, "", datasets.Constraints{}, nil, ""
	c := datasets.Column{Field: f}
	for low := 0; low < ofAge; low += 5 {
		c.Levels = append(c.Levels, fmt.Sprintf("%d-%d", low, low+4))
	}
	c.Levels = append(c.Levels, fmt.Sprintf("%d+", ofAge))
	for _, v := range t.Floats(name) {
		code := int32(-1)
		if v >= 0 {
			code = int32(min(v, ofAge) / 5)
		}
		c.Codes = append(c.Codes, code)
	}
	return c
}

// truncated cuts US postcodes to three digits, 000 where 20,000 people or fewer
// live, and others to the letters before their first digit.
func truncated(t *datasets.Table, f datasets.Field, name string) datasets.Column {
	codes, levels := t.Codes(name)
	number := f.Type != datasets.TypeString
	f.Type, f.Constraints, f.Categories, f.Format = datasets.TypeString, datasets.Constraints{}, nil, ""
	out := make([]string, 0, len(levels))
	index := map[string]int32{}
	of := make([]int32, len(levels))
	for i, l := range levels {
		short := short(fold(l), number)
		if short == "" {
			of[i] = -1
			continue
		}
		n, ok := index[short]
		if !ok {
			n = int32(len(out))
			index[short] = n
			out = append(out, short)
		}
		of[i] = n
	}
	for r, code := range codes {
		if code >= 0 {
			codes[r] = of[code]
		}
	}
	return datasets.Column{Field: f, Codes: codes, Levels: out}
}

// short returns as much of a postcode as may stay, "" for what is none.
func short(s string, number bool) string {
	s, _, _ = strings.Cut(s, "-")
	if at := strings.IndexAny(s, "0123456789"); at > 0 {
		return strings.ToUpper(strings.TrimSpace(s[:at]))
	}
	if !allDigits(s) || len(s) > 5 {
		return ""
	}
	three := s
	switch {
	case number || len(s) == 4: // the leading 0 was lost
		three = (strings.Repeat("0", 5-len(s)) + s)[:3]
	case len(s) == 5:
		three = s[:3]
	}
	if slices.Contains(sparse, atoi(three)) {
		return "000"
	}
	return three
}
