package impute

import (
	"math"
	"testing"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/simulate/stream"
)

// The k nearest of sorted values, by hand: of 0 1 2 4 8 the three nearest to 3 are 2, 4
// and 1; ties share the places that are left.
func TestNearest(t *testing.T) {
	f := func(sorted []float64, x float64, k int, want map[int]float64) {
		t.Helper()
		got := map[int]float64{}
		const n = 12000
		for i := range n {
			got[nearest(sorted, x, k, (float64(i)+0.5)/n)] += 1. / n
		}
		for at, share := range want {
			if math.Abs(got[at]-share) > 1e-3 {
				t.Errorf("of %v near %v: place %d has %v, want %v", sorted, x, at, got[at], share)
			}
			delete(got, at)
		}
		if len(got) > 0 {
			t.Errorf("of %v near %v: also %v", sorted, x, got)
		}
	}
	third, fourth := 1./3, 0.25
	f([]float64{0, 1, 2, 4, 8}, 3, 3, map[int]float64{1: third, 2: third, 3: third})
	f([]float64{0, 1, 2, 4, 8}, 100, 2, map[int]float64{3: 0.5, 4: 0.5})
	f([]float64{0, 1, 2, 4, 8}, -1, 1, map[int]float64{0: 1})
	f([]float64{1, 1, 1, 1}, 1, 2, map[int]float64{0: fourth, 1: fourth, 2: fourth, 3: fourth})
	f([]float64{1, 1, 1, 1}, 0, 2, map[int]float64{0: fourth, 1: fourth, 2: fourth, 3: fourth})
	f([]float64{0, 2}, 1, 1, map[int]float64{0: 0.5, 1: 0.5})                                                // one place for two
	f([]float64{0, 0, 1, 2, 2}, 1, 3, map[int]float64{2: third, 0: 1. / 6, 1: 1. / 6, 3: 1. / 6, 4: 1. / 6}) // 1, and two places for four
	f([]float64{3}, 1, 5, map[int]float64{0: 1})
}

// Rows in any order of predictions are sorted, also where one value is far from all.
func TestSort(t *testing.T) {
	for _, far := range []float64{0, 1e9} {
		c := &chain{predict: make([]float64, 5000)}
		seen := make([]int32, len(c.predict))
		s := stream.New(3, "sort")
		for i := range seen {
			seen[i], c.predict[i] = int32(i), math.Round(1000*s.Float64(uint64(i)))/1000
		}
		c.predict[7] = far
		c.sort(seen)
		for i := 1; i < len(seen); i++ {
			a, b := c.order[i-1], c.order[i]
			if c.sorted[i] != c.predict[b] || c.predict[a] > c.predict[b] || c.predict[a] == c.predict[b] && a > b {
				t.Fatalf("far %v: place %d is out of order", far, i)
			}
		}
	}
}

// The mean of chi-square is df and its variance 2 df: 20,000 draws, a false failure once
// in about 50,000 for each (4.4 standard errors; the variance of a squared deviation is
// that of 8 df² + 48 df).
func TestChiSquare(t *testing.T) {
	for _, df := range []float64{1, 2, 7, 60} {
		c := stream.New(1, "chi-square").Cursor()
		const n = 20_000
		sum, squares := 0.0, 0.0
		for range n {
			x := chiSquare(c, df)
			sum += x - df
			squares += (x - df) * (x - df)
		}
		if d := math.Abs(sum / n); d > 4.4*math.Sqrt(2*df/n) {
			t.Errorf("df %v: the mean is off by %v", df, d)
		}
		if d := math.Abs(squares/n - 2*df); d > 4.4*math.Sqrt((8*df*df+48*df)/n) {
			t.Errorf("df %v: the variance is off by %v", df, d)
		}
	}
}

// trialOf draws patients of two arms with four visits; half drop out.
func trialOf(n int) (x, y [][]float64) {
	s := stream.New(11, "trial")
	for i := range n {
		c := s.Sub(uint64(i)).Cursor()
		arm, before := float64(i%2), c.Norm()
		u := c.Norm()
		row := []float64{arm, 1 - arm, before}
		out := make([]float64, 4)
		for v := range out {
			out[v] = float64(v)*arm + 0.5*before + u + c.Norm()
		}
		for v := int(1 + 6*c.Float64()); v < 4; v++ {
			out[v] = math.NaN()
		}
		if i%9 == 0 {
			out[1] = math.NaN()
		}
		x, y = append(x, row), append(y, out)
	}
	return x, y
}

// The EM algorithm ends where Newton's method does for the mixed model with the same
// design: two ways to one restricted likelihood.
func TestRestrictedLikelihood(t *testing.T) {
	x, y := trialOf(150)
	d := newRepeated(x, y)
	got, ok := d.fit(d.sums(nil), nil)
	if !ok {
		t.Fatal("no fit")
	}
	r, err := fit.NewRepeated(4, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range x {
		rows := make([][]float64, 4)
		for v := range rows {
			rows[v] = make([]float64, 12)
			copy(rows[v][3*v:], x[i])
		}
		r.Add(fit.Patient{X: rows, Y: y[i], Weight: 1})
	}
	want, err := r.FitRepeated(t.Context(), fit.Unstructured, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range want.Beta {
		if math.Abs(got.beta[i]-b) > 1e-6 {
			t.Errorf("coefficient %d: %v, want %v", i, got.beta[i], b)
		}
	}
	for a := range 4 {
		for b := range 4 {
			if s := want.Sigma[0].At(a, b); math.Abs(got.sigma[a*4+b]-s) > 1e-6 {
				t.Errorf("covariance %d %d: %v, want %v", a, b, got.sigma[a*4+b], s)
			}
		}
	}
	// A patient taken twice is two patients, and one taken no times is none.
	times := make([]int, len(x))
	var x2, y2 [][]float64
	for i := range times {
		times[i] = i % 3
		for range times[i] {
			x2, y2 = append(x2, x[i]), append(y2, y[i])
		}
	}
	twice := newRepeated(x2, y2)
	a, _ := d.fit(d.sums(times), got.sigma)
	b, _ := twice.fit(twice.sums(nil), nil)
	for i := range a.sigma {
		if math.Abs(a.sigma[i]-b.sigma[i]) > 1e-8 {
			t.Errorf("taken over: %v, want %v", a.sigma[i], b.sigma[i])
		}
	}
}

// By hand, with A = (4 2; 2 3) of the arm and B = (1 1/2; 1/2 2) of the reference, dropped
// after the first visit: Σ₂₁ = 1/2 × 4 = 2 and Σ₂₂ = 2 - 1/2 (1-4) 1/2 = 2.75.
func TestCovarianceOfStrategy(t *testing.T) {
	n := &normal{at: []int{1, 2}, arms: true, reference: 1, strategy: jump}
	f := fitted{{sigma: []float64{4, 2, 2, 3}}, {sigma: []float64{1, 0.5, 0.5, 2}}}
	check := func(strategy string, arm, from int, want []float64) {
		t.Helper()
		n.strategy = strategy
		got, ok := n.covariance(f, arm, from)
		for i := range want {
			if !ok || math.Abs(got[i]-want[i]) > 1e-14 {
				t.Errorf("%s %d %d: %v, want %v", strategy, arm, from, got, want)
				return
			}
		}
	}
	check(jump, 0, 1, []float64{4, 2, 2, 2.75})
	check(copyIncrements, 0, 1, []float64{4, 2, 2, 2.75})
	check(jump, 0, 0, f[1].sigma)
	check(copyReference, 0, 1, f[1].sigma)
	check(lastMean, 0, 1, f[0].sigma)
	check(atRandom, 0, 1, f[0].sigma)
	check(jump, 1, 1, f[1].sigma)
	check(jump, 0, 2, f[0].sigma) // the last visit was seen
	check(copyReference, 0, 2, f[0].sigma)
}

// Deltas by hand: of visits seen, missed, missed, seen, missed; cumulative counts anew
// after a visit that was seen.
func TestDelta(t *testing.T) {
	nan := math.NaN()
	s := &study{normal: &normal{panel: &panel{group: []int{0, 1}}, at: []int{0, 1, 2, 3, 4}, usable: []int{0, 1}, y: [][]float64{{1, nan, nan, 1, nan}, {1, nan, nan, 1, nan}}}}
	for _, x := range []struct {
		d    delta
		want [2][5]float64
	}{
		{delta{by: []float64{2, 0}}, [2][5]float64{{0, 2, 2, 0, 2}, {}}},
		{delta{by: []float64{2, -1}, cumulative: true}, [2][5]float64{{0, 2, 4, 0, 2}, {0, -1, -2, 0, -1}}},
		{delta{}, [2][5]float64{}},
	} {
		values := make([][]float64, 5)
		for v := range values {
			values[v] = make([]float64, 2)
		}
		s.add(values, x.d)
		for r := range 2 {
			for v := range values {
				if values[v][r] != x.want[r][v] {
					t.Errorf("%+v: patient %d visit %d: %v, want %v", x.d, r, v, values[v][r], x.want[r][v])
				}
			}
		}
	}
}

// A binary and a coded variable, missing by what foretells them, are imputed with the
// shares of the model they were drawn from. 30 imputations of 4000 patients: the share
// imputed has a standard error under 0.012, and 4.4 of them fail by chance once in 90,000.
func TestCategories(t *testing.T) {
	const n = 4000
	s := stream.New(21, "categories")
	var x, yes, code [n]float64
	variables := []variable{{values: x[:], method: byNormal}, {values: yes[:], method: byLogistic}, {values: code[:], method: byPolytomous, levels: 3}}
	place := make([]uint64, n)
	truth := [3]float64{}
	wanted := 0.0
	missing := [2]float64{}
	for i := range n {
		c := s.Sub(uint64(i)).Cursor()
		place[i], x[i] = uint64(i), c.Norm()
		if c.Float64() < 1/(1+math.Exp(-x[i])) {
			yes[i] = 1
		}
		w := []float64{1, math.Exp(0.5 * x[i]), math.Exp(-0.5 + x[i])}
		u := c.Float64() * (w[0] + w[1] + w[2])
		for code[i] = 0; code[i] < 2 && u > w[int(code[i])]; code[i]++ {
			u -= w[int(code[i])]
		}
		if c.Float64() < 1/(1+math.Exp(-x[i])) { // likelier missing where x is large
			missing[0]++
			wanted += yes[i]
			yes[i] = math.NaN()
		}
		if c.Float64() < 1/(1+math.Exp(-x[i])) {
			missing[1]++
			truth[int(code[i])]++
			code[i] = math.NaN()
		}
	}
	e := newEquations(variables, place)
	share, levels := 0.0, [3]float64{}
	for m := range 30 {
		c := e.run(stream.New(1, "t").Sub(uint64(m)), 3)
		for _, v := range c.values[1] {
			share += v / missing[0] / 30
		}
		for _, v := range c.values[2] {
			levels[int(v)] += 1 / missing[1] / 30
		}
	}
	// The truth of these very patients varies too: √(p(1-p)/2000) = 0.011 about its mean,
	// and the coefficients are estimated: together under 0.02.
	if d := math.Abs(share - wanted/missing[0]); d > 4.4*0.02 {
		t.Errorf("share %v, truth %v", share, wanted/missing[0])
	}
	for l := range levels {
		if d := math.Abs(levels[l] - truth[l]/missing[1]); d > 4.4*0.02 {
			t.Errorf("level %d: %v, truth %v", l, levels[l], truth[l]/missing[1])
		}
	}
	seen := 0.0
	for _, r := range e.variables[1].seen {
		seen += yes[r] / float64(len(e.variables[1].seen))
	}
	if math.Abs(seen-wanted/missing[0]) < 4.4*0.02 {
		t.Error("the test cannot tell imputing from leaving out")
	}
}

// Separated categories keep finite coefficients: those beyond the parting are imputed as
// their side.
func TestSeparatedCategories(t *testing.T) {
	const n = 60
	var x, y [n]float64
	place := make([]uint64, n)
	for i := range n {
		place[i], x[i] = uint64(i), float64(i)-30
		if i >= 30 {
			y[i] = 1
		}
	}
	y[2], y[57] = math.NaN(), math.NaN()
	e := newEquations([]variable{{values: x[:], method: byNormal}, {values: y[:], method: byLogistic}}, place)
	right := 0
	for m := range 50 {
		c := e.run(stream.New(1, "t").Sub(uint64(m)), 2)
		if c.values[1][0] == 0 {
			right++
		}
		if c.values[1][1] == 1 {
			right++
		}
	}
	if right < 95 {
		t.Errorf("%d of 100 on their side", right)
	}
}

// Ratios are pooled on the log scale, by hand: values 2 and 8 have the geometric mean 4.
func TestScales(t *testing.T) {
	ratio := func(v float64) analysis.Estimate {
		e := analysis.NewEstimate("risk_ratio", analysis.ScaleRatio)
		e.Value, e.SE, e.P = analysis.Num(v), analysis.Num(v/2), 0.5
		return e
	}
	got := poolEstimate([]analysis.Estimate{ratio(2), ratio(8)}, 2, 0.95, "").Estimate
	b := math.Log(2) * math.Log(2) * 2
	se := math.Sqrt(0.25 + 1.5*b)
	if math.Abs(float64(got.Value)-4) > 1e-12 || math.Abs(float64(got.SE)-4*se) > 1e-12 || math.Abs(float64(got.CI.Low*got.CI.High)-16) > 1e-9 {
		t.Errorf("%+v", got)
	}
	nnt := func(v float64) analysis.Estimate {
		e := analysis.NewEstimate("nnt", analysis.ScaleNNT)
		e.Value = analysis.Num(v)
		return e
	}
	// Risk differences of 1/2 and 1/4: mean 3/8.
	if got := poolEstimate([]analysis.Estimate{nnt(2), nnt(4)}, 2, 0.95, "").Estimate; math.Abs(float64(got.Value)-8./3) > 1e-12 || got.CI.Low.OK() || len(got.Warnings) == 0 {
		t.Errorf("%+v", got)
	}
	// Without variance between, Lott and Reiter's interval is Wilson's with t for z.
	p := Pooled{Value: 0.3, Within: 0.3 * 0.7 / 50}
	low, high := lottReiter(p, 1.959963984540054, 50)
	want := analysis.Wilson(15, 50, 0.95)
	if math.Abs(low-float64(want.Low)) > 1e-12 || math.Abs(high-float64(want.High)) > 1e-12 {
		t.Errorf("%v to %v, want %v", low, high, want)
	}
	// An estimate missing from a completed cohort is not pooled.
	if got := poolEstimate([]analysis.Estimate{ratio(2)}, 2, 0.95, "").Estimate; got.Value.OK() || len(got.Warnings) == 0 {
		t.Errorf("%+v", got)
	}
}

// R-hat by hand: chains 0 0 | 1 3 and 0 0 | 5 7 have, over their later halves, W = 2,
// means 2 and 6 with variance 8, so √((2 × 1/2 + 8)/2) = √4.5.
func TestRhat(t *testing.T) {
	if got := rhat([][]float64{{0, 0, 1, 3}, {0, 0, 5, 7}}); math.Abs(got-math.Sqrt(4.5)) > 1e-14 {
		t.Errorf("%v", got)
	}
}

// Draws of a regression have the moments of their posterior: σ² of mean RSS/(df-2), and
// coefficients of variance RSS/(df-2) (X'X)⁻¹ about the estimates. Twelve rows and two
// columns, so df = 10; 40,000 draws, 4.4 standard errors. σ² has the relative variance
// 2/(df-4) = 1/3, a squared coefficient one of 5 at most (kurtosis of t with 10 df).
func TestDraw(t *testing.T) {
	const n, draws = 12, 40_000
	cross := make([]float64, 9)
	for i := range n {
		x := float64(i) - 5.5
		row := []float64{1, x, 2 + 0.5*x + math.Sin(7*float64(i))}
		for a := range row {
			for b := range row {
				cross[a*3+b] += row[a] * row[b]
			}
		}
	}
	var l linear
	if l.fit(cross, 3, 2, []int{0, 1}, n) {
		t.Error("a ridge where none is needed")
	}
	slope := cross[5] / cross[4] // columns are orthogonal
	if math.Abs(l.beta[0]-cross[2]/n) > 1e-12 || math.Abs(l.beta[1]-slope) > 1e-12 {
		t.Errorf("coefficients %v", l.beta)
	}
	c := stream.New(1, "draw").Cursor()
	variance, spread := 0.0, [2]float64{}
	for range draws {
		s := l.draw(c)
		variance += s * s / draws
		for j := range spread {
			spread[j] += (l.drawn[j] - l.beta[j]) * (l.drawn[j] - l.beta[j]) / draws
		}
	}
	want := l.rss / 8
	if math.Abs(variance/want-1) > 4.4*math.Sqrt(1./3/draws) {
		t.Errorf("variance %v, want %v", variance, want)
	}
	for j, unit := range []float64{cross[0], cross[4]} {
		if math.Abs(spread[j]*unit/want-1) > 4.4*math.Sqrt(5./draws) {
			t.Errorf("coefficient %d: variance %v, want %v", j, spread[j], want/unit)
		}
	}
}

// Draws of a logistic regression spread as its information says: 20,000 draws of the
// coefficients that fit.Logistic finds, but for the weak prior.
func TestDrawCategories(t *testing.T) {
	const n, draws = 400, 20_000
	x, y, place, ones := make([]float64, n), make([]float64, n), make([]uint64, n), make([]float64, n)
	s := stream.New(5, "logistic").Cursor()
	for i := range n {
		place[i], x[i], ones[i] = uint64(i), s.Norm(), 1
		if s.Float64() < stream.Logistic(x[i]-0.5) {
			y[i] = 1
		}
	}
	e := newEquations([]variable{{values: x, method: byNormal}, {values: y, method: byLogistic}}, place)
	c := &chain{equations: e, columns: e.columns}
	m := newCategorical(c, &e.variables[1], []int{0, 1})
	m.fit()
	want, err := fit.Logistic(y, [][]float64{ones, e.columns[1]})
	if err != nil {
		t.Fatal(err)
	}
	cov, err := want.Covariance(fit.CovModel)
	if err != nil {
		t.Fatal(err)
	}
	spread := [3]float64{}
	cursor := stream.New(6, "draws").Cursor()
	for range draws {
		b := m.draw(cursor)
		d0, d1 := b[0]-m.beta[0], b[1]-m.beta[1]
		spread[0], spread[1], spread[2] = spread[0]+d0*d0/draws, spread[1]+d1*d1/draws, spread[2]+d0*d1/draws
	}
	for j := range 2 {
		if math.Abs(m.beta[j]-want.Coef[j]) > 0.005 {
			t.Errorf("coefficient %d: %v, want %v", j, m.beta[j], want.Coef[j])
		}
		if math.Abs(spread[j]/cov.At(j, j)-1) > 4.4*math.Sqrt(2./draws)+0.005 {
			t.Errorf("variance %d: %v, want %v", j, spread[j], cov.At(j, j))
		}
	}
	if size := math.Sqrt(cov.At(0, 0) * cov.At(1, 1)); math.Abs(spread[2]-cov.At(0, 1)) > size*(4.4*math.Sqrt(2./draws)+0.005) {
		t.Errorf("covariance %v, want %v", spread[2], cov.At(0, 1))
	}
}

// Values drawn given those seen, by hand: Σ = (4 2; 2 3), means 1 and 5. With 3 seen first
// the second has the mean 5 + 2/4 × (3-1) = 6 and the variance 3 - 2²/4 = 2; with nothing
// seen both have Σ. 40,000 draws of each, 4.4 standard errors.
func TestDrawsOfNormal(t *testing.T) {
	const draws = 40_000
	nan := math.NaN()
	n := &normal{
		panel: &panel{group: []int{0, 0}, groups: make([]analysis.Group, 1), place: []uint64{3, 8}, visits: make([]datasets.Visit, 3), values: [][]float64{{0, 0}, {3, nan}, {nan, nan}}},
		at:    []int{1, 2}, usable: []int{0, 1}, x: [][]float64{nil, nil}, y: [][]float64{{3, nan}, {nan, nan}},
		reference: -1, strategy: atRandom, member: [][]int{{0, 1}},
	}
	n.data = []*repeated{newRepeated([][]float64{{1}, {1}}, n.y)}
	f := fitted{{beta: []float64{1, 5}, sigma: []float64{4, 2, 2, 3}}}
	base := stream.New(2, "normal")
	var sum [3]float64
	var squares [4]float64 // of the first patient's second visit; of the second's; their product
	for k := range draws {
		s := base.Sub(uint64(k))
		v, ok := n.completed(f, &s)
		if !ok {
			t.Fatal("not completed")
		}
		a, b, c := v[2][0]-6, v[1][1]-1, v[2][1]-5
		sum[0], sum[1], sum[2] = sum[0]+a/draws, sum[1]+b/draws, sum[2]+c/draws
		squares[0], squares[1], squares[2], squares[3] = squares[0]+a*a/draws, squares[1]+b*b/draws, squares[2]+c*c/draws, squares[3]+b*c/draws
		if v[1][0] != 3 {
			t.Fatal("a value seen was changed")
		}
	}
	for i, variance := range []float64{2, 4, 3} {
		if math.Abs(sum[i]) > 4.4*math.Sqrt(variance/draws) || math.Abs(squares[i]-variance) > 4.4*variance*math.Sqrt(2./draws) {
			t.Errorf("%d: off by %v, variance %v, want %v", i, sum[i], squares[i], variance)
		}
	}
	if math.Abs(squares[3]-2) > 4.4*math.Sqrt((4*3+2*2)/float64(draws)) {
		t.Errorf("covariance %v, want 2", squares[3])
	}
	if v, _ := n.completed(f, nil); v[2][0] != 6 || v[1][1] != 1 || v[2][1] != 5 {
		t.Errorf("conditional means %v", v)
	}
}
