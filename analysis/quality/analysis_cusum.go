package quality

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
)

// CaseSettings are what CUSUM and VLAD share: which events, in order, at what risk.
type CaseSettings struct {
	EventOptions
	Counted string `opt:"counted" doc:"the event that is watched: those to whom it happened, or the others, so that it is a failure" choices:"those|others"`
	Steps   string `opt:"steps" doc:"of the sums: case by case in order of date, or quarter by quarter; auto: case by case where there are dates" choices:"auto|case|quarter"`
	RiskSettings
}

var caseDefaults = CaseSettings{DefaultEvents, "others", "auto", riskDefaults}

// watched are cases in order of date, or where days are not known by quarter.
type watched struct {
	*risks
	what   charted
	period []string // quarter of each case
	batch  bool     // the order within a quarter is not known: it is one step
}

// inTime reads the cases of a chart in order.
func inTime(ctx context.Context, in analysis.Input, q analysis.Question, o CaseSettings) (*watched, error) {
	what, err := chartedOf(in, q, ChartSettings{Measure: o.Measure, Counted: o.Counted, Rule: o.Rule, Threshold: o.Threshold, Direction: o.Direction, Denominator: o.Denominator})
	if err != nil {
		return nil, err
	}
	w := &watched{what: what}
	place, quarters, label, err := w.places(in, o)
	if err != nil {
		return nil, err
	}
	r, err := riskOf(ctx, in, q, what, o.RiskSettings)
	if err != nil {
		return nil, err
	}
	values := keep(what.values, r.patients)
	order, gone := inOrder(in.Cohort, values, place)
	if len(order) == 0 {
		return nil, fmt.Errorf("%w: no patient with the outcome, a risk and a date is left to watch", analysis.ErrCannot)
	}
	expected := make([]float64, len(values))
	for i, p := range r.patients {
		expected[p] = r.expected[i]
	}
	kept := *r
	kept.patients, kept.y, kept.expected = order, nil, nil
	same := 0
	for k, p := range order {
		kept.y, kept.expected = append(kept.y, values[p]), append(kept.expected, expected[p])
		w.period = append(w.period, label(quarters[p]))
		if k > 0 && place[p] == place[order[k-1]] {
			same++
		}
	}
	kept.excluded = append(kept.excluded, gone...)
	w.risks = &kept
	w.warn(o, same)
	return w, nil
}

// places returns where patients stand in time, and their quarters.
func (w *watched) places(in analysis.Input, o CaseSettings) (place []float64, quarters []int, label func(int) string, err error) {
	quarters, label, err = periodNumbers(in.Cohort, ByQuarter)
	if err != nil {
		return nil, nil, nil, err
	}
	days, err := daysOf(in.Cohort)
	if w.batch = err != nil || o.Steps == ByQuarter; !w.batch {
		return days, quarters, label, nil
	}
	if o.Steps == "case" {
		return nil, nil, nil, err
	}
	place = make([]float64, len(quarters))
	for p, k := range quarters {
		if place[p] = float64(k); k < 0 {
			place[p] = math.NaN()
		}
	}
	return place, quarters, label, nil
}

func (w *watched) warn(o CaseSettings, same int) {
	add := func(message, cure string) {
		w.warnings = append(w.warnings, analysis.Warning{Code: analysis.WarnAssumption, Message: message, Cure: cure})
	}
	if o.Until == "" {
		add("risks are learned in the very time that is watched, so a change is partly taken for the risk of its patients", "learn them of earlier patients: until=QUARTER")
	}
	switch {
	case w.batch:
		add("each quarter is one step: the order of patients within it is not known, and a change shows at the end of its quarter", "record dates of discharge, for steps=case")
	case same > 0:
		add(fmt.Sprintf("%d cases share a day with the one before: within a day the order is that of identifiers, which is none in time", same), "")
	}
}

// number returns an estimate of the whole display.
func (w *watched) number(q analysis.Question, term string, scale analysis.Scale, v float64, how, ref string) analysis.Estimate {
	e := start(term, scale, q)
	e.Value, e.Definition, e.Method = analysis.Num(v), w.what.words, analysis.Method{Name: how + "; " + w.words, Ref: ref}
	e.N.Arm = len(w.y)
	for _, y := range w.y {
		e.N.Events += int(y)
	}
	if !e.Value.OK() {
		e = e.Warn(analysis.WarnTooFew, "no case has a risk between 0 and 1, or no limit has that run length", "ask for more patients")
	}
	return e
}

const (
	refSteiner   = "Steiner, Cook, Farewell and Treasure 2000, 10.1093/biostatistics/1.4.441"
	refLovegrove = "Lovegrove and others 1997, Lancet 350:1128"
)

// CUSUMSettings are the settings of quality/cusum.
type CUSUMSettings struct {
	CaseSettings
	Ratio  float64 `opt:"ratio" doc:"odds ratio of the event that is looked for; its inverse is looked for too"`
	ARL    float64 `opt:"arl" doc:"cases, on the average, until a false signal: the limits are set by it"`
	Limit  float64 `opt:"limit" doc:"of the sums, where it is given; 0: by arl"`
	Method string  `opt:"method" doc:"how run lengths are worked out" choices:"markov-chain|simulation"`
	Runs   int     `opt:"runs" doc:"of the simulation"`
	Reset  bool    `opt:"reset" doc:"start anew after a signal"`
}

// CUSUMAnalysis is quality/cusum: risk-adjusted sums of log-likelihood ratios.
var CUSUMAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/cusum",
	Title:    "Risk-adjusted CUSUM",
	Estimand: "whether, case after case, the odds of the event have risen, or fallen, by that ratio against what was expected of the patients",
	Doc: `Terms: signals_rise and signals_fall, limit_rise and limit_fall, arl_rise and arl_fall (cases on the average until a signal where nothing has changed), delay_rise and delay_fall (the same where odds have changed by the ratio), sum_rise and sum_fall at the last case. The table cusum has the sums by quarter (the last, and the furthest); the series cusum-rise and cusum-fall go case by case and stay with who may see single patients.
W = y log R - log(1 - p + R p), S = max(0, S + W), a signal at the limit; the fall is R inverted, drawn downwards. counted=others (default) watches failures: a rise is a concern.
Limits by run length: a Markov chain of 300 states on the case mix of the risks, or simulation (method=simulation; its Monte Carlo error is the standard error). reset=true starts anew after a signal.
p comes from a model that has not seen the patient; until=QUARTER learns it of earlier patients, which is the sound way. In order of date of discharge, else of admission. Where the cohort has quarters alone each quarter is one step, S = max(0, S + sum of its W): it never signals before the sum of single cases would, so the run length is at least that stated.
R: cusum::racusum, vlad::racusum_arl_mc.`,
	Refs: []string{refSteiner, "Brook and Evans 1972, 10.1093/biomet/59.3.539"},
}, CUSUMSettings{CaseSettings: caseDefaults, Ratio: 2, ARL: 1000, Method: "markov-chain", Runs: 1000, Reset: true}, runCUSUM)

func (o CUSUMSettings) check() error {
	if !(o.Ratio > 1) || !(o.ARL > 1) || o.Limit < 0 || o.Runs < 2 {
		return fmt.Errorf("%w: expected a ratio over 1, an arl over 1, no negative limit and 2 runs or more", analysis.ErrOptions)
	}
	return nil
}

func runCUSUM(ctx context.Context, in analysis.Input, q analysis.Question, o CUSUMSettings) (analysis.Result, error) {
	if err := o.check(); err != nil {
		return analysis.Result{}, err
	}
	w, err := inTime(ctx, in, q, o.CaseSettings)
	if err != nil {
		return analysis.Result{}, err
	}
	r := analysis.Result{Excluded: append(w.what.excluded, w.excluded...), Warnings: append(w.what.warnings, w.warnings...)}
	q = named(in.Cohort, q)
	t := analysis.Table{Name: "cusum", Title: "Sums by quarter", Columns: []string{"direction", "quarter", "n", "observed", "expected", "sum", "furthest", "limit", "signals", "meaning"}, Notes: []string{w.what.words, w.words}}
	for _, side := range []struct {
		name  string
		ratio float64
	}{{"rise", o.Ratio}, {"fall", 1 / o.Ratio}} {
		if err := o.side(ctx, w, &r, &t, q, side.name, side.ratio); err != nil {
			return analysis.Result{}, err
		}
	}
	r.Tables = append(r.Tables, t)
	return r, nil
}

// side watches one direction.
func (o CUSUMSettings) side(ctx context.Context, w *watched, r *analysis.Result, t *analysis.Table, q analysis.Question, name string, ratio float64) error {
	limit := o.Limit
	if limit == 0 {
		var err error
		if limit, err = LimitFor(w.expected, ratio, o.ARL); err != nil {
			r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnTooFew, Message: "no limit of the sums for a " + name + " has that run length", Cure: "give a limit, or more patients"})
			limit = math.NaN()
		}
	}
	drawn := limit
	if math.IsNaN(limit) {
		drawn = math.Inf(1)
	}
	c, err := summed(w.weights(ratio), ratio, drawn, o.Reset)
	if err != nil {
		return err
	}
	signals := float64(len(c.Signals))
	if math.IsNaN(limit) {
		signals = math.NaN()
	}
	how := fmt.Sprintf("risk-adjusted CUSUM, odds ratio %.4g, limit %.4g", ratio, limit)
	add := func(term string, scale analysis.Scale, v float64) *analysis.Estimate {
		r.Estimates = append(r.Estimates, w.number(q, term+"_"+name, scale, v, how, refSteiner))
		return &r.Estimates[len(r.Estimates)-1]
	}
	add("signals", analysis.ScaleCount, signals)
	add("limit", analysis.ScaleMean, limit)
	if err := o.runLength(ctx, w, add, "arl", ratio, limit, 1); err != nil {
		return err
	}
	if err := o.runLength(ctx, w, add, "delay", ratio, limit, ratio); err != nil {
		return err
	}
	add("sum", analysis.ScaleMean, c.Sum[len(c.Sum)-1])
	w.sums(t, r, c, name, limit)
	return nil
}

func (o CUSUMSettings) runLength(ctx context.Context, w *watched, add func(string, analysis.Scale, float64) *analysis.Estimate, term string, ratio, limit, truth float64) error {
	l := RunLength{Cases: math.NaN()}
	if !math.IsNaN(limit) {
		l = AverageRunLength(w.expected, ratio, limit, truth)
		if o.Method == "simulation" {
			var err error
			if l, err = SimulatedRunLength(ctx, w.expected, ratio, limit, truth, o.Runs, 100_000, 1); err != nil {
				return err
			}
		}
	}
	e := add(term, analysis.ScaleCount, l.Cases)
	e.Unit = "cases"
	if l.SE > 0 {
		e.SE = analysis.Num(l.SE)
	}
	if l.Method != "" {
		e.Method.Name += "; run length by " + l.Method
	}
	return nil
}

// weights returns the log-likelihood ratios of the steps: of cases, or of quarters.
func (w *watched) weights(ratio float64) []float64 {
	var out []float64
	for i, y := range w.y {
		v := Weight(y, w.expected[i], ratio)
		if w.batch && i > 0 && w.period[i] == w.period[i-1] {
			out[len(out)-1] += v
			continue
		}
		out = append(out, v)
	}
	return out
}

// sums adds the sums by quarter, and step by step.
func (w *watched) sums(t *analysis.Table, r *analysis.Result, c RiskCUSUM, name string, limit float64) {
	signal := map[int]bool{}
	for _, i := range c.Signals {
		signal[i] = true
	}
	better := map[string]bool{"rise": w.what.better == BetterHigher, "fall": w.what.better == BetterLower}[name]
	meaning := map[bool]Meaning{true: Improvement, false: Concern}[better]
	s := analysis.Series{Name: "cusum-" + name, Group: analysis.All, XUnit: "case", YUnit: "sum of log-likelihood ratios", Local: !w.batch}
	if w.batch {
		s.XUnit = "quarter"
	}
	quarter := 0
	w.byQuarter(func(period string, from, to int, observed, expected float64) {
		first, end := from, to // of the steps
		if w.batch {
			first, end = quarter, quarter+1
		}
		quarter++
		furthest, signals, said := 0.0, 0, ""
		for i := first; i < end; i++ {
			if math.Abs(c.Sum[i]) > math.Abs(furthest) {
				furthest = c.Sum[i]
			}
			p := analysis.Point{X: analysis.Num(i + 1), Y: analysis.Num(c.Sum[i]), Low: analysis.None, High: analysis.None, N: (to - from) / (end - first)}
			if signal[i] {
				signals, said = signals+1, string(meaning)
				p.Events = 1
			}
			s.Points = append(s.Points, p)
		}
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(name), analysis.Text(period), analysis.Number(float64(to - from)), analysis.Number(observed), analysis.Number(expected), analysis.Number(c.Sum[end-1]), analysis.Number(furthest), analysis.Number(limit), analysis.Number(float64(signals)), analysis.Text(said)})
	})
	r.Series = append(r.Series, s)
}

// byQuarter goes through the cases quarter by quarter.
func (w *watched) byQuarter(do func(period string, from, to int, observed, expected float64)) {
	from := 0
	for from < len(w.y) {
		to, observed, expected := from, 0.0, 0.0
		for ; to < len(w.y) && w.period[to] == w.period[from]; to++ {
			observed, expected = observed+w.y[to], expected+w.expected[to]
		}
		do(w.period[from], from, to, observed, expected)
		from = to
	}
}

// VLADAnalysis is quality/vlad: events fewer than expected, case after case.
var VLADAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/vlad",
	Title:    "Variable life-adjusted display",
	Estimand: "how many events fewer, or more, than expected of the patients there have been up to each case",
	Doc: `Terms: net (expected less observed events of all cases; of events that are good observed less expected, so that up is better), observed, expected. The table vlad has them by quarter, with a band in which the sum lies by chance with 95 % at that quarter; the series vlad goes case by case and stays with who may see single patients.
V = sum(p - y), variance sum p(1-p). The band holds at one time chosen beforehand. A sum of chance leaves it sooner or later, so it signals nothing: quality/cusum does, with limits by run length.
counted=others (default) watches failures. Risks and order as in quality/cusum.
R: cumsum(p - y).`,
	Refs: []string{refLovegrove, "Noyez 2009, 10.1510/icvts.2009.204768"},
}, caseDefaults, runVLAD)

func runVLAD(ctx context.Context, in analysis.Input, q analysis.Question, o CaseSettings) (analysis.Result, error) {
	w, err := inTime(ctx, in, q, o)
	if err != nil {
		return analysis.Result{}, err
	}
	q = named(in.Cohort, q)
	d := VLAD(w.y, w.expected)
	sign := 1.0
	if w.what.better == BetterHigher {
		sign = -1
	}
	last := len(w.y) - 1
	how := "expected less observed events, up is better; band ± 1.96 √Σp(1-p)"
	net := w.number(q, "net", analysis.ScaleDifference, sign*d.Sum[last], how, refLovegrove)
	net.SE = analysis.Num(math.Sqrt(d.Variance[last]))
	net.CI = analysis.NormalInterval(sign*d.Sum[last], float64(net.SE), q.Level)
	net.Unit = "events"
	observed, expected := 0.0, 0.0
	for i, y := range w.y {
		observed, expected = observed+y, expected+w.expected[i]
	}
	r := analysis.Result{Excluded: append(w.what.excluded, w.excluded...), Warnings: append(w.what.warnings, w.warnings...)}
	r.Estimates = []analysis.Estimate{net, w.number(q, "observed", analysis.ScaleCount, observed, how, refLovegrove), w.number(q, "expected", analysis.ScaleCount, expected, how, refLovegrove)}
	t := analysis.Table{Name: "vlad", Title: "Net gain by quarter", Columns: []string{"quarter", "n", "observed", "expected", "net", "low", "high"}, Notes: []string{w.what.words, w.words, how}}
	w.byQuarter(func(period string, from, to int, observed, expected float64) {
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(period), analysis.Number(float64(to - from)), analysis.Number(observed), analysis.Number(expected), analysis.Number(sign * d.Sum[to-1]), analysis.Number(d.Low[to-1]), analysis.Number(d.High[to-1])})
	})
	s := analysis.Series{Name: "vlad", Group: analysis.All, XUnit: "case", YUnit: "net gain in events", Local: !w.batch}
	n := 0
	for i, v := range d.Sum {
		if n++; w.batch && i < last && w.period[i] == w.period[i+1] {
			continue // the order within a quarter says nothing
		}
		s.Points = append(s.Points, analysis.Point{X: analysis.Num(i + 1), Y: analysis.Num(sign * v), Low: analysis.Num(d.Low[i]), High: analysis.Num(d.High[i]), N: n})
		n = 0
	}
	r.Tables, r.Series = append(r.Tables, t), append(r.Series, s)
	return r, nil
}
