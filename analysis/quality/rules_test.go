package quality_test

import (
	"math"
	"reflect"
	"testing"

	"recoup/analysis"
	"recoup/analysis/quality"
)

// at charts values whose sigma and center are given: 1 and 0, so that a value is its z.
func at(t *testing.T, set string, values ...float64) quality.Chart {
	t.Helper()
	o, err := quality.DefaultChart.Rules(set)
	if err != nil {
		t.Fatal(err)
	}
	o.Better, o.Standard = quality.BetterHigher, &quality.Standard{Center: 0, Sigma: 1}
	var ps []quality.Period
	for _, v := range values {
		ps = append(ps, quality.Period{Mean: v, N: 5})
	}
	return chart(t, quality.KindXmR, ps, o)
}

func spans(c quality.Chart, rule string) [][2]int {
	var out [][2]int
	for _, s := range rules(c)[rule] {
		out = append(out, [2]int{s.From, s.To})
	}
	return out
}

// Each rule of Nelson just met, and just missed, by hand.
func TestNelsonByHand(t *testing.T) {
	turns := []float64{0.5, -0.5, 0.5, -0.5, 0.5, -0.5, 0.5, -0.5, 0.5, -0.5, 0.5, -0.5, 0.5, -0.5}
	for _, c := range []struct {
		rule   string
		values []float64
		want   [][2]int
	}{
		{quality.RuleOutside, []float64{0, 3.001, 0}, [][2]int{{1, 1}}},
		{quality.RuleOutside, []float64{0, 3, -3}, nil}, // on the limit is inside
		{quality.RuleRun, []float64{1.5, 0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1, 0.2, -1}, [][2]int{{0, 8}}},
		{quality.RuleRun, []float64{0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1, 0.2, -1}, nil},
		{quality.RuleTrend, []float64{-1.2, -0.9, -0.1, 0.2, 0.4, 0.8, 0.1}, [][2]int{{0, 5}}},
		{quality.RuleTrend, []float64{-1.2, -0.9, -0.1, 0.2, 0.4, 0.1}, nil},
		{quality.RuleAlternating, turns, [][2]int{{0, 13}}},
		{quality.RuleAlternating, turns[:13], nil},
		{quality.RuleTwoOfThree, []float64{2.1, 0, 2.5}, [][2]int{{0, 2}}},
		{quality.RuleTwoOfThree, []float64{2.1, 0, -2.5}, nil}, // not on one side
		{quality.RuleTwoOfThree, []float64{2, 0, 2}, nil},      // on two sigma is not beyond
		{quality.RuleFourOfFive, []float64{1.1, 1.2, -1, 1.1, 1.2}, [][2]int{{0, 4}}},
		{quality.RuleFourOfFive, []float64{1.1, 1.2, -1, 1.1, 0.9}, nil},
		{quality.RuleWithin, append(append([]float64{}, turns...), 0.5), [][2]int{{0, 14}}},
		{quality.RuleWithin, append(append([]float64{}, turns...), 1), nil},
		{quality.RuleBeyond, []float64{1.1, -1.2, 1.1, -1.2, 1.1, -1.2, 1.1, -1.2}, [][2]int{{0, 7}}},
		{quality.RuleBeyond, []float64{1.1, -1.2, 1.1, -1.2, 1.1, -1.2, 1.1, -0.9}, nil},
		{quality.RuleBeyond, []float64{1.1, 1.2, 1.1, 1.2, 1.1, 1.2, 1.1, 1.2}, nil}, // one side alone is a run
	} {
		if got := spans(at(t, quality.RulesNelson, c.values...), c.rule); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s of %v: %v, want %v", c.rule, c.values, got, c.want)
		}
	}
	// Western Electric has a run of eight and no trend, making-data-count seven and six.
	eight := []float64{0.1, 0.2, 0.1, 0.2, 0.1, 0.2, 0.1, 0.2}
	if got := spans(at(t, quality.RulesWesternElectric, eight...), quality.RuleRun); len(got) != 1 {
		t.Errorf("a run of eight: %v", got)
	}
	if got := spans(at(t, quality.RulesWesternElectric, eight[:7]...), quality.RuleRun); got != nil {
		t.Errorf("a run of seven: %v", got)
	}
	if got := spans(at(t, quality.RulesData, eight[:7]...), quality.RuleRun); len(got) != 1 {
		t.Errorf("a run of seven: %v", got)
	}
	if got := at(t, quality.RulesShewhart, eight...); len(got.Signals) != 0 {
		t.Errorf("shewhart: %+v", got.Signals)
	}
}

// A gap ends every pattern, and so does the end of a phase.
func TestGapsAndPhasesEndPatterns(t *testing.T) {
	nan := math.NaN()
	broken := []float64{0.1, 0.2, 0.1, 0.2, nan, 0.1, 0.2, 0.1, 0.2, 0.1}
	if got := at(t, quality.RulesNelson, broken...); len(got.Signals) != 0 {
		t.Errorf("across a gap: %+v", got.Signals)
	}
	if got := spans(at(t, quality.RulesData, 2.1, nan, 2.1, 0, 0, 0, 0, 0), quality.RuleTwoOfThree); got != nil {
		t.Errorf("two of three across a gap: %v", got)
	}
	// Ten of about 1 and ten of about 5: rebased, no run is left but those that each
	// phase has by itself, none.
	var ps []quality.Period
	for i := range 20 {
		v := 1 + 0.1*float64(i%2)
		if i >= 10 {
			v += 4
		}
		ps = append(ps, quality.Period{Label: string(rune('a' + i)), Mean: v, N: 3})
	}
	o := quality.DefaultChart
	o.Better = quality.BetterLower
	whole := chart(t, quality.KindXmR, ps, o)
	if len(rules(whole)[quality.RuleRun]) != 2 {
		t.Errorf("one phase: %+v", whole.Signals)
	}
	o.Rebases = []quality.Rebase{{At: "k", By: "A", On: "2025-01-01", Why: "moved"}}
	parts := chart(t, quality.KindXmR, ps, o)
	if len(parts.Signals) != 0 || len(parts.Phases) != 2 || parts.Phases[1].Rebase.Why != "moved" {
		t.Errorf("two phases: %+v %+v", parts.Signals, parts.Phases)
	}
	near(t, "first center", parts.Points[0].Center, 1.05, 1e-12)
	near(t, "second center", parts.Points[19].Center, 5.05, 1e-12)
	// Limits from the first ten points judge the later ten.
	o.Rebases, o.Baseline = nil, 10
	frozen := chart(t, quality.KindXmR, ps, o)
	near(t, "frozen center", frozen.Points[19].Center, 1.05, 1e-12)
	if got := len(rules(frozen)[quality.RuleOutside]); got != 10 {
		t.Errorf("%d points outside the first ten's limits, want 10", got)
	}
	// A phase of three has no limits, and says so; the other keeps its own.
	o.Baseline, o.Rebases = 0, []quality.Rebase{{At: "r", By: "A", On: "2025-01-01", Why: "moved"}}
	short := chart(t, quality.KindXmR, ps, o)
	if short.Points[19].High.OK() || !short.Points[0].High.OK() || short.Center.OK() || len(short.Warnings) == 0 {
		t.Errorf("a short phase: %+v", short.Warnings)
	}
}

// A rule that needs more points than there are cannot signal, and the chart says so.
func TestRulesTooLong(t *testing.T) {
	c := at(t, quality.RulesNelson, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1)
	if len(c.Warnings) != 1 || c.Warnings[0].Code != quality.WarnShortSeries {
		t.Errorf("ten points, rules of 14 and 15: %+v", c.Warnings)
	}
}

// The two words by hand: limits -3 to 3 about 0, higher is better.
func TestSummary(t *testing.T) {
	c := at(t, quality.RulesShewhart, 0, 1, 0, 4)
	for target, want := range map[float64]string{-3.5: quality.AssurancePassing, -3: quality.AssuranceEither, 3.5: quality.AssuranceFailing, 0: quality.AssuranceEither, 3: quality.AssuranceEither} {
		if got := c.Summarise(target, quality.BetterHigher); got.Assurance != want || got.Variation != string(quality.Improvement) || !got.Higher {
			t.Errorf("target %g: %+v, want %s", target, got, want)
		}
	}
	if got := c.Summarise(-3.5, quality.BetterLower); got.Assurance != quality.AssuranceFailing {
		t.Errorf("lower is better: %+v", got)
	}
	if got := c.Summarise(math.NaN(), quality.BetterHigher); got.Assurance != quality.AssuranceNoTarget {
		t.Errorf("no target: %+v", got)
	}
	past := at(t, quality.RulesShewhart, 4, 1, 0, 1)
	if got := past.Summarise(0, quality.BetterHigher); got.Variation != quality.VariationCommon {
		t.Errorf("a signal that has ended is past: %+v", got)
	}
	gap := at(t, quality.RulesShewhart, 0, 1, math.NaN())
	if got := gap.Summarise(0, quality.BetterHigher); got.Variation != quality.VariationUnknown || got.Assurance != quality.AssuranceEither {
		t.Errorf("no value at the last point: %+v", got)
	}
	var empty quality.Chart
	if got := empty.Summarise(0, quality.BetterHigher); got.Variation != quality.VariationUnknown {
		t.Errorf("no points: %+v", got)
	}
}

// Sick series: subgroups of one, no exposure, no events, one period.
func TestSickSeries(t *testing.T) {
	o := quality.DefaultChart
	ones, none, bare := make([]quality.Period, 9), make([]quality.Period, 9), make([]quality.Period, 9)
	for i := range ones {
		ones[i] = quality.Period{N: 1, Mean: float64(i % 3), SD: math.NaN()}
		none[i] = quality.Period{N: 20, SD: math.NaN(), Mean: math.NaN()}
	}
	for kind, ps := range map[string][]quality.Period{
		quality.KindXBar: ones, quality.KindS: ones, quality.KindP: none, quality.KindNP: none, quality.KindU: none, quality.KindC: none, quality.KindUPrime: bare, quality.KindG: none, quality.KindT: none,
	} {
		c := chart(t, kind, ps, o)
		if c.Points[0].High.OK() || len(c.Warnings) == 0 || len(c.Signals) > 0 {
			t.Errorf("%s: %+v %+v", kind, c.Warnings, c.Points[0])
		}
	}
	zeros := make([]quality.Period, 9)
	for _, kind := range []string{quality.KindG, quality.KindT} {
		o.Limits = quality.LimitsProbability
		if c := chart(t, kind, zeros, o); c.Points[0].High.OK() || c.Warnings[0].Code != analysis.WarnNoVariance {
			t.Errorf("%s of zeros: %+v", kind, c.Warnings)
		}
	}
	for _, kind := range []string{quality.KindXmR, quality.KindP, quality.KindXBar} {
		if c := chart(t, kind, none[:1], o); c.Points[0].High.OK() || len(c.Warnings) == 0 {
			t.Errorf("%s of one period: %+v", kind, c)
		}
	}
	// One subgroup of one among others keeps its mean, with limits by its size.
	mixed := []quality.Period{{N: 1, Mean: 5, SD: math.NaN()}}
	for i := range 9 {
		mixed = append(mixed, quality.Period{N: 4, Mean: 5 + 0.1*float64(i%2), SD: 2})
	}
	x, s := chart(t, quality.KindXBar, mixed, quality.DefaultChart), chart(t, quality.KindS, mixed, quality.DefaultChart)
	near(t, "limits of one patient", x.Points[0].High-x.Points[0].Center, 2*float64(x.Points[1].High-x.Points[1].Center), 1e-12)
	if s.Points[0].Value.OK() || !s.Points[1].High.OK() {
		t.Errorf("a subgroup of one has no SD: %+v", s.Points[0])
	}
}

// What does not depend on where the scale begins, or on its unit.
func TestChartRelations(t *testing.T) {
	base := []float64{3, 5, 4, 6, 2, 5, 4, 3, 6, 5, 20, 4}
	of := func(shift, scale float64) quality.Chart {
		var ps []quality.Period
		for _, v := range base {
			ps = append(ps, quality.Period{Mean: shift + scale*v, N: 2})
		}
		o, _ := quality.DefaultChart.Rules(quality.RulesNelson)
		return chart(t, quality.KindXmR, ps, o)
	}
	plain, moved, scaled := of(0, 1), of(1e10, 1), of(0, -7)
	for i := range base {
		near(t, "z of shifted values", moved.Points[i].Z, float64(plain.Points[i].Z), 1e-5)
		near(t, "z of scaled values", scaled.Points[i].Z, -float64(plain.Points[i].Z), 1e-12)
	}
	if len(plain.Signals) == 0 || len(plain.Signals) != len(moved.Signals) || len(plain.Signals) != len(scaled.Signals) {
		t.Errorf("signals: %v %v %v", plain.Signals, moved.Signals, scaled.Signals)
	}
}
