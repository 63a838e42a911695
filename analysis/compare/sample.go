package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// CovariateOptions say what two arms are made alike in.
type CovariateOptions struct {
	Covariates []string `opt:"covariates" doc:"columns of one row a patient in which the arms are to be made alike; text columns become indicators of their levels"`
	Baseline   bool     `opt:"baseline" doc:"the outcome at baseline is a covariate too"`
	Missing    string   `opt:"missing" doc:"covariates that are missing: complete leaves the patient out; indicator puts in the mean, or a level of its own, with an indicator that it was missing" choices:"complete|indicator"`
}

// Measures of an outcome at a visit.
const (
	measureChange    = "change"
	measureValue     = "value"
	measureResponder = "responder"
)

// OutcomeOptions say what of the outcome is compared.
type OutcomeOptions struct {
	Measure   string  `opt:"measure" doc:"change from baseline, value at the visit, or whether the patient responded" choices:"change|value|responder"`
	Rule      string  `opt:"rule" doc:"responder: improved by at least the threshold in percent of baseline, in points, or at the threshold or better at the visit" choices:"percent|points|at-most"`
	Threshold float64 `opt:"threshold" doc:"responder: of the rule"`
	Direction string  `opt:"direction" doc:"responder: which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
}

var (
	covariateDefaults = CovariateOptions{Baseline: true, Missing: "complete"}
	outcomeDefaults   = OutcomeOptions{Measure: measureChange, Rule: fit.RulePercent, Threshold: 30, Direction: "instrument"}
)

// covariate is one as models take it: a number, or the indicator of a level.
type covariate struct {
	name   string
	text   int // which text covariate it is a level of, from 1; 0 for a number
	binary bool
	x      []float64 // by row
}

// sample is the patients of two arms who have all that is asked for, in the order of
// their identifiers, so that the order of rows in the file does not matter.
type sample struct {
	groups   []analysis.Group
	patient  []int
	t        []float64 // 1 in the arm, 0 in the reference
	y        []float64 // nil where no outcome was asked for
	columns  []covariate
	outcome  analysis.Paired
	visit    string
	binary   bool // y is 0 or 1
	measure  string
	words    string // what y is
	times    bool   // y is a time, and eventOf says by patient whether the event ended it
	eventOf  []bool
	n        [2]int // in the arm, in the reference
	missing  int
	lost     [2]int // of the missing, without the outcome
	excluded []datasets.Exclusion
	warnings []analysis.Warning
}

func (s *sample) warn(code, message, cure string) {
	s.warnings = append(s.warnings, analysis.Warning{Code: code, Message: message, Cure: cure})
}

func cannot(format string, args ...any) error {
	return fmt.Errorf("%w: %w", analysis.ErrCannot, fmt.Errorf(format, args...))
}

func badOption(format string, args ...any) error {
	return fmt.Errorf("%w: %w", analysis.ErrOptions, fmt.Errorf(format, args...))
}

// outcomeSource reads what is compared, and the outcome at baseline, by patient.
type outcomeSource interface {
	read(s *sample, in analysis.Input, q analysis.Question) (y, before []float64, err error)
}

// readSample reads the two arms with their covariates and, where out is not nil, the
// outcome.
func readSample(in analysis.Input, q analysis.Question, o CovariateOptions, out outcomeSource) (*sample, error) {
	if in.Cohort == nil {
		return nil, cannot("expected a cohort")
	}
	if q.Arm == "" || q.Reference == "" {
		return nil, badOption("a comparison needs an arm and a reference: --arm NAME --reference NAME")
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return nil, err
	}
	s := &sample{groups: groups, excluded: excluded}
	var y, before []float64
	if out != nil {
		if y, before, err = out.read(s, in, q); err != nil {
			return nil, err
		}
	} else if o.Baseline && q.Outcome != "" {
		if before, err = baselineOf(in, q); err != nil {
			return nil, err
		}
	}
	columns, err := readColumns(in, o, q.Outcome, before, groups)
	if err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		return nil, badOption("expected covariates in which the arms are to be alike: --set covariates=COLUMN,COLUMN, or an outcome whose baseline is one")
	}
	s.keepComplete(in.Cohort, y, columns)
	if s.n[0] == 0 || s.n[1] == 0 {
		return nil, cannot("the arm has %d patients and the reference %d with all covariates%s; both are needed: name fewer covariates, or pass --set missing=indicator", s.n[0], s.n[1], ifText(out != nil, " and the outcome"))
	}
	return s, nil
}

func ifText(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

func baselineOf(in analysis.Input, q analysis.Question) ([]float64, error) {
	if _, err := in.Cohort.Outcome(q.Outcome); err != nil {
		return nil, err
	}
	v, ok := in.Cohort.Baseline()
	if q.Baseline != "" {
		var err error
		if v, err = in.Cohort.Visit(q.Baseline); err != nil {
			return nil, err
		}
	} else if !ok {
		return nil, fmt.Errorf("%w: no visit is marked as baseline: pass --baseline NAME, or --set baseline=false", datasets.ErrUnknownName)
	}
	return in.Cohort.Values(q.Outcome, v.Value), nil
}

// read returns the outcome that is compared, by patient, NaN where missing.
func (o OutcomeOptions) read(s *sample, in analysis.Input, q analysis.Question) (now, before []float64, err error) {
	p, err := in.Pair(q)
	if err != nil {
		return nil, nil, err
	}
	s.outcome, s.visit, s.measure = p, p.Now.VisitName(), o.Measure
	y := slices.Clone(p.After)
	if q.Missing == analysis.MissingFailure && o.Measure != measureResponder {
		s.warn(analysis.WarnAssumption, "missing=failure is of responders: patients without the outcome are left out here", "pass --set measure=responder, or impute first")
	}
	switch o.Measure {
	case measureValue:
		s.words = "value at the visit"
	case measureChange:
		s.words = "change from baseline"
		for i := range y {
			y[i] -= p.Before[i]
		}
	case measureResponder:
		lower := p.Lower
		if o.Direction != "instrument" {
			lower = o.Direction == "lower"
		} else if !p.DirectionKnown {
			s.warn(analysis.WarnNoDirection, "the outcome names no instrument, so lower values are taken as better", "name the instrument in the cohort file, or pass --set direction=higher")
		}
		rule := fit.Rule{Kind: o.Rule, Threshold: o.Threshold, Lower: lower}
		s.words = fmt.Sprintf("responders, %s %g", o.Rule, o.Threshold)
		for i := range y {
			y[i] = rule.Judge(p.Before[i], p.After[i])
			if math.IsNaN(y[i]) && q.Missing == analysis.MissingFailure {
				y[i] = 0
			}
		}
		if q.Missing == analysis.MissingFailure {
			s.words += ", not seen counts as not improved"
		}
	}
	return y, p.Before, nil
}

// readColumns reads covariates by patient of the cohort; levels of texts in the order
// of their names.
func readColumns(in analysis.Input, o CovariateOptions, outcome string, before []float64, groups []analysis.Group) ([]covariate, error) {
	var out []covariate
	numbers := func(name string, x []float64) {
		out = append(out, covariate{name: name, x: x})
		if o.Missing == "indicator" {
			out = append(out, missingIndicator(name, x, groups))
		}
	}
	if o.Baseline && before != nil {
		numbers(outcome+" at baseline", slices.Clone(before))
	}
	for i, name := range o.Covariates {
		_, f, err := in.Cohort.PatientField(name)
		if err != nil {
			return nil, err
		}
		if f.Role == datasets.RoleArm {
			return nil, badOption("%s is the arm, which cannot be a covariate", name)
		}
		if f.Type != datasets.TypeString && f.Type != datasets.TypeBoolean {
			x, err := in.Cohort.Covariate(name)
			if err != nil {
				return nil, err
			}
			numbers(name, x)
			continue
		}
		codes, levels, err := in.Cohort.CovariateLevels(name)
		if err != nil {
			return nil, err
		}
		if len(levels) > 50 {
			return nil, cannot("the covariate %q has %d levels; group them first", name, len(levels))
		}
		out = append(out, indicators(name, i+1, codes, levels, o.Missing == "indicator")...)
	}
	return out, nil
}

// missingIndicator puts the mean of the two arms in for missing values and returns who
// had none.
func missingIndicator(name string, x []float64, groups []analysis.Group) covariate {
	c := covariate{name: name + " missing", binary: true, x: make([]float64, len(x))}
	var seen []float64
	for _, g := range groups {
		seen = append(seen, present(g.Pick(x))...)
	}
	slices.Sort(seen) // so that the order of rows does not move the last digit
	mean := fit.Describe(seen).Mean
	if len(seen) == 0 {
		mean = 0
	}
	for i, v := range x {
		if math.IsNaN(v) {
			x[i], c.x[i] = mean, 1
		}
	}
	return c
}

func indicators(name string, text int, codes []int32, levels []string, missing bool) []covariate {
	order := make([]int32, len(levels))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(levels[a], levels[b]) })
	if missing {
		order = append(order, -1)
	}
	var out []covariate
	for _, code := range order {
		label := "missing"
		if code >= 0 {
			label = levels[code]
		}
		c := covariate{name: name + ": " + label, text: text, binary: true, x: make([]float64, len(codes))}
		for p, v := range codes {
			switch {
			case v == code:
				c.x[p] = 1
			case v < 0 && !missing:
				c.x[p] = math.NaN()
			}
		}
		out = append(out, c)
	}
	return out
}

// keepComplete sets the rows: patients of the two arms with all that is asked for.
func (s *sample) keepComplete(c *datasets.Cohort, y []float64, columns []covariate) {
	arm := make([]int8, c.Patients())
	for i, g := range s.groups {
		for _, p := range g.Patients {
			arm[p] = int8(i + 1)
		}
	}
	s.columns = make([]covariate, len(columns))
	for j, k := range columns {
		s.columns[j] = covariate{name: k.name, text: k.text, binary: k.binary}
	}
	noCovariate := 0
	for _, p := range c.ByIdentifier() {
		if arm[p] == 0 {
			continue
		}
		incomplete := slices.ContainsFunc(columns, func(k covariate) bool { return math.IsNaN(k.x[p]) })
		unseen := y != nil && math.IsNaN(y[p])
		if unseen {
			s.lost[arm[p]-1]++
		} else if incomplete {
			noCovariate++
		}
		if incomplete || unseen {
			s.missing++
			continue
		}
		s.patient, s.t = append(s.patient, p), append(s.t, float64(2-arm[p]))
		s.n[arm[p]-1]++
		if y != nil {
			s.y = append(s.y, y[p])
		}
		for j := range columns {
			s.columns[j].x = append(s.columns[j].x, columns[j].x[p])
		}
	}
	if noCovariate > 0 {
		s.excluded = append(s.excluded, datasets.Exclusion{Code: analysis.WarnExcluded, Patients: noCovariate, Reason: "patients without one of the covariates"})
	}
	s.followUp()
	s.finish()
}

// followUp warns where many of an arm were not seen.
func (s *sample) followUp() {
	for i, g := range s.groups {
		if all := len(g.Patients); float64(s.lost[i]) > 0.3*float64(all) {
			s.warn(analysis.WarnLowFollowUp, fmt.Sprintf("%s: %d of %d patients have no outcome%s; weights and matching make the arms alike in covariates, not those seen like those lost", g.Name, s.lost[i], all, ifText(s.visit != "", " at "+s.visit)), "ask for an earlier visit, or impute first")
		}
	}
}

// finish notes which numbers are no more than 0 and 1.
func (s *sample) finish() {
	only01 := func(x []float64) bool {
		return !slices.ContainsFunc(x, func(v float64) bool { return v != 0 && v != 1 })
	}
	for j := range s.columns {
		s.columns[j].binary = s.columns[j].binary || only01(s.columns[j].x)
	}
	s.binary = s.y != nil && !s.times && s.measure != measureChange && only01(s.y)
}

// only returns the sample with some of its rows.
func (s *sample) only(keep []bool) *sample {
	out := *s
	pick := func(x []float64) []float64 {
		if x == nil {
			return nil
		}
		var v []float64
		for i, k := range keep {
			if k {
				v = append(v, x[i])
			}
		}
		return v
	}
	out.t, out.y, out.patient, out.n = pick(s.t), pick(s.y), nil, [2]int{}
	for i, k := range keep {
		if k {
			out.patient = append(out.patient, s.patient[i])
			out.n[1-int(s.t[i])]++
		}
	}
	out.columns = slices.Clone(s.columns)
	for j := range out.columns {
		out.columns[j].x = pick(s.columns[j].x)
	}
	return &out
}

// design is the columns of a model, centred and in standard deviations, behind an
// intercept. A column without variance in these rows, or that repeats an earlier one,
// is left out, and so is the first level that occurs of a text.
type design struct {
	x            [][]float64
	names        []string
	mean, sd     []float64 // of each column; 0 and 1 of the intercept
	constant     []string
	repeats      []string
	withoutFirst map[int]bool
}

func (s *sample) design() *design {
	n := len(s.t)
	one := make([]float64, n)
	for i := range one {
		one[i] = 1
	}
	d := &design{x: [][]float64{one}, names: []string{"(intercept)"}, mean: []float64{0}, sd: []float64{1}, withoutFirst: map[int]bool{}}
	for _, c := range s.columns {
		m := fit.Describe(c.x)
		if !(m.SD > 1e-14*math.Abs(m.Mean)) {
			if c.text == 0 || n > 0 && c.x[0] == 1 {
				d.constant = append(d.constant, c.name)
			}
			continue
		}
		if c.text > 0 && !d.withoutFirst[c.text] {
			d.withoutFirst[c.text] = true
			continue
		}
		x := make([]float64, n)
		for i, v := range c.x {
			x[i] = (v - m.Mean) / m.SD
		}
		if slices.ContainsFunc(d.x, func(other []float64) bool { return slices.Equal(other, x) }) {
			d.repeats = append(d.repeats, c.name)
			continue
		}
		d.x, d.names = append(d.x, x), append(d.names, c.name)
		d.mean, d.sd = append(d.mean, m.Mean), append(d.sd, m.SD)
	}
	return d
}

// notes says which columns are not in the models.
func (s *sample) notes(d *design) {
	if len(d.constant) > 0 {
		s.warn(analysis.WarnNoVariance, "the same in every patient, so not in the models: "+strings.Join(d.constant, ", "), "")
	}
	if len(d.repeats) > 0 {
		s.warn(analysis.WarnExcluded, "repeats another covariate, so not in the models: "+strings.Join(d.repeats, ", "), "")
	}
}

// estimate begins an estimate of the comparison.
func (s *sample) estimate(term string, scale analysis.Scale) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit = s.outcome.Field.Name, s.visit
	e.Arm, e.Reference = s.groups[0].Name, s.groups[1].Name
	e.N = analysis.N{Arm: s.n[0], Reference: s.n[1], Missing: s.missing}
	return e
}

// result returns the result with what was left out and what must be known.
func (s *sample) result() analysis.Result {
	return analysis.Result{Excluded: s.excluded, Warnings: s.warnings}
}
