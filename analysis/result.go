package analysis

import (
	"encoding/json"
	"slices"

	"recoup/datasets"
)

// Scale is the scale an estimate is on.
type Scale string

// The scales of estimates.
const (
	ScaleMean         Scale = "mean"            // the outcome's own unit
	ScaleSD           Scale = "sd"              // a standard deviation in the outcome's own unit
	ScaleDifference   Scale = "difference"      // a difference in the outcome's own unit
	ScaleStandardised Scale = "standardised"    // in standard deviations
	ScaleProportion   Scale = "proportion"      // 0 to 1
	ScaleRiskDiff     Scale = "risk-difference" // -1 to 1
	ScaleRatio        Scale = "ratio"           // no effect is 1
	ScaleCount        Scale = "count"           // patients, records
	ScaleTime         Scale = "time"            // in the estimate's unit
	ScalePercent      Scale = "percent"         // percent of baseline
	ScaleNNT          Scale = "patients"        // number needed to treat
	ScaleChiSquare    Scale = "chi-square"      // a test statistic with the estimate's degrees of freedom
)

// Interval is a confidence interval. Only the constructors of this package make
// one, so that its kind and level are always said.
type Interval struct {
	Low, High Num
	Level     float64 // 0.95
	Kind      string  // the interval's name: wilson, newcombe, t, noncentral-t ...
}

// NoInterval is the interval of an estimate that has none.
var NoInterval = Interval{Low: None, High: None}

// N counts the patients behind an estimate.
type N struct {
	Arm       int // used in the arm, or in the only group
	Reference int // used in the reference, 0 without one
	Missing   int // in the groups asked for, but without the values needed
	Events    int // with the event in the arm, for proportions and times
}

// Method says how an estimate was made.
type Method struct {
	Name string // in words, with the formula's choices
	R    string // the R call that gives the same digits
	Ref  string // source, with DOI
}

// Warning is what the reader of a result must know, and what would cure it.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Cure    string `json:"cure,omitempty"`
}

// Codes of warnings that several analyses give.
const (
	WarnTooFew       = "too-few"            // too few patients for the number asked for
	WarnNoVariance   = "no-variance"        // all values equal, so nothing to standardise by
	WarnLowFollowUp  = "low-follow-up"      // under 70 % of patients were seen
	WarnNoDirection  = "direction-unknown"  // better is not defined for the outcome
	WarnExcluded     = "excluded"           // rows or patients were left out
	WarnUnverified   = "unverified-source"  // a figure from memory, not read in its source
	WarnCaseMix      = "case-mix"           // compared groups differ, or may differ
	WarnTimeOrigin   = "time-origin"        // clocks start at different events
	WarnAssumption   = "assumption"         // an assumption that the data cannot show
	WarnPercentZero  = "percent-of-zero"    // a percentage of a zero baseline
	WarnSmallCount   = "small-count"        // an approximation is weak at such counts
	WarnSeparation   = "separation"         // the columns foretell the event without fail
	WarnUnknownDose  = "dose-unknown"       // days without a record are unknown, not zero
	WarnNotConverted = "dose-not-converted" // a dose that has no factor, or must not be converted
)

// Estimate is one number that answers a question, with all that a reader needs
// to use it.
type Estimate struct {
	Analysis, Outcome, Visit, Arm, Reference, Subgroup, Term string

	Value, SE, DF, Statistic, P Num
	CI                          Interval
	Scale                       Scale
	Unit                        string
	N                           N
	Method                      Method
	Definition                  string // the named definition used, "" where there is none
	Warnings                    []Warning
}

// NewEstimate returns an estimate of the term without numbers: every field that
// is not set stays null.
func NewEstimate(term string, scale Scale) Estimate {
	return Estimate{Term: term, Scale: scale, Value: None, SE: None, DF: None, Statistic: None, P: None, CI: NoInterval}
}

// Key says what an estimate is of: two results of one analysis have the same keys.
type Key struct{ Outcome, Visit, Arm, Reference, Subgroup, Term, Definition string }

// Key returns what the estimate is of.
func (e Estimate) Key() Key {
	return Key{e.Outcome, e.Visit, e.Arm, e.Reference, e.Subgroup, e.Term, e.Definition}
}

// NoEffect returns the value of a comparison that means no effect, and whether there
// is one: 0 of differences, 1 of ratios, one half of a probability of superiority.
func (e Estimate) NoEffect() (float64, bool) {
	switch {
	case e.Reference == "":
		return 0, false
	case e.Scale == ScaleDifference || e.Scale == ScaleStandardised || e.Scale == ScaleRiskDiff || e.Scale == ScalePercent:
		return 0, true
	case e.Scale == ScaleRatio:
		return 1, true
	case e.Term == "probability_of_superiority":
		return 0.5, true
	}
	return 0, false
}

// Warn returns the estimate with a further warning.
func (e Estimate) Warn(code, message, cure string) Estimate {
	e.Warnings = append(slices.Clone(e.Warnings), Warning{code, message, cure})
	return e
}

// Row is an estimate under the names that people know from broom: the shape of
// JSON and CSV output.
type Row struct {
	Analysis   string    `json:"analysis"`
	Outcome    string    `json:"outcome,omitempty"`
	Visit      string    `json:"visit,omitempty"`
	Arm        string    `json:"arm,omitempty"`
	Reference  string    `json:"reference,omitempty"`
	Subgroup   string    `json:"subgroup,omitempty"`
	Term       string    `json:"term"`
	Estimate   Num       `json:"estimate"`
	StdError   Num       `json:"std_error"`
	Statistic  Num       `json:"statistic"`
	DF         Num       `json:"df"`
	PValue     Num       `json:"p_value"`
	ConfLow    Num       `json:"conf_low"`
	ConfHigh   Num       `json:"conf_high"`
	ConfLevel  Num       `json:"conf_level"`
	ConfMethod string    `json:"conf_method,omitempty"`
	Scale      Scale     `json:"scale"`
	Unit       string    `json:"unit,omitempty"`
	NArm       int       `json:"n_arm"`
	NReference int       `json:"n_reference"`
	NMissing   int       `json:"n_missing"`
	NEvents    int       `json:"n_events"`
	Method     string    `json:"method"`
	R          string    `json:"r_equivalent,omitempty"`
	Ref        string    `json:"source,omitempty"`
	Definition string    `json:"definition,omitempty"`
	Warnings   []Warning `json:"warnings"`
}

// Row returns the estimate as an output row.
func (e Estimate) Row() Row {
	level := None
	if e.CI.Level > 0 {
		level = Num(e.CI.Level)
	}
	ws := e.Warnings
	if ws == nil {
		ws = []Warning{}
	}
	return Row{
		Analysis: e.Analysis, Outcome: e.Outcome, Visit: e.Visit, Arm: e.Arm, Reference: e.Reference,
		Subgroup: e.Subgroup, Term: e.Term, Estimate: e.Value, StdError: e.SE, Statistic: e.Statistic,
		DF: e.DF, PValue: e.P, ConfLow: e.CI.Low, ConfHigh: e.CI.High, ConfLevel: level, ConfMethod: e.CI.Kind,
		Scale: e.Scale, Unit: e.Unit, NArm: e.N.Arm, NReference: e.N.Reference, NMissing: e.N.Missing,
		NEvents: e.N.Events, Method: e.Method.Name, R: e.Method.R, Ref: e.Method.Ref,
		Definition: e.Definition, Warnings: ws,
	}
}

// MarshalJSON writes the estimate as its Row.
func (e Estimate) MarshalJSON() ([]byte, error) { return json.Marshal(e.Row()) }

// Table is a result that is a table: texts beside numbers, a row a line.
type Table struct {
	Name    string    `json:"name"`
	Title   string    `json:"title"`
	Columns []string  `json:"columns"`
	Rows    [][]Value `json:"rows"`
	Notes   []string  `json:"notes,omitempty"`
	Local   bool      `json:"local_only,omitempty"` // shows single patients: it stays with who may see them, and is in no report
}

// Value is one cell of a Table: a text or a number.
type Value struct {
	Text string
	Num  Num
}

// Text returns a cell that holds a text.
func Text(s string) Value { return Value{Text: s, Num: None} }

// Number returns a cell that holds a number.
func Number(v float64) Value { return Value{Num: Num(v)} }

// MarshalJSON writes the text, or the number where there is no text.
func (v Value) MarshalJSON() ([]byte, error) {
	if v.Text != "" {
		return json.Marshal(v.Text)
	}
	return v.Num.MarshalJSON()
}

// Series is a result that is a curve: y over x, with a band and the number of
// patients behind each point.
type Series struct {
	Name   string  `json:"name"`           // what is drawn, such as dose-by-week or kaplan-meier
	Group  string  `json:"group"`          // the arm, or "all"
	Step   bool    `json:"step,omitempty"` // y holds from its x to the next
	XUnit  string  `json:"x_unit"`
	YUnit  string  `json:"y_unit"`
	Points []Point `json:"points"`
	Local  bool    `json:"local_only,omitempty"` // shows one patient: it stays with who may see that, and is in no report
}

// Point is one point of a Series.
type Point struct {
	X        Num `json:"x"`
	Y        Num `json:"y"`
	Low      Num `json:"low"`
	High     Num `json:"high"`
	N        int `json:"n"`                  // patients behind the point, or at risk
	Records  int `json:"records,omitempty"`  // records behind the point
	Events   int `json:"events,omitempty"`   // events at the point
	Censored int `json:"censored,omitempty"` // patients censored at the point
}

// Result is what an analysis returns.
type Result struct {
	Settings   map[string]string    `json:"settings,omitempty"`   // every setting used, defaults too
	Definition string               `json:"definition,omitempty"` // the named definition asked for or chosen by the cohort's owner
	Estimates  []Estimate           `json:"estimates"`
	Tables     []Table              `json:"tables,omitempty"`
	Series     []Series             `json:"series,omitempty"`
	Excluded   []datasets.Exclusion `json:"excluded"`
	Warnings   []Warning            `json:"warnings"`
}

// Shared returns the result without what shows single patients: all of it that a
// report may hold.
func (r Result) Shared() Result {
	r.Tables = slices.DeleteFunc(slices.Clone(r.Tables), func(t Table) bool { return t.Local })
	r.Series = slices.DeleteFunc(slices.Clone(r.Series), func(s Series) bool { return s.Local })
	return r
}
