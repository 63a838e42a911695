package effect

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Superiority is how two groups of values stand to each other in order alone.
type Superiority struct {
	Theta     float64 // P(x > y) + P(x = y)/2
	SE, DF    float64 // Brunner and Munzel's; NaN where no variance is left
	U         float64 // Mann-Whitney's count of pairs with x > y, ties half
	Wilcoxon  float64 // normal statistic of U, with ties, without continuity correction
	N1, N2    int
	Separated bool // no x lies among the y
}

// Compare orders two groups, by midranks where values tie.
//
//	θ = (mean rank of x in all - (n₁+1)/2) / n₂
//	SE² = S₁²/(n₁n₂²) + S₂²/(n₂n₁²)
//
// with S² the variances of the ranks in all less the ranks in the own group.
//
// R: brunnermunzel::brunnermunzel.test(y, x), wilcox.test(x, y, exact = FALSE,
// correct = FALSE). Brunner and Munzel 2000,
// 10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U.
func Compare(x, y []float64) Superiority {
	nan := math.NaN()
	s := Superiority{Theta: nan, SE: nan, DF: nan, U: nan, Wilcoxon: nan, N1: len(x), N2: len(y)}
	if len(x) == 0 || len(y) == 0 {
		return s
	}
	n1, n2 := float64(len(x)), float64(len(y))
	all, ties := fit.Ranks(append(append([]float64(nil), x...), y...))
	rx, _ := fit.Ranks(x)
	ry, _ := fit.Ranks(y)
	s.U = floats.Sum(all[:len(x)]) - n1*(n1+1)/2
	s.Theta = s.U / (n1 * n2)
	s.Separated = s.Theta == 0 || s.Theta == 1
	n := n1 + n2
	if v := n1 * n2 / 12 * (n + 1 - ties/(n*(n-1))); v > 0 {
		s.Wilcoxon = (s.U - n1*n2/2) / math.Sqrt(v)
	}
	if len(x) < 2 || len(y) < 2 {
		return s
	}
	sx, sy := fit.Describe(minus(all[:len(x)], rx)).SD, fit.Describe(minus(all[len(x):], ry)).SD
	v1, v2 := sx*sx/(n1*n2*n2), sy*sy/(n2*n1*n1)
	if v := v1 + v2; v > 0 {
		s.SE, s.DF = math.Sqrt(v), v*v/(v1*v1/(n1-1)+v2*v2/(n2-1))
	}
	return s
}

// Newcombe returns the interval of θ by Newcombe's method 5: the θ that lie within
// z of the estimate by an error worked out at θ itself, so that it holds where the
// groups are separate.
//
//	V(θ) = θ(1-θ)/(n₁n₂) · (1 + N* ((1-θ)/(2-θ) + θ/(1+θ))),  N* = (n₁+n₂)/2 - 1
//
// Newcombe 2006, 10.1002/sim.2324.
func (s Superiority) Newcombe(level float64) analysis.Interval {
	if math.IsNaN(s.Theta) {
		return analysis.NoInterval
	}
	z, more := analysis.NormalQuantile(level), float64(s.N1+s.N2)/2-1
	bound := func(end float64) float64 {
		beyond := func(t float64) bool {
			v := t * (1 - t) / float64(s.N1) / float64(s.N2) * (1 + more*((1-t)/(2-t)+t/(1+t)))
			return math.Abs(t-s.Theta) > z*math.Sqrt(math.Max(0, v))
		}
		in, out := s.Theta, end
		if !beyond(out) || in == out {
			return end
		}
		for range 200 { // bisection to the last digit
			mid := in + (out-in)/2
			if mid == in || mid == out {
				break
			}
			if beyond(mid) {
				out = mid
			} else {
				in = mid
			}
		}
		return in
	}
	return analysis.NewInterval("Newcombe, method 5", bound(0), bound(1), level)
}

// SuperiorityOptions are the settings of effect/superiority.
type SuperiorityOptions struct {
	Values   string `opt:"values" doc:"what is compared: the change from baseline, or the value at the visit" choices:"change|visit"`
	Interval string `opt:"interval" doc:"newcombe holds where the groups are separate; brunner-munzel is Student's t about the estimate" choices:"newcombe|brunner-munzel"`
	Test     string `opt:"test" doc:"brunner-munzel allows unequal variances; wilcoxon assumes the same distribution in both arms" choices:"brunner-munzel|wilcoxon"`
}

// SuperiorityAnalysis is effect/superiority: how probably a patient of the arm has
// a higher value than one of the reference.
var SuperiorityAnalysis = analysis.New(analysis.Analysis{
	Name:     "effect/superiority",
	Title:    "Probability of superiority and Cliff's delta",
	Estimand: "probability that a random patient of the arm has a higher value (change, or score at the visit) than a random patient of the reference, ties half; Cliff's delta is twice that less one",
	Doc: `Terms: probability_of_superiority θ = P(arm > reference) + P(equal)/2, the common-language effect; cliffs_delta = 2θ - 1; mann_whitney_u = θ n₁n₂.
Higher is meant of the value, not of benefit: where lower scores are better, θ under one half favours the arm.
No distribution is assumed and no unit matters: any rising transformation of the scores gives the same numbers.
Interval: interval=newcombe (method 5; errors at the bound, so that separate groups have one) or brunner-munzel (θ ± t·SE, cut to [0, 1]). Test: test=brunner-munzel of θ = 1/2 with Satterthwaite degrees of freedom, or wilcoxon (normal, ties in the variance, no continuity correction).
Changes are rounded to 1e-9, so that 0.4 - 0.1 and 0.3 tie.
Missing values: available cases. An arm and a reference must be asked for.
R: brunnermunzel::brunnermunzel.test; wilcox.test(exact = FALSE, correct = FALSE); effsize::cliff.delta.`,
	Refs:   []string{"Newcombe 2006, 10.1002/sim.2324", "Brunner and Munzel 2000, 10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U", "McGraw and Wong 1992, 10.1037/0033-2909.111.2.361", "Cliff 1993, 10.1037/0033-2909.114.3.494"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, SuperiorityOptions{Values: "change", Interval: "newcombe", Test: "brunner-munzel"}, superiority)

func superiority(_ context.Context, in analysis.Input, q analysis.Question, o SuperiorityOptions) (analysis.Result, error) {
	p, groups, r, err := compared(in, q)
	if err != nil {
		return r, err
	}
	var values [2][]float64
	total := 0
	for i, g := range groups {
		total += len(g.Patients)
		if o.Values == "visit" {
			values[i] = present(g.Pick(p.After))
			continue
		}
		b, a, _ := g.Complete(p.Before, p.After)
		values[i] = rounded(minus(a, b))
	}
	s := Compare(values[0], values[1])
	base := func(term string, scale analysis.Scale) analysis.Estimate {
		e := start(term, scale, groups[0], &groups[1], p)
		e.N = analysis.N{Arm: s.N1, Reference: s.N2, Missing: total - s.N1 - s.N2}
		e.Method = analysis.Method{Name: "pairs of patients by " + o.Values + ", ties half; interval " + o.Interval + ", test " + o.Test, R: "brunnermunzel::brunnermunzel.test(reference, arm)", Ref: "Newcombe 2006, 10.1002/sim.2324"}
		return e
	}
	theta := base("probability_of_superiority", analysis.ScaleProportion)
	delta := base("cliffs_delta", analysis.ScaleRiskDiff)
	u := base("mann_whitney_u", analysis.ScaleCount)
	if math.IsNaN(s.Theta) {
		for _, e := range []analysis.Estimate{theta, delta, u} {
			r.Estimates = append(r.Estimates, e.Warn(analysis.WarnTooFew, "one of the groups has no patient with the values needed", "ask for a visit or an outcome with more patients"))
		}
		return r, nil
	}
	theta = s.write(theta, q.Level, o)
	delta.Value = 2*theta.Value - 1
	delta.SE, delta.DF, delta.Statistic, delta.P, delta.Warnings = 2*theta.SE, theta.DF, theta.Statistic, theta.P, theta.Warnings
	if theta.CI.Low.OK() {
		delta.CI = analysis.NewInterval(theta.CI.Kind, float64(2*theta.CI.Low-1), float64(2*theta.CI.High-1), q.Level)
	}
	u.Value, u.Statistic = analysis.Num(s.U), analysis.Num(s.Wilcoxon)
	if !math.IsNaN(s.Wilcoxon) {
		u.P = analysis.Num(analysis.NormalP(s.Wilcoxon))
	}
	u.Method = analysis.Method{Name: "pairs in which the arm's value is higher, ties half; Wilcoxon's rank-sum test with ties, without continuity correction", R: "wilcox.test(x, y, exact = FALSE, correct = FALSE)", Ref: "Mann and Whitney 1947, 10.1214/aoms/1177730491"}
	r.Estimates = append(r.Estimates, theta, delta, u)
	return r, nil
}

func (s Superiority) write(e analysis.Estimate, level float64, o SuperiorityOptions) analysis.Estimate {
	e.Value, e.SE = analysis.Num(s.Theta), analysis.Num(s.SE)
	switch {
	case o.Test == "wilcoxon" && !math.IsNaN(s.Wilcoxon):
		e.Statistic, e.P = analysis.Num(s.Wilcoxon), analysis.Num(analysis.NormalP(s.Wilcoxon))
	case o.Test != "wilcoxon" && !math.IsNaN(s.SE):
		t := (s.Theta - 0.5) / s.SE
		e.Statistic, e.DF, e.P = analysis.Num(t), analysis.Num(s.DF), analysis.Num(analysis.TP(t, s.DF))
	}
	if o.Interval == "newcombe" {
		e.CI = s.Newcombe(level)
	} else if !math.IsNaN(s.SE) {
		ci := analysis.TInterval(s.Theta, s.SE, s.DF, level)
		e.CI = analysis.NewInterval("Brunner-Munzel t", math.Max(0, float64(ci.Low)), math.Min(1, float64(ci.High)), level)
	}
	switch {
	case math.IsNaN(s.SE) && s.Separated:
		return e.Warn(analysis.WarnNoVariance, "every value of one arm lies above every value of the other, so the Brunner-Munzel error is not defined", "use interval=newcombe and test=wilcoxon")
	case math.IsNaN(s.SE):
		return e.Warn(analysis.WarnTooFew, "too few patients, or all values tie, so no standard error can be given", "ask for a visit or an outcome with more patients")
	case min(s.N1, s.N2) < 10 && o.Test != "wilcoxon":
		return e.Warn(analysis.WarnTooFew, "a group has under 10 patients: the Brunner-Munzel test is too often significant there", "use test=wilcoxon or a permutation test")
	}
	return e
}
