package disclosure

import (
	"regexp"
	"strconv"
	"strings"
)

// countInText finds counts of patients in plain words, those of the languages that reports
// have: "n = 3", "3 patients", "3 Patienten".
var countInText = regexp.MustCompile(`(?i)(\bn\s*=\s*)(\d+)\b|\b(\d+)(\s+(?:of\s+[\d,]+\s+)?(?:patients?|people|persons?|participants?|women|men|completers?|cases|rows|deaths?|patient(?:en|innen)|person(?:en)?|personen|teilnehmer(?:n|innen)?|frauen|m[aä]nner|f[aä]llen?|zeilen|todesf[aä]llen?)\b)`)

// text replaces small counts of patients in plain words by "few". Limits
// ("fewer than 10 patients") are no counts and stay.
func (g *gate) text(s, where string) string {
	if !strings.ContainsAny(s, "0123456789") {
		return s
	}
	var b strings.Builder
	from := 0
	for _, m := range countInText.FindAllStringSubmatchIndex(s, -1) {
		lo, hi := m[4], m[5]
		if lo < 0 {
			lo, hi = m[6], m[7]
		}
		n, err := strconv.Atoi(s[lo:hi])
		if err != nil || !g.policy.small(n) || isLimit(s[:lo]) || goesOn(s[hi:]) {
			continue
		}
		b.WriteString(s[from:lo])
		b.WriteString("few")
		from = hi
		g.note(CodeText, where)
	}
	b.WriteString(s[from:])
	return b.String()
}

// goesOn tells whether a number goes on after its digits, as 2,669 does.
func goesOn(after string) bool {
	return len(after) > 1 && (after[0] == ',' || after[0] == '.') && after[1] >= '0' && after[1] <= '9'
}

// isLimit tells whether the words before a number make it a limit, or part of a
// longer number.
func isLimit(before string) bool {
	before = strings.ToLower(strings.TrimRight(before, " "))
	for _, w := range []string{"than", "least", "most", "under", "over", "to", "every", "per", "als", "mindestens", "höchstens", "unter", "über", "bis", "je", "≥", "≤", "<", ">", ",", ".", "/", "-", "–"} {
		if strings.HasSuffix(before, w) {
			return true
		}
	}
	return false
}

// CountsInText returns the counts of patients that a text says in words.
func CountsInText(s string) []int {
	var out []int
	for _, m := range countInText.FindAllStringSubmatchIndex(s, -1) {
		lo, hi := m[4], m[5]
		if lo < 0 {
			lo, hi = m[6], m[7]
		}
		if n, err := strconv.Atoi(s[lo:hi]); err == nil && !isLimit(s[:lo]) && !goesOn(s[hi:]) {
			out = append(out, n)
		}
	}
	return out
}
