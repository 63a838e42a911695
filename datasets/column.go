package datasets

import (
	"fmt"
	"hash/maphash"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/text/unicode/norm"
)

// arrowType returns the Arrow type a column of the field has.
func arrowType(t Type) arrow.DataType {
	switch t {
	case TypeInteger:
		return arrow.PrimitiveTypes.Int64
	case TypeNumber, TypeDuration:
		return arrow.PrimitiveTypes.Float64
	case TypeBoolean:
		return arrow.FixedWidthTypes.Boolean
	case TypeDate:
		return arrow.FixedWidthTypes.Date32
	case TypeDatetime:
		return arrow.FixedWidthTypes.Timestamp_us
	default:
		return &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	}
}

// columnSpec is what a column's cells are held against: its field, and the missing
// codes that hold for it. It is shared by all who read the column.
type columnSpec struct {
	field   Field
	layout  string // of dates
	pattern *regexp.Regexp
	listed  []string // levels that the dictionary lists; none: any text is a level
	codes   []MissingValue
	missing map[string]int // code to its index in codes
	blank   bool           // an empty cell is missing
	numbers []float64      // the missing codes that are numbers
	moments map[int64]int  // those of a column of dates that are dates, in microseconds since 1970
	seed    maphash.Seed
}

func newColumnSpec(f Field, table []MissingValue, seed maphash.Seed) *columnSpec {
	s := &columnSpec{field: f, codes: missingCodes(f, table), missing: map[string]int{}, seed: seed}
	for _, c := range f.Categories {
		s.listed = append(s.listed, c.Value)
	}
	s.listed = append(s.listed, f.Constraints.Enum...)
	s.layout, _ = goLayout(f.Format, f.Type) // checked with the dictionary
	if f.Constraints.Pattern != "" {
		s.pattern, _ = compilePattern(f.Constraints.Pattern)
	}
	for i, m := range s.codes {
		s.missing[m.Value] = i
		if v, err := parseNumber(m.Value, ".", ""); err == nil {
			s.numbers = append(s.numbers, v)
		}
	}
	_, s.blank = s.missing[""]
	if f.Type == TypeDate || f.Type == TypeDatetime {
		s.moments = momentsOf(s.codes, s.layout)
	}
	return s
}

// momentsOf returns the missing codes that are dates, such as 1900-01-01, which typed
// files hold as dates.
func momentsOf(codes []MissingValue, layout string) map[int64]int {
	out := map[int64]int{}
	for i, m := range codes {
		for _, l := range []string{layout, "2006-01-02", "2006-01-02T15:04:05"} {
			if t, err := time.Parse(l, m.Value); err == nil {
				out[t.UnixMicro()] = i
				break
			}
		}
	}
	return out
}

// missingCodes returns the codes that mean missing in a field's cells, each once.
func missingCodes(f Field, table []MissingValue) []MissingValue {
	codes := table
	if f.MissingValues != nil {
		codes = f.MissingValues
	}
	if codes == nil {
		codes = []MissingValue{{Value: ""}} // Table Schema's default
	}
	var out []MissingValue
	for _, m := range codes {
		if !slices.ContainsFunc(out, func(o MissingValue) bool { return o.Value == m.Value }) {
			out = append(out, m)
		}
	}
	return out
}

// coded reports a number that a missing code may stand for.
func (s *columnSpec) coded(v float64) bool { return slices.Contains(s.numbers, v) }

// Why a cell is missing, as one byte a cell: 1 + the index of its missing code,
// or one of these.
const (
	whyPlain    = 0   // it has a value, or is missing without a code
	whySetAside = 255 // it could not be read
	maxMissing  = 250 // missing codes of a column
)

// builtColumn is one column of a batch of rows.
type builtColumn struct {
	array     arrow.Array
	why       []byte // by row; nil where all are plain
	bad       []badAt
	invisible int // cells from which invisible marks were taken
}

// badAt is a bad cell and its row in the batch.
type badAt struct {
	row int
	badCell
}

// columnBuilder turns the cells of a batch into one Arrow column as its field
// types them. Texts are coded in order of first appearance after the levels that
// are listed.
type columnBuilder struct {
	*columnSpec
	decimal, group string // how numbers are written
	builder        array.Builder
	levels         *texts // of a text column, else nil
	built          builtColumn
}

// Reason counts the cells of a column that are missing for one reason.
type Reason struct {
	Code  string `json:"code"`
	Label string `json:"label,omitempty"`
	Cells int    `json:"cells"`
}

// badCell is what is wrong with one cell: a code and what was expected.
type badCell struct{ code, expected string }

func newColumnBuilder(s *columnSpec) *columnBuilder {
	b := &columnBuilder{columnSpec: s, decimal: s.field.DecimalChar, group: s.field.GroupChar}
	switch s.field.Type {
	case TypeInteger:
		b.builder = array.NewInt64Builder(memory.DefaultAllocator)
	case TypeNumber, TypeDuration:
		b.builder = array.NewFloat64Builder(memory.DefaultAllocator)
	case TypeBoolean:
		b.builder = array.NewBooleanBuilder(memory.DefaultAllocator)
	case TypeDate:
		b.builder = array.NewDate32Builder(memory.DefaultAllocator)
	case TypeDatetime:
		b.builder = array.NewTimestampBuilder(memory.DefaultAllocator, arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType))
	default:
		b.builder = array.NewInt32Builder(memory.DefaultAllocator)
		b.levels = s.newLevels()
	}
	return b
}

// newLevels returns the levels that are listed.
func (s *columnSpec) newLevels() *texts { return s.list(newTexts(s.seed)) }

func (s *columnSpec) list(t *texts) *texts {
	for _, level := range s.listed {
		t.number(level)
	}
	return t
}

// text appends a cell written as text. What cannot be used is appended as
// missing and told.
func (b *columnBuilder) text(s string) {
	if i, ok := b.missing[s]; ok {
		b.null(i)
		return
	}
	var bad *badCell
	if b.levels != nil {
		code, marked, wrong := b.code(s, b.levels)
		if marked {
			b.built.invisible++
		}
		if bad = wrong; bad == nil {
			b.builder.(*array.Int32Builder).Append(code)
		}
	} else {
		bad = b.value(s)
	}
	if bad != nil {
		b.wrong(*bad)
	}
}

// null appends a cell that is missing for the code of that index.
func (b *columnBuilder) null(code int) {
	row := b.builder.Len()
	b.builder.AppendNull()
	if code >= 0 && b.codes[code].Value != "" {
		b.because(row, byte(code+1))
	}
	if b.field.Constraints.Required {
		b.built.bad = append(b.built.bad, badAt{row, requiredCell})
	}
}

var requiredCell = badCell{CodeRequired, "expected a value: the column is required"}

// reason says why the last cell, which is missing, is so.
func (b *columnBuilder) reason(code string) {
	row := b.builder.Len() - 1
	switch i, ok := b.missing[code]; {
	case code == "":
	case ok:
		b.because(row, byte(i+1))
	default:
		b.built.bad = append(b.built.bad, badAt{row, badCell{CodeLevel, "expected the reason why a cell is missing to be one of the column's missing codes"}})
	}
}

// wrong appends a bad cell as missing.
func (b *columnBuilder) wrong(bad badCell) {
	row := b.builder.Len()
	b.builder.AppendNull()
	b.because(row, whySetAside)
	b.built.bad = append(b.built.bad, badAt{row, bad})
}

func (b *columnBuilder) because(row int, why byte) {
	for len(b.built.why) <= row {
		b.built.why = append(b.built.why, whyPlain)
	}
	b.built.why[row] = why
}

// code returns the code of a text among the levels, a new one where it is new,
// and whether marks had to be taken off it.
func (s *columnSpec) code(text string, levels *texts) (code int32, marked bool, bad *badCell) {
	code, sum := levels.find(text)
	if code >= 0 {
		return code, false, nil
	}
	return s.newCode(text, sum, levels)
}

// newCode does so for a text which is not among the levels as it is.
func (s *columnSpec) newCode(text string, sum uint32, levels *texts) (code int32, marked bool, bad *badCell) {
	clean := text
	if !plainText(text) {
		if !utf8.ValidString(text) { // typed files believe their writers
			return 0, false, &badCell{CodeEncoding, "expected UTF-8 text"}
		}
		clean = norm.NFC.String(strings.Map(func(r rune) rune {
			if invisible(r) {
				return -1
			}
			return r
		}, text))
	}
	if marked = clean != text; marked {
		if code, sum = levels.find(clean); code >= 0 {
			return code, true, nil
		}
	}
	switch {
	case len(s.listed) > 0:
		return 0, marked, &badCell{CodeLevel, "expected one of the levels that the cohort file lists for this column"}
	case s.pattern != nil && !s.pattern.MatchString(clean):
		return 0, marked, &badCell{CodePattern, "expected text of the declared pattern"}
	}
	return levels.add(clean, sum), marked, nil
}

// plainText reports a text of ASCII alone, which has no invisible marks and one
// form.
func plainText(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// value appends a cell that is not text, if it is of the type and in range.
func (b *columnBuilder) value(s string) *badCell {
	switch bb := b.builder.(type) {
	case *array.Float64Builder:
		v, bad := b.number(s)
		if bad != nil {
			return bad
		}
		bb.Append(v)
	case *array.Int64Builder:
		v, bad := b.integer(s)
		if bad != nil {
			return bad
		}
		bb.Append(v)
	case *array.BooleanBuilder:
		v, err := parseBoolean(s, b.field.TrueValues, b.field.FalseValues)
		if err != nil {
			return &badCell{CodeType, err.Error()}
		}
		bb.Append(v)
	case *array.Date32Builder:
		v, bad := b.date(s)
		if bad != nil {
			return bad
		}
		bb.Append(v)
	case *array.TimestampBuilder:
		t, err := parseDate(s, b.layout)
		if err != nil {
			return &badCell{CodeType, fmt.Sprintf("expected a date and time written as %s", cmpOr(b.field.Format, "%Y-%m-%dT%H:%M:%S"))}
		}
		bb.Append(arrow.Timestamp(t.UnixMicro()))
	}
	return nil
}

// number returns a cell as a number or a duration in days.
func (b *columnBuilder) number(s string) (v float64, bad *badCell) {
	var err error
	if b.field.Type == TypeDuration {
		v, err = parseDuration(s)
	} else {
		v, err = parseNumber(s, b.decimal, b.group)
	}
	if err != nil {
		return 0, &badCell{CodeType, err.Error() + b.writtenAs()}
	}
	return v, b.outside(v)
}

// integer returns a cell as a whole number.
func (b *columnBuilder) integer(s string) (int64, *badCell) {
	v, err := parseInteger(s, b.decimal, b.group)
	if err != nil {
		return 0, &badCell{CodeType, err.Error()}
	}
	return v, b.outside(float64(v))
}

// date returns a cell as a day.
func (b *columnBuilder) date(s string) (arrow.Date32, *badCell) {
	t, err := parseDate(s, b.layout)
	if err != nil {
		return 0, &badCell{CodeType, fmt.Sprintf("expected a date written as %s", cmpOr(b.field.Format, "%Y-%m-%d"))}
	}
	return arrow.Date32FromTime(t), nil
}

func (b *columnBuilder) writtenAs() string {
	if b.decimal == "," {
		return " with a decimal comma"
	}
	return ""
}

func (b *columnBuilder) outside(v float64) *badCell {
	lo, hi := b.field.Constraints.Minimum, b.field.Constraints.Maximum
	switch {
	case lo != nil && hi != nil && (v < *lo || v > *hi):
		return &badCell{CodeRange, fmt.Sprintf("expected a number from %g to %g", *lo, *hi)}
	case lo != nil && v < *lo:
		return &badCell{CodeRange, fmt.Sprintf("expected a number of at least %g", *lo)}
	case hi != nil && v > *hi:
		return &badCell{CodeRange, fmt.Sprintf("expected a number of at most %g", *hi)}
	}
	return nil
}

// cell appends row i of a typed array. A value of the column's own Arrow type is
// checked for missing codes and range; any other is taken through its text, so
// that every format gives the same column.
func (b *columnBuilder) cell(a arrow.Array, i int) {
	if a.IsNull(i) {
		b.null(-1)
		return
	}
	switch v := a.(type) {
	case *array.Date32:
		if bb, ok := b.builder.(*array.Date32Builder); ok {
			if b.moment(v.Value(i).ToTime()) {
				bb.Append(v.Value(i))
			}
			return
		}
	case *array.Timestamp:
		if bb, ok := b.builder.(*array.TimestampBuilder); ok {
			if t := timeOf(v, i); b.moment(t) {
				bb.Append(arrow.Timestamp(t.UnixMicro()))
			}
			return
		}
	case *array.Boolean:
		if bb, ok := b.builder.(*array.BooleanBuilder); ok {
			bb.Append(v.Value(i))
			return
		}
	case *array.Float64:
		if b.field.Type == TypeDuration {
			b.builder.(*array.Float64Builder).Append(v.Value(i))
			return
		}
		if math.IsNaN(v.Value(i)) {
			b.null(-1) // typed files have no other way to write a missing number
			return
		}
		if bb, ok := b.builder.(*array.Float64Builder); ok && !math.IsInf(v.Value(i), 0) && !b.coded(v.Value(i)) {
			if bad := b.outside(v.Value(i)); bad != nil {
				b.wrong(*bad)
				return
			}
			bb.Append(v.Value(i) + 0) // -0 becomes 0
			return
		}
	}
	b.decimal, b.group = "", "" // how text files write numbers does not hold here
	b.text(cellText(a, i))
	b.decimal, b.group = b.field.DecimalChar, b.field.GroupChar
}

// moment reports a date or time that is a value; what is a missing code or out of
// range is appended as missing.
func (b *columnBuilder) moment(t time.Time) bool {
	if code, missing := b.moments[t.UnixMicro()]; missing {
		b.null(code)
		return false
	}
	if t.Year() < firstYear || t.Year() > lastYear {
		b.wrong(badCell{CodeRange, fmt.Sprintf("expected a date from %d to %d", firstYear, lastYear)})
		return false
	}
	return true
}

func timeOf(a *array.Timestamp, i int) time.Time {
	return a.Value(i).ToTime(a.DataType().(*arrow.TimestampType).Unit)
}

// cellText writes a typed cell as the text that parses back to it.
func cellText(a arrow.Array, i int) string {
	switch v := a.(type) {
	case *array.Dictionary:
		return cellText(v.Dictionary(), v.GetValueIndex(i))
	case *array.String:
		return v.Value(i)
	case *array.LargeString:
		return v.Value(i)
	case *array.Binary: // as Parquet files have texts that do not say so
		return string(v.Value(i))
	case *array.LargeBinary:
		return string(v.Value(i))
	case *array.Float64:
		return string(AppendNumber(nil, v.Value(i)))
	case *array.Float32:
		return strconv.FormatFloat(float64(v.Value(i)), 'g', -1, 32)
	case *array.Int64:
		return strconv.FormatInt(v.Value(i), 10)
	case *array.Boolean:
		return strconv.FormatBool(v.Value(i))
	case *array.Date32:
		return v.Value(i).ToTime().Format("2006-01-02")
	case *array.Timestamp:
		return timeOf(v, i).Format("2006-01-02T15:04:05.999999")
	case *array.Duration:
		days := float64(v.Value(i)) / (float64(24*time.Hour) / float64(v.DataType().(*arrow.DurationType).Unit.Multiplier()))
		return "P" + strconv.FormatFloat(days, 'f', -1, 64) + "D"
	default:
		return a.ValueStr(i)
	}
}

// finish returns the column of the batch.
func (b *columnBuilder) finish() builtColumn {
	out := b.built
	out.array = b.builder.NewArray()
	if b.levels != nil {
		out.array = array.NewDictionaryArray(arrowType(TypeString), out.array, b.levels.array())
	}
	return out.padded()
}

// padded gives every row its byte, where some has one.
func (c builtColumn) padded() builtColumn {
	if c.why != nil && len(c.why) < c.array.Len() {
		c.why = append(c.why, make([]byte, c.array.Len()-len(c.why))...)
	}
	return c
}

func stringArray(ss []string) arrow.Array {
	sb := array.NewStringBuilder(memory.DefaultAllocator)
	sb.AppendValues(ss, nil)
	return sb.NewArray()
}
