package work

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis/internal/fit"
)

// FineGray is a fitted model of the subdistribution hazard of one event among competing
// ones.
type FineGray struct {
	Regression               // its covariance takes in that the weights are estimated
	Model      *mat.SymDense // inverse of the information, too small or too large
	LogLik     float64
	Null       float64
	Events     int
	Infinite   bool // a coefficient that the likelihood drives without end

	time, hazard []float64 // event times and jumps of the baseline
	centre       []float64
}

// Errors of FitFineGray.
var (
	ErrIncidenceEvents      = errors.New("there is no event of the cause of interest")
	ErrIncidenceConvergence = errors.New("the model did not converge")
)

// FitFineGray fits h*(t|x) = h*₀(t) exp(β'x), h* the hazard of cause 1 among those who
// have not had it, by the partial likelihood with Breslow's ties. A patient with another
// event at T stays at risk with weight G(t-)/G(T-), G the Kaplan-Meier estimate of being
// in follow-up. It takes one sort; each step and the errors are one pass each.
//
// The covariance is I⁻¹ Σ(η+ψ)(η+ψ)' I⁻¹ with η the score residuals and ψ what the
// estimation of G adds. Errors are ErrIncidenceEvents, ErrIncidenceConvergence and
// fit.ErrSingular.
//
// R: cmprsk::crr(time, cause, x). Fine and Gray 1999, 10.1080/01621459.1999.10474144.
func FitFineGray(time []float64, cause []int, x [][]float64) (FineGray, error) {
	s := newShares(time, cause, x)
	p := len(x)
	out := FineGray{Events: s.events, centre: s.centre}
	if s.events == 0 {
		return out, ErrIncidenceEvents
	}
	beta := make([]float64, p)
	at := s.pass(beta)
	out.Null = at.logLik
	for iteration := 0; ; iteration++ {
		var chol mat.Cholesky
		if !chol.Factorize(at.info) || chol.Cond() > 1e13 {
			if iteration > 5 && anyAbove(beta, 5) {
				out.Infinite = true
				break
			}
			return out, fmt.Errorf("%w: a covariate follows from the others, or does not vary", fit.ErrSingular)
		}
		step := mat.NewVecDense(p, nil)
		if chol.SolveVecTo(step, mat.NewVecDense(p, at.gradient)) != nil {
			return out, fit.ErrSingular
		}
		size := mat.Dot(step, mat.NewVecDense(p, at.gradient))
		if size < 1e-20 || iteration > 8 && size < 1e-16 {
			break
		}
		if iteration > 60 {
			return out, ErrIncidenceConvergence
		}
		next, try := at, make([]float64, p)
		for shrink := 1.0; shrink > 1e-6; shrink /= 2 {
			for j := range p {
				try[j] = beta[j] + shrink*step.AtVec(j)
			}
			if next = s.pass(try); next.logLik >= at.logLik-1e-11*math.Abs(at.logLik) {
				break
			}
		}
		flat := next.logLik-at.logLik < 1e-9*(1+math.Abs(at.logLik))
		beta, at = try, next
		if flat && anyAbove(beta, 5) && mat.Norm(step, math.Inf(1)) > 0.3 {
			out.Infinite = true
			break
		}
	}
	out.LogLik, out.time, out.hazard = at.logLik, at.time, at.hazard
	return out, s.finish(&out, beta, at)
}

func anyAbove(x []float64, limit float64) bool {
	for _, v := range x {
		if math.Abs(v) > limit {
			return true
		}
	}
	return false
}

// shares are rows in the order of time with scaled covariates, and the estimate of being
// in follow-up.
type shares struct {
	n, p          int
	z             []float64 // n × p
	centre, scale []float64
	time          []float64
	cause         []int
	keep          []float64 // G(t-) by row
	events        int
	ticks         [][2]int // rows of each distinct time
}

func newShares(time []float64, cause []int, x [][]float64) *shares {
	n, p := len(time), len(x)
	s := &shares{n: n, p: p, z: make([]float64, n*p), time: make([]float64, n), cause: make([]int, n), keep: make([]float64, n), centre: make([]float64, p), scale: make([]float64, p)}
	order := fit.Rising(time)
	for j, c := range x {
		for _, v := range c {
			s.centre[j] += v / float64(n)
		}
		for _, v := range c {
			s.scale[j] += (v - s.centre[j]) * (v - s.centre[j])
		}
		if s.scale[j] = math.Sqrt(s.scale[j] / float64(n)); !(s.scale[j] > 0) {
			s.scale[j] = 1
		}
	}
	for i, o := range order {
		s.time[i], s.cause[i] = time[o], cause[o]
		if cause[o] == 1 {
			s.events++
		}
		for j := range p {
			s.z[i*p+j] = (x[j][o] - s.centre[j]) / s.scale[j]
		}
	}
	g := 1.0
	for i := 0; i < n; {
		j, lost := i, 0
		for ; j < n && s.time[j] == s.time[i]; j++ {
			s.keep[j] = g
			if s.cause[j] == 0 {
				lost++
			}
		}
		s.ticks = append(s.ticks, [2]int{i, j})
		g *= 1 - float64(lost)/float64(n-i)
		i = j
	}
	return s
}

// sharesAt is what a pass finds at coefficients; time, hazard and mean are of the event
// times.
type sharesAt struct {
	logLik       float64
	gradient     []float64
	info         *mat.SymDense
	risk         []float64 // exp(β'z) by row
	time, hazard []float64
	mean         []float64 // p an event time
	tick         []int     // of the event times
}

func (s *shares) row(i int) []float64 { return s.z[i*s.p : i*s.p+s.p] }

// pass goes from the first time on: sums over all who are left, and over those with
// another event by 1/G(T-).
func (s *shares) pass(beta []float64) *sharesAt {
	p := s.p
	a := &sharesAt{gradient: make([]float64, p), risk: make([]float64, s.n), info: mat.NewSymDense(max(p, 1), nil)}
	in, out := newRiskSums(p), newRiskSums(p)
	eta := make([]float64, s.n)
	for i := s.n - 1; i >= 0; i-- {
		for j, z := range s.row(i) {
			eta[i] += beta[j] * z
		}
		a.risk[i] = math.Exp(eta[i])
	}
	// From the last time back for those at risk, so that nothing is taken off sums.
	at := make([]riskSums, len(s.ticks))
	for k := len(s.ticks) - 1; k >= 0; k-- {
		for i := s.ticks[k][0]; i < s.ticks[k][1]; i++ {
			in.add(a.risk[i], s.row(i))
		}
		if s.eventsAt(k) > 0 {
			at[k] = in.copy()
		}
	}
	mean := make([]float64, p)
	for k, t := range s.ticks {
		if d := s.eventsAt(k); d > 0 {
			g := s.keep[t[0]]
			s0 := at[k].s0 + g*out.s0
			for j := range p {
				mean[j] = (at[k].s1[j] + g*out.s1[j]) / s0
			}
			for i := t[0]; i < t[1]; i++ {
				if s.cause[i] == 1 {
					a.logLik += eta[i] - math.Log(s0)
					for j, z := range s.row(i) {
						a.gradient[j] += z - mean[j]
					}
				}
			}
			for i := range p {
				for j := i; j < p; j++ {
					a.info.SetSym(i, j, a.info.At(i, j)+float64(d)*((at[k].s2[i*p+j]+g*out.s2[i*p+j])/s0-mean[i]*mean[j]))
				}
			}
			a.time, a.hazard, a.tick = append(a.time, s.time[t[0]]), append(a.hazard, float64(d)/s0), append(a.tick, k)
			a.mean = append(a.mean, mean...)
		}
		for i := t[0]; i < t[1]; i++ {
			if s.cause[i] > 1 {
				out.add(a.risk[i]/s.keep[i], s.row(i))
			}
		}
	}
	return a
}

func (s *shares) eventsAt(k int) (d int) {
	for i := s.ticks[k][0]; i < s.ticks[k][1]; i++ {
		if s.cause[i] == 1 {
			d++
		}
	}
	return d
}

// riskSums are Σ r, Σ r z and the upper half of Σ r zz'.
type riskSums struct {
	s0     float64
	s1, s2 []float64
}

func newRiskSums(p int) riskSums { return riskSums{s1: make([]float64, p), s2: make([]float64, p*p)} }

func (r *riskSums) add(risk float64, z []float64) {
	r.s0 += risk
	p := len(z)
	for i, v := range z {
		r.s1[i] += risk * v
		for j := i; j < p; j++ {
			r.s2[i*p+j] += risk * v * z[j]
		}
	}
}

func (r *riskSums) copy() riskSums {
	return riskSums{r.s0, append([]float64(nil), r.s1...), append([]float64(nil), r.s2...)}
}

// finish puts the result in the covariates' own units.
func (s *shares) finish(out *FineGray, beta []float64, at *sharesAt) error {
	p := s.p
	out.Coef = make([]float64, p)
	for j := range p {
		out.Coef[j] = beta[j] / s.scale[j]
	}
	var chol mat.Cholesky
	bread := mat.NewSymDense(p, nil)
	if !chol.Factorize(at.info) || chol.InverseTo(bread) != nil {
		if out.Infinite {
			return nil
		}
		return fit.ErrSingular
	}
	out.Model, out.Cov = s.unscale(bread), s.unscale(sandwich(bread, s.meat(at)))
	return nil
}

func (s *shares) unscale(v *mat.SymDense) *mat.SymDense {
	out := mat.NewSymDense(s.p, nil)
	for i := range s.p {
		for j := i; j < s.p; j++ {
			out.SetSym(i, j, v.At(i, j)/s.scale[i]/s.scale[j])
		}
	}
	return out
}

// meat returns Σ (η+ψ)(η+ψ)'.
//
//	η = event (z - z̄(T)) - r ∫ w(t) (z - z̄(t)) dΛ(t)
//	ψ = ∫ q(u)/n(u) dM(u),  q(u) = Σ over other events before u of r/G(T-) ∫ from u of G(t-) (z - z̄(t)) dΛ(t)
//
// M is the martingale of being lost: lost at T less ∫ dlost/n while at risk. Events at
// the time u of a loss count as from u, and other events at u as not before it: where
// times are tied that is crr's convention, not the only one.
func (s *shares) meat(a *sharesAt) *mat.SymDense {
	p, m := s.p, len(a.time)
	// Sums over event times up to each: of dΛ and z̄ dΛ, and the same times G(t-).
	h, hm := make([]float64, m+1), make([]float64, (m+1)*p)
	k, km := make([]float64, m+1), make([]float64, (m+1)*p)
	for e := range m {
		g := s.keep[s.ticks[a.tick[e]][0]]
		h[e+1], k[e+1] = h[e]+a.hazard[e], k[e]+g*a.hazard[e]
		for j := range p {
			v := a.mean[e*p+j] * a.hazard[e]
			hm[(e+1)*p+j], km[(e+1)*p+j] = hm[e*p+j]+v, km[e*p+j]+g*v
		}
	}
	out := mat.NewSymDense(p, nil)
	past := make([]float64, p) // ∫ q/n² dlost so far
	other, otherZ := 0.0, make([]float64, p)
	q, u := make([]float64, p), mat.NewVecDense(p, nil)
	e := 0 // event times up to the tick
	for c, t := range s.ticks {
		n, lost := float64(s.n-t[0]), 0.0
		for i := t[0]; i < t[1]; i++ {
			if s.cause[i] == 0 {
				lost++
			}
		}
		for j := range p { // of the event times from this one on
			q[j] = otherZ[j]*(k[m]-k[e]) - other*(km[m*p+j]-km[e*p+j])
			past[j] += q[j] / n * lost / n
		}
		if e < m && a.tick[e] == c {
			e++
		}
		for i := t[0]; i < t[1]; i++ {
			for j, z := range s.row(i) {
				v := -a.risk[i] * (z*h[e] - hm[e*p+j])
				if s.cause[i] == 1 {
					v += z - a.mean[(e-1)*p+j]
				}
				if s.cause[i] > 1 {
					v -= a.risk[i] / s.keep[i] * (z*(k[m]-k[e]) - (km[m*p+j] - km[e*p+j]))
				}
				if s.cause[i] == 0 {
					v += q[j] / n
				}
				u.SetVec(j, v-past[j])
			}
			out.SymRankOne(out, 1, u)
		}
		for i := t[0]; i < t[1]; i++ {
			if s.cause[i] > 1 {
				w := a.risk[i] / s.keep[i]
				other += w
				for j, z := range s.row(i) {
					otherZ[j] += w * z
				}
			}
		}
	}
	return out
}

// Share returns the predicted share with the event by t of a patient with covariates x.
func (f FineGray) Share(x []float64, t float64) float64 {
	eta, h := 0.0, 0.0
	for j, b := range f.Coef {
		eta += b * (x[j] - f.centre[j])
	}
	for i, at := range f.time {
		if at <= t {
			h += f.hazard[i]
		}
	}
	return -math.Expm1(-h * math.Exp(eta))
}
