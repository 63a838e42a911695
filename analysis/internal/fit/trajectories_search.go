package fit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

const (
	searched = 1000 // patients that starts are tried on
	tried    = 10   // EM steps of a start
	followed = 4    // starts that are followed to the end
)

// SearchTrajectories fits a group-based trajectory model by maximum likelihood:
//
//	Lᵢ = Σ_g π_g Π_t f(yᵢₜ | η_g(t)),  η_g(t) = β_g0 + β_g1 t + β_g2 t² ...
//
// from many starts that depend on the values alone: quantiles of the patients'
// means, slopes, first and last values, patients spread over these as centres, and
// the groups of the model with one group less, each split (before; nil without).
// Each start has a few EM steps on at most 1000 patients; the best are followed by
// EM and by Newton's method. No order of patients, and no chance, enters.
//
// Nagin 1999, 10.1037/1082-989X.4.2.139; Jones, Nagin and Roeder 2001,
// 10.1177/0049124101029003005.
func SearchTrajectories(ctx context.Context, given []Path, spec TrajectorySpec, before *Trajectories) (*Trajectories, error) {
	m := &Trajectories{TrajectorySpec: spec, at: newLayout(spec), time: 1, spread: 1}
	m.Parameters = m.at.total
	paths, order, err := m.prepare(given)
	if err != nil {
		return nil, err
	}
	thin := paths
	if len(paths) > searched {
		thin = nil
		for k := range searched {
			thin = append(thin, paths[k*len(paths)/searched])
		}
	}
	type start struct {
		theta  []float64
		loglik float64
	}
	var starts []start
	for _, groups := range m.partitions(thin, before) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if theta, l, ok := m.try(thin, groups); ok {
			starts = append(starts, start{theta, l})
		}
	}
	slices.SortStableFunc(starts, func(a, b start) int { return cmp.Compare(b.loglik, a.loglik) })
	best := math.Inf(-1)
	var ends []float64
	var last error
	for k, s := range starts {
		if k >= followed {
			break
		}
		l, err := m.climb(ctx, s.theta, paths)
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			last = err
			continue
		}
		m.Finished++
		ends = append(ends, l)
		if l > best+1e-7 {
			best, m.theta = l, s.theta
		}
	}
	if m.theta == nil {
		if last == nil {
			last = fmt.Errorf("%w: no start has patients in every group", ErrNoConvergence)
		}
		return nil, last
	}
	for _, l := range ends {
		if l > best-1e-5 {
			m.Reached++
		}
	}
	m.relabel(paths)
	return m, m.finish(paths, order)
}

// prepare scales time and values, and puts patients in an order that depends on
// their values alone.
func (m *Trajectories) prepare(given []Path) (paths []Path, order []int, err error) {
	var values []float64
	highest := 0.0
	times := map[float64]bool{}
	for _, p := range given {
		values = append(values, p.Y...)
		for _, t := range p.T {
			highest = math.Max(highest, math.Abs(t))
			times[t] = true
		}
	}
	m.Values = len(values)
	if len(times) <= slices.Max(m.Orders) {
		return nil, nil, fmt.Errorf("%w: %d times for a polynomial of order %d", ErrSingular, len(times), slices.Max(m.Orders))
	}
	if len(given) < 2*len(m.Orders) || m.Values <= m.Parameters {
		return nil, nil, fmt.Errorf("%w: %d patients with %d values for %d groups and %d parameters", ErrSingular, len(given), m.Values, len(m.Orders), m.Parameters)
	}
	if highest > 0 {
		m.time = highest
	}
	slices.Sort(values) // so that rounding does not depend on the order of patients
	d := Describe(values)
	if !(d.SD > 0) {
		return nil, nil, fmt.Errorf("%w: all values are equal", ErrSingular)
	}
	m.floor, m.top = math.Inf(-1), math.Inf(1)
	if m.Family == TrajectoryCNorm {
		m.centre, m.spread = d.Mean, d.SD
		m.floor, m.top = (m.Floor-d.Mean)/d.SD, (m.Ceiling-d.Mean)/d.SD
	}
	scaled := make([]Path, len(given))
	for i, p := range given {
		for k, y := range p.Y {
			scaled[i].T, scaled[i].Y = append(scaled[i].T, p.T[k]/m.time), append(scaled[i].Y, (y-m.centre)/m.spread)
		}
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := scaled[a], scaled[b]
		return cmp.Or(cmp.Compare(x.mean(), y.mean()), slices.Compare(x.Y, y.Y), slices.Compare(x.T, y.T))
	})
	for _, i := range order {
		paths = append(paths, scaled[i])
	}
	return paths, order, nil
}

func (p Path) mean() float64 { return Describe(p.Y).Mean }

// slope is that of least squares, 0 with one value.
func (p Path) slope() float64 {
	r := Correlation(p.T, p.Y)
	if math.IsNaN(r) {
		return 0
	}
	return r * Describe(p.Y).SD / Describe(p.T).SD
}

// ranked puts patients into groups of like size by a number.
func ranked(paths []Path, groups int, by func(p Path) float64) []int {
	value := make([]float64, len(paths))
	for i, p := range paths {
		value[i] = by(p)
	}
	order := make([]int, len(paths))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(value[a], value[b]) })
	out := make([]int, len(paths))
	for k, i := range order {
		out[i] = k * groups / len(paths)
	}
	return out
}

// partitions lists the starts: who is in which group.
func (m *Trajectories) partitions(paths []Path, before *Trajectories) [][]int {
	groups := len(m.Orders)
	if groups == 1 {
		return [][]int{make([]int, len(paths))}
	}
	first := func(p Path) float64 { return p.Y[0] }
	last := func(p Path) float64 { return p.Y[len(p.Y)-1] }
	out := [][]int{
		ranked(paths, groups, Path.mean), ranked(paths, groups, Path.slope), ranked(paths, groups, last), ranked(paths, groups, first),
	}
	for a := 2; a < groups; a++ { // by mean, and within by slope
		level, b := ranked(paths, a, Path.mean), (groups+a-1)/a
		slope := ranked(paths, b, Path.slope)
		both := make([]int, len(paths))
		for i := range both {
			both[i] = min(groups-1, level[i]*b+slope[i])
		}
		out = append(out, both)
	}
	if before != nil && len(before.Orders) == groups-1 {
		out = append(out, m.split(paths, before)...)
	}
	// Centres by a sequence that fills the range of patients evenly.
	for s := 0; len(out) < max(m.Starts, 1); s++ {
		centres := make([]Path, groups)
		for g := range centres {
			_, at := math.Modf((float64(s*groups+g) + 0.5) * 0.6180339887498949)
			centres[g] = paths[int(at*float64(len(paths)))]
		}
		out = append(out, nearest(paths, centres))
	}
	return out
}

// split halves each group of the smaller model by the means of its patients, and
// by their slopes.
func (m *Trajectories) split(paths []Path, before *Trajectories) [][]int {
	post := matrix(len(paths), len(before.Orders))
	before.posterior(before.theta, paths, post)
	of := make([]int, len(paths))
	for i := range of {
		of[i] = largestAt(post[i])
	}
	var out [][]int
	for g := range before.Orders {
		for _, by := range []func(Path) float64{Path.mean, Path.slope} {
			var members []Path
			var index []int
			for i, p := range paths {
				if of[i] == g {
					members, index = append(members, p), append(index, i)
				}
			}
			if len(members) < 4 {
				continue
			}
			part := slices.Clone(of)
			for k, half := range ranked(members, 2, by) {
				if half == 1 {
					part[index[k]] = len(before.Orders)
				}
			}
			out = append(out, part)
		}
	}
	return out
}

func largestAt(x []float64) int {
	at := 0
	for g, v := range x {
		if v > x[at] {
			at = g
		}
	}
	return at
}

// nearest puts each patient to the centre that is nearest at the times both have.
func nearest(paths, centres []Path) []int {
	out := make([]int, len(paths))
	for i, p := range paths {
		least := math.Inf(1)
		for g, c := range centres {
			sum, n := 0.0, 0.0
			for k, t := range p.T {
				if at := slices.Index(c.T, t); at >= 0 {
					sum += (p.Y[k] - c.Y[at]) * (p.Y[k] - c.Y[at])
					n++
				}
			}
			if n == 0 {
				d := p.mean() - c.mean()
				sum, n = d*d, 1
			}
			if sum/n < least {
				least, out[i] = sum/n, g
			}
		}
	}
	return out
}

// try takes a few EM steps from a partition.
func (m *Trajectories) try(paths []Path, groups []int) (theta []float64, loglik float64, ok bool) {
	n := m.at.groups
	post := matrix(len(paths), n)
	mean, values := 0.0, 0.0
	for i, g := range groups {
		for h := range n {
			post[i][h] = 0.1 / float64(n)
		}
		post[i][g] += 0.9
		for _, y := range paths[i].Y {
			mean += y
			values++
		}
	}
	theta = make([]float64, m.at.total)
	for g := range n {
		switch m.Family {
		case TrajectoryZIP:
			theta[m.at.beta[g]] = math.Log(math.Max(1e-3, mean/values))
			theta[m.at.shape[g]] = -2
		case TrajectoryLogit:
			p := math.Max(0.01, math.Min(0.99, mean/values))
			theta[m.at.beta[g]] = math.Log(p / (1 - p))
		}
	}
	for range 3 { // one step of the coefficients is exact for a normal outcome alone
		if !m.update(theta, paths, post) {
			return nil, 0, false
		}
	}
	for range tried {
		if loglik = m.posterior(theta, paths, post); math.IsNaN(loglik) || !m.update(theta, paths, post) {
			return nil, 0, false
		}
	}
	return theta, loglik, true
}

// relabel puts the groups in ascending order of their mean over all times seen.
func (m *Trajectories) relabel(paths []Path) {
	l := m.at
	mean := make([]float64, l.groups)
	for g := range mean {
		for _, p := range paths {
			for _, t := range p.T {
				mean[g] += m.expected(l.polynomial(m.theta, g, t), m.shapeOf(m.theta, g))
			}
		}
	}
	to := make([]int, l.groups)
	for g := range to {
		to[g] = g
	}
	slices.SortStableFunc(to, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
	share := l.shares(m.theta)
	spec := m.TrajectorySpec
	spec.Orders = nil
	for _, g := range to {
		spec.Orders = append(spec.Orders, m.Orders[g])
	}
	next := newLayout(spec)
	theta := make([]float64, l.total)
	for k, g := range to {
		if k > 0 {
			theta[k-1] = math.Log(share[g] / share[to[0]])
		}
		copy(theta[next.beta[k]:next.beta[k]+l.orders[g]+1], m.theta[l.beta[g]:])
		if l.shape[g] >= 0 {
			theta[next.shape[k]] = m.theta[l.shape[g]]
		}
	}
	m.theta, m.at, m.TrajectorySpec = theta, next, spec
}

// ErrFlat is what errors.Is finds where a likelihood is at its highest along a whole
// direction, so that no error can be given.
var ErrFlat = errors.New("the likelihood is flat about its maximum")

// finish works out errors, and the parameters on the scale of the data.
func (m *Trajectories) finish(paths []Path, order []int) error {
	l := m.at
	loglik, gradient, hessian := m.derivatives(m.theta, paths)
	m.Gradient = mat.Norm(gradient, math.Inf(1))
	information := mat.NewSymDense(l.total, nil)
	information.ScaleSym(-1, hessian)
	cov, _, err := inverseScaled(information)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFlat, err)
	}
	m.cov = cov
	m.Share = l.shares(m.theta)
	post := matrix(len(paths), l.groups)
	m.posterior(m.theta, paths, post)
	m.Posterior = make([][]float64, len(paths))
	for k, i := range order {
		m.Posterior[i] = post[k]
	}
	inside := 0
	for _, p := range paths {
		for _, y := range p.Y {
			if y > m.floor && y < m.top {
				inside++
			}
		}
	}
	m.LogLik = loglik
	if m.Family == TrajectoryCNorm {
		m.LogLik -= float64(inside) * math.Log(m.spread)
	}
	for g := range l.groups {
		c := make([]float64, l.orders[g]+1)
		for k := range c {
			c[k] = m.spread * m.theta[l.beta[g]+k] / math.Pow(m.time, float64(k))
		}
		c[0] += m.centre
		m.Coef = append(m.Coef, c)
		shape := math.NaN()
		switch m.Family {
		case TrajectoryCNorm:
			shape = m.spread * math.Exp(m.theta[l.shape[g]])
		case TrajectoryZIP:
			shape = 1 / (1 + math.Exp(-m.theta[l.shape[g]]))
		}
		m.Shape = append(m.Shape, shape)
	}
	return nil
}

// CoefError returns the standard error of a coefficient.
func (m *Trajectories) CoefError(group, power int) float64 {
	at := m.at.beta[group] + power
	return m.spread * math.Sqrt(m.cov.At(at, at)) / math.Pow(m.time, float64(power))
}

// ShapeError returns the standard error of a group's shape, by the delta method.
func (m *Trajectories) ShapeError(group int) float64 {
	at := m.at.shape[group]
	if at < 0 {
		return math.NaN()
	}
	se := math.Sqrt(m.cov.At(at, at))
	if m.Family == TrajectoryCNorm {
		return m.Shape[group] * se
	}
	return m.Shape[group] * (1 - m.Shape[group]) * se
}

// ShareError returns the standard error of a group's share, by the delta method.
func (m *Trajectories) ShareError(group int) float64 {
	n := m.at.groups - 1
	if n == 0 {
		return 0
	}
	g := mat.NewVecDense(n, nil)
	for h := range n {
		d := -m.Share[group] * m.Share[h+1]
		if group == h+1 {
			d += m.Share[group]
		}
		g.SetVec(h, d)
	}
	return math.Sqrt(mat.Inner(g, m.cov.SliceSym(0, n), g))
}

// expected is the mean of a value, of one that is seen between floor and ceiling.
func (m *Trajectories) expected(eta float64, shape shaped) float64 {
	switch m.Family {
	case TrajectoryLogit:
		return 1 / (1 + math.Exp(-eta))
	case TrajectoryZIP:
		return math.Exp(eta) * (1 - shape.value)
	}
	sd := shape.value
	out, low, high := eta, 0.0, 1.0
	density := func(w float64) float64 { return math.Exp(-w*w/2) / rootTwoPi }
	if !math.IsInf(m.floor, 0) {
		a := (m.floor - eta) / sd
		low = math.Erfc(-a/math.Sqrt2) / 2
		out += m.floor*low + sd*density(a)
	}
	if !math.IsInf(m.top, 0) {
		b := (m.top - eta) / sd
		high = math.Erfc(-b/math.Sqrt2) / 2
		out += m.top*(1-high) - sd*density(b)
	}
	return out - eta + eta*(high-low)
}

// Predict returns the mean outcome of a group at a time, with the bounds that the
// linear predictor ± z errors gives; what is censored counts at its bound.
func (m *Trajectories) Predict(group int, time, z float64) (mean, low, high float64) {
	t, n, at := time/m.time, m.at.orders[group]+1, m.at.beta[group]
	x := mat.NewVecDense(m.at.total, nil)
	v := 1.0
	for k := range n {
		x.SetVec(at+k, v)
		v *= t
	}
	eta, se, shape := m.at.polynomial(m.theta, group, t), math.Sqrt(mat.Inner(x, m.cov, x)), m.shapeOf(m.theta, group)
	back := func(eta float64) float64 { return m.centre + m.spread*m.expected(eta, shape) }
	return back(eta), back(eta - z*se), back(eta + z*se)
}

// Classification says how well a model tells its groups apart, each patient being
// given to the group that is most probable.
type Classification struct {
	Assigned []int     // patients by group
	Average  []float64 // mean probability of the group, of those given to it; NaN without any
	Odds     []float64 // of correct classification: (p/(1-p)) / (π/(1-π)), p the average
	Entropy  float64   // 1 + Σ p log p / (N log G); NaN with one group
}

// Classify gives patients to groups. Nagin 2005, 10.4159/9780674041318.
func (m *Trajectories) Classify() Classification {
	n := len(m.Share)
	c := Classification{Assigned: make([]int, n), Average: make([]float64, n), Odds: make([]float64, n)}
	sum := 0.0
	for _, p := range m.Posterior {
		g := largestAt(p)
		c.Assigned[g]++
		c.Average[g] += p[g]
		for _, v := range p {
			if v > 0 {
				sum += v * math.Log(v)
			}
		}
	}
	for g := range n {
		c.Average[g] /= float64(c.Assigned[g])
		p := c.Average[g]
		c.Odds[g] = p / (1 - p) / (m.Share[g] / (1 - m.Share[g]))
	}
	c.Entropy = math.NaN()
	if n > 1 {
		c.Entropy = 1 + sum/(float64(len(m.Posterior))*math.Log(float64(n)))
	}
	return c
}
