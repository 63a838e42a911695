package datasets

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	errNotNumber  = errors.New("expected a number")
	errNotInteger = errors.New("expected a whole number")
	errNotBoolean = errors.New("expected true or false")
)

// parseNumber reads a decimal number as written in data files: an optional sign
// (the real minus sign too), digits, a decimal mark, an exponent. Words such as
// NaN and Inf, hexadecimal and underscores are not numbers here: they are
// missing codes or mistakes, and the dictionary must say which.
func parseNumber(s, decimal, group string) (float64, error) {
	s = strings.TrimSpace(s)
	s = strings.Replace(s, "\u2212", "-", 1)
	if group != "" {
		var ok bool
		if s, ok = ungroup(s, decimal, group); !ok {
			return 0, errNotNumber
		}
	}
	if decimal == "," {
		if strings.Contains(s, ".") {
			return 0, errNotNumber
		}
		s = strings.Replace(s, ",", ".", 1)
	}
	digits := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits = true
		case c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E':
		default:
			return 0, errNotNumber
		}
	}
	if !digits {
		return 0, errNotNumber
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, errNotNumber
	}
	return v + 0, nil // -0 becomes 0
}

// ungroup takes the marks between thousands out, if they stand where thousands
// do: 1,234,567 but not 12,34.
func ungroup(s, decimal, group string) (string, bool) {
	whole, rest := s, ""
	if i := strings.Index(s, cmpOr(decimal, ".")); i >= 0 {
		whole, rest = s[:i], s[i:]
	}
	parts := strings.Split(whole, group)
	for i, p := range parts {
		if i > 0 && len(p) != 3 {
			return s, false
		}
	}
	if len(parts) > 1 && len(strings.TrimLeft(parts[0], "+-")) > 3 {
		return s, false
	}
	return strings.Join(parts, "") + rest, true
}

func parseInteger(s, decimal, group string) (int64, error) {
	v, err := parseNumber(s, decimal, group)
	if err != nil {
		return 0, errNotInteger
	}
	if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
		return 0, errNotInteger
	}
	return int64(v), nil
}

func parseBoolean(s string, yes, no []string) (bool, error) {
	if len(yes) == 0 {
		yes = []string{"true", "True", "TRUE", "1"}
	}
	if len(no) == 0 {
		no = []string{"false", "False", "FALSE", "0"}
	}
	s = strings.TrimSpace(s)
	for _, y := range yes {
		if s == y {
			return true, nil
		}
	}
	for _, n := range no {
		if s == n {
			return false, nil
		}
	}
	return false, errNotBoolean
}

// goLayout turns a strptime format into Go's layout. Two-digit years are
// refused: 03/04/21 cannot be read for certain.
func goLayout(format string, t Type) (string, error) {
	switch {
	case (format == "" || format == "default") && t == TypeDate:
		return "2006-01-02", nil
	case format == "" || format == "default":
		return "2006-01-02T15:04:05", nil
	}
	marks := map[byte]string{'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'b': "Jan", 'B': "January"}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		i++
		if i == len(format) {
			return "", errors.New("expected a letter after % in the date format")
		}
		m, ok := marks[format[i]]
		if !ok {
			return "", fmt.Errorf("expected a date format of %%Y %%m %%d %%H %%M %%S %%b %%B; %%%c is not among them (two-digit years cannot be read for certain)", format[i])
		}
		b.WriteString(m)
	}
	return b.String(), nil
}

func parseDate(s, layout string) (time.Time, error) {
	t, err := time.ParseInLocation(layout, strings.TrimSpace(s), time.UTC)
	if err != nil || t.Year() < 1850 || t.Year() > 2200 {
		return time.Time{}, errors.New("expected a date")
	}
	return t, nil
}

var durationPattern = regexp.MustCompile(`^P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?)?$`)

// parseDuration reads an ISO 8601 duration of weeks, days, hours and minutes as
// days; months and years are not of one length and are refused.
func parseDuration(s string) (float64, error) {
	m := durationPattern.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil || len(s) < 3 {
		return 0, errors.New("expected a duration such as P10D, P2W or PT36H")
	}
	days := 0.0
	for i, length := range []float64{7, 1, 1.0 / 24, 1.0 / 1440} {
		if m[i+1] != "" {
			v, err := strconv.ParseFloat(m[i+1], 64)
			if err != nil {
				return 0, errNotNumber
			}
			days += v * length
		}
	}
	return days, nil
}

func compilePattern(p string) (*regexp.Regexp, error) { return regexp.Compile("^(?:" + p + ")$") }
