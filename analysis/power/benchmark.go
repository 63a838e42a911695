package power

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"recoup/analysis"
)

// AgainstBenchmark returns the power to show that a program is not inferior to a
// benchmark that has a standard error of its own, with n patients whose values have
// that standard deviation:
//
//	Φ((expected - benchmark + margin)/√(sd²/n + se²) - z_(1-α)),  more is better
//
// It does not go to one with n where se is above zero: the benchmark stays uncertain
// however many patients the program has.
func AgainstBenchmark(gain, sd, se, n, alpha float64) float64 {
	return normalCDF(gain/math.Sqrt(sd*sd/n+se*se) - upper(alpha, 1))
}

// BenchmarkOptions are the settings of power/benchmark.
type BenchmarkOptions struct {
	Measure   string  `opt:"measure" doc:"a share, or a mean" choices:"share|mean"`
	Expected  float64 `opt:"expected" doc:"share or mean that the program is expected to have"`
	SD        float64 `opt:"sd" doc:"of a patient's value, for a mean"`
	Benchmark float64 `opt:"benchmark" doc:"share or mean of the benchmark, such as one pooled over studies of surgery"`
	SE        float64 `opt:"se" doc:"its standard error; 0 where low and high are given, or it is taken as known"`
	Low       string  `opt:"low" doc:"lower bound of its interval, from which its standard error is worked out"`
	High      string  `opt:"high" doc:"upper bound of its interval"`
	Bounds    string  `opt:"bounds" doc:"what low and high are: of the pooled mean, or of a prediction, where a further study is to be expected" choices:"confidence|prediction"`
	Level     float64 `opt:"bounds_level" doc:"level of low and high"`
	Better    string  `opt:"better" doc:"which way is better" choices:"higher|lower"`
	Margin    float64 `opt:"margin" doc:"by how much the program may be worse; 0 asks for superiority"`
	Design    float64 `opt:"design_effect" doc:"factor on the variance of the program's patients, for clusters; 1 for none"`
	Power     float64 `opt:"power" doc:"wanted"`
	Alpha     float64 `opt:"alpha" doc:"of the one-sided test"`
	Patients  float64 `opt:"patients" doc:"where the power of so many is asked; 0 to find how many reach the power wanted"`
	Dropout   float64 `opt:"dropout" doc:"share of patients who will not be seen"`
}

// BenchmarkTest is power/benchmark: patients to show noninferiority to a benchmark.
var BenchmarkTest = analysis.New(analysis.Analysis{
	Name:     "power/benchmark",
	Title:    "Patients needed against a benchmark",
	Estimand: "the number of patients of one program with which it is shown not to be inferior to a published benchmark, the benchmark's own uncertainty counted",
	Doc: `Terms: n_exact, n (rounded up), n_recruited (with dropout), power (of the rounded number), power_limit (what no number of patients can pass, for the benchmark stays uncertain).
Power = Phi((expected - benchmark + margin)/sqrt(sd²/n + se²) - z(1-alpha)), the sign turned where lower is better; sd² = expected (1 - expected) for a share. Normal approximation: under about 10 events, or others, expected plan by simulation.
se is that of the benchmark: from meta-analysis as it is, or from its bounds, (high - low)/(2 z). bounds=prediction takes the prediction interval instead: then the program is held against where a further study would lie, which is wider, and far fewer questions can be answered.
Where the power wanted lies over power_limit no number of patients reaches it: the numbers are null and say so.
A benchmark is of other patients, and nothing here adjusts for that. Nothing is read from the cohort.
R: pnorm((gain)/sqrt(sd^2/n + se^2) - qnorm(1 - alpha)).`,
	Refs: []string{"Blackwelder 1982, 10.1016/0197-2456(82)90024-1", "Julious 2004, 10.1002/sim.1783"},
}, BenchmarkOptions{Measure: "share", Expected: 0.5, SD: 2, Benchmark: 0.5, Bounds: "confidence", Level: 0.95, Better: "higher", Margin: 0.1, Design: 1, Power: 0.8, Alpha: 0.025}, benchmarkTest)

// uncertainty returns the standard error of the benchmark.
func (o BenchmarkOptions) uncertainty() (float64, error) {
	if o.Low == "" && o.High == "" {
		return o.SE, nil
	}
	low, err := strconv.ParseFloat(o.Low, 64)
	high, wrong := strconv.ParseFloat(o.High, 64)
	if err != nil || wrong != nil || !(low <= o.Benchmark && o.Benchmark <= high) || o.SE > 0 {
		return 0, fmt.Errorf("%w: expected both low and high as numbers with the benchmark between them, or se alone", analysis.ErrOptions)
	}
	return (high - low) / (2 * analysis.NormalQuantile(o.Level)), nil
}

// gain is by how much the program is expected to beat the benchmark less the margin.
func (o BenchmarkOptions) gain() float64 {
	if o.Better == "lower" {
		return o.Benchmark - o.Expected + o.Margin
	}
	return o.Expected - o.Benchmark + o.Margin
}

func (o BenchmarkOptions) check(se float64) error {
	share := func(p float64) bool { return p > 0 && p < 1 }
	switch {
	case o.Measure == "share" && !(share(o.Expected) && share(o.Benchmark)):
		return fmt.Errorf("%w: expected shares between 0 and 1", analysis.ErrOptions)
	case o.Measure == "mean" && !(o.SD > 0):
		return fmt.Errorf("%w: expected sd above zero", analysis.ErrOptions)
	case !(se >= 0) || o.Margin < 0 || !(o.Design >= 1) || !(o.Level > 0 && o.Level < 1):
		return fmt.Errorf("%w: expected no negative se or margin, a design_effect of at least 1, and a bounds_level between 0 and 1", analysis.ErrOptions)
	case !(o.gain() > 0):
		return fmt.Errorf("%w: the program is expected to be worse by the margin or more, so no number of patients shows otherwise", analysis.ErrOptions)
	}
	return nil
}

func benchmarkTest(_ context.Context, _ analysis.Input, _ analysis.Question, o BenchmarkOptions) (analysis.Result, error) {
	if err := common(o.Alpha, o.Power, 1, o.Patients, o.Dropout, 1); err != nil {
		return analysis.Result{}, err
	}
	se, err := o.uncertainty()
	if err != nil {
		return analysis.Result{}, err
	}
	if err := o.check(se); err != nil {
		return analysis.Result{}, err
	}
	sd := o.SD
	if o.Measure == "share" {
		sd = math.Sqrt(o.Expected * (1 - o.Expected))
	}
	sd *= math.Sqrt(o.Design)
	reached := func(n, _ float64) float64 { return AgainstBenchmark(o.gain(), sd, se, n, o.Alpha) }
	most := 1.0
	if se > 0 {
		most = normalCDF(o.gain()/se - upper(o.Alpha, 1))
	}
	n := math.NaN()
	if o.Patients > 0 || most > o.Power {
		n = needed(o.Patients, func(n float64) float64 { return reached(n, 0) }, o.Power, 1)
	}
	how := fmt.Sprintf("normal approximation, expected %g against %g with standard error %.4g (%s), margin %g, one-sided alpha %g", o.Expected, o.Benchmark, se, o.source(), o.Margin, o.Alpha)
	es := estimates(n, 0, o.Dropout, reached, how, "pnorm(gain/sqrt(sd^2/n + se^2) - qnorm(1 - alpha))", "Blackwelder 1982, 10.1016/0197-2456(82)90024-1")
	es[0].Term, es[1].Term = "n_exact", "n"
	limit := analysis.NewEstimate("power_limit", analysis.ScaleProportion)
	limit.Value, limit.Method = analysis.Num(most), es[0].Method
	r := analysis.Result{Estimates: append(es, limit)}
	r.Warnings = o.warnings(n, most)
	return r, nil
}

func (o BenchmarkOptions) source() string {
	switch {
	case o.Low != "" && o.Bounds == "prediction":
		return "of its prediction interval"
	case o.Low != "":
		return "of its interval"
	case o.SE > 0:
		return "as given"
	}
	return "taken as known"
}

func (o BenchmarkOptions) warnings(n, most float64) []analysis.Warning {
	var out []analysis.Warning
	if !(most > o.Power) {
		out = append(out, analysis.Warning{Code: analysis.WarnAssumption, Message: fmt.Sprintf("the benchmark is so uncertain that no number of patients has a power over %.3f", most), Cure: "expect a larger difference, allow a wider margin, or pool more studies"})
	}
	if o.Measure == "share" && n*math.Min(o.Expected, 1-o.Expected) < 10 {
		out = append(out, analysis.Warning{Code: analysis.WarnSmallCount, Message: "under 10 events, or others, are expected: the normal approximation is rough", Cure: "plan by simulation"})
	}
	if o.SE == 0 && o.Low == "" {
		out = append(out, analysis.Warning{Code: analysis.WarnAssumption, Message: "the benchmark is taken as known without error, so these are too few patients", Cure: "give its se, or low and high"})
	}
	return out
}
