package evidence

import (
	"errors"
	"fmt"
	"strings"
)

// Wage is the one amount of money that is not a price of care: what a patient earns.
const Wage = "cost.wage"

// Money returns the currency and the price year of a parameter that is an amount of money,
// and whether it is one: the unit begins with a currency, as in USD or USD per week. The
// year is 0 where it is not known.
func (p Parameter) Money() (currency string, year int, ok bool) {
	code, _, _ := strings.Cut(p.Unit, " ")
	if !strings.HasPrefix(p.Name, "cost.") || !isCode(code) {
		return "", 0, false
	}
	if p.Currency != "" {
		code = p.Currency
	}
	return code, p.PriceYear, true
}

// Times returns an amount of money in another: the value and its spread times a factor.
func (p Parameter) Times(factor float64, currency string, year int) Parameter {
	scaled := func(x *float64) *float64 {
		if x == nil {
			return nil
		}
		y := *x * factor
		return &y
	}
	p.Value *= factor
	p.SE, p.Low, p.High = scaled(p.SE), scaled(p.Low), scaled(p.High)
	_, rest, _ := strings.Cut(p.Unit, " ")
	p.Unit, _, _ = strings.Cut(currency, "/")
	if rest != "" {
		p.Unit += " " + rest
	}
	p.Currency, p.PriceYear = currency, year
	return p
}

// spreadMoney writes the currency and price year of the set into its amounts of money.
func (s *Set) spreadMoney() {
	for i, p := range s.Parameters {
		if _, _, ok := p.Money(); !ok {
			continue
		}
		if p.Currency == "" && s.Currency != "" && sameCode(p.Unit, s.Currency) {
			s.Parameters[i].Currency = s.Currency
		}
		if p.PriceYear == 0 {
			s.Parameters[i].PriceYear = s.PriceYear
		}
	}
	s.Currency, s.PriceYear = "", 0
}

// sameCode says whether a unit is of a currency, whatever the country.
func sameCode(unit, currency string) bool {
	code, _, _ := strings.Cut(unit, " ")
	of, _, _ := strings.Cut(currency, "/")
	return code == of
}

func isCode(s string) bool {
	return len(s) == 3 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}

func (p Parameter) checkMoney() error {
	if p.Currency == "" && p.PriceYear == 0 {
		return nil
	}
	code, place, of := strings.Cut(p.Currency, "/")
	switch _, _, ok := p.Money(); {
	case !ok:
		return errors.New("only an amount of money has a currency and a price year: its name begins with cost. and its unit with a currency, as in USD per week")
	case p.Currency != "" && (!isCode(code) || of && !isCode(place)):
		return errors.New("currency: use three capital letters such as USD, with the country where several share it as in EUR/DEU")
	case p.Currency != "" && !sameCode(p.Unit, p.Currency):
		return fmt.Errorf("currency is %s and the unit %q: they must agree", p.Currency, p.Unit)
	case p.PriceYear != 0 && (p.PriceYear < 1900 || p.PriceYear > 2200):
		return errors.New("price_year: use a year of four digits")
	}
	return nil
}
