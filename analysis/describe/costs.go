package describe

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// Codes of warnings about costs.
const (
	WarnMixedPrices   = "mixed-price-years"
	WarnMixedCurrency = "mixed-currencies"
	WarnSkewed        = "skewed"
)

// From when day numbers of costs count.
const (
	DayAdmission = "admission" // 0 is the day of admission, days before it are negative
	DayClock     = "clock"     // the same clock as the column with role admitted
)

// What patients without any record of a cost count as.
const (
	NoRecordZero    = "zero"    // nothing was spent on them
	NoRecordMissing = "missing" // not known: they are left out
)

// CostOptions are the settings of describe/costs. Start from DefaultCosts.
type CostOptions struct {
	Patients  string   `opt:"patients" doc:"whom to count: those admitted where the cohort says who was, or all" choices:"admitted|all"`
	NoRecord  string   `opt:"no_record" doc:"what patients without any record of a cost count as" choices:"zero|missing"`
	Program   []string `opt:"program" doc:"categories that are the program's own cost; all others are care"`
	Day       string   `opt:"day" doc:"from when day numbers of costs count: admission (0 is the day of admission), or the clock of the column with role admitted" choices:"admission|clock"`
	Window    int      `opt:"window" doc:"days before and after admission that are compared"`
	Rule      string   `opt:"rule" doc:"who is a success, where an outcome and a visit are asked for" choices:"percent|points|at-most"`
	Threshold float64  `opt:"threshold" doc:"of the rule"`
	Direction string   `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
}

// DefaultCosts counts patients admitted, those without a record as zero, days from
// admission, a year before and after, and improvement by 30 % as success.
var DefaultCosts = CostOptions{
	Patients: PatientsAdmitted, NoRecord: NoRecordZero, Program: []string{"program"}, Day: DayAdmission, Window: 365,
	Rule: "percent", Threshold: 30, Direction: "instrument",
}

// CostSummary is a cost per patient.
type CostSummary struct {
	Summary
	SE    analysis.Num
	CI    analysis.Interval // Student's t
	Zero  analysis.Num      // share of patients with none
	Total float64           // of all patients
}

// CostItem is a kind of cost: a category, the program, care, or the total.
type CostItem struct {
	Name                  string
	All                   CostSummary // every record
	Before, After, Change CostSummary // in the window; Change is after less before, by patient. Without numbers where Periods is false
	Records               int
}

// CostsResult is the cost per patient.
type CostsResult struct {
	Unit       string   // currency, as the cohort file says
	PriceYears []string // distinct, sorted
	Patients   int      // counted
	Without    int      // of them without any record
	Who        string   // whom is counted, in words

	Periods           bool // costs could be placed before and after admission
	FirstDay, LastDay int  // days of the records found, from admission
	Window            int

	Categories           []CostItem // in the order of the cohort file, else by name
	Program, Care, Total CostItem   // Program is empty (no Name) where no category is the program's
	Warnings             []analysis.Warning

	program, total []float64 // by patient counted
	patients       []int
}

func (r *CostsResult) warn(code, message, cure string) {
	r.Warnings = append(r.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

// Costs returns what patients cost: by category, before and after admission, the
// program's own cost, other care, and all together, from every table that has a
// column with role cost.
//
// Patients without any record count as zero (NoRecord: missing leaves them out).
// A record without an amount is left out with a warning. Before is from -Window to
// -1 days from admission, after from 0 to Window-1; records outside count in All
// alone. Before and after need a day (role day) or date in each table of costs, and
// for dates a date of admission.
//
// Costs are skewed: the mean is what a budget needs, the median shows what is
// usual, and Student's t is rough for few patients or rare large bills. Amounts
// are taken as they are: more than one price year is a warning, more than one
// currency leaves all numbers out.
//
// R: t.test(cost); quantile(cost). Level is that of intervals.
func Costs(c *datasets.Cohort, o CostOptions, level float64) (CostsResult, error) {
	if o.Window < 1 {
		return CostsResult{}, fmt.Errorf("%w: expected a window of at least one day", analysis.ErrOptions)
	}
	counted, _, words := who(c, o.Patients)
	r := CostsResult{Who: words, Window: o.Window}
	l, err := readLedger(c, o, counted, &r)
	if err != nil {
		return r, err
	}
	for p, in := range counted {
		if !in {
			continue
		}
		if !l.recorded[p] {
			if r.Without++; o.NoRecord == NoRecordMissing {
				continue
			}
		}
		r.patients = append(r.patients, p)
	}
	r.Patients = len(r.patients)
	if r.Without > 0 {
		r.warn(analysis.WarnAssumption, fmt.Sprintf("%d of the patients counted have no record of a cost: they count as %s", r.Without, o.NoRecord), "compare with no_record=zero or no_record=missing")
	}
	l.summarise(&r, o, level)
	return r, nil
}

// ledger is the records of costs by category, period and patient.
type ledger struct {
	names    []string
	amount   map[string]*[3][]float64 // all, before, after; by patient
	records  map[string]int
	recorded []bool
	dated    bool // some record has a day
}

const periodAll, periodBefore, periodAfter = 0, 1, 2

func readLedger(c *datasets.Cohort, o CostOptions, counted []bool, r *CostsResult) (*ledger, error) {
	l := &ledger{amount: map[string]*[3][]float64{}, records: map[string]int{}, recorded: make([]bool, c.Patients())}
	clocks := admissionClock(c, o)
	var units []string
	found, gone, undated := false, 0, 0
	r.Periods = true
	for _, t := range c.Tables() {
		f, ok := t.Field(datasets.RoleCost)
		if !ok {
			continue
		}
		found = true
		names := l.categories(t)
		day, why := clocks.days(t)
		if why != "" && r.Periods {
			r.Periods = false
			r.warn(WarnUnknown, "costs before and after admission are not known: "+why, "give each cost a day from admission, or dates of cost and of admission")
		}
		amounts := t.Floats(f.Name)
		units = append(units, unitsOf(t, f)...)
		r.PriceYears = append(r.PriceYears, textsOf(t, datasets.RolePriceYear)...)
		for row, p := range t.Patient() {
			if !counted[p] {
				continue
			}
			if math.IsNaN(amounts[row]) {
				gone++
				continue
			}
			l.recorded[p] = true
			d := math.NaN()
			if day != nil {
				if d = day(row); math.IsNaN(d) {
					undated++
				}
			}
			l.add(names[row], int(p), amounts[row], d, r)
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: no column has the role cost", analysis.ErrCannot)
	}
	if gone > 0 {
		r.warn(analysis.WarnExcluded, fmt.Sprintf("%d records of costs have no amount and are left out, so means are too low", gone), "fill in the amounts")
	}
	if undated > 0 && r.Periods {
		r.warn(analysis.WarnExcluded, fmt.Sprintf("%d records of costs have no day from admission: they count in all, and neither before nor after", undated), "fill in the days")
	}
	if clocks.assumed {
		r.warn(analysis.WarnAssumption, "day numbers of costs were taken as days from admission", "pass day=clock where they count as the column with role admitted does")
	}
	r.prices(units)
	return l, nil
}

// add books a record.
func (l *ledger) add(name string, p int, amount, day float64, r *CostsResult) {
	a := l.amount[name]
	l.records[name]++
	a[periodAll][p] += amount
	if math.IsNaN(day) {
		return
	}
	d := int(day)
	if !l.dated {
		r.FirstDay, r.LastDay, l.dated = d, d, true
	}
	r.FirstDay, r.LastDay = min(r.FirstDay, d), max(r.LastDay, d)
	switch {
	case d >= -r.Window && d < 0:
		a[periodBefore][p] += amount
	case d >= 0 && d < r.Window:
		a[periodAfter][p] += amount
	}
}

// categories returns the name of each row's category, and opens the accounts: all
// that the cohort file lists, and those found. A table without categories is one,
// under the table's name.
func (l *ledger) categories(t *datasets.Table) []string {
	out := make([]string, t.Rows())
	f, ok := t.Field(datasets.RoleCategory)
	if !ok {
		for i := range out {
			out[i] = t.Name()
		}
		l.open(t.Name(), len(l.recorded))
		return out
	}
	codes, levels := t.Codes(f.Name)
	s := source{field: f, levels: levels}
	label := make([]string, len(levels))
	for i, name := range levels {
		label[i] = name
		for _, cat := range f.Categories {
			if cat.Value == name && cat.Label != "" {
				label[i] = cat.Label
			}
		}
	}
	for _, i := range orderOf(s) {
		l.open(label[i], len(l.recorded))
	}
	for r, code := range codes {
		out[r] = "not stated"
		if code >= 0 {
			out[r] = label[code]
		} else {
			l.open(out[r], len(l.recorded))
		}
	}
	return out
}

func (l *ledger) open(name string, patients int) {
	if l.amount[name] != nil {
		return
	}
	l.names = append(l.names, name)
	l.amount[name] = &[3][]float64{make([]float64, patients), make([]float64, patients), make([]float64, patients)}
}

// clock turns the days of a table of costs into days from admission.
type clock struct {
	o        CostOptions
	admitted []float64 // nil where there is no such column
	dated    bool
	why      string
	assumed  bool
}

func admissionClock(c *datasets.Cohort, o CostOptions) *clock {
	f := fieldOf(c, datasets.RoleAdmitted)
	k := &clock{o: o, dated: isDate(f)}
	if f.Name == "" || f.Type == datasets.TypeBoolean || f.Type == datasets.TypeString {
		k.why = "no column says on which day or date patients were admitted"
		return k
	}
	k.admitted = c.Days(datasets.RoleAdmitted)
	return k
}

// days returns the day from admission of a row, or why it is not known.
func (k *clock) days(t *datasets.Table) (func(row int) float64, string) {
	f, ok := t.Field(datasets.RoleDay)
	if date, is := t.Field(datasets.RoleDate); is && !ok {
		f = date
	} else if !ok {
		return nil, fmt.Sprintf("the table %s has no day or date", t.Name())
	}
	at := t.Floats(f.Name)
	if !isDate(f) && k.o.Day == DayAdmission {
		k.assumed = true
		return func(row int) float64 { return math.Floor(at[row]) }, ""
	}
	if k.why != "" {
		return nil, k.why
	}
	if isDate(f) != k.dated {
		return nil, fmt.Sprintf("one of admission and the table %s has dates and the other day numbers", t.Name())
	}
	patient := t.Patient()
	return func(row int) float64 { return math.Floor(at[row]) - k.admitted[patient[row]] }, ""
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

// unitsOf returns the currencies of a table: its column with role unit, else the
// unit of the column of costs.
func unitsOf(t *datasets.Table, f datasets.Field) []string {
	if _, ok := t.Field(datasets.RoleUnit); ok {
		return textsOf(t, datasets.RoleUnit)
	}
	return []string{f.Unit}
}

// prices settles currency and price year.
func (r *CostsResult) prices(units []string) {
	slices.Sort(units)
	units = slices.Compact(units)
	if len(units) == 1 {
		r.Unit = units[0]
	} else if len(units) > 1 {
		r.warn(WarnMixedCurrency, "costs are in more than one currency ("+strings.Join(units, ", ")+"), so they cannot be added and no number is given", "convert them to one currency, or keep one by where")
	}
	slices.Sort(r.PriceYears)
	r.PriceYears = slices.Compact(r.PriceYears)
	switch len(r.PriceYears) {
	case 0:
		r.warn(WarnUnknown, "the price year of the costs is not known", "add a column or constant with role price_year")
	case 1:
	default:
		r.warn(WarnMixedPrices, "costs of the price years "+strings.Join(r.PriceYears, ", ")+" are added as they are", "index them to one year")
	}
}

// summarise fills in the items.
func (l *ledger) summarise(r *CostsResult, o CostOptions, level float64) {
	r.Program, r.Care, r.Total = noItem(""), noItem("care"), noItem("total")
	if slices.ContainsFunc(r.Warnings, func(w analysis.Warning) bool { return w.Code == WarnMixedCurrency }) {
		r.Periods = false
		return
	}
	item := func(name string, of []string) (CostItem, []float64) {
		var by [3][]float64
		it := noItem(name)
		for period := range by {
			by[period] = make([]float64, len(r.patients))
			for _, n := range of {
				for i, p := range r.patients {
					by[period][i] += l.amount[n][period][p]
				}
			}
		}
		for _, n := range of {
			it.Records += l.records[n]
		}
		it.All = summariseCost(by[periodAll], level)
		if r.Periods {
			change := make([]float64, len(r.patients))
			for i := range change {
				change[i] = by[periodAfter][i] - by[periodBefore][i]
			}
			it.Before, it.After, it.Change = summariseCost(by[periodBefore], level), summariseCost(by[periodAfter], level), summariseCost(change, level)
		}
		return it, by[periodAll]
	}
	var own, care []string
	for _, n := range l.names {
		it, _ := item(n, []string{n})
		r.Categories = append(r.Categories, it)
		if slices.Contains(o.Program, n) {
			own = append(own, n)
		} else {
			care = append(care, n)
		}
	}
	r.Total, r.total = item("total", l.names)
	r.Care, _ = item("care", care)
	if own != nil {
		r.Program, r.program = item("program", own)
	} else {
		r.warn(WarnUnknown, "no category is the program's own cost", "name it: program=CATEGORY")
	}
	if s := r.Total.All; s.N > 1 && float64(s.Mean) > 1.5*float64(s.Median) {
		r.warn(WarnSkewed, "costs are skewed: the mean is far above the median, and the interval of the mean is rough", "show the median beside the mean")
	}
}

// noItem returns an item without numbers.
func noItem(name string) CostItem {
	none := summariseCost(nil, 0.95)
	return CostItem{Name: name, All: none, Before: none, After: none, Change: none}
}

// summariseCost returns the summary of a cost per patient.
func summariseCost(x []float64, level float64) CostSummary {
	s := CostSummary{Summary: Summarise(x), SE: analysis.None, CI: analysis.NoInterval, Zero: analysis.None}
	zero := 0
	for _, v := range x {
		s.Total += v
		if v == 0 {
			zero++
		}
	}
	if s.N > 0 {
		s.Zero = analysis.Num(float64(zero) / float64(s.N))
	}
	if s.N > 1 {
		s.SE = s.SD / analysis.Num(math.Sqrt(float64(s.N)))
		s.CI = analysis.TInterval(float64(s.Mean), float64(s.SE), float64(s.N-1), level)
	}
	return s
}

// Ratio is a cost per success.
type Ratio struct {
	Value     analysis.Num // cost of all patients / successes
	SE        analysis.Num
	CI        analysis.Interval
	Cost      float64
	Successes int
	N         int // patients
}

// CostPerSuccess returns the cost of all patients over the number of successes.
// Success is 1, 0 or NaN by patient; what is not known is no success, while its
// cost counts.
//
//	R = Σc / Σs,  SE = √(n/(n-1) Σ(c - R s)²) / Σs,  interval R exp(± z SE/R)
//
// The interval is by the delta method, which takes cost and success of a patient
// as they go together; it is rough under about ten successes. Everything is none
// without a success.
//
// R: survey::svyratio(~cost, ~success). Cochran 1977, Sampling Techniques, ch. 6.
func CostPerSuccess(cost, success []float64, level float64) Ratio {
	r := Ratio{Value: analysis.None, SE: analysis.None, CI: analysis.NoInterval, N: len(cost)}
	for i, c := range cost {
		r.Cost += c
		if success[i] == 1 {
			r.Successes++
		}
	}
	if r.Successes == 0 {
		return r
	}
	n, s := float64(r.N), float64(r.Successes)
	value := r.Cost / s
	r.Value = analysis.Num(value)
	if r.N < 2 {
		return r
	}
	ss := 0.0
	for i, c := range cost {
		d := c
		if success[i] == 1 {
			d -= value
		}
		ss += float64(d * d)
	}
	se := math.Sqrt(n/(n-1)*ss) / s
	r.SE = analysis.Num(se)
	if value > 0 && se > 0 {
		r.CI = analysis.LogInterval(value, se/value, level)
	}
	return r
}

// PerSuccess returns the program's cost, or where no category is the program's all
// cost, per success; success is by patient of the cohort: 1, 0 or NaN. Of says
// which cost it is.
func (r CostsResult) PerSuccess(success []float64, level float64) (ratio Ratio, of string) {
	cost, of := r.program, "program"
	if cost == nil {
		cost, of = r.total, "total"
	}
	picked := make([]float64, 0, len(r.patients))
	for i, p := range r.patients {
		if i < len(cost) {
			picked = append(picked, success[p])
		}
	}
	return CostPerSuccess(cost, picked, level), of
}
