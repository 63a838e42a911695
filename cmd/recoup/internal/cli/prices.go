package cli

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"recoup/datasets/prices"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

const priceIndexHelp = "file of price indices and parities put over those that come with recoup"

func addPriceIndex(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "price-index", "", priceIndexHelp)
}

// readPrices reads a table of one's own over the built-in one.
func readPrices(path string) (prices.Table, error) {
	t := prices.Builtin()
	if path == "" {
		return t, nil
	}
	b, err := readBounded(path, 1<<20)
	if err != nil {
		return t, err
	}
	own, err := prices.Read(path, bytes.NewReader(b))
	if err != nil {
		return t, fmt.Errorf("%w: %w", errInvalidInput, err)
	}
	return t.Over(own), nil
}

func (a *app) simulatePrices() *cobra.Command {
	return &cobra.Command{
		Use:   "prices",
		Short: "Print the price indices and parities that money is moved by, with their sources",
		Long: `Print the table of price indices and purchasing power parities that comes with recoup,
each series with its source, to read or to start one's own for --price-index from.`,
		Example: "  recoup simulate prices",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				t := prices.Builtin()
				return a.writeJSON(struct {
					Schema string          `json:"schema"`
					Name   string          `json:"name"`
					Title  string          `json:"title"`
					Series []prices.Series `json:"series"`
				}{"recoup.prices/v1", t.Name, t.Title, t.Series})
			}
			_, err := a.Out.Write(prices.BuiltinYAML())
			return err
		},
	}
}

// repricing moves prices to the money of a scenario, and notes how.
type repricing struct {
	table   prices.Table
	to      prices.Money
	undated int
	index   string // of care
	order   string
	moves   []move
}

type move struct {
	by    prices.Conversion
	what  []string
	taken bool // its year is the one taken for costs that state none
}

// factor is what amounts of a money are multiplied by. Amounts of no stated year in the
// right currency stay as they are, unless the scenario takes them to be of a year.
func (m *repricing) factor(what, currency string, year int, index string) (float64, error) {
	from, err := prices.Parse(currency, year)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", errInvalidInput, what, err)
	}
	taken := from.Year == 0 && m.undated != 0
	if taken {
		from.Year = m.undated
	}
	if from.Currency == m.to.Currency && (from.Year == 0 || m.to.Year == 0) {
		return 1, nil
	}
	c, err := m.table.Convert(from, m.to, prices.Options{Index: index, Order: m.order})
	if errors.Is(err, prices.ErrMissing) {
		return 0, fmt.Errorf("%w: %s: %w; give it in a file by --price-index, or take price_order: convert-first or another price_year in the scenario", errInvalidInput, what, err)
	}
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w; state price_year in the scenario and where the amount stands, or undated_price_year in the scenario", errInvalidInput, what, err)
	}
	if c.Factor != 1 || taken {
		i := slices.IndexFunc(m.moves, func(x move) bool { return x.by.String() == c.String() && x.taken == taken })
		if i < 0 {
			i = len(m.moves)
			m.moves = append(m.moves, move{by: c, taken: taken})
		}
		m.moves[i].what = append(m.moves[i].what, what)
	}
	return c.Factor, nil
}

// inMoney moves the costs of the evidence and the prices of the designs to the money of
// the scenario, where they are of another and theirs is stated.
func inMoney(s *design.Scenario, ev *evidence.Set, path string) error {
	currency, year := s.Money()
	to, err := prices.Parse(currency, year)
	if err != nil {
		return fmt.Errorf("%w: %w", errInvalidInput, err)
	}
	m := &repricing{to: to, undated: s.UndatedPriceYear, index: s.PriceIndex, order: s.PriceOrder}
	if m.table, err = readPrices(path); err != nil {
		return err
	}
	parameters := slices.Clone(ev.Parameters)
	for i, p := range parameters {
		code, of, ok := p.Money()
		if !ok {
			continue
		}
		index := m.index
		if p.Name == evidence.Wage {
			index = prices.CPI // wages are not prices of care
		}
		f, err := m.factor(p.Name, code, of, index)
		if err != nil {
			return err
		}
		if f != 1 || m.undated != 0 && of == 0 {
			parameters[i] = p.Times(f, to.Code(), to.Year)
		}
	}
	ev.Parameters = parameters
	for _, name := range s.Strategies {
		if err := m.design(s, name); err != nil {
			return err
		}
	}
	for _, x := range m.moves {
		name := "prices moved"
		if x.taken {
			name = "prices of no stated year"
		}
		s.Moved = append(s.Moved, simulate.Convention{Name: name, Value: strings.Join(x.what, ", ") + ": " + x.by.String()})
	}
	return nil
}

func (m *repricing) design(s *design.Scenario, name string) error {
	d, ok, err := s.Design(name)
	if err != nil || !ok {
		return err
	}
	code, of := d.Money()
	f, err := m.factor("prices of "+name, code, of, m.index)
	if err != nil || f == 1 && (m.undated == 0 || of != 0) {
		return err
	}
	moved := d.Times(f, m.to.Code(), m.to.Year)
	designs := slices.Clone(s.Designs)
	if i := slices.IndexFunc(designs, func(d design.Design) bool { return d.Name == name }); i >= 0 {
		designs[i] = moved
	} else {
		designs = append(designs, moved)
	}
	s.Designs = designs
	return nil
}
