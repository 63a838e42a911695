package impute

import (
	"math"
	"sort"

	"recoup/simulate/stream"
)

// linear is a regression by cross products, and a draw from its posterior. Its room is
// used again.
type linear struct {
	cross  []float64
	beta   []float64 // by predictor; 0 for one that does not vary
	drawn  []float64
	active []int // of the predictors
	upper  []float64
	rss    float64
	df     float64
}

// fit regresses column y on the predictors, by the cross products of d columns over n
// rows. It reports whether predictors repeated each other, so that a ridge of 1e-5 of the
// diagonal was added.
func (l *linear) fit(cross []float64, d, y int, predictors []int, n int) (ridged bool) {
	l.beta, l.drawn, l.active = resized(l.beta, len(predictors)), resized(l.drawn, len(predictors)), l.active[:0]
	for i, j := range predictors {
		within := cross[j*d+j] - cross[j]*cross[j]/cross[0] // about the mean of these rows
		if j == 0 || within > 1e-10*math.Max(1, cross[j*d+j]) {
			l.active = append(l.active, i)
		}
	}
	p := len(l.active)
	l.upper = resized(l.upper, p*p)
	for l.factor(cross, d, predictors, ridged) > 0 && !ridged {
		ridged = true
	}
	// Forward and back: U'U b = X'y.
	z := make([]float64, p)
	l.rss = cross[y*d+y]
	for i := range p {
		s := cross[predictors[l.active[i]]*d+y]
		for k := range i {
			s -= l.upper[k*p+i] * z[k]
		}
		z[i] = s / l.upper[i*p+i]
		l.rss -= z[i] * z[i]
	}
	l.rss = math.Max(0, l.rss)
	if l.rss < 1e-12*cross[y*d+y] {
		l.rss = 0
	}
	l.df = math.Max(1, float64(n-p))
	l.back(z, l.beta)
	return ridged
}

func resized(x []float64, n int) []float64 {
	if cap(x) < n {
		return make([]float64, n)
	}
	x = x[:n]
	clear(x)
	return x
}

// factor writes the upper Cholesky factor of the active cross products, and returns how
// many pivots were lost to rounding.
func (l *linear) factor(cross []float64, d int, predictors []int, ridged bool) (lost int) {
	p := len(l.active)
	for i := range p {
		a := predictors[l.active[i]]
		for j := i; j < p; j++ {
			s := cross[a*d+predictors[l.active[j]]]
			if i == j && ridged {
				s *= 1 + ridge
			}
			whole := s
			for k := range i {
				s -= l.upper[k*p+i] * l.upper[k*p+j]
			}
			if i == j {
				if !(s > 1e-9*whole) {
					lost++
					s = math.Max(s, 1e-9*whole)
				}
				l.upper[i*p+i] = math.Sqrt(s)
				continue
			}
			l.upper[i*p+j] = s / l.upper[i*p+i]
		}
	}
	return lost
}

// back solves U x = z into the active places of out.
func (l *linear) back(z, out []float64) {
	p := len(l.active)
	for i := p - 1; i >= 0; i-- {
		s := z[i]
		for j := i + 1; j < p; j++ {
			s -= l.upper[i*p+j] * out[l.active[j]]
		}
		out[l.active[i]] = s / l.upper[i*p+i]
	}
}

// draw draws the error's standard deviation, which it returns, and the coefficients:
//
//	σ² = RSS/χ²(n-p),  β = β̂ + σ U⁻¹ z
func (l *linear) draw(c *stream.Cursor) float64 {
	sigma := math.Sqrt(l.rss / chiSquare(c, l.df))
	z := make([]float64, len(l.active))
	for i := range z {
		z[i] = sigma * stream.Quantile(c.Float64())
	}
	l.back(z, l.drawn)
	for i := range l.drawn {
		l.drawn[i] += l.beta[i]
	}
	return sigma
}

// chiSquare draws from the chi-square distribution with df degrees of freedom, twice a
// gamma variable of shape df/2. Marsaglia and Tsang 2000, 10.1145/358407.358414.
func chiSquare(c *stream.Cursor, df float64) float64 {
	shape, boost := df/2, 1.0
	if shape < 1 {
		boost = stream.Exp(stream.Log(c.Float64()) / shape)
		shape++
	}
	d := shape - 1./3
	k := 1 / math.Sqrt(9*d)
	for {
		x := stream.Quantile(c.Float64())
		v := 1 + k*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if stream.Log(c.Float64()) < x*x/2+d-d*v+d*stream.Log(v) {
			return 2 * d * v * boost
		}
	}
}

// sort puts the seen rows in the order of their predicted values, those of equal value in
// the order of rows: by buckets of equal width, then by insertion.
func (c *chain) sort(seen []int32) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range seen {
		low, high = math.Min(low, c.predict[r]), math.Max(high, c.predict[r])
	}
	n := len(seen)
	if cap(c.order) < n {
		c.order, c.sorted = make([]int32, n), make([]float64, n)
	}
	c.order, c.sorted = c.order[:n], c.sorted[:n]
	if len(c.counts) < n+2 {
		c.counts = make([]int32, n+2)
	}
	counts := c.counts[:n+2]
	clear(counts)
	width := 0.0
	if high > low {
		width = float64(n) / (high - low)
	}
	bucket := func(r int32) int { return min(int((c.predict[r]-low)*width), n) }
	for _, r := range seen {
		counts[bucket(r)+1]++
	}
	for i := 1; i < len(counts); i++ {
		counts[i] += counts[i-1]
	}
	for _, r := range seen {
		b := bucket(r)
		c.order[counts[b]] = r
		counts[b]++
	}
	for i, r := range c.order {
		c.sorted[i] = c.predict[r]
	}
	insert(c.sorted, c.order)
}

// insert sorts what is nearly sorted, and hands what is not to a general sort. Both keep
// the order of equal values.
func insert(values []float64, order []int32) {
	moved := 0
	for i := 1; i < len(values); i++ {
		v, r, j := values[i], order[i], i
		for ; j > 0 && values[j-1] > v; j-- {
			values[j], order[j] = values[j-1], order[j-1]
		}
		values[j], order[j] = v, r
		moved += i - j
		if moved > 32*len(values) {
			sort.Stable(predictions{values, order})
			return
		}
	}
}

type predictions struct {
	values []float64
	order  []int32
}

func (p predictions) Len() int           { return len(p.values) }
func (p predictions) Less(i, j int) bool { return p.values[i] < p.values[j] }
func (p predictions) Swap(i, j int) {
	p.values[i], p.values[j] = p.values[j], p.values[i]
	p.order[i], p.order[j] = p.order[j], p.order[i]
}

// nearest returns the place in sorted values of one of the k nearest to x, by a uniform
// number u. Of those at the distance of the farthest of the k, each has the same share of
// the places that are left, so that the order of ties decides nothing.
func nearest(sorted []float64, x float64, k int, u float64) int {
	n := len(sorted)
	k = min(k, n)
	high := sort.SearchFloat64s(sorted, x)
	low, far := high-1, 0.0
	for range k {
		if high >= n || low >= 0 && x-sorted[low] <= sorted[high]-x {
			far = x - sorted[low]
			low--
		} else {
			far = sorted[high] - x
			high++
		}
	}
	from, to := low+1, high // those nearer than far
	for from < to && x-sorted[from] == far {
		from++
	}
	for to > from && sorted[to-1]-x == far {
		to--
	}
	near := to - from
	at := u * float64(k)
	if int(at) < near {
		return from + int(at)
	}
	left, right := 0, 0
	for from-left > 0 && x-sorted[from-left-1] == far {
		left++
	}
	for to+right < n && sorted[to+right]-x == far {
		right++
	}
	i := min(int((at-float64(near))/float64(k-near)*float64(left+right)), left+right-1)
	if i < left {
		return from - 1 - i
	}
	return to + i - left
}
