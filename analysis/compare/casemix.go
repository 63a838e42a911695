package compare

import (
	"fmt"
	"math"
	"strings"

	"recoup/datasets"
	"recoup/datasets/published"
)

// oneLevel is the share of patients that must have a level for it to be the
// group's.
const oneLevel = 0.9

// CaseMix is our own case mix: what the cohort file says, else what the patients'
// payer and work before entry say, with the mean age where a column holds it. A
// nil list of patients means all. The definition and the horizon are those of our
// figure.
func CaseMix(c *datasets.Cohort, patients []int, definition string, at published.Horizon) published.CaseMix {
	mix := published.CaseMix{Definition: definition, Horizon: at, Age: math.NaN()}
	if c == nil {
		return mix
	}
	if patients == nil {
		for p := range c.Patients() {
			patients = append(patients, p)
		}
	}
	if own := c.Dictionary().CaseMix; own != nil {
		mix.Payer, mix.WorkBefore, mix.Procedure, mix.Condition = own.Payer, own.WorkBefore, own.Procedure, own.Population
	}
	if mix.Payer == "" {
		mix.Payer = common(c, datasets.RolePayer, patients)
	}
	if mix.WorkBefore == "" {
		mix.WorkBefore = common(c, datasets.RoleWorkBefore, patients)
	}
	mix.Payer, mix.WorkBefore = inVocabulary("payer", mix.Payer), inVocabulary("work_before", mix.WorkBefore)
	mix.Procedure, mix.Condition = inVocabulary("procedure", mix.Procedure), inVocabulary("condition", mix.Condition)
	mix.Age = meanAge(c, patients)
	return mix
}

// common returns the level that at least 90 percent of the patients have, else
// mixed where at least 90 percent have one, else "" for not recorded.
func common(c *datasets.Cohort, role datasets.Role, patients []int) string {
	codes, levels := c.Attribute(role)
	if codes == nil || len(patients) == 0 {
		return ""
	}
	counts, known := make([]int, len(levels)), 0
	for _, p := range patients {
		if codes[p] >= 0 {
			counts[codes[p]]++
			known++
		}
	}
	need := oneLevel * float64(len(patients))
	for i, n := range counts {
		if float64(n) >= need {
			return levels[i]
		}
	}
	if float64(known) >= need {
		return "mixed"
	}
	return ""
}

// inVocabulary returns the published word that differs from ours in spelling
// alone, else ours.
func inVocabulary(field, word string) string {
	for _, w := range published.Vocabulary(field) {
		if fold(w) == fold(word) {
			return w
		}
	}
	return word
}

// meanAge is the mean of the column named age, in years; NaN without one.
func meanAge(c *datasets.Cohort, patients []int) float64 {
	_, f, err := c.PatientField("age")
	if err != nil || f.Unit != "" && fold(f.Unit) != "years" && fold(f.Unit) != "year" {
		return math.NaN()
	}
	ages, err := c.Covariate("age")
	if err != nil {
		return math.NaN()
	}
	sum, n := 0.0, 0
	for _, p := range patients {
		if !math.IsNaN(ages[p]) {
			sum += ages[p]
			n++
		}
	}
	return sum / float64(n)
}

// horizonOf is when a visit is: at entry for the baseline, at discharge, weeks
// after discharge where that visit has a week, else weeks after entry. It is not
// known for a visit without a week, or without a visit.
func horizonOf(c *datasets.Cohort, v datasets.Visit) published.Horizon {
	switch {
	case v.Baseline:
		return published.Horizon{Unit: "days", After: "entry"}
	case v.Role == "discharge":
		return published.Horizon{Unit: "days", After: "discharge"}
	case v.Week == nil:
		return published.Horizon{Value: math.NaN()}
	}
	for _, d := range c.Visits() {
		if d.Role == "discharge" && d.Week != nil && *d.Week <= *v.Week {
			return published.Horizon{Value: *v.Week - *d.Week, Unit: "weeks", After: "discharge"}
		}
	}
	return published.Horizon{Value: *v.Week, Unit: "weeks", After: "entry"}
}

// mixMessage lists every mismatch in one sentence.
func mixMessage(differ []published.Mismatch) string {
	if len(differ) == 0 {
		return "the patients agree in payer, work before, condition, treatment, definition and time, yet nobody allotted them to the groups by chance: they may differ in what is not recorded"
	}
	var parts []string
	for _, m := range differ {
		parts = append(parts, fmt.Sprintf("%s (ours %s, theirs %s: %s)", m.Field, m.Ours, m.Theirs, m.Why))
	}
	return "the patients differ, or may differ, in " + strings.Join(parts, "; ")
}
