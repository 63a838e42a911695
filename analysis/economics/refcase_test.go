package economics

import (
	"fmt"
	"math"
	"testing"

	"recoup/simulate/simulatetest"
)

var statusLetters = map[Status]string{OnFrontier: "ND", Dominated: "D", Extended: "ED"}

// frontierOf holds an incremental table against one of a case.
func frontierOf(c *simulatetest.Case, path string, r Result, names map[string]string, tol float64) {
	for i, row := range r.Table {
		at := fmt.Sprintf("%s/%d/", path, i)
		c.Text(at+names["strategy"], row.Strategy)
		c.Text(at+names["status"], statusLetters[row.Status])
		for _, x := range []struct {
			key string
			got float64
		}{
			{"cost", float64(row.Cost)}, {"effect", float64(row.Effect)}, {"inc_cost", float64(row.Comparison.Cost)}, {"inc_effect", float64(row.Comparison.Effect)}, {"icer", float64(row.ICER)},
		} {
			c.Near(at+names[x.key], x.got, tol)
		}
	}
}

var plain = map[string]string{"strategy": "strategy", "status": "status", "cost": "cost", "effect": "effect", "inc_cost": "inc_cost", "inc_effect": "inc_effect", "icer": "icer"}

// HIV screening (Paltiel 2006): our frontier and that of dampack, to its printed digits.
func TestScreeningFrontier(t *testing.T) {
	c := simulatetest.ReadCase(t, "paltiel2006_hiv_screening_frontier")
	var in struct {
		Strategies []string
		Cost       []float64
		Months     []float64 `json:"qaly_months"`
	}
	c.Inputs(&in)
	for i := range in.Months {
		in.Months[i] /= 12
	}
	r := analyze(t, means(in.Strategies, in.Cost, in.Months))
	frontierOf(c, "frontier", r, plain, c.Number("tolerance/relative"))
	frontierOf(c, "dampack", r, map[string]string{"strategy": "Strategy", "status": "Status", "cost": "Cost", "effect": "Effect", "inc_cost": "Inc_Cost", "inc_effect": "Inc_Effect", "icer": "ICER"}, c.Number("tolerance/relative"))
}

// The vaccine example of BCEA: every figure of 1,000 draws at eight values of a unit. EVPI
// is a small difference of large sums, so its digits are those of the sums.
func TestVaccineDraws(t *testing.T) {
	c := simulatetest.ReadCase(t, "bcea_vaccine_psa")
	var in struct {
		Strategies []string
		File       string `json:"psa_file"`
		WTP        []float64
	}
	c.Inputs(&in)
	_, x := c.Columns(in.File)
	d := Draws{Strategies: in.Strategies, Effect: x[:2], Cost: x[2:]}
	r := analyze(t, d, in.WTP...)
	tol := c.Number("tolerance/relative")
	frontierOf(c, "frontier", r, plain, tol)
	for s, name := range in.Strategies {
		c.Near("mean_effect/"+name, mean(d.Effect[s]), tol)
		c.Near("mean_cost/"+name, mean(d.Cost[s]), tol)
	}
	for i, v := range r.Values {
		at := fmt.Sprintf("by_wtp/%d/", i)
		c.Near(at+"wtp", float64(v.WillingnessToPay), 0)
		c.Text(at+"optimal", v.Best)
		c.Within(at+"evpi", float64(v.EVPI), tol)
		for _, s := range v.Strategies {
			c.Near(at+"prob_ce/"+s.Strategy, float64(s.Probability), tol)
			c.Near(at+"enb/"+s.Strategy, float64(s.NetBenefit), tol)
			c.Within(at+"expected_loss/"+s.Strategy, float64(s.ExpectedLoss), tol)
		}
		if v.WillingnessToPay == 25000 {
			c.Near("eib_25000", float64(v.Strategies[1].Increment), tol)
			c.Near("ceac_25000", float64(v.Strategies[1].Probability), tol)
		}
	}
	c.Near("icer", float64(r.Against[0].ICER), tol)
	// The values at which the second strategy becomes the best: increments are straight
	// lines of the value.
	a, b := r.Values[3], r.Values[4]
	x0, y0, x1, y1 := float64(a.WillingnessToPay), float64(a.Strategies[1].Increment), float64(b.WillingnessToPay), float64(b.Strategies[1].Increment)
	c.Near("break_even_wtp", x0-y0*(x1-x0)/(y1-y0), tol)
}

// The closed form: a normal net benefit made of two normal parameters. Each value lies
// within 4 of its stated errors of the exact one (a false failure in 15,000 each), and the
// errors are small enough for the test to be sharp.
func TestInformationOfNormals(t *testing.T) {
	c := simulatetest.ReadCase(t, "voi_normal_closed_form")
	var in struct{ Mu, S1, S2, N0 float64 }
	c.Inputs(&in)
	const n = 40_000
	a, b := normals(1, "a", n), normals(1, "b", n)
	inb := make([]float64, n)
	for i := range inb {
		a[i], b[i] = in.S1*a[i], in.S2*b[i]
		inb[i] = in.Mu + a[i] + b[i]
	}
	study := Study{Group: "a", Prior: in.N0, Sizes: []float64{10, 50, 100, 200, 1000}}
	r := informed(t, benefits(inb), []Parameter{{"a", a}, {"b", b}},
		[]Group{{"a", []string{"a"}}, {"b", []string{"b"}}, {"both", []string{"a", "b"}}}, []Study{study}, 1)
	for i, path := range []string{"evppi_a", "evppi_b", "evppi_both"} {
		v := r[i].Values[0]
		c.Within(path, float64(v.EVPPI), 4*float64(v.EVPPIMCSE))
		if e := float64(v.EVPPIMCSE); !(e > 0 && e < 0.02*c.Number(path)) {
			t.Errorf("%s: an error of %g beside %g", path, e, c.Number(path))
		}
	}
	for _, s := range r[0].Values[0].Samples {
		c.Within(fmt.Sprintf("evsi_a/%.0f", float64(s.Size)), float64(s.EVSI), 4*float64(s.EVSIMCSE))
	}
	v := analyze(t, benefits(inb), 1).Values[0]
	c.Within("evpi", float64(v.EVPI), 4*float64(v.EVPIMCSE))
	c.Within("prob_ce", float64(v.Strategies[1].Probability), 4*float64(v.Strategies[1].ProbabilityMCSE))
}

// The chemotherapy draws: the value of the probability of side effects, by every method of
// R's voi within the 2 % that the case allows; a Gaussian process that is given a parameter
// without influence beside it agrees.
func TestInformationOfChemotherapy(t *testing.T) {
	c := simulatetest.ReadCase(t, "voi_chemotherapy_evpi_evppi")
	names, nb := c.Columns("chemo_nb.csv")
	zero := make([]float64, len(nb[0]))
	d := Draws{Strategies: names, Cost: [][]float64{zero, zero}, Effect: nb}
	c.Near("evpi", float64(analyze(t, d, 1).Values[0].EVPI), c.Number("tolerance/evpi"))
	labels, values := c.Columns("chemo_pars.csv")
	var p []Parameter
	for k, name := range labels {
		p = append(p, Parameter{name, values[k]})
	}
	const known, at = "p_side_effects_t2", "evppi/p_side_effects_t2/"
	for _, g := range informed(t, d, p, []Group{{known, []string{known}}, {"with costs", []string{known, "c_death"}}}, nil, 1) {
		got := float64(g.Values[0].EVPPI)
		for _, method := range []string{"gam_voi_package", "gam_cr_spline_here", "so_20_blocks", "so_40_blocks", "sal"} {
			c.Near(at+method, got, 0.02)
		}
		low, high := c.Number(at+"earth_gp_range/0"), c.Number(at+"earth_gp_range/1")
		c.Within(at+"earth_gp_range/0", math.Min(got, low), 0)
		c.Within(at+"earth_gp_range/1", math.Max(got, high), 0)
	}
}
