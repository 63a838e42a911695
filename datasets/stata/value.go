package stata

import (
	"fmt"
	"math"
	"strings"
	"time"

	"recoup/datasets"
)

// The first missing value, written "." in Stata, of each type; .a to .z follow.
// Those of numbers with a fraction are bit patterns that grow by a step.
const (
	missingByte       = 101
	missingInt        = 32_741
	missingLong       = 2_147_483_621
	missingFloat      = 0x7f000000
	missingFloatStep  = 0x800
	missingDouble     = 0x7fe0000000000000
	missingDoubleStep = 0x0000010000000000
)

// number reads a number, or which missing value stands in its place: '.' or 'a'
// to 'z'. It reports false for bits that Stata does not write.
func (s *source) number(k kind, raw []byte) (v float64, missing byte, ok bool) {
	var whole, first int64
	switch k {
	case byteNumber:
		whole, first = int64(int8(raw[0])), missingByte
	case intNumber:
		whole, first = int64(int16(s.order.Uint16(raw))), missingInt
	case longNumber:
		whole, first = int64(int32(s.order.Uint32(raw))), missingLong
	case floatNumber:
		bits := s.order.Uint32(raw)
		x := float64(math.Float32frombits(bits))
		if bits >= missingFloat && bits>>31 == 0 {
			step := bits - missingFloat
			return 0, missingLetter(int64(step / missingFloatStep)), step%missingFloatStep == 0 && step/missingFloatStep <= 26
		}
		return x, 0, !math.IsInf(x, 0) && !math.IsNaN(x)
	default:
		bits := s.order.Uint64(raw)
		x := math.Float64frombits(bits)
		if bits >= missingDouble && bits>>63 == 0 {
			step := bits - missingDouble
			return 0, missingLetter(int64(step / missingDoubleStep)), step%missingDoubleStep == 0 && step/missingDoubleStep <= 26
		}
		return x, 0, !math.IsInf(x, 0) && !math.IsNaN(x)
	}
	if whole >= first {
		return 0, missingLetter(whole - first), true
	}
	return float64(whole), 0, true
}

func missingLetter(step int64) byte {
	if step == 0 {
		return '.'
	}
	return byte('a' + step - 1)
}

// unit is what a variable's numbers count, as its display format says.
type unit int

const (
	number    unit = iota
	day            // %td: days since 1960
	clock          // %tc: milliseconds since 1960
	leapClock      // %tC: the same with leap seconds
	week           // %tw: 52 a year, the first begins with the year
	month
	quarter
	half
)

// unitOf reads a display format. Years (%ty) and business calendars (%tb) stay
// numbers.
func unitOf(format string) unit {
	f := strings.TrimPrefix(strings.TrimPrefix(format, "%"), "-")
	switch {
	case strings.HasPrefix(f, "d"), strings.HasPrefix(f, "td"):
		return day
	case strings.HasPrefix(f, "tc"):
		return clock
	case strings.HasPrefix(f, "tC"):
		return leapClock
	case strings.HasPrefix(f, "tw"):
		return week
	case strings.HasPrefix(f, "tm"):
		return month
	case strings.HasPrefix(f, "tq"):
		return quarter
	case strings.HasPrefix(f, "th"):
		return half
	}
	return number
}

// add writes a number of the unit as a cell: dates as dates, periods as 2010-03,
// 2010Q1, 2010H1 and, in Stata's own count of weeks, 2010w9. What is beyond the
// calendar stays a number, for the loader to refuse.
func (u unit) add(b *datasets.Batch, v float64) {
	const days = 86_400_000.0
	switch u {
	case number:
	case day:
		if t, ok := stamp(math.Floor(v) * days); ok {
			b.Time(t, false)
			return
		}
	case clock, leapClock:
		if u == leapClock {
			v = withoutLeaps(v)
		}
		if t, ok := stamp(v); ok {
			b.Time(t, true)
			return
		}
	default:
		if t, ok := u.period(math.Floor(v)); ok {
			b.Text(t)
			return
		}
	}
	b.Number(v)
}

// stamp returns the moment so many milliseconds after 1960 began.
func stamp(ms float64) (time.Time, bool) {
	const epoch = 315_619_200 // seconds from 1960 to 1970
	if !(math.Abs(ms) < 1e15) {
		return time.Time{}, false
	}
	t := time.UnixMicro(int64(math.Round(ms*1000)) - epoch*1_000_000).UTC()
	return t, t.Year() >= 1 && t.Year() <= 9999
}

func (u unit) period(v float64) (string, bool) {
	if !(math.Abs(v) < 100_000) {
		return "", false
	}
	each := map[unit]int{week: 52, month: 12, quarter: 4, half: 2}[u]
	n := int(v) + 1960*each
	year, part := n/each, n%each+1
	if n < each || year > 9999 {
		return "", false
	}
	layout := map[unit]string{week: "%04dw%d", month: "%04d-%02d", quarter: "%04dQ%d", half: "%04dH%d"}[u]
	return fmt.Sprintf(layout, year, part), true
}

// leaps are the days, from midnight, that a leap second came before.
var leaps = leapDays("1972-07 1973-01 1974-01 1975-01 1976-01 1977-01 1978-01 1979-01 1980-01 " +
	"1981-07 1982-07 1983-07 1985-07 1988-01 1990-01 1991-01 1992-07 1993-07 1994-07 1996-01 " +
	"1997-07 1999-01 2006-01 2009-01 2012-07 2015-07 2017-01")

func leapDays(list string) []float64 {
	var out []float64
	for _, m := range strings.Fields(list) {
		var y, mo int
		_, _ = fmt.Sscanf(m, "%d-%d", &y, &mo)
		since := time.Date(y, time.Month(mo), 1, 0, 0, 0, 0, time.UTC).Unix() - time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		out = append(out, float64(since)*1000)
	}
	return out
}

// withoutLeaps takes the leap seconds out of a count of milliseconds; the leap
// second itself is given as the second that follows it.
func withoutLeaps(v float64) float64 {
	past := 0.0
	for _, day := range leaps {
		if v < day+past+1000 {
			break
		}
		past += 1000
	}
	return v - past
}
