package cli

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"recoup/analysis"
	"recoup/simulate"
)

// The analyses find in a simulated cohort what the model gives for all its patients
// under every strategy: mean change of pain, shares at work and dose, within 4 standard
// errors of the two together. The 9 checks fail falsely about once in 1,800 seeds.
func TestAnalysesRecoverTheSimulation(t *testing.T) {
	t.Chdir(t.TempDir())
	scenario, _, _ := run(t, "simulate", "init")
	plant(t, "s.yaml", strings.Replace(scenario, "horizon_weeks: 104", "horizon_weeks: 40", 1))
	if _, errs, code := run(t, "simulate", "cohort", "s.yaml", "--patients", "2400", "-o", "made"); code != 0 {
		t.Fatal(errs)
	}
	b, err := os.ReadFile("made/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var truth simulate.Result
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	for _, s := range truth.Strategies {
		of := map[string]simulate.Estimate{}
		for _, e := range s.Estimates {
			of[e.Outcome] = e
		}
		check := func(what string, got, se float64, e simulate.Estimate) {
			t.Helper()
			if d := math.Abs(got - float64(e.Mean)); !(d <= 4*math.Hypot(se, float64(e.MCSE))) {
				t.Errorf("%s, %s: %.4f (%.4f) in the cohort, %.4f (%.4f) in truth", s.Name, what, got, se, e.Mean, e.MCSE)
			}
		}
		estimates := func(name string, args ...string) map[string]analysis.Row {
			return estimatesByTerm(t, append([]string{"analyze", "run", "made/cohort.yaml", name, "--arm", s.Name, "--json"}, args...)...)
		}
		x := estimates("effect/mean-change", "--outcome", "pain", "--visit", "week26")["change"]
		check("pain", float64(x.Estimate), float64(x.StdError), of["pain_change_26w"])
		rows := estimates("work/transitions", "--visit", "week26")
		p := float64(rows["after full duty"].Estimate + rows["after modified duty"].Estimate)
		check("work", p, math.Sqrt(p*(1-p)/float64(rows["after full duty"].NArm)), of["working_26w"])
		// The dose of week 26 is that of the seven days from day 182 on.
		x = estimates("taper/reduction", "--set", "windows=182:188")["mme_mean"]
		check("dose", float64(x.Estimate), float64(x.ConfHigh-x.ConfLow)/3.92, of["dose_26w"])
	}
	if _, errs, code := run(t, "simulate", "cohort", "s.yaml", "--patients", "300", "--workers", "1", "-o", "one"); code != 0 {
		t.Fatal(errs)
	}
	if _, errs, code := run(t, "simulate", "cohort", "s.yaml", "--patients", "300", "--workers", "3", "-o", "three"); code != 0 {
		t.Fatal(errs)
	}
	one, err := os.ReadFile("one/" + manifest)
	if err != nil {
		t.Fatal(err)
	}
	if three, err := os.ReadFile("three/" + manifest); err != nil || string(one) != string(three) {
		t.Error("three workers write other bytes than one")
	}
}

// estimatesByTerm runs an analysis and returns its rows by term.
func estimatesByTerm(t *testing.T, args ...string) map[string]analysis.Row {
	t.Helper()
	out, errs, code := run(t, args...)
	if code != 0 {
		t.Fatal(errs)
	}
	var r struct{ Estimates []analysis.Row }
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	rows := map[string]analysis.Row{}
	for _, x := range r.Estimates {
		rows[x.Term] = x
	}
	return rows
}
