package fit

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Martingale returns the martingale residuals by original row: events less the
// hazard that the model gives the row's time. R: residuals(fit, "martingale").
func (c *Cox) Martingale() []float64 {
	out := make([]float64, c.rows.n)
	for i, o := range c.rows.from {
		m := -math.Exp(c.linear[i]) * c.hazard[i]
		if c.rows.event[i] {
			m++
		}
		out[o] = m
	}
	return out
}

// scores calls do with each sorted row's score residual in the scaled covariates,
// without its weight:
//
//	U = event (z - z̄(t)) - ∫ exp(β'z) (z - z̄(s)) dΛ₀(s)
func (c *Cox) scores(do func(row int, u []float64)) {
	r, p := c.rows, c.rows.p
	sum := make([]float64, (len(r.ticks)+1)*p) // of h z̄ before each tick
	for k := range r.ticks {
		for j := range p {
			sum[(k+1)*p+j] = sum[k*p+j] + c.at.hazardMean[k*p+j]
		}
	}
	u := make([]float64, p)
	for i := range r.n {
		risk := math.Exp(c.linear[i])
		first, last := int(r.first[i]), int(r.last[i])
		for j := range p {
			z := r.z[i*p+j]
			if r.event[i] {
				k := last - 1
				b := sum[k*p+j] - sum[first*p+j] + c.at.ownMean[k*p+j]
				u[j] = z - c.at.mean[k*p+j] - risk*(z*c.hazard[i]-b)
				continue
			}
			u[j] = -risk * (z*c.hazard[i] - (sum[last*p+j] - sum[first*p+j]))
		}
		do(i, u)
	}
}

// Dfbeta returns, by original row and coefficient, how the coefficients change when
// the row is left out, to first order and times its weight. R: residuals(fit, "dfbeta",
// weighted = TRUE).
func (c *Cox) Dfbeta() [][]float64 {
	p := c.rows.p
	out := make([][]float64, c.rows.n)
	flat := make([]float64, c.rows.n*p)
	c.scores(func(row int, u []float64) {
		d := flat[row*p : row*p+p]
		w := 1.0
		if c.rows.weight != nil {
			w = c.rows.weight[row]
		}
		for a := range p {
			s := 0.0
			for b := range p {
				s += c.scaled.At(a, b) * u[b]
			}
			d[a] = w * s / c.rows.scale[a]
		}
		out[c.rows.from[row]] = d
	})
	return out
}

// Robust returns the covariance of the coefficients that does not rest on the model
// being right, Σ D D' with D the sum of Dfbeta over the rows of a cluster (by original
// row, from 0 and below clusters; nil for every row by itself). R: coxph(cluster).
// Lin and Wei 1989, 10.1080/01621459.1989.10478874.
func (c *Cox) Robust(cluster []int, clusters int) *mat.SymDense {
	p := c.rows.p
	if cluster == nil {
		clusters = c.rows.n
	}
	sum := make([]float64, clusters*p)
	c.scores(func(row int, u []float64) {
		g := int(c.rows.from[row])
		if cluster != nil {
			g = cluster[g]
		}
		w := 1.0
		if c.rows.weight != nil {
			w = c.rows.weight[row]
		}
		for j, v := range u {
			sum[g*p+j] += w * v
		}
	})
	one := make([]float64, clusters)
	for i := range one {
		one[i] = 1
	}
	middle := mat.NewSymDense(p, nil)
	for i, v := range weightedCross(sum, one, p) {
		if i/p <= i%p {
			middle.SetSym(i/p, i%p, v)
		}
	}
	var half, full mat.Dense
	half.Mul(c.scaled, middle)
	full.Mul(&half, c.scaled)
	out := mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			out.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	return c.unscale(out)
}

// Clocks on which the test of proportional hazards asks whether effects change.
const (
	ClockKM       = "km"       // 1 - Kaplan-Meier just before the event
	ClockIdentity = "identity" // time
	ClockRank     = "rank"     // the number of the event
	ClockLog      = "log"      // logarithm of time
)

// Proportional is the score test of a coefficient that changes along a clock, one for
// each coefficient and one for all.
type Proportional struct {
	ChiSq  []float64
	Global float64
}

// Proportionality returns the tests of proportional hazards, on a clock. The test of
// coefficient j is the score test, at θ = 0, of θ g(t) zⱼ put beside all covariates, g
// the clock less its mean over events; the global test puts all of them.
//
// R: survival::cox.zph(fit, transform) from version 3.0. Grambsch and Therneau 1994,
// 10.1093/biomet/81.3.515.
func (c *Cox) Proportionality(clock string) Proportional {
	r, p := c.rows, c.rows.p
	g := r.clock(clock)
	out := Proportional{ChiSq: make([]float64, p)}
	u := make([]float64, p)
	i11, i12, i22 := make([]float64, p*p), make([]float64, p*p), make([]float64, p*p)
	c.squares(func(k int, v []float64) {
		for i := range v {
			i11[i] += v[i]
			i12[i] += g[k] * v[i]
			i22[i] += g[k] * g[k] * v[i]
		}
	})
	for k, t := range r.ticks {
		for i := t.deaths; i < t.deaths+t.n; i++ {
			w := 1.0
			if r.weight != nil {
				w = r.weight[i]
			}
			for j := range p {
				u[j] += g[k] * w * (r.z[i*p+j] - c.at.mean[k*p+j])
			}
		}
	}
	test := func(with []int) float64 {
		n := p + len(with)
		info := mat.NewSymDense(n, nil)
		score := mat.NewVecDense(n, nil)
		for i := range p {
			for j := i; j < p; j++ {
				info.SetSym(i, j, i11[i*p+j])
			}
			for b, j := range with {
				info.SetSym(i, p+b, i12[i*p+j])
			}
		}
		for a, i := range with {
			score.SetVec(p+a, u[i])
			for b, j := range with {
				if b >= a {
					info.SetSym(p+a, p+b, i22[i*p+j])
				}
			}
		}
		var chol mat.Cholesky
		x := mat.NewVecDense(n, nil)
		if !chol.Factorize(info) || chol.SolveVecTo(x, score) != nil {
			return math.NaN()
		}
		return mat.Dot(score, x)
	}
	all := make([]int, p)
	for j := range p {
		all[j] = j
		out.ChiSq[j] = test([]int{j})
	}
	out.Global = test(all)
	return out
}

// clock returns the clock by tick, less its mean over events.
func (r *coxRows) clock(kind string) []float64 {
	g := make([]float64, len(r.ticks))
	switch kind {
	case ClockKM:
		r.clockKM(g)
	case ClockRank:
		// Ranks of events over all strata, means where they are equal.
		var times []float64
		for _, t := range r.ticks {
			for range t.n {
				times = append(times, t.time)
			}
		}
		ranks, _ := Ranks(times)
		i := 0
		for k, t := range r.ticks {
			g[k] = ranks[i]
			i += t.n
		}
	default:
		for k, t := range r.ticks {
			g[k] = t.time
			if kind == ClockLog {
				g[k] = math.Log(t.time)
			}
		}
	}
	sum, n := 0.0, 0.0
	for k, t := range r.ticks {
		sum += g[k] * float64(t.n)
		n += float64(t.n)
	}
	for k := range g {
		g[k] -= sum / n
	}
	return g
}

// clockKM fills in 1 - S(t-), S the Kaplan-Meier estimate over all strata together.
func (r *coxRows) clockKM(g []float64) {
	stops, events := make([]float64, r.n), make([]float64, r.n)
	copy(stops, r.stop)
	for i, e := range r.event {
		if e {
			events[i] = 1
		}
	}
	order := rising(stops)
	var starts []float64
	if r.start != nil {
		for _, i := range rising(r.start) {
			starts = append(starts, r.start[i])
		}
	}
	before := map[float64]float64{} // 1 - S just before each event time
	s, entered := 1.0, 0
	for i := 0; i < r.n; {
		t := stops[order[i]]
		for entered < len(starts) && starts[entered] < t {
			entered++
		}
		atRisk := float64(r.n - i)
		if starts != nil {
			atRisk = float64(entered - i)
		}
		d, j := 0.0, i
		for ; j < r.n && stops[order[j]] == t; j++ {
			d += events[order[j]]
		}
		if d > 0 {
			before[t] = 1 - s
			s *= 1 - d/atRisk
		}
		i = j
	}
	for k, t := range r.ticks {
		g[k] = before[t.time]
	}
}

// squares calls do with the variance of the covariates among those at risk at each
// tick, summed over its events.
func (c *Cox) squares(do func(k int, v []float64)) {
	r, p := c.rows, c.rows.p
	s2, d2, v := make([]float64, p*p), make([]float64, p*p), make([]float64, p*p)
	sums := newCoxSums(p)
	add := func(to []float64, risk float64, z []float64) {
		for i := range p {
			for j := range p {
				to[i*p+j] += risk * z[i] * z[j]
			}
		}
	}
	entered := 0
	for _, g := range r.segments {
		sums.reset()
		clear(s2)
		out, row := entered, g.rowsEnd
		for k := g.ticksEnd - 1; k >= g.ticks; k-- {
			t := r.ticks[k]
			for row > t.deaths {
				row--
				z := r.z[row*p : row*p+p]
				sums.add(c.at.risk[row], z, 1)
				add(s2, c.at.risk[row], z)
			}
			for r.start != nil && out < entered+(g.rowsEnd-g.rows) && r.start[r.entry[out]] >= t.time {
				i := int(r.entry[out])
				z := r.z[i*p : i*p+p]
				sums.add(c.at.risk[i], z, -1)
				add(s2, -c.at.risk[i], z)
				out++
			}
			clear(sums.d1)
			clear(d2)
			d0, dw := 0.0, 0.0
			for i := t.deaths; i < t.deaths+t.n; i++ {
				z := r.z[i*p : i*p+p]
				d0 += c.at.risk[i]
				for j, x := range z {
					sums.d1[j] += c.at.risk[i] * x
				}
				add(d2, c.at.risk[i], z)
				if r.weight != nil {
					dw += r.weight[i]
				} else {
					dw++
				}
			}
			clear(v)
			for l := range t.n {
				a := 0.0
				if c.Ties == TiesEfron {
					a = float64(l) / float64(t.n)
				}
				den := sums.s0 - a*d0
				for i := range p {
					mi := (sums.s1[i] - a*sums.d1[i]) / den
					for j := range p {
						v[i*p+j] += dw / float64(t.n) * ((s2[i*p+j]-a*d2[i*p+j])/den - mi*(sums.s1[j]-a*sums.d1[j])/den)
					}
				}
			}
			do(k, v)
		}
		if r.start != nil {
			entered += g.rowsEnd - g.rows
		}
	}
}

// Predicted is a survival curve of a patient with given covariates: at event times in
// order, the cumulative hazard and the standard error of it.
type Predicted struct{ Time, Hazard, SE []float64 }

// Predict returns the curve of a stratum (an index in the order of strata) at covariates
// x, without their offset's mean. Survival is exp(-Hazard), its log-scale error SE.
//
//	Λ(t) = exp(β'x) Σ h,  SE² = exp(2β'x) Σ h/(S₀-aD₀) + d'Cd,  d = exp(β'x) Σ h (x - z̄)
//
// R: survfit(fit, newdata). Tsiatis 1981, 10.1214/aos/1176345326.
func (c *Cox) Predict(x []float64, stratum int) Predicted {
	r, p := c.rows, c.rows.p
	z := make([]float64, p)
	eta := 0.0
	for j := range p {
		z[j] = (x[j] - r.centre[j]) / r.scale[j]
		eta += z[j] * c.Coef[j] * r.scale[j]
	}
	risk := math.Exp(eta)
	var out Predicted
	h, variance, d := 0.0, 0.0, mat.NewVecDense(max(p, 1), nil)
	g := r.segments[stratum]
	for k := g.ticks; k < g.ticksEnd; k++ {
		h += risk * c.at.hazard[k]
		variance += risk * risk * c.at.variance[k]
		for j := range p {
			d.SetVec(j, d.AtVec(j)+risk*(z[j]*c.at.hazard[k]-c.at.hazardMean[k*p+j]))
		}
		v := variance
		if c.scaled != nil {
			v += mat.Inner(d, c.scaled, d)
		}
		out.Time, out.Hazard, out.SE = append(out.Time, r.ticks[k].time), append(out.Hazard, h), append(out.SE, math.Sqrt(v))
	}
	return out
}

// Concordance is the share of pairs that can be ordered in which the patient with the
// higher predicted risk has the event first, ties of risk half.
type Concordance struct {
	C, SE                            float64
	Concordant, Discordant, TiedRisk float64 // pairs
}

// Concordance compares the linear predictor with the times. A pair can be ordered where
// one has the event while the other is at risk; of two events at one time neither is
// first, and a censoring at the time of an event comes after it. The standard error is
// by the infinitesimal jackknife. Pairs are of one stratum, and weigh the product of their
// weights.
//
// R: survival::concordance(fit). Harrell and others 1996,
// 10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4.
func (c *Cox) Concordance() Concordance {
	r := c.rows
	order := rising(c.linear)
	rank, ranks := make([]int, r.n), 0
	for i, o := range order {
		if i > 0 && c.linear[o] > c.linear[order[i-1]]+1e-12*math.Max(1, math.Abs(c.linear[o])) {
			ranks++
		}
		rank[o] = ranks
	}
	ranks++
	// For each row: the pairs it is in that are concordant, discordant, tied.
	type counts struct{ con, dis, tie float64 }
	own := make([]counts, r.n)
	entered := 0
	for _, g := range r.segments {
		in := newTree(ranks)     // those at risk after the time, by rank
		deaths := newTree(ranks) // events so far counted for those still in, from the other side
		row, out := g.rowsEnd, entered
		// Backwards: each event against those in.
		for k := g.ticksEnd - 1; k >= g.ticks; k-- {
			t := r.ticks[k]
			for row > t.deaths+t.n {
				row--
				in.add(rank[row], r.weightOf(row))
			}
			for r.start != nil && out < entered+(g.rowsEnd-g.rows) && r.start[r.entry[out]] >= t.time {
				in.add(rank[r.entry[out]], -r.weightOf(int(r.entry[out])))
				out++
			}
			for i := t.deaths; i < t.deaths+t.n; i++ {
				below, same := in.below(rank[i]), in.at(rank[i])
				own[i].con += below
				own[i].tie += same
				own[i].dis += in.total - below - same
			}
			for row > t.deaths {
				row--
				in.add(rank[row], r.weightOf(row))
			}
		}
		// Forwards: each row against the events in its time before its own.
		if r.start == nil {
			k := g.ticks
			for i := g.rows; i < g.rowsEnd; i++ {
				for k < g.ticksEnd && (r.ticks[k].time < r.stop[i] || r.ticks[k].time == r.stop[i] && !r.event[i]) {
					t := r.ticks[k]
					for j := t.deaths; j < t.deaths+t.n; j++ {
						deaths.add(rank[j], r.weightOf(j))
					}
					k++
				}
				below, same := deaths.below(rank[i]), deaths.at(rank[i])
				own[i].dis += below
				own[i].tie += same
				own[i].con += deaths.total - below - same
			}
		} else {
			// The events of (start, stop]: those by the stop less those by the start.
			r.between(g, rank, ranks, func(i int, below, same, above float64) {
				own[i].dis += below
				own[i].tie += same
				own[i].con += above
			})
		}
		if r.start != nil {
			entered += g.rowsEnd - g.rows
		}
	}
	var out Concordance
	for i, o := range own {
		w := r.weightOf(i) / 2
		out.Concordant += w * o.con
		out.Discordant += w * o.dis
		out.TiedRisk += w * o.tie
	}
	n := out.Concordant + out.Discordant + out.TiedRisk
	out.C = (out.Concordant + out.TiedRisk/2) / n
	ss := 0.0
	for i, o := range own {
		d := r.weightOf(i) * (o.con + o.tie/2 - out.C*(o.con+o.dis+o.tie)) / n
		ss += d * d
	}
	out.SE = math.Sqrt(ss)
	if n == 0 {
		out.C, out.SE = math.NaN(), math.NaN()
	}
	return out
}

func (r *coxRows) weightOf(row int) float64 {
	if r.weight == nil {
		return 1
	}
	return r.weight[row]
}

// between counts, for each row of a stratum, the events in its time and before its own
// with lower, equal and higher ranks.
func (r *coxRows) between(g segment, rank []int, ranks int, do func(i int, below, same, above float64)) {
	type query struct {
		tick int
		row  int
		sign float64
	}
	byTick := make([][]query, g.ticksEnd-g.ticks+1)
	for i := g.rows; i < g.rowsEnd; i++ {
		last := int(r.last[i])
		if r.event[i] {
			last--
		}
		if first := int(r.first[i]); first < last {
			byTick[last-g.ticks] = append(byTick[last-g.ticks], query{last, i, 1})
			byTick[first-g.ticks] = append(byTick[first-g.ticks], query{first, i, -1})
		}
	}
	events := newTree(ranks)
	type triple struct{ below, same, above float64 }
	sum := make([]triple, g.rowsEnd-g.rows)
	for k := range byTick {
		if k > 0 {
			t := r.ticks[g.ticks+k-1]
			for j := t.deaths; j < t.deaths+t.n; j++ {
				events.add(rank[j], r.weightOf(j))
			}
		}
		for _, q := range byTick[k] {
			below, same := events.below(rank[q.row]), events.at(rank[q.row])
			s := &sum[q.row-g.rows]
			s.below += q.sign * below
			s.same += q.sign * same
			s.above += q.sign * (events.total - below - same)
		}
	}
	for i, s := range sum {
		do(g.rows+i, s.below, s.same, s.above)
	}
}

// tree holds counts by rank, with sums below a rank in the time of the logarithm.
type tree struct {
	sums  []float64
	own   []float64
	total float64
}

func newTree(n int) *tree { return &tree{sums: make([]float64, n+1), own: make([]float64, n)} }

func (t *tree) add(rank int, w float64) {
	t.total += w
	t.own[rank] += w
	for i := rank + 1; i < len(t.sums); i += i & -i {
		t.sums[i] += w
	}
}

func (t *tree) at(rank int) float64 { return t.own[rank] }

func (t *tree) below(rank int) float64 {
	s := 0.0
	for i := rank; i > 0; i -= i & -i {
		s += t.sums[i]
	}
	return s
}
