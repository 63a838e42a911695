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
	change.Value, change.SE = -1.5, 0.2
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
		set, err := asEvidence(asked, e)
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
		if set, err := asEvidence(asked, e); err == nil {
			t.Errorf("%s is taken as %+v", asked, set.Parameters[0])
		}
	}
}
