package impute

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mathext"

	"recoup/analysis"
	"recoup/datasets"
)

// inner is the analysis that is run on each completed cohort, and what it is asked.
type inner struct {
	in       analysis.Input
	analysis *analysis.Analysis
	q        analysis.Question
	set      map[string]string
}

func newInner(in analysis.Input, name string, q analysis.Question, set map[string]string) (inner, error) {
	a, asked, err := in.Inner(name, q)
	if err == nil && strings.HasPrefix(a.Name, "impute/") {
		err = fmt.Errorf("%w: expected an analysis that does not impute itself, such as analysis=effect/ancova", analysis.ErrOptions)
	}
	return inner{in, a, asked, set}, err
}

// on answers the question on a cohort.
func (i inner) on(ctx context.Context, c *datasets.Cohort) (analysis.Result, error) {
	in := i.in
	in.Cohort = c
	r, err := i.analysis.Run(ctx, in, i.q, i.set)
	if err != nil {
		return r, err
	}
	r.Excluded = r.Excluded[min(len(c.Excluded()), len(r.Excluded)):] // the outer result has the cohort's
	return r, nil
}

// onAll answers it on n cohorts.
func (i inner) onAll(ctx context.Context, n int, cohort func(k int) (*datasets.Cohort, error)) ([]analysis.Result, error) {
	out := make([]analysis.Result, n)
	err := each(ctx, n, func(k int) error {
		c, err := cohort(k)
		if err == nil {
			out[k], err = i.on(ctx, c)
		}
		return err
	})
	return out, err
}

// pooled is an estimate pooled over completed cohorts.
type pooled struct {
	analysis.Estimate
	rubin Pooled
}

// pool pools the results of completed cohorts, estimate by estimate.
func pool(results []analysis.Result, level float64, how string) []pooled {
	at := make([]map[analysis.Key]analysis.Estimate, len(results))
	for k, r := range results {
		at[k] = map[analysis.Key]analysis.Estimate{}
		for _, e := range r.Estimates {
			at[k][e.Key()] = e
		}
	}
	var out []pooled
	for _, first := range results[0].Estimates {
		var same []analysis.Estimate
		for k := range results {
			if e, ok := at[k][first.Key()]; ok {
				same = append(same, e)
			}
		}
		out = append(out, poolEstimate(same, len(results), level, how))
	}
	return out
}

// transformed returns an estimate's value and squared error on the scale on which values
// are pooled: ratios on the log scale, numbers needed to treat by their inverse, a risk
// difference, all others as they are.
func transformed(e analysis.Estimate) (value, variance float64) {
	v, se := float64(e.Value), float64(e.SE)
	switch e.Scale {
	case analysis.ScaleRatio:
		return math.Log(v), se / v * se / v
	case analysis.ScaleNNT:
		return 1 / v, math.NaN()
	}
	return v, se * se
}

// poolEstimate pools what one estimate is in each completed cohort.
func poolEstimate(same []analysis.Estimate, m int, level float64, how string) pooled {
	out := pooled{Estimate: same[0]}
	e := &out.Estimate
	e.Warnings = mergedWarnings(same)
	e.Method.Name = how + "; " + e.Method.Name
	if len(same) == m && unchanged(same) {
		return out // nothing imputed has a part in it: the analysis's own answer stands
	}
	if len(same) == m && isTest(same) {
		*e = pooledTest(*e, same)
		return out
	}
	var values, variances []float64
	df, events := 0.0, 0.0
	for _, s := range same {
		v, u := transformed(s)
		values, variances = append(values, v), append(variances, u)
		if s.DF.OK() {
			df += float64(s.DF) / float64(m)
		} else {
			df = math.Inf(1)
		}
		events += float64(s.N.Events) / float64(m)
	}
	e.N.Events = int(math.Round(events))
	out.rubin = Pool(values, variances, df)
	p := out.rubin
	if len(same) < m || math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
		e.Value, e.SE, e.DF, e.Statistic, e.P, e.CI = analysis.None, analysis.None, analysis.None, analysis.None, analysis.None, analysis.NoInterval
		*e = e.Warn("not-pooled", "the analysis gives no value in some of the completed cohorts, so there is none to pool", "choose another estimate of the analysis, or ask for a visit with more patients")
		return out
	}
	*e = write(*e, p, level)
	return out
}

// isTest reports estimates that are the statistic of a test of some degrees of freedom,
// which Rubin's rules are not for.
func isTest(same []analysis.Estimate) bool {
	for _, e := range same {
		if e.Scale != analysis.ScaleCount || e.Value != e.Statistic || !e.P.OK() || !(e.DF >= 1) || e.SE.OK() {
			return false
		}
	}
	return true
}

// pooledTest pools tests by the chi-square statistics of the same p values.
func pooledTest(e analysis.Estimate, same []analysis.Estimate) analysis.Estimate {
	k := float64(same[0].DF)
	var chi []float64
	for _, s := range same {
		p := math.Max(float64(s.P), 1e-300)
		chi = append(chi, 2*mathext.GammaIncRegCompInv(k/2, p))
	}
	d := PoolChiSquare(chi, int(k))
	e.Value, e.DF = analysis.Num(math.Max(0, d.F)), analysis.Num(d.DF1)
	e.Statistic, e.P = e.Value, analysis.Num(d.P())
	e.Method.Name += "; pooled over completed cohorts as an F statistic by their chi-squares (D2)"
	e.Method.R, e.Method.Ref = "mice::D2", "Li, Meng, Raghunathan and Rubin 1991, Statistica Sinica 1, 65-92"
	return e
}

// unchanged reports whether an estimate is the same in every completed cohort.
func unchanged(same []analysis.Estimate) bool {
	equal := func(a, b analysis.Num) bool { return a == b || !a.OK() && !b.OK() }
	for _, e := range same[1:] {
		f := same[0]
		if !equal(e.Value, f.Value) || !equal(e.SE, f.SE) || !equal(e.DF, f.DF) || !equal(e.P, f.P) || !equal(e.CI.Low, f.CI.Low) || !equal(e.CI.High, f.CI.High) || e.N != f.N {
			return false
		}
	}
	return true
}

// mergedWarnings returns the warnings of an estimate over completed cohorts, each code
// once.
func mergedWarnings(same []analysis.Estimate) []analysis.Warning {
	var lists [][]analysis.Warning
	for _, e := range same {
		lists = append(lists, e.Warnings)
	}
	return merged(lists)
}

func merged(lists [][]analysis.Warning) []analysis.Warning {
	var out []analysis.Warning
	count, last := map[string]int{}, map[string]int{}
	for k, list := range lists {
		for _, w := range list {
			if count[w.Code] == 0 {
				out = append(out, w)
			}
			if last[w.Code] != k+1 {
				count[w.Code]++
				last[w.Code] = k + 1
			}
		}
	}
	for i, w := range out {
		if n := count[w.Code]; n < len(lists) {
			out[i].Message = fmt.Sprintf("in %d of %d completed cohorts, in one of them: %s", n, len(lists), w.Message)
		}
	}
	return out
}

// Kinds of intervals that are made here.
const (
	kindPooled     = "t, Rubin's rules"
	kindPooledLog  = "t on the log scale, Rubin's rules"
	kindLottReiter = "Wilson score, Rubin's rules (Lott and Reiter)"
)

// write returns the estimate with a pooled value, its error and interval.
func write(e analysis.Estimate, p Pooled, level float64) analysis.Estimate {
	tested := e.P.OK()
	e.Value, e.SE, e.DF, e.Statistic, e.P, e.CI = analysis.Num(p.Value), analysis.None, analysis.None, analysis.None, analysis.None, analysis.NoInterval
	switch e.Scale {
	case analysis.ScaleRatio:
		e.Value = analysis.Num(math.Exp(p.Value))
	case analysis.ScaleNNT:
		e.Value = analysis.Num(1 / p.Value)
		return e.Warn("not-pooled", "a number needed to treat is pooled as the inverse of the mean risk difference, without an interval", "use the interval of the risk difference")
	}
	se := math.Sqrt(p.Total)
	switch {
	case math.IsNaN(p.Within):
		return e.Warn("not-pooled", "the analysis gives no standard error, so the value is the mean over completed cohorts and has no interval", "choose an estimate with a standard error, or bootstrap the imputation")
	case !(se > 0) || !(p.DF > 0):
		return e.Warn(analysis.WarnNoVariance, "the pooled value has no error within or between the completed cohorts, or no degrees of freedom, so there is no interval", "")
	}
	e.SE, e.DF = analysis.Num(se), analysis.Num(p.DF)
	if p.DF > 1e8 { // the normal distribution, to the last digit that matters
		e.DF = analysis.None
	}
	if tested {
		e.Statistic = analysis.Num(p.Value / se)
		e.P = analysis.Num(pValue(p.Value/se, p.DF))
	}
	q := quantile(p.DF, level)
	switch e.Scale {
	case analysis.ScaleRatio:
		e.SE *= e.Value
		e.CI = analysis.NewInterval(kindPooledLog, math.Exp(p.Value-q*se), math.Exp(p.Value+q*se), level)
	case analysis.ScaleProportion:
		low, high := lottReiter(p, q, float64(e.N.Arm))
		e.CI = analysis.NewInterval(kindLottReiter, low, high, level)
	default:
		e.CI = analysis.NewInterval(kindPooled, p.Value-q*se, p.Value+q*se, level)
	}
	return e
}

func quantile(df, level float64) float64 {
	if df > 1e8 {
		return analysis.NormalQuantile(level)
	}
	return analysis.TQuantile(df, level)
}

func pValue(t, df float64) float64 {
	if df > 1e8 {
		return analysis.NormalP(t)
	}
	return analysis.TP(t, df)
}

// lottReiter returns the Wilson interval of a pooled share: the p for which
// |q̄ - p| = t √((1 + r) p (1-p)/n), n from U = q̄(1-q̄)/n. Lott and Reiter 2020.
func lottReiter(p Pooled, t, n float64) (low, high float64) {
	v := p.Value
	if p.Within > 0 && v > 0 && v < 1 {
		n = v * (1 - v) / p.Within
	}
	more := 1.0
	if p.Within > 0 {
		more += p.Increase
	}
	z := t * t * more
	mid, half, d := v+z/(2*n), math.Sqrt(z)*math.Sqrt(v*(1-v)/n+z/(4*n*n)), 1+z/n
	return math.Min(v, math.Max(0, (mid-half)/d)), math.Max(v, math.Min(1, (mid+half)/d))
}

// answer puts pooled estimates into a result, with what was missing, how much of the
// error comes from it, and warnings of too few imputations.
func (p *panel) answer(in inner, results []analysis.Result, level float64, how, assumed string) analysis.Result {
	r := analysis.Result{Excluded: results[0].Excluded}
	var lists [][]analysis.Warning
	for _, one := range results {
		lists = append(lists, one.Warnings)
	}
	r.Warnings = append(merged(lists), p.whoIsMissing(assumed))
	if len(results[0].Tables)+len(results[0].Series) > 0 {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: "not-pooled", Message: "the tables and curves of " + in.analysis.Name + " are not pooled, and not shown"})
	}
	t := analysis.Table{
		Name: "pooling", Title: "What missing values add to the errors",
		Columns: []string{"term", "arm", "reference", "visit", "definition", "within", "between", "relative increase", "lambda", "missing information", "df", "Rubin's df of 1987", "Monte Carlo error"},
		Notes:   []string{"Variances within and between completed cohorts are on the scale on which values are pooled: ratios on the log scale, all others as they are."},
	}
	most, m := 0.0, 0
	for _, e := range pool(results, level, how) {
		e.N.Missing = max(e.N.Missing, p.imputedIn(e.Estimate))
		x := e.rubin
		if x.M > 1 && e.SE.OK() {
			t.Rows = append(t.Rows, append(texts(e.Term, e.Arm, e.Reference, e.Visit, e.Definition), numbers(x.Within, x.Between, x.Increase, x.Lambda, x.FMI, x.DF, x.Classic, x.Error)...))
			most, m = math.Max(most, x.FMI), x.M
			if se := math.Sqrt(x.Total); x.Error > 0.1*se {
				e.Estimate = e.Warn("monte-carlo", fmt.Sprintf("the Monte Carlo error of the pooled value is %.2g, %.0f %% of its standard error", x.Error, 100*x.Error/se), fmt.Sprintf("set imputations=%d", int(math.Ceil(x.Between/(0.01*x.Total)/10)*10)))
			}
		}
		r.Estimates = append(r.Estimates, e.Estimate)
	}
	if float64(m) < 100*most {
		r.Warnings = append(r.Warnings, analysis.Warning{
			Code:    "few-imputations",
			Message: fmt.Sprintf("up to %.0f %% of the information is missing; with %d imputations another seed gives somewhat other errors and p values", 100*most, m),
			Cure:    fmt.Sprintf("set imputations=%d", int(math.Ceil(10*most))*10),
		})
	}
	r.Tables = []analysis.Table{p.missing(assumed), t}
	return r
}

// imputedIn returns how many patients of an estimate's arms lacked the outcome where the
// estimate is of: at its visit, and at the baseline too where it is of the visit asked
// about.
func (p *panel) imputedIn(e analysis.Estimate) int {
	if e.Outcome != p.field.Name {
		return 0
	}
	count := 0
	for r, g := range p.group {
		if name := p.groups[g].Name; name != e.Arm && name != e.Reference {
			continue
		}
		for v, visit := range p.visits {
			if (visit.VisitName() == e.Visit || v == p.baseline && e.Visit == p.visits[p.asked].VisitName()) && math.IsNaN(p.values[v][r]) {
				count++
				break
			}
		}
	}
	return count
}

// nothingMissing answers from the cohort as it is, where the outcome has no missing value
// at the baseline and the visit asked about.
func (p *panel) nothingMissing(ctx context.Context, in inner) (analysis.Result, error) {
	r, err := in.on(ctx, in.in.Cohort)
	r.Tables = append([]analysis.Table{p.missing("")}, r.Tables...)
	r.Warnings = append(r.Warnings, analysis.Warning{Code: "nothing-missing", Message: "nothing that is imputed was missing, so this is the answer of " + in.analysis.Name + " itself"})
	return r, err
}

func texts(list ...string) []analysis.Value {
	var out []analysis.Value
	for _, s := range list {
		out = append(out, analysis.Text(s))
	}
	return out
}

func numbers(list ...float64) []analysis.Value {
	var out []analysis.Value
	for _, v := range list {
		out = append(out, analysis.Number(v))
	}
	return out
}
