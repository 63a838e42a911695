package datasets

import (
	"math"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// whole takes a typed column of a file as it is, where it is of the field's own
// type and holds nothing that needs a closer look: no missing code, nothing out of
// range, no NaN, no text with invisible marks. It reports false where cell by cell
// is the only way, which gives the same column.
func (s *columnSpec) whole(a arrow.Array) (arrow.Array, bool) {
	if s.field.Constraints.Required && a.NullN() > 0 {
		return nil, false
	}
	switch v := a.(type) {
	case *array.Float64:
		return a, s.field.Type == TypeNumber && plainNumbers(s, a, v.Float64Values())
	case *array.Int64:
		return a, s.field.Type == TypeInteger && plainNumbers(s, a, v.Int64Values())
	case *array.Boolean:
		return a, s.field.Type == TypeBoolean
	case *array.Date32:
		return a, s.field.Type == TypeDate && len(s.moments) == 0 && plainMoments(a, v.Date32Values(), 24*60*60*1_000_000)
	case *array.Timestamp:
		return a, s.field.Type == TypeDatetime && v.DataType().(*arrow.TimestampType).Unit == arrow.Microsecond &&
			len(s.moments) == 0 && plainMoments(a, v.TimestampValues(), 1)
	case *array.Dictionary:
		if s.field.Type == TypeString {
			return s.wholeCodes(v)
		}
	case *array.String:
		if s.field.Type == TypeString {
			return s.wholeTexts(v)
		}
	}
	return nil, false
}

func plainNumbers[T float64 | int64](s *columnSpec, a arrow.Array, xs []T) bool {
	low, high := -math.MaxFloat64, math.MaxFloat64
	if lo := s.field.Constraints.Minimum; lo != nil {
		low = max(low, *lo)
	}
	if hi := s.field.Constraints.Maximum; hi != nil {
		high = min(high, *hi)
	}
	some := a.NullN() > 0
	for i, x := range xs {
		v := float64(x)
		if v >= low && v <= high && (v != 0 || !math.Signbit(v)) && (len(s.numbers) == 0 || !s.coded(v)) {
			continue
		}
		if !some || a.IsValid(i) {
			return false
		}
	}
	return true
}

// plainMoments reports that all dates, in units of so many microseconds, are within
// the years that a date may have.
func plainMoments[T arrow.Date32 | arrow.Timestamp](a arrow.Array, xs []T, unit int64) bool {
	low := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() / unit
	high := time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() / unit
	for i, x := range xs {
		if (int64(x) < low || int64(x) >= high) && a.IsValid(i) {
			return false
		}
	}
	return true
}

// wholeCodes gives the codes of a text column the levels that are listed, then its
// own in order of first appearance.
func (s *columnSpec) wholeCodes(d *array.Dictionary) (arrow.Array, bool) {
	from, ok := d.Dictionary().(*array.String)
	if !ok {
		return nil, false
	}
	levels := s.list(newTextsFor(s.seed, min(from.Len(), d.Len())+len(s.listed)))
	to := make([]int32, from.Len())
	for i := range to {
		to[i] = -1
	}
	codes := make([]int32, d.Len())
	some := d.NullN() > 0
	index := d.GetValueIndex
	if small, ok := d.Indices().(*array.Int32); ok {
		all := small.Int32Values()
		index = func(r int) int { return int(all[r]) }
	}
	for r := range codes {
		if some && d.IsNull(r) {
			continue
		}
		k := index(r)
		if to[k] < 0 {
			if to[k], ok = s.plainLevel(from.Value(k), levels); !ok {
				return nil, false
			}
		}
		codes[r] = to[k]
	}
	return codedArray(codes, d, levels), true
}

func (s *columnSpec) wholeTexts(a *array.String) (arrow.Array, bool) {
	levels := s.newLevels()
	codes := make([]int32, a.Len())
	some := a.NullN() > 0
	for r := range codes {
		if some && a.IsNull(r) {
			continue
		}
		var ok bool
		if codes[r], ok = s.plainLevel(a.Value(r), levels); !ok {
			return nil, false
		}
	}
	return codedArray(codes, a, levels), true
}

// plainLevel returns the code of a text that is no missing code and needs no
// cleaning.
func (s *columnSpec) plainLevel(text string, levels *texts) (int32, bool) {
	if code, _ := levels.find(text); code >= int32(len(s.listed)) {
		return code, true
	}
	if _, missing := s.missing[text]; missing {
		return 0, false
	}
	code, marked, bad := s.code(text, levels)
	return code, !marked && bad == nil
}

// codedArray makes a text column of codes, missing where a is.
func codedArray(codes []int32, a arrow.Array, levels *texts) arrow.Array {
	var valid *memory.Buffer
	if a.NullN() > 0 {
		mask := make([]byte, (len(codes)+7)/8)
		for r := range codes {
			if a.IsValid(r) {
				mask[r>>3] |= 1 << (r & 7)
			}
		}
		valid = memory.NewBufferBytes(mask)
	}
	data := array.NewData(arrow.PrimitiveTypes.Int32, len(codes), []*memory.Buffer{valid, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(codes))}, nil, a.NullN(), 0)
	return array.NewDictionaryArray(arrowType(TypeString), array.MakeFromData(data), levels.array())
}
