package rehab

import (
	"slices"
	"strings"
	"testing"

	"recoup/simulate"
	"recoup/simulate/design"
)

func warned(r simulate.Result, code string) string {
	i := slices.IndexFunc(r.Warnings, func(w simulate.Warning) bool { return w.Code == code })
	if i < 0 {
		return ""
	}
	return r.Warnings[i].Message
}

// A result says which money its costs are of; costs of no stated price year are warned of,
// until each is stated.
func TestResultStatesItsMoney(t *testing.T) {
	s, ev := scenario(t, 50), evidenceWith(t, nil)
	r := run(t, s, ev, 1)
	if r.Currency != "USD" || r.PriceYear != 0 || !strings.Contains(warned(r, "price-year"), "12 of 13 costs") {
		t.Errorf("%s %d: %q", r.Currency, r.PriceYear, warned(r, "price-year"))
	}
	for i, p := range ev.Parameters {
		if _, _, ok := p.Money(); ok {
			ev.Parameters[i] = p.Times(10, "SEK", 2022)
		}
	}
	for _, name := range s.Strategies {
		if d, ok, err := s.Design(name); err == nil && ok {
			s.Designs = append(slices.DeleteFunc(s.Designs, func(x design.Design) bool { return x.Name == name }), d.Times(10, "SEK", 2022))
		}
	}
	s.Currency, s.PriceYear = "SEK", 2022
	s.Moved = []simulate.Convention{{Name: "prices moved", Value: "made"}}
	m := run(t, s, ev, 1)
	if warned(r, "willingness-to-pay") != "" || !strings.Contains(warned(m, "willingness-to-pay"), "read as SEK") {
		t.Error("values of a QALY in another currency")
	}
	if m.Currency != "SEK" || m.PriceYear != 2022 || warned(m, "price-year") != "" {
		t.Errorf("%s %d: %q", m.Currency, m.PriceYear, warned(m, "price-year"))
	}
	if !slices.Contains(m.Conventions, s.Moved[0]) || !slices.Contains(m.Conventions, simulate.Convention{Name: "money", Value: "SEK of 2022"}) {
		t.Errorf("%+v", m.Conventions)
	}
	// Every price is ten times what it was, and so is every cost: to the last digits, and
	// nothing else moves.
	for i, st := range r.Strategies {
		for k, e := range st.Estimates {
			got, want := m.Strategies[i].Estimates[k], float64(e.Mean)
			if e.Unit == "USD" {
				want *= 10
				if got.Unit != "SEK" {
					t.Errorf("%s is in %s", e.Outcome, got.Unit)
				}
			}
			if x := float64(got.Mean); x-want > 1e-9*max(1, want) || want-x > 1e-9*max(1, want) {
				t.Errorf("%s of %s is %g, want %g", e.Outcome, st.Name, x, want)
			}
		}
	}
}
