package fit

import (
	"errors"
	"fmt"
	"iter"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"
)

// Standard errors of a mixed model for repeated measures, beside the CR0 and CR2 of
// linear models. Kenward and Roger's full form holds for the parameters it is written
// in; these are mmrm's. The linear form is that of SAS where a covariance is linear in
// its parameters.
const (
	CovKenwardRoger       = "kenward-roger"
	CovKenwardRogerLinear = "kenward-roger-linear"
	CovCR3                = "CR3" // residuals of a cluster times (I - H)⁻¹ first: the jackknife
)

// Degrees of freedom.
const (
	DFSatterthwaite = "satterthwaite"
	DFKenwardRoger  = "kenward-roger"
	DFBetweenWithin = "between-within"
	DFResidual      = "residual"
)

// Inference is how standard errors and degrees of freedom are found.
type Inference struct {
	Errors string // CovModel, CovKenwardRoger, CovKenwardRogerLinear, CovCR0, CovCR2, CovCR3
	DF     string
}

// ErrInference is what errors.Is finds in an error about a combination of standard
// errors and degrees of freedom that is not defined.
var ErrInference = errors.New("not a valid combination")

// Check reports what cannot go together, by the rules of mmrm's mmrm_control.
func (i Inference) Check(s Structure, reml bool) error {
	kr := i.Errors == CovKenwardRoger || i.Errors == CovKenwardRogerLinear
	switch {
	case kr != (i.DF == DFKenwardRoger):
		return fmt.Errorf("%w: degrees of freedom and standard errors by Kenward and Roger go with each other alone, as in mmrm", ErrInference)
	case kr && !reml:
		return fmt.Errorf("%w: Kenward and Roger's inference is for restricted likelihood", ErrInference)
	case i.Errors == CovKenwardRoger && s == Spatial:
		return fmt.Errorf("%w: Kenward and Roger's full form of a spatial covariance would depend on the unit of time; choose the linear form", ErrInference)
	}
	return nil
}

func (i Inference) robust() bool {
	return i.Errors == CovCR0 || i.Errors == CovCR2 || i.Errors == CovCR3
}

// Inferred is a fit with its inference chosen.
type Inferred struct {
	fit      *RepeatedFit
	by       Inference
	cov      *mat.SymDense
	patients iter.Seq[Patient] // for robust errors
}

// Infer returns the fit with the inference. Patients, the same as were added, are
// gone through once more for robust errors, and again by Contrasts.
func (f *RepeatedFit) Infer(by Inference, patients iter.Seq[Patient]) (*Inferred, error) {
	if err := by.Check(f.Structure, f.REML); err != nil {
		return nil, err
	}
	i := &Inferred{fit: f, by: by, cov: f.Cov, patients: patients}
	switch {
	case by.DF == DFKenwardRoger:
		i.cov = f.kenwardRoger(by.Errors == CovKenwardRoger)
	case by.robust():
		var err error
		if i.cov, err = f.robust(by.Errors, patients); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// sum returns the sum over patients of (X, y)'G(X, y), G a matrix of each pattern's
// visits, over the patterns of a group.
func (r *Repeated) sum(group int, weight func(q *pattern, at int) []float64) *mat.SymDense {
	m := r.Columns + 1
	out := make([]float64, m*m)
	for at, q := range r.order {
		if q.group == group {
			r.add(out, q, weight(q, at))
		}
	}
	return symmetric(mat.NewDense(m, m, out))
}

// kenwardRoger returns Kenward and Roger's covariance of the coefficients:
// C + 2C (Σ Aₕₗ (Qₕₗ - PₕCPₗ - Rₕₗ/4)) C, A the covariance of the parameters, without
// Rₕₗ in the linear form. What is linear in l is summed over l first.
func (f *RepeatedFit) kenwardRoger(full bool) *mat.SymDense {
	p, r, v := f.stats.Columns, f.stats, f.stats.Visits
	inner := mat.NewDense(p, p, nil)
	for h := range f.Theta {
		all := mat.NewSymDense(p, nil)
		for l := range f.Theta {
			var one mat.SymDense
			one.ScaleSym(f.thetaCov.At(h, l), f.by[l])
			all.AddSym(all, &one)
		}
		var t, u mat.Dense
		t.Mul(f.by[h], f.Cov)
		u.Mul(&t, all)
		inner.Sub(inner, &u)
	}
	per := len(f.Theta) / r.Groups
	for g := range r.Groups {
		cov := f.thetaCov.SliceSym(g*per, (g+1)*per)
		var bent []float64
		if full {
			bent = f.Structure.curvature(f.Theta[g*per:(g+1)*per], v, cov)
		}
		inner.Add(inner, r.sum(g, func(q *pattern, at int) []float64 {
			return f.extra(q, f.work.inverse[at], g*per, cov, bent)
		}).SliceSym(0, p))
	}
	var t, u mat.Dense
	t.Mul(f.Cov, inner)
	u.Mul(&t, f.Cov)
	u.Scale(2, &u)
	u.Add(&u, f.Cov)
	return symmetric(&u)
}

// extra returns, between a pattern's visits, W Σ Aₕₗ (ΣₕWΣₗ - Σₕₗ/4) W, over the
// parameters of its group from the first; bent is Σ AₕₗΣₕₗ, nil in the linear form.
func (f *RepeatedFit) extra(q *pattern, in []float64, first int, cov mat.Matrix, bent []float64) []float64 {
	k, v := len(q.visits), f.stats.Visits
	per, _ := cov.Dims()
	parts := make([][]float64, per)
	for h := range parts {
		parts[h] = part(f.work.d[first+h], q.visits, v)
	}
	middle := make([]float64, k*k)
	for h := range parts {
		all := make([]float64, k*k)
		for l := range parts {
			for i, d := range parts[l] {
				all[i] += cov.At(h, l) * d
			}
		}
		for i, d := range product(product(parts[h], in, k), all, k) {
			middle[i] += d
		}
	}
	if bent != nil {
		for i, d := range part(bent, q.visits, v) {
			middle[i] -= d / 4
		}
	}
	return sandwich(in, middle, k)
}

// Contrast is a sum of coefficients; what is not defined is NaN.
type Contrast struct{ Value, SE, DF float64 }

// Contrasts returns sums of coefficients with their standard errors and degrees of
// freedom. Those of Kenward and Roger are Satterthwaite's for a single contrast; with
// robust errors Satterthwaite's are Bell and McCaffrey's, as in mmrm.
func (i *Inferred) Contrasts(cs [][]float64) []Contrast {
	out := make([]Contrast, len(cs))
	var robust []float64
	if i.by.robust() && i.by.DF == DFSatterthwaite {
		robust = i.fit.robustDF(i.by.Errors, i.patients, cs)
	}
	for k, c := range cs {
		x := mat.NewVecDense(len(c), c)
		o := Contrast{mat.Dot(x, mat.NewVecDense(len(c), i.fit.Beta)), math.Sqrt(mat.Inner(x, i.cov, x)), math.NaN()}
		switch {
		case robust != nil:
			o.DF = robust[k]
		case i.by.DF == DFSatterthwaite || i.by.DF == DFKenwardRoger:
			o.DF = i.fit.satterthwaite(x)
		default:
			o.DF = i.counted(c)
		}
		if !(o.DF > 0) || math.IsInf(o.DF, 1) {
			o.DF = math.NaN()
		}
		out[k] = o
	}
	return out
}

// satterthwaite returns 2 (c'Cc)² / g'Ag, g the derivatives of c'Cc by the
// covariance's parameters and A the covariance of these.
func (f *RepeatedFit) satterthwaite(c *mat.VecDense) float64 {
	var cx mat.VecDense
	cx.MulVec(f.Cov, c)
	variance := mat.Dot(c, &cx)
	g := mat.NewVecDense(len(f.by), nil)
	for h := range f.by {
		g.SetVec(h, mat.Inner(&cx, f.by[h], &cx))
	}
	return 2 * variance * variance / mat.Inner(g, f.thetaCov, g)
}

// counted returns the residual degrees of freedom, or the fewer of those between and
// within patients of the columns that a contrast has, as mmrm counts them: columns
// that never differ within a patient are between, the intercept within (between where
// no column differs).
func (i *Inferred) counted(c []float64) float64 {
	r := i.fit.stats
	if i.by.DF == DFResidual {
		return float64(r.Values - r.Columns)
	}
	within := 0
	for _, differs := range r.varies {
		if differs {
			within++
		}
	}
	between := float64(r.Patients - (r.Columns - within))
	inside := float64(r.Values - r.Patients - within)
	df := math.Inf(1)
	for j, w := range c {
		switch {
		case w == 0:
		case r.varies[j] || r.constant[j] && within > 0:
			df = math.Min(df, inside)
		default:
			df = math.Min(df, between)
		}
	}
	return df
}

// FTest is a joint test of several contrasts.
type FTest struct{ F, Numerator, Denominator, P float64 }

// Test tests that all the contrasts are zero, by Wald's F. Its denominator has
// Kenward and Roger's degrees of freedom (with their scale), the fewest of the
// columns' where they are counted, and else Fai and Cornelius's of the contrasts along
// the principal axes of their covariance.
func (i *Inferred) Test(rows [][]float64) FTest {
	none := FTest{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	l, p := len(rows), i.fit.stats.Columns
	if l == 0 {
		return none
	}
	m := mat.NewDense(l, p, nil)
	for k, c := range rows {
		m.SetRow(k, c)
	}
	t := FTest{}
	if i.by.DF == DFKenwardRoger {
		t = i.kenwardRogerTest(m)
	} else {
		t = i.principal(m)
	}
	if !(t.F >= 0) || !(t.Denominator > 0) {
		return none
	}
	// The upper tail of F itself: 1 less the lower tail has no digits under 1e-16.
	t.P = mathext.RegIncBeta(t.Denominator/2, t.Numerator/2, t.Denominator/(t.Denominator+t.Numerator*t.F))
	return t
}

// around returns L V L'.
func around(l *mat.Dense, v *mat.SymDense) *mat.SymDense {
	var t, u mat.Dense
	t.Mul(l, v)
	u.Mul(&t, l.T())
	return symmetric(&u)
}

func (i *Inferred) principal(l *mat.Dense) FTest {
	none := FTest{F: math.NaN()}
	var eig mat.EigenSym
	if !eig.Factorize(around(l, i.cov), true) {
		return none
	}
	values := eig.Values(nil)
	var vectors, turned mat.Dense
	eig.VectorsTo(&vectors)
	turned.Mul(vectors.T(), l)
	var cs [][]float64
	for k, v := range values {
		if v > 1.5e-8*values[len(values)-1] {
			cs = append(cs, mat.Row(nil, k, &turned))
		}
	}
	f, q := 0.0, float64(len(cs))
	var dfs []float64
	for _, c := range i.Contrasts(cs) {
		f += c.Value * c.Value / (c.SE * c.SE) / q
		dfs = append(dfs, c.DF)
	}
	t := FTest{F: f, Numerator: q, Denominator: faiCornelius(dfs)}
	if i.by.DF != DFSatterthwaite {
		used := make([]float64, i.fit.stats.Columns)
		for j := range used {
			for k := range l.RawMatrix().Rows {
				if l.At(k, j) != 0 {
					used[j] = 1
				}
			}
		}
		t.Denominator = i.counted(used)
	}
	return t
}

// faiCornelius returns 2E/(E - q), E the sum of v/(v-2) over the q degrees of
// freedom, these where they are alike, and 2 where one is not above 2, as mmrm does.
func faiCornelius(dfs []float64) float64 {
	e, q := 0.0, float64(len(dfs))
	alike, least := true, math.Inf(1)
	for _, v := range dfs {
		if math.IsNaN(v) {
			return v
		}
		alike = alike && math.Abs(v-dfs[0]) < 1.5e-8
		least = math.Min(least, v)
		e += v / (v - 2)
	}
	switch {
	case alike:
		return dfs[0]
	case least <= 2:
		return 2
	}
	return 2 * e / (e - q)
}

// kenwardRogerTest is section 3 of their paper.
func (i *Inferred) kenwardRogerTest(m *mat.Dense) FTest {
	f := i.fit
	rows, _ := m.Dims()
	l := float64(rows)
	var middle, adjusted mat.Dense
	if middle.Inverse(around(m, f.Cov)) != nil || adjusted.Inverse(around(m, i.cov)) != nil {
		return FTest{F: math.NaN()}
	}
	var b mat.VecDense
	b.MulVec(m, mat.NewVecDense(len(f.Beta), f.Beta))
	wald := mat.Inner(&b, &adjusted, &b) / l
	// Each Pₕ as ΘCPₕC, Θ = L'(LCL')⁻¹L, has the trace of (LCL')⁻¹ LCPₕCL'.
	part := make([]*mat.Dense, len(f.by))
	var lc mat.Dense
	lc.Mul(m, f.Cov)
	for h, p := range f.by {
		part[h] = &mat.Dense{}
		part[h].Mul(&middle, around(&lc, p))
	}
	a1, a2 := 0.0, 0.0
	for h := range part {
		for g := range part {
			var both mat.Dense
			both.Mul(part[h], part[g])
			a1 += f.thetaCov.At(h, g) * mat.Trace(part[h]) * mat.Trace(part[g])
			a2 += f.thetaCov.At(h, g) * mat.Trace(&both)
		}
	}
	g := ((l+1)*a1 - (l+4)*a2) / ((l + 2) * a2)
	d := 3*l + 2*(1-g)
	c1, c2, c3 := g/d, (l-g)/d, (l+2-g)/d
	half := (a1 + 6*a2) / (2 * l)
	e := 1 / (1 - a2/l)
	v := 2 / l * (1 + c1*half) / ((1 - c2*half) * (1 - c2*half) * (1 - c3*half))
	rho := v / (2 * e * e)
	df := 4 + (l+2)/(l*rho-1)
	return FTest{F: wald * df / (e * (df - 2)), Numerator: l, Denominator: df}
}
