package compare

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"recoup/analysis"
	"recoup/datasets/published"
)

// BucherOptions are the settings of compare/bucher. Numbers are lists, of which one is
// expected, so that none given is told from 0.
type BucherOptions struct {
	Scale string `opt:"scale" doc:"of the two contrasts: difference; or ratio (hazard, risk or odds ratio), worked on the log scale" choices:"difference|ratio"`

	First     string    `opt:"first" doc:"a published entry with the contrast of the first treatment and the shared one: ID or ID/ARM; empty: as given"`
	FirstVal  []float64 `opt:"first_value" doc:"the first contrast: first treatment minus (or over) the shared one"`
	FirstSE   []float64 `opt:"first_se" doc:"its standard error; of a ratio, that of its logarithm"`
	FirstLow  []float64 `opt:"first_low" doc:"or its interval"`
	FirstHigh []float64 `opt:"first_high" doc:"and its upper bound"`

	Second     string    `opt:"second" doc:"likewise of the second treatment and the shared one"`
	SecondVal  []float64 `opt:"second_value" doc:"the second contrast"`
	SecondSE   []float64 `opt:"second_se" doc:"its standard error"`
	SecondLow  []float64 `opt:"second_low" doc:"or its interval"`
	SecondHigh []float64 `opt:"second_high" doc:"and its upper bound"`

	Printed    float64 `opt:"printed_level" doc:"level of the intervals given"`
	Instrument string  `opt:"instrument" doc:"of entries: the instrument of the contrast, where an entry has several"`
}

// Bucher is compare/bucher: two contrasts with a shared treatment make a third.
var Bucher = analysis.New(analysis.Analysis{
	Name:     "compare/bucher",
	Title:    "Anchored indirect comparison of two published contrasts",
	Estimand: "the first treatment against the second, through the treatment that both were compared with, if neither effect would be other in the other study's patients",
	Doc: `From summary values alone; the cohort, if there is one, is not read:
  d = d₁ - d₂,  se² = se₁² + se₂²
of differences, or of the logarithms of ratios. A standard error that is not given is the width of the interval over 2z. Terms: first, second, difference or ratio.
It assumes that the shared treatment is the same treatment, and that no covariate that changes either effect is distributed otherwise in the other study: the case-mix table says, of two entries, what agrees.
Missing values and ties: there are no patients. Two contrasts of one study, or that share an arm's patients, are not independent, and the error is then wrong.
R: netmeta::netmeta(TE, seTE, treat1, treat2, studlab) of two studies.`,
	Refs: []string{refBucher},
}, BucherOptions{Scale: "difference", Printed: 0.95}, runBucher)

const refBucher = "Bucher et al. 1997, 10.1016/S0895-4356(97)00049-8"

// contrast is one of the two, on the scale it is worked on.
type contrast struct {
	label, outcome, unit string
	shared               string // the shared treatment, in the words of the vocabulary where known
	value, se            float64
	low, high            float64
	n                    int
	mix                  *published.CaseMix
	status               published.Status
	citation             string
	note                 string
}

func runBucher(_ context.Context, _ analysis.Input, q analysis.Question, o BucherOptions) (analysis.Result, error) {
	var r analysis.Result
	if o.Printed <= 0 || o.Printed >= 1 {
		return r, fmt.Errorf("%w: printed_level: expected a level between 0 and 1, such as 0.95", analysis.ErrOptions)
	}
	a, err := o.read("first", o.First, o.FirstVal, o.FirstSE, o.FirstLow, o.FirstHigh)
	if err != nil {
		return r, err
	}
	b, err := o.read("second", o.Second, o.SecondVal, o.SecondSE, o.SecondLow, o.SecondHigh)
	if err != nil {
		return r, err
	}
	if a.shared != "" && b.shared != "" && a.shared != b.shared {
		return r, fmt.Errorf("%w: the two contrasts share no treatment: the first is against %s, the second against %s", analysis.ErrOptions, a.shared, b.shared)
	}
	name := "difference"
	if o.Scale == "ratio" {
		name = "ratio"
	}
	joint := o.shown(name, contrast{label: a.label, outcome: a.outcome, unit: a.unit, value: a.value - b.value, se: math.Hypot(a.se, b.se), n: a.n}, q.Level)
	joint.Reference, joint.N.Reference = b.label, b.n
	joint.Method = analysis.Method{Name: "anchored (Bucher): first less second contrast, variances added; " + o.Scale + " scale", R: "netmeta::netmeta(TE, seTE, treat1, treat2, studlab)", Ref: refBucher}
	joint = joint.Warn(analysis.WarnAssumption, "anchored: holds if the shared treatment is the same treatment in both studies, and what changes either effect is alike in their patients", "compare the two studies' patients and what the shared treatment was")
	if a.mix != nil && b.mix != nil {
		fields := Fields(*a.mix, *b.mix)
		joint = shout(joint, fields)
		r.Tables = addRows(nil, caseMixTable(), fieldRows(a.label, b.label, fields, nil))
	}
	r.Estimates = []analysis.Estimate{o.shown("first", a, q.Level), o.shown("second", b, q.Level), joint}
	return r, nil
}

// shown writes a contrast as an estimate.
func (o BucherOptions) shown(term string, c contrast, level float64) analysis.Estimate {
	scale := analysis.ScaleDifference
	if o.Scale == "ratio" {
		scale, c.unit = analysis.ScaleRatio, ""
	}
	e := analysis.NewEstimate(term, scale)
	e.Outcome, e.Arm, e.Reference, e.Unit, e.N.Arm = c.outcome, c.label, cmp.Or(c.shared, "the shared treatment"), c.unit, c.n
	e.Method = analysis.Method{Name: "published contrast with the shared treatment; standard error as given, or from its interval", Ref: c.citation}
	e.Value, e.SE, e.CI = analysis.Num(c.value), analysis.Num(c.se), analysis.NormalInterval(c.value, c.se, level)
	if o.Scale == "ratio" {
		v := math.Exp(c.value)
		e.Value, e.SE, e.CI = analysis.Num(v), analysis.Num(v*c.se), analysis.LogInterval(v, c.se, level)
	}
	e.Statistic, e.P = analysis.Num(c.value/c.se), analysis.Num(analysis.NormalP(c.value/c.se))
	if c.status == published.Unverified {
		e = e.Warn(analysis.WarnUnverified, "unverified: the figure was not read in its source", "read "+c.citation)
	}
	if c.note != "" {
		e = e.Warn(analysis.WarnAssumption, c.note, "")
	}
	return e
}

// read takes a contrast from an entry, or as given.
func (o BucherOptions) read(which, id string, value, se, low, high []float64) (contrast, error) {
	bad := func(format string, args ...any) (contrast, error) {
		return contrast{}, fmt.Errorf("%w: %s: %w", analysis.ErrOptions, which, fmt.Errorf(format, args...))
	}
	for _, x := range [][]float64{value, se, low, high} {
		if len(x) > 1 {
			return bad("expected one number each of %[1]s_value, %[1]s_se, %[1]s_low and %[1]s_high", which)
		}
	}
	c := contrast{label: which, status: published.Sourced, citation: "as given"}
	if id != "" {
		if len(value)+len(se)+len(low)+len(high) > 0 {
			return bad("expected an entry or %s_value, not both", which)
		}
		var err error
		if c, err = o.fromEntry(id); err != nil {
			return bad("%w", err)
		}
	} else {
		if len(value) != 1 || len(se) != 1 && (len(low) != 1 || len(high) != 1) || len(se) == 1 && len(low)+len(high) > 0 {
			return bad("expected %[1]s_value with %[1]s_se, or with %[1]s_low and %[1]s_high", which)
		}
		c.value, c.se = value[0], math.NaN()
		if len(se) == 1 {
			c.se = se[0]
		} else {
			c.low, c.high = low[0], high[0]
		}
	}
	if o.Scale == "ratio" {
		if !(c.value > 0) || math.IsNaN(c.se) && !(c.low > 0) {
			return bad("expected a ratio, and its interval, above 0")
		}
		c.value, c.low, c.high = math.Log(c.value), math.Log(c.low), math.Log(c.high)
	}
	if math.IsNaN(c.se) {
		c.se = (c.high - c.low) / (2 * analysis.NormalQuantile(o.Printed))
		if !(c.low < c.value && c.value < c.high) {
			return bad("expected an interval that holds the value")
		}
	}
	if !(c.se > 0) {
		return bad("expected a standard error above 0")
	}
	return c, nil
}

// fromEntry finds the one contrast of an entry that fits.
func (o BucherOptions) fromEntry(id string) (contrast, error) {
	id, arm, _ := strings.Cut(id, "/")
	e, ok := published.Find(id)
	if !ok {
		return contrast{}, fmt.Errorf("no published entry %q; see: recoup data comparators", id)
	}
	measures := []published.Measure{published.Difference}
	if o.Scale == "ratio" {
		measures = []published.Measure{published.OddsRatio}
	}
	var found []published.Result
	for _, r := range e.Results {
		if slices.Contains(measures, r.Measure) && r.Low < r.High && (arm == "" || r.Arm == arm) && (o.Instrument == "" || r.Instrument == o.Instrument) {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		return contrast{}, fmt.Errorf("%s has %d contrasts with an interval that fit; expected one: choose by ID/ARM and instrument=", id, len(found))
	}
	r := found[0]
	mix, other := e.CaseMix(r), r
	other.Arm = r.Reference
	return contrast{
		shared: e.CaseMix(other).Procedure, label: label(e, r), outcome: r.Outcome, unit: r.Unit, value: r.Value, se: math.NaN(), low: r.Low, high: r.High, n: r.N,
		mix: &mix, status: r.Status, citation: e.Citation, note: r.Note,
	}, nil
}
