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
	Predicted simulate.Num `json:"predicted"`
	MCSE      simulate.Num `json:"mcse"`
	// Lower and Upper are the 2.5th and 97.5th percentiles over the draws.
	Lower simulate.Num `json:"lower"`
	Upper simulate.Num `json:"upper"`
	// Calibrated says that the figure, or one of the same table, went into the
	// evidence: agreement then proves the arithmetic, not the model.
	Calibrated bool   `json:"calibrated"`
	Inside     bool   `json:"inside"` // observed lies between Lower and Upper
	Note       string `json:"note,omitempty"`
}

// study is a published cohort: how its patients differ from the example
// scenario, and what was seen.
type study struct {
	name, source string
	strategies   []string
	weeks        int
	population   func(*design.Population)
	seen         []seen
}

// seen is one published figure; of a difference if versus is set.
type seen struct {
	strategy, versus, outcome string
	value                     float64
	calibrated                bool
	note                      string
}

const fourWeeks = "interdisciplinary-4-week"

// studies are the published figures the model is held against.
var studies = []study{
	{
		name: "Swedish register, full sick leave before rehabilitation", source: "Rivano Fischer 2019, J Rehabil Med 51:281",
		strategies: []string{fourWeeks}, weeks: 104,
		population: func(p *design.Population) { p.Work = design.Work{Off: 1} },
		seen: []seen{
			{strategy: fourWeeks, outcome: "full_work_if_off_52w", value: 952.0 / 2279, calibrated: true, note: "no sick leave at 1 year"},
			{strategy: fourWeeks, outcome: "full_work_if_off_horizon", value: 1328.0 / 2279, note: "no sick leave at 2 years"},
		},
	},
	{
		name: "Fusion or rehabilitation, 4 years", source: "Brox 2010, PMC2938881",
		strategies: []string{fourWeeks, design.LumbarFusion}, weeks: 208,
		population: func(p *design.Population) {
			p.Pain = design.Spread{Mean: 6.35, SD: 1.35}
			p.Work = design.Work{Full: 0.155, Off: 0.7, Disability: 0.145}
			p.WeeksOffWork = 100
		},
		seen: []seen{
			{strategy: design.LumbarFusion, outcome: "pain_change_horizon", value: -2.06, note: "back pain 62.8 to 42.2 of 100"},
			{strategy: fourWeeks, outcome: "pain_change_horizon", value: -1.95, note: "back pain 64.2 to 44.7 of 100"},
			{strategy: design.LumbarFusion, versus: fourWeeks, outcome: "pain_change_horizon", value: -0.23, calibrated: true, note: "adjusted difference"},
			{strategy: design.LumbarFusion, outcome: "working_horizon", value: 16.0 / 61, note: "time off work and the split between sick leave and disability at entry are assumed"},
			{strategy: fourWeeks, outcome: "working_horizon", value: 17.0 / 50, note: "as above"},
		},
	},
	{
		name: "Fusion under workers' compensation, Washington", source: "Juratli 2006, Spine 31:2715",
		strategies: []string{design.LumbarFusion}, weeks: 104,
		population: compensated,
		seen: []seen{
			{strategy: design.LumbarFusion, outcome: "working_horizon", value: 0.361, note: "the complement of 63.9 % on disability, not a measured return to work"},
			{strategy: design.LumbarFusion, outcome: "reoperation", value: 0.221, calibrated: true},
			{strategy: design.LumbarFusion, outcome: "complication", value: 0.118, calibrated: true},
		},
	},
	{
		name: "Fusion or no surgery under workers' compensation, Ohio", source: "Nguyen 2011, Spine 36:320",
		strategies: []string{design.UsualCare, design.LumbarFusion}, weeks: 104,
		population: compensated,
		seen: []seen{
			{strategy: design.LumbarFusion, outcome: "working_horizon", value: 188.0 / 725},
			{strategy: design.UsualCare, outcome: "working_horizon", value: 483.0 / 725, note: "counted from the injury, for fusion from the operation"},
			{strategy: design.LumbarFusion, outcome: "reoperation", value: 194.0 / 725},
		},
	},
	{
		name: "Fusion or intensive rehabilitation, 2 years", source: "Fairbank 2005 and its cost-utility analysis, BMJ 330:1239",
		strategies: []string{fourWeeks, design.LumbarFusion}, weeks: 104,
		population: func(*design.Population) {},
		seen: []seen{
			{strategy: design.LumbarFusion, outcome: "qaly", value: 1.004, note: "EQ-5D; the model takes utility from pain alone"},
			{strategy: fourWeeks, outcome: "qaly", value: 0.936, note: "as above"},
			{strategy: design.LumbarFusion, versus: fourWeeks, outcome: "qaly", value: 0.068, note: "95 % interval of the trial -0.020 to 0.156"},
		},
	},
	{
		name: "Opioids at the end of a program", source: "Mayo PRC (57 % to 7 % on daily opioids); AJMC 2022;28(2) (90 % stopped)",
		strategies: []string{fourWeeks}, weeks: 6,
		population: func(*design.Population) {},
		seen: []seen{
			{strategy: fourWeeks, outcome: "off_opioids_horizon", value: 1 - 7.0/57, note: "of those on opioids at entry; the model counts dropouts, the source may not"},
			{strategy: fourWeeks, outcome: "off_opioids_horizon", value: 0.90, note: "of those who graduated"},
		},
	},
	{
		name: "Residential program of veterans", source: "SF VA IPRP 2018 (n = 35)",
		strategies: []string{fourWeeks}, weeks: 6,
		population: func(p *design.Population) { p.Pain = design.Spread{Mean: 6.4, SD: 1.94} },
		seen: []seen{
			{strategy: fourWeeks, outcome: "pain_change_horizon", value: -0.64, note: "usual pain 6.40 to 5.76"},
			{strategy: fourWeeks, outcome: "mood_horizon", value: 9.89, note: "PHQ-9, from 14.29"},
		},
	},
	{
		name: "Usual care of a trial", source: "Ashar 2022 (n = 50)",
		strategies: []string{design.UsualCare}, weeks: 52,
		population: func(p *design.Population) { p.Pain = design.Spread{Mean: 3.91, SD: 1.24} },
		seen:       []seen{{strategy: design.UsualCare, outcome: "pain_change_horizon", value: -0.91, calibrated: true, note: "3.91 to 3.00 at 12 months"}},
	},
}

func compensated(p *design.Population) {
	p.Compensation = 1
	p.Work = design.Work{Off: 1}
	p.WeeksOffWork = 60
}

// Validate runs the model on patients like those of published studies and sets
// its predictions beside what was observed. Draws and patients are the size of
// each run; 100 x 1000 takes some seconds for each study.
func Validate(ctx context.Context, ev evidence.Set, draws, patients int, opt simulate.Options) ([]Validation, error) {
	var out []Validation
	for _, x := range studies {
		s, err := design.ParseScenario("the example scenario", design.DefaultScenario())
		if err != nil {
			return nil, err
		}
		s.Draws, s.Patients, s.Strategies, s.HorizonWeeks = draws, patients, x.strategies, x.weeks
		// Undiscounted, as the studies are.
		s.Discounting.Cost, s.Discounting.Effect = 0, 0
		x.population(&s.Population)
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
	}
	return out, nil
}

func beside(r simulate.Result, x study, o seen) (Validation, error) {
	from := r.Strategies
	if o.versus != "" {
		from = r.Differences
		if o.versus != r.Reference {
			return Validation{}, fmt.Errorf("%s: differences are against %s, not %s", x.name, r.Reference, o.versus)
		}
	}
	for _, s := range from {
		for _, e := range s.Estimates {
			if s.Name == o.strategy && e.Outcome == o.outcome {
				return Validation{
					Study: x.name, Source: x.source, Strategy: o.strategy, Versus: o.versus, Outcome: o.outcome, Unit: e.Unit,
					Observed: simulate.Num(o.value), Predicted: e.Mean, MCSE: e.MCSE, Lower: e.Lower, Upper: e.Upper,
					Calibrated: o.calibrated, Note: o.note,
					Inside: !math.IsNaN(float64(e.Lower)) && o.value >= float64(e.Lower) && o.value <= float64(e.Upper),
				}, nil
			}
		}
	}
	return Validation{}, fmt.Errorf("%s: no outcome %s of %s", x.name, o.outcome, o.strategy)
}
