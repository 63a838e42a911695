package simulate

import (
	"math"
	"testing"
)

// R 4.2: qgamma(.3, 12.5, scale=2); qbeta(.3, 4, 96); qlnorm(.3, log(2), .4);
// qnorm(.3, 2, .4); qunif(.3, 1, 3).
func TestQuantilesAgreeWithR(t *testing.T) {
	for _, c := range []struct {
		d    Distribution
		want float64
	}{
		{Distribution{Gamma, 12.5, 2}, 20.86703401377654288},
		{Distribution{Beta, 4, 96}, 0.02795059589002492},
		{Distribution{LogNormal, 2, 0.4}, 1.62155728651761000},
		{Distribution{Normal, 2, 0.4}, 1.79023979491678364},
		{Distribution{Uniform, 1, 3}, 1.6},
		{Distribution{Fixed, 7, 0}, 7},
	} {
		if got := c.d.Quantile(0.3); math.Abs(got-c.want) > 1e-10*math.Abs(c.want) {
			t.Errorf("%v: quantile %.15g, want %.15g", c.d, got, c.want)
		}
	}
}

// From mean 5294 and SD 1487: shape 5294²/1487² = 12.6749, scale 1487²/5294 =
// 417.6745. From mean 0.85 and SD 0.03: k = 0.1275/0.0009 − 1 = 140.6667, so
// α = 119.5667 and β = 21.1.
func TestDistributionsFromMoments(t *testing.T) {
	g, err := GammaFromMean(5294, 1487)
	if err != nil || math.Abs(g.A-12.674940721401212) > 1e-12 || math.Abs(g.B-417.67453721193806) > 1e-9 {
		t.Errorf("gamma %v, %v", g, err)
	}
	b, err := BetaFromMean(0.85, 0.03)
	if err != nil || math.Abs(b.A-119.56666666666668) > 1e-10 || math.Abs(b.B-21.1) > 1e-10 {
		t.Errorf("beta %v, %v", b, err)
	}
	if _, err := BetaFromMean(0.5, 0.6); err == nil {
		t.Error("a beta distribution with SD 0.6 about 0.5 was accepted")
	}
	if (Distribution{Family: "cauchy"}).Check() == nil {
		t.Error("an unknown family was accepted")
	}
}

// The mean of the quantiles at the middles of 20,000 equal slices is the mean
// of the distribution.
func TestMeanIsTheMeanOfTheQuantiles(t *testing.T) {
	for _, d := range []Distribution{{Fixed, 3, 0}, {Normal, 1, 2}, {LogNormal, 2, 0.4}, {Beta, 2, 5}, {Gamma, 3, 2}, {Uniform, 1, 4}} {
		sum := 0.0
		for i := range 20000 {
			sum += d.Quantile((float64(i) + 0.5) / 20000)
		}
		if got := sum / 20000; math.Abs(got-d.Mean()) > 1e-3*d.Mean() {
			t.Errorf("%v: mean of quantiles %.5f, Mean %.5f", d, got, d.Mean())
		}
	}
}

func TestLatinHypercubePutsOneDrawInEachSlice(t *testing.T) {
	u, err := Uniforms(1, []string{"a", "b"}, 50, LatinHypercube)
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for p := range 2 {
		var seen [50]bool
		for d := range u {
			slice := int(u[d][p] * 50)
			if seen[slice] {
				t.Fatalf("two draws in slice %d", slice)
			}
			seen[slice] = true
		}
	}
	for d := range u {
		if int(u[d][0]*50) == int(u[d][1]*50) {
			same++
		}
	}
	if same > 10 { // Poisson with mean 1: over 10 by chance once in 10⁸
		t.Errorf("the two parameters fall in the same slice %d times of 50", same)
	}
	// Another parameter must not move the numbers of the first.
	alone, err := Uniforms(1, []string{"a"}, 50, LatinHypercube)
	if err != nil || alone[17][0] != u[17][0] {
		t.Errorf("adding a parameter moved the draws of another (%v)", err)
	}
	if _, err := Uniforms(1, nil, 1, "halton"); err == nil {
		t.Error("an unknown sampling was accepted")
	}
}

// 100 a year for 10 years at 3 %, by hand from the annuity formula:
// at the end of each year 100·(1 − 1.03⁻¹⁰)/0.03 = 853.0203, at the start that
// times 1.03 = 878.6109, half-cycle the mean of the two = 865.8156; continuous
// force at the start Σ 100·e^(−0.03t) = 100·(1 − e^(−0.3))/(1 − e^(−0.03)) = 876.97.
func TestDiscountingAndCounting(t *testing.T) {
	for _, c := range []struct {
		counting Counting
		form     Compounding
		want     float64
	}{
		{CountStart, Annual, 878.6108921879103},
		{CountEnd, Annual, 853.0202836775829},
		{CountHalf, Annual, (878.6108921879103 + 853.0202836775829) / 2},
		{CountStart, Continuous, 100 * (1 - math.Exp(-0.3)) / (1 - math.Exp(-0.03))},
		{CountStart, ByYear, 878.6108921879103},
		{CountBoth, Annual, 878.6108921879103 + 100*math.Pow(1.03, -10)},
	} {
		w, err := c.counting.Weights(10)
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.form.Factors(0.03, 10, 1)
		if err != nil {
			t.Fatal(err)
		}
		sum, weights := 0.0, 0.0
		for i := range w {
			sum += 100 * w[i] * f[i]
			weights += w[i]
		}
		if math.Abs(sum-c.want) > 1e-9*c.want {
			t.Errorf("%s, %s: %.9f, want %.9f", c.counting, c.form, sum, c.want)
		}
		if want := 10.0; c.counting != CountBoth && weights != want {
			t.Errorf("%s: weights sum to %g, want %g", c.counting, weights, want)
		}
	}
	// By year in weeks: week 51 is not discounted, week 52 by one year.
	f, err := ByYear.Factors(0.05, 60, 52)
	if err != nil || f[51] != 1 || math.Abs(f[52]-1/1.05) > 1e-15 {
		t.Errorf("by year: %v %v, %v", f[51], f[52], err)
	}
	for _, bad := range []float64{-0.01, 1, math.NaN()} {
		if _, err := Annual.Factors(bad, 1, 1); err == nil {
			t.Errorf("a discount rate of %g was accepted", bad)
		}
	}
}
