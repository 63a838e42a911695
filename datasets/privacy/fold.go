package privacy

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// fold writes a text as its plainest equal: compatibility forms (full-width
// digits, ligatures) and digits of all scripts as ASCII, every dash as -, every
// blank as a blank, invisible marks taken out. ASCII costs nothing.
func fold(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] < ' ' {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.TrimSpace(s)
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case r == '−' || unicode.Is(unicode.Pd, r):
			return '-'
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsDigit(r):
			return digit(r)
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, norm.NFKC.String(s))
	return strings.TrimSpace(s)
}

// digit returns a decimal digit of any script as ASCII: the digits of a script
// stand in tens from its zero.
func digit(r rune) rune {
	if r < utf8.RuneSelf {
		return r
	}
	zero := r
	for n := 0; n < 9 && unicode.IsDigit(zero-1); n++ {
		zero--
	}
	return '0' + r - zero
}

// plain takes the accents off letters and makes them small, for look-ups: Núñez
// is nunez.
func plain(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if !ascii {
		s = strings.Map(func(r rune) rune {
			switch {
			case unicode.Is(unicode.Mn, r):
				return -1
			case r == 'ø' || r == 'Ø':
				return 'o'
			case r == 'ł' || r == 'Ł':
				return 'l'
			}
			return r
		}, norm.NFD.String(s))
		s = strings.ReplaceAll(s, "ß", "ss")
	}
	return strings.ToLower(s)
}

// decoded returns the readable texts that a text may be the encoding of.
func decoded(s string, sh shape) []string {
	var out []string
	add := func(t string, err error) {
		if err == nil && t != s && readable(t) {
			out = append(out, t)
		}
	}
	if sh.has(percent) {
		add(url.QueryUnescape(s))
	}
	if sh.has(ampersand) {
		add(html.UnescapeString(s), nil)
	}
	if len(s) >= 12 && !sh.has(blank) {
		if len(s)%2 == 0 && isHex(s) {
			b, err := hex.DecodeString(s)
			add(string(b), err)
		}
		bare := strings.TrimRight(s, "=")
		b, err := base64.RawStdEncoding.DecodeString(bare)
		if err != nil {
			b, err = base64.RawURLEncoding.DecodeString(bare)
		}
		add(string(b), err)
	}
	return out
}

// readable reports a text of at least six characters that are all to be read.
func readable(s string) bool {
	if len(s) < 6 || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return false
		}
	}
	return true
}

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return s != ""
}

// shape is what kinds of characters a text has: most detectors need some that most
// cells lack, so that nearly all are passed over by one comparison.
type shape struct {
	marks   marks
	digits  int
	letters int
	length  int
}

type marks uint32

const (
	at marks = 1 << iota
	slash
	colon
	dash
	dot
	blank
	comma
	caret
	letter
	capital
	percent
	ampersand
	plus
	paren
	foreign // letters beyond ASCII
	separator
)

func (s shape) has(m marks) bool { return s.marks&m == m }

func shapeOf(s string) shape {
	sh := shape{length: len(s)}
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			sh.digits++
			continue
		case r >= 'a' && r <= 'z':
			sh.marks |= letter
			sh.letters++
			continue
		case r >= 'A' && r <= 'Z':
			sh.marks |= letter | capital
			sh.letters++
			continue
		case r >= utf8.RuneSelf:
			sh.marks |= foreign
			if unicode.IsLetter(r) {
				sh.marks |= letter
				sh.letters++
				if unicode.IsUpper(r) {
					sh.marks |= capital
				}
			}
			continue
		}
		switch r {
		case '@':
			sh.marks |= at
		case '/':
			sh.marks |= slash | separator
		case ':':
			sh.marks |= colon
		case '-':
			sh.marks |= dash | separator
		case '.':
			sh.marks |= dot | separator
		case ' ':
			sh.marks |= blank | separator
		case ',':
			sh.marks |= comma
		case '^':
			sh.marks |= caret
		case '%':
			sh.marks |= percent
		case '&':
			sh.marks |= ampersand
		case '+':
			sh.marks |= plus
		case '(':
			sh.marks |= paren
		}
	}
	return sh
}
