package cli

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"recoup/analysis"
	"recoup/analysis/catalog"
	"recoup/datasets"
	"recoup/datasets/open"
	"recoup/datasets/synthetic"
)

// A narrow analysis gives the same estimates, warnings and exclusions from the part
// of a cohort that it is given as from the whole.
func TestNarrow(t *testing.T) {
	o := synthetic.Default
	o.Patients, o.Comparison = 500, true
	source, _, err := synthetic.Draw(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	files, err := sourceFiles(t.Context(), source, "csv", nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "cohort")
	if err := writeFolder(dir, files, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "cohort.yaml")
	whole, err := open.Cohort(t.Context(), path, open.Options{})
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]map[string]string{
		"effect/reliable-change":       {"reliability": "0.8"},
		"effect/regression-to-mean":    {"reliability": "0.8"},
		"effect/paired-shares":         {"threshold": "4"},
		"effect/stratified-responders": {"strata": "sex"},
		"effect/subgroups":             {"by": "sex"},
	}
	compared := 0
	for _, x := range catalog.All {
		if !x.Narrow {
			continue
		}
		for _, q := range []analysis.Question{
			{Outcome: "pain", Visit: "discharge", Arm: "program", Reference: "usual care", Level: 0.95, Seed: 1},
			{Outcome: "odi", Visit: "month12", Level: 0.95, Seed: 1},
		} {
			opt, narrow, err := narrowed(t.Context(), path, loadFlags{}, x, q)
			if err != nil || !narrow {
				t.Fatalf("%s is not narrowed: %v", x.Name, err)
			}
			part, err := open.Cohort(t.Context(), path, opt)
			if err != nil {
				t.Fatal(err)
			}
			if len(part.Table("visits").Fields()) >= len(whole.Table("visits").Fields()) {
				t.Fatal("nothing was left out")
			}
			run := func(c *datasets.Cohort) string {
				r, err := x.Run(t.Context(), analysis.Input{Cohort: c}, q, settings[x.Name])
				if err != nil && !errors.Is(err, analysis.ErrCannot) && !errors.Is(err, analysis.ErrOptions) {
					t.Fatalf("%s: %v", x.Name, err)
				}
				b, jsonErr := json.Marshal(r)
				if jsonErr != nil {
					t.Fatal(jsonErr)
				}
				if err != nil {
					return err.Error()
				}
				compared++
				return string(b)
			}
			if a, b := run(whole), run(part); a != b {
				t.Errorf("%s of %s: the part gives\n%s\nthe whole\n%s", x.Name, q.Outcome, b, a)
			}
		}
	}
	if compared < 30 {
		t.Errorf("only %d results were compared", compared)
	}
}
