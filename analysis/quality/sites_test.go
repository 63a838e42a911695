package quality_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/analysis/quality"
)

// Balanced sites by hand, the classical analysis of variance: three sites of two,
// 1 3, 5 7, 6 8. Means 2, 6, 7, within mean square 2, between 2 × 7 = 14: τ² =
// (14 - 2)/2 = 6, grand mean 5, effect of the first (6/(6 + 1)) × -3 = -2.5714 with
// variance 6 × 1/(6+1).
func TestLinearInterceptsByHand(t *testing.T) {
	d := quality.SiteRows{Site: []int{0, 0, 1, 1, 2, 2}, Sites: 3, Y: []float64{1, 3, 5, 7, 6, 8}, X: [][]float64{{1, 1, 1, 1, 1, 1}}}
	m, err := quality.LinearIntercepts(d)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", analysis.Num(m.Coef[0]), 5, 1e-12)
	near(t, "its error", analysis.Num(m.SE[0]), math.Sqrt(14.0/6), 1e-9)
	near(t, "tau²", analysis.Num(m.Tau*m.Tau), 6, 1e-9)
	near(t, "sigma²", analysis.Num(m.Sigma*m.Sigma), 2, 1e-9)
	near(t, "effect", analysis.Num(m.Effect[0]), -18.0/7, 1e-9)
	near(t, "its SD", analysis.Num(m.EffectSE[0]), math.Sqrt(6.0/7), 1e-9)
	// Shifted by 1e10 and on another scale the model is the same.
	for i := range d.Y {
		d.Y[i] = 1e10 + 1000*d.Y[i]
	}
	big, err := quality.LinearIntercepts(d)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "tau of shifted values", analysis.Num(big.Tau), 1000*m.Tau, 1e-6)
	near(t, "effect of shifted values", analysis.Num(big.Effect[0]), 1000*m.Effect[0], 1e-6)
}

// Sites that are alike have no variance between them, and no effects.
func TestEqualSites(t *testing.T) {
	d := quality.SiteRows{Sites: 5, X: [][]float64{nil}}
	for s := range 5 {
		for k := range 40 {
			d.Site, d.X[0] = append(d.Site, s), append(d.X[0], 1)
			d.Y = append(d.Y, float64(k%4/3))
		}
	}
	for _, nodes := range []int{1, 9} {
		m, err := quality.LogisticIntercepts(d, nodes)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "coefficient", analysis.Num(m.Coef[0]), math.Log(1.0/3), 1e-9)
		if m.Tau != 0 || m.P() != 1 || slices.ContainsFunc(m.Effect, func(v float64) bool { return v != 0 }) || !math.IsNaN(m.TauSE) {
			t.Errorf("%d nodes: tau %g, p %g, %v", nodes, m.Tau, m.P(), m.Effect)
		}
	}
	l, err := quality.LinearIntercepts(d)
	if err != nil || l.Tau != 0 || l.P() != 1 {
		t.Errorf("linear: %+v %v", l, err)
	}
	// Ranks of sites that nothing parts are anybody's.
	ranks, err := quality.Ranks(t.Context(), l, quality.BetterHigher, 500, 1, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range ranks {
		if r.Low != 1 || r.High != 5 || math.Abs(r.Median-3) > 1 {
			t.Errorf("rank of a site like the others: %+v", r)
		}
	}
}

func TestSitesThatCannotBe(t *testing.T) {
	ones := slices.Repeat([]float64{1}, 6)
	if _, err := quality.LinearIntercepts(quality.SiteRows{Site: []int{0, 0, 1, 1, 2, 2}, Sites: 3, Y: []float64{1, 1, 2, 2, 3, 3}, X: [][]float64{ones}}); !errors.Is(err, quality.ErrNoConvergence) {
		t.Errorf("patients of a site do not differ: %v", err)
	}
	if _, err := quality.LinearIntercepts(quality.SiteRows{Site: make([]int, 6), Sites: 1, Y: []float64{1, 2, 3, 4, 5, 7}, X: [][]float64{ones, ones}}); !errors.Is(err, fit.ErrSingular) {
		t.Errorf("a column twice: %v", err)
	}
	if _, err := quality.LogisticIntercepts(quality.SiteRows{Site: []int{0, 0, 1, 1, 2, 2}, Sites: 3, Y: make([]float64, 6), X: [][]float64{ones}}, 9); err == nil {
		t.Error("no event at all has no finite intercept")
	}
}

// The order of rows, the numbering of sites, and binomial rows instead of single
// patients change nothing.
func TestInterceptRelations(t *testing.T) {
	d := madeSites(15, 900, 2, 0.6, false, 4)
	for i := range d.X[1] {
		d.X[1][i] = math.Round(d.X[1][i])
	}
	m, err := quality.LogisticIntercepts(d, 9)
	if err != nil {
		t.Fatal(err)
	}
	turned := quality.SiteRows{Sites: 15, X: make([][]float64, 2)}
	grouped := quality.SiteRows{Sites: 15, X: make([][]float64, 2)}
	type cell struct {
		site int
		x    float64
	}
	at := map[cell]int{}
	for i := len(d.Y) - 1; i >= 0; i-- {
		turned.Site, turned.Y = append(turned.Site, 14-d.Site[i]), append(turned.Y, d.Y[i])
		c := cell{d.Site[i], d.X[1][i]}
		if _, ok := at[c]; !ok {
			at[c] = len(grouped.Y)
			grouped.Site, grouped.Y, grouped.N = append(grouped.Site, c.site), append(grouped.Y, 0), append(grouped.N, 0)
			grouped.X[0], grouped.X[1] = append(grouped.X[0], 1), append(grouped.X[1], c.x)
		}
		grouped.Y[at[c]] += d.Y[i]
		grouped.N[at[c]]++
		for j := range 2 {
			turned.X[j] = append(turned.X[j], d.X[j][i])
		}
	}
	back, err := quality.LogisticIntercepts(turned, 9)
	if err != nil {
		t.Fatal(err)
	}
	few, err := quality.LogisticIntercepts(grouped, 9)
	if err != nil {
		t.Fatal(err)
	}
	for s := range 15 {
		near(t, "effect, rows turned", analysis.Num(back.Effect[14-s]), m.Effect[s], 1e-9)
		near(t, "effect, rows grouped", analysis.Num(few.Effect[s]), m.Effect[s], 1e-8)
	}
	near(t, "tau, rows grouped", analysis.Num(few.Tau), m.Tau, 1e-8)
	near(t, "log-likelihood, rows grouped", analysis.Num(few.LogLik), m.LogLik, 1e-10)
}

// Recovery: of 60 sites of 200 patients with tau 0.6 the estimate has an error of
// about 0.6/√120 = 0.055 and more for patients; 4 × 0.07 is allowed, which another
// seed misses about once in 16,000. Intervals of 95 % hold about 57 of the 60 true
// effects; under 50 comes about once in 6,000 (binomial).
func TestRecoveryOfSites(t *testing.T) {
	const sites, tau = 60, 0.6
	r := rand.New(rand.NewPCG(21, 8))
	for _, linear := range []bool{false, true} {
		d := quality.SiteRows{Sites: sites, X: [][]float64{nil}}
		truth := make([]float64, sites)
		for s := range truth {
			truth[s] = tau * r.NormFloat64()
			for range 200 {
				y := truth[s] + r.NormFloat64()
				if !linear {
					y = 0
					if r.Float64() < 1/(1+math.Exp(-truth[s])) {
						y = 1
					}
				}
				d.Site, d.Y, d.X[0] = append(d.Site, s), append(d.Y, y), append(d.X[0], 1)
			}
		}
		m, err := quality.LinearIntercepts(d)
		if !linear {
			m, err = quality.LogisticIntercepts(d, 9)
		}
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(m.Tau-tau) > 4*0.07 || m.P() > 1e-6 {
			t.Errorf("tau %.3f, p %g", m.Tau, m.P())
		}
		held := 0
		for s := range truth {
			if math.Abs(m.Effect[s]+m.Coef[0]-truth[s]) < 1.96*math.Hypot(m.EffectSE[s], m.SE[0]) {
				held++
			}
		}
		if held < 50 {
			t.Errorf("linear %v: %d of %d intervals hold the truth", linear, held, sites)
		}
	}
}

// Nine in ten sites are right in the middle; a site that is far better is first.
func TestRanks(t *testing.T) {
	m := &quality.Intercepts{Effect: []float64{0, 5, -5, 0}, EffectSE: []float64{0.1, 0.1, 0.1, 0.1}, Patients: []float64{9, 9, 9, 0}}
	up, err := quality.Ranks(t.Context(), m, quality.BetterHigher, 300, 1, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	down, _ := quality.Ranks(t.Context(), m, quality.BetterLower, 300, 1, 0.95)
	if up[1].Median != 1 || up[1].First != 1 || down[1].Median != 3 || up[0].Median != 2 || !math.IsNaN(up[3].Median) {
		t.Errorf("%+v %+v", up, down)
	}
}

// A million patients over 200 sites and 60 months: counting is of the reader, charts
// and funnels are of sufficient statistics and take no time to speak of.
func TestChartsOfAMillion(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var months []quality.Period
	var units []quality.Unit
	for range 60 {
		months = append(months, quality.Period{N: 16_667, Events: 5000 + r.IntN(200)})
	}
	for range 200 {
		units = append(units, quality.Unit{N: 5000, Events: 1500 + r.IntN(60)})
	}
	began := time.Now()
	chart(t, quality.KindPPrime, months, quality.DefaultChart)
	f := quality.FunnelOf(quality.FunnelShares, units, quality.DefaultFunnel)
	if took := time.Since(began); took > time.Second || len(f.Sites) != 200 {
		t.Errorf("took %v", took)
	}
}
