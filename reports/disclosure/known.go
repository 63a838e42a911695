package disclosure

import (
	"math"
	"math/big"
)

// known is what an attacker knows of counts that are not shown: equations that
// hold exactly, sums that lie in a range, and a range for each count.
type known struct {
	low, high []float64 // high is +Inf where nothing limits it
	eqs       []balance
	bands     []band
	rows      [][]*big.Rat // the equations solved as far as they go; the last entry is the right-hand side
	solved    bool
}

// balance says that Σ coef·x is rhs.
type balance struct {
	of   []int
	coef []int64
	rhs  int64
}

// band says that Σ coef·x lies from low to high.
type band struct {
	of        []int
	coef      []float64
	low, high float64
}

// unknown adds a count of which nothing but a range is known.
func (k *known) unknown(low, high float64) int {
	k.low, k.high = append(k.low, low), append(k.high, high)
	return len(k.low) - 1
}

// solve brings the equations to reduced row echelon form, in rational numbers:
// what the equations alone decide is decided without rounding.
func (k *known) solve() {
	if k.solved {
		return
	}
	k.solved = true
	n := len(k.low)
	for _, e := range k.eqs {
		row := make([]*big.Rat, n+1)
		for j := range row {
			row[j] = new(big.Rat)
		}
		for j, i := range e.of {
			row[i].Add(row[i], new(big.Rat).SetInt64(e.coef[j]))
		}
		row[n].SetInt64(e.rhs)
		k.rows = append(k.rows, row)
	}
	done := 0
	for col := 0; col < n && done < len(k.rows); col++ {
		at := done
		for at < len(k.rows) && k.rows[at][col].Sign() == 0 {
			at++
		}
		if at == len(k.rows) {
			continue
		}
		k.rows[done], k.rows[at] = k.rows[at], k.rows[done]
		pivot := k.rows[done]
		by := new(big.Rat).Inv(pivot[col])
		for j := range pivot {
			if pivot[j].Sign() != 0 {
				pivot[j].Mul(pivot[j], by)
			}
		}
		for i, row := range k.rows {
			if i == done || row[col].Sign() == 0 {
				continue
			}
			f := new(big.Rat).Set(row[col])
			for j := range row {
				if pivot[j].Sign() != 0 {
					row[j].Sub(row[j], new(big.Rat).Mul(f, pivot[j]))
				}
			}
		}
		done++
	}
	for done < len(k.rows) && k.rows[len(k.rows)-1][n].Sign() == 0 {
		k.rows = k.rows[:len(k.rows)-1] // says nothing new
	}
}

// decided returns the value of count i where the equations alone decide it.
func (k *known) decided(i int) (value float64, ok bool) {
	k.solve()
	n := len(k.low)
	for _, row := range k.rows {
		if row[i].Sign() == 0 {
			continue
		}
		alone := true
		for j := range n {
			alone = alone && (j == i || row[j].Sign() == 0)
		}
		if alone {
			value, _ = row[n].Float64()
			return value, true
		}
	}
	return 0, false
}

// bounds is the interval of whole numbers that count i can be: the attacker's
// answer. Equations are solved exactly; where they leave it open, linear
// programming finds the ends.
func (k *known) bounds(i int) (low, high float64, err error) {
	if v, ok := k.decided(i); ok {
		return v, v, nil
	}
	a, b, width := k.program()
	c := make([]float64, width)
	c[i] = 1
	x, bounded, err := minimize(c, a, b)
	if err != nil {
		return 0, 0, err
	}
	low = k.low[i]
	if bounded {
		low += x[i]
	}
	c[i] = -1
	if x, bounded, err = minimize(c, a, b); err != nil {
		return 0, 0, err
	}
	high = math.Inf(1)
	if bounded {
		high = k.low[i] + x[i]
	}
	return math.Ceil(low - 1e-6), math.Floor(high + 1e-6), nil
}

// most is the greatest value that count i can have, +Inf where nothing limits it.
func (k *known) most(i int) (float64, error) {
	if v, ok := k.decided(i); ok {
		return v, nil
	}
	a, b, width := k.program()
	c := make([]float64, width)
	c[i] = -1
	x, bounded, err := minimize(c, a, b)
	if err != nil || !bounded {
		return math.Inf(1), err
	}
	return math.Floor(k.low[i] + x[i] + 1e-6), nil
}

// program is what is known as A x = b with x ≥ 0, the unknowns being how much
// each count is above its least, then slacks.
func (k *known) program() (a [][]float64, b []float64, width int) {
	k.solve()
	n := len(k.low)
	width = n
	for i := range k.high {
		if !math.IsInf(k.high[i], 1) {
			width++
		}
	}
	width += 2 * len(k.bands)
	add := func(rhs float64) []float64 {
		a, b = append(a, make([]float64, width)), append(b, rhs)
		return a[len(a)-1]
	}
	for _, row := range k.rows {
		rhs, _ := row[n].Float64()
		line := add(0)
		for j := range n {
			if row[j].Sign() != 0 {
				line[j], _ = row[j].Float64()
				rhs -= line[j] * k.low[j]
			}
		}
		b[len(b)-1] = rhs
	}
	slack := n
	for i, h := range k.high {
		if !math.IsInf(h, 1) {
			line := add(h - k.low[i])
			line[i], line[slack] = 1, 1
			slack++
		}
	}
	for _, s := range k.bands {
		low, high := s.low, s.high
		for j, i := range s.of {
			low -= s.coef[j] * k.low[i]
			high -= s.coef[j] * k.low[i]
		}
		least, most := add(low), add(high)
		for j, i := range s.of {
			least[i] += s.coef[j]
			most[i] += s.coef[j]
		}
		least[slack], most[slack+1] = -1, 1
		slack += 2
	}
	return a, b, width
}
