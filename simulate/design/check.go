package design

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/simulate"
	"recoup/simulate/internal/strict"
)

// checks collects problems of a decoded file; they are placed later.
type checks []Problem

func (c *checks) add(path, format string, args ...any) {
	*c = append(*c, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// within wants lo ≤ x ≤ hi; NaN fails.
func (c *checks) within(path string, x, lo, hi float64) {
	if !(x >= lo && x <= hi) {
		c.add(path, "must be from %g to %g", lo, hi)
	}
}

func (c *checks) oneOf(path, x string, allowed ...string) {
	if !slices.Contains(allowed, x) {
		c.add(path, "is %q: use %s", x, strings.Join(allowed, " or "))
	}
}

func (c *checks) name(path, x string) {
	ok := x != "" && len(x) <= 64
	for _, r := range x {
		ok = ok && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		c.add(path, "must be lower-case letters, digits and hyphens, at most 64")
	}
}

// Limits of a run, far over what one machine does in a day.
const (
	maxHorizon  = 52 * 50
	maxDraws    = 100_000
	maxPatients = 10_000_000
)

// Check returns every problem of a scenario, without lines.
func Check(s Scenario) []Problem {
	var c checks
	c.name("name", s.Name)
	c.population(s.Population)
	for i, d := range s.Designs {
		path := fmt.Sprintf("designs[%d]", i)
		c.design(path, d)
		if d.Name == UsualCare || d.Name == LumbarFusion {
			c.add(path+".name", "is the name of a comparator")
		}
		if slices.ContainsFunc(s.Designs[:i], func(e Design) bool { return e.Name == d.Name }) {
			c.add(path+".name", "stands more than once")
		}
	}
	if len(s.Strategies) == 0 || len(s.Strategies) > 20 {
		c.add("strategies", "must name 1 to 20 strategies")
	}
	for i, name := range s.Strategies {
		path := fmt.Sprintf("strategies[%d]", i)
		if _, _, err := s.Design(name); err != nil {
			c.add(path, "%v", err)
		}
		if slices.Contains(s.Strategies[:i], name) {
			c.add(path, "stands more than once")
		}
	}
	c.settings(s)
	return c
}

func (c *checks) settings(s Scenario) {
	c.within("horizon_weeks", float64(s.HorizonWeeks), 1, maxHorizon)
	c.within("draws", float64(s.Draws), 0, maxDraws)
	c.within("patients", float64(s.Patients), 1, maxPatients)
	c.oneOf("perspective", s.Perspective, HealthSystem, Societal)
	c.within("discounting.cost", s.Discounting.Cost, 0, 0.5)
	c.within("discounting.effect", s.Discounting.Effect, 0, 0.5)
	c.oneOf("discounting.form", string(s.Discounting.Form), string(simulate.Annual), string(simulate.ByYear), string(simulate.Continuous))
	c.oneOf("cycle_counting", string(s.CycleCounting), string(simulate.CountStart), string(simulate.CountEnd), string(simulate.CountHalf))
	c.oneOf("sampling", string(s.Sampling), string(simulate.LatinHypercube), string(simulate.ScrambledSobol), string(simulate.PlainRandom))
	c.oneOf("generator", s.Generator, "splitmix64", "philox4x32-10")
	for i, w := range s.WillingnessToPay {
		path := fmt.Sprintf("willingness_to_pay[%d]", i)
		c.within(path, w, 0, 1e9)
		if i > 0 && !(w > s.WillingnessToPay[i-1]) {
			c.add(path, "must be larger than the one before")
		}
	}
}

func (c *checks) population(p Population) {
	c.within("population.age.minimum", p.Age.Minimum, 16, 110)
	c.within("population.age.maximum", p.Age.Maximum, p.Age.Minimum, 110)
	c.within("population.age.mean", p.Age.Mean, p.Age.Minimum, p.Age.Maximum)
	c.within("population.age.sd", p.Age.SD, 0, 50)
	for _, s := range []struct {
		name string
		x    float64
	}{
		{"female", p.Female},
		{"opioid_share", p.OpioidShare},
		{"compensation", p.Compensation},
		{"work.full", p.Work.Full},
		{"work.modified", p.Work.Modified},
		{"work.off", p.Work.Off},
		{"work.disability", p.Work.Disability},
	} {
		c.within("population."+s.name, s.x, 0, 1)
	}
	for _, s := range []struct {
		name string
		x    Spread
		top  float64
	}{{"pain", p.Pain, 10}, {"interference", p.Interference, 10}, {"mood", p.Mood, 27}} {
		c.within("population."+s.name+".mean", s.x.Mean, 0, s.top)
		c.within("population."+s.name+".sd", s.x.SD, 0, s.top)
	}
	c.within("population.opioid_dose.mean", p.OpioidDose.Mean, 1, 500)
	c.within("population.opioid_dose.sd", p.OpioidDose.SD, 0, 1000)
	c.within("population.weeks_off_work", p.WeeksOffWork, 0, 1000)
	if sum := p.Work.Full + p.Work.Modified + p.Work.Off + p.Work.Disability; math.Abs(sum-1) > 1e-6 {
		c.add("population.work", "the shares sum to %.4g, not 1", sum)
	}
}

func (c *checks) design(path string, d Design) {
	at := func(key string) string { return strict.Join(path, key) }
	c.name(at("name"), d.Name)
	c.within(at("group_size"), float64(d.GroupSize), 1, 100)
	c.within(at("overhead"), d.Overhead, 0, 10)
	c.within(at("bed_day_price"), d.BedDayPrice, 0, 1e5)
	if len(d.Phases) == 0 || len(d.Phases) > 12 {
		c.add(at("phases"), "must be 1 to 12 phases")
	}
	for i, p := range d.Phases {
		c.phase(fmt.Sprintf("%s[%d]", at("phases"), i), p)
	}
	if t := d.Taper; t != nil {
		c.within(at("taper.percent"), t.Percent, 0.1, 100)
		c.oneOf(at("taper.of"), t.Of, "starting", "current")
		c.within(at("taper.every_weeks"), float64(t.EveryWeeks), 1, 52)
		c.within(at("taper.start_week"), float64(t.StartWeek), 0, 104)
		c.within(at("taper.stop_below"), t.StopBelow, 0, 100)
		if t.Of == "current" && t.StopBelow == 0 {
			c.add(at("taper.stop_below"), "is needed when steps are a percentage of the current dose, which never reaches 0")
		}
	}
	if b := d.Boosters; b != nil {
		for i, w := range b.Weeks {
			c.within(fmt.Sprintf("%s[%d]", at("boosters.weeks"), i), float64(w), 1, maxHorizon)
			if i > 0 && w <= b.Weeks[i-1] {
				c.add(fmt.Sprintf("%s[%d]", at("boosters.weeks"), i), "must be later than the one before")
			}
		}
		c.staff(at("boosters.staff"), b.Staff)
	}
}

func (c *checks) phase(path string, p Phase) {
	c.within(path+".weeks", float64(p.Weeks), 1, 104)
	c.within(path+".bed_days", p.BedDays, 0, 7)
	total := 0.0
	for _, name := range sortedKeys(p.Hours) {
		if !slices.Contains(Components, name) {
			c.add(path+".hours."+name, "is not a component; the nine are %s", strings.Join(Components, ", "))
		}
		c.within(path+".hours."+name, p.Hours[name], 0, 100)
		total += p.Hours[name]
	}
	if total > 100 {
		c.add(path+".hours", "sum to %g hours a week, more than 100", total)
	}
	c.staff(path+".staff", p.Staff)
	if b := p.Benchmark; b != nil {
		c.within(path+".benchmark.interference_reduction", b.InterferenceReduction, 0, 1)
		c.within(path+".benchmark.extend_weeks", float64(b.ExtendWeeks), 0, 26)
	}
}

func (c *checks) staff(path string, staff []Staff) {
	for i, s := range staff {
		at := fmt.Sprintf("%s[%d]", path, i)
		if s.Discipline == "" {
			c.add(at+".discipline", "must not be empty")
		}
		c.within(at+".individual_hours", s.IndividualHours, 0, 100)
		c.within(at+".group_hours", s.GroupHours, 0, 100)
		c.within(at+".price", s.Price, 0, 10000)
	}
}

func sortedKeys(m map[string]float64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
