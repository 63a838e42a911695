package sas

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"recoup/datasets"
)

// missingOf returns the special missing value that stands in place of a number:
// '.', '_' or 'A' to 'Z' in the first byte, and nothing after it.
func missingOf(raw []byte) (byte, bool) {
	for _, c := range raw[1:] {
		if c != 0 {
			return 0, false
		}
	}
	c := raw[0]
	return c, c == '.' || c == '_' || c >= 'A' && c <= 'Z'
}

// ibm reads a number as IBM mainframes write it, of which the last bytes may be
// left out: a sign, seven bits of exponent e and a fraction f of 56 bits,
//
//	v = ±f · 16^(e−64),  0 ≤ f < 1.
//
// The fraction is rounded to the 53 bits of a float64.
func ibm(raw []byte) float64 {
	var b [8]byte
	copy(b[:], raw)
	bits := binary.BigEndian.Uint64(b[:])
	v := math.Ldexp(float64(bits&(1<<56-1)), 4*(int(bits>>56&0x7f)-64)-56)
	if bits>>63 == 1 {
		return -v
	}
	return v
}

// unit is what a variable's numbers count, as its format says.
type unit int

const (
	plain   unit = iota
	seconds      // a time of day
	day          // days since 1960
	clock        // seconds since 1960
	month        // days since 1960, shown as a month
	quarter      // days since 1960, shown as a quarter
)

// families are the beginnings of the names of formats, the longer of two that
// begin alike first.
var families = []struct {
	unit  unit
	names string
}{
	{clock, "DATETIME DATEAMPM E8601DT E8601DZ E8601DN E8601LX E8601DX B8601DT B8601DZ B8601DN B8601LX B8601DX IS8601DT IS8601DN IS8601DZ MDYAMPM NLDATM DTDATE DTMONYY DTWKDATX DTYEAR DTYYQC"},
	{seconds, "TIME TIMEAMPM E8601TM E8601TZ E8601LZ B8601TM B8601TZ B8601LZ IS8601TM IS8601TZ IS8601LZ HHMM HOUR MMSS TOD NLTIM"},
	{month, "MONYY YYMON MMYY YYMM"},
	{quarter, "YYQ"},
	{day, "DATE DAY DDMMYY MMDDYY YYMMDD E8601DA B8601DA IS8601DA JULIAN JULDAY WEEKDATE WEEKDATX WEEKDAY WORDDATE WORDDATX DOWNAME MONTH MONNAME YEAR QTR NLDATE EURDFDD EURDFDE EURDFDN EURDFDT EURDFDWN EURDFMN EURDFMY EURDFWDX EURDFWKX MINGUO NENGO PDJULG PDJULI"},
}

// unitOf reads the name of a format, which may end in a width.
func unitOf(format string) unit {
	name := strings.TrimRight(strings.ToUpper(strings.TrimSpace(format)), "0123456789.")
	if name == "" || strings.HasPrefix(name, "$") {
		return plain
	}
	for _, f := range families {
		for n := range strings.FieldsSeq(f.names) {
			if name == n || takesSeparator(n) && len(name) == len(n)+1 && strings.HasPrefix(name, n) && strings.ContainsAny(name[len(n):], "BCDNPS") {
				return f.unit
			}
		}
	}
	if strings.HasPrefix(name, "YYQR") {
		return quarter
	}
	return plain
}

// takesSeparator tells the formats whose name may end in a letter for what stands
// between day, month and year.
func takesSeparator(name string) bool {
	switch name {
	case "DDMMYY", "MMDDYY", "YYMMDD", "MMYY", "YYMM", "YYQ":
		return true
	}
	return false
}

// add writes a number as a cell: dates as dates, months as 2010-03 and quarters
// as 2010Q1. What is beyond the calendar stays a number, for the loader to refuse.
func (v variable) add(b *datasets.Batch, raw []byte) {
	if code, ok := missingOf(raw); ok {
		if code == '.' {
			b.Missing("")
		} else {
			b.Missing("." + string(rune(code)))
		}
		return
	}
	x := ibm(raw)
	perUnit := 1.0
	switch v.unit {
	case plain, seconds:
		b.Number(x)
		return
	case clock:
	default:
		x, perUnit = math.Floor(x), 86_400
	}
	const epoch = 315_619_200 // seconds from 1960 to 1970
	if !(math.Abs(x*perUnit) < 1e12) {
		b.Number(x)
		return
	}
	t := time.UnixMicro(int64(math.Round(x*perUnit*1e6)) - epoch*1_000_000).UTC()
	switch {
	case t.Year() < 1 || t.Year() > 9999:
		b.Number(x)
	case v.unit == day:
		b.Time(t, false)
	case v.unit == clock:
		b.Time(t, true)
	case v.unit == month:
		b.Text(t.Format("2006-01"))
	default:
		b.Text(fmt.Sprintf("%04dQ%d", t.Year(), (int(t.Month())+2)/3))
	}
}
