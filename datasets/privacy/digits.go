package privacy

import (
	"strconv"
	"strings"
	"time"
)

// onlyDigits returns the digits of a text.
func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// number returns the value of digits from i to j.
func number(s string, i, j int) int {
	n := 0
	for ; i < j; i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// luhn is the check digit of payment cards, IMEI and, after 80840, of US national
// provider identifiers (ISO/IEC 7812-1).
func luhn(digits string) bool {
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		n := int(digits[i] - '0')
		if double {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
		double = !double
	}
	return digits != "" && sum%10 == 0
}

// nhs is the check digit of a UK NHS number: weights 10 to 2 modulo 11.
func nhs(digits string) bool {
	if len(digits) != 10 {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += (10 - i) * int(digits[i]-'0')
	}
	check := 11 - sum%11
	if check == 11 {
		check = 0
	}
	return check == int(digits[9]-'0')
}

// verhoeff is the check digit of SNOMED CT identifiers.
func verhoeff(digits string) bool {
	c := 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		for range i % 8 {
			n = verhoeffPermutation[n]
		}
		c = dihedral(c, n)
	}
	return digits != "" && c == 0
}

var verhoeffPermutation = [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}

// dihedral multiplies in the group of the symmetries of a pentagon.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b-5)%5
	case b < 5:
		return 5 + (a-5-b+5)%5
	}
	return (a - b + 5) % 5
}

// vin is the check digit of a vehicle identification number (49 CFR 565.15).
func vin(s string) bool {
	if len(s) != 17 {
		return false
	}
	const values = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ" // a letter's value is its place modulo 10
	weights := [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	sum, letters := 0, 0
	for i := range 17 {
		if s[i] == '.' {
			return false
		}
		v := strings.IndexByte(values, s[i])
		if v < 0 {
			return false
		}
		if v > 10 {
			letters++
		}
		sum += v % 10 * weights[i]
	}
	check := byte('0' + sum%11)
	if sum%11 == 10 {
		check = 'X'
	}
	return letters >= 3 && s[8] == check
}

// ibanLengths is how long an account number is in some countries, by ISO 13616.
const ibanLengths = "AD24 AE23 AT20 BE16 BG22 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GR27 HR21 HU28 IE22 IL23 IS26 IT27 LI21 LT20 LU20 LV21 MC27 MT31 NL18 NO15 PL28 PT25 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TR26"

// iban is the check of an international bank account number (ISO 13616): modulo
// 97 of the digits, letters as two. Texts of another length are none: one in 97
// would pass by chance.
func iban(s string) bool {
	s = strings.ReplaceAll(s, " ", "")
	if len(s) < 15 || !strings.Contains(ibanLengths, s[:2]+strconv.Itoa(len(s))) {
		return false
	}
	rest := 0
	for _, c := range []byte(s[4:] + s[:4]) {
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			rest = (rest*100 + int(c-'A'+10)) % 97
		default:
			return false
		}
	}
	return rest == 1
}

// dea is the check digit of a US registration for controlled substances.
func dea(digits string) bool {
	if len(digits) != 7 {
		return false
	}
	n := func(i int) int { return int(digits[i] - '0') }
	return (n(0)+n(2)+n(4)+2*(n(1)+n(3)+n(5)))%10 == n(6)
}

// socialSecurity reports nine digits that can be a US social security number:
// area not 000, 666 or above 899, group not 00, serial not 0000.
func socialSecurity(digits string) bool {
	if len(digits) != 9 {
		return false
	}
	area := number(digits, 0, 3)
	return area != 0 && area != 666 && area < 900 && digits[3:5] != "00" && digits[5:] != "0000"
}

// isDate reports a day of the calendar in a year of which people now alive, or
// their care, can be: 1900 to 2099.
func isDate(year, month, day int) bool {
	if year < 1900 || year > 2099 || month < 1 || month > 12 || day < 1 {
		return false
	}
	return day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
