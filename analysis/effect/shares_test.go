package effect_test

import (
	"math"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/effect"
)

// By hand, at most 3 counts: baselines 5 5 2 2 6, later 3 4 2 4 1, the sixth not
// seen: before 2 of 5, after 3 of 5; two gained (first and fifth), one lost; the
// change is 1/5, its exact p 1, its mid-P 1 - P(1 of 2 ... of 3) = 2·4/8 - 3/8.
func TestPairedSharesByHand(t *testing.T) {
	c := trial(t, "id,arm,site,age,base,after\n1,program,N,50,5,3\n2,program,N,50,5,4\n3,program,N,50,2,2\n4,program,N,50,2,4\n5,program,N,50,6,1\n6,program,N,50,6,\n")
	r := run(t, effect.PairedShares, c, analysis.Question{Outcome: "pain", Visit: "end"}, map[string]string{"threshold": "3"})
	for term, want := range map[string]float64{"share_baseline": 0.4, "share_visit": 0.6, "gained": 0.4, "lost": 0.2, "change_in_share": 0.2, "mcnemar_exact": 1} {
		e := analysistest.Find(t, r, term, "program")
		if math.Abs(float64(e.Value)-want) > 1e-12 || e.N.Arm != 5 || e.N.Missing != 1 {
			t.Errorf("%s: %v of %d (%d missing), want %v of 5 (1 missing)", term, e.Value, e.N.Arm, e.N.Missing, want)
		}
	}
	if p := analysistest.Find(t, r, "change_in_share", "").P; math.Abs(float64(p)-(1-3.0/8)) > 1e-12 {
		t.Errorf("mid-P %v, want 0.625", p)
	}
}

// By hand: improvements of 30, 0, 50 and -20 %; one of a zero baseline and one
// not seen cannot be judged. At 0 % three of four seen, three of six; at 30 % two.
func TestResponderCurveByHand(t *testing.T) {
	c := trial(t, "id,arm,site,age,base,after\n1,program,N,50,10,7\n2,program,N,50,8,8\n3,program,N,50,4,2\n4,program,N,50,5,6\n5,program,N,50,0,0\n6,program,N,50,5,\n")
	r := run(t, effect.ResponderCurve, c, analysis.Question{Arm: "program", Outcome: "pain", Visit: "end"}, map[string]string{"from": "-20", "to": "60", "step": "10"})
	want := map[int]int{0: 4, 1: 3, 2: 3, 3: 2, 5: 2, 6: 1, 7: 1, 8: 0}
	for _, s := range r.Series {
		n := map[string]int{"cumulative-responders-all": 6, "cumulative-responders-seen": 4}[s.Name]
		if len(s.Points) != 9 {
			t.Fatalf("%s: %d points, want 9", s.Name, len(s.Points))
		}
		for i, x := range want {
			if p := s.Points[i]; p.Events != x || p.N != n || math.Abs(float64(p.Y)-float64(x)/float64(n)) > 1e-12 {
				t.Errorf("%s at %v: %d of %d, want %d of %d", s.Name, p.X, p.Events, p.N, x, n)
			}
		}
	}
	if e := analysistest.Find(t, r, "median_improvement", ""); e.Value != 15 || e.CI.Low.OK() {
		t.Errorf("median %v (%v), want 15 and no interval of four values", e.Value, e.CI)
	}
	// Six values: P(no value on one side) = 1/64 < 0.025, so the interval is their range.
	c = trial(t, "id,arm,site,age,base,after\n1,program,N,50,10,9\n2,program,N,50,10,8\n3,program,N,50,10,7\n4,program,N,50,10,6\n5,program,N,50,10,5\n6,program,N,50,10,4\n")
	r = run(t, effect.ResponderCurve, c, analysis.Question{Arm: "program", Outcome: "pain", Visit: "end"}, nil)
	if e := analysistest.Find(t, r, "median_improvement", ""); e.Value != 35 || e.CI.Low != 10 || e.CI.High != 60 {
		t.Errorf("median %v (%v), want 35 (10 to 60)", e.Value, e.CI)
	}
}

// Two strata by hand: 4/10 against 2/10 and 3/5 against 2/10. The weights are
// n1 n2/N = 5 and 10/3, so the difference is (5·0.2 + 10/3·0.4)/(25/3) = 0.28; the
// ratio (4·10/20 + 3·10/15)/(2·10/20 + 2·5/15) = 4/(5/3) = 2.4.
func TestPoolByHand(t *testing.T) {
	m := effect.Pool([]effect.Stratum{{X1: 4, N1: 10, X2: 2, N2: 10}, {X1: 3, N1: 5, X2: 2, N2: 10}, {X1: 1, N1: 4, X2: 0, N2: 0}})
	if math.Abs(m.RD-0.28) > 1e-12 || math.Abs(math.Exp(m.LogRR)-2.4) > 1e-12 || m.Used != 2 {
		t.Errorf("RD %v, RR %v over %d strata; want 0.28, 2.4 over 2", m.RD, math.Exp(m.LogRR), m.Used)
	}
	back := effect.Pool([]effect.Stratum{{X1: 2, N1: 10, X2: 4, N2: 10}, {X1: 2, N1: 10, X2: 3, N2: 5}})
	for _, x := range [][2]float64{{m.RD, -back.RD}, {m.LogRR, -back.LogRR}, {m.LogOR, -back.LogOR}, {m.SatoSE, back.SatoSE}, {m.LogORSE, back.LogORSE}, {m.Tarone, back.Tarone}} {
		if math.Abs(x[0]-x[1]) > 1e-12 {
			t.Errorf("swapping the arms: %v and %v", x[0], x[1])
		}
	}
	if m := effect.Pool([]effect.Stratum{{X1: 0, N1: 3, X2: 0, N2: 4}}); !math.IsNaN(m.LogRR) || !math.IsNaN(m.LogOR) || m.RD != 0 {
		t.Errorf("no event: %+v", m)
	}
	if m := effect.Pool(nil); !math.IsNaN(m.RD) {
		t.Errorf("no stratum: %+v", m)
	}
}

// No responder in the reference: the ratios are null with a lower bound, never
// infinite or zero.
func TestRatioWithZero(t *testing.T) {
	c := trial(t, "id,arm,site,age,base,after\n1,program,N,50,10,2\n2,program,N,50,8,1\n3,program,N,50,8,8\n4,usual,N,50,5,5\n5,usual,N,50,6,6\n6,usual,N,50,6,6\n")
	r := run(t, effect.Responders, c, between, map[string]string{"threshold": "30"})
	for _, term := range []string{"risk_ratio_all", "odds_ratio_all"} {
		e := analysistest.Find(t, r, term, "")
		if e.Value.OK() || !(e.CI.Low > 0.3) || !math.IsInf(float64(e.CI.High), 1) || len(e.Warnings) == 0 {
			t.Errorf("%s: %v (%v to %v) with %v", term, e.Value, e.CI.Low, e.CI.High, e.Warnings)
		}
	}
	// The same shares in both arms: the number needed to treat is infinite, its
	// bounds are not.
	c = trial(t, "id,arm,site,age,base,after\n1,program,N,50,10,2\n2,program,N,50,8,8\n3,usual,N,50,5,1\n4,usual,N,50,6,6\n")
	e := analysistest.Find(t, run(t, effect.Responders, c, between, map[string]string{"threshold": "30"}), "nnt_all", "")
	if e.Value.OK() || !e.CI.Low.OK() || math.Abs(float64(e.CI.Low+e.CI.High)) > 1e-9 {
		t.Errorf("NNT of no difference: %v (%v to %v)", e.Value, e.CI.Low, e.CI.High)
	}
}
