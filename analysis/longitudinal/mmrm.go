// Package longitudinal follows outcomes over several visits of each patient.
package longitudinal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// MMRMOptions are the settings of longitudinal/mmrm.
type MMRMOptions struct {
	Covariance string   `opt:"covariance" doc:"of a patient's visits: unstructured, heterogeneous (h) or homogeneous Toeplitz, ante-dependence, AR(1), compound symmetry" choices:"us|toeph|adh|ar1h|csh|toep|ad|ar1|cs"`
	Fallback   bool     `opt:"fallback" doc:"where the covariance does not converge, go on with toeph, ar1h and cs, and say so"`
	Method     string   `opt:"method" doc:"restricted or full maximum likelihood" choices:"reml|ml"`
	Inference  string   `opt:"inference" doc:"standard errors and degrees of freedom" choices:"satterthwaite|kenward-roger|kenward-roger-linear"`
	Baseline   string   `opt:"baseline" doc:"the outcome at baseline as a covariate with a slope for each visit, or not in the model" choices:"covariate|none"`
	Covariates []string `opt:"covariates" doc:"columns of the patients to adjust for, one slope for all visits"`
	Weights    string   `opt:"weights" doc:"adjusted means at the share of each level among the patients used, or at equal shares (emmeans)" choices:"proportional|equal"`
}

const refMMRM = "Mallinckrodt and others 2008, 10.1177/009286150804200402"

// MMRM is longitudinal/mmrm: the mixed model for repeated measures.
var MMRM = analysis.New(analysis.Analysis{
	Name:     "longitudinal/mmrm",
	Title:    "Mixed model for repeated measures (MMRM)",
	Estimand: "difference between arm and reference in the mean outcome at each visit, had all patients been seen, for patients alike at baseline",
	Doc: `Linear model of the outcome at all visits after baseline: a mean for each arm and visit, a slope for the outcome at baseline at each visit, covariates, and a covariance between a patient's visits, the same in each arm. By (restricted) maximum likelihood:
  -2 log L = Σ log|Σᵢ| + Σ (yᵢ - Xᵢβ)'Σᵢ⁻¹(yᵢ - Xᵢβ) + log|ΣXᵢ'Σᵢ⁻¹Xᵢ| + (n - p) log 2π   (without the third term, and n in place of n - p, by full likelihood)
Terms: adjusted_mean of each arm and visit (at the mean baseline and covariates of the patients used), adjusted_change (the same less the mean at baseline), adjusted_difference (arm minus reference). Without an arm every arm is in the model, and no difference is given.
Satterthwaite: df = 2 (l'Cl)² / g'Ag, g the derivatives of l'Cl by the covariance's parameters and A the inverse of the observed information. Kenward-Roger: errors enlarged by what is not known of the covariance, in full (by mmrm's parameters of an unstructured covariance) or linear (as SAS does for an unstructured one); the degrees of freedom of a single contrast are Satterthwaite's.
Missing values: patients with the outcome at any visit after baseline, and baseline and covariates, are used with all their values; unbiased where missingness depends on what was seen (missing at random). A visit at which an arm has no values is left out.
Cost: sums over the patterns of visits that are there, so a fit does not depend on the number of patients.
R: mmrm::mmrm(y ~ arm * visit + baseline:visit + us(visit | id)); emmeans::emmeans(fit, ~ arm | visit). SAS: PROC MIXED with REPEATED / TYPE=UN DDFM=SATTERTHWAITE.`,
	Refs:  []string{refMMRM, "Satterthwaite 1946, 10.2307/3002019", "Kenward and Roger 1997, 10.2307/2533558", "Fai and Cornelius 1996, 10.1080/00949659608811740"},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, MMRMOptions{Covariance: string(fit.Unstructured), Fallback: true, Method: "reml", Inference: "satterthwaite", Baseline: "covariate", Weights: "proportional"}, mmrm)

// model is the data of a model in the order of its columns: a mean for each group
// and visit, the slopes of the baseline by visit, covariates.
type model struct {
	groups     []analysis.Group
	visits     []datasets.Visit
	field      datasets.Field
	values     [][]float64 // by visit, then patient of the cohort
	baseline   []float64   // by patient; nil where it is not in the model
	before     float64     // mean at baseline of the patients used
	covariates [][]float64
	levels     []int // of the text that a covariate is an indicator of, 0 for numbers
	centre     []float64
	n          [][]int // used, by group and visit
	used       []int   // by group
	missing    int
}

func mmrm(ctx context.Context, in analysis.Input, q analysis.Question, o MMRMOptions) (analysis.Result, error) {
	m, excluded, err := newModel(in, q, o)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: excluded, Warnings: m.leaveOut()}
	if len(m.visits) == 0 {
		return r, fmt.Errorf("%w: no visit after baseline has values of %s in every group", analysis.ErrCannot, m.field.Name)
	}
	stats, err := m.statistics()
	if err != nil {
		return r, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	if err := ctx.Err(); err != nil {
		return r, err
	}
	f, warn, err := fitted(stats, o)
	if err != nil {
		return r, fmt.Errorf("%w: %w; leave out visits with few patients, or choose a simpler covariance", analysis.ErrCannot, err)
	}
	r.Warnings = append(r.Warnings, warn...)
	if !f.Has(fit.Inference(o.Inference)) {
		return r, fmt.Errorf("%w: Kenward and Roger's full form is there for an unstructured covariance; choose inference=kenward-roger-linear", analysis.ErrCannot)
	}
	r.Warnings = append(r.Warnings, m.seen()...)
	asked := -1
	if q.Visit != "" {
		v, err := in.Cohort.Visit(q.Visit)
		if err != nil {
			return r, err
		}
		for i := range m.visits {
			if m.visits[i].Value == v.Value {
				asked = i
			}
		}
		if asked < 0 {
			return r, fmt.Errorf("%w: the visit asked about is not after baseline, or an arm has no values there", analysis.ErrCannot)
		}
	}
	for v := range m.visits {
		if asked < 0 || v == asked {
			r.Estimates = append(r.Estimates, m.estimates(f, v, q, o)...)
		}
	}
	return r, nil
}

// fitted fits the model, with simpler structures where the one asked for does not
// converge.
func fitted(stats *fit.Repeated, o MMRMOptions) (*fit.RepeatedFit, []analysis.Warning, error) {
	list := []fit.Structure{fit.Structure(o.Covariance)}
	if o.Fallback {
		for _, s := range []fit.Structure{fit.ToeplitzH, fit.AR1H, fit.Compound} {
			if s != list[0] {
				list = append(list, s)
			}
		}
	}
	var first error
	for i, s := range list {
		f, err := stats.FitRepeated(s, o.Method == "reml")
		if err == nil {
			if i == 0 {
				return f, nil, nil
			}
			return f, []analysis.Warning{{
				Code: "covariance-fallback", Message: fmt.Sprintf("the covariance %s did not converge (%v); the model has %s", o.Covariance, first, s),
				Cure: "leave out visits with few patients, or choose the covariance beforehand",
			}}, nil
		}
		if first == nil {
			first = err
		}
		if errors.Is(err, fit.ErrRepeatedSingular) {
			break
		}
	}
	return nil, nil, first
}

func newModel(in analysis.Input, q analysis.Question, o MMRMOptions) (*model, []datasets.Exclusion, error) {
	c := in.Cohort
	if q.Outcome == "" {
		return nil, nil, fmt.Errorf("%w: expected an outcome: --outcome COLUMN", datasets.ErrUnknownName)
	}
	m := &model{}
	var err error
	if m.field, err = c.Outcome(q.Outcome); err != nil {
		return nil, nil, err
	}
	var excluded []datasets.Exclusion
	if m.groups, excluded, err = in.Groups(q); err != nil {
		return nil, nil, err
	}
	baseline, marked := c.Baseline()
	if q.Baseline != "" {
		if baseline, err = c.Visit(q.Baseline); err != nil {
			return nil, nil, err
		}
		marked = true
	}
	if o.Baseline == "covariate" {
		if !marked {
			return nil, nil, fmt.Errorf("%w: no visit is marked as baseline: add baseline: true under visits, pass --baseline NAME, or --set baseline=none", datasets.ErrUnknownName)
		}
		m.baseline = c.Values(m.field.Name, baseline.Value)
	}
	for _, v := range c.Visits() {
		before := marked && (v.Value == baseline.Value || v.Week != nil && baseline.Week != nil && *v.Week <= *baseline.Week)
		if !before {
			m.visits = append(m.visits, v)
			m.values = append(m.values, c.Values(m.field.Name, v.Value))
		}
	}
	if len(m.visits) > fit.MaxVisits {
		return nil, nil, fmt.Errorf("%w: the cohort has %d visits after baseline; a model may have %d", analysis.ErrCannot, len(m.visits), fit.MaxVisits)
	}
	m.covariates, m.levels, err = in.Covariates(m.groups, o.Covariates)
	return m, excluded, err
}

// complete reports whether a patient has all but the outcome.
func (m *model) complete(p int) bool {
	if m.baseline != nil && math.IsNaN(m.baseline[p]) {
		return false
	}
	for _, x := range m.covariates {
		if math.IsNaN(x[p]) {
			return false
		}
	}
	return true
}

// leaveOut takes visits out at which a group has no values, and counts who is used.
func (m *model) leaveOut() []analysis.Warning {
	var out []analysis.Warning
	var visits []datasets.Visit
	var values [][]float64
	for v := range m.visits {
		empty := ""
		for _, g := range m.groups {
			n := 0
			for _, p := range g.Patients {
				if m.complete(p) && !math.IsNaN(m.values[v][p]) {
					n++
				}
			}
			if n == 0 && empty == "" {
				empty = g.Name
			}
		}
		if empty != "" {
			out = append(out, analysis.Warning{
				Code: "visit-left-out", Message: fmt.Sprintf("%s is not in the model: %s has no values of %s there", m.visits[v].VisitName(), empty, m.field.Name),
			})
			continue
		}
		visits, values = append(visits, m.visits[v]), append(values, m.values[v])
	}
	m.visits, m.values = visits, values
	m.n, m.used = make([][]int, len(m.groups)), make([]int, len(m.groups))
	sums, total := make([]float64, len(m.covariates)), 0
	for i, g := range m.groups {
		m.n[i] = make([]int, len(m.visits))
		for _, p := range g.Patients {
			some := false
			if m.complete(p) {
				for v := range m.visits {
					if !math.IsNaN(m.values[v][p]) {
						m.n[i][v]++
						some = true
					}
				}
			}
			if !some {
				m.missing++
				continue
			}
			m.used[i]++
			total++
			if m.baseline != nil {
				m.before += m.baseline[p]
			}
			for k, x := range m.covariates {
				sums[k] += x[p]
			}
		}
	}
	m.before /= float64(total)
	m.centre = sums
	for k := range m.centre {
		m.centre[k] /= float64(total)
	}
	return out
}

// statistics sums the data up.
func (m *model) statistics() (*fit.Repeated, error) {
	visits, groups := len(m.visits), len(m.groups)
	slopes := 0
	if m.baseline != nil {
		slopes = visits
	}
	r, err := fit.NewRepeated(visits, visits*groups+slopes+len(m.covariates))
	if err != nil {
		return nil, err
	}
	x, y := make([][]float64, visits), make([]float64, visits)
	for v := range x {
		x[v] = make([]float64, r.Columns)
	}
	for i, g := range m.groups {
		for _, p := range g.Patients {
			if !m.complete(p) {
				continue
			}
			for v := range x {
				clear(x[v])
				x[v][i*visits+v] = 1
				if m.baseline != nil {
					x[v][groups*visits+v] = m.baseline[p] - m.before
				}
				for k, c := range m.covariates {
					x[v][groups*visits+slopes+k] = c[p] - m.centre[k]
				}
				y[v] = m.values[v][p]
			}
			r.Add(x, y)
		}
	}
	return r, nil
}

// seen warns of visits at which under 70 % of the patients have values.
func (m *model) seen() []analysis.Warning {
	var out []analysis.Warning
	for i, g := range m.groups {
		for v := range m.visits {
			if n := len(g.Patients); float64(m.n[i][v]) < 0.7*float64(n) {
				out = append(out, analysis.Warning{
					Code:    analysis.WarnLowFollowUp,
					Message: fmt.Sprintf("%s: %s seen at %s in %d of %d patients (%.0f %%); the model rests on those not seen being like those seen with the same values before", g.Name, m.field.Name, m.visits[v].VisitName(), m.n[i][v], n, 100*float64(m.n[i][v])/float64(n)),
					Cure:    "follow up more patients, and show the result under other assumptions about those not seen",
				})
			}
		}
	}
	return out
}

// estimates returns the adjusted means of a visit, and the difference where a
// reference is asked for.
func (m *model) estimates(f *fit.RepeatedFit, v int, q analysis.Question, o MMRMOptions) []analysis.Estimate {
	visits := len(m.visits)
	point := func(i int) []float64 {
		c := make([]float64, len(f.Beta))
		c[i*visits+v] = 1
		if o.Weights == "equal" {
			at := len(f.Beta) - len(m.covariates)
			for k, n := range m.levels {
				if n > 0 {
					c[at+k] = 1/float64(n) - m.centre[k]
				}
			}
		}
		return c
	}
	method := analysis.Method{
		Name: fmt.Sprintf("mixed model for repeated measures, %s covariance, %s, %s", f.Structure, strings.ToUpper(o.Method), o.Inference),
		R:    `mmrm::mmrm(y ~ arm * visit + baseline:visit + us(visit | id))`, Ref: refMMRM,
	}
	begin := func(term string, scale analysis.Scale, i int) analysis.Estimate {
		e := analysis.NewEstimate(term, scale)
		e.Outcome, e.Visit, e.Arm, e.Unit, e.Method = m.field.Name, m.visits[v].VisitName(), m.groups[i].Name, m.field.Unit, method
		e.N = analysis.N{Arm: m.n[i][v], Missing: len(m.groups[i].Patients) - m.n[i][v]}
		return e
	}
	contrast := func(e analysis.Estimate, c []float64, less float64) analysis.Estimate {
		value, se, df := f.Contrast(c, fit.Inference(o.Inference))
		e.Value = analysis.Num(value - less)
		if !(se > 0) || math.IsNaN(df) {
			return e.Warn(analysis.WarnNoVariance, "the model fits without error, so there is no error to give", "")
		}
		e.SE, e.DF = analysis.Num(se), analysis.Num(df)
		e.CI = analysis.TInterval(value-less, se, df, q.Level)
		return e
	}
	tested := func(e analysis.Estimate) analysis.Estimate {
		if e.SE.OK() {
			e.Statistic = e.Value / e.SE
			e.P = analysis.Num(analysis.TP(float64(e.Statistic), float64(e.DF)))
		}
		return e
	}
	var out []analysis.Estimate
	for i := range m.groups {
		out = append(out, contrast(begin("adjusted_mean", analysis.ScaleMean, i), point(i), 0))
		if m.baseline != nil {
			out = append(out, tested(contrast(begin("adjusted_change", analysis.ScaleDifference, i), point(i), m.before)))
		}
	}
	if q.Reference != "" {
		c, ref := point(0), point(1)
		for k := range c {
			c[k] -= ref[k]
		}
		e := begin("adjusted_difference", analysis.ScaleDifference, 0)
		e.Reference = m.groups[1].Name
		e.N = analysis.N{Arm: m.n[0][v], Reference: m.n[1][v], Missing: e.N.Missing + len(m.groups[1].Patients) - m.n[1][v]}
		out = append(out, tested(contrast(e, c, 0)))
	}
	return out
}
