package rehab

import (
	"math"

	"recoup/simulate/design"
)

// study is a published cohort: how its patients differ from the example
// scenario, and what was seen.
type study struct {
	id, name, source string
	strategies       []string // differences are against the first
	weeks            int
	population       func(*design.Population)
	seen             []seen
}

// seen is one published figure; of a difference if versus is set.
type seen struct {
	strategy, versus, outcome string
	value                     float64
	se                        float64 // 0 if not given
	scale                     float64 // from the unit of the model to that of the study; 0 for 1
	unit                      string
	calibrated, claim         bool
	note                      string
}

// share is a published share with its binomial standard error.
func share(strategy, outcome string, events, n float64, note string) seen {
	p := events / n
	return seen{strategy: strategy, outcome: outcome, value: p, se: math.Sqrt(p * (1 - p) / n), note: note}
}

func calibrated(s seen) seen { s.calibrated = true; return s }

// change is a mean change, with the standard error of two means that are taken as
// correlated by a half: SE = √((s₀² + s₁² − s₀·s₁)/n).
func change(strategy, outcome string, before, after, sd0, sd1, n float64, note string) seen {
	return seen{strategy: strategy, outcome: outcome, value: after - before, se: math.Sqrt((sd0*sd0 + sd1*sd1 - sd0*sd1) / n), note: note}
}

// odi reads a change of the Oswestry index (0-100) as ten times that of
// interference.
func odi(s seen) seen { s.scale, s.unit = 10, "ODI points (0-100)"; return s }

// vas is pain on 0-100.
func vas(s seen) seen { s.scale, s.unit = 10, "points (0-100)"; return s }

const asODI = "ODI/10 is read as interference"

// studies are the published figures the model is held against. Fairbank 2005 and
// Brox 2010 come first: they randomized patients to fusion or rehabilitation.
func studies() []study {
	out := []study{fairbank(), brox(), kamper()}
	out = append(out, swedish()...)
	out = append(out, compensationCohorts()...)
	out = append(out, programCohorts()...)
	return append(out, claims())
}

func fairbank() study {
	f, p := design.LumbarFusion, fourWeeks
	return study{
		id: "fairbank-2005", name: "Fusion or intensive rehabilitation, 2 years", source: "Fairbank 2005 (MRC trial), PMC558090; BMJ 330:1239",
		strategies: []string{p, f}, weeks: 104,
		population: func(x *design.Population) { x.Interference = design.Spread{Mean: 4.57, SD: 1.47} },
		seen: []seen{
			odi(change(f, "interference_change_horizon", 46.5, 34.0, 14.6, 21.1, 138, asODI+"; 284 of 349 seen at 2 years, taken as half of them")),
			odi(change(p, "interference_change_horizon", 44.8, 36.1, 14.8, 20.6, 146, asODI)),
			odi(seen{strategy: f, versus: p, outcome: "interference_change_horizon", value: -4.1, se: 8.0 / 2 / 1.96, note: "adjusted difference -4.1 (-8.1 to -0.1)"}),
			{strategy: f, outcome: "qaly", value: 1.004, se: 0.405 / math.Sqrt(176), note: "EQ-5D at the level of that trial's patients"},
			{strategy: p, outcome: "qaly", value: 0.936, se: 0.431 / math.Sqrt(173), note: "as above"},
			{strategy: f, versus: p, outcome: "qaly", value: 0.068, se: (0.156 + 0.020) / 2 / 1.96, note: "95 % interval -0.020 to 0.156"},
		},
	}
}

func brox() study {
	f, p := design.LumbarFusion, fourWeeks
	return study{
		id: "brox-2010", name: "Fusion or cognitive intervention and exercises, 4 years", source: "Brox 2010, PMC2938881, Table 2",
		strategies: []string{p, f}, weeks: 208,
		population: func(x *design.Population) {
			x.Pain = design.Spread{Mean: 6.35, SD: 1.35}
			x.Interference = design.Spread{Mean: 4.38, SD: 1.09}
			x.Work = design.Work{Full: 0.153, Off: 0.7, Disability: 0.147}
			x.WeeksOffWork = 100
		},
		seen: []seen{
			odi(change(f, "interference_change_horizon", 44.1, 29.7, 10.7, 20.5, 61, asODI)),
			odi(change(p, "interference_change_horizon", 43.4, 27.0, 11.1, 19.4, 50, asODI)),
			odi(calibrated(seen{strategy: f, versus: p, outcome: "interference_change_horizon", value: 1.1, se: 14.1 / 2 / 1.96, note: "adjusted difference 1.1 (-5.9 to 8.2)"})),
			vas(change(f, "pain_change_horizon", 62.8, 42.2, 14.5, 23.9, 61, "back pain")),
			vas(change(p, "pain_change_horizon", 64.2, 44.7, 12.5, 22.8, 50, "back pain")),
			vas(calibrated(seen{strategy: f, versus: p, outcome: "pain_change_horizon", value: -2.3, se: 17.3 / 2 / 1.96, note: "adjusted difference 2.3 (-6.4 to 10.9) in favor of fusion by the means"})),
			share(f, "working_horizon", 16, 61, "9 of 61 worked before; time off work and the split between sick leave and disability at entry are assumed"),
			share(p, "working_horizon", 17, 50, "8 of 50 worked before; as above"),
		},
	}
}

func kamper() study {
	return study{
		id: "kamper-2015", name: "Multidisciplinary rehabilitation against usual care, meta-analysis", source: "Kamper 2015, Cochrane CD000963.pub3 (recalled)",
		strategies: []string{design.UsualCare, fourWeeks}, weeks: 52,
		seen: []seen{
			calibrated(seen{strategy: fourWeeks, versus: design.UsualCare, outcome: "pain_12w", value: -1.1, se: 0.28, note: "SMD -0.55 (-0.83 to -0.28) times an SD of 2.0, which is assumed"}),
			calibrated(seen{strategy: fourWeeks, versus: design.UsualCare, outcome: "pain_horizon", value: -0.5, se: 0.2, note: "SMD -0.21 (-0.37 to -0.04), given as half a point"}),
		},
	}
}

// swedish are the work transitions of a national register: from each of four states
// before rehabilitation to the states one and two years later.
func swedish() []study {
	states := [4]string{"full", "modified", "off", "disability"}
	names := [4]string{"no sick leave", "partial sick leave", "full temporary sick leave", "full permanent sick leave"}
	first := [4][4]float64{{1925, 215, 302, 55}, {636, 727, 288, 34}, {952, 386, 734, 207}, {171, 53, 76, 536}}
	second := [4][4]float64{{2112, 159, 164, 62}, {903, 543, 188, 51}, {1328, 361, 365, 225}, {254, 91, 111, 380}}
	var out []study
	for from := range states {
		n := first[from][0] + first[from][1] + first[from][2] + first[from][3]
		x := study{
			id: "swedish-register-" + states[from], name: "Swedish register, " + names[from] + " before rehabilitation",
			source: "Rivano Fischer 2019, J Rehabil Med 51:281, Table II", strategies: []string{fourWeeks}, weeks: 104,
			population: func(p *design.Population) {
				work := [4]float64{}
				work[from] = 1
				p.Work = design.Work{Full: work[0], Modified: work[1], Off: work[2], Disability: work[3]}
			},
		}
		for to, state := range states {
			x.seen = append(x.seen,
				calibrated(share(fourWeeks, "work_"+state+"_52w", first[from][to], n, names[to]+" at 1 year; these transitions gave the rates")),
				share(fourWeeks, "work_"+state+"_horizon", second[from][to], n, names[to]+" at 2 years"))
		}
		out = append(out, x)
	}
	return out
}

// compensationCohorts are cohorts of lumbar fusion under workers' compensation.
func compensationCohorts() []study {
	f := design.LumbarFusion
	compensated := func(p *design.Population) {
		p.Compensation = 1
		p.Work = design.Work{Off: 1}
		p.WeeksOffWork = 60
	}
	return []study{
		{
			id: "juratli-2006", name: "Fusion under workers' compensation, Washington 1994-2001", source: "Juratli 2006, Spine 31:2715",
			strategies: []string{f}, weeks: 104, population: compensated,
			seen: []seen{
				share(f, "working_horizon", 704, 1950, "the complement of 63.9 % on disability, not a measured return to work"),
				calibrated(share(f, "reoperation", 431, 1950, "")),
				calibrated(share(f, "complication", 230, 1950, "other than reoperation")),
			},
		},
		{
			id: "franklin-1994", name: "Fusion under workers' compensation, Washington 1986-87", source: "Franklin 1994",
			strategies: []string{f}, weeks: 104, population: compensated,
			seen: []seen{
				share(f, "working_horizon", 124, 388, "the complement of 68 % on disability"),
				share(f, "reoperation", 89, 388, ""),
			},
		},
		{
			id: "nguyen-2011", name: "Fusion or no surgery under workers' compensation, Ohio", source: "Nguyen 2011, Spine 36:320",
			strategies: []string{design.UsualCare, f}, weeks: 104, population: compensated,
			seen: []seen{
				share(f, "working_horizon", 188, 725, "return within 2 years of the operation"),
				share(design.UsualCare, "working_horizon", 483, 725, "return within 2 years of the injury, while for fusion the clock begins at the operation: not a fair pair, and not the patients of this scenario"),
				share(f, "reoperation", 194, 725, ""),
			},
		},
		{
			id: "anderson-2016", name: "Fusion for spondylolisthesis under workers' compensation, Ohio", source: "Anderson 2016",
			strategies: []string{f}, weeks: 104, population: compensated,
			seen: []seen{share(f, "working_horizon", 205, 686, "within 2 years and for more than 6 months; the model counts those working at 2 years")},
		},
	}
}

// programCohorts are published cohorts of programs and one arm of usual care.
func programCohorts() []study {
	p := fourWeeks
	return []study{
		{
			id: "completion", name: "Completing a program", source: "Murphy 2021, PMC8599775; Townsend 2008", strategies: []string{p}, weeks: 12,
			seen: []seen{
				calibrated(share(p, "program_completed", 783, 931, "six programs of the VA")),
				share(p, "program_completed", 339, 373, "Mayo"),
			},
		},
		{
			id: "opioids-at-discharge", name: "Opioids at the end of a program", source: "Rome 2004; Mayo PRC; AJMC 2022;28(2)", strategies: []string{p}, weeks: 6,
			seen: []seen{
				calibrated(share(p, "off_opioids_completers", 132, 135, "Rome 2004, of those discharged; read two weeks after the planned end")),
				{strategy: p, outcome: "off_opioids_horizon", value: 1 - 7.0/57, note: "Mayo, 57 % to 7 % on daily opioids; of those on opioids at entry; the source may not count dropouts"},
				share(p, "off_opioids_completers", 98, 109, "AJMC 2022, of those who graduated"),
			},
		},
		{
			id: "opioids-at-1-year", name: "Opioids a year after a program", source: "Huffman 2013 (22.5 % resumed)", strategies: []string{p}, weeks: 56,
			seen: []seen{calibrated(seen{strategy: p, outcome: "off_opioids_completers", value: 0.978 * 0.775, se: math.Sqrt(0.775 * 0.225 / 120), note: "share off at discharge in Rome 2004 times share that did not resume; that sample had much addiction"})},
		},
		{
			id: "va-residential", name: "Residential program of veterans", source: "SF VA IPRP 2018 (n = 35)", strategies: []string{p}, weeks: 6,
			population: func(x *design.Population) { x.Pain = design.Spread{Mean: 6.4, SD: 1.94} },
			seen: []seen{
				change(p, "pain_change_horizon", 6.40, 5.76, 1.94, 1.69, 35, "usual pain; no control"),
				change(p, "mood_change_horizon", 14.29, 9.89, 6.23, 5.50, 35, "PHQ-9; no control"),
			},
		},
		{
			id: "ashar-2022", name: "Usual care of a trial", source: "Ashar 2022 (n = 50)", strategies: []string{design.UsualCare}, weeks: 52,
			population: func(x *design.Population) { x.Pain = design.Spread{Mean: 3.91, SD: 1.24} },
			seen:       []seen{calibrated(change(design.UsualCare, "pain_change_horizon", 3.91, 3.00, 1.24, 1.77, 50, "3.91 to 3.00 at 12 months"))},
		},
		{
			id: "eklund-2021", name: "EQ-5D before and after rehabilitation in primary care", source: "Eklund 2021 (n = 234)", strategies: []string{p}, weeks: 52,
			seen: []seen{
				{strategy: p, outcome: "utility_entry", value: 0.34, se: 0.32 / math.Sqrt(234), calibrated: true, note: "at entry; the size of the terms of interference and mood was chosen by it"},
				{strategy: p, outcome: "utility_horizon", value: 0.44, se: 0.32 / math.Sqrt(234), note: "at 1 year"},
			},
		},
	}
}

// claims are what the field says of itself. Nothing is fitted to them.
func claims() study {
	p, f := fourWeeks, design.LumbarFusion
	claim := func(strategy, outcome string, value float64, note string) seen {
		return seen{strategy: strategy, outcome: outcome, value: value, claim: true, note: note}
	}
	return study{
		id: "claims", name: "Claims of the field", source: "program literature", strategies: []string{p, f}, weeks: 104,
		population: func(x *design.Population) { x.Work = design.Work{Off: 1} },
		seen: []seen{
			claim(p, "pain_reduction_12w", 0.40, "40 % less pain on average; no source with a control shows it"),
			claim(p, "working_horizon", 0.50, "half back to work, of those off work; definitions and denominators differ"),
			claim(f, "working_horizon", 0.20, "20 % to 36 % after surgery: the lower end, found in no source"),
			claim(f, "working_horizon", 0.36, "20 % to 36 % after surgery: the upper end, the complement of a disability rate"),
		},
	}
}
