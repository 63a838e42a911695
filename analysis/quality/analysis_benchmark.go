package quality

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets/instrument"
	"recoup/datasets/published"
)

// Benchmark is a published number that a program is held against, with its own
// uncertainty.
type Benchmark struct {
	Value     float64
	SE        float64 // NaN where Low and High are given, or nothing is known
	Low, High float64 // of its interval
	Level     float64 // of that interval
}

// interval returns the benchmark's bounds at a level; they are its value where nothing
// is known of its uncertainty.
func (b Benchmark) interval(level float64) (low, high float64) {
	z := analysis.NormalQuantile(level)
	switch {
	case !math.IsNaN(b.Low) && !math.IsNaN(b.High):
		f := z / analysis.NormalQuantile(b.Level)
		return b.Value - f*(b.Value-b.Low), b.Value + f*(b.High-b.Value)
	case !math.IsNaN(b.SE):
		return b.Value - z*b.SE, b.Value + z*b.SE
	}
	return b.Value, b.Value
}

// Against returns the difference of a value with its interval and a benchmark with its
// own, by the square-and-add rule (MOVER), which needs no symmetry of either:
//
//	d - √((v-l)² + (B_u-B)²)  to  d + √((v_u-v)² + (B-B_l)²),  d = v - B
//
// Zou and Donner 2008, 10.1002/sim.3095; Newcombe 1998 for two Wilson intervals.
func Against(value float64, ci analysis.Interval, b Benchmark) (difference float64, out analysis.Interval) {
	difference = value - b.Value
	if !(ci.Level > 0) {
		return difference, analysis.NoInterval
	}
	low, high := b.interval(ci.Level)
	down := math.Hypot(value-float64(ci.Low), high-b.Value)
	up := math.Hypot(float64(ci.High)-value, b.Value-low)
	return difference, analysis.NewInterval("square and add (MOVER)", difference-down, difference+up, ci.Level)
}

// BenchmarkSettings are the settings of quality/benchmark.
type BenchmarkSettings struct {
	MeasureSettings
	Set            string  `opt:"set" doc:"a named set of benchmarks, for the rule by which its register counts responders in this instrument; see datasets/published"`
	Value          string  `opt:"value" doc:"the benchmark: a share from 0 to 1, or a mean in the outcome's unit; it must be given where no set is"`
	SE             float64 `opt:"se" doc:"its standard error, such as a pooled one of meta-analysis; 0 where low and high are given, or none is known"`
	Low            string  `opt:"low" doc:"lower bound of its interval"`
	High           string  `opt:"high" doc:"upper bound of its interval"`
	BoundsLevel    float64 `opt:"bounds_level" doc:"level of that interval"`
	PredictionLow  string  `opt:"prediction_low" doc:"lower bound of its prediction interval: where a further program is to be expected"`
	PredictionHigh string  `opt:"prediction_high" doc:"upper bound of its prediction interval"`
	Margin         float64 `opt:"margin" doc:"by how much the program may be worse and still be called not inferior; 0: no such test"`
	Source         string  `opt:"source" doc:"where the benchmark comes from, for the record"`
}

// BenchmarkAnalysis is quality/benchmark: a program against a published number.
var BenchmarkAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/benchmark",
	Title:    "Against a benchmark",
	Estimand: "the difference of the program's share, or mean, and a published one, with the uncertainty of both",
	Doc: `Terms: value (share with a Wilson interval, or mean with Student's), benchmark, difference (program less benchmark, MOVER interval from both), noninferiority where a margin is given (1: the interval's bound lies within the margin; 0: not shown), prediction (1: inside the prediction interval of the benchmark; 0: outside).
A benchmark without standard error or bounds is taken as known without error, which a warning says: the interval is then too narrow. With a prediction interval (of meta-analysis) the question is whether the program is one more of those pooled.
set takes the rule of a register for responders in the outcome's instrument (eppoc, immpact; with a better severity band where the register asks for it); target percentages are not public, so value comes from elsewhere; without it the share by the rule is given alone. What a set has only at second hand is marked as unverified.
Noninferiority is by the bound of the two-sided interval at the level asked: level 0.95 tests one-sided at 0.025. The direction that is better comes from the measure.
No adjustment: patients of a benchmark are other patients. compare/published names how they differ.`,
	Refs: []string{"Zou and Donner 2008, 10.1002/sim.3095", "Wilson 1927, 10.1080/01621459.1927.10502953"},
}, BenchmarkSettings{MeasureSettings: measureDefaults, BoundsLevel: 0.95}, runBenchmark)

func (o BenchmarkSettings) benchmark() (b Benchmark, prediction [2]float64, err error) {
	read := func(text string) float64 {
		if text == "" {
			return math.NaN()
		}
		v, e := strconv.ParseFloat(text, 64)
		if e != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			err = fmt.Errorf("%w: expected numbers for value and bounds", analysis.ErrOptions)
		}
		return v
	}
	b = Benchmark{Value: read(o.Value), SE: math.NaN(), Low: read(o.Low), High: read(o.High), Level: o.BoundsLevel}
	prediction = [2]float64{read(o.PredictionLow), read(o.PredictionHigh)}
	if o.SE > 0 {
		b.SE = o.SE
	}
	switch {
	case err != nil:
	case math.IsNaN(b.Value) && o.Set == "":
		err = fmt.Errorf("%w: expected a benchmark: --set value=NUMBER; targets of registers are not public", analysis.ErrOptions)
	case o.SE < 0 || o.Margin < 0 || !(o.BoundsLevel > 0 && o.BoundsLevel < 1):
		err = fmt.Errorf("%w: expected no negative se or margin, and a bounds_level between 0 and 1", analysis.ErrOptions)
	case math.IsNaN(b.Low) != math.IsNaN(b.High) || b.Low > b.Value || b.High < b.Value || math.IsNaN(prediction[0]) != math.IsNaN(prediction[1]) || prediction[0] > prediction[1]:
		err = fmt.Errorf("%w: expected both bounds of an interval, with the benchmark between low and high", analysis.ErrOptions)
	}
	return b, prediction, err
}

// measured reads what is held against the benchmark: by the rule of a set where one is
// named.
func (o BenchmarkSettings) measured(in analysis.Input, q analysis.Question) (charted, error) {
	if o.Set == "" {
		return o.read(in, q)
	}
	set, ok := published.FindSet(o.Set)
	if !ok {
		return charted{}, fmt.Errorf("%w: there is no set of benchmarks %q; there are: %s", analysis.ErrOptions, o.Set, strings.Join(published.SetNames(), ", "))
	}
	if o.Measure != MeasureResponders {
		return charted{}, fmt.Errorf("%w: a set has rules for responders alone", analysis.ErrOptions)
	}
	f, err := in.Cohort.Outcome(q.Outcome)
	if err != nil {
		return charted{}, err
	}
	t, ok := set.Threshold(f.Instrument)
	if !ok {
		return charted{}, fmt.Errorf("%w: the set %s has no rule for the instrument of this outcome; set=%s", analysis.ErrCannot, set.Name, strings.Join(published.SetNames(), ", set="))
	}
	o.Rule, o.Threshold = fit.RulePoints, t.Value
	if t.Kind == published.PercentThreshold {
		o.Rule = fit.RulePercent
	}
	what, err := o.read(in, q)
	if err != nil {
		return what, err
	}
	if t.Bands != "" {
		if err := banded(in, q, t, &what); err != nil {
			return what, err
		}
	}
	what.words += fmt.Sprintf("; rule of %s (%s)", set.Title, t.Source)
	if t.Status != published.Sourced {
		what.words += ", unverified"
		what.warnings = append(what.warnings, analysis.Warning{Code: analysis.WarnUnverified, Message: fmt.Sprintf("the rule of %s for this instrument is unverified: it was not read in its source", set.Title)})
	}
	return what, nil
}

// banded counts a responder as such only who has reached a better severity band too.
func banded(in analysis.Input, q analysis.Question, t published.Threshold, what *charted) error {
	p, err := in.Pair(q)
	if err != nil {
		return err
	}
	i, _ := instrument.Find(t.Instrument)
	at := slices.IndexFunc(i.Bands, func(b instrument.BandSet) bool { return b.Name == t.Bands })
	if at < 0 {
		return fmt.Errorf("%w: the instrument %s has no bands %s", analysis.ErrCannot, i.Name, t.Bands)
	}
	levels := i.Bands[at].Levels
	band := func(v float64) int {
		k := -1
		for j, l := range levels {
			if v >= l.From {
				k = j
			}
		}
		return k
	}
	for patient, v := range what.values {
		before, after := band(p.Before[patient]), band(p.After[patient])
		if v == 1 && (p.Lower && after >= before || !p.Lower && after <= before) {
			what.values[patient] = 0
		}
	}
	what.words += ", and in a better severity band"
	return nil
}

func runBenchmark(_ context.Context, in analysis.Input, q analysis.Question, o BenchmarkSettings) (analysis.Result, error) {
	b, prediction, err := o.benchmark()
	if err != nil {
		return analysis.Result{}, err
	}
	what, err := o.measured(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	if what.counts && (b.Value < 0 || b.Value > 1) {
		return analysis.Result{}, fmt.Errorf("%w: expected a benchmark between 0 and 1 for a share", analysis.ErrOptions)
	}
	warnings := what.warnings
	if math.IsNaN(b.Value) {
		r := analysis.Result{Excluded: what.excluded, Warnings: warnings}
		w := benchmarkWriter{o, what, named(in.Cohort, q), b, prediction}
		r.Estimates = append(r.Estimates, w.own())
		return r, nil
	}
	if math.IsNaN(b.SE) && math.IsNaN(b.Low) {
		warnings = append(warnings, analysis.Warning{Code: analysis.WarnAssumption, Message: "nothing is known of the benchmark's own uncertainty, so it is taken as without error and the interval is too narrow", Cure: "give its se, or low and high"})
	}
	r := analysis.Result{Excluded: what.excluded, Warnings: warnings}
	w := benchmarkWriter{o, what, named(in.Cohort, q), b, prediction}
	w.write(&r)
	return r, nil
}

type benchmarkWriter struct {
	o          BenchmarkSettings
	what       charted
	q          analysis.Question
	b          Benchmark
	prediction [2]float64
}

// own is the program's value.
func (w benchmarkWriter) own() analysis.Estimate {
	scale := analysis.ScaleMean
	if w.o.Measure == MeasureChange {
		scale = analysis.ScaleDifference
	}
	e := start("value", scale, w.q)
	have := having(w.what.values)
	e.N.Arm, e.Unit, e.Definition = len(have), w.what.unit, w.what.words
	d := fit.Describe(have)
	if d.N > 0 {
		e.Value = analysis.Num(d.Mean)
	}
	if w.what.counts {
		e.Scale = analysis.ScaleProportion
		e.N.Events = int(math.Round(d.Mean * float64(d.N)))
		if d.N == 0 {
			e.N.Events = 0
		}
		e.CI = analysis.Wilson(e.N.Events, d.N, w.q.Level)
		e.Method = analysis.Method{Name: "share, Wilson", R: "prop.test(x, n, correct = FALSE)"}
		return nobody(e)
	}
	if e.Method = (analysis.Method{Name: w.what.words + ", Student's t", R: "t.test(x)"}); d.N > 1 {
		se := d.SD / math.Sqrt(float64(d.N))
		e.SE, e.DF, e.CI = analysis.Num(se), analysis.Num(d.N-1), analysis.TInterval(d.Mean, se, float64(d.N-1), w.q.Level)
	}
	return nobody(e)
}

func (w benchmarkWriter) write(r *analysis.Result) {
	own := w.own()
	bench := start("benchmark", own.Scale, w.q)
	bench.Value, bench.Unit, bench.Definition = analysis.Num(w.b.Value), own.Unit, w.what.words
	if low, high := w.b.interval(w.q.Level); high > low {
		bench.CI = analysis.NewInterval("as given", low, high, w.q.Level)
		if own.Scale == analysis.ScaleProportion {
			bench.CI.Low, bench.CI.High = max(0, bench.CI.Low), min(1, bench.CI.High)
		}
	}
	bench.Method = analysis.Method{Name: "as given", Ref: w.o.Source}
	d := start("difference", analysis.ScaleDifference, w.q)
	if w.what.counts {
		d.Scale = analysis.ScaleRiskDiff
	}
	d.N, d.Unit, d.Definition = own.N, own.Unit, w.what.words
	d.Method = analysis.Method{Name: "program less benchmark, interval by square and add (MOVER)", Ref: "Zou and Donner 2008, 10.1002/sim.3095"}
	if own.Value.OK() {
		v, ci := Against(float64(own.Value), own.CI, w.b)
		d.Value, d.CI = analysis.Num(v), ci
	}
	r.Estimates = append(r.Estimates, own, bench, nobody(d))
	if w.o.Margin > 0 {
		r.Estimates = append(r.Estimates, w.noninferior(d))
	}
	if !math.IsNaN(w.prediction[0]) {
		r.Estimates = append(r.Estimates, w.predicted(own))
	}
}

func yes(b bool) analysis.Num {
	if b {
		return 1
	}
	return 0
}

// noninferior says whether the program is shown not to be worse by the margin.
func (w benchmarkWriter) noninferior(d analysis.Estimate) analysis.Estimate {
	e := start("noninferiority", analysis.ScaleCount, w.q)
	e.N, e.Definition = d.N, d.Definition
	e.Method = analysis.Method{Name: fmt.Sprintf("1 where the interval of the difference at level %g shows the program worse by less than %g, 0 where it does not", w.q.Level, w.o.Margin)}
	switch {
	case !d.CI.Low.OK():
		return e.Warn(analysis.WarnTooFew, "the difference has no interval", "ask for more patients")
	case w.what.better == BetterUnknown:
		return e.Warn(analysis.WarnNoDirection, "which way is better is not known", "set direction=lower or direction=higher")
	case w.what.better == BetterHigher:
		e.Value = yes(float64(d.CI.Low) > -w.o.Margin)
	default:
		e.Value = yes(float64(d.CI.High) < w.o.Margin)
	}
	return e
}

func (w benchmarkWriter) predicted(own analysis.Estimate) analysis.Estimate {
	e := start("prediction", analysis.ScaleCount, w.q)
	e.N, e.Definition = own.N, own.Definition
	e.Method = analysis.Method{Name: fmt.Sprintf("1 where the program lies within the prediction interval %g to %g, 0 where it does not; its own uncertainty apart", w.prediction[0], w.prediction[1])}
	if own.Value.OK() {
		e.Value = yes(float64(own.Value) >= w.prediction[0] && float64(own.Value) <= w.prediction[1])
	}
	return nobody(e)
}
