package simulate

import (
	"math"
	"testing"
)

// By hand: rates ln 2 and 0 over a year: 1 − e^(−ln 2) = ½ and 0 by every
// conversion; twice ln 2 in competition: each ½·(1 − ¼) = 3/8, alone ½ each, and
// with one of them death ½·½ = ¼ and ½.
func TestRatesByHand(t *testing.T) {
	for _, c := range []struct {
		form  Conversion
		rates []float64
		want  []float64
	}{
		{Competing, []float64{math.Ln2, 0}, []float64{0.5, 0}},
		{Separate, []float64{math.Ln2, 0}, []float64{0.5, 0}},
		{OnSurvival, []float64{math.Ln2, 0}, []float64{0.5, 0}},
		{Competing, []float64{math.Ln2, math.Ln2}, []float64{0.375, 0.375}},
		{Separate, []float64{math.Ln2, math.Ln2}, []float64{0.5, 0.5}},
		{OnSurvival, []float64{math.Ln2, math.Ln2}, []float64{0.25, 0.5}},
		{Competing, []float64{0, 0}, []float64{0, 0}},
	} {
		p, err := c.form.Probabilities(c.rates, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p {
			if math.Abs(p[i]-c.want[i]) > 1e-15 {
				t.Errorf("%s of %v is %v, want %v", c.form, c.rates, p, c.want)
			}
		}
	}
}

func TestRateRefusals(t *testing.T) {
	nan := math.NaN()
	for what, f := range map[string]func() error{
		"a negative rate":      func() error { _, err := Competing.Probabilities([]float64{-1}, -1, 1); return err },
		"a rate of NaN":        func() error { _, err := Separate.Probabilities([]float64{nan}, -1, 1); return err },
		"no time":              func() error { _, err := Competing.Probabilities([]float64{1}, -1, 0); return err },
		"probabilities over 1": func() error { _, err := Separate.Probabilities([]float64{3, 3}, -1, 1); return err },
		"an unknown form":      func() error { _, err := Conversion("x").Probabilities([]float64{1}, -1, 1); return err },
		"a probability over 1": func() error { _, err := Rescale(1.2, 1, 1); return err },
		"years below 0":        func() error { _, err := Rescale(0.2, 1, -1); return err },
		"a risk over 1":        func() error { _, err := RiskRatio.Apply(0.6, 2); return err },
		"a negative effect":    func() error { _, err := OddsRatio.Apply(0.6, -2); return err },
		"a measure":            func() error { _, err := EffectMeasure("x").Apply(0.6, 2); return err },
		"steps between times":  func() error { _, err := ByYear.Integral(0.03, 0, 1); return err },
		"time backwards":       func() error { _, err := Annual.Integral(0.03, 2, 1); return err },
		"a shape of one":       func() error { return Dirichlet{1}.Check() },
		"a count of 0":         func() error { return Dirichlet{1, 0}.Check() },
		"a mean of 0":          func() error { _, err := LogNormalFromMean(0, 1); return err },
		"an interval upside down": func() error {
			_, err := LogNormalFromInterval(1, 2, 0.5)
			return err
		},
		"a correlation that cannot be": func() error {
			_, err := LogCovariance([]float64{1, 1}, []float64{2, 2}, [][]float64{{1, -0.9}, {-0.9, 1}})
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if x, err := Continuous.Integral(0, 2, 5); err != nil || x != 3 {
		t.Errorf("undiscounted, three years are %v (%v)", x, err)
	}
}

// Shares sum to 1 and their mean over many draws is α/Σα: 4,096 Sobol points, an
// error under 0.1 %.
func TestDirichletDraws(t *testing.T) {
	d := Dirichlet{4, 2, 1}
	u, err := Uniforms(1, []string{"a", "b", "c"}, 4096, ScrambledSobol)
	if err != nil {
		t.Fatal(err)
	}
	var mean [3]float64
	for _, x := range u {
		p := d.Quantile(x)
		if math.Abs(p[0]+p[1]+p[2]-1) > 1e-15 {
			t.Fatalf("shares %v do not sum to 1", p)
		}
		for i := range p {
			mean[i] += p[i] / 4096
		}
	}
	for i, want := range []float64{4.0 / 7, 2.0 / 7, 1.0 / 7} {
		if math.Abs(mean[i]-want) > 1e-3*want {
			t.Errorf("share %d is %.5f, want %.5f", i, mean[i], want)
		}
	}
}
