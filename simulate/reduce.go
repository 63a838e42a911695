package simulate

import (
	"math"

	"recoup/simulate/stream"
)

// moments are the count, sum and sum of squares of a series at one point.
type moments struct{ n, sum, sq float64 }

func (m *moments) add(o moments) {
	m.n += o.n
	m.sum += o.sum
	m.sq += o.sq
}

// tally is a count, mean and sum of squared deviations, merged by the formula of
// Chan, Golub and LeVeque (1983, doi:10.2307/2683386).
type tally struct{ n, mean, m2 float64 }

func tallyOf(x []float64) (t tally) {
	sum := 0.0
	for _, v := range x {
		if v == v {
			t.n++
			sum += v
		}
	}
	if t.n == 0 {
		return t
	}
	t.mean = sum / t.n
	for _, v := range x {
		if v == v {
			d := v - t.mean
			t.m2 += float64(d * d)
		}
	}
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

// partial is what one block of one draw adds to the result.
type partial struct {
	values [][]float64 // strategy·outcome x patient
	diff   []float64
	levels []tally    // strategy·outcome
	diffs  []tally    // strategy·outcome, against strategy 0
	series []moments  // strategy·series·point
	bins   [][]uint32 // strategy·series, each points x bins
	joint  cross      // costs of the strategies, then effects
}

func newPartial(s Spec) *partial {
	p := &partial{
		values: make([][]float64, len(s.Strategies)*len(s.Outcomes)),
		diff:   make([]float64, BlockSize),
		levels: make([]tally, len(s.Strategies)*len(s.Outcomes)),
		diffs:  make([]tally, len(s.Strategies)*len(s.Outcomes)),
		series: make([]moments, len(s.Strategies)*len(s.Series)*s.Points),
		joint:  newCross(2 * len(s.Strategies)),
	}
	for i := range p.values {
		p.values[i] = make([]float64, BlockSize)
	}
	for range s.Strategies {
		for _, series := range s.Series {
			p.bins = append(p.bins, make([]uint32, series.Bins*s.Points))
		}
	}
	return p
}

// run simulates one block under every strategy and reduces it.
func (p *partial) run(w Worker, spec Spec, size Size, draw, block int, keys []uint64) {
	first := block * BlockSize
	n := min(BlockSize, size.Patients-first)
	patients := stream.New(size.Seed, "patients").Sub(uint64(draw)).Key()
	for i := range n {
		keys[i] = stream.Child(patients, uint64(first+i))
	}
	outcomes, perStrategy := len(spec.Outcomes), len(spec.Series)*spec.Points
	clear(p.series)
	for _, bins := range p.bins {
		clear(bins)
	}
	for s := range spec.Strategies {
		b := Block{
			First: first, Keys: keys[:n], Generator: size.Generator, spec: &spec,
			outcomes: p.values[s*outcomes : (s+1)*outcomes],
			series:   p.series[s*perStrategy : (s+1)*perStrategy],
			bins:     p.bins[s*len(spec.Series) : (s+1)*len(spec.Series)],
		}
		w.Run(draw, s, &b)
	}
	for i, v := range p.values {
		p.levels[i] = tallyOf(v[:n])
		ref := p.values[i%outcomes]
		for j := range n {
			p.diff[j] = v[j] - ref[j]
		}
		p.diffs[i] = tallyOf(p.diff[:n])
	}
	p.joint.reset()
	cost, effect := spec.outcome(spec.Cost), spec.outcome(spec.Effect)
	columns := make([][]float64, 0, 2*len(spec.Strategies))
	for _, o := range []int{cost, effect} {
		for s := range spec.Strategies {
			columns = append(columns, p.values[s*outcomes+o][:n])
		}
	}
	p.joint.of(columns)
}

// cross holds the means and co-moments of several columns.
type cross struct {
	n    float64
	mean []float64
	c    []float64 // k x k, sums of products of deviations
}

func newCross(k int) cross { return cross{mean: make([]float64, k), c: make([]float64, k*k)} }

func (c *cross) reset() {
	c.n = 0
	clear(c.mean)
	clear(c.c)
}

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

// reduction merges partials in canonical order.
type reduction struct {
	spec Spec
	size Size

	draw   *partial // the draw being merged
	empty  bool
	levels []drawStat
	diffs  []drawStat
	series []seriesStat
	bins   [][]uint64  // strategy·series, each points x bins, all draws
	joint  [][]float64 // draw x columns
	noise  []float64   // sum over draws of the covariance of the draw means
}

// seriesStat follows one point of a series over the draws.
type seriesStat struct{ means, noise tally }

func newReduction(spec Spec, size Size) *reduction {
	k := len(spec.Strategies) * len(spec.Outcomes)
	return &reduction{
		spec: spec, size: size, draw: newPartial(spec), empty: true,
		levels: make([]drawStat, k), diffs: make([]drawStat, k),
		series: make([]seriesStat, len(spec.Strategies)*len(spec.Series)*spec.Points),
		noise:  make([]float64, 4*len(spec.Strategies)*len(spec.Strategies)),
		bins:   makeBins(spec),
	}
}

func makeBins(spec Spec) (bins [][]uint64) {
	for range spec.Strategies {
		for _, s := range spec.Series {
			bins = append(bins, make([]uint64, s.Bins*spec.Points))
		}
	}
	return bins
}

func (r *reduction) add(p *partial) {
	d := r.draw
	if r.empty {
		r.empty = false
		clear(d.levels)
		clear(d.diffs)
		clear(d.series)
		d.joint.reset()
	}
	for i := range d.levels {
		d.levels[i].merge(p.levels[i])
		d.diffs[i].merge(p.diffs[i])
	}
	for i := range d.series {
		d.series[i].add(p.series[i])
	}
	for i, bins := range p.bins {
		for k, n := range bins {
			r.bins[i][k] += uint64(n)
		}
	}
	d.joint.merge(p.joint)
}

func (r *reduction) endDraw() {
	d := r.draw
	r.empty = true
	for i := range d.levels {
		r.levels[i].add(d.levels[i])
		r.diffs[i].add(d.diffs[i])
	}
	for i, m := range d.series {
		if m.n == 0 {
			continue
		}
		mean := m.sum / m.n
		r.series[i].means.merge(tally{1, mean, 0})
		if m.n > 1 {
			v := math.Max(0, (m.sq-float64(m.sum*mean))/(m.n-1))
			r.series[i].noise.merge(tally{1, v / m.n, 0})
		}
	}
	r.joint = append(r.joint, append([]float64(nil), d.joint.mean...))
	for i, c := range d.joint.c {
		r.noise[i] += c / (d.joint.n - 1) / d.joint.n
	}
}
