package meta

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// Tests of coefficients and their intervals.
const (
	TestZ     = "z"     // Wald, normal
	TestT     = "t"     // Wald, t with k-p degrees of freedom
	TestHK    = "hk"    // Hartung-Knapp: variance times Σwe²/(k-p), t with k-p
	TestAdhoc = "adhoc" // Hartung-Knapp, that factor never under 1
)

// Conventions of prediction intervals: what is added to τ², and the distribution.
const (
	PredictK2     = "k-2"    // classic standard error, t with k-p-1
	PredictK1     = "k-1"    // classic standard error, t with k-p
	PredictNormal = "normal" // classic standard error, normal
	PredictTest   = "test"   // standard error and distribution of the test
)

// Options say how studies are pooled.
type Options struct {
	Method     string  // FE, DL, HE, HS, SJ, ML, REML, EB or PM; REML where empty
	Test       string  // z, t, hk or adhoc; hk where empty, z with method FE
	Prediction string  // k-2, k-1, normal or test; k-2 where empty
	Level      float64 // of intervals; 0.95 where 0
}

// complete fills in defaults and refuses words it does not know.
func (o Options) complete() (Options, error) {
	if o.Method == "" {
		o.Method = REML
	}
	if o.Test == "" {
		o.Test = TestHK
		if o.Method == FE {
			o.Test = TestZ
		}
	}
	if o.Prediction == "" {
		o.Prediction = PredictK2
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	var bad []string
	check := func(name, value string, choices []string) {
		if !slices.Contains(choices, value) {
			bad = append(bad, fmt.Sprintf("%s %q; there are: %s", name, value, strings.Join(choices, ", ")))
		}
	}
	check("method", o.Method, Methods())
	check("test", o.Test, []string{TestZ, TestT, TestHK, TestAdhoc})
	check("prediction", o.Prediction, []string{PredictK2, PredictK1, PredictNormal, PredictTest})
	if !(o.Level > 0 && o.Level < 1) {
		bad = append(bad, "level: expected a number between 0 and 1")
	}
	if len(bad) > 0 {
		return o, fmt.Errorf("%w: no %s", analysis.ErrOptions, strings.Join(bad, "; no "))
	}
	return o, nil
}

// Methods lists the estimators of τ².
func Methods() []string { return []string{FE, DL, HE, HS, SJ, ML, REML, EB, PM} }

// Coefficient is one of a model: its value with what the test makes of it.
type Coefficient struct {
	Name                    string
	Value, SE, Statistic, P float64
	CI                      analysis.Interval
}

// Model is a fixed- or random-effects model of studies, with or without moderators.
type Model struct {
	Options Options
	K, Rank int // studies and coefficients
	Coef    []Coefficient
	Cov     [][]float64 // of the coefficients, as the test takes it
	DF      float64     // of t; +Inf where normal
	Factor  float64     // Hartung-Knapp: by what the variance is multiplied, 1 without

	Tau2, Tau2SE, Tau2Low, Tau2High float64 // the interval is Q-profile
	Tau2Empty                       bool    // the data vary less than chance: the interval is 0 alone
	// I2 and H2 are from τ² and the typical variance, (k-p)/tr P; I2Q is (Q-df)/Q.
	// They are equal for DL and FE alone.
	I2, I2Low, I2High, H2, I2Q float64

	Q, QDF, QP    float64   // heterogeneity, or what the moderators leave
	QM, QMDF, QMP float64   // moderators: χ² for z, else F with DF
	R2            float64   // share of τ² that moderators account for, in percent
	LogLik        float64   // restricted with method REML
	Weights       []float64 // percent, in the order of the studies

	effects []Effect
	design  *design
	fit     *weighted
}

// Pool fits a model of studies' effects. Moderators are columns, one value a study,
// without the intercept, which is always there. It works to
//
//	y ~ N(Xβ, v + τ²),  β = (X'WX)⁻¹X'Wy,  W = 1/(v+τ²)
//
// and takes variances as known. Effects must be known: leave out the others first.
// R: metafor::rma(yi, vi, mods, method, test); Viechtbauer 2010, 10.18637/jss.v036.i03;
// Hartung and Knapp 2001, 10.1002/sim.1009; Higgins, Thompson and Spiegelhalter 2009,
// 10.1111/j.1467-985X.2008.00552.x.
func Pool(effects []Effect, moderators [][]float64, names []string, o Options) (*Model, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	m, err := pool(effects, moderators, o)
	if err != nil {
		return nil, err
	}
	for i := range m.Coef {
		if m.Coef[i].Name = "intercept"; i > 0 {
			m.Coef[i].Name = names[i-1]
		}
	}
	m.describe()
	return m, nil
}

// pool is the estimates without what is told of them.
func pool(effects []Effect, moderators [][]float64, o Options) (*Model, error) {
	if len(effects) == 0 {
		return nil, fmt.Errorf("%w: there is no study with an effect and a variance", analysis.ErrCannot)
	}
	ones := make([]float64, len(effects))
	for i, e := range effects {
		if !e.known() {
			return nil, fmt.Errorf("%w: expected of every study an effect and a finite variance above 0", analysis.ErrCannot)
		}
		ones[i] = 1
	}
	d, err := newDesign(append([][]float64{ones}, moderators...))
	if err != nil {
		return nil, err
	}
	y, v := split(effects)
	t := d.estimate(o.Method, y, v)
	m := &Model{Options: o, K: d.k, Rank: d.p, Tau2: t.tau2, Tau2SE: t.se, effects: effects, design: d, R2: math.NaN()}
	if math.IsNaN(t.tau2) { // as many coefficients as studies: only a common effect can be had
		m.Tau2 = math.NaN()
		m.fit = d.at(y, v, 0)
	} else {
		m.fit = d.at(y, v, t.tau2)
	}
	m.solve()
	return m, nil
}

// split returns values and variances.
func split(effects []Effect) (y, v []float64) {
	for _, e := range effects {
		y, v = append(y, e.Value), append(v, e.Variance)
	}
	return y, v
}

// solve fills in the coefficients, by the test.
func (m *Model) solve() {
	b, cov := m.fit.coef()
	df := float64(m.K - m.Rank)
	m.DF, m.Factor = df, 1
	switch m.Options.Test {
	case TestZ:
		m.DF = math.Inf(1)
	case TestHK:
		m.Factor = m.fit.rss / df
	case TestAdhoc:
		m.Factor = math.Max(1, m.fit.rss/df)
	}
	if df == 0 && m.Options.Test != TestZ {
		m.Factor = math.NaN()
	}
	m.Cov = make([][]float64, m.Rank)
	for i := range b {
		m.Cov[i] = make([]float64, m.Rank)
		for c := range b {
			m.Cov[i][c] = cov.At(i, c) * m.Factor
		}
		m.Coef = append(m.Coef, m.tested(b[i], math.Sqrt(m.Cov[i][i])))
	}
}

// tested is a value with statistic, p and interval by the test.
func (m *Model) tested(value, se float64) Coefficient {
	return coefficient(value, se, m.DF, m.Options.Level)
}

// coefficient tests a value by t, or by the normal distribution with infinite degrees
// of freedom.
func coefficient(value, se, df, level float64) Coefficient {
	c := Coefficient{Value: value, SE: se, Statistic: math.NaN(), P: math.NaN(), CI: analysis.NoInterval}
	if !(se > 0) {
		return c
	}
	c.Statistic = value / se
	if math.IsInf(df, 1) {
		c.P, c.CI = analysis.NormalP(c.Statistic), analysis.NormalInterval(value, se, level)
	} else {
		c.P, c.CI = analysis.TP(c.Statistic, df), analysis.TInterval(value, se, df, level)
	}
	return c
}

// describe fills in heterogeneity, the test of moderators and the weights.
func (m *Model) describe() {
	y, v := split(m.effects)
	df := float64(m.K - m.Rank)
	fixed := m.design.at(y, v, 0)
	m.Q, m.QDF, m.QP = fixed.rss, df, math.NaN()
	m.I2, m.I2Low, m.I2High, m.H2, m.I2Q = math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()
	m.Tau2Low, m.Tau2High = math.NaN(), math.NaN()
	if df > 0 {
		m.QP = distuv.ChiSquared{K: df}.Survival(m.Q)
		m.I2Q = 100 * math.Max(0, (m.Q-df)/m.Q)
		typical := df / fixed.trace(one)
		m.I2, m.H2 = 100*m.Tau2/(typical+m.Tau2), m.Tau2/typical+1
		if m.Options.Method == FE {
			m.I2, m.H2 = m.I2Q, m.Q/df
		} else {
			m.Tau2Low, m.Tau2High, m.Tau2Empty = m.design.profile(y, v, m.Options.Level)
			m.I2Low, m.I2High = 100*m.Tau2Low/(typical+m.Tau2Low), 100*m.Tau2High/(typical+m.Tau2High)
		}
	}
	m.LogLik = m.fit.objective(m.Options.Method == REML)
	if math.IsNaN(m.Tau2) {
		m.LogLik = math.NaN()
	}
	m.moderation()
	total := 0.0
	for _, w := range m.fit.w {
		total += w
	}
	for _, w := range m.fit.w {
		m.Weights = append(m.Weights, 100*w/total)
	}
}

// moderation tests all coefficients but the intercept together, or the intercept
// where it is alone.
func (m *Model) moderation() {
	from := min(1, m.Rank-1)
	m.QM, m.QMDF, m.QMP = m.wald(from)
	if m.Rank == 1 || m.Options.Method == FE {
		return
	}
	d, err := newDesign([][]float64{m.design.given[0]})
	if err != nil {
		return
	}
	y, v := split(m.effects)
	if null := d.estimate(m.Options.Method, y, v).tau2; null > 0 {
		m.R2 = 100 * math.Max(0, 1-m.Tau2/null)
	}
}

// wald tests the coefficients from one on together: χ², or F with the residual
// degrees of freedom.
func (m *Model) wald(from int) (q, df, p float64) {
	n := m.Rank - from
	v, b := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
	for i := range n {
		b.SetVec(i, m.Coef[from+i].Value)
		for c := i; c < n; c++ {
			v.SetSym(i, c, m.Cov[from+i][from+c])
		}
	}
	var chol mat.Cholesky
	df = float64(n)
	if !chol.Factorize(v) {
		return math.NaN(), df, math.NaN()
	}
	var x mat.VecDense
	// The factor is not singular: the columns passed the test of the design.
	_ = chol.SolveVecTo(&x, b)
	q = mat.Dot(b, &x)
	if math.IsInf(m.DF, 1) {
		return q, df, distuv.ChiSquared{K: df}.Survival(q)
	}
	q /= df
	return q, df, distuv.F{D1: df, D2: m.DF}.Survival(q)
}

// Predict returns the mean effect at values of the moderators with its interval, and
// the interval in which the true effect of a new study lies. There is none of a common
// effect, and with k-2 none under three studies.
func (m *Model) Predict(moderators ...float64) (mean Coefficient, prediction analysis.Interval) {
	x := append([]float64{1}, moderators...)
	value, variance := 0.0, 0.0
	for i := range x {
		value += x[i] * m.Coef[i].Value
		for c := range x {
			variance += x[i] * m.Cov[i][c] * x[c]
		}
	}
	mean = m.tested(value, math.Sqrt(variance))
	if m.Options.Method == FE || math.IsNaN(m.Tau2) {
		return mean, analysis.NoInterval
	}
	df := float64(m.K - m.Rank)
	kind := ""
	classic := m.classic(x)
	switch m.Options.Prediction {
	case PredictK2:
		df, variance, kind = df-1, classic, "prediction, t with k-2"
	case PredictK1:
		variance, kind = classic, "prediction, t with k-1"
	case PredictNormal:
		df, variance, kind = math.Inf(1), classic, "prediction, normal"
	default:
		df, kind = m.DF, "prediction, as the test "+m.Options.Test
	}
	c := coefficient(value, math.Sqrt(variance+m.Tau2), df, m.Options.Level)
	c.CI.Kind = kind
	return mean, c.CI
}

// classic is the variance of the mean at a row of the design without Hartung and
// Knapp's factor.
func (m *Model) classic(x []float64) float64 {
	_, cov := m.fit.coef()
	v := mat.NewVecDense(len(x), x)
	return mat.Inner(v, cov, v)
}

// Shrunken returns each study's own true effect as the model has it, λy + (1-λ)Xβ
// with λ = τ²/(τ²+v), and its standard error. R: metafor::blup
func (m *Model) Shrunken() (values, errors []float64) {
	b, _ := m.fit.coef()
	for i, e := range m.effects {
		mean, vm := 0.0, m.fit.leverage(i)/m.fit.w[i]
		for c, col := range m.design.given {
			mean += b[c] * col[i]
		}
		l := m.Tau2 / (m.Tau2 + e.Variance)
		values = append(values, l*e.Value+(1-l)*mean)
		errors = append(errors, math.Sqrt(l*e.Variance+(1-l)*(1-l)*vm*m.Factor))
	}
	return values, errors
}
