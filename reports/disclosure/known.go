package disclosure

import (
	"math"
	"slices"
)

// known is what an attacker knows of counts that are not shown: equations that
// hold exactly, sums that lie in a range, and a range for each count.
type known struct {
	low, high []float64 // high is +Inf where nothing limits it
	eqs       []balance
	bands     []band

	// start is a solution, where one is at hand: of what hides, the truth.
	start []float64

	rows   []solved // the equations solved as far as they go
	row    []int    // the row that gives each count, -1 where none does
	solved bool

	region *region
	err    error // why there is no region
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

// solve solves the equations as far as they go, exactly.
func (k *known) solve() {
	if k.solved {
		return
	}
	k.solved = true
	if float64(len(k.low)+len(k.bands))*float64(len(k.eqs)+len(k.bands)) > mostEntries {
		k.err = errLarge
		return
	}
	var ok bool
	if k.rows, ok = eliminate(k.eqs); !ok {
		k.rows = eliminateBig(k.eqs, len(k.low))
	}
	k.row = slices.Repeat([]int{-1}, len(k.low))
	for r, x := range k.rows {
		if x.gives >= 0 {
			k.row[x.gives] = r
		}
	}
}

// decided returns the value of count i where the equations alone decide it.
func (k *known) decided(i int) (value float64, ok bool) {
	if k.solve(); k.row == nil {
		return 0, false
	}
	if r := k.row[i]; r >= 0 && len(k.rows[r].of) == 0 {
		return k.rows[r].rhs, true
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
	g, err := k.possible()
	if err != nil {
		return 0, 0, err
	}
	if high, err = g.end(i, k.high[i]); err != nil {
		return 0, 0, err
	}
	if low, err = g.end(i, k.low[i]); err != nil {
		return 0, 0, err
	}
	return math.Ceil(low - near), math.Floor(high + near), nil
}

// openTo tells whether what was found possible so far has a count at a value or
// above, and at two whole numbers or more.
func (k *known) openTo(i int, value float64) bool {
	g := k.region
	return g != nil && g.most[i] >= value && g.most[i]-g.least[i] >= 2
}

// canBe tells whether count i can be as far from its start as a value is, or
// further: what else was found possible on the way is remembered.
func (k *known) canBe(i int, value float64) (bool, error) {
	if _, ok := k.decided(i); ok {
		return false, nil
	}
	g, err := k.possible()
	if err != nil {
		return false, err
	}
	if g.seen(i, value) {
		return true, nil
	}
	if value < k.low[i] || value > k.high[i] {
		return false, nil
	}
	for range 2 {
		copy(g.at, k.start)
		reached, err := g.climb(i, value)
		if err != nil || !reached {
			return false, err
		}
		if k.holds(g.at) {
			g.remember()
			return g.seen(i, value), nil
		}
		if k.region, err = newRegion(k); err != nil { // rounding has added up: begin again
			return false, err
		}
		g = k.region
	}
	return false, errUnsteady
}

// holds tells whether counts satisfy everything that is known.
func (k *known) holds(x []float64) bool {
	for i := range k.low {
		if x[i] < k.low[i]-near || x[i] > k.high[i]+near {
			return false
		}
	}
	for _, e := range k.eqs {
		sum := -float64(e.rhs)
		for j, i := range e.of {
			sum += float64(e.coef[j]) * x[i]
		}
		if math.Abs(sum) > near {
			return false
		}
	}
	return true
}

// possible is the set of all that the counts can be.
func (k *known) possible() (*region, error) {
	if k.region == nil && k.err == nil {
		k.region, k.err = newRegion(k)
	}
	return k.region, k.err
}

// apart splits what is known into parts that share no equation and no band. It
// returns the part of each count and its place there.
func (k *known) apart() (parts []*known, of, at []int) {
	var joined [][]int
	for _, e := range k.eqs {
		joined = append(joined, e.of)
	}
	for _, b := range k.bands {
		joined = append(joined, b.of)
	}
	of, n := connected(len(k.low), joined)
	parts, at = make([]*known, n), make([]int, len(k.low))
	for i := range k.low {
		if parts[of[i]] == nil {
			parts[of[i]] = &known{}
		}
		at[i] = parts[of[i]].unknown(k.low[i], k.high[i])
	}
	local := func(list []int) []int {
		out := make([]int, len(list))
		for j, i := range list {
			out[j] = at[i]
		}
		return out
	}
	for _, e := range k.eqs {
		p := parts[of[e.of[0]]]
		p.eqs = append(p.eqs, balance{local(e.of), e.coef, e.rhs})
	}
	for _, b := range k.bands {
		p := parts[of[b.of[0]]]
		p.bands = append(p.bands, band{local(b.of), b.coef, b.low, b.high})
	}
	return parts, of, at
}

// connected numbers the parts of n things of which those in one list hang
// together, in the order of their first.
func connected(n int, joined [][]int) (part []int, parts int) {
	root := make([]int, n)
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for _, list := range joined {
		for _, i := range list[min(1, len(list)):] {
			a, b := find(list[0]), find(i)
			root[max(a, b)] = min(a, b)
		}
	}
	part = make([]int, n)
	for i := range part {
		if r := find(i); r < i { // the first of its part, which has its number
			part[i] = part[r]
		} else {
			part[i] = parts
			parts++
		}
	}
	return part, parts
}
