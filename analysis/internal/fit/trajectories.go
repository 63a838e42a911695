package fit

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Families of trajectory models.
const (
	TrajectoryCNorm = "cnorm" // normal, censored at a floor and a ceiling
	TrajectoryZIP   = "zip"   // Poisson with more zeros than that
	TrajectoryLogit = "logit" // 0 or 1
)

// Path is the values of one patient at their times.
type Path struct{ T, Y []float64 }

// TrajectorySpec says what is fitted: groups of patients, each with a polynomial in
// time of an order of its own.
type TrajectorySpec struct {
	Family         string
	Orders         []int   // of the polynomial, one a group
	Floor, Ceiling float64 // values at or beyond are censored; -Inf and +Inf for none
	OwnShape       bool    // a standard deviation, or share of further zeros, for each group
	Starts         int
}

// Trajectories is a fitted group-based trajectory model, its groups in ascending
// order of their mean. It is immutable.
type Trajectories struct {
	TrajectorySpec
	LogLik     float64
	Parameters int
	Values     int
	Share      []float64
	Coef       [][]float64 // by power of time
	Shape      []float64   // by group: the standard deviation, the share of further zeros, or NaN
	Posterior  [][]float64 // by patient as given, then group
	Gradient   float64     // largest absolute derivative of the log likelihood, time and values scaled
	Finished   int         // starts that were followed to the end
	Reached    int         // of these, how many came to the highest likelihood

	theta        []float64
	cov          *mat.SymDense // of theta
	at           layout
	time, centre float64 // scales of time and values
	spread       float64
	floor, top   float64 // on the scale of the fit
}

// layout says where the parameters are: logits of the shares against the first
// group, coefficients, shapes.
type layout struct {
	groups, total int
	beta          []int // where each group's coefficients begin
	orders        []int
	shape         []int // where each group's shape is; -1 for none
}

func newLayout(s TrajectorySpec) layout {
	l := layout{groups: len(s.Orders), orders: s.Orders, total: len(s.Orders) - 1}
	for _, o := range s.Orders {
		l.beta = append(l.beta, l.total)
		l.total += o + 1
	}
	for g := range s.Orders {
		switch {
		case s.Family == TrajectoryLogit:
			l.shape = append(l.shape, -1)
		case g == 0 || s.OwnShape:
			l.shape = append(l.shape, l.total)
			l.total++
		default:
			l.shape = append(l.shape, l.shape[0])
		}
	}
	return l
}

func (l layout) shares(theta []float64) []float64 {
	out := make([]float64, l.groups)
	most := 0.0
	for g := 1; g < l.groups; g++ {
		most = math.Max(most, theta[g-1])
	}
	sum := 0.0
	for g := range out {
		z := 0.0
		if g > 0 {
			z = theta[g-1]
		}
		out[g] = math.Exp(z - most)
		sum += out[g]
	}
	for g := range out {
		out[g] /= sum
	}
	return out
}

// cell is the log likelihood of a value and its derivatives by the linear predictor
// e and the shape k; info is the curvature that an EM step divides by.
type cell struct{ l, e, k, ee, ek, kk, info float64 }

// mills returns log Φ(w) and φ(w)/Φ(w).
func mills(w float64) (log, ratio float64) {
	if w > -30 {
		p := math.Erfc(-w/math.Sqrt2) / 2
		return math.Log(p), math.Exp(-w*w/2) / rootTwoPi / p
	}
	// φ/Φ ~ -w / (1 - 1/w² + 3/w⁴)
	s := 1 - 1/(w*w) + 3/(w*w*w*w)
	ratio = -w / s
	return -w*w/2 - halfLog2Pi - math.Log(ratio), ratio
}

// shaped is a shape: log σ and σ, or the logit of the share of further zeros and the
// share.
type shaped struct{ raw, value float64 }

const (
	halfLog2Pi = 0.91893853320467274178
	rootTwoPi  = 2.50662827463100050242
)

// cell works out a value's part.
func (m *Trajectories) cell(y, eta float64, shape shaped) cell {
	switch m.Family {
	case TrajectoryLogit:
		p := 1 / (1 + math.Exp(-eta))
		v := p * (1 - p)
		return cell{l: y*eta - math.Max(eta, 0) - math.Log1p(math.Exp(-math.Abs(eta))), e: y - p, ee: -v, info: v}
	case TrajectoryZIP:
		return zeroInflated(y, eta, shape)
	}
	sd := shape.value
	if y <= m.floor || y >= m.top {
		sign, bound := -1.0, m.floor
		if y >= m.top {
			sign, bound = 1, m.top
		}
		w := sign * (eta - bound) / sd
		l, r := mills(w)
		bend := r - r*w*(w+r)
		return cell{l: l, e: sign * r / sd, k: -r * w, ee: -r * (w + r) / (sd * sd), ek: -sign * bend / sd, kk: w * bend, info: r * (w + r) / (sd * sd)}
	}
	z := (y - eta) / sd
	return cell{l: -shape.raw - halfLog2Pi - z*z/2, e: z / sd, k: z*z - 1, ee: -1 / (sd * sd), ek: -2 * z / sd, kk: -2 * z * z, info: 1 / (sd * sd)}
}

func zeroInflated(y, eta float64, shape shaped) cell {
	mu, rho := math.Exp(eta), shape.value
	if y > 0 {
		lg, _ := math.Lgamma(y + 1)
		return cell{l: math.Log1p(-rho) + y*eta - mu - lg, e: y - mu, k: -rho, ee: -mu, kk: -rho * (1 - rho), info: mu}
	}
	all := rho + (1-rho)*math.Exp(-mu)
	r := rho / all // that the zero is one of the further ones
	q := 1 - r
	return cell{l: math.Log(all), e: -q * mu, k: r - rho, ee: -q*mu + mu*mu*q*r, ek: mu * q * r, kk: q*r - rho*(1-rho), info: q * mu}
}

// polynomial returns the linear predictor of a group at a time.
func (l layout) polynomial(theta []float64, g int, t float64) float64 {
	v := 0.0
	for k := l.orders[g]; k >= 0; k-- {
		v = v*t + theta[l.beta[g]+k]
	}
	return v
}

func (m *Trajectories) shapeOf(theta []float64, g int) shaped {
	at := m.at.shape[g]
	switch {
	case at < 0:
		return shaped{}
	case m.Family == TrajectoryZIP:
		return shaped{theta[at], 1 / (1 + math.Exp(-theta[at]))}
	}
	return shaped{theta[at], math.Exp(theta[at])}
}

// posterior returns the log likelihood and, into post, each patient's probabilities
// of the groups.
func (m *Trajectories) posterior(theta []float64, paths []Path, post [][]float64) float64 {
	share := m.at.shares(theta)
	logs, shapes := make([]float64, len(share)), make([]shaped, len(share))
	for g := range share {
		logs[g], shapes[g] = math.Log(share[g]), m.shapeOf(theta, g)
	}
	total := 0.0
	for i, p := range paths {
		most := math.Inf(-1)
		for g := range share {
			l := logs[g]
			for k, y := range p.Y {
				l += m.cell(y, m.at.polynomial(theta, g, p.T[k]), shapes[g]).l
			}
			post[i][g] = l
			most = math.Max(most, l)
		}
		sum := 0.0
		for g := range share {
			post[i][g] = math.Exp(post[i][g] - most)
			sum += post[i][g]
		}
		for g := range share {
			post[i][g] /= sum
		}
		total += most + math.Log(sum)
	}
	return total
}

// update is the second half of an EM step: shares, one scoring step of each group's
// coefficients, and of the shapes.
func (m *Trajectories) update(theta []float64, paths []Path, post [][]float64) bool {
	l := m.at
	share := make([]float64, l.groups)
	for i := range paths {
		for g := range share {
			share[g] += post[i][g]
		}
	}
	for g := range share {
		if share[g] < 1e-6 {
			return false
		}
		if g > 0 {
			theta[g-1] = math.Log(share[g] / share[0])
		}
	}
	for g := range share {
		n, shape := l.orders[g]+1, m.shapeOf(theta, g)
		score, powers := mat.NewVecDense(n, nil), make([]float64, 2*n-1) // Σ info t^k, of which info is made
		for i, p := range paths {
			if post[i][g] < 1e-12 {
				continue
			}
			for k, y := range p.Y {
				c := m.cell(y, l.polynomial(theta, g, p.T[k]), shape)
				e, w := post[i][g]*c.e, post[i][g]*c.info
				for j := range powers {
					if j < n {
						score.SetVec(j, score.AtVec(j)+e)
						e *= p.T[k]
					}
					powers[j] += w
					w *= p.T[k]
				}
			}
		}
		info := mat.NewSymDense(n, nil)
		for i := range n {
			for j := i; j < n; j++ {
				info.SetSym(i, j, powers[i+j])
			}
		}
		inverse, _, err := inverseScaled(info)
		if err != nil {
			return false
		}
		var step mat.VecDense
		step.MulVec(inverse, score)
		for j := range n {
			d := step.AtVec(j)
			if m.Family != TrajectoryCNorm {
				d = math.Max(-2, math.Min(2, d))
			}
			theta[l.beta[g]+j] += d
		}
	}
	m.reshape(theta, paths, post)
	return true
}

// reshape updates the shapes, given the coefficients.
func (m *Trajectories) reshape(theta []float64, paths []Path, post [][]float64) {
	l := m.at
	for g := range l.groups {
		at := l.shape[g]
		if at < 0 || g > 0 && at == l.shape[0] {
			return
		}
		sum, weight, shape := 0.0, 0.0, m.shapeOf(theta, g)
		for h := range l.groups {
			if l.shape[h] != at {
				continue
			}
			for i, p := range paths {
				if post[i][h] < 1e-12 {
					continue
				}
				for k, y := range p.Y {
					c := m.cell(y, l.polynomial(theta, h, p.T[k]), shape)
					sum += post[i][h] * c.k
					weight += post[i][h]
				}
			}
		}
		mean := sum / weight
		if m.Family == TrajectoryCNorm {
			theta[at] += math.Log1p(math.Max(-0.9, mean)) / 2 // exact without censoring
			continue
		}
		rho := 1/(1+math.Exp(-theta[at])) + mean // the mean of the posterior of a further zero
		rho = math.Max(1e-6, math.Min(1-1e-6, rho))
		theta[at] = math.Log(rho / (1 - rho))
	}
}

// derivatives returns the log likelihood, its gradient and its second derivatives,
// by Louis's identity: what would be known with the groups seen, and the spread of
// that over the groups.
func (m *Trajectories) derivatives(theta []float64, paths []Path) (float64, *mat.VecDense, *mat.SymDense) {
	l := m.at
	share := l.shares(theta)
	gradient, hessian := mat.NewVecDense(l.total, nil), mat.NewSymDense(l.total, nil)
	scores, logs := make([][]float64, l.groups), make([]float64, l.groups)
	seconds := make([][]float64, l.groups) // of the coefficients and the shape
	for g := range scores {
		scores[g] = make([]float64, l.total)
		seconds[g] = make([]float64, (l.orders[g]+2)*(l.orders[g]+2))
	}
	total := 0.0
	mean := mat.NewVecDense(l.total, nil)
	for _, p := range paths {
		most := math.Inf(-1)
		for g := range share {
			logs[g] = math.Log(share[g]) + m.score(theta, g, p, scores[g], seconds[g])
			for h := 1; h < l.groups; h++ {
				scores[g][h-1] = -share[h]
				if h == g {
					scores[g][h-1]++
				}
			}
			most = math.Max(most, logs[g])
		}
		sum := 0.0
		for g := range logs {
			logs[g] = math.Exp(logs[g] - most)
			sum += logs[g]
		}
		total += most + math.Log(sum)
		mean.Zero()
		for g := range logs {
			w := logs[g] / sum
			s := mat.NewVecDense(l.total, scores[g])
			mean.AddScaledVec(mean, w, s)
			if w > 1e-14 {
				hessian.SymRankOne(hessian, w, s)
				l.add(hessian, g, w, seconds[g])
			}
		}
		gradient.AddVec(gradient, mean)
		hessian.SymRankOne(hessian, -1, mean)
	}
	n := float64(len(paths))
	for g := 1; g < l.groups; g++ {
		for h := g; h < l.groups; h++ {
			v := n * share[g] * share[h]
			if g == h {
				v -= n * share[g]
			}
			hessian.SetSym(g-1, h-1, hessian.At(g-1, h-1)+v)
		}
	}
	return total, gradient, hessian
}

// score writes the derivatives of the log likelihood of a path in a group.
func (m *Trajectories) score(theta []float64, g int, p Path, score, second []float64) (log float64) {
	l := m.at
	n, at, shape := l.orders[g]+1, l.beta[g], m.shapeOf(theta, g)
	clear(score)
	clear(second)
	x := make([]float64, n)
	for k, y := range p.Y {
		c := m.cell(y, l.polynomial(theta, g, p.T[k]), shape)
		log += c.l
		v := 1.0
		for j := range x {
			x[j] = v
			v *= p.T[k]
		}
		for j := range x {
			score[at+j] += c.e * x[j]
			for i := j; i < n; i++ {
				second[j*(n+1)+i] += c.ee * x[j] * x[i]
			}
			second[j*(n+1)+n] += c.ek * x[j]
		}
		if l.shape[g] >= 0 {
			score[l.shape[g]] += c.k
			second[n*(n+1)+n] += c.kk
		}
	}
	return log
}

// add adds a group's second derivatives where they belong.
func (l layout) add(to *mat.SymDense, g int, w float64, second []float64) {
	n, at := l.orders[g]+1, l.beta[g]
	for j := range n {
		for i := j; i < n; i++ {
			to.SetSym(at+j, at+i, to.At(at+j, at+i)+w*second[j*(n+1)+i])
		}
		if s := l.shape[g]; s >= 0 {
			to.SetSym(at+j, s, to.At(at+j, s)+w*second[j*(n+1)+n])
		}
	}
	if s := l.shape[g]; s >= 0 {
		to.SetSym(s, s, to.At(s, s)+w*second[n*(n+1)+n])
	}
}

// climb follows EM from theta, and then Newton's method to where no derivative is
// left.
func (m *Trajectories) climb(ctx context.Context, theta []float64, paths []Path) (float64, error) {
	post := matrix(len(paths), m.at.groups)
	last := math.Inf(-1)
	for range 60 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		l := m.posterior(theta, paths, post)
		if math.IsNaN(l) || !m.update(theta, paths, post) {
			return 0, fmt.Errorf("%w: a group has no patients left", ErrNoConvergence)
		}
		if math.Abs(l-last) < 1e-3 {
			break
		}
		last = l
	}
	for range 100 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		l, gradient, hessian := m.derivatives(theta, paths)
		step, slope, ok := uphill(gradient, hessian)
		if !ok {
			return 0, fmt.Errorf("%w: no curvature", ErrNoConvergence)
		}
		if slope < 1e-16*(1+math.Abs(l)) {
			m.Gradient = mat.Norm(gradient, math.Inf(1))
			return l, nil
		}
		moved := false
		for h := 1.0; h > 1e-8; h /= 2 {
			next := slices.Clone(theta)
			for j := range next {
				next[j] += h * step[j]
			}
			if v := m.posterior(next, paths, post); v >= l+1e-4*h*slope-1e-12*math.Abs(l) {
				copy(theta, next)
				moved = true
				break
			}
		}
		if !moved {
			return 0, fmt.Errorf("%w: the search stands still", ErrNoConvergence)
		}
	}
	return 0, fmt.Errorf("%w: 100 steps; a group or a coefficient goes to a bound", ErrNoConvergence)
}

// uphill returns Newton's step to a maximum, the curvature's sign mended, and how
// steep it is.
func uphill(gradient *mat.VecDense, hessian *mat.SymDense) (step []float64, slope float64, ok bool) {
	n := gradient.Len()
	scale := make([]float64, n)
	scaled := mat.NewSymDense(n, nil)
	for i := range n {
		scale[i] = math.Sqrt(math.Max(math.Abs(hessian.At(i, i)), 1e-10))
	}
	for i := range n {
		for j := i; j < n; j++ {
			scaled.SetSym(i, j, hessian.At(i, j)/scale[i]/scale[j])
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(scaled, true) {
		return nil, 0, false
	}
	var v mat.Dense
	eig.VectorsTo(&v)
	step = make([]float64, n)
	for e, value := range eig.Values(nil) {
		along := 0.0
		for i := range n {
			along += v.At(i, e) * gradient.AtVec(i) / scale[i]
		}
		size := along / math.Max(math.Abs(value), 1e-9)
		slope += along * size
		for i := range n {
			step[i] += v.At(i, e) * size / scale[i]
		}
	}
	return step, slope, !math.IsNaN(slope)
}

func matrix(n, m int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, m)
	}
	return out
}
