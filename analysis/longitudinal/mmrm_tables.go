package longitudinal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// tests is the table of joint tests: of arm by visit, and of arm at all visits.
func (m *model) tests(i *fit.Inferred) (analysis.Table, []analysis.Warning) {
	var warn []analysis.Warning
	t := analysis.Table{Name: "tests", Title: "Joint tests", Columns: []string{"test", "f", "df_numerator", "df_denominator", "p_value"}}
	var all, interaction [][]float64
	for g := range m.base() {
		effect := func(v int) []float64 {
			return minus(m.point(g, v, MMRMOptions{}), m.point(m.base(), v, MMRMOptions{}))
		}
		for v := m.from(); v < len(m.visits); v++ {
			all = append(all, effect(v))
			if v > m.from() {
				interaction = append(interaction, minus(effect(v), effect(m.from())))
			}
		}
	}
	for _, one := range []struct {
		name string
		rows [][]float64
	}{{"arm by visit", interaction}, {"arm at all visits", all}} {
		if len(one.rows) == 0 {
			t.Notes = append(t.Notes, one.name+": needs two visits after baseline")
			continue
		}
		f := i.Test(one.rows)
		if math.IsNaN(f.F) {
			warn = append(warn, analysis.Warning{
				Code: analysis.WarnTooFew, Message: "the joint test of " + one.name + " cannot be done: the covariance of its contrasts has no inverse, or no degrees of freedom are left",
				Cure: "choose a simpler covariance or other degrees of freedom",
			})
		}
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(one.name), analysis.Number(f.F), analysis.Number(f.Numerator), analysis.Number(f.Denominator), analysis.Number(f.P)})
	}
	return t, warn
}

func (m *model) fitTable(f *fit.RepeatedFit, o MMRMOptions) analysis.Table {
	t := analysis.Table{
		Name: "fit", Title: "Fit", Columns: []string{"quantity", "value"},
		Notes: []string{"AIC and BIC count the covariance's parameters alone; BIC with the number of patients (as mmrm)."},
	}
	text := func(name, value string) {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(name), analysis.Text(value)})
	}
	number := func(name string, value float64) {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(name), analysis.Number(value)})
	}
	text("covariance", string(f.Structure))
	if m.byName != "" {
		text("a covariance for each", m.byName)
	}
	text("likelihood", o.Method)
	number("parameters of the covariance", float64(len(f.Theta)))
	number("coefficients", float64(len(f.Beta)))
	number("-2 log likelihood", f.Deviance)
	number("AIC", f.AIC())
	number("BIC", f.BIC())
	n := 0
	for i := range m.groups {
		for _, k := range m.n[i] {
			n += k
		}
	}
	number("patients", float64(sum(m.used)))
	number("values", float64(n))
	number("patterns of visits", float64(f.Patterns()))
	number("steps", float64(f.Iterations))
	number("largest gradient", f.Gradient)
	return t
}

func sum(ns []int) int {
	s := 0
	for _, n := range ns {
		s += n
	}
	return s
}

// covarianceTable lists the covariance and correlation of each pair of visits.
func (m *model) covarianceTable(f *fit.RepeatedFit) analysis.Table {
	t := analysis.Table{Name: "covariance", Title: "Covariance between visits", Columns: []string{"of", "visit", "other_visit", "covariance", "correlation"}}
	names := make([]string, len(f.Sigma))
	names[0] = analysis.All
	for _, code := range slices.Sorted(maps.Keys(m.level)) {
		names[m.level[code]] = m.byLevels[code]
	}
	for g, s := range f.Sigma {
		for a := range m.visits {
			for b := range a + 1 {
				t.Rows = append(t.Rows, []analysis.Value{
					analysis.Text(names[g]), analysis.Text(m.visits[a].VisitName()), analysis.Text(m.visits[b].VisitName()),
					analysis.Number(s.At(a, b)), analysis.Number(s.At(a, b) / math.Sqrt(s.At(a, a)*s.At(b, b))),
				})
			}
		}
	}
	return t
}

const assumption = "values that are missing are taken to be missing at random: given arm, baseline, covariates and a patient's values at other visits, whether a value is missing does not depend on what it would have been"

// assumed says what the model takes for granted about values that are missing.
func (m *model) assumed() []analysis.Warning {
	missing := 0
	for i, g := range m.groups {
		for v := range m.visits {
			missing += len(g.Patients) - m.n[i][v]
		}
	}
	if missing == 0 {
		return nil
	}
	return []analysis.Warning{{Code: analysis.WarnAssumption, Message: assumption, Cure: "show the result under other assumptions about those not seen"}}
}

// valuesTable counts what was seen and what is missing.
func (m *model) valuesTable() analysis.Table {
	t := analysis.Table{
		Name: "values", Title: "Values seen and missing", Columns: []string{"arm", "visit", "patients", "seen", "in_model", "missing", "percent_missing"},
		Notes: []string{assumption},
	}
	for i, g := range m.groups {
		row := func(visit string, values []float64, used int) {
			seen, of := 0, len(g.Patients)
			for _, p := range g.Patients {
				if !math.IsNaN(values[p]) {
					seen++
				}
			}
			t.Rows = append(t.Rows, []analysis.Value{
				analysis.Text(g.Name), analysis.Text(visit), analysis.Number(float64(of)), analysis.Number(float64(seen)),
				analysis.Number(float64(used)), analysis.Number(float64(of - seen)), analysis.Number(100 * float64(of-seen) / float64(of)),
			})
		}
		if m.baseline != nil {
			row(m.before.VisitName(), m.baseline, m.used[i])
		}
		for v := range m.visits {
			row(m.visits[v].VisitName(), m.values[v], m.n[i][v])
		}
	}
	if m.baseline != nil {
		t.Notes = append(t.Notes, fmt.Sprintf("The baseline is a covariate: in_model counts patients with it and a value at a later visit, %d of all.", sum(m.used)))
	}
	return t
}

// completeCases is what the same model gives for patients seen at all its visits.
func (m *model) completeCases(ctx context.Context, s fit.Structure, q analysis.Question, o MMRMOptions, asked int) (analysis.Table, error) {
	t := analysis.Table{
		Name: "complete_cases", Title: "For comparison alone: the same model for patients seen at all visits",
		Columns: []string{"term", "arm", "reference", "visit", "estimate", "std_error", "df", "conf_low", "conf_high", "patients"},
		Notes:   []string{"Unbiased only where those seen at all visits are like the others, which the model itself does not ask."},
	}
	c := *m
	c.allVisits = true
	c.count()
	if slices.Contains(c.used, 0) {
		return t, errors.New("an arm has no patient seen at all visits")
	}
	if err := c.ready(o); err != nil {
		return t, err
	}
	stats, err := c.statistics()
	if err != nil {
		return t, err
	}
	f, err := stats.FitRepeated(ctx, s, o.Method == "reml")
	if err != nil {
		return t, c.explain(err)
	}
	i, err := f.Infer(o.inference(s), c.patients())
	if err != nil {
		return t, err
	}
	for _, e := range c.estimates(i, c.terms(asked, q, o), q, analysis.Method{}) {
		if q.Reference != "" && e.Reference == "" {
			continue
		}
		t.Rows = append(t.Rows, []analysis.Value{
			analysis.Text(e.Term), analysis.Text(e.Arm), analysis.Text(cmp.Or(e.Reference, "-")), analysis.Text(cmp.Or(e.Visit, "-")),
			{Num: e.Value},
			{Num: e.SE},
			{Num: e.DF},
			{Num: e.CI.Low},
			{Num: e.CI.High},
			analysis.Number(float64(e.N.Arm + e.N.Reference)),
		})
	}
	return t, nil
}
