package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// ScoreOptions say how the propensity score is made.
type ScoreOptions struct {
	CovariateOptions
	Score  string  `opt:"score" doc:"logistic regression by likelihood, by Firth's penalised likelihood, or auto: Firth where covariates separate the arms" choices:"auto|logistic|firth"`
	Trim   string  `opt:"trim" doc:"whom to leave out for want of overlap: fixed keeps scores from trim_at to 1 - trim_at, crump finds that bound from the data (least variance), percentile leaves out scores under that percentile of the arm and over the opposite one of the reference" choices:"none|fixed|crump|percentile"`
	TrimAt float64 `opt:"trim_at" doc:"bound of fixed or percentile as a share; 0: 0.1 for fixed, 0.05 for percentile"`
}

var scoreDefaults = ScoreOptions{CovariateOptions: covariateDefaults, Score: "auto", Trim: "none"}

// Codes of warnings about two arms.
const (
	WarnOverlap    = "no-overlap"      // patients of one arm have no like in the other
	WarnExtreme    = "extreme-weights" // a few patients carry the estimate
	WarnImbalance  = "imbalance"       // the arms still differ in a covariate
	WarnConfounded = "not-allotted"    // nobody allotted the patients by chance
)

// score is a fitted propensity score.
type score struct {
	*design
	e, linear []float64 // by row: probability of the arm, and its logit
	coef, se  []float64 // on the covariates' own scale
	logLik    float64
	firth     bool
	inverse   *mat.SymDense // of the information, of the scaled columns
	t         []float64
}

// fitScore fits the probability of the arm on the covariates.
//
// R: glm(arm ~ covariates, binomial); logistf::logistf where penalised.
func fitScore(s *sample, how string) (*score, error) {
	d := s.design()
	p := &score{design: d, t: s.t, firth: how == "firth"}
	m, err := fit.LogisticWith(s.t, d.x, fit.LogisticOptions{Firth: p.firth})
	if errors.Is(err, fit.ErrSeparation) && how == "auto" {
		p.firth = true
		m, err = fit.LogisticWith(s.t, d.x, fit.LogisticOptions{Firth: true})
	}
	switch {
	case errors.Is(err, fit.ErrSeparation):
		return nil, cannot("covariates separate the arms: %w; pass --set score=firth, or name fewer covariates", err)
	case err != nil:
		return nil, cannot("the propensity score cannot be fitted: %w; leave out a covariate that follows from others, or name fewer", err)
	}
	p.inverse, _ = m.Covariance(fit.CovModel) // this kind has no error
	p.logLik, p.e, p.linear = m.LogLik, m.Fitted(), make([]float64, len(s.t))
	for j, x := range d.x {
		for i, v := range x {
			p.linear[i] += float64(m.Coef[j] * v)
		}
	}
	p.unscale(m.Coef)
	return p, nil
}

// unscale gives the coefficients of the covariates as they are, with their errors.
func (p *score) unscale(b []float64) {
	k := len(b)
	p.coef, p.se = make([]float64, k), make([]float64, k)
	at := mat.NewVecDense(k, nil)
	for j := range k {
		at.Zero()
		at.SetVec(j, 1/p.sd[j])
		if j == 0 {
			for l := 1; l < k; l++ {
				at.SetVec(l, -p.mean[l]/p.sd[l])
			}
		}
		p.coef[j] = mat.Dot(at, mat.NewVecDense(k, b))
		p.se[j] = math.Sqrt(mat.Inner(at, p.inverse, at))
	}
}

// concordance is the chance that a patient of the arm has a higher score than one of
// the reference, ties half.
func (p *score) concordance() float64 {
	ranks, _ := fit.Ranks(p.linear)
	sum, n := 0.0, 0.0
	for i, v := range p.t {
		if v == 1 {
			sum += ranks[i]
			n++
		}
	}
	return (sum - n*(n+1)/2) / (n * (float64(len(p.t)) - n))
}

// correction returns what a score that was estimated adds to the influence of each
// row on an estimate: g is the derivative of the estimate by each row's weight, and
// slope that of the weight by the row's linear predictor.
//
//	Σⱼ gⱼ slopeⱼ xⱼ' I⁻¹ xᵢ (tᵢ - eᵢ)
func (p *score) correction(g, slope []float64) []float64 {
	k := len(p.x)
	c := mat.NewVecDense(k, nil)
	for j, x := range p.x {
		sum := 0.0
		for i, v := range x {
			sum += float64(g[i] * slope[i] * v)
		}
		c.SetVec(j, sum)
	}
	var v mat.VecDense
	v.MulVec(p.inverse, c)
	out := make([]float64, len(g))
	for j, x := range p.x {
		for i := range out {
			out[i] += float64(x[i] * v.AtVec(j))
		}
	}
	for i := range out {
		out[i] *= p.t[i] - p.e[i]
	}
	return out
}

// scored fits the score, leaves out those whom the trimming rule leaves out, and fits
// it anew to the rest. The sample that comes back is those who are left.
func scored(s *sample, o ScoreOptions) (*sample, *score, error) {
	if o.TrimAt < 0 || o.TrimAt >= 0.5 {
		return nil, nil, badOption("trim_at: expected a share of at least 0 and under 0.5")
	}
	p, err := fitScore(s, o.Score)
	if err != nil {
		return nil, nil, err
	}
	if o.Trim != "none" {
		low, high := trimBounds(p, o)
		keep, out := make([]bool, len(s.t)), [2]int{}
		for i, e := range p.e {
			if keep[i] = e >= low && e <= high; !keep[i] {
				out[1-int(s.t[i])]++
			}
		}
		if out[0]+out[1] > 0 {
			s = s.only(keep)
			s.excluded = append(slices.Clip(s.excluded), datasets.Exclusion{
				Code: analysis.WarnExcluded, Patients: out[0] + out[1],
				Reason: fmt.Sprintf("trimmed: score under %.3g or over %.3g (%d of the arm, %d of the reference)", low, high, out[0], out[1]),
			})
			if s.n[0] == 0 || s.n[1] == 0 {
				return nil, nil, cannot("trimming leaves %d patients in the arm and %d in the reference: the arms do not overlap", s.n[0], s.n[1])
			}
			if p, err = fitScore(s, o.Score); err != nil {
				return nil, nil, err
			}
		}
	}
	s.notes(p.design)
	if p.firth && o.Score == "auto" {
		s.warn(analysis.WarnSeparation, "covariates separate the arms, so the score is fitted by Firth's penalised likelihood; where they do, nobody shows what the other treatment would have done", "see the overlap of scores; trim, use overlap weights, or name fewer covariates")
	}
	s.overlap(p)
	return s, p, nil
}

// overlap warns of patients beyond all scores of the other arm.
func (s *sample) overlap(p *score) {
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for i, v := range p.linear {
		a := 1 - int(s.t[i])
		low[a], high[a] = math.Min(low[a], v), math.Max(high[a], v)
	}
	var out [2]int
	for i, v := range p.linear {
		a := 1 - int(s.t[i])
		if v < low[1-a] || v > high[1-a] {
			out[a]++
		}
	}
	if low[0] > high[1] || low[1] > high[0] {
		s.warn(WarnOverlap, "the scores of the two arms do not overlap at all: every comparison is extrapolated", "compare other groups, or name fewer covariates")
	} else if float64(out[0]) > 0.05*float64(s.n[0]) || float64(out[1]) > 0.05*float64(s.n[1]) {
		s.warn(WarnOverlap, fmt.Sprintf("%d of the arm and %d of the reference have scores beyond every one of the other arm", out[0], out[1]), "trim them, or use overlap weights")
	}
}

// trimBounds returns the lowest and the highest score that is kept.
func trimBounds(p *score, o ScoreOptions) (low, high float64) {
	at := o.TrimAt
	switch o.Trim {
	case "crump":
		at = crump(p.e)
		return at, 1 - at
	case "percentile":
		if at == 0 {
			at = 0.05
		}
		var arm, reference []float64
		for i, e := range p.e {
			if p.t[i] == 1 {
				arm = append(arm, e)
			} else {
				reference = append(reference, e)
			}
		}
		slices.Sort(arm)
		slices.Sort(reference)
		return fit.Quantile(arm, at), fit.Quantile(reference, 1-at)
	}
	if at == 0 {
		at = 0.1
	}
	return at, 1 - at
}

// crump returns the bound α that gives the average effect in those from α to 1-α the
// least variance, by Crump, Hotz, Imbens and Mitnik: the largest set in which
// 1/(e(1-e)) is at most twice its mean there.
//
// 10.1093/biomet/asn055
func crump(e []float64) float64 {
	g := make([]float64, len(e))
	for i, v := range e {
		g[i] = 1 / (v * (1 - v))
	}
	slices.Sort(g)
	sum, bound := 0.0, 0.0
	for i, v := range g {
		sum += v
		if i+1 < len(g) && g[i+1] == v {
			continue
		}
		if v <= 2*sum/float64(i+1) {
			bound = v
		}
	}
	if bound == g[len(g)-1] {
		return 0
	}
	// a shade outside the bound, so that rounding does not leave out who is on it
	return (0.5 - math.Sqrt(0.25-1/bound)) * (1 - 1e-12)
}
