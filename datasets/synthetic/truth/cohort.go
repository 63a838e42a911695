package truth

import (
	"fmt"
	"slices"
	"strconv"

	"recoup/datasets"
	"recoup/datasets/synthetic"
)

// Draw returns the cohort of a truth, to be written as it is drawn.
func Draw(t Truth) (synthetic.Source, error) {
	m, err := t.model()
	if err != nil {
		return synthetic.Source{}, err
	}
	d, tables := m.dictionary()
	return synthetic.Source{Dictionary: d, Patients: t.Patients, Rows: func(dst []byte, table, i int) []byte {
		p := m.person(m.root.Sub(uint64(i)), func(t int) bool { return t == tables[table] })
		return m.rows(dst, tables[table], i, p)
	}}, nil
}

func (t Truth) model() (*model, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	quarters, err := synthetic.Quarters(t.Last, t.Quarters)
	if err != nil {
		return nil, err
	}
	return newModel(t, quarters), nil
}

// rows appends a person's lines of a table.
func (m *model) rows(dst []byte, table, i int, p *person) []byte {
	id := fmt.Sprintf("P%06d", i+1)
	switch table {
	case patients:
		return m.patient(dst, id, p)
	case visits:
		for v := range m.Visits {
			if !p.began || !p.seen[v] {
				continue
			}
			cells := []string{id, m.Visits[v].Name}
			for k, x := range p.scores[v] {
				cells = append(cells, m.answer(x, p.missing[v][k]))
			}
			dst = synthetic.Line(dst, cells...)
		}
	case doses:
		for _, d := range p.doses {
			dst = synthetic.Line(dst, id, strconv.Itoa(d.day), "morphine", "oral", "mg", number(d.mg), strconv.Itoa(d.days))
		}
	case work:
		for _, s := range p.spells {
			dst = synthetic.Line(dst, id, strconv.Itoa(s.start), strconv.Itoa(s.end), workBefore[s.status])
		}
	case costs:
		for _, c := range p.costs {
			dst = synthetic.Line(dst, id, strconv.Itoa(c.day), m.Costs[c.category].Category, strconv.FormatFloat(c.amount, 'f', 2, 64), strconv.Itoa(m.PriceYear))
		}
	}
	return dst
}

func (m *model) answer(x float64, missing int) string {
	switch {
	case missing == 0:
		return number(x)
	case len(m.Missing.Codes) == 0:
		return ""
	}
	return m.Missing.Codes[missing-1].Value
}

func (m *model) patient(dst []byte, id string, p *person) []byte {
	arm := ""
	if p.began {
		arm = m.Arms[p.arm].Name
	}
	cells := []string{id, m.sites[p.site].Name, m.quarters[p.quarter], arm, strconv.FormatBool(p.began)}
	for i, v := range m.Covariates {
		x, level := v.value(p.normal[i])
		if level >= 0 {
			cells = append(cells, v.Levels[level].Value)
		} else {
			cells = append(cells, number(x))
		}
	}
	if m.Work != nil {
		cells = append(cells, workBefore[p.work])
	}
	return synthetic.Line(dst, cells...)
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// dictionary describes the tables; which of the truth's tables they are is returned
// beside it.
func (m *model) dictionary() (*datasets.Dictionary, []int) {
	d := &datasets.Dictionary{
		Name:  m.Name,
		Title: "SYNTHETIC: " + m.Title,
		Description: fmt.Sprintf("SYNTHETIC DATA, seed %d: no row is about a person. What is true of it is in truth.json. "+
			"Days count from admission.", m.Seed),
		Privacy: &datasets.Privacy{Allowances: []datasets.Allowance{{Column: "period", By: "synthetic data", Reason: "no row is about a person, so a quarter identifies nobody"}}},
	}
	for _, a := range m.Arms {
		d.Arms = append(d.Arms, datasets.Arm{Value: a.Name})
	}
	for i, v := range m.Visits {
		week := float64(v.Day) / 7
		d.Visits = append(d.Visits, datasets.Visit{Value: v.Name, Week: &week, Baseline: i == 0, Role: v.Role})
	}
	var tables []int
	for i, r := range []datasets.Resource{m.patientsTable(), m.visitsTable(), m.dosesTable(), m.workTable(), m.costsTable()} {
		if len(r.Schema.Fields) > 0 {
			r.Path = datasets.Paths{r.Name + ".csv"}
			d.Resources, tables = append(d.Resources, r), append(tables, i)
		}
	}
	return d, tables
}

func field(name string, kind datasets.Type, role datasets.Role) datasets.Field {
	return datasets.Field{Name: name, Type: kind, Role: role}
}

func levels(f datasets.Field, values ...string) datasets.Field {
	for _, v := range values {
		f.Categories = append(f.Categories, datasets.Category{Value: v})
	}
	return f
}

var patientField = field("patient", datasets.TypeString, datasets.RolePatient)

func (m *model) patientsTable() datasets.Resource {
	var sites []string
	for _, s := range m.sites {
		sites = append(sites, s.Name)
	}
	fs := []datasets.Field{
		patientField, levels(field("site", datasets.TypeString, datasets.RoleSite), sites...),
		field("period", datasets.TypeString, datasets.RolePeriod), field("arm", datasets.TypeString, datasets.RoleArm),
		field("began", datasets.TypeBoolean, datasets.RoleAdmitted),
	}
	for _, v := range m.Covariates {
		f := datasets.Field{Name: v.Name, Title: v.Title, Unit: v.Unit, Type: datasets.TypeNumber, Role: datasets.RoleCovariate}
		if v.Distribution == "levels" {
			f.Type = datasets.TypeString
			for _, l := range v.Levels {
				f = levels(f, l.Value)
			}
		}
		fs = append(fs, f)
	}
	if m.Work != nil {
		fs = append(fs, levels(field("work_before", datasets.TypeString, datasets.RoleWorkBefore), workBefore...))
	}
	return datasets.Resource{Name: "patients", Description: "everyone referred; those who never began have no rows in other tables", Schema: datasets.Schema{Fields: fs}}
}

func (m *model) visitsTable() datasets.Resource {
	fs := []datasets.Field{patientField, field("visit", datasets.TypeString, datasets.RoleVisit)}
	for _, o := range m.Outcomes {
		fs = append(fs, datasets.Field{
			Name: o.Name, Title: o.Title, Type: datasets.TypeNumber, Role: datasets.RoleOutcome, Instrument: o.Instrument,
			Constraints: datasets.Constraints{Minimum: &o.Low, Maximum: &o.High},
		})
	}
	missing := append([]datasets.MissingValue{{Value: ""}}, slices.Clone(m.Missing.Codes)...)
	return datasets.Resource{Name: "visits", Description: "one row a patient and visit that was attended", Schema: datasets.Schema{Fields: fs, MissingValues: missing}}
}

func (m *model) dosesTable() datasets.Resource {
	r := datasets.Resource{Name: "doses"}
	if m.Opioids != nil {
		days := field("days_supplied", datasets.TypeInteger, datasets.RoleDaysSupplied)
		days.Description = "days from the first on which the dose was taken"
		r.Description = fmt.Sprintf("daily doses, complete for every patient from day %d to day %d; 0 where none was taken", firstDay, m.lastDay())
		r.Schema.Fields = []datasets.Field{
			patientField, field("day", datasets.TypeInteger, datasets.RoleDay), field("drug", datasets.TypeString, datasets.RoleDrug),
			field("route", datasets.TypeString, datasets.RoleRoute), field("unit", datasets.TypeString, datasets.RoleUnit),
			field("dose", datasets.TypeNumber, datasets.RoleDose), days,
		}
	}
	return r
}

func (m *model) workTable() datasets.Resource {
	r := datasets.Resource{Name: "work"}
	if m.Work != nil {
		r.Description = fmt.Sprintf("spells of work status from admission to day %d; both ends included", m.Work.Days)
		r.Schema.Fields = []datasets.Field{
			patientField, field("start_day", datasets.TypeInteger, datasets.RoleStart), field("end_day", datasets.TypeInteger, datasets.RoleEnd),
			levels(field("status", datasets.TypeString, datasets.RoleWorkStatus), workBefore...),
		}
	}
	return r
}

func (m *model) costsTable() datasets.Resource {
	r := datasets.Resource{Name: "costs"}
	if len(m.Costs) > 0 {
		var kinds []string
		for _, k := range m.Costs {
			kinds = append(kinds, k.Category)
		}
		amount := field("cost", datasets.TypeNumber, datasets.RoleCost)
		amount.Unit = "USD"
		r.Description = "care from 365 days before admission to 364 days after it, complete for every patient"
		r.Schema.Fields = []datasets.Field{
			patientField, field("day", datasets.TypeInteger, datasets.RoleDay), levels(field("category", datasets.TypeString, datasets.RoleCategory), kinds...),
			amount, field("price_year", datasets.TypeInteger, datasets.RolePriceYear),
		}
	}
	return r
}
