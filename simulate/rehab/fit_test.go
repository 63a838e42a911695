package rehab

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// Figures made by the model with other values of three parameters, by other patients,
// give those values back from the default ones: within 4.5 standard errors each (a
// false failure about once in 50,000 seeds), by both methods.
func TestCalibrationRecoversTheTruth(t *testing.T) {
	truth := map[string]float64{"effect.pain": 1.8, "symptom.drift_pain": 0.4, "taper.resumption_12m": 0.45}
	s := scenario(t, 4000)
	s.Seed = 77
	s.Strategies, s.HorizonWeeks = []string{design.UsualCare, program}, 27
	made := run(t, s, evidenceWith(t, truth), 2)
	c := Calibration{Name: "test", Parameters: []string{"effect.pain", "symptom.drift_pain", "taper.resumption_12m"}, Patients: 800}
	for _, x := range []struct{ strategy, outcome string }{
		{design.UsualCare, "pain_change_26w"}, {program, "pain_change_12w"}, {program, "pain_change_26w"}, {program, "off_opioids_26w"},
	} {
		e := estimate(t, made, x.strategy, x.outcome)
		c.Targets = append(c.Targets, Target{Strategy: x.strategy, Outcome: x.outcome, Value: float64(e.Mean), SE: float64(e.MCSE)})
	}
	s.Seed = 5
	for _, c.Method = range []string{"gauss-newton", "nelder-mead"} {
		if c.Method == "nelder-mead" && os.Getenv("RECOUP_LONG") == "" {
			continue
		}
		f, err := Calibrate(context.Background(), c, s, evidenceWith(t, nil), simulate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range f.Parameters {
			if math.Abs(float64(p.Value)-truth[p.Name]) > 4.5*float64(p.SE) || !(p.Lower < p.Value && p.Value < p.Upper) {
				t.Errorf("%s: %s is %.4f (%.4f; %.4f to %.4f), the truth is %g", c.Method, p.Name, p.Value, p.SE, p.Lower, p.Upper, truth[p.Name])
			}
			t.Logf("%s: %s %.4f (%.4f), truth %g, %d evaluations, chi-square %.2f on %d", c.Method, p.Name, p.Value, p.SE, truth[p.Name], f.Evaluations, f.ChiSquare, f.DF)
		}
		for _, x := range f.Targets {
			if math.Abs(float64(x.Z)) > 4 {
				t.Errorf("%s: %s of %s ends at z = %.2f", c.Method, x.Outcome, x.Strategy, x.Z)
			}
		}
		if err := f.Evidence.Check(); err != nil {
			t.Error(err)
		}
		if _, err := evidenceWith(t, nil).Override(f.Evidence); err != nil {
			t.Error(err)
		}
	}
}

func TestCalibrationRefuses(t *testing.T) {
	s := scenario(t, 100)
	s.Strategies, s.HorizonWeeks = []string{design.UsualCare}, 13
	pain := Target{Strategy: design.UsualCare, Outcome: "pain_horizon", Value: 6, SE: 0.1}
	base := Calibration{Name: "x", Parameters: []string{"symptom.drift_pain"}, Targets: []Target{pain}, Method: "gauss-newton", Patients: 200}
	for want, change := range map[string]func(*Calibration){
		"no target depends on fusion.complication": func(c *Calibration) { c.Parameters = []string{"fusion.complication"} },
		"cannot be told apart by 1 targets":        func(c *Calibration) { c.Parameters = append(c.Parameters, "symptom.drift_half_life") },
		"the end of what the parameter may be":     func(c *Calibration) { c.Parameters = []string{"work.modified_disability"} },
		"no outcome mood of usual-care":            func(c *Calibration) { c.Targets[0].Outcome = "mood" },
	} {
		c := base
		c.Parameters, c.Targets = []string{"symptom.drift_pain"}, []Target{pain}
		change(&c)
		_, err := Calibrate(context.Background(), c, s, evidenceWith(t, nil), simulate.Options{})
		if err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "is not an outcome") {
			t.Errorf("error %v, want one with %q", err, want)
		}
		if want != "no outcome mood of usual-care" && !errors.Is(err, ErrCalibration) {
			t.Errorf("%v is not ErrCalibration", err)
		}
	}
	if _, err := ParseCalibration("c.yaml", []byte("name: c\nparameters: [no.such]\ntargets: [{study: nobody-2001}, {strategy: usual-care, outcome: pain_horizon, value: 1}]\nmethod: guess\n")); err == nil ||
		strings.Count(err.Error(), "\n") != 3 || !strings.Contains(err.Error(), "c.yaml:2:14: parameters[0]") || !strings.Contains(err.Error(), "targets[1].se") {
		t.Errorf("error %v, want four problems with their places", err)
	}
}

// A world where pain moves one for one with the drift, and with the effect of a program
// that is whole after its first week: half-lives and half doses of 0.
func straight(t *testing.T, s *design.Scenario) evidence.Set {
	t.Helper()
	ev := with(still(t, s), map[string]float64{"symptom.drift_half_life": 0, "effect.half_dose_hours": 0, "effect.decay_half_life": 1e6})
	for i := range ev.Parameters {
		p, se := &ev.Parameters[i], 0.1
		switch p.Name {
		case "symptom.drift_pain":
			p.Value, p.Distribution, p.SE = 0.5, simulate.Normal, &se
		case "symptom.drift_half_life", "effect.half_dose_hours", "effect.decay_half_life":
			p.Distribution, p.SE = simulate.Fixed, nil
		case "effect.pain":
			p.Value, p.Distribution, p.SE, p.Low, p.High = 1, simulate.Normal, &se, nil, nil
		}
	}
	return ev
}

// By hand: one parameter with prior, one target. Least squares weigh the prior 0.5 ± 0.1
// and the target 1.0 ± 0.1 alike: 0.75, with a standard error of 0.1/√2. The posterior is
// the same, and the evidence of the target is the density of 1.0 under N(0.5, 0.02), up to
// √(2π). The sampled mean within 4.5 of its errors.
func TestCalibrationWithPriorByHand(t *testing.T) {
	s := scenario(t, 50)
	s.HorizonWeeks, s.Strategies = 4, []string{design.UsualCare}
	ev := straight(t, &s)
	c := Calibration{
		Name: "prior", Parameters: []string{"symptom.drift_pain"}, Method: "gauss-newton", Patients: 100, Prior: true,
		Targets: []Target{{Strategy: design.UsualCare, Outcome: "pain_change_horizon", Value: -1, SE: 0.1}},
	}
	f, err := Calibrate(context.Background(), c, s, ev, simulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The spread of the prior is half of 16 % to 84 %, 0.0994 instead of 0.1.
	if p := f.Parameters[0]; math.Abs(float64(p.Value)-0.75) > 0.003 || math.Abs(float64(p.SE)-0.1/math.Sqrt2) > 0.001 {
		t.Errorf("fitted %.4f (%.4f), want 0.75 (0.0707)", p.Value, p.SE)
	}
	c.Method, c.Samples = "imis", 100
	if f, err = Calibrate(context.Background(), c, s, ev, simulate.Options{}); err != nil {
		t.Fatal(err)
	}
	p, of := f.Parameters[0], math.Sqrt(float64(f.Posterior.Effective))
	if !f.Converged || math.Abs(float64(p.Value)-0.749) > 4.5*0.0707/of+0.003 || math.Abs(float64(p.SE)-0.0705) > 0.006 ||
		math.Abs(float64(p.Lower)-0.61) > 0.02 || math.Abs(float64(p.Upper)-0.887) > 0.02 {
		t.Errorf("posterior %.4f (%.4f; %.3f to %.3f), want 0.749 (0.0705; 0.611 to 0.887); converged %v", p.Value, p.SE, p.Lower, p.Upper, f.Converged)
	}
	v := 0.1*0.1 + 0.0994*0.0994
	if want := -0.5*0.25/v - math.Log(math.Sqrt(v)); math.Abs(float64(f.Posterior.LogEvidence)-want) > 0.15 {
		t.Errorf("log evidence %.3f, want %.3f", f.Posterior.LogEvidence, want)
	}
	mean := 0.0
	for _, row := range f.Posterior.Draws {
		mean += float64(row[0]) / posteriorDraws
	}
	if len(f.Posterior.Draws) != posteriorDraws || math.Abs(mean-float64(p.Value)) > 0.002 {
		t.Errorf("%d draws of mean %.4f, want %d of %.4f", len(f.Posterior.Draws), mean, posteriorDraws, p.Value)
	}
}

// By hand: of two parameters with the same spread s only the sum is seen, with error
// τ = s/2. Their errors then have the correlation −s²/(s² + τ²) = −0.8, by least squares
// with the priors and by sampling; and draws from the evidence have it too.
func TestCalibrationOfASumByHand(t *testing.T) {
	s := scenario(t, 50)
	s.HorizonWeeks, s.Strategies = 4, []string{program}
	ev := straight(t, &s)
	c := Calibration{
		Name: "sum", Parameters: []string{"symptom.drift_pain", "effect.pain"}, Patients: 100, Prior: true, Samples: 60,
		Targets: []Target{{Strategy: program, Outcome: "pain_change_horizon", Value: -1.5, SE: 0.0497}},
	}
	for method, tolerance := range map[string]float64{"gauss-newton": 0.002, "imis": 0.1} {
		c.Method = method
		f, err := Calibrate(context.Background(), c, s, ev, simulate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r := float64(f.Correlation[0][1]); math.Abs(r+0.8) > tolerance {
			t.Errorf("%s: correlation %.3f, want -0.8", method, r)
		}
		fitted, err := ev.Override(f.Evidence)
		if err != nil {
			t.Fatal(err)
		}
		s.Draws = 400
		drawn, err := Sampled(s, fitted, s.Draws)
		if err != nil {
			t.Fatal(err)
		}
		names := fitted.Names()
		x, y := drawn[slices.Index(names, "symptom.drift_pain")], drawn[slices.Index(names, "effect.pain")]
		if r := stat.Correlation(x, y, nil); math.Abs(r+0.8) > 0.15 {
			t.Errorf("%s: draws from the evidence have the correlation %.3f, want -0.8", method, r)
		}
		s.Draws = 0
	}
}
