package design

import (
	"slices"
	"strconv"
	"strings"
)

// defaultCurrency is that of a file that states none.
const defaultCurrency = "USD"

// Money returns the currency and the price year of the result; a year of 0 is not stated.
func (s Scenario) Money() (currency string, year int) { return orDefault(s.Currency), s.PriceYear }

// MoneyName writes USD of 2024, and USD where no year is stated.
func (s Scenario) MoneyName() string { return moneyName(s.Money()) }

// MoneyName writes what a design's prices are of, as that of a scenario does.
func (d Design) MoneyName() string { return moneyName(d.Money()) }

func moneyName(code string, year int) string {
	if year == 0 {
		return code
	}
	return code + " of " + strconv.Itoa(year)
}

// Money returns the currency and the price year of a design's prices; a year of 0 is not
// known.
func (d Design) Money() (currency string, year int) { return orDefault(d.Currency), d.PriceYear }

func orDefault(currency string) string {
	if currency == "" {
		return defaultCurrency
	}
	return currency
}

// Times returns a design with its prices in another money: each times a factor.
func (d Design) Times(factor float64, currency string, year int) Design {
	d.Currency, d.PriceYear = currency, year
	d.BedDayPrice *= factor
	d.Phases = slices.Clone(d.Phases)
	for i := range d.Phases {
		d.Phases[i].Staff = timesStaff(d.Phases[i].Staff, factor)
	}
	if d.Boosters != nil {
		b := *d.Boosters
		b.Staff = timesStaff(b.Staff, factor)
		d.Boosters = &b
	}
	return d
}

func timesStaff(staff []Staff, factor float64) []Staff {
	out := slices.Clone(staff)
	for i := range out {
		out[i].Price *= factor
	}
	return out
}

// currency wants a code such as USD or EUR/DEU.
func (c *checks) currency(path, code string) {
	a, b, two := strings.Cut(code, "/")
	if code != "" && (!capitals(a) || two && !capitals(b)) {
		c.add(path, "is %q: use three capital letters such as USD, with the country where several share it as in EUR/DEU", code)
	}
}

func capitals(s string) bool {
	return len(s) == 3 && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}

func (c *checks) year(path string, year int) {
	if year != 0 {
		c.within(path, float64(year), 1900, 2200)
	}
}

// money checks what a scenario says of its prices.
func (c *checks) money(s Scenario) {
	c.currency("currency", s.Currency)
	c.year("price_year", s.PriceYear)
	c.year("undated_price_year", s.UndatedPriceYear)
	if s.PriceIndex != "" {
		c.oneOf("price_index", s.PriceIndex, "cpi", "cpi-medical")
	}
	if s.PriceOrder != "" {
		c.oneOf("price_order", s.PriceOrder, "inflate-first", "convert-first")
	}
	if s.PriceYear == 0 && (s.UndatedPriceYear != 0 || s.PriceIndex != "" || s.PriceOrder != "") {
		c.add("price_year", "is needed with undated_price_year, price_index and price_order: without it nothing is moved")
	}
}
