package compare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// STCOptions are the settings of compare/stc.
type STCOptions struct {
	Comparator  string            `opt:"comparator" doc:"id of a published entry, whose figure and aggregates are taken; empty: as given under theirs"`
	Arm         string            `opt:"comparator_arm" doc:"arm of the entry, where it has several"`
	Target      map[string]string `opt:"target" doc:"published aggregates: target.NAME (mean), target.NAME.sd, target.NAME.LEVEL (share); NAME is a column of one row a patient, or an outcome, taken at baseline"`
	Theirs      map[string]string `opt:"theirs" doc:"the published figure where no entry has it; as in compare/maic"`
	Covariates  []string          `opt:"covariates" doc:"covariates of the model; empty: every one with an aggregate"`
	Measure     string            `opt:"measure" doc:"what is compared; auto: change for an outcome with an instrument, else share" choices:"auto|share|mean|change"`
	Column      string            `opt:"column" doc:"share: column it is counted in; empty: the outcome asked about, else work_status"`
	Working     []string          `opt:"working" doc:"share: levels of the column that count as the event"`
	Horizon     string            `opt:"horizon" doc:"when our figure was seen; empty: from the visit's week"`
	Link        string            `opt:"link" doc:"of the outcome model; auto: logit for a share, else identity" choices:"auto|identity|logit"`
	Standardise string            `opt:"standardise" doc:"logit: average predictions over a simulated published population, or predict at its means (plug-in)" choices:"simulation|plug-in"`
	Draws       int               `opt:"draws" doc:"people simulated"`
	Errors      string            `opt:"errors" doc:"of the outcome model" choices:"HC3|HC0|model"`
}

// STC is compare/stc: an outcome model of our patients, asked about the published ones.
var STC = analysis.New(analysis.Analysis{
	Name:     "compare/stc",
	Title:    "Simulated treatment comparison",
	Estimand: "our mean, change or share as a model of our patients foretells it for a population with the published patients' covariates, less the published figure",
	Doc: `The outcome of our patients is regressed on their covariates less the published means and shares: by least squares (identity), or by logistic regression of a share (logit).
Identity: the intercept is the answer, whatever the spread of the published covariates.
Logit: simulation averages predictions over people with the published means, SDs and shares (normal numbers, levels by thresholds, correlated as in our patients; low-discrepancy points, so without a seed) and gives the population's share. plug-in gives that of a person with average covariates, which is no population's share, and its odds ratio against a published share mixes a conditional with a marginal one (non-collapsibility); it is warned of.
Unanchored: ours_unadjusted, ours_adjusted, published, difference_unadjusted, difference_adjusted and, of shares, risk and odds ratios. Anchored (--arm, --reference): arm and covariates with their interactions; within_unadjusted, within_adjusted, published, anchored_unadjusted, anchored_adjusted.
It assumes the model is right, where the published means lie outside our patients too (warned), and, unanchored, that every covariate that foretells the outcome is in it. The published error is added as in compare/maic. An SD that is not published is taken from our patients, with a warning. Medians are not used.
Missing values: complete cases of outcome and covariates. Table coefficients has the model.
R: lm(y ~ I(age - 54)); glm(y ~ age + sex, binomial), predict(newdata = simulated, "response"); sandwich::vcovHC(fit, "HC3").`,
	Refs: []string{"Ishak, Proskorovsky and Benedict 2015, 10.1007/s40273-015-0271-1", "Phillippo et al. 2018, 10.1177/0272989X17725740"},
}, STCOptions{Measure: MeasureAuto, Link: "auto", Standardise: "simulation", Draws: 4096, Errors: fit.CovHC3, Working: publishedDefaults.Working}, runSTC)

func runSTC(_ context.Context, in analysis.Input, q analysis.Question, o STCOptions) (analysis.Result, error) {
	if o.Draws < 100 || o.Draws > 1_000_000 {
		return analysis.Result{}, fmt.Errorf("%w: draws: expected 100 to 1,000,000", analysis.ErrOptions)
	}
	a := indirectAsk{comparator: o.Comparator, arm: o.Arm, target: o.Target, theirs: o.Theirs, covariates: o.Covariates, measure: o.Measure, column: o.Column, working: o.Working, horizon: o.Horizon}
	s, err := a.subject(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	if o.Link == "auto" {
		if o.Link = "identity"; s.measure == MeasureShare {
			o.Link = "logit"
		}
	}
	if o.Link == "logit" && s.measure != MeasureShare {
		return analysis.Result{}, fmt.Errorf("%w: link=logit is for a share", analysis.ErrOptions)
	}
	list, missed, err := a.aggregates(in)
	if err != nil {
		return analysis.Result{}, err
	}
	m := &maic{in: in, q: q, o: MAICOptions{Errors: ErrorsHC0}, ask: a, missed: missed, anchored: q.Reference != ""}
	if m.sides, err = a.sides(s, m.anchored); err != nil {
		return analysis.Result{}, err
	}
	sets, err := m.sets()
	if err != nil {
		return analysis.Result{}, err
	}
	for _, set := range sets {
		p, err := a.complete(in, q, s, list, set)
		if err != nil {
			return analysis.Result{}, err
		}
		if err := (&stc{m, o, p, nil}).answer(); err != nil {
			return analysis.Result{}, err
		}
	}
	return m.r, nil
}

// stc is the model of one group, or of two in an anchored comparison.
type stc struct {
	*maic
	o    STCOptions
	p    *patients
	warn []analysis.Warning
}

// answer fits the model and writes what follows.
func (t *stc) answer() error {
	p := t.p
	if len(p.y) == 0 {
		return fmt.Errorf("%w: no patient of %s has the outcome and every covariate", analysis.ErrCannot, p.group.Name)
	}
	means := t.means()
	f, err := t.fit(means)
	if err != nil {
		return err
	}
	t.outside(means)
	adjusted, err := t.standardise(f, means)
	if err != nil {
		return err
	}
	t.coefficients(f, means)
	before := t.moment(p, slices.Repeat([]float64{1}, len(p.y)), false)
	mix := CaseMix(t.in.Cohort, p.group.Patients, p.definition, p.horizon)
	for _, side := range t.sides {
		fields := Fields(mix, side.mix)
		t.mixRows(side, fields)
		done := func(e analysis.Estimate) {
			e = p.guarded(e, t.missed, fields)
			if e.Term != TermPublished {
				for _, w := range t.warn {
					e = e.Warn(w.Code, w.Message, w.Cure)
				}
			}
			t.r.Estimates = append(t.r.Estimates, e)
		}
		if t.anchored {
			t.anchoredTerms(p, side, before, adjusted, t.renamed(done))
		} else {
			t.unanchoredTerms(p, side, before, adjusted, t.renamed(done))
		}
	}
	return nil
}

// means are the places of the aggregates that are means or shares, in the list.
func (t *stc) means() (js []int) {
	for j, g := range t.p.list {
		if g.statistic == "mean" || g.statistic == "share" {
			js = append(js, j)
		}
	}
	return js
}

// renamed gives estimates the names and methods of a model in place of those of
// weights.
func (t *stc) renamed(done func(analysis.Estimate)) func(analysis.Estimate) {
	return func(e analysis.Estimate) {
		const weighted = "matched"
		if n := len(e.Term) - len(weighted); n > 0 && e.Term[n:] == weighted {
			e.Term = e.Term[:n] + "adjusted"
		}
		how := "identity link, at the published means"
		if t.o.Link == "logit" {
			how = "logit link, plug-in at the published means"
			if t.o.Standardise == "simulation" {
				how = fmt.Sprintf("logit link, averaged over %d simulated people with the published aggregates", t.o.Draws)
			}
		}
		if e.Term != TermPublished {
			name := "our patients as they are"
			if len(e.Term) > 9 && e.Term[len(e.Term)-9:] == "_adjusted" {
				name = "outcome model of our patients, " + how + ", " + t.o.Errors + " errors"
			}
			if e.Reference != "" {
				name += "; less, or over, the published figure, with its error"
			}
			e.Method = analysis.Method{Name: "simulated treatment comparison: " + name, R: `glm(y ~ x, family); sandwich::vcovHC(fit, "HC3")`, Ref: "Ishak, Proskorovsky and Benedict 2015, 10.1007/s40273-015-0271-1"}
		}
		done(e)
	}
}

func (t *stc) mixRows(side theirSide, fields []Field) {
	adjusted := map[string]string{}
	for _, g := range t.p.list {
		if g.name == "age" {
			adjusted["age"] = "in the model"
		}
	}
	t.r.Tables = addRows(t.r.Tables, caseMixTable(), fieldRows(t.p.group.Name, side.label, fields, adjusted))
}

// modelled is a fitted outcome model.
type modelled struct {
	coef    []float64
	cov     *mat.SymDense
	columns []int // of the design that are in the model
	logit   bool
}

// design is the row of a person: 1, the arm where there are two, the covariates less
// their published means, and these times the arm.
func (t *stc) design(arm float64, x []float64) []float64 {
	row := []float64{1}
	if t.anchored {
		row = append(row, arm)
	}
	row = append(row, x...)
	if t.anchored {
		for _, v := range x {
			row = append(row, arm*v)
		}
	}
	return row
}

// fit fits the outcome model; columns that repeat others are left out.
func (t *stc) fit(means []int) (modelled, error) {
	p := t.p
	n, k := len(p.y), len(t.design(0, make([]float64, len(means))))
	cells := make([]float64, 0, n*k)
	all := make([]int, k-1)
	for i := range p.y {
		x := make([]float64, len(means))
		for l, j := range means {
			x[l] = p.z[j][i]
		}
		cells = append(cells, t.design(float64(1-p.arm[i]), x)[1:]...)
	}
	for l := range all {
		all[l] = l
	}
	f := modelled{logit: t.o.Link == "logit", columns: []int{0}}
	for _, l := range independentColumns(cells, n, all) {
		f.columns = append(f.columns, l+1)
	}
	x := make([][]float64, len(f.columns))
	for c, l := range f.columns {
		for i := range n {
			v := 1.0
			if l > 0 {
				v = cells[i*(k-1)+l-1]
			}
			x[c] = append(x[c], v)
		}
	}
	if err := t.solve(&f, x); err != nil {
		return f, err
	}
	for l := 1; l < k; l++ {
		if slices.Contains(f.columns, l) {
			continue
		}
		column := make([]float64, n)
		for i := range column {
			column[i] = cells[i*(k-1)+l-1]
		}
		// What is left where the others are as published: 0 of the last of a column's levels.
		if m, err := fit.LeastSquares(column, x); err == nil && math.Abs(m.Coef[0]) > 1e-8*(1+largestOf(column)) {
			t.warn = append(t.warn, analysis.Warning{Code: WarnExtrapola, Message: "a covariate of the model is constant in our patients, or goes with the others in a way that the published ones do not: the model says nothing of patients who differ in it", Cure: "leave it out with covariates="})
			break
		}
	}
	return f, nil
}

func (t *stc) solve(f *modelled, x [][]float64) (err error) {
	if len(t.p.y) <= len(x) {
		return fmt.Errorf("%w: %d patients of %s are too few for a model of %d coefficients; leave covariates out with covariates=", analysis.ErrCannot, len(t.p.y), t.p.group.Name, len(x))
	}
	if f.logit {
		m, err := fit.Logistic(t.p.y, x)
		if errors.Is(err, fit.ErrSeparation) {
			return fmt.Errorf("%w: %w; with so few or so many events use compare/maic, or fewer covariates", analysis.ErrCannot, err)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", analysis.ErrCannot, err)
		}
		f.coef = m.Coef
		if f.cov, err = m.Covariance(t.o.Errors); err != nil {
			return fmt.Errorf("%w: %w", analysis.ErrCannot, err)
		}
		return nil
	}
	m, err := fit.LeastSquares(t.p.y, x)
	if err != nil {
		return fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	f.coef = m.Coef
	if f.cov, _, err = m.Covariance(t.o.Errors, nil); err != nil {
		return fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	return nil
}

// outside warns where a published mean lies beyond all our patients.
func (t *stc) outside(means []int) {
	for _, j := range means {
		if z := t.p.z[j]; slices.Min(z) > 0 || slices.Max(z) < 0 {
			t.warn = append(t.warn, analysis.Warning{Code: WarnExtrapola, Message: fmt.Sprintf("the published %s of %g lies outside of all our patients: the answer rests on the model alone", t.p.list[j], t.p.list[j].value), Cure: "choose a comparator whose patients overlap with ours"})
		}
	}
	if t.o.Link == "logit" && t.o.Standardise == "plug-in" {
		t.warn = append(t.warn, analysis.Warning{Code: WarnCollapse, Message: "plug-in: the share of a person with average covariates is no population's share, and an odds ratio of it against a published share mixes a conditional with a marginal one (non-collapsibility)", Cure: "use standardise=simulation"})
	}
}

// standardise averages the model's predictions over the published population.
func (t *stc) standardise(f modelled, means []int) (momented, error) {
	out := momented{se: math.NaN(), log: math.NaN(), logit: math.NaN()}
	for i, arm := range t.p.arm {
		if arm == 0 {
			out.n++
			if t.p.measure == MeasureShare && t.p.y[i] == 1 {
				out.events++
			}
		}
	}
	people := [][]float64{make([]float64, len(means))} // at the published means
	if f.logit && t.o.Standardise == "simulation" {
		var err error
		if people, err = t.simulate(means); err != nil {
			return out, err
		}
	}
	gradient := make([]float64, len(f.coef))
	arms := []float64{1}
	if t.anchored {
		arms = []float64{1, 0}
	}
	for a, arm := range arms {
		sign := 1 - 2*float64(a)
		for _, x := range people {
			row := t.design(arm, x)
			eta := 0.0
			for c, l := range f.columns {
				eta += f.coef[c] * row[l]
			}
			mu, slope := eta, 1.0
			if f.logit {
				mu = 1 / (1 + math.Exp(-eta))
				slope = mu * (1 - mu)
			}
			out.value += sign * mu / float64(len(people))
			for c, l := range f.columns {
				gradient[c] += sign * slope * row[l] / float64(len(people))
			}
		}
	}
	g := mat.NewVecDense(len(gradient), gradient)
	if v := mat.Inner(g, f.cov, g); v > 1e-24*out.value*out.value {
		out.se = math.Sqrt(v)
	}
	return out, nil
}

// simulate returns people with the published aggregates, as covariates less the
// published means.
func (t *stc) simulate(means []int) ([][]float64, error) {
	p, k := t.p, len(means)
	corr := mat.NewSymDense(k, nil)
	spread := make([]float64, k)
	for l, j := range means {
		if spread[l] = fit.Describe(p.x[j]).SD; p.list[j].statistic == "mean" {
			given := false
			for _, g := range p.list {
				if g.name == p.list[j].name && g.statistic == "sd" {
					spread[l], given = g.value, true
				}
			}
			if !given {
				t.warn = append(t.warn, analysis.Warning{Code: analysis.WarnAssumption, Message: "no SD of " + p.list[j].name + " is published; that of our patients stands in for it", Cure: "give it with target." + p.list[j].name + ".sd"})
			}
		}
		corr.SetSym(l, l, 1)
		for h := range l {
			if r := fit.Correlation(p.x[j], p.x[means[h]]); !math.IsNaN(r) {
				corr.SetSym(l, h, 0.999*r)
			}
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(corr) {
		return nil, fmt.Errorf("%w: the covariates of our patients repeat each other; leave one out with covariates=", analysis.ErrCannot)
	}
	var lower mat.TriDense
	chol.LTo(&lower)
	out := make([][]float64, t.o.Draws)
	for i := range out {
		u := lowDiscrepancy(i, k)
		x := make([]float64, k)
		used := map[string]bool{}
		for l, j := range means {
			z := 0.0
			for h := range l + 1 {
				z += lower.At(l, h) * distuv.UnitNormal.Quantile(u[h])
			}
			g := p.list[j]
			if g.statistic == "mean" {
				x[l] = spread[l] * z
				continue
			}
			if !used[g.name] { // one draw places a person among all the levels of a column
				used[g.name] = true
				t.place(means, g.name, distuv.UnitNormal.CDF(z), x)
			}
		}
		out[i] = x
	}
	return out, nil
}

// place puts a person at one of the levels of a column, or at none of those listed.
func (t *stc) place(means []int, name string, u float64, x []float64) {
	from := 0.0
	for l, j := range means {
		g := t.p.list[j]
		if g.name != name {
			continue
		}
		x[l] = -g.value
		// The first level takes the top, so that its correlation keeps its sign.
		if top := 1 - from; u <= top && u > top-g.value {
			x[l]++
		}
		from += g.value
	}
}

// lowDiscrepancy is point i of the additive recurrence of the roots of x^(k+1) = x + 1,
// which fills the unit cube evenly.
//
// Niederreiter 1992, 10.1137/1.9781611970081.
func lowDiscrepancy(i, k int) []float64 {
	root := 2.0
	for range 60 {
		root = math.Pow(1+root, 1/float64(k+1))
	}
	out := make([]float64, k)
	step := 1.0
	for l := range out {
		step /= root
		_, f := math.Modf(0.5 + float64(i+1)*step)
		out[l] = math.Min(1-1e-12, math.Max(1e-12, f))
	}
	return out
}

// coefficients adds the table of the model.
func (t *stc) coefficients(f modelled, means []int) {
	names := []string{"intercept: a person with the published covariates"}
	covariates := func(suffix string) {
		for _, j := range means {
			g := t.p.list[j]
			name := g.name
			if g.level != "" {
				name += " = " + g.level
			}
			names = append(names, name+suffix)
		}
	}
	if t.anchored {
		names = append(names, "arm")
	}
	covariates("")
	if t.anchored {
		covariates(" × arm")
	}
	var rows [][]analysis.Value
	for c, l := range f.columns {
		rows = append(rows, []analysis.Value{analysis.Text(t.p.group.Name), analysis.Text(names[l]), analysis.Number(f.coef[c]), analysis.Number(math.Sqrt(f.cov.At(c, c)))})
	}
	t.r.Tables = addRows(t.r.Tables, analysis.Table{
		Name: "coefficients", Title: "Outcome model of our patients, on the scale of its link", Columns: []string{"group", "term", "coefficient", "standard error"},
		Notes: []string{"Link " + t.o.Link + "; " + t.o.Errors + " errors."},
	}, rows)
}
