package fit_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strconv"
	"testing"

	"recoup/analysis/internal/fit"
)

// Three times, (0, 2], (1, 3] and (2, +Inf): innermost are (1, 2] and (2, 3]. With mass
// p in the first, L = p · 1 · (1 - p), which is largest at 1/2: log L = -2 log 2.
func TestTurnbullByHand(t *testing.T) {
	m, err := fit.SelfConsistent([]float64{0, 1, 2}, []float64{2, 3, math.Inf(1)})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Mass) != 2 || m.Left[0] != 1 || m.Right[0] != 2 || m.Left[1] != 2 || m.Right[1] != 3 {
		t.Fatalf("innermost %v %v", m.Left, m.Right)
	}
	if math.Abs(m.Mass[0]-0.5) > 1e-7 || math.Abs(m.LogLik+2*math.Ln2) > 1e-12 {
		t.Errorf("mass %v, log likelihood %v", m.Mass, m.LogLik)
	}
	for _, c := range []struct{ at, least, most float64 }{{1, 0, 0}, {1.5, 0, 0.5}, {2, 0.5, 0.5}, {2.5, 0.5, 1}, {3, 1, 1}} {
		if least, most := m.By(c.at); math.Abs(least-c.least) > 1e-7 || math.Abs(most-c.most) > 1e-7 {
			t.Errorf("by %v: %v to %v", c.at, least, most)
		}
	}
	if l, r := m.Quantile(0.5); l != 1 || r != 2 {
		t.Errorf("a half, reached at the end of the first, in (%v, %v]", l, r)
	}
	if l, r := m.Quantile(0.75); l != 2 || r != 3 {
		t.Errorf("third quarter in (%v, %v]", l, r)
	}
}

// With exact times and right censoring it is the product-limit estimate: of times
// 1, 2+, 3, 3, 4+ the share left after 1 is 4/5, after 3 4/5 · 1/3 = 4/15, which stays.
func TestTurnbullOfExactTimes(t *testing.T) {
	inf := math.Inf(1)
	m, err := fit.SelfConsistent([]float64{1, 2, 3, 3, 4}, []float64{1, inf, 3, 3, inf})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[float64]float64{0: 0, 1: 0.2, 2: 0.2, 3: 11. / 15, 4: 11. / 15} {
		if least, most := m.By(at); math.Abs(least-want) > 1e-6 || math.Abs(most-want) > 1e-6 {
			t.Errorf("by %v: %v to %v, want %v", at, least, most, want)
		}
	}
	if _, most := m.By(9); most != 1 {
		t.Errorf("at most %v after all are gone from sight, want 1", most)
	}
	if l, r := m.Quantile(0.9); l != 4 || !math.IsInf(r, 1) {
		t.Errorf("nine tenths in (%v, %v]", l, r)
	}
}

// Made-up visits, some times known to the day, some never seen: testdata/turnbull.R.
func TestTurnbullAgainstPlainEM(t *testing.T) {
	f, err := os.Open("testdata/turnbull.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var left, right []float64
	for _, r := range rows[1:] {
		l, err1 := strconv.ParseFloat(r[0], 64)
		u, err2 := strconv.ParseFloat(r[1], 64)
		if err1 != nil || err2 != nil {
			t.Fatal("not a number")
		}
		left, right = append(left, l), append(right, u)
	}
	m, err := fit.SelfConsistent(left, right)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/turnbull.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ Left, Right, Mass, LogLik []float64 }
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if m.Rounds > 40 { // EM alone takes 123
		t.Errorf("%d rounds; by Newton steps it takes a few beyond 20", m.Rounds)
	}
	if len(m.Mass) != len(want.Mass) || math.Abs(m.LogLik-want.LogLik[0]) > 1e-8 {
		t.Fatalf("%d masses, log likelihood %.12g; want %d, %.12g", len(m.Mass), m.LogLik, len(want.Mass), want.LogLik[0])
	}
	for j, v := range m.Mass {
		if math.Abs(v-want.Mass[j]) > 2e-5 || m.Left[j] != want.Left[j] {
			t.Errorf("from %v: %.9f, want %.9f", m.Left[j], v, want.Mass[j])
		}
	}
}

// Order and duplication change no mass; a later clock moves the intervals alone.
func TestTurnbullRelations(t *testing.T) {
	left := []float64{0, 3, 3, 5, 1, 8, 2, 6}
	right := []float64{4, 6, 9, 5, 7, math.Inf(1), 3, 10}
	a, err := fit.SelfConsistent(left, right)
	if err != nil {
		t.Fatal(err)
	}
	var l2, r2, l3, r3 []float64
	for i := range left {
		j := len(left) - 1 - i
		l2, r2 = append(l2, left[j], left[j]), append(r2, right[j], right[j])
		l3, r3 = append(l3, left[i]+1e6), append(r3, right[i]+1e6)
	}
	b, err := fit.SelfConsistent(l2, r2)
	if err != nil {
		t.Fatal(err)
	}
	c, err := fit.SelfConsistent(l3, r3)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for j := range a.Mass {
		sum += a.Mass[j]
		if math.Abs(a.Mass[j]-b.Mass[j]) > 1e-5 || math.Abs(a.Mass[j]-c.Mass[j]) > 1e-5 || c.Left[j] != a.Left[j]+1e6 {
			t.Errorf("mass %d: %v, twice all %v, later %v", j, a.Mass[j], b.Mass[j], c.Mass[j])
		}
	}
	if math.Abs(sum-1) > 1e-9 || math.Abs(b.LogLik-2*a.LogLik) > 1e-7 {
		t.Errorf("masses add up to %v; log likelihood %v, twice all %v", sum, a.LogLik, b.LogLik)
	}
}

func TestTurnbullRefusals(t *testing.T) {
	nan := math.NaN()
	for _, c := range [][2][]float64{{nil, nil}, {{1}, {0}}, {{nan}, {1}}, {{1}, {nan}}, {{1, 2}, {3}}, {{math.Inf(1)}, {math.Inf(1)}}} {
		if _, err := fit.SelfConsistent(c[0], c[1]); !errors.Is(err, fit.ErrSingular) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if m, err := fit.SelfConsistent([]float64{0}, []float64{5}); err != nil || m.Mass[0] != 1 {
		t.Errorf("one time: %v %v", m, err)
	}
}

// Breast cosmesis (Finkelstein 1986): survfit puts the mass within the
// innermost intervals and stops short of the maximum (its shares are up to 4e-4 off);
// outside them the shares agree, and ours is within 1e-8 of the highest likelihood.
func TestTurnbullReferenceCase(t *testing.T) {
	const dir = "../../../../shared/refcases/statistics/interval_turnbull_bcdeter/"
	f, err := os.Open(dir + "data.csv")
	if err != nil {
		t.Skip("SKIPPED: the reference cases are absent from the shared folder beside the project")
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(dir + "expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Values struct {
			Turnbull map[string]struct{ Time, Surv []float64 }
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	for arm, w := range want.Values.Turnbull {
		var left, right []float64
		for _, r := range rows[1:] {
			l, _ := strconv.ParseFloat(r[0], 64)
			u, err := strconv.ParseFloat(r[1], 64)
			if err != nil || u >= 100 {
				u = math.Inf(1)
			}
			if r[2] == arm {
				left, right = append(left, l), append(right, u)
			}
		}
		m, err := fit.SelfConsistent(left, right)
		if err != nil {
			t.Fatal(err)
		}
		held := 0
		for i, at := range w.Time {
			least, most := m.By(at)
			if most-least > 1e-9 {
				continue
			}
			held++
			if math.Abs(1-least-w.Surv[i]) > 4e-4 {
				t.Errorf("treatment %s, %v months: %.6f left, R %.6f", arm, at, 1-least, w.Surv[i])
			}
		}
		if held < 5 || m.Short > 1e-8 {
			t.Errorf("treatment %s: %d times compared, %v short", arm, held, m.Short)
		}
	}
}
