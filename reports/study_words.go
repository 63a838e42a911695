package reports

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// What analyses say in words (warnings, exclusions, target trials) holds counts of
// patients in running text. Here they are found, so that a study report can carry them
// as cells that the disclosure gate judges, or without digits where there is no cell.

// numeral is a whole number of a text, with "of" another one and a percentage in
// parentheses soon after.
var (
	numeral = regexp.MustCompile(`\d+(?:,\d{3})*`)
	ofWhole = regexp.MustCompile(`^ of (?:the )?(\d+(?:,\d{3})*)`)
	longer  = regexp.MustCompile(`^[\w./:-]*`)
	inShare = regexp.MustCompile(`^([^\d(]{0,40}?) ?\(\d+(?:\.\d+)? ?%\)`)

	// What follows or goes before a number that counts no patients.
	unitAfter = regexp.MustCompile(`^(?: ?[/×*=^+]| - | ?(?:%|percent|imputation|draw|sample|standard dev|day|week|month|year|visit|covariate|column|times\b|knot|quarter|replicate|point|decimal|quantile|hour|level|parameter|step|iteration|degree|MME|table|fold|less the ))`)
	nameGoes  = regexp.MustCompile(`(?i)(?:week|day|days|month|year|quarter|visit|seed|version|level|threshold|[<>=≥≤]) ?$`)
)

// countedPiece is a piece of a text: words, or a count, of a whole where there is one.
type countedPiece struct {
	text      string
	count, of int // of is 0 where there is no whole; count is -1 for words
}

// pieces takes a text apart at the counts that may be of patients: whole numbers that
// are no part of a name, of a longer number, a range, an identifier or a time. names
// are words of the cohort and the plan in which digits count nothing.
func pieces(text string, names []string) []countedPiece {
	var out []countedPiece
	words := func(s string) {
		if n := len(out); n > 0 && out[n-1].count < 0 {
			out[n-1].text += s
		} else if s != "" {
			out = append(out, countedPiece{text: s, count: -1})
		}
	}
	for text != "" {
		at := numeral.FindStringIndex(text)
		if at == nil {
			words(text)
			break
		}
		if name, from := nameAround(text, at[0], names); name != "" {
			words(text[:from+len(name)])
			text = text[from+len(name):]
			continue
		}
		before, digits, after := text[:at[0]], text[at[0]:at[1]], text[at[1]:]
		n, err := strconv.Atoi(strings.ReplaceAll(digits, ",", ""))
		whole := ofWhole.FindStringSubmatch(after)
		if err != nil || joined(before, after) || isYear(digits) || whole == nil && (unitAfter.MatchString(after) || nameGoes.MatchString(before)) {
			words(before + digits)
			text = after
			// The rest of a decimal number, an identifier or a date counts nothing either.
			if joined("", after) {
				rest := longer.FindString(after)
				words(rest)
				text = after[len(rest):]
			}
			continue
		}
		words(before)
		p := countedPiece{count: n}
		text = after
		if whole != nil {
			if of, err := strconv.Atoi(strings.ReplaceAll(whole[1], ",", "")); err == nil && of >= n {
				p.of, text = of, after[len(whole[0]):]
				if share := inShare.FindStringSubmatch(text); share != nil { // the percentage tells the count
					text = share[1] + text[len(share[0]):]
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// isYear tells whether digits are those of a year, as in a citation.
func isYear(digits string) bool {
	return len(digits) == 4 && (strings.HasPrefix(digits, "19") || strings.HasPrefix(digits, "20"))
}

// joined tells whether a number is part of something longer: a decimal, a range, an
// identifier, a ratio.
func joined(before, after string) bool {
	glued := func(c byte) bool {
		return c == '_' || c == '/' || c == '-' || c == ':' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
	}
	if n := len(before); n > 0 && (glued(before[n-1]) || before[n-1] == '.' && n > 1 && before[n-2] >= '0' && before[n-2] <= '9') {
		return true
	}
	if after == "" {
		return false
	}
	if after[0] == '.' {
		return len(after) > 1 && after[1] >= '0' && after[1] <= '9'
	}
	if after[0] == ':' || after[0] == ',' { // a ratio, not the end of a clause
		return len(after) > 1 && after[1] >= '0' && after[1] <= '9'
	}
	return glued(after[0])
}

// nameAround finds a name in a text that covers a position.
func nameAround(text string, at int, names []string) (name string, from int) {
	for _, name := range names {
		for from := max(0, at-len(name)+1); from <= at; from++ {
			if strings.HasPrefix(text[from:], name) {
				return name, from
			}
		}
	}
	return "", 0
}

// countedWords is a text with its counts of patients as cells.
func countedWords(text string, names []string) Words {
	var w Words
	for _, p := range pieces(text, names) {
		switch {
		case p.count < 0:
			w = w.And(p.text)
		case p.of > 0:
			w = w.With(Fraction(p.count, p.of))
		default:
			w = w.With(Count(p.count))
		}
	}
	return w
}

// coarse is a text in which counts of patients under fewest, or that leave fewer of
// their whole, are told by a word: for places that hold no cells.
func coarse(text string, names []string, fewest int) string {
	small := func(n int) bool { return n > 0 && n < fewest }
	var b strings.Builder
	for _, p := range pieces(text, names) {
		switch {
		case p.count < 0:
			b.WriteString(p.text)
		case p.of > 0 && (small(p.count) || small(p.of-p.count) || small(p.of)):
			b.WriteString("some")
		case p.of > 0:
			fmt.Fprintf(&b, "%d of %d", p.count, p.of)
		case small(p.count):
			b.WriteString("few")
		default:
			b.WriteString(strconv.Itoa(p.count))
		}
	}
	return b.String()
}
