package compare

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// Populations that an effect may be of.
const (
	targetATE = "ate" // all patients
	targetATT = "att" // those of the arm
	targetATC = "atc" // those of the reference
	targetATO = "ato" // those who might well have had either
	targetATM = "atm" // those whom matching one to one would keep
)

// targetWords says whom each population is, for methods and estimands.
var targetWords = map[string]string{
	targetATE: "average effect in all patients", targetATT: "average effect in patients of the arm", targetATC: "average effect in patients of the reference",
	targetATO: "average effect in the overlap of both arms", targetATM: "average effect in those whom matching would keep",
}

// WeightOptions say how patients are weighted.
type WeightOptions struct {
	ScoreOptions
	Target    string `opt:"target" doc:"whose average effect: ate all patients, att the arm's, atc the reference's, ato the overlap (overlap weights), atm the matched (matching weights)" choices:"ate|att|atc|ato|atm"`
	Weights   string `opt:"weights" doc:"from the propensity score, or by entropy balancing, which makes the means of covariates equal exactly (ate, att, atc)" choices:"propensity|entropy"`
	Stabilise bool   `opt:"stabilise" doc:"ate: weights times the share of the patient's arm; no estimate changes, the weights' size does"`
}

var weightDefaults = WeightOptions{ScoreOptions: scoreDefaults, Target: targetATE, Weights: "propensity"}

// weighting is the weights of the rows, and what their being estimated adds to the
// influence of each row on an estimate whose derivative by the weights is g.
type weighting struct {
	w          []float64
	correction func(g []float64) []float64
	words      string
	firth      bool
}

// weigh returns the sample that is left after trimming, its score and weights.
func weigh(s *sample, o WeightOptions) (*sample, *score, *weighting, error) {
	s, p, err := scored(s, o.ScoreOptions)
	if err != nil {
		return nil, nil, nil, err
	}
	var w *weighting
	if o.Weights == "entropy" {
		if o.Target == targetATO || o.Target == targetATM {
			return nil, nil, nil, badOption("weights=entropy has the targets ate, att and atc, not %s", o.Target)
		}
		w, err = entropyWeights(s, p.design, o.Target)
	} else {
		w, err = scoreWeights(s, p, o)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	s.extreme(w.w)
	return s, p, w, nil
}

// scoreWeights are the weights of a propensity score e:
//
//	ate  t/e + (1-t)/(1-e)      att  t + (1-t) e/(1-e)      atc  t (1-e)/e + (1-t)
//	ato  t (1-e) + (1-t) e      atm  min(e, 1-e) / (t e + (1-t)(1-e))
//
// R: WeightIt::get_w_from_ps(e, t, estimand). Li, Morgan and Zaslavsky 2018,
// 10.1080/01621459.2016.1260466; Li and Greene 2013, 10.1515/ijb-2012-0030.
func scoreWeights(s *sample, p *score, o WeightOptions) (*weighting, error) {
	n := len(s.t)
	w := &weighting{w: make([]float64, n), words: "weights of the propensity score", firth: p.firth}
	slope := make([]float64, n) // of the weight by the logit of the score
	for i, l := range p.linear {
		// of the own arm and of the other, by the logit, so that 1-e loses no digits
		toward, odds := 1.0, math.Exp(-l)
		if s.t[i] == 0 {
			toward, odds = -1, math.Exp(l)
		}
		other := odds / (1 + odds) // probability of the other arm
		switch {
		case o.Target == targetATE:
			w.w[i], slope[i] = 1+odds, -toward*odds
		case o.Target == targetATO:
			w.w[i], slope[i] = other, -toward*other*(1-other)
		case o.Target == targetATM && odds < 1, o.Target == targetATT && s.t[i] == 0, o.Target == targetATC && s.t[i] == 1:
			w.w[i], slope[i] = odds, -toward*odds
		default:
			w.w[i] = 1
		}
		if o.Stabilise && o.Target == targetATE {
			share := float64(s.n[1-int(s.t[i])]) / float64(n)
			w.w[i], slope[i] = share*w.w[i], share*slope[i]
		}
	}
	sum := 0.0
	for _, v := range w.w {
		if !(v > 0) {
			return nil, cannot("a score is 0 or 1 as far as a computer tells, so a weight is 0 or infinite; trim, or name fewer covariates")
		}
		sum += v * v
	}
	if math.IsInf(sum, 0) {
		return nil, cannot("the weights are not finite; trim, use target=ato, or name fewer covariates")
	}
	w.correction = func(g []float64) []float64 { return p.correction(g, slope) }
	return w, nil
}

// entropyWeights make the weighted means of the covariates of each arm equal to the
// target's, as near to equal weights as that allows (least relative entropy).
//
//	wᵢ ∝ exp(λ'xᵢ),  λ minimises log Σ exp(λ'(xᵢ - m)),  a convex problem
//
// R: WeightIt::weightit(method = "ebal"). Hainmueller 2012, 10.1093/pan/mpr025.
func entropyWeights(s *sample, d *design, target string) (*weighting, error) {
	n := len(s.t)
	w := &weighting{w: make([]float64, n), words: "entropy balancing"}
	x := d.x[1:]
	if len(x) == 0 {
		return nil, cannot("no covariate varies, so there is nothing to balance")
	}
	inTarget := make([]bool, n)
	size := 0.0
	for i, t := range s.t {
		if inTarget[i] = target == targetATE || target == targetATT && t == 1 || target == targetATC && t == 0; inTarget[i] {
			size++
		}
	}
	mean := make([]float64, len(x))
	for j, c := range x {
		for i, in := range inTarget {
			if in {
				mean[j] += c[i] / size
			}
		}
	}
	var parts []*balanced
	for a, t := range []float64{1, 0} {
		var rows []int
		for i := range s.t {
			if s.t[i] == t {
				rows = append(rows, i)
			}
		}
		if target == targetATT && a == 0 || target == targetATC && a == 1 {
			for _, i := range rows {
				w.w[i] = 1
			}
			continue
		}
		sum := float64(len(rows))
		if target != targetATE {
			sum = size
		}
		b, err := entropyBalance(x, mean, rows, sum)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.groups[a].Name, err)
		}
		for k, i := range rows {
			w.w[i] = b.w[k]
		}
		parts = append(parts, b)
	}
	w.correction = func(g []float64) []float64 {
		out := make([]float64, n)
		for _, b := range parts {
			b.correct(out, g, inTarget, size)
		}
		return out
	}
	return w, nil
}

// balanced is the solution of entropy balancing of some rows to a mean.
type balanced struct {
	x     [][]float64
	mean  []float64
	rows  []int
	w     []float64 // by place in rows
	sum   float64
	chol  mat.Cholesky // of the weighted covariance
	steps int
}

// entropyBalance finds weights of rows, summing to sum, under which the columns have
// the given means, by Newton's method on the convex dual until every mean is within
// 1e-10 (columns are in standard deviations).
func entropyBalance(x [][]float64, mean []float64, rows []int, sum float64) (*balanced, error) {
	k := len(x)
	b := &balanced{x: x, mean: mean, rows: rows, w: make([]float64, len(rows)), sum: sum}
	lambda := make([]float64, k)
	dual := func(l []float64) float64 {
		most := math.Inf(-1)
		for r, i := range rows {
			b.w[r] = 0
			for j, c := range x {
				b.w[r] += float64(l[j] * (c[i] - mean[j]))
			}
			most = math.Max(most, b.w[r])
		}
		total := 0.0
		for r := range b.w {
			b.w[r] = math.Exp(b.w[r] - most)
			total += b.w[r]
		}
		for r := range b.w {
			b.w[r] *= sum / total
		}
		return most + math.Log(total)
	}
	last := dual(lambda)
	row := mat.NewVecDense(k, nil)
	for b.steps = 0; b.steps < 200; b.steps++ {
		gradient, hessian := mat.NewVecDense(k, nil), mat.NewSymDense(k, nil)
		for r, i := range rows {
			for j, c := range x {
				row.SetVec(j, c[i]-mean[j])
			}
			gradient.AddScaledVec(gradient, b.w[r]/sum, row)
			hessian.SymRankOne(hessian, b.w[r]/sum, row)
		}
		hessian.SymRankOne(hessian, -1, gradient)
		ok := b.chol.Factorize(hessian)
		if ok && b.chol.Cond() < 1e12 && mat.Norm(gradient, math.Inf(1)) < 1e-10 {
			return b, nil
		}
		var step mat.VecDense
		if !ok || b.chol.SolveVecTo(&step, gradient) != nil {
			break
		}
		next := make([]float64, k)
		for h := 1.0; ; h /= 2 {
			for j := range k {
				next[j] = lambda[j] - h*step.AtVec(j)
			}
			if v := dual(next); v <= last+1e-14*math.Abs(last) || h < 1e-8 {
				last = v
				break
			}
		}
		lambda = next
	}
	return nil, cannot("no weights give these %d patients the means of the target in %d covariates: the target lies outside of what they span, or a covariate follows from others; name fewer covariates, or use weights=propensity", len(rows), k)
}

// correct adds what the weights' being estimated adds to each row's influence.
//
//	Σⱼ gⱼ wⱼ (xⱼ-m)' A⁻¹ ([i in target] S (xᵢ-m)/n - wᵢ (xᵢ-m)),  A = Σ w (x-m)(x-m)',  S = Σ w
func (b *balanced) correct(out, g []float64, inTarget []bool, size float64) {
	k := len(b.x)
	c := mat.NewVecDense(k, nil)
	for j, x := range b.x {
		s := 0.0
		for r, i := range b.rows {
			s += float64(g[i] * b.w[r] * (x[i] - b.mean[j]))
		}
		c.SetVec(j, s)
	}
	var v mat.VecDense
	if b.chol.SolveVecTo(&v, c) != nil {
		return // the condition was checked
	}
	along := func(i int) (s float64) {
		for j, x := range b.x {
			s += float64((x[i] - b.mean[j]) * v.AtVec(j))
		}
		return s / b.sum
	}
	for r, i := range b.rows {
		out[i] -= b.w[r] * along(i)
	}
	for i, in := range inTarget {
		if in {
			out[i] += b.sum / size * along(i)
		}
	}
}

// effective is Kish's effective sample size, (Σw)²/Σw², of each arm.
func effective(t, w []float64) [2]float64 {
	var sum, square [2]float64
	for i, v := range w {
		a := 1 - int(t[i])
		sum[a] += v
		square[a] += v * v
	}
	return [2]float64{sum[0] * sum[0] / square[0], sum[1] * sum[1] / square[1]}
}

// extreme warns where a few patients carry an arm.
func (s *sample) extreme(w []float64) {
	ess := effective(s.t, w)
	for a, g := range s.groups {
		n := s.n[a]
		most, sum := 0.0, 0.0
		for i, v := range w {
			if 1-int(s.t[i]) == a {
				most, sum = math.Max(most, v), sum+v
			}
		}
		if share := most / sum; share > 0.1 && n >= 20 || ess[a] < 0.3*float64(n) {
			s.warn(WarnExtreme, fmt.Sprintf("%s: %d patients count as %.0f; the heaviest has %.0f %% of the weight", g.Name, n, ess[a], 100*share), "use overlap weights (target=ato), trim, or name fewer covariates")
		}
	}
}

// Propensity is compare/propensity: the score, the weights, and whether arms overlap.
var Propensity = analysis.New(analysis.Analysis{
	Name:     "compare/propensity",
	Title:    "Propensity score and weights",
	Estimand: "the probability of having been in the arm rather than in the reference, given the covariates, and how many patients the weighted arms are worth",
	Doc: `Logistic regression of the arm on covariates (text covariates as indicators of their levels, and the outcome at baseline where an outcome is asked about); Firth's penalised likelihood where covariates separate the arms, which a warning says.
Terms: c_statistic (how well covariates tell the arms apart; near 1 means little overlap, and high is not good), effective_sample_size of each arm, (Σw)²/Σw², and largest_weight of each, as a share of its arm's weight.
Tables: coefficients of the score (log odds ratios, model errors); weights (quantiles by arm). Series: score, the share of each arm's patients in twenty bins from the smallest score to the largest (x the lower end), before weights and after.
Weights of score e, t = 1 in the arm: ate t/e + (1-t)/(1-e); att t + (1-t)e/(1-e); atc t(1-e)/e + 1-t; ato t(1-e) + (1-t)e; atm min(e,1-e)/(te + (1-t)(1-e)). Entropy balancing: least relative entropy to equal means, Newton on the convex dual to 1e-10 standard deviations.
Trimming: fixed bounds, Crump's bound of least variance, or percentiles; who is left out is counted, and the score is fitted anew to those left.
Assumes that what decided the treatment is among the covariates, and that nobody was sure of one arm. Missing covariates: complete cases, counted, or missing=indicator (which assumes that missing itself decided the treatment).
R: glm(arm ~ x, binomial); WeightIt::weightit(arm ~ x, estimand); logistf::logistf(arm ~ x).`,
	Refs: []string{
		"Rosenbaum and Rubin 1983, 10.1093/biomet/70.1.41", "Li, Morgan and Zaslavsky 2018, 10.1080/01621459.2016.1260466", "Li and Greene 2013, 10.1515/ijb-2012-0030",
		"Hainmueller 2012, 10.1093/pan/mpr025", "Crump, Hotz, Imbens and Mitnik 2009, 10.1093/biomet/asn055", "Firth 1993, 10.1093/biomet/80.1.27",
	},
	Needs: armNeeds,
}, weightDefaults, runPropensity)

func runPropensity(_ context.Context, in analysis.Input, q analysis.Question, o WeightOptions) (analysis.Result, error) {
	s, err := readSample(in, q, o.CovariateOptions, nil)
	if err != nil {
		return analysis.Result{}, err
	}
	s.outcome.Field.Name = q.Outcome
	s, p, w, err := weigh(s, o)
	if err != nil {
		return analysis.Result{}, err
	}
	r := s.result()
	c := s.estimate("c_statistic", analysis.ScaleProportion)
	c.Value = analysis.Num(p.concordance())
	c.Method = analysis.Method{Name: "area under the ROC curve of the propensity score, ties half", R: "pROC::auc(arm, fitted(fit))"}
	r.Estimates = append(r.Estimates, c)
	r.Estimates = append(r.Estimates, s.worth(w, o.Target)...)
	r.Tables = append(r.Tables, p.table(), s.weightTable(w))
	r.Series = append(s.histogram(p.e, nil, "score"), s.histogram(p.e, w.w, "score-weighted")...)
	return r, nil
}

// worth is the effective sample size and the largest share of each arm.
func (s *sample) worth(w *weighting, target string) []analysis.Estimate {
	var out []analysis.Estimate
	ess := effective(s.t, w.w)
	for a, g := range s.groups {
		e := s.estimate("effective_sample_size", analysis.ScaleCount)
		e.Arm, e.Reference, e.Value = g.Name, "", analysis.Num(ess[a])
		e.N = analysis.N{Arm: s.n[a]}
		e.Method = analysis.Method{Name: "(sum of weights)² / sum of squares; " + w.words + ", " + targetWords[target], R: "cobalt::ESS(w)", Ref: "Kish 1965, Survey Sampling"}
		most, sum := 0.0, 0.0
		for i, v := range w.w {
			if 1-int(s.t[i]) == a {
				most, sum = math.Max(most, v), sum+v
			}
		}
		l := e
		l.Term, l.Scale, l.Value = "largest_weight", analysis.ScaleProportion, analysis.Num(most/sum)
		l.Method = analysis.Method{Name: "largest weight over the sum of its arm's weights"}
		out = append(out, e, l)
	}
	return out
}

func (p *score) table() analysis.Table {
	t := analysis.Table{
		Name: "propensity-score", Title: "Coefficients of the propensity score (log odds of the arm)",
		Columns: []string{"term", "coefficient", "std_error", "odds_ratio"},
		Notes:   []string{fmt.Sprintf("log likelihood %.6f", p.logLik)},
	}
	if p.firth {
		t.Notes = append(t.Notes, "Firth's penalised likelihood.")
	}
	for j, name := range p.names {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(name), analysis.Number(p.coef[j]), analysis.Number(p.se[j]), analysis.Number(math.Exp(p.coef[j]))})
	}
	return t
}

func (s *sample) weightTable(w *weighting) analysis.Table {
	t := analysis.Table{Name: "weights", Title: "Weights by arm", Columns: []string{"arm", "patients", "smallest", "quarter", "median", "three quarters", "largest", "sum"}}
	for a, g := range s.groups {
		var own []float64
		sum := 0.0
		for i, v := range w.w {
			if 1-int(s.t[i]) == a {
				own, sum = append(own, v), sum+v
			}
		}
		row := []analysis.Value{analysis.Text(g.Name), analysis.Number(float64(len(own)))}
		for _, at := range []float64{0, 0.25, 0.5, 0.75, 1} {
			row = append(row, analysis.Number(fit.Quantile(own, at)))
		}
		t.Rows = append(t.Rows, append(row, analysis.Number(sum)))
	}
	return t
}

// histogram is the share of each arm in twenty bins from the smallest score to the
// largest.
func (s *sample) histogram(e, w []float64, name string) []analysis.Series {
	const bins = 20
	low, high := slices.Min(e), slices.Max(e)
	if high == low {
		low, high = math.Max(0, low-0.05), math.Min(1, high+0.05)
	}
	width := (high - low) / bins
	var out []analysis.Series
	for a, g := range s.groups {
		share, count, sum := make([]float64, bins), make([]int, bins), 0.0
		for i, v := range e {
			if 1-int(s.t[i]) != a {
				continue
			}
			bin, own := min(max(int((v-low)/width), 0), bins-1), 1.0
			if w != nil {
				own = w[i]
			}
			share[bin] += own
			count[bin]++
			sum += own
		}
		series := analysis.Series{Name: name, Group: g.Name, Step: true, XUnit: "propensity score", YUnit: "share of the arm"}
		for b := range share {
			series.Points = append(series.Points, analysis.Point{X: analysis.Num(low + float64(b)*width), Y: analysis.Num(share[b] / sum), Low: analysis.None, High: analysis.None, N: count[b]})
		}
		series.Points = append(series.Points, analysis.Point{X: analysis.Num(high), Low: analysis.None, High: analysis.None}) // closes the last bin
		out = append(out, series)
	}
	return out
}
