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
		if slices.Contains(Comparators, d.Name) {
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
	c.oneOf("perspective", s.Perspective, HealthSystem, Insurer, Societal)
	c.within("discounting.cost", s.Discounting.Cost, 0, 0.5)
	c.within("discounting.effect", s.Discounting.Effect, 0, 0.5)
	c.oneOf("discounting.form", string(s.Discounting.Form), string(simulate.Annual), string(simulate.ByYear), string(simulate.Continuous))
	c.oneOf("cycle_counting", string(s.CycleCounting), string(simulate.CountStart), string(simulate.CountEnd), string(simulate.CountHalf))
	c.oneOf("sampling", string(s.Sampling), string(simulate.LatinHypercube), string(simulate.ScrambledSobol), string(simulate.PlainRandom))
	c.oneOf("generator", s.Generator, "splitmix64", "philox4x32-10")
	c.money(s)
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
		{"job_held", p.JobHeld},
	} {
		c.within("population."+s.name, s.x, 0, 1)
	}
	for _, s := range []struct {
		name string
		x    Spread
		top  float64
	}{{"pain", p.Pain, 10}, {"interference", p.Interference, 10}, {"mood", p.Mood, 27}, {"self_efficacy", p.SelfEfficacy, 60}, {"sleep", p.Sleep, 28}} {
		c.within("population."+s.name+".mean", s.x.Mean, 0, s.top)
		c.within("population."+s.name+".sd", s.x.SD, 0, s.top)
	}
	for i, y := range p.LifeTable {
		path := fmt.Sprintf("population.life_table[%d]", i)
		c.within(path+".female", y.Female, 0, 1)
		c.within(path+".male", y.Male, 0, 1)
		switch {
		case i == 0 && float64(y.Age) > p.Age.Minimum:
			c.add(path+".age", "is %d, and patients may be %g: begin the table at their least age", y.Age, p.Age.Minimum)
		case i > 0 && y.Age <= p.LifeTable[i-1].Age:
			c.add(path+".age", "must be higher than the one before")
		case y.Age > 120:
			c.add(path+".age", "must be 120 at most")
		}
	}
	if p.RetirementAge != 0 {
		c.within("population.retirement_age", p.RetirementAge, 40, 110)
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
	*c = append(*c, strict.Bounds(path, d)...)
	c.name(at("name"), d.Name)
	c.currency(at("currency"), d.Currency)
	c.year(at("price_year"), d.PriceYear)
	if len(d.Phases) == 0 || len(d.Phases) > 12 {
		c.add(at("phases"), "must be 1 to 12 phases")
	}
	for i, p := range d.Phases {
		c.phase(fmt.Sprintf("%s[%d]", at("phases"), i), d, i, p)
	}
	c.flow(path, d)
	if t := d.Taper; t != nil && t.Of == "current" && t.StopBelow == 0 {
		c.add(at("taper.stop_below"), "is needed when steps are a percentage of the current dose, which never reaches 0; write 5, for example")
	}
	if b := d.Boosters; b != nil {
		for i, w := range b.Weeks {
			if i > 0 && w <= b.Weeks[i-1] {
				c.add(fmt.Sprintf("%s[%d]", at("boosters.weeks"), i), "must be later than the one before")
			}
		}
		c.staff(at("boosters.staff"), b.Staff)
	}
	if r := d.Relapse; r != nil && d.at(r.ReturnTo) < 0 {
		c.add(at("relapse.return_to"), "no phase is called %q; the phases are %s", r.ReturnTo, strings.Join(d.phaseNames(), ", "))
	}
	if k := d.Capacity; k != nil && d.PlannedWeeks() > 0 {
		if most := float64(d.Places()) / float64(d.PlannedWeeks()); k.ArrivalsPerWeek >= most {
			c.add(at("capacity.arrivals_per_week"), "%g patients a week can never be served: %d groups of %d for %d weeks take fewer than %.3g; add groups, or lower the arrivals", k.ArrivalsPerWeek, k.Groups, d.GroupSize, d.PlannedWeeks(), most)
		}
	}
	if d.Capacity != nil && d.Capacity.Priority != nil {
		p := d.Capacity.Priority
		c.oneOf(at("capacity.priority.for"), p.For, FirstPain, FirstInterference, FirstMood, FirstOpioids, FirstOffWork, FirstCompensation)
		measured := p.For == FirstPain || p.For == FirstInterference || p.For == FirstMood
		switch {
		case measured && p.From == 0:
			c.add(at("capacity.priority.from"), "is needed: the least value of %s that goes first", p.For)
		case !measured && p.From != 0:
			c.add(at("capacity.priority.from"), "has no meaning for %s; leave it out", p.For)
		}
	}
	c.sources(path, d)
}

func (c *checks) phase(path string, d Design, i int, p Phase) {
	total := 0.0
	for _, name := range sortedKeys(p.Hours) {
		if !slices.Contains(Components, name) {
			c.add(path+".hours."+name, "is not a component; the nine are %s", strings.Join(Components, ", "))
		}
		total += p.Hours[name]
	}
	if total > 100 {
		c.add(path+".hours", "sum to %g hours a week, more than 100", total)
	}
	c.name(path+".name", p.Name)
	if p.Name == Discharge {
		c.add(path+".name", "is what benchmarks call the end of the program; give the phase another name")
	}
	if d.at(p.Name) < i {
		c.add(path+".name", "stands more than once")
	}
	c.staff(path+".staff", p.Staff)
	b := p.Benchmark
	if b == nil {
		return
	}
	for _, t := range []struct{ key, to string }{{"met", b.Met}, {"stalled", b.Stalled}, {"worse", b.Worse}} {
		if t.to != "" && t.to != Discharge && d.at(t.to) < 0 {
			c.add(path+".benchmark."+t.key, "no phase is called %q; use discharge or one of %s", t.to, strings.Join(d.phaseNames(), ", "))
		}
	}
	if b.Worse != "" && b.WorseBy == 0 {
		c.add(path+".benchmark.worse_by", "is needed with worse: the rise of interference, such as 0.1")
	}
}

func (c *checks) staff(path string, staff []Staff) {
	for i, s := range staff {
		if s.Discipline == "" {
			c.add(fmt.Sprintf("%s[%d].discipline", path, i), "must not be empty")
		}
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
