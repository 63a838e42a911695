package impute

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/simulate/stream"
)

// ChainedOptions are the settings of impute/chained.
type ChainedOptions struct {
	Analysis    string            `opt:"analysis" doc:"the analysis that is run on each completed cohort"`
	With        map[string]string `opt:"with" doc:"settings of that analysis, each by its name: with.covariates=age"`
	Imputations int               `opt:"imputations" doc:"completed cohorts; about 100 times the fraction of missing information"`
	Iterations  int               `opt:"iterations" doc:"rounds through all variables before the values are kept"`
	Method      string            `opt:"method" doc:"of the outcomes: auto is logistic where values are 0 and 1, else predictive mean matching (pmm); norm is Bayesian regression, which may leave the range of the scale" choices:"auto|pmm|norm"`
	Covariates  []string          `opt:"covariates" doc:"columns of the patients that foretell the outcome or its absence; missing ones are imputed too"`
	Auxiliary   []string          `opt:"auxiliary" doc:"other outcomes whose values at all visits foretell it; missing ones are imputed too"`
	Arms        string            `opt:"arms" doc:"one model with the arm as a predictor, or a model for each arm" choices:"together|apart"`
}

// Chained is impute/chained: multiple imputation by chained equations.
var Chained = analysis.New(analysis.Analysis{
	Name:     "impute/chained",
	Title:    "Multiple imputation (chained equations)",
	Estimand: "what the chosen analysis estimates, had every patient been seen, if those not seen are like those seen with the same arm, other visits and covariates (missing at random)",
	Doc: `The outcome at every visit, covariates and auxiliary outcomes are imputed in turn, each given all others and the arm, round after round from random starts, imputations= times over. The analysis is run on each completed cohort and its estimates are pooled by Rubin's rules:
  value = mean of values;  T = U + (1 + 1/m) B;  df by Barnard and Rubin from those of the analysis
Methods: pmm (predictive mean matching, type 1: seen values predicted by estimated coefficients, missing ones by drawn ones; one of the 5 nearest, ties by draws; values stay possible ones, but where few are seen far out, those missing there are drawn inwards: in 120 patients of whom the highest are missing this can be a tenth of a standard deviation), norm (Bayesian regression, flat prior), logistic for 0 and 1, polytomous for texts (both with a weak normal prior, SD 5 per SD of a predictor, against separation).
Scales of pooling: ratios on the log scale; numbers needed to treat by their inverse; all else, shares too, as it is. Intervals: t with the pooled degrees of freedom; of shares, Wilson's with Lott and Reiter's inflation. An estimate without a standard error is the mean over completed cohorts, without an interval. An estimate that nothing imputed touches is the analysis's own.
Tables: missing (by arm and visit), pooling (variance within and between, relative increase, lambda, fraction of missing information, Monte Carlo error √(B/m)), convergence (R-hat of the means and variances of imputed values over the later half of the rounds, over imputations). Series: traces of the means.
Warnings: Monte Carlo error over 10 % of a standard error; fewer imputations than 100 times the fraction of missing information; R-hat over 1.2; predictors that repeat each other (a ridge of 1e-5 of the diagonal is added then).
Only the arms asked about are in the models. Everything that the analysis adjusts for should be a covariate here too. Predictors that do not vary are left out. n_missing counts the patients of whom the outcome was imputed.
The draws depend on the seed, the imputation's number and the patient's place among all identifiers alone.
R: mice::pool(with(mice(data, m, maxit), lm(...))).`,
	Refs: []string{
		"van Buuren and Groothuis-Oudshoorn 2011, 10.18637/jss.v045.i03", "Rubin 1987, 10.1002/9780470316696", "Barnard and Rubin 1999, 10.1093/biomet/86.4.948",
		"White, Royston and Wood 2011, 10.1002/sim.4067", "Lott and Reiter 2020, The American Statistician 74, 109-115",
	},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, ChainedOptions{Analysis: "effect/mean-change", Imputations: 20, Iterations: 10, Method: "auto", Arms: "together"}, chained)

func chained(ctx context.Context, in analysis.Input, q analysis.Question, o ChainedOptions) (analysis.Result, error) {
	if o.Imputations < 2 || o.Imputations > 10_000 || o.Iterations < 1 || o.Iterations > 1000 {
		return analysis.Result{}, fmt.Errorf("%w: expected 2 to 10,000 imputations and 1 to 1000 iterations", analysis.ErrOptions)
	}
	inner, err := newInner(in, o.Analysis, q, o.With)
	if err != nil {
		return analysis.Result{}, err
	}
	p, err := newPanel(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	if err := p.anyone(); err != nil {
		return analysis.Result{}, err
	}
	s, err := p.sources(in, o)
	if err != nil {
		return analysis.Result{}, err
	}
	if !s.incomplete() {
		return p.nothingMissing(ctx, inner)
	}
	sets, err := s.impute(ctx, o.Imputations, o.Iterations, q.Seed)
	if err != nil {
		return analysis.Result{}, err
	}
	results, err := inner.onAll(ctx, o.Imputations, func(k int) (*datasets.Cohort, error) { return s.completed(in.Cohort, sets[k]), nil })
	if err != nil {
		return analysis.Result{}, err
	}
	how := fmt.Sprintf("%d imputations by chained equations (%s, %d iterations, seed %d), Rubin's rules", o.Imputations, s.methods(), o.Iterations, q.Seed)
	r := p.answer(inner, results, q.Level, how, s.assumed(o))
	s.diagnose(&r, sets)
	return r, nil
}

// sources are what is imputed and what foretells it.
type sources struct {
	*panel
	variables []variable
	origins   []origin
	blocks    [][]int // rows that share their models
}

// origin says where the values of a variable go.
type origin struct {
	column, visit string
	byPatient     []float64 // of numbers
	codes         []int32   // of texts
	order         []int32   // of the sorted levels: their codes
	fixed         bool      // the arm
}

func (p *panel) sources(in analysis.Input, o ChainedOptions) (*sources, error) {
	s := &sources{panel: p}
	if o.Arms == "apart" {
		s.blocks = make([][]int, len(p.groups))
		for r, g := range p.group {
			s.blocks[g] = append(s.blocks[g], r)
		}
	} else {
		all := make([]int, len(p.patients))
		arm := make([]float64, len(p.patients))
		for r := range all {
			all[r], arm[r] = r, float64(p.group[r])
		}
		s.blocks = [][]int{all}
		s.add(variable{label: "arm", values: arm, method: byPolytomous, levels: len(p.groups)}, origin{fixed: true})
	}
	for _, name := range o.Covariates {
		if err := s.covariate(in.Cohort, name); err != nil {
			return nil, err
		}
	}
	for _, name := range o.Auxiliary {
		if name == p.field.Name {
			return nil, fmt.Errorf("%w: the outcome itself cannot be auxiliary", analysis.ErrOptions)
		}
		if _, err := in.Cohort.Outcome(name); err != nil {
			return nil, err
		}
		for _, v := range p.visits {
			s.outcome(name, v, in.Cohort.Values(name, v.Value), o)
		}
	}
	for k, v := range p.visits {
		s.outcome(p.field.Name, v, p.by[k], o)
	}
	return s, nil
}

func (s *sources) add(v variable, from origin) {
	s.variables, s.origins = append(s.variables, v), append(s.origins, from)
}

// outcome adds an outcome at a visit.
func (s *sources) outcome(name string, visit datasets.Visit, byPatient []float64, o ChainedOptions) {
	v := variable{label: name + " at " + visit.VisitName(), values: s.rows(byPatient), method: o.Method}
	if o.Method == "auto" {
		v.method = byMatching
		if binary(v.values) {
			v.method = byLogistic
		}
	}
	s.add(v, origin{column: name, visit: visit.Value, byPatient: byPatient})
}

func binary(values []float64) bool {
	zero, one := false, false
	for _, x := range values {
		switch {
		case x == 0:
			zero = true
		case x == 1:
			one = true
		case !math.IsNaN(x):
			return false
		}
	}
	return zero && one
}

// covariate adds a column of the patients: a number, or categories in the order of their
// names.
func (s *sources) covariate(c *datasets.Cohort, name string) error {
	_, f, err := c.PatientField(name)
	if err != nil {
		return err
	}
	if f.Type != datasets.TypeString && f.Type != datasets.TypeBoolean {
		by, err := c.Covariate(name)
		if err != nil {
			return err
		}
		v := variable{label: name, values: s.rows(by), method: byMatching}
		if binary(v.values) {
			v.method = byLogistic
		}
		s.add(v, origin{column: name, byPatient: by})
		return nil
	}
	codes, levels, err := c.CovariateLevels(name)
	if err != nil {
		return err
	}
	used := make([]bool, len(levels))
	for _, patient := range s.patients {
		if codes[patient] >= 0 {
			used[codes[patient]] = true
		}
	}
	var order []int32
	for code, u := range used {
		if u {
			order = append(order, int32(code))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(levels[a], levels[b]) })
	if len(order) > 50 {
		return fmt.Errorf("%w: the covariate %q has %d levels; group them first", analysis.ErrCannot, name, len(order))
	}
	values := make([]float64, len(s.patients))
	for r, patient := range s.patients {
		values[r] = math.NaN()
		if at := slices.Index(order, codes[patient]); at >= 0 {
			values[r] = float64(at)
		}
	}
	s.add(variable{label: name, values: values, method: byPolytomous, levels: len(order)}, origin{column: name, codes: codes, order: order})
	return nil
}

// incomplete reports whether anything is to be imputed.
func (s *sources) incomplete() bool {
	for _, v := range s.variables {
		if slices.ContainsFunc(v.values, func(x float64) bool { return math.IsNaN(x) }) {
			return true
		}
	}
	return false
}

// set is one imputation: a chain for each block.
type set []*chain

// impute runs m imputations.
func (s *sources) impute(ctx context.Context, m, iterations int, seed uint64) ([]set, error) {
	blocks := make([]*equations, len(s.blocks))
	for b, rows := range s.blocks {
		place := make([]uint64, len(rows))
		variables := slices.Clone(s.variables)
		for i, r := range rows {
			place[i] = s.place[r]
		}
		for k, v := range s.variables {
			variables[k].values = make([]float64, len(rows))
			for i, r := range rows {
				variables[k].values[i] = v.values[r]
			}
		}
		blocks[b] = newEquations(variables, place)
	}
	sets := make([]set, m)
	base := stream.New(seed, "impute/chained")
	err := each(ctx, m, func(k int) error {
		for b, e := range blocks {
			chain := e.run(base.Sub(uint64(k)).Sub(uint64(b)), iterations)
			chain.release()
			sets[k] = append(sets[k], chain)
		}
		return nil
	})
	return sets, err
}

// release lets go of all but what was imputed.
func (c *chain) release() {
	c.columns, c.cross, c.keys, c.linear, c.predict, c.order, c.sorted, c.counts = nil, nil, nil, linear{}, nil, nil, nil, nil
}

// completed returns the cohort of an imputation.
func (s *sources) completed(c *datasets.Cohort, imputed set) *datasets.Cohort {
	for k, from := range s.origins {
		if from.fixed {
			continue
		}
		values := slices.Clone(s.variables[k].values)
		for b, chain := range imputed {
			v := chain.variables[k]
			if chain.values[k] == nil {
				continue
			}
			for i, r := range v.missing {
				values[s.blocks[b][r]] = chain.values[k][i]
			}
		}
		if from.codes == nil {
			c = c.WithValues(from.column, from.visit, s.spread(from.byPatient, values))
			continue
		}
		codes := slices.Clone(from.codes)
		for r, patient := range s.patients {
			if !math.IsNaN(values[r]) {
				codes[patient] = from.order[int(values[r])]
			}
		}
		c = c.WithLevels(from.column, codes)
	}
	return c
}

// methods names the methods that were used.
func (s *sources) methods() string {
	var out []string
	for _, v := range s.variables {
		if !slices.Contains(out, v.method) && slices.ContainsFunc(v.values, func(x float64) bool { return math.IsNaN(x) }) {
			out = append(out, v.method)
		}
	}
	return strings.Join(out, ", ")
}

func (s *sources) assumed(o ChainedOptions) string {
	given := []string{"the other visits"}
	if len(s.groups) > 1 {
		given = append([]string{"the arm"}, given...)
	}
	given = append(given, o.Covariates...)
	given = append(given, o.Auxiliary...)
	return "missing at random given " + strings.Join(given, ", ")
}

// diagnose adds the table of convergence, the traces and what was amiss.
func (s *sources) diagnose(r *analysis.Result, sets []set) {
	t := analysis.Table{
		Name: "convergence", Title: "Convergence of the chained equations",
		Columns: []string{"variable", "arm", "missing", "mean seen", "mean imputed", "R-hat of means", "R-hat of variances"},
		Notes:   []string{"R-hat compares imputations over the later half of the iterations; near 1 they agree. It is empty under 4 iterations or where nothing varies."},
	}
	var bad []string
	var all notes
	for b := range s.blocks {
		arm := ""
		if len(s.blocks) > 1 {
			arm = s.groups[b].Name
		}
		for k, v := range sets[0][b].variables {
			if sets[0][b].values[k] == nil {
				continue
			}
			var means, variances [][]float64
			for _, one := range sets {
				means, variances = append(means, one[b].traces[k].mean), append(variances, one[b].traces[k].variance)
				all.ridge, all.donors = all.ridge || one[b].notes.ridge, all.donors || one[b].notes.donors
			}
			rm, rv := rhat(means), rhat(variances)
			if rm > 1.2 || rv > 1.2 {
				bad = append(bad, v.label)
			}
			seen, imputed := math.NaN(), math.NaN()
			points := traces(means, len(v.missing))
			if v.levels == 0 {
				sum := 0.0
				for _, i := range v.seen {
					sum += v.values[i] - v.values[v.seen[0]]
				}
				seen, imputed = v.values[v.seen[0]]+sum/float64(len(v.seen)), float64(points[len(points)-1].Y)
				r.Series = append(r.Series, analysis.Series{Name: "trace of " + v.label, Group: orAll(arm), XUnit: "iteration", YUnit: s.field.Unit, Points: points})
			}
			t.Rows = append(t.Rows, append(texts(v.label, arm), numbers(float64(len(v.missing)), seen, imputed, rm, rv)...))
		}
	}
	r.Tables = append(r.Tables, t)
	warn := func(code, message, cure string) {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
	}
	if bad != nil {
		warn("convergence", "imputations had not come together (R-hat over 1.2) for "+strings.Join(slices.Compact(bad), ", "), "set more iterations")
	}
	if all.ridge {
		warn("collinear", "predictors repeat each other, so 1e-5 of the diagonal was added to their cross products", "leave out a covariate that repeats another")
	}
	if all.donors {
		warn(analysis.WarnTooFew, fmt.Sprintf("fewer than %d patients could lend a value to those without one", donors), "ask for a visit or an outcome with more patients")
	}
}

func orAll(arm string) string {
	if arm == "" {
		return analysis.All
	}
	return arm
}

// traces are the mean over imputations, and the least and the largest, by iteration.
func traces(means [][]float64, n int) []analysis.Point {
	var out []analysis.Point
	for t := range means[0] {
		pt := analysis.Point{X: analysis.Num(t + 1), Low: analysis.Num(math.Inf(1)), High: analysis.Num(math.Inf(-1)), N: n}
		for _, m := range means {
			pt.Y += analysis.Num(m[t] / float64(len(means)))
			pt.Low, pt.High = min(pt.Low, analysis.Num(m[t])), max(pt.High, analysis.Num(m[t]))
		}
		out = append(out, pt)
	}
	return out
}

// rhat is the potential scale reduction of chains over their later half: √((W(n-1)/n +
// B/n)/W), W the variance within chains and B/n that of their means. Gelman and Rubin
// 1992, 10.1214/ss/1177011136.
func rhat(chains [][]float64) float64 {
	from := len(chains[0]) / 2
	n, m := float64(len(chains[0])-from), float64(len(chains))
	if n < 2 || m < 2 {
		return math.NaN()
	}
	within, grand, squares := 0.0, 0.0, 0.0
	var means []float64
	for _, c := range chains {
		mean, s := 0.0, 0.0
		for _, v := range c[from:] {
			mean += v / n
		}
		for _, v := range c[from:] {
			s += (v - mean) * (v - mean)
		}
		within += s / (n - 1) / m
		means = append(means, mean)
		grand += mean / m
	}
	for _, v := range means {
		squares += (v - grand) * (v - grand)
	}
	if !(within > 0) {
		return math.NaN()
	}
	return math.Sqrt((within*(n-1)/n + squares/(m-1)) / within)
}
