package datasets

import (
	"fmt"
	"slices"
	"strings"
)

// join numbers the patients of a batch and holds its rows against what is known of
// them: one arm each, and one row each where that must be.
func (t *tableReader) join(b *Table) {
	f, _ := b.Field(RolePatient)
	codes, levels := b.codesOf(f.Name)
	of := make([]int32, levels.len())
	for i := range of {
		of[i] = -1
	}
	sums := t.ids.fetch(levels)
	b.patient = make([]int32, len(codes))
	for r, code := range codes {
		if of[code] < 0 {
			of[code] = t.ids.numberSum(levels.at(int(code)), sums[code])
		}
		b.patient[r] = of[code]
	}
	n := t.ids.len()
	t.armOf = grown(t.armOf, n, -1)
	if f, ok := b.Field(RoleArm); ok {
		t.joinArms(b, f)
	}
	if t.begins {
		t.began = grown(t.began, n, false)
		for _, p := range b.patient {
			t.began[p] = true
		}
	}
	if t.oneEach {
		t.listed = grown(t.listed, n, false)
		for _, p := range b.patient {
			t.listed[p] = true
		}
	}
	if t.aList && !t.oneEach || t.opt.KeepVisits != nil {
		t.rowsOf = grown(t.rowsOf, n, 0)
		for _, p := range b.patient {
			t.rowsOf[p]++
		}
	}
	if t.once {
		t.checkOnce(b)
	}
}

// grown returns a slice by patient that has room for all, the new ones at v.
func grown[T any](s []T, n int, v T) []T {
	if n > cap(s) {
		s = slices.Grow(s, max(n, 2*cap(s))-len(s)) // append grows by a quarter: five times the memory in all
	}
	for len(s) < n {
		s = append(s, v)
	}
	return s
}

// numbered returns a text column's codes into a set of texts that outlives the
// batch, -1 where missing, in out where there is room.
func numbered(out []int32, b *Table, column string, in *texts) []int32 {
	codes, levels := b.codesOf(column)
	of := make([]int32, levels.len())
	for i := range of {
		of[i] = in.number(levels.at(i))
	}
	out = append(out[:0], codes...)
	for r, code := range codes {
		if code >= 0 {
			out[r] = of[code]
		}
	}
	return out
}

func (t *tableReader) joinArms(b *Table, f Field) {
	t.scratch = numbered(t.scratch, b, f.Name, t.arms)
	for r, arm := range t.scratch {
		if arm < 0 {
			continue
		}
		switch p := b.patient[r]; t.armOf[p] {
		case -1:
			t.armOf[p] = arm
		case arm:
		default:
			t.inTwo[p] = true
		}
	}
}

// checkArms tells of patients whom two rows put into two arms.
func (l *loader) checkArms() {
	if n := len(l.inTwo); n > 0 {
		l.problems.add(Problem{
			Code: CodeConflict, Column: "arm", Rows: n,
			Expected: "expected each patient to be in one arm; some rows or tables put a patient in two", Mend: "correct the arm column",
		})
	}
}

// pairs remembers pairs of a patient and a visit: a bit of the patient's word for
// each of the first 64 visits, and a map for more.
type pairs struct {
	bits []uint64
	more map[[2]int32]bool
}

// again remembers a pair and reports whether it was there.
func (p *pairs) again(patient, visit int32) bool {
	if visit >= 64 {
		if p.more == nil {
			p.more = map[[2]int32]bool{}
		}
		k := [2]int32{patient, visit}
		had := p.more[k]
		p.more[k] = true
		return had
	}
	had := p.bits[patient]>>visit&1 == 1
	p.bits[patient] |= 1 << visit
	return had
}

// checkOnce tells of patients that occur twice in a table of one row a patient,
// and of visits that occur twice for a patient.
func (t *tableReader) checkOnce(b *Table) {
	t.seen.bits = grown(t.seen.bits, t.ids.len(), 0)
	visits := make([]int32, b.rows)
	if f, ok := b.Field(RoleVisit); ok {
		visits = numbered(visits, b, f.Name, t.visits)
	}
	for r, p := range b.patient {
		if t.seen.again(p, visits[r]) {
			t.problems.add(Problem{
				Code: CodeDuplicate, Table: b.name, File: t.path, Row: b.line(r), Line: t.line(b.line(r)), Expected: t.expected,
				Mend: "remove or correct the second row",
			})
		}
	}
}

// checkRules tells of every row that breaks a rule of the cohort file.
func (t *tableReader) checkRules(b *Table) {
	for _, rule := range t.rules {
		for r, holds := range b.matching(rule.cond) {
			if !holds {
				t.problems.add(Problem{
					Code: CodeRule, Table: b.name, File: t.path, Row: b.line(r), Line: t.line(b.line(r)), Expected: "expected " + cmpOr(rule.Message, "a row for which holds: "+rule.Check),
					Mend: "correct the row, or the rule in the cohort file",
				})
			}
		}
	}
}

// checkIDs tells of ids that are words for sums, and of those that differ from
// another in case or blanks only.
func (l *loader) checkIDs() {
	folded := newTexts(l.seed)
	for i := range l.ids.len() {
		id := strings.ToLower(strings.TrimSpace(l.ids.at(i)))
		if slices.Contains(totals, id) {
			l.problems.add(Problem{Severity: SeverityWarning, Code: CodeTotals, Expected: "a patient's id is a word for a sum: a row of totals may have been taken for a patient", Mend: "remove the row from the file"})
		}
		if id != l.ids.at(i) {
			folded.number(id)
		}
	}
	if folded.len() == 0 {
		return // none is written in another way than its folded form, so no two fold to one
	}
	for i := range l.ids.len() {
		folded.number(strings.ToLower(strings.TrimSpace(l.ids.at(i))))
	}
	if n := l.ids.len() - folded.len(); n > 0 {
		l.problems.add(Problem{
			Severity: SeverityWarning, Code: CodeNearDuplicate, Rows: n,
			Expected: "some patient ids differ from another in case or blanks only; they are taken as different patients",
			Mend:     "write each patient's id in one way",
		})
	}
}

// unmatched tells of patients of whom other tables have rows but no table of one
// row a patient has: a mistyped id would otherwise make a patient of its own.
func (l *loader) unmatched() {
	if !l.aList {
		return
	}
	l.listed = grown(l.listed, l.ids.len(), false)
	for _, t := range l.tables {
		if t.oneEach {
			continue
		}
		patients, rows := 0, 0
		for p, n := range t.rowsOf {
			if n > 0 && !l.listed[p] {
				patients++
				rows += int(n)
			}
		}
		if rows > 0 {
			l.problems.add(Problem{
				Severity: SeverityWarning, Code: CodeUnmatched, Table: t.r.Name, File: t.onlyFile(), Rows: rows,
				Expected: fmt.Sprintf("expected each patient in a table of one row a patient (%s); patients who are in none of them: %d, and they are kept as patients of their own", strings.Join(l.lists, ", "), patients),
				Mend:     "correct the ids, or add the patients",
			})
		}
	}
}

// onlyFile returns the file the table was read from, or "" when it has several.
func (t *tableReader) onlyFile() string {
	if len(t.r.Path) == 1 {
		return t.r.Path[0]
	}
	return ""
}

// totals are words that stand in an id column where a file ends with sums.
var totals = []string{"total", "totals", "sum", "subtotal", "mean", "average", "all", "grand total", "n"}

// guesses tells of every guess in a drafted dictionary.
func (l *loader) guesses() {
	if !l.dict.Drafted {
		return
	}
	for _, r := range l.dict.Resources {
		for _, f := range r.Schema.Fields {
			role := string(f.Role)
			if role == "" {
				role = "none"
			}
			l.problems.add(Problem{
				Severity: SeverityWarning, Code: CodeDraft, Table: r.Name, Column: f.Name,
				Expected: fmt.Sprintf("guessed type %s, role %s (%s)", f.Type, role, f.Guess),
				Mend:     "write a cohort file with recoup data init and correct it",
			})
		}
	}
}
