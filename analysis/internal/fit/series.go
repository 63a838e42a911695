package fit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Errors of a regression on a series.
const (
	SeriesOLS       = "ols"
	SeriesNeweyWest = "newey-west"
	SeriesPrais     = "prais-winsten"   // AR(1), the first value kept
	SeriesCochrane  = "cochrane-orcutt" // AR(1), the first value dropped
	SeriesREML      = "reml"            // AR(1) by restricted likelihood
	SeriesML        = "ml"              // AR(1) by full likelihood
)

// Regression is a regression on a series of equally spaced periods, of which some
// may be missing. It is immutable.
type Regression struct {
	Coef     []float64
	Cov      *mat.SymDense
	DF       float64 // values less coefficients
	Sigma    float64 // standard deviation of the errors, not of what is new in them
	Phi      float64 // correlation of neighbours; NaN where the model has none
	Lag      int     // of Newey and West's weights; -1 without
	LogLik   float64 // NaN without a likelihood
	Gradient float64 // derivative of the deviance by φ at the end
	Residual []float64
}

// NeweyWestLag is the rule of thumb ⌊4 (n/100)^(2/9)⌋ for the lag of Newey and
// West's weights.
func NeweyWestLag(n int) int { return int(4 * math.Pow(float64(n)/100, 2.0/9)) }

// RegressSeries fits y on the columns of x, the values at ascending times. Lag is
// that of Newey and West, -1 for NeweyWestLag; adjust multiplies their covariance by
// n/(n-p). Nothing is whitened before.
//
// R: lm and sandwich::NeweyWest(lag, prewhite = FALSE, adjust); prais::prais_winsten;
// nlme::gls(correlation = corAR1(form = ~ time), method). Newey and West 1987,
// 10.2307/1913610.
func RegressSeries(y []float64, x [][]float64, time []int, how string, lag int, adjust bool) (*Regression, error) {
	l, err := LeastSquares(y, x)
	if err != nil {
		return nil, err
	}
	r := &Regression{Coef: l.Coef, DF: l.DF, Sigma: math.Sqrt(l.Sigma2), Phi: math.NaN(), Lag: -1, LogLik: math.NaN(), Residual: l.resid}
	switch how {
	case SeriesOLS:
		r.Cov, _, err = l.Covariance(CovModel, nil)
		return r, err
	case SeriesNeweyWest:
		if r.Lag = lag; lag < 0 {
			r.Lag = NeweyWestLag(len(y))
		}
		if r.Lag >= len(y) {
			return nil, fmt.Errorf("%w: a lag of %d in %d values", ErrSingular, r.Lag, len(y))
		}
		r.Cov = l.neweyWest(time, r.Lag, adjust)
		return r, nil
	}
	if !(l.Sigma2 > 0) {
		return nil, fmt.Errorf("%w: the model fits without error", ErrNoConvergence)
	}
	switch how {
	case SeriesPrais, SeriesCochrane:
		err = r.iterate(y, x, time, how == SeriesCochrane)
	case SeriesREML, SeriesML:
		err = r.maximise(y, x, time, how == SeriesREML)
	default:
		return nil, fmt.Errorf("no errors called %q", how)
	}
	if err != nil {
		return nil, err
	}
	r.Residual = make([]float64, len(y))
	for i := range y {
		r.Residual[i] = y[i]
		for j := range x {
			r.Residual[i] -= float64(x[j][i] * r.Coef[j])
		}
	}
	return r, nil
}

// neweyWest weights products of residuals that lie k periods apart by 1 - k/(lag+1).
func (l *Linear) neweyWest(time []int, lag int, adjust bool) *mat.SymDense {
	n, p := l.x.Dims()
	meat := mat.NewDense(p, p, nil)
	for i := range n {
		for j := i; j < n && time[j]-time[i] <= lag; j++ {
			w := (1 - float64(time[j]-time[i])/float64(lag+1)) * l.resid[i] * l.resid[j]
			meat.RankOne(meat, w, l.x.RowView(i), l.x.RowView(j))
			if i != j {
				meat.RankOne(meat, w, l.x.RowView(j), l.x.RowView(i))
			}
		}
	}
	if adjust {
		meat.Scale(float64(n)/l.DF, meat)
	}
	var half, full mat.Dense
	half.Mul(l.xtxInv, meat)
	full.Mul(&half, l.xtxInv)
	out := mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			out.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	return out
}

// prewhiten takes off of each value what its predecessor foretells under an AR(1),
// and brings the rest to one variance, that of all errors; the log determinant of
// the correlation comes with it.
func prewhiten(y []float64, x [][]float64, time []int, phi float64, drop bool) (wy []float64, wx [][]float64, logDet float64) {
	wx = make([][]float64, len(x))
	for i := range y {
		rho, sd := 0.0, 1.0
		if i > 0 {
			rho = math.Pow(phi, float64(time[i]-time[i-1]))
			sd = math.Sqrt(1 - rho*rho)
			logDet += 2 * math.Log(sd)
		} else if drop {
			continue
		}
		of := func(c []float64) float64 {
			if i == 0 {
				return c[0]
			}
			return (c[i] - float64(rho*c[i-1])) / sd
		}
		wy = append(wy, of(y))
		for j := range x {
			wx[j] = append(wx[j], of(x[j]))
		}
	}
	return wy, wx, logDet
}

// neighbours estimates φ from residuals one period apart: Σ eₜeₜ₋₁ / Σ eₜ₋₁².
func neighbours(e []float64, time []int) float64 {
	product, square := 0.0, 0.0
	for i := 1; i < len(e); i++ {
		if time[i] == time[i-1]+1 {
			product += float64(e[i] * e[i-1])
			square += float64(e[i-1] * e[i-1])
		}
	}
	return product / square
}

// iterate alternates between φ and the coefficients until neither moves.
func (r *Regression) iterate(y []float64, x [][]float64, time []int, drop bool) error {
	e := r.Residual
	r.Phi = 0
	for range 500 {
		phi := neighbours(e, time)
		if !(math.Abs(phi) < 1) {
			return fmt.Errorf("%w: neighbours correlate with %.3g", ErrNoConvergence, phi)
		}
		wy, wx, _ := prewhiten(y, x, time, phi, drop)
		l, err := LeastSquares(wy, wx)
		if err != nil {
			return err
		}
		e = make([]float64, len(y))
		for i := range y {
			e[i] = y[i]
			for j := range x {
				e[i] -= float64(x[j][i] * l.Coef[j])
			}
		}
		moved := math.Abs(phi - r.Phi)
		r.Phi, r.Coef, r.DF, r.Sigma = phi, l.Coef, l.DF, math.Sqrt(l.Sigma2)
		if r.Cov, _, err = l.Covariance(CovModel, nil); err != nil {
			return err
		}
		if moved < 1e-13 {
			return nil
		}
	}
	return fmt.Errorf("%w: φ does not settle in 500 rounds", ErrNoConvergence)
}

// maximise finds φ by the (restricted) likelihood, coefficients and variance
// profiled out: by a grid and golden sections to where its derivative is taken to
// zero.
func (r *Regression) maximise(y []float64, x [][]float64, time []int, reml bool) error {
	n := float64(len(y))
	if reml {
		n -= float64(len(x))
	}
	var fitted *Linear
	deviance := func(z float64) float64 { // of φ = tanh z, which has no bounds
		wy, wx, logDet := prewhiten(y, x, time, math.Tanh(z), false)
		l, err := LeastSquares(wy, wx)
		if err != nil || !(l.Sigma2 > 0) {
			return math.Inf(1)
		}
		fitted = l
		d := n*(1+math.Log(2*math.Pi*l.Sigma2*l.DF/n)) + logDet
		if reml {
			_, inv, err := inverseScaled(l.xtxInv)
			if err != nil {
				return math.Inf(1)
			}
			d -= inv
		}
		return d
	}
	best := 0.0
	least := deviance(0)
	for k := -30; k <= 30; k++ {
		if d := deviance(float64(k) / 10); d < least {
			best, least = float64(k)/10, d
		}
	}
	if math.IsInf(least, 1) || math.Abs(best) >= 3 {
		return fmt.Errorf("%w: the correlation of neighbours goes to ±1", ErrNoConvergence)
	}
	a, b := best-0.1, best+0.1
	const golden = 0.6180339887498949
	c, d := b-golden*(b-a), a+golden*(b-a)
	fc, fd := deviance(c), deviance(d)
	for b-a > 1e-6 {
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - golden*(b-a)
			fc = deviance(c)
		} else {
			a, c, fc = c, d, fd
			d = a + golden*(b-a)
			fd = deviance(d)
		}
	}
	z, slope := (a+b)/2, 0.0
	for range 4 {
		const h = 1e-3
		l2, l1, m, u1, u2 := deviance(z-2*h), deviance(z-h), deviance(z), deviance(z+h), deviance(z+2*h)
		slope = (l2 - 8*l1 + 8*u1 - u2) / (12 * h)
		if curve := (-l2 + 16*l1 - 30*m + 16*u1 - u2) / (12 * h * h); curve > 0 && math.Abs(slope/curve) < 1e-4 {
			z -= slope / curve
		}
	}
	r.LogLik, r.Phi, r.Gradient = -deviance(z)/2, math.Tanh(z), slope
	r.Coef, r.Sigma = fitted.Coef, math.Sqrt(fitted.Sigma2*fitted.DF/n)
	var err error
	// As nlme has it, errors are by the variance with n - p, also by full likelihood.
	r.Cov, _, err = fitted.Covariance(CovModel, nil)
	return err
}

// DurbinWatson is Σ(eₜ - eₜ₋₁)²/Σeₜ² over residuals one period apart; 2 without
// correlation of neighbours. R: lmtest::dwtest
func DurbinWatson(e []float64, time []int) float64 {
	s, square := 0.0, 0.0
	for i, v := range e {
		square += float64(v * v)
		if i > 0 && time[i] == time[i-1]+1 {
			s += float64((v - e[i-1]) * (v - e[i-1]))
		}
	}
	return s / square
}

// Autocorrelation returns the correlations of residuals 1 to lags periods apart,
// about zero, with the whole sum of squares below. R: acf(e) of residuals with mean 0.
func Autocorrelation(e []float64, time []int, lags int) []float64 {
	out, square := make([]float64, lags), 0.0
	for i, v := range e {
		square += float64(v * v)
		for j := range i {
			if k := time[i] - time[j]; k <= lags {
				out[k-1] += float64(v * e[j])
			}
		}
	}
	for k := range out {
		out[k] /= square
	}
	return out
}
