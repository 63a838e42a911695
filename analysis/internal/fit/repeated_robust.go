package fit

import (
	"fmt"
	"iter"
	"math"

	"gonum.org/v1/gonum/mat"
)

// whitener turns patients' rows into ones with uncorrelated errors of variance one.
type whitener struct {
	f     *RepeatedFit
	kind  string
	roots map[patternKey]*mat.TriDense
}

// whitened is one patient's rows times the inverse of the Cholesky factor of the
// covariance of his visits, and the same adjusted for leverage.
type whitened struct {
	x, adjusted *mat.Dense
	residual    *mat.VecDense
}

func (f *RepeatedFit) whiten(kind string) *whitener {
	return &whitener{f, kind, map[patternKey]*mat.TriDense{}}
}

// of returns a patient's rows; false for one without values.
func (w *whitener) of(p Patient) (whitened, bool, error) {
	key, k := p.key()
	if k == 0 {
		return whitened{}, false, nil
	}
	q := w.f.stats.patterns[key]
	root, known := w.roots[key]
	if !known {
		var chol mat.Cholesky
		root = mat.NewTriDense(k, mat.Lower, nil)
		var l mat.TriDense
		if !chol.Factorize(mat.NewSymDense(k, part(w.f.work.sigma[q.group], q.visits, w.f.stats.Visits))) {
			return whitened{}, false, errNotDefinite
		}
		chol.LTo(&l)
		if err := root.InverseTri(&l); err != nil {
			return whitened{}, false, errNotDefinite
		}
		w.roots[key] = root
	}
	columns := w.f.stats.Columns
	raw, e := mat.NewDense(k, columns, nil), mat.NewVecDense(k, nil)
	weight := math.Sqrt(p.Weight)
	for a, v := range q.visits {
		s := p.Y[v]
		for j, u := range p.X[v] {
			s -= u * w.f.Beta[j]
			raw.Set(a, j, weight*u)
		}
		e.SetVec(a, weight*s)
	}
	out := whitened{x: mat.NewDense(k, columns, nil), residual: mat.NewVecDense(k, nil)}
	out.x.Mul(root, raw)
	out.residual.MulVec(root, e)
	var err error
	out.adjusted, err = w.adjust(out.x)
	return out, true, err
}

// adjust returns A x with A the identity, (I - H)^-1/2 or (I - H)⁻¹, H = xCx'. Directions
// that the patient alone decides are left out by the generalised inverse of CR2, as in
// mmrm; CR3 is not defined there.
func (w *whitener) adjust(x *mat.Dense) (*mat.Dense, error) {
	if w.kind == CovCR0 {
		return x, nil
	}
	var eig mat.EigenSym
	if !eig.Factorize(around(x, w.f.Cov), true) {
		return nil, fmt.Errorf("%w: leverages cannot be found", ErrRepeatedSingular)
	}
	var vectors, turned, out mat.Dense
	eig.VectorsTo(&vectors)
	turned.Mul(vectors.T(), x)
	for k, h := range eig.Values(nil) {
		factor := 1 / math.Sqrt(math.Max(1-h, 0))
		if w.kind == CovCR3 {
			factor *= factor
		}
		if h > 1-1e-9 {
			if w.kind == CovCR3 {
				return nil, fmt.Errorf("%w: one patient alone decides a coefficient, so CR3 is not defined; use CR2", ErrRepeatedSingular)
			}
			factor = 0
		}
		row := turned.RawRowView(k)
		for j := range row {
			row[j] *= factor
		}
	}
	out.Mul(&vectors, &turned)
	return &out, nil
}

// robust returns C (Σ zz') C, z = x'A e of each patient. mmrm: vcov = "Empirical" (CR0),
// "Empirical-Bias-Reduced" (CR2), "Empirical-Jackknife" (CR3). Bell and McCaffrey 2002;
// Pustejovsky and Tipton 2018, 10.1080/07350015.2016.1247004.
func (f *RepeatedFit) robust(kind string, patients iter.Seq[Patient]) (*mat.SymDense, error) {
	w := f.whiten(kind)
	meat := mat.NewSymDense(f.stats.Columns, nil)
	for p := range patients {
		one, ok, err := w.of(p)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		var z mat.VecDense
		z.MulVec(one.adjusted.T(), one.residual)
		meat.SymRankOne(meat, 1, &z)
	}
	return around(mat.DenseCopyOf(f.Cov), meat), nil
}

// robustDF returns of each contrast (tr G)² / tr(G²), G the matrix between patients of
// what c'b's variance estimate has for a mean under the model's covariance:
// gᵢⱼ = [i = j] uᵢ'uᵢ - vᵢ'Cvⱼ with uᵢ = A xᵢCc and vᵢ = xᵢ'uᵢ. So no matrix grows
// with the patients: tr(G²) = Σ (uᵢ'uᵢ)² - 2 Σ uᵢ'uᵢ vᵢ'Cvᵢ + tr((C Σ vᵢvᵢ')²).
func (f *RepeatedFit) robustDF(kind string, patients iter.Seq[Patient], cs [][]float64) []float64 {
	type sums struct {
		c             *mat.VecDense // C times the contrast
		trace, square float64
		outer         *mat.SymDense
	}
	all := make([]sums, len(cs))
	for k, c := range cs {
		all[k] = sums{c: &mat.VecDense{}, outer: mat.NewSymDense(len(c), nil)}
		all[k].c.MulVec(f.Cov, mat.NewVecDense(len(c), c))
	}
	w := f.whiten(kind)
	for p := range patients {
		one, ok, err := w.of(p)
		if err != nil || !ok {
			continue // robust has refused the first
		}
		for k := range all {
			s := &all[k]
			var u, v mat.VecDense
			u.MulVec(one.adjusted, s.c)
			v.MulVec(one.x.T(), &u)
			own, shared := mat.Dot(&u, &u), mat.Inner(&v, f.Cov, &v)
			s.trace += own - shared
			s.square += own*own - 2*own*shared
			s.outer.SymRankOne(s.outer, 1, &v)
		}
	}
	out := make([]float64, len(cs))
	for k, s := range all {
		var cv, both mat.Dense
		cv.Mul(f.Cov, s.outer)
		both.Mul(&cv, &cv)
		out[k] = s.trace * s.trace / (s.square + mat.Trace(&both))
	}
	return out
}
