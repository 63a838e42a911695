package rehab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// modelCurrency is the unit the model's outcomes name; a result in another currency names
// that instead.
const modelCurrency = "USD"

// inMoney states the currency and price year of a result's costs.
func inMoney(r *simulate.Result, s design.Scenario) {
	r.Currency, r.PriceYear = s.Money()
	code, _, _ := strings.Cut(r.Currency, "/")
	if code == modelCurrency {
		return
	}
	for i := range r.Outcomes {
		rename(&r.Outcomes[i].Unit, code)
	}
	for _, list := range [][]simulate.Strategy{r.Strategies, r.Differences} {
		for _, x := range list {
			for i := range x.Estimates {
				rename(&x.Estimates[i].Unit, code)
			}
		}
	}
}

func rename(unit *string, code string) {
	if *unit == modelCurrency {
		*unit = code
	}
}

// Money says what prices the costs of a scenario's result are of, and what was moved.
func Money(s design.Scenario) []simulate.Convention {
	value := s.MoneyName()
	if s.PriceYear == 0 {
		value += "; prices are as the evidence and the designs state them, not moved to one year"
	}
	return append([]simulate.Convention{{Name: "money", Value: value}}, s.Moved...)
}

// moneyWarnings names what may not be of the money a result says it is of.
func moneyWarnings(s design.Scenario, ev evidence.Set) []simulate.Warning {
	out := undated(s, ev)
	if code, _ := s.Money(); code != modelCurrency && slices.Equal(s.WillingnessToPay, design.Defaults().WillingnessToPay) {
		out = append(out, simulate.Warning{Code: "willingness-to-pay", Message: "the values of a QALY are the default's, which are meant in " + modelCurrency + ", and are read as " + code + "; state willingness_to_pay in the scenario's currency"})
	}
	return out
}

// undated names the amounts of no stated price year, and those of several years.
func undated(s design.Scenario, ev evidence.Set) []simulate.Warning {
	if s.UndatedPriceYear != 0 {
		return nil // stated as a convention
	}
	var unknown []string
	amounts := 0
	var years []int
	for _, p := range ev.Parameters {
		if _, year, ok := p.Money(); ok {
			amounts++
			if year == 0 {
				unknown = append(unknown, p.Name)
			} else if !slices.Contains(years, year) {
				years = append(years, year)
			}
		}
	}
	designs := 0
	for _, name := range s.Strategies {
		d, ok, err := s.Design(name)
		if err != nil || !ok {
			continue
		}
		if _, year := d.Money(); year == 0 {
			designs++
		} else if !slices.Contains(years, year) {
			years = append(years, year)
		}
	}
	if len(unknown) == 0 && designs == 0 && (s.PriceYear != 0 || len(years) < 2) {
		return nil
	}
	slices.Sort(years)
	unstated := fmt.Sprintf("%d of %d costs of the evidence and the prices of %d of the designs state no price year", len(unknown), amounts, designs)
	text := unstated + ": they are taken as they are, as if of " + s.MoneyName() + "; state price_year in the evidence and the designs, or undated_price_year in the scenario"
	if s.PriceYear == 0 {
		others := ""
		if len(years) > 0 {
			others = ", and others are of " + joined(years)
		}
		text = unstated + others + ": all are added as they are; state price_year in the evidence and the designs, and the year to move them to in the scenario"
	}
	return []simulate.Warning{{Code: "price-year", Message: text}}
}

func joined(years []int) string {
	var out []string
	for _, y := range years {
		out = append(out, strconv.Itoa(y))
	}
	return strings.Join(out, ", ")
}
