package reports

import (
	"slices"

	"recoup/analysis"
	"recoup/datasets"
)

// knownLabels are labels of cohorts that languages know: usual names of visits, and titles
// of the instruments of the registry, by which a column goes that has none of its own.
var knownLabels = []string{
	"baseline", "admission", "discharge", "follow-up", "screening",
	"{0} weeks", "{0} months", "{0} years", "week {0}", "month {0}", "year {0}",
	"Pain Catastrophizing Scale",
	"Pain Catastrophizing Scale, rumination",
	"Pain Catastrophizing Scale, magnification",
	"Pain Catastrophizing Scale, helplessness",
	"Pain Self-Efficacy Questionnaire",
	"Tampa Scale of Kinesiophobia, 11 items",
	"Tampa Scale of Kinesiophobia, 17 items",
	"Current Opioid Misuse Measure",
	"Oswestry Disability Index",
	"Roland-Morris Disability Questionnaire",
	"Quebec Back Pain Disability Scale",
	"PROMIS Physical Function, T score",
	"PROMIS Ability to Participate in Social Roles, T score",
	"NIH Task Force impact score for chronic low back pain",
	"Six-minute walk test",
	"Thirty-second sit to stand",
	"Timed up and go",
	"Steps a day",
	"Canadian Occupational Performance Measure, performance",
	"Canadian Occupational Performance Measure, satisfaction",
	"Insomnia Severity Index",
	"PROMIS Sleep Disturbance, T score",
	"PROMIS Sleep Disturbance short form, eight items, raw sum",
	"PROMIS Fatigue, T score",
	"EQ-5D index value",
	"EQ-5D visual analogue scale of health",
	"SF-12 physical component summary",
	"SF-12 mental component summary",
	"SF-36 physical component summary",
	"SF-36 mental component summary",
	"SF-36 bodily pain",
	"SF-36 physical function",
	"Patient global impression of change, 1 = very much improved",
	"Patient global impression of change, 7 = very much improved",
	"Patient Health Questionnaire, depression",
	"Generalized Anxiety Disorder scale",
	"DASS-21 depression (doubled)",
	"DASS-21 anxiety (doubled)",
	"DASS-21 stress (doubled)",
	"PROMIS Depression, T score",
	"PROMIS Anxiety, T score",
	"PROMIS Depression short form, eight items, raw sum",
	"PROMIS Anxiety short form, eight items, raw sum",
	"PROMIS Anger short form, five items, raw sum",
	"Numerical rating scale of pain, 0 to 10",
	"Visual analogue scale of pain, 0 to 100",
	"Brief Pain Inventory, pain severity",
	"Brief Pain Inventory, pain interference",
	"PEG scale (pain, enjoyment, general activity)",
	"Multidimensional Pain Inventory, interference",
	"PROMIS Pain Interference, T score",
	"PROMIS-29 pain intensity, 0 to 10",
}

// relabeled is a cohort with its labels in a language: its own for that language, else
// those that the language knows. Others stay.
func (l Language) relabeled(c *datasets.Cohort) *datasets.Cohort {
	own := c.Dictionary().Labels[l.Tag()]
	if l.English() && own == nil {
		return c
	}
	return c.Relabeled(func(label string) string { return l.label(own, label) })
}

// label is a cohort's label in a language, "" where it stays.
func (l Language) label(own map[string]string, label string) string {
	if other := own[label]; other != "" {
		return other
	}
	if known, ok := l.match(knownLabels, label); ok && !l.English() {
		return known
	}
	return ""
}

// valued are options with their arms by value, which every language shares.
func valued(c *datasets.Cohort, o QuarterlyOptions) (QuarterlyOptions, error) {
	for _, word := range []*string{&o.Arm, &o.Reference} {
		if *word == "" {
			continue
		}
		i, err := c.Arm(*word)
		if err != nil {
			return o, err
		}
		*word = c.Arms()[i].Value
	}
	return o, nil
}

// relabel gives the labels of the report's language to the cohort and to what came of the
// plan, whose visits and groups go by the labels that the cohort was read with.
func (s *study) relabel() {
	s.Cohort = s.q.all
	if s.Cohort == s.read {
		return
	}
	names := map[string]string{}
	for i, v := range s.read.Visits() {
		names[v.VisitName()] = s.Cohort.Visits()[i].VisitName()
	}
	for i, a := range s.read.Arms() {
		names[a.ArmName()] = s.Cohort.Arms()[i].ArmName()
	}
	rename := func(label *string) {
		if other, ok := names[*label]; ok {
			*label = other
		}
	}
	s.Result.Runs = slices.Clone(s.Result.Runs)
	for i := range s.Result.Runs {
		r := &s.Result.Runs[i]
		for _, word := range []*string{&r.Question.Arm, &r.Question.Reference} {
			if at, err := s.read.Arm(*word); err == nil {
				*word = s.Cohort.Arms()[at].ArmName()
			}
		}
		if v, err := s.read.Visit(r.Question.Visit); err == nil {
			r.Question.Visit = v.Value
		}
		r.Result = renamed(r.Result, rename)
	}
}

// renamed is a result with the names of its groups and visits changed.
func renamed(r analysis.Result, rename func(*string)) analysis.Result {
	r.Estimates, r.Series, r.Tables = slices.Clone(r.Estimates), slices.Clone(r.Series), slices.Clone(r.Tables)
	for i := range r.Estimates {
		e := &r.Estimates[i]
		for _, label := range []*string{&e.Arm, &e.Reference, &e.Visit} {
			rename(label)
		}
	}
	for i := range r.Series {
		rename(&r.Series[i].Group)
	}
	for i := range r.Tables {
		t := &r.Tables[i]
		t.Columns, t.Rows = slices.Clone(t.Columns), slices.Clone(t.Rows)
		for k := range t.Columns {
			rename(&t.Columns[k])
		}
		for k := range t.Rows {
			t.Rows[k] = slices.Clone(t.Rows[k])
			for j := range t.Rows[k] {
				rename(&t.Rows[k][j].Text)
			}
		}
	}
	return r
}
