package effect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// ROC is how well improvement in a score tells those who say that they improved.
type ROC struct {
	AUC, SE                  float64 // area and its standard error by placements (DeLong)
	Cut                      float64 // improvement at or over which Youden's index is largest
	Youden, Sensitivity, Not float64 // index, sensitivity and specificity at the cut
}

// Curve returns the area under the curve and the cut of largest Youden index, the
// middle of the gap between neighbouring improvements; of equal indices the lowest
// cut. NaN where one of the groups is empty.
//
// R: pROC::coords(roc(anchor, gain), "best", best.method = "youden"). DeLong,
// DeLong and Clarke-Pearson 1988, 10.2307/2531595; Youden 1950,
// 10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.
func Curve(improved, others []float64) ROC {
	s := Compare(improved, others)
	r := ROC{AUC: s.Theta, SE: s.SE, Cut: math.NaN(), Youden: math.NaN(), Sensitivity: math.NaN(), Not: math.NaN()}
	if math.IsNaN(s.Theta) {
		return r
	}
	all := slices.Sorted(slices.Values(append(slices.Clone(improved), others...)))
	all = slices.Compact(all)
	over := func(x []float64, cut float64) float64 {
		n := 0
		for _, v := range x {
			if v >= cut {
				n++
			}
		}
		return float64(n) / float64(len(x))
	}
	for i := 1; i < len(all); i++ {
		cut := all[i-1] + (all[i]-all[i-1])/2
		sens, spec := over(improved, cut), 1-over(others, cut)
		if y := sens + spec - 1; !(y <= r.Youden+1e-12) {
			r.Cut, r.Youden, r.Sensitivity, r.Not = cut, y, sens, spec
		}
	}
	return r
}

// ImportantOptions are the settings of effect/important-difference.
type ImportantOptions struct {
	Reliability     float64 `opt:"reliability" doc:"of the score, for the standard error of measurement; 0 to leave it out"`
	Anchor          string  `opt:"anchor" doc:"column that says whether a patient improved, such as a global impression of change: an outcome, read at the visit, or a column of one row a patient; empty for none"`
	AnchorImproved  float64 `opt:"anchor_improved" doc:"value of the anchor from which a patient has improved"`
	AnchorSlight    float64 `opt:"anchor_slight" doc:"value of the anchor to which improvement is slight: the mean-change method takes patients between the two; the same as anchor_improved for that value alone"`
	AnchorDirection string  `opt:"anchor_direction" doc:"which way the anchor is better" choices:"higher|lower"`
	Direction       string  `opt:"direction" doc:"which way the outcome is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
}

// ImportantDifference is effect/important-difference: what change matters, from
// this cohort's own data.
var ImportantDifference = analysis.New(analysis.Analysis{
	Name:     "effect/important-difference",
	Title:    "Important difference, by distribution and by anchor",
	Estimand: "improvement in the outcome's unit that patients would notice or call an improvement, in the patients of all groups asked about together",
	Doc: `By distribution, of the SD at baseline s: half_sd, 0.5 s; with reliability also sem, s√(1-r), and sem_1.96, 1.96 sem. These say what can be told from noise, not what matters.
By anchor, where one is named: anchor_correlation (Spearman, with improvement; under 0.3 the anchor is too weak and is warned of), roc_auc and roc_cutoff (largest Youden index), mean_change (mean improvement of the slightly improved), predictive = (log odds of the share improved - b₀)/b₁ of the logistic regression of the anchor on improvement, and predictive_adjusted, which takes off (0.090 + 0.103 correlation)·SD of improvement·log odds, for shares other than one half.
Improvement is above zero where better. The value depends on the population, the anchor and the share improved; published ones are in the instrument list.
Missing values: patients seen at both, and with the anchor. Intervals: of s by chi-square, mean_change by t, the area by t with DeLong's error; the others need a bootstrap and have none here.
R: pROC::coords(roc(anchor, gain), "best"); glm(anchor ~ gain, binomial).`,
	Refs:  []string{"Norman, Sloan and Wyrwich 2003, 10.1097/01.MLR.0000062554.74615.4C", "Wyrwich, Tierney and Wolinsky 1999, 10.1016/S0895-4356(99)00071-2", "Terluin, Eekhout, Terwee and de Vet 2015, 10.1016/j.jclinepi.2015.03.015", "Terluin, Eekhout and Terwee 2017, 10.1016/j.jclinepi.2016.12.015", "Youden 1950, 10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3"},
	Needs: []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit},
}, ImportantOptions{AnchorDirection: "higher", Direction: "instrument"}, importantDifference)

func importantDifference(_ context.Context, in analysis.Input, q analysis.Question, o ImportantOptions) (analysis.Result, error) {
	if o.Reliability < 0 || o.Reliability >= 1 {
		return analysis.Result{}, fmt.Errorf("%w: expected a reliability between 0 and 1", analysis.ErrOptions)
	}
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	lower, ws := better(o.Direction, p)
	r.Warnings = append(ws, r.Warnings...)
	all := analysis.Group{Name: analysis.All}
	for _, g := range groups {
		all.Patients = append(all.Patients, g.Patients...)
	}
	b, _, missing := all.Complete(p.Before, p.After)
	s := fit.Describe(b)
	base := func(term string, n, missing int, how, call, ref string) analysis.Estimate {
		e := start(term, analysis.ScaleDifference, all, nil, p)
		e.Unit, e.N = p.Field.Unit, analysis.N{Arm: n, Missing: missing}
		e.Method = analysis.Method{Name: how, R: call, Ref: ref}
		return e
	}
	distribution := func(term string, factor float64, how, ref string) {
		e := base(term, s.N, missing, how+"; patients seen at both", "sd(baseline)", ref)
		if s.N < 2 {
			r.Estimates = append(r.Estimates, tooFew(e, 2))
			return
		}
		if e.Value = analysis.Num(factor * s.SD); s.SD == 0 {
			e.Value = analysis.None
			e = e.Warn(analysis.WarnNoVariance, "all baselines are equal, so there is no standard deviation", "")
		} else {
			ci := analysis.SDInterval(s.SD, s.N, q.Level)
			e.CI = analysis.NewInterval(ci.Kind, factor*float64(ci.Low), factor*float64(ci.High), q.Level)
		}
		r.Estimates = append(r.Estimates, e)
	}
	distribution("half_sd", 0.5, "half the standard deviation at baseline", "Norman, Sloan and Wyrwich 2003, 10.1097/01.MLR.0000062554.74615.4C")
	if o.Reliability > 0 {
		sem := math.Sqrt(1 - o.Reliability)
		distribution("sem", sem, fmt.Sprintf("standard error of measurement at reliability %g", o.Reliability), "Wyrwich, Tierney and Wolinsky 1999, 10.1016/S0895-4356(99)00071-2")
		distribution("sem_1.96", 1.96*sem, fmt.Sprintf("1.96 standard errors of measurement at reliability %g", o.Reliability), "Wyrwich, Tierney and Wolinsky 1999, 10.1016/S0895-4356(99)00071-2")
	}
	if o.Anchor == "" {
		return r, nil
	}
	anchor, err := anchorOf(in, q, p, o.Anchor)
	if err != nil {
		return r, err
	}
	r.Estimates = append(r.Estimates, byAnchor(all, anchor, p, lower, q, o, base)...)
	return r, nil
}

// anchorOf reads the anchor by patient: an outcome at the visit, or a column of
// one row a patient.
func anchorOf(in analysis.Input, q analysis.Question, p analysis.Paired, name string) ([]float64, error) {
	if name == q.Outcome {
		return nil, fmt.Errorf("%w: the anchor is the outcome itself", analysis.ErrOptions)
	}
	if _, err := in.Cohort.Outcome(name); err == nil {
		return in.Cohort.Values(name, p.Now.Value), nil
	}
	_, f, err := in.Cohort.PatientField(name)
	if err != nil {
		return nil, err
	}
	if f.Type == datasets.TypeString {
		return nil, fmt.Errorf("%w: the anchor must be a number", analysis.ErrOptions)
	}
	return in.Cohort.Covariate(name)
}

func byAnchor(all analysis.Group, anchor []float64, p analysis.Paired, lower bool, q analysis.Question, o ImportantOptions, base func(term string, n, missing int, how, call, ref string) analysis.Estimate) []analysis.Estimate {
	up := map[string]float64{"higher": 1, "lower": -1}[o.AnchorDirection]
	var gains, says, response, slight, yes, no []float64
	missing := 0
	for _, i := range all.Patients {
		gain := p.After[i] - p.Before[i]
		if lower {
			gain = -gain
		}
		if gain != gain || anchor[i] != anchor[i] {
			missing++
			continue
		}
		gain = math.Round(gain*1e9) / 1e9
		gains, says = append(gains, gain), append(says, up*anchor[i])
		if up*anchor[i] >= up*o.AnchorImproved {
			yes, response = append(yes, gain), append(response, 1)
			if up*anchor[i] <= up*o.AnchorSlight {
				slight = append(slight, gain)
			}
		} else {
			no, response = append(no, gain), append(response, 0)
		}
	}
	n := len(gains)
	words := fmt.Sprintf("improved: %s %s %g", o.Anchor, map[bool]string{true: "at least", false: "at most"}[up > 0], o.AnchorImproved)
	make1 := func(term string, scale analysis.Scale, how, call, ref string) analysis.Estimate {
		e := base(term, n, missing, how, call, ref)
		e.Definition, e.N.Events = words, len(yes)
		if e.Scale = scale; scale != analysis.ScaleDifference {
			e.Unit = ""
		}
		return e
	}
	const terluin = "Terluin, Eekhout, Terwee and de Vet 2015, 10.1016/j.jclinepi.2015.03.015"
	corr := make1("anchor_correlation", analysis.ScaleStandardised, "Spearman correlation of anchor and improvement", `cor(anchor, gain, method = "spearman")`, "Revicki, Hays, Cella and Sloan 2008, 10.1016/j.jclinepi.2007.03.012")
	auc := make1("roc_auc", analysis.ScaleProportion, "area under the receiver operating curve, DeLong's error", "pROC::auc(roc(anchor, gain))", "DeLong, DeLong and Clarke-Pearson 1988, 10.2307/2531595")
	cut := make1("roc_cutoff", analysis.ScaleDifference, "improvement of largest Youden index, the middle of the gap", `pROC::coords(roc(anchor, gain), "best")`, "Youden 1950")
	mean := make1("mean_change", analysis.ScaleDifference, "mean improvement of the slightly improved", "t.test(gain[slight])", "Jaeschke, Singer and Guyatt 1989, 10.1016/0197-2456(89)90005-6")
	pred := make1("predictive", analysis.ScaleDifference, "improvement at which the anchor is as likely as in all patients, logistic regression", "glm(anchor ~ gain, binomial)", terluin)
	adj := make1("predictive_adjusted", analysis.ScaleDifference, "predictive, adjusted for the share improved", "glm(anchor ~ gain, binomial)", "Terluin, Eekhout and Terwee 2017, 10.1016/j.jclinepi.2016.12.015")
	rg, _ := fit.Ranks(gains)
	rs, _ := fit.Ranks(says)
	if rho := fit.Correlation(rg, rs); math.IsNaN(rho) {
		corr = corr.Warn(analysis.WarnNoVariance, "the anchor or the improvement does not vary", "")
	} else if corr.Value = analysis.Num(rho); rho < 0.3 {
		corr = corr.Warn(analysis.WarnAssumption, "the anchor is hardly related to improvement (under 0.3), so no important difference should be taken from it", "use another anchor")
	}
	mean.N.Arm = len(slight)
	if len(slight) == 0 {
		mean = mean.Warn(analysis.WarnTooFew, "no patient is slightly improved by the anchor", "set anchor_slight beyond anchor_improved")
	} else {
		m := fit.Describe(slight)
		mean.Value = analysis.Num(m.Mean)
		if se := m.SD / math.Sqrt(float64(m.N)); se > 0 {
			mean.SE, mean.DF, mean.CI = analysis.Num(se), analysis.Num(m.N-1), analysis.TInterval(m.Mean, se, float64(m.N-1), q.Level)
		}
	}
	roc := Curve(yes, no)
	none := func(e analysis.Estimate) analysis.Estimate {
		return e.Warn(analysis.WarnTooFew, "all patients, or none, improved by the anchor, or improvement does not vary", "set anchor_improved and anchor_direction")
	}
	if auc.Value, cut.Value = analysis.Num(roc.AUC), analysis.Num(roc.Cut); !auc.Value.OK() {
		auc = none(auc)
	} else if roc.SE > 0 {
		auc.SE = analysis.Num(roc.SE)
		ci := analysis.NormalInterval(roc.AUC, roc.SE, q.Level)
		auc.CI = analysis.NewInterval("normal, DeLong", math.Max(0, float64(ci.Low)), math.Min(1, float64(ci.High)), q.Level)
	}
	if !cut.Value.OK() {
		cut = none(cut)
	}
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	m, err := fit.Logistic(response, [][]float64{ones, gains})
	switch {
	case errors.Is(err, fit.ErrSeparation):
		pred = pred.Warn(analysis.WarnSeparation, "improvement tells the anchor without fail, so the model has no finite coefficients", "use roc_cutoff")
		adj = adj.Warn(analysis.WarnSeparation, "improvement tells the anchor without fail, so the model has no finite coefficients", "use roc_cutoff")
	case err != nil || m.Coef[1] == 0:
		pred, adj = none(pred), none(adj)
	default:
		odds := math.Log(float64(len(yes)) / float64(len(no)))
		v := (odds - m.Coef[0]) / m.Coef[1]
		pred.Value = analysis.Num(v)
		adj.Value = analysis.Num(v - (0.090+0.103*fit.Correlation(gains, response))*fit.Describe(gains).SD*odds)
	}
	return []analysis.Estimate{corr, auc, cut, mean, pred, adj}
}
