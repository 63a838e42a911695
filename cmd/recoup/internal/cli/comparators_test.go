package cli

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"recoup/datasets/instrument"
	"recoup/datasets/published"
)

// Every published mean lies in the range of its instrument.
func TestComparatorsAreInRange(t *testing.T) {
	seen := 0
	for _, e := range published.All() {
		for _, r := range e.Results {
			in, ok := instrument.Find(r.Instrument)
			if r.Instrument != "" && !ok {
				t.Errorf("%s: no instrument %s", e.ID, r.Instrument)
			}
			if !ok || r.Measure != published.Mean && r.Measure != published.Median {
				continue
			}
			seen++
			if r.Value < in.Min || r.Value > in.Max {
				t.Errorf("%s: %s of %g", e.ID, r.Instrument, r.Value)
			}
		}
	}
	if seen < 80 {
		t.Errorf("%d means of instruments", seen)
	}
}

// Every figure is listed with how sure it is, as text and as JSON, and JSON leaves
// nothing out.
func TestComparatorsSayTheirStatus(t *testing.T) {
	want, statuses := 0, map[string]int{}
	for _, e := range published.All() {
		for _, r := range e.Results {
			want++
			statuses[string(r.Status)]++
		}
	}
	out, _, code := run(t, "data", "comparators", "--json")
	var got struct {
		Comparators []map[string]any
		Transitions []map[string]any
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, row := range got.Comparators {
		counts[row["status"].(string)]++
		for _, key := range []string{"id", "kind", "outcome", "measure", "population", "design", "citation", "source"} {
			if s, _ := row[key].(string); s == "" {
				t.Errorf("%v has no %s", row["id"], key)
			}
		}
		if share, ok := row["share"].(float64); ok && (share < 0 || share > 1 || math.IsNaN(share)) {
			t.Errorf("%v: share %g", row["id"], share)
		}
	}
	if len(got.Comparators) != want || len(got.Transitions) != 2 {
		t.Errorf("%d rows of %d, %d tables", len(got.Comparators), want, len(got.Transitions))
	}
	for status, n := range statuses {
		if counts[status] != n {
			t.Errorf("%d rows are %s, want %d", counts[status], status, n)
		}
		text, _, _ := run(t, "data", "comparators", "--status", status)
		lines := 0
		for line := range strings.Lines(text) {
			if strings.HasSuffix(strings.TrimSuffix(strings.TrimSpace(line), ", complement"), " "+status) && !strings.Contains(line, "(rows)") {
				lines++
			}
		}
		if lines != n {
			t.Errorf("%d lines say %s, want %d", lines, status, n)
		}
	}
}
