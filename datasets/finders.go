package datasets

import (
	"fmt"
	"slices"
	"strings"
)

// A finder looks at a table's rows, batch by batch, for what is possible in a cell
// and not plausible between cells, rows or visits. What it finds does not depend on
// how the file is cut: rows come in file order, and what needs all rows of a patient
// waits for the end.
type finder interface {
	look(b *Table)
	// tell is called when the table is read.
	tell()
}

// heldRows is how many rows of a table are held against each other, where a patient's
// rows may lie anywhere in the file: the memory of such checks (at most about 12 MB
// and 4 bytes a row and outcome) does not grow with the file beyond that. It is more
// than a national registry of 50,000 patients has visits; of a larger table the first
// rows are looked at, and a note says so.
const heldRows = 1 << 18

// fewRows is how many rows of one finding are named.
const fewRows = 5

// found counts the rows in which one check found one thing, file by file.
type found struct {
	t                *tableReader
	check            CodeMeaning
	column, expected string
	files            []foundIn
}

type foundIn struct {
	path string
	rows int
	at   []int
	line int // of the first of them
}

// row counts a row of a batch that is looked at.
func (f *found) row(b *Table, r int) { f.count(f.t.path, b.line(r), f.t.line(b.line(r))) }

// count counts a data row of a file.
func (f *found) count(path string, row, line int) {
	i := slices.IndexFunc(f.files, func(in foundIn) bool { return in.path == path })
	if i < 0 {
		i = len(f.files)
		f.files = append(f.files, foundIn{path: path})
	}
	in := &f.files[i]
	in.rows++
	at, _ := slices.BinarySearch(in.at, row)
	if at == 0 {
		in.line = line
	}
	if at < fewRows {
		in.at = slices.Insert(in.at, at, row)
		in.at = in.at[:min(len(in.at), fewRows)]
	}
}

func (f *found) tell() {
	for _, in := range f.files {
		f.t.problems.add(Problem{
			Severity: f.check.Severity, Code: f.check.Code, Table: f.t.r.Name, File: in.path, Row: in.at[0], Line: in.line, Column: f.column,
			Expected: f.expected, Mend: f.check.Mend, Rows: in.rows, At: in.at,
		})
	}
}

// finds begins to count what a check finds; nil where the check is off.
func (t *tableReader) finds(code, column, expected string, args ...any) *found {
	check, ok := t.checks[code]
	if !ok {
		return nil
	}
	return &found{t: t, check: check, column: column, expected: fmt.Sprintf(expected, args...)}
}

// checksOn returns the checks that the cohort file leaves on, with their severities.
func (d *Dictionary) checksOn() map[string]CodeMeaning {
	out := map[string]CodeMeaning{}
	for _, c := range Checks() {
		if c.Severity = d.severity(c); c.Severity != "" {
			out[c.Code] = c
		}
	}
	return out
}

// held says where the rows are that are held against each other, and whose they are.
type held struct {
	patient []int32
	row     []int32
	line    []int32
	from    []int // of each file: its first row among those held
	paths   []string
	over    bool // there were more
	order   []int32
	starts  []int32
	by      []string // the checks that hold them
}

// add holds what there is room for of a batch's rows and returns their number.
func (h *held) add(b *Table, path string, line func(row int) int) int {
	n := min(b.rows, heldRows-len(h.row))
	h.over = h.over || n < b.rows
	if n > 0 && (len(h.paths) == 0 || h.paths[len(h.paths)-1] != path) {
		h.from, h.paths = append(h.from, len(h.row)), append(h.paths, path)
	}
	for r := range n {
		h.row = append(h.row, int32(b.line(r)))
		h.line = append(h.line, int32(line(b.line(r))))
	}
	h.patient = append(h.patient, b.patient[:n]...)
	return n
}

func (h *held) tell(f *found, i int32) {
	file, ok := slices.BinarySearch(h.from, int(i))
	if !ok {
		file--
	}
	f.count(h.paths[file], int(h.row[i]), int(h.line[i]))
}

// groups calls each with the rows of one patient after the other, in file order.
func (h *held) groups(each func(rows []int32)) {
	if h.order == nil {
		patients := 0
		for _, p := range h.patient {
			patients = max(patients, int(p)+1)
		}
		h.starts = make([]int32, patients+1)
		for _, p := range h.patient {
			h.starts[p+1]++
		}
		for p := range patients {
			h.starts[p+1] += h.starts[p]
		}
		at := slices.Clone(h.starts)
		h.order = make([]int32, len(h.patient))
		for i, p := range h.patient {
			h.order[at[p]] = int32(i)
			at[p]++
		}
	}
	for p := range len(h.starts) - 1 {
		if from, to := h.starts[p], h.starts[p+1]; to > from {
			each(h.order[from:to])
		}
	}
}

// beginFinders chooses the checks for which the table has what they need.
func (t *tableReader) beginFinders(b *Table) {
	for _, add := range []func(*Table) []finder{t.dateFinders, t.amountFinders, t.attributeFinders, t.visitFinders, t.spellFinders, t.rowFinders} {
		t.finders = append(t.finders, add(b)...)
	}
}

// find lets the table's finders look at a batch.
func (t *tableReader) find(b *Table) {
	t.keepStays(b)
	if len(t.finders) == 0 {
		return
	}
	t.holding = 0
	if t.holds != nil {
		t.holding = t.holds.add(b, t.path, t.line)
	}
	for _, f := range t.finders {
		f.look(b)
	}
}

// hold returns what holds the table's rows, for the finders that need them.
func (t *tableReader) hold(codes ...string) *held {
	if t.holds == nil {
		t.holds = &held{}
	}
	t.holds.by = append(t.holds.by, codes...)
	return t.holds
}

// tellFinders tells what the finders found, once the table is read; those that ask for
// the patients' stays wait for the last table.
func (t *tableReader) tellFinders(last bool) {
	t.finders = slices.DeleteFunc(t.finders, func(f finder) bool {
		if v, ok := f.(*visits); ok && v.stay != nil && !last {
			return false
		}
		f.tell()
		return true
	})
	if len(t.finders) > 0 || t.holds == nil {
		return
	}
	if t.holds.over {
		t.problems.add(Problem{
			Severity: SeverityNote, Code: CodeCheckedInPart, Table: t.r.Name,
			Expected: fmt.Sprintf("the first %d rows were held against each other (%s); the table has more", heldRows, strings.Join(t.holds.by, ", ")),
		})
	}
	t.holds = nil
}
