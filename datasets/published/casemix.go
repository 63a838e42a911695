package published

import (
	"fmt"
	"math"
)

// CaseMix is what decides whether two groups of patients can be compared.
// Words are those of Vocabulary; what is empty, or NaN, is not known.
type CaseMix struct {
	Condition  string
	Payer      string
	WorkBefore string // work status before treatment
	Procedure  string
	Definition string // of the outcome
	Horizon    Horizon
	Age        float64 // mean, in years
}

// Mismatch is one way in which our patients and a publication's differ, or
// may differ because one side is not known.
type Mismatch struct {
	Field  string // payer, work_before, condition, procedure, definition, horizon, origin, age
	Ours   string // "not recorded" where ours is not known
	Theirs string // "not reported" where theirs is not
	Why    string // what the difference does to the comparison
}

const (
	notRecorded = "not recorded"
	notReported = "not reported"
)

// CaseMix gathers the case mix behind one result, with what its arm overrides.
func (e Entry) CaseMix(r Result) CaseMix {
	mix := CaseMix{
		Condition: e.Condition, Payer: e.Payer, WorkBefore: e.WorkBefore, Procedure: e.Procedure,
		Definition: r.Definition, Horizon: r.At, Age: e.Age,
	}
	for _, a := range e.Arms {
		if a.Name != r.Arm {
			continue
		}
		if a.Procedure != "" {
			mix.Procedure = a.Procedure
		}
		if a.WorkBefore != "" {
			mix.WorkBefore = a.WorkBefore
		}
	}
	return mix
}

// How far apart two horizons, as a share of the longer, and two mean ages, in
// years, may lie before the difference is listed.
const (
	horizonTolerance = 0.10
	ageTolerance     = 5.0
)

// Compare lists where two case mixes differ, ours first. What is not known on
// either side is listed too, since then nobody can say that it agrees; only
// the definition, where neither side has one, and their age, where it is not
// reported, are passed over. Horizons count as equal within a tenth of the
// longer, mean ages within five years.
func Compare(ours, theirs CaseMix) []Mismatch {
	var list []Mismatch
	add := func(field, our, their, why string) {
		if our == their && our != "" {
			return
		}
		list = append(list, Mismatch{field, orElse(our, notRecorded), orElse(their, notReported), why})
	}
	add("payer", ours.Payer, theirs.Payer,
		"people on workers' compensation return to work less often than others with the same treatment")
	add("work_before", ours.WorkBefore, theirs.WorkBefore,
		"absence from work before treatment is the strongest predictor of absence after it")
	add("condition", ours.Condition, theirs.Condition,
		"another pain condition has another course without treatment")
	add("procedure", ours.Procedure, theirs.Procedure,
		"the patients were selected for another treatment, so they may differ in ways that are not measured")
	if ours.Definition != "" || theirs.Definition != "" {
		add("definition", ours.Definition, theirs.Definition,
			"another definition counts other people as successes")
	}
	if !near(ours.Horizon.Days(), theirs.Horizon.Days()) {
		add("horizon", ours.Horizon.length(), theirs.Horizon.length(),
			"outcomes change with time")
	}
	add("origin", ours.Horizon.After, theirs.Horizon.After,
		"the clocks start at different events, so the same length of follow-up is not the same time")
	if !math.IsNaN(theirs.Age) && !(math.Abs(ours.Age-theirs.Age) <= ageTolerance) {
		add("age", years(ours.Age), years(theirs.Age),
			"work and function depend on age")
	}
	return list
}

// near is false where either is NaN.
func near(a, b float64) bool {
	return math.Abs(a-b) <= horizonTolerance*math.Max(a, b)
}

// length is the horizon without its origin.
func (h Horizon) length() string {
	h.After = ""
	return h.String()
}

func years(age float64) string {
	if math.IsNaN(age) {
		return ""
	}
	return fmt.Sprintf("%.1f years", age)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
