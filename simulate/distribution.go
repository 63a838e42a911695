package simulate

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"recoup/simulate/stream"
)

// Family is the shape of a distribution of an uncertain parameter.
type Family string

// The families. Every one is sampled by its quantile function, so one uniform
// number gives one value, monotonely.
const (
	Fixed     Family = "fixed"     // always A
	Normal    Family = "normal"    // mean A, standard deviation B
	LogNormal Family = "lognormal" // median A, standard deviation of the logarithm B
	Beta      Family = "beta"      // first and second shape A, B
	Gamma     Family = "gamma"     // shape A, scale B
	Uniform   Family = "uniform"   // from A to B
)

// Distribution is a family with its two numbers; the meaning of A and B stands
// at the family.
type Distribution struct {
	Family Family
	A, B   float64
}

// BetaFromMean returns the beta distribution with a mean and standard deviation.
//
//	k = mean·(1−mean)/sd² − 1,  α = mean·k,  β = (1−mean)·k
func BetaFromMean(mean, sd float64) (Distribution, error) {
	k := mean*(1-mean)/(sd*sd) - 1
	d := Distribution{Beta, mean * k, (1 - mean) * k}
	return d, d.Check()
}

// GammaFromMean returns the gamma distribution with a mean and standard
// deviation: shape mean²/sd², scale sd²/mean.
func GammaFromMean(mean, sd float64) (Distribution, error) {
	d := Distribution{Gamma, mean * mean / (sd * sd), sd * sd / mean}
	return d, d.Check()
}

// LogNormalFromMean returns the lognormal distribution with a mean and standard
// deviation: σ² = ln(1 + sd²/mean²), median mean·e^(−σ²/2).
func LogNormalFromMean(mean, sd float64) (Distribution, error) {
	cv := sd / mean
	s2 := math.Log1p(cv * cv)
	d := Distribution{LogNormal, mean * math.Exp(-s2/2), math.Sqrt(s2)}
	return d, d.Check()
}

// LogNormalFromInterval returns the lognormal distribution with a median and the
// ends of a 95 % interval: σ = ln(high/low) / (2·1.96). The median is not the
// mean, which is larger by e^(σ²/2).
func LogNormalFromInterval(median, low, high float64) (Distribution, error) {
	d := Distribution{LogNormal, median, math.Log(high/low) / (2 * stream.Quantile(0.975))}
	return d, d.Check()
}

// LogCovariance returns the covariance matrix of the logarithms of lognormal
// variables that have these means, standard deviations and correlations, for
// CorrelationFromCovariance:
//
//	ln(1 + r·(sdᵢ/meanᵢ)·(sdⱼ/meanⱼ))
func LogCovariance(means, sds []float64, correlation [][]float64) ([][]float64, error) {
	if len(sds) != len(means) || len(correlation) != len(means) {
		return nil, fmt.Errorf("%d means, %d standard deviations and %d rows of correlations: expected as many of each", len(means), len(sds), len(correlation))
	}
	out := make([][]float64, len(means))
	for i, row := range correlation {
		if len(row) != len(means) || !(means[i] > 0) || !(sds[i] > 0) {
			return nil, fmt.Errorf("lognormal variable %d: expected a mean and standard deviation over 0 and %d correlations", i+1, len(means))
		}
		for j, r := range row {
			v := math.Log1p(r * sds[i] / means[i] * sds[j] / means[j])
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("lognormal variables %d and %d cannot have a correlation of %g with these spreads", i+1, j+1, r)
			}
			out[i] = append(out[i], v)
		}
	}
	return out, nil
}

// Dirichlet is the distribution of shares that sum to 1, by their counts.
type Dirichlet []float64

// Check says what is wrong with the counts, if anything.
func (d Dirichlet) Check() error {
	if len(d) < 2 {
		return fmt.Errorf("shares need at least two counts, and there are %d", len(d))
	}
	for i, a := range d {
		if !(a > 0) || math.IsInf(a, 0) {
			return fmt.Errorf("count %d of the shares is %g: expected it over 0", i+1, a)
		}
	}
	return nil
}

// Quantile returns the shares at uniform numbers, one for each: gamma variables
// with shapes αᵢ over their sum.
func (d Dirichlet) Quantile(u []float64) []float64 {
	out, sum := make([]float64, len(d)), 0.0
	for i, a := range d {
		out[i] = mathext.GammaIncRegInv(a, u[i])
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// Moments returns the means α/Σα and standard deviations of the shares.
func (d Dirichlet) Moments() (mean, sd []float64) {
	sum := 0.0
	for _, a := range d {
		sum += a
	}
	for _, a := range d {
		m := a / sum
		mean = append(mean, m)
		sd = append(sd, math.Sqrt(m*(1-m)/(sum+1)))
	}
	return mean, sd
}

// Check says what is wrong with the numbers of the distribution, if anything.
func (d Distribution) Check() error {
	finite := !math.IsNaN(d.A) && !math.IsInf(d.A, 0) && !math.IsNaN(d.B) && !math.IsInf(d.B, 0)
	ok := false
	switch d.Family {
	case Fixed:
		ok = finite
	case Normal:
		ok = finite && d.B > 0
	case LogNormal, Beta, Gamma:
		ok = finite && d.A > 0 && d.B > 0
	case Uniform:
		ok = finite && d.A < d.B
	default:
		return fmt.Errorf("unknown distribution %q: use fixed, normal, lognormal, beta, gamma or uniform", d.Family)
	}
	if !ok {
		return fmt.Errorf("impossible %s distribution: its spread must be positive and its mean inside its range", d.Family)
	}
	return nil
}

// Quantile returns the value below which a share u in (0, 1) of the
// distribution lies, NaN for an unknown family.
// R: qnorm, qlnorm, qbeta, qgamma, qunif.
func (d Distribution) Quantile(u float64) float64 {
	switch d.Family {
	case Fixed:
		return d.A
	case Normal:
		return d.A + float64(d.B*stream.Quantile(u))
	case LogNormal:
		return d.A * stream.Exp(float64(d.B*stream.Quantile(u)))
	case Beta:
		return mathext.InvRegIncBeta(d.A, d.B, u)
	case Gamma:
		return d.B * mathext.GammaIncRegInv(d.A, u)
	case Uniform:
		return d.A + float64((d.B-d.A)*u)
	}
	return math.NaN()
}

// SD returns the standard deviation of the distribution.
func (d Distribution) SD() float64 {
	switch d.Family {
	case Fixed:
		return 0
	case Normal:
		return d.B
	case LogNormal:
		return d.Mean() * math.Sqrt(math.Expm1(d.B*d.B))
	case Beta:
		n := d.A + d.B
		return math.Sqrt(d.A*d.B/(n+1)) / n
	case Gamma:
		return math.Sqrt(d.A) * d.B
	case Uniform:
		return (d.B - d.A) / math.Sqrt(12)
	}
	return math.NaN()
}

// Mean returns the mean of the distribution.
func (d Distribution) Mean() float64 {
	switch d.Family {
	case Fixed, Normal:
		return d.A
	case LogNormal:
		return d.A * math.Exp(d.B*d.B/2)
	case Beta:
		return d.A / (d.A + d.B)
	case Gamma:
		return d.A * d.B
	case Uniform:
		return (d.A + d.B) / 2
	}
	return math.NaN()
}
