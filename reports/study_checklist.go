package reports

import (
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets"
)

// listed is an item of a reporting guideline: what it asks, in a few words of ours, and
// where this report answers it; not says what is lacking where it does not.
type listed struct{ number, asks, where, not string }

// checklists say where each item of STROBE and RECORD is answered, and which are not.
// An item is called answered only where this report holds what it asks.
func (s *study) checklists() Section {
	return Section{
		ID: "checklists", Title: "Reporting guidelines",
		Lead: Say("Where each item is answered. What no data can tell is for the authors to add, and is marked so. For a randomised trial CONSORT applies in place of STROBE."),
		Blocks: []Block{
			s.checklist("strobe", "STROBE: observational studies", "von Elm and others 2007, 10.1371/journal.pmed.0040296", s.strobe()),
			s.checklist("record", "RECORD: studies of routinely collected data", "Benchimol and others 2015, 10.1371/journal.pmed.1001885", s.record()),
		},
	}
}

func (s *study) checklist(id, caption, source string, items []listed) Table {
	t := Table{ID: id, Caption: caption, Columns: []Column{{Label: "Item"}, {Label: "Asks for"}, {Label: "Where, or what is lacking"}}, Footnotes: []Words{s.say("{0}; items in our words.", foreign(source))}}
	for _, x := range items {
		where := x.where
		if where == "" {
			where = s.text("Not answered by this report: {0}", s.text(x.not))
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{Label(x.number), Label(x.asks), Label(where)}})
	}
	return t
}

const forAuthors = "for the authors to add"

// when is a text where something holds, else nothing.
func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

// holds tells whether an estimate of the plan is such.
func (s *study) holds(is func(r analysis.PlanRun, e analysis.Estimate) bool) bool {
	for i := range s.Result.Runs {
		r := s.run(i)
		if slices.ContainsFunc(r.Result.Estimates, func(e analysis.Estimate) bool { return is(r, e) }) {
			return true
		}
	}
	return false
}

func (s *study) ran(prefixes ...string) bool {
	return s.holds(func(r analysis.PlanRun, _ analysis.Estimate) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(r.Analysis, p) })
	})
}

func (s *study) strobe() []listed {
	subgroups := len(s.subgroups()) > 0
	sensitivity := slices.ContainsFunc(s.items, func(x studyItem) bool { return len(x.sensitivity) > 0 || x.Role == "sensitivity" })
	matched := s.ran("compare/matched")
	adjusts := s.ran("compare/weighted", "compare/matched", "compare/doubly-robust")
	both := s.holds(func(_ analysis.PlanRun, e analysis.Estimate) bool { return strings.HasPrefix(e.Term, "unadjusted_") }) &&
		s.holds(func(_ analysis.PlanRun, e analysis.Estimate) bool { return strings.HasPrefix(e.Term, "adjusted_") })
	absolute := s.holds(func(_ analysis.PlanRun, e analysis.Estimate) bool { return e.Scale == analysis.ScaleRiskDiff }) &&
		s.holds(func(_ analysis.PlanRun, e analysis.Estimate) bool { return e.Scale == analysis.ScaleRatio })
	days := s.Cohort.Has(datasets.RoleReferred) || s.Cohort.Has(datasets.RoleAdmitted)
	primary := slices.ContainsFunc(s.items, func(x studyItem) bool { return x.Role == "primary" })
	return []listed{
		{"1a", "the design named in title or abstract", "", forAuthors},
		{"1b", "a balanced abstract", when(primary, "Summary has the primary estimates; the rest is for the authors"), forAuthors},
		{"2", "background and reasons", "", forAuthors},
		{"3", "objectives and hypotheses stated beforehand", "Methods: the plan. Whether it was fixed beforehand is for the authors to say", ""},
		{"4", "key elements of the design", when(len(s.targetTrials()) > 0, "Methods: the trial that each comparison stands in for"), "the plan names analyses, not a design"},
		{"5", "setting, places and dates", "", forAuthors},
		{"6a", "who could be in the study, how they were chosen and followed", when(days || s.Plan.Where != "", "Who was analysed; the criteria of the program are for the authors"), "the cohort does not say who was referred or admitted"},
		{"6b", "criteria of matching", when(matched, "Methods in detail: settings of compare/matched"), "nothing was matched"},
		{"7", "outcomes, exposures and confounders defined", "Methods: the plan; Methods in detail: settings and definitions", ""},
		{"8", "how each variable was measured, alike in all groups", "", "the cohort file names instruments; whether groups were measured alike is for the authors"},
		{"9", "what was done against bias", when(adjusts || sensitivity, "Methods; Sensitivity analyses; warnings under Results"), "no analysis addresses one"},
		{"10", "how the size was arrived at", when(s.ran("power/"), "Results: sample size"), "the plan has no analysis of power"},
		{"11", "how quantities were handled, and which groupings were chosen", "Methods in detail: settings of each analysis", ""},
		{"12a", "statistical methods, confounding too", "Methods; Methods in detail: each analysis in words, with sources", ""},
		{"12b", "subgroups and interactions", when(subgroups, "Methods: the plan; subgroups stand beside the whole, and only effect/subgroups tests an interaction"), "the plan has no subgroup"},
		{"12c", "how missing values were dealt with", "Methods: conventions; Methods in detail", ""},
		{"12d", "loss to follow-up, matching or sampling dealt with", when(s.ran("impute/", "longitudinal/mmrm"), "Methods in detail: imputation and mixed models; warnings under Results"), "only by leaving out who was not seen; see warnings"},
		{"12e", "sensitivity analyses", when(sensitivity, "Sensitivity analyses"), "the plan has none"},
		{"13a", "numbers at each stage", "Who was analysed", ""},
		{"13b", "reasons for not taking part", "Who was analysed and Data quality, as far as the cohort has them; reasons of patients are for the authors", ""},
		{"13c", "a flow diagram", when(days, "Who was analysed"), "the cohort does not say who was referred, admitted or completed"},
		{"14a", "who the patients were", "Who was analysed: Table 1, where the cohort has covariates", ""},
		{"14b", "missing values by variable", "Who was analysed: rows not recorded; Data quality: completeness", ""},
		{"14c", "follow-up time", when(s.hasWeeks(), "Who was analysed: time to the last visit seen"), "the visits of the cohort have no weeks"},
		{"15", "numbers of outcome events or summaries over time", "Results", ""},
		{"16a", "estimates before and after adjustment, with intervals, and what was adjusted for", when(both, "Results; Methods in detail: settings"), "estimates stand with intervals, but not both unadjusted and adjusted"},
		{"16b", "limits of categories", "", "settings hold the thresholds used; limits of grouped covariates are in the cohort file"},
		{"16c", "relative risks as absolute ones", when(absolute, "Results: differences of shares beside ratios"), "no ratio, or no difference beside it"},
		{"17", "other analyses", when(subgroups || sensitivity, "Results; Sensitivity analyses"), "the plan has none"},
		{"18", "key results", when(primary, "Summary"), "the plan names no primary analysis"},
		{"19", "limitations", "Warnings under Summary, Results and Data quality; direction and size of bias are for the authors", ""},
		{"20", "a cautious interpretation", "", forAuthors},
		{"21", "to whom the results apply", "", forAuthors},
		{"22", "funding", "", forAuthors},
	}
}

func (s *study) record() []listed {
	days := s.Cohort.Has(datasets.RoleReferred) || s.Cohort.Has(datasets.RoleAdmitted)
	return []listed{
		{"1.1", "type of data and names of the databases, in title or abstract", "", "the cohort's title stands under the report's; the source system is for the authors"},
		{"1.2", "region and time span, in title or abstract", "", forAuthors},
		{"1.3", "linkage named in title or abstract", "", forAuthors},
		{"6.1", "codes or rules by which the patients were found", when(s.Plan.Where != "", "Methods: the plan's condition; rules of the source system are for the authors"), "all patients of the cohort file; how they came into it is for the authors"},
		{"6.2", "validation of those codes or rules", "", forAuthors},
		{"6.3", "linkage as a flow, with numbers at each stage", "", "the cohort file is read as linked; the rest is for the authors to add"},
		{"7.1", "codes and rules of exposures, outcomes, confounders", "Methods in detail: settings and definitions, with versions of conversion tables; codes of the source system are for the authors", ""},
		{"12.1", "what access the researchers had to the database", "", forAuthors},
		{"12.2", "how the data were cleaned", "Data quality: rows and cells left out, by reason", ""},
		{"12.3", "level, method and quality of linkage", "", forAuthors},
		{"13.1", "who was chosen, by data quality, availability and linkage", when(days, "Who was analysed: flow, analysed and left out; Data quality"), "Who was analysed has those analysed; the cohort does not say who was referred or admitted"},
		{"19.1", "what follows from data not made for this question: misclassification, confounding, missing data, changes over time", "", "warnings say what the data show of it; the rest is for the authors to add"},
		{"22.1", "how to get protocol, data and code", "", "the plan's digest and the version of recoup are in the provenance; access is for the authors to add"},
	}
}
