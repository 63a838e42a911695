package effect

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/analysis/resample"
	"recoup/datasets"
)

// cell is a distinct pair of scores in one group: what a bootstrap counts.
type cell struct {
	group         int
	before, after float64
}

// estimator is a statistic of weighted cells: of the arm and the reference, or of
// one group.
type estimator struct {
	term, how string
	scale     analysis.Scale
	two       bool // of two groups
	of        func(c []cell, w []float64) (value, se float64)
}

// weighted is the moments of a group's change, baseline and visit by weights.
type weighted struct {
	n                       float64
	before, after           float64 // means
	varB, varA, varC, covBA float64 // divisor n-1
}

func moments(c []cell, w []float64, group int) weighted {
	var m weighted
	for i, x := range c {
		if x.group == group {
			m.n += w[i]
			m.before += float64(w[i] * x.before)
			m.after += float64(w[i] * x.after)
		}
	}
	m.before, m.after = m.before/m.n, m.after/m.n
	for i, x := range c {
		if x.group == group && w[i] != 0 {
			b, a := x.before-m.before, x.after-m.after
			m.varB += float64(w[i] * b * b)
			m.varA += float64(w[i] * a * a)
			m.covBA += float64(w[i] * a * b)
		}
	}
	d := m.n - 1
	m.varB, m.varA, m.covBA = m.varB/d, m.varA/d, m.covBA/d
	m.varC = math.Max(0, m.varA+m.varB-2*m.covBA)
	return m
}

func (m weighted) change() float64 { return m.after - m.before }

// estimators are what can be resampled: each gives the value that the analysis of
// its name gives, and its standard error for the studentised interval.
var estimators = map[string]estimator{
	"difference_in_change": {"difference_in_change", "difference of mean changes", analysis.ScaleDifference, true, func(c []cell, w []float64) (float64, float64) {
		x, y := moments(c, w, 0), moments(c, w, 1)
		return x.change() - y.change(), math.Sqrt(x.varC/x.n + y.varC/y.n)
	}},
	"hedges_g": {"hedges_g", "difference of mean changes / pooled SD of change, exact J", analysis.ScaleStandardised, true, func(c []cell, w []float64) (float64, float64) {
		x, y := moments(c, w, 0), moments(c, w, 1)
		df := x.n + y.n - 2
		s2 := (float64((x.n-1)*x.varC) + float64((y.n-1)*y.varC)) / df
		if !(s2 > 0) {
			return math.NaN(), math.NaN()
		}
		g := J(df, CorrectionExact) * (x.change() - y.change()) / math.Sqrt(s2)
		return g, math.Sqrt(1/x.n + 1/y.n + g*g/(2*(x.n+y.n)))
	}},
	"adjusted_difference": {"adjusted_difference", "difference at the visit adjusted for baseline (ANCOVA)", analysis.ScaleDifference, true, func(c []cell, w []float64) (float64, float64) {
		x, y := moments(c, w, 0), moments(c, w, 1)
		sbb := (x.n-1)*x.varB + (y.n-1)*y.varB
		sba := (x.n-1)*x.covBA + (y.n-1)*y.covBA
		saa := (x.n-1)*x.varA + (y.n-1)*y.varA
		if !(sbb > 0) {
			return math.NaN(), math.NaN()
		}
		slope, d := sba/sbb, x.before-y.before
		sigma2 := math.Max(0, saa-slope*sba) / (x.n + y.n - 3)
		return x.after - y.after - slope*d, math.Sqrt(sigma2 * (1/x.n + 1/y.n + d*d/sbb))
	}},
	"risk_difference": {"risk_difference", "difference of the shares improved by 30 % of baseline, of those judged", analysis.ScaleRiskDiff, true, func(c []cell, w []float64) (float64, float64) {
		p1, n1 := improvedShare(c, w, 0)
		p2, n2 := improvedShare(c, w, 1)
		return p1 - p2, math.Sqrt(p1*(1-p1)/n1 + p2*(1-p2)/n2)
	}},
	"superiority": {"probability_of_superiority", "pairs of patients by change, ties half", analysis.ScaleProportion, true, func(c []cell, w []float64) (float64, float64) {
		return weightedSuperiority(c, w), math.NaN()
	}},
	"change": {"change", "mean of individual changes", analysis.ScaleDifference, false, func(c []cell, w []float64) (float64, float64) {
		m := moments(c, w, 0)
		return m.change(), math.Sqrt(m.varC / m.n)
	}},
	"d_z": {"d_z", "mean change / SD of change, exact J", analysis.ScaleStandardised, false, func(c []cell, w []float64) (float64, float64) {
		m := moments(c, w, 0)
		if !(m.varC > 0) {
			return math.NaN(), math.NaN()
		}
		g := J(m.n-1, CorrectionExact) * m.change() / math.Sqrt(m.varC)
		return g, math.Sqrt(1/m.n + g*g/(2*m.n))
	}},
	"percent_of_means": {"percent_of_means", "100 (mean at visit - mean at baseline) / mean at baseline", analysis.ScalePercent, false, func(c []cell, w []float64) (float64, float64) {
		m := moments(c, w, 0)
		if m.before == 0 {
			return math.NaN(), math.NaN()
		}
		r := m.after / m.before
		return 100 * (r - 1), 100 * math.Sqrt(math.Max(0, m.varA+r*r*m.varB-2*r*m.covBA)/m.n) / math.Abs(m.before)
	}},
	"median_change": {"median_change", "median of individual changes", analysis.ScaleDifference, false, func(c []cell, w []float64) (float64, float64) {
		return weightedMedian(c, w), math.NaN()
	}},
}

func improvedShare(c []cell, w []float64, group int) (p, n float64) {
	for i, x := range c {
		if v := (fit.Rule{Kind: fit.RulePercent, Threshold: 30, Lower: true}).Judge(x.before, x.after); x.group == group && v == v {
			n += w[i]
			p += w[i] * v
		}
	}
	return p / n, n
}

// weightedSuperiority needs cells in the order of their change.
func weightedSuperiority(c []cell, w []float64) float64 {
	var n1, n2, under, u float64
	for i := 0; i < len(c); {
		var x, y float64
		change := c[i].after - c[i].before
		for ; i < len(c) && c[i].after-c[i].before <= change+1e-9; i++ {
			if c[i].group == 0 {
				x += w[i]
			} else {
				y += w[i]
			}
		}
		u += x*under + x*y/2
		n1, n2, under = n1+x, n2+y, under+y
	}
	return u / (n1 * n2)
}

func weightedMedian(c []cell, w []float64) float64 {
	n := 0.0
	for _, k := range w {
		n += k
	}
	at := func(rank float64) float64 {
		sum := 0.0
		for i, k := range w {
			if sum += k; sum >= rank-1e-9 && k > 0 {
				return c[i].after - c[i].before
			}
		}
		return math.NaN()
	}
	return (at(math.Floor((n+1)/2)) + at(math.Ceil((n+1)/2))) / 2
}

// BootstrapOptions are the settings of effect/bootstrap.
type BootstrapOptions struct {
	Estimator  string `opt:"estimator" doc:"what is resampled; auto is difference_in_change with a reference and change without" choices:"auto|difference_in_change|hedges_g|adjusted_difference|risk_difference|superiority|change|d_z|percent_of_means|median_change"`
	Interval   string `opt:"interval" doc:"bca corrects bias and skewness; studentised needs an estimator with a standard error; normal takes the samples as normal and their bias off; abc is bca's without any sampling, for smooth estimators" choices:"bca|percentile|basic|studentised|normal|abc"`
	Quantile   string `opt:"quantile" doc:"how bounds lie between two samples: on the normal scale as R's boot, or by straight lines of type 6 or 7" choices:"normal-scale|type-6|type-7"`
	Replicates int    `opt:"replicates" doc:"bootstrap samples, and deals of the permutation test"`
	Cluster    bool   `opt:"cluster" doc:"draw whole clusters (a column with role cluster, else site) instead of patients"`
	Permute    bool   `opt:"permute" doc:"with a reference: p by dealing patients to the arms anew"`
}

// intervalABC is the approximate bootstrap, which needs the statistic and no samples.
const intervalABC = "abc"

// Bootstrap is effect/bootstrap: any of the estimates of change with an interval
// that assumes no distribution.
var Bootstrap = analysis.New(analysis.Analysis{
	Name:     "effect/bootstrap",
	Title:    "Bootstrap interval and permutation test",
	Estimand: "the chosen estimate of change, or of its difference between arm and reference, with an interval and a p value from resampling",
	Doc: `Patients seen at both occasions are drawn with replacement within each arm (or whole clusters over all, with cluster=true) and the estimate is worked out anew in each sample.
interval=bca (default): percentiles moved for bias (the share of samples under the estimate, ties half) and acceleration (jackknife); percentile; basic; studentised (for estimators with a standard error); normal (2t - mean of the samples ± z SD); abc (the approximate bootstrap: bias, skewness and curvature by derivatives, no samples; not for the median or shares of so few patients that they jump). Quantiles are interpolated on the normal scale, as boot.ci does, unless quantile says otherwise. The standard error is the SD of the samples. A warning gives the Monte Carlo error of the bounds where it is over 5 % of the interval's width.
permute=true: p is the share of deals of patients to arms in which the estimate is at least as far from no effect, the one seen among them (never 0); it tests that arms are alike in everything.
The random numbers depend on the seed of the question and the sample's number alone: the same digits on any number of processors, and in any order of rows.
Missing values: available cases. Samples without a value (an arm without patients, no variance) are left out and counted.
R: boot::boot.ci(boot(data, statistic, R, strata), type = "bca", L = empinf(type = "jack")).`,
	Refs:   []string{"Efron 1987, 10.1080/01621459.1987.10478410", "Davison and Hinkley 1997, 10.1017/CBO9780511802843", "Phipson and Smyth 2010, 10.2202/1544-6115.1585", "DiCiccio and Efron 1992, 10.1093/biomet/79.2.231"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, BootstrapOptions{Estimator: "auto", Interval: resample.BCa, Quantile: resample.NormalScale, Replicates: 1999}, bootstrap)

func bootstrap(ctx context.Context, in analysis.Input, q analysis.Question, o BootstrapOptions) (analysis.Result, error) {
	if o.Replicates < 100 || o.Replicates > 1_000_000 {
		return analysis.Result{}, fmt.Errorf("%w: expected 100 to 1,000,000 replicates", analysis.ErrOptions)
	}
	name := o.Estimator
	if name == "auto" {
		name = map[bool]string{true: "difference_in_change", false: "change"}[q.Reference != ""]
	}
	est := estimators[name]
	switch {
	case est.two != (q.Reference != ""):
		return analysis.Result{}, fmt.Errorf("%w: estimator=%s is of %s", analysis.ErrOptions, name, map[bool]string{true: "an arm and a reference: --arm NAME --reference NAME", false: "one group: leave out --reference"}[est.two])
	case o.Permute && !est.two:
		return analysis.Result{}, fmt.Errorf("%w: permute=true needs an arm and a reference", analysis.ErrOptions)
	case o.Interval == intervalABC && name == "median_change":
		return analysis.Result{}, fmt.Errorf("%w: a median is not smooth, so interval=abc cannot be had; use interval=bca", analysis.ErrOptions)
	case o.Interval == resample.Studentised && (name == "superiority" || name == "median_change"):
		return analysis.Result{}, fmt.Errorf("%w: estimator=%s has no standard error to studentise by; use interval=bca", analysis.ErrOptions, name)
	}
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	sets := make([][]analysis.Group, 0, len(groups))
	if est.two {
		sets = append(sets, groups)
	} else {
		for _, g := range groups {
			sets = append(sets, []analysis.Group{g})
		}
	}
	for _, set := range sets {
		e, err := resampled(ctx, in, set, p, q, o, est)
		if err != nil {
			return r, err
		}
		r.Estimates = append(r.Estimates, e)
	}
	return r, nil
}

// cells gathers the distinct pairs of scores of groups, in an order that rows do
// not decide, with how many patients have each; with clusters a cell for each
// cluster too.
func cells(groups []analysis.Group, p analysis.Paired, cluster []int, mirror bool) (c []cell, size, unit []int, missing int) {
	type key struct {
		cell
		cluster int
	}
	counts := map[key]int{}
	for i, g := range groups {
		for _, k := range g.Patients {
			b, a := p.Before[k], p.After[k]
			if b != b || a != a || cluster != nil && cluster[k] < 0 {
				missing++
				continue
			}
			if mirror { // improvement is a fall
				b, a = -b, -a
			}
			x := key{cell: cell{i, b, a}}
			if cluster != nil {
				x.cluster = cluster[k]
			}
			counts[x]++
		}
	}
	order := make([]key, 0, len(counts))
	for k := range counts {
		order = append(order, k)
	}
	slices.SortFunc(order, func(x, y key) int {
		return cmp.Or(cmp.Compare(x.after-x.before, y.after-y.before), cmp.Compare(x.before, y.before), cmp.Compare(x.group, y.group), cmp.Compare(x.cluster, y.cluster))
	})
	for _, k := range order {
		c, size, unit = append(c, k.cell), append(size, counts[k]), append(unit, k.cluster)
	}
	return c, size, unit, missing
}

func resampled(ctx context.Context, in analysis.Input, groups []analysis.Group, p analysis.Paired, q analysis.Question, o BootstrapOptions, est estimator) (analysis.Estimate, error) {
	var ref *analysis.Group
	if est.two {
		ref = &groups[1]
	}
	e := start(est.term, est.scale, groups[0], ref, p)
	if est.scale == analysis.ScaleDifference {
		e.Unit = p.Field.Unit
	}
	var cluster []int
	if o.Cluster {
		var err error
		if cluster, _, err = resample.Clusters(in.Cohort); err != nil {
			return e, err
		}
	}
	mirror := est.term == "risk_difference" && p.DirectionKnown && !p.Lower
	c, size, unit, missing := cells(groups, p, cluster, mirror)
	for i, x := range c {
		if x.group == 0 {
			e.N.Arm += size[i]
		} else {
			e.N.Reference += size[i]
		}
	}
	e.N.Missing = missing
	e.Method = analysis.Method{Name: fmt.Sprintf("%s; %s bootstrap of %s, %d samples, seed %d", est.how, o.Interval, map[bool]string{true: "clusters", false: "patients"}[o.Cluster], o.Replicates, q.Seed), R: `boot::boot.ci(type = "bca")`, Ref: "Efron 1987, 10.1080/01621459.1987.10478410"}
	if e.N.Arm == 0 || est.two && e.N.Reference == 0 {
		return tooFew(e, 1), nil
	}
	plan := resample.Plan{Replicates: o.Replicates, Seed: q.Seed}
	classes, f := resample.Classes{Sizes: size}, func(w []float64) (float64, float64) { return est.of(c, w) }
	if o.Cluster {
		classes, f = byClusters(size, unit, func(w []float64) (float64, float64) { return est.of(c, w) })
	} else {
		for _, x := range c {
			classes.Strata = append(classes.Strata, x.group)
		}
	}
	d, err := resample.Bootstrap(ctx, f, classes, plan)
	if err != nil {
		return e, err
	}
	e.Value = analysis.Num(d.Value)
	if !e.Value.OK() {
		return e.Warn(analysis.WarnNoVariance, "the estimate is not defined in these patients: too few, without variance, or a baseline of zero", "choose another estimator"), nil
	}
	if se := d.StandardError(); se > 0 {
		e.SE = analysis.Num(se)
	}
	if least := min(e.N.Arm, max(e.N.Reference, e.N.Arm*map[bool]int{true: 0, false: 1}[est.two])); least < 10 {
		e = e.Warn(analysis.WarnTooFew, fmt.Sprintf("a group has %d patients: bootstrap intervals are too narrow under about 10", least), "use an analysis with an exact interval")
	}
	if d.Quantiles = o.Quantile; o.Interval != intervalABC {
		e = d.Onto(e, o.Interval, q.Level, o.Replicates)
	} else if ci := resample.ABC(f, classes, q.Level); ci.Low.OK() && ci.Low <= e.Value && e.Value <= ci.High {
		e.CI = ci
	} else {
		e = e.Warn(analysis.WarnTooFew, "the approximate bootstrap has no interval that holds the estimate: too few patients, or nothing varies", "use interval=bca, or an analysis with an exact interval")
	}
	if o.Permute {
		return permuted(ctx, e, c, size, est, plan)
	}
	return e, nil
}

// byClusters draws clusters: the weight of a cell is how often its cluster is taken
// times its patients.
func byClusters(size, unit []int, f func(w []float64) (float64, float64)) (resample.Classes, func(w []float64) (float64, float64)) {
	ids := slices.Compact(slices.Sorted(slices.Values(unit)))
	at := make([]int, len(unit))
	for i, u := range unit {
		at[i], _ = slices.BinarySearch(ids, u)
	}
	sizes := make([]int, len(ids))
	for i := range sizes {
		sizes[i] = 1
	}
	return resample.Classes{Sizes: sizes}, func(taken []float64) (float64, float64) {
		w := make([]float64, len(size))
		for i, n := range size {
			w[i] = taken[at[i]] * float64(n)
		}
		return f(w)
	}
}

// permuted deals patients to the arms anew.
func permuted(ctx context.Context, e analysis.Estimate, c []cell, size []int, est estimator, plan resample.Plan) (analysis.Estimate, error) {
	both := make([]cell, 0, 2*len(c)) // every pair of scores in both arms
	var labels, of []int
	for i, x := range c {
		both = append(both, cell{0, x.before, x.after}, cell{1, x.before, x.after})
		for range size[i] {
			labels, of = append(labels, x.group), append(of, i)
		}
	}
	none := 0.0
	if est.scale == analysis.ScaleProportion {
		none = 0.5
	}
	p, se, err := resample.Permute(ctx, func(g []int) float64 {
		w := make([]float64, len(both))
		for i, l := range g {
			w[2*of[i]+l]++
		}
		v, _ := est.of(both, w)
		return v - none
	}, labels, plan)
	if err != nil {
		return e, err
	}
	e.P = analysis.Num(p)
	e.Method.Name += fmt.Sprintf("; permutation test of %d deals, Monte Carlo error of p %.2g", plan.Replicates, se)
	return e, nil
}
