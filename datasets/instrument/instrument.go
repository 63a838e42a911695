// Package instrument is the registry of questionnaires and performance tests:
// how each is scored, which direction is better, what its bands are, and which
// differences in it the literature calls important.
//
// The registry is data (registry/*.yaml). Every band set and every difference
// carries its source and whether that source was read (sourced) or the figure
// is known only at second hand (unverified); a report that uses an unverified
// figure must say so.
package instrument

import (
	"fmt"
	"math"
)

// Direction says which way a score improves.
type Direction string

// The two directions.
const (
	LowerIsBetter  Direction = "lower"
	HigherIsBetter Direction = "higher"
)

// Status says how far a figure can be trusted.
type Status string

const (
	// Sourced figures were read in the source that is named.
	Sourced Status = "sourced"
	// Unverified figures are common knowledge of the field or quoted at second
	// hand; they must be shown as unverified wherever they are used.
	Unverified Status = "unverified"
)

// Scoring is the rule that turns item answers into a score.
type Scoring string

const (
	// Single means that the one answer is the score.
	Single Scoring = "single"
	// Sum adds the items.
	Sum Scoring = "sum"
	// Mean averages the items.
	Mean Scoring = "mean"
	// Percent is 100 × (sum - least possible) / (greatest possible - least
	// possible), both taken over the answered items.
	Percent Scoring = "percent"
	// Lookup means a table or weights that are not held here: a T score, a
	// value set. Scores are read, not computed.
	Lookup Scoring = "lookup"
	// Measured means that the value is read off a test, in its unit.
	Measured Scoring = "measured"
)

// Fill is what stands in for a missing item.
type Fill string

const (
	// None uses no substitute: the score needs every item.
	None Fill = "none"
	// Prorate lets the mean of the answered items stand for the missing ones.
	Prorate Fill = "prorate"
	// Zero counts a missing item as the lowest answer.
	Zero Fill = "zero"
)

// Missing is the rule for unanswered items.
type Missing struct {
	Fill        Fill   `yaml:"fill"`
	MinAnswered int    `yaml:"min_answered"` // fewer answers than this give no score
	Status      Status `yaml:"status"`
	Source      string `yaml:"source"`
	Note        string `yaml:"note"`
}

// Band is a named range of scores that begins at From and ends where the next
// band of its set begins.
type Band struct {
	Label string  `yaml:"label"`
	From  float64 `yaml:"from"`
}

// BandSet is one published way of cutting an instrument into bands, lowest
// score first.
type BandSet struct {
	Name   string `yaml:"name"`
	Levels []Band `yaml:"levels"`
	Source string `yaml:"source"`
	Status Status `yaml:"status"`
}

// Kind is the unit of a difference.
type Kind string

const (
	// Absolute differences are in the instrument's own unit.
	Absolute Kind = "absolute"
	// Relative differences are a percentage of the person's baseline.
	Relative Kind = "percent"
)

// Meaning is what reaching a difference is said to show.
type Meaning string

// The meanings of a difference.
const (
	// Detectable differences exceed measurement error; they say nothing of importance.
	Detectable Meaning = "detectable"

	Minimal     Meaning = "minimal"     // the least that matters to patients
	Moderate    Meaning = "moderate"    // clearly matters
	Substantial Meaning = "substantial" // matters much
)

// Method is how a difference was found.
type Method string

const (
	// Anchor compares change in the score with a judgement of change.
	Anchor Method = "anchor"
	// Distribution rests on the spread or the measurement error of the score.
	Distribution Method = "distribution"
	// Consensus is a group's or a program's decision.
	Consensus Method = "consensus"
	// Unstated means that the source, as read, does not say.
	Unstated Method = "unstated"
)

// Difference is a change or a difference that a source calls important.
type Difference struct {
	// Value is the size of the difference, always positive. Where the source
	// gives only a range this is its upper, more demanding end.
	Value float64 `yaml:"value"`
	// Low and High are the source's range or interval; NaN where it has none.
	Low  float64 `yaml:"low"`
	High float64 `yaml:"high"`

	Kind       Kind    `yaml:"kind"`
	Meaning    Meaning `yaml:"meaning"`
	Method     Method  `yaml:"method"`
	Population string  `yaml:"population"`
	Source     string  `yaml:"source"`
	Status     Status  `yaml:"status"`
	// BandChange asks in addition that the score move to a better band.
	BandChange bool `yaml:"band_change"`
	// Default marks the one difference that reports use unless told otherwise.
	// Only sourced differences are defaults.
	Default bool   `yaml:"default"`
	Note    string `yaml:"note"`
}

// Words says how large the difference is and where it is from: 2 points (consensus; low
// back pain; Ostelo 2008).
func (d Difference) Words() string {
	unit := "points"
	switch {
	case d.Kind == Relative:
		unit = "% of baseline"
	case d.Value == 1:
		unit = "point"
	}
	return fmt.Sprintf("%g %s (%s; %s; %s)", d.Value, unit, d.Method, d.Population, d.Source)
}

// Instrument is one score: a questionnaire, one scale of a questionnaire, or a
// performance test.
type Instrument struct {
	Name   string `yaml:"name"` // the key used in cohort files
	Title  string `yaml:"title"`
	Domain string `yaml:"domain"` // pain, function, mood, ...
	Unit   string `yaml:"unit"`

	// Min and Max are the possible scores; Max is +Inf where nothing bounds it.
	Min       float64   `yaml:"min"`
	Max       float64   `yaml:"max"`
	Direction Direction `yaml:"direction"`

	Scoring Scoring `yaml:"scoring"`
	Items   int     `yaml:"items"` // 0 where items are not scored here
	// ItemMin and ItemMax bound one answer, before reversing.
	ItemMin    float64 `yaml:"item_min"`
	ItemMax    float64 `yaml:"item_max"`
	Continuous bool    `yaml:"continuous"` // answers need not be whole numbers
	Reversed   []int   `yaml:"reversed"`   // items, counted from 1, scored as ItemMin + ItemMax - answer
	Multiply   float64 `yaml:"multiply"`   // the sum is multiplied by this; 1 unless the form says otherwise
	Missing    Missing `yaml:"missing"`
	// SafetyItems are items, counted from 1, whose answer above ItemMin a clinician must see.
	SafetyItems []int `yaml:"safety_items"`

	// PartOf, Whole and Positions place a scale in the longer questionnaire it
	// belongs to: its name, its number of items, and which of them, counted
	// from 1, are this scale's.
	PartOf    string `yaml:"part_of"`
	Whole     int    `yaml:"whole"`
	Positions []int  `yaml:"positions"`

	Bands       []BandSet    `yaml:"bands"`
	Differences []Difference `yaml:"differences"`

	// Status and Source are of the scoring; bands and differences have their own.
	Status Status `yaml:"status"`
	Source string `yaml:"source"`
	Note   string `yaml:"note"`
}

// All returns every instrument, ordered by domain file and place in it. The
// slices inside are shared with the registry and are for reading only.
func All() []Instrument {
	all, _ := registry()
	return append([]Instrument(nil), all...)
}

// Find returns the instrument with this exact name, such as "odi" or "dass21-d".
func Find(name string) (Instrument, bool) {
	all, _ := registry()
	for _, in := range all {
		if in.Name == name {
			return in, true
		}
	}
	return Instrument{}, false
}

// Better says whether a change (later minus earlier) is an improvement: +1 if
// it is, -1 if it is a worsening, 0 if there is no change or it is NaN.
func (in Instrument) Better(change float64) int {
	if in.Direction == LowerIsBetter {
		change = -change
	}
	switch {
	case change > 0:
		return 1
	case change < 0:
		return -1
	}
	return 0
}

// InRange reports whether a score is possible. NaN, a missing score, is not.
func (in Instrument) InRange(score float64) bool {
	return score >= in.Min && score <= in.Max
}

// Default returns the difference that reports use unless told otherwise;
// false where no sourced one fits.
func (in Instrument) Default() (Difference, bool) {
	for _, d := range in.Differences {
		if d.Default {
			return d, true
		}
	}
	return Difference{}, false
}

// Band returns the label of a score in this set. Published bands are for whole
// scores; a score between two bands, such as a mean of 4.5 between 0-4 and
// 5-6, belongs to the lower-scoring one. False for NaN and for a score below
// the first band.
func (s BandSet) Band(score float64) (string, bool) {
	if math.IsNaN(score) {
		return "", false
	}
	label, found := "", false
	for _, b := range s.Levels {
		if score < b.From {
			break
		}
		label, found = b.Label, true
	}
	return label, found
}
