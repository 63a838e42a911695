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
	UsualCare         = "usual-care"
	OpioidMaintenance = "opioid-maintenance"
	LumbarFusion      = "lumbar-fusion"
)

// Comparators lists the strategies that have no design.
var Comparators = []string{UsualCare, OpioidMaintenance, LumbarFusion}

// Design is how a program is put together. The tag range gives the least and the
// largest value of a number, both allowed; Check and Schema read it.
type Design struct {
	Name        string `yaml:"name,required" json:"name" doc:"lower-case letters, digits and hyphens"`
	Title       string `yaml:"title,required" json:"title" doc:"what tables call the design"`
	Description string `yaml:"description" json:"description,omitempty" doc:"who it is for and what is done"`
	// GroupSize is the number of patients who share a group hour.
	GroupSize int `yaml:"group_size,required" json:"group_size" range:"1,100" doc:"patients who share a group hour"`
	// Overhead is added to staff cost, as a share of it (rooms, administration).
	Overhead float64 `yaml:"overhead" json:"overhead" range:"0,10" doc:"added to staff cost, as a share of it"`
	// Currency (US dollars where empty) and PriceYear (not known where 0) are of its prices.
	Currency  string `yaml:"currency" json:"currency,omitempty" doc:"of its prices, such as USD, the default, or EUR/DEU"`
	PriceYear int    `yaml:"price_year" json:"price_year,omitempty" range:"0,2200" doc:"year of its prices; not known where it is not given"`
	// BedDayPrice is the price of one bed day.
	BedDayPrice float64 `yaml:"bed_day_price" json:"bed_day_price" range:"0,1000000" doc:"price of one bed day"`
	// MaxWeeks ends the program for those still in it, 0 for no limit.
	MaxWeeks int     `yaml:"max_weeks" json:"max_weeks,omitempty" range:"0,520" doc:"weeks after which the program ends for those still in it; 0 for no limit"`
	Phases   []Phase `yaml:"phases,required" json:"phases" doc:"in order; the first is where patients begin"`
	Taper    *Taper  `yaml:"taper" json:"taper,omitempty" doc:"protocol by which opioids are reduced"`

	Boosters *Booster  `yaml:"boosters" json:"boosters,omitempty" doc:"sessions after discharge"`
	Relapse  *Relapse  `yaml:"relapse" json:"relapse,omitempty" doc:"watch after discharge that takes patients back"`
	Gate     *Gate     `yaml:"fusion_gate" json:"fusion_gate,omitempty" doc:"lumbar fusion for those the program did not help enough"`
	Capacity *Capacity `yaml:"capacity" json:"capacity,omitempty" doc:"places and arrivals; without it nobody waits"`
	// Sources say where the numbers come from; a number without one is assumed.
	Sources []Source `yaml:"sources" json:"sources,omitempty" doc:"where the numbers come from; a number without one is assumed"`
}

// Phase is one part of a program. Hours, staff and bed days are per week.
type Phase struct {
	Name string `yaml:"name,required" json:"name" doc:"as benchmarks name it"`
	// Weeks is the planned length.
	Weeks int `yaml:"weeks,required" json:"weeks" range:"1,104" doc:"planned length"`
	// Hours are the hours of each component a patient is offered.
	Hours map[string]float64 `yaml:"hours,required" json:"hours" range:"0,100" doc:"hours a week of each of the nine components"`
	Staff []Staff            `yaml:"staff,required" json:"staff" doc:"weekly time of each discipline"`
	// BedDays are the nights on a ward or in a residence.
	BedDays float64 `yaml:"bed_days" json:"bed_days" range:"0,7" doc:"nights a week"`
	// Telehealth hours count by the evidence care.telehealth.
	Telehealth bool       `yaml:"telehealth" json:"telehealth,omitempty" doc:"the hours are given by video or telephone"`
	Benchmark  *Benchmark `yaml:"benchmark" json:"benchmark,omitempty" doc:"what patients are held against at the end of the phase"`
}

// Staff is the weekly time of one discipline.
type Staff struct {
	Discipline string `yaml:"discipline,required" json:"discipline" doc:"such as psychologist"`
	// IndividualHours are spent on each patient; GroupHours on a whole group.
	IndividualHours float64 `yaml:"individual_hours" json:"individual_hours" range:"0,100" doc:"hours a week for each patient"`
	GroupHours      float64 `yaml:"group_hours" json:"group_hours" range:"0,100" doc:"hours a week for a whole group"`
	// Price is the cost of one hour.
	Price float64 `yaml:"price,required" json:"price" range:"0,100000" doc:"of an hour"`
}

// Discharge is where a benchmark sends those who are to leave the program.
const Discharge = "discharge"

// Benchmark is what a patient is held against when the weeks of a phase are over.
// Met: go to Met. Worse than at entry by WorseBy: go to Worse. Otherwise stalled:
// repeat the last week, up to ExtendWeeks times, then go to Stalled. Where a target
// is empty it is the next phase (for Worse: that of Stalled).
type Benchmark struct {
	// InterferenceReduction is the fall of interference from entry, as a share of it.
	InterferenceReduction float64 `yaml:"interference_reduction,required" json:"interference_reduction" range:"0,1" doc:"fall of interference from entry, as a share of it"`
	// WalkingSessions are walks of 20 minutes a week, by the activity score.
	WalkingSessions float64 `yaml:"walking_sessions" json:"walking_sessions,omitempty" range:"0,7" doc:"walks of 20 minutes a week"`
	ExtendWeeks     int     `yaml:"extend_weeks,required" json:"extend_weeks" range:"0,26" doc:"weeks the phase may be extended"`
	Met             string  `yaml:"met" json:"met,omitempty" doc:"phase for those who meet it, or discharge"`
	Stalled         string  `yaml:"stalled" json:"stalled,omitempty" doc:"phase for those who do not, or discharge"`
	Worse           string  `yaml:"worse" json:"worse,omitempty" doc:"phase for those who got worse, or discharge"`
	// WorseBy is the rise of interference over entry, as a share of it.
	WorseBy float64 `yaml:"worse_by" json:"worse_by,omitempty" range:"0,1" doc:"rise of interference over entry that counts as worse, as a share of it"`
}

// Taper is the protocol by which opioids are reduced. Pauses, reversals and changes
// to medication-assisted treatment happen at the rates of the evidence.
type Taper struct {
	// WeaningRequired says whether patients on opioids must agree to the taper.
	WeaningRequired bool `yaml:"weaning_required" json:"weaning_required" doc:"patients on opioids must agree to the taper"`
	// Percent of the starting or current dose is taken off at each step.
	Percent float64 `yaml:"percent,required" json:"percent" range:"0.1,100" doc:"taken off at each step"`
	// Of is "starting" or "current".
	Of string `yaml:"of,required" json:"of" enum:"starting,current" doc:"dose the percentage is of"`
	// EveryWeeks is the time between steps; the first is in week StartWeek
	// (from 1) of the program.
	EveryWeeks int `yaml:"every_weeks,required" json:"every_weeks" range:"1,52" doc:"weeks between steps"`
	StartWeek  int `yaml:"start_week" json:"start_week" range:"0,104" doc:"week of the program of the first step, from 1"`
	// StopBelow is the dose in MME a day under which opioids are stopped.
	StopBelow float64 `yaml:"stop_below" json:"stop_below" range:"0,100" doc:"MME a day under which opioids are stopped"`
	// AfterDischarge says whether an unfinished taper goes on after the program.
	AfterDischarge bool `yaml:"after_discharge" json:"after_discharge" doc:"an unfinished taper goes on after the program"`
	// MedicationAssisted offers buprenorphine or methadone to those who cannot taper.
	MedicationAssisted bool `yaml:"medication_assisted" json:"medication_assisted,omitempty" doc:"medication-assisted treatment is offered to those who cannot taper"`
}

// Booster is a session some weeks after discharge that restores part of the
// effect that was lost.
type Booster struct {
	Weeks []int   `yaml:"weeks,required" json:"weeks" range:"1,2600" doc:"weeks after discharge, rising"`
	Staff []Staff `yaml:"staff,required" json:"staff" doc:"hours of one session"`
}

// Relapse watches patients after discharge and takes them back.
type Relapse struct {
	// InterferenceRise is the rise of interference since discharge.
	InterferenceRise float64 `yaml:"interference_rise,required" json:"interference_rise" range:"0.1,10" doc:"points of interference (0-10) over those at discharge"`
	EveryWeeks       int     `yaml:"every_weeks,required" json:"every_weeks" range:"1,52" doc:"weeks between contacts"`
	ReturnTo         string  `yaml:"return_to,required" json:"return_to" doc:"phase patients come back to"`
	Most             int     `yaml:"most,required" json:"most" range:"1,20" doc:"times a patient may come back"`
}

// Gate gives those who complete the program, and whose interference has not fallen
// by InterferenceReduction, the choice of lumbar fusion (evidence fusion.after_gate).
type Gate struct {
	InterferenceReduction float64 `yaml:"interference_reduction,required" json:"interference_reduction" range:"0,1" doc:"fall of interference from entry under which fusion is offered, as a share"`
}

// Capacity is the places of a program: GroupSize x Groups patients at once.
type Capacity struct {
	ArrivalsPerWeek float64 `yaml:"arrivals_per_week,required" json:"arrivals_per_week" range:"0,1000" doc:"patients referred a week (Poisson)"`
	Groups          int     `yaml:"groups,required" json:"groups" range:"1,100" doc:"groups at once"`
	// Priority says who goes first; without one it is who came first.
	Priority *Priority `yaml:"priority" json:"priority,omitempty" doc:"who goes before the others on the waiting list; without it who came first"`
}

// Priority puts some of the patients who wait before the others. Nobody is sent away
// for them.
type Priority struct {
	// For is pain, interference, mood (at From or more when they come), opioids, off-work
	// or compensation.
	For  string  `yaml:"for,required" json:"for" doc:"pain, interference, mood, opioids, off-work or compensation"`
	From float64 `yaml:"from" json:"from,omitempty" range:"0,27" doc:"least value of pain, interference or mood"`
}

// Those whom a priority may be for.
const (
	FirstPain         = "pain"
	FirstInterference = "interference"
	FirstMood         = "mood"
	FirstOpioids      = "opioids"
	FirstOffWork      = "off-work"
	FirstCompensation = "compensation"
)

// planned is the way through the phases of a patient who meets every benchmark.
func (d Design) planned() []Phase {
	var out []Phase
	for i := 0; i >= 0 && i < len(d.Phases) && len(out) < len(d.Phases); {
		out = append(out, d.Phases[i])
		i, _, _ = d.Targets(i)
	}
	return out
}

// PlannedWeeks is the length of the program for a patient who meets every
// benchmark.
func (d Design) PlannedWeeks() int {
	n := 0
	for _, p := range d.planned() {
		n += p.Weeks
	}
	if d.MaxWeeks > 0 {
		n = min(n, d.MaxWeeks)
	}
	return n
}

// WeekCost is the cost of one patient-week of a phase:
//
//	(Σ price·(individual + group/GroupSize))·(1 + Overhead) + bed days·BedDayPrice
func (d Design) WeekCost(p Phase) float64 {
	return d.staffCost(p.Staff) + float64(p.BedDays*d.BedDayPrice)
}

// BoosterCost is the cost of one booster for one patient.
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
// without extensions, boosters left out.
func (d Design) PlannedCost() float64 {
	sum := 0.0
	for _, p := range d.planned() {
		sum += float64(float64(p.Weeks) * d.WeekCost(p))
	}
	return sum
}

// PlannedHours is the total of the hours offered.
func (d Design) PlannedHours() float64 {
	sum := 0.0
	for _, p := range d.planned() {
		for _, c := range Components {
			sum += float64(float64(p.Weeks) * p.Hours[c])
		}
	}
	return sum
}

// Places is the number of patients that can be in the program at once.
func (d Design) Places() int {
	if d.Capacity == nil {
		return 0
	}
	return d.GroupSize * d.Capacity.Groups
}

// StaffHours returns the hours of each discipline that one patient takes over the
// planned weeks, group hours shared, by discipline in order of first mention.
func (d Design) StaffHours() (disciplines []string, hours map[string]float64) {
	hours = map[string]float64{}
	for _, p := range d.planned() {
		for _, s := range p.Staff {
			if _, ok := hours[s.Discipline]; !ok {
				disciplines = append(disciplines, s.Discipline)
			}
			hours[s.Discipline] += float64(float64(p.Weeks) * (s.IndividualHours + s.GroupHours/float64(d.GroupSize)))
		}
	}
	return disciplines, hours
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
