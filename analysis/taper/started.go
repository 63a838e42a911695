package taper

import (
	"math"

	"recoup/analysis"
	"recoup/datasets"
)

// started returns by patient whether they began: a date of admission, or a row in a
// table of visits, doses, spells or times. In a cohort without dates of admission
// everyone did.
func started(c *datasets.Cohort) []bool {
	out := make([]bool, c.Patients())
	admitted := c.Days(datasets.RoleAdmitted)
	for p := range out {
		out[p] = admitted == nil || !math.IsNaN(admitted[p])
	}
	for _, t := range c.Tables() {
		for _, role := range []datasets.Role{datasets.RoleVisit, datasets.RoleDay, datasets.RoleDate, datasets.RoleStart, datasets.RoleTime} {
			if _, ok := t.Field(role); ok {
				for _, p := range t.Patient() {
					out[p] = true
				}
			}
		}
	}
	return out
}

// only returns the groups without the patients who never began, who are counted.
func (r *reducer) only(groups []analysis.Group) []analysis.Group {
	out := make([]analysis.Group, len(groups))
	never := 0
	for i, g := range groups {
		out[i].Name = g.Name
		for _, p := range g.Patients {
			if r.started[p] {
				out[i].Patients = append(out[i].Patients, p)
			} else {
				never++
			}
		}
	}
	if never > 0 {
		r.result.Excluded = append(r.result.Excluded, datasets.Exclusion{Code: analysis.WarnExcluded, Patients: never, Reason: "never admitted, and no visit or record"})
	}
	return out
}

// dated reports whether the column with the role holds dates.
func dated(c *datasets.Cohort, role datasets.Role) bool {
	t := c.TableWith(role)
	if t == nil {
		return false
	}
	f, _ := t.Field(role)
	return f.Type == datasets.TypeDate || f.Type == datasets.TypeDatetime
}
