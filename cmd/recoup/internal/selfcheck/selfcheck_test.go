package selfcheck

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every case passes, says what it is about, and is one of its kind; progress is told of
// each.
func TestEveryCasePasses(t *testing.T) {
	told := 0
	cases, err := Run(t.Context(), func(done, total int) {
		if told++; done != told || total < done {
			t.Errorf("progress %d of %d at case %d", done, total, told)
		}
	})
	if err != nil || len(cases) != told || told < 40 {
		t.Fatalf("%d cases, %d told, %v", len(cases), told, err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if !c.Passed || c.Why != "" {
			t.Errorf("%s: %s: %s: %s, want %s %s", c.Area, c.Requirement, c.Test, c.Got, c.Expected, c.Why)
		}
		if c.Area == "" || c.Requirement == "" || c.Test == "" || c.Source == "" || c.Expected == "" || c.Tolerance < 0 || c.Tolerance > 0.01 {
			t.Errorf("a case lacks a part: %+v", c)
		}
		if id := c.Area + c.Requirement + c.Test + c.Source; seen[id] {
			t.Errorf("twice: %s", id)
		} else {
			seen[id] = true
		}
	}
}

// An expected number that is changed in its seventh digit, or is not there, fails its
// case and no other.
func TestABrokenNumberFails(t *testing.T) {
	for name, change := range map[string]func(v []float64) []float64{
		"changed": func(v []float64) []float64 { return append([]float64{v[0] * (1 + 1e-6)}, v[1:]...) },
		"absent":  func([]float64) []float64 { return nil },
	} {
		refs, err := readReferences()
		if err != nil {
			t.Fatal(err)
		}
		refs["effect"]["dz"] = change(slices.Clone(refs["effect"]["dz"]))
		cases, err := run(t.Context(), refs, nil)
		if err != nil {
			t.Fatal(err)
		}
		var failed []string
		for _, c := range cases {
			if !c.Passed {
				failed = append(failed, c.Requirement)
			}
		}
		if len(failed) != 1 || !strings.Contains(failed[0], "within patients") {
			t.Errorf("%s: failed %q, want the one of d_z", name, failed)
		}
	}
}

// A text that differs fails, and so does an error, whatever else there is.
func TestJudge(t *testing.T) {
	word := check{Case: Case{Expected: "refused"}}
	if word.judge("passed", 0, nil).Passed || !word.judge("refused", 0, nil).Passed || word.judge("refused", 0, errAbsent).Passed {
		t.Error("a word")
	}
	n := check{Case: Case{Expected: "100", Tolerance: 1e-3}, number: 100}
	for got, want := range map[float64]bool{100.09: true, 100.11: false, 99.91: true} {
		if n.judge("", got, nil).Passed != want {
			t.Errorf("%v against 100 within 0.001", got)
		}
	}
}

// An interrupted run says so.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if cases, err := Run(ctx, nil); err == nil || cases != nil {
		t.Errorf("%d cases, %v", len(cases), err)
	}
}

// The files of reference are those that the scripts of the analyses wrote.
func TestReferencesAreTheScripts(t *testing.T) {
	from := map[string]string{
		"effect.csv": "effect/testdata/trial.csv", "effect.json": "effect/testdata/effect.json",
		"arms.csv": "compare/testdata/arms.csv", "arms.json": "compare/testdata/arms.json",
		"followup.csv": "work/testdata/followup.csv", "followup.json": "work/testdata/followup.json",
		"people.csv": "work/testdata/people.csv", "spells.csv": "work/testdata/spells.csv", "spells.json": "work/testdata/spells.json",
		"panel.csv": "longitudinal/testdata/panel.csv", "panel.json": "longitudinal/testdata/panel.json",
		"weighted.csv": "impute/testdata/weighted.csv", "weighted.json": "impute/testdata/weighted.json",
		"economics.csv": "economics/testdata/trial.csv", "economics.json": "economics/testdata/trial.json",
		"quality.json": "quality/testdata/quality.json",
	}
	entries, err := os.ReadDir("reference")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if path := from[name]; path != "" {
			ours, err := os.ReadFile(filepath.Join("reference", name))
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := os.ReadFile(filepath.Join("../../../../analysis", path))
			if err != nil || !bytes.Equal(ours, theirs) {
				t.Errorf("%s is not analysis/%s (%v): copy it, and see that the cases pass", name, path, err)
			}
			continue
		}
		if !strings.HasSuffix(name, ".yaml") && !strings.HasPrefix(name, "reference.") {
			t.Errorf("%s comes from nowhere", name)
		}
	}
}
