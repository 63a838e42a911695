package design

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"recoup/simulate/internal/strict"
)

// Source says where numbers of a design come from.
type Source struct {
	// For names the keys the source is for, without indexes, as in phases.hours:
	// they and all under them. The longest that fits a number is the one that counts.
	For []string `yaml:"for,required" json:"for" doc:"keys without indexes, as in phases.hours, and all under them"`
	// Kind is published, cohort or assumed.
	Kind string `yaml:"kind,required" json:"kind" enum:"published,cohort,assumed" doc:"where the numbers come from"`
	// Status is sourced (read in the source), unverified (recalled) or assumed.
	Status string `yaml:"status,required" json:"status" enum:"sourced,unverified,assumed" doc:"how far they have been checked"`
	Source string `yaml:"source" json:"source,omitempty" doc:"needed unless assumed"`
	Note   string `yaml:"note" json:"note,omitempty" doc:"the reasoning; needed if assumed"`
}

// Number is one number of a design with its source, nil if none is given.
type Number struct {
	Path   string  `json:"path"` // as in phases[0].weeks
	Value  float64 `json:"value"`
	Kind   string  `json:"kind"`
	Status string  `json:"status"`
	Source *Source `json:"source,omitempty"`
}

func itoa(i int) string { return strconv.Itoa(i) }

var indexes = regexp.MustCompile(`\[\d+\]`)

// Numbers lists every number of a design that is not 0, in the order of the file's
// keys.
func (d Design) Numbers() []Number {
	var out []Number
	strict.Numbers("", reflect.ValueOf(d), func(path string, x float64) {
		if x == 0 {
			return
		}
		n := Number{Path: path, Value: x, Kind: "assumed", Status: "assumed", Source: d.sourceOf(path)}
		if n.Source != nil {
			n.Kind, n.Status = n.Source.Kind, n.Source.Status
		}
		out = append(out, n)
	})
	return out
}

func (d Design) sourceOf(path string) *Source {
	path = indexes.ReplaceAllString(path, "")
	var best *Source
	longest := 0
	for i := range d.Sources {
		for _, key := range d.Sources[i].For {
			if (path == key || strings.HasPrefix(path, key+".")) && len(key) > longest {
				best, longest = &d.Sources[i], len(key)
			}
		}
	}
	return best
}

func (c *checks) sources(path string, d Design) {
	known := strict.Paths(d)
	for i, s := range d.Sources {
		at := fmt.Sprintf("%s[%d]", strict.Join(path, "sources"), i)
		for k, key := range s.For {
			if !known[key] && !componentHours(key) {
				c.add(fmt.Sprintf("%s.for[%d]", at, k), "%q is not a key of a design; write keys without indexes, as in phases.hours", key)
			}
		}
		switch {
		case (s.Kind == "assumed") != (s.Status == "assumed"):
			c.add(at+".status", "kind and status disagree: assumed goes with assumed, and only with it")
		case s.Kind == "published" && s.Source == "":
			c.add(at+".source", "a published number needs its source")
		case s.Kind == "assumed" && s.Note == "":
			c.add(at+".note", "an assumed number needs a note with the reasoning")
		}
	}
}

// componentHours says whether a key is the hours of one component.
func componentHours(key string) bool {
	name, ok := strings.CutPrefix(key, "phases.hours.")
	return ok && slices.Contains(Components, name)
}
