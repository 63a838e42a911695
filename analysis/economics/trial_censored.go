package economics

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"recoup/analysis"
	"recoup/analysis/resample"
)

// Places of the statistics of weighted, before the net benefits; those of both arms' means
// come last.
const statCost, statEffect, statBenefit = 0, 1, 2

// censored answers by regressions weighted by the inverse probability of being followed.
func (a *arms) censored(ctx context.Context, in analysis.Input, q analysis.Question, wtp []float64, r analysis.Result, o TrialOptions) (analysis.Result, error) {
	lost := 0
	for _, c := range a.follow.complete {
		if !c {
			lost++
		}
	}
	counts := make([]float64, len(a.cost))
	for i := range counts {
		counts[i] = 1
	}
	beta, err := a.regress(counts)
	if err != nil {
		return r, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	n := statBenefit + len(wtp)
	draws, err := a.bootstrap(ctx, in, n+4, func(counts, values, ses []float64) {
		for k := range values {
			values[k], ses[k] = math.NaN(), math.NaN()
		}
		if b, err := a.regress(counts); err == nil {
			a.statistics(b, wtp, values)
		}
	}, q.Seed, o)
	if err != nil {
		return r, err
	}
	point := make([]float64, n+4)
	a.statistics(beta, wtp, point)
	how := map[string]string{
		CensoringWeighted:    "least squares weighted by the inverse probability of follow-up",
		CensoringPartitioned: "least squares weighted by the inverse probability of follow-up, added up between visits",
	}[o.Censoring] + fmt.Sprintf("; %d of %d patients were not followed to the visit", lost, len(counts))
	var tables []analysis.Table
	r.Estimates, tables = a.answerCensored(how, point, draws, wtp, q, o)
	r.Tables = append(r.Tables, tables...)
	return r, nil
}

// regress returns the coefficients of cost and effect, of patients with counts: those of
// each interval, weighted by the inverse probability of having seen it whole, added up.
//
//	β̂ = Σₖ [Σᵢ wᵢₖ xᵢ xᵢ′]⁻¹ Σᵢ wᵢₖ xᵢ yᵢₖ,   wᵢₖ = Δᵢₖ / K̂(min(Tᵢ, bₖ)−)
//
// with K̂ of the patient's arm. Reference: Lin 2000, 10.1093/biostatistics/1.1.35.
func (a *arms) regress(counts []float64) ([2][]float64, error) {
	p := len(a.x)
	beta := [2][]float64{make([]float64, p), make([]float64, p)}
	curves, err := a.losses(counts)
	if err != nil {
		return beta, err
	}
	for k, b := range a.breaks {
		cross, right := mat.NewSymDense(p, nil), mat.NewDense(p, 2, nil)
		for i, n := range counts {
			w := n * a.follow.weight(curves[int(a.x[1][i])], i, b)
			if w == 0 {
				continue
			}
			for j := range p {
				u := w * a.x[j][i]
				for l := range j + 1 {
					cross.SetSym(j, l, cross.At(j, l)+u*a.x[l][i])
				}
				right.Set(j, 0, right.At(j, 0)+u*a.byInterval[0][k][i])
				right.Set(j, 1, right.At(j, 1)+u*a.byInterval[1][k][i])
			}
		}
		var chol mat.Cholesky
		var fit mat.Dense
		if !chol.Factorize(cross) || !(chol.Cond() < 1e12) || chol.SolveTo(&fit, right) != nil {
			return beta, fmt.Errorf("too few patients were seen to day %g for what is adjusted for, or a covariate repeats another", b)
		}
		for j := range p {
			beta[0][j] += fit.At(j, 0)
			beta[1][j] += fit.At(j, 1)
		}
	}
	return beta, nil
}

// losses are the curves of being followed of the reference and the arm.
func (a *arms) losses(counts []float64) (out [2]survival, err error) {
	for g := range out {
		w := make([]float64, len(counts))
		for i, n := range counts {
			if int(a.x[1][i]) == g {
				w[i] = n
			}
		}
		if out[g] = newSurvival(a.follow.time, not(a.follow.complete), w); out[g].spent() {
			return out, fmt.Errorf("in %s nobody was followed to the visit", a.groups[1-g].Name)
		}
	}
	return out, nil
}

// statistics are what the bootstrap draws: the differences, the net benefits, and the
// means of cost and effect of the arm and the reference.
func (a *arms) statistics(beta [2][]float64, wtp []float64, into []float64) {
	into[statCost], into[statEffect] = beta[0][1], beta[1][1]
	for k, w := range wtp {
		into[statBenefit+k] = w*beta[1][1] - beta[0][1]
	}
	at := statBenefit + len(wtp)
	for j := range beta {
		into[at+2*j], into[at+2*j+1] = beta[j][0]+beta[j][1], beta[j][0]
	}
}

func (a *arms) answerCensored(how string, point []float64, draws []resample.Draws, wtp []float64, q analysis.Question, o TrialOptions) ([]analysis.Estimate, []analysis.Table) {
	var out []analysis.Estimate
	estimate := func(term string, scale analysis.Scale, unit string, k int) analysis.Estimate {
		e := a.start(term, scale, unit)
		e.Method = analysis.Method{Name: fmt.Sprintf("%s; %s interval of %d bootstrap samples, seed %d", how, o.Interval, o.Replicates, q.Seed), Ref: "Lin 2000, 10.1093/biostatistics/1.1.35"}
		e.Value = analysis.Num(point[k])
		se := draws[k].StandardError()
		if !(se > 0) {
			return e.Warn(analysis.WarnNoVariance, "it does not vary between bootstrap samples, so there is no error", "")
		}
		e.SE = analysis.Num(se)
		return draws[k].Onto(e, o.Interval, q.Level, o.Replicates)
	}
	at := statBenefit + len(wtp)
	for j, x := range []struct{ term, unit string }{{"cost_mean", a.costUnit}, {"effect_mean", a.effectUnit}} {
		for g := range a.groups {
			e := estimate(x.term, analysis.ScaleMean, x.unit, at+2*j+g)
			e.Arm, e.Reference, e.N = a.groups[g].Name, "", analysis.N{Arm: a.n[g], Missing: a.missing[g]}
			out = append(out, e)
		}
	}
	cost, effect := estimate("cost_difference", analysis.ScaleDifference, a.costUnit, statCost), estimate("effect_difference", analysis.ScaleDifference, a.effectUnit, statEffect)
	ratio := a.start("icer", analysis.ScaleMean, a.costUnit+" for a unit of effect")
	ratio.Method.Name = how + "; errors of bootstrap samples"
	out = append(out, cost, effect, differences{
		point[statCost], point[statEffect], float64(cost.SE), float64(effect.SE), covarianceOf(draws[statCost].T, draws[statEffect].T), analysis.NormalQuantile(q.Level),
	}.icer(ratio, q.Level))
	for k, w := range wtp {
		e := estimate("net_benefit", analysis.ScaleDifference, a.costUnit, statBenefit+k)
		e.Definition = atWTP(w)
		out = append(out, e, probability(a.start("probability_cost_effective", analysis.ScaleProportion, ""), e.Definition, draws[statBenefit+k]))
	}
	return out, []analysis.Table{a.plane(draws)}
}

// covarianceOf two statistics over the same samples.
func covarianceOf(x, y []float64) float64 {
	if len(x) != len(y) || len(x) < 2 {
		return math.NaN()
	}
	mx, my, sum := mean(x), mean(y), 0.0
	for i := range x {
		sum += (x[i] - mx) * (y[i] - my)
	}
	return sum / float64(len(x)-1)
}
