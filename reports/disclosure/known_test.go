package disclosure

import (
	"math"
	"testing"
)

// x + y + z = 12, x − y = 1, y + z = 7 give x = 5, y = 4, z = 3 by the equations
// alone; without the second nothing but x is decided.
func TestEquationsDecide(t *testing.T) {
	inf := math.Inf(1)
	k := &known{low: []float64{0, 0, 0}, high: []float64{inf, inf, inf}, eqs: []balance{
		{of: []int{0, 1, 2}, coef: []int64{1, 1, 1}, rhs: 12}, {of: []int{0, 1}, coef: []int64{1, -1}, rhs: 1}, {of: []int{1, 2}, coef: []int64{1, 1}, rhs: 7},
	}}
	for i, want := range []float64{5, 4, 3} {
		if v, ok := k.decided(i); !ok || v != want {
			t.Errorf("count %d: %v %v, want %g", i, v, ok, want)
		}
	}
	k = &known{low: []float64{0, 0, 0}, high: []float64{inf, inf, 2}, eqs: []balance{k.eqs[0], k.eqs[2]}}
	if v, ok := k.decided(0); !ok || v != 5 {
		t.Errorf("x: %v %v", v, ok)
	}
	if _, ok := k.decided(1); ok {
		t.Error("y is decided by one equation with z")
	}
	// z is at most 2, so y is 5 to 7.
	if low, high, err := k.bounds(1); low != 5 || high != 7 || err != nil {
		t.Errorf("y from %g to %g, %v", low, high, err)
	}
}

// A search whose numbers have gone wrong is begun again: of x + y = 9, both at least 1,
// x can be 8 and no more.
func TestRoundingIsNoticed(t *testing.T) {
	inf := math.Inf(1)
	k := &known{low: []float64{1, 1}, high: []float64{inf, inf}, start: []float64{3, 6}, eqs: []balance{{of: []int{0, 1}, coef: []int64{1, 1}, rhs: 9}}}
	g, err := k.possible()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range g.rows {
		for j := range row {
			row[j] *= 2 // as if errors had added up
		}
	}
	for value, want := range map[float64]bool{8: true, 9: false, 12: false} {
		if ok, err := k.canBe(0, value); ok != want || err != nil {
			t.Errorf("x can be %g: %v, %v", value, ok, err)
		}
	}
}
