package effect_test

import (
	"fmt"
	"math"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
	"recoup/analysis/internal/fit"
)

// Worked by hand. Means 20 before and 16 after, SD 5 and 4, correlation ½.
//
// Nunnally and Kotsch, r .84 before and .75 after, a patient from 24 to 14:
// b̂ = 20 + .84·4 = 23.36; error 5 √(.84²·.16 + .25) = 5 √.362896; index -9.36/3.012043.
//
// Gulliksen, Lord and Novick, r .8, the same patient: b̂ = 20 + .8·4 = 23.2;
// error of prediction 5 √(1-.64) = 3; index -9.2/3. Without change and with parallel
// forms after - b̂ has the variance s²(1 + r² - 2r²) = s²(1-r²), so that the index's is 1.
//
// Hageman and Arrindell, r .84, a patient from 20 to 14: SEM² = 25·.16 = 4; of change
// (25-4 + 16-4 - 20)/(25 + 16 - 20) = 13/21; index (13/21·-6 + 8/21·-4)/(√(13/21) √8).
func TestReliableByHand(t *testing.T) {
	r := effect.Reliable{Method: effect.NunnallyKotsch, Reliability: 0.84, ReliabilityVisit: 0.75, Mean: 20, SD: 5, SDBefore: 5, MeanVisit: 16, SDVisit: 4, Correlation: 0.5}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: got %.15g, want %.15g", what, got, want)
		}
	}
	near("nunnally-kotsch", r.Index(24, 14), -9.36/(5*math.Sqrt(0.362896)))
	r.Method = effect.HagemanArrindell
	near("hageman-arrindell", r.Index(20, 14), -110.0/21/math.Sqrt(13.0/21*8))
	r.Method, r.Reliability = effect.GulliksenLordNovick, 0.8
	near("gulliksen-lord-novick", r.Index(24, 14), -9.2/3)
}

// Every method against the published formulas in base R: testdata/reliable.R.
func TestReliableAgainstR(t *testing.T) {
	ref := analysistest.ReadReference(t, "testdata/reliable.json")
	pre := []float64{52, 47, 61, 38, 55, 44, 58, 49, 63, 41}
	post := []float64{31, 45, 37, 39, 22, 48, 43, 25, 60, 18}
	m, mv := fit.Describe(pre), fit.Describe(post)
	var rows [][]string
	for i := range pre {
		rows = append(rows, []string{"all", fmt.Sprint(pre[i]), fmt.Sprint(post[i])})
	}
	c := trialOf(t, []string{"all"}, nil, rows)
	for name, sd := range map[string]float64{"own": m.SD, "like": 10.5} {
		a := run(t, effect.ReliableChange, c, analysis.Question{Outcome: "score", Visit: "end"}, map[string]string{"method": effect.HagemanArrindell, "reliability": "0.82", "sd": map[string]string{"own": "0", "like": "10.5"}[name], "direction": "lower"})
		ref.Near(t, "points_hageman-arrindell_"+name, 0, analysistest.Find(t, a, "reliable_change", "").Value, 1e-12)
		r := effect.Reliable{Reliability: 0.82, ReliabilityVisit: 0.74, Mean: m.Mean, SD: sd, SDBefore: m.SD, MeanVisit: mv.Mean, SDVisit: mv.SD, Correlation: fit.Correlation(pre, post)}
		for _, method := range []string{effect.JacobsonTruax, effect.EdwardsNunnally, effect.GulliksenLordNovick, effect.NunnallyKotsch, effect.HagemanArrindell} {
			r.Method = method
			cut := "cut_" + name
			if method == effect.HagemanArrindell {
				cut = "cut_true_" + name
			}
			for i, kind := range []string{"a", "b", "c"} {
				ref.Near(t, cut, i, analysis.Num(r.Cutoff(kind, 24, 7, true)), 1e-12)
			}
			for i := range pre {
				ref.Near(t, method+"_"+name, i, analysis.Num(r.Index(pre[i], post[i])), 1e-12)
			}
			class := "class_" + method + "_" + name
			if _, ok := ref[class]; !ok {
				continue
			}
			for i := range pre {
				k := r.Classify(pre[i], post[i], r.Critical(), r.Cutoff("c", 24, 7, true), true)
				ref.Near(t, class, i, analysis.Num(k), 0)
			}
		}
	}
}
