package compare

import (
	"context"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// NegativeOptions are the settings of compare/negative-control.
type NegativeOptions struct {
	WeightOptions
	Outcomes  []string `opt:"outcomes" doc:"negative outcomes: outcome columns that the treatment cannot have changed by the visit, compared at it as change from baseline"`
	Before    []string `opt:"before" doc:"negative outcomes from before treatment: outcome columns at baseline that are not among the covariates"`
	Exposures []string `opt:"exposures" doc:"negative exposures: pairs ARM/REFERENCE of arms between which treatment makes no difference, compared in the outcome asked about"`
}

// NegativeControl is compare/negative-control: what the same comparison finds where
// there is nothing to find.
var NegativeControl = analysis.New(analysis.Analysis{
	Name:     "compare/negative-control",
	Title:    "Negative controls of a weighted comparison",
	Estimand: "what the weighted comparison finds in outcomes, or between arms, where the treatment can make no difference, and what it finds in the outcome asked about when that is allowed for",
	Doc: `The comparison of compare/weighted (change from baseline, weights and covariates as there, the outcome's own baseline among them) is done again where the truth is known to be no difference: on negative outcomes (outcomes), on outcomes from before treatment (before; their own baseline is not a covariate there), and between arms that differ in no treatment (exposures).
Every difference is in standard deviations of its values over both arms before weighting, so that outcomes of several units can be set side by side; the errors account for the estimated weights, and take the standard deviation as known.
Terms: adjusted_difference of the outcome asked about; control, one for each negative control, named in its definition; systematic_error and systematic_error_sd (mean μ and SD σ of what controls find beyond chance) and calibrated_difference, these three of three controls or more.
  θᵢ ~ N(μ, σ² + seᵢ²) by maximum likelihood;  calibrated difference θ - μ, interval θ - μ ± z √(se² + σ² + var μ),  p from its z
A control that differs from 0 says that the arms differ in something that the covariates do not hold, or that follow-up is not alike. That none does shows no more than that what moves these controls is balanced: with few or imprecise controls little.
Assumes that the treatment truly cannot change the controls, and that they share the sources of bias of the outcome asked about, whose systematic error is as large as if there were no effect. Outcomes of one set of patients are correlated, and are taken as independent: σ is then too small rather than too large. Missing: complete cases of each comparison, counted.
R: EmpiricalCalibration::fitNull(logRr, seLogRr), calibrateConfidenceInterval().`,
	Refs: []string{
		"Lipsitch, Tchetgen Tchetgen and Cohen 2010, 10.1097/EDE.0b013e3181d61eeb", "Schuemie and others 2014, 10.1002/sim.5925",
	},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
}, NegativeOptions{WeightOptions: weightDefaults}, runNegative)

// control is a comparison in standard deviations.
type control struct {
	name string
	e    analysis.Estimate
}

func runNegative(_ context.Context, in analysis.Input, q analysis.Question, o NegativeOptions) (analysis.Result, error) {
	if len(o.Outcomes)+len(o.Before)+len(o.Exposures) == 0 {
		return analysis.Result{}, badOption("expected negative controls: --set outcomes=COLUMN,COLUMN, --set before=COLUMN or --set exposures=ARM/REFERENCE")
	}
	if in.Cohort == nil {
		return analysis.Result{}, cannot("expected a cohort")
	}
	if slices.Contains(o.Outcomes, q.Outcome) || slices.Contains(o.Before, q.Outcome) {
		return analysis.Result{}, badOption("%s is the outcome asked about, and cannot be its own negative control", q.Outcome)
	}
	n := &negatives{in: in, q: q, o: o}
	main, s, err := n.compare(q, OutcomeOptions{Measure: measureChange}, o.Baseline)
	if err != nil {
		return analysis.Result{}, err
	}
	controls, err := n.controls()
	if err != nil {
		return analysis.Result{}, err
	}
	trial := s.trial(in, q, targetWords[o.Target], s.outcomeWords(), "weights")
	r := s.result()
	main.Term = "adjusted_difference"
	r.Estimates = append(r.Estimates, main)
	for _, c := range controls {
		c.e.Term, c.e.Definition = "control", c.name
		if c.e.Value.OK() && c.e.SE.OK() && (c.e.CI.Low > 0 || c.e.CI.High < 0) {
			c.e = c.e.Warn(WarnConfounded, "a difference where treatment can make none: the arms differ in something that the covariates do not hold, and the outcome asked about may as well", "add what may stand behind it to the covariates, or read calibrated_difference")
		}
		r.Estimates = append(r.Estimates, c.e)
	}
	r.Estimates = append(r.Estimates, n.calibrated(main, controls)...)
	r.Tables = append(r.Tables, trial)
	r.Warnings = append(r.Warnings, confounded)
	return r, nil
}

type negatives struct {
	in analysis.Input
	q  analysis.Question
	o  NegativeOptions
}

// compare is the weighted difference in standard deviations.
func (n *negatives) compare(q analysis.Question, out OutcomeOptions, baseline bool) (analysis.Estimate, *sample, error) {
	o := n.o.WeightOptions
	o.Baseline = baseline
	var source outcomeSource = out
	if out.Measure == "" {
		source = earlier{}
	}
	all, err := readSample(n.in, q, o.CovariateOptions, source)
	if err != nil {
		return analysis.Estimate{}, nil, err
	}
	s, _, w, err := weigh(all, o)
	if err != nil {
		return analysis.Estimate{}, nil, err
	}
	sd := math.Sqrt(all.within(all.y))
	f := &outcomeFit{
		s: s, all: all, w: w.w, correction: w.correction, level: q.Level, kind: errorsEstimated,
		method: analysis.Method{Name: w.words + ", " + targetWords[o.Target], R: "WeightIt::lm_weightit(y ~ arm, vcov = \"asympt\"), over the SD", Ref: "Lipsitch, Tchetgen Tchetgen and Cohen 2010, 10.1097/EDE.0b013e3181d61eeb"},
	}
	es, err := f.estimates()
	if err != nil {
		return analysis.Estimate{}, nil, err
	}
	e := es[0]
	e.Scale, e.Unit, e.Definition = analysis.ScaleStandardised, "", s.words
	if !(sd > 0) || !e.Value.OK() {
		e.Value, e.SE, e.CI, e.Statistic, e.P = analysis.None, analysis.None, analysis.NoInterval, analysis.None, analysis.None
		return e.Warn(analysis.WarnNoVariance, "the values do not vary within the arms, or are too few", "choose another control"), s, nil
	}
	e.Value /= analysis.Num(sd)
	if e.SE.OK() {
		e.SE /= analysis.Num(sd)
		e.CI = analysis.NormalInterval(float64(e.Value), float64(e.SE), q.Level)
	}
	return e, s, nil
}

// within is the pooled variance of values within the arms.
func (s *sample) within(x []float64) float64 {
	ss, df := 0.0, 0.0
	for _, t := range []float64{0, 1} {
		var own []float64
		for i, v := range x {
			if s.t[i] == t {
				own = append(own, v)
			}
		}
		if m := fit.Describe(own); m.N > 1 {
			ss, df = ss+m.SD*m.SD*float64(m.N-1), df+float64(m.N-1)
		}
	}
	return ss / df
}

// earlier takes an outcome at baseline as the outcome.
type earlier struct{}

func (earlier) read(s *sample, in analysis.Input, q analysis.Question) (y, before []float64, err error) {
	if y, err = baselineOf(in, q); err != nil {
		return nil, nil, err
	}
	v, _ := in.Cohort.Baseline()
	if q.Baseline != "" {
		if v, err = in.Cohort.Visit(q.Baseline); err != nil {
			return nil, nil, err
		}
	}
	s.outcome.Field.Name, s.visit, s.measure, s.words = q.Outcome, v.VisitName(), measureChange, "value before treatment"
	return y, nil, nil
}

// controls are the comparisons where there is nothing to find.
func (n *negatives) controls() ([]control, error) {
	var out []control
	add := func(name string, q analysis.Question, o OutcomeOptions, baseline bool) error {
		e, _, err := n.compare(q, o, baseline)
		if err != nil {
			return fmt.Errorf("negative control %s: %w", name, err)
		}
		out = append(out, control{name: name, e: e})
		return nil
	}
	for _, name := range n.o.Outcomes {
		q := n.q
		q.Outcome = name
		if err := add("outcome "+name, q, OutcomeOptions{Measure: measureChange}, n.o.Baseline); err != nil {
			return nil, err
		}
	}
	for _, name := range n.o.Before {
		q := n.q
		q.Outcome = name
		if err := add("before "+name, q, OutcomeOptions{}, false); err != nil {
			return nil, err
		}
	}
	for _, pair := range n.o.Exposures {
		q := n.q
		var ok bool
		if q.Arm, q.Reference, ok = cutArms(pair); !ok {
			return nil, badOption("exposures: expected ARM/REFERENCE, such as usual care 2024/usual care 2025")
		}
		if err := add("exposure "+pair, q, OutcomeOptions{Measure: measureChange}, n.o.Baseline); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func cutArms(pair string) (arm, reference string, ok bool) {
	for i, r := range pair {
		if r == '/' {
			return pair[:i], pair[i+1:], i > 0 && i+1 < len(pair)
		}
	}
	return "", "", false
}

// calibrated is what controls find beyond chance, and the difference with that allowed
// for.
func (n *negatives) calibrated(main analysis.Estimate, controls []control) []analysis.Estimate {
	const name = "normal distribution of what negative controls find, maximum likelihood"
	begin := func(term string) analysis.Estimate {
		e := main
		e.Term, e.Value, e.SE, e.Statistic, e.P, e.CI, e.Warnings = term, analysis.None, analysis.None, analysis.None, analysis.None, analysis.NoInterval, nil
		e.Method = analysis.Method{Name: name, R: "EmpiricalCalibration::fitNull()", Ref: "Schuemie and others 2014, 10.1002/sim.5925"}
		return e
	}
	mu, sd, d := begin("systematic_error"), begin("systematic_error_sd"), begin("calibrated_difference")
	d.Method.Name = "difference less the systematic error of controls; " + name
	var theta, se []float64
	for _, c := range controls {
		if c.e.Value.OK() && c.e.SE.OK() {
			theta, se = append(theta, float64(c.e.Value)), append(se, float64(c.e.SE))
		}
	}
	if len(theta) < 3 {
		few := func(e analysis.Estimate) analysis.Estimate {
			return e.Warn(analysis.WarnTooFew, fmt.Sprintf("%d negative controls with an error; what they share cannot be told from chance", len(theta)), "name three or more, better ten: outcomes=, before=, exposures=")
		}
		return []analysis.Estimate{few(mu), few(sd), few(d)}
	}
	m, s := systematic(theta, se)
	v := 0.0
	for _, x := range se {
		v += 1 / (s*s + x*x)
	}
	mu.Value, mu.SE = analysis.Num(m), analysis.Num(1/math.Sqrt(v))
	mu.CI = analysis.NormalInterval(m, 1/math.Sqrt(v), n.q.Level)
	sd.Value = analysis.Num(s)
	out := []analysis.Estimate{mu, sd}
	if !main.Value.OK() || !main.SE.OK() {
		return append(out, d.Warn(analysis.WarnTooFew, "the outcome asked about has no difference with an error", ""))
	}
	value := float64(main.Value) - m
	total := math.Sqrt(float64(main.SE*main.SE) + s*s + 1/v)
	d.Value, d.SE, d.CI = analysis.Num(value), analysis.Num(total), analysis.NormalInterval(value, total, n.q.Level)
	d.Statistic, d.P = analysis.Num(value/total), analysis.Num(analysis.NormalP(value/total))
	if len(theta) < 10 {
		d = d.Warn(analysis.WarnSmallCount, fmt.Sprintf("%d negative controls say little of how systematic errors are spread: the interval is a guide", len(theta)), "name more controls")
	}
	return append(out, d)
}

// systematic is the mean and the SD of a normal distribution of which values are seen
// with normal errors, by maximum likelihood: for each SD the mean is the weighted one,
// and the SD is where the derivative is 0, or 0.
func systematic(theta, se []float64) (mean, sd float64) {
	at := func(v float64) (mean, slope float64) {
		sum := 0.0
		for i, x := range theta {
			w := 1 / (v + se[i]*se[i])
			mean, sum = mean+w*x, sum+w
		}
		mean /= sum
		for i, x := range theta {
			w := 1 / (v + se[i]*se[i])
			slope += w*w*(x-mean)*(x-mean) - w
		}
		return mean, slope
	}
	if m, slope := at(0); slope <= 0 {
		return m, 0
	}
	low, high := 0.0, 1.0
	for _, slope := at(high); slope > 0; _, slope = at(high) {
		high *= 2
	}
	for range 200 {
		middle := (low + high) / 2
		if _, slope := at(middle); slope > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	m, _ := at(high)
	return m, math.Sqrt(high)
}
