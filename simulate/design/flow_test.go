package design

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

const looped = `name: looped
title: Looped
group_size: 4
phases:
  - name: a
    weeks: 2
    hours: {relaxation: 2}
    staff: [{discipline: nurse, group_hours: 2, price: 50}]
    benchmark: {interference_reduction: 0.1, extend_weeks: 1, stalled: b}
  - name: b
    weeks: 3
    hours: {relaxation: 3}
    staff: [{discipline: nurse, group_hours: 2, price: 50}]
    benchmark: {interference_reduction: 0.1, extend_weeks: 0, met: discharge, stalled: a}
`

// What can never end, never be served, never be sent or has no reason is refused, with
// the place and the cure.
func TestImpossibleDesignsAreRefused(t *testing.T) {
	fine := strings.Replace(looped, "stalled: a", "stalled: discharge", 1)
	if _, err := Parse("fine.yaml", []byte(fine)); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("limited.yaml", []byte(strings.Replace(looped, "group_size: 4", "group_size: 4\nmax_weeks: 20", 1))); err != nil {
		t.Errorf("a loop that max_weeks ends is refused: %v", err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"loop":            {looped, "d.yaml:5:5: phases[0]: phase a can never be left by a patient who stalls at every benchmark (a → b → a): send them to discharge or to another phase, or set max_weeks"},
		"loop on itself":  {strings.Replace(fine, "met: discharge", "met: b", 1), "phase b can never be left by a patient who meets every benchmark (b → b)"},
		"unknown phase":   {strings.Replace(fine, "stalled: b", "stalled: c", 1), `phases[0].benchmark.stalled: no phase is called "c"; use discharge or one of a, b`},
		"negative hours":  {strings.Replace(fine, "relaxation: 2", "relaxation: -2", 1), "d.yaml:7:25: phases[0].hours.relaxation: must be from 0 to 100"},
		"over 1":          {strings.Replace(fine, "interference_reduction: 0.1", "interference_reduction: 1.1", 1), "phases[0].benchmark.interference_reduction: must be from 0 to 1"},
		"twice":           {strings.Replace(fine, "name: b", "name: a", 1), "phases[1].name: stands more than once"},
		"named discharge": {strings.Replace(strings.Replace(fine, "name: b", "name: discharge", 1), "stalled: b", "stalled: discharge", 1), "phases[1].name: is what benchmarks call the end"},
		"worse by what":   {strings.Replace(fine, "stalled: b", "stalled: b, worse: b", 1), "phases[0].benchmark.worse_by: is needed"},
		// Two groups of four for 2 weeks: those who meet the benchmark go on to b for 3
		// weeks, so 8/5 = 1.6 a week at most.
		"capacity":    {fine + "capacity: {arrivals_per_week: 1.6, groups: 2}\n", "1.6 patients a week can never be served: 2 groups of 4 for 5 weeks take fewer than 1.6; add groups, or lower the arrivals"},
		"relapse":     {fine + "relapse: {interference_rise: 1, every_weeks: 4, return_to: c, most: 1}\n", `relapse.return_to: no phase is called "c"`},
		"taper":       {fine + "taper: {percent: 10, of: current, every_weeks: 4}\n", "taper.stop_below: is needed"},
		"taper of":    {fine + "taper: {percent: 10, of: all, every_weeks: 4}\n", `taper.of: is "all": use starting or current`},
		"source key":  {fine + "sources: [{for: [phases.ours], kind: assumed, status: assumed, note: x}]\n", `sources[0].for[0]: "phases.ours" is not a key`},
		"no source":   {fine + "sources: [{for: [phases.weeks], kind: published, status: sourced}]\n", "sources[0].source: a published number needs its source"},
		"no reason":   {fine + "sources: [{for: [phases.weeks], kind: assumed, status: assumed}]\n", "sources[0].note: an assumed number needs a note"},
		"kind status": {fine + "sources: [{for: [phases.weeks], kind: assumed, status: sourced, note: x}]\n", "sources[0].status: kind and status disagree"},
	} {
		if _, err := Parse("d.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := Parse("served.yaml", []byte(fine+"capacity: {arrivals_per_week: 1.59, groups: 2}\n")); err != nil {
		t.Errorf("a capacity that serves is refused: %v", err)
	}
}

// A problem shows the line it stands on.
func TestProblemsShowTheirLine(t *testing.T) {
	_, err := Parse("d.yaml", []byte(strings.Replace(looped, "group_size: 4", "group_size: 0", 1)))
	var p *Problems
	if !errors.As(err, &p) || p.List[0].Text != "group_size: 0" || p.List[0].Column != 13 {
		t.Errorf("problems %+v", p)
	}
}

// By hand: the planned way of stepped-care is foundation, graded activity, real world,
// maintenance: 4 + 6 + 4 + 12 weeks; the intensive block is a step up and not planned.
func TestPlannedWay(t *testing.T) {
	d, err := Builtin("stepped-care")
	if err != nil {
		t.Fatal(err)
	}
	if d.PlannedWeeks() != 26 {
		t.Errorf("%d weeks, want 26", d.PlannedWeeks())
	}
	// A patient's share of a nurse in groups of 8: (0.5 + 0.5/8)·4 + (0.75 + 2/8)·6 +
	// (0.75 + 2/8)·4 + (0.1 + 0.25/8)·12 hours.
	if _, hours := d.StaffHours(); hours["nurse"] != 0.5625*4+6+4+0.13125*12 {
		t.Errorf("%g hours of nurses", hours["nurse"])
	}
}

// The built-in designs: every number has a source or a reason, invented ones are
// assumed, and the levels of care that the model is to compare are there.
func TestBuiltinDesignsHaveSources(t *testing.T) {
	for _, want := range []string{
		"long-term-residential", "short-term-residential", "inpatient", "day-program", "intensive-outpatient", "interdisciplinary-4-week",
		"stepped-care", "telehealth-maintenance", "continuing-care-mat", "structured-intensive", "fusion-after-gate",
	} {
		if !slices.Contains(BuiltinNames(), want) {
			t.Errorf("there is no %s", want)
		}
	}
	for _, name := range BuiltinNames() {
		d, err := Builtin(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range d.Numbers() {
			if n.Source == nil {
				t.Errorf("%s: %s has no source", name, n.Path)
			}
		}
		if len(d.Warnings()) > 0 && name != "day-program" {
			for _, w := range d.Warnings() {
				if !strings.Contains(w, "taper is faster") {
					t.Errorf("%s: %s", name, w)
				}
			}
		}
	}
	// At most 20 treatment days of 6-8 hours: 120 to 160 hours in four weeks.
	d, err := Builtin("structured-intensive")
	if err != nil || d.PlannedHours() < 120 || d.PlannedHours() > 160 || d.PlannedWeeks() != 4 {
		t.Errorf("the structured program has %g hours in %d weeks (%v)", d.PlannedHours(), d.PlannedWeeks(), err)
	}
}

// The longest key that fits a number gives its source.
func TestSourceOfANumber(t *testing.T) {
	d, err := Parse("d.yaml", []byte(small+"sources:\n  - {for: [phases], kind: assumed, status: assumed, note: all}\n  - {for: [phases.hours.psychotherapy], kind: published, status: sourced, source: one}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, n := range d.Numbers() {
		got[n.Path] = n.Status
		if n.Source == nil {
			got[n.Path] = "none: " + n.Status
		}
	}
	for path, want := range map[string]string{"phases[0].hours.psychotherapy": "sourced", "phases[0].hours.coping_skills": "assumed", "group_size": "none: assumed"} {
		if got[path] != want {
			t.Errorf("%s is %q, want %q", path, got[path], want)
		}
	}
	if w := d.Warnings(); !slices.ContainsFunc(w, func(s string) bool { return strings.Contains(s, "no source") }) {
		t.Errorf("warnings %q, want one of numbers without a source", w)
	}
}

// The schema has what the decoder takes: its keys, which are required, and ranges.
func TestSchema(t *testing.T) {
	b, err := json.Marshal(Schema())
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Schema               string `json:"$schema"`
		Required             []string
		AdditionalProperties *bool
		Properties           struct {
			GroupSize struct {
				Type             string
				Minimum, Maximum float64
			} `json:"group_size"`
			Phases struct {
				Items struct {
					Required   []string
					Properties struct {
						Hours struct {
							PropertyNames        struct{ Enum []string }
							AdditionalProperties struct{ Maximum float64 }
						}
					}
				}
			}
			Taper struct {
				Properties struct{ Of struct{ Enum []string } }
			}
		}
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	p := s.Properties
	if s.AdditionalProperties == nil || *s.AdditionalProperties || !slices.Equal(s.Required, []string{"name", "title", "group_size", "phases"}) ||
		p.GroupSize.Type != "integer" || p.GroupSize.Minimum != 1 || p.GroupSize.Maximum != 100 ||
		!slices.Equal(p.Phases.Items.Properties.Hours.PropertyNames.Enum, Components) || p.Phases.Items.Properties.Hours.AdditionalProperties.Maximum != 100 ||
		!slices.Contains(p.Phases.Items.Required, "hours") || !slices.Equal(p.Taper.Properties.Of.Enum, []string{"starting", "current"}) {
		t.Errorf("schema %s", b)
	}
	if _, err := json.Marshal(ScenarioSchema()); err != nil {
		t.Error(err)
	}
}
