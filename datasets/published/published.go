// Package published holds figures that others have published about the
// outcomes of pain rehabilitation and of its alternatives, as data: what was
// found, in whom, by which definition, how long after what, and how sure we
// are of the figure.
//
// A published figure is a comparator only for patients like its own. Compare
// lists where a program's patients and an entry's differ; show the list
// wherever the two figures stand side by side. A figure that is not sourced
// must be shown as what it is.
package published

import "math"

// Status says how far a figure can be trusted.
type Status string

const (
	// Sourced figures were read in the source that is named.
	Sourced Status = "sourced"
	// Unverified figures are from memory of the field or quoted at second hand.
	Unverified Status = "unverified"
	// Claim marks figures that are stated without a source that bears them out.
	// They are there to be tested, never to be compared with.
	Claim Status = "claim"
)

// Measure is what kind of number a result is. Measures of different kinds are
// never compared with each other.
type Measure string

// The kinds of numbers.
const (
	Proportion    Measure = "proportion"     // Value in percent, Events of N where counted
	Mean          Measure = "mean"           // Value, with SD where given
	Median        Measure = "median"         // Value
	Change        Measure = "change"         // later minus earlier, within one group
	PercentChange Measure = "percent change" // relative to baseline, within one group
	Difference    Measure = "difference"     // arm minus reference, unless the note says that the source does not tell
	SMD           Measure = "smd"            // standardised difference between groups
	OddsRatio     Measure = "odds ratio"     // arm over reference
	Ratio         Measure = "ratio"          // cost-effectiveness and other ratios
	Total         Measure = "total"          // a count or an amount for the whole population
	Range         Measure = "range"          // Low to High, without a Value

	LogOddsRatio      Measure = "log odds ratio"     // a coefficient of a logistic model
	VarianceExplained Measure = "variance explained" // in percent
)

// Kinds are the parts that entries are filed under.
func Kinds() []string {
	return []string{"claims", "costs", "programs", "registries", "reviews", "surgery"}
}

// Entry is one publication, with the patients it is about and its results.
type Entry struct {
	ID       string `yaml:"id"` // first author and year, such as juratli-2006
	Kind     string `yaml:"-"`  // one of Kinds
	Citation string `yaml:"citation"`
	Year     int    `yaml:"year"` // 0 where not known
	DOI      string `yaml:"doi"`
	PMC      string `yaml:"pmc"`

	Population string  `yaml:"population"` // in words
	Country    string  `yaml:"country"`
	Setting    string  `yaml:"setting"`
	Condition  string  `yaml:"condition"`   // these five in the words of Vocabulary;
	Payer      string  `yaml:"payer"`       // empty where the source, as read, does not say
	WorkBefore string  `yaml:"work_before"` //
	Procedure  string  `yaml:"procedure"`   //
	Design     string  `yaml:"design"`      //
	Age        float64 `yaml:"age"`         // mean in years; NaN where not reported
	N          int     `yaml:"n"`           // people in the study; 0 where not reported

	Arms        []Arm        `yaml:"arms"` // none where the study has one group
	Results     []Result     `yaml:"results"`
	Transitions []Transition `yaml:"transitions"`

	Status Status `yaml:"status"`
	Source string `yaml:"source"` // where the figures were read
	Note   string `yaml:"note"`
}

// Arm is one group of a study. What it leaves empty is as in its entry.
type Arm struct {
	Name       string `yaml:"name"`
	Title      string `yaml:"title"`
	Procedure  string `yaml:"procedure"`
	WorkBefore string `yaml:"work_before"`
	N          int    `yaml:"n"` // 0 where not reported
}

// Result is one published number.
type Result struct {
	Outcome    string  `yaml:"outcome"`    // in the words of Vocabulary
	Instrument string  `yaml:"instrument"` // the name in datasets/instrument, where there is one
	Arm        string  `yaml:"arm"`
	Reference  string  `yaml:"reference"` // the other arm of a difference
	Group      string  `yaml:"group"`     // a subgroup, in words
	Measure    Measure `yaml:"measure"`

	N      int     `yaml:"n"`      // the denominator; 0 where not reported
	Events float64 `yaml:"events"` // a count; NaN where only a percentage is given
	Value  float64 `yaml:"value"`  // as printed; NaN where Measure is Range
	SD     float64 `yaml:"sd"`
	Low    float64 `yaml:"low"` // 95 % confidence limits, or the ends of a Range
	High   float64 `yaml:"high"`
	Unit   string  `yaml:"unit"`

	At         Horizon `yaml:"at"`
	Definition string  `yaml:"definition"` // the name of a Definition; work outcomes have one

	// Complement marks a number that was not measured but is 100 percent minus
	// one that was.
	Complement bool `yaml:"complement"`

	Status Status `yaml:"status"` // the entry's, unless it has its own
	Source string `yaml:"source"` // likewise
	Note   string `yaml:"note"`
}

// Share is the proportion as a fraction, from the counts where there are
// counts; NaN for other measures.
func (r Result) Share() float64 {
	switch {
	case r.Measure != Proportion:
		return math.NaN()
	case r.N > 0 && !math.IsNaN(r.Events):
		return r.Events / float64(r.N)
	}
	return r.Value / 100
}

// Transition is a table of counts: Counts[i][j] people were in States[i]
// before and in States[j] at the horizon.
type Transition struct {
	Outcome    string   `yaml:"outcome"`
	States     []string `yaml:"states"`
	Before     []int    `yaml:"before"` // people in each state before
	Counts     [][]int  `yaml:"counts"`
	At         Horizon  `yaml:"at"`
	Definition string   `yaml:"definition"`
	Note       string   `yaml:"note"`
}

// Definition is a named way of deciding that someone has returned to work.
type Definition struct {
	Name   string `yaml:"name"`
	Text   string `yaml:"text"`
	UsedBy string `yaml:"used_by"`
	Status Status `yaml:"status"`
}

// All returns every entry, ordered by file and place in it. The slices inside
// are shared and are for reading only.
func All() []Entry {
	d, _ := load()
	return append([]Entry(nil), d.entries...)
}

// Find returns the entry with this exact id, such as "juratli-2006".
func Find(id string) (Entry, bool) {
	d, _ := load()
	for _, e := range d.entries {
		if e.ID == id {
			return e, true
		}
	}
	return Entry{}, false
}

// Vocabulary returns the words that entries use for condition, payer,
// work_before, procedure, design, outcome or definition. A cohort described in
// the same words can be compared; any other word gives nil.
func Vocabulary(field string) []string {
	d, _ := load()
	return append([]string(nil), d.vocabulary.words(field)...)
}

// Filter picks entries and their results. An empty field picks all.
type Filter struct {
	Outcome, Instrument, Measure            string
	Procedure, Condition, Payer, WorkBefore string
	Definition, Design, Status, Kind        string
	// Horizon picks results as long after, to a tenth of the longer, and after the
	// same event where it names one; nil picks all.
	Horizon *Horizon
}

// Select returns the entries that have a result fitting the filter, each with
// only those results. Transition tables are kept where outcome, definition and
// the entry itself fit and no instrument or measure is asked for.
func Select(f Filter) []Entry {
	var out []Entry
	for _, e := range All() {
		if !fits(f.Design, e.Design) || !fits(f.Kind, e.Kind) {
			continue
		}
		kept := e
		kept.Results, kept.Transitions = nil, nil
		for _, r := range e.Results {
			if f.admits(e, r) {
				kept.Results = append(kept.Results, r)
			}
		}
		for _, t := range e.Transitions {
			if f.admits(e, Result{Outcome: t.Outcome, Definition: t.Definition, Status: e.Status, At: t.At}) {
				kept.Transitions = append(kept.Transitions, t)
			}
		}
		if len(kept.Results)+len(kept.Transitions) > 0 {
			out = append(out, kept)
		}
	}
	return out
}

func (f Filter) admits(e Entry, r Result) bool {
	mix := e.CaseMix(r)
	return fits(f.Outcome, r.Outcome) && fits(f.Instrument, r.Instrument) && fits(f.Measure, string(r.Measure)) &&
		fits(f.Procedure, mix.Procedure) && fits(f.Condition, mix.Condition) && fits(f.Payer, mix.Payer) &&
		fits(f.WorkBefore, mix.WorkBefore) && fits(f.Definition, r.Definition) && fits(f.Status, string(r.Status)) &&
		(f.Horizon == nil || f.Horizon.covers(r.At))
}

// covers reports whether a result seen at the other horizon was seen at this one.
func (h Horizon) covers(at Horizon) bool {
	return near(h.Days(), at.Days()) && (h.After == "" || h.After == at.After)
}

func fits(asked, has string) bool { return asked == "" || asked == has }
