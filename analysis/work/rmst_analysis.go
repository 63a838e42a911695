package work

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
)

// RestrictedOptions are the settings of RestrictedMeans.
type RestrictedOptions struct {
	Reading
	Tau        float64  `opt:"tau" doc:"day to which time is counted; 0: the largest to which every group was followed"`
	Covariates []string `opt:"covariates" doc:"columns to adjust the comparison for, from a table of one row a patient"`
}

// RestrictedMeans is work/restricted-mean.
var RestrictedMeans = analysis.New(analysis.Analysis{
	Name:     "work/restricted-mean",
	Title:    "Restricted mean days until return to work",
	Estimand: "the mean number of days until return to work, of the first tau days, and the days of them gained by return; their difference and ratios between arms",
	Doc: `restricted_mean is the area under the Kaplan-Meier estimate up to tau, mean_time_gained is tau less that: mean days after the first return.
With a reference: difference, ratio (of the means) and ratio_gained (of the times after return); ratios with intervals on the log scale, their standard errors being of the logarithm.
With covariates: adjusted_difference, adjusted_ratio and adjusted_ratio_gained, by regression of the time up to tau on arm and covariates, of those whose time up to tau is known, weighted by the inverse of the probability of that, estimated within each arm; the errors take in that it is estimated.
tau: by default the smaller of the arms' last days of follow-up; name it before seeing the data, for the result depends on it. A curve that ends before tau with patients left has no mean.
Assumes that censoring says nothing about return (given the arm). No proportional hazards needed.
R: survRM2::rmst2(time, event, arm, tau, covariates).`,
	Refs:        []string{"Uno et al. 2014, 10.1200/JCO.2014.55.2208", "Tian, Zhao and Wei 2014, 10.1093/biostatistics/kxt050"},
	Definitions: named(),
}, RestrictedOptions{Reading: reading}, runRestricted)

func runRestricted(_ context.Context, in analysis.Input, q analysis.Question, o RestrictedOptions) (analysis.Result, error) {
	if o.Tau < 0 {
		return analysis.Result{}, fmt.Errorf("%w: expected tau not below 0", analysis.ErrOptions)
	}
	if len(o.Covariates) > 0 && q.Reference == "" {
		return analysis.Result{}, fmt.Errorf("%w: covariates adjust a comparison: --arm NAME --reference NAME", analysis.ErrOptions)
	}
	s, err := newSubjects(in, q, o.Reading, o.Covariates)
	if err != nil {
		return analysis.Result{}, err
	}
	m := meansReport{s, make([]fit.Curve, len(s.groups)), o.Tau}
	for g := range s.groups {
		m.curves[g] = fit.KaplanMeier(s.of(g))
		if last := m.curves[g].Last(); o.Tau == 0 && last > 0 && (m.tau == 0 || last < m.tau) {
			m.tau = last
		}
	}
	var out analysis.Result
	for g := range s.groups {
		out.Estimates = append(out.Estimates, m.mean(g, false), m.mean(g, true))
		out.Series = append(out.Series, s.curve(g))
	}
	if q.Reference != "" {
		for _, scale := range []string{RestrictedDifference, RestrictedRatio, RestrictedLostRatio} {
			e := m.empty("", scale)
			out.Estimates = append(out.Estimates, compareRestricted(e, m.curves[0], m.curves[1], m.tau, scale, q.Level))
			if len(o.Covariates) > 0 {
				out.Estimates = append(out.Estimates, m.adjusted(scale, o.Covariates))
			}
		}
	}
	s.result(&out)
	return out, nil
}

// meansReport writes the restricted means of groups.
type meansReport struct {
	*subjects
	curves []fit.Curve
	tau    float64
}

func (m meansReport) at(e analysis.Estimate) analysis.Estimate {
	e.Visit = fmt.Sprintf("day %g", m.tau)
	e.Method = analysis.Method{
		Name: "Area under the Kaplan-Meier estimate; " + m.how(),
		R:    fmt.Sprintf("survRM2::rmst2(time, event, arm, tau = %g)", m.tau), Ref: "Uno et al. 2014, 10.1200/JCO.2014.55.2208",
	}
	return e
}

func (m meansReport) mean(g int, gained bool) analysis.Estimate {
	e := m.at(m.estimate("restricted_mean", analysis.ScaleTime, g, -1))
	if gained {
		e.Term = "mean_time_gained"
	}
	e.Unit = "days"
	mean, se := m.curves[g].RestrictedMean(m.tau)
	switch {
	case m.curves[g].N == 0:
		return e.Warn(analysis.WarnTooFew, "no patient has a usable time to return", "record times or spells of work")
	case math.IsNaN(mean) || m.tau == 0:
		return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up ends before day %g", m.tau), "choose an earlier day with --set tau=DAY")
	case gained:
		mean = m.tau - mean
	}
	e.Value, e.SE, e.CI = analysis.Num(mean), analysis.Num(se), analysis.NormalInterval(mean, se, m.q.Level)
	return noError(e)
}

func (m meansReport) empty(prefix, scale string) analysis.Estimate {
	term, kind := map[string]string{RestrictedDifference: "difference", RestrictedRatio: "ratio", RestrictedLostRatio: "ratio_gained"}[scale], analysis.ScaleRatio
	if scale == RestrictedDifference {
		kind = analysis.ScaleDifference
	}
	e := m.at(m.estimate(prefix+term, kind, 0, 1))
	if scale == RestrictedDifference {
		e.Unit = "days"
	}
	return e
}

// adjusted is a comparison by regression.
func (m meansReport) adjusted(scale string, covariates []string) analysis.Estimate {
	e := m.empty("adjusted_", scale)
	e.Method.Name = "Restricted mean regression, weighted by the inverse probability of follow-up, on arm" + listed(covariates) + "; " + m.how()
	e.Method.Ref = "Tian, Zhao and Wei 2014, 10.1093/biostatistics/kxt050"
	if m.n[0].Arm == 0 || m.n[1].Arm == 0 || !(m.tau > 0) {
		return e.Warn(analysis.WarnTooFew, "a group has no patient with a usable time", "follow more patients")
	}
	for g, c := range m.curves {
		if c.Last() < m.tau && c.Survival[len(c.Survival)-1] > 0 {
			return e.Warn(analysis.WarnTooFew, fmt.Sprintf("follow-up of %s ends before day %g", m.groups[g].Name, m.tau), "choose an earlier day with --set tau=DAY")
		}
	}
	x := [][]float64{make([]float64, len(m.time)), make([]float64, len(m.time))}
	for i, g := range m.group {
		x[0][i], x[1][i] = 1, float64(1-g)
	}
	for _, c := range m.columns {
		x = append(x, centred(c.value))
	}
	f, err := RestrictedMeanRegression(m.time, m.event, m.group, x, m.tau, scale)
	if err != nil {
		return e.Warn(analysis.WarnNoVariance, "the model cannot be fitted: a covariate follows from the others or the arm, or too few patients have a known time", "leave out a covariate")
	}
	se := math.Sqrt(math.Max(0, f.Cov.At(1, 1)))
	if scale == RestrictedDifference {
		return noError(difference(e, f.Coef[1], se, m.q.Level))
	}
	return noError(ratio(e, f.Coef[1], se, m.q.Level))
}

// centred takes the mean off values and divides them by their spread, which changes no
// contrast of other columns and keeps the digits of large ones.
func centred(x []float64) []float64 {
	mean, ss := 0.0, 0.0
	for _, v := range x {
		mean += (v - x[0]) / float64(len(x))
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - x[0] - mean
		ss += out[i] * out[i]
	}
	if sd := math.Sqrt(ss / float64(len(x))); sd > 0 {
		for i := range out {
			out[i] /= sd
		}
	}
	return out
}

func listed(covariates []string) string {
	s := ""
	for _, c := range covariates {
		s += ", " + c
	}
	return s
}
