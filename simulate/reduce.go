package simulate

import (
	"fmt"
	"math"

	"recoup/simulate/internal/lanes"
)

// tally is a count, mean and sum of squared deviations, merged by the formula of
// Chan, Golub and LeVeque (1983, doi:10.2307/2683386).
type tally struct{ n, mean, m2 float64 }

func tallyOf(x []float64) tally {
	t, _ := tallyTwo(x, x)
	return t
}

// tallyTwo is the tallies of two columns of the same length, side by side: one sum would
// wait for each addition. NaN is left out, without a branch.
func tallyTwo(x, y []float64) (a, b tally) {
	y = y[:len(x)]
	var n, m uint64
	s, r := 0.0, 0.0
	for i, v := range x {
		w := y[i]
		k, l := counted(v), counted(w)
		n += k
		m += l
		s += where(k, v)
		r += where(l, w)
	}
	a.n, b.n = float64(int64(n)), float64(int64(m))
	if n > 0 {
		a.mean = s / a.n
	}
	if m > 0 {
		b.mean = r / b.n
	}
	for i, v := range x {
		w := y[i]
		d, e := v-a.mean, w-b.mean
		a.m2 += where(counted(v), float64(d*d))
		b.m2 += where(counted(w), float64(e*e))
	}
	return a, b
}

// counted is 1 for a number and 0 for NaN.
func counted(x float64) uint64 {
	if x == x {
		return 1
	}
	return 0
}

// where is x where k is 1, and 0 where it is 0, even if x is NaN.
func where(k uint64, x float64) float64 { return math.Float64frombits(math.Float64bits(x) & -k) }

// tallyWhere is the tally of the values x[i] with include[i] = 1. The values of
// the others do not count, whatever they are. Four sums run side by side: one
// would wait for each addition.
func tallyWhere(x, include []float64) (t tally) {
	var sums [8]float64 // four of include, four of x
	n, s := (*[4]float64)(sums[:4]), (*[4]float64)(sums[4:])
	for i := lanes.Add(&sums, x, include); i < len(x); i++ {
		n[i&3] += include[i]
		if include[i] != 0 {
			s[i&3] += x[i]
		}
	}
	t.n = (n[0] + n[1]) + (n[2] + n[3])
	if t.n == 0 {
		return t
	}
	t.mean = ((s[0] + s[1]) + (s[2] + s[3])) / t.n
	var m [4]float64
	for i := lanes.AddSquares(&m, x, include, t.mean); i < len(x); i++ {
		if include[i] != 0 {
			d := x[i] - t.mean
			m[i&3] += float64(d * d)
		}
	}
	t.m2 = (m[0] + m[1]) + (m[2] + m[3])
	return t
}

func (t *tally) merge(o tally) {
	if o.n == 0 {
		return
	}
	n := t.n + o.n
	d := o.mean - t.mean
	t.mean += float64(d * (o.n / n))
	t.m2 += o.m2 + float64(float64(d*d)*(t.n*o.n/n))
	t.n = n
}

func (t tally) variance() float64 { return t.m2 / (t.n - 1) }

// meanOrNaN is the mean of a tally, NaN if it is empty.
func (t tally) meanOrNaN() float64 {
	if t.n == 0 {
		return math.NaN()
	}
	return t.mean
}

// cross holds the means and co-moments of several columns.
type cross struct {
	n    float64
	mean []float64
	c    []float64 // k x k, sums of products of deviations
}

func newCross(k int) cross { return cross{mean: make([]float64, k), c: make([]float64, k*k)} }

func (c *cross) of(columns [][]float64) {
	k := len(columns)
	c.n = float64(len(columns[0]))
	for i, x := range columns {
		sum := 0.0
		for _, v := range x {
			sum += v
		}
		c.mean[i] = sum / c.n
	}
	for i, x := range columns {
		for j := range i + 1 {
			y, sum := columns[j], 0.0
			for r, v := range x {
				sum += float64((v - c.mean[i]) * (y[r] - c.mean[j]))
			}
			c.c[i*k+j], c.c[j*k+i] = sum, sum
		}
	}
}

func (c *cross) merge(o cross) {
	k, n := len(c.mean), c.n+o.n
	w := c.n * o.n / n
	for i := range k {
		for j := range k {
			c.c[i*k+j] += o.c[i*k+j] + float64(float64((o.mean[i]-c.mean[i])*(o.mean[j]-c.mean[j]))*w)
		}
	}
	for i := range k {
		c.mean[i] += float64((o.mean[i] - c.mean[i]) * (o.n / n))
	}
	c.n = n
}

// sums is what some patients of one draw add up to.
type sums struct {
	levels []tally // strategy·outcome
	diffs  []tally // strategy·outcome, against strategy 0
	series []tally // strategy·series·point
	joint  cross   // costs of the strategies, then effects
}

func newSums(s *Spec) *sums {
	k := len(s.Strategies)
	return &sums{
		levels: make([]tally, k*len(s.Outcomes)),
		diffs:  make([]tally, k*len(s.Outcomes)),
		series: make([]tally, k*len(s.Series)*s.Points),
		joint:  newCross(2 * k),
	}
}

func (p *sums) merge(o *sums) {
	for i := range p.levels {
		p.levels[i].merge(o.levels[i])
		p.diffs[i].merge(o.diffs[i])
	}
	for i := range p.series {
		p.series[i].merge(o.series[i])
	}
	p.joint.merge(o.joint)
}

// clone copies the sums, so that they can be added up and still be kept.
func (p *sums) clone() *sums {
	return &sums{
		append([]tally(nil), p.levels...), append([]tally(nil), p.diffs...), append([]tally(nil), p.series...),
		cross{p.joint.n, append([]float64(nil), p.joint.mean...), append([]float64(nil), p.joint.c...)},
	}
}

// row is one draw: what its percentiles and economics need.
type row struct {
	levels, diffs []tally
	joint         []float64 // means of costs and effects
}

// spread is what some draws add up to.
type spread struct {
	series []seriesStat // strategy·series·point
	noise  []float64    // sum of the covariances of the draw means, order of joint
}

// seriesStat follows one point of a series over the draws.
type seriesStat struct{ means, noise tally }

func (s *spread) merge(o *spread) {
	for i := range s.series {
		s.series[i].means.merge(o.series[i].means)
		s.series[i].noise.merge(o.series[i].noise)
	}
	for i := range s.noise {
		s.noise[i] += o.noise[i]
	}
}

func (s *spread) clone() *spread {
	return &spread{append([]seriesStat(nil), s.series...), append([]float64(nil), s.noise...)}
}

// endDraw turns the sums of all patients of a draw into a row and a spread.
func (p *sums) endDraw() (row, *spread) {
	s := &spread{series: make([]seriesStat, len(p.series)), noise: make([]float64, len(p.joint.c))}
	for i, m := range p.series {
		if m.n == 0 {
			continue
		}
		s.series[i].means = tally{1, m.mean, 0}
		if m.n > 1 {
			s.series[i].noise = tally{1, m.variance() / m.n, 0}
		}
	}
	for i, c := range p.joint.c {
		s.noise[i] = c / (p.joint.n - 1) / p.joint.n
	}
	return row{p.levels, p.diffs, p.joint.mean}, s
}

// drawStat is one quantity in every draw.
type drawStat struct {
	means  []float64 // by draw, NaN where no patient had it
	n      float64   // patients counted, all draws
	within tally     // of the variances within draws
	noise  tally     // of the variances of the draw means: within / n
	draws  tally     // of the draw means
}

func (s *drawStat) add(t tally) {
	s.means = append(s.means, t.meanOrNaN())
	if t.n == 0 {
		return
	}
	s.n += t.n
	s.draws.merge(tally{1, t.mean, 0})
	if t.n > 1 {
		s.within.merge(tally{1, t.variance(), 0})
		s.noise.merge(tally{1, t.variance() / t.n, 0})
	}
}

// buffer is what one block is simulated in and reduced to.
type buffer struct {
	*sums
	spec    *Spec
	values  [][]float64 // strategy·outcome x patient
	diff    []float64
	columns [][]float64 // costs of the strategies, then effects
	bins    [][]uint32  // strategy·series, each points x bins
	block   Block
	err     error
}

func newBuffer(s *Spec) *buffer {
	b := &buffer{sums: newSums(s), spec: s, diff: make([]float64, BlockSize), values: make([][]float64, len(s.Strategies)*len(s.Outcomes))}
	for i := range b.values {
		b.values[i] = make([]float64, BlockSize)
	}
	for range s.Strategies {
		for _, series := range s.Series {
			b.bins = append(b.bins, make([]uint32, series.Bins*s.Points))
		}
	}
	b.columns = make([][]float64, 2*len(s.Strategies))
	b.block = Block{Keys: make([]uint64, BlockSize), spec: s}
	return b
}

// run simulates one block under every strategy and reduces it. It allocates
// nothing.
func (b *buffer) run(w Worker, size *Size, draw, first, n int) {
	s := b.spec
	block := &b.block
	block.begin(size, draw, first, n)
	outcomes, perStrategy := len(s.Outcomes), len(s.Series)*s.Points
	clear(b.series)
	for _, bins := range b.bins {
		clear(bins)
	}
	for k := range s.Strategies {
		block.outcomes = b.values[k*outcomes : (k+1)*outcomes]
		block.series = b.series[k*perStrategy : (k+1)*perStrategy]
		block.bins = b.bins[k*len(s.Series) : (k+1)*len(s.Series)]
		w.Run(draw, k, block)
	}
	for i, v := range b.values {
		ref := b.values[i%outcomes]
		for j := range n {
			b.diff[j] = v[j] - ref[j]
		}
		b.levels[i], b.diffs[i] = tallyTwo(v[:n], b.diff[:n])
	}
	for i, name := range [2]string{s.Cost, s.Effect} {
		o := s.outcome(name)
		for k := range s.Strategies {
			b.columns[i*len(s.Strategies)+k] = b.values[k*outcomes+o][:n]
		}
	}
	b.joint.of(b.columns)
	b.err = b.check(draw, first, n)
}

// check wants finite sums, and a cost and an effect of every patient.
func (b *buffer) check(draw, first, n int) error {
	s := b.spec
	for i, t := range b.levels {
		o := &s.Outcomes[i%len(s.Outcomes)]
		missing := (o.Name == s.Cost || o.Name == s.Effect) && t.n < float64(n)
		if t.m2-t.m2 == 0 && !missing {
			continue
		}
		what := "is not finite"
		if missing {
			what = "is missing"
		}
		return fmt.Errorf("outcome %s %s under strategy %s in draw %d, patients %d to %d: a parameter of that draw is far outside what the model is for; look at the tail of its distribution",
			o.Name, what, s.Strategies[i/len(s.Outcomes)], draw+1, first+1, first+n)
	}
	return nil
}
