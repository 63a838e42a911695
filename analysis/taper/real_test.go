package taper_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/taper"
	"recoup/datasets/open"
)

// Daily doses of trial 30, buprenorphine in milligrams for opioid use disorder, 868
// patients of whom 577 have a known dose on half of days 0 to 27. Numbers were counted
// apart in Python. What asks about MME, a year before, discharge or days without
// opioids is refused by name: these data have none.
func TestRealDailyDoses(t *testing.T) {
	if _, err := os.Stat("../../../shared/data/ctn0094"); err != nil {
		t.Skip("SKIPPED: the real data ctn0094 are absent from the shared folder beside the project")
	}
	c, err := open.Cohort(t.Context(), "../../datasets/testdata/ctn0094.yaml", open.Options{Where: "project = 30"})
	if err != nil {
		t.Fatal(err)
	}
	in := analysis.Input{Cohort: c}
	set := func(more ...string) map[string]string {
		out := map[string]string{"unit": "as-recorded", "baseline": "0:27"}
		for _, s := range more {
			k, v, _ := strings.Cut(s, "=")
			out[k] = v
		}
		return out
	}
	v := run(t, taper.VelocityAnalysis, in, analysis.Question{}, set("days=0:139"))
	near(t, "mean slope", analysistest.Find(t, v, "slope_linear_mean", "all").Value, -26.4416682387448, 1e-9)
	near(t, "median slope", analysistest.Find(t, v, "slope_linear_median", "all").Value, -2.8462786979539327, 1e-9)
	for _, said := range []string{"opioid use disorder", "which drug", "after day 0", "Unknown is not stopped"} {
		if !warned(v, said) {
			t.Errorf("no warning says %q", said)
		}
	}

	own, shared := 0, run(t, taper.DoseByWeek, in, analysis.Question{}, map[string]string{"to": "20", "listing": "true"})
	for _, s := range shared.Series {
		if s.Local {
			own++
		}
	}
	if left := shared.Shared().Series; own == 0 || len(left) != len(shared.Series)-own || len(left) != 5 {
		t.Errorf("%d curves of patients, %d series shared", own, len(left))
	}

	h := run(t, taper.TimeAnalysis, in, analysis.Question{Definition: "half-first"}, set("method=kaplan-meier"))
	if e := analysistest.Find(t, h, "half_first_median", "all"); e.N.Arm != 577 || e.N.Events != 561 {
		t.Errorf("half the dose: %+v, want 561 of 577", e.N)
	}
	z := run(t, taper.TimeAnalysis, in, analysis.Question{Definition: "stopped-30"}, set())
	if e := analysistest.Find(t, z, "stopped_30_median", "all"); e.N.Events != 0 || e.Value.OK() {
		t.Errorf("the records of these patients end, and none is known to have stopped: %+v", e)
	}
	d := run(t, taper.DefinitionsAnalysis, in, analysis.Question{}, set("window=112:139"))
	if e := analysistest.Find(t, d, "registry_50_known", "all"); e.N != (analysis.N{Arm: 290, Missing: 287, Events: 13}) {
		t.Errorf("registry's rule: %+v, want 13 of 290 known of 577", e.N)
	}
	g := run(t, taper.TrajectoriesAnalysis, in, analysis.Question{}, set("days=0:139", "period=28", "groups=3"))
	if e := analysistest.Find(t, g, "group_share", "all"); e.N.Missing+e.N.Arm != 577 {
		t.Errorf("trajectories of %+v", e.N)
	}

	for _, k := range []struct {
		a          *analysis.Analysis
		definition string
		set        map[string]string
		why        string
	}{
		{taper.DefinitionsAnalysis, "fenton-15", set(), "threshold in MME"},
		{taper.DefinitionsAnalysis, "fenton-30", set(), "threshold in MME"},
		{taper.DefinitionsAnalysis, "rapid-taper", set(), "threshold in MME"},
		{taper.DefinitionsAnalysis, "neprash-stopped", set(), "four quarters"},
		{taper.DefinitionsAnalysis, "neprash-abrupt", set(), "neprash-stopped"},
		{taper.DefinitionsAnalysis, "bao-stopped", set(), "unknown is not stopped"},
		{taper.DefinitionsAnalysis, "off-at-discharge", set(), "no discharge status"},
		{taper.DefinitionsAnalysis, "resumed-12-months", set(), "no discharge status"},
		{taper.DefinitionsAnalysis, "registry-50-over-40", set(), "threshold in MME"},
		{taper.VelocityAnalysis, "", map[string]string{"unit": "as-recorded"}, "no patient has a known dose"},
		{taper.TimeAnalysis, "", map[string]string{"unit": "as-recorded"}, "no patient has a known dose"},
		{taper.TrajectoriesAnalysis, "", map[string]string{"unit": "as-recorded"}, "no patient has a known dose"},
		{taper.DefinitionsAnalysis, "", nil, "never converted"},
		{taper.VelocityAnalysis, "", nil, "never converted"},
		{taper.TimeAnalysis, "", nil, "never converted"},
		{taper.TrajectoriesAnalysis, "", nil, "never converted"},
		{taper.SafetyAnalysis, "", nil, "never converted"},
		{taper.Reduction, "", nil, "never converted"},
	} {
		_, err := k.a.Run(t.Context(), in, analysis.Question{Definition: k.definition}, k.set)
		if !errors.Is(err, analysis.ErrCannot) || !strings.Contains(err.Error(), k.why) || !strings.Contains(err.Error(), k.a.Name) || !strings.Contains(err.Error(), k.definition) {
			t.Errorf("%s %s: %v, want why: %s", k.a.Name, k.definition, err, k.why)
		}
	}
}

func warned(r analysis.Result, said string) bool {
	for _, w := range r.Warnings {
		if strings.Contains(w.Message, said) {
			return true
		}
	}
	return false
}
