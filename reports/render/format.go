package render

import (
	"math"
	"strconv"
	"strings"

	"recoup/reports"
)

const (
	minus        = "\u2212"
	hiddenMark   = "hidden"
	notAvailable = "not available"
	notShown     = " (not shown)"
)

// Cell writes a cell as readers see it: real minus signs, thousands separated,
// intervals as (a to b), "hidden" where the disclosure rules hide it and "not
// available" where there is no number.
func Cell(c reports.Cell) string {
	if c.Hidden != reports.Shown {
		return hiddenMark
	}
	f := c.Format
	switch f.Kind {
	case reports.Blank:
		return ""
	case reports.Text:
		return c.Text
	case reports.CountOf:
		return Value(float64(c.Count), f)
	case reports.PValue:
		return PValue(c.Value)
	case reports.CountPercent:
		count := Value(float64(c.Count), reports.Format{})
		if math.IsNaN(c.Value) {
			return count
		}
		return count + " (" + percent(c.Value, f.Decimals) + ")"
	}
	if math.IsNaN(c.Value) || math.IsInf(c.Value, 0) {
		return notAvailable
	}
	s := Value(c.Value, f)
	switch {
	case f.Kind == reports.MeanSD:
		if math.IsNaN(c.SD) {
			return s + " (SD " + notAvailable + ")"
		}
		return s + " (" + number(c.SD, f.Decimals) + ")"
	case !math.IsNaN(c.Low) && !math.IsNaN(c.High) && (f.Kind == reports.Interval || f.Kind == reports.Percent):
		bounds := f
		bounds.Signed = false
		return s + " (" + Value(c.Low, bounds) + " to " + Value(c.High, bounds) + ")"
	case f.Kind == reports.Interval:
		return s + " (interval " + notAvailable + ")"
	}
	return s
}

// Value writes one number in the given format: shares as percentages where the
// kind is Percent or CountPercent, with prefix, suffix and sign.
func Value(v float64, f reports.Format) string {
	if math.IsNaN(v) {
		return notAvailable
	}
	if f.Kind == reports.Percent || f.Kind == reports.CountPercent {
		s := percent(v, f.Decimals)
		if f.Signed && v > 0 {
			s = "+" + s
		}
		return s
	}
	s := number(v, f.Decimals)
	switch {
	case strings.HasPrefix(s, minus):
		return minus + f.Prefix + strings.TrimPrefix(s, minus) + f.Suffix
	case f.Signed && strings.ContainsAny(s, "123456789∞"):
		return "+" + f.Prefix + s + f.Suffix
	}
	return f.Prefix + s + f.Suffix
}

// PValue writes a p-value: three decimals under 0.1, two above, and never 0.
func PValue(p float64) string {
	switch {
	case math.IsNaN(p):
		return notAvailable
	case p < 0.001:
		return "<0.001"
	case p > 0.99:
		return ">0.99"
	case p < 0.1:
		return number(p, 3)
	}
	return number(p, 2)
}

// percent writes a share; a share that is neither none nor all is never written
// as 0% or 100%.
func percent(v float64, decimals int) string {
	unit := math.Pow(10, -float64(decimals))
	if v > 0 && v*100 < unit/2 {
		return "<" + number(unit, decimals) + "%"
	}
	if v < 1 && v*100 > 100-unit/2 && v > 0 {
		return ">" + number(100-unit, decimals) + "%"
	}
	return number(v*100, decimals) + "%"
}

// number writes v with thousands separated, a real minus sign and no minus
// before zero.
func number(v float64, decimals int) string {
	if math.IsInf(v, 0) {
		if v < 0 {
			return minus + "∞"
		}
		return "∞"
	}
	if math.Abs(v) >= 1e15 {
		return strings.Replace(strconv.FormatFloat(v, 'e', 2, 64), "-", minus, 1)
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', max(decimals, 0), 64)
	whole, fraction, hasFraction := strings.Cut(s, ".")
	var b strings.Builder
	if v < 0 && strings.ContainsAny(s, "123456789") {
		b.WriteString(minus)
	}
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if hasFraction {
		b.WriteByte('.')
		b.WriteString(fraction)
	}
	return b.String()
}

// words writes running text with its numbers.
func words(w reports.Words) string {
	var b strings.Builder
	one := false // a count of 1 was just written
	for _, s := range w {
		text := s.Text
		if rest, ok := strings.CutPrefix(text, " patients"); ok && one {
			text = " patient" + rest // here and not where it is said: the noun would tell a hidden 1
		}
		b.WriteString(text)
		one = s.Cell.Hidden == reports.Shown && s.Cell.Format.Kind == reports.CountOf && s.Cell.Count == 1
		if s.Cell.Hidden != reports.Shown {
			b.WriteString("[" + hiddenMark + "]") // in a sentence the bare word reads as one of it
		} else {
			b.WriteString(Cell(s.Cell))
		}
	}
	return b.String()
}
