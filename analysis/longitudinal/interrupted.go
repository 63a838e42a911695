package longitudinal

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// InterruptedOptions are the settings of longitudinal/interrupted-series.
type InterruptedOptions struct {
	At        string  `opt:"at" doc:"the first period after the interruption, such as 2025Q3 or, by month, 2025-07; it must be chosen"`
	Period    string  `opt:"period" doc:"of discharge, else of admission, patient by patient; by quarter also the column with role period" choices:"quarter|month"`
	Measure   string  `opt:"measure" doc:"what is averaged by period: the outcome at the visit, its change from baseline, or the share who responded" choices:"mean|change|share"`
	Rule      string  `opt:"rule" doc:"with measure=share, who has responded: improved by the threshold in percent of baseline or in points, or at the threshold or better" choices:"percent|points|at-most"`
	Threshold float64 `opt:"threshold" doc:"of the rule"`
	Direction string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Least     int     `opt:"least" doc:"a period with fewer patients is left out"`
	Errors    string  `opt:"errors" doc:"least squares with Newey and West's or plain errors, or AR(1) errors by Prais-Winsten, Cochrane-Orcutt, restricted or full likelihood" choices:"newey-west|ols|prais-winsten|cochrane-orcutt|reml|ml"`
	Lag       int     `opt:"lag" doc:"of Newey and West's weights; -1 for 4 (n/100)^(2/9), rounded down"`
	Adjust    bool    `opt:"adjust" doc:"multiply Newey and West's covariance by n/(n-4)"`
	Counted   string  `opt:"counted" doc:"time after the interruption is 1 (after-last) or 0 (from-first) in the first period after it, so that the level changes in the period before or in the first after" choices:"from-first|after-last"`
}

const refInterrupted = "Wagner and others 2002, 10.1046/j.1365-2710.2002.00430.x"

// InterruptedSeries is longitudinal/interrupted-series: segmented regression.
var InterruptedSeries = analysis.New(analysis.Analysis{
	Name:     "longitudinal/interrupted-series",
	Title:    "Interrupted time series (segmented regression)",
	Estimand: "change of level and of trend of a program's results at a named period, against the trend before going on",
	Doc: `The outcome at the visit asked about is averaged over the patients of each calendar period, and the averages are regressed on time:
  yₜ = b₀ + b₁ t + b₂ [t ≥ T] + b₃ (t - T)₊ + eₜ,  t counted in periods, T the first after the interruption (at)
counted=after-last counts (t - T + 1)₊, which moves the change of level to the period before. Terms: slope_before, level_change, slope_change, slope_after, effect_at_end (the last period's fit less what the trend before foretells). With a reference the series is the difference, arm minus reference, of periods in which both have patients. Each arm without a reference has a series of its own.
Periods: of discharge, else of admission, patient by patient (by quarter also the column with role period); the method of each estimate names them. Day numbers, and dates that the cohort file says are shifted, say nothing of calendar periods and are not used.
Errors: errors=newey-west (default): least squares, products of residuals k periods apart weighted by 1 - k/(lag + 1), not prewhitened, adjusted by n/(n-4) unless adjust=false. prais-winsten and cochrane-orcutt: φ = Σeₜeₜ₋₁/Σeₜ₋₁², to convergence, with the first period or without. reml and ml: AR(1) errors by likelihood; errors scaled to n - 4 as nlme has them. Intervals by t with n - 4 degrees of freedom (cochrane-orcutt n - 5).
Assumptions: straight trends; nothing else changed at the same time; patients of a period are like those of others but for the trend; periods weigh alike whatever their number of patients. A period left out is a gap, and neighbours are told by time, not by order.
Missing values: patients without the value, the baseline where it is needed, or a period are left out, which rests on their missing completely at random within a period.
R: lm(y ~ t + post + after); sandwich::NeweyWest(fit, lag, prewhite = FALSE, adjust = TRUE); nlme::gls(correlation = corAR1(form = ~ t)).`,
	Refs:  []string{refInterrupted, "Bernal and others 2017, 10.1093/ije/dyw098", "Newey and West 1987, 10.2307/1913610", "Newey and West 1994, 10.2307/2297912 (lag)"},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, InterruptedOptions{Period: "quarter", Measure: "mean", Rule: fit.RulePercent, Threshold: 30, Direction: "instrument", Least: 5, Errors: fit.SeriesNeweyWest, Lag: -1, Adjust: true, Counted: "from-first"}, interruptedSeries)

// calendar says in which period each patient was, counted from year 0; -1 where
// that is not known.
type calendar struct {
	of   []int
	year int // periods of a year
	from []datasets.Role
}

func (c calendar) label(k int) string {
	if c.year == 12 {
		return fmt.Sprintf("%04d-%02d", k/12, k%12+1)
	}
	return fmt.Sprintf("%04dQ%d", k/4, k%4+1)
}

// parse reads a period as label writes it.
func (c calendar) parse(s string) (int, error) {
	if c.year == 4 {
		q, err := datasets.ParseQuarter(s)
		if err != nil {
			return 0, fmt.Errorf("%w: at: %w", analysis.ErrOptions, err)
		}
		year, _ := strconv.Atoi(q[:4]) // its form was checked
		return 4*year + int(q[5]-'1'), nil
	}
	t, err := time.Parse("2006-01", s)
	if err != nil {
		return 0, fmt.Errorf("%w: at: expected a month such as 2025-07", analysis.ErrOptions)
	}
	return 12*t.Year() + int(t.Month()) - 1, nil
}

func (c calendar) words() string {
	var roles []string
	for _, r := range c.from {
		roles = append(roles, string(r))
	}
	return fmt.Sprintf("periods by %s", strings.Join(roles, ", else "))
}

func newCalendar(c *datasets.Cohort, period string) (calendar, error) {
	out := calendar{of: make([]int, c.Patients()), year: 4}
	for p := range out.of {
		out.of[p] = -1
	}
	if period == "quarter" {
		quarters, from := c.Quarters()
		if from == nil {
			return out, fmt.Errorf("%w: no dates of discharge or admission (day numbers and shifted dates do not count) and no column with role period say which quarter a patient belongs to", analysis.ErrCannot)
		}
		out.from = from
		for p, q := range quarters {
			if q != "" {
				out.of[p], _ = out.parse(q) // its form was checked when it was read
			}
		}
		return out, nil
	}
	out.year = 12
	if d := c.Dictionary().Privacy; d != nil && d.Dates != nil && d.Dates.Are == datasets.DatesShifted {
		return out, fmt.Errorf("%w: the cohort file says that dates are shifted, so no month is known; period=quarter can use a column with role period", analysis.ErrCannot)
	}
	for _, role := range []datasets.Role{datasets.RoleDischarged, datasets.RoleAdmitted} {
		days := c.Days(role)
		if days == nil || !c.Dated(role) {
			continue
		}
		out.from = append(out.from, role)
		for p, day := range days {
			if out.of[p] < 0 && !math.IsNaN(day) {
				t := time.Unix(int64(day)*86_400, 0).UTC()
				out.of[p] = 12*t.Year() + int(t.Month()) - 1
			}
		}
	}
	if out.from == nil {
		return out, fmt.Errorf("%w: no dates of discharge or admission say which month a patient belongs to; day numbers do not", analysis.ErrCannot)
	}
	return out, nil
}

// averages is a series: the average of each period, and of how many patients.
type averages struct {
	name, reference string
	time            []int
	y               []float64
	n, other        []int
	missing         int
}

func interruptedSeries(ctx context.Context, in analysis.Input, q analysis.Question, o InterruptedOptions) (analysis.Result, error) {
	if o.At == "" {
		return analysis.Result{}, fmt.Errorf("%w: expected the first period after the interruption: --set at=2025Q3", analysis.ErrOptions)
	}
	p, err := in.Pair(q)
	if err != nil {
		return analysis.Result{}, err
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return analysis.Result{}, err
	}
	when, err := newCalendar(in.Cohort, o.Period)
	if err != nil {
		return analysis.Result{}, err
	}
	at, err := when.parse(o.At)
	if err != nil {
		return analysis.Result{}, err
	}
	values, warnings, err := o.values(p)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: excluded, Warnings: warnings}
	var list []averages
	for _, g := range groups {
		list = append(list, average(g, values, when, o.Least))
	}
	r.Warnings = append(r.Warnings, left(list, groups)...)
	if q.Reference != "" {
		list = []averages{list[0].less(list[1])}
	}
	for _, s := range list {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		m, err := interrupt(s, at, when, p, o, q.Level)
		if err != nil {
			return r, err
		}
		r.Estimates = append(r.Estimates, m.estimates()...)
		r.Tables = append(r.Tables, m.table())
		r.Series = append(r.Series, m.drawn()...)
		r.Warnings = append(r.Warnings, m.warnings()...)
	}
	return r, nil
}

// values returns what is averaged, by patient.
func (o InterruptedOptions) values(p analysis.Paired) ([]float64, []analysis.Warning, error) {
	if o.Measure == "mean" {
		return p.After, nil, nil
	}
	out := make([]float64, len(p.After))
	if o.Measure == "change" {
		for i := range out {
			out[i] = p.After[i] - p.Before[i]
		}
		return out, nil, nil
	}
	if o.Rule != fit.RuleAtMost && o.Threshold <= 0 {
		return nil, nil, fmt.Errorf("%w: expected a threshold above zero", analysis.ErrOptions)
	}
	rule := fit.Rule{Kind: o.Rule, Threshold: o.Threshold, Lower: p.Lower}
	var warnings []analysis.Warning
	switch {
	case o.Direction != "instrument":
		rule.Lower = o.Direction == "lower"
	case !p.DirectionKnown:
		warnings = append(warnings, analysis.Warning{Code: analysis.WarnNoDirection, Message: "the outcome has no instrument, so lower was taken as better", Cure: "name its instrument in the cohort file, or set direction=lower or direction=higher"})
	}
	for i := range out {
		out[i] = rule.Judge(p.Before[i], p.After[i])
	}
	return out, warnings, nil
}

func average(g analysis.Group, values []float64, when calendar, least int) averages {
	first, last := math.MaxInt, -1
	a := averages{name: g.Name}
	for _, p := range g.Patients {
		if k := when.of[p]; k >= 0 && !math.IsNaN(values[p]) {
			first, last = min(first, k), max(last, k)
		} else {
			a.missing++
		}
	}
	if last < 0 {
		return a
	}
	n, sum := make([]int, last-first+1), make([]float64, last-first+1)
	for _, p := range g.Patients {
		if k := when.of[p]; k >= 0 && !math.IsNaN(values[p]) {
			n[k-first]++
			sum[k-first] += values[p]
		}
	}
	for k := range n {
		if n[k] >= max(1, least) {
			a.time, a.y, a.n, a.other = append(a.time, first+k), append(a.y, sum[k]/float64(n[k])), append(a.n, n[k]), append(a.other, 0)
		}
	}
	return a
}

// less returns the differences of periods that both have.
func (a averages) less(b averages) averages {
	out := averages{name: a.name, reference: b.name, missing: a.missing + b.missing}
	j := 0
	for i, t := range a.time {
		for j < len(b.time) && b.time[j] < t {
			j++
		}
		if j < len(b.time) && b.time[j] == t {
			out.time, out.y = append(out.time, t), append(out.y, a.y[i]-b.y[j])
			out.n, out.other = append(out.n, a.n[i]), append(out.other, b.n[j])
		}
	}
	return out
}

// left warns of patients who are in no average.
func left(list []averages, groups []analysis.Group) []analysis.Warning {
	missing, all := 0, 0
	for i, a := range list {
		missing, all = missing+a.missing, all+len(groups[i].Patients)
	}
	if missing == 0 {
		return nil
	}
	return []analysis.Warning{{
		Code:    analysis.WarnAssumption,
		Message: fmt.Sprintf("%d of %d patients are in no period's average: no value, no baseline where it is needed, or no date; the averages take them to be missing completely at random within a period", missing, all),
		Cure:    "follow up more patients, and look at whether follow-up changed at the interruption",
	}}
}

// interrupted is a fitted series.
type interrupted struct {
	averages
	at    int
	when  calendar
	pair  analysis.Paired
	o     InterruptedOptions
	level float64
	r     *fit.Regression
}

// row is the design at a period: a constant, time from the first period, the step
// and the time after it; without the interruption, the trend before going on.
func (m *interrupted) row(t int, with bool) []float64 {
	x := []float64{1, float64(t - m.time[0]), 0, 0}
	if with && t >= m.at {
		x[2], x[3] = 1, float64(t-m.at)
		if m.o.Counted == "after-last" {
			x[3]++
		}
	}
	return x
}

func interrupt(s averages, at int, when calendar, p analysis.Paired, o InterruptedOptions, level float64) (*interrupted, error) {
	m := &interrupted{averages: s, at: at, when: when, pair: p, o: o, level: level}
	before := 0
	x := make([][]float64, 4)
	for _, t := range s.time {
		if t < at {
			before++
		}
		for j, v := range m.row(t, true) {
			x[j] = append(x[j], v)
		}
	}
	if after := len(s.time) - before; before < 2 || after < 2 || len(s.time) < 5 {
		seen := "none has enough patients"
		if len(s.time) > 0 {
			seen = fmt.Sprintf("they run from %s to %s", when.label(s.time[0]), when.label(s.time[len(s.time)-1]))
		}
		return nil, fmt.Errorf("%w: %s has %d periods before %s and %d from it on; a trend needs two on each side and five in all (%s)", analysis.ErrCannot, s.name, before, o.At, after, seen)
	}
	var err error
	if m.r, err = fit.RegressSeries(s.y, x, s.time, o.Errors, o.Lag, o.Adjust); err != nil {
		return nil, fmt.Errorf("%w: %s: %w; choose errors=newey-west with a short lag, or errors=ols", analysis.ErrCannot, s.name, err)
	}
	return m, nil
}

func (m *interrupted) contrast(c []float64) (value, se float64) {
	for j, w := range c {
		value += float64(w * m.r.Coef[j])
	}
	v := mat.NewVecDense(len(c), c)
	return value, math.Sqrt(math.Max(0, mat.Inner(v, m.r.Cov, v)))
}

func (m *interrupted) method() string {
	words := map[string]string{
		fit.SeriesOLS: "least squares", fit.SeriesPrais: "AR(1) by Prais-Winsten", fit.SeriesCochrane: "AR(1) by Cochrane-Orcutt",
		fit.SeriesREML: "AR(1) by restricted likelihood", fit.SeriesML: "AR(1) by full likelihood",
	}[m.o.Errors]
	if m.o.Errors == fit.SeriesNeweyWest {
		rule := map[bool]string{true: "by 4 (n/100)^(2/9)", false: "as set"}[m.o.Lag < 0]
		words = fmt.Sprintf("least squares with Newey-West errors, lag %d %s, not prewhitened, %s", m.r.Lag, rule, map[bool]string{true: "adjusted by n/(n-4)", false: "not adjusted"}[m.o.Adjust])
	}
	return fmt.Sprintf("segmented regression of %s by %s, %s, %s", m.what(), m.o.Period, m.when.words(), words)
}

func (m *interrupted) what() string {
	switch m.o.Measure {
	case "change":
		return "mean change from baseline"
	case "share":
		return "share of responders"
	}
	return "mean"
}

func (m *interrupted) unit() string {
	if m.o.Measure == "share" {
		return ""
	}
	return m.pair.Field.Unit
}

func (m *interrupted) estimates() []analysis.Estimate {
	last := m.time[len(m.time)-1]
	with, without := m.row(last, true), m.row(last, false)
	scale := analysis.ScaleDifference
	if m.o.Measure == "share" {
		scale = analysis.ScaleRiskDiff
	}
	exact := m.r.Sigma <= 1e-10*fit.Describe(m.y).SD // rounding is all that is left
	var out []analysis.Estimate
	for _, k := range []struct {
		term string
		c    []float64
		per  bool
	}{
		{"slope_before", []float64{0, 1, 0, 0}, true},
		{"level_change", []float64{0, 0, 1, 0}, false},
		{"slope_change", []float64{0, 0, 0, 1}, true},
		{"slope_after", []float64{0, 1, 0, 1}, true},
		{"effect_at_end", less(with, without), false},
	} {
		e := analysis.NewEstimate(k.term, scale)
		e.Outcome, e.Visit, e.Arm, e.Reference, e.Unit = m.pair.Field.Name, m.pair.Now.VisitName(), m.name, m.reference, m.unit()
		if k.per {
			e.Unit = strings.TrimSpace(e.Unit + " per " + m.o.Period)
		}
		e.N = analysis.N{Missing: m.missing}
		for i := range m.n {
			e.N.Arm += m.n[i]
			e.N.Reference += m.other[i]
		}
		e.Method = analysis.Method{Name: m.method(), R: "lm(y ~ t + post + after); sandwich::NeweyWest(fit, lag, prewhite = FALSE, adjust = TRUE); nlme::gls(correlation = corAR1(form = ~ t))", Ref: refInterrupted}
		value, se := m.contrast(k.c)
		e.Value = analysis.Num(value)
		if exact || !(se > 0) {
			out = append(out, e.Warn(analysis.WarnNoVariance, "the model fits without error, so there is no error to give", ""))
			continue
		}
		e.SE, e.DF, e.CI = analysis.Num(se), analysis.Num(m.r.DF), analysis.TInterval(value, se, m.r.DF, m.level)
		e.Statistic = analysis.Num(value / se)
		e.P = analysis.Num(analysis.TP(value/se, m.r.DF))
		out = append(out, e)
	}
	return out
}

// table shows how residuals go with their neighbours.
func (m *interrupted) table() analysis.Table {
	n := len(m.time)
	lags := max(1, min(n/3, m.when.year))
	t := analysis.Table{
		Name: "autocorrelation", Title: "Autocorrelation of the residuals: " + m.name, Columns: []string{"lag", "autocorrelation", "bound", "Ljung-Box", "p"},
		Notes: []string{fmt.Sprintf("Durbin-Watson %.4f (2 without correlation of neighbours)", fit.DurbinWatson(m.r.Residual, m.time)), "bound: ± normal quantile / √n; Ljung-Box by chi-square with lag degrees of freedom"},
	}
	if !math.IsNaN(m.r.Phi) {
		t.Notes = append(t.Notes, fmt.Sprintf("AR(1) correlation of neighbours %.6g", m.r.Phi))
	}
	q := 0.0
	for k, a := range fit.Autocorrelation(m.r.Residual, m.time, lags) {
		lag := float64(k + 1)
		q += float64(n) * float64(n+2) * a * a / (float64(n) - lag)
		t.Rows = append(t.Rows, []analysis.Value{
			analysis.Number(lag), analysis.Number(a), analysis.Number(analysis.NormalQuantile(m.level) / math.Sqrt(float64(n))),
			analysis.Number(q), analysis.Number(distuv.ChiSquared{K: lag}.Survival(q)),
		})
	}
	return t
}

// drawn returns what was seen, the fit, and what the trend before foretells.
func (m *interrupted) drawn() []analysis.Series {
	series := func(name string) analysis.Series {
		return analysis.Series{Name: name, Group: m.name, XUnit: m.o.Period + ", counted from " + m.when.label(m.time[0]), YUnit: m.unit()}
	}
	seen, fitted, against := series("observed"), series("fitted"), series("counterfactual")
	tq := analysis.TQuantile(m.r.DF, m.level)
	point := func(t int, c []float64, n int) analysis.Point {
		y, se := m.contrast(c)
		return analysis.Point{X: analysis.Num(t - m.time[0]), Y: analysis.Num(y), Low: analysis.Num(y - tq*se), High: analysis.Num(y + tq*se), N: n}
	}
	for i, t := range m.time {
		seen.Points = append(seen.Points, analysis.Point{X: analysis.Num(t - m.time[0]), Y: analysis.Num(m.y[i]), Low: analysis.None, High: analysis.None, N: m.n[i] + m.other[i]})
		fitted.Points = append(fitted.Points, point(t, m.row(t, true), m.n[i]+m.other[i]))
		if t >= m.at {
			against.Points = append(against.Points, point(t, m.row(t, false), m.n[i]+m.other[i]))
		}
	}
	return []analysis.Series{seen, fitted, against}
}

func (m *interrupted) warnings() []analysis.Warning {
	before, gaps := 0, m.time[len(m.time)-1]-m.time[0]+1-len(m.time)
	for _, t := range m.time {
		if t < m.at {
			before++
		}
	}
	var out []analysis.Warning
	if after := len(m.time) - before; before < 8 || after < 8 {
		out = append(out, analysis.Warning{
			Code:    analysis.WarnTooFew,
			Message: fmt.Sprintf("%s: %d periods before the interruption and %d after; under about 8 on each side trends and their errors are shaky", m.name, before, after),
			Cure:    "use more or shorter periods",
		})
	}
	if gaps > 0 {
		out = append(out, analysis.Warning{Code: "period-left-out", Message: fmt.Sprintf("%s: %d periods have fewer than %d patients and are gaps in the series", m.name, gaps, max(1, m.o.Least)), Cure: "use longer periods, or a smaller least"})
	}
	return append(out, analysis.Warning{
		Code:    analysis.WarnAssumption,
		Message: m.name + ": the change is put down to the interruption only if nothing else changed then, who came and was followed up among it",
		Cure:    "compare with a series that the interruption left alone, and look at case mix by period",
	})
}
