package work

import (
	"context"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
)

// LogRankOptions are the settings of LogRankAnalysis.
type LogRankOptions struct {
	Reading
	Weights string    `opt:"weights" doc:"weight of each event time: log-rank 1, gehan n, tarone-ware √n, peto-peto Π(1-d/(n+1)), fleming-harrington S(t-)^rho (1-S(t-))^gamma" choices:"log-rank|gehan|tarone-ware|peto-peto|fleming-harrington"`
	Rho     float64   `opt:"rho" doc:"of fleming-harrington: above 0 weighs early returns; 1 is survdiff(rho = 1)"`
	Gamma   float64   `opt:"gamma" doc:"of fleming-harrington: above 0 weighs late returns"`
	Strata  []string  `opt:"strata" doc:"columns within whose levels the groups are compared"`
	Scores  []float64 `opt:"scores" doc:"scores of the arms in the order of the cohort file, for the test of trend; by default 1, 2, 3 ..."`
}

// LogRankAnalysis is work/logrank: whether groups return at the same rate.
var LogRankAnalysis = analysis.New(analysis.Analysis{
	Name:     "work/logrank",
	Title:    "Test of equal return to work (log-rank family)",
	Estimand: "whether the rate of return to work is the same in all arms over all of follow-up, against a difference that does not change its sign",
	Doc: `U = Σ w (dⱼ - d nⱼ/n) over the days with returns, V its hypergeometric variance, chi-square U'V⁻¹U.
Terms: observed_less_expected of each arm (weighted), test (all arms), and with three or
more arms trend (over scores).
Weights w: log-rank 1; gehan n (Gehan, Breslow, Wilcoxon); tarone-ware √n; peto-peto
Π(1-d/(n+1)) up to the day, as in SAS and Stata; fleming-harrington S(t-)^rho (1-S(t-))^gamma
with the pooled Kaplan-Meier estimate just before the day: R's survdiff(rho = 1) is rho=1,
and differs from peto-peto.
With strata, U and V are summed over strata, and so are S and n within them.
Choose the weights before seeing the curves. Ties: hypergeometric, no correction.
R: survival::survdiff(Surv(time, event) ~ arm + strata(s), rho).`,
	Refs: []string{
		"Mantel 1966, Cancer Chemother Rep 50:163", "Peto and Peto 1972, 10.2307/2344317",
		"Harrington and Fleming 1982, 10.1093/biomet/69.3.553", "Tarone and Ware 1977, 10.1093/biomet/64.1.156", "Tarone 1975, 10.1093/biomet/62.3.679",
	},
	Definitions: named(),
}, LogRankOptions{Reading: reading, Weights: WeightLogRank, Rho: 1}, runLogRank)

func runLogRank(_ context.Context, in analysis.Input, q analysis.Question, o LogRankOptions) (analysis.Result, error) {
	if o.Rho < 0 || o.Gamma < 0 {
		return analysis.Result{}, fmt.Errorf("%w: expected rho and gamma not below 0", analysis.ErrOptions)
	}
	s, err := newSubjects(in, q, o.Reading, nil)
	if err != nil {
		return analysis.Result{}, err
	}
	k := len(s.groups)
	if k < 2 {
		return analysis.Result{}, fmt.Errorf("%w: expected two arms or more to compare: a cohort with arms, and --arm NAME --reference NAME for two of them", analysis.ErrCannot)
	}
	if len(o.Scores) > 0 && len(o.Scores) != k {
		return analysis.Result{}, fmt.Errorf("%w: expected one score for each of %d arms", analysis.ErrOptions, k)
	}
	stratum, strata, err := s.strata(o.Strata)
	if err != nil {
		return analysis.Result{}, err
	}
	w := Weighting{o.Weights, o.Rho, o.Gamma}
	t := CompareRanks(s.time, s.event, s.group, stratum, k, w)
	method := analysis.Method{Name: w.text() + " test; " + s.how(), R: "survival::survdiff(Surv(time, event) ~ arm)", Ref: "Peto and Peto 1972, 10.2307/2344317"}
	if len(strata) > 0 {
		method.Name = fmt.Sprintf("stratified (%d strata) ", len(strata)) + method.Name
		method.R = "survival::survdiff(Surv(time, event) ~ arm + strata(s))"
	}
	switch {
	case o.Weights == WeightFleming && o.Gamma == 0:
		method.R = method.R[:len(method.R)-1] + fmt.Sprintf(", rho = %g)", o.Rho)
	case o.Weights == WeightFleming:
		method.R = fmt.Sprintf("survMisc::comp(survMisc::ten(Surv(time, event) ~ arm), p = %g, q = %g)", o.Rho, o.Gamma)
	case o.Weights != WeightLogRank:
		method.R = "survMisc::comp(survMisc::ten(Surv(time, event) ~ arm))"
	}
	var out analysis.Result
	for g := range s.groups {
		out.Estimates = append(out.Estimates, s.beyondExpected(t, g, method))
		out.Series = append(out.Series, s.curve(g))
	}
	out.Estimates = append(out.Estimates, s.test("test", t.ChiSq, t.DF, t.P, method))
	if k > 2 {
		out.Estimates = append(out.Estimates, s.trend(t, o.Scores, method))
	}
	s.result(&out)
	return out, nil
}

func (w Weighting) text() string {
	if w.Kind == WeightFleming {
		return fmt.Sprintf("Fleming-Harrington (rho %g, gamma %g)", w.Rho, w.Gamma)
	}
	return map[string]string{WeightLogRank: "Log-rank", WeightGehan: "Gehan-Breslow", WeightTaroneWare: "Tarone-Ware", WeightPetoPeto: "Peto-Peto"}[w.Kind]
}

func (s *subjects) beyondExpected(t RankTest, g int, m analysis.Method) analysis.Estimate {
	e := s.estimate("observed_less_expected", analysis.ScaleDifference, g, -1)
	e.Unit, e.Method = "returns beyond those expected", m
	if math.IsNaN(t.ChiSq) {
		return nothingToTest(e)
	}
	e.Value, e.SE = analysis.Num(t.Observed[g]-t.Expected[g]), wald(t.Covariance[g][g])
	return e
}

func nothingToTest(e analysis.Estimate) analysis.Estimate {
	return e.Warn(analysis.WarnTooFew, "no return happened while two groups were followed, so there is nothing to test", "follow more patients, or for longer")
}

// test is an estimate that is a chi-square.
func (s *subjects) test(term string, chisq, df, p float64, m analysis.Method) analysis.Estimate {
	e := s.estimate(term, analysis.ScaleChiSquare, -1, -1)
	e.Method = m
	if math.IsNaN(chisq) {
		return nothingToTest(e)
	}
	e.Value, e.Statistic, e.DF, e.P = analysis.Num(chisq), analysis.Num(chisq), analysis.Num(df), analysis.Num(p)
	return e
}

func (s *subjects) trend(t RankTest, scores []float64, m analysis.Method) analysis.Estimate {
	scores = slices.Clone(scores)
	for g := len(scores); g < len(s.groups); g++ {
		scores = append(scores, float64(g+1))
	}
	m.Name, m.Ref = "Trend over scores of the arms in the order of the cohort file; "+m.Name, "Tarone 1975, 10.1093/biomet/62.3.679"
	chisq, p := t.Trend(scores)
	return s.test("trend", chisq, 1, p, m)
}
