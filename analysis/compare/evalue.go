package compare

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
)

// SensitivityOptions are the settings of compare/sensitivity.
type SensitivityOptions struct {
	Scale      string    `opt:"scale" doc:"what the estimate is: risk ratio, odds ratio, hazard ratio, or standardised difference" choices:"rr|or|hr|smd"`
	Estimate   []float64 `opt:"estimate" doc:"the estimate"`
	Low        []float64 `opt:"low" doc:"its lower confidence bound"`
	High       []float64 `opt:"high" doc:"its upper confidence bound"`
	Rare       bool      `opt:"rare" doc:"or, hr: the outcome is rare (under 15 percent by the end), so that the ratio is near the risk ratio"`
	True       float64   `opt:"true" doc:"risk ratio that the confounder is to explain the estimate away to; 1: no effect"`
	InArm      []float64 `opt:"in_arm" doc:"share of the arm with the unmeasured confounder, 0 to 1"`
	InOther    []float64 `opt:"in_reference" doc:"share of the reference with it"`
	Confounder []float64 `opt:"confounder" doc:"risk ratio of the outcome by the confounder"`
}

// Sensitivity is compare/sensitivity: how strong an unmeasured confounder must be.
var Sensitivity = analysis.New(analysis.Analysis{
	Name:     "compare/sensitivity",
	Title:    "How strong an unmeasured confounder must be (E-value)",
	Estimand: "the least risk ratio by which an unmeasured confounder must go with both the arm and the outcome, beyond the covariates, to explain an estimate away",
	Doc: `Takes an estimate with its interval from the settings, not from patients.
Terms: risk_ratio (the estimate put on that scale), e_value of the estimate, e_value_bound of the bound nearer to no effect (1 where the interval holds it), and bias_adjusted where in_arm, in_reference and confounder are given.
  E = R + √(R(R - 1)), R the risk ratio over true, or its inverse where under 1
Put on the scale of risk ratios: odds ratio of a common outcome √OR; hazard ratio of a common outcome (1 - 0.5^√HR)/(1 - 0.5^√(1/HR)); standardised difference exp(0.91 d), all approximate.
Bias of one binary confounder with risk ratio γ: (1 + p₁(γ - 1))/(1 + p₀(γ - 1)); bias_adjusted is the risk ratio and its bounds over that.
Assumes nothing about how the confounder is spread (E-value). It says how strong it must be, not how likely that is.
R: EValue::evalues.RR, evalues.OR, evalues.HR, evalues.MD.`,
	Refs: []string{"VanderWeele and Ding 2017, 10.7326/M16-2607", "Ding and VanderWeele 2016, 10.1097/EDE.0000000000000457"},
}, SensitivityOptions{Scale: "rr", True: 1}, runSensitivity)

// riskRatio puts an estimate on the scale of risk ratios.
func (o SensitivityOptions) riskRatio(v float64) float64 {
	switch {
	case o.Scale == "smd":
		return math.Exp(0.91 * v)
	case o.Scale == "or" && !o.Rare:
		return math.Sqrt(v)
	case o.Scale == "hr" && !o.Rare:
		return (1 - math.Pow(0.5, math.Sqrt(v))) / (1 - math.Pow(0.5, math.Sqrt(1/v)))
	}
	return v
}

// EValue is the E-value of a risk ratio against another that is held to be true.
func EValue(ratio, truth float64) float64 {
	r := ratio / truth
	if r < 1 {
		r = 1 / r
	}
	return r + math.Sqrt(r*(r-1))
}

// eValueBound is the E-value of an interval: of the bound nearer to the truth, 1 where
// the truth is inside.
func eValueBound(ratio, low, high, truth float64) float64 {
	switch {
	case low <= truth && truth <= high:
		return 1
	case ratio > truth:
		return EValue(low, truth)
	}
	return EValue(high, truth)
}

func (o SensitivityOptions) check() error {
	for _, s := range []struct {
		name string
		v    []float64
	}{{"estimate", o.Estimate}, {"low", o.Low}, {"high", o.High}} {
		switch {
		case len(s.v) != 1:
			return badOption("%s: expected one number; an estimate with both bounds is needed: --set estimate=0.7 --set low=0.5 --set high=0.9", s.name)
		case o.Scale != "smd" && !(s.v[0] > 0):
			return badOption("%s: expected a ratio above 0", s.name)
		}
	}
	if o.Low[0] > o.Estimate[0] || o.High[0] < o.Estimate[0] {
		return badOption("expected low, estimate and high in rising order")
	}
	if !(o.True > 0) {
		return badOption("true: expected a risk ratio above 0")
	}
	n := len(o.InArm) + len(o.InOther) + len(o.Confounder)
	if n == 0 {
		return nil
	}
	if len(o.InArm) != 1 || len(o.InOther) != 1 || len(o.Confounder) != 1 || o.InArm[0] < 0 || o.InArm[0] > 1 || o.InOther[0] < 0 || o.InOther[0] > 1 || !(o.Confounder[0] > 0) {
		return badOption("expected in_arm and in_reference from 0 to 1 and confounder above 0, one number each")
	}
	return nil
}

func runSensitivity(_ context.Context, _ analysis.Input, q analysis.Question, o SensitivityOptions) (analysis.Result, error) {
	if err := o.check(); err != nil {
		return analysis.Result{}, err
	}
	begin := func(term string, value float64, method string) analysis.Estimate {
		e := analysis.NewEstimate(term, analysis.ScaleRatio)
		e.Outcome, e.Visit, e.Arm, e.Reference, e.Value = q.Outcome, q.Visit, q.Arm, q.Reference, analysis.Num(value)
		e.Method = analysis.Method{Name: method, R: "EValue::evalues.RR(est, lo, hi, true)", Ref: "VanderWeele and Ding 2017, 10.7326/M16-2607"}
		return e
	}
	est, low, high := o.riskRatio(o.Estimate[0]), o.riskRatio(o.Low[0]), o.riskRatio(o.High[0])
	for _, v := range []float64{est, low, high, 1 / low} {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return analysis.Result{}, badOption("the estimate or a bound is too large to be put on the scale of risk ratios")
		}
	}
	words := map[string]string{"rr": "as given", "or": "square root of the odds ratio", "hr": "approximation for hazard ratios of a common outcome", "smd": "exp(0.91 d)"}[o.Scale]
	if o.Rare && o.Scale != "smd" {
		words = "the ratio of a rare outcome"
	}
	rr := begin("risk_ratio", est, "risk ratio, "+words)
	rr.CI = analysis.NewInterval("as given, "+words, low, high, q.Level)
	r := analysis.Result{Estimates: []analysis.Estimate{
		rr,
		begin("e_value", EValue(est, o.True), fmt.Sprintf("E-value of the estimate against a risk ratio of %g", o.True)),
		begin("e_value_bound", eValueBound(est, low, high, o.True), fmt.Sprintf("E-value of the bound nearer to %g; 1 where the interval holds it", o.True)),
	}}
	if len(o.InArm) == 1 {
		g := o.Confounder[0] - 1
		bias := (1 + o.InArm[0]*g) / (1 + o.InOther[0]*g)
		e := begin("bias_adjusted", est/bias, fmt.Sprintf("risk ratio over the bias %.4g of a confounder in %g of the arm and %g of the reference with risk ratio %g", bias, o.InArm[0], o.InOther[0], o.Confounder[0]))
		e.CI = analysis.NewInterval("bounds over the bias, which is taken as known", low/bias, high/bias, q.Level)
		r.Estimates = append(r.Estimates, e)
	}
	return r, nil
}
