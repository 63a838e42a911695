package describe

import (
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/ledger"
	"recoup/datasets"
)

// Codes of warnings about costs.
const (
	WarnMixedPrices   = ledger.WarnMixedPrices
	WarnMixedCurrency = ledger.WarnMixedCurrency
	WarnSkewed        = "skewed"
)

// From when day numbers of costs count.
const (
	DayAdmission = ledger.DayAdmission // 0 is the day of admission, days before it are negative
	DayClock     = ledger.DayClock     // the same clock as the column with role admitted
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

	// Two is the share of the two greatest amounts in the sum of all, amounts taken
	// without their sign: near 1 the mean tells of two patients.
	Two analysis.Num
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

	// ShortBefore and ShortAfter say why costs of the window before, or from, admission are
	// not known though their days are: the records of care do not reach over it. The change
	// is without numbers then too; the program's own cost keeps its.
	ShortBefore, ShortAfter string

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
	l, err := ledger.Read(c, o.Day, counted)
	if err != nil {
		return r, err
	}
	r.Unit, r.PriceYears, r.Periods, r.FirstDay, r.LastDay = l.Unit, l.PriceYears, l.Days, l.First, l.Last
	r.Warnings = append(r.Warnings, l.Warnings...)
	for p, in := range counted {
		if !in {
			continue
		}
		if !l.Recorded[p] {
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
	r.summarise(l, o, level)
	return r, nil
}

const periodAll, periodBefore, periodAfter = 0, 1, 2

// summarise fills in the items.
func (r *CostsResult) summarise(l *ledger.Ledger, o CostOptions, level float64) {
	r.Program, r.Care, r.Total = noItem(""), noItem("care"), noItem("total")
	if l.Mixed {
		r.Periods = false
		return
	}
	r.reach(l, o)
	never := math.Inf(1)
	windows := [3][2]float64{{-never, never}, {float64(-r.Window), 0}, {0, float64(r.Window)}}
	item := func(name string, of []string) (CostItem, []float64) {
		noCare := !slices.ContainsFunc(of, func(c string) bool { return !slices.Contains(o.Program, c) })
		before, after := noCare || r.ShortBefore == "", noCare || r.ShortAfter == ""
		var by [3][]float64
		it := noItem(name)
		for period := range by {
			by[period] = make([]float64, len(r.patients))
			sums := l.Between(windows[period][0], windows[period][1], of)
			for i, p := range r.patients {
				by[period][i] = sums[p]
			}
		}
		it.Records = l.Records(of)
		it.All = summariseCost(by[periodAll], level)
		if r.Periods {
			change := make([]float64, len(r.patients))
			for i := range change {
				change[i] = by[periodAfter][i] - by[periodBefore][i]
			}
			if before {
				it.Before = summariseCost(by[periodBefore], level)
			}
			if after {
				it.After = summariseCost(by[periodAfter], level)
			}
			if before && after {
				it.Change = summariseCost(change, level)
			}
		}
		return it, by[periodAll]
	}
	var own, care []string
	for _, n := range l.Categories {
		it, _ := item(n, []string{n})
		r.Categories = append(r.Categories, it)
		if slices.Contains(o.Program, n) {
			own = append(own, n)
		} else {
			care = append(care, n)
		}
	}
	r.Total, r.total = item("total", l.Categories)
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

// reach finds out whether the records of care reach over the windows. A report of
// patients who came last quarter has the year before of them and a few months after,
// which would read as a fall in cost.
func (r *CostsResult) reach(l *ledger.Ledger, o CostOptions) {
	if !r.Periods {
		return
	}
	var care []string
	for _, name := range l.Categories {
		if !slices.Contains(o.Program, name) {
			care = append(care, name)
		}
	}
	r.ShortAfter, r.ShortBefore = l.Short(r.patients, float64(r.Window), care)
	for _, why := range []string{r.ShortAfter, r.ShortBefore} {
		if why != "" {
			r.warn(WarnUnknown, fmt.Sprintf("costs of the %d days before and after admission are not compared: %s", r.Window, why), "wait until the records reach further, or compare a shorter time: window=90")
		}
	}
}

// noItem returns an item without numbers.
func noItem(name string) CostItem {
	none := summariseCost(nil, 0.95)
	return CostItem{Name: name, All: none, Before: none, After: none, Change: none}
}

// summariseCost returns the summary of a cost per patient.
func summariseCost(x []float64, level float64) CostSummary {
	s := CostSummary{Summary: Summarise(x), SE: analysis.None, CI: analysis.NoInterval, Zero: analysis.None, Two: analysis.None}
	zero, all, first, second := 0, 0.0, 0.0, 0.0
	for _, v := range x {
		s.Total += v
		amount := math.Abs(v)
		all += amount
		first, second = max(first, amount), max(second, min(first, amount))
		if v == 0 {
			zero++
		}
	}
	if all > 0 {
		s.Two = analysis.Num((first + second) / all)
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
