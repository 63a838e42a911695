package work

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// ParametricOptions are the settings of ParametricAnalysis.
type ParametricOptions struct {
	Reading
	Distribution string    `opt:"distribution" doc:"distribution of the times; the table distributions compares all" choices:"exponential|weibull|lognormal|loglogistic|gompertz|gengamma"`
	Times        string    `opt:"times" doc:"days: return on a known day; visits: between the last visit without it and the first with it" choices:"days|visits"`
	Covariates   []string  `opt:"covariates" doc:"columns of the model beside the arm, from a table of one row a patient; text columns become indicators of their levels"`
	At           []float64 `opt:"at" doc:"days at which the shares are given; may lie beyond follow-up"`
}

// ParametricAnalysis is work/parametric.
var ParametricAnalysis = analysis.New(analysis.Analysis{
	Name:     "work/parametric",
	Title:    "Time to return to work by a distribution",
	Estimand: "the time to return of patients alike in the covariates, and the share returned by a day, beyond follow-up too, if times follow the distribution",
	Doc: `Maximum likelihood for known days (density), censoring (survival) and intervals between visits (difference of survival).
exponential, weibull: log S = -exp(z), z = (log t - x'β)/σ; lognormal S = 1 - Φ(z); loglogistic S = 1/(1+exp z); gompertz log S = -exp(x'β)(exp(at)-1)/a; gengamma (Prentice: σ, Q) holds weibull (Q 1) and lognormal (Q 0).
Terms: time_ratio of the arm or a covariate (over 1: later return), of gompertz and exponential and weibull hazard_ratio (over 1: faster); scale, or a and Q (shape); median_time and returned for each arm at the mean covariates.
Intervals: Wald's on the log scale; of shares on the log-log scale, by the delta method. Standard errors of ratios are of their logarithms.
Table distributions: log likelihood, parameters and AIC of each: a difference under 2 says little.
times=visits is the right reading where status is seen at visits alone: methods for known days on the grid of visits are biased. Missing: a patient seen at no visit, or without a covariate, is left out. A patient lost to follow-up is censored.
R: survival::survreg(Surv(lower, upper, type = "interval2") ~ x, dist); flexsurv::flexsurvreg for gompertz and gengamma.`,
	Refs:        []string{"Kalbfleisch and Prentice 2002, 10.1002/9781118032985", "Prentice 1974, 10.1093/biomet/61.3.539"},
	Definitions: named(),
}, ParametricOptions{Reading: reading, Distribution: DistWeibull, Times: timesKnown, At: []float64{91, 182, year}}, runParametric)

func runParametric(_ context.Context, in analysis.Input, q analysis.Question, o ParametricOptions) (analysis.Result, error) {
	if err := risingDays(o.At); err != nil {
		return analysis.Result{}, err
	}
	b, err := newBetween(in, q, o.Reading, o.Covariates, o.Times)
	if err != nil {
		return analysis.Result{}, err
	}
	m, _ := b.model() // a distribution needs no arm
	r := parametricReport{model: m, o: o, times: b}
	x := append([][]float64{slices.Repeat([]float64{1}, len(b.lower))}, m.x...)
	var out analysis.Result
	out.Tables = []analysis.Table{r.compare(x)}
	if r.err == nil {
		for j := range m.x {
			out.Estimates = append(out.Estimates, r.ratios(j)...)
		}
		out.Estimates = append(out.Estimates, r.shapes()...)
	}
	for g := range m.groups {
		out.Estimates = append(out.Estimates, r.median(g))
		for _, day := range o.At {
			out.Estimates = append(out.Estimates, r.returned(g, day))
		}
		if r.err == nil {
			out.Series = append(out.Series, r.series(g))
		}
	}
	b.result(&out)
	return out, nil
}

// parametricReport writes the results of a fitted distribution.
type parametricReport struct {
	model
	o     ParametricOptions
	times between
	fit   Parametric
	err   error
}

// compare fits every distribution and keeps the one asked for.
func (r *parametricReport) compare(x [][]float64) analysis.Table {
	t := analysis.Table{
		Name: "distributions", Title: "Distributions of the time to return", Columns: []string{"distribution", "log likelihood", "parameters", "AIC"},
		Notes: []string{"a smaller AIC fits better; a difference under 2 says little"},
	}
	for _, d := range Distributions {
		f, err := FitParametric(r.times.lower, r.times.upper, x, d)
		if d == r.o.Distribution {
			r.fit, r.err = f, err
		}
		row := []analysis.Value{analysis.Text(d), analysis.Number(math.NaN()), analysis.Number(math.NaN()), analysis.Number(math.NaN())}
		if err == nil {
			row = []analysis.Value{analysis.Text(d), analysis.Number(f.LogLik), analysis.Number(float64(len(f.Coef))), analysis.Number(f.AIC())}
		} else {
			t.Notes = append(t.Notes, d+" did not converge")
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *parametricReport) method(what string) analysis.Method {
	call := fmt.Sprintf("survival::survreg(Surv(lower, upper, type = \"interval2\") ~ x, dist = %q)", r.o.Distribution)
	if r.o.Distribution == DistGompertz || r.o.Distribution == DistGenGamma {
		call = fmt.Sprintf("flexsurv::flexsurvreg(Surv(lower, upper, type = \"interval2\") ~ x, dist = %q)", r.o.Distribution)
	}
	return analysis.Method{
		Name: fmt.Sprintf("%s; %s model on arm%s, maximum likelihood; %s", what, r.o.Distribution, listed(r.o.Covariates), r.how()),
		R:    call, Ref: "Kalbfleisch and Prentice 2002, 10.1002/9781118032985",
	}
}

// failed says why there is no fit.
func (r *parametricReport) failed(e analysis.Estimate) analysis.Estimate {
	if errors.Is(r.err, fit.ErrSingular) {
		return e.Warn(analysis.WarnNoVariance, "the model cannot be fitted: a covariate follows from the others or the arm, nobody of an arm returned, or there are too few patients", "leave out a covariate, or choose a simpler distribution")
	}
	return e.Warn(analysis.WarnTooFew, "the likelihood has no maximum that could be found: nobody returned, or too few did for this distribution", "choose a simpler distribution, see the table distributions, or follow more patients")
}

// ratios are those of a column: of times, of hazards, or of both.
func (r *parametricReport) ratios(j int) []analysis.Estimate {
	var out []analysis.Estimate
	se := math.Sqrt(math.Max(0, r.fit.Cov.At(j+1, j+1)))
	if r.o.Distribution != DistGompertz {
		e := r.column("time_ratio", j)
		e.Method = r.method("Ratio of times to return")
		out = append(out, noError(ratio(e, r.fit.Coef[j+1], se, r.q.Level)))
	}
	hazard := func(p Parametric) float64 {
		switch r.o.Distribution {
		case DistGompertz:
			return p.Coef[j+1]
		case DistExponential:
			return -p.Coef[j+1]
		}
		return -p.Coef[j+1] / math.Exp(p.Coef[len(p.Coef)-1])
	}
	switch r.o.Distribution {
	case DistGompertz, DistExponential, DistWeibull:
		e := r.column("hazard_ratio", j)
		e.Method = r.method("Ratio of hazards of return")
		v, se := r.delta(hazard)
		out = append(out, noError(ratio(e, v, se, r.q.Level)))
	}
	return out
}

// delta returns a function of the parameters and its standard error.
func (r *parametricReport) delta(f func(Parametric) float64) (value, se float64) {
	g := mat.NewVecDense(len(r.fit.Coef), nil)
	for j := range r.fit.Coef {
		h := 1e-3 * math.Sqrt(math.Max(r.fit.Cov.At(j, j), 1e-300))
		at := func(k float64) float64 {
			p := r.fit
			p.Coef = slices.Clone(p.Coef)
			p.Coef[j] += k * h
			return f(p)
		}
		g.SetVec(j, (at(-2)-8*at(-1)+8*at(1)-at(2))/(12*h))
	}
	return f(r.fit), math.Sqrt(math.Max(0, mat.Inner(g, r.fit.Cov, g)))
}

// shapes are the parameters beside the coefficients.
func (r *parametricReport) shapes() []analysis.Estimate {
	names := map[string][]string{DistGompertz: {"a"}, DistGenGamma: {"scale", "Q"}}[r.o.Distribution]
	if names == nil {
		names = []string{"scale"}
	}
	var out []analysis.Estimate
	for k, name := range names {
		if r.o.Distribution == DistExponential {
			break
		}
		j := len(r.fit.Coef) - len(names) + k
		e := r.estimate(name, analysis.ScaleMean, -1, -1)
		e.Method = r.method("Shape of the distribution")
		se := math.Sqrt(math.Max(0, r.fit.Cov.At(j, j)))
		if name == "scale" {
			e = ratio(e, r.fit.Coef[j], se, r.q.Level)
			e.Statistic, e.P = analysis.None, analysis.None
		} else {
			e.Value, e.SE, e.CI = analysis.Num(r.fit.Coef[j]), analysis.Num(se), analysis.NormalInterval(r.fit.Coef[j], se, r.q.Level)
		}
		out = append(out, e)
	}
	return out
}

// at is the covariates of an arm at the means.
func (r *parametricReport) at(g int) []float64 {
	at := r.means()
	r.atArm(at, g)
	return append([]float64{1}, at...)
}

func (r *parametricReport) median(g int) analysis.Estimate {
	e := r.estimate("median_time", analysis.ScaleTime, g, -1)
	e.Unit, e.Method = "days", r.method("Median time to return at the mean covariates")
	if r.err != nil {
		return r.failed(e)
	}
	x := r.at(g)
	v, se := r.delta(func(p Parametric) float64 { return math.Log(p.Median(x)) })
	if math.IsInf(v, 0) || math.IsNaN(se) {
		return e.Warn(analysis.WarnTooFew, "under this distribution fewer than half would ever return", "choose another distribution, or read the shares by day")
	}
	e.Value, e.SE, e.CI = analysis.Num(math.Exp(v)), analysis.Num(se*math.Exp(v)), analysis.LogInterval(math.Exp(v), se, r.q.Level)
	if last := r.lastSeen(g); math.Exp(v) > last {
		e = e.Warn(analysis.WarnAssumption, fmt.Sprintf("lies beyond the last day of follow-up, %g: it rests on the distribution alone", last), "follow patients for longer")
	}
	return e
}

func (r *parametricReport) lastSeen(g int) (day float64) {
	for i, h := range r.group {
		if h == g {
			day = max(day, r.times.lower[i])
			if u := r.times.upper[i]; !math.IsInf(u, 1) {
				day = max(day, u)
			}
		}
	}
	return day
}

func (r *parametricReport) returned(g int, day float64) analysis.Estimate {
	e := r.estimate("returned", analysis.ScaleProportion, g, -1)
	e.Visit, e.Method = fmt.Sprintf("day %g", day), r.method("Share returned at the mean covariates")
	if r.err != nil {
		return r.failed(e)
	}
	x := r.at(g)
	s := r.fit.Survival(x, day)
	u, se := r.delta(func(p Parametric) float64 { return math.Log(-math.Log(p.Survival(x, day))) })
	e.Value = analysis.Num(1 - s)
	if math.IsInf(u, 0) || math.IsNaN(se) {
		return unsure(e)
	}
	z := analysis.NormalQuantile(r.q.Level)
	e.SE = analysis.Num(se * s * -math.Log(s))
	e.CI = analysis.NewInterval("log-log, delta method", -math.Expm1(-math.Exp(u-z*se)), -math.Expm1(-math.Exp(u+z*se)), r.q.Level)
	if last := r.lastSeen(g); day > last {
		e = e.Warn(analysis.WarnAssumption, fmt.Sprintf("lies beyond the last day of follow-up, %g: it rests on the distribution alone", last), "follow patients for longer")
	}
	return noError(e)
}

// series is the fitted curve up to the end of follow-up, at a hundred days.
func (r *parametricReport) series(g int) analysis.Series {
	s := analysis.Series{Name: "parametric/" + r.o.Distribution, Group: r.groups[g].Name, XUnit: "days", YUnit: "share returned, at the mean covariates"}
	x, last := r.at(g), r.lastSeen(g)
	for k := range 101 {
		day := last * float64(k) / 100
		s.Points = append(s.Points, analysis.Point{X: analysis.Num(day), Y: analysis.Num(1 - r.fit.Survival(x, day)), Low: analysis.None, High: analysis.None, N: r.n[g].Arm})
	}
	return s
}

// IntervalOptions are the settings of IntervalCensored.
type IntervalOptions struct {
	Reading
	Times string    `opt:"times" doc:"visits: return between the last visit without it and the first with it; days: on a known day" choices:"visits|days"`
	At    []float64 `opt:"at" doc:"days at which the share is bounded; none: the days of the visits"`
}

// IntervalCensored is work/interval-censored.
var IntervalCensored = analysis.New(analysis.Analysis{
	Name:     "work/interval-censored",
	Title:    "Return to work seen at visits (Turnbull)",
	Estimand: "the share returned by a day, where it is only known between which visits a patient returned",
	Doc: `The non-parametric maximum likelihood estimate from intervals (last visit without it, first visit with it]. It puts shares into a few innermost intervals and does not say where in each: returned_at_least and returned_at_most bound the share by a day, and agree at the ends of intervals.
The maximum is checked: no shift of a share may raise the log likelihood by more than 1e-8 (1e-6 is refused). survfit of R stops up to 0.001 of a share short.
No standard error has a simple form here: bootstrap it, or use work/parametric. Missing visits widen the interval; a patient seen at no visit is left out; one never seen to return is censored at the last visit.
R: interval::icfit(Surv(lower, upper, type = "interval2") ~ arm).`,
	Refs:        []string{"Turnbull 1976, 10.1111/j.2517-6161.1976.tb01597.x", "Wang 2008, Comput Stat Data Anal 52:2388"},
	Definitions: named(),
}, IntervalOptions{Reading: reading, Times: timesVisits}, runIntervals)

func runIntervals(_ context.Context, in analysis.Input, q analysis.Question, o IntervalOptions) (analysis.Result, error) {
	if err := risingDays(o.At); err != nil {
		return analysis.Result{}, err
	}
	b, err := newBetween(in, q, o.Reading, nil, o.Times)
	if err != nil {
		return analysis.Result{}, err
	}
	days := o.At
	if len(days) == 0 {
		for _, u := range b.upper {
			if !math.IsInf(u, 1) {
				days = append(days, u)
			}
		}
		days = slices.Compact(slices.Sorted(slices.Values(days)))
	}
	if len(days) == 0 {
		days = []float64{year}
	}
	var out analysis.Result
	for g, group := range b.groups {
		var lo, hi []float64
		for i, h := range b.group {
			if h == g {
				lo, hi = append(lo, b.lower[i]), append(hi, b.upper[i])
			}
		}
		n, err := fit.SelfConsistent(lo, hi)
		if err != nil {
			n = &fit.Turnbull{} // its estimates say why
		}
		for _, day := range days {
			least, most := n.By(day)
			out.Estimates = append(out.Estimates, b.bound("returned_at_least", g, day, least, len(lo), err), b.bound("returned_at_most", g, day, most, len(lo), err))
		}
		t := analysis.Table{Name: "intervals/" + group.Name, Title: "Share that returned in each innermost interval", Columns: []string{"after day", "by day", "share"}}
		s := analysis.Series{Name: "turnbull/" + b.definition.Name, Group: group.Name, Step: true, XUnit: "days", YUnit: "share returned"}
		sum := 0.0
		for j, p := range n.Mass {
			t.Rows = append(t.Rows, []analysis.Value{analysis.Number(n.Left[j]), analysis.Number(n.Right[j]), analysis.Number(p)})
			if sum += p; !math.IsInf(n.Right[j], 1) {
				s.Points = append(s.Points, analysis.Point{X: analysis.Num(n.Right[j]), Y: analysis.Num(math.Min(1, sum)), Low: analysis.None, High: analysis.None, N: n.N})
			}
		}
		out.Tables, out.Series = append(out.Tables, t), append(out.Series, s)
	}
	b.result(&out)
	return out, nil
}

func (b between) bound(term string, g int, day, share float64, n int, err error) analysis.Estimate {
	e := b.estimate(term, analysis.ScaleProportion, g, -1)
	e.Visit = fmt.Sprintf("day %g", day)
	e.Method = analysis.Method{
		Name: "Turnbull's estimate; " + b.how(), R: "interval::icfit(Surv(lower, upper, type = \"interval2\") ~ arm)", Ref: "Turnbull 1976, 10.1111/j.2517-6161.1976.tb01597.x",
	}
	switch {
	case n == 0:
		return e.Warn(analysis.WarnTooFew, "no patient was seen at a visit after entry", "follow more patients")
	case err != nil:
		return e.Warn("no-convergence", err.Error(), "ask about fewer visits")
	}
	e.Value = analysis.Num(share)
	return e
}
