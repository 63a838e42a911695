package impute

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"
)

// Pooled is a value pooled over imputations by Rubin's rules.
type Pooled struct {
	M       int     // imputations
	Value   float64 // mean over imputations
	Within  float64 // U, mean of the squared standard errors
	Between float64 // B, variance of the values, divisor m-1
	Total   float64 // T = U + (1 + 1/m) B
	// DF are Barnard and Rubin's degrees of freedom where those of the complete data are
	// finite, else Classic; Classic are Rubin's of 1987.
	DF, Classic float64
	Increase    float64 // r = (1 + 1/m) B / U, the relative increase of the variance
	Lambda      float64 // (1 + 1/m) B / T, the share of the variance that is due to missing values
	FMI         float64 // (r + 2/(df+3)) / (1 + r), the fraction of missing information
	Error       float64 // √(B/m), Monte Carlo error of Value
}

// Pool pools m values and their squared standard errors by Rubin's rules. complete are
// the degrees of freedom had nothing been missing, +Inf for a normal statistic.
//
//	ν₁₉₈₇ = (m-1)/λ²,  ν_obs = (ν_com+1)/(ν_com+3) ν_com (1-λ),  ν = ν₁₉₈₇ ν_obs/(ν₁₉₈₇+ν_obs)
//
// λ has the factor 1 + 1/m in both, as mice has it; mitools leaves it out of ν_obs. With
// one imputation there is no variance between them, and all but Value and Within are NaN.
//
// R: mice::pool.scalar(Q, U, n, k). Rubin 1987, 10.1002/9780470316696; Barnard and
// Rubin 1999, 10.1093/biomet/86.4.948.
func Pool(values, variances []float64, complete float64) Pooled {
	m := float64(len(values))
	p := Pooled{M: len(values)}
	for i, v := range values {
		p.Value += (v - values[0]) / m
		p.Within += variances[i] / m
	}
	p.Value += values[0]
	for _, v := range values {
		p.Between += float64((v - p.Value) * (v - p.Value))
	}
	p.Between /= m - 1 // 0/0 for one imputation
	more := (1 + 1/m) * p.Between
	p.Total = p.Within + more
	p.Increase, p.Lambda, p.Error = more/p.Within, more/p.Total, math.Sqrt(p.Between/m)
	p.Classic = (m - 1) / (p.Lambda * p.Lambda)
	p.DF = p.Classic
	if !math.IsInf(complete, 1) {
		observed := (complete + 1) / (complete + 3) * complete * (1 - p.Lambda)
		p.DF = observed
		if !math.IsInf(p.Classic, 1) {
			p.DF = p.Classic * observed / (p.Classic + observed)
		}
	}
	p.FMI = (p.Increase + 2/(p.DF+3)) / (1 + p.Increase)
	return p
}

// Joint is a test of several coefficients at once over imputations.
type Joint struct {
	F, DF1, DF2 float64
	Increase    float64 // the average relative increase of the variance
}

// P returns the p value of the test.
func (j Joint) P() float64 {
	if !(j.F > 0) {
		return 1
	}
	if math.IsInf(j.DF2, 1) {
		return mathext.GammaIncRegComp(j.DF1/2, j.DF1*j.F/2)
	}
	return mathext.RegIncBeta(j.DF2/2, j.DF1/2, j.DF2/(j.DF2+j.DF1*j.F))
}

// PoolWald tests whether coefficients are all zero from their values and covariances in
// each imputation, by one relative increase r for all:
//
//	r = (1 + 1/m) tr(B Ū⁻¹)/k,  F = q̄' Ū⁻¹ q̄ / (k (1 + r))
//
// with Reiter's degrees of freedom where those of the complete data are finite.
//
// R: mice::D1. Li, Raghunathan and Rubin 1991, 10.1080/01621459.1991.10475152; Reiter
// 2007, 10.1093/biomet/asm028.
func PoolWald(values [][]float64, covariances []*mat.SymDense, complete float64) (Joint, error) {
	m, k := len(values), len(values[0])
	mean := mat.NewVecDense(k, nil)
	within := mat.NewSymDense(k, nil)
	for i := range values {
		mean.AddScaledVec(mean, 1/float64(m), mat.NewVecDense(k, values[i]))
		for a := range k {
			for b := a; b < k; b++ {
				within.SetSym(a, b, within.At(a, b)+covariances[i].At(a, b)/float64(m))
			}
		}
	}
	between := mat.NewSymDense(k, nil)
	for i := range values {
		d := mat.NewVecDense(k, nil)
		d.SubVec(mat.NewVecDense(k, values[i]), mean)
		between.SymRankOne(between, 1/float64(m-1), d)
	}
	var chol mat.Cholesky
	if m < 2 || !chol.Factorize(within) {
		return Joint{}, fmt.Errorf("expected two imputations and a covariance of full rank")
	}
	var ub mat.Dense
	var uq mat.VecDense
	if chol.SolveTo(&ub, between) != nil || chol.SolveVecTo(&uq, mean) != nil {
		return Joint{}, fmt.Errorf("expected a covariance of full rank")
	}
	j := Joint{DF1: float64(k), Increase: (1 + 1/float64(m)) * mat.Trace(&ub) / float64(k)}
	j.F = mat.Dot(mean, &uq) / float64(k) / (1 + j.Increase)
	t := float64(k * (m - 1))
	if math.IsInf(complete, 1) || t <= 4 {
		j.DF2 = jointDF(t, float64(k), j.Increase)
		return j, nil
	}
	j.DF2 = reiterDF(t, j.Increase, complete)
	return j, nil
}

// jointDF are Li, Raghunathan and Rubin's denominator degrees of freedom.
func jointDF(t, k, r float64) float64 {
	if t > 4 {
		x := 1 + (1-2/t)/r
		return 4 + (t-4)*x*x
	}
	return t * (1 + 1/k) * (1 + 1/r) * (1 + 1/r) / 2
}

func reiterDF(t, r, complete float64) float64 {
	a := r * t / (t - 2)
	v := (complete + 1) / (complete + 3) * complete
	c0, c1, c2 := 1/(t-4), v-2*(1+a), v-4*(1+a)
	z := 1/c2 + c0*(a*a*c1/((1+a)*(1+a)*c2)+8*a*a*c1/((1+a)*c2*c2)+4*a*a/((1+a)*c2)+
		4*a*a/(c2*c1)+16*a*a*c1/(c2*c2*c2)+8*a*a/(c2*c2))
	return 4 + 1/z
}

// PoolChiSquare tests k coefficients at once from a chi-square statistic of each
// imputation, where their covariances are not at hand; it is the weakest of the three.
//
// R: mice::D2. Li, Meng, Raghunathan and Rubin 1991, Statistica Sinica 1, 65-92.
func PoolChiSquare(statistics []float64, k int) Joint {
	m := float64(len(statistics))
	mean, roots := 0.0, 0.0
	for _, d := range statistics {
		mean += d / m
		roots += math.Sqrt(d) / m
	}
	spread := 0.0
	for _, d := range statistics {
		spread += (math.Sqrt(d) - roots) * (math.Sqrt(d) - roots) / (m - 1)
	}
	r := (1 + 1/m) * spread
	return Joint{
		F:   (mean/float64(k) - (m+1)/(m-1)*r) / (1 + r),
		DF1: float64(k), DF2: math.Pow(float64(k), -3/m) * (m - 1) * (1 + 1/r) * (1 + 1/r), Increase: r,
	}
}

// PoolLikelihood tests k coefficients at once from likelihood ratio statistics (twice the
// difference of log likelihoods) of m imputations: their mean at each imputation's own
// estimates, and their mean at the pooled ones.
//
// R: mice::D3. Meng and Rubin 1992, 10.1093/biomet/79.1.103.
func PoolLikelihood(own, pooled float64, m, k int) Joint {
	r := float64(m+1) / float64(k*(m-1)) * (own - pooled)
	return Joint{
		F: pooled / (float64(k) * (1 + r)), DF1: float64(k),
		DF2: jointDF(float64(k*(m-1)), float64(k), r), Increase: r,
	}
}
