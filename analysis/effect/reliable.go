package effect

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Methods of reliable change.
const (
	JacobsonTruax       = "jacobson-truax"
	EdwardsNunnally     = "edwards-nunnally"
	GulliksenLordNovick = "gulliksen-lord-novick"
	NunnallyKotsch      = "nunnally-kotsch"
	HagemanArrindell    = "hageman-arrindell"
)

// What GulliksenLordNovick divides by.
const (
	ErrorPrediction = "prediction" // s√(1-r²)
	ErrorDifference = "difference" // √2 SEM
)

// Reliable is what reliable change is judged by: the reliability of the score and
// the moments of the patients before and after.
type Reliable struct {
	Method                        string
	Reliability, ReliabilityVisit float64
	Mean, SD                      float64 // before; SD is that from which the error of measurement is taken
	SDBefore                      float64 // before, of the patients themselves; of hageman-arrindell alone
	MeanVisit, SDVisit            float64 // after; of hageman-arrindell alone
	Correlation                   float64 // of before and after; of hageman-arrindell alone
	GLNError                      string  // of gulliksen-lord-novick alone; ErrorPrediction where empty
}

// SEM returns the standard error of measurement, s√(1-r).
func (r Reliable) SEM() float64 { return r.SD * math.Sqrt(1-r.Reliability) }

// hageman returns the reliability of the score after and of the change, taking
// the error of measurement to be the same on both occasions.
func (r Reliable) hageman() (visit, change float64) {
	sem2 := r.SEM() * r.SEM()
	s1, s2, cross := r.SDBefore*r.SDBefore, r.SDVisit*r.SDVisit, 2*r.SDBefore*r.SDVisit*r.Correlation
	return (s2 - sem2) / s2, (s1 - sem2 + s2 - sem2 - cross) / (s1 + s2 - cross)
}

// Index returns a patient's index of change, which is compared with the critical
// value; NaN where it is not defined.
//
//	jacobson-truax         (after - before) / √2 SEM
//	edwards-nunnally       (after - b̂) / SEM,  b̂ = m + r (before - m)
//	gulliksen-lord-novick  (after - b̂) / s√(1-r²), or / √2 SEM with ErrorDifference
//	nunnally-kotsch        (after - b̂) / s√(r²(1-r) + (1-r'))
//	hageman-arrindell      (r_d (after - before) + (1-r_d)(m' - m)) / (√r_d √2 SEM)
func (r Reliable) Index(before, after float64) float64 {
	sem := r.SEM()
	regressed := r.Mean + r.Reliability*(before-r.Mean)
	switch r.Method {
	case JacobsonTruax:
		return (after - before) / (math.Sqrt2 * sem)
	case EdwardsNunnally:
		return (after - regressed) / sem
	case GulliksenLordNovick:
		if r.GLNError == ErrorDifference {
			return (after - regressed) / (math.Sqrt2 * sem)
		}
		return (after - regressed) / (r.SD * math.Sqrt(1-r.Reliability*r.Reliability))
	case NunnallyKotsch:
		return (after - regressed) / (r.SD * math.Sqrt(r.Reliability*r.Reliability*(1-r.Reliability)+1-r.ReliabilityVisit))
	case HagemanArrindell:
		_, rd := r.hageman()
		return (rd*(after-before) + (1-rd)*(r.MeanVisit-r.Mean)) / (math.Sqrt(rd) * math.Sqrt2 * sem)
	}
	return math.NaN()
}

// Critical returns the value that the method's authors compare the index with.
func (r Reliable) Critical() float64 {
	switch r.Method {
	case EdwardsNunnally:
		return 2
	case HagemanArrindell:
		return 1.65
	}
	return 1.96
}

// Cutoff returns the score that parts the dysfunctional from the functional:
//
//	a  m ± 2s, two SD beyond the patients before treatment
//	b  norm ∓ 2 norm's s, within two SD of the norm
//	c  (s·norm + norm's s·m) / (s + norm's s), between the two
//
// with s√r in place of s for hageman-arrindell. Jacobson and Truax 1991.
func (r Reliable) Cutoff(kind string, norm, normSD float64, lower bool) float64 {
	s, better := r.SD, 1.0
	if lower {
		better = -1
	}
	if r.Method == HagemanArrindell {
		sem2 := r.SEM() * r.SEM()
		s = math.Sqrt(s*s - sem2)
		normSD = math.Sqrt(normSD*normSD - sem2)
	}
	switch kind {
	case "a":
		return r.Mean + better*2*s
	case "b":
		return norm - better*2*normSD
	}
	return (s*norm + normSD*r.Mean) / (s + normSD)
}

// Outcomes of reliable and clinically significant change.
const (
	Unchanged = iota
	Recovered
	Improved
	Deteriorated
)

// Classify sorts one patient: recovered is reliably better and past the cut-off
// from the wrong side, improved reliably better only.
func (r Reliable) Classify(before, after, critical, cutoff float64, lower bool) int {
	index, better := r.Index(before, after), 1.0
	if lower {
		better = -1
	}
	past := better*after > better*cutoff
	if r.Method == HagemanArrindell {
		visit, _ := r.hageman()
		past = better*(r.MeanVisit+(after-r.MeanVisit)*visit-cutoff)/(math.Sqrt(visit)*r.SEM()) > critical
	}
	switch {
	case better*index > critical && past && better*before < better*cutoff:
		return Recovered
	case better*index > critical:
		return Improved
	case better*index < -critical:
		return Deteriorated
	}
	return Unchanged
}

// ReliableOptions are the settings of effect/reliable-change.
type ReliableOptions struct {
	Method           string  `opt:"method" doc:"how change is held against the error of measurement" choices:"jacobson-truax|edwards-nunnally|gulliksen-lord-novick|nunnally-kotsch|hageman-arrindell"`
	Reliability      float64 `opt:"reliability" doc:"of the score in a like population, between 0 and 1: internal consistency, or test-retest over a time without change"`
	ReliabilityVisit float64 `opt:"reliability_visit" doc:"at the visit, for nunnally-kotsch; 0 for the same"`
	SD               float64 `opt:"sd" doc:"standard deviation before treatment, from which the error of measurement is taken; 0 for that of the patients seen at both"`
	Cutoff           string  `opt:"cutoff" doc:"a: two SD beyond the patients before; b: within two SD of the norm; c: between the two" choices:"a|b|c"`
	NormMean         float64 `opt:"norm_mean" doc:"mean of people without the condition, for cut-offs b and c"`
	NormSD           float64 `opt:"norm_sd" doc:"their standard deviation; 0 where there is no norm"`
	Critical         float64 `opt:"critical" doc:"value of the index beyond which change is reliable; 0 for the method's own (1.96, edwards-nunnally 2, hageman-arrindell 1.65)"`
	GLNError         string  `opt:"gln_error" doc:"what gulliksen-lord-novick divides by: the standard error of prediction (Hsu), or √2 SEM, as some tables have it" choices:"prediction|difference"`
	Direction        string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Share            string  `opt:"share" doc:"interval of a share" choices:"wilson|wilson-corrected|clopper-pearson|jeffreys|agresti-coull|mid-p|wald"`
}

// ReliableChange is effect/reliable-change: how many patients changed by more than
// the error of measurement, and how many of them recovered.
var ReliableChange = analysis.New(analysis.Analysis{
	Name:     "effect/reliable-change",
	Title:    "Reliable and clinically significant change",
	Estimand: "share of patients who recovered, improved, stayed or deteriorated by more than the error of measurement explains",
	Doc: `Terms in each group: recovered (reliably better and past the cut-off from the wrong side), improved (reliably better only), unchanged, deteriorated; they add up to all. Also sem, reliable_change (the improvement in points from the mean baseline beyond which the index calls it reliable) and cutoff.
With a reference: the differences in the shares recovered, reliably improved (recovered or improved) and deteriorated, by Newcombe.
SEM = s √(1 - r). Index: jacobson-truax (after - before)/√2 SEM; edwards-nunnally, gulliksen-lord-novick and nunnally-kotsch regress the baseline to the mean first (m + r (before - m)) and divide by SEM, the standard error of prediction s√(1-r²) (with gln_error=difference √2 SEM), and s√(r²(1-r) + 1-r'); hageman-arrindell weighs individual and mean change by the reliability of change, and judges the cut-off by an index too.
The methods disagree, most for extreme baselines: name the one used. reliability has no default: it belongs to the instrument and the population.
m and s are those before treatment of the patients of all groups asked about who were seen at both, so that arms are judged alike.
Missing values: patients seen at both; with missing=failure in the question all patients count, those not seen as unchanged.
A reliable change need not matter to the patient, and one that matters need not be reliable: see effect/responders.
R: clinicalsignificance::cs_combined(rci_method = "JT"); its cut-off b takes the patients' SD in place of the norm's.`,
	Refs:   []string{"Jacobson and Truax 1991, 10.1037/0022-006X.59.1.12", "Edwards, Yarvis, Mueller, Zingale and Wagman 1978, Evaluation Quarterly 2, 275-291", "Speer 1992, 10.1037/0022-006X.60.3.402", "Hsu 1989, Behavioral Assessment 11, 459-467, and 1995, 10.1037/0022-006X.63.1.141 (Gulliksen, Lord and Novick)", "Nunnally and Kotsch 1983, 10.1111/j.2044-8260.1983.tb00582.x", "Hageman and Arrindell 1999, 10.1016/S0005-7967(99)00032-7"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
	Narrow: true,
}, ReliableOptions{Method: JacobsonTruax, GLNError: ErrorPrediction, Cutoff: "a", Direction: "instrument", Share: "wilson"}, reliableChange)

func (o ReliableOptions) check() error {
	switch {
	case !(o.Reliability > 0 && o.Reliability < 1):
		return fmt.Errorf("%w: expected the reliability of the score, between 0 and 1: --set reliability=0.9", analysis.ErrOptions)
	case o.ReliabilityVisit < 0 || o.ReliabilityVisit >= 1 || o.SD < 0 || o.NormSD < 0 || o.Critical < 0:
		return fmt.Errorf("%w: expected a reliability under 1, and no negative standard deviation or critical value", analysis.ErrOptions)
	case o.Cutoff != "a" && o.NormSD == 0:
		return fmt.Errorf("%w: cutoff=%s needs norm_mean and norm_sd", analysis.ErrOptions, o.Cutoff)
	}
	return nil
}

func reliableChange(_ context.Context, in analysis.Input, q analysis.Question, o ReliableOptions) (analysis.Result, error) {
	if err := o.check(); err != nil {
		return analysis.Result{}, err
	}
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	lower, ws := better(o.Direction, p)
	r.Warnings = append(ws, r.Warnings...)
	var before, after []float64
	for _, g := range groups {
		b, a, _ := g.Complete(p.Before, p.After)
		before, after = append(before, b...), append(after, a...)
	}
	m, mv := fit.Describe(before), fit.Describe(after)
	c := Reliable{Method: o.Method, Reliability: o.Reliability, ReliabilityVisit: o.ReliabilityVisit, Mean: m.Mean, SD: m.SD, SDBefore: m.SD, MeanVisit: mv.Mean, SDVisit: mv.SD, Correlation: fit.Correlation(before, after), GLNError: o.GLNError}
	if c.ReliabilityVisit == 0 {
		c.ReliabilityVisit = o.Reliability
	}
	if o.SD > 0 {
		c.SD = o.SD
	}
	critical := o.Critical
	if critical == 0 {
		critical = c.Critical()
	}
	cutoff := c.Cutoff(o.Cutoff, o.NormMean, o.NormSD, lower)
	def := fmt.Sprintf("%s, reliability %g, index beyond %g, cut-off %s", o.Method, o.Reliability, critical, o.Cutoff)
	if o.Method == GulliksenLordNovick {
		def += ", error of " + o.GLNError
	}
	defined := !math.IsNaN(c.Index(m.Mean, m.Mean)) && !math.IsNaN(cutoff) && c.SD > 0
	if o.Method == HagemanArrindell && defined {
		visit, change := c.hageman()
		defined = visit > 0 && change > 0
	}
	counts := make([][4]int, len(groups))
	seen := make([]int, len(groups))
	for i, g := range groups {
		b, a, missing := g.Complete(p.Before, p.After)
		if seen[i] = len(b); q.Missing == analysis.MissingFailure {
			seen[i] += missing
			counts[i][Unchanged] = missing
		}
		if defined {
			for j := range b {
				counts[i][c.Classify(b[j], a[j], critical, cutoff, lower)]++
			}
		}
		for k, term := range []string{"recovered", "improved", "unchanged", "deteriorated"} {
			e := start(term, analysis.ScaleProportion, g, nil, p)
			e.Definition = def
			e.N = analysis.N{Arm: seen[i], Missing: missing}
			si := shareIntervals[o.Share]
			e.Method = analysis.Method{Name: o.Method + " index; " + map[bool]string{true: "all patients, those not seen counted as unchanged", false: "patients seen at both"}[q.Missing == analysis.MissingFailure] + "; " + si.name, R: "clinicalsignificance::cs_combined", Ref: "Jacobson and Truax 1991, 10.1037/0022-006X.59.1.12"}
			if !defined {
				r.Estimates = append(r.Estimates, undefinedReliable(e, m.N))
				continue
			}
			e.N.Events = counts[i][[]int{Recovered, Improved, Unchanged, Deteriorated}[k]]
			r.Estimates = append(r.Estimates, shareOf(e, e.N.Events, seen[i], si, q.Level))
		}
	}
	r.Estimates = append(r.Estimates, c.constants(p, groups, m.N, critical, cutoff, lower, def, defined)...)
	if q.Reference != "" && defined {
		for _, d := range []struct {
			term string
			of   func(c [4]int) int
		}{
			{"difference_recovered", func(c [4]int) int { return c[Recovered] }},
			{"difference_reliably_improved", func(c [4]int) int { return c[Recovered] + c[Improved] }},
			{"difference_deteriorated", func(c [4]int) int { return c[Deteriorated] }},
		} {
			k := differenceIntervals["newcombe"]
			e := start(d.term, analysis.ScaleRiskDiff, groups[0], &groups[1], p)
			e.Definition = def
			e.N = analysis.N{Arm: seen[0], Reference: seen[1], Missing: len(groups[0].Patients) + len(groups[1].Patients) - m.N, Events: d.of(counts[0])}
			e.Method = analysis.Method{Name: "difference of shares, " + k.name, R: k.r, Ref: k.by}
			r.Estimates = append(r.Estimates, riskDifference(e, d.of(counts[0]), seen[0], d.of(counts[1]), seen[1], k, q.Level))
		}
	}
	return r, nil
}

// constants returns what patients are judged by, in the outcome's unit.
func (r Reliable) constants(p analysis.Paired, groups []analysis.Group, n int, critical, cutoff float64, lower bool, def string, defined bool) []analysis.Estimate {
	// points of improvement from the mean baseline at which the index is critical
	zero := r.Index(r.Mean, r.Mean)
	slope := r.Index(r.Mean, r.Mean+1) - zero
	if lower {
		zero = -zero
	}
	var out []analysis.Estimate
	for _, x := range []struct {
		term  string
		scale analysis.Scale
		value float64
		how   string
	}{
		{"sem", analysis.ScaleSD, r.SEM(), "standard error of measurement, s √(1 - reliability)"},
		{"reliable_change", analysis.ScaleDifference, (critical - zero) / slope, "points of improvement from the mean baseline that the index calls reliable"},
		{"cutoff", analysis.ScaleMean, cutoff, "score that parts dysfunctional from functional"},
	} {
		e := start(x.term, x.scale, groups[0], nil, p)
		if len(groups) > 1 {
			e.Arm = analysis.All
		}
		e.Unit, e.Definition, e.N = p.Field.Unit, def, analysis.N{Arm: n}
		e.Method = analysis.Method{Name: x.how, R: "clinicalsignificance::cs_combined", Ref: "Jacobson and Truax 1991, 10.1037/0022-006X.59.1.12"}
		if !defined {
			e = undefinedReliable(e, n)
		} else {
			e.Value = analysis.Num(x.value)
		}
		out = append(out, e)
	}
	return out
}

func undefinedReliable(e analysis.Estimate, n int) analysis.Estimate {
	if n < 2 {
		return tooFew(e, 2)
	}
	return e.Warn(analysis.WarnNoVariance, "the scores before or after do not vary, or vary less than their error of measurement, so change cannot be held against it", "give the standard deviation of a like population with sd=, or use method=jacobson-truax")
}
