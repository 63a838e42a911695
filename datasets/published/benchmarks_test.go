package published

import (
	"slices"
	"testing"
)

// Every set decodes, marks what was not read, points at entries that are there, and
// tells of targets that they are not here.
func TestSets(t *testing.T) {
	sets, err := loadSets()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(SetNames(), []string{"eppoc", "immpact", "sqrp"}) {
		t.Errorf("sets: %v", SetNames())
	}
	for _, s := range sets {
		if s.Title == "" || s.Targets == "" {
			t.Errorf("%s: a title, and what is known of targets", s.Name)
		}
		for _, x := range s.Thresholds {
			if !(x.Value > 0) || x.Source == "" || x.Kind != PercentThreshold && x.Kind != PointsThreshold || x.Status != Sourced && x.Status != Unverified {
				t.Errorf("%s: %+v", s.Name, x)
			}
		}
		for _, id := range s.Norms {
			if _, ok := Find(id); !ok {
				t.Errorf("%s: there is no entry %s", s.Name, id)
			}
		}
	}
	eppoc, _ := FindSet("eppoc")
	if x, ok := eppoc.Threshold("nrs"); !ok || x.Kind != PercentThreshold || x.Value != 30 || x.Status != Sourced {
		t.Errorf("average pain: %+v", x)
	}
	// That the severity band must change was not read in its source.
	for _, x := range eppoc.Thresholds {
		if x.Bands != "" && x.Status != Unverified {
			t.Errorf("%s: the change of band is unverified", x.Instrument)
		}
	}
	if _, ok := eppoc.Threshold(""); ok {
		t.Error("an outcome without instrument has no rule")
	}
}
