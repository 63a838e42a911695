package disclosure

import (
	"math"
	"math/big"
)

// solved is an equation that gives one count by others that are given by none:
// x[gives] + Σ coef·x[of] = rhs. A contradiction gives -1, and its rhs is not 0.
type solved struct {
	gives int
	of    []int
	coef  []float64
	rhs   float64
}

// line is an equation in whole numbers without a common divisor, its terms in the
// order of the counts.
type line struct {
	of   []int
	coef []int64
	rhs  int64
}

// mostExact bounds numbers whose products can be added without overflow.
const mostExact = 1 << 30

// eliminate brings equations to reduced row echelon form in whole numbers: what the
// equations alone decide is decided without rounding. Of the equations left the
// shortest is used first, and of its counts the one in fewest others, so that what
// is sparse stays so. It is false where a number gets too large.
func eliminate(eqs []balance) ([]solved, bool) {
	lines := make([]line, len(eqs))
	for i, e := range eqs {
		l, ok := lineOf(e)
		if !ok {
			return nil, false
		}
		lines[i] = l
	}
	with := map[int]map[int]bool{} // the lines that a count is in
	note := func(r int, l line, in bool) {
		for _, i := range l.of {
			if with[i] == nil {
				with[i] = map[int]bool{}
			}
			if in {
				with[i][r] = true
			} else {
				delete(with[i], r)
			}
		}
	}
	for r, l := range lines {
		note(r, l, true)
	}
	gives := make([]int, len(lines))
	used := make([]bool, len(lines))
	for range lines {
		r := -1
		for i, l := range lines {
			if !used[i] && len(l.of) > 0 && (r < 0 || len(l.of) < len(lines[r].of)) {
				r = i
			}
		}
		if r < 0 {
			break
		}
		used[r] = true
		col := lines[r].of[0]
		for _, i := range lines[r].of {
			if len(with[i]) < len(with[col]) {
				col = i
			}
		}
		gives[r] = col
		for _, i := range sorted(with[col]) {
			if i == r {
				continue
			}
			l, ok := without(lines[i], lines[r], col)
			if !ok {
				return nil, false
			}
			note(i, lines[i], false)
			lines[i] = l
			note(i, l, true)
		}
	}
	var out []solved
	for r, l := range lines {
		if used[r] {
			out = append(out, l.solved(gives[r]))
		} else if l.rhs != 0 {
			out = append(out, solved{gives: -1, rhs: float64(l.rhs)})
		}
	}
	return out, true
}

func lineOf(e balance) (line, bool) {
	sum := map[int]int64{}
	in := map[int]bool{}
	for j, i := range e.of {
		sum[i] += e.coef[j]
		in[i] = true
	}
	l := line{rhs: e.rhs}
	for _, i := range sorted(in) {
		if sum[i] != 0 {
			l.of, l.coef = append(l.of, i), append(l.coef, sum[i])
		}
	}
	return l.reduced()
}

func (l line) at(col int) int64 {
	for j, i := range l.of {
		if i == col {
			return l.coef[j]
		}
	}
	return 0
}

// without is a line less as much of another as it takes for a count to go.
func without(l, less line, col int) (line, bool) {
	a, b := less.at(col), l.at(col)
	d := divisor(a, b)
	a, b = a/d, b/d
	out := line{rhs: a*l.rhs - b*less.rhs}
	i, j := 0, 0
	for i < len(l.of) || j < len(less.of) {
		var of int
		var c int64
		switch {
		case j == len(less.of) || i < len(l.of) && l.of[i] < less.of[j]:
			of, c = l.of[i], a*l.coef[i]
			i++
		case i == len(l.of) || less.of[j] < l.of[i]:
			of, c = less.of[j], -b*less.coef[j]
			j++
		default:
			of, c = l.of[i], a*l.coef[i]-b*less.coef[j]
			i, j = i+1, j+1
		}
		if c != 0 {
			out.of, out.coef = append(out.of, of), append(out.coef, c)
		}
	}
	return out.reduced()
}

// reduced divides a line by what all its numbers share.
func (l line) reduced() (line, bool) {
	d := l.rhs
	for _, c := range l.coef {
		d = divisor(d, c)
	}
	if d == 0 {
		return l, true
	}
	ok := true
	small := func(x int64) int64 {
		x /= d
		ok = ok && x > -mostExact && x < mostExact
		return x
	}
	for j := range l.coef {
		l.coef[j] = small(l.coef[j])
	}
	l.rhs = small(l.rhs)
	return l, ok
}

// divisor is the greatest common divisor, 0 of two zeros.
func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	if a < 0 {
		return -a
	}
	return a
}

func (l line) solved(gives int) solved {
	by := float64(l.at(gives))
	out := solved{gives: gives, rhs: float64(l.rhs) / by}
	for j, i := range l.of {
		if i != gives {
			out.of, out.coef = append(out.of, i), append(out.coef, float64(l.coef[j])/by)
		}
	}
	return out
}

// eliminateBig is eliminate in rational numbers of any size, of n counts.
func eliminateBig(eqs []balance, n int) []solved {
	var rows [][]*big.Rat
	for _, e := range eqs {
		row := make([]*big.Rat, n+1)
		for j := range row {
			row[j] = new(big.Rat)
		}
		for j, i := range e.of {
			row[i].Add(row[i], new(big.Rat).SetInt64(e.coef[j]))
		}
		row[n].SetInt64(e.rhs)
		rows = append(rows, row)
	}
	var gives []int
	for col := 0; col < n && len(gives) < len(rows); col++ {
		done := len(gives)
		at := done
		for at < len(rows) && rows[at][col].Sign() == 0 {
			at++
		}
		if at == len(rows) {
			continue
		}
		rows[done], rows[at] = rows[at], rows[done]
		pivot := rows[done]
		by := new(big.Rat).Inv(pivot[col])
		for _, x := range pivot {
			x.Mul(x, by)
		}
		for i, row := range rows {
			if i == done || row[col].Sign() == 0 {
				continue
			}
			f := new(big.Rat).Set(row[col])
			for j := range row {
				row[j].Sub(row[j], new(big.Rat).Mul(f, pivot[j]))
			}
		}
		gives = append(gives, col)
	}
	var out []solved
	for r, row := range rows {
		x := solved{gives: -1}
		x.rhs, _ = row[n].Float64()
		if r < len(gives) {
			x.gives = gives[r]
		} else if row[n].Sign() == 0 {
			continue // says nothing new
		}
		for j := range n {
			if v, _ := row[j].Float64(); j != x.gives && v != 0 && !math.IsNaN(v) {
				x.of, x.coef = append(x.of, j), append(x.coef, v)
			}
		}
		out = append(out, x)
	}
	return out
}
