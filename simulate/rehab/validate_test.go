package rehab

import (
	"context"
	"math"
	"os"
	"testing"

	"recoup/simulate"
)

// What went into the evidence must come out again: those figures lie within the
// interval of the draws. The others are predictions; they may miss, and Validate
// says so, but every one must be a number with an interval.
func TestValidate(t *testing.T) {
	draws, patients := 40, 200
	if os.Getenv("RECOUP_LONG") != "" {
		draws, patients = 100, 2000
	}
	v, err := Validate(context.Background(), evidenceWith(t, nil), draws, patients, simulate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range v {
		t.Logf("%-58s %-26s %-26s observed %7.3f predicted %7.3f (%.3f; %.3f to %.3f) inside %v calibrated %v", x.Study, x.Strategy, x.Outcome, x.Observed, x.Predicted, x.MCSE, x.Lower, x.Upper, x.Inside, x.Calibrated)
		if math.IsNaN(float64(x.Predicted)) || !(x.Lower <= x.Predicted && x.Predicted <= x.Upper) {
			t.Errorf("%s, %s: predicted %g (%g to %g)", x.Study, x.Outcome, x.Predicted, x.Lower, x.Upper)
		}
		if x.Calibrated && !x.Inside {
			t.Errorf("%s, %s: observed %g is outside %g to %g although it went into the evidence", x.Study, x.Outcome, x.Observed, x.Lower, x.Upper)
		}
	}
}
