package simulate

import (
	"math"
	"testing"
)

func TestInputRefusals(t *testing.T) {
	for what, f := range map[string]func() error{
		"steps between times": func() error { _, err := ByYear.Integral(0.03, 0, 1); return err },
		"time backwards":      func() error { _, err := Annual.Integral(0.03, 2, 1); return err },
		"a shape of one":      func() error { return Dirichlet{1}.Check() },
		"a count of 0":        func() error { return Dirichlet{1, 0}.Check() },
		"a mean of 0":         func() error { _, err := LogNormalFromMean(0, 1); return err },
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
