package quality

import (
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

// What is counted.
const (
	MeasureResponders = "responders" // who improved by a rule
	MeasureCompletion = "completion" // who completed the program, of those recorded
	MeasureSeen       = "seen"       // who has a value of the outcome at the visit
)

// EventOptions say what is counted, and of whom.
type EventOptions struct {
	Measure     string  `opt:"measure" doc:"what is counted: responders, completion of the program, or having a value of the outcome at the visit" choices:"responders|completion|seen"`
	Rule        string  `opt:"rule" doc:"of responders: improved by the threshold in percent of baseline or in points, at the threshold or better at the visit, or by the instrument's important difference" choices:"percent|points|at-most|important"`
	Threshold   float64 `opt:"threshold" doc:"of the rule; not used by important"`
	Direction   string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Denominator string  `opt:"denominator" doc:"of responders: all patients, those not judged counted as not improved, or those seen" choices:"all|seen"`
}

// DefaultEvents counts patients who improved by 30 %, of all.
var DefaultEvents = EventOptions{Measure: MeasureResponders, Rule: fit.RulePercent, Threshold: 30, Direction: "instrument", Denominator: "all"}

// Events returns by patient of the cohort whether what is counted happened: 1, 0,
// or NaN for a patient who does not count; and the rule in words. Patients who
// never began, and those of other arms than the one asked for, do not count.
//
// Responders who cannot be judged (not seen, no baseline, a percentage of a zero
// baseline) are 0 with the denominator all, and do not count with seen. Completion
// counts those for whom it is recorded. More of each is better.
func Events(in analysis.Input, q analysis.Question, o EventOptions) (events []float64, words string, warnings []analysis.Warning, excluded []datasets.Exclusion, err error) {
	patients, excluded, err := counted(in, q)
	if err != nil {
		return nil, "", nil, nil, err
	}
	var all []float64
	switch o.Measure {
	case MeasureCompletion:
		all, err = completion(in.Cohort)
		words = "completed the program, of those for whom it is recorded"
	case MeasureSeen:
		all, words, err = present(in, q)
	default:
		all, words, warnings, err = responders(in, q, o)
	}
	if err != nil {
		return nil, "", nil, nil, err
	}
	return keep(all, patients), words, warnings, excluded, nil
}

// counted returns the patients that a question asks about: those who began, of the
// arm asked for or of all arms and none.
func counted(in analysis.Input, q analysis.Question) ([]int, []datasets.Exclusion, error) {
	if q.Reference != "" {
		return nil, nil, fmt.Errorf("%w: this shows one group, so a reference has no use; leave it out", analysis.ErrOptions)
	}
	if q.Arm != "" {
		groups, excluded, err := in.Groups(q)
		if err != nil {
			return nil, nil, err
		}
		return groups[0].Patients, excluded, nil
	}
	var out []int
	never := 0
	for p, began := range in.Cohort.Began() {
		if began {
			out = append(out, p)
		} else {
			never++
		}
	}
	if never == 0 {
		return out, nil, nil
	}
	return out, []datasets.Exclusion{{Code: datasets.CodeNeverBegan, Patients: never, Reason: "patients who were never admitted and have no visit or record"}}, nil
}

// keep returns the values of the patients, and NaN for all others.
func keep(byPatient []float64, patients []int) []float64 {
	out := slices.Repeat([]float64{math.NaN()}, len(byPatient))
	for _, p := range patients {
		out[p] = byPatient[p]
	}
	return out
}

func completion(c *datasets.Cohort) ([]float64, error) {
	cells := c.Days(datasets.RoleCompleted)
	if cells == nil {
		return nil, fmt.Errorf("%w: no table of one row a patient has a column with role completed", analysis.ErrCannot)
	}
	f, _ := c.TableWith(datasets.RoleCompleted).Field(datasets.RoleCompleted)
	state, ambiguous := fit.Occurred(cells, f.Type == datasets.TypeBoolean, f.Type == datasets.TypeInteger)
	if ambiguous || f.Type == datasets.TypeString {
		return nil, fmt.Errorf("%w: expected the column with role completed to be a boolean, a date or a day number", analysis.ErrCannot)
	}
	return state, nil
}

func present(in analysis.Input, q analysis.Question) ([]float64, string, error) {
	f, err := in.Cohort.Outcome(q.Outcome)
	if err != nil {
		return nil, "", err
	}
	v, err := in.Cohort.Visit(q.Visit)
	if err != nil {
		return nil, "", err
	}
	out := make([]float64, in.Cohort.Patients())
	for p, x := range in.Cohort.Values(f.Name, v.Value) {
		if !math.IsNaN(x) {
			out[p] = 1
		}
	}
	return out, fmt.Sprintf("has a value of %s at %s, of all patients who began", f.Name, v.VisitName()), nil
}

func responders(in analysis.Input, q analysis.Question, o EventOptions) ([]float64, string, []analysis.Warning, error) {
	p, err := in.Pair(q)
	if err != nil {
		return nil, "", nil, err
	}
	better, warnings := direction(p, o.Direction)
	rule := fit.Rule{Kind: o.Rule, Threshold: o.Threshold, Lower: better == BetterLower}
	words := ""
	switch {
	case o.Rule == RuleImportant:
		var w []analysis.Warning
		if rule, words, w, err = important(p, rule.Lower); err != nil {
			return nil, "", nil, err
		}
		warnings = append(warnings, w...)
	case o.Rule == fit.RuleAtMost:
		words = fmt.Sprintf("at the visit %s %g", map[bool]string{true: "at most", false: "at least"}[rule.Lower], o.Threshold)
	case o.Threshold <= 0:
		return nil, "", nil, fmt.Errorf("%w: expected a threshold above zero", analysis.ErrOptions)
	case o.Rule == fit.RulePoints:
		words = fmt.Sprintf("improved by at least %g points", o.Threshold)
	case o.Rule == fit.RulePercent:
		words = fmt.Sprintf("improved by at least %g %% of baseline", o.Threshold)
	default:
		return nil, "", nil, fmt.Errorf("%w: expected the rule percent, points, at-most or important", analysis.ErrOptions)
	}
	out := make([]float64, len(p.Before))
	for i := range out {
		out[i] = rule.Judge(p.Before[i], p.After[i])
		if o.Denominator != "seen" && math.IsNaN(out[i]) {
			out[i] = 0
		}
	}
	if o.Denominator == "seen" {
		return out, words + ", of those who could be judged", warnings, nil
	}
	return out, words + ", of all, those not judged counted as not improved", warnings, nil
}

// RuleImportant takes the instrument's default important difference.
const RuleImportant = "important"

func important(p analysis.Paired, lower bool) (fit.Rule, string, []analysis.Warning, error) {
	i, ok := instrument.Find(p.Field.Instrument)
	if !ok {
		return fit.Rule{}, "", nil, fmt.Errorf("%w: rule=important needs an outcome with an instrument; use rule=percent or rule=points", analysis.ErrOptions)
	}
	d, ok := i.Default()
	if !ok {
		return fit.Rule{}, "", nil, fmt.Errorf("%w: the instrument %s has no sourced important difference; use rule=percent or rule=points", analysis.ErrOptions, i.Name)
	}
	r := fit.Rule{Kind: fit.RulePoints, Threshold: d.Value, Lower: lower}
	if d.Kind == instrument.Relative {
		r.Kind = fit.RulePercent
	}
	words := fmt.Sprintf("improved by the important difference of %s: %s", i.Title, d.Words())
	if d.Status == instrument.Sourced {
		return r, words, nil, nil
	}
	return r, words, []analysis.Warning{{Code: analysis.WarnUnverified, Message: "the important difference of " + i.Title + " is unverified: it was not read in its source"}}, nil
}

// direction returns which way an outcome is better, and warns where its cohort
// file does not say; lower is then taken.
func direction(p analysis.Paired, option string) (Better, []analysis.Warning) {
	lower := p.Lower
	var warnings []analysis.Warning
	switch {
	case option == "lower" || option == "higher":
		lower = option == "lower"
	case !p.DirectionKnown:
		warnings = append(warnings, analysis.Warning{
			Code:    analysis.WarnNoDirection,
			Message: "the outcome has no instrument, so lower was taken as better", Cure: "name its instrument in the cohort file, or set direction=lower or direction=higher",
		})
	}
	if lower {
		return BetterLower, warnings
	}
	return BetterHigher, warnings
}
