package reports

import (
	"context"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/compare"
	"recoup/analysis/effect"
	"recoup/analysis/quality"
	"recoup/datasets"
	"recoup/datasets/instrument"
	"recoup/datasets/published"
)

// registered is a rule by which registers count a responder in an outcome.
type registered struct {
	field      datasets.Field
	instrument instrument.Instrument
	rule       published.Threshold
	sets       []published.Set // which have it
}

// registered lists the rules that registers have for the outcomes, each once.
func (q *quarter) registered() []registered {
	var out []registered
	for _, f := range q.all.Outcomes() {
		i, ok := instrument.Find(f.Instrument)
		if !ok || f.Instrument == "" {
			continue
		}
		first := len(out)
		for _, s := range published.Sets() {
			t, ok := s.Threshold(i.Name)
			if !ok {
				continue
			}
			same := func(r registered) bool {
				return r.rule.Kind == t.Kind && r.rule.Value == t.Value && r.rule.Bands == t.Bands
			}
			if at := slices.IndexFunc(out[first:], same); at >= 0 {
				out[first+at].sets = append(out[first+at].sets, s)
				continue
			}
			out = append(out, registered{f, i, t, []published.Set{s}})
		}
	}
	return out
}

// registers is the table of who improved by the rules of registers, for those who are
// given a register's own figures: they are not public.
func (q *quarter) registers(ctx context.Context) (Table, error) {
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	group := q.groups[0]
	t := Table{
		ID: "registers", Caption: q.text("Who improved by the rules of registers, at {0}", q.discharge.VisitName()),
		Columns: []Column{{Label: "Measure"}, {Label: "Rule"}, {Label: "Register"}, right("n"), right("Those seen"), right("Missing = not improved")},
	}
	if group != "" {
		t.Caption += ", " + group
	}
	var used []published.Set
	for _, x := range q.registered() {
		seen, all, err := q.byRule(ctx, x, group)
		if err != nil {
			return t, err
		}
		if seen.Basis.Denominator == 0 {
			continue
		}
		var names []string
		for _, s := range x.sets {
			names = append(names, s.Name)
			if !slices.ContainsFunc(used, func(u published.Set) bool { return u.Name == s.Name }) {
				used = append(used, s)
			}
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(x.field.Label()), Label(q.ruleWords(x.rule)), Label(strings.Join(names, ", ")), behindOf(seen), seen, all}})
	}
	for _, s := range used {
		t.Footnotes = append(t.Footnotes, Say(s.Name+": ").join(foreign(strings.Join(strings.Fields(s.Title+". "+s.Targets+" "+s.Note), " "))))
	}
	t.Footnotes = append(t.Footnotes, Say("Wilson intervals. The services of a register treat other patients: hold these shares against its figures only for patients of like pain, payer and work before, or as adjusted by the register."))
	return t, nil
}

// ruleWords says a register's rule.
func (q *quarter) ruleWords(t published.Threshold) string {
	text := q.text("better by {0} points or more", t.Value)
	switch {
	case t.Kind == published.PercentThreshold:
		text = q.text("better by {0} % of entry or more", t.Value)
	case t.Value == 1:
		text = q.text("better by 1 point or more")
	}
	if t.Bands != "" {
		text = q.text("{0}, and in a better severity band", text)
	}
	if t.Status != published.Sourced {
		text += " (" + q.text("unverified") + ")"
	}
	return text
}

// byRule is the share who improved by a register's rule, of those seen and of all. A rule
// that is also the instrument's own has the counts, and their names, of the outcome table.
func (q *quarter) byRule(ctx context.Context, x registered, group string) (seen, all Cell, err error) {
	question := analysis.Question{Outcome: x.field.Name, Visit: q.discharge.Value, Arm: group}
	if d, ok := x.instrument.Default(); ok && x.rule.Bands == "" && !d.BandChange && d.Value == x.rule.Value && (d.Kind == instrument.Relative) == (x.rule.Kind == published.PercentThreshold) {
		r, why, err := q.ask(ctx, effect.Responders, q.now, question, map[string]string{"rule": effect.RuleImportant})
		if err != nil || why != "" {
			return seen, all, err
		}
		of, _ := find(r, "responders_seen", group)
		whole, _ := find(r, "responders_all", group)
		return shared(of), shared(whole), nil
	}
	name := strings.Join([]string{x.sets[0].Name, x.field.Name, q.discharge.Value, group}, "/")
	ask := func(denominator string) (Cell, error) {
		r, why, err := q.ask(ctx, quality.BenchmarkAnalysis, q.now, question, map[string]string{"set": x.sets[0].Name, "denominator": denominator})
		e, ok := find(r, "value", "")
		if err != nil || why != "" || !ok {
			return Cell{}, err
		}
		return Share(e.N.Events, e.N.Arm).Within(float64(e.CI.Low), float64(e.CI.High)).Named("register/" + name), nil
	}
	if seen, err = ask("seen"); err != nil {
		return seen, all, err
	}
	all, err = ask("all")
	pair := analysis.Estimate{Outcome: x.field.Name, Visit: q.discharge.VisitName(), Arm: group}
	return seen.OutOf("judged/" + name).PartOf(paired(pair)), all.OutOf(population(group)), err
}

// norms is the table of the patients at entry beside the patients of registers: whether
// they are alike is what any further comparison rests on.
func (q *quarter) norms(ctx context.Context) (Table, error) {
	right := func(label string) Column { return Column{Label: label, Align: Right} }
	level := 100 * q.opt.Level
	t := Table{
		ID: "norms", Caption: "The patients at entry beside those of a register",
		Columns: []Column{{Label: "Measure"}, right("n"), right(q.text("Entry, mean ({0} % CI)", level)), right("Register, mean"), right(q.text("Difference ({0} % CI)", level)), {Label: "Register"}},
	}
	group := q.groups[0]
	if group != "" {
		t.Caption = q.text("The patients at entry beside those of a register") + ", " + group
	}
	var used []published.Entry
	for _, f := range q.all.Outcomes() {
		e, norm, ok := normOf(f.Instrument)
		if !ok {
			continue
		}
		m, err := q.meanAt(ctx, f, group, q.baseline)
		if err != nil {
			return t, err
		}
		if !m.Value.OK() {
			continue
		}
		if !slices.ContainsFunc(used, func(u published.Entry) bool { return u.ID == e.ID }) {
			used = append(used, e)
		}
		i, _ := instrument.Find(f.Instrument)
		places := decimals(measured{instrument: i})
		name := func(c Cell) Cell {
			if group == "" {
				return c.Named(has(f.Name, q.baseline.Value))
			}
			return c.Named(has(f.Name, q.baseline.Value) + "/" + group).PartOf(population(group))
		}
		d, ci := quality.Against(float64(m.Value), m.CI, quality.Benchmark{Value: norm.Value, SE: math.NaN(), Low: math.NaN(), High: math.NaN()})
		t.Rows = append(t.Rows, Row{Cells: []Cell{
			Label(f.Label()), name(Count(m.N.Arm)), name(estimated(m, places)),
			Number(norm.Value, places, 0).WithoutPatients(), name(Estimate(d, float64(ci.Low), float64(ci.High), places, m.N.Arm).WithSign()), Label(e.ID + unsourced(norm)),
		}})
	}
	for _, e := range used {
		r := e.Results[0]
		mix := compare.CaseMix(q.now, nil, r.Definition, published.Horizon{Unit: "days", After: "entry"})
		t.Footnotes = append(t.Footnotes, q.words("{0}: {1}. {2}", e.ID, foreign(e.Population+", "+e.Country+", n "+q.in.Number(float64(e.N))), q.unlike(mix, e.CaseMix(r))))
	}
	t.Footnotes = append(t.Footnotes, Say("Student's t intervals. The register's mean is taken as exact: its own error is not known. Nothing is adjusted."))
	return t, nil
}

// normOf is the mean of an instrument in a register's patients, of the first register that
// has one.
func normOf(name string) (published.Entry, published.Result, bool) {
	for _, s := range published.Sets() {
		for _, id := range s.Norms {
			e, ok := published.Find(id)
			if !ok || name == "" {
				continue
			}
			for _, r := range e.Results {
				if r.Instrument == name && r.Measure == published.Mean && r.Group == "" {
					return e, r, true
				}
			}
		}
	}
	return published.Entry{}, published.Result{}, false
}

// unlike warns of the fields in which case mixes differ, or may.
func (q *quarter) unlike(ours, theirs published.CaseMix) string {
	if list := q.mismatches(ours, theirs); list != "" {
		return q.text("Not like our patients in: {0}.", list)
	}
	return q.text("No field of the case mix that both record differs.")
}
