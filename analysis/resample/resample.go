// Package resample makes bootstrap and permutation distributions of any statistic,
// and intervals and p values from them. A statistic sees how often each class of
// like units is taken, so that one of moments costs the number of distinct values
// and not of patients. Replicate r has a stream of its own: the digits depend on
// the seed and r alone, whatever the number of workers.
package resample

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"

	"recoup/analysis"
	"recoup/simulate/stream"
)

// Classes are what is drawn from: class k holds Sizes[k] units that are alike (one,
// where every unit is its own), in stratum Strata[k]; nil strata are one. Draws keep
// the number of units of each stratum. A unit is a patient, or a cluster of them.
type Classes struct {
	Sizes  []int
	Strata []int
	// Blocks, where it is under the number of classes, is how many parts the jackknife
	// leaves out in turn, each of one unit of every Blocks-th class, for a statistic that
	// costs too much to be had without each unit. The classes must be of one unit, in an
	// order that has nothing to do with their values.
	Blocks int
}

// leftOut returns how many classes apart those are that the jackknife leaves out
// together, and what each of its values counts for.
func (c Classes) leftOut() (blocks int, weights []float64) {
	if c.Blocks <= 0 || c.Blocks >= len(c.Sizes) {
		for _, n := range c.Sizes {
			weights = append(weights, float64(n))
		}
		return len(c.Sizes), weights
	}
	for range c.Blocks {
		weights = append(weights, 1)
	}
	return c.Blocks, weights
}

// Statistic is what is resampled: a value and, for the studentised interval, its
// standard error (NaN where there is none) from how often each class is taken. It
// must not keep counts, and may be called from several goroutines.
type Statistic func(counts []float64) (value, se float64)

// Plan says how much is drawn and from which seed.
type Plan struct {
	Replicates int
	Seed       uint64
	Workers    int // 0 for one a processor; changes no digit
	// Progress, if set, is told how many replicates are done, now and then and from any
	// goroutine.
	Progress func(done, total int)
}

// done tells of replicate r. The workers go on side by side, so that as many are done.
func (p Plan) done(r int) {
	if p.Progress != nil && r%16 == 15 {
		p.Progress(r+1, p.Replicates)
	}
}

// Draws is a bootstrap distribution.
type Draws struct {
	Value, SE float64   // of the data
	T         []float64 // values of the replicates that have one, in their order
	Z         []float64 // (value - Value)/se of those that have both
	Failed    int       // replicates without a value
	Jackknife []float64 // value without one unit of each class
	Weights   []float64 // units of each class
	Influence []float64 // of each class, for BCa in place of the jackknife where it is set
	Quantiles string    // how they lie between replicates: "" on the normal scale, Type6 or Type7
}

// ErrReplicates is what errors.Is finds for a plan without replicates.
var ErrReplicates = errors.New("expected at least one replicate")

// Bootstrap draws replicates of a statistic. The jackknife, for BCa, is one
// evaluation a class.
//
// R: boot::boot(data, statistic, R, strata). Efron and Tibshirani 1993,
// 10.1201/9780429246593; Davison and Hinkley 1997, 10.1017/CBO9780511802843.
func Bootstrap(ctx context.Context, f Statistic, c Classes, plan Plan) (Draws, error) {
	all, err := BootstrapAll(ctx, func(counts, values, ses []float64) { values[0], ses[0] = f(counts) }, 1, c, plan)
	if err != nil {
		return Draws{}, err
	}
	return all[0], nil
}

// Statistics are several statistics of the same draw: they are written to values and
// ses, NaN where there is none, under the rules of Statistic.
type Statistics func(counts, values, ses []float64)

// BootstrapAll is Bootstrap of n statistics of the same draws.
func BootstrapAll(ctx context.Context, f Statistics, n int, c Classes, plan Plan) ([]Draws, error) {
	if plan.Replicates < 1 {
		return nil, ErrReplicates
	}
	whole := make([]float64, len(c.Sizes))
	for k, size := range c.Sizes {
		whole[k] = float64(size)
	}
	value, se := make([]float64, n), make([]float64, n)
	f(whole, value, se)
	blocks, weights := c.leftOut()
	out := make([]float64, n*len(weights)) // jackknife, by block and statistic
	err := each(ctx, plan.Workers, len(weights), func(b int, counts []float64) {
		copy(counts, whole)
		for k := b; k < len(counts); k += blocks {
			counts[k]--
		}
		f(counts, out[b*n:b*n+n], make([]float64, n))
	}, len(c.Sizes))
	if err != nil {
		return nil, err
	}
	s := newSampler(c)
	t, z := make([]float64, n*plan.Replicates), make([]float64, n*plan.Replicates)
	base := stream.New(plan.Seed, "bootstrap")
	err = each(ctx, plan.Workers, plan.Replicates, func(r int, counts []float64) {
		s.draw(base.Sub(uint64(r)).Cursor(), counts)
		v, e := t[r*n:r*n+n], z[r*n:r*n+n]
		f(counts, v, e)
		for i := range e {
			e[i] = (v[i] - value[i]) / e[i]
		}
		plan.done(r)
	}, len(c.Sizes))
	if err != nil {
		return nil, err
	}
	draws := make([]Draws, n)
	for i := range draws {
		d := Draws{Value: value[i], SE: se[i], Weights: weights}
		for b := range weights {
			d.Jackknife = append(d.Jackknife, out[b*n+i])
		}
		for r := range plan.Replicates {
			v, z := t[r*n+i], z[r*n+i]
			if math.IsNaN(v) || math.IsInf(v, 0) {
				d.Failed++
				continue
			}
			d.T = append(d.T, v)
			if !math.IsNaN(z) && !math.IsInf(z, 0) {
				d.Z = append(d.Z, z)
			}
		}
		draws[i] = d
	}
	return draws, nil
}

// each runs n replicates on workers, each with counts of its own.
func each(ctx context.Context, workers, n int, run func(r int, counts []float64), classes int) error {
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			counts := make([]float64, classes)
			for r := w; r < n; r += workers {
				if ctx.Err() != nil {
					return
				}
				run(r, counts)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// sampler draws the counts of one replicate.
type sampler struct {
	strata []drawn
	logs   []float64 // log n!
}

// drawn is a stratum: its classes, their sizes, and units in all. units lists the
// class of every unit where classes are many, so that each is drawn for itself;
// else classes are drawn one after the other from the binomial distribution.
type drawn struct {
	class, size []int
	odds        []odds // of each class but the last among those not drawn yet
	n           int
	units       []int
}

// odds is a probability as the binomial draws need it.
type odds struct{ p, ratio, log, logNot float64 }

func oddsOf(p float64) odds {
	return odds{p, p / (1 - p), stream.Log(p), stream.Log(1 - p)}
}

func newSampler(c Classes) *sampler {
	s := &sampler{}
	at := map[int]int{}
	for k, size := range c.Sizes {
		stratum := 0
		if c.Strata != nil {
			stratum = c.Strata[k]
		}
		i, ok := at[stratum]
		if !ok {
			i = len(s.strata)
			at[stratum] = i
			s.strata = append(s.strata, drawn{})
		}
		d := &s.strata[i]
		d.class, d.size, d.n = append(d.class, k), append(d.size, size), d.n+size
	}
	most := 0
	for i := range s.strata {
		d := &s.strata[i]
		if len(d.class)*8 > d.n { // a binomial draw costs as much as about eight units
			for j, k := range d.class {
				for range d.size[j] {
					d.units = append(d.units, k)
				}
			}
			continue
		}
		most = max(most, d.n)
		left := d.n
		for _, n := range d.size[:len(d.size)-1] {
			d.odds = append(d.odds, oddsOf(float64(n)/float64(left)))
			left -= n
		}
	}
	if most > 0 {
		s.logs = make([]float64, most+1)
		for i := 2; i <= most; i++ {
			s.logs[i] = s.logs[i-1] + stream.Log(float64(i))
		}
	}
	return s
}

func (s *sampler) draw(c *stream.Cursor, counts []float64) {
	for k := range counts {
		counts[k] = 0
	}
	for _, d := range s.strata {
		if d.units != nil {
			for range d.n {
				counts[d.units[c.IntN(d.n)]]++
			}
			continue
		}
		left := d.n
		for j, o := range d.odds {
			if left == 0 {
				break
			}
			x := s.binomial(c.Float64(), left, o)
			counts[d.class[j]] = float64(x)
			left -= x
		}
		counts[d.class[len(d.class)-1]] += float64(left)
	}
}

// binomial inverts a uniform number outwards from the mode, in about as many steps
// as a standard deviation has units.
func (s *sampler) binomial(u float64, n int, o odds) int {
	m := min(int(float64(float64(n+1)*o.p)), n)
	at := stream.Exp(s.logs[n] - s.logs[m] - s.logs[n-m] + float64(float64(m)*o.log) + float64(float64(n-m)*o.logNot))
	if u -= at; u < 0 {
		return m
	}
	low, high, pl, ph := m, m, at, at
	for low > 0 || high < n {
		if high < n {
			ph *= float64(float64(n-high) / float64(high+1) * o.ratio)
			high++
			if u -= ph; u < 0 {
				return high
			}
		}
		if low > 0 {
			pl *= float64(float64(low) / (float64(n-low+1) * o.ratio))
			low--
			if u -= pl; u < 0 {
				return low
			}
		}
		if pl < 1e-300 && ph < 1e-300 {
			break
		}
	}
	return m // u was within rounding of 1
}

// Kinds of bootstrap intervals.
const (
	Percentile  = "percentile"
	Basic       = "basic"
	BCa         = "bca"
	Studentised = "studentised"
	Normal      = "normal"
)

// How quantiles are interpolated between replicates.
const (
	NormalScale = "normal-scale" // as boot::boot.ci has it, and ""
	Type6       = "type-6"       // straight lines, the k-th of n at k/(n+1)
	Type7       = "type-7"       // straight lines, the k-th of n at (k-1)/(n-1): R's quantile
)

// Interval is a bootstrap interval and the Monte Carlo standard error of its
// bounds.
type Interval struct {
	analysis.Interval
	LowError, HighError float64
	Extreme             bool // a bound is the smallest or largest replicate: too few
}

// Interval returns an interval of the named kind; without bounds where the
// replicates are too few, do not vary, or have no errors to studentise by.
//
//	percentile   t*(α), t*(1-α)
//	basic        2t - t*(1-α), 2t - t*(α)
//	bca          percentile at Φ(z₀ + (z₀+z)/(1 - a(z₀+z))), z₀ from the share of
//	             replicates under t, ties half, a = ΣL³/(6 (ΣL²)^1.5) by the jackknife
//	studentised  t - z*(1-α) se, t - z*(α) se
//	normal       2t - mean of t* ± z SD of t*: the bias taken off, without bounds' errors
//
// Quantiles are interpolated as Quantiles says.
// R: boot::boot.ci(type = c("perc", "basic", "bca", "stud"), L = empinf(type =
// "jack")). Efron 1987, 10.1080/01621459.1987.10478410.
func (d Draws) Interval(kind string, level float64) Interval {
	out := Interval{Interval: analysis.NoInterval, LowError: math.NaN(), HighError: math.NaN()}
	values := d.T
	if kind == Studentised {
		values = d.Z
	}
	if len(values) < 20 || math.IsNaN(d.Value) || kind == Studentised && !(d.SE > 0) {
		return out
	}
	t := slices.Sorted(slices.Values(values))
	if t[0] == t[len(t)-1] {
		return out
	}
	if kind == Normal {
		out.Interval = analysis.NormalInterval(d.Value-d.Bias(), d.StandardError(), level)
		out.Kind = "bootstrap, " + kind
		se := d.StandardError() * math.Sqrt((1+math.Pow(analysis.NormalQuantile(level), 2)/2)/float64(len(t)))
		out.LowError, out.HighError = se, se
		return out
	}
	a := (1 - level) / 2
	lo, hi := a, 1-a
	if kind == BCa {
		if lo, hi = d.bca(level); math.IsNaN(lo) || math.IsNaN(hi) {
			return out
		}
	}
	low, lowE, lowX := quantile(t, lo, d.Quantiles)
	high, highE, highX := quantile(t, hi, d.Quantiles)
	out.Extreme = lowX || highX
	switch kind {
	case Basic:
		low, high, lowE, highE = 2*d.Value-high, 2*d.Value-low, highE, lowE
	case Studentised:
		low, high, lowE, highE = d.Value-high*d.SE, d.Value-low*d.SE, highE*d.SE, lowE*d.SE
	}
	out.Interval = analysis.NewInterval("bootstrap, "+kind, low, high, level)
	out.LowError, out.HighError = lowE, highE
	return out
}

// Bias returns by how much the mean of the replicates is off the value.
func (d Draws) Bias() float64 {
	s := 0.0
	for _, v := range d.T {
		s += v - d.Value
	}
	return s / float64(len(d.T))
}

// JackknifeError returns the jackknife's standard error, √((n-1)/n Σ (t₋ᵢ - mean)²).
// R: sqrt((n - 1) / n * sum((jack - mean(jack))^2)).
func (d Draws) JackknifeError() float64 {
	n, m := 0.0, 0.0
	for k, v := range d.Jackknife {
		n, m = n+d.Weights[k], m+d.Weights[k]*v
	}
	m /= n
	ss := 0.0
	for k, v := range d.Jackknife {
		ss += d.Weights[k] * (v - m) * (v - m)
	}
	return math.Sqrt((n - 1) / n * ss)
}

// bca returns the shares of replicates between which the BCa interval lies.
func (d Draws) bca(level float64) (low, high float64) {
	z0, a := d.z0(), d.Acceleration()
	at := func(z float64) float64 {
		x := z0 + (z0+z)/(1-a*(z0+z))
		return 0.5 * math.Erfc(-x/math.Sqrt2)
	}
	if math.IsInf(z0, 0) || math.IsNaN(a) {
		return math.NaN(), math.NaN()
	}
	z := analysis.NormalQuantile(level)
	return at(-z), at(z)
}

// z0 is the normal quantile of the share of replicates under the value.
func (d Draws) z0() float64 {
	under, near := 0.0, 1e-12*math.Max(math.Abs(d.Value), d.StandardError())
	for _, v := range d.T { // ties half: boot counts none, which moves intervals of shares
		switch {
		case v < d.Value-near:
			under++
		case v <= d.Value+near:
			under += 0.5
		}
	}
	return stream.Quantile(under / float64(len(d.T)))
}

// Acceleration returns the skewness of the statistic, by its influence values where
// there are any and else by the jackknife, 0 where it does not vary.
func (d Draws) Acceleration() float64 {
	if d.Influence != nil {
		two, three := 0.0, 0.0
		for k, l := range d.Influence {
			two += d.Weights[k] * l * l
			three += d.Weights[k] * l * l * l
		}
		if two == 0 {
			return 0
		}
		return three / (6 * math.Pow(two, 1.5))
	}
	sum, n := 0.0, 0.0
	for k, v := range d.Jackknife {
		sum += d.Weights[k] * v
		n += d.Weights[k]
	}
	mean := sum / n
	two, three := 0.0, 0.0
	for k, v := range d.Jackknife {
		l := mean - v
		two += d.Weights[k] * l * l
		three += d.Weights[k] * l * l * l
	}
	if two == 0 {
		return 0
	}
	return three / (6 * math.Pow(two, 1.5))
}

// StandardError returns the standard deviation of the replicates.
func (d Draws) StandardError() float64 {
	if len(d.T) < 2 {
		return math.NaN()
	}
	s, ss := 0.0, 0.0
	for _, v := range d.T {
		s += v - d.Value
	}
	m := s / float64(len(d.T))
	for _, v := range d.T {
		ss += (v - d.Value - m) * (v - d.Value - m)
	}
	return math.Sqrt(ss / float64(len(d.T)-1))
}

// quantile interpolates sorted replicates, by default on the normal scale, as boot.ci
// does, and returns the Monte Carlo error of what it finds and whether it is an
// extreme.
func quantile(t []float64, p float64, kind string) (q, mcse float64, extreme bool) {
	n := float64(len(t))
	lines := func(h float64) float64 { // h the rank, from 1
		h = math.Max(1, math.Min(n, h))
		k := min(int(math.Floor(h)), len(t)-1)
		return t[k-1] + (h-float64(k))*(t[k]-t[k-1])
	}
	at := func(p float64) float64 {
		switch kind {
		case Type6:
			return lines((n + 1) * p)
		case Type7:
			return lines(1 + (n-1)*p)
		}
		rk := (n + 1) * p
		k := int(math.Floor(rk + 1e-9*rk))
		switch {
		case k < 1:
			return t[0]
		case k >= len(t):
			return t[len(t)-1]
		case math.Abs(rk-float64(k)) < 1e-9*rk:
			return t[k-1]
		}
		a, b := stream.Quantile(float64(k)/(n+1)), stream.Quantile(float64(k+1)/(n+1))
		return t[k-1] + (stream.Quantile(p)-a)/(b-a)*(t[k]-t[k-1])
	}
	se := math.Sqrt(p * (1 - p) / n)
	return at(p), (at(math.Min(1, p+se)) - at(math.Max(0, p-se))) / 2, (n+1)*p < 1 || (n+1)*p > n
}

// Labelled is a statistic of units and the group that each is in.
type Labelled func(groups []int) float64

// Permute returns the two-sided p value of a statistic when the labels are dealt
// anew: the share of deals, the one seen among them, in which it is at least as far
// from zero. se is the p value's Monte Carlo error. Deals without a value count as
// far, so that p is never too small.
//
// R: coin::oneway_test(distribution = approximate()). Phipson and Smyth 2010,
// 10.2202/1544-6115.1585.
func Permute(ctx context.Context, f Labelled, groups []int, plan Plan) (p, se float64, err error) {
	ps, ses, err := PermuteAll(ctx, func(groups []int, values []float64) { values[0] = f(groups) }, 1, groups, nil, plan)
	if err != nil {
		return math.NaN(), math.NaN(), err
	}
	return ps[0], ses[0], nil
}

// PermuteAll is Permute of n statistics of the same deals, within strata where there
// are any.
func PermuteAll(ctx context.Context, f func(groups []int, values []float64), n int, groups, strata []int, plan Plan) (p, se []float64, err error) {
	if plan.Replicates < 1 {
		return nil, nil, ErrReplicates
	}
	seen := make([]float64, n)
	f(slices.Clone(groups), seen)
	units := byStratum(len(groups), strata)
	far := make([]bool, n*plan.Replicates)
	base := stream.New(plan.Seed, "permutation")
	err = each(ctx, plan.Workers, plan.Replicates, func(r int, _ []float64) {
		dealt, values := make([]int, len(groups)), make([]float64, n)
		c := base.Sub(uint64(r)).Cursor()
		for _, u := range units {
			for i, j := range c.Perm(len(u)) {
				dealt[u[i]] = groups[u[j]]
			}
		}
		f(dealt, values)
		for i, v := range values {
			s := math.Abs(seen[i])
			far[r*n+i] = !(math.Abs(v) < s-1e-9*s)
		}
		plan.done(r)
	}, 0)
	if err != nil {
		return nil, nil, err
	}
	p, se = make([]float64, n), make([]float64, n)
	for i := range n {
		count := 1.0
		for r := range plan.Replicates {
			if far[r*n+i] {
				count++
			}
		}
		p[i] = count / float64(plan.Replicates+1)
		se[i] = math.Sqrt(p[i] * (1 - p[i]) / float64(plan.Replicates+1))
	}
	return p, se, nil
}

// byStratum returns the units of each stratum, in the order of strata.
func byStratum(n int, strata []int) [][]int {
	var out [][]int
	at := map[int]int{}
	for i := range n {
		s := 0
		if strata != nil {
			s = strata[i]
		}
		k, ok := at[s]
		if !ok {
			k = len(out)
			at[s], out = k, append(out, nil)
		}
		out[k] = append(out[k], i)
	}
	return out
}
