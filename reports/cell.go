package reports

import (
	"math"
	"strconv"
)

// Kind is what sort of value a cell holds, which decides how it is written.
type Kind int

// The kinds of value.
const (
	Blank        Kind = iota // nothing
	Text                     // Cell.Text
	CountOf                  // Cell.Count
	NumberOf                 // Cell.Value
	Percent                  // Cell.Value as a share from 0 to 1, and its interval if there is one
	CountPercent             // Cell.Count and Cell.Value as a share: 34 (58%)
	MeanSD                   // Cell.Value and Cell.SD: 6.4 (1.9)
	Interval                 // Cell.Value with Cell.Low and Cell.High: -2.3 (-2.6 to -2.0)
	PValue                   // Cell.Value: <0.001
)

// Format is how a value is written. The zero value writes whole numbers without
// unit.
type Format struct {
	Kind     Kind
	Decimals int
	Signed   bool   // write + before a positive value
	Prefix   string // before the digits, such as "$"
	Suffix   string // after the digits, such as " MME"
	Lang     string // whose marks and words are written, such as "de"; English where empty
}

// Cell is one number or word of a report: the raw value, how to write it and
// what it rests on, apart from each other.
type Cell struct {
	Text      string
	Count     int
	Value     float64 // NaN where it could not be computed; Why then says the reason
	SD        float64
	Low, High float64 // NaN where there is no interval
	Format    Format
	Basis     Basis
	Why       string      // footnote: why the value is not available
	Lang      string      // of Text and Why, where it is not the report's
	Hidden    Suppression // set by reports/disclosure
	Formula   *Formula    // how it follows from other cells, for formats that compute; nil for most
	Input     bool        // a reader may put another number in its place, and formulas follow
	Partial   bool        // known of too few of those it is about to be compared
}

// BasisKind says what a number rests on.
type BasisKind int

// The kinds of basis. A number of unstated basis is hidden by every policy
// that hides anything, but for counts, which are taken as counts of patients.
const (
	Unstated BasisKind = iota
	OfPatients
	ShareOfPatients // Numerator of Denominator
	Public          // published, agreed, simulated or technical: no patient of this cohort stands behind it
)

// Basis is the patients a number rests on.
type Basis struct {
	Kind        BasisKind
	N           int // for OfPatients
	Numerator   int // for ShareOfPatients
	Denominator int

	// Quantity names the count behind the number (N, the numerator, or the
	// count itself), so that the same count is hidden wherever it is shown.
	// Empty means that it is shown here only.
	Quantity string

	// Whole names the denominator of a share, as Quantity names its numerator.
	Whole string

	// Within names the quantity that holds N, or the denominator, as a part: the
	// patients seen are part of all patients. What is left is judged as well, since
	// who knows both knows it.
	Within string

	// Period says whose patients these are, such as 2025Q3, or WholeCohort; empty
	// for those of the report's period. Equal places of two reports are held
	// against each other where they speak of the same patients.
	Period string
}

// WholeCohort is the period of numbers about everybody in the cohort's files.
const WholeCohort = "all patients"

// Suppression is whether a value is hidden, and why.
type Suppression int

// The reasons for hiding. A small count and one that would reveal it by
// subtraction are not told apart: who knows which is which knows that one of
// them is small.
const (
	Shown     Suppression = iota
	Protected             // a small count, what rests on one, or what would reveal one
	NoBasis               // the number of patients behind it is not stated
)

// On is a basis of n patients.
func On(n int) Basis { return Basis{Kind: OfPatients, N: n} }

// ShareOf is a basis of numerator among denominator patients.
func ShareOf(numerator, denominator int) Basis {
	return Basis{Kind: ShareOfPatients, Numerator: numerator, Denominator: denominator}
}

// NoPatients is the basis of published, agreed, simulated and technical numbers.
func NoPatients() Basis { return Basis{Kind: Public} }

// Label is a cell of words.
func Label(text string) Cell {
	return Cell{Text: text, Format: Format{Kind: Text}, Basis: NoPatients()}
}

// Count is a number of patients.
func Count(n int) Cell {
	return Cell{Count: n, Format: Format{Kind: CountOf}, Basis: On(n)}
}

// CountShare is a number of patients and its share of another: 34 (58%).
// The share of none is not available.
func CountShare(numerator, denominator int) Cell {
	c := Share(numerator, denominator)
	c.Count, c.Format.Kind = numerator, CountPercent
	return c
}

// Share is the percentage that numerator is of denominator patients, without
// decimals. The share of none is not available.
func Share(numerator, denominator int) Cell {
	c := Cell{
		Value: math.NaN(), Low: math.NaN(), High: math.NaN(),
		Format: Format{Kind: Percent}, Basis: ShareOf(numerator, denominator),
	}
	if denominator > 0 {
		c.Value = float64(numerator) / float64(denominator)
	} else {
		c.Why = "There is no patient to take a share of."
	}
	return c
}

// Fraction is a share written as its two counts: 88/210.
func Fraction(numerator, denominator int) Cell {
	return Cell{
		Text:   strconv.Itoa(numerator) + "/" + strconv.Itoa(denominator),
		Format: Format{Kind: Text}, Basis: ShareOf(numerator, denominator),
	}
}

// Number is a value that rests on n patients.
func Number(value float64, decimals, n int) Cell {
	return Cell{
		Value: value, Low: math.NaN(), High: math.NaN(),
		Format: Format{Kind: NumberOf, Decimals: decimals}, Basis: On(n),
	}
}

// Mean is a mean with its standard deviation over n patients.
func Mean(mean, sd float64, decimals, n int) Cell {
	c := Number(mean, decimals, n)
	c.SD, c.Format.Kind = sd, MeanSD
	return c
}

// Estimate is a value with its interval over n patients.
func Estimate(value, low, high float64, decimals, n int) Cell {
	c := Number(value, decimals, n)
	c.Low, c.High, c.Format.Kind = low, high, Interval
	return c
}

// P is a p-value from n patients.
func P(p float64, n int) Cell {
	c := Number(p, 3, n)
	c.Format.Kind = PValue
	return c
}

// NotAvailable is a value that could not be computed; why becomes a footnote.
func NotAvailable(why string) Cell {
	return Cell{
		Value: math.NaN(), Low: math.NaN(), High: math.NaN(),
		Format: Format{Kind: NumberOf}, Basis: NoPatients(), Why: why,
	}
}

// English returns the cell with its text, or its reason, in the words of an analysis or a
// source, whatever the report's language.
func (c Cell) English() Cell { c.Lang = "en"; return c }

// Named returns the cell with its quantity named; see Basis.Quantity.
func (c Cell) Named(quantity string) Cell { c.Basis.Quantity = quantity; return c }

// OutOf returns the cell with the denominator of its share named; see Basis.Whole.
func (c Cell) OutOf(whole string) Cell { c.Basis.Whole = whole; return c }

// PartOf returns the cell with the quantity that holds it named; see Basis.Within.
func (c Cell) PartOf(within string) Cell { c.Basis.Within = within; return c }

// Of returns the cell as one about the patients of another period; see Basis.Period.
func (c Cell) Of(period string) Cell { c.Basis.Period = period; return c }

// Within returns the cell with an interval.
func (c Cell) Within(low, high float64) Cell { c.Low, c.High = low, high; return c }

// WithUnit returns the cell with text before and after its digits.
func (c Cell) WithUnit(prefix, suffix string) Cell {
	c.Format.Prefix, c.Format.Suffix = prefix, suffix
	return c
}

// WithSign returns the cell with a sign before positive values too.
func (c Cell) WithSign() Cell { c.Format.Signed = true; return c }

// WithoutPatients returns the cell marked as resting on no patient of this
// cohort: a published figure, a target, a number of files.
func (c Cell) WithoutPatients() Cell { c.Basis = NoPatients(); return c }
