package synthetic

import (
	"fmt"

	"recoup/datasets"
)

// dictionary describes the tables.
func (m *model) dictionary() *datasets.Dictionary {
	d := &datasets.Dictionary{
		Name:  "synthetic",
		Title: "SYNTHETIC: pain rehabilitation program",
		Description: fmt.Sprintf("SYNTHETIC DATA, seed %d: no row is about a person. Made to try recoup on; what is true of it is in truth.json. "+
			"The file was drawn after every follow-up was due. Days count from admission in doses, work and costs, and from referral in patients.", m.o.Seed),
		Resources:   []datasets.Resource{m.patientsTable(), visitsTable(), dosesTable(), workTable(), costsTable()},
		Rules:       []datasets.Rule{{Table: "patients", Check: "discharged_day >= admitted_day or discharged_day is missing", Message: "discharge comes after admission"}},
		Privacy:     privacy,
		Definitions: map[string]string{"work": "any-work"},
		CaseMix:     &datasets.CaseMix{Payer: "mixed", WorkBefore: "mixed", Procedure: "interdisciplinary rehabilitation", Population: "chronic pain"},
	}
	if m.o.Comparison {
		for _, a := range arms {
			d.Arms = append(d.Arms, datasets.Arm{Value: a})
		}
	}
	for _, at := range occasions {
		week := float64(at.day) / 7
		v := datasets.Visit{Value: at.value, Name: at.name, Week: &week, Baseline: at.always, Role: at.role}
		if at.name == at.value {
			v.Name = ""
		}
		d.Visits = append(d.Visits, v)
	}
	return d
}

var privacy = &datasets.Privacy{
	QuasiIdentifiers: []string{"age", "sex", "site", "payer"},
	Allowances:       []datasets.Allowance{{Column: "period", By: "synthetic data", Reason: "no row is about a person, so a quarter identifies nobody"}},
}

func (m *model) patientsTable() datasets.Resource {
	var sites []string
	for _, s := range m.sites {
		sites = append(sites, s.name)
	}
	fs := []datasets.Field{
		{Name: "patient", Type: datasets.TypeString, Role: datasets.RolePatient},
		levels("site", "Site", datasets.RoleSite, sites),
		{Name: "period", Title: "Quarter", Description: "quarter of discharge, or of referral for those who never began", Type: datasets.TypeString, Role: datasets.RolePeriod},
	}
	if m.o.Comparison {
		fs = append(fs, datasets.Field{Name: "arm", Title: "Arm", Type: datasets.TypeString, Role: datasets.RoleArm})
	}
	fs = append(fs,
		datasets.Field{Name: "age", Title: "Age", Type: datasets.TypeInteger, Role: datasets.RoleCovariate, Unit: "years", Constraints: between(18, 85)},
		levels("sex", "Sex", datasets.RoleCovariate, []string{"male", "female"}),
		levels("payer", "Payer", datasets.RolePayer, payers),
		levels("condition", "Pain condition", datasets.RoleCovariate, conditions),
		datasets.Field{Name: "pain_years", Title: "Duration of pain", Type: datasets.TypeNumber, Role: datasets.RoleCovariate, Unit: "years", Constraints: between(0, 50)},
		levels("work_before", "Work before entry", datasets.RoleWorkBefore, workBefore),
		datasets.Field{Name: "weeks_off_work", Title: "Weeks off work at entry", Description: "empty for those who are not off work", Type: datasets.TypeInteger, Role: datasets.RoleCovariate, Unit: "weeks", Constraints: between(0, 520)},
		datasets.Field{Name: "referred_day", Description: "day of referral, from which the other days of this table count", Type: datasets.TypeInteger, Role: datasets.RoleReferred, Unit: "days"},
		datasets.Field{Name: "admitted_day", Description: "days from referral to admission; empty for those who never began", Type: datasets.TypeInteger, Role: datasets.RoleAdmitted, Unit: "days"},
		datasets.Field{Name: "completed", Title: "Completed the program", Type: datasets.TypeBoolean, Role: datasets.RoleCompleted},
		datasets.Field{Name: "discharged_day", Description: "days from referral to discharge or leaving early", Type: datasets.TypeInteger, Role: datasets.RoleDischarged, Unit: "days"})
	return table(patients, "everyone referred; those who never began have no admitted_day and no rows in other tables", fs)
}

func visitsTable() datasets.Resource {
	fs := []datasets.Field{
		{Name: "patient", Type: datasets.TypeString, Role: datasets.RolePatient},
		{Name: "visit", Type: datasets.TypeString, Role: datasets.RoleVisit},
	}
	for _, o := range outcomes {
		fs = append(fs, datasets.Field{Name: o.name, Title: o.title, Type: datasets.TypeNumber, Role: datasets.RoleOutcome, Instrument: o.instrument, Constraints: between(o.low, o.high)})
	}
	fs = append(fs, levels("work_status", "Work status", datasets.RoleWorkStatus, statuses),
		datasets.Field{Name: "opioids", Title: "Takes opioids for pain", Type: datasets.TypeBoolean, Role: datasets.RoleExposure})
	r := table(visits, "one row a patient and visit that was attended", fs)
	r.Schema.MissingValues = []datasets.MissingValue{{Value: ""}}
	for _, c := range missingCodes {
		r.Schema.MissingValues = append(r.Schema.MissingValues, datasets.MissingValue{Value: c.code, Label: c.label})
	}
	return r
}

func dosesTable() datasets.Resource {
	return table(doses, fmt.Sprintf("dispensing register, complete for every patient from day %d to day %d, whether or not they came to follow-up; a row with dose 0 says that nothing was supplied on those days", firstDay, lastDay), []datasets.Field{
		{Name: "patient", Type: datasets.TypeString, Role: datasets.RolePatient},
		{Name: "day", Description: "first day of the supply, from admission", Type: datasets.TypeInteger, Role: datasets.RoleDay, Unit: "days"},
		{Name: "drug", Type: datasets.TypeString, Role: datasets.RoleDrug},
		{Name: "route", Type: datasets.TypeString, Role: datasets.RoleRoute},
		{Name: "strength", Type: datasets.TypeNumber, Role: datasets.RoleStrength},
		{Name: "unit", Type: datasets.TypeString, Role: datasets.RoleUnit},
		{Name: "quantity", Type: datasets.TypeNumber, Role: datasets.RoleQuantity},
		{Name: "days_supplied", Type: datasets.TypeInteger, Role: datasets.RoleDaysSupplied, Unit: "days"},
		{Name: "dose", Description: "0 where nothing was supplied, else empty", Type: datasets.TypeNumber, Role: datasets.RoleDose, Unit: "mg"},
		{Name: "indication", Type: datasets.TypeString, Role: datasets.RoleIndication},
	})
}

func workTable() datasets.Resource {
	return table(work, fmt.Sprintf("spells of work status from admission to day %d, or to the day the register lost sight of the patient; both ends included", lastDay), []datasets.Field{
		{Name: "patient", Type: datasets.TypeString, Role: datasets.RolePatient},
		{Name: "start_day", Type: datasets.TypeInteger, Role: datasets.RoleStart, Unit: "days"},
		{Name: "end_day", Type: datasets.TypeInteger, Role: datasets.RoleEnd, Unit: "days"},
		levels("status", "Work status", datasets.RoleWorkStatus, statuses),
	})
}

func costsTable() datasets.Resource {
	categories := []string{program}
	for _, k := range cares {
		categories = append(categories, k.category)
	}
	zero := 0.0
	return table(costs, "payments for care from 365 days before admission to 364 days after it, complete for every patient", []datasets.Field{
		{Name: "patient", Type: datasets.TypeString, Role: datasets.RolePatient},
		{Name: "day", Description: "from admission; below 0 is before it", Type: datasets.TypeInteger, Role: datasets.RoleDay, Unit: "days"},
		levels("category", "Kind of care", datasets.RoleCategory, categories),
		{Name: "cost", Type: datasets.TypeNumber, Role: datasets.RoleCost, Unit: "USD", Constraints: datasets.Constraints{Minimum: &zero}},
		{Name: "price_year", Type: datasets.TypeInteger, Role: datasets.RolePriceYear},
	})
}

func table(index int, description string, fields []datasets.Field) datasets.Resource {
	name := tableNames[index]
	return datasets.Resource{Name: name, Description: description, Path: datasets.Paths{name + ".csv"}, Schema: datasets.Schema{Fields: fields}}
}

func levels(name, title string, role datasets.Role, values []string) datasets.Field {
	f := datasets.Field{Name: name, Title: title, Type: datasets.TypeString, Role: role}
	for _, v := range values {
		f.Categories = append(f.Categories, datasets.Category{Value: v})
	}
	return f
}

func between(low, high float64) datasets.Constraints {
	return datasets.Constraints{Minimum: &low, Maximum: &high}
}
