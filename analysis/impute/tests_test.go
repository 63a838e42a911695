package impute

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// By hand: chi-squares of one degree of freedom of 4 and 1. Their mean is 2.5 and the
// variance of their roots 1/2, so r = 3/2 · 1/2 = 3/4, F = (2.5 - 3 · 3/4)/(1 + 3/4) = 1/7
// with 1 and (1 + 4/3)² = 49/9 degrees of freedom. Where all agree, so does what is pooled.
func TestPooledTest(t *testing.T) {
	of := func(chi float64) analysis.Estimate {
		e := analysis.NewEstimate("test", analysis.ScaleCount)
		e.Value, e.Statistic, e.DF = analysis.Num(chi), analysis.Num(chi), 1
		e.P = analysis.Num(distuv.ChiSquared{K: 1}.Survival(chi))
		return e
	}
	same := []analysis.Estimate{of(4), of(1)}
	p := poolEstimate(same, 2, 0.95, "how")
	want := distuv.F{D1: 1, D2: 49.0 / 9}.Survival(1.0 / 7)
	if math.Abs(float64(p.Value)-1.0/7) > 1e-9 || math.Abs(float64(p.P)-want) > 1e-9 || p.DF != 1 || p.SE.OK() || p.CI.Low.OK() {
		t.Errorf("F %v on %v, p %v; want 1/7 on 1, %v", p.Value, p.DF, p.P, want)
	}
	if p = poolEstimate([]analysis.Estimate{of(4), of(4)}, 2, 0.95, "how"); p.P != of(4).P {
		t.Errorf("the same test twice has p %v, want %v", p.P, of(4).P)
	}
}
