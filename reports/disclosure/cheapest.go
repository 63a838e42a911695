package disclosure

import (
	"math"
	"slices"
)

// changes are changes of counts that keep all equations, each with its cost.
type changes struct {
	*region
	cost      []float64 // of a change by one, in either direction
	down, far []float64 // the least and the greatest change of each
}

// cheapest finds changes that move the target by an amount at the least cost
//
//	min Σ costᵢ·|dᵢ| subject to E d = 0, d_target = amount, downᵢ ≤ dᵢ
//
// by the simplex method with a cost that has a kink: a change stays on its side of 0,
// or at it, as within bounds, and may take the other side from there. An amount that
// cannot be reached is errInfeasible.
func cheapest(eqs []balance, cost, down []float64, target int, amount float64) ([]float64, error) {
	n := len(down)
	k := &known{low: slices.Clone(down), high: slices.Repeat([]float64{math.Inf(1)}, n), start: make([]float64, n), eqs: eqs}
	g, err := newRegion(k)
	if err != nil {
		return nil, err
	}
	if reached, err := g.climb(target, amount); err != nil || !reached {
		return nil, errInfeasible
	}
	k.low[target], k.high[target] = g.at[target], g.at[target]
	c := changes{region: g, cost: cost, down: k.low, far: k.high}
	for i := range g.at {
		c.side(i, g.at[i] >= 0)
	}
	c.lower()
	return g.at, nil
}

// side bounds a change to one side of 0.
func (c *changes) side(i int, up bool) {
	if math.Abs(c.at[i]) < tiny {
		c.at[i] = 0
	}
	c.low[i], c.high[i] = math.Max(0, c.down[i]), c.far[i]
	if !up {
		c.low[i], c.high[i] = c.down[i], math.Min(0, c.far[i])
	}
}

const tiny = 1e-9

// lower lowers the cost as far as it goes, or until it has gone on for too long: each
// point on the way does.
func (c *changes) lower() {
	stuck := 0
	for range 20000 {
		j, dir := c.best(stuck > 2*len(c.rows))
		if j < 0 {
			return
		}
		c.side(j, c.at[j] >= 0 && dir > 0 || c.at[j] > 0)
		step, at := c.step(-1, j, dir)
		if own := c.room(j, dir); own <= step {
			step, at = own, -1
		}
		if math.IsInf(step, 1) {
			return
		}
		c.move(j, dir*step)
		if stuck++; step > tiny {
			stuck = 0
		}
		if at >= 0 {
			c.pivot(at, j)
		}
	}
}

// best is the free change that lowers the cost most for each unit, and its
// direction; -1 for none.
func (c *changes) best(first bool) (j int, dir float64) {
	price := make([]float64, len(c.at)) // of the given changes, for each unit of a free one
	for r, k := range c.gives {
		slope := c.cost[k]
		if c.low[k] < 0 {
			slope = -slope
		}
		axpy(price, -slope, c.rows[r])
	}
	j, least := -1, -eps
	try := func(i int, d float64) {
		away := c.at[i]*d > -tiny // from 0
		rate := d * price[i]
		if away {
			rate += c.cost[i]
		} else {
			rate -= c.cost[i]
		}
		if rate < least {
			j, dir, least = i, d, rate
		}
	}
	for i := range c.at {
		if c.row[i] >= 0 || first && j >= 0 {
			continue
		}
		if c.at[i] < c.far[i]-tiny {
			try(i, 1)
		}
		if c.at[i] > c.down[i]+tiny {
			try(i, -1)
		}
	}
	return j, dir
}
