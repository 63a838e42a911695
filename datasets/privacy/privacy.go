// Package privacy finds what may identify a person in a cohort: the eighteen
// identifiers of the Safe Harbor rule (45 CFR 164.514(b)(2)) by column name and by
// content, and patients who stand alone in what others may know of them. It says
// where and how many, never what.
//
// A finding of high severity refuses a cohort. One of medium severity is told as a
// warning, one of low severity as a note. Texts are folded first (full-width
// digits, invisible marks, dashes of all kinds) and what is encoded (base64,
// hexadecimal, URL, HTML) is decoded and looked at again.
//
// Cost: a text column costs a counter a row and its detectors once for each
// different text; a numeric column costs one pass, and a second where its range
// can be of dates or identifiers.
package privacy

import (
	"cmp"
	"fmt"
	"slices"

	"recoup/datasets"
)

// Class is one of Safe Harbor's identifiers, by the letter of the rule.
type Class string

// The classes of identifiers.
const (
	ClassNames     Class = "A"
	ClassPlace     Class = "B"
	ClassDates     Class = "C"
	ClassPhone     Class = "D"
	ClassFax       Class = "E"
	ClassEmail     Class = "F"
	ClassSSN       Class = "G"
	ClassRecord    Class = "H"
	ClassPlan      Class = "I"
	ClassAccount   Class = "J"
	ClassLicence   Class = "K"
	ClassVehicle   Class = "L"
	ClassDevice    Class = "M"
	ClassURL       Class = "N"
	ClassIP        Class = "O"
	ClassBiometric Class = "P"
	ClassPhoto     Class = "Q"
	ClassOther     Class = "R"
)

// String returns what the class is of.
func (c Class) String() string {
	return map[Class]string{
		ClassNames: "names", ClassPlace: "places smaller than a state", ClassDates: "dates finer than the year, and ages over 89",
		ClassPhone: "telephone numbers", ClassFax: "fax numbers", ClassEmail: "e-mail addresses", ClassSSN: "social security numbers",
		ClassRecord: "medical record numbers", ClassPlan: "health plan numbers", ClassAccount: "account numbers",
		ClassLicence: "certificate and licence numbers", ClassVehicle: "vehicle identifiers", ClassDevice: "device identifiers",
		ClassURL: "web addresses", ClassIP: "IP addresses", ClassBiometric: "biometric identifiers", ClassPhoto: "photographs",
		ClassOther: "other identifying numbers, characteristics or codes",
	}[c]
}

// Severity says what a finding does.
type Severity string

// The severities of a finding.
const (
	High   Severity = "high"   // refuses the cohort
	Medium Severity = "medium" // a warning
	Low    Severity = "low"    // a note
)

func (s Severity) rank() int { return slices.Index([]Severity{High, Medium, Low}, s) }

// Finding is something in a cohort that may identify a person. It holds no value.
type Finding struct {
	Severity Severity `json:"severity"`
	Class    Class    `json:"class"`
	Kind     string   `json:"kind"` // what it looks like: "date", "telephone number"
	Table    string   `json:"table,omitempty"`
	Column   string   `json:"column,omitempty"` // its place, "column 3", where the name itself identifies
	Where    string   `json:"where"`            // cells, column name, level label, or a place beside the cells
	Values   int      `json:"values"`           // different values
	Rows     int      `json:"rows"`
	Mend     string   `json:"mend,omitempty"`
	// By and Reason are of the allowance that lets it pass, "" for none.
	By     string `json:"allowed_by,omitempty"`
	Reason string `json:"allowed_reason,omitempty"`

	name string // of the column, for allowances
}

// Allowed reports that the cohort file lets the finding pass.
func (f Finding) Allowed() bool { return f.By != "" }

// Problem returns the finding as a problem of the cohort.
func (f Finding) Problem() datasets.Problem {
	p := datasets.Problem{
		Severity: datasets.SeverityNote, Code: datasets.CodeIdentifier, Table: f.Table, Column: f.Column, Rows: f.Rows,
		Expected: fmt.Sprintf("expected no %s (Safe Harbor %s); %s", Class.String(f.Class), string(f.Class), f.seen()), Mend: f.Mend,
	}
	switch f.Kind {
	case kindPeriod:
		p.Code = datasets.CodePeriodAllowance
		p.Expected = "expected a recorded allowance for a column that holds quarters: a quarter is finer than the year that de-identified data may carry"
	case kindAnonymity:
		p.Code = datasets.CodeAnonymity
		p.Expected = "expected more patients alike in the quasi-identifiers: the smallest class is below the k of the cohort file"
	}
	switch {
	case f.Allowed():
		p.Expected = fmt.Sprintf("%s (Safe Harbor %s); allowed by %s: %s", f.seen(), string(f.Class), f.By, f.Reason)
		p.Mend = ""
	case f.Severity == High:
		p.Severity = datasets.SeverityError
	case f.Severity == Medium:
		p.Severity = datasets.SeverityWarning
	}
	return p
}

// seen says where it was found and what it looks like.
func (f Finding) seen() string {
	different := ""
	if f.Values > 1 {
		different = fmt.Sprintf(" (%d different)", f.Values)
	}
	if f.Where == inCells {
		return "cells look like: " + f.Kind + different
	}
	return f.Where + " looks like: " + f.Kind + different
}

// places a finding can be in beside those of datasets.Aside.
const (
	inCells  = "cells"
	inName   = "the column's name"
	inLabel  = "a level's label"
	inCohort = "the cohort"
)

const (
	kindPeriod    = "quarter"
	kindAnonymity = "patients too few of whom are alike"
	kindDate      = "calendar date"
	kindOrdinal   = "ordinal date"
)

// Refusal returns what refuses the cohort, nil where nothing does.
func Refusal(found []Finding) error {
	var ps datasets.Problems
	for _, f := range found {
		if f.Severity == High && !f.Allowed() {
			ps = append(ps, f.Problem())
		}
	}
	if ps == nil {
		return nil
	}
	return ps
}

// Problems returns the findings as problems, in their order.
func Problems(found []Finding) datasets.Problems {
	var ps datasets.Problems
	for _, f := range found {
		ps = append(ps, f.Problem())
	}
	return ps
}

// arrange puts the findings in order, the gravest first, and keeps one of a kind
// and class for each place: the one of most rows.
func arrange(found []Finding) []Finding {
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.Severity.rank(), b.Severity.rank()) })
	var out []Finding
	for _, f := range found {
		i := slices.IndexFunc(out, func(o Finding) bool {
			return o.Table == f.Table && o.name == f.name && o.Column == f.Column && o.Where == f.Where && o.Class == f.Class && (o.Kind == f.Kind || o.Where == inCells && f.Severity == Low)
		})
		switch {
		case i < 0:
			out = append(out, f)
		case out[i].Kind == f.Kind:
			out[i].Values, out[i].Rows = max(out[i].Values, f.Values), max(out[i].Rows, f.Rows)
		}
	}
	return out
}

// allow marks the findings that the cohort file lets pass.
func allow(found []Finding, p *datasets.Privacy) {
	if p == nil {
		return
	}
	for i := range found {
		f := &found[i]
		for _, a := range p.Allowances {
			if (a.Column == f.name || a.Column == f.Column || a.Column == f.Where) && (a.Class == "" || a.Class == string(f.Class)) && f.Kind != kindAnonymity {
				f.By, f.Reason = a.By, a.Reason
			}
		}
		if p.Dates != nil && f.Kind == kindDate {
			f.By, f.Reason = p.Dates.By, string(p.Dates.Are)+": "+p.Dates.Reason
		}
	}
}
