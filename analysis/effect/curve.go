package effect

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// CurveOptions are the settings of effect/responder-curve.
type CurveOptions struct {
	Rule      string  `opt:"rule" doc:"improvement in percent of baseline, or in points" choices:"percent|points"`
	From      float64 `opt:"from" doc:"first threshold; below zero is worsening"`
	To        float64 `opt:"to" doc:"last threshold"`
	Step      float64 `opt:"step" doc:"between thresholds"`
	Direction string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
}

// ResponderCurve is effect/responder-curve: the share of responders over every
// threshold, so that the choice of one does not decide the result.
var ResponderCurve = analysis.New(analysis.Analysis{
	Name:     "effect/responder-curve",
	Title:    "Cumulative responder curve",
	Estimand: "share of patients who improved by at least x, over x, in each group",
	Doc: `Series cumulative-responders-all (denominator all patients; those who cannot be judged have not improved) and cumulative-responders-seen (those who could be judged), each with pointwise Wilson intervals, at thresholds from, from + step ... to (0, 5 ... 100 by default, at most 1,000).
Term: median_improvement of those judged, with the interval between order statistics that holds the median with at least the level (Conover): its level is the one asked or more, as distributions without shape allow no other.
A percentage of a zero baseline is not defined: such patients count as not judged.
The band holds at each threshold alone, not over the whole curve.
R: 1 - ecdf(improvement)(x - 1e-9); prop.test(x, n, correct = FALSE).`,
	Refs:   []string{"Farrar, Dworkin and Max 2006, 10.1016/j.jpainsymman.2005.08.018", "Dworkin 2008, 10.1016/j.jpain.2007.09.005"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, CurveOptions{Rule: fit.RulePercent, From: 0, To: 100, Step: 5, Direction: "instrument"}, responderCurve)

func responderCurve(_ context.Context, in analysis.Input, q analysis.Question, o CurveOptions) (analysis.Result, error) {
	if !(o.Step > 0) || o.To < o.From || (o.To-o.From)/o.Step > 1000 {
		return analysis.Result{}, fmt.Errorf("%w: expected from <= to and a step above zero, with at most 1,000 steps", analysis.ErrOptions)
	}
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	lower, ws := better(o.Direction, p)
	r.Warnings = append(ws, r.Warnings...)
	unit := p.Field.Unit
	if o.Rule == fit.RulePercent {
		unit = "%"
	}
	for _, g := range groups {
		gains := improvements(g, p, o.Rule, lower)
		all := analysis.Series{Name: "cumulative-responders-all", Group: g.Name, XUnit: unit, YUnit: "share"}
		seen := all
		seen.Name = "cumulative-responders-seen"
		for i := range int(math.Floor((o.To-o.From)/o.Step+1e-9)) + 1 {
			t := o.From + float64(i)*o.Step
			reached := 0
			for _, v := range gains {
				if v >= t-1e-9 {
					reached++
				}
			}
			all.Points = append(all.Points, sharePoint(t, reached, len(g.Patients), q.Level))
			seen.Points = append(seen.Points, sharePoint(t, reached, len(gains), q.Level))
		}
		r.Series = append(r.Series, all, seen)
		e := start("median_improvement", analysis.ScaleDifference, g, nil, p)
		if e.Unit = unit; o.Rule == fit.RulePercent {
			e.Scale = analysis.ScalePercent
		}
		e.N = analysis.N{Arm: len(gains), Missing: len(g.Patients) - len(gains)}
		r.Estimates = append(r.Estimates, median(e, gains, q.Level))
	}
	return r, nil
}

// improvements returns the improvement of each patient of a group who can be
// judged, above zero where better.
func improvements(g analysis.Group, p analysis.Paired, rule string, lower bool) []float64 {
	var out []float64
	for _, i := range g.Patients {
		gain := p.After[i] - p.Before[i]
		if lower {
			gain = -gain
		}
		if rule == fit.RulePercent {
			if p.Before[i] == 0 {
				continue
			}
			gain = 100 * gain / math.Abs(p.Before[i])
		}
		if gain == gain {
			out = append(out, gain)
		}
	}
	return out
}

func sharePoint(t float64, x, n int, level float64) analysis.Point {
	pt := analysis.Point{X: analysis.Num(t), Y: analysis.None, Low: analysis.None, High: analysis.None, N: n, Events: x}
	if n > 0 {
		ci := analysis.Wilson(x, n, level)
		pt.Y, pt.Low, pt.High = analysis.Num(float64(x)/float64(n)), ci.Low, ci.High
	}
	return pt
}

// median writes a median and the order statistics about it.
func median(e analysis.Estimate, x []float64, level float64) analysis.Estimate {
	e.Method = analysis.Method{Name: "median of individual improvements; interval between order statistics, of at least the level", R: "quantile(x, .5); DescTools::MedianCI(x)", Ref: "Conover 1999, Practical Nonparametric Statistics, section 3.2"}
	n := len(x)
	if n == 0 {
		return tooFew(e, 1)
	}
	s := slices.Sorted(slices.Values(x))
	e.Value = analysis.Num(fit.Quantile(s, 0.5))
	k := 0 // the largest number of values that may lie outside on each side
	for k < n/2 && 1-mathext.RegIncBeta(float64(k+1), float64(n-k), 0.5) <= (1-level)/2 {
		k++
	}
	if k == 0 {
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("%d patients are too few for an interval of the median at this level", n), "ask for a visit or an outcome with more patients, or a lower level")
	}
	e.CI = analysis.NewInterval("order statistics", s[k-1], s[n-k], level)
	return e
}
