package disclosure

import (
	"errors"
	"math"
	"slices"
)

var (
	errInfeasible = errors.New("no solution satisfies the equations")
	errCycling    = errors.New("the search did not end")
	errUnsteady   = errors.New("rounding errors have added up: nothing is certain of these counts")
	errLarge      = errors.New("too many hidden counts hang together to be worked out")
)

// mostEntries bounds the size of a region: its counts times its equations.
const mostEntries = 2e7

// region is the set of all that unknown counts can be, walked from one of its
// points to the next as the simplex method with bounded variables does. A point
// need not be a corner: a free count may stand anywhere between its bounds.
type region struct {
	low, high []float64
	at        []float64   // the point
	rows      [][]float64 // at[gives] + Σ row·at = rhs, over counts that are given by none
	rhs       []float64
	gives     []int
	row       []int // the row that gives each count, -1 for a free one

	least, most []float64 // of each count at the points that are remembered
}

// newRegion lays out what is known: the equations as they are solved, and for each
// band a count of its own within it. Where no solution is at hand it finds one.
func newRegion(k *known) (*region, error) {
	if k.solve(); k.err != nil {
		return nil, k.err
	}
	n := len(k.low) + len(k.bands)
	g := &region{low: slices.Clone(k.low), high: slices.Clone(k.high), row: slices.Repeat([]int{-1}, n)}
	for _, e := range k.rows {
		if e.gives < 0 {
			return nil, errInfeasible
		}
		row := g.add(e.gives, n, e.rhs)
		for j, i := range e.of {
			row[i] = e.coef[j]
		}
	}
	for b, s := range k.bands {
		g.low, g.high = append(g.low, s.low), append(g.high, s.high)
		row := make([]float64, n)
		rhs := 0.0
		for j, i := range s.of {
			row[i] -= s.coef[j]
		}
		for j, i := range s.of {
			if r := g.row[i]; r >= 0 && row[i] != 0 {
				rhs += s.coef[j] * g.rhs[r]
				axpy(row, s.coef[j], g.rows[r])
				row[i] = 0
			}
		}
		copy(g.add(len(k.low)+b, n, rhs), row)
	}
	if k.start != nil {
		g.at, g.least, g.most = slices.Clone(k.start), slices.Clone(k.start), slices.Clone(k.start)
		return g, nil
	}
	if err := g.enter(); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *region) add(gives, n int, rhs float64) []float64 {
	g.row[gives] = len(g.rows)
	g.gives, g.rows, g.rhs = append(g.gives, gives), append(g.rows, make([]float64, n)), append(g.rhs, rhs)
	return g.rows[len(g.rows)-1]
}

// enter finds a point: free counts at their least, and then each that is beyond a
// bound moved to it, while those still beyond theirs get no worse.
func (g *region) enter() error {
	n := len(g.row)
	g.at = make([]float64, n)
	for j := range g.at {
		if g.at[j] = g.low[j]; math.IsInf(g.low[j], -1) {
			g.at[j] = math.Min(0, g.high[j])
		}
	}
	g.refresh()
	low, high := slices.Clone(g.low), slices.Clone(g.high)
	for i := range g.at {
		g.low[i], g.high[i] = math.Min(low[i], g.at[i]), math.Max(high[i], g.at[i])
	}
	for i := range g.at {
		goal := math.Max(low[i], math.Min(high[i], g.at[i]))
		if math.Abs(g.at[i]-goal) > near {
			if reached, err := g.climb(i, goal); err != nil {
				return err
			} else if !reached {
				return errInfeasible
			}
		}
		for j := range g.at { // what has come nearer to its bounds stays there
			g.low[j], g.high[j] = math.Min(low[j], math.Max(g.low[j], g.at[j])), math.Max(high[j], math.Min(g.high[j], g.at[j]))
		}
	}
	g.low, g.high = low, high
	g.least, g.most = slices.Clone(g.at), slices.Clone(g.at)
	return nil
}

// refresh works the given counts out from the free ones.
func (g *region) refresh() {
	for r, i := range g.gives {
		sum := g.rhs[r]
		for j, v := range g.rows[r] {
			if v != 0 {
				sum -= v * g.at[j]
			}
		}
		g.at[i] = sum
	}
}

// seen tells whether a remembered point has a count as far as a value.
func (g *region) seen(i int, value float64) bool {
	return g.least[i] <= value+near && value <= g.most[i]+near
}

// remember notes how far each count has come at this point.
func (g *region) remember() {
	for i := range g.least {
		g.least[i], g.most[i] = math.Min(g.least[i], g.at[i]), math.Max(g.most[i], g.at[i])
	}
}

// end moves a count as far towards a bound as it can go, and returns where that
// is: infinite where nothing stops it.
func (g *region) end(i int, bound float64) (float64, error) {
	reached, err := g.climb(i, bound)
	if g.remember(); reached {
		return bound, err
	}
	return g.at[i], err
}

const (
	eps  = 1e-7
	near = 1e-6
)

// climb moves a count towards a goal, other counts giving way, until it is there;
// false where it cannot come that far, and stands as near as it can. An infinite
// goal is reached where nothing stops the count.
//
// The free count that moves is the one of most effect; after steps of no length
// the first that has any, by Bland's rule, so that it ends.
func (g *region) climb(i int, goal float64) (reached bool, err error) {
	up := 1.0
	if goal < g.at[i] {
		up = -1
	}
	stuck := 0
	for range 50000 {
		room := up * (goal - g.at[i])
		if room <= near {
			return true, nil
		}
		j, dir := i, up
		if r := g.row[i]; r >= 0 {
			var rate float64
			if j, dir, rate = g.choose(g.rows[r], up, stuck > 2*len(g.rows)); j < 0 {
				return false, nil
			}
			room /= rate
		} else if own := g.room(i, up); own < room {
			room = own
			if own <= 0 {
				return false, nil
			}
		}
		step, at := g.step(i, j, dir)
		if own := g.room(j, dir); own <= step {
			step, at = own, -1
		}
		if room <= step {
			step, at = room, -1
		}
		if math.IsInf(step, 1) {
			return true, nil
		}
		g.move(j, dir*step)
		if stuck++; step > 1e-12 {
			stuck = 0
		}
		if at >= 0 {
			g.pivot(at, j)
		}
	}
	return false, errCycling
}

// room is how far a count may move on its own.
func (g *region) room(j int, dir float64) float64 {
	if dir > 0 {
		return math.Max(0, g.high[j]-g.at[j])
	}
	return math.Max(0, g.at[j]-g.low[j])
}

// choose returns the free count to move, its direction, and how far one unit of it
// moves the count that the row gives; -1 for none.
func (g *region) choose(row []float64, up float64, first bool) (j int, dir, rate float64) {
	j = -1
	for c, v := range row {
		if math.Abs(v) <= math.Max(eps, rate) {
			continue
		}
		d := -up
		if v < 0 {
			d = up
		}
		if g.room(c, d) <= 1e-9 {
			continue
		}
		if j, dir, rate = c, d, math.Abs(v); first {
			break
		}
	}
	return j, dir, rate
}

// step is how far free count j may move before a given one, other than the one
// that climbs, comes to its bound, and the row of that.
func (g *region) step(climbs, j int, dir float64) (step float64, at int) {
	step, at = math.Inf(1), -1
	for r, row := range g.rows {
		k := g.gives[r]
		v := -row[j] * dir
		if k == climbs || math.Abs(v) <= eps {
			continue
		}
		way := g.high[k] - g.at[k]
		if v < 0 {
			way = g.at[k] - g.low[k]
		}
		way = math.Max(0, way) / math.Abs(v)
		if way < step-1e-12 || way < step+1e-12 && k < g.gives[at] {
			step, at = way, r
		}
	}
	return step, at
}

// move moves a free count, and the given ones with it.
func (g *region) move(j int, by float64) {
	g.at[j] += by
	for r, row := range g.rows {
		if row[j] != 0 {
			g.at[g.gives[r]] -= row[j] * by
		}
	}
}

// pivot makes count j given by a row, and the one that it gave free.
func (g *region) pivot(r, j int) {
	out, row := g.gives[r], g.rows[r]
	row[out] = 1
	by := 1 / row[j]
	for c, v := range row {
		if v != 0 {
			row[c] = v * by
		}
	}
	g.rhs[r] *= by
	row[j] = 0
	g.row[out], g.row[j], g.gives[r] = -1, r, j
	for i, other := range g.rows {
		if f := other[j]; i != r && f != 0 {
			axpy(other, -f, row)
			other[j] = 0
			g.rhs[i] -= f * g.rhs[r]
		}
	}
}

// axpy adds f times x to y.
func axpy(y []float64, f float64, x []float64) {
	if f == 0 {
		return
	}
	for j, v := range x {
		y[j] += f * v
	}
}
