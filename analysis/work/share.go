package work

import (
	"fmt"
	"math"

	"recoup/analysis"
)

// lowFollowUp is the share of patients seen under which a result must say so.
const lowFollowUp = 0.7

// count is how many of a group's patients had returned under one answer.
type count struct {
	n, returned, unseen int
}

func (a answer) count(g analysis.Group, d denominator) count {
	var c count
	for _, p := range g.Patients {
		if d.in != nil && !d.in[p] {
			continue
		}
		c.n++
		switch a.state[p] {
		case yes:
			c.returned++
		case unknown:
			c.unseen++
		}
	}
	return c
}

// of returns the number that the share is taken of.
func (c count) of(seen bool) int {
	if seen {
		return c.n - c.unseen
	}
	return c.n
}

// share is one question about an answer: of whom, and what is made of those not
// seen.
type share struct {
	definition analysis.Definition
	answer     answer
	of         denominator
	seen       bool
	level      float64
}

func (s share) empty(kind string, scale analysis.Scale) analysis.Estimate {
	term := kind + "_" + s.of.term
	missing := "those not seen counted as not returned"
	if s.seen {
		term += "_seen"
		missing = "of those seen"
	}
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit, e.Definition = "work", s.answer.visit, s.definition.Name
	e.Method.Name = fmt.Sprintf("%s: %s (%s); denominator %s, %s", s.definition.Name, s.definition.Rule, s.answer.method, s.of.text, missing)
	return e
}

// estimate returns the share of a group with its Wilson interval and the standard
// error √(p(1-p)/n).
func (s share) estimate(g analysis.Group) analysis.Estimate {
	c := s.answer.count(g, s.of)
	n := c.of(s.seen)
	e := s.empty("returned", analysis.ScaleProportion)
	e.Arm, e.N = g.Name, analysis.N{Arm: n, Missing: c.unseen, Events: c.returned}
	e.Method.R = fmt.Sprintf("prop.test(%d, %d, correct = FALSE)", c.returned, n)
	e.Method.Ref = "Wilson 1927, 10.1080/01621459.1927.10502953"
	if n == 0 {
		return e.Warn(analysis.WarnTooFew, "no patient is in the denominator", s.cure())
	}
	p := float64(c.returned) / float64(n)
	e.Value, e.SE = analysis.Num(p), wald(p*(1-p)/float64(n))
	e.CI = analysis.Wilson(c.returned, n, s.level)
	e = s.selected(e, c.unseen)
	return followUp(e, c.n, c.unseen)
}

// difference returns the share of the arm less that of the reference, with
// Newcombe's interval and the standard error √(Σ p(1-p)/n).
func (s share) difference(arm, reference analysis.Group) analysis.Estimate {
	a, b := s.answer.count(arm, s.of), s.answer.count(reference, s.of)
	n1, n2 := a.of(s.seen), b.of(s.seen)
	e := s.empty("difference", analysis.ScaleRiskDiff)
	e.Arm, e.Reference = arm.Name, reference.Name
	e.N = analysis.N{Arm: n1, Reference: n2, Missing: a.unseen + b.unseen, Events: a.returned}
	e.Method.R = fmt.Sprintf(`DescTools::BinomDiffCI(%d, %d, %d, %d, method = "score")`, a.returned, n1, b.returned, n2)
	e.Method.Ref = "Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I"
	if n1 == 0 || n2 == 0 {
		return e.Warn(analysis.WarnTooFew, "one of the groups has no patient in the denominator", s.cure())
	}
	p, q := float64(a.returned)/float64(n1), float64(b.returned)/float64(n2)
	e.Value, e.SE = analysis.Num(p-q), wald(p*(1-p)/float64(n1)+q*(1-q)/float64(n2))
	e.CI = analysis.Newcombe(a.returned, n1, b.returned, n2, s.level)
	e = s.selected(e, a.unseen+b.unseen)
	return followUp(e, a.n+b.n, a.unseen+b.unseen)
}

// selected warns that among patients with times, to be seen depends on the outcome.
func (s share) selected(e analysis.Estimate, unseen int) analysis.Estimate {
	if s.seen && s.answer.timed && unseen > 0 {
		return e.Warn(analysis.WarnAssumption, "too high: those who returned early all count as seen, those whose follow-up ended early do not",
			"read km_returned, which uses the follow-up of everyone")
	}
	return e
}

// wald returns the standard error of a variance; 0 is none, for it would speak of
// certainty.
func wald(variance float64) analysis.Num {
	if variance == 0 {
		return analysis.None
	}
	return analysis.Num(math.Sqrt(variance))
}

func (s share) cure() string {
	if s.seen {
		return "record work status at this visit"
	}
	return "record work status at entry for these patients, or use a wider denominator"
}

// followUp warns where too few of the denominator were seen.
func followUp(e analysis.Estimate, n, unseen int) analysis.Estimate {
	if seen := float64(n - unseen); seen < lowFollowUp*float64(n) {
		return e.Warn(analysis.WarnLowFollowUp, fmt.Sprintf("work status is known for %d of %d patients, under 70 %%", n-unseen, n),
			"follow up more patients; read the share of all and the share of those seen as the ends of what is plausible under loss that says nothing good")
	}
	return e
}
