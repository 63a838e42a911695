package economics

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/analysis/internal/ledger"
	"recoup/analysis/resample"
	"recoup/datasets"
)

// What a patient gains.
const (
	EffectQALY    = "qaly"
	EffectChange  = "change"
	EffectSuccess = "success"
)

// TrialOptions are the settings of economics/trial.
type TrialOptions struct {
	Effect     string   `opt:"effect" doc:"what a patient gains: quality-adjusted life years from a utility at all visits up to the one asked for, the improvement of the outcome, or success (an improvement of threshold percent)" choices:"qaly|change|success"`
	Threshold  float64  `opt:"threshold" doc:"of success, in percent of baseline"`
	Horizon    int      `opt:"horizon" doc:"days from admission whose costs count; 0 is up to the visit asked for"`
	Categories []string `opt:"categories" doc:"of costs; all where none is given"`
	Day        string   `opt:"day" doc:"from when day numbers of costs count: admission (0 is the day of admission), or the clock of the column with role admitted" choices:"admission|clock"`
	NoRecord   string   `opt:"no_record" doc:"what patients without any record of a cost count as" choices:"zero|missing"`
	Baseline   bool     `opt:"baseline" doc:"adjust cost and effect for the outcome at baseline, without which a difference at baseline counts as gained"`
	Covariates []string `opt:"covariates" doc:"further columns of the patients to adjust for"`
	WTP        []string `opt:"wtp" doc:"willingness to pay for a unit of effect, in the costs' currency"`
	Rate       float64  `opt:"rate" doc:"discount rate of costs a year, as a share; 0 does not discount"`
	EffectRate float64  `opt:"effect_rate" doc:"discount rate of QALYs a year, as a share; 0 does not discount"`
	Censoring  string   `opt:"censoring" doc:"of patients not followed to the visit asked for: left out as missing (complete), or allowed for by the inverse probability of being followed, at the end (weighted) or from visit to visit (partitioned)" choices:"complete|weighted|partitioned"`
	Followed   string   `opt:"followed" doc:"with weighted and partitioned: column of the days each patient was under observation"`
	Ended      string   `opt:"ended" doc:"column that is 1 for patients who died when they were last observed; 0 or nobody where none is given"`
	MoneyOptions
	Interval   string `opt:"interval" doc:"from bootstrap samples within arms, or by t from the regression" choices:"percentile|bca|model"`
	Replicates int    `opt:"replicates" doc:"bootstrap samples"`
}

// Trial is economics/trial: cost and effect of patients of two arms.
var Trial = analysis.New(analysis.Analysis{
	Name:     "economics/trial",
	Title:    "Cost and effect in two arms (trial-based analysis)",
	Estimand: "difference between arm and reference in mean cost and mean effect over the horizon, and in net benefit at each willingness to pay, for patients alike in what is adjusted for",
	Doc: `Costs of a patient are the sum of their records from admission to the horizon, of the days 0 to horizon - 1; where the records stop long before it there is no answer, unless followed says who was seen how long. The effect is QALYs (the area under a utility at the visits, by straight lines between them, in years of 365.25 days), improvement, or success.
Cost, effect and net benefit w·effect - cost are regressed on the arm, the baseline and covariates by least squares with HC2 errors, which are Welch's without covariates; the same columns for all, so that the net benefit's coefficient is w times the effect's less the cost's.
Terms: cost_mean and effect_mean of each arm, at the mean of what is adjusted for; cost_difference, effect_difference; icer, their ratio, with Fieller's interval, and none where the effect is not apart from 0 or one arm is better and cheaper; net_benefit at each willingness to pay; probability_cost_effective, the share of bootstrap samples in which it is above 0.
Intervals: percentiles of samples drawn within each arm, BCa, or t. Costs are skewed: of few patients with rare large bills no interval is good.
Discounting: each cost by (1 + rate)^-(day/365.25), and QALYs by the exact integral of the utility's straight lines times (1 + effect_rate)^-t; improvement and success are not discounted. Without a rate a horizon over 400 days is warned of.
Censoring: complete takes those followed to the visit. weighted and partitioned take followed, the days under observation, and weigh a patient by Δ/K(T-), K the product limit of censoring within the arm, as economics/costs does; cost and effect are regressed with these weights, partitioned within each interval between visits, whose coefficients are added up, so that patients lost later count for the intervals seen whole. A utility falls in a straight line to 0 at death, and is 0 after. Loss must not depend on cost or effect within an arm, and someone must be followed to the end. Without covariates the means are those of economics/costs, but where losses and ends fall on one day. Errors and intervals are the bootstrap's, which draws the weights anew; Fieller's interval takes its errors and the normal distribution.
price_year moves costs to one currency and price year as economics/costs does.
Missing values: complete cases of cost, effect and covariates, unbiased where missingness depends on the covariates alone; impute/chained with analysis=economics/trial imputes them. Under weighted and partitioned a patient counts as missing who lacks a utility at a visit while under observation. Patients without any record of a cost count as zero by default.
R: lm(cost ~ arm + baseline), lm(w * qaly - cost ~ arm + baseline), sandwich::vcovHC(fit, "HC2"); boot::boot(strata = arm).`,
	Refs: []string{
		"Hoch, Briggs and Willan 2002, 10.1002/hec.678", "Manca, Hawkins and Sculpher 2005, 10.1002/hec.944", "Willan and O'Brien 1996, 10.1002/(SICI)1099-1050(199607)5:4<297::AID-HEC216>3.0.CO;2-T",
		"Nixon, Wonderling and Grieve 2010, 10.1002/hec.1477", "Lin 2000, 10.1093/biostatistics/1.1.35", "Bang and Tsiatis 2000, 10.1093/biomet/87.2.329",
	},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm, datasets.RoleCost},
}, TrialOptions{
	Effect: EffectChange, Threshold: 30, Day: ledger.DayAdmission, NoRecord: "zero", Baseline: true,
	WTP: []string{"0", "1000", "10000", "50000"}, Censoring: CensoringComplete, MoneyOptions: defaultMoney, Interval: "percentile", Replicates: 2000,
}, trial)

// arms are the patients of the two arms with all that is asked about, the arm first.
type arms struct {
	groups       []analysis.Group
	cost, effect []float64
	x            [][]float64 // 1, arm, then what is adjusted for less its mean
	n            [2]int
	missing      [2]int
	costUnit     string
	effectUnit   string
	pair         analysis.Paired
	follow       followUp
	byInterval   [2][][]float64 // cost and effect by interval; one where they are whole
	breaks       []float64      // days at which the intervals end
}

func trial(ctx context.Context, in analysis.Input, q analysis.Question, o TrialOptions) (analysis.Result, error) {
	if q.Arm == "" || q.Reference == "" {
		return analysis.Result{}, fmt.Errorf("%w: a comparison of costs needs an arm and a reference: --arm NAME --reference NAME", analysis.ErrOptions)
	}
	if o.Horizon < 0 || o.Replicates < 100 || o.Replicates > 1_000_000 {
		return analysis.Result{}, fmt.Errorf("%w: expected a horizon of 0 days or more and 100 to 1,000,000 replicates", analysis.ErrOptions)
	}
	if err := o.check(); err != nil {
		return analysis.Result{}, err
	}
	wtp, err := willingness(o.WTP)
	if err != nil {
		return analysis.Result{}, err
	}
	a := &arms{}
	r, err := a.read(in, q, o)
	if err != nil {
		return r, err
	}
	if a.n[0] <= len(a.x) || a.n[1] <= len(a.x) {
		return r, fmt.Errorf("%w: %d and %d patients with cost and effect are too few", analysis.ErrCannot, a.n[0], a.n[1])
	}
	if o.Censoring != CensoringComplete {
		return a.censored(ctx, in, q, wtp, r, o)
	}
	m, err := a.model()
	if err != nil {
		return r, fmt.Errorf("%w: %w; leave out a covariate that repeats another", analysis.ErrCannot, err)
	}
	draws, err := a.bootstrap(ctx, in, 2+len(wtp), a.leastSquares(wtp), q.Seed, o)
	if err != nil {
		return r, err
	}
	var tables []analysis.Table
	r.Estimates, tables = a.answer(m, draws, wtp, q, o)
	r.Tables = append(r.Tables, tables...)
	return r, nil
}

func (o TrialOptions) check() error {
	switch {
	case !(o.Rate >= 0 && o.Rate < 1) || !(o.EffectRate >= 0 && o.EffectRate < 1):
		return fmt.Errorf("%w: expected a rate and an effect_rate from 0 to under 1", analysis.ErrOptions)
	case o.EffectRate > 0 && o.Effect != EffectQALY:
		return fmt.Errorf("%w: effect_rate discounts QALYs: it goes with effect=qaly", analysis.ErrOptions)
	case o.Censoring == CensoringComplete && (o.Followed != "" || o.Ended != ""):
		return fmt.Errorf("%w: followed and ended go with censoring=weighted or censoring=partitioned", analysis.ErrOptions)
	case o.Censoring != CensoringComplete && o.Followed == "":
		return fmt.Errorf("%w: censoring=%s needs followed=COLUMN, the days each patient was under observation", analysis.ErrOptions, o.Censoring)
	case o.Censoring != CensoringComplete && o.Interval == "model":
		return fmt.Errorf("%w: the errors of censoring=%s are the bootstrap's: expected interval=percentile or bca", analysis.ErrOptions, o.Censoring)
	case o.Censoring != CensoringComplete && o.Horizon != 0:
		return fmt.Errorf("%w: with censoring=%s the horizon is the visit asked for: leave horizon out", analysis.ErrOptions, o.Censoring)
	}
	return nil
}

func willingness(words []string) ([]float64, error) {
	var out []float64
	for _, w := range words {
		x, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: wtp: expected numbers", analysis.ErrOptions)
		}
		out = append(out, x)
	}
	if err := rising(out); err != nil {
		return nil, fmt.Errorf("%w: %w", analysis.ErrOptions, err)
	}
	return out, nil
}

// read fills in the patients by identifier, so that bootstrap samples do not depend on the
// order of rows.
func (a *arms) read(in analysis.Input, q analysis.Question, o TrialOptions) (analysis.Result, error) {
	var r analysis.Result
	var err error
	if a.pair, err = in.Pair(q); err != nil {
		return r, err
	}
	if a.groups, r.Excluded, err = in.Groups(q); err != nil {
		return r, err
	}
	seen, err := a.observe(in, o)
	if err != nil {
		return r, err
	}
	effect, warn, err := a.effects(in.Cohort, o, seen)
	if err != nil {
		return r, err
	}
	r.Warnings = append(r.Warnings, warn...)
	cost, tables, warn, err := a.costs(in.Cohort, o)
	if err != nil {
		return r, err
	}
	r.Warnings, r.Tables = append(r.Warnings, warn...), append(r.Tables, tables...)
	columns, _, err := in.Covariates(a.groups, o.Covariates)
	if err != nil {
		return r, err
	}
	if o.Baseline {
		columns = append([][]float64{a.pair.Before}, columns...)
	}
	arm := make([]int, in.Cohort.Patients())
	for g, group := range a.groups {
		for _, p := range group.Patients {
			arm[p] = g + 1
		}
	}
	a.x = make([][]float64, 2+len(columns))
	for _, p := range in.Cohort.ByIdentifier() {
		if arm[p] == 0 {
			continue
		}
		g := arm[p] - 1
		if seen.lacks(cost, p) || seen.lacks(effect, p) || slices.ContainsFunc(columns, func(c []float64) bool { return math.IsNaN(c[p]) }) {
			a.missing[g]++
			continue
		}
		a.n[g]++
		a.keep(p, cost, effect, seen)
		a.x[0], a.x[1] = append(a.x[0], 1), append(a.x[1], float64(1-g))
		for k, c := range columns {
			a.x[2+k] = append(a.x[2+k], c[p])
		}
	}
	for _, c := range a.x[2:] {
		mean := mean(c)
		for i := range c {
			c[i] -= mean
		}
	}
	for g, group := range a.groups {
		if all := a.n[g] + a.missing[g]; all > 0 && float64(a.n[g]) < 0.7*float64(all) {
			r.Warnings = append(r.Warnings, analysis.Warning{
				Code: analysis.WarnLowFollowUp, Message: fmt.Sprintf("%s: cost and effect are known of %d of %d patients", group.Name, a.n[g], all), Cure: "compare with impute/chained, analysis=economics/trial",
			})
		}
	}
	return r, nil
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += (v - x[0]) / float64(len(x))
	}
	if len(x) == 0 {
		return 0
	}
	return x[0] + sum
}

// effects are what patients gain.
func (a *arms) effects(c *datasets.Cohort, o TrialOptions, seen *observed) ([][]float64, []analysis.Warning, error) {
	p := a.pair
	if o.Effect == EffectQALY {
		return a.qalys(c, o.EffectRate, seen)
	}
	var warn []analysis.Warning
	if !p.DirectionKnown {
		warn = append(warn, analysis.Warning{Code: analysis.WarnNoDirection, Message: "whether lower is better is not known of " + p.Field.Name + "; lower is taken as better", Cure: "give the column its instrument in the cohort file"})
	}
	out := make([]float64, len(p.Before))
	for i, before := range p.Before {
		out[i] = p.After[i] - before
		if p.Lower {
			out[i] = -out[i]
		}
	}
	a.effectUnit = p.Field.Unit
	if o.Effect == EffectSuccess {
		a.effectUnit = fmt.Sprintf("success (improved by %g %%)", o.Threshold)
		zero := 0
		for i, before := range p.Before {
			switch {
			case math.IsNaN(out[i]):
			case before == 0:
				out[i] = math.NaN()
				zero++
			case out[i] >= o.Threshold/100*math.Abs(before)-1e-9*math.Abs(before):
				out[i] = 1
			default:
				out[i] = 0
			}
		}
		if zero > 0 {
			warn = append(warn, analysis.Warning{Code: analysis.WarnPercentZero, Message: fmt.Sprintf("%d patients with a baseline of 0 have no percentage and are left out", zero)})
		}
	}
	return a.atTheEnd(out), warn, nil
}

// costs are those of each patient from admission to the horizon, by interval.
func (a *arms) costs(c *datasets.Cohort, o TrialOptions) ([][]float64, []analysis.Table, []analysis.Warning, error) {
	horizon := a.breaks[len(a.breaks)-1]
	l, err := ledger.Read(c, o.Day, slices.Repeat([]bool{true}, c.Patients()))
	if err != nil {
		return nil, nil, nil, err
	}
	tables, err := o.move(l)
	if err != nil {
		return nil, nil, nil, err
	}
	if l.Mixed || !l.Days {
		return nil, nil, nil, fmt.Errorf("%w: %s; %s", analysis.ErrCannot, l.Warnings[0].Message, l.Warnings[0].Cure)
	}
	if o.Censoring == CensoringComplete {
		if err := reaches(l, a.groups, horizon); err != nil {
			return nil, nil, nil, err
		}
	}
	asked := l.Categories
	if len(o.Categories) > 0 {
		asked = o.Categories
		for _, name := range asked {
			if !slices.Contains(l.Categories, name) {
				return nil, nil, nil, fmt.Errorf("%w: no category of costs %q; there are: %v", datasets.ErrUnknownName, name, l.Categories)
			}
		}
	}
	warn := l.Warnings
	if float64(l.Last) < horizon-31 {
		warn = append(warn, analysis.Warning{Code: analysis.WarnAssumption, Message: fmt.Sprintf("the last cost is of day %d, before the horizon of %g days: what came later counts as nothing", l.Last, horizon), Cure: "set a horizon that the costs reach"})
	}
	if horizon > 400 && (o.Rate == 0 || o.EffectRate == 0 && o.Effect == EffectQALY) {
		warn = append(warn, analysis.Warning{Code: analysis.WarnAssumption, Message: "costs or effects over more than 400 days are not discounted", Cure: "set rate=0.03 and, for QALYs, effect_rate=0.03"})
	}
	if o.Rate > 0 {
		l.Discount(o.Rate)
	}
	var out [][]float64
	start := 0.0
	for _, end := range a.breaks {
		cost := l.Between(start, end, asked)
		for p, has := range l.Recorded {
			if !has && o.NoRecord == "missing" {
				cost[p] = math.NaN()
			}
		}
		out, start = append(out, cost), end
	}
	a.costUnit = l.Unit
	return out, tables, warn, nil
}

// bivariate is the regressions of cost and effect, and what goes with both.
type bivariate struct {
	fits  [2]*fit.Linear // cost, effect
	cov   [2]*mat.SymDense
	scale [2]float64
	both  *mat.SymDense // of the sum of cost and effect, each over its scale
	df    float64       // of t
}

func (a *arms) model() (*bivariate, error) {
	m := &bivariate{}
	sum := make([]float64, len(a.cost))
	for k, y := range [][]float64{a.cost, a.effect} {
		var err error
		if m.fits[k], err = fit.LeastSquares(y, a.x); err != nil {
			return nil, err
		}
		if m.cov[k], _, err = m.fits[k].Covariance(fit.CovHC2, nil); err != nil {
			return nil, err
		}
		if m.scale[k] = math.Sqrt(m.fits[k].Sigma2); !(m.scale[k] > 0) {
			m.scale[k] = 1
		}
		for i, v := range y {
			sum[i] += v / m.scale[k]
		}
	}
	both, err := fit.LeastSquares(sum, a.x)
	if err != nil {
		return nil, err
	}
	if m.both, _, err = both.Covariance(fit.CovHC2, nil); err != nil {
		return nil, err
	}
	m.df = m.fits[0].DF
	return m, nil
}

// contrast is a sum of coefficients of w·effect - cost (with w 0 and sign -1 the cost, with
// weights of either alone as given), with its error.
func (m *bivariate) contrast(c []float64, cost, effect float64) (value, se float64) {
	v0, s0 := m.fits[0].Contrast(c, m.cov[0])
	v1, s1 := m.fits[1].Contrast(c, m.cov[1])
	variance := cost*cost*s0 + effect*effect*s1 + 2*cost*effect*m.covariance(c)
	return cost*v0 + effect*v1, math.Sqrt(math.Max(0, variance))
}

// covariance is that of the two contrasts.
func (m *bivariate) covariance(c []float64) float64 {
	_, s0 := m.fits[0].Contrast(c, m.cov[0])
	_, s1 := m.fits[1].Contrast(c, m.cov[1])
	_, s := m.fits[0].Contrast(c, m.both)
	a, b := m.scale[0], m.scale[1]
	return a * b * (s - s0/(a*a) - s1/(b*b)) / 2
}

// leastSquares are the statistics of the bootstrap, in order: cost, effect, and net benefit
// at each willingness.
func (a *arms) leastSquares(wtp []float64) resample.Statistics {
	p := len(a.x)
	return func(counts, values, ses []float64) {
		cross, right := mat.NewSymDense(p, nil), mat.NewDense(p, 2, nil)
		for i, w := range counts {
			if w == 0 {
				continue
			}
			for j := range p {
				u := w * a.x[j][i]
				for k := range j + 1 {
					cross.SetSym(j, k, cross.At(j, k)+u*a.x[k][i])
				}
				right.Set(j, 0, right.At(j, 0)+u*a.cost[i])
				right.Set(j, 1, right.At(j, 1)+u*a.effect[i])
			}
		}
		for k := range values {
			values[k], ses[k] = math.NaN(), math.NaN()
		}
		var chol mat.Cholesky
		var beta mat.Dense
		if !chol.Factorize(cross) || !(chol.Cond() < 1e12) || chol.SolveTo(&beta, right) != nil {
			return
		}
		values[0], values[1] = beta.At(1, 0), beta.At(1, 1)
		for k, w := range wtp {
			values[2+k] = w*values[1] - values[0]
		}
	}
}

// bootstrap draws samples within arms of so many statistics.
func (a *arms) bootstrap(ctx context.Context, in analysis.Input, statistics int, f resample.Statistics, seed uint64, o TrialOptions) ([]resample.Draws, error) {
	n := len(a.cost)
	classes := resample.Classes{Sizes: slices.Repeat([]int{1}, n), Strata: make([]int, n)}
	for i, arm := range a.x[1] {
		classes.Strata[i] = int(arm)
	}
	if n > 1000 {
		classes.Blocks = 500
	}
	return resample.BootstrapAll(ctx, f, statistics, classes, resample.Plan{Replicates: o.Replicates, Seed: seed, Progress: in.Progress})
}

// start is an estimate of the two arms without its value.
func (a *arms) start(term string, scale analysis.Scale, unit string) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit, e.Arm, e.Reference, e.Unit = a.pair.Field.Name, a.pair.Now.VisitName(), a.groups[0].Name, a.groups[1].Name, unit
	e.N = analysis.N{Arm: a.n[0], Reference: a.n[1], Missing: a.missing[0] + a.missing[1]}
	return e
}

func atWTP(w float64) string {
	return "willingness to pay " + strconv.FormatFloat(w, 'g', -1, 64)
}

// answer puts the estimates together.
func (a *arms) answer(m *bivariate, draws []resample.Draws, wtp []float64, q analysis.Question, o TrialOptions) ([]analysis.Estimate, []analysis.Table) {
	var out []analysis.Estimate
	arm := make([]float64, len(a.x))
	arm[1] = 1
	how := "least squares, HC2 errors"
	start := func(term string, scale analysis.Scale, unit string) analysis.Estimate {
		e := a.start(term, scale, unit)
		e.Method = analysis.Method{Name: how + "; complete cases", R: "lm(w * effect - cost ~ arm)", Ref: "Hoch, Briggs and Willan 2002, 10.1002/hec.678"}
		return e
	}
	test := func(e analysis.Estimate, value, se float64, d resample.Draws) analysis.Estimate {
		e.Value, e.SE, e.DF = analysis.Num(value), analysis.Num(se), analysis.Num(m.df)
		if !(se > 0) {
			e.SE, e.DF = analysis.None, analysis.None
			return e.Warn(analysis.WarnNoVariance, "it does not vary between patients, so there is no error", "")
		}
		e.Statistic = analysis.Num(value / se)
		e.P = analysis.Num(analysis.TP(value/se, m.df))
		if o.Interval == "model" {
			e.CI = analysis.TInterval(value, se, m.df, q.Level)
			return e
		}
		e.Method.Name += fmt.Sprintf("; %s interval of %d bootstrap samples, seed %d", o.Interval, o.Replicates, q.Seed)
		return d.Onto(e, o.Interval, q.Level, o.Replicates)
	}
	units := []string{a.costUnit, a.effectUnit}
	for k, term := range []string{"cost", "effect"} {
		for g := range a.groups {
			e := start(term+"_mean", analysis.ScaleMean, units[k])
			at := make([]float64, len(a.x))
			at[0], at[1] = 1, float64(1-g)
			value, variance := m.fits[k].Contrast(at, m.cov[k])
			e.Arm, e.Reference, e.N = a.groups[g].Name, "", analysis.N{Arm: a.n[g], Missing: a.missing[g]}
			e.Value = analysis.Num(value)
			if variance > 0 {
				e.SE, e.DF = analysis.Num(math.Sqrt(variance)), analysis.Num(m.df)
				e.CI = analysis.TInterval(value, math.Sqrt(variance), m.df, q.Level)
			} else {
				e = e.Warn(analysis.WarnNoVariance, "it does not vary between patients, so there is no error", "")
			}
			out = append(out, e)
		}
	}
	cost, costSE := m.contrast(arm, 1, 0)
	effect, effectSE := m.contrast(arm, 0, 1)
	out = append(out,
		test(start("cost_difference", analysis.ScaleDifference, a.costUnit), cost, costSE, draws[0]),
		test(start("effect_difference", analysis.ScaleDifference, a.effectUnit), effect, effectSE, draws[1]),
		differences{cost, effect, costSE, effectSE, m.covariance(arm), analysis.TQuantile(m.df, q.Level)}.icer(start("icer", analysis.ScaleMean, a.costUnit+" for a unit of effect"), q.Level))
	for k, w := range wtp {
		at := atWTP(w)
		value, se := m.contrast(arm, -1, w)
		e := start("net_benefit", analysis.ScaleDifference, a.costUnit)
		e.Definition = at
		out = append(out, test(e, value, se, draws[2+k]))
		out = append(out, probability(start("probability_cost_effective", analysis.ScaleProportion, ""), at, draws[2+k]))
	}
	return out, []analysis.Table{a.plane(draws)}
}

// probability is the share of bootstrap samples with a net benefit above 0.
func probability(e analysis.Estimate, at string, d resample.Draws) analysis.Estimate {
	e.Definition = at
	e.Method.Name = fmt.Sprintf("share of %d bootstrap samples with a net benefit above 0; the error is Monte Carlo's", len(d.T))
	if len(d.T) == 0 {
		return e.Warn(analysis.WarnTooFew, "no bootstrap sample has a value", "")
	}
	share := 0.0
	for _, v := range d.T {
		switch {
		case v > 0:
			share++
		case v == 0:
			share += 0.5
		}
	}
	share /= float64(len(d.T))
	e.Value, e.SE = analysis.Num(share), analysis.Num(math.Sqrt(share*(1-share)/float64(len(d.T))))
	return e
}

// differences are those of cost and effect with their errors, and the quantile that
// intervals are of.
type differences struct {
	cost, effect, costSE, effectSE, cov, t float64
}

// icer is the ratio of the differences with Fieller's interval: the ratios R at which
// ΔC - R ΔE is not apart from 0, an interval where the effect is.
func (d differences) icer(e analysis.Estimate, level float64) analysis.Estimate {
	e.Method.Name = "ratio of the differences; Fieller's interval; " + e.Method.Name
	e.Method.Ref = "Willan and O'Brien 1996, 10.1002/(SICI)1099-1050(199607)5:4<297::AID-HEC216>3.0.CO;2-T"
	t, cost, effect, sc, se, cov := d.t, d.cost, d.effect, d.costSE, d.effectSE, d.cov
	quad, half, last := effect*effect-t*t*se*se, effect*cost-t*t*cov, cost*cost-t*t*sc*sc
	switch {
	case effect == 0 || !(quad > 0):
		return e.Warn("effect-near-zero", "the difference in effect is not apart from 0, so the ratio could be anything", "read the net benefit instead")
	case cost <= 0 && effect > 0:
		return e.Warn("dominates", "the arm costs no more and gains more, so there is no price for a unit of effect", "read the net benefit")
	case cost >= 0 && effect < 0:
		return e.Warn("dominated", "the arm costs no less and gains less, so there is no price for a unit of effect", "read the net benefit")
	}
	root := math.Sqrt(math.Max(0, half*half-quad*last))
	e.Value = analysis.Num(cost / effect)
	e.CI = analysis.NewInterval("Fieller", (half-root)/quad, (half+root)/quad, level)
	if effect < 0 {
		e = e.Warn("saved", "the arm costs less and gains less: the ratio is what is saved for each unit given up", "")
	}
	return e
}

// plane counts the bootstrap samples by quadrant.
func (a *arms) plane(draws []resample.Draws) analysis.Table {
	t := analysis.Table{
		Name: "plane", Title: "Bootstrap samples by quadrant of the plane", Columns: []string{"effect", "cost", "share"},
		Notes: []string{"of " + a.groups[0].Name + " against " + a.groups[1].Name},
	}
	var count [2][2]float64
	n := 0.0
	for i, c := range draws[0].T {
		if i >= len(draws[1].T) {
			break
		}
		n++
		count[side(draws[1].T[i])][side(c)]++
	}
	for e, effect := range []string{"no more", "more"} {
		for c, cost := range []string{"no more", "more"} {
			t.Rows = append(t.Rows, []analysis.Value{analysis.Text(effect), analysis.Text(cost), analysis.Number(count[e][c] / n)})
		}
	}
	return t
}

func side(v float64) int {
	if v > 0 {
		return 1
	}
	return 0
}
