package evidence

import (
	"bytes"
	"fmt"
	"strconv"
)

// YAML returns the set as a file that Parse reads.
func (s Set) YAML() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "name: %q\ntitle: %q\nparameters:\n", s.Name, s.Title)
	number := func(key string, x *float64) {
		if x != nil {
			fmt.Fprintf(&b, "    %s: %s\n", key, plain(*x))
		}
	}
	for _, p := range s.Parameters {
		fmt.Fprintf(&b, "  - name: %s\n    value: %s\n    unit: %q\n    distribution: %s\n", p.Name, plain(p.Value), p.Unit, p.Distribution)
		number("se", p.SE)
		number("n", p.N)
		number("low", p.Low)
		number("high", p.High)
		if p.Currency != "" {
			fmt.Fprintf(&b, "    currency: %s\n", p.Currency)
		}
		if p.PriceYear != 0 {
			fmt.Fprintf(&b, "    price_year: %d\n", p.PriceYear)
		}
		fmt.Fprintf(&b, "    kind: %s\n    status: %s\n", p.Kind, p.Status)
		if p.Source != "" {
			fmt.Fprintf(&b, "    source: %q\n", p.Source)
		}
		if p.Note != "" {
			fmt.Fprintf(&b, "    note: %q\n", p.Note)
		}
	}
	if len(s.Correlations) > 0 {
		b.WriteString("correlations:\n")
	}
	for _, c := range s.Correlations {
		fmt.Fprintf(&b, "  - names: [%s]\n", list(c.Names, func(n string) string { return n }))
		for key, m := range map[string][][]float64{"matrix": c.Matrix, "covariance": c.Covariance} {
			if m != nil { // one of the two
				fmt.Fprintf(&b, "    %s: [%s]\n", key, list(m, func(row []float64) string { return "[" + list(row, plain) + "]" }))
			}
		}
	}
	return b.Bytes()
}

func plain(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func list[T any](items []T, text func(T) string) string {
	out := ""
	for i, x := range items {
		if i > 0 {
			out += ", "
		}
		out += text(x)
	}
	return out
}
