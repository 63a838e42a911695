package datasets

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

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

// columnBuilder turns cells into one Arrow column as its field types them.
// Texts are coded in order of first appearance; the dictionary is one for the
// whole column, whatever the batches.
type columnBuilder struct {
	field   Field
	builder array.Builder
	layout  string
	pattern *regexp.Regexp

	levels []string
	codes  map[string]int32
	listed int // levels that the dictionary lists; 0: any text is a level

	missing   map[string]int // code to its index in reasons
	reasons   []Reason
	invisible int
	seen      map[string]bool // for constraints.unique of columns that are not text
	unique    map[int32]bool
}

// Reason counts the cells of a column that are missing for one reason.
type Reason struct {
	Code  string `json:"code"`
	Label string `json:"label,omitempty"`
	Cells int    `json:"cells"`
}

// badCell is what is wrong with one cell: a code and what was expected.
type badCell struct{ code, expected string }

func newColumnBuilder(f Field, table []MissingValue) *columnBuilder {
	b := &columnBuilder{field: f, missing: map[string]int{}}
	switch f.Type {
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
		b.codes = map[string]int32{}
		for _, c := range f.Categories {
			b.level(c.Value)
		}
		for _, e := range f.Constraints.Enum {
			b.level(e)
		}
		b.listed = len(b.levels)
	}
	b.layout, _ = goLayout(f.Format, f.Type) // checked with the dictionary
	if f.Constraints.Pattern != "" {
		b.pattern, _ = compilePattern(f.Constraints.Pattern)
	}
	codes := table
	if f.MissingValues != nil {
		codes = f.MissingValues
	}
	if codes == nil {
		codes = []MissingValue{{Value: ""}} // Table Schema's default
	}
	for _, m := range codes {
		if _, dup := b.missing[m.Value]; !dup {
			b.missing[m.Value] = len(b.reasons)
			b.reasons = append(b.reasons, Reason{Code: m.Value, Label: m.Label})
		}
	}
	if f.Constraints.Unique {
		b.seen, b.unique = map[string]bool{}, map[int32]bool{}
	}
	return b
}

func (b *columnBuilder) level(s string) int32 {
	if c, ok := b.codes[s]; ok {
		return c
	}
	c := int32(len(b.levels))
	s = strings.Clone(s) // the cell's text belongs to a whole chunk
	b.codes[s] = c
	b.levels = append(b.levels, s)
	return c
}

// text appends a cell written as text. What cannot be used is appended as
// missing and told.
func (b *columnBuilder) text(s string) *badCell {
	if i, ok := b.missing[s]; ok {
		b.reasons[i].Cells++
		b.builder.AppendNull()
		if b.field.Constraints.Required {
			return &badCell{CodeRequired, "expected a value: the column is required"}
		}
		return nil
	}
	if b.codes != nil {
		return b.label(s)
	}
	bad := b.value(s)
	if bad != nil {
		b.builder.AppendNull()
		return bad
	}
	if b.seen != nil {
		if b.seen[s] {
			return &badCell{CodeUnique, "expected each value once"}
		}
		b.seen[strings.Clone(s)] = true
	}
	return nil
}

// label appends a text cell.
func (b *columnBuilder) label(s string) *badCell {
	ib := b.builder.(*array.Int32Builder)
	code, marked, bad := b.code(s)
	if marked {
		b.invisible++
	}
	if bad != nil {
		ib.AppendNull()
		return bad
	}
	ib.Append(code)
	if b.unique != nil {
		if b.unique[code] {
			return &badCell{CodeUnique, "expected each value once"}
		}
		b.unique[code] = true
	}
	return nil
}

// code returns the code of a text, a new one where it is new, and whether marks
// had to be taken off it.
func (b *columnBuilder) code(s string) (code int32, marked bool, bad *badCell) {
	if code, known := b.codes[s]; known {
		return code, false, nil
	}
	clean := norm.NFC.String(strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s))
	marked = clean != s
	if b.listed > 0 {
		if code, known := b.codes[clean]; known {
			return code, marked, nil
		}
		return 0, marked, &badCell{CodeLevel, "expected one of the levels that the cohort file lists for this column"}
	}
	if b.pattern != nil && !b.pattern.MatchString(clean) {
		return 0, marked, &badCell{CodePattern, "expected text of the declared pattern"}
	}
	return b.level(clean), marked, nil
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
		v, err = parseNumber(s, b.field.DecimalChar, b.field.GroupChar)
	}
	if err != nil {
		return 0, &badCell{CodeType, err.Error() + b.writtenAs()}
	}
	return v, b.outside(v)
}

// integer returns a cell as a whole number.
func (b *columnBuilder) integer(s string) (int64, *badCell) {
	v, err := parseInteger(s, b.field.DecimalChar, b.field.GroupChar)
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
	if b.field.DecimalChar == "," {
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
func (b *columnBuilder) cell(a arrow.Array, i int) *badCell {
	if a.IsNull(i) {
		b.builder.AppendNull()
		if b.field.Constraints.Required {
			return &badCell{CodeRequired, "expected a value: the column is required"}
		}
		return nil
	}
	switch v := a.(type) {
	case *array.Date32:
		if bb, ok := b.builder.(*array.Date32Builder); ok {
			bb.Append(v.Value(i))
			return nil
		}
	case *array.Timestamp:
		if bb, ok := b.builder.(*array.TimestampBuilder); ok {
			bb.Append(arrow.Timestamp(timeOf(v, i).UnixMicro()))
			return nil
		}
	case *array.Boolean:
		if bb, ok := b.builder.(*array.BooleanBuilder); ok {
			bb.Append(v.Value(i))
			return nil
		}
	case *array.Float64:
		if b.field.Type == TypeDuration {
			b.builder.(*array.Float64Builder).Append(v.Value(i))
			return nil
		}
		if math.IsNaN(v.Value(i)) {
			b.builder.AppendNull() // typed files have no other way to write a missing number
			return nil
		}
	}
	decimal, group := b.field.DecimalChar, b.field.GroupChar
	b.field.DecimalChar, b.field.GroupChar = "", "" // how text files write numbers does not hold here
	bad := b.text(cellText(a, i))
	b.field.DecimalChar, b.field.GroupChar = decimal, group
	return bad
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
	default:
		return a.ValueStr(i)
	}
}

// flush returns the batch built so far. Text columns come as codes; finish gives
// them their dictionary.
func (b *columnBuilder) flush() arrow.Array { return b.builder.NewArray() }

// finish returns the batches as arrays of the column's Arrow type.
func (b *columnBuilder) finish(batches []arrow.Array) []arrow.Array {
	if b.codes == nil {
		return batches
	}
	levels := stringArray(b.levels)
	out := make([]arrow.Array, len(batches))
	for i, codes := range batches {
		out[i] = array.NewDictionaryArray(arrowType(TypeString), codes, levels)
	}
	return out
}

func stringArray(ss []string) arrow.Array {
	sb := array.NewStringBuilder(memory.DefaultAllocator)
	sb.AppendValues(ss, nil)
	return sb.NewArray()
}
