package work

import (
	"errors"
	"math"
	"slices"
	"testing"

	"recoup/analysis/internal/fit"
)

// Four patients: 1 cause 1, 2 cause 2, 3 lost, 4 cause 1.
//
//	t  n  S(t-)  F1               F2
//	1  4  1      1/4              0
//	2  3  3/4    1/4              3/4·1/3 = 1/4
//	4  1  1/2    1/4 + 1/2 = 3/4  1/4
//
// Leaving weight w for each patient instead of 1, F1(1) = w₁/Σw: its derivatives are
// 3/16 for the first and -1/16 for the others, so its variance is (9+1+1+1)/256 = 12/256.
// F2(2) = (Σw-w₁)/Σw · w₂/(w₂+w₃+w₄) = w₂/Σw: the same. At 4, F1 = 1/4 + 1/2 as
// 1 - F2 = 1 - w₂/Σw where nobody is left: the same again.
func TestAalenJohansenByHand(t *testing.T) {
	a := fit.AalenJohansen([]float64{4, 2, 1, 3}, []int{1, 2, 1, 0}, 2)
	if !slices.Equal(a.Time, []float64{1, 2, 3, 4}) || !slices.Equal(a.AtRisk, []int{4, 3, 2, 1}) {
		t.Fatalf("%+v", a)
	}
	for i, want := range []float64{1. / 4, 1. / 4, 1. / 4, 3. / 4} {
		near(t, "F1", a.Share[0][i], want, 1e-15)
	}
	for i, want := range []float64{0, 1. / 4, 1. / 4, 1. / 4} {
		near(t, "F2", a.Share[1][i], want, 1e-15)
	}
	se := math.Sqrt(12) / 16
	near(t, "F1(1) error", a.SE[0][0], se, 1e-15)
	near(t, "F2(2) error", a.SE[1][1], se, 1e-15)
	near(t, "F2(4) error", a.SE[1][3], se, 1e-15)
	near(t, "F1(4) error", a.SE[0][3], se, 1e-15)
	near(t, "S(2) error, of 1 - 2 of 4", a.SurvivalSE[1], math.Sqrt(0.25/4), 1e-15)
	if s, _ := a.ShareAt(0, 9); s != 3./4 {
		t.Errorf("nobody is left, so the share stays: %v", s)
	}
	if s, _ := fit.AalenJohansen([]float64{1, 2}, []int{1, 0}, 1).ShareAt(0, 3); !math.IsNaN(s) {
		t.Errorf("beyond follow-up: %v", s)
	}
	if s, _ := fit.AalenJohansen(nil, nil, 1).ShareAt(0, 3); !math.IsNaN(s) {
		t.Errorf("nobody: %v", s)
	}
}

// With one cause the share is 1 - Kaplan-Meier, with Greenwood's variance in the delta
// method where there are no ties; shares and the share without an event sum to 1.
func TestIncidenceRelations(t *testing.T) {
	time, cause := madeCauses(400, 1)
	own := make([]int, len(time))
	event := make([]bool, len(time))
	for i, c := range cause {
		own[i], event[i] = min(c, 1), c > 0
	}
	a, c := fit.AalenJohansen(time, own, 1), fit.KaplanMeier(time, event)
	all := fit.AalenJohansen(time, cause, 2)
	for i := range a.Time {
		near(t, "1 - S", a.Share[0][i], 1-c.Survival[i], 1e-13)
		near(t, "sum", all.Share[0][i]+all.Share[1][i]+all.Survival[i], 1, 1e-13)
		near(t, "error of S", all.SurvivalSE[i], a.SE[0][i], 1e-12)
	}
	twice := fit.AalenJohansen(append(slices.Clone(time), time...), append(slices.Clone(cause), cause...), 2)
	for i := range all.Time {
		near(t, "twice", twice.SE[0][i], all.SE[0][i]/math.Sqrt2, 1e-12)
	}
}

// madeCauses are times with ties and causes 0 to 2, from a small generator.
func madeCauses(n int, seed uint64) (time []float64, cause []int) {
	next := seed
	draw := func() float64 {
		next = next*6364136223846793005 + 1442695040888963407
		return float64(next>>33) / (1 << 31)
	}
	for range n {
		time, cause = append(time, math.Ceil(60*draw())), append(cause, min(int(3*draw()), 2))
	}
	return time, cause
}

// Gray's test does not depend on the names of groups; without competing events its
// score is that of the log-rank test; strata of their own add.
func TestGrayRelations(t *testing.T) {
	time, cause := madeCauses(300, 7)
	group, other, own := make([]int, 300), make([]int, 300), make([]int, 300)
	event, stratum := make([]bool, 300), make([]int, 300)
	for i := range group {
		group[i] = (i*i + i/7) % 4
		other[i] = []int{2, 0, 3, 1}[group[i]]
		own[i], event[i], stratum[i] = min(cause[i], 1), cause[i] > 0, i%2
	}
	g := CompareIncidence(time, cause, group, nil, 4, 0.5)
	near(t, "other names", CompareIncidence(time, cause, other, nil, 4, 0.5).ChiSq, g.ChiSq, 1e-10)
	if g.DF != 3 || !(g.P > 0) {
		t.Errorf("%+v", g)
	}
	alone, ranks := CompareIncidence(time, own, group, nil, 4, 0), CompareRanks(time, event, group, nil, 4, Weighting{})
	for j, u := range alone.Score {
		near(t, "score", u, ranks.Observed[j]-ranks.Expected[j], 1e-10)
	}
	sum := make([]float64, 3)
	for s := range 2 {
		var ts []float64
		var cs, gs []int
		for i := range time {
			if stratum[i] == s {
				ts, cs, gs = append(ts, time[i]), append(cs, cause[i]), append(gs, group[i])
			}
		}
		for j, u := range CompareIncidence(ts, cs, gs, nil, 4, 0).Score {
			sum[j] += u
		}
	}
	for j, u := range CompareIncidence(time, cause, group, stratum, 4, 0).Score {
		near(t, "strata", u, sum[j], 1e-10)
	}
	if r := CompareIncidence(time, cause, make([]int, 300), nil, 1, 0); !math.IsNaN(r.P) {
		t.Errorf("one group: %+v", r)
	}
}

// Under the hypothesis Gray's test of three arms rejects at 0.05 in about 5 % of 2,000
// made data sets: between 3.1 % and 6.9 % but for 1 in 10,000 (4 standard errors).
func TestGraySize(t *testing.T) {
	reject := 0
	const sets = 2000
	for s := range sets {
		time, cause := madeCauses(90, uint64(s)*977+3)
		group := make([]int, len(time))
		for i := range group {
			group[i] = i % 3
		}
		if CompareIncidence(time, cause, group, nil, 3, 0).P < 0.05 {
			reject++
		}
	}
	if share := float64(reject) / sets; share < 0.031 || share > 0.069 {
		t.Errorf("rejects %v", share)
	}
}

// Without other events the model is Cox's with Breslow's ties, errors robust by patient;
// the order of rows and a shift of covariates change nothing; a scale divides.
func TestFineGrayRelations(t *testing.T) {
	time, cause := madeCauses(300, 3)
	x := [][]float64{make([]float64, 300), make([]float64, 300)}
	own, event := make([]int, 300), make([]bool, 300)
	for i := range time {
		x[0][i], x[1][i] = float64((i*37)%101)/20, float64(i%2)
		own[i], event[i] = min(cause[i], 1), cause[i] > 0
	}
	f, err := FitFineGray(time, own, x)
	c, err2 := fit.ProportionalHazards(fit.CoxData{Stop: time, Event: event, X: x}, fit.TiesBreslow)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	robust := c.Robust(nil, 0)
	for j := range x {
		near(t, "Cox", f.Coef[j], c.Coef[j], 1e-9)
		near(t, "its robust error", f.Cov.At(j, j), robust.At(j, j), 1e-8)
		near(t, "its model error", f.Model.At(j, j), c.Cov.At(j, j), 1e-8)
	}
	f, _ = FitFineGray(time, cause, x)
	moved := [][]float64{make([]float64, 300), x[1]}
	for i, v := range x[0] {
		moved[0][i] = 1e6 + 8*v
	}
	m, err := FitFineGray(time, cause, moved)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "scaled", 8*m.Coef[0], f.Coef[0], 1e-7)
	near(t, "scaled error", 64*m.Cov.At(0, 0), f.Cov.At(0, 0), 1e-7)
	near(t, "other", m.Coef[1], f.Coef[1], 1e-7)
	if _, err := FitFineGray(time, make([]int, 300), x); !errors.Is(err, ErrIncidenceEvents) {
		t.Errorf("no event: %v", err)
	}
	if _, err := FitFineGray(time, cause, [][]float64{x[1], x[1]}); !errors.Is(err, fit.ErrSingular) {
		t.Errorf("a column twice: %v", err)
	}
	never := make([]float64, 300)
	for i := range never {
		if cause[i] != 1 && i%3 == 0 {
			never[i] = 1
		}
	}
	if f, err := FitFineGray(time, cause, [][]float64{never}); err != nil || !f.Infinite {
		t.Errorf("separated: %v %+v", err, f)
	}
}

func BenchmarkKaplanMeierMillionDays(b *testing.B) {
	n := 1_000_000
	time, event := make([]float64, n), make([]bool, n)
	for i := range time {
		time[i], event[i] = float64(i*7919%2000), i%3 == 0
	}
	for b.Loop() {
		fit.KaplanMeier(time, event)
	}
}

func BenchmarkFineGray20k(b *testing.B) {
	time, cause := madeCauses(20_000, 5)
	x := make([][]float64, 5)
	for j := range x {
		x[j] = make([]float64, len(time))
		for i := range time {
			time[i] += float64(i%97) / 100
			x[j][i] = float64((i*(37+j*11))%101) / 50
		}
	}
	for b.Loop() {
		if _, err := FitFineGray(time, cause, x); err != nil {
			b.Fatal(err)
		}
	}
}
