package cli

import (
	"math"
	"strings"
	"testing"

	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// Prices of care move by the index of medical care, the wage by that of all consumer
// prices: from 2020 to 2024 times 563.841/518.876 and times 313.689/258.811, from 2015
// times 563.841/446.752 (Bureau of Labor Statistics, annual averages).
func TestWagesDoNotMoveWithPricesOfCare(t *testing.T) {
	base, err := evidence.Default()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		index       string
		visit, wage float64
		fusion      float64
	}{
		"medical care": {"cpi-medical", 563.841 / 518.876, 313.689 / 258.811, 563.841 / 446.752},
		"all items":    {"", 313.689 / 258.811, 313.689 / 258.811, 313.689 / 237.017},
	} {
		s := design.Defaults()
		s.Currency, s.PriceYear, s.UndatedPriceYear, s.PriceIndex = "USD", 2024, 2020, c.index
		ev := base
		if err := inMoney(&s, &ev, ""); err != nil {
			t.Fatal(err)
		}
		for parameter, want := range map[string]float64{"cost.visit": c.visit, evidence.Wage: c.wage, "cost.fusion": c.fusion} {
			got := value(t, ev, parameter) / value(t, base, parameter)
			if math.Abs(got-want) > 1e-12 {
				t.Errorf("%s: %s moved by %v, want %v", name, parameter, got, want)
			}
		}
		for _, m := range s.Moved {
			if c.index != "" && strings.Contains(m.Value, evidence.Wage) && strings.Contains(m.Value, "medical care") {
				t.Errorf("%s: the wage is told to move with prices of care: %s", name, m.Value)
			}
		}
	}
}

func value(t *testing.T, s evidence.Set, name string) float64 {
	t.Helper()
	for _, p := range s.Parameters {
		if p.Name == name {
			return p.Value
		}
	}
	t.Fatalf("no parameter %s", name)
	return 0
}
