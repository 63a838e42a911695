package rehab

import (
	"context"
	"fmt"
	"math"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// Validation is one figure of a published study beside what the model predicts
// for patients like those of the study.
type Validation struct {
	Study     string       `json:"study"`
	Source    string       `json:"source"`
	Strategy  string       `json:"strategy"`
	Versus    string       `json:"versus,omitempty"` // set for a difference
	Outcome   string       `json:"outcome"`
	Unit      string       `json:"unit"`
	Observed  simulate.Num `json:"observed"`
	SE        simulate.Num `json:"observed_se"` // null if the study does not give it
	Predicted simulate.Num `json:"predicted"`
	MCSE      simulate.Num `json:"mcse"`
	// Lower and Upper are the 2.5th and 97.5th percentiles over the draws.
	Lower simulate.Num `json:"lower"`
	Upper simulate.Num `json:"upper"`
	// Calibrated says that the figure, or one of the same table, went into the
	// evidence: agreement then proves the arithmetic, not the model.
	Calibrated bool `json:"calibrated"`
	// Claim says that the figure is a claim of the field, not a study's result.
	Claim bool `json:"claim"`
	// Error is Predicted − Observed; Z is it over the square root of the sum of the
	// squares of the observed SE, the spread of the draws and the MCSE.
	Error   simulate.Num `json:"error"`
	Z       simulate.Num `json:"z"`
	Verdict Verdict      `json:"verdict"`
	Note    string       `json:"note,omitempty"`
}

// Verdict says how a prediction stands to what was observed.
type Verdict string

// The verdicts. A prediction agrees if |Z| is at most 1.96; where its interval is
// wider than the quantity can tell apart (Z with the draws left out is over 1.96) it
// agrees within a wide interval only.
const (
	Agrees     Verdict = "agrees"
	AgreesWide Verdict = "agrees within a wide interval"
	TooLow     Verdict = "misses: predicts too little"
	TooHigh    Verdict = "misses: predicts too much"
)

const fourWeeks = "interdisciplinary-4-week"

// Validate runs the model on patients like those of published studies and sets
// its predictions beside what was observed. Draws and patients are the size of
// each run; 100 x 1000 takes some seconds for each study. opt.Progress is told of studies.
func Validate(ctx context.Context, ev evidence.Set, draws, patients int, opt simulate.Options) ([]Validation, error) {
	told := opt.Progress
	opt.Progress = nil
	all := studies()
	var out []Validation
	for i, x := range all {
		s, err := x.scenario(draws, patients)
		if err != nil {
			return nil, err
		}
		r, err := Run(ctx, s, ev, opt)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
		for _, o := range x.seen {
			v, err := beside(r, x, o)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		if told != nil {
			told(i+1, len(all))
		}
	}
	return out, nil
}

// scenario is the example scenario with the patients of the study, undiscounted as
// studies are.
func (x study) scenario(draws, patients int) (design.Scenario, error) {
	s, err := design.ParseScenario("the example scenario", design.DefaultScenario())
	if err != nil {
		return s, err
	}
	s.Name, s.Title = x.id, x.name
	s.Draws, s.Patients, s.Strategies, s.HorizonWeeks = draws, patients, x.strategies, x.weeks
	s.Discounting.Cost, s.Discounting.Effect = 0, 0
	if x.population != nil {
		x.population(&s.Population)
	}
	for _, o := range x.seen {
		s.Outputs = append(s.Outputs, o.outcome)
	}
	return s, nil
}

// find returns the estimate of an outcome of a strategy, or of its difference from
// the reference.
func find(r simulate.Result, strategy, versus, outcome string) (simulate.Estimate, error) {
	from := r.Strategies
	if versus != "" {
		from = r.Differences
		if versus != r.Reference {
			return simulate.Estimate{}, fmt.Errorf("differences are against %s, not %s", r.Reference, versus)
		}
	}
	for _, s := range from {
		for _, e := range s.Estimates {
			if s.Name == strategy && e.Outcome == outcome {
				return e, nil
			}
		}
	}
	return simulate.Estimate{}, fmt.Errorf("no outcome %s of %s", outcome, strategy)
}

func beside(r simulate.Result, x study, o seen) (Validation, error) {
	e, err := find(r, o.strategy, o.versus, o.outcome)
	if err != nil {
		return Validation{}, fmt.Errorf("%s: %w", x.name, err)
	}
	scale := o.scale
	if scale == 0 {
		scale = 1
	}
	unit := e.Unit
	if o.unit != "" {
		unit = o.unit
	}
	n := func(v simulate.Num) simulate.Num { return simulate.Num(scale * float64(v)) }
	v := Validation{
		Study: x.name, Source: x.source, Strategy: o.strategy, Versus: o.versus, Outcome: o.outcome, Unit: unit,
		Observed: simulate.Num(o.value), SE: simulate.Num(o.se), Predicted: n(e.Mean), MCSE: n(e.MCSE), Lower: n(e.Lower), Upper: n(e.Upper),
		Calibrated: o.calibrated, Claim: o.claim, Note: o.note,
	}
	if o.se == 0 {
		v.SE = simulate.Num(math.NaN())
	}
	v.judge(scale * float64(e.ParameterSD))
	return v, nil
}

// judge fills in Error, Z and Verdict.
func (v *Validation) judge(spread float64) {
	if spread != spread {
		spread = 0
	}
	se := float64(v.SE)
	if se != se {
		se = 0
	}
	miss := float64(v.Predicted - v.Observed)
	narrow := math.Hypot(se, float64(v.MCSE))
	z := miss / math.Hypot(narrow, spread)
	v.Error, v.Z = simulate.Num(miss), simulate.Num(z)
	const critical = 1.959963984540054
	switch {
	case z != z:
		v.Verdict = ""
	case z < -critical:
		v.Verdict = TooLow
	case z > critical:
		v.Verdict = TooHigh
	case math.Abs(miss) > critical*narrow:
		v.Verdict = AgreesWide
	default:
		v.Verdict = Agrees
	}
}
