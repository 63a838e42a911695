package rehab

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/simulate"
	"recoup/simulate/stream"
)

// Posterior is what is known of the fitted parameters after the targets were seen.
type Posterior struct {
	// Samples is the number of parameter sets the model was run with, Effective what they
	// are worth, 1/Σw² of their weights, Unique the share of different sets expected when
	// as many as Draws are drawn.
	Samples   int          `json:"samples"`
	Effective simulate.Num `json:"effective_sample_size"`
	Unique    simulate.Num `json:"unique_share"`
	// LogEvidence is the logarithm of the mean likelihood over the prior, up to a
	// constant of the targets: the difference between two models of the same targets
	// tells which they speak for.
	LogEvidence simulate.Num `json:"log_evidence"`
	// Draws are equally weighted parameter sets, draw x parameter.
	Draws [][]simulate.Num `json:"draws"`
}

// imis samples the posterior by incremental mixture importance sampling. The prior is
// normal on each parameter's scale about its value, with the spread of its distribution;
// the likelihood is normal about the targets with variance SE² + MCSE². Ten times
// c.Samples sets are drawn from the prior; then, until 1 − 1/e of a resample would be
// different sets, c.Samples more from a normal distribution about the set of the largest
// weight, with the weighted covariance of the sets nearest to it. Weights are prior times
// likelihood over the density of the mixture drawn from.
//
// Reference: Raftery and Bao 2010, doi:10.1111/j.1541-0420.2010.01399.x; in R, IMIS::IMIS.
type imis struct {
	f       *fit
	n       int              // parameters
	words   *stream.Cursor   // random numbers
	y       [][]float64      // sets, in units of the prior: 0 is its mean and 1 its SD
	log     []float64        // log likelihood
	mean    [][]float64      // of the targets
	mcse    [][]float64      //
	units   []string         //
	normals []*normalMixture // drawn from after the prior
	weight  []float64
	proof   float64 // log of the mean likelihood over the prior
	size    int     // of each later sample
	failed  int
}

// normalMixture is one component.
type normalMixture struct {
	at   []float64
	chol mat.Cholesky
	low  mat.TriDense
}

func (f *fit) sample() (Fitted, error) {
	m := &imis{f: f, n: len(f.start), size: f.samples(), words: stream.New(f.scenarios[0].Seed, "calibration").Cursor()}
	for range 10 * m.size {
		x := make([]float64, m.n)
		for k := range x {
			x[k] = m.words.Norm()
		}
		if err := m.add(x); err != nil {
			return Fitted{}, err
		}
	}
	converged := false
	for range f.iterations() {
		if err := m.reweigh(); err != nil {
			return Fitted{}, err
		}
		if converged = m.unique() >= 1-1/math.E; converged {
			break
		}
		c := m.component()
		m.normals = append(m.normals, c)
		for range m.size {
			if err := m.add(c.draw(m.words)); err != nil {
				return Fitted{}, err
			}
		}
	}
	if err := m.reweigh(); err != nil {
		return Fitted{}, err
	}
	return m.result(converged)
}

// add runs the model at a set. Where it cannot run, the likelihood is 0.
func (m *imis) add(x []float64) error {
	y := make([]float64, m.n)
	for k := range y {
		y[k] = m.f.start[k] + float64(x[k]*m.f.step[k])
	}
	mean, mcse, units, err := m.f.model(y)
	if ctx := m.f.ctx.Err(); ctx != nil {
		return ctx
	}
	l := math.Inf(-1)
	if err != nil {
		if m.failed++; m.failed > m.size {
			return err // not a corner of the prior, but most of it
		}
	} else {
		l, m.units = 0, units
		for i, t := range m.f.targets {
			if !t.HoldOut {
				sd := math.Hypot(t.SE, mcse[i])
				z := (mean[i] - t.Value) / sd
				l -= float64(0.5*z*z) + math.Log(sd)
			}
		}
	}
	m.y, m.log, m.mean, m.mcse = append(m.y, x), append(m.log, l), append(m.mean, mean), append(m.mcse, mcse)
	return nil
}

// reweigh weighs every set by prior times likelihood over the density it was drawn
// with, 10 parts of the prior to one of each component.
func (m *imis) reweigh() error {
	m.weight = make([]float64, len(m.y))
	most := math.Inf(-1)
	for i, x := range m.y {
		prior := float64(-0.5 * sumOfSquares(x))
		ratio := 10.0 // of the density drawn from to the prior, in parts
		for _, c := range m.normals {
			ratio += math.Exp(c.logDensity(x) - prior)
		}
		m.weight[i] = m.log[i] - math.Log(ratio)
		most = math.Max(most, m.weight[i])
	}
	if math.IsInf(most, -1) {
		return fmt.Errorf("%w: the model runs for no set drawn from the prior", ErrCalibration)
	}
	sum := 0.0
	for i, w := range m.weight {
		m.weight[i] = math.Exp(w - most)
		sum += m.weight[i]
	}
	for i := range m.weight {
		m.weight[i] /= sum
	}
	m.proof = most + math.Log(sum/float64(m.size))
	return nil
}

// posteriorDraws is how many equally weighted sets are returned.
const posteriorDraws = 1000

// unique is the share of different sets expected in a resample.
func (m *imis) unique() float64 {
	sum := 0.0
	for _, w := range m.weight {
		sum -= math.Expm1(posteriorDraws * math.Log1p(-w))
	}
	return sum / posteriorDraws
}

// component is the normal distribution about the set of the largest weight.
func (m *imis) component() *normalMixture {
	best := 0
	for i, w := range m.weight {
		if w > m.weight[best] {
			best = i
		}
	}
	order := make([]int, len(m.y))
	far := make([]float64, len(m.y))
	for i, x := range m.y {
		order[i] = i
		for k := range x {
			far[i] += float64((x[k] - m.y[best][k]) * (x[k] - m.y[best][k]))
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(far[a], far[b]) })
	order = order[:min(m.size, len(order))]
	sum, squares := 0.0, 0.0
	for _, i := range order {
		sum += m.weight[i] + 1/float64(len(m.y))
	}
	cov := mat.NewSymDense(m.n, nil)
	for _, i := range order {
		w := (m.weight[i] + 1/float64(len(m.y))) / sum
		squares += float64(w * w)
		for a := range m.n {
			for b := a; b < m.n; b++ {
				cov.SetSym(a, b, cov.At(a, b)+float64(w*(m.y[i][a]-m.y[best][a])*(m.y[i][b]-m.y[best][b])))
			}
		}
	}
	for a := range m.n {
		for b := a; b < m.n; b++ {
			cov.SetSym(a, b, cov.At(a, b)/(1-squares))
		}
		cov.SetSym(a, a, cov.At(a, a)+1e-12) // so that equal sets leave a distribution
	}
	c := &normalMixture{at: slices.Clone(m.y[best])}
	for jitter := 1e-10; !c.chol.Factorize(cov); jitter *= 10 {
		for a := range m.n {
			cov.SetSym(a, a, cov.At(a, a)+jitter)
		}
	}
	c.chol.LTo(&c.low)
	return c
}

func (c *normalMixture) draw(words *stream.Cursor) []float64 {
	z := make([]float64, len(c.at))
	for k := range z {
		z[k] = words.Norm()
	}
	x := slices.Clone(c.at)
	for a := range x {
		for b := range a + 1 {
			x[a] += float64(c.low.At(a, b) * z[b])
		}
	}
	return x
}

// logDensity leaves out the constant that it shares with the prior's.
func (c *normalMixture) logDensity(x []float64) float64 {
	d := mat.NewVecDense(len(x), nil)
	for k := range x {
		d.SetVec(k, x[k]-c.at[k])
	}
	var s mat.VecDense
	if c.chol.SolveVecTo(&s, d) != nil {
		return math.Inf(-1)
	}
	return -0.5 * (mat.Dot(d, &s) + c.chol.LogDet())
}

// weighted is the weighted mean of what a set gives.
func (m *imis) weighted(of func(i int) float64) float64 {
	sum := 0.0
	for i, w := range m.weight {
		if w > 0 {
			sum += float64(w * of(i))
		}
	}
	return sum
}

func (m *imis) result(converged bool) (Fitted, error) {
	f := m.f
	out := Fitted{Method: f.c.Method, Converged: converged, Warnings: []simulate.Warning{}}
	before, _, units, err := f.model(f.start)
	if err != nil {
		return out, err
	}
	for i, t := range f.targets {
		x := FittedTarget{Target: t, Unit: units[i], Before: simulate.Num(before[i])}
		x.After = simulate.Num(m.weighted(func(j int) float64 { return m.mean[j][i] }))
		x.MCSE = simulate.Num(math.Sqrt(m.weighted(func(j int) float64 { return m.mcse[j][i] * m.mcse[j][i] })))
		z := (float64(x.After) - t.Value) / math.Hypot(t.SE, float64(x.MCSE))
		x.Z = simulate.Num(z)
		out.Targets = append(out.Targets, x)
		if !t.HoldOut {
			out.DF++
			out.ChiSquare += simulate.Num(z * z)
		}
	}
	for k := range m.n { // the priors are targets as well, n of them for n parameters
		z := m.weighted(func(i int) float64 { return m.y[i][k] })
		out.ChiSquare += simulate.Num(z * z)
	}
	out.P = simulate.Num(math.NaN())
	if out.DF > 0 {
		out.P = simulate.Num(distuv.ChiSquared{K: float64(out.DF)}.Survival(float64(out.ChiSquare)))
	}
	m.parameters(&out)
	out.Evaluations = f.runs
	out.Posterior = m.posterior()
	out.Evidence = f.evidenceOf(out)
	f.warn(&out)
	m.warn(&out)
	return out, nil
}

// parameters gives the mean, SD and quantiles of each parameter, and the correlations
// on their scales.
func (m *imis) parameters(out *Fitted) {
	mean, sd := make([]float64, m.n), make([]float64, m.n)
	for k, name := range m.f.c.Parameters {
		l := m.f.links[k]
		value := func(i int) float64 { return l.from(m.f.start[k] + float64(m.y[i][k]*m.f.step[k])) }
		x := m.weighted(value)
		spread := math.Sqrt(m.weighted(func(i int) float64 { return (value(i) - x) * (value(i) - x) }))
		mean[k] = m.weighted(func(i int) float64 { return m.y[i][k] })
		sd[k] = math.Sqrt(m.weighted(func(i int) float64 { return (m.y[i][k] - mean[k]) * (m.y[i][k] - mean[k]) }))
		out.Parameters = append(out.Parameters, FittedParameter{
			Name: name, Start: simulate.Num(l.from(m.f.start[k])), Value: simulate.Num(x), SE: simulate.Num(spread),
			Lower: simulate.Num(m.quantile(value, 0.025)), Upper: simulate.Num(m.quantile(value, 0.975)), Scale: l.scale,
		})
	}
	for a := range m.n {
		row := make([]simulate.Num, m.n)
		for b := range row {
			c := m.weighted(func(i int) float64 { return (m.y[i][a] - mean[a]) * (m.y[i][b] - mean[b]) })
			row[b] = simulate.Num(c / (sd[a] * sd[b]))
		}
		row[a] = 1
		out.Correlation = append(out.Correlation, row)
	}
}

// quantile is the smallest value with at least a share p of the weight at or under it.
func (m *imis) quantile(value func(i int) float64, p float64) float64 {
	order := make([]int, len(m.y))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(value(a), value(b)) })
	sum := 0.0
	for _, i := range order {
		if sum += m.weight[i]; sum >= p {
			return value(i)
		}
	}
	return value(order[len(order)-1])
}

// posterior draws sets in proportion to their weights, by one random number and equal
// steps (systematic resampling).
func (m *imis) posterior() *Posterior {
	p := &Posterior{Samples: len(m.y), Unique: simulate.Num(m.unique())}
	squares := 0.0
	for _, w := range m.weight {
		squares += float64(w * w)
	}
	p.Effective, p.LogEvidence = simulate.Num(1/squares), simulate.Num(m.proof)
	at, sum, i := float64(m.words.Float64()), m.weight[0], 0
	for d := range posteriorDraws {
		for sum < float64((float64(d)+at)*(1.0/posteriorDraws)) && i < len(m.weight)-1 {
			i++
			sum += m.weight[i]
		}
		row := make([]simulate.Num, m.n)
		for k := range row {
			row[k] = simulate.Num(m.f.links[k].from(m.f.start[k] + float64(m.y[i][k]*m.f.step[k])))
		}
		p.Draws = append(p.Draws, row)
	}
	return p
}

func (m *imis) warn(out *Fitted) {
	add := func(code, format string, args ...any) {
		out.Warnings = append(out.Warnings, simulate.Warning{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	if e := out.Posterior.Effective; e < 100 {
		add("few-effective", "the %d sets are worth %.0f only: the intervals are rough; raise samples or iterations, or fit fewer parameters", out.Posterior.Samples, float64(e))
	}
	if m.failed > 0 {
		add("failed-sets", "the model could not be run with %d of %d sets; they count as impossible", m.failed, len(m.y))
	}
}
