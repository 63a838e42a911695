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
)

// DoublyRobustOptions are the settings of compare/doubly-robust.
type DoublyRobustOptions struct {
	CovariateOptions
	OutcomeOptions
	Folds       int     `opt:"folds" doc:"parts of the patients whose values are foretold by models fitted to the others (cross-fitting); 1: all at once"`
	Bound       float64 `opt:"bound" doc:"scores are kept from this to 1 less this; 0: as they are"`
	Fluctuation string  `opt:"fluctuation" doc:"tmle: one over the score as a weight, or as a covariate (clever covariate)" choices:"weights|covariate"`
}

// DoublyRobust is compare/doubly-robust: AIPW and TMLE.
var DoublyRobust = analysis.New(analysis.Analysis{
	Name:     "compare/doubly-robust",
	Title:    "Doubly robust comparison (AIPW and TMLE)",
	Estimand: "average effect of the arm against the reference on the outcome at the visit, in all patients",
	Doc: `Two models: the propensity score e (logistic), and the outcome in each arm, m₁ and m₀ (least squares; logistic where the outcome is 0/1). The estimate is right if either is.
Terms: aipw_difference, tmle_difference, g_computation (mean of m₁ - m₀, no error given), then mean_arm and mean_reference (share_ where 0/1) of AIPW, and unadjusted_difference.
  AIPW  φ = m₁ - m₀ + t (y - m₁)/e - (1-t)(y - m₀)/(1-e); its mean, error SD(φ)/√n
  TMLE  outcome on the scale of 0 to 1 (of the range seen), predictions kept within 0.0005 to 0.9995 where it is not 0/1, moved on the logit scale by logistic regression with weights 1/e (or 1/e as covariate) until the efficient score is 0; error by the influence function
The two forms of TMLE differ widely where weights are extreme; the form is named.
Cross-fitting: patients of each arm are dealt to folds in turn by identifier; the models for a fold are fitted to the others, and TMLE moves the predictions of all folds together. With folds=1 the models see their own patients. A fold in which the arms separate has Firth's score, said in a warning.
Bound: scores beyond 0.01 and 0.99 are set to that by default, which trades bias for variance, and is counted.
Complete cases of covariates and outcome, counted; a responder's missing outcome counts as failure where the question says so. Normal intervals.
Assumes that what decided the treatment is among the covariates, and that nobody was sure of one arm.
R: AIPW::AIPW; tmle::tmle(Y, A, W, Q, g1W, gbound) with fluctuation = weights as target.gwt = TRUE.`,
	Refs: []string{
		"Robins, Rotnitzky and Zhao 1994, 10.1080/01621459.1994.10476818", "van der Laan and Rubin 2006, 10.2202/1557-4679.1043",
		"Gruber and van der Laan 2010, 10.2202/1557-4679.1260", "Chernozhukov and others 2018, 10.1111/ectj.12097",
	},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, DoublyRobustOptions{CovariateOptions: covariateDefaults, OutcomeOptions: outcomeDefaults, Folds: 5, Bound: 0.01, Fluctuation: "weights"}, runDoublyRobust)

func runDoublyRobust(_ context.Context, in analysis.Input, q analysis.Question, o DoublyRobustOptions) (analysis.Result, error) {
	if o.Folds < 1 || o.Folds > 100 {
		return analysis.Result{}, badOption("folds: expected a whole number from 1 to 100")
	}
	if o.Bound < 0 || o.Bound >= 0.5 {
		return analysis.Result{}, badOption("bound: expected a share of at least 0 and under 0.5")
	}
	s, err := readSample(in, q, o.CovariateOptions, &o.OutcomeOptions)
	if err != nil {
		return analysis.Result{}, err
	}
	s.notes(s.design())
	d, err := s.nuisances(o)
	if err != nil {
		return s.result(), err
	}
	r := s.result()
	_, scale := s.differenceTerm()
	begin := func(term string, scale analysis.Scale, name string) analysis.Estimate {
		e := s.estimate(term, scale)
		if e.Definition = s.words; !s.binary {
			e.Unit = s.outcome.Field.Unit
		}
		e.Method = analysis.Method{Name: fmt.Sprintf("%s; %s; %d folds; scores kept from %g to %g", name, s.words, o.Folds, o.Bound, 1-o.Bound), R: "AIPW::AIPW; tmle::tmle", Ref: "van der Laan and Rubin 2006, 10.2202/1557-4679.1043"}
		return e
	}
	m1, m0 := d.aipw()
	difference := make([]float64, len(m1))
	for i := range m1 {
		difference[i] = m1[i] - m0[i]
	}
	fill := func(e analysis.Estimate, influence []float64, value float64, test bool) analysis.Estimate {
		e.Value = analysis.Num(value)
		se := fit.Describe(influence).SD / math.Sqrt(float64(len(influence)))
		if !(se > 1e-12*math.Abs(value)) {
			return e.Warn(analysis.WarnNoVariance, "the outcome does not vary, so there is no error to give", "")
		}
		e.SE, e.CI = analysis.Num(se), analysis.NormalInterval(value, se, q.Level)
		if test {
			e.Statistic, e.P = analysis.Num(value/se), analysis.Num(analysis.NormalP(value/se))
		}
		return e
	}
	r.Estimates = append(r.Estimates, fill(begin("aipw_difference", scale, "augmented inverse probability weighting"), difference, fit.Describe(difference).Mean, true))
	t := begin("tmle_difference", scale, "targeted maximum likelihood, 1/score as "+map[string]string{"weights": "weight", "covariate": "covariate"}[o.Fluctuation])
	if q1, q0, err := d.tmle(o.Fluctuation); err != nil {
		r.Estimates = append(r.Estimates, t.Warn(WarnExtreme, "the predictions cannot be moved: "+err.Error(), "use aipw_difference, or a larger bound"))
	} else {
		psi, influence := d.targeted(q1, q0)
		r.Estimates = append(r.Estimates, fill(t, influence, psi, true))
	}
	g := begin("g_computation", scale, "mean of the outcome models' predictions, arm minus reference")
	gap := make([]float64, len(m1))
	for i := range gap {
		gap[i] = d.m1[i] - d.m0[i]
	}
	g.Value = analysis.Num(fit.Describe(gap).Mean)
	r.Estimates = append(r.Estimates, g)
	names, of := [2]string{"mean_arm", "mean_reference"}, analysis.ScaleMean
	if s.binary {
		names, of = [2]string{"share_arm", "share_reference"}, analysis.ScaleProportion
	}
	for a, phi := range [][]float64{m1, m0} {
		mean := fit.Describe(phi).Mean
		e := begin(names[a], of, "augmented inverse probability weighting")
		if s.binary && (mean < 0 || mean > 1) {
			r.Estimates = append(r.Estimates, e.Warn(WarnExtreme, "the weighted residuals put the share outside 0 to 1", "use a larger bound, or compare/weighted"))
			continue
		}
		e = fill(e, phi, mean, false)
		if s.binary {
			e.CI.Low, e.CI.High = max(e.CI.Low, 0), min(e.CI.High, 1)
		}
		r.Estimates = append(r.Estimates, e)
	}
	f := &outcomeFit{s: s, all: s, level: q.Level}
	r.Estimates = append(r.Estimates, f.unadjusted(begin("unadjusted_difference", scale, "")))
	r.Warnings = append(r.Warnings, confounded)
	return r, nil
}

// nuisance is what both models say of each patient.
type nuisance struct {
	y, t, e, m1, m0 []float64
	binary          bool
}

// nuisances fits the score and the outcome models, for each fold to the others.
func (s *sample) nuisances(o DoublyRobustOptions) (*nuisance, error) {
	n := len(s.t)
	d := &nuisance{y: s.y, t: s.t, e: make([]float64, n), m1: make([]float64, n), m0: make([]float64, n), binary: s.binary}
	fold := make([]int, n)
	var seen [2]int
	for i, t := range s.t {
		a := 1 - int(t)
		fold[i] = seen[a] % o.Folds
		seen[a]++
	}
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

// aipw returns by row the augmented values of both arms.
func (d *nuisance) aipw() (m1, m0 []float64) {
	m1, m0 = slices.Clone(d.m1), slices.Clone(d.m0)
	for i, t := range d.t {
		if t == 1 {
			m1[i] += (d.y[i] - d.m1[i]) / d.e[i]
		} else {
			m0[i] += (d.y[i] - d.m0[i]) / (1 - d.e[i])
		}
	}
	return m1, m0
}

// tmle returns the predictions moved so that the efficient score is 0.
func (d *nuisance) tmle(how string) (q1, q0 []float64, err error) {
	n := len(d.y)
	low, high, edge := 0.0, 1.0, 1e-12
	if !d.binary {
		low, high, edge = slices.Min(d.y), slices.Max(d.y), 0.0005
	}
	if low == high {
		return slices.Clone(d.m1), slices.Clone(d.m0), nil
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
		y[i], weight[i] = (d.y[i]-low)/(high-low), 1
		a, clever := 0, 1/d.e[i]
		offset[i] = logit(d.m1[i])
		if t == 0 {
			a, clever, offset[i] = 1, 1/(1-d.e[i]), logit(d.m0[i])
		}
		if h[a][i] = clever; how == "weights" {
			h[a][i], weight[i] = 1, clever
		}
	}
	m, err := fit.LogisticWith(y, h, fit.LogisticOptions{Weight: weight, Offset: offset})
	if err != nil {
		return nil, nil, err
	}
	q1, q0 = make([]float64, n), make([]float64, n)
	for i, e := range d.e {
		c1, c0 := 1.0, 1.0
		if how == "covariate" {
			c1, c0 = 1/e, 1/(1-e)
		}
		q1[i], q0[i] = back(logit(d.m1[i])+m.Coef[0]*c1), back(logit(d.m0[i])+m.Coef[1]*c0)
	}
	return q1, q0, nil
}

// targeted is the difference of moved predictions and its influence function.
func (d *nuisance) targeted(q1, q0 []float64) (psi float64, influence []float64) {
	influence = make([]float64, len(q1))
	for i := range influence {
		influence[i] = q1[i] - q0[i]
	}
	psi = fit.Describe(influence).Mean
	for i, t := range d.t {
		if t == 1 {
			influence[i] += (d.y[i] - q1[i]) / d.e[i]
		} else {
			influence[i] -= (d.y[i] - q0[i]) / (1 - d.e[i])
		}
	}
	return psi, influence
}
