package privacy

import (
	_ "embed"
	"strings"
	"unicode"
)

//go:embed names.txt
var nameList string

// nameKind says what a word is among names.
type nameKind uint8

const (
	given nameKind = 1 << iota
	family
	everyday // an everyday or clinical word too
)

// readNames reads the list of common names. A detector that is given it costs one
// look-up a word.
func readNames() map[string]nameKind {
	names := make(map[string]nameKind, 2500)
	kind := given
	for _, line := range strings.Split(nameList, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			continue
		case line == "[family]":
			kind = family
			continue
		}
		for _, w := range strings.Fields(strings.TrimPrefix(line, "[given]")) {
			if bare, ok := strings.CutPrefix(w, "~"); ok {
				names[bare] |= kind | everyday
			} else {
				names[w] |= kind
			}
		}
	}
	return names
}

// word is one word of a text and how it is written.
type word struct {
	text     string // folded, without marks
	capital  bool   // begins with a capital letter
	initial  bool   // one letter
	adjacent bool   // only a blank, a comma or a mark of an identifier lies before it
}

// words cuts a text into words of letters. An apostrophe or hyphen inside a word
// belongs to it (O'Brien, Garcia-Lopez counts as its two halves). A change from
// small to capital letters begins a word, as in column names.
func words(s string) []word {
	var out []word
	var b strings.Builder
	capital, near := false, true
	lower, last := false, ' '
	end := func() {
		if b.Len() > 0 {
			out = append(out, word{text: plain(b.String()), capital: capital, initial: b.Len() == 1, adjacent: near})
			b.Reset()
			near = true
		}
		lower = false
	}
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			if unicode.IsUpper(r) && lower {
				end()
			}
			if b.Len() == 0 {
				capital = unicode.IsUpper(r)
			}
			lower = unicode.IsLower(r)
			b.WriteRune(r)
		case (r == '\'' || r == '’') && b.Len() > 0:
		case unicode.Is(unicode.Mn, r):
		default:
			end()
			n := len(out)
			switch {
			case r == ' ' && last == '.' && n > 0 && !out[n-1].initial:
				near = false // a sentence ends
			case strings.ContainsRune(" ,_-.^", r):
			default:
				near = false
			}
		}
		last = r
	}
	end()
	return out
}

// named reports whether two neighbouring words are a given and a family name, in
// either order, and not both everyday words; in small letters neither may be one.
func (d *Detectors) named(ws []word, needCapital bool) bool {
	for i := range ws {
		if ws[i].initial {
			continue
		}
		j := i + 1
		if j < len(ws) && ws[j].initial && ws[j].adjacent { // John Q Smith
			j++
		}
		if j >= len(ws) || !ws[j].adjacent || ws[j].initial {
			continue
		}
		if needCapital && !(ws[i].capital && ws[j].capital) {
			continue
		}
		a, b := d.names[ws[i].text], d.names[ws[j].text]
		both := a&given != 0 && b&family != 0 || a&family != 0 && b&given != 0
		ordinary := a & b & everyday
		if !ws[i].capital || !ws[j].capital {
			ordinary = (a | b) & everyday
		}
		if both && ordinary == 0 && ws[i].text != ws[j].text {
			return true
		}
	}
	return false
}
