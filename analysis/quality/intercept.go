package quality

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis/internal/fit"
)

// SiteRows are patients, or groups of alike patients, with the site of each.
type SiteRows struct {
	Site  []int // from 0
	Sites int
	Y     []float64   // events of N for a logistic model, values for a linear one
	N     []float64   // nil for 1
	X     [][]float64 // columns, an intercept among them
}

// Intercepts is a model with a random intercept by site.
type Intercepts struct {
	Coef, SE []float64
	Tau      float64   // SD between sites, on the scale of the linear predictor
	TauSE    float64   // NaN at zero
	Sigma    float64   // SD within sites, of a linear model
	Effect   []float64 // of each site: the mode given the data, 0 for a site without patients
	EffectSE []float64 // SD of the site's effect given data and coefficients
	Patients []float64 // by site
	LogLik   float64   // of the rows as given, without binomial coefficients
	Null     float64   // log-likelihood with no variance between sites
	Gradient float64   // largest element of the score at the end
	Steps    int
	Nodes    int // of the quadrature; 1 is Laplace
}

// P is the likelihood ratio test of no variance between sites, half of the chi-square
// p value with one degree of freedom, for the variance cannot be negative.
func (m *Intercepts) P() float64 {
	d := 2 * (m.LogLik - m.Null)
	if !(d > 0) {
		return 1
	}
	return distuv.ChiSquared{K: 1}.Survival(d) / 2
}

// ErrNoConvergence is what errors.Is finds where a model's likelihood has no maximum
// that was found.
var ErrNoConvergence = errors.New("the model did not converge")

// logisticIntercepts is the marginal likelihood of a logistic model with a random
// intercept, by adaptive Gauss-Hermite quadrature.
//
//	L_j = log Σ_k ω_k e^(z_k²) √2 τ_j exp g_j(û_j + √2 τ_j z_k)
//	g_j(u) = Σ_i (y η - n log(1 + e^η)) - u²/2,  η = x β + σ u
//
// û_j is the mode of g_j and τ_j = (-g_j”(û_j))^-½. With one node it is Laplace's.
type logisticIntercepts struct {
	sites          []logisticSite
	p              int
	nodes, weights []float64 // √2 z, log(ω e^(z²) √2)
}

// logisticSite holds the rows of a site, row by row.
type logisticSite struct {
	y, n, x, base []float64
	u             float64 // the last mode, to start from
}

func newLogisticIntercepts(d SiteRows, nodes int) *logisticIntercepts {
	m := &logisticIntercepts{p: len(d.X), sites: make([]logisticSite, d.Sites)}
	for i, s := range d.Site {
		at := &m.sites[s]
		n := 1.0
		if d.N != nil {
			n = d.N[i]
		}
		at.y, at.n, at.base = append(at.y, d.Y[i]), append(at.n, n), append(at.base, 0)
		for _, col := range d.X {
			at.x = append(at.x, col[i])
		}
	}
	m.quadrature(nodes)
	return m
}

// quadrature sets the number of nodes.
func (m *logisticIntercepts) quadrature(nodes int) {
	m.nodes, m.weights = nil, nil
	z, w := hermite(nodes)
	for k := range z {
		m.nodes = append(m.nodes, math.Sqrt2*z[k])
		m.weights = append(m.weights, math.Log(w[k])+z[k]*z[k]+math.Log(math.Sqrt2))
	}
}

// hermite returns nodes and weights of Gauss-Hermite quadrature for e^(-z²), by the
// eigenvalues of its tridiagonal matrix (Golub and Welsch 1969,
// 10.1090/S0025-5718-69-99647-1).
func hermite(n int) (z, w []float64) {
	a := mat.NewSymDense(n, nil)
	for i := 1; i < n; i++ {
		a.SetSym(i-1, i, math.Sqrt(float64(i)/2))
	}
	var e mat.EigenSym
	e.Factorize(a, true)
	var v mat.Dense
	e.VectorsTo(&v)
	z = e.Values(nil)
	for k := range z {
		w = append(w, math.Sqrt(math.Pi)*v.At(0, k)*v.At(0, k))
	}
	return z, w
}

// sums are what a site's rows give at one u.
type sums struct {
	g, r, v, t float64   // log-likelihood, Σ (y - nμ), Σ v, Σ v (1 - 2μ)
	rx, vx, tx []float64 // the same times x
}

func (s *sums) reset() {
	s.g, s.r, s.v, s.t = 0, 0, 0, 0
	for _, x := range [][]float64{s.rx, s.vx, s.tx} {
		for j := range x {
			x[j] = 0
		}
	}
}

// at adds up a site's rows at σu = shift; products with x only where asked.
func (s *logisticSite) at(out *sums, shift float64, products, curved bool) {
	out.reset()
	p := len(out.rx)
	for i, y := range s.y {
		eta, n := s.base[i]+shift, s.n[i]
		e := math.Exp(-math.Abs(eta))
		mu := 1 / (1 + e)
		out.g += y*eta - n*(math.Max(eta, 0)+math.Log1p(e))
		if eta < 0 {
			mu = e / (1 + e)
		}
		r, v := y-n*mu, n*mu*(1-mu)
		t := v * (1 - 2*mu)
		out.r, out.v, out.t = out.r+r, out.v+v, out.t+t
		if !products {
			continue
		}
		for j, x := range s.x[i*p : (i+1)*p] {
			out.rx[j] += r * x
			if curved {
				out.vx[j] += v * x
				out.tx[j] += t * x
			}
		}
	}
}

// mode climbs to the site's u.
func (s *logisticSite) mode(sigma float64) {
	for range 100 {
		shift, r, v := sigma*s.u, 0.0, 0.0
		for i, y := range s.y {
			mu := 1 / (1 + math.Exp(-s.base[i]-shift))
			r += y - s.n[i]*mu
			v += s.n[i] * mu * (1 - mu)
		}
		step := (sigma*r - s.u) / (sigma*sigma*v + 1)
		for math.Abs(step) > 5 {
			step /= 2
		}
		s.u += step
		if math.Abs(step) < 1e-9*(1+math.Abs(s.u)) { // the next would be its square
			return
		}
	}
}

// likelihood returns the marginal log-likelihood and its gradient by the coefficients
// and σ.
func (m *logisticIntercepts) likelihood(theta, gradient []float64) float64 {
	p := m.p
	sigma := theta[p]
	s := &sums{rx: make([]float64, p), vx: make([]float64, p), tx: make([]float64, p)}
	node := &sums{rx: make([]float64, p)}
	for j := range gradient {
		gradient[j] = 0
	}
	total := 0.0
	du, dlog := make([]float64, p+1), make([]float64, p+1)
	grads := make([][]float64, len(m.nodes))
	slopes, logs := make([]float64, len(m.nodes)), make([]float64, len(m.nodes))
	for k := range grads {
		grads[k] = make([]float64, p+1)
	}
	for i := range m.sites {
		site := &m.sites[i]
		if len(site.y) == 0 {
			continue
		}
		for row := range site.y {
			site.base[row] = linear(site.x[row*p:(row+1)*p], theta)
		}
		site.mode(sigma)
		site.at(s, sigma*site.u, true, true)
		h := sigma*sigma*s.v + 1
		tau := 1 / math.Sqrt(h)
		// How mode and width move with the parameters.
		hu := sigma * sigma * sigma * s.t
		for j := range p {
			du[j] = -sigma * s.vx[j] / h
			dlog[j] = -(sigma*sigma*s.tx[j] + hu*du[j]) / (2 * h)
		}
		du[p] = (s.r - sigma*site.u*s.v) / h
		dlog[p] = -(2*sigma*s.v + sigma*sigma*site.u*s.t + hu*du[p]) / (2 * h)
		most := math.Inf(-1)
		for k, z := range m.nodes {
			u := site.u + tau*z
			at := s
			if len(m.nodes) > 1 {
				site.at(node, sigma*u, true, false)
				at = node
			}
			logs[k] = m.weights[k] + math.Log(tau) + at.g - u*u/2 - math.Log(2*math.Pi)/2
			slopes[k] = sigma*at.r - u
			copy(grads[k], at.rx)
			grads[k][p] = u * at.r
			most = math.Max(most, logs[k])
		}
		sum := 0.0
		for _, l := range logs {
			sum += math.Exp(l - most)
		}
		total += most + math.Log(sum)
		for j := range gradient {
			gradient[j] += dlog[j]
			for k, z := range m.nodes {
				share := math.Exp(logs[k]-most) / sum
				gradient[j] += share * (grads[k][j] + slopes[k]*(du[j]+z*tau*dlog[j]))
			}
		}
	}
	return total
}

// informed returns the information of the coefficients by Laplace, X'VX less what the
// sites' effects take, at the parameters of the last likelihood.
func (m *logisticIntercepts) informed(sigma float64) *mat.SymDense {
	p := m.p
	info := make([]float64, p*p)
	s := &sums{rx: make([]float64, p), vx: make([]float64, p), tx: make([]float64, p)}
	for i := range m.sites {
		site := &m.sites[i]
		site.at(s, sigma*site.u, true, true)
		for row := range site.y {
			e := math.Exp(-math.Abs(site.base[row] + sigma*site.u))
			v := site.n[row] * e / ((1 + e) * (1 + e))
			x := site.x[row*p : (row+1)*p]
			for j, a := range x {
				for l := j; l < p; l++ {
					info[j*p+l] += v * a * x[l]
				}
			}
		}
		share := sigma * sigma / (sigma*sigma*s.v + 1)
		for j := range p {
			for l := j; l < p; l++ {
				info[j*p+l] -= share * s.vx[j] * s.vx[l]
			}
		}
	}
	return mat.NewSymDense(p, info)
}

func linear(x, b []float64) float64 {
	sum := 0.0
	for j, v := range x {
		sum += float64(v * b[j])
	}
	return sum
}

// LogisticIntercepts fits a logistic model with a random intercept by site, by
// adaptive Gauss-Hermite quadrature with that number of nodes (1: Laplace), until the
// score is under 1e-7 of its scale. Standard errors are from the observed information,
// coefficients and σ together.
//
// R: lme4::glmer(cbind(y, n - y) ~ x + (1 | site), binomial, nAGQ = nodes). Pinheiro
// and Bates 1995, 10.1080/10618600.1995.10474663.
func LogisticIntercepts(d SiteRows, nodes int) (*Intercepts, error) {
	start, err := startOf(d)
	if err != nil {
		return nil, err
	}
	c := &climb{m: newLogisticIntercepts(d, 1)}
	null := c.m.likelihood(append(slices.Clone(start), 0), make([]float64, len(start)+1))
	// Laplace first, which is quick; more nodes move its maximum little.
	theta, hessian, err := c.up(append(slices.Clone(start), 0.3), nil)
	if err != nil {
		return nil, err
	}
	if theta[len(start)] == 0 {
		theta = append(start, 0) // nothing between sites: the model without them
	} else if nodes > 1 {
		c.m.quadrature(nodes)
		if theta, _, err = c.up(theta, hessian); err != nil {
			return nil, err
		}
	}
	out, err := c.fitted(theta)
	if err != nil {
		return nil, err
	}
	out.Nodes, out.Null = nodes, null
	return out, nil
}

// startOf is the model without site.
func startOf(d SiteRows) ([]float64, error) {
	y, weight := slices.Clone(d.Y), d.N
	if d.N != nil {
		for i := range y {
			y[i] /= d.N[i]
		}
	}
	l, err := fit.LogisticWith(y, d.X, fit.LogisticOptions{Weight: weight})
	if err != nil {
		return nil, err
	}
	return l.Coef, nil
}

// climb is the search of the largest likelihood.
type climb struct {
	m     *logisticIntercepts
	steps int
}

// up climbs from theta by Newton's method. The hessian is kept as long as steps shrink
// well by it.
func (c *climb) up(theta []float64, hessian *mat.SymDense) ([]float64, *mat.SymDense, error) {
	m := c.m
	p := m.p
	gradient := make([]float64, p+1)
	here := m.likelihood(theta, gradient)
	last := math.Inf(1)
	for range 60 {
		c.steps++
		if hessian == nil {
			hessian = c.hessian(theta)
		}
		step, err := m.step(hessian, gradient, theta[p])
		if err != nil {
			return nil, nil, err
		}
		decrement := mat.Dot(step, mat.NewVecDense(p+1, gradient))
		if math.Abs(theta[p]) < 1e-3 && math.Abs(theta[p]+step.AtVec(p)) < 1e-3 {
			theta[p] = 0 // the likelihood is even in σ: no variance between sites
			return theta, hessian, nil
		}
		if decrement < 1e-17 || decrement < 1e-12 && decrement > last/4 {
			return theta, hessian, nil // nothing but rounding is left
		}
		next, trial, v := m.ahead(theta, step, here)
		if next == nil {
			return theta, hessian, nil
		}
		theta, gradient, here = next, trial, v
		if decrement > last/20 {
			hessian = nil
		}
		last = decrement
	}
	return nil, nil, fmt.Errorf("%w: %d steps", ErrNoConvergence, c.steps)
}

// ahead goes along a step as far as the likelihood rises; nil where it does not.
func (m *logisticIntercepts) ahead(theta []float64, step *mat.VecDense, here float64) (next, gradient []float64, v float64) {
	gradient = make([]float64, len(theta))
	for scale := 1.0; scale > 1e-8; scale /= 2 {
		next = slices.Clone(theta)
		for j := range next {
			next[j] += scale * step.AtVec(j)
		}
		if v = m.likelihood(next, gradient); v >= here-1e-13*math.Abs(here) {
			return next, gradient, v
		}
	}
	return nil, nil, here
}

// step is Newton's, or where the likelihood is no hill yet one by the information of
// the coefficients and the slope of σ.
func (m *logisticIntercepts) step(hessian *mat.SymDense, gradient []float64, sigma float64) (*mat.VecDense, error) {
	p := m.p
	step := mat.NewVecDense(p+1, nil)
	var chol mat.Cholesky
	if chol.Factorize(hessian) && chol.SolveVecTo(step, mat.NewVecDense(p+1, slices.Clone(gradient))) == nil {
		return step, nil
	}
	var b mat.VecDense
	if !chol.Factorize(m.informed(sigma)) || chol.SolveVecTo(&b, mat.NewVecDense(p, slices.Clone(gradient[:p]))) != nil {
		return nil, fmt.Errorf("%w: columns repeat each other", fit.ErrSingular)
	}
	for j := range p {
		step.SetVec(j, b.AtVec(j))
	}
	step.SetVec(p, math.Max(-0.2, math.Min(0.2, gradient[p])))
	return step, nil
}

// hessian is the negative second derivative, by central differences of the gradient.
func (c *climb) hessian(theta []float64) *mat.SymDense {
	n := len(theta)
	full := mat.NewDense(n, n, nil)
	up, down := make([]float64, n), make([]float64, n)
	c.m.likelihood(theta, up)
	information := c.m.informed(theta[n-1])
	for j := range n {
		step := 1e-4 * math.Max(0.1, math.Abs(theta[j]))
		if j < n-1 { // a step of about a hundredth of the standard error, whatever the column's unit
			if i := information.At(j, j); i > 0 {
				step = 1e-2 / math.Sqrt(i)
			}
		}
		at := slices.Clone(theta)
		at[j] = theta[j] + step
		c.m.likelihood(at, up)
		at[j] = theta[j] - step
		c.m.likelihood(at, down)
		for l := range n {
			full.Set(j, l, -(up[l]-down[l])/(2*step))
		}
	}
	h := mat.NewSymDense(n, nil)
	for j := range n {
		for l := j; l < n; l++ {
			h.SetSym(j, l, (full.At(j, l)+full.At(l, j))/2)
		}
	}
	return h
}

// fitted returns the model at the maximum.
func (c *climb) fitted(theta []float64) (*Intercepts, error) {
	m, p := c.m, c.m.p
	gradient := make([]float64, p+1)
	hessian := c.hessian(theta)
	out := &Intercepts{Coef: theta[:p], Tau: math.Abs(theta[p]), TauSE: math.NaN(), Sigma: math.NaN(), Steps: c.steps, LogLik: m.likelihood(theta, gradient)}
	for _, g := range gradient {
		out.Gradient = math.Max(out.Gradient, math.Abs(g))
	}
	k := p + 1
	if out.Tau == 0 {
		k = p // at the edge σ has no error, and the coefficients are those without site
	}
	part, variances := mat.NewSymDense(k, nil), mat.NewSymDense(k, nil)
	for j := range k {
		for l := j; l < k; l++ {
			part.SetSym(j, l, hessian.At(j, l))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(part) || chol.InverseTo(variances) != nil {
		return nil, fmt.Errorf("%w: the information is not positive", ErrNoConvergence)
	}
	for j := range p {
		out.SE = append(out.SE, math.Sqrt(variances.At(j, j)))
	}
	if k > p {
		out.TauSE = math.Sqrt(variances.At(p, p))
	}
	m.effects(out, theta[p])
	return out, nil
}

// effects sets what is known of each site.
func (m *logisticIntercepts) effects(out *Intercepts, sigma float64) {
	s := &sums{}
	for i := range m.sites {
		site := &m.sites[i]
		n := 0.0
		for _, v := range site.n {
			n += v
		}
		site.at(s, sigma*site.u, false, false)
		out.Patients = append(out.Patients, n)
		out.Effect = append(out.Effect, sigma*site.u)
		out.EffectSE = append(out.EffectSE, out.Tau/math.Sqrt(out.Tau*out.Tau*s.v+1))
	}
}
