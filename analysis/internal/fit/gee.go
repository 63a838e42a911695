package fit

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Families of marginal models, each with its canonical link.
const (
	Gaussian = "gaussian" // identity
	Binomial = "binomial" // logit
	Poisson  = "poisson"  // log
)

// Working correlations of a marginal model.
const (
	WorkIndependence = "independence"
	WorkExchangeable = "exchangeable"
	WorkAR1          = "ar1" // by position, so that a value not seen leaves a gap
	WorkUnstructured = "unstructured"
)

// Conventions for the dispersion and the working correlation.
const (
	MomentsGeepack = "geepack" // sums over their number; AR(1) by least squares over all pairs
	MomentsSAS     = "sas"     // sums over their number less the coefficients; AR(1) by neighbours
)

// Covariances of the coefficients of a marginal model, beside CovModel.
const (
	CovSandwich         = "sandwich"
	CovKauermannCarroll = "kauermann-carroll" // residuals times (I - H)^-1/2
	CovManclDeRouen     = "mancl-derouen"     // residuals times (I - H)⁻¹
	CovFayGraubard      = "fay-graubard"      // scores times (1 - min(0.75, leverage))^-1/2
)

const (
	fayGraubardBound = 0.75
	geeSteps         = 500
	geeTolerance     = 1e-11
	certainLinear    = 30.0  // a linear predictor of which the probability is 0 or 1 to 13 digits
	leastDeterminant = 1e-10 // of a working correlation
	leastPhi         = 1e-20 // of values that differ at all from their means
)

// ErrWorking is what errors.Is finds when the working correlation that the data
// give is not one, or cannot be told.
var ErrWorking = errors.New("the working correlation is not defined")

// Cluster is the values of one patient, in the order of their positions (visits,
// counted from 0), with a row of the design for each.
type Cluster struct {
	At []int
	Y  []float64
	X  [][]float64
}

// GEE is a marginal model fitted by generalised estimating equations. It is
// immutable.
type GEE struct {
	Coef         []float64
	Phi          float64
	Alpha        []float64 // one, or one a pair of positions, row by row
	Steps        int
	LastStep     float64 // largest move that the next step would make, relative to the coefficient and its error
	QIC          float64
	Observations int

	family      string
	positions   int
	clusters    []Cluster
	roots       map[string]*mat.Cholesky // of the working correlation, by the positions seen
	correlation *mat.SymDense
	model       *mat.SymDense
	bread       *mat.SymDense // information under independence
}

// EstimatingEquations fits a marginal model by Fisher scoring, in turn with the
// moments of its dispersion φ and working correlation, to 1e-11:
//
//	Σ Dᵢ'Vᵢ⁻¹(yᵢ - μᵢ) = 0,  Vᵢ = φ Aᵢ^½ R Aᵢ^½
//
// Values missing from a cluster are left out of Vᵢ, and pairs of which one is
// missing out of the moments.
//
// R: geepack::geeglm(corstr, waves). Liang and Zeger 1986, 10.1093/biomet/73.1.13.
func EstimatingEquations(clusters []Cluster, family, correlation, moments string) (*GEE, error) {
	g := &GEE{family: family, clusters: clusters}
	p := 0
	for _, c := range clusters {
		g.Observations += len(c.Y)
		for k, at := range c.At {
			g.positions, p = max(g.positions, at+1), len(c.X[k])
		}
	}
	if g.Observations <= p {
		return nil, fmt.Errorf("%w: %d values for %d coefficients", ErrSingular, g.Observations, p)
	}
	g.correlation = mat.NewSymDense(g.positions, nil)
	for i := range g.positions {
		g.correlation.SetSym(i, i, 1)
	}
	if err := g.independent(p); err != nil {
		return nil, err
	}
	if err := g.alternate(correlation, moments); err != nil {
		return nil, err
	}
	return g, nil
}

// mean returns μ and its derivative by the linear predictor, which is also the
// variance under a canonical link.
func (g *GEE) mean(eta float64) (mu, v float64) {
	switch g.family {
	case Binomial:
		mu = 1 / (1 + math.Exp(-eta))
		return mu, mu / (1 + math.Exp(eta))
	case Poisson:
		mu = math.Exp(eta)
		return mu, mu
	}
	return eta, 1
}

// Mean returns the mean at a row of the design, and its derivative by the linear
// predictor.
func (g *GEE) Mean(x []float64) (mu, derivative float64) { return g.mean(linear(x, g.Coef)) }

func linear(x, b []float64) float64 {
	s := 0.0
	for j, v := range x {
		s += float64(v * b[j])
	}
	return s
}

// quasi is the quasi-likelihood at φ = 1.
func (g *GEE) quasi(b []float64) float64 {
	s := 0.0
	for _, c := range g.clusters {
		for k, y := range c.Y {
			eta := linear(c.X[k], b)
			switch g.family {
			case Binomial:
				s += y*eta - math.Max(eta, 0) - math.Log1p(math.Exp(-math.Abs(eta)))
			case Poisson:
				s += y*eta - math.Exp(eta)
			default:
				s -= (y - eta) * (y - eta) / 2
			}
		}
	}
	return s
}

// independent fits under independence, where the quasi-likelihood guards the steps.
func (g *GEE) independent(p int) error {
	g.Coef = make([]float64, p)
	last := g.quasi(g.Coef)
	for step := 0; ; step++ {
		move, size, err := g.step()
		if err != nil {
			if step > 2 && g.family != Gaussian {
				return fmt.Errorf("%w: after %d steps", ErrSeparation, step)
			}
			return err
		}
		if size < geeTolerance || g.family == Gaussian && step == 3 { // one step, and two that win back digits
			return nil
		}
		if step == 100 {
			return fmt.Errorf("%w: no convergence under independence", ErrSeparation)
		}
		next := make([]float64, p)
		for h := 1.0; ; h /= 2 {
			for j := range next {
				next[j] = g.Coef[j] + h*move[j]
			}
			if q := g.quasi(next); q >= last-1e-10*math.Abs(last) || h < 1e-6 {
				last = q
				break
			}
		}
		g.Coef = next
		if g.certain() {
			return fmt.Errorf("%w: after %d steps", ErrSeparation, step+1)
		}
	}
}

// certain reports whether a fitted probability, or a fitted count, has gone to its
// bound.
func (g *GEE) certain() bool {
	for _, c := range g.clusters {
		for k := range c.Y {
			eta := linear(c.X[k], g.Coef)
			if g.family == Binomial && math.Abs(eta) > certainLinear || g.family == Poisson && eta < -certainLinear {
				return true
			}
		}
	}
	return false
}

// alternate takes the moments and a step in turn until neither moves.
func (g *GEE) alternate(correlation, moments string) error {
	last := math.Inf(1)
	for g.Steps = 1; ; g.Steps++ {
		before := append([]float64{g.Phi}, g.Alpha...)
		if err := g.moments(correlation, moments); err != nil {
			return err
		}
		if g.Steps == 1 { // the information under independence, by which QIC measures the errors
			g.bread = mat.NewSymDense(len(g.Coef), nil)
			for _, c := range g.clusters {
				u, _ := g.whiten(c, nil)
				addCross(g.bread, u)
			}
		}
		move, size, err := g.step()
		if err != nil {
			return err
		}
		change := size
		for k, v := range append([]float64{g.Phi}, g.Alpha...) {
			if k < len(before) {
				change = math.Max(change, math.Abs(v-before[k])/(1+math.Abs(v)))
			}
		}
		stalled := change < 1e-8 && change > 0.9*last // rounding is all that is left
		last = change
		if g.Steps > 1 && (change < geeTolerance || stalled) {
			g.LastStep = size
			robust, err := g.Covariance(CovSandwich)
			if err != nil {
				return err
			}
			var tr mat.Dense
			tr.Mul(g.bread, robust)
			g.QIC = -2*g.quasi(g.Coef) + 2*mat.Trace(&tr)
			return nil
		}
		if g.Steps == geeSteps {
			return fmt.Errorf("%w: the coefficients and the correlation do not settle in %d steps", ErrWorking, geeSteps)
		}
		for j := range g.Coef {
			g.Coef[j] += move[j]
		}
		if g.certain() {
			return fmt.Errorf("%w: after %d steps", ErrSeparation, g.Steps)
		}
	}
}

func addCross(to *mat.SymDense, u *mat.Dense) {
	n, _ := u.Dims()
	for k := range n {
		to.SymRankOne(to, 1, u.RowView(k))
	}
}

// whiten returns V^-½D and V^-½(y - μ) of a cluster.
func (g *GEE) whiten(c Cluster, root *mat.Cholesky) (*mat.Dense, *mat.VecDense) {
	n, p := len(c.Y), len(g.Coef)
	u, e := mat.NewDense(n, p, nil), mat.NewVecDense(n, nil)
	phi := g.Phi
	if phi == 0 {
		phi = 1 // before the moments are known
	}
	for k, y := range c.Y {
		mu, v := g.mean(linear(c.X[k], g.Coef))
		sd := math.Sqrt(math.Max(v, math.SmallestNonzeroFloat64) * phi)
		e.SetVec(k, (y-mu)/sd)
		for j, x := range c.X[k] {
			u.Set(k, j, x*v/sd)
		}
	}
	if root == nil {
		return u, e
	}
	// R = LL': forward substitution, in place.
	var l mat.TriDense
	root.LTo(&l)
	for k := range n {
		d := l.At(k, k)
		ek, row := e.AtVec(k), u.RawRowView(k)
		for i := range k {
			w := l.At(k, i)
			ek -= float64(w * e.AtVec(i))
			for j, x := range u.RawRowView(i) {
				row[j] -= float64(w * x)
			}
		}
		e.SetVec(k, ek/d)
		for j := range row {
			row[j] /= d
		}
	}
	return u, e
}

func visitsKey(at []int) string {
	b := make([]byte, 0, 2*len(at))
	for _, a := range at {
		b = append(b, byte(a), byte(a>>8))
	}
	return string(b)
}

// step returns the scoring step, and its size in units of the model's errors; it
// leaves the model's covariance behind.
func (g *GEE) step() (move []float64, size float64, err error) {
	p := len(g.Coef)
	info, score := mat.NewSymDense(p, nil), mat.NewVecDense(p, nil)
	for _, c := range g.clusters {
		u, e := g.whiten(c, g.roots[visitsKey(c.At)])
		addCross(info, u)
		var s mat.VecDense
		s.MulVec(u.T(), e)
		score.AddVec(score, &s)
	}
	if g.model, _, err = inverseScaled(info); err != nil {
		return nil, 0, err
	}
	var m mat.VecDense
	m.MulVec(g.model, score)
	move = make([]float64, p)
	for j := range p {
		move[j] = m.AtVec(j)
		size = math.Max(size, math.Abs(move[j])/(math.Sqrt(g.model.At(j, j))+math.Abs(g.Coef[j])))
	}
	return move, size, nil
}

// inverseScaled returns the inverse and the log determinant of a matrix of sums of
// squares and products, scaled to a unit diagonal first, so that units do not decide
// what is singular.
func inverseScaled(a *mat.SymDense) (*mat.SymDense, float64, error) {
	p := a.SymmetricDim()
	scale, logDet := make([]float64, p), 0.0
	for i := range p {
		if scale[i] = math.Sqrt(a.At(i, i)); !(scale[i] > 0) {
			return nil, 0, fmt.Errorf("%w: a column is all zero", ErrSingular)
		}
		logDet += 2 * math.Log(scale[i])
	}
	scaled := mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			scaled.SetSym(i, j, a.At(i, j)/scale[i]/scale[j])
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(scaled) || !(chol.Cond() < maxCondition) {
		return nil, 0, fmt.Errorf("%w: columns repeat each other", ErrSingular)
	}
	var inv mat.SymDense
	if err := chol.InverseTo(&inv); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrSingular, err)
	}
	for i := range p {
		for j := i; j < p; j++ {
			inv.SetSym(i, j, inv.At(i, j)/scale[i]/scale[j])
		}
	}
	return &inv, logDet + chol.LogDet(), nil
}

// moments sets φ and the working correlation from the Pearson residuals.
func (g *GEE) moments(correlation, convention string) error {
	n := g.positions
	products, pairs := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	for _, c := range g.clusters {
		r := make([]float64, len(c.Y))
		for k, y := range c.Y {
			mu, v := g.mean(linear(c.X[k], g.Coef))
			r[k] = (y - mu) / math.Sqrt(v)
		}
		for a, i := range c.At {
			for b := a; b < len(r); b++ {
				products.SetSym(i, c.At[b], products.At(i, c.At[b])+float64(r[a]*r[b]))
				pairs.SetSym(i, c.At[b], pairs.At(i, c.At[b])+1)
			}
		}
	}
	less := 0.0
	if convention == MomentsSAS {
		less = float64(len(g.Coef))
	}
	g.Phi = mat.Trace(products) / (mat.Trace(pairs) - less)
	if !(g.Phi > leastPhi) || math.IsInf(g.Phi, 0) {
		return fmt.Errorf("%w: the model fits without error", ErrWorking)
	}
	if err := g.correlate(correlation, convention, products, pairs, less); err != nil {
		return err
	}
	return g.factorize()
}

// correlate works out the working correlation from sums of products of residuals.
func (g *GEE) correlate(correlation, convention string, products, pairs *mat.SymDense, less float64) error {
	n := g.positions
	var sum, count []float64 // by lag
	for lag := range n {
		sum, count = append(sum, 0), append(count, 0)
		for i := range n - lag {
			sum[lag] += products.At(i, i+lag) / g.Phi
			count[lag] += pairs.At(i, i+lag)
		}
	}
	switch correlation {
	case WorkIndependence:
		return nil
	case WorkExchangeable:
		s, c := 0.0, -less
		for lag := 1; lag < n; lag++ {
			s, c = s+sum[lag], c+count[lag]
		}
		g.Alpha = []float64{s / c}
	case WorkAR1:
		if convention == MomentsSAS && n > 1 {
			g.Alpha = []float64{sum[1] / (count[1] - less)}
		} else {
			g.Alpha = []float64{ar1Moment(sum, count)}
		}
	case WorkUnstructured:
		g.Alpha = nil
		for i := range n {
			for j := i + 1; j < n; j++ {
				g.Alpha = append(g.Alpha, products.At(i, j)/g.Phi/(pairs.At(i, j)-less))
			}
		}
	default:
		return fmt.Errorf("no working correlation called %q", correlation)
	}
	for _, a := range g.Alpha {
		if math.IsNaN(a) || math.IsInf(a, 0) || math.Abs(a) >= 1 {
			return fmt.Errorf("%w: too few patients have two values, or correlations of 1 or more come out", ErrWorking)
		}
	}
	at := 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			switch correlation {
			case WorkExchangeable:
				g.correlation.SetSym(i, j, g.Alpha[0])
			case WorkAR1:
				g.correlation.SetSym(i, j, math.Pow(g.Alpha[0], float64(j-i)))
			case WorkUnstructured:
				g.correlation.SetSym(i, j, g.Alpha[at])
				at++
			}
		}
	}
	return nil
}

// ar1Moment fits α^lag to the products at each lag by least squares: the root of the
// estimating function nearest to the products of neighbours.
func ar1Moment(sum, count []float64) float64 {
	equation := func(a float64) float64 {
		s := 0.0
		for lag := 1; lag < len(sum); lag++ {
			l := float64(lag)
			s += l * math.Pow(a, l-1) * (sum[lag] - count[lag]*math.Pow(a, l))
		}
		return s
	}
	if len(sum) < 2 || count[1] == 0 && sum[1] == 0 {
		return math.NaN()
	}
	low, high := -0.9999999, 0.9999999
	start := math.Max(low, math.Min(high, sum[1]/math.Max(1, count[1])))
	// The function falls through its root; walk from the start to a change of sign.
	a, b := start, start
	for step := 0.01; equation(a) < 0 && a > low; step *= 1.5 {
		a = math.Max(low, a-step)
	}
	for step := 0.01; equation(b) > 0 && b < high; step *= 1.5 {
		b = math.Min(high, b+step)
	}
	for range 200 {
		m := a + (b-a)/2
		if m == a || m == b {
			break
		}
		if equation(m) > 0 {
			a = m
		} else {
			b = m
		}
	}
	return a + (b-a)/2
}

// factorize keeps the root of the working correlation for each set of positions.
func (g *GEE) factorize() error {
	g.roots = map[string]*mat.Cholesky{}
	for _, c := range g.clusters {
		k := visitsKey(c.At)
		if _, ok := g.roots[k]; ok {
			continue
		}
		r := mat.NewSymDense(len(c.At), nil)
		for a, i := range c.At {
			for b := a; b < len(c.At); b++ {
				r.SetSym(a, b, g.correlation.At(i, c.At[b]))
			}
		}
		var chol mat.Cholesky
		if !chol.Factorize(r) || chol.Det() < leastDeterminant {
			return fmt.Errorf("%w: it is not positive definite", ErrWorking)
		}
		g.roots[k] = &chol
	}
	return nil
}

// Correlation returns the working correlation of two positions.
func (g *GEE) Correlation(i, j int) float64 { return g.correlation.At(i, j) }

// Positions is how many positions the working correlation has.
func (g *GEE) Positions() int { return g.positions }

// Covariance returns the covariance of the coefficients of the named kind.
//
// Mancl and DeRouen 2001, 10.1111/j.0006-341X.2001.00126.x; Kauermann and Carroll
// 2001, 10.1198/016214501753382309; Fay and Graubard 2001,
// 10.1111/j.0006-341X.2001.01198.x.
func (g *GEE) Covariance(kind string) (*mat.SymDense, error) {
	if kind == CovModel {
		return g.model, nil
	}
	if len(g.clusters) < 2 {
		return nil, fmt.Errorf("%w: robust errors need at least two patients", ErrSingular)
	}
	p := len(g.Coef)
	meat := mat.NewSymDense(p, nil)
	for _, c := range g.clusters {
		u, e := g.whiten(c, g.roots[visitsKey(c.At)])
		if kind == CovManclDeRouen || kind == CovKauermannCarroll {
			if err := g.inflate(u, e, kind); err != nil {
				return nil, err
			}
		}
		var score mat.VecDense
		score.MulVec(u.T(), e)
		if kind == CovFayGraubard {
			var uu, q mat.Dense
			uu.Mul(u.T(), u)
			q.Mul(&uu, g.model)
			for j := range p {
				score.SetVec(j, score.AtVec(j)/math.Sqrt(1-math.Min(fayGraubardBound, q.At(j, j))))
			}
		}
		meat.SymRankOne(meat, 1, &score)
	}
	var half, full mat.Dense
	half.Mul(g.model, meat)
	full.Mul(&half, g.model)
	out := mat.NewSymDense(p, nil)
	for i := range p {
		for j := i; j < p; j++ {
			out.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	return out, nil
}

// inflate multiplies whitened residuals by a power of I - H: whitened, H is
// symmetric.
func (g *GEE) inflate(u *mat.Dense, e *mat.VecDense, kind string) error {
	n := e.Len()
	var ub, h mat.Dense
	ub.Mul(u, g.model)
	h.Mul(&ub, u.T())
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (h.At(i, j)+h.At(j, i))/2)
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(s, true) {
		return fmt.Errorf("%w: leverages cannot be worked out", ErrSingular)
	}
	var vectors mat.Dense
	eig.VectorsTo(&vectors)
	var w mat.VecDense
	w.MulVec(vectors.T(), e)
	for k, l := range eig.Values(nil) {
		if l > 1-1e-9 {
			return fmt.Errorf("%w: one patient alone decides a coefficient, so %s errors are not defined", ErrSingular, kind)
		}
		power := 1.0
		if kind == CovKauermannCarroll {
			power = 0.5
		}
		w.SetVec(k, w.AtVec(k)*math.Pow(1-l, -power))
	}
	e.MulVec(&vectors, &w)
	return nil
}

// Contrast returns c'b and its variance c'Vc.
func (g *GEE) Contrast(c []float64, v *mat.SymDense) (value, variance float64) {
	at := mat.NewVecDense(len(c), slices.Clone(c))
	return linear(c, g.Coef), mat.Inner(at, v, at)
}
