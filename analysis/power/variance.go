package power

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"recoup/analysis"
)

// FTest returns the power of an F test with u and v degrees of freedom and that
// non-centrality, by the Poisson mixture of beta distributions.
//
// R: pf(qf(alpha, u, v, lower = FALSE), u, v, ncp, lower = FALSE).
func FTest(u, v, ncp, alpha float64) float64 {
	if !(u > 0) || !(v > 0) || !(ncp >= 0) {
		return math.NaN()
	}
	x := mathext.InvRegIncBeta(u/2, v/2, 1-alpha) // u F/(u F + v) at the critical F
	sum, mid := 0.0, math.Floor(ncp/2)
	term := func(j float64) float64 {
		lg, _ := math.Lgamma(j + 1)
		w := math.Exp(-ncp/2 - lg)
		if j > 0 {
			w = math.Exp(-ncp/2 + j*math.Log(ncp/2) - lg)
		}
		sum += w * mathext.RegIncBeta(u/2+j, v/2, x)
		return w
	}
	for j := mid; j >= 0; j-- { // outwards from the likeliest
		if term(j) < 1e-17 {
			break
		}
	}
	for j := mid + 1; ncp > 0; j++ {
		if term(j) < 1e-17 {
			break
		}
	}
	return math.Max(0, 1-sum)
}

// Groups returns the power of an analysis of variance of k groups of n patients,
// with Cohen's f, the SD of the means over that within. R: pwr::pwr.anova.test.
func Groups(f, k, n, alpha float64) float64 {
	return FTest(k-1, (n-1)*k, k*n*f*f, alpha)
}

// Regression returns the power of the test of u of the coefficients of a linear
// model with v degrees of freedom left, with Cohen's f². R: pwr::pwr.f2.test.
func Regression(f2, u, v, alpha float64) float64 {
	return FTest(u, v, f2*(u+v+1), alpha)
}

// Correlation returns the power of the test of a correlation r in n patients, by
// Fisher's z with its bias. R: pwr::pwr.r.test. Cohen 1988, chapter 3.
func Correlation(r, n, alpha float64) float64 {
	t := analysis.TQuantile(n-2, 1-alpha)
	critical := math.Atanh(math.Sqrt(t * t / (t*t + n - 2)))
	z := math.Atanh(math.Abs(r)) + math.Abs(r)/(2*(n-1))
	root := math.Sqrt(n - 3)
	return normalCDF((z-critical)*root) + normalCDF((-z-critical)*root)
}

// RegressionOptions are the settings of power/regression.
type RegressionOptions struct {
	Test        string  `opt:"test" doc:"coefficients: F test that coefficients of a linear model are zero; groups: analysis of variance of several means; correlation: of two scores, by Fisher's z" choices:"coefficients|groups|correlation"`
	R2          float64 `opt:"r2" doc:"share of the outcome's variance that the model explains with the coefficients tested"`
	Without     float64 `opt:"r2_without" doc:"share that it explains without them"`
	Tested      int     `opt:"tested" doc:"coefficients tested"`
	Others      int     `opt:"others" doc:"further coefficients of the model, the intercept left out"`
	Groups      int     `opt:"groups" doc:"of test=groups"`
	F           float64 `opt:"f" doc:"of test=groups, Cohen's f: the SD of the groups' means over the SD within groups"`
	Correlation float64 `opt:"correlation" doc:"of test=correlation, that is to be found"`
	Power       float64 `opt:"power" doc:"wanted"`
	Alpha       float64 `opt:"alpha" doc:"of the test, over both sides for a correlation"`
	Patients    float64 `opt:"patients" doc:"in all (in each group with test=groups), where the power of so many is asked; 0 to find how many reach the power wanted"`
	Dropout     float64 `opt:"dropout" doc:"share of patients who will not be seen"`
}

// RegressionTest is power/regression: patients for an F test or a correlation.
var RegressionTest = analysis.New(analysis.Analysis{
	Name:     "power/regression",
	Title:    "Patients needed for a regression, several means or a correlation",
	Estimand: "the number of patients with which coefficients of a linear model, the difference of several means, or a correlation is found with the power wanted",
	Doc: `Terms: n_exact (not rounded), n (rounded up; in each group with test=groups), n_recruited (in all, with dropout), power (of the rounded number).
  coefficients  non-central F with tested and n - tested - others - 1 degrees of freedom, non-centrality f² (tested + v + 1), v the latter, f² = (r2 - r2_without)/(1 - r2)
  groups        non-central F with groups - 1 and groups (n - 1), non-centrality groups n f²
  correlation   Fisher's z with its bias, both tails
The non-centrality of coefficients is Cohen's, of tested + v + 1 patients rather than n, as pwr has it; with others=0 the two are the same.
Assumes normal errors of equal variance. Nothing is read from the cohort.
R: pwr::pwr.f2.test, pwr.anova.test, pwr.r.test.`,
	Refs: []string{"Cohen 1988, 10.4324/9780203771587"},
}, RegressionOptions{Test: "coefficients", R2: 0.1, Tested: 1, Groups: 3, F: 0.25, Correlation: 0.3, Power: 0.8, Alpha: 0.05}, regressionTest)

func regressionTest(_ context.Context, _ analysis.Input, _ analysis.Question, o RegressionOptions) (analysis.Result, error) {
	if err := common(o.Alpha, o.Power, 1, o.Patients, o.Dropout, 2); err != nil {
		return analysis.Result{}, err
	}
	var reached func(n float64) float64
	from, how, r := 2.0, "", ""
	switch o.Test {
	case "groups":
		if o.Groups < 2 || !(o.F > 0) {
			return analysis.Result{}, fmt.Errorf("%w: expected two or more groups and f above zero", analysis.ErrOptions)
		}
		reached = func(n float64) float64 { return Groups(o.F, float64(o.Groups), n, o.Alpha) }
		how, r = fmt.Sprintf("analysis of variance of %d groups, f %g", o.Groups, o.F), "pwr::pwr.anova.test(k, f = f, power = power)"
	case "correlation":
		if o.Correlation == 0 || !(math.Abs(o.Correlation) < 1) {
			return analysis.Result{}, fmt.Errorf("%w: expected a correlation between -1 and 1 other than zero", analysis.ErrOptions)
		}
		reached, from = func(n float64) float64 { return Correlation(o.Correlation, n, o.Alpha) }, 4
		how, r = fmt.Sprintf("Fisher's z of a correlation of %g", o.Correlation), "pwr::pwr.r.test(r = r, power = power)"
	default:
		if !(o.R2 < 1) || !(o.Without >= 0) || !(o.R2 > o.Without) || o.Tested < 1 || o.Others < 0 {
			return analysis.Result{}, fmt.Errorf("%w: expected r2 under 1 and over r2_without, one or more coefficients tested, and no negative number of others", analysis.ErrOptions)
		}
		f2, u := (o.R2-o.Without)/(1-o.R2), float64(o.Tested)
		used := u + float64(o.Others) + 1
		reached, from = func(n float64) float64 { return Regression(f2, u, n-used, o.Alpha) }, used+1
		how, r = fmt.Sprintf("F test of %d coefficients beside %d, f² %.4g", o.Tested, o.Others, f2), "pwr::pwr.f2.test(u, v, f2, power = power)"
	}
	how += fmt.Sprintf(", alpha %g", o.Alpha)
	n := needed(o.Patients, reached, o.Power, from)
	es := estimates(n, 0, o.Dropout, func(n, _ float64) float64 { return reached(n) }, how, r, "Cohen 1988, 10.4324/9780203771587")
	es[0].Term, es[1].Term = "n_exact", "n"
	if o.Test == "groups" {
		es[2].Value *= analysis.Num(o.Groups)
	}
	return analysis.Result{Estimates: es}, nil
}
