// Package design describes what is simulated: program designs and scenarios,
// read strictly from YAML.
package design

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"

	"recoup/simulate/internal/strict"
)

// Problem is one thing wrong with a file.
type Problem = strict.Problem

// Problems is everything wrong with a file; it is the error of the parsers.
type Problems = strict.Problems

// Components are the nine core therapies of a chronic pain rehabilitation
// program, as designs name them.
var Components = []string{
	"pool_therapy", "stretching_strengthening", "aerobic_exercise", "relaxation", "coping_skills",
	"psychotherapy", "medication_management", "opioid_tapering", "life_work_exposure",
}

// The comparators that are not programs.
const (
	UsualCare    = "usual-care"
	LumbarFusion = "lumbar-fusion"
)

// Design is how a program is put together.
type Design struct {
	Name        string `yaml:"name,required" json:"name"`
	Title       string `yaml:"title,required" json:"title"`
	Description string `yaml:"description" json:"description,omitempty"`
	// GroupSize is the number of patients who share a group hour.
	GroupSize int `yaml:"group_size,required" json:"group_size"`
	// Overhead is added to staff cost, as a share of it (rooms, administration).
	Overhead float64 `yaml:"overhead" json:"overhead"`
	// BedDayPrice is the price of one bed day in US dollars.
	BedDayPrice float64  `yaml:"bed_day_price" json:"bed_day_price"`
	Phases      []Phase  `yaml:"phases,required" json:"phases"`
	Taper       *Taper   `yaml:"taper" json:"taper,omitempty"`
	Boosters    *Booster `yaml:"boosters" json:"boosters,omitempty"`
}

// Phase is one part of a program. Hours, staff and bed days are per week.
type Phase struct {
	Name string `yaml:"name,required" json:"name"`
	// Weeks is the planned length.
	Weeks int `yaml:"weeks,required" json:"weeks"`
	// Hours are the hours of each component a patient is offered.
	Hours map[string]float64 `yaml:"hours,required" json:"hours"`
	Staff []Staff            `yaml:"staff,required" json:"staff"`
	// BedDays are the nights on a ward.
	BedDays   float64    `yaml:"bed_days" json:"bed_days"`
	Benchmark *Benchmark `yaml:"benchmark" json:"benchmark,omitempty"`
}

// Staff is the weekly time of one discipline.
type Staff struct {
	Discipline string `yaml:"discipline,required" json:"discipline"`
	// IndividualHours are spent on each patient; GroupHours on a whole group.
	IndividualHours float64 `yaml:"individual_hours" json:"individual_hours"`
	GroupHours      float64 `yaml:"group_hours" json:"group_hours"`
	// Price is the cost of one hour in US dollars.
	Price float64 `yaml:"price,required" json:"price"`
}

// Benchmark must be met at the end of a phase to go on. Who does not meet it
// repeats the last week, up to ExtendWeeks times, and then goes on.
type Benchmark struct {
	// InterferenceReduction is the fall of interference from entry, as a share of it.
	InterferenceReduction float64 `yaml:"interference_reduction,required" json:"interference_reduction"`
	ExtendWeeks           int     `yaml:"extend_weeks,required" json:"extend_weeks"`
}

// Taper is the protocol by which opioids are reduced.
type Taper struct {
	// WeaningRequired says whether patients on opioids must agree to the taper.
	WeaningRequired bool `yaml:"weaning_required" json:"weaning_required"`
	// Percent of the starting or current dose is taken off at each step.
	Percent float64 `yaml:"percent,required" json:"percent"`
	// Of is "starting" or "current".
	Of string `yaml:"of,required" json:"of"`
	// EveryWeeks is the time between steps; the first is in week StartWeek
	// (from 1).
	EveryWeeks int `yaml:"every_weeks,required" json:"every_weeks"`
	StartWeek  int `yaml:"start_week" json:"start_week"`
	// StopBelow is the dose in MME a day under which opioids are stopped.
	StopBelow float64 `yaml:"stop_below" json:"stop_below"`
	// AfterDischarge says whether an unfinished taper goes on after the program.
	AfterDischarge bool `yaml:"after_discharge" json:"after_discharge"`
}

// Booster is a session some weeks after discharge that restores part of the
// effect that was lost.
type Booster struct {
	Weeks []int   `yaml:"weeks,required" json:"weeks"`
	Staff []Staff `yaml:"staff,required" json:"staff"`
}

// PlannedWeeks is the length of the program without extensions.
func (d Design) PlannedWeeks() int {
	n := 0
	for _, p := range d.Phases {
		n += p.Weeks
	}
	return n
}

// WeekCost is the cost of one patient-week of a phase in US dollars:
//
//	(Σ price·(individual + group/GroupSize))·(1 + Overhead) + bed days·BedDayPrice
func (d Design) WeekCost(p Phase) float64 {
	return d.staffCost(p.Staff) + float64(p.BedDays*d.BedDayPrice)
}

// BoosterCost is the cost of one booster for one patient in US dollars.
func (d Design) BoosterCost() float64 {
	if d.Boosters == nil {
		return 0
	}
	return d.staffCost(d.Boosters.Staff)
}

func (d Design) staffCost(staff []Staff) float64 {
	sum := 0.0
	for _, s := range staff {
		sum += float64(s.Price * (s.IndividualHours + s.GroupHours/float64(d.GroupSize)))
	}
	return float64(sum * (1 + d.Overhead))
}

// PlannedCost is the cost of the whole program for a patient who completes it
// without extensions, boosters left out, in US dollars.
func (d Design) PlannedCost() float64 {
	sum := 0.0
	for _, p := range d.Phases {
		sum += float64(float64(p.Weeks) * d.WeekCost(p))
	}
	return sum
}

// PlannedHours is the total of the hours offered.
func (d Design) PlannedHours() float64 {
	sum := 0.0
	for _, p := range d.Phases {
		for _, c := range Components {
			sum += float64(float64(p.Weeks) * p.Hours[c])
		}
	}
	return sum
}

//go:embed designs/*.yaml
var builtin embed.FS

// BuiltinNames lists the designs that come with the program.
func BuiltinNames() []string {
	entries, err := builtin.ReadDir("designs")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Builtin returns a design that comes with the program.
func Builtin(name string) (Design, error) {
	b, err := BuiltinYAML(name)
	if err != nil {
		return Design{}, err
	}
	return Parse("design "+name, b)
}

// BuiltinYAML returns the text of a design that comes with the program.
func BuiltinYAML(name string) ([]byte, error) {
	if !slices.Contains(BuiltinNames(), name) {
		return nil, fmt.Errorf("no design is called %q: the built-in ones are %s", name, strings.Join(BuiltinNames(), ", "))
	}
	b, err := builtin.ReadFile("designs/" + name + ".yaml")
	return bytes.Clone(b), err
}

// Parse reads a design from YAML. The error is *Problems with every problem of
// the file.
func Parse(name string, b []byte) (Design, error) {
	var x Design
	err := strict.Parse(name, b, &x, func() []Problem {
		var c checks
		c.design("", x)
		return c
	})
	if err != nil {
		return Design{}, err
	}
	return x, nil
}
