package power

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"recoup/analysis"
	"recoup/datasets"
)

// Simulated asks what an analysis finds in cohorts that are drawn again and again.
type Simulated struct {
	Analysis *analysis.Analysis
	Find     func(name string) (*analysis.Analysis, error)
	Question analysis.Question // its level is that of the intervals, and 1 less it of the tests
	Set      map[string]string
	// Draw returns the cohort of a replicate, from 0. It depends on the number alone, and
	// is called by several goroutines.
	Draw       func(ctx context.Context, replicate int) (*datasets.Cohort, error)
	Patients   int // of a cohort, for the words of the result
	Replicates int
	// True returns the value that an estimate is of, where it is known.
	True     func(e analysis.Estimate) (float64, bool)
	Workers  int // 0 for one a processor; changes no digit
	Progress func(done, total int)
}

// found is what the replicates say of one estimate.
type found struct {
	like                   analysis.Estimate
	values                 []float64
	errors                 []float64
	tested, rejected       int
	intervals, covered     int
	truth                  float64
	known, byInterval, any bool
}

// Columns of the table of Simulate.
var simulatedColumns = []string{"term", "arm", "reference", "visit", "patients", "cohorts with a value", "power", "error of power", "true value", "mean estimate", "bias", "error of bias", "SD of estimates", "mean standard error", "coverage", "error of coverage"}

// Simulate runs an analysis on drawn cohorts. For each of its estimates that is tested,
// or compares two arms with an interval, it gives as power the share of cohorts in which
// p is at most 1 - level (where there is no p: in which the interval leaves out the
// value that means no effect), with Wilson's interval of its Monte Carlo error, and in a
// table:
//
//	bias       mean estimate less the true value; its error SD/√replicates
//	SD         of the estimates: what the mean standard error should be
//	coverage   share of intervals that hold the true value
//
// A cohort that the analysis cannot answer, or an estimate without a value, counts as
// not found, and is said. Where the true value is no effect, the power is the error of
// the first kind.
//
// Morris, White and Crowther 2019, 10.1002/sim.8086.
func Simulate(ctx context.Context, s Simulated) (analysis.Result, error) {
	if s.Replicates < 20 || s.Replicates > 1_000_000 {
		return analysis.Result{}, fmt.Errorf("%w: expected 20 to 1,000,000 cohorts", analysis.ErrOptions)
	}
	results, err := s.run(ctx)
	if err != nil {
		return analysis.Result{}, err
	}
	out := analysis.Result{
		Warnings: []analysis.Warning{},
		Tables:   []analysis.Table{{Name: "simulated", Title: fmt.Sprintf("%s in %d drawn cohorts of %d patients", s.Analysis.Name, s.Replicates, s.Patients), Columns: simulatedColumns}},
	}
	cannot := 0
	var order []analysis.Key
	of := map[analysis.Key]*found{}
	for _, r := range results {
		if r == nil {
			cannot++
			continue
		}
		for _, e := range r {
			k := e.Key()
			if of[k] == nil {
				order = append(order, k)
				of[k] = s.newFound(e)
			}
			of[k].add(e, 1-s.level())
		}
	}
	for _, k := range order {
		f := of[k]
		if !f.any {
			continue
		}
		out.Estimates = append(out.Estimates, s.estimate(f))
		out.Tables[0].Rows = append(out.Tables[0].Rows, s.row(f))
	}
	if cannot > 0 {
		out.Warnings = append(out.Warnings, analysis.Warning{
			Code: "not-answered", Message: fmt.Sprintf("%d of %d cohorts cannot answer the question, and count as not found", cannot, s.Replicates), Cure: "draw more patients, or ask an analysis that needs less",
		})
	}
	if len(out.Estimates) == 0 {
		return out, fmt.Errorf("%w: %s tests nothing that was asked, or no drawn cohort can answer it", analysis.ErrCannot, s.Analysis.Name)
	}
	return out, nil
}

func (s Simulated) level() float64 {
	if s.Question.Level == 0 {
		return 0.95
	}
	return s.Question.Level
}

// run returns the estimates of each replicate; nil where the cohort cannot answer.
func (s Simulated) run(ctx context.Context) ([][]analysis.Estimate, error) {
	workers := s.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	results, errs := make([][]analysis.Estimate, s.Replicates), make([]error, s.Replicates)
	var done, next atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for !stop.Load() && ctx.Err() == nil {
				r := int(next.Add(1)) - 1
				if r >= s.Replicates {
					return
				}
				if results[r], errs[r] = s.one(ctx, r); errs[r] != nil {
					stop.Store(true) // a setting that is wrong is wrong in every cohort
				}
				if n := int(done.Add(1)); s.Progress != nil {
					s.Progress(n, s.Replicates)
				}
			}
		})
	}
	wg.Wait()
	return results, errors.Join(append(errs, ctx.Err())...)
}

func (s Simulated) one(ctx context.Context, r int) ([]analysis.Estimate, error) {
	c, err := s.Draw(ctx, r)
	if err != nil {
		return nil, err
	}
	got, err := s.Analysis.Run(ctx, analysis.Input{Cohort: c, Find: s.Find}, s.Question, s.Set)
	if errors.Is(err, analysis.ErrCannot) {
		return nil, nil
	}
	return got.Estimates, err
}

func (s Simulated) newFound(e analysis.Estimate) *found {
	f := &found{like: e}
	if s.True != nil {
		f.truth, f.known = s.True(e)
	}
	return f
}

// add counts what one cohort says.
func (f *found) add(e analysis.Estimate, alpha float64) {
	if e.Value.OK() {
		f.values = append(f.values, float64(e.Value))
		if e.SE.OK() {
			f.errors = append(f.errors, float64(e.SE))
		}
	}
	null, compares := e.NoEffect()
	interval := e.CI.Low.OK() && e.CI.High.OK()
	switch {
	case e.P.OK():
		f.any = true
		f.tested++
		if float64(e.P) <= alpha {
			f.rejected++
		}
	case compares && interval:
		f.any, f.byInterval = true, true
		f.tested++
		if float64(e.CI.Low) > null || float64(e.CI.High) < null {
			f.rejected++
		}
	}
	if f.known && interval {
		f.intervals++
		if float64(e.CI.Low) <= f.truth && f.truth <= float64(e.CI.High) {
			f.covered++
		}
	}
}

func (s Simulated) estimate(f *found) analysis.Estimate {
	e := analysis.NewEstimate(f.like.Term, analysis.ScaleProportion)
	e.Analysis, e.Outcome, e.Visit, e.Arm, e.Reference, e.Subgroup = "power/simulated", f.like.Outcome, f.like.Visit, f.like.Arm, f.like.Reference, f.like.Subgroup
	e.Value = analysis.Num(float64(f.rejected) / float64(s.Replicates))
	e.SE = analysis.Num(shareError(f.rejected, s.Replicates))
	e.CI = analysis.Wilson(f.rejected, s.Replicates, s.level())
	e.N = analysis.N{Arm: s.Patients, Events: f.rejected}
	how := fmt.Sprintf("p at most %.4g", 1-s.level())
	if f.byInterval {
		how = "the interval leaves out no effect"
	}
	e.Method = analysis.Method{Name: fmt.Sprintf("power of %s: share of %d drawn cohorts of %d patients in which %s", s.Analysis.Name, s.Replicates, s.Patients, how), Ref: "Morris, White and Crowther 2019, 10.1002/sim.8086"}
	if missing := s.Replicates - f.tested; missing > 0 {
		e = e.Warn("not-tested", fmt.Sprintf("%d of %d cohorts have no test of this, and count as not found", missing, s.Replicates), "draw more patients")
	}
	return e
}

func shareError(x, n int) float64 {
	if n == 0 {
		return math.NaN()
	}
	p := float64(x) / float64(n)
	return math.Sqrt(p * (1 - p) / float64(n))
}

func (s Simulated) row(f *found) []analysis.Value {
	mean, sd := meanSD(f.values)
	se, _ := meanSD(f.errors)
	coverage, truth := math.NaN(), math.NaN()
	if f.known {
		truth = f.truth
	}
	if f.intervals > 0 {
		coverage = float64(f.covered) / float64(f.intervals)
	}
	texts := []analysis.Value{analysis.Text(f.like.Term), analysis.Text(f.like.Arm), analysis.Text(f.like.Reference), analysis.Text(f.like.Visit)}
	for _, v := range []float64{
		float64(s.Patients), float64(len(f.values)), float64(f.rejected) / float64(s.Replicates), shareError(f.rejected, s.Replicates),
		truth, mean, mean - truth, sd / math.Sqrt(float64(len(f.values))), sd, se, coverage, shareError(f.covered, f.intervals),
	} {
		texts = append(texts, analysis.Number(v))
	}
	return texts
}

// meanSD returns the mean and standard deviation, NaN where there are none.
func meanSD(x []float64) (mean, sd float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v
	}
	mean /= n
	for _, v := range x {
		sd += (v - mean) * (v - mean)
	}
	if n < 2 {
		return mean, math.NaN()
	}
	return mean, math.Sqrt(sd / (n - 1))
}
