package cli

import (
	"testing"

	"recoup/analysis"
)

// A p value that underflows is small, not 0: erfc(z/√2) is 0 in floating point from z =
// 38.6 on.
func TestUnderflowOfP(t *testing.T) {
	for p, want := range map[analysis.Num][2]string{
		analysis.Num(analysis.NormalP(50)): {"<0.001", "<1e-300"},
		analysis.Num(1e-299):               {"<0.001", "1e-299"},
		0.25:                               {"0.250", "0.25"},
	} {
		if got := [2]string{pText(p), fullP(p)}; got != want {
			t.Errorf("p = %v is written %q, want %q", float64(p), got, want)
		}
	}
	if got := fullP(analysis.None); got != "" {
		t.Errorf("no p value is written %q", got)
	}
}
