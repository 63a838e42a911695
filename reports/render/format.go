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
	notShown     = "{0} (not shown)"
)

// say writes a text of the page in the language of a tag.
func say(lang, english string, arguments ...any) string {
	return reports.In(lang).Text(english, arguments...)
}

// Cell writes a cell as readers see it: real minus signs, thousands separated,
// intervals as (a to b), "hidden" where the disclosure rules hide it and "not
// available" where there is no number.
func Cell(c reports.Cell) string {
	f := c.Format
	if c.Hidden != reports.Shown {
		return say(f.Lang, hiddenMark)
	}
	switch f.Kind {
	case reports.Blank:
		return ""
	case reports.Text:
		return c.Text
	case reports.CountOf:
		return Value(float64(c.Count), f)
	case reports.PValue:
		return pValue(c.Value, f.Lang)
	case reports.CountPercent:
		count := Value(float64(c.Count), reports.Format{Lang: f.Lang})
		if math.IsNaN(c.Value) {
			return count
		}
		return count + " (" + percent(c.Value, f.Decimals, f.Lang) + ")"
	}
	if math.IsNaN(c.Value) || math.IsInf(c.Value, 0) {
		return say(f.Lang, notAvailable)
	}
	s := Value(c.Value, f)
	switch {
	case f.Kind == reports.MeanSD:
		if math.IsNaN(c.SD) {
			return s + " (" + say(f.Lang, "SD not available") + ")"
		}
		return s + " (" + localNumber(c.SD, f.Decimals, f.Lang) + ")"
	case !math.IsNaN(c.Low) && !math.IsNaN(c.High) && (f.Kind == reports.Interval || f.Kind == reports.Percent):
		bounds := f
		bounds.Signed = false
		return s + " (" + Value(c.Low, bounds) + reports.In(f.Lang).To() + Value(c.High, bounds) + ")"
	case f.Kind == reports.Interval:
		return s + " (" + say(f.Lang, "interval not available") + ")"
	}
	return s
}

// Value writes one number in the given format: shares as percentages where the
// kind is Percent or CountPercent, with prefix, suffix and sign.
func Value(v float64, f reports.Format) string {
	if math.IsNaN(v) {
		return say(f.Lang, notAvailable)
	}
	if f.Kind == reports.Percent || f.Kind == reports.CountPercent {
		s := percent(v, f.Decimals, f.Lang)
		if f.Signed && v > 0 {
			s = "+" + s
		}
		return s
	}
	s, sign, in := number(v, f.Decimals), "", reports.In(f.Lang)
	switch {
	case strings.HasPrefix(s, minus):
		s, sign = strings.TrimPrefix(s, minus), minus
	case f.Signed && strings.ContainsAny(s, "123456789∞"):
		sign = "+"
	}
	return in.Money(sign, f.Prefix, in.Digits(s)) + f.Suffix
}

// localNumber is number as a language writes it.
func localNumber(v float64, decimals int, lang string) string {
	return reports.In(lang).Digits(number(v, decimals))
}

// pValue writes a p-value: three decimals under 0.1, two above, and never 0.
func pValue(p float64, lang string) string {
	in := reports.In(lang)
	switch {
	case math.IsNaN(p):
		return in.Text(notAvailable)
	case p < 0.001:
		return in.Digits("<0.001")
	case p > 0.99:
		return in.Digits(">0.99")
	case p < 0.1:
		return in.Digits(number(p, 3))
	}
	return in.Digits(number(p, 2))
}

// percent writes a share; a share that is neither none nor all is never written
// as 0% or 100%.
func percent(v float64, decimals int, lang string) string {
	unit, mark := math.Pow(10, -float64(decimals)), reports.In(lang).Percent()
	if v > 0 && v*100 < unit/2 {
		return "<" + localNumber(unit, decimals, lang) + mark
	}
	if v < 1 && v*100 > 100-unit/2 && v > 0 {
		return ">" + localNumber(100-unit, decimals, lang) + mark
	}
	return localNumber(v*100, decimals, lang) + mark
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
	for _, s := range spoken(w) {
		b.WriteString(s.text)
	}
	return b.String()
}

// spokenSpan is a piece of running text as it is read.
type spokenSpan struct{ text, lang string }

// spoken writes the spans of running text, each with the language it is in.
func spoken(w reports.Words) []spokenSpan {
	var out []spokenSpan
	before := reports.Cell{}
	for _, s := range w {
		text := s.Text
		one := before.Hidden == reports.Shown && before.Format.Kind == reports.CountOf && before.Count == 1
		in := reports.In(before.Format.Lang)
		if rest, ok := strings.CutPrefix(text, in.Text(" patients")); ok && one {
			text = in.Text(" patient") + rest // here and not where it is said: the noun would tell a hidden 1
		}
		if text != "" {
			out = append(out, spokenSpan{text, s.Lang})
		}
		if before = s.Cell; s.Cell.Hidden != reports.Shown {
			out = append(out, spokenSpan{text: "[" + Cell(s.Cell) + "]"}) // in a sentence the bare word reads as one of it
		} else {
			out = append(out, spokenSpan{text: Cell(s.Cell)})
		}
	}
	return out
}
