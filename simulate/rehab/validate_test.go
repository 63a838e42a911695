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
