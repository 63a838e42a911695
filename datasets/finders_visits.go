package datasets

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// What is plausible between visits. All are the project's own choices.
const (
	// visitSlackWeeks is how long before admission an assessment may be, and how long
	// after the last visit's week a follow-up may come in.
	visitSlackWeeks = 26
	// jumpShare of an outcome's range, gone one way from a visit to the next and back
	// by the one after, is taken for a slip: of pain from 0 to 10 it is 9 points or
	// more. One such change alone is not: treatments have done as much.
	jumpShare = 0.8
	// jumpSDs is how many standard deviations of the other patients' changes a change
	// of an outcome without a known range may be from their mean. By Chebyshev's
	// inequality no spread has more than 1 in 64 beyond it; a normal one has none.
	jumpSDs = 8
	// jumpLeast is how many changes give a spread that can be trusted so far out.
	jumpLeast = 100
	// ageSlack is by how many years more than the time between two visits an age in
	// whole years may rise: one birthday, and half a year of late visits.
	ageSlack = 1.5
)

// visits finds what does not fit together between the visits of a patient. Rows are
// held, since a patient's may lie anywhere.
type visits struct {
	t                *tableReader
	held             *held
	order, stay, age *found // nil where the check is off or the column is not there

	visitOf, dateOf, ageOf string // columns
	clock                  string // of the dates
	rank                   map[string]int16
	weeks                  []float64 // by rank; NaN where not known

	at       []int16 // by held row: the visit's rank
	date     []float64
	years    []float64
	outcomes []heldOutcome
	scratch  []float64
}

type heldOutcome struct {
	*found
	name   string
	span   float64 // of its range; NaN where not known
	values []float32
}

// visitFinders looks at tables of one row a patient and visit, where the cohort file
// says which visits there are.
func (t *tableReader) visitFinders(b *Table) []finder {
	visit, ok := b.Field(RoleVisit)
	for _, role := range []Role{RoleRepeat, RoleStart, RoleDose, RoleStrength, RoleCost, RoleTime, RoleDrug} {
		if _, many := b.Field(role); many {
			return nil
		}
	}
	if !ok || len(t.dict.Visits) == 0 {
		return nil
	}
	f := &visits{t: t, visitOf: visit.Name, rank: map[string]int16{}}
	f.rankVisits(t.dict.Visits)
	date, dated := b.Field(RoleDate)
	if !dated {
		date, dated = b.Field(RoleDay)
	}
	if f.clock = clock(date); dated && f.clock != "" {
		f.dateOf = date.Name
		f.order = t.finds(CodeVisitOrder, date.Name, "expected the visits of a patient on days in the order of their weeks")
		f.stay = t.finds(CodeVisitOutsideStay, date.Name, "expected visits from referral, else %d weeks before admission, to %d weeks after the last visit's week", visitSlackWeeks, visitSlackWeeks)
	}
	var by []string
	for _, x := range b.fields {
		if f.age == nil && isAge(x) {
			if f.age = t.finds(CodeAge, x.Name, "expected ages that rise with the time between a patient's visits"); f.age != nil {
				f.ageOf = x.Name
			}
		}
		if x.Role != RoleOutcome || clock(x) != "days" {
			continue
		}
		o := heldOutcome{name: x.Name, span: math.NaN()}
		if c := x.Constraints; c.Minimum != nil && c.Maximum != nil && *c.Maximum > *c.Minimum {
			o.span = *c.Maximum - *c.Minimum
			o.found = t.finds(CodeJump, x.Name, "expected no change of over %.0f %% of the range and back within three visits", 100*jumpShare)
		} else {
			o.found = t.finds(CodeJump, x.Name, "expected no change between two visits of over %d standard deviations from the mean of the others' changes", jumpSDs)
		}
		if o.found != nil {
			f.outcomes = append(f.outcomes, o)
		}
	}
	for code, on := range map[string]bool{CodeVisitOrder: f.order != nil, CodeVisitOutsideStay: f.stay != nil, CodeAge: f.age != nil, CodeJump: len(f.outcomes) > 0} {
		if on {
			by = append(by, code)
		}
	}
	if by == nil {
		return nil
	}
	slices.Sort(by)
	t.stayed = t.stayed || f.stay != nil
	f.held = t.hold(by...)
	return []finder{f}
}

// rankVisits numbers the visits by their weeks, or as they are listed where one has none.
func (f *visits) rankVisits(list []Visit) {
	week := func(v Visit) float64 {
		if v.Week == nil {
			return math.NaN()
		}
		return *v.Week
	}
	list = slices.Clone(list)
	if !slices.ContainsFunc(list, func(v Visit) bool { return v.Week == nil }) {
		slices.SortStableFunc(list, func(a, b Visit) int { return cmp.Compare(*a.Week, *b.Week) })
	}
	for i, v := range list {
		f.rank[v.Value] = int16(i)
		f.weeks = append(f.weeks, week(v))
	}
}

// isAge reports a column of ages in years, by its name.
func isAge(f Field) bool {
	name := strings.ToLower(f.Name)
	return clock(f) == "days" && (f.Role == RoleCovariate || f.Role == "") && (f.Unit == "" || strings.HasPrefix(f.Unit, "y")) &&
		(name == "age" || strings.HasPrefix(name, "age_") || strings.HasSuffix(name, "_age"))
}

func (f *visits) look(b *Table) {
	n := f.t.holding
	if n == 0 {
		return
	}
	codes, levels := b.Codes(f.visitOf)
	rank := make([]int16, len(levels))
	for i, s := range levels {
		rank[i] = f.rank[s]
	}
	for _, code := range codes[:n] {
		f.at = append(f.at, rank[code])
	}
	column := func(name string) []float64 {
		f.scratch = b.AppendFloats(f.scratch[:0], name)
		return f.scratch[:n]
	}
	if f.dateOf != "" {
		f.date = append(f.date, column(f.dateOf)...)
	}
	if f.ageOf != "" {
		f.years = append(f.years, column(f.ageOf)...)
	}
	for i := range f.outcomes {
		o := &f.outcomes[i]
		for _, v := range column(o.name) {
			o.values = append(o.values, float32(v))
		}
	}
}

func (f *visits) tell() {
	for i := range f.outcomes {
		f.jumps(&f.outcomes[i])
	}
	f.sorted(func(rows []int32) {
		f.dates(rows)
		f.ages(rows)
	})
	for _, one := range []*found{f.order, f.stay, f.age} {
		if one != nil {
			one.tell()
		}
	}
	for _, o := range f.outcomes {
		o.tell()
	}
}

// sorted calls each with the rows of one patient after the other, by visit.
func (f *visits) sorted(each func(rows []int32)) {
	f.held.groups(func(rows []int32) {
		if !slices.IsSortedFunc(rows, f.byVisit) {
			slices.SortStableFunc(rows, f.byVisit)
		}
		each(rows)
	})
}

func (f *visits) byVisit(i, j int32) int { return cmp.Compare(f.at[i], f.at[j]) }

// dates holds a patient's visit dates against each other and the stay.
func (f *visits) dates(rows []int32) {
	if f.dateOf == "" {
		return
	}
	last := int32(-1)
	for _, i := range rows {
		day := math.Floor(f.date[i])
		if math.IsNaN(day) {
			continue
		}
		if f.order != nil && last >= 0 && day < math.Floor(f.date[last]) && f.at[last] < f.at[i] {
			f.held.tell(f.order, i)
		}
		last = i
		if f.stay != nil && f.outside(f.held.patient[i], day) {
			f.held.tell(f.stay, i)
		}
	}
}

// outside reports a day outside a patient's stay, as far as that is known.
func (f *visits) outside(patient int32, day float64) bool {
	referred, admitted := f.t.stayOf(patient, f.clock)
	const slack = 7 * visitSlackWeeks
	before := day < referred || math.IsNaN(referred) && day < admitted-slack
	return before || day > admitted+7*slices.Max(f.weeks)+slack
}

// ages holds a patient's ages against each other and the weeks between the visits.
func (f *visits) ages(rows []int32) {
	if f.age == nil {
		return
	}
	last := int32(-1)
	for _, i := range rows {
		if math.IsNaN(f.years[i]) {
			continue
		}
		if last >= 0 && f.at[last] < f.at[i] {
			between := (f.weeks[f.at[i]] - f.weeks[f.at[last]]) * 7 / 365.25
			if rise := f.years[i] - f.years[last]; rise < 0 || rise > between+ageSlack {
				f.held.tell(f.age, i)
			}
		}
		last = i
	}
}

// jumps finds the impossible jumps of an outcome.
func (f *visits) jumps(o *heldOutcome) {
	if !math.IsNaN(o.span) {
		f.sorted(func(rows []int32) { f.thereAndBack(o, rows) })
		return
	}
	spread := map[[2]int16]*changes{}
	each := func(look func(c *changes, to int32, d float64)) {
		f.sorted(func(rows []int32) {
			last := int32(-1)
			for _, i := range rows {
				if o.values[i] != o.values[i] {
					continue
				}
				if last >= 0 {
					pair := [2]int16{f.at[last], f.at[i]}
					if spread[pair] == nil {
						spread[pair] = &changes{}
					}
					look(spread[pair], i, float64(o.values[i]-o.values[last]))
				}
				last = i
			}
		})
	}
	each(func(c *changes, _ int32, d float64) { c.add(d) })
	each(func(c *changes, to int32, d float64) {
		if c.far(d) {
			f.held.tell(o.found, to)
		}
	})
}

// thereAndBack finds values that lie more than jumpShare of the range beyond those of
// the visits before and after, on the same side of both.
func (f *visits) thereAndBack(o *heldOutcome, rows []int32) {
	a, b := int32(-1), int32(-1)
	for _, c := range rows {
		if o.values[c] != o.values[c] {
			continue
		}
		if a >= 0 {
			there, back := float64(o.values[b]-o.values[a]), float64(o.values[b]-o.values[c])
			if there*back > 0 && min(math.Abs(there), math.Abs(back)) > (jumpShare+1e-6)*o.span {
				f.held.tell(o.found, b)
			}
		}
		a, b = b, c
	}
}

// changes are the number, mean and sum of squares about it of changes between two visits.
type changes struct{ n, mean, squares float64 }

func (c *changes) add(d float64) {
	c.n++
	by := d - c.mean
	c.mean += by / c.n
	c.squares += by * (d - c.mean)
}

// far reports a change, one of those added, that lies more than jumpSDs standard
// deviations of all others from their mean.
func (c *changes) far(d float64) bool {
	if c.n <= jumpLeast {
		return false
	}
	mean := (c.n*c.mean - d) / (c.n - 1)
	squares := c.squares - (d-c.mean)*(d-mean)
	sd := math.Sqrt(math.Max(0, squares) / (c.n - 2))
	return sd > 0 && math.Abs(d-mean) > jumpSDs*sd
}

// stays are the patients' days of referral and admission, for tables of visits.
type stays struct {
	day   map[Role][]float64 // by patient; NaN where not known
	clock map[Role]string
}

// keepStays remembers the stays that a batch tells of, where a finder asks for them.
func (t *tableReader) keepStays(b *Table) {
	if !t.stayed {
		return
	}
	for _, role := range []Role{RoleReferred, RoleAdmitted} {
		x, ok := b.Field(role)
		if !ok || clock(x) == "" || t.stays.clock[role] != "" && t.stays.clock[role] != clock(x) {
			continue
		}
		if t.stays.day == nil {
			t.stays = stays{map[Role][]float64{}, map[Role]string{}}
		}
		t.stays.clock[role] = clock(x)
		days := grown(t.stays.day[role], t.ids.len(), math.NaN())
		for r, v := range b.Floats(x.Name) {
			if p := b.patient[r]; math.IsNaN(days[p]) {
				days[p] = math.Floor(v)
			}
		}
		t.stays.day[role] = days
	}
}

// stayOf returns a patient's days of referral and admission on a clock.
func (l *loader) stayOf(patient int32, clock string) (referred, admitted float64) {
	of := func(role Role) float64 {
		if days := l.stays.day[role]; l.stays.clock[role] == clock && int(patient) < len(days) {
			return days[patient]
		}
		return math.NaN()
	}
	return of(RoleReferred), of(RoleAdmitted)
}
