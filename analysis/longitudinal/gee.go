package longitudinal

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// GEEOptions are the settings of longitudinal/gee.
type GEEOptions struct {
	Family      string   `opt:"family" doc:"gaussian for values, binomial for responders or a column of 0 and 1, poisson for counts" choices:"gaussian|binomial|poisson"`
	Rule        string   `opt:"rule" doc:"with family=binomial, who has responded: percent: improved by at least the threshold in percent of baseline; points: in points; at-most: at the threshold or better; none: the outcome itself is 0 or 1" choices:"none|percent|points|at-most"`
	Threshold   float64  `opt:"threshold" doc:"of the rule"`
	Direction   string   `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Correlation string   `opt:"correlation" doc:"working correlation of a patient's visits; ar1 counts visits in their order" choices:"independence|exchangeable|ar1|unstructured"`
	Moments     string   `opt:"moments" doc:"dispersion and correlation from sums over their number (geepack) or over their number less the coefficients (sas)" choices:"geepack|sas"`
	Errors      string   `opt:"errors" doc:"robust errors with a small-sample correction, the plain sandwich, or those of the model" choices:"kauermann-carroll|mancl-derouen|fay-graubard|sandwich|model"`
	Inference   string   `opt:"inference" doc:"t with the patients less the coefficients as degrees of freedom, or z" choices:"t|z"`
	Means       string   `opt:"means" doc:"by-visit: a mean for each arm and visit; common: one for each arm over all visits" choices:"by-visit|common"`
	Baseline    string   `opt:"baseline" doc:"the outcome at baseline as a covariate with one slope, or not in the model" choices:"covariate|none"`
	Covariates  []string `opt:"covariates" doc:"columns of the patients to adjust for, one slope for all visits"`
}

const refGEE = "Liang and Zeger 1986, 10.1093/biomet/73.1.13"

// GEEAnalysis is longitudinal/gee: marginal models by generalised estimating
// equations.
var GEEAnalysis = analysis.New(analysis.Analysis{
	Name:     "longitudinal/gee",
	Title:    "Generalised estimating equations (GEE)",
	Estimand: "mean, share of responders or rate at each visit by arm, and its difference between arm and reference, averaged over the patients",
	Doc: `Marginal model of the outcome at all visits after baseline: a mean for each arm and visit (means=common: one for each arm), one slope for the outcome at baseline, covariates; identity, logit or log link.
  Σ Dᵢ'Vᵢ⁻¹(yᵢ - μᵢ) = 0,  Vᵢ = φ Aᵢ^½ R Aᵢ^½,  R the working correlation
Terms: adjusted_mean, or adjusted_share under family=binomial: the mean over all patients used of what the model foretells had each been in the arm. With a reference: adjusted_difference (arm minus reference; of shares a risk difference), and odds_ratio or rate_ratio from the coefficients.
Errors: robust to a wrong working correlation, so the working correlation decides precision alone. Kauermann-Carroll (default) multiplies a patient's residuals by (I - Hᵢ)^-½, Mancl-DeRouen by (I - Hᵢ)⁻¹, Fay-Graubard the scores by (1 - min(0.75, leverage))^-½; the plain sandwich is too small under about 50 patients.
Degrees of freedom: patients less coefficients (inference=t), or none (z). Intervals of shares are on the logit scale, of means under poisson and of ratios on the log scale.
Conventions: moments=geepack divides sums of squares and products of Pearson residuals by their number, and fits an AR(1) by least squares over all pairs; moments=sas divides by their number less the coefficients, and takes neighbours alone. AR(1) goes by the order of visits; a value not seen leaves a gap.
Missing values: every value seen is used where baseline and covariates are known; sound where values are missing completely at random given what the model adjusts for, which is more than longitudinal/mmrm assumes. Patients are put together by their id, whatever the order of rows.
R: geepack::geeglm(y ~ 0 + arm:visit + baseline, id = id, waves = visit, family, corstr). SAS: PROC GENMOD with REPEATED SUBJECT=id / TYPE=EXCH.`,
	Refs: []string{
		refGEE, "Kauermann and Carroll 2001, 10.1198/016214501753382309", "Mancl and DeRouen 2001, 10.1111/j.0006-341X.2001.00126.x",
		"Fay and Graubard 2001, 10.1111/j.0006-341X.2001.01198.x", "Pan 2001, 10.1111/j.0006-341X.2001.00120.x (QIC)",
	},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, GEEOptions{
	Family: fit.Gaussian, Rule: "none", Threshold: 30, Direction: "instrument", Correlation: fit.WorkExchangeable, Moments: fit.MomentsGeepack,
	Errors: fit.CovKauermannCarroll, Inference: "t", Means: "by-visit", Baseline: baselineCovariate,
}, gee)

// marginal is a fitted marginal model of a panel.
type marginal struct {
	*panel
	o     GEEOptions
	g     *fit.GEE
	v     *mat.SymDense
	df    float64 // +Inf for z
	shift float64 // taken off a gaussian outcome before the fit
	cells int     // columns of means
	level float64
}

func gee(ctx context.Context, in analysis.Input, q analysis.Question, o GEEOptions) (analysis.Result, error) {
	p, err := newPanel(in, q, o.Baseline, o.Covariates)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: p.excluded}
	if r.Warnings, err = p.judge(o); err != nil {
		return r, err
	}
	r.Warnings = append(r.Warnings, p.dropEmpty()...)
	if len(p.visits) == 0 {
		return r, fmt.Errorf("%w: no visit after baseline has values of %s in every group", analysis.ErrCannot, p.field.Name)
	}
	asked, err := p.asked(in, q)
	if err != nil {
		return r, err
	}
	m := &marginal{panel: p, o: o, level: q.Level}
	if err := ctx.Err(); err != nil {
		return r, err
	}
	if err := m.estimate(); err != nil {
		return r, fmt.Errorf("%w: %w; leave out covariates or visits, or choose a simpler correlation", analysis.ErrCannot, err)
	}
	table, warnings := p.missing(missingCompletely, cureCompletely)
	r.Tables = append(m.tables(), table)
	r.Warnings = append(append(r.Warnings, warnings...), m.small()...)
	for v := range p.visits {
		if o.Means == "common" && v > 0 || o.Means != "common" && asked >= 0 && v != asked {
			continue
		}
		r.Estimates = append(r.Estimates, m.estimates(v, q)...)
	}
	return r, nil
}

// judge turns the outcome into what the family needs.
func (p *panel) judge(o GEEOptions) ([]analysis.Warning, error) {
	if o.Family != fit.Binomial && o.Rule != "none" {
		return nil, fmt.Errorf("%w: a rule for responders needs family=binomial", analysis.ErrOptions)
	}
	if o.Rule == "none" {
		return nil, p.check(o.Family)
	}
	if o.Rule != fit.RuleAtMost && (p.first == nil || o.Threshold <= 0) {
		return nil, fmt.Errorf("%w: rule=%s needs a visit marked as baseline and a threshold above zero", analysis.ErrOptions, o.Rule)
	}
	var warnings []analysis.Warning
	lower, known := analysis.Direction(p.field)
	switch {
	case o.Direction != "instrument":
		lower = o.Direction == "lower"
	case !known:
		warnings = append(warnings, analysis.Warning{
			Code: analysis.WarnNoDirection, Message: "the outcome has no instrument, so lower was taken as better",
			Cure: "name its instrument in the cohort file, or set direction=lower or direction=higher",
		})
	}
	rule := fit.Rule{Kind: o.Rule, Threshold: o.Threshold, Lower: lower}
	for v, values := range p.values {
		judged := make([]float64, len(values))
		for i, after := range values {
			before := math.NaN()
			if p.first != nil {
				before = p.first[i]
			}
			judged[i] = rule.Judge(before, after)
		}
		p.values[v] = judged
	}
	zero := 0
	for _, g := range p.groups {
		for _, i := range g.Patients {
			if o.Rule == fit.RulePercent && p.first[i] == 0 {
				zero++
			}
		}
	}
	if zero > 0 {
		warnings = append(warnings, analysis.Warning{
			Code:    analysis.WarnPercentZero,
			Message: fmt.Sprintf("patients not judged, because no percentage can be taken of a baseline of zero: %d", zero), Cure: "use rule=points or rule=at-most",
		})
	}
	return warnings, nil
}

func (p *panel) check(family string) error {
	for v := range p.visits {
		for _, g := range p.groups {
			for _, i := range g.Patients {
				y := p.values[v][i]
				if family == fit.Binomial && (y != 0 && y != 1 && !math.IsNaN(y)) {
					return fmt.Errorf("%w: family=binomial needs an outcome of 0 and 1; choose who has responded with rule=percent, points or at-most", analysis.ErrOptions)
				}
				if family == fit.Poisson && y < 0 {
					return fmt.Errorf("%w: family=poisson needs counts, and %s has values under zero", analysis.ErrOptions, p.field.Name)
				}
			}
		}
	}
	return nil
}

// row writes the design of a patient at a visit, as if in the group.
func (m *marginal) row(x []float64, group, visit, patient int) []float64 {
	clear(x)
	if m.o.Means == "common" {
		x[group] = 1
	} else {
		x[group*len(m.visits)+visit] = 1
	}
	at := m.cells
	if m.baseline != nil {
		x[at] = m.baseline[patient] - m.before
		at++
	}
	for k, c := range m.covariates {
		x[at+k] = c[patient] - m.centre[k]
	}
	return x
}

// estimate fits the model.
func (m *marginal) estimate() error {
	m.cells = len(m.groups)
	if m.o.Means != "common" {
		m.cells *= len(m.visits)
	}
	columns := m.cells + len(m.covariates)
	if m.baseline != nil {
		columns++
	}
	if m.o.Family == fit.Gaussian {
		m.shift = m.before
		if m.baseline == nil {
			m.shift = m.grand()
		}
	}
	var clusters []fit.Cluster
	for g, group := range m.groups {
		for _, i := range group.Patients {
			if !m.seen(i) {
				continue
			}
			var c fit.Cluster
			for v := range m.visits {
				if y := m.values[v][i]; !math.IsNaN(y) {
					c.At, c.Y, c.X = append(c.At, v), append(c.Y, y-m.shift), append(c.X, m.row(make([]float64, columns), g, v, i))
				}
			}
			clusters = append(clusters, c)
		}
	}
	var err error
	if m.g, err = fit.EstimatingEquations(clusters, m.o.Family, m.o.Correlation, m.o.Moments); err != nil {
		return err
	}
	m.df = math.Inf(1)
	if m.o.Inference == "t" {
		if m.df = float64(len(clusters) - columns); m.df < 1 {
			return fmt.Errorf("%w: %d patients for %d coefficients leave no degrees of freedom; inference=z does without", fit.ErrSingular, len(clusters), columns)
		}
	}
	m.v, err = m.g.Covariance(m.o.Errors)
	return err
}

// grand is the mean of all values used.
func (m *marginal) grand() float64 {
	var all []float64
	for _, g := range m.groups {
		for _, i := range g.Patients {
			for v := range m.visits {
				if m.complete(i) && !math.IsNaN(m.values[v][i]) {
					all = append(all, m.values[v][i])
				}
			}
		}
	}
	return fit.Describe(all).Mean
}

// standardised returns the mean over all patients used of what the model foretells
// at a visit had each been in the group, and its gradient by the coefficients.
func (m *marginal) standardised(group, visit int) (value float64, gradient []float64) {
	x := make([]float64, len(m.g.Coef))
	gradient = make([]float64, len(x))
	n := 0.0
	for _, g := range m.groups {
		for _, i := range g.Patients {
			if !m.seen(i) {
				continue
			}
			mu, d := m.g.Mean(m.row(x, group, visit, i))
			value += mu
			for j, w := range x {
				gradient[j] += float64(w * d)
			}
			n++
		}
	}
	for j := range gradient {
		gradient[j] /= n
	}
	return value/n + m.shift, gradient
}

func (m *marginal) variance(c []float64) float64 {
	_, v := m.g.Contrast(c, m.v)
	return v
}

// interval returns value ± quantile × se through a link, with the kind's name.
func (m *marginal) interval(at, se float64, back func(float64) float64, link string) analysis.Interval {
	kind, q := analysis.KindNormal, analysis.NormalQuantile(m.level)
	if !math.IsInf(m.df, 1) {
		kind, q = analysis.KindT, analysis.TQuantile(m.df, m.level)
	}
	if link != "" {
		kind += " on the " + link + " scale"
	}
	return analysis.NewInterval(kind, back(at-q*se), back(at+q*se), m.level)
}

func (m *marginal) p(statistic float64) float64 {
	if math.IsInf(m.df, 1) {
		return analysis.NormalP(statistic)
	}
	return analysis.TP(statistic, m.df)
}

func plain(v float64) float64 { return v }

func expit(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

// estimates returns the means of a visit, and the comparison where a reference is
// asked for.
func (m *marginal) estimates(v int, q analysis.Question) []analysis.Estimate {
	begin := func(term string, scale analysis.Scale, g int) analysis.Estimate {
		e := analysis.NewEstimate(term, scale)
		e.Outcome, e.Visit, e.Arm = m.field.Name, m.visits[v].VisitName(), m.groups[g].Name
		seen := m.n[g][v]
		if m.o.Means == "common" {
			e.Visit, seen = "", m.used[g]
		}
		e.N = analysis.N{Arm: seen, Missing: len(m.groups[g].Patients) - seen}
		e.Method = analysis.Method{
			Name: fmt.Sprintf("generalised estimating equations, %s, working correlation %s (moments as %s), %s errors, %s", m.o.Family, m.o.Correlation, m.o.Moments, m.o.Errors, map[bool]string{true: "z", false: "t with patients less coefficients"}[math.IsInf(m.df, 1)]),
			R:    "geepack::geeglm(y ~ 0 + arm:visit + baseline, id = id, waves = visit, family, corstr)", Ref: refGEE,
		}
		if m.o.Rule != "none" {
			e.Definition = map[string]string{
				fit.RulePercent: fmt.Sprintf("improved by at least %g %% of baseline", m.o.Threshold),
				fit.RulePoints:  fmt.Sprintf("improved by at least %g points", m.o.Threshold),
				fit.RuleAtMost:  fmt.Sprintf("at %g or better", m.o.Threshold),
			}[m.o.Rule]
		} else {
			e.Unit = m.field.Unit
		}
		if !math.IsInf(m.df, 1) {
			e.DF = analysis.Num(m.df)
		}
		return e
	}
	var out []analysis.Estimate
	var value [2]float64
	var gradient [2][]float64
	for g := range m.groups {
		mean, grad := m.standardised(g, v)
		if g < 2 {
			value[g], gradient[g] = mean, grad
		}
		out = append(out, m.mean(begin, g, mean, math.Sqrt(m.variance(grad))))
	}
	if q.Reference == "" {
		return out
	}
	both := func(e analysis.Estimate) analysis.Estimate {
		ref := begin("", "", 1).N
		e.Reference = m.groups[1].Name
		e.N.Reference, e.N.Missing = ref.Arm, e.N.Missing+ref.Missing
		return e
	}
	scale := analysis.ScaleDifference
	if m.o.Family == fit.Binomial {
		scale = analysis.ScaleRiskDiff
	}
	d := make([]float64, len(m.g.Coef))
	for j := range d {
		d[j] = gradient[0][j] - gradient[1][j]
	}
	out = append(out, m.tested(both(begin("adjusted_difference", scale, 0)), value[0]-value[1], math.Sqrt(m.variance(d)), plain, ""))
	if m.o.Family == fit.Gaussian {
		return out
	}
	c, other := m.row(make([]float64, len(d)), 0, v, m.groups[0].Patients[0]), m.row(make([]float64, len(d)), 1, v, m.groups[0].Patients[0])
	for j := range c {
		if c[j] -= other[j]; math.IsNaN(c[j]) {
			c[j] = 0 // what a patient's covariates are makes no difference
		}
	}
	log, variance := m.g.Contrast(c, m.v)
	term := map[string]string{fit.Binomial: "odds_ratio", fit.Poisson: "rate_ratio"}[m.o.Family]
	return append(out, m.tested(both(begin(term, analysis.ScaleRatio, 0)), log, math.Sqrt(variance), math.Exp, "log"))
}

// mean writes the mean of a group at a visit.
func (m *marginal) mean(begin func(string, analysis.Scale, int) analysis.Estimate, g int, value, se float64) analysis.Estimate {
	var e analysis.Estimate
	switch m.o.Family {
	case fit.Binomial:
		e = begin("adjusted_share", analysis.ScaleProportion, g)
		e.CI = m.interval(logit(value), se/(value*(1-value)), expit, "logit")
	case fit.Poisson:
		e = begin("adjusted_mean", analysis.ScaleMean, g)
		e.CI = m.interval(math.Log(value), se/value, math.Exp, "log")
	default:
		e = begin("adjusted_mean", analysis.ScaleMean, g)
		e.CI = m.interval(value, se, plain, "")
	}
	e.Value, e.SE = analysis.Num(value), analysis.Num(se)
	return e
}

// tested writes a contrast that is 0 without a difference, through a link back.
func (m *marginal) tested(e analysis.Estimate, value, se float64, back func(float64) float64, link string) analysis.Estimate {
	e.Value, e.SE, e.CI = analysis.Num(back(value)), analysis.Num(se), m.interval(value, se, back, link)
	if link == "log" {
		e.SE *= e.Value
	}
	e.Statistic = analysis.Num(value / se)
	e.P = analysis.Num(m.p(value / se))
	return e
}

// tables shows the working correlation and what the fit rests on.
func (m *marginal) tables() []analysis.Table {
	t := analysis.Table{Name: "working-correlation", Title: "Working correlation of a patient's visits", Columns: []string{"visit"}}
	for _, v := range m.visits[:m.g.Positions()] {
		t.Columns = append(t.Columns, v.VisitName())
	}
	for i := range m.g.Positions() {
		row := []analysis.Value{analysis.Text(m.visits[i].VisitName())}
		for j := range m.g.Positions() {
			row = append(row, analysis.Number(m.g.Correlation(i, j)))
		}
		t.Rows = append(t.Rows, row)
	}
	total := 0
	for _, n := range m.used {
		total += n
	}
	f := analysis.Table{Name: "fit", Title: "Fit", Columns: []string{"what", "value"}, Rows: [][]analysis.Value{
		{analysis.Text("patients"), analysis.Number(float64(total))},
		{analysis.Text("values"), analysis.Number(float64(m.g.Observations))},
		{analysis.Text("coefficients"), analysis.Number(float64(len(m.g.Coef)))},
		{analysis.Text("dispersion"), analysis.Number(m.g.Phi)},
		{analysis.Text("QIC"), analysis.Number(m.g.QIC)},
		{analysis.Text("rounds"), analysis.Number(float64(m.g.Steps))},
		{analysis.Text("largest relative move left"), analysis.Number(m.g.LastStep)},
	}}
	return []analysis.Table{t, f}
}

// small warns where robust errors rest on few patients.
func (m *marginal) small() []analysis.Warning {
	total := 0
	for _, n := range m.used {
		total += n
	}
	if total >= 50 || m.o.Errors == fit.CovModel || m.o.Errors == fit.CovKauermannCarroll || m.o.Errors == fit.CovManclDeRouen {
		return nil
	}
	return []analysis.Warning{{
		Code: analysis.WarnTooFew, Message: fmt.Sprintf("robust errors from %d patients are too small without a correction", total),
		Cure: "use errors=kauermann-carroll or errors=mancl-derouen",
	}}
}
