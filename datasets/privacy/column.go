package privacy

import (
	"fmt"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"recoup/datasets"
)

// column is what is looked at of one column: its different texts with the number
// of rows of each; of a column of whole numbers the first of them as text.
type column struct {
	table  string
	field  datasets.Field
	name   string // as findings show it
	tokens []string
	levels []string
	rows   []int // of each level
	where  string
	once   bool // a row is a patient
	long   bool // there is more text than is looked at
}

// sampled is how many different numbers of a column are looked at as texts.
const sampled = 2000

// ofAge is the age from which Safe Harbor wants one group, and what it is counted
// in.
const ofAge = 90

// sparse lists the three-digit areas of US postcodes in which 20,000 people or
// fewer live, by the censuses of 2000 and 2010: the union of both lists.
var sparse = []int{36, 59, 63, 102, 203, 205, 369, 556, 692, 790, 821, 823, 830, 831, 878, 879, 884, 890, 893}

// finding begins a finding in the column.
func (c *column) finding(s Severity, class Class, kind string, values, rows int) Finding {
	return Finding{
		Severity: s, Class: class, Kind: kind, Table: c.table, Column: c.name, Where: c.where, Values: values, Rows: rows, name: c.field.Name,
		Mend: cure(c.name, class, kind),
	}
}

func cure(column string, class Class, kind string) string {
	switch {
	case kind == kindDate:
		return "run recoup data deidentify, or add privacy: {dates: {are: shifted, by: who, reason: why}} (or are: limited-data-set) to the cohort file"
	case kind == kindPeriod:
		return "add privacy: allowances: [{column: " + column + ", by: who decided, reason: why}] to the cohort file, or drop the column"
	case column == "":
		return "take it out of the file, or record under privacy: allowances by whom and why it may stay"
	}
	return "give it role: ignore, run recoup data deidentify, or add privacy: allowances: [{column: " + column + ", class: " + string(class) + ", by: who, reason: why}]"
}

// hits counts the levels and rows in which one detector found something.
type hits struct{ levels, rows int }

// maxText is how much text of a column is looked at. One that has more is free
// text that nobody can vouch for.
const maxText = 64 << 20

// texts looks at a column's texts, on all processors where there are many: counts
// do not depend on who counts.
func (d *Detectors) texts(c *column) []Finding {
	levels := c.levels
	bytes := 0
	for _, l := range levels {
		bytes += len(l)
	}
	workers := min(runtime.GOMAXPROCS(0), 1+bytes/(1<<16))
	parts := make([]tally, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			parts[w] = d.count(levels[w*len(levels)/workers:(w+1)*len(levels)/workers], c.rows[w*len(levels)/workers:])
		})
	}
	wait.Wait()
	sum := parts[0]
	for _, p := range parts[1:] {
		sum.add(p)
	}
	var out []Finding
	for k, det := range d.list {
		if h := sum.found[k]; h.levels > 0 && h.levels >= det.least && float64(h.levels) >= det.share*float64(sum.all) {
			out = append(out, c.finding(c.weigh(det, h, sum.all), det.class, det.kind, h.levels, h.rows))
		}
		if h := sum.hidden[k]; h.levels > 0 {
			out = append(out, c.finding(High, det.class, det.kind+", encoded", h.levels, h.rows))
		}
	}
	if c.long {
		out = append(out, c.finding(High, ClassOther, "more free text than is looked at", len(c.levels), 0))
	}
	out = append(out, c.named()...)
	if !coded(c.tokens) {
		out = append(out, c.datesInside()...)
		out = append(out, c.serial()...)
	}
	return append(out, c.rare()...)
}

// tally is what detectors found in some texts: as they are, and in what they
// encode.
type tally struct {
	all           int
	found, hidden []hits // by detector
}

func (t *tally) add(o tally) {
	t.all += o.all
	for k := range t.found {
		t.found[k].levels += o.found[k].levels
		t.found[k].rows += o.found[k].rows
		t.hidden[k].levels += o.hidden[k].levels
		t.hidden[k].rows += o.hidden[k].rows
	}
}

func (d *Detectors) count(levels []string, rows []int) tally {
	t := tally{found: make([]hits, len(d.list)), hidden: make([]hits, len(d.list))}
	for i, level := range levels {
		s := fold(level)
		if s == "" {
			continue
		}
		t.all++
		sh := shapeOf(s)
		near := aroundDigits(s)
		for k := range d.list {
			det, text := &d.list[k], s
			if det.digits > 0 && !det.own {
				text = near
			}
			if det.matches(d, text, sh) {
				t.found[k].levels++
				t.found[k].rows += rows[i]
			}
		}
		for _, k := range d.encoded(s, sh) {
			t.hidden[k].levels++
			t.hidden[k].rows += rows[i]
		}
	}
	return t
}

// aroundDigits returns the parts of a long text that lie near digits: what needs
// digits is looked for there alone.
func aroundDigits(s string) string {
	const short, near = 160, 48
	if len(s) <= short {
		return s
	}
	var b strings.Builder
	to := 0 // written up to here
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i < to-near {
			continue
		}
		from := max(to, i-near)
		if from > to && b.Len() > 0 {
			b.WriteByte('\n')
		}
		to = min(len(s), i+near)
		b.WriteString(s[from:to])
	}
	return b.String()
}

func (det *detector) matches(d *Detectors, s string, sh shape) bool {
	return sh.digits >= det.digits && sh.letters >= det.letters && sh.length >= det.length && sh.has(det.needs) &&
		(det.needles == nil || slices.ContainsFunc(det.needles, func(n string) bool { return strings.Contains(s, n) })) && det.find(d, s)
}

// encoded returns the detectors that find something in what a text encodes.
func (d *Detectors) encoded(s string, sh shape) []int {
	if sh.length < 12 && !sh.has(percent) && !sh.has(ampersand) {
		return nil
	}
	var out []int
	for _, t := range decoded(s, sh) {
		t = fold(t)
		ts := shapeOf(t)
		for k := range d.list {
			if det := &d.list[k]; !det.own && det.severity == High && det.matches(d, t, ts) && !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}

// weigh settles the severity of what a detector found by the column it is in.
func (c *column) weigh(det detector, h hits, all int) Severity {
	role := c.field.Role
	switch {
	case det.class == ClassNames && det.severity == High && (role == datasets.RoleSite || role == datasets.RoleProcedure || role == datasets.RoleDrug):
		return Medium // hospitals, operations and preparations are named after people
	case (coded(c.tokens) || role == datasets.RoleProcedure || role == datasets.RoleCategory) && det.share > 0:
		return Low
	case det.class == ClassSSN && det.share == 0.9 && h.levels == all && all >= 50:
		return High // by chance 0.88^50 of such columns
	case det.kind == kindOrdinal && !dated(c.tokens) && !anyOf(c.tokens, "julian", "ordinal"):
		return Medium // a year and a number counted up make many a pseudonym
	case det.class == ClassIP && anyOf(c.tokens, "ip", "ipv4", "ipv6", "host", "addr"):
		return High
	case role == datasets.RolePatient && det.class == ClassOther:
		return Low // a pseudonym may be a keyed hash
	}
	return det.severity
}

// named weighs what the column's name says against its cells.
func (c *column) named() []Finding {
	if postcodes(c.tokens) {
		return c.postcodes()
	}
	used, rows, text, digits := 0, 0, 0, 0
	for i, level := range c.levels {
		if c.rows[i] == 0 || level == "" {
			continue
		}
		used++
		rows += c.rows[i]
		sh := shapeOf(level)
		if sh.letters >= 2 && sh.digits == 0 || sh.has(foreign) {
			text++
		}
		if sh.digits >= 4 {
			digits++
		}
	}
	if used == 0 {
		return nil
	}
	varied := used >= 3 && 2*used >= rows || used >= 20 && c.field.Role == datasets.RolePatient
	if freeTexts(c.tokens) && varied && text*2 >= used {
		return []Finding{c.finding(Medium, ClassOther, "free text", used, rows)}
	}
	h, ok := hinted(c.tokens)
	if !ok || coded(c.tokens) || about(c.tokens) || yesOrNo(c.levels) {
		return nil
	}
	severity := Low
	switch h.cells {
	case likeText:
		if varied && text*2 >= used {
			severity = High
		}
	case likeDigits:
		if varied && digits*5 >= used*4 {
			severity = High
		}
	case likeAny:
		if varied || used == rows {
			severity = High
		}
	case likePlace:
		if text*2 >= used {
			severity = High
		}
	}
	kind := h.kind
	if severity == Low {
		kind += ", by its name alone"
	}
	return []Finding{c.finding(severity, h.class, kind, used, rows)}
}

func postcodes(ts []string) bool {
	return anyOf(ts, "zip", "zipcode", "zip3", "zip5", "postcode", "postcode3", "postal", "plz", "postleitzahl")
}

// postcodes looks at a column named for postcodes: five digits are finer than
// Safe Harbor lets through, and so are three of a sparse area.
func (c *column) postcodes() []Finding {
	var five, few, other hits
	for i, level := range c.levels {
		s := fold(level)
		if len(s) > 5 && s[5] == '-' {
			s = s[:5]
		}
		if !allDigits(s) || len(s) > 5 {
			if !letters(s) {
				other.levels++
				other.rows += c.rows[i]
			}
			continue
		}
		switch {
		case len(s) >= 4: // the leading 0 is lost in numbers
			five.levels++
			five.rows += c.rows[i]
		case slices.Contains(sparse, number(s, 0, len(s))):
			few.levels++
			few.rows += c.rows[i]
		}
	}
	var out []Finding
	if five.levels > 0 {
		out = append(out, c.finding(High, ClassPlace, "postcode", five.levels, five.rows))
	}
	if few.levels > 0 {
		out = append(out, c.finding(High, ClassPlace, "three-digit postcode of an area of 20,000 people or fewer", few.levels, few.rows))
	}
	if other.levels > 0 {
		out = append(out, c.finding(High, ClassPlace, "postcode", other.levels, other.rows))
	}
	return out
}

// letters reports letters alone: the area of a postcode that has them.
func letters(s string) bool {
	sh := shapeOf(s)
	return sh.letters == sh.length
}

// datesInside finds dates at one place in most of the identifiers of a column.
// One identifier has eight digits that are a date by chance one time in fifty, six
// one in twenty-five: most of a column at one place, and with different months and
// days, do not.
func (c *column) datesInside() []Finding {
	looked := c.levels
	if len(looked) > sampled {
		looked = looked[:sampled]
	}
	var texts []string
	for _, l := range looked {
		if s := fold(l); len(s) >= 6 && len(s) <= 64 && strings.Count(s, " ") < 2 {
			texts = append(texts, s)
		}
	}
	if len(texts) < 3 || 10*len(texts) < 8*len(looked) {
		return nil
	}
	for _, order := range []string{"yyyymmdd", "ddmmyyyy", "mmddyyyy", "yymmdd", "ddmmyy", "mmddyy"} {
		for from := 0; from < 24; from++ {
			if n, ok := sameDates(texts, from, order); ok {
				rows := 0
				for _, r := range c.rows {
					rows += r
				}
				return []Finding{c.finding(High, ClassDates, "date hidden in an identifier", len(c.levels)*n/len(texts), rows*n/len(texts))}
			}
		}
	}
	return nil
}

// sameDates counts the texts with a date written in the order at the place, and
// reports whether they are too many and too different for chance.
func sameDates(texts []string, from int, order string) (n int, ok bool) {
	var years, months, days [100]bool
	wholeCell := true
	for _, s := range texts {
		if from+len(order) > len(s) || !allDigits(s[from:from+len(order)]) {
			continue
		}
		var y, m, d int
		for i, r := range order {
			v := int(s[from+i] - '0')
			switch r {
			case 'y':
				y = y*10 + v
			case 'm':
				m = m*10 + v
			case 'd':
				d = d*10 + v
			}
		}
		if len(order) == 6 {
			y += 1900
		}
		if !isDate(y, m, d) {
			continue
		}
		n++
		wholeCell = wholeCell && len(s) == len(order)
		years[y%100], months[m], days[d] = true, true, true
	}
	count := func(of [100]bool) (k int) {
		for _, b := range of {
			if b {
				k++
			}
		}
		return k
	}
	if len(order) == 8 {
		return n, n >= 3 && 10*n >= 8*len(texts) && count(days) >= 2 && !wholeCell
	}
	return n, n >= 6 && 10*n >= 9*len(texts) && count(years) >= 3 && count(months) >= 3 && count(days) >= 5
}

// serial finds numbers of one length that are all different and not counted up, as
// record numbers are.
func (c *column) serial() []Finding {
	if len(c.levels) < 8 {
		return nil
	}
	length, low, high, rows, ofSNOMED := 0, math.MaxInt, 0, 0, 0
	for i, l := range c.levels {
		s := strings.TrimLeft(l, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-")
		if !allDigits(s) || len(l)-len(s) > 4 || len(s) < 6 || len(s) > 10 || length != 0 && len(s) != length || c.rows[i] > 1 && c.field.Role != datasets.RolePatient {
			return nil
		}
		length = len(s)
		n := number(s, 0, len(s))
		low, high = min(low, n), max(high, n)
		rows += c.rows[i]
		if verhoeff(s) {
			ofSNOMED++
		}
	}
	if high-low < 4*len(c.levels) || 10*ofSNOMED >= 9*len(c.levels) {
		return nil
	}
	severity := Medium
	if c.field.Role == datasets.RolePatient {
		severity = Low // a pseudonym may well look so
	}
	return []Finding{c.finding(severity, ClassRecord, "numbers as of medical records", len(c.levels), rows)}
}

// rare finds levels of a coded column that one patient alone has.
func (c *column) rare() []Finding {
	switch c.field.Role {
	case datasets.RolePatient, datasets.RoleVisit, datasets.RoleArm, datasets.RolePeriod:
		return nil
	}
	if !c.once {
		return nil
	}
	single, used, cells := 0, 0, 0
	for _, n := range c.rows {
		if n > 0 {
			used++
			cells += n
		}
		if n == 1 {
			single++
		}
	}
	if single == 0 || cells < 4 || used < 2 || 2*single > cells && !describing(c.tokens) {
		return nil
	}
	return []Finding{c.finding(Low, ClassOther, "value that one patient alone has", single, single)}
}

// numbers looks at a numeric column: by its range, and where it holds whole numbers
// long enough for identifiers, at the first of them as texts.
func (d *Detectors) numbers(c *column, n *numberLook) []Finding {
	out := c.ranges(n)
	if !n.whole || n.low < 0 || amounts(c) || n.high < 1e5 && !postcodes(c.tokens) {
		return out
	}
	c.levels, c.rows = n.levels, n.rows
	return append(out, d.texts(c)...)
}

// numberLook is what is gathered of a column of numbers: their range, the first
// different whole ones of five digits and more as texts (all of a column of
// postcodes), and how many are out of what may stay.
type numberLook struct {
	n         int
	low, high float64
	whole     bool
	from      float64 // the least number that is kept as text
	at        map[float64]int
	levels    []string
	rows      []int
	outside   []outside
}

// outside counts numbers that a column by its name should not have.
type outside struct {
	severity Severity
	class    Class
	kind     string
	in       func(v float64) bool
	where    func(n *numberLook) bool // whether it is to be told
	share    float64
	cells    int
}

func newNumberLook(c *column) *numberLook {
	n := &numberLook{low: math.Inf(1), high: math.Inf(-1), whole: true, from: 1e4, at: map[float64]int{}}
	if postcodes(c.tokens) {
		n.from = 0
	}
	always := func(*numberLook) bool { return true }
	// An age that may be no higher stands for all above.
	if most, top := c.mostAge(), c.field.Constraints.Maximum; most > 0 && (top == nil || *top != most) {
		n.outside = append(n.outside, outside{severity: High, class: ClassDates, kind: "age over 89", where: always, in: func(v float64) bool { return v >= most }})
	}
	switch {
	case born(c.tokens):
		n.outside = append(n.outside, outside{
			severity: High, class: ClassDates, kind: "year of birth of somebody over 89",
			in:    func(v float64) bool { return v <= float64(latestYear-ofAge) },
			where: func(n *numberLook) bool { return n.low >= 1850 && n.low <= float64(latestYear-ofAge) },
		})
	case dated(c.tokens) && !amounts(c):
		n.outside = append(n.outside, outside{
			severity: High, class: ClassDates, kind: "date as a spreadsheet's day number", share: 0.9,
			in:    func(v float64) bool { return v >= 20000 && v < 60000 },
			where: func(n *numberLook) bool { return n.whole && n.low >= 15000 && n.high <= 80000 },
		})
	}
	if anyOf(c.tokens, "lat", "lon", "lng", "latitude", "longitude") {
		n.outside = append(n.outside, outside{
			severity: High, class: ClassPlace, kind: "coordinates", share: 0.1,
			in:    func(v float64) bool { return math.Abs(v*100-math.Round(v*100)) > 1e-6 },
			where: func(n *numberLook) bool { return !n.whole },
		})
	}
	if low, high, ok := usualBody(c.tokens); ok {
		n.outside = append(n.outside, outside{
			severity: Low, class: ClassOther, kind: "measure of the body that hardly anybody has", where: always,
			in: func(v float64) bool { return v < low || v > high },
		})
	}
	return n
}

// addAll takes a batch of numbers in. Most columns hold nothing that needs more than
// the range.
func (n *numberLook) addAll(vs []float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range vs {
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	if len(n.outside) > 0 || high >= n.from && n.whole {
		for _, v := range vs {
			n.add(v, 1)
		}
		return
	}
	n.low, n.high = min(n.low, low), max(n.high, high)
	for _, v := range vs {
		if v == v {
			n.n++
			if n.whole && v != math.Trunc(v) {
				n.whole = false
			}
		}
	}
}

// add takes a number in that so many rows have.
func (n *numberLook) add(v float64, rows int) {
	if v != v {
		return
	}
	n.n += rows
	n.low, n.high = min(n.low, v), max(n.high, v)
	n.whole = n.whole && v == math.Trunc(v)
	for i := range n.outside {
		if n.outside[i].in(v) {
			n.outside[i].cells += rows
		}
	}
	if v < n.from || !n.whole {
		return
	}
	i, ok := n.at[v]
	if !ok {
		if len(n.levels) == sampled {
			return
		}
		i = len(n.levels)
		n.at[v] = i
		n.levels, n.rows = append(n.levels, strconv.FormatFloat(v, 'f', 0, 64)), append(n.rows, 0)
	}
	n.rows[i] += rows
}

// ranges finds numbers that by their column's name are ages, years of birth, days
// or coordinates out of what may stay.
func (c *column) ranges(n *numberLook) []Finding {
	var out []Finding
	for _, o := range n.outside {
		if n.n > 0 && o.where(n) && o.cells > 0 && float64(o.cells) >= o.share*float64(n.n) {
			out = append(out, c.finding(o.severity, o.class, o.kind, 0, o.cells))
		}
	}
	return out
}

// overBands finds bands of ages that part those over 89.
func (c *column) overBands() []Finding {
	if c.mostAge() != ofAge {
		return nil
	}
	var h hits
	for i, l := range c.levels {
		m := bandPattern.FindStringSubmatch(fold(l))
		if m == nil {
			continue
		}
		from := atoi(m[1])
		if m[2] != "" && from >= ofAge || m[2] == "" && from > ofAge {
			h.levels++
			h.rows += c.rows[i]
		}
	}
	if h.levels == 0 {
		return nil
	}
	return []Finding{c.finding(High, ClassDates, "band of ages over 89", h.levels, h.rows)}
}

// bandPattern is a band with both ends, or with one that is open: 95+.
var bandPattern = regexp.MustCompile(`^(\d{2,3}) *(?:(?:-|to) *(\d{2,3})|\+|(?:and|or) (?:over|older|more))$`)

// yesOrNo reports a column of flags.
func yesOrNo(levels []string) bool {
	for _, l := range levels {
		switch strings.ToLower(fold(l)) {
		case "", "0", "1", "2", "y", "n", "yes", "no", "true", "false", "unknown", "ja", "nein", "oui", "non":
		default:
			return false
		}
	}
	return true
}

// numeric reports that all of the levels are plain numbers.
func numeric(levels []string) bool {
	for _, l := range levels {
		sh := shapeOf(l)
		if sh.digits == 0 || sh.digits+strings.Count(l, ".")+strings.Count(l, "-") != len(l) {
			return false
		}
	}
	return len(levels) > 0
}

// latestYear is the year from which an age is reckoned where nothing but a year
// of birth is known. There is no clock in results: it is the year of this list.
const latestYear = 2025

// mostAge returns the number from which a column of ages is over 89, 0 for one that
// is not of ages.
func (c *column) mostAge() float64 {
	if !anyOf(c.tokens, "age", "ages", "alter", "edad", "leeftijd") {
		return 0
	}
	unit := strings.ToLower(c.field.Unit)
	switch {
	case anyOf(c.tokens, "day", "days", "d") || strings.HasPrefix(unit, "day"):
		return math.Floor(ofAge * 365.25)
	case anyOf(c.tokens, "week", "weeks") || strings.HasPrefix(unit, "week"):
		return math.Floor(ofAge * 365.25 / 7)
	case anyOf(c.tokens, "month", "months") || strings.HasPrefix(unit, "month"):
		return ofAge * 12
	}
	return ofAge
}

func born(ts []string) bool {
	return anyOf(ts, "yob", "birthyear", "geburtsjahr") || anyOf(ts, "birth", "born") && anyOf(ts, "year", "yr")
}

// usualBody returns what nearly everybody measures, for columns named for it.
func usualBody(ts []string) (low, high float64, ok bool) {
	switch {
	case anyOf(ts, "height", "stature") && anyOf(ts, "cm"):
		return 140, 205, true
	case anyOf(ts, "height", "stature") && anyOf(ts, "in", "inch", "inches"):
		return 55, 81, true
	case anyOf(ts, "weight") && anyOf(ts, "kg"):
		return 35, 200, true
	case anyOf(ts, "bmi"):
		return 13, 65, true
	}
	return 0, 0, false
}

// amounts reports a column whose numbers are of things, not of persons.
func amounts(c *column) bool {
	switch c.field.Role {
	case datasets.RoleCost, datasets.RoleDose, datasets.RoleStrength, datasets.RoleQuantity, datasets.RoleWeight, datasets.RoleDay, datasets.RoleTime:
		return true
	}
	return coded(c.tokens) || anyOf(c.tokens, "cost", "costs", "charge", "charges", "amount", "paid", "payment", "price", "fee", "salary", "income", "usd", "eur", "gbp", "dose", "mme", "count", "total")
}

// place returns how findings call a column whose name identifies somebody.
func place(i int) string { return fmt.Sprintf("column %d", i+1) }
