package impute

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// WeightedOptions are the settings of impute/weighted.
type WeightedOptions struct {
	Covariates []string `opt:"covariates" doc:"columns of the patients in the model of being seen, beside the arm and the outcome at baseline"`
	Truncate   float64  `opt:"truncate" doc:"cut weights at this quantile and its complement, such as 0.99; 1 for none"`
}

const refWeighted = "Seaman and White 2013, 10.1177/0962280210395740"

// Weighted is impute/weighted: those seen, weighted to stand for all.
var Weighted = analysis.New(analysis.Analysis{
	Name:     "impute/weighted",
	Title:    "Weights for drop-out (inverse probability)",
	Estimand: "mean change from baseline to the visit in each arm, and its difference, had every patient with a baseline been seen, if being seen depends on arm, baseline and covariates alone",
	Doc: `Being seen at the visit, by logistic regression on the arm, the outcome at baseline and covariates: π. Patients seen are weighted by the stabilised share seen of their arm / π, and the weighted mean of their changes taken.
Terms: weighted_change of each arm; weighted_difference, arm minus reference; seen_change (not weighted) beside it.
Standard errors are robust and account for the weights being estimated, by stacking the equations of the mean and of the model (M-estimation); weights that were cut count as known. Intervals and p are normal.
  IF = [s (Δ - μ)/π - H'I⁻¹ (s - π) x] / Σ s/π,  H = Σ s (Δ - μ)(1-π)/π x,  SE² = Σ IF²
Stabilising changes no estimate here, since each arm's weights are divided by their sum; it makes weights readable.
Table weights: least, mean and largest stabilised weight of each arm, and the effective sample size (Σw)²/Σw². A weight over 10 gives a warning.
Missing values: patients without the outcome at baseline or a covariate are left out and counted.
R: glm(seen ~ arm + baseline, binomial); survey::svymean takes the weights as known and gives other errors.`,
	Refs:  []string{refWeighted, "Lunceford and Davidian 2004, 10.1002/sim.1903", "Stefanski and Boos 2002, 10.1198/000313002753631330"},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, WeightedOptions{Truncate: 1}, weighted)

// weighing is the data of the model of being seen: a row a patient with all that it needs.
type weighing struct {
	groups  int
	group   []int
	seen    []float64
	change  []float64 // NaN where not seen
	x       [][]float64
	chance  []float64
	weight  []float64
	cutOff  []bool // the weight was cut, and no longer moves with the model
	without int
}

func weighted(_ context.Context, in analysis.Input, q analysis.Question, o WeightedOptions) (analysis.Result, error) {
	if !(o.Truncate > 0.5 && o.Truncate <= 1) {
		return analysis.Result{}, fmt.Errorf("%w: expected truncate over 0.5 and up to 1", analysis.ErrOptions)
	}
	p, err := newPanel(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	if err := p.anyone(); err != nil {
		return analysis.Result{}, err
	}
	columns, _, err := in.Covariates(p.groups, o.Covariates)
	if err != nil {
		return analysis.Result{}, err
	}
	given := append([]string{"the outcome at baseline"}, o.Covariates...)
	if len(p.groups) > 1 {
		given = append([]string{"the arm"}, given...)
	}
	assumed := "missing at random given " + strings.Join(given, ", ")
	r := analysis.Result{Excluded: p.excluded, Tables: []analysis.Table{p.missing(assumed)}, Warnings: []analysis.Warning{p.whoIsMissing(assumed)}}
	w := p.weigh(columns)
	if w.without > 0 {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnExcluded, Message: fmt.Sprintf("%d patients without the outcome at baseline or a covariate are left out", w.without), Cure: "impute those with impute/chained"})
	}
	if len(w.seen) == 0 {
		return r, fmt.Errorf("%w: no patient has the outcome at baseline and all covariates", analysis.ErrCannot)
	}
	influence, ws, err := w.model(o.Truncate)
	if err != nil {
		return r, err
	}
	r.Warnings = append(r.Warnings, ws...)
	r.Tables = append(r.Tables, w.table(p.groups))
	r.Estimates = w.estimates(p, influence, q)
	return r, nil
}

// weigh gathers the rows of patients with baseline and covariates.
func (p *panel) weigh(columns [][]float64) *weighing {
	w := &weighing{groups: len(p.groups), x: make([][]float64, len(p.groups)+1+len(columns))}
	for row, patient := range p.patients {
		x := make([]float64, len(p.groups), len(w.x))
		x[p.group[row]] = 1
		x = append(x, p.values[p.baseline][row])
		for _, c := range columns {
			x = append(x, c[patient])
		}
		if slices.ContainsFunc(x, math.IsNaN) {
			w.without++
			continue
		}
		change := p.values[p.asked][row] - p.values[p.baseline][row]
		seen := 1.0
		if math.IsNaN(change) {
			seen = 0
		}
		w.group, w.seen, w.change = append(w.group, p.group[row]), append(w.seen, seen), append(w.change, change)
		for j, v := range x {
			w.x[j] = append(w.x[j], v)
		}
	}
	for j := len(p.groups); j < len(w.x) && len(w.seen) > 0; j++ { // about the first value, so that an offset costs no digits
		first := w.x[j][0]
		for i := range w.x[j] {
			w.x[j][i] -= first
		}
	}
	return w
}

// model fits the chance of being seen, and returns the influence of each row on the
// weighted mean change of each group.
func (w *weighing) model(truncate float64) ([][]float64, []analysis.Warning, error) {
	var ws []analysis.Warning
	w.chance, w.weight = make([]float64, len(w.seen)), make([]float64, len(w.seen))
	var inverse *mat.SymDense
	x := w.varying()
	m, err := fit.Logistic(w.seen, x)
	switch {
	case !slices.Contains(w.seen, 0): // everyone was seen
		for i := range w.chance {
			w.chance[i] = 1
		}
		ws = append(ws, analysis.Warning{Code: "nothing-missing", Message: "everyone in the model was seen at the visit, so every weight is 1"})
	case errors.Is(err, fit.ErrSeparation):
		return nil, nil, fmt.Errorf("%w: %w; in an arm where all were seen, or with a column that foretells it without fail, there are no weights: use impute/chained", analysis.ErrCannot, err)
	case err != nil:
		return nil, nil, fmt.Errorf("%w: the model of being seen: %w; leave out a covariate that repeats another", analysis.ErrCannot, err)
	default:
		for i := range w.chance {
			w.chance[i] = m.Probability(i, -1, 0)
		}
		if inverse, err = m.Covariance(fit.CovModel); err != nil {
			return nil, nil, err
		}
	}
	seen, all := make([]float64, w.groups), make([]float64, w.groups)
	for i, g := range w.group {
		seen[g] += w.seen[i]
		all[g]++
	}
	for i, g := range w.group {
		w.weight[i] = w.seen[i] * seen[g] / all[g] / w.chance[i]
	}
	w.cutOff = make([]bool, len(w.seen))
	if truncate < 1 {
		ws = append(ws, w.cut(truncate)...)
	}
	var out [][]float64
	for g := range w.groups {
		out = append(out, w.influence(g, x, inverse))
	}
	return out, ws, nil
}

// varying are the columns of the model that are not constant, beside those of the arms.
func (w *weighing) varying() [][]float64 {
	var out [][]float64
	for _, c := range w.x {
		if slices.ContainsFunc(c, func(v float64) bool { return v != 0 }) {
			out = append(out, c)
		}
	}
	return out
}

// cut truncates the weights at a quantile of those of the patients seen.
func (w *weighing) cut(at float64) []analysis.Warning {
	var seen []float64
	for i, v := range w.weight {
		if w.seen[i] == 1 {
			seen = append(seen, v)
		}
	}
	slices.Sort(seen)
	low, high := fit.Quantile(seen, 1-at), fit.Quantile(seen, at)
	n := 0
	for i := range w.weight {
		if w.seen[i] == 1 && (w.weight[i] < low || w.weight[i] > high) {
			w.weight[i], w.cutOff[i] = math.Max(low, math.Min(high, w.weight[i])), true
			n++
		}
	}
	return []analysis.Warning{{Code: "truncated", Message: fmt.Sprintf("%d weights were cut to lie between %.3g and %.3g, which trades some bias for less error", n, low, high)}}
}

func (w *weighing) mean(g int) (mean, sum float64) {
	for i, at := range w.group {
		if at == g && w.seen[i] == 1 {
			sum += w.weight[i]
			mean += w.weight[i] * w.change[i]
		}
	}
	return mean / sum, sum
}

// influence returns that of each row on a group's weighted mean.
func (w *weighing) influence(g int, x [][]float64, inverse *mat.SymDense) []float64 {
	mean, sum := w.mean(g)
	out := make([]float64, len(w.seen))
	h := mat.NewVecDense(len(x), nil)
	for i, at := range w.group {
		if at != g || w.seen[i] == 0 {
			continue
		}
		d := w.weight[i] * (w.change[i] - mean) / sum
		out[i] = d
		for j := range x {
			if w.cutOff[i] {
				break
			}
			h.SetVec(j, h.AtVec(j)+d*(1-w.chance[i])*x[j][i])
		}
	}
	if inverse == nil {
		return out
	}
	var ih mat.VecDense
	ih.MulVec(inverse, h)
	for i := range out {
		for j := range x {
			out[i] -= ih.AtVec(j) * x[j][i] * (w.seen[i] - w.chance[i])
		}
	}
	return out
}

// table describes the weights of each arm.
func (w *weighing) table(groups []analysis.Group) analysis.Table {
	t := analysis.Table{Name: "weights", Title: "Stabilised weights of patients seen", Columns: []string{"arm", "patients seen", "least", "mean", "largest", "effective sample size", "least chance of being seen"}}
	for g, group := range groups {
		least, most, sum, squares, n, chance := math.Inf(1), math.Inf(-1), 0.0, 0.0, 0.0, 1.0
		for i, at := range w.group {
			if at == g && w.seen[i] == 1 {
				v := w.weight[i]
				least, most, sum, squares, n = math.Min(least, v), math.Max(most, v), sum+v, squares+v*v, n+1
			}
			if at == g {
				chance = math.Min(chance, w.chance[i])
			}
		}
		row := numbers(n, least, sum/n, most, sum*sum/squares, chance)
		if n == 0 {
			row = numbers(0, math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN())
		}
		t.Rows = append(t.Rows, append(texts(group.Name), row...))
	}
	return t
}

func (w *weighing) estimates(p *panel, influence [][]float64, q analysis.Question) []analysis.Estimate {
	begin := func(term string, g int) analysis.Estimate {
		e := analysis.NewEstimate(term, analysis.ScaleDifference)
		e.Outcome, e.Visit, e.Arm, e.Unit = p.field.Name, p.visits[p.asked].VisitName(), p.groups[g].Name, p.field.Unit
		e.Method = analysis.Method{Name: "mean change weighted by the inverse of the chance of being seen; robust error that accounts for the estimation of the weights", R: "glm(seen ~ arm + baseline, binomial)", Ref: refWeighted}
		return e
	}
	finish := func(e analysis.Estimate, value float64, by []float64) analysis.Estimate {
		variance := 0.0
		for _, v := range by {
			variance += float64(v * v)
		}
		if e.N.Arm == 0 || math.IsNaN(value) {
			return e.Warn(analysis.WarnTooFew, "no patient of the arm was seen at both occasions", "ask for a visit with more patients")
		}
		e.Value = analysis.Num(value)
		se := math.Sqrt(variance)
		if !(se > 1e-12*math.Abs(value)) {
			return e.Warn(analysis.WarnNoVariance, "the changes do not vary, so there is no error to give", "")
		}
		e.SE, e.Statistic = analysis.Num(se), analysis.Num(value/se)
		e.P, e.CI = analysis.Num(analysis.NormalP(value/se)), analysis.NormalInterval(value, se, q.Level)
		return e
	}
	var out []analysis.Estimate
	means := make([]float64, len(p.groups))
	counts := make([]analysis.N, len(p.groups))
	for g := range p.groups {
		var seen []float64
		most := 0.0
		for i, at := range w.group {
			if at == g && w.seen[i] == 1 {
				seen = append(seen, w.change[i])
				most = math.Max(most, w.weight[i])
			}
		}
		n, _ := p.size(g, p.asked)
		counts[g] = analysis.N{Arm: len(seen), Missing: n - len(seen)}
		means[g], _ = w.mean(g)
		e := begin("weighted_change", g)
		e.N = counts[g]
		e = finish(e, means[g], influence[g])
		if most > 10 {
			e = e.Warn("large-weight", fmt.Sprintf("a weight is %.3g: one patient stands for many, and the answer rests on few", most), "set truncate=0.99, leave out a covariate, or use impute/chained")
		}
		out = append(out, e)
		m := fit.Describe(seen)
		plain := begin("seen_change", g)
		plain.N, plain.Method = counts[g], analysis.Method{Name: "mean of individual changes of patients seen, not weighted", R: "t.test(after, before, paired = TRUE)"}
		if m.N < 2 || !(m.SD > 0) {
			plain.Value = analysis.Num(m.Mean)
			plain = plain.Warn(analysis.WarnTooFew, "an interval needs two patients whose changes differ", "")
		} else {
			se := m.SD / math.Sqrt(float64(m.N))
			plain.Value, plain.SE, plain.DF, plain.CI = analysis.Num(m.Mean), analysis.Num(se), analysis.Num(m.N-1), analysis.TInterval(m.Mean, se, float64(m.N-1), q.Level)
		}
		out = append(out, plain)
	}
	if q.Reference == "" {
		return out
	}
	both := make([]float64, len(w.seen))
	for i := range both {
		both[i] = influence[0][i] - influence[1][i]
	}
	e := begin("weighted_difference", 0)
	e.Reference = p.groups[1].Name
	e.N = analysis.N{Arm: counts[0].Arm, Reference: counts[1].Arm, Missing: counts[0].Missing + counts[1].Missing}
	return append(out, finish(e, means[0]-means[1], both))
}
