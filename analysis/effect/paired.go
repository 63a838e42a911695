package effect

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// PairedSharesOptions are the settings of effect/paired-shares.
type PairedSharesOptions struct {
	Threshold []float64 `opt:"threshold" doc:"scores at or better than which a patient is in the state, such as 3 for pain of at most 3"`
	Direction string    `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Share     string    `opt:"share" doc:"interval of a share" choices:"wilson|wilson-corrected|clopper-pearson|jeffreys|agresti-coull|mid-p|wald"`
	Interval  string    `opt:"interval" doc:"of the change: newcombe holds at small counts, wald is for comparison with others'" choices:"newcombe|wald"`
}

// PairedShares is effect/paired-shares: the share of patients in an acceptable
// state before and after, compared in the same patients.
var PairedShares = analysis.New(analysis.Analysis{
	Name:     "effect/paired-shares",
	Title:    "Share in an acceptable state before and after (McNemar)",
	Estimand: "change from baseline to the visit in the share of patients whose score is at a threshold or better, in the patients seen at both",
	Doc: `Terms in each group, for each threshold: share_baseline, share_visit, gained and lost (in the state at the visit alone, at baseline alone), change_in_share (visit minus baseline).
change_in_share = (gained - lost)/n with Newcombe's interval for paired proportions (method 10, corrected correlation); p is McNemar's mid-P, which keeps its level; the exact p is in the estimate mcnemar_exact, whose value is that p; mcnemar and mcnemar_corrected have the chi-square statistic (gained - lost)²/(gained + lost) without and with the continuity correction.
Missing values: patients seen at both occasions. A threshold is reached at 1e-9 beyond it.
With a reference each group is shown for itself; effect/responders with rule=at-most compares groups.
R: ratesci::moverpair(corc = TRUE); mcnemar.test; exact2x2::mcnemar.exact(midp = TRUE).`,
	Refs:   []string{"Newcombe 1998, 10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C", "Fagerland, Lydersen and Laake 2013, 10.1186/1471-2288-13-91"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, PairedSharesOptions{Direction: "instrument", Share: "wilson", Interval: "newcombe"}, pairedShares)

func pairedShares(_ context.Context, in analysis.Input, q analysis.Question, o PairedSharesOptions) (analysis.Result, error) {
	if len(o.Threshold) == 0 {
		return analysis.Result{}, fmt.Errorf("%w: expected the score at which a patient is in the state: --set threshold=3", analysis.ErrOptions)
	}
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	lower, ws := better(o.Direction, p)
	r.Warnings = append(ws, r.Warnings...)
	for _, t := range o.Threshold {
		rule := thresholdRule(fit.RuleAtMost, t, lower)
		for _, g := range groups {
			r.Estimates = append(r.Estimates, pairedOf(rule, g, p, q, o)...)
		}
	}
	return r, nil
}

func pairedOf(r rule, g analysis.Group, p analysis.Paired, q analysis.Question, o PairedSharesOptions) []analysis.Estimate {
	k := shareIntervals[o.Share]
	b, a, missing := g.Complete(p.Before, p.After)
	var t analysis.Table2 // first occasion: the visit
	for i := range b {
		before, after := r.Judge(b[i], b[i]) == 1, r.Judge(a[i], a[i]) == 1
		switch {
		case before && after:
			t.Both++
		case after:
			t.First++
		case before:
			t.Second++
		default:
			t.Neither++
		}
	}
	n := len(b)
	base := func(term string, scale analysis.Scale, x int, how string) analysis.Estimate {
		e := start(term, scale, g, nil, p)
		e.Definition = r.words
		e.N = analysis.N{Arm: n, Missing: missing, Events: x}
		e.Method = analysis.Method{Name: how, R: "mcnemar.test(table)", Ref: "Fagerland, Lydersen and Laake 2013, 10.1186/1471-2288-13-91"}
		return e
	}
	share := func(term string, x int) analysis.Estimate {
		e := base(term, analysis.ScaleProportion, x, "patients seen at both occasions; "+k.name)
		e.Method.R, e.Method.Ref = k.r, k.by
		return shareOf(e, x, n, k, q.Level)
	}
	before := share("share_baseline", t.Both+t.Second)
	before.Visit = p.Baseline.VisitName()
	change := base("change_in_share", analysis.ScaleRiskDiff, t.First, "difference of paired shares, Newcombe's method 10; p is McNemar's mid-P")
	exact := base("mcnemar_exact", analysis.ScaleProportion, t.First, "exact McNemar test; the value is its p")
	if n == 0 {
		change, exact = tooFew(change, 1), tooFew(exact, 1)
	} else {
		f, s := float64(t.First), float64(t.Second)
		change.Value = analysis.Num((f - s) / float64(n))
		change.SE = analysis.Num(math.Sqrt(math.Max(0, f+s-(f-s)*(f-s)/float64(n))) / float64(n))
		change.CI = analysis.NewcombePaired(t, q.Level)
		pe, pm := analysis.McNemar(t.First, t.Second)
		change.P, exact.P, exact.Value = analysis.Num(pm), analysis.Num(pe), analysis.Num(pe)
		if o.Interval == "wald" {
			change.Method.Name = "difference of paired shares, Wald interval; p is McNemar's mid-P"
			change.CI = analysis.NormalInterval(float64(change.Value), float64(change.SE), q.Level)
			change.CI.Low, change.CI.High, change.CI.Kind = max(change.CI.Low, -1), min(change.CI.High, 1), analysis.KindWald
		}
	}
	return []analysis.Estimate{
		before, share("share_visit", t.Both+t.First), share("gained", t.First), share("lost", t.Second), change, exact,
		chiSquare(base("mcnemar", analysis.ScaleCount, t.First, "McNemar's chi-square; the value is the statistic"), t, 0),
		chiSquare(base("mcnemar_corrected", analysis.ScaleCount, t.First, "McNemar's chi-square with continuity correction; the value is the statistic"), t, 1),
	}
}

// chiSquare is McNemar's statistic, less a correction of its root.
func chiSquare(e analysis.Estimate, t analysis.Table2, less float64) analysis.Estimate {
	n := float64(t.First + t.Second)
	if n == 0 {
		return e.Warn(analysis.WarnNoVariance, "no patient has come into the state or left it, so there is nothing to test", "")
	}
	z := math.Max(0, math.Abs(float64(t.First-t.Second))-less) / math.Sqrt(n)
	e.Value, e.Statistic, e.DF, e.P = analysis.Num(z*z), analysis.Num(z*z), 1, analysis.Num(analysis.NormalP(z))
	if n < 25 {
		e = e.Warn(analysis.WarnSmallCount, fmt.Sprintf("chi-square is rough where under 25 patients have changed; here %g have", n), "use the mid-P of change_in_share, or mcnemar_exact")
	}
	return e
}
