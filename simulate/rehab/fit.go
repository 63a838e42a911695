package rehab

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// Fitted is the outcome of a calibration.
type Fitted struct {
	Parameters []FittedParameter `json:"parameters"`
	Targets    []FittedTarget    `json:"targets"`
	// ChiSquare is the sum of z² over the targets that were fitted to (and the priors),
	// DF their number less that of the parameters, P the probability of a larger sum.
	ChiSquare simulate.Num `json:"chi_square"`
	DF        int          `json:"df"`
	P         simulate.Num `json:"p"`
	// Correlation is that of the parameters' errors.
	Correlation [][]simulate.Num   `json:"correlation"`
	Method      string             `json:"method"`
	Evaluations int                `json:"evaluations"`
	Converged   bool               `json:"converged"`
	Posterior   *Posterior         `json:"posterior,omitempty"` // of imis
	Evidence    evidence.Set       `json:"evidence"`            // the fitted parameters, to be put over others
	Warnings    []simulate.Warning `json:"warnings"`
}

// FittedParameter is one parameter. SE is on the scale of Value; Lower and Upper are
// a 95 % interval made on Scale (logit, log or identity). Of imis Value and SE are mean
// and SD of the posterior, the interval its 2.5th and 97.5th percentile.
type FittedParameter struct {
	Name  string       `json:"name"`
	Start simulate.Num `json:"start"`
	Value simulate.Num `json:"value"`
	SE    simulate.Num `json:"se"`
	Lower simulate.Num `json:"lower"`
	Upper simulate.Num `json:"upper"`
	Scale string       `json:"scale"`
}

// FittedTarget is one target before and after.
type FittedTarget struct {
	Target
	Unit   string       `json:"unit"`
	Before simulate.Num `json:"before"`
	After  simulate.Num `json:"after"`
	MCSE   simulate.Num `json:"mcse"`
	// Z is (After − Value) over the square root of SE² + MCSE².
	Z simulate.Num `json:"z"`
}

// link takes a parameter to a scale without ends and back.
type link struct {
	scale          string
	to, from, rate func(x float64) float64 // rate is the derivative of from, at x on the parameter's scale
}

func linkOf(bounds string, value float64) (link, error) {
	switch {
	case bounds == "share" && value > 0 && value < 1:
		return link{"logit", func(x float64) float64 { return math.Log(x / (1 - x)) }, func(y float64) float64 { return 1 / (1 + math.Exp(-y)) }, func(x float64) float64 { return x * (1 - x) }}, nil
	case bounds == "positive" && value > 0:
		return link{"log", math.Log, math.Exp, func(x float64) float64 { return x }}, nil
	case bounds == "any":
		same := func(x float64) float64 { return x }
		return link{"identity", same, same, func(float64) float64 { return 1 }}, nil
	}
	return link{}, fmt.Errorf("%w: a fit cannot begin at %g, the end of what the parameter may be; give it another value in the evidence", ErrCalibration, value)
}

// fit is a calibration at work.
type fit struct {
	ctx     context.Context
	c       Calibration
	ev      evidence.Set
	opt     simulate.Options
	targets []Target
	// scenarios are run once an evaluation; of is the one of each target.
	scenarios []design.Scenario
	of        []int
	links     []link
	at        []int // of the parameters in ev
	start     []float64
	step      []float64 // of the numerical derivatives, and the spread of the priors
	runs      int
	told      func(done, total int) // of evaluations, the total being the most there can be
	err       error
}

// Calibrate fits parameters so that the model gives the targets, by weighted least
// squares: the sum of ((model − value)/√(SE² + MCSE²))² is made small over the
// parameters on their scales (logit for shares, log for what is positive). Every
// evaluation uses the same random numbers, so that the sum changes by the parameters
// alone. gauss-newton takes derivatives over steps of a quarter of each parameter's
// spread, with Levenberg's damping; nelder-mead needs none. Standard errors are those
// of least squares, (JᵀWJ)⁻¹ at the end, and hold for a model that can give the
// targets. imis samples the posterior instead (see Posterior). The values of the other
// parameters are taken as known. opt.Progress is told of evaluations, of the most there
// may be. The evidence it returns has the correlations of the
// fitted parameters, so that draws from it are draws from the fit.
func Calibrate(ctx context.Context, c Calibration, s design.Scenario, ev evidence.Set, opt simulate.Options) (Fitted, error) {
	f, err := newFit(ctx, c, s, ev, opt)
	if err != nil {
		return Fitted{}, err
	}
	if c.Method == "imis" {
		return f.sample()
	}
	search := f.gaussNewton
	if c.Method == "nelder-mead" {
		search = f.nelderMead
	}
	y, converged := search()
	if f.err != nil {
		return Fitted{}, f.err
	}
	return f.result(y, converged)
}

func newFit(ctx context.Context, c Calibration, s design.Scenario, ev evidence.Set, opt simulate.Options) (*fit, error) {
	if problems := c.check(); len(problems) > 0 {
		return nil, &design.Problems{File: "calibration " + c.Name, List: problems}
	}
	f := &fit{ctx: ctx, c: c, ev: ev, opt: opt, targets: c.expand(), told: opt.Progress}
	f.opt.Progress = nil
	if err := f.addScenarios(s); err != nil {
		return nil, err
	}
	bounds := map[string]string{}
	for x := range fields() {
		bounds[x.name] = x.bounds
	}
	for _, name := range c.Parameters {
		i := slices.Index(ev.Names(), name)
		if i < 0 {
			return nil, fmt.Errorf("%w: the evidence has no %s", ErrCalibration, name)
		}
		p := ev.Parameters[i]
		l, err := linkOf(bounds[name], p.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		d, err := p.Sampling()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if d.Family == simulate.Fixed && (c.Prior || c.Method == "imis") {
			return nil, fmt.Errorf("%w: %s is fixed in the evidence, which is no prior; give it a distribution there", ErrCalibration, name)
		}
		spread := 0.2
		if d.Family != simulate.Fixed { // half of the range from 16 % to 84 %, on the scale
			lo, hi := d.Quantile(0.16), d.Quantile(0.84)
			if y := (l.to(hi) - l.to(lo)) / 2; y > 0 && !math.IsInf(y, 0) {
				spread = y
			}
		}
		f.at, f.links, f.start, f.step = append(f.at, i), append(f.links, l), append(f.start, l.to(p.Value)), append(f.step, spread)
	}
	fitted := 0
	for _, t := range f.targets {
		if !t.HoldOut {
			fitted++
		}
	}
	if c.Prior || c.Method == "imis" {
		fitted += len(c.Parameters)
	}
	if fitted < len(c.Parameters) {
		return nil, fmt.Errorf("%w: %d parameters cannot be told apart by %d targets; fit fewer, give more targets, or set prior: true", ErrCalibration, len(c.Parameters), fitted)
	}
	return f, nil
}

// addScenarios gathers what has to be run: a scenario for each study, and the own one.
func (f *fit) addScenarios(own design.Scenario) error {
	keys := []string{}
	for i := range f.targets {
		t := &f.targets[i]
		if t.scale == 0 {
			t.scale = 1
		}
		k := slices.Index(keys, t.Study)
		if k < 0 {
			s, err := f.c.scenarioOf(*t, own)
			if err != nil {
				return err
			}
			k, keys, f.scenarios = len(keys), append(keys, t.Study), append(f.scenarios, s)
		}
		s := &f.scenarios[k]
		if !slices.Contains(s.Outputs, t.Outcome) {
			s.Outputs = append(s.Outputs, t.Outcome)
		}
		f.of = append(f.of, k)
	}
	for k := range f.scenarios {
		f.trim(k)
	}
	return nil
}

// trim leaves out the strategies and weeks of a scenario that no target is of. Patients
// and random numbers do not depend on them.
func (f *fit) trim(k int) {
	s := &f.scenarios[k]
	last, weeks := 0, s.HorizonWeeks
	var used []string
	for i, t := range f.targets {
		if f.of[i] != k {
			continue
		}
		used = append(used, t.Strategy, t.Versus)
		at := slices.IndexFunc(reviewWeeks, func(w int) bool { return strings.HasSuffix(t.Outcome, fmt.Sprintf("_%dw", w)) })
		if at < 0 {
			last = weeks
		} else {
			last = max(last, reviewWeeks[at]+1)
		}
	}
	s.HorizonWeeks = min(weeks, last)
	kept := slices.DeleteFunc(slices.Clone(s.Strategies), func(name string) bool { return !slices.Contains(used, name) })
	if len(kept) > 0 { // a target of another strategy is refused when it is looked for
		s.Strategies = kept
	}
}

// model runs the scenarios at parameters y and returns each target's prediction and
// its Monte Carlo error.
func (f *fit) model(y []float64) (mean, mcse []float64, units []string, err error) {
	ev := f.ev
	ev.Parameters = slices.Clone(f.ev.Parameters)
	for k, i := range f.at {
		ev.Parameters[i] = evidence.Parameter{Name: ev.Parameters[i].Name, Value: f.links[k].from(y[k]), Unit: "fitted", Distribution: simulate.Fixed, Kind: evidence.Assumed, Status: evidence.Guess, Note: "fitted"}
	}
	results := make([]simulate.Result, len(f.scenarios))
	for k, s := range f.scenarios {
		if results[k], err = Run(f.ctx, s, ev, f.opt); err != nil {
			return nil, nil, nil, err
		}
	}
	if f.runs++; f.told != nil {
		f.told(min(f.runs, f.most()), f.most())
	}
	for i, t := range f.targets {
		e, err := find(results[f.of[i]], t.Strategy, t.Versus, t.Outcome)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%w: target %d: %w", ErrCalibration, i+1, err)
		}
		if e.Mean != e.Mean {
			return nil, nil, nil, fmt.Errorf("%w: target %d: %s of %s has no value in this scenario", ErrCalibration, i+1, t.Outcome, t.Strategy)
		}
		unit := t.unit
		if unit == "" {
			unit = e.Unit
		}
		mean, mcse, units = append(mean, t.scale*float64(e.Mean)), append(mcse, math.Abs(t.scale)*float64(e.MCSE)), append(units, unit)
	}
	return mean, mcse, units, nil
}

// iterations is the most there may be.
func (f *fit) iterations() int {
	if f.c.Iterations == 0 && f.c.Method == "nelder-mead" {
		return 300
	}
	return cmp.Or(f.c.Iterations, 30)
}

// most is the number of evaluations where every iteration is used.
func (f *fit) most() int {
	switch f.c.Method {
	case "nelder-mead":
		return f.iterations()
	case "imis":
		return (10 + f.iterations()) * f.samples()
	}
	return f.iterations() * (2*len(f.start) + 2)
}

// samples is the number of sets of an iteration of imis.
func (f *fit) samples() int { return cmp.Or(f.c.Samples, 100) }

// residuals are the z of the fitted targets and of the priors.
func (f *fit) residuals(y []float64) ([]float64, error) {
	mean, mcse, _, err := f.model(y)
	if err != nil {
		return nil, err
	}
	var r []float64
	for i, t := range f.targets {
		if !t.HoldOut {
			r = append(r, (mean[i]-t.Value)/math.Hypot(t.SE, mcse[i]))
		}
	}
	if f.c.Prior {
		for k := range y {
			r = append(r, (y[k]-f.start[k])/f.step[k])
		}
	}
	return r, nil
}

func sumOfSquares(r []float64) float64 {
	s := 0.0
	for _, x := range r {
		s += float64(x * x)
	}
	return s
}

// jacobian is the derivative of the residuals, by central differences.
func (f *fit) jacobian(y []float64) (*mat.Dense, error) {
	var j *mat.Dense
	for k := range y {
		h := float64(f.step[k] * 0.25)
		up, down := slices.Clone(y), slices.Clone(y)
		up[k] = y[k] + h
		down[k] = y[k] - h
		a, err := f.residuals(up)
		if err != nil {
			return nil, err
		}
		b, err := f.residuals(down)
		if err != nil {
			return nil, err
		}
		if j == nil {
			j = mat.NewDense(len(a), len(y), nil)
		}
		for i := range a {
			j.Set(i, k, (a[i]-b[i])/(h+h))
		}
	}
	return j, nil
}

// gaussNewton goes down by the normal equations, damped where a step does not help.
func (f *fit) gaussNewton() (y []float64, converged bool) {
	y = slices.Clone(f.start)
	r, err := f.residuals(y)
	damping := 1e-3
	for range f.iterations() {
		var j *mat.Dense
		if err == nil {
			j, err = f.jacobian(y)
		}
		if err != nil {
			f.err = err
			return y, false
		}
		improved := false
		for range 8 {
			step, ok := dampedStep(j, r, damping)
			if !ok {
				f.err = f.unidentified(j)
				return y, false
			}
			next := slices.Clone(y)
			moved := 0.0
			for k := range y {
				next[k] += step[k]
				moved = max(moved, math.Abs(step[k])/f.step[k])
			}
			rn, err := f.residuals(next)
			if err == nil && sumOfSquares(rn) < sumOfSquares(r) {
				gain := sumOfSquares(r) - sumOfSquares(rn)
				y, r, improved, damping = next, rn, true, damping/5
				if gain < 1e-4*(1+sumOfSquares(r)) || moved < 1e-3 {
					return y, true
				}
				break
			}
			if moved < 1e-3 {
				return y, true
			}
			damping = max(damping*5, 1e-3)
		}
		if !improved {
			return y, true // no step along the gradient helps: the noise of the patients is reached
		}
	}
	return y, false
}

func dampedStep(j *mat.Dense, r []float64, damping float64) ([]float64, bool) {
	_, n := j.Dims()
	var a mat.Dense
	a.Mul(j.T(), j)
	h := mat.NewSymDense(n, nil)
	for i := range n {
		for k := i; k < n; k++ {
			h.SetSym(i, k, a.At(i, k))
		}
		if !(h.At(i, i) > 1e-12) {
			return nil, false
		}
		h.SetSym(i, i, float64(h.At(i, i)*(1+damping)))
	}
	var c mat.Cholesky
	if !c.Factorize(h) {
		return nil, false
	}
	var g, step mat.VecDense
	g.MulVec(j.T(), mat.NewVecDense(len(r), r))
	if c.SolveVecTo(&step, &g) != nil {
		return nil, false
	}
	out := make([]float64, n)
	for i := range out {
		out[i] = -step.AtVec(i)
	}
	return out, true
}

// unidentified names the parameters on which no target depends.
func (f *fit) unidentified(j *mat.Dense) error {
	m, n := j.Dims()
	var names []string
	for k := range n {
		sum := 0.0
		for i := range m {
			sum += float64(j.At(i, k) * j.At(i, k))
		}
		if sum < 1e-12 {
			names = append(names, f.c.Parameters[k])
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: no target depends on %s; leave it out, give a target it matters for, or set prior: true", ErrCalibration, strings.Join(names, ", "))
	}
	return fmt.Errorf("%w: the targets cannot tell the parameters apart; fit fewer, or set prior: true", ErrCalibration)
}

func (f *fit) nelderMead() (y []float64, converged bool) {
	problem := optimize.Problem{Func: func(x []float64) float64 {
		scaled := make([]float64, len(x)) // so that one simplex fits all
		for k := range x {
			scaled[k] = f.start[k] + float64(x[k]*f.step[k])
		}
		r, err := f.residuals(scaled)
		if err != nil {
			return math.Inf(1) // outside what the model can run
		}
		return sumOfSquares(r)
	}}
	settings := &optimize.Settings{FuncEvaluations: f.iterations(), Converger: &optimize.FunctionConverge{Absolute: 1e-4, Iterations: 20}}
	r, err := optimize.Minimize(problem, make([]float64, len(f.start)), settings, &optimize.NelderMead{SimplexSize: 0.5})
	if f.ctx.Err() != nil {
		f.err = f.ctx.Err()
		return f.start, false
	}
	if r == nil {
		f.err = fmt.Errorf("%w: %w", ErrCalibration, err)
		return f.start, false
	}
	y = make([]float64, len(r.X))
	for k := range y {
		y[k] = f.start[k] + float64(r.X[k]*f.step[k])
	}
	return y, r.Status == optimize.FunctionConvergence
}

// result works out standard errors and writes everything down.
func (f *fit) result(y []float64, converged bool) (Fitted, error) {
	out := Fitted{Method: f.c.Method, Converged: converged, Warnings: []simulate.Warning{}}
	before, _, _, err := f.model(f.start)
	if err != nil {
		return out, err
	}
	after, mcse, units, err := f.model(y)
	if err != nil {
		return out, err
	}
	r, err := f.residuals(y)
	if err != nil {
		return out, err
	}
	j, err := f.jacobian(y)
	if err != nil {
		return out, err
	}
	_, n := j.Dims()
	var a mat.Dense
	a.Mul(j.T(), j)
	var cov mat.Dense
	if err := cov.Inverse(&a); err != nil {
		return out, f.unidentified(j)
	}
	out.Evaluations = f.runs
	out.ChiSquare, out.DF = simulate.Num(sumOfSquares(r)), len(r)-n
	out.P = simulate.Num(math.NaN())
	if out.DF > 0 {
		out.P = simulate.Num(distuv.ChiSquared{K: float64(out.DF)}.Survival(float64(out.ChiSquare)))
	}
	for i, t := range f.targets {
		x := FittedTarget{Target: t, Unit: units[i], Before: simulate.Num(before[i]), After: simulate.Num(after[i]), MCSE: simulate.Num(mcse[i])}
		x.Z = simulate.Num((after[i] - t.Value) / math.Hypot(t.SE, mcse[i]))
		out.Targets = append(out.Targets, x)
	}
	f.parameters(&out, y, &cov)
	out.Evidence = f.evidenceOf(out)
	f.warn(&out)
	return out, nil
}

func (f *fit) parameters(out *Fitted, y []float64, cov *mat.Dense) {
	const z = 1.959963984540054
	for k, name := range f.c.Parameters {
		se, l := math.Sqrt(cov.At(k, k)), f.links[k]
		x := l.from(y[k])
		out.Parameters = append(out.Parameters, FittedParameter{
			Name: name, Start: simulate.Num(l.from(f.start[k])), Value: simulate.Num(x), SE: simulate.Num(se * l.rate(x)),
			Lower: simulate.Num(l.from(y[k] - float64(z*se))), Upper: simulate.Num(l.from(y[k] + float64(z*se))), Scale: l.scale,
		})
		var row []simulate.Num
		for i := range f.c.Parameters {
			row = append(row, simulate.Num(cov.At(k, i)/math.Sqrt(cov.At(k, k)*cov.At(i, i))))
		}
		out.Correlation = append(out.Correlation, row)
	}
}

// evidenceOf writes the fitted parameters as evidence.
func (f *fit) evidenceOf(out Fitted) evidence.Set {
	var sources []string
	for _, t := range f.targets {
		s := t.Source
		if s == "" {
			s = t.Outcome + " of " + t.Strategy
		}
		if !t.HoldOut && !slices.Contains(sources, s) {
			sources = append(sources, s)
		}
	}
	set := evidence.Set{Name: f.c.Name, Title: "Calibrated: " + f.c.Title}
	for k, x := range out.Parameters {
		old := f.ev.Parameters[f.at[k]]
		p := evidence.Parameter{
			Name: x.Name, Value: float64(x.Value), Unit: old.Unit, Kind: evidence.Cohort, Status: evidence.Unverified,
			Source: "calibrated to " + strings.Join(sources, "; "),
			Note:   fmt.Sprintf("Fitted by %s with %d parameters to %d targets; began at %g. The values of the other parameters are taken as known.", f.c.Method, len(out.Parameters), len(f.targets), float64(x.Start)),
		}
		lo, hi, se := float64(x.Lower), float64(x.Upper), float64(x.SE)
		switch x.Scale {
		case "logit":
			p.Distribution, p.SE = simulate.Beta, &se
		case "log":
			p.Distribution, p.Low, p.High = simulate.LogNormal, &lo, &hi
		default:
			p.Distribution, p.SE = simulate.Normal, &se
		}
		set.Parameters = append(set.Parameters, p)
	}
	if len(out.Parameters) > 1 {
		c := evidence.Correlation{Names: f.c.Parameters}
		for _, row := range out.Correlation {
			var r []float64
			for _, x := range row { // to six digits, so that both halves are the same
				r = append(r, math.Round(float64(x)*1e6)/1e6)
			}
			c.Matrix = append(c.Matrix, r)
		}
		set.Correlations = []evidence.Correlation{c}
	}
	return set
}

func (f *fit) warn(out *Fitted) {
	add := func(code, format string, args ...any) {
		out.Warnings = append(out.Warnings, simulate.Warning{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	if !out.Converged {
		add("not-converged", "the fit was stopped before it settled; raise iterations")
	}
	if out.DF > 0 && out.P < 0.05 {
		add("misfit", "the model cannot give all targets at once (chi-square %.3g on %d, p %.2g): the standard errors are too small, and the targets with a large z say where the model is wrong", float64(out.ChiSquare), out.DF, float64(out.P))
	}
	for _, t := range out.Targets {
		if t.MCSE > simulate.Num(t.SE/2) {
			add("patients", "the Monte Carlo error of %s of %s is over half of the target's standard error; raise patients", t.Outcome, t.Strategy)
		}
	}
	for i, row := range out.Correlation {
		for k := range i {
			if math.Abs(float64(row[k])) > 0.95 {
				add("correlated", "%s and %s can hardly be told apart by these targets (correlation %.2f)", out.Parameters[i].Name, out.Parameters[k].Name, float64(row[k]))
			}
		}
	}
}
