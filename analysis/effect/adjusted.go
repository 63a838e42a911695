package effect

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/analysis/resample"
	"recoup/datasets"
)

// Standardised is what a logistic model says of two arms after averaging over all
// patients: shares if all were in the arm, and if all were in the reference.
type Standardised struct {
	P1, P0, SE1, SE0 float64
	RD, RDSE         float64
	LogRR, LogRRSE   float64 // NaN where a share is 0 or 1
	LogOR, LogORSE   float64
	Influence        float64 // error of RD by the influence function
	Condition        float64 // log odds ratio between patients alike
	ConditionSE      float64
}

// standardise averages the fitted probabilities of every patient with the column
// arm set to 1 and to 0 (g-computation), and gives errors by the delta method from
// a covariance of the coefficients.
//
//	RD = P₁ - P₀,  P_a = Σ p_i(a)/n,  Var = g'Vg,  g = Σ ∂p_i(1)/∂b/n - Σ ∂p_i(0)/∂b/n
//
// Influence is the standard error of RD by Ye and others' influence function,
// which also counts the covariates as sampled; it assumes randomised arms.
//
// R: marginaleffects::avg_comparisons(fit, variables = "arm", vcov). Ye, Shao,
// Yi and Zhao 2023, 10.1080/01621459.2022.2049278; Freedman 2008,
// 10.1214/08-STS262.
func standardise(m *fit.LogisticModel, y []float64, x [][]float64, arm int, v *mat.SymDense) Standardised {
	n, k := len(y), len(x)
	g1, g0 := make([]float64, k), make([]float64, k)
	var s Standardised
	p1, p0 := make([]float64, n), make([]float64, n)
	share := 0.0
	for i := range n {
		p1[i], p0[i] = m.Probability(i, arm, 1), m.Probability(i, arm, 0)
		s.P1, s.P0 = s.P1+p1[i], s.P0+p0[i]
		share += x[arm][i]
		for j := range k {
			c1, c0 := x[j][i], x[j][i]
			if j == arm {
				c1, c0 = 1, 0
			}
			g1[j] += p1[i] * (1 - p1[i]) * c1
			g0[j] += p0[i] * (1 - p0[i]) * c0
		}
	}
	N := float64(n)
	s.P1, s.P0, share = s.P1/N, s.P0/N, share/N
	for j := range k {
		g1[j], g0[j] = g1[j]/N, g0[j]/N
	}
	se := func(w1, w0 float64) float64 {
		g := mat.NewVecDense(k, nil)
		for j := range k {
			g.SetVec(j, w1*g1[j]-w0*g0[j])
		}
		return math.Sqrt(math.Max(0, mat.Inner(g, v, g)))
	}
	s.RD, s.RDSE = s.P1-s.P0, se(1, 1)
	s.SE1, s.SE0 = se(1, 0), se(0, 1)
	s.LogRR, s.LogRRSE = math.Log(s.P1/s.P0), se(1/s.P1, 1/s.P0)
	o1, o0 := s.P1*(1-s.P1), s.P0*(1-s.P0)
	s.LogOR, s.LogORSE = math.Log(s.P1/(1-s.P1)/(s.P0/(1-s.P0))), se(1/o1, 1/o0)
	influence := make([]float64, n)
	for i := range n {
		a := x[arm][i]
		influence[i] = a/share*(y[i]-p1[i]) - (1-a)/(1-share)*(y[i]-p0[i]) + p1[i] - p0[i]
	}
	s.Influence = fit.Describe(influence).SD / math.Sqrt(N)
	s.Condition = m.Coef[arm]
	return s
}

// StandardiseLogistic fits the model and standardises it, with errors of the named
// kind: model, HC0 or HC3.
func StandardiseLogistic(y []float64, x [][]float64, arm int, errors string) (Standardised, error) {
	m, err := fit.Logistic(y, x)
	if err != nil {
		return Standardised{}, err
	}
	v, err := m.Covariance(errors)
	if err != nil {
		return Standardised{}, err
	}
	s := standardise(m, y, x, arm, v)
	s.ConditionSE = math.Sqrt(v.At(arm, arm))
	return s, nil
}

// AdjustedOptions are the settings of effect/adjusted-responders.
type AdjustedOptions struct {
	Rule       string   `opt:"rule" doc:"percent: improved by at least the threshold in percent of baseline; points: in points; at-most: at the threshold or better at the visit" choices:"percent|points|at-most"`
	Threshold  float64  `opt:"threshold" doc:"of the rule"`
	Direction  string   `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Covariates []string `opt:"covariates" doc:"columns to adjust for beside the baseline, from a table of one row a patient; text columns become indicators of their levels"`
	Errors     string   `opt:"errors" doc:"HC0 and HC3 hold where the model is wrong; influence also counts the covariates as sampled, for randomised arms, and is of the difference alone; model trusts the model" choices:"model|HC0|HC3|influence"`
	Interval   string   `opt:"interval" doc:"of the difference: by the delta method, or by drawing patients within each arm and fitting anew" choices:"delta|bca|percentile"`
	Replicates int      `opt:"replicates" doc:"bootstrap samples"`
}

// AdjustedResponders is effect/adjusted-responders: responders of two arms as if
// both had had all the patients.
var AdjustedResponders = analysis.New(analysis.Analysis{
	Name:     "effect/adjusted-responders",
	Title:    "Responders adjusted for baseline and covariates (g-computation)",
	Estimand: "difference in the share of responders if all patients of both arms had been in the arm, and if all had been in the reference",
	Doc: `Logistic regression of response on arm, baseline and covariates; each patient's probability under both arms; their means and what follows.
Terms: share_arm and share_reference (standardised), risk_difference, risk_ratio and odds_ratio (marginal), and conditional_odds_ratio (of the model, between patients alike). Marginal and conditional odds ratios differ even without confounding. Table coefficients: the logistic model's, log odds.
Errors by the delta method from errors=HC0 (default), HC3 or model, of ratios on the log and of shares on the logit scale; errors=influence has Ye's variance for the difference and HC0 for the rest. Intervals normal; interval=bca or percentile gives the difference a bootstrap interval and error instead (samples in which the model cannot be fitted are left out and counted).
Missing values: a patient not seen counts as not improved, with missing=available in the question as absent; patients without a baseline or covariate are left out. Where covariates separate responders from others no model is fitted: null, with a warning.
Assumes the logistic model for observed arms; in a randomised comparison the difference is consistent even where the model is wrong.
R: marginaleffects::avg_comparisons(glm(y ~ arm + baseline, binomial), variables = "arm", vcov = "HC0").`,
	Refs:   []string{"Freedman 2008, 10.1214/08-STS262", "Ye, Shao, Yi and Zhao 2023, 10.1080/01621459.2022.2049278", "Food and Drug Administration 2023, Adjusting for covariates in randomized clinical trials"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, AdjustedOptions{Rule: fit.RulePercent, Threshold: 30, Direction: "instrument", Errors: fit.CovHC0, Interval: "delta", Replicates: 999}, adjustedResponders)

func adjustedResponders(ctx context.Context, in analysis.Input, q analysis.Question, o AdjustedOptions) (analysis.Result, error) {
	p, groups, r, err := compared(in, q)
	if err != nil {
		return r, err
	}
	lower, ws := better(o.Direction, p)
	r.Warnings = append(r.Warnings, ws...)
	rule := thresholdRule(o.Rule, o.Threshold, lower)
	judged := p
	judged.After = make([]float64, len(p.After))
	for i := range p.After {
		judged.After[i] = math.NaN()
	}
	missing := 0
	for _, g := range groups {
		for _, i := range g.Patients {
			v := rule.Judge(p.Before[i], p.After[i])
			if math.IsNaN(v) {
				missing++
				if q.Missing == analysis.MissingAvailable {
					continue
				}
				v = 0
			}
			judged.After[i] = v
		}
	}
	d, err := newDesign(in, groups, judged, AncovaOptions{Covariates: o.Covariates})
	if err != nil {
		return r, err
	}
	n := analysis.N{Arm: d.n[0], Reference: d.n[1], Missing: missing}
	for i, v := range d.y {
		if v == 1 && d.x[1][i] == 1 {
			n.Events++
		}
	}
	es := standardised(d, rule.words, n, groups, p, q, o)
	if o.Interval != "delta" && es[2].Value.OK() {
		if es[2], err = d.bootstrapped(ctx, es[2], q, o); err != nil {
			return r, err
		}
	}
	r.Estimates = append(r.Estimates, es...)
	if es[2].Value.OK() {
		r.Tables = append(r.Tables, d.logOdds(groups, q.Level, o.Errors))
	}
	return r, nil
}

// logOdds lists the coefficients of the logistic model.
func (d *design) logOdds(groups []analysis.Group, level float64, errors string) analysis.Table {
	t := analysis.Table{
		Name: "coefficients", Title: "Coefficients of the logistic model (log odds)",
		Columns: []string{"column", "level", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"},
	}
	if errors == "influence" {
		errors = fit.CovHC0
	}
	m, err := fit.Logistic(d.y, d.x)
	if err != nil {
		return t
	}
	v, err := m.Covariance(errors)
	if err != nil {
		return t
	}
	for j, b := range m.Coef {
		name := d.names[j]
		if j == 1 {
			name = [2]string{"arm", groups[0].Name}
		}
		se := math.Sqrt(v.At(j, j))
		ci := analysis.NormalInterval(b, se, level)
		row := []analysis.Value{analysis.Text(name[0]), analysis.Text(name[1])}
		if name[1] == "" {
			row[1] = analysis.Number(math.NaN())
		}
		for _, x := range []float64{b, se, b / se, analysis.NormalP(b / se), float64(ci.Low), float64(ci.High)} {
			row = append(row, analysis.Number(x))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// bootstrapped gives the standardised difference a bootstrap interval and error.
func (d *design) bootstrapped(ctx context.Context, e analysis.Estimate, q analysis.Question, o AdjustedOptions) (analysis.Estimate, error) {
	classes := resample.Classes{Sizes: make([]int, len(d.y)), Strata: make([]int, len(d.y))}
	for i := range d.y {
		classes.Sizes[i], classes.Strata[i] = 1, int(d.x[1][i])
	}
	draws, err := resample.Bootstrap(ctx, func(w []float64) (float64, float64) {
		y, x := make([]float64, 0, len(w)), make([][]float64, len(d.x))
		for i, n := range w {
			for range int(n) {
				y = append(y, d.y[i])
				for j := range x {
					x[j] = append(x[j], d.x[j][i])
				}
			}
		}
		s, err := StandardiseLogistic(y, x, 1, fit.CovModel)
		if err != nil {
			return math.NaN(), math.NaN()
		}
		return s.RD, math.NaN()
	}, classes, resample.Plan{Replicates: o.Replicates, Seed: q.Seed})
	if err != nil {
		return e, fmt.Errorf("%w: %w", analysis.ErrOptions, err)
	}
	e.Method.Name += fmt.Sprintf("; %s bootstrap interval, %d samples, seed %d", o.Interval, o.Replicates, q.Seed)
	e.CI, e.SE, e.Statistic, e.P = analysis.NoInterval, analysis.None, analysis.None, analysis.None
	if se := draws.StandardError(); se > 0 {
		e.SE = analysis.Num(se)
	}
	ci := draws.Interval(o.Interval, q.Level)
	switch {
	case !ci.Low.OK() || ci.Low > e.Value || ci.High < e.Value:
		e = e.Warn(analysis.WarnTooFew, "the samples give no interval that holds the estimate", "use interval=delta")
	case ci.Extreme:
		e = e.Warn(analysis.WarnTooFew, "a bound is the smallest or the largest sample, so the interval is cut short", "set more replicates")
	}
	if ci.Low.OK() && ci.Low <= e.Value && ci.High >= e.Value {
		e.CI = ci.Interval
	}
	if draws.Failed > 0 {
		e = e.Warn(analysis.WarnExcluded, fmt.Sprintf("in %d of %d samples the model cannot be fitted; they are left out", draws.Failed, o.Replicates), "use fewer covariates")
	}
	return e, nil
}

func standardised(d *design, words string, n analysis.N, groups []analysis.Group, p analysis.Paired, q analysis.Question, o AdjustedOptions) []analysis.Estimate {
	terms := []struct {
		term  string
		scale analysis.Scale
	}{{"share_arm", analysis.ScaleProportion}, {"share_reference", analysis.ScaleProportion}, {"risk_difference", analysis.ScaleRiskDiff}, {"risk_ratio", analysis.ScaleRatio}, {"odds_ratio", analysis.ScaleRatio}, {"conditional_odds_ratio", analysis.ScaleRatio}}
	out := make([]analysis.Estimate, len(terms))
	for i, t := range terms {
		e := start(t.term, t.scale, groups[0], &groups[1], p)
		e.Definition, e.N = words, n
		e.Method = analysis.Method{Name: "logistic regression on arm, baseline" + listed(o.Covariates) + ", standardised over all patients; " + o.Errors + " errors", R: `marginaleffects::avg_comparisons(glm(y ~ arm + baseline, binomial), variables = "arm", vcov = "HC0")`, Ref: "Freedman 2008, 10.1214/08-STS262"}
		out[i] = e
	}
	all := func(code, message, cure string) []analysis.Estimate {
		for i := range out {
			out[i] = out[i].Warn(code, message, cure)
		}
		return out
	}
	if n.Arm == 0 || n.Reference == 0 {
		return all(analysis.WarnTooFew, "one of the arms has no patient with response, baseline and covariates", "ask for a visit with more patients, or fewer covariates")
	}
	kind := o.Errors
	if kind == "influence" {
		kind = fit.CovHC0
	}
	s, err := StandardiseLogistic(d.y, d.x, 1, kind)
	switch {
	case errors.Is(err, fit.ErrSeparation):
		return all(analysis.WarnSeparation, "arm, baseline and covariates tell responders from others without fail, so the model has no finite coefficients", "use fewer covariates, or effect/responders")
	case err != nil:
		return all(analysis.WarnTooFew, "the model cannot be fitted: "+err.Error(), "use fewer covariates, or effect/responders")
	}
	if o.Errors == "influence" {
		s.RDSE = s.Influence
	}
	out[0].Value, out[1].Value = analysis.Num(s.P1), analysis.Num(s.P0)
	out[0].SE, out[0].CI = analysis.Num(s.SE1), logitInterval(s.P1, s.SE1, q.Level)
	out[1].SE, out[1].CI = analysis.Num(s.SE0), logitInterval(s.P0, s.SE0, q.Level)
	out[2].Value, out[2].SE = analysis.Num(s.RD), analysis.Num(s.RDSE)
	out[2].CI = analysis.NormalInterval(s.RD, s.RDSE, q.Level)
	out[2].Statistic, out[2].P = analysis.Num(s.RD/s.RDSE), analysis.Num(analysis.NormalP(s.RD/s.RDSE))
	onLog := func(e *analysis.Estimate, log, se float64) {
		e.Value, e.SE, e.CI = analysis.Num(math.Exp(log)), analysis.Num(se*math.Exp(log)), analysis.LogInterval(math.Exp(log), se, q.Level)
		e.Statistic, e.P = analysis.Num(log/se), analysis.Num(analysis.NormalP(log/se))
	}
	onLog(&out[3], s.LogRR, s.LogRRSE)
	onLog(&out[4], s.LogOR, s.LogORSE)
	onLog(&out[5], s.Condition, s.ConditionSE)
	return out
}

// logitInterval returns a normal interval of a share on the logit scale, which
// stays between 0 and 1.
func logitInterval(p, se, level float64) analysis.Interval {
	half := analysis.NormalQuantile(level) * se / (p * (1 - p))
	logit := math.Log(p / (1 - p))
	return analysis.NewInterval("normal on the logit scale", 1/(1+math.Exp(half-logit)), 1/(1+math.Exp(-half-logit)), level)
}
