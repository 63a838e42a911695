package effect

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
)

// ContrastsOptions are the settings of effect/contrasts.
type ContrastsOptions struct {
	Against    string   `opt:"against" doc:"the arm that every other is compared with; empty for every pair of arms"`
	Adjust     string   `opt:"adjust" doc:"for the number of comparisons; tukey for all pairs, dunnett for one reference and scheffe for every contrast that can be thought of have intervals that hold together" choices:"holm|hochberg|hommel|bonferroni|sidak|tukey|dunnett|scheffe|bh|by|none"`
	Covariates []string `opt:"covariates" doc:"further columns to adjust for, from a table of one row a patient; text columns become indicators of their levels"`
	Errors     string   `opt:"errors" doc:"standard errors, as in effect/ancova" choices:"model|HC0|HC1|HC2|HC3|CR0|cluster|CR2"`
	Weights    string   `opt:"weights" doc:"how levels of text covariates count in adjusted means" choices:"proportional|equal"`
}

// Contrasts is effect/contrasts: several arms compared in one model, with the
// number of comparisons allowed for.
var Contrasts = analysis.New(analysis.Analysis{
	Name:     "effect/contrasts",
	Title:    "Comparisons among all arms, adjusted for baseline and for their number",
	Estimand: "difference in the mean outcome at the visit between arms, for patients alike at baseline, for every pair or against one arm",
	Doc: `Linear model of effect/ancova with every arm in it: outcome at visit = arm + outcome at baseline + covariates.
Terms: adjusted_mean of each arm; contrast for each comparison (arm minus reference).
adjust=holm (the default), hochberg, hommel, bonferroni, sidak, bh and by change p alone, as R's p.adjust; of these bonferroni and sidak widen the intervals too, and the other intervals are of each comparison alone, which the interval's kind says.
adjust=tukey (all pairs, studentised range) and dunnett (against one arm, multivariate t) give p and intervals that hold for all comparisons together. Tukey is exact for arms of equal size and conservative else (Tukey-Kramer); dunnett takes correlations as products of factors, which is exact for two comparisons, and for more without covariates; else the largest miss is warned of.
adjust=scheffe has p = P(F > t²/(arms - 1)) and half-widths √((arms - 1) F): wider than tukey for pairs, and right too for contrasts chosen after seeing the data.
Missing values: complete cases. The arms asked about in the question are not used: all are compared.
R: emmeans::contrast(emmeans(fit, "arm"), "pairwise", adjust); multcomp::glht(fit, mcp(arm = "Dunnett")); p.adjust.`,
	Refs:   []string{"Holm 1979, scandinavian journal of statistics 6:65", "Hommel 1988, 10.1093/biomet/75.2.383", "Benjamini and Hochberg 1995, 10.1111/j.2517-6161.1995.tb02031.x", "Dunnett 1955, 10.1080/01621459.1955.10501294", "Kramer 1956, 10.2307/3001469", "Scheffé 1953, 10.1093/biomet/40.1-2.87"},
	Needs:  []datasets.Role{datasets.RoleOutcome, datasets.RoleVisit, datasets.RoleArm},
	Narrow: true,
}, ContrastsOptions{Adjust: "holm", Errors: fit.CovModel, Weights: "proportional"}, contrastsOfArms)

func contrastsOfArms(_ context.Context, in analysis.Input, q analysis.Question, o ContrastsOptions) (analysis.Result, error) {
	if q.Arm != "" || q.Reference != "" {
		return analysis.Result{}, fmt.Errorf("%w: every arm is compared; leave out --arm and --reference, and name one arm to compare with by --set against=NAME", analysis.ErrOptions)
	}
	if o.Adjust == "tukey" && o.Against != "" || o.Adjust == "dunnett" && o.Against == "" {
		return analysis.Result{}, fmt.Errorf("%w: adjust=tukey compares every pair, and adjust=dunnett needs against=ARM", analysis.ErrOptions)
	}
	p, groups, r, err := begin(in, q)
	if err != nil {
		return r, err
	}
	if len(groups) < 2 {
		return r, fmt.Errorf("%w: a comparison needs two arms, and the cohort has one", analysis.ErrCannot)
	}
	pairs, err := pairsOf(in, groups, o.Against)
	if err != nil {
		return r, err
	}
	d, err := newDesign(in, groups, p, AncovaOptions{Covariates: o.Covariates, Errors: o.Errors, Weights: o.Weights})
	if err != nil {
		return r, err
	}
	for i, n := range d.n {
		if n < 2 {
			return r, fmt.Errorf("%w: the arm %q has %d patients with outcome, baseline and covariates, and needs two", analysis.ErrCannot, groups[i].Name, n)
		}
	}
	d.shift()
	f, err := fit.LeastSquares(d.y, d.x)
	if err != nil {
		return r, fmt.Errorf("%w: %w; leave out a covariate that repeats another", analysis.ErrCannot, err)
	}
	contrast, ws, err := d.contrasts(f, o.Errors, q.Level)
	if err != nil {
		return r, err
	}
	r.Warnings = append(r.Warnings, ws...)
	method := analysis.Method{Name: "least squares on arm, baseline" + listed(o.Covariates) + "; " + o.Errors + " errors; complete cases", R: `emmeans::emmeans(lm(visit ~ arm + baseline), "arm")`, Ref: "Vickers and Altman 2001, 10.1136/bmj.323.7321.1123"}
	for i, g := range groups {
		m := start("adjusted_mean", analysis.ScaleMean, g, nil, p)
		m.Unit, m.N, m.Method = p.Field.Unit, analysis.N{Arm: d.n[i]}, method
		m = contrast(m, d.at(i, len(groups), o.Weights))
		m = d.lift(m)
		m.Statistic, m.P = analysis.None, analysis.None
		r.Estimates = append(r.Estimates, m)
	}
	var family []analysis.Estimate
	var cs [][]float64
	for _, pair := range pairs {
		e := start("contrast", analysis.ScaleDifference, groups[pair[0]], &groups[pair[1]], p)
		e.Unit, e.N, e.Method = p.Field.Unit, analysis.N{Arm: d.n[pair[0]], Reference: d.n[pair[1]], Missing: d.missing}, method
		e.Method.Name += fmt.Sprintf("; p adjusted by %s for %d comparisons", o.Adjust, len(pairs))
		c := d.at(pair[0], len(groups), o.Weights)
		for j, v := range d.at(pair[1], len(groups), o.Weights) {
			c[j] -= v
		}
		family, cs = append(family, contrast(e, c)), append(cs, c)
	}
	family, ws = adjusted(family, cs, f, d, len(groups), q.Level, o)
	r.Warnings = append(r.Warnings, ws...)
	r.Estimates = append(r.Estimates, family...)
	return r, nil
}

// at returns the point of a group's adjusted mean.
func (d *design) at(group, groups int, weights string) []float64 {
	c := append([]float64(nil), d.centre(weights)...)
	for j := range groups - 1 {
		c[j+1] = 0
	}
	if group < groups-1 {
		c[group+1] = 1
	}
	return c
}

func pairsOf(in analysis.Input, groups []analysis.Group, against string) ([][2]int, error) {
	var out [][2]int
	if against != "" {
		ref, err := in.Cohort.Arm(against)
		if err != nil {
			return nil, err
		}
		name := in.Cohort.Arms()[ref].ArmName()
		for i := range groups {
			for j := range groups {
				if groups[j].Name == name && i != j {
					out = append(out, [2]int{i, j})
				}
			}
		}
		return out, nil
	}
	for i := range groups {
		for j := i + 1; j < len(groups); j++ {
			out = append(out, [2]int{i, j})
		}
	}
	return out, nil
}

// adjusted writes the adjusted p values and the intervals that go with them.
func adjusted(family []analysis.Estimate, cs [][]float64, f *fit.Linear, d *design, groups int, level float64, o ContrastsOptions) ([]analysis.Estimate, []analysis.Warning) {
	p := make([]float64, len(family))
	for i, e := range family {
		p[i] = float64(e.P)
	}
	alone := func(e analysis.Estimate) analysis.Interval {
		ci := e.CI
		if ci.Low.OK() && len(family) > 1 {
			ci.Kind += ", of this comparison alone"
		}
		return ci
	}
	m := float64(len(family))
	var ws []analysis.Warning
	var tail func(t, df float64) float64
	switch o.Adjust {
	case "tukey":
		tail = func(t, df float64) float64 { return analysis.TukeyP(math.Sqrt2*t, groups, df) }
	case "dunnett":
		v, _, err := f.Covariance(o.Errors, d.cluster)
		if err != nil {
			return family, nil
		}
		corr := make([][]float64, len(cs))
		for i := range cs {
			for j := range cs {
				corr[i] = append(corr[i], f.Covary(cs[i], cs[j], v)/math.Sqrt(f.Covary(cs[i], cs[i], v)*f.Covary(cs[j], cs[j], v)))
			}
		}
		factors, miss := analysis.Factors(corr)
		if miss > 1e-6 {
			ws = append(ws, analysis.Warning{Code: analysis.WarnAssumption, Message: fmt.Sprintf("correlations of the comparisons were taken as products of factors, which misses them by at most %.2g", miss), Cure: "use adjust=holm, which takes none"})
		}
		tail = func(t, df float64) float64 { return analysis.DunnettP(t, factors, df) }
	case "scheffe":
		k := float64(groups - 1)
		tail = func(t, df float64) float64 { return mathext.RegIncBeta(df/2, k/2, df/(df+t*t)) }
	case "bonferroni":
		tail = func(t, df float64) float64 { return m * analysis.TP(t, df) }
	case "sidak":
		tail = func(t, df float64) float64 { return -math.Expm1(m * math.Log1p(-analysis.TP(t, df))) }
	}
	for i, q := range analysis.AdjustP(o.Adjust, p) {
		e := &family[i]
		if !e.P.OK() {
			continue
		}
		if tail == nil {
			e.P, e.CI = analysis.Num(q), alone(*e)
			continue
		}
		df := float64(e.DF)
		e.P = analysis.Num(math.Min(1, tail(math.Abs(float64(e.Statistic)), df)))
		t := analysis.MaxQuantile(func(t float64) float64 { return tail(t, df) }, level)
		e.CI = analysis.NewInterval("simultaneous, "+o.Adjust, float64(e.Value)-t*float64(e.SE), float64(e.Value)+t*float64(e.SE), level)
	}
	return family, ws
}
