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
	Share     string    `opt:"share" doc:"interval of a share" choices:"wilson|wilson-corrected|clopper-pearson|jeffreys|agresti-coull|mid-p|wald"`
	Interval  string    `opt:"interval" doc:"of the risk difference; scas has the score's skewness taken off it" choices:"newcombe|miettinen-nurminen|mee|scas|agresti-caffo|wald"`
	Test      string    `opt:"test" doc:"of a difference: chi-square without or with Yates's continuity correction, or Fisher's exact test" choices:"chi-square|yates|fisher"`
	Ratio     string    `opt:"ratio" doc:"interval of the risk ratio and the odds ratio: by the score test, which zero counts do not stop; the same with the odds score's bias taken off; normal on the log scale; or, of the odds ratio, exact given the margins" choices:"score|score-unbiased|log|exact"`
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
With a reference: risk_difference_all and _seen; risk_difference_worst and _best (those not seen of the arm all failed and of the reference all improved, and the reverse); risk_ratio_all, odds_ratio_all, nnt_all.
improvement = (baseline - visit) where lower is better, (visit - baseline) where higher is; percent = 100 improvement / baseline. A threshold is reached at 1e-9 under it, so that 0.3 and 30 % agree.
A percentage of a zero baseline is not defined: such a patient cannot respond (all) or is not judged (seen), and is counted in a warning.
Shares: share=wilson by default. Differences: interval=newcombe by default; wald is too narrow at small counts, and is warned of; mee is miettinen-nurminen without N/(N-1), scas miettinen-nurminen with the score's skewness taken off (Laud). Statistic and p of a difference: test=chi-square without correction by default; Fisher's has no statistic.
Ratios: ratio=score (Miettinen-Nurminen, with N/(N-1)) by default, which gives a bound where a count is zero (the ratio itself is then null); score-unbiased takes Gart's bias off the odds ratio's score, as ratesci does unless told otherwise; log is Katz for the risk ratio and Woolf for the odds ratio, null at zero counts; exact gives the odds ratio by conditional maximum likelihood with the interval and p of Fisher's test, and the risk ratio as score does.
NNT = 1/difference with the inverted bounds of the difference; where these hold zero, the NNT's interval is the two pieces outside, given as low > high (benefit from low through infinity to harm at high), and a bound of exactly zero is infinite.
R: prop.test(x, n, correct = FALSE); DescTools::BinomDiffCI(method = "score"); ratesci::scoreci(skew = FALSE, ORbias = FALSE).`,
	Refs:   []string{"Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I", "Dworkin 2008, 10.1016/j.jpain.2007.09.005 (thresholds of 30 and 50 percent)", "Altman 1998, 10.1136/bmj.317.7168.1309 (NNT)", "Laud 2017, 10.1002/pst.1813"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, RespondersOptions{Rule: fit.RulePercent, Threshold: []float64{30, 50}, Direction: "instrument", Share: "wilson", Interval: "newcombe", Test: "chi-square", Ratio: "score"}, responders)

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
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	rules, warnings, err := rulesOf(o, p)
	if err != nil {
		return analysis.Result{}, err
	}
	r.Warnings = append(warnings, r.Warnings...)
	for _, rule := range rules {
		tallies := make([]tally, len(groups))
		for i, g := range groups {
			tallies[i] = rule.tally(g, p)
			r.Estimates = append(r.Estimates, shares(rule, tallies[i], g, p, q, o.Share)...)
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
	lower, warnings := better(o.Direction, p)
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
		out = append(out, thresholdRule(o.Rule, t, lower))
	}
	return out, warnings, nil
}

func thresholdRule(kind string, t float64, lower bool) rule {
	words := map[string]string{
		fit.RulePercent: fmt.Sprintf("improved by at least %g %% of baseline", t),
		fit.RulePoints:  fmt.Sprintf("improved by at least %g points", t),
		fit.RuleAtMost:  fmt.Sprintf("at the visit %s %g", map[bool]string{true: "at most", false: "at least"}[lower], t),
	}[kind]
	return rule{fit.Rule{Kind: kind, Threshold: t, Lower: lower}, words}
}

// better returns whether lower values are better by the setting, and a warning
// where that is not known.
func better(direction string, p analysis.Paired) (lower bool, ws []analysis.Warning) {
	switch {
	case direction != "instrument":
		return direction == "lower", nil
	case !p.DirectionKnown:
		ws = append(ws, analysis.Warning{
			Code:    analysis.WarnNoDirection,
			Message: "the outcome has no instrument, so lower was taken as better", Cure: "name its instrument in the cohort file, or set direction=lower or direction=higher",
		})
	}
	return p.Lower, ws
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
	if d.Kind == instrument.Relative {
		r.Kind = fit.RulePercent
	}
	r.words = fmt.Sprintf("improved by the important difference of %s: %s", i.Title, d.Words())
	var ws []analysis.Warning
	if d.Status != instrument.Sourced {
		ws = append(ws, analysis.Warning{Code: analysis.WarnUnverified, Message: "the important difference of " + i.Title + " is unverified: it was not read in its source"})
	}
	return r, ws, nil
}

// shareInterval is a kind of interval of one proportion.
type shareInterval struct {
	of          func(x, n int, level float64) analysis.Interval
	name, r, by string
}

var shareIntervals = map[string]shareInterval{
	"wilson":           {analysis.Wilson, "Wilson", "prop.test(x, n, correct = FALSE)", "Wilson 1927, 10.1080/01621459.1927.10502953"},
	"clopper-pearson":  {analysis.ClopperPearson, "Clopper-Pearson", "binom.test(x, n)", "Clopper and Pearson 1934, 10.1093/biomet/26.4.404"},
	"jeffreys":         {analysis.Jeffreys, "Jeffreys", "qbeta(c(.025, .975), x + .5, n - x + .5)", "Brown, Cai and DasGupta 2001, 10.1214/ss/1009213286"},
	"agresti-coull":    {analysis.AgrestiCoull, "Agresti-Coull", `binom::binom.agresti.coull(x, n)`, "Agresti and Coull 1998, 10.1080/00031305.1998.10480550"},
	"wald":             {analysis.Wald, "Wald", "binom::binom.asymp(x, n)", "Brown, Cai and DasGupta 2001, 10.1214/ss/1009213286"},
	"wilson-corrected": {analysis.WilsonCorrected, "Wilson with continuity correction", "prop.test(x, n)", "Newcombe 1998, method 4, 10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E"},
	"mid-p":            {analysis.MidP, "mid-P", "exactci::binom.exact(x, n, midp = TRUE)", "Berry and Armitage 1995, 10.2307/2348891"},
}

// shares returns a group's shares under both denominators, and the bounds.
func shares(r rule, t tally, g analysis.Group, p analysis.Paired, q analysis.Question, interval string) []analysis.Estimate {
	k := shareIntervals[interval]
	share := func(term string, x, n int, name string) analysis.Estimate {
		e := start(term, analysis.ScaleProportion, g, nil, p)
		e.Definition = r.words
		e.N = analysis.N{Arm: n, Missing: t.all - t.seen, Events: x}
		e.Method = analysis.Method{Name: name + "; " + k.name, R: k.r, Ref: k.by}
		return shareOf(e, x, n, k, q.Level)
	}
	best := share("bound_best", t.responders+t.all-t.seen, t.all, "all patients, those not judged all counted as improved")
	worst := share("bound_worst", t.responders, t.all, "all patients, those not judged all counted as not improved")
	return []analysis.Estimate{
		share("responders_all", t.responders, t.all, "all patients, those not seen counted as not improved"),
		share("responders_seen", t.responders, t.seen, "patients who could be judged"),
		worst, best,
	}
}

// shareOf writes a share x of n into an estimate.
func shareOf(e analysis.Estimate, x, n int, k shareInterval, level float64) analysis.Estimate {
	if n == 0 {
		return tooFew(e, 1)
	}
	v := float64(x) / float64(n)
	e.Value, e.SE, e.CI = analysis.Num(v), analysis.Num(math.Sqrt(v*(1-v)/float64(n))), k.of(x, n, level)
	return e
}

// differenceInterval is a kind of interval of a difference of two proportions.
type differenceInterval struct {
	of          func(x1, n1, x2, n2 int, level float64) analysis.Interval
	name, r, by string
}

var differenceIntervals = map[string]differenceInterval{
	"newcombe":           {analysis.Newcombe, "Newcombe hybrid score interval", `DescTools::BinomDiffCI(method = "score")`, "Newcombe 1998, method 10, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I"},
	"miettinen-nurminen": {analysis.MiettinenNurminen, "Miettinen-Nurminen score interval", `ratesci::scoreci(contrast = "RD", skew = FALSE)`, "Miettinen and Nurminen 1985, 10.1002/sim.4780040211"},
	"agresti-caffo":      {analysis.AgrestiCaffo, "Agresti-Caffo interval", `DescTools::BinomDiffCI(method = "ac")`, "Agresti and Caffo 2000, 10.1080/00031305.2000.10474560"},
	"mee":                {analysis.Mee, "Mee score interval", `PropCIs::diffscoreci`, "Mee 1984, 10.2307/2530934"},
	"scas":               {analysis.SCAS, "skewness-corrected score interval", `ratesci::scoreci(contrast = "RD")`, "Laud 2017, 10.1002/pst.1813"},
	"wald":               {analysis.WaldDifference, "Wald interval", "prop.test(x, n, correct = FALSE)", "Newcombe 1998, method 1, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I"},
}

// contrasts returns the comparisons of arm and reference.
func contrasts(r rule, a, b tally, groups []analysis.Group, p analysis.Paired, q analysis.Question, o RespondersOptions) []analysis.Estimate {
	base := func(term string, scale analysis.Scale, n1, n2 int) analysis.Estimate {
		e := start(term, scale, groups[0], &groups[1], p)
		e.Definition = r.words
		e.N = analysis.N{Arm: n1, Reference: n2, Missing: a.all - a.seen + b.all - b.seen, Events: a.responders}
		return e
	}
	k := differenceIntervals[o.Interval]
	diff := func(term string, x1, n1, x2, n2 int, those string) analysis.Estimate {
		e := base(term, analysis.ScaleRiskDiff, n1, n2)
		e.N.Events = x1
		e.Method = analysis.Method{Name: "difference of shares, " + those + "; " + k.name, R: k.r, Ref: k.by}
		return tested(riskDifference(e, x1, n1, x2, n2, k, q.Level), x1, n1, x2, n2, o.Test)
	}
	const failed = "those not seen counted as not improved"
	all := diff("risk_difference_all", a.responders, a.all, b.responders, b.all, failed)
	return []analysis.Estimate{
		all,
		diff("risk_difference_seen", a.responders, a.seen, b.responders, b.seen, "patients who could be judged"),
		diff("risk_difference_worst", a.responders, a.all, b.responders+b.all-b.seen, b.all, "those not judged failed in the arm and improved in the reference"),
		diff("risk_difference_best", a.responders+a.all-a.seen, a.all, b.responders, b.all, "those not judged improved in the arm and failed in the reference"),
		ratio(base("risk_ratio_all", analysis.ScaleRatio, a.all, b.all), a, b, q.Level, o.Ratio, false),
		ratio(base("odds_ratio_all", analysis.ScaleRatio, a.all, b.all), a, b, q.Level, o.Ratio, true),
		nnt(base("nnt_all", analysis.ScaleNNT, a.all, b.all), all),
	}
}

func riskDifference(e analysis.Estimate, x1, n1, x2, n2 int, k differenceInterval, level float64) analysis.Estimate {
	if n1 == 0 || n2 == 0 {
		return tooFew(e, 1)
	}
	p1, p2 := float64(x1)/float64(n1), float64(x2)/float64(n2)
	e.Value = analysis.Num(p1 - p2)
	e.SE = analysis.Num(math.Sqrt(p1*(1-p1)/float64(n1) + p2*(1-p2)/float64(n2)))
	e.CI = k.of(x1, n1, x2, n2, level)
	if z, pv := analysis.PearsonP(x1, n1, x2, n2); !math.IsNaN(z) {
		e.Statistic, e.P = analysis.Num(z), analysis.Num(pv)
	}
	if least := min(x1, n1-x1, x2, n2-x2); e.CI.Kind == analysis.KindWald && least < 10 {
		e = e.Warn(analysis.WarnSmallCount, fmt.Sprintf("a cell of the two-by-two table is %d: the Wald interval is too narrow under about 10", least), "use interval=newcombe or interval=miettinen-nurminen")
	}
	return e
}

// tested gives a difference the test asked for in place of chi-square's.
func tested(e analysis.Estimate, x1, n1, x2, n2 int, test string) analysis.Estimate {
	if !e.Value.OK() || test == "chi-square" {
		return e
	}
	e.Statistic, e.P = analysis.None, analysis.None
	if test == "fisher" {
		e.Method.Name += "; p by Fisher's exact test"
		e.P = analysis.Num(analysis.FisherP(x1, n1, x2, n2))
	} else if z, p := analysis.YatesP(x1, n1, x2, n2); !math.IsNaN(z) {
		e.Method.Name += "; p by chi-square with Yates's correction"
		e.Statistic, e.P = analysis.Num(z), analysis.Num(p)
	}
	return e
}

// exactOdds writes the odds ratio given the margins of the table.
func exactOdds(e analysis.Estimate, strata []analysis.TwoByTwo, level float64) analysis.Estimate {
	e.Method = analysis.Method{Name: "odds ratio by conditional maximum likelihood, exact interval and p given the margins", R: "fisher.test(table); mantelhaen.test(exact = TRUE)", Ref: "Fay 2010, 10.1093/biostatistics/kxp050"}
	v, ci, p := analysis.ConditionalOdds(strata, level)
	if math.IsNaN(v) {
		return e.Warn(analysis.WarnSmallCount, "given the margins there is one table alone, or there are too many to go through: no odds ratio can be told from another", "use the risk difference, or the odds ratio of Mantel and Haenszel")
	}
	if e.CI, e.P = ci, analysis.Num(p); math.IsInf(v, 0) {
		return e.Warn(analysis.WarnSmallCount, "the events lie as far in one arm as they can, so the ratio is not finite; the interval says what it is at least", "use the risk difference")
	}
	e.Value = analysis.Num(v)
	return e
}

// ratio writes the ratio of two shares, or of their odds. Where a count of the
// reference is zero there is no ratio, but the score interval still has a bound.
func ratio(e analysis.Estimate, a, b tally, level float64, kind string, odds bool) analysis.Estimate {
	if kind == "exact" && odds {
		return exactOdds(e, []analysis.TwoByTwo{{X1: a.responders, N1: a.all, X2: b.responders, N2: b.all}}, level)
	}
	unbiased := kind == "score-unbiased"
	if kind != "log" {
		kind = "score"
	}
	x1, n1, x2, n2 := float64(a.responders), float64(a.all), float64(b.responders), float64(b.all)
	what, r, log := "ratio of shares", `contrast = "RR"`, `epitools::riskratio(method = "wald")`
	v, se := x1/n1/(x2/n2), math.Sqrt(1/x1-1/n1+1/x2-1/n2)
	zero := x1 == 0 || x2 == 0
	if odds {
		what, r, log = "odds ratio", `contrast = "OR", ORbias = FALSE`, `epitools::oddsratio(method = "wald")`
		if unbiased {
			what, r = "odds ratio with the score's bias taken off", `contrast = "OR"`
		}
		v, se = x1*(n2-x2)/(x2*(n1-x1)), math.Sqrt(1/x1+1/(n1-x1)+1/x2+1/(n2-x2))
		zero = zero || x1 == n1 || x2 == n2
	}
	if kind == "log" {
		e.Method = analysis.Method{Name: what + ", normal interval on the log scale", R: log, Ref: "Katz 1978, 10.2307/2530610; Woolf 1955, 10.1111/j.1469-1809.1955.tb01348.x"}
	} else {
		e.Method = analysis.Method{Name: what + ", Miettinen-Nurminen score interval", R: "ratesci::scoreci(" + r + ", skew = FALSE)", Ref: "Miettinen and Nurminen 1985, 10.1002/sim.4780040211"}
	}
	if n1 == 0 || n2 == 0 {
		return tooFew(e, 1)
	}
	if kind == "score" {
		if odds {
			e.CI = analysis.OddsScore(a.responders, a.all, b.responders, b.all, level, unbiased)
		} else {
			e.CI = analysis.RatioScore(a.responders, a.all, b.responders, b.all, level)
		}
		if z, p := analysis.PearsonP(a.responders, a.all, b.responders, b.all); !math.IsNaN(z) {
			e.Statistic, e.P = analysis.Num(z), analysis.Num(p)
		}
	}
	if !math.IsNaN(v) && !math.IsInf(v, 0) && (kind == "score" || !zero) {
		e.Value = analysis.Num(v)
	}
	switch {
	case !zero:
		e.SE = analysis.Num(v * se)
		if kind == "log" {
			e.CI = analysis.LogInterval(v, se, level)
			e.Statistic = analysis.Num(math.Log(v) / se)
			e.P = analysis.Num(analysis.NormalP(float64(e.Statistic)))
		}
	case kind == "score" && e.Value.OK():
		e = e.Warn(analysis.WarnSmallCount, "a cell of the two-by-two table is zero, so the ratio's standard error is not defined", "use the interval, or the risk difference")
	case kind == "score":
		e = e.Warn(analysis.WarnSmallCount, "a cell of the two-by-two table is zero, so the ratio is not defined; the interval says what it is at least", "use the risk difference")
	default:
		e = e.Warn(analysis.WarnSmallCount, "a cell of the two-by-two table is zero, so the ratio or its interval is not defined", "use ratio=score, or the risk difference")
	}
	return e
}

// nnt returns the number needed to treat from a risk difference. An interval of
// the difference that holds zero gives bounds with low > high: benefit from low
// to infinity, harm from high to minus infinity.
func nnt(e analysis.Estimate, d analysis.Estimate) analysis.Estimate {
	e.Unit = "patients"
	e.Method = analysis.Method{Name: "1 / risk difference, bounds the inverted bounds of the difference", Ref: "Altman 1998, 10.1136/bmj.317.7168.1309"}
	if !d.Value.OK() {
		return tooFew(e, 1)
	}
	inverse := func(v analysis.Num, zero float64) float64 {
		if v == 0 {
			return zero
		}
		return 1 / float64(v)
	}
	if d.CI.Low.OK() {
		e.CI = analysis.NewInterval(d.CI.Kind+", inverted", inverse(d.CI.High, math.Inf(-1)), inverse(d.CI.Low, math.Inf(1)), d.CI.Level)
	}
	if d.CI.Low < 0 && d.CI.High > 0 {
		e = e.Warn(analysis.WarnSmallCount, "the interval of the risk difference holds zero: the number needed to treat runs from the low bound through infinity to the (negative) high bound", "use the risk difference")
	}
	if d.Value == 0 {
		return e.Warn(analysis.WarnSmallCount, "the risk difference is zero, so the number needed to treat is infinite", "use the risk difference")
	}
	e.Value = 1 / d.Value
	return e
}
