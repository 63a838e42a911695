package sqldb

import (
	"math"
	"slices"
	"strconv"

	"recoup/datasets"
)

// exactly is OMOP's concept for the operator =.
const exactly = "4172703"

// cell is one candidate for a cell of a row by person or by visit.
type cell struct {
	column         int // -1: the person as such
	day            int
	dated          bool
	value          string
	missing        bool
	unit, operator string // concept ids; "" and "0" say nothing
}

func said(concept string) bool { return concept != "" && concept != "0" }

// pick is what is known of one cell of a row while its candidates come, by day
// and id.
type pick struct {
	any     bool    // a record of it lay in the window
	zero    bool    // one without a value had concept 0
	n       int     // candidates with a value
	day     int     // of the one taken
	value   string  // of it
	sum     float64 // for the mean
	limited bool    // the one taken, or one in the mean, is a limit as in < 5
	tied    bool    // another of the same day has another value
}

// tally counts what a reader must know of one column.
type tally struct {
	passed, cells  int // values not taken, and the cells they were candidates for
	ties           int
	limits         int
	outside        int // records in no window
	undated        int
	otherUnit      int
	unit           string // the first one met, where none is declared
	mixed          bool
	averaged, mean int // values and cells of means over several
}

// picker turns candidates into rows.
type picker struct {
	columns []column
	visits  []visit // nil for rows by person
	picks   []pick  // of the person being read, by visit and column
	tallies []tally
}

func newPicker(columns []column, visits []visit) *picker {
	return &picker{columns: columns, visits: visits, picks: make([]pick, max(len(visits), 1)*len(columns)), tallies: make([]tally, len(columns))}
}

// row returns the picks of one row.
func (p *picker) row(visit int) []pick {
	return p.picks[visit*len(p.columns) : (visit+1)*len(p.columns)]
}

// seen reports a row in whose windows a record lies.
func (p *picker) seen(visit int) bool {
	return slices.ContainsFunc(p.row(visit), func(k pick) bool { return k.any })
}

// add takes a candidate in.
func (p *picker) add(c cell) {
	if c.column < 0 {
		return
	}
	col, count := &p.columns[c.column], &p.tallies[c.column]
	if col.Take == "" { // one value a person
		p.picks[c.column] = pick{any: true, n: 1, value: c.value}
		if c.missing {
			p.picks[c.column].n = 0
		}
		return
	}
	row, w := 0, col.Window
	if p.visits != nil {
		row = slices.IndexFunc(p.visits, func(v visit) bool { return v.Days.holds(c.day) })
		if row >= 0 {
			w = &p.visits[row].Days
		}
	}
	switch {
	case !c.dated:
		count.undated++
		return
	case row < 0 || !w.holds(c.day):
		count.outside++
		return
	case !c.missing && !p.unit(col, count, c.unit):
		count.otherUnit++
		return
	}
	k := &p.row(row)[c.column]
	k.any = true
	switch {
	case c.missing:
		return
	case kindOf(col) == kindConcept && c.value == "0" && col.Levels["0"] == "":
		k.zero = true
		return
	}
	k.take(c, col, w)
}

// unit reports whether a value's unit is one that the column takes. Where none is
// declared it notes a second unit.
func (p *picker) unit(col *column, count *tally, unit string) bool {
	if col.Field != valueAsNumber {
		return true
	}
	if col.Units != nil {
		id, _ := strconv.ParseInt(unit, 10, 64) // "" is 0: no unit was recorded
		return slices.Contains(col.Units, id)
	}
	if said(unit) {
		count.mixed = count.mixed || count.unit != "" && count.unit != unit
		count.unit = unit
	}
	return true
}

// take lets a candidate with a value compete. Candidates come by day and, within
// a day, by id.
func (k *pick) take(c cell, col *column, w *window) {
	limited := said(c.operator) && c.operator != exactly
	k.n++
	if col.Take == takeMean {
		v, err := strconv.ParseFloat(c.value, 64)
		if err != nil {
			v = math.NaN()
		}
		k.sum += v
		k.limited = k.limited || limited
		return
	}
	better := k.n == 1
	switch {
	case better:
	case c.day == k.day:
		k.tied = k.tied || !same(c.value, k.value, kindOf(col))
		better = col.Take == takeLast
	case col.Take == takeLast:
		better, k.tied = true, false
	case col.Take == takeNearest && distance(c.day, w.Day) < distance(k.day, w.Day):
		better, k.tied = true, false
	}
	if better {
		k.day, k.value, k.limited = c.day, c.value, limited
	}
}

func distance(a, b int) int { return max(a-b, b-a) }

// same compares two values; 6.0 and 6.00 are one number.
func same(a, b string, k kind) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return k == kindNumber && errX == nil && errY == nil && x == y
}

// result returns the cell's text, or the code of why it is missing.
func (k *pick) result(col *column) (text string, missing bool) {
	switch {
	case k.n == 0 && k.zero:
		return "0", true
	case k.n == 0:
		return "", true
	case col.Take == takeMean:
		return strconv.FormatFloat(k.sum/float64(k.n), 'g', -1, 64), false
	}
	return k.value, false
}

// count adds what a finished row says to the tallies, and empties it.
func (p *picker) count(visit int) {
	for i := range p.row(visit) {
		k, t := &p.row(visit)[i], &p.tallies[i]
		switch {
		case k.n > 1 && p.columns[i].Take == takeMean:
			t.averaged += k.n
			t.mean++
		case k.n > 1:
			t.passed += k.n - 1
			t.cells++
		}
		if k.tied {
			t.ties++
		}
		if k.limited {
			t.limits++
		}
		*k = pick{}
	}
}

// Codes of problems that rows made of OMOP records have.
const (
	CodeNoIndex  = "no-index"          // persons without a day 0
	CodeStranger = "unknown-person"    // records of persons who are not among the persons
	CodeCohorts  = "several-cohorts"   // persons in more than one of the listed cohorts
	CodeSeveral  = "several-in-window" // values of which one was taken
	CodeTie      = "tie-in-window"     // values of one day that differ
	CodeOperator = "operator"          // values that are limits, as in < 5
	CodeUnit     = "unit"              // values in another unit
	CodeOutside  = "outside-window"    // records that lie in no window
	CodeNoDate   = "no-date"           // records without a date
)

// problems tells what was counted, column by column.
func (p *picker) problems(add func(datasets.Problem)) {
	for i, t := range p.tallies {
		c := &p.columns[i]
		tell := func(rows int, severity datasets.Severity, code, expected, mend string) {
			if rows > 0 {
				add(datasets.Problem{Severity: severity, Code: code, Column: c.Name, Rows: rows, Expected: expected, Mend: mend})
			}
		}
		if c.OtherUnits == unitsLeaveOut {
			tell(t.otherUnit, datasets.SeverityWarning, CodeUnit, "values in a unit that is not listed under units were left out", "")
		} else {
			tell(t.otherUnit, datasets.SeverityError, CodeUnit, "expected values in the units that the mapping file lists; "+strconv.Itoa(t.otherUnit)+" are in another unit or in none",
				"list the unit under units where it is the same measure (0 where none was recorded), or go on without them by otherUnits: leave-out")
		}
		if t.mixed {
			tell(1, datasets.SeverityError, CodeUnit, "expected values in one unit, found several", "list those to take under units, and say otherUnits: leave-out")
		}
		tell(t.ties, datasets.SeverityWarning, CodeTie, "cells with several values of one day that differ; the order of their ids decided", "correct the records, or say take: mean")
		tell(t.limits, datasets.SeverityWarning, CodeOperator, "values with an operator such as < or > were taken as if they were exact", "")
		tell(t.undated, datasets.SeverityWarning, CodeNoDate, "records without a date were left out", "")
		tell(t.passed, datasets.SeverityNote, CodeSeveral, "values that were not taken, since another in the same window was ("+string(c.Take)+"); cells with several: "+strconv.Itoa(t.cells), "")
		tell(t.averaged, datasets.SeverityNote, CodeSeveral, "values that went into means of several; cells with several: "+strconv.Itoa(t.mean), "")
		tell(t.outside, datasets.SeverityNote, CodeOutside, "records that lie in no window were left out", "")
	}
}
