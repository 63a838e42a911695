package taper

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// known returns the days of the window whose dose is known and above a bound, and
// their doses.
func (d Daily) known(w Window, over float64) (days, dose []float64) {
	for day := max(w.From, d.From); day <= w.To && day-d.From < len(d.Dose); day++ {
		if v := d.Dose[day-d.From]; v > over {
			days, dose = append(days, float64(day)), append(dose, v)
		}
	}
	return days, dose
}

// leastSquares returns Σ(x-x̄)(y-ȳ) / Σ(x-x̄)², NaN without two different x.
func leastSquares(x, y []float64) float64 {
	mx, my := fit.Describe(x).Mean, fit.Describe(y).Mean
	var sxy, sxx float64
	for i := range x {
		sxy += (x[i] - mx) * (y[i] - my)
		sxx += (x[i] - mx) * (x[i] - mx)
	}
	return sxy / sxx
}

// theilSen returns the median of the slopes of all pairs of points with different x,
// NaN without one.
//
// Sen 1968, 10.1080/01621459.1968.10480934.
func theilSen(x, y []float64) float64 {
	slopes := make([]float64, 0, len(x)*(len(x)-1)/2)
	for i := range x {
		for j := range i {
			if x[i] != x[j] {
				slopes = append(slopes, (y[i]-y[j])/(x[i]-x[j]))
			}
		}
	}
	return median(slopes)
}

// median returns the middle value, or the mean of the two, and reorders x: selection
// takes O(n) where a sort of all pairs would take longer than the rest together.
func median(x []float64) float64 {
	n := len(x)
	if n == 0 {
		return math.NaN()
	}
	k := n / 2
	for lo, hi := 0, n-1; lo < hi; {
		pivot := x[lo+(hi-lo)/2]
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			lo = hi
		}
	}
	if n%2 == 1 {
		return x[k]
	}
	below := x[0]
	for _, v := range x[:k] {
		below = math.Max(below, v)
	}
	return (below + x[k]) / 2
}

// VelocityOptions are the settings of VelocityAnalysis.
type VelocityOptions struct {
	DoseOptions
	Unit     string `opt:"unit" doc:"mme, converted; or as-recorded, one drug in its own unit" choices:"mme|as-recorded"`
	Baseline string `opt:"baseline" doc:"days whose mean dose is the baseline"`
	Days     string `opt:"days" doc:"days that the slopes are taken over; the largest monthly fall always has the seven months from day 0"`
	MinDays  int    `opt:"min_days" doc:"fewest known days, or visits, that give a patient a slope"`
}

// VelocityAnalysis is taper/velocity.
var VelocityAnalysis = analysis.New(analysis.Analysis{
	Name:     "taper/velocity",
	Title:    "Velocity of the taper",
	Estimand: "among patients on opioids at entry, how fast the daily dose changes, in percent a month of 30 days, averaged over patients",
	Doc: `For each patient with a known baseline mean b above 0, over the days d whose dose y is known:
  max_monthly   the largest fall from one 30-day month to the next in the seven months from day 0, 100 (m₁ - m₂)/b; above 0 where the dose falls. The month before the first is the baseline. Months without enough known days (min_known) are passed over, which can hide a fall.
  slope_linear  100 · 30 β/b of y = α + β d by least squares; below 0 where the dose falls
  slope_log     100 (exp(30 β) - 1) of log y = α + β d, over the days with a dose above 0: percent of the dose then, not of baseline; the days after a stop say nothing to it
  theil_sen     100 · 30/b times the median of the slopes of all pairs of days: one wrong record does not move it
Terms: for each, _mean over patients with a t interval, _median, _q25 and _q75 (type 7), and difference_ of the means of two arms by Welch.
max_monthly, median and quartiles, is how published velocities are given; it is a maximum, and so above 0 by chance alone where doses go up and down.
Assumptions: patients' own numbers weigh alike however many days are known. A slope of a patient who left early is of that time alone. Doses said at visits stand for their days by hold; with hold=day a slope goes through the visits.
` + notStopped + `
R: coef(lm(y ~ d)); median(combn(...)) or mblm::mblm(repeated = FALSE); t.test(x, y). Mixed models of the dose over time are longitudinal/random-slope's.`,
	Refs: []string{fenton, "Sen 1968, 10.1080/01621459.1968.10480934", refWelch},
}, VelocityOptions{DoseOptions: doseDefaults, Unit: unitMME, Baseline: "-28:-1", Days: "0:209", MinDays: 3}, runVelocity)

// velocities are the ways of measuring the velocity of one patient.
var velocities = []struct {
	term, unit, text, r string
	of                  func(p patient, w Window, o VelocityOptions) float64
}{
	{
		"max_monthly", "percent of baseline a month", "largest fall from one 30-day month to the next in seven months (Fenton et al. 2019)", "max(-diff(c(b, m))) / b",
		func(p patient, _ Window, o VelocityOptions) float64 {
			v, _ := p.MaxMonthly(p.baseline, o.MinKnown)
			return v
		},
	},
	{"slope_linear", "percent of baseline a month", "least-squares slope of the dose", "coef(lm(y ~ d))", func(p patient, w Window, o VelocityOptions) float64 {
		return 100 * month / p.baseline * through(leastSquares, p.Daily, w, -1, o.MinDays)
	}},
	{"slope_log", "percent of the dose a month", "least-squares slope of the log of the dose over days with a dose above 0", "coef(lm(log(y) ~ d))", func(p patient, w Window, o VelocityOptions) float64 {
		return 100 * math.Expm1(month*through(func(x, y []float64) float64 {
			for i, v := range y {
				y[i] = math.Log(v)
			}
			return leastSquares(x, y)
		}, p.Daily, w, 0, o.MinDays))
	}},
	{"theil_sen", "percent of baseline a month", "median of the slopes of all pairs of days", "mblm::mblm(y ~ d, repeated = FALSE)", func(p patient, w Window, o VelocityOptions) float64 {
		return 100 * month / p.baseline * through(theilSen, p.Daily, w, -1, o.MinDays)
	}},
}

// through fits a line through the known days, NaN where they are too few.
func through(line func(x, y []float64) float64, d Daily, w Window, over float64, atLeast int) float64 {
	days, dose := d.known(w, over)
	if len(days) < atLeast {
		return math.NaN()
	}
	return line(days, dose)
}

func runVelocity(ctx context.Context, in analysis.Input, q analysis.Question, o VelocityOptions) (analysis.Result, error) {
	if o.MinDays < 2 {
		return analysis.Result{}, fmt.Errorf("%w: expected min_days to be at least 2", analysis.ErrOptions)
	}
	days, err := parseWindow(o.Days)
	if err != nil {
		return analysis.Result{}, fmt.Errorf("%w: days: %w", analysis.ErrOptions, err)
	}
	d, err := open(in, q, o.DoseOptions, o.Unit)
	if err != nil {
		return analysis.Result{}, err
	}
	patients, baseline, err := d.fromBaseline(o.Baseline, min(0, days.From), max(horizon, days.To))
	if err != nil {
		return analysis.Result{}, err
	}
	for _, v := range velocities {
		visit := days
		if v.term == "max_monthly" {
			visit = Window{0, horizon}
		}
		begin := func(prefix, suffix, arm string, scale analysis.Scale) analysis.Estimate {
			e := describe(d.empty(prefix+v.term+suffix, scale, visit.String(), arm, fmt.Sprintf("%s; baseline %s", d.o.said(), baseline)), v.text)
			e.Unit, e.Method.R = v.unit, v.r
			return e
		}
		var values [][]float64
		var missing []int
		for _, g := range d.groups {
			if err := ctx.Err(); err != nil {
				return analysis.Result{}, err
			}
			var x []float64
			n := 0
			for _, i := range g.Patients {
				if patients[i].baseline > 0 {
					n++
					if s := v.of(patients[i], days, o); !math.IsNaN(s) {
						x = append(x, s)
					}
				}
			}
			values, missing = append(values, x), append(missing, n-len(x))
			d.result.Estimates = append(d.result.Estimates, d.spread(begin, g.Name, x, n)...)
		}
		if q.Reference != "" {
			e := begin("difference_", "", d.groups[0].Name, analysis.ScalePercent)
			unknown := missing[0] + missing[1]
			e.Reference, e.N.Missing = d.groups[1].Name, unknown
			d.result.Estimates = append(d.result.Estimates, followUp(withDifference(e, values[0], values[1], q.Level), len(values[0])+len(values[1])+unknown, unknown))
		}
	}
	d.warn(analysis.WarnAssumption, notStopped, "")
	return d.result, nil
}

// spread returns the mean of the patients' numbers, their median and quartiles.
func (d *doses) spread(begin func(prefix, suffix, arm string, scale analysis.Scale) analysis.Estimate, arm string, x []float64, n int) []analysis.Estimate {
	mean := begin("", "_mean", arm, analysis.ScalePercent)
	mean.N.Missing = n - len(x)
	out := []analysis.Estimate{followUp(withMean(mean, x, d.q.Level), n, n-len(x))}
	for _, at := range []struct {
		suffix string
		p      float64
	}{{"_median", 0.5}, {"_q25", 0.25}, {"_q75", 0.75}} {
		e := begin("", at.suffix, arm, analysis.ScalePercent)
		e.Value, e.N = analysis.Num(fit.Quantile(x, at.p)), analysis.N{Arm: len(x), Missing: n - len(x)}
		e.Method.R = fmt.Sprintf("quantile(x, %g)", at.p)
		if len(x) == 0 {
			e = e.Warn(analysis.WarnTooFew, "no patient has the doses needed", "record the dose of more patients in these days, or choose other days")
		}
		out = append(out, followUp(e, n, n-len(x)))
	}
	return out
}

// fromBaseline converts every patient's doses from the baseline's days to the last
// asked for, and takes the mean over the baseline.
func (d *doses) fromBaseline(days string, from, to int) ([]patient, Window, error) {
	baseline, err := parseWindow(days)
	if err != nil {
		return nil, baseline, fmt.Errorf("%w: baseline: %w", analysis.ErrOptions, err)
	}
	to = max(to, baseline.To)
	ds := d.convert(min(from, baseline.From), func(int) int { return to })
	d.ended(ds)
	out := make([]patient, len(ds))
	known := false
	for p := range ds {
		out[p].Daily = ds[p]
		out[p].baseline, _ = ds[p].Mean(baseline, d.o.MinKnown)
		known = known || !math.IsNaN(out[p].baseline)
	}
	if baseline.To > 0 {
		d.warn(analysis.WarnAssumption, "the baseline's days end after day 0: changes are measured from doses that treatment may already have changed, and from days that are among those compared", "look at later days alone")
	}
	if !known {
		return nil, baseline, cannot("no patient has a known dose on at least %g %% of the baseline's %s; choose other days with --set baseline=FROM:TO", 100*d.o.MinKnown, baseline)
	}
	return out, baseline, nil
}
