package datasets

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// What is plausible of a supply. Both are the project's own choices, far above what is
// dispensed: prescriptions run for at most a year where any law says so, and nobody
// takes 100 tablets a day (liquids in mL a day stay below too).
const (
	mostDaysSupplied = 366
	mostUnitsADay    = 100
)

// clock tells columns that can be held against each other in time: dates of the
// calendar, and counts of days.
func clock(f Field) string {
	switch f.Type {
	case TypeDate, TypeDatetime:
		return "calendar"
	case TypeNumber, TypeInteger:
		return "days"
	}
	return ""
}

// inOrder finds rows in which a second date is before a first, by whole days.
type inOrder struct {
	*found
	first, second string
	a, b          []float64
}

func (f *inOrder) look(b *Table) {
	f.a, f.b = b.AppendFloats(f.a[:0], f.first), b.AppendFloats(f.b[:0], f.second)
	for r, x := range f.a {
		if math.Floor(f.b[r]) < math.Floor(x) {
			f.row(b, r)
		}
	}
}

// notDischarged finds who is said to have completed and has no discharge.
type notDischarged struct {
	*found
	completed, discharged string
	a, b                  []float64
}

func (f *notDischarged) look(b *Table) {
	f.a, f.b = b.AppendFloats(f.a[:0], f.completed), b.AppendFloats(f.b[:0], f.discharged)
	for r, x := range f.a {
		if x == 1 && math.IsNaN(f.b[r]) {
			f.row(b, r)
		}
	}
}

func (t *tableReader) dateFinders(b *Table) (out []finder) {
	for _, p := range []struct {
		first, second Role
		code          string
	}{
		{RoleReferred, RoleAdmitted, CodeAdmittedBeforeReferred},
		{RoleAdmitted, RoleDischarged, CodeDischargedBeforeAdmitted},
		{RoleAdmitted, RoleCompleted, CodeCompletedOutsideStay},
		{RoleCompleted, RoleDischarged, CodeCompletedOutsideStay},
		{RoleStart, RoleEnd, CodeEndBeforeStart},
	} {
		x, ok := b.Field(p.first)
		y, too := b.Field(p.second)
		if !ok || !too {
			continue
		}
		if clock(x) != "" && clock(x) == clock(y) {
			if f := t.finds(p.code, y.Name, "expected %s (%s) on or after %s (%s)", y.Name, p.second, x.Name, p.first); f != nil {
				out = append(out, &inOrder{found: f, first: x.Name, second: y.Name})
			}
		}
		if p.first == RoleCompleted && x.Type == TypeBoolean {
			if f := t.finds(CodeCompletedNotDischarged, x.Name, "expected a discharge (%s) of those who completed", y.Name); f != nil {
				out = append(out, &notDischarged{found: f, completed: x.Name, discharged: y.Name})
			}
		}
	}
	return out
}

// beyond finds cells for which a rule holds.
type beyond struct {
	*found
	column string
	wrong  func(v float64) bool
	v      []float64
}

func (f *beyond) look(b *Table) {
	f.v = b.AppendFloats(f.v[:0], f.column)
	for r, v := range f.v {
		if f.wrong(v) {
			f.row(b, r)
		}
	}
}

// doses finds supplies of more units a day, and doses of more a day, than is plausible.
type doses struct {
	supplied, units, days, taken *found // nil where the table does not say, or the check is off
	column                       map[Role]string
	unit                         string // of the dose column itself, where the table has no unit
	ceiling                      func(drug, route, unit string, supplied bool) float64
	known                        map[[3]string][2]float64
	v                            map[Role][]float64
}

func (f *doses) tell() {
	for _, one := range []*found{f.supplied, f.units, f.days, f.taken} {
		if one != nil {
			one.tell()
		}
	}
}

func (f *doses) look(b *Table) {
	for _, role := range []Role{RoleStrength, RoleQuantity, RoleDaysSupplied, RoleDose} {
		if name := f.column[role]; name != "" {
			f.v[role] = b.AppendFloats(f.v[role][:0], name)
		}
	}
	ceilings := f.ceilings(b)
	quantity, days := f.v[RoleQuantity], f.v[RoleDaysSupplied]
	for r := range b.rows {
		perDay := math.NaN()
		if quantity != nil && days != nil && days[r] > 0 {
			perDay = quantity[r] / days[r]
		}
		// Without a quantity it is a spell of some dose, or of none, which may be long.
		if f.days != nil && (days[r] < 1 || days[r] > mostDaysSupplied && !math.IsNaN(quantity[r])) {
			f.days.row(b, r)
		}
		if f.units != nil && perDay > mostUnitsADay {
			f.units.row(b, r)
		}
		if ceilings == nil {
			continue
		}
		most := ceilings(r)
		if f.supplied != nil && f.v[RoleStrength][r]*perDay > most[1] {
			f.supplied.row(b, r)
		}
		if f.taken != nil && f.v[RoleDose][r] > most[0] {
			f.taken.row(b, r)
		}
	}
}

// ceilings returns, by row, the most that is plausible of a dose taken and of a
// supply; nil where nothing is held against it.
func (f *doses) ceilings(b *Table) func(r int) [2]float64 {
	if f.ceiling == nil || f.supplied == nil && f.taken == nil {
		return nil
	}
	type part struct {
		codes  []int32
		levels []string
	}
	var parts [3]part
	for i, role := range []Role{RoleDrug, RoleRoute, RoleUnit} {
		if name := f.column[role]; name != "" {
			parts[i].codes, parts[i].levels = b.Codes(name)
		}
	}
	return func(r int) [2]float64 {
		var key [3]string
		for i, p := range parts {
			if p.codes != nil && p.codes[r] >= 0 {
				key[i] = p.levels[p.codes[r]]
			}
		}
		if f.column[RoleUnit] == "" {
			key[2] = f.unit
		}
		most, ok := f.known[key]
		if !ok {
			most = [2]float64{f.ceiling(key[0], key[1], key[2], false), f.ceiling(key[0], key[1], key[2], true)}
			if len(f.known) < heldRows {
				f.known[[3]string{strings.Clone(key[0]), strings.Clone(key[1]), strings.Clone(key[2])}] = most
			}
		}
		return most
	}
}

func (t *tableReader) amountFinders(b *Table) (out []finder) {
	cell := func(code string, role Role, expected string, wrong func(float64) bool) {
		if x, ok := b.Field(role); ok {
			if f := t.finds(code, x.Name, "%s", expected); f != nil {
				out = append(out, &beyond{found: f, column: x.Name, wrong: wrong})
			}
		}
	}
	cell(CodeNegativeCost, RoleCost, "expected costs of at least 0", func(v float64) bool { return v < 0 })
	cell(CodeSupply, RoleQuantity, "expected quantities above 0", func(v float64) bool { return v <= 0 })
	d := &doses{ceiling: t.opt.DoseCeiling, column: map[Role]string{}, known: map[[3]string][2]float64{}, v: map[Role][]float64{}}
	for _, role := range []Role{RoleStrength, RoleQuantity, RoleDaysSupplied, RoleDose, RoleDrug, RoleRoute, RoleUnit} {
		if x, ok := b.Field(role); ok {
			d.column[role] = x.Name
			if role == RoleDose {
				d.unit = x.Unit
			}
		}
	}
	if d.column[RoleQuantity] != "" && d.column[RoleDaysSupplied] != "" {
		d.days = t.finds(CodeSupply, d.column[RoleDaysSupplied], "expected from 1 to %d days supplied", mostDaysSupplied)
		d.units = t.finds(CodeSupply, "", "expected at most %d units a day (%s by %s)", mostUnitsADay, d.column[RoleQuantity], d.column[RoleDaysSupplied])
		if d.column[RoleStrength] != "" {
			d.supplied = t.finds(CodeDoseCeiling, d.column[RoleStrength], "expected supplies of at most %s", ceilingText)
		}
	}
	if d.column[RoleDose] != "" {
		d.taken = t.finds(CodeDoseCeiling, d.column[RoleDose], "expected doses of at most %s", ceilingText)
	}
	if d.days != nil || d.units != nil || d.supplied != nil || d.taken != nil {
		out = append(out, d)
	}
	return out
}

const ceilingText = "1000 morphine milligram equivalents a day, a ceiling of this project's own choice"

// attribute is what should be the same in every row of a patient, whichever table has it.
type attribute struct {
	field  Field
	values *texts    // of a text column
	codes  []int32   // by patient: number of the text; -1 where not seen
	of     []float64 // by patient: the value, of a column that is not text; NaN where not seen
	tables int
	many   bool // a patient may have several rows
}

// constantNames are columns of covariates that do not change, by their names.
var constantNames = []string{"sex", "gender", "race", "ethnicity", "birthyear", "yearofbirth", "birthdate", "dateofbirth", "dob"}

func constant(f Field) bool {
	switch f.Role {
	case RoleSite, RolePayer, RoleProcedure, RoleWorkBefore, RoleReferred, RoleAdmitted, RoleDischarged, RoleCompleted:
		return true
	case RoleCovariate, "":
		name := strings.NewReplacer("_", "", "-", "", " ", "", ".", "").Replace(strings.ToLower(f.Name))
		return slices.Contains(constantNames, name)
	}
	return false
}

// differs finds rows in which an attribute is not what it was for the patient before.
type differs struct {
	*found
	name string
	*attribute
	v []float64
}

func (f *differs) look(b *Table) {
	if f.tables < 2 && !f.many {
		return
	}
	if f.values != nil {
		f.t.scratch = numbered(f.t.scratch, b, f.name, f.values)
		f.codes = grown(f.codes, f.t.ids.len(), -1)
		for r, v := range f.t.scratch {
			switch was := &f.codes[b.patient[r]]; {
			case v < 0 || v == *was:
			case *was < 0:
				*was = v
			default:
				f.row(b, r)
			}
		}
		return
	}
	f.v = b.AppendFloats(f.v[:0], f.name)
	f.of = grown(f.of, f.t.ids.len(), math.NaN())
	for r, v := range f.v {
		if math.IsNaN(v) {
			continue
		}
		switch was := &f.of[b.patient[r]]; {
		case math.IsNaN(*was):
			*was = v
		case *was != v:
			f.row(b, r)
		}
	}
}

// attributeFinders joins columns of several tables that hold the same attribute in
// the same type and levels.
func (t *tableReader) attributeFinders(b *Table) (out []finder) {
	for _, x := range b.fields {
		if !constant(x) {
			continue
		}
		f := t.finds(CodeAttribute, x.Name, "expected the same %s in each row of a patient; the first is used", x.Name)
		if f == nil {
			continue
		}
		i := slices.IndexFunc(t.attributes, func(a *attribute) bool {
			return a.field.Role == x.Role && (x.Role != RoleCovariate && x.Role != "" || a.field.Name == x.Name) && a.field.Type == x.Type && slices.Equal(a.field.Categories, x.Categories)
		})
		if i < 0 {
			i = len(t.attributes)
			a := &attribute{field: x}
			if clock(x) == "" {
				a.values = newTexts(t.seed)
			}
			t.attributes = append(t.attributes, a)
		}
		a := t.attributes[i]
		a.tables++
		a.many = a.many || !t.oneEach
		out = append(out, &differs{found: f, name: x.Name, attribute: a})
	}
	return out
}

// overlaps finds spells of a patient that begin before one that began earlier ended.
// Days are shared where one ends on the day the next begins; a spell without an end
// overlaps none.
type overlaps struct {
	*found
	held       *held
	start, end string
	a, b       []float64
	from, to   []float64
}

func (f *overlaps) look(b *Table) {
	f.a, f.b = b.AppendFloats(f.a[:0], f.start), b.AppendFloats(f.b[:0], f.end)
	f.from, f.to = append(f.from, f.a[:f.t.holding]...), append(f.to, f.b[:f.t.holding]...)
}

func (f *overlaps) tell() {
	f.held.groups(func(rows []int32) {
		rows = slices.DeleteFunc(slices.Clone(rows), func(i int32) bool { return !(f.from[i] <= f.to[i]) })
		slices.SortStableFunc(rows, func(i, j int32) int { return cmp.Compare(f.from[i], f.from[j]) })
		last := math.Inf(-1)
		for _, i := range rows {
			if f.from[i] < last {
				f.held.tell(f.found, i)
			}
			last = math.Max(last, f.to[i])
		}
	})
	f.found.tell()
}

func (t *tableReader) spellFinders(b *Table) []finder {
	start, ok := b.Field(RoleStart)
	end, too := b.Field(RoleEnd)
	_, work := b.Field(RoleWorkStatus)
	_, leave := b.Field(RoleSickLeave)
	if !ok || !too || !work && !leave || clock(start) == "" || clock(start) != clock(end) {
		return nil
	}
	f := t.finds(CodeOverlappingSpells, start.Name, "expected spells of a patient that do not overlap")
	if f == nil {
		return nil
	}
	return []finder{&overlaps{found: f, held: t.hold(CodeOverlappingSpells), start: start.Name, end: end.Name}}
}

// sameRows finds rows of a table that are the same as one before, in every column.
type sameRows struct {
	*found
	seen sums
	sums []uint64
	v    []float64
}

func (f *sameRows) look(b *Table) {
	f.sums = f.sums[:0]
	for r := range f.t.holding {
		f.sums = append(f.sums, mix(0, uint64(b.patient[r])))
	}
	for _, c := range b.columns {
		f.v = sumColumn(f.sums, f.v, c[0], f.t.seed)
	}
	for r, sum := range f.sums {
		if f.seen.again(sum) {
			f.row(b, r)
		}
	}
}

// sums is a set of sums of rows: in slots of a power of two, half of which are free.
type sums struct {
	slots []uint64 // 0 where free
	n     int
	zero  bool // 0 is in the set
}

// again adds a sum and reports whether it was there.
func (s *sums) again(sum uint64) bool {
	if sum == 0 {
		had := s.zero
		s.zero = true
		return had
	}
	if 2*(s.n+1) > len(s.slots) {
		old := s.slots
		s.slots, s.n = make([]uint64, max(1<<10, 4*len(old))), 0
		for _, x := range old {
			if x != 0 {
				s.again(x)
			}
		}
	}
	mask := uint64(len(s.slots) - 1)
	for i := sum & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case sum:
			return true
		case 0:
			s.slots[i] = sum
			s.n++
			return false
		}
	}
}

// mix adds a cell to a row's 64-bit sum, as the finalizer of SplitMix64 does: two
// different rows of a quarter million share a sum once in 5e8 files.
func mix(sum, cell uint64) uint64 {
	x := sum*0x9E3779B97F4A7C15 + cell + 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// sumColumn adds a column's first cells to the sums of their rows. V is scratch.
func sumColumn(sums []uint64, v []float64, a arrow.Array, seed maphash.Seed) []float64 {
	if len(sums) == 0 {
		return v
	}
	const none = 0x5EED // a missing cell
	if d, ok := a.(*array.Dictionary); ok {
		levels := make([]uint64, d.Dictionary().Len())
		for i := range levels {
			levels[i] = maphash.String(seed, cellText(d.Dictionary(), i))
		}
		for r := range sums {
			cell := uint64(none)
			if d.IsValid(r) {
				cell = levels[d.GetValueIndex(r)]
			}
			sums[r] = mix(sums[r], cell)
		}
		return v
	}
	v = appendFloats(v[:0], a)
	for r := range sums {
		cell := uint64(none)
		if x := v[r]; x == x {
			cell = math.Float64bits(x)
		}
		sums[r] = mix(sums[r], cell)
	}
	return v
}

func (t *tableReader) rowFinders(b *Table) (out []finder) {
	if !t.once {
		if f := t.finds(CodeDuplicateRow, "", "expected no row twice; these are the same as another in every column"); f != nil {
			t.hold(CodeDuplicateRow)
			out = append(out, &sameRows{found: f})
		}
	}
	return append(out, t.copyFinders(b)...)
}
