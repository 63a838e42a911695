package disclosure

import "math"

// minimize solves
//
//	min cᵀx subject to A x = b, x ≥ 0
//
// by the two-phase tableau simplex method with Bland's rule: slow, and the oracle of
// what is quick. It returns the
// optimal x, or ok = false where the objective has no lower bound. The systems
// here are small (tens to hundreds of rows) with coefficients of one, so a
// dense tableau is exact enough.
func minimize(c []float64, a [][]float64, b []float64) (x []float64, ok bool, err error) {
	m, n := len(a), len(c)
	t := tableau{rows: make([][]float64, m), basis: make([]int, m)}
	for i := range a {
		row := make([]float64, n+m+1)
		sign := 1.0
		if b[i] < 0 {
			sign = -1
		}
		for j, v := range a[i] {
			row[j] = sign * v
		}
		row[n+i], row[n+m] = 1, sign*b[i]
		t.rows[i], t.basis[i] = row, n+i
	}
	phase1 := make([]float64, n+m+1)
	for j := n; j < n+m; j++ {
		phase1[j] = 1
	}
	if bounded, err := t.run(phase1, n+m); err != nil || !bounded {
		return nil, false, errCycling
	}
	for i, k := range t.basis {
		if k >= n && t.rows[i][n+m] > 1e-6 {
			return nil, false, errInfeasible
		}
	}
	t.expel(n)
	phase2 := make([]float64, n+m+1)
	copy(phase2, c)
	bounded, err := t.run(phase2, n)
	if err != nil {
		return nil, false, err
	}
	x = make([]float64, n)
	for i, k := range t.basis {
		if k < n {
			x[k] = t.rows[i][n+m]
		}
	}
	return x, bounded, nil
}

type tableau struct {
	rows  [][]float64 // coefficients, then the right-hand side
	basis []int
}

// run pivots until no variable before limit lowers the cost; false when the
// cost falls without end.
func (t *tableau) run(cost []float64, limit int) (bounded bool, err error) {
	z := append([]float64(nil), cost...)
	for i, k := range t.basis {
		if f := z[k]; f != 0 {
			axpy(z, -f, t.rows[i])
		}
	}
	for range 50000 {
		enter := -1
		for j := range limit {
			if z[j] < -eps {
				enter = j
				break
			}
		}
		if enter < 0 {
			return true, nil
		}
		leave, best := -1, math.Inf(1)
		last := len(z) - 1
		for i, row := range t.rows {
			if row[enter] <= eps {
				continue
			}
			r := row[last] / row[enter]
			if r < best-1e-12 || r < best+1e-12 && (leave < 0 || t.basis[i] < t.basis[leave]) {
				leave, best = i, math.Min(r, best)
			}
		}
		if leave < 0 {
			return false, nil
		}
		t.pivot(leave, enter)
		axpy(z, -z[enter], t.rows[leave])
	}
	return false, errCycling
}

func (t *tableau) pivot(row, col int) {
	p := t.rows[row]
	f := 1 / p[col]
	for j := range p {
		p[j] *= f
	}
	p[col] = 1
	for i := range t.rows {
		if i != row && t.rows[i][col] != 0 {
			axpy(t.rows[i], -t.rows[i][col], p)
			t.rows[i][col] = 0
		}
	}
	t.basis[row] = col
}

// expel drives artificial variables (n and above) out of the basis, and drops
// equations that say nothing new.
func (t *tableau) expel(n int) {
	for i := 0; i < len(t.rows); i++ {
		if t.basis[i] < n {
			continue
		}
		found := false
		for j := range n {
			if math.Abs(t.rows[i][j]) > eps {
				t.pivot(i, j)
				found = true
				break
			}
		}
		if !found {
			t.rows = append(t.rows[:i], t.rows[i+1:]...)
			t.basis = append(t.basis[:i], t.basis[i+1:]...)
			i--
		}
	}
}
