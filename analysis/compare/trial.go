package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Codes of warnings about time.
const (
	WarnImmortal  = "immortal-time"   // an arm's patients had to reach something before they could be in it
	WarnAfterZero = "after-time-zero" // a covariate that is known only after treatment began
)

// trial is the trial that the comparison stands in for: what it would have laid down,
// and what the cohort has in its place.
//
// Hernan and Robins 2016, 10.1093/aje/kwv254.
func (s *sample) trial(in analysis.Input, q analysis.Question, estimand, outcome, how string) analysis.Table {
	t := analysis.Table{
		Name: "target-trial", Title: "The trial that this comparison stands in for", Columns: []string{"element", "target trial", "this cohort"},
		Notes: []string{"What a trial would lay down beforehand, and what stands in its place; see the warnings on time zero.", "Hernan and Robins 2016, 10.1093/aje/kwv254."},
	}
	add := func(element, trial, here string) {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(element), analysis.Text(trial), analysis.Text(here)})
	}
	kept := s.n[0] + s.n[1]
	who := "patients of either arm who could have been given the other treatment"
	if q.Subgroup != "" {
		who += ", with " + q.Subgroup
	}
	dropped := s.missing
	for _, x := range s.excluded {
		if strings.HasPrefix(x.Reason, "trimmed") {
			dropped += x.Patients
		}
	}
	add("eligibility", who, fmt.Sprintf("%d patients with all covariates and the outcome; %d left out", kept, dropped))
	add("strategies", s.groups[0].Name+" against "+s.groups[1].Name, fmt.Sprintf("as recorded in the arm: %d and %d patients", s.n[0], s.n[1]))
	var names []string
	for _, c := range s.columns {
		if name, _, _ := strings.Cut(c.name, ": "); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add("assignment", "by chance", "not by chance; made alike by "+how+" in "+strings.Join(names, ", "))
	add("time zero", "the day of allotment, when eligibility is met and treatment begins", s.zeroWords(in))
	follow := "from time zero to the end of follow-up, alike in both arms"
	if s.visit != "" {
		add("follow-up", follow, "to the visit "+s.visit+s.weekWords())
	} else {
		add("follow-up", follow, fmt.Sprintf("to the recorded time of each patient, at most %.6g in %s and %.6g in %s", s.last(1), s.groups[0].Name, s.last(0), s.groups[1].Name))
	}
	add("outcome", "measured alike in both arms by people who do not know the arm", outcome)
	add("causal contrast", "of being allotted (intention to treat) or of keeping to it (per protocol)", estimand+", by the arm recorded")
	s.timeZero(in, q)
	return t
}

// zeroWords says from what time counts here.
func (s *sample) zeroWords(in analysis.Input) string {
	if s.times {
		return "the event from which the table of times counts, which the cohort does not name"
	}
	name := s.outcome.Baseline.VisitName()
	if in.Cohort.Days(datasets.RoleAdmitted) != nil {
		return "the visit " + name + ", at admission"
	}
	return "the visit " + name
}

func (s *sample) weekWords() string {
	if w := s.outcome.Now.Week; w != nil {
		return fmt.Sprintf(" (week %.4g)", *w)
	}
	return ""
}

// timeZero warns where time does not begin alike in both arms, or where an arm holds
// only those who reached something first.
func (s *sample) timeZero(in analysis.Input, q analysis.Question) {
	s.began(in, q)
	s.finished(in)
	s.waited(in)
	s.seenWhen(in)
	s.guaranteed()
}

// shares counts the patients of each arm of whom something holds.
func (s *sample) count(is func(patient int) bool) (n [2]int) {
	for i, p := range s.patient {
		if is(p) {
			n[1-int(s.t[i])]++
		}
	}
	return n
}

// began warns where patients of one arm alone are left out since they never began.
func (s *sample) began(in analysis.Input, q analysis.Question) {
	admitted := in.Cohort.Days(datasets.RoleAdmitted)
	if admitted == nil {
		return
	}
	began, of := in.Cohort.Began(), in.Cohort.ArmOf()
	var never, all [2]int
	for a, word := range []string{q.Arm, q.Reference} {
		at, err := in.Cohort.Arm(word)
		if err != nil {
			return
		}
		for p, arm := range of {
			if int(arm) == at {
				all[a]++
				if !began[p] {
					never[a]++
				}
			}
		}
	}
	share := func(a int) float64 { return float64(never[a]) / math.Max(1, float64(all[a])) }
	if math.Abs(share(0)-share(1)) > 0.05 {
		s.warn(WarnImmortal, fmt.Sprintf("%d of %d patients of %s and %d of %d of %s were referred and never began, and are left out: an arm of those who reached the start is compared with one that did not have to", never[0], all[0], s.groups[0].Name, never[1], all[1], s.groups[1].Name), "count both arms from referral, with everybody referred in the arm meant for them")
	}
	known := s.count(func(p int) bool { return !math.IsNaN(admitted[p]) })
	if a, b := float64(known[0])/float64(s.n[0]), float64(known[1])/float64(s.n[1]); math.Abs(a-b) > 0.5 {
		s.warn(analysis.WarnTimeOrigin, fmt.Sprintf("%d of %d patients of %s and %d of %d of %s have a day of admission: time counts from different events in the two arms", known[0], s.n[0], s.groups[0].Name, known[1], s.n[1], s.groups[1].Name), "give both arms one time zero, such as referral or the first assessment")
	}
}

// finished warns where an arm holds none but those who completed, and of covariates that
// are known only afterwards.
func (s *sample) finished(in analysis.Input) {
	if codes, levels := in.Cohort.Attribute(datasets.RoleCompleted); codes != nil {
		yes := func(p int) bool {
			return codes[p] >= 0 && slices.Contains([]string{"true", "yes", "1", "completed"}, strings.ToLower(levels[codes[p]]))
		}
		known, done := s.count(func(p int) bool { return codes[p] >= 0 }), s.count(yes)
		for a, g := range s.groups {
			if known[a] >= 10 && known[a] == s.n[a] && done[a] == known[a] {
				s.warn(WarnImmortal, fmt.Sprintf("every one of the %d patients of %s completed: an arm of those who completed leaves out who got worse and left, and is no treatment that could be allotted", s.n[a], g.Name), "put everybody who began into the arm, completed or not")
			}
		}
	}
	var late []string
	for _, c := range s.columns {
		name, _, _ := strings.Cut(c.name, ": ")
		if _, f, err := in.Cohort.PatientField(name); err == nil && !slices.Contains(late, name) && (f.Role == datasets.RoleCompleted || f.Role == datasets.RoleDischarged) {
			late = append(late, name)
		}
	}
	if len(late) > 0 {
		s.warn(WarnAfterZero, "known only after treatment began, so no covariate to be made alike in: "+strings.Join(late, ", "), "leave them out: adjusting for what treatment did hides its effect, or makes one")
	}
}

// middle is the median of an arm's values, NaN without any.
func (s *sample) middle(x []float64) (m [2]float64) {
	var of [2][]float64
	for i, p := range s.patient {
		if !math.IsNaN(x[p]) {
			of[1-int(s.t[i])] = append(of[1-int(s.t[i])], x[p])
		}
	}
	for a := range m {
		m[a] = fit.Quantile(of[a], 0.5)
		if len(of[a]) < 2 {
			m[a] = math.NaN()
		}
	}
	return m
}

// The differences in days beyond which arms are said not to begin, or not to be seen,
// alike.
const (
	apartWaits  = 28
	apartVisits = 14
)

// waited warns where the arms waited differently long from referral to admission.
func (s *sample) waited(in analysis.Input) {
	referred, admitted := in.Cohort.Days(datasets.RoleReferred), in.Cohort.Days(datasets.RoleAdmitted)
	if referred == nil || admitted == nil {
		return
	}
	if m := s.middle(differences(admitted, referred)); math.Abs(m[0]-m[1]) > apartWaits {
		s.warn(analysis.WarnTimeOrigin, fmt.Sprintf("from referral to admission half of %s waited %.0f days and half of %s %.0f: time counts from admission, so one arm had longer to get better, or to drop out, before", s.groups[0].Name, m[0], s.groups[1].Name, m[1]), "count from referral in both arms, or put the wait among the covariates")
	}
}

// seenWhen warns where the visit was at other days in one arm than in the other.
func (s *sample) seenWhen(in analysis.Input) {
	if s.visit == "" {
		return
	}
	for _, t := range in.Cohort.Tables() {
		f, ok := t.Field(datasets.RoleDay)
		if !ok {
			f, ok = t.Field(datasets.RoleDate)
		}
		if _, visits := t.Field(datasets.RoleVisit); !ok || !visits {
			continue
		}
		days := differences(in.Cohort.Values(f.Name, s.outcome.Now.Value), in.Cohort.Values(f.Name, s.outcome.Baseline.Value))
		if m := s.middle(days); math.Abs(m[0]-m[1]) > apartVisits {
			s.warn(analysis.WarnTimeOrigin, fmt.Sprintf("%s was %.0f days after baseline in half of %s and %.0f in half of %s: the arms are seen at different times", s.visit, m[0], s.groups[0].Name, m[1], s.groups[1].Name), "compare visits at like times, or model the outcome over time")
		}
	}
}

// guaranteed warns where nobody of one arm leaves in a first stretch of time in which
// many of the other do: (1 - p)ⁿ, the chance of that among n who leave like the other
// arm, of whom the share p left by then, is under 1 in 1000.
func (s *sample) guaranteed() {
	if !s.times {
		return
	}
	for a, g := range s.groups {
		first, n := math.Inf(1), [2]int{}
		for i, y := range s.y {
			if 1-int(s.t[i]) == a {
				first = math.Min(first, y)
			}
		}
		for i, y := range s.y {
			if 1-int(s.t[i]) != a {
				if n[1]++; y < first {
					n[0]++
				}
			}
		}
		if p := float64(n[0]) / float64(n[1]); p < 1 && math.Pow(1-p, float64(s.n[a])) < 1e-3 {
			s.warn(WarnImmortal, fmt.Sprintf("nobody of %s has the event, or leaves, before %.6g, and %d of %d of %s do: its patients seem to have had to wait, without the event, to be in the arm", g.Name, first, n[0], n[1], s.groups[1-a].Name), "count from the day on which the arm was settled, in both arms, or let treatment begin within the follow-up (time-varying)")
		}
	}
}

// outcomeWords names the outcome as it is compared.
func (s *sample) outcomeWords() string { return s.outcome.Field.Name + ", " + s.words }
