package work

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// CoxOptions are the settings of CoxAnalysis.
type CoxOptions struct {
	Reading
	Covariates []string  `opt:"covariates" doc:"columns of the model beside the arm, from a table of one row a patient; text columns become indicators of their levels"`
	Changing   []string  `opt:"changing" doc:"columns of numbers in a table of visits (or days) whose values change with time; each value holds from the day after it to the next"`
	Weights    string    `opt:"weights" doc:"column of case weights, one row a patient; errors are then robust"`
	Strata     []string  `opt:"strata" doc:"columns whose levels each have a baseline hazard of their own"`
	Ties       string    `opt:"ties" doc:"returns on the same day: efron (default of R), breslow (default of SAS and Stata), exact (discrete time)" choices:"efron|breslow|exact"`
	Errors     string    `opt:"errors" doc:"standard errors: from the model, robust to its failing, or by cluster (a column with role cluster, else site)" choices:"model|robust|cluster"`
	Clock      string    `opt:"clock" doc:"clock along which effects might change, of the test of proportional hazards" choices:"km|identity|rank|log"`
	At         []float64 `opt:"at" doc:"days at which the adjusted curves are given as estimates"`
}

// CoxAnalysis is work/cox.
var CoxAnalysis = analysis.New(analysis.Analysis{
	Name:     "work/cox",
	Title:    "Hazard ratio of return to work (Cox)",
	Estimand: "the ratio of the rates of return to work of patients alike in the covariates, taken to be the same on all days",
	Doc: `h(t|x) = h₀(t) exp(β'x), by the partial likelihood; over 1 means faster return.
Terms: hazard_ratio (arm against reference; without an arm asked for, each against the first), hazard_ratio of NAME (per unit of a number, or of a level against the first); likelihood_ratio, wald and score tests of all coefficients, proportional_hazards of each coefficient and proportional_hazards_all (score tests of a coefficient that changes along the clock, cox.zph of R from version 3.0), concordance, returned_adjusted (1 - S at the mean covariates of all, for each arm).
Intervals of hazard ratios are Wald's on the log scale, and so are their standard errors. errors=robust: Lin and Wei, by patient; cluster: summed by cluster; the likelihood ratio, the score test and the test of proportional hazards take patients as independent in any case, and so do the errors of adjusted curves.
changing: covariates by counting process. A patient's time is cut at the days of visits (planned weeks) on which a value was read; a value holds from the day after until the next one is read, a visit without a value keeps the last, and time before the first value is not at risk. No adjusted curves then. A covariate that treatment changes takes part of the effect of the arm with it.
weights: case weights; errors are robust, and ties not exact. The likelihood ratio, score and proportional hazards tests then take weights as numbers of patients alike, and there are no adjusted curves.
Ties: efron. Strata: a baseline hazard each; adjusted curves are then left out.
A coefficient that the likelihood drives without end (a level in which nobody, or everybody, returned) is null, with a warning. Patients without a covariate are left out.
The hazard ratio averages over follow-up where hazards are not proportional, with weights that depend on censoring: read restricted means then.
R: survival::coxph(Surv(time, event) ~ arm + x + strata(s), ties, robust, cluster); cox.zph(fit, transform).`,
	Refs: []string{
		"Cox 1972, 10.1111/j.2517-6161.1972.tb00899.x", "Efron 1977, 10.1080/01621459.1977.10480613",
		"Lin and Wei 1989, 10.1080/01621459.1989.10478874", "Grambsch and Therneau 1994, 10.1093/biomet/81.3.515",
	},
	Definitions: named(),
}, CoxOptions{Reading: reading, Ties: fit.TiesEfron, Errors: "model", Clock: fit.ClockKM, At: []float64{28, 91, 182, year}}, runCox)

func runCox(_ context.Context, in analysis.Input, q analysis.Question, o CoxOptions) (analysis.Result, error) {
	if err := risingDays(o.At); err != nil {
		return analysis.Result{}, err
	}
	s, err := newSubjects(in, q, o.Reading, o.Covariates)
	if err != nil {
		return analysis.Result{}, err
	}
	c, rows, err := newCox(s, o)
	if err != nil {
		return analysis.Result{}, err
	}
	var out analysis.Result
	c.fit, err = fit.ProportionalHazards(rows.CoxData, o.Ties)
	if err != nil && !errors.Is(err, fit.ErrCoxEvents) && !errors.Is(err, fit.ErrSingular) && !errors.Is(err, fit.ErrCoxConvergence) {
		return analysis.Result{}, fmt.Errorf("%w: %w; choose --set ties=efron", analysis.ErrCannot, err)
	}
	if err != nil {
		out.Estimates = c.without(err)
		s.result(&out)
		return out, nil
	}
	if err := c.errors(); err != nil {
		return analysis.Result{}, err
	}
	if o.Clock == fit.ClockLog && slices.ContainsFunc(s.time, func(t float64) bool { return t == 0 }) {
		return analysis.Result{}, fmt.Errorf("%w: the logarithm of time does not exist on day 0, on which a patient's time ends; choose --set clock=km or rank", analysis.ErrOptions)
	}
	for j := range c.x {
		out.Estimates = append(out.Estimates, c.hazardRatio(j))
	}
	out.Estimates = append(out.Estimates, c.tests()...)
	out.Estimates = append(out.Estimates, c.concordance())
	c.curves(&out)
	s.result(&out)
	return out, nil
}

// newCox reads the columns of the model and cuts the times where they change.
func newCox(s *subjects, o CoxOptions) (*coxReport, stretches, error) {
	var rows stretches
	ch, err := s.changing(o.Changing)
	if err != nil {
		return nil, rows, err
	}
	if len(ch.names) > 0 {
		s.keep(func(p int, time float64) bool { return ch.first(p) < time }, "no value of a changing covariate before the end of the time")
	}
	weight, err := s.weights(o.Weights)
	if err != nil {
		return nil, rows, err
	}
	if weight != nil && o.Errors == "model" {
		o.Errors = "robust"
	}
	if weight != nil && o.Ties == fit.TiesExact {
		return nil, rows, fmt.Errorf("%w: weights have no meaning for exact ties; choose --set ties=efron", analysis.ErrOptions)
	}
	m, err := s.model()
	if err != nil && len(ch.names) == 0 {
		return nil, rows, err
	}
	stratum, strata, err := s.strata(o.Strata)
	if err != nil {
		return nil, rows, err
	}
	c := &coxReport{model: m, o: o, strata: len(strata)}
	if len(ch.names) == 0 {
		return c, stretches{CoxData: fit.CoxData{Stop: s.time, Event: s.event, X: m.x, Stratum: stratum, Weight: weight}}, nil
	}
	rows = ch.split(s, m.x, stratum, weight)
	c.subject, c.days = rows.subject, ch.text
	for _, name := range ch.names {
		c.x, c.arm, c.names = append(c.x, nil), append(c.arm, -1), append(c.names, name)
	}
	return c, rows, nil
}

func risingDays(at []float64) error {
	for i, t := range at {
		if !(t > 0) || (i > 0 && t <= at[i-1]) {
			return fmt.Errorf("%w: expected at to be days above 0 in rising order", analysis.ErrOptions)
		}
	}
	return nil
}

// model is the columns of a regression of times: indicators of arms, then covariates.
type model struct {
	*subjects
	x     [][]float64
	arm   []int // of a column: the group it indicates, -1 for a covariate
	names []string
	base  int // the group that others are compared with
}

// model returns the columns: the arm against the reference, or each arm against the
// first, and covariates.
func (s *subjects) model() (model, error) {
	m := model{subjects: s}
	if s.q.Reference != "" {
		m.base = 1
	}
	for g := range s.groups {
		if g == m.base || len(s.groups) == 1 {
			continue
		}
		x := make([]float64, len(s.time))
		for i, h := range s.group {
			if h == g {
				x[i] = 1
			}
		}
		m.x, m.arm, m.names = append(m.x, x), append(m.arm, g), append(m.names, s.groups[g].Name)
	}
	for _, c := range s.columns {
		m.x, m.arm, m.names = append(m.x, c.value), append(m.arm, -1), append(m.names, c.name)
	}
	if len(m.x) == 0 {
		return m, fmt.Errorf("%w: expected two arms or covariates: --arm NAME --reference NAME, or --set covariates=COLUMN,COLUMN", analysis.ErrCannot)
	}
	return m, nil
}

// means returns the mean of each column.
func (m model) means() []float64 {
	at := make([]float64, len(m.x))
	for j, x := range m.x {
		for _, v := range x {
			at[j] += v / float64(len(x))
		}
	}
	return at
}

// atArm sets the indicators of arms to those of a group.
func (m model) atArm(at []float64, g int) {
	for j, arm := range m.arm {
		if arm >= 0 {
			at[j] = 0
			if arm == g {
				at[j] = 1
			}
		}
	}
}

// column starts the estimate of a column.
func (m model) column(term string, j int) analysis.Estimate {
	if g := m.arm[j]; g >= 0 {
		return m.estimate(term, analysis.ScaleRatio, g, m.base)
	}
	return m.estimate(term+" of "+m.names[j], analysis.ScaleRatio, -1, -1)
}

// coxReport writes the results of a fitted model.
type coxReport struct {
	model
	o      CoxOptions
	strata int
	fit    *fit.Cox
	cov    *mat.SymDense

	subject []int  // of each row of the fit, where times are cut
	days    string // how the days of changing covariates were read
}

func (c *coxReport) method(what string) analysis.Method {
	text := fmt.Sprintf("%s, Cox model on arm%s; ties %s, errors %s", what, listed(c.o.Covariates), c.o.Ties, c.o.Errors)
	if c.strata > 0 {
		text += fmt.Sprintf(", stratified by%s (%d strata)", listed(c.o.Strata)[1:], c.strata)
	}
	if c.subject != nil {
		text += fmt.Sprintf("; changing%s on %s", listed(c.o.Changing)[1:], c.days)
	}
	if c.o.Weights != "" {
		text += "; case weights " + c.o.Weights
	}
	time := "time"
	if c.subject != nil {
		time = "start, stop"
	}
	return analysis.Method{
		Name: text + "; " + c.how(), R: fmt.Sprintf("survival::coxph(Surv(%s, event) ~ arm + x, ties = %q)", time, c.o.Ties),
		Ref: "Cox 1972, 10.1111/j.2517-6161.1972.tb00899.x",
	}
}

// without is what can be said where there is no fit.
func (c *coxReport) without(err error) []analysis.Estimate {
	var out []analysis.Estimate
	for j := range c.x {
		e := c.column("hazard_ratio", j)
		e.Method = c.method("Hazard ratio")
		if errors.Is(err, fit.ErrCoxEvents) {
			e = e.Warn(analysis.WarnTooFew, "nobody is known to have returned, so there is no hazard to compare", "follow more patients, or for longer")
		} else {
			e = e.Warn(analysis.WarnNoVariance, "the model cannot be fitted: a covariate follows from the others or from the arm, or does not vary among those who have not returned yet", "leave out a covariate")
		}
		out = append(out, e)
	}
	return out
}

// errors finds the covariance of the coefficients.
func (c *coxReport) errors() error {
	c.cov = c.fit.Cov
	if c.o.Errors == "model" || c.cov == nil {
		return nil
	}
	if c.o.Ties == fit.TiesExact {
		return fmt.Errorf("%w: exact ties have errors from the model alone; choose --set ties=efron", analysis.ErrOptions)
	}
	if c.o.Errors == "robust" {
		c.cov = c.fit.Robust(c.subject, len(c.time))
		return nil
	}
	cluster, n, err := c.clusters()
	if err != nil {
		return err
	}
	if n < fewClusters {
		c.warn(analysis.WarnTooFew, fmt.Sprintf("the errors rest on %d clusters; with fewer than %d they are too small, and intervals too narrow", n, fewClusters), "include more clusters, or use errors=robust")
	}
	if c.subject != nil {
		of := make([]int, len(c.subject))
		for row, i := range c.subject {
			of[row] = cluster[i]
		}
		cluster = of
	}
	c.cov = c.fit.Robust(cluster, n)
	return nil
}

// fewClusters is the number under which cluster-robust errors are known to be too
// small: 20 to 50, Cameron and Miller 2015, 10.3368/jhr.50.2.317.
const fewClusters = 20

// clusters returns the cluster of each row, numbered as met in the order of rows.
func (s *subjects) clusters() (of []int, n int, err error) {
	codes, _ := s.c.Attribute(datasets.RoleCluster)
	if codes == nil {
		codes, _ = s.c.Attribute(datasets.RoleSite)
	}
	if codes == nil {
		return nil, 0, cannot("cluster errors need a column with role cluster or site")
	}
	number := map[int32]int{}
	for _, p := range s.patient {
		if codes[p] < 0 {
			return nil, 0, cannot("a patient has no cluster; leave out those without with --subgroup, or use errors=robust")
		}
		k, ok := number[codes[p]]
		if !ok {
			k = len(number)
			number[codes[p]] = k
		}
		of = append(of, k)
	}
	return of, len(number), nil
}

func (c *coxReport) hazardRatio(j int) analysis.Estimate {
	e := c.column("hazard_ratio", j)
	e.Method = c.method("Hazard ratio")
	if c.fit.Infinite[j] || c.cov == nil {
		return e.Warn(analysis.WarnSeparation, "the likelihood rises without end: nobody, or everybody who could, returned at one end of this column, so there is no ratio", "join levels, leave the column out, or stratify by it")
	}
	e = ratio(e, c.fit.Coef[j], math.Sqrt(math.Max(0, c.cov.At(j, j))), c.q.Level)
	if c.fit.Events < 10*len(c.x) {
		e = e.Warn(analysis.WarnSmallCount, fmt.Sprintf("%d returns for %d coefficients: fewer than 10 each, under which ratios are too far from 1 and intervals too narrow", c.fit.Events, len(c.x)), "follow more patients, or use fewer covariates")
	}
	return noError(e)
}

func (c *coxReport) tests() []analysis.Estimate {
	df := float64(len(c.x))
	score, wald, lr := c.fit.Score, c.fit.Wald(c.cov), 2*(c.fit.LogLik-c.fit.Null)
	infinite := false
	for _, v := range c.fit.Infinite {
		infinite = infinite || v
	}
	if infinite {
		wald = math.NaN()
	}
	chi := func(term, what string, x, df float64) analysis.Estimate {
		e := c.test(term, x, df, chiSquareP(x, df), c.method(what))
		if !e.Value.OK() {
			e.Warnings = nil
			e = e.Warn(analysis.WarnSeparation, "a coefficient has no end, and with it this test has no value", "join levels, leave the column out, or stratify by it; read the likelihood ratio")
		}
		return e
	}
	out := []analysis.Estimate{
		chi("likelihood_ratio", "Likelihood ratio test of all coefficients", lr, df),
		chi("wald", "Wald test of all coefficients", wald, df),
		chi("score", "Score test of all coefficients", score, df),
	}
	if c.o.Ties == fit.TiesExact {
		return out
	}
	p := fit.Proportional{ChiSq: make([]float64, len(c.x)), Global: math.NaN()}
	if infinite {
		for j := range p.ChiSq {
			p.ChiSq[j] = math.NaN()
		}
	} else {
		p = c.fit.Proportionality(c.o.Clock)
	}
	for j, x := range p.ChiSq {
		e := chi("proportional_hazards of "+c.names[j], "Test of proportional hazards along "+c.o.Clock, x, 1)
		if e.P < 0.05 {
			e = e.Warn(analysis.WarnAssumption, "the effect seems to change with time, so that one hazard ratio is an average that depends on follow-up", "read the restricted means, or hazard ratios of stretches of time")
		}
		out = append(out, e)
	}
	return append(out, chi("proportional_hazards_all", "Test of proportional hazards along "+c.o.Clock, p.Global, df))
}

func (c *coxReport) concordance() analysis.Estimate {
	e := c.estimate("concordance", analysis.ScaleProportion, -1, -1)
	e.Method = c.method("Share of pairs in which the patient of higher predicted rate returns first")
	e.Method.R, e.Method.Ref = "survival::concordance(fit)", "Harrell and others 1996, 10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4"
	k := c.fit.Concordance()
	if math.IsNaN(k.C) {
		return e.Warn(analysis.WarnTooFew, "no pair of patients can be ordered", "follow more patients, or for longer")
	}
	e.Value, e.SE = analysis.Num(k.C), analysis.Num(k.SE)
	e.CI = within(analysis.NormalInterval(k.C, k.SE, c.q.Level))
	return noError(e)
}

// within cuts an interval to [0, 1].
func within(ci analysis.Interval) analysis.Interval {
	ci.Low, ci.High = max(ci.Low, 0), min(ci.High, 1)
	return ci
}

// curves adds the share returned at the mean covariates, for each arm.
func (c *coxReport) curves(out *analysis.Result) {
	for _, v := range c.fit.Infinite {
		if v {
			return
		}
	}
	if c.strata > 0 || c.subject != nil || c.o.Weights != "" || c.o.Ties == fit.TiesExact || c.fit.Cov == nil {
		return
	}
	at := c.means()
	for g, group := range c.groups {
		c.atArm(at, g)
		p := c.fit.Predict(at, 0)
		series := analysis.Series{Name: "cox/" + c.definition.Name, Group: group.Name, Step: true, XUnit: "days", YUnit: "share returned, at the mean covariates"}
		for k, t := range p.Time {
			ci := c.share(p.Hazard[k], p.SE[k])
			series.Points = append(series.Points, analysis.Point{X: analysis.Num(t), Y: analysis.Num(-math.Expm1(-p.Hazard[k])), Low: ci.Low, High: ci.High, N: c.n[g].Arm})
		}
		out.Series = append(out.Series, series)
		_, last := c.last(g)
		for _, day := range c.o.At {
			out.Estimates = append(out.Estimates, c.adjusted(p, g, day, last))
		}
	}
}

// last returns the rows of a group and the last day on which one was followed.
func (s *subjects) last(g int) (rows int, day float64) {
	for i, h := range s.group {
		if h == g {
			rows, day = rows+1, max(day, s.time[i])
		}
	}
	return rows, day
}

// share is the interval of 1 - exp(-Λ) from that of Λ on its own scale, as survfit has
// it with conf.type = "log".
func (c *coxReport) share(hazard, se float64) analysis.Interval {
	z := analysis.NormalQuantile(c.q.Level)
	return analysis.NewInterval(analysis.KindLog, math.Max(0, -math.Expm1(-(hazard-z*se))), -math.Expm1(-(hazard + z*se)), c.q.Level)
}

func (c *coxReport) adjusted(p fit.Predicted, g int, day, last float64) analysis.Estimate {
	e := c.estimate("returned_adjusted", analysis.ScaleProportion, g, -1)
	e.Visit, e.Method = fmt.Sprintf("day %g", day), c.method("Share returned at the mean covariates")
	e.Method.R = "summary(survival::survfit(fit, newdata), times)"
	if day > last {
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up ends on day %g, before day %g", last, day), "follow patients for longer, or choose an earlier day")
	}
	k := -1
	for i, t := range p.Time {
		if t <= day {
			k = i
		}
	}
	if k < 0 {
		e.Value = 0
		return unsure(e)
	}
	e.Value, e.SE = analysis.Num(-math.Expm1(-p.Hazard[k])), analysis.Num(p.SE[k]*math.Exp(-p.Hazard[k]))
	e.CI = c.share(p.Hazard[k], p.SE[k])
	return e
}
