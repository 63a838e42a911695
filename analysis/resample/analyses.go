package resample

import (
	"context"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/datasets"
)

// blocks is the most units that the jackknife of an analysis leaves out one by one.
const blocks = 400

// BootstrapOptions are the settings of resample/bootstrap.
type BootstrapOptions struct {
	Analysis   string            `opt:"analysis" doc:"the analysis to resample, by its name in the catalog"`
	With       map[string]string `opt:"with" doc:"its settings: with.NAME=VALUE"`
	Interval   string            `opt:"interval" doc:"bca corrects bias and skewness; studentised goes by the analysis's own standard error in each sample; normal takes the samples as normal and their bias off" choices:"bca|percentile|basic|studentised|normal"`
	Quantile   string            `opt:"quantile" doc:"how bounds lie between two samples: on the normal scale as R's boot, or by straight lines of type 6 or 7" choices:"normal-scale|type-6|type-7"`
	Replicates int               `opt:"replicates" doc:"bootstrap samples"`
	Cluster    bool              `opt:"cluster" doc:"draw whole clusters (a column with role cluster, else site) instead of patients"`
	Strata     string            `opt:"strata" doc:"a column of the patients; samples keep the number of patients of each of its levels, beside those of the arms"`
}

const (
	refEfron   = "Efron 1987, 10.1080/01621459.1987.10478410"
	refDavison = "Davison and Hinkley 1997, 10.1017/CBO9780511802843"
	refPhipson = "Phipson and Smyth 2010, 10.2202/1544-6115.1585"
)

// BootstrapAnalysis is resample/bootstrap: any analysis of the catalog with intervals
// that assume no distribution.
var BootstrapAnalysis = analysis.New(analysis.Analysis{
	Name:     "resample/bootstrap",
	Title:    "Bootstrap intervals of any analysis",
	Estimand: "what the chosen analysis estimates, with standard errors and intervals from resampling patients",
	Doc: `Patients, with all their rows, are drawn with replacement within each arm (and within strata where named; with cluster=true whole clusters are drawn over all), and the analysis runs anew on each sample. Every estimate of the analysis keeps its value and gets the standard deviation of the samples as its standard error and the named interval:
  percentile   t*(α), t*(1-α)
  basic        2t - t*(1-α), 2t - t*(α)
  bca          percentile at Φ(z₀ + (z₀+z)/(1 - a(z₀+z))); z₀ from the share of samples under t, ties half; a by the jackknife, over 400 units by leaving out 400 equal blocks of them
  studentised  t - z*(1-α) se, t - z*(α) se, for estimates with a standard error
  normal       2t - mean of t* ± z SD of t*
Quantiles are interpolated on the normal scale (quantile=type-6 or type-7 for straight lines). A warning gives the Monte Carlo error of the bounds where it is over 5 % of the interval's width. Degrees of freedom and p values are left out: resample/permutation gives p values.
Samples in which the analysis has no number for an estimate are left out of it and counted. Numbers needed to treat get no interval here, since samples on both sides of no effect have no common scale.
The random numbers depend on the seed, the sample's number and the identifiers of the patients: the same digits on any number of processors and in any order of rows.
Missing values: as the analysis has them, in each sample. effect/bootstrap does the same for estimates of change many times faster, by counting distinct scores.
R: boot::boot.ci(boot(data, statistic, R, strata), type = "bca", L = empinf(type = "jack")).`,
	Refs: []string{refEfron, refDavison},
}, BootstrapOptions{Interval: BCa, Quantile: NormalScale, Replicates: 1999}, bootstrapAnalysis)

func bootstrapAnalysis(ctx context.Context, in analysis.Input, q analysis.Question, o BootstrapOptions) (analysis.Result, error) {
	if o.Replicates < 100 || o.Replicates > 1_000_000 {
		return analysis.Result{}, fmt.Errorf("%w: expected 100 to 1,000,000 replicates", analysis.ErrOptions)
	}
	inner, q, err := in.Inner(o.Analysis, q)
	if err != nil {
		return analysis.Result{}, err
	}
	r, err := inner.Run(ctx, analysis.Input{Cohort: in.Cohort, Find: in.Find}, q, o.With)
	if err != nil {
		return r, err
	}
	r.Excluded = slices.Clip(r.Excluded[len(in.Cohort.Excluded()):]) // the cohort's own are added once more
	u, err := newUnits(in.Cohort, o.Cluster, o.Strata)
	if err != nil {
		return analysis.Result{}, err
	}
	slim := narrowed(in, inner, q)
	draws, err := BootstrapAll(ctx, func(counts, values, ses []float64) {
		sample := analysis.Input{Cohort: slim.Resample(u.times(counts)), Find: in.Find}
		again(ctx, inner, sample, q, o.With, r.Estimates, values, ses)
	}, len(r.Estimates), u.classes, Plan{Replicates: o.Replicates, Seed: q.Seed, Progress: in.Progress})
	if err != nil {
		return analysis.Result{}, err
	}
	for i, e := range r.Estimates {
		r.Estimates[i] = bootstrapped(e, draws[i], q, o, u)
	}
	r.Warnings = append(r.Warnings, u.warn()...)
	r.Tables, r.Series = nil, nil // of the cohort as it is, without what was resampled
	return r, nil
}

// narrowed is the cohort that is resampled: no more of it than a narrow analysis takes.
func narrowed(in analysis.Input, a *analysis.Analysis, q analysis.Question) *datasets.Cohort {
	if !a.Narrow {
		return in.Cohort
	}
	p, err := in.Pair(q)
	if err != nil {
		return in.Cohort
	}
	return in.Cohort.Narrowed(q.Outcome, p.Baseline.Value, p.Now.Value)
}

// again runs an analysis on a sample and writes down the values and errors of the
// estimates that have the same keys. What a sample cannot answer has no value.
func again(ctx context.Context, a *analysis.Analysis, in analysis.Input, q analysis.Question, set map[string]string, like []analysis.Estimate, values, ses []float64) {
	for i := range values {
		values[i], ses[i] = math.NaN(), math.NaN()
	}
	r, err := a.Run(ctx, in, q, set)
	if err != nil {
		return
	}
	byKey := map[analysis.Key]analysis.Estimate{}
	for _, e := range r.Estimates {
		byKey[e.Key()] = e
	}
	for i, e := range like {
		if s, ok := byKey[e.Key()]; ok && s.Value.OK() {
			values[i], ses[i] = float64(s.Value), float64(s.SE)
		}
	}
}

// bootstrapped puts what the samples say on an estimate.
func bootstrapped(e analysis.Estimate, d Draws, q analysis.Question, o BootstrapOptions, u *units) analysis.Estimate {
	e.SE, e.DF, e.Statistic, e.P, e.CI = analysis.None, analysis.None, analysis.None, analysis.None, analysis.NoInterval
	e.Method.Name = fmt.Sprintf("%s; %s bootstrap of %s, %d samples, seed %d", e.Method.Name, o.Interval, u.what, o.Replicates, q.Seed)
	e.Method.R, e.Method.Ref = `boot::boot.ci(type = "bca", L = empinf(type = "jack"))`, refEfron
	switch {
	case !e.Value.OK():
		return e
	case e.Scale == analysis.ScaleNNT:
		return e.Warn(analysis.WarnAssumption, "a number needed to treat has no bootstrap interval: samples on both sides of no effect have no common scale", "use the interval of the risk difference")
	case o.Interval == Studentised && !(d.SE > 0):
		return e.Warn(analysis.WarnAssumption, "the analysis gives this estimate no standard error to studentise by", "use interval=bca")
	}
	if se := d.StandardError(); se > 0 {
		e.SE = analysis.Num(se)
	}
	d.Quantiles = o.Quantile
	return d.Onto(e, o.Interval, q.Level, o.Replicates)
}

// Onto puts the interval of the draws on an estimate, with what its reader must know
// of it.
func (d Draws) Onto(e analysis.Estimate, kind string, level float64, replicates int) analysis.Estimate {
	ci := d.Interval(kind, level)
	switch width := float64(ci.High - ci.Low); {
	case !ci.Low.OK():
		e = e.Warn(analysis.WarnTooFew, "the samples do not vary or have no value, so there is no interval", "ask for a visit or an outcome with more patients")
	case ci.Extreme:
		e = e.Warn(analysis.WarnTooFew, "a bound is the smallest or the largest sample, so the interval is cut short", "set more replicates")
	case math.Max(ci.LowError, ci.HighError) > 0.05*width:
		e = e.Warn("monte-carlo", fmt.Sprintf("the Monte Carlo errors of the bounds are %.2g and %.2g", ci.LowError, ci.HighError), "set more replicates")
	}
	if ci.Low.OK() && (float64(ci.Low) > d.Value || float64(ci.High) < d.Value) {
		e = e.Warn(analysis.WarnAssumption, "the bootstrap interval does not hold the estimate, which is strongly biased in so few patients, and is not shown", "use another interval, or an analysis with an exact one")
	} else {
		e.CI = ci.Interval
	}
	if d.Failed > 0 {
		e = e.Warn(analysis.WarnExcluded, fmt.Sprintf("%d of %d samples have no value and are left out", d.Failed, replicates), "use an estimate that is defined in more of them")
	}
	if dropped := len(d.T) - len(d.Z); kind == Studentised && dropped > 0 {
		e = e.Warn(analysis.WarnExcluded, fmt.Sprintf("%d of %d samples have no standard error and are left out of the interval, which may then be wrong", dropped, replicates), "use interval=bca")
	}
	return e
}

// units are what is drawn of a cohort: patients, or clusters of them.
type units struct {
	classes Classes
	of      []int // by patient, the unit it belongs to; -1 for none
	what    string
	least   int // units of the smallest stratum
	none    int // patients without a cluster, in no sample
}

// times is how often a sample has each patient.
func (u *units) times(counts []float64) []int {
	out := make([]int, len(u.of))
	for p, k := range u.of {
		if k >= 0 {
			out[p] = int(counts[k])
		}
	}
	return out
}

func (u *units) warn() []analysis.Warning {
	var out []analysis.Warning
	if u.least < 10 {
		out = append(out, analysis.Warning{Code: analysis.WarnTooFew, Message: fmt.Sprintf("an arm or stratum has %d %s: bootstrap intervals are too narrow under about 10", u.least, u.what), Cure: "use the analysis's own interval"})
	}
	if u.none > 0 {
		out = append(out, analysis.Warning{Code: analysis.WarnExcluded, Message: fmt.Sprintf("%d patients have no cluster and are in no sample, though the estimates have them", u.none), Cure: "fill the column in, or leave those patients out with --where"})
	}
	return out
}

// newUnits numbers what is drawn by identifiers, so that the order of rows does not
// matter.
func newUnits(c *datasets.Cohort, cluster bool, strata string) (*units, error) {
	u := &units{what: "patients", of: make([]int, c.Patients())}
	if cluster {
		if strata != "" {
			return nil, fmt.Errorf("%w: cluster=true draws over all patients; leave strata out", analysis.ErrOptions)
		}
		return u, u.byCluster(c)
	}
	stratum, err := stratumOf(c, strata)
	if err != nil {
		return nil, err
	}
	sizes := map[int]int{}
	for i, p := range c.ByIdentifier() {
		u.of[p] = i
		u.classes.Sizes, u.classes.Strata = append(u.classes.Sizes, 1), append(u.classes.Strata, stratum[p])
		sizes[stratum[p]]++
	}
	u.least = c.Patients()
	for _, n := range sizes {
		u.least = min(u.least, n)
	}
	u.classes.Blocks = blocks
	return u, nil
}

// stratumOf numbers the combinations of arm and the levels of a column, by patient.
func stratumOf(c *datasets.Cohort, column string) ([]int, error) {
	out := make([]int, c.Patients())
	for p, a := range c.ArmOf() {
		out[p] = int(a) + 1
	}
	if column == "" {
		return out, nil
	}
	codes, levels, err := c.CovariateLevels(column)
	if err != nil {
		return nil, err
	}
	rank := byName(codes, levels)
	for p := range out {
		out[p] = out[p]*(len(levels)+1) + rank[p] + 1
	}
	return out, nil
}

func (u *units) byCluster(c *datasets.Cohort) error {
	rank, levels, err := Clusters(c)
	if err != nil {
		return err
	}
	used := map[int]bool{}
	for _, k := range rank {
		if k >= 0 {
			used[k] = true
		}
	}
	number := make([]int, levels)
	for k := range levels {
		if used[k] {
			number[k] = len(u.classes.Sizes)
			u.classes.Sizes = append(u.classes.Sizes, 1)
		}
	}
	for p, k := range rank {
		if u.of[p] = -1; k >= 0 {
			u.of[p] = number[k]
		} else {
			u.none++
		}
	}
	u.what, u.least, u.classes.Blocks = "clusters", len(u.classes.Sizes), blocks
	return nil
}

// Clusters numbers the clusters of patients (a column with role cluster, else site) in
// the order of their names, so that the order of rows does not matter; -1 where missing.
func Clusters(c *datasets.Cohort) (of []int, n int, err error) {
	codes, levels := c.Attribute(datasets.RoleCluster)
	if codes == nil {
		codes, levels = c.Attribute(datasets.RoleSite)
	}
	if codes == nil {
		return nil, 0, fmt.Errorf("%w: cluster=true needs a column with role cluster or site", analysis.ErrCannot)
	}
	return byName(codes, levels), len(levels), nil
}

// byName numbers levels in the order of their names, by patient; -1 where missing.
func byName(codes []int32, levels []string) []int {
	sorted := slices.Sorted(slices.Values(levels))
	out := make([]int, len(codes))
	for p, code := range codes {
		if out[p] = -1; code >= 0 {
			out[p], _ = slices.BinarySearch(sorted, levels[code])
		}
	}
	return out
}

// PermutationOptions are the settings of resample/permutation.
type PermutationOptions struct {
	Analysis   string            `opt:"analysis" doc:"the analysis to test, by its name in the catalog"`
	With       map[string]string `opt:"with" doc:"its settings: with.NAME=VALUE"`
	Replicates int               `opt:"replicates" doc:"deals of the patients to the arms"`
	Strata     string            `opt:"strata" doc:"a column of the patients within whose levels they are dealt, as in a stratified trial"`
	Studentise bool              `opt:"studentise" doc:"deal estimate / standard error, which holds for groups of unequal spread too, where the analysis has a standard error"`
}

// PermutationAnalysis is resample/permutation: a p value for any comparison of two
// arms.
var PermutationAnalysis = analysis.New(analysis.Analysis{
	Name:     "resample/permutation",
	Title:    "Permutation test of any comparison",
	Estimand: "what the chosen analysis estimates of arm against reference, with the p value of there being no difference between them at all",
	Doc: `The patients of the arm and the reference are dealt to the two anew, as many to each (within strata where named), and the analysis runs on each deal. p is the share of deals, the one seen among them, in which the estimate is at least as far from no effect: 0 for differences, 1 for ratios (by their logarithm), one half for the probability of superiority; it is never 0.
With studentise=true (default) the estimate is divided by its standard error where the analysis gives one, so that the test holds for equal means with unequal spread when groups are large; else it tests that the arms are alike in everything.
Deals without a number count as far. Estimates of one group, and those without a value that means no effect, have no p value here. Intervals and standard errors stay those of the analysis.
The random numbers depend on the seed, the deal's number and the identifiers of the patients.
Missing values: dealt with the patient who has them.
R: coin::oneway_test(distribution = approximate()).`,
	Refs:  []string{refPhipson, "Janssen 1997, 10.1016/S0167-7152(97)00043-6"},
	Needs: []datasets.Role{datasets.RoleArm},
}, PermutationOptions{Replicates: 1999, Studentise: true}, permutationAnalysis)

func permutationAnalysis(ctx context.Context, in analysis.Input, q analysis.Question, o PermutationOptions) (analysis.Result, error) {
	if o.Replicates < 100 || o.Replicates > 1_000_000 {
		return analysis.Result{}, fmt.Errorf("%w: expected 100 to 1,000,000 replicates", analysis.ErrOptions)
	}
	if q.Reference == "" {
		return analysis.Result{}, fmt.Errorf("%w: a permutation test needs an arm and a reference: --arm NAME --reference NAME", analysis.ErrOptions)
	}
	inner, q, err := in.Inner(o.Analysis, q)
	if err != nil {
		return analysis.Result{}, err
	}
	r, err := inner.Run(ctx, analysis.Input{Cohort: in.Cohort, Find: in.Find}, q, o.With)
	if err != nil {
		return r, err
	}
	r.Excluded = slices.Clip(r.Excluded[len(in.Cohort.Excluded()):])
	d, err := newDeal(in, q, o.Strata)
	if err != nil {
		return analysis.Result{}, err
	}
	slim := narrowed(in, inner, q)
	p, mcse, err := PermuteAll(ctx, func(groups []int, values []float64) {
		ses := make([]float64, len(values))
		again(ctx, inner, analysis.Input{Cohort: slim.WithArms(d.arms(groups)), Find: in.Find}, q, o.With, r.Estimates, values, ses)
		for i, e := range r.Estimates {
			values[i] = distance(e, values[i], ses[i], o.Studentise)
		}
	}, len(r.Estimates), d.groups, d.strata, Plan{Replicates: o.Replicates, Seed: q.Seed, Progress: in.Progress})
	if err != nil {
		return analysis.Result{}, err
	}
	for i, e := range r.Estimates {
		e.P, e.Statistic = analysis.None, analysis.None
		if _, ok := e.NoEffect(); ok && e.Value.OK() {
			e.P = analysis.Num(p[i])
			e.Method.Name += fmt.Sprintf("; permutation test of %d deals, seed %d, Monte Carlo error of p %.2g", o.Replicates, q.Seed, mcse[i])
		}
		r.Estimates[i] = e
	}
	return r, nil
}

// distance is how far an estimate is from no effect.
func distance(e analysis.Estimate, value, se float64, studentise bool) float64 {
	null, ok := e.NoEffect()
	switch {
	case !ok:
		return math.NaN()
	case e.Scale == analysis.ScaleRatio:
		value, null = math.Log(value), 0
	}
	if studentise && e.SE > 0 && e.Scale != analysis.ScaleRatio {
		return (value - null) / se
	}
	return value - null
}

// deal is who is dealt to which arm.
type deal struct {
	patients       []int // in the order of their identifiers
	groups, strata []int
	armOf          []int32 // as it is
	arm            [2]int32
}

func newDeal(in analysis.Input, q analysis.Question, strata string) (*deal, error) {
	d := &deal{armOf: in.Cohort.ArmOf()}
	for i, word := range []string{q.Arm, q.Reference} {
		k, err := in.Cohort.Arm(word)
		if err != nil {
			return nil, err
		}
		d.arm[i] = int32(k)
	}
	var rank []int
	if strata != "" {
		codes, levels, err := in.Cohort.CovariateLevels(strata)
		if err != nil {
			return nil, err
		}
		rank = byName(codes, levels)
	}
	for _, p := range in.Cohort.ByIdentifier() {
		g := slices.Index(d.arm[:], d.armOf[p])
		if g < 0 {
			continue
		}
		d.patients, d.groups = append(d.patients, p), append(d.groups, g)
		if rank != nil {
			d.strata = append(d.strata, rank[p])
		}
	}
	return d, nil
}

func (d *deal) arms(groups []int) []int32 {
	out := slices.Clone(d.armOf)
	for i, p := range d.patients {
		out[p] = d.arm[groups[i]]
	}
	return out
}
