package effect

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/datasets/instrument"
)

// RuleImportant says that who improved by the instrument's important difference
// has responded; the other rules are percent, points and at-most.
const RuleImportant = "important"

// RespondersOptions are the settings of effect/responders.
type RespondersOptions struct {
	Rule      string    `opt:"rule" doc:"percent: improved by at least the threshold in percent of baseline; points: in points; at-most: at the threshold or better at the visit; important: by the instrument's important difference" choices:"percent|points|at-most|important"`
	Threshold []float64 `opt:"threshold" doc:"one or more thresholds; not used by important"`
	Direction string    `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Interval  string    `opt:"interval" doc:"of the risk difference" choices:"newcombe|miettinen-nurminen"`
}

// Responders is effect/responders: the share of patients who reached a threshold,
// with both denominators side by side.
var Responders = analysis.New(analysis.Analysis{
	Name:     "effect/responders",
	Title:    "Responders",
	Estimand: "share of patients who improved by at least a threshold, and its difference between arm and reference",
	Doc: `Terms, for each threshold t (written into Definition):
  responders_all   denominator all patients of the group; not seen, or without a baseline, counts as not improved
  responders_seen  denominator the patients who could be judged
  bound_worst, bound_best  all patients, those not seen all failed, or all improved
With a reference: risk_difference_all and _seen (Newcombe, or Miettinen-Nurminen), risk_ratio_all, odds_ratio_all, nnt_all.
improvement = (baseline - visit) where lower is better, (visit - baseline) where higher is; percent = 100 improvement / baseline. A threshold is reached at 1e-9 under it, so that 0.3 and 30 % agree.
A percentage of a zero baseline is not defined: such a patient cannot respond (all) or is not judged (seen), and is counted in a warning.
Shares: Wilson. Risk ratio: normal on the log scale (Katz); odds ratio: Woolf. Both are null where a cell is zero. NNT = 1/difference; where the difference's interval holds zero, the NNT's interval is the two pieces outside, given as low > high (benefit from low, harm from high).
R: prop.test(x, n, correct = FALSE); DescTools::BinomDiffCI(method = "score").`,
	Refs:   []string{"Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I", "Dworkin 2008, 10.1016/j.jpain.2007.09.005 (thresholds of 30 and 50 percent)", "Altman 1998, 10.1136/bmj.317.7168.1309 (NNT)"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, RespondersOptions{Rule: fit.RulePercent, Threshold: []float64{30, 50}, Direction: "instrument", Interval: "newcombe"}, responders)

// rule is a rule with one threshold, ready to judge, and its words.
type rule struct {
	fit.Rule
	words string
}

// tally counts a group's responders under one rule.
type tally struct{ responders, seen, all, zero int }

func (r rule) tally(g analysis.Group, p analysis.Paired) tally {
	t := tally{all: len(g.Patients)}
	for _, i := range g.Patients {
		v := r.Judge(p.Before[i], p.After[i])
		if r.Kind == fit.RulePercent && p.Before[i] == 0 && p.After[i] == p.After[i] {
			t.zero++
		}
		if !math.IsNaN(v) {
			t.seen++
			t.responders += int(v)
		}
	}
	return t
}

func responders(_ context.Context, in analysis.Input, q analysis.Question, o RespondersOptions) (analysis.Result, error) {
	p, err := in.Pair(q)
	if err != nil {
		return analysis.Result{}, err
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return analysis.Result{}, err
	}
	rules, warnings, err := rulesOf(o, p)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: excluded, Warnings: append(warnings, followUp(groups, p)...)}
	for _, rule := range rules {
		tallies := make([]tally, len(groups))
		for i, g := range groups {
			tallies[i] = rule.tally(g, p)
			r.Estimates = append(r.Estimates, shares(rule, tallies[i], g, p, q)...)
			if tallies[i].zero > 0 {
				r.Warnings = append(r.Warnings, analysis.Warning{
					Code:    analysis.WarnPercentZero,
					Message: fmt.Sprintf("%s: %d patients have a baseline of zero, of which no percentage can be taken: they cannot respond where all count, and are not judged where those seen count", g.Name, tallies[i].zero),
					Cure:    "use rule=points or rule=at-most",
				})
			}
		}
		if q.Reference != "" {
			r.Estimates = append(r.Estimates, contrasts(rule, tallies[0], tallies[1], groups, p, q, o)...)
		}
	}
	return r, nil
}

func rulesOf(o RespondersOptions, p analysis.Paired) ([]rule, []analysis.Warning, error) {
	lower := p.Lower
	var warnings []analysis.Warning
	switch {
	case o.Direction != "instrument":
		lower = o.Direction == "lower"
	case !p.DirectionKnown:
		warnings = append(warnings, analysis.Warning{
			Code:    analysis.WarnNoDirection,
			Message: "the outcome has no instrument, so lower was taken as better", Cure: "name its instrument in the cohort file, or set direction=lower or direction=higher",
		})
	}
	if o.Rule == RuleImportant {
		r, w, err := importantRule(p, lower)
		return []rule{r}, append(warnings, w...), err
	}
	if len(o.Threshold) == 0 {
		return nil, nil, fmt.Errorf("%w: expected a threshold", analysis.ErrOptions)
	}
	var out []rule
	for _, t := range o.Threshold {
		if o.Rule != fit.RuleAtMost && t <= 0 {
			return nil, nil, fmt.Errorf("%w: expected thresholds above zero", analysis.ErrOptions)
		}
		words := map[string]string{
			fit.RulePercent: fmt.Sprintf("improved by at least %g %% of baseline", t),
			fit.RulePoints:  fmt.Sprintf("improved by at least %g points", t),
			fit.RuleAtMost:  fmt.Sprintf("at the visit %s %g", map[bool]string{true: "at most", false: "at least"}[lower], t),
		}[o.Rule]
		out = append(out, rule{fit.Rule{Kind: o.Rule, Threshold: t, Lower: lower}, words})
	}
	return out, warnings, nil
}

// importantRule takes the default important difference of the outcome's
// instrument.
func importantRule(p analysis.Paired, lower bool) (rule, []analysis.Warning, error) {
	i, ok := instrument.Find(p.Field.Instrument)
	if !ok {
		return rule{}, nil, fmt.Errorf("%w: rule=important needs an outcome with an instrument; use rule=percent or rule=points", analysis.ErrOptions)
	}
	d, ok := i.Default()
	if !ok {
		return rule{}, nil, fmt.Errorf("%w: the instrument %s has no sourced important difference; use rule=percent or rule=points", analysis.ErrOptions, i.Name)
	}
	r := rule{Rule: fit.Rule{Kind: fit.RulePoints, Threshold: d.Value, Lower: lower}}
	unit := "points"
	if d.Kind == instrument.Relative {
		r.Kind, unit = fit.RulePercent, "% of baseline"
	}
	r.words = fmt.Sprintf("improved by the important difference of %s: %g %s (%s; %s; %s)", i.Title, d.Value, unit, d.Method, d.Population, d.Source)
	var ws []analysis.Warning
	if d.Status != instrument.Sourced {
		ws = append(ws, analysis.Warning{Code: analysis.WarnUnverified, Message: "the important difference of " + i.Title + " is unverified: it was not read in its source"})
	}
	return r, ws, nil
}

// shares returns a group's shares under both denominators, and the bounds.
func shares(r rule, t tally, g analysis.Group, p analysis.Paired, q analysis.Question) []analysis.Estimate {
	share := func(term string, x, n int, name string) analysis.Estimate {
		e := start(term, analysis.ScaleProportion, g, nil, p)
		e.Definition = r.words
		e.N = analysis.N{Arm: n, Missing: t.all - t.seen, Events: x}
		e.Method = analysis.Method{Name: name, R: "prop.test(x, n, correct = FALSE)", Ref: "Wilson 1927, 10.1080/01621459.1927.10502953"}
		if n == 0 {
			return tooFew(e, 1)
		}
		e.Value = analysis.Num(float64(x) / float64(n))
		e.SE = analysis.Num(math.Sqrt(float64(e.Value) * (1 - float64(e.Value)) / float64(n)))
		e.CI = analysis.Wilson(x, n, q.Level)
		return e
	}
	best := share("bound_best", t.responders+t.all-t.seen, t.all, "all patients, those not judged all counted as improved; Wilson")
	worst := share("bound_worst", t.responders, t.all, "all patients, those not judged all counted as not improved; Wilson")
	return []analysis.Estimate{
		share("responders_all", t.responders, t.all, "all patients, those not seen counted as not improved; Wilson"),
		share("responders_seen", t.responders, t.seen, "patients who could be judged; Wilson"),
		worst, best,
	}
}

// contrasts returns the comparisons of arm and reference.
func contrasts(r rule, a, b tally, groups []analysis.Group, p analysis.Paired, q analysis.Question, o RespondersOptions) []analysis.Estimate {
	base := func(term string, scale analysis.Scale, n1, n2 int) analysis.Estimate {
		e := start(term, scale, groups[0], &groups[1], p)
		e.Definition = r.words
		e.N = analysis.N{Arm: n1, Reference: n2, Missing: a.all - a.seen + b.all - b.seen, Events: a.responders}
		return e
	}
	diff := func(term string, n1, n2 int) analysis.Estimate {
		e := base(term, analysis.ScaleRiskDiff, n1, n2)
		e.Method = analysis.Method{Name: "difference of shares, Newcombe hybrid score interval", R: `DescTools::BinomDiffCI(method = "score")`, Ref: "Newcombe 1998, method 10"}
		interval := analysis.Newcombe
		if o.Interval == "miettinen-nurminen" {
			interval = analysis.MiettinenNurminen
			e.Method = analysis.Method{Name: "difference of shares, Miettinen-Nurminen score interval", R: `ratesci::scoreci(contrast = "RD", skew = FALSE)`, Ref: "Miettinen and Nurminen 1985, 10.1002/sim.4780040211"}
		}
		if n1 == 0 || n2 == 0 {
			return tooFew(e, 1)
		}
		p1, p2 := float64(a.responders)/float64(n1), float64(b.responders)/float64(n2)
		e.Value = analysis.Num(p1 - p2)
		e.SE = analysis.Num(math.Sqrt(p1*(1-p1)/float64(n1) + p2*(1-p2)/float64(n2)))
		e.CI = interval(a.responders, n1, b.responders, n2, q.Level)
		return e
	}
	all := diff("risk_difference_all", a.all, b.all)
	return []analysis.Estimate{
		all, diff("risk_difference_seen", a.seen, b.seen),
		ratio(base("risk_ratio_all", analysis.ScaleRatio, a.all, b.all), a, b, q, false),
		ratio(base("odds_ratio_all", analysis.ScaleRatio, a.all, b.all), a, b, q, true),
		nnt(base("nnt_all", analysis.ScaleNNT, a.all, b.all), all),
	}
}

func ratio(e analysis.Estimate, a, b tally, q analysis.Question, odds bool) analysis.Estimate {
	x1, n1, x2, n2 := float64(a.responders), float64(a.all), float64(b.responders), float64(b.all)
	e.Method = analysis.Method{Name: "ratio of shares, normal interval on the log scale (Katz)", R: `epitools::riskratio(method = "wald")`}
	v, se := x1/n1/(x2/n2), math.Sqrt(1/x1-1/n1+1/x2-1/n2)
	zero := x1 == 0 || x2 == 0
	if odds {
		e.Method = analysis.Method{Name: "odds ratio, normal interval on the log scale (Woolf)", R: `epitools::oddsratio(method = "wald")`}
		v, se = x1*(n2-x2)/(x2*(n1-x1)), math.Sqrt(1/x1+1/(n1-x1)+1/x2+1/(n2-x2))
		zero = zero || x1 == n1 || x2 == n2
	}
	if zero || n1 == 0 || n2 == 0 {
		return e.Warn(analysis.WarnSmallCount, "a cell of the two-by-two table is zero, so the ratio or its interval is not defined", "use the risk difference")
	}
	e.Value, e.SE = analysis.Num(v), analysis.Num(v*se)
	e.CI = analysis.LogInterval(v, se, q.Level)
	e.Statistic = analysis.Num(math.Log(v) / se)
	e.P = analysis.Num(analysis.NormalP(float64(e.Statistic)))
	return e
}

// nnt returns the number needed to treat from a risk difference. An interval of
// the difference that holds zero gives bounds with low > high: benefit from low
// to infinity, harm from high to minus infinity.
func nnt(e analysis.Estimate, d analysis.Estimate) analysis.Estimate {
	e.Unit = "patients"
	e.Method = analysis.Method{Name: "1 / risk difference, bounds the inverted Newcombe bounds", Ref: "Altman 1998, 10.1136/bmj.317.7168.1309"}
	if !d.Value.OK() || d.Value == 0 {
		return e.Warn(analysis.WarnSmallCount, "the risk difference is zero or not known, so the number needed to treat is not defined", "use the risk difference")
	}
	e.Value = 1 / d.Value
	if d.CI.Low.OK() && d.CI.Low != 0 && d.CI.High != 0 {
		e.CI = analysis.NewInterval(d.CI.Kind+", inverted", 1/float64(d.CI.High), 1/float64(d.CI.Low), d.CI.Level)
		if d.CI.Low < 0 && d.CI.High > 0 {
			e = e.Warn(analysis.WarnSmallCount, "the interval of the risk difference holds zero: the number needed to treat runs from the low bound through infinity to the (negative) high bound", "use the risk difference")
		}
	}
	return e
}
