package power_test

import (
	"errors"
	"math"
	"testing"

	"recoup/analysis"
	"recoup/analysis/analysistest"
	"recoup/analysis/power"
)

func needs(t *testing.T, set map[string]string) analysis.Result {
	t.Helper()
	r, err := power.BenchmarkTest.Run(t.Context(), analysis.Input{}, analysis.Question{}, set)
	if err != nil {
		t.Fatal(err)
	}
	analysistest.Conforms(t, power.BenchmarkTest, r)
	return r
}

func found(t *testing.T, r analysis.Result, term string, want, tol float64) {
	t.Helper()
	if got := float64(analysistest.Find(t, r, term, "").Value); !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: %.10g, want %.10g", term, got, want)
	}
}

// By hand, a benchmark that is known: n = (z_.975 + z_.8)² p (1-p)/margin² =
// 7.848879734 × 0.25/0.01 = 196.22. With se 0.02 the same sum leaves
// margin²/(z + z)² - se² = 0.01/7.848879734 - 0.0004 = 0.000874070 for p (1-p)/n, so
// n = 286.018; and no power passes Φ(0.1/0.02 - 1.959964) = Φ(3.040036) = 0.998817.
func TestBenchmarkByHand(t *testing.T) {
	known := needs(t, nil)
	found(t, known, "n_exact", 196.2219933, 1e-5)
	found(t, known, "n", 197, 0)
	found(t, known, "power_limit", 1, 0)
	own := needs(t, map[string]string{"se": "0.02", "dropout": "0.2"})
	n := 0.25 / (0.01/7.848879734 - 0.0004)
	found(t, own, "n_exact", n, 1e-5)
	found(t, own, "n_recruited", math.Ceil(math.Ceil(n)/0.8), 0)
	found(t, own, "power_limit", 0.998817, 1e-6)
	// Bounds of 1.96 standard errors say the same.
	bounds := needs(t, map[string]string{"low": "0.46080072031", "high": "0.53919927969"})
	found(t, bounds, "n_exact", n, 1e-4)
	// A mean with an SD of ½ is the same sum, and lower better turns the signs.
	mean := needs(t, map[string]string{"measure": "mean", "expected": "-1", "benchmark": "-1", "sd": "0.5", "better": "lower", "se": "0.02"})
	found(t, mean, "n_exact", n, 1e-5)
	// Power of a given number: its own inverse.
	given := needs(t, map[string]string{"se": "0.02", "patients": "286.0183"})
	found(t, given, "power", power.AgainstBenchmark(0.1, 0.5, 0.02, 287, 0.025), 1e-12)
}

// A benchmark more uncertain than the margin cannot be matched by any number.
func TestBenchmarkOutOfReach(t *testing.T) {
	r := needs(t, map[string]string{"low": "0.3", "high": "0.7", "bounds": "prediction"})
	if e := analysistest.Find(t, r, "n", ""); e.Value.OK() || len(e.Warnings) == 0 {
		t.Errorf("no number of patients reaches it: %+v", e)
	}
	if limit := analysistest.Find(t, r, "power_limit", ""); !(limit.Value < 0.2) {
		t.Errorf("power limit %v", limit.Value)
	}
	for name, set := range map[string]map[string]string{
		"worse":     {"expected": "0.3"},
		"one bound": {"low": "0.4"},
		"outside":   {"low": "0.6", "high": "0.7"},
		"share":     {"expected": "1.5"},
		"sd":        {"measure": "mean", "sd": "0"},
	} {
		if _, err := power.BenchmarkTest.Run(t.Context(), analysis.Input{}, analysis.Question{}, set); !errors.Is(err, analysis.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
