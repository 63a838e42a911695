package work

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// StatesOptions are the settings of States.
type StatesOptions struct {
	Reading
	Modified     []string  `opt:"modified" doc:"levels that are work with restricted duty or hours"`
	At           []float64 `opt:"at" doc:"days at which the shares in each state are given"`
	Tau          float64   `opt:"tau" doc:"number of days from day 0 over which days in each state are counted"`
	Entry        string    `opt:"entry" doc:"the shares on day 0: estimated, with an error of their own, or fixed, as survfit of R has them without influence = TRUE" choices:"estimated|fixed"`
	ModifiedLoss float64   `opt:"modified_loss" doc:"share of a day lost on a day of modified duty, 0 to 1"`
	CostPerDay   float64   `opt:"cost_per_day" doc:"cost of a day lost; 0: no costs"`
	Currency     string    `opt:"currency" doc:"currency of cost_per_day, such as USD"`
	PriceYear    int       `opt:"price_year" doc:"year of the prices of cost_per_day"`
}

var modifiedLevels = []string{"modified duty", "light duty", "restricted duty", "part time", "working part time"}

// States is work/states.
var States = analysis.New(analysis.Analysis{
	Name:     "work/states",
	Title:    "Work states over time, and days lost",
	Estimand: "the share of patients in each work state on each day, the mean days in each state and the mean days off work of the first tau days",
	Doc: `States from dated spells: working, modified duty, off work, outside the work force. Levels of modified are modified duty, other levels of working are working, levels of outside are outside the work force, all others off work.
p(t) = p(0) Π (I + dA(u)), Aalen and Johansen's estimate, p(0) the shares on day 0.
Terms: share in STATE on each day; days in STATE of the first tau; days_lost, days off work plus modified_loss of days on modified duty (days outside the work force are not lost); with cost_per_day, cost_lost; with a reference, differences of these. Tables: transitions counted, and the probability of each state on day tau-1 by the state on day 0.
Errors: infinitesimal jackknife, over patients, with that of the shares on day 0 unless entry=fixed. Normal intervals; those of shares on the log-log scale.
A day covered by two spells has the state that comes first in working, modified duty, outside, off work. A day that no spell covers ends follow-up unless gap=off-work, and then is off work up to the day until; patients without a spell on day 0 are left out. Not working is not unemployed; lost to follow-up is censored.
Costs: human capital, no discounting: cost_per_day times days_lost, in the currency and price year given.
R: survival::survfit(Surv(start, stop, state) ~ arm, id, istate); its rmean is days in STATE.`,
	Refs:  []string{"Aalen and Johansen 1978, Scand J Stat 5:141", "Datta and Satten 2001, 10.1016/S0167-7152(01)00155-9"},
	Needs: []datasets.Role{datasets.RoleStart, datasets.RoleEnd, datasets.RoleWorkStatus},
}, StatesOptions{Reading: reading, Modified: modifiedLevels, At: []float64{0, 91, 182, 364}, Tau: year, Entry: "estimated"}, runStates)

func (o StatesOptions) check() error {
	switch {
	case !(o.Tau >= 1) || o.Tau != math.Floor(o.Tau):
		return fmt.Errorf("%w: expected tau to be a whole number of days, 1 or more", analysis.ErrOptions)
	case o.ModifiedLoss < 0 || o.ModifiedLoss > 1 || o.CostPerDay < 0:
		return fmt.Errorf("%w: expected modified_loss between 0 and 1, and cost_per_day not below 0", analysis.ErrOptions)
	case o.CostPerDay > 0 && (o.Currency == "" || o.PriceYear < 1900):
		return fmt.Errorf("%w: a cost needs its currency and price_year", analysis.ErrOptions)
	}
	for i, t := range o.At {
		if t < 0 || (i > 0 && t <= o.At[i-1]) {
			return fmt.Errorf("%w: expected at to be days from 0 in rising order", analysis.ErrOptions)
		}
	}
	return nil
}

func runStates(_ context.Context, in analysis.Input, q analysis.Question, o StatesOptions) (analysis.Result, error) {
	if err := o.check(); err != nil {
		return analysis.Result{}, err
	}
	r, groups, err := newReader(in, q, o.Reading)
	if err != nil {
		return analysis.Result{}, err
	}
	paths, text, err := r.paths(o.Modified)
	if err != nil {
		return analysis.Result{}, err
	}
	s := statesReport{reader: r, o: o, groups: groups, text: text}
	for _, g := range groups {
		var own []Path
		for _, p := range g.Patients {
			own = append(own, paths[p])
		}
		s.found = append(s.found, StateOccupation(own, len(stateNames), o.Tau, o.Entry == "fixed"))
	}
	var out analysis.Result
	for g := range groups {
		for k := range stateNames {
			for _, day := range o.At {
				out.Estimates = append(out.Estimates, s.share(g, k, day))
			}
		}
		for k := range stateNames {
			out.Estimates = append(out.Estimates, s.days(g, "days in "+stateNames[k], s.weight(k)))
		}
		out.Estimates = append(out.Estimates, s.days(g, "days_lost", s.lost()))
		if o.CostPerDay > 0 {
			out.Estimates = append(out.Estimates, s.cost(s.days(g, "cost_lost", s.lost())))
		}
		out.Tables = append(out.Tables, s.counts(g), s.matrix(g))
		out.Series = append(out.Series, s.series(g)...)
	}
	if q.Reference != "" {
		for k := range stateNames {
			out.Estimates = append(out.Estimates, s.difference("difference of days in "+stateNames[k], s.weight(k)))
		}
		out.Estimates = append(out.Estimates, s.difference("difference of days_lost", s.lost()))
		if o.CostPerDay > 0 {
			out.Estimates = append(out.Estimates, s.cost(s.difference("difference of cost_lost", s.lost())))
		}
	}
	out.Excluded, out.Warnings = r.excluded, append(r.warnings, rules...)
	return out, nil
}

// statesReport writes occupation of states by group.
type statesReport struct {
	*reader
	o      StatesOptions
	groups []analysis.Group
	text   string
	found  []Occupation
}

// weight counts the days of one state, lost those that are lost.
func (s statesReport) weight(k int) []float64 {
	w := make([]float64, len(stateNames))
	w[k] = 1
	return w
}

func (s statesReport) lost() []float64 {
	w := s.weight(stateOff)
	w[stateModified] = s.o.ModifiedLoss
	return w
}

func (s statesReport) empty(term string, scale analysis.Scale, g int) analysis.Estimate {
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Arm = "work", s.groups[g].Name
	e.N = analysis.N{Arm: s.found[g].N, Missing: len(s.groups[g].Patients) - s.found[g].N}
	e.Method = analysis.Method{
		Name: "Aalen-Johansen estimate between work states, " + s.text + "; lost to follow-up is censored; errors by the infinitesimal jackknife",
		R:    "survival::survfit(Surv(start, stop, state) ~ arm, id, istate)", Ref: "Aalen and Johansen 1978, Scand J Stat 5:141",
	}
	return followUp(e, e.N.Arm+e.N.Missing, e.N.Missing)
}

func (s statesReport) tooFew(e analysis.Estimate, g int, day float64) analysis.Estimate {
	if s.found[g].N == 0 {
		return e.Warn(analysis.WarnTooFew, "no patient has a spell on day 0", "record spells from day 0 on, or pass --set gap=off-work if every spell of work is listed")
	}
	return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up ends on day %g, before day %g", s.found[g].Last, day), "follow patients for longer, or choose an earlier day")
}

func (s statesReport) share(g, k int, day float64) analysis.Estimate {
	e := s.empty("share in "+stateNames[k], analysis.ScaleProportion, g)
	e.Visit = fmt.Sprintf("day %g", day)
	share, se := s.found[g].At(day)
	if share == nil {
		return s.tooFew(e, g, day)
	}
	e.Value, e.SE = analysis.Num(min(1, max(0, share[k]))), analysis.Num(se[k])
	if !(se[k] > 1e-12) || !(share[k] > 0) || !(share[k] < 1) {
		e.SE = analysis.None
		return e.Warn(analysis.WarnTooFew, "nobody, or everybody, is in this state by the estimate, which then has no standard error", "choose another day")
	}
	low, high := fit.Bounds(share[k], se[k], fit.CurveLogLog, analysis.NormalQuantile(s.q.Level))
	e.CI = analysis.NewInterval("log-log", low, high, s.q.Level)
	return e
}

// mean returns weighted days and their error; the error of a sum of states comes from
// the patients' influences on it.
func (s statesReport) mean(g int, weight []float64) (days, se float64) {
	f := s.found[g]
	if f.N == 0 || f.Last < s.o.Tau-1 {
		return math.NaN(), math.NaN()
	}
	return f.Mean(weight)
}

func (s statesReport) days(g int, term string, weight []float64) analysis.Estimate {
	e := s.empty(term, analysis.ScaleTime, g)
	e.Unit, e.Visit = "days", fmt.Sprintf("day %g", s.o.Tau)
	days, se := s.mean(g, weight)
	if math.IsNaN(days) {
		return s.tooFew(e, g, s.o.Tau-1)
	}
	e.Value, e.SE, e.CI = analysis.Num(days), analysis.Num(se), analysis.NormalInterval(days, se, s.q.Level)
	return noError(e)
}

func (s statesReport) difference(term string, weight []float64) analysis.Estimate {
	e := s.empty(term, analysis.ScaleDifference, 0)
	e.Reference, e.N.Reference = s.groups[1].Name, s.found[1].N
	e.N.Missing += len(s.groups[1].Patients) - s.found[1].N
	e.Unit, e.Visit = "days", fmt.Sprintf("day %g", s.o.Tau)
	a, se1 := s.mean(0, weight)
	b, se2 := s.mean(1, weight)
	if math.IsNaN(a) || math.IsNaN(b) {
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up of a group ends before day %g", s.o.Tau-1), "choose a smaller tau")
	}
	return noError(difference(e, a-b, math.Hypot(se1, se2), s.q.Level))
}

// cost turns days into money.
func (s statesReport) cost(e analysis.Estimate) analysis.Estimate {
	c := analysis.Num(s.o.CostPerDay)
	e.Unit = fmt.Sprintf("%s of %d", s.o.Currency, s.o.PriceYear)
	if e.Scale == analysis.ScaleTime {
		e.Scale = analysis.ScaleMean
	}
	e.Value, e.SE, e.CI.Low, e.CI.High = c*e.Value, c*e.SE, c*e.CI.Low, c*e.CI.High
	e.Method.Name = fmt.Sprintf("days lost times %g %s (prices of %d), human capital, not discounted; ", s.o.CostPerDay, s.o.Currency, s.o.PriceYear) + e.Method.Name
	return e
}

func (s statesReport) counts(g int) analysis.Table {
	t := analysis.Table{Name: "transitions/" + s.groups[g].Name, Title: fmt.Sprintf("Transitions counted before day %g", s.o.Tau), Columns: append([]string{"from"}, stateNames...)}
	for h, row := range s.found[g].Transitions {
		line := []analysis.Value{analysis.Text(stateNames[h])}
		for j, n := range row {
			v := analysis.Number(float64(n))
			if h == j {
				v = analysis.Text("-")
			}
			line = append(line, v)
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

func (s statesReport) matrix(g int) analysis.Table {
	f := s.found[g]
	t := analysis.Table{
		Name: "transition-matrix/" + s.groups[g].Name, Title: fmt.Sprintf("Probability of each state on day %g by the state on day 0", s.o.Tau-1), Columns: append([]string{"from"}, stateNames...),
		Notes: []string{"takes the next state to depend on the present one alone (Markov); the shares by day do not"},
	}
	for h := range stateNames {
		line := []analysis.Value{analysis.Text(stateNames[h])}
		for j := range stateNames {
			v := math.NaN()
			if f.N > 0 && f.Last >= s.o.Tau-1 && f.Share[0][h] > 0 {
				v = f.Matrix[h][j]
			}
			line = append(line, analysis.Number(v))
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

// series are the shares in each state, for a stacked area; events are patients who came
// into the state or left it.
func (s statesReport) series(g int) []analysis.Series {
	var out []analysis.Series
	f := s.found[g]
	for k, name := range stateNames {
		c := analysis.Series{Name: "state-occupation/" + name, Group: s.groups[g].Name, Step: true, XUnit: "days", YUnit: "share"}
		for i, day := range f.Day {
			low, high := fit.Bounds(f.Share[i][k], f.SE[i][k], fit.CurveLogLog, analysis.NormalQuantile(s.q.Level))
			c.Points = append(c.Points, analysis.Point{X: analysis.Num(day), Y: analysis.Num(f.Share[i][k]), Low: analysis.Num(low), High: analysis.Num(high), N: f.AtRisk[i], Events: f.Moves[i][k]})
		}
		out = append(out, c)
	}
	return out
}
