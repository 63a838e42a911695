package datasets

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
)

// CodeMeaning says what a code of problems or exclusions means.
type CodeMeaning struct {
	Code    string `json:"code"`
	Meaning string `json:"meaning"`
	// Severity is that of a check between cells, unless the cohort file gives it
	// another under checks; "" for all other codes, whose problems say it themselves.
	Severity Severity `json:"severity,omitempty"`
	// Mend is what to do about it, said with every problem of a check.
	Mend string `json:"mend,omitempty"`
}

// Codes of the checks between cells, rows and visits that run on every load. Each
// can be switched off, or given another severity, under checks in the cohort file.
const (
	CodeAdmittedBeforeReferred   = "admitted-before-referred"
	CodeDischargedBeforeAdmitted = "discharged-before-admitted"
	CodeCompletedOutsideStay     = "completed-outside-stay"
	CodeCompletedNotDischarged   = "completed-not-discharged"
	CodeEndBeforeStart           = "end-before-start"
	CodeOverlappingSpells        = "overlapping-spells"
	CodeVisitOrder               = "visit-order"
	CodeVisitOutsideStay         = "visit-outside-stay"
	CodeDoseCeiling              = "dose-ceiling"
	CodeSupply                   = "supply-implausible"
	CodeNegativeCost             = "negative-cost"
	CodeJump                     = "impossible-jump"
	CodeStraightLining           = "straight-lining"
	CodeAge                      = "age-changes"
	CodeAttribute                = "attribute-changes"
	CodeDuplicateRow             = "duplicate-row"
	CodeCopiedVisit              = "copied-visit"
	CodeCheckedInPart            = "checked-in-part" // a table of more rows than are held against each other
)

// Checks returns the checks between cells, rows and visits, with the severity they
// have unless a cohort file says otherwise. What is certainly wrong is an error.
func Checks() []CodeMeaning {
	const row, dates = "correct the row, or switch the check off under checks in the cohort file", "correct the dates"
	return []CodeMeaning{
		{CodeAdmittedBeforeReferred, "a patient is admitted before being referred", SeverityWarning, dates},
		{CodeDischargedBeforeAdmitted, "a patient is discharged before being admitted", SeverityError, dates},
		{CodeCompletedOutsideStay, "a program is completed before admission or after discharge", SeverityWarning, dates},
		{CodeCompletedNotDischarged, "a patient is said to have completed the program and has no discharge", SeverityWarning, "add the discharge, or correct completed"},
		{CodeEndBeforeStart, "a spell or supply ends before it starts", SeverityError, dates},
		{CodeOverlappingSpells, "two spells of work or sick leave of one patient overlap", SeverityWarning, dates},
		{CodeVisitOrder, "a visit's date is before that of a visit of an earlier week", SeverityWarning, "correct the dates, or the weeks under visits"},
		{CodeVisitOutsideStay, fmt.Sprintf("a visit's date is before referral (where there is none, over %d weeks before admission), or so long after the last visit's week", visitSlackWeeks), SeverityWarning, "correct the dates"},
		{CodeDoseCeiling, "a dose over what is plausible", SeverityWarning, "correct the dose, its unit or its drug"},
		{CodeSupply, fmt.Sprintf("a quantity of 0 or less, days supplied below 1 or over %d, or over %d units a day", mostDaysSupplied, mostUnitsADay), SeverityWarning, "correct quantity and days supplied"},
		{CodeNegativeCost, "a cost below 0", SeverityWarning, "correct the cost; give refunds with what they refund"},
		{CodeJump, fmt.Sprintf("an outcome that goes over %.0f %% of its range and back within three visits, or changes by %d standard deviations more than others", 100*jumpShare, jumpSDs), SeverityWarning, "see the form; correct the cell, or make it missing"},
		{CodeStraightLining, fmt.Sprintf("the same answer to every item of a form that has reversed items, or to all of at least %d items, neither the lowest nor the highest", straightItems), SeverityWarning, "see the form; leave such answers out where the analysis plan says so"},
		{CodeAge, "an age that falls from visit to visit, or rises by more than the time between them", SeverityWarning, "correct the ages"},
		{CodeAttribute, "sex, birth, site, payer, procedure, work before or a date of the stay differs between a patient's rows; the first is used", SeverityWarning, "write it the same way in each row of the patient"},
		{CodeDuplicateRow, "a row of a table of many rows a patient is the same, in every column, as one before it", SeverityWarning, "remove the second row, or " + row},
		{CodeCopiedVisit, "two patients have the same values in every outcome and item of a visit, which chance does not explain", SeverityWarning, "see the forms of both patients"},
	}
}

// Codes returns every code that problems and exclusions have, with what it means.
func Codes() []CodeMeaning {
	said := func(code, meaning string) CodeMeaning { return CodeMeaning{Code: code, Meaning: meaning} }
	return slices.Concat([]CodeMeaning{
		said(CodeDictionary, "the cohort file itself, or another file of settings, is not valid"),
		said(CodeFile, "a data file cannot be read as what it is said to be"),
		said(CodeEncoding, "bytes that are not text in the declared encoding"),
		said(CodeHeader, "the header row cannot be used"),
		said(CodeHeaderTrimmed, "blanks or invisible marks taken off a column's name"),
		said(CodeRagged, "a row with more or fewer cells than the header"),
		said(CodeQuote, "a quoted cell that is never closed, or a stray quote"),
		said(CodeTooLarge, "a cell, row or header over the limit"),
		said(CodeEmpty, "a file without a header or rows, or a cohort without a patient"),
		said(CodeBlankLines, "empty lines that were passed over"),
		said(CodeInvisible, "invisible characters taken off cells"),
		said(CodeMerged, "cells of a sheet that are merged"),
		said(CodeHidden, "sheets or rows of a workbook that are not shown"),
		said(CodeColumnMissing, "a described column is not in the file"),
		said(CodeColumnUnknown, "a column of the file is not described, so not carried"),
		said(CodeType, "a cell that is not of the declared type"),
		said(CodeLevel, "a cell that is not one of the declared levels"),
		said(CodeRange, "a number outside its declared range, or its instrument's"),
		said(CodePattern, "a text that does not match its declared pattern"),
		said(CodeRequired, "a required cell is missing"),
		said(CodeUnique, "a value that must be unique occurs again"),
		said(CodeMissingLost, "a missing code that the cohort file does not list: missing, its reason lost"),
		said("set-aside-"+CodeType, "cells made missing: not of the declared type"),
		said("set-aside-"+CodeLevel, "cells made missing: not one of the declared levels"),
		said("set-aside-"+CodeRange, "cells made missing: outside the declared range"),
		said("set-aside-"+CodePattern, "cells made missing: not of the declared pattern"),
		said(CodeNoPatient, "rows without a patient, left out"),
		said(CodeVisitNotListed, "rows of a visit that the cohort file does not list, left out"),
		said(CodeFiltered, "rows or patients left out by a where condition"),
		said(CodeNoArm, "rows of patients without an arm"),
		said(CodeNeverBegan, "patients who were never admitted and have no visit or record"),
		said(CodeDuplicate, "a second row for the same patient, or patient and visit"),
		said(CodeConflict, "rows or tables put a patient into two arms"),
		said(CodeNearDuplicate, "patient ids that differ in case or blanks only"),
		said(CodeUnmatched, "patients with rows in one table and none where each patient has one"),
		said(CodeTotals, "a patient whose id is a word for a sum"),
		said(CodeRule, "a row that breaks a rule of the cohort file"),
		said(CodeTooFewItems, "rows whose answered items do not suffice for a score"),
		said(CodeScoreFilled, "scores made although items are unanswered, by the form's rule"),
		said(CodeScoreDiffers, "a score column that is not what its items give"),
		said(CodeSafetyItem, "answers that a clinician must see"),
		said(CodeItemCoding, "answers counted from another lowest code than the form's"),
		said(CodeDraft, "a guess made by drafting a cohort file from the data"),
		said(CodeCheckedInPart, "a table of more rows than are held against each other: the first were"),
		said(CodeIdentifier, "what may identify a person"),
		said(CodeAnonymity, "fewer patients alike than the cohort file asks for"),
		said(CodePeriodAllowance, "a column of quarters without a recorded allowance"),
	}, Checks(), []CodeMeaning{
		said("database", "the database refuses what the mapping file asks for"),
		said("read-only", "the database would let the mapping file's statements write"),
		said("no-index", "persons without a day 0"),
		said("unknown-person", "records of persons who are not among the persons"),
		said("several-cohorts", "persons in more than one of the listed cohorts"),
		said("several-in-window", "values of a window, of which one was taken"),
		said("tie-in-window", "values of one day that differ"),
		said("operator", "values that are limits, as in < 5"),
		said("unit", "values in another unit"),
		said("outside-window", "records that lie in no window"),
		said("no-date", "records without a date"),
	})
}

// CheckLevel is what a cohort file makes of a check: off, note, warning or error.
type CheckLevel string

// CheckOff switches a check off.
const CheckOff CheckLevel = "off"

// UnmarshalYAML takes the word off for what it is, where others read a false.
func (l *CheckLevel) UnmarshalYAML(b []byte) error {
	var word string
	if err := yaml.Unmarshal(b, &word); err != nil {
		var on bool
		if yaml.Unmarshal(b, &on) != nil || on {
			return fmt.Errorf("expected off, note, warning or error")
		}
		word = string(CheckOff)
	}
	*l = CheckLevel(word)
	return nil
}

// severity returns the severity of a check in this cohort, "" where it is off.
func (d *Dictionary) severity(c CodeMeaning) Severity {
	switch level := d.Checks[c.Code]; level {
	case "":
		return c.Severity
	case CheckOff:
		return ""
	default:
		return Severity(level)
	}
}

func (d *Dictionary) checkChecks(bad func(string, string, string, ...any)) {
	known := Checks()
	var names []string
	for name := range d.Checks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !slices.ContainsFunc(known, func(c CodeMeaning) bool { return c.Code == name }) {
			bad("", name, "expected the code of a check under checks; see: recoup help problems")
			continue
		}
		if level := d.Checks[name]; !slices.Contains([]CheckLevel{CheckOff, CheckLevel(SeverityNote), CheckLevel(SeverityWarning), CheckLevel(SeverityError)}, level) {
			bad("", name, "expected the check to be off, note, warning or error")
		}
	}
}
