package published

import (
	"bytes"
	_ "embed" // benchmarks.yaml
	"fmt"
	"slices"
	"sync"

	"github.com/goccy/go-yaml"
)

// Kinds of thresholds.
const (
	PercentThreshold = "percent" // of baseline
	PointsThreshold  = "points"
)

// Set is what a register holds its services to: a named set of benchmarks.
type Set struct {
	Name       string      `yaml:"name"`
	Title      string      `yaml:"title"`
	Targets    string      `yaml:"targets"` // what is known of target percentages: that they are not public
	Note       string      `yaml:"note"`
	Thresholds []Threshold `yaml:"thresholds"`
	Norms      []string    `yaml:"norms"` // ids of entries with means of the register's patients
}

// Threshold is a rule by which a register counts a responder.
type Threshold struct {
	Instrument string  `yaml:"instrument"` // the name in datasets/instrument
	Kind       string  `yaml:"kind"`       // PercentThreshold or PointsThreshold
	Value      float64 `yaml:"value"`
	Bands      string  `yaml:"bands"` // the instrument's set of bands, of which a better one must be reached too; empty: none
	Status     Status  `yaml:"status"`
	Source     string  `yaml:"source"`
	Note       string  `yaml:"note"`
}

//go:embed benchmarks.yaml
var benchmarksText []byte

var loadSets = sync.OnceValues(func() ([]Set, error) {
	var out []Set
	if err := yaml.NewDecoder(bytes.NewReader(benchmarksText), yaml.Strict()).Decode(&out); err != nil {
		return nil, fmt.Errorf("sets of benchmarks: %w", err)
	}
	return out, nil
})

// Sets returns the named sets of benchmarks, in their order.
func Sets() []Set {
	s, _ := loadSets() // a test holds that it succeeds
	return slices.Clone(s)
}

// FindSet returns the set with this exact name, such as "eppoc".
func FindSet(name string) (Set, bool) {
	for _, s := range Sets() {
		if s.Name == name {
			return s, true
		}
	}
	return Set{}, false
}

// SetNames returns the names of the sets.
func SetNames() []string {
	var out []string
	for _, s := range Sets() {
		out = append(out, s.Name)
	}
	return out
}

// Threshold returns the rule for an instrument.
func (s Set) Threshold(instrument string) (Threshold, bool) {
	for _, t := range s.Thresholds {
		if instrument != "" && t.Instrument == instrument {
			return t, true
		}
	}
	return Threshold{}, false
}
