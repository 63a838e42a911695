package reports

import (
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/economics"
)

// money writes an amount to three digits or whole, with thousands apart when rendered.
func money(v float64) Cell {
	return Cell{Value: v, Low: math.NaN(), High: math.NaN(), SD: math.NaN(), Format: Format{Kind: NumberOf}, Basis: NoPatients()}
}

// AcceptabilityFigure draws acceptability curves and the frontier.
func AcceptabilityFigure(r economics.Result) Figure { return Language{}.acceptability(r) }

func (l Language) acceptability(r economics.Result) Figure {
	p := Acceptability{X: Axis{Label: "Willingness to pay for a unit of effect"}, Y: Axis{Label: "Share of draws in which it is best"}}
	if len(r.Values) > 0 {
		for s, d := range r.Values[0].Strategies {
			line := Series{Label: d.Strategy, Comparator: s == 0}
			for _, v := range r.Values {
				line.Points = append(line.Points, Point{X: float64(v.WillingnessToPay), Y: float64(v.Strategies[s].Probability), Low: math.NaN(), High: math.NaN(), Basis: NoPatients()})
			}
			p.Series = append(p.Series, line)
		}
	}
	for _, v := range r.Values {
		p.Frontier = append(p.Frontier, Point{X: float64(v.WillingnessToPay), Y: float64(v.Probability), Low: math.NaN(), High: math.NaN(), Basis: NoPatients()})
	}
	return Figure{
		ID: "acceptability", Title: "Which strategy is best, and how sure is that?", Subtitle: l.Text("Acceptability curves of {0} draws; the frontier is the strategy of highest mean net benefit", r.Draws),
		Alt: Say("The share of draws in which each strategy has the highest net benefit, by willingness to pay."), Plot: p,
	}
}

// PlaneFigure draws the draws of strategy s against the first, with the line of one
// willingness to pay.
func PlaneFigure(d economics.Draws, s int, wtp float64) Figure { return Language{}.plane(d, s, wtp) }

func (l Language) plane(d economics.Draws, s int, wtp float64) Figure {
	p := Plane{X: Axis{Label: "More effect"}, Y: Axis{Label: "More cost"}, Threshold: wtp, ThresholdText: l.Text("{0} for a unit", l.Number(wtp))}
	n := float64(len(d.Cost[s]))
	for i, c := range d.Cost[s] {
		q := [2]float64{d.Effect[s][i] - d.Effect[0][i], c - d.Cost[0][i]}
		p.Points = append(p.Points, q)
		p.MeanX += q[0] / n
		p.MeanY += q[1] / n
	}
	e := Ellipse{MeanX: p.MeanX, MeanY: p.MeanY}
	for _, q := range p.Points {
		e.VarX += (q[0] - p.MeanX) * (q[0] - p.MeanX) / (n - 1)
		e.VarY += (q[1] - p.MeanY) * (q[1] - p.MeanY) / (n - 1)
		e.Covariance += (q[0] - p.MeanX) * (q[1] - p.MeanY) / (n - 1)
	}
	for _, level := range []float64{0.5, 0.95} {
		e.Level = level
		p.Ellipses = append(p.Ellipses, e)
	}
	return Figure{
		ID: "plane", Title: l.Text("{0} against {1}", d.Strategies[s], d.Strategies[0]), Subtitle: l.Text("More cost and more effect in {0} draws, with regions that hold 50 % and 95 %", len(d.Cost[s])),
		Alt: Say("A cloud of draws: more effect across, more cost upwards."), Plot: p,
	}
}

// mostRanked is how many rows a ranking shows.
const mostRanked = 15

// InformationFigure draws what it would be worth to know each group, at one of the values
// of a unit of effect.
func InformationFigure(list []economics.Information, at int) Figure {
	return Language{}.information(list, at)
}

func (l Language) information(list []economics.Information, at int) Figure {
	ranked := economics.Ranked(list, at)
	ranked = ranked[:min(mostRanked, len(ranked))]
	p := Dots{X: Axis{Label: "EVPPI for a patient"}}
	dots := DotSeries{Label: "EVPPI"}
	wtp, decimals := analysis.Num(math.NaN()), 0
	if len(ranked) > 0 {
		wtp = ranked[0].Values[at].WillingnessToPay
		for most := ranked[0].Values[at].EVPPI; decimals < 6 && most < 10; most *= 10 {
			decimals++
		}
	}
	for _, x := range ranked {
		v := x.Values[at]
		p.Rows = append(p.Rows, x.Group)
		dots.Values = append(dots.Values, Cell{
			Value: float64(v.EVPPI), Low: math.Max(0, float64(v.EVPPI-1.96*v.EVPPIMCSE)), High: float64(v.EVPPI + 1.96*v.EVPPIMCSE), SD: math.NaN(),
			Format: Format{Kind: Interval, Decimals: decimals}, Basis: NoPatients(),
		})
	}
	p.Series = []DotSeries{dots}
	return Figure{
		ID: "information", Title: "What would it be worth to know more?", Subtitle: l.Text("Expected value of perfect information of each parameter or group at {0} for a unit of effect, with 95 % Monte Carlo intervals", l.Number(float64(wtp))),
		Alt: Say("Dots of what it would be worth to know each parameter, the most first."), Plot: p,
	}
}

// TornadoFigure draws the widest swings of a one-way sensitivity analysis.
func TornadoFigure(t economics.Tornado) Figure { return Language{}.tornado(t) }

func (l Language) tornado(t economics.Tornado) Figure {
	p := Dots{X: Axis{Label: "Change of incremental net benefit from the base case"}, Bars: true, Shared: true}
	low, high := DotSeries{Label: "parameter at 2.5 %"}, DotSeries{Label: "parameter at 97.5 %", Comparator: true}
	end := func(e economics.SwingEnd) Cell {
		return Cell{
			Value: float64(e.Change), Low: float64(e.Change - 1.96*e.ChangeMCSE), High: float64(e.Change + 1.96*e.ChangeMCSE), SD: math.NaN(),
			Format: Format{Kind: Interval}, Basis: NoPatients(),
		}
	}
	changes := 0
	for _, s := range t.Swings {
		if s.Changes {
			changes++
		}
		if len(p.Rows) == mostRanked || s.Reason != "" || !(s.Width > 0) {
			continue
		}
		label := l.Text("{0} ({1} to {2})", s.Parameter, l.brief(float64(s.AtLow.Value)), l.brief(float64(s.AtHigh.Value)))
		if s.Changes {
			label = "* " + label
		}
		p.Rows = append(p.Rows, label)
		low.Values, high.Values = append(low.Values, end(s.AtLow)), append(high.Values, end(s.AtHigh))
	}
	p.Series = []DotSeries{low, high}
	if at := -float64(t.NetBenefit); math.Abs(at) < 2*widest(t) {
		p.Lines = []ReferenceLine{{Value: at, Label: "incremental net benefit of 0"}}
	}
	caption := Say(l.Text("Base case: {0} (Monte Carlo standard error {1}). Thin lines are 95 % Monte Carlo intervals.", l.Number(float64(t.NetBenefit)), l.Number(float64(t.NetBenefitMCSE))))
	if changes > 0 {
		caption = caption.And(" " + l.Text("* the best strategy is another one at an end of the range, by 2 Monte Carlo standard errors or more."))
	}
	return Figure{
		ID: "tornado", Title: "Which parameter moves the answer most?",
		Subtitle: l.Text("Change of the net benefit of {0} against {1} at {2} for a unit of effect, each parameter alone moved to the ends of its 95 % range", t.Strategy, t.Reference, l.Number(float64(t.WillingnessToPay))),
		Caption:  caption, Alt: Say("Bars of how far each parameter moves incremental net benefit, the widest first."), Plot: p,
		Absent: Say("No parameter that was moved changes the net benefit."),
	}
}

func widest(t economics.Tornado) float64 {
	if len(t.Swings) == 0 {
		return 0
	}
	return float64(t.Swings[0].Width)
}

// brief writes a number to three digits.
func (l Language) brief(v float64) string { return l.Digits(brief(v)) }

func brief(v float64) string {
	if math.Abs(v) >= 1000 {
		return thousands(v)
	}
	return fmt.Sprintf("%.3g", v)
}

// thousands writes a whole number with thin groups of three digits.
func thousands(v float64) string {
	if math.IsNaN(v) {
		return "not known"
	}
	s := fmt.Sprintf("%.0f", math.Abs(v))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if v < 0 && s != "0" {
		s = "−" + s
	}
	return s
}

// Grid2 is a two-way sensitivity analysis: the best strategy and the incremental net
// benefit of one by the values of two parameters.
type Grid2 struct {
	Row, Column             string // the parameters
	RowValues, ColumnValues []float64
	Best                    [][]string
	NetBenefit              [][]float64
	Strategies              []string // in order, the reference first
	Strategy                string
	WillingnessToPay        float64
}

// HeatMapFigure draws the best strategy by two parameters, with the incremental net
// benefit written in each cell.
func HeatMapFigure(g Grid2) Figure {
	kinds := []MatrixKind{MatrixEmpty, MatrixFirst, MatrixSecond, MatrixPlain}
	p := Matrix{RowTitle: g.Row, ColumnTitle: g.Column}
	for _, v := range g.ColumnValues {
		p.Columns = append(p.Columns, brief(v))
	}
	for i, v := range g.RowValues {
		p.Rows = append(p.Rows, brief(v))
		var row []MatrixCell
		for j := range g.ColumnValues {
			k := min(max(0, slices.Index(g.Strategies, g.Best[i][j])), len(kinds)-1)
			if p.Kinds[kinds[k]] = g.Strategies[k] + " is best"; k == len(kinds)-1 && len(g.Strategies) > len(kinds) {
				p.Kinds[kinds[k]] = "another is best"
			}
			row = append(row, MatrixCell{Kind: kinds[k], Cell: money(g.NetBenefit[i][j])})
		}
		p.Cells = append(p.Cells, row)
	}
	return Figure{
		ID: "heat-map", Title: "Which strategy is best when two parameters differ?",
		Subtitle: Language{}.Text("Color: the strategy of highest net benefit at {0} for a unit of effect. Number: net benefit of {1} against {2}", thousands(g.WillingnessToPay), g.Strategy, g.Strategies[0]),
		Alt:      Say("A grid of two parameters: the best strategy in each cell, and incremental net benefit."), Plot: p,
	}
}

// BudgetYear is the budget of one year, of one payer.
type BudgetYear struct {
	Year                   int
	Without, With          float64
	Impact, Lower, Upper   float64 // with less without, and 95 % of draws; NaN where there are none
	ImpactMCSE             float64
	NewPatients, OnProgram float64
	Uptake                 float64 // share of the new patients
}

// StrategyCost is what a patient of a strategy costs in each year since coming in, and the
// share of patients who get it now.
type StrategyCost struct {
	Strategy string
	Share    float64
	Cost     []float64
}

// BudgetFigure draws the budget of each year without and with a strategy.
func BudgetFigure(strategy, payer, unit string, years []BudgetYear) Figure {
	return Language{}.budget(strategy, payer, unit, years)
}

func (l Language) budget(strategy, payer, unit string, years []BudgetYear) Figure {
	p := Dots{X: Axis{Label: l.Text("{0} in the year", unit)}, Bars: true}
	without, with := DotSeries{Label: l.Text("without {0}", strategy), Comparator: true}, DotSeries{Label: l.Text("with {0}", strategy)}
	for _, y := range years {
		p.Rows = append(p.Rows, l.Text("Year {0}", y.Year))
		without.Values, with.Values = append(without.Values, money(y.Without)), append(with.Values, money(y.With))
	}
	p.Series = []DotSeries{without, with}
	return Figure{
		ID: "budget", Title: "What does it cost in each year?", Subtitle: l.Text("Budget of the {0} by year, all patients who have come in since the first; not discounted", payer),
		Alt: Say("Bars of the yearly budget without and with the strategy."), Plot: p,
	}
}
