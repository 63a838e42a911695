// Package describe says who is in a cohort and what is known of them: the flow from
// referral to follow-up, Table 1, completeness, and what care cost.
package describe

import (
	"fmt"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Whom a description counts.
const (
	PatientsAdmitted = "admitted" // those admitted, where the cohort says who was; else all
	PatientsAll      = "all"      // everyone in the cohort
)

// happened returns whether an event of the patients happened, by patient: 1, 0, or
// NaN where a flag is not recorded. Why says why it cannot be known.
func happened(c *datasets.Cohort, role datasets.Role) (state []float64, why string) {
	cells := c.Days(role)
	if cells == nil {
		if c.Has(role) {
			return nil, fmt.Sprintf("the column with role %s is not in a table of one row a patient", role)
		}
		return nil, fmt.Sprintf("no column has the role %s", role)
	}
	f := fieldOf(c, role)
	if f.Type == datasets.TypeString {
		return nil, fmt.Sprintf("the column with role %s holds text; expected a date, a day number or true and false", role)
	}
	state, ambiguous := fit.Occurred(cells, f.Type == datasets.TypeBoolean, f.Type == datasets.TypeInteger)
	if ambiguous {
		return nil, fmt.Sprintf("the column with role %s holds only 0 and 1, which may be days or a flag; declare it boolean if it is a flag", role)
	}
	return state, ""
}

// fieldOf returns the first column of the tables of one row a patient with the
// role.
func fieldOf(c *datasets.Cohort, role datasets.Role) datasets.Field {
	for _, t := range c.Tables() {
		if f, ok := t.Field(role); ok && onePerPatient(c, t, f.Name) {
			return f
		}
	}
	return datasets.Field{}
}

// onePerPatient reports whether a column of a table is the one that stands for
// each patient once.
func onePerPatient(c *datasets.Cohort, t *datasets.Table, column string) bool {
	of, _, err := c.PatientField(column)
	return err == nil && of == t
}

func isDate(f datasets.Field) bool {
	return f.Type == datasets.TypeDate || f.Type == datasets.TypeDatetime
}

// who returns whom a description counts, in words too.
func who(c *datasets.Cohort, patients string) (in []bool, n int, words string) {
	in = slices.Repeat([]bool{true}, c.Patients())
	if patients == PatientsAll {
		return in, len(in), "all patients of the cohort"
	}
	state, why := happened(c, datasets.RoleAdmitted)
	if why != "" {
		return in, len(in), "all patients of the cohort (who was admitted is not known: " + why + ")"
	}
	for p, s := range state {
		if in[p] = s == 1; in[p] {
			n++
		}
	}
	return in, n, "patients admitted"
}

// one returns the patients that a question asks about as one group: an arm, or
// everyone.
func one(in analysis.Input, q analysis.Question) (analysis.Group, []datasets.Exclusion, error) {
	if q.Reference != "" {
		return analysis.Group{}, nil, fmt.Errorf("%w: this describes one group, so a reference has no use; leave it out", analysis.ErrOptions)
	}
	if q.Arm == "" {
		return everyone(in.Cohort), nil, nil
	}
	groups, excluded, err := whole(in, q)
	if err != nil {
		return analysis.Group{}, nil, err
	}
	return groups[0], excluded, nil
}

// whole returns the groups that a question asks about with those who never began
// among them: a description says itself whom it counts.
func whole(in analysis.Input, q analysis.Question) ([]analysis.Group, []datasets.Exclusion, error) {
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return nil, nil, err
	}
	excluded = slices.DeleteFunc(excluded, func(e datasets.Exclusion) bool { return e.Code == datasets.CodeNeverBegan })
	if len(in.Cohort.Arms()) == 0 {
		return []analysis.Group{everyone(in.Cohort)}, excluded, nil
	}
	for i, g := range groups {
		arm, err := in.Cohort.Arm(g.Name)
		if err != nil {
			return nil, nil, err
		}
		groups[i].Patients = nil
		for p, a := range in.Cohort.ArmOf() {
			if int(a) == arm {
				groups[i].Patients = append(groups[i].Patients, p)
			}
		}
	}
	return groups, excluded, nil
}

func everyone(c *datasets.Cohort) analysis.Group {
	g := analysis.Group{Name: analysis.All}
	for p := range c.Patients() {
		g.Patients = append(g.Patients, p)
	}
	return g
}

// only returns the cohort of a group's patients.
func only(c *datasets.Cohort, g analysis.Group) *datasets.Cohort {
	if len(g.Patients) == c.Patients() {
		return c
	}
	keep := make([]bool, c.Patients())
	for _, p := range g.Patients {
		keep[p] = true
	}
	return c.Select(keep, "patients of other arms")
}

// share returns a proportion and its Wilson interval; none of nobody.
func share(x, n int, level float64) (analysis.Num, analysis.Interval) {
	if n == 0 {
		return analysis.None, analysis.NoInterval
	}
	return analysis.Num(float64(x) / float64(n)), analysis.Wilson(x, n, level)
}
