package cli

import (
	"math"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/simulate"
)

// A hazard ratio of 2 (1.25 to 3.2) is a log hazard of ln 2 = 0.693 with an error of
// ln(3.2/1.25)/(2·1.96) = 0.240; turned it is -0.693. Taken as it is written, it was a log
// hazard of 2, which is a ratio of 7.4. As a ratio it stays what it is, lognormal with its
// interval; turned it is 1/2 (1/3.2 to 1/1.25).
func TestEvidenceIsOnTheScaleOfItsParameter(t *testing.T) {
	hr := analysis.NewEstimate("hazard_ratio", analysis.ScaleRatio)
	hr.Value, hr.SE, hr.CI = 2, 0.5, analysis.Interval{Low: 1.25, High: 3.2, Level: 0.95}
	change := analysis.NewEstimate("change", analysis.ScaleDifference)
	change.Value, change.SE, change.Outcome = -1.5, 0.2, "pain"
	percent := analysis.NewEstimate("percent", analysis.ScalePercent)
	percent.Value, percent.SE = -30, 4
	share := analysis.NewEstimate("completed", analysis.ScaleProportion)
	share.Value, share.CI = 0.8, analysis.Interval{Low: 0.75, High: 0.85, Level: 0.95}
	var e estimates
	e.Estimates = []analysis.Estimate{hr, change, percent, share}
	e.Provenance.Origin = &datasets.Origin{Digest: strings.Repeat("0", 64)}
	for asked, want := range map[string]struct {
		family               simulate.Family
		value, se, low, high float64
	}{
		"work.program=hazard_ratio":              {simulate.Normal, math.Log(2), 0.2398022, 0, 0},
		"work.program=-hazard_ratio":             {simulate.Normal, -math.Log(2), 0.2398022, 0, 0},
		"mortality.opioid_under_90=hazard_ratio": {simulate.LogNormal, 2, 0, 1.25, 3.2},
		"mortality.mat=-hazard_ratio":            {simulate.LogNormal, 0.5, 0, 1 / 3.2, 0.8},
		"effect.pain=-change":                    {simulate.Normal, 1.5, 0.2, 0, 0},
		"care.completion=completed":              {simulate.Beta, 0.8, 0.0255107, 0, 0},
	} {
		set, err := asEvidence(asked, []datasets.Field{{Name: "pain", Instrument: "nrs"}}, e)
		if err != nil {
			t.Errorf("%s: %v", asked, err)
			continue
		}
		p := set.Parameters[0]
		if math.Abs(p.Value-want.value) > 1e-6 {
			t.Errorf("%s: %g, want %g", asked, p.Value, want.value)
		}
		if p.Distribution != want.family || (p.SE != nil) != (want.se > 0) || (p.Low != nil) != (want.low > 0) {
			t.Errorf("%s: %+v", asked, p)
			continue
		}
		if p.SE != nil {
			if math.Abs(*p.SE-want.se) > 1e-6 {
				t.Errorf("%s: error %g, want %g", asked, *p.SE, want.se)
			}
		} else if math.Abs(*p.Low-want.low) > 0.002 || math.Abs(*p.High-want.high) > 0.004 {
			// The interval of 1.25 to 3.2 is even about 2 on the log scale: 2²/1.25 = 3.2.
			t.Errorf("%s: %g to %g, want %g to %g", asked, *p.Low, *p.High, want.low, want.high)
		}
	}
	for _, asked := range []string{"work.program=change", "effect.pain=hazard_ratio", "effect.pain=percent", "care.completion=change", "effect.pain=completed", "mortality.mat=change"} {
		if set, err := asEvidence(asked, []datasets.Field{{Name: "pain", Instrument: "nrs"}}, e); err == nil {
			t.Errorf("%s is taken as %+v", asked, set.Parameters[0])
		}
	}
}

// An estimate is in its parameter's unit or is refused: a change of Oswestry's 0 to 100 was
// taken as one of pain on 0 to 10, points of pain as dollars, a mean as a standard
// deviation, odds as a hazard. Euros stay euros, with their price year.
func TestEvidenceIsInTheUnitOfItsParameter(t *testing.T) {
	zero, one, ten, hundred := 0.0, 1.0, 10.0, 100.0
	outcomes := []datasets.Field{
		{Name: "pain", Instrument: "nrs"},
		{Name: "vas", Constraints: datasets.Constraints{Minimum: &zero, Maximum: &hundred}},
		{Name: "own", Constraints: datasets.Constraints{Minimum: &zero, Maximum: &ten}},
		{Name: "odi", Instrument: "odi"},
		{Name: "phq9", Instrument: "phq9"},
		{Name: "gad7", Instrument: "gad7"},
		{Name: "eq", Constraints: datasets.Constraints{Minimum: &zero, Maximum: &one}},
	}
	estimate := func(term string, scale analysis.Scale, outcome, unit string) analysis.Estimate {
		x := analysis.NewEstimate(term, scale)
		x.Value, x.SE, x.CI = 1.5, 0.2, analysis.Interval{Low: 1.1, High: 2.1, Level: 0.95}
		x.Outcome, x.Unit = outcome, unit
		return x
	}
	for _, c := range []struct {
		parameter string
		x         analysis.Estimate
		unit      string // of the parameter; "" where it is refused
		year      int
	}{
		{"effect.pain", estimate("change", analysis.ScaleDifference, "pain", ""), "points (0-10)", 0},
		{"effect.pain", estimate("change", analysis.ScaleDifference, "own", "points"), "points (0-10)", 0},
		{"effect.pain", estimate("change", analysis.ScaleDifference, "vas", "mm"), "", 0},
		{"effect.pain", estimate("change", analysis.ScaleDifference, "odi", ""), "", 0},
		{"effect.mood", estimate("change", analysis.ScaleDifference, "phq9", ""), "PHQ-9 points", 0},
		{"effect.mood", estimate("change", analysis.ScaleDifference, "gad7", ""), "", 0},
		{"symptom.sd_pain", estimate("sd", analysis.ScaleSD, "pain", ""), "points (0-10)", 0},
		{"symptom.sd_pain", estimate("mean", analysis.ScaleMean, "pain", ""), "", 0},
		{"effect.pain", estimate("sd", analysis.ScaleSD, "pain", ""), "", 0},
		{"cost.visit", estimate("mean", analysis.ScaleMean, "cost", "USD"), "USD", 0},
		{"cost.visit", estimate("mean", analysis.ScaleMean, "cost", "EUR of 2024"), "EUR", 2024},
		{"cost.visit", estimate("change", analysis.ScaleDifference, "pain", ""), "", 0},
		{"cost.mat", estimate("mean", analysis.ScaleMean, "cost", "USD"), "", 0},
		{"cost.mat", estimate("mean", analysis.ScaleMean, "cost", "CHF/week"), "CHF per week", 0},
		{"cost.mat", estimate("mean", analysis.ScaleMean, "cost", "CHF per week"), "CHF per week", 0},
		{"effect.decay_half_life", estimate("mean", analysis.ScaleMean, "time", "days"), "", 0},
		{"effect.decay_half_life", estimate("mean", analysis.ScaleMean, "time", "weeks"), "weeks", 0},
		{"work.program", estimate("hazard_ratio", analysis.ScaleRatio, "", ""), "log hazard of a better state after a program", 0},
		{"work.program", estimate("odds_ratio_all", analysis.ScaleRatio, "", ""), "", 0},
		{"work.program", estimate("hazard_ratio of phq9", analysis.ScaleRatio, "", ""), "", 0},
		{"work.compensation", estimate("hazard_ratio of payer: workers-compensation", analysis.ScaleRatio, "", ""), "log hazard of a better state", 0},
		{"work.mood", estimate("hazard_ratio of phq9", analysis.ScaleRatio, "", ""), "log hazard of a better state per PHQ-9 point", 0},
		{"work.mood", estimate("hazard_ratio", analysis.ScaleRatio, "", ""), "", 0},
		{"flare.program", estimate("hazard_ratio", analysis.ScaleRatio, "", ""), "", 0},
		{"flare.program", estimate("odds_ratio_all", analysis.ScaleRatio, "", ""), "log odds at full program effect", 0},
	} {
		var e estimates
		e.Estimates = []analysis.Estimate{c.x}
		e.Provenance.Origin = &datasets.Origin{Digest: strings.Repeat("0", 64)}
		set, err := asEvidence(c.parameter+"="+c.x.Term, outcomes, e)
		what := c.parameter + " from " + c.x.Term + " of " + c.x.Outcome + " in " + c.x.Unit
		switch {
		case (err == nil) != (c.unit != ""):
			t.Errorf("%s: %v %+v", what, err, set)
		case err == nil && (set.Parameters[0].Unit != c.unit || set.Parameters[0].PriceYear != c.year):
			t.Errorf("%s: in %q of %d, want %q of %d", what, set.Parameters[0].Unit, set.Parameters[0].PriceYear, c.unit, c.year)
		case err == nil && strings.HasPrefix(c.parameter, "cost.") && set.Parameters[0].Value != 1.5:
			t.Errorf("%s: %g", what, set.Parameters[0].Value)
		}
	}
}
