package power

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
)

// SlopeVariance returns the variance of the estimated mean slope of one patient, and
// of n patients n times less, in a linear mixed model with random intercept and
// slope.
//
//	[(Σ_k w_k X_k' V_k⁻¹ X_k)⁻¹]₂₂,  V = Z D Z' + σ² I
//
// k runs over the visits at which patients are last seen, w is the share of patients
// seen last there, and D has the variances of intercept and slope and covary between
// them. times are those of the visits, seen the share of patients still seen at each
// (nil for all). It is NaN where no patient has two times.
//
// R: longpower::edland.linear.power, diggle.linear.power. Ard and Edland 2011,
// 10.3233/JAD-2011-0062.
func SlopeVariance(times, seen []float64, intercept, slope, covary, residual float64) float64 {
	total := mat.NewSymDense(2, nil)
	for k := range times {
		w := 1.0
		if k+1 < len(times) {
			w = 0
		}
		if seen != nil {
			if w = seen[k]; k+1 < len(times) {
				w -= seen[k+1]
			}
		}
		if w <= 0 {
			continue
		}
		x, v := mat.NewDense(k+1, 2, nil), mat.NewSymDense(k+1, nil)
		for i := range k + 1 {
			x.SetRow(i, []float64{1, times[i]})
			for j := i; j <= k; j++ {
				c := intercept + covary*(times[i]+times[j]) + slope*times[i]*times[j]
				if i == j {
					c += residual
				}
				v.SetSym(i, j, c)
			}
		}
		if !addInformation(total, w, x, v) {
			return math.NaN()
		}
	}
	return lastOfInverse(total)
}

// MixedVariance returns by how much more than σ² one patient's variance of the mean
// at the last visit is in a mixed model for repeated measures, with that correlation
// between visits and share of patients still seen at each.
//
//	[(Σ_k (s_k - s_k+1) R_k⁻¹)⁻¹]_JJ,  R_k the correlation of the first k visits
//
// It is NaN where nobody is seen at the last visit or r is no correlation matrix.
//
// R: longpower::power.mmrm. Lu, Luo and Chen 2008, 10.2202/1557-4679.1098.
func MixedVariance(r *mat.SymDense, seen []float64) float64 {
	visits := len(seen)
	total := mat.NewSymDense(visits, nil)
	for k := range visits {
		w := seen[k]
		if k+1 < visits {
			w -= seen[k+1]
		}
		x, v := mat.NewDense(k+1, visits, nil), mat.NewSymDense(k+1, nil)
		for i := range k + 1 {
			x.Set(i, i, 1)
			for j := i; j <= k; j++ {
				v.SetSym(i, j, r.At(i, j))
			}
		}
		if w > 0 && !addInformation(total, w, x, v) {
			return math.NaN()
		}
	}
	return lastOfInverse(total)
}

// addInformation adds w X'V⁻¹X, and reports false where V is no covariance.
func addInformation(total *mat.SymDense, w float64, x *mat.Dense, v *mat.SymDense) bool {
	var chol mat.Cholesky
	var solved, info mat.Dense
	if !chol.Factorize(v) || chol.SolveTo(&solved, x) != nil {
		return false
	}
	info.Mul(x.T(), &solved)
	for i := range total.SymmetricDim() {
		for j := i; j < total.SymmetricDim(); j++ {
			total.SetSym(i, j, total.At(i, j)+w*info.At(i, j))
		}
	}
	return true
}

func lastOfInverse(m *mat.SymDense) float64 {
	var chol mat.Cholesky
	var inverse mat.SymDense
	if !chol.Factorize(m) || chol.Cond() > 1e14 || chol.InverseTo(&inverse) != nil {
		return math.NaN()
	}
	k := m.SymmetricDim() - 1
	return inverse.At(k, k)
}

// normalDesign finds the patients with which a normal test finds delta where the
// variance of its estimate is v(1/n₁ + 1/n₂).
func normalDesign(delta, v float64, o sizes, how, r, ref string) analysis.Result {
	reached := func(n1, n2 float64) float64 {
		return normalCDF(math.Abs(delta)/math.Sqrt(v*(1/n1+1/n2)) - upper(o.Alpha, o.Sides))
	}
	z := upper(o.Alpha, o.Sides) + upper(1-o.Power, 1)
	n := z * z * v * (1 + 1/o.Ratio) / (delta * delta)
	if o.Patients > 0 {
		n = o.Patients
	}
	return analysis.Result{Estimates: estimates(n, n*o.Ratio, o.Dropout, reached, how, r, ref)}
}

// sizes are the settings that both longitudinal designs share.
type sizes struct {
	Power, Alpha, Ratio, Patients, Dropout float64
	Sides                                  int
}

// SlopesOptions are the settings of power/slopes.
type SlopesOptions struct {
	Difference  float64   `opt:"difference" doc:"of the mean slopes that is to be found, in the outcome's unit for one unit of time"`
	Times       []float64 `opt:"times" doc:"of the visits, from the first on, in one unit of time"`
	Seen        []float64 `opt:"seen" doc:"share of patients still seen at each of the times; empty for all"`
	Slope       float64   `opt:"sd_slope" doc:"standard deviation of slopes between patients; 0 where patients differ in level alone"`
	Residual    float64   `opt:"sd_residual" doc:"standard deviation of scores about a patient's own line"`
	Intercept   float64   `opt:"sd_intercept" doc:"standard deviation of levels at time 0 between patients; matters where seen is given alone"`
	Correlation float64   `opt:"correlation" doc:"of patients' levels and slopes"`
	Power       float64   `opt:"power" doc:"wanted"`
	Alpha       float64   `opt:"alpha" doc:"of the test, over its sides"`
	Sides       int       `opt:"sides" doc:"1 or 2"`
	Ratio       float64   `opt:"ratio" doc:"patients in the reference for one in the arm"`
	Patients    float64   `opt:"patients" doc:"in the arm, where the power of so many is asked; 0 to find how many reach the power wanted"`
	Dropout     float64   `opt:"dropout" doc:"share of patients of whom no visit will be had at all"`
}

// Slopes is power/slopes: patients for a comparison of rates of change.
var Slopes = analysis.New(analysis.Analysis{
	Name:     "power/slopes",
	Title:    "Patients needed to compare rates of change",
	Estimand: "the number of patients with which a linear mixed model finds a difference in mean slopes with the power wanted",
	Doc: `Terms as power/means. n = (z + z)² v (1 + 1/ratio)/difference² by a normal test, its far tail left out, with v the variance of one patient's slope in a mixed model with random intercept and slope:
  all seen: v = sd_slope² + sd_residual²/Σ(t - mean t)²
  with seen: [(Σ_k w_k X_k'V_k⁻¹X_k)⁻¹]₂₂ over the visits at which patients are last seen, missing at random
sd_slope=0 is Diggle's design of equally correlated scores: with SD s and correlation r, sd_intercept = s√r and sd_residual = s√(1-r).
Assumes straight lines, and variances known: find them in a pilot by longitudinal/mmrm or a random-slope model, and give a range. Times and slopes are in one unit.
Nothing is read from the cohort.
R: longpower::edland.linear.power(delta, t, sig2.s, sig2.e); diggle.linear.power.`,
	Refs: []string{"Ard and Edland 2011, 10.3233/JAD-2011-0062", "Diggle, Heagerty, Liang and Zeger 2002, Analysis of longitudinal data, section 2.4"},
}, SlopesOptions{Difference: 0.25, Times: []float64{0, 3, 6, 12}, Slope: 0.5, Residual: 2, Power: 0.8, Alpha: 0.05, Sides: 2, Ratio: 1}, slopes)

func slopes(_ context.Context, _ analysis.Input, _ analysis.Question, o SlopesOptions) (analysis.Result, error) {
	if err := common(o.Alpha, o.Power, o.Ratio, o.Patients, o.Dropout, o.Sides); err != nil {
		return analysis.Result{}, err
	}
	switch {
	case o.Difference == 0 || o.Slope < 0 || !(o.Residual > 0) || o.Intercept < 0 || !(math.Abs(o.Correlation) <= 1):
		return analysis.Result{}, fmt.Errorf("%w: expected a difference other than zero, sd_residual above zero, no negative standard deviation, and a correlation from -1 to 1", analysis.ErrOptions)
	case len(o.Times) < 2 || !rising(o.Times):
		return analysis.Result{}, fmt.Errorf("%w: expected two or more rising times", analysis.ErrOptions)
	case len(o.Seen) > 0 && (len(o.Seen) != len(o.Times) || !falling(o.Seen)):
		return analysis.Result{}, fmt.Errorf("%w: expected of seen as many shares as times, over 0, at most 1 and never rising", analysis.ErrOptions)
	}
	var seen []float64
	if len(o.Seen) > 0 {
		seen = o.Seen
	}
	v := SlopeVariance(o.Times, seen, o.Intercept*o.Intercept, o.Slope*o.Slope, o.Correlation*o.Intercept*o.Slope, o.Residual*o.Residual)
	how := fmt.Sprintf("linear mixed model, difference in slopes %g, variance of a slope %.4g at %d times, alpha %g, %d-sided", o.Difference, v, len(o.Times), o.Alpha, o.Sides)
	return normalDesign(o.Difference, v, sizes{o.Power, o.Alpha, o.Ratio, o.Patients, o.Dropout, o.Sides}, how, "longpower::edland.linear.power(delta, t, sig2.s, sig2.e)", "Ard and Edland 2011, 10.3233/JAD-2011-0062"), nil
}

func rising(x []float64) bool {
	for i := 1; i < len(x); i++ {
		if !(x[i] > x[i-1]) {
			return false
		}
	}
	return true
}

// falling reports shares over 0 and at most 1 that never rise.
func falling(x []float64) bool {
	for i, v := range x {
		if !(v > 0 && v <= 1) || i > 0 && v > x[i-1] {
			return false
		}
	}
	return true
}

// MixedOptions are the settings of power/mmrm.
type MixedOptions struct {
	Difference  float64   `opt:"difference" doc:"at the last visit that is to be found, in the outcome's unit"`
	SD          float64   `opt:"sd" doc:"standard deviation at the last visit in each arm; given the baseline, where the model adjusts for it"`
	Seen        []float64 `opt:"seen" doc:"share of patients still seen at each visit after the baseline; its length is the number of visits"`
	Structure   string    `opt:"structure" doc:"of the correlations: the same between all visits, or falling by its power with each visit between" choices:"cs|ar1"`
	Correlation float64   `opt:"correlation" doc:"between visits, or neighbouring ones with structure=ar1"`
	Power       float64   `opt:"power" doc:"wanted"`
	Alpha       float64   `opt:"alpha" doc:"of the test, over its sides"`
	Sides       int       `opt:"sides" doc:"1 or 2"`
	Ratio       float64   `opt:"ratio" doc:"patients in the reference for one in the arm"`
	Patients    float64   `opt:"patients" doc:"in the arm, where the power of so many is asked; 0 to find how many reach the power wanted"`
	Dropout     float64   `opt:"dropout" doc:"share of patients of whom no visit will be had at all"`
}

// Mixed is power/mmrm: patients for a mixed model for repeated measures.
var Mixed = analysis.New(analysis.Analysis{
	Name:     "power/mmrm",
	Title:    "Patients needed for a mixed model for repeated measures",
	Estimand: "the number of patients with which a mixed model for repeated measures finds a difference at the last visit with the power wanted",
	Doc: `Terms as power/means. n = (z + z)² φ sd² (1 + 1/ratio)/difference² by a normal test, its far tail left out; φ, how much a patient counts less for visits missed:
  φ = [(Σ_k (s_k - s_k+1) R_k⁻¹)⁻¹]_JJ, s_k the share of patients seen at visit k, R_k the correlations of the first k visits
φ lies between 1/s₁ (all seen at the first are seen to the end, or earlier visits tell the last one) and 1/s_J (earlier visits tell nothing).
Patients are missing at random from some visit on, alike in both arms. Few patients need slightly more, since variances are estimated.
Nothing is read from the cohort.
R: longpower::power.mmrm(Ra, ra, sigmaa, delta, power = 0.8).`,
	Refs: []string{"Lu, Luo and Chen 2008, 10.2202/1557-4679.1098"},
}, MixedOptions{Difference: 1, SD: 2, Seen: []float64{1, 0.9, 0.8, 0.7}, Structure: "cs", Correlation: 0.5, Power: 0.8, Alpha: 0.05, Sides: 2, Ratio: 1}, mixed)

func mixed(_ context.Context, _ analysis.Input, _ analysis.Question, o MixedOptions) (analysis.Result, error) {
	if err := common(o.Alpha, o.Power, o.Ratio, o.Patients, o.Dropout, o.Sides); err != nil {
		return analysis.Result{}, err
	}
	if o.Difference == 0 || !(o.SD > 0) || len(o.Seen) == 0 || !falling(o.Seen) {
		return analysis.Result{}, fmt.Errorf("%w: expected a difference other than zero, sd above zero, and shares of patients seen over 0, at most 1 and never rising", analysis.ErrOptions)
	}
	visits := len(o.Seen)
	r := mat.NewSymDense(visits, nil)
	for i := range visits {
		for j := i; j < visits; j++ {
			c := o.Correlation
			if o.Structure == "ar1" || i == j {
				c = math.Pow(o.Correlation, float64(j-i))
			}
			r.SetSym(i, j, c)
		}
	}
	phi := MixedVariance(r, slices.Clone(o.Seen))
	if math.IsNaN(phi) {
		return analysis.Result{}, fmt.Errorf("%w: expected a correlation that so many visits can have (under 1, and over -1/(visits - 1) with structure=cs)", analysis.ErrOptions)
	}
	how := fmt.Sprintf("mixed model for repeated measures, difference %g, SD %g, %s correlation %g, φ %.4g, alpha %g, %d-sided", o.Difference, o.SD, o.Structure, o.Correlation, phi, o.Alpha, o.Sides)
	return normalDesign(o.Difference, phi*o.SD*o.SD, sizes{o.Power, o.Alpha, o.Ratio, o.Patients, o.Dropout, o.Sides}, how, "longpower::power.mmrm(Ra, ra, sigmaa, delta, power = 0.8)", "Lu, Luo and Chen 2008, 10.2202/1557-4679.1098"), nil
}
