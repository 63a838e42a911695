package datasets

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"recoup/datasets/instrument"
)

// checkInstrument checks what a field says of its instrument. Where the cohort file
// gives a number no smallest or no largest value, the instrument does.
func checkInstrument(table string, f *Field, bad func(string, string, string, ...any)) {
	if f.Role == RoleItem {
		checkItem(table, f, bad)
		return
	}
	if f.Item != 0 || f.Score != "" {
		bad(table, f.Name, "expected item and score with role: item alone")
	}
	if f.Instrument == "" {
		return
	}
	in, ok := instrument.Find(f.Instrument)
	if !ok {
		bad(table, f.Name, "expected a known instrument; see: recoup instrument list")
		return
	}
	f.within(in.Min, in.Max)
}

// within bounds a numeric field on the sides that its constraints leave open.
func (f *Field) within(low, high float64) {
	if f.Type != TypeNumber && f.Type != TypeInteger {
		return
	}
	if f.Constraints.Minimum == nil && !math.IsInf(low, 0) {
		f.Constraints.Minimum = &low
	}
	if f.Constraints.Maximum == nil && !math.IsInf(high, 0) {
		f.Constraints.Maximum = &high
	}
}

func checkItem(table string, f *Field, bad func(string, string, string, ...any)) {
	if f.Instrument == "" {
		if f.Item != 0 || f.Score != "" {
			bad(table, f.Name, "expected instrument: the questionnaire that the item is of; see: recoup instrument list")
		}
		return
	}
	scales, n, err := instrument.Scales(f.Instrument)
	if err != nil {
		bad(table, f.Name, "expected a questionnaire that is scored from items, found %v; give a column of scores role: outcome, and items that are only carried no instrument", err)
		return
	}
	if f.Item < 1 || f.Item > n {
		bad(table, f.Name, "expected item: its number in %s, from 1 to %d", f.Instrument, n)
	}
	in := scales[0]
	if f.Type == TypeNumber && !in.Continuous {
		bad(table, f.Name, "expected type: integer (or boolean), since the answers of %s are whole numbers", f.Instrument)
	}
	f.within(in.ItemMin, in.ItemMax)
	if f.Type == TypeBoolean {
		return
	}
	low, high := f.Constraints.Minimum, f.Constraints.Maximum
	if low != nil && high != nil && (*low < in.ItemMin || *high > in.ItemMax) && *high-*low != in.ItemMax-in.ItemMin {
		bad(table, f.Name, "expected answers of %s from %g to %g, or as many from another lowest code", f.Instrument, in.ItemMin, in.ItemMax)
	}
}

// recoded returns what is added to an item's answers so that they count from the
// form's lowest code: 0 but where its constraints say that as many answers as the
// form has are counted from another one.
func (f Field) recoded(in instrument.Instrument) float64 {
	low, high := f.Constraints.Minimum, f.Constraints.Maximum
	if f.Type == TypeBoolean || low == nil || high == nil || *high-*low != in.ItemMax-in.ItemMin {
		return 0
	}
	return in.ItemMin - *low
}

// itemSet is the items of one questionnaire in a table and what they are scored to.
type itemSet struct {
	form    string
	columns []string  // by item
	recode  []float64 // by item: added to its answers
	scores  []itemScore
	same    *found // rows with one answer throughout; nil where that may be
}

// straightItems is how many items must have the same answer, neither the lowest nor
// the highest, to be taken for straight-lining where no item is reversed: all lowest is
// what the healthy answer. The project's own choice: were five answers even and
// independent, chance would do it in 4 of 100,000 rows.
const straightItems = 7

// beginSame begins to look for rows with the same answer to every item.
func (s *itemSet) beginSame(t *tableReader) {
	if s.reversed() || len(s.columns) >= straightItems {
		s.same = t.finds(CodeStraightLining, "", "expected different answers to the %d items of %s", len(s.columns), s.form)
	}
}

// reversed reports whether some items are worded against the others.
func (s *itemSet) reversed() bool {
	return slices.ContainsFunc(s.scores, func(x itemScore) bool { return len(x.Reversed) > 0 })
}

// straight counts the rows with the same answer to every item.
func (s *itemSet) straight(b *Table, form [][]float64) {
	if s.same == nil {
		return
	}
	in, reversed := s.scores[0], s.reversed()
	for r, v := range form[0] {
		if v != v || !reversed && (v <= in.ItemMin || v >= in.ItemMax) {
			continue
		}
		i := 1
		for i < len(form) && form[i][r] == v {
			i++
		}
		if i == len(form) {
			s.same.row(b, r)
		}
	}
}

// itemScore is one score made of items: a column of its own, or one of the file
// that it is held against.
type itemScore struct {
	instrument.Instrument
	column string
	given  bool  // the file has the column
	at     []int // which items of the form, from 0

	filled, differ, absent, alone, safety int // rows
}

// tooFew says why rows have no score.
func (s *itemScore) tooFew() string {
	return fmt.Sprintf("no score %s: fewer than %d of %d items answered", s.column, s.Needed(), s.Items)
}

// itemSets gathers a table's items by questionnaire, in the order of the fields, and
// tells of what is wrong with them. A questionnaire with something wrong is left out.
func (r *Resource) itemSets(bad func(column, expected string, args ...any)) []itemSet {
	type key struct{ form, score string }
	var keys []key
	byKey := map[key][]Field{}
	for _, f := range r.Schema.Fields {
		if f.Role == RoleItem && f.Instrument != "" {
			k := key{f.Instrument, f.Score}
			if byKey[k] == nil {
				keys = append(keys, k)
			}
			byKey[k] = append(byKey[k], f)
		}
	}
	var sets []itemSet
	taken, named := map[string]bool{}, map[string]bool{}
	for _, k := range keys {
		scales, _, _ := instrument.Scales(k.form)
		for _, in := range scales {
			if k.score != "" {
				named[scoreName(k.form, k.score, in)] = true
			}
		}
	}
	for _, k := range keys {
		scales, n, err := instrument.Scales(k.form)
		if err != nil {
			continue // told with the field
		}
		if r.Reshape != nil {
			bad(byKey[k][0].Name, "expected no items of %s in a table that is reshaped: a row there is not one questionnaire", k.form)
			continue
		}
		s := itemSet{form: k.form, columns: make([]string, n), recode: make([]float64, n)}
		whole := s.fill(byKey[k], scales[0], bad)
		for _, in := range scales {
			score, ok := r.itemScore(k.form, k.score, in, named, bad)
			if ok && taken[score.column] {
				bad(score.column, "expected one set of items for each score; say score: NAME with the items of another")
				ok = false
			}
			taken[score.column] = true
			whole = whole && ok
			s.scores = append(s.scores, score)
		}
		if whole {
			sets = append(sets, s)
		}
	}
	return sets
}

// fill puts the fields at their numbers and reports whether every item is there.
func (s *itemSet) fill(fields []Field, in instrument.Instrument, bad func(column, expected string, args ...any)) bool {
	whole := true
	for _, f := range fields {
		if f.Item < 1 || f.Item > len(s.columns) {
			whole = false // told with the field
			continue
		}
		if other := s.columns[f.Item-1]; other != "" {
			bad(f.Name, "expected each item of %s once; %q is item %d too; say score: NAME with the items of another set", s.form, other, f.Item)
			whole = false
		}
		s.columns[f.Item-1], s.recode[f.Item-1] = f.Name, f.recoded(in)
	}
	var missing []string
	for i, c := range s.columns {
		if c == "" {
			missing = append(missing, strconv.Itoa(i+1))
		}
	}
	if missing != nil {
		bad(fields[0].Name, "expected all %d items of %s; there is no column for item %s", len(s.columns), s.form, strings.Join(missing, ", "))
		whole = false
	}
	return whole
}

// scoreName returns the column of one of a questionnaire's scores, as score names
// the questionnaire.
func scoreName(form, score string, in instrument.Instrument) string {
	return score + strings.TrimPrefix(in.Name, form)
}

// itemScore names a score's column: by what its items say under score, else the
// table's one other outcome of the instrument, else the instrument.
func (r *Resource) itemScore(form, score string, in instrument.Instrument, named map[string]bool, bad func(column, expected string, args ...any)) (itemScore, bool) {
	s := itemScore{Instrument: in, column: in.Name}
	for i := range in.Items {
		at := i
		if in.Name != form {
			at = in.Positions[i] - 1
		}
		s.at = append(s.at, at)
	}
	isScore := func(f Field) bool { return f.Role == RoleOutcome && f.Instrument == in.Name }
	var others []string
	for _, f := range r.Schema.Fields {
		if isScore(f) && !named[f.Name] {
			others = append(others, f.Name)
		}
	}
	switch {
	case score != "":
		s.column = scoreName(form, score, in)
	case len(others) == 1:
		s.column = others[0]
	}
	if i := slices.IndexFunc(r.Schema.Fields, func(f Field) bool { return f.Name == s.column }); i >= 0 {
		if s.given = isScore(r.Schema.Fields[i]); !s.given {
			bad(s.column, "expected another name than the score of %s has; say score: NAME with its items, or give this column role: outcome and instrument: %s", form, in.Name)
			return s, false
		}
	}
	return s, true
}

// Why a score is missing.
var scoreCodes = []MissingValue{
	{Value: "no-items", Label: "no item answered"},
	{Value: CodeTooFewItems, Label: "too few items answered"},
}

// addScores adds a column for each score that the batch's items give, and holds those
// that the file has against their items. Scores are made row by row, so that they
// depend on nothing but the row.
func (t *tableReader) addScores(b *Table) {
	for k := range t.items {
		set := &t.items[k]
		form := make([][]float64, len(set.columns))
		for i, c := range set.columns {
			form[i] = b.Floats(c)
			for r := range form[i] {
				form[i][r] += set.recode[i]
			}
		}
		set.straight(b, form)
		for j := range set.scores {
			s := &set.scores[j]
			if s.given {
				s.compare(form, b.Floats(s.column))
			} else {
				s.add(t, form, b)
			}
		}
	}
}

// row scores one row: NaN where it cannot be. Items is scratch for the answers.
func (s *itemScore) row(form [][]float64, r int, items []float64) (score float64, answered int) {
	for i, at := range s.at {
		items[i] = form[at][r]
		if !math.IsNaN(items[i]) {
			answered++
		}
	}
	for _, item := range s.SafetyItems {
		if items[item-1] > s.ItemMin {
			s.safety++
		}
	}
	if answered < s.Needed() {
		return math.NaN(), answered
	}
	score, err := s.Score(items)
	if err != nil {
		return math.NaN(), answered
	}
	return score, answered
}

func (s *itemScore) add(t *tableReader, form [][]float64, b *Table) {
	scores := array.NewFloat64Builder(memory.DefaultAllocator)
	scores.Reserve(b.rows)
	var why []byte
	items := make([]float64, len(s.at))
	for r := range b.rows {
		score, answered := s.row(form, r, items)
		if !math.IsNaN(score) {
			scores.Append(score)
			if answered < len(items) {
				s.filled++
			}
			continue
		}
		scores.AppendNull()
		if why == nil {
			why = make([]byte, b.rows)
		}
		why[r] = 1
		if answered > 0 {
			why[r] = 2
			t.leaveOut(CodeTooFewItems, s.tooFew(), s.column, b.line(r))
		}
	}
	b.fields = append(b.fields, Field{Name: s.column, Type: TypeNumber, Role: RoleOutcome, Unit: s.Unit, Instrument: s.Name})
	b.columns = append(b.columns, []arrow.Array{scores.NewArray()})
	b.codes = append(b.codes, scoreCodes)
	b.why = append(b.why, [][]byte{why})
}

func (s *itemScore) compare(form [][]float64, given []float64) {
	items := make([]float64, len(s.at))
	for r, g := range given {
		score, answered := s.row(form, r, items)
		switch has := !math.IsNaN(g); {
		case has && !math.IsNaN(score):
			if !rounds(score, g) {
				s.differ++
			}
		case has && answered > 0:
			s.alone++
		case !has && !math.IsNaN(score):
			s.absent++
		}
	}
}

// rounds reports whether a score written with so many digits as it has may be the
// exact one.
func rounds(exact, written float64) bool {
	d := math.Abs(exact - written)
	if d < 1e-9 {
		return true
	}
	_, decimals, _ := strings.Cut(strconv.FormatFloat(written, 'f', -1, 64), ".")
	return d <= 0.5*math.Pow10(-len(decimals))+1e-9
}

// tellScores tells, once the table is read, what there was about its scores.
func (t *tableReader) tellScores() {
	for _, set := range t.items {
		for i, shift := range set.recode {
			if shift != 0 {
				t.problems.add(Problem{
					Severity: SeverityNote, Code: CodeItemCoding, Table: t.r.Name, Column: set.columns[i],
					Expected: fmt.Sprintf("answers are moved by %+g to the form's codes before %s is scored", shift, set.form),
				})
			}
		}
		for _, s := range set.scores {
			s.tell(t)
		}
		if set.same != nil {
			set.same.tell()
		}
	}
}

func (s *itemScore) tell(t *tableReader) {
	say := func(severity Severity, code string, rows int, mend, expected string, args ...any) {
		if rows > 0 {
			t.problems.add(Problem{Severity: severity, Code: code, Table: t.r.Name, Column: s.column, Expected: fmt.Sprintf(expected, args...), Mend: mend, Rows: rows})
		}
	}
	stands := "the mean of the answered items stands for the others"
	if s.Missing.Fill == instrument.Zero {
		stands = "the others count as the lowest answer"
	}
	say(SeverityNote, CodeScoreFilled, s.filled, "", "scored with unanswered items, at least %d of %d being answered: %s (%s rule of %s)", s.Needed(), s.Items, stands, s.Missing.Status, s.Name)
	say(SeverityWarning, CodeSafetyItem, s.safety, "see that their clinicians know", "answers above the lowest to item %s of %s, which a clinician must see", numbers(s.SafetyItems), s.Name)
	const mend = "correct the scores or the items; the scores of the file are used as they are"
	say(SeverityWarning, CodeScoreDiffers, s.differ, mend, "expected the score that the items of %s give, to the digits written", s.Name)
	say(SeverityWarning, CodeScoreDiffers, s.absent, mend, "expected a score where the items of %s give one", s.Name)
	say(SeverityNote, CodeScoreDiffers, s.alone, "", "scores that too few items of %s are answered to check", s.Name)
}

func numbers(ns []int) string {
	var out []string
	for _, n := range ns {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ", ")
}
