package impute

import (
	"context"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/datasets"
	"recoup/simulate/stream"
)

// Views of the variance of an estimate under an assumption about missing values.
const (
	viewRubin     = "rubin"
	viewJackknife = "jackknife"
	viewBootstrap = "bootstrap"
)

// viewWords name them. They answer different questions, and under reference-based
// assumptions differ much: Cro, Carpenter and Kenward 2019, 10.1111/rssa.12423, argue for
// Rubin's, Bartlett 2023, 10.1080/19466315.2021.1983455, for the other.
var viewWords = map[string]string{
	viewRubin:     "Rubin's rules (information-anchored: what is missing adds as much error as it would under missing at random)",
	viewJackknife: "jackknife of conditional mean imputation (frequentist: the spread of the estimate over trials analysed so)",
	viewBootstrap: "bootstrap of conditional mean imputation (frequentist: the spread of the estimate over trials analysed so)",
}

// study is a normal model with the analysis that is run on what it completes, and all the
// fits that an answer needs. Fits do not depend on what is added to imputed values, so
// they serve every delta.
type study struct {
	*normal
	inner  inner
	view   string
	how    string
	level  float64
	seed   uint64
	o      studyOptions
	main   fitted
	fits   []fitted
	times  [][]int // by fit, how often each row of the panel is taken; nil for the jackknife
	shares float64 // what the squares of deviations of replicates are multiplied by
}

// studyOptions are the settings that reference-based and tipping-point analyses share.
type studyOptions struct {
	analysis              string
	with                  map[string]string
	strategy, model, view string
	covariates            []string
	imputations           int
	replicates            int
}

func newStudy(in analysis.Input, q analysis.Question, o studyOptions) (*study, error) {
	if o.imputations < 2 || o.imputations > 10_000 || o.replicates < 20 || o.replicates > 100_000 {
		return nil, fmt.Errorf("%w: expected 2 to 10,000 imputations and 20 to 100,000 replicates", analysis.ErrOptions)
	}
	inner, err := newInner(in, o.analysis, q, o.with)
	if err != nil {
		return nil, err
	}
	p, err := newPanel(in, q)
	if err != nil {
		return nil, err
	}
	if err := p.anyone(); err != nil {
		return nil, err
	}
	n, err := newNormal(in, p, o.strategy, o.model, o.covariates)
	if err != nil {
		return nil, err
	}
	return &study{normal: n, inner: inner, view: o.view, level: q.Level, seed: q.Seed, o: o}, nil
}

// incomplete reports whether there is anything to impute.
func (s *study) incomplete() bool {
	return slices.ContainsFunc(s.data, func(d *repeated) bool {
		return d != nil && slices.ContainsFunc(d.patterns, func(p seenAt) bool { return len(p.lost) > 0 })
	})
}

// fitAll fits the model to the patients, and to the samples that the view of the variance
// needs.
func (s *study) fitAll(ctx context.Context) error {
	var ok bool
	if s.main, ok = s.fit(nil, nil); !ok {
		return fmt.Errorf("%w: the model of %s at all visits cannot be fitted: a visit has too few patients, or repeats another, or a covariate does", analysis.ErrCannot, s.field.Name)
	}
	switch s.view {
	case viewRubin:
		s.how = fmt.Sprintf("%d imputations from a multivariate normal model (approximate Bayesian: restricted maximum likelihood on bootstrap samples, seed %d); %s", s.o.imputations, s.seed, viewWords[viewRubin])
		return s.resample(ctx, s.o.imputations)
	case viewBootstrap:
		s.how = fmt.Sprintf("%d samples, seed %d; %s", s.o.replicates, s.seed, viewWords[viewBootstrap])
		s.shares = 1 / float64(s.o.replicates-1)
		return s.resample(ctx, s.o.replicates)
	}
	k := len(s.patients)
	s.how = fmt.Sprintf("%d samples without one patient each; %s", k, viewWords[viewJackknife])
	s.shares = float64(k-1) / float64(k)
	return s.leaveOut(ctx)
}

// resample fits the model to bootstrap samples of the patients of each arm. A sample in
// which the model cannot be fitted is drawn anew, up to ten times.
func (s *study) resample(ctx context.Context, n int) error {
	s.fits, s.times = make([]fitted, n), make([][]int, n)
	base := stream.New(s.seed, "impute/bootstrap")
	byArm := make([][]int, len(s.groups))
	for r, g := range s.group {
		byArm[g] = append(byArm[g], r)
	}
	return each(ctx, n, func(k int) error {
		for attempt := range 10 {
			times := make([]int, len(s.patients))
			for g, rows := range byArm {
				c := base.Sub(uint64(k)).Sub(uint64(attempt)).Sub(uint64(g)).Cursor()
				for range rows {
					times[rows[c.IntN(len(rows))]]++
				}
			}
			if f, ok := s.fit(s.ofUsable(times), s.main); ok {
				s.fits[k], s.times[k] = f, times
				return nil
			}
		}
		return fmt.Errorf("%w: the model cannot be fitted to samples of so few patients", analysis.ErrCannot)
	})
}

// leaveOut fits the model without each patient in turn.
func (s *study) leaveOut(ctx context.Context) error {
	s.fits = make([]fitted, len(s.patients))
	usable := make([]int, len(s.patients))
	for r := range usable {
		usable[r] = -1
	}
	for i, r := range s.usable {
		usable[r] = i
	}
	return each(ctx, len(s.patients), func(k int) error {
		if usable[k] < 0 {
			s.fits[k] = s.main
			return nil
		}
		times := make([]int, len(s.usable))
		for i := range times {
			times[i] = 1
		}
		times[usable[k]] = 0
		f, ok := s.fit(times, s.main)
		if !ok {
			return fmt.Errorf("%w: the model cannot be fitted without one of the patients", analysis.ErrCannot)
		}
		s.fits[k] = f
		return nil
	})
}

func (s *study) ofUsable(times []int) []int {
	out := make([]int, len(s.usable))
	for i, r := range s.usable {
		out[i] = times[r]
	}
	return out
}

// delta is what is added to imputed values: by group, and by how many visits have passed
// since the last one seen (1 for the first missed) where it adds up.
type delta struct {
	by         []float64
	cumulative bool
}

// shift adds the delta to what was imputed.
func (s *study) add(values [][]float64, d delta) {
	for i, r := range s.usable {
		by := 0.0
		if d.by != nil {
			by = d.by[s.group[r]]
		}
		if by == 0 {
			continue
		}
		missed := 0.0
		for k, v := range s.at {
			if !math.IsNaN(s.y[i][k]) {
				missed = 0
				continue
			}
			missed++
			if d.cumulative {
				values[v][r] += by * missed
			} else {
				values[v][r] += by
			}
		}
	}
}

var errImpute = fmt.Errorf("%w: a covariance of the model has no inverse", analysis.ErrCannot)

// cohort completes the cohort by a fit.
func (s *study) cohort(f fitted, patients *stream.Stream, d delta) (*datasets.Cohort, error) {
	values, ok := s.completed(f, patients)
	if !ok {
		return nil, errImpute
	}
	s.add(values, d)
	return s.complete(s.inner.in.Cohort, values), nil
}

// results runs the analysis for a delta: on each imputation; or on the conditional means,
// with the results of the replicates after the first.
func (s *study) results(ctx context.Context, d delta) ([]analysis.Result, error) {
	if s.view == viewRubin {
		base := stream.New(s.seed, "impute/normal")
		return s.inner.onAll(ctx, len(s.fits), func(k int) (*datasets.Cohort, error) {
			patients := base.Sub(uint64(k))
			return s.cohort(s.fits[k], &patients, d)
		})
	}
	return s.inner.onAll(ctx, len(s.fits)+1, func(k int) (*datasets.Cohort, error) {
		if k == 0 {
			return s.cohort(s.main, nil, d)
		}
		c, err := s.cohort(s.fits[k-1], nil, d)
		if err != nil {
			return nil, err
		}
		return s.replicate(c, k-1), nil
	})
}

// replicate returns the completed cohort of a replicate.
func (s *study) replicate(c *datasets.Cohort, k int) *datasets.Cohort {
	if s.times == nil && len(c.Arms()) > 0 { // all but one: their arm is enough
		arms := append([]int32(nil), c.ArmOf()...)
		arms[s.patients[k]] = -1
		return c.WithArms(arms)
	}
	times := make([]int, c.Patients())
	for r, patient := range s.patients {
		switch {
		case s.times != nil:
			times[patient] = s.times[k][r]
		case r != k:
			times[patient] = 1
		}
	}
	return c.Resample(times)
}

// answer turns results into a result.
func (s *study) answer(results []analysis.Result, assumed string) analysis.Result {
	var r analysis.Result
	if s.view == viewRubin {
		r = s.panel.answer(s.inner, results, s.level, s.how, assumed)
	} else {
		r = analysis.Result{Excluded: results[0].Excluded, Tables: []analysis.Table{s.missing(assumed)}}
		r.Warnings = append(append(r.Warnings, results[0].Warnings...), s.whoIsMissing(assumed), analysis.Warning{
			Code: "conditional-mean", Message: "values were imputed by their conditional mean: right for means and their differences, not for shares, medians or standard deviations",
			Cure: "set variance=rubin for those",
		})
		for _, e := range spread(results, s.shares, s.level, s.how, s.view == viewJackknife) {
			e.N.Missing = max(e.N.Missing, s.imputedIn(e))
			r.Estimates = append(r.Estimates, e)
		}
	}
	r.Warnings = append(r.Warnings, s.warnings...)
	return r
}

// spread gives the estimates of the first result the standard error of the others, on the
// scale on which values are pooled, and normal intervals.
func spread(results []analysis.Result, share, level float64, how string, jackknife bool) []analysis.Estimate {
	var out []analysis.Estimate
	at := make([]map[analysis.Key]analysis.Estimate, len(results))
	for k, r := range results {
		at[k] = map[analysis.Key]analysis.Estimate{}
		for _, e := range r.Estimates {
			at[k][e.Key()] = e
		}
	}
	for _, e := range results[0].Estimates {
		p := Pooled{DF: math.Inf(1)}
		p.Value, _ = transformed(e)
		var values []float64
		mean := 0.0
		for k := range at[1:] {
			if same, ok := at[k+1][e.Key()]; ok {
				v, _ := transformed(same)
				values = append(values, v)
				mean += (v - p.Value) / float64(len(results)-1)
			}
		}
		for _, v := range values {
			p.Total += (v - p.Value - mean) * (v - p.Value - mean) * share
		}
		p.Within = p.Total
		e.Method.Name = how + "; " + e.Method.Name
		if len(values) < len(results)-1 || math.IsNaN(p.Total) {
			e.SE, e.DF, e.Statistic, e.P, e.CI = analysis.None, analysis.None, analysis.None, analysis.None, analysis.NoInterval
			out = append(out, e.Warn("not-pooled", "the analysis gives no value in some of the samples, so there is no error to give", ""))
			continue
		}
		if !e.SE.OK() { // the replicates need none
			e.SE = 0
		}
		out = append(out, writeNormal(e, p, level, jackknife))
	}
	return out
}

// writeNormal is write with a normal interval of the replicates.
func writeNormal(e analysis.Estimate, p Pooled, level float64, jackknife bool) analysis.Estimate {
	kind := "normal, bootstrap"
	if jackknife {
		kind = "normal, jackknife"
	}
	value := e.Value
	if !(p.Total > 1e-24*math.Max(1, p.Value*p.Value)) {
		e.SE, e.DF, e.Statistic, e.P, e.CI = analysis.None, analysis.None, analysis.None, analysis.None, analysis.NoInterval
		return e.Warn(analysis.WarnNoVariance, "the samples do not vary, so there is no error to give", "")
	}
	e = write(e, p, level)
	e.Value = value
	switch {
	case !e.CI.Low.OK():
	case e.Scale == analysis.ScaleProportion:
		q := analysis.NormalQuantile(level)
		se := math.Sqrt(p.Total)
		e.CI = analysis.NewInterval(kind, math.Max(0, p.Value-q*se), math.Min(1, p.Value+q*se), level)
	case e.Scale == analysis.ScaleRatio:
		e.CI.Kind = kind + ", log scale"
	default:
		e.CI.Kind = kind
	}
	return e
}
