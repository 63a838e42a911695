package fit

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// CoxData are rows of a proportional hazards model: a patient, or a stretch of a
// patient's time in which covariates do not change. Missing values are not allowed.
type CoxData struct {
	Start   []float64 // the row is at risk after it; nil for all from before the first event
	Stop    []float64
	Event   []bool
	X       [][]float64 // by covariate
	Weight  []float64   // nil for 1; rows of weight 0 count for nothing
	Offset  []float64   // added to the linear predictor; nil for 0
	Stratum []int       // each with a baseline hazard of its own; nil for one
}

// Ways to treat events at the same time.
const (
	TiesEfron   = "efron"
	TiesBreslow = "breslow"
	TiesExact   = "exact" // the conditional likelihood of discrete times
)

// Errors of ProportionalHazards.
var (
	ErrCoxEvents      = errors.New("there is no event")
	ErrCoxConvergence = errors.New("the proportional hazards model did not converge")
	ErrCoxTimes       = errors.New("a row ends before it begins, or no time passes in it")
	ErrCoxExact       = errors.New("too many events at the same times for exact ties")
)

// Cox is a fitted proportional hazards model. It is immutable.
type Cox struct {
	Ties           string
	Coef           []float64
	Cov            *mat.SymDense // inverse of the information
	Infinite       []bool        // coefficients that the likelihood drives without end
	LogLik, Null   float64       // partial log likelihood at the coefficients and at 0
	Score          float64       // chi-square of the score test at 0
	Rows, Events   int
	Gradient       float64 // largest derivative by a coefficient in its standard errors
	Iterations     int
	rows           *coxRows
	linear, hazard []float64 // by sorted row: linear predictor; cumulative hazard over its time
	at             *coxState
	scaled         *mat.SymDense // the covariance in the scale of the sorted rows
}

// coxRows are rows sorted by stratum and time, events first where times are equal.
type coxRows struct {
	n, p           int
	from           []int32 // original row
	z              []float64
	centre, scale  []float64
	weight, offset []float64 // nil for 1 and 0
	event          []bool
	stop, start    []float64 // start nil for none
	entry          []int32   // sorted rows by stratum and falling start
	ticks          []tick    // distinct event times by stratum
	first, last    []int32   // by row: ticks of its time are [first, last)
	segments       []segment
}

// tick is an event time: deaths are rows [deaths, deaths+n).
type tick struct {
	time   float64
	deaths int
	n      int
}

// segment is a stratum: its rows and ticks.
type segment struct{ rows, rowsEnd, ticks, ticksEnd int }

// sortCox sorts rows and finds event times.
func sortCox(d CoxData) *coxRows {
	n, p := len(d.Stop), len(d.X)
	r := &coxRows{n: n, p: p, centre: make([]float64, p), scale: make([]float64, p)}
	r.from = r.sorted(d)
	r.scaleColumns(d)
	r.z = make([]float64, n*p)
	r.stop, r.event = make([]float64, n), make([]bool, n)
	r.rowsOf(d)
	for i, o := range r.from {
		r.stop[i], r.event[i] = d.Stop[o], d.Event[o] && (d.Weight == nil || d.Weight[o] > 0)
	}
	pick := func(x []float64) []float64 {
		if x == nil {
			return nil
		}
		out := make([]float64, n)
		for i, o := range r.from {
			out[i] = x[o]
		}
		return out
	}
	r.weight, r.offset, r.start = pick(d.Weight), pick(d.Offset), pick(d.Start)
	if r.offset != nil { // its mean does not matter, and exp must not overflow
		mean := 0.0
		for _, v := range r.offset {
			mean += v / float64(n)
		}
		for i := range r.offset {
			r.offset[i] -= mean
		}
	}
	r.cut(d)
	return r
}

// rowsOf writes the covariates by sorted row, scaled. It reads some rows of every
// column at a time, which is many times faster than a row at a time from all of them.
func (r *coxRows) rowsOf(d CoxData) {
	p := r.p
	place := make([]int32, r.n)
	for i, o := range r.from {
		place[o] = int32(i)
	}
	rows := make([]float64, block*p)
	for from := 0; from < r.n; from += block {
		n := min(block, r.n-from)
		for j, x := range d.X {
			centre, scale := r.centre[j], r.scale[j]
			for i, v := range x[from : from+n] {
				rows[i*p+j] = (v - centre) / scale
			}
		}
		for i := range n {
			copy(r.z[int(place[from+i])*p:], rows[i*p:i*p+p])
		}
	}
}

// sorted orders rows by stratum, time, and events before the others.
func (r *coxRows) sorted(d CoxData) []int32 {
	order := rising(d.Stop)
	n := len(order)
	// Events first among equal times.
	out := make([]int32, 0, n)
	for i := 0; i < n; {
		j := i
		for ; j < n && d.Stop[order[j]] == d.Stop[order[i]]; j++ {
			if d.Event[order[j]] && (d.Weight == nil || d.Weight[order[j]] > 0) {
				out = append(out, order[j])
			}
		}
		for k := i; k < j; k++ {
			if !d.Event[order[k]] || d.Weight != nil && !(d.Weight[order[k]] > 0) {
				out = append(out, order[k])
			}
		}
		i = j
	}
	if d.Stratum == nil {
		return out
	}
	key := make([]float64, n)
	for i, o := range out {
		key[i] = float64(d.Stratum[o])
	}
	by := rising(key)
	for i, k := range by {
		order[i] = out[k]
	}
	return order
}

// scaleColumns finds mean and standard deviation of each covariate.
func (r *coxRows) scaleColumns(d CoxData) {
	for j, x := range d.X {
		mean, ss := 0.0, 0.0
		for _, v := range x {
			mean += v
		}
		mean /= float64(r.n)
		for _, v := range x {
			ss += (v - mean) * (v - mean)
		}
		r.centre[j], r.scale[j] = mean, math.Sqrt(ss/float64(r.n))
		if !(r.scale[j] > 0) {
			r.scale[j] = 1
		}
	}
}

// cut finds strata, event times, and which of them lie in each row's time.
func (r *coxRows) cut(d CoxData) {
	r.last = make([]int32, r.n)
	for i := 0; i < r.n; {
		s := segment{rows: i, ticks: len(r.ticks)}
		stratum := 0
		if d.Stratum != nil {
			stratum = d.Stratum[r.from[i]]
		}
		for i < r.n && (d.Stratum == nil || d.Stratum[r.from[i]] == stratum) {
			if r.event[i] {
				if k := len(r.ticks); k > s.ticks && r.ticks[k-1].time == r.stop[i] {
					r.ticks[k-1].n++
				} else {
					r.ticks = append(r.ticks, tick{time: r.stop[i], deaths: i, n: 1})
				}
			}
			r.last[i] = int32(len(r.ticks))
			i++
		}
		s.rowsEnd, s.ticksEnd = i, len(r.ticks)
		r.segments = append(r.segments, s)
	}
	if r.start == nil {
		r.first = make([]int32, r.n)
		for _, s := range r.segments {
			for i := s.rows; i < s.rowsEnd; i++ {
				r.first[i] = int32(s.ticks)
			}
		}
		return
	}
	r.first = make([]int32, r.n)
	for _, s := range r.segments {
		order := rising(r.start[s.rows:s.rowsEnd])
		k := s.ticks
		for _, o := range order {
			i := s.rows + int(o)
			for k < s.ticksEnd && r.ticks[k].time <= r.start[i] {
				k++
			}
			r.first[i] = int32(min(k, int(r.last[i])))
		}
		for at := len(order) - 1; at >= 0; at-- {
			r.entry = append(r.entry, int32(s.rows)+order[at])
		}
	}
}

// coxState is what one pass over the rows finds at coefficients.
type coxState struct {
	logLik   float64
	gradient []float64
	info     *mat.SymDense // nil where it was not asked for

	linear, risk []float64 // by sorted row: predictor; weight times its exponential
	// By tick: sums over the terms l of a tick of d deaths, a = l/d by Efron and 0 by
	// Breslow, of h = w̄/(S₀-aD₀) and of h times the mean covariate; with own, times 1-a.
	hazard, own         []float64
	hazardMean, ownMean []float64 // p a tick
	mean                []float64 // p a tick: mean over l of the mean covariate
	variance            []float64 // Σ h/(S₀-aD₀): of the cumulative hazard
}

// pass evaluates the likelihood, gradient and, where asked, information at the
// coefficients of the scaled covariates.
func (r *coxRows) pass(beta []float64, ties string, information bool) *coxState {
	n, p, m := r.n, r.p, len(r.ticks)
	s := &coxState{
		gradient: make([]float64, p), linear: make([]float64, n), risk: make([]float64, n),
		hazard: make([]float64, m), own: make([]float64, m), hazardMean: make([]float64, m*p), ownMean: make([]float64, m*p), mean: make([]float64, m*p), variance: make([]float64, m),
	}
	for i := range n {
		e := 0.0
		for j, b := range beta {
			e += float64(b * r.z[i*p+j])
		}
		if r.offset != nil {
			e += r.offset[i]
		}
		s.linear[i] = e
		s.risk[i] = math.Exp(e)
		if r.weight != nil {
			s.risk[i] *= r.weight[i]
		}
	}
	var square []float64 // what is taken off Z'GZ
	if information {
		square = make([]float64, p*p)
	}
	sums := newCoxSums(p)
	entered := 0
	for _, g := range r.segments {
		sums.reset()
		out := entered
		row := g.rowsEnd
		for k := g.ticksEnd - 1; k >= g.ticks; k-- {
			t := r.ticks[k]
			for row > t.deaths {
				row--
				sums.add(s.risk[row], r.z[row*p:row*p+p], 1)
			}
			if r.start != nil {
				for out < entered+(g.rowsEnd-g.rows) && r.start[r.entry[out]] >= t.time {
					if i := int(r.entry[out]); i >= row { // else it was never in
						sums.add(s.risk[i], r.z[i*p:i*p+p], -1)
					}
					out++
				}
			}
			r.tick(s, sums, k, ties, square)
		}
		if r.start != nil {
			entered += g.rowsEnd - g.rows
		}
	}
	if information {
		s.info = r.information(s, square)
	}
	return s
}

// coxSums are sums over the rows at risk.
type coxSums struct {
	n  int
	s0 float64
	s1 []float64
	d1 []float64
}

func newCoxSums(p int) *coxSums { return &coxSums{s1: make([]float64, p), d1: make([]float64, p)} }

func (c *coxSums) reset() {
	c.n, c.s0 = 0, 0
	clear(c.s1)
}

func (c *coxSums) add(risk float64, z []float64, sign float64) {
	if sign < 0 {
		if c.n--; c.n == 0 {
			c.reset() // without what rounding left
			return
		}
	} else {
		c.n++
	}
	risk *= sign
	c.s0 += risk
	s := c.s1[:len(z)]
	for j, v := range z {
		s[j] += float64(risk * v)
	}
}

// tick adds an event time to the likelihood and its derivatives.
func (r *coxRows) tick(s *coxState, sums *coxSums, k int, ties string, square []float64) {
	p, t := r.p, r.ticks[k]
	d0, dw := 0.0, 0.0
	clear(sums.d1)
	for i := t.deaths; i < t.deaths+t.n; i++ {
		w := 1.0
		if r.weight != nil {
			w = r.weight[i]
		}
		d0 += s.risk[i]
		dw += w
		s.logLik += w * s.linear[i]
		for j := range p {
			z := r.z[i*p+j]
			sums.d1[j] += float64(s.risk[i] * z)
			s.gradient[j] += float64(w * z)
		}
	}
	wbar := dw / float64(t.n)
	// Σ of h, h/(S₀-aD₀) and their products with a and a².
	var h, ha, q, qa, qaa, qo, qoa float64
	terms, share := 1, 1.0
	if ties == TiesEfron {
		terms = t.n
	} else {
		share = float64(t.n)
	}
	for l := range terms {
		a := float64(l) / float64(t.n)
		den := sums.s0 - a*d0
		w := share * wbar / den
		s.logLik -= share * wbar * math.Log(den)
		h += w
		ha += w * a
		w /= den
		q += w
		qa += w * a
		qaa += w * a * a
		qo += w * (1 - a)
		qoa += w * (1 - a) * a
	}
	s.hazard[k], s.own[k], s.variance[k] = h, h-ha, q
	hm, om, mean := s.hazardMean[k*p:k*p+p], s.ownMean[k*p:k*p+p], s.mean[k*p:k*p+p]
	for j := range p {
		s1, d1 := sums.s1[j], sums.d1[j]
		// Σ w̄ (S₁-aD₁)/(S₀-aD₀) is what the mean takes off the gradient.
		m := s1*h - d1*ha
		s.gradient[j] -= m
		mean[j] = m / (wbar * float64(t.n))
		hm[j] = s1*q - d1*qa
		om[j] = s1*qo - d1*qoa
	}
	if square == nil {
		return
	}
	// Σ w̄ x x' with x = (S₁-aD₁)/(S₀-aD₀).
	for i := range p {
		for j := i; j < p; j++ {
			square[i*p+j] += sums.s1[i]*sums.s1[j]*q - (sums.s1[i]*sums.d1[j]+sums.d1[i]*sums.s1[j])*qa + sums.d1[i]*sums.d1[j]*qaa
		}
	}
}

// cumulative returns, by row, the hazard summed over the ticks of its time; of a row
// with the event, its own tick counts as the sum with 1-a.
func (r *coxRows) cumulative(s *coxState) []float64 {
	sum := make([]float64, len(r.ticks)+1)
	for k, h := range s.hazard {
		sum[k+1] = sum[k] + h
	}
	out := make([]float64, r.n)
	for i := range out {
		if r.event[i] {
			k := r.last[i] - 1
			out[i] = sum[k] - sum[r.first[i]] + s.own[k]
			continue
		}
		out[i] = sum[r.last[i]] - sum[r.first[i]]
	}
	return out
}

func (r *coxRows) information(s *coxState, square []float64) *mat.SymDense {
	g := r.cumulative(s)
	for i := range g {
		g[i] *= s.risk[i]
	}
	cross := weightedCross(r.z, g, r.p)
	info := mat.NewSymDense(r.p, nil)
	for i := range r.p {
		for j := i; j < r.p; j++ {
			info.SetSym(i, j, cross[i*r.p+j]-square[i*r.p+j])
		}
	}
	return info
}

// ProportionalHazards fits a proportional hazards model by Newton's method on the partial
// likelihood, until the derivatives are 0 to rounding. A coefficient that the
// likelihood drives without end is marked, and its value is where the likelihood
// stopped rising.
//
//	log L = Σ w β'z - Σ over event times Σ over l w̄ log(S₀ - (l/d) D₀)
//
// S₀ sums exp(β'z) over those at risk and D₀ over the d with the event; Breslow has
// d w̄ log S₀. It takes one sort and, for each step, one pass: the information is
// Z'GZ, G the cumulative hazards, less products of means at the event times.
//
// R: survival::coxph(Surv(start, stop, event) ~ x, ties, weights). Cox 1972,
// 10.1111/j.2517-6161.1972.tb00899.x; Efron 1977, 10.1080/01621459.1977.10480613.
func ProportionalHazards(d CoxData, ties string) (*Cox, error) {
	for i, s := range d.Start {
		if !(s < d.Stop[i]) {
			return nil, ErrCoxTimes
		}
	}
	r := sortCox(d)
	c := &Cox{Ties: ties, Rows: r.n, rows: r}
	for _, t := range r.ticks {
		c.Events += t.n
	}
	if c.Events == 0 {
		return nil, ErrCoxEvents
	}
	evaluate := func(beta []float64) *coxState { return r.pass(beta, ties, true) }
	if ties == TiesExact {
		if err := r.exactFits(); err != nil {
			return nil, err
		}
		evaluate = r.exact
	}
	if err := c.newton(evaluate); err != nil {
		return nil, err
	}
	if ties != TiesExact {
		c.hazard = r.cumulative(c.at)
	}
	return c, nil
}

// newton climbs to the largest likelihood from 0.
func (c *Cox) newton(evaluate func(beta []float64) *coxState) error {
	p := c.rows.p
	beta := make([]float64, p)
	s := evaluate(beta)
	c.Null = s.logLik
	c.Infinite = make([]bool, p)
	step, decrement, ok := solveCox(s)
	if !ok {
		return fmt.Errorf("%w: a covariate follows from the others, or does not vary among those at risk", ErrSingular)
	}
	c.Score = decrement
	for last := math.Inf(1); c.Iterations < 60 && decrement > 1e-22 && !(decrement < 1e-14 && decrement > last/4); c.Iterations++ {
		last = decrement
		next, moved := s, false
		try := make([]float64, p)
		for shrink := 1.0; shrink > 1e-6; shrink /= 2 {
			for j := range p {
				try[j] = beta[j] + shrink*step[j]
			}
			if next = evaluate(try); next.logLik >= s.logLik-1e-12*math.Abs(s.logLik) {
				moved = true
				break
			}
		}
		if !moved {
			break
		}
		flat := next.logLik-s.logLik < 1e-9*(1+math.Abs(s.logLik))
		if flat { // steps of the size of a standard deviation that gain nothing
			end := false
			for j := range p {
				if math.Abs(step[j]) > 0.3 && math.Abs(try[j]) > 5 {
					c.Infinite[j], end = true, true
				}
			}
			if end {
				beta, s = try, next
				break
			}
		}
		beta, s = try, next
		var fine bool
		if step, decrement, fine = solveCox(s); !fine {
			for j := range p { // flat beyond what can be solved
				c.Infinite[j] = c.Infinite[j] || math.Abs(beta[j]) > 5
			}
			if !anyTrue(c.Infinite) {
				return ErrCoxConvergence
			}
			break
		}
	}
	if !anyTrue(c.Infinite) && decrement > 1e-10 {
		return ErrCoxConvergence
	}
	c.finish(s, beta, decrement)
	return nil
}

func anyTrue(x []bool) bool {
	for _, v := range x {
		if v {
			return true
		}
	}
	return false
}

// solveCox returns Newton's step and its decrement, U' I⁻¹ U.
func solveCox(s *coxState) (step []float64, decrement float64, ok bool) {
	p := len(s.gradient)
	if p == 0 {
		return nil, 0, true
	}
	var chol mat.Cholesky
	if !chol.Factorize(s.info) || chol.Cond() > 1e13 {
		return nil, 0, false
	}
	v := mat.NewVecDense(p, nil)
	u := mat.NewVecDense(p, s.gradient)
	if chol.SolveVecTo(v, u) != nil {
		return nil, 0, false
	}
	return v.RawVector().Data, mat.Dot(u, v), true
}

// finish puts the result in the covariates' own units.
func (c *Cox) finish(s *coxState, beta []float64, decrement float64) {
	r, p := c.rows, c.rows.p
	c.at, c.LogLik, c.linear, c.Gradient = s, s.logLik, s.linear, math.Sqrt(math.Max(0, decrement))
	c.Coef, c.Cov = make([]float64, p), nil
	for j := range p {
		c.Coef[j] = beta[j] / r.scale[j]
	}
	if p == 0 {
		return
	}
	var chol mat.Cholesky
	if !chol.Factorize(s.info) {
		return
	}
	c.scaled = mat.NewSymDense(p, nil)
	if chol.InverseTo(c.scaled) != nil {
		c.scaled = nil
		return
	}
	c.Cov = c.unscale(c.scaled)
}

func (c *Cox) unscale(v *mat.SymDense) *mat.SymDense {
	p := c.rows.p
	out := mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			out.SetSym(i, j, v.At(i, j)/c.rows.scale[i]/c.rows.scale[j])
		}
	}
	return out
}

// Wald returns the chi-square of all coefficients being 0, by a covariance of them.
func (c *Cox) Wald(v *mat.SymDense) float64 {
	var chol mat.Cholesky
	if v == nil || !chol.Factorize(v) {
		return math.NaN()
	}
	b := mat.NewVecDense(len(c.Coef), c.Coef)
	var x mat.VecDense
	if chol.SolveVecTo(&x, b) != nil {
		return math.NaN()
	}
	return mat.Dot(b, &x)
}

// mostTied is how many products the exact likelihood may take for one evaluation.
const mostTied = 2e9

func (r *coxRows) exactFits() error {
	if r.weight != nil {
		return fmt.Errorf("%w: weights have no meaning for exact ties", ErrCoxExact)
	}
	work := 0.0
	for _, g := range r.segments {
		for k := g.ticks; k < g.ticksEnd; k++ {
			work += float64(r.ticks[k].n) * float64(g.rowsEnd-r.ticks[k].deaths) * float64(1+r.p*r.p)
		}
	}
	if work > mostTied {
		return ErrCoxExact
	}
	return nil
}

// exact is pass for the conditional likelihood: at each time the probability that,
// of those at risk, these d had the event, over all ways to choose d, summed by
// recursion over those at risk.
//
// Gail, Lubin and Rubinstein 1981, 10.1093/biomet/68.3.703.
func (r *coxRows) exact(beta []float64) *coxState {
	p := r.p
	s := &coxState{gradient: make([]float64, p), info: mat.NewSymDense(max(p, 1), nil), linear: make([]float64, r.n), risk: make([]float64, r.n)}
	for i := range r.n {
		for j, b := range beta {
			s.linear[i] += float64(b * r.z[i*p+j])
		}
		if r.offset != nil {
			s.linear[i] += r.offset[i]
		}
	}
	for _, g := range r.segments {
		for k := g.ticks; k < g.ticksEnd; k++ {
			r.exactTick(s, g, r.ticks[k])
		}
	}
	return s
}

func (r *coxRows) exactTick(s *coxState, g segment, t tick) {
	p, d := r.p, t.n
	top := math.Inf(-1)
	in := func(i int) bool { return r.start == nil || r.start[i] < t.time }
	for i := t.deaths; i < g.rowsEnd; i++ {
		if in(i) {
			top = math.Max(top, s.linear[i])
		}
	}
	b, db, ddb := make([]float64, d+1), make([]float64, (d+1)*p), make([]float64, (d+1)*p*p)
	b[0] = 1
	for i := t.deaths; i < g.rowsEnd; i++ {
		if !in(i) {
			continue
		}
		risk, z := math.Exp(s.linear[i]-top), r.z[i*p:i*p+p]
		for m := min(d, i-t.deaths+1); m >= 1; m-- {
			below, dbelow := b[m-1], db[(m-1)*p:m*p]
			for x := range p {
				for y := x; y < p; y++ {
					ddb[m*p*p+x*p+y] += risk * (ddb[(m-1)*p*p+x*p+y] + z[x]*dbelow[y] + dbelow[x]*z[y] + z[x]*z[y]*below)
				}
			}
			for x := range p {
				db[m*p+x] += risk * (dbelow[x] + z[x]*below)
			}
			b[m] += risk * below
		}
	}
	for i := t.deaths; i < t.deaths+d; i++ {
		s.logLik += s.linear[i] - top
		for j := range p {
			s.gradient[j] += r.z[i*p+j]
		}
	}
	s.logLik -= math.Log(b[d])
	for x := range p {
		mx := db[d*p+x] / b[d]
		s.gradient[x] -= mx
		for y := x; y < p; y++ {
			s.info.SetSym(x, y, s.info.At(x, y)+ddb[d*p*p+x*p+y]/b[d]-mx*db[d*p+y]/b[d])
		}
	}
}
