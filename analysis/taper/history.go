package taper

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/opioid"
)

func cannot(format string, args ...any) error {
	return fmt.Errorf("%w: %w", analysis.ErrCannot, fmt.Errorf(format, args...))
}

// history is the table of doses with the day of each row, counted from the
// cohort's own day 0 or from admission.
type history struct {
	c       *datasets.Cohort
	table   *datasets.Table
	day     []float64 // whole days, NaN where unknown
	clock   string    // what the days count from
	visits  bool      // a row is what was said at a visit
	undated datasets.Exclusion
}

// clockAdmission is the clock of doses with dates.
const clockAdmission = "admission"

// read finds the first table with doses and days, else the first with doses by visit
// and weeks of the visits.
func read(c *datasets.Cohort) (history, error) {
	var found []history
	for _, t := range c.Tables() {
		_, dose := t.Field(datasets.RoleDose)
		_, strength := t.Field(datasets.RoleStrength)
		_, visits := t.Field(datasets.RoleVisit)
		if !dose && !strength {
			continue
		}
		h := history{c: c, table: t, visits: visits}
		if err := h.days(); err != nil {
			if visits {
				found = append(found, h)
				continue
			}
			return h, err
		}
		return h, nil
	}
	for _, h := range found {
		if h.weeks() {
			return h, nil
		}
	}
	if found != nil {
		return history{}, cannot("the doses of table %s are by visit; a dose history needs a column with role day, date or start, or the week of each visit", found[0].table.Name())
	}
	return history{}, cannot("no table has a column with role dose, or with roles strength, quantity and days_supplied")
}

// days reads the day of each row.
func (h *history) days() error {
	for _, role := range []datasets.Role{datasets.RoleDay, datasets.RoleDate, datasets.RoleStart} {
		f, ok := h.table.Field(role)
		if !ok {
			continue
		}
		h.day = h.table.Floats(f.Name)
		h.clock = fmt.Sprintf("day 0 of %s", f.Name)
		if f.Type == datasets.TypeDate || f.Type == datasets.TypeDatetime {
			admitted := h.c.Days(datasets.RoleAdmitted)
			if !h.c.Dated(datasets.RoleAdmitted) {
				return cannot("the doses have dates, and no table of one row a patient has dates with role admitted to count from")
			}
			h.clock = clockAdmission
			for row, p := range h.table.Patient() {
				h.day[row] -= admitted[p]
			}
		}
		h.whole()
		return nil
	}
	return cannot("the doses of table %s have no column with role day, date or start", h.table.Name())
}

// weeks takes the day of each row from the planned week of its visit, and reports
// whether any visit has one.
func (h *history) weeks() bool {
	f, _ := h.table.Field(datasets.RoleVisit)
	codes, levels := h.table.Codes(f.Name)
	planned := make([]float64, len(levels))
	any := false
	for i, s := range levels {
		planned[i] = math.NaN()
		if v, err := h.c.Visit(s); err == nil && v.Week != nil {
			planned[i] = math.Round(7 * *v.Week)
			any = true
		}
	}
	h.day = make([]float64, len(codes))
	for row, code := range codes {
		h.day[row] = math.NaN()
		if code >= 0 {
			h.day[row] = planned[code]
		}
	}
	h.clock = "week 0 of the visits, each at its planned week"
	h.whole()
	return any
}

// whole floors the days and counts the rows that have none.
func (h *history) whole() {
	for row, d := range h.day {
		if h.day[row] = math.Floor(d); math.IsNaN(d) || math.Abs(d) > 1e6 {
			h.day[row] = math.NaN()
			h.undated.Rows++
		}
	}
	h.undated.Code, h.undated.Table = analysis.WarnExcluded, h.table.Name()
	h.undated.Reason = "dose records without a usable day, or of patients without a date of admission to count from"
}

// exclusions returns the rows left out for want of a day.
func (h *history) exclusions() []datasets.Exclusion {
	if h.undated.Rows == 0 {
		return nil
	}
	return []datasets.Exclusion{h.undated}
}

// fold lower-cases and leaves single spaces between runs of letters and digits.
func fold(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")
}

// texts reads a text column by its role, with labels where the cohort file gives
// them; "" where missing or absent.
func (h *history) texts(role datasets.Role) (at func(row int) string, used []string) {
	f, ok := h.table.Field(role)
	if !ok {
		return func(int) string { return "" }, nil
	}
	codes, values := h.table.Codes(f.Name)
	levels := slices.Clone(values)
	for i, v := range values {
		for _, c := range f.Categories {
			if c.Value == v && c.Label != "" {
				levels[i] = c.Label
			}
		}
	}
	found := make([]bool, len(levels))
	for _, c := range codes {
		if c >= 0 {
			found[c] = true
		}
	}
	for i, f := range found {
		if f {
			used = append(used, levels[i])
		}
	}
	return func(row int) string {
		if codes[row] < 0 {
			return ""
		}
		return levels[codes[row]]
	}, used
}

// floats reads a numeric column by its role, NaN where missing or absent.
func (h *history) floats(role datasets.Role) func(row int) float64 {
	f, ok := h.table.Field(role)
	if !ok {
		return func(int) float64 { return math.NaN() }
	}
	vs := h.table.Floats(f.Name)
	return func(row int) float64 { return vs[row] }
}

// unit returns the unit of each row: its own, else the column's.
func (h *history) unit() func(row int) string {
	own, _ := h.texts(datasets.RoleUnit)
	fallback := ""
	for _, role := range []datasets.Role{datasets.RoleDose, datasets.RoleStrength} {
		if f, ok := h.table.Field(role); ok && f.Unit != "" {
			fallback = f.Unit
			break
		}
	}
	return func(row int) string {
		if u := own(row); u != "" {
			return u
		}
		return fallback
	}
}

// alreadyMME are the units of doses that were converted before they were recorded.
var alreadyMME = []string{"mme", "mme day", "mme d", "omedd", "omedd day", "omedd d"}

// records returns the dose records of each patient. A row with a dose is a log
// entry, of one day unless it has days supplied or an end; in a table of visits
// without those it is what was said at the visit, and so is a row with neither dose
// nor strength there: not known. Any other row is a supply. Converted is how many rows were in MME already: they pass through every
// table unchanged, as morphine by mouth in milligrams.
func (h *history) records() (byPatient [][]opioid.Record, converted int) {
	drug, _ := h.texts(datasets.RoleDrug)
	route, _ := h.texts(datasets.RoleRoute)
	indication, _ := h.texts(datasets.RoleIndication)
	unit := h.unit()
	dose, strength := h.floats(datasets.RoleDose), h.floats(datasets.RoleStrength)
	quantity, supplied := h.floats(datasets.RoleQuantity), h.floats(datasets.RoleDaysSupplied)
	last, hours := h.ends(), h.floats(datasets.RoleWearHours)
	byPatient = make([][]opioid.Record, h.c.Patients())
	for row, p := range h.table.Patient() {
		if math.IsNaN(h.day[row]) {
			continue
		}
		r := opioid.Record{
			Drug: drug(row), Route: route(row), Unit: unit(row), Indication: indication(row),
			StartDay: int(h.day[row]), Strength: strength(row), Quantity: quantity(row), DaysSupplied: supplied(row), DosePerDay: dose(row),
		}
		if math.IsNaN(r.DaysSupplied) {
			r.DaysSupplied = last(row)
		}
		if w := hours(row); !math.IsNaN(w) {
			r.WearDays = w / 24
		}
		if h.visits && math.IsNaN(r.DaysSupplied) && math.IsNaN(r.Strength) {
			r.Kind = opioid.AtVisit
		}
		said := !math.IsNaN(r.DosePerDay)
		if said && r.Kind != opioid.AtVisit {
			r.Kind = opioid.Logged
			if math.IsNaN(r.DaysSupplied) {
				r.DaysSupplied = 0
			}
		}
		if r.Kind != opioid.Dispensed && slices.Contains(alreadyMME, fold(r.Unit)) {
			r.Drug, r.Route, r.Unit = "morphine", "oral", "mg"
			if said {
				converted++
			}
		}
		byPatient[p] = append(byPatient[p], r)
	}
	return byPatient, converted
}

// ends returns the days from the start of each row to its end, both included.
func (h *history) ends() func(row int) float64 {
	start, okStart := h.table.Field(datasets.RoleStart)
	end, okEnd := h.table.Field(datasets.RoleEnd)
	if !okStart || !okEnd {
		return func(int) float64 { return math.NaN() }
	}
	from, to := h.table.Floats(start.Name), h.table.Floats(end.Name)
	return func(row int) float64 { return math.Floor(to[row]) - math.Floor(from[row]) + 1 }
}

// onlyOUD reports whether every row is medication for opioid use disorder.
func (h *history) onlyOUD() bool {
	if f, ok := h.table.Field(datasets.RoleIndication); !ok || h.table.Missing(f.Name) > 0 {
		return false
	}
	_, levels := h.texts(datasets.RoleIndication)
	t, _ := opioid.Find(defaultTable)
	for _, s := range levels {
		_, err := t.MMEPerDay(opioid.Record{Drug: "morphine", Route: "oral", Unit: "mg", Kind: opioid.Logged, Indication: s})
		if opioid.Reason(err) != opioid.Reason(opioid.ErrOUD) {
			return false
		}
	}
	return len(levels) > 0
}

var errOUD = cannot("every dose is medication for opioid use disorder, which is never converted to MME; doses in their own unit are given by taper/dose-by-week, and compared with the patient's own baseline by taper/velocity, taper/time and taper/trajectories, with unit=as-recorded")

const defaultTable = "CDC-2022"

// reasons says in words why records were not converted.
var reasons = map[string]string{
	"opioid-use-disorder": "medication for opioid use disorder is never converted",
	"indication":          "buprenorphine or methadone without an indication of pain or oud, or another indication",
	"unknown-drug":        "drug is not an opioid known here",
	"route":               "route is missing or unknown",
	"no-factor":           "the table has no factor for the drug by its route",
	"unit":                "unit is missing, unknown or not one the factor can use",
	"amount":              "a strength, quantity, number of days or dose is missing or impossible",
}

// tally adds up what was not converted over patients.
type tally struct {
	order []string
	rows  map[string]int
	used  int
}

func (t *tally) add(s opioid.Summary) {
	t.used += s.Used
	for _, e := range s.Excluded {
		if t.rows == nil {
			t.rows = map[string]int{}
		}
		if t.rows[e.Reason] == 0 {
			t.order = append(t.order, e.Reason)
		}
		t.rows[e.Reason] += e.Records
	}
}

func (t *tally) exclusions(table, conversion string) []datasets.Exclusion {
	var out []datasets.Exclusion
	for _, code := range slices.Sorted(slices.Values(t.order)) {
		out = append(out, datasets.Exclusion{
			Code: analysis.WarnNotConverted, Table: table, Rows: t.rows[code],
			Reason: "dose records not converted by " + conversion + ": " + reasons[code],
		})
	}
	return out
}
