package economics

import (
	"fmt"
	"strconv"

	"recoup/analysis"
	"recoup/analysis/internal/ledger"
	"recoup/datasets/prices"
)

// MoneyOptions say to which currency and price year costs are moved.
type MoneyOptions struct {
	PriceYear    string `opt:"price_year" doc:"year whose prices costs are moved to; as in the file where none is given"`
	Currency     string `opt:"currency" doc:"with price_year: currency costs are moved to, such as USD, or EUR/DEU for euros at German prices; as in the file where none is given"`
	CostYear     string `opt:"cost_year" doc:"price year of costs for which the file has none"`
	CostCurrency string `opt:"cost_currency" doc:"currency of costs for which the file has none, or its country, such as EUR/DEU"`
	PriceIndex   string `opt:"price_index" doc:"of consumer prices of all items or of medical care, from the tables that come with recoup" choices:"cpi|cpi-medical"`
	PriceOrder   string `opt:"price_order" doc:"of a move between currencies: to the year in its own currency first and then by purchasing power parity, or the other way round" choices:"inflate-first|convert-first"`
}

var defaultMoney = MoneyOptions{PriceIndex: prices.CPI, PriceOrder: prices.InflateFirst}

// move puts costs into the money asked for, and says how in a table.
func (o MoneyOptions) move(l *ledger.Ledger) ([]analysis.Table, error) {
	if o.PriceYear == "" {
		if o.Currency != "" || o.CostYear != "" || o.CostCurrency != "" {
			return nil, fmt.Errorf("%w: currency, cost_year and cost_currency go with price_year, the year that costs are moved to", analysis.ErrOptions)
		}
		return nil, nil
	}
	m := ledger.Move{Table: prices.Builtin(), Currency: o.Currency, From: o.CostCurrency, Options: prices.Options{Index: o.PriceIndex, Order: o.PriceOrder}}
	for _, x := range []struct {
		name, text string
		into       *int
	}{{"price_year", o.PriceYear, &m.Year}, {"cost_year", o.CostYear, &m.FromYear}} {
		if x.text == "" {
			continue
		}
		y, err := strconv.Atoi(x.text)
		if err != nil || y < 1900 || y > 2200 {
			return nil, fmt.Errorf("%w: expected %s of four digits, such as 2024", analysis.ErrOptions, x.name)
		}
		*x.into = y
	}
	moves, err := l.Move(m)
	if err != nil {
		return nil, err
	}
	l.Unit += " of " + o.PriceYear
	t := analysis.Table{Name: "prices", Title: "How costs were moved", Columns: []string{"from", "to", "factor", "by"}}
	for _, c := range moves {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(c.From.String()), analysis.Text(c.To.String()), analysis.Number(c.Factor), analysis.Text(c.String())})
	}
	if len(t.Rows) == 0 {
		return nil, nil
	}
	return []analysis.Table{t}, nil
}
