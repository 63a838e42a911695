package fit

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"
)

var nan = math.NaN()

// z95 is the normal quantile of 95 % intervals.
const z95 = 1.959963984540054

var scales = []string{CurveLog, CurveLogLog, CurvePlain}

// Eight patients, + censored: 1 2+ 3 3 3+ 5 7+ 9.
//
//	t  at risk  events  S                  Greenwood
//	1  8        1       7/8                1/(8·7) = 1/56
//	2  7        0       7/8                1/56
//	3  6        2       7/8 · 4/6 = 7/12   1/56 + 2/(6·4) = 1/56 + 1/12 = 17/168
//	5  3        1       7/12 · 2/3 = 7/18  17/168 + 1/6 = 45/168
//	7  2        0       7/18
//	9  1        1       0
//
// The patient censored at 3 is at risk at 3. The median is the first time at
// which S ≤ 1/2: 5. The restricted mean to 8 is
// 1·1 + 7/8·2 + 7/12·2 + 7/18·3 = 1 + 7/4 + 7/6 + 7/6 = 61/12; beyond 1, 3 and 5
// there are 49/12, 7/3 and 7/6 of it, so its variance is
// (49/12)²/56 + (7/3)²/12 + (7/6)²/6 = 0.9780…
func TestKaplanMeierByHand(t *testing.T) {
	time := []float64{3, 9, 1, 3, 7, 2, 5, 3}
	event := []bool{true, true, true, false, false, false, true, true}
	c := KaplanMeier(time, event)
	if !slices.Equal(c.Time, []float64{1, 2, 3, 5, 7, 9}) || !slices.Equal(c.AtRisk, []int{8, 7, 6, 3, 2, 1}) ||
		!slices.Equal(c.Events, []int{1, 0, 2, 1, 0, 1}) || !slices.Equal(c.Censored, []int{0, 1, 1, 0, 1, 0}) {
		t.Fatalf("curve %+v", c)
	}
	for i, want := range []float64{7. / 8, 7. / 8, 7. / 12, 7. / 18, 7. / 18, 0} {
		near(t, "S", c.Survival[i], want, 1e-15)
	}
	for i, want := range []float64{1. / 56, 1. / 56, 17. / 168, 45. / 168, 45. / 168} {
		near(t, "Greenwood", c.Greenwood[i], want, 1e-15)
	}
	s, se := c.SurvivalAt(4)
	near(t, "S(4)", s, 7./12, 1e-15)
	near(t, "se(4)", se, 7./12*math.Sqrt(17./168), 1e-15)
	median, _, _ := c.Quantile(0.5, CurveLog, z95)
	near(t, "median", median, 5, 0)
	mean, se := c.RestrictedMean(8)
	near(t, "restricted mean", mean, 61./12, 1e-14)
	near(t, "its error", se, math.Sqrt(49.*49/144/56+49./9/12+49./36/6), 1e-14)
	if c.NumberAtRisk(0) != 8 || c.NumberAtRisk(3) != 6 || c.NumberAtRisk(4) != 3 || c.NumberAtRisk(10) != 0 || c.EventsBy(4) != 3 {
		t.Error("counts at a time are wrong")
	}
	if s, se := c.SurvivalAt(20); s != 0 || !math.IsNaN(se) {
		t.Errorf("all returned by 9, but at 20: %v %v", s, se)
	}
}

// The survival of 1 2+ is flat at 1/2 from 1 to the end: the median is the middle
// of that stretch, as survfit has it.
func TestQuantileOnAFlatStretch(t *testing.T) {
	c := KaplanMeier([]float64{1, 2, 2, 4}, []bool{true, true, false, false})
	m, _, _ := c.Quantile(0.5, CurveLog, z95)
	near(t, "flat to the end", m, 3, 0)
	c = KaplanMeier([]float64{1, 2, 6, 9}, []bool{true, true, true, true})
	m, _, _ = c.Quantile(0.5, CurveLog, z95)
	near(t, "flat to the next event", m, 4, 0)
}

func TestCurvesAtTheEdge(t *testing.T) {
	for name, c := range map[string]Curve{
		"empty":        KaplanMeier(nil, nil),
		"all unusable": KaplanMeier([]float64{nan, -1, math.Inf(1)}, []bool{true, true, true}),
	} {
		s, se := c.SurvivalAt(1)
		m, l, h := c.Quantile(0.5, CurveLog, z95)
		r, rse := c.RestrictedMean(1)
		for _, v := range []float64{s, se, m, l, h, r, rse, c.Last()} {
			near(t, name, v, nan, 0)
		}
	}
	if c := KaplanMeier([]float64{nan, -1, 2}, []bool{true, true, true}); c.N != 1 || c.Missing != 2 {
		t.Errorf("unusable times: %d used, %d missing", c.N, c.Missing)
	}
	// Nobody returns: the share stays 1 with no error to speak of, and no median.
	c := KaplanMeier([]float64{4, 5}, []bool{false, false})
	s, se := c.SurvivalAt(5)
	near(t, "all censored", s, 1, 0)
	near(t, "all censored, error", se, 0, 0)
	m, _, _ := c.Quantile(0.5, CurveLog, z95)
	near(t, "all censored, median", m, nan, 0)
	s, _ = c.SurvivalAt(6)
	near(t, "beyond the last time", s, nan, 0)
	// All return at once.
	c = KaplanMeier([]float64{3, 3, 3}, []bool{true, true, true})
	m, l, h := c.Quantile(0.5, CurveLog, z95)
	near(t, "all at once, median", m, 3, 0)
	near(t, "all at once, low", l, nan, 0)
	near(t, "all at once, high", h, nan, 0)
	r, rse := c.RestrictedMean(10)
	near(t, "all at once, restricted mean", r, 3, 0)
	near(t, "all at once, its error", rse, 0, 0)
}

// Order does not matter, twice the patients halve the variance, and another unit
// of time scales the times alone.
func TestCurveRelations(t *testing.T) {
	time, event, _ := readKM(t, "testdata/km.csv")
	c := KaplanMeier(time, event)
	back, backEvent := slices.Clone(time), slices.Clone(event)
	slices.Reverse(back)
	slices.Reverse(backEvent)
	again := KaplanMeier(back, backEvent)
	if !slices.Equal(c.Survival, again.Survival) || !slices.Equal(c.Greenwood, again.Greenwood) {
		t.Error("the order of the patients changes the curve")
	}
	twice := KaplanMeier(append(back, time...), append(backEvent, event...))
	weeks := make([]float64, len(time))
	for i := range time {
		weeks[i] = time[i] / 8
	}
	scaled := KaplanMeier(weeks, event)
	for i := range c.Time {
		near(t, "S of twice the patients", twice.Survival[i], c.Survival[i], 1e-14)
		near(t, "variance of twice the patients", twice.Greenwood[i], c.Greenwood[i]/2, 1e-13)
		near(t, "S in another unit", scaled.Survival[i], c.Survival[i], 0)
	}
	m, _, _ := c.Quantile(0.5, CurveLog, z95)
	ms, _, _ := scaled.Quantile(0.5, CurveLog, z95)
	near(t, "median in another unit", ms, m/8, 0)
}

func readKM(t *testing.T, path string) (time []float64, event []bool, arm []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[1:] {
		v, err := strconv.ParseFloat(r[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		time, event, arm = append(time, v), append(event, r[1] == "1"), append(arm, r[2])
	}
	return time, event, arm
}

// The numbers of R's survival package, made by testdata/km.R.
func TestAgainstSurvival(t *testing.T) {
	b, err := os.ReadFile("testdata/km.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]*float64
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	at := func(key string, i int) float64 {
		if i >= len(want[key]) {
			t.Fatalf("km.json has no %s[%d]", key, i)
		}
		if want[key][i] == nil {
			return nan
		}
		return *want[key][i]
	}
	time, event, _ := readKM(t, "testdata/km.csv")
	c := KaplanMeier(time, event)
	const tol = 1e-12
	for i := range want["time"] {
		x := at("time", i)
		s, se := c.SurvivalAt(x)
		near(t, "surv", s, at("surv", i), tol)
		near(t, "se", se, at("se", i), tol)
		near(t, "n.risk", float64(c.NumberAtRisk(x)), at("n.risk", i), 0)
		for _, r := range scales {
			low, high := c.Bounds(x, r, z95)
			near(t, r+" lower", low, at(r+" lower", i), tol)
			near(t, r+" upper", high, at(r+" upper", i), tol)
		}
	}
	for _, r := range scales {
		for i, p := range []float64{0.25, 0.5} {
			q, low, high := c.Quantile(p, r, z95)
			near(t, r+" quantile", q, at(r+" quantile", i), 0)
			near(t, r+" quantile lower", low, at(r+" quantile lower", i), 0)
			near(t, r+" quantile upper", high, at(r+" quantile upper", i), 0)
		}
	}
	mean, se := c.RestrictedMean(60)
	near(t, "rmean", mean, at("rmean60", 0), tol)
	near(t, "se(rmean)", se, at("rmean60", 1), tol)
}

// Case weights, against R: testdata/weights.R. With weights of 1 the error is Greenwood's.
func TestWeightsAgainstSurvival(t *testing.T) {
	b, err := os.ReadFile("testdata/weights.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]*float64
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	at := func(key string, i int) float64 {
		if v := want[key][i]; v != nil {
			return *v
		}
		return nan
	}
	time, event, arm := readKM(t, "testdata/km.csv")
	weight, one := make([]float64, len(time)), make([]float64, len(time))
	x := [][]float64{make([]float64, len(time)), make([]float64, len(time))}
	for i := range time {
		weight[i], one[i], x[0][i] = float64(i%4+1)/2, 1, float64(i%7)
		if arm[i] == "b" {
			x[1][i] = 1
		}
	}
	c := WeightedKaplanMeier(time, event, weight)
	for i := range want["time"] {
		day := at("time", i)
		s, se := c.SurvivalAt(day)
		low, high := c.Bounds(day, CurveLog, z95)
		near(t, "share", s, at("surv", i), 1e-12)
		near(t, "error", se, at("se", i), 1e-12)
		near(t, "low", low, at("lower", i), 1e-12)
		near(t, "high", high, at("upper", i), 1e-12)
	}
	for i, p := range []float64{0.25, 0.5} {
		q, low, high := c.Quantile(p, CurveLog, z95)
		near(t, "quantile", q, at("quantile", i), 0)
		near(t, "its lower limit", low, at("quantile lower", i), 0)
		near(t, "its upper limit", high, at("quantile upper", i), 0)
	}
	plain, ones := KaplanMeier(time, event), WeightedKaplanMeier(time, event, one)
	for i := range plain.Time {
		near(t, "weights of 1", ones.Survival[i], plain.Survival[i], 1e-13)
		near(t, "their variance", ones.Greenwood[i], plain.Greenwood[i], 1e-12)
		if ones.AtRisk[i] != plain.AtRisk[i] || ones.Events[i] != plain.Events[i] || ones.Censored[i] != plain.Censored[i] {
			t.Fatalf("counts of patients at %g", plain.Time[i])
		}
	}
	k, err := ProportionalHazards(CoxData{Stop: time, Event: event, X: x, Weight: weight}, TiesEfron)
	if err != nil {
		t.Fatal(err)
	}
	robust, z := k.Robust(nil, 0), k.Proportionality(ClockIdentity)
	for j := range x {
		near(t, "coefficient", k.Coef[j], at("coef", j), 1e-10)
		near(t, "robust error", math.Sqrt(robust.At(j, j)), at("robust", j), 1e-9)
		near(t, "error of the model", math.Sqrt(k.Cov.At(j, j)), at("model", j), 1e-9)
		near(t, "proportional hazards", z.ChiSq[j], at("zph", j), 1e-8)
	}
	near(t, "proportional hazards, all", z.Global, at("zph", 2), 1e-8)
	con := k.Concordance()
	near(t, "concordance", con.C, at("concordance", 0), 1e-10)
	near(t, "its error", con.SE, at("concordance", 1), 1e-9)
}

// Patients without a usable time or weight are left out and counted; a weight of 2 is
// two patients in the share.
func TestWeightsByHand(t *testing.T) {
	c := WeightedKaplanMeier([]float64{1, 2, nan, 3, 4}, []bool{true, false, true, true, true}, []float64{2, 1, 1, 0, 1})
	if c.N != 3 || c.Missing != 2 {
		t.Fatalf("%d used, %d missing", c.N, c.Missing)
	}
	s, _ := c.SurvivalAt(1)
	near(t, "two of four", s, 0.5, 1e-15)
	if s, se := c.SurvivalAt(9); s != 0 || !math.IsNaN(se) {
		t.Errorf("all gone: %v %v", s, se)
	}
}
