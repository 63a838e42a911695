package effect

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// AncovaOptions are the settings of effect/ancova.
type AncovaOptions struct {
	Covariates []string `opt:"covariates" doc:"further columns to adjust for, from a table of one row a patient; text columns become indicators of their levels"`
	Errors     string   `opt:"errors" doc:"standard errors: from the model, robust to unequal variances (HC0 to HC3), or by cluster (a column with role cluster, else site): CR0, cluster (CR1) or CR2" choices:"model|HC0|HC1|HC2|HC3|CR0|cluster|CR2"`
	Weights    string   `opt:"weights" doc:"how levels of text covariates count in adjusted means: as found in the cohort, or each level alike" choices:"proportional|equal"`
}

// Ancova is effect/ancova: the difference between arms at a visit, adjusted for
// the outcome at baseline.
var Ancova = analysis.New(analysis.Analysis{
	Name:     "effect/ancova",
	Title:    "Baseline-adjusted difference (ANCOVA)",
	Estimand: "difference between arm and reference in the mean outcome at the visit, for patients alike at baseline",
	Doc: `Linear model: outcome at visit = arm + outcome at baseline + covariates, by least squares.
Terms: adjusted_difference (arm minus reference), adjusted_mean of each arm (at the mean baseline and covariates of the patients used), slope_baseline; adjusted_smd, the difference over the residual SD, whose error is √(SE²/σ² + d²/(2 df)) and whose size grows as the model explains more; homogeneity_of_slopes, the F test that the difference is the same at every baseline, and breusch_pagan (Koenker's), the test that variances are equal, both with advice where p is under 0.05 (of such advice one in twenty is given without cause). An arm and a reference must be asked for.
Tables: coefficients, with the errors asked for; fit (R², residual SD, F, AIC and BIC with σ² counted).
Only the two arms asked about are in the model. Missing values: complete cases of outcome, baseline and covariates; unbiased where missingness depends on these alone.
Errors: model (equal variances) by default; HC2 and HC3 are the better choices where variances differ. With clusters, CR2 (Bell and McCaffrey) holds with few clusters; cluster is Stata's CR1, CR0 has no correction.
Intervals by t with n - p degrees of freedom, clusters - 1 with CR0 and cluster, and Satterthwaite's with CR2.
A singular design (a covariate that repeats another) is refused.
R: lm(visit ~ arm + baseline); emmeans::emmeans(fit, "arm"); emmeans::eff_size(emm, sigma(fit), df.residual(fit)); anova(fit, update(fit, . ~ . + baseline:arm)); lmtest::bptest(fit); sandwich::vcovHC(fit, type), clubSandwich::vcovCR(fit, cluster, "CR2").`,
	Refs:   []string{"Vickers and Altman 2001, 10.1136/bmj.323.7321.1123", "MacKinnon and White 1985, 10.1016/0304-4076(85)90158-7", "Pustejovsky and Tipton 2018, 10.1080/07350015.2016.1247004", "Koenker 1981, 10.1016/0304-4076(81)90062-2"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, AncovaOptions{Errors: fit.CovModel, Weights: "proportional"}, ancova)

func ancova(_ context.Context, in analysis.Input, q analysis.Question, o AncovaOptions) (analysis.Result, error) {
	if q.Arm == "" || q.Reference == "" {
		return analysis.Result{}, fmt.Errorf("%w: an adjusted difference needs an arm and a reference: --arm NAME --reference NAME", analysis.ErrOptions)
	}
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	d, err := newDesign(in, groups, p, o)
	if err != nil {
		return r, err
	}
	e := start("adjusted_difference", analysis.ScaleDifference, groups[0], &groups[1], p)
	e.Unit = p.Field.Unit
	e.N = analysis.N{Arm: d.n[0], Reference: d.n[1], Missing: d.missing}
	e.Method = analysis.Method{Name: "least squares on arm, baseline" + listed(o.Covariates) + "; " + o.Errors + " errors; complete cases", R: o.call(), Ref: "Vickers and Altman 2001, 10.1136/bmj.323.7321.1123"}
	if d.n[0] < 2 || d.n[1] < 2 {
		r.Estimates = append(r.Estimates, e.Warn(analysis.WarnTooFew, "each arm needs two patients with outcome, baseline and covariates", "ask for a visit with more patients, or fewer covariates"))
		return r, nil
	}
	d.shift()
	f, err := fit.LeastSquares(d.y, d.x)
	if err != nil {
		return r, fmt.Errorf("%w: %w; leave out a covariate that repeats another", analysis.ErrCannot, err)
	}
	contrast, ws, err := d.contrasts(f, o.Errors, q.Level)
	if err != nil {
		return r, err
	}
	r.Warnings = append(r.Warnings, ws...)
	arm := make([]float64, len(d.x))
	arm[1] = 1
	r.Estimates = append(r.Estimates, contrast(e, arm))
	for i, g := range groups {
		m := start("adjusted_mean", analysis.ScaleMean, g, nil, p)
		m.Unit, m.N, m.Method = p.Field.Unit, analysis.N{Arm: d.n[i]}, e.Method
		at := append([]float64(nil), d.centre(o.Weights)...)
		at[1] = float64(1 - i)
		m = d.lift(contrast(m, at))
		m.Statistic, m.P = analysis.None, analysis.None // a test of a mean against zero means nothing here
		r.Estimates = append(r.Estimates, m)
	}
	slope := start("slope_baseline", analysis.ScaleDifference, groups[0], &groups[1], p)
	slope.N, slope.Method = e.N, e.Method
	b := make([]float64, len(d.x))
	b[2] = 1
	r.Estimates = append(r.Estimates, contrast(slope, b), d.standardised(r.Estimates[0], f, q.Level), d.slopes(r.Estimates[0], o.Errors), equalVariances(r.Estimates[0], f, o.Errors))
	r.Tables = []analysis.Table{d.coefficients(contrast, groups), fitTable(f, d.y)}
	return r, nil
}

// call is the call in R that gives the same estimate and error.
func (o AncovaOptions) call() string {
	model := "lm(visit ~ " + strings.Join(append([]string{"arm", "baseline"}, o.Covariates...), " + ") + ")"
	robust := func(vcov string) string { return "fit <- " + model + "; lmtest::coeftest(fit, " + vcov + ")" }
	switch o.Errors {
	case fit.CovModel:
		return model
	case "CR0", "CR2":
		return robust(`clubSandwich::vcovCR(fit, cluster, "` + o.Errors + `")`)
	case "cluster":
		return robust(`sandwich::vcovCL(fit, cluster)`)
	}
	return robust(`sandwich::vcovHC(fit, "` + o.Errors + `")`)
}

// standardised divides the adjusted difference by the residual SD.
func (d *design) standardised(diff analysis.Estimate, f *fit.Linear, level float64) analysis.Estimate {
	e := diff
	e.Term, e.Scale, e.Unit, e.Warnings = "adjusted_smd", analysis.ScaleStandardised, "", nil
	e.Value, e.SE, e.DF, e.Statistic, e.P, e.CI = analysis.None, analysis.None, analysis.None, analysis.None, analysis.None, analysis.NoInterval
	e.Method.Name = "adjusted difference / residual SD; " + e.Method.Name
	e.Method.R = "emmeans::eff_size(emmeans(fit, \"arm\"), sigma(fit), df.residual(fit))"
	if !diff.SE.OK() {
		return e.Warn(analysis.WarnNoVariance, "the model fits without error, so there is no SD to divide by", "")
	}
	sigma := math.Sqrt(f.Sigma2)
	v, se := float64(diff.Value)/sigma, float64(diff.SE)/sigma
	se = math.Sqrt(se*se + v*v/(2*f.DF))
	e.Value, e.SE, e.DF = analysis.Num(v), analysis.Num(se), diff.DF
	e.CI = analysis.TInterval(v, se, float64(diff.DF), level)
	return e
}

// slopes tests whether the slopes of the baseline in the arms are one.
func (d *design) slopes(diff analysis.Estimate, errors string) analysis.Estimate {
	e := check(diff, "homogeneity_of_slopes", "F test that the difference is the same at every baseline (arm × baseline); "+errors+" errors", "anova(fit, update(fit, . ~ . + baseline:arm))")
	both := make([]float64, len(d.y))
	for i, v := range d.x[2] {
		both[i] = v * d.x[1][i]
	}
	wide, err := fit.LeastSquares(d.y, append(append([][]float64(nil), d.x...), both))
	if err != nil {
		return e.Warn(analysis.WarnTooFew, "the model with a slope of its own for each arm cannot be fitted: too few patients, or baselines that do not vary in an arm", "include more patients")
	}
	if !diff.SE.OK() {
		return e.Warn(analysis.WarnNoVariance, "the model fits without error, so there is no test", "")
	}
	v, df, err := wide.Covariance(errors, d.cluster)
	if err != nil {
		return e.Warn(analysis.WarnTooFew, "the errors asked for are not defined with a slope for each arm", "use errors=model")
	}
	if e = interaction(e, wide, v, df, len(d.x)); e.P < 0.05 {
		e = e.Warn(analysis.WarnAssumption, "the difference between the arms changes with the baseline, so that one number does not tell it", "use effect/subgroups by a level of the baseline, or show the difference at several baselines")
	}
	return e
}

// equalVariances tests whether variances are equal.
func equalVariances(diff analysis.Estimate, f *fit.Linear, errors string) analysis.Estimate {
	e := check(diff, "breusch_pagan", "Breusch and Pagan's test of equal variances, studentised by Koenker; the value is the chi-square statistic", "lmtest::bptest(fit)")
	if diff.SE.OK() {
		if stat, df, p := f.BreuschPagan(); !math.IsNaN(stat) {
			e.Value, e.Statistic, e.DF, e.P = analysis.Num(stat), analysis.Num(stat), analysis.Num(df), analysis.Num(p)
			if p < 0.05 && errors == fit.CovModel {
				e = e.Warn(analysis.WarnAssumption, "variances differ with arm, baseline or covariates, and the model's errors take them as equal", "use errors=HC3")
			}
			return e
		}
	}
	return e.Warn(analysis.WarnNoVariance, "the squared residuals do not vary, or too few patients are in the model, so there is no test", "")
}

// check starts a test of an assumption of the model of diff.
func check(diff analysis.Estimate, term, how, r string) analysis.Estimate {
	e := analysis.NewEstimate(term, analysis.ScaleCount)
	e.Outcome, e.Visit, e.Arm, e.Reference, e.N = diff.Outcome, diff.Visit, diff.Arm, diff.Reference, diff.N
	e.Method = analysis.Method{Name: how, R: r, Ref: "Vickers and Altman 2001, 10.1136/bmj.323.7321.1123"}
	if term == "breusch_pagan" {
		e.Method.Ref = "Koenker 1981, 10.1016/0304-4076(81)90062-2"
	}
	return e
}

// coefficients lists the coefficients on the scales of the columns themselves.
func (d *design) coefficients(contrast func(analysis.Estimate, []float64) analysis.Estimate, groups []analysis.Group) analysis.Table {
	t := analysis.Table{
		Name: "coefficients", Title: "Coefficients of the model",
		Columns: []string{"column", "level", "estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high"},
		Notes:   []string{"the intercept is the mean of the reference at a baseline and numbers of zero and the first level of each text"},
	}
	for j := range d.x {
		c := make([]float64, len(d.x))
		c[j] = 1
		column, level := d.names[j][0], d.names[j][1]
		if j > 0 && j < len(groups) {
			column, level = "arm", groups[j-1].Name
		}
		e := analysis.NewEstimate(column, analysis.ScaleMean)
		if j == 0 {
			for k, off := range d.offsets {
				c[k] -= off
			}
			if e = d.lift(contrast(e, c)); e.SE.OK() {
				e.Statistic = e.Value / e.SE
				e.P = analysis.Num(analysis.TP(float64(e.Statistic), float64(e.DF)))
			}
		} else {
			e = contrast(e, c)
		}
		row := []analysis.Value{analysis.Text(column), analysis.Text(level)}
		if level == "" {
			row[1] = analysis.Number(math.NaN())
		}
		for _, v := range []analysis.Num{e.Value, e.SE, e.Statistic, e.DF, e.P, e.CI.Low, e.CI.High} {
			row = append(row, analysis.Number(float64(v)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// fitTable says how well a model fits. R: summary(fit), logLik, AIC, BIC.
func fitTable(f *fit.Linear, y []float64) analysis.Table {
	n, p := float64(len(y)), float64(len(f.Coef))
	rss, sd := f.Sigma2*f.DF, fit.Describe(y).SD
	r2 := 1 - rss/(sd*sd*(n-1))
	stat := r2 / (p - 1) / ((1 - r2) / f.DF)
	loglik := -n / 2 * (math.Log(2*math.Pi*rss/n) + 1)
	t := analysis.Table{Name: "fit", Title: "Fit of the model", Columns: []string{"statistic", "value"}}
	for _, x := range []struct {
		name  string
		value float64
	}{
		{"patients", n},
		{"residual_df", f.DF},
		{"residual_sd", math.Sqrt(f.Sigma2)},
		{"r_squared", r2},
		{"adjusted_r_squared", 1 - (1-r2)*(n-1)/f.DF},
		{"f_statistic", stat},
		{"f_p_value", mathext.RegIncBeta(f.DF/2, (p-1)/2, f.DF/(f.DF+(p-1)*stat))},
		{"log_likelihood", loglik},
		{"aic", 2*(p+1) - 2*loglik},
		{"bic", math.Log(n)*(p+1) - 2*loglik},
	} {
		v := x.value
		if math.IsInf(v, 0) { // a model without error
			v = math.NaN()
		}
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(x.name), analysis.Number(v)})
	}
	return t
}

// contrasts returns how a contrast of the coefficients is written, with the errors
// asked for.
func (d *design) contrasts(f *fit.Linear, errors string, level float64) (func(analysis.Estimate, []float64) analysis.Estimate, []analysis.Warning, error) {
	v, df, err := f.Covariance(errors, d.cluster)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	var ws []analysis.Warning
	if clusters := int(df) + 1; (errors == fit.CovCluster || errors == fit.CovCR0) && clusters < fewClusters {
		ws = append(ws, analysis.Warning{
			Code: analysis.WarnTooFew, Message: fmt.Sprintf("the errors rest on %d clusters; with fewer than %d they are too small, and intervals too narrow", clusters, fewClusters),
			Cure: "use errors=CR2, or include more clusters",
		})
	}
	return func(e analysis.Estimate, c []float64) analysis.Estimate {
		if errors != fit.CovCR2 {
			return contrastOf(f, v, df, level, e, c)
		}
		e = contrastOf(f, v, f.ClusterDF(c, d.cluster), level, e, c)
		if e.DF < 4 {
			e = e.Warn(analysis.WarnTooFew, fmt.Sprintf("the errors have %.1f degrees of freedom: p values and intervals are only rough under 4", float64(e.DF)), "include more clusters")
		}
		return e
	}, ws, nil
}

// fewClusters is the number under which cluster-robust errors are known to be too
// small: 20 to 50, Cameron and Miller 2015, 10.3368/jhr.50.2.317.
const fewClusters = 20

func contrastOf(f *fit.Linear, v *mat.SymDense, df, level float64, e analysis.Estimate, c []float64) analysis.Estimate {
	value, variance := f.Contrast(c, v)
	se := math.Sqrt(math.Max(0, variance))
	e.Value = analysis.Num(value)
	if !(se > 1e-12*math.Abs(value)) { // residuals that are rounding alone
		return e.Warn(analysis.WarnNoVariance, "the model fits without error, so there is no error to give", "")
	}
	e.SE, e.DF = analysis.Num(se), analysis.Num(df)
	e.Statistic = analysis.Num(value / se)
	e.P = analysis.Num(analysis.TP(value/se, df))
	e.CI = analysis.TInterval(value, se, df, level)
	return e
}

func listed(covariates []string) string {
	s := ""
	for _, c := range covariates {
		s += ", " + c
	}
	return s
}

// design is the rows and columns of the model: intercept, an indicator of each
// group but the last, baseline, then covariates.
type design struct {
	y       []float64
	x       [][]float64
	levels  []int // of the text covariate a column belongs to, 0 for numbers
	cluster []int
	origin  float64     // taken off y by shift
	offsets []float64   // taken off the columns by shift
	names   [][2]string // of the columns: the covariate and its level
	n       []int       // patients used in each group
	missing int

	patients []int // of the cohort, a row each
}

// shift takes the first value off the outcome and off every column of numbers, so
// that a large common offset costs no digits; contrasts are as before, and lift
// gives the offset back to a mean.
func (d *design) shift() {
	off := func(x []float64) (v float64) {
		if len(x) > 0 {
			v = x[0]
		}
		for i := range x {
			x[i] -= v
		}
		return v
	}
	d.origin, d.offsets = off(d.y), make([]float64, len(d.x))
	for j := len(d.n); j < len(d.x); j++ {
		if d.levels[j] == 0 {
			d.offsets[j] = off(d.x[j])
		}
	}
}

func (d *design) lift(e analysis.Estimate) analysis.Estimate {
	by := analysis.Num(d.origin)
	e.Value, e.CI.Low, e.CI.High = e.Value+by, e.CI.Low+by, e.CI.High+by
	return e
}

// centre returns the point at which adjusted means are taken.
func (d *design) centre(weights string) []float64 {
	out := make([]float64, len(d.x))
	for j, col := range d.x {
		s := 0.0
		for _, v := range col {
			s += v
		}
		out[j] = s / float64(len(col))
		if weights == "equal" && d.levels[j] > 0 {
			out[j] = 1 / float64(d.levels[j])
		}
	}
	return out
}

func newDesign(in analysis.Input, groups []analysis.Group, p analysis.Paired, o AncovaOptions) (*design, error) {
	columns, err := in.CovariateColumns(groups, o.Covariates)
	if err != nil {
		return nil, err
	}
	var cluster []int32
	if o.Errors == fit.CovCluster || o.Errors == fit.CovCR0 || o.Errors == fit.CovCR2 {
		if cluster, _ = in.Cohort.Attribute(datasets.RoleCluster); cluster == nil {
			cluster, _ = in.Cohort.Attribute(datasets.RoleSite)
		}
		if cluster == nil {
			return nil, fmt.Errorf("%w: cluster errors need a column with role cluster or site", analysis.ErrCannot)
		}
	}
	first := len(groups) + 1 // intercept, all groups but the last, baseline
	d := &design{x: make([][]float64, first+len(columns)), levels: make([]int, first), names: make([][2]string, first), n: make([]int, len(groups))}
	d.names[0][0], d.names[first-1][0] = "(intercept)", "baseline"
	for _, c := range columns {
		d.levels, d.names = append(d.levels, c.Levels), append(d.names, [2]string{c.Name, c.Level})
	}
	for i, g := range groups {
		for _, patient := range g.Patients {
			row := make([]float64, first, first+len(columns))
			if row[0], row[first-1] = 1, p.Before[patient]; i < len(groups)-1 {
				row[i+1] = 1
			}
			for _, c := range columns {
				row = append(row, c.Values[patient])
			}
			if math.IsNaN(p.After[patient]) || anyNaN(row) || cluster != nil && cluster[patient] < 0 {
				d.missing++
				continue
			}
			d.n[i]++
			d.patients = append(d.patients, patient)
			d.y = append(d.y, p.After[patient])
			for j, v := range row {
				d.x[j] = append(d.x[j], v)
			}
			if cluster != nil {
				d.cluster = append(d.cluster, int(cluster[patient]))
			}
		}
	}
	return d, nil
}

func anyNaN(row []float64) bool {
	for _, v := range row {
		if math.IsNaN(v) {
			return true
		}
	}
	return false
}
