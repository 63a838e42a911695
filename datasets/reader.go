package datasets

import (
	"fmt"
	"slices"
	"time"
)

// ProblemList gathers what is wrong with a file while a [Source] reads it. It
// tells the first few problems of a kind (table, column, code) apart and counts
// the rest, so that a file of a million bad cells gives a list that can be held.
type ProblemList struct{ kept *collector }

// NewProblemList returns an empty list.
func NewProblemList() *ProblemList { return &ProblemList{newCollector()} }

// Add adds a problem; one without a severity is an error.
func (l *ProblemList) Add(p Problem) { l.kept.add(p) }

// All returns the problems, the gravest first.
func (l *ProblemList) All() Problems { return l.kept.sorted("") }

// Failed reports a problem of severity error.
func (l *ProblemList) Failed() bool { return l.kept.failed() }

// Uncarried tells which columns no field of a cohort file carries. Without fields all
// are read, to describe them.
func Uncarried(columns []string, fields []Field) []bool {
	skip := make([]bool, len(columns))
	for i, c := range columns {
		skip[i] = len(fields) > 0 && !slices.ContainsFunc(fields, func(f Field) bool {
			return f.Role != RoleIgnore && (f.Name == c || f.MissingReasons == c)
		})
	}
	return skip
}

// OddColumn is the problem of a column of a typed file whose values a cohort's table
// cannot hold.
func OddColumn(table, file, column, found string) Problem {
	return Problem{
		Severity: SeverityError, Code: CodeType, Table: table, File: file, Column: column,
		Expected: "expected numbers, texts, dates or times, one a cell, found " + found,
		Mend:     "write the file again without the column; of a Parquet file it is enough to leave it out of the cohort file",
	}
}

// HeaderNames turns a table's first row into column names: blanks and invisible
// marks are taken off their ends, unless the dictionary describes them with
// these. A name that occurs twice becomes "" where no described column is meant
// by it, else it is a problem. At gives the file and line of the header.
func HeaderNames(cells []string, res Resource, at Problem) ([]string, Problems) {
	var ps Problems
	tell := func(p Problem) {
		p.Table, p.File, p.Line = res.Name, at.File, at.Line
		ps = append(ps, p)
	}
	described := map[string]bool{}
	for _, f := range res.Schema.Fields {
		described[f.Name] = true
	}
	names := make([]string, len(cells))
	seen := map[string]bool{}
	trimmed := 0
	for i, raw := range cells {
		name, changed := cleanName(raw)
		switch {
		case changed && described[raw]:
			name = raw
		case changed:
			trimmed++
		}
		if seen[name] && name != "" {
			if described[name] || len(described) == 0 {
				tell(Problem{
					Severity: SeverityError, Code: CodeHeader, Column: name,
					Expected: "expected each column name once in the header", Mend: "rename one of the two in the file",
				})
			}
			name = ""
		}
		seen[name] = true
		names[i] = name
	}
	if trimmed > 0 {
		tell(Problem{
			Severity: SeverityNote, Code: CodeHeaderTrimmed,
			Expected: fmt.Sprintf("blanks or invisible marks were taken off %d column names", trimmed),
		})
	}
	if headerIsData(names) {
		tell(Problem{
			Severity: SeverityError, Code: CodeHeader,
			Expected: "expected column names in the first row, found numbers or nothing",
			Mend:     "add a header row to the file, or remove the rows above it",
		})
	}
	return names, ps
}

// DateText writes a date or time that a typed file holds as the field's cells are
// written in text files, so that one dictionary serves both. A date field is
// given a time of day only where there is one, which the loader then refuses.
// For a field that is neither date nor datetime it writes ISO 8601, with the time
// of day where timed says so.
func (f Field) DateText(t time.Time, timed bool) string {
	midnight := t.Equal(t.Truncate(24 * time.Hour))
	switch {
	case f.Type == TypeDate && midnight, f.Type == TypeDatetime:
		layout, err := goLayout(f.Format, f.Type)
		if err == nil && (f.Type == TypeDate || f.Format != "" && f.Format != "default") {
			return t.Format(layout)
		}
	case !timed && midnight:
		return t.Format("2006-01-02")
	}
	return t.Format("2006-01-02T15:04:05.999999")
}

// Codes of problems that only some formats have.
const (
	CodeMerged = "merged-cells" // cells of a sheet that are merged
	CodeHidden = "hidden"       // sheets or rows of a spreadsheet that are not shown
)
