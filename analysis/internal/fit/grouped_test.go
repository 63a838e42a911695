package fit

import (
	"errors"
	"math"
	"testing"

	"recoup/simulate/stream"
)

var never = math.Inf(1)

// By hand: of 10 patients 2 are seen returned at day 30, then of 8, of whom one is never
// seen after 30, 3 of 7 at day 60. The shares still away are .8 and .8·4/7, whatever the
// scale of time.
func TestGroupedHazardsByHand(t *testing.T) {
	lower := []float64{0, 0, 30, 30, 30, 30, 60, 60, 60, 60}
	upper := []float64{30, 30, 60, 60, 60, never, never, never, never, never}
	m, err := GroupedHazards(lower, upper, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, w := range []float64{0.8, 0.8 * 4 / 7} {
		near(t, "survival", m.Survival(nil)[k], w, 1e-10)
	}
	near(t, "log likelihood", m.LogLik, 2*math.Log(0.2)+8*math.Log(0.8)+3*math.Log(3.0/7)+4*math.Log(4.0/7), 1e-12)
	// Var log(-log S) at the first step is that of a share of 8/10: (d/dp log(-log p))² p(1-p)/n.
	_, se := m.LogHazard(nil, 0)
	near(t, "error", se, math.Sqrt(0.8*0.2/10)/(0.8*-math.Log(0.8)), 1e-9)
}

// drawnBetween are exponential times seen at visits that are missed now and then.
func drawnBetween(seed uint64, n int, beta float64) (lower, upper, x []float64) {
	c := stream.New(seed, "grouped").Cursor()
	for i := range n {
		arm := float64(i % 2)
		at := -math.Log(c.Float64()) * 60 / math.Exp(beta*arm)
		l, u := 0.0, never
		for _, day := range []float64{14, 30, 60, 90, 180} {
			if c.Float64() < 0.15 {
				continue
			}
			if day < at {
				l = day
				continue
			}
			u = day
			break
		}
		lower, upper, x = append(lower, l), append(upper, u), append(x, arm)
	}
	return lower, upper, x
}

// Without covariates it is Turnbull's estimate where that puts its shares between
// neighbouring visits.
func TestGroupedHazardsIsTurnbull(t *testing.T) {
	lower, upper, _ := drawnBetween(1, 300, 0)
	m, err := GroupedHazards(lower, upper, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := SelfConsistent(lower, upper)
	if err != nil {
		t.Fatal(err)
	}
	for k, day := range m.Grid {
		s := 0.0
		for j, end := range r.Right {
			if end > day {
				s += r.Mass[j]
			}
		}
		near(t, "share left", m.Survival(nil)[k], s, 1e-6)
	}
}

// A shift and a scale of a covariate change its coefficient by the scale alone, twice the
// patients take √2 off the errors, and a swapped arm turns the sign round.
func TestGroupedHazardsRelations(t *testing.T) {
	lower, upper, x := drawnBetween(2, 200, 0.7)
	a, err := GroupedHazards(lower, upper, [][]float64{x})
	if err != nil {
		t.Fatal(err)
	}
	other := make([]float64, len(x))
	for i, v := range x {
		other[i] = 1e6 - 4*v
	}
	b, err := GroupedHazards(append(lower, lower...), append(upper, upper...), [][]float64{append(other, other...)})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "coefficient", -4*b.Coef[0], a.Coef[0], 1e-6)
	k := len(a.Grid)
	near(t, "error", 4*math.Sqrt(2*b.Cov.At(k, k)), math.Sqrt(a.Cov.At(k, k)), 1e-6)
	near(t, "log likelihood", b.LogLik, 2*a.LogLik, 1e-10)
	va, ea := a.LogHazard([]float64{1}, 1)
	vb, eb := b.LogHazard([]float64{1e6 - 4}, 1)
	near(t, "log hazard", vb, va, 1e-5)
	near(t, "its error", eb*math.Sqrt2, ea, 1e-4)
}

// Of 300 trials the 95 % interval misses the true ratio in 4 to 28: outside of that once
// in a thousand (binomial).
func TestGroupedHazardsCovers(t *testing.T) {
	miss := 0
	for s := range uint64(300) {
		lower, upper, x := drawnBetween(s+10, 150, 0.6)
		m, err := GroupedHazards(lower, upper, [][]float64{x})
		if err != nil {
			t.Fatal(err)
		}
		k := len(m.Grid)
		if math.Abs(m.Coef[0]-0.6) > 1.96*math.Sqrt(m.Cov.At(k, k)) {
			miss++
		}
	}
	if miss < 4 || miss > 28 {
		t.Errorf("%d of 300 intervals miss", miss)
	}
}

func TestGroupedHazardsHard(t *testing.T) {
	if _, err := GroupedHazards([]float64{0, 30}, []float64{never, never}, nil); !errors.Is(err, ErrGroupedEvents) {
		t.Errorf("nobody returned: %v", err)
	}
	if _, err := GroupedHazards([]float64{30}, []float64{30}, nil); err == nil {
		t.Error("an empty interval was taken")
	}
	// Everyone of an arm returned at the first visit and nobody of the other ever: the
	// ratio has no bound.
	lower, upper := []float64{0, 0, 0, 60, 60, 60}, []float64{30, 30, 30, never, never, never}
	if m, err := GroupedHazards(lower, upper, [][]float64{{1, 1, 1, 0, 0, 0}}); err == nil {
		t.Errorf("separation gave %+v", m.Coef)
	}
	if _, err := GroupedHazards(lower, upper, [][]float64{{1, 2, 3, 4, 5, 6}, {2, 4, 6, 8, 10, 12}}); err == nil {
		t.Error("a covariate that repeats another was taken")
	}
}
