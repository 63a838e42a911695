package describe

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// The analysis of variance sets of NIST: 9 digits of F up to the average level, and 4 at
// the higher one, whose values agree in 12 digits.
func TestNISTAnalysisOfVariance(t *testing.T) {
	files, err := filepath.Glob("../../../shared/refcases/nist/*.json")
	if err != nil || len(files) == 0 {
		t.Skip("SKIPPED: the NIST sets are absent from the shared folder beside the project")
	}
	seen := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s struct {
			Name, Kind, Level string
			Groups            [][]string
			Certified         map[string]json.RawMessage
		}
		if json.Unmarshal(b, &s) != nil || s.Kind != "anova_oneway" {
			continue
		}
		groups := make([][]float64, len(s.Groups))
		for i, g := range s.Groups {
			for _, v := range g {
				x, err := strconv.ParseFloat(v, 64)
				if err != nil {
					t.Fatal(err)
				}
				groups[i] = append(groups[i], x)
			}
		}
		var text string
		if err := json.Unmarshal(s.Certified["f"], &text); err != nil {
			t.Fatal(err)
		}
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		f, df, _ := oneway(groups)
		digits := -math.Log10(math.Abs(f-want) / want)
		need := 9.0
		if s.Level == "Higher" {
			need = 4
		}
		t.Logf("%s (%s): %.1f digits", s.Name, s.Level, digits)
		if digits < need || df != float64(len(groups)-1) {
			t.Errorf("%s: F to %.1f digits, want %v", s.Name, digits, need)
		}
		seen++
	}
	if seen < 9 {
		t.Errorf("%d sets, want at least 9", seen)
	}
}
