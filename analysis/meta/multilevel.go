package meta

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
)

// block is the effects of one study, with the rows of the design of each.
type block struct {
	at   []int      // places in the list of effects
	x    *mat.Dense // by effect, then column
	y    *mat.VecDense
	v    *mat.SymDense // sampling covariance
	ones *mat.SymDense
}

// Multilevel is a model of several effects a study: those of a study share a part.
type Multilevel struct {
	Level            float64
	K, Clusters      int
	Rank             int
	Coef             []Coefficient // normal, by the model
	Between          float64       // σ² between studies
	Within           float64       // σ² between the effects of a study
	LogLik           float64       // restricted
	Q, QM, QMDF, QMP float64
	// Correlation is that assumed of the sampling errors of a study's effects.
	Correlation float64

	blocks []block
	cov    *mat.SymDense
	beta   *mat.VecDense
}

// ThreeLevel fits y = Xβ + u + w + e with u shared by the effects of a study, w each
// effect's own, and e the sampling error, by REML. Sampling errors of a study's effects
// are correlated as assumed, 0 where it is not known: then take robust errors too.
// R: metafor::rma.mv(yi, V, random = ~ 1 | study/effect). Konstantopoulos 2011,
// 10.1002/jrsm.35; the correlated and hierarchical effects model of Pustejovsky and
// Tipton 2022, 10.1007/s11121-021-01246-3.
func ThreeLevel(effects []Effect, study []string, moderators [][]float64, names []string, correlation, level float64) (*Multilevel, error) {
	if !(correlation >= 0 && correlation < 1) {
		return nil, fmt.Errorf("%w: the correlation of sampling errors must be at least 0 and under 1", analysis.ErrOptions)
	}
	start, err := Pool(effects, moderators, names, Options{Method: DL, Test: TestZ, Level: level})
	if err != nil {
		return nil, err
	}
	m := &Multilevel{Level: start.Options.Level, K: start.K, Rank: start.Rank, Correlation: correlation}
	// Columns are taken on their orthonormal basis and given back at the end.
	d := start.design
	m.blocks = blocksOf(d, effects, study, correlation)
	m.Clusters = len(m.blocks)
	if m.K-m.Rank < 2 || m.Clusters < 2 || m.Clusters == m.K {
		return nil, fmt.Errorf("%w: expected at least two studies, and one of them with several effects, to tell variance between studies from that within", analysis.ErrCannot)
	}
	scale := scaleOf(d, values(effects), variances(effects))
	best := math.Inf(-1)
	for _, s := range [][2]float64{{0.5, 0.5}, {0.05, 0.5}, {0.5, 0.05}, {0, 0}} {
		sigma, ll := m.climb([2]float64{s[0] * scale, s[1] * scale}, scale)
		if ll > best+1e-12 {
			best, m.Between, m.Within = ll, sigma[0], sigma[1]
		}
	}
	s := m.sums([2]float64{m.Between, m.Within})
	if math.IsNaN(s.ll) {
		return nil, fmt.Errorf("%w: the likelihood of the three-level model has no maximum", analysis.ErrCannot)
	}
	m.LogLik, m.cov, m.beta = s.ll, s.inv, s.beta
	m.Q = m.sums([2]float64{}).rss
	m.finish(d, start)
	return m, nil
}

func values(effects []Effect) []float64 { y, _ := split(effects); return y }

func variances(effects []Effect) []float64 { _, v := split(effects); return v }

// blocksOf sorts effects by study, in order of first appearance.
func blocksOf(d *design, effects []Effect, study []string, correlation float64) []block {
	place := map[string]int{}
	var out []block
	for i := range effects {
		at, ok := place[study[i]]
		if !ok {
			at = len(out)
			place[study[i]], out = at, append(out, block{})
		}
		out[at].at = append(out[at].at, i)
	}
	for b := range out {
		c := &out[b]
		n := len(c.at)
		c.x, c.y, c.v, c.ones = mat.NewDense(n, d.p, nil), mat.NewVecDense(n, nil), mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
		for i, at := range c.at {
			c.y.SetVec(i, effects[at].Value)
			for col := range d.p {
				c.x.Set(i, col, d.q[col][at])
			}
			for j := i; j < n; j++ {
				r := correlation
				if i == j {
					r = 1
				}
				c.v.SetSym(i, j, r*math.Sqrt(effects[at].Variance*effects[c.at[j]].Variance))
				c.ones.SetSym(i, j, 1)
			}
		}
	}
	return out
}

// marginal is the covariance of a study's effects.
func (c block) marginal(sigma [2]float64) *mat.SymDense {
	n := len(c.at)
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			v := c.v.At(i, j) + sigma[0]
			if i == j {
				v += sigma[1]
			}
			s.SetSym(i, j, v)
		}
	}
	return s
}

// sums is the model at given variances: its restricted likelihood with gradient and
// expected information.
type sums struct {
	ll, rss float64
	beta    *mat.VecDense
	inv     *mat.SymDense // (X'Σ⁻¹X)⁻¹
	grad    [2]float64
	info    [2][2]float64
}

func (m *Multilevel) sums(sigma [2]float64) sums {
	p := m.Rank
	xwx, xwy := mat.NewDense(p, p, nil), mat.NewVecDense(p, nil)
	logdet := 0.0
	inverses := make([]*mat.SymDense, len(m.blocks))
	for i, c := range m.blocks {
		var chol mat.Cholesky
		if !chol.Factorize(c.marginal(sigma)) {
			return sums{ll: math.NaN()}
		}
		logdet += chol.LogDet()
		inverses[i] = mat.NewSymDense(len(c.at), nil)
		_ = chol.InverseTo(inverses[i]) // variances above 0 keep it from being singular
		var wx, a mat.Dense
		wx.Mul(inverses[i], c.x)
		a.Mul(c.x.T(), &wx)
		xwx.Add(xwx, &a)
		var b mat.VecDense
		b.MulVec(wx.T(), c.y)
		xwy.AddVec(xwy, &b)
	}
	s := sums{beta: mat.NewVecDense(p, nil), inv: mat.NewSymDense(p, nil)}
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(p, symData(xwx))) {
		return sums{ll: math.NaN()}
	}
	_ = chol.InverseTo(s.inv)
	_ = chol.SolveVecTo(s.beta, xwy)
	m.derive(&s, inverses)
	s.ll = -(float64(m.K-p)*math.Log(2*math.Pi) + logdet + chol.LogDet() + s.rss) / 2
	return s
}

// derive adds the residual sum, the gradient ½(y'PGPy - tr PG) and the information
// ½ tr(PGPG') for G = 11' within studies and the identity.
func (m *Multilevel) derive(s *sums, inverses []*mat.SymDense) {
	p := m.Rank
	var tr [2]float64
	var quad [2]float64
	within := [2]*mat.Dense{mat.NewDense(p, p, nil), mat.NewDense(p, p, nil)} // Σ X'WGWX
	var cross [2][2]*mat.Dense
	for a := range 2 {
		for b := range 2 {
			cross[a][b] = mat.NewDense(p, p, nil)
		}
	}
	for i, c := range m.blocks {
		w := inverses[i]
		n := len(c.at)
		e := mat.NewVecDense(n, nil)
		e.MulVec(c.x, s.beta)
		e.SubVec(c.y, e)
		var we mat.VecDense
		we.MulVec(w, e)
		s.rss += mat.Dot(e, &we)
		total := mat.Sum(&we)
		quad[0] += total * total
		quad[1] += mat.Dot(&we, &we)
		var wg [2]mat.Dense
		wg[0].Mul(w, c.ones)
		wg[1].CloneFrom(w)
		var wx mat.Dense
		wx.Mul(w, c.x)
		for a := range 2 {
			tr[a] += mat.Trace(&wg[a])
			var half, full mat.Dense
			half.Mul(&wg[a], &wx) // W G W X
			full.Mul(c.x.T(), &half)
			within[a].Add(within[a], &full)
			for b := range 2 {
				var t, u, wgwgwx, x mat.Dense
				t.Mul(&wg[a], &wg[b])
				s.info[a][b] += mat.Trace(&t) / 2
				u.Mul(&wg[b], &wx)
				wgwgwx.Mul(&wg[a], &u)
				x.Mul(c.x.T(), &wgwgwx)
				cross[a][b].Add(cross[a][b], &x)
			}
		}
	}
	for a := range 2 {
		var t mat.Dense
		t.Mul(s.inv, within[a])
		s.grad[a] = (quad[a] - tr[a] + mat.Trace(&t)) / 2
		for b := range 2 {
			var u, v mat.Dense
			u.Mul(s.inv, within[b])
			u.Mul(&t, &u)
			v.Mul(s.inv, cross[a][b])
			s.info[a][b] += (mat.Trace(&u) - 2*mat.Trace(&v)) / 2
		}
	}
}

func symData(m *mat.Dense) []float64 {
	p, _ := m.Dims()
	out := make([]float64, 0, p*p)
	for i := range p {
		for j := range p {
			out = append(out, (m.At(i, j)+m.At(j, i))/2)
		}
	}
	return out
}

// climb goes to a maximum by Fisher scoring with steps halved until the likelihood
// rises. A variance at 0 whose derivative is not positive stays there.
func (m *Multilevel) climb(sigma [2]float64, scale float64) ([2]float64, float64) {
	s := m.sums(sigma)
	for range 200 {
		var free [2]bool
		for a := range 2 {
			free[a] = sigma[a] > 0 || s.grad[a] > 0
		}
		step := s.step(free)
		moved := false
		for half := 1.0; half > 1e-10; half /= 2 {
			var next [2]float64
			for a := range 2 {
				next[a] = math.Max(0, sigma[a]+half*step[a])
			}
			if n := m.sums(next); n.ll > s.ll {
				far := math.Abs(next[0]-sigma[0])+math.Abs(next[1]-sigma[1]) > 1e-13*scale
				sigma, s, moved = next, n, far
				break
			}
		}
		if !moved {
			break
		}
	}
	return sigma, s.ll
}

func (s sums) step(free [2]bool) (step [2]float64) {
	switch {
	case free[0] && free[1]:
		det := s.info[0][0]*s.info[1][1] - s.info[0][1]*s.info[1][0]
		step[0] = (s.info[1][1]*s.grad[0] - s.info[0][1]*s.grad[1]) / det
		step[1] = (s.info[0][0]*s.grad[1] - s.info[1][0]*s.grad[0]) / det
	case free[0]:
		step[0] = s.grad[0] / s.info[0][0]
	case free[1]:
		step[1] = s.grad[1] / s.info[1][1]
	}
	return step
}

// finish puts coefficients back on the columns as given.
func (m *Multilevel) finish(d *design, named *Model) {
	b, v := mat.NewVecDense(m.Rank, nil), m.given(d, m.cov)
	b.MulVec(d.back, m.beta)
	for i := range m.Rank {
		c := coefficient(b.AtVec(i), math.Sqrt(v[i][i]), math.Inf(1), m.Level)
		c.Name = named.Coef[i].Name
		m.Coef = append(m.Coef, c)
	}
	as := Model{Rank: m.Rank, Coef: m.Coef, Cov: v, DF: math.Inf(1)}
	m.QM, m.QMDF, m.QMP = as.wald(min(1, m.Rank-1))
	for i := range m.blocks { // from here on the columns as given
		c := &m.blocks[i]
		for r, at := range c.at {
			for col := range m.Rank {
				c.x.Set(r, col, d.given[col][at])
			}
		}
	}
	m.beta, m.cov = b, sym(v)
}

func (m *Multilevel) given(d *design, cov *mat.SymDense) [][]float64 {
	var half, full mat.Dense
	half.Mul(d.back, cov)
	full.Mul(&half, d.back.T())
	out := make([][]float64, m.Rank)
	for i := range out {
		for c := range m.Rank {
			out[i] = append(out[i], (full.At(i, c)+full.At(c, i))/2)
		}
	}
	return out
}

// Robust errors.
const (
	CR0 = "CR0" // sums of scores by study
	CR1 = "CR1" // CR0 × m/(m-p), t with m-p degrees of freedom
	CR2 = "CR2" // adjusted residuals, t with Satterthwaite degrees of freedom
)

// RobustErrors tests the coefficients with errors that hold whatever the correlation
// of effects of a study, by clusters of the blocks of the model. CR2 is the choice
// under about 40 studies.
// R: metafor::robust(cluster, clubSandwich = TRUE). Tipton and Pustejovsky 2015,
// 10.3102/1076998615606099.
func (m *Multilevel) RobustErrors(kind string) ([]Coefficient, []float64, error) {
	if kind != CR0 && kind != CR1 && kind != CR2 {
		return nil, nil, fmt.Errorf("%w: no robust errors %q; there are: CR0, CR1, CR2", analysis.ErrOptions, kind)
	}
	if m.Clusters <= m.Rank {
		return nil, nil, fmt.Errorf("%w: robust errors need more studies than coefficients: %d studies for %d", analysis.ErrCannot, m.Clusters, m.Rank)
	}
	s := m.sandwich(kind)
	var out []Coefficient
	var dfs []float64
	for i := range m.Rank {
		v, df := 0.0, float64(m.Clusters-m.Rank)
		for _, g := range s.scores {
			v += g.AtVec(i) * g.AtVec(i)
		}
		if kind == CR1 {
			v *= float64(m.Clusters) / float64(m.Clusters-m.Rank)
		}
		if kind == CR2 {
			df = m.satterthwaite(s, i)
		}
		c := coefficient(m.Coef[i].Value, math.Sqrt(v), df, m.Level)
		c.Name = m.Coef[i].Name
		out, dfs = append(out, c), append(dfs, df)
	}
	return out, dfs, nil
}

// sandwich is the parts of robust errors, by block: the adjusted weights times the
// design, A W X M, the marginal covariances, and the scores.
type sandwich struct {
	g      []*mat.Dense
	phi    []*mat.SymDense
	scores []*mat.VecDense
}

func (m *Multilevel) sandwich(kind string) sandwich {
	var s sandwich
	for _, c := range m.blocks {
		phi := c.marginal([2]float64{m.Between, m.Within})
		var chol mat.Cholesky
		_ = chol.Factorize(phi) // it is positive definite: the fit inverted it
		var g mat.Dense
		_ = chol.SolveTo(&g, c.x)
		g.Mul(&g, m.cov)
		if kind == CR2 {
			g.Mul(m.adjust(c, phi, &chol), &g)
		}
		e := mat.NewVecDense(len(c.at), nil)
		e.MulVec(c.x, m.beta)
		e.SubVec(c.y, e)
		score := mat.NewVecDense(m.Rank, nil)
		score.MulVec(g.T(), e)
		s.g, s.phi, s.scores = append(s.g, &g), append(s.phi, phi), append(s.scores, score)
	}
	return s
}

// adjust is A = U'(U (Φ - XMX') U')^(-1/2) U with Φ = U'U, so that A'(Φ-XMX')A = Φ;
// directions without residual are left out.
func (m *Multilevel) adjust(c block, phi *mat.SymDense, chol *mat.Cholesky) *mat.Dense {
	n := len(c.at)
	var u mat.TriDense
	chol.UTo(&u)
	var xm, h, b mat.Dense
	xm.Mul(c.x, m.cov)
	h.Mul(&xm, c.x.T())
	h.Sub(phi, &h)
	b.Mul(&u, &h)
	b.Mul(&b, u.T())
	var eig mat.EigenSym
	root := mat.NewDense(n, n, nil)
	if eig.Factorize(mat.NewSymDense(n, symData(&b)), true) {
		var vec mat.Dense
		eig.VectorsTo(&vec)
		lambda := eig.Values(nil)
		for l, x := range lambda {
			if !(x > 1e-12*lambda[n-1]) {
				continue
			}
			for i := range n {
				for j := range n {
					root.Set(i, j, root.At(i, j)+vec.At(i, l)*vec.At(j, l)/math.Sqrt(x))
				}
			}
		}
	}
	var a mat.Dense
	a.Mul(u.T(), root)
	a.Mul(&a, &u)
	return &a
}

// satterthwaite is (tr P)²/tr(P²) with P the covariance of the scores under the model.
func (m *Multilevel) satterthwaite(s sandwich, i int) float64 {
	n := len(m.blocks)
	cols := make([]*mat.VecDense, n) // g
	proj := make([]*mat.VecDense, n) // X'g
	for b := range m.blocks {
		cols[b] = mat.VecDenseCopyOf(s.g[b].ColView(i))
		proj[b] = mat.NewVecDense(m.Rank, nil)
		proj[b].MulVec(m.blocks[b].x.T(), cols[b])
	}
	trace, squares := 0.0, 0.0
	for a := range n {
		for b := range n {
			p := -mat.Inner(proj[a], m.cov, proj[b])
			if a == b {
				p += mat.Inner(cols[a], s.phi[a], cols[a])
				trace += p
			}
			squares += p * p
		}
	}
	return trace * trace / squares
}
