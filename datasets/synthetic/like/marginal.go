package like

import (
	"cmp"
	"math"
	"slices"

	"recoup/simulate/stream"
)

// valued is a value and whose it is.
type valued struct {
	x       float64
	patient int32
}

// marginal is the distribution of a column: bins in the order of its values.
type marginal struct {
	missing float64 // share of cells
	bins    []bin
	known   bool
}

// bin is a share of values, drawn uniformly from low to high; atom is a value that
// enough patients share.
type bin struct {
	upTo      float64 // share of this and the bins before
	low, high float64
	atom      bool
}

// gathered are sorted values, while bins are made.
type gathered struct {
	n, people  int
	sum, first float64
	mixed      bool
}

// learned bins values so that each bin is of at least k patients. Levels are kept
// as they are: those that are rare were left out of the whole column.
func learned(c *column, xs []valued, k int) marginal {
	m := marginal{known: len(xs) > 0}
	if len(xs) == 0 {
		return m
	}
	slices.SortFunc(xs, func(a, b valued) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.patient, b.patient)) })
	if c.how == isText {
		return levelsOf(c, xs, k)
	}
	var all []gathered
	last := map[int32]int{} // patient to bin
	least := max(k, len(xs)/mostBins)
	for from := 0; from < len(xs); {
		to := from
		run := gathered{first: xs[from].x}
		alone := map[int32]bool{}
		for ; to < len(xs) && xs[to].x == xs[from].x; to++ {
			run.n++
			run.sum += xs[to].x
			if len(alone) < k {
				alone[xs[to].patient] = true
			}
		}
		run.people = len(alone)
		open := len(all) > 0 && all[len(all)-1].people < k || len(all) > 0 && all[len(all)-1].mixed && all[len(all)-1].n < least
		switch {
		case run.people >= k || !open:
			all = append(all, run)
			for i := from; i < to; i++ {
				last[xs[i].patient] = len(all)
			}
		default:
			b := &all[len(all)-1]
			for i := from; i < to; i++ {
				if last[xs[i].patient] != len(all) {
					last[xs[i].patient] = len(all)
					b.people++
				}
			}
			b.n, b.sum, b.mixed = b.n+run.n, b.sum+run.sum, true
		}
		from = to
	}
	all = merged(all, k)
	from := 0.0
	for i, b := range all {
		mean, share := b.sum/float64(b.n), float64(b.n)/float64(len(xs))
		x := bin{low: mean, high: mean, atom: !b.mixed}
		switch {
		case !b.mixed:
			x.low, x.high = b.first, b.first
		case c.whole && (i == 0 || i == len(all)-1):
			m.bins = append(m.bins, c.outer(mean, i == 0, from, share)...)
			from += share
			continue
		case i > 0 && i < len(all)-1:
			before, after := all[i-1], all[i+1]
			half := min(mean-before.sum/float64(before.n), after.sum/float64(after.n)-mean) / 2
			x.low, x.high = mean-half, mean+half
		}
		from += share
		x.upTo = from
		m.bins = append(m.bins, x)
	}
	return m
}

// outer draws an outermost bin of whole numbers: as the one next to its mean on the
// inner side, and so that its mean holds as that on the outer side too, where enough
// patients of the whole cohort have it.
func (c *column) outer(mean float64, lowest bool, from, share float64) []bin {
	low, high := math.Floor(mean), math.Ceil(mean)
	switch {
	case low == high || lowest && !c.common[low]:
		return []bin{{upTo: from + share, low: high, high: high}}
	case !lowest && !c.common[high]:
		return []bin{{upTo: from + share, low: low, high: low}}
	}
	return []bin{{upTo: from + share*(high-mean), low: low, high: low}, {upTo: from + share, low: high, high: high}}
}

// merged joins groups of fewer than k patients to the one before, or else after.
func merged(all []gathered, k int) []gathered {
	join := func(a, b gathered) gathered {
		return gathered{n: a.n + b.n, people: max(a.people, b.people), sum: a.sum + b.sum, first: a.first, mixed: true}
	}
	var out []gathered
	for _, b := range all {
		if n := len(out); n > 0 && (b.people < k || out[n-1].people < k) {
			out[n-1] = join(out[n-1], b)
			continue
		}
		out = append(out, b)
	}
	return out
}

// levelsOf are the shares of levels, drawn a little to those of all levels alike so
// that no share of a few shows.
func levelsOf(c *column, xs []valued, k int) marginal {
	m := marginal{known: true}
	n := make([]float64, len(c.levels))
	for _, x := range xs {
		n[int(x.x)]++
	}
	sum := 0.0
	for _, x := range n {
		if x >= float64(k) {
			sum += x
		} else if x > 0 {
			sum += float64(k) / 2
		}
	}
	upTo := 0.0
	for i, x := range n {
		if x == 0 {
			continue
		}
		if x < float64(k) {
			x = float64(k) / 2
		}
		upTo += x / sum
		m.bins = append(m.bins, bin{upTo: upTo, low: float64(i), high: float64(i), atom: true})
	}
	return m
}

// draw returns the value at a quantile; NaN where nothing was learned.
func (m marginal) draw(c *column, u float64) float64 {
	if len(m.bins) == 0 {
		return math.NaN()
	}
	i := 0
	for i < len(m.bins)-1 && u >= m.bins[i].upTo {
		i++
	}
	b, from := m.bins[i], 0.0
	if i > 0 {
		from = m.bins[i-1].upTo
	}
	x := b.low
	if b.high > b.low {
		x += (b.high - b.low) * min(1, max(0, (u-from)/(b.upTo-from)))
	}
	if b.atom || c.how == isText {
		return x
	}
	if c.step < 1 { // one over it is a power of ten
		return math.Round(x*math.Round(1/c.step)) / math.Round(1/c.step)
	}
	return math.Round(x/c.step) * c.step
}

// strength is how near the scores of what is drawn are to the normal number that
// they are drawn by: under 1 where values are few.
func (m marginal) strength(c *column) float64 {
	const n = 400
	zs, xs := make([]float64, n), make([]float64, n)
	for i := range zs {
		u := (float64(i) + 0.5) / n
		zs[i], xs[i] = stream.Quantile(u), m.draw(c, u)
	}
	if math.IsNaN(xs[0]) {
		return 0
	}
	return correlation(zs, normalScores(xs))
}

// normalScores are the normal quantiles of mid-ranks; NaN stays NaN.
func normalScores(xs []float64) []float64 {
	out := ranks(xs)
	n := float64(count(xs))
	for i, r := range out {
		if !math.IsNaN(r) {
			out[i] = stream.Quantile((r - 0.5) / n)
		}
	}
	return out
}

// ranks are mid-ranks from 1; NaN stays NaN.
func ranks(xs []float64) []float64 {
	var order []int
	out := make([]float64, len(xs))
	for i, x := range xs {
		out[i] = math.NaN()
		if !math.IsNaN(x) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(xs[a], xs[b]) })
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && xs[order[to]] == xs[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			out[i] = float64(from+to+1) / 2
		}
		from = to
	}
	return out
}

// correlation is Pearson's, of pairs without NaN; 0 where there is none.
func correlation(a, b []float64) float64 {
	r, _ := paired(a, b)
	return r
}

// paired returns the correlation and the number of pairs.
func paired(a, b []float64) (r float64, n int) {
	var sa, sb float64
	for i := range a {
		if !math.IsNaN(a[i]) && !math.IsNaN(b[i]) {
			sa, sb, n = sa+a[i], sb+b[i], n+1
		}
	}
	ma, mb := sa/float64(n), sb/float64(n)
	var aa, bb, ab float64
	for i := range a {
		if !math.IsNaN(a[i]) && !math.IsNaN(b[i]) {
			x, y := a[i]-ma, b[i]-mb
			aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
		}
	}
	if !(aa > 0 && bb > 0) {
		return 0, n
	}
	return ab / math.Sqrt(aa*bb), n
}
