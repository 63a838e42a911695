package impute

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// repeated are the data of a multivariate normal model of an outcome at several visits:
// every column of the design has a coefficient of its own at each visit, and visits have
// an unstructured covariance. By that, all that a fit needs of the patients with the same
// visits is one matrix of cross products.
type repeated struct {
	visits, columns int
	x               [][]float64 // by row
	y               [][]float64 // by row and visit, NaN where missing
	pattern         []int       // by row, into patterns
	patterns        []seenAt
}

// seenAt are visits with and without values.
type seenAt struct{ seen, lost []int }

func newRepeated(x, y [][]float64) *repeated {
	d := &repeated{visits: len(y[0]), columns: len(x[0]), x: x, y: y}
	at := map[string]int{}
	for _, row := range y {
		key, p := make([]byte, len(row)), seenAt{}
		for v, value := range row {
			if math.IsNaN(value) {
				p.lost = append(p.lost, v)
				continue
			}
			key[v] = 1
			p.seen = append(p.seen, v)
		}
		k, ok := at[string(key)]
		if !ok {
			k = len(d.patterns)
			at[string(key)] = k
			d.patterns = append(d.patterns, p)
		}
		d.pattern = append(d.pattern, k)
	}
	return d
}

// sums are the cross products of (x, y) of each pattern, with rows taken times over.
type sums struct {
	n     []float64
	cross [][]float64
	total float64 // rows with a value
}

func (d *repeated) sums(times []int) sums {
	m := d.columns + d.visits
	s := sums{n: make([]float64, len(d.patterns)), cross: make([][]float64, len(d.patterns))}
	for k := range s.cross {
		s.cross[k] = make([]float64, m*m)
	}
	z := make([]float64, m)
	for r, x := range d.x {
		k := d.pattern[r]
		if times != nil && times[r] == 0 || len(d.patterns[k].seen) == 0 {
			continue
		}
		w := 1.0
		if times != nil {
			w = float64(times[r])
		}
		copy(z, x)
		clear(z[d.columns:])
		for _, v := range d.patterns[k].seen {
			z[d.columns+v] = d.y[r][v]
		}
		for i, a := range z {
			if a == 0 {
				continue
			}
			line := s.cross[k][i*m : i*m+m]
			for j, b := range z {
				line[j] += w * a * b
			}
		}
		s.n[k] += w
		s.total += w
	}
	return s
}

// normalFit are the coefficients, by visit and column, and the covariance of visits.
type normalFit struct {
	beta, sigma []float64
	steps       int
}

// maxSteps of the EM algorithm: with half of the information missing some 40 are enough.
const maxSteps = 5000

// fit maximises the restricted likelihood by the EM algorithm, in which the coefficients
// count as missing too under a flat prior:
//
//	Σ = Σᵢ E(eᵢeᵢ' | y, Σ)/n,  E(e_o e_o') = r_o r_o' + X_o C X_o',  C = (ΣX_o'Σ_oo⁻¹X_o)⁻¹
//
// until no element of Σ moves by 1e-11 of the largest. It reports false where a visit has
// too few values. Laird, Lange and Stram 1987, Journal of the
// American Statistical Association 82, 97-105.
func (d *repeated) fit(s sums, start []float64) (normalFit, bool) {
	f := normalFit{sigma: slices.Clone(start)}
	if start == nil {
		f.sigma = d.start(s)
	}
	for f.steps = 1; f.steps <= maxSteps; f.steps++ {
		next, ok := d.improve(s, &f)
		if !ok {
			return f, false
		}
		moved, most := 0.0, 0.0
		for i, v := range next {
			moved, most = math.Max(moved, math.Abs(v-f.sigma[i])), math.Max(most, math.Abs(v))
		}
		f.sigma = next
		if moved <= 1e-11*most {
			return f, true
		}
	}
	return f, false
}

// start is the variance of each visit's values.
func (d *repeated) start(s sums) []float64 {
	m, q := d.columns+d.visits, d.columns
	out := make([]float64, d.visits*d.visits)
	for v := range d.visits {
		n, squares := 0.0, 0.0
		for k, p := range d.patterns {
			if slices.Contains(p.seen, v) {
				n += s.n[k]
				squares += s.cross[k][(q+v)*m+q+v]
			}
		}
		out[v*d.visits+v] = squares / math.Max(1, n)
	}
	return out
}

// improve takes one step: coefficients and C given Σ, then Σ.
func (d *repeated) improve(s sums, f *normalFit) ([]float64, bool) {
	v, q := d.visits, d.columns
	m, p := q+v, v*q
	inverse := make([]*mat.SymDense, len(d.patterns))
	normal, right := make([]float64, p*p), mat.NewVecDense(p, nil)
	for k, at := range d.patterns {
		if s.n[k] == 0 {
			continue
		}
		w, ok := inverseOf(f.sigma, v, at.seen)
		if !ok {
			return nil, false
		}
		inverse[k] = w
		cross := s.cross[k]
		for i, a := range at.seen {
			for h, b := range at.seen {
				for j := range q {
					for l := range q {
						normal[(a*q+j)*p+b*q+l] += w.At(i, h) * cross[j*m+l]
					}
					right.SetVec(a*q+j, right.AtVec(a*q+j)+w.At(i, h)*cross[j*m+q+b])
				}
			}
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(p, normal)) || chol.Cond() > 1e13 {
		return nil, false
	}
	var beta mat.VecDense
	var c mat.SymDense
	if chol.SolveVecTo(&beta, right) != nil || chol.InverseTo(&c) != nil {
		return nil, false
	}
	f.beta = append(f.beta[:0], beta.RawVector().Data...)
	next := make([]float64, v*v)
	for k, at := range d.patterns {
		if s.n[k] > 0 {
			d.expect(next, s.cross[k], s.n[k], at, inverse[k], &c, f)
		}
	}
	for i := range next {
		next[i] /= s.total
	}
	return next, true
}

// expect adds what is expected of the errors of a pattern's patients.
func (d *repeated) expect(next, cross []float64, n float64, at seenAt, w *mat.SymDense, c *mat.SymDense, f *normalFit) {
	v, q := d.visits, d.columns
	m, k := q+v, len(at.seen)
	e := mat.NewDense(k, k, nil)
	for i, a := range at.seen {
		for h, b := range at.seen {
			s := cross[(q+a)*m+q+b]
			for j := range q {
				s -= f.beta[a*q+j]*cross[j*m+q+b] + f.beta[b*q+j]*cross[j*m+q+a]
				for l := range q {
					s += (f.beta[a*q+j]*f.beta[b*q+l] + c.At(a*q+j, b*q+l)) * cross[j*m+l]
				}
			}
			e.Set(i, h, s)
			next[a*v+b] += s
		}
	}
	if len(at.lost) == 0 {
		return
	}
	r := slopes(f.sigma, v, at, w)
	var re, rer mat.Dense
	re.Mul(r, e)
	rer.Mul(&re, r.T())
	left := remaining(f.sigma, v, at, r)
	for i, a := range at.lost {
		for h, b := range at.seen {
			next[a*v+b] += re.At(i, h)
			next[b*v+a] += re.At(i, h)
		}
		for h, b := range at.lost {
			next[a*v+b] += rer.At(i, h) + n*left.At(i, h)
		}
	}
}

// inverseOf inverts the covariance of some visits.
func inverseOf(sigma []float64, v int, at []int) (*mat.SymDense, bool) {
	if len(at) == 0 {
		return nil, true
	}
	sub := mat.NewSymDense(len(at), nil)
	for i, a := range at {
		for h := i; h < len(at); h++ {
			sub.SetSym(i, h, sigma[a*v+at[h]])
		}
	}
	var chol mat.Cholesky
	var out mat.SymDense
	if !chol.Factorize(sub) || chol.InverseTo(&out) != nil {
		return nil, false
	}
	return &out, true
}

// slopes are those of the lost visits on the seen: Σ_lo Σ_oo⁻¹.
func slopes(sigma []float64, v int, at seenAt, inverse *mat.SymDense) *mat.Dense {
	lo := mat.NewDense(len(at.lost), len(at.seen), nil)
	for i, a := range at.lost {
		for h, b := range at.seen {
			lo.Set(i, h, sigma[a*v+b])
		}
	}
	var out mat.Dense
	out.Mul(lo, inverse)
	return &out
}

// remaining is the covariance of the lost visits given the seen: Σ_ll - R Σ_ol.
func remaining(sigma []float64, v int, at seenAt, r *mat.Dense) *mat.SymDense {
	out := mat.NewSymDense(len(at.lost), nil)
	for i, a := range at.lost {
		for h := i; h < len(at.lost); h++ {
			b := at.lost[h]
			s := sigma[a*v+b]
			for j, o := range at.seen {
				s -= r.At(i, j) * sigma[o*v+b]
			}
			out.SetSym(i, h, s)
		}
	}
	return out
}
