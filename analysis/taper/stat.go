package taper

import (
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
)

const (
	refWilson   = "Wilson 1927, 10.1080/01621459.1927.10502953"
	refNewcombe = "Newcombe 1998, 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I"
	refWelch    = "Welch 1947, 10.1093/biomet/34.1-2.28"
)

// moments returns the mean and the variance with n-1, each NaN without enough
// values.
func moments(x []float64) (mean, variance float64) {
	if len(x) == 0 {
		return math.NaN(), math.NaN()
	}
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	mean = sum / float64(len(x))
	if len(x) == 1 {
		return mean, math.NaN()
	}
	ss := 0.0
	for _, v := range x {
		ss += (v - mean) * (v - mean)
	}
	return mean, ss / float64(len(x)-1)
}

func ascending(x []float64) []float64 {
	out := slices.Clone(x)
	slices.Sort(out)
	return out
}

// withMean fills in a mean with its t interval.
func withMean(e analysis.Estimate, x []float64, level float64) analysis.Estimate {
	m, v := moments(x)
	e.Value, e.N.Arm = analysis.Num(m), len(x)
	e.Method.R = "t.test(x)"
	switch {
	case len(x) == 0:
		return e.Warn(analysis.WarnTooFew, "no patient has the doses needed", "record the dose of more patients in these days, or choose other days")
	case len(x) == 1:
		return e.Warn(analysis.WarnTooFew, "one patient gives no standard error", "record the dose of more patients in these days")
	case v == 0:
		return e.Warn(analysis.WarnNoVariance, "all patients have the same value, so there is no standard error", "include more patients")
	}
	se := math.Sqrt(v / float64(len(x)))
	e.SE, e.DF = analysis.Num(se), analysis.Num(len(x)-1)
	e.CI = analysis.TInterval(m, se, float64(len(x)-1), level)
	return e
}

// withDifference fills in the difference of two means, Welch's way.
//
//	df = (a + b)² / (a²/(n₁-1) + b²/(n₂-1)), a = s₁²/n₁, b = s₂²/n₂
//
// R: t.test(x, y).
func withDifference(e analysis.Estimate, x, y []float64, level float64) analysis.Estimate {
	m1, v1 := moments(x)
	m2, v2 := moments(y)
	e.Value, e.N.Arm, e.N.Reference = analysis.Num(m1-m2), len(x), len(y)
	e.Method.R, e.Method.Ref = "t.test(x, y)", refWelch
	n1, n2 := float64(len(x)), float64(len(y))
	a, b := v1/n1, v2/n2
	if len(x) < 2 || len(y) < 2 {
		return e.Warn(analysis.WarnTooFew, "a group of fewer than two patients gives no standard error", "record the dose of more patients in these days")
	}
	if a+b == 0 {
		return e.Warn(analysis.WarnNoVariance, "all patients of each group have the same value, so there is no standard error", "include more patients")
	}
	se := math.Sqrt(a + b)
	df := (a + b) * (a + b) / (a*a/(n1-1) + b*b/(n2-1))
	e.SE, e.DF, e.Statistic = analysis.Num(se), analysis.Num(df), analysis.Num((m1-m2)/se)
	e.P, e.CI = analysis.Num(analysis.TP((m1-m2)/se, df)), analysis.TInterval(m1-m2, se, df, level)
	return e
}

// withShare fills in a share with its Wilson interval; the standard error is
// √(p(1-p)/n), which there is none of at 0 and 1.
func withShare(e analysis.Estimate, x, n int, level float64) analysis.Estimate {
	e.N.Arm, e.N.Events = n, x
	e.Method.R, e.Method.Ref = fmt.Sprintf("prop.test(%d, %d, correct = FALSE)", x, n), refWilson
	if n == 0 {
		return e.Warn(analysis.WarnTooFew, "no patient is in the denominator", "record the doses of more patients in these days")
	}
	p := float64(x) / float64(n)
	e.Value, e.CI = analysis.Num(p), analysis.Wilson(x, n, level)
	if v := p * (1 - p) / float64(n); v > 0 {
		e.SE = analysis.Num(math.Sqrt(v))
	}
	return e
}

// withRiskDifference fills in a difference of shares with Newcombe's interval.
func withRiskDifference(e analysis.Estimate, x1, n1, x2, n2 int, level float64) analysis.Estimate {
	e.N.Arm, e.N.Reference, e.N.Events = n1, n2, x1
	e.Method.R, e.Method.Ref = fmt.Sprintf(`DescTools::BinomDiffCI(%d, %d, %d, %d, method = "score")`, x1, n1, x2, n2), refNewcombe
	if n1 == 0 || n2 == 0 {
		return e.Warn(analysis.WarnTooFew, "one of the groups has no patient in the denominator", "record the doses of more patients in these days")
	}
	p, q := float64(x1)/float64(n1), float64(x2)/float64(n2)
	e.Value, e.CI = analysis.Num(p-q), analysis.Newcombe(x1, n1, x2, n2, level)
	if v := p*(1-p)/float64(n1) + q*(1-q)/float64(n2); v > 0 {
		e.SE = analysis.Num(math.Sqrt(v))
	}
	return e
}

// followUp warns where too few of n patients are known.
func followUp(e analysis.Estimate, n, unknown int) analysis.Estimate {
	if float64(n-unknown) < 0.7*float64(n) {
		return e.Warn(analysis.WarnLowFollowUp, fmt.Sprintf("what is asked is known for %d of %d patients, under 70 %%", n-unknown, n),
			"record the doses of more patients, zero doses too: those who are seen may differ from those who are not")
	}
	return e
}
