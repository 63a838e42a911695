package economics

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"

	"recoup/simulate/stream"
)

func informed(t testing.TB, d Draws, p []Parameter, groups []Group, studies []Study, wtp ...float64) []Information {
	t.Helper()
	r, err := PartialInformation(t.Context(), d, p, groups, studies, wtp)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// normals are n standard normal numbers.
func normals(seed uint64, name string, n int) []float64 {
	c := stream.New(seed, name).Cursor()
	out := make([]float64, n)
	for i := range out {
		out[i] = c.Norm()
	}
	return out
}

// benefits are draws of two strategies: nothing, and one with a net benefit.
func benefits(inb []float64) Draws {
	zero := make([]float64, len(inb))
	return Draws{Strategies: []string{"now", "new"}, Cost: [][]float64{zero, zero}, Effect: [][]float64{zero, inb}}
}

func within(t testing.TB, what string, got, want, error, times float64) {
	t.Helper()
	if !(math.Abs(got-want) <= times*error) {
		t.Errorf("%s is %.6g, want %.6g within %g x %.3g", what, got, want, times, error)
	}
}

// An interaction alone: the net benefit is 100ab, so neither parameter by itself is worth
// anything, and both together are worth E|ab|/2 · 100 = 100/π.
func TestInformationOfAnInteraction(t *testing.T) {
	const n = 6000
	a, b, noise := normals(2, "a", n), normals(2, "b", n), normals(2, "noise", n)
	inb := make([]float64, n)
	for i := range inb {
		inb[i] = 100*a[i]*b[i] + 50*noise[i]
	}
	r := informed(t, benefits(inb), []Parameter{{"a", a}, {"b", b}}, []Group{{"a", []string{"a"}}, {"both", []string{"a", "b"}}}, nil, 1)
	if alone := float64(r[0].Values[0].EVPPI); alone > 3 {
		t.Errorf("a alone is worth %g", alone)
	}
	within(t, "both", float64(r[1].Values[0].EVPPI), 100/math.Pi, float64(r[1].Values[0].EVPPIMCSE), 4)
	if e := float64(r[1].Values[0].EVPPIMCSE); e > 2 {
		t.Errorf("an error of %g", e)
	}
}

// A curve that a line would not see, by hand: the net benefit is x² - 1, x standard
// normal; E max(0, x² - 1) = 2φ(1).
func TestInformationOfACurve(t *testing.T) {
	const n = 8000
	x, noise := normals(3, "x", n), normals(3, "noise", n)
	inb := make([]float64, n)
	for i := range inb {
		inb[i] = x[i]*x[i] - 1 + noise[i]
	}
	r := informed(t, benefits(inb), []Parameter{{"x", x}}, []Group{{"x", []string{"x"}}}, nil, 1)
	within(t, "x", float64(r[0].Values[0].EVPPI), 2*math.Exp(-0.5)/math.Sqrt(2*math.Pi), float64(r[0].Values[0].EVPPIMCSE), 4)
}

// The stated error is that of repeated draws: over 200 samples the errors have a root mean
// square between 0.8 and 1.25 of the spread seen (a false failure in 10,000 samples or so),
// and no more than 22 of the 200 intervals of 95 % miss (binomial, 1 in 2,000).
func TestInformationErrorBySimulation(t *testing.T) {
	const n, times = 400, 200
	want := 300 * unitLoss(200.0/300)
	miss, squares, spread := 0, 0.0, 0.0
	for k := range times {
		x, noise := normals(uint64(k), "x", n), normals(uint64(k), "noise", n)
		inb := make([]float64, n)
		for i := range inb {
			inb[i] = 200 + 300*x[i] + 400*noise[i]
		}
		v := informed(t, benefits(inb), []Parameter{{"x", x}}, []Group{{"x", []string{"x"}}}, nil, 1)[0].Values[0]
		if math.Abs(float64(v.EVPPI)-want) > 1.96*float64(v.EVPPIMCSE) {
			miss++
		}
		squares += float64(v.EVPPIMCSE * v.EVPPIMCSE)
		spread += (float64(v.EVPPI) - want) * (float64(v.EVPPI) - want)
	}
	if ratio := math.Sqrt(squares / spread); ratio < 0.8 || ratio > 1.25 || miss > 22 {
		t.Errorf("errors are %.3f of the spread; %d of %d intervals miss", ratio, miss, times)
	}
}

// unitLoss is the loss integral of a standard normal at z.
func unitLoss(z float64) float64 {
	return math.Exp(-z*z/2)/math.Sqrt(2*math.Pi) - z*math.Erfc(z/math.Sqrt2)/2
}

// Order of strategies and a common amount change nothing; a scale scales; a parameter
// turned round or measured otherwise is worth the same; never more than all.
func TestInformationRelations(t *testing.T) {
	const n = 2000
	x, u := normals(4, "x", n), normals(4, "u", n)
	d := Draws{Strategies: []string{"a", "b", "c"}, Cost: make([][]float64, 3), Effect: make([][]float64, 3)}
	for i := range n {
		for s := range 3 {
			k := float64(s)
			d.Cost[s] = append(d.Cost[s], 1000*k+200*k*x[i]+100*u[i]*k*k)
			d.Effect[s] = append(d.Effect[s], 1+0.3*k*u[i]+0.1*k*k*x[i]+0.02*k)
		}
	}
	other := Draws{Strategies: []string{"c", "a", "b"}, Cost: [][]float64{shift(d.Cost[2], u), shift(d.Cost[0], u), shift(d.Cost[1], u)}, Effect: [][]float64{d.Effect[2], d.Effect[0], d.Effect[1]}}
	scaled := Draws{Strategies: d.Strategies, Cost: [][]float64{times(d.Cost[0], 7), times(d.Cost[1], 7), times(d.Cost[2], 7)}, Effect: d.Effect}
	groups := []Group{{"x", []string{"x"}}, {"both", []string{"x", "u"}}}
	p := []Parameter{{"x", x}, {"u", u}}
	base := informed(t, d, p, groups, nil, 5000)
	for k, c := range []struct {
		d      Draws
		p      []Parameter
		factor float64
		wtp    float64
	}{{other, p, 1, 5000}, {scaled, p, 7, 35000}, {d, []Parameter{{"x", times(x, -3)}, {"u", times(u, 1e6)}}, 1, 5000}} {
		for g, r := range informed(t, c.d, c.p, groups, nil, c.wtp) {
			got, want := float64(r.Values[0].EVPPI), c.factor*float64(base[g].Values[0].EVPPI)
			if math.Abs(got-want) > 1e-5*want {
				t.Errorf("relation %d, %s: %g, want %g", k, r.Group, got, want)
			}
		}
	}
	for _, r := range base {
		if s := float64(r.Values[0].Share); !(s > 0 && s < 1.001) {
			t.Errorf("%s: a share of %g", r.Group, s)
		}
	}
	if !(base[1].Values[0].EVPPI >= base[0].Values[0].EVPPI) {
		t.Error("more is worth less")
	}
}

func shift(x, by []float64) []float64 {
	out := slices.Clone(x)
	for i := range out {
		out[i] += 3000 + 50*by[i]
	}
	return out
}

func times(x []float64, k float64) []float64 {
	out := slices.Clone(x)
	for i := range out {
		out[i] *= k
	}
	return out
}

// What does not vary is worth nothing, says why, and is no trouble in a group; two values
// are a line; a single strategy has no decision.
func TestInformationOfLittle(t *testing.T) {
	const n = 1000
	x := normals(5, "x", n)
	constant, switched, inb := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range inb {
		constant[i] = 3
		if x[i] > 0 {
			switched[i] = 1
		}
		inb[i] = 20*switched[i] - 10 + x[i]
	}
	p := []Parameter{{"constant", constant}, {"switched", switched}}
	groups := []Group{{"constant", []string{"constant"}}, {"switched", []string{"switched"}}, {"both", []string{"constant", "switched"}}}
	r := informed(t, benefits(inb), p, groups, nil, 1)
	if r[0].Values[0].EVPPI != 0 || r[0].Reason == "" || r[0].Method != "none" {
		t.Errorf("%+v", r[0])
	}
	if r[1].Values[0].EVPPI != r[2].Values[0].EVPPI {
		t.Error("a constant changes a group")
	}
	// Known, the new one is taken where switched is 1: the mean over all of the mean there.
	high, count := 0.0, 0.0
	mean := 0.0
	for i, v := range inb {
		mean += v / n
		if switched[i] == 1 {
			high += v
			count++
		}
	}
	within(t, "a switch", float64(r[1].Values[0].EVPPI), high/n-math.Max(0, mean), 1, 1e-6)
	one := Draws{Strategies: []string{"a"}, Cost: [][]float64{x}, Effect: [][]float64{x}}
	if r := informed(t, one, p, groups[1:2], nil, 1); r[0].Values[0].EVPPI != 0 || !strings.Contains(r[0].Reason, "one strategy") {
		t.Errorf("%+v", r[0])
	}
}

// Bad input is refused by name.
func TestInformationRefused(t *testing.T) {
	x := normals(6, "x", 100)
	d := benefits(x)
	p := []Parameter{{"x", x}}
	g := []Group{{"x", []string{"x"}}}
	for says, ask := range map[string]func() error{
		"50 or more": func() error {
			_, err := PartialInformation(t.Context(), benefits(x[:10]), []Parameter{{"x", x[:10]}}, g, nil, []float64{1})
			return err
		},
		`no parameter "y"`: func() error {
			_, err := PartialInformation(t.Context(), d, p, []Group{{"y", []string{"y"}}}, nil, []float64{1})
			return err
		},
		"finite value": func() error {
			_, err := PartialInformation(t.Context(), d, []Parameter{{"x", append(slices.Clone(x[:99]), math.NaN())}}, g, nil, []float64{1})
			return err
		},
		"none of the groups": func() error {
			_, err := PartialInformation(t.Context(), d, p, g, []Study{{"z", 10, []float64{5}}}, []float64{1})
			return err
		},
		"prior number": func() error {
			_, err := PartialInformation(t.Context(), d, p, g, []Study{{"x", 0, []float64{5}}}, []float64{1})
			return err
		},
		"rising": func() error {
			_, err := PartialInformation(t.Context(), d, p, g, nil, []float64{2, 1})
			return err
		},
	} {
		if err := ask(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}

// The slope of the likelihood is that of finite differences.
func TestProcessSlope(t *testing.T) {
	rows := standardised([][]float64{normals(7, "a", 40), normals(7, "b", 40)})
	l := &likelihood{rows: rows}
	for k := range 2 {
		l.ys = append(l.ys, mat.NewVecDense(40, normals(8, strconv.Itoa(k), 40)))
	}
	at := []float64{0.3, 1.2, -0.7}
	got := make([]float64, 3)
	l.gradient(got, at)
	want := fd.Gradient(nil, (&likelihood{rows: rows, ys: l.ys}).value, at, &fd.Settings{Formula: fd.Central})
	for j := range got {
		within(t, "slope", got[j], want[j], 1, 1e-5)
	}
}

// By hand: a natural cubic spline of a straight line is that line, its penalty 0; and at
// the knots it is its coefficients.
func TestSpline(t *testing.T) {
	knots := []float64{0, 1, 3, 4, 10}
	x := []float64{0, 0.5, 1, 2.2, 3, 7, 10}
	design, penalty, err := spline(x, knots)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range x {
		sum, ones := 0.0, 0.0
		for j, k := range knots {
			sum += design.At(i, j) * (2 - 3*k)
			ones += design.At(i, j)
			if v == k {
				within(t, "at a knot", design.At(i, j), 1, 1, 1e-12)
			}
		}
		within(t, "a line", sum, 2-3*v, 1, 1e-12)
		within(t, "a constant", ones, 1, 1, 1e-12)
	}
	bend := 0.0
	for i, a := range knots {
		for j, b := range knots {
			bend += a * penalty.At(i, j) * b
		}
	}
	within(t, "penalty of a line", bend, 0, 1, 1e-9)
	// Knots 0, 1, 2 with values 0, 1, 0: the second derivative is -3 at 1, and
	// its square integrates to 9/3 + 9/3 = 6.
	_, penalty, err = spline([]float64{0}, []float64{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "penalty of a bend", penalty.At(1, 1), 6, 1, 1e-12)
}

// By hand: 100 a year for 3 years at 10 %: 100 + 90.909 + 82.645.
func TestPopulation(t *testing.T) {
	got, err := Population(100, 3, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "population", got, 100+100/1.1+100/1.21, 1, 1e-12)
	if _, err := Population(-1, 3, 0.1); err == nil {
		t.Error("a negative number of patients was taken")
	}
}

// BenchmarkInformation is 10,000 draws of 6 strategies, 30 parameters alone and one group
// of 5, at 101 values of a unit of effect.
func BenchmarkInformation(b *testing.B) {
	const n = 10_000
	var p []Parameter
	var groups []Group
	for k := range 30 {
		name := "p" + strconv.Itoa(k)
		p = append(p, Parameter{name, normals(9, name, n)})
		groups = append(groups, Group{name, []string{name}})
	}
	groups = append(groups, Group{"five", []string{"p0", "p1", "p2", "p3", "p4"}})
	d := Draws{Cost: make([][]float64, 6), Effect: make([][]float64, 6)}
	for s := range 6 {
		d.Strategies = append(d.Strategies, strconv.Itoa(s))
		for i := range n {
			cost, effect := 1000*float64(s), 5+0.1*float64(s)
			for k := range 30 {
				cost += 100 * p[k].Values[i] * float64((s*k)%5)
				effect += 0.05 * p[k].Values[i] * float64((s+k)%4)
			}
			d.Cost[s], d.Effect[s] = append(d.Cost[s], cost), append(d.Effect[s], effect+0.02*p[0].Values[i]*p[1].Values[i]*float64(s))
		}
	}
	wtp := make([]float64, 101)
	for i := range wtp {
		wtp[i] = 1000 * float64(i)
	}
	for b.Loop() {
		informed(b, d, p, groups, nil, wtp...)
	}
}
