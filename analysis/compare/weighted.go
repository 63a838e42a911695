package compare

import (
	"context"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Kinds of standard errors in a weighted sample.
const (
	errorsEstimated = "estimated" // sandwich of outcome and score together
	errorsSurvey    = "survey"    // HC0 × n/(n-1)
)

// WeightedOptions are the settings of compare/weighted.
type WeightedOptions struct {
	WeightOptions
	OutcomeOptions
	Adjust bool   `opt:"adjust" doc:"also regress the outcome on the covariates within the weighted sample"`
	Errors string `opt:"errors" doc:"estimated accounts for the weights' being estimated; HC0, HC3 and survey (HC0 n/(n-1)) take them as known" choices:"estimated|HC0|HC3|survey"`
}

// Weighted is compare/weighted: outcomes of weighted arms.
var Weighted = analysis.New(analysis.Analysis{
	Name:     "compare/weighted",
	Title:    "Weighted comparison",
	Estimand: "average effect of the arm against the reference on the outcome at the visit, in the population that target names",
	Doc: `Weighted means of the outcome in both arms, weights from the propensity score or entropy balancing (see compare/propensity).
Terms: adjusted_difference (or risk_difference with risk_ratio and odds_ratio, where the outcome is 0/1), mean_arm and mean_reference (share_ where 0/1), unadjusted_difference, effective_sample_size and largest_weight of each arm.
Value: Σ w t y / Σ w t - Σ w (1-t) y / Σ w (1-t). With adjust=true the coefficient of the arm in weighted least squares on arm and covariates, means at the weighted average.
Errors, normal intervals: estimated (default) stacks the equations of the score, or of entropy balancing, with those of the means (M-estimation); it may be smaller or larger than what HC0 gives, which takes the weights as known. HC3 and survey are variants of HC0. With adjust=true the covariates' means, at which the arms' means are given, are taken as known. With Firth's score, estimated uses the plain score equations, which differ by a term of order 1/n.
Complete cases of covariates and outcome, counted; a responder's missing outcome counts as failure where the question says so. Table balance says what the weights have done, target-trial which trial this stands in for; warnings say where time does not begin alike in both arms.
Assumes that what decided the treatment is among the covariates, that the score's form is right, and that nobody was sure of one arm.
R: WeightIt::weightit(arm ~ x, estimand); lm(y ~ arm, weights = w) with sandwich::vcovHC(fit, "HC0"); WeightIt::lm_weightit(y ~ arm, vcov = "asympt").`,
	Refs: []string{
		"Lunceford and Davidian 2004, 10.1002/sim.1903", "Stefanski and Boos 2002, 10.1198/000313002753631330", "Li, Morgan and Zaslavsky 2018, 10.1080/01621459.2016.1260466",
		"Hainmueller 2012, 10.1093/pan/mpr025", "Hernan and Robins 2016, 10.1093/aje/kwv254",
	},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, weightedDefaults, runWeighted)

var weightedDefaults = WeightedOptions{WeightOptions: weightDefaults, OutcomeOptions: outcomeDefaults, Errors: errorsEstimated}

func runWeighted(_ context.Context, in analysis.Input, q analysis.Question, o WeightedOptions) (analysis.Result, error) {
	before, err := readSample(in, q, o.CovariateOptions, o.OutcomeOptions)
	if err != nil {
		return analysis.Result{}, err
	}
	s, _, w, err := weigh(before, o.WeightOptions)
	if err != nil {
		return analysis.Result{}, err
	}
	trial := s.trial(in, q, targetWords[o.Target], s.outcomeWords(), w.words)
	r := s.result()
	f := &outcomeFit{
		s: s, all: before, w: w.w, correction: w.correction, level: q.Level, kind: o.Errors, adjust: o.Adjust,
		method: analysis.Method{
			Name: w.words + ", " + targetWords[o.Target], R: "lm(y ~ arm, weights = WeightIt::weightit(arm ~ x)$weights)",
			Ref: "Lunceford and Davidian 2004, 10.1002/sim.1903",
		},
	}
	if r.Estimates, err = f.estimates(); err != nil {
		return r, err
	}
	r.Estimates = append(r.Estimates, s.worth(w, o.Target)...)
	by := denominator("auto", o.Target)
	rows := balanceOf(before, s, w.w, by)
	r.Tables = append(r.Tables, trial, balanceTable(rows, f.method.Name, by), s.weightTable(w))
	r.Series = append(r.Series, loveSeries(rows)...)
	r.Warnings = append(append(r.Warnings, imbalance(rows, 0.1)...), confounded)
	return r, nil
}

// differenceTerm is the name and scale of the comparison.
func (s *sample) differenceTerm() (string, analysis.Scale) {
	if s.binary {
		return "risk_difference", analysis.ScaleRiskDiff
	}
	return "adjusted_difference", analysis.ScaleDifference
}

// outcomeFit is the outcome's model in a weighted or matched sample.
type outcomeFit struct {
	s, all     *sample // with weights, and everybody
	w          []float64
	correction func(g []float64) []float64 // nil where weights are taken as known
	cluster    []int
	se         float64 // where kind is worked out elsewhere
	kind, word string
	level      float64
	adjust     bool
	method     analysis.Method

	model *fit.Linear
	cov   *mat.SymDense
	df    float64
	shift float64
}

// fit regresses the outcome on intercept, arm and, with adjust, covariates centred at
// their weighted means, by weighted least squares: rows times √w.
func (f *outcomeFit) fit() error {
	s := f.s
	x := [][]float64{make([]float64, len(f.w)), s.t}
	for i := range x[0] {
		x[0][i] = 1
	}
	if f.adjust {
		for _, c := range s.design().x[1:] {
			sum, total := 0.0, 0.0
			for i, v := range c {
				sum, total = sum+f.w[i]*v, total+f.w[i]
			}
			centred := make([]float64, len(c))
			for i, v := range c {
				centred[i] = v - sum/total
			}
			x = append(x, centred)
		}
	}
	f.shift = s.y[0]
	y, rows := make([]float64, len(f.w)), make([][]float64, len(x))
	for j := range x {
		rows[j] = make([]float64, len(f.w))
	}
	for i, w := range f.w {
		root := math.Sqrt(w)
		y[i] = root * (s.y[i] - f.shift)
		for j := range x {
			rows[j][i] = root * x[j][i]
		}
	}
	var err error
	if f.model, err = fit.LeastSquares(y, rows); err != nil {
		return cannot("the outcome's model cannot be fitted: %w", err)
	}
	switch f.kind {
	case errorsEstimated, "abadie-imbens":
	case errorsSurvey:
		f.cov, f.df, err = f.model.Covariance(fit.CovHC0, nil)
		n := float64(len(f.w))
		f.cov.ScaleSym(n/(n-1), f.cov)
	default:
		f.cov, f.df, err = f.model.Covariance(f.kind, f.cluster)
	}
	if err != nil {
		return cannot("%w", err)
	}
	return nil
}

// variance of a contrast of the coefficients.
func (f *outcomeFit) variance(c []float64) float64 {
	switch f.kind {
	case "abadie-imbens":
		return f.se * f.se
	case errorsEstimated:
		d := f.model.Influence(c)
		g := make([]float64, len(d))
		for i := range d {
			g[i] = d[i] / f.w[i]
		}
		sum := 0.0
		for i, v := range f.correction(g) {
			sum += (d[i] + v) * (d[i] + v)
		}
		return sum
	}
	_, v := f.model.Contrast(c, f.cov)
	return v
}

// contrast of arm (1, 1) and reference (1, 0), by how much each counts.
func (f *outcomeFit) contrast(arm, reference float64) []float64 {
	c := make([]float64, len(f.model.Coef))
	c[0], c[1] = arm+reference, arm
	return c
}

func (f *outcomeFit) interval(value, se float64) analysis.Interval {
	if f.kind == fit.CovCluster {
		return analysis.TInterval(value, se, f.df, f.level)
	}
	return analysis.NormalInterval(value, se, f.level)
}

func (f *outcomeFit) tested(e analysis.Estimate, statistic float64) analysis.Estimate {
	e.Statistic = analysis.Num(statistic)
	if f.kind == fit.CovCluster {
		e.DF, e.P = analysis.Num(f.df), analysis.Num(analysis.TP(statistic, f.df))
		return e
	}
	e.P = analysis.Num(analysis.NormalP(statistic))
	return e
}

// estimates are the difference, the means and, of 0/1 outcomes, the ratios; then what
// everybody shows without weights.
func (f *outcomeFit) estimates() ([]analysis.Estimate, error) {
	term, scale := f.s.differenceTerm()
	start := func(term string, scale analysis.Scale) analysis.Estimate {
		e := f.s.estimate(term, scale)
		e.Unit, e.Method, e.Definition = f.s.outcome.Field.Unit, f.method, f.s.words
		if f.s.binary {
			e.Unit = ""
		}
		return e
	}
	if len(f.w) < 4 || f.s.n[0] < 2 || f.s.n[1] < 2 {
		e := start(term, scale)
		return []analysis.Estimate{e.Warn(analysis.WarnTooFew, "each arm needs two patients with outcome and covariates", "ask for a visit with more patients, or name fewer covariates")}, nil
	}
	if err := f.fit(); err != nil {
		return nil, err
	}
	if f.word == "" {
		f.word = map[string]string{errorsEstimated: "errors that account for the estimated weights (M-estimation)", fit.CovCluster: "errors by matched set (CR1)"}[f.kind]
		if f.word == "" {
			f.word = f.kind + " errors, weights taken as known"
		}
	}
	f.method.Name += "; " + f.s.words + "; " + f.word
	if f.adjust {
		f.method.Name += "; outcome regressed on arm and covariates"
	}
	d := f.measured(start(term, scale), f.contrast(1, -1), true)
	m1, m0 := start("mean_arm", analysis.ScaleMean), start("mean_reference", analysis.ScaleMean)
	if f.s.binary {
		m1, m0 = start("share_arm", analysis.ScaleProportion), start("share_reference", analysis.ScaleProportion)
	}
	m1, m0 = f.measured(m1, f.contrast(1, 0), false), f.measured(m0, f.contrast(0, 1), false)
	out := []analysis.Estimate{d}
	if f.s.binary {
		out = append(out, f.ratios(start, float64(m1.Value), float64(m0.Value))...)
	}
	return append(out, m1, m0, f.unadjusted(start("unadjusted_difference", scale))), nil
}

// measured fills in a contrast.
func (f *outcomeFit) measured(e analysis.Estimate, c []float64, difference bool) analysis.Estimate {
	value := 0.0
	for j, v := range c {
		value += float64(v * f.model.Coef[j])
	}
	e.Value = analysis.Num(value)
	se := math.Sqrt(math.Max(0, f.variance(c)))
	if !difference {
		e.Value += analysis.Num(f.shift)
		if f.kind == "abadie-imbens" {
			return e.Warn(analysis.WarnAssumption, "Abadie and Imbens's error is of the difference, so the mean has none", "pass --set errors=HC3")
		}
	}
	if e.Scale == analysis.ScaleProportion && (e.Value < 0 || e.Value > 1) {
		if e.Value > -1e-9 && e.Value < 1+1e-9 { // rounding
			e.Value = analysis.Num(math.Min(1, math.Max(0, float64(e.Value))))
		} else {
			e.Value = analysis.None
			return e.Warn(analysis.WarnAssumption, "the linear model puts the share outside 0 to 1", "leave adjust out")
		}
	}
	if !(se > 1e-12*math.Max(math.Abs(value), 1e-3*math.Abs(f.shift))) {
		return e.Warn(analysis.WarnNoVariance, "the outcome does not vary within the arms, so there is no error to give", "")
	}
	e.SE, e.CI = analysis.Num(se), f.interval(float64(e.Value), se)
	if e.Scale == analysis.ScaleProportion {
		e.CI.Low, e.CI.High = max(e.CI.Low, 0), min(e.CI.High, 1)
	}
	if difference {
		e = f.tested(e, value/se)
	}
	return e
}

// ratios are the risk ratio and odds ratio of weighted shares, by the delta method on
// the log scale.
func (f *outcomeFit) ratios(start func(string, analysis.Scale) analysis.Estimate, p1, p0 float64) []analysis.Estimate {
	var out []analysis.Estimate
	for _, k := range []struct {
		term       string
		log        float64
		arm, other float64
	}{
		{"risk_ratio", math.Log(p1 / p0), 1 / p1, -1 / p0},
		{"odds_ratio", math.Log(p1/(1-p1)) - math.Log(p0/(1-p0)), 1 / (p1 * (1 - p1)), -1 / (p0 * (1 - p0))},
	} {
		e := start(k.term, analysis.ScaleRatio)
		e.Method = f.method
		if math.IsNaN(k.log) || math.IsInf(k.log, 0) || math.IsInf(k.arm, 0) || math.IsInf(k.other, 0) {
			out = append(out, e.Warn(analysis.WarnSmallCount, "a share is 0 or 1, or not given, so there is no ratio with an error", "use the difference"))
			continue
		}
		e.Value = analysis.Num(math.Exp(k.log))
		if f.kind == "abadie-imbens" {
			e = e.Warn(analysis.WarnAssumption, "Abadie and Imbens's error is of the difference, so the ratio has none", "pass --set errors=HC3")
		} else {
			if se := math.Sqrt(f.variance(f.contrast(k.arm, k.other))); se > 0 {
				low := f.interval(k.log, se)
				e.SE = analysis.Num(math.Exp(k.log) * se)
				e.CI = analysis.NewInterval(analysis.KindLog, math.Exp(float64(low.Low)), math.Exp(float64(low.High)), f.level)
				e = f.tested(e, k.log/se)
			}
		}
		out = append(out, e)
	}
	return out
}

// unadjusted is the difference of plain means of everybody, by Welch's t.
func (f *outcomeFit) unadjusted(e analysis.Estimate) analysis.Estimate {
	var of [2][]float64
	for i, v := range f.all.y {
		of[1-int(f.all.t[i])] = append(of[1-int(f.all.t[i])], v)
	}
	a, b := fit.Describe(of[0]), fit.Describe(of[1])
	e.N.Arm, e.N.Reference = a.N, b.N
	e.Value = analysis.Num(a.Mean - b.Mean)
	e.Method = analysis.Method{Name: "difference of plain means, " + f.s.words + ", Welch's t; not made alike in anything", R: "t.test(y ~ arm)", Ref: "Welch 1947, 10.1093/biomet/34.1-2.28"}
	if se, df := welch(a.SD, a.N, b.SD, b.N); se > 0 {
		e.SE, e.DF, e.CI = analysis.Num(se), analysis.Num(df), analysis.TInterval(a.Mean-b.Mean, se, df, f.level)
		e.Statistic = e.Value / e.SE
		e.P = analysis.Num(analysis.TP(float64(e.Statistic), df))
	}
	return e.Warn(analysis.WarnCaseMix, "the arms may differ in everything: this is no effect of treatment", "")
}
