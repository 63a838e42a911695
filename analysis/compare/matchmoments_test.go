package compare

import (
	"errors"
	"math"
	"slices"
	"testing"

	"recoup/simulate/stream"
)

func match(t *testing.T, z ...[]float64) MomentWeights {
	t.Helper()
	m, err := MatchMoments(z, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// By hand. Values 0, 1, 2 that must have the mean 1.5: with u = exp(α) the weights are
// in the ratio 1 : u : u², and (u + 2u²)/(1 + u + u²) = 1.5 is u² - u - 3 = 0, so that
// u = (1 + √13)/2 = 2.302776.
//
// A share of 3/4 of two patients with and two without: weights 3 : 1, so that the
// effective size is (3+3+1+1)²/(9+9+1+1) = 3.2.
func TestMatchMomentsByHand(t *testing.T) {
	m := match(t, []float64{-1.5, -0.5, 0.5})
	u := (1 + math.Sqrt(13)) / 2
	if math.Abs(m.W[1]/m.W[0]-u) > 1e-9 || math.Abs(m.W[2]/m.W[1]-u) > 1e-9 || math.Abs(m.Alpha[0]-math.Log(u)) > 1e-9 {
		t.Errorf("weights %v, α %v, want ratios of %v", m.W, m.Alpha, u)
	}
	m = match(t, []float64{0.25, 0.25, -0.75, -0.75})
	if math.Abs(m.W[0]/m.W[2]-3) > 1e-9 || math.Abs(m.ESS()-3.2) > 1e-9 {
		t.Errorf("weights %v, effective size %v", m.W, m.ESS())
	}
	// Counts are copies of patients.
	twice, err := MatchMoments([][]float64{{-1, 0.5, 2}}, []float64{3, 0, 1})
	copies := match(t, []float64{-1, -1, -1, 2})
	if err != nil || math.Abs(twice.W[2]/twice.W[0]-copies.W[3]/copies.W[0]) > 1e-9 || twice.W[1] != 0 {
		t.Errorf("%v, %v: counted %v, copied %v", err, twice.Impossible, twice.W, copies.W)
	}
}

// A share of 0 or 1 leaves the others without weight; a column that holds of all, and
// one that repeats others, change nothing.
func TestColumnsThatNeedNoCoefficient(t *testing.T) {
	age := []float64{-2, -1, 1, 4, 3}
	m := match(t, age, []float64{0, -1, 0, 0, -1})
	if m.Impossible != 2 || m.W[1] != 0 || m.W[4] != 0 {
		t.Errorf("%d patients without weight: %v", m.Impossible, m.W)
	}
	if mean := m.W[0]*-2 + m.W[2] + m.W[3]*4; math.Abs(mean) > 1e-9 {
		t.Errorf("mean %v", mean)
	}
	alone, more := match(t, age), match(t, age, make([]float64, 5), []float64{4, 2, -2, -8, -6})
	for i := range age {
		if math.Abs(alone.W[i]-more.W[i]) > 1e-9 {
			t.Errorf("patient %d: %v with repeated columns, %v without", i, more.W[i], alone.W[i])
		}
	}
	if w := match(t, make([]float64, 3)).W; !slices.Equal(w, []float64{1, 1, 1}) {
		t.Errorf("patients who are as they must be have weights %v", w)
	}
}

// Targets outside of the hull: of one column, of two together although each alone can
// be met, and of no patient. A triangle (0,0), (4,0), (0,4) reaches x = y = 2 at most;
// from (3,3) the nearest by absolute values is two away.
func TestOutsideOfTheHull(t *testing.T) {
	var e *HullError
	_, err := MatchMoments([][]float64{{1, 2, 3}, {-1, 0, 1}, {-5, -4, -7}}, nil)
	if !errors.As(err, &e) || !errors.Is(err, ErrHull) || len(e.Unmet) != 2 || e.Unmet[0] != (Unmet{0, 1, true}) || e.Unmet[1] != (Unmet{2, -4, true}) {
		t.Errorf("%v: %+v", err, e)
	}
	e = nil
	_, err = MatchMoments([][]float64{{-3, 1, -3}, {-3, -3, 1}}, nil)
	if !errors.As(err, &e) || e.Edge || len(e.Unmet) == 0 {
		t.Fatalf("%v: %+v", err, e)
	}
	sum := 0.0
	for _, u := range e.Unmet {
		sum += math.Abs(u.Nearest)
		if u.Alone {
			t.Error("each column alone can be met")
		}
	}
	if math.Abs(sum-2) > 1e-6 {
		t.Errorf("the nearest mean is %v away, want 2", sum)
	}
	// On the edge of the triangle the corner across has no weight left.
	if m, err := MatchMoments([][]float64{{-2, 2, -2}, {-2, -2, 2}}, nil); err != nil || m.W[0] > 1e-8*m.W[1] || math.Abs(m.ESS()-2) > 1e-6 {
		t.Errorf("on the edge: %v, weights %v", err, m.W)
	}
	if _, err = MatchMoments([][]float64{{}}, nil); !errors.Is(err, ErrHull) {
		t.Errorf("of nobody: %v", err)
	}
	if _, err = MatchMoments([][]float64{{0.5}}, nil); !errors.Is(err, ErrHull) {
		t.Errorf("of one patient: %v", err)
	}
}

// Whether the linear program finds the origin inside agrees with whether Newton's
// method finds weights, in 400 clouds whose centre wanders in and out; and the weights
// meet every mean. Scale and a shift of units change no weight.
func TestHullAgreesWithWeights(t *testing.T) {
	inside := 0
	for r := range 400 {
		s := stream.New(uint64(r), "hull").Cursor()
		n, p := 6+s.IntN(30), 1+s.IntN(4)
		z, scaled := make([][]float64, p), make([][]float64, p)
		for j := range z {
			off := 2.2 * (s.Float64() - 0.5)
			for range n {
				v := s.Norm() + off
				z[j], scaled[j] = append(z[j], v), append(scaled[j], v*math.Pow(1e6, float64(j-1)))
			}
		}
		m, err := MatchMoments(z, nil)
		e, err2 := MatchMoments(scaled, nil)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("cloud %d: %v, in other units %v", r, err, err2)
		}
		if err != nil {
			var h *HullError
			if !errors.As(err, &h) || h.Edge {
				t.Errorf("cloud %d: %v: the linear program finds it inside", r, err)
			}
			continue
		}
		inside++
		sum := 0.0
		for _, w := range m.W {
			sum += w
		}
		for j := range z {
			mean := 0.0
			for i, w := range m.W {
				mean += w * z[j][i] / sum
			}
			if math.Abs(mean) > 1e-9 {
				t.Errorf("cloud %d: column %d has mean %v", r, j, mean)
			}
		}
		if math.Abs(m.ESS()-e.ESS()) > 1e-7*m.ESS() {
			t.Errorf("cloud %d: effective size %v, in other units %v", r, m.ESS(), e.ESS())
		}
	}
	if inside < 50 || inside > 370 {
		t.Errorf("%d of 400 inside: the test sees one side alone", inside)
	}
}
