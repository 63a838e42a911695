package rehab

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"recoup/datasets"
	"recoup/simulate"
	"recoup/simulate/design"
	"recoup/simulate/evidence"
)

// MaxCohort is the most patients a simulated cohort may have: their rows are held
// until they are written.
const MaxCohort = 200_000

// Cohort is simulated patients as an ordinary cohort: each is under one strategy,
// the first patient under the first, the second under the second, and so on in turn.
// Costs and effects are not discounted. Parameters are at their values.
type Cohort struct {
	Dictionary *datasets.Dictionary
	// Tables are CSV files with their header, in the order of the dictionary's
	// resources.
	Tables [][]byte
	// Truth is what the same run gives for all patients under every strategy, so that
	// estimates from the cohort can be held against it.
	Truth simulate.Result
}

// The tables of a simulated cohort.
const (
	patientsTable = iota
	visitsTable
	dosesTable
	workTable
	costsTable
	cohortTables
)

// pieces are the lines of one block under one strategy.
type pieces [cohortTables][]byte

// SimulateCohort simulates a scenario's patients and writes them as a cohort. The
// scenario's draws are not used.
func SimulateCohort(ctx context.Context, s design.Scenario, ev evidence.Set, opt simulate.Options) (Cohort, error) {
	if s.Patients > MaxCohort {
		return Cohort{}, fmt.Errorf("a cohort has at most %d patients: ask for fewer", MaxCohort)
	}
	s.Draws, s.Discounting.Cost, s.Discounting.Effect, s.Outputs = 0, 0, 0, nil
	if problems := design.Check(s); len(problems) > 0 {
		return Cohort{}, &design.Problems{File: "scenario " + s.Name, List: problems}
	}
	m, err := newModel(s, ev)
	if err != nil {
		return Cohort{}, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	blocks := (s.Patients + simulate.BlockSize - 1) / simulate.BlockSize
	out := make([][]pieces, len(s.Strategies)) // each worker writes its own place
	for i := range out {
		out[i] = make([]pieces, blocks)
	}
	m.writes = func(strategy, block int) *pieces { return &out[strategy][block] }
	truth, err := simulate.Run(ctx, m, simulate.Size{Seed: s.Seed, Draws: 1, Patients: s.Patients}, opt)
	if err != nil {
		return Cohort{}, err
	}
	truth.Conventions = append(conventions(s, ev, truth), truth.Conventions...)
	c := Cohort{Dictionary: cohortDictionary(s), Truth: truth}
	for t := range cohortTables {
		var table []byte
		for i, f := range c.Dictionary.Resources[t].Schema.Fields {
			if i > 0 {
				table = append(table, ',')
			}
			table = append(table, f.Name...)
		}
		table = append(table, '\n')
		for b := range blocks {
			for i := range out {
				table = append(table, out[i][b][t]...)
			}
		}
		c.Tables = append(c.Tables, table)
	}
	return c, nil
}

// cohortVisits are the weeks at which patients are seen.
func cohortVisits(weeks int) []int {
	out := []int{0}
	for _, t := range reviewWeeks {
		if t < weeks {
			out = append(out, t)
		}
	}
	return append(out, weeks)
}

func visitName(week int) string {
	if week == 0 {
		return "baseline"
	}
	return "week" + strconv.Itoa(week)
}

var (
	workStatuses = []string{"full duty", "modified duty", "not working", "not in the work force", "not in the work force"}
	workBefore   = []string{"working", "working", "off work", "not in the work force", "not in the work force"}
	costNames    = []string{"program", "surgery", "outpatient", "procedures and imaging", "emergency", "medication"}
)

func cohortDictionary(s design.Scenario) *datasets.Dictionary {
	between := func(low, high float64) datasets.Constraints {
		return datasets.Constraints{Minimum: &low, Maximum: &high}
	}
	levels := func(name string, role datasets.Role, values ...string) datasets.Field {
		f := datasets.Field{Name: name, Type: datasets.TypeString, Role: role}
		for _, v := range values {
			f.Categories = append(f.Categories, datasets.Category{Value: v})
		}
		return f
	}
	outcome := func(name, instrument string, high float64) datasets.Field {
		return datasets.Field{Name: name, Type: datasets.TypeNumber, Role: datasets.RoleOutcome, Instrument: instrument, Constraints: between(0, high)}
	}
	patient := datasets.Field{Name: "patient", Type: datasets.TypeString, Role: datasets.RolePatient}
	day := func(name string, role datasets.Role) datasets.Field {
		return datasets.Field{Name: name, Type: datasets.TypeInteger, Role: role, Unit: "days"}
	}
	text := func(name string, role datasets.Role) datasets.Field {
		return datasets.Field{Name: name, Type: datasets.TypeString, Role: role}
	}
	number := func(name string, role datasets.Role, unit string) datasets.Field {
		return datasets.Field{Name: name, Type: datasets.TypeNumber, Role: role, Unit: unit}
	}
	resource := func(name, description string, fields ...datasets.Field) datasets.Resource {
		return datasets.Resource{Name: name, Description: description, Path: datasets.Paths{name + ".csv"}, Schema: datasets.Schema{Fields: append([]datasets.Field{patient}, fields...)}}
	}
	d := &datasets.Dictionary{
		Name: s.Name, Title: "SIMULATED: " + s.Title,
		Description: fmt.Sprintf("SIMULATED PATIENTS, seed %d: no row is about a person. Each patient is under one strategy. What the same model gives for all of them under every strategy is in truth.json.", s.Seed),
		Resources: []datasets.Resource{
			resource("patients", "everyone admitted", levels("arm", datasets.RoleArm, s.Strategies...), number("age", datasets.RoleCovariate, "years"),
				levels("sex", datasets.RoleCovariate, "female", "male"), levels("payer", datasets.RolePayer, "workers-compensation", "other"),
				levels("work_before", datasets.RoleWorkBefore, workBefore[0], workBefore[2], workBefore[3]),
				datasets.Field{Name: "completed", Type: datasets.TypeBoolean, Role: datasets.RoleCompleted}),
			resource("visits", "one row a patient alive and visit", text("visit", datasets.RoleVisit),
				outcome("pain", "nrs", top[pain]), outcome("interference", "bpi-interference", top[interference]), outcome("phq9", "phq9", top[mood]),
				outcome("pseq", "pseq", top[selfEfficacy]), outcome("isi", "isi", top[sleep]),
				levels("work_status", datasets.RoleWorkStatus, workStatuses[:workRetired]...), datasets.Field{Name: "opioids", Type: datasets.TypeBoolean, Role: datasets.RoleExposure}),
			resource("doses", "supplies, complete for every patient; the quarter before admission at the dose of admission; a dose of 0 says that nothing was supplied", day("day", datasets.RoleDay), text("drug", datasets.RoleDrug), text("route", datasets.RoleRoute),
				number("strength", datasets.RoleStrength, ""), text("unit", datasets.RoleUnit), number("quantity", datasets.RoleQuantity, ""),
				day("days_supplied", datasets.RoleDaysSupplied), number("dose", datasets.RoleDose, "mg"), text("indication", datasets.RoleIndication)),
			resource("work", "spells of work status, both ends included", day("start_day", datasets.RoleStart), day("end_day", datasets.RoleEnd),
				levels("status", datasets.RoleWorkStatus, workStatuses[:workRetired]...)),
			resource("costs", "what care cost over the whole time, one row a kind, booked on the last day", day("day", datasets.RoleDay), levels("category", datasets.RoleCategory, costNames...),
				datasets.Field{Name: "cost", Type: datasets.TypeNumber, Role: datasets.RoleCost, Unit: "USD", Constraints: between(0, math.Inf(1))}),
		},
		Privacy:     &datasets.Privacy{QuasiIdentifiers: []string{"age", "sex"}},
		Definitions: map[string]string{"work": "any-work"},
	}
	costs := &d.Resources[costsTable].Schema.Fields[3]
	costs.Constraints.Maximum = nil
	for _, a := range s.Strategies {
		d.Arms = append(d.Arms, datasets.Arm{Value: a})
	}
	for _, t := range cohortVisits(s.HorizonWeeks) {
		week := float64(t)
		v := datasets.Visit{Value: visitName(t), Week: &week, Baseline: t == 0}
		if t > 0 {
			v.Role = "follow-up"
		}
		d.Visits = append(d.Visits, v)
	}
	return d
}

// scribe writes the patients of a block that are under a strategy.
type scribe struct {
	out               *pieces
	first, arm, arms  int
	name              string
	visits            []int
	doseFrom, workDay column
	dose, work        column
}

func (c *scribe) mine(i int) bool { return (c.first+i)%c.arms == c.arm }

func (c *scribe) id(b []byte, i int) []byte { return fmt.Appendf(b, "S%07d", c.first+i+1) }

// week notes week t; called for 0, 1, ... to the horizon.
func (c *scribe) week(s *state, t int) {
	visit := slices.Contains(c.visits, t)
	last := c.visits[len(c.visits)-1]
	for i := range s.n {
		if !c.mine(i) {
			continue
		}
		if t == 0 {
			c.dose[i], c.work[i] = s.dose[i], s.work[i]
			c.doseFrom[i] = -13
		}
		dead := s.alive[i] == 0
		if visit && !dead {
			c.visit(s, i, t)
		}
		if c.work[i] < 0 {
			continue // died before
		}
		if s.dose[i] != c.dose[i] || t == last || dead {
			c.doseRow(i, t)
			c.dose[i], c.doseFrom[i] = s.dose[i], float64(t)
		}
		if t > 0 && (s.work[i] != c.work[i] || t == last || dead) {
			if n := float64(t); n > c.workDay[i] {
				b := c.id(c.out[workTable], i)
				c.out[workTable] = fmt.Appendf(b, ",%d,%d,%s\n", 7*int(c.workDay[i]), 7*t-1, workStatuses[int(c.work[i])])
			}
			c.work[i], c.workDay[i] = s.work[i], float64(t)
		}
		if dead {
			c.work[i] = -1
		}
	}
}

func (c *scribe) visit(s *state, i, t int) {
	b := c.id(c.out[visitsTable], i)
	b = append(append(b, ','), visitName(t)...)
	for k := range s.symptom {
		b = strconv.AppendFloat(append(b, ','), s.symptom[k][i], 'f', 2, 64)
	}
	status := s.work[i]
	if t == 0 {
		status = s.entryWork[i] // an operation on that day comes after
	}
	b = append(append(b, ','), workStatuses[int(status)]...)
	b = strconv.AppendBool(append(b, ','), s.dose[i] > 0)
	c.out[visitsTable] = append(b, '\n')
}

// supplyWeeks is the longest supply written as one row.
const supplyWeeks = 12

// doseRow writes the stretch that ends before week t, as supplies of at most
// supplyWeeks.
func (c *scribe) doseRow(i, t int) {
	for from := int(c.doseFrom[i]); from < t; from += supplyWeeks {
		days := 7 * min(supplyWeeks, t-from)
		b := c.id(c.out[dosesTable], i)
		if c.dose[i] == 0 {
			c.out[dosesTable] = fmt.Appendf(b, ",%d,morphine,oral,,mg,,%d,0,pain\n", 7*from, days)
			continue
		}
		c.out[dosesTable] = fmt.Appendf(b, ",%d,morphine,oral,%.2f,mg,%d,%d,,pain\n", 7*from, c.dose[i], days, days)
	}
}

// close writes what is known at the horizon.
func (c *scribe) close(s *state, weeks int) {
	for i := range s.n {
		if !c.mine(i) {
			continue
		}
		sex, payer := "male", "other"
		if s.female[i] == 1 {
			sex = "female"
		}
		if s.compensation[i] == 1 {
			payer = "workers-compensation"
		}
		b := c.id(c.out[patientsTable], i)
		b = fmt.Appendf(b, ",%s,%.0f,%s,%s,%s,", c.name, math.Floor(s.age[i]), sex, payer, workBefore[int(s.entryWork[i])])
		if s.inProgram {
			b = strconv.AppendBool(b, s.completed[i] == 1)
		}
		c.out[patientsTable] = append(b, '\n')
		for k, x := range []float64{s.costProgram[i], s.costSurgery[i], s.costUse[0][i], s.costUse[1][i] + s.costUse[2][i], s.costUse[3][i] + s.costOverdose[i], s.costDrugs[i]} {
			b := c.id(c.out[costsTable], i)
			c.out[costsTable] = fmt.Appendf(b, ",%d,%s,%.2f\n", 7*weeks-1, costNames[k], x)
		}
	}
}
