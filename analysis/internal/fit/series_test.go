package fit_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"recoup/analysis/internal/fit"
)

type seriesNumbers struct {
	Coef           map[string]float64
	SE             []float64
	Phi, Sigma, LL float64
}

// Every number of the simulated series is lm's, sandwich's or nlme's.
func TestSegmentedSeries(t *testing.T) {
	var want struct {
		Tol    float64 `json:"rel_tol"`
		Values struct {
			OLS    seriesNumbers
			NW3    []float64
			NW3Adj []float64 `json:"nw3_adj"`
			DW     float64
			REML   seriesNumbers `json:"gls_reml"`
			ML     seriesNumbers `json:"gls_ml"`
		}
	}
	_, number := refcase(t, "its_segmented", &want)
	y, month := number("y"), number("month")
	x := [][]float64{make([]float64, len(y)), month, number("post"), number("time_after")}
	time := make([]int, len(y))
	for i := range y {
		x[0][i], time[i] = 1, int(month[i])
	}
	names := []string{"(Intercept)", "month", "post", "time_after"}
	run := func(how string, adjust bool, coef map[string]float64, se []float64) *fit.Regression {
		r, err := fit.RegressSeries(y, x, time, how, 3, adjust)
		if err != nil {
			t.Fatal(how, err)
		}
		for j, name := range names {
			near(t, how+" "+name, r.Coef[j], coef[name], want.Tol)
			near(t, how+" error of "+name, math.Sqrt(r.Cov.At(j, j)), se[j], want.Tol)
		}
		return r
	}
	v := want.Values
	ols := run(fit.SeriesOLS, false, v.OLS.Coef, v.OLS.SE)
	near(t, "Durbin-Watson", fit.DurbinWatson(ols.Residual, time), v.DW, want.Tol)
	run(fit.SeriesNeweyWest, false, v.OLS.Coef, v.NW3)
	run(fit.SeriesNeweyWest, true, v.OLS.Coef, v.NW3Adj)
	for how, w := range map[string]seriesNumbers{fit.SeriesREML: v.REML, fit.SeriesML: v.ML} {
		r := run(how, false, w.Coef, w.SE)
		near(t, how+" phi", r.Phi, w.Phi, want.Tol)
		near(t, how+" sigma", r.Sigma, w.Sigma, want.Tol)
		near(t, how+" log likelihood", r.LogLik, w.LL, want.Tol)
		if math.Abs(r.Gradient) > 1e-7 {
			t.Errorf("%s: derivative %g left", how, r.Gradient)
		}
	}
}

// The other ways, and periods missing, against the numbers of testdata/series.R.
func TestMadeSeries(t *testing.T) {
	b, err := os.ReadFile("testdata/series.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]float64
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	_, number := columns(t, "testdata/series.csv")
	run := func(how string, lag int, gone ...int) (*fit.Regression, []int) {
		var y []float64
		var time []int
		x := make([][]float64, 4)
		for i, at := range number("t") {
			skip := false
			for _, g := range gone {
				skip = skip || int(at) == g
			}
			if skip {
				continue
			}
			y, time = append(y, number("y")[i]), append(time, int(at))
			for j, v := range []float64{1, at, number("post")[i], number("after")[i]} {
				x[j] = append(x[j], v)
			}
		}
		r, err := fit.RegressSeries(y, x, time, how, lag, false)
		if err != nil {
			t.Fatal(how, err)
		}
		return r, time
	}
	check := func(name string, r *fit.Regression, phi string) {
		for j := range r.Coef {
			near(t, name, r.Coef[j], want[name+"_coef"][j], 1e-6)
			near(t, name+" error", math.Sqrt(r.Cov.At(j, j)), want[name+"_se"][j], 1e-6)
		}
		near(t, name+" "+phi, r.Phi, want[name+"_"+phi][0], 1e-6)
	}
	prais, _ := run(fit.SeriesPrais, 0)
	check("prais", prais, "rho")
	cochrane, _ := run(fit.SeriesCochrane, 0)
	check("cochrane", cochrane, "rho")
	for name, how := range map[string]string{"reml": fit.SeriesREML, "ml": fit.SeriesML} {
		r, _ := run(how, 0, 7, 18, 19, 30)
		check(name, r, "phi")
		near(t, name+" sigma", r.Sigma, want[name+"_sigma"][0], 1e-6)
		near(t, name+" log likelihood", r.LogLik, want[name+"_ll"][0], 1e-8)
	}
	for name, lag := range map[string]int{"ols_nw": -1, "ols_nw0": 0} {
		r, _ := run(fit.SeriesNeweyWest, lag) // by the rule 4 (40/100)^(2/9) = 3.26, so 3
		for j, se := range want[name] {
			near(t, name, math.Sqrt(r.Cov.At(j, j)), se, 1e-9)
		}
	}
	ols, time := run(fit.SeriesOLS, 0)
	for k, v := range fit.Autocorrelation(ols.Residual, time, 5) {
		near(t, "autocorrelation", v, want["ols_acf"][k], 1e-9)
	}
	near(t, "Durbin-Watson", fit.DurbinWatson(ols.Residual, time), want["ols_dw"][0], 1e-9)
}

// What has no answer is refused by name.
func TestHardSeries(t *testing.T) {
	one, time := []float64{1, 1, 1, 1, 1}, []int{0, 1, 2, 3, 4}
	line := [][]float64{one, {0, 1, 2, 3, 4}}
	if _, err := fit.RegressSeries([]float64{1, 2}, [][]float64{{1, 1}, {0, 1}}, time[:2], fit.SeriesOLS, 0, false); !errors.Is(err, fit.ErrSingular) {
		t.Errorf("two values for two coefficients: %v", err)
	}
	if _, err := fit.RegressSeries([]float64{1, 3, 2, 4, 3}, line, time, fit.SeriesNeweyWest, 5, false); !errors.Is(err, fit.ErrSingular) {
		t.Errorf("a lag as long as the series: %v", err)
	}
	for _, how := range []string{fit.SeriesPrais, fit.SeriesREML} {
		if _, err := fit.RegressSeries([]float64{0, 0, 0, 0, 0}, line, time, how, 0, false); !errors.Is(err, fit.ErrNoConvergence) {
			t.Errorf("%s without variance: %v", how, err)
		}
	}
}

// Periods that are missing part neighbours. By hand: 1, 2, 6 at times 0, 1 and 4 have
// mean 3 and residuals -2, -1, 3. With lag 1 the first two alone are neighbours:
// 14 + 2 × 1/2 × 2 = 16, over n² = 9. Durbin-Watson is 1/14, the correlation at lag 1
// is 2/14, at lag 2 none, at lag 3 -3/14 and at lag 4 -6/14.
func TestGapsByHand(t *testing.T) {
	time := []int{0, 1, 4}
	r, err := fit.RegressSeries([]float64{1, 2, 6}, [][]float64{{1, 1, 1}}, time, fit.SeriesNeweyWest, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "Newey-West", r.Cov.At(0, 0), 16.0/9, 1e-12)
	near(t, "Durbin-Watson", fit.DurbinWatson(r.Residual, time), 1.0/14, 1e-12)
	for k, v := range fit.Autocorrelation(r.Residual, time, 4) {
		near(t, "autocorrelation", v, []float64{2, 0, -3, -6}[k]/14, 1e-12)
	}
	// At the fixed point of Prais and Winsten φ is that of the neighbours' residuals.
	y, at := []float64{1, 2, 2.5, 6, 6.5, 8, 9.5, 11}, []int{0, 1, 2, 5, 6, 9, 10, 11}
	x := [][]float64{{1, 1, 1, 1, 1, 1, 1, 1}, {0, 1, 2, 5, 6, 9, 10, 11}}
	p, err := fit.RegressSeries(y, x, at, fit.SeriesPrais, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	e := p.Residual
	near(t, "φ", p.Phi, (e[1]*e[0]+e[2]*e[1]+e[4]*e[3]+e[6]*e[5]+e[7]*e[6])/(e[0]*e[0]+e[1]*e[1]+e[3]*e[3]+e[5]*e[5]+e[6]*e[6]), 1e-9)
}
