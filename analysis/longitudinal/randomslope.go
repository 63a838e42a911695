package longitudinal

import (
	"context"
	"fmt"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// RandomSlopeOptions are the settings of longitudinal/random-slope.
type RandomSlopeOptions struct {
	Random     string   `opt:"random" doc:"what differs between patients: the intercept; the intercept and the slope, with their correlation; or both uncorrelated" choices:"intercept|intercept+slope|uncorrelated"`
	Time       string   `opt:"time" doc:"weeks of the visits, from the cohort file, or their order, counted from 0" choices:"weeks|order"`
	Method     string   `opt:"method" doc:"restricted or full maximum likelihood" choices:"reml|ml"`
	Inference  string   `opt:"inference" doc:"standard errors and degrees of freedom" choices:"satterthwaite|kenward-roger"`
	Baseline   string   `opt:"baseline" doc:"response: the baseline is a visit like the others; covariate: the visits after it, adjusted for it; none: the visits after it alone" choices:"response|covariate|none"`
	Covariates []string `opt:"covariates" doc:"columns of the patients to adjust for"`
}

const refRandomSlope = "Laird and Ware 1982, 10.2307/2529876"

// RandomSlope is longitudinal/random-slope: straight lines over time that differ
// between patients.
var RandomSlope = analysis.New(analysis.Analysis{
	Name:     "longitudinal/random-slope",
	Title:    "Mixed model with random intercept and slope",
	Estimand: "mean change of the outcome by week in each arm, and its difference between arm and reference, had all patients been seen",
	Doc: `Linear mixed model: an intercept and a slope over time for each arm, covariates, and for each patient an intercept and a slope of their own about the arm's:
  yᵢⱼ = αₐ + βₐ tⱼ + γ'xᵢ + aᵢ + bᵢ tⱼ + eᵢⱼ,  (aᵢ, bᵢ) ~ N(0, D),  eᵢⱼ ~ N(0, σ²)
by (restricted) maximum likelihood. Terms: slope of each arm, slope_difference (arm minus reference), adjusted_mean of each arm at each visit (at the mean of the covariates), adjusted_difference. Under time=order a slope is a change by visit.
Satterthwaite: df = 2v²/g'Wg, g the derivatives of v = l'Φl by the variances and W the inverse of the observed information. Kenward-Roger: W from the expected information, and errors enlarged by what is not known of the variances; with method=reml.
Bounds: a variance of zero or a correlation of ±1 is an estimate like another (a singular fit), not a failure: it is said in a warning, its error is null, and degrees of freedom hold it for known.
Variances: table variance-components, Wald intervals on the log scale, of the correlation on Fisher's z scale.
Assumptions: mean outcomes run in straight lines over time (see longitudinal/mmrm, which has a mean for each visit), normal errors alike at all visits. Missing values: patients with the outcome at any visit, and covariates, are used with all their values; sound where values are missing at random.
Cost: patients seen at the same visits share their sums, so a fit does not depend on how many there are.
R: lme4::lmer(y ~ arm * week + (week | id)); lmerTest::contest1D(fit, l, ddf = "Satterthwaite").`,
	Refs:  []string{refRandomSlope, "Bates and others 2015, 10.18637/jss.v067.i01", "Satterthwaite 1946, 10.2307/3002019", "Kenward and Roger 1997, 10.2307/2533558"},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, RandomSlopeOptions{Random: fit.RandomSlope, Time: "weeks", Method: "reml", Inference: fit.DFSatterthwaite, Baseline: baselineResponse}, randomSlope)

// lines is a fitted mixed model of a panel.
type lines struct {
	*panel
	o     RandomSlopeOptions
	times []float64 // of the panel's visits
	shift float64   // taken off the outcome before the fit
	f     *fit.SlopesFit
	level float64
}

func randomSlope(ctx context.Context, in analysis.Input, q analysis.Question, o RandomSlopeOptions) (analysis.Result, error) {
	if o.Inference == fit.DFKenwardRoger && o.Method != "reml" {
		return analysis.Result{}, fmt.Errorf("%w: Kenward and Roger's errors need method=reml", analysis.ErrOptions)
	}
	p, err := newPanel(in, q, o.Baseline, o.Covariates)
	if err != nil {
		return analysis.Result{}, err
	}
	m := &lines{panel: p, o: o, level: q.Level}
	if m.times, err = p.times(o.Time); err != nil {
		return analysis.Result{}, err
	}
	p.count()
	r := analysis.Result{Excluded: p.excluded}
	asked, err := p.asked(in, q)
	if err != nil {
		return r, err
	}
	if err := ctx.Err(); err != nil {
		return r, err
	}
	if err := m.estimate(); err != nil {
		return r, fmt.Errorf("%w: %w; each group needs patients at two times at least, and some patients two values", analysis.ErrCannot, err)
	}
	table, warnings := p.missing(missingAtRandom, cureAtRandom)
	r.Tables = []analysis.Table{m.components(), m.fitted(), table}
	r.Warnings = append(warnings, m.singular()...)
	for g := range p.groups {
		r.Estimates = append(r.Estimates, m.tested(m.begin("slope", analysis.ScaleDifference, g, -1), m.slope(g)))
	}
	if q.Reference != "" {
		r.Estimates = append(r.Estimates, m.tested(m.against(m.begin("slope_difference", analysis.ScaleDifference, 0, -1), -1), less(m.slope(0), m.slope(1))))
	}
	for v := range p.visits {
		if asked < 0 || v == asked {
			r.Estimates = append(r.Estimates, m.means(v, q)...)
		}
	}
	return r, nil
}

// times returns the times of the visits.
func (p *panel) times(how string) ([]float64, error) {
	out := make([]float64, len(p.visits))
	var without []string
	for v, visit := range p.visits {
		switch {
		case how == "order":
			out[v] = float64(v)
		case visit.Week == nil:
			without = append(without, visit.VisitName())
		default:
			out[v] = *visit.Week
		}
	}
	if len(without) > 0 {
		return nil, fmt.Errorf("%w: no week is known of %s: add week: under visits in the cohort file, or take visits in their order with time=order", analysis.ErrCannot, strings.Join(without, ", "))
	}
	return out, nil
}

// row is the design of a patient at a time: an intercept and a slope for each
// group, the baseline, covariates; with patient -1 at their means.
func (m *lines) row(group int, time float64, patient int) []float64 {
	x := make([]float64, 2*len(m.groups), 2*len(m.groups)+1+len(m.covariates))
	x[2*group], x[2*group+1] = 1, time
	add := func(v, centre float64) {
		if patient < 0 {
			v = centre
		}
		x = append(x, v-centre)
	}
	value := func(c []float64) float64 {
		if patient < 0 {
			return 0
		}
		return c[patient]
	}
	if m.baseline != nil {
		add(value(m.baseline), m.before)
	}
	for k, c := range m.covariates {
		add(value(c), m.centre[k])
	}
	return x
}

func (m *lines) estimate() error {
	var all []float64
	for _, group := range m.groups {
		for _, i := range group.Patients {
			for v := range m.visits {
				if y := m.values[v][i]; m.complete(i) && !math.IsNaN(y) {
					all = append(all, y)
				}
			}
		}
	}
	if len(all) == 0 {
		return fmt.Errorf("%w: no value of %s", fit.ErrSingular, m.field.Name)
	}
	m.shift = fit.Describe(all).Mean
	s := fit.NewSlopes(len(m.row(0, 0, -1)))
	for g, group := range m.groups {
		for _, i := range group.Patients {
			if !m.seen(i) {
				continue
			}
			var x [][]float64
			var at, y []float64
			for v, t := range m.times {
				if value := m.values[v][i]; !math.IsNaN(value) {
					x, at, y = append(x, m.row(g, t, i)), append(at, t), append(y, value-m.shift)
				}
			}
			s.Add(at, x, y)
		}
	}
	var err error
	m.f, err = s.Fit(m.o.Random, m.o.Method == "reml")
	return err
}

func (m *lines) slope(group int) []float64 { return less(m.row(group, 1, -1), m.row(group, 0, -1)) }

func less(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for j := range a {
		out[j] = a[j] - b[j]
	}
	return out
}

// begin starts an estimate of a group, at a visit or, with -1, over all.
func (m *lines) begin(term string, scale analysis.Scale, group, visit int) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Arm, e.Unit = m.field.Name, m.groups[group].Name, m.field.Unit
	used := m.used[group]
	if visit >= 0 {
		e.Visit, used = m.visits[visit].VisitName(), m.n[group][visit]
	} else {
		e.Unit = strings.TrimSpace(m.field.Unit + map[string]string{"weeks": " per week", "order": " per visit"}[m.o.Time])
	}
	e.N = analysis.N{Arm: used, Missing: len(m.groups[group].Patients) - used}
	random := strings.ReplaceAll(m.o.Random, "+", " and ")
	if m.o.Random == fit.RandomUncorrelated {
		random = "intercept and slope, uncorrelated"
	}
	e.Method = analysis.Method{
		Name: fmt.Sprintf("linear mixed model, random %s, %s, %s", random, strings.ToUpper(m.o.Method), m.o.Inference),
		R:    "lme4::lmer(y ~ arm * week + (week | id))", Ref: refRandomSlope,
	}
	return e
}

// against adds the reference to an estimate.
func (m *lines) against(e analysis.Estimate, visit int) analysis.Estimate {
	n := m.begin("", "", 1, visit).N
	e.Reference, e.N.Reference = m.groups[1].Name, n.Arm
	e.N.Missing += n.Missing
	return e
}

// valued writes a contrast with its interval.
func (m *lines) valued(e analysis.Estimate, c []float64, shift float64) analysis.Estimate {
	value, se, df := m.f.Contrast(c, m.o.Inference)
	e.Value, e.SE = analysis.Num(value+shift), analysis.Num(se)
	if !(df > 0) || math.IsInf(df, 0) {
		return e.Warn("degrees-of-freedom", "the degrees of freedom cannot be worked out, so there is no interval", "use random=intercept, or more patients")
	}
	e.DF, e.CI = analysis.Num(df), analysis.TInterval(value+shift, se, df, m.level)
	return e
}

// tested writes a contrast that is 0 without a difference.
func (m *lines) tested(e analysis.Estimate, c []float64) analysis.Estimate {
	e = m.valued(e, c, 0)
	if e.DF.OK() {
		e.Statistic = e.Value / e.SE
		e.P = analysis.Num(analysis.TP(float64(e.Statistic), float64(e.DF)))
	}
	return e
}

func (m *lines) means(v int, q analysis.Question) []analysis.Estimate {
	var out []analysis.Estimate
	for g := range m.groups {
		out = append(out, m.valued(m.begin("adjusted_mean", analysis.ScaleMean, g, v), m.row(g, m.times[v], -1), m.shift))
	}
	if q.Reference != "" {
		e := m.against(m.begin("adjusted_difference", analysis.ScaleDifference, 0, v), v)
		out = append(out, m.tested(e, less(m.row(0, m.times[v], -1), m.row(1, m.times[v], -1))))
	}
	return out
}

// components lists the variances with their intervals.
func (m *lines) components() analysis.Table {
	t := analysis.Table{
		Name: "variance-components", Title: "Variance between and within patients",
		Columns: []string{"component", "variance", "sd", "sd low", "sd high"},
		Notes:   []string{"Wald intervals of variances on the log scale, of the correlation on Fisher's z scale; none where an estimate lies on a bound"},
	}
	z := analysis.NormalQuantile(m.level)
	add := func(name string, v, se float64) {
		half := z * se / v / 2
		if !(v > 0) {
			half = math.NaN()
		}
		sd := math.Sqrt(v)
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(name), analysis.Number(v), analysis.Number(sd), analysis.Number(sd * math.Exp(-half)), analysis.Number(sd * math.Exp(half))})
	}
	d := m.f.Variance
	add("intercept", d[0][0], m.f.Errors[1])
	if m.o.Random != fit.RandomIntercept {
		add("slope", d[1][1], m.f.Errors[2])
	}
	if m.o.Random == fit.RandomSlope && d[0][0] > 0 && d[1][1] > 0 {
		r := math.Max(-1, math.Min(1, d[0][1]/math.Sqrt(d[0][0]*d[1][1])))
		half := z * m.f.CorrelationError()
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text("correlation of intercept and slope"), analysis.Number(math.NaN()), analysis.Number(r), analysis.Number(math.Tanh(math.Atanh(r) - half)), analysis.Number(math.Tanh(math.Atanh(r) + half))})
		t.Notes = append(t.Notes, "the correlation stands under sd")
	}
	add("residual", m.f.Sigma2, m.f.Errors[0])
	return t
}

// fitted says what the fit rests on.
func (m *lines) fitted() analysis.Table {
	patients, values := 0, 0
	for g := range m.groups {
		patients += m.used[g]
		for v := range m.visits {
			values += m.n[g][v]
		}
	}
	return analysis.Table{Name: "fit", Title: "Fit", Columns: []string{"what", "value"}, Rows: [][]analysis.Value{
		{analysis.Text("patients"), analysis.Number(float64(patients))},
		{analysis.Text("values"), analysis.Number(float64(values))},
		{analysis.Text("coefficients"), analysis.Number(float64(len(m.f.Beta)))},
		{analysis.Text("log likelihood, " + strings.ToUpper(m.o.Method)), analysis.Number(m.f.LogLik)},
		{analysis.Text("largest derivative left"), analysis.Number(m.f.Gradient)},
	}}
}

func (m *lines) singular() []analysis.Warning {
	if len(m.f.Singular) == 0 {
		return nil
	}
	return []analysis.Warning{{
		Code:    "singular-fit",
		Message: "the fit lies on a bound: " + strings.Join(m.f.Singular, "; ") + ". The likelihood has its maximum there; degrees of freedom hold it for known",
		Cure:    "choose beforehand a model with fewer random effects (random=uncorrelated or random=intercept)",
	}}
}
