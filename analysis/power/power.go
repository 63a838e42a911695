// Package power works out how many patients a comparison needs and what it can
// find: by exact non-central distributions where they exist, else by the named
// normal approximation.
package power

import (
	"context"
	"fmt"
	"math"

	"recoup/analysis"
)

// TTest returns the power of a t test of a difference delta (in standard
// deviations) with n₁ and n₂ patients; of one sample, or of pairs, with n₂ 0, where
// delta is in standard deviations of the change. n need not be whole. With two
// sides both tails count.
//
// R: power.t.test(strict = TRUE), pwr::pwr.t2n.test, pwr.t.test(type = "paired").
func TTest(delta, n1, n2, alpha float64, sides int) float64 {
	df, root := n1-1, math.Sqrt(n1)
	if n2 > 0 {
		df, root = n1+n2-2, math.Sqrt(n1*n2/(n1+n2))
	}
	if !(df > 0) {
		return math.NaN()
	}
	q := analysis.TQuantile(df, 1-2*alpha/float64(sides))
	p := 1 - analysis.NoncentralTCDF(q, df, delta*root)
	if sides == 2 {
		p += analysis.NoncentralTCDF(-q, df, delta*root)
	}
	return p
}

// Solve returns the number at which a rising power reaches the one wanted, NaN
// where even ten million do not.
func Solve(power func(n float64) float64, wanted, from float64) float64 {
	low, high := from, from*2
	if power(low) >= wanted {
		return low
	}
	for !(power(high) >= wanted) {
		if low, high = high, high*2; high > 1e7 {
			return math.NaN()
		}
	}
	for high-low > 1e-12*high {
		mid := low + (high-low)/2
		if mid == low || mid == high {
			break
		}
		if power(mid) >= wanted {
			high = mid
		} else {
			low = mid
		}
	}
	return low + (high-low)/2
}

// upper returns the normal quantile that leaves alpha/sides above.
func upper(alpha float64, sides int) float64 {
	return analysis.NormalQuantile(1 - 2*alpha/float64(sides))
}

func normalCDF(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// Proportions returns the power of the chi-square test of two proportions with n₁
// and n₂ patients, by the normal approximation with the pooled variance under no
// difference. With strict both tails count.
//
// R: power.prop.test(strict), for equal groups. Fleiss, Tytun and Ury 1980,
// 10.2307/2529990.
func Proportions(p1, p2, n1, n2, alpha float64, sides int, strict bool) float64 {
	pool := (n1*p1 + n2*p2) / (n1 + n2)
	null := upper(alpha, sides) * math.Sqrt(pool*(1-pool)*(1/n1+1/n2))
	sd := math.Sqrt(p1*(1-p1)/n1 + p2*(1-p2)/n2)
	d := math.Abs(p1 - p2)
	p := normalCDF((d - null) / sd)
	if strict && sides == 2 {
		p += normalCDF((-d - null) / sd)
	}
	return p
}

// Arcsine returns the power of a test of two proportions on the arcsine scale,
// where h = 2 asin √p₁ - 2 asin √p₂ has the same variance whatever the shares.
//
// R: pwr::pwr.2p2n.test(h, n1, n2). Cohen 1988, 10.4324/9780203771587, chapter 6.
func Arcsine(h, n1, n2, alpha float64, sides int) float64 {
	root, z := math.Sqrt(n1*n2/(n1+n2)), upper(alpha, sides)
	p := normalCDF(h*root - z)
	if sides == 2 {
		p += normalCDF(-h*root - z)
	}
	return p
}

// EffectH returns Cohen's h of two proportions. R: pwr::ES.h(p1, p2).
func EffectH(p1, p2 float64) float64 {
	return 2*math.Asin(math.Sqrt(p1)) - 2*math.Asin(math.Sqrt(p2))
}

// DesignEffect returns by how much clusters of a mean size raise the variance, with
// intracluster correlation icc and coefficient of variation cv of their sizes:
//
//	1 + ((1 + cv²) size - 1) icc
//
// Eldridge, Ashby and Kerry 2006, 10.1093/ije/dyl129.
func DesignEffect(size, icc, cv float64) float64 { return 1 + ((1+cv*cv)*size-1)*icc }

// Ancova returns by how much adjusting for a baseline with that correlation lowers
// the variance, 1 - r². Borm, Fransen and Lemmens 2007,
// 10.1016/j.jclinepi.2007.02.006.
func Ancova(r float64) float64 { return 1 - r*r }

// SchoenfeldEvents returns the events that a log-rank test needs for a hazard
// ratio, with the share of patients in the arm: (z + z)²/(share (1-share) log² HR).
//
// R: 4 * (qnorm(.975) + qnorm(.8))^2 / log(hr)^2. Schoenfeld 1981,
// 10.1093/biomet/68.1.316.
func SchoenfeldEvents(hr, power, alpha, share float64, sides int) float64 {
	z := upper(alpha, sides) + upper(1-power, 1)
	l := math.Log(hr)
	return z * z / (share * (1 - share) * l * l)
}

// FreedmanEvents returns the same by Freedman for equal arms,
// ((HR+1)/(HR-1))² (z + z)². Freedman 1982, 10.1002/sim.4780010204.
func FreedmanEvents(hr, power, alpha float64, sides int) float64 {
	z := upper(alpha, sides) + upper(1-power, 1)
	r := (hr + 1) / (hr - 1)
	return r * r * z * z
}

// common are the checks that all designs share.
func common(alpha, power, ratio, patients, dropout float64, sides int) error {
	switch {
	case !(alpha > 0 && alpha < 0.5):
		return fmt.Errorf("%w: expected alpha between 0 and 0.5", analysis.ErrOptions)
	case !(power > 0 && power < 1):
		return fmt.Errorf("%w: expected a power between 0 and 1", analysis.ErrOptions)
	case !(ratio > 0):
		return fmt.Errorf("%w: expected a ratio above zero", analysis.ErrOptions)
	case dropout < 0 || dropout >= 1:
		return fmt.Errorf("%w: expected a dropout of at least 0 and under 1", analysis.ErrOptions)
	case !(patients >= 0):
		return fmt.Errorf("%w: expected a number of patients, or 0 to find it", analysis.ErrOptions)
	case sides != 1 && sides != 2:
		return fmt.Errorf("%w: expected 1 or 2 sides", analysis.ErrOptions)
	}
	return nil
}

// needed is the patients given, or those with which a rising power reaches the one
// wanted.
func needed(given float64, power func(n float64) float64, wanted, from float64) float64 {
	if given > 0 {
		return given
	}
	return Solve(power, wanted, from)
}

// estimates returns the numbers of a design: patients to analyse and to recruit,
// and the power that whole numbers of patients have.
func estimates(arm, reference, dropout float64, reached func(n1, n2 float64) float64, how, r, ref string) []analysis.Estimate {
	make1 := func(term string, scale analysis.Scale, v float64, unit string) analysis.Estimate {
		e := analysis.NewEstimate(term, scale)
		e.Unit, e.Value = unit, analysis.Num(v)
		e.Method = analysis.Method{Name: how, R: r, Ref: ref}
		if !e.Value.OK() {
			e = e.Warn(analysis.WarnAssumption, "the patients are too few for the test, or no number under ten million reaches the power", "expect a larger difference, or give more patients")
		}
		return e
	}
	a, b := math.Ceil(arm-1e-9), math.Ceil(reference-1e-9)
	out := []analysis.Estimate{make1("n_arm_exact", analysis.ScaleCount, arm, "patients"), make1("n_arm", analysis.ScaleCount, a, "patients")}
	if reference > 0 || math.IsNaN(reference) {
		out = append(out, make1("n_reference", analysis.ScaleCount, b, "patients"))
	}
	out = append(out, make1("n_recruited", analysis.ScaleCount, math.Ceil(a/(1-dropout)-1e-9)+math.Ceil(b/(1-dropout)-1e-9), "patients"))
	reach := math.NaN()
	if !math.IsNaN(a) {
		reach = reached(a, b)
	}
	return append(out, make1("power", analysis.ScaleProportion, reach, ""))
}

// MeansOptions are the settings of power/means.
type MeansOptions struct {
	Difference  float64 `opt:"difference" doc:"that is to be found, in the outcome's unit; above zero is better for noninferiority"`
	SD          float64 `opt:"sd" doc:"standard deviation in each arm; of the change, with design=paired"`
	Design      string  `opt:"design" doc:"two arms, or change in one" choices:"parallel|paired"`
	Correlation float64 `opt:"correlation" doc:"of baseline and outcome, where the analysis adjusts for baseline; 0 for no adjustment"`
	Margin      float64 `opt:"margin" doc:"of noninferiority: the test is one-sided, that the arm is worse by less than this; 0 for superiority"`
	ClusterSize float64 `opt:"cluster_size" doc:"patients a cluster; 1 for none"`
	ICC         float64 `opt:"icc" doc:"intracluster correlation"`
	ClusterCV   float64 `opt:"cluster_cv" doc:"coefficient of variation of cluster sizes"`
	Power       float64 `opt:"power" doc:"wanted"`
	Alpha       float64 `opt:"alpha" doc:"of the test, over its sides"`
	Sides       int     `opt:"sides" doc:"1 or 2; noninferiority is always of 1"`
	Ratio       float64 `opt:"ratio" doc:"patients in the reference for one in the arm"`
	Patients    float64 `opt:"patients" doc:"in the arm, where the power of so many is asked; 0 to find how many reach the power wanted"`
	Dropout     float64 `opt:"dropout" doc:"share of patients who will not be seen"`
}

// Means is power/means: patients for a comparison of means.
var Means = analysis.New(analysis.Analysis{
	Name:     "power/means",
	Title:    "Patients needed to compare means",
	Estimand: "the number of patients with which a t test finds a difference of that size with the power wanted",
	Doc: `Terms: n_arm_exact (not rounded), n_arm and n_reference (rounded up), n_recruited (both, with dropout), power (of the rounded numbers). With patients= the number is given and its power is found.
Exact for normal values of equal variance: power = P(|T| > t) with T non-central t, both tails counted. design=paired is of one group's change.
correlation multiplies the variance by 1 - r² (baseline-adjusted analysis), clusters by 1 + ((1 + cv²) size - 1) icc, both as large-sample factors; few clusters need more.
margin turns it into noninferiority: one-sided at alpha, difference + margin to be found (alpha=0.025 is usual).
Nothing is read from the cohort.
R: power.t.test(delta, sd, power, strict = TRUE); pwr::pwr.t2n.test.`,
	Refs: []string{"Cohen 1988, 10.4324/9780203771587", "Borm, Fransen and Lemmens 2007, 10.1016/j.jclinepi.2007.02.006", "Eldridge, Ashby and Kerry 2006, 10.1093/ije/dyl129", "Julious 2004, 10.1002/sim.1783 (noninferiority)"},
}, MeansOptions{Difference: 1, SD: 2, Design: "parallel", ClusterSize: 1, Power: 0.8, Alpha: 0.05, Sides: 2, Ratio: 1}, means)

func means(_ context.Context, _ analysis.Input, _ analysis.Question, o MeansOptions) (analysis.Result, error) {
	if err := common(o.Alpha, o.Power, o.Ratio, o.Patients, o.Dropout, o.Sides); err != nil {
		return analysis.Result{}, err
	}
	if !(o.SD > 0) || !(math.Abs(o.Correlation) < 1) || o.ClusterSize < 1 || o.ICC < 0 || o.ICC > 1 || o.ClusterCV < 0 || o.Margin < 0 {
		return analysis.Result{}, fmt.Errorf("%w: expected sd above zero, a correlation between -1 and 1, clusters of at least 1, icc from 0 to 1, and no negative margin", analysis.ErrOptions)
	}
	find, sides := math.Abs(o.Difference), o.Sides
	if o.Margin > 0 {
		find, sides = o.Difference+o.Margin, 1
	}
	if !(find > 0) {
		return analysis.Result{}, fmt.Errorf("%w: expected a difference other than zero, or over minus the margin", analysis.ErrOptions)
	}
	inflate := Ancova(o.Correlation) * DesignEffect(o.ClusterSize, o.ICC, o.ClusterCV)
	delta := find / o.SD / math.Sqrt(inflate)
	reached := func(n1, n2 float64) float64 { return TTest(delta, n1, n2, o.Alpha, sides) }
	how := fmt.Sprintf("non-central t, difference %g, SD %g, alpha %g, %d-sided, variance factor %.4g", o.Difference, o.SD, o.Alpha, sides, inflate)
	if o.Margin > 0 {
		how += fmt.Sprintf(", noninferiority margin %g", o.Margin)
	}
	var n1, n2 float64
	if o.Design == "paired" {
		n1 = needed(o.Patients, func(n float64) float64 { return reached(n, 0) }, o.Power, 2)
	} else {
		n1 = needed(o.Patients, func(n float64) float64 { return reached(n, n*o.Ratio) }, o.Power, math.Max(2, 2/o.Ratio))
		n2 = n1 * o.Ratio
	}
	return analysis.Result{Estimates: estimates(n1, n2, o.Dropout, reached, how, "power.t.test(delta, sd, power, strict = TRUE)", "Cohen 1988, 10.4324/9780203771587")}, nil
}

// SharesOptions are the settings of power/shares.
type SharesOptions struct {
	Arm         float64 `opt:"arm" doc:"share expected in the arm"`
	Reference   float64 `opt:"reference" doc:"share expected in the reference"`
	Test        string  `opt:"test" doc:"chi-square with pooled variance, or on the arcsine scale" choices:"chi-square|arcsine"`
	Margin      float64 `opt:"margin" doc:"of noninferiority: the test is one-sided, that the arm's share is lower by less than this; 0 for superiority"`
	ClusterSize float64 `opt:"cluster_size" doc:"patients a cluster; 1 for none"`
	ICC         float64 `opt:"icc" doc:"intracluster correlation"`
	ClusterCV   float64 `opt:"cluster_cv" doc:"coefficient of variation of cluster sizes"`
	Power       float64 `opt:"power" doc:"wanted"`
	Alpha       float64 `opt:"alpha" doc:"of the test, over its sides"`
	Sides       int     `opt:"sides" doc:"1 or 2; noninferiority is always of 1"`
	Ratio       float64 `opt:"ratio" doc:"patients in the reference for one in the arm"`
	Patients    float64 `opt:"patients" doc:"in the arm, where the power of so many is asked; 0 to find how many reach the power wanted"`
	Dropout     float64 `opt:"dropout" doc:"share of patients who will not be seen"`
}

// Shares is power/shares: patients for a comparison of responders.
var Shares = analysis.New(analysis.Analysis{
	Name:     "power/shares",
	Title:    "Patients needed to compare shares",
	Estimand: "the number of patients with which a test finds a difference between two shares with the power wanted",
	Doc: `Terms as power/means. test=chi-square (default) is the normal approximation with the pooled variance under no difference and both tails, as power.prop.test(strict = TRUE); test=arcsine is Cohen's h, as pwr.2p.test; the two differ in the first decimal.
margin turns it into noninferiority: one-sided, difference + margin to be found, with the variance at the shares expected (Blackwelder).
Clusters multiply the numbers by 1 + ((1 + cv²) size - 1) icc. Both are approximations: under about 10 expected in a cell plan by simulation.
Nothing is read from the cohort.
R: power.prop.test(p1, p2, power, strict = TRUE); pwr::pwr.2p2n.test(ES.h(p1, p2)).`,
	Refs: []string{"Fleiss, Tytun and Ury 1980, 10.2307/2529990", "Cohen 1988, 10.4324/9780203771587", "Blackwelder 1982, 10.1016/0197-2456(82)90024-1", "Eldridge, Ashby and Kerry 2006, 10.1093/ije/dyl129"},
}, SharesOptions{Arm: 0.5, Reference: 0.3, Test: "chi-square", ClusterSize: 1, Power: 0.8, Alpha: 0.05, Sides: 2, Ratio: 1}, sharesPower)

func sharesPower(_ context.Context, _ analysis.Input, _ analysis.Question, o SharesOptions) (analysis.Result, error) {
	if err := common(o.Alpha, o.Power, o.Ratio, o.Patients, o.Dropout, o.Sides); err != nil {
		return analysis.Result{}, err
	}
	inside := func(p float64) bool { return p > 0 && p < 1 }
	if !inside(o.Arm) || !inside(o.Reference) || o.ClusterSize < 1 || o.ICC < 0 || o.ICC > 1 || o.ClusterCV < 0 || o.Margin < 0 {
		return analysis.Result{}, fmt.Errorf("%w: expected shares between 0 and 1, clusters of at least 1, icc from 0 to 1, and no negative margin", analysis.ErrOptions)
	}
	find := o.Arm - o.Reference + o.Margin
	if find == 0 || o.Margin > 0 && find < 0 {
		return analysis.Result{}, fmt.Errorf("%w: expected a difference other than zero, or over minus the margin", analysis.ErrOptions)
	}
	inflate := DesignEffect(o.ClusterSize, o.ICC, o.ClusterCV)
	reached := func(n1, n2 float64) float64 {
		n1, n2 = n1/inflate, n2/inflate
		switch {
		case o.Margin > 0:
			sd := math.Sqrt(o.Arm*(1-o.Arm)/n1 + o.Reference*(1-o.Reference)/n2)
			return normalCDF(find/sd - upper(o.Alpha, 1))
		case o.Test == "arcsine":
			return Arcsine(math.Abs(EffectH(o.Arm, o.Reference)), n1, n2, o.Alpha, o.Sides)
		}
		return Proportions(o.Arm, o.Reference, n1, n2, o.Alpha, o.Sides, true)
	}
	how := fmt.Sprintf("%s test of %g against %g, alpha %g, %d-sided, design effect %.4g", o.Test, o.Arm, o.Reference, o.Alpha, o.Sides, inflate)
	if o.Margin > 0 {
		how = fmt.Sprintf("normal test of noninferiority by %g, shares %g and %g, alpha %g, 1-sided, design effect %.4g", o.Margin, o.Arm, o.Reference, o.Alpha, inflate)
	}
	n := needed(o.Patients, func(n float64) float64 { return reached(n, n*o.Ratio) }, o.Power, 1)
	return analysis.Result{Estimates: estimates(n, n*o.Ratio, o.Dropout, reached, how, "power.prop.test(p1, p2, power, strict = TRUE)", "Fleiss, Tytun and Ury 1980, 10.2307/2529990")}, nil
}

// EventsOptions are the settings of power/events.
type EventsOptions struct {
	HazardRatio float64 `opt:"hazard_ratio" doc:"of the arm against the reference, other than 1"`
	Arm         float64 `opt:"arm" doc:"share of the arm with the event by the end"`
	Reference   float64 `opt:"reference" doc:"share of the reference with the event by the end"`
	Formula     string  `opt:"formula" doc:"of the events needed; freedman is for equal arms" choices:"schoenfeld|freedman"`
	R2          float64 `opt:"r2" doc:"share of the variance of the arm that the covariates of a Cox model explain; 0 where arms are randomised or nothing is adjusted for"`
	Power       float64 `opt:"power" doc:"wanted"`
	Alpha       float64 `opt:"alpha" doc:"of the test, over its sides"`
	Sides       int     `opt:"sides" doc:"1 or 2"`
	Ratio       float64 `opt:"ratio" doc:"patients in the reference for one in the arm"`
	Patients    float64 `opt:"patients" doc:"in the arm, where the power of so many is asked; 0 to find how many reach the power wanted"`
	Dropout     float64 `opt:"dropout" doc:"share of patients who will not be seen"`
}

// Events is power/events: events and patients for a log-rank test.
var Events = analysis.New(analysis.Analysis{
	Name:     "power/events",
	Title:    "Events and patients needed for a log-rank test",
	Estimand: "the number of events, and of patients, with which a log-rank test finds a hazard ratio with the power wanted",
	Doc: `Terms: events, and as power/means. Schoenfeld: (z + z)²/(a (1-a) log² HR), a the share of patients in the arm; Freedman: ((HR+1)/(HR-1))² (z + z)², equal arms alone. The two differ most for large effects.
Patients = events / mean share with the event by the end. power is of the rounded numbers.
r2 divides the events by 1 - r2: a Cox regression in which covariates tell the arms apart, as in a cohort without randomisation (Hsieh and Lavori).
Assumes proportional hazards and no competing events. Nothing is read from the cohort.
R: 4 * (qnorm(.975) + qnorm(.8))^2 / log(hr)^2; powerSurvEpi::ssizeCT.default for Freedman, powerSurvEpi::powerEpi.default for r2.`,
	Refs: []string{"Schoenfeld 1981, 10.1093/biomet/68.1.316", "Freedman 1982, 10.1002/sim.4780010204", "Hsieh and Lavori 2000, 10.1016/S0197-2456(00)00104-5"},
}, EventsOptions{HazardRatio: 1.5, Arm: 0.5, Reference: 0.4, Formula: "schoenfeld", Power: 0.8, Alpha: 0.05, Sides: 2, Ratio: 1}, eventsNeeded)

func eventsNeeded(_ context.Context, _ analysis.Input, _ analysis.Question, o EventsOptions) (analysis.Result, error) {
	if err := common(o.Alpha, o.Power, o.Ratio, o.Patients, o.Dropout, o.Sides); err != nil {
		return analysis.Result{}, err
	}
	switch {
	case !(o.HazardRatio > 0) || o.HazardRatio == 1 || !(o.Arm > 0 && o.Arm <= 1) || !(o.Reference > 0 && o.Reference <= 1):
		return analysis.Result{}, fmt.Errorf("%w: expected a hazard ratio above zero other than 1, and shares over 0 and at most 1", analysis.ErrOptions)
	case !(o.R2 >= 0 && o.R2 < 1):
		return analysis.Result{}, fmt.Errorf("%w: expected r2 of at least 0 and under 1", analysis.ErrOptions)
	case o.Formula == "freedman" && o.Ratio != 1:
		return analysis.Result{}, fmt.Errorf("%w: formula=freedman is for equal arms; use formula=schoenfeld", analysis.ErrOptions)
	}
	share := 1 / (1 + o.Ratio)
	need := SchoenfeldEvents(o.HazardRatio, o.Power, o.Alpha, share, o.Sides)
	ref := "Schoenfeld 1981, 10.1093/biomet/68.1.316"
	if o.Formula == "freedman" {
		need, ref = FreedmanEvents(o.HazardRatio, o.Power, o.Alpha, o.Sides), "Freedman 1982, 10.1002/sim.4780010204"
	}
	need /= 1 - o.R2
	mean := share*o.Arm + (1-share)*o.Reference
	unit := need / math.Pow(upper(o.Alpha, o.Sides)+upper(1-o.Power, 1), 2) // events for z = 1
	reached := func(n1, n2 float64) float64 {
		return normalCDF(math.Sqrt((n1*o.Arm+n2*o.Reference)/unit) - upper(o.Alpha, o.Sides))
	}
	how := fmt.Sprintf("%s, hazard ratio %g, alpha %g, %d-sided", o.Formula, o.HazardRatio, o.Alpha, o.Sides)
	r := "4 * (qnorm(.975) + qnorm(.8))^2 / log(hr)^2"
	e := analysis.NewEstimate("events", analysis.ScaleCount)
	e.Value, e.Unit, e.Method = analysis.Num(need), "events", analysis.Method{Name: how, R: r, Ref: ref}
	n := need / mean * share
	if o.Patients > 0 {
		n = o.Patients
		e.Value, e.Method.Name = analysis.Num(n*o.Arm+n*o.Ratio*o.Reference), "expected among the patients given; "+how
	}
	return analysis.Result{Estimates: append([]analysis.Estimate{e}, estimates(n, n*o.Ratio, o.Dropout, reached, how, r, ref)...)}, nil
}
