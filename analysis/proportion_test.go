package analysis

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// refcase reads the values of a reference case of the shared folder, and skips
// where the folder is absent.
func refcase(t *testing.T, name string, values any) {
	t.Helper()
	b, err := os.ReadFile("../../shared/refcases/statistics/" + name + "/expected.json")
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	if err := json.Unmarshal(b, &struct{ Values any }{values}); err != nil {
		t.Fatal(err)
	}
}

func bounds(t *testing.T, what string, got Interval, want [2]*float64, tol float64) {
	t.Helper()
	for i, v := range []Num{got.Low, got.High} {
		w := math.Inf(1)
		if want[i] != nil {
			w = *want[i]
		}
		if float64(v) != w && !(math.Abs(float64(v)-w) <= tol*math.Max(1e-3, math.Abs(w))) {
			t.Errorf("%s bound %d: got %.12g, want %.12g", what, i, float64(v), w)
		}
	}
}

// Every interval of a single proportion of the case, to the 1e-8 it states.
func TestReferenceCaseProportions(t *testing.T) {
	var rows []struct {
		X, N                                             int
		Wilson, Clopper_pearson, Agresti_coull, Jeffreys [2]*float64
		Midp                                             [2]*float64
	}
	refcase(t, "proportion_ci_newcombe1998", &rows)
	for _, r := range rows {
		bounds(t, "Wilson", Wilson(r.X, r.N, 0.95), r.Wilson, 1e-8)
		bounds(t, "Clopper-Pearson", ClopperPearson(r.X, r.N, 0.95), r.Clopper_pearson, 1e-8)
		bounds(t, "Jeffreys", Jeffreys(r.X, r.N, 0.95), r.Jeffreys, 1e-8)
		bounds(t, "mid-P", MidP(r.X, r.N, 0.95), r.Midp, 1e-8)
		if *r.Agresti_coull[0] < 0 { // ours is cut at 0
			*r.Agresti_coull[0] = 0
		}
		bounds(t, "Agresti-Coull", AgrestiCoull(r.X, r.N, 0.95), r.Agresti_coull, 1e-8)
	}
	if len(rows) != 6 {
		t.Errorf("%d rows, want 6", len(rows))
	}
}

// Every interval and test of two proportions of the case that we offer, to the
// 1e-7 it states.
func TestReferenceCaseDifferences(t *testing.T) {
	var rows []struct {
		X1, N1, X2, N2                 int
		Wald, Newcombe_wilson          [2]*float64
		Miettinen_nurminen, Mee_no_bcf [2]*float64
		RR                             [2]*float64 `json:"rr_score_mn"`
		OR                             [2]*float64 `json:"or_score_mn"`
		Fisher_p                       float64
		Chisq_p                        *float64
	}
	refcase(t, "risk_difference_newcombe1998b", &rows)
	for _, r := range rows {
		bounds(t, "Wald", WaldDifference(r.X1, r.N1, r.X2, r.N2, 0.95), r.Wald, 1e-7)
		bounds(t, "Newcombe", Newcombe(r.X1, r.N1, r.X2, r.N2, 0.95), r.Newcombe_wilson, 1e-7)
		bounds(t, "MN", MiettinenNurminen(r.X1, r.N1, r.X2, r.N2, 0.95), r.Miettinen_nurminen, 1e-7)
		bounds(t, "Mee", Mee(r.X1, r.N1, r.X2, r.N2, 0.95), r.Mee_no_bcf, 1e-7)
		bounds(t, "RR score", RatioScore(r.X1, r.N1, r.X2, r.N2, 0.95), r.RR, 1e-7)
		bounds(t, "OR score", OddsScore(r.X1, r.N1, r.X2, r.N2, 0.95, true), r.OR, 1e-7)
		near(t, "Fisher", FisherP(r.X1, r.N1, r.X2, r.N2), r.Fisher_p, 1e-10)
		_, p := PearsonP(r.X1, r.N1, r.X2, r.N2)
		if r.Chisq_p == nil {
			if !math.IsNaN(p) {
				t.Errorf("a test of proportions that are all 0: %v", p)
			}
		} else if math.Abs(p-*r.Chisq_p) > 1e-8**r.Chisq_p {
			t.Errorf("chi-square p %v, want %v", p, *r.Chisq_p)
		}
	}
	if len(rows) != 6 {
		t.Errorf("%d rows, want 6", len(rows))
	}
}

// McNemar exact and mid-P of the case, to its 1e-8.
func TestReferenceCasePaired(t *testing.T) {
	var v struct {
		Table   [4]int
		Exact_p float64
		Midp    float64
	}
	refcase(t, "mcnemar_responder_paired", &v)
	exact, mid := McNemar(v.Table[1], v.Table[2])
	near(t, "exact", exact, v.Exact_p, 1e-8)
	near(t, "mid-P", mid, v.Midp, 1e-8)
}

// By hand: of two discordant patients both on one side, the exact p is 2/4 and the
// mid-P 2/4 - 1/4; with one on each side the exact p is 1 and the mid-P
// 1 - 1/2. Of three patients all seen alike the paired difference is 0 and its
// interval symmetric. 3 of 3 against 0 of 3: Fisher 2/20.
func TestPairedByHand(t *testing.T) {
	for _, c := range [][4]float64{{2, 0, 0.5, 0.25}, {0, 2, 0.5, 0.25}, {1, 1, 1, 0.5}, {0, 0, 1, 1}} {
		exact, mid := McNemar(int(c[0]), int(c[1]))
		near(t, "exact", exact, c[2], 1e-14)
		near(t, "mid-P", mid, c[3], 1e-14)
	}
	near(t, "Fisher", FisherP(3, 3, 0, 3), 0.1, 1e-12)
	ci := NewcombePaired(Table2{Both: 3}, 0.95)
	near(t, "no change", float64(ci.Low), -float64(ci.High), 1e-14)
	a, b := NewcombePaired(Table2{53, 16, 8, 9}, 0.95), NewcombePaired(Table2{53, 8, 16, 9}, 0.95)
	near(t, "occasions swapped", float64(a.Low), -float64(b.High), 1e-14)
	// Newcombe 1998, table II, 36 12 2 0 of 50: method 10 gives 0.0569 to 0.3404.
	n := NewcombePaired(Table2{36, 12, 2, 0}, 0.95)
	near(t, "Newcombe low", float64(n.Low), 0.0569, 5e-5)
	near(t, "Newcombe high", float64(n.High), 0.3404, 5e-5)
}

// A ratio's score interval turns into its reciprocal where the groups are swapped.
func TestRatioRelations(t *testing.T) {
	for _, f := range []func(int, int, int, int, float64) Interval{RatioScore, func(a, b, c, d int, l float64) Interval { return OddsScore(a, b, c, d, l, false) }} {
		a, b := f(9, 20, 4, 30, 0.9), f(4, 30, 9, 20, 0.9)
		near(t, "swapped", float64(a.Low), 1/float64(b.High), 1e-9)
		if f(1, 0, 1, 5, 0.95).Low.OK() {
			t.Error("a ratio of nothing has a bound")
		}
		if z := f(0, 5, 0, 5, 0.95); z.Low != 0 || !math.IsInf(float64(z.High), 1) {
			t.Errorf("no event at all: %v", z)
		}
	}
}

// Coverage worked out over every outcome, without chance: Clopper-Pearson never
// falls under its level; Wilson, Jeffreys and mid-P keep it on average over p; and
// so do the intervals of a difference over a grid of both shares.
func TestCoverage(t *testing.T) {
	const n, level = 20, 0.95
	pmf := func(x int, p float64) float64 { return atLeast(x, n, p) - atLeast(x+1, n, p) }
	for name, f := range map[string]func(int, int, float64) Interval{"exact": ClopperPearson, "Wilson": Wilson, "Jeffreys": Jeffreys, "mid-P": MidP, "Agresti-Coull": AgrestiCoull} {
		sum, least, points := 0.0, 1.0, 0
		for p := 0.025; p < 1; p += 0.025 {
			cover := 0.0
			for x := range n + 1 {
				if ci := f(x, n, level); float64(ci.Low) <= p && p <= float64(ci.High) {
					cover += pmf(x, p)
				}
			}
			sum, least, points = sum+cover, math.Min(least, cover), points+1
		}
		if mean := sum / float64(points); mean < 0.94 || mean > 0.985 {
			t.Errorf("%s covers %v on average", name, mean)
		}
		if name == "exact" && least < level {
			t.Errorf("exact covers only %v", least)
		}
	}
	for name, f := range map[string]func(int, int, int, int, float64) Interval{"Newcombe": Newcombe, "MN": MiettinenNurminen, "Agresti-Caffo": AgrestiCaffo, "Wald": WaldDifference} {
		sum, points := 0.0, 0
		var ci [n + 1][n + 1]Interval
		for a := range n + 1 {
			for b := range n + 1 {
				ci[a][b] = f(a, n, b, n, level)
			}
		}
		for p := 0.1; p < 0.95; p += 0.1 {
			for q := 0.1; q < 0.95; q += 0.1 {
				for a := range n + 1 {
					for b := range n + 1 {
						if c := ci[a][b]; float64(c.Low) <= p-q+1e-12 && p-q-1e-12 <= float64(c.High) {
							sum += pmf(a, p) * pmf(b, q)
						}
					}
				}
				points++
			}
		}
		mean := sum / float64(points)
		if name == "Wald" && mean > 0.945 || name != "Wald" && (mean < 0.945 || mean > 0.965) {
			t.Errorf("%s covers %v on average", name, mean)
		}
	}
}
