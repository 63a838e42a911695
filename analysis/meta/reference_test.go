package meta

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// reference reads testdata/reference.json, made by reference.R.
func reference(t *testing.T) func(name, field string, got ...float64) {
	t.Helper()
	b, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for name, fields := range all {
			for field := range fields {
				if !t.Failed() {
					t.Errorf("%s %s is held by nothing", name, field)
				}
			}
		}
	})
	return func(name, field string, got ...float64) {
		t.Helper()
		want, ok := all[name][field].([]any)
		if !ok {
			want = []any{all[name][field]}
		}
		delete(all[name], field)
		if len(want) != len(got) {
			t.Fatalf("%s %s: %d values, want %d", name, field, len(got), len(want))
		}
		for i, g := range got {
			w, ok := want[i].(float64)
			if !ok {
				w = math.NaN()
			}
			tol := 1e-9
			if name == "CR0" { // the peer's optimiser stops early
				tol = 1e-5
			}
			if math.IsNaN(w) != math.IsNaN(g) || math.Abs(g-w) > tol*math.Abs(w)+1e-7*tol {
				t.Errorf("%s %s %d: %.15g, want %.15g", name, field, i, g, w)
			}
		}
	}
}

// Effect sizes, influence and trim and fill against metafor 3.8-1.
func TestMetafor(t *testing.T) {
	hold := reference(t)
	pair := func(name string, es ...Effect) {
		t.Helper()
		y, v := split(es)
		hold(name, "yi", y...)
		hold(name, "vi", v...)
	}
	a := []Moments{{N: 12, Mean: 3.1, SD: 1.9}, {N: 40, Mean: 10, SD: 4}, {N: 155, Mean: 55, SD: 47}}
	b := []Moments{{N: 15, Mean: 4.2, SD: 2.4}, {N: 22, Mean: 8, SD: 2}, {N: 156, Mean: 75, SD: 64}}
	for name, f := range map[string]func(a, b Moments) Effect{"MD": MeanDifference, "SMD": StandardisedDifference, "SMDH": StandardisedUnequal, "ROM": RatioOfMeans} {
		pair(name, f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]))
	}
	before := []Moments{b[0], b[1], b[2]}
	for i := range before {
		before[i].N = a[i].N
	}
	r := []float64{0.5, 0.2, 0.8}
	for name, f := range map[string]func(a, b Moments, r float64) Effect{"MC": Change, "SMCC": StandardisedChange, "SMCR": StandardisedChangeRaw} {
		pair(name, f(a[0], before[0], r[0]), f(a[1], before[1], r[1]), f(a[2], before[2], r[2]))
	}
	pair("MN", Mean(a[0]), Mean(a[1]), Mean(a[2]))
	x, n := []float64{0, 7, 30}, []float64{20, 31, 30}
	each := func(f func(x, n float64) Effect) []Effect {
		return []Effect{f(x[0], n[0]), f(x[1], n[1]), f(x[2], n[2])}
	}
	pair("PLO", each(func(x, n float64) Effect { return LogitShare(x, n, ZeroOnly) })...)
	pair("PAS", each(ArcsineShare)...)
	pair("PFT", each(FreemanTukeyShare)...)
	// escalc adds 1/2 to the share itself too; ours leaves the share as counted.
	raw := each(func(x, n float64) Effect { return Share(x, n, ZeroOnly) })
	raw[0].Value, raw[2].Value = 0.5/21, 30.5/31
	pair("PR", raw...)
	tables := []Counts{{4, 20, 9, 22}, {0, 25, 5, 24}, {12, 40, 30, 41}, {0, 30, 0, 28}}
	for name, f := range map[string]func(Counts) Effect{
		"RR": func(c Counts) Effect { return RiskRatio(c, ZeroOnly) }, "OR": func(c Counts) Effect { return OddsRatio(c, ZeroOnly) },
		"RR_all": func(c Counts) Effect { return RiskRatio(c, ZeroAll) }, "OR_all": func(c Counts) Effect { return OddsRatio(c, ZeroAll) },
		"RD": func(c Counts) Effect { return RiskDifference(c, ZeroOnly) }, "PETO": PetoOdds,
	} {
		pair(name, f(tables[0]), f(tables[1]), f(tables[2]), f(tables[3]))
	}
	var shares []Effect
	for i, x := range []float64{3, 7, 30} {
		shares = append(shares, FreemanTukeyShare(x, []float64{20, 31, 60}[i]))
	}
	m := must[*Model](t)(Pool(shares, nil, nil, Options{Method: DL, Test: TestZ}))
	hold("PFT_back", "yi", m.Coef[0].Value)
	hold("PFT_back", "back", FreemanTukeyBack(m.Coef[0].Value, []float64{20, 31, 60}))
	effects, latitude := bcg(t)
	m = must[*Model](t)(Pool(effects, [][]float64{latitude}, []string{"latitude"}, Options{Method: REML, Test: TestHK}))
	cols := map[string][]float64{}
	for _, w := range m.Influence() {
		flag := map[bool]float64{true: 1}[w.Influential]
		for key, v := range map[string]float64{"rstudent": w.Residual, "dffits": w.DFFITS, "cook.d": w.Cook, "cov.r": w.CovRatio, "tau2.del": w.Tau2, "QE.del": w.Q, "hat": w.Hat, "dfbs": w.DFBETAS[1], "flagged": flag} {
			cols[key] = append(cols[key], v)
		}
	}
	for key, v := range cols {
		hold("influence", key, v...)
	}
	for name, ask := range map[string]struct{ method, estimator string }{"trimfill_R0": {REML, TrimR0}, "trimfill_FE": {FE, TrimL0}} {
		x := must[Trimmed](t)(TrimAndFill(effects, Options{Method: ask.method, Test: TestZ}, ask.estimator, ""))
		hold(name, "k0", float64(x.Missing))
		hold(name, "b", x.Model.Coef[0].Value)
		hold(name, "se", x.Model.Coef[0].SE)
	}
	begg := Begg([]Effect{{1, 1}, {2, 1}, {3, 2}, {4, 3}, {5, 3}, {7, 5}})
	hold("begg_ties", "tau", begg.Value)
	hold("begg_ties", "p", begg.P)
	alloc := []string{"random", "random", "random", "random", "alternate", "alternate", "random", "random", "random", "systematic", "systematic", "systematic", "systematic"}
	three := must[*Multilevel](t)(ThreeLevel(effects, alloc, nil, nil, 0, 0.95))
	c, _, err := three.RobustErrors(CR0)
	if err != nil {
		t.Fatal(err)
	}
	hold("CR0", "b", c[0].Value)
	hold("CR0", "se", c[0].SE)
	hold("CR0", "sigma2", three.Between, three.Within)
}

// The vaccine trials, in full here so that the test needs no other folder.
func bcg(t *testing.T) (effects []Effect, latitude []float64) {
	t.Helper()
	for _, r := range bcgTrials {
		effects = append(effects, RiskRatio(Counts{r[0], r[0] + r[1], r[2], r[2] + r[3]}, ZeroOnly))
		latitude = append(latitude, r[4])
	}
	return effects, latitude
}

// metadat::dat.bcg: events and others, vaccinated and not, and latitude.
var bcgTrials = [][5]float64{
	{4, 119, 11, 128, 44},
	{6, 300, 29, 274, 55},
	{3, 228, 11, 209, 42},
	{62, 13536, 248, 12619, 52},
	{33, 5036, 47, 5761, 13},
	{180, 1361, 372, 1079, 44},
	{8, 2537, 10, 619, 19},
	{505, 87886, 499, 87892, 13},
	{29, 7470, 45, 7232, 27},
	{17, 1699, 65, 1600, 42},
	{186, 50448, 141, 27197, 18},
	{5, 2493, 3, 2338, 33},
	{27, 16886, 29, 17825, 33},
}
