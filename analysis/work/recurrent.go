package work

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Models of events that come again.
const (
	ModelAndersenGill = "andersen-gill"
	ModelPWPTotal     = "pwp-total"
	ModelPWPGap       = "pwp-gap"
)

// RecurrentOptions are the settings of Recurrent.
type RecurrentOptions struct {
	Reading
	Model      string    `opt:"model" doc:"andersen-gill: all relapses alike; pwp-total, pwp-gap: a baseline hazard for the first, second ... relapse, in days from the origin or from the return" choices:"andersen-gill|pwp-total|pwp-gap"`
	Strata     int       `opt:"strata" doc:"number of the relapse from which on relapses share a baseline hazard in pwp models"`
	Covariates []string  `opt:"covariates" doc:"columns of the model beside the arm, from a table of one row a patient; text columns become indicators of their levels"`
	At         []float64 `opt:"at" doc:"days at which the mean number of relapses is given"`
}

// Recurrent is work/recurrent.
var Recurrent = analysis.New(analysis.Analysis{
	Name:     "work/recurrent",
	Title:    "Relapse to sick leave after return to work",
	Estimand: "the mean number of relapses (days on which work ends and time off work begins) a patient by a day, and the ratio of their rates among those at work",
	Doc: `A relapse is a day off work that follows a day of work. Work that ends in leaving the work force, or after which nothing is known, is no relapse.
Terms: mean_relapses by each day (mean cumulative function: Σ relapses / patients followed) with errors between patients; relapse_hazard_ratio of the arm or of each covariate, by Cox models in which a patient is at risk on days of work alone, with errors robust to a patient's relapses going together (Lin and Wei, by patient).
andersen-gill: relapses are alike whatever came before. pwp-total, pwp-gap (Prentice, Williams and Peterson): each relapse has a baseline hazard of its own, of days from the origin or from the return before it; those of number strata and over share one.
Ties: Efron. A patient lost to follow-up is censored; days that no spell covers end follow-up unless gap=off-work. Death and leaving the work force end the risk as censoring does.
R: survival::coxph(Surv(start, stop, relapse) ~ arm + strata(number), cluster = id); survfit(Surv(start, stop, relapse) ~ arm, id = id)$cumhaz.`,
	Refs: []string{
		"Andersen and Gill 1982, 10.1214/aos/1176345976", "Prentice, Williams and Peterson 1981, 10.1093/biomet/68.2.373",
		"Lawless and Nadeau 1995, 10.1080/00401706.1995.10484300", "Lin and Wei 1989, 10.1080/01621459.1989.10478874",
	},
	Needs: []datasets.Role{datasets.RoleStart, datasets.RoleEnd, datasets.RoleWorkStatus},
}, RecurrentOptions{Reading: reading, Model: ModelAndersenGill, Strata: 3, At: []float64{91, 182, 364}}, runRecurrent)

// relapses splits a path into stretches of work, each with whether a relapse ended it, and
// the whole of follow-up, with a row for each relapse. Stretches end on the day after
// their last.
func relapses(p Path, patient int) (atWork, followed []Stretch) {
	last := 0.0
	for i := 0; i < len(p.State); {
		j := i
		for j < len(p.State) && (p.State[j] == stateWorking || p.State[j] == stateModified) {
			j++
		}
		if j == i {
			i++
			continue
		}
		s := Stretch{Patient: patient, Start: p.From[i], Stop: p.End + 1}
		if j < len(p.State) {
			s.Stop, s.Event = p.From[j], p.State[j] == stateOff
		}
		atWork = append(atWork, s)
		if s.Event {
			followed = append(followed, Stretch{patient, last, s.Stop, true})
			last = s.Stop
		}
		i = j
	}
	if len(p.State) > 0 && p.End+1 > last {
		followed = append(followed, Stretch{patient, last, p.End + 1, false})
	}
	return atWork, followed
}

func runRecurrent(_ context.Context, in analysis.Input, q analysis.Question, o RecurrentOptions) (analysis.Result, error) {
	if err := risingDays(o.At); err != nil {
		return analysis.Result{}, err
	}
	if o.Strata < 1 {
		return analysis.Result{}, fmt.Errorf("%w: expected strata to be 1 or more", analysis.ErrOptions)
	}
	r, groups, err := newReader(in, q, o.Reading)
	if err != nil {
		return analysis.Result{}, err
	}
	paths, text, err := r.paths(modifiedLevels)
	if err != nil {
		return analysis.Result{}, err
	}
	k := clock{time: nans(len(paths)), event: make([]bool, len(paths)), method: text}
	for i, p := range paths {
		if len(p.State) > 0 {
			k.time[i] = p.End + 1
		}
	}
	s, err := r.subjects(groups, analysis.Definition{Name: "relapse", Rule: "a day off work that follows a day of work"}, k, o.Covariates)
	if err != nil {
		return analysis.Result{}, err
	}
	c := recurrentReport{o: o}
	c.model, _ = s.model() // the mean number needs no arm
	var out analysis.Result
	for g := range groups {
		c.followed = append(c.followed, nil)
		c.counts = append(c.counts, MeanCount{})
		for i, p := range s.patient {
			if s.group[i] == g {
				atWork, all := relapses(paths[p], i)
				c.atWork, c.followed[g] = append(c.atWork, atWork...), append(c.followed[g], all...)
				for _, w := range atWork {
					if w.Event {
						s.n[g].Events++
					}
				}
			}
		}
		c.counts[g] = MeanCumulative(c.followed[g], len(s.patient))
		for _, day := range o.At {
			out.Estimates = append(out.Estimates, c.mean(g, day))
		}
		out.Series = append(out.Series, c.series(g))
	}
	if len(c.x) > 0 {
		out.Estimates = append(out.Estimates, c.ratios()...)
	}
	s.result(&out)
	return out, nil
}

// recurrentReport writes relapses by group.
type recurrentReport struct {
	model
	o        RecurrentOptions
	atWork   []Stretch
	followed [][]Stretch
	counts   []MeanCount
}

func (c recurrentReport) method(what string) analysis.Method {
	return analysis.Method{
		Name: what + "; a relapse is a day off work that follows a day of work (" + c.subjects.method + "); of " + c.atRisk.text + "; lost to follow-up is censored",
		R:    "survival::survfit(Surv(start, stop, relapse) ~ arm, id = id)$cumhaz", Ref: "Lawless and Nadeau 1995, 10.1080/00401706.1995.10484300",
	}
}

func (c recurrentReport) mean(g int, day float64) analysis.Estimate {
	e := c.estimate("mean_relapses", analysis.ScaleMean, g, -1)
	e.Visit, e.Unit, e.Method = fmt.Sprintf("day %g", day), "relapses a patient", c.method("Mean cumulative function, errors between patients")
	rows, last := c.last(g)
	switch {
	case rows == 0:
		return e.Warn(analysis.WarnTooFew, "no patient is followed from day 0", "record spells from day 0 on, or pass --set gap=off-work if every spell of work is listed")
	case day > last:
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up ends on day %g, before day %g", last, day), "follow patients for longer, or choose an earlier day")
	}
	m, se := c.counts[g].At(day)
	e.Value, e.SE, e.CI = analysis.Num(m), analysis.Num(se), analysis.LogInterval(m, se/m, c.q.Level)
	if m == 0 {
		e.CI = analysis.NoInterval
	}
	return noError(e)
}

func (c recurrentReport) series(g int) analysis.Series {
	s := analysis.Series{Name: "mean-relapses", Group: c.groups[g].Name, Step: true, XUnit: "days", YUnit: "relapses a patient"}
	m := c.counts[g]
	for i, t := range m.Time {
		ci := analysis.LogInterval(m.Mean[i], m.SE[i]/m.Mean[i], c.q.Level)
		s.Points = append(s.Points, analysis.Point{X: analysis.Num(t), Y: analysis.Num(m.Mean[i]), Low: ci.Low, High: ci.High, N: m.AtRisk[i], Events: m.Events[i]})
	}
	return s
}

// ratios are of the hazards of relapse among those at work.
func (c recurrentReport) ratios() []analysis.Estimate {
	d := fit.CoxData{X: make([][]float64, len(c.x))}
	var patient []int
	number := map[int]int{}
	for _, w := range c.atWork {
		p := w.Patient
		number[p]++
		start, stop := w.Start, w.Stop
		if c.o.Model == ModelPWPGap {
			start, stop = 0, stop-start
		}
		d.Start, d.Stop, d.Event = append(d.Start, start), append(d.Stop, stop), append(d.Event, w.Event)
		d.Stratum = append(d.Stratum, min(number[p], c.o.Strata))
		patient = append(patient, p)
		for j, x := range c.x {
			d.X[j] = append(d.X[j], x[p])
		}
	}
	if c.o.Model == ModelAndersenGill {
		d.Stratum = nil
	}
	f, err := fit.ProportionalHazards(d, fit.TiesEfron)
	var robust *mat.SymDense
	if err == nil && f.Cov != nil {
		robust = f.Robust(patient, len(c.time))
	}
	var out []analysis.Estimate
	for j := range c.x {
		e := c.column("relapse_hazard_ratio", j)
		e.Method = c.method(fmt.Sprintf("Ratio of rates of relapse at work, %s model on arm%s, errors robust by patient", c.o.Model, listed(c.o.Covariates)))
		e.Method.R, e.Method.Ref = "survival::coxph(Surv(start, stop, relapse) ~ arm, cluster = id)", "Andersen and Gill 1982, 10.1214/aos/1176345976"
		switch {
		case errors.Is(err, fit.ErrCoxEvents):
			e = e.Warn(analysis.WarnTooFew, "nobody is known to have relapsed", "follow more patients, or for longer")
		case err != nil:
			e = e.Warn(analysis.WarnNoVariance, "the model cannot be fitted: a covariate follows from the others or from the arm, or does not vary among those at work", "leave out a covariate")
		case f.Infinite[j] || robust == nil:
			e = e.Warn(analysis.WarnSeparation, "the likelihood rises without end: nobody, or everybody, relapsed at one end of this column, so there is no ratio", "join levels, or leave the column out")
		default:
			e = noError(ratio(e, f.Coef[j], math.Sqrt(math.Max(0, robust.At(j, j))), c.q.Level))
		}
		out = append(out, e)
	}
	return out
}
