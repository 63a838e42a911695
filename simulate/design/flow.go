package design

import (
	"slices"
	"strings"

	"recoup/simulate/internal/strict"
)

// at returns the index of a phase, −1 if there is none of that name.
func (d Design) at(name string) int {
	return slices.IndexFunc(d.Phases, func(p Phase) bool { return p.Name == name })
}

func (d Design) phaseNames() []string {
	var names []string
	for _, p := range d.Phases {
		names = append(names, p.Name)
	}
	return names
}

// Targets returns where phase i sends those who meet its benchmark, stall or are
// worse, as indexes; len(d.Phases) is discharge. Without a benchmark all go on.
func (d Design) Targets(i int) (met, stalled, worse int) {
	next := i + 1
	to := func(name string, otherwise int) int {
		switch name {
		case "":
			return otherwise
		case Discharge:
			return len(d.Phases)
		}
		return d.at(name)
	}
	b := d.Phases[i].Benchmark
	if b == nil {
		return next, next, next
	}
	stalled = to(b.Stalled, next)
	return to(b.Met, next), stalled, to(b.Worse, stalled)
}

// flow refuses phases that can never be left. A patient who always stalls (or
// always gets worse) walks one path; if that comes back to a phase it never ends,
// unless max_weeks ends it.
func (c *checks) flow(path string, d Design) {
	if d.MaxWeeks > 0 {
		return
	}
	for i, p := range d.Phases {
		for _, way := range []struct {
			who string
			to  func(int) int
		}{
			{"meets every benchmark", func(i int) int { m, _, _ := d.Targets(i); return m }},
			{"stalls at every benchmark", func(i int) int { _, s, _ := d.Targets(i); return s }},
			{"gets worse at every benchmark", func(i int) int { _, _, w := d.Targets(i); return w }},
		} {
			if loop := walk(i, len(d.Phases), way.to); loop != nil && slices.Min(loop) == i {
				var names []string
				for _, k := range append(loop, i) {
					names = append(names, d.Phases[k].Name)
				}
				c.add(strict.Join(path, "phases")+"["+itoa(i)+"]", "phase %s can never be left by a patient who %s (%s): send them to discharge or to another phase, or set max_weeks", p.Name, way.who, strings.Join(names, " → "))
				break
			}
		}
	}
}

// walk follows a path from phase i to discharge; if it comes back to i it returns
// the phases of that loop. Faulty targets end it.
func walk(i, discharge int, to func(int) int) []int {
	loop := []int{i}
	for k := to(i); k >= 0 && k < discharge && len(loop) <= discharge; k = to(k) {
		if k == i {
			return loop
		}
		loop = append(loop, k)
	}
	return nil
}

// Warnings says what is unusual in a design but may be meant.
func (d Design) Warnings() []string {
	var out []string
	reached := map[int]bool{0: true}
	for range d.Phases {
		for i := range d.Phases {
			if reached[i] {
				m, s, w := d.Targets(i)
				reached[m], reached[s], reached[w] = true, true, true
			}
		}
	}
	if d.Relapse != nil {
		reached[d.at(d.Relapse.ReturnTo)] = true
	}
	for i, p := range d.Phases {
		total := 0.0
		for _, c := range Components {
			total += p.Hours[c]
		}
		switch {
		case !reached[i]:
			out = append(out, "phase "+p.Name+" is never reached: no benchmark and no relapse watch sends anyone there")
		case total == 0:
			out = append(out, "phase "+p.Name+" offers no hours, so nothing is gained in it")
		case total > 60:
			out = append(out, "phase "+p.Name+" offers more than 60 hours a week")
		}
		if p.BedDays > 0 && d.BedDayPrice == 0 {
			out = append(out, "phase "+p.Name+" has bed days and bed_day_price is 0, so they cost nothing")
		}
		if len(p.Staff) == 0 && total > 0 {
			out = append(out, "phase "+p.Name+" has hours and no staff, so they cost nothing")
		}
	}
	if t := d.Taper; t != nil && t.Of == "starting" && t.Percent > 10*float64(t.EveryWeeks) {
		out = append(out, "the taper is faster than 10 % of the starting dose a week, which studies call rapid; guidance asks for slower tapers outside supervised programs")
	}
	for _, n := range d.Numbers() {
		if n.Source == nil {
			out = append(out, "some numbers have no source and are shown as assumed; name them under sources")
			break
		}
	}
	return out
}
