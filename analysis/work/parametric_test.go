package work

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"recoup/analysis/internal/fit"
)

// The cases of recurrent events and of parametric models.
func TestRecurrentAndParametricCase(t *testing.T) {
	l, header, rows := caseLeaves(t, "recurrent_aft_cgd", 1e-8)
	num := func(name string) []float64 { return numbers(t, column(header, rows, name)) }
	id, ids := codedGroups(column(header, rows, "id"))
	event := equal(column(header, rows, "status"), "1")
	start, stop, enum := num("tstart"), num("tstop"), num("enum")
	d := fit.CoxData{Start: start, Stop: stop, Event: event, X: [][]float64{num("treat"), num("age")}}
	total, gap := d, d
	gap.Start, gap.Stop = nil, make([]float64, len(stop))
	for i := range stop {
		gap.Stop[i] = stop[i] - start[i]
		total.Stratum = append(total.Stratum, int(math.Min(enum[i], 3)))
	}
	gap.Stratum = total.Stratum
	for name, d := range map[string]fit.CoxData{"andersen_gill": d, "pwp_total": total, "pwp_gap": gap} {
		c, err := fit.ProportionalHazards(d, fit.TiesEfron)
		if err != nil {
			t.Fatal(err)
		}
		l.is(name+"/coef/treat", c.Coef[0])
		l.is(name+"/coef/age", c.Coef[1])
		l.is(name+"/robust_se", errorsOf(c.Robust(id, len(ids)))...)
		l.is(name+"/naive_se", errorsOf(c.Cov)...)
		l.is(name+"/loglik", c.Null, c.LogLik)
	}
	for g, treat := range []string{"0", "1"} {
		var s []Stretch
		for i, v := range column(header, rows, "treat") {
			if v == treat {
				s = append(s, Stretch{id[i], start[i], stop[i], event[i]})
			}
		}
		m := MeanCumulative(s, len(ids))
		for i, at := range []float64{100, 200, 300} {
			mean, se := m.At(at)
			l.is(fmt.Sprintf("mcf/time/%d", 3*g+i), at)
			l.is(fmt.Sprintf("mcf/cumhaz/%d", 3*g+i), mean)
			l.is(fmt.Sprintf("mcf/se/%d", 3*g+i), se)
		}
	}
	l.skip("names", "mcf/strata")
	ovarianCase(t, l)
	l.done()
}

func ovarianCase(t *testing.T, l *leaves) {
	f, err := os.Open("../../../shared/refcases/statistics/recurrent_aft_cgd/ovarian.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	num := func(name string) []float64 { return numbers(t, column(all[0], all[1:], name)) }
	lower, upper := num("futime"), num("futime")
	for i, e := range num("fustat") {
		if e == 0 {
			upper[i] = math.Inf(1)
		}
	}
	x := [][]float64{slices.Repeat([]float64{1}, len(lower)), num("age"), num("rx")}
	for _, dist := range []string{"weibull", "lognormal", "loglogistic", "exponential"} {
		p, err := FitParametric(lower, upper, x, dist)
		if err != nil {
			t.Fatal(dist, err)
		}
		for j, name := range []string{"(Intercept)", "age", "rx"} {
			l.is("aft/"+dist+"/coef/"+name, p.Coef[j])
		}
		l.is("aft/"+dist+"/scale", p.Shape[0])
		l.is("aft/"+dist+"/se", errorsOf(p.Cov)...)
		l.is("aft/"+dist+"/loglik", p.LogLik)
	}
}

func TestIntervalCase(t *testing.T) {
	l, header, rows := caseLeaves(t, "interval_turnbull_bcdeter", 1e-4)
	treat := column(header, rows, "treat")
	lower, upper := numbers(t, column(header, rows, "lower")), make([]float64, len(rows))
	x := [][]float64{slices.Repeat([]float64{1}, len(rows)), make([]float64, len(rows))}
	for i, s := range column(header, rows, "upper") {
		if upper[i] = math.Inf(1); s != "" {
			if v := numbers(t, []string{s})[0]; v < 100 {
				upper[i] = v
			}
		}
		if treat[i] == "2" {
			x[1][i] = 1
		}
	}
	for _, dist := range []string{"weibull", "loglogistic"} {
		p, err := FitParametric(lower, upper, x, dist)
		if err != nil {
			t.Fatal(err)
		}
		l.is(dist+"/coef/(Intercept)", p.Coef[0])
		l.is(dist+"/coef/factor(treat)2", p.Coef[1])
		l.is(dist+"/scale", p.Shape[0])
		l.is(dist+"/loglik", p.LogLik)
		if dist == "weibull" {
			l.is(dist+"/se", errorsOf(p.Cov)...)
		}
	}
	for _, g := range []string{"1", "2"} {
		var lo, hi []float64
		for i := range rows {
			if treat[i] == g {
				lo, hi = append(lo, lower[i]), append(hi, upper[i])
			}
		}
		l.is("n/"+g, float64(len(lo)))
		n, err := fit.SelfConsistent(lo, hi)
		if err != nil || n.Short > 1e-8 {
			t.Fatalf("group %s: the maximum is off by %v after %d steps (%v)", g, n.Short, n.Rounds, err)
		}
		times := l.numbersAt("turnbull/" + g + "/time")
		theirs := *n
		theirs.Mass = make([]float64, len(n.Mass))
		for i, at := range times {
			l.is(fmt.Sprintf("turnbull/%s/time/%d", g, i), at)
			// R puts the mass of an interval at its middle: compare after its end.
			mass := l.want[fmt.Sprintf("turnbull/%s/surv/%d", g, i)].(float64)
			if i > 0 {
				mass = l.want[fmt.Sprintf("turnbull/%s/surv/%d", g, i-1)].(float64) - mass
			} else {
				mass = 1 - mass
			}
			for j, left := range n.Left {
				if left < at && (at < n.Right[j] || math.IsInf(n.Right[j], 1)) || at == n.Right[j] {
					theirs.Mass[j] += mass
					at = math.Min(n.Right[j], 1e9)
					break
				}
			}
			_, most := n.By(at)
			s := 1 - most
			path := fmt.Sprintf("turnbull/%s/surv/%d", g, i)
			l.used[path] = true
			// R stops short of the maximum, by up to 0.0013 of a share here.
			if want := l.want[path].(float64); math.Abs(s-want) > 1.3e-3 {
				t.Errorf("%s at %v: %v, want %v", path, at, s, want)
			}
		}
		if a, b := logLikOf(*n, lo, hi), logLikOf(theirs, lo, hi); !(a >= b) || a > b+1e-2 {
			t.Errorf("group %s: log likelihood %v, of R %v", g, a, b)
		}
	}
	l.done()
}

// logLikOf is the log likelihood of masses by definition.
func logLikOf(t fit.Turnbull, lower, upper []float64) float64 {
	v := 0.0
	for i, l := range lower {
		in := 0.0
		for j, p := range t.Mass {
			if t.Right[j] <= upper[i] && (t.Left[j] > l || t.Left[j] == l && (t.Right[j] > l) == (upper[i] > l)) {
				in += p
			}
		}
		v += math.Log(in)
	}
	return v
}

// Exponential without covariates: rate events/time, log L = d log(d/T) - d, variance of
// the log 1/d. Here 3 events in 1+2+4+5 = 12: mean 4.
func TestExponentialByHand(t *testing.T) {
	inf := math.Inf(1)
	p, err := FitParametric([]float64{1, 2, 4, 5}, []float64{1, 2, 4, inf}, [][]float64{{1, 1, 1, 1}}, DistExponential)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "log mean", p.Coef[0], math.Log(4), 1e-10)
	near(t, "variance", p.Cov.At(0, 0), 1./3, 1e-8)
	near(t, "log L", p.LogLik, -3*math.Log(4)-3, 1e-12)
	near(t, "AIC", p.AIC(), 2*(3*math.Log(4)+3)+2, 1e-12)
	near(t, "median", p.Median([]float64{1}), 4*math.Ln2, 1e-9)
	if _, err := FitParametric([]float64{1, 2}, []float64{inf, inf}, [][]float64{{1, 1}}, DistWeibull); !errors.Is(err, ErrParametric) {
		t.Errorf("no event: %v", err)
	}
}

// The generalised gamma holds the others: with Q = 1 the Weibull and 0 the log-normal,
// smooth between; its density is the slope of its survival for every distribution.
func TestGeneralisedGamma(t *testing.T) {
	for _, tt := range []float64{0.2, 1, 2.5} {
		g, w, n := &lifetimes{dist: DistGenGamma}, &lifetimes{dist: DistWeibull}, &lifetimes{dist: DistLogNormal}
		one, zero := [3]float64{0.3, -0.4, 1}, [3]float64{0.3, -0.4, 0}
		near(t, "Weibull S", g.survival(tt, one), w.survival(tt, one), 1e-12)
		near(t, "Weibull f", g.density(tt, one), w.density(tt, one), 1e-12)
		near(t, "log-normal S", g.survival(tt, zero), n.survival(tt, zero), 1e-12)
		near(t, "log-normal f", g.density(tt, zero), n.density(tt, zero), 1e-12)
		for _, q := range []float64{1e-3, -1e-3} {
			by := [3]float64{0.3, -0.4, q}
			near(t, "near log-normal f", g.density(tt, by), n.density(tt, zero), 5e-3)
			near(t, "near log-normal S", g.survival(tt, by), n.survival(tt, zero), 5e-3)
		}
		for _, dist := range Distributions {
			for _, q := range []float64{-1.3, -0.3, 0.21, 0.8, 2} {
				l, p := &lifetimes{dist: dist}, [3]float64{0.2, 0.3, q}
				const h = 1e-5
				slope := -(math.Exp(l.survival(tt+h, p)) - math.Exp(l.survival(tt-h, p))) / (2 * h)
				near(t, dist, math.Exp(l.density(tt, p)), slope, 1e-7)
			}
		}
	}
}

// Times drawn by inversion at even probabilities from each distribution give back its
// parameters, and of the distributions the one they are from has the smallest AIC, or is
// within 2 of it for those that hold it.
func TestParametricRecovery(t *testing.T) {
	const n = 400
	for _, dist := range Distributions {
		truth := Parametric{Distribution: dist, Regression: Regression{Coef: []float64{4, 0.5, -0.5, 0.6}}}
		if dist == DistGompertz {
			truth.Coef = []float64{-4, 0.5, 0.01, 0}
		}
		lower, upper := make([]float64, n), make([]float64, n)
		x := [][]float64{make([]float64, n), make([]float64, n)}
		for i := range n {
			x[0][i], x[1][i] = 1, float64(i%2)
			p := (float64(i/2) + 0.5) / (n / 2)
			low, high := 0.0, 1e5
			for range 80 {
				if mid := (low + high) / 2; truth.Survival([]float64{1, x[1][i]}, mid) > p {
					low = mid
				} else {
					high = mid
				}
			}
			lower[i], upper[i] = low, low
			if i%7 == 0 {
				upper[i], lower[i] = 1.2*low, 0.8*low
			}
		}
		best := math.Inf(1)
		for _, d := range Distributions {
			f, err := FitParametric(lower, upper, x, d)
			if err != nil {
				t.Errorf("%s by %s: %v", dist, d, err)
				continue
			}
			best = math.Min(best, f.AIC())
			if d != dist {
				continue
			}
			for j, b := range f.Coef {
				if se := math.Sqrt(f.Cov.At(j, j)); math.Abs(b-truth.Coef[j]) > se {
					t.Errorf("%s, parameter %d: %v (%v), true %v", dist, j, b, se, truth.Coef[j])
				}
			}
		}
		if f, err := FitParametric(lower, upper, x, dist); err == nil && f.AIC() > best+2.5 {
			t.Errorf("%s: AIC %v, best %v", dist, f.AIC(), best)
		}
	}
}

// Times to the power k have coefficients and errors k times as large, down to times that
// hardly differ; another unit of time moves the constant alone.
func TestParametricRelations(t *testing.T) {
	const n, k = 120, 100
	time, _ := madeCauses(n, 5)
	x := [][]float64{slices.Repeat([]float64{1}, n), make([]float64, n)}
	powered, upper, poweredUpper, months := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range time {
		time[i] = 0.97 + time[i]/1000
		powered[i], upper[i], poweredUpper[i], months[i] = math.Pow(time[i], k), time[i], math.Pow(time[i], k), time[i]*30
		if x[1][i] = float64(i % 2); i%5 == 0 {
			upper[i], poweredUpper[i] = math.Inf(1), math.Inf(1)
		}
	}
	for _, dist := range []string{DistWeibull, DistLogNormal, DistLogLogistic, DistGenGamma} {
		a, err := FitParametric(time, upper, x, dist)
		b, err2 := FitParametric(powered, poweredUpper, x, dist)
		if err != nil || err2 != nil {
			t.Fatal(dist, err, err2)
		}
		for j := range x {
			near(t, dist+" coefficient", k*a.Coef[j], b.Coef[j], 1e-6)
			near(t, dist+" error", k*math.Sqrt(a.Cov.At(j, j)), math.Sqrt(b.Cov.At(j, j)), 1e-6)
		}
		near(t, dist+" scale", k*a.Shape[0], b.Shape[0], 1e-6)
	}
	for i := range upper {
		poweredUpper[i] = 30 * upper[i]
	}
	for _, dist := range Distributions {
		a, err := FitParametric(months, poweredUpper, x, dist)
		if err != nil {
			t.Fatal(dist, err)
		}
		b, err := FitParametric(time, upper, x, dist)
		if err != nil {
			t.Fatal(dist, err)
		}
		near(t, dist+" in another unit", a.Coef[1], b.Coef[1], 1e-8)
		move := math.Log(30)
		if dist == DistGompertz {
			move = -move
		}
		near(t, dist+" constant", a.Coef[0], b.Coef[0]+move, 1e-7)
		near(t, dist+" error of the constant", a.Cov.At(0, 0), b.Cov.At(0, 0), 1e-6)
		near(t, dist+" log likelihood", a.LogLik, b.LogLik-math.Log(30)*n*4/5, 1e-9)
	}
}
