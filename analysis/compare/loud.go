package compare

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"recoup/analysis"
	"recoup/datasets/published"
)

// Codes of the warnings that stand at the estimate itself, since what they say can
// turn an answer round.
const (
	WarnPayer       = "payer-mismatch"
	WarnWorkAbsence = "work-absence-mismatch"
	WarnDisability  = "disability-share" // a published disability share beside a share at work
)

// Field is one field of the case mix of two groups, and whether they agree.
type Field struct {
	Name, Ours, Theirs, Why string
	Agreement               string // one of the words below
}

// Agreements of a field.
const (
	Agrees  = "matches"
	Differs = "differs"
	Unknown = "not known" // one side does not say
)

// mixFields are the fields of a case mix in the order they are shown.
var mixFields = []string{"payer", "work_before", "condition", "procedure", "definition", "horizon", "origin", "age"}

// Fields says of every field of the case mix whether ours and theirs agree.
func Fields(ours, theirs published.CaseMix) []Field {
	differ := map[string]published.Mismatch{}
	for _, m := range published.Compare(ours, theirs) {
		differ[m.Field] = m
	}
	word := func(c published.CaseMix, name string) string {
		return map[string]string{
			"payer": c.Payer, "work_before": c.WorkBefore, "condition": c.Condition, "procedure": c.Procedure,
			"definition": c.Definition, "horizon": c.Horizon.String(), "origin": c.Horizon.After, "age": ageWords(c.Age),
		}[name]
	}
	var out []Field
	for _, name := range mixFields {
		f := Field{Name: name, Ours: word(ours, name), Theirs: word(theirs, name), Agreement: Agrees}
		m, is := differ[name]
		switch {
		case name == "definition" && !is: // an outcome that needs none
			f.Ours, f.Theirs = cmp.Or(f.Ours, "none needed"), cmp.Or(f.Theirs, "none needed")
		case f.Ours == "" || f.Theirs == "":
			f.Agreement = Unknown
		case is:
			f.Agreement = Differs
		}
		if is {
			f.Ours, f.Theirs, f.Why = m.Ours, m.Theirs, m.Why
		}
		f.Ours, f.Theirs = cmp.Or(f.Ours, "not recorded"), cmp.Or(f.Theirs, "not reported")
		out = append(out, f)
	}
	return out
}

func ageWords(age float64) string {
	if math.IsNaN(age) {
		return ""
	}
	return fmt.Sprintf("%.1f years", age)
}

// loud returns the warnings of a mismatch of payer or of work before treatment.
func loud(fields []Field) []analysis.Warning {
	var out []analysis.Warning
	for _, f := range fields {
		code, cause := WarnPayer, "payer"
		switch {
		case f.Name == "work_before":
			code, cause = WarnWorkAbsence, "absence from work before treatment"
		case f.Name != "payer":
			continue
		}
		if f.Agreement == Agrees {
			continue
		}
		verb := "THE TWO GROUPS DIFFER IN " + strings.ToUpper(cause)
		if f.Agreement == Unknown {
			verb = "NOBODY CAN SAY THAT THE TWO GROUPS AGREE IN " + strings.ToUpper(cause)
		}
		message := fmt.Sprintf("%s (ours %s, theirs %s): that alone can turn the answer round", verb, f.Ours, f.Theirs)
		if len(out) == 0 { // said once is enough
			message += "; " + spread()
		}
		out = append(out, analysis.Warning{
			Code:    code,
			Message: message,
			Cure:    "choose a comparator of the same payer and work status before treatment, or restrict ours to such patients with a subgroup; record ours under caseMix in the cohort file",
		})
	}
	return out
}

// spreads are the published shares at work after surgery that show how far payer and
// work before treatment move the same figure.
var spreads = []struct{ id, arm, words string }{
	{"mayer-2014", "", "after lumbar fusion under workers' compensation"},
	{"norspine-2025", "all", "after disc surgery of people on sick leave before it"},
	{"norspine-2025", "under-30-days", "of those whose leave was under 30 days"},
	{"norspine-2025", "assessment-allowance", "of those on a long-term allowance"},
	{"qod-2017", "", "after elective surgery of people who were employed"},
}

// spread puts the published shares into one sentence.
func spread() string {
	var parts []string
	for _, s := range spreads {
		e, ok := published.Find(s.id)
		if !ok {
			continue
		}
		for _, r := range e.Results {
			if r.Outcome != "work" || r.Arm != s.arm || r.Measure != published.Proportion && r.Measure != published.Range {
				continue
			}
			share := fmt.Sprintf("%.0f", r.Value)
			if r.Measure == published.Range {
				share = fmt.Sprintf("%.0f-%.0f", r.Low, r.High)
			}
			parts = append(parts, fmt.Sprintf("%s %% %s (%s, %s)", share, s.words, r.At.String(), s.id))
		}
	}
	return "published shares back at work run from " + strings.Join(parts, ", to ")
}

// shout adds to an estimate what stands at the figure itself.
func shout(e analysis.Estimate, fields []Field) analysis.Estimate {
	for _, w := range loud(fields) {
		e = e.Warn(w.Code, w.Message, w.Cure)
	}
	return e
}

// fieldRows are rows of a case-mix table that shows every field.
func fieldRows(group, comparator string, fields []Field, adjusted map[string]string) [][]analysis.Value {
	var out [][]analysis.Value
	for _, f := range fields {
		said := f.Agreement
		if how, ok := adjusted[f.Name]; ok {
			said = how
		}
		out = append(out, []analysis.Value{
			analysis.Text(group), analysis.Text(comparator), analysis.Text(f.Name), analysis.Text(f.Ours), analysis.Text(f.Theirs), analysis.Text(said), analysis.Text(f.Why),
		})
	}
	return out
}

var fieldColumns = []string{"group", "comparator", "field", "ours", "theirs", "agreement", "why it matters"}
