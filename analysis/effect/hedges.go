package effect

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// HedgesOptions are the settings of effect/hedges-g.
type HedgesOptions struct {
	Denominator string `opt:"denominator" doc:"standard deviation to divide by: of change, at baseline, or at the visit (then the difference is of the visit's means)" choices:"change|baseline|post"`
	Correction  string `opt:"correction" doc:"small-sample factor J: by the gamma function, by 1-3/(4df-1), or none (Cohen's d)" choices:"exact|approximate|none"`
}

const refHedges = "Hedges 1981, 10.3102/10769986006002107"

// HedgesG is effect/hedges-g: the standardised mean difference of two arms, or
// the standardised change within each group where no reference is asked.
var HedgesG = analysis.New(analysis.Analysis{
	Name:     "effect/hedges-g",
	Title:    "Standardised mean difference (Hedges' g)",
	Estimand: "difference between arm and reference in mean change from baseline, in standard deviations; without a reference, the mean change within a group in standard deviations",
	Doc: `With a reference: g = J (mean₁ - mean₂)/s.
  denominator=change    means of change, s the pooled SD of change
  denominator=baseline  means of change, s the pooled SD at baseline of the same patients
  denominator=post      means at the visit, s their pooled SD
Without a reference: g = J (mean change)/s within the group, s the SD of change (d_z), at baseline (d_pre) or at the visit.
J = Γ(df/2)/(√(df/2)Γ((df-1)/2)), or 1-3/(4df-1).
The interval is exact by the non-central t where numerator and denominator come from the same values, else large-sample normal.
Missing values: available cases, patients with the outcome at baseline and at the visit (post: at the visit).
A standardised change within a group and a standardised difference between groups are different statistics and are never compared.
R: effectsize::hedges_g, metafor::escalc(measure = "SMD", "SMCC", "SMCR"), MBESS::conf.limits.nct.`,
	Refs:   []string{refHedges, "Steiger and Fouladi 1997, Noncentrality interval estimation", "Morris 2008, 10.1177/1094428106291059", "Becker 1988, 10.1111/j.2044-8317.1988.tb00901.x"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, HedgesOptions{Denominator: DenominatorChange, Correction: CorrectionExact}, hedges)

func hedges(_ context.Context, in analysis.Input, q analysis.Question, o HedgesOptions) (analysis.Result, error) {
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	if q.Reference == "" {
		for _, g := range groups {
			r.Estimates = append(r.Estimates, within(g, p, q, o))
		}
		return r, nil
	}
	r.Estimates = append(r.Estimates, between(groups[0], groups[1], p, q, o))
	return r, nil
}

func within(g analysis.Group, p analysis.Paired, q analysis.Question, o HedgesOptions) analysis.Estimate {
	b, a, missing := g.Complete(p.Before, p.After)
	s := WithinGroup(b, a, o.Denominator, o.Correction, q.Level)
	sd := map[string]string{DenominatorChange: "SD of change (d_z)", DenominatorBaseline: "SD at baseline (d_pre)", DenominatorPost: "SD at the visit"}[o.Denominator]
	r := map[string]string{DenominatorChange: `metafor::escalc("SMCC")`, DenominatorBaseline: `metafor::escalc("SMCR")`, DenominatorPost: ""}[o.Denominator]
	e := start("standardised_change", analysis.ScaleStandardised, g, nil, p)
	e.N = analysis.N{Arm: len(b), Missing: missing}
	e.Method = analysis.Method{Name: fmt.Sprintf("mean change / %s, J %s; available cases", sd, o.Correction), R: r, Ref: refHedges}
	return finish(e, s, len(b), "the group")
}

func between(arm, ref analysis.Group, p analysis.Paired, q analysis.Question, o HedgesOptions) analysis.Estimate {
	e := start("hedges_g", analysis.ScaleStandardised, arm, &ref, p)
	if o.Correction == CorrectionNone {
		e.Term = "cohens_d"
	}
	var s SMD
	var what string
	if o.Denominator == DenominatorPost {
		x, y := present(arm.Pick(p.After)), present(ref.Pick(p.After))
		s = Difference(fit.Describe(x), fit.Describe(y), o.Correction, q.Level)
		e.N = analysis.N{Arm: len(x), Reference: len(y), Missing: len(arm.Patients) + len(ref.Patients) - len(x) - len(y)}
		what = "difference in means at the visit / pooled SD at the visit"
	} else {
		b1, a1, m1 := arm.Complete(p.Before, p.After)
		b2, a2, m2 := ref.Complete(p.Before, p.After)
		c1, c2 := fit.Describe(minus(a1, b1)), fit.Describe(minus(a2, b2))
		e.N = analysis.N{Arm: len(b1), Reference: len(b2), Missing: m1 + m2}
		if o.Denominator == DenominatorChange {
			s = Difference(c1, c2, o.Correction, q.Level)
			what = "difference in mean change / pooled SD of change"
		} else {
			s = ChangeOverBaseline(c1, c2, fit.Describe(b1), fit.Describe(b2), o.Correction, q.Level)
			what = "difference in mean change / pooled SD at baseline"
		}
	}
	e.Method = analysis.Method{Name: fmt.Sprintf("%s, J %s; available cases", what, o.Correction), R: "effectsize::hedges_g(arm, reference)", Ref: refHedges}
	return finish(e, s, min(e.N.Arm, e.N.Reference), "a group")
}

// finish writes a standardised difference into an estimate, with the reason
// where there is none.
func finish(e analysis.Estimate, s SMD, smallest int, who string) analysis.Estimate {
	e.Value, e.SE, e.DF, e.Statistic, e.CI = analysis.Num(s.G), analysis.Num(s.SE), analysis.Num(s.DF), analysis.Num(s.Statistic), s.CI
	if !math.IsNaN(s.Statistic) {
		e.P = analysis.Num(analysis.TP(s.Statistic, s.DF))
	}
	if !e.Value.OK() {
		e.DF = analysis.None
	}
	switch {
	case s.SD == 0:
		return e.Warn(analysis.WarnNoVariance, "all values are equal, so there is no standard deviation to divide by", "report the mean difference instead")
	case !e.Value.OK():
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("%s has %d patients with the values needed; a standardised difference needs at least 3 in all and 1 in each group", who, smallest), "ask for a visit or an outcome with more patients")
	case !e.SE.OK():
		return e.Warn(analysis.WarnNoVariance, "one of the two occasions has no variance, so no standard error can be given", "")
	case smallest < 10:
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("%s has under 10 patients: the standard deviation is itself uncertain", who), "pool quarters or report the mean difference")
	}
	return e
}

// start returns an estimate with the names of what was asked.
func start(term string, scale analysis.Scale, arm analysis.Group, ref *analysis.Group, p analysis.Paired) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Visit, e.Arm = p.Field.Name, p.Now.VisitName(), arm.Name
	if ref != nil {
		e.Reference = ref.Name
	}
	return e
}

// begin reads both occasions and the groups of a question, and warns of groups not seen.
func begin(in analysis.Input, q analysis.Question) (p analysis.Paired, groups []analysis.Group, r analysis.Result, err error) {
	if p, err = in.Pair(q); err != nil {
		return p, nil, r, err
	}
	if groups, r.Excluded, err = in.Groups(q); err != nil {
		return p, nil, analysis.Result{}, err
	}
	r.Warnings = followUp(groups, p)
	return p, groups, r, nil
}

// followUp warns of groups of which under 70 % have the values needed.
func followUp(groups []analysis.Group, p analysis.Paired) []analysis.Warning {
	var out []analysis.Warning
	for _, g := range groups {
		b, _, missing := g.Complete(p.Before, p.After)
		if n := len(b) + missing; n > 0 && float64(len(b)) < 0.7*float64(n) {
			out = append(out, analysis.Warning{
				Code:    analysis.WarnLowFollowUp,
				Message: fmt.Sprintf("%s: %s seen both at %s and at %s in %d of %d patients (%.0f %%); those not seen may differ", g.Name, p.Field.Name, p.Baseline.VisitName(), p.Now.VisitName(), len(b), n, 100*float64(len(b))/float64(n)),
				Cure:    "follow up more patients, and show the result under other assumptions about those not seen",
			})
		}
	}
	return out
}

func present(x []float64) []float64 {
	var out []float64
	for _, v := range x {
		if v == v {
			out = append(out, v)
		}
	}
	return out
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}
