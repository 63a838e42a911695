// Package ledger reads what patients cost: every record with its category, patient and
// day from admission, from all tables that have a column with role cost.
package ledger

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/datasets/prices"
)

// Codes of warnings about costs.
const (
	WarnMixedPrices   = "mixed-price-years"
	WarnMixedCurrency = "mixed-currencies"
	WarnUnknown       = "not-known"
)

// From when day numbers of costs count.
const (
	DayAdmission = "admission" // 0 is the day of admission, days before it are negative
	DayClock     = "clock"     // the same clock as the column with role admitted
)

// Ledger is the records of costs of the patients counted.
type Ledger struct {
	Categories  []string // in the order of the cohort file, then by name
	Unit        string   // currency, as the cohort file says
	Mixed       bool     // more than one currency: amounts cannot be added
	PriceYears  []string // distinct, sorted
	Days        bool     // all tables could be placed from admission
	First, Last int      // days of the records found, from admission
	Recorded    []bool   // by patient: has a record
	// Through is by patient the days from admission to the last date of a cost of anyone,
	// NaN where not known; nil where costs have day numbers.
	Through  []float64
	Warnings []analysis.Warning

	rows    []record
	monies  []money
	dated   bool // some record has a day
	assumed bool // that day numbers count from admission
}

type record struct {
	patient  int32
	category int32
	money    int32   // which of the monies
	day      float64 // NaN where not known
	amount   float64
}

// money is a currency and a price year as the file states them; either may be empty.
type money struct{ unit, year string }

// Read reads the costs of the patients counted. Records without an amount are left out
// with a warning; currencies and price years are taken as they are, more than one of
// either with a warning.
func Read(c *datasets.Cohort, day string, counted []bool) (*Ledger, error) {
	l := &Ledger{Recorded: make([]bool, c.Patients()), Days: true}
	admitted := admission(c)
	var units []string
	found, gone, undated := false, 0, 0
	for _, t := range c.Tables() {
		f, ok := t.Field(datasets.RoleCost)
		if !ok {
			continue
		}
		found = true
		category, of := l.categories(t), l.money(t, f)
		at, why := l.days(admitted, t, day)
		if why != "" && l.Days {
			l.Days = false
			l.warn(WarnUnknown, "costs before and after admission are not known: "+why, "give each cost a day from admission, or dates of cost and of admission")
		}
		l.through(admitted, t)
		amounts := t.Floats(f.Name)
		units = append(units, unitsOf(t, f)...)
		l.PriceYears = append(l.PriceYears, textsOf(t, datasets.RolePriceYear)...)
		for row, p := range t.Patient() {
			if !counted[p] {
				continue
			}
			if math.IsNaN(amounts[row]) {
				gone++
				continue
			}
			d := math.NaN()
			if at != nil {
				if d = at(row); math.IsNaN(d) {
					undated++
				}
			}
			l.add(record{p, category[row], of(row), d, amounts[row]})
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: no column has the role cost", analysis.ErrCannot)
	}
	if gone > 0 {
		l.warn(analysis.WarnExcluded, fmt.Sprintf("%d records of costs have no amount and are left out, so means are too low", gone), "fill in the amounts")
	}
	if undated > 0 && l.Days {
		l.warn(analysis.WarnExcluded, fmt.Sprintf("%d records of costs have no day from admission: they count in all, and neither before nor after", undated), "fill in the days")
	}
	if l.assumed {
		l.warn(analysis.WarnAssumption, "day numbers of costs were taken as days from admission", "pass day=clock where they count as the column with role admitted does")
	}
	l.prices(units)
	return l, nil
}

func (l *Ledger) warn(code, message, cure string) {
	l.Warnings = append(l.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

// money returns the money of each row of a table.
func (l *Ledger) money(t *datasets.Table, f datasets.Field) func(row int) int32 {
	text := func(role datasets.Role, fallback string) func(row int) string {
		c, ok := t.Field(role)
		if !ok {
			return func(int) string { return fallback }
		}
		codes, levels := t.Codes(c.Name)
		return func(row int) string {
			if codes[row] < 0 {
				return ""
			}
			return levels[codes[row]]
		}
	}
	unit, year := text(datasets.RoleUnit, f.Unit), text(datasets.RolePriceYear, "")
	return func(row int) int32 {
		m := money{unit(row), year(row)}
		at := slices.Index(l.monies, m)
		if at < 0 {
			at = len(l.monies)
			l.monies = append(l.monies, m)
		}
		return int32(at)
	}
}

func (l *Ledger) add(r record) {
	l.Recorded[r.patient] = true
	l.rows = append(l.rows, r)
	if math.IsNaN(r.day) {
		return
	}
	d := int(r.day)
	if !l.dated {
		l.First, l.Last, l.dated = d, d, true
	}
	l.First, l.Last = min(l.First, d), max(l.Last, d)
}

// Between returns what each patient cost in some categories from the first day on and
// before the last; records without a day count where all days are asked for.
func (l *Ledger) Between(first, last float64, categories []string) []float64 {
	out := make([]float64, len(l.Recorded))
	asked := l.among(categories)
	all := math.IsInf(first, -1) && math.IsInf(last, 1)
	for _, r := range l.rows {
		if asked[r.category] && (all || r.day >= first && r.day < last) {
			out[r.patient] += r.amount
		}
	}
	return out
}

// Records returns how many records some categories have.
func (l *Ledger) Records(categories []string) int {
	n, asked := 0, l.among(categories)
	for _, r := range l.rows {
		if asked[r.category] {
			n++
		}
	}
	return n
}

func (l *Ledger) among(categories []string) []bool {
	out := make([]bool, len(l.Categories))
	for i, name := range l.Categories {
		out[i] = slices.Contains(categories, name)
	}
	return out
}

// categories returns the category of each row, and opens the accounts: all that the cohort
// file lists, and those found. A table without categories is one, under the table's name.
func (l *Ledger) categories(t *datasets.Table) []int32 {
	out := make([]int32, t.Rows())
	f, ok := t.Field(datasets.RoleCategory)
	if !ok {
		at := l.open(t.Name())
		for i := range out {
			out[i] = at
		}
		return out
	}
	codes, levels := t.Codes(f.Name)
	account := make([]int32, len(levels))
	for _, i := range f.InOrder(levels) {
		name := levels[i]
		for _, c := range f.Categories {
			if c.Value == name && c.Label != "" {
				name = c.Label
			}
		}
		account[i] = l.open(name)
	}
	for r, code := range codes {
		if code >= 0 {
			out[r] = account[code]
		} else {
			out[r] = l.open("not stated")
		}
	}
	return out
}

func (l *Ledger) open(name string) int32 {
	at := slices.Index(l.Categories, name)
	if at < 0 {
		at = len(l.Categories)
		l.Categories = append(l.Categories, name)
	}
	return int32(at)
}

// entry is when patients were admitted.
type entry struct {
	days  []float64 // nil where there is no such column
	dated bool
	why   string // they are not known
}

func admission(c *datasets.Cohort) entry {
	for _, t := range c.Tables() {
		f, ok := t.Field(datasets.RoleAdmitted)
		if !ok {
			continue
		}
		if of, _, err := c.PatientField(f.Name); err != nil || of != t || f.Type == datasets.TypeBoolean || f.Type == datasets.TypeString {
			continue
		}
		return entry{days: c.Days(datasets.RoleAdmitted), dated: isDate(f)}
	}
	return entry{why: "no column says on which day or date patients were admitted"}
}

func isDate(f datasets.Field) bool {
	return f.Type == datasets.TypeDate || f.Type == datasets.TypeDatetime
}

// days returns the day from admission of a row, or why it is not known.
func (l *Ledger) days(admitted entry, t *datasets.Table, rule string) (func(row int) float64, string) {
	f, ok := t.Field(datasets.RoleDay)
	if date, is := t.Field(datasets.RoleDate); is && !ok {
		f = date
	} else if !ok {
		return nil, fmt.Sprintf("the table %s has no day or date", t.Name())
	}
	at := t.Floats(f.Name)
	if !isDate(f) && rule == DayAdmission {
		l.assumed = true
		return func(row int) float64 { return math.Floor(at[row]) }, ""
	}
	if admitted.why != "" {
		return nil, admitted.why
	}
	if isDate(f) != admitted.dated {
		return nil, fmt.Sprintf("one of admission and the table %s has dates and the other day numbers", t.Name())
	}
	patient := t.Patient()
	return func(row int) float64 { return math.Floor(at[row]) - admitted.days[patient[row]] }, ""
}

// through notes how far the dates of a table's costs reach from each admission.
func (l *Ledger) through(admitted entry, t *datasets.Table) {
	f, ok := t.Field(datasets.RoleDate)
	if _, numbers := t.Field(datasets.RoleDay); !ok || numbers || !isDate(f) || !admitted.dated || t.Rows() == 0 {
		return
	}
	last := math.Inf(-1)
	for _, day := range t.Floats(f.Name) {
		if day > last { // not NaN
			last = math.Floor(day)
		}
	}
	if l.Through == nil {
		l.Through = slices.Repeat([]float64{math.Inf(-1)}, len(admitted.days))
	}
	for p, day := range admitted.days {
		l.Through[p] = math.Max(l.Through[p], last-day) // NaN stays
	}
}

// Ends returns, by patient, the day of the last record of some categories from the first
// day on and before the last, and that of the first; NaN without one.
func (l *Ledger) Ends(first, last float64, categories []string) (latest, earliest []float64) {
	latest, earliest = slices.Repeat([]float64{math.NaN()}, len(l.Recorded)), slices.Repeat([]float64{math.NaN()}, len(l.Recorded))
	asked := l.among(categories)
	for _, r := range l.rows {
		if p := r.patient; asked[r.category] && r.day >= first && r.day < last {
			if !(latest[p] >= r.day) {
				latest[p] = r.day
			}
			if !(earliest[p] <= r.day) {
				earliest[p] = r.day
			}
		}
	}
	return latest, earliest
}

// textsOf returns the distinct values of a column, nil where there is none.
func textsOf(t *datasets.Table, role datasets.Role) []string {
	f, ok := t.Field(role)
	if !ok {
		return nil
	}
	codes, levels := t.Codes(f.Name)
	used := make([]bool, len(levels))
	for _, code := range codes {
		if code >= 0 {
			used[code] = true
		}
	}
	var out []string
	for i, u := range used {
		if u {
			out = append(out, levels[i])
		}
	}
	return out
}

// unitsOf returns the currencies of a table: its column with role unit, else the unit of
// the column of costs.
func unitsOf(t *datasets.Table, f datasets.Field) []string {
	if _, ok := t.Field(datasets.RoleUnit); ok {
		return textsOf(t, datasets.RoleUnit)
	}
	return []string{f.Unit}
}

const noPriceYear = "the price year of the costs is not known"

// prices settles currency and price year.
func (l *Ledger) prices(units []string) {
	slices.Sort(units)
	units = slices.Compact(units)
	if len(units) == 1 {
		l.Unit = units[0]
	} else if len(units) > 1 {
		l.Mixed = true
		l.warn(WarnMixedCurrency, "costs are in more than one currency ("+strings.Join(units, ", ")+"), so they cannot be added and no number is given", "convert them to one currency, or keep one by where")
	}
	slices.Sort(l.PriceYears)
	l.PriceYears = slices.Compact(l.PriceYears)
	switch len(l.PriceYears) {
	case 0:
		l.warn(WarnUnknown, noPriceYear, "add a column or constant with role price_year")
	case 1:
	default:
		l.warn(WarnMixedPrices, "costs of the price years "+strings.Join(l.PriceYears, ", ")+" are added as they are", "index them to one year")
	}
}

// Discount multiplies the amounts by (1 + rate)^-(day/365.25); those from before
// admission and without a day stay as they are.
func (l *Ledger) Discount(rate float64) {
	for i, r := range l.rows {
		if r.day > 0 {
			l.rows[i].amount = r.amount * math.Pow(1+rate, -r.day/365.25)
		}
	}
}

// Move says to which money costs are moved, and what those are taken to be of that state
// none.
type Move struct {
	Table    prices.Table
	Currency string // to move to; that of the costs where empty
	Year     int    // to move to
	From     string // currency of the costs that state none, or the country of theirs, as EUR/DEU
	FromYear int    // price year of the costs that state none
	Options  prices.Options
}

// Move puts all costs into one currency and price year, each record from its own, and
// returns how.
func (l *Ledger) Move(m Move) ([]prices.Conversion, error) {
	from := make([]prices.Money, len(l.monies))
	for i, x := range l.monies {
		var err error
		if from[i], err = m.from(x); err != nil {
			return nil, err
		}
	}
	to := m.Currency
	if to == "" {
		for _, f := range from {
			if to = f.Code(); to != from[0].Code() {
				return nil, fmt.Errorf("%w: costs are in more than one currency: say to which they are moved by currency=USD", analysis.ErrOptions)
			}
		}
	}
	target, err := prices.Parse(to, m.Year)
	if err != nil {
		return nil, fmt.Errorf("%w: currency and price_year: %w", analysis.ErrOptions, err)
	}
	factors, moves := make([]float64, len(from)), []prices.Conversion{}
	for i, f := range from {
		c, err := m.Table.Convert(f, target, m.Options)
		if err != nil {
			if errors.Is(err, prices.ErrMissing) {
				err = fmt.Errorf("%w; set another price_year, or price_order=convert-first, or in economics/costs an index of your own", err)
			}
			return nil, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
		}
		if factors[i] = c.Factor; c.Factor != 1 && !slices.ContainsFunc(moves, func(x prices.Conversion) bool { return x.From == c.From }) {
			moves = append(moves, c)
		}
	}
	for i, r := range l.rows {
		l.rows[i].amount *= factors[r.money]
	}
	l.Unit, l.Mixed, l.PriceYears = target.Code(), false, []string{strconv.Itoa(m.Year)}
	l.Warnings = slices.DeleteFunc(l.Warnings, func(w analysis.Warning) bool {
		return w.Code == WarnMixedCurrency || w.Code == WarnMixedPrices || w.Message == noPriceYear
	})
	slices.SortFunc(moves, func(a, b prices.Conversion) int { return strings.Compare(a.From.String(), b.From.String()) })
	return moves, nil
}

// from reads what money a record is of.
func (m Move) from(x money) (prices.Money, error) {
	unit := x.unit
	if own, _, _ := strings.Cut(m.From, "/"); unit == "" || m.From != "" && unit == own {
		unit = m.From
	}
	year := m.FromYear
	if x.year != "" {
		var err error
		if year, err = strconv.Atoi(x.year); err != nil {
			return prices.Money{}, fmt.Errorf("%w: the price years are not all years of four digits", analysis.ErrCannot)
		}
	}
	if year == 0 {
		return prices.Money{}, fmt.Errorf("%w: some costs have no price year: give a column or constant with role price_year, or cost_year=2020", analysis.ErrCannot)
	}
	out, err := prices.Parse(unit, year)
	if err != nil {
		return out, fmt.Errorf("%w: the currency of the costs: %w; give the column of costs its unit, such as USD, or cost_currency=USD", analysis.ErrCannot, err)
	}
	return out, nil
}

// Scale multiplies all amounts, to move them to the prices of another year.
func (l *Ledger) Scale(factor float64) {
	for i := range l.rows {
		l.rows[i].amount *= factor
	}
}
