package reports

import (
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/analysis/describe"
	"recoup/datasets"
)

// Everybody names the count of all patients in the cohort's files.
const Everybody = "everybody"

const everybody = Everybody

// population names the count of the patients reported on, or of one arm of them.
func population(group string) string {
	if group == "" {
		return "patients"
	}
	return "patients/" + group
}

// paired names the count of those with an outcome at both occasions.
func paired(e analysis.Estimate) string {
	return strings.Join([]string{"paired", e.Outcome, e.Visit, e.Arm}, "/")
}

// has names the count of those with an outcome at a visit.
func has(outcome, visit string) string { return "has/" + outcome + "/" + visit }

// denominator names the denominator of a share, and the count that holds it: who
// knows the share of those seen and of all knows how many were not seen.
func denominator(e analysis.Estimate) (whole, within string) {
	of := func(what string) string {
		return strings.Join([]string{what, e.Outcome, e.Visit, e.Arm, e.Definition}, "/")
	}
	switch term := e.Term; {
	case strings.HasPrefix(term, "responders_seen"):
		return of("judged"), paired(e)
	case strings.HasPrefix(term, "responders_all"):
		return population(e.Arm), ""
	case strings.HasPrefix(term, "on_oud_medication") && strings.HasSuffix(term, "_known"):
		return of("known " + strings.TrimSuffix(term, "_known")), population(e.Arm)
	case strings.HasPrefix(term, "on_oud_medication"):
		return population(e.Arm), ""
	case strings.HasSuffix(term, "_known"):
		return of("known " + strings.TrimSuffix(term, "_known")), "on opioids at entry/" + e.Arm
	case strings.HasSuffix(term, "_all") && !strings.HasPrefix(term, "returned"):
		return "on opioids at entry/" + e.Arm, population(e.Arm)
	case strings.HasPrefix(term, "returned_") && strings.HasSuffix(term, "_seen"):
		return of("seen " + term), "of " + strings.TrimSuffix(term, "_seen") + "/" + e.Arm
	case term == "returned_all":
		return population(e.Arm), ""
	case strings.HasPrefix(term, "returned_"):
		return "of " + term + "/" + e.Arm, population(e.Arm)
	}
	return "", ""
}

// tooFew tells whether a share would tell of fewer patients than may enter a chart.
func (q *quarter) tooFew(e analysis.Estimate) bool {
	small := func(n int) bool { return n > 0 && n < q.opt.Fewest }
	return e.N.Arm < q.opt.Fewest || small(e.N.Events) || small(e.N.Arm-e.N.Events)
}

// leftOut names a count of patients left out.
func leftOut(x datasets.Exclusion) string {
	return "left out/" + x.Table + "/" + x.Code + "/" + x.Reason
}

// sums are the relations between counts of different places: the arms are parts of
// the patients, the patients those who began of those referred, and all of them,
// with those left out, everybody in the files.
func (q *quarter) sums() []QuantitySum {
	out := slices.Clone(q.joins)
	if len(q.groups) > 1 || len(q.groups) == 1 && q.groups[0] != "" {
		s := QuantitySum{Total: population("")}
		for _, a := range q.all.Arms() {
			s.Parts = append(s.Parts, population(a.ArmName()))
		}
		out = append(out, s)
	}
	out = append(out,
		QuantitySum{Total: "flow-" + describe.StageReferred, Parts: []string{"flow-" + describe.StageAdmitted}},
		QuantitySum{Total: "flow-" + describe.StageAdmitted, Parts: []string{population("")}},
	)
	whole := QuantitySum{Total: everybody, Parts: []string{population("")}}
	for _, x := range q.now.Excluded() {
		if name := leftOut(x); x.Patients > 0 && x.Table == "" && !slices.Contains(whole.Parts, name) {
			whole.Parts = append(whole.Parts, name)
		}
	}
	out = append(out, whole)
	for _, v := range q.now.Visits() {
		for _, f := range q.now.Outcomes() {
			has := has(f.Name, v.Value)
			out = append(out, QuantitySum{Total: "flow-" + v.VisitName(), Parts: []string{has}})
			s := QuantitySum{Total: has}
			for _, g := range q.groups {
				s.Parts = append(s.Parts, paired(analysis.Estimate{Outcome: f.Name, Visit: v.VisitName(), Arm: g}))
			}
			out = append(out, s)
		}
	}
	return out
}
