package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/analysis/resample"
	"recoup/datasets"
	"recoup/datasets/published"
)

// Errors of the matching-adjusted comparison.
const (
	ErrorsSandwich  = "sandwich"
	ErrorsHC0       = "HC0"
	ErrorsHC3       = "HC3"
	ErrorsBootstrap = "bootstrap"
)

// MAICOptions are the settings of compare/maic.
type MAICOptions struct {
	Comparator string            `opt:"comparator" doc:"id of a published entry, whose figure and aggregates are taken; empty: as given under theirs"`
	Arm        string            `opt:"comparator_arm" doc:"arm of the entry, where it has several"`
	Target     map[string]string `opt:"target" doc:"published aggregates to match: target.NAME (mean), target.NAME.sd, target.NAME.median, target.NAME.LEVEL (share); NAME is a column of one row a patient, or an outcome, taken at baseline"`
	Theirs     map[string]string `opt:"theirs" doc:"the published figure where no entry has it: theirs.value with theirs.sd, theirs.se, or theirs.low and theirs.high, theirs.n, theirs.events; theirs.name, and its case mix: payer, work_before, condition, procedure, definition, horizon, age; beside an entry theirs.horizon chooses among its figures and theirs.se gives an error"`
	Covariates []string          `opt:"covariates" doc:"match these covariates alone; empty: every one with an aggregate"`
	Measure    string            `opt:"measure" doc:"what is compared; auto: change for an outcome with an instrument, else share; time needs pseudo" choices:"auto|share|mean|change|time"`
	Column     string            `opt:"column" doc:"share: column it is counted in; empty: the outcome asked about, else work_status"`
	Working    []string          `opt:"working" doc:"share and time: levels of the column that count as the event"`
	Horizon    string            `opt:"horizon" doc:"when our figure was seen, such as 12 months after discharge; empty: from the visit's week"`
	Pseudo     string            `opt:"pseudo" doc:"time: the arm of the cohort that holds pseudo-patients read off the published curve"`
	Scale      string            `opt:"scale" doc:"anchored shares: difference, or a ratio, worked on the log scale; the published contrast is on the same" choices:"difference|risk-ratio|odds-ratio"`
	Errors     string            `opt:"errors" doc:"of our side: sandwich, with the weights estimated; HC0 and HC3 take them as known; bootstrap weights every sample anew. Cox: HC0 and HC3 are Lin and Wei's" choices:"sandwich|HC0|HC3|bootstrap"`
	Replicates int               `opt:"replicates" doc:"bootstrap samples"`
	Weights    string            `opt:"weights" doc:"what the weights add up to: n, our patients, or ess, the effective sample size; moves the Cox model alone" choices:"n|ess"`
}

const refSignorovitch = "Signorovitch et al. 2010, 10.2165/11538370-000000000-00000"

// MAIC is compare/maic: our patients weighted to published aggregates.
var MAIC = analysis.New(analysis.Analysis{
	Name:     "compare/maic",
	Title:    "Matching-adjusted indirect comparison",
	Estimand: "our mean, change, share or hazard in a population with the published patients' means, SDs, medians and shares of the covariates matched, less the published figure",
	Doc: `Weights of our patients w = exp(α'z) under which every aggregate holds exactly: z is x - mean, x - share, (x - mean)² - SD² (the SD of the population, over n) and 1{x > median} - 1/2. α minimises the convex log Σ exp(α'z), by Newton's method to 1e-10. Where no weights exist (convex hull, by a linear program) the question is refused, and the refusal names the aggregates out of reach. A share of 0 or 1 leaves weights to the patients who are so.
Unanchored (no reference): ours_unadjusted, ours_matched, published, difference_unadjusted, difference_matched; of shares also risk_ratio and odds_ratio; of times hazard_ratio_unadjusted and hazard_ratio_matched (weighted Cox model, Efron's ties) against pseudo-patients, an arm of the cohort without covariates; errors by influence functions of the model, the weights and their scale together. It assumes that every covariate that foretells the outcome, treatment aside, is matched: strong, and nothing in the data can show it.
Anchored (--arm and --reference, the treatment that both studies share): within_unadjusted and within_matched of ours, published (arm minus the shared treatment), anchored_unadjusted (Bucher) and anchored_matched: only covariates that change the effect need matching. Shares may be compared by scale=odds-ratio or risk-ratio (which covariates change the effect, and so what must be matched, depends on the scale). Of times these are hazard ratios (our Cox model of the arm; the published one as theirs.value with theirs.low and theirs.high, or theirs.se of its logarithm), and no pseudo-patients are needed.
effective_sample_size is (Σw)²/Σw²; under 10 it is warned of.
Standard errors have both sides: ours as asked, with influence w(y - μ) less its regression on z for the sandwich, and that of the published figure from its counts, SD and n, or printed interval, as if independent of the aggregates, which is too large rather than too small. Intervals are normal, of ratios on the log scale. A published figure without an error leaves the difference without one.
Weights that are scaled change nothing but the Cox model, in which they stand against pseudo-patients of weight 1: n by default.
Every covariate that is not matched can still bias the answer; tables case-mix and aggregates say which agree. Missing values: complete cases of outcome and covariates, the others counted.
R: maicplus::estimate_weights() (whose optim stops short of the optimum); lm(y ~ arm, weights = w), sandwich::vcovHC(fit, "HC0"); survival::coxph(Surv(t, e) ~ arm, weights = w, robust = TRUE).`,
	Refs: []string{refSignorovitch, "Phillippo et al. 2018, 10.1177/0272989X17725740"},
}, MAICOptions{Measure: MeasureAuto, Scale: "difference", Errors: ErrorsSandwich, Replicates: 999, Weights: "n", Working: publishedDefaults.Working}, runMAIC)

func (o MAICOptions) ask() indirectAsk {
	return indirectAsk{
		comparator: o.Comparator, arm: o.Arm, target: o.Target, theirs: o.Theirs, covariates: o.Covariates,
		measure: o.Measure, column: o.Column, working: o.Working, pseud: o.Pseudo, horizon: o.Horizon,
	}
}

func runMAIC(ctx context.Context, in analysis.Input, q analysis.Question, o MAICOptions) (analysis.Result, error) {
	if o.Replicates < 100 || o.Replicates > 100_000 {
		return analysis.Result{}, fmt.Errorf("%w: replicates: expected 100 to 100,000", analysis.ErrOptions)
	}
	a := o.ask()
	s, err := a.subject(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	list, missed, err := a.aggregates(in)
	if err != nil {
		return analysis.Result{}, err
	}
	m := &maic{ctx: ctx, in: in, q: q, o: o, ask: a, missed: missed, anchored: q.Reference != ""}
	if s.measure == MeasureTime {
		return m.overTime(s, list)
	}
	switch {
	case m.ratio() && (!m.anchored || s.measure != MeasureShare):
		return analysis.Result{}, fmt.Errorf("%w: scale=%s is of shares compared through a shared treatment: ask for a reference", analysis.ErrOptions, o.Scale)
	case m.ratio():
		var side theirSide
		side, err = m.publishedRatio(s)
		m.sides = []theirSide{side}
	default:
		m.sides, err = a.sides(s, m.anchored)
	}
	if err != nil {
		return analysis.Result{}, err
	}
	sets, err := m.sets()
	if err != nil {
		return analysis.Result{}, err
	}
	for _, set := range sets {
		if err := m.compare(s, list, set); err != nil {
			return analysis.Result{}, err
		}
	}
	return m.r, nil
}

// sets are the groups that are taken to the published patients together: both arms of an
// anchored comparison, else each by itself.
func (m *maic) sets() ([][]analysis.Group, error) {
	groups, excluded, err := m.in.Groups(m.q)
	if err != nil {
		return nil, err
	}
	m.r.Excluded = excluded
	if m.anchored {
		return [][]analysis.Group{groups}, nil
	}
	return slices.Collect(slices.Chunk(groups, 1)), nil
}

// maic is one run.
type maic struct {
	ctx      context.Context
	in       analysis.Input
	q        analysis.Question
	o        MAICOptions
	ask      indirectAsk
	sides    []theirSide
	missed   []string
	anchored bool
	r        analysis.Result
}

// compare weights one group, or two that are weighted together, and writes what
// follows.
func (m *maic) compare(s subject, list []aggregate, groups []analysis.Group) error {
	p, err := m.ask.complete(m.in, m.q, s, list, groups)
	if err != nil {
		return err
	}
	w, err := p.match()
	if err != nil {
		return err
	}
	one := slices.Repeat([]float64{1}, len(p.y))
	before, after := m.moment(p, one, false), m.moment(p, w.W, true)
	if m.o.Errors == ErrorsBootstrap {
		if err := m.bootstrap(p, &after); err != nil {
			return err
		}
	}
	m.distribution(p, w)
	m.r.Estimates = append(m.r.Estimates, m.guard(p.sizeEstimate(w), p, w, nil))
	mix := CaseMix(m.in.Cohort, p.group.Patients, s.definition, s.horizon)
	for _, side := range m.sides {
		fields, weighted := Fields(mix, side.mix), Fields(p.matchedMix(m.in.Cohort, mix), side.mix)
		m.mixTable(p, side, weighted)
		done := func(e analysis.Estimate) {
			if strings.HasSuffix(e.Term, "_matched") {
				m.r.Estimates = append(m.r.Estimates, m.guard(e, p, w, weighted))
				return
			}
			m.r.Estimates = append(m.r.Estimates, m.guard(e, p, w, fields))
		}
		if m.anchored {
			m.anchoredTerms(p, side, before, after, done)
		} else {
			m.unanchoredTerms(p, side, before, after, done)
		}
	}
	return nil
}

// momented is a weighted mean, or a difference of two, with its standard error.
type momented struct {
	value, se, size float64
	log, logit      float64 // standard errors on those scales where worked out apart, else NaN
	n, events       int
}

// moment returns the weighted mean of the outcome and its standard error, of the arm
// less the reference where there are two.
func (m *maic) moment(p *patients, w []float64, matched bool) momented {
	nan := math.NaN()
	out := momented{se: nan, log: nan, logit: nan, size: effectiveSize(w)}
	arms := 1
	if m.anchored {
		arms = 2
	}
	phi := make([]float64, len(p.y))
	for arm := range arms {
		sign, mask := 1.0, make([]float64, len(w))
		if arm == 1 {
			sign = -1
		}
		for i := range w {
			if p.arm[i] == arm {
				mask[i] = w[i]
				if arm == 0 {
					out.n++
					if p.measure == MeasureShare && p.y[i] == 1 {
						out.events++
					}
				}
			}
		}
		mu := weightedMean(mask, p.y)
		value, slope := m.link(mu)
		out.value += sign * value
		for i, v := range p.influence(w, mask, mu, m.o.Errors, matched) {
			phi[i] += sign * slope * v
		}
	}
	ss := 0.0
	for _, v := range phi {
		ss += v * v
	}
	if len(p.y) > 1 && ss > 1e-24*out.value*out.value && ss > 0 {
		out.se = math.Sqrt(ss)
	}
	return out
}

// ratio reports whether arms are compared by a ratio.
func (m *maic) ratio() bool { return m.o.Scale == "odds-ratio" || m.o.Scale == "risk-ratio" }

// link is the scale on which two arms are compared, and its derivative.
func (m *maic) link(mu float64) (value, slope float64) {
	switch m.o.Scale {
	case "odds-ratio":
		return math.Log(mu / (1 - mu)), 1 / (mu * (1 - mu))
	case "risk-ratio":
		return math.Log(mu), 1 / mu
	}
	return mu, 1
}

// influence is what each patient adds to the weighted mean, w(y - μ)/Σw; with the
// sandwich, less the part that the matched moments explain, since they are held fixed;
// with HC3 over 1 - w/Σw.
func (p *patients) influence(w, mask []float64, mu float64, errors string, matched bool) []float64 {
	sum := 0.0
	for _, v := range mask {
		sum += v
	}
	gamma := make([]float64, len(p.z))
	if matched && errors == ErrorsSandwich {
		added := make([]float64, len(w))
		for i := range w {
			added[i] = mask[i] * (p.y[i] - mu)
		}
		gamma = p.explained(w, added, nil)
	}
	out := make([]float64, len(w))
	for i := range w {
		out[i] = mask[i] * (p.y[i] - mu) / sum
		if errors == ErrorsHC3 {
			out[i] /= 1 - mask[i]/sum
		}
		for j, g := range gamma {
			if g != 0 {
				out[i] -= w[i] * g * p.z[j][i] / sum
			}
		}
	}
	return out
}

// explained solves Σ w z z' γ = Σ d z + more, where d is what each patient adds to an
// estimate; more, by column, may be nil. Columns that repeat others are left at 0.
func (p *patients) explained(w, d, more []float64) []float64 {
	gamma := make([]float64, len(p.z))
	rows := rowsWith(len(w), w)
	var live []int
	scale := MomentWeights{}
	scale.rescale(p.z, rows)
	for j, z := range p.z {
		if slices.ContainsFunc(rows, func(i int) bool { return math.Abs(z[i]) > zeroTolerance*scale.scale[j] }) {
			live = append(live, j)
		}
	}
	cells := scale.cells(p.z, rows, live)
	var js []int
	for _, k := range independentColumns(cells, len(rows), live) {
		js = append(js, live[k])
	}
	k := len(js)
	if k == 0 {
		return gamma
	}
	a, b := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
	for _, i := range rows {
		z := make([]float64, k)
		for l, j := range js {
			z[l] = p.z[j][i] / scale.scale[j]
			b.SetVec(l, b.AtVec(l)+d[i]*z[l])
		}
		a.SymRankOne(a, w[i], mat.NewVecDense(k, z))
	}
	for l, j := range js {
		if more != nil {
			b.SetVec(l, b.AtVec(l)+more[j]/scale.scale[j])
		}
	}
	var chol mat.Cholesky
	var x mat.VecDense
	if !chol.Factorize(a) {
		return gamma
	}
	_ = chol.SolveVecTo(&x, b) // a condition number; the equations are solved all the same
	for l, j := range js {
		gamma[j] = x.AtVec(l) / scale.scale[j]
	}
	return gamma
}

// bootstrap puts the spread of samples that are weighted anew in place of the error.
func (m *maic) bootstrap(p *patients, to *momented) error {
	stat := func(counts, values, ses []float64) {
		for i := range values {
			values[i], ses[i] = math.NaN(), math.NaN()
		}
		w, err := MatchMoments(p.z, counts)
		if err != nil {
			return
		}
		var mean [2]float64
		for arm := range mean {
			mask := make([]float64, len(counts))
			for i := range counts {
				if p.arm[i] == arm {
					mask[i] = counts[i] * w.W[i]
				}
			}
			mean[arm] = weightedMean(mask, p.y)
		}
		values[0], _ = m.link(mean[0])
		if m.anchored {
			other, _ := m.link(mean[1])
			values[0] -= other
		}
		if math.IsInf(values[0], 0) { // nobody, or everybody, of an arm
			values[0] = math.NaN()
		}
		if mean[0] > 0 && mean[0] < 1 {
			values[1], values[2] = math.Log(mean[0]), math.Log(mean[0]/(1-mean[0]))
		}
	}
	sizes := slices.Repeat([]int{1}, len(p.y))
	draws, err := resample.BootstrapAll(m.ctx, stat, 3, resample.Classes{Sizes: sizes, Strata: p.arm, Blocks: 2}, resample.Plan{Replicates: m.o.Replicates, Seed: m.q.Seed, Progress: m.in.Progress})
	if err != nil {
		return err
	}
	to.se, to.log, to.logit = draws[0].StandardError(), draws[1].StandardError(), draws[2].StandardError()
	if !(to.se > 0) {
		to.se = math.NaN()
	}
	if f := draws[0].Failed; f > 0 {
		m.r.Warnings = append(m.r.Warnings, analysis.Warning{
			Code: analysis.WarnExcluded, Message: fmt.Sprintf("%s: %d of %d bootstrap samples cannot meet the aggregates and are left out, so that the error is too small", p.group.Name, f, m.o.Replicates),
			Cure: "match fewer aggregates with covariates=, or read the sandwich errors",
		})
	}
	return nil
}

// method names how an estimate was made.
func (m *maic) method(text string, matched bool) analysis.Method {
	how := map[string]string{
		"":             "HC0 errors",
		ErrorsSandwich: "sandwich errors with the weights estimated", ErrorsHC0: "HC0 errors with the weights as known", ErrorsHC3: "HC3 errors, weights as known",
		ErrorsBootstrap: fmt.Sprintf("bootstrap errors, every sample weighted anew, %d samples, seed %d", m.o.Replicates, m.q.Seed),
	}
	kind := m.o.Errors
	if !matched && kind != ErrorsHC3 {
		kind = ""
	}
	return analysis.Method{Name: text + "; " + how[kind], R: `maicplus::estimate_weights(); lm(y ~ arm, weights = w); sandwich::vcovHC(fit, "HC0")`, Ref: refSignorovitch}
}

// empty is an estimate of the subject without numbers.
func (p *patients) empty(term string, scale analysis.Scale) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit, e.Arm, e.Unit, e.Definition = p.name, p.at, p.group.Name, p.unit, p.definition
	e.N = analysis.N{Arm: len(p.y), Missing: p.missing}
	return e
}

func (p *patients) sizeEstimate(w MomentWeights) analysis.Estimate {
	e := p.empty("effective_sample_size", analysis.ScaleCount)
	e.Unit, e.Value = "patients", analysis.Num(w.ESS())
	e.Method = analysis.Method{Name: fmt.Sprintf("(Σw)²/Σw² of %d patients; Newton's method, %d steps, largest mean left %.1g root mean squares; %d patients can have no weight", len(p.y), w.Steps, w.Gradient, w.Impossible), R: "sum(w)^2 / sum(w^2)", Ref: refSignorovitch}
	return e
}

// meanScale is the scale of the subject's mean.
func (s subject) meanScale() analysis.Scale {
	switch s.measure {
	case MeasureShare:
		return analysis.ScaleProportion
	case MeasureMean:
		return analysis.ScaleMean
	}
	return analysis.ScaleDifference
}

func (s subject) differenceScale() analysis.Scale {
	if s.measure == MeasureShare {
		return analysis.ScaleRiskDiff
	}
	return analysis.ScaleDifference
}

// unanchoredTerms are ours, theirs and what lies between.
func (m *maic) unanchoredTerms(p *patients, side theirSide, before, after momented, done func(analysis.Estimate)) {
	first := side.label == m.sides[0].label // ours is said once
	theirs := side.shown(m.q.Level)
	for _, x := range []struct {
		term string
		momented
		how string
	}{{"unadjusted", before, "unadjusted"}, {"matched", after, "weighted to the published aggregates"}} {
		if first {
			done(p.ours("ours_"+x.term, x.momented, m.q.Level, m.method("our "+p.meanWord()+", "+x.how, x.term == "matched")))
		}
		if x.term == "unadjusted" {
			done(theirs)
		}
		for _, e := range p.differences("_"+x.term, x.momented, side, m.q.Level) {
			e.Method = m.method(e.Method.Name+", ours "+x.how+" less published; published error from "+sourceOfError(side.seFrom), x.term == "matched")
			done(e.Warn(WarnUnanchored, "unanchored: nothing but the matched covariates makes the two groups alike, and whatever else differs between them is in this number", "match every covariate that foretells the outcome, or use a comparison with a shared treatment"))
		}
	}
}

func sourceOfError(s string) string {
	if s == "" {
		return "nothing that was published"
	}
	return s
}

func (s subject) meanWord() string {
	switch s.measure {
	case MeasureShare:
		return "share (" + s.note + ")"
	case MeasureChange:
		return "mean change"
	}
	return "mean"
}

// ours is our own mean or share.
func (p *patients) ours(term string, x momented, level float64, method analysis.Method) analysis.Estimate {
	e := p.empty(term, p.meanScale())
	e.Method, e.N.Events = method, x.events
	e.Value = analysis.Num(x.value)
	if p.measure == MeasureShare {
		e.Unit = ""
		e.Value = analysis.Num(math.Max(0, math.Min(1, x.value)))
	}
	switch {
	case math.IsNaN(x.value):
		return e.Warn(analysis.WarnTooFew, "no patient has a value", "ask for a visit with more patients")
	case !(x.se > 0):
		return noErrorOfOurs(e)
	}
	e.SE, e.CI = analysis.Num(x.se), analysis.NormalInterval(x.value, x.se, level)
	if p.measure == MeasureShare {
		lo, se := math.Log(x.value/(1-x.value)), x.logitSE()
		q := analysis.NormalQuantile(level)
		e.CI = analysis.NewInterval(kindLogit, 1/(1+math.Exp(-lo+q*se)), 1/(1+math.Exp(-lo-q*se)), level)
	}
	return e
}

const kindLogit = "normal on the logit scale"

func (x momented) logitSE() float64 {
	if x.logit > 0 {
		return x.logit
	}
	return x.se / (x.value * (1 - x.value))
}

func (x momented) logSE() float64 {
	if x.log > 0 {
		return x.log
	}
	return x.se / x.value
}

func noErrorOfOurs(e analysis.Estimate) analysis.Estimate {
	return e.Warn(analysis.WarnNoVariance, "our patients with weight all have one value, or are too few, so our side has no error to give", "ask for a visit or an outcome with more patients")
}

// differences are the difference and, of shares, the ratios.
func (p *patients) differences(suffix string, x momented, side theirSide, level float64) []analysis.Estimate {
	start := func(term string, scale analysis.Scale, name string) analysis.Estimate {
		e := p.empty(term+suffix, scale)
		e.Reference, e.N.Reference, e.N.Events, e.Method.Name = side.label, side.n, x.events, name
		if p.measure == MeasureShare {
			e.Unit = ""
		}
		return e
	}
	d := bothSides(start("difference", p.differenceScale(), "difference"), x.value-side.value, x.se, side.se, level, false)
	out := []analysis.Estimate{d}
	if p.measure != MeasureShare {
		return out
	}
	a, b := x.value, side.value
	rr := start("risk_ratio", analysis.ScaleRatio, "risk ratio")
	or := start("odds_ratio", analysis.ScaleRatio, "odds ratio")
	if !(a > 0 && a < 1 && b > 0 && b < 1) {
		cannot := func(e analysis.Estimate) analysis.Estimate {
			return e.Warn(analysis.WarnTooFew, "a share of nobody or of everybody has no ratio with an error", "use the difference")
		}
		return append(out, cannot(rr), cannot(or))
	}
	return append(out,
		bothSides(rr, math.Log(a/b), x.logSE(), side.se/b, level, true),
		bothSides(or, math.Log(a/(1-a)*(1-b)/b), x.logitSE(), side.se/(b*(1-b)), level, true))
}

// bothSides writes a value with the errors of both sides; of a ratio the value and the
// errors are those of its logarithm.
func bothSides(e analysis.Estimate, value, ours, theirs, level float64, ratio bool) analysis.Estimate {
	e.Value = analysis.Num(value)
	if ratio {
		e.Value = analysis.Num(math.Exp(value))
	}
	if math.IsNaN(value) {
		return e.Warn(analysis.WarnTooFew, "no patient has a value", "ask for a visit with more patients")
	}
	if !(ours > 0) {
		e = noErrorOfOurs(e)
	}
	if !(theirs > 0) {
		e = e.Warn(WarnOneSided, "the published figure has no standard error (no SD and n, counts other than nobody or everybody, or interval), so neither has the comparison: that of our side alone would be too narrow", "give it with theirs.se; with a figure of your own, theirs.sd and theirs.n do")
	}
	if !(ours > 0) || !(theirs > 0) {
		return e
	}
	se := math.Hypot(ours, theirs)
	e.SE, e.CI = analysis.Num(se), analysis.NormalInterval(value, se, level)
	if ratio {
		e.SE, e.CI = analysis.Num(se*math.Exp(value)), analysis.LogInterval(math.Exp(value), se, level)
	}
	e.Statistic, e.P = analysis.Num(value/se), analysis.Num(analysis.NormalP(value/se))
	return e
}

// anchoredTerms go through the treatment that both studies share.
func (m *maic) anchoredTerms(p *patients, side theirSide, before, after momented, done func(analysis.Estimate)) {
	own := func(term string, x momented, how string) {
		e := p.empty(term, m.contrastScale(p))
		e.Reference, e.N.Arm, e.N.Reference, e.N.Events = m.q.Reference, x.n, len(p.y)-x.n, x.events
		if p.measure == MeasureShare {
			e.Unit = ""
		}
		if !(x.n > 0 && x.n < len(p.y)) {
			x.value = math.NaN()
		}
		e.Method = m.method("arm minus the shared treatment, ours "+how, term == "within_matched")
		e.Value = analysis.Num(x.value)
		if m.ratio() {
			e.Value = analysis.Num(math.Exp(x.value))
		}
		switch {
		case math.IsNaN(x.value):
			e = e.Warn(analysis.WarnTooFew, "an arm has no patient with a value", "ask for a visit with more patients")
		case math.IsInf(x.value, 0):
			e.Value = analysis.None
			e = noRatio(e)
		case !(x.se > 0):
			e = noErrorOfOurs(e)
		default:
			if e.SE, e.CI = analysis.Num(x.se), analysis.NormalInterval(x.value, x.se, m.q.Level); m.ratio() {
				v := math.Exp(x.value)
				e.SE, e.CI = analysis.Num(v*x.se), analysis.LogInterval(v, x.se, m.q.Level)
			}
			e.Statistic, e.P = analysis.Num(x.value/x.se), analysis.Num(analysis.NormalP(x.value/x.se))
		}
		done(e)
	}
	own("within_unadjusted", before, "unadjusted")
	own("within_matched", after, "weighted to the published aggregates")
	theirs, published := side.shown(m.q.Level), side.value
	theirs.Scale = p.differenceScale()
	if m.ratio() {
		theirs, published = side.ratio(m.q.Level, "ratio"), math.Log(side.value)
	}
	done(theirs)
	for _, x := range []struct {
		term string
		momented
		how string
	}{{"anchored_unadjusted", before, "unadjusted (Bucher)"}, {"anchored_matched", after, "weighted to the published aggregates"}} {
		e := p.empty(x.term, m.contrastScale(p))
		e.Reference, e.N.Arm, e.N.Reference = side.label, x.n, side.n
		if p.measure == MeasureShare {
			e.Unit = ""
		}
		if math.IsInf(x.value, 0) {
			e = noRatio(e)
		} else {
			e = bothSides(e, x.value-published, x.se, side.se, m.q.Level, m.ratio())
		}
		e.Method = m.method("anchored: our difference from the shared treatment, "+x.how+", less the published one; published error from "+sourceOfError(side.seFrom), x.term == "anchored_matched")
		theirShared := cmp.Or(side.result.Reference, "not named")
		done(e.Warn(analysis.WarnAssumption, fmt.Sprintf("anchored: holds only if the shared treatment is one and the same (ours is %s, theirs is %s), and every covariate that changes the effect is matched", m.q.Reference, theirShared), "compare what each study's patients in that arm were given"))
	}
}

func noRatio(e analysis.Estimate) analysis.Estimate {
	return e.Warn(analysis.WarnTooFew, "an arm has nobody, or everybody, with the event, so there is no ratio", "use scale=difference")
}

func (m *maic) contrastScale(p *patients) analysis.Scale {
	if m.ratio() {
		return analysis.ScaleRatio
	}
	return p.differenceScale()
}

// guard adds what must stand at every estimate.
func (m *maic) guard(e analysis.Estimate, p *patients, w MomentWeights, fields []Field) analysis.Estimate {
	e = p.guarded(e, m.missed, fields)
	if size := w.ESS(); size < lowESS && e.Term != TermPublished {
		e = e.Warn(WarnESS, fmt.Sprintf("the weights leave an effective sample size of %.1f of %d patients: a few of them decide the answer, and errors from theory are too small", size, len(p.y)), "match fewer aggregates with covariates=, or say that the populations hardly overlap")
	}
	return e
}

// guarded adds mismatches of payer and work before, and what was left out or not
// matched.
func (p *patients) guarded(e analysis.Estimate, missed []string, fields []Field) analysis.Estimate {
	if fields != nil && e.Reference != "" && !strings.HasPrefix(e.Term, "within_") || e.Term == TermPublished {
		e = shout(e, fields)
	}
	if e.Term == TermPublished {
		return e
	}
	if p.noX > 0 {
		e = e.Warn(analysis.WarnExcluded, fmt.Sprintf("%d patients have the outcome but not every covariate, and are left out", p.noX), "fill the covariates in, or match fewer with covariates=")
	}
	for _, text := range missed {
		e = e.Warn(WarnUnmatched, "not matched: "+text+", so a difference in it stays in the answer", "find the aggregate, or record the covariate")
	}
	return e
}

// matchedMix is our case mix as the matched shares make it: a payer, or a work status
// before treatment, that at least 90 percent of the published patients have.
func (p *patients) matchedMix(c *datasets.Cohort, mix published.CaseMix) published.CaseMix {
	for _, g := range p.list {
		_, f, err := c.PatientField(g.name)
		if err != nil || g.statistic != "share" || g.value < oneLevel {
			continue
		}
		switch f.Role {
		case datasets.RolePayer:
			mix.Payer = inVocabulary("payer", g.level)
		case datasets.RoleWorkBefore:
			mix.WorkBefore = inVocabulary("work_before", g.level)
		}
	}
	return mix
}

// mixTable adds the rows of the case mix, the matched ones marked.
func (m *maic) mixTable(p *patients, side theirSide, fields []Field) {
	adjusted := map[string]string{}
	for _, g := range p.list {
		if g.name == "age" {
			adjusted["age"] = "matched by weights"
		}
	}
	m.r.Tables = addRows(m.r.Tables, caseMixTable(), fieldRows(p.group.Name, side.label, fields, adjusted))
}

func caseMixTable() analysis.Table {
	return analysis.Table{
		Name: "case-mix", Title: "What agrees between our patients and theirs, and what does not", Columns: fieldColumns,
		Notes: []string{"What differs or is not known, and is not matched by weights or the model, stays in the comparison."},
	}
}

// addRows adds rows to the table of that name, which it begins where there is none.
func addRows(tables []analysis.Table, t analysis.Table, rows [][]analysis.Value) []analysis.Table {
	for i := range tables {
		if tables[i].Name == t.Name {
			tables[i].Rows = append(tables[i].Rows, rows...)
			return tables
		}
	}
	t.Rows = rows
	return append(tables, t)
}

// distribution adds the tables of aggregates and weights, and the histogram.
func (m *maic) distribution(p *patients, w MomentWeights) {
	one := slices.Repeat([]float64{1}, len(p.y))
	var rows [][]analysis.Value
	for j, g := range p.list {
		want := g.value
		if g.statistic == "median" {
			want = 0.5
		}
		name := g.name
		if g.level != "" {
			name += " = " + g.level
		}
		statistic := g.statistic
		if g.statistic == "median" {
			statistic = fmt.Sprintf("share above the median %g", g.value)
		}
		rows = append(rows, []analysis.Value{
			analysis.Text(p.group.Name), analysis.Text(name), analysis.Text(statistic), analysis.Number(p.achieved(j, one)),
			analysis.Number(p.achieved(j, w.W)), analysis.Number(want), analysis.Number(w.Alpha[j]), analysis.Text(g.from),
		})
	}
	for _, text := range m.missed {
		rows = append(rows, []analysis.Value{analysis.Text(p.group.Name), analysis.Text(text), analysis.Text("not matched"), {Num: analysis.None}, {Num: analysis.None}, {Num: analysis.None}, {Num: analysis.None}, analysis.Text("")})
	}
	m.r.Tables = addRows(m.r.Tables, analysis.Table{
		Name: "aggregates", Title: "Published aggregates, and ours before and after weighting",
		Columns: []string{"group", "covariate", "statistic", "ours", "ours weighted", "published", "coefficient", "from"},
		Notes:   []string{"SDs over n. The coefficient is α of exp(α'z), with z as in the method."},
	}, rows)
	scaled := p.scaled(w.W, float64(len(w.W)))
	m.r.Tables = addRows(m.r.Tables, analysis.Table{
		Name: "weights", Title: "Weights, scaled to a mean of 1",
		Columns: []string{"group", "patients", "effective size", "without weight", "smallest", "lower quartile", "median", "upper quartile", "largest", "share of the largest tenth"},
	}, [][]analysis.Value{weightRow(p.group.Name, scaled, w)})
	m.r.Series = append(m.r.Series, histogram(p.group.Name, scaled))
}

// scaled returns weights that add up to a total.
func (p *patients) scaled(w []float64, total float64) []float64 {
	sum := 0.0
	for _, v := range w {
		sum += v
	}
	out := make([]float64, len(w))
	for i, v := range w {
		out[i] = v * total / sum
	}
	return out
}

func weightRow(group string, w []float64, m MomentWeights) []analysis.Value {
	sorted := slices.Sorted(slices.Values(w))
	n := len(sorted)
	top, sum := 0.0, 0.0
	for i, v := range sorted {
		sum += v
		if i >= n-(n+9)/10 {
			top += v
		}
	}
	row := []analysis.Value{analysis.Text(group), analysis.Number(float64(n)), analysis.Number(m.ESS()), analysis.Number(float64(m.Impossible))}
	for _, q := range []float64{0, 0.25, 0.5, 0.75, 1} {
		row = append(row, analysis.Number(fit.Quantile(sorted, q)))
	}
	return append(row, analysis.Number(top/sum))
}

// weightBins is how many bars the histogram of weights has.
const weightBins = 20

// histogram counts patients by weight in bars of equal width from 0 to the largest.
func histogram(group string, w []float64) analysis.Series {
	most := slices.Max(w)
	counts := make([]int, weightBins)
	for _, v := range w {
		counts[min(weightBins-1, int(v/most*weightBins))]++
	}
	s := analysis.Series{Name: "weights", Group: group, Step: true, XUnit: "weight, mean 1", YUnit: "patients"}
	for k, n := range counts {
		s.Points = append(s.Points, analysis.Point{X: analysis.Num(most * float64(k) / weightBins), Y: analysis.Num(n), Low: analysis.None, High: analysis.None, N: n})
	}
	s.Points = append(s.Points, analysis.Point{X: analysis.Num(most), Low: analysis.None, High: analysis.None})
	return s
}

// overTime compares times with those of pseudo-patients.
func (m *maic) overTime(s subject, list []aggregate) (analysis.Result, error) {
	if m.anchored {
		return m.r, m.anchoredTimes(s, list)
	}
	if m.ask.pseud == "" {
		return m.r, fmt.Errorf("%w: measure=time compares with pseudo-patients, or with a published hazard ratio: name the arm that holds them with --set pseudo=ARM, or ask for a reference and give the ratio with --set theirs.value=HR", analysis.ErrOptions)
	}
	theirArm, err := m.in.Cohort.Arm(m.ask.pseud)
	if err != nil {
		return m.r, err
	}
	pseudo := m.in.Cohort.Arms()[theirArm].ArmName()
	groups, excluded, err := m.in.Groups(m.q)
	if err != nil {
		return m.r, err
	}
	m.r.Excluded = excluded
	q := m.q
	q.Arm = pseudo
	them, _, err := m.in.Groups(q)
	if err != nil {
		return m.r, err
	}
	side := theirSide{comparator: comparator{figure: newFigure()}}
	side.label = pseudo
	if len(m.ask.theirs) > 0 || m.ask.comparator != "" {
		if err := m.sideOfCurve(&side); err != nil {
			return m.r, err
		}
	}
	for _, g := range groups {
		if g.Name == pseudo {
			continue
		}
		if err := m.curves(s, list, g, them[0], side); err != nil {
			return m.r, err
		}
	}
	return m.r, nil
}

// anchoredTimes goes through the treatment that both studies share, by hazard ratios.
func (m *maic) anchoredTimes(s subject, list []aggregate) error {
	if m.ask.pseud != "" {
		return fmt.Errorf("%w: with a reference the published side is its hazard ratio, not pseudo-patients: leave pseudo out", analysis.ErrOptions)
	}
	side, err := m.publishedRatio(subject{kind: kind{measure: MeasureTime}})
	if err != nil {
		return err
	}
	groups, excluded, err := m.in.Groups(m.q)
	if err != nil {
		return err
	}
	m.r.Excluded = excluded
	p, err := m.ask.complete(m.in, m.q, s, list, groups)
	if err != nil {
		return err
	}
	w, err := p.match()
	if err != nil {
		return err
	}
	m.distribution(p, w)
	mix := CaseMix(m.in.Cohort, p.group.Patients, s.definition, s.horizon)
	fields := Fields(p.matchedMix(m.in.Cohort, mix), side.mix)
	m.mixTable(p, side, fields)
	m.r.Estimates = append(m.r.Estimates, m.guard(p.sizeEstimate(w), p, w, nil))
	h := hazards{p: p, mine: make([]bool, len(p.index)), anchored: true}
	for i, at := range p.index {
		h.mine[i] = s.event[at]
	}
	var within [2]analysis.Estimate
	for i, weights := range [][]float64{slices.Repeat([]float64{1}, len(p.y)), p.scaled(w.W, standFor(w.W, nil, m.o.Weights))} {
		e := p.empty([]string{"within_unadjusted", "within_matched"}[i], analysis.ScaleRatio)
		e.Reference, e.Unit = m.q.Reference, ""
		e.N.Arm, e.N.Reference, e.N.Events = p.counts(h.mine)
		if within[i], err = m.hazardRatio(e, h, weights, i == 1, w.W); err != nil {
			return err
		}
		m.r.Estimates = append(m.r.Estimates, m.guard(within[i], p, w, fields))
	}
	m.r.Estimates = append(m.r.Estimates, m.guard(side.ratio(m.q.Level, "hazard ratio"), p, w, fields))
	for i, term := range []string{"anchored_unadjusted", "anchored_matched"} {
		e := p.empty(term, analysis.ScaleRatio)
		e.Reference, e.Unit, e.N = side.label, "", within[i].N
		e.N.Reference = side.n
		ours, se := math.Log(float64(within[i].Value)), float64(within[i].SE/within[i].Value)
		e = bothSides(e, ours-math.Log(side.value), se, side.se, m.q.Level, true)
		e.Method = within[i].Method
		e.Method.Name = "anchored: over the published hazard ratio, whose error is from " + sourceOfError(side.seFrom) + "; " + e.Method.Name
		e = e.Warn(analysis.WarnAssumption, fmt.Sprintf("anchored: holds only if the shared treatment is one and the same (ours is %s), every covariate that changes the effect is matched, and hazards are proportional in both studies", m.q.Reference), "compare what each study's patients in that arm were given")
		m.r.Estimates = append(m.r.Estimates, m.guard(e, p, w, fields))
	}
	return nil
}

// counts are the patients of the arm and of the reference, and events in the arm.
func (p *patients) counts(event []bool) (arm, reference, events int) {
	for i, a := range p.arm {
		if a == 1 {
			reference++
			continue
		}
		arm++
		if event[i] {
			events++
		}
	}
	return arm, reference, events
}

// publishedRatio reads the published ratio, with the error of its logarithm.
func (m *maic) publishedRatio(s subject) (theirSide, error) {
	if m.ask.comparator != "" {
		return theirSide{}, fmt.Errorf("%w: no published entry has such a ratio against a shared treatment: give it with theirs.value and theirs.low and theirs.high, and its case mix with theirs.payer and the like", analysis.ErrOptions)
	}
	side, err := m.ask.givenSide(s, true)
	if err != nil {
		return side, err
	}
	if !(side.value > 0) || side.low < side.high && !(side.low > 0) {
		return side, fmt.Errorf("%w: theirs.value: expected a ratio, and its interval, above 0", analysis.ErrOptions)
	}
	if side.low < side.high && m.ask.theirs["se"] == "" {
		side.se = math.Log(side.high/side.low) / (2 * analysis.NormalQuantile(0.95))
	}
	return side, nil
}

// ratio is the published ratio as an estimate.
func (t theirSide) ratio(level float64, what string) analysis.Estimate {
	e := analysis.NewEstimate(TermPublished, analysis.ScaleRatio)
	e.Arm, e.Value, e.N.Arm = t.label, analysis.Num(t.value), t.n
	e.Method = analysis.Method{Name: "published " + what + " as given; error of its logarithm from " + sourceOfError(t.seFrom), Ref: t.entry.Citation}
	if !(t.se > 0) {
		return e.Warn(WarnOneSided, "the published ratio has no standard error", "give it with theirs.low and theirs.high, or theirs.se of its logarithm")
	}
	e.SE, e.CI = analysis.Num(t.value*t.se), analysis.LogInterval(t.value, t.se, level)
	return e
}

// sideOfCurve takes the case mix of the published curve.
func (m *maic) sideOfCurve(side *theirSide) error {
	if e, ok := published.Find(m.ask.comparator); ok {
		if err := m.ask.whichArm(e); err != nil {
			return err
		}
		side.mix = e.CaseMix(published.Result{Arm: m.ask.arm, At: published.Horizon{Value: math.NaN()}})
		return nil
	}
	given := m.ask
	given.comparator = ""
	given.theirs = map[string]string{"value": "0"}
	for k, v := range m.ask.theirs {
		given.theirs[k] = v
	}
	t, err := given.givenSide(subject{kind: kind{measure: MeasureTime}}, false)
	if err == nil {
		side.mix = t.mix
	}
	return err
}

// curves fits the weighted Cox model and draws the weighted Kaplan-Meier curves of a
// group against the pseudo-patients.
func (m *maic) curves(s subject, list []aggregate, g, them analysis.Group, side theirSide) error {
	p, err := m.ask.complete(m.in, m.q, s, list, []analysis.Group{g})
	if err != nil {
		return err
	}
	w, err := p.match()
	if err != nil {
		return err
	}
	m.distribution(p, w)
	var time []float64
	var event []bool
	place := m.in.Cohort.ByIdentifier()
	member := make([]bool, m.in.Cohort.Patients())
	for _, i := range them.Patients {
		member[i] = true
	}
	for _, i := range place {
		if member[i] && !math.IsNaN(s.y[i]) {
			time, event = append(time, s.y[i]), append(event, s.event[i])
		}
	}
	mine := make([]bool, len(p.index))
	for i, at := range p.index {
		mine[i] = s.event[at]
	}
	total := standFor(w.W, nil, m.o.Weights)
	mix := CaseMix(m.in.Cohort, p.group.Patients, s.definition, s.horizon)
	fields := Fields(p.matchedMix(m.in.Cohort, mix), side.mix)
	m.mixTable(p, side, fields)
	one, weighted := slices.Repeat([]float64{1}, len(p.y)), p.scaled(w.W, total)
	m.r.Estimates = append(m.r.Estimates, m.guard(p.sizeEstimate(w), p, w, nil))
	h := hazards{p: p, mine: mine, theirTime: time, theirEvents: event}
	for _, x := range []struct {
		term string
		w    []float64
	}{{"hazard_ratio_unadjusted", one}, {"hazard_ratio_matched", weighted}} {
		e := p.empty(x.term, analysis.ScaleRatio)
		e.Reference, e.N.Reference, e.Unit = side.label, len(time), ""
		for _, yes := range mine {
			if yes {
				e.N.Events++
			}
		}
		matched := x.term != "hazard_ratio_unadjusted"
		if e, err = m.hazardRatio(e, h, x.w, matched, w.W); err != nil {
			return err
		}
		e = e.Warn(WarnUnanchored, "unanchored: nothing but the matched covariates makes the two groups alike, and whatever else differs between them is in this number", "match every covariate that foretells the outcome")
		m.r.Estimates = append(m.r.Estimates, m.guard(e, p, w, fields))
	}
	m.r.Series = append(m.r.Series, weightedCurve("kaplan-meier/unadjusted", g.Name, p.y, mine, one, s.unit),
		weightedCurve("kaplan-meier/matched", g.Name, p.y, mine, weighted, s.unit),
		weightedCurve("kaplan-meier/published", side.label, time, event, slices.Repeat([]float64{1}, len(time)), s.unit))
	return nil
}

// hazards are the times of ours and theirs; where ours has two arms, theirs are none.
type hazards struct {
	p           *patients
	mine        []bool
	anchored    bool
	theirTime   []float64
	theirEvents []bool
}

// cox fits the model with our weights, each row standing for so many patients.
func (h hazards) cox(w, counts []float64) (*fit.Cox, error) {
	n := len(h.p.y)
	d := fit.CoxData{X: [][]float64{nil}}
	add := func(time float64, event bool, arm, weight float64) {
		d.Stop, d.Event, d.X[0], d.Weight = append(d.Stop, time), append(d.Event, event), append(d.X[0], arm), append(d.Weight, weight)
	}
	times := func(i int) float64 {
		if counts == nil {
			return 1
		}
		return counts[i]
	}
	for i, t := range h.p.y {
		arm := 1.0
		if h.anchored {
			arm = float64(1 - h.p.arm[i])
		}
		add(t, h.mine[i], arm, w[i]*times(i))
	}
	for i, t := range h.theirTime {
		add(t, h.theirEvents[i], 0, times(n+i))
	}
	return fit.ProportionalHazards(d, fit.TiesEfron)
}

// hazardRatio puts the Cox model's answer on an estimate.
func (m *maic) hazardRatio(e analysis.Estimate, h hazards, w []float64, matched bool, raw []float64) (analysis.Estimate, error) {
	how, who := "model errors", "ours against pseudo-patients"
	if h.anchored {
		who = "arm against the shared treatment, ours"
	}
	if matched {
		how = fmt.Sprintf("weights add up to %s; Lin and Wei's robust errors with the weights as known", m.o.Weights)
		if m.o.Errors == ErrorsSandwich {
			how = fmt.Sprintf("weights add up to %s; robust errors with the weights estimated", m.o.Weights)
		}
	}
	e.Method = analysis.Method{Name: "Cox model of arm, Efron's ties, " + who + "; " + how, R: "survival::coxph(Surv(time, event) ~ arm, weights = w, robust = TRUE)", Ref: "Signorovitch et al. 2010, 10.2165/11538370-000000000-00000; Lin and Wei 1989, 10.1080/01621459.1989.10478874"}
	c, err := h.cox(w, nil)
	if errors.Is(err, fit.ErrCoxEvents) || err == nil && c.Infinite[0] {
		return e.Warn(analysis.WarnTooFew, "one of the groups has no event while both are followed, so there is no hazard ratio", "follow more patients, or for longer"), nil
	}
	if err != nil {
		return e, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	se := math.Sqrt(c.Cov.At(0, 0))
	if matched {
		switch m.o.Errors {
		default:
			se = math.Sqrt(c.Robust(nil, 0).At(0, 0))
		case ErrorsSandwich:
			se = h.stacked(c, raw, m.o.Weights)
		case ErrorsBootstrap:
			e.Method.Name += fmt.Sprintf("; replaced by a bootstrap of both sides, every sample weighted anew, %d samples, seed %d", m.o.Replicates, m.q.Seed)
			if se, err = m.bootstrapHazard(h); err != nil {
				return e, err
			}
		}
	}
	value := math.Exp(c.Coef[0])
	e.Value = analysis.Num(value)
	if !(se > 0) {
		return noErrorOfOurs(e), nil
	}
	e.SE, e.CI = analysis.Num(se*value), analysis.LogInterval(value, se, m.q.Level)
	e.Statistic, e.P = analysis.Num(c.Coef[0]/se), analysis.Num(analysis.NormalP(c.Coef[0]/se))
	return e, nil
}

// stacked is the standard error of the log hazard ratio by the influence of each patient:
// that of the Cox model, less the part that the matched moments explain, since they are
// held fixed, and for ours that of the factor s by which the weights w = exp(α'z) are
// scaled,
//
//	D - w z'γ + G dlog s,  Σ w z z' γ = Σ D (z + dlog s/dα),  G = Σ D of ours
//
// with dlog s of one patient more 1/n - w/Σw where they add up to n, and w/Σw - w²/Σw²
// where they add up to the effective size, which α moves too, by -2 Σw²z/Σw².
func (h hazards) stacked(c *fit.Cox, raw []float64, how string) float64 {
	n := len(h.p.y)
	d, total, sum, square := make([]float64, n), 0.0, 0.0, 0.0
	ss := 0.0
	for i, b := range c.Dfbeta() {
		if i < n {
			d[i] = b[0]
			total += b[0]
			sum, square = sum+raw[i], square+raw[i]*raw[i]
			continue
		}
		ss += b[0] * b[0]
	}
	more := make([]float64, len(h.p.z))
	if how == "ess" {
		for j, z := range h.p.z {
			for i, w := range raw {
				more[j] -= 2 * total * w * w * z[i] / square
			}
		}
	}
	gamma := h.p.explained(raw, d, more)
	for i, w := range raw {
		v := d[i] + total*(1/float64(n)-w/sum)
		if how == "ess" {
			v = d[i] + total*(w/sum-w*w/square)
		}
		for j, g := range gamma {
			if g != 0 {
				v -= w * g * h.p.z[j][i]
			}
		}
		ss += v * v
	}
	return math.Sqrt(ss)
}

// standFor is what weights must add up to, over rows that stand for so many patients
// (nil: one each): the patients, or their effective number.
func standFor(w, counts []float64, how string) float64 {
	n, sum, square := 0.0, 0.0, 0.0
	for i, v := range w {
		c := 1.0
		if counts != nil {
			c = counts[i]
		}
		n, sum, square = n+c, sum+c*v, square+c*v*v
	}
	if how == "ess" {
		return sum * sum / square
	}
	return n
}

// bootstrapHazard draws both sides anew.
func (m *maic) bootstrapHazard(h hazards) (float64, error) {
	n := len(h.p.y)
	sizes, strata := slices.Repeat([]int{1}, n+len(h.theirTime)), make([]int, n+len(h.theirTime))
	copy(strata, h.p.arm)
	for i := n; i < len(strata); i++ {
		strata[i] = 1
	}
	d, err := resample.Bootstrap(m.ctx, func(counts []float64) (float64, float64) {
		w, err := MatchMoments(h.p.z, counts[:n])
		if err != nil {
			return math.NaN(), math.NaN()
		}
		sum := 0.0
		for i, v := range w.W {
			sum += counts[i] * v
		}
		by := standFor(w.W, counts, m.o.Weights) / sum
		for i := range w.W {
			w.W[i] *= by
		}
		c, err := h.cox(w.W, counts)
		if err != nil || c.Infinite[0] {
			return math.NaN(), math.NaN()
		}
		return c.Coef[0], math.NaN()
	}, resample.Classes{Sizes: sizes, Strata: strata, Blocks: 2}, resample.Plan{Replicates: m.o.Replicates, Seed: m.q.Seed, Progress: m.in.Progress})
	if err != nil {
		return 0, err
	}
	if d.Failed > 0 {
		m.r.Warnings = append(m.r.Warnings, analysis.Warning{Code: analysis.WarnExcluded, Message: fmt.Sprintf("%d of %d bootstrap samples cannot meet the aggregates or have no hazard ratio, and are left out", d.Failed, m.o.Replicates), Cure: "match fewer aggregates with covariates="})
	}
	return d.StandardError(), nil
}

// weightedCurve is the Kaplan-Meier curve with weights: S(t) = Π (1 - d/n) of the
// weights with the event and at risk.
func weightedCurve(name, group string, time []float64, event []bool, w []float64, unit string) analysis.Series {
	order := make([]int, len(time))
	left := 0.0
	for i := range order {
		order[i] = i
		left += w[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if time[a] < time[b] {
			return -1
		}
		if time[a] > time[b] {
			return 1
		}
		return 0
	})
	s := analysis.Series{Name: name, Group: group, Step: true, XUnit: unit, YUnit: "share without the event"}
	s.Points = []analysis.Point{{Y: 1, Low: analysis.None, High: analysis.None, N: len(time)}}
	surviving, rest := 1.0, len(time)
	for i := 0; i < len(order); {
		at, died, gone, events, n := time[order[i]], 0.0, 0.0, 0, 0
		for ; i < len(order) && time[order[i]] == at; i++ {
			if event[order[i]] {
				died += w[order[i]]
				events++
			}
			gone += w[order[i]]
			n++
		}
		if died > 0 {
			surviving *= math.Max(0, 1-died/left)
			if rest == n && events == n {
				surviving = 0 // exactly, whatever the rounding
			}
		}
		s.Points = append(s.Points, analysis.Point{X: analysis.Num(at), Y: analysis.Num(surviving), Low: analysis.None, High: analysis.None, N: rest, Events: events, Censored: n - events})
		left, rest = math.Max(0, left-gone), rest-n
	}
	return s
}
