package reports

import (
	"strings"
	"testing"

	"recoup/datasets/published"
)

// A published figure that was not read in its source is said to be so wherever a
// report shows it.
func TestUnverifiedIsShown(t *testing.T) {
	if _, source := benchmark("flor-1992", "work", ""); !strings.Contains(source, "(unverified)") {
		t.Errorf("flor-1992 is shown as %q", source)
	}
	if _, source := benchmark("rome-2004", "opioid off", ""); source == "" || strings.Contains(source, "verified") {
		t.Errorf("rome-2004 is shown as %q", source)
	}
	for _, s := range []published.Status{published.Unverified, published.Claim} {
		if got := unsourced(published.Result{Status: s}); !strings.Contains(got, string(s)) {
			t.Errorf("%s is shown as %q", s, got)
		}
	}
}
