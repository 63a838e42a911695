package quality

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recoup/analysis"
	"recoup/analysis/internal/fit"
	"recoup/datasets"
	"recoup/simulate/stream"
)

// SitesSettings are the settings of quality/sites.
type SitesSettings struct {
	MeasureSettings
	Covariates []string `opt:"covariates" doc:"columns of the patients to adjust for"`
	Baseline   bool     `opt:"baseline" doc:"adjust for the outcome at baseline too"`
	Nodes      int      `opt:"nodes" doc:"of the quadrature of events; 1: Laplace"`
	Draws      int      `opt:"draws" doc:"of the sites' effects, for their ranks"`
}

// SitesAnalysis is quality/sites: sites by a model with a random intercept.
var SitesAnalysis = analysis.New(analysis.Analysis{
	Name:     "quality/sites",
	Title:    "Sites by a hierarchical model",
	Estimand: "how each site differs from the average site in patients of the same covariates, and how much sites differ at all",
	Doc: `Terms: odds_ratio (events) or effect (values) of each site (in Subgroup) against the average site, shrunken; rank of each site with its interval, 1 the best; tau (SD between sites; its p value tests tau = 0); median_odds_ratio and icc of events, icc of values. The table sites has all of it, the table model the coefficients.
Events: logit P = x b + u, u normal with SD tau, by adaptive Gauss-Hermite quadrature (nodes=1: Laplace). Values: y = x b + u + e, by restricted maximum likelihood. Effects are the modes of u given the data, intervals ± z times the SD of u given data and coefficients: those of lme4's ranef. They are against the average site, not between two sites, whose intervals may overlap though they differ.
Shrinkage draws small sites to the average: it finds few of them, and those it finds are seldom chance. tau of under ten sites is poorly known. p of tau is half of the chi-square p value, for tau cannot be negative. median_odds_ratio = exp(sqrt(2) tau 0.6745); icc = tau²/(tau² + pi²/3), or tau²/(tau² + sigma²).
Ranks: draws of all effects from their distributions, each ranked; the median of a site's ranks and their quantiles at the level asked for. Wide intervals of ranks are the rule: a league table is not warranted by them.
Complete cases of covariates.
R: lme4::glmer(y ~ x + (1 | site), binomial, nAGQ = 9), lme4::lmer(y ~ x + (1 | site)); lme4::ranef(condVar = TRUE).`,
	Refs:  []string{"Goldstein and Spiegelhalter 1996, 10.2307/2983325", "Pinheiro and Bates 1995, 10.1080/10618600.1995.10474663", "Larsen and Merlo 2005, 10.1093/aje/kwi017", "Self and Liang 1987, 10.1080/01621459.1987.10478472"},
	Needs: []datasets.Role{datasets.RoleSite},
}, SitesSettings{MeasureSettings: measureDefaults, Nodes: 9, Draws: 4000}, runSites)

func runSites(ctx context.Context, in analysis.Input, q analysis.Question, o SitesSettings) (analysis.Result, error) {
	if o.Nodes < 1 || o.Nodes > 50 || o.Draws < 100 || o.Draws > 100_000 {
		return analysis.Result{}, fmt.Errorf("%w: expected 1 to 50 nodes and 100 to 100000 draws", analysis.ErrOptions)
	}
	what, err := o.read(in, q)
	if err != nil {
		return analysis.Result{}, err
	}
	d, err := design(in, q, what, RiskSettings{Covariates: o.Covariates, Baseline: o.Baseline})
	if err != nil {
		return analysis.Result{}, err
	}
	of, names, err := siteOf(in.Cohort)
	if err != nil {
		return analysis.Result{}, err
	}
	rows, without := d.bySite(of, len(names))
	r := analysis.Result{Excluded: append(what.excluded, d.excluded...), Warnings: append(what.warnings, d.warnings...)}
	if without > 0 {
		r.Excluded = append(r.Excluded, datasets.Exclusion{Code: analysis.WarnExcluded, Patients: without, Reason: "patients without a site"})
	}
	m, err := fitSites(rows, what, o.Nodes)
	if err != nil {
		return analysis.Result{}, err
	}
	w := sitesWriter{m, rows, names, d, what, named(in.Cohort, q)}
	if n := w.filled(); n < 10 {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: WarnShortSeries, Message: fmt.Sprintf("%d sites: how much sites differ is poorly known under ten, and their effects with it", n)})
	}
	if m.Tau == 0 {
		r.Warnings = append(r.Warnings, analysis.Warning{Code: analysis.WarnNoVariance, Message: "sites differ no more than chance gives, so every site is estimated to be the average one", Cure: "this is no proof that they are alike: look at quality/funnel"})
	}
	ranks, err := Ranks(ctx, m, what.better, o.Draws, q.Seed, q.Level)
	if err != nil {
		return analysis.Result{}, err
	}
	w.write(&r, ranks)
	return r, nil
}

// bySite returns the rows of a model; those without a site are left out.
func (r *risks) bySite(of []int, sites int) (SiteRows, int) {
	rows := SiteRows{Sites: sites, X: make([][]float64, len(r.x))}
	without := 0
	for i, p := range r.patients {
		if of[p] < 0 {
			without++
			continue
		}
		rows.Site, rows.Y = append(rows.Site, of[p]), append(rows.Y, r.y[i])
		for j := range r.x {
			rows.X[j] = append(rows.X[j], r.x[j][i])
		}
	}
	return rows, without
}

// fitSites fits the model, or says why it cannot be.
func fitSites(rows SiteRows, what charted, nodes int) (*Intercepts, error) {
	seen := map[int]bool{}
	for _, s := range rows.Site {
		seen[s] = true
	}
	if len(seen) < 2 {
		return nil, fmt.Errorf("%w: %d site with patients: sites are compared where there are two or more", analysis.ErrCannot, len(seen))
	}
	var m *Intercepts
	var err error
	if what.counts {
		m, err = LogisticIntercepts(rows, nodes)
	} else {
		m, err = LinearIntercepts(rows)
	}
	switch {
	case errors.Is(err, fit.ErrSeparation):
		return nil, fmt.Errorf("%w: covariates foretell the event without fail, or all patients are alike; adjust for less: %w", analysis.ErrCannot, err)
	case errors.Is(err, fit.ErrSingular), errors.Is(err, ErrNoConvergence):
		return nil, fmt.Errorf("%w: %w; adjust for less, or ask for more patients", analysis.ErrCannot, err)
	}
	return m, err
}

// Rank is the place of a site among all, 1 the best.
type Rank struct {
	Median, Low, High float64
	First             float64 // share of draws in which it is the best
}

// Ranks draws all sites' effects from their distributions and ranks them in each draw;
// sites without patients have none (NaN). Better unknown: the highest is first. The
// draws are those of the seed, whatever else is drawn.
//
// Goldstein and Spiegelhalter 1996, 10.2307/2983325.
func Ranks(ctx context.Context, m *Intercepts, better Better, draws int, seed uint64, level float64) ([]Rank, error) {
	var sites []int
	for i, n := range m.Patients {
		if n > 0 {
			sites = append(sites, i)
		}
	}
	places := make([][]float64, len(sites))
	for k := range places {
		places[k] = make([]float64, draws)
	}
	from := stream.New(seed, "quality/ranks")
	drawn, order := make([]float64, len(sites)), make([]int, len(sites))
	for d := range draws {
		if d%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		for k, s := range sites {
			order[k] = k
			drawn[k] = m.Effect[s] + m.EffectSE[s]*from.Sub(uint64(s)).Norm(uint64(d))
			if m.EffectSE[s] == 0 { // sites that are alike: chance alone orders them
				drawn[k] = from.Sub(uint64(s)).Norm(uint64(d))
			}
			if better != BetterLower {
				drawn[k] = -drawn[k]
			}
		}
		slices.SortFunc(order, func(a, b int) int {
			switch {
			case drawn[a] < drawn[b]:
				return -1
			case drawn[a] > drawn[b]:
				return 1
			}
			return a - b
		})
		for place, k := range order {
			places[k][d] = float64(place + 1)
		}
	}
	nan := math.NaN()
	out := slices.Repeat([]Rank{{nan, nan, nan, nan}}, len(m.Patients))
	for k, s := range sites {
		first := 0.0
		for _, v := range places[k] {
			if v == 1 {
				first++
			}
		}
		out[s] = Rank{fit.Quantile(places[k], 0.5), fit.Quantile(places[k], (1-level)/2), fit.Quantile(places[k], 1-(1-level)/2), first / float64(draws)}
	}
	return out, nil
}

// sitesWriter writes a comparison of sites as a result.
type sitesWriter struct {
	m     *Intercepts
	rows  SiteRows
	names []string
	d     *risks
	what  charted
	q     analysis.Question
}

func (w sitesWriter) filled() int {
	n := 0
	for _, v := range w.m.Patients {
		if v > 0 {
			n++
		}
	}
	return n
}

func (w sitesWriter) method() analysis.Method {
	if w.what.counts {
		return analysis.Method{Name: fmt.Sprintf("logistic model with a random intercept of site, adaptive quadrature of %d nodes, largest score %.1g; interval given the coefficients", w.m.Nodes, w.m.Gradient), R: "lme4::glmer(y ~ x + (1 | site), binomial, nAGQ = nodes)", Ref: "Pinheiro and Bates 1995, 10.1080/10618600.1995.10474663"}
	}
	return analysis.Method{Name: "linear model with a random intercept of site, restricted maximum likelihood; interval given the coefficients", R: "lme4::lmer(y ~ x + (1 | site))", Ref: "Goldstein and Spiegelhalter 1996, 10.2307/2983325"}
}

// effect is a site's effect on the scale that is shown.
func (w sitesWriter) effect(i int) analysis.Estimate {
	e := start("effect", analysis.ScaleDifference, w.q)
	v, se := w.m.Effect[i], w.m.EffectSE[i]
	e.Value, e.SE, e.CI, e.Unit = analysis.Num(v), analysis.Num(se), analysis.NormalInterval(v, se, w.q.Level), w.what.unit
	if w.what.counts {
		e = start("odds_ratio", analysis.ScaleRatio, w.q)
		e.Value, e.CI = analysis.Num(math.Exp(v)), analysis.LogInterval(math.Exp(v), se, w.q.Level)
	}
	e.Subgroup, e.Method = within(w.q, "site "+w.names[i]), w.method()
	return e
}

func (w sitesWriter) write(r *analysis.Result, ranks []Rank) {
	events := make([]int, len(w.names))
	for i, s := range w.rows.Site {
		if w.what.counts {
			events[s] += int(w.rows.Y[i])
		}
	}
	name := "effect"
	if w.what.counts {
		name = "odds_ratio"
	}
	t := analysis.Table{Name: "sites", Title: "Sites", Columns: []string{"site", "n", "events", name, "low", "high", "rank", "rank_low", "rank_high", "first"}, Notes: []string{w.what.words, w.method().Name}}
	var ranked []analysis.Estimate
	for i, site := range w.names {
		n := analysis.N{Arm: int(w.m.Patients[i]), Events: events[i]}
		counted := analysis.Number(float64(events[i]))
		if !w.what.counts {
			counted = analysis.Number(math.NaN())
		}
		e := w.effect(i)
		if n.Arm == 0 {
			e.Value, e.SE, e.CI = analysis.None, analysis.None, analysis.NoInterval
		}
		e.N = n
		r.Estimates = append(r.Estimates, nobody(e))
		k := start("rank", analysis.ScaleCount, w.q)
		k.Subgroup, k.N, k.Value = e.Subgroup, n, analysis.Num(ranks[i].Median)
		k.Method = analysis.Method{Name: "median rank in draws of all effects, 1 the best", Ref: "Goldstein and Spiegelhalter 1996, 10.2307/2983325"}
		if n.Arm > 0 {
			k.CI = analysis.NewInterval("quantiles of draws", ranks[i].Low, ranks[i].High, w.q.Level)
		}
		ranked = append(ranked, nobody(k))
		t.Rows = append(t.Rows, []analysis.Value{analysis.Text(site), analysis.Number(float64(n.Arm)), counted, num(e.Value), num(e.CI.Low), num(e.CI.High), analysis.Number(ranks[i].Median), analysis.Number(ranks[i].Low), analysis.Number(ranks[i].High), analysis.Number(ranks[i].First)})
	}
	r.Estimates = append(r.Estimates, ranked...)
	w.between(r)
	for i := range r.Estimates {
		r.Estimates[i].Definition = w.what.words
	}
	m := analysis.Table{Name: "model", Title: "Coefficients", Columns: []string{"column", "coefficient", "std_error"}}
	for j, c := range w.d.names() {
		m.Rows = append(m.Rows, []analysis.Value{analysis.Text(c), analysis.Number(w.m.Coef[j]), analysis.Number(w.m.SE[j])})
	}
	r.Tables = append(r.Tables, t, m)
}

// between adds how much sites differ.
func (w sitesWriter) between(r *analysis.Result) {
	tau, rest := w.m.Tau, math.Pi*math.Pi/3
	if !w.what.counts {
		rest = w.m.Sigma * w.m.Sigma
	}
	add := func(term string, scale analysis.Scale, v float64) *analysis.Estimate {
		e := start(term, scale, w.q)
		e.Value, e.Method, e.N.Arm = analysis.Num(v), w.method(), len(w.rows.Y)
		r.Estimates = append(r.Estimates, e)
		return &r.Estimates[len(r.Estimates)-1]
	}
	e := add("tau", analysis.ScaleSD, tau)
	e.P, e.SE = analysis.Num(w.m.P()), analysis.Num(w.m.TauSE)
	if w.what.counts {
		add("median_odds_ratio", analysis.ScaleRatio, math.Exp(math.Sqrt2*tau*0.6744897501960817))
	} else {
		e.Unit = w.what.unit
	}
	add("icc", analysis.ScaleProportion, tau*tau/(tau*tau+rest))
}
