package datasets

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a problem stops the reading of a cohort.
type Severity string

// The severities of a problem, the gravest first.
const (
	SeverityError   Severity = "error"   // the cohort cannot be used until it is mended
	SeverityWarning Severity = "warning" // the cohort can be used, but a reader must know
	SeverityNote    Severity = "note"    // something harmless was put right
)

// Codes of problems. They are part of the JSON contract: scripts match them.
const (
	CodeDictionary      = "dictionary"         // the cohort file itself, or another file of settings, is not valid
	CodeFile            = "file"               // a data file cannot be read as what it is said to be
	CodeEncoding        = "encoding"           // bytes that are not text in the declared encoding
	CodeHeader          = "header"             // the header row cannot be used
	CodeRagged          = "ragged-row"         // a row with more or fewer cells than the header
	CodeQuote           = "quote"              // a quoted cell that is never closed, or a stray quote
	CodeTooLarge        = "too-large"          // a cell, row or header over the limit
	CodeType            = "type"               // a cell that is not of the declared type
	CodeLevel           = "level"              // a cell that is not one of the declared levels
	CodeRange           = "range"              // a number outside its declared range
	CodePattern         = "pattern"            // a text that does not match its declared pattern
	CodeRequired        = "required"           // a required cell is missing
	CodeUnique          = "unique"             // a value that must be unique occurs again
	CodeColumnMissing   = "column-missing"     // a described column is not in the file
	CodeColumnUnknown   = "column-undescribed" // a column of the file is not described, so not carried
	CodeDuplicate       = "duplicate"          // a second row for the same patient and visit
	CodeConflict        = "conflict"           // two tables or rows disagree about a patient
	CodeNoPatient       = "no-patient"         // a row without a patient
	CodeVisitNotListed  = "visit-not-listed"   // a row of a visit that the cohort file does not list
	CodeNoArm           = "no-arm"             // a row of a patient without an arm
	CodeNeverBegan      = "never-began"        // a patient who was never admitted
	CodeNearDuplicate   = "near-duplicate-id"  // two patient ids that differ in case or blanks only
	CodeUnmatched       = "unmatched-patient"  // patients with rows in one table and none where each patient has one
	CodeBlankLines      = "blank-lines"        // empty lines that were passed over
	CodeHeaderTrimmed   = "header-trimmed"     // blanks or invisible marks taken off a column name
	CodeInvisible       = "invisible-marks"    // invisible characters taken off a cell
	CodeEmpty           = "empty"              // a file without a header, or without rows
	CodePeriodAllowance = "period-allowance"   // a quarter column without a recorded allowance
	CodeIdentifier      = "identifier"         // what may identify a person
	CodeAnonymity       = "k-anonymity"        // fewer patients alike than the cohort file asks for
	CodeRule            = "rule"               // a row that breaks a rule of the cohort file
	CodeTotals          = "totals-row"         // a patient whose id is a word for a sum
	CodeFiltered        = "filtered"           // rows left out by a where condition
	CodeTooFewItems     = "too-few-items"      // rows whose items do not suffice for a score
	CodeScoreFilled     = "score-filled"       // scores made although items are unanswered, by the form's rule
	CodeScoreDiffers    = "score-differs"      // a score column that is not what its items give
	CodeSafetyItem      = "safety-item"        // answers that a clinician must see
	CodeItemCoding      = "item-coding"        // answers counted from another lowest code than the form's
	CodeDraft           = "draft"              // a guess made by drafting a dictionary from the data
)

// Problem is one thing that is wrong with a cohort's files. It says where, what
// was expected and how to mend it, and never holds a cell's value: de-identified
// data is not anonymous, and messages end up in logs.
type Problem struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Table    string   `json:"table,omitempty"`
	File     string   `json:"file,omitempty"`
	Row      int      `json:"row,omitempty"`  // data row, the first after the header is 1; 0: the whole file
	Line     int      `json:"line,omitempty"` // line of a text file, the header is usually 1
	Column   string   `json:"column,omitempty"`
	Expected string   `json:"expected"`
	Mend     string   `json:"mend,omitempty"`
	Rows     int      `json:"rows,omitempty"` // how many rows have this same problem, where rows are told at once
	At       []int    `json:"at,omitempty"`   // the first few of them, as data rows
}

// String returns the problem as one line.
func (p Problem) String() string {
	var b strings.Builder
	where := cmp.Or(p.Table, p.File)
	if p.File != "" && p.File != where {
		where += " (" + p.File + ")"
	}
	b.WriteString(where)
	if p.Row > 0 {
		fmt.Fprintf(&b, " row %d", p.Row)
	}
	if p.Line > 0 {
		if p.Row > 0 {
			fmt.Fprintf(&b, " (line %d)", p.Line)
		} else {
			fmt.Fprintf(&b, " line %d", p.Line)
		}
	}
	what := "column"
	if p.Code == CodeDictionary && p.Table == "" {
		what = "key" // of a file of settings, by its path
	}
	if p.Column != "" {
		fmt.Fprintf(&b, ", %s %q", what, p.Column)
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(p.Expected)
	switch {
	case p.Rows == 1:
		b.WriteString(" (1 row)")
	case p.Rows > 1 && len(p.At) > 0:
		fmt.Fprintf(&b, " (%d rows: %s", p.Rows, numbers(p.At))
		if p.Rows > len(p.At) {
			b.WriteString(", ...")
		}
		b.WriteString(")")
	case p.Rows > 1:
		fmt.Fprintf(&b, " (%d rows)", p.Rows)
	}
	if p.Mend != "" {
		b.WriteString("; " + p.Mend)
	}
	b.WriteString(" [" + p.Code + "]")
	return strings.TrimSpace(b.String())
}

// ErrInvalid is what errors.Is finds in every error that means: an input file is
// not valid.
var ErrInvalid = errors.New("input is not valid")

// ErrPrivacy is what errors.Is finds in every refusal for privacy.
var ErrPrivacy = errors.New("refused for privacy")

// Problems is the error that a cohort with problems of severity error gives: all
// of them at once.
type Problems []Problem

// Error returns one line a problem, at most 50 of them.
func (ps Problems) Error() string {
	const most = 50
	var b strings.Builder
	for i, p := range ps {
		if i == most {
			fmt.Fprintf(&b, "and %d more problems", len(ps)-most)
			break
		}
		b.WriteString(p.String() + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Unwrap makes errors.Is(ps, ErrInvalid) true, or ErrPrivacy where nothing but
// privacy stands in the way.
func (ps Problems) Unwrap() []error {
	for _, p := range ps {
		switch p.Code {
		case CodePeriodAllowance, CodeIdentifier, CodeAnonymity:
		default:
			return []error{ErrInvalid}
		}
	}
	return []error{ErrPrivacy}
}

// collector gathers problems: it tells each of the first few of a kind (table,
// column, code) apart and counts the rest, so that a file of a million bad cells
// gives a list that can be read and held in memory.
type collector struct {
	list  []Problem
	kinds map[[3]string]int
	last  map[[3]string]int // index in list of the entry that counts the rest
	most  int
}

func newCollector() *collector {
	return &collector{kinds: map[[3]string]int{}, last: map[[3]string]int{}, most: 20}
}

func (c *collector) add(p Problem) {
	if p.Severity == "" {
		p.Severity = SeverityError
	}
	k := [3]string{p.Table, p.Column, p.Code}
	n := c.kinds[k]
	c.kinds[k] = n + 1
	switch {
	case n < c.most:
		c.list = append(c.list, p)
	case n == c.most:
		p.Rows, p.Expected = 1, "further rows with the same problem: "+p.Expected
		c.last[k] = len(c.list)
		c.list = append(c.list, p)
	default:
		c.list[c.last[k]].Rows++
	}
}

// sorted returns the problems of the severity, or all when it is "".
func (c *collector) sorted(s Severity) Problems {
	var out Problems
	for _, p := range c.list {
		if s == "" || p.Severity == s {
			out = append(out, p)
		}
	}
	// By severity, then tables as they came, then rows: how a file was cut into
	// batches must not show.
	rank := map[Severity]int{SeverityError: 0, SeverityWarning: 1, SeverityNote: 2}
	tables := map[string]int{}
	for _, p := range out {
		if _, ok := tables[p.Table]; !ok {
			tables[p.Table] = len(tables)
		}
	}
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(rank[a.Severity], rank[b.Severity]), cmp.Compare(tables[a.Table], tables[b.Table]), cmp.Compare(a.Row, b.Row))
	})
	return out
}

func (c *collector) failed() bool {
	for _, p := range c.list {
		if p.Severity == SeverityError {
			return true
		}
	}
	return false
}
