package rehab

import (
	"context"
	"math"
	"os"
	"testing"

	"recoup/simulate"
)

// Predictions may miss, and Validate says so; but every one must be a number with a
// verdict, and claims of the field are never used for calibration.
func TestValidate(t *testing.T) {
	draws, patients := 24, 128
	if os.Getenv("RECOUP_LONG") != "" {
		draws, patients = 100, 2000
	}
	v, err := Validate(context.Background(), evidenceWith(t, nil), draws, patients, simulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range v {
		t.Logf("%-50s %-24s %-28s observed %7.3f predicted %7.3f (%.3f; %.3f to %.3f) z %5.2f %s %v", x.Study, x.Strategy, x.Outcome, x.Observed, x.Predicted, x.MCSE, x.Lower, x.Upper, x.Z, x.Verdict, x.Calibrated)
		if math.IsNaN(float64(x.Predicted)) || x.Verdict == "" {
			t.Errorf("%s, %s: predicted %g, verdict %q", x.Study, x.Outcome, x.Predicted, x.Verdict)
		}
		if x.Calibrated && x.Claim {
			t.Errorf("%s, %s: nothing may be fitted to a claim", x.Study, x.Outcome)
		}
	}
}

// By hand: with an observed SE of 3, a spread of draws of 4 and no Monte Carlo error
// the standard deviation is 5, so an error of 9 agrees (z = 1.8), if only within a
// wide interval (9/3 is over 1.96), and one of ±10 misses (z = 2); an error of 5
// agrees without the draws (5/3 = 1.67).
func TestVerdict(t *testing.T) {
	for miss, want := range map[float64]Verdict{9: AgreesWide, 10: TooHigh, -10: TooLow, 5: Agrees, -5: Agrees} {
		v := Validation{Observed: 100, Predicted: simulate.Num(100 + miss), SE: 3}
		if v.judge(4); v.Verdict != want || math.Abs(float64(v.Z)-miss/5) > 1e-12 {
			t.Errorf("an error of %g: z %g, %q; want %q", miss, v.Z, v.Verdict, want)
		}
	}
}

// A figure on another scale is compared on that scale: a change of −0.9 with an MCSE of
// 0.01 and a spread of 0.3 is −9, 0.1 and 3 ODI points; with an observed −15 ± 4 the error
// is 6 and z 6/√(4² + 0.1² + 3²).
func TestFiguresOnAnotherScale(t *testing.T) {
	e := simulate.Estimate{Outcome: "interference_change_horizon", Unit: "points (0-10)", Mean: -0.9, MCSE: 0.01, ParameterSD: 0.3, Lower: -1.5, Upper: -0.3}
	r := simulate.Result{Strategies: []simulate.Strategy{{Name: fourWeeks, Estimates: []simulate.Estimate{e}}}}
	v, err := beside(r, study{name: "x"}, odi(seen{strategy: fourWeeks, outcome: e.Outcome, value: -15, se: 4}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "predicted", v.Predicted, -9)
	equal(t, "MCSE", v.MCSE, 0.1)
	equal(t, "lower", v.Lower, -15)
	equal(t, "error", v.Error, 6)
	equal(t, "z", v.Z, 6/math.Sqrt(16+0.01+9))
	if v.Unit != "ODI points (0-100)" || v.Verdict != Agrees {
		t.Errorf("unit %q, verdict %q", v.Unit, v.Verdict)
	}
}

// An estimate of a cohort becomes evidence by what the parameter may be.
func TestCohortParameter(t *testing.T) {
	for name, want := range map[string]simulate.Family{"care.completion": simulate.Beta, "cost.visit": simulate.Gamma, "symptom.drift_pain": simulate.Normal} {
		p, err := CohortParameter(name, 0.8, 0.02, "our cohort", "")
		if err != nil || p.Distribution != want {
			t.Errorf("%s: %s (%v), want %s", name, p.Distribution, err, want)
		}
	}
	for name, x := range map[string][2]float64{"care.completion": {1.2, 0.1}, "cost.visit": {-3, 1}, "symptom.drift_pain": {1, 0}, "no.such": {1, 1}} {
		if _, err := CohortParameter(name, x[0], x[1], "s", ""); err == nil {
			t.Errorf("%s of %g (%g) is taken", name, x[0], x[1])
		}
	}
}
