package meta

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"recoup/analysis"
)

// Contrast is one comparison of a study: Treat1 minus Treat2. A study of m arms has
// all m(m-1)/2 of them.
type Contrast struct {
	Study, Treat1, Treat2 string
	Effect
}

// NetworkOptions say how a network is pooled and ranked.
type NetworkOptions struct {
	Common     bool    // a common effect, without τ²
	HighBetter bool    // high values are better in ranks; low ones are where false
	Level      float64 // 0.95 where 0
}

// Comparison is one pair of treatments of a network: what the network says, what the
// studies that compare the two say, and what all the rest says.
type Comparison struct {
	Treat1, Treat2            string
	Network, Direct, Indirect Coefficient // NaN where there is none
	Share                     float64     // of direct evidence in the network's
	Studies                   int         // that compare the two
	Inconsistency             Coefficient // direct minus indirect
}

// Netted is a network meta-analysis.
type Netted struct {
	Options    NetworkOptions
	Treatments []string    // in order of name
	Value, SE  [][]float64 // row minus column
	PScore     []float64   // mean extent of certainty that a treatment is better than another
	Tau2       float64
	Q, QDF, QP float64
	I2         float64 // (Q-df)/Q
	// Q within designs (sets of treatments compared) and between: heterogeneity and
	// inconsistency.
	Within, WithinDF, WithinP    float64
	Between, BetweenDF, BetweenP float64
	// Interaction is the between-designs Q with the τ² that is left within designs
	// (the full design-by-treatment model), DesignTau2.
	Interaction, InteractionP, DesignTau2 float64
	Comparisons                           []Comparison
	Studies, Contrasts                    int
}

// Network pools a network of studies as an electrical circuit: treatments are nodes,
// comparisons resistors of the variance (v+τ²), studies of several arms have their
// resistors replaced by those that give the same variances together.
//
//	L = B'WB,  θ = L⁺B'Wy,  Var(θᵢ-θⱼ) = L⁺ᵢᵢ + L⁺ⱼⱼ - 2L⁺ᵢⱼ
//
// τ² is by the generalised method of DerSimonian and Laird. The cost is the number of
// comparisons and the cube of that of the treatments.
// R: netmeta::netmeta, netrank, decomp.design, netsplit. Rücker 2012,
// 10.1002/jrsm.1058; Rücker and Schwarzer 2014, 10.1002/sim.6236; ranks: Rücker and
// Schwarzer 2015, 10.1186/s12874-015-0060-8; direct and indirect evidence: König,
// Krahn and Binder 2013, 10.1002/sim.6001.
func Network(contrasts []Contrast, o NetworkOptions) (*Netted, error) {
	if o.Level == 0 {
		o.Level = 0.95
	}
	if !(o.Level > 0 && o.Level < 1) {
		return nil, fmt.Errorf("%w: level: expected a number between 0 and 1", analysis.ErrOptions)
	}
	net, err := newCircuit(contrasts)
	if err != nil {
		return nil, err
	}
	common, err := net.solve(0)
	if err != nil {
		return nil, err
	}
	n := &Netted{Options: o, Treatments: net.names, Q: common.q, QDF: net.df(), QP: math.NaN(), I2: math.NaN(), Studies: len(net.studies), Contrasts: len(contrasts)}
	used := common
	if n.QDF > 0 {
		n.QP = distuv.ChiSquared{K: n.QDF}.Survival(n.Q)
		n.I2 = math.Max(0, (n.Q-n.QDF)/n.Q)
		n.Tau2 = math.Max(0, (n.Q-n.QDF)/common.free)
	} else {
		n.Tau2 = math.NaN()
	}
	if o.Common {
		n.Tau2 = 0
	}
	if n.Tau2 > 0 {
		if used, err = net.solve(n.Tau2); err != nil {
			return nil, err
		}
	}
	n.league(used)
	n.compare(net, used)
	return n, n.decompose(net)
}

// circuit is the network: studies with their arms and comparisons.
type circuit struct {
	names   []string
	studies []circuitStudy
}

type circuitStudy struct {
	name  string
	arms  []int // treatments, sorted
	edges []edge
}

// edge compares the arms a and b of its study; its value is a minus b.
type edge struct {
	a, b int
	Effect
}

func newCircuit(contrasts []Contrast) (*circuit, error) {
	c := &circuit{}
	var bad []string
	by := map[string][]Contrast{}
	var studies []string
	for _, x := range contrasts {
		if !x.known() || x.Treat1 == x.Treat2 || x.Treat1 == "" || x.Treat2 == "" {
			bad = append(bad, "study "+x.Study+": expected two treatments, an effect and a variance above 0")
			continue
		}
		if by[x.Study] == nil {
			studies = append(studies, x.Study)
		}
		by[x.Study] = append(by[x.Study], x)
		c.names = append(c.names, x.Treat1, x.Treat2)
	}
	slices.Sort(c.names)
	c.names = slices.Compact(c.names)
	slices.Sort(studies)
	for _, s := range studies {
		x, err := c.study(s, by[s])
		if err != "" {
			bad = append(bad, err)
		}
		c.studies = append(c.studies, x)
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return nil, fmt.Errorf("%w: %s", analysis.ErrCannot, strings.Join(slices.Compact(bad), "; "))
	}
	if len(c.names) < 2 {
		return nil, fmt.Errorf("%w: expected at least one comparison of two treatments", analysis.ErrCannot)
	}
	return c, c.connected()
}

func (c *circuit) study(name string, list []Contrast) (circuitStudy, string) {
	s := circuitStudy{name: name}
	at := func(t string) int { i, _ := slices.BinarySearch(c.names, t); return i }
	for _, x := range list {
		s.arms = append(s.arms, at(x.Treat1), at(x.Treat2))
	}
	slices.Sort(s.arms)
	s.arms = slices.Compact(s.arms)
	seen := map[[2]int]bool{}
	for _, x := range list {
		a, _ := slices.BinarySearch(s.arms, at(x.Treat1))
		b, _ := slices.BinarySearch(s.arms, at(x.Treat2))
		e := edge{a, b, x.Effect}
		if a > b {
			e = edge{b, a, Effect{-x.Value, x.Variance}}
		}
		if seen[[2]int{e.a, e.b}] {
			return s, "study " + name + ": a comparison is given twice"
		}
		seen[[2]int{e.a, e.b}] = true
		s.edges = append(s.edges, e)
	}
	if m := len(s.arms); len(s.edges) != m*(m-1)/2 {
		return s, fmt.Sprintf("study %s: %d comparisons of %d treatments; expected all %d, since they share arms", name, len(s.edges), m, m*(m-1)/2)
	}
	slices.SortFunc(s.edges, func(x, y edge) int { return (x.a-y.a)*len(s.arms) + x.b - y.b })
	return s, ""
}

// connected refuses a network in parts.
func (c *circuit) connected() error {
	of := make([]int, len(c.names))
	for i := range of {
		of[i] = i
	}
	for range c.names { // the least label spreads at least one step a round
		for _, s := range c.studies {
			low := len(of)
			for _, a := range s.arms {
				low = min(low, of[a])
			}
			for _, a := range s.arms {
				of[a] = low
			}
		}
	}
	parts := map[int][]string{}
	for i, p := range of {
		parts[p] = append(parts[p], c.names[i])
	}
	if len(parts) == 1 {
		return nil
	}
	var list []string
	for _, p := range slices.Sorted(maps.Keys(parts)) {
		list = append(list, strings.Join(parts[p], ", "))
	}
	return fmt.Errorf("%w: the network is in %d parts that no study joins: %s; pool each for itself", analysis.ErrCannot, len(parts), strings.Join(list, " | "))
}

// df is the sum of arms less one over studies, less treatments less one.
func (c *circuit) df() float64 {
	df := 1 - len(c.names)
	for _, s := range c.studies {
		df += len(s.arms) - 1
	}
	return float64(df)
}

// solved is a circuit with its potentials.
type solved struct {
	theta   []float64
	plus    *mat.SymDense // L⁺
	weights [][]float64   // by study and edge
	q       float64
	free    float64 // tr((I-H)(BB'∘E/2)W), the divisor of τ²
}

// variance is that of the difference of two treatments.
func (s *solved) variance(i, j int) float64 {
	return s.plus.At(i, i) + s.plus.At(j, j) - 2*s.plus.At(i, j)
}

func (c *circuit) solve(tau2 float64) (*solved, error) {
	n := len(c.names)
	s := &solved{theta: make([]float64, n)}
	l, current := mat.NewSymDense(n, nil), make([]float64, n)
	for _, x := range c.studies {
		w, err := x.weights(tau2)
		if err != nil {
			return nil, err
		}
		s.weights = append(s.weights, w)
		for i, e := range x.edges {
			a, b := x.arms[e.a], x.arms[e.b]
			l.SetSym(a, a, l.At(a, a)+w[i])
			l.SetSym(b, b, l.At(b, b)+w[i])
			l.SetSym(a, b, l.At(a, b)-w[i])
			current[a] += w[i] * e.Value
			current[b] -= w[i] * e.Value
		}
	}
	var err error
	if s.plus, err = pseudo(l); err != nil {
		return nil, fmt.Errorf("%w: the network has comparisons of too different precision", analysis.ErrCannot)
	}
	for i := range n {
		for j := range n {
			s.theta[i] += s.plus.At(i, j) * current[j]
		}
	}
	c.residuals(s)
	return s, nil
}

// pseudo is the pseudo-inverse of a Laplacian of a connected graph,
// (L + J c/n)⁻¹ - J/(c n) with c of the size of L.
func pseudo(l *mat.SymDense) (*mat.SymDense, error) {
	n := l.SymmetricDim()
	c := mat.Trace(l) / float64(n)
	shifted, out := mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			shifted.SetSym(i, j, l.At(i, j)+c/float64(n))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(shifted) {
		return nil, analysis.ErrCannot
	}
	if err := chol.InverseTo(out); err != nil {
		return nil, err
	}
	for i := range n {
		for j := i; j < n; j++ {
			out.SetSym(i, j, out.At(i, j)-1/(c*float64(n)))
		}
	}
	return out, nil
}

// weights are those of the comparisons of a study. With several arms the given
// variances are effective resistances: L⁺ = -½ CRC with C = I - J/m, and the
// weights are -L outside of the diagonal.
func (x circuitStudy) weights(tau2 float64) ([]float64, error) {
	m := len(x.arms)
	if m == 2 {
		return []float64{1 / (x.edges[0].Variance + tau2)}, nil
	}
	r, mean := mat.NewSymDense(m, nil), make([]float64, m)
	for _, e := range x.edges {
		v := e.Variance + tau2
		r.SetSym(e.a, e.b, v)
		mean[e.a] += v / float64(m)
		mean[e.b] += v / float64(m)
	}
	grand := 0.0
	for _, v := range mean {
		grand += v / float64(m)
	}
	for i := range m {
		for j := i; j < m; j++ {
			r.SetSym(i, j, -(r.At(i, j)-mean[i]-mean[j]+grand)/2)
		}
	}
	l, err := pseudo(r)
	if err != nil {
		return nil, fmt.Errorf("%w: study %s: no arms have these variances of their comparisons together; check its standard errors", analysis.ErrCannot, x.name)
	}
	var w []float64
	for _, e := range x.edges {
		w = append(w, -l.At(e.a, e.b))
	}
	return w, nil
}

// residuals adds Q and the divisor of τ².
func (c *circuit) residuals(s *solved) {
	for k, x := range c.studies {
		w := s.weights[k]
		for i, e := range x.edges {
			d := e.Value - (s.theta[x.arms[e.a]] - s.theta[x.arms[e.b]])
			s.q += w[i] * d * d
			s.free += w[i]
			for j, f := range x.edges { // H of e and f, times the share of arms they have in common
				shared := incidence(e.a, f) - incidence(e.b, f)
				if shared == 0 {
					continue
				}
				h := s.plus.At(x.arms[e.a], x.arms[f.a]) - s.plus.At(x.arms[e.a], x.arms[f.b]) - s.plus.At(x.arms[e.b], x.arms[f.a]) + s.plus.At(x.arms[e.b], x.arms[f.b])
				s.free -= w[i] * w[j] * h * shared / 2
			}
		}
	}
}

// incidence is 1 where an arm begins an edge, -1 where it ends it.
func incidence(arm int, e edge) float64 {
	switch arm {
	case e.a:
		return 1
	case e.b:
		return -1
	}
	return 0
}

// league fills in every difference and the ranks.
func (n *Netted) league(s *solved) {
	k := len(n.Treatments)
	n.Value, n.SE, n.PScore = make([][]float64, k), make([][]float64, k), make([]float64, k)
	better := -1.0
	if n.Options.HighBetter {
		better = 1
	}
	for i := range k {
		n.Value[i], n.SE[i] = make([]float64, k), make([]float64, k)
		for j := range k {
			if i == j {
				continue
			}
			n.Value[i][j] = s.theta[i] - s.theta[j]
			n.SE[i][j] = math.Sqrt(s.variance(i, j))
			n.PScore[i] += distuv.UnitNormal.CDF(better*n.Value[i][j]/n.SE[i][j]) / float64(k-1)
		}
	}
}

// compare sets direct against indirect evidence for every pair: the direct is the
// common or random mean of the studies that compare them, with the network's τ², and
// the rest follows from value and variance of the network.
func (n *Netted) compare(c *circuit, s *solved) {
	type sum struct {
		w, wy float64
		k     int
	}
	direct := map[[2]int]sum{}
	for _, x := range c.studies {
		for _, e := range x.edges {
			at := [2]int{x.arms[e.a], x.arms[e.b]}
			d, w := direct[at], 1/(e.Variance+math.Max(0, orZero(n.Tau2)))
			direct[at] = sum{d.w + w, d.wy + w*e.Value, d.k + 1}
		}
	}
	none := coefficient(math.NaN(), math.NaN(), math.NaN(), n.Options.Level)
	inf := math.Inf(1)
	for i := range n.Treatments {
		for j := i + 1; j < len(n.Treatments); j++ {
			v := s.variance(i, j)
			p := Comparison{Treat1: n.Treatments[i], Treat2: n.Treatments[j], Direct: none, Indirect: none, Inconsistency: none}
			p.Network = coefficient(n.Value[i][j], math.Sqrt(v), inf, n.Options.Level)
			d := direct[[2]int{i, j}]
			p.Studies, p.Share = d.k, v*d.w
			if d.k > 0 {
				p.Direct = coefficient(d.wy/d.w, 1/math.Sqrt(d.w), inf, n.Options.Level)
			}
			switch {
			case d.k == 0:
				p.Indirect = p.Network
			case p.Share < 1-1e-9:
				rest := 1 - p.Share
				p.Indirect = coefficient((p.Network.Value-p.Share*p.Direct.Value)/rest, math.Sqrt(v/rest), inf, n.Options.Level)
				p.Inconsistency = coefficient(p.Direct.Value-p.Indirect.Value, math.Hypot(p.Direct.SE, p.Indirect.SE), inf, n.Options.Level)
			default:
				p.Share = 1
			}
			n.Comparisons = append(n.Comparisons, p)
		}
	}
}

func orZero(x float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return x
}

// decompose splits Q into that within designs and between them, and tests between
// again with the τ² left within. Higgins et al. 2012, 10.1002/jrsm.1044.
func (n *Netted) decompose(c *circuit) error {
	designs := c.designs()
	free := 0.0
	for _, d := range designs {
		s, err := d.solve(0)
		if err != nil {
			return err
		}
		n.Within, n.WithinDF, free = n.Within+s.q, n.WithinDF+d.df(), free+s.free
	}
	n.Between, n.BetweenDF = math.Max(0, n.Q-n.Within), n.QDF-n.WithinDF
	survival := func(q, df float64) float64 {
		if df <= 0 {
			return math.NaN()
		}
		return distuv.ChiSquared{K: df}.Survival(q)
	}
	n.WithinP, n.BetweenP = survival(n.Within, n.WithinDF), survival(n.Between, n.BetweenDF)
	n.DesignTau2, n.Interaction, n.InteractionP = math.NaN(), math.NaN(), math.NaN()
	if n.WithinDF <= 0 || n.BetweenDF <= 0 {
		return nil
	}
	n.DesignTau2 = math.Max(0, (n.Within-n.WithinDF)/free)
	all, err := c.solve(n.DesignTau2)
	if err != nil {
		return err
	}
	n.Interaction = all.q
	for _, d := range designs {
		s, err := d.solve(n.DesignTau2)
		if err != nil {
			return err
		}
		n.Interaction -= s.q
	}
	n.InteractionP = survival(n.Interaction, n.BetweenDF)
	return nil
}

// designs are the networks of the studies that compare the same treatments.
func (c *circuit) designs() []*circuit {
	at := map[string]int{}
	var out []*circuit
	for _, s := range c.studies {
		key := fmt.Sprint(s.arms)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			d := &circuit{}
			for _, a := range s.arms {
				d.names = append(d.names, c.names[a])
			}
			out = append(out, d)
		}
		local := circuitStudy{name: s.name, edges: s.edges}
		for a := range s.arms {
			local.arms = append(local.arms, a)
		}
		out[i].studies = append(out[i].studies, local)
	}
	return out
}
