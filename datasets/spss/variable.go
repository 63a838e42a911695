package spss

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"recoup/datasets"
)

// A text of more than 255 bytes is stored as several, each of which holds 255
// bytes though only 252 are counted for it.
const (
	segmentBytes   = 255
	segmentCounted = 252
	maxText        = 32_767
	maxLabels      = 4 << 20 // of all variables
)

// variable is one column.
type variable struct {
	name, title string
	text        bool
	width       int   // bytes of a text
	segments    []int // bytes of each piece of it; one of 8 for numbers
	unit        unit
	missing     missing
	levels      []datasets.Category
	codes       []datasets.MissingValue
}

// missing is what the file's owner declared as missing.
type missing struct {
	values   []float64
	ranged   bool
	low, top float64
	texts    []string
}

func (m missing) has(v float64) bool {
	return m.ranged && v >= m.low && v <= m.top || slices.Contains(m.values, v)
}

func (m missing) hasText(t string) bool { return slices.Contains(m.texts, t) }

// variables puts together what the records say of each variable.
func (s *source) variables(d *dictionary) ([]variable, error) {
	names, widths := pairs(d.longNames), pairs(d.longTexts)
	var vars []variable
	owner := make([]int, len(d.records)) // variable that an element is of
	for i := 0; i < len(d.records); {
		r := d.records[i]
		v, n, err := s.variable(d, i, names, widths)
		if err != nil {
			return nil, err
		}
		for k := range n {
			owner[i+k] = len(vars)
		}
		if r.ranged && v.text {
			return nil, s.damaged("an SPSS system file whose texts have no range of missing values")
		}
		if vars = append(vars, v); len(vars) > maxColumns {
			return nil, s.refuse(datasets.CodeTooLarge, fmt.Sprintf("expected at most %d columns", maxColumns), "")
		}
		i += n
	}
	if len(vars) == 0 {
		return nil, s.damaged("an SPSS system file with variables")
	}
	seen := map[string]int{}
	for i, v := range vars {
		if _, dup := seen[v.name]; dup || v.name == "" {
			return nil, s.damaged("an SPSS system file whose variables have names of their own")
		}
		seen[v.name] = i
	}
	if err := s.label(vars, d.labels, owner); err != nil {
		return nil, err
	}
	if err := s.longTextCodes(vars, d.textCodes, seen); err != nil {
		return nil, err
	}
	if err := s.longTextLabels(vars, d.textLabels, seen); err != nil {
		return nil, err
	}
	total := 0
	for i := range vars {
		if total += len(vars[i].levels); total > maxLabels {
			return nil, s.refuse(datasets.CodeTooLarge, fmt.Sprintf("expected at most %d value labels", maxLabels), "")
		}
		vars[i].declare()
	}
	return vars, nil
}

// variable reads the variable that begins at a record, and how many it takes.
func (s *source) variable(d *dictionary, at int, names, widths map[string][]byte) (variable, int, error) {
	r := d.records[at]
	short := strings.ToUpper(string(bytes.TrimRight(r.name, " \x00")))
	v := variable{text: r.width > 0, width: int(r.width), segments: []int{element}}
	ok := true
	decode := func(to *string, raw []byte) {
		t, good := s.decode(raw)
		*to, ok = t, ok && good
	}
	decode(&v.name, r.name)
	if long, found := names[short]; found {
		decode(&v.name, long)
	}
	decode(&v.title, r.label)
	if r.width < 0 {
		return v, 0, s.damaged("an SPSS system file whose texts begin before they go on")
	}
	pieces := 1
	if raw, found := widths[short]; found && v.text {
		n, err := strconv.Atoi(string(bytes.Trim(raw, " \x00")))
		if err != nil || n < 1 || n > maxText {
			return v, 0, s.damaged(fmt.Sprintf("an SPSS system file whose texts are of at most %d bytes", maxText))
		}
		if n > segmentBytes {
			v.width, pieces = n, (n+segmentCounted-1)/segmentCounted
		}
	}
	n := 1
	if v.text {
		v.segments = nil
		n = 0
		for range pieces {
			width, k, err := s.piece(d, at+n)
			if err != nil {
				return v, 0, err
			}
			v.segments = append(v.segments, width)
			n += k
		}
		for _, m := range r.missing {
			var t string
			decode(&t, m[:])
			v.missing.texts = append(v.missing.texts, t)
		}
	} else {
		v.unit = unitOf(r.format)
		v.missing.read(r, d.head)
	}
	if !ok {
		return v, 0, s.notText(0, "")
	}
	return v, n, nil
}

// piece returns the width of the text that begins at a record, and its records.
func (s *source) piece(d *dictionary, at int) (width, n int, err error) {
	if at >= len(d.records) || d.records[at].width < 1 {
		return 0, 0, s.damaged("an SPSS system file with all pieces of its long texts")
	}
	width = int(d.records[at].width)
	n = (width + element - 1) / element
	for k := 1; k < n; k++ {
		if at+k >= len(d.records) || d.records[at+k].width >= 0 {
			return 0, 0, s.damaged("an SPSS system file with all pieces of its texts")
		}
	}
	return width, n, nil
}

// read takes over the missing values of a number's record.
func (m *missing) read(r record, h head) {
	for i, raw := range r.missing {
		v := math.Float64frombits(h.order.Uint64(raw[:]))
		switch {
		case r.ranged && i == 0:
			m.ranged, m.low = true, v
			if v == h.lowest || v == h.missing {
				m.low = math.Inf(-1)
			}
		case r.ranged && i == 1:
			m.top = v
			if v == h.highest {
				m.top = math.Inf(1)
			}
		default:
			m.values = append(m.values, v)
		}
	}
}

// pairs reads NAME=value texts between tabs. Names are compared in capitals.
func pairs(b []byte) map[string][]byte {
	out := map[string][]byte{}
	for p := range bytes.SplitSeq(b, []byte("\t")) {
		if name, value, ok := bytes.Cut(p, []byte("=")); ok {
			out[strings.ToUpper(string(bytes.Trim(name, " \x00")))] = value
		}
	}
	return out
}

// label gives the variables their sets of labels. Variables of a set share it.
func (s *source) label(vars []variable, sets []labels, owner []int) error {
	for _, l := range sets {
		if len(l.of) == 0 {
			continue
		}
		text := vars[owner[l.of[0]]].text
		levels, err := s.levels(l, text)
		if err != nil {
			return err
		}
		for _, of := range l.of {
			v := &vars[owner[of]]
			if v.text != text {
				return s.damaged("an SPSS system file " + errLabels.Error())
			}
			v.levels = levels
		}
	}
	return nil
}

// levels decodes a set of labels, in the order of the values.
func (s *source) levels(l labels, text bool) ([]datasets.Category, error) {
	type level struct {
		v float64
		c datasets.Category
	}
	var found []level
	for i, raw := range l.values {
		label, ok := s.decode(l.texts[i])
		x := level{c: datasets.Category{Label: label}}
		if text {
			var good bool
			x.c.Value, good = s.decode(raw[:])
			ok = ok && good
		} else {
			x.v = math.Float64frombits(s.head.order.Uint64(raw[:]))
			x.c.Value = string(datasets.AppendNumber(nil, x.v))
			if s.head.isMissing(x.v) {
				continue
			}
		}
		if !ok {
			return nil, s.notText(0, "")
		}
		found = append(found, x)
	}
	slices.SortStableFunc(found, func(a, b level) int {
		if !text {
			return cmp.Compare(a.v, b.v)
		}
		return strings.Compare(a.c.Value, b.c.Value)
	})
	var out []datasets.Category
	for _, x := range found {
		if len(out) == 0 || out[len(out)-1].Value != x.c.Value {
			out = append(out, x.c)
		}
	}
	return out, nil
}

// longTextLabels reads the labels of texts that are longer than an element.
func (s *source) longTextLabels(vars []variable, b []byte, index map[string]int) error {
	c := &reader{src: bytes.NewReader(b), size: int64(len(b)), order: s.head.order}
	c.in = newReader(c.src, c.size).in
	for c.at < c.size {
		name := c.take(c.i32())
		c.i32() // the width, known already
		n := c.i32()
		var levels []datasets.Category
		for ; n > 0 && c.err == nil; n-- {
			value, good := s.decode(c.take(c.i32()))
			label, fine := s.decode(c.take(c.i32()))
			if !good || !fine {
				return s.notText(0, "")
			}
			levels = append(levels, datasets.Category{Value: value, Label: label})
		}
		if c.err != nil {
			return s.damaged("an SPSS system file " + errLabels.Error())
		}
		if v := s.named(vars, name, index); v != nil && v.text {
			slices.SortStableFunc(levels, func(a, b datasets.Category) int { return strings.Compare(a.Value, b.Value) })
			v.levels = slices.CompactFunc(levels, func(a, b datasets.Category) bool { return a.Value == b.Value })
		}
	}
	return nil
}

// longTextCodes reads the missing values of texts that are longer than an element.
func (s *source) longTextCodes(vars []variable, b []byte, index map[string]int) error {
	c := &reader{src: bytes.NewReader(b), size: int64(len(b)), order: s.head.order}
	c.in = newReader(c.src, c.size).in
	for c.at < c.size {
		name := c.take(c.i32())
		n, size := c.u8(), c.i32()
		var codes []string
		for range n {
			t, ok := s.decode(c.take(size))
			if !ok {
				return s.notText(0, "")
			}
			codes = append(codes, t)
		}
		if c.err != nil {
			return s.damaged("an SPSS system file whose missing values belong to its variables")
		}
		if v := s.named(vars, name, index); v != nil && v.text {
			v.missing.texts = codes
		}
	}
	return nil
}

func (s *source) named(vars []variable, raw []byte, index map[string]int) *variable {
	name, _ := s.decode(raw)
	if i, ok := index[name]; ok {
		return &vars[i]
	}
	return nil
}

// declare parts the labels of missing values from those of levels, and lists the
// missing values that the file names one by one.
func (v *variable) declare() {
	label := map[string]string{}
	var levels []datasets.Category
	for i, l := range v.levels {
		x, err := strconv.ParseFloat(l.Value, 64)
		if v.text && v.missing.hasText(l.Value) || !v.text && err == nil && v.missing.has(x) {
			label[l.Value] = l.Label
			if levels == nil {
				levels = append(make([]datasets.Category, 0, len(v.levels)), v.levels[:i]...)
			}
			if !v.text && !slices.Contains(v.missing.values, x) {
				v.codes = append(v.codes, datasets.MissingValue(l))
			}
		} else if levels != nil {
			levels = append(levels, l)
		}
	}
	if len(label) > 0 {
		v.levels = levels[:len(levels):len(levels)]
	}
	if len(v.levels) == 0 {
		v.levels = nil
	}
	codes := slices.Clone(v.missing.texts)
	for _, x := range v.missing.values {
		codes = append(codes, string(datasets.AppendNumber(nil, x)))
	}
	for _, code := range codes {
		if code != "" {
			v.codes = append(v.codes, datasets.MissingValue{Value: code, Label: label[code]})
		}
	}
	slices.SortStableFunc(v.codes, func(a, b datasets.MissingValue) int { return strings.Compare(a.Value, b.Value) })
	v.codes = slices.Compact(v.codes)
}

// fields returns what the file says of its columns.
func (s *source) fields() []datasets.Field {
	out := make([]datasets.Field, len(s.vars))
	for i, v := range s.vars {
		f := datasets.Field{Name: v.name, Title: v.title, Type: datasets.TypeString, Categories: v.levels, MissingValues: v.codes}
		if !v.text {
			switch v.unit {
			case number:
				f.Type = datasets.TypeNumber
			case seconds:
				f.Type, f.Unit = datasets.TypeNumber, "seconds"
			case day:
				f.Type = datasets.TypeDate
			case clock:
				f.Type = datasets.TypeDatetime
			}
		}
		if v.unit != number {
			f.Categories = nil
		}
		out[i] = f
	}
	return out
}

// unit is what a variable's numbers count, as its print format says.
type unit int

const (
	number  unit = iota
	seconds      // TIME, DTIME, MTIME
	day          // seconds since 14 October 1582, shown as a date
	clock        // the same, shown as a date and time
	week         // the same, shown as week and year
	month
	quarter
)

// unitOf reads the number of a print format.
func unitOf(format byte) unit {
	switch format {
	case 20, 23, 24, 38, 39: // DATE ADATE JDATE EDATE SDATE
		return day
	case 22, 41: // DATETIME YMDHMS
		return clock
	case 21, 25, 40: // TIME DTIME MTIME
		return seconds
	case 28: // MOYR
		return month
	case 29: // QYR
		return quarter
	case 30: // WKYR
		return week
	}
	return number
}

// add writes a number of the unit as a cell: dates as dates, periods as 2010-03,
// 2010Q1 and 2010w9, the ninth seven days of the year. What is beyond the
// calendar stays a number, for the loader to refuse.
func (u unit) add(b *datasets.Batch, v float64) {
	const epoch = 141_428 * 86_400 // seconds from 14 October 1582 to 1970
	if u == number || u == seconds || !(math.Abs(v) < 1e12) {
		b.Number(v)
		return
	}
	t := time.UnixMicro(int64(math.Round(v*1e6)) - epoch*1_000_000).UTC()
	switch {
	case t.Year() < 1 || t.Year() > 9999:
		b.Number(v)
	case u == day:
		b.Time(t.Truncate(24*time.Hour), false)
	case u == clock:
		b.Time(t, true)
	case u == month:
		b.Text(t.Format("2006-01"))
	case u == quarter:
		b.Text(fmt.Sprintf("%04dQ%d", t.Year(), (int(t.Month())+2)/3))
	default:
		b.Text(fmt.Sprintf("%04dw%d", t.Year(), (t.YearDay()-1)/7+1))
	}
}
