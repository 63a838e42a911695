package analysis

import (
	"math"
	"testing"
)

// By hand: df 2 gives Γ(1)/(1 Γ(½)) = 1/√π; df 4 gives Γ(2)/(√2 Γ(1.5)) = 1/(√2 √π/2).
func TestHedgesJ(t *testing.T) {
	for df, want := range map[float64]float64{2: 1 / math.Sqrt(math.Pi), 4: math.Sqrt2 / math.Sqrt(math.Pi)} {
		if got := HedgesJ(df); math.Abs(got-want) > 1e-15 {
			t.Errorf("df %g: %.17g, want %.17g", df, got, want)
		}
	}
	if !math.IsNaN(HedgesJ(1)) {
		t.Error("one degree of freedom has no correction")
	}
	if d := 1 - HedgesJ(1e6); !(d > 7e-7 && d < 8e-7) { // 3/(4 df)
		t.Errorf("many degrees of freedom: 1 - J = %g", d)
	}
}
