package quality_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"recoup/analysis/quality"
)

// madeSites are patients of sites that differ by tau on the scale of the linear
// predictor.
func madeSites(sites, patients, columns int, tau float64, linear bool, seed uint64) quality.SiteRows {
	r := rand.New(rand.NewPCG(seed, 17))
	d := quality.SiteRows{Sites: sites, X: make([][]float64, columns)}
	effects := make([]float64, sites)
	for s := range effects {
		effects[s] = tau * r.NormFloat64()
	}
	for i := range patients {
		s := i % sites
		eta := -0.4 + effects[s]
		for j := range columns {
			x := 1.0
			if j > 0 {
				x = r.NormFloat64()
				eta += 0.3 * x
			}
			d.X[j] = append(d.X[j], x)
		}
		y := eta + 2*r.NormFloat64()
		if !linear {
			y = 0
			if r.Float64() < 1/(1+math.Exp(-eta)) {
				y = 1
			}
		}
		d.Site, d.Y = append(d.Site, s), append(d.Y, y)
	}
	return d
}

func BenchmarkLogisticIntercepts(b *testing.B) {
	d := madeSites(200, 100_000, 5, 0.4, false, 1)
	for _, nodes := range []int{1, 9} {
		b.Run(fmt.Sprintf("%d nodes", nodes), func(b *testing.B) {
			for b.Loop() {
				if _, err := quality.LogisticIntercepts(d, nodes); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLinearIntercepts(b *testing.B) {
	d := madeSites(200, 100_000, 5, 0.4, true, 1)
	for b.Loop() {
		if _, err := quality.LinearIntercepts(d); err != nil {
			b.Fatal(err)
		}
	}
}
