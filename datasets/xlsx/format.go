package xlsx

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// numberFormat is what a cell's number format says its number is.
type numberFormat struct {
	date, clock, elapsed bool // a date, a time of day, a length of time
	zeros                int  // digits that are padded to: 000 shows 7 as 007
}

// builtin returns the formats that have a number and no code. Those of 27 to 36
// and 50 to 58 are dates in the East Asian editions.
func builtin(id int) numberFormat {
	switch {
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return numberFormat{date: true}
	case id == 22:
		return numberFormat{date: true, clock: true}
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47, id == 55, id == 56:
		return numberFormat{clock: true}
	case id == 46:
		return numberFormat{elapsed: true}
	}
	return numberFormat{}
}

// parseFormat reads a format code such as yyyy-mm-dd;@ or [h]:mm. Its first
// section, that of positive numbers, decides.
func parseFormat(code string) numberFormat {
	letters, elapsed := formatLetters(code)
	f := numberFormat{elapsed: elapsed}
	if strings.Contains(letters, "general") {
		return f
	}
	if n := len(letters); n > 1 && strings.Trim(letters, "0") == "" {
		f.zeros = n
	}
	numeric := strings.ContainsAny(letters, "0#?")
	f.clock = strings.ContainsAny(letters, "hs")
	f.date = strings.ContainsAny(letters, "yd") || strings.Contains(letters, "m") && !f.clock && !f.elapsed
	if numeric && !f.clock { // 0.00E+00, or a unit: 0 d
		f.date = false
	}
	if f.date {
		f.elapsed = false
	} else if f.elapsed {
		f.clock = false
	}
	return f
}

// formatLetters returns the first section of a format code in lower case without
// texts, escapes and bracketed words, and whether a bracket holds hours, minutes
// or seconds that go on past a day.
func formatLetters(code string) (string, bool) {
	var b strings.Builder
	elapsed := false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case ';':
			return strings.ToLower(b.String()), elapsed
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return strings.ToLower(b.String()), elapsed
			}
			i += end + 1
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return strings.ToLower(b.String()), elapsed
			}
			word := strings.ToLower(code[i+1 : i+end])
			if word != "" && (strings.Trim(word, "h") == "" || strings.Trim(word, "m") == "" || strings.Trim(word, "s") == "") {
				elapsed = true
			}
			i += end
		default:
			b.WriteByte(c)
		}
	}
	return strings.ToLower(b.String()), elapsed
}

var errSerial = errors.New("expected a number that stands for a date")

// maxSerial is 31 December 9999 in the 1900 system, the last day that a
// spreadsheet knows.
const maxSerial = 2_958_465

// dateOf turns a serial number into a time, to the millisecond, which is what a
// spreadsheet itself keeps of it.
//
// In the 1900 system day 1 is 1 January 1900, and day 60 is 29 February 1900,
// which never was: days before it count from 31 December 1899, days after it
// from 30 December. In the 1904 system day 0 is 1 January 1904.
func dateOf(serial float64, from1904 bool) (time.Time, error) {
	day, part := math.Modf(serial)
	first := 1.0
	start := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case from1904:
		first, start = 0, time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case day == 60:
		return time.Time{}, errors.New("expected a date; 29 February 1900, which spreadsheets count, never was")
	case day < 60:
		start = start.AddDate(0, 0, 1)
	}
	if math.IsNaN(serial) || serial < first || day > maxSerial {
		return time.Time{}, errSerial
	}
	ms := math.Round(part * 86_400_000)
	return start.AddDate(0, 0, int(day)).Add(time.Duration(ms) * time.Millisecond), nil
}

// clockText writes a part of a day as a time of day.
func clockText(serial float64) string {
	ms := math.Round(serial * 86_400_000)
	return time.Time{}.Add(time.Duration(ms) * time.Millisecond).Format("15:04:05.999")
}

// numberText writes a number with the digits that read back to it; whole numbers
// without an exponent.
func numberText(v float64) string {
	if a := math.Abs(v); v == 0 || a >= 1e-5 && a < 1e21 {
		return strconv.FormatFloat(v+0, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
