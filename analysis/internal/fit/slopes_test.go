package fit_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis/internal/fit"
)

type mixedNumbers struct {
	Fixef, SE, SEKR map[string]float64
	DFSatt          map[string]float64 `json:"df_satt"`
	DFKR            map[string]float64 `json:"df_kr"`
	KR              map[string]float64 `json:"se_kr"`
	VCov            []float64
	LogLik          float64
}

// Every number of the published study of sleep is lme4's, lmerTest's and pbkrtest's.
func TestSleepStudy(t *testing.T) {
	var want struct {
		Tol    float64 `json:"rel_tol"`
		Values struct {
			Intercept    mixedNumbers `json:"random_intercept"`
			Slope        mixedNumbers `json:"random_slope"`
			SlopeML      mixedNumbers `json:"random_slope_ML"`
			Uncorrelated mixedNumbers
			BLUP         struct{ Intercept, Slope []float64 } `json:"blup_first3"`
			AR1          struct {
				Coef               map[string]float64
				SE                 map[string]float64
				Phi, Sigma, LogLik float64
			} `json:"gls_ar1"`
		}
	}
	text, number := refcase(t, "lmm_sleepstudy", &want)
	days, y := number("days"), number("reaction")
	const people, visits = 18, 10
	s := fit.NewSlopes(2)
	rows := func(p int) (x [][]float64, times, values []float64) {
		for k := p * visits; k < (p+1)*visits; k++ {
			if text["subject"][k] != text["subject"][p*visits] {
				t.Fatal("the data are not in order")
			}
			x, times, values = append(x, []float64{1, days[k]}), append(times, days[k]), append(values, y[k])
		}
		return x, times, values
	}
	for p := range people {
		x, times, values := rows(p)
		s.Add(times, x, values)
	}
	for name, k := range map[string]struct {
		random string
		reml   bool
		want   mixedNumbers
	}{
		"intercept": {fit.RandomIntercept, true, want.Values.Intercept}, "slope": {fit.RandomSlope, true, want.Values.Slope},
		"slope ML": {fit.RandomSlope, false, want.Values.SlopeML}, "uncorrelated": {fit.RandomUncorrelated, true, want.Values.Uncorrelated},
	} {
		f, err := s.Fit(k.random, k.reml)
		if err != nil {
			t.Fatal(name, err)
		}
		if f.Gradient > 1e-6 || len(f.Singular) > 0 {
			t.Errorf("%s: gradient %g, singular %v", name, f.Gradient, f.Singular)
		}
		near(t, name+" log likelihood", f.LogLik, k.want.LogLik, want.Tol)
		vc := []float64{f.Variance[0][0]}
		switch k.random {
		case fit.RandomSlope:
			vc = append(vc, f.Variance[1][1], f.Variance[0][1])
		case fit.RandomUncorrelated:
			vc = append(vc, f.Variance[1][1])
		}
		for i, v := range append(vc, f.Sigma2) {
			tol := want.Tol
			if name == "slope ML" {
				tol = 2e-6 // lme4 stops 1.3e-6 short here; the closed form below is exact
			}
			near(t, name+" variance", v, k.want.VCov[i], tol)
		}
		for j, term := range []string{"(Intercept)", "days"} {
			c := []float64{0, 0}
			c[j] = 1
			value, se, df := f.Contrast(c, fit.DFSatterthwaite)
			near(t, name+" "+term, value, k.want.Fixef[term], want.Tol)
			near(t, name+" error of "+term, se, k.want.SE[term], want.Tol)
			near(t, name+" df of "+term, df, k.want.DFSatt[term], 2e-6) // the reference's derivatives are numerical
			_, se, df = f.Contrast(c, fit.DFKenwardRoger)
			if !k.reml {
				if !math.IsNaN(se) {
					t.Errorf("%s: Kenward and Roger's error by full likelihood is %g, want none", name, se)
				}
				continue
			}
			near(t, name+" Kenward-Roger error of "+term, se, k.want.KR[term], want.Tol)
			near(t, name+" Kenward-Roger df of "+term, df, k.want.DFKR[term], want.Tol)
		}
	}
	// In balanced data the maximum is known: with the people's own least-squares lines bᵢ,
	// D = S/18 - σ²(Z'Z)⁻¹, S their sums of squares and products (R: testdata/sleep.R).
	ml, err := s.Fit(fit.RandomSlope, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range []float64{ml.Variance[0][0], ml.Variance[0][1], ml.Variance[1][1], ml.Sigma2} {
		near(t, "closed form", v, []float64{565.515366803119, 11.055429022598, 32.682197186409, 654.9410270723}[i], 1e-9)
	}
	f, err := s.Fit(fit.RandomSlope, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]float64{{1, 0}, {0, 1}} {
		if _, _, df := f.Contrast(c, fit.DFSatterthwaite); math.Abs(df-17) > 1e-6 {
			t.Errorf("df %.10g, want exactly 17 in balanced data", df)
		}
	}
	for p := range 3 {
		_, times, values := rows(p)
		for k := range values {
			values[k] -= f.Beta[0] + f.Beta[1]*times[k]
		}
		a, b := f.Effects(times, values)
		near(t, "intercept of a person", a, want.Values.BLUP.Intercept[p], 1e-5)
		near(t, "slope of a person", b, want.Values.BLUP.Slope[p], 1e-5)
	}
	// The same data with AR(1) errors, which the kernel of repeated measures fits.
	r, err := fit.NewRepeated(visits, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	for p := range people {
		x, _, values := rows(p)
		r.Add(fit.Patient{X: x, Y: values, Weight: 1})
	}
	g, err := r.FitRepeated(t.Context(), fit.AR1, true)
	if err != nil {
		t.Fatal(err)
	}
	w := want.Values.AR1
	for j, term := range []string{"(Intercept)", "days"} {
		near(t, "AR(1) "+term, g.Beta[j], w.Coef[term], want.Tol)
		near(t, "AR(1) error of "+term, math.Sqrt(g.Cov.At(j, j)), w.SE[term], want.Tol)
	}
	near(t, "AR(1) sigma", math.Sqrt(g.Sigma[0].At(0, 0)), w.Sigma, want.Tol)
	near(t, "AR(1) phi", g.Sigma[0].At(0, 1)/g.Sigma[0].At(0, 0), w.Phi, want.Tol)
	near(t, "AR(1) log likelihood", -g.Deviance/2, w.LogLik, want.Tol)
}

// study adds people with values at the times to sums for a mean and a slope.
func study(times []float64, people [][]float64) *fit.Slopes {
	s := fit.NewSlopes(2)
	for _, y := range people {
		var x [][]float64
		for _, t := range times {
			x = append(x, []float64{1, t})
		}
		s.Add(times, x, y)
	}
	return s
}

// Where people differ less than their values do, the variance between them is zero,
// and the fit is that of least squares. By hand: people 1, 3 and 3, 1 at times 0 and
// 1 have mean 2 and slope 0, residuals ±1, σ² = 4/(4 - 2) = 2 and by full likelihood
// 4/4 = 1, log likelihood -4/2 (log 2π + 1) = -5.6757541328. The mean at 0 has
// variance σ²/2.
func TestVarianceZero(t *testing.T) {
	s := study([]float64{0, 1}, [][]float64{{1, 3}, {3, 1}})
	f, err := s.Fit(fit.RandomIntercept, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Singular) != 1 || f.Singular[0] != "the variance of the patients' intercepts is zero" || f.Variance[0][0] != 0 {
		t.Errorf("singular %v, variance %v", f.Singular, f.Variance)
	}
	near(t, "residual variance", f.Sigma2, 2, 1e-12)
	value, se, df := f.Contrast([]float64{1, 0}, fit.DFSatterthwaite)
	near(t, "mean", value, 2, 1e-12)
	near(t, "error", se, 1, 1e-12)
	near(t, "df, those of least squares", df, 2, 1e-9)
	ml, err := s.Fit(fit.RandomIntercept, false)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "residual variance ML", ml.Sigma2, 1, 1e-12)
	near(t, "log likelihood", ml.LogLik, -2*(math.Log(2*math.Pi)+1), 1e-12)
}

// Lines that all meet in one point have intercepts and slopes that go together
// without fail: a correlation of 1 or -1 is said, not called a failure. Where they
// run apart in parallel, the slopes do not vary.
func TestCorrelationOne(t *testing.T) {
	times := []float64{0, 1, 2, 3}
	wobble := [][]float64{{0.3, -0.2, 0.1, -0.2}, {-0.2, 0.3, -0.3, 0.2}, {0.1, -0.1, -0.2, 0.2}, {-0.3, 0.1, 0.4, -0.2}, {0.1, -0.1, 0, 0}, {0.2, 0.1, -0.4, 0.1}}
	lines := func(slope func(u float64) float64) [][]float64 {
		var out [][]float64
		for i, w := range wobble {
			u := float64(i) - 2.5
			var y []float64
			for k, at := range times {
				y = append(y, 5+u+slope(u)*at+w[k])
			}
			out = append(out, y)
		}
		return out
	}
	for name, k := range map[string]struct {
		slope func(u float64) float64
		want  string
		se    []float64 // lmerTest's, of the mean at 0 and the slope, and their df (testdata/sleep.R)
	}{
		"fan":      {func(u float64) float64 { return u }, "the correlation of the patients' intercepts and slopes is 1", []float64{0.7679314561, 0.7650712761, 5.000520515, 5.000039773}},
		"funnel":   {func(u float64) float64 { return -u / 3 }, "the correlation of the patients' intercepts and slopes is -1", []float64{0.7653833383, 0.2581600470, 5.000079572, 5.002799828}},
		"parallel": {func(float64) float64 { return 0 }, "", nil},
	} {
		f, err := study(times, lines(k.slope)).Fit(fit.RandomSlope, true)
		if err != nil {
			t.Fatal(name, err)
		}
		if k.want != "" && (len(f.Singular) != 1 || f.Singular[0] != k.want) {
			t.Errorf("%s: %v, want %s (%v, gradient %g)", name, f.Singular, k.want, f.Variance, f.Gradient)
		}
		if len(f.Singular) == 0 && name == "parallel" {
			t.Errorf("%s: nothing on a bound, variance %v", name, f.Variance)
		}
		for j := range len(k.se) / 2 {
			c := []float64{0, 0}
			c[j] = 1
			_, se, df := f.Contrast(c, fit.DFSatterthwaite)
			near(t, name+" error", se, k.se[j], 1e-6)
			near(t, name+" df", df, k.se[2+j], 1e-6)
		}
		// No point near by, inside or on the bound, has a higher likelihood: by the
		// deviance worked out from the whole matrices.
		best := fullDeviance(t, times, lines(k.slope), f.Variance, f.Sigma2)
		near(t, name+" deviance", -2*f.LogLik, best, 1e-9)
		for _, by := range []float64{0.98, 1.02} {
			for e := range 4 {
				v, s2 := f.Variance, f.Sigma2
				switch e {
				case 0:
					v[0][0] *= by
				case 1:
					v[1][1] = v[1][1]*by + 1e-4
				case 2:
					v[0][1] *= by
					v[1][0] = v[0][1]
				default:
					s2 *= by
				}
				if v[0][0]*v[1][1] < v[0][1]*v[0][1] {
					continue
				}
				if d := fullDeviance(t, times, lines(k.slope), v, s2); d < best-1e-9 {
					t.Errorf("%s: deviance %.10g at a neighbour, %.10g at the estimate", name, d, best)
				}
			}
		}
	}
}

// fullDeviance is -2 log restricted likelihood from V itself, without short cuts.
func fullDeviance(t *testing.T, times []float64, people [][]float64, d [2][2]float64, s2 float64) float64 {
	t.Helper()
	m := len(times)
	v := mat.NewSymDense(m, nil)
	x := mat.NewDense(m, 2, nil)
	for i, a := range times {
		x.SetRow(i, []float64{1, a})
		for j, b := range times {
			if j >= i {
				v.SetSym(i, j, d[0][0]+d[0][1]*(a+b)+d[1][1]*a*b)
			}
		}
		v.SetSym(i, i, v.At(i, i)+s2)
	}
	var chol mat.Cholesky
	if !chol.Factorize(v) {
		t.Fatal("not a covariance")
	}
	var vx, xx mat.Dense
	if err := chol.SolveTo(&vx, x); err != nil {
		t.Fatal(err)
	}
	xx.Mul(x.T(), &vx)
	xx.Scale(float64(len(people)), &xx)
	xy := mat.NewVecDense(2, nil)
	for _, y := range people {
		var u mat.VecDense
		u.MulVec(vx.T(), mat.NewVecDense(m, y))
		xy.AddVec(xy, &u)
	}
	var b mat.VecDense
	if err := b.SolveVec(&xx, xy); err != nil {
		t.Fatal(err)
	}
	out := math.Log(mat.Det(&xx)) + float64(len(people)*m-2)*math.Log(2*math.Pi)
	for _, y := range people {
		r, u := mat.NewVecDense(m, nil), mat.NewVecDense(m, nil)
		r.MulVec(x, &b)
		r.SubVec(mat.NewVecDense(m, y), r)
		if err := chol.SolveVecTo(u, r); err != nil {
			t.Fatal(err)
		}
		out += chol.LogDet() + mat.Dot(r, u)
	}
	return out
}

// A fit of 10,000 patients costs what their patterns cost.
func BenchmarkSlopes(b *testing.B) {
	for b.Loop() {
		s := fit.NewSlopes(4)
		for p := range 10000 {
			var x [][]float64
			var at, y []float64
			for k := range 5 {
				if (p+k)%7 == 0 {
					continue
				}
				t, arm := float64(4*k), float64(p%2)
				x, at = append(x, []float64{1, t, arm, arm * t}), append(at, t)
				y = append(y, 5+math.Sin(float64(p))+t*(0.1*math.Cos(float64(3*p))-0.05)+math.Sin(float64(p*k)))
			}
			s.Add(at, x, y)
		}
		if _, err := s.Fit(fit.RandomSlope, true); err != nil {
			b.Fatal(err)
		}
	}
}
