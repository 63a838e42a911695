package effect

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// Stratum counts the events of an arm and a reference in one stratum.
type Stratum = analysis.TwoByTwo

// MantelHaenszel is what strata say together. Numbers that are not defined are
// NaN.
type MantelHaenszel struct {
	RD, SatoSE, GreenlandRobinsSE float64 // difference of proportions
	LogRR, LogRRSE                float64
	LogOR, LogORSE                float64
	CMH, CMHP                     float64 // chi-square with 1 degree of freedom, without correction
	Corrected, CorrectedP         float64 // the same with continuity correction
	LogitOR, LogitSE              float64 // log odds ratio by logistic regression on arm and strata
	BreslowDay, Tarone            float64 // homogeneity of the odds ratio
	HomogeneityDF, TaroneP        float64
	BreslowDayP                   float64
	Used                          int // strata with both groups
}

// Pool pools two-by-two tables over strata by Mantel and Haenszel. Strata without
// one of the groups say nothing and are left out.
//
//	RD = Σ(x₁n₂ - x₂n₁)/N / Σn₁n₂/N
//	RR = Σx₁n₂/N / Σx₂n₁/N,   OR = Σx₁(n₂-x₂)/N / Σx₂(n₁-x₁)/N
//
// Standard errors: of RD by Sato (good with few large and with many small strata)
// and by Greenland and Robins (few large ones); of log RR by Greenland and Robins;
// of log OR by Robins, Breslow and Greenland.
//
// R: metafor::rma.mh, mantelhaen.test(correct = FALSE). Greenland and Robins
// 1985, 10.2307/2530643; Sato 1989, 10.2307/2531775; Robins, Breslow and
// Greenland 1986, 10.2307/2531052.
func Pool(strata []Stratum) MantelHaenszel {
	nan := math.NaN()
	m := MantelHaenszel{RD: nan, SatoSE: nan, GreenlandRobinsSE: nan, LogRR: nan, LogRRSE: nan, LogOR: nan, LogORSE: nan, CMH: nan, CMHP: nan, BreslowDay: nan, Tarone: nan, HomogeneityDF: nan, TaroneP: nan, BreslowDayP: nan, Corrected: nan, CorrectedP: nan, LogitOR: nan, LogitSE: nan}
	var w, diff, sp, sq, gr float64 // of the difference
	var r1, r2, rv float64          // of the risk ratio
	var o1, o2, pr, ps, qs float64  // of the odds ratio
	var dev, dvar float64           // of the test
	for _, s := range strata {
		x1, n1, x2, n2 := float64(s.X1), float64(s.N1), float64(s.X2), float64(s.N2)
		if s.N1 < 1 || s.N2 < 1 {
			continue
		}
		m.Used++
		n := n1 + n2
		b, d := n1-x1, n2-x2
		w += n1 * n2 / n
		diff += (x1*n2 - x2*n1) / n
		sp += (x2*n1*n1 - x1*n2*n2 + n1*n2*(n2-n1)/2) / (n * n)
		sq += (x1*d + x2*b) / n
		gr += (x1*b*n2*n2*n2 + x2*d*n1*n1*n1) / (n1 * n2 * n * n)
		r1, r2 = r1+x1*n2/n, r2+x2*n1/n
		rv += (n1*n2*(x1+x2) - x1*x2*n) / (n * n)
		p, q, r, t := (x1+d)/n, (b+x2)/n, x1*d/n, b*x2/n
		o1, o2 = o1+r, o2+t
		pr, ps, qs = pr+p*r, ps+p*t+q*r, qs+q*t
		dev += x1 - n1*(x1+x2)/n
		if n > 1 {
			dvar += n1 * n2 * (x1 + x2) * (b + d) / (n * n * (n - 1))
		}
	}
	if m.Used == 0 {
		return m
	}
	m.RD = diff / w
	m.SatoSE = math.Sqrt(math.Max(0, m.RD*sp+sq/2)) / w
	m.GreenlandRobinsSE = math.Sqrt(gr) / w
	if r1 > 0 && r2 > 0 {
		m.LogRR, m.LogRRSE = math.Log(r1/r2), math.Sqrt(rv/(r1*r2))
	}
	if dvar > 0 {
		m.CMH = dev * dev / dvar
		m.CMHP = analysis.NormalP(math.Sqrt(m.CMH))
		far := math.Abs(dev)
		if far >= 0.5 { // as R: where the deviation is less there is no correction
			far -= 0.5
		}
		m.Corrected = far * far / dvar
		m.CorrectedP = analysis.NormalP(math.Sqrt(m.Corrected))
	}
	m.logit(strata)
	if o1 > 0 && o2 > 0 {
		m.LogOR = math.Log(o1 / o2)
		m.LogORSE = math.Sqrt(pr/(2*o1*o1) + ps/(2*o1*o2) + qs/(2*o2*o2))
		m.homogeneity(strata, o1/o2)
	}
	return m
}

// homogeneity tests whether one odds ratio fits every stratum: Breslow and Day,
// with Tarone's correction.
func (m *MantelHaenszel) homogeneity(strata []Stratum, or float64) {
	bd, dev, total, df := 0.0, 0.0, 0.0, -1.0
	for _, s := range strata {
		e, v, ok := fitted(s, or)
		if !ok {
			continue
		}
		away := float64(s.X1) - e
		bd += away * away / v
		dev, total, df = dev+away, total+v, df+1
	}
	if df < 1 {
		return
	}
	m.BreslowDay, m.Tarone, m.HomogeneityDF = bd, bd-dev*dev/total, df
	m.BreslowDayP, m.TaroneP = distuv.ChiSquared{K: df}.Survival(bd), distuv.ChiSquared{K: df}.Survival(m.Tarone)
}

// fitted returns the events expected in the arm at an odds ratio, with the margins
// of the stratum as they are, and their large-sample variance.
func fitted(s Stratum, or float64) (e, v float64, ok bool) {
	n1, n2, k := float64(s.N1), float64(s.N2), float64(s.X1+s.X2)
	if s.N1 < 1 || s.N2 < 1 || k == 0 || k == n1+n2 {
		return 0, 0, false
	}
	a, b, c := 1-or, n2-k+or*(n1+k), -or*n1*k
	e = -2 * c / (b + math.Sqrt(math.Max(0, b*b-4*a*c)))
	return e, 1 / (1/e + 1/(n1-e) + 1/(k-e) + 1/(n2-k+e)), true
}

// logit fits the logistic model of arm and strata by its score alone: at the common
// odds ratio the events of the arm are those expected, stratum by stratum.
func (m *MantelHaenszel) logit(strata []Stratum) {
	score := func(theta float64) (away, information float64) {
		for _, s := range strata {
			if e, v, ok := fitted(s, math.Exp(theta)); ok {
				away, information = away+float64(s.X1)-e, information+v
			}
		}
		return away, information
	}
	low, high := -30.0, 30.0
	atLow, _ := score(low)
	atHigh, _ := score(high)
	if !(atLow > 1e-6) || !(atHigh < -1e-6) { // no finite ratio
		return
	}
	theta := 0.0
	for range 200 {
		away, information := score(theta)
		if away > 0 {
			low = theta
		} else {
			high = theta
		}
		next := theta + away/information
		if !(next > low && next < high) {
			next = low + (high-low)/2
		}
		if math.Abs(next-theta) <= 1e-15*math.Max(1, math.Abs(theta)) {
			break
		}
		theta = next
	}
	_, information := score(theta)
	m.LogitOR, m.LogitSE = theta, 1/math.Sqrt(information)
}

// StratifiedOptions are the settings of effect/stratified-responders.
type StratifiedOptions struct {
	Rule      string  `opt:"rule" doc:"percent: improved by at least the threshold in percent of baseline; points: in points; at-most: at the threshold or better at the visit" choices:"percent|points|at-most"`
	Threshold float64 `opt:"threshold" doc:"of the rule"`
	Direction string  `opt:"direction" doc:"which way is better; instrument takes it from the outcome's instrument" choices:"instrument|lower|higher"`
	Strata    string  `opt:"strata" doc:"a text column of a table of one row a patient; empty for the site"`
	Variance  string  `opt:"variance" doc:"of the difference: sato is good with few large and with many small strata, greenland-robins with few large ones" choices:"sato|greenland-robins"`
	Correct   bool    `opt:"correct" doc:"take half an event off the deviation in the Cochran-Mantel-Haenszel test (continuity correction)"`
	Equal     string  `opt:"equal" doc:"test of equal odds ratios: Breslow and Day's with Tarone's correction, or as it was" choices:"tarone|breslow-day"`
}

// StratifiedResponders is effect/stratified-responders: responders of two arms
// compared within strata.
var StratifiedResponders = analysis.New(analysis.Analysis{
	Name:     "effect/stratified-responders",
	Title:    "Responders compared within strata (Mantel-Haenszel)",
	Estimand: "difference, ratio and odds ratio of the share of patients who improved by at least a threshold, arm against reference, common to all strata",
	Doc: `Terms: risk_difference, risk_ratio and odds_ratio over the strata by Mantel and Haenszel; odds_ratio_logit, that of a logistic regression on arm and strata (for few large strata; biased away from 1 with many small ones); odds_ratio_exact, by conditional maximum likelihood with its exact interval and p given the margins of every stratum; homogeneity (Tarone's corrected Breslow-Day statistic: do the strata have one odds ratio?). An arm and a reference must be asked for.
  RD = Σ(x₁n₂ - x₂n₁)/N / Σn₁n₂/N;  RR = Σx₁n₂/N / Σx₂n₁/N;  OR = Σx₁(n₂-x₂)/N / Σx₂(n₁-x₁)/N
Standard errors: of RD by Sato (variance=greenland-robins for the other), of log RR by Greenland and Robins, of log OR by Robins, Breslow and Greenland; intervals normal, of the ratios on the log scale. p of the difference and the odds ratio: the Cochran-Mantel-Haenszel test, without continuity correction unless correct=true.
Missing values: all patients count, those not seen as not improved; with missing=available in the question only those who could be judged. Patients without a stratum are left out and counted.
A stratum without one of the arms says nothing and is left out, with a warning.
Assumes that the effect on the scale shown is the same in each stratum; homogeneity says whether that is believable for the odds ratio.
R: metafor::rma.mh(measure = "RD"), mantelhaen.test(correct = FALSE), mantelhaen.test(exact = TRUE), glm(y ~ arm + stratum, binomial).`,
	Refs:   []string{"Mantel and Haenszel 1959, 10.1093/jnci/22.4.719", "Greenland and Robins 1985, 10.2307/2530643", "Sato 1989, 10.2307/2531775", "Robins, Breslow and Greenland 1986, 10.2307/2531052", "Tarone 1985, 10.1093/biomet/72.1.91", "Breslow and Day 1980, Statistical methods in cancer research, volume 1, chapters 4 and 7"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, StratifiedOptions{Rule: fit.RulePercent, Threshold: 30, Direction: "instrument", Variance: "sato", Equal: "tarone"}, stratified)

func stratified(_ context.Context, in analysis.Input, q analysis.Question, o StratifiedOptions) (analysis.Result, error) {
	p, groups, r, err := compared(in, q)
	if err != nil {
		return r, err
	}
	codes, levels, err := strataOf(in, o.Strata)
	if err != nil {
		return r, err
	}
	lower, ws := better(o.Direction, p)
	r.Warnings = append(r.Warnings, ws...)
	rule := thresholdRule(o.Rule, o.Threshold, lower)
	strata := make([]Stratum, len(levels))
	n := analysis.N{}
	outside := 0
	for i, g := range groups {
		for _, patient := range g.Patients {
			v := rule.Judge(p.Before[patient], p.After[patient])
			if math.IsNaN(v) {
				n.Missing++
				if q.Missing == analysis.MissingAvailable {
					continue
				}
				v = 0
			}
			if codes[patient] < 0 {
				outside++
				continue
			}
			s := &strata[codes[patient]]
			if i == 0 {
				s.N1++
				s.X1 += int(v)
				n.Arm++
				n.Events += int(v)
			} else {
				s.N2++
				s.X2 += int(v)
				n.Reference++
			}
		}
	}
	if outside > 0 {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnExcluded, Message: fmt.Sprintf("%d patients have no stratum and are left out", outside), Cure: "fill in the column, or choose another with strata=COLUMN"})
	}
	r.Warnings = append(r.Warnings, lonely(strata, levels)...)
	r.Estimates = pooledEstimates(strata, rule.words, n, groups, p, q, o)
	return r, nil
}

// compared reads the outcome and the two arms of a comparison.
func compared(in analysis.Input, q analysis.Question) (analysis.Paired, []analysis.Group, analysis.Result, error) {
	var r analysis.Result
	if q.Arm == "" || q.Reference == "" {
		return analysis.Paired{}, nil, r, fmt.Errorf("%w: a comparison needs an arm and a reference: --arm NAME --reference NAME", analysis.ErrOptions)
	}
	p, err := in.Pair(q)
	if err != nil {
		return p, nil, r, err
	}
	groups, excluded, err := in.Groups(q)
	if err != nil {
		return p, nil, r, err
	}
	r.Excluded, r.Warnings = excluded, followUp(groups, p)
	return p, groups, r, nil
}

// strataOf reads a column of strata by patient, the site where none is named.
func strataOf(in analysis.Input, column string) (codes []int32, levels []string, err error) {
	if column != "" {
		return in.Cohort.CovariateLevels(column)
	}
	if codes, levels = in.Cohort.Attribute(datasets.RoleSite); codes == nil {
		return nil, nil, fmt.Errorf("%w: no column has role site; name the strata with strata=COLUMN", analysis.ErrCannot)
	}
	return codes, levels, nil
}

// lonely warns of strata that have patients of one arm alone.
func lonely(strata []Stratum, levels []string) []analysis.Warning {
	var names []string
	patients := 0
	for i, s := range strata {
		if (s.N1 == 0) != (s.N2 == 0) {
			names = append(names, levels[i])
			patients += s.N1 + s.N2
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return []analysis.Warning{{Code: analysis.WarnExcluded, Message: fmt.Sprintf("%d strata with %d patients have one of the arms alone and say nothing about the difference: %s", len(names), patients, joined(names, 5)), Cure: "use wider strata"}}
}

func joined(names []string, most int) string {
	s := ""
	for i, n := range names {
		if i == most {
			return fmt.Sprintf("%s and %d more", s, len(names)-most)
		}
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}

func pooledEstimates(strata []Stratum, words string, n analysis.N, groups []analysis.Group, p analysis.Paired, q analysis.Question, o StratifiedOptions) []analysis.Estimate {
	m := Pool(strata)
	base := func(term string, scale analysis.Scale, how, r string) analysis.Estimate {
		e := start(term, scale, groups[0], &groups[1], p)
		e.Definition, e.N = words, n
		e.Method = analysis.Method{Name: how + fmt.Sprintf(", Mantel-Haenszel over %d strata", m.Used), R: r, Ref: "Greenland and Robins 1985, 10.2307/2530643"}
		return e
	}
	rd := base("risk_difference", analysis.ScaleRiskDiff, "difference of shares, "+o.Variance+" standard error", `metafor::rma.mh(measure = "RD", correct = FALSE)`)
	rr := base("risk_ratio", analysis.ScaleRatio, "ratio of shares", `metafor::rma.mh(measure = "RR")`)
	or := base("odds_ratio", analysis.ScaleRatio, "odds ratio, Robins-Breslow-Greenland standard error", `mantelhaen.test(correct = FALSE)`)
	logit := base("odds_ratio_logit", analysis.ScaleRatio, "", "glm(y ~ arm + stratum, binomial)")
	logit.Method.Name, logit.Method.Ref = fmt.Sprintf("odds ratio of a logistic regression on arm and %d strata", m.Used), "Breslow and Day 1980, chapter 7"
	exact := base("odds_ratio_exact", analysis.ScaleRatio, "conditional odds ratio", "mantelhaen.test(exact = TRUE)")
	bd := base("homogeneity", analysis.ScaleCount, "Breslow-Day test of one odds ratio, corrected by Tarone; the value is the chi-square statistic", `DescTools::BreslowDayTest(correct = TRUE)`)
	cmh, cmhP := m.CMH, m.CMHP
	if o.Correct {
		cmh, cmhP = m.Corrected, m.CorrectedP
	}
	if m.Used == 0 {
		none := func(e analysis.Estimate) analysis.Estimate {
			return e.Warn(analysis.WarnTooFew, "no stratum has patients of both arms", "use wider strata")
		}
		return []analysis.Estimate{none(rd), none(rr), none(or), none(logit), none(exact), none(bd)}
	}
	se := m.SatoSE
	if o.Variance == "greenland-robins" {
		se = m.GreenlandRobinsSE
	}
	test := func(e analysis.Estimate, sign float64) analysis.Estimate {
		if !math.IsNaN(cmh) {
			e.Statistic, e.P = analysis.Num(math.Copysign(math.Sqrt(cmh), sign)), analysis.Num(cmhP)
			if o.Correct {
				e.Method.Name += "; p with continuity correction"
			}
		}
		return e
	}
	rd.Value = analysis.Num(m.RD)
	if se > 0 {
		rd.SE = analysis.Num(se)
		rd.CI = analysis.NormalInterval(m.RD, se, q.Level)
		rd.CI.Low, rd.CI.High = max(rd.CI.Low, -1), min(rd.CI.High, 1)
		rd = test(rd, m.RD)
	} else {
		rd = rd.Warn(analysis.WarnNoVariance, "every stratum has all or none improved in both arms, so there is no error to give", "use effect/responders, whose intervals hold at such counts")
	}
	zero := func(e analysis.Estimate) analysis.Estimate {
		return e.Warn(analysis.WarnSmallCount, "one of the arms has no event, or no patient without one, in any stratum that counts: the ratio is not defined", "use the risk difference")
	}
	onLog := func(e analysis.Estimate, log, se float64) analysis.Estimate {
		if math.IsNaN(log) {
			return zero(e)
		}
		v := math.Exp(log)
		e.Value, e.SE, e.CI = analysis.Num(v), analysis.Num(v*se), analysis.LogInterval(v, se, q.Level)
		return e
	}
	rr = onLog(rr, m.LogRR, m.LogRRSE)
	if rr.Value.OK() && m.LogRRSE > 0 {
		rr.Statistic = analysis.Num(m.LogRR / m.LogRRSE)
		rr.P = analysis.Num(analysis.NormalP(m.LogRR / m.LogRRSE))
	}
	or = onLog(or, m.LogOR, m.LogORSE)
	if or.Value.OK() {
		or = test(or, m.LogOR)
	}
	logit = onLog(logit, m.LogitOR, m.LogitSE)
	if logit.Value.OK() {
		logit.Statistic = analysis.Num(m.LogitOR / m.LogitSE)
		logit.P = analysis.Num(analysis.NormalP(m.LogitOR / m.LogitSE))
	}
	return []analysis.Estimate{rd, rr, or, logit, exactOdds(exact, strata, q.Level), m.equalOdds(bd, o.Equal)}
}

// equalOdds writes the test that one odds ratio fits every stratum.
func (m MantelHaenszel) equalOdds(e analysis.Estimate, kind string) analysis.Estimate {
	x, p := m.Tarone, m.TaroneP
	if kind == "breslow-day" {
		x, p = m.BreslowDay, m.BreslowDayP
		e.Method.Name, e.Method.R = "Breslow-Day test of one odds ratio; the value is the chi-square statistic", "DescTools::BreslowDayTest(correct = FALSE)"
	}
	if math.IsNaN(x) {
		return e.Warn(analysis.WarnTooFew, "homogeneity needs two strata with both arms, with and without events, and an odds ratio", "use fewer, wider strata")
	}
	e.Value, e.Statistic, e.DF, e.P = analysis.Num(x), analysis.Num(x), analysis.Num(m.HomogeneityDF), analysis.Num(p)
	return e
}
