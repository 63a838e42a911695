package effect

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/mathext"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// SubgroupsOptions are the settings of effect/subgroups.
type SubgroupsOptions struct {
	By         string   `opt:"by" doc:"a text column of a table of one row a patient whose levels are the subgroups; empty for the site"`
	Covariates []string `opt:"covariates" doc:"further columns to adjust for, from a table of one row a patient"`
	Errors     string   `opt:"errors" doc:"standard errors, as in effect/ancova" choices:"model|HC0|HC1|HC2|HC3"`
}

// Subgroups is effect/subgroups: the adjusted difference in each level of a
// column, and the test whether the levels differ.
var Subgroups = analysis.New(analysis.Analysis{
	Name:     "effect/subgroups",
	Title:    "Effect by subgroup, with the test of interaction (forest)",
	Estimand: "difference between arm and reference in the mean outcome at the visit, for patients alike at baseline, in each subgroup; and whether it differs among them",
	Doc: `Linear model: outcome at visit = arm × subgroup + outcome at baseline + covariates, one error for all.
Terms: overall (without the interaction), difference in each subgroup (named in Subgroup), interaction (F test that all subgroups have the same difference; the value is F). Series forest: a point for each subgroup, and one for all.
Read the interaction, not which subgroup is significant: with k subgroups and no effect anywhere one is significant by chance with probability 1 - 0.95^k. Intervals are of each subgroup alone.
Missing values: complete cases; patients without a subgroup are left out. A subgroup without two patients in each arm is left out of the model, and named in a warning. An arm and a reference must be asked for.
R: fit <- lm(visit ~ arm * subgroup + baseline); anova(lm(visit ~ arm + subgroup + baseline), fit).`,
	Refs:   []string{"Assmann, Pocock, Enos and Kasten 2000, 10.1016/S0140-6736(00)02039-0", "Wang, Lagakos, Ware, Hunter and Drazen 2007, 10.1056/NEJMsr077003"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, SubgroupsOptions{Errors: fit.CovModel}, subgroups)

func subgroups(_ context.Context, in analysis.Input, q analysis.Question, o SubgroupsOptions) (analysis.Result, error) {
	p, groups, r, err := compared(in, q)
	if err != nil {
		return r, err
	}
	name := o.By
	if name == "" {
		name = "site"
	}
	codes, levels, err := strataOf(in, o.By)
	if err != nil {
		return r, err
	}
	ancovaOptions := AncovaOptions{Covariates: o.Covariates, Errors: o.Errors, Weights: "proportional"}
	count := make([][2]int, len(levels))
	for i, g := range groups {
		for _, k := range g.Patients {
			if codes[k] >= 0 && p.Before[k] == p.Before[k] && p.After[k] == p.After[k] {
				count[codes[k]][i]++
			}
		}
	}
	var used []int
	for l, n := range count {
		switch {
		case n[0] >= 2 && n[1] >= 2:
			used = append(used, l)
		case n[0]+n[1] > 0:
			r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnTooFew, Message: fmt.Sprintf("%s %s has %d and %d patients with both values in the arms, and is left out", name, levels[l], n[0], n[1]), Cure: "use wider subgroups"})
		}
	}
	if len(used) < 2 {
		return r, fmt.Errorf("%w: a comparison of subgroups needs two with two patients in each arm; %d have", analysis.ErrCannot, len(used))
	}
	keep := make([]analysis.Group, 2) // patients of the subgroups used
	var level []int                   // of each row of the design, by position in used
	for i, g := range groups {
		keep[i] = analysis.Group{Name: g.Name}
		for _, k := range g.Patients {
			for _, l := range used {
				if int(codes[k]) == l {
					keep[i].Patients = append(keep[i].Patients, k)
				}
			}
		}
	}
	d, err := newDesign(in, keep, p, ancovaOptions)
	if err != nil {
		return r, err
	}
	for _, k := range d.patients {
		for at, l := range used {
			if int(codes[k]) == l {
				level = append(level, at)
			}
		}
	}
	d.shift()
	base := append([][]float64(nil), d.x...)
	for l := 1; l < len(used); l++ {
		base = append(base, indicator(level, l))
	}
	whole, err := fit.LeastSquares(d.y, base)
	if err != nil {
		return r, fmt.Errorf("%w: %w; leave out a covariate that repeats another or the subgroup", analysis.ErrCannot, err)
	}
	x := base
	for l := 1; l < len(used); l++ {
		col := indicator(level, l)
		for i := range col {
			col[i] *= d.x[1][i]
		}
		x = append(x, col)
	}
	f, err := fit.LeastSquares(d.y, x)
	if err != nil {
		return r, fmt.Errorf("%w: %w; leave out a covariate that repeats another or the subgroup", analysis.ErrCannot, err)
	}
	row := func(term, sub string, n analysis.N) analysis.Estimate {
		e := start(term, analysis.ScaleDifference, groups[0], &groups[1], p)
		if e.Unit, e.N = p.Field.Unit, n; sub != "" {
			e.Subgroup = name + " = " + sub
			if q.Subgroup != "" {
				e.Subgroup = q.Subgroup + " and " + e.Subgroup
			}
		}
		e.Method = analysis.Method{Name: "least squares on arm × " + name + ", baseline" + listed(o.Covariates) + "; " + o.Errors + " errors; complete cases", R: "lm(visit ~ arm * subgroup + baseline)", Ref: "Wang and others 2007, 10.1056/NEJMsr077003"}
		return e
	}
	point := func(at int, group string, e analysis.Estimate) {
		r.Series = append(r.Series, analysis.Series{Name: "forest", Group: group, XUnit: "row", YUnit: p.Field.Unit, Points: []analysis.Point{{X: analysis.Num(at), Y: e.Value, Low: e.CI.Low, High: e.CI.High, N: e.N.Arm + e.N.Reference}}})
	}
	v0, df0, err := whole.Covariance(o.Errors, nil)
	if err != nil {
		return r, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	c := make([]float64, len(base))
	c[1] = 1
	overall := contrastOf(whole, v0, df0, q.Level, row("overall", "", analysis.N{Arm: d.n[0], Reference: d.n[1], Missing: d.missing}), c)
	r.Estimates = append(r.Estimates, overall)
	point(0, analysis.All, overall)
	v, df, err := f.Covariance(o.Errors, nil)
	if err != nil {
		return r, fmt.Errorf("%w: %w", analysis.ErrCannot, err)
	}
	for at, l := range used {
		c := make([]float64, len(x))
		c[1] = 1
		if at > 0 {
			c[len(base)+at-1] = 1
		}
		n := analysis.N{}
		for i, k := range level {
			if k == at && d.x[1][i] == 1 {
				n.Arm++
			} else if k == at {
				n.Reference++
			}
		}
		e := contrastOf(f, v, df, q.Level, row("difference", levels[l], n), c)
		r.Estimates = append(r.Estimates, e)
		point(at+1, levels[l], e)
	}
	test := row("interaction", "", overall.N)
	test.Scale, test.Unit = analysis.ScaleCount, ""
	test.Method.Name = "F test that the difference is the same in all subgroups; " + test.Method.Name
	test.Method.R = "anova(lm(visit ~ arm + subgroup + baseline), lm(visit ~ arm * subgroup + baseline))"
	r.Estimates = append(r.Estimates, interaction(test, f, v, df, len(base)))
	return r, nil
}

func indicator(level []int, l int) []float64 {
	out := make([]float64, len(level))
	for i, k := range level {
		if k == l {
			out[i] = 1
		}
	}
	return out
}

// interaction writes the Wald F test that all coefficients from the first on are
// zero.
func interaction(e analysis.Estimate, f *fit.Linear, v *mat.SymDense, df float64, first int) analysis.Estimate {
	k := len(f.Coef) - first
	b, sub := mat.NewVecDense(k, f.Coef[first:]), mat.NewSymDense(k, nil)
	for i := range k {
		for j := i; j < k; j++ {
			sub.SetSym(i, j, v.At(first+i, first+j))
		}
	}
	var chol mat.Cholesky
	var solved mat.VecDense
	if !chol.Factorize(sub) || chol.SolveVecTo(&solved, b) != nil {
		return e.Warn(analysis.WarnNoVariance, "the model fits without error, so there is no test", "")
	}
	stat := mat.Dot(b, &solved) / float64(k)
	e.Value, e.Statistic, e.DF = analysis.Num(stat), analysis.Num(stat), analysis.Num(k)
	e.P = analysis.Num(mathext.RegIncBeta(df/2, float64(k)/2, df/(df+float64(k)*stat)))
	if math.IsNaN(stat) {
		return e.Warn(analysis.WarnNoVariance, "the model fits without error, so there is no test", "")
	}
	return e
}
