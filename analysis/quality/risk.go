package quality

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/simulate/stream"
)

// RiskSettings say by what risks, or expected values, of patients are adjusted, and
// from which patients they are learned.
type RiskSettings struct {
	Covariates []string `opt:"covariates" doc:"columns of the patients to adjust for; none: everyone has the same risk"`
	Baseline   bool     `opt:"baseline" doc:"adjust for the outcome at baseline too"`
	Folds      int      `opt:"folds" doc:"parts of the patients, each of which gets its risks from the others"`
	FoldsOf    string   `opt:"folds_of" doc:"what is left out to learn risks: parts of the patients, or their whole site" choices:"patients|sites"`
	Until      string   `opt:"until" doc:"last quarter of those by whom risks are learned, as 2024Q4; later patients are judged by them; empty: by folds"`
}

var riskDefaults = RiskSettings{Folds: 10, FoldsOf: "patients"}

// risks are what is expected of patients, out of sample.
type risks struct {
	patients []int     // who is judged, by identifier
	y        []float64 // of each of them
	expected []float64 // of each of them, by a model that has not seen them
	columns  []analysis.CovariateColumn
	x        [][]float64 // of each of them, an intercept first
	linear   bool
	words    string
	warnings []analysis.Warning
	excluded []datasets.Exclusion
}

// design reads covariates of patients who have a value; who lacks one is left out, and
// told.
func design(in analysis.Input, q analysis.Question, what charted, o RiskSettings) (*risks, error) {
	everyone := analysis.Group{}
	for p, v := range what.values {
		if !math.IsNaN(v) {
			everyone.Patients = append(everyone.Patients, p)
		}
	}
	columns, err := in.CovariateColumns([]analysis.Group{everyone}, o.Covariates)
	if err != nil {
		return nil, err
	}
	if o.Baseline {
		pair, err := in.Pair(q)
		if err != nil {
			return nil, err
		}
		columns = append(columns, analysis.CovariateColumn{Name: pair.Field.Name + " at baseline", Values: pair.Before})
	}
	r := &risks{columns: columns, x: make([][]float64, 1+len(columns)), linear: !what.counts}
	lacking := 0
	for _, p := range in.Cohort.ByIdentifier() {
		if math.IsNaN(what.values[p]) {
			continue
		}
		if slices.ContainsFunc(columns, func(c analysis.CovariateColumn) bool { return math.IsNaN(c.Values[p]) }) {
			lacking++
			continue
		}
		r.patients, r.y = append(r.patients, p), append(r.y, what.values[p])
		r.x[0] = append(r.x[0], 1)
		for j, c := range columns {
			r.x[j+1] = append(r.x[j+1], c.Values[p])
		}
	}
	if lacking > 0 {
		r.excluded = []datasets.Exclusion{{Code: analysis.WarnExcluded, Patients: lacking, Reason: "patients without a covariate"}}
		r.warnings = append(r.warnings, analysis.Warning{Code: analysis.WarnExcluded, Message: fmt.Sprintf("%d patients lack a covariate and are left out", lacking), Cure: "impute it, or adjust for less"})
	}
	if len(columns) == 0 {
		r.warnings = append(r.warnings, analysis.Warning{Code: analysis.WarnCaseMix, Message: "nothing is adjusted for: everyone is expected to do alike", Cure: "name what decides the outcome before treatment: covariates="})
	}
	return r, nil
}

// riskOf returns what is expected of patients by models that have not seen them.
func riskOf(ctx context.Context, in analysis.Input, q analysis.Question, what charted, o RiskSettings) (*risks, error) {
	if o.Folds < 2 && o.Until == "" && o.FoldsOf != "sites" {
		return nil, fmt.Errorf("%w: expected 2 folds or more", analysis.ErrOptions)
	}
	r, err := design(in, q, what, o)
	if err != nil {
		return nil, err
	}
	fold, folds, err := r.foldsOf(in, q, o)
	if err != nil {
		return nil, err
	}
	r.expected = make([]float64, len(r.y))
	for f := range folds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := r.learn(func(i int) bool { return fold[i] != f }, func(i int) bool { return fold[i] == f }); err != nil {
			return nil, err
		}
	}
	if o.Until != "" {
		r.keepLater(fold)
	}
	return r, nil
}

// foldsOf gives each patient the part in which it is judged; with until there is one,
// and who came before it has none.
func (r *risks) foldsOf(in analysis.Input, q analysis.Question, o RiskSettings) (fold []int, folds int, err error) {
	fold = make([]int, len(r.patients))
	switch {
	case o.Until != "":
		until, err := datasets.ParseQuarter(o.Until)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: until: %w", analysis.ErrOptions, err)
		}
		by, from := in.Cohort.Quarters()
		if from == nil {
			return nil, 0, fmt.Errorf("%w: no patient has a quarter, so none comes before another; leave until out", analysis.ErrCannot)
		}
		for i, p := range r.patients {
			if by[p] <= until { // who has no quarter is learned from alone
				fold[i] = -1
			}
		}
		r.words = "risks learned of patients up to " + until
		return fold, 1, nil
	case o.FoldsOf == "sites":
		of, names, err := siteOf(in.Cohort)
		if err != nil {
			return nil, 0, err
		}
		for i, p := range r.patients {
			fold[i] = of[p] + 1 // who has no site is a part too
		}
		r.words = "risks learned of the other sites"
		return fold, len(names) + 1, nil
	}
	// The parts have alike outcomes: where one had more events, the others that foretell
	// it would have fewer, and what is foretold would turn against what came.
	order := stream.New(q.Seed, "quality/folds").Cursor().Perm(len(r.patients))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.y[a], r.y[b]) })
	for place, i := range order {
		fold[i] = place % o.Folds
	}
	r.words = fmt.Sprintf("risks learned in the other parts of %d, seed %d", o.Folds, q.Seed)
	return fold, o.Folds, nil
}

// learn fits a model on some and sets what is expected of others.
func (r *risks) learn(from, of func(int) bool) error {
	var y []float64
	x := make([][]float64, len(r.x))
	wanted := 0
	for i := range r.y {
		if of(i) {
			wanted++
		}
		if !from(i) {
			continue
		}
		y = append(y, r.y[i])
		for j := range x {
			x[j] = append(x[j], r.x[j][i])
		}
	}
	if wanted == 0 {
		return nil
	}
	beta, err := r.model(y, x)
	if err != nil {
		return fmt.Errorf("%w: no model of the risk could be learned of %d patients: %w", analysis.ErrCannot, len(y), err)
	}
	row := make([]float64, len(r.x))
	for i := range r.y {
		if !of(i) {
			continue
		}
		for j := range row {
			row[j] = r.x[j][i]
		}
		r.expected[i] = linear(row, beta)
		if !r.linear {
			r.expected[i] = stream.Logistic(r.expected[i])
		}
	}
	return nil
}

// model fits; columns that separate the events from the others are shrunk by Firth's
// penalty, and told.
func (r *risks) model(y []float64, x [][]float64) ([]float64, error) {
	if r.linear {
		m, err := fit.LeastSquares(y, x)
		if err != nil {
			return nil, err
		}
		return m.Coef, nil
	}
	m, err := fit.Logistic(y, x)
	if errors.Is(err, fit.ErrSeparation) {
		const said = "covariates foretell the event without fail in a part of the patients: Firth's penalty was used there"
		if !slices.ContainsFunc(r.warnings, func(w analysis.Warning) bool { return w.Code == analysis.WarnSeparation }) {
			r.warnings = append(r.warnings, analysis.Warning{Code: analysis.WarnSeparation, Message: said, Cure: "adjust for less"})
		}
		m, err = fit.LogisticWith(y, x, fit.LogisticOptions{Firth: true})
	}
	if err != nil {
		return nil, err
	}
	return m.Coef, nil
}

// keepLater drops those by whom risks were learned.
func (r *risks) keepLater(fold []int) {
	kept := *r
	kept.patients, kept.y, kept.expected, kept.x = nil, nil, nil, make([][]float64, len(r.x))
	learned := 0
	for i, f := range fold {
		if f < 0 {
			learned++
			continue
		}
		kept.patients, kept.y, kept.expected = append(kept.patients, r.patients[i]), append(kept.y, r.y[i]), append(kept.expected, r.expected[i])
		for j := range kept.x {
			kept.x[j] = append(kept.x[j], r.x[j][i])
		}
	}
	kept.excluded = append(slices.Clone(r.excluded), datasets.Exclusion{Code: analysis.WarnExcluded, Patients: learned, Reason: "patients by whom risks were learned"})
	*r = kept
}

// Calibration is how well what was expected foretold what came, out of sample.
type Calibration struct {
	Slope, SlopeSE         float64 // 1 is right; under 1 the model is over-fitted
	Intercept, InterceptSE float64 // with the slope held at 1: 0 is right
	Brier, BrierSE         float64 // mean squared error; of values too
	Scaled                 float64 // 1 - Brier/Brier of the mean; of values, R² out of sample
	C, CSE                 float64 // of events: area under the ROC curve, DeLong's error
	Observed, Expected     float64 // sums
}

// Calibrate returns the calibration of expected risks of events (0 or 1).
//
//	slope, intercept  logit P(y) = a + b logit p̂; a with b = 1 is the intercept
//	Brier             Σ(y - p̂)²/n
//	C                 share of pairs, an event and none, in which the event had the higher risk, ties a half
//
// What cannot be worked out is NaN: without events, or without those without.
//
// R: glm(y ~ qlogis(p), binomial), glm(y ~ offset(qlogis(p)), binomial),
// pROC::ci.auc. Cox 1958, 10.1093/biomet/45.3-4.562; DeLong, DeLong and
// Clarke-Pearson 1988, 10.2307/2531595.
func Calibrate(y, expected []float64) Calibration {
	nan := math.NaN()
	c := Calibration{Slope: nan, SlopeSE: nan, Intercept: nan, InterceptSE: nan}
	logit := make([]float64, len(y))
	for i, p := range expected {
		p = math.Min(math.Max(p, 1e-12), 1-1e-12)
		logit[i] = math.Log(p / (1 - p))
		c.Observed, c.Expected = c.Observed+y[i], c.Expected+expected[i]
	}
	ones := slices.Repeat([]float64{1}, len(y))
	if m, err := fit.Logistic(y, [][]float64{ones, logit}); err == nil {
		c.Slope, c.SlopeSE = m.Coef[1], errorOf(m, 1)
	}
	if m, err := fit.LogisticWith(y, [][]float64{ones}, fit.LogisticOptions{Offset: logit}); err == nil {
		c.Intercept, c.InterceptSE = m.Coef[0], errorOf(m, 0)
	}
	c.C, c.CSE = concordance(y, expected)
	c.squared(y, expected)
	return c
}

func errorOf(m *fit.LogisticModel, j int) float64 {
	v, err := m.Covariance(fit.CovModel)
	if err != nil {
		return math.NaN()
	}
	return math.Sqrt(v.At(j, j))
}

// CalibrateValues returns the calibration of expected values: slope and intercept of
// y on what was expected, the intercept as the mean of y - ŷ, mean squared error and R².
func CalibrateValues(y, expected []float64) Calibration {
	nan := math.NaN()
	c := Calibration{Slope: nan, SlopeSE: nan, Intercept: nan, InterceptSE: nan, C: nan, CSE: nan}
	off := make([]float64, len(y))
	for i := range y {
		off[i] = y[i] - expected[i]
		c.Observed, c.Expected = c.Observed+y[i], c.Expected+expected[i]
	}
	if m, err := fit.LeastSquares(y, [][]float64{slices.Repeat([]float64{1}, len(y)), expected}); err == nil {
		c.Slope = m.Coef[1]
		if v, _, err := m.Covariance(fit.CovModel, nil); err == nil {
			c.SlopeSE = math.Sqrt(v.At(1, 1))
		}
	}
	if d := fit.Describe(off); d.N > 1 {
		c.Intercept, c.InterceptSE = d.Mean, d.SD/math.Sqrt(float64(d.N))
	}
	c.squared(y, expected)
	return c
}

// squared sets the mean squared error and what it explains.
func (c *Calibration) squared(y, expected []float64) {
	e := make([]float64, len(y))
	for i := range y {
		e[i] = (y[i] - expected[i]) * (y[i] - expected[i])
	}
	d, all := fit.Describe(e), fit.Describe(y)
	n := float64(len(y))
	c.Brier, c.BrierSE = d.Mean, d.SD/math.Sqrt(n)
	c.Scaled = 1 - d.Mean/(all.SD*all.SD*(n-1)/n)
	if !(all.SD > 0) {
		c.Scaled = math.NaN()
	}
}

// concordance returns the area under the ROC curve and DeLong's standard error, by
// midranks.
func concordance(y, risk []float64) (c, se float64) {
	var with, without []float64
	for i, v := range y {
		if v == 1 {
			with = append(with, risk[i])
		} else {
			without = append(without, risk[i])
		}
	}
	if len(with) == 0 || len(without) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(with)
	slices.Sort(without)
	// The share of the other group under each value, ties a half.
	under := func(x []float64, others []float64) []float64 {
		out := make([]float64, len(x))
		low, high := 0, 0
		for i, v := range x {
			for low < len(others) && others[low] < v {
				low++
			}
			for high = max(high, low); high < len(others) && others[high] <= v; high++ {
			}
			out[i] = (float64(low) + float64(high)) / 2 / float64(len(others))
		}
		return out
	}
	a, b := fit.Describe(under(with, without)), fit.Describe(under(without, with))
	if a.N < 2 || b.N < 2 {
		return a.Mean, math.NaN()
	}
	return a.Mean, math.Sqrt(a.SD*a.SD/float64(a.N) + b.SD*b.SD/float64(b.N))
}

// tenth is a class of patients of like risk.
type tenth struct {
	n                  int
	observed, expected float64
	low, high          float64 // smallest and largest expected
}

// tenths parts patients by what was expected of them into ten classes of like size;
// those of one risk stay together.
func tenths(y, expected []float64) []tenth {
	order := make([]int, len(y))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(expected[a], expected[b]) })
	var out []tenth
	n := len(y)
	for at := 0; at < n; {
		end := min(n, max(at+1, int(math.Ceil(float64(len(out)+1)*float64(n)/10))))
		for end < n && expected[order[end]] == expected[order[end-1]] {
			end++
		}
		t := tenth{n: end - at, low: expected[order[at]], high: expected[order[end-1]]}
		for _, i := range order[at:end] {
			t.observed, t.expected = t.observed+y[i], t.expected+expected[i]
		}
		out = append(out, t)
		at = end
	}
	return out
}

// CalibrationSettings are the settings of quality/calibration.
type CalibrationSettings struct {
	MeasureSettings
	RiskSettings
}

// MeasureSettings say what is measured of patients.
type MeasureSettings struct {
	Measure     string  `opt:"measure" doc:"responders, completion of the program, seen at the visit; mean change or mean at the visit" choices:"responders|completion|seen|change|visit"`
	Counted     string  `opt:"counted" doc:"of responders, completion and seen: those to whom it happened, or the others" choices:"those|others"`
	Rule        string  `opt:"rule" doc:"of responders: improved by the threshold in percent of baseline or in points, at the threshold or better at the visit, or by the instrument's important difference" choices:"percent|points|at-most|important"`
	Threshold   float64 `opt:"threshold" doc:"of the rule; not used by important"`
	Direction   string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Denominator string  `opt:"denominator" doc:"of responders: all patients, those not judged counted as not improved, or those seen" choices:"all|seen"`
}

var measureDefaults = MeasureSettings{Measure: DefaultEvents.Measure, Counted: "those", Rule: DefaultEvents.Rule, Threshold: DefaultEvents.Threshold, Direction: DefaultEvents.Direction, Denominator: DefaultEvents.Denominator}

func (m MeasureSettings) read(in analysis.Input, q analysis.Question) (charted, error) {
	return chartedOf(in, q, ChartSettings{Measure: m.Measure, Counted: m.Counted, Rule: m.Rule, Threshold: m.Threshold, Direction: m.Direction, Denominator: m.Denominator})
}

// CalibrationAnalysis is quality/calibration: how well risks foretell, out of sample.
var CalibrationAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/calibration",
	Title:    "Calibration of a risk adjustment",
	Estimand: "how well a model of patients before treatment foretells the event, or the value, in patients whom it has not seen",
	Doc: `Terms: slope (1 is right, under 1 over-fitted), intercept (with the slope at 1; 0 is right), brier (mean squared error), scaled (1 - brier/that of the mean; of values R² out of sample), c (area under the ROC curve, of events), expected_over_observed. The table calibration has observed and expected by tenths of risk, the table model the coefficients of all patients.
Every number is out of sample: of patients by a model learned in the other folds, which have alike outcomes (folds_of=patients), of a site by one learned in the other sites (folds_of=sites), or of later patients by one learned up to a quarter (until).
Events by logistic regression (Firth's penalty where covariates foretell the event without fail), values by least squares. Complete cases of covariates. Texts are indicators of each level but the first. Intervals treat the expected risks as given.
R: glm(y ~ qlogis(p), binomial); glm(y ~ offset(qlogis(p)), binomial); pROC::ci.auc(method = "delong").`,
	Refs: []string{"Cox 1958, 10.1093/biomet/45.3-4.562", "DeLong, DeLong and Clarke-Pearson 1988, 10.2307/2531595"},
}, CalibrationSettings{measureDefaults, riskDefaults}, runCalibration)

func runCalibration(ctx context.Context, in analysis.Input, q analysis.Question, o CalibrationSettings) (analysis.Result, error) {
	what, err := o.read(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	r, err := riskOf(ctx, in, q, what, o.RiskSettings)
	if err != nil {
		return analysis.Result{}, err
	}
	out := analysis.Result{Excluded: append(what.excluded, r.excluded...), Warnings: append(what.warnings, r.warnings...)}
	c := CalibrateValues(r.y, r.expected)
	if what.counts {
		c = Calibrate(r.y, r.expected)
	}
	if c.Scaled <= 0 {
		out.Warnings = append(out.Warnings, analysis.Warning{Code: analysis.WarnAssumption, Message: "the model foretells no better than the mean does, so its slope says nothing and there is nothing to adjust by", Cure: "adjust for what decides the outcome, or for nothing"})
	}
	q = named(in.Cohort, q)
	add := func(term string, scale analysis.Scale, v, se, low, high float64, how, call string) {
		e := start(term, scale, q)
		e.Value, e.SE, e.N.Arm = analysis.Num(v), analysis.Num(se), len(r.y)
		if what.counts {
			e.N.Events = int(math.Round(c.Observed))
		}
		e.Definition, e.Method = what.words, analysis.Method{Name: how + "; " + r.words, R: call, Ref: "Cox 1958, 10.1093/biomet/45.3-4.562"}
		if e.CI = analysis.NormalInterval(v, se, q.Level); e.CI.Level > 0 {
			e.CI.Low, e.CI.High = max(e.CI.Low, analysis.Num(low)), min(e.CI.High, analysis.Num(high))
		}
		if !e.Value.OK() {
			e.CI = analysis.NoInterval
			e = e.Warn(analysis.WarnTooFew, "too few patients, or all alike in the outcome or in what was expected of them", "ask for more patients, or adjust for more")
		}
		out.Estimates = append(out.Estimates, e)
	}
	inf := math.Inf(1)
	add("slope", analysis.ScaleRatio, c.Slope, c.SlopeSE, -inf, inf, "calibration slope", "glm(y ~ qlogis(p), binomial)")
	add("intercept", analysis.ScaleDifference, c.Intercept, c.InterceptSE, -inf, inf, "calibration in the large", "glm(y ~ offset(qlogis(p)), binomial)")
	add("brier", analysis.ScaleMean, c.Brier, c.BrierSE, 0, inf, "mean squared error", "mean((y - p)^2)")
	add("scaled", analysis.ScaleRatio, c.Scaled, math.NaN(), -inf, inf, "1 - mean squared error over that of the mean", "1 - mean((y - p)^2)/mean((y - mean(y))^2)")
	if what.counts {
		add("c", analysis.ScaleProportion, c.C, c.CSE, 0, 1, "area under the ROC curve, DeLong", "pROC::ci.auc(y, p)")
		ratio := c.Expected / c.Observed
		if c.Observed == 0 {
			ratio = math.NaN()
		}
		add("expected_over_observed", analysis.ScaleRatio, ratio, math.NaN(), 0, inf, "expected over observed events", "sum(p)/sum(y)")
	}
	r.tables(&out, what)
	return out, nil
}

func (r *risks) tables(out *analysis.Result, what charted) {
	t := analysis.Table{Name: "calibration", Title: "Observed and expected by tenths", Columns: []string{"tenth", "n", "expected", "observed", "low", "high", "from", "to"}, Notes: []string{what.words, r.words}}
	for i, k := range tenths(r.y, r.expected) {
		n := float64(k.n)
		low, high := math.NaN(), math.NaN()
		if what.counts {
			ci := analysis.Wilson(int(math.Round(k.observed)), k.n, 0.95)
			low, high = float64(ci.Low), float64(ci.High)
		}
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(strconv.Itoa(i + 1)), analysis.Number(n), analysis.Number(k.expected / n), analysis.Number(k.observed / n), analysis.Number(low), analysis.Number(high), analysis.Number(k.low), analysis.Number(k.high)})
	}
	if len(t.Rows) > 0 {
		out.Tables = append(out.Tables, t)
	}
	if m, ok := r.whole(); ok {
		out.Tables = append(out.Tables, m)
	}
}

// whole is the model of all patients, for reading.
func (r *risks) whole() (analysis.Table, bool) {
	t := analysis.Table{Name: "model", Title: "Model of all patients", Columns: []string{"column", "coefficient", "std_error"}, Notes: []string{"of all patients judged; what was expected of each comes from models that have not seen it"}}
	var coef []float64
	var v *mat.SymDense
	if r.linear {
		m, err := fit.LeastSquares(r.y, r.x)
		if err != nil {
			return t, false
		}
		coef = m.Coef
		v, _, err = m.Covariance(fit.CovModel, nil)
		if err != nil {
			return t, false
		}
	} else {
		m, err := fit.Logistic(r.y, r.x)
		if err != nil {
			return t, false
		}
		coef = m.Coef
		v, _ = m.Covariance(fit.CovModel)
	}
	for j, name := range r.names() {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(name), analysis.Number(coef[j]), analysis.Number(math.Sqrt(v.At(j, j)))})
	}
	return t, true
}

func (r *risks) names() []string {
	out := []string{"intercept"}
	for _, c := range r.columns {
		name := c.Name
		if c.Level != "" {
			name += ": " + c.Level
		}
		out = append(out, name)
	}
	return out
}
