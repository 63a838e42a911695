package privacy

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// detector finds one kind of identifier in a text. Most texts lack the characters
// it needs, and are passed over by one comparison.
type detector struct {
	kind     string
	class    Class
	severity Severity
	needs    marks
	digits   int      // fewest digits
	letters  int      // fewest letters
	length   int      // fewest bytes
	needles  []string // of which a text must contain one
	share    float64  // of a column's levels that must be found; 0: one is enough
	least    int      // fewest levels that must be found
	// own reports a detector that only means something in a cell of its own, not
	// in what is decoded or stands beside the cells.
	own  bool
	find func(d *Detectors, s string) bool
}

// Detectors are what texts are looked at with.
type Detectors struct {
	names map[string]nameKind
	list  []detector
}

// NewDetectors returns the detectors. They are not changed by use.
func NewDetectors() *Detectors {
	return &Detectors{names: readNames(), list: valueDetectors()}
}

// matching makes a detector of a regular expression.
func matching(expr string) func(*Detectors, string) bool {
	re := regexp.MustCompile(expr)
	return func(_ *Detectors, s string) bool { return re.MatchString(s) }
}

// captured makes a detector of a regular expression whose first group must pass
// a test.
func captured(expr string, test func(string) bool) func(*Detectors, string) bool {
	re := regexp.MustCompile(expr)
	return func(_ *Detectors, s string) bool {
		for _, m := range re.FindAllStringSubmatch(s, 20) {
			if test(m[1]) {
				return true
			}
		}
		return false
	}
}

// ofDigits makes a detector of a test on a text of digits alone, and marks
// between them.
func ofDigits(test func(string) bool) func(*Detectors, string) bool {
	return func(_ *Detectors, s string) bool {
		for i := range len(s) {
			if c := s[i]; (c < '0' || c > '9') && c != ' ' && c != '-' {
				return false
			}
		}
		return test(onlyDigits(s))
	}
}

const (
	// edges of a number in a text: no digit may touch it
	before = `(?:^|[^0-9A-Za-z])`
	after  = `(?:$|[^0-9A-Za-z])`
	month  = `(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)`
	states = `(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])`
)

// valueDetectors lists what a single text can show, the commonest first.
func valueDetectors() []detector {
	return []detector{
		// C: elements of dates finer than the year, ages over 89
		{kind: "date", class: ClassDates, severity: High, needs: separator, digits: 5, find: isoDate},
		{kind: "date", class: ClassDates, severity: High, needs: separator, digits: 3, find: writtenDate},
		{kind: "date", class: ClassDates, severity: High, needs: letter, digits: 3, letters: 3, length: 7, find: matching(`(?i)` + before + `(?:\d{1,2}(?:st|nd|rd|th)?[ .-]*(?:of )?)?` + month + `\.?[ ,-]*(?:\d{1,2}(?:st|nd|rd|th)?,?[ -]+)?(?:19|20)\d{2}` + after + `|` + before + `\d{1,2}[ -]?` + month + `[ -]?\d{2}` + after)},
		{kind: "date", class: ClassDates, severity: High, needs: separator, digits: 4, share: 0.8, least: 5, own: true, find: shortDate},
		{kind: "month", class: ClassDates, severity: High, digits: 6, needs: separator, share: 0.5, own: true, find: matching(`^(?:19|20)\d{2}[-/.](?:0[1-9]|1[0-2])$|^(?:0[1-9]|1[0-2])[-/.](?:19|20)\d{2}$`)},
		{kind: "quarter or week", class: ClassDates, severity: High, needs: letter, digits: 5, own: true, find: matching(`(?i)^(?:19|20)\d{2}[- ]?(?:q[1-4]|w[0-5]\d(?:-?[1-7])?)$|^q[1-4][- /]?(?:19|20)\d{2}$`)},
		{kind: "date in digits", class: ClassDates, severity: High, digits: 8, share: 0.8, least: 3, own: true, find: ofDigits(compactDate)},
		{kind: kindOrdinal, class: ClassDates, severity: High, digits: 7, share: 0.9, least: 3, own: true, find: ofDigits(ordinalDate)},
		{kind: "timestamp", class: ClassDates, severity: High, digits: 10, share: 0.9, least: 3, own: true, find: ofDigits(epoch)},
		{kind: "identifier with a timestamp", class: ClassDates, severity: Medium, digits: 6, needs: dash, own: true, find: matching(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[16][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)},
		{kind: "identifier with a timestamp", class: ClassDates, severity: Medium, needs: letter, share: 0.9, own: true, find: timedID},
		{kind: "age over 89", class: ClassDates, severity: High, needs: letter, digits: 2, letters: 2, find: matching(`(?i)` + before + `(?:9\d|1[0-2]\d)[ -]?(?:y/?o|yrs?|years?)(?:[ -]?old)?` + after + `|\bage[d:]? +(?:9\d|1[0-2]\d)` + after)},

		// F, D, N, O: how to reach somebody
		{kind: "e-mail address", class: ClassEmail, severity: High, needs: at, find: matching(`(?i)[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}`)},
		{kind: "e-mail address", class: ClassEmail, severity: High, needs: letter | blank, letters: 9, needles: []string{"dot", "DOT", "Dot"}, find: matching(`(?i)[a-z0-9._+-]+ *[(\[{]? *\bat\b *[)\]}]? *[a-z0-9-]+ *[(\[{]? *\bdot\b *[)\]}]? *(?:com|org|net|edu|gov|info|int|[a-z]{2})\b`)},
		{kind: "telephone number", class: ClassPhone, severity: High, needs: separator, digits: 10, find: matching(before + `(?:(?:\+|00)?1[ .-]?)?(?:\([2-9]\d{2}\)[ .-]?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?: ?(?:x|ext\.?) ?\d+)?` + after)},
		{kind: "telephone number", class: ClassPhone, severity: High, needs: letter, digits: 7, letters: 2, find: captured(`(?i)\b(?:phone|tel|telephone|call|mobile|cell(?: phone|:)|fax|ph)\b[^0-9+]{0,12}(\+?[0-9][0-9 ().-]{5,18}\d)`+after, func(s string) bool { n := len(onlyDigits(s)); return n >= 7 && n <= 15 })},
		{kind: "telephone number", class: ClassPhone, severity: High, needs: plus, digits: 8, find: captured(`(?:^|[^0-9A-Za-z])\+([1-9][0-9 ().-]{7,18}\d)`+after, phoneAbroad)},
		{kind: "telephone number", class: ClassPhone, severity: Medium, digits: 10, share: 0.5, own: true, find: matching(`^(?:\(0\d{2,5}\)|0\d{2,5}[ /-])[ ]?\d{2,4}(?:[ -]?\d{2,4}){0,2}$|^0\d(?: \d{2}){4}$|^07\d{9}$`)},
		{kind: "telephone number", class: ClassPhone, severity: Medium, digits: 10, share: 0.9, least: 20, own: true, find: ofDigits(phonePlain)},
		{kind: "web address", class: ClassURL, severity: High, needs: letter | dot, letters: 4, needles: []string{"://", "www.", "WWW."}, find: matching(`(?i)\b(?:(?:https?|ftp)://|www\.)[^\s"<>]+`)},
		{kind: "IP address", class: ClassIP, severity: Medium, needs: dot, digits: 4, own: true, find: ipv4},
		{kind: "IP address", class: ClassIP, severity: Medium, needs: colon, digits: 1, own: true, find: matching(`(?i)^(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){2,6}(?::[0-9a-f]{1,4}){1,5}|[0-9a-f]{2,4}:(?:[0-9a-f]{1,4}:)*:[0-9a-f]{1,4})$`)},

		// G to K: numbers given to a person
		{kind: "social security number", class: ClassSSN, severity: High, needs: separator, digits: 9, find: captured(before+`(\d{3}[- .]\d{2}[- .]\d{4})(?:$|[^0-9])`, func(s string) bool { return socialSecurity(onlyDigits(s)) })},
		{kind: "social security number, backwards", class: ClassSSN, severity: Medium, needs: dash, digits: 9, share: 0.8, own: true, find: captured(`^(\d{4}-\d{2}-\d{3})$`, func(s string) bool { return socialSecurity(onlyDigits(backwards(s))) })},
		{kind: "nine digits as of a social security number", class: ClassSSN, severity: Medium, digits: 9, share: 0.9, least: 8, own: true, find: func(_ *Detectors, s string) bool { return len(s) == 9 && allDigits(s) && socialSecurity(s) }},
		{kind: "taxpayer number", class: ClassSSN, severity: Medium, needs: dash, digits: 9, find: matching(before + `9\d{2}-(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])-\d{4}` + after)},
		{kind: "national insurance number", class: ClassSSN, severity: High, needs: capital, digits: 6, letters: 3, find: matching(before + `[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]` + after)},
		{kind: "medical record number", class: ClassRecord, severity: High, needs: letter, digits: 5, letters: 3, find: matching(`(?i)(?:^|[^a-z])(?:mrn|med(?:ical)?[ _-]?rec(?:ord)?|chart|hosp(?:ital)?)[ _-]?(?:no|num(?:ber)?|id|#)?\W{0,4}[A-Z]{0,3}\d{5,10}` + after)},
		{kind: "NHS number", class: ClassRecord, severity: High, digits: 10, share: 0.8, least: 4, own: true, find: ofDigits(nhs)},
		{kind: "Medicare beneficiary identifier", class: ClassPlan, severity: High, needs: capital, digits: 5, letters: 4, length: 11, find: matching(before + `[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-?[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}` + after)},
		{kind: "health card number", class: ClassPlan, severity: Medium, needs: separator, digits: 10, share: 0.5, own: true, find: matching(`^\d{4}[- ]\d{3}[- ]\d{3}(?:[- ]?[A-Z]{2})?$`)},
		{kind: "payment card number", class: ClassAccount, severity: High, needs: separator, digits: 15, find: captured(before+`((?:[3-6]\d{3})[ -]\d{4}[ -]\d{4}[ -]\d{3,4}|3[47]\d{2}[ -]\d{6}[ -]\d{5})`+after, func(s string) bool { return luhn(onlyDigits(s)) })},
		{kind: "payment card number", class: ClassAccount, severity: High, digits: 13, share: 0.9, least: 8, own: true, find: func(_ *Detectors, s string) bool {
			return len(s) >= 13 && len(s) <= 19 && allDigits(s) && luhn(s)
		}},
		{kind: "bank account number", class: ClassAccount, severity: High, needs: capital, digits: 10, letters: 2, length: 15, find: captured(before+`([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)`+after, iban)},
		{kind: "DEA registration", class: ClassLicence, severity: Medium, needs: capital, digits: 7, share: 0.9, least: 3, own: true, find: captured(`^[A-HJ-MPR-UX][A-Z9](\d{7})$`, dea)},
		{kind: "national provider identifier", class: ClassLicence, severity: Medium, digits: 10, share: 0.9, least: 8, own: true, find: func(_ *Detectors, s string) bool {
			return len(s) == 10 && allDigits(s) && (s[0] == '1' || s[0] == '2') && luhn("80840"+s)
		}},

		// L, M: vehicles and devices
		{kind: "vehicle identification number", class: ClassVehicle, severity: High, needs: capital, digits: 4, letters: 3, length: 17, share: 0.5, own: true, find: captured(`^([A-HJ-NPR-Z0-9]{17})$`, vin)},
		{kind: "vehicle identification number", class: ClassVehicle, severity: High, needs: capital, digits: 4, letters: 3, length: 17, needles: []string{"VIN", "vin", "Vin"}, find: captured(`(?i:\bVIN\b)\W{0,3}([A-HJ-NPR-Z0-9]{17})`+after, vin)},
		{kind: "hardware address", class: ClassDevice, severity: High, digits: 1, length: 17, find: matching(`(?i)` + before + `(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}` + after)},
		{kind: "device identifier", class: ClassDevice, severity: High, needs: paren, digits: 14, find: matching(`\(01\) ?\d{14}`)},

		// B: places smaller than a state
		{kind: "postcode", class: ClassPlace, severity: High, needs: capital | blank, digits: 5, find: matching(`\b` + states + `,? \d{5}(?:-\d{4})?` + after)},
		{kind: "postcode", class: ClassPlace, severity: High, needs: capital | blank, digits: 2, find: matching(before + `(?:GIR 0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRVWXY]) \d[ABD-HJLNP-UW-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d)` + after)},
		{kind: "street", class: ClassPlace, severity: High, needs: capital | blank, digits: 1, find: matching(before + `\d{1,5}[A-Za-z]? (?:[NSEW]\.? )?(?:[A-Z][a-z]+|\d+(?:st|nd|rd|th))(?: [A-Z][a-z]+)? (?:St|Street|Ave|Avenue|Rd|Road|Blvd|Boulevard|Dr|Drive|Ln|Lane|Ct|Court|Way|Pl|Place|Terrace|Crescent|Close|Square|Parkway|Highway)\b|(?i:\bp\.? ?o\.? ?box \d+)`)},
		{kind: "street", class: ClassPlace, severity: High, needs: capital | blank, digits: 2, letters: 5, find: matching(before + `\d{1,5} [A-Z][A-Za-z .]{3,40}\b(?:Suite|Apt|Apartment|Flat)\b\.? ?#?\d+`)},
		{kind: "street", class: ClassPlace, severity: High, needs: capital | blank, digits: 1, letters: 5, share: 0.6, least: 8, own: true, find: matching(`^\d{1,5}[A-Za-z]? (?:[A-Z][a-z]+ ){1,3}[A-Z][a-z]+`)},
		{kind: "five digits as of a postcode", class: ClassPlace, severity: Medium, digits: 5, share: 0.9, least: 20, own: true, find: fiveDigits},
		{kind: "street", class: ClassPlace, severity: High, needs: letter, digits: 1, letters: 5, find: matching(`\b[A-Z][a-zäöüß]+(?:straße|strasse|str\.|gasse|weg|allee|platz) \d{1,4}\b|\b\d{1,4},? (?:rue|avenue|boulevard) (?:de |du |des |la )*[A-Z]|\b(?:Calle|Via|Rua) [A-Z]\w+,? \d{1,4}\b`)},
		{kind: "coordinates", class: ClassPlace, severity: High, needs: comma | dot, digits: 6, find: captured(`(-?\d{1,3}\.\d{3,} *, *-?\d{1,3}\.\d{3,})`, coordinates)},
		{kind: "three-word address", class: ClassPlace, severity: Medium, needs: letter | dot, share: 0.8, own: true, find: matching(`^(?:///)?\pL{3,12}\.\pL{3,12}\.\pL{3,12}$`)},
		{kind: "town or employer", class: ClassPlace, severity: Medium, needs: capital | blank, find: matching(`\b(?:in|at|from|near|to|of) (?:the )?[A-Z]\w*(?:ville|burgh?|town|borough|stead|haven|ford|bury|shire|wick|mouth|dorf|heim|stadt)\b|\b[A-Z][a-z]+ (?:plant|factory|mill|elementary|high school|hospital) in [A-Z][a-z]+`)},
		{kind: "town or employer", class: ClassPlace, severity: Medium, needs: capital | blank, find: matching(`\b(?:in|from|near|of|to) [A-Z][a-z]+(?: [A-Z][a-z]+)?,? ` + states + `\b`)},

		// A: names
		{kind: "name", class: ClassNames, severity: High, needs: capital | blank, needles: []string{"Mr", "Ms", "Miss", "Dr", "Prof", "Frau", "Herr", "Mme", "Sr"}, find: titled},
		{kind: "name", class: ClassNames, severity: High, needs: caret, find: matching(`(?i)^[a-z' -]{2,}\^[a-z'-]+(?:\^[a-z'-]*)*$`)},
		{kind: "name", class: ClassNames, severity: High, needs: capital, find: func(d *Detectors, s string) bool { return d.named(words(s), true) }},
		{kind: "name", class: ClassNames, severity: High, needs: letter | blank, own: true, find: func(d *Detectors, s string) bool { ws := words(s); return len(ws) <= 3 && d.named(ws, false) }},
		{kind: "name", class: ClassNames, severity: High, needs: capital | blank, share: 0.6, least: 4, own: true, find: func(d *Detectors, s string) bool { return d.twoWords(s) }},
		{kind: "name", class: ClassNames, severity: Medium, needs: foreign, own: true, find: matching(`^\p{Han}{2,4}$|^\p{Hangul}{2,4}$`)},
		{kind: "name alone", class: ClassNames, severity: High, needs: capital, share: 0.5, least: 5, own: true, find: nameAlone},
		{kind: "name alone", class: ClassNames, severity: Low, needs: capital, own: true, find: nameAlone},

		// R: anything else that is one person's
		{kind: "unsalted hash", class: ClassOther, severity: Medium, digits: 2, share: 0.8, own: true, find: func(_ *Detectors, s string) bool {
			return (len(s) == 32 || len(s) == 40 || len(s) == 64) && isHex(s)
		}},
		{kind: "random identifier", class: ClassOther, severity: Low, needs: dash, digits: 4, own: true, find: matching(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[2-57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)},
		{kind: "office that one person holds", class: ClassOther, severity: Low, needs: letter, letters: 3, own: true, find: office},
		{kind: "free text", class: ClassOther, severity: Medium, needs: blank, own: true, find: freeText},
	}
}

// isoDate finds year, month and day, or their reverse with a four-digit year.
func isoDate(_ *Detectors, s string) bool {
	for _, m := range isoPattern.FindAllStringSubmatch(s, 20) {
		if isDate(number(m[1], 0, 4), atoi(m[2]), atoi(m[3])) {
			return true
		}
	}
	return false
}

var isoPattern = regexp.MustCompile(`(?:^|[^0-9.])((?:19|20)\d{2})[-/._](0?[1-9]|1[0-2])[-/._](0?[1-9]|[12]\d|3[01])(?:$|[^0-9.]|T)`)

// writtenDate finds day, month and year in any order of the first two. Two-digit
// years count with strokes alone: 1-2-10 is many things.
func writtenDate(_ *Detectors, s string) bool {
	for _, m := range writtenPattern.FindAllStringSubmatch(s, 20) {
		a, b, year := atoi(m[1]), atoi(m[3]), atoi(m[5])
		if m[2] != m[4] || len(m[5]) == 2 && m[2] != "/" {
			continue
		}
		if len(m[5]) == 2 {
			year += 1900 // a leap year or not: 1900 + 2-digit year and 2000 + it agree but for 00
		}
		if isDate(year, a, b) || isDate(year, b, a) {
			return true
		}
	}
	return false
}

var writtenPattern = regexp.MustCompile(`(?:^|[^0-9./-])(\d{1,2})([-/.])(\d{1,2})([-/.])((?:19|20)?\d{2})(?:$|[^0-9./-]|\.$)`)

// shortDate is a date with a year of two digits and dots or hyphens: many things
// alone, a date where most of a column is so.
func shortDate(_ *Detectors, s string) bool {
	m := shortPattern.FindStringSubmatch(s)
	if m == nil {
		return false
	}
	a, b, year := atoi(m[1]), atoi(m[2]), 1900+atoi(m[3])
	return isDate(year, a, b) || isDate(year, b, a)
}

var shortPattern = regexp.MustCompile(`^(\d{1,2})[.-](\d{1,2})[.-](\d{2})$`)

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // of digits alone
	return n
}

// compactDate is a date of eight digits, year or day first.
func compactDate(s string) bool {
	return len(s) == 8 && (isDate(number(s, 0, 4), number(s, 4, 6), number(s, 6, 8)) ||
		isDate(number(s, 4, 8), number(s, 0, 2), number(s, 2, 4)) || isDate(number(s, 4, 8), number(s, 2, 4), number(s, 0, 2)))
}

// ordinalDate is a year and a day of it, seven digits.
func ordinalDate(s string) bool {
	if len(s) != 7 {
		return false
	}
	y, d := number(s, 0, 4), number(s, 4, 7)
	return y >= 1920 && y <= 2060 && d >= 1 && d <= 366
}

// epoch is seconds or milliseconds since 1970, in the years 1990 to 2039.
func epoch(s string) bool {
	if len(s) == 13 {
		s = s[:10]
	}
	return len(s) == 10 && plausibleSecond(int64(number(s, 0, 10)))
}

func plausibleSecond(n int64) bool { return n >= 631152000 && n < 2208988800 }

// timedID is a ULID, or an object identifier of 24 hexadecimal digits: both begin
// with the moment they were made.
func timedID(_ *Detectors, s string) bool {
	switch len(s) {
	case 26:
		const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
		ms := int64(0)
		for i, c := range []byte(strings.ToUpper(s)) {
			v := strings.IndexByte(crockford, c)
			if v < 0 {
				return false
			}
			if i < 10 {
				ms = ms<<5 | int64(v)
			}
		}
		return plausibleSecond(ms / 1000)
	case 24:
		n, err := strconv.ParseInt(s[:8], 16, 64)
		return err == nil && isHex(s) && plausibleSecond(n)
	}
	return false
}

func phoneAbroad(s string) bool {
	n := len(onlyDigits(s))
	return n >= 8 && n <= 15
}

func phonePlain(s string) bool {
	if len(s) == 11 && s[0] == '1' {
		s = s[1:]
	}
	return len(s) == 10 && s[0] >= '2' && s[3] >= '2'
}

// ipv4 is four octets, but not a version number, whose parts are small.
func ipv4(_ *Detectors, s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return false
	}
	most := 0
	for _, p := range parts {
		if !allDigits(p) || len(p) > 3 || atoi(p) > 255 {
			return false
		}
		most = max(most, atoi(p))
	}
	return most > 30
}

func backwards(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func coordinates(s string) bool {
	a, b, _ := strings.Cut(s, ",")
	lat, err1 := strconv.ParseFloat(strings.TrimSpace(a), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(b), 64)
	return err1 == nil && err2 == nil && lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180
}

// fiveDigits is a US postcode by its range, but not a profile of five levels.
func fiveDigits(_ *Detectors, s string) bool {
	s, _, _ = strings.Cut(s, "-")
	return len(s) == 5 && allDigits(s) && number(s, 0, 5) >= 501 && number(s, 0, 5) <= 99950 && strings.Trim(s, "12345") != ""
}

// titled finds a form of address before a name.
func titled(_ *Detectors, s string) bool {
	return titlePattern.MatchString(s)
}

// userName finds who made a file, in its metadata.
var userName = regexp.MustCompile(`(?i)(?:_by|author|creator|user|username|owner|lastmodifiedby)"?\s*[:=]\s*"?[a-z]`)

var titlePattern = regexp.MustCompile(`\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Frau|Herr|Mme|Sra?)\b\.? (?:(?:Dr|Prof)\.? )?(?:[A-Z]\.? )?(?:[A-Z]['’])?[A-Z][a-z]+\b`)

// twoWords is a text of two or three capitalised words of which one is a name
// that is no everyday word.
func (d *Detectors) twoWords(s string) bool {
	ws := words(s)
	if len(ws) < 2 || len(ws) > 4 {
		return false
	}
	known := false
	for _, w := range ws {
		if !w.capital || !w.adjacent {
			return false
		}
		if k := d.names[w.text]; k != 0 && k&everyday == 0 {
			known = true
		}
	}
	return known && onlyDigits(s) == ""
}

// office finds a post that few people hold, in texts short enough to be one.
func office(_ *Detectors, s string) bool { return len(s) <= 120 && officePattern.MatchString(s) }

var officePattern = regexp.MustCompile(`(?i)\b(?:mayor|governor|senator|sheriff|judge|bishop|ambassador|congress(?:man|woman)|minister|superintendent|headmaster|principal|ceo|president|astronaut|olympi\w+)\b`)

// nameAlone is one name that is no everyday word.
func nameAlone(d *Detectors, s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && r != '\'' && r != '-' {
			return false
		}
	}
	k := d.names[plain(strings.ReplaceAll(s, "'", ""))]
	return k != 0 && k&everyday == 0
}

// freeText is eight words or more.
func freeText(_ *Detectors, s string) bool {
	return strings.Count(s, " ") >= 7 && len(strings.Fields(s)) >= 8
}
