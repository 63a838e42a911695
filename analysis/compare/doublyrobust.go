package compare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/simulate/stream"
)

// DoublyRobustOptions are the settings of compare/doubly-robust.
type DoublyRobustOptions struct {
	CovariateOptions
	OutcomeOptions
	Target      string  `opt:"target" doc:"whose average effect: ate all patients, att the arm's, atc the reference's" choices:"ate|att|atc"`
	Folds       int     `opt:"folds" doc:"parts of the patients whose values are foretold by models fitted to the others (cross-fitting); 1: all at once"`
	Bound       float64 `opt:"bound" doc:"scores are kept from this to 1 less this; 0: as they are"`
	Fluctuation string  `opt:"fluctuation" doc:"tmle: one over the score as a weight, or as a covariate (clever covariate)" choices:"weights|covariate"`
}

// DoublyRobust is compare/doubly-robust: AIPW and TMLE.
var DoublyRobust = analysis.New(analysis.Analysis{
	Name:     "compare/doubly-robust",
	Title:    "Doubly robust comparison (AIPW and TMLE)",
	Estimand: "average effect of the arm against the reference on the outcome at the visit, in the population that target names",
	Doc: `Two models: the propensity score e (logistic), and the outcome in each arm, m₁ and m₀ (least squares; logistic where the outcome is 0/1). The estimate is right if either is.
Terms: aipw_difference, tmle_difference, g_computation (mean of m₁ - m₀, no error given), then mean_arm and mean_reference (share_ where 0/1) of AIPW, and unadjusted_difference.
  AIPW  μₐ = Σ (g mₐ + 1{t=a} hₐ (y - mₐ)) / Σ g,  difference μ₁ - μ₀;  error SD(φ)/√n of its influence φ = (g (m₁ - m₀ - difference) + t h₁ (y - m₁) - (1-t) h₀ (y - m₀)) / mean of g
  ate   g = 1, h₁ = 1/e, h₀ = 1/(1-e);   att  g = t, h₁ = 1, h₀ = e/(1-e);   atc  g = 1-t, h₁ = (1-e)/e, h₀ = 1
  TMLE  outcome on the scale of 0 to 1 (of the range seen), predictions kept within 0.0005 to 0.9995 where it is not 0/1, moved on the logit scale in each arm by logistic regression with weights hₐ (or hₐ as covariate) until the efficient score is 0; error by the influence function. Of att and atc the outcome models alone are moved, in one step (R's tmle moves the score too)
The two forms of TMLE differ widely where weights are extreme; the form is named.
Cross-fitting: patients of each arm are dealt to folds by the seed (they are sorted by identifier before, so that the order of rows does not matter); the models for a fold are fitted to the others, and TMLE moves the predictions of all folds together. With folds=1 the models see their own patients. A fold in which the arms separate has Firth's score, said in a warning.
Bound: scores beyond 0.01 and 0.99 are set to that by default, which trades bias for variance, and is counted.
Table target-trial says which trial this stands in for, and warnings where time does not begin alike in both arms.
Complete cases of covariates and outcome, counted; a responder's missing outcome counts as failure where the question says so. Normal intervals.
Assumes that what decided the treatment is among the covariates, and that nobody was sure of one arm.
R: AIPW::AIPW; tmle::tmle(Y, A, W, Q, g1W, gbound) with fluctuation = weights as target.gwt = TRUE.`,
	Refs: []string{
		"Robins, Rotnitzky and Zhao 1994, 10.1080/01621459.1994.10476818", "van der Laan and Rubin 2006, 10.2202/1557-4679.1043",
		"Gruber and van der Laan 2010, 10.2202/1557-4679.1260", "Chernozhukov and others 2018, 10.1111/ectj.12097", "Hernan and Robins 2016, 10.1093/aje/kwv254",
	},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, DoublyRobustOptions{CovariateOptions: covariateDefaults, OutcomeOptions: outcomeDefaults, Target: targetATE, Folds: 5, Bound: 0.01, Fluctuation: "weights"}, runDoublyRobust)

func runDoublyRobust(_ context.Context, in analysis.Input, q analysis.Question, o DoublyRobustOptions) (analysis.Result, error) {
	if o.Folds < 1 || o.Folds > 100 {
		return analysis.Result{}, badOption("folds: expected a whole number from 1 to 100")
	}
	if o.Bound < 0 || o.Bound >= 0.5 {
		return analysis.Result{}, badOption("bound: expected a share of at least 0 and under 0.5")
	}
	s, err := readSample(in, q, o.CovariateOptions, o.OutcomeOptions)
	if err != nil {
		return analysis.Result{}, err
	}
	s.notes(s.design())
	d, err := s.nuisances(o, q.Seed)
	if err != nil {
		return s.result(), err
	}
	trial := s.trial(in, q, targetWords[o.Target], s.outcomeWords(), "models of score and outcome")
	v := robustly{s: s, d: d, o: o, q: q}
	r := v.result()
	r.Tables = append(r.Tables, trial)
	return r, nil
}

// robustly writes what the two models give.
type robustly struct {
	s *sample
	d *nuisance
	o DoublyRobustOptions
	q analysis.Question
}

func (v robustly) begin(term string, scale analysis.Scale, name string) analysis.Estimate {
	e := v.s.estimate(term, scale)
	if e.Definition = v.s.words; !v.s.binary {
		e.Unit = v.s.outcome.Field.Unit
	}
	folds := "models see their own patients"
	if v.o.Folds > 1 {
		folds = fmt.Sprintf("%d folds, seed %d", v.o.Folds, v.q.Seed)
	}
	e.Method = analysis.Method{
		Name: fmt.Sprintf("%s, %s; %s; %s; scores kept from %g to %g", name, targetWords[v.o.Target], v.s.words, folds, v.o.Bound, 1-v.o.Bound),
		R:    "AIPW::AIPW; tmle::tmle", Ref: "van der Laan and Rubin 2006, 10.2202/1557-4679.1043",
	}
	return e
}

// filled puts a mean and its influence function on an estimate.
func (v robustly) filled(e analysis.Estimate, m averaged, test bool) analysis.Estimate {
	e.Value = analysis.Num(m.value)
	se := fit.Describe(m.influence).SD / math.Sqrt(float64(len(m.influence)))
	if !(se > 1e-12*math.Abs(m.value)) {
		return e.Warn(analysis.WarnNoVariance, "the outcome does not vary, so there is no error to give", "")
	}
	e.SE, e.CI = analysis.Num(se), analysis.NormalInterval(m.value, se, v.q.Level)
	if test {
		e.Statistic, e.P = analysis.Num(m.value/se), analysis.Num(analysis.NormalP(m.value/se))
	}
	return e
}

func (v robustly) result() analysis.Result {
	s, d := v.s, v.d
	r := s.result()
	_, scale := s.differenceTerm()
	arm, reference := d.aipw(v.o.Target)
	r.Estimates = append(r.Estimates, v.filled(v.begin("aipw_difference", scale, "augmented inverse probability weighting"), arm.less(reference), true))
	t := v.begin("tmle_difference", scale, "targeted maximum likelihood, h as "+map[string]string{"weights": "weight", "covariate": "covariate"}[v.o.Fluctuation])
	if m, err := d.tmle(v.o.Fluctuation, v.o.Target); err != nil {
		r.Estimates = append(r.Estimates, t.Warn(WarnExtreme, "the predictions cannot be moved: "+err.Error(), "use aipw_difference, or a larger bound"))
	} else {
		r.Estimates = append(r.Estimates, v.filled(t, m, true))
	}
	g := v.begin("g_computation", scale, "mean of the outcome models' predictions, arm minus reference")
	m1, m0 := d.averages(v.o.Target, d.m1, d.m0, false)
	g.Value = analysis.Num(m1.value - m0.value)
	r.Estimates = append(r.Estimates, g, v.mean(0, arm), v.mean(1, reference))
	f := &outcomeFit{s: s, all: s, level: v.q.Level}
	r.Estimates = append(r.Estimates, f.unadjusted(v.begin("unadjusted_difference", scale, "")))
	r.Warnings = append(r.Warnings, confounded)
	return r
}

// mean is the mean of an arm, or its share.
func (v robustly) mean(arm int, m averaged) analysis.Estimate {
	name, of := []string{"mean_arm", "mean_reference"}[arm], analysis.ScaleMean
	if v.s.binary {
		name, of = []string{"share_arm", "share_reference"}[arm], analysis.ScaleProportion
	}
	e := v.begin(name, of, "augmented inverse probability weighting")
	if v.s.binary && (m.value < 0 || m.value > 1) {
		return e.Warn(WarnExtreme, "the weighted residuals put the share outside 0 to 1", "use a larger bound, or compare/weighted")
	}
	e = v.filled(e, m, false)
	if v.s.binary {
		e.CI.Low, e.CI.High = max(e.CI.Low, 0), min(e.CI.High, 1)
	}
	return e
}

// nuisance is what both models say of each patient.
type nuisance struct {
	y, t, e, m1, m0 []float64
	binary          bool
}

// folds deals the patients of each arm to parts.
func (s *sample) folds(k int, seed uint64) []int {
	c := stream.New(seed, "compare/doubly-robust folds").Cursor()
	fold, seen := make([]int, len(s.t)), 0
	for _, t := range []float64{1, 0} {
		var rows []int
		for i := range s.t {
			if s.t[i] == t {
				rows = append(rows, i)
			}
		}
		for _, at := range c.Perm(len(rows)) {
			fold[rows[at]] = seen % k
			seen++
		}
	}
	return fold
}

// nuisances fits the score and the outcome models, for each fold to the others.
func (s *sample) nuisances(o DoublyRobustOptions, seed uint64) (*nuisance, error) {
	n := len(s.t)
	d := &nuisance{y: s.y, t: s.t, e: make([]float64, n), m1: make([]float64, n), m0: make([]float64, n), binary: s.binary}
	fold := s.folds(o.Folds, seed)
	bounded, firth := 0, false
	for k := range o.Folds {
		var own, others []int
		for i, f := range fold {
			if f == k {
				own = append(own, i)
			}
			if f != k || o.Folds == 1 {
				others = append(others, i)
			}
		}
		if len(own) == 0 {
			continue
		}
		penalised, err := s.foretell(d, own, others)
		if err != nil {
			return nil, err
		}
		firth = firth || penalised
	}
	for i, e := range d.e {
		if d.e[i] = min(max(e, o.Bound), 1-o.Bound); d.e[i] != e {
			bounded++
		}
		if d.e[i] == 0 || d.e[i] == 1 {
			return nil, cannot("a score is 0 or 1 as far as a computer tells; set a bound above 0, or name fewer covariates")
		}
	}
	if bounded > 0 {
		s.warn(WarnOverlap, fmt.Sprintf("the scores of %d patients lie beyond the bound of %g and are set to it", bounded, o.Bound), "see compare/propensity for who they are")
	}
	if firth {
		s.warn(analysis.WarnSeparation, "covariates separate the arms, so the score, or the outcome's model, is fitted by Firth's penalised likelihood", "name fewer covariates")
	}
	return d, nil
}

// foretell fits the models to some rows and writes what they say of others.
func (s *sample) foretell(d *nuisance, own, rows []int) (firth bool, err error) {
	keep := make([]bool, len(s.t))
	for _, i := range rows {
		keep[i] = true
	}
	part := s.only(keep)
	if part.n[0] == 0 || part.n[1] == 0 {
		return false, cannot("a fold leaves an arm without patients; use fewer folds")
	}
	x := part.design()
	at := s.rowsOf(x)
	m, firth, err := logisticOrFirth(part.t, x.x)
	if err != nil {
		return false, cannot("the propensity score cannot be fitted: %w; name fewer covariates", err)
	}
	for _, i := range own {
		d.e[i] = 1 / (1 + math.Exp(-at(m.Coef, i)))
	}
	for a, to := range [][]float64{d.m1, d.m0} {
		arm := make([]bool, len(part.t))
		for i, t := range part.t {
			arm[i] = 1-int(t) == a
		}
		of := part.only(arm)
		ox := of.design() // of its own, since a level may be absent in one arm
		oat := s.rowsOf(ox)
		if s.binary {
			m, penalised, err := logisticOrFirth(of.y, ox.x)
			if err != nil {
				return false, cannot("the outcome's model cannot be fitted in %s: %w; name fewer covariates", s.groups[a].Name, err)
			}
			firth = firth || penalised
			for _, i := range own {
				to[i] = 1 / (1 + math.Exp(-oat(m.Coef, i)))
			}
			continue
		}
		m, err := fit.LeastSquares(shifted(of.y), ox.x)
		if err != nil {
			return false, cannot("the outcome's model cannot be fitted in %s: %w; name fewer covariates, or use fewer folds", s.groups[a].Name, err)
		}
		for _, i := range own {
			to[i] = of.y[0] + oat(m.Coef, i)
		}
	}
	return firth, nil
}

func shifted(y []float64) []float64 {
	out := make([]float64, len(y))
	for i := range y {
		out[i] = y[i] - y[0]
	}
	return out
}

func logisticOrFirth(y []float64, x [][]float64) (*fit.LogisticModel, bool, error) {
	m, err := fit.Logistic(y, x)
	if err == nil {
		return m, false, nil
	}
	if len(y) <= len(x) || !errors.Is(err, fit.ErrSeparation) {
		return nil, false, err
	}
	m, err = fit.LogisticWith(y, x, fit.LogisticOptions{Firth: true})
	return m, true, err
}

// rowsOf returns the linear predictor that coefficients of a part's design give any
// row of the sample.
func (s *sample) rowsOf(d *design) func(b []float64, row int) float64 {
	columns := make([][]float64, len(d.names))
	for j, name := range d.names[1:] {
		k := slices.IndexFunc(s.columns, func(c covariate) bool { return c.name == name })
		columns[j+1] = s.columns[k].x
	}
	return func(b []float64, row int) float64 {
		v := b[0]
		for j := 1; j < len(columns); j++ {
			v += float64(b[j] * (columns[j][row] - d.mean[j]) / d.sd[j])
		}
		return v
	}
}

// averaged is a mean with its influence function by row.
type averaged struct {
	value     float64
	influence []float64
}

func (m averaged) less(other averaged) averaged {
	out := averaged{m.value - other.value, slices.Clone(m.influence)}
	for i, v := range other.influence {
		out.influence[i] -= v
	}
	return out
}

// toward says of each row how much it counts in the target, g, and by what residuals of
// each arm are multiplied, h.
func (d *nuisance) toward(target string, i int) (g, h1, h0 float64) {
	e := d.e[i]
	switch target {
	case targetATT:
		return d.t[i], 1, e / (1 - e)
	case targetATC:
		return 1 - d.t[i], (1 - e) / e, 1
	}
	return 1, 1 / e, 1 / (1 - e)
}

// averages are the means of predictions of both arms in the target, with residuals
// added where asked, and their influence functions.
func (d *nuisance) averages(target string, q1, q0 []float64, residuals bool) (arm, reference averaged) {
	n := len(d.y)
	arm.influence, reference.influence = make([]float64, n), make([]float64, n)
	sum := 0.0
	for i, t := range d.t {
		g, h1, h0 := d.toward(target, i)
		sum += g
		arm.influence[i], reference.influence[i] = g*q1[i], g*q0[i]
		if t == 1 {
			arm.influence[i] += h1 * (d.y[i] - q1[i])
		} else {
			reference.influence[i] += h0 * (d.y[i] - q0[i])
		}
		if residuals {
			arm.value, reference.value = arm.value+arm.influence[i], reference.value+reference.influence[i]
		} else {
			arm.value, reference.value = arm.value+g*q1[i], reference.value+g*q0[i]
		}
	}
	arm.value, reference.value = arm.value/sum, reference.value/sum
	for i := range n {
		g, _, _ := d.toward(target, i)
		arm.influence[i] = (arm.influence[i] - g*arm.value) * float64(n) / sum
		reference.influence[i] = (reference.influence[i] - g*reference.value) * float64(n) / sum
	}
	return arm, reference
}

// aipw returns the augmented means of both arms.
func (d *nuisance) aipw(target string) (arm, reference averaged) {
	return d.averages(target, d.m1, d.m0, true)
}

// tmle returns the difference of predictions moved so that the efficient score is 0.
func (d *nuisance) tmle(how, target string) (averaged, error) {
	n := len(d.y)
	low, high, edge := 0.0, 1.0, 1e-12
	if !d.binary {
		low, high, edge = slices.Min(d.y), slices.Max(d.y), 0.0005
	}
	if low == high {
		arm, reference := d.averages(target, d.m1, d.m0, false)
		return arm.less(reference), nil
	}
	logit := func(v float64) float64 {
		p := min(max((v-low)/(high-low), edge), 1-edge)
		return math.Log(p / (1 - p))
	}
	back := func(l float64) float64 { return low + (high-low)/(1+math.Exp(-l)) }
	y, offset := make([]float64, n), make([]float64, n)
	h := [][]float64{make([]float64, n), make([]float64, n)}
	weight := make([]float64, n)
	for i, t := range d.t {
		_, clever, h0 := d.toward(target, i)
		a := 0
		offset[i] = logit(d.m1[i])
		if t == 0 {
			a, clever, offset[i] = 1, h0, logit(d.m0[i])
		}
		y[i], weight[i] = (d.y[i]-low)/(high-low), 1
		if h[a][i] = clever; how == "weights" {
			h[a][i], weight[i] = 1, clever
		}
	}
	m, err := fit.LogisticWith(y, h, fit.LogisticOptions{Weight: weight, Offset: offset})
	if err != nil {
		return averaged{}, err
	}
	q1, q0 := make([]float64, n), make([]float64, n)
	for i := range n {
		_, c1, c0 := d.toward(target, i)
		if how == "weights" {
			c1, c0 = 1, 1
		}
		q1[i], q0[i] = back(logit(d.m1[i])+m.Coef[0]*c1), back(logit(d.m0[i])+m.Coef[1]*c0)
	}
	arm, reference := d.averages(target, q1, q0, false)
	return arm.less(reference), nil
}
